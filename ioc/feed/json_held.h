/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_held: what json_scan took and has not told yet. For json_scan.c alone.
 *
 * Items in document order, and one buffer with their texts; the order in which
 * they are told is in json_scan.h. A failed allocation sets @failed and loses
 * what was to be added: the scanner breaks off then.
 */
#ifndef PK_IOC_FEED_JSON_HELD_H
#define PK_IOC_FEED_JSON_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioc/feed/json_scan.h"

struct pk_json_entry {
	uint64_t line;
	uint32_t column;
	const char *name; /* of a rule; NULL: in keys[] */
	uint32_t key;
	uint32_t at, len; /* of text[] */
	uint8_t what, place;
	uint8_t level; /* how many walked values are around, or it is */
	bool told;
};

struct pk_json_held {
	const struct pk_json_rules *rules;
	pk_json_item_fn *item;
	void *arg;
	bool failed;
	unsigned told_walks; /* ENTER told, LEAVE not */
	char *text;
	size_t used, text_room;
	char *keys;
	size_t keys_used, keys_room;
	struct pk_json_entry *entry;
	size_t entries, entry_room;
};

void pk_json_held_fini(struct pk_json_held *h);

void pk_json_held_append(struct pk_json_held *h, const char *text, size_t len);
void pk_json_held_put(struct pk_json_held *h, const struct pk_json_entry *e,
		      enum pk_json_what what);
/* @e gets a copy of @key that lives until everything is forgotten. */
void pk_json_held_key(struct pk_json_held *h, struct pk_json_entry *e,
		      const char *key, size_t len);

/*
 * Tell the first @n items, and forget them and the text in front of @at. What
 * stays moves to the front. Keys are kept until nothing stays and @all.
 */
void pk_json_held_flush(struct pk_json_held *h, size_t n, size_t at, bool all);

#endif /* PK_IOC_FEED_JSON_HELD_H */
