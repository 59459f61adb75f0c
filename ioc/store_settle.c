/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/store_inside.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/image.h"

enum { COMPACT_MIN = 1 << 20 }; /* bytes of garbage worth a copy */

static unsigned stored_bytes(const struct pk_store *s, const struct item *it)
{
	if (it->type == PK_INDICATOR_IPV6)
		return ADDR6_BYTES;
	return it->type == PK_INDICATOR_DOMAIN ? name_len(s, it) + 1U : 0;
}

/* Copy what is still named and forget the rest; not having memory is fine. */
static void compact(struct pk_store *s)
{
	uint64_t used = 0, room = s->bytes_used - s->bytes_dead + COMPACT_MIN;
	uint8_t *fresh;

	if (s->bytes_dead < COMPACT_MIN || s->bytes_dead < s->bytes_used / 2)
		return;
	fresh = malloc(room);
	if (!fresh)
		return;
	for (uint32_t slot = 1; slot < s->items; slot++) {
		struct item *it = &s->item[slot];
		unsigned len = state_of(it) ? stored_bytes(s, it) : 0;

		if (!len)
			continue;
		memcpy(fresh + used, s->bytes + it->value, len);
		it->value = (uint32_t)used;
		used += len;
	}
	free(s->bytes);
	s->bytes = fresh;
	s->bytes_used = used;
	s->bytes_room = room;
	s->bytes_dead = 0;
}

static void settle_slot(struct pk_store *s, uint32_t slot)
{
	struct item *it = &s->item[slot];

	switch (state_of(it)) {
	case LIVE:
		it->flags |= IN_BASE;
		break;
	case DEAD:
		pk_store_unplace(s, slot);
		set_state(it, GONE);
		it->flags &= (uint8_t)~IN_BASE;
		break;
	case GONE:
		s->bytes_dead += stored_bytes(s, it);
		set_state(it, FREE);
		it->refs = s->free_slot;
		s->free_slot = slot;
		break;
	case FREE:
		break;
	}
	it->flags &= (uint8_t)~CHANGED;
}

void pk_store_settle(struct pk_store *s)
{
	for (uint32_t slot = 1; slot < s->items; slot++)
		settle_slot(s, slot);
	s->changes = 0;
	s->changes_lost = false;
	s->stats.additions = 0;
	s->stats.tombstones = 0;
	compact(s);
}

/* --- for the builder ---------------------------------------------------- */

static void key_of(const struct pk_store *s, uint32_t slot, struct pk_key *key)
{
	const struct item *it = &s->item[slot];

	key->q[1] = 0;
	key->id = slot;
	if (it->type == PK_INDICATOR_IPV4) {
		key->table = PK_TABLE_V4;
		key->q[0] = it->value;
		key->hash = pk_hash_v4(s->seed, it->value);
	} else if (it->type == PK_INDICATOR_IPV6) {
		key->table = PK_TABLE_V6;
		memcpy(key->q, s->bytes + it->value, ADDR6_BYTES);
		key->hash = pk_hash_v6(s->seed, key->q[0], key->q[1]);
	} else {
		key->table = PK_TABLE_NAME;
		key->hash = pk_name_hash(s->seed, name_of(s, it));
		if (it->flags & SUBDOMAINS)
			key->hash = pk_name_subdomains(key->hash);
		key->q[0] = key->hash;
	}
}

unsigned pk_store_base_keys(const struct pk_store *s, uint32_t *cursor,
			    struct pk_key *keys, unsigned max)
{
	unsigned n = 0;
	uint32_t slot = *cursor;

	while (n < max && slot + 1 < s->items)
		if (is_live(s, ++slot))
			key_of(s, slot, &keys[n++]);
	*cursor = slot;
	return n;
}

unsigned pk_store_delta_keys(const struct pk_store *s, uint32_t *cursor,
			     struct pk_key *keys, unsigned max)
{
	uint32_t end = s->changes_lost ? s->items - 1 : s->changes;
	unsigned n = 0;

	while (n < max && *cursor < end) {
		uint32_t at = (*cursor)++;
		uint32_t slot = s->changes_lost ? at + 1 : s->change[at];
		uint8_t flags = s->item[slot].flags;
		bool live = is_live(s, slot);

		if (!(flags & CHANGED) || live == !!(flags & IN_BASE))
			continue;
		key_of(s, slot, &keys[n++]);
		if (!live)
			keys[n - 1].id = PK_TOMBSTONE;
	}
	return n;
}
