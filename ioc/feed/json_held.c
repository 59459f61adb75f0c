/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/json_held.h"

#include <stdlib.h>
#include <string.h>

void pk_json_held_fini(struct pk_json_held *h)
{
	free(h->text);
	free(h->keys);
	free(h->entry);
}

static bool grow(struct pk_json_held *h, void *array, size_t *have, size_t want,
		 size_t size)
{
	size_t n = *have ? *have : 4096 / size;
	void **p = array;
	void *room;

	while (n < want)
		n *= 2;
	if (n == *have)
		return true;
	room = realloc(*p, n * size);
	if (!room) {
		h->failed = true;
		return false;
	}
	*p = room;
	*have = n;
	return true;
}

void pk_json_held_append(struct pk_json_held *h, const char *text, size_t len)
{
	/* One more: a text is followed by a NUL while it is told. */
	if (!len || !grow(h, &h->text, &h->text_room, h->used + len + 1, 1))
		return;
	memcpy(h->text + h->used, text, len);
	h->used += len;
}

void pk_json_held_put(struct pk_json_held *h, const struct pk_json_entry *e,
		      enum pk_json_what what)
{
	/* Nothing but the contexts of one MAYBE can be that many. */
	if (h->entries >= PK_JSON_ITEMS_MAX && what == PK_JSON_IS_CONTEXT)
		return;
	if (!grow(h, &h->entry, &h->entry_room, h->entries + 1,
		  sizeof(*h->entry)))
		return;
	h->entry[h->entries] = *e;
	h->entry[h->entries++].what = (uint8_t)what;
}

void pk_json_held_key(struct pk_json_held *h, struct pk_json_entry *e,
		      const char *key, size_t len)
{
	e->name = "";
	if (!len ||
	    !grow(h, &h->keys, &h->keys_room, h->keys_used + len + 1, 1))
		return;
	e->name = NULL;
	e->key = (uint32_t)h->keys_used;
	memcpy(h->keys + h->keys_used, key, len);
	h->keys[h->keys_used + len] = 0;
	h->keys_used += len + 1;
}

static void tell(struct pk_json_held *h, const struct pk_json_entry *e,
		 enum pk_json_what what)
{
	static char none[1];
	char *text = e->len ? h->text + e->at : none;
	struct pk_json_item item = { .what = what,
				     .place = e->place,
				     .key = e->name ? e->name
						    : h->keys + e->key,
				     .line = e->line,
				     .column = e->column,
				     .text = text,
				     .len = e->len };
	char saved = text[e->len];

	text[e->len] = 0;
	h->item(h->arg, &item);
	text[e->len] = saved;
}

/* Contexts of the value at @level, from @i up to its end. */
static void tell_contexts(struct pk_json_held *h, size_t i, size_t n,
			  unsigned level)
{
	for (; i < n; i++) {
		struct pk_json_entry *e = &h->entry[i];

		if (e->what == PK_JSON_LEAVE && e->level == level)
			return;
		if (e->what != PK_JSON_IS_CONTEXT || e->level != level)
			continue;
		if (!e->told)
			tell(h, e, PK_JSON_IS_CONTEXT);
		e->told = true;
	}
}

static void tell_in_order(struct pk_json_held *h, size_t i, size_t n)
{
	struct pk_json_entry *e = &h->entry[i];

	if (!e->told)
		tell(h, e, (enum pk_json_what)e->what);
	if (e->what == PK_JSON_LEAVE)
		h->told_walks--;
	if (e->what != PK_JSON_ENTER)
		return;
	h->told_walks++;
	if (h->rules->hold)
		tell_contexts(h, i + 1, n, e->level);
}

static void tell_all(struct pk_json_held *h, size_t n)
{
	for (size_t i = 0; h->rules->peek && i < n; i++)
		if (h->entry[i].what == PK_JSON_IS_RECORD)
			tell(h, &h->entry[i], PK_JSON_PEEK);
	for (unsigned level = 1; h->rules->hold && level <= h->told_walks;
	     level++)
		tell_contexts(h, 0, n, level);
	for (size_t i = 0; i < n; i++)
		tell_in_order(h, i, n);
}

void pk_json_held_flush(struct pk_json_held *h, size_t n, size_t at, bool all)
{
	if (n) {
		tell_all(h, n);
		h->entries -= n;
		memmove(h->entry, h->entry + n, h->entries * sizeof(*h->entry));
	}
	if (at) {
		h->used -= at;
		memmove(h->text, h->text + at, h->used);
		for (size_t i = 0; i < h->entries; i++)
			h->entry[i].at -= (uint32_t)at;
	}
	if (all && !h->entries)
		h->keys_used = 0;
}
