/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/image/builder.h"
#include "ioc/image/lookup.h"
#include "ioc/name.h"
#include "ioc/store/store.h"

enum { SEED = 12345 };

static enum pk_refused parse(const char *text, uint8_t wire[PK_NAME_MAX])
{
	unsigned len;

	return pk_name_parse(text, strlen(text), wire, &len);
}

/* Build an image of names: "name" with subdomains, "=name" exact. */
static struct pk_store *store_of(const char *const *names, struct pk_block *b)
{
	struct pk_store *s;

	assert_int_equal(pk_store_new(&s, SEED), 0);
	for (; *names; names++) {
		struct pk_indicator ind;
		const char *text = *names + (**names == '=');

		pk_indicator_init(&ind);
		assert_int_equal(
			pk_indicator_parse_name(&ind, text, strlen(text)),
			PK_REFUSED_NONE);
		ind.match =
			**names == '=' ? PK_MATCH_EXACT : PK_MATCH_SUBDOMAINS;
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	assert_int_equal(pk_builder_base(s, b), 0);
	return s;
}

static uint32_t find_wire(const struct pk_block *b, const uint8_t *wire,
			  unsigned *labels)
{
	struct pk_block empty = { 0 };
	struct pk_view v = { .base = b->lines, .base_head = b->head };
	uint32_t slot;

	assert_int_equal(pk_builder_empty(SEED, &empty), 0);
	v.delta = empty.lines;
	v.delta_head = empty.head;
	slot = pk_name_find(&v, wire, labels);
	pk_block_free(&empty);
	return slot;
}

static uint32_t find(const struct pk_block *b, const char *text,
		     unsigned *labels)
{
	uint8_t wire[PK_NAME_MAX];

	assert_int_equal(parse(text, wire), PK_REFUSED_NONE);
	return find_wire(b, wire, labels);
}

static void text_becomes_wire_form(void **state)
{
	uint8_t wire[PK_NAME_MAX];
	unsigned len;

	(void)state;
	assert_int_equal(pk_name_parse("EVIL.Example.", 13, wire, &len), 0);
	assert_int_equal(len, 14);
	assert_memory_equal(wire, "\4evil\7example", 14);
	assert_int_equal(pk_name_length(wire, sizeof(wire)), 14);
	assert_int_equal(pk_name_length(wire, 13), 0);
	assert_int_equal(pk_name_parse("_dmarc.a-b.x", 12, wire, &len), 0);
	assert_memory_equal(wire, "\6_dmarc\3a-b\1x", 14);
}

/* N11 */
static void bad_text_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *text;
		enum pk_refused why;
	} rows[] = {
		{ "", PK_REFUSED_EMPTY },
		{ ".", PK_REFUSED_NAME_EMPTY_LABEL },
		{ "..", PK_REFUSED_NAME_EMPTY_LABEL },
		{ ".evil.example", PK_REFUSED_NAME_EMPTY_LABEL },
		{ "evil..example", PK_REFUSED_NAME_EMPTY_LABEL },
		{ "evil.example..", PK_REFUSED_NAME_EMPTY_LABEL },
		{ "*.evil.example", PK_REFUSED_NAME_CHARACTER },
		{ "evil example", PK_REFUSED_NAME_CHARACTER },
		{ "evil.example\\", PK_REFUSED_NAME_CHARACTER },
		{ "10.0.0.256", PK_REFUSED_NAME_NUMERIC },
		{ "xn--", PK_REFUSED_NAME_IDNA },
		{ "www.xn--.example", PK_REFUSED_NAME_IDNA },
		{ "xn--99999999.example", PK_REFUSED_NAME_IDNA },
		{ "xn--a\x80", PK_REFUSED_ENCODING },
		{ "\xff\xfe.example", PK_REFUSED_ENCODING },
		{ "xn--a\xc2\x80", PK_REFUSED_CONFUSABLE },
	};
	uint8_t wire[PK_NAME_MAX];
	unsigned len;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(pk_refused_word(parse(rows[i].text, wire)),
				    pk_refused_word(rows[i].why));
	assert_int_equal(pk_name_parse("a\0b.example", 11, wire, &len),
			 PK_REFUSED_NAME_CHARACTER);
}

static void lengths_are_taken_to_the_limit_and_not_beyond(void **state)
{
	char text[600];
	uint8_t wire[PK_NAME_MAX];
	unsigned len;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[63] = '.';
	assert_int_equal(pk_name_parse(text, 65, wire, &len), 0);
	assert_int_equal(pk_name_parse(text + 64, 64, wire, &len),
			 PK_REFUSED_NAME_LABEL_LONG);
	/* 63 + 63 + 63 + 61 and their length bytes and the root: 255. */
	text[127] = '.';
	text[191] = '.';
	assert_int_equal(pk_name_parse(text, 253, wire, &len), 0);
	assert_int_equal(len, PK_NAME_MAX);
	assert_int_equal(pk_name_length(wire, sizeof(wire)), PK_NAME_MAX);
	assert_int_equal(pk_name_parse(text, 254, wire, &len),
			 PK_REFUSED_NAME_LONG);
	/* 127 labels of one letter fit, 128 do not. */
	for (int i = 0; i < 300; i++)
		text[i] = i % 2 ? '.' : 'a';
	assert_int_equal(pk_name_parse(text, 253, wire, &len), 0);
	assert_int_equal(pk_name_parse(text, 255, wire, &len),
			 PK_REFUSED_NAME_LONG);
}

/* N13 */
static void international_names_become_a_labels(void **state)
{
	static const struct {
		const char *text, *ascii;
	} rows[] = {
		{ "b\xc3\xbc"
		  "cher.example",
		  "xn--bcher-kva.example" },
		{ "B\xc3\x9c"
		  "CHER.example",
		  "xn--bcher-kva.example" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "XN--BCHER-KVA.Example", "xn--bcher-kva.example" },
		{ "\xe4\xb8\xad\xe5\x9b\xbd.cn", "xn--fiqs8s.cn" },
		/* Forbidden by IDNA 2008, alive in the DNS. */
		{ "xn--i-7iq.ws", "xn--i-7iq.ws" },
	};
	uint8_t wire[PK_NAME_MAX];
	char text[PK_NAME_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i].text, wire), PK_REFUSED_NONE);
		pk_name_print(wire, text);
		assert_string_equal(text, rows[i].ascii);
	}
}

static void printing_escapes_what_is_not_a_label_character(void **state)
{
	char text[PK_NAME_TEXT_MAX];
	uint8_t wire[PK_NAME_MAX] = { 63 };

	(void)state;
	assert_int_equal(
		pk_name_print((const uint8_t *)"\3a\0b\7example", text), 14);
	assert_string_equal(text, "a\\000b.example");
	pk_name_print((const uint8_t *)"\6a.evil\7example", text);
	assert_string_equal(text, "a\\.evil.example");
	pk_name_print((const uint8_t *)"\2\\ \1\xc9", text);
	assert_string_equal(text, "\\\\\\032.\\201");
	pk_name_print((const uint8_t *)"", text);
	assert_string_equal(text, ".");
	/* The longest text there is: 250 bytes that print as four each. */
	wire[64] = 63;
	wire[128] = 63;
	wire[192] = 61;
	assert_int_equal(pk_name_print(wire, text), 4 * 250 + 3);
}

/* N10 */
static void letters_fold_in_all_case_mixes_and_only_in_ascii(void **state)
{
	static const char *const names[] = { "evilexample.a", NULL };
	struct pk_block b = { 0 };
	struct pk_store *s = store_of(names, &b);

	(void)state;
	for (unsigned mix = 0; mix < 1U << 11; mix++) {
		uint8_t wire[] = "\13evilexample\1a";

		for (unsigned i = 0; i < 11; i++)
			if (mix >> i & 1)
				wire[1 + i] &= (uint8_t)~0x20;
		pk_name_fold(wire);
		assert_int_equal(find_wire(&b, wire, NULL), 1);
	}
	uint8_t other[] = "\1\xc9\1Z";

	pk_name_fold(other);
	assert_memory_equal(other, "\1\xc9\1z", 5);
	pk_block_free(&b);
	pk_store_free(s);
}

/* N08, N09 */
static void a_dot_or_nul_in_a_label_is_another_name(void **state)
{
	static const char *const names[] = { "a.evil.example", "a.example",
					     NULL };
	struct pk_block b = { 0 };
	struct pk_store *s = store_of(names, &b);

	(void)state;
	assert_int_equal(find(&b, "a.evil.example", NULL), 1);
	assert_int_equal(
		find_wire(&b, (const uint8_t *)"\6a.evil\7example", NULL), 0);
	assert_int_equal(
		find_wire(&b, (const uint8_t *)"\3a\0b\7example", NULL), 0);
	pk_block_free(&b);
	pk_store_free(s);
}

/* N12 */
static void a_name_covers_subdomains_only_when_flagged(void **state)
{
	static const char *const names[] = { "evil.example", "=exact.example",
					     "deep.evil.example", "=com",
					     NULL };
	static const struct {
		const char *name;
		uint32_t slot;
		unsigned labels;
	} rows[] = {
		{ "evil.example", 1, 2 },
		{ "x.evil.example", 1, 2 },
		{ "y.x.evil.example", 1, 2 },
		{ "notevil.example", 0, 0 },
		{ "evil.example.net", 0, 0 },
		{ "example", 0, 0 },
		{ "exact.example", 2, 2 },
		{ "x.exact.example", 0, 0 },
		{ "deep.evil.example", 3, 3 },
		{ "a.b.deep.evil.example", 3, 3 },
		{ "com", 4, 1 },
		{ "x.com", 0, 0 },
	};
	struct pk_block b = { 0 };
	struct pk_store *s = store_of(names, &b);
	unsigned labels;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		labels = 0;
		assert_int_equal(find(&b, rows[i].name, &labels), rows[i].slot);
		assert_int_equal(labels, rows[i].labels);
	}
	assert_int_equal(find_wire(&b, (const uint8_t *)"", &labels), 0);
	pk_block_free(&b);
	pk_store_free(s);
}

static void exact_goes_before_subdomains_of_the_same_name(void **state)
{
	static const char *const names[] = { "evil.example", "=evil.example",
					     NULL };
	struct pk_block b = { 0 };
	struct pk_store *s = store_of(names, &b);

	(void)state;
	assert_int_equal(find(&b, "evil.example", NULL), 2);
	assert_int_equal(find(&b, "x.evil.example", NULL), 1);
	pk_block_free(&b);
	pk_store_free(s);
}

static void suffixes_come_from_the_shortest_to_the_whole(void **state)
{
	static const char *const want[] = { "example", "evil.example",
					    "x.evil.example" };
	struct pk_name_suffixes it;
	uint8_t wire[PK_NAME_MAX], part[PK_NAME_MAX];
	char text[PK_NAME_TEXT_MAX];

	(void)state;
	assert_int_equal(parse("x.evil.example", wire), 0);
	assert_int_equal(pk_name_suffixes(&it, SEED, wire), 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(pk_name_next(&it));
		assert_int_equal(it.labels, i + 1);
		pk_name_print(it.suffix, text);
		assert_string_equal(text, want[i]);
		assert_int_equal(parse(want[i], part), 0);
		assert_true(it.hash == pk_name_hash(SEED, part));
	}
	assert_false(pk_name_next(&it));
	/* A length byte that leads out, and one that is a pointer. */
	memset(wire, 62, sizeof(wire));
	assert_int_equal(pk_name_suffixes(&it, SEED, wire), 0);
	assert_false(pk_name_next(&it));
	wire[0] = 0xc0;
	assert_int_equal(pk_name_suffixes(&it, SEED, wire), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_wire_form),
		cmocka_unit_test(bad_text_is_refused_with_its_reason),
		cmocka_unit_test(lengths_are_taken_to_the_limit_and_not_beyond),
		cmocka_unit_test(international_names_become_a_labels),
		cmocka_unit_test(
			printing_escapes_what_is_not_a_label_character),
		cmocka_unit_test(
			letters_fold_in_all_case_mixes_and_only_in_ascii),
		cmocka_unit_test(a_dot_or_nul_in_a_label_is_another_name),
		cmocka_unit_test(a_name_covers_subdomains_only_when_flagged),
		cmocka_unit_test(exact_goes_before_subdomains_of_the_same_name),
		cmocka_unit_test(suffixes_come_from_the_shortest_to_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
