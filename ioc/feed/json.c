/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flat JSON records by a mapping: lists, one record a line, or an object around
 * a list ({"data": [..]}) or around lists by number ({"15": [..]}). The first
 * record's keys tell the mapping where the operator gave none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/feed/json_record.h"
#include "ioc/feed/json_scan.h"
#include "ioc/feed/mapping.h"
#include "ioc/feed/mapping_apply.h"
#include "ioc/feed/reader.h"

enum { TOP, BOX, LIST };

static const struct pk_json_rule rules[] = {
	{ TOP, NULL, PK_JSON_OBJECT, PK_JSON_MAYBE, BOX },
	{ TOP, NULL, PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ LIST, NULL, PK_JSON_OBJECT, PK_JSON_MAYBE, BOX },
	{ LIST, NULL, PK_JSON_ANY, PK_JSON_RECORD, 0 },
	{ BOX, "#", PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ BOX, "data", PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ BOX, "data", PK_JSON_OBJECT, PK_JSON_WALK, BOX },
	{ BOX, "urls", PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ BOX, "results", PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ BOX, "records", PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ BOX, "items", PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ BOX, "iocs", PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ BOX, "indicators", PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ BOX, "decisions", PK_JSON_ARRAY, PK_JSON_WALK, LIST },
};

static const struct pk_json_rules json_rules = {
	rules, sizeof(rules) / sizeof(rules[0]), 0, 0
};

enum { NAMES_MAX = 128 };

struct json {
	struct json_tokener *parser;
	const struct pk_mapping *mapping;
	char key[PK_JSON_KEY_MAX + 1]; /* the last number around a record */
	struct json_object *record;    /* and its reader: while applied */
	struct pk_reader *r;
};

static void end(void *state)
{
	struct json *j = state;

	if (!j)
		return;
	if (j->parser)
		json_tokener_free(j->parser);
	free(j);
}

static int begin(void **state, struct pk_reader *r)
{
	struct json *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->parser = pk_json_parser_new();
	if (!j->parser) {
		end(j);
		return -ENOMEM;
	}
	j->mapping = pk_reader_options(r)->mapping;
	*state = j;
	return 0;
}

/* Of JSON, what nobody else knows. */
static int guess(const char *head, size_t len)
{
	return pk_json_head(head, len) ? 50 : 0;
}

static void item(void *state, struct pk_reader *r,
		 const struct pk_json_item *item)
{
	struct json *j = state;

	(void)r;
	if ((item->what == PK_JSON_ENTER && item->place == LIST) ||
	    (item->what == PK_JSON_IS_RECORD && *item->key))
		strcpy(j->key, item->key);
}

/* A list of plain values, joined by commas. */
static struct pk_json_span joined(struct json *j, struct json_object *list)
{
	struct pk_json_tags tags = { 0 };
	struct pk_json_span text;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		text = pk_json_text(json_object_array_get_idx(list, i));
		if (text.len)
			pk_json_tags_add(&tags, text.text, text.len);
	}
	text.text = pk_reader_keep(j->r, tags.text, tags.len, PK_TAGS_MAX);
	text.len = tags.len;
	return text;
}

static struct pk_json_span by_name(struct json *j, const char *name)
{
	struct pk_json_span text = { j->key, strlen(j->key) };
	struct json_object *value;

	if (!strcmp(name, "$key"))
		return text;
	value = json_object_object_get(j->record, name);
	if (json_object_is_type(value, json_type_array))
		return joined(j, value);
	return pk_json_text(value);
}

static const char *get(void *row, unsigned column, size_t *len)
{
	struct json *j = row;
	const char *const *names = pk_mapping_names(j->mapping, column);

	for (; names && *names; names++) {
		struct pk_json_span text = by_name(j, *names);

		if (!text.text)
			continue;
		*len = text.len;
		return text.text;
	}
	return NULL;
}

static const struct pk_mapping *match(struct json_object *o)
{
	const char *names[NAMES_MAX];
	unsigned n = 0;

	json_object_object_foreach(o, key, value)
	{
		(void)value;
		if (n < NAMES_MAX)
			names[n++] = key;
	}
	return pk_mapping_match(PK_MAPPING_JSON, names, n);
}

static enum pk_outcome apply(struct json *j, struct pk_reader *r,
			     struct json_object *o, const char *text,
			     size_t len)
{
	const struct pk_mapping_row row = { .get = get, .row = j };

	if (!j->mapping)
		j->mapping = match(o);
	if (!j->mapping) {
		pk_reader_refuse(r, PK_REFUSED_SYNTAX, 0, text, len);
		pk_reader_break(r, "no mapping knows records like the first "
				   "one; name one with --mapping");
		return PK_OUTCOME_REFUSED;
	}
	j->record = o;
	j->r = r;
	return pk_mapping_apply(j->mapping, &row, r);
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct json *j = state;
	struct json_object *o = pk_json_parse_record(j->parser, r, text, len);
	enum pk_outcome outcome;

	if (!o)
		return PK_OUTCOME_REFUSED;
	outcome = apply(j, r, o, text, len);
	json_object_put(o);
	return outcome;
}

const struct pk_reader_kind pk_reader_json = {
	.format = PK_FEED_JSON,
	.cut = PK_CUT_OBJECTS,
	.guess = guess,
	.begin = begin,
	.end = end,
	.record = record,
	.json = &json_rules,
	.item = item,
};
