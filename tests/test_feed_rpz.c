/* SPDX-License-Identifier: BSD-2-Clause */
/* Response policy zones, as resolvers' documentation and exporters write them. */
#include "tests/feed_log_rig.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct feed_log log_;

static struct pk_feed_options with(enum pk_feed_format format)
{
	struct pk_feed_options options;

	pk_feed_options_init(&options);
	options.format = format;
	return options;
}

static void read_zone(const char *text)
{
	struct pk_feed_options options = with(PK_FEED_RPZ);

	feed_read_both(&log_, &options, text);
}

static void a_zone_lists_its_triggers(void **state)
{
	static const char zone[] =
		"$TTL 3600 ; an hour\n"
		"@ IN SOA ns.rpz.example. admin.rpz.example. (\n"
		"  2026010201 ; serial\n"
		"  3600 600\n"
		"  86400 60 )\n"
		"  IN NS ns.rpz.example.\n"
		"; names\n"
		"bad.example            CNAME .\n"
		"*.bad.example    300 IN CNAME .\n"
		"nodata.example   IN 1h CNAME *.\n"
		"ok.bad.example         CNAME rpz-passthru.\n"
		"drop.example           CNAME rpz-drop.\n"
		"tcp.example            CNAME rpz-tcp-only.\n"
		"walled.example         A 192.0.2.80\n"
		"                       AAAA 2001:db8::80\n"
		"                       TXT \"a ; ( b\"\n"
		"self.example           CNAME self.example.\n"
		"24.0.100.51.198.rpz-ip CNAME rpz-drop.\n"
		"32.10.2.0.192.rpz-ip   CNAME .\n"
		"128.57.zz.101.db8.2001.rpz-ip CNAME .\n"
		"48.zz.101.db8.2001.rpz-ip     CNAME .\n"
		"128.1.zz.rpz-ip        CNAME .\n"
		"32.1.2.0.192.rpz-client-ip CNAME .\n"
		"ns.bad.example.rpz-nsdname CNAME .\n"
		"32.53.2.0.192.rpz-nsip CNAME .\n";
	struct pk_feed_options options = with(PK_FEED_AUTO);

	(void)state;
	read_zone(zone);
	assert_string_equal(log_.text,
			    "+domain-name bad.example match=exact\n"
			    "+domain-name bad.example\n"
			    "+domain-name nodata.example match=exact\n"
			    "~domain-name ok.bad.example\n"
			    "+domain-name drop.example match=exact\n"
			    "+domain-name tcp.example match=exact\n"
			    "+domain-name walled.example match=exact\n"
			    "+domain-name walled.example match=exact\n"
			    "+domain-name walled.example match=exact\n"
			    "~domain-name self.example\n"
			    "+ipv4-net 198.51.100.0/24\n"
			    "+ipv4-addr 192.0.2.10\n"
			    "+ipv6-addr 2001:db8:101::57\n"
			    "+ipv6-net 2001:db8:101::/48\n"
			    "+ipv6-addr ::1\n");
	assert_int_equal(log_.stats.headers, 6);
	assert_int_equal(log_.stats.comments, 1);
	assert_int_equal(log_.stats.skipped[PK_SKIP_ALLOWED], 2);
	assert_int_equal(log_.stats.skipped[PK_SKIP_NOT_INDICATOR], 3);
	assert_string_equal(log_.broken, "");
	feed_read_both(&log_, &options, zone);
	assert_int_equal(log_.format, PK_FEED_RPZ);
}

static void owners_are_relative_to_the_origin(void **state)
{
	(void)state;
	read_zone("$ORIGIN rpz.example.\n"
		  "@ SOA a. b. 1 2 3 4 5\n"
		  "bad.example CNAME .\n"
		  "worse.example.rpz.example. CNAME .\n"
		  "WORST.Example.RPZ.example. CNAME .\n"
		  "$ORIGIN net.rpz.example.\n"
		  "evil CNAME .\n"
		  "*.evil CNAME .\n"
		  "@ CNAME .\n"
		  "elsewhere.example. CNAME .\n"
		  "   CNAME .\n"
		  "notrpz.example. CNAME .\n"
		  "x.abc.example. CNAME .\n");
	assert_string_equal(log_.text,
			    "+domain-name bad.example match=exact\n"
			    "+domain-name worse.example match=exact\n"
			    "+domain-name worst.example match=exact\n"
			    "+domain-name evil.net match=exact\n"
			    "+domain-name evil.net\n"
			    "+domain-name net match=exact\n"
			    "-10:0 syntax\n-11:0 syntax\n-12:0 syntax\n"
			    "-13:0 syntax\n");
	/* A zone whose SOA has the full name. */
	read_zone("rpz.example. SOA a. b. 1 2 3 4 5\n"
		  "bad.example.rpz.example. CNAME .\n");
	assert_string_equal(log_.text,
			    "+domain-name bad.example match=exact\n");
}

static void bad_zone_lines_are_refused(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "bad.example\n", "-1:0 syntax\n" },
		{ "bad.example IN\n", "-1:0 syntax\n" },
		{ "bad..example CNAME .\n", "-1:1 name_empty_label\n" },
		{ "b!d.example CNAME .\n", "-1:1 name_character\n" },
		{ "33.1.2.0.192.rpz-ip CNAME .\n", "-1:1 prefix\n" },
		{ "32.256.2.0.192.rpz-ip CNAME .\n", "-1:1 address\n" },
		{ "32.2.0.192.rpz-ip CNAME .\n", "-1:1 address\n" },
		{ "rpz-ip CNAME .\n", "-1:1 address\n" },
		{ "32.rpz-ip CNAME .\n", "-1:1 address\n" },
		{ "128.1.zz.2.zz.rpz-ip CNAME .\n", "-1:1 address\n" },
		{ "$INCLUDE other.zone\n", "-1:0 syntax\n" },
		{ "$ORIGIN\n", "-1:0 syntax\n" },
		{ "   CNAME .\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		read_zone(rows[i].text);
		if (strcmp(log_.text, rows[i].want) != 0)
			fail_msg("\"%s\" gave %s", rows[i].text, log_.text);
	}
	read_zone("@ SOA a. b. ( 1 2\n3 4");
	assert_string_equal(log_.broken, "ends inside parentheses");
}

static void a_record_in_parentheses_has_an_end(void **state)
{
	static char text[20000];
	size_t n = (size_t)sprintf(text, "bad.example ( CNAME\n . )\n"
					 "x.example (\n");

	(void)state;
	for (int i = 0; i < 500; i++)
		n += (size_t)sprintf(text + n, "TXT 0123456789\n");
	sprintf(text + n, ")\nworse.example CNAME .\n");
	read_zone(text);
	assert_string_equal(log_.text,
			    "+domain-name bad.example match=exact\n"
			    "-504:0 syntax\n"
			    "+domain-name worse.example match=exact\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zone_lists_its_triggers),
		cmocka_unit_test(owners_are_relative_to_the_origin),
		cmocka_unit_test(bad_zone_lines_are_refused),
		cmocka_unit_test(a_record_in_parentheses_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
