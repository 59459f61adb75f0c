/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl_parse: the bytes of a request on the control socket (control/ctl/ctl.h).
 *
 * A line becomes a request, heads of chunks drive an upload. Everything comes
 * from a client and is checked here; nothing is read ahead and nothing is
 * kept but what the structs show. No I/O.
 */
#ifndef PK_CONTROL_CTL_PARSE_H
#define PK_CONTROL_CTL_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "control/ctl/ctl.h"

enum { PK_CTL_OP = 64, PK_CTL_MESSAGE = 512, PK_CTL_CHUNK_HEAD = 8 };

struct pk_ctl_request {
	char op[PK_CTL_OP]; /* "" until it was read */
	struct json_object *args;
	uint64_t bytes; /* of the upload that follows */
};

struct pk_ctl_refusal {
	enum pk_ctl_code code;
	char message[PK_CTL_MESSAGE];
};

/*
 * Parse a line, without its LF. 0, or -EINVAL with @why filled. Either way
 * pk_ctl_request_fini() frees what @out holds.
 */
int pk_ctl_request_parse(struct pk_ctl_request *out, const char *line,
			 size_t len, struct pk_ctl_refusal *why);
void pk_ctl_request_fini(struct pk_ctl_request *r);

/* An upload of @bytes. Zeroed but for @bytes is its first state. */
struct pk_ctl_upload {
	uint64_t bytes;
	uint64_t begun; /* bytes of all chunks so far, the current one whole */
	uint32_t next;	/* number of the next chunk */
	uint32_t left;	/* bytes of the current chunk still to come */
};

/*
 * The head of the next chunk, when nothing is left of the last: sets @left.
 * 0, or -EINVAL with @why filled.
 */
int pk_ctl_upload_head(struct pk_ctl_upload *u,
		       const uint8_t head[PK_CTL_CHUNK_HEAD],
		       struct pk_ctl_refusal *why);

/* Whether everything has come. */
bool pk_ctl_upload_done(const struct pk_ctl_upload *u);

#endif /* PK_CONTROL_CTL_PARSE_H */
