/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/dns.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/image/builder.h"
#include "ioc/store/store.h"
#include "tests/dns_rows.h"
#include "tests/dns_twin.h"
#include "tools/gen/grammar_dns.h"
#include "tools/gen/splitmix.h"

enum { SEED = 4242 };

/* In memory of exactly that length, so that the sanitizers see a step aside. */
static int question_of(const uint8_t *bytes, uint32_t len, struct pk_dns *out)
{
	uint8_t *exact = malloc(len ? len : 1);
	int reason;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	memset(out, 0xee, sizeof *out);
	reason = pk_dns_question(exact, len, false, out);
	free(exact);
	assert_int_equal(out->reason, reason);
	return reason;
}

/* What user space makes of it. */
static enum pk_dns_reason row_ends(uint32_t i)
{
	return dns_rows[i].reason == PK_DNS_POINTER && dns_rows[i].name_len
		       ? PK_DNS_OK
		       : dns_rows[i].reason;
}

static void each_row_has_its_reason(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	struct pk_dns dns;

	(void)state;
	for (uint32_t i = 0; i < DNS_ROWS; i++) {
		uint32_t len = from_hex(dns_rows[i].hex, bytes);
		int reason = question_of(bytes, len, &dns);

		if (reason != (int)row_ends(i))
			fail_msg("%s: reason %d", dns_rows[i].what, reason);
		if (dns.name_len != dns_rows[i].name_len)
			fail_msg("%s: name of %u bytes", dns_rows[i].what,
				 dns.name_len);
		assert_true(reason != PK_DNS_OK || !dns.name[dns.name_len - 1]);
	}
}

static void all_fields_are_read(void **state)
{
	static const uint8_t name[] = "\3www\7example\3com";
	uint8_t bytes[MESSAGE_MAX];
	struct pk_dns dns;
	uint32_t len = from_hex("beef 8583 0001 0102 0304 0506 03 777757 07 "
				"4558616d706c65 03 434f4d 00 001c 8001",
				bytes);

	(void)state;
	assert_int_equal(question_of(bytes, len, &dns), PK_DNS_OK);
	assert_int_equal(dns.id, 0xbeef);
	assert_int_equal(dns.flags, 0x8583);
	assert_int_equal(dns.response, 1);
	assert_int_equal(dns.questions, 1);
	assert_int_equal(dns.qtype, 28);
	assert_int_equal(dns.qclass, 0x8001);
	assert_int_equal(dns.labels, 3);
	assert_int_equal(dns.name_len, sizeof name);
	assert_memory_equal(dns.name, name, sizeof name);
}

/* N10: all mixes of "Evil.Example" look the same; only ASCII is folded. */
static void case_mix_is_folded(void **state)
{
	static const uint8_t want[] = "\4evil\7example";
	static const uint32_t letter[] = { 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12 };
	uint8_t bytes[MESSAGE_MAX];
	struct pk_dns dns;
	uint32_t len = from_hex(QUERY("0001") "04 6576696c 07 6578616d706c65 "
					      "00" A_IN,
				bytes);

	(void)state;
	for (uint32_t mix = 0; mix < 1U << 11; mix++) {
		uint8_t mixed[MESSAGE_MAX];

		memcpy(mixed, bytes, len);
		for (uint32_t i = 0; i < 11; i++)
			if (mix >> i & 1)
				mixed[12 + letter[i]] ^= 0x20;
		assert_int_equal(question_of(mixed, len, &dns), PK_DNS_OK);
		assert_memory_equal(dns.name, want, sizeof want);
	}
}

static void other_bytes_are_left_alone(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	struct pk_dns dns;
	uint32_t len = from_hex(QUERY("0001") "01 00 00" A_IN, bytes);

	(void)state;
	for (uint32_t c = 0; c < 256; c++) {
		int upper = c >= 'A' && c <= 'Z';

		bytes[13] = (uint8_t)c;
		assert_int_equal(question_of(bytes, len, &dns), PK_DNS_OK);
		assert_int_equal(dns.name[1], upper ? c + 32 : c);
	}
}

/* Each row cut at each byte: no step outside, and SHORT or what it was. */
static void every_cut_is_survived(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	struct pk_dns dns;

	(void)state;
	for (uint32_t i = 0; i < DNS_ROWS; i++) {
		uint32_t len = from_hex(dns_rows[i].hex, bytes);
		int seen = PK_DNS_SHORT;

		for (uint32_t cut = 0; cut <= len; cut++) {
			int reason = question_of(bytes, cut, &dns);

			if (seen != PK_DNS_SHORT && seen != PK_DNS_POINTER)
				assert_int_equal(reason, seen);
			seen = reason;
		}
		assert_int_equal(seen, row_ends(i));
	}
}

static void agrees_with_a_naive_reader(void **state)
{
	uint32_t reasons[PK_DNS_REASON_COUNT] = { 0 }, unpacked = 0;

	(void)state;
	srandom(3);
	for (int round = 0; round < 300000; round++) {
		uint8_t m[400] = { 0 };
		uint32_t len = (uint32_t)random() % sizeof m;
		struct dns_twin want;
		struct pk_dns dns;
		int reason;

		for (uint32_t i = 12; i < sizeof m; i++)
			m[i] = (uint8_t)(random() % 100 < 97 ? random() % 64
							     : random());
		for (uint32_t i = 12; i < sizeof m && random() % 9; i += 64)
			m[i] = 63;
		m[5] = random() % 20 != 0;
		for (uint32_t i = 13; i < sizeof m; i++)
			if (m[i - 1] >= 0xc0) /* some lead back */
				m[i - 1] = 0xc0 | random() % 2;
		for (uint32_t i = 13; i < sizeof m; i++)
			if (m[i - 1] == 0xc0)
				m[i] = (uint8_t)(random() % 16);
		for (int i = 0; i < 12; i += 3)
			m[i] = (uint8_t)(random() % 9);
		reason = question_of(m, len, &dns);
		dns_twin_read(m, len, false, &want);
		unpacked += want.reason == PK_DNS_POINTER && !reason;
		assert_int_equal(reason, dns_twin_follow(m, &want));
		reasons[reason]++;
		if (reason != PK_DNS_OK)
			continue;
		assert_int_equal(dns.name_len, want.name_len);
		assert_int_equal(dns.labels, want.labels);
		assert_memory_equal(dns.name, want.name, sizeof want.name);
	}
	for (int i = 0; i <= PK_DNS_NAME_LENGTH; i++)
		assert_true(reasons[i] > 100);
	assert_true(unpacked > 100);
}

/*
 * N02: a label full of pointers, each to the one before it, and the last one to
 * a zero of the header: 32 of them are followed.
 */
static void chains_of_pointers_are_followed_to_32(void **state)
{
	(void)state;
	for (uint32_t hops = 1; hops <= 60; hops++) {
		uint8_t m[MESSAGE_MAX] = { [5] = 1 };
		uint32_t at = 12, to = 6;
		struct pk_dns dns;

		for (uint32_t i = 0; i < hops; i++) {
			if (i % 30 == 0) /* the next label holds 30 of them */
				m[at++] = 60;
			m[at] = 0xc0;
			m[at + 1] = (uint8_t)to;
			to = at;
			at += 2;
		}
		at += 60 - 2 * ((hops - 1) % 30 + 1);
		m[at] = 0xc0; /* the name's end: one pointer more */
		m[at + 1] = (uint8_t)to;
		assert_int_equal(question_of(m, at + 6, &dns),
				 hops < 32 ? PK_DNS_OK : PK_DNS_POINTER);
	}
}

/* N05, N06, N07: answers are not read, whatever they say. */
static void what_stands_behind_the_question_changes_nothing(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	struct pk_dns dns, again;
	uint32_t len =
		from_hex(QUERY("0001") "03 777777 04 6576696c 00" A_IN, bytes);

	(void)state;
	srandom(4);
	question_of(bytes, len, &dns);
	for (int round = 0; round < 20000; round++) {
		uint32_t more = (uint32_t)random() % 600;

		for (uint32_t i = 0; i < more; i++)
			bytes[len + i] = (uint8_t)random();
		for (uint32_t i = 6; i < 12; i++)
			bytes[i] = (uint8_t)random();
		question_of(bytes, len + more, &again);
		assert_memory_equal(&again, &dns, sizeof dns);
	}
}

/* --- which packets, which segments --------------------------------------------- */

static void port_53_of_udp_and_tcp_is_dns(void **state)
{
	struct pk_packet p = { .layers = PK_HAS_IP | PK_HAS_PAYLOAD };

	(void)state;
	p.key.proto = 17;
	p.key.dport = 53;
	assert_true(pk_is_dns(&p));
	p.key.dport = 5353;
	assert_false(pk_is_dns(&p));
	p.key.sport = 53;
	assert_true(pk_is_dns(&p));
	p.key.proto = 6;
	assert_false(pk_is_dns(&p)); /* an acknowledgement says nothing */
	p.payload_len = 1;
	assert_true(pk_is_dns(&p));
	p.key.proto = 132;
	assert_false(pk_is_dns(&p));
	p.key.proto = 17;
	p.layers = PK_HAS_IP | PK_HAS_PORTS;
	assert_false(pk_is_dns(&p));
	p.layers = PK_HAS_IP | PK_HAS_PAYLOAD;
	p.key.sport = 5355;
	assert_false(pk_is_dns(&p));
}

static void only_bytes_of_the_datagram_are_its_message(void **state)
{
	struct pk_packet p = { .payload_off = 42, .payload_len = 100 };

	(void)state;
	assert_int_equal(pk_dns_bytes(&p, 1000), 100);
	assert_int_equal(pk_dns_bytes(&p, 142), 100);
	assert_int_equal(pk_dns_bytes(&p, 100), 58);
	assert_int_equal(pk_dns_bytes(&p, 42), 0);
	assert_int_equal(pk_dns_bytes(&p, 20), 0);
	p.payload_len = 60;
	assert_int_equal(pk_dns_bytes(&p, 1000), 60);
}

static int reason_over_tcp(const char *hex)
{
	uint8_t bytes[MESSAGE_MAX], *exact;
	uint32_t len = from_hex(hex, bytes);
	struct pk_question q;
	int reason;

	exact = malloc(len);
	assert_non_null(exact);
	memcpy(exact, bytes, len);
	reason = pk_dns_payload(exact, len, true, &q);
	assert_int_equal(q.reason, reason);
	free(exact);
	return reason;
}

static void a_segment_may_begin_with_a_message(void **state)
{
	static const struct {
		const char *hex;
		enum pk_dns_reason reason;
	} rows[] = {
		{ "0012 " QUERY("0001") "01 61 00" A_IN, PK_DNS_SHORT },
		{ "0013 " QUERY("0001") "01 61 00" A_IN, PK_DNS_OK },
		/* the rest is in the next segment */
		{ "0200 " QUERY("0001") "01 61 00" A_IN, PK_DNS_OK },
		{ "0200 " QUERY("0001") "01 61 00", PK_DNS_TCP_SPLIT },
		{ "ffff " QUERY("0001") "c00c" A_IN, PK_DNS_POINTER },
		{ "0010 " QUERY("0001") "00" A_IN, PK_DNS_TCP_OTHER },
		{ "0011 " QUERY("0001") "00" A_IN, PK_DNS_OK },
		{ "0013 " QUERY("0002") "01 61 00" A_IN, PK_DNS_MORE },
		{ "0013 " QUERY("0010") "01 61 00" A_IN, PK_DNS_MORE },
		{ "0013 " QUERY("0011") "01 61 00" A_IN, PK_DNS_TCP_OTHER },
		{ "0014 " QUERY("0002") "01 61 00" A_IN, PK_DNS_TCP_OTHER },
		{ "0013 1234 2100 0002 0000 0000 0000 01 61 00" A_IN,
		  PK_DNS_TCP_OTHER }, /* not a query */
		/* two messages, and what is too short for another one */
		{ "0013 " QUERY("0001") "01 61 00" A_IN
					"0011 " QUERY("0001") "00" A_IN,
		  PK_DNS_TCP_MORE },
		{ "0013 " QUERY("0001") "01 61 00" A_IN
					"0011 " QUERY("0001") "00 0001 00",
		  PK_DNS_OK },
		{ "0013 " QUERY("0002") "01 61 00" A_IN
					"0011 " QUERY("0001") "00" A_IN,
		  PK_DNS_TCP_MORE },
		{ "0011 " QUERY("0001") "00" A_IN
					"0200 " QUERY("0001") "00 0001 0001",
		  PK_DNS_TCP_MORE },
		{ "0013 " QUERY("0000") "01 61 00" A_IN, PK_DNS_TCP_OTHER },
		{ "0013", PK_DNS_TCP_SPLIT },
		{ "00", PK_DNS_TCP_SPLIT },
		{ "0013 1234 0100 0001 0000 0000 00", PK_DNS_TCP_SPLIT },
		{ "0013 1234 0100 0001 0000 0000 0000", PK_DNS_TCP_SPLIT },
		/* the length was in the segment before */
		{ QUERY("0001") "01 61 00" A_IN, PK_DNS_OK },
		{ QUERY("0001") "01 61 00 00", PK_DNS_TCP_SPLIT },
		{ QUERY("0002") "01 61 00" A_IN, PK_DNS_TCP_OTHER },
		{ "1234 2100 0001 0000 0000 0000 01 61 00" A_IN,
		  PK_DNS_TCP_OTHER }, /* not a query */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (reason_over_tcp(rows[i].hex) != (int)rows[i].reason)
			fail_msg("%s: reason %d", rows[i].hex,
				 reason_over_tcp(rows[i].hex));
}

static void what_is_cut_off_is_unreadable_and_not_short(void **state)
{
	(void)state;
	for (int i = 0; i < PK_DNS_REASON_COUNT; i++)
		assert_int_equal(pk_dns_cut_reason(i),
				 i == PK_DNS_SHORT || i == PK_DNS_TCP_SPLIT
					 ? PK_DNS_UNREADABLE
					 : i);
}

static void each_reason_has_a_counter_of_its_own(void **state)
{
	struct pk_plane_counters c;
	const __u64 *const at[] = {
#define DNS_COUNTER(name, counter, text) &c.counter,
		PK_DNS_REASONS(DNS_COUNTER)
#undef DNS_COUNTER
	};

	(void)state;
	for (int i = 0; i < PK_DNS_REASON_COUNT; i++) {
		struct pk_question q = { .reason = (uint8_t)i };

		memset(&c, 0, sizeof c);
		pk_dns_count(&c, &q);
		assert_true(*at[i] == 1 && c.dns_messages == 1);
		for (int k = 0; k < PK_DNS_REASON_COUNT; k++)
			assert_true(k == i || *at[k] == 0);
	}
}

/* --- listed names ----------------------------------------------------------------- */

struct listed {
	struct pk_store *store;
	struct pk_block base, delta;
	struct pk_view v;
};

static void open_listed(struct listed *l)
{
	memset(l, 0, sizeof *l);
	assert_int_equal(pk_store_new(&l->store, SEED), 0);
}

static void close_listed(struct listed *l)
{
	pk_block_free(&l->base);
	pk_block_free(&l->delta);
	pk_store_free(l->store);
}

static uint32_t list_wire(struct listed *l, const uint8_t *wire, uint32_t len,
			  uint8_t match)
{
	struct pk_indicator ind;
	uint32_t slot = 0;
	int err;

	pk_indicator_init(&ind);
	ind.type = PK_INDICATOR_DOMAIN;
	ind.match = match;
	ind.value_len = (uint16_t)len;
	memcpy(ind.value, wire, len);
	err = pk_store_add(l->store, &ind, &slot);
	assert_true(err == 0 || err == -EEXIST);
	return slot;
}

static uint32_t list(struct listed *l, const char *text, uint8_t match)
{
	uint8_t wire[PK_NAME_MAX];
	unsigned len;

	assert_int_equal(pk_name_parse(text, strlen(text), wire, &len), 0);
	return list_wire(l, wire, len, match);
}

static void build_base(struct listed *l)
{
	assert_int_equal(pk_builder_base(l->store, &l->base), 0);
	pk_store_settle(l->store);
	assert_int_equal(pk_builder_delta(l->store, &l->delta), 0);
	l->v.base = l->base.lines;
	l->v.base_head = l->base.head;
	l->v.delta = l->delta.lines;
	l->v.delta_head = l->delta.head;
}

static void build_delta(struct listed *l)
{
	pk_block_free(&l->delta);
	memset(&l->delta, 0, sizeof l->delta);
	assert_int_equal(pk_builder_delta(l->store, &l->delta), 0);
	l->v.delta = l->delta.lines;
	l->v.delta_head = l->delta.head;
}

enum { IS_DEEP = -1 };

/* What a payload in memory of exactly its length finds: a slot, IS_DEEP. */
static int64_t find_in(const struct listed *l, const uint8_t *bytes,
		       uint32_t len, bool tcp, int *reason)
{
	uint8_t *exact = malloc(len ? len : 1);
	struct pk_question q;
	int64_t found = 0;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	*reason = pk_dns_payload(exact, len, tcp, &q);
	if (*reason == PK_DNS_OK) {
		found = pk_dns_find(&l->v, exact + q.prefix, &q);
		*reason = q.reason;
	}
	free(exact);
	return *reason == PK_DNS_DEEP ? IS_DEEP : found;
}

/* Ask for a name, given as labels with length bytes. */
static int64_t ask_wire(const struct listed *l, const char *wire, uint32_t len)
{
	uint8_t bytes[MESSAGE_MAX] = { [5] = 1 };
	int reason;

	memcpy(bytes + 12, wire, len);
	return find_in(l, bytes, 12 + len + 4, false, &reason);
}
#define ASK(l, wire) ask_wire(l, wire, sizeof(wire))

static void a_question_finds_what_covers_its_name(void **state)
{
	struct listed l;
	uint32_t exact, below, one;

	(void)state;
	open_listed(&l);
	exact = list(&l, "exact.evil.example", PK_MATCH_EXACT);
	below = list(&l, "below.evil.example", PK_MATCH_SUBDOMAINS);
	one = list(&l, "one.evil.example", PK_MATCH_ONE_LABEL);
	build_base(&l);
	/* N12 */
	assert_int_equal(ASK(&l, "\5exact\4evil\7example"), exact);
	assert_int_equal(ASK(&l, "\1x\5exact\4evil\7example"), 0);
	assert_int_equal(ASK(&l, "\6xexact\4evil\7example"), 0);
	assert_int_equal(ASK(&l, "\5below\4evil\7example"), below);
	assert_int_equal(ASK(&l, "\1x\5below\4evil\7example"), below);
	assert_int_equal(ASK(&l, "\6xbelow\4evil\7example"), 0);
	assert_int_equal(ASK(&l, "\5below\4evil\7example\3net"), 0);
	assert_int_equal(ASK(&l, "\3one\4evil\7example"), 0);
	assert_int_equal(ASK(&l, "\1x\3one\4evil\7example"), one);
	assert_int_equal(ASK(&l, "\1y\1x\3one\4evil\7example"), 0);
	/* N11 */
	assert_int_equal(ASK(&l, ""), 0);
	assert_int_equal(ASK(&l, "\7example"), 0);
	/* N08, N09 */
	assert_int_equal(ASK(&l, "\12exact.evil\7example"), 0);
	assert_int_equal(ASK(&l, "\6exact\0\4evil\7example"), 0);
	assert_int_equal(ASK(&l, "\5exact\4evil\10example\0"), 0);
	assert_int_equal(ASK(&l, "\22exact.evil.example"), 0);
	close_listed(&l);
}

/* The image says which kinds of names it has at all. */
static void each_kind_is_found_where_it_is_alone(void **state)
{
	(void)state;
	for (uint8_t match = 0; match < PK_MATCH_COUNT; match++) {
		struct listed l;
		uint32_t slot;

		open_listed(&l);
		slot = list(&l, "evil.example", match);
		build_base(&l);
		assert_int_equal(ASK(&l, "\4evil\7example"),
				 match == PK_MATCH_ONE_LABEL ? 0 : slot);
		assert_int_equal(ASK(&l, "\1x\4evil\7example"),
				 match == PK_MATCH_EXACT ? 0 : slot);
		assert_int_equal(ASK(&l, "\1y\1x\4evil\7example"),
				 match == PK_MATCH_SUBDOMAINS ? slot : 0);
		close_listed(&l);
	}
}

/* N10, and of other bytes none is a letter. */
static void a_question_is_found_in_any_case(void **state)
{
	static const uint8_t letter[] = { 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12 };
	struct listed l;
	uint32_t slot;

	(void)state;
	open_listed(&l);
	slot = list(&l, "evil.example", PK_MATCH_EXACT);
	build_base(&l);
	for (uint32_t mix = 0; mix < 1U << 11; mix++) {
		char wire[] = "\4evil\7example";

		for (uint32_t i = 0; i < 11; i++)
			if (mix >> i & 1)
				wire[letter[i]] ^= 0x20;
		assert_int_equal(ask_wire(&l, wire, sizeof wire), slot);
	}
	for (uint32_t c = 0; c < 256; c++) {
		char wire[] = "\4evil\7example";

		wire[2] = (char)c;
		assert_int_equal(ask_wire(&l, wire, sizeof wire),
				 c == 'v' || c == 'V' ? slot : 0);
	}
	close_listed(&l);
}

/* A name of 9 labels is listed: 1.2.3.4.5.6.7.8.deep. */
static void only_what_may_be_listed_is_deep(void **state)
{
	struct listed l;
	uint32_t slot, wide;

	(void)state;
	open_listed(&l);
	slot = list(&l, "a1.a2.a3.a4.a5.a6.a7.deep", PK_MATCH_EXACT);
	list(&l, "b.a1.a2.a3.a4.a5.a6.a7.deep", PK_MATCH_EXACT);
	wide = list(&l, "wide", PK_MATCH_SUBDOMAINS);
	build_base(&l);
#define TAIL "\2a2\2a3\2a4\2a5\2a6\2a7\4deep"
	assert_int_equal(ASK(&l, TAIL), 0);
	assert_int_equal(ASK(&l, "\2a1" TAIL), slot); /* 8 labels */
	assert_int_equal(ASK(&l, "\2x1" TAIL), 0);
	assert_int_equal(ASK(&l, "\1b\2a1" TAIL), IS_DEEP);
	assert_int_equal(ASK(&l, "\1c\2a1" TAIL), IS_DEEP);
	assert_int_equal(ASK(&l, "\1d\1c\2a1" TAIL), IS_DEEP);
	assert_int_equal(ASK(&l, "\1b\2x1" TAIL), 0); /* ended before */
#undef TAIL
	/* As deep as can be, and decided at its third label. */
	assert_int_equal(ASK(&l, "\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a"
				 "\1a\1a\1a\1a\1a\1a\1a\1a\1x\4wide"),
			 wide);
	close_listed(&l);
}

/* --- against pk_name_find(), which looks at all labels ------------------------------ */

static void list_grammar(struct listed *l)
{
	uint8_t wire[PK_GRAMMAR_NAME_MAX];

	for (uint32_t n = 0; n < PK_GRAMMAR_NAMES; n++) {
		uint32_t len = pk_grammar_name(SEED, n, wire);

		if (n % 4 == 0)
			list_wire(l, wire, len, PK_MATCH_SUBDOMAINS);
		if (n % 6 == 1)
			list_wire(l, wire, len, PK_MATCH_EXACT);
		if (n % 9 == 2)
			list_wire(l, wire, len, PK_MATCH_ONE_LABEL);
		if (n == PK_GRAMMAR_NAMES / 2)
			build_base(l);
	}
	build_delta(l);
}

/* What was met, so that nothing goes untried. */
struct met {
	uint32_t reason[PK_DNS_REASON_COUNT];
	uint32_t listed, labels[PK_DNS_LABELS_MAX + 1];
};

static void compare(const struct listed *l, const uint8_t *bytes, uint32_t len,
		    bool tcp, struct met *met)
{
	struct dns_twin want;
	int64_t found;
	int reason;

	dns_twin_read(bytes, len, tcp, &want);
	dns_twin_find(&want, &l->v);
	found = find_in(l, bytes, len, tcp, &reason);
	assert_int_equal(reason, want.reason);
	assert_int_equal(found,
			 reason == PK_DNS_DEEP ? IS_DEEP : (int64_t)want.slot);
	met->reason[reason]++;
	met->listed += found > 0;
	met->labels[want.labels & PK_DNS_LABELS_MAX]++;
}

static void a_question_finds_what_a_slow_reader_finds(void **state)
{
	uint8_t bytes[PK_GRAMMAR_DNS_MAX];
	struct met met = { 0 };
	struct listed l;

	(void)state;
	open_listed(&l);
	list_grammar(&l);
	for (uint64_t i = 0; i < 400000; i++) {
		uint64_t draw = pk_splitmix_at(SEED, i);
		bool tcp = i % 4 == 0;
		uint32_t len = pk_grammar_dns(SEED, draw, tcp, false, bytes);

		compare(&l, bytes, len, tcp, &met);
		for (uint32_t cut = 0; i % 500 == 0 && cut < len; cut++)
			compare(&l, bytes, cut, tcp, &met);
	}
	for (int i = 0; i < PK_DNS_UNREADABLE; i++)
		assert_true(met.reason[i] > 1000);
	assert_true(met.listed > 10000);
	for (int i = 1; i <= 30; i++)
		assert_true(met.labels[i] > 20);
	assert_true(met.labels[PK_DNS_LABELS_MAX] > 100);
	close_listed(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_has_its_reason),
		cmocka_unit_test(all_fields_are_read),
		cmocka_unit_test(case_mix_is_folded),
		cmocka_unit_test(other_bytes_are_left_alone),
		cmocka_unit_test(every_cut_is_survived),
		cmocka_unit_test(agrees_with_a_naive_reader),
		cmocka_unit_test(chains_of_pointers_are_followed_to_32),
		cmocka_unit_test(
			what_stands_behind_the_question_changes_nothing),
		cmocka_unit_test(port_53_of_udp_and_tcp_is_dns),
		cmocka_unit_test(only_bytes_of_the_datagram_are_its_message),
		cmocka_unit_test(a_segment_may_begin_with_a_message),
		cmocka_unit_test(what_is_cut_off_is_unreadable_and_not_short),
		cmocka_unit_test(each_reason_has_a_counter_of_its_own),
		cmocka_unit_test(a_question_finds_what_covers_its_name),
		cmocka_unit_test(each_kind_is_found_where_it_is_alone),
		cmocka_unit_test(a_question_is_found_in_any_case),
		cmocka_unit_test(only_what_may_be_listed_is_deep),
		cmocka_unit_test(a_question_finds_what_a_slow_reader_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
