/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formats that are lines: each with a list as its publishers write it, and
 * with a table of hand-made bad input, where line, column and reason count.
 * All is read whole and byte by byte, and by "auto" as well.
 */
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

/* What the format makes of it, and that "auto" knows the format. */
static void expect(enum pk_feed_format format, const char *text,
		   const char *want)
{
	struct pk_feed_options options = with(format);

	log_.terse = 0;
	feed_read_both(&log_, &options, text);
	assert_string_equal(log_.text, want);
	options.format = PK_FEED_AUTO;
	feed_read_both(&log_, &options, text);
	assert_string_equal(pk_feed_format_word(log_.format),
			    pk_feed_format_word(format));
	assert_string_equal(log_.text, want);
}

struct bad {
	const char *text, *want;
};

static void expect_bad(enum pk_feed_format format, const struct bad *rows,
		       size_t n)
{
	struct pk_feed_options options = with(format);

	log_.terse = 1;
	for (size_t i = 0; i < n; i++) {
		feed_read_both(&log_, &options, rows[i].text);
		if (strcmp(log_.text, rows[i].want) != 0)
			fail_msg("\"%s\" gave\n%sinstead of\n%s", rows[i].text,
				 log_.text, rows[i].want);
	}
	log_.terse = 0;
}

/* --- lines ---------------------------------------------------------------- */

static void lines_hold_one_value_each(void **state)
{
	(void)state;
	expect(PK_FEED_LINES,
	       "# comment\n; comment\n! comment\n// a comment\n"
	       "192.0.2.1\n198.51.100.0/24 ; SBL1\n192.0.2.2 # reason DE,x\n"
	       "192.0.2.3\t# scanner.example\n"
	       "2001:db8::1\n192.0.2.4-192.0.2.7\n192.0.2.8 - 192.0.2.9\n"
	       "192.0.2.1:443\nevil.example\n*.a.example // all\n=b.example\n"
	       "http://evil.example/a#b\nevil.example/x\n//evil.example/y\n"
	       "boss@evil.example\nd41d8cd98f00b204e9800998ecf8427e\nAS64500\n",
	       "+ipv4-addr 192.0.2.1\n+ipv4-net 198.51.100.0/24\n"
	       "+ipv4-addr 192.0.2.2\n+ipv4-addr 192.0.2.3\n"
	       "+ipv6-addr 2001:db8::1\n+ipv4-net 192.0.2.4/30\n"
	       "+ipv4-net 192.0.2.8/31\n+ip-port 192.0.2.1:443\n"
	       "+domain-name evil.example\n+domain-name a.example\n"
	       "+domain-name b.example match=exact\n"
	       "+url http://evil.example/a\n+url //evil.example/x\n"
	       "+url //evil.example/y\n"
	       "+email-addr boss@evil.example\n"
	       "+file d41d8cd98f00b204e9800998ecf8427e\n"
	       "+autonomous-system AS64500\n");
	assert_int_equal(log_.stats.comments, 4);
	assert_int_equal(log_.stats.accepted, 17);
}

static void bad_lines_are_refused_where_they_are_bad(void **state)
{
	static const struct bad rows[] = {
		{ "10.0.0.256\n", "-1:1 address\n" },
		{ "\n  10.0.0.256\n", "-2:3 address\n" },
		{ "10.0.0.0/33\n", "-1:1 prefix\n" },
		{ "192.0.2.1 192.0.2.2\n", "-1:11 columns_many\n" },
		{ "evil.example, bad.example\n", "-1:15 columns_many\n" },
		{ "192.0.2.9-192.0.2.1\n", "-1:1 range\n" },
		{ "192.0.2.1-2001:db8::1\n", "-1:1 range\n" },
		{ "192.0.2.1:70000\n", "-1:1 port\n" },
		{ "evil.example:80\n", "-1:1 name_port\n" },
		{ "evil..example\n", "-1:1 name_empty_label\n" },
		{ "evil_.example#x\n", "-1:1 name_character\n" },
		{ "a.b.7\n", "-1:1 name_numeric\n" },
		{ "a.example\nxn--99999999.example\n",
		  "+domain-name a.example\n-2:1 name_idna\n" },
		{ "/path\n", "-1:1 url_host\n" },
		{ "hxxp://a.example/\n", "-1:1 defanged\n" },
		{ "a[.]example\n", "-1:1 defanged\n" },
		{ "@a.example\n", "-1:1 email\n" },
		{ "d41d8cd98f00b204e9800998ecf842\n", "-1:1 hash\n" },
		{ "AS0\n", "-1:1 asn\n" },
		{ "\xff\xff\n", "-1:1 encoding\n" },
		{ "a.example\nb c d\nd.example\n",
		  "+domain-name a.example\n-2:3 columns_many\n"
		  "+domain-name d.example\n" },
		{ "byethost[0-9]+\\.com\n", "-1:1 name_character\n" },
	};

	(void)state;
	expect_bad(PK_FEED_LINES, rows, LEN(rows));
}

static void a_second_column_of_numbers_is_a_score(void **state)
{
	struct pk_feed_options options = with(PK_FEED_LINES);
	static const char text[] = "# IP\tlists\n192.0.2.1\t9\n192.0.2.2\t3\n";

	(void)state;
	expect(PK_FEED_LINES, text,
	       "+ipv4-addr 192.0.2.1\n+ipv4-addr 192.0.2.2\n");
	options.score_min = 4;
	feed_read_both(&log_, &options, text);
	assert_string_equal(log_.text, "+ipv4-addr 192.0.2.1\n");
	assert_int_equal(log_.stats.skipped[PK_SKIP_BELOW], 1);
}

static void a_type_that_was_said_holds(void **state)
{
	struct pk_feed_options options = with(PK_FEED_LINES);

	(void)state;
	options.has_type = 1;
	options.type = PK_INDICATOR_JA3;
	feed_read_both(&log_, &options,
		       "0123456789abcdef0123456789abcdef\nevil.example\n");
	assert_string_equal(log_.text, "+ja3 0123456789abcdef0123456789abcdef\n"
				       "-2:1 ja3\n");
	options.type = PK_INDICATOR_USER_AGENT;
	feed_read_both(&log_, &options, "# x\n Evil/1.0 (a; b) // c # d \n");
	assert_string_equal(log_.text,
			    "+user-agent Evil/1.0 (a; b) // c # d\n");
	options.type = PK_INDICATOR_IPV4_NET;
	feed_read_both(&log_, &options, "192.0.2.0-192.0.2.3\nevil.example\n");
	assert_string_equal(log_.text,
			    "+ipv4-net 192.0.2.0/30\n-2:1 address\n");
}

static void one_refused_part_of_a_range_does_not_refuse_it(void **state)
{
	struct pk_feed_options options = with(PK_FEED_LINES);

	(void)state;
	log_.answer = -EEXIST;
	feed_read_both(&log_, &options, "192.0.2.1-192.0.2.4\n");
	assert_int_equal(log_.stats.duplicates, 1);
	assert_int_equal(log_.stats.known, 3);
	log_.answer = 0;
	feed_read_both(&log_, &options, "10.0.0.1/24\n10.0.0.1/33\n");
	assert_int_equal(log_.stats.host_bits, 1);
}

/* --- hosts ---------------------------------------------------------------- */

static void hosts_files_list_names(void **state)
{
	(void)state;
	expect(PK_FEED_HOSTS,
	       "# x\n127.0.0.1 localhost localhost.localdomain\n"
	       "::1 ip6-localhost\nff02::1 ip6-allnodes\n"
	       "255.255.255.255 broadcasthost\nfe80::1%lo0 localhost\n"
	       "0.0.0.0 0.0.0.0\n"
	       "0.0.0.0 bad.example\n127.0.0.1\tworse.example # why\n"
	       "0.0.0.0 a.example b.example localhost\n:: c.example\n"
	       "192.0.2.1 own.example\n",
	       "+domain-name bad.example\n+domain-name worse.example\n"
	       "+domain-name a.example\n+domain-name b.example\n"
	       "+domain-name c.example\n");
	assert_int_equal(log_.stats.accepted, 4);
	assert_int_equal(log_.stats.indicators, 5);
	assert_int_equal(log_.stats.skipped[PK_SKIP_LOCAL], 6);
	assert_int_equal(log_.stats.skipped[PK_SKIP_NOT_INDICATOR], 1);
}

static void bad_hosts_lines(void **state)
{
	static const struct bad rows[] = {
		{ "bad.example\n", "-1:1 address\n" },
		{ "0.0.0.256 bad.example\n", "-1:1 address\n" },
		{ "0.0.0.0\n", "-1:1 columns_few\n" },
		{ "0.0.0.0 # bad.example\n", "-1:1 columns_few\n" },
		{ "0.0.0.0 bad..example\n", "-1:9 name_empty_label\n" },
		{ "0.0.0.0 a.example b!c d.example\n",
		  "+domain-name a.example\n-1:19 name_character\n"
		  "+domain-name d.example\n" },
		{ "0.0.0.0 192.0.2.1\n", "-1:9 name_numeric\n" },
		{ "0.0.0.0 http://a.example/\n", "-1:9 name_character\n" },
	};

	(void)state;
	expect_bad(PK_FEED_HOSTS, rows, LEN(rows));
	{
		struct pk_feed_options options = with(PK_FEED_HOSTS);

		feed_read_both(&log_, &options, rows[5].text);
		assert_int_equal(log_.stats.partly, 1);
		assert_int_equal(log_.stats.accepted, 1);
	}
}

/* --- adblock -------------------------------------------------------------- */

static void adblock_rules_about_whole_names(void **state)
{
	(void)state;
	expect(PK_FEED_ADBLOCK,
	       "[Adblock Plus 2.0]\n! Title: x\n"
	       "||bad.example^\n||worse.example^$important,all\n"
	       "||b.example^$third-party\n||c.example\n||192.0.2.1^\n"
	       "||d.example/path^\n|http://e.example/x|\nf.example\n"
	       "@@||good.example^\n",
	       "+domain-name bad.example\n+domain-name worse.example\n"
	       "+domain-name b.example\n+domain-name c.example\n"
	       "+ipv4-addr 192.0.2.1\n+url //d.example/path\n"
	       "+url http://e.example/x\n+domain-name f.example\n"
	       "~domain-name good.example\n");
	assert_int_equal(log_.stats.comments, 2);
	assert_int_equal(log_.stats.skipped[PK_SKIP_ALLOWED], 1);
}

static void adblock_rules_for_browsers_are_skipped(void **state)
{
	static const char *const rows[] = {
		"example.com##.ad",
		"##.banner",
		"example.com#@#.ad",
		"example.com#?#div:has(.x)",
		"||ads*.example^",
		"||a.example^$domain=b.example",
		"||a.example^$script",
		"/banner/*/img^",
		"|http://a.example/",
		"/regex[0-9]+/",
		"@@||a.example^$document,domain=b.example",
	};
	struct pk_feed_options options = with(PK_FEED_ADBLOCK);

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		feed_read_both(&log_, &options, rows[i]);
		assert_string_equal(log_.text, "");
		assert_int_equal(log_.stats.unused, 1);
	}
}

static void bad_adblock_lines(void **state)
{
	static const struct bad rows[] = {
		{ "||bad..example^\n", "-1:3 name_empty_label\n" },
		{ "||192.0.2.256^\n", "-1:3 address\n" },
		{ "@@||b d^\n", "-1:5 name_character\n" },
		{ "||a.example^b\n", "" },
		{ "||\n", "" },
		{ "@@\n", "" },
		{ "|\n", "" },
		{ "$\n", "" },
		{ "^\n", "" },
	};

	(void)state;
	expect_bad(PK_FEED_ADBLOCK, rows, LEN(rows));
}

/* --- dnsmasq -------------------------------------------------------------- */

static void dnsmasq_blocks_names(void **state)
{
	(void)state;
	expect(PK_FEED_DNSMASQ,
	       "# x\naddress=/bad.example/\naddress=/a.example/b.example/::\n"
	       "local=/c.example/\nserver=/d.example/\n"
	       "address=/e.example/0.0.0.0 # why\naddress=/f.example/127.0.0.1\n"
	       "server=/good.example/#\n"
	       "server=/corp.example/192.0.2.53\naddress=/x.example/192.0.2.1\n"
	       "server=192.0.2.53\nlisten-address=127.0.0.1\n",
	       "+domain-name bad.example\n+domain-name a.example\n"
	       "+domain-name b.example\n+domain-name c.example\n"
	       "+domain-name d.example\n+domain-name e.example\n"
	       "+domain-name f.example\n~domain-name good.example\n");
	assert_int_equal(log_.stats.skipped[PK_SKIP_ALLOWED], 1);
	assert_int_equal(log_.stats.skipped[PK_SKIP_NOT_INDICATOR], 4);
}

static void bad_dnsmasq_lines(void **state)
{
	static const struct bad rows[] = {
		{ "bad.example\n", "-1:1 syntax\n" },
		{ "address=/bad.example\n", "-1:1 syntax\n" },
		{ "address=//\n", "-1:10 empty\n" },
		{ "address=/bad..example/\n", "-1:10 name_empty_label\n" },
		{ "local=/a.example/b c/\n",
		  "+domain-name a.example\n-1:18 name_character\n" },
		{ "server=/b d/#\n", "-1:9 name_character\n" },
	};

	(void)state;
	expect_bad(PK_FEED_DNSMASQ, rows, LEN(rows));
}

/* --- drop ----------------------------------------------------------------- */

static void drop_lists_carry_their_ids(void **state)
{
	(void)state;
	expect(PK_FEED_DROP,
	       "; Spamhaus DROP List 2026/01/02\n; Expires: x\n"
	       "198.51.100.0/24 ; SBL000001\n203.0.113.0/24;SBL000002\n"
	       "2001:db8::/32 ; SBL000003\nAS64500 ; SBL000004\n",
	       "+ipv4-net 198.51.100.0/24 id=SBL000001\n"
	       "+ipv4-net 203.0.113.0/24 id=SBL000002\n"
	       "+ipv6-net 2001:db8::/32 id=SBL000003\n"
	       "+autonomous-system AS64500 id=SBL000004\n");
	assert_int_equal(log_.stats.comments, 2);
	/* Nothing but comments is a list as well. */
	expect(PK_FEED_DROP, "; Spamhaus DROP List\n", "");
}

static void bad_drop_lines(void **state)
{
	static const struct bad rows[] = {
		{ "198.51.100.256/24 ; SBL1\n", "-1:1 address\n" },
		{ "198.51.100.0/33 ; SBL1\n", "-1:1 prefix\n" },
		{ "bad.example ; SBL1\n", "-1:1 address\n" },
		{ "AS0 ; SBL1\n", "-1:1 asn\n" },
		{ "198.51.100.0/24 ; SBL1 ; 345678901234567890123456789012345"
		  "6789012345678901234567890\n",
		  "-1:19 id_long\n" },
	};

	(void)state;
	expect_bad(PK_FEED_DROP, rows, LEN(rows));
}

/* --- zeek ----------------------------------------------------------------- */

#define FIELDS                                                         \
	"#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\t" \
	"meta.url\n"

static void zeek_intel_goes_by_its_fields(void **state)
{
	(void)state;
	expect(PK_FEED_ZEEK,
	       "#separator \\x09\n" FIELDS
	       "192.0.2.1\tIntel::ADDR\texample\tc2\thttps://ref.example/\n"
	       "198.51.100.0/24\tIntel::SUBNET\t-\t-\t-\n"
	       "evil.example/a\\x20b\tIntel::URL\texample\t-\t-\n"
	       "evil.example/a\tIntel::URL\texample\t-\t-\n"
	       "evil.example\tIntel::DOMAIN\t-\tphish\t-\n"
	       "a@evil.example\tIntel::EMAIL\t-\t-\t-\n"
	       "d41d8cd98f00b204e9800998ecf8427e\tIntel::FILE_HASH\t-\t-\t-\n"
	       "da39a3ee5e6b4b0d3255bfef95601890afd80709\tIntel::CERT_HASH\t-"
	       "\t-\t-\n"
	       "Evil/1.0\tIntel::SOFTWARE\t-\t-\t-\n"
	       "x.exe\tIntel::FILE_NAME\t-\t-\t-\n"
	       "joe\tIntel::USER_NAME\t-\t-\t-\n"
	       "00\tIntel::PUBKEY_HASH\t-\t-\t-\n",
	       "+ipv4-addr 192.0.2.1 threat=c2 class=c2-server who=example\n"
	       "+ipv4-net 198.51.100.0/24\n"
	       "-5:1 url\n"
	       "+url //evil.example/a who=example\n"
	       "+domain-name evil.example threat=phish class=phishing\n"
	       "+email-addr a@evil.example\n"
	       "+file d41d8cd98f00b204e9800998ecf8427e\n"
	       "+x509-certificate da39a3ee5e6b4b0d3255bfef95601890afd80709\n"
	       "+user-agent Evil/1.0\n");
	assert_int_equal(log_.stats.headers, 1);
	assert_int_equal(log_.stats.unknown_columns, 1);
	assert_int_equal(log_.stats.skipped[PK_SKIP_HOST_ONLY], 2);
	assert_int_equal(log_.stats.skipped[PK_SKIP_NOT_INDICATOR], 1);
}

static void zeek_columns_may_stand_anywhere(void **state)
{
	(void)state;
	expect(PK_FEED_ZEEK,
	       "#fields\tmeta.desc\tx\tindicator_type\tindicator\n"
	       "c2\ty\tIntel::ADDR\t192.0.2.1\n",
	       "+ipv4-addr 192.0.2.1 threat=c2 class=c2-server\n");
}

static void bad_zeek_lines(void **state)
{
	static const struct bad rows[] = {
		{ FIELDS "192.0.2.256\tIntel::ADDR\t-\t-\t-\n",
		  "-2:1 address\n" },
		{ FIELDS "192.0.2.1\tIntel::WHAT\t-\t-\t-\n", "-2:11 type\n" },
		{ FIELDS "192.0.2.1\tIntel::ADDR\t-\t-\n",
		  "-2:25 columns_few\n" },
		{ FIELDS "192.0.2.1\tIntel::ADDR\t-\t-\t-\tx\n",
		  "-2:29 columns_many\n" },
		{ FIELDS "-\tIntel::ADDR\t-\t-\t-\n", "-2:1 empty\n" },
		{ FIELDS "192.0.2.1 Intel::ADDR - - -\n",
		  "-2:1 columns_few\n" },
		{ FIELDS "\\x01\tIntel::SOFTWARE\t-\t-\t-\n",
		  "-2:1 user_agent\n" },
		{ "192.0.2.1\tIntel::ADDR\n", "-1:1 syntax\n" },
	};
	struct pk_feed_options options = with(PK_FEED_ZEEK);

	(void)state;
	expect_bad(PK_FEED_ZEEK, rows, LEN(rows));
	assert_string_equal(log_.broken, "has no #fields line");
	feed_read_both(&log_, &options,
		       "#fields\tindicator\tmeta.source\n192.0.2.1\tx\n");
	assert_string_equal(log_.broken,
			    "#fields has no column \"indicator_type\"");
	assert_int_equal(log_.stats.records, 1);
}

/* --- iprep ---------------------------------------------------------------- */

static void reputations_have_category_and_score(void **state)
{
	struct pk_feed_options options = with(PK_FEED_IPREP);

	(void)state;
	expect(PK_FEED_IPREP,
	       "1,CnC,command, and control\n2,Spammer,\n# x\n"
	       "192.0.2.1,1,127\n198.51.100.0/24,2,64\n2001:db8::1,3,1\n",
	       "+ipv4-addr 192.0.2.1 threat=CnC class=c2-server conf=100\n"
	       "+ipv4-net 198.51.100.0/24 threat=Spammer class=spam conf=50\n"
	       "+ipv6-addr 2001:db8::1 threat=category 3 conf=0\n");
	assert_int_equal(log_.stats.headers, 2);
	options.score_min = 64;
	feed_read_both(&log_, &options, "192.0.2.1,1,63\n192.0.2.2,1,64\n");
	assert_int_equal(log_.stats.skipped[PK_SKIP_BELOW], 1);
	assert_int_equal(log_.stats.accepted, 1);
}

static void bad_iprep_lines(void **state)
{
	static const struct bad rows[] = {
		{ "192.0.2.256,1,5\n", "-1:1 address\n" },
		{ "bad.example,1,5\n", "-1:1 address\n" },
		{ "192.0.2.1,61,5\n", "-1:2 type\n" },
		{ "192.0.2.1,x,5\n", "-1:2 type\n" },
		{ "192.0.2.1,1,0\n", "-1:3 score\n" },
		{ "192.0.2.1,1,128\n", "-1:3 score\n" },
		{ "192.0.2.1,1,-1\n", "-1:3 score\n" },
		{ "192.0.2.1,1,\n", "-1:3 score\n" },
		{ "192.0.2.1,1\n", "-1:0 columns_few\n" },
		{ "192.0.2.1\n", "-1:0 columns_few\n" },
		{ "192.0.2.1,1,5,6\n", "-1:4 columns_many\n" },
		{ "192.0.2.1,1,5,\n", "-1:4 columns_many\n" },
		{ "61,CnC,x\n", "-1:1 id\n" },
	};

	(void)state;
	expect_bad(PK_FEED_IPREP, rows, LEN(rows));
}

/* --- dataset -------------------------------------------------------------- */

static void datasets_are_base64_or_plain(void **state)
{
	struct pk_feed_options options = with(PK_FEED_DATASET);

	(void)state;
	/* .bad.example, bad.example, http://a.example/x */
	expect(PK_FEED_DATASET,
	       "LmJhZC5leGFtcGxl\nYmFkLmV4YW1wbGU=\n"
	       "aHR0cDovL2EuZXhhbXBsZS94\n",
	       "+domain-name bad.example\n+domain-name bad.example\n"
	       "+url http://a.example/x\n");
	feed_read_both(&log_, &options,
		       "d41d8cd98f00b204e9800998ecf8427e\n192.0.2.1\n"
		       "198.51.100.0/24,7\nLmJhZC5leGFtcGxl,65535\n");
	assert_string_equal(log_.text,
			    "+file d41d8cd98f00b204e9800998ecf8427e\n"
			    "+ipv4-addr 192.0.2.1\n"
			    "+ipv4-net 198.51.100.0/24\n"
			    "+domain-name bad.example\n");
	options.has_type = 1;
	options.type = PK_INDICATOR_USER_AGENT;
	feed_read_both(&log_, &options, "RXZpbC8xLjAgKHgp\n");
	assert_string_equal(log_.text, "+user-agent Evil/1.0 (x)\n");
}

static void bad_dataset_lines(void **state)
{
	static const struct bad rows[] = {
		{ "bad.example\n", "-1:1 base64\n" },
		{ "LmJhZC5leGFtcGx\n", "-1:1 base64\n" },
		{ "LmJhZC5leGFtcGx*\n", "-1:1 base64\n" },
		{ "YmFkLmV4YW1wbGV=\n", "-1:1 base64\n" }, /* stray bits */
		{ "====\n", "-1:1 base64\n" },
		{ "AAAA\n", "-1:1 name_character\n" },
		{ "YmFkLi5leGFtcGxl\n", "-1:1 name_empty_label\n" },
		{ "192.0.2.1,x\n", "-1:11 score\n" },
		{ "192.0.2.1,65536\n", "-1:11 score\n" },
		{ "192.0.2.1,\n", "-1:11 score\n" },
	};

	(void)state;
	expect_bad(PK_FEED_DATASET, rows, LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_hold_one_value_each),
		cmocka_unit_test(bad_lines_are_refused_where_they_are_bad),
		cmocka_unit_test(a_second_column_of_numbers_is_a_score),
		cmocka_unit_test(a_type_that_was_said_holds),
		cmocka_unit_test(
			one_refused_part_of_a_range_does_not_refuse_it),
		cmocka_unit_test(hosts_files_list_names),
		cmocka_unit_test(bad_hosts_lines),
		cmocka_unit_test(adblock_rules_about_whole_names),
		cmocka_unit_test(adblock_rules_for_browsers_are_skipped),
		cmocka_unit_test(bad_adblock_lines),
		cmocka_unit_test(dnsmasq_blocks_names),
		cmocka_unit_test(bad_dnsmasq_lines),
		cmocka_unit_test(drop_lists_carry_their_ids),
		cmocka_unit_test(bad_drop_lines),
		cmocka_unit_test(zeek_intel_goes_by_its_fields),
		cmocka_unit_test(zeek_columns_may_stand_anywhere),
		cmocka_unit_test(bad_zeek_lines),
		cmocka_unit_test(reputations_have_category_and_score),
		cmocka_unit_test(bad_iprep_lines),
		cmocka_unit_test(datasets_are_base64_or_plain),
		cmocka_unit_test(bad_dataset_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
