/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/store/store_places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/image.h"

enum {
	FIRST_SIZE = 1024, /* a page */
	FULL_PCT = 88,	   /* of a table, before it is made anew */
	DIRTY_PCT = 78,	   /* below it without what is deleted: same size */
	WANT_PCT = 84,	   /* of a table whose entries are known before */
	SPREAD = 40000,	   /* entries of the one table */
	BATCH = 64,	   /* numbers fetched ahead */
	TABLE_BYTES = PK_PLACES_STRIDE * 4,
};

/* Number 0 does not exist, so its entries mark what was deleted. */
#define DELETED 0x01000000U

static uint32_t *entries(const struct pk_places *p, unsigned t)
{
	return p->entry + (size_t)t * PK_PLACES_STRIDE;
}

/* Bits 56 to 63 choose the table, 24 to 55 the place, 0 to 7 are kept. */
static unsigned table_of(const struct pk_places *p, uint64_t hash)
{
	return p->tables == 1 ? 0 : (unsigned)(hash >> 56);
}

static uint32_t home(uint64_t hash, uint32_t size)
{
	return pk_scale((uint32_t)(hash >> 24), size);
}

static uint32_t entry_of(uint64_t hash, uint32_t n)
{
	return (uint32_t)(hash & 0xff) << 24 | n;
}

static int open_table(const struct pk_places *p, unsigned t, uint32_t size)
{
	if (size > PK_PLACES_STRIDE)
		return -ENOSPC;
	return mprotect(entries(p, t), size * sizeof(uint32_t),
			PROT_READ | PROT_WRITE)
		       ? -ENOMEM
		       : 0;
}

int pk_places_init(struct pk_places *p)
{
	void *at = mmap(NULL, (size_t)PK_PLACES_TABLES * TABLE_BYTES, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return -ENOMEM;
	memset(p, 0, sizeof(*p));
	p->entry = at;
	p->tables = 1;
	p->table[0].size = FIRST_SIZE;
	if (open_table(p, 0, FIRST_SIZE)) {
		pk_places_fini(p);
		return -ENOMEM;
	}
	return 0;
}

void pk_places_fini(struct pk_places *p)
{
	if (p->entry)
		munmap(p->entry, (size_t)PK_PLACES_TABLES * TABLE_BYTES);
	p->entry = NULL;
}

uint32_t pk_places_find(const struct pk_places *p,
			const struct pk_places_user *user, const void *arg,
			uint64_t hash, const void *key)
{
	unsigned t = table_of(p, hash);
	uint32_t size = p->table[t].size, at = home(hash, size), entry;
	const uint32_t *e = entries(p, t);

	while ((entry = e[at])) {
		if (entry >> 24 == (hash & 0xff) &&
		    (entry & PK_PLACES_NUMBER) &&
		    user->is(arg, entry & PK_PLACES_NUMBER, key))
			return entry & PK_PLACES_NUMBER;
		at = at + 1 == size ? 0 : at + 1;
	}
	return 0;
}

void pk_places_add(struct pk_places *p, uint64_t hash, uint32_t n)
{
	unsigned t = table_of(p, hash);
	uint32_t size = p->table[t].size, at = home(hash, size);
	uint32_t *e = entries(p, t);

	while (e[at] & PK_PLACES_NUMBER)
		at = at + 1 == size ? 0 : at + 1;
	if (!e[at])
		p->table[t].full++;
	e[at] = entry_of(hash, n);
	p->table[t].used++;
}

void pk_places_del(struct pk_places *p, uint64_t hash, uint32_t n)
{
	unsigned t = table_of(p, hash);
	uint32_t size = p->table[t].size, at = home(hash, size), next;
	uint32_t *e = entries(p, t);

	while (e[at] != entry_of(hash, n))
		at = at + 1 == size ? 0 : at + 1;
	next = at + 1 == size ? 0 : at + 1;
	p->table[t].used--;
	e[at] = DELETED;
	if (e[next])
		return;
	/* Nobody searches beyond here: what was deleted is free. */
	while (e[at] == DELETED) {
		e[at] = 0;
		p->table[t].full--;
		at = at ? at - 1 : size - 1;
	}
}

/* --- growth --------------------------------------------------------------- */

/* Take all entries of a table out, as numbers. */
static void empty_table(struct pk_places *p, unsigned t, uint32_t *numbers)
{
	uint32_t *e = entries(p, t), count = 0;

	for (uint32_t i = 0; i < p->table[t].size; i++)
		if (e[i] & PK_PLACES_NUMBER)
			numbers[count++] = e[i] & PK_PLACES_NUMBER;
	memset(e, 0, p->table[t].size * sizeof(*e));
	p->table[t].full = 0;
	p->table[t].used = 0;
}

static void put_all(struct pk_places *p, const struct pk_places_user *user,
		    const void *arg, const uint32_t *numbers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i += BATCH) {
		uint32_t end = count - i < BATCH ? count : i + BATCH;

		for (uint32_t j = i; j < end; j++)
			user->fetch(arg, numbers[j], 0);
		for (uint32_t j = i; j < end; j++)
			user->fetch(arg, numbers[j], 1);
		for (uint32_t j = i; j < end; j++)
			pk_places_add(p, user->hash(arg, numbers[j]),
				      numbers[j]);
	}
}

static int make_anew(struct pk_places *p, const struct pk_places_user *user,
		     const void *arg, unsigned t)
{
	struct pk_places_table *table = &p->table[t];
	uint32_t size = table->size, count = table->used, *numbers;

	if (count > size / 100 * DIRTY_PCT) {
		uint32_t more = size / 8 / FIRST_SIZE * FIRST_SIZE;

		size += more ? more : FIRST_SIZE;
		if (size < p->expect)
			size = p->expect;
	}
	if (open_table(p, t, size))
		return -ENOMEM;
	numbers = malloc((count + 1) * sizeof(*numbers));
	if (!numbers)
		return -ENOMEM;
	empty_table(p, t, numbers);
	table->size = size;
	put_all(p, user, arg, numbers, count);
	free(numbers);
	return 0;
}

/* From one table to all, of @size each. */
static int spread(struct pk_places *p, const struct pk_places_user *user,
		  const void *arg, uint32_t size)
{
	uint32_t count = p->table[0].used, *numbers;

	for (unsigned t = 0; t < PK_PLACES_TABLES; t++)
		if (open_table(p, t, size))
			return -ENOMEM;
	numbers = malloc((count + 1) * sizeof(*numbers));
	if (!numbers)
		return -ENOMEM;
	empty_table(p, 0, numbers);
	madvise(p->entry, TABLE_BYTES, MADV_DONTNEED);
	p->tables = PK_PLACES_TABLES;
	for (unsigned t = 0; t < PK_PLACES_TABLES; t++)
		p->table[t].size = size;
	put_all(p, user, arg, numbers, count);
	free(numbers);
	return 0;
}

int pk_places_make(struct pk_places *p, const struct pk_places_user *user,
		   const void *arg, uint64_t hash)
{
	unsigned t = table_of(p, hash);
	const struct pk_places_table *table = &p->table[t];
	int err;

	if (table->full < table->size / 100 * FULL_PCT)
		return 0;
	if (p->tables == 1 && table->used >= SPREAD)
		err = spread(p, user, arg, FIRST_SIZE);
	else
		err = make_anew(p, user, arg, t);
	/* Short of memory it gets slower first; a search ends at a free one. */
	return err && table->full + 1 < table->size ? 0 : err;
}

void pk_places_expect(struct pk_places *p, const struct pk_places_user *user,
		      const void *arg, uint32_t count)
{
	uint64_t each = count;

	for (unsigned t = 0; t < p->tables; t++)
		each += p->table[t].used;
	if (p->tables == 1 && each < SPREAD)
		return;
	each = each * 100 / WANT_PCT / PK_PLACES_TABLES;
	each = (each / FIRST_SIZE + 1) * FIRST_SIZE;
	if (each > PK_PLACES_STRIDE)
		return;
	p->expect = (uint32_t)each;
	if (p->tables == 1)
		(void)spread(p, user, arg, (uint32_t)each);
}

void pk_places_fetch(const struct pk_places *p, uint64_t hash)
{
	unsigned t = table_of(p, hash);

	__builtin_prefetch(entries(p, t) + home(hash, p->table[t].size));
}

uint32_t pk_places_guess(const struct pk_places *p, uint64_t hash)
{
	unsigned t = table_of(p, hash);
	uint32_t size = p->table[t].size, at = home(hash, size), entry;
	const uint32_t *e = entries(p, t);

	while ((entry = e[at]) && entry >> 24 != (hash & 0xff))
		at = at + 1 == size ? 0 : at + 1;
	return entry & PK_PLACES_NUMBER;
}

void pk_places_drop(struct pk_places *p)
{
	madvise(p->entry, (size_t)PK_PLACES_TABLES * TABLE_BYTES,
		MADV_DONTNEED);
}

uint64_t pk_places_bytes(const struct pk_places *p)
{
	uint64_t bytes = 0;

	for (unsigned t = 0; t < p->tables; t++)
		bytes += p->table[t].size * sizeof(uint32_t);
	return bytes;
}

int pk_places_restore(struct pk_places *p)
{
	if (p->tables != 1 && p->tables != PK_PLACES_TABLES)
		return -EBADMSG;
	for (unsigned t = 0; t < p->tables; t++) {
		const struct pk_places_table *table = &p->table[t];

		if (!table->size || table->size > PK_PLACES_STRIDE ||
		    table->full >= table->size || table->used > table->full)
			return -EBADMSG;
		if (open_table(p, t, table->size))
			return -ENOMEM;
	}
	return 0;
}
