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
	struct due *heap;
	uint32_t index_mask;
	uint32_t capacity;
	uint32_t count;
	struct pk_threat_entry *newest;
	struct pk_threat_entry *oldest;
	uint64_t seed;
	uint64_t order;
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
	t->capacity = capacity;
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
	free(e);
}

void pk_threat_table_free(struct pk_threat_table *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->count; i++)
		free_entry(t->heap[i].entry);
	free(t->index);
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

struct pk_threat_entry *pk_threat_table_add(struct pk_threat_table *t,
					    const struct pk_threat_key *key,
					    uint64_t due_ns)
{
	struct pk_threat_entry *e = calloc(1, sizeof(*e));
	struct pk_threat_entry **head = bucket(t, key);

	if (!e)
		return NULL;
	e->key = *key;
	e->due_ns = due_ns;
	e->order = t->order++;
	e->chain = *head;
	*head = e;
	list_push(t, e);
	sift_up(t, t->count++, (struct due){ due_ns, e });
	return e;
}

void pk_threat_table_del(struct pk_threat_table *t, struct pk_threat_entry *e)
{
	struct pk_threat_entry **link = bucket(t, &e->key);
	uint32_t at = e->place;
	struct due last;

	while (*link != e)
		link = &(*link)->chain;
	*link = e->chain;
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

const struct pk_threat_entry *pk_threat_table_at(
	const struct pk_threat_table *t, uint32_t place)
{
	return t->heap[place].entry;
}
