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

/* Bits of pk_held_datagram.flags. */
enum {
	PK_DATAGRAM_DROPPED = 1,  /* no pieces; whatever comes is dropped too */
	PK_DATAGRAM_DISPUTED = 2, /* pieces contradict each other */
	PK_DATAGRAM_ELDERS = 4,	  /* has elder pieces */
	PK_DATAGRAM_SHOWN = 8,	  /* emitted together with its elders */
};

struct pk_held_datagram {
	struct pk_flow_key key;
	uint64_t born_ns;
	uint32_t chain; /* of the bucket, or of the free ones */
	uint32_t source;
	struct pk_age age;	 /* among all of its version */
	struct pk_age of_source; /* among its source's */
	uint32_t piece;		 /* the first by offset */
	uint32_t tail;		 /* the last */
	uint32_t end;		 /* the highest of a piece */
	uint32_t blocks;
	uint32_t seq; /* of the next piece */
	uint8_t pieces;
	uint8_t lasts; /* pieces that say they are the last one */
	uint8_t overlaps;
	uint8_t flags;
};
_Static_assert(sizeof(struct pk_held_datagram) == 96, "pk_held_datagram");

struct pk_source {
	union pk_addr addr;
	uint32_t chain;
	uint32_t blocks;
	uint32_t datagrams;
	struct pk_ends held;
	struct pk_age in_class;
	uint32_t class;
};
_Static_assert(sizeof(struct pk_source) == 48, "pk_source");

struct pk_fragments {
	struct pk_fragments_conf conf;
	struct pk_stage_counters *count;
	pk_fragments_emit_fn *emit;
	void *arg;
	uint32_t tick; /* the open one */

	struct pk_pieces pieces;
	struct pk_held_datagram *datagram;
	struct pk_source *source;
	uint32_t *bucket; /* of datagrams */
	uint32_t *source_bucket;
	uint32_t mask;
	uint32_t free_datagram;
	uint32_t free_source;
	uint32_t datagrams;    /* in use */
	struct pk_ends age[2]; /* IPv4, IPv6 */
	struct pk_ends class[PK_SIZE_CLASSES];

	uint8_t *frame; /* where datagrams are put together */
	struct pk_rank order[PK_FRAGMENTS_EACH];
	struct pk_rank scratch[PK_FRAGMENTS_EACH];
};

/* --- fragments_table.c ------------------------------------------------------ */

struct pk_held_datagram *pk_held_find(struct pk_fragments *f,
				      const struct pk_flow_key *key);

/* An empty datagram for @g; there is room for one. */
struct pk_held_datagram *pk_held_create(struct pk_fragments *f,
					const struct pk_fragment *g);

/* It begins now: the newest of all. */
void pk_held_renew(struct pk_fragments *f, struct pk_held_datagram *d,
		   uint64_t now_ns);

/* Source @i takes @blocks more (below 0: fewer). */
void pk_held_charge(struct pk_fragments *f, uint32_t i, int32_t blocks);

/* Free the pieces that are elder, or all; how many there were is returned. */
uint32_t pk_held_drop(struct pk_fragments *f, struct pk_held_datagram *d,
		      int only_elders);

/* Free it. @end is the counter of what its fragments came to. */
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

/*
 * Emit @d if no byte of it is missing, with or without its elder pieces. @g
 * completed it. *@index counts what is emitted.
 */
enum pk_joined pk_fragments_join(struct pk_fragments *f,
				 const struct pk_held_datagram *d, int elders,
				 const struct pk_fragment *g, uint32_t *index);

/* The most bytes of a datagram's frame: no header goes beyond what is visible. */
enum { PK_FRAME_BYTES = PK_ETH_BYTES + PK_VISIBLE_BYTES + PK_DATAGRAM_MAX };

#endif /* PK_DATAPLANE_INSPECT_FRAGMENTS_INSIDE_H */
