/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * view: the active image pair in the kernel, and the look-up of a packet's two
 * addresses in it. For the programs and for the bench that measures them.
 */
#ifndef PK_BPF_VIEW_BPF_H
#define PK_BPF_VIEW_BPF_H

#include "bpf/image.h"
#include "bpf/maps.bpf.h"

#define PK_NO_VIEW (~0ULL)

/* The control word, read once a packet; 0 before the first image. */
PK_INLINE __u64 pk_read_word(void)
{
	__u32 zero = 0;
	struct pk_control *c = bpf_map_lookup_elem(&control, &zero);

	return c ? *(volatile __u64 *)&c->word : 0;
}

PK_INLINE int pk_view_of(struct pk_view *v, __u64 word)
{
	__u32 zero = 0, base = pk_word_base(word), delta = pk_word_delta(word);
	struct pk_control *c = bpf_map_lookup_elem(&control, &zero);

	if (!c)
		return -1;
	v->base = bpf_map_lookup_elem(&images, &base);
	v->delta = bpf_map_lookup_elem(&images, &delta);
	if (!v->base || !v->delta || base >= PK_IMAGE_SLOTS ||
	    delta >= PK_IMAGE_SLOTS)
		return -1;
	v->base_head = &c->heads[base];
	v->delta_head = &c->heads[delta];
	return v->base_head->magic == PK_IMAGE_MAGIC ? 0 : -1;
}

/*
 * The slots of source (low half) and destination, or PK_NO_VIEW. A global
 * function: the verifier takes it once, not once a caller's path. The word
 * was read once, so both look-ups see one generation.
 */
__noinline __u64 find_pair(const struct pk_flow_key *key, __u64 word)
{
	struct pk_view v;
	__u64 dst;

	if (!key || !word || pk_view_of(&v, word))
		return PK_NO_VIEW;
	dst = pk_view_addr(&v, &key->dst);
	return pk_view_addr(&v, &key->src) | dst << 32;
}

#endif /* PK_BPF_VIEW_BPF_H */
