/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_room: arrays that grow without moving.
 *
 * A room is address space reserved once, made usable step by step: pointers
 * into it stay good until it is freed, and what it holds can be read by another
 * thread while it grows behind that. An arena is a room for byte strings of 1
 * to PK_ARENA_MAX bytes; what is given back is used again for strings of the
 * same length. Offsets fit 32 bits and are never 0.
 *
 * Part of the store, same rules for threads.
 */
#ifndef PK_IOC_STORE_ROOM_H
#define PK_IOC_STORE_ROOM_H

#include <stddef.h>
#include <stdint.h>

struct pk_room {
	uint8_t *at;
	uint64_t used;	/* bytes */
	uint64_t open;	/* bytes that may be touched */
	uint64_t limit; /* bytes reserved */
};

/* Reserve @limit bytes. 0 or -ENOMEM. A zeroed room is valid for fini. */
int pk_room_init(struct pk_room *room, uint64_t limit);
void pk_room_fini(struct pk_room *room);

/* Make the first @bytes usable (zero where new). 0, -ENOMEM; -ENOSPC beyond
 * the limit. Does not change used. */
int pk_room_open(struct pk_room *room, uint64_t bytes);

/* Give back the memory of what lies whole in @from to @to: it reads as 0. */
void pk_room_drop(struct pk_room *room, uint64_t from, uint64_t to);

/* Memory that was touched, in whole pages. */
uint64_t pk_room_bytes(const struct pk_room *room);

enum { PK_ARENA_MAX = 2056, PK_ARENA_MIN = 4 };

struct pk_arena {
	struct pk_room room;
	uint64_t dead; /* bytes in the lists */
	uint8_t mixed; /* later strings may be at earlier places */
	uint32_t free[PK_ARENA_MAX + 1]; /* by length: the last given back */
};

int pk_arena_init(struct pk_arena *a); /* 0 or -ENOMEM */

/* Make sure that @bytes more fit. 0, -ENOMEM or -ENOSPC. */
int pk_arena_reserve(struct pk_arena *a, uint64_t bytes);

/* Room for @len bytes; 0 when pk_arena_reserve(a, len) would fail. */
uint32_t pk_arena_take(struct pk_arena *a, unsigned len);
void pk_arena_give(struct pk_arena *a, uint32_t at, unsigned len);

#endif /* PK_IOC_STORE_ROOM_H */
