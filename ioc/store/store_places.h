/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_places: a hash index of numbers, 4 to 6 bytes each.
 *
 * An entry is a number (1 .. 2^24 - 1) and 8 bits of its hash; what the number
 * stands for is the user's. Open addressing with linear probing, 0.75 to 0.88
 * full. Once large, the index is 256 tables that grow one at a time, so no
 * single addition takes longer than a millisecond or two.
 *
 * Part of the store, same rules for threads.
 */
#ifndef PK_IOC_STORE_PLACES_H
#define PK_IOC_STORE_PLACES_H

#include <stdint.h>

#include "ioc/store/store_room.h"

enum {
	PK_PLACES_TABLES = 256,
	PK_PLACES_STRIDE = 1 << 17, /* most entries of a table */
	PK_PLACES_NUMBER = 0x00ffffff,
};

/* How the index asks its user about number @n. */
struct pk_places_user {
	uint64_t (*hash)(const void *user, uint32_t n);
	/* Prefetch for hash(): first what leads to it, then (@deep) the rest */
	void (*fetch)(const void *user, uint32_t n, int deep);
	int (*is)(const void *user, uint32_t n, const void *key);
};

struct pk_places_table {
	uint32_t size; /* entries */
	uint32_t full; /* not free: in use or deleted */
	uint32_t used;
};

struct pk_places {
	uint32_t *entry; /* tables at every PK_PLACES_STRIDE */
	uint32_t tables; /* 1 or PK_PLACES_TABLES */
	uint32_t expect; /* entries of each, when they are all there */
	struct pk_places_table table[PK_PLACES_TABLES];
};

int pk_places_init(struct pk_places *p); /* 0 or -ENOMEM */
void pk_places_fini(struct pk_places *p);

/* The number whose hash is @hash and that is @key, or 0. */
uint32_t pk_places_find(const struct pk_places *p,
			const struct pk_places_user *user, const void *arg,
			uint64_t hash, const void *key);

/* Make room for one more with @hash. 0 or -ENOMEM. */
int pk_places_make(struct pk_places *p, const struct pk_places_user *user,
		   const void *arg, uint64_t hash);

/* A hint: @count will be put in. The tables of a large index grow to what they
 * need then, each when it is full. */
void pk_places_expect(struct pk_places *p, const struct pk_places_user *user,
		      const void *arg, uint32_t count);

/* Prefetch for pk_places_find() or pk_places_del() of a hash. */
void pk_places_fetch(const struct pk_places *p, uint64_t hash);

/* The number that pk_places_find() is likely to ask about first, or 0. */
uint32_t pk_places_guess(const struct pk_places *p, uint64_t hash);

/* Forget all entries and give their memory back; none may be added again. */
void pk_places_drop(struct pk_places *p);

/* Put in (after pk_places_make()), or take out, what is there once. */
void pk_places_add(struct pk_places *p, uint64_t hash, uint32_t n);
void pk_places_del(struct pk_places *p, uint64_t hash, uint32_t n);

uint64_t pk_places_bytes(const struct pk_places *p);

/* Make tables usable as p->tables and p->table[] say. 0, -ENOMEM, -EBADMSG. */
int pk_places_restore(struct pk_places *p);

#endif /* PK_IOC_STORE_PLACES_H */
