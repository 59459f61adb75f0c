/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * outer: which listed addresses of tunnels were reported already.
 *
 * The addresses around a packet have no place in its flow line. What was
 * reported of them is remembered in a small table of one CPU (or worker): a
 * place for a flow line, indicator, role and depth together, holding a tag of
 * all that, the generation and the period. A tag that is there is not reported
 * again; one that had to go for another is, so a collision reports twice and
 * never hides anything. (Two tags are the same by chance once in 2^64.)
 *
 * Periods are cut from time as ticks are, 16 of them each: 17 s. So each CPU
 * that sees a flow reports its first packet in a period, the first one of all
 * among them, and whoever counts periods counts the same however packets are
 * spread over CPUs.
 */
#ifndef PK_BPF_OUTER_H
#define PK_BPF_OUTER_H

#include "bpf/abi.h"
#include "bpf/image.h"

enum {
	PK_OUTER_TAGS = 4096,	   /* of one CPU or worker: 32 KiB */
	PK_OUTER_PERIOD_SHIFT = 4, /* in ticks */
};

/* What is met: @flow_hash of the innermost pair, the indicator and where. */
PK_INLINE __u64 pk_outer_subject(__u64 flow_hash, __u32 slot, __u8 role,
				 __u8 depth)
{
	return pk_mix(flow_hash ^ slot ^ (__u64)role << 32 ^
		      (__u64)depth << 40);
}

PK_INLINE __u32 pk_outer_place(__u64 subject)
{
	return (__u32)subject & (PK_OUTER_TAGS - 1);
}

/*
 * The packet of a hit of the outer pair number @depth: its addresses, protocol
 * and ports; the rest stays as the innermost packet has it.
 */
PK_INLINE void pk_outer_packet(struct pk_packet *to, const struct pk_decode *d,
			       __u32 depth)
{
	PK_OPAQUE(depth);
	depth &= PK_OUTERS - 1;
	to->key = d->outer[depth];
	to->key.direction = d->packet.key.direction;
	to->key.port = d->packet.key.port;
	to->layers &= (__u8)~PK_IS_IP6;
	to->layers |= (d->outer_ip6 >> depth & 1) * PK_IS_IP6;
}

/* Never 0: a free place is no tag. */
PK_INLINE __u64 pk_outer_tag(__u64 subject, __u64 generation, __u32 tick)
{
	__u64 when = generation << 32 ^ tick >> PK_OUTER_PERIOD_SHIFT;

	return pk_mix(subject ^ when) | 1;
}

/* Is it to be reported? From now on it was. */
PK_INLINE int pk_outer_is_new(__u64 *place, __u64 tag)
{
	if (*place == tag)
		return 0;
	*place = tag;
	return 1;
}

#endif /* PK_BPF_OUTER_H */
