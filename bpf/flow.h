/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow: the flow cache of the fast planes.
 *
 * A direct-mapped array of 64-byte lines, two ways a set, one array and one
 * writer a CPU (or worker): no lock, no atomic, nothing to allocate. A line
 * sums the packets of one key within one tick that had the same endpoints
 * listed. It is closed, that is handed on and begun anew, when
 *   - a packet of its key belongs to another tick or has other endpoints
 *     listed, or its counters could overflow,
 *   - another key needs its place, or
 *   - a sweep finds it older than the current tick.
 * So packets and bytes in = out + lost + resident, exactly, at any moment.
 *
 * A line also remembers which endpoints were already reported, and under
 * which generation: one hit per line, role and generation. A line that was
 * idle for PK_REPORT_TICKS reports again.
 *
 * The order of calls, the same in every plane:
 *
 *	line = pk_flow_pick(a, b, key);	the two lines of the set
 *	if (pk_flow_must_close(line, key, tick, roles, bytes))
 *		hand on *line, if it has packets;
 *		pk_flow_start(line, key, tick);
 *	report = pk_flow_add(line, &step);
 */
#ifndef PK_BPF_FLOW_H
#define PK_BPF_FLOW_H

#include "bpf/abi.h"
#include "bpf/image.h"

enum { PK_REPORT_TICKS = 14 }; /* 15 s: the idle time of a flow */

/*
 * A build with PK_SKIP_COUNT set to a reason's number leaves that reason
 * uncounted: the negative control of the audit.
 */
#ifdef PK_SKIP_COUNT
enum { PK_UNCOUNTED_REASON = PK_SKIP_COUNT };
#else
enum { PK_UNCOUNTED_REASON = 0xff };
#endif

/* What one packet adds to its line. */
struct pk_flow_step {
	__u32 offset_ns; /* after the tick began */
	__u32 packets;	 /* 1, or the segments of a GSO frame */
	__u32 bytes;	 /* IP bytes */
	__u8 tcp_flags;
	__u8 roles; /* PK_HIT_SRC | PK_HIT_DST: endpoints listed */
	__u16 gen;  /* low bits of the generation */
};

PK_INLINE __u32 pk_tick(__u64 now_ns)
{
	return (__u32)(now_ns >> PK_TICK_SHIFT);
}

PK_INLINE __u32 pk_tick_offset(__u64 now_ns)
{
	return (__u32)(now_ns & ((1U << PK_TICK_SHIFT) - 1));
}

PK_INLINE __u64 pk_tick_start(__u32 tick)
{
	return (__u64)tick << PK_TICK_SHIFT;
}

/* A key as words: its fields were stored as smaller ones. */
typedef __u64 __attribute__((may_alias)) pk_key_word;

PK_INLINE int pk_flow_same(const struct pk_flow_key *a,
			   const struct pk_flow_key *b)
{
	const pk_key_word *x = (const pk_key_word *)a;
	const pk_key_word *y = (const pk_key_word *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) |
		 (x[4] ^ y[4]));
}

/* The two halves of a word, each plus a secret, multiplied: NH of UMAC. */
PK_INLINE __u64 pk_nh(__u64 word, __u64 secret)
{
	__u32 low = (__u32)word + (__u32)secret;
	__u32 high = (__u32)(word >> 32) + (__u32)(secret >> 32);

	return (__u64)low * high;
}

/*
 * A sender chooses all of the key, so joining its words by xor or by fixed
 * multiplications would let him build keys that collide under every seed. NH
 * (Black et al. 1999, section 4) makes a chosen pair collide for about one
 * seed in 2^32; its five products do not wait for each other.
 */
PK_INLINE __u64 pk_flow_hash(__u64 seed, const struct pk_flow_key *key)
{
	const pk_key_word *q = (const pk_key_word *)key;
	__u64 h = pk_nh(q[0], seed * 0x9e3779b97f4a7c15ULL) +
		  pk_nh(q[1], seed * 0xd6e8feb86659fd93ULL) +
		  pk_nh(q[2], seed * 0xc2b2ae3d27d4eb4fULL) +
		  pk_nh(q[3], seed * 0x165667b19e3779f9ULL) +
		  pk_nh(q[4], seed * 0xff51afd7ed558ccdULL);

	return pk_mix(h ^ seed);
}

/* The first line of the key's set: even, below PK_FLOW_LINES. */
PK_INLINE __u32 pk_flow_set(__u64 hash)
{
	return (__u32)hash & (PK_FLOW_LINES - 2);
}

/* The line of @key among the two of its set, else the one to give up. */
PK_INLINE struct pk_flow_line *pk_flow_pick(struct pk_flow_line *a,
					    struct pk_flow_line *b,
					    const struct pk_flow_key *key)
{
	if (pk_flow_same(&a->key, key))
		return a;
	if (pk_flow_same(&b->key, key))
		return b;
	if (!a->packets)
		return a;
	if (!b->packets)
		return b;
	if (a->tick != b->tick)
		return a->tick < b->tick ? a : b;
	return a->last < b->last ? a : b;
}

PK_INLINE int pk_flow_must_close(const struct pk_flow_line *line,
				 const struct pk_flow_key *key, __u32 tick,
				 __u8 roles, __u32 bytes)
{
	return !line->packets || line->tick != tick ||
	       (line->roles & 15) != roles ||
	       line->bytes + bytes < line->bytes ||
	       line->packets >= 0xffff0000U || !pk_flow_same(&line->key, key);
}

/* Begin @line for @key; a known key keeps what it reported. */
PK_INLINE void pk_flow_start(struct pk_flow_line *line,
			     const struct pk_flow_key *key, __u32 tick)
{
	if (!pk_flow_same(&line->key, key) ||
	    tick - line->tick > PK_REPORT_TICKS)
		line->roles = 0;
	line->key = *key;
	line->tick = tick;
	line->packets = 0;
	line->bytes = 0;
	line->first = 0;
	line->last = 0;
	line->tcp_flags = 0;
}

/* Count a packet. The roles that are to be reported now are returned. */
PK_INLINE __u8 pk_flow_add(struct pk_flow_line *line,
			   const struct pk_flow_step *step)
{
	__u8 reported = line->roles >> 4;
	__u8 report;

	if (line->gen != step->gen)
		reported = 0;
	report = step->roles & ~reported;
	line->gen = step->gen;
	line->roles = step->roles | (__u8)((reported | step->roles) << 4);
	if (!line->packets || step->offset_ns < line->first)
		line->first = step->offset_ns;
	if (step->offset_ns > line->last)
		line->last = step->offset_ns;
	line->packets += step->packets;
	line->bytes += step->bytes;
	line->tcp_flags |= step->tcp_flags;
	return report;
}

/* Is @line to be handed on by a sweep at @tick? */
PK_INLINE int pk_flow_is_due(const struct pk_flow_line *line, __u32 tick)
{
	return line->packets && line->tick != tick;
}

/* The one place where a terminal reason is counted. */
PK_INLINE void pk_count_reason(struct pk_plane_counters *count, __u8 reason)
{
	__u32 i = reason;

	PK_OPAQUE(i);
	i &= PK_REASONS_MAX - 1;
	if (i != PK_UNCOUNTED_REASON)
		count->reason[i]++;
}

#endif /* PK_BPF_FLOW_H */
