/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/indicator.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Reasons, with the text so that a failure names it. */
static void assert_reason(const char *text, enum pk_refused got,
			  enum pk_refused want)
{
	if (got != want)
		fail_msg("\"%s\": %s instead of %s", text, pk_refused_word(got),
			 pk_refused_word(want));
}

static enum pk_refused parse(const char *text, struct pk_indicator *ind,
			     char out[PK_VALUE_TEXT_MAX])
{
	enum pk_refused why;

	pk_indicator_init(ind);
	why = pk_indicator_parse(ind, text, strlen(text));
	if (!why)
		pk_indicator_print(ind, out);
	return why;
}

static void values_have_one_canonical_form(void **state)
{
	static const struct {
		const char *text, *canonical;
		int type;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", PK_INDICATOR_IPV4 },
		{ "192.0.2.1/32", "192.0.2.1", PK_INDICATOR_IPV4 },
		{ "0.0.0.0", "0.0.0.0", PK_INDICATOR_IPV4 },
		{ "255.255.255.255", "255.255.255.255", PK_INDICATOR_IPV4 },
		{ "::ffff:192.0.2.1", "192.0.2.1", PK_INDICATOR_IPV4 },
		{ "::FFFF:c000:201/128", "192.0.2.1", PK_INDICATOR_IPV4 },
		/* RFC 5952 sections 4.1, 4.2.1, 4.2.2, 4.2.3, 4.3 */
		{ "2001:0db8::0001", "2001:db8::1", PK_INDICATOR_IPV6 },
		{ "2001:db8:0:0:0:0:2:1", "2001:db8::2:1", PK_INDICATOR_IPV6 },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1",
		  PK_INDICATOR_IPV6 },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1", PK_INDICATOR_IPV6 },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1",
		  PK_INDICATOR_IPV6 },
		{ "2001:DB8::ABCD", "2001:db8::abcd", PK_INDICATOR_IPV6 },
		{ "::", "::", PK_INDICATOR_IPV6 },
		{ "192.0.2.0/24", "192.0.2.0/24", PK_INDICATOR_IPV4_NET },
		{ "192.0.2.77/24", "192.0.2.0/24", PK_INDICATOR_IPV4_NET },
		{ "192.0.2.77/25", "192.0.2.0/25", PK_INDICATOR_IPV4_NET },
		{ "0.0.0.0/0", "0.0.0.0/0", PK_INDICATOR_IPV4_NET },
		{ "::ffff:192.0.2.0/120", "192.0.2.0/24",
		  PK_INDICATOR_IPV4_NET },
		{ "::ffff:0:0/96", "0.0.0.0/0", PK_INDICATOR_IPV4_NET },
		{ "::ffff:1.2.3.4/32", "::/32", PK_INDICATOR_IPV6_NET },
		{ "2001:db8::1/32", "2001:db8::/32", PK_INDICATOR_IPV6_NET },
		{ "2001:db8::1/128", "2001:db8::1", PK_INDICATOR_IPV6 },
		{ "::/0", "::/0", PK_INDICATOR_IPV6_NET },
		{ "192.0.2.1:443", "192.0.2.1:443", PK_INDICATOR_IP_PORT },
		{ "192.0.2.1:00080", "192.0.2.1:80", PK_INDICATOR_IP_PORT },
		{ "[2001:DB8::1]:65535", "[2001:db8::1]:65535",
		  PK_INDICATOR_IP_PORT },
		{ "[::ffff:192.0.2.1]:1", "192.0.2.1:1", PK_INDICATOR_IP_PORT },
		{ "Evil.Example.", "evil.example", PK_INDICATOR_DOMAIN },
		{ ".evil.example", "evil.example", PK_INDICATOR_DOMAIN },
		{ "*.evil.example", "evil.example", PK_INDICATOR_DOMAIN },
		{ "=evil.example", "evil.example", PK_INDICATOR_DOMAIN },
		{ "10.0.0.example", "10.0.0.example", PK_INDICATOR_DOMAIN },
		{ "dead.beef", "dead.beef", PK_INDICATOR_DOMAIN },
		{ "asia", "asia", PK_INDICATOR_DOMAIN },
		{ "Boss@Phish.Example", "boss@phish.example",
		  PK_INDICATOR_EMAIL },
		{ "a+b.c@b\xc3\xbc"
		  "cher.example",
		  "a+b.c@xn--bcher-kva.example", PK_INDICATOR_EMAIL },
		{ "D41D8CD98F00B204E9800998ECF8427E",
		  "d41d8cd98f00b204e9800998ecf8427e", PK_INDICATOR_FILE },
		{ "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		  "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		  PK_INDICATOR_FILE },
		{ "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852"
		  "b855",
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852"
		  "b855",
		  PK_INDICATOR_FILE },
		{ "AS64500", "AS64500", PK_INDICATOR_ASN },
		{ "as4294967295", "AS4294967295", PK_INDICATOR_ASN },
	};
	char text[PK_VALUE_TEXT_MAX];
	struct pk_indicator ind;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		assert_reason(rows[i].text, parse(rows[i].text, &ind, text),
			      PK_REFUSED_NONE);
		assert_string_equal(text, rows[i].canonical);
		assert_int_equal(ind.type, rows[i].type);
	}
}

static void other_text_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *text;
		enum pk_refused why;
	} rows[] = {
		{ "", PK_REFUSED_EMPTY },
		{ "10.0.0.256", PK_REFUSED_ADDRESS },
		{ "10.0.0", PK_REFUSED_ADDRESS },
		{ "12345", PK_REFUSED_ADDRESS },
		{ "010.0.0.1", PK_REFUSED_ADDRESS },
		{ "1.2.3.4.", PK_REFUSED_ADDRESS },
		{ "1.2.3.4/33", PK_REFUSED_PREFIX },
		{ "1.2.3.4/032", PK_REFUSED_PREFIX },
		{ "2001:db8::1/129", PK_REFUSED_PREFIX },
		{ "1.2.3.256/24", PK_REFUSED_ADDRESS },
		{ "fe80::1%eth0", PK_REFUSED_ADDRESS },
		{ "2001:db8::1::2", PK_REFUSED_ADDRESS },
		{ "1.2.3.4:0", PK_REFUSED_PORT },
		{ "1.2.3.4:65536", PK_REFUSED_PORT },
		{ "1.2.3.4:", PK_REFUSED_PORT },
		{ "1.2.3.256:80", PK_REFUSED_ADDRESS },
		{ "[2001:db8::1]", PK_REFUSED_PORT },
		{ "[192.0.2.1]:80", PK_REFUSED_ADDRESS },
		{ "evil.example:8080", PK_REFUSED_NAME_PORT },
		{ "boss@", PK_REFUSED_EMAIL },
		{ "@phish.example", PK_REFUSED_EMAIL },
		{ "\"a b\"@phish.example", PK_REFUSED_EMAIL },
		{ "boss@phish..example", PK_REFUSED_NAME_EMPTY_LABEL },
		{ "boss@192.0.2.1", PK_REFUSED_NAME_NUMERIC },
		{ "d41d8cd98f00b204e9800998ecf8427", PK_REFUSED_HASH },
		{ "d41d8cd98f00b204e9800998ecf8427e0", PK_REFUSED_HASH },
		{ "as0", PK_REFUSED_ASN },
		{ "AS4294967296", PK_REFUSED_ASN },
		{ "a.b.7", PK_REFUSED_NAME_NUMERIC },
		{ "/izuku.sh", PK_REFUSED_URL_HOST },
		{ ".", PK_REFUSED_NAME_EMPTY_LABEL },
		{ "..", PK_REFUSED_NAME_EMPTY_LABEL },
		{ "*", PK_REFUSED_NAME_CHARACTER },
		{ "*.", PK_REFUSED_NAME_CHARACTER },
		{ "+.", PK_REFUSED_NAME_CHARACTER },
		{ "+a.example", PK_REFUSED_NAME_CHARACTER },
		{ "=", PK_REFUSED_NAME_CHARACTER },
	};
	char text[PK_VALUE_TEXT_MAX];
	struct pk_indicator ind;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		assert_reason(rows[i].text, parse(rows[i].text, &ind, text),
			      rows[i].why);
	}
}

static void marks_tell_what_a_name_covers(void **state)
{
	static const struct {
		const char *text;
		int match;
	} rows[] = {
		{ "a.example", PK_MATCH_SUBDOMAINS },
		{ ".a.example", PK_MATCH_SUBDOMAINS },
		{ "*.a.example", PK_MATCH_SUBDOMAINS },
		{ "=a.example", PK_MATCH_EXACT },
		{ "+.a.example", PK_MATCH_ONE_LABEL },
	};
	char text[PK_VALUE_TEXT_MAX];
	struct pk_indicator ind;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		assert_int_equal(parse(rows[i].text, &ind, text), 0);
		assert_int_equal(ind.match, rows[i].match);
		assert_string_equal(text, "a.example");
	}
}

static void cleared_host_bits_are_noted(void **state)
{
	static const struct {
		const char *text;
		unsigned notes;
	} rows[] = { { "192.0.2.0/24", 0 },
		     { "192.0.2.1/24", PK_NOTE_HOST_BITS },
		     { "192.0.2.128/25", 0 },
		     { "192.0.2.128/24", PK_NOTE_HOST_BITS },
		     { "192.0.2.1/32", 0 },
		     { "2001:db8::1/64", PK_NOTE_HOST_BITS } };
	struct pk_indicator ind;
	unsigned notes;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		pk_indicator_init(&ind);
		assert_int_equal(
			pk_indicator_parse_as(&ind, PK_INDICATOR_TYPE_COUNT,
					      rows[i].text,
					      strlen(rows[i].text), &notes),
			0);
		assert_int_equal(notes, rows[i].notes);
	}
}

/* --- by type -------------------------------------------------------------- */

static void types_that_text_does_not_tell(void **state)
{
	static const struct {
		int type;
		const char *text, *canonical; /* NULL: refused */
		enum pk_refused why;
	} rows[] = {
		{ PK_INDICATOR_JA3, "0123456789ABCDEF0123456789abcdef",
		  "0123456789abcdef0123456789abcdef", 0 },
		{ PK_INDICATOR_JA3, "0123456789abcdef0123456789abcde", NULL,
		  PK_REFUSED_JA3 },
		{ PK_INDICATOR_JA3, "0123456789abcdef0123456789abcdeg", NULL,
		  PK_REFUSED_JA3 },
		{ PK_INDICATOR_JA3, "", NULL, PK_REFUSED_EMPTY },
		{ PK_INDICATOR_JA4, "t13d1516h2_8daaf6152771_02713d6af862",
		  "t13d1516h2_8daaf6152771_02713d6af862", 0 },
		{ PK_INDICATOR_JA4, "T13D1516H2_8DAAF6152771_02713D6AF862",
		  "t13d1516H2_8daaf6152771_02713d6af862", 0 },
		{ PK_INDICATOR_JA4, "q13i0300h3_000000000000_000000000000",
		  "q13i0300h3_000000000000_000000000000", 0 },
		{ PK_INDICATOR_JA4, "x13d1516h2_8daaf6152771_02713d6af862",
		  NULL, PK_REFUSED_JA4 },
		{ PK_INDICATOR_JA4, "t13d15161h_8daaf6152771_02713d6af86", NULL,
		  PK_REFUSED_JA4 },
		{ PK_INDICATOR_JA4, "t13d1516h2-8daaf6152771-02713d6af862",
		  NULL, PK_REFUSED_JA4 },
		{ PK_INDICATOR_JA4, "t13d15z6h2_8daaf6152771_02713d6af862",
		  NULL, PK_REFUSED_JA4 },
		{ PK_INDICATOR_CERT, "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
		  "da39a3ee5e6b4b0d3255bfef95601890afd80709", 0 },
		{ PK_INDICATOR_CERT,
		  "DA:39:A3:EE:5E:6B:4B:0D:32:55:BF:EF:95:60:18:90:AF:D8:07:09",
		  "da39a3ee5e6b4b0d3255bfef95601890afd80709", 0 },
		{ PK_INDICATOR_CERT,
		  "DA:39:A3:EE:5E:6B:4B:0D:32:55:BF:EF:95:60:18:90:AF:D8:07.09",
		  NULL, PK_REFUSED_CERT },
		{ PK_INDICATOR_CERT, "d41d8cd98f00b204e9800998ecf8427e", NULL,
		  PK_REFUSED_CERT },
		{ PK_INDICATOR_USER_AGENT, "Mozilla/5.0 (X; Y) # ok",
		  "Mozilla/5.0 (X; Y) # ok", 0 },
		{ PK_INDICATOR_USER_AGENT, "a\tb", NULL,
		  PK_REFUSED_USER_AGENT },
		{ PK_INDICATOR_USER_AGENT, "a\xff", NULL, PK_REFUSED_ENCODING },
		{ PK_INDICATOR_ASN, "64500", "AS64500", 0 },
		{ PK_INDICATOR_ASN, "AS1.10", NULL, PK_REFUSED_ASN },
		{ PK_INDICATOR_ASN, "AS", NULL, PK_REFUSED_ASN },
		{ PK_INDICATOR_FILE, "zz", NULL, PK_REFUSED_HASH },
		{ PK_INDICATOR_IPV4, "2001:db8::/32", "2001:db8::/32", 0 },
		{ PK_INDICATOR_IPV4, "a.example", NULL, PK_REFUSED_ADDRESS },
		{ PK_INDICATOR_IP_PORT, "192.0.2.1", NULL, PK_REFUSED_ADDRESS },
		{ PK_INDICATOR_DOMAIN, "192.0.2.1", NULL,
		  PK_REFUSED_NAME_NUMERIC },
		{ PK_INDICATOR_EMAIL, "a.example", NULL, PK_REFUSED_EMAIL },
	};
	char text[PK_VALUE_TEXT_MAX];
	struct pk_indicator ind;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		enum pk_refused why;

		pk_indicator_init(&ind);
		why = pk_indicator_parse_as(
			&ind, (enum pk_indicator_type)rows[i].type,
			rows[i].text, strlen(rows[i].text), NULL);
		assert_reason(rows[i].text, why, rows[i].why);
		if (why)
			continue;
		pk_indicator_print(&ind, text);
		assert_string_equal(text, rows[i].canonical);
	}
}

static void user_agents_end_at_2048_bytes(void **state)
{
	char text[PK_VALUE_MAX + 1];
	struct pk_indicator ind;

	(void)state;
	memset(text, 'a', sizeof(text));
	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse_as(&ind, PK_INDICATOR_USER_AGENT,
					       text, PK_VALUE_MAX, NULL),
			 0);
	assert_int_equal(pk_indicator_parse_as(&ind, PK_INDICATOR_USER_AGENT,
					       text, PK_VALUE_MAX + 1, NULL),
			 PK_REFUSED_USER_AGENT);
}

static void urls_are_canonical(void **state)
{
	static const struct {
		const char *text, *canonical; /* NULL: refused */
		enum pk_refused why;
	} rows[] = {
		{ "HTTP://Evil.Example", "http://evil.example/", 0 },
		{ "http://evil.example:80/A?b=C#frag",
		  "http://evil.example/A?b=C", 0 },
		{ "https://evil.example:443/", "https://evil.example/", 0 },
		{ "https://evil.example:80/", "https://evil.example:80/", 0 },
		{ "http://evil.example:/x", "http://evil.example/x", 0 },
		{ "http://evil.example:08080/x", "http://evil.example:8080/x",
		  0 },
		{ "http://evil.example?x=1", "http://evil.example/?x=1", 0 },
		{ "http://evil.example#x", "http://evil.example/", 0 },
		{ "http://user:pw@evil.example/", "http://evil.example/", 0 },
		{ "http://good.example@evil.example/", "http://evil.example/",
		  0 },
		{ "http://evil.example./x", "http://evil.example/x", 0 },
		{ "http://b\xc3\xbc"
		  "cher.example/\xc3\xbc",
		  "http://xn--bcher-kva.example/\xc3\xbc", 0 },
		{ "http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x",
		  0 },
		{ "http://[::ffff:192.0.2.1]/x", "http://192.0.2.1/x", 0 },
		{ "http://192.0.2.1", "http://192.0.2.1/", 0 },
		{ "ftp://evil.example:21/x", "ftp://evil.example/x", 0 },
		{ "evil.example/a/%2e%2E/b", "//evil.example/a/%2e%2E/b", 0 },
		{ "evil.example:8080/", "//evil.example:8080/", 0 },
		{ "evil.example:80/", "//evil.example:80/", 0 },
		{ "evil.example?x", "//evil.example/?x", 0 },
		{ "192.0.2.1/", "//192.0.2.1/", 0 },
		{ "192.0.2.1/24/x", "//192.0.2.1/24/x", 0 },
		{ "192.0.2.1:8080/x", "//192.0.2.1:8080/x", 0 },
		{ "//Evil.Example/x", "//evil.example/x", 0 },
		{ "http://evil.example/@x", "http://evil.example/@x", 0 },
		{ "http:///x", NULL, PK_REFUSED_URL_HOST },
		{ "/x/y", NULL, PK_REFUSED_URL_HOST },
		{ "http://", NULL, PK_REFUSED_URL_HOST },
		{ "http://:80/", NULL, PK_REFUSED_URL_HOST },
		{ "http://evil.example:0/", NULL, PK_REFUSED_PORT },
		{ "http://evil.example:x/", NULL, PK_REFUSED_PORT },
		{ "http://evil.example:65536/", NULL, PK_REFUSED_PORT },
		{ "http://[2001:db8::1/x", NULL, PK_REFUSED_URL_HOST },
		{ "http://[evil.example]/x", NULL, PK_REFUSED_ADDRESS },
		{ "http://2001:db8::1/x", NULL, PK_REFUSED_URL_HOST },
		{ "http://3232235777/x", NULL, PK_REFUSED_NAME_NUMERIC },
		{ "http://evil%2eexample/x", NULL, PK_REFUSED_NAME_CHARACTER },
		{ "http://evil..example/x", NULL, PK_REFUSED_NAME_EMPTY_LABEL },
		{ "http://evil.example/a b", NULL, PK_REFUSED_URL },
		{ "http://evil.example/\xff", NULL, PK_REFUSED_ENCODING },
		{ "http://evil.example/\xe2\x80\x8b", NULL,
		  PK_REFUSED_CONFUSABLE },
		{ "1http://evil.example/", NULL, PK_REFUSED_URL },
		{ "hxxp://evil.example/", NULL, PK_REFUSED_DEFANGED },
		{ "meow://evil.example/", NULL, PK_REFUSED_DEFANGED },
	};
	char text[PK_VALUE_TEXT_MAX], again[PK_VALUE_TEXT_MAX];
	struct pk_indicator ind;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		enum pk_refused why = parse(rows[i].text, &ind, text);

		assert_reason(rows[i].text, why, rows[i].why);
		if (why)
			continue;
		assert_string_equal(text, rows[i].canonical);
		assert_int_equal(ind.type, PK_INDICATOR_URL);
		/* Canonical is canonical. */
		assert_int_equal(parse(text, &ind, again), 0);
		assert_string_equal(text, again);
	}
}

static void urls_end_at_2048_bytes(void **state)
{
	char url[PK_VALUE_MAX + 64], text[PK_VALUE_TEXT_MAX];
	struct pk_indicator ind;
	int n = sprintf(url, "http://evil.example/");

	(void)state;
	memset(url + n, 'a', sizeof(url) - (size_t)n);
	url[PK_VALUE_MAX] = 0;
	assert_int_equal(parse(url, &ind, text), 0);
	assert_int_equal(strlen(text), PK_VALUE_MAX);
	url[PK_VALUE_MAX] = 'a';
	url[PK_VALUE_MAX + 1] = 0;
	assert_int_equal(parse(url, &ind, text), PK_REFUSED_URL_LONG);
	/* What does not count may be long. */
	url[100] = '#';
	assert_int_equal(parse(url, &ind, text), 0);
	assert_int_equal(strlen(text), 100);
}

static void hosts_of_urls_and_mails_are_derived(void **state)
{
	static const struct {
		const char *text, *host; /* NULL: has none */
		int type;
	} rows[] = {
		{ "http://evil.example:8080/x", "evil.example",
		  PK_INDICATOR_DOMAIN },
		{ "evil.example/x://y", "evil.example", PK_INDICATOR_DOMAIN },
		{ "http://192.0.2.1/", "192.0.2.1", PK_INDICATOR_IPV4 },
		{ "http://[2001:db8::1]:1/", "2001:db8::1", PK_INDICATOR_IPV6 },
		{ "a@b.example", "b.example", PK_INDICATOR_DOMAIN },
		{ "192.0.2.1:443", "192.0.2.1", PK_INDICATOR_IPV4 },
		{ "b.example", NULL, 0 },
		{ "192.0.2.1", NULL, 0 },
	};
	struct pk_indicator ind, host;
	char text[PK_VALUE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		int err;

		assert_int_equal(parse(rows[i].text, &ind, text), 0);
		ind.meta.confidence = 80;
		ind.feed = 7;
		pk_indicator_init(&host);
		err = pk_indicator_host(&ind, &host);
		assert_int_equal(!err, rows[i].host != NULL);
		if (err)
			continue;
		pk_indicator_print(&host, text);
		assert_string_equal(text, rows[i].host);
		assert_int_equal(host.type, rows[i].type);
		assert_int_equal(host.match, PK_MATCH_EXACT);
		assert_int_equal(host.meta.derived, 1);
		assert_int_equal(host.meta.confidence, 30);
		assert_int_equal(host.feed, 7);
	}
}

static void bytes_and_back_is_the_same_value(void **state)
{
	static const struct {
		const char *text;
		unsigned len;
	} rows[] = {
		{ "192.0.2.1", 4 },
		{ "2001:db8::1", 16 },
		{ "192.0.2.0/24", 5 },
		{ "0.0.0.0/0", 5 },
		{ "2001:db8::/32", 17 },
		{ "192.0.2.1:443", 18 },
		{ "[2001:db8::1]:443", 18 },
		{ "evil.example", 14 },
		{ "http://evil.example/x", 21 },
		{ "a@b.example", 11 },
		{ "d41d8cd98f00b204e9800998ecf8427e", 16 },
		{ "AS64500", 4 },
	};
	char text[PK_VALUE_TEXT_MAX], again[PK_VALUE_TEXT_MAX];
	uint8_t small[PK_SMALL_VALUE];
	struct pk_indicator ind, back;
	const uint8_t *bytes;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		unsigned len;

		assert_int_equal(parse(rows[i].text, &ind, text), 0);
		len = pk_indicator_bytes(&ind, small, &bytes);
		assert_int_equal(len, rows[i].len);
		pk_indicator_init(&back);
		back.type = ind.type;
		assert_int_equal(pk_indicator_set_bytes(&back, bytes, len), 0);
		pk_indicator_print(&back, again);
		assert_string_equal(text, again);
	}
}

static void bytes_that_no_value_has_are_refused(void **state)
{
	static const struct {
		uint8_t type, len;
		const char *bytes;
	} rows[] = {
		{ PK_INDICATOR_IPV4, 5, "\xc0\0\2\1\0" },
		{ PK_INDICATOR_IPV4_NET, 5, "\xc0\0\2\1\x18" }, /* host bit */
		{ PK_INDICATOR_IPV4_NET, 5, "\xc0\0\2\1\x20" },
		{ PK_INDICATOR_IP_PORT, 18, "1234567890123456\0\0" },
		{ PK_INDICATOR_ASN, 4, "\0\0\0\0" },
		{ PK_INDICATOR_DOMAIN, 1, "\0" },
		{ PK_INDICATOR_DOMAIN, 5, "\4evil" },
		{ PK_INDICATOR_DOMAIN, 7, "\4evil\0x" },
		{ PK_INDICATOR_FILE, 17, "12345678901234567" },
		{ PK_INDICATOR_URL, 0, "" },
		{ 99, 4, "1234" },
		/* IPv4 mapped is IPv4. */
		{ PK_INDICATOR_IPV6, 16,
		  "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1" },
	};
	struct pk_indicator ind;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		pk_indicator_init(&ind);
		ind.type = rows[i].type;
		assert_true(pk_indicator_set_bytes(
				    &ind, (const uint8_t *)rows[i].bytes,
				    rows[i].len) < 0);
	}
}

/* --- addresses: inet_pton() is the judge ---------------------------------- */

static int judge(const char *text, union pk_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, &addr->b[12]) == 1) {
		addr->b[10] = addr->b[11] = 0xff;
		return 0;
	}
	return inet_pton(AF_INET6, text, addr) == 1 ? 0 : -1;
}

static void agree(const char *text)
{
	union pk_addr want, got = { 0 };
	char printed[PK_ADDR_TEXT_MAX], judged[PK_ADDR_TEXT_MAX];
	int ok = !judge(text, &want);

	if (ok != !pk_addr_parse(&got, text) ||
	    (ok && memcmp(&want, &got, 16) != 0))
		fail_msg("differs from inet_pton(): \"%s\"", text);
	if (!ok)
		return;
	pk_addr_print(&got, printed);
	if (pk_is_v4(&got))
		inet_ntop(AF_INET, &want.b[12], judged, sizeof(judged));
	else
		inet_ntop(AF_INET6, &want, judged, sizeof(judged));
	assert_string_equal(printed, judged);
}

static void addresses_are_what_inet_pton_says(void **state)
{
	static const char *const rows[] = {
		"1.2.3.4",
		"0.0.0.0",
		"00.0.0.0",
		"1.2.3.04",
		"256.1.1.1",
		"1.1.1.1.1",
		"1.1.1",
		"1..1.1",
		".1.1.1.1",
		"1.1.1.1.",
		"1.1.1.1 ",
		" 1.1.1.1",
		"+1.1.1.1",
		"0x1.1.1.1",
		"1.1.1.1000",
		"::",
		":",
		":::",
		"1::",
		"::1",
		"1:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7::",
		"::2:3:4:5:6:7:8",
		"1::3:4:5:6:7:8",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7:8::",
		"::1:2:3:4:5:6:7:8",
		"1:2:3:4::5:6:7:8",
		"1::2::3",
		"12345::",
		"::12345",
		"::g",
		"::1.2.3.4",
		"::1.2.3",
		"::1.2.3.256",
		"1:2:3:4:5:6:1.2.3.4",
		"1:2:3:4:5:6:7:1.2.3.4",
		"::1.2.3.4:5",
		"::1.2.3.4.5",
		"::1:2:3:4:5:6:7:1.2.3.4",
		"1:2:3:4:5:6:7:",
		":1:2:3:4:5:6:7",
		"0001::",
		"00001::",
		"::ffff:1.2.3.4",
		"::FFFF:1.2.3.4",
		"fe80::1%1",
		"::01.2.3.4",
		"1.2.3.4::",
		"::%",
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++)
		agree(rows[i]);
}

static void addresses_agree_with_inet_pton_on_random_text(void **state)
{
	static const char some[] = "0123456789abcdefAF::::....gx% 12";
	char text[48];

	(void)state;
	srandom(11);
	for (int round = 0; round < 2000000; round++) {
		size_t len = (size_t)random() % 24;
		union pk_addr addr;

		for (size_t i = 0; i < len; i++)
			text[i] = some[(size_t)random() % (sizeof(some) - 1)];
		text[len] = 0;
		if (round % 4 == 0) {
			/* Real ones, and such with one wrong character. */
			for (unsigned i = 0; i < 16; i++)
				addr.b[i] =
					random() % 3 ? 0 : (uint8_t)random();
			inet_ntop(round % 8 ? AF_INET6 : AF_INET, &addr, text,
				  sizeof(text));
			if (round % 3 == 0)
				text[(size_t)random() % strlen(text)] =
					some[(size_t)random() %
					     (sizeof(some) - 1)];
		}
		agree(text);
	}
}

static void a_prefix_covers_what_its_bits_say(void **state)
{
	static const struct {
		const char *addr, *net;
		unsigned bits;
		int in;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.0", 24, 1 },
		{ "192.0.3.1", "192.0.2.0", 24, 0 },
		{ "192.0.3.1", "192.0.2.0", 23, 1 },
		{ "192.0.2.1", "192.0.2.1", 32, 1 },
		{ "192.0.2.0", "192.0.2.1", 32, 0 },
		{ "198.51.100.1", "0.0.0.0", 0, 1 },
		{ "2001:db8::1", "0.0.0.0", 0, 0 },
		{ "192.0.2.1", "::", 0, 0 },
		{ "2001:db8:1::1", "2001:db8::", 32, 1 },
		{ "2001:db9::1", "2001:db8::", 32, 0 },
		{ "2001:db9::1", "2001:db8::", 31, 1 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		union pk_addr addr, net;

		assert_int_equal(pk_addr_parse(&addr, rows[i].addr), 0);
		assert_int_equal(pk_addr_parse(&net, rows[i].net), 0);
		assert_int_equal(pk_addr_in_net(&addr, &net, rows[i].bits),
				 rows[i].in);
	}
}

/* --- words ---------------------------------------------------------------- */

static void types_are_known_by_their_stix_words(void **state)
{
	(void)state;
	for (int i = 0; i < PK_INDICATOR_TYPE_COUNT; i++)
		assert_int_equal(pk_indicator_type_find(pk_indicator_type_word(
					 (enum pk_indicator_type)i)),
				 i);
	assert_int_equal(pk_indicator_type_find("Domain-Name"),
			 PK_INDICATOR_DOMAIN);
	assert_true(pk_indicator_type_find("ip") < 0);
	assert_string_equal(pk_indicator_type_word(99), "?");
	assert_int_equal(pk_tlp_find("TLP:WHITE"), PK_TLP_CLEAR);
	assert_int_equal(pk_tlp_find("tlp:amber+strict"), PK_TLP_AMBER_STRICT);
	assert_int_equal(pk_match_find("one-label"), PK_MATCH_ONE_LABEL);
	assert_int_equal(pk_severity_find("HIGH"), PK_SEVERITY_HIGH);
	assert_int_equal(pk_action_find("block"), PK_ACTION_BLOCK);
	assert_true(pk_action_find("explode") < 0);
}

static void the_words_of_feeds_have_a_class(void **state)
{
	static const struct {
		const char *word;
		enum pk_threat_class class;
	} rows[] = {
		{ "", PK_CLASS_NONE },
		{ "c2-server", PK_CLASS_C2 },
		{ "C2_Server", PK_CLASS_C2 },
		{ "botnet_cc", PK_CLASS_C2 },
		{ "payload_delivery", PK_CLASS_MALWARE_DISTRIBUTION },
		{ "Malware C2", PK_CLASS_C2 },
		{ "attempt", PK_CLASS_BRUTE_FORCE },
		{ "Scanning Host", PK_CLASS_SCANNER },
		{ "phish", PK_CLASS_PHISHING },
		{ "phishing2", PK_CLASS_OTHER },
		{ "gibberish", PK_CLASS_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++)
		assert_string_equal(pk_threat_class_word(pk_threat_class_guess(
					    rows[i].word)),
				    pk_threat_class_word(rows[i].class));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_have_one_canonical_form),
		cmocka_unit_test(other_text_is_refused_with_its_reason),
		cmocka_unit_test(marks_tell_what_a_name_covers),
		cmocka_unit_test(cleared_host_bits_are_noted),
		cmocka_unit_test(types_that_text_does_not_tell),
		cmocka_unit_test(user_agents_end_at_2048_bytes),
		cmocka_unit_test(urls_are_canonical),
		cmocka_unit_test(urls_end_at_2048_bytes),
		cmocka_unit_test(hosts_of_urls_and_mails_are_derived),
		cmocka_unit_test(bytes_and_back_is_the_same_value),
		cmocka_unit_test(bytes_that_no_value_has_are_refused),
		cmocka_unit_test(addresses_are_what_inet_pton_says),
		cmocka_unit_test(addresses_agree_with_inet_pton_on_random_text),
		cmocka_unit_test(a_prefix_covers_what_its_bits_say),
		cmocka_unit_test(types_are_known_by_their_stix_words),
		cmocka_unit_test(the_words_of_feeds_have_a_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
