/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/store/store_inside.h"

enum { SLOTS = PK_SLOT_MAX + 1 };

/* --- room ----------------------------------------------------------------- */

/* Make slots below @items usable. 0, -ENOMEM or -ENOSPC. */
static int open_items(struct pk_store *s, uint64_t items)
{
	int err = items > SLOTS ? -ENOSPC : 0;

	if (!err)
		err = pk_room_open(&s->value_room, items * sizeof(*s->value));
	if (!err)
		err = pk_room_open(&s->meta_room, items * sizeof(*s->meta));
	if (!err)
		err = pk_room_open(&s->kind_room, items);
	return err ? err : pk_room_open(&s->flags_room, items);
}

static void use_items(struct pk_store *s, uint32_t items)
{
	s->n.items = items;
	s->value_room.used = items * sizeof(*s->value);
	s->meta_room.used = items * sizeof(*s->meta);
	s->kind_room.used = items;
	s->flags_room.used = items;
}

static int make_room(struct pk_store *s, const struct value *v)
{
	int err = 0;

	if (!s->n.free_slot)
		err = open_items(s, (uint64_t)s->n.items + 1);
	if (!err)
		err = pk_arena_reserve(&s->arena, pk_store_value_bytes(v));
	return err ? err : pk_store_make_place(s, v);
}

int pk_store_reserve(struct pk_store *s, uint32_t items, uint64_t bytes)
{
	/* Two bytes of length each; slots that are free are not counted on. */
	int err = pk_arena_reserve(&s->arena, bytes + 2ULL * items);

	if (!err)
		err = open_items(s, (uint64_t)s->n.items + items);
	if (!err)
		pk_store_expect(s, items);
	return err;
}

/* --- life of a slot ------------------------------------------------------- */

void pk_store_note(struct pk_store *s, uint32_t slot)
{
	unsigned flags = flags_of(s, slot);

	if (flags & CHANGED || s->n.changes_lost)
		return;
	if (s->n.changes >= CHANGES_MAX ||
	    pk_room_open(&s->change_room,
			 (s->n.changes + 1ULL) * sizeof(*s->change))) {
		s->n.changes_lost = 1;
		return;
	}
	set_flags(s, slot, flags | CHANGED);
	s->change[s->n.changes++] = slot;
	s->change_room.used = s->n.changes * sizeof(*s->change);
}

static void count_life(struct pk_store *s, uint32_t slot, int by)
{
	unsigned type = type_of(s, slot);
	uint32_t n = (uint32_t)by;
	union pk_addr addr;

	s->n.stats.live += n;
	s->n.stats.by_type[type] += n;
	if (flags_of(s, slot) & IN_BASE)
		s->n.stats.tombstones -= n;
	else
		s->n.stats.additions += n;
	if (type == PK_INDICATOR_DOMAIN)
		s->n.by_match[match_of(s, slot)] += n;
	if (type == PK_INDICATOR_IPV4_NET || type == PK_INDICATOR_IPV6_NET)
		s->n.nets[type == PK_INDICATOR_IPV6_NET]
			 [pk_store_net_of(s, slot, &addr)] += n;
}

/* Whether it lives changes, in one store: the builder may be looking. */
static void set_life(struct pk_store *s, uint32_t slot, enum state state)
{
	unsigned flags = flags_of(s, slot) & ~(unsigned)STATE;

	if (s->frozen)
		flags ^= TOGGLED;
	set_flags(s, slot, flags | state);
	pk_store_note(s, slot);
	count_life(s, slot, state == LIVE ? 1 : -1);
}

static uint32_t take_slot(struct pk_store *s)
{
	uint32_t slot = s->n.free_slot;

	if (slot) {
		s->n.free_slot = s->value[slot];
		return slot;
	}
	use_items(s, s->n.items + 1);
	return s->n.items - 1;
}

static void kill_slot(struct pk_store *s, uint32_t slot)
{
	pk_pairs_bury(s, slot);
	set_life(s, slot, DEAD);
}

bool pk_store_withdraw(struct pk_store *s, uint32_t slot, uint16_t feed)
{
	struct pair_walk w = pk_pairs_first(s, slot);

	if (w.next) {
		pk_pairs_take(s, slot, feed);
		return false;
	}
	kill_slot(s, slot);
	return true;
}

/* --- adding --------------------------------------------------------------- */

static int add_new(struct pk_store *s, const struct value *v, struct pair pair,
		   uint32_t *slot)
{
	int err = make_room(s, v);

	if (!err)
		err = pk_pairs_make(
			s, s->n.free_slot ? s->n.free_slot : s->n.items, pair);
	if (err)
		return err;
	*slot = take_slot(s);
	s->kind[*slot] = v->kind;
	s->value[*slot] = pk_store_keep(s, v);
	s->meta[*slot] = 0;
	pk_store_place(s, v, *slot);
	pk_pairs_put(s, *slot, pair);
	set_life(s, *slot, LIVE);
	return 0;
}

/* It was dead: same slot, and what it was reported as is forgotten. */
static int add_back(struct pk_store *s, uint32_t slot, struct pair pair)
{
	int err = pk_pairs_make(s, slot, pair);

	if (err)
		return err;
	pk_pairs_forget(s, slot);
	pk_pairs_put(s, slot, pair);
	set_life(s, slot, LIVE);
	return 0;
}

static int add_again(struct pk_store *s, uint32_t slot, struct pair pair)
{
	uint16_t feed = pair_feed(s, pair);
	int err = pk_pairs_make(s, slot, pair);

	if (err)
		return err;
	if (pk_pairs_find(s, slot, feed).origin) {
		s->n.stats.duplicates++;
		pk_pairs_take(s, slot, feed);
	} else {
		s->n.stats.shared++;
	}
	pk_pairs_put(s, slot, pair);
	return -EEXIST;
}

int pk_store_add(struct pk_store *s, const struct pk_indicator *ind,
		 uint32_t *slot)
{
	struct pair pair;
	struct value v;
	uint32_t at;
	int err;

	if (ind->feed >= PK_FEEDS_MAX)
		return -EINVAL;
	err = pk_pairs_hold(s, ind, &pair);
	if (err)
		return err;
	pk_store_value(s, ind, &v);
	at = pk_store_seek(s, &v);
	if (!at)
		err = add_new(s, &v, pair, &at);
	else if (is_live(s, at))
		err = add_again(s, at, pair);
	else
		err = add_back(s, at, pair);
	if (err && err != -EEXIST)
		pk_pairs_drop(s, pair);
	else if (slot)
		*slot = at;
	return err;
}

/* --- withdrawing ---------------------------------------------------------- */

int pk_store_del(struct pk_store *s, const struct pk_indicator *ind,
		 uint16_t feed)
{
	uint32_t slot = pk_store_find(s, ind);

	if (!slot)
		return -ENOENT;
	if (feed == PK_ALL_FEEDS)
		kill_slot(s, slot);
	else if (pk_pairs_find(s, slot, feed).origin)
		pk_store_withdraw(s, slot, feed);
	else
		return -ENOENT;
	return 0;
}

uint32_t pk_store_del_feed(struct pk_store *s, uint16_t feed)
{
	uint32_t want = pk_store_feed_items(s, feed), count = 0;

	for (uint32_t slot = 1; slot < s->n.items && count < want; slot++) {
		if (!is_live(s, slot) || !pk_pairs_find(s, slot, feed).origin)
			continue;
		pk_store_withdraw(s, slot, feed);
		count++;
	}
	return count;
}

/* --- expiry --------------------------------------------------------------- */

/* A feed of the slot whose word ends at @now or before; -1: none. */
static int ended_feed(const struct pk_store *s, uint32_t slot, uint32_t now)
{
	for (struct pair_walk w = pk_pairs_first(s, slot); w.pair.origin;
	     pk_pairs_next(s, &w)) {
		uint32_t until = pair_until(s, w.pair);

		if (until && until <= now)
			return pair_feed(s, w.pair);
	}
	return -1;
}

static void tell(const struct pk_store *s, uint32_t slot, uint16_t feed,
		 pk_store_gone_fn *gone, void *arg)
{
	struct pk_indicator ind;

	if (pk_store_get(s, slot, &ind))
		return;
	ind.feed = feed;
	pk_pairs_meta(s, pk_pairs_find(s, slot, feed), &ind.meta);
	gone(arg, &ind);
}

uint32_t pk_store_expire(struct pk_store *s, uint32_t now, uint32_t max,
			 int *more, pk_store_gone_fn *gone, void *arg)
{
	uint32_t died = 0, slot;

	while ((slot = pk_due_find(&s->due, now)) && max--) {
		int feed = ended_feed(s, slot, now);

		if (feed < 0) /* cannot be; but never again then */
			pk_due_set(&s->due, slot, PK_DUE_NEVER);
		if (feed < 0)
			continue;
		if (gone)
			tell(s, slot, (uint16_t)feed, gone, arg);
		died += pk_store_withdraw(s, slot, (uint16_t)feed);
		s->n.stats.expired++;
	}
	*more = slot != 0;
	return died;
}

/* --- the store ------------------------------------------------------------ */

static int init_rooms(struct pk_store *s)
{
	int err = pk_room_init(&s->value_room, SLOTS * sizeof(*s->value));

	if (!err)
		err = pk_room_init(&s->meta_room, SLOTS * sizeof(*s->meta));
	if (!err)
		err = pk_room_init(&s->kind_room, SLOTS);
	if (!err)
		err = pk_room_init(&s->flags_room, SLOTS);
	if (!err)
		err = pk_room_init(&s->record_room,
				   RECORDS_MAX * sizeof(*s->record));
	if (!err)
		err = pk_room_init(&s->change_room,
				   CHANGES_MAX * sizeof(*s->change));
	if (!err)
		err = pk_room_init(&s->feed_room,
				   PK_FEEDS_MAX * sizeof(*s->feed));
	return err;
}

static void name_rooms(struct pk_store *s)
{
	s->value = (void *)s->value_room.at;
	s->meta = (void *)s->meta_room.at;
	s->kind = s->kind_room.at;
	s->flags = s->flags_room.at;
	s->record = (void *)s->record_room.at;
	s->change = (void *)s->change_room.at;
	s->feed = (void *)s->feed_room.at;
}

static int init_parts(struct pk_store *s)
{
	int err = pk_arena_init(&s->arena);

	if (!err)
		err = pk_places_init(&s->places);
	if (!err)
		err = pk_origins_init(&s->origins, &s->arena, s->seed);
	if (!err)
		err = pk_due_init(&s->due);
	return err;
}

int pk_store_new(struct pk_store **out, uint64_t seed)
{
	struct pk_store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->seed = seed;
	if (init_rooms(s) || init_parts(s))
		goto fail;
	name_rooms(s);
	if (open_items(s, 1) ||
	    pk_room_open(&s->record_room, sizeof(*s->record)))
		goto fail;
	/* Number 0 is nobody, in both. */
	use_items(s, 1);
	s->n.records = 1;
	s->record_room.used = sizeof(*s->record);
	*out = s;
	return 0;
fail:
	pk_store_free(s);
	return -ENOMEM;
}

void pk_store_free(struct pk_store *s)
{
	if (!s)
		return;
	pk_room_fini(&s->value_room);
	pk_room_fini(&s->meta_room);
	pk_room_fini(&s->kind_room);
	pk_room_fini(&s->flags_room);
	pk_room_fini(&s->record_room);
	pk_room_fini(&s->change_room);
	pk_room_fini(&s->feed_room);
	pk_room_fini(&s->arena.room);
	pk_room_fini(&s->texts.room);
	pk_places_fini(&s->places);
	pk_origins_fini(&s->origins);
	pk_due_fini(&s->due);
	free(s);
}

uint64_t pk_store_seed(const struct pk_store *s)
{
	return s->seed;
}

void pk_store_stats(const struct pk_store *s, struct pk_store_stats *out)
{
	*out = s->n.stats;
	out->bytes =
		sizeof(*s) + pk_room_bytes(&s->value_room) +
		pk_room_bytes(&s->meta_room) + pk_room_bytes(&s->kind_room) +
		pk_room_bytes(&s->flags_room) + pk_room_bytes(&s->record_room) +
		pk_room_bytes(&s->change_room) + pk_room_bytes(&s->feed_room) +
		pk_room_bytes(&s->arena.room) + pk_places_bytes(&s->places) +
		pk_origins_bytes(&s->origins) + pk_due_bytes(&s->due);
}
