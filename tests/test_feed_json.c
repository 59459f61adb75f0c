/* SPDX-License-Identifier: BSD-2-Clause */
/* The other readers of JSON: IntelMQ, OTX, Spamhaus DROP, flat records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/feed/feed.h"
#include "ioc/feed/mapping.h"
#include "tests/feed_log_rig.h"

#define H32 "0123456789abcdef0123456789abcdef"
#define H40 "0123456789abcdef0123456789abcdef01234567"
#define H64 H32 H32

static struct feed_log lg;
static struct pk_feed_options opt;

static int reset(void **state)
{
	(void)state;
	pk_feed_options_init(&opt);
	opt.now = 1800000000;
	memset(&lg, 0, sizeof(lg));
	return 0;
}

static void assert_log(enum pk_feed_format format, const char *text,
		       const char *want)
{
	opt.format = format;
	feed_read_both(&lg, &opt, text);
	assert_string_equal(lg.text, want);
}

static void assert_good(enum pk_feed_format format, const char *text,
			const char *want)
{
	assert_log(format, text, want);
	assert_string_equal(lg.broken, "");
}

static void assert_told(enum pk_feed_format format, const char *text)
{
	opt.format = PK_FEED_AUTO;
	feed_read_both(&lg, &opt, text);
	assert_int_equal(lg.format, format);
	assert_true(lg.stats.accepted);
}

/* --- IntelMQ --------------------------------------------------------------- */

static const char intelmq_c2[] =
	"{\"source.ip\":\"198.51.100.1\",\"source.port\":443,"
	"\"classification.type\":\"c2-server\",\"classification.identifier\":"
	"\"example\",\"malware.name\":\"examplebot\",\"feed.name\":\"f\","
	"\"feed.accuracy\":90.0,\"tlp\":\"AMBER\","
	"\"time.source\":\"2026-01-02T03:04:05+00:00\"}\n";

static void an_event_says_where_it_came_from(void **state)
{
	(void)state;
	assert_good(PK_FEED_INTELMQ, intelmq_c2,
		    "+ip-port 198.51.100.1:443 threat=c2-server "
		    "class=c2-server conf=90 tlp=amber tags=example "
		    "who=examplebot first=1767323045 last=1767323045\n");
	assert_told(PK_FEED_INTELMQ, intelmq_c2);
}

static void an_event_is_its_most_exact_layer(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "{\"source.url\":\"http://bad.example/\",\"source.fqdn\":"
		  "\"bad.example\",\"source.ip\":\"198.51.100.1\"}",
		  "+url http://bad.example/\n" },
		{ "{\"source.fqdn\":\"bad.example\",\"source.ip\":"
		  "\"198.51.100.1\"}",
		  "+domain-name bad.example\n" },
		{ "{\"source.ip\":\"198.51.100.1\",\"source.asn\":64500}",
		  "+ipv4-addr 198.51.100.1\n" },
		{ "{\"source\":{\"ip\":\"2001:db8::1\",\"port\":80},"
		  "\"classification\":{\"type\":\"phishing\"}}",
		  "+ip-port [2001:db8::1]:80\n" },
		/* A client's port is a passing one. */
		{ "{\"source.ip\":\"198.51.100.1\",\"source.port\":50000,"
		  "\"classification.type\":\"infected-system\"}",
		  "+ipv4-addr 198.51.100.1\n" },
		{ "{\"source.network\":\"198.51.100.0/24\"}",
		  "+ipv4-net 198.51.100.0/24\n" },
		{ "{\"source.account\":\"a@bad.example\"}",
		  "+email-addr a@bad.example\n" },
		{ "{\"source.account\":\"root\",\"source.asn\":64500}",
		  "+autonomous-system AS64500\n" },
		{ "{\"malware.hash.md5\":\"" H32
		  "\",\"malware.hash.sha256\":\"" H64 "\"}",
		  "+file " H64 "\n+file " H32 "\n" },
		{ "[{\"source.fqdn\":\"a.example\"},{\"source.fqdn\":"
		  "\"b.example\"}]",
		  "+domain-name a.example\n+domain-name b.example\n" },
		{ "{\"destination.ip\":\"198.51.100.1\"}", "" },
		{ "\n\n{\"source.ip\":\"198.51.100\"}", "-3:1 address\n" },
		{ "{\"source.ip\":\"198.51.100.1\",\"source.port\":70000,"
		  "\"classification.type\":\"c2-server\"}",
		  "-1:1 port\n" },
		{ "{\"source.asn\":\"x\"}", "-1:1 asn\n" },
		{ "{}\n{\"source.ip\" 1}\n{}\n", "-2:1 json\n" },
	};

	(void)state;
	lg.terse = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_good(PK_FEED_INTELMQ, rows[i].text, rows[i].want);
}

/* --- OTX ------------------------------------------------------------------- */

#define I(type, value, more) \
	"{\"type\":\"" type "\",\"indicator\":\"" value "\",\"id\":7" more "}"
#define PULSE(indicators)                                              \
	"{\"id\":\"p1\",\"name\":\"x\",\"indicators\":[" indicators    \
	"],\"author_name\":\"Author\",\"adversary\":\"Example Bear\"," \
	"\"TLP\":\"green\",\"tags\":[\"a\",\"b, c\"],"                 \
	"\"modified\":\"2026-01-03T03:04:05.1\"}"

static void a_pulse_speaks_for_its_indicators(void **state)
{
	static const char want[] =
		"+domain-name bad.example id=7 threat=command_and_control "
		"class=c2-server tlp=green tags=a,b  c who=Example Bear "
		"first=1767323045 last=1767409445\n";
	static const char one[] = PULSE(I(
		"domain", "bad.example",
		",\"created\":\"2026-01-02T03:04:05\",\"role\":"
		"\"command_and_control\",\"is_active\":1,\"expiration\":null"));
	char text[1024];

	(void)state;
	assert_good(PK_FEED_OTX, one, want);
	assert_told(PK_FEED_OTX, one);
	snprintf(text, sizeof(text), "[%s]", one);
	assert_good(PK_FEED_OTX, text, want);
	snprintf(text, sizeof(text), "{\"next\":null,\"results\":[%s]}", one);
	assert_good(PK_FEED_OTX, text, want);
	/* One pulse does not speak for the next. */
	assert_good(PK_FEED_OTX,
		    "{\"results\":[" PULSE("") ",{\"indicators\":[" I(
			    "domain", "a.example", "") "]}]}",
		    "+domain-name a.example id=7\n");
}

static void every_otx_type_has_its_value(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ I("IPv4", "198.51.100.1", ""), "+ipv4-addr 198.51.100.1\n" },
		{ I("IPv6", "2001:db8::1", ""), "+ipv6-addr 2001:db8::1\n" },
		{ I("CIDR", "198.51.100.0/24", ""),
		  "+ipv4-net 198.51.100.0/24\n" },
		{ I("domain", "bad.example", ""),
		  "+domain-name bad.example\n" },
		{ I("hostname", "bad.example", ""),
		  "+domain-name bad.example match=exact\n" },
		{ I("domain", "http://bad.example/x", ""),
		  "+url http://bad.example/x\n" },
		{ I("URL", "http://bad.example/x", ""),
		  "+url http://bad.example/x\n" },
		{ I("URI", "/x/y.php", ""), "" },
		{ I("URI", "bad.example/x", ""), "+url //bad.example/x\n" },
		{ I("email", "a@bad.example", ""),
		  "+email-addr a@bad.example\n" },
		{ I("FileHash-MD5", H32, ""), "+file " H32 "\n" },
		{ I("FileHash-SHA1", H40, ""), "+file " H40 "\n" },
		{ I("FileHash-SHA256", H64, ""), "+file " H64 "\n" },
		{ I("JA3", H32, ""), "+ja3 " H32 "\n" },
		{ I("SSLCertFingerprint", H40, ""),
		  "+x509-certificate " H40 "\n" },
		{ I("CVE", "CVE-2026-1", ""), "" },
		{ I("Mutex", "x", ""), "" },
		{ I("FilePath", "x", ""), "" },
		{ I("never-heard-of", "x", ""), "" },
		{ I("domain", "bad.example", ",\"is_active\":0"), "" },
		{ I("domain", "bad.example",
		    ",\"expiration\":\"2026-01-01T00:00:00\""),
		  "" },
		{ "{\"name\":\"a pulse without indicators\"}", "" },
		{ I("IPv4", "198.51.100.256", ""), "-1:1 address\n" },
		{ I("domain", "", ""), "-1:1 empty\n" },
		{ "[\n1]", "-2:1 syntax\n" },
	};

	(void)state;
	lg.terse = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_good(PK_FEED_OTX, rows[i].text, rows[i].want);
}

/* --- DROP ------------------------------------------------------------------ */

#define ROW "{\"cidr\":\"198.51.100.0/24\",\"sblid\":\"SBL1\",\"rir\":\"r\"}\n"
#define META(n) \
	"{\"type\":\"metadata\",\"timestamp\":1790000000,\"records\":" n "}\n"

static void drop_has_prefixes_and_as_numbers(void **state)
{
	(void)state;
	assert_good(PK_FEED_DROP_JSON, ROW META("1"),
		    "+ipv4-net 198.51.100.0/24 id=SBL1 class=blacklist "
		    "tags=r\n");
	assert_int_equal(lg.stats.declared, 1);
	assert_int_equal(lg.stats.complete, 1);
	assert_int_equal(lg.stats.headers, 1);
	assert_told(PK_FEED_DROP_JSON, ROW META("1"));
	assert_good(PK_FEED_DROP_JSON,
		    "{\"asn\":64500,\"rir\":\"r\",\"domain\":\"bad.example\","
		    "\"cc\":\"ZZ\",\"asname\":\"BAD\"}\n" META("1"),
		    "+autonomous-system AS64500 class=blacklist tags=r "
		    "who=BAD\n");
	assert_good(PK_FEED_DROP_JSON,
		    "{\"cidr\":\"2001:db8::/32\"}\n" META("1"),
		    "+ipv6-net 2001:db8::/32 class=blacklist\n");
}

static void drop_without_its_metadata_is_broken(void **state)
{
	static const struct {
		const char *text, *broken;
	} rows[] = {
		{ ROW, "no metadata line at the end: truncated?" },
		{ "", "no metadata line at the end: truncated?" },
		{ META("1") ROW, "no metadata line at the end: truncated?" },
		{ ROW META("2"), "the metadata line says 2 records, but there "
				 "are 1: truncated?" },
		{ ROW "{\"cidr\":\n",
		  "line 2: column 1: it ends in the middle of a "
		  "value" },
		{ ROW ROW META("1"), "the metadata line says 1 records, but "
				     "there are 2: truncated?" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		opt.format = PK_FEED_DROP_JSON;
		feed_read_both(&lg, &opt, rows[i].text);
		assert_string_equal(lg.broken, rows[i].broken);
		assert_int_equal(lg.stats.complete, 0);
	}
}

static void bad_drop_rows_are_refused_and_counted(void **state)
{
	(void)state;
	lg.terse = 1;
	assert_good(PK_FEED_DROP_JSON,
		    ROW "{\"cidr\":\"198.51.100.0/33\"}\n"
			"{\"sblid\":\"x\"}\n"
			"{\"asn\":0}\n"
			"{\"cidr\":\"198.51.100.0/24\"\n" META("5"),
		    "+ipv4-net 198.51.100.0/24\n"
		    "-2:1 prefix\n"
		    "-3:1 empty\n"
		    "-4:1 asn\n"
		    "-5:1 json\n");
	assert_int_equal(lg.stats.complete, 1);
}

/* --- flat records ---------------------------------------------------------- */

static void known_records_tell_their_mapping(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		/* Feodo. */
		{ "[{\"ip_address\":\"198.51.100.1\",\"port\":443,\"status\":"
		  "\"online\",\"hostname\":null,\"as_number\":64500,"
		  "\"as_name\":\"X\",\"country\":\"ZZ\",\"first_seen\":"
		  "\"2026-01-02 03:04:05\",\"last_online\":\"2026-01-03\","
		  "\"malware\":\"ExampleBot\"}]",
		  "+ip-port 198.51.100.1:443\n" },
		/* ThreatFox: export and answer. */
		{ "{\"15\":[{\"ioc_value\":\"198.51.100.1:443\",\"ioc_type\":"
		  "\"ip:port\",\"threat_type\":\"botnet_cc\",\"malware\":"
		  "\"win.x\",\"malware_printable\":\"X\",\"first_seen_utc\":"
		  "\"2026-01-02 03:04:05\",\"confidence_level\":75,\"tags\":"
		  "\"a,b\"}],\"16\":[{\"ioc_value\":\"bad.example\","
		  "\"ioc_type\":\"domain\",\"threat_type\":\"botnet_cc\","
		  "\"malware\":\"win.x\",\"malware_printable\":\"X\"}]}",
		  "+ip-port 198.51.100.1:443\n+domain-name bad.example\n" },
		{ "{\"query_status\":\"ok\",\"data\":[{\"id\":\"17\",\"ioc\":"
		  "\"http://bad.example/\",\"ioc_type\":\"url\","
		  "\"threat_type\":\"payload_delivery\",\"malware\":\"win.x\","
		  "\"malware_printable\":\"X\",\"tags\":[\"a\",\"b\"]}]}",
		  "+url http://bad.example/\n" },
		/* URLhaus: export and answer. */
		{ "{\"21\":[{\"dateadded\":\"2026-01-02 03:04:05 UTC\",\"url\":"
		  "\"http://bad.example/a\",\"url_status\":\"online\","
		  "\"last_online\":null,\"threat\":\"malware_download\","
		  "\"tags\":[\"elf\"],\"urlhaus_link\":\"x\",\"reporter\":"
		  "\"y\"}],\"22\":[{\"url\":\"http://bad.example/b\","
		  "\"url_status\":\"offline\",\"threat\":\"x\","
		  "\"urlhaus_link\":\"x\"}]}",
		  "+url http://bad.example/a\n" },
		{ "{\"query_status\":\"ok\",\"urls\":[{\"id\":\"23\","
		  "\"urlhaus_link\":\"x\",\"url\":\"http://bad.example/c\","
		  "\"url_status\":\"online\",\"threat\":\"malware_download\","
		  "\"tags\":null}]}",
		  "+url http://bad.example/c\n" },
		/* PhishTank: lists of objects in a record are no records. */
		{ "[{\"phish_id\":\"1\",\"url\":\"http://bad.example/\","
		  "\"phish_detail_url\":\"x\",\"submission_time\":"
		  "\"2026-01-02T03:04:05+00:00\",\"verified\":\"yes\","
		  "\"verification_time\":\"2026-01-02T03:04:05+00:00\","
		  "\"online\":\"yes\",\"target\":\"Other\",\"details\":"
		  "[{\"ip_address\":\"198.51.100.1\"}]}]",
		  "+url http://bad.example/\n" },
		/* CrowdSec. */
		{ "[{\"duration\":\"4h\",\"reason\":\"x\",\"scope\":\"ip\","
		  "\"type\":\"ban\",\"value\":\"198.51.100.1\"}]",
		  "+ipv4-addr 198.51.100.1\n" },
	};

	(void)state;
	lg.terse = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_good(PK_FEED_JSON, rows[i].text, rows[i].want);
		assert_told(PK_FEED_JSON, rows[i].text);
	}
}

static void the_number_around_a_list_is_the_id(void **state)
{
	(void)state;
	assert_good(PK_FEED_JSON,
		    "{\"15\":[{\"ioc_value\":\"bad.example\",\"ioc_type\":"
		    "\"domain\",\"threat_type\":\"botnet_cc\",\"malware\":"
		    "\"win.x\",\"malware_printable\":\"X\",\"tags\":"
		    "[\"a\",\"b\"]}]}",
		    "+domain-name bad.example id=15 threat=botnet_cc "
		    "class=c2-server tags=a,b who=X\n");
}

static void a_mapping_of_ones_own_reads_any_record(void **state)
{
	static const char mine[] =
		"{\"name\":\"mine\",\"for\":\"json\",\"fields\":"
		"{\"value\":\"ioc\",\"tags\":\"labels\"}}";
	char why[PK_MAPPING_WHY_MAX];
	struct pk_mapping *m;

	(void)state;
	assert_int_equal(pk_mapping_parse(&m, "mine", mine, strlen(mine), why),
			 0);
	opt.mapping = m;
	assert_good(PK_FEED_JSON,
		    "{\"ioc\":\"bad.example\",\"labels\":[\"x\",\"y\"]}\n"
		    "{\"ioc\":\"198.51.100.1\",\"other\":{}}\n",
		    "+domain-name bad.example tags=x,y\n"
		    "+ipv4-addr 198.51.100.1\n");
	lg.terse = 1;
	assert_good(PK_FEED_JSON, "\n{\"ioc\":\"a..b\"}\n[1]\n[\n{\"x\":1}]",
		    "-2:1 name_empty_label\n-3:2 syntax\n-5:1 empty\n");
	pk_mapping_free(m);
}

static void records_that_nobody_knows_are_broken(void **state)
{
	(void)state;
	assert_log(PK_FEED_JSON, "{\"a\":1}\n{\"b\":2}\n", "-1:1 syntax\n");
	assert_string_not_equal(lg.broken, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_event_says_where_it_came_from, reset),
		cmocka_unit_test_setup(an_event_is_its_most_exact_layer, reset),
		cmocka_unit_test_setup(a_pulse_speaks_for_its_indicators,
				       reset),
		cmocka_unit_test_setup(every_otx_type_has_its_value, reset),
		cmocka_unit_test_setup(drop_has_prefixes_and_as_numbers, reset),
		cmocka_unit_test_setup(drop_without_its_metadata_is_broken,
				       reset),
		cmocka_unit_test_setup(bad_drop_rows_are_refused_and_counted,
				       reset),
		cmocka_unit_test_setup(known_records_tell_their_mapping, reset),
		cmocka_unit_test_setup(the_number_around_a_list_is_the_id,
				       reset),
		cmocka_unit_test_setup(a_mapping_of_ones_own_reads_any_record,
				       reset),
		cmocka_unit_test_setup(records_that_nobody_knows_are_broken,
				       reset),
	};

	return cmocka_run_group_tests_name("feed_json", tests, NULL, NULL);
}
