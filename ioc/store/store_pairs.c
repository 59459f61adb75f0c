/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "ioc/store/store_inside.h"

enum { CONFIDENCE_UNKNOWN = 50 }; /* what "not said" counts as */

/* --- walking -------------------------------------------------------------- */

static struct pair_walk at_record(const struct pk_store *s, uint32_t r)
{
	struct pair_walk w = { .next = 0 };

	if (r) {
		w.pair.origin = s->record[r].origin;
		w.pair.id = s->record[r].id;
		w.next = s->record[r].next;
	}
	return w;
}

struct pair_walk pk_pairs_first(const struct pk_store *s, uint32_t slot)
{
	uint32_t meta = s->meta[slot];

	if (meta & RECORD)
		return at_record(s, meta & ~RECORD);
	return (struct pair_walk){ .pair.origin = meta };
}

void pk_pairs_next(const struct pk_store *s, struct pair_walk *w)
{
	*w = at_record(s, w->next);
}

struct pair pk_pairs_find(const struct pk_store *s, uint32_t slot,
			  uint16_t feed)
{
	struct pair_walk w = pk_pairs_first(s, slot);

	while (w.pair.origin && pair_feed(s, w.pair) != feed)
		pk_pairs_next(s, &w);
	return w.pair;
}

/* --- holding -------------------------------------------------------------- */

static const char *id_of(const struct pk_store *s, struct pair pair)
{
	return pair.id ? (const char *)s->arena.room.at + pair.id : "";
}

int pk_pairs_hold(struct pk_store *s, const struct pk_indicator *ind,
		  struct pair *pair)
{
	size_t len = strnlen(ind->meta.id, PK_ID_MAX);
	int err;

	*pair = (struct pair){ 0 };
	pair->origin =
		pk_origins_take(&s->origins, ind->feed, &ind->meta, &err);
	if (!pair->origin || !len)
		return err;
	pair->id = pk_arena_take(&s->arena, (unsigned)len + 1);
	if (!pair->id) {
		pk_pairs_drop(s, *pair);
		return -ENOMEM;
	}
	memcpy(s->arena.room.at + pair->id, ind->meta.id, len);
	s->arena.room.at[pair->id + len] = 0;
	return 0;
}

void pk_pairs_drop(struct pk_store *s, struct pair pair)
{
	if (pair.id)
		pk_arena_give(&s->arena, pair.id,
			      (unsigned)strlen(id_of(s, pair)) + 1);
	if (pair.origin)
		pk_origins_drop(&s->origins, pair.origin);
}

void pk_pairs_meta(const struct pk_store *s, struct pair pair,
		   struct pk_meta *out)
{
	pk_origin_meta(&s->origins, pair.origin, out);
	out->id = id_of(s, pair);
}

/* --- records -------------------------------------------------------------- */

static uint32_t take_record(struct pk_store *s)
{
	uint32_t r = s->n.free_record;

	if (r) {
		s->n.free_record = s->record[r].next;
		return r;
	}
	s->record_room.used += sizeof(*s->record);
	return s->n.records++;
}

static void give_record(struct pk_store *s, uint32_t r)
{
	s->record[r] = (struct record){ .next = s->n.free_record };
	s->n.free_record = r;
}

int pk_pairs_make(struct pk_store *s, uint32_t slot, struct pair pair)
{
	int err;

	if (s->n.records + 2 > RECORDS_MAX)
		return -ENOSPC;
	/* At most two: the pair's and that of the one alone before it. */
	err = pk_room_open(&s->record_room,
			   s->record_room.used + 2 * sizeof(*s->record));
	if (!err && pair_until(s, pair))
		err = pk_due_make(&s->due, slot);
	return err;
}

/* --- keeping -------------------------------------------------------------- */

static void count_pair(struct pk_store *s, struct pair pair, int by)
{
	s->n.feed_items[pair_feed(s, pair)] += (uint32_t)by;
	if (pair_until(s, pair))
		s->n.stats.expiring += (uint32_t)by;
}

static void set_due(struct pk_store *s, uint32_t slot)
{
	uint32_t due = PK_DUE_NEVER;

	for (struct pair_walk w = pk_pairs_first(s, slot); w.pair.origin;
	     pk_pairs_next(s, &w)) {
		uint32_t until = pair_until(s, w.pair);

		if (until && until < due)
			due = until;
	}
	pk_due_set(&s->due, slot, due);
}

static unsigned confidence(const struct pk_origin *o)
{
	return o->confidence == PK_CONFIDENCE_UNKNOWN ? CONFIDENCE_UNKNOWN
						      : o->confidence;
}

/* Is @a reported rather than @b? */
static bool is_before(const struct pk_store *s, uint32_t a, uint32_t b)
{
	const struct pk_origin *oa = pk_origin_at(&s->origins, a);
	const struct pk_origin *ob = pk_origin_at(&s->origins, b);

	if (confidence(oa) != confidence(ob))
		return confidence(oa) > confidence(ob);
	return oa->feed < ob->feed;
}

static uint32_t new_record(struct pk_store *s, struct pair pair)
{
	uint32_t r = take_record(s);

	s->record[r] = (struct record){ pair.origin, pair.id, 0 };
	return r;
}

/* Put record @r where it belongs in the chain that begins in meta[]. */
static void chain(struct pk_store *s, uint32_t slot, uint32_t r)
{
	uint32_t at = s->meta[slot] & ~RECORD, before = 0;

	while (at && is_before(s, s->record[at].origin, s->record[r].origin)) {
		before = at;
		at = s->record[at].next;
	}
	s->record[r].next = at;
	if (before)
		s->record[before].next = r;
	else
		s->meta[slot] = RECORD | r;
}

void pk_pairs_put(struct pk_store *s, uint32_t slot, struct pair pair)
{
	uint32_t alone = s->meta[slot];

	count_pair(s, pair, 1);
	if (!alone && !pair.id) {
		s->meta[slot] = pair.origin;
	} else {
		if (alone && !(alone & RECORD))
			s->meta[slot] =
				RECORD |
				new_record(s, (struct pair){ alone, 0 });
		chain(s, slot, new_record(s, pair));
	}
	set_due(s, slot);
}

/* A chain of one without an id needs no record. */
static void unchain(struct pk_store *s, uint32_t slot)
{
	uint32_t r = s->meta[slot] & ~RECORD;

	if (!r) {
		s->meta[slot] = 0;
		return;
	}
	if (s->record[r].next || s->record[r].id)
		return;
	s->meta[slot] = s->record[r].origin;
	give_record(s, r);
}

void pk_pairs_take(struct pk_store *s, uint32_t slot, uint16_t feed)
{
	struct pair pair = pk_pairs_find(s, slot, feed);
	uint32_t at = s->meta[slot] & ~RECORD, before = 0;

	count_pair(s, pair, -1);
	if (!(s->meta[slot] & RECORD)) {
		s->meta[slot] = 0;
	} else {
		for (; s->record[at].origin != pair.origin;
		     at = s->record[at].next)
			before = at;
		if (before)
			s->record[before].next = s->record[at].next;
		else
			s->meta[slot] = RECORD | s->record[at].next;
		give_record(s, at);
		unchain(s, slot);
	}
	pk_pairs_drop(s, pair);
	set_due(s, slot);
}

void pk_pairs_bury(struct pk_store *s, uint32_t slot)
{
	struct pair_walk w = pk_pairs_first(s, slot);
	uint32_t r;

	count_pair(s, w.pair, -1);
	while ((r = w.next)) {
		pk_pairs_next(s, &w);
		count_pair(s, w.pair, -1);
		pk_pairs_drop(s, w.pair);
		give_record(s, r);
	}
	if (s->meta[slot] & RECORD) {
		s->record[s->meta[slot] & ~RECORD].next = 0;
		unchain(s, slot);
	}
	pk_due_set(&s->due, slot, PK_DUE_NEVER);
}

void pk_pairs_forget(struct pk_store *s, uint32_t slot)
{
	struct pair_walk w = pk_pairs_first(s, slot);

	if (s->meta[slot] & RECORD)
		give_record(s, s->meta[slot] & ~RECORD);
	s->meta[slot] = 0;
	pk_pairs_drop(s, w.pair);
}
