/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *   index (heads of chains) ──► entry ──► entry      entries of one array,
 *                                 │                  in a list by last use
 *                                 └► buffer: oldest at `first`, `count` long
 */
#include "control/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	KEYS_MAX = 1 << 24,
	BUFFER_FIRST = 4,
	NONE = -1,
	SLICE_BYTES = 64 << 10,
	SLICE_KEYS = 1024,
};

struct pk_window_entry {
	struct pk_window_key key;
	struct pk_window_evidence *buffer;
	uint32_t room;
	uint32_t first;
	uint32_t count;
	int32_t chain;
	int32_t newer; /* in the list by last use */
	int32_t older;
	uint64_t used; /* grows along that list */
};

struct pk_window {
	struct pk_window_entry *entries;
	int32_t *index;
	uint32_t index_mask;
	uint32_t capacity;
	int32_t newest;
	int32_t oldest;
	uint64_t uses;
	uint64_t seed;
	struct pk_window_counters counters;
};

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 1;

	while (p < n)
		p *= 2;
	return p;
}

int pk_window_new(struct pk_window **out, uint32_t keys, uint64_t seed)
{
	struct pk_window *w;

	if (keys > KEYS_MAX)
		return -EINVAL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->capacity = keys ? keys : PK_WINDOW_KEYS;
	w->index_mask = power_of_two(w->capacity) - 1;
	w->newest = w->oldest = NONE;
	w->seed = seed;
	w->entries = calloc(w->capacity, sizeof(*w->entries));
	w->index = malloc((w->index_mask + 1) * sizeof(*w->index));
	if (!w->entries || !w->index)
		goto fail;
	memset(w->index, 0xff, (w->index_mask + 1) * sizeof(*w->index));
	*out = w;
	return 0;
fail:
	pk_window_free(w);
	return -ENOMEM;
}

void pk_window_free(struct pk_window *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; w->entries && i < w->capacity; i++)
		free(w->entries[i].buffer);
	free(w->entries);
	free(w->index);
	free(w);
}

static int32_t *bucket(struct pk_window *w, const struct pk_window_key *key)
{
	uint64_t hash = XXH3_64bits_withSeed(key, sizeof(*key), w->seed);

	return &w->index[hash & w->index_mask];
}

static int32_t find(struct pk_window *w, const struct pk_window_key *key)
{
	int32_t i = *bucket(w, key);

	while (i != NONE && memcmp(&w->entries[i].key, key, sizeof(*key)) != 0)
		i = w->entries[i].chain;
	return i;
}

static void list_remove(struct pk_window *w, int32_t i)
{
	struct pk_window_entry *e = &w->entries[i];

	if (e->newer != NONE)
		w->entries[e->newer].older = e->older;
	else
		w->newest = e->older;
	if (e->older != NONE)
		w->entries[e->older].newer = e->newer;
	else
		w->oldest = e->newer;
}

static void list_push(struct pk_window *w, int32_t i)
{
	struct pk_window_entry *e = &w->entries[i];

	e->used = ++w->uses;
	e->newer = NONE;
	e->older = w->newest;
	if (w->newest != NONE)
		w->entries[w->newest].newer = i;
	else
		w->oldest = i;
	w->newest = i;
}

static int32_t evict(struct pk_window *w)
{
	int32_t i = w->oldest, *link;
	struct pk_window_entry *e = &w->entries[i];

	list_remove(w, i);
	link = bucket(w, &e->key);
	while (*link != i)
		link = &w->entries[*link].chain;
	*link = e->chain;
	w->counters.forgotten += e->count;
	w->counters.resident -= e->count;
	w->counters.evicted++;
	w->counters.keys--;
	free(e->buffer);
	memset(e, 0, sizeof(*e));
	return i;
}

/* A place for @key, with a first buffer of its own. */
static int32_t insert(struct pk_window *w, const struct pk_window_key *key)
{
	struct pk_window_evidence *buffer;
	struct pk_window_entry *e;
	int32_t i, *head;

	buffer = malloc(BUFFER_FIRST * sizeof(*buffer));
	if (!buffer) {
		w->counters.starved++;
		return NONE;
	}
	i = w->counters.keys == w->capacity ? evict(w)
					    : (int32_t)w->counters.keys;
	e = &w->entries[i];
	head = bucket(w, key);
	*e = (struct pk_window_entry){
		.key = *key,
		.buffer = buffer,
		.room = BUFFER_FIRST,
		.chain = *head,
	};
	*head = i;
	list_push(w, i);
	w->counters.keys++;
	return i;
}

static uint32_t place(const struct pk_window_entry *e, uint32_t n)
{
	uint32_t at = e->first + n;

	return at < e->room ? at : at - e->room;
}

static void drop_oldest(struct pk_window *w, struct pk_window_entry *e)
{
	e->first = place(e, 1);
	e->count--;
	w->counters.resident--;
}

/* Unroll the circle into a buffer of twice the room, @most at most. */
static int grow(struct pk_window_entry *e, uint32_t most)
{
	uint32_t room = e->room > most / 2 ? most : e->room * 2;
	uint32_t tail = e->room - e->first;
	struct pk_window_evidence *buffer = malloc(room * sizeof(*buffer));

	if (!buffer)
		return -ENOMEM;
	memcpy(buffer, e->buffer + e->first, tail * sizeof(*buffer));
	memcpy(buffer + tail, e->buffer, e->first * sizeof(*buffer));
	free(e->buffer);
	e->buffer = buffer;
	e->room = room;
	e->first = 0;
	return 0;
}

static void append(struct pk_window *w, struct pk_window_entry *e,
		   uint32_t most, const struct pk_window_evidence *evidence)
{
	if (e->count >= most) {
		drop_oldest(w, e);
		w->counters.displaced++;
	} else if (e->count == e->room && grow(e, most)) {
		drop_oldest(w, e);
		w->counters.displaced++;
		w->counters.starved++;
	}
	e->buffer[place(e, e->count++)] = *evidence;
	w->counters.resident++;
}

const struct pk_window_entry *pk_window_add(
	struct pk_window *w, const struct pk_window_key *key,
	const struct pk_window_rule *rule,
	const struct pk_window_evidence *evidence)
{
	struct pk_window_evidence now = *evidence;
	struct pk_window_entry *e;
	int32_t i = find(w, key);

	if (i != NONE) {
		list_remove(w, i);
		list_push(w, i);
	} else {
		i = insert(w, key);
	}
	if (i == NONE)
		return NULL;
	w->counters.events++;
	e = &w->entries[i];
	if (e->count && e->buffer[place(e, e->count - 1)].seen_ns > now.seen_ns)
		now.seen_ns = e->buffer[place(e, e->count - 1)].seen_ns;
	while (e->count &&
	       now.seen_ns - e->buffer[e->first].seen_ns > rule->span_ns) {
		drop_oldest(w, e);
		w->counters.aged++;
	}
	append(w, e, rule->threshold + 1, &now);
	return e;
}

uint32_t pk_window_count(const struct pk_window_entry *entry)
{
	return entry->count;
}

uint64_t pk_window_first_ns(const struct pk_window_entry *entry)
{
	return entry->buffer[entry->first].seen_ns;
}

/* A set of places in a buffer, as open addressing; 0 is empty. */
struct set {
	uint32_t *slot;
	uint32_t mask;
};

static int same_host(const struct pk_window_evidence *a,
		     const struct pk_window_evidence *b)
{
	return memcmp(&a->dst, &b->dst, sizeof(a->dst)) == 0;
}

static int add_host(struct set *s, const struct pk_window_entry *e, uint32_t n,
		    uint64_t seed)
{
	const struct pk_window_evidence *it = &e->buffer[place(e, n)];
	uint64_t at = XXH3_64bits_withSeed(&it->dst, sizeof(it->dst), seed);

	for (at &= s->mask; s->slot[at]; at = (at + 1) & s->mask)
		if (same_host(&e->buffer[place(e, s->slot[at] - 1)], it))
			return 0;
	s->slot[at] = n + 1;
	return 1;
}

static uint32_t count_ports(const struct pk_window_entry *e)
{
	uint64_t seen[65536 / 64] = { 0 };
	uint32_t ports = 0;

	for (uint32_t n = 0; n < e->count; n++) {
		uint16_t port = e->buffer[place(e, n)].dport;
		uint64_t bit = 1ULL << port % 64;

		ports += !(seen[port / 64] & bit);
		seen[port / 64] |= bit;
	}
	return ports;
}

void pk_window_summarize(const struct pk_window *w,
			 const struct pk_window_entry *entry,
			 struct pk_window_summary *out)
{
	struct set s = { .mask = power_of_two(entry->count * 2) - 1 };

	memset(out, 0, sizeof(*out));
	out->ports = count_ports(entry);
	s.slot = calloc(s.mask + 1, sizeof(*s.slot));
	if (!s.slot)
		return;
	for (uint32_t n = 0; n < entry->count; n++) {
		if (!add_host(&s, entry, n, w->seed))
			continue;
		out->hosts++;
		if (out->named < PK_WINDOW_HOSTS)
			out->host[out->named++] =
				entry->buffer[place(entry, n)].dst;
	}
	free(s.slot);
}

void pk_window_each(const struct pk_window_entry *entry,
		    void (*show)(void *arg, const struct pk_window_evidence *),
		    void *arg)
{
	for (uint32_t n = 0; n < entry->count; n++)
		show(arg, &entry->buffer[place(entry, n)]);
}

const struct pk_window_counters *pk_window_counted(const struct pk_window *w)
{
	return &w->counters;
}

/* --- over a restart ----------------------------------------------------------- */

static void put_entry(const struct pk_window_entry *e, struct pk_writer *out)
{
	pk_put_u8(out, 1);
	pk_put_u64(out, e->used);
	pk_put_bytes(out, &e->key.observer, sizeof(e->key.observer));
	pk_put_bytes(out, &e->key.src, sizeof(e->key.src));
	pk_put_u64(out, e->key.detector);
	pk_put_u32(out, e->count);
	for (uint32_t n = 0; n < e->count; n++) {
		const struct pk_window_evidence *it = &e->buffer[place(e, n)];

		pk_put_u64(out, it->seen_ns);
		pk_put_bytes(out, &it->dst, sizeof(it->dst));
		pk_put_u16(out, it->dport);
	}
}

int pk_window_save(const struct pk_window *w, struct pk_writer *out,
		   uint64_t *at)
{
	size_t begun = out->used;
	uint64_t end = *at + SLICE_KEYS;

	while (*at < w->counters.keys) {
		if (*at == end || out->used - begun > SLICE_BYTES)
			return 1;
		put_entry(&w->entries[(*at)++], out);
	}
	pk_put_u8(out, 0);
	return out->err;
}

/* A key in a checkpoint: where its pieces are. */
struct kept {
	uint64_t used;
	struct pk_window_key key;
	struct pk_reader pieces;
	uint32_t count;
};

/* 1, or 0 behind the last one or a fault. */
static int get_entry(struct pk_reader *r, struct kept *k)
{
	const size_t size =
		sizeof(uint64_t) + sizeof(union pk_addr) + sizeof(uint16_t);

	if (!pk_get_u8(r))
		return 0;
	k->used = pk_get_u64(r);
	pk_get_bytes(r, &k->key.observer, sizeof(k->key.observer));
	pk_get_bytes(r, &k->key.src, sizeof(k->key.src));
	k->key.detector = pk_get_u64(r);
	k->count = pk_get_u32(r);
	k->pieces = (struct pk_reader){ r->bytes, k->count * size, 0 };
	return pk_get_room(r, k->count * size) != NULL;
}

static int by_use(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return (x->used > y->used) - (x->used < y->used);
}

/* As if it was all seen again, up to @now_ns. */
static void restore(struct pk_window *w, struct kept *k,
		    const struct pk_window_rule *rule, uint64_t now_ns)
{
	for (uint32_t n = 0; n < k->count; n++) {
		struct pk_window_evidence it = { 0 };
		uint64_t before = w->counters.events;

		it.seen_ns = pk_get_u64(&k->pieces);
		pk_get_bytes(&k->pieces, &it.dst, sizeof(it.dst));
		it.dport = pk_get_u16(&k->pieces);
		if (it.seen_ns > now_ns) {
			w->counters.ahead++;
			continue;
		}
		pk_window_add(w, &k->key, rule, &it);
		w->counters.restored += w->counters.events - before;
		w->counters.events = before;
	}
}

int pk_window_load(struct pk_window *w, struct pk_reader *r,
		   pk_window_rule_fn *rule_of, void *arg, uint64_t now_ns)
{
	struct pk_reader all = *r;
	struct pk_window_rule rule;
	struct kept one, *list;
	size_t n = 0;

	while (get_entry(&all, &one))
		n++;
	if (all.err)
		return all.err;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		get_entry(r, &list[i]);
	qsort(list, n, sizeof(*list), by_use);
	for (size_t i = 0; i < n; i++)
		if (!rule_of(arg, &list[i].key.detector, &rule))
			restore(w, &list[i], &rule, now_ns);
	free(list);
	return 0;
}
