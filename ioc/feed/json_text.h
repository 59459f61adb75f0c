/* SPDX-License-Identifier: BSD-2-Clause */
/* json_text: kinds of bytes, and keys. For json_scan.c alone. */
#ifndef PK_IOC_FEED_JSON_TEXT_H
#define PK_IOC_FEED_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "ioc/feed/json_scan.h"

/* Of a number or a word. */
static inline bool pk_json_is_scalar(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '-' || c == '+' || c == '.';
}

/* A string does not go on with it as it is. */
static inline bool pk_json_ends_run(unsigned char c)
{
	static const uint64_t below_64 = 0xffffffffULL | 1ULL << '"';

	return c < 64 ? below_64 >> c & 1 : c == '\\';
}

static inline bool pk_json_all_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return len;
}

/* Is the rule for the key? One longer than PK_JSON_KEY_MAX is any at most. */
static inline bool pk_json_rule_names(const struct pk_json_rule *r,
				      const char *key, size_t len)
{
	if (!r->key)
		return true;
	if (len > PK_JSON_KEY_MAX)
		return false;
	if (!strcmp(r->key, "#"))
		return pk_json_all_digits(key, len);
	return strlen(r->key) == len && !memcmp(r->key, key, len);
}

#endif /* PK_IOC_FEED_JSON_TEXT_H */
