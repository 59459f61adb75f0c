/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/describe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/embedded.h"

static int has_feed(const struct pk_threat_indicator *out, const char *name)
{
	for (unsigned i = 0; i < out->feeds; i++)
		if (!strncmp(out->feed[i], name, sizeof(out->feed[0]) - 1))
			return 1;
	return 0;
}

static void tell_feed(const struct pk_describe *d, uint16_t feed,
		      struct pk_threat_indicator *out)
{
	const char *name = d->feed_name(d->arg, feed);

	if (out->feeds < PK_THREAT_FEEDS && !has_feed(out, name))
		snprintf(out->feed[out->feeds++], sizeof(out->feed[0]), "%s",
			 name);
}

static void tell_feeds(const struct pk_describe *d, uint32_t slot,
		       struct pk_threat_indicator *out)
{
	uint16_t feeds[PK_THREAT_FEEDS];
	unsigned n = pk_store_feeds(d->store, slot, feeds, PK_THREAT_FEEDS);

	for (unsigned i = 0; i < n && i < PK_THREAT_FEEDS; i++)
		tell_feed(d, feeds[i], out);
}

static void tell(struct pk_threat_indicator *out,
		 const struct pk_indicator *ind)
{
	const struct pk_meta *m = &ind->meta;
	char value[PK_VALUE_TEXT_MAX];

	pk_indicator_print(ind, value);
	snprintf(out->value, sizeof(out->value), "%.*s", PK_THREAT_VALUE - 1,
		 value);
	snprintf(out->type, sizeof(out->type), "%s",
		 pk_indicator_type_word(ind->type));
	snprintf(out->id, sizeof(out->id), "%s", m->id);
	snprintf(out->threat_type, sizeof(out->threat_type), "%s",
		 m->threat_type);
	snprintf(out->class, sizeof(out->class), "%s",
		 pk_threat_class_word(m->threat_class));
	snprintf(out->severity, sizeof(out->severity), "%s",
		 pk_severity_word(m->severity));
	snprintf(out->tlp, sizeof(out->tlp), "%s", pk_tlp_word(m->tlp));
	snprintf(out->tags, sizeof(out->tags), "%s", m->tags);
	snprintf(out->attribution, sizeof(out->attribution), "%s",
		 m->attribution);
	out->expires = m->valid_until;
	out->watch = m->action == PK_ACTION_WATCH;
	/* a listing that does not say how sure it is, is meant */
	out->confidence =
		m->confidence == PK_CONFIDENCE_UNKNOWN ? 100 : m->confidence;
}

/* What was seen, as an indicator to look for. */
static int set_seen(struct pk_indicator *ind, const struct pk_threat_seen *seen)
{
	size_t n;

	pk_indicator_init(ind);
	if (seen->addr) {
		ind->addr = *seen->addr;
		ind->port = seen->port;
		ind->type = seen->port		   ? PK_INDICATOR_IP_PORT
			    : pk_is_v4(seen->addr) ? PK_INDICATOR_IPV4
						   : PK_INDICATOR_IPV6;
		return 0;
	}
	n = *seen->name ? pk_name_length(seen->name, PK_NAME_MAX) : 0;
	if (!n)
		return -EINVAL;
	ind->type = PK_INDICATOR_DOMAIN;
	ind->value_len = (uint16_t)n;
	memcpy(ind->value, seen->name, n);
	return 0;
}

static int covers_addr(const struct pk_indicator *ind,
		       const struct pk_threat_seen *seen)
{
	switch (ind->type) {
	case PK_INDICATOR_IP_PORT:
		if (ind->port != seen->port)
			return 0;
		__attribute__((fallthrough));
	case PK_INDICATOR_IPV4:
	case PK_INDICATOR_IPV6:
		return !memcmp(&ind->addr, seen->addr, sizeof(ind->addr));
	case PK_INDICATOR_IPV4_NET:
	case PK_INDICATOR_IPV6_NET:
		return pk_is_v4(seen->addr) ==
			       (ind->type == PK_INDICATOR_IPV4_NET) &&
		       pk_addr_in_net(seen->addr, &ind->addr, ind->bits);
	default:
		return 0;
	}
}

static int covers(const struct pk_describe *d, uint32_t slot,
		  const struct pk_indicator *ind,
		  const struct pk_threat_seen *seen)
{
	if (seen->addr)
		return covers_addr(ind, seen);
	return *seen->name && pk_store_covers(d->store, slot, seen->name);
}

static int is_valid(const struct pk_describe *d, const struct pk_meta *m,
		    uint64_t at)
{
	if (m->valid_until && m->valid_until <= at)
		return 0;
	return !d->begins || !at || m->valid_from <= at;
}

/* Is nothing that feeds say of it valid? Of a dead one, what was said last. */
static int is_void(const struct pk_describe *d, uint32_t slot,
		   const struct pk_indicator *ind,
		   const struct pk_threat_seen *seen)
{
	uint64_t at = seen->at_ns / 1000000000;
	uint16_t feeds[PK_THREAT_FEEDS];
	unsigned n = pk_store_feeds(d->store, slot, feeds, PK_THREAT_FEEDS);
	struct pk_meta m = ind->meta;

	if (is_valid(d, &m, at))
		return 0;
	for (unsigned i = 0; i < n && i < PK_THREAT_FEEDS; i++)
		if (!pk_store_meta(d->store, slot, feeds[i], &m) &&
		    is_valid(d, &m, at))
			return 0;
	return n <= PK_THREAT_FEEDS; /* the rest may say otherwise */
}

/* Keep those that are valid. */
static unsigned drop_void(const struct pk_describe *d,
			  const struct pk_threat_seen *seen, uint32_t *slots,
			  unsigned n)
{
	struct pk_indicator ind;
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++)
		if (!pk_store_get(d->store, slots[i], &ind) &&
		    !is_void(d, slots[i], &ind, seen))
			slots[kept++] = slots[i];
	return kept;
}

static int describe_own(const struct pk_describe *d,
			const struct pk_threat_seen *seen,
			struct pk_threat_indicator *out)
{
	uint32_t slots[PK_STORE_COVERS];
	struct pk_indicator ind, value;
	int known = seen->slot && !pk_store_get(d->store, seen->slot, &ind);
	int hit = known && covers(d, seen->slot, &ind, seen);
	int none = hit && is_void(d, seen->slot, &ind, seen);
	unsigned n = 0, all = 0;

	if (!set_seen(&value, seen))
		all = pk_store_cover(d->store, &value, slots, PK_STORE_COVERS);
	n = drop_void(d, seen, slots, all);
	hit = hit && !none;
	if (!hit && !n)
		return none || all ? -ETIME : known ? -ESTALE : -ENOENT;
	if (!hit && pk_store_get(d->store, slots[0], &ind))
		return -ENOENT;
	memset(out, 0, sizeof(*out));
	tell(out, &ind);
	tell_feed(d, ind.feed, out);
	for (unsigned i = 0; i < n; i++)
		tell_feeds(d, slots[i], out);
	return 0;
}

/* As the look-up does it: what an address carries comes after itself. */
int pk_describe(const struct pk_describe *d, const struct pk_threat_seen *seen,
		struct pk_threat_indicator *out)
{
	struct pk_threat_seen carried = *seen;
	enum pk_embedded_kind kind;
	int err = describe_own(d, seen, out), inner;
	union pk_addr v4;

	if (!seen->addr)
		return err;
	if (!err && seen->ip6 && pk_is_v4(seen->addr))
		out->embedded = PK_EMBEDDED_MAPPED;
	kind = pk_embedded(seen->addr, &v4);
	if (!err || !kind)
		return err;
	carried.addr = &v4;
	inner = describe_own(d, &carried, out);
	if (inner)
		return inner == -ETIME ? inner : err;
	out->embedded = (uint8_t)kind;
	return 0;
}
