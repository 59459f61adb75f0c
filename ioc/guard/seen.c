/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/guard/seen.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/name.h"
#include "ioc/guard/seen_inside.h"

enum { ENTRIES_MAX = 1 << 24, TEXTS_MAX = 1 << 30 };

void pk_seen_conf_init(struct pk_seen_conf *conf)
{
	*conf = (struct pk_seen_conf){
		.addrs = 1 << 17,
		.names = 1 << 16,
		.name_bytes = 2 << 20,
		.span_sec = 3600,
	};
}

/* calloc(): pages that are never used are never taken. */
static int generation_init(struct pk_seen_generation *g,
			   const struct pk_seen_table *t)
{
	g->all = calloc(t->room, sizeof(*g->all));
	g->index = calloc((size_t)t->mask + 1, sizeof(*g->index));
	if (t->texts_room)
		g->texts = calloc(t->texts_room, 1);
	return g->all && g->index && (g->texts || !t->texts_room) ? 0 : -ENOMEM;
}

static void generation_fini(struct pk_seen_generation *g)
{
	free(g->all);
	free(g->index);
	free(g->texts);
}

static int table_init(struct pk_seen_table *t, uint32_t room, uint32_t texts)
{
	t->room = room;
	t->texts_room = texts;
	t->mask = 1;
	while (t->mask < room * 2)
		t->mask *= 2;
	t->mask--;
	return generation_init(&t->now, t) || generation_init(&t->before, t)
		       ? -ENOMEM
		       : 0;
}

int pk_seen_new(struct pk_seen **out, const struct pk_seen_conf *conf,
		uint64_t seed)
{
	struct pk_seen *s;

	if (!conf->addrs || conf->addrs > ENTRIES_MAX || !conf->names ||
	    conf->names > ENTRIES_MAX || conf->name_bytes <= PK_NAME_MAX ||
	    conf->name_bytes > TEXTS_MAX || !conf->span_sec)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->seed = seed;
	s->span_sec = conf->span_sec;
	if (table_init(&s->addrs, conf->addrs, 0) ||
	    table_init(&s->names, conf->names, conf->name_bytes)) {
		pk_seen_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void pk_seen_free(struct pk_seen *s)
{
	if (!s)
		return;
	generation_fini(&s->addrs.now);
	generation_fini(&s->addrs.before);
	generation_fini(&s->names.now);
	generation_fini(&s->names.before);
	free(s);
}

/* The older generation is forgotten and its memory begins anew. */
static void turn(struct pk_seen_table *t, uint32_t now)
{
	struct pk_seen_generation old = t->before;

	t->before = t->now;
	t->now = old;
	memset(t->now.index, 0, ((size_t)t->mask + 1) * sizeof(*t->now.index));
	t->now.count = 0;
	t->now.texts_len = 0;
	t->now.begun = now;
	t->turns++;
}

static uint32_t advance(struct pk_seen *s, struct pk_seen_table *t,
			uint32_t now)
{
	if (now > s->clock)
		s->clock = now;
	now = s->clock;
	if (!t->now.begun)
		t->now.begun = now;
	if (now - t->now.begun < s->span_sec)
		return now;
	/* After a long silence the newer generation is too old as well. */
	if (now - t->now.begun >= 2 * (uint64_t)s->span_sec)
		turn(t, now);
	turn(t, now);
	return now;
}

static bool same(const struct pk_seen_table *t, const struct pk_seen_entry *e,
		 const uint64_t key[2], const uint8_t *wire)
{
	if (e->key[0] != key[0])
		return false;
	if (!t->texts_room)
		return e->key[1] == key[1];
	return (e->key[1] & 0xff) == key[1] &&
	       !memcmp(t->now.texts + (e->key[1] >> 8), wire, key[1]);
}

/* The entry of @key, made if need be; @wire is a name of key[1] bytes. */
static struct pk_seen_entry *touch(struct pk_seen_table *t, uint64_t hash,
				   const uint64_t key[2], const uint8_t *wire)
{
	struct pk_seen_entry *e;
	uint32_t at = (uint32_t)hash & t->mask;

	for (; t->now.index[at]; at = (at + 1) & t->mask) {
		e = &t->now.all[t->now.index[at] - 1];
		if (same(t, e, key, wire))
			return e;
	}
	e = &t->now.all[t->now.count++];
	t->now.index[at] = t->now.count;
	e->key[0] = key[0];
	e->key[1] = key[1];
	e->count = 0;
	if (!t->texts_room)
		return e;
	e->key[1] |= (uint64_t)t->now.texts_len << 8;
	memcpy(t->now.texts + t->now.texts_len, wire, key[1]);
	t->now.texts_len += (uint32_t)key[1];
	return e;
}

static void count(struct pk_seen_entry *e, uint32_t now, uint64_t n)
{
	e->count =
		n > UINT32_MAX - e->count ? UINT32_MAX : e->count + (uint32_t)n;
	e->last = now;
}

void pk_seen_addr(struct pk_seen *s, const union pk_addr *addr, uint32_t now,
		  uint64_t packets)
{
	const uint64_t key[2] = { addr->q[0], addr->q[1] };

	now = advance(s, &s->addrs, now);
	if (s->addrs.now.count == s->addrs.room)
		turn(&s->addrs, now);
	count(touch(&s->addrs, pk_hash_v6(s->seed, key[0], key[1]), key, NULL),
	      now, packets);
}

void pk_seen_name(struct pk_seen *s, const uint8_t *wire, uint32_t now,
		  uint64_t queries)
{
	unsigned len = pk_name_length(wire, PK_NAME_MAX);
	uint64_t key[2];

	if (!len)
		return;
	key[0] = pk_name_hash(s->seed, wire);
	key[1] = len;
	now = advance(s, &s->names, now);
	if (s->names.now.count == s->names.room ||
	    s->names.texts_room - s->names.now.texts_len < len)
		turn(&s->names, now);
	count(touch(&s->names, key[0], key, wire), now, queries);
}

static uint64_t table_bytes(const struct pk_seen_table *t)
{
	return 2 * (t->room * sizeof(struct pk_seen_entry) +
		    ((uint64_t)t->mask + 1) * sizeof(uint32_t) + t->texts_room);
}

static uint32_t since(const struct pk_seen_table *t)
{
	return t->before.count ? t->before.begun : t->now.begun;
}

void pk_seen_stats(const struct pk_seen *s, struct pk_seen_stats *out)
{
	*out = (struct pk_seen_stats){
		.addrs = s->addrs.now.count + s->addrs.before.count,
		.names = s->names.now.count + s->names.before.count,
		.addrs_since = since(&s->addrs),
		.names_since = since(&s->names),
		.addrs_turns = s->addrs.turns,
		.names_turns = s->names.turns,
		.bytes = sizeof(*s) + table_bytes(&s->addrs) +
			 table_bytes(&s->names),
	};
}
