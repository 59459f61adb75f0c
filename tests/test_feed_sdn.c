/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/feed_log_rig.h"

static struct feed_log log_;

static void read_as(enum pk_feed_format format, const char *text)
{
	struct pk_feed_options options;

	pk_feed_options_init(&options);
	options.format = format;
	feed_read_both(&log_, &options, text);
	assert_string_equal(log_.broken, "");
	assert_int_equal(log_.format, PK_FEED_SDN);
}

static void expect(const char *text, const char *want)
{
	read_as(PK_FEED_SDN, text);
	assert_string_equal(log_.text, want);
}

static void the_composed_rows_load(void **state)
{
	static const char text[] =
		"106231730,ip,bot_ip,198.51.100.180,,198.51.100.180\n"
		"7,cidr,hijacked,,,203.0.113.0/24\n"
		"8,domain,c2_domain,,,evil.example\n"
		"9,url,mal_url,198.51.100.9,,http://bad.example/x.bin\n"
		"10,email,phish,,,boss@phish.example\n"
		"11,md5,mal,,,d41d8cd98f00b204e9800998ecf8427e\n"
		"12,SHA256,mal,,,e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b93"
		"4ca495991b7852b855\n"
		"13,sha1,mal,,,da39a3ee5e6b4b0d3255bfef95601890afd80709\n";
	static const char want[] =
		"+ipv4-addr 198.51.100.180 id=106231730 threat=bot_ip "
		"class=infected-system\n"
		"+ipv4-net 203.0.113.0/24 id=7 threat=hijacked "
		"class=system-compromise\n"
		"+domain-name evil.example id=8 threat=c2_domain "
		"class=c2-server\n"
		"+url http://bad.example/x.bin id=9 threat=mal_url "
		"class=malware-distribution\n"
		"+email-addr boss@phish.example id=10 threat=phish "
		"class=phishing\n"
		"+file d41d8cd98f00b204e9800998ecf8427e id=11 threat=mal "
		"class=other\n"
		"+file e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
		"7852b855 id=12 threat=mal class=other\n"
		"+file da39a3ee5e6b4b0d3255bfef95601890afd80709 id=13 "
		"threat=mal class=other\n";

	(void)state;
	expect(text, want);
	read_as(PK_FEED_AUTO, text);
	assert_string_equal(log_.text, want);
}

static void the_rows_of_its_manual_load(void **state)
{
	(void)state;
	read_as(PK_FEED_AUTO,
		"1001,ip,c2,192.0.2.10,,192.0.2.10\n"
		"1002,cidr,hijacked,,,198.51.100.0/24\n"
		"1003,domain,phish,,login.bad.example,login.bad.example\n"
		"1004,url,malware,,bad.example,http://bad.example/a/b.exe\n"
		"1005,email,phish,,bad.example,billing@bad.example\n");
	assert_int_equal(log_.stats.accepted, 5);
	/* Hosts of URLs and e-mails are not listed themselves. */
	assert_int_equal(log_.stats.indicators, 5);
}

/* R8: sdn_sensor itself crashed on these. */
static void a_domain_needs_no_address(void **state)
{
	(void)state;
	expect("1,domain,c2,,,evil.example.\n",
	       "+domain-name evil.example id=1 threat=c2 class=c2-server\n");
	expect("1,ip,c2,,,192.0.2.1\n",
	       "+ipv4-addr 192.0.2.1 id=1 threat=c2 class=c2-server\n");
}

static void one_host_prefixes_are_addresses_and_all_may_be_covered(void **state)
{
	(void)state;
	log_.terse = 1;
	expect("1,cidr,a,,,203.0.113.7/32\n"
	       "2,CIDR,b,,,2001:DB8:0::1/128\n"
	       "3,cidr,c,,,2001:db8::/127\n"
	       "4,ip,d,203.0.113.8/32,,\n"
	       "5,ip,e,::ffff:192.0.2.1,,\n"
	       "6,cidr,f,,,0.0.0.0/0\n"
	       "7,cidr,f,,,::/0\n"
	       "8,cidr,f,,,192.0.2.1/33\n",
	       "+ipv4-addr 203.0.113.7\n"
	       "+ipv6-addr 2001:db8::1\n"
	       "+ipv6-net 2001:db8::/127\n"
	       "-4:4 address\n"
	       "+ipv4-addr 192.0.2.1\n"
	       "+ipv4-net 0.0.0.0/0\n"
	       "+ipv6-net ::/0\n"
	       "-8:6 prefix\n");
	log_.terse = 0;
}

static void broken_rows_are_refused_with_line_and_column(void **state)
{
	(void)state;
	expect("1,ip,bot_ip,10.0.0.256,,\n"
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
	       "1,md5,a,,,da39a3ee5e6b4b0d3255bfef95601890afd80709\n"
	       "1,sha1,a,,,da39a3ee5e6b4b0d3255bfef95601890afd8070x\n"
	       "1,url,a,,,http://\n"
	       "1,email,a,,,nobody\n"
	       "1\n"
	       "18446744073709551615,ip,a,10.0.0.1,,\n",
	       "-1:4 address\n"
	       "-2:1 id\n"
	       "-3:1 id\n"
	       "-4:1 id\n"
	       "-5:1 id\n"
	       "-6:2 type\n"
	       "-7:5 columns_few\n"
	       "-8:7 columns_many\n"
	       "-9:4 empty\n"
	       "-10:6 name_character\n"
	       "-11:6 name_numeric\n"
	       "-12:3 threat_type\n"
	       "-13:6 name_idna\n"
	       "-14:6 hash\n"
	       "-15:6 hash\n"
	       "-16:6 url_host\n"
	       "-17:6 email\n"
	       "-18:2 columns_few\n"
	       "+ipv4-addr 10.0.0.1 id=18446744073709551615 threat=a "
	       "class=other\n");
}

static void quotes_crlf_bom_comments_and_blanks_are_understood(void **state)
{
	read_as(PK_FEED_AUTO,
		"\xef\xbb\xbf# id,type,threat type,ip,dns,value\r\n"
		"\r\n"
		" \t\n"
		"\"1\",\"ip\",\"bot, \"\"big\"\"\",\"192.0.2.1\","
		",\"\"\r\n"
		"  # comment\n"
		"2, domain , c2 ,,,  evil.example  ");
	(void)state;
	assert_string_equal(log_.text,
			    "+ipv4-addr 192.0.2.1 id=1 threat=bot, \"big\" "
			    "class=other\n"
			    "+domain-name evil.example id=2 threat=c2 "
			    "class=c2-server\n");
	assert_int_equal(log_.stats.comments, 2);
	assert_int_equal(log_.stats.blank, 2);
}

static void an_open_quote_spoils_its_own_line_only(void **state)
{
	(void)state;
	expect("1,ip,\"bot,192.0.2.1,,\n"
	       "2,ip,bo\"t,192.0.2.2,,\n"
	       "3,ip,\"bot\"x,192.0.2.3,,\n"
	       "4,ip,bot,192.0.2.4,,\n"
	       "5,ip,bot,192.0.2.5,,\"",
	       "-1:3 quotes\n"
	       "-2:3 quotes\n"
	       "-3:3 quotes\n"
	       "+ipv4-addr 192.0.2.4 id=4 threat=bot class=infected-system\n"
	       "-5:6 quotes\n");
}

static int accept_counted(void *arg, const struct pk_indicator *ind)
{
	uint64_t *covered = arg;

	assert_int_equal(ind->type, PK_INDICATOR_IPV4_NET);
	*covered += 1ULL << (32 - ind->bits);
	return 0;
}

/* R15: many rows, CRLF, quoted commas, and short rows that are counted. */
static void a_million_prefixes_load_and_errors_are_counted(void **state)
{
	enum { ROWS = 1000000, BAD = 100 };
	uint64_t covered = 0, bytes = 0;
	struct pk_feed_sink sink = { .accept = accept_counted,
				     .arg = &covered };
	const struct pk_feed_stats *st;
	struct pk_feed_options options;
	struct pk_feed *f;
	char row[128];

	(void)state;
	pk_feed_options_init(&options);
	options.format = PK_FEED_SDN;
	assert_int_equal(pk_feed_open(&f, &options, 0, &sink), 0);
	for (unsigned i = 0; i < ROWS; i++) {
		int n = snprintf(row, sizeof(row),
				 i % (ROWS / BAD) == 7
					 ? "%u,cidr,short\r\n"
					 : "%u,cidr,\"a, b\",,,%u.%u.%u.%u/28"
					   "\r\n",
				 i, 11 + (i >> 20), i >> 12 & 255, i >> 4 & 255,
				 i << 4 & 255);

		pk_feed_push(f, row, (size_t)n);
		bytes += (size_t)n;
	}
	pk_feed_finish(f);
	st = pk_feed_stats(f);
	assert_string_equal(pk_feed_broken(f), "");
	assert_int_equal(st->bytes, bytes);
	assert_int_equal(st->records, ROWS);
	assert_int_equal(st->accepted, ROWS - BAD);
	assert_int_equal(st->refused[PK_REFUSED_COLUMNS_FEW], BAD);
	assert_int_equal(pk_feed_refused(st), BAD);
	assert_int_equal(covered, (uint64_t)(ROWS - BAD) * 16);
	pk_feed_close(f);
}

static void other_rows_are_not_taken_for_these(void **state)
{
	static const char *const texts[] = {
		"1,ip,c2,192.0.2.1,\n",
		"x,ip,c2,192.0.2.1,,\n",
		"1,asn,c2,192.0.2.1,,\n",
		"192.0.2.1\n192.0.2.2\n1,ip,c2,192.0.2.1,,\n",
	};
	struct pk_feed_options options;

	(void)state;
	pk_feed_options_init(&options);
	for (unsigned i = 0; i < 4; i++) {
		feed_read_both(&log_, &options, texts[i]);
		assert_int_not_equal(log_.format, PK_FEED_SDN);
	}
}

static void random_bytes_close_the_ledger(void **state)
{
	static const char some[] = "1,ip,c,1.2.3.4,,\"\n\r#\0 domain.xn--\xff";
	static struct feed_log log;
	struct pk_feed_options options;
	char text[3000];

	(void)state;
	srandom(7);
	pk_feed_options_init(&options);
	for (int round = 0; round < 300; round++) {
		options.format = round & 1 ? PK_FEED_AUTO : PK_FEED_SDN;
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = some[(size_t)random() % (sizeof(some) - 1)];
		feed_read(&log, &options, text, sizeof(text),
			  1 + (size_t)random() % 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_composed_rows_load),
		cmocka_unit_test(the_rows_of_its_manual_load),
		cmocka_unit_test(a_domain_needs_no_address),
		cmocka_unit_test(
			one_host_prefixes_are_addresses_and_all_may_be_covered),
		cmocka_unit_test(broken_rows_are_refused_with_line_and_column),
		cmocka_unit_test(
			quotes_crlf_bom_comments_and_blanks_are_understood),
		cmocka_unit_test(an_open_quote_spoils_its_own_line_only),
		cmocka_unit_test(
			a_million_prefixes_load_and_errors_are_counted),
		cmocka_unit_test(other_rows_are_not_taken_for_these),
		cmocka_unit_test(random_bytes_close_the_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
