/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/indicator.h"

static enum pk_refused parse(const char *text, char out[PK_VALUE_TEXT_MAX],
			     int *type)
{
	struct pk_indicator ind;
	enum pk_refused why;

	pk_indicator_init(&ind);
	why = pk_indicator_parse(&ind, text, strlen(text));
	pk_indicator_print(&ind, out);
	*type = ind.type;
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
		{ "Evil.Example.", "evil.example", PK_INDICATOR_DOMAIN },
		{ "10.0.0.example", "10.0.0.example", PK_INDICATOR_DOMAIN },
	};
	char text[PK_VALUE_TEXT_MAX];
	int type;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i].text, text, &type),
				 PK_REFUSED_NONE);
		assert_string_equal(text, rows[i].canonical);
		assert_int_equal(type, rows[i].type);
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
		{ "010.0.0.1", PK_REFUSED_ADDRESS },
		{ "1.2.3.4:80", PK_REFUSED_ADDRESS },
		{ "1.2.3.4/", PK_REFUSED_ADDRESS },
		{ "1.2.3.4/33", PK_REFUSED_ADDRESS },
		{ "1.2.3.4/032", PK_REFUSED_ADDRESS },
		{ "1.2.3.4/-1", PK_REFUSED_ADDRESS },
		{ "2001:db8::1/129", PK_REFUSED_ADDRESS },
		{ "fe80::1%eth0", PK_REFUSED_ADDRESS },
		{ "2001:db8::1::2", PK_REFUSED_ADDRESS },
		{ "1.2.3.0/24", PK_REFUSED_PREFIX },
		{ "::ffff:1.2.3.4/32", PK_REFUSED_PREFIX },
		{ "2001:db8::/32", PK_REFUSED_PREFIX },
		{ "http://bad.example/x", PK_REFUSED_UNSUPPORTED },
		{ "bad.example/x", PK_REFUSED_UNSUPPORTED },
		{ "boss@phish.example", PK_REFUSED_NAME_CHARACTER },
		{ "a.b.7", PK_REFUSED_NAME_NUMERIC },
	};
	char text[PK_VALUE_TEXT_MAX];
	int type;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(
			pk_refused_word(parse(rows[i].text, text, &type)),
			pk_refused_word(rows[i].why));
}

static void types_are_known_by_their_stix_words(void **state)
{
	(void)state;
	assert_int_equal(pk_indicator_type_find("ipv4-addr"),
			 PK_INDICATOR_IPV4);
	assert_int_equal(pk_indicator_type_find("Domain-Name"),
			 PK_INDICATOR_DOMAIN);
	assert_true(pk_indicator_type_find("ip") < 0);
	assert_string_equal(pk_indicator_type_word(PK_INDICATOR_EMAIL),
			    "email-addr");
	assert_string_equal(pk_indicator_type_word(99), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_have_one_canonical_form),
		cmocka_unit_test(other_text_is_refused_with_its_reason),
		cmocka_unit_test(types_are_known_by_their_stix_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
