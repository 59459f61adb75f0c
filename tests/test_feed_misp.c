/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of MISP's JSON: by hand, and the real events' manifest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/feed/feed.h"
#include "tests/feed_log_rig.h"

#define A(type, value, more)                        \
	"{\"type\":\"" type "\",\"value\":\"" value \
	"\",\"to_ids\":true,\"category\":\"Network activity\"" more "}"
#define ABOUT                                                            \
	"\"info\":\"x\",\"threat_level_id\":\"1\",\"Orgc\":{\"name\":"   \
	"\"Example CERT\"},\"Tag\":[{\"name\":\"tlp:amber\"},{\"name\":" \
	"\"example:a=\\\"b\\\"\"}]"
#define H32 "0123456789abcdef0123456789abcdef"
#define H40 "0123456789abcdef0123456789abcdef01234567"
#define H64 H32 H32

static struct feed_log lg;

static void read_as(const char *text, int terse, int everything)
{
	struct pk_feed_options o;

	pk_feed_options_init(&o);
	o.format = PK_FEED_MISP;
	o.now = 1800000000;
	o.everything = (uint8_t)everything;
	memset(&lg, 0, sizeof(lg));
	lg.terse = terse;
	feed_read_both(&lg, &o, text);
}

static void assert_log(const char *text, int terse, const char *want)
{
	read_as(text, terse, 0);
	assert_string_equal(lg.text, want);
	assert_string_equal(lg.broken, "");
}

static void an_attribute_says_all_that_it_and_its_event_know(void **state)
{
	static const char want[] =
		"+ipv4-addr 198.51.100.1 id=6f-1 threat=Network activity "
		"class=c2-server sev=high tlp=red "
		"tags=rsit:malicious-code=\"c2-server\",example:a=\"b\" "
		"who=Example CERT first=1767323045 last=1767409445\n";
#define ONE                                                                  \
	A("ip-dst", "198.51.100.1",                                          \
	  ",\"uuid\":\"6f-1\",\"timestamp\":\"1767323045\","                 \
	  "\"first_seen\":null,\"last_seen\":\"2026-01-03T03:04:05+00:00\"," \
	  "\"Tag\":[{\"name\":\"tlp:red\"},{\"name\":"                       \
	  "\"rsit:malicious-code=\\\"c2-server\\\"\"}]")

	(void)state;
	assert_log("{\"Event\":{" ABOUT ",\"Attribute\":[" ONE "]}}", 0, want);
	/* The tags mostly stand behind the attributes. */
	assert_log("{\"Event\":{\"Attribute\":[" ONE "]," ABOUT "}}", 0, want);
	assert_log("{\"response\":[{\"Event\":{\"Object\":[{\"Attribute\":[" ONE
		   "]}]," ABOUT "}}]}",
		   0, want);
	/* A search tells the event with the attribute. */
	assert_log("{\"response\":{\"Attribute\":["
		   "{\"type\":\"domain\",\"value\":\"bad.example\","
		   "\"to_ids\":\"1\",\"Event\":{\"Orgc\":{\"name\":\"Who\"},"
		   "\"threat_level_id\":\"3\"}}]}}",
		   0, "+domain-name bad.example sev=low who=Who\n");
#undef ONE
}

static void events_come_in_many_wraps(void **state)
{
#define E "{\"Attribute\":[" A("domain", "bad.example", "") "]}"
	static const char *const texts[] = {
		E,
		E "\n",
		"{\"Event\":" E "}",
		"[{\"Event\":" E "}]",
		"{\"response\":[{\"Event\":" E "}]}",
		"{\"response\":" E "}",
		"{\"Event\":{\"Attribute\":[],\"Object\":[{\"name\":\"x\","
		"\"Attribute\":[" A("domain", "bad.example", "") "]}]}}",
	};
#undef E

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_log(texts[i], 1, "+domain-name bad.example\n");
		assert_int_equal(lg.stats.records, 1);
	}
}

static void an_event_does_not_speak_for_the_next(void **state)
{
	(void)state;
	assert_log("{\"response\":[{\"Event\":{\"Attribute\":[" A(
			   "domain", "a.example",
			   "") "]," ABOUT
			       "}},{\"Event\":{\"Attribute\":[" A(
				       "domain", "b.example", "") "]}}]}",
		   0,
		   "+domain-name a.example threat=Network activity sev=high "
		   "tlp=amber tags=example:a=\"b\" who=Example CERT\n"
		   "+domain-name b.example threat=Network activity\n");
	assert_log(
		"{\"Event\":{\"Object\":[{\"Attribute\":[" A("domain", "a.example", "") "],\"deleted\":true},{\"Attribute\":[" A(
			"domain", "b.example",
			"") "]}],\"Attribute\":[" A("domain", "c.example",
						    "") "]}}",
		1, "+domain-name b.example\n+domain-name c.example\n");
	assert_int_equal(lg.stats.skipped[PK_SKIP_REVOKED], 1);
}

static void every_type_has_its_values(void **state)
{
	static const struct {
		const char *type, *value, *want;
	} rows[] = {
		{ "ip-src", "198.51.100.1", "+ipv4-addr 198.51.100.1\n" },
		{ "ip-dst", "2001:db8::1", "+ipv6-addr 2001:db8::1\n" },
		{ "ip-dst", "198.51.100.0/24", "+ipv4-net 198.51.100.0/24\n" },
		{ "ip-dst|port", "198.51.100.1|443",
		  "+ip-port 198.51.100.1:443\n" },
		{ "ip-src|port", "2001:db8::1|443",
		  "+ip-port [2001:db8::1]:443\n" },
		{ "domain", "Bad.Example.", "+domain-name bad.example\n" },
		{ "hostname", "bad.example",
		  "+domain-name bad.example match=exact\n" },
		{ "hostname|port", "bad.example|80",
		  "+domain-name bad.example match=exact\n" },
		{ "domain|ip", "bad.example|198.51.100.1",
		  "+domain-name bad.example\n+ipv4-addr 198.51.100.1\n" },
		{ "url", "http://bad.example/a",
		  "+url http://bad.example/a\n" },
		{ "uri", "/only/a/path", "" },
		{ "email-src", "a@bad.example", "+email-addr a@bad.example\n" },
		{ "md5", H32, "+file " H32 "\n" },
		{ "sha1", H40, "+file " H40 "\n" },
		{ "sha256", H64, "+file " H64 "\n" },
		{ "filename|md5", "a b.exe|" H32, "+file " H32 "\n" },
		{ "filename|sha1", "a|" H40, "+file " H40 "\n" },
		{ "x509-fingerprint-sha1", H40, "+x509-certificate " H40 "\n" },
		{ "ja3-fingerprint-md5", H32, "+ja3 " H32 "\n" },
		{ "user-agent", "evil/1.0", "+user-agent evil/1.0\n" },
		{ "AS", "AS64500", "+autonomous-system AS64500\n" },
		{ "AS", "64500", "+autonomous-system AS64500\n" },
		{ "stix2-pattern",
		  "[ipv4-addr:value = '198.51.100.1' OR ipv4-addr:value = "
		  "'198.51.100.2']",
		  "+ipv4-addr 198.51.100.1\n+ipv4-addr 198.51.100.2\n" },
		{ "stix2-pattern", "[file:name = 'x']", "" },
		{ "filename", "evil.exe", "" },
		{ "regkey", "HKLM", "" },
		{ "text", "bad.example", "" },
		{ "never-heard-of", "bad.example", "" },
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text),
			 "{\"Attribute\":[{\"type\":\"%s\",\"value\":\"%s\","
			 "\"to_ids\":true}]}",
			 rows[i].type, rows[i].value);
		assert_log(text, 1, rows[i].want);
		assert_int_equal(lg.stats.unused, !*rows[i].want);
	}
}

static void what_is_not_for_detection_needs_to_be_asked_for(void **state)
{
	static const char text[] =
		"{\"Attribute\":[{\"type\":\"domain\",\"value\":\"a.example\","
		"\"to_ids\":false},{\"type\":\"domain\",\"value\":"
		"\"b.example\"},{\"type\":\"domain\",\"value\":\"c.example\","
		"\"to_ids\":true,\"deleted\":true},{\"type\":\"domain\","
		"\"value\":\"d.example\",\"to_ids\":1}]}";

	(void)state;
	assert_log(text, 1, "+domain-name d.example\n");
	assert_int_equal(lg.stats.skipped[PK_SKIP_NOT_TO_IDS], 2);
	assert_int_equal(lg.stats.skipped[PK_SKIP_REVOKED], 1);
	read_as(text, 1, 1);
	assert_string_equal(lg.text, "+domain-name a.example\n"
				     "+domain-name b.example\n"
				     "+domain-name d.example\n");
}

static void bad_attributes_are_refused_with_line_and_reason(void **state)
{
	static const struct {
		const char *attribute, *want;
	} rows[] = {
		{ "{\"to_ids\":true}", "-2:1 empty\n" },
		{ "{\"type\":\"domain\",\"to_ids\":true}", "-2:1 empty\n" },
		{ "{\"type\":\"domain\",\"to_ids\":true,\"value\":\"\"}",
		  "-2:1 empty\n" },
		{ "{\"type\":\"domain\",\"to_ids\":true,\"value\":{}}",
		  "-2:1 empty\n" },
		{ "\"domain\"", "-2:1 syntax\n" },
		{ "[]", "-2:1 syntax\n" },
		{ "{\"type\":01x}", "-2:1 json\n" },
		{ A("ip-dst", "198.51.100.300", ""), "-2:1 address\n" },
		{ A("ip-dst|port", "198.51.100.3|x", ""), "-2:1 port\n" },
		{ A("ip-dst|port", "198.51.100.3|99999", ""), "-2:1 port\n" },
		{ A("md5", "0123", ""), "-2:1 hash\n" },
		{ A("domain|ip", "bad.example|x", ""),
		  "+domain-name bad.example\n-2:1 address\n" },
		{ A("url", "hxxp://bad[.]example/", ""), "-2:1 defanged\n" },
		{ A("stix2-pattern", "[a:b MATCHES 'c']", ""),
		  "-2:1 pattern\n" },
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "{\"Attribute\":[\n%s]}",
			 rows[i].attribute);
		assert_log(text, 1, rows[i].want);
	}
}

static void events_that_end_early_are_broken(void **state)
{
	static const char whole[] = "{\"Event\":{\"Attribute\":[" A(
		"domain", "a.example", "") "]," ABOUT "}}";
	struct pk_feed_options o;

	(void)state;
	pk_feed_options_init(&o);
	o.format = PK_FEED_MISP;
	for (size_t len = 1; len < strlen(whole); len++) {
		feed_read(&lg, &o, whole, len, 5);
		assert_string_not_equal(lg.broken, "");
	}
}

static void the_format_is_told_from_the_content(void **state)
{
	struct pk_feed_options o;

	(void)state;
	pk_feed_options_init(&o);
	memset(&lg, 0, sizeof(lg));
	feed_read_both(&lg, &o,
		       "{\"Event\":{" ABOUT
		       ",\"Attribute\":[" A("domain", "a.example", "") "]}}");
	assert_int_equal(lg.format, PK_FEED_MISP);
	assert_int_equal(lg.stats.accepted, 1);
}

/* --- the real events -------------------------------------------------------- */

/*
 * Attributes and those with to_ids are the manifest's. Of those with to_ids,
 * host_only are file names, registry keys, texts and ports; the others are
 * accepted. values counts two for each "domain|ip" (glupteba has four).
 */
static const struct real {
	const char *file;
	unsigned accepted, values, host_only;
} reals[] = {
	{ "PyMISP__existing_event.json", 68, 68, 15 },
	{ "PyMISP__shadow.json", 0, 0, 1 },
	{ "malware-ioc__glupteba.misp-event.json", 320, 324, 1 },
	{ "malware-ioc__misp-badiis.json", 0, 0, 0 },
	{ "malware-ioc__misp-kryptocibule.json", 0, 0, 0 },
	{ "malware-ioc__misp-turla-lightneuron-event.json", 0, 0, 0 },
	{ "malware-ioc__mozi.misp-event.json", 74, 74, 2 },
	{ "malware-ioc__oceanlotus.misp.event.json", 0, 0, 0 },
};

/* Values of network types in the manifest's list, composites twice. */
static const struct {
	const char *word;
	unsigned values;
} network_types[] = {
	{ " md5:", 1 },	       { " sha1:", 1 },	     { " sha256:", 1 },
	{ " url:", 1 },	       { " ip-dst:", 1 },    { " ip-src:", 1 },
	{ " domain:", 1 },     { " domain|ip:", 2 }, { " filename|sha1:", 1 },
	{ " user-agent:", 1 },
};

static const char *shared(void)
{
	const char *path = getenv("PK_SHARED");

	return path ? path : "../shared";
}

/* The facts of @file in the manifest, commas as blanks. */
static char *facts_of(const char *file)
{
	char path[512], *line = NULL, *found = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/feeds/MANIFEST.tsv", shared());
	f = fopen(path, "r");
	while (f && !found && getline(&line, &room, f) > 0)
		if (strstr(line, file))
			found = strdup(strrchr(line, '\t') + 1);
	if (f)
		fclose(f);
	free(line);
	for (char *p = found; p && *p; p++)
		if (*p == ',')
			*p = ' ';
	return found;
}

static unsigned fact(const char *facts, const char *name)
{
	const char *p = strstr(facts, name);

	return p ? (unsigned)atoi(p + strlen(name)) : 0;
}

static int accept_new(void *arg, const struct pk_indicator *ind)
{
	(void)arg;
	(void)ind;
	return 0;
}

static struct pk_feed_stats read_real(const char *file, int everything)
{
	struct pk_feed_sink sink = { .accept = accept_new };
	struct pk_feed_options o;
	struct pk_feed_stats stats;
	char path[512], bytes[1000];
	struct pk_feed *f;
	size_t n;
	FILE *in;

	pk_feed_options_init(&o);
	o.everything = (uint8_t)everything;
	snprintf(path, sizeof(path), "%s/feeds/misp/%s", shared(), file);
	in = fopen(path, "r");
	assert_non_null(in);
	assert_int_equal(pk_feed_open(&f, &o, 1, &sink), 0);
	while ((n = fread(bytes, 1, sizeof(bytes), in)))
		pk_feed_push(f, bytes, n);
	fclose(in);
	pk_feed_finish(f);
	assert_string_equal(pk_feed_broken(f), "");
	assert_int_equal(pk_feed_format_of(f), PK_FEED_MISP);
	stats = *pk_feed_stats(f);
	pk_feed_close(f);
	return stats;
}

static void real_events_give_what_the_manifest_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
		const struct real *real = &reals[i];
		char *facts = facts_of(real->file);
		unsigned attributes, to_ids, values = 0;
		struct pk_feed_stats st;

		if (!facts) {
			print_message("SKIPPED: no %s/feeds\n", shared());
			skip();
		}
		attributes = fact(facts, " attributes=");
		to_ids = fact(facts, " to_ids=");
		st = read_real(real->file, 0);
		assert_int_equal(st.records, attributes);
		assert_int_equal(st.accepted + st.duplicates, real->accepted);
		assert_int_equal(st.indicators, real->values);
		assert_int_equal(st.skipped[PK_SKIP_HOST_ONLY],
				 real->host_only);
		assert_int_equal(st.skipped[PK_SKIP_NOT_TO_IDS],
				 attributes - to_ids);
		assert_int_equal(real->accepted + real->host_only, to_ids);
		/* With everything, the manifest's types tell the values. */
		st = read_real(real->file, 1);
		for (size_t t = 0;
		     t < sizeof(network_types) / sizeof(network_types[0]); t++)
			values += network_types[t].values *
				  fact(facts, network_types[t].word);
		assert_int_equal(st.indicators + pk_feed_refused(&st), values);
		free(facts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_attribute_says_all_that_it_and_its_event_know),
		cmocka_unit_test(events_come_in_many_wraps),
		cmocka_unit_test(an_event_does_not_speak_for_the_next),
		cmocka_unit_test(every_type_has_its_values),
		cmocka_unit_test(
			what_is_not_for_detection_needs_to_be_asked_for),
		cmocka_unit_test(
			bad_attributes_are_refused_with_line_and_reason),
		cmocka_unit_test(events_that_end_early_are_broken),
		cmocka_unit_test(the_format_is_told_from_the_content),
		cmocka_unit_test(real_events_give_what_the_manifest_counts),
	};

	return cmocka_run_group_tests_name("feed_misp", tests, NULL, NULL);
}
