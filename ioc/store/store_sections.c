/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "ioc/store/store_inside.h"

/*
 * First what has a fixed size, in the store itself; then the rooms; then the
 * tables of the indexes, whose sizes the first ones told.
 */
enum {
	INDEXES = 3,
	FIXED = 4 + 2 * INDEXES,
	ROOMS = 11,
	TABLES_FROM = FIXED + ROOMS,
	SECTIONS = TABLES_FROM + INDEXES * PK_PLACES_TABLES,
	OVERRUN = 1 << 16, /* no length in the arena leads further */
};
_Static_assert((int)SECTIONS <= (int)PK_SECTIONS_MAX, "sections");

static struct pk_places *index_of(struct pk_store *s, unsigned i)
{
	if (i == 0)
		return &s->places;
	return i == 1 ? &s->origins.by_origin : &s->origins.by_text;
}

static struct pk_section fixed_of(struct pk_store *s, unsigned i)
{
	struct pk_places *p;

	switch (i) {
	case 0:
		return (struct pk_section){ "counts", &s->n, sizeof(s->n) };
	case 1:
		return (struct pk_section){ "origin counts", &s->origins.n,
					    sizeof(s->origins.n) };
	case 2:
		return (struct pk_section){ "arena lists", s->arena.free,
					    sizeof(s->arena.free) };
	case 3:
		return (struct pk_section){ "arena dead", &s->arena.dead,
					    sizeof(s->arena.dead) };
	}
	p = index_of(s, (i - 4) / 2);
	if (i % 2)
		return (struct pk_section){ "index tables", &p->tables,
					    sizeof(p->tables) };
	return (struct pk_section){ "index sizes", p->table, sizeof(p->table) };
}

static struct pk_room *room_of(struct pk_store *s, unsigned i,
			       const char **name)
{
	const struct {
		const char *name;
		struct pk_room *room;
	} rooms[ROOMS] = {
		{ "value", &s->value_room },	  { "meta", &s->meta_room },
		{ "kind", &s->kind_room },	  { "flags", &s->flags_room },
		{ "record", &s->record_room },	  { "change", &s->change_room },
		{ "feed", &s->feed_room },	  { "arena", &s->arena.room },
		{ "origin", &s->origins.origin }, { "text", &s->origins.text },
		{ "due", &s->due.level[0] },
	};

	*name = rooms[i].name;
	return rooms[i].room;
}

static struct pk_section table_of(struct pk_store *s, unsigned i)
{
	struct pk_places *p = index_of(s, i / PK_PLACES_TABLES);
	unsigned t = i % PK_PLACES_TABLES;

	return (struct pk_section){ "index",
				    p->entry + (size_t)t * PK_PLACES_STRIDE,
				    p->table[t].size * sizeof(*p->entry) };
}

unsigned pk_store_sections(struct pk_store *s,
			   struct pk_section out[PK_SECTIONS_MAX])
{
	unsigned n = 0;

	while (n < FIXED) {
		out[n] = fixed_of(s, n);
		n++;
	}
	for (unsigned i = 0; i < ROOMS; i++, n++) {
		struct pk_room *room = room_of(s, i, &out[n].name);

		out[n].at = room->at;
		out[n].bytes = room->used;
	}
	for (; n < SECTIONS; n++)
		out[n] = table_of(s, n - TABLES_FROM);
	for (unsigned i = 0; i < n; i++)
		if (!out[i].bytes)
			out[i].at = NULL;
	return n;
}

int pk_store_section_room(struct pk_store *s, unsigned number, uint64_t bytes,
			  void **at)
{
	struct pk_section known;
	struct pk_room *room;
	const char *name;
	int err;

	if (number >= SECTIONS)
		return -EBADMSG;
	if (number < FIXED || number >= TABLES_FROM) {
		known = number < FIXED ? fixed_of(s, number)
				       : table_of(s, number - TABLES_FROM);
		*at = known.at;
		return bytes == known.bytes ? 0 : -EBADMSG;
	}
	/* All sizes are known: the tables of the indexes can be opened. */
	for (unsigned i = 0; number == FIXED && i < INDEXES; i++) {
		err = pk_places_restore(index_of(s, i));
		if (err)
			return err;
	}
	room = room_of(s, number - FIXED, &name);
	err = pk_room_open(room, bytes);
	if (err)
		return err == -ENOSPC ? -EBADMSG : err;
	room->used = bytes;
	*at = room->at;
	return 0;
}

/* --- is it sound? --------------------------------------------------------- */

static bool has(const struct pk_room *room, uint64_t count, size_t size)
{
	return room->used == count * size;
}

static bool are_sizes_sound(const struct pk_store *s)
{
	const struct counts *n = &s->n;

	return n->items && n->records &&
	       has(&s->value_room, n->items, sizeof(*s->value)) &&
	       has(&s->meta_room, n->items, sizeof(*s->meta)) &&
	       has(&s->kind_room, n->items, 1) &&
	       has(&s->flags_room, n->items, 1) &&
	       has(&s->record_room, n->records, sizeof(*s->record)) &&
	       has(&s->feed_room, n->feeds, sizeof(*s->feed)) &&
	       n->changes * sizeof(*s->change) <= s->change_room.used &&
	       n->free_slot < n->items && n->free_record < n->records &&
	       s->arena.room.used >= PK_ARENA_MIN;
}

static bool is_slot_sound(const struct pk_store *s, uint32_t slot)
{
	uint32_t meta = s->meta[slot], value = s->value[slot];
	uint64_t origins = s->origins.origin.used / sizeof(struct pk_origin);

	if (state_of(s, slot) == FREE)
		return value < s->n.items;
	if (type_of(s, slot) >= PK_INDICATOR_TYPE_COUNT ||
	    match_of(s, slot) >= PK_MATCH_COUNT)
		return false;
	if (meta & RECORD ? (meta & ~RECORD) >= s->n.records : meta >= origins)
		return false;
	switch (type_of(s, slot)) {
	case PK_INDICATOR_IPV4:
	case PK_INDICATOR_ASN:
		return true;
	case PK_INDICATOR_IPV4_NET:
		return value != 0;
	default:
		return value < s->arena.room.used;
	}
}

static bool is_record_sound(const struct pk_store *s, uint32_t r)
{
	const struct record *record = &s->record[r];

	return record->origin <
		       s->origins.origin.used / sizeof(struct pk_origin) &&
	       record->id < s->arena.room.used && record->next < s->n.records;
}

int pk_store_adopt(struct pk_store *s)
{
	uint64_t due = s->due.level[0].used / sizeof(uint32_t);

	if (!are_sizes_sound(s) || !pk_origins_are_sound(&s->origins))
		return -EBADMSG;
	for (uint32_t slot = 1; slot < s->n.items; slot++)
		if (!is_slot_sound(s, slot))
			return -EBADMSG;
	for (uint32_t r = 1; r < s->n.records; r++)
		if (!is_record_sound(s, r))
			return -EBADMSG;
	/* Frozen when it was written: nobody builds that base any more. */
	s->frozen = true;
	pk_store_thaw(s);
	s->due.level[0].used = 0; /* as if not made */
	s->arena.mixed = 1;
	if (pk_room_open(&s->arena.room, s->arena.room.used + OVERRUN) ||
	    pk_due_restore(&s->due, (uint32_t)due))
		return -ENOMEM;
	return 0;
}
