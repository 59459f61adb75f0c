/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MESSAGE_MAX = 1024 };

/* id 0x1234, a query with RD, @questions questions. */
#define QUERY(questions) "1234 0100 " questions " 0000 0000 0000 "
#define A_IN		 " 0001 0001"
#define L63                                                                 \
	"3f 61616161616161616161616161616161616161616161616161616161616161" \
	"6161616161616161616161616161616161616161616161616161616161616161 "
#define L62                                                                 \
	"3e 61616161616161616161616161616161616161616161616161616161616161" \
	"61616161616161616161616161616161616161616161616161616161616161 "
#define L61                                                                 \
	"3d 61616161616161616161616161616161616161616161616161616161616161" \
	"616161616161616161616161616161616161616161616161616161616161 "

/* Rows of RELIABILITY.md 3.4 as far as the question goes, and edges. */
static const struct {
	const char *what;
	const char *hex;
	enum pk_dns_reason reason;
	uint16_t name_len;
} rows[] = {
	{ "a plain question",
	  QUERY("0001") "07 6578616d706c65 03 636f6d 00" A_IN, PK_DNS_OK, 13 },
	{ "the root", QUERY("0001") "00 0002 0001", PK_DNS_OK, 1 },
	{ "one label", QUERY("0001") "01 61 00" A_IN, PK_DNS_OK, 3 },
	{ "N01 a pointer to itself", QUERY("0001") "c00c" A_IN, PK_DNS_POINTER,
	  0 },
	{ "N02 a cycle of two", QUERY("0001") "c00e c00c" A_IN, PK_DNS_POINTER,
	  0 },
	{ "N02 a pointer forward", QUERY("0001") "c0ff" A_IN, PK_DNS_POINTER,
	  0 },
	{ "N02 a pointer into the header", QUERY("0001") "c002" A_IN,
	  PK_DNS_POINTER, 0 },
	{ "N02 a pointer behind a label", QUERY("0001") "01 61 c00c" A_IN,
	  PK_DNS_POINTER, 0 },
	{ "a pointer's first byte as the last one", QUERY("0001") "c0",
	  PK_DNS_POINTER, 0 },
	{ "N03 label type 0x40", QUERY("0001") "41 0a0b 00" A_IN,
	  PK_DNS_LABEL_TYPE, 0 },
	{ "N03 label type 0x80", QUERY("0001") "80 00" A_IN, PK_DNS_LABEL_TYPE,
	  0 },
	{ "N03 label type 0x40 behind a label",
	  QUERY("0001") "01 61 7f 61 00" A_IN, PK_DNS_LABEL_TYPE, 0 },
	{ "N04 a name of 255 bytes", QUERY("0001") L63 L63 L63 L61 "00" A_IN,
	  PK_DNS_OK, 255 },
	{ "N04 a name of 256 bytes", QUERY("0001") L63 L63 L63 L62 "00" A_IN,
	  PK_DNS_NAME_LENGTH, 0 },
	{ "N04 a label of 63 bytes", QUERY("0001") L63 "00" A_IN, PK_DNS_OK,
	  65 },
	{ "N04 a label of 64 bytes", QUERY("0001") "40" L63 "00" A_IN,
	  PK_DNS_LABEL_TYPE, 0 },
	{ "a name of 256 bytes without its end",
	  QUERY("0001") L63 L63 L63 "3e 61", PK_DNS_NAME_LENGTH, 0 },
	{ "N06 65535 questions, one there",
	  QUERY("ffff") "0b 6578616d706c652d636f6d 00" A_IN, PK_DNS_OK, 13 },
	{ "N06 all counts lie",
	  "1234 0100 ffff ffff ffff ffff 0b 6578616d706c652d636f6d 00" A_IN,
	  PK_DNS_OK, 13 },
	{ "N06 65535 questions, none there", QUERY("ffff"), PK_DNS_SHORT, 0 },
	{ "N08 a NUL inside a label",
	  QUERY("0001") "03 610062 07 6578616d706c65 00" A_IN, PK_DNS_OK, 13 },
	{ "N09 a dot inside a label", QUERY("0001") "06 612e6576696c 00" A_IN,
	  PK_DNS_OK, 8 },
	{ "no question", QUERY("0000") "01 61 00" A_IN, PK_DNS_NO_QUESTION, 0 },
	{ "no question, nothing else", QUERY("0000"), PK_DNS_NO_QUESTION, 0 },
	{ "an empty message", "", PK_DNS_SHORT, 0 },
	{ "11 bytes of a header", "1234 0100 0001 0000 0000 00", PK_DNS_SHORT,
	  0 },
	{ "a label beyond the end", QUERY("0001") "05 6162", PK_DNS_SHORT, 0 },
	{ "no root byte", QUERY("0001") "01 61", PK_DNS_SHORT, 0 },
	{ "no type", QUERY("0001") "01 61 00", PK_DNS_SHORT, 0 },
	{ "half a class", QUERY("0001") "01 61 00 0001 00", PK_DNS_SHORT, 0 },
};

static uint32_t from_hex(const char *hex, uint8_t *out)
{
	uint32_t n = 0;

	for (; *hex; hex += hex[0] == ' ' ? 1 : 2) {
		unsigned byte;

		if (*hex == ' ')
			continue;
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		assert_true(n < MESSAGE_MAX);
		out[n++] = (uint8_t)byte;
	}
	return n;
}

/* In memory of exactly that length, so that the sanitizers see a step aside. */
static int question_of(const uint8_t *bytes, uint32_t len, struct pk_dns *out)
{
	uint8_t *exact = malloc(len ? len : 1);
	int reason;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	memset(out, 0xee, sizeof *out);
	reason = pk_dns_question(exact, len, out);
	free(exact);
	assert_int_equal(out->reason, reason);
	return reason;
}

static void each_row_has_its_reason(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	struct pk_dns dns;

	(void)state;
	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint32_t len = from_hex(rows[i].hex, bytes);
		int reason = question_of(bytes, len, &dns);

		if (reason != (int)rows[i].reason)
			fail_msg("%s: %s", rows[i].what,
				 pk_dns_reason_text(reason));
		if (dns.name_len != rows[i].name_len)
			fail_msg("%s: name of %u bytes", rows[i].what,
				 dns.name_len);
		assert_true(reason != PK_DNS_OK || !dns.name[dns.name_len - 1]);
	}
}

static void all_fields_are_read(void **state)
{
	static const uint8_t name[] = "\3www\7example\3com";
	uint8_t bytes[MESSAGE_MAX];
	struct pk_dns dns;
	uint32_t len = from_hex("beef 8583 0002 0102 0304 0506 03 777757 07 "
				"4558616d706c65 03 434f4d 00 001c 8001",
				bytes);

	(void)state;
	assert_int_equal(question_of(bytes, len, &dns), PK_DNS_OK);
	assert_int_equal(dns.id, 0xbeef);
	assert_int_equal(dns.flags, 0x8583);
	assert_int_equal(dns.response, 1);
	assert_int_equal(dns.questions, 2);
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
	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint32_t len = from_hex(rows[i].hex, bytes);
		int seen = PK_DNS_SHORT;

		for (uint32_t cut = 0; cut <= len; cut++) {
			int reason = question_of(bytes, cut, &dns);

			if (seen != PK_DNS_SHORT)
				assert_int_equal(reason, seen);
			seen = reason;
		}
		assert_int_equal(seen, rows[i].reason);
	}
}

/* The slow twin: label by label, every index checked, into another form. */
static int twin(const uint8_t *m, uint32_t len, char *text, uint32_t *labels)
{
	uint32_t at = 12, wire = 1;

	*labels = 0;
	if (len < 12)
		return PK_DNS_SHORT;
	if (m[4] == 0 && m[5] == 0)
		return PK_DNS_NO_QUESTION;
	while (at < len && m[at] != 0) {
		uint32_t n = m[at++];

		if (n >= 192)
			return PK_DNS_POINTER;
		if (n >= 64)
			return PK_DNS_LABEL_TYPE;
		wire += n + 1;
		if (wire > 255)
			return PK_DNS_NAME_LENGTH;
		for (uint32_t i = 0; i < n; i++, at++) {
			if (at >= len)
				return PK_DNS_SHORT;
			text += sprintf(text, "%02x",
					m[at] >= 'A' && m[at] <= 'Z'
						? m[at] - 'A' + 'a'
						: m[at]);
		}
		text += sprintf(text, ".");
		++*labels;
	}
	return len < at + 5 ? PK_DNS_SHORT : PK_DNS_OK;
}

static void name_to_text(const struct pk_dns *dns, char *text)
{
	for (uint32_t at = 0; dns->name[at]; at += 1U + dns->name[at]) {
		for (uint32_t i = 1; i <= dns->name[at]; i++)
			text += sprintf(text, "%02x", dns->name[at + i]);
		text += sprintf(text, ".");
	}
	*text = '\0';
}

static void agrees_with_a_naive_reader(void **state)
{
	uint32_t reasons[PK_DNS_REASON_COUNT] = { 0 };

	(void)state;
	srandom(3);
	for (int round = 0; round < 300000; round++) {
		char want[1024] = "", got[1024] = "";
		uint8_t m[400] = { 0 };
		uint32_t len = (uint32_t)random() % sizeof m, labels;
		struct pk_dns dns;
		int reason;

		for (uint32_t i = 12; i < sizeof m; i++)
			m[i] = (uint8_t)(random() % 100 < 97 ? random() % 64
							     : random());
		for (uint32_t i = 12; i < sizeof m && random() % 9; i += 64)
			m[i] = 63;
		m[5] = random() % 20 != 0;
		reason = question_of(m, len, &dns);
		assert_int_equal(reason, twin(m, len, want, &labels));
		reasons[reason]++;
		if (reason != PK_DNS_OK)
			continue;
		name_to_text(&dns, got);
		assert_string_equal(got, want);
		assert_int_equal(dns.labels, labels);
	}
	for (int i = 0; i < PK_DNS_REASON_COUNT; i++)
		assert_true(reasons[i] > 100);
}

static void reasons_have_words(void **state)
{
	(void)state;
	assert_string_equal(pk_dns_reason_text(PK_DNS_OK), "question read");
	assert_string_equal(pk_dns_reason_text(PK_DNS_REASON_COUNT), "unknown");
	assert_string_equal(pk_dns_reason_text(-1), "unknown");
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
		cmocka_unit_test(reasons_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
