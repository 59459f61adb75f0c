/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "ioc/store/store_inside.h"

enum { V4_BITS = 32, V6_BITS = 128 };

/* --- one slot ------------------------------------------------------------- */

uint32_t pk_store_find(const struct pk_store *s, const struct pk_indicator *ind)
{
	struct value v;
	uint32_t slot;

	pk_store_value(s, ind, &v);
	slot = pk_store_seek(s, &v);
	return is_live(s, slot) ? slot : 0;
}

static int set_value(const struct pk_store *s, uint32_t slot,
		     struct pk_indicator *out)
{
	struct value v;

	switch (out->type) {
	case PK_INDICATOR_IPV4:
		out->addr =
			(union pk_addr){ .b = { [10] = 0xff, [11] = 0xff } };
		out->addr.w[3] = s->value[slot];
		return 0;
	case PK_INDICATOR_IPV4_NET:
	case PK_INDICATOR_IPV6_NET:
		out->bits = (uint8_t)pk_store_net_of(s, slot, &out->addr);
		return 0;
	case PK_INDICATOR_ASN:
		out->asn = s->value[slot];
		return 0;
	default:
		pk_store_slot_value(s, slot, &v);
		return pk_indicator_set_bytes(out, v.bytes, v.len) ? -ENOENT
								   : 0;
	}
}

int pk_store_get(const struct pk_store *s, uint32_t slot,
		 struct pk_indicator *out)
{
	struct pair_walk w;

	if (!is_known(s, slot))
		return -ENOENT;
	pk_indicator_init(out);
	out->slot = slot;
	out->type = (uint8_t)type_of(s, slot);
	out->match = (uint8_t)match_of(s, slot);
	w = pk_pairs_first(s, slot);
	out->feed = pair_feed(s, w.pair);
	pk_pairs_meta(s, w.pair, &out->meta);
	return set_value(s, slot, out);
}

int pk_store_is_live(const struct pk_store *s, uint32_t slot)
{
	return is_live(s, slot);
}

int pk_store_in_base(const struct pk_store *s, uint32_t slot)
{
	return pk_store_is_live(s, slot) && flags_of(s, slot) & IN_BASE;
}

unsigned pk_store_feeds(const struct pk_store *s, uint32_t slot,
			uint16_t *feeds, unsigned max)
{
	unsigned n = 0;

	if (!is_live(s, slot))
		return 0;
	for (struct pair_walk w = pk_pairs_first(s, slot); w.pair.origin;
	     pk_pairs_next(s, &w), n++)
		if (n < max)
			feeds[n] = pair_feed(s, w.pair);
	return n;
}

int pk_store_meta(const struct pk_store *s, uint32_t slot, uint16_t feed,
		  struct pk_meta *out)
{
	struct pair pair;

	if (!is_live(s, slot))
		return -ENOENT;
	pair = pk_pairs_find(s, slot, feed);
	if (!pair.origin)
		return -ENOENT;
	pk_pairs_meta(s, pair, out);
	return 0;
}

uint32_t pk_store_next(const struct pk_store *s, uint32_t slot)
{
	while (++slot < s->n.items)
		if (is_live(s, slot))
			return slot;
	return 0;
}

/* --- what a slot says of a value ------------------------------------------ */

int pk_store_covers(const struct pk_store *s, uint32_t slot,
		    const uint8_t *wire)
{
	unsigned len = pk_name_length(wire, PK_NAME_MAX), skip = 0, labels = 0;
	struct value v;

	if (!is_known(s, slot) || !len ||
	    type_of(s, slot) != PK_INDICATOR_DOMAIN)
		return 0;
	pk_store_slot_value(s, slot, &v);
	for (; len - skip > v.len; labels++)
		skip += 1U + wire[skip];
	if (len - skip != v.len || memcmp(wire + skip, v.bytes, v.len))
		return 0;
	switch (match_of(s, slot)) {
	case PK_MATCH_EXACT:
		return labels == 0;
	case PK_MATCH_ONE_LABEL:
		return labels == 1;
	default:
		return 1;
	}
}

/* Whatever the word on subdomains. */
static int is_value(const struct pk_store *s, uint32_t slot,
		    const struct value *v)
{
	struct value own;

	if (!is_known(s, slot) || type_of(s, slot) != (v->kind & 15))
		return 0;
	pk_store_slot_value(s, slot, &own);
	return own.packed == v->packed && own.len == v->len &&
	       !(v->len && memcmp(own.bytes, v->bytes, v->len));
}

int pk_store_is_endpoint(const struct pk_store *s, uint32_t slot,
			 const union pk_addr *addr, uint16_t port)
{
	struct value v;
	uint8_t bytes[18];

	memcpy(bytes, addr->b, 16);
	bytes[16] = (uint8_t)(port >> 8);
	bytes[17] = (uint8_t)port;
	pk_store_bytes_value(s, PK_INDICATOR_IP_PORT, bytes, sizeof(bytes), &v);
	return is_value(s, slot, &v);
}

int pk_store_is_value(const struct pk_store *s, uint32_t slot,
		      const struct pk_indicator *ind)
{
	struct value v;

	pk_store_value(s, ind, &v);
	return is_value(s, slot, &v);
}

/* --- what covers a value -------------------------------------------------- */

struct cover {
	const struct pk_store *s;
	uint32_t *slots;
	unsigned n, max;
	uint8_t own; /* kind of the value asked for */
};

static void cover_add(struct cover *c, const struct value *v)
{
	uint32_t slot = pk_store_seek(c->s, v);

	if (c->n < c->max && is_live(c->s, slot))
		c->slots[c->n++] = slot;
}

/* Prefixes around @addr of fewer than @below bits, the longest first. */
static void cover_nets(struct cover *c, const union pk_addr *addr, bool v4,
		       unsigned below)
{
	const uint32_t *nets = c->s->n.nets[!v4];
	struct value v;

	for (unsigned bits = below; bits-- > 0;) {
		if (!nets[bits])
			continue;
		pk_store_net_value(c->s, addr, v4, bits, &v);
		cover_add(c, &v);
	}
}

static void cover_addr(struct cover *c, const union pk_addr *addr)
{
	bool v4 = pk_is_v4(addr);
	struct value v;

	pk_store_addr_value(c->s, addr, &v);
	cover_add(c, &v);
	cover_nets(c, addr, v4, v4 ? V4_BITS : V6_BITS);
}

/* One name under one match, unless that is the value itself. */
static void cover_match(struct cover *c, const uint8_t *wire, unsigned len,
			enum pk_match match, bool whole)
{
	uint8_t kind = kind_of(PK_INDICATOR_DOMAIN, match);
	struct value v;

	if (!c->s->n.by_match[match] || (whole && kind == c->own))
		return;
	pk_store_bytes_value(c->s, kind, wire, len, &v);
	cover_add(c, &v);
}

static void cover_name(struct cover *c, const struct pk_indicator *ind)
{
	unsigned len = pk_name_length(ind->value, ind->value_len), at = 0;

	if (!len)
		return;
	if (ind->match != PK_MATCH_ONE_LABEL)
		cover_match(c, ind->value, len, PK_MATCH_EXACT, true);
	cover_match(c, ind->value, len, PK_MATCH_SUBDOMAINS, true);
	for (unsigned labels = 1; ind->value[at]; labels++) {
		at += 1U + ind->value[at];
		if (labels == 1 && ind->match != PK_MATCH_ONE_LABEL)
			cover_match(c, ind->value + at, len - at,
				    PK_MATCH_ONE_LABEL, false);
		cover_match(c, ind->value + at, len - at, PK_MATCH_SUBDOMAINS,
			    false);
	}
}

/* "https://host/path" is covered by "//host/path". */
static void cover_url(struct cover *c, const struct pk_indicator *ind)
{
	const uint8_t *at = memchr(ind->value, ':', ind->value_len);
	unsigned left;
	struct value v;

	if (!at)
		return;
	left = ind->value_len - (unsigned)(++at - ind->value);
	if (left < 2 || at[0] != '/' || at[1] != '/')
		return;
	pk_store_bytes_value(c->s, PK_INDICATOR_URL, at, left, &v);
	cover_add(c, &v);
}

unsigned pk_store_cover(const struct pk_store *s,
			const struct pk_indicator *ind, uint32_t *slots,
			unsigned max)
{
	struct cover c = { .s = s, .slots = slots, .max = max };
	struct value v;

	pk_store_value(s, ind, &v);
	c.own = v.kind;
	cover_add(&c, &v);
	switch (ind->type) {
	case PK_INDICATOR_IPV4:
		cover_nets(&c, &ind->addr, true, V4_BITS);
		break;
	case PK_INDICATOR_IPV6:
		cover_nets(&c, &ind->addr, false, V6_BITS);
		break;
	case PK_INDICATOR_IPV4_NET:
	case PK_INDICATOR_IPV6_NET:
		cover_nets(&c, &ind->addr, ind->type == PK_INDICATOR_IPV4_NET,
			   ind->bits);
		break;
	case PK_INDICATOR_IP_PORT:
		cover_addr(&c, &ind->addr);
		break;
	case PK_INDICATOR_DOMAIN:
		cover_name(&c, ind);
		break;
	case PK_INDICATOR_URL:
		cover_url(&c, ind);
		break;
	}
	return c.n;
}

uint32_t pk_store_wider(const struct pk_store *s, uint32_t slot)
{
	struct cover c = { .s = s, .slots = &slot, .max = 1 };
	union pk_addr addr;
	unsigned bits;
	bool v4;

	if (!is_known(s, slot))
		return 0;
	v4 = type_of(s, slot) == PK_INDICATOR_IPV4_NET;
	if (!v4 && type_of(s, slot) != PK_INDICATOR_IPV6_NET)
		return 0;
	bits = pk_store_net_of(s, slot, &addr);
	cover_nets(&c, &addr, v4, bits);
	return c.n ? slot : 0;
}
