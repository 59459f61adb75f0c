/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/store_inside.h"

enum { FIRST_ITEMS = 1024 };

/* --- room --------------------------------------------------------------- */

/* Room for one more of @size bytes each in *@array. 0 or -ENOMEM. */
static int grow(void *array, uint32_t *room, uint32_t used, size_t size)
{
	uint32_t want = *room ? *room + *room / 2 : FIRST_ITEMS;
	void *old, *more;

	if (used < *room)
		return 0;
	memcpy(&old, array, sizeof(old));
	more = realloc(old, want * size);
	if (!more)
		return -ENOMEM;
	memcpy(array, &more, sizeof(more));
	*room = want;
	return 0;
}

/* Ids take memory only once an indicator has one. */
static int make_id_room(struct pk_store *s, uint64_t id)
{
	uint64_t *more;

	if (s->ids_room == s->items_room || (!s->id && !id))
		return 0;
	more = realloc(s->id, s->items_room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	memset(more + s->ids_room, 0,
	       (s->items_room - s->ids_room) * sizeof(*more));
	s->id = more;
	s->ids_room = s->items_room;
	return 0;
}

static int make_item_room(struct pk_store *s, uint64_t id)
{
	int err;

	if (!s->free_slot && s->items > PK_SLOT_MAX)
		return -ENOSPC;
	err = grow(&s->item, &s->items_room, s->items, sizeof(*s->item));
	return err ? err : make_id_room(s, id);
}

static int make_byte_room(struct pk_store *s, const struct value *v)
{
	uint64_t room = s->bytes_room;
	uint8_t *more;

	if (s->bytes_used + v->len + 1 <= room)
		return 0;
	if (s->bytes_used + v->len + 1 > UINT32_MAX)
		return -ENOSPC;
	room = room ? room + room / 2 : FIRST_ITEMS * ADDR6_BYTES;
	more = realloc(s->bytes, room);
	if (!more)
		return -ENOMEM;
	s->bytes = more;
	s->bytes_room = room;
	return 0;
}

/* --- life of an item ---------------------------------------------------- */

/* Note that a slot differs from the base, or did for a while. */
static void note_change(struct pk_store *s, uint32_t slot)
{
	struct item *it = &s->item[slot];

	if (it->flags & CHANGED)
		return;
	it->flags |= CHANGED;
	if (s->changes >= CHANGES_MAX ||
	    grow(&s->change, &s->changes_room, s->changes, sizeof(*s->change)))
		s->changes_lost = true;
	if (!s->changes_lost)
		s->change[s->changes++] = slot;
}

static void count_life(struct pk_store *s, const struct item *it, int by)
{
	s->stats.live += (uint32_t)by;
	s->stats.by_type[it->type] += (uint32_t)by;
	if (it->flags & IN_BASE)
		s->stats.tombstones -= (uint32_t)by;
	else
		s->stats.additions += (uint32_t)by;
}

static void enliven(struct pk_store *s, uint32_t slot, uint16_t origin,
		    uint64_t id)
{
	struct item *it = &s->item[slot];

	it->origin = origin;
	if (s->id)
		s->id[slot] = id;
	set_state(it, LIVE);
	note_change(s, slot);
	count_life(s, it, 1);
}

static uint32_t take_slot(struct pk_store *s)
{
	uint32_t slot = s->free_slot;

	if (!slot)
		return s->items++;
	s->free_slot = s->item[slot].refs;
	return slot;
}

static uint32_t keep_bytes(struct pk_store *s, const struct value *v)
{
	uint32_t at = (uint32_t)s->bytes_used;

	if (v->type == PK_INDICATOR_IPV4)
		return v->v4;
	if (v->type == PK_INDICATOR_DOMAIN)
		s->bytes[s->bytes_used++] = (uint8_t)v->len;
	memcpy(s->bytes + s->bytes_used, v->bytes, v->len);
	s->bytes_used += v->len;
	return at;
}

static int add_new(struct pk_store *s, const struct value *v, uint16_t origin,
		   uint64_t id, uint32_t *slot)
{
	int err = make_item_room(s, id);

	if (!err)
		err = make_byte_room(s, v);
	if (!err)
		err = pk_store_make_place(s);
	if (err)
		return err;
	*slot = take_slot(s);
	s->item[*slot] = (struct item){
		.value = keep_bytes(s, v),
		.type = v->type,
		.flags = v->subdomains ? SUBDOMAINS : 0,
	};
	pk_store_place(s, v->hash, *slot);
	enliven(s, *slot, origin, id);
	return 0;
}

static bool has_feed(const struct pk_store *s, const struct item *it,
		     uint16_t feed)
{
	if (pk_origins_feed(s->origins, it->origin) == feed)
		return true;
	for (uint32_t r = it->refs; r; r = s->ref[r].next)
		if (pk_origins_feed(s->origins, s->ref[r].origin) == feed)
			return true;
	return false;
}

static int add_ref(struct pk_store *s, struct item *it, uint16_t origin,
		   uint64_t id)
{
	uint32_t r = s->free_ref, *last = &it->refs;

	if (!r && grow(&s->ref, &s->refs_room, s->refs, sizeof(*s->ref)))
		return -ENOMEM;
	if (r)
		s->free_ref = s->ref[r].next;
	else
		r = s->refs++;
	s->ref[r] = (struct ref){ .id = id, .origin = origin };
	while (*last)
		last = &s->ref[*last].next;
	*last = r;
	return 0;
}

static void drop_ref(struct pk_store *s, uint32_t *link)
{
	uint32_t r = *link;

	*link = s->ref[r].next;
	s->ref[r].next = s->free_ref;
	s->free_ref = r;
}

static void kill(struct pk_store *s, uint32_t slot)
{
	struct item *it = &s->item[slot];

	while (it->refs)
		drop_ref(s, &it->refs);
	set_state(it, DEAD);
	note_change(s, slot);
	count_life(s, it, -1);
}

/* The first feed is gone: the next one's id and threat type count. */
static void promote(struct pk_store *s, uint32_t slot)
{
	struct item *it = &s->item[slot];

	it->origin = s->ref[it->refs].origin;
	if (s->id)
		s->id[slot] = s->ref[it->refs].id;
	drop_ref(s, &it->refs);
}

static int withdraw(struct pk_store *s, uint32_t slot, uint16_t feed)
{
	struct item *it = &s->item[slot];
	uint32_t *link = &it->refs;

	if (pk_origins_feed(s->origins, it->origin) == feed) {
		if (it->refs)
			promote(s, slot);
		else
			kill(s, slot);
		return 0;
	}
	for (; *link; link = &s->ref[*link].next) {
		if (pk_origins_feed(s->origins, s->ref[*link].origin) != feed)
			continue;
		drop_ref(s, link);
		return 0;
	}
	return -ENOENT;
}

/* --- exported ----------------------------------------------------------- */

int pk_store_new(struct pk_store **out, uint64_t seed)
{
	struct pk_store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->seed = seed;
	s->items = 1;
	s->refs = 1;
	if (pk_store_index_new(s) || pk_origins_new(&s->origins, seed))
		goto fail;
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
	pk_origins_free(s->origins);
	free(s->item);
	free(s->id);
	free(s->place);
	free(s->bytes);
	free(s->ref);
	free(s->change);
	free(s);
}

uint64_t pk_store_seed(const struct pk_store *s)
{
	return s->seed;
}

static int add_again(struct pk_store *s, uint32_t slot, uint16_t feed,
		     uint16_t origin, uint64_t id)
{
	struct item *it = &s->item[slot];
	int err;

	if (has_feed(s, it, feed)) {
		s->stats.duplicates++;
		return -EEXIST;
	}
	err = make_id_room(s, id);
	if (!err)
		err = add_ref(s, it, origin, id);
	if (err)
		return err;
	s->stats.shared++;
	return -EEXIST;
}

int pk_store_add(struct pk_store *s, const struct pk_indicator *ind,
		 uint32_t *slot)
{
	struct value v;
	uint32_t at;
	int origin, err = 0;

	if (ind->feed >= PK_FEEDS_MAX || !pk_store_value(s, ind, &v))
		return -EINVAL;
	origin = pk_origins_add(s->origins, ind->feed, ind->threat_type);
	if (origin < 0)
		return origin;
	at = pk_store_seek(s, &v);
	if (is_live(s, at))
		err = add_again(s, at, ind->feed, (uint16_t)origin, ind->id);
	else if (!at)
		err = add_new(s, &v, (uint16_t)origin, ind->id, &at);
	else if (make_id_room(s, ind->id))
		err = -ENOMEM;
	else
		enliven(s, at, (uint16_t)origin, ind->id);
	if (slot && (!err || err == -EEXIST))
		*slot = at;
	return err;
}

int pk_store_del(struct pk_store *s, const struct pk_indicator *ind,
		 uint16_t feed)
{
	uint32_t slot = pk_store_find(s, ind);

	if (!slot)
		return -ENOENT;
	if (feed != PK_ALL_FEEDS)
		return withdraw(s, slot, feed);
	kill(s, slot);
	return 0;
}

uint32_t pk_store_del_feed(struct pk_store *s, uint16_t feed)
{
	uint32_t count = 0;

	for (uint32_t slot = 1; slot < s->items; slot++)
		if (is_live(s, slot) && !withdraw(s, slot, feed))
			count++;
	return count;
}

uint32_t pk_store_find(const struct pk_store *s, const struct pk_indicator *ind)
{
	struct value v;
	uint32_t slot;

	if (!pk_store_value(s, ind, &v))
		return 0;
	slot = pk_store_seek(s, &v);
	return is_live(s, slot) ? slot : 0;
}

uint32_t pk_store_find_text(const struct pk_store *s, const char *text)
{
	struct pk_indicator ind;
	uint32_t slot;

	pk_indicator_init(&ind);
	if (pk_indicator_parse(&ind, text, strlen(text)))
		return 0;
	slot = pk_store_find(s, &ind);
	if (slot || ind.type != PK_INDICATOR_DOMAIN)
		return slot;
	ind.subdomains = 0;
	return pk_store_find(s, &ind);
}

int pk_store_get(const struct pk_store *s, uint32_t slot,
		 struct pk_indicator *out)
{
	const struct item *it;

	if (!slot || slot >= s->items || state_of(&s->item[slot]) == FREE)
		return -ENOENT;
	it = &s->item[slot];
	pk_indicator_init(out);
	out->slot = slot;
	out->type = it->type;
	out->feed = pk_origins_feed(s->origins, it->origin);
	out->threat_type = pk_origins_threat_type(s->origins, it->origin);
	out->id = s->id ? s->id[slot] : 0;
	out->subdomains = !!(it->flags & SUBDOMAINS);
	if (it->type == PK_INDICATOR_IPV4) {
		out->addr.b[10] = 0xff;
		out->addr.b[11] = 0xff;
		out->addr.w[3] = it->value;
	} else if (it->type == PK_INDICATOR_IPV6) {
		memcpy(out->addr.b, s->bytes + it->value, ADDR6_BYTES);
	} else {
		out->name_len = name_len(s, it);
		memcpy(out->name, name_of(s, it), out->name_len);
	}
	return 0;
}

int pk_store_is_live(const struct pk_store *s, uint32_t slot)
{
	return is_live(s, slot);
}

int pk_store_covers(const struct pk_store *s, uint32_t slot,
		    const uint8_t *wire)
{
	unsigned len = pk_name_length(wire, PK_NAME_MAX), skip = 0;
	const struct item *it;

	if (!slot || slot >= s->items || !len)
		return 0;
	it = &s->item[slot];
	if (state_of(it) == FREE || it->type != PK_INDICATOR_DOMAIN)
		return 0;
	if (it->flags & SUBDOMAINS)
		while (len - skip > name_len(s, it))
			skip += 1 + wire[skip];
	return len - skip == name_len(s, it) &&
	       !memcmp(wire + skip, name_of(s, it), len - skip);
}

unsigned pk_store_feeds(const struct pk_store *s, uint32_t slot,
			uint16_t *feeds, unsigned max)
{
	unsigned n = 0;
	uint32_t r;

	if (!is_live(s, slot))
		return 0;
	if (n++ < max)
		feeds[0] = pk_origins_feed(s->origins, s->item[slot].origin);
	for (r = s->item[slot].refs; r; r = s->ref[r].next, n++)
		if (n < max)
			feeds[n] =
				pk_origins_feed(s->origins, s->ref[r].origin);
	return n;
}

uint32_t pk_store_next(const struct pk_store *s, uint32_t slot)
{
	while (++slot < s->items)
		if (is_live(s, slot))
			return slot;
	return 0;
}

void pk_store_stats(const struct pk_store *s, struct pk_store_stats *out)
{
	*out = s->stats;
	out->bytes = sizeof(*s) + s->bytes_room +
		     (uint64_t)s->items_room * sizeof(*s->item) +
		     (uint64_t)s->ids_room * sizeof(*s->id) +
		     (uint64_t)s->places * sizeof(*s->place) +
		     (uint64_t)s->refs_room * sizeof(*s->ref) +
		     (uint64_t)s->changes_room * sizeof(*s->change);
}
