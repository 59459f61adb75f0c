/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/threat_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct due {
	uint64_t due_ns; /* as known; never later than the true one */
	struct pk_threat_entry *entry;
};

struct pk_threat_table {
	struct pk_threat_entry **index;
	struct pk_threat_entry **ids; /* of index_mask + 1; or NULL */
	struct due *heap;
	uint32_t index_mask;
	uint32_t capacity;
	uint32_t room; /* of the heap; more than capacity behind a load */
	uint32_t count;
	struct pk_threat_entry *newest;
	struct pk_threat_entry *oldest;
	uint64_t seed;
	uint64_t order;
	uint64_t touches;
	uint64_t rekeyed;
};

int pk_threat_table_new(struct pk_threat_table **out, uint32_t capacity,
			uint64_t seed)
{
	struct pk_threat_table *t = calloc(1, sizeof(*t));
	uint32_t buckets = 1;

	if (!t)
		return -ENOMEM;
	while (buckets < capacity)
		buckets *= 2;
	t->capacity = t->room = capacity;
	t->index_mask = buckets - 1;
	t->seed = seed;
	t->index = calloc(buckets, sizeof(*t->index));
	t->heap = calloc(capacity, sizeof(*t->heap));
	if (!t->index || !t->heap) {
		pk_threat_table_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

static void free_entry(struct pk_threat_entry *e)
{
	free((void *)(uintptr_t)e->shown.indicator);
	free((void *)(uintptr_t)e->shown.name);
	free(e->words);
	free(e);
}

void pk_threat_table_free(struct pk_threat_table *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->count; i++)
		free_entry(t->heap[i].entry);
	free(t->index);
	free(t->ids);
	free(t->heap);
	free(t);
}

static struct pk_threat_entry **bucket(struct pk_threat_table *t,
				       const struct pk_threat_key *key)
{
	uint64_t hash = XXH3_64bits_withSeed(key, sizeof(*key), t->seed);

	return &t->index[hash & t->index_mask];
}

struct pk_threat_entry *pk_threat_table_find(struct pk_threat_table *t,
					     const struct pk_threat_key *key)
{
	struct pk_threat_entry *e = *bucket(t, key);

	while (e && memcmp(&e->key, key, sizeof(*key)) != 0)
		e = e->chain;
	return e;
}

static void list_remove(struct pk_threat_table *t, struct pk_threat_entry *e)
{
	if (e->newer)
		e->newer->older = e->older;
	else
		t->newest = e->older;
	if (e->older)
		e->older->newer = e->newer;
	else
		t->oldest = e->newer;
}

static void list_push(struct pk_threat_table *t, struct pk_threat_entry *e)
{
	e->touched = ++t->touches;
	e->newer = NULL;
	e->older = t->newest;
	if (t->newest)
		t->newest->newer = e;
	else
		t->oldest = e;
	t->newest = e;
}

static int before(const struct due *a, const struct due *b)
{
	if (a->due_ns != b->due_ns)
		return a->due_ns < b->due_ns;
	return a->entry->order < b->entry->order;
}

static void put(struct pk_threat_table *t, uint32_t at, struct due d)
{
	t->heap[at] = d;
	d.entry->place = at;
}

static void sift_up(struct pk_threat_table *t, uint32_t at, struct due d)
{
	while (at > 0 && before(&d, &t->heap[(at - 1) / 2])) {
		put(t, at, t->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(t, at, d);
}

static void sift_down(struct pk_threat_table *t, uint32_t at, struct due d)
{
	uint32_t child;

	while ((child = 2 * at + 1) < t->count) {
		if (child + 1 < t->count &&
		    before(&t->heap[child + 1], &t->heap[child]))
			child++;
		if (!before(&t->heap[child], &d))
			break;
		put(t, at, t->heap[child]);
		at = child;
	}
	put(t, at, d);
}

static int make_room(struct pk_threat_table *t)
{
	uint32_t room = t->room + t->room / 2 + 1;
	struct due *heap;

	if (t->count < t->room)
		return 0;
	heap = realloc(t->heap, room * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	t->heap = heap;
	t->room = room;
	return 0;
}

struct pk_threat_entry *pk_threat_table_put(struct pk_threat_table *t,
					    const struct pk_threat_key *key,
					    uint64_t due_ns, uint64_t order)
{
	struct pk_threat_entry **head = bucket(t, key);
	struct pk_threat_entry *e;

	e = make_room(t) ? NULL : calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->key = *key;
	e->due_ns = due_ns;
	e->order = order;
	if (t->order <= order)
		t->order = order + 1;
	e->chain = *head;
	*head = e;
	list_push(t, e);
	sift_up(t, t->count++, (struct due){ due_ns, e });
	return e;
}

uint64_t pk_threat_table_order(const struct pk_threat_table *t)
{
	return t->order;
}

struct pk_threat_entry *pk_threat_table_add(struct pk_threat_table *t,
					    const struct pk_threat_key *key,
					    uint64_t due_ns)
{
	return pk_threat_table_put(t, key, due_ns, t->order);
}

static void unchain(struct pk_threat_table *t, struct pk_threat_entry *e)
{
	struct pk_threat_entry **link = bucket(t, &e->key);

	while (*link != e)
		link = &(*link)->chain;
	*link = e->chain;
}

void pk_threat_table_rekey(struct pk_threat_table *t, struct pk_threat_entry *e,
			   const struct pk_threat_key *key)
{
	struct pk_threat_entry **head = bucket(t, key);

	unchain(t, e);
	e->key = *key;
	e->chain = *head;
	*head = e;
	e->rekeyed = ++t->rekeyed;
}

uint64_t pk_threat_table_rekeyed(const struct pk_threat_table *t)
{
	return t->rekeyed;
}

/* --- by id -------------------------------------------------------------------- */

/* An id is a hash already. */
static struct pk_threat_entry **id_bucket(const struct pk_threat_table *t,
					  const uint64_t id[2])
{
	return &t->ids[id[0] & t->index_mask];
}

int pk_threat_table_keep_ids(struct pk_threat_table *t)
{
	if (t->ids)
		return 0;
	t->ids = calloc((size_t)t->index_mask + 1,
			sizeof(struct pk_threat_entry *));
	if (!t->ids)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->count; i++)
		pk_threat_table_name(t, t->heap[i].entry);
	return 0;
}

void pk_threat_table_forget_ids(struct pk_threat_table *t)
{
	free(t->ids);
	t->ids = NULL;
}

void pk_threat_table_name(struct pk_threat_table *t, struct pk_threat_entry *e)
{
	struct pk_threat_entry **head;

	if (!t->ids)
		return;
	head = id_bucket(t, e->shown.id);
	e->same = *head;
	*head = e;
}

struct pk_threat_entry *pk_threat_table_by_id(const struct pk_threat_table *t,
					      const uint64_t id[2])
{
	struct pk_threat_entry *e = t->ids ? *id_bucket(t, id) : NULL;

	while (e && memcmp(e->shown.id, id, sizeof(e->shown.id)) != 0)
		e = e->same;
	return e;
}

/* One that was not named yet is in no chain. */
static void unname(struct pk_threat_table *t, struct pk_threat_entry *e)
{
	struct pk_threat_entry **link;

	if (!t->ids)
		return;
	link = id_bucket(t, e->shown.id);
	while (*link && *link != e)
		link = &(*link)->same;
	if (*link)
		*link = e->same;
}

void pk_threat_table_del(struct pk_threat_table *t, struct pk_threat_entry *e)
{
	uint32_t at = e->place;
	struct due last;

	unchain(t, e);
	unname(t, e);
	list_remove(t, e);
	last = t->heap[--t->count];
	if (at < t->count && at > 0 && before(&last, &t->heap[(at - 1) / 2]))
		sift_up(t, at, last);
	else if (at < t->count)
		sift_down(t, at, last);
	free_entry(e);
}

void pk_threat_table_touch(struct pk_threat_table *t, struct pk_threat_entry *e)
{
	list_remove(t, e);
	list_push(t, e);
}

struct pk_threat_entry *pk_threat_table_full(struct pk_threat_table *t)
{
	return t->count < t->capacity ? NULL : t->oldest;
}

int pk_threat_table_over(const struct pk_threat_table *t)
{
	return t->count > t->capacity;
}

struct pk_threat_entry *pk_threat_table_due(struct pk_threat_table *t,
					    uint64_t now_ns)
{
	while (t->count && t->heap[0].due_ns <= now_ns) {
		struct pk_threat_entry *e = t->heap[0].entry;

		if (e->due_ns == t->heap[0].due_ns)
			return e;
		sift_down(t, 0, (struct due){ e->due_ns, e });
	}
	return NULL;
}

uint32_t pk_threat_table_count(const struct pk_threat_table *t)
{
	return t->count;
}

struct pk_threat_entry *pk_threat_table_at(const struct pk_threat_table *t,
					   uint32_t place)
{
	return t->heap[place].entry;
}

uint32_t pk_threat_table_buckets(const struct pk_threat_table *t)
{
	return t->index_mask + 1;
}

const struct pk_threat_entry *pk_threat_table_bucket(
	const struct pk_threat_table *t, uint32_t number)
{
	return t->index[number];
}
