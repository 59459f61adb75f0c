/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * match: which indicator an endpoint of a packet is.
 *
 * In this order: its address and port, its address, the longest prefix around
 * it; then the same of the IPv4 address that an IPv6 address carries
 * (bpf/embedded.h). A packet that meets nothing costs one filter word an
 * address, and the walk below only if the image has prefixes at all.
 *
 * Prefixes are range tries with a stride of 16 bits, 2 strides for IPv4 and 8
 * for IPv6. An entry is
 *
 *	0                       no prefix covers this
 *	length << 24 | slot     the longest one; length 0 .. 127
 *	PK_NET_INNER | kind | n line n of the trie (from net_line) goes on:
 *	  PK_NET_SAME             ranges of the same 16 bits,
 *	  PK_NET_NEXT             ranges of the next 16 bits,
 *	  PK_NET_TABLE            first of 4,096 lines, 16 entries each, one for
 *	                          every value of the next 16 bits,
 *	  PK_NET_LIST             the few IPv6 prefixes that are left, whatever
 *	                          their lengths: the end
 *
 * A line of ranges holds the last value of its ranges but one in 10 halfwords
 * (unused ones are 0xffff) and 11 entries. A stride takes at most PK_NET_STRIDE
 * lines. A line of a list holds the upper halves of 5 prefixes of at most 64
 * bits, the shortest first, their 5 entries, and the entry where none of them
 * covers; places that are left repeat the first one. (A prefix that is one host
 * is an address and not here.)
 *
 * A delta has a trie of the prefixes that were added, and a table of those of
 * the base that are gone (buckets like those of IPv4, keyed by slot), with the
 * longest prefix that takes their place.
 *
 * IPv4 has a bitmap in front: a bit for each /20 in which a prefix of more than
 * 16 bits begins or which one covers.
 */
#ifndef PK_BPF_MATCH_H
#define PK_BPF_MATCH_H

#include "bpf/embedded.h"
#include "bpf/image.h"

enum {
	PK_NET_ENDS = 10, /* halfwords 0 .. 9 of a line */
	PK_NET_WAYS = 11,
	PK_NET_FIRST = 5, /* words 5 .. 15 are their entries */
	PK_NET_TABLE_LINES = 4096,
	PK_NET_STRIDE = 4,
	PK_NET_STEPS = 8 * PK_NET_STRIDE,
	PK_NET_KIND_SHIFT = 29,
	PK_NET_SAME = 0,
	PK_NET_NEXT = 1,
	PK_NET_TABLE = 2,
	PK_NET_LIST = 3,
	PK_NET_LISTED = 5, /* prefixes in a list */
	PK_NET_LINE = (1 << PK_NET_KIND_SHIFT) - 1,
	PK_NET_LEN_SHIFT = 24,
	PK_NO_PORT = 0, /* no indicator has this port */
};
#define PK_NET_INNER 0x80000000U
#define PK_REMAPPED  0x80000000U /* an id of the remap table is never 0 */

/* All ones if the bit of @entry is set. */
PK_INLINE __u32 pk_net_mask(__u32 entry, __u32 shift)
{
	__u32 bit = entry >> shift & 1;

	PK_OPAQUE(bit);
	return 0 - bit;
}

/* The range of a line that holds @value, 0 .. 10. */
PK_INLINE __u32 pk_net_way(const struct pk_line *line, __u64 value)
{
	__u64 way = 0;

	for (int i = 0; i < PK_NET_ENDS; i++) {
		__u64 beyond = (__u64)line->h[i] - value;

		PK_OPAQUE(beyond);
		way += beyond >> 63;
	}
	return (__u32)way;
}

PK_INLINE __u32 pk_net_value(const union pk_addr *a, __u32 stride)
{
	PK_OPAQUE(stride);
	stride &= 7;
	return (__u32)a->b[2 * stride] << 8 | a->b[2 * stride + 1];
}

/* The last, so the longest, of a list that covers an address. */
PK_INLINE __u32 pk_net_in_list(const struct pk_line *line, __u64 high)
{
	__u32 leaf = line->w[15];

	for (int i = 0; i < PK_NET_LISTED; i++) {
		__u32 entry = line->w[10 + i];
		__u32 outside = (64 - (entry >> PK_NET_LEN_SHIFT)) & 63;
		__u64 covers = pk_mask_if_zero((line->q[i] ^ high) >> outside);

		leaf = (leaf & ~covers) | (entry & covers);
	}
	return leaf;
}

/* Does the walk go on from @entry, with another line of ranges or a table? */
PK_INLINE int pk_net_goes_on(__u32 entry)
{
	return (entry >> PK_NET_KIND_SHIFT) -
		       (PK_NET_INNER >> PK_NET_KIND_SHIFT) <
	       PK_NET_LIST;
}

/*
 * Walk from @entry, whose stride is number @stride of the address, to the leaf:
 * length << 24 | slot, or 0. A trie with a circle ends after PK_NET_STEPS. The
 * kinds are told apart by masks: with branches the verifier would follow every
 * mixture of them.
 */
PK_INLINE __u32 pk_net_walk(pk_image_lines *lines,
			    const struct pk_image_head *h, __u32 entry,
			    const union pk_addr *a, __u32 stride)
{
	const struct pk_line *line;
	__u32 value = 0;

	for (int i = 0; i < PK_NET_STEPS && pk_net_goes_on(entry); i++) {
		__u32 table = pk_net_mask(entry, PK_NET_KIND_SHIFT + 1);
		__u32 fresh = table | pk_net_mask(entry, PK_NET_KIND_SHIFT);
		__u32 way;

		value = (value & ~fresh) | (pk_net_value(a, stride) & fresh);
		stride += fresh & 1;
		line = pk_image_line(lines, h,
				     h->net_line + (entry & PK_NET_LINE) +
					     (value >> 4 & table));
		if (!line)
			return 0;
		way = PK_NET_FIRST + pk_net_way(line, value);
		way = (way & ~table) | (value & table);
		PK_OPAQUE(way);
		entry = line->w[way & 15];
	}
	if (entry >> PK_NET_KIND_SHIFT == 7) {
		line = pk_image_line(lines, h,
				     h->net_line + (entry & PK_NET_LINE));
		if (line)
			entry = pk_net_in_list(line,
					       __builtin_bswap64(a->q[0]));
	}
	return entry & PK_NET_INNER ? 0 : entry;
}

PK_INLINE __u32 pk_net_root(const struct pk_image_head *h, int v4)
{
	return v4 ? h->net4_root : h->net6_root;
}

/* The line of the bitmap that has the bit of an IPv4 address. */
PK_INLINE __u32 pk_touch_line(const union pk_addr *a)
{
	return (__u32)a->b[12] << 3 | a->b[13] >> 5;
}

PK_INLINE int pk_is_touched(pk_image_lines *lines,
			    const struct pk_image_head *h,
			    const union pk_addr *a)
{
	const struct pk_line *line =
		pk_image_line(lines, h, h->touch_line + pk_touch_line(a));

	return line && line->q[a->b[13] >> 2 & 7] >>
				       ((a->b[13] & 3) << 4 | a->b[14] >> 4) &
			       1;
}

/* The leaf of an address in one block. */
PK_INLINE __u32 pk_image_net(pk_image_lines *lines,
			     const struct pk_image_head *h,
			     const union pk_addr *a, int v4)
{
	if (v4 && h->touch_line && !pk_is_touched(lines, h, a))
		return 0;
	return pk_net_walk(lines, h, pk_net_root(h, v4), a, v4 ? 6 : 0);
}

/* What took the place of the base's leaf @leaf, if its prefix is gone. */
PK_INLINE __u32 pk_net_remap(const struct pk_view *v, __u32 leaf)
{
	const struct pk_image_head *h = v->delta_head;
	__u32 slot = leaf & PK_SLOT_MAX, id;
	__u64 b = pk_bucket_hash(pk_hash_v4(h->seed, slot));
	__u32 one = h->remap_line + pk_bucket_one(b, h->remap_buckets);
	__u32 two = h->remap_line + pk_bucket_two(b, h->remap_buckets);

	if (!h->remap_buckets || !slot)
		return leaf;
	id = pk_v4_in_bucket(pk_image_line(v->delta, h, one), slot);
	if (!id)
		id = pk_v4_in_bucket(pk_image_line(v->delta, h, two), slot);
	return id ? id & ~PK_REMAPPED : leaf;
}

/* The slot of the longest prefix around an address. */
PK_INLINE __u32 pk_view_net(const struct pk_view *v, const union pk_addr *a,
			    int v4)
{
	__u32 base = pk_image_net(v->base, v->base_head, a, v4);
	__u32 delta = pk_image_net(v->delta, v->delta_head, a, v4);

	base = pk_net_remap(v, base);
	if (delta && delta >> PK_NET_LEN_SHIFT >= base >> PK_NET_LEN_SHIFT)
		return delta & PK_SLOT_MAX;
	return base & PK_SLOT_MAX;
}

PK_INLINE int pk_has_nets(const struct pk_view *v, int v4)
{
	return (pk_net_root(v->base_head, v4) |
		pk_net_root(v->delta_head, v4)) != 0;
}

/* An end of a packet, as far as it was looked at. */
struct pk_end {
	__u64 hash; /* pk_hash_addr() */
	__u32 v4;   /* pk_is_v4() */
	__u32 in;   /* pk_view_passes() */
	__u32 port; /* PK_NO_PORT: none that names a service */
};

/* The look-up up to the filters: 0 when nothing can match. */
PK_INLINE int pk_view_begin(const struct pk_view *v, const union pk_addr *a,
			    struct pk_end *end)
{
	end->v4 = pk_is_v4(a);
	end->hash = pk_hash_addr(v->base_head->seed, a, end->v4);
	end->in = pk_view_passes(v, end->hash);
	return end->in || pk_has_nets(v, end->v4);
}

/* The rest of it: the slot. */
PK_INLINE __u32 pk_view_finish(const struct pk_view *v, const union pk_addr *a,
			       const struct pk_end *end)
{
	__u32 id = pk_view_id(v, a, end->v4, end->hash, end->in);
	__u32 slot = PK_NO_SLOT;

	if (id & PK_PORTS && end->port != PK_NO_PORT) {
		__u64 key = pk_endpoint_key(v->base_head->seed, a,
					    (__u16)end->port);

		slot = pk_view_name(v, key, key);
	}
	if (!slot)
		slot = id & PK_SLOT_MAX;
	if (!slot)
		slot = pk_view_net(v, a, end->v4);
	return slot;
}

/* The slot of an address, whatever it carries. */
PK_INLINE __u32 pk_view_own(const struct pk_view *v, const union pk_addr *a,
			    __u16 port)
{
	struct pk_end end = { .port = port };

	return pk_view_begin(v, a, &end) ? pk_view_finish(v, a, &end)
					 : PK_NO_SLOT;
}

/* The slot of what it carries; it matched nothing itself. */
PK_INLINE __u32 pk_view_carried(const struct pk_view *v, const union pk_addr *a,
				__u16 port)
{
	union pk_addr v4;

	return pk_embedded(a, &v4) ? pk_view_own(v, &v4, port) : PK_NO_SLOT;
}

PK_INLINE __u32 pk_view_match(const struct pk_view *v, const union pk_addr *a,
			      __u16 port)
{
	__u32 slot = pk_view_own(v, a, port);

	if (slot || !pk_may_embed(a))
		return slot;
	return pk_view_carried(v, a, port);
}

/* Do the ports of a packet name a service? ICMP keeps its types there. */
PK_INLINE int pk_names_ports(__u8 proto)
{
	return proto == 6 || proto == 17 || proto == 132;
}

#endif /* PK_BPF_MATCH_H */
