/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "ioc/store/store_inside.h"

enum {
	COMPACT_MIN = 16 << 20, /* bytes of garbage worth a copy */
	WORD = 8,		/* flags looked at at once */
};
#define EACH(flags) (0x0101010101010101ULL * (flags))

/* --- the arena ------------------------------------------------------------ */

static uint32_t move(const struct pk_store *s, struct pk_arena *to, uint32_t at,
		     unsigned len)
{
	uint32_t there = pk_arena_take(to, len);

	memcpy(to->room.at + there, s->arena.room.at + at, len);
	return there;
}

static void move_all(struct pk_store *s, struct pk_arena *to)
{
	for (uint32_t slot = 1; slot < s->n.items; slot++) {
		unsigned len =
			is_known(s, slot) ? pk_store_kept_bytes(s, slot) : 0;

		if (len)
			s->value[slot] = move(s, to, s->value[slot], len);
	}
	for (uint32_t r = 1; r < s->n.records; r++) {
		uint32_t id = s->record[r].origin ? s->record[r].id : 0;
		const char *text = (const char *)s->arena.room.at + id;

		if (id)
			s->record[r].id =
				move(s, to, id, (unsigned)strlen(text) + 1);
	}
	pk_origins_move(&s->origins, to);
}

/* Copy what is in use and forget the rest; not having memory is fine. */
static void compact(struct pk_store *s)
{
	uint64_t used = s->arena.room.used, dead = s->arena.dead;
	struct pk_arena to;

	if (dead < COMPACT_MIN || dead < used / 2 || pk_arena_init(&to))
		return;
	if (pk_arena_reserve(&to, used - dead)) {
		pk_room_fini(&to.room);
		return;
	}
	move_all(s, &to);
	pk_room_fini(&s->arena.room);
	s->arena = to;
}

/* --- settling ------------------------------------------------------------- */

/* It lives; did it when the base was made? */
static void settle_live(struct pk_store *s, uint32_t slot, bool toggled)
{
	set_flags(s, slot, toggled ? LIVE : LIVE | IN_BASE);
	if (!toggled)
		return;
	s->n.stats.additions++;
	pk_store_note(s, slot);
}

static void settle_dead(struct pk_store *s, uint32_t slot, bool toggled)
{
	if (toggled) {
		set_flags(s, slot, DEAD | IN_BASE);
		s->n.stats.tombstones++;
		pk_store_note(s, slot);
		return;
	}
	pk_store_unplace(s, slot);
	set_flags(s, slot, GONE);
}

static void settle_slot(struct pk_store *s, uint32_t slot)
{
	bool toggled = flags_of(s, slot) & TOGGLED;

	switch (state_of(s, slot)) {
	case LIVE:
		settle_live(s, slot, toggled);
		break;
	case DEAD:
		settle_dead(s, slot, toggled);
		break;
	case GONE:
		pk_store_forget(s, slot);
		pk_pairs_forget(s, slot);
		set_flags(s, slot, FREE);
		s->value[slot] = s->n.free_slot;
		s->n.free_slot = slot;
		break;
	case FREE:
		set_flags(s, slot, FREE); /* and in no list */
		break;
	}
}

/* Most come in long runs of the same. True: these eight are done. */
static bool settle_word(struct pk_store *s, uint32_t slot)
{
	uint64_t word;

	memcpy(&word, &s->flags[slot], WORD);
	if (!word)
		return true; /* free */
	if ((word & EACH(STATE | TOGGLED)) != EACH(LIVE))
		return false;
	word = EACH(LIVE | IN_BASE);
	memcpy(&s->flags[slot], &word, WORD);
	return true;
}

static void begin_settling(struct pk_store *s)
{
	s->frozen = false;
	s->n.changes = 0;
	s->n.changes_lost = 0;
	s->n.stats.additions = 0;
	s->n.stats.tombstones = 0;
}

int pk_store_settle_some(struct pk_store *s, uint32_t *cursor, uint32_t max)
{
	uint32_t slot = *cursor;

	if (!slot)
		begin_settling(s);
	/* Flags beyond the last slot are there, and 0. */
	for (; slot < s->n.items && slot - *cursor < max; slot += WORD) {
		if (settle_word(s, slot))
			continue;
		for (uint32_t i = slot; i < slot + WORD; i++)
			if (state_of(s, i) == DEAD)
				pk_store_fetch_place(s, i);
		for (uint32_t i = slot; i < slot + WORD; i++)
			settle_slot(s, i);
	}
	*cursor = slot;
	if (slot < s->n.items)
		return 1;
	compact(s);
	return 0;
}

void pk_store_settle(struct pk_store *s)
{
	uint32_t cursor = 0;

	pk_store_settle_some(s, &cursor, UINT32_MAX);
}

int pk_store_freeze(struct pk_store *s)
{
	if (s->frozen)
		return -EBUSY;
	s->frozen = true;
	s->frozen_items = s->n.items;
	memcpy(s->frozen_types, s->n.stats.by_type, sizeof(s->frozen_types));
	return 0;
}

void pk_store_thaw(struct pk_store *s)
{
	if (!s->frozen)
		return;
	s->frozen = false;
	for (uint32_t slot = 0; slot < s->n.items; slot += WORD) {
		uint64_t word;

		memcpy(&word, &s->flags[slot], WORD);
		word &= ~EACH(TOGGLED);
		memcpy(&s->flags[slot], &word, WORD);
	}
}
