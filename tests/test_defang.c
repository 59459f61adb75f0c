/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Defanged values are undone by a fixed list and only when asked for; what
 * cannot be seen or looks like something else is refused, never folded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/feed/feed.h"
#include "ioc/unicode.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* What a feed of one line makes of it: the value, or the reason. */
struct said {
	char text[PK_VALUE_TEXT_MAX];
	unsigned values;
};

static int accept(void *arg, const struct pk_indicator *ind)
{
	struct said *said = arg;

	pk_indicator_print(ind, said->text);
	said->values++;
	return 0;
}

static void refuse(void *arg, const struct pk_refusal *refusal)
{
	struct said *said = arg;

	strcpy(said->text, pk_refused_word(refusal->reason));
}

static struct pk_feed_stats read_line(const char *line, int refang,
				      struct said *said)
{
	struct pk_feed_sink sink = { .accept = accept,
				     .refuse = refuse,
				     .arg = said };
	struct pk_feed_options options;
	struct pk_feed_stats stats;
	struct pk_feed *f;

	memset(said, 0, sizeof(*said));
	pk_feed_options_init(&options);
	options.format = PK_FEED_LINES;
	options.refang = (uint8_t)refang;
	assert_int_equal(pk_feed_open(&f, &options, 0, &sink), 0);
	pk_feed_push(f, line, strlen(line));
	pk_feed_finish(f);
	stats = *pk_feed_stats(f);
	pk_feed_close(f);
	return stats;
}

static const struct {
	const char *text, *plain;
	const char *refanged; /* NULL: refused without and with it */
} rows[] = {
	{ "hxxp://evil.example/p", "defanged", "http://evil.example/p" },
	{ "hxxps://evil.example/p", "defanged", "https://evil.example/p" },
	{ "hXXp://evil.example/p", "defanged", "http://evil.example/p" },
	{ "HXXPS://EVIL.example/p", "defanged", "https://evil.example/p" },
	{ "htxp://evil.example/p", "defanged", "http://evil.example/p" },
	{ "hxtps://evil.example/p", "defanged", "https://evil.example/p" },
	{ "fxp://evil.example/p", "defanged", "ftp://evil.example/p" },
	{ "meow://evil.example/p", "defanged", "http://evil.example/p" },
	{ "hxxp://evil[.]example/p", "defanged", "http://evil.example/p" },
	{ "hxxp[:]//evil[.]example/p", "defanged", "http://evil.example/p" },
	{ "hxxp[://]evil[.]example/p", "defanged", "http://evil.example/p" },
	{ "http[:]//evil.example/p", "defanged", "http://evil.example/p" },
	{ "https[://]evil.example/p", "defanged", "https://evil.example/p" },
	{ "http://evil.example[/]p", "defanged", "http://evil.example/p" },
	{ "evil[.]example", "defanged", "evil.example" },
	{ "evil(.)example", "defanged", "evil.example" },
	{ "evil{.}example", "defanged", "evil.example" },
	{ "evil[dot]example", "defanged", "evil.example" },
	{ "evil(dot)example", "defanged", "evil.example" },
	{ "evil(DOT)example", "defanged", "evil.example" },
	{ "evil{dot}example", "defanged", "evil.example" },
	{ "evil dot example", "columns_many", "evil.example" },
	{ "a[.]evil(.)example", "defanged", "a.evil.example" },
	{ "198[.]51[.]100[.]7", "defanged", "198.51.100.7" },
	{ "198.51.100[.]7", "defanged", "198.51.100.7" },
	{ "198(.)51(.)100(.)7", "defanged", "198.51.100.7" },
	{ "198[.]51[.]100[.]0/24", "defanged", "198.51.100.0/24" },
	{ "198[.]51[.]100[.]7[:]443", "defanged", "198.51.100.7:443" },
	{ "2001[:]db8[:][:]1", "defanged", "2001:db8::1" },
	{ "boss[at]evil[.]example", "defanged", "boss@evil.example" },
	{ "boss(at)evil.example", "defanged", "boss@evil.example" },
	{ "boss[@]evil.example", "defanged", "boss@evil.example" },
	/* Not on the list, or not what it looks like. */
	{ "evil.example:8080", "name_port", NULL },
	{ "evil,example", "name_character", NULL },
	{ "evil<.>example", "name_character", NULL },
	{ "evil\\.example", "name_character", NULL },
	{ "evil..example", "name_empty_label", NULL },
	{ "198.51.100.7.", "address", NULL },
	{ "198,51,100,7", "name_character", NULL },
	{ "hxxp:/evil.example/p", "port", NULL },
	{ "evil[.example", "name_character", NULL },
	{ "http//evil.example", "url_host", NULL },
	/* Not seen: zero width, joiners, soft hyphen, mark. */
	{ "ev\xe2\x80\x8bil.example", "confusable", NULL },
	{ "ev\xe2\x80\x8cil.example", "confusable", NULL },
	{ "ev\xe2\x80\x8dil.example", "confusable", NULL },
	{ "ev\xe2\x81\xa0il.example", "confusable", NULL },
	{ "ev\xc2\xadil.example", "confusable", NULL },
	{ "ev\xef\xbb\xbfil.example", "confusable", NULL },
	{ "198.51.100.7\xe2\x80\x8b", "confusable", NULL },
	{ "http://evil.example/\xe2\x80\x8bp", "confusable", NULL },
	{ "boss\xe2\x80\x8b@evil.example", "confusable", NULL },
	/* Direction. */
	{ "\xe2\x80\xae"
	  "elpmaxe.live",
	  "confusable", NULL },
	{ "evil\xe2\x80\x8f.example", "confusable", NULL },
	{ "evil\xe2\x81\xa6.example", "confusable", NULL },
	{ "http://evil.example/\xe2\x80\xae"
	  "exe.txt",
	  "confusable", NULL },
	/* Dots, slashes and letters that only look like it. */
	{ "evil\xef\xbc\x8e"
	  "example",
	  "confusable", NULL },
	{ "evil\xe3\x80\x82"
	  "example",
	  "confusable", NULL },
	{ "evil\xef\xbd\xa1"
	  "example",
	  "confusable", NULL },
	{ "evil\xe2\x80\xa4"
	  "example",
	  "confusable", NULL },
	{ "\xef\xbd\x85vil.example", "confusable", NULL },
	{ "\xf0\x9d\x90\x9evil.example", "confusable", NULL },
	{ "\xe2\x93\x94vil.example", "confusable", NULL },
	{ "evil.example\xe2\x88\x95path", "confusable", NULL },
	{ "\xd0\xb5vil.example", "confusable", NULL }, /* Cyrillic */
	{ "evi\xce\xb9.example", "confusable", NULL }, /* Greek */
	{ "evil.exampl\xd0\xb5", "confusable", NULL },
	{ "evil.\xc5\xbf"
	  "ample",
	  "confusable", NULL }, /* long s: becomes an s */
	{ "ev\xc4\xb0l.example", "confusable", NULL }, /* dotted I */
	{ "evil.example\xc2\xb2", "confusable", NULL },
	/* Honest other letters, and their A-labels. */
	{ "b\xc3\xbc"
	  "cher.example",
	  "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "\xd0\xbf\xd1\x80\xd0\xb8.example", "xn--h1and.example",
	  "xn--h1and.example" },
	{ "xn--vil-5cd.example", "xn--vil-5cd.example", "xn--vil-5cd.example" },
};

/* N19 */
static void defanged_values_need_refanging(void **state)
{
	struct said said;

	(void)state;
	assert_true(LEN(rows) >= 60);
	for (size_t i = 0; i < LEN(rows); i++) {
		struct pk_feed_stats st = read_line(rows[i].text, 0, &said);
		const char *want =
			rows[i].refanged ? rows[i].refanged : rows[i].plain;

		if (strcmp(said.text, rows[i].plain) != 0)
			fail_msg("%s: %s instead of %s", rows[i].text,
				 said.text, rows[i].plain);
		assert_int_equal(st.refanged, 0);
		st = read_line(rows[i].text, 1, &said);
		if (strcmp(said.text, want) != 0)
			fail_msg("%s, refanged: %s instead of %s", rows[i].text,
				 said.text, want);
		assert_int_equal(st.refanged,
				 rows[i].refanged &&
					 strcmp(rows[i].plain, want) != 0);
	}
}

static void refanging_counts_and_never_grows(void **state)
{
	char text[64] = "hxxps[:]//a[.]b(dot)c";
	unsigned n;
	size_t len = pk_refang(text, strlen(text), &n);

	(void)state;
	assert_int_equal(len, 13);
	assert_memory_equal(text, "https://a.b.c", 13);
	assert_int_equal(n, 4);
	len = pk_refang(text, 13, &n);
	assert_int_equal(len, 13);
	assert_int_equal(n, 0);
	assert_int_equal(pk_refang(text, 0, &n), 0);
}

static void utf8_is_strict(void **state)
{
	static const struct {
		const char *text;
		enum pk_refused why;
	} texts[] = {
		{ "", 0 },
		{ "ascii", 0 },
		{ "\xc3\xbc", 0 },
		{ "\xf0\x9f\x98\x80", 0 },
		{ "\x80", PK_REFUSED_ENCODING },
		{ "\xc0\xaf", PK_REFUSED_ENCODING }, /* too long a form */
		{ "\xe0\x80\xaf", PK_REFUSED_ENCODING },
		{ "\xf0\x80\x80\xaf", PK_REFUSED_ENCODING },
		{ "\xed\xa0\x80", PK_REFUSED_ENCODING }, /* half a pair */
		{ "\xf4\x90\x80\x80", PK_REFUSED_ENCODING },
		{ "\xc3", PK_REFUSED_ENCODING },
		{ "\xe2\x82", PK_REFUSED_ENCODING },
		{ "\xe2\x82x", PK_REFUSED_ENCODING },
		{ "\xff", PK_REFUSED_ENCODING },
	};

	(void)state;
	for (size_t i = 0; i < LEN(texts); i++)
		assert_int_equal(
			pk_unicode_check(texts[i].text, strlen(texts[i].text)),
			texts[i].why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defanged_values_need_refanging),
		cmocka_unit_test(refanging_counts_and_never_grows),
		cmocka_unit_test(utf8_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
