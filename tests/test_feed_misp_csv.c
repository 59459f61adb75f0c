/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/feed_log_rig.h"

#include "ioc/feed/misp_types.h"

#define HEADER                                                   \
	"uuid,event_id,category,type,value,comment,to_ids,date," \
	"object_relation,attribute_tag,object_uuid,object_name," \
	"object_meta_category\n"
#define ID "6f000000-0000-4000-8000-000000000001"

static struct feed_log log_;

static void read_as(enum pk_feed_format format, const char *text)
{
	struct pk_feed_options options;

	pk_feed_options_init(&options);
	options.format = format;
	feed_read_both(&log_, &options, text);
}

static void expect(const char *text, const char *want)
{
	read_as(PK_FEED_AUTO, text);
	assert_string_equal(log_.broken, "");
	assert_int_equal(log_.format, PK_FEED_MISP_CSV);
	assert_string_equal(log_.text, want);
	read_as(PK_FEED_MISP_CSV, text);
	assert_string_equal(log_.text, want);
}

static void a_row_of_the_export_is_read_by_its_header(void **state)
{
	(void)state;
	expect(HEADER
	       "\"" ID "\",7,\"Network activity\",\"ip-dst\","
	       "\"192.0.2.10\",\"\",1,1790000000,\"\",\"tlp:green,c2\",\"\","
	       "\"\",\"\"\n",
	       "+ipv4-addr 192.0.2.10 id=" ID " threat=Network activity "
	       "class=other tlp=green tags=tlp:green,c2 first=1790000000\n");
	assert_int_equal(log_.stats.headers, 1);
	expect("value,uuid,to_ids,new,type,date,event_info,"
	       "event_threat_level_id,event_tag\r\n"
	       "bad.example,,1,x,domain,20260102,\"Some, campaign\",1,"
	       "\"a,tlp:red\"\r\n",
	       "+domain-name bad.example sev=high tlp=red tags=a,tlp:red "
	       "who=Some, campaign first=1767312000\n");
	assert_int_equal(log_.stats.unknown_columns, 1);
}

static void what_is_not_to_ids_or_not_on_the_network_is_skipped(void **state)
{
	struct pk_feed_options options;
	static const char text[] = "type,value,to_ids,uuid\n"
				   "ip-dst,192.0.2.10,0,\n"
				   "ip-dst,192.0.2.11,1,\n"
				   "filename,a.exe,1,\n"
				   "filename|md5,a.exe,1,\n"
				   "uri,/a/b,1,\n"
				   "never-heard-of,x,1,\n";

	(void)state;
	log_.terse = 1;
	expect(text, "+ipv4-addr 192.0.2.11\n-7:1 type\n");
	assert_int_equal(log_.stats.skipped[PK_SKIP_NOT_TO_IDS], 1);
	assert_int_equal(log_.stats.skipped[PK_SKIP_HOST_ONLY], 3);
	pk_feed_options_init(&options);
	options.everything = 1;
	feed_read_both(&log_, &options, text);
	assert_string_equal(log_.text, "+ipv4-addr 192.0.2.10\n"
				       "+ipv4-addr 192.0.2.11\n-7:1 type\n");
	log_.terse = 0;
}

#define MD5  "d41d8cd98f00b204e9800998ecf8427e"
#define SHA1 "da39a3ee5e6b4b0d3255bfef95601890afd80709"

static void each_type_is_what_it_is_on_the_network(void **state)
{
	static const struct {
		const char *type, *value, *want;
	} rows[] = {
		{ "ip-src", "192.0.2.1", "+ipv4-addr 192.0.2.1\n" },
		{ "ip-dst", "2001:db8::1", "+ipv6-addr 2001:db8::1\n" },
		{ "ip-dst", "192.0.2.0/24", "+ipv4-net 192.0.2.0/24\n" },
		{ "ip-dst|port", "192.0.2.1|443", "+ip-port 192.0.2.1:443\n" },
		{ "ip-src|port", "2001:db8::1|443",
		  "+ip-port [2001:db8::1]:443\n" },
		{ "ip-src|port", "192.0.2.1|", "+ipv4-addr 192.0.2.1\n" },
		{ "ip-src|port", "192.0.2.1", "+ipv4-addr 192.0.2.1\n" },
		{ "ip-src|port", "192.0.2.1|http", "-2:2 port\n" },
		{ "ip-src|port",
		  "192.0.2.1|000000000000000000000000000000000000000000000001",
		  "-2:2 port\n" },
		{ "domain", "bad.example", "+domain-name bad.example\n" },
		{ "hostname", "a.bad.example",
		  "+domain-name a.bad.example match=exact\n" },
		{ "hostname|port", "a.bad.example|80",
		  "+domain-name a.bad.example match=exact\n" },
		{ "domain|ip", "bad.example|192.0.2.1",
		  "+domain-name bad.example\n+ipv4-addr 192.0.2.1\n" },
		{ "domain|ip", "bad.example|x",
		  "+domain-name bad.example\n-2:2 address\n" },
		{ "url", "http://bad.example/a|b",
		  "+url http://bad.example/a|b\n" },
		{ "uri", "https://bad.example/",
		  "+url https://bad.example/\n" },
		{ "email-src", "a@bad.example", "+email-addr a@bad.example\n" },
		{ "md5", MD5, "+file " MD5 "\n" },
		{ "filename|sha1", "a.exe|" SHA1, "+file " SHA1 "\n" },
		{ "malware-sample", "a|" MD5, "+file " MD5 "\n" },
		{ "ja3-fingerprint-md5", MD5, "+ja3 " MD5 "\n" },
		{ "x509-fingerprint-sha1", SHA1,
		  "+x509-certificate " SHA1 "\n" },
		{ "user-agent", "curl/1", "+user-agent curl/1\n" },
		{ "AS", "64500", "+autonomous-system AS64500\n" },
		{ "AS", "AS64500", "+autonomous-system AS64500\n" },
	};
	char text[256];

	(void)state;
	log_.terse = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "type,value\n%s,\"%s\"\n",
			 rows[i].type, rows[i].value);
		read_as(PK_FEED_MISP_CSV, text);
		assert_string_equal(log_.text, rows[i].want);
	}
	log_.terse = 0;
}

static void bad_rows_are_refused_with_line_and_column(void **state)
{
	(void)state;
	read_as(PK_FEED_MISP_CSV,
		"uuid,type,value,category\n"
		"1,ip-dst,10.0.0.256,\n"
		"1,ip-dst\n"
		"1,ip-dst,10.0.0.1,x,y\n"
		"1,ip-dst,\"two\nlines\",x\n"
		"0123456789012345678901234567890123456789012345678901234567890"
		"123,ip-dst,10.0.0.1,\n"
		"1,ip-dst,,\n"
		"1,ip-dst,10.0.0.1,"
		"0123456789012345678901234567890123456789012345678901234567890"
		"123\n"
		"1,ip-dst,\"10.0.0.1,x\n");
	assert_string_equal(log_.text, "-2:3 address\n"
				       "-3:3 columns_few\n"
				       "-4:5 columns_many\n"
				       "-5:3 address\n"
				       "-7:1 id_long\n"
				       "-8:3 empty\n"
				       "-9:4 threat_type\n"
				       "-10:0 quotes\n");
}

static void a_missing_column_is_named(void **state)
{
	(void)state;
	read_as(PK_FEED_MISP_CSV, "uuid,type,to_ids\n1,ip-dst,1\n");
	assert_string_equal(log_.broken, "line 1: no column \"value\" in the "
					 "header of a MISP CSV export");
	assert_int_equal(log_.stats.records, 1);
}

static void the_table_of_types_has_each_word_once(void **state)
{
	static const char *const useful[] = { "ip-dst|port", "domain", "AS" };
	const struct pk_misp_type *type;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		type = pk_misp_type_find(useful[i], strlen(useful[i]));
		assert_non_null(type);
		assert_true(pk_misp_type_useful(type));
	}
	type = pk_misp_type_find("regkey|value", 12);
	assert_non_null(type);
	assert_false(pk_misp_type_useful(type));
	assert_null(pk_misp_type_find("ip-dst", 5));
	assert_null(pk_misp_type_find("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_of_the_export_is_read_by_its_header),
		cmocka_unit_test(
			what_is_not_to_ids_or_not_on_the_network_is_skipped),
		cmocka_unit_test(each_type_is_what_it_is_on_the_network),
		cmocka_unit_test(bad_rows_are_refused_with_line_and_column),
		cmocka_unit_test(a_missing_column_is_named),
		cmocka_unit_test(the_table_of_types_has_each_word_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
