/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MISP warning lists. Their publisher sorts names, so "list" stands in front of
 * "type": the text is walked once, for everything but the entries, and then the
 * list alone. No tree is built: a list of 64 MiB would take a GiB.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ioc/guard/safelist_inside.h"

enum { DEPTH = 16, STRING_MAX = 4096 };

struct cursor {
	const char *pos;
	const char *end;
	unsigned line;
	const char *name; /* the safelist's, for sentences */
	char *err;
	size_t len; /* of what was read into @string */
	bool cut;
	char string[STRING_MAX + 1];
};

struct found {
	struct cursor list; /* at its bracket */
	bool has_list;
	bool has_type;
	bool has_attributes;
	uint32_t types;
	char type[32];
};

__attribute__((format(printf, 2, 3))) static int fail(struct cursor *c,
						      const char *format, ...)
{
	va_list args;
	int n = snprintf(c->err, PK_SAFELIST_SENTENCE,
			 "safelist %s:%u: ", c->name, c->line);

	va_start(args, format);
	vsnprintf(c->err + n, PK_SAFELIST_SENTENCE - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

static int unexpected(struct cursor *c, const char *wanted)
{
	if (c->pos == c->end)
		return fail(c, "the text ends where %s is wanted; is it whole?",
			    wanted);
	return fail(c, "not JSON: byte 0x%02x where %s is wanted",
		    (unsigned char)*c->pos, wanted);
}

static void skip_blank(struct cursor *c)
{
	for (; c->pos < c->end && memchr(" \t\r\n", *c->pos, 4); c->pos++)
		c->line += *c->pos == '\n';
}

static bool take(struct cursor *c, char wanted)
{
	skip_blank(c);
	if (c->pos == c->end || *c->pos != wanted)
		return false;
	c->pos++;
	return true;
}

/* --- strings -------------------------------------------------------------- */

static void put(struct cursor *c, char byte)
{
	if (c->len < STRING_MAX)
		c->string[c->len++] = byte;
	else
		c->cut = true;
}

static void put_utf8(struct cursor *c, uint32_t u)
{
	static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	unsigned more = u < 0x80 ? 0 : u < 0x800 ? 1 : u < 0x10000 ? 2 : 3;

	put(c, (char)(lead[more] | u >> (6 * more)));
	while (more--)
		put(c, (char)(0x80 | (u >> (6 * more) & 0x3f)));
}

/* Four hexadecimal digits, or -1. */
static int32_t read_hex4(struct cursor *c)
{
	int32_t u = 0;

	for (int i = 0; i < 4; i++, c->pos++) {
		int b = c->pos < c->end ? (unsigned char)*c->pos : 0;

		if (!isxdigit(b))
			return -1;
		u = u * 16 + (isdigit(b) ? b - '0' : (b | 32) - 'a' + 10);
	}
	return u;
}

/* Behind "\u": surrogates come in pairs (RFC 8259 section 7). */
static int read_unicode(struct cursor *c)
{
	int32_t u = read_hex4(c), low = 0;

	if (u >= 0xd800 && u < 0xdc00) {
		if (c->end - c->pos < 6 || memcmp(c->pos, "\\u", 2) != 0)
			return fail(c, "half a surrogate pair in a string");
		c->pos += 2;
		low = read_hex4(c);
		if (low < 0xdc00 || low > 0xdfff)
			return fail(c, "half a surrogate pair in a string");
		u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
	}
	if (u < 0 || (u >= 0xdc00 && u < 0xe000))
		return fail(c, "a bad \\u in a string");
	put_utf8(c, (uint32_t)u);
	return 0;
}

static int read_escape(struct cursor *c)
{
	static const char from[] = "\"\\/bfnrt";
	static const char into[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (c->pos == c->end)
		return unexpected(c, "an escape");
	if (*c->pos == 'u') {
		c->pos++;
		return read_unicode(c);
	}
	at = memchr(from, *c->pos, sizeof(from) - 1);
	if (!at)
		return unexpected(c, "an escape");
	put(c, into[at - from]);
	c->pos++;
	return 0;
}

/* A string into c->string; longer ones are cut and say so. */
static int read_string(struct cursor *c, const char *wanted)
{
	int err = 0;

	c->len = 0;
	c->cut = false;
	if (!take(c, '"'))
		return unexpected(c, wanted);
	while (!err && c->pos < c->end && *c->pos != '"') {
		if ((unsigned char)*c->pos < 0x20)
			return unexpected(c, "'\"'");
		if (*c->pos == '\\') {
			c->pos++;
			err = read_escape(c);
		} else {
			put(c, *c->pos++);
		}
	}
	c->string[c->len] = 0;
	if (!err && !take(c, '"'))
		err = unexpected(c, "'\"'");
	return err;
}

/* --- values of any kind ---------------------------------------------------- */

/* A number, true, false or null, as text into c->string. */
static int read_word(struct cursor *c)
{
	static const char *const words[] = { "true", "false", "null" };
	bool known = false;

	c->len = 0;
	c->cut = false;
	while (c->pos < c->end &&
	       (isalnum((unsigned char)*c->pos) || memchr("+-.", *c->pos, 3)))
		put(c, *c->pos++);
	c->string[c->len] = 0;
	for (int i = 0; i < 3; i++)
		known |= !strcmp(c->string, words[i]);
	if (!c->len || (!known && !isdigit((unsigned char)c->string[0]) &&
			c->string[0] != '-'))
		return unexpected(c, "a value");
	return 0;
}

static int read_plain(struct cursor *c)
{
	skip_blank(c);
	if (c->pos < c->end && *c->pos == '"')
		return read_string(c, "a string");
	return read_word(c);
}

/* The name of a member, into c->string. */
static int read_name(struct cursor *c)
{
	int err = read_string(c, "a name");

	if (!err && !take(c, ':'))
		err = unexpected(c, "':'");
	return err;
}

/* Read over a value. At most DEPTH deep. */
static int skip_value(struct cursor *c, unsigned depth)
{
	char close = take(c, '[') ? ']' : take(c, '{') ? '}' : 0;
	int err = 0;

	if (!close)
		return read_plain(c);
	if (depth == DEPTH)
		return fail(c, "nested deeper than %d", DEPTH);
	if (take(c, close))
		return 0;
	do {
		if (close == '}')
			err = read_name(c);
		if (!err)
			err = skip_value(c, depth + 1);
		if (err)
			return err;
	} while (take(c, ','));
	return take(c, close) ? 0 : unexpected(c, "',' or the end of a list");
}

/* --- the list's own members ------------------------------------------------ */

typedef int element_fn(void *arg, struct cursor *c);

/* Each element of a list; @fn consumes it. */
static int walk_list(struct cursor *c, element_fn *fn, void *arg)
{
	int err;

	if (!take(c, '['))
		return unexpected(c, "'['");
	if (take(c, ']'))
		return 0;
	do {
		skip_blank(c);
		err = fn(arg, c);
		if (err)
			return err;
	} while (take(c, ','));
	return take(c, ']') ? 0 : unexpected(c, "',' or ']'");
}

static int take_attribute(void *arg, struct cursor *c)
{
	struct found *f = arg;
	int err = read_string(c, "a string");

	if (!err)
		f->types |= pk_safe_attribute(c->string);
	return err;
}

static int copy_plain(struct cursor *c, char *out, size_t size)
{
	int err = read_plain(c);
	size_t len = c->len < size ? c->len : size - 1;

	memcpy(out, c->string, len);
	out[len] = 0;
	return err;
}

static int take_member(struct pk_safelist_draft *d, struct cursor *c,
		       struct found *f)
{
	if (!strcmp(c->string, "name"))
		return copy_plain(c, d->info.title, sizeof(d->info.title));
	if (!strcmp(c->string, "version"))
		return copy_plain(c, d->info.version, sizeof(d->info.version));
	if (!strcmp(c->string, "type")) {
		f->has_type = true;
		return copy_plain(c, f->type, sizeof(f->type));
	}
	if (!strcmp(c->string, "matching_attributes")) {
		f->has_attributes = true;
		return walk_list(c, take_attribute, f);
	}
	if (!strcmp(c->string, "list")) {
		if (f->has_list)
			return fail(c, "\"list\" is there twice");
		f->has_list = true;
		skip_blank(c);
		f->list = *c;
	}
	return skip_value(c, 0);
}

static int walk_members(struct pk_safelist_draft *d, struct cursor *c,
			struct found *f)
{
	int err;

	take(c, '{');
	if (!take(c, '}')) {
		do {
			err = read_name(c);
			if (!err)
				err = take_member(d, c, f);
			if (err)
				return err;
		} while (take(c, ','));
		if (!take(c, '}'))
			return unexpected(c, "',' or '}'");
	}
	skip_blank(c);
	return c->pos == c->end ? 0 : unexpected(c, "the end");
}

static int choose_type(struct pk_safelist_draft *d, struct cursor *c,
		       const struct found *f)
{
	if (!f->has_list)
		return fail(c, "no \"list\": not a warning list");
	if (!f->has_type)
		return fail(c, "no \"type\": not a warning list; give cidr, "
			       "hostname, string or substring");
	for (int i = 0; i < PK_SAFELIST_TYPE_COUNT; i++)
		if (!strcasecmp(f->type, pk_safelist_type_word(i)))
			d->info.type = i;
	if (strcasecmp(f->type, pk_safelist_type_word(d->info.type)) != 0)
		return fail(c, "unknown type; give cidr, hostname, string or "
			       "substring");
	if (d->info.type == PK_SAFELIST_REGEX) {
		fail(c, "regex lists are not supported; give the names or "
			"addresses that it means");
		return -ENOTSUP;
	}
	if (f->has_attributes && f->types)
		d->info.types = f->types;
	return 0;
}

struct entries {
	struct pk_safelist_draft *draft;
	uint64_t place;
};

static int take_entry(void *arg, struct cursor *c)
{
	struct entries *e = arg;
	int err;

	e->place++;
	if (c->pos < c->end && *c->pos == '"') {
		err = read_string(c, "a string");
		if (err)
			return err;
		if (!c->cut)
			return pk_safe_take(e->draft, c->string, c->len,
					    e->place);
		pk_safe_refuse(e->draft, PK_REFUSED_LINE_LONG, c->string,
			       c->len, e->place);
		return 0;
	}
	pk_safe_refuse(e->draft, PK_REFUSED_TYPE, "", 0, e->place);
	return skip_value(c, 0);
}

int pk_safe_read_json(struct pk_safelist_draft *d, const char *text, size_t len,
		      char err[PK_SAFELIST_SENTENCE])
{
	struct cursor c = { .pos = text,
			    .end = text + len,
			    .line = 1,
			    .name = d->info.name,
			    .err = err };
	struct entries entries = { .draft = d };
	struct found f = { 0 };
	int rc = walk_members(d, &c, &f);

	if (!rc)
		rc = choose_type(d, &c, &f);
	if (!rc)
		rc = walk_list(&f.list, take_entry, &entries);
	return rc;
}

/* --- what a list is about --------------------------------------------------- */

#define BIT(type) (1U << PK_INDICATOR_##type)
#define ADDRESSES (BIT(IPV4) | BIT(IPV6) | BIT(IPV4_NET) | BIT(IPV6_NET))

/* Per type the first word is the one that is written. */
static const struct {
	const char *word;
	uint32_t types;
} attributes[] = {
	{ "ip-dst", ADDRESSES },
	{ "ip-src", ADDRESSES },
	{ "domain|ip", ADDRESSES | BIT(DOMAIN) },
	{ "ip-dst|port", BIT(IP_PORT) },
	{ "ip-src|port", BIT(IP_PORT) },
	{ "domain", BIT(DOMAIN) },
	{ "hostname", BIT(DOMAIN) },
	{ "hostname|port", BIT(DOMAIN) },
	{ "url", BIT(URL) },
	{ "uri", BIT(URL) },
	{ "link", BIT(URL) },
	{ "email", BIT(EMAIL) },
	{ "email-src", BIT(EMAIL) },
	{ "email-dst", BIT(EMAIL) },
	{ "md5", BIT(FILE) },
	{ "sha1", BIT(FILE) },
	{ "sha256", BIT(FILE) },
	{ "filename|md5", BIT(FILE) },
	{ "filename|sha1", BIT(FILE) },
	{ "filename|sha256", BIT(FILE) },
	{ "ja3-fingerprint-md5", BIT(JA3) },
	{ "ja4-plus", BIT(JA4) },
	{ "x509-fingerprint-sha1", BIT(CERT) },
	{ "user-agent", BIT(USER_AGENT) },
	{ "AS", BIT(ASN) },
};

uint32_t pk_safe_attribute(const char *word)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (!strcasecmp(word, attributes[i].word))
			return attributes[i].types;
	return 0;
}

const char *pk_safe_attribute_next(uint32_t types, unsigned *at)
{
	while (*at < sizeof(attributes) / sizeof(attributes[0])) {
		unsigned i = (*at)++;

		if ((attributes[i].types & types) == attributes[i].types)
			return attributes[i].word;
	}
	return NULL;
}
