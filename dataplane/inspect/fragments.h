/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragments: fragments in, whole datagrams out.
 *
 * Fragments are kept by datagram (struct pk_fragment says what names one) until
 * no byte is missing up to the end that a last fragment names. Then the
 * datagram is emitted: first each of its first fragments alone, as it came,
 * then the datagram put together. It is *done*, and stays as long again: what
 * completed it may have been meant for us alone (a TTL too low for the way, an
 * end that its receiver refuses), and the true fragment comes behind it.
 *
 * Fragments that contradict each other (other bytes in the same place, another
 * end) are all kept, because nobody knows which of them the receiver will take.
 * Such a datagram is emitted once for each rule that receivers follow: the
 * first to come wins, the last, the one that begins before, the one that begins
 * later, the one with the highest TTL; and once or twice for each that came
 * against others: it wins over all, else the last or the first. One that
 * contradicts a datagram that is done does all that again, but the others that
 * came against any are not raised again. Nothing else can tell a second datagram
 * of the same name from a forged one, and nothing has to: if it is one, the last
 * to come is it.
 *
 * A copy is counted and forgotten, and so is what agrees with all that it
 * overlaps, but for the bytes that nobody had (frag_duplicate). An IPv6 datagram
 * with any overlap but a duplicate is dropped with all that will come of it (RFC
 * 5722 4); before, it is emitted as if it were kept, whole or as a run, because
 * what overlaps may never reach the receiver.
 *
 * When nothing came to complete it for 60 s (RFC 1122 3.3.2: from 60 to 120 s
 * and the same for all; RFC 8200 4.5), counted from the first fragment or the
 * latest contradiction, a datagram expires. That is judged when a tick ends, by
 * pk_fragments_close() or by a fragment of a later tick; so fragments in the
 * order of their frames give the same datagrams always. Of one that expires or
 * makes room and was never whole, all that is there from its first byte on, up
 * to a hole, is emitted then.
 *
 * Memory is fixed at creation. A source (IPv6: 64 bits of it) has at most one
 * eighth of it; then its own oldest datagrams make room. When all is full, a
 * source that has more than its share of one in 64 gives up its oldest, the
 * biggest source first; if there is none, the oldest datagram of all goes. Each
 * time those that are done go before those that wait. So one source pushes out
 * only itself, and a flood of forged ones only what is as old as its own.
 *
 * Of a datagram at most PK_FRAGMENTS_EACH are kept, PK_FRAGMENT_OVERLAPS of them
 * against others. Beyond that a fragment is refused (frag_quota), unless it
 * contradicts and is a first one, or the datagram is done: then the oldest that
 * came against others makes way (frag_displaced), a first one for a first one if
 * it can be. If there are too many of all kinds, it is the oldest first one with
 * all that came before the next. What makes way of a datagram that is not done
 * is emitted with its run before. Each displacement costs a datagram six times
 * its length of its credit, which only fragments that are kept fill up again:
 * short ones that contradict a long one, for ever, are refused for most of it.
 *
 * Work a fragment: at most PK_FRAGMENTS_EACH pieces are looked at. Only such as
 * contradict, or did, lie in the place of others, so few have its bytes to be
 * compared. If it completes or contradicts, at most PK_FRAGMENT_EMITS are emitted
 * of a datagram, for which it is copied six times, and four times each piece that
 * came against others. One thread.
 *
 * Standards: RFC 791 3.2, RFC 815 (the holes, here in a sorted list), RFC 1122
 * 3.3.2, RFC 1858 and RFC 3128 (overlaps as attacks), RFC 5722, RFC 8200 4.5.
 */
#ifndef PK_DATAPLANE_INSPECT_FRAGMENTS_H
#define PK_DATAPLANE_INSPECT_FRAGMENTS_H

#include <stdint.h>

#include "dataplane/inspect/fragment.h"
#include "dataplane/stats.h"

enum {
	PK_FRAGMENTS_EACH = 128,      /* fragments kept of one datagram */
	PK_FRAGMENT_OVERLAPS = 16,    /* of these, such as contradict others */
	PK_FRAGMENT_EMITS = 64,	      /* most that are emitted at a time */
	PK_FRAGMENT_CREDIT = 4 << 20, /* bytes copied of one to displace */
	PK_FRAGMENT_EARNS = 32,	  /* a byte that came earns so many of them */
	PK_FRAGMENT_HEADERS = 64, /* and so have a fragment's headers */
	PK_FRAGMENT_SHARE = 8,	  /* a source has at most one in so many */
	PK_FRAGMENT_FAIR = 64,	  /* beyond one in so many it goes first */
	PK_FRAGMENT_IP4_SEC = 60,
	PK_FRAGMENT_IP6_SEC = 60,
};

struct pk_fragments;

struct pk_fragments_conf {
	uint32_t blocks;    /* of PK_BLOCK_BYTES, in [16, 2^20] */
	uint32_t datagrams; /* a power of two in [8, 2^20] */
	uint64_t seed;	    /* of the hashes */
};

/* What is emitted of a datagram. */
enum pk_datagram_part {
	PK_DATAGRAM_FIRST, /* a first fragment alone */
	PK_DATAGRAM_WHOLE,
	PK_DATAGRAM_RUN, /* its beginning, as one first fragment */
};

/*
 * @frame is an Ethernet frame with nothing but zeroes for addresses; the IP
 * header says what is there: of the whole, its length and no fragment. (Its
 * checksum is not set right.) Valid during the call. Of a run, last has but
 * key, time (when it was given up), frame (of its latest fragment) and depth.
 */
struct pk_datagram {
	const struct pk_fragment *last; /* the one that completed it */
	const uint8_t *frame;
	uint32_t len;
	uint32_t index; /* 0: the first one emitted of this datagram */
	uint8_t part;	/* enum pk_datagram_part */
};

/* Must not use the table. */
typedef void pk_fragments_emit_fn(void *arg, const struct pk_datagram *d);

/*
 * 0, -EINVAL for @conf out of range, or -ENOMEM. @stats outlives the table; at
 * any moment frag_in is the sum of the ends that control/audit.c names.
 */
int pk_fragments_new(struct pk_fragments **out,
		     const struct pk_fragments_conf *conf,
		     struct pk_stage_counters *stats);
void pk_fragments_free(struct pk_fragments *f); /* NULL is a no-op */

void pk_fragments_on_emit(struct pk_fragments *f, pk_fragments_emit_fn *emit,
			  void *arg);

/* Take a fragment; it is copied. */
void pk_fragments_add(struct pk_fragments *f, const struct pk_fragment *g);

/* Count one that is of no use: what pk_fragment_read() said, not OK. */
void pk_fragments_refuse(struct pk_fragments *f, int reason);

/* The ticks before @tick have ended. */
void pk_fragments_close(struct pk_fragments *f, uint32_t tick);

/* Nothing more will come: what is left expires. */
void pk_fragments_drain(struct pk_fragments *f);

/* 8 MiB. */
void pk_fragments_conf_default(struct pk_fragments_conf *conf);

/* All that the table will ever take. */
uint64_t pk_fragments_bytes(const struct pk_fragments_conf *conf);

#endif /* PK_DATAPLANE_INSPECT_FRAGMENTS_H */
