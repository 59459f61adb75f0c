/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ioc/feed/feed.h"
#include "ioc/feed/mapping_doc.h"

/* --- columns -------------------------------------------------------------- */

static bool same_names(const char *const *a, const char *const *b)
{
	while (*a && *b && !strcasecmp(*a, *b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

/* The number of a column with exactly these names, a new one if need be. */
static int column_of(struct pk_doc *d, const char *const *names)
{
	struct pk_mapping *m = d->m;

	for (unsigned i = 0; i < m->columns; i++)
		if (same_names(m->names[i], names))
			return (int)i;
	if (m->columns == PK_MAPPING_COLUMNS_MAX)
		return pk_doc_bad(d, "more than %d columns",
				  PK_MAPPING_COLUMNS_MAX);
	memcpy(m->names[m->columns], names, sizeof(m->names[0]));
	return (int)m->columns++;
}

/* A column: its name, or a list of names. Its number, or an error. */
static int read_column(struct pk_doc *d, struct json_object *o)
{
	const char *names[PK_MAPPING_NAMES_MAX + 1] = { NULL };
	bool list = json_object_is_type(o, json_type_array);
	size_t n = list ? json_object_array_length(o) : 1;

	if (!n || n > PK_MAPPING_NAMES_MAX)
		return pk_doc_bad(d, "not 1 to %d names", PK_MAPPING_NAMES_MAX);
	for (size_t i = 0; i < n; i++) {
		struct json_object *name =
			list ? json_object_array_get_idx(o, i) : o;
		int err = pk_doc_text(d, name, &names[i]);

		if (err)
			return err;
	}
	return column_of(d, names);
}

int pk_doc_columns(struct pk_doc *d, struct json_object *o, uint64_t *bits)
{
	size_t n;

	if (!json_object_is_type(o, json_type_array))
		return pk_doc_bad(d, "not a list of columns");
	n = json_object_array_length(o);
	for (size_t i = 0; i < n; i++) {
		int column = read_column(d, json_object_array_get_idx(o, i));

		if (column < 0)
			return column;
		*bits |= 1ULL << column;
	}
	return 0;
}

/* --- our words ------------------------------------------------------------ */

static int find_type(const char *word)
{
	if (!strcmp(word, "guess"))
		return PK_MAPPING_GUESS;
	if (!strcmp(word, "skip"))
		return PK_MAPPING_SKIP;
	return pk_indicator_type_find(word);
}

static int find_class(const char *word)
{
	for (int i = 0; i < PK_THREAT_CLASS_COUNT; i++)
		if (!strcmp(word,
			    pk_threat_class_word((enum pk_threat_class)i)))
			return i;
	return -ENOENT;
}

static int find_percent(const char *word)
{
	char *end;
	long n = strtol(word, &end, 10);

	return *word < '0' || *word > '9' || *end || n > 100 ? -ENOENT : (int)n;
}

struct finder {
	int (*find)(const char *word); /* NULL: any text will do */
	const char *what;
};

static const struct finder *finder_of(enum pk_mapping_field_name field)
{
	static const struct finder finders[PK_MAPPING_FIELD_COUNT] = {
		[PK_MAPPING_TYPE] = { find_type, "a type" },
		[PK_MAPPING_CLASS] = { find_class, "a class" },
		[PK_MAPPING_CONFIDENCE] = { find_percent, "a percentage" },
		[PK_MAPPING_SEVERITY] = { pk_severity_find, "a severity" },
		[PK_MAPPING_TLP] = { pk_tlp_find, "a TLP" },
		[PK_MAPPING_MATCH] = { pk_match_find, "a match" },
		[PK_MAPPING_ACTION] = { pk_action_find, "an action" },
	};

	return &finders[field];
}

/* -1 and -2 are types; -ENOENT is -2 as well, so it is asked for by name. */
static bool is_found(enum pk_mapping_field_name field, const char *word, int n)
{
	return n >= 0 || (field == PK_MAPPING_TYPE &&
			  (!strcmp(word, "guess") || !strcmp(word, "skip")));
}

static int read_ours(struct pk_doc *d, enum pk_mapping_field_name field,
		     struct json_object *o, struct pk_mapping_ours *out)
{
	const struct finder *finder = finder_of(field);
	const char *text = pk_doc_scalar(d, o);

	if (!text)
		return -EINVAL;
	if (finder->find) {
		out->number = finder->find(text);
		if (!is_found(field, text, out->number))
			return pk_doc_bad(d, "\"%.40s\" is not %s", text,
					  finder->what);
	}
	out->text = text;
	return 0;
}

static int read_words(struct pk_doc *d, enum pk_mapping_field_name field,
		      struct json_object *o, struct pk_mapping_field *f)
{
	struct json_object_iter it;

	if (!json_object_is_type(o, json_type_object))
		return pk_doc_bad(d, "not an object of words");
	f->word = pk_doc_alloc(d, (size_t)json_object_object_length(o),
			       sizeof(*f->word));
	if (!f->word)
		return -ENOMEM;
	json_object_object_foreachC(o, it)
	{
		struct pk_mapping_word *word = &f->word[f->words];
		int err = read_ours(d, field, it.val, &word->ours);

		word->theirs = pk_doc_keep(d, it.key, strlen(it.key));
		if (err || !word->theirs)
			return -EINVAL;
		f->words++;
	}
	return 0;
}

/* --- fields and filters --------------------------------------------------- */

static int read_max(struct pk_doc *d, enum pk_mapping_field_name field,
		    struct json_object *o, uint32_t *max)
{
	int64_t n = json_object_get_int64(o);

	if (field != PK_MAPPING_CONFIDENCE)
		return pk_doc_bad(d, "for confidence only");
	if (!json_object_is_type(o, json_type_int) || n < 1 || n > 1000000)
		return pk_doc_bad(d, "not a whole number from 1 to 1000000");
	*max = (uint32_t)n;
	return 0;
}

static int read_field_key(struct pk_doc *d, enum pk_mapping_field_name field,
			  struct json_object *o, struct pk_mapping_field *f)
{
	if (!strcmp(d->part, "column")) {
		f->column = read_column(d, o);
		return f->column < 0 ? f->column : 0;
	}
	if (!strcmp(d->part, "words"))
		return read_words(d, field, o, f);
	if (!strcmp(d->part, "else"))
		return read_ours(d, field, o, &f->otherwise);
	if (!strcmp(d->part, "is"))
		return read_ours(d, field, o, &f->fixed);
	if (!strcmp(d->part, "max"))
		return read_max(d, field, o, &f->max);
	return pk_doc_bad(d, "unknown; known are column, words, else, is, max");
}

static int read_field(struct pk_doc *d, enum pk_mapping_field_name field,
		      struct json_object *o)
{
	struct pk_mapping_field *f = &d->m->field[field];
	struct json_object_iter it;
	int err = 0;

	if (!json_object_is_type(o, json_type_object)) {
		f->column = read_column(d, o);
		return f->column < 0 ? f->column : 0;
	}
	json_object_object_foreachC(o, it)
	{
		d->part = it.key;
		err = read_field_key(d, field, it.val, f);
		if (err)
			return err;
	}
	d->part = NULL;
	if (f->column < 0 && !f->fixed.text)
		return pk_doc_bad(d, "neither \"column\" nor \"is\"");
	if (f->column >= 0 && f->fixed.text)
		return pk_doc_bad(d, "both \"column\" and \"is\"");
	return 0;
}

static int find_field(const char *word)
{
#define WORD(name, text) text,
	static const char *const words[] = { PK_MAPPING_FIELDS(WORD) };
#undef WORD

	for (int i = 0; i < PK_MAPPING_FIELD_COUNT; i++)
		if (!strcmp(word, words[i]))
			return i;
	return -1;
}

int pk_doc_fields(struct pk_doc *d, struct json_object *o)
{
	struct json_object_iter it;

	if (!json_object_is_type(o, json_type_object))
		return pk_doc_bad(d, "not an object");
	json_object_object_foreachC(o, it)
	{
		int field = find_field(it.key), err;

		d->key = it.key;
		if (field < 0)
			return pk_doc_bad(d, "unknown field");
		err = read_field(d, (enum pk_mapping_field_name)field, it.val);
		if (err)
			return err;
	}
	return 0;
}

static int read_as(struct pk_doc *d, struct json_object *o, int *as)
{
	const char *word = pk_doc_string(d, o);

	if (!word)
		return -EINVAL;
	*as = PK_MAPPING_COMMENT;
	if (!strcmp(word, "comment"))
		return 0;
	for (*as = 0; *as < PK_SKIP_REASONS; (*as)++)
		if (!strcmp(word, pk_skip_word((enum pk_skip) * as)))
			return 0;
	return pk_doc_bad(d, "\"%.40s\" is not why a record is skipped", word);
}

static int read_filter_key(struct pk_doc *d, struct json_object *o,
			   struct pk_mapping_filter *f)
{
	static const char *const kinds[] = { "only", "not", "starts" };
	int column;

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(d->part, kinds[i]) != 0)
			continue;
		f->kind = (enum pk_mapping_filter_kind)i;
		return pk_doc_texts(d, o, &f->words);
	}
	if (!strcmp(d->part, "as"))
		return read_as(d, o, &f->as);
	if (strcmp(d->part, "column") != 0)
		return pk_doc_bad(
			d, "unknown; known are column, only, not, starts, "
			   "as");
	column = read_column(d, o);
	f->column = (unsigned)column;
	return column < 0 ? column : 0;
}

static int read_filter(struct pk_doc *d, struct json_object *o,
		       struct pk_mapping_filter *f)
{
	struct json_object_iter it;
	int err;

	if (!json_object_is_type(o, json_type_object))
		return pk_doc_bad(d, "not a list of objects");
	f->as = PK_SKIP_INACTIVE;
	f->column = PK_MAPPING_COLUMNS_MAX;
	json_object_object_foreachC(o, it)
	{
		d->part = it.key;
		err = read_filter_key(d, it.val, f);
		if (err)
			return err;
	}
	d->part = NULL;
	if (f->column == PK_MAPPING_COLUMNS_MAX || !f->words.text)
		return pk_doc_bad(
			d, "one lacks \"column\" or \"only\", \"not\" or "
			   "\"starts\"");
	return 0;
}

int pk_doc_filters(struct pk_doc *d, struct json_object *o)
{
	struct pk_mapping *m = d->m;
	size_t n;

	if (!json_object_is_type(o, json_type_array))
		return pk_doc_bad(d, "not a list of objects");
	n = json_object_array_length(o);
	if (n > PK_MAPPING_FILTERS_MAX)
		return pk_doc_bad(d, "more than %d", PK_MAPPING_FILTERS_MAX);
	while (m->filters < n) {
		unsigned i = m->filters++;
		int err = read_filter(d, json_object_array_get_idx(o, i),
				      &m->filter[i]);

		if (err)
			return err;
	}
	return 0;
}
