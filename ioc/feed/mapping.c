/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#include "ioc/feed/mapping_doc.h"
#include "ioc/indicator.h"

enum { DEPTH_MAX = 8 };

static int read_bool(struct pk_doc *d, struct json_object *o, bool *out)
{
	if (!json_object_is_type(o, json_type_boolean))
		return pk_doc_bad(d, "not true or false");
	*out = json_object_get_boolean(o);
	return 0;
}

/* --- the document --------------------------------------------------------- */

static int read_name(struct pk_doc *d, struct json_object *o)
{
	const char *allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	int err = pk_doc_text(d, o, &d->m->name);

	if (!err && (strlen(d->m->name) > 31 ||
		     d->m->name[strspn(d->m->name, allowed)]))
		return pk_doc_bad(d, "not 1 to 31 of a-z 0-9 - _ .");
	return err;
}

static int read_about(struct pk_doc *d, struct json_object *o)
{
	return pk_doc_text(d, o, &d->m->about);
}

/* The number of a text among @words (ended by NULL), or an error. */
static int read_choice(struct pk_doc *d, struct json_object *o,
		       const char *const *words)
{
	const char *word = pk_doc_string(d, o);

	if (!word)
		return -EINVAL;
	for (int i = 0; words[i]; i++)
		if (!strcmp(word, words[i]))
			return i;
	return pk_doc_bad(d, "\"%.40s\" is none of its words", word);
}

static int read_for(struct pk_doc *d, struct json_object *o)
{
	static const char *const words[] = { "table", "json", NULL };
	int n = read_choice(d, o, words);

	d->m->kind = (enum pk_mapping_kind)n;
	return n < 0 ? n : 0;
}

static int read_header(struct pk_doc *d, struct json_object *o)
{
	static const char *const words[] = { "any", "row", "comment", "none",
					     NULL };
	int n = read_choice(d, o, words);

	d->m->header = (enum pk_mapping_header)n;
	return n < 0 ? n : 0;
}

static int read_delimiter(struct pk_doc *d, struct json_object *o)
{
	const char *text = json_object_get_string(o);

	/* A tab is a control character: not kept as a text. */
	if (!json_object_is_type(o, json_type_string) || strlen(text) != 1 ||
	    *text == '"' || *text == '\n' || *text == '\r' ||
	    (*text & 0x80) != 0)
		return pk_doc_bad(d, "not one ASCII character");
	d->m->delimiter = *text;
	return 0;
}

static int read_quotes(struct pk_doc *d, struct json_object *o)
{
	return read_bool(d, o, &d->m->quotes);
}

static int read_join_port(struct pk_doc *d, struct json_object *o)
{
	return read_bool(d, o, &d->m->join_port);
}

static int read_short_rows(struct pk_doc *d, struct json_object *o)
{
	return read_bool(d, o, &d->m->short_rows);
}

static int read_comments(struct pk_doc *d, struct json_object *o)
{
	int err = pk_doc_texts(d, o, &d->m->comments);

	for (unsigned i = 0; !err && i < d->m->comments.n; i++)
		if (!*d->m->comments.text[i])
			return pk_doc_bad(d, "an empty mark");
	return err;
}

static int read_nulls(struct pk_doc *d, struct json_object *o)
{
	return pk_doc_texts(d, o, &d->m->nulls);
}

static int read_fixed(struct pk_doc *d, struct json_object *o)
{
	return pk_doc_texts(d, o, &d->m->fixed);
}

static int read_required(struct pk_doc *d, struct json_object *o)
{
	return pk_doc_columns(d, o, &d->m->required);
}

static int read_known_by(struct pk_doc *d, struct json_object *o)
{
	return pk_doc_columns(d, o, &d->m->known_by);
}

static int read_known_by_text(struct pk_doc *d, struct json_object *o)
{
	return pk_doc_text(d, o, &d->m->known_by_text);
}

static int read_trailer(struct pk_doc *d, struct json_object *o)
{
	return pk_doc_text(d, o, &d->m->trailer);
}

static int read_count(struct pk_doc *d, struct json_object *o)
{
	return pk_doc_text(d, o, &d->m->count);
}

static int read_cap(struct pk_doc *d, struct json_object *o)
{
	const char *word = pk_doc_string(d, o);
	int n = word ? pk_severity_find(word) : 0;

	if (!word)
		return -EINVAL;
	if (n <= 0)
		return pk_doc_bad(d, "\"%.40s\" is not a severity", word);
	d->m->severity_cap = (uint8_t)n;
	return 0;
}

struct key {
	const char *word;
	int (*read)(struct pk_doc *d, struct json_object *o);
};

static const struct key keys[] = {
	{ "name", read_name },
	{ "about", read_about },
	{ "for", read_for },
	{ "delimiter", read_delimiter },
	{ "quotes", read_quotes },
	{ "comments", read_comments },
	{ "header", read_header },
	{ "columns", read_fixed },
	{ "known_by", read_known_by },
	{ "known_by_text", read_known_by_text },
	{ "required", read_required },
	{ "nulls", read_nulls },
	{ "trailer", read_trailer },
	{ "count", read_count },
	{ "join_port", read_join_port },
	{ "short_rows", read_short_rows },
	{ "severity_cap", read_cap },
	{ "filters", pk_doc_filters },
	{ "fields", pk_doc_fields },
};

static const struct key *find_key(const char *word)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(word, keys[i].word))
			return &keys[i];
	return NULL;
}

static int read_members(struct pk_doc *d, struct json_object *o)
{
	struct json_object_iter it;

	if (!json_object_is_type(o, json_type_object))
		return pk_doc_bad(d, "not an object");
	json_object_object_foreachC(o, it)
	{
		const struct key *key = find_key(it.key);
		int err;

		d->key = it.key;
		d->part = NULL;
		if (!key)
			return pk_doc_bad(d, "unknown key");
		err = key->read(d, it.val);
		if (err)
			return err;
	}
	d->key = d->part = NULL;
	return 0;
}

/* What only the whole document tells. */
static int settle(struct pk_doc *d)
{
	struct pk_mapping *m = d->m;
	int value = m->field[PK_MAPPING_VALUE].column;

	if (!m->name)
		return pk_doc_bad(d, "no \"name\"");
	if (value < 0)
		return pk_doc_bad(d, "no column for \"value\" in \"fields\"");
	if ((m->header == PK_MAPPING_HEADER_NONE) != (m->fixed.n > 0))
		return pk_doc_bad(d,
				  "\"columns\" go with \"header\": \"none\"");
	m->required |= 1ULL << value;
	m->known_by |= m->required;
	if (m->header != PK_MAPPING_HEADER_NONE)
		return 0;
	for (unsigned i = 0; i < m->columns; i++)
		if (m->required >> i & 1 &&
		    !(pk_mapping_present(m, m->fixed.text, m->fixed.n) >> i &
		      1))
			return pk_doc_bad(
				d, "columns: \"%.40s\" is not among them",
				m->names[i][0]);
	return 0;
}

/* --- JSON ----------------------------------------------------------------- */

static void bad_json(struct pk_doc *d, const char *text, size_t at,
		     const char *what)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < at; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	pk_doc_bad(d, "line %u: column %u: %s", line, column, what);
}

static const char *why_json(enum json_tokener_error err)
{
	if (err == json_tokener_success)
		return "more than one document";
	return err == json_tokener_continue ? "ends too early"
					    : json_tokener_error_desc(err);
}

static struct json_object *parse_json(struct pk_doc *d, const char *text,
				      size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *o;
	enum json_tokener_error err;
	size_t at;

	if (!tok) {
		d->memory = true;
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
					    JSON_TOKENER_VALIDATE_UTF8 |
					    JSON_TOKENER_ALLOW_TRAILING_CHARS);
	o = json_tokener_parse_ex(tok, text, (int)len);
	err = json_tokener_get_error(tok);
	at = json_tokener_get_parse_end(tok);
	json_tokener_free(tok);
	while (err == json_tokener_success && at < len && text[at] &&
	       strchr(" \t\r\n", text[at]))
		at++;
	if (err == json_tokener_success && at == len && o)
		return o;
	if (err == json_tokener_success && at == len)
		pk_doc_bad(d, "not an object");
	else
		bad_json(d, text, at, why_json(err));
	json_object_put(o);
	return NULL;
}

static int set_defaults(struct pk_doc *d, size_t len)
{
	struct pk_mapping *m = d->m;

	m->delimiter = ',';
	m->quotes = true;
	m->join_port = true;
	m->about = "";
	for (unsigned i = 0; i < PK_MAPPING_FIELD_COUNT; i++) {
		m->field[i].column = -1;
		m->field[i].max = 100;
	}
	/* A text of the document is two quotation marks longer there. */
	d->room = len + 1;
	m->texts = pk_doc_alloc(d, d->room, 1);
	return m->texts ? 0 : -ENOMEM;
}

static int read_document(struct pk_doc *d, const char *text, size_t len)
{
	struct json_object *o;
	int err = set_defaults(d, len);

	if (err)
		return err;
	o = parse_json(d, text, len);
	if (!o)
		return -EINVAL;
	err = read_members(d, o);
	json_object_put(o);
	return err ? err : settle(d);
}

int pk_mapping_parse(struct pk_mapping **out, const char *file,
		     const char *text, size_t len, char why[PK_MAPPING_WHY_MAX])
{
	struct pk_doc d = { .file = file, .why = why };

	why[0] = 0;
	if (len > PK_MAPPING_TEXT_MAX)
		return pk_doc_bad(&d, "longer than %d bytes",
				  PK_MAPPING_TEXT_MAX);
	d.m = pk_doc_alloc(&d, 1, sizeof(*d.m));
	if (d.m && !read_document(&d, text, len)) {
		*out = d.m;
		return 0;
	}
	pk_mapping_free(d.m);
	if (!d.memory)
		return -EINVAL;
	d.key = d.part = NULL;
	pk_doc_bad(&d, "out of memory");
	return -ENOMEM;
}

void pk_mapping_free(struct pk_mapping *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < PK_MAPPING_FIELD_COUNT; i++)
		free(m->field[i].word);
	for (unsigned i = 0; i < m->filters; i++)
		free(m->filter[i].words.text);
	free(m->comments.text);
	free(m->nulls.text);
	free(m->fixed.text);
	free(m->texts);
	free(m);
}

/* --- what readers ask ----------------------------------------------------- */

const char *pk_mapping_name(const struct pk_mapping *m)
{
	return m->name;
}

const char *pk_mapping_about(const struct pk_mapping *m)
{
	return m->about;
}

enum pk_mapping_kind pk_mapping_kind(const struct pk_mapping *m)
{
	return m->kind;
}

unsigned pk_mapping_columns(const struct pk_mapping *m)
{
	return m->columns;
}

const char *const *pk_mapping_names(const struct pk_mapping *m, unsigned column)
{
	return column < m->columns ? m->names[column] : NULL;
}

const char *pk_mapping_trim(const char *text, size_t *len)
{
	while (*len && (*text == ' ' || *text == '\t')) {
		text++;
		(*len)--;
	}
	while (*len && (text[*len - 1] == ' ' || text[*len - 1] == '\t'))
		(*len)--;
	return text;
}

static bool is_word(const char *word, const char *text, size_t len)
{
	return strlen(word) == len && !strncasecmp(word, text, len);
}

bool pk_mapping_is_null(const struct pk_mapping *m, const char *text,
			size_t len)
{
	static const char *const usual[] = { "", "None", "null", "-" };
	const char *const *words = m->nulls.text ? m->nulls.text : usual;
	unsigned n = m->nulls.text ? m->nulls.n : 4;

	for (unsigned i = 0; i < n; i++)
		if (is_word(words[i], text, len))
			return true;
	return !len;
}

const char *pk_mapping_comment(const struct pk_mapping *m, const char *line,
			       size_t len)
{
	static const char *const usual[] = { "#" };
	const char *const *marks = m->comments.text ? m->comments.text : usual;
	unsigned n = m->comments.text ? m->comments.n : 1;

	line = pk_mapping_trim(line, &len);
	for (unsigned i = 0; i < n; i++)
		if (len >= strlen(marks[i]) &&
		    !memcmp(line, marks[i], strlen(marks[i])))
			return line + strlen(marks[i]);
	return NULL;
}

bool pk_mapping_has_name(const struct pk_mapping *m, unsigned column,
			 const char *name)
{
	for (unsigned k = 0; m->names[column][k]; k++)
		if (!strcasecmp(m->names[column][k], name))
			return true;
	return false;
}

uint64_t pk_mapping_present(const struct pk_mapping *m,
			    const char *const *names, unsigned n)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < m->columns; i++)
		for (unsigned k = 0; k < n; k++)
			if (pk_mapping_has_name(m, i, names[k]))
				bits |= 1ULL << i;
	return bits;
}
