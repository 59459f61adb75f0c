/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragments_inside: what fragments.c, which decides, fragments_table.c, which
 * keeps datagrams and makes room, and fragments_join.c, which puts them
 * together, share.
 *
 *   hash -> bucket -> datagram -> datagram ...    (key)
 *   hash -> bucket -> source -> source ...        (address)
 *   age of IPv4, of IPv6: datagram <-> datagram   (the oldest first)
 *   source: its datagrams, the oldest first
 *       (both twice: those that wait, those that are done)
 *   size class: source <-> source                 (those beyond their share)
 *   datagram -> piece -> piece ...                (by offset)
 */
#ifndef PK_DATAPLANE_INSPECT_FRAGMENTS_INSIDE_H
#define PK_DATAPLANE_INSPECT_FRAGMENTS_INSIDE_H

#include <stdint.h>

#include "dataplane/inspect/fragments.h"
#include "dataplane/inspect/order.h"
#include "dataplane/inspect/pieces.h"

enum {
	PK_ETH_BYTES = 14,
	PK_JOIN_COPIES = 6, /* of a datagram, to put it together by each rule */
	PK_SIZE_CLASSES = 8, /* class 0: within its share, in no list */
};

#define PK_NONE UINT32_MAX

/* An item of a list by age; the list's ends are its first and last items. */
struct pk_age {
	uint32_t older;
	uint32_t newer;
};

struct pk_ends {
	uint32_t first;
	uint32_t last;
};

/* Bits of pk_held_datagram.is. */
enum {
	PK_DATAGRAM_DONE = 1,	  /* emitted; kept for what may contradict it */
	PK_DATAGRAM_DROPPED = 2,  /* no pieces; whatever comes is dropped too */
	PK_DATAGRAM_OVERSIZE = 4, /* it is whole, and too long */
};

struct pk_held_datagram {
	struct pk_flow_key key;
	uint64_t born_ns;
	uint64_t frame; /* of the latest piece */
	uint32_t chain; /* of the bucket, or of the free ones */
	uint32_t source;
	struct pk_age age;	 /* among all of its version */
	struct pk_age of_source; /* among its source's */
	uint32_t piece;		 /* the first by offset */
	uint32_t tail;		 /* the last */
	uint32_t blocks;
	uint32_t seq;	 /* of the next piece */
	uint32_t credit; /* bytes that may be copied to displace */
	uint16_t end;	 /* the highest of a piece */
	uint8_t pieces;
	uint8_t lasts;	  /* pieces that say they are the last one */
	uint8_t overlaps; /* pieces that came against others */
	uint8_t depth;
	uint8_t is;
	uint8_t pad[5];
};
_Static_assert(sizeof(struct pk_held_datagram) == 112, "pk_held_datagram");

struct pk_source {
	union pk_addr addr;
	uint32_t chain;
	uint32_t blocks;
	uint32_t datagrams;
	struct pk_ends held[2]; /* those that wait, those that are done */
	struct pk_age in_class;
	uint32_t class;
};
_Static_assert(sizeof(struct pk_source) == 56, "pk_source");

struct pk_fragments {
	struct pk_fragments_conf conf;
	struct pk_stage_counters *count;
	pk_fragments_emit_fn *emit;
	void *arg;
	uint32_t tick;	  /* the open one */
	uint64_t now_ns;  /* the latest time of a fragment */
	uint64_t gone_ns; /* when what is given up was given up */

	struct pk_pieces pieces;
	struct pk_held_datagram *datagram;
	struct pk_source *source;
	uint32_t *bucket; /* of datagrams */
	uint32_t *source_bucket;
	uint32_t mask;
	uint32_t free_datagram;
	uint32_t free_source;
	struct pk_ends age[2][2]; /* as held; IPv4, IPv6 */
	struct pk_ends class[PK_SIZE_CLASSES];

	/* The pieces that the fragment at hand contradicts. */
	uint32_t contradicted[PK_FRAGMENTS_EACH];
	uint32_t contradictions;

	uint8_t *frame; /* where datagrams are put together */
	uint8_t *saved; /* bytes of it that another piece covers for a while */
	struct pk_rank order[PK_FRAGMENTS_EACH];
	struct pk_rank scratch[PK_FRAGMENTS_EACH];
};

/* --- fragments_table.c ------------------------------------------------------ */

struct pk_held_datagram *pk_held_find(struct pk_fragments *f,
				      const struct pk_flow_key *key);

/* An empty datagram for @g; there is room for one. */
struct pk_held_datagram *pk_held_create(struct pk_fragments *f,
					const struct pk_fragment *g);

/* It begins now: the newest of all that @is what it is to be from now on. */
void pk_held_renew(struct pk_fragments *f, struct pk_held_datagram *d,
		   uint8_t is);

/* Source @i takes @blocks more (below 0: fewer). */
void pk_held_charge(struct pk_fragments *f, uint32_t i, int32_t blocks);

/*
 * Free the pieces that are gone and those that came before number @seq, all if
 * it is PK_NONE. @end is the counter of what they came to unless they were used.
 */
void pk_held_drop(struct pk_fragments *f, struct pk_held_datagram *d,
		  uint32_t seq, __u64 *end);

/* Free it; what there is of it is judged if it never was. */
void pk_held_forget(struct pk_fragments *f, struct pk_held_datagram *d,
		    __u64 *end);

/* Room for @g in @d, or in a new one if it is NULL. 0: there is none. */
int pk_held_make_room(struct pk_fragments *f, const struct pk_held_datagram *d,
		      const struct pk_fragment *g);

/* --- fragments_join.c -------------------------------------------------------- */

/* What a join did. */
enum pk_joined {
	PK_JOIN_HOLE,	  /* a byte is missing, or the end is not known */
	PK_JOIN_DONE,	  /* emitted */
	PK_JOIN_OVERSIZE, /* nothing to emit: headers and data are too long */
};

/* Emit @d if no byte of it is missing. @g completed it. */
enum pk_joined pk_fragments_join(struct pk_fragments *f,
				 const struct pk_held_datagram *d,
				 const struct pk_fragment *g);

/* Emit what there is of @d from its first byte on, if a piece alone is less. */
void pk_fragments_join_run(struct pk_fragments *f,
			   const struct pk_held_datagram *d);

/* Likewise with piece @index, which is to go, over all others each time. */
void pk_fragments_join_raised(struct pk_fragments *f,
			      const struct pk_held_datagram *d, uint32_t index);

/* Of a datagram put together, the data begins here: its headers are in front. */
enum {
	PK_JOIN_DATA_AT = PK_ETH_BYTES + PK_VISIBLE_BYTES,
	PK_FRAME_BYTES = PK_JOIN_DATA_AT + PK_DATAGRAM_MAX,
};

#endif /* PK_DATAPLANE_INSPECT_FRAGMENTS_INSIDE_H */
