/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/json_record.h"

#include <string.h>
#include <strings.h>

struct json_tokener *pk_json_parser_new(void)
{
	struct json_tokener *t = json_tokener_new_ex(PK_JSON_RECORD_DEPTH);

	if (t)
		json_tokener_set_flags(t, JSON_TOKENER_STRICT |
						  JSON_TOKENER_VALIDATE_UTF8);
	return t;
}

struct json_object *pk_json_parse(struct json_tokener *t, const char *text,
				  size_t len)
{
	struct json_object *o;
	size_t used;

	json_tokener_reset(t);
	/* A number ends at the NUL that is behind the text. */
	o = json_tokener_parse_ex(t, text, (int)len + 1);
	used = json_tokener_get_parse_end(t);
	if (json_tokener_get_error(t) == json_tokener_success && used >= len)
		return o;
	json_object_put(o);
	return NULL;
}

struct json_object *pk_json_parse_record(struct json_tokener *t,
					 struct pk_reader *r, const char *text,
					 size_t len)
{
	struct json_object *o = pk_json_parse(t, text, len);

	if (json_object_is_type(o, json_type_object))
		return o;
	pk_reader_refuse(r, o ? PK_REFUSED_SYNTAX : PK_REFUSED_JSON, 0, text,
			 len);
	json_object_put(o);
	return NULL;
}

struct pk_json_span pk_json_text(struct json_object *value)
{
	struct pk_json_span none = { NULL, 0 }, s;

	switch (json_object_get_type(value)) {
	case json_type_string:
		s.text = json_object_get_string(value);
		s.len = (size_t)json_object_get_string_len(value);
		return s;
	case json_type_boolean:
	case json_type_double:
	case json_type_int:
		s.text = json_object_get_string(value);
		s.len = s.text ? strlen(s.text) : 0;
		return s;
	default:
		return none;
	}
}

struct pk_json_span pk_json_get(struct json_object *o, const char *key)
{
	return pk_json_text(json_object_object_get(o, key));
}

struct json_object *pk_json_list(struct json_object *o, const char *key)
{
	struct json_object *v = json_object_object_get(o, key);

	return json_object_is_type(v, json_type_array) ? v : NULL;
}

struct json_object *pk_json_object(struct json_object *o, const char *key)
{
	struct json_object *v = json_object_object_get(o, key);

	return json_object_is_type(v, json_type_object) ? v : NULL;
}

bool pk_json_is(struct pk_json_span s, const char *word)
{
	return s.text && strlen(word) == s.len &&
	       !strncasecmp(s.text, word, s.len);
}

bool pk_json_truth(struct json_object *o, const char *key, bool otherwise)
{
	struct pk_json_span s = pk_json_get(o, key);

	if (!s.text)
		return otherwise;
	return pk_json_is(s, "true") || pk_json_is(s, "1");
}

const char *pk_json_keep(struct pk_reader *r, struct pk_json_span s, size_t max)
{
	return s.text ? pk_reader_keep(r, s.text, s.len, max) : "";
}

uint32_t pk_json_time(struct pk_json_span s)
{
	return s.text ? pk_reader_time(s.text, s.len) : 0;
}

uint32_t pk_json_until(struct pk_json_span s)
{
	return s.text ? pk_reader_until(s.text, s.len) : 0;
}

/* --- a glance -------------------------------------------------------------- */

static const char *blanks(const char *p, const char *e)
{
	while (p < e && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	return p;
}

/* From an opening quotation mark to the closing one, or the end. */
static const char *string_end(const char *p, const char *e)
{
	for (p++; p < e; p++) {
		const char *back;

		p = memchr(p, '"', (size_t)(e - p));
		if (!p)
			return e;
		for (back = p; back[-1] == '\\'; back--)
			;
		if ((p - back) % 2 == 0)
			return p;
	}
	return e;
}

/* Behind the value at @p. */
static const char *value_end(const char *p, const char *e)
{
	static const bool marks[256] = {
		['"'] = true, ['{'] = true, ['['] = true,
		['}'] = true, [']'] = true, [','] = true
	};
	int depth = 0;

	for (; p < e; p++) {
		while (p < e && !marks[(unsigned char)*p])
			p++;
		if (p == e)
			break;
		if (*p == '"')
			p = string_end(p, e);
		else if (*p == '{' || *p == '[')
			depth++;
		else if (*p == ',' ? !depth : !depth--)
			return p;
	}
	return e;
}

static void keep_member(const char *const *keys, struct pk_json_span *out,
			unsigned n, struct pk_json_span key,
			struct pk_json_span value)
{
	for (unsigned i = 0; i < n; i++) {
		if (out[i].text || *keys[i] != *key.text ||
		    strlen(keys[i]) != key.len ||
		    memcmp(keys[i], key.text, key.len) != 0)
			continue;
		out[i] = value;
		if (value.len > 1 && *value.text == '"') {
			out[i].text++;
			out[i].len -= 2;
		}
		return;
	}
}

void pk_json_glance(const char *text, size_t len, const char *const *keys,
		    struct pk_json_span *out, unsigned n)
{
	const char *p = blanks(text, text + len), *e = text + len;
	struct pk_json_span key, value;

	memset(out, 0, n * sizeof(*out));
	if (p == e || *p != '{')
		return;
	for (p = blanks(p + 1, e); p < e && *p == '"'; p = blanks(p, e)) {
		key.text = p + 1;
		p = string_end(p, e);
		key.len = (size_t)(p - key.text);
		p = blanks(p + (p < e), e);
		if (p == e || *p != ':')
			return;
		value.text = p = blanks(p + 1, e);
		p = value_end(p, e);
		value.len = (size_t)(p - value.text);
		while (value.len &&
		       strchr(" \t\r\n", value.text[value.len - 1]))
			value.len--;
		keep_member(keys, out, n, key, value);
		p = blanks(p + (p < e), e);
	}
}

bool pk_json_head(const char *head, size_t len)
{
	const char *p = blanks(head, head + len);

	return p < head + len && (*p == '{' || *p == '[');
}

bool pk_json_head_has(const char *head, size_t len, const char *part)
{
	return memmem(head, len, part, strlen(part));
}

/* --- tags ------------------------------------------------------------------ */

static bool has_tag(const struct pk_json_tags *tags, const char *text,
		    size_t len)
{
	const char *p = tags->text;

	while (*p) {
		size_t n = strcspn(p, ",");

		if (n == len && !memcmp(p, text, len))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

void pk_json_tags_add(struct pk_json_tags *tags, const char *text, size_t len)
{
	size_t comma = tags->len > 0;
	char tag[PK_TAGS_MAX + 1];

	if (!len || tags->len + comma + len > PK_TAGS_MAX)
		return;
	for (size_t i = 0; i < len; i++)
		tag[i] = text[i] == ',' || (unsigned char)text[i] < ' '
				 ? ' '
				 : text[i];
	if (has_tag(tags, tag, len))
		return;
	if (tags->len)
		tags->text[tags->len++] = ',';
	memcpy(tags->text + tags->len, tag, len);
	tags->len += len;
	tags->text[tags->len] = 0;
}

void pk_json_tags_add_list(struct pk_json_tags *tags, const char *list)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		pk_json_tags_add(tags, list, n);
		list += n + (list[n] == ',');
	}
}
