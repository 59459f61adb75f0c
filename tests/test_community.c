/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/community.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/indicator.h"

static struct pk_flow_key key_of(const char *src, uint16_t sport,
				 const char *dst, uint16_t dport, uint8_t proto)
{
	struct pk_flow_key key = { .sport = sport,
				   .dport = dport,
				   .proto = proto };

	assert_int_equal(pk_addr_parse(&key.src, src), 0);
	assert_int_equal(pk_addr_parse(&key.dst, dst), 0);
	return key;
}

static void names_the_conversation_of_the_specification(void **state)
{
	struct pk_flow_key there =
		key_of("128.232.110.120", 34855, "66.35.250.204", 80, 6);
	struct pk_flow_key back =
		key_of("66.35.250.204", 80, "128.232.110.120", 34855, 6);
	char id[PK_COMMUNITY_TEXT];

	(void)state;
	pk_community_id(&there, 0, id);
	assert_string_equal(id, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
	pk_community_id(&back, 0, id);
	assert_string_equal(id, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
}

static void one_way_icmp_keeps_its_order(void **state)
{
	struct pk_flow_key a = key_of("192.0.2.1", 3, "192.0.2.2", 1, 1);
	struct pk_flow_key b = key_of("192.0.2.2", 3, "192.0.2.1", 1, 1);
	char x[PK_COMMUNITY_TEXT], y[PK_COMMUNITY_TEXT];

	(void)state;
	pk_community_id(&a, 0, x);
	pk_community_id(&b, 0, y);
	assert_string_not_equal(x, y);
	assert_string_equal(y, "1:EBIAE7qvAT3HwYAIi4T6COC6KV8=");
}

static const char *text_at(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

static uint16_t number_at(struct json_object *o, const char *key)
{
	return (uint16_t)json_object_get_int(json_object_object_get(o, key));
}

/* The specification's own table, made by its reference implementation. */
static void check_baseline(const char *name, uint16_t seed)
{
	const char *shared = getenv("PK_SHARED");
	struct json_object *all;
	char path[4096];
	size_t n;

	snprintf(path, sizeof(path), "%s/captures/expected/community-id/%s",
		 shared ? shared : "../shared", name);
	all = json_object_from_file(path);
	if (!all) {
		print_message("SKIPPED: %s is not there\n", path);
		skip();
	}
	n = json_object_array_length(all);
	assert_true(n >= 20);
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(all, i);
		struct pk_flow_key key =
			key_of(text_at(o, "saddr"), number_at(o, "sport"),
			       text_at(o, "daddr"), number_at(o, "dport"),
			       (uint8_t)number_at(o, "proto"));
		char id[PK_COMMUNITY_TEXT];

		pk_community_id(&key, seed, id);
		assert_string_equal(id, text_at(o, "communityid"));
	}
	json_object_put(all);
}

static void agrees_with_the_reference_table(void **state)
{
	(void)state;
	check_baseline("baseline_deflt.json", 0);
}

static void agrees_with_the_reference_table_of_another_seed(void **state)
{
	(void)state;
	check_baseline("baseline_seed1.json", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_conversation_of_the_specification),
		cmocka_unit_test(one_way_icmp_keeps_its_order),
		cmocka_unit_test(agrees_with_the_reference_table),
		cmocka_unit_test(
			agrees_with_the_reference_table_of_another_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
