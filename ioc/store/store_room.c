/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/store/store_room.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, STEP = 1 << 18, FIRST = 4 };

/* Offsets are 32 bits. */
#define ARENA_LIMIT (1ULL << 32)

static uint64_t rounded(uint64_t bytes, uint64_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

/* --- room ----------------------------------------------------------------- */

int pk_room_init(struct pk_room *room, uint64_t limit)
{
	void *at;

	limit = rounded(limit, PAGE);
	/* Not accounted for until it is opened, whatever the system's rules. */
	at = mmap(NULL, limit, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -ENOMEM;
	*room = (struct pk_room){ .at = at, .limit = limit };
	return 0;
}

void pk_room_fini(struct pk_room *room)
{
	if (room->at)
		munmap(room->at, room->limit);
	*room = (struct pk_room){ 0 };
}

int pk_room_open(struct pk_room *room, uint64_t bytes)
{
	uint64_t want;

	if (bytes <= room->open)
		return 0;
	if (bytes > room->limit)
		return -ENOSPC;
	/* In growing steps: each is a system call. */
	want = rounded(bytes + room->open / 8, STEP);
	if (want > room->limit)
		want = room->limit;
	if (mprotect(room->at, want, PROT_READ | PROT_WRITE))
		return -ENOMEM;
	room->open = want;
	return 0;
}

void pk_room_drop(struct pk_room *room, uint64_t from, uint64_t to)
{
	from = rounded(from, PAGE);
	to -= to % PAGE;
	if (from < to)
		madvise(room->at + from, to - from, MADV_DONTNEED);
}

uint64_t pk_room_bytes(const struct pk_room *room)
{
	return rounded(room->used, PAGE);
}

/* --- arena ---------------------------------------------------------------- */

int pk_arena_init(struct pk_arena *a)
{
	int err;

	memset(a, 0, sizeof(*a));
	err = pk_room_init(&a->room, ARENA_LIMIT);
	if (!err)
		a->room.used = FIRST; /* no string is at 0 */
	return err ? err : pk_room_open(&a->room, FIRST);
}

int pk_arena_reserve(struct pk_arena *a, uint64_t bytes)
{
	return pk_room_open(&a->room, a->room.used + bytes);
}

/* What is given back holds the next one of its list. */
static unsigned true_length(unsigned len)
{
	return len < PK_ARENA_MIN ? PK_ARENA_MIN : len;
}

uint32_t pk_arena_take(struct pk_arena *a, unsigned len)
{
	uint32_t at;

	len = true_length(len);
	at = a->free[len];
	if (at) {
		memcpy(&a->free[len], a->room.at + at, sizeof(uint32_t));
		a->dead -= len;
		a->mixed = 1;
		return at;
	}
	if (pk_arena_reserve(a, len))
		return 0;
	at = (uint32_t)a->room.used;
	a->room.used += len;
	return at;
}

void pk_arena_give(struct pk_arena *a, uint32_t at, unsigned len)
{
	len = true_length(len);
	memcpy(a->room.at + at, &a->free[len], sizeof(uint32_t));
	a->free[len] = at;
	a->dead += len;
}
