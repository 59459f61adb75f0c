/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/feed_log_rig.h"

#include <glob.h>

#include "ioc/feed/mapping.h"

static struct feed_log log_;

static struct pk_mapping *parse(const char *text)
{
	char why[PK_MAPPING_WHY_MAX];
	struct pk_mapping *m = NULL;

	if (pk_mapping_parse(&m, "own.json", text, strlen(text), why))
		fail_msg("%s", why);
	assert_string_equal(why, "");
	return m;
}

static void read_with(const char *document, const char *text)
{
	struct pk_mapping *m = parse(document);
	struct pk_feed_options options;

	pk_feed_options_init(&options);
	options.format = PK_FEED_TABLE;
	options.mapping = m;
	options.now = 1790000000;
	feed_read_both(&log_, &options, text);
	assert_string_equal(log_.broken, "");
	pk_mapping_free(m);
}

static void every_document_in_the_folder_is_built_in(void **state)
{
	const struct pk_mapping *m;
	unsigned n = 0;
	glob_t files;

	(void)state;
	for (; (m = pk_mapping_at(n)); n++) {
		assert_ptr_equal(pk_mapping_find(pk_mapping_name(m)), m);
		assert_true(*pk_mapping_about(m));
		assert_true(pk_mapping_columns(m) > 0);
		assert_non_null(pk_mapping_names(m, 0)[0]);
		assert_null(pk_mapping_names(m, pk_mapping_columns(m)));
	}
	assert_null(pk_mapping_at(n + 1));
	assert_null(pk_mapping_at(1000000));
	assert_null(pk_mapping_find("nobody"));
	assert_int_equal(n, 20);
	if (glob("ioc/mappings/*.json", 0, NULL, &files)) {
		print_message("SKIPPED: not in the source folder\n");
		skip();
		return;
	}
	assert_int_equal(files.gl_pathc, n);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *name = strrchr(files.gl_pathv[i], '/') + 1;

		*strrchr(name, '.') = 0;
		assert_non_null(pk_mapping_find(name));
	}
	globfree(&files);
}

static const char *matched(enum pk_mapping_kind kind, const char *const *names)
{
	const struct pk_mapping *m;
	unsigned n = 0;

	while (names[n])
		n++;
	m = pk_mapping_match(kind, names, n);
	return m ? pk_mapping_name(m) : "none";
}

#define MATCHED(kind, ...) \
	matched(PK_MAPPING_##kind, (const char *const[]){ __VA_ARGS__, NULL })

static void columns_and_keys_tell_the_publisher(void **state)
{
	(void)state;
	assert_string_equal(MATCHED(JSON, "ip_address", "port", "status",
				    "hostname", "as_number", "as_name",
				    "country", "first_seen", "last_online",
				    "malware"),
			    "feodo-json");
	assert_string_equal(MATCHED(JSON, "id", "ioc", "threat_type",
				    "threat_type_desc", "ioc_type",
				    "confidence_level"),
			    "threatfox-json");
	assert_string_equal(
		MATCHED(JSON, "ioc_value", "ioc_type", "threat_type"),
		"threatfox-json");
	assert_string_equal(MATCHED(JSON, "phish_id", "url", "verified"),
			    "phishtank-json");
	assert_string_equal(MATCHED(JSON, "duration", "scope", "value"),
			    "crowdsec-json");
	assert_string_equal(
		MATCHED(TABLE, "duration", "reason", "scope", "type", "value"),
		"crowdsec");
	assert_string_equal(MATCHED(TABLE, "Value", "TYPE", "threat_type"),
			    "picket");
	assert_string_equal(MATCHED(JSON, "type", "match", "value", "feed",
				    "class", "action", "op"),
			    "picket-json");
	assert_string_equal(MATCHED(TABLE, "value"), "none");
	assert_string_equal(MATCHED(JSON, "dst_ip", "dst_port", "c2_status"),
			    "none");
}

static const char *guessed(const char *head)
{
	const struct pk_mapping *m = pk_mapping_guess(head, strlen(head));

	return m ? pk_mapping_name(m) : "none";
}

static void the_first_bytes_tell_the_publisher(void **state)
{
	(void)state;
	assert_string_equal(guessed("# x\n\n# DstIP,DstPort\n"), "sslbl-ip");
	assert_string_equal(guessed("###\r\n# DstIP,DstPort\r\n1,2\r\n"),
			    "sslbl-ip");
	assert_string_equal(guessed("DstIP;DstPort\n"), "none");
	assert_string_equal(guessed("192.0.2.1\n# DstIP,DstPort\n"), "none");
	assert_string_equal(guessed("# by dataplane.org\n"), "dataplane");
	assert_string_equal(guessed("1|2|dataplane.com\ndataplane.org\n"),
			    "none");
	assert_string_equal(guessed("start\tnetmask\tattacks"), "dshield");
	assert_string_equal(guessed("id,type,threat type,ip,dns,value\n"),
			    "none");
	assert_string_equal(guessed(""), "none");
	assert_string_equal(guessed("\n\n\n"), "none");
	assert_string_equal(guessed(",,,,,,\n"), "none");
}

#define FIELDS(more) "{\"name\":\"x\",\"fields\":{\"value\":\"v\"" more "}}"
#define KEYS(more)   "{\"name\":\"x\",\"fields\":{\"value\":\"v\"}" more "}"

static const struct {
	const char *text, *why;
} documents[] = {
	{ "", "line 1: column 1: ends too early" },
	{ "{", "line 1: column 2: ends too early" },
	{ "{\n \"name\": nil}", "line 2: column 11: null expected" },
	{ "{} x", "line 1: column 4: more than one document" },
	{ "[]", "not an object" },
	{ "null ", "not an object" },
	{ "{}", "no \"name\"" },
	{ "{\"name\":\"x\"}", "no column for \"value\" in \"fields\"" },
	{ "{\"name\":\"A b\"}", "name: not 1 to 31 of a-z 0-9 - _ ." },
	{ "{\"name\":\"\"}", "name: empty" },
	{ "{\"name\":7}", "name: not a text" },
	{ KEYS(",\"nmae\":1"), "nmae: unknown key" },
	{ KEYS(",\"n\\nx\":1"), "n?x: unknown key" },
	{ KEYS(",\"for\":\"xml\""), "for: \"xml\" is none of its words" },
	{ KEYS(",\"header\":\"no\""), "header: \"no\" is none of its words" },
	{ KEYS(",\"header\":\"none\""),
	  "\"columns\" go with \"header\": \"none\"" },
	{ KEYS(",\"columns\":[\"v\"]"),
	  "\"columns\" go with \"header\": \"none\"" },
	{ KEYS(",\"header\":\"none\",\"columns\":[\"w\"]"),
	  "columns: \"v\" is not among them" },
	{ KEYS(",\"delimiter\":\"::\""), "delimiter: not one ASCII character" },
	{ KEYS(",\"delimiter\":\"\\\"\""),
	  "delimiter: not one ASCII character" },
	{ KEYS(",\"quotes\":1"), "quotes: not true or false" },
	{ KEYS(",\"comments\":\"#\""), "comments: not a list of texts" },
	{ KEYS(",\"comments\":[\"\"]"), "comments: an empty mark" },
	{ KEYS(",\"nulls\":[1]"), "nulls: not a text" },
	{ KEYS(",\"known_by\":\"v\""), "known_by: not a list of columns" },
	{ KEYS(",\"known_by\":[[]]"), "known_by: not 1 to 8 names" },
	{ KEYS(",\"severity_cap\":\"big\""),
	  "severity_cap: \"big\" is not a severity" },
	{ KEYS(",\"about\":\"a\\u0000b\""), "about: a control character" },
	{ KEYS(",\"filters\":{}"), "filters: not a list of objects" },
	{ KEYS(",\"filters\":[{\"column\":\"v\"}]"),
	  "filters: one lacks \"column\" or \"only\", \"not\" or "
	  "\"starts\"" },
	{ KEYS(",\"filters\":[{\"as\":\"tired\"}]"),
	  "filters.as: \"tired\" is not why a record is skipped" },
	{ KEYS(",\"filters\":[{\"only\":[\"a\"],\"not\":[\"b\"]}]"),
	  "filters.not: given twice" },
	{ KEYS(",\"filters\":[{\"but\":1}]"),
	  "filters.but: unknown; known are column, only, not, starts, "
	  "as" },
	{ FIELDS(",\"colour\":\"c\""), "colour: unknown field" },
	{ FIELDS(",\"type\":{\"is\":\"ipp\"}"),
	  "type.is: \"ipp\" is not a type" },
	{ FIELDS(",\"type\":{\"column\":\"t\",\"words\":{\"a\":\"b\"}}"),
	  "type.words: \"b\" is not a type" },
	{ FIELDS(",\"type\":{\"column\":\"t\",\"words\":7}"),
	  "type.words: not an object of words" },
	{ FIELDS(",\"class\":{\"is\":\"bad\"}"),
	  "class.is: \"bad\" is not a class" },
	{ FIELDS(",\"confidence\":{\"is\":101}"),
	  "confidence.is: \"101\" is not a percentage" },
	{ FIELDS(",\"confidence\":{\"column\":\"c\",\"max\":0}"),
	  "confidence.max: not a whole number from 1 to 1000000" },
	{ FIELDS(",\"tags\":{\"column\":\"c\",\"max\":1}"),
	  "tags.max: for confidence only" },
	{ FIELDS(",\"tlp\":{\"is\":\"blue\"}"),
	  "tlp.is: \"blue\" is not a TLP" },
	{ FIELDS(",\"action\":{\"is\":\"explode\"}"),
	  "action.is: \"explode\" is not an action" },
	{ FIELDS(",\"tags\":{}"), "tags: neither \"column\" nor \"is\"" },
	{ FIELDS(",\"tags\":{\"column\":\"c\",\"is\":\"d\"}"),
	  "tags: both \"column\" and \"is\"" },
	{ FIELDS(",\"tags\":{\"column\":\"c\",\"bytes\":\"d\"}"),
	  "tags.bytes: unknown; known are column, words, else, is, "
	  "max" },
	{ FIELDS(",\"tags\":{\"column\":{}}"), "tags.column: not a text" },
	{ FIELDS(",\"tags\":{\"column\":\"c\",\"else\":[]}"),
	  "tags.else: not a text or a whole number" },
	{ "{\"name\":\"x\",\"fields\":{\"value\":{\"is\":\"v\"}}}",
	  "no column for \"value\" in \"fields\"" },
	{ "{\"fields\":[[[[[[[[[[1]]]]]]]]]]}", NULL },
	{ "{\"name\":\"\xff\xfe\"}", NULL },
};

static void what_is_wrong_in_a_document_is_said(void **state)
{
	char why[PK_MAPPING_WHY_MAX], want[PK_MAPPING_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		struct pk_mapping *m = NULL;
		const char *text = documents[i].text;

		assert_int_equal(pk_mapping_parse(&m, "own.json", text,
						  strlen(text), why),
				 -EINVAL);
		assert_null(m);
		if (!documents[i].why) {
			assert_non_null(strstr(why, "mapping own.json: line"));
			continue;
		}
		snprintf(want, sizeof(want), "mapping own.json: %s",
			 documents[i].why);
		assert_string_equal(why, want);
	}
}

static void too_many_columns_and_too_long_documents_are_refused(void **state)
{
	char text[4096] = "{\"name\":\"x\",\"known_by\":[\"c0\"";
	char why[PK_MAPPING_WHY_MAX], *big;
	struct pk_mapping *m = NULL;

	(void)state;
	for (int i = 1; i <= PK_MAPPING_COLUMNS_MAX; i++)
		sprintf(text + strlen(text), ",\"c%d\"", i);
	strcat(text, "],\"fields\":{\"value\":\"c0\"}}");
	assert_int_equal(pk_mapping_parse(&m, "f", text, strlen(text), why),
			 -EINVAL);
	assert_string_equal(why, "mapping f: known_by: more than 64 columns");
	big = calloc(1, PK_MAPPING_TEXT_MAX + 1);
	assert_non_null(big);
	memset(big, ' ', PK_MAPPING_TEXT_MAX + 1);
	assert_int_equal(
		pk_mapping_parse(&m, "f", big, PK_MAPPING_TEXT_MAX + 1, why),
		-EINVAL);
	assert_string_equal(why, "mapping f: longer than 65536 bytes");
	assert_null(m);
	free(big);
}

static void an_own_mapping_reads_what_it_describes(void **state)
{
	(void)state;
	read_with("{\"name\":\"own\", \"delimiter\":\";\","
		  "\"comments\":[\"//\",\"%\"], \"header\":\"row\","
		  "\"nulls\":[\"n/a\"], \"short_rows\":true,"
		  "\"join_port\":false, \"severity_cap\":\"high\","
		  "\"filters\":[{\"column\":\"list\",\"not\":[\"white\"],"
		  "\"as\":\"allowed\"}],"
		  "\"fields\":{\"value\":[\"host\",\"addr\"],"
		  "\"port\":\"port\","
		  "\"severity\":{\"column\":\"risk\",\"words\":{\"red\":"
		  "\"critical\",\"green\":\"low\"},\"else\":\"medium\"},"
		  "\"confidence\":{\"column\":\"sure\",\"max\":5,"
		  "\"words\":{\"very\":95}},"
		  "\"tlp\":{\"is\":\"amber\"},\"valid_from\":\"from\"}}",
		  "// a comment\n"
		  "ADDR;port;risk;sure;list;from\n"
		  "% another\n"
		  "192.0.2.1;80;red;4;black;2026-01-02\n"
		  "192.0.2.2;80;green;VERY;n/a;n/a\n"
		  "192.0.2.3;80;blue;2.5\n"
		  "192.0.2.4\n"
		  "192.0.2.5;80;blue;6\n"
		  "192.0.2.6;80;blue;1;White\n"
		  "192.0.2.7;80;blue;1;black;soon\n"
		  "addr;port;risk\n");
	assert_string_equal(
		log_.text, "+ipv4-addr 192.0.2.1 conf=80 sev=high tlp=amber "
			   "from=1767312000\n"
			   "+ipv4-addr 192.0.2.2 conf=95 sev=low tlp=amber\n"
			   "+ipv4-addr 192.0.2.3 conf=50 sev=medium tlp=amber\n"
			   "+ipv4-addr 192.0.2.4 sev=medium tlp=amber\n"
			   "-8:4 score\n"
			   "-10:6 time\n");
	assert_int_equal(log_.stats.comments, 2);
	assert_int_equal(log_.stats.headers, 2);
	assert_int_equal(log_.stats.skipped[PK_SKIP_ALLOWED], 1);
}

static void read_guessed(const char *text)
{
	struct pk_feed_options options;

	pk_feed_options_init(&options);
	options.now = 1790000000;
	feed_read_both(&log_, &options, text);
	assert_string_equal(log_.broken, "");
	assert_string_equal(log_.text,
			    "+ipv4-addr 192.0.2.1\n"
			    "+domain-name bad.example match=one-label id=17 "
			    "threat=c2 class=c2-server conf=75 sev=high "
			    "tlp=amber tags=a,b until=1800000000 "
			    "action=watch\n");
}

static void what_is_exported_is_loaded(void **state)
{
	(void)state;
	read_guessed("{\"type\":\"ipv4-addr\",\"match\":\"exact\","
		     "\"value\":\"192.0.2.1\",\"feed\":\"f\","
		     "\"threat_type\":\"\",\"class\":\"\",\"severity\":\"\","
		     "\"tlp\":\"\",\"tags\":\"\",\"attribution\":\"\","
		     "\"id\":\"\",\"action\":\"alert\",\"op\":\"add\"}\n"
		     "{\"type\":\"domain-name\",\"match\":\"one-label\","
		     "\"value\":\"bad.example\",\"feed\":\"f\","
		     "\"threat_type\":\"c2\",\"class\":\"c2-server\","
		     "\"confidence\":75,\"severity\":\"high\","
		     "\"tlp\":\"amber\",\"tags\":\"a,b\","
		     "\"attribution\":\"\",\"id\":\"17\","
		     "\"action\":\"watch\","
		     "\"valid_until\":\"2027-01-15T08:00:00Z\","
		     "\"op\":\"add\"}\n");
	read_guessed("value,type,match,threat_type,class,confidence,severity,"
		     "tlp,tags,first_seen,last_seen,valid_from,valid_until,id,"
		     "attribution,action\n"
		     "192.0.2.1,ipv4-addr,exact,,,,,,,,,,,,,alert\n"
		     "bad.example,domain-name,one-label,c2,c2-server,75,high,"
		     "amber,\"a,b\",,,,2027-01-15T08:00:00Z,17,,watch\n");
}

static void an_unknown_action_is_refused(void **state)
{
	(void)state;
	read_with("{\"name\":\"own\",\"fields\":{\"value\":\"v\","
		  "\"action\":{\"column\":\"a\",\"words\":"
		  "{\"deny\":\"block\"}}}}",
		  "v,a\n192.0.2.1,deny\n192.0.2.2,explode\n192.0.2.3,\n");
	assert_string_equal(log_.text, "+ipv4-addr 192.0.2.1 action=block\n"
				       "-3:2 syntax\n"
				       "+ipv4-addr 192.0.2.3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_document_in_the_folder_is_built_in),
		cmocka_unit_test(columns_and_keys_tell_the_publisher),
		cmocka_unit_test(the_first_bytes_tell_the_publisher),
		cmocka_unit_test(what_is_wrong_in_a_document_is_said),
		cmocka_unit_test(
			too_many_columns_and_too_long_documents_are_refused),
		cmocka_unit_test(an_own_mapping_reads_what_it_describes),
		cmocka_unit_test(what_is_exported_is_loaded),
		cmocka_unit_test(an_unknown_action_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
