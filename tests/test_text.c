/* SPDX-License-Identifier: BSD-2-Clause */
/* text: what is made harmless can be undone, byte for byte (J01, S07). */
#include "control/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/json_out.h"

/* Each \xNN is one byte, from left to right; all else is itself. */
static void undo(const char *clean, char *out)
{
	char digits[3] = "";

	while (*clean) {
		if (clean[0] == '\\' && clean[1] == 'x' &&
		    strspn(clean + 2, "0123456789abcdef") >= 2) {
			memcpy(digits, clean + 2, 2);
			*out++ = (char)strtoul(digits, NULL, 16);
			clean += 4;
		} else {
			*out++ = *clean++;
		}
	}
	*out = 0;
}

static void assert_undone(const char *in)
{
	char clean[256], again[256], back[256];
	const char *at;
	size_t n = 0;

	pk_text_clean(in, clean, sizeof(clean));
	undo(clean, back);
	assert_string_equal(back, in);
	for (at = clean; *at;)
		n += pk_text_again(&at, again + n);
	again[n] = 0;
	assert_string_equal(again, clean);
}

static void every_pair_of_bytes_can_be_undone(void **state)
{
	char in[16] = "a";

	(void)state;
	for (int i = 1; i < 256; i++)
		for (int k = 0; k < 256; k++) {
			in[1] = (char)i;
			in[2] = (char)k;
			in[3] = k ? 'b' : 0;
			assert_undone(in);
		}
}

/* Every text of six of these is one that could be taken for an escape. */
static void what_looks_like_an_escape_can_be_undone(void **state)
{
	static const char letters[] = "\\x4a\x01g";
	char in[7] = "";

	(void)state;
	for (unsigned n = 0; n < 7 * 7 * 7 * 7 * 7 * 7; n++) {
		unsigned left = n;

		for (int i = 0; i < 6; i++, left /= 7)
			in[i] = letters[left % 7];
		assert_undone(in);
	}
}

static void only_a_doubtful_backslash_is_escaped(void **state)
{
	char clean[64];

	(void)state;
	pk_text_clean("C:\\xen \\x4 \\\\ \\009", clean, sizeof(clean));
	assert_string_equal(clean, "C:\\xen \\x4 \\\\ \\009");
	pk_text_clean("\\x41", clean, sizeof(clean));
	assert_string_equal(clean, "\\x5cx41");
	pk_text_clean("\x1b", clean, sizeof(clean));
	assert_string_equal(clean, "\\x1b");
}

static void json_says_the_same_of_what_was_cleaned_before(void **state)
{
	static const char raw[] = "a\"\\x41\\\x1b\xff\xc3\xa4";
	char clean[64], one[128], two[128];
	struct pk_json_out j;

	(void)state;
	pk_text_clean(raw, clean, sizeof(clean));
	pk_json_out_begin(&j, one, sizeof(one));
	pk_json_out_text(&j, "t", raw);
	assert_true(pk_json_out_end(&j) > 0);
	pk_json_out_begin(&j, two, sizeof(two));
	pk_json_out_again(&j, "t", clean);
	assert_true(pk_json_out_end(&j) > 0);
	assert_string_equal(one, two);
}

/* Letters of Hangul and Khmer that show nothing. */
static void letters_that_show_nothing_are_escaped(void **state)
{
	static const char *const blank[] = {
		"\xe1\x85\x9f", "\xe1\x85\xa0", "\xef\xbe\xa0",
		"\xe1\x9e\xb4", "\xe1\x9e\xb5", "\xe3\x85\xa4",
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(blank) / sizeof(*blank); i++) {
		assert_int_equal(pk_text_clean(blank[i], out, sizeof(out)), 12);
		assert_memory_equal(out, "\\x", 2);
		assert_undone(blank[i]);
	}
	/* their neighbours are letters */
	assert_int_equal(
		pk_text_clean("\xe1\x85\xa1\xe1\x9e\xb6", out, sizeof(out)), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_of_bytes_can_be_undone),
		cmocka_unit_test(what_looks_like_an_escape_can_be_undone),
		cmocka_unit_test(only_a_doubtful_backslash_is_escaped),
		cmocka_unit_test(json_says_the_same_of_what_was_cleaned_before),
		cmocka_unit_test(letters_that_show_nothing_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
