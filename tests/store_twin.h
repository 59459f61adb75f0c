/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_twin: values of every type that get in each other's way, and what
 * covers what, asked of the values themselves.
 */
#ifndef PK_TESTS_STORE_TWIN_H
#define PK_TESTS_STORE_TWIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ioc/indicator.h"

/* --- values --------------------------------------------------------------- */

typedef void twin_keep_fn(enum pk_indicator_type type, enum pk_match match,
			  const char *text);

static inline void twin_hex(char *text, unsigned n, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		text[i] = "0123456789abcdef"[(n * 7 + i * (n + 3)) % 16];
	text[len] = 0;
}

static inline void twin_address(unsigned n, twin_keep_fn *keep)
{
	static const unsigned v4[] = { 8, 9, 12, 16, 17, 23, 24, 25, 31 };
	static const unsigned v6[] = { 16, 32, 33, 48, 64, 112, 120, 127 };
	char text[80];

	sprintf(text, "10.%u.0.%u", n % 3, n % 40);
	keep(PK_INDICATOR_IPV4, 0, text);
	sprintf(text, "2001:db8::%x", n % 40);
	keep(PK_INDICATOR_IPV6, 0, text);
	sprintf(text, "10.%u.%u.%u/%u", n % 3, n % 2, n % 64, v4[n % 9]);
	keep(PK_INDICATOR_IPV4_NET, 0, text);
	sprintf(text, "2001:db8:%u::%x/%u", n % 2, n % 40, v6[n % 8]);
	keep(PK_INDICATOR_IPV6_NET, 0, text);
	sprintf(text, "10.%u.0.%u:%u", n % 3, n % 20, 80 + n % 3);
	keep(PK_INDICATOR_IP_PORT, 0, text);
	sprintf(text, "[2001:db8::%x]:%u", n % 20, 80 + n % 3);
	keep(PK_INDICATOR_IP_PORT, 0, text);
}

static inline void twin_name(unsigned n, twin_keep_fn *keep)
{
	char text[300];

	sprintf(text, "%c.%c%c.example", 'a' + n % 3, 'a' + n % 4,
		'a' + n / 4 % 2);
	for (unsigned i = 0; i < 3; i++)
		keep(PK_INDICATOR_DOMAIN, i, text + 2);
	keep(PK_INDICATOR_DOMAIN, n % 3, text);
	keep(PK_INDICATOR_DOMAIN, PK_MATCH_SUBDOMAINS, "example");
	/* More than 127 bytes: a length of two bytes. */
	sprintf(text, "%063u.%063u.%c.example", n, n, 'a' + n % 3);
	keep(PK_INDICATOR_DOMAIN, n % 3, text);
}

static inline void twin_other(unsigned n, twin_keep_fn *keep)
{
	char text[600];

	sprintf(text, "http://h%u.example/p", n % 8);
	keep(PK_INDICATOR_URL, 0, text);
	keep(PK_INDICATOR_URL, 0, text + 7);
	sprintf(text, "https://h%u.example/%0*u", n % 8, 10 + 30 * (n % 16), n);
	keep(PK_INDICATOR_URL, 0, text);
	sprintf(text, "user%u@a.example", n);
	keep(PK_INDICATOR_EMAIL, 0, text);
	twin_hex(text, n, n % 3 == 0 ? 32 : n % 3 == 1 ? 40 : 64);
	keep(PK_INDICATOR_FILE, 0, text);
	twin_hex(text, n, 32);
	keep(PK_INDICATOR_JA3, 0, text);
	twin_hex(text, n, 40);
	keep(PK_INDICATOR_CERT, 0, text);
	sprintf(text, "t13d%04u00_8daaf6152771_%012u", n, n);
	keep(PK_INDICATOR_JA4, 0, text);
	sprintf(text, "agent/%u", n);
	keep(PK_INDICATOR_USER_AGENT, 0, text);
	sprintf(text, "AS%u", 64500 + n);
	keep(PK_INDICATOR_ASN, 0, text);
}

static inline bool same_value(const struct pk_indicator *a,
			      const struct pk_indicator *b)
{
	uint8_t sa[PK_SMALL_VALUE], sb[PK_SMALL_VALUE];
	const uint8_t *ba, *bb;
	unsigned la = pk_indicator_bytes(a, sa, &ba);
	unsigned lb = pk_indicator_bytes(b, sb, &bb);

	return a->type == b->type && a->match == b->match && la == lb &&
	       !memcmp(ba, bb, la);
}

/* --- what covers what ----------------------------------------------------- */

static inline bool is_net(const struct pk_indicator *ind)
{
	return ind->type == PK_INDICATOR_IPV4_NET ||
	       ind->type == PK_INDICATOR_IPV6_NET;
}

static inline bool net_has(const struct pk_indicator *net,
			   const union pk_addr *addr)
{
	return is_net(net) && pk_is_v4(&net->addr) == pk_is_v4(addr) &&
	       pk_addr_in_net(addr, &net->addr, net->bits);
}

/* Labels in front of @name in @wire; -1 when it is not a suffix. */
static inline int labels_above(const uint8_t *wire,
			       const struct pk_indicator *name)
{
	unsigned left = pk_name_length(wire, PK_NAME_MAX);

	for (int labels = 0;; labels++) {
		if (left == name->value_len && !memcmp(wire, name->value, left))
			return labels;
		if (!*wire)
			return -1;
		left -= *wire + 1U;
		wire += *wire + 1;
	}
}

static inline bool name_covers(const struct pk_indicator *t,
			       const struct pk_indicator *q)
{
	int labels =
		t->type == PK_INDICATOR_DOMAIN ? labels_above(q->value, t) : -1;

	if (labels < 0 || t->match == PK_MATCH_SUBDOMAINS)
		return labels >= 0;
	if (q->match == PK_MATCH_ONE_LABEL)
		return false;
	return labels == (t->match == PK_MATCH_ONE_LABEL);
}

static inline bool url_covers(const struct pk_indicator *t,
			      const struct pk_indicator *q)
{
	const char *rest = strstr((const char *)q->value, "//");

	return t->type == PK_INDICATOR_URL && rest &&
	       strlen(rest) == t->value_len &&
	       !memcmp(rest, t->value, t->value_len);
}

static inline bool covers(const struct pk_indicator *t,
			  const struct pk_indicator *q)
{
	if (same_value(t, q))
		return true;
	switch (q->type) {
	case PK_INDICATOR_IPV4:
	case PK_INDICATOR_IPV6:
		return net_has(t, &q->addr);
	case PK_INDICATOR_IP_PORT:
		return net_has(t, &q->addr) ||
		       (t->type <= PK_INDICATOR_IPV6 &&
			!memcmp(&t->addr, &q->addr, sizeof(t->addr)));
	case PK_INDICATOR_IPV4_NET:
	case PK_INDICATOR_IPV6_NET:
		return net_has(t, &q->addr) && t->bits < q->bits;
	case PK_INDICATOR_DOMAIN:
		return name_covers(t, q);
	case PK_INDICATOR_URL:
		return url_covers(t, q);
	default:
		return false;
	}
}

#endif /* PK_TESTS_STORE_TWIN_H */
