/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a DNS payload, over UDP and over TCP. Readers and look-up must
 * say what the slow ones of dns_twin.h say; a question that was read must be a
 * well-formed name of the length it claims, and reading it again must give it
 * again.
 */
#include "dataplane/inspect/dns.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/image/builder.h"
#include "ioc/store/store.h"
#include "tests/dns_twin.h"

enum { SEED = 7 };

static void list(struct pk_store *s, const char *text, uint8_t match)
{
	struct pk_indicator ind;
	unsigned len;

	pk_indicator_init(&ind);
	ind.type = PK_INDICATOR_DOMAIN;
	ind.match = match;
	if (pk_name_parse(text, strlen(text), ind.value, &len))
		abort();
	ind.value_len = (uint16_t)len;
	if (pk_store_add(s, &ind, NULL))
		abort();
}

/* The same for all inputs: short names, so that mutations find them. */
static const struct pk_view *listed(void)
{
	static struct pk_block base, delta;
	static struct pk_view v;
	struct pk_store *s;

	if (v.base)
		return &v;
	if (pk_store_new(&s, SEED))
		abort();
	list(s, "a", PK_MATCH_EXACT);
	list(s, "b.a", PK_MATCH_SUBDOMAINS);
	list(s, "c", PK_MATCH_ONE_LABEL);
	list(s, "example.com", PK_MATCH_SUBDOMAINS);
	list(s, "a.b.c.d.e.f.g.h.i.d", PK_MATCH_EXACT);
	if (pk_builder_base(s, &base))
		abort();
	pk_store_settle(s);
	list(s, "www.b.a", PK_MATCH_EXACT);
	if (pk_builder_delta(s, &delta))
		abort();
	pk_store_free(s);
	v = (struct pk_view){ .base = base.lines,
			      .base_head = base.head,
			      .delta = delta.lines,
			      .delta_head = delta.head };
	return &v;
}

static void check(const struct pk_dns *dns)
{
	if (!dns->name_len || dns->name_len > PK_DNS_NAME_MAX ||
	    pk_name_length(dns->name, dns->name_len) != dns->name_len)
		abort();
	for (uint32_t at = 0; at < dns->name_len; at++)
		if (dns->name[at] >= 'A' && dns->name[at] <= 'Z')
			abort();
}

/* The message that @dns was read from, folded. */
static void check_again(const struct pk_dns *dns)
{
	uint8_t msg[12 + PK_DNS_NAME_MAX + 4] = { [5] = 1 };
	struct pk_dns again;

	memcpy(msg + 12, dns->name, dns->name_len);
	if (pk_dns_question(msg, 12 + dns->name_len + 4U, 0, &again))
		abort();
	if (memcmp(again.name, dns->name, sizeof dns->name) != 0)
		abort();
}

static void try_whole(const uint8_t *payload, uint32_t len, bool tcp)
{
	struct dns_twin t;
	struct pk_dns dns;
	int reason = pk_dns_question(payload, len, tcp, &dns);

	dns_twin_read(payload, len, tcp, &t);
	if (reason != dns.reason || reason != dns_twin_follow(payload, &t))
		abort();
	if (reason != PK_DNS_OK)
		return;
	if (dns.name_len != t.name_len || memcmp(dns.name, t.name, t.name_len))
		abort();
	check(&dns);
	check_again(&dns);
}

/* All questions, of which only @here bytes are there. */
static void try_all(const uint8_t *payload, uint32_t here, uint32_t whole,
		    bool tcp)
{
	struct pk_questions all;
	struct pk_dns dns, first;
	uint32_t n = 0;
	int reason = pk_dns_question(payload, here, tcp, &first);

	pk_questions_begin(&all, payload, here, whole, tcp);
	for (; pk_questions_next(&all, &dns); n++) {
		check(&dns);
		check_again(&dns);
		if (here == whole && n == 0 && reason == PK_DNS_OK &&
		    memcmp(&dns, &first, sizeof dns) != 0)
			abort();
	}
	if (n > PK_DNS_ALL || all.tried > PK_DNS_ALL ||
	    all.messages > PK_DNS_MESSAGES + 1)
		abort();
	/* One that can be read is read, and nothing is said to be missing. */
	if (here == whole && reason == PK_DNS_OK && (n != 1 || all.cut))
		abort();
}

static void try_fast(const uint8_t *payload, uint32_t len, bool tcp)
{
	const struct pk_view *v = listed();
	uint32_t slot = PK_NO_SLOT;
	struct pk_question q;
	struct dns_twin t;
	int reason = pk_dns_payload(payload, len, tcp, &q);

	if (reason == PK_DNS_OK)
		slot = pk_dns_find(v, payload + q.prefix, &q);
	dns_twin_read(payload, len, tcp, &t);
	dns_twin_find(&t, v);
	if (q.reason != t.reason || slot != t.slot)
		abort();
	if (reason == PK_DNS_OK &&
	    (q.name_len != t.name_len || q.labels != t.labels))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *payload;
	uint32_t len = (uint32_t)size;

	if (size > 65535)
		return 0;
	payload = malloc(size ? size : 1);
	if (!payload)
		return 0;
	if (size)
		memcpy(payload, data, size);
	for (int tcp = 0; tcp < 2; tcp++) {
		try_whole(payload, len, tcp);
		try_all(payload, len, len, tcp);
		try_all(payload, len, len + 300 < 65536 ? len + 300 : len, tcp);
		try_fast(payload, len, tcp);
	}
	free(payload);
	return 0;
}
