/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_inside: what the files of the store share, and the disk beside it.
 *
 * By slot: value[] (an IPv4 address in network order, an ASN, a prefix as
 * pk_store_net() packs it, or where the canonical bytes are in the arena),
 * meta[] (an origin, or with RECORD the first of a chain of records, the one
 * that is reported in front), kind[] (type, match on top) and flags[]. A FREE
 * slot's value is the next free slot. Strings in the arena: canonical bytes
 * behind their length (one byte, or two from 128 on), ids with a NUL, and
 * what origins say.
 *
 * flags[] is written and read atomically: the builder's thread reads it while
 * frozen. It reads value[] and kind[] of slots that lived at the freeze, which
 * do not change before the store settles.
 */
#ifndef PK_IOC_STORE_INSIDE_H
#define PK_IOC_STORE_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/image.h"
#include "ioc/image/builder.h"
#include "ioc/store/origin.h"
#include "ioc/store/store.h"
#include "ioc/store/store_due.h"
#include "ioc/store/store_places.h"
#include "ioc/store/store_room.h"

enum state { FREE, LIVE, DEAD, GONE };

/* Bits of flags[]; the low two are enum state. */
enum {
	STATE = 3,
	IN_BASE = 4,
	CHANGED = 8,  /* in the list of changes */
	TOGGLED = 16, /* whether it lives changed since the freeze */
};

enum {
	/* More changes than this are found again by a walk over all slots. */
	CHANGES_MAX = 4 * PK_DELTA_MAX,
	RECORDS_MAX = 1 << 26,
	NET_BITS = 129, /* lengths of a prefix */
};
#define RECORD 0x80000000U

/* What one feed says of a value, when an origin alone does not do. */
struct record {
	uint32_t origin; /* 0: free */
	uint32_t id;	 /* in the arena, 0: none */
	uint32_t next;	 /* record, 0: the last */
};

/* Flat, saved and restored as they are. */
struct counts {
	struct pk_store_stats stats;
	uint32_t items; /* slots ever used, slot 0 included */
	uint32_t free_slot;
	uint32_t records; /* ever used, [0] included */
	uint32_t free_record;
	uint32_t changes;
	uint32_t changes_lost; /* there were more than CHANGES_MAX */
	uint32_t feeds;
	uint32_t pad;
	uint32_t nets[2][NET_BITS]; /* live prefixes by family and length */
	uint32_t by_match[PK_MATCH_COUNT]; /* live names */
	uint32_t feed_items[PK_FEEDS_MAX];
};

struct pk_store {
	uint64_t seed;
	uint32_t *value, *meta; /* the rooms of these names */
	uint8_t *kind, *flags;
	struct record *record;
	uint32_t *change;
	struct pk_feed_info *feed;
	struct pk_room value_room, meta_room, kind_room, flags_room;
	struct pk_room record_room, change_room, feed_room;
	struct pk_arena arena;
	struct pk_places places;
	struct pk_origins origins;
	struct pk_due due;
	struct counts n;
	bool frozen;
	uint32_t frozen_items;
	uint32_t frozen_types[PK_INDICATOR_TYPE_COUNT]; /* live */
	/* pk_store_spend() */
	uint32_t spent;	       /* slots whose memory went back; 0: none */
	uint64_t spent_bytes;  /* of the arena */
	struct pk_arena texts; /* of the origins, then */
};

/* --- for the disk --------------------------------------------------------- */

/*
 * A store as a list of byte strings: every array and counter, no pointers. The
 * same number and order for every store of this version. To write: not frozen
 * (or from a forked copy, which says thaw first), and the store must not change
 * meanwhile. To read: a new store of the same seed; give each section room, in
 * order, copy its bytes there, then adopt.
 */
struct pk_section {
	const char *name; /* static; tables of the indexes share theirs */
	void *at;	  /* NULL for 0 bytes */
	uint64_t bytes;
};

enum { PK_SECTIONS_MAX = 800, PK_SECTIONS_VERSION = 1 };

/* Returns how many. */
unsigned pk_store_sections(struct pk_store *s,
			   struct pk_section out[PK_SECTIONS_MAX]);

/* Where the @bytes of section @number go. -ENOMEM, or -EBADMSG when it cannot
 * have that many; *@at is set for 0 (NULL for 0 bytes). */
int pk_store_section_room(struct pk_store *s, unsigned number, uint64_t bytes,
			  void **at);

/* 0; -EBADMSG when the sections do not fit each other (free the store), or
 * -ENOMEM. O(slots). */
int pk_store_adopt(struct pk_store *s);

/* --- values --------------------------------------------------------------- */

/* A value to look for or to keep. */
struct value {
	uint64_t hash;
	const uint8_t *bytes; /* canonical; may point into small[] */
	uint32_t packed;      /* the value itself when len is 0 */
	uint16_t len;
	uint8_t kind;
	uint8_t small[PK_SMALL_VALUE];
};

static inline uint8_t kind_of(unsigned type, unsigned match)
{
	return (uint8_t)(type | match << 4);
}

static inline unsigned type_of(const struct pk_store *s, uint32_t slot)
{
	return s->kind[slot] & 15;
}

static inline unsigned match_of(const struct pk_store *s, uint32_t slot)
{
	return s->kind[slot] >> 4;
}

static inline uint8_t flags_of(const struct pk_store *s, uint32_t slot)
{
	return __atomic_load_n(&s->flags[slot], __ATOMIC_RELAXED);
}

static inline void set_flags(struct pk_store *s, uint32_t slot, unsigned flags)
{
	__atomic_store_n(&s->flags[slot], (uint8_t)flags, __ATOMIC_RELAXED);
}

static inline enum state state_of(const struct pk_store *s, uint32_t slot)
{
	return (enum state)(flags_of(s, slot) & STATE);
}

static inline bool is_live(const struct pk_store *s, uint32_t slot)
{
	return slot && slot < s->n.items && state_of(s, slot) == LIVE;
}

/* Live, dead or gone: it has a value and somebody who said it. */
static inline bool is_known(const struct pk_store *s, uint32_t slot)
{
	return slot && slot < s->n.items && state_of(s, slot) != FREE;
}

/* What to look for or keep when it is about @ind. */
void pk_store_value(const struct pk_store *s, const struct pk_indicator *ind,
		    struct value *v);

/* The value of @kind whose canonical bytes these are; they are borrowed. */
void pk_store_bytes_value(const struct pk_store *s, unsigned kind,
			  const uint8_t *bytes, unsigned len, struct value *v);
void pk_store_addr_value(const struct pk_store *s, const union pk_addr *addr,
			 struct value *v);
void pk_store_net_value(const struct pk_store *s, const union pk_addr *addr,
			bool v4, unsigned bits, struct value *v);

/* The value of a slot; bytes point into the arena. */
void pk_store_slot_value(const struct pk_store *s, uint32_t slot,
			 struct value *v);

/* The slot that holds @v, live or dead; 0 when there is none. */
uint32_t pk_store_seek(const struct pk_store *s, const struct value *v);

/* Room in the index for @v; put in; take out. */
int pk_store_make_place(struct pk_store *s, const struct value *v);
void pk_store_place(struct pk_store *s, const struct value *v, uint32_t slot);
void pk_store_unplace(struct pk_store *s, uint32_t slot);

/* Hints: many will be put in; this one will be taken out. */
void pk_store_expect(struct pk_store *s, uint32_t count);
void pk_store_fetch_place(const struct pk_store *s, uint32_t slot);

/* Prefetch for pk_store_seek() of a hash, in three steps 0, 1, 2. */
void pk_store_fetch_seek(const struct pk_store *s, uint64_t hash, int step);

/* Keep the bytes of @v (there is room), or give back those of a slot. */
unsigned pk_store_value_bytes(const struct value *v); /* 0: packed */
uint32_t pk_store_keep(struct pk_store *s, const struct value *v);
void pk_store_forget(struct pk_store *s, uint32_t slot);

/* The canonical bytes of a slot that is not packed, and how many; all that it
 * has in the arena. */
const uint8_t *pk_store_bytes_of(const struct pk_store *s, uint32_t slot,
				 unsigned *len);
unsigned pk_store_kept_bytes(const struct pk_store *s, uint32_t slot);

/* A prefix of fewer than 32 bits in 32: a 1 behind its last bit. */
static inline uint32_t pk_store_net(uint32_t addr, unsigned bits)
{
	return addr | 1U << (31 - bits);
}

static inline unsigned pk_store_net_bits(uint32_t packed)
{
	return 31U - (unsigned)__builtin_ctz(packed);
}

static inline uint32_t pk_store_net_addr(uint32_t packed)
{
	return packed & (packed - 1);
}

/* Length and address of a prefix's slot. */
unsigned pk_store_net_of(const struct pk_store *s, uint32_t slot,
			 union pk_addr *addr);

/* --- who says it ---------------------------------------------------------- */

/* One feed of a value, and what it says. */
struct pair {
	uint32_t origin; /* 0: no pair */
	uint32_t id;	 /* in the arena, 0: none */
};

/* Walk the pairs of a known slot, the reported one first. */
struct pair_walk {
	struct pair pair;
	uint32_t next; /* record */
};
struct pair_walk pk_pairs_first(const struct pk_store *s, uint32_t slot);
void pk_pairs_next(const struct pk_store *s, struct pair_walk *w);

static inline uint16_t pair_feed(const struct pk_store *s, struct pair pair)
{
	return pk_origin_at(&s->origins, pair.origin)->feed;
}

static inline uint32_t pair_until(const struct pk_store *s, struct pair pair)
{
	return pk_origin_at(&s->origins, pair.origin)->valid_until;
}

/* Keep what @ind says as a pair that no slot has yet. 0, -ENOMEM, -ENOSPC. */
int pk_pairs_hold(struct pk_store *s, const struct pk_indicator *ind,
		  struct pair *pair);
void pk_pairs_drop(struct pk_store *s, struct pair pair);

/* The pair of @feed; no pair when there is none. */
struct pair pk_pairs_find(const struct pk_store *s, uint32_t slot,
			  uint16_t feed);
void pk_pairs_meta(const struct pk_store *s, struct pair pair,
		   struct pk_meta *out);

/* Make sure that the next pk_pairs_put() has room. 0, -ENOMEM or -ENOSPC. */
int pk_pairs_make(struct pk_store *s, uint32_t slot, struct pair pair);

/* Give a pair to a live slot, whose feeds have none of its feed; or take it. */
void pk_pairs_put(struct pk_store *s, uint32_t slot, struct pair pair);
void pk_pairs_take(struct pk_store *s, uint32_t slot, uint16_t feed);

/* The slot dies: only the reported pair stays, and nobody counts it. */
void pk_pairs_bury(struct pk_store *s, uint32_t slot);
void pk_pairs_forget(struct pk_store *s, uint32_t slot); /* that one too */

/* --- life ----------------------------------------------------------------- */

/* Withdraw @feed's pair of a live slot that has it. True: it died of it. */
bool pk_store_withdraw(struct pk_store *s, uint32_t slot, uint16_t feed);

/* Note that a slot may differ from the base. */
void pk_store_note(struct pk_store *s, uint32_t slot);

#endif /* PK_IOC_STORE_INSIDE_H */
