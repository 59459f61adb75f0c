/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/feed.h"
#include "ioc/store.h"

/* What a feed said, as text: "+type value id threat" and "-line:col word". */
struct log {
	char text[8192];
	size_t len;
	int answer; /* of accept */
	struct pk_feed_stats stats;
};

__attribute__((format(printf, 2, 3))) static void note(struct log *log,
						       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log->len +=
		(size_t)vsnprintf(log->text + log->len,
				  sizeof(log->text) - log->len, format, args);
	va_end(args);
	assert_true(log->len < sizeof(log->text));
}

static int accept(void *arg, const struct pk_indicator *ind)
{
	struct log *log = arg;
	char value[PK_VALUE_TEXT_MAX];

	pk_indicator_print(ind, value);
	note(log, "+%s %s %llu %s%s\n", pk_indicator_type_word(ind->type),
	     value, (unsigned long long)ind->id, ind->threat_type,
	     ind->subdomains && ind->type == PK_INDICATOR_DOMAIN ? " sub" : "");
	return log->answer;
}

static void refuse(void *arg, const struct pk_refusal *r)
{
	note(arg, "-%llu:%u %s\n", (unsigned long long)r->line, r->column,
	     pk_refused_word(r->reason));
}

static uint64_t ends(const struct pk_feed_stats *st)
{
	return st->blank + st->comments + st->accepted + st->duplicates +
	       pk_feed_refused(st);
}

static void read_feed(struct log *log, const char *format, const char *bytes,
		      size_t len, size_t piece)
{
	struct pk_feed_sink sink = { accept, refuse, log };
	struct pk_feed *f;

	log->len = 0;
	log->text[0] = 0;
	assert_int_equal(pk_feed_open(&f, format, 3, &sink), 0);
	for (size_t at = 0; at < len; at += piece)
		pk_feed_push(f, bytes + at,
			     len - at < piece ? len - at : piece);
	pk_feed_finish(f);
	log->stats = *pk_feed_stats(f);
	assert_int_equal(log->stats.lines, ends(&log->stats));
	assert_int_equal(log->stats.bytes, len);
	assert_int_equal(log->stats.refused[PK_REFUSED_NONE], 0);
	pk_feed_close(f);
}

static void expect(const char *format, const char *text, const char *want)
{
	static struct log log;

	log.answer = 0;
	read_feed(&log, format, text, strlen(text), 4096);
	assert_string_equal(log.text, want);
	read_feed(&log, format, text, strlen(text), 1);
	assert_string_equal(log.text, want);
}

static void the_composed_rows_load_or_are_refused_by_name(void **state)
{
	(void)state;
	expect("sdn",
	       "106231730,ip,bot_ip,198.51.100.180,,198.51.100.180\n"
	       "7,cidr,hijacked,,,203.0.113.0/24\n"
	       "8,domain,c2_domain,,,evil.example\n"
	       "9,url,mal_url,198.51.100.9,,http://bad.example/x.bin\n"
	       "10,email,phish,,,boss@phish.example\n"
	       "11,md5,mal,,,d41d8cd98f00b204e9800998ecf8427e\n"
	       "12,SHA256,mal,,,e3b0\n",
	       "+ipv4-addr 198.51.100.180 106231730 bot_ip\n"
	       "-2:6 prefix\n"
	       "+domain-name evil.example 8 c2_domain sub\n"
	       "-4:2 unsupported\n"
	       "-5:2 unsupported\n"
	       "-6:2 unsupported\n"
	       "-7:2 unsupported\n");
}

static void one_host_prefixes_are_addresses(void **state)
{
	(void)state;
	expect("sdn",
	       "1,cidr,a,,,203.0.113.7/32\n"
	       "2,CIDR,b,,,2001:DB8:0::1/128\n"
	       "3,cidr,c,,,2001:db8::/127\n"
	       "4,ip,d,203.0.113.8/32,,\n"
	       "5,ip,e,::ffff:192.0.2.1,,\n",
	       "+ipv4-addr 203.0.113.7 1 a\n"
	       "+ipv6-addr 2001:db8::1 2 b\n"
	       "-3:6 prefix\n"
	       "-4:4 address\n"
	       "+ipv4-addr 192.0.2.1 5 e\n");
}

static void broken_rows_are_refused_with_line_and_column(void **state)
{
	(void)state;
	expect("sdn",
	       "1,ip,bot_ip,10.0.0.256,,\n"
	       "x,ip,bot_ip,10.0.0.1,,\n"
	       ",ip,bot_ip,10.0.0.1,,\n"
	       "18446744073709551616,ip,a,10.0.0.1,,\n"
	       "-1,ip,a,10.0.0.1,,\n"
	       "1,asn,a,10.0.0.1,,\n"
	       "1,ip,a,10.0.0.1\n"
	       "1,ip,a,10.0.0.1,,,\n"
	       "1,ip,a,,,\n"
	       "1,domain,a,,,ev il.example\n"
	       "1,domain,a,,,10.0.0.1\n"
	       "1,ip,0123456789012345678901234567890123456789"
	       "012345678901234567890123,10.0.0.1,,\n"
	       "1,domain,a,,,xn--\n"
	       "18446744073709551615,ip,a,10.0.0.1,,\n",
	       "-1:4 address\n"
	       "-2:1 id\n"
	       "-3:1 id\n"
	       "-4:1 id\n"
	       "-5:1 id\n"
	       "-6:2 type\n"
	       "-7:0 columns_few\n"
	       "-8:0 columns_many\n"
	       "-9:4 empty\n"
	       "-10:6 name_character\n"
	       "-11:6 name_numeric\n"
	       "-12:3 threat_type\n"
	       "-13:6 name_idna\n"
	       "+ipv4-addr 10.0.0.1 18446744073709551615 a\n");
}

static void quotes_crlf_bom_comments_and_blanks_are_understood(void **state)
{
	(void)state;
	expect("auto",
	       "\xef\xbb\xbf# id,type,threat type,ip,dns,value\r\n"
	       "\r\n"
	       " \t\n"
	       "\"1\",\"ip\",\"bot, \"\"big\"\"\",\"192.0.2.1\",,\"\"\r\n"
	       "  # comment\n"
	       "2, domain , c2 ,,,  evil.example  ",
	       "+ipv4-addr 192.0.2.1 1 bot, \"big\"\n"
	       "+domain-name evil.example 2 c2 sub\n");
}

static void an_open_quote_spoils_its_own_line_only(void **state)
{
	(void)state;
	expect("sdn",
	       "1,ip,\"bot,192.0.2.1,,\n"
	       "2,ip,bo\"t,192.0.2.2,,\n"
	       "3,ip,\"bot\"x,192.0.2.3,,\n"
	       "4,ip,bot,192.0.2.4,,\n"
	       "5,ip,bot,192.0.2.5,,\"",
	       "-1:0 quotes\n"
	       "-2:0 quotes\n"
	       "-3:0 quotes\n"
	       "+ipv4-addr 192.0.2.4 4 bot\n"
	       "-5:0 quotes\n");
}

static void over_long_lines_are_skipped_whole(void **state)
{
	enum { LONG = 10 << 20 };
	char *text = malloc(LONG + 200);
	struct log log = { .answer = 0 };
	size_t len;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', LONG);
	len = LONG + (size_t)sprintf(text + LONG, "\n1,ip,bot,192.0.2.1,,\n");
	for (size_t piece = 1000; piece <= len; piece *= 150) {
		read_feed(&log, "sdn", text, len, piece);
		assert_string_equal(log.text, "-1:0 line_long\n"
					      "+ipv4-addr 192.0.2.1 1 bot\n");
	}
	/* 4096 bytes and CRLF are a line; 4097 are one too many. */
	memset(text, ' ', 5000);
	memcpy(text, "192.0.2.1", 9);
	memcpy(text + 4096, "\r\n", 2);
	for (size_t piece = 100; piece <= 10000; piece *= 100) {
		read_feed(&log, "lines", text, 4098, piece);
		assert_string_equal(log.text, "+ipv4-addr 192.0.2.1 0 \n");
		text[4096] = ' ';
		read_feed(&log, "lines", text, 4098, piece);
		assert_string_equal(log.text, "-1:0 line_long\n");
		text[4096] = '\r';
	}
	/* A CR where the memory ends is no line end. */
	memcpy(text + 4096, "\rx\n", 3);
	for (size_t piece = 100; piece <= 10000; piece *= 100) {
		read_feed(&log, "lines", text, 4099, piece);
		assert_string_equal(log.text, "-1:0 line_long\n");
	}
	free(text);
}

static void binary_and_utf16_are_refused_line_by_line(void **state)
{
	static const char utf16[] = "\xff\xfe"
				    "1\0,\0i\0p\0\n\0"
				    "2\0\n";
	static const char nul[] = "1,ip,bot,192.0.2.1\0,,\n";
	struct log log = { .answer = 0 };

	(void)state;
	read_feed(&log, "auto", utf16, sizeof(utf16) - 1, 3);
	assert_string_equal(log.text, "-1:0 control\n-2:0 control\n");
	read_feed(&log, "sdn", nul, sizeof(nul) - 1, 100);
	assert_string_equal(log.text, "-1:0 control\n");
}

static void lines_hold_one_address_or_name_each(void **state)
{
	(void)state;
	expect("auto",
	       "# a list, with, many, commas\n"
	       "192.0.2.1\n"
	       "\t2001:db8::1  # why\n"
	       "Evil.Example\n"
	       "192.0.2.2 3\n"
	       "192.0.2.0/24\n"
	       "192.0.2.3/32\n"
	       "http://x.example/\n",
	       "+ipv4-addr 192.0.2.1 0 \n"
	       "+ipv6-addr 2001:db8::1 0 \n"
	       "+domain-name evil.example 0  sub\n"
	       "-5:1 columns_many\n"
	       "-6:1 prefix\n"
	       "+ipv4-addr 192.0.2.3 0 \n"
	       "-8:1 unsupported\n");
}

static void what_the_sink_answers_is_counted(void **state)
{
	static const char text[] = "192.0.2.1\n192.0.2.2\n";
	struct log log = { .answer = -EEXIST };

	(void)state;
	read_feed(&log, "lines", text, sizeof(text) - 1, 5);
	assert_int_equal(log.stats.duplicates, 2);
	log.answer = -ENOSPC;
	read_feed(&log, "lines", text, sizeof(text) - 1, 5);
	assert_int_equal(log.stats.refused[PK_REFUSED_NO_ROOM], 2);
	assert_non_null(strstr(log.text, "-2:1 no_room"));
}

static void random_bytes_close_the_ledger(void **state)
{
	static const char some[] = "1,ip,c,1.2.3.4,,\"\n\r#\0 domain.xn--\xff";
	struct log log = { .answer = 0 };
	char text[3000];

	(void)state;
	srandom(7);
	for (int round = 0; round < 300; round++) {
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = some[(size_t)random() % (sizeof(some) - 1)];
		read_feed(&log, round & 1 ? "auto" : "sdn", text, sizeof(text),
			  1 + (size_t)random() % 100);
	}
}

static void a_refusal_is_one_harmless_sentence(void **state)
{
	struct pk_refusal r = { 117, 4, PK_REFUSED_ADDRESS, "10.0.0.256", 10 };
	char out[512];

	(void)state;
	pk_refusal_print(&r, "a.csv", out, sizeof(out));
	assert_string_equal(out, "feed a.csv:117: column 4: not an IP address: "
				 "\"10.0.0.256\" (line skipped)");
	r.column = 0;
	r.text = "\x1b[2J\"\n";
	r.text_len = 6;
	pk_refusal_print(&r, "a.csv", out, sizeof(out));
	assert_string_equal(out, "feed a.csv:117: not an IP address: "
				 "\"\\x1b[2J\\x22\\x0a\" (line skipped)");
}

static void unknown_formats_are_refused(void **state)
{
	struct pk_feed_sink sink = { accept, NULL, NULL };
	struct pk_feed *f = NULL;

	(void)state;
	assert_int_equal(pk_feed_open(&f, "csv", 0, &sink), -EINVAL);
	assert_int_equal(pk_feed_open(&f, "sdn", PK_FEEDS_MAX, &sink), -EINVAL);
	assert_null(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_composed_rows_load_or_are_refused_by_name),
		cmocka_unit_test(one_host_prefixes_are_addresses),
		cmocka_unit_test(broken_rows_are_refused_with_line_and_column),
		cmocka_unit_test(
			quotes_crlf_bom_comments_and_blanks_are_understood),
		cmocka_unit_test(an_open_quote_spoils_its_own_line_only),
		cmocka_unit_test(over_long_lines_are_skipped_whole),
		cmocka_unit_test(binary_and_utf16_are_refused_line_by_line),
		cmocka_unit_test(lines_hold_one_address_or_name_each),
		cmocka_unit_test(what_the_sink_answers_is_counted),
		cmocka_unit_test(random_bytes_close_the_ledger),
		cmocka_unit_test(a_refusal_is_one_harmless_sentence),
		cmocka_unit_test(unknown_formats_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
