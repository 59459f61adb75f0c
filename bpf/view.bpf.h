/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * view: the active image pair in the kernel, and the look-up of a packet's two
 * ends in it. For the programs and for the bench that measures them.
 */
#ifndef PK_BPF_VIEW_BPF_H
#define PK_BPF_VIEW_BPF_H

#include "bpf/image.h"
#include "bpf/maps.bpf.h"
#include "bpf/match.h"

#define PK_NO_VIEW (~0ULL)

/* The control word, read once a packet; 0 before the first image. */
PK_INLINE __u64 pk_read_word(void)
{
	__u32 zero = 0;
	struct pk_control *c = bpf_map_lookup_elem(&control, &zero);

	return c ? *(volatile __u64 *)&c->word : 0;
}

/* An empty delta is not looked up: nothing reads its lines. */
PK_INLINE int pk_view_of(struct pk_view *v, __u64 word)
{
	__u32 zero = 0, base = pk_word_base(word), delta = pk_word_delta(word);
	struct pk_control *c = bpf_map_lookup_elem(&control, &zero);

	if (!c || delta >= PK_IMAGE_SLOTS)
		return -1;
	v->word = word;
	v->base_head = &c->heads[base];
	v->delta_head = &c->heads[delta];
	v->base = bpf_map_lookup_elem(&images, &base);
	v->delta = v->base;
	if (v->delta_head->items | v->delta_head->remap_buckets)
		v->delta = bpf_map_lookup_elem(&images, &delta);
	if (!v->base || !v->delta)
		return -1;
	return v->base_head->magic == PK_IMAGE_MAGIC ? 0 : -1;
}

/*
 * The slot of one end that passed a filter or may lie in a prefix. A global
 * function: the verifier takes it once, not once a caller's path.
 */
__noinline __u32 find_end(const union pk_addr *a, __u64 word, __u64 hash,
			  __u32 in, __u32 port)
{
	struct pk_end end = { .hash = hash, .in = in, .port = port };
	struct pk_view v;

	if (!a || pk_view_of(&v, word))
		return PK_NO_SLOT;
	end.v4 = pk_is_v4(a);
	return pk_view_finish(&v, a, &end);
}

/*
 * The slots of source (low half) and destination, or PK_NO_VIEW. The word was
 * read once, so both look-ups see one generation.
 */
__noinline __u64 find_pair(const struct pk_flow_key *key, __u64 word)
{
	struct pk_end src = { 0 }, dst = { 0 };
	struct pk_view v;
	__u64 pair = 0;
	int src_may, dst_may;

	if (!key || !word || pk_view_of(&v, word))
		return PK_NO_VIEW;
	dst_may = pk_view_begin(&v, &key->dst, &dst);
	src_may = pk_view_begin(&v, &key->src, &src);
	if (!(src_may | dst_may))
		return 0;
	if (pk_names_ports(key->proto)) {
		src.port = key->sport;
		dst.port = key->dport;
	}
	if (dst_may)
		pair = find_end(&key->dst, word, dst.hash, dst.in, dst.port);
	pair <<= 32;
	if (src_may)
		pair |= find_end(&key->src, word, src.hash, src.in, src.port);
	return pair;
}

/* The slot of the IPv4 address that the end in @role carries. Global, too. */
__noinline __u32 find_carried(const struct pk_flow_key *key, __u64 word,
			      __u32 role)
{
	struct pk_end end = { 0 };
	union pk_addr v4;
	struct pk_view v;
	int none;

	if (!key || pk_view_of(&v, word))
		return PK_NO_SLOT;
	none = !pk_embedded(role == PK_ROLE_SOURCE ? &key->src : &key->dst,
			    &v4);
	if (none || !pk_view_begin(&v, &v4, &end))
		return PK_NO_SLOT;
	if (pk_names_ports(key->proto))
		end.port = role == PK_ROLE_SOURCE ? key->sport : key->dport;
	return find_end(&v4, word, end.hash, end.in, end.port);
}

/* As find_pair(); what matched nothing is asked what it carries. */
static __always_inline __u64 find_ends(const struct pk_flow_key *key,
				       __u64 word)
{
	__u64 pair = find_pair(key, word);

	if (!(__u32)pair && pk_may_embed(&key->src))
		pair |= find_carried(key, word, PK_ROLE_SOURCE);
	if (!(pair >> 32) && pk_may_embed(&key->dst))
		pair |= (__u64)find_carried(key, word, PK_ROLE_DESTINATION)
			<< 32;
	return pair;
}

#endif /* PK_BPF_VIEW_BPF_H */
