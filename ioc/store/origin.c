/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/store/origin.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <xxhash.h>

enum {
	TEXTS = 3,
	BLOB_MAX =
		PK_THREAT_TYPE_MAX + PK_TAGS_MAX + PK_ATTRIBUTION_MAX + TEXTS,
	SAID = offsetof(struct pk_origin, text), /* from here on it is a key */
};
_Static_assert((int)BLOB_MAX <= (int)PK_ARENA_MAX, "texts fit the arena");

/* The three texts of an origin, each with its NUL. */
struct blob {
	unsigned len;
	char bytes[BLOB_MAX];
};

static struct pk_origin *origin_at(const struct pk_origins *o, uint32_t n)
{
	return (struct pk_origin *)(void *)o->origin.at + n;
}

static struct pk_origin_text *text_at(const struct pk_origins *o, uint32_t n)
{
	return (struct pk_origin_text *)(void *)o->text.at + n;
}

static const char *chars_of(const struct pk_origins *o, uint32_t text)
{
	return (const char *)o->arena->room.at + text_at(o, text)->at;
}

/* Length of three strings, their NULs included. */
static unsigned blob_length(const char *chars)
{
	const char *end = chars;

	for (unsigned i = 0; i < TEXTS; i++)
		end += strlen(end) + 1;
	return (unsigned)(end - chars);
}

static void blob_add(struct blob *b, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	memcpy(b->bytes + b->len, text, len);
	b->bytes[b->len + len] = 0;
	b->len += (unsigned)len + 1;
}

/* --- as the indexes see them ---------------------------------------------- */

static uint64_t hash_origin(const struct pk_origins *o,
			    const struct pk_origin *origin)
{
	return XXH3_64bits_withSeed((const char *)origin + SAID,
				    sizeof(*origin) - SAID, o->seed);
}

static uint64_t origin_hash(const void *user, uint32_t n)
{
	return hash_origin(user, origin_at(user, n));
}

static void origin_fetch(const void *user, uint32_t n, int deep)
{
	if (!deep)
		__builtin_prefetch(origin_at(user, n));
}

static int origin_is(const void *user, uint32_t n, const void *key)
{
	return !memcmp((const char *)origin_at(user, n) + SAID,
		       (const char *)key + SAID,
		       sizeof(struct pk_origin) - SAID);
}

static uint64_t text_hash(const void *user, uint32_t n)
{
	const struct pk_origins *o = user;
	const char *chars = chars_of(o, n);

	return XXH3_64bits_withSeed(chars, blob_length(chars), o->seed);
}

static void text_fetch(const void *user, uint32_t n, int deep)
{
	if (deep)
		__builtin_prefetch(chars_of(user, n));
	else
		__builtin_prefetch(text_at(user, n));
}

static int text_is(const void *user, uint32_t n, const void *key)
{
	const struct blob *b = key;
	const char *chars = chars_of(user, n);

	return blob_length(chars) == b->len && !memcmp(chars, b->bytes, b->len);
}

static const struct pk_places_user origin_user = {
	.hash = origin_hash,
	.fetch = origin_fetch,
	.is = origin_is,
};

static const struct pk_places_user text_user = {
	.hash = text_hash,
	.fetch = text_fetch,
	.is = text_is,
};

/* --- numbers -------------------------------------------------------------- */

/* A number from the list of free ones or a new one; 0 with *@err. */
static uint32_t take_number(struct pk_room *room, size_t size, uint32_t *free,
			    int *err)
{
	uint32_t n = *free;

	if (n)
		return n;
	n = (uint32_t)(room->used / size);
	*err = n > PK_ORIGINS_MAX ? -ENOSPC
				  : pk_room_open(room, room->used + size);
	if (*err)
		return 0;
	return n;
}

static void use_number(struct pk_room *room, size_t size, uint32_t n,
		       uint32_t *free, uint32_t next)
{
	if (n == *free)
		*free = next;
	else
		room->used += size;
}

/* --- texts ---------------------------------------------------------------- */

static uint32_t new_text(struct pk_origins *o, const struct blob *b,
			 uint64_t hash, int *err)
{
	uint32_t n, at;

	n = take_number(&o->text, sizeof(struct pk_origin_text),
			&o->n.free_text, err);
	if (!n)
		return 0;
	*err = pk_places_make(&o->by_text, &text_user, o, hash);
	if (*err)
		return 0;
	at = pk_arena_take(o->arena, b->len);
	if (!at) {
		*err = -ENOMEM;
		return 0;
	}
	memcpy(o->arena->room.at + at, b->bytes, b->len);
	use_number(&o->text, sizeof(struct pk_origin_text), n, &o->n.free_text,
		   text_at(o, n)->at);
	*text_at(o, n) = (struct pk_origin_text){ .at = at };
	pk_places_add(&o->by_text, hash, n);
	o->n.texts++;
	return n;
}

/* The number of three texts, with one user more; 0 for none, or with *@err. */
static uint32_t take_text(struct pk_origins *o, const struct blob *b, int *err)
{
	uint64_t hash;
	uint32_t n;

	if (b->len == TEXTS)
		return 0;
	hash = XXH3_64bits_withSeed(b->bytes, b->len, o->seed);
	n = pk_places_find(&o->by_text, &text_user, o, hash, b);
	if (!n && o->n.texts < o->named)
		n = new_text(o, b, hash, err);
	if (n)
		text_at(o, n)->refs++;
	return n;
}

static void drop_text(struct pk_origins *o, uint32_t n)
{
	struct pk_origin_text *text = text_at(o, n);

	if (!n || --text->refs)
		return;
	pk_places_del(&o->by_text, text_hash(o, n), n);
	pk_arena_give(o->arena, text->at, blob_length(chars_of(o, n)));
	text->at = o->n.free_text;
	o->n.free_text = n;
	o->n.texts--;
}

/* --- origins -------------------------------------------------------------- */

static void make_key(struct pk_origin *key, uint16_t feed,
		     const struct pk_meta *meta)
{
	*key = (struct pk_origin){
		.first_seen = meta->first_seen,
		.last_seen = meta->last_seen,
		.valid_from = meta->valid_from,
		.valid_until = meta->valid_until,
		.feed = feed,
		.threat_class = meta->threat_class,
		.confidence = meta->confidence,
		.severity = meta->severity,
		.tlp = meta->tlp,
		.action = meta->action,
		.derived = meta->derived,
	};
}

/* Too many: what a feed can vary without end is left out. */
static void strip(struct pk_origins *o, struct pk_origin *key)
{
	drop_text(o, key->text);
	key->text = 0;
	key->first_seen = 0;
	key->last_seen = 0;
	key->valid_from = 0;
}

static uint32_t new_origin(struct pk_origins *o, const struct pk_origin *key,
			   uint64_t hash, int *err)
{
	uint32_t n =
		take_number(&o->origin, sizeof(*key), &o->n.free_origin, err);

	if (!n)
		return 0;
	*err = pk_places_make(&o->by_origin, &origin_user, o, hash);
	if (*err)
		return 0;
	use_number(&o->origin, sizeof(*key), n, &o->n.free_origin,
		   origin_at(o, n)->text);
	*origin_at(o, n) = *key;
	origin_at(o, n)->refs = 1;
	pk_places_add(&o->by_origin, hash, n);
	o->n.origins++;
	return n;
}

/* @key holds a user of its text, which the origin takes over. */
static uint32_t take_origin(struct pk_origins *o, struct pk_origin *key,
			    int *err)
{
	uint64_t hash = hash_origin(o, key);
	uint32_t n = pk_places_find(&o->by_origin, &origin_user, o, hash, key);

	if (!n && o->n.origins >= o->named) {
		strip(o, key);
		hash = hash_origin(o, key);
		n = pk_places_find(&o->by_origin, &origin_user, o, hash, key);
	}
	if (n) {
		drop_text(o, key->text);
		origin_at(o, n)->refs++;
		return n;
	}
	n = new_origin(o, key, hash, err);
	if (!n)
		drop_text(o, key->text);
	return n;
}

/* Is @key with the texts @b what origin @n says? */
static bool is_same(const struct pk_origins *o, uint32_t n,
		    struct pk_origin *key, const struct blob *b)
{
	key->text = origin_at(o, n)->text;
	if (!origin_is(o, n, key))
		return false;
	return key->text ? text_is(o, key->text, b) : b->len == TEXTS;
}

/* --- exported ------------------------------------------------------------- */

int pk_origins_init(struct pk_origins *o, struct pk_arena *arena, uint64_t seed)
{
	uint64_t count = (uint64_t)PK_ORIGINS_MAX + 1;
	int err;

	memset(o, 0, sizeof(*o));
	o->seed = seed;
	o->arena = arena;
	o->named = PK_ORIGINS_NAMED;
	err = pk_room_init(&o->origin, count * sizeof(struct pk_origin));
	if (!err)
		err = pk_room_init(&o->text,
				   count * sizeof(struct pk_origin_text));
	if (!err)
		err = pk_places_init(&o->by_origin);
	if (!err)
		err = pk_places_init(&o->by_text);
	o->origin.used = sizeof(struct pk_origin);
	o->text.used = sizeof(struct pk_origin_text);
	/* number 0 is nobody's, but it can be read: by a snapshot */
	if (!err)
		err = pk_room_open(&o->origin, o->origin.used);
	return err ? err : pk_room_open(&o->text, o->text.used);
}

void pk_origins_fini(struct pk_origins *o)
{
	pk_room_fini(&o->origin);
	pk_room_fini(&o->text);
	pk_places_fini(&o->by_origin);
	pk_places_fini(&o->by_text);
}

uint32_t pk_origins_take(struct pk_origins *o, uint16_t feed,
			 const struct pk_meta *meta, int *err)
{
	struct blob b = { .len = 0 };
	struct pk_origin key;

	*err = 0;
	make_key(&key, feed, meta);
	blob_add(&b, meta->threat_type, PK_THREAT_TYPE_MAX);
	blob_add(&b, meta->tags, PK_TAGS_MAX);
	blob_add(&b, meta->attribution, PK_ATTRIBUTION_MAX);
	if (o->last && is_same(o, o->last, &key, &b)) {
		origin_at(o, o->last)->refs++;
		return o->last;
	}
	key.text = take_text(o, &b, err);
	if (*err)
		return 0;
	o->last = take_origin(o, &key, err);
	return o->last;
}

void pk_origins_drop(struct pk_origins *o, uint32_t n)
{
	struct pk_origin *origin = origin_at(o, n);

	if (--origin->refs)
		return;
	pk_places_del(&o->by_origin, hash_origin(o, origin), n);
	drop_text(o, origin->text);
	origin->text = o->n.free_origin;
	o->n.free_origin = n;
	o->n.origins--;
	if (o->last == n)
		o->last = 0;
}

void pk_origin_meta(const struct pk_origins *o, uint32_t n, struct pk_meta *out)
{
	const struct pk_origin *origin = origin_at(o, n);
	const char *text = origin->text ? chars_of(o, origin->text) : "\0\0";

	*out = (struct pk_meta){
		.id = "",
		.first_seen = origin->first_seen,
		.last_seen = origin->last_seen,
		.valid_from = origin->valid_from,
		.valid_until = origin->valid_until,
		.threat_class = origin->threat_class,
		.confidence = origin->confidence,
		.severity = origin->severity,
		.tlp = origin->tlp,
		.action = origin->action,
		.derived = origin->derived,
	};
	out->threat_type = text;
	out->tags = out->threat_type + strlen(out->threat_type) + 1;
	out->attribution = out->tags + strlen(out->tags) + 1;
}

void pk_origins_move(struct pk_origins *o, struct pk_arena *to)
{
	uint32_t count =
		(uint32_t)(o->text.used / sizeof(struct pk_origin_text));

	for (uint32_t n = 1; n < count; n++) {
		const char *chars = chars_of(o, n);
		unsigned len;

		if (!text_at(o, n)->refs)
			continue;
		len = blob_length(chars);
		text_at(o, n)->at = pk_arena_take(to, len);
		memcpy(to->room.at + text_at(o, n)->at, chars, len);
	}
}

bool pk_origins_are_sound(const struct pk_origins *o)
{
	uint64_t texts = o->text.used / sizeof(struct pk_origin_text);
	uint64_t origins = o->origin.used / sizeof(struct pk_origin);

	if (o->n.free_origin >= origins || o->n.free_text >= texts)
		return false;
	for (uint32_t n = 1; n < origins; n++)
		if (origin_at(o, n)->text >=
			    (origin_at(o, n)->refs ? texts : origins) ||
		    origin_at(o, n)->feed >= PK_FEEDS_MAX)
			return false;
	for (uint32_t n = 1; n < texts; n++)
		if (text_at(o, n)->at >=
		    (text_at(o, n)->refs ? o->arena->room.used : texts))
			return false;
	return true;
}

uint64_t pk_origins_bytes(const struct pk_origins *o)
{
	return pk_room_bytes(&o->origin) + pk_room_bytes(&o->text) +
	       pk_places_bytes(&o->by_origin) + pk_places_bytes(&o->by_text);
}
