/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "ioc/store/store_inside.h"

enum {
	BATCH = 32,	 /* slots fetched ahead */
	SPEND = 1 << 16, /* slots whose memory is given back at once */
};

struct diff {
	struct pk_store *old;
	const struct pk_store *fresh;
	uint16_t feed; /* of old, or PK_ALL_FEEDS */
	pk_diff_fn *fn;
	void *arg;
	struct pk_indicator ind;
	uint16_t to_old[PK_FEEDS_MAX];	 /* by number in fresh */
	uint16_t to_fresh[PK_FEEDS_MAX]; /* by number in old */
	uint16_t feeds[PK_FEEDS_MAX];	 /* of a slot */
};

/* --- feeds by name -------------------------------------------------------- */

/* Most often a feed has the same number in both. */
static int find_feed(const struct pk_store *s, uint32_t number,
		     const char *name)
{
	const struct pk_feed_info *info =
		pk_store_feed_info(s, (uint16_t)number);

	if (info && !strcmp(info->name, name))
		return (int)number;
	return pk_store_feed_find(s, name);
}

/* Numbers without a name are the same in both. */
static int map_feeds(struct diff *d)
{
	for (uint32_t i = 0; i < PK_FEEDS_MAX; i++) {
		d->to_old[i] = (uint16_t)i;
		d->to_fresh[i] = (uint16_t)i;
	}
	for (uint32_t i = 0; i < d->fresh->n.feeds; i++) {
		const char *name = d->fresh->feed[i].name;
		int number = find_feed(d->old, i, name);

		if (number < 0 && d->feed == PK_ALL_FEEDS) {
			number = pk_store_feed(d->old, name);
			if (number < 0)
				return number;
		}
		d->to_old[i] = number < 0 ? PK_ALL_FEEDS : (uint16_t)number;
	}
	for (uint32_t i = 0; i < d->old->n.feeds; i++) {
		int number = find_feed(d->fresh, i, d->old->feed[i].name);

		d->to_fresh[i] = number < 0 ? PK_ALL_FEEDS : (uint16_t)number;
	}
	return 0;
}

static bool is_wanted(const struct diff *d, uint16_t old_feed)
{
	return d->feed == PK_ALL_FEEDS || d->feed == old_feed;
}

static bool has_nothing(const struct diff *d, const struct pk_store *s)
{
	return s == d->old && d->feed != PK_ALL_FEEDS &&
	       !pk_store_feed_items(s, d->feed);
}

/* --- values --------------------------------------------------------------- */

static bool is_same(const struct pk_meta *a, const struct pk_meta *b)
{
	return a->first_seen == b->first_seen && a->last_seen == b->last_seen &&
	       a->valid_from == b->valid_from &&
	       a->valid_until == b->valid_until &&
	       a->threat_class == b->threat_class &&
	       a->confidence == b->confidence && a->severity == b->severity &&
	       a->tlp == b->tlp && a->action == b->action &&
	       a->derived == b->derived && !strcmp(a->id, b->id) &&
	       !strcmp(a->threat_type, b->threat_type) &&
	       !strcmp(a->tags, b->tags) &&
	       !strcmp(a->attribution, b->attribution);
}

/* The live slot of @other with the value of @slot in @s. */
static uint32_t same_value(const struct pk_store *s, uint32_t slot,
			   const struct pk_store *other)
{
	struct value v;
	uint32_t there;

	pk_store_slot_value(s, slot, &v); /* the hash: their seeds are one */
	there = pk_store_seek(other, &v);
	return is_live(other, there) ? there : 0;
}

static int tell(struct diff *d, enum pk_diff what, const struct pk_store *s,
		uint32_t slot, uint16_t feed)
{
	int err;

	if (d->ind.slot != slot && pk_store_get(s, slot, &d->ind))
		return 0;
	d->ind.slot = slot;
	err = pk_store_meta(s, slot, feed, &d->ind.meta);
	if (err)
		return 0;
	d->ind.feed = what == PK_DIFF_DEL ? feed : d->to_old[feed];
	return d->fn(d->arg, what, &d->ind);
}

/* What fresh says of a value and old does not, or otherwise. */
static int add_slot(struct diff *d, uint32_t slot)
{
	unsigned n = pk_store_feeds(d->fresh, slot, d->feeds, PK_FEEDS_MAX);
	uint32_t there = same_value(d->fresh, slot, d->old);
	int err = 0;

	d->ind.slot = 0;
	for (unsigned i = 0; i < n && err >= 0; i++) {
		uint16_t feed = d->feeds[i];
		struct pk_meta old, fresh;

		if (!is_wanted(d, d->to_old[feed]))
			continue;
		if (pk_store_meta(d->old, there, d->to_old[feed], &old)) {
			err = tell(d, PK_DIFF_ADD, d->fresh, slot, feed);
			continue;
		}
		pk_store_meta(d->fresh, slot, feed, &fresh);
		if (!is_same(&old, &fresh))
			err = tell(d, PK_DIFF_CHANGE, d->fresh, slot, feed);
	}
	return err;
}

/* What old says of a value and fresh does not. */
static int del_slot(struct diff *d, uint32_t slot)
{
	unsigned n = pk_store_feeds(d->old, slot, d->feeds, PK_FEEDS_MAX);
	uint32_t there = same_value(d->old, slot, d->fresh);
	int err = 0;

	d->ind.slot = 0;
	for (unsigned i = 0; i < n && err >= 0; i++) {
		uint16_t feed = d->feeds[i], its = d->to_fresh[feed];

		if (!is_wanted(d, feed))
			continue;
		if (there && its != PK_ALL_FEEDS &&
		    pk_pairs_find(d->fresh, there, its).origin)
			continue;
		err = tell(d, PK_DIFF_DEL, d->old, slot, feed);
	}
	return err;
}

/* --- the walk ------------------------------------------------------------- */

/* What will be looked for in the other store: each leads to a cold line. */
static void fetch(const struct pk_store *s, const struct pk_store *other,
		  uint32_t from, uint32_t count)
{
	uint64_t hash[BATCH];
	struct value v;
	unsigned n = 0;

	for (uint32_t slot = from; slot < from + count; slot++) {
		if (!is_live(s, slot))
			continue;
		pk_store_slot_value(s, slot, &v);
		hash[n++] = v.hash;
	}
	for (int step = 0; step < 3; step++)
		for (unsigned i = 0; i < n; i++)
			pk_store_fetch_seek(other, hash[i], step);
}

static int walk_some(struct diff *d, struct pk_diff_cursor *c, uint32_t count)
{
	int adds = c->stage == PK_DIFF_ADDS, err = 0;
	const struct pk_store *s = adds ? d->fresh : d->old;

	fetch(s, adds ? d->old : d->fresh, c->slot + 1, count);
	while (count-- && err >= 0)
		if (is_live(s, ++c->slot))
			err = adds ? add_slot(d, c->slot)
				   : del_slot(d, c->slot);
	return err;
}

static int walk(struct diff *d, struct pk_diff_cursor *c, uint32_t max)
{
	const struct pk_store *s = c->stage == PK_DIFF_ADDS ? d->fresh : d->old;
	int err = 0;

	if (has_nothing(d, s))
		c->slot = s->n.items;
	while (c->slot + 1 < s->n.items && max && err >= 0) {
		uint32_t count = s->n.items - 1 - c->slot;

		count = count < BATCH ? count : BATCH;
		count = count < max ? count : max;
		max -= count;
		err = walk_some(d, c, count);
	}
	if (err < 0)
		return err;
	if (c->slot + 1 >= s->n.items) {
		c->slot = 0;
		c->stage++;
	}
	return c->stage != PK_DIFF_ENDED;
}

int pk_store_diff(struct pk_store *old, const struct pk_store *fresh,
		  uint16_t feed, struct pk_diff_cursor *cursor, uint32_t max,
		  pk_diff_fn *fn, void *arg)
{
	static _Thread_local struct diff d;
	int err;

	if (cursor->stage >= PK_DIFF_ENDED)
		return 0;
	d.old = old;
	d.fresh = fresh;
	d.feed = feed;
	d.fn = fn;
	d.arg = arg;
	err = map_feeds(&d);
	return err < 0 ? err : walk(&d, cursor, max);
}

/* --- spending ------------------------------------------------------------- */

/* The texts that origins share lie among the values: to a place of their own. */
static int part_texts(struct pk_store *s)
{
	if (s->arena.mixed || pk_arena_init(&s->texts))
		return -ENOMEM;
	if (pk_arena_reserve(&s->texts, s->arena.room.used)) {
		pk_room_fini(&s->texts.room);
		return -ENOMEM;
	}
	pk_origins_move(&s->origins, &s->texts);
	s->origins.arena = &s->texts;
	return 0;
}

/* Strings lie in the order of slots. Those before the last one told are told. */
static void spend_strings(struct pk_store *s, uint32_t slot)
{
	struct value v = { 0 };

	if (!s->texts.room.at)
		return;
	for (; slot > s->spent && !v.len; slot--)
		if (is_known(s, slot))
			pk_store_slot_value(s, slot, &v);
	if (!v.len)
		return;
	pk_room_drop(&s->arena.room, s->spent_bytes, s->value[slot + 1]);
	s->spent_bytes = s->value[slot + 1];
}

void pk_store_spend(struct pk_store *fresh, uint32_t slot)
{
	struct pk_store *s = fresh;

	if (slot < s->spent + SPEND)
		return;
	if (!s->spent) {
		pk_places_drop(&s->places);
		part_texts(s);
	}
	spend_strings(s, slot);
	pk_room_drop(&s->value_room, s->spent * 4ULL, slot * 4ULL);
	pk_room_drop(&s->meta_room, s->spent * 4ULL, slot * 4ULL);
	pk_room_drop(&s->kind_room, s->spent, slot);
	pk_room_drop(&s->flags_room, s->spent, slot);
	s->spent = slot;
}
