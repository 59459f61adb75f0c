/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/json_out.h"

#include <errno.h>
#include <string.h>

#include "control/text.h"
#include "ioc/indicator.h"

enum { DIGITS_MAX = 20 };

/* Most texts are shorter than a call of memcpy() takes. */
static inline void copy(char *to, const char *from, size_t len)
{
	if (len > 16) {
		memcpy(to, from, len);
	} else if (len >= 8) {
		memcpy(to, from, 8);
		memcpy(to + len - 8, from + len - 8, 8);
	} else if (len >= 4) {
		memcpy(to, from, 4);
		memcpy(to + len - 4, from + len - 4, 4);
	} else {
		while (len--)
			to[len] = from[len];
	}
}

static void put_bytes(struct pk_json_out *j, const char *bytes, size_t len)
{
	if (j->len + len < j->size)
		copy(j->out + j->len, bytes, len);
	j->len += len;
}

static void put(struct pk_json_out *j, char c)
{
	if (j->len + 1 < j->size)
		j->out[j->len] = c;
	j->len++;
}

/* What stands in front of a value. */
static void lead(struct pk_json_out *j, const char *key)
{
	size_t n = key ? strlen(key) : 0;
	size_t all = (j->comma ? 1 : 0) + (key ? n + 3 : 0);
	char *to = j->out + j->len;

	j->len += all;
	if (j->len >= j->size)
		return;
	if (j->comma)
		*to++ = ',';
	j->comma = 1;
	if (!key)
		return;
	*to++ = '"';
	copy(to, key, n);
	to[n] = '"';
	to[n + 1] = ':';
}

void pk_json_out_begin(struct pk_json_out *j, char *out, size_t size)
{
	*j = (struct pk_json_out){ .out = out, .size = size };
	put(j, '{');
}

int pk_json_out_end(struct pk_json_out *j)
{
	put(j, '}');
	if (j->len >= j->size)
		return -ENOSPC;
	j->out[j->len] = 0;
	return (int)j->len;
}

void pk_json_out_open(struct pk_json_out *j, const char *key, char bracket)
{
	lead(j, key);
	put(j, bracket);
	j->comma = 0;
}

void pk_json_out_close(struct pk_json_out *j, char bracket)
{
	put(j, bracket);
	j->comma = 1;
}

void pk_json_out_raw(struct pk_json_out *j, const char *key, const char *json)
{
	lead(j, key);
	put_bytes(j, json, strlen(json));
}

void pk_json_out_plain(struct pk_json_out *j, const char *key, const char *text)
{
	size_t n = strlen(text);
	char *to;

	lead(j, key);
	to = j->out + j->len;
	j->len += n + 2;
	if (j->len >= j->size)
		return;
	*to++ = '"';
	copy(to, text, n);
	to[n] = '"';
}

/* The decimal digits of @n, at the end of @text: where they begin. */
static const char *digits(uint64_t n, char text[DIGITS_MAX + 1])
{
	char *at = text + DIGITS_MAX;

	*at = 0;
	do
		*--at = (char)('0' + n % 10);
	while (n /= 10);
	return at;
}

void pk_json_out_number(struct pk_json_out *j, const char *key, uint64_t n)
{
	char text[DIGITS_MAX + 1];

	pk_json_out_raw(j, key, digits(n, text));
}

void pk_json_out_hex(struct pk_json_out *j, const char *key, uint64_t n)
{
	char text[17];

	pk_text_hex(n, text);
	pk_json_out_plain(j, key, text);
}

void pk_json_out_time(struct pk_json_out *j, const char *key, uint64_t ns)
{
	char text[PK_TEXT_TIME];

	pk_text_time(ns, text);
	pk_json_out_plain(j, key, text);
}

void pk_json_out_addr(struct pk_json_out *j, const char *key,
		      const union pk_addr *addr)
{
	char text[PK_ADDR_TEXT_MAX];

	pk_addr_print(addr, text);
	pk_json_out_plain(j, key, text);
}

/* One clean character or escape, with the escapes of JSON. */
static void put_clean(struct pk_json_out *j, const char *clean, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (clean[i] == '"' || clean[i] == '\\')
			put(j, '\\');
		put(j, clean[i]);
	}
}

static void put_cut(struct pk_json_out *j, size_t len)
{
	char text[DIGITS_MAX + 1];
	const char *at = digits(len, text);

	put_bytes(j, "\xe2\x80\xa6(", 4);
	put_bytes(j, at, strlen(at));
	put_bytes(j, " bytes)", 7);
}

void pk_json_out_text(struct pk_json_out *j, const char *key, const char *text)
{
	char clean[PK_TEXT_STEP];
	const char *at = text;
	size_t room = PK_JSON_OUT_TEXT;

	lead(j, key);
	put(j, '"');
	while (*at) {
		size_t n = pk_text_plain(at), len;

		n = n < room ? n : room;
		put_bytes(j, at, n);
		at += n;
		room -= n;
		if (!*at)
			break;
		len = pk_text_step(&at, clean);
		if (len > room) {
			put_cut(j, strlen(text));
			break;
		}
		put_clean(j, clean, len);
		room -= len;
	}
	put(j, '"');
}

void pk_json_out_again(struct pk_json_out *j, const char *key, const char *text)
{
	char clean[PK_TEXT_STEP];

	lead(j, key);
	put(j, '"');
	while (*text) {
		size_t n = pk_text_plain(text);

		put_bytes(j, text, n);
		text += n;
		if (*text)
			put_clean(j, clean, pk_text_again(&text, clean));
	}
	put(j, '"');
}
