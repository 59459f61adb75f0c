/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * origin: what feeds say of indicators, each saying once, as a number.
 *
 * An origin is everything in struct pk_meta but the vendor's id, and the feed.
 * A feed of millions of rows says a few dozen things, or, with times in every
 * row, as many as it has rows: 32 bytes and 5 for its place each. The three
 * texts of an origin are one entry in a second table. Both count who uses
 * them and forget what nobody does.
 *
 * Bounded: beyond PK_ORIGINS_NAMED origins or texts a new one loses its texts
 * and what it says of times but the end. Numbers are from 1 to PK_ORIGINS_MAX.
 *
 * Part of the store, same rules for threads.
 */
#ifndef PK_IOC_ORIGIN_H
#define PK_IOC_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "ioc/indicator.h"
#include "ioc/store/store_places.h"
#include "ioc/store/store_room.h"

enum {
	PK_ORIGINS_MAX = PK_PLACES_NUMBER,
	PK_ORIGINS_NAMED = PK_ORIGINS_MAX - (1 << 22),
};

struct pk_origin {
	uint32_t refs; /* 0: free */
	uint32_t text; /* number, 0: all three are ""; free: the next free */
	uint32_t first_seen, last_seen, valid_from, valid_until;
	uint16_t feed;
	uint8_t threat_class, confidence, severity, tlp, action, derived;
};
_Static_assert(sizeof(struct pk_origin) == 32, "origin");

struct pk_origin_text {
	uint32_t refs; /* 0: free */
	uint32_t at;   /* in the arena: three strings; free: the next free */
};

struct pk_origins {
	uint64_t seed;
	struct pk_arena *arena; /* of the store */
	struct pk_room origin;	/* struct pk_origin; [0] is not used */
	struct pk_room text;	/* struct pk_origin_text; [0] is not used */
	struct pk_places by_origin, by_text;
	struct pk_origin_counts {
		uint32_t free_origin, free_text;
		uint32_t origins, texts; /* in use */
	} n;
	uint32_t last;	/* rows of a feed tend to repeat it */
	uint32_t named; /* PK_ORIGINS_NAMED, less in tests */
};

int pk_origins_init(struct pk_origins *o, struct pk_arena *arena,
		    uint64_t seed); /* 0, -ENOMEM */
void pk_origins_fini(struct pk_origins *o);

/* The number of what @feed says, with one user more. -ENOMEM or -ENOSPC in
 * *@err for 0. O(1). */
uint32_t pk_origins_take(struct pk_origins *o, uint16_t feed,
			 const struct pk_meta *meta, int *err);
void pk_origins_drop(struct pk_origins *o, uint32_t origin);

static inline const struct pk_origin *pk_origin_at(const struct pk_origins *o,
						   uint32_t origin)
{
	return (const struct pk_origin *)(const void *)o->origin.at + origin;
}

/* All of @out but the id; texts live in the arena. */
void pk_origin_meta(const struct pk_origins *o, uint32_t origin,
		    struct pk_meta *out);

/* Copy the texts to another arena, which has room and is to take the place of
 * the present one. */
void pk_origins_move(struct pk_origins *o, struct pk_arena *to);

/* After rooms, counts and indexes were restored. */
bool pk_origins_are_sound(const struct pk_origins *o);

uint64_t pk_origins_bytes(const struct pk_origins *o);

#endif /* PK_IOC_ORIGIN_H */
