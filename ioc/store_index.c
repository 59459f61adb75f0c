/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/store_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "bpf/image.h"

enum { FIRST_PLACES = 2048 };

/* --- values ------------------------------------------------------------- */

static uint64_t hash_of(const struct pk_store *s, const struct value *v)
{
	if (v->type == PK_INDICATOR_IPV4)
		return pk_hash_v4(s->seed, v->v4);
	return XXH3_64bits_withSeed(v->bytes, v->len,
				    s->seed + v->type * 2U + v->subdomains);
}

bool pk_store_value(const struct pk_store *s, const struct pk_indicator *ind,
		    struct value *v)
{
	*v = (struct value){ .type = ind->type };
	switch (ind->type) {
	case PK_INDICATOR_IPV4:
		v->v4 = ind->addr.w[3];
		break;
	case PK_INDICATOR_IPV6:
		v->bytes = ind->addr.b;
		v->len = ADDR6_BYTES;
		break;
	case PK_INDICATOR_DOMAIN:
		v->bytes = ind->name;
		v->len = ind->name_len;
		v->subdomains = ind->subdomains != 0;
		break;
	default:
		return false;
	}
	v->hash = hash_of(s, v);
	return true;
}

static void item_value(const struct pk_store *s, const struct item *it,
		       struct value *v)
{
	*v = (struct value){ .type = it->type };
	if (it->type == PK_INDICATOR_IPV4) {
		v->v4 = it->value;
	} else if (it->type == PK_INDICATOR_IPV6) {
		v->bytes = s->bytes + it->value;
		v->len = ADDR6_BYTES;
	} else {
		v->bytes = name_of(s, it);
		v->len = name_len(s, it);
		v->subdomains = !!(it->flags & SUBDOMAINS);
	}
	v->hash = hash_of(s, v);
}

static bool same_value(const struct pk_store *s, const struct item *it,
		       const struct value *v)
{
	if (it->type != v->type || !!(it->flags & SUBDOMAINS) != v->subdomains)
		return false;
	if (v->type == PK_INDICATOR_IPV4)
		return it->value == v->v4;
	if (v->type == PK_INDICATOR_IPV6)
		return !memcmp(s->bytes + it->value, v->bytes, ADDR6_BYTES);
	return name_len(s, it) == v->len &&
	       !memcmp(name_of(s, it), v->bytes, v->len);
}

/* --- the index ---------------------------------------------------------- */

static uint32_t home(const struct pk_store *s, uint64_t hash)
{
	return pk_scale((uint32_t)(hash >> 32), s->places);
}

static uint32_t after(const struct pk_store *s, uint32_t at)
{
	return at + 1 == s->places ? 0 : at + 1;
}

static uint32_t entry_of(uint64_t hash, uint32_t slot)
{
	return (uint32_t)(hash & 0xff) << 24 | slot;
}

void pk_store_place(struct pk_store *s, uint64_t hash, uint32_t slot)
{
	uint32_t at = home(s, hash);

	while (s->place[at])
		at = after(s, at);
	s->place[at] = entry_of(hash, slot);
	s->placed++;
}

uint32_t pk_store_seek(const struct pk_store *s, const struct value *v)
{
	uint32_t tag = entry_of(v->hash, 0), at = home(s, v->hash), entry;

	for (; (entry = s->place[at]); at = after(s, at)) {
		if ((entry & ~PK_SLOT_MAX) == tag &&
		    same_value(s, &s->item[entry & PK_SLOT_MAX], v))
			return entry & PK_SLOT_MAX;
	}
	return 0;
}

/* Grow before the index is three quarters full. */
int pk_store_make_place(struct pk_store *s)
{
	uint32_t places = s->places + s->places / 2, *more, *old = s->place;

	if (s->placed < s->places / 4 * 3)
		return 0;
	more = calloc(places, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->place = more;
	s->places = places;
	s->placed = 0;
	for (uint32_t slot = 1; slot < s->items; slot++) {
		struct item *it = &s->item[slot];
		struct value v;

		if (state_of(it) != LIVE && state_of(it) != DEAD)
			continue;
		item_value(s, it, &v);
		pk_store_place(s, v.hash, slot);
	}
	free(old);
	return 0;
}

/* Is @at within (@from, @to], going round? */
static bool between(uint32_t at, uint32_t from, uint32_t to)
{
	return from <= to ? at > from && at <= to : at > from || at <= to;
}

/* Take a slot out; entries behind it move up so that no search breaks. */
void pk_store_unplace(struct pk_store *s, uint32_t slot)
{
	struct value v;
	uint32_t hole, at;

	item_value(s, &s->item[slot], &v);
	for (hole = home(s, v.hash); s->place[hole] != entry_of(v.hash, slot);)
		hole = after(s, hole);
	for (at = after(s, hole); s->place[at]; at = after(s, at)) {
		item_value(s, &s->item[s->place[at] & PK_SLOT_MAX], &v);
		if (between(home(s, v.hash), hole, at))
			continue;
		s->place[hole] = s->place[at];
		hole = at;
	}
	s->place[hole] = 0;
	s->placed--;
}

int pk_store_index_new(struct pk_store *s)
{
	s->places = FIRST_PLACES;
	s->place = calloc(s->places, sizeof(*s->place));
	return s->place ? 0 : -ENOMEM;
}
