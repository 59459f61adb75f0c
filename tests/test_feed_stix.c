/* SPDX-License-Identifier: BSD-2-Clause */
/* The STIX reader: by hand, and the real bundles with their manifest. */
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

/* Ids that tell what they are of. */
#define ID(type, n) #type "--00000000-0000-4000-8000-00000000000" #n
#define INDICATOR(n, more)                                               \
	"{\"type\":\"indicator\",\"id\":\"" ID(                          \
		indicator, n) "\",\n"                                    \
			      "\"pattern\":\"[domain-name:value = 'n" #n \
			      ".bad.example']\"" more "}"
#define BUNDLE(objects)                      \
	"{\"type\":\"bundle\",\"id\":\"" ID( \
		bundle, 1) "\",\"objects\":[" objects "]}\n"

static struct feed_log lg;

static struct pk_feed_options options_of(enum pk_feed_format format)
{
	struct pk_feed_options o;

	pk_feed_options_init(&o);
	o.format = format;
	o.now = 1800000000;
	return o;
}

static void assert_log(const char *text, int terse, const char *want)
{
	struct pk_feed_options o = options_of(PK_FEED_STIX);

	memset(&lg, 0, sizeof(lg));
	lg.terse = terse;
	feed_read_both(&lg, &o, text);
	assert_string_equal(lg.text, want);
	assert_string_equal(lg.broken, "");
}

static void an_indicator_says_all_that_it_knows(void **state)
{
	(void)state;
	assert_log(
		INDICATOR(1,
			  ",\"spec_version\":\"2.1\",\"pattern_type\":\"stix\","
			  "\"created\":\"2026-01-02T03:04:05.000Z\","
			  "\"modified\":\"2026-01-03T03:04:05.000Z\","
			  "\"valid_from\":\"2026-01-04T00:00:00Z\","
			  "\"valid_until\":\"2036-01-04T00:00:00Z\","
			  "\"confidence\":85,\"labels\":[\"red, team\"],"
			  "\"indicator_types\":[\"malicious-activity\"],"
			  "\"kill_chain_phases\":[{\"kill_chain_name\":\"x\","
			  "\"phase_name\":\"command-and-control\"}],"
			  "\"object_marking_refs\":[\"marking-definition--"
			  "34098fce-860f-48ae-8e50-ebd3cc5e41da\"]"),
		0,
		"+domain-name n1.bad.example id=" ID(
			indicator,
			1) " threat=malicious-activity class=c2-server conf=85 tlp=green "
			   "tags=malicious-activity,red  team,command-and-control "
			   "first=1767323045 last=1767409445 from=1767484800 "
			   "until=2083017600\n");
}

static void the_tags_of_the_operator_stay_apart(void **state)
{
	struct pk_feed_options o = options_of(PK_FEED_STIX);
	char longest[PK_TAGS_MAX + 1], text[2 * PK_TAGS_MAX], want[512];
	char whole[2048];

	(void)state;
	o.meta.tags = "a,b";
	memset(&lg, 0, sizeof(lg));
	feed_read_both(&lg, &o,
		       BUNDLE(INDICATOR(1, ",\"labels\":[\"b\",\"c\"]")));
	assert_non_null(strstr(lg.text, " tags=a,b,c"));
	/* and one as long as all may be */
	memset(longest, 'x', PK_TAGS_MAX);
	longest[PK_TAGS_MAX] = 0;
	o.meta.tags = "";
	snprintf(text, sizeof(text), "%s%s%s", ",\"labels\":[\"", longest,
		 "\"]");
	snprintf(want, sizeof(want), " tags=%s", longest);
	memset(&lg, 0, sizeof(lg));
	snprintf(whole, sizeof(whole), BUNDLE(INDICATOR(1, "%s")), text);
	feed_read_both(&lg, &o, whole);
	assert_non_null(strstr(lg.text, want));
}

static void objects_come_in_many_wraps(void **state)
{
	static const char *const texts[] = {
		INDICATOR(1, ""),
		INDICATOR(1, "") "\n",
		BUNDLE(INDICATOR(1, "")),
		"[" INDICATOR(1, "") "]",
		"[" BUNDLE(INDICATOR(1, "")) "]",
		"{\"more\":false,\"objects\":[" INDICATOR(1, "") "]}",
		"{\"objects\":[" INDICATOR(1, "") "],\"id\":\"x\"}",
		BUNDLE("") INDICATOR(1, "") BUNDLE(""),
		"\xef\xbb\xbf" BUNDLE(INDICATOR(1, "")),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_log(texts[i], 1, "+domain-name n1.bad.example\n");
		assert_int_equal(lg.stats.records, 1);
	}
}

#define RELATION(n, m)                                                         \
	"{\"type\":\"relationship\",\"id\":\"" ID(                             \
		relationship,                                                  \
		1) "\","                                                       \
		   "\"relationship_type\":\"indicates\",\"source_ref\":\"" ID( \
			   indicator, n) "\",\"target_ref\":\"" m "\"}"
#define MALWARE                                       \
	"{\"type\":\"malware\",\"id\":\"" ID(malware, \
					     1) "\"," \
						"\"name\":\"Ev\\u00eel\"}"
#define ACTOR                                      \
	"{\"type\":\"threat-actor\",\"id\":\"" ID( \
		threat - actor, 1) "\","           \
				   "\"name\":\"Example Bear\"}"
#define AUTHOR                                          \
	"{\"type\":\"identity\",\"id\":\"" ID(identity, \
					      1) "\","  \
						 "\"name\":\"Example CERT\"}"
#define BY ",\"created_by_ref\":\"" ID(identity, 1) "\""

static void labels_come_from_relationships_wherever_they_stand(void **state)
{
	static const char want[] = "+domain-name n1.bad.example id=" ID(
		indicator, 1) " who=Ev\xc3\xael, Example Bear\n"
			      "+domain-name n2.bad.example id=" ID(
				      indicator, 2) " who=Example CERT\n";

	(void)state;
	assert_log(
		BUNDLE(INDICATOR(1, BY) "," INDICATOR(2, BY) "," RELATION(
			1, ID(malware, 1)) "," RELATION(1, ID(threat - actor,
							      1)) "," MALWARE
								  "," ACTOR
								  "," AUTHOR),
		0, want);
	assert_log(
		BUNDLE(AUTHOR
		       "," ACTOR "," MALWARE
		       "," RELATION(1, ID(malware, 1)) "," RELATION(
			       1, ID(threat - actor,
				     1)) "," INDICATOR(1,
						       BY) "," INDICATOR(2,
									 BY)),
		0, want);
	assert_int_equal(lg.stats.skipped[PK_SKIP_NOT_INDICATOR], 5);
	/* Not what is revoked, and no attack pattern. */
	assert_log(
		BUNDLE(INDICATOR(
			1,
			"") ",{\"revoked\":true,"
			    "\"type\":\"malware\",\"id\":\"" ID(
				    malware,
				    1) "\",\"name\":\"x\"}," RELATION(1,
								      ID(malware,
									 1))),
		0, "+domain-name n1.bad.example id=" ID(indicator, 1) "\n");
}

static void the_newest_version_wins_and_revoked_ones_are_out(void **state)
{
#define V(n, time) INDICATOR(n, ",\"name\":\"x\",\"modified\":\"" time "\"")
	(void)state;
	/* Two of one id: the domain of both is the same, so count. */
	assert_log(BUNDLE(V(1, "2026-01-01T00:00:00.100Z") "," V(
			   1, "2026-01-01T00:00:00.200Z")),
		   1, "+domain-name n1.bad.example\n");
	assert_int_equal(lg.stats.skipped[PK_SKIP_REVOKED], 1);
	assert_log(
		BUNDLE(V(1, "2026-01-01T00:00:00.2Z") "," V(
			1,
			"2026-01-01T00:00:00.100Z") "," V(2,
							  "2026-01-01T00:00:00Z")),
		1,
		"+domain-name n1.bad.example\n"
		"+domain-name n2.bad.example\n");
	assert_int_equal(lg.stats.skipped[PK_SKIP_REVOKED], 1);
	assert_log(BUNDLE(INDICATOR(1, ",\"revoked\":true") "," INDICATOR(
			   2, ",\"revok"
			      "ed\":"
			      "false")),
		   1, "+domain-name n2.bad.example\n");
	assert_int_equal(lg.stats.skipped[PK_SKIP_REVOKED], 1);
	/* A newer version that is revoked takes the older one with it. */
	assert_log(BUNDLE(V(1, "2026-01-01T00:00:00Z") "," INDICATOR(
			   1, ",\"revoked\":true,\"modified\":"
			      "\"2026-01-02T00:00:00Z\"")),
		   1, "");
	assert_int_equal(lg.stats.skipped[PK_SKIP_REVOKED], 2);
#undef V
}

static void markings_become_tlp(void **state)
{
#define M(uuid)                                                              \
	INDICATOR(1, ",\"object_marking_refs\":[\"marking-definition--" uuid \
		     "\"]")
	static const struct {
		const char *text, *tlp;
	} rows[] = {
		{ M("613f2e26-407d-48c7-9eca-b8e91df99dc9"), "clear" },
		{ M("34098fce-860f-48ae-8e50-ebd3cc5e41da"), "green" },
		{ M("f88d31f6-486f-44da-b317-01333bde0b82"), "amber" },
		{ M("5e57c739-391a-4eb3-b6be-7d15ca92d5ed"), "red" },
		{ M("94868c89-83c2-464b-929b-a1a8aa3c8487"), "clear" },
		{ M("bab4a63c-aed9-4cf5-a766-dfca5abac2bb"), "green" },
		{ M("55d920b0-5e8b-4f79-9ee9-91f868d9b421"), "amber" },
		{ M("939a9414-2ddd-4d32-a0cd-375ea402b003"), "amber+strict" },
		{ M("e828b379-4e03-4974-9ac4-e53a884c97c1"), "red" },
		{ BUNDLE(M("1") ",{\"type\":\"marking-definition\",\"id\":"
				"\"marking-definition--1\",\"definition_type\":"
				"\"tlp\",\"definition\":{\"tlp\":\"white\"}}"),
		  "clear" },
		{ BUNDLE("{\"type\":\"marking-definition\",\"id\":"
			 "\"marking-definition--1\",\"name\":"
			 "\"TLP:AMBER+STRICT\"}," M("1")),
		  "amber+strict" },
		{ INDICATOR(1, ",\"object_marking_refs\":["
			       "\"marking-definition--"
			       "f88d31f6-486f-44da-b317-01333bde0b82\","
			       "\"marking-definition--"
			       "613f2e26-407d-48c7-9eca-b8e91df99dc9\"]"),
		  "amber" },
		{ M("11111111-407d-48c7-9eca-b8e91df99dc9"), NULL },
	};
#undef M
	char want[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(want, sizeof(want),
			 "+domain-name n1.bad.example id=" ID(indicator,
							      1) "%s%s\n",
			 rows[i].tlp ? " tlp=" : "",
			 rows[i].tlp ? rows[i].tlp : "");
		assert_log(rows[i].text, 0, want);
	}
}

#define PATTERN(pattern)                                                         \
	"{\"type\":\"indicator\",\"id\":\"indicator--1\",\"pattern\":\"" pattern \
	"\"}"

static void every_branch_is_a_value_of_one_record(void **state)
{
	(void)state;
	assert_log(PATTERN("[ipv4-addr:value = '198.51.100.1' OR "
			   "ipv4-addr:value = '198.51.100.0/24' OR "
			   "file:name = 'x']"),
		   1, "+ipv4-addr 198.51.100.1\n+ipv4-net 198.51.100.0/24\n");
	assert_int_equal(lg.stats.records, 1);
	assert_int_equal(lg.stats.accepted, 1);
	assert_int_equal(lg.stats.indicators, 2);
	assert_log(PATTERN("[network-traffic:dst_ref.value = '198.51.100.1' "
			   "AND network-traffic:dst_port = 443]"),
		   1, "+ip-port 198.51.100.1:443\n");
	assert_log(PATTERN("[domain-name:value LIKE '%.bad.example']"), 1,
		   "+domain-name bad.example\n");
	assert_log(PATTERN("[domain-name:value = 'BAD.Example' AND "
			   "network-traffic:dst_port = 443]"),
		   0,
		   "+domain-name bad.example id=indicator--1 "
		   "tags=unchecked:1\n");
	assert_log(PATTERN("[domain-name:value = 'http://bad.example/x']"), 1,
		   "+url http://bad.example/x\n");
}

static void what_is_not_for_the_network_is_counted(void **state)
{
	(void)state;
	assert_log(
		BUNDLE(PATTERN("[file:name = 'x']") "," PATTERN(
			"[network-traffic:dst_port = 80]") ",{\"type\":"
							   "\"malware\"}," INDICATOR(1, ",\"labels\":[\"benign\"]") "," INDICATOR(
								   2,
								   ",\"valid_until\":"
								   "\"2026-01-01T00:00:00Z\"")),
		1, "");
	assert_int_equal(lg.stats.records, 5);
	assert_int_equal(lg.stats.unused, 5);
	assert_int_equal(lg.stats.skipped[PK_SKIP_HOST_ONLY], 1);
	assert_int_equal(lg.stats.skipped[PK_SKIP_NOT_INDICATOR], 2);
	assert_int_equal(lg.stats.skipped[PK_SKIP_NOT_TO_IDS], 1);
	assert_int_equal(lg.stats.skipped[PK_SKIP_EXPIRED], 1);
}

static void bad_objects_are_refused_with_line_and_reason(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "{\"type\":\"indicator\"}", "-1:1 empty\n" },
		{ "{\"type\":\"indicator\",\"pattern\":5}", "-1:1 pattern\n" },
		{ "{\"type\":\"indicator\",\"pattern\":[]}", "-1:1 empty\n" },
		{ "{\"a\":\"indicator\"}", "-1:1 syntax\n" },
		{ "[\n\"indicator\"]", "-2:1 syntax\n" },
		{ BUNDLE("\n" PATTERN("x")), "-2:1 pattern\n" },
		{ BUNDLE("\n\n" PATTERN("[a:b = 'c'] FOLLOWEDBY [a:b = 'd']")),
		  "-3:1 pattern\n" },
		{ PATTERN("[a:b MATCHES 'c']"), "-1:1 pattern\n" },
		{ INDICATOR(1, ",\"pattern_type\":\"yara\""),
		  "-1:1 pattern\n" },
		{ PATTERN("[ipv4-addr:value = '198.51.100.256']"),
		  "-1:1 address\n" },
		{ PATTERN("[file:hashes.MD5 = 'abc']"), "-1:1 hash\n" },
		{ PATTERN("[domain-name:value = 'bad..example']"),
		  "-1:1 name_empty_label\n" },
		{ "{\"type\":\"indicator\",\"x\":1.2.3}", "-1:1 json\n" },
		{ "{\"type\":\"indicator\",\"x\":\"\xff\"}", "-1:1 json\n" },
		{ "{\"type\":\"indicator\",\"x\":\"\\x\"}", "-1:1 json\n" },
		{ "{\"type\":\"indicator\",\"id\":\"xxxxxxxxxxxxxxxxxxxxxxxxxx"
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}",
		  "-1:1 id_long\n" },
		{ "{}\n{\"type\" \"x\"}\n{}\n", "-2:1 json\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_log(rows[i].text, 1, rows[i].want);
}

static void documents_that_end_early_are_broken(void **state)
{
	static const char whole[] =
		BUNDLE(INDICATOR(1, "") "," INDICATOR(2, ""));
	struct pk_feed_options o = options_of(PK_FEED_STIX);

	(void)state;
	for (size_t len = 1; len < strlen(whole) - 1; len++) {
		feed_read(&lg, &o, whole, len, 7);
		assert_string_not_equal(lg.broken, "");
	}
	feed_read(&lg, &o, whole, strlen(whole) - 1, 7);
	assert_string_equal(lg.broken, "");
}

static void the_format_is_told_from_the_content(void **state)
{
	static const char *const texts[] = {
		BUNDLE(INDICATOR(1, "")),
		INDICATOR(1, ""),
		"[" INDICATOR(1, "") "]",
		"{\"objects\":[" INDICATOR(1, "") "]}",
	};
	struct pk_feed_options o = options_of(PK_FEED_AUTO);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		memset(&lg, 0, sizeof(lg));
		feed_read_both(&lg, &o, texts[i]);
		assert_int_equal(lg.format, PK_FEED_STIX);
	}
}

/* --- a bundle that is larger than a window ---------------------------------- */

struct labels {
	unsigned values, labelled;
};

static int count_label(void *arg, const struct pk_indicator *ind)
{
	struct labels *n = arg;

	n->values++;
	n->labelled += !strcmp(ind->meta.attribution, "Example Bear");
	return 0;
}

static void push(struct pk_feed *f, const char *text)
{
	pk_feed_push(f, text, strlen(text));
}

static void a_large_bundle_streams(void **state)
{
	struct pk_feed_options o = options_of(PK_FEED_STIX);
	struct labels n = { 0 };
	struct pk_feed_sink sink = { .accept = count_label, .arg = &n };
	char *blob = malloc(1 << 20);
	struct pk_feed *f;

	(void)state;
	memset(blob, ' ', 1 << 20);
	assert_int_equal(pk_feed_open(&f, &o, 1, &sink), 0);
	push(f, "{\"type\":\"bundle\",\"objects\":[" INDICATOR(1, "") ",");
	for (int i = 0; i < 40; i++) {
		push(f, "{\"type\":\"note\",\"x\":\"");
		pk_feed_push(f, blob, 1 << 20);
		push(f, "\"},");
	}
	assert_int_equal(n.values, 1); /* the window was full */
	push(f, INDICATOR(2, "") "," RELATION(
			1, ID(threat - actor,
			      1)) "," RELATION(2, ID(threat - actor,
						     1)) "," ACTOR "]}");
	pk_feed_finish(f);
	assert_string_equal(pk_feed_broken(f), "");
	assert_int_equal(n.values, 2);
	assert_int_equal(n.labelled, 1); /* the first came too early */
	pk_feed_close(f);
	free(blob);
}

/* --- the real bundles ------------------------------------------------------- */

/*
 * Objects and indicator objects are those of the manifest. Of the indicators:
 * accepted have a value; host_only are of files, registry keys and certificate
 * serial numbers; keyless are ports alone; refused are MATCHES. values are more
 * than accepted where patterns have several branches.
 */
static const struct real {
	const char *file;
	unsigned accepted, values, host_only, keyless, refused;
} reals[] = {
	{ "cti-documentation__apt1.json", 10, 10, 2, 0, 0 },
	{ "cti-documentation__indicator-for-malicious-url.json", 1, 1, 0, 0,
	  0 },
	{ "cti-documentation__malware-indicator-for-file-hash.json", 1, 1, 0, 0,
	  0 },
	{ "cti-documentation__poisonivy.json", 23, 64, 2, 0, 0 },
	{ "cti-documentation__sighting-of-observed-data.json", 0, 0, 0, 0, 0 },
	{ "cti-documentation__using-granular-markings.json", 0, 0, 0, 0, 1 },
	{ "cti-python-stix2__sco-examples-bundle.json", 0, 0, 0, 0, 0 },
	{ "cti-stix2-json-schemas__indicator-for-c2-ip-address.json", 1, 1, 0,
	  0, 0 },
	{ "cti-stix2-json-schemas__indicators-for-C2-with-COA.json", 2, 2, 0, 0,
	  0 },
	{ "cti-stix2-json-schemas__infrastructure.json", 0, 0, 0, 0, 0 },
	{ "cti-stix2-json-schemas__malicious-email-indicator-with-"
	  "attachment.json",
	  0, 0, 0, 0, 2 },
	{ "playbook_viewer__agent-tesla.json", 10, 10, 2, 0, 0 },
	{ "playbook_viewer__emotet.json", 886, 886, 0, 0, 0 },
	{ "playbook_viewer__statelytaurus.json", 677, 677, 0, 8, 0 },
	{ "playbook_viewer__trickbot.json", 717, 717, 0, 0, 0 },
};

static const char *shared(void)
{
	const char *path = getenv("PK_SHARED");

	return path ? path : "../shared";
}

/* The facts of feeds/stix/@file in the manifest. */
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

static struct pk_feed_stats read_real(const char *file)
{
	struct pk_feed_options o = options_of(PK_FEED_AUTO);
	struct pk_feed_sink sink = { .accept = accept_new };
	struct pk_feed_stats stats;
	char path[512], bytes[1000];
	struct pk_feed *f;
	size_t n;
	FILE *in;

	snprintf(path, sizeof(path), "%s/feeds/stix/%s", shared(), file);
	in = fopen(path, "r");
	assert_non_null(in);
	assert_int_equal(pk_feed_open(&f, &o, 1, &sink), 0);
	while ((n = fread(bytes, 1, sizeof(bytes), in)))
		pk_feed_push(f, bytes, n);
	fclose(in);
	pk_feed_finish(f);
	assert_string_equal(pk_feed_broken(f), "");
	assert_int_equal(pk_feed_format_of(f), PK_FEED_STIX);
	stats = *pk_feed_stats(f);
	pk_feed_close(f);
	return stats;
}

static void real_bundles_give_what_the_manifest_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
		const struct real *real = &reals[i];
		char *facts = facts_of(real->file);
		struct pk_feed_stats st;
		unsigned objects, indicators;

		if (!facts) {
			print_message("SKIPPED: no %s/feeds\n", shared());
			skip();
		}
		st = read_real(real->file);
		objects = fact(facts, " objects=") + fact(facts, "list top=");
		indicators = fact(facts, "indicator:");
		assert_int_equal(st.records, objects);
		assert_int_equal(st.accepted + st.duplicates, real->accepted);
		assert_int_equal(st.indicators, real->values);
		assert_int_equal(st.skipped[PK_SKIP_HOST_ONLY],
				 real->host_only);
		assert_int_equal(st.refused[PK_REFUSED_PATTERN], real->refused);
		assert_int_equal(st.skipped[PK_SKIP_NOT_INDICATOR],
				 objects - indicators + real->keyless);
		assert_int_equal(real->accepted + real->host_only +
					 real->keyless + real->refused,
				 indicators);
		free(facts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_indicator_says_all_that_it_knows),
		cmocka_unit_test(the_tags_of_the_operator_stay_apart),
		cmocka_unit_test(objects_come_in_many_wraps),
		cmocka_unit_test(
			labels_come_from_relationships_wherever_they_stand),
		cmocka_unit_test(
			the_newest_version_wins_and_revoked_ones_are_out),
		cmocka_unit_test(markings_become_tlp),
		cmocka_unit_test(every_branch_is_a_value_of_one_record),
		cmocka_unit_test(what_is_not_for_the_network_is_counted),
		cmocka_unit_test(bad_objects_are_refused_with_line_and_reason),
		cmocka_unit_test(documents_that_end_early_are_broken),
		cmocka_unit_test(the_format_is_told_from_the_content),
		cmocka_unit_test(a_large_bundle_streams),
		cmocka_unit_test(real_bundles_give_what_the_manifest_counts),
	};

	return cmocka_run_group_tests_name("feed_stix", tests, NULL, NULL);
}
