/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/encode.h"
#include "control/threat_text.h"

#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/embedded.h"
#include "control/text.h"
#include "ioc/indicator.h"

#define FIRST_NS 1486834707000001234ULL

static struct pk_threat_indicator indicator;

static struct pk_threat sample(void)
{
	struct pk_threat t = {
		.type = "portscan",
		.sensor = "s1",
		.severity = "medium",
		.epoch = 0x1234,
		.id = { 0xfeed, 0xbeef },
		.seq = 41,
		.first_ns = FIRST_NS,
		.last_ns = FIRST_NS + 999,
		.count = 101,
		.hold_sec = 3600,
		.sampling = 1,
		.state = PK_THREAT_OPEN,
		.plane = PK_PLANE_DPDK,
		.confidence = 90,
		.details = { .hosts = 3, .ports = 101, .named = 1 },
	};

	pk_addr_parse(&t.observer, "10.8.2.3");
	pk_addr_parse(&t.offender, "192.168.111.117");
	pk_addr_parse(&t.target, "2001:db8:0:0:1:0:0:1");
	pk_addr_parse(&t.details.host[0], "10.0.0.7");
	t.flow.key.src = t.offender;
	t.flow.key.dst = t.details.host[0];
	t.flow.key.sport = 1;
	t.flow.key.dport = 2;
	t.flow.key.proto = 6;
	t.flow.tcp_flags = 6;
	return t;
}

static struct pk_threat sample_indicator(void)
{
	struct pk_threat t = sample();

	memset(&indicator, 0, sizeof(indicator));
	strcpy(indicator.type, "ipv4-addr");
	strcpy(indicator.value, "192.168.111.117");
	strcpy(indicator.id, "4711");
	strcpy(indicator.threat_type, "c2");
	strcpy(indicator.feed[0], "feodo");
	strcpy(indicator.feed[1], "local/2");
	indicator.feeds = 2;
	t.type = "indicator";
	t.indicator = &indicator;
	t.generation = 7;
	t.flow.ttl = 61;
	t.flow.has_ttl = 1;
	return t;
}

static struct json_object *parse(const char *text)
{
	enum json_tokener_error err;
	struct json_object *o = json_tokener_parse_verbose(text, &err);

	assert_int_equal(err, json_tokener_success);
	assert_non_null(o);
	return o;
}

/* The keys of @o in their order, each followed by a space. */
static void assert_keys(struct json_object *o, const char *wanted)
{
	char keys[1024] = "";

	json_object_object_foreach(o, key, value)
	{
		(void)value;
		strcat(keys, key);
		strcat(keys, " ");
	}
	assert_string_equal(keys, wanted);
}

static void a_detectors_threat_is_written_as_designed(void **state)
{
	struct pk_threat t = sample();
	char json[PK_ENCODE_MAX];
	int len = pk_encode_threat(&t, json, sizeof(json));

	(void)state;
	assert_int_equal(len, strlen(json));
	assert_string_equal(
		json,
		"{\"type\":\"portscan\",\"observer\":\"10.8.2.3\","
		"\"offender\":\"192.168.111.117\",\"timestamp\":1486834707,"
		"\"details\":{\"hosts\":3,\"ports\":101,"
		"\"attacked_hosts\":[\"10.0.0.7\"]},"
		"\"id\":\"000000000000feed000000000000beef\",\"seq\":41,"
		"\"epoch\":\"0000000000001234\",\"sensor\":\"s1\","
		"\"plane\":\"dpdk\",\"state\":\"open\",\"count\":101,"
		"\"target\":\"2001:db8::1:0:0:1\","
		"\"first\":\"2017-02-11T17:38:27.000001Z\","
		"\"last\":\"2017-02-11T17:38:27.000002Z\","
		"\"severity\":\"medium\",\"confidence\":90,\"hold\":3600,"
		"\"flow\":{\"src_ip\":\"192.168.111.117\",\"src_port\":1,"
		"\"dst_ip\":\"10.0.0.7\",\"dst_port\":2,"
		"\"proto\":\"tcp\",\"community_id\":"
		"\"1:8IobMKjaNRFreA5PCavX5BhzbhI=\",\"tcp_flags\":\"SR\"},"
		"\"coverage\":1.0,\"sampling\":1}");
}

/* R12, R13. */
static void an_indicators_threat_names_it(void **state)
{
	struct pk_threat t = sample_indicator();
	struct json_object *o, *part;
	char json[PK_ENCODE_MAX];

	(void)state;
	assert_true(pk_encode_threat(&t, json, sizeof(json)) > 0);
	o = parse(json);
	assert_keys(o, "type observer offender timestamp details id seq epoch "
		       "sensor plane state count target first last severity "
		       "confidence hold indicator flow coverage sampling ");
	part = json_object_object_get(o, "indicator");
	assert_keys(part, "type value id feeds role generation threat_type ");
	assert_non_null(strstr(
		json, "{\"type\":\"ipv4-addr\",\"value\":\"192.168.111.117\","
		      "\"id\":\"4711\",\"feeds\":[\"feodo\",\"local/2\"],"
		      "\"role\":\"source\",\"generation\":7,"
		      "\"threat_type\":\"c2\"}"));
	part = json_object_object_get(o, "flow");
	assert_keys(part, "src_ip src_port dst_ip dst_port proto community_id "
			  "tcp_flags ttl ");
	assert_keys(json_object_object_get(o, "details"), "");
	json_object_put(o);
}

/* Of an address that another one carries, in a tunnel. */
static void where_and_how_it_was_met_is_told(void **state)
{
	struct pk_threat t = sample_indicator();
	char json[PK_ENCODE_MAX];

	(void)state;
	t.depth = 2;
	for (int i = 0; i < PK_EMBEDDED_COUNT; i++) {
		static const char *const words[] = { "nat64",  "nat64-local",
						     "6to4",   "teredo",
						     "isatap", "mapped" };
		char want[80] = "\"role\":\"source\",\"depth\":2,\"gen";

		indicator.embedded = (uint8_t)i;
		if (i)
			snprintf(want, sizeof(want),
				 "\"depth\":2,\"embedded\":\"%s\",\"gen",
				 words[i - 1]);
		assert_true(pk_encode_threat(&t, json, sizeof(json)) > 0);
		assert_non_null(strstr(json, want));
	}
	assert_true(pk_encode_line(&t, json, sizeof(json)) > 0);
	assert_non_null(strstr(json, "(source at depth 2, mapped, c2"));
	indicator.embedded = 255;
	assert_true(pk_encode_threat(&t, json, sizeof(json)) > 0);
}

static void a_silent_observer_is_the_sensor(void **state)
{
	struct pk_threat t = sample();
	char json[PK_ENCODE_MAX];

	(void)state;
	memset(&t.observer, 0, sizeof(t.observer));
	assert_true(pk_encode_threat(&t, json, sizeof(json)) > 0);
	assert_non_null(strstr(json, "\"observer\":\"s1\""));
}

static void extreme_numbers_survive(void **state)
{
	struct pk_threat t = sample();
	struct json_object *o;
	char json[PK_ENCODE_MAX];

	(void)state;
	t.count = t.seq = t.epoch = UINT64_MAX;
	t.first_ns = t.last_ns = UINT64_MAX;
	t.state = t.plane = t.role = 255;
	t.flow.key.proto = 255;
	assert_true(pk_encode_threat(&t, json, sizeof(json)) > 0);
	assert_non_null(strstr(json, "\"count\":18446744073709551615,"));
	assert_non_null(strstr(json, "\"epoch\":\"ffffffffffffffff\""));
	assert_non_null(strstr(json, "\"2554-07-21T23:34:33.709551Z\""));
	o = parse(json);
	assert_int_equal(
		json_object_get_uint64(json_object_object_get(o, "count")),
		UINT64_MAX);
	json_object_put(o);
}

#define FILL(text, byte) memset(text, byte, sizeof(text) - 1)

/* Each text as long as it may be, of what takes the most room. */
static void fill(struct pk_threat_indicator *ind, struct pk_threat_evidence *ev)
{
	FILL(ind->type, 1);
	FILL(ind->id, 1);
	FILL(ind->threat_type, 1);
	FILL(ind->class, 1);
	FILL(ind->severity, 1);
	FILL(ind->tlp, 1);
	FILL(ind->tags, 1);
	FILL(ind->attribution, 1);
	FILL(ind->value, 1);
	ind->embedded = 1;
	ind->expires = UINT32_MAX;
	ind->feeds = PK_THREAT_FEEDS;
	for (int i = 0; i < PK_THREAT_FEEDS; i++)
		FILL(ind->feed[i], 1);
	ev->pieces = sizeof(ev->piece) / sizeof(ev->piece[0]);
	ev->targets.used =
		sizeof(ev->targets.target) / sizeof(ev->targets.target[0]);
	for (uint32_t i = 0; i < ev->targets.used; i++) {
		memset(&ev->targets.target[i].addr, 254 - (int)i, 16);
		ev->targets.target[i].count = UINT64_MAX - i;
		ev->targets.target[i].error = UINT64_MAX - i - 1;
	}
	for (uint32_t i = 0; i < ev->pieces; i++) {
		memset(&ev->piece[i].key, 0xee, sizeof(ev->piece[i].key));
		ev->piece[i].key.proto = 6;
		ev->piece[i].packets = ev->piece[i].bytes = UINT64_MAX;
		ev->piece[i].record = PK_RECORD_FLOW;
		ev->piece[i].tcp_flags = 255;
		ev->piece[i].at_ns = UINT64_MAX;
	}
}

static void the_longest_threat_has_room(void **state)
{
	static char json[4 * PK_ENCODE_MAX], name[PK_THREAT_VALUE],
		sensor[PK_THREAT_SENSOR_MAX + 1];
	static struct pk_threat_indicator ind;
	static struct pk_threat_evidence ev;
	struct pk_threat t = { .type = "indicator",
			       .sensor = sensor,
			       .severity = "critical",
			       .epoch = UINT64_MAX,
			       .id = { UINT64_MAX, UINT64_MAX },
			       .seq = UINT64_MAX,
			       .first_ns = UINT64_MAX,
			       .last_ns = UINT64_MAX,
			       .count = UINT64_MAX,
			       .generation = UINT64_MAX,
			       .hold_sec = UINT32_MAX,
			       .sampling = UINT32_MAX,
			       .confidence = 255,
			       .role = 2,
			       .indicator = &ind,
			       .evidence = &ev,
			       .name = name };
	int longest = 0;

	(void)state;
	fill(&ind, &ev);
	FILL(sensor, 's');
	for (size_t i = 0; i + 4 < sizeof(name); i += 4)
		memcpy(name + i, "\\001", 4);
	memset(&t.flow.key, 0xee, sizeof(t.flow.key));
	t.flow.key.proto = 6;
	t.flow.tcp_flags = t.flow.ttl = 255;
	t.flow.has_ttl = 1;
	memset(&t.observer, 0xee, 16);
	memset(&t.offender, 0xee, 16);
	memset(&t.target, 0xee, 16);
	for (uint8_t role = 0; role < 3; role++) {
		int n;

		t.role = role;
		n = pk_encode_threat(&t, json, sizeof(json));
		assert_true(n > 0);
		longest = n > longest ? n : longest;
		assert_int_equal(pk_encode_threat(&t, json, PK_ENCODE_MAX), n);
	}
	assert_true(longest > PK_ENCODE_MAX / 2);
}

/* No byte that a terminal would obey, and nothing but UTF-8. */
static void assert_harmless(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		assert_true(*p >= 0x20 && *p != 0x7f);
		assert_false(*p == 0xc2 && p[1] < 0xa0);
	}
}

static const char *const hostile[] = {
	"\x1b]0;owned\x07\x1b[2J",
	"line\nbreak\r\t\b",
	"\"},\"type\":\"forged\",{\"",
	"\\u0000 \\ \\\\ \\x1b",
	"\xff\xfe\x80 not UTF-8 \xc3",
	"overlong \xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf",
	"surrogate \xed\xa0\x80",
	"C1 \xc2\x9b 31m, DEL \x7f",
	"bidi \xe2\x80\xae evil, \xe2\x81\xa6 too",
	"\xef\xbb\xbf BOM, zero \xe2\x80\x8b width",
	"<script>alert(1)</script>",
	"beyond \xf4\x90\x80\x80",
};

static void hostile_text_becomes_harmless(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		struct pk_threat t = sample_indicator();
		struct json_object *o;
		char json[PK_ENCODE_MAX], line[PK_ENCODE_MAX];

		strcpy(indicator.value, hostile[i]);
		snprintf(indicator.feed[0], sizeof(indicator.feed[0]), "%s",
			 hostile[i]);
		snprintf(indicator.threat_type, sizeof(indicator.threat_type),
			 "%s", hostile[i]);
		t.name = hostile[i];
		t.sensor = hostile[i];
		assert_true(pk_encode_threat(&t, json, sizeof(json)) > 0);
		assert_harmless(json);
		o = parse(json);
		assert_string_equal(json_object_get_string(
					    json_object_object_get(o, "type")),
				    "indicator");
		assert_harmless(json_object_get_string(
			json_object_object_get(o, "sensor")));
		json_object_put(o);
		assert_true(pk_encode_line(&t, line, sizeof(line)) > 0);
		assert_harmless(line);
	}
}

static void text_of_other_scripts_stays(void **state)
{
	char clean[64];

	(void)state;
	pk_text_clean("na\xc3\xafve \xe4\xbd\xa0 \xf0\x9f\x98\x80", clean,
		      sizeof(clean));
	assert_string_equal(clean,
			    "na\xc3\xafve \xe4\xbd\xa0 \xf0\x9f\x98\x80");
	pk_text_clean("\xef\xbb\xbf\xe2\x80\xae", clean, sizeof(clean));
	assert_string_equal(clean, "\\xef\\xbb\\xbf\\xe2\\x80\\xae");
	pk_text_clean("\xe0\x80\xaf", clean, sizeof(clean));
	assert_string_equal(clean, "\\xe0\\x80\\xaf");
	pk_text_clean("a\x01", clean, 5);
	assert_string_equal(clean, "a");
	pk_text_clean("a\x01", clean, 6);
	assert_string_equal(clean, "a\\x01");
	pk_text_clean("a\xc3\xaf", clean, 3);
	assert_string_equal(clean, "a");
}

/* Slow twin of the decoder: every sequence of up to three bytes. */
static void only_utf8_passes_the_cleaner(void **state)
{
	(void)state;
	for (uint32_t c = 1; c < 0x1000000; c += c < 0x10000 ? 1 : 251) {
		char in[4] = { (char)(c & 0xff), (char)(c >> 8 & 0xff),
			       (char)(c >> 16), 0 };
		char out[32];

		pk_text_clean(in, out, sizeof(out));
		assert_harmless(out);
	}
}

static void the_longest_threat_fits(void **state)
{
	static char name[1020];
	struct pk_threat t = sample_indicator();
	char json[PK_ENCODE_MAX];
	int len;

	(void)state;
	memset(name, '\\', sizeof(name) - 1);
	memset(indicator.value, 1, sizeof(indicator.value) - 1);
	memset(indicator.id, 1, sizeof(indicator.id) - 1);
	memset(indicator.threat_type, 1, sizeof(indicator.threat_type) - 1);
	for (int i = 0; i < PK_THREAT_FEEDS; i++)
		memset(indicator.feed[i], 1, sizeof(indicator.feed[i]) - 1);
	indicator.feeds = 255;
	t.name = name;
	len = pk_encode_threat(&t, json, sizeof(json));
	assert_true(len > 9000);
	assert_int_equal(pk_encode_threat(&t, json, (size_t)len), -ENOSPC);
	assert_int_equal(pk_encode_threat(&t, json, (size_t)len + 1), len);
	assert_true(pk_encode_line(&t, json, sizeof(json)) > 0);
	assert_int_equal(pk_encode_line(&t, json, 20), -ENOSPC);
}

/* J06: a cut says so, and how long it was. */
static void a_cut_in_a_line_is_marked(void **state)
{
	struct pk_threat t = sample_indicator();
	char line[PK_ENCODE_MAX];

	(void)state;
	memset(indicator.value, 'a', 300);
	assert_true(pk_encode_line(&t, line, sizeof(line)) > 0);
	assert_null(strstr(line, "bytes)"));
	memset(indicator.value, 'a', 301);
	assert_true(pk_encode_line(&t, line, sizeof(line)) > 0);
	assert_non_null(strstr(line, "a\xe2\x80\xa6(301 bytes) (source"));
	memset(indicator.value, 'a', 299);
	memcpy(indicator.value + 299, "\x1b", 2);
	assert_true(pk_encode_line(&t, line, sizeof(line)) > 0);
	assert_non_null(strstr(line, "a\xe2\x80\xa6(300 bytes) (source"));
}

static void a_line_says_the_essence(void **state)
{
	struct pk_threat t = sample_indicator();
	char line[PK_ENCODE_MAX];

	(void)state;
	t.name = "www.evil.example";
	assert_true(pk_encode_line(&t, line, sizeof(line)) > 0);
	assert_string_equal(
		line, "2017-02-11T17:38:27.000002Z  open   medium  indicator  "
		      "192.168.111.117 -> 2001:db8::1:0:0:1  tcp/2  count 101  "
		      "192.168.111.117 (source, c2, feodo) seen as "
		      "www.evil.example");
}

static void flags_are_written_from_the_lowest_bit(void **state)
{
	static const struct {
		uint8_t flags;
		const char *text;
	} rows[] = { { 0, "" },	     { 2, "S" },      { 6, "SR" },
		     { 0x12, "SA" }, { 0x29, "FPU" }, { 0xff, "FSRPAUEC" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[PK_TEXT_FLAGS];

		pk_text_flags(rows[i].flags, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void records_are_written_too(void **state)
{
	struct pk_hit h = { .head = { .type = PK_RECORD_HIT,
				      .plane = PK_PLANE_XDP,
				      .sampling = 1,
				      .seq = 9,
				      .frame = 3,
				      .seen_ns = FIRST_NS },
			    .role = PK_ROLE_DNS_QUESTION,
			    .slot = 5,
			    .text_len = 5 };
	struct pk_flow f = { .head = { .type = PK_RECORD_FLOW,
				       .sampling = 1 } };
	struct pk_record mark = { .type = PK_RECORD_MARK };
	struct json_object *o;
	char json[PK_ENCODE_MAX];

	(void)state;
	memcpy(h.text, "\3a.b", 5);
	assert_true(pk_encode_record(&h.head, json, sizeof(json)) > 0);
	assert_non_null(strstr(json, "\"name\":\"a\\\\.b\""));
	assert_non_null(strstr(json, "\"frame\":3"));
	o = parse(json);
	json_object_put(o);
	f.key.proto = 6;
	f.tcp_flags[1] = 0x14;
	assert_true(pk_encode_record(&f.head, json, sizeof(json)) > 0);
	assert_non_null(strstr(json, "\"r_tcp_flags\":\"RA\""));
	o = parse(json);
	json_object_put(o);
	assert_int_equal(pk_encode_record(&mark, json, sizeof(json)), -EINVAL);
}

static void the_pipelines_counters_are_all_there(void **state)
{
	struct pk_pipeline_stats s = { .pipeline = { .records = 11 },
				       .window = { .starved = 12 },
				       .threat = { .mismatched = 13 } };
	char json[PK_ENCODE_MAX];
	struct json_object *o;

	(void)state;
	assert_true(pk_encode_pipeline(&s, json, sizeof(json)) > 0);
	o = parse(json);
	assert_keys(o, "pipeline window threat ");
	json_object_put(o);
	assert_non_null(strstr(json, "\"records\":11"));
	assert_non_null(strstr(json, "\"starved\":12"));
	assert_non_null(strstr(json, "\"mismatched\":13"));
}

static void a_heartbeat_is_read_back_and_nonsense_is_not(void **state)
{
	static const char *const words[] = { "a", "b" };
	static const char *const nonsense[] = {
		"", "{", "[]", "7", "{\"last\":1}", "{}"
	};
	uint64_t last[] = { 1, UINT64_MAX }, back[2] = { 0 };
	struct pk_heartbeat beat = {
		.sensor = "s1", .classes = 2, .word = words, .last = last
	};
	char json[PK_ENCODE_MAX];
	int len = pk_encode_heartbeat(&beat, json, sizeof(json));

	(void)state;
	assert_true(len > 0);
	beat.last = back;
	assert_int_equal(pk_decode_heartbeat(json, (size_t)len, &beat), 0);
	assert_memory_equal(last, back, sizeof(last));
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(*nonsense); i++)
		assert_int_equal(pk_decode_heartbeat(nonsense[i],
						     strlen(nonsense[i]),
						     &beat),
				 -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_detectors_threat_is_written_as_designed),
		cmocka_unit_test(an_indicators_threat_names_it),
		cmocka_unit_test(where_and_how_it_was_met_is_told),
		cmocka_unit_test(a_silent_observer_is_the_sensor),
		cmocka_unit_test(extreme_numbers_survive),
		cmocka_unit_test(hostile_text_becomes_harmless),
		cmocka_unit_test(the_longest_threat_has_room),
		cmocka_unit_test(text_of_other_scripts_stays),
		cmocka_unit_test(only_utf8_passes_the_cleaner),
		cmocka_unit_test(the_longest_threat_fits),
		cmocka_unit_test(a_cut_in_a_line_is_marked),
		cmocka_unit_test(a_line_says_the_essence),
		cmocka_unit_test(flags_are_written_from_the_lowest_bit),
		cmocka_unit_test(records_are_written_too),
		cmocka_unit_test(the_pipelines_counters_are_all_there),
		cmocka_unit_test(a_heartbeat_is_read_back_and_nonsense_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
