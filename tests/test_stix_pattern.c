/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stix_pattern: a table of patterns and what they must come to, as
 * "type value" or "type value ?conditions" joined by ", ", then "+N host" and
 * "+N keyless" for branches without a value; or the name of the refusal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/feed/stix_pattern.h"

#define H32 "0123456789abcdef0123456789abcdef"
#define H40 "0123456789abcdef0123456789abcdef01234567"
#define H64 H32 H32

static const struct row {
	const char *pattern, *want;
} rows[] = {
	/* One comparison, every path that is on the network. */
	{ "[domain-name:value = 'bad.example']", "domain-name bad.example" },
	{ "[ipv4-addr:value = '192.0.2.1']", "ipv4-addr 192.0.2.1" },
	{ "[ipv6-addr:value = '2001:db8::1']", "ipv4-addr 2001:db8::1" },
	{ "[url:value = 'http://bad.example/a']", "url http://bad.example/a" },
	{ "[email-addr:value = 'a@bad.example']", "email-addr a@bad.example" },
	{ "[email-message:from_ref.value = 'a@bad.example']",
	  "email-addr a@bad.example" },
	{ "[email-message:sender_ref.value = 'a@bad.example']",
	  "email-addr a@bad.example" },
	{ "[network-traffic:dst_ref.value = '192.0.2.1']",
	  "ipv4-addr 192.0.2.1" },
	{ "[network-traffic:src_ref.value = '2001:db8::/32']",
	  "ipv4-addr 2001:db8::/32" },
	{ "[network-traffic:dst_ref.value = 'bad.example']",
	  "domain-name bad.example" },
	{ "[autonomous-system:number = 64500]", "autonomous-system 64500" },
	{ "[file:hashes.MD5 = '" H32 "']", "file " H32 },
	{ "[file:hashes.'MD5' = '" H32 "']", "file " H32 },
	{ "[file:hashes.md5 = '" H32 "']", "file " H32 },
	{ "[file:hashes.'SHA-1' = '" H40 "']", "file " H40 },
	{ "[file:hashes.sha1 = '" H40 "']", "file " H40 },
	{ "[file:hashes.SHA1 = '" H40 "']", "file " H40 },
	{ "[file:hashes.'SHA-256' = '" H64 "']", "file " H64 },
	{ "[file:hashes.SHA-256 = '" H64 "']", "file " H64 },
	{ "[file:hashes.sha256 = '" H64 "']", "file " H64 },
	{ "[file:hashes.SHA256 = '" H64 "']", "file " H64 },
	{ "[file:hashes.'sha-256' = '" H64 "']", "file " H64 },
	{ "[artifact:hashes.'SHA-256' = '" H64 "']", "file " H64 },
	{ "[x509-certificate:hashes.'SHA-1' = '" H40 "']",
	  "x509-certificate " H40 },
	{ "[x509-certificate:hashes.SHA1 = '" H40 "']",
	  "x509-certificate " H40 },
	{ "[network-traffic:extensions.'http-request-ext'.request_header."
	  "'User-Agent' = 'evil/1.0']",
	  "user-agent evil/1.0" },
	{ "[network-traffic:extensions.'http-request-ext'.request_header."
	  "'Host' = 'bad.example']",
	  "domain-name bad.example" },
	/* Tolerated. */
	{ "[ipv4-addr:value = '192.0.2.0/24']", "ipv4-addr 192.0.2.0/24" },
	{ "[domain-name:value = 'http://bad.example/x']",
	  "url http://bad.example/x" },
	{ "[domain-name:value = 'bad.example/x']", "url bad.example/x" },
	{ "[domain-name:value = 'BAD.Example']", "domain-name BAD.Example" },
	{ "[url:value = 'bad.example/x']", "url bad.example/x" },
	/* Writing. */
	{ "[domain-name:value='bad.example']", "domain-name bad.example" },
	{ "[domain-name:value == 'bad.example']", "domain-name bad.example" },
	{ " [ domain-name : value = 'bad.example' ] ",
	  "domain-name bad.example" },
	{ "\t[domain-name:value\r\n=\n'bad.example']\n",
	  "domain-name bad.example" },
	{ "/* c */[domain-name:value /* ] */ = 'bad.example'] // x\n",
	  "domain-name bad.example" },
	{ "[domain-name:value = 'bad.example'] // to the end",
	  "domain-name bad.example" },
	{ "[url:value = 'http://bad.example/\\'q\\'']",
	  "url http://bad.example/'q'" },
	{ "[url:value = 'http://bad.example/\\\\x']",
	  "url http://bad.example/\\x" },
	{ "[url:value = 'http://bad.example/\\x']",
	  "url http://bad.example/\\x" },
	{ "[url:value = 'http://bad.example//*a*/']",
	  "url http://bad.example//*a*/" },
	{ "[(domain-name:value = 'bad.example')]", "domain-name bad.example" },
	{ "([domain-name:value = 'bad.example'])", "domain-name bad.example" },
	{ "(([domain-name:value = 'a.example']) OR [domain-name:value = "
	  "'b.example'])",
	  "domain-name a.example, domain-name b.example" },
	/* OR. */
	{ "[domain-name:value = 'a.example' OR domain-name:value = "
	  "'b.example']",
	  "domain-name a.example, domain-name b.example" },
	{ "[domain-name:value = 'a.example' OR ipv4-addr:value = '192.0.2.1' "
	  "OR url:value = 'http://c.example/']",
	  "domain-name a.example, ipv4-addr 192.0.2.1, url http://c.example/" },
	{ "[ipv4-addr:value = '192.0.2.1'] OR [ipv4-addr:value = "
	  "'192.0.2.2']",
	  "ipv4-addr 192.0.2.1, ipv4-addr 192.0.2.2" },
	{ "[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2')]",
	  "ipv4-addr 192.0.2.1, ipv4-addr 192.0.2.2" },
	{ "[domain-name:value IN('a.example')]", "domain-name a.example" },
	{ "[ipv4-addr:value ISSUBSET '192.0.2.0/24']",
	  "ipv4-addr 192.0.2.0/24" },
	{ "[network-traffic:dst_ref.value ISSUBSET '2001:db8::/32']",
	  "ipv4-addr 2001:db8::/32" },
	{ "[domain-name:value LIKE '%.bad.example']",
	  "domain-name .bad.example" },
	{ "[domain-name:value LIKE 'bad.example']", "domain-name bad.example" },
	{ "[url:value LIKE 'http://bad.example/']", "url http://bad.example/" },
	/* AND: the most selective is the key. */
	{ "[file:name = 'n' AND file:hashes.MD5 = '" H32 "']",
	  "file " H32 " ?1" },
	{ "[file:hashes.MD5 = '" H32 "' AND file:hashes.'SHA-256' = '" H64 "']",
	  "file " H64 " ?1" },
	{ "[file:hashes.'SHA-256' = '" H64 "' AND file:hashes.MD5 = '" H32 "']",
	  "file " H64 " ?1" },
	{ "[url:value = 'http://a.example/' AND file:hashes.MD5 = '" H32 "']",
	  "file " H32 " ?1" },
	{ "[ipv4-addr:value = '192.0.2.1' AND domain-name:value = "
	  "'a.example']",
	  "ipv4-addr 192.0.2.1 ?1" },
	{ "[domain-name:value = 'a.example' AND url:value = "
	  "'http://a.example/x']",
	  "url http://a.example/x ?1" },
	{ "[domain-name:value = 'a.example' AND "
	  "domain-name:resolves_to_refs[*].value = '192.0.2.1']",
	  "domain-name a.example ?1" },
	{ "[network-traffic:dst_ref.type = 'ipv4-addr' AND "
	  "network-traffic:dst_ref.value = '192.0.2.1' AND "
	  "network-traffic:dst_port = '443']",
	  "ip-port 192.0.2.1:443" },
	{ "[network-traffic:dst_port = 443 AND network-traffic:dst_ref.value "
	  "= '2001:db8::1']",
	  "ip-port [2001:db8::1]:443" },
	{ "[ipv4-addr:value = '192.0.2.1' AND network-traffic:dst_port = 80]",
	  "ip-port 192.0.2.1:80" },
	{ "[network-traffic:src_ref.value = '192.0.2.1' AND "
	  "network-traffic:src_port = 80]",
	  "ip-port 192.0.2.1:80" },
	{ "[network-traffic:src_ref.value = '192.0.2.1' AND "
	  "network-traffic:dst_port = 80]",
	  "ipv4-addr 192.0.2.1 ?1" },
	{ "[network-traffic:dst_ref.value = '192.0.2.0/24' AND "
	  "network-traffic:dst_port = 80]",
	  "ipv4-addr 192.0.2.0/24 ?1" },
	{ "[network-traffic:dst_ref.value = 'a.example' AND "
	  "network-traffic:dst_port = 80]",
	  "domain-name a.example ?1" },
	{ "[network-traffic:dst_ref.value = '192.0.2.1' AND "
	  "network-traffic:dst_port = 80 AND network-traffic:protocols[*] = "
	  "'tcp']",
	  "ip-port 192.0.2.1:80 ?1" },
	{ "[network-traffic:src_ref.value = '192.0.2.1' AND "
	  "network-traffic:dst_ref.value = '192.0.2.2']",
	  "ipv4-addr 192.0.2.1 ?1" },
	{ "[url:value = 'http://a.example/' AND network-traffic:dst_port = 80]",
	  "url http://a.example/ ?1" },
	{ "[email-message:from_ref.value = 'a@b.example' AND "
	  "email-message:subject = 'x']",
	  "email-addr a@b.example ?1" },
	/* AND before OR, and over parentheses. */
	{ "[domain-name:value = 'a.example' AND network-traffic:dst_port = 1 "
	  "OR domain-name:value = 'b.example']",
	  "domain-name a.example ?1, domain-name b.example" },
	{ "[domain-name:value = 'b.example' OR domain-name:value = "
	  "'a.example' AND network-traffic:dst_port = 1]",
	  "domain-name b.example, domain-name a.example ?1" },
	{ "[network-traffic:dst_port = 443 AND (ipv4-addr:value = "
	  "'192.0.2.1' OR ipv4-addr:value = '192.0.2.2')]",
	  "ip-port 192.0.2.1:443, ip-port 192.0.2.2:443" },
	{ "[(ipv4-addr:value = '192.0.2.1' OR ipv4-addr:value = '192.0.2.2') "
	  "AND (network-traffic:dst_port = 1 OR network-traffic:dst_port = "
	  "2)]",
	  "ip-port 192.0.2.1:1, ip-port 192.0.2.1:2, ip-port 192.0.2.2:1, "
	  "ip-port 192.0.2.2:2" },
	{ "[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2') AND "
	  "network-traffic:dst_port IN (1, 2)]",
	  "ip-port 192.0.2.1:1, ip-port 192.0.2.1:2, ip-port 192.0.2.2:1, "
	  "ip-port 192.0.2.2:2" },
	/* Of hosts alone, or nothing that could be a key. */
	{ "[file:name = 'evil.exe']", "+1 host" },
	{ "[process:command_line = 'x -y']", "+1 host" },
	{ "[windows-registry-key:key = 'HKLM\\\\x']", "+1 host" },
	{ "[windows-registry-key:values[0].name = 'x']", "+1 host" },
	{ "[mutex:name = 'x']", "+1 host" },
	{ "[mac-addr:value = '00:00:5e:00:53:01']", "+1 host" },
	{ "[file:hashes.'SHA-512' = 'aa']", "+1 host" },
	{ "[file:hashes.ssdeep = 'aa']", "+1 host" },
	{ "[x509-certificate:hashes.'SHA-256' = '" H64 "']", "+1 host" },
	{ "[x509-certificate:issuer = 'x' AND "
	  "x509-certificate:serial_number = '1a']",
	  "+1 host" },
	{ "[file:size = 25 AND file:created = t'2026-01-01T00:00:00Z']",
	  "+1 host" },
	{ "[file:name LIKE '%.exe']", "+1 host" },
	{ "[file:is_directory = true]", "+1 host" },
	{ "[process:x = h'ab' OR process:y = b'cd']", "+2 host" },
	{ "[file:name = 'a' OR domain-name:value = 'a.example']",
	  "domain-name a.example +1 host" },
	{ "[x-own:thing.'any key'[3].sub-key = -1.5]", "+1 host" },
	{ "[domain-name:resolves_to_refs[*].value = '192.0.2.1']", "+1 host" },
	{ "[network-traffic:dst_port = 8080]", "+1 keyless" },
	{ "[network-traffic:protocols[0] = 'http']", "+1 keyless" },
	/* Refused by name. */
	{ "[a:b = 'c'] FOLLOWEDBY [a:b = 'd']", "FOLLOWEDBY" },
	{ "[a:b = 'c'] AND [a:b = 'd']", "AND" },
	{ "([a:b = 'c'] OR [a:b = 'e']) AND [a:b = 'd']", "AND" },
	{ "[a:b = 'c'] OR [a:b = 'e'] AND [a:b = 'd']", "AND" },
	{ "[a:b = 'c'] WITHIN 5 SECONDS", "WITHIN" },
	{ "([a:b = 'c'] OR [a:b = 'd']) WITHIN 5 SECONDS", "WITHIN" },
	{ "[a:b = 'c'] REPEATS 5 TIMES", "REPEATS" },
	{ "[a:b = 'c'] START t'2026-01-01T00:00:00Z' STOP "
	  "t'2026-02-01T00:00:00Z'",
	  "START" },
	{ "[a:b NOT = 'c']", "NOT" },
	{ "[NOT a:b = 'c']", "NOT" },
	{ "[a:b != 'c']", "NOT" },
	{ "[a:b <> 'c']", "NOT" },
	{ "[a:b NOT IN ('c')]", "NOT" },
	{ "[a:b = 'x' OR a:b NOT LIKE 'c']", "NOT" },
	{ "[domain-name:value MATCHES '.*']", "MATCHES" },
	{ "[file:name MATCHES '^x$']", "MATCHES" },
	{ "[domain-name:value LIKE '%bad.example']", "LIKE" },
	{ "[domain-name:value LIKE 'bad%']", "LIKE" },
	{ "[domain-name:value LIKE '%.b_d.example']", "LIKE" },
	{ "[domain-name:value LIKE '%.']", "LIKE" },
	{ "[url:value LIKE 'http://bad.example/%']", "LIKE" },
	{ "[a:b > 5]", "ORDER" },
	{ "[a:b >= 5]", "ORDER" },
	{ "[a:b < 5]", "ORDER" },
	{ "[a:b <= 5]", "ORDER" },
	{ "[EXISTS a:b]", "EXISTS" },
	{ "[ipv4-addr:value ISSUPERSET '192.0.2.1']", "SUPERSET" },
	{ "[domain-name:value ISSUBSET '192.0.2.0/24']", "OPERAND" },
	{ "[ipv4-addr:value ISSUBSET 'x']", "OPERAND" },
	{ "[domain-name:value = true]", "OPERAND" },
	{ "[domain-name:value = t'2026-01-01T00:00:00Z']", "OPERAND" },
	/* No patterns. */
	{ "", "SYNTAX" },
	{ " ", "SYNTAX" },
	{ "bad.example", "SYNTAX" },
	{ "[]", "SYNTAX" },
	{ "[domain-name:value]", "SYNTAX" },
	{ "[domain-name:value = ]", "SYNTAX" },
	{ "[domain-name:value = '']", "SYNTAX" },
	{ "[domain-name:value = 'x]", "SYNTAX" },
	{ "[domain-name:value = 'x\\']", "SYNTAX" },
	{ "[domain-name:value = 'x'", "SYNTAX" },
	{ "domain-name:value = 'x'", "SYNTAX" },
	{ "[domain-name:value = 'x']]", "SYNTAX" },
	{ "[domain-name:value = 'x'] x", "SYNTAX" },
	{ "[domain-name:value = 'x'] OR", "SYNTAX" },
	{ "[domain-name:value = 'x' OR]", "SYNTAX" },
	{ "[domain-name:value = 'x' or domain-name:value = 'y']", "SYNTAX" },
	{ "[domain-name:value = \"x\"]", "SYNTAX" },
	{ "[domain-name:value = x]", "SYNTAX" },
	{ "[domain-name:value = 1.2.3]", "SYNTAX" },
	{ "[domain-name.value = 'x']", "SYNTAX" },
	{ "[domain-name: = 'x']", "SYNTAX" },
	{ "[domain-name:value. = 'x']", "SYNTAX" },
	{ "[domain-name:value[] = 'x']", "SYNTAX" },
	{ "[domain-name:value[x] = 'x']", "SYNTAX" },
	{ "[domain-name:value[1 = 'x']", "SYNTAX" },
	{ "[domain-name:value IN 'x']", "SYNTAX" },
	{ "[domain-name:value IN ()]", "SYNTAX" },
	{ "[domain-name:value IN ('x']", "SYNTAX" },
	{ "[(domain-name:value = 'x']", "SYNTAX" },
	{ "([domain-name:value = 'x']", "SYNTAX" },
	{ "[network-traffic:dst_port = 0]", "SYNTAX" },
	{ "[network-traffic:dst_port = 65536]", "SYNTAX" },
	{ "[network-traffic:dst_port = '-1']", "SYNTAX" },
	{ "/* [domain-name:value = 'x']", "SYNTAX" },
	{ "/", "SYNTAX" },
};

#define WORD(name, text) #name,
static const char *const refusals[] = { PK_STIX_REFUSALS(WORD) };

static void describe(const struct pk_stix_pattern *p, FILE *f)
{
	const char *gap = "";

	for (unsigned i = 0; i < pk_stix_pattern_count(p); i++, gap = ", ") {
		struct pk_stix_value v;

		pk_stix_pattern_value(p, i, &v);
		fprintf(f, "%s%s %.*s", gap, pk_indicator_type_word(v.type),
			(int)v.len, v.text);
		if (v.unchecked)
			fprintf(f, " ?%u", v.unchecked);
	}
	gap = *gap ? " " : "";
	if (pk_stix_pattern_host_only(p)) {
		fprintf(f, "%s+%u host", gap, pk_stix_pattern_host_only(p));
		gap = " ";
	}
	if (pk_stix_pattern_keyless(p))
		fprintf(f, "%s+%u keyless", gap, pk_stix_pattern_keyless(p));
}

static void assert_row(struct pk_stix_pattern *p, const struct row *row)
{
	size_t len = strlen(row->pattern), got_len;
	char *copy = malloc(len + !len), *got;
	FILE *f = open_memstream(&got, &got_len);
	enum pk_stix_refusal why;

	memcpy(copy, row->pattern, len); /* no NUL behind it */
	why = pk_stix_pattern_parse(p, copy, len);
	free(copy);
	if (why)
		fputs(refusals[why], f);
	else
		describe(p, f);
	fclose(f);
	if (strcmp(got, row->want) != 0)
		print_error("%s\n", row->pattern);
	assert_string_equal(got, row->want);
	assert_in_range(pk_stix_pattern_at(p), 0, len);
	free(got);
}

static void every_pattern_comes_to_what_the_table_says(void **state)
{
	struct pk_stix_pattern *p;

	(void)state;
	assert_int_equal(pk_stix_pattern_new(&p), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_row(p, &rows[i]);
	pk_stix_pattern_free(p);
}

/* @n times @unit behind @head, with @gap between. */
static char *repeat(const char *head, const char *unit, const char *gap,
		    unsigned n, const char *tail)
{
	size_t len;
	char *text;
	FILE *f = open_memstream(&text, &len);

	fputs(head, f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%s%s", i ? gap : "", unit);
	fputs(tail, f);
	fclose(f);
	return text;
}

static enum pk_stix_refusal parse(struct pk_stix_pattern *p, char *text)
{
	enum pk_stix_refusal why = pk_stix_pattern_parse(p, text, strlen(text));

	free(text);
	return why;
}

static void patterns_are_bounded(void **state)
{
	static const char one[] = "domain-name:value = 'a.example'";
	struct pk_stix_pattern *p;

	(void)state;
	assert_int_equal(pk_stix_pattern_new(&p), 0);
	assert_int_equal(
		parse(p, repeat("[", one, " OR ", PK_STIX_BRANCHES, "]")),
		PK_STIX_NONE);
	assert_int_equal(pk_stix_pattern_count(p), PK_STIX_BRANCHES);
	assert_int_equal(
		parse(p, repeat("[", one, " OR ", PK_STIX_BRANCHES + 1, "]")),
		PK_STIX_LARGE);
	/* 2 ^ 15 branches of a text of 15 * 40 bytes. */
	assert_int_equal(parse(p, repeat("[", "(a:b = 'c' OR a:b = 'd')",
					 " AND ", 15, "]")),
			 PK_STIX_LARGE);
	assert_int_equal(parse(p, repeat("[", "(a:b = 'c' OR a:b = 'd')",
					 " AND ", 14, "]")),
			 PK_STIX_NONE);
	assert_int_equal(pk_stix_pattern_host_only(p), 1 << 14);
	/* Few branches, but the work adds up. */
	assert_int_equal(parse(p, repeat("[a:b IN (1,2,3,4,5,6,7,8,9,10) AND ",
					 "a:b = 'c'", " AND ", 150000, "]")),
			 PK_STIX_LARGE);
	assert_int_equal(parse(p, repeat("[", "(", "", PK_STIX_LEVELS + 1, "")),
			 PK_STIX_LARGE);
	assert_int_equal(parse(p, repeat("", "(", "", PK_STIX_LEVELS + 1, "")),
			 PK_STIX_LARGE);
	assert_int_equal(parse(p, repeat("[", "(", "", PK_STIX_LEVELS, "")),
			 PK_STIX_SYNTAX);
	assert_int_equal(parse(p, repeat("[a:", "b", "", 300, " = 'c']")),
			 PK_STIX_LARGE);
	assert_int_equal(
		parse(p, repeat("", "x", "", PK_STIX_PATTERN_MAX + 1, "")),
		PK_STIX_LARGE);
	pk_stix_pattern_free(p);
}

static void refusals_have_sentences(void **state)
{
	(void)state;
	for (int i = 1; i < PK_STIX_COUNT; i++)
		assert_true(*pk_stix_refusal_text((enum pk_stix_refusal)i));
	assert_string_equal(pk_stix_refusal_text(PK_STIX_COUNT), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pattern_comes_to_what_the_table_says),
		cmocka_unit_test(patterns_are_bounded),
		cmocka_unit_test(refusals_have_sentences),
	};

	return cmocka_run_group_tests_name("stix_pattern", tests, NULL, NULL);
}
