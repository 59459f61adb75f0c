/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "ioc/store/store_inside.h"

enum { ADDING, WITHDRAWING, DONE };

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

static int walk(struct diff *d, struct pk_diff_cursor *c, uint32_t max)
{
	const struct pk_store *s = c->stage == ADDING ? d->fresh : d->old;
	int err = 0;

	if (has_nothing(d, s))
		c->slot = s->n.items;
	while (c->slot + 1 < s->n.items && max-- && err >= 0) {
		uint32_t slot = ++c->slot;

		if (!is_live(s, slot))
			continue;
		err = c->stage == ADDING ? add_slot(d, slot)
					 : del_slot(d, slot);
	}
	if (err < 0)
		return err;
	if (c->slot + 1 >= s->n.items) {
		c->slot = 0;
		c->stage++;
	}
	return c->stage != DONE;
}

int pk_store_diff(struct pk_store *old, const struct pk_store *fresh,
		  uint16_t feed, struct pk_diff_cursor *cursor, uint32_t max,
		  pk_diff_fn *fn, void *arg)
{
	static _Thread_local struct diff d;
	int err;

	if (cursor->stage >= DONE)
		return 0;
	d.old = old;
	d.fresh = fresh;
	d.feed = feed;
	d.fn = fn;
	d.arg = arg;
	err = map_feeds(&d);
	return err < 0 ? err : walk(&d, cursor, max);
}
