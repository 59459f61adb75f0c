/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ioc/indicator_inside.h"
#include "ioc/unicode.h"

/* The canonical text as it grows; full once something did not fit. */
struct out {
	char *text;
	size_t len;
	bool full;
};

static void put(struct out *out, const char *text, size_t len)
{
	if (len > PK_VALUE_MAX - out->len) {
		out->full = true;
		return;
	}
	memcpy(out->text + out->len, text, len);
	out->len += len;
}

static bool in_scheme(char c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/* Bytes of the scheme in front of "://"; 0: there is none. */
static size_t scheme_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && in_scheme(text[n]))
		n++;
	return len - n >= 3 && !memcmp(text + n, "://", 3) ? n : 0;
}

static unsigned default_port(const char *scheme, size_t len)
{
	static const struct {
		const char *scheme;
		unsigned port;
	} rows[] = { { "http", 80 },  { "https", 443 }, { "ftp", 21 },
		     { "ftps", 990 }, { "ws", 80 },	{ "wss", 443 },
		     { "ssh", 22 },   { "sftp", 22 },	{ "telnet", 23 },
		     { "tftp", 69 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strlen(rows[i].scheme) == len &&
		    !memcmp(rows[i].scheme, scheme, len))
			return rows[i].port;
	return 0;
}

/* Schemes that exist only to be harmless, and what they mean. */
static const struct {
	const char *from, *to;
} defanged[] = {
	{ "hxxps", "https" }, { "hxxp", "http" },   { "hxtps", "https" },
	{ "hxtp", "http" },   { "htxps", "https" }, { "htxp", "http" },
	{ "fxp", "ftp" },     { "meow", "http" },
};

enum { DEFANGED = sizeof(defanged) / sizeof(defanged[0]) };

static bool is_defanged(const char *scheme, size_t len)
{
	for (size_t i = 0; i < DEFANGED; i++)
		if (strlen(defanged[i].from) == len &&
		    !memcmp(defanged[i].from, scheme, len))
			return true;
	return false;
}

static enum pk_refused put_name(struct out *out, const char *text, size_t len)
{
	uint8_t wire[PK_NAME_MAX];
	char name[PK_NAME_TEXT_MAX];
	unsigned wire_len;
	enum pk_refused why = pk_name_parse(text, len, wire, &wire_len);

	if (why)
		return why;
	put(out, name, pk_name_print(wire, name));
	return PK_REFUSED_NONE;
}

static enum pk_refused put_host(struct out *out, const char *text, size_t len)
{
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	char addr_text[PK_ADDR_TEXT_MAX + 2];
	union pk_addr addr;
	size_t n;

	if (!brackets && (*text == '[' || memchr(text, ':', len)))
		return PK_REFUSED_URL_HOST;
	if (pk_addr_read(&addr, text + brackets, len - 2 * brackets))
		return brackets ? PK_REFUSED_ADDRESS : put_name(out, text, len);
	n = pk_addr_print(&addr, addr_text + 1);
	if (pk_is_v4(&addr)) {
		put(out, addr_text + 1, n);
		return PK_REFUSED_NONE;
	}
	addr_text[0] = '[';
	addr_text[n + 1] = ']';
	put(out, addr_text, n + 2);
	return PK_REFUSED_NONE;
}

/* The part in front of path and query. */
struct authority {
	const char *host;
	size_t host_len;
	const char *port;
	size_t port_len;
	bool has_colon;
};

/* User information is dropped. */
static struct authority split_authority(const char *text, size_t len)
{
	const char *sign = memrchr(text, '@', len), *end = text + len, *colon;
	struct authority a = { 0 };

	a.host = sign ? sign + 1 : text;
	a.host_len = (size_t)(end - a.host);
	/* A colon inside brackets is the address's. */
	colon = memrchr(a.host, ':', a.host_len);
	if (!colon || memchr(colon, ']', (size_t)(end - colon)))
		return a;
	a.has_colon = true;
	a.host_len = (size_t)(colon - a.host);
	a.port = colon + 1;
	a.port_len = (size_t)(end - a.port);
	return a;
}

/* Behind "//": an address or a name of two labels; "http:/" is not one. */
static bool looks_like_host(const struct out *out)
{
	return memchr(out->text, '.', out->len) ||
	       memchr(out->text, '[', out->len);
}

static enum pk_refused put_authority(struct out *out, const char *text,
				     size_t len, bool has_scheme)
{
	struct authority a = split_authority(text, len);
	unsigned usual_port =
		has_scheme ? default_port(out->text, out->len - 3) : 0;
	enum pk_refused why;
	unsigned port = 0;
	char number[8];

	if (!a.host_len)
		return PK_REFUSED_URL_HOST;
	if (a.port_len || (a.has_colon && !has_scheme)) {
		port = pk_port_read(a.port, a.port_len);
		if (!port)
			return PK_REFUSED_PORT;
	}
	why = put_host(out, a.host, a.host_len);
	if (why)
		return why;
	if (!has_scheme && !looks_like_host(out))
		return PK_REFUSED_URL_HOST;
	if (port && port != usual_port)
		put(out, number,
		    (size_t)snprintf(number, sizeof(number), ":%u", port));
	return PK_REFUSED_NONE;
}

/* Path and query, verbatim; the fragment never leaves the client. */
static enum pk_refused put_path(struct out *out, const char *text, size_t len)
{
	const char *hash = memchr(text, '#', len);
	enum pk_refused why;

	if (hash)
		len = (size_t)(hash - text);
	if (memchr(text, ' ', len) || pk_unicode_has_control(text, len))
		return PK_REFUSED_URL;
	why = pk_unicode_check(text, len);
	if (why)
		return why;
	if (!len || *text != '/')
		put(out, "/", 1);
	put(out, text, len);
	return PK_REFUSED_NONE;
}

static size_t authority_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] != '/' && text[n] != '?' && text[n] != '#')
		n++;
	return n;
}

/* Scheme and "//" to @out; returns the bytes they take in @text. */
static size_t put_scheme(struct out *out, const char *text, size_t len)
{
	size_t n = scheme_len(text, len);

	for (size_t i = 0; i < n; i++)
		out->text[i] = text[i] >= 'A' && text[i] <= 'Z'
				       ? (char)(text[i] | 0x20)
				       : text[i];
	out->len = n;
	put(out, n ? "://" : "//", n ? 3 : 2);
	if (n)
		return n + 3;
	return len >= 2 && text[0] == '/' && text[1] == '/' ? 2 : 0;
}

enum pk_refused pk_indicator_parse_url(struct pk_indicator *ind,
				       const char *text, size_t len)
{
	struct out out = { .text = (char *)ind->value };
	size_t scheme = scheme_len(text, len), n;
	enum pk_refused why;

	if (!len)
		return PK_REFUSED_EMPTY;
	if (scheme > 32 || (scheme && (text[0] | 0x20) < 'a'))
		return PK_REFUSED_URL;
	n = put_scheme(&out, text, len);
	if (is_defanged(out.text, scheme))
		return PK_REFUSED_DEFANGED;
	text += n;
	len -= n;
	n = authority_len(text, len);
	why = put_authority(&out, text, n, scheme > 0);
	if (!why)
		why = put_path(&out, text + n, len - n);
	if (why)
		return why;
	if (out.full)
		return PK_REFUSED_URL_LONG;
	ind->type = PK_INDICATOR_URL;
	ind->match = PK_MATCH_EXACT;
	ind->value_len = (uint16_t)out.len;
	return PK_REFUSED_NONE;
}

/* --- undoing ... ---------------------------------------------------------- */

/* What stands for what. Letters in any case; longer ones first. */
static const struct {
	const char *from, *to;
} refangs[] = {
	{ "[://]", "://" }, { "[dot]", "." },  { "(dot)", "." },
	{ "{dot}", "." },   { " dot ", "." },  { "[at]", "@" },
	{ "(at)", "@" },    { "[.]", "." },    { "(.)", "." },
	{ "{.}", "." },	    { "[:]", ":" },    { "[@]", "@" },
	{ "[/]", "/" },	    { "[://", "://" },
};

static bool begins(const char *text, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && !strncasecmp(text, with, n);
}

static size_t refang_scheme(char *text, size_t len, unsigned *n)
{
	for (size_t i = 0; i < DEFANGED; i++) {
		size_t from = strlen(defanged[i].from);
		size_t to = strlen(defanged[i].to);

		if (!begins(text, len, defanged[i].from) ||
		    !begins(text + from, len - from, "://"))
			continue;
		/* No word is shorter than what it means. */
		memcpy(text, defanged[i].to, to);
		memmove(text + to, text + from, len - from);
		++*n;
		return len - from + to;
	}
	return len;
}

/* What stands at @text, if it begins like one of them at all. */
static int find_refang(const char *text, size_t len)
{
	if (*text != '[' && *text != '(' && *text != '{' && *text != ' ')
		return -1;
	for (size_t i = 0; i < sizeof(refangs) / sizeof(refangs[0]); i++)
		if (begins(text, len, refangs[i].from))
			return (int)i;
	return -1;
}

size_t pk_refang(char *text, size_t len, unsigned *n)
{
	size_t at = 0, out = 0;

	*n = 0;
	while (at < len) {
		int i = find_refang(text + at, len - at);

		if (i < 0) {
			text[out++] = text[at++];
			continue;
		}
		memcpy(text + out, refangs[i].to, strlen(refangs[i].to));
		out += strlen(refangs[i].to);
		at += strlen(refangs[i].from);
		++*n;
	}
	return refang_scheme(text, out, n);
}
