/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/jsonc.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
	const char *pos;
	const char *end;
	unsigned line;
	unsigned depth;
	struct pk_jsonc_error *err;
};

static int value(struct cursor *c, struct pk_jsonc *v);

__attribute__((format(printf, 2, 3))) static int fail(struct cursor *c,
						      const char *format, ...)
{
	va_list args;

	c->err->line = c->line;
	va_start(args, format);
	vsnprintf(c->err->sentence, sizeof(c->err->sentence), format, args);
	va_end(args);
	return -EINVAL;
}

/* What stands at the cursor, in words. */
static int unexpected(struct cursor *c, const char *wanted)
{
	unsigned char b = c->pos < c->end ? (unsigned char)*c->pos : 0;

	if (c->pos == c->end)
		return fail(c, "the text ends where %s is wanted", wanted);
	if (isgraph(b))
		return fail(c, "'%c' where %s is wanted", b, wanted);
	return fail(c, "byte 0x%02x where %s is wanted", b, wanted);
}

static void skip_comment(struct cursor *c)
{
	while (c->pos < c->end && *c->pos != '\n')
		c->pos++;
}

/* Blanks and comments. A lone slash is left for the caller to refuse. */
static void skip_blank(struct cursor *c)
{
	for (; c->pos < c->end; c->pos++) {
		if (*c->pos == '/' && c->end - c->pos > 1 && c->pos[1] == '/')
			skip_comment(c);
		if (c->pos == c->end || !memchr(" \t\r\n", *c->pos, 4))
			return;
		c->line += *c->pos == '\n';
	}
}

static int take(struct cursor *c, char wanted)
{
	if (c->pos == c->end || *c->pos != wanted)
		return 0;
	c->pos++;
	return 1;
}

/* Length of the UTF-8 sequence at @s (RFC 3629 section 4), 0 if it is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	static const unsigned char low[] = { 0x80, 0xa0, 0x80, 0x90, 0x80 };
	static const unsigned char high[] = { 0xbf, 0xbf, 0x9f, 0xbf, 0x8f };
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	int row = s[0] == 0xe0	 ? 1
		  : s[0] == 0xed ? 2
		  : s[0] == 0xf0 ? 3
		  : s[0] == 0xf4 ? 4
				 : 0;

	if (n == 1)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || left < n || s[1] < low[row] ||
	    s[1] > high[row])
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static char *put_utf8(char *to, uint32_t u)
{
	if (u < 0x80) {
		*to++ = (char)u;
		return to;
	}
	if (u < 0x800) {
		*to++ = (char)(0xc0 | u >> 6);
	} else {
		if (u < 0x10000) {
			*to++ = (char)(0xe0 | u >> 12);
		} else {
			*to++ = (char)(0xf0 | u >> 18);
			*to++ = (char)(0x80 | (u >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (u >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (u & 0x3f));
	return to;
}

/* Four hexadecimal digits, or -1. */
static int32_t read_hex4(struct cursor *c)
{
	int32_t u = 0;

	for (int i = 0; i < 4; i++, c->pos++) {
		if (c->pos == c->end || !isxdigit((unsigned char)*c->pos))
			return -1;
		u = u * 16 + (isdigit((unsigned char)*c->pos)
				      ? *c->pos - '0'
				      : (*c->pos | 32) - 'a' + 10);
	}
	return u;
}

/* Behind "\u"; surrogates come in pairs (RFC 8259 section 7). */
static int32_t read_unicode(struct cursor *c)
{
	int32_t u = read_hex4(c);
	int32_t v;

	if (u < 0xd800 || u > 0xdfff)
		return u;
	if (u > 0xdbff || !take(c, '\\') || !take(c, 'u'))
		return -1;
	v = read_hex4(c);
	if (v < 0xdc00 || v > 0xdfff)
		return -1;
	return 0x10000 + ((u - 0xd800) << 10) + (v - 0xdc00);
}

static int escape(struct cursor *c, char **to)
{
	static const char from[] = "\"\\/bfnrt";
	static const char into[] = "\"\\/\b\f\n\r\t";
	const char *at;
	int32_t u;

	if (c->pos == c->end)
		return unexpected(c, "an escape");
	if (take(c, 'u')) {
		u = read_unicode(c);
		if (u <= 0)
			return fail(c, "bad \\u escape in a string");
		*to = put_utf8(*to, (uint32_t)u);
		return 0;
	}
	at = memchr(from, *c->pos, sizeof(from) - 1);
	if (!at)
		return unexpected(c, "an escape");
	*(*to)++ = into[at - from];
	c->pos++;
	return 0;
}

static int string_byte(struct cursor *c, char **to)
{
	const unsigned char *s = (const unsigned char *)c->pos;
	size_t n;

	if (*s < 0x20)
		return fail(c,
			    "control character 0x%02x in a string; is a "
			    "quotation mark missing?",
			    *s);
	n = utf8_len(s, (size_t)(c->end - c->pos));
	if (!n)
		return fail(c, "byte 0x%02x in a string is not UTF-8", *s);
	memcpy(*to, s, n);
	*to += n;
	c->pos += n;
	return 0;
}

/* Escapes never grow, so the rest up to the closing mark is room enough. */
static int string(struct cursor *c, char **out)
{
	const char *close;
	char *text, *to;
	int err = 0;

	if (!take(c, '"'))
		return unexpected(c, "a string in double quotation marks");
	for (close = c->pos; close < c->end && *close != '"'; close++)
		close += *close == '\\';
	if (close >= c->end)
		return fail(c, "a string is not closed");
	text = malloc((size_t)(close - c->pos) + 1);
	if (!text)
		return -ENOMEM;
	to = text;
	while (!err && c->pos < close)
		err = take(c, '\\') ? escape(c, &to) : string_byte(c, &to);
	if (err) {
		free(text);
		return err;
	}
	*to = 0;
	c->pos = close + 1;
	*out = text;
	return 0;
}

static int digits(struct cursor *c)
{
	int n = 0;

	for (; c->pos < c->end && isdigit((unsigned char)*c->pos); n++)
		c->pos++;
	return n;
}

/* RFC 8259 section 6: no leading zeros, digits on both sides of the dot. */
static int number(struct cursor *c, struct pk_jsonc *v)
{
	const char *start = c->pos;
	const char *first;
	char copy[32];
	int n;

	take(c, '-');
	first = c->pos;
	n = digits(c);
	if (!n)
		return unexpected(c, "a value");
	if (*first == '0' && n > 1)
		return fail(c, "a number begins with 0");
	v->type = PK_JSONC_INTEGER;
	if (take(c, '.')) {
		v->type = PK_JSONC_REAL;
		if (!digits(c))
			return unexpected(c, "a digit");
	}
	if (take(c, 'e') || take(c, 'E')) {
		v->type = PK_JSONC_REAL;
		if (!take(c, '+'))
			take(c, '-');
		if (!digits(c))
			return unexpected(c, "a digit");
	}
	if (v->type == PK_JSONC_REAL)
		return 0;
	snprintf(copy, sizeof(copy), "%.*s", (int)(c->pos - start), start);
	errno = 0;
	v->integer = strtoll(copy, NULL, 10);
	if (errno || c->pos - start >= (ptrdiff_t)sizeof(copy))
		return fail(c, "a number does not fit in 64 bits");
	return 0;
}

static int word(struct cursor *c, struct pk_jsonc *v)
{
	static const struct {
		const char *text;
		enum pk_jsonc_type type;
		int integer;
	} words[] = { { "true", PK_JSONC_BOOL, 1 },
		      { "false", PK_JSONC_BOOL, 0 },
		      { "null", PK_JSONC_NULL, 0 } };
	size_t left = (size_t)(c->end - c->pos);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i].text);

		if (left < n || memcmp(c->pos, words[i].text, n) != 0)
			continue;
		v->type = words[i].type;
		v->integer = words[i].integer;
		c->pos += n;
		return 0;
	}
	return number(c, v);
}

/* `"name" :` in front of a member of @parent. */
static int member_name(struct cursor *c, const struct pk_jsonc *parent,
		       struct pk_jsonc *v)
{
	int err = string(c, &v->name);

	if (err)
		return err;
	for (const struct pk_jsonc *p = parent->child; p != v; p = p->next)
		if (!strcmp(p->name, v->name))
			return fail(c,
				    "\"%.60s\" is there twice, first on line "
				    "%u; remove one",
				    v->name, p->line);
	skip_blank(c);
	if (!take(c, ':'))
		return unexpected(c, "':' behind a name");
	skip_blank(c);
	return 0;
}

static int member(struct cursor *c, struct pk_jsonc *parent,
		  struct pk_jsonc ***tail)
{
	struct pk_jsonc *v = calloc(1, sizeof(*v));
	int err = 0;

	if (!v)
		return -ENOMEM;
	v->line = c->line;
	**tail = v;
	*tail = &v->next;
	if (parent->type == PK_JSONC_OBJECT)
		err = member_name(c, parent, v);
	return err ? err : value(c, v);
}

static int members(struct cursor *c, struct pk_jsonc *v, char close)
{
	struct pk_jsonc **tail = &v->child;
	int err;

	if (++c->depth > PK_JSONC_DEPTH)
		return fail(c, "nested deeper than %d", PK_JSONC_DEPTH);
	for (int n = 0;; n++) {
		skip_blank(c);
		if (take(c, close))
			break;
		err = n < PK_JSONC_MEMBERS ? member(c, v, &tail)
					   : fail(c, "more than %d elements",
						  PK_JSONC_MEMBERS);
		if (err)
			return err;
		skip_blank(c);
		if (!take(c, ',') && (c->pos == c->end || *c->pos != close))
			return unexpected(c, close == '}' ? "',' or '}'"
							  : "',' or ']'");
	}
	c->depth--;
	return 0;
}

static int value(struct cursor *c, struct pk_jsonc *v)
{
	if (c->pos == c->end)
		return unexpected(c, "a value");
	if (*c->pos == '"') {
		v->type = PK_JSONC_STRING;
		return string(c, &v->text);
	}
	if (take(c, '{')) {
		v->type = PK_JSONC_OBJECT;
		return members(c, v, '}');
	}
	if (take(c, '[')) {
		v->type = PK_JSONC_ARRAY;
		return members(c, v, ']');
	}
	return word(c, v);
}

int pk_jsonc_parse(struct pk_jsonc **out, const char *text, size_t len,
		   struct pk_jsonc_error *err)
{
	struct cursor c = { text, text + len, 1, 0, err };
	struct pk_jsonc *v = calloc(1, sizeof(*v));
	int rc;

	if (!v)
		return -ENOMEM;
	skip_blank(&c);
	v->line = c.line;
	rc = value(&c, v);
	skip_blank(&c);
	if (!rc && c.pos != c.end)
		rc = unexpected(&c, "the end");
	if (rc) {
		pk_jsonc_free(v);
		return rc;
	}
	*out = v;
	return 0;
}

void pk_jsonc_free(struct pk_jsonc *v)
{
	struct pk_jsonc *next;

	for (; v; v = next) {
		next = v->next;
		pk_jsonc_free(v->child); /* at most PK_JSONC_DEPTH deep */
		free(v->name);
		free(v->text);
		free(v);
	}
}

const char *pk_jsonc_noun(enum pk_jsonc_type type)
{
	static const char *const nouns[] = {
		"null",	    "true or false", "an integer", "a fraction",
		"a string", "a list",	     "an object",
	};

	return nouns[type];
}
