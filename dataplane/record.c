/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/record.h"

#include <errno.h>

#include "bpf/parse.h"

static int check_hit(const struct pk_hit *h, uint32_t bytes)
{
	if (bytes < pk_hit_len(0) || h->text_len > PK_NAME_WIRE)
		return -EBADMSG;
	if (h->head.len != pk_hit_len(h->text_len) || h->role >= PK_ROLES)
		return -EBADMSG;
	if (h->packet.reason >= PK_PARSE_COUNT)
		return -EBADMSG;
	if (h->depth > h->packet.depth || h->packet.depth > PK_DEPTH_MAX)
		return -EBADMSG;
	return 0;
}

static int check_flow(const struct pk_flow *f, uint32_t bytes)
{
	if (bytes != sizeof(*f) || f->end >= PK_FLOW_END_COUNT)
		return -EBADMSG;
	if (f->start_ns > f->end_ns)
		return -EBADMSG;
	return 0;
}

int pk_record_check(const struct pk_record *r, uint32_t bytes)
{
	if (bytes < sizeof(*r) || bytes > PK_RECORD_MAX || bytes % 8)
		return -EBADMSG;
	if (r->len != bytes || r->plane >= PK_PLANES || r->direction > PK_OUT ||
	    !r->sampling)
		return -EBADMSG;
	switch (r->type) {
	case PK_RECORD_HIT:
		return check_hit((const struct pk_hit *)r, bytes);
	case PK_RECORD_FLOW:
		return check_flow((const struct pk_flow *)r, bytes);
	case PK_RECORD_MARK:
	case PK_RECORD_END:
		return bytes == sizeof(*r) ? 0 : -EBADMSG;
	default:
		return -EBADMSG;
	}
}
