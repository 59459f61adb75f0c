/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/describe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void tell_feeds(const struct pk_describe *d, uint32_t slot,
		       const struct pk_indicator *ind,
		       struct pk_threat_indicator *out)
{
	uint16_t feeds[PK_THREAT_FEEDS];
	unsigned n = pk_store_feeds(d->store, slot, feeds, PK_THREAT_FEEDS);

	if (!n) { /* withdrawn meanwhile: the feed it came from */
		feeds[0] = ind->feed;
		n = 1;
	}
	for (unsigned i = 0; i < n && i < PK_THREAT_FEEDS; i++)
		snprintf(out->feed[out->feeds++], sizeof(out->feed[0]), "%s",
			 d->feed_name(d->arg, feeds[i]));
}

int pk_describe_slot(const struct pk_describe *d, uint32_t slot,
		     struct pk_threat_indicator *out)
{
	struct pk_indicator ind;
	char value[PK_VALUE_TEXT_MAX];
	int err = pk_store_get(d->store, slot, &ind);

	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	pk_indicator_print(&ind, value);
	snprintf(out->value, sizeof(out->value), "%s", value);
	snprintf(out->type, sizeof(out->type), "%s",
		 pk_indicator_type_word(ind.type));
	if (ind.id)
		snprintf(out->id, sizeof(out->id), "%llu",
			 (unsigned long long)ind.id);
	snprintf(out->threat_type, sizeof(out->threat_type), "%s",
		 ind.threat_type);
	out->confidence = 100;
	tell_feeds(d, slot, &ind, out);
	return 0;
}

int pk_describe_addr(const struct pk_describe *d, const union pk_addr *addr,
		     struct pk_threat_indicator *out)
{
	struct pk_indicator ind;
	uint32_t slot;

	pk_indicator_init(&ind);
	ind.addr = *addr;
	ind.type = pk_is_v4(addr) ? PK_INDICATOR_IPV4 : PK_INDICATOR_IPV6;
	slot = pk_store_find(d->store, &ind);
	return slot ? pk_describe_slot(d, slot, out) : -ENOENT;
}
