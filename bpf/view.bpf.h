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

/* The slot of the IPv4 address in an IPv6 one. Global, as above. */
__noinline __u32 find_carried(const union pk_addr *a, __u64 word, __u32 port)
{
	struct pk_end end = { 0 };
	union pk_addr v4;
	struct pk_view v;

	if (!a || pk_view_of(&v, word) || !pk_embedded(a, &v4) ||
	    !pk_view_begin(&v, &v4, &end))
		return PK_NO_SLOT;
	return find_end(&v4, word, end.hash, end.in, port);
}

/*
 * The slots of source (low half) and destination, or PK_NO_VIEW. The word was
 * read once, so both look-ups see one generation.
 */
__noinline __u64 find_pair(const struct pk_flow_key *key, __u64 word)
{
	struct pk_end src = { 0 }, dst = { 0 };
	int src_may, dst_may, carries;
	__u32 one = 0, two = 0;
	struct pk_view v;

	if (!key || !word || pk_view_of(&v, word))
		return PK_NO_VIEW;
	dst_may = pk_view_begin(&v, &key->dst, &dst);
	src_may = pk_view_begin(&v, &key->src, &src);
	carries = pk_may_embed(&key->src) | pk_may_embed(&key->dst);
	if (!(src_may | dst_may | carries))
		return 0;
	if (pk_names_ports(key->proto)) {
		src.port = key->sport;
		dst.port = key->dport;
	}
	if (dst_may)
		two = find_end(&key->dst, word, dst.hash, dst.in, dst.port);
	if (src_may)
		one = find_end(&key->src, word, src.hash, src.in, src.port);
	if (carries && !two)
		two = find_carried(&key->dst, word, dst.port);
	if (carries && !one)
		one = find_carried(&key->src, word, src.port);
	return (__u64)two << 32 | one;
}

#endif /* PK_BPF_VIEW_BPF_H */
