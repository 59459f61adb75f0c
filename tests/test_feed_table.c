/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/feed_log_rig.h"

#include "ioc/feed/mapping.h"

enum { NOW = 1790000000 }; /* 2026-09-21 14:13:20 UTC */

static struct feed_log log_;

static void read_with(const char *mapping, const char *text)
{
	struct pk_feed_options options;

	pk_feed_options_init(&options);
	options.now = NOW;
	options.format = PK_FEED_TABLE;
	if (!mapping) {
		options.format = PK_FEED_AUTO;
	} else {
		options.mapping = pk_mapping_find(mapping);
		assert_non_null(options.mapping);
	}
	feed_read_both(&log_, &options, text);
}

/* By name and told from the content: the same. */
static void expect(const char *mapping, const char *text, const char *want)
{
	read_with(mapping, text);
	assert_string_equal(log_.broken, "");
	assert_string_equal(log_.text, want);
	read_with(NULL, text);
	assert_int_equal(log_.format, PK_FEED_TABLE);
	assert_string_equal(log_.broken, "");
	assert_string_equal(log_.text, want);
}

static void feodo_has_its_header_in_a_row_and_a_trailer(void **state)
{
	static const char text[] =
		"################\r\n"
		"# abuse.ch Feodo Tracker Botnet C2 IP Blocklist (CSV) #\r\n"
		"#\r\n"
		"\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\","
		"\"last_online\",\"malware\"\r\n"
		"\"2026-01-02 03:04:05\",\"192.0.2.10\",\"443\",\"online\","
		"\"2026-01-03\",\"ExampleBot\"\r\n"
		"\"2026-01-02 03:04:05\",\"192.0.2.11\",\"80\",\"offline\","
		"\"2026-01-03\",\"ExampleBot\"\r\n"
		"# END 2 entries\r\n";

	(void)state;
	expect("feodo", text,
	       "+ip-port 192.0.2.10:443 threat=botnet_cc class=c2-server "
	       "who=ExampleBot first=1767323045 last=1767398400\n");
	assert_int_equal(log_.stats.skipped[PK_SKIP_INACTIVE], 1);
	assert_int_equal(log_.stats.headers, 1);
	assert_int_equal(log_.stats.comments, 4);
	assert_true(log_.stats.complete);
	assert_true(log_.stats.has_declared);
	assert_int_equal(log_.stats.declared, 2);
}

static void feodo_cut_short_is_not_complete(void **state)
{
	(void)state;
	read_with("feodo", "\"first_seen_utc\",\"dst_ip\",\"dst_port\","
			   "\"c2_status\",\"last_online\",\"malware\"\n"
			   "\"2026-01-02 03:04:05\",\"192.0.2.10\",\"443\","
			   "\"online\",\"\",\"ExampleBot\"\n");
	assert_int_equal(log_.stats.accepted, 1);
	assert_false(log_.stats.complete);
}

static void urlhaus_has_its_header_in_a_comment(void **state)
{
	(void)state;
	expect("urlhaus",
	       "########\n"
	       "# abuse.ch URLhaus Database Dump (CSV - recent URLs only) #\n"
	       "# id,dateadded,url,url_status,last_online,threat,tags,"
	       "urlhaus_link,reporter\n"
	       "\"7\",\"2026-01-02 03:04:05\",\"http://bad.example/x\","
	       "\"online\",\"\",\"malware_download\",\"elf,32-bit\","
	       "\"https://ref.example/7\",\"anon\"\n"
	       "\"8\",\"2026-01-02 03:04:05\",\"http://bad.example/y\","
	       "\"offline\",\"2026-01-02 03:04:05\",\"malware_download\","
	       "\"None\",\"https://ref.example/8\",\"anon\"\n",
	       "+url http://bad.example/x id=7 threat=malware_download "
	       "class=malware-distribution tags=elf,32-bit "
	       "first=1767323045\n");
	assert_int_equal(log_.stats.unknown_columns, 1);
}

static void urlhaus_without_last_online_is_read_as_well(void **state)
{
	(void)state;
	expect("urlhaus",
	       "# id,dateadded,url,url_status,threat,tags,urlhaus_link,"
	       "reporter\n"
	       "\"7\",\"2026-01-02 03:04:05\",\"http://bad.example/x\","
	       "\"online\",\"malware_download\",\"elf,32-bit\","
	       "\"https://ref.example/7\",\"anon\"\n",
	       "+url http://bad.example/x id=7 threat=malware_download "
	       "class=malware-distribution tags=elf,32-bit "
	       "first=1767323045\n");
}

#define THREATFOX                                                        \
	"+ip-port 192.0.2.10:443 id=9 threat=botnet_cc class=c2-server " \
	"conf=75 tags=tag1,tag2 who=ExampleBot first=1767323045\n"       \
	"+domain-name c2.bad.example id=10 threat=botnet_cc "            \
	"class=c2-server conf=100 who=ExampleBot first=1767323045 "      \
	"last=1767398400\n"                                              \
	"+file 0123456789abcdef0123456789abcdef id=11 threat=payload "   \
	"class=malware conf=50 who=ExampleBot first=1767323045\n"        \
	"-8:4 type\n"

static void threatfox_of_15_columns_has_blanks_after_commas(void **state)
{
	(void)state;
	expect("threatfox",
	       "####\n"
	       "# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\","
	       "\"threat_type\",\"fk_malware\",\"malware_alias\","
	       "\"malware_printable\",\"last_seen_utc\",\"confidence_level\","
	       "\"is_compromised\",\"reference\",\"tags\",\"anonymous\","
	       "\"reporter\"\n"
	       "\"2026-01-02 03:04:05\", \"9\", \"192.0.2.10:443\", "
	       "\"ip:port\", \"botnet_cc\", \"win.example\", \"None\", "
	       "\"ExampleBot\", \"\", \"75\", \"False\", \"None\", "
	       "\"tag1,tag2\", \"0\", \"anon\"\n"
	       "\"2026-01-02 03:04:05\", \"10\", \"C2.bad.example\", "
	       "\"domain\", \"botnet_cc\", \"win.example\", \"None\", "
	       "\"ExampleBot\", \"2026-01-03 00:00:00\", \"100\", \"False\", "
	       "\"None\", \"None\", \"0\", \"anon\"\n"
	       "\n"
	       "\"2026-01-02 03:04:05\", \"11\", "
	       "\"0123456789ABCDEF0123456789abcdef\", \"md5_hash\", "
	       "\"payload\", \"win.example\", \"None\", \"ExampleBot\", \"\", "
	       "\"50\", \"False\", \"None\", \"\", \"0\", \"anon\"\n"
	       "# \"quoted, in a comment\n"
	       "\"2026-01-02 03:04:05\", \"12\", \"x\", \"new_type\", "
	       "\"payload\", \"win.example\", \"None\", \"ExampleBot\", \"\", "
	       "\"50\", \"False\", \"None\", \"\", \"0\", \"anon\"\n"
	       "# Number of entries: 4\n",
	       THREATFOX);
	assert_int_equal(log_.stats.declared, 4);
}

static void threatfox_of_14_columns_is_the_same(void **state)
{
	(void)state;
	expect("threatfox",
	       "\n\n"
	       "# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\","
	       "\"threat_type\",\"fk_malware\",\"malware_alias\","
	       "\"malware_printable\",\"last_seen_utc\",\"confidence_level\","
	       "\"reference\",\"tags\",\"anonymous\",\"reporter\"\n"
	       "\"2026-01-02 03:04:05\", \"9\", \"192.0.2.10:443\", "
	       "\"ip:port\", \"botnet_cc\", \"win.example\", \"None\", "
	       "\"ExampleBot\", \"\", \"75\", \"None\", "
	       "\"tag1,tag2\", \"0\", \"anon\"\n"
	       "\"2026-01-02 03:04:05\", \"10\", \"c2.bad.example\", "
	       "\"domain\", \"botnet_cc\", \"win.example\", \"None\", "
	       "\"ExampleBot\", \"2026-01-03 00:00:00\", \"100\", "
	       "\"None\", \"None\", \"0\", \"anon\"\n"
	       "\"2026-01-02 03:04:05\", \"11\", "
	       "\"0123456789abcdef0123456789abcdef\", \"md5_hash\", "
	       "\"payload\", \"win.example\", \"None\", \"ExampleBot\", \"\", "
	       "\"50\", \"None\", \"\", \"0\", \"anon\"\n"
	       "\n"
	       "\"2026-01-02 03:04:05\", \"12\", \"x\", \"new_type\", "
	       "\"payload\", \"win.example\", \"None\", \"ExampleBot\", \"\", "
	       "\"50\", \"None\", \"\", \"0\", \"anon\"\n",
	       THREATFOX);
}

static void the_three_lists_of_sslbl_are_told_apart(void **state)
{
	(void)state;
	expect("sslbl-cert",
	       "# Listingdate,SHA1,Listingreason\n"
	       "2026-01-02 03:04:05,0123456789ABCDEF0123456789abcdef01234567,"
	       "ExampleBot C&C\n",
	       "+x509-certificate 0123456789abcdef0123456789abcdef01234567 "
	       "threat=ExampleBot C&C class=c2-server sev=medium "
	       "first=1767323045\n");
	expect("sslbl-ip",
	       "# Firstseen,DstIP,DstPort\n"
	       "2026-01-02 03:04:05,192.0.2.10,443\n",
	       "+ip-port 192.0.2.10:443 threat=botnet_cc class=c2-server "
	       "first=1767323045\n");
	expect("sslbl-ip",
	       "# DstIP,DstPort\n"
	       "192.0.2.10,443\n"
	       "192.0.2.11,0\n"
	       "192.0.2.12,65536\n",
	       "+ip-port 192.0.2.10:443 threat=botnet_cc class=c2-server\n"
	       "+ipv4-addr 192.0.2.11 threat=botnet_cc class=c2-server\n"
	       "-4:2 port\n");
	expect("sslbl-ja3",
	       "# ja3_md5,Firstseen,Lastseen,Listingreason\n"
	       "0123456789abcdef0123456789abcdef,2026-01-01 00:00:00,"
	       "2026-02-01 00:00:00,ExampleBot\n",
	       "+ja3 0123456789abcdef0123456789abcdef threat=ExampleBot "
	       "class=c2-server sev=low first=1767225600 last=1769904000\n");
}

static void phishtank_counts_what_is_verified_and_online(void **state)
{
	(void)state;
	expect("phishtank",
	       "phish_id,url,phish_detail_url,submission_time,verified,"
	       "verification_time,online,target\n"
	       "1,\"http://bad.example/a,b\",http://ref.example/1,"
	       "2026-01-02T03:04:05+00:00,yes,2026-01-02T03:04:05+00:00,yes,"
	       "Example Bank\n"
	       "2,http://bad.example/2,http://ref.example/2,"
	       "2026-01-02T03:04:05+00:00,no,,yes,Other\n"
	       "3,http://bad.example/3,http://ref.example/3,"
	       "2026-01-02T03:04:05+00:00,yes,2026-01-02T03:04:05+00:00,no,"
	       "Other\n",
	       "+url http://bad.example/a,b id=1 threat=phishing "
	       "class=phishing tags=Example Bank first=1767323045\n");
	assert_int_equal(log_.stats.skipped[PK_SKIP_INACTIVE], 2);
}

static void dataplane_has_bars_and_no_header(void **state)
{
	(void)state;
	expect("dataplane",
	       "# Contact: somebody@dataplane.org\n"
	       "# ASN  |  ASname  |  ipaddr  |  lastseen  |  category\n"
	       "64500  |  EXAMPLE \"A\", US  |  192.0.2.10  |  "
	       "2026-01-02 03:04:05  |  sshpwauth\n"
	       "NA  |  NA  |  2001:db8::10  |  2026-01-02 03:04:05  |  "
	       "dnsrd\n",
	       "+ipv4-addr 192.0.2.10 threat=sshpwauth class=brute-force "
	       "last=1767323045\n"
	       "+ipv6-addr 2001:db8::10 threat=dnsrd class=scanner "
	       "last=1767323045\n");
}

static void crowdsec_takes_columns_in_any_order(void **state)
{
	(void)state;
	expect("crowdsec",
	       "duration,reason,scope,type,value\n"
	       "4h,crowdsecurity/ssh-bf,Ip,ban,192.0.2.10\n"
	       "1h30m5.5s,manual,Range,ban,198.51.100.0/24\n"
	       "3600,manual,As,ban,64500\n"
	       "24h,manual,Country,ban,DE\n"
	       "-5m,manual,Ip,ban,192.0.2.11\n"
	       "soon,manual,Ip,ban,192.0.2.12\n",
	       "+ipv4-addr 192.0.2.10 threat=crowdsecurity/ssh-bf "
	       "class=brute-force tags=ban until=1790014400\n"
	       "+ipv4-net 198.51.100.0/24 threat=manual class=blacklist "
	       "tags=ban until=1790005405\n"
	       "+autonomous-system AS64500 threat=manual class=blacklist "
	       "tags=ban until=1790003600\n"
	       "-7:1 time\n");
	assert_int_equal(log_.stats.skipped[PK_SKIP_HOST_ONLY], 1);
	assert_int_equal(log_.stats.skipped[PK_SKIP_EXPIRED], 1);
	expect("crowdsec", "value,scope\n2001:db8::/32,range\n",
	       "+ipv6-net 2001:db8::/32 class=blacklist\n");
}

static void dshield_gives_networks(void **state)
{
	(void)state;
	expect("dshield",
	       "# DShield.org Recommended Block List\n"
	       "Start\tEnd\tNetmask\tAttacks\tName\tCountry\temail\n"
	       "192.0.2.0\t192.0.2.255\t24\t4000\tEXAMPLE\tDE\ta@b.example\n"
	       "198.51.100.0\t198.51.100.255\t255.255.255.128\t9\n"
	       "203.0.113.0\t203.0.113.255\t255.0.255.0\t9\n"
	       "203.0.113.0\t203.0.113.255\t33\t9\n"
	       "203.0.113.0\t203.0.113.6\n",
	       "+ipv4-net 192.0.2.0/24 threat=scanner class=scanner "
	       "who=EXAMPLE\n"
	       "+ipv4-net 198.51.100.0/25 threat=scanner class=scanner\n"
	       "-5:3 prefix\n"
	       "-6:1 prefix\n"
	       "+ipv4-net 203.0.113.0/30 threat=scanner class=scanner\n"
	       "+ipv4-net 203.0.113.4/31 threat=scanner class=scanner\n"
	       "+ipv4-addr 203.0.113.6 threat=scanner class=scanner\n");
}

static void turris_has_two_columns(void **state)
{
	(void)state;
	expect("turris",
	       "# For the terms of use see ...\n"
	       "Address,Tags\n"
	       "192.0.2.10,\"http_scan,telnet\"\n"
	       "2001:db8::10,smb\n",
	       "+ipv4-addr 192.0.2.10 threat=greylist class=scanner "
	       "tags=http_scan,telnet\n"
	       "+ipv6-addr 2001:db8::10 threat=greylist class=scanner "
	       "tags=smb\n");
}

static void otx_reputation_is_cut_at_hashes(void **state)
{
	(void)state;
	read_with("otx-reputation",
		  "192.0.2.10#4#2#Scanning Host#DE#Berlin#52.5,13.4#11\n"
		  "192.0.2.11#10#9#C&C;Scanning Host#DE##0.0,0.0#2;11\n"
		  "192.0.2.12#11#9#C&C#DE##0.0,0.0#2\n");
	assert_string_equal(log_.text,
			    "+ipv4-addr 192.0.2.10 threat=Scanning Host "
			    "class=scanner conf=40 sev=low\n"
			    "+ipv4-addr 192.0.2.11 threat=C&C;Scanning Host "
			    "class=blacklist conf=100 sev=critical\n"
			    "-3:2 score\n");
}

static void a_ja3_list_may_begin_with_a_quoted_notice(void **state)
{
	(void)state;
	expect("ja3-salesforce",
	       "\"Copyright (c) 2017 salesforce.com inc.\n"
	       "All rights reserved.\",\n"
	       "0123456789abcdef0123456789abcdef,\"One, two\"\n"
	       "0123456789abcdef0123456789abcdex,\"Three\"\n",
	       "+ja3 0123456789abcdef0123456789abcdef threat=known-program "
	       "class=other sev=info who=One, two\n"
	       "-4:1 ja3\n");
	assert_int_equal(log_.stats.lines, 4);
	assert_int_equal(log_.stats.comments, 1);
}

static void what_picket_writes_it_reads(void **state)
{
	(void)state;
	expect("picket",
	       "value,type,match,threat_type,class,confidence,severity,tlp,"
	       "tags,first_seen,last_seen,valid_from,valid_until,id,"
	       "attribution\n"
	       "192.0.2.10,ipv4-addr,exact,bots,c2-server,75,high,amber,"
	       "\"a,b\",2026-01-02T03:04:05Z,,,2027-01-01T00:00:00Z,7,"
	       "\"Some \"\"group\"\"\"\n"
	       "bad.example,domain-name,subdomains,,,,,,,,,,,,\n"
	       "bad.example,domain-name,exact,,,,,,,,,,,,\n"
	       "bad.example,domain-name,one-label,,,,,,,,,,,,\n"
	       "192.0.2.0/24,ipv4-net,exact,,,,,,,,,,,,\n"
	       "[2001:db8::1]:443,ip-port,exact,,,,,,,,,,,,\n"
	       "t13d1516h2_8daaf6152771_02713d6af862,ja4,exact,,,,,,,,,,,,\n"
	       "curl/1,user-agent,exact,,,,,,,,,,,,\n"
	       "AS64500,autonomous-system,exact,,,,,,,,,,,,\n"
	       "bad.example,domain-name,some,,,,,,,,,,,,\n"
	       "192.0.2.11,ipv4-addr,exact,,,101,,,,,,,,,\n"
	       "192.0.2.12,ipv4-addr,exact,,,,,,,,,,never,,\n",
	       "+ipv4-addr 192.0.2.10 id=7 threat=bots class=c2-server "
	       "conf=75 sev=high tlp=amber tags=a,b who=Some \"group\" "
	       "first=1767323045 until=1798761600\n"
	       "+domain-name bad.example\n"
	       "+domain-name bad.example match=exact\n"
	       "+domain-name bad.example match=one-label\n"
	       "+ipv4-net 192.0.2.0/24\n"
	       "+ip-port [2001:db8::1]:443\n"
	       "+ja4 t13d1516h2_8daaf6152771_02713d6af862\n"
	       "+user-agent curl/1\n"
	       "+autonomous-system AS64500\n"
	       "-11:3 syntax\n"
	       "-12:6 score\n"
	       "-13:13 time\n");
}

static void a_column_in_the_middle_changes_nothing(void **state)
{
	(void)state;
	expect("feodo",
	       "first_seen_utc,dst_ip,brand_new,dst_port,c2_status,"
	       "last_online,malware\n"
	       "2026-01-02 03:04:05,192.0.2.10,198.51.100.1,443,online,"
	       "2026-01-03,ExampleBot\n",
	       "+ip-port 192.0.2.10:443 threat=botnet_cc class=c2-server "
	       "who=ExampleBot first=1767323045 last=1767398400\n");
	assert_int_equal(log_.stats.unknown_columns, 1);
}

static void a_missing_column_is_named(void **state)
{
	(void)state;
	read_with("feodo", "# x\n\"first_seen_utc\",\"dst_port\",\"malware\"\n"
			   "\"2026-01-02\",\"443\",\"ExampleBot\"\n");
	assert_string_equal(log_.broken,
			    "line 2: no column \"dst_ip\" for mapping feodo in "
			    "the header '\"first_seen_utc\",\"dst_port\","
			    "\"malware\"'");
	assert_string_equal(log_.text, "");
	read_with("threatfox", "# first_seen_utc,ioc_id,ioc_type\n"
			       "2026-01-02,1,ip:port\n");
	assert_string_equal(log_.broken,
			    "line 2: no column \"ioc_value\" for mapping "
			    "threatfox in the header "
			    "'first_seen_utc,ioc_id,ioc_type'");
	read_with("turris", "192.0.2.10,a\x01\n");
	assert_string_equal(log_.broken, "");
	read_with("turris", "192.0.2.10,a\n");
	assert_string_equal(log_.broken, "line 1: no column \"Address\" for "
					 "mapping turris in the header "
					 "'192.0.2.10,a'");
}

static void a_table_that_nobody_knows_is_said_to_be_one(void **state)
{
	struct pk_feed_options options;

	(void)state;
	pk_feed_options_init(&options);
	options.format = PK_FEED_TABLE;
	feed_read_both(&log_, &options, "# hello\nfoo,bar\n192.0.2.1,x\n");
	assert_string_equal(log_.broken,
			    "line 2: no known table has the header 'foo,bar'; "
			    "name a mapping");
	feed_read_both(&log_, &options, "Address,Tags\n192.0.2.1,x\n");
	assert_string_equal(log_.broken, "");
	assert_int_equal(log_.stats.accepted, 1);
}

static void bad_rows_are_refused_with_line_and_column(void **state)
{
	static const struct {
		const char *row, *want;
	} rows[] = {
		{ "192.0.2.10", "-2:2 columns_few\n" },
		{ "192.0.2.10,ipv4-addr", "-2:3 columns_few\n" },
		{ "192.0.2.10,ipv4-addr,7,x", "-2:4 columns_many\n" },
		{ "192.0.2.10,ipv4-addr,7,", "+ipv4-addr 192.0.2.10\n" },
		{ "10.0.0.256,ipv4-addr,7", "-2:1 address\n" },
		{ "10.0.0.1,ipv5,7", "-2:2 type\n" },
		{ ",ipv4-addr,7", "-2:1 empty\n" },
		{ "None,ipv4-addr,7", "-2:1 empty\n" },
		{ "10.0.0.1,ipv4-addr,"
		  "0123456789012345678901234567890123456789012345678901234567"
		  "890123",
		  "-2:3 id_long\n" },
		{ "10.0.0.1,\"ipv4-addr,7", "-2:0 quotes\n" },
		{ "10.0.0.1,ipv4\"-addr,7", "-2:2 quotes\n" },
		{ "\"10.0.0.1\"x,ipv4-addr,7", "-2:1 quotes\n" },
		{ "10.0.0.1,ipv4-addr,\x02", "-2:0 control\n" },
		{ "\"bad\n.example\",domain-name,7", "-2:1 name_character\n" },
		{ "0123,file,7", "-2:1 hash\n" },
		{ "hxxp://bad.example/,url,7", "-2:1 defanged\n" },
		{ "value,type,id", "" },
		{ "  ", "" },
	};
	struct pk_feed_options options;
	char text[512];

	(void)state;
	pk_feed_options_init(&options);
	options.format = PK_FEED_TABLE;
	log_.terse = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "value,type,id\n%s\n",
			 rows[i].row);
		feed_read_both(&log_, &options, text);
		assert_string_equal(log_.text, rows[i].want);
	}
	log_.terse = 0;
}

static void everything_takes_what_is_offline_too(void **state)
{
	struct pk_feed_options options;

	(void)state;
	pk_feed_options_init(&options);
	options.format = PK_FEED_TABLE;
	options.everything = 1;
	options.mapping = pk_mapping_find("sslbl-ip");
	feed_read_both(&log_, &options, "DstIP,DstPort\n192.0.2.1,1\n");
	options.mapping = pk_mapping_find("feodo");
	feed_read_both(&log_, &options,
		       "dst_ip,dst_port,c2_status\n192.0.2.1,1,offline\n");
	assert_string_equal(log_.text, "+ip-port 192.0.2.1:1 threat=botnet_cc "
				       "class=c2-server\n");
}

static void the_operators_words_hold_where_a_record_says_nothing(void **state)
{
	struct pk_feed_options options;

	(void)state;
	pk_feed_options_init(&options);
	options.format = PK_FEED_TABLE;
	options.meta.threat_class = PK_CLASS_TOR;
	options.meta.confidence = 33;
	options.meta.tags = "mine";
	options.match = PK_MATCH_EXACT;
	options.ttl_sec = 60;
	options.now = NOW;
	feed_read_both(&log_, &options,
		       "value,type,threat_type,tags\n"
		       "bad.example,domain,odd,\n"
		       "bad.example,domain,phishing,theirs\n");
	assert_string_equal(log_.text,
			    "+domain-name bad.example match=exact threat=odd "
			    "class=tor conf=33 tags=mine until=1790000060\n"
			    "+domain-name bad.example match=exact "
			    "threat=phishing class=phishing conf=33 "
			    "tags=theirs until=1790000060\n");
}

static void long_tags_are_cut_between_tags(void **state)
{
	struct pk_feed_options options;
	char text[1024] = "value,type,class,tags\n192.0.2.1,ip,,\"";
	char *cut;

	(void)state;
	pk_feed_options_init(&options);
	options.format = PK_FEED_TABLE;
	for (int i = 0; i < 40; i++)
		strcat(text, "tag-of-9!,");
	strcat(text, "\"\n");
	feed_read_both(&log_, &options, text);
	cut = strstr(log_.text, "tags=");
	assert_non_null(cut);
	assert_int_equal(strlen(cut), 5 + 249 + 1);
	assert_string_equal(log_.text + log_.len - 10, "tag-of-9!\n");
}

/* What Python's csv module writes, in three dialects: rows, then 0x1e, then
 * the cells that must come out. */
static const char oracle[] =
	"import csv, io, random, sys\n"
	"random.seed(7)\n"
	"sys.stdout.reconfigure(encoding='utf-8', newline='')\n"
	"d = [dict(quoting=csv.QUOTE_MINIMAL, lineterminator='\\n'),\n"
	"     dict(quoting=csv.QUOTE_ALL, lineterminator='\\r\\n'),\n"
	"     dict(quoting=csv.QUOTE_NONNUMERIC, lineterminator='\\n')]\n"
	"out, cells = io.StringIO(newline=''), []\n"
	"out.write('type,attribution,value,class,id\\n')\n"
	"for i in range(3000):\n"
	"    t = ''.join(random.choice('ab,;\"\"\\n \u00e9#')\n"
	"                for _ in range(random.randrange(40))).strip()\n"
	"    w = csv.writer(out, **d[i % 3])\n"
	"    w.writerow(['ip', t, '192.0.2.%d' % (i % 256), 'tor', i])\n"
	"    cells.append('%d:%s' % (i, t))\n"
	"sys.stdout.write(out.getvalue() + '\\x1e' + '\\n'.join(cells)\n"
	"                 + '\\n')\n";

struct cells {
	char text[1 << 19];
	size_t len;
};

static int accept_cell(void *arg, const struct pk_indicator *ind)
{
	struct cells *c = arg;

	c->len += (size_t)snprintf(c->text + c->len, sizeof(c->text) - c->len,
				   "%s:%s\n", ind->meta.id,
				   ind->meta.attribution);
	assert_true(c->len < sizeof(c->text));
	return 0;
}

static void what_python_quotes_comes_out_as_it_was(void **state)
{
	static struct cells cells;
	static char text[1 << 20];
	struct pk_feed_sink sink = { .accept = accept_cell, .arg = &cells };
	struct pk_feed_options options;
	struct pk_feed *f;
	FILE *python;
	size_t len;
	char *want;

	(void)state;
	assert_int_equal(setenv("PK_ORACLE", oracle, 1), 0);
	python = popen("python3 -c \"$PK_ORACLE\"", "r");
	assert_non_null(python);
	len = fread(text, 1, sizeof(text) - 1, python);
	if (pclose(python)) {
		print_message("SKIPPED: no python3\n");
		skip();
		return;
	}
	text[len] = 0;
	want = strchr(text, 0x1e);
	assert_non_null(want);
	pk_feed_options_init(&options);
	assert_int_equal(pk_feed_open(&f, &options, 0, &sink), 0);
	pk_feed_push(f, text, (size_t)(want - text));
	pk_feed_finish(f);
	assert_int_equal(pk_feed_format_of(f), PK_FEED_TABLE);
	assert_int_equal(pk_feed_stats(f)->accepted, 3000);
	assert_int_equal(pk_feed_refused(pk_feed_stats(f)), 0);
	assert_string_equal(cells.text, want + 1);
	pk_feed_close(f);
}

/* The list that its publisher still gives away, if it is there. */
static void the_published_ja3_list_loads(void **state)
{
	const char *dir = getenv("PK_SHARED");
	static char text[1 << 16];
	char path[4096];
	size_t len;
	FILE *in;

	(void)state;
	snprintf(path, sizeof(path), "%s/feeds/ja3/ja3__osx-nix-ja3.csv",
		 dir ? dir : "../shared");
	in = fopen(path, "rb");
	if (!in) {
		print_message("SKIPPED: no %s (set PK_SHARED)\n", path);
		skip();
		return;
	}
	len = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[len] = 0;
	log_.terse = 1;
	read_with(NULL, text);
	log_.terse = 0;
	assert_string_equal(log_.broken, "");
	/* 161 lines: a notice of four, and 157 fingerprints. */
	assert_int_equal(log_.stats.lines, 161);
	assert_int_equal(log_.stats.comments, 1);
	assert_int_equal(log_.stats.accepted, 157);
	assert_int_equal(pk_feed_refused(&log_.stats), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(feodo_has_its_header_in_a_row_and_a_trailer),
		cmocka_unit_test(feodo_cut_short_is_not_complete),
		cmocka_unit_test(urlhaus_has_its_header_in_a_comment),
		cmocka_unit_test(urlhaus_without_last_online_is_read_as_well),
		cmocka_unit_test(
			threatfox_of_15_columns_has_blanks_after_commas),
		cmocka_unit_test(threatfox_of_14_columns_is_the_same),
		cmocka_unit_test(the_three_lists_of_sslbl_are_told_apart),
		cmocka_unit_test(phishtank_counts_what_is_verified_and_online),
		cmocka_unit_test(dataplane_has_bars_and_no_header),
		cmocka_unit_test(crowdsec_takes_columns_in_any_order),
		cmocka_unit_test(dshield_gives_networks),
		cmocka_unit_test(turris_has_two_columns),
		cmocka_unit_test(otx_reputation_is_cut_at_hashes),
		cmocka_unit_test(a_ja3_list_may_begin_with_a_quoted_notice),
		cmocka_unit_test(what_picket_writes_it_reads),
		cmocka_unit_test(a_column_in_the_middle_changes_nothing),
		cmocka_unit_test(a_missing_column_is_named),
		cmocka_unit_test(a_table_that_nobody_knows_is_said_to_be_one),
		cmocka_unit_test(bad_rows_are_refused_with_line_and_column),
		cmocka_unit_test(everything_takes_what_is_offline_too),
		cmocka_unit_test(
			the_operators_words_hold_where_a_record_says_nothing),
		cmocka_unit_test(long_tags_are_cut_between_tags),
		cmocka_unit_test(what_python_quotes_comes_out_as_it_was),
		cmocka_unit_test(the_published_ja3_list_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
