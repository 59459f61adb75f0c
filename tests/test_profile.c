/* SPDX-License-Identifier: BSD-2-Clause */
/* profile: threats in other readers' words, whatever the texts say. */
#include "control/profile/profile.h"

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

#include "bpf/parse.h"
#include "control/encode.h"
#include "control/text.h"
#include "ioc/indicator.h"

#define FIRST_NS 1486834707000001234ULL

static struct pk_threat_indicator indicator;

static struct pk_threat sample(int with_indicator)
{
	struct pk_threat t = {
		.type = with_indicator ? "indicator" : "portscan",
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
		.plane = PK_PLANE_DPDK,
		.confidence = 90,
		.role = PK_ROLE_SOURCE,
		.details = { .hosts = 3, .ports = 101, .named = 1 },
	};

	memset(&indicator, 0, sizeof(indicator));
	strcpy(indicator.type, "ipv4-addr");
	strcpy(indicator.value, "192.168.111.117");
	strcpy(indicator.id, "4711");
	strcpy(indicator.threat_type, "c2");
	strcpy(indicator.tlp, "amber");
	strcpy(indicator.feed[0], "feodo");
	strcpy(indicator.feed[1], "local/2");
	indicator.feeds = 2;
	pk_addr_parse(&t.offender, "192.168.111.117");
	pk_addr_parse(&t.target, "10.0.0.7");
	t.flow.key.src = t.offender;
	t.flow.key.dst = t.target;
	t.flow.key.sport = 1;
	t.flow.key.dport = 2;
	t.flow.key.proto = PK_PROTO_TCP;
	if (with_indicator)
		t.indicator = &indicator;
	return t;
}

static char out[PK_PROFILE_MAX];

static const char *convert(int profile, const struct pk_threat *t)
{
	char json[PK_ENCODE_MAX];
	int len = pk_encode_threat(t, json, sizeof(json));
	int n;

	assert_true(len > 0);
	n = pk_profile_convert(profile, json, (size_t)len, out, sizeof(out));
	assert_int_equal(n, strlen(out));
	return out;
}

static void assert_has(int profile, const struct pk_threat *t, const char *want)
{
	if (strstr(convert(profile, t), want))
		return;
	print_error("%s\nlacks %s\n", out, want);
	fail();
}

static void words_are_found(void **state)
{
	(void)state;
	for (int i = 0; i < PK_PROFILE_COUNT; i++)
		assert_int_equal(pk_profile_find(pk_profile_word(i)), i);
	assert_int_equal(pk_profile_find("leef"), -ENOENT);
	assert_string_equal(pk_profile_word(PK_PROFILE_COUNT), "");
	assert_string_equal(pk_profile_word(-1), "");
}

static void picket_is_the_message_itself(void **state)
{
	struct pk_threat t = sample(1);
	char json[PK_ENCODE_MAX];

	(void)state;
	pk_encode_threat(&t, json, sizeof(json));
	assert_string_equal(convert(PK_PROFILE_PICKET, &t), json);
}

static void eve_is_an_alert(void **state)
{
	struct pk_threat t = sample(1);

	(void)state;
	assert_has(PK_PROFILE_EVE, &t,
		   "{\"timestamp\":\"2017-02-11T17:38:27.000002+0000\","
		   "\"event_type\":\"alert\",\"host\":\"s1\","
		   "\"src_ip\":\"192.168.111.117\",\"src_port\":1,"
		   "\"dest_ip\":\"10.0.0.7\",\"dest_port\":2,"
		   "\"proto\":\"TCP\",\"community_id\":\"1:");
	assert_has(PK_PROFILE_EVE, &t,
		   "\"signature\":\"picket indicator ipv4-addr\","
		   "\"category\":\"c2\",\"severity\":2,");
	assert_has(PK_PROFILE_EVE, &t, "\"feed\":[\"feodo\",\"local/2\"]");
	t.flow.key.proto = PK_PROTO_ICMP6;
	assert_has(PK_PROFILE_EVE, &t,
		   "\"proto\":\"IPv6-ICMP\",\"icmp_type\":1,");
	t = sample(0);
	t.severity = "high";
	assert_has(PK_PROFILE_EVE, &t,
		   "\"signature\":\"picket portscan\","
		   "\"category\":\"portscan\",\"severity\":1,");
	assert_has(PK_PROFILE_EVE, &t, "\"hosts\":[\"3\"],\"ports\":[\"101\"]");
}

static void ecs_has_the_indicator_and_what_matched(void **state)
{
	struct pk_threat t = sample(1);

	(void)state;
	assert_has(PK_PROFILE_ECS, &t,
		   "{\"@timestamp\":\"2017-02-11T17:38:27.000002Z\",\"ecs\":{"
		   "\"version\":\"9.0.0\"},");
	assert_has(PK_PROFILE_ECS, &t,
		   "\"indicator\":{\"type\":\"ipv4-addr\",\"name\":"
		   "\"192.168.111.117\",\"ip\":\"192.168.111.117\","
		   "\"reference\":\"4711\",\"provider\":\"feodo\","
		   "\"description\":\"c2\",\"confidence\":\"High\","
		   "\"marking\":{\"tlp\":\"AMBER\"}}");
	assert_has(PK_PROFILE_ECS, &t,
		   "\"matched\":{\"atomic\":\"192.168.111.117\",\"field\":"
		   "\"source.ip\",");
	t.role = PK_ROLE_DNS_QUESTION;
	t.name = "www.evil.example";
	strcpy(indicator.type, "domain-name");
	strcpy(indicator.value, "evil.example");
	assert_has(PK_PROFILE_ECS, &t, "\"url\":{\"domain\":\"evil.example\"}");
	assert_has(PK_PROFILE_ECS, &t, "\"field\":\"dns.question.name\"");
	assert_has(PK_PROFILE_ECS, &t,
		   "\"dns\":{\"question\":{\"name\":\"www.evil.example\"}}");
	t = sample(0);
	assert_has(PK_PROFILE_ECS, &t,
		   "\"category\":[\"intrusion_detection\",\"network\"]");
	assert_null(strstr(out, "\"threat\":{"));
}

static void cef_is_a_line_of_syslog(void **state)
{
	struct pk_threat t = sample(1);

	(void)state;
	assert_has(PK_PROFILE_CEF, &t,
		   "<132>1 2017-02-11T17:38:27.000002Z s1 picketd - indicator "
		   "- CEF:0|picket|picketd|" PK_VERSION
		   "|indicator|indicator ipv4-addr|5|rt=1486834707000 "
		   "start=1486834707000 end=1486834707000 externalId=");
	assert_has(PK_PROFILE_CEF, &t,
		   " src=192.168.111.117 dst=10.0.0.7 spt=1 dpt=2 proto=tcp ");
	assert_has(PK_PROFILE_CEF, &t, " cs2Label=feeds cs2=feodo local/2 ");
	pk_addr_parse(&t.flow.key.src, "2001:db8::1");
	assert_has(PK_PROFILE_CEF, &t,
		   " c6a2Label=Source IPv6 Address c6a2=2001:db8::1 ");
}

static void syslog_has_all_in_structured_data(void **state)
{
	struct pk_threat t = sample(1);

	(void)state;
	t.severity = "critical";
	assert_has(PK_PROFILE_SYSLOG, &t,
		   "<130>1 2017-02-11T17:38:27.000002Z s1 picketd - indicator "
		   "[picket@32473 id=\"000000000000feed000000000000beef\" "
		   "seq=\"41\" ");
	assert_has(PK_PROFILE_SYSLOG, &t,
		   " feed=\"feodo\" feed=\"local/2\" threat_type=\"c2\" "
		   "tlp=\"amber\"] indicator ipv4-addr open: 192.168.111.117 "
		   "-> 10.0.0.7, count 101");
}

/* Row 58, 62: the keys of sdn_sensor, what is not known left out. */
static void sdn_has_the_keys_of_sdn_sensor(void **state)
{
	struct pk_threat t = sample(1);

	(void)state;
	t.flow.has_ttl = 1;
	t.flow.ttl = 61;
	assert_has(PK_PROFILE_SDN, &t,
		   "{\"source\":\"frame_ioc\",\"seq_num\":41,\"direction\":"
		   "\"RX\",\"eth_type\":2048,\"sip\":\"192.168.111.117\","
		   "\"dip\":\"10.0.0.7\",\"ip_protocol\":6,\"ttl\":61,"
		   "\"sport\":1,\"dport\":2,\"dns_name\":\"\",\"file_id\":");
	assert_has(PK_PROFILE_SDN, &t,
		   "\"file\":\"feodo\",\"ioc_id\":4711,\"type\":\"IP\","
		   "\"threat_type\":\"c2\",\"ip\":\"192.168.111.117\","
		   "\"value\":\"192.168.111.117\",\"dns\":\"\"}");
	strcpy(indicator.id, "4711x");
	assert_has(PK_PROFILE_SDN, &t, "\"ioc_id\":\"4711x\"");
	t = sample(0);
	t.flow.key.proto = PK_PROTO_ICMP;
	assert_has(PK_PROFILE_SDN, &t,
		   "{\"source\":\"rule\",\"rule\":\"portscan\",");
	assert_has(PK_PROFILE_SDN, &t,
		   "\"ip_protocol\":1,\"icmp_type\":1,\"sport\":0,\"dport\":0");
}

/* ---- hostile text (N18, S07, J01, J03, J05) ---- */

static const char *const hostile[] = {
	"\x1b]0;owned\x07\x1b[2J",
	"line\nbreak\r\t\b",
	"\"},\"type\":\"forged\",{\"",
	"\\u0000 \\ \\\\ \\x1b",
	"\xff\xfe\x80 not UTF-8 \xc3",
	"surrogate \xed\xa0\x80 overlong \xc0\xaf",
	"C1 \xc2\x9b 31m, DEL \x7f",
	"bidi \xe2\x80\xae, LS \xe2\x80\xa8",
	"a|b=c\\=d|e\\",
	"x\"] [forged@1 a=\"\\]",
	"%n%s%99999d",
	"</script>{}",
	"na\xc3\xafve \xe4\xbd\xa0",
	"",
};

/* One line, without control bytes, of UTF-8. */
static void assert_line(const char *text)
{
	const char *at = text;
	char step[PK_TEXT_STEP];

	while (*at) {
		const char *before = at;
		size_t n = pk_text_again(&at, step);

		assert_int_equal(n, at - before);
		assert_memory_equal(step, before, n);
	}
}

static void assert_json(const char *text)
{
	enum json_tokener_error err;
	struct json_object *o = json_tokener_parse_verbose(text, &err);

	assert_int_equal(err, json_tokener_success);
	assert_null(strstr(text, "\"type\":\"forged\""));
	json_object_put(o);
}

/* The end of the structured data, by RFC 5424 section 6.3.3; NULL: none. */
static const char *skip_params(const char *at)
{
	while (*at == ' ') {
		at += 1 + strcspn(at + 1, "=\"] ");
		if (strncmp(at, "=\"", 2) != 0)
			return NULL;
		for (at += 2; *at && *at != '"'; at++) {
			if (*at == ']' || (*at == '\\' && !*++at))
				return NULL;
		}
		at += *at == '"';
	}
	return strncmp(at, "] ", 2) ? NULL : at + 2;
}

/* PRI, VERSION, and five fields of printing ASCII within their bounds. */
static const char *assert_header(const char *at)
{
	static const size_t most[] = { 32, 255, 48, 128, 32 };

	assert_memory_equal(at, "<1", 2);
	at = strstr(at, ">1 ");
	assert_non_null(at);
	at += 3;
	for (int i = 0; i < 5; i++) {
		size_t n = strcspn(at, " ");

		assert_true(n > 0 && n <= most[i]);
		for (size_t k = 0; k < n; k++)
			assert_true(at[k] > 0x20 && at[k] < 0x7f);
		at += n + 1;
	}
	return at;
}

/* The head has exactly seven marks that are not escaped. */
static void assert_cef(const char *at)
{
	unsigned marks = 0;

	assert_memory_equal(at, "- CEF:0|", 8);
	for (; *at && marks < 7; at++) {
		marks += *at == '|';
		at += at[0] == '\\' && at[1];
	}
	assert_int_equal(marks, 7);
	assert_memory_equal(at, "rt=", 3);
	for (at += 3; *at; at++) {
		if (*at == '\\') {
			at++;
			assert_true(*at == '\\' || *at == '=');
		} else if (*at == '=') {
			const char *key = at;

			while (key[-1] >= '0' && key[-1] <= 'z')
				key--;
			assert_true(key < at && key[-1] == ' ');
		}
	}
}

static void assert_profile(int profile, const char *line)
{
	const char *at;

	assert_line(line);
	if (profile != PK_PROFILE_CEF && profile != PK_PROFILE_SYSLOG) {
		assert_json(line);
		return;
	}
	at = assert_header(line);
	if (profile == PK_PROFILE_CEF) {
		assert_cef(at);
		return;
	}
	assert_memory_equal(at, "[picket@32473", 13);
	at = skip_params(at + 13);
	assert_non_null(at);
	for (; *at; at++)
		assert_true(*at >= 0x20 && *at < 0x7f);
}

static void set(char *field, size_t size, const char *text)
{
	snprintf(field, size, "%s", text);
}

#define SET(field) set(indicator.field, sizeof(indicator.field), text)

/* @text in the field number @i; 0 when there is no such field. */
static int set_field(struct pk_threat *t, int i, const char *text)
{
	switch (i) {
	case 0:
		t->sensor = text;
		return 1;
	case 1:
		t->type = text;
		return 1;
	case 2:
		t->severity = text;
		return 1;
	case 3:
		t->name = text;
		return 1;
	case 4:
		SET(type);
		return 1;
	case 5:
		SET(id);
		return 1;
	case 6:
		SET(threat_type);
		return 1;
	case 7:
		SET(class);
		return 1;
	case 8:
		SET(tlp);
		return 1;
	case 9:
		SET(tags);
		return 1;
	case 10:
		SET(attribution);
		return 1;
	case 11:
		SET(feed[0]);
		return 1;
	case 12:
		SET(feed[1]);
		return 1;
	case 13:
		SET(value);
		return 1;
	default:
		return 0;
	}
}

static void hostile_text_in_any_field_breaks_no_profile(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++)
		for (int f = 0;; f++) {
			struct pk_threat t = sample(1);

			if (!set_field(&t, f, hostile[i]))
				break;
			memset(&t.observer, 0, sizeof(t.observer));
			for (int p = 0; p < PK_PROFILE_COUNT; p++)
				assert_profile(p, convert(p, &t));
		}
}

static void every_byte_in_every_field_breaks_no_profile(void **state)
{
	(void)state;
	for (int b = 1; b < 256; b++) {
		char text[4] = { 'a', (char)b, (char)(b ^ 0x55), 0 };
		struct pk_threat t = sample(1);

		for (int f = 0; set_field(&t, f, text); f++)
			;
		for (int p = 0; p < PK_PROFILE_COUNT; p++)
			assert_profile(p, convert(p, &t));
	}
}

/* A text comes back: of CEF by its rule, of syslog by RFC 5424's. */
static void what_is_escaped_can_be_undone(void **state)
{
	struct pk_threat t = sample(1);

	(void)state;
	strcpy(indicator.attribution, "a\\b\"c]d=e|f");
	strcpy(indicator.threat_type, "a\\b\"c]d=e|f");
	assert_has(PK_PROFILE_SYSLOG, &t,
		   " attribution=\"a\\\\b\\\"c\\]d=e|f\"");
	assert_has(PK_PROFILE_CEF, &t, " cat=a\\\\b\"c]d\\=e|f ");
	t.type = "a|b\\c";
	assert_has(PK_PROFILE_CEF, &t, "|a\\|b\\\\c|a\\|b\\\\c ipv4-addr|5|");
	/* cleaned once, not twice */
	strcpy(indicator.tags, "\x1b");
	assert_has(PK_PROFILE_SYSLOG, &t, " tags=\"\\\\x1b\"");
	assert_has(PK_PROFILE_ECS, &t, "\"tags\":[\"\\\\x1b\"]");
}

static void the_longest_threat_has_room(void **state)
{
	static char name[1020];
	struct pk_threat t = sample(1);

	(void)state;
	memset(name, '\\', sizeof(name) - 1);
	for (int f = 4; set_field(&t, f, name); f++)
		;
	t.name = name;
	for (int i = 0; i < PK_THREAT_FEEDS; i++)
		memset(indicator.feed[i], '"', sizeof(indicator.feed[i]) - 1);
	indicator.feeds = PK_THREAT_FEEDS;
	for (int p = 0; p < PK_PROFILE_COUNT; p++)
		assert_profile(p, convert(p, &t));
}

static void too_little_room_is_refused(void **state)
{
	struct pk_threat t = sample(1);
	char json[PK_ENCODE_MAX];
	size_t len = (size_t)pk_encode_threat(&t, json, sizeof(json));

	(void)state;
	for (int p = 0; p < PK_PROFILE_COUNT; p++) {
		size_t n = strlen(convert(p, &t));

		for (size_t size = 0; size <= n; size += size < 20 ? 1 : 97)
			assert_int_equal(
				pk_profile_convert(p, json, len, out, size),
				-ENOSPC);
		assert_int_equal(pk_profile_convert(p, json, len, out, n),
				 -ENOSPC);
		assert_int_equal(pk_profile_convert(p, json, len, out, n + 1),
				 (int)n);
	}
}

/* Of a damaged journal, or another program's. */
static void what_is_no_message_is_refused(void **state)
{
	static const char *const bad[] = {
		"",	    "{",   "[]",	  "{}{}",
		"{\"a\":1", "nul", "{\"a\n\":1}", "{\"a\":\"\x01\"}",
		"{\"a\":}",
	};

	(void)state;
	for (int p = PK_PROFILE_PICKET + 1; p < PK_PROFILE_COUNT; p++)
		for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
			assert_int_equal(pk_profile_convert(p, bad[i],
							    strlen(bad[i]), out,
							    sizeof(out)),
					 -EBADMSG);
	assert_int_equal(pk_profile_convert(PK_PROFILE_PICKET, "{\n}", 3, out,
					    sizeof(out)),
			 -EBADMSG);
	assert_int_equal(pk_profile_convert(99, "{}", 2, out, sizeof(out)),
			 -EINVAL);
}

static void members_of_other_types_and_none_are_harmless(void **state)
{
	static const char *const odd[] = {
		"{}",
		"{\"type\":1,\"sensor\":null,\"details\":[],\"seq\":\"x\","
		"\"flow\":3,\"indicator\":[1],\"first\":9,\"last\":\"x\"}",
		"{\"type\":\"a\\u0000b\\u001b\\u202e\",\"indicator\":{"
		"\"value\":\"v\",\"feeds\":[1,null,{}]},\"last\":"
		"\"9999-99-99T99:99:99.999999Z\",\"flow\":{\"proto\":"
		"\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"}"
		",\"sensor\":\"\xff\"}",
	};

	(void)state;
	for (int p = PK_PROFILE_PICKET + 1; p < PK_PROFILE_COUNT; p++)
		for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
			assert_true(pk_profile_convert(p, odd[i],
						       strlen(odd[i]), out,
						       sizeof(out)) > 0);
			assert_profile(p, out);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_found),
		cmocka_unit_test(picket_is_the_message_itself),
		cmocka_unit_test(eve_is_an_alert),
		cmocka_unit_test(ecs_has_the_indicator_and_what_matched),
		cmocka_unit_test(cef_is_a_line_of_syslog),
		cmocka_unit_test(syslog_has_all_in_structured_data),
		cmocka_unit_test(sdn_has_the_keys_of_sdn_sensor),
		cmocka_unit_test(hostile_text_in_any_field_breaks_no_profile),
		cmocka_unit_test(every_byte_in_every_field_breaks_no_profile),
		cmocka_unit_test(what_is_escaped_can_be_undone),
		cmocka_unit_test(the_longest_threat_has_room),
		cmocka_unit_test(too_little_room_is_refused),
		cmocka_unit_test(what_is_no_message_is_refused),
		cmocka_unit_test(members_of_other_types_and_none_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
