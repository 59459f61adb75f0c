/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_twin: what bpf/dns.h must say of a payload, done the slow way: byte by
 * byte with every index checked, the name folded into a copy and looked up
 * whole by pk_name_find(); whether the kernel may judge it, by the hashes of
 * ioc/name.h.
 */
#ifndef PK_TESTS_DNS_TWIN_H
#define PK_TESTS_DNS_TWIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bpf/dns.h"
#include "ioc/image/lookup.h"
#include "ioc/name.h"

struct dns_twin {
	int reason;
	uint32_t labels, name_len; /* the root byte included */
	uint32_t end;		   /* of the question, in the payload */
	uint32_t prefix;	   /* bytes in front of the message */
	uint32_t until;		   /* the message's end in the payload */
	uint32_t slot;
	uint8_t name[256]; /* folded */
};

static inline int dns_twin_name(const uint8_t *m, uint32_t len,
				struct dns_twin *t)
{
	uint32_t at = 12, wire = 1;

	while (at < len && m[at] != 0) {
		uint32_t n = m[at];

		if (n >= 192) {
			t->end = at + 6;
			return PK_DNS_POINTER;
		}
		if (n >= 64)
			return PK_DNS_LABEL_TYPE;
		wire += n + 1;
		if (wire > 255)
			return PK_DNS_NAME_LENGTH;
		if (at + n >= len)
			return PK_DNS_SHORT;
		t->name[at - 12] = (uint8_t)n;
		for (uint32_t i = 1; i <= n; i++) {
			uint8_t c = m[at + i];

			t->name[at - 12 + i] =
				c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
		}
		at += n + 1;
		t->labels++;
	}
	if (at + 5 > len)
		return PK_DNS_SHORT;
	t->name_len = wire;
	t->end = at + 5;
	return PK_DNS_OK;
}

static inline int dns_twin_message(const uint8_t *m, uint32_t len,
				   struct dns_twin *t)
{
	uint32_t questions;
	int reason;

	if (len < 12)
		return PK_DNS_SHORT;
	questions = 256U * m[4] + m[5];
	if (questions == 0)
		return PK_DNS_NO_QUESTION;
	reason = dns_twin_name(m, len, t);
	if (questions > 1 && (reason == PK_DNS_OK || reason == PK_DNS_POINTER))
		return PK_DNS_MORE;
	return reason;
}

/* With a length in front, or without one; the rest may be elsewhere. */
static inline int dns_twin_segment(const uint8_t *p, uint32_t len,
				   struct dns_twin *t)
{
	uint32_t said = len >= 2 ? 256U * p[0] + p[1] : 0;
	bool one, few;
	int reason;

	if (len < 14)
		return PK_DNS_TCP_SPLIT;
	one = p[6] == 0 && p[7] == 1;
	few = p[6] == 0 && p[7] > 1 && p[7] <= 16 && (p[4] >> 3 & 15) == 0 &&
	      2 + said <= len;
	if (said >= 17 && (one || few)) {
		t->prefix = 2;
		if (len >= 2 + said + 2 + 17)
			return PK_DNS_TCP_MORE;
		if (len - 2 >= said) {
			t->until = 2 + said;
			return dns_twin_message(p + 2, said, t);
		}
		reason = dns_twin_message(p + 2, len - 2, t);
	} else if (p[4] == 0 && p[5] == 1 && (p[2] >> 3 & 15) == 0) {
		reason = dns_twin_message(p, len, t);
	} else {
		return PK_DNS_TCP_OTHER;
	}
	return reason == PK_DNS_SHORT ? PK_DNS_TCP_SPLIT : reason;
}

/* A payload of @len bytes, a segment's if @tcp. */
static inline void dns_twin_read(const uint8_t *p, uint32_t len, bool tcp,
				 struct dns_twin *t)
{
	memset(t, 0, sizeof(*t));
	t->until = len;
	t->reason =
		tcp ? dns_twin_segment(p, len, t) : dns_twin_message(p, len, t);
	t->end += t->prefix;
}

/*
 * Read the name at @at in @m, following pointers that go back, into @t, which
 * has @t->name_len bytes of it. Its question ends at @end.
 */
static inline bool dns_twin_unpack(const uint8_t *m, uint32_t end, uint32_t at,
				   int hops, struct dns_twin *t)
{
	uint32_t n;

	if (at >= end)
		return false;
	n = m[at];
	if (n >= 192) {
		uint32_t to = (n - 192) * 256;

		if (at + 1 >= end || hops == 32)
			return false;
		to += m[at + 1];
		return to < at && dns_twin_unpack(m, end, to, hops + 1, t);
	}
	if (n >= 64 || at + n >= end || t->name_len + n + 1 > 255)
		return false;
	t->name[t->name_len++] = (uint8_t)n;
	for (uint32_t i = 1; i <= n; i++) {
		uint8_t c = m[at + i];

		t->name[t->name_len++] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
	if (n == 0)
		return true;
	t->labels++;
	return t->name_len < 255 &&
	       dns_twin_unpack(m, end, at + n + 1, hops, t);
}

/* What user space makes of a question with a pointer. */
static inline int dns_twin_follow(const uint8_t *p, struct dns_twin *t)
{
	if (t->reason != PK_DNS_POINTER)
		return t->reason;
	memset(t->name, 0, sizeof(t->name));
	t->labels = t->name_len = 0;
	if (t->end > t->until ||
	    !dns_twin_unpack(p + t->prefix, t->end - 4 - t->prefix, 12, 0, t))
		return PK_DNS_POINTER;
	return PK_DNS_OK;
}

static inline bool dns_twin_is_deep(const struct dns_twin *t,
				    const struct pk_view *v)
{
	struct pk_name_suffixes s;

	if (pk_name_suffixes(&s, v->base_head->seed, t->name) <= PK_DNS_LABELS)
		return false;
	for (int i = 0; i < PK_DNS_LABELS; i++)
		if (!pk_name_next(&s) || !pk_view_passes(v, s.hash))
			return false;
	return true;
}

/* Look the question up, if one was read. */
static inline void dns_twin_find(struct dns_twin *t, const struct pk_view *v)
{
	if (t->reason != PK_DNS_OK)
		return;
	if (dns_twin_is_deep(t, v))
		t->reason = PK_DNS_DEEP;
	else
		t->slot = pk_name_find(v, t->name, NULL);
}

#endif /* PK_TESTS_DNS_TWIN_H */
