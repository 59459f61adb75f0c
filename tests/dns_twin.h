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
	uint32_t slot;
	uint8_t name[256]; /* folded */
};

static inline int dns_twin_name(const uint8_t *m, uint32_t len,
				struct dns_twin *t)
{
	uint32_t at = 12, wire = 1;

	while (at < len && m[at] != 0) {
		uint32_t n = m[at];

		if (n >= 192)
			return PK_DNS_POINTER;
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

/* A payload of @len bytes, with a length in front if it is TCP's. */
static inline void dns_twin_read(const uint8_t *p, uint32_t len, bool tcp,
				 struct dns_twin *t)
{
	uint32_t said;

	memset(t, 0, sizeof(*t));
	t->reason = PK_DNS_SHORT;
	if (tcp) {
		said = len >= 2 ? 256U * p[0] + p[1] : 0;
		if (len < 14 || said < 17 || p[6] != 0 || p[7] != 1) {
			t->reason = PK_DNS_TCP_OTHER;
			return;
		}
		p += 2;
		len = len - 2 < said ? len - 2 : said;
	}
	if (len < 12)
		return;
	if (!p[4] && !p[5])
		t->reason = PK_DNS_NO_QUESTION;
	else
		t->reason = dns_twin_name(p, len, t);
	if (t->reason == PK_DNS_OK && tcp)
		t->end += 2;
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
