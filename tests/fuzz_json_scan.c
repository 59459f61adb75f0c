/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as JSON; the first byte chooses rules and the size of the pieces.
 * However the bytes are cut, the same items come, ENTER and LEAVE pair up, and
 * BROKEN is the last.
 */
#include "ioc/feed/json_scan.h"

#include <stdlib.h>
#include <string.h>

static const struct pk_json_rule rules[] = {
	{ 0, NULL, PK_JSON_OBJECT, PK_JSON_MAYBE_UNIT, 1 },
	{ 0, NULL, PK_JSON_ARRAY, PK_JSON_WALK, 2 },
	{ 1, "a", PK_JSON_ARRAY, PK_JSON_WALK, 2 },
	{ 1, "b", PK_JSON_OBJECT, PK_JSON_WALK_UNIT, 1 },
	{ 1, "c", PK_JSON_ANY, PK_JSON_CONTEXT, 0 },
	{ 1, "#", PK_JSON_ANY, PK_JSON_RECORD, 0 },
	{ 2, NULL, PK_JSON_OBJECT, PK_JSON_MAYBE, 1 },
	{ 2, NULL, PK_JSON_ANY, PK_JSON_RECORD, 0 },
};

enum { RULES = sizeof(rules) / sizeof(rules[0]), RECORD_MAX = 64 };
static const struct pk_json_rules all[] = { { rules, RULES, 0, 0 },
					    { rules, RULES, 1, 0 },
					    { rules, RULES, 1, 1 } };

struct seen {
	uint64_t sum, items;
	unsigned depth;
	int broken;
};

static void add(struct seen *s, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++)
		s->sum = (s->sum ^ p[i]) * 1099511628211U;
}

static void on_item(void *arg, const struct pk_json_item *item)
{
	struct seen *s = arg;

	if (s->broken || item->text[item->len])
		abort();
	if (item->len > RECORD_MAX && item->what == PK_JSON_IS_RECORD)
		abort();
	s->items++;
	add(s, &item->what, sizeof(item->what));
	add(s, &item->place, sizeof(item->place));
	add(s, &item->line, sizeof(item->line));
	add(s, item->key, strlen(item->key));
	add(s, item->text, item->len);
	s->depth += item->what == PK_JSON_ENTER;
	if (item->what == PK_JSON_LEAVE && !s->depth--)
		abort();
	s->broken = item->what == PK_JSON_BROKEN;
}

static struct seen scan(const struct pk_json_rules *r, const uint8_t *data,
			size_t size, size_t piece)
{
	struct seen seen = { 0 };
	struct pk_json_scan *s;

	if (pk_json_scan_new(&s, r, RECORD_MAX, on_item, &seen))
		abort();
	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		uint8_t *copy = malloc(n);

		memcpy(copy, data + at, n);
		pk_json_scan_push(s, copy, n);
		free(copy);
	}
	pk_json_scan_finish(s);
	pk_json_scan_free(s);
	if (!seen.broken && seen.depth)
		abort();
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pk_json_rules *r;
	struct seen whole, cut;

	if (!size)
		return 0;
	r = &all[data[0] % 3];
	whole = scan(r, data + 1, size - 1, size);
	cut = scan(r, data + 1, size - 1, 1 + data[0] / 3);
	if (whole.sum != cut.sum || whole.items != cut.items)
		abort();
	return 0;
}
