/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pushes behind the control socket: guards, safelists, many at once, their end
 * and their hits. What the daemon says of itself is checked against look-ups in
 * its published image.
 */
#include "tests/ctlops_rig.h"

/* --- pushes --------------------------------------------------------------------------- */

static void every_type_can_be_pushed_and_withdrawn(void **state)
{
	static const char *const rows[][2] = {
		{ "203.0.113.9", "ipv4-addr" },
		{ "2001:db8::9", "ipv6-addr" },
		{ "203.0.113.0/24", "ipv4-net" },
		{ "2001:db8:1::/48", "ipv6-net" },
		{ "203.0.113.77:443", "ip-port" },
		{ "evil.example.org", "domain-name" },
		{ "http://evil.example.org/x", "url" },
		{ "a@evil.example.org", "email-addr" },
		{ "d41d8cd98f00b204e9800998ecf8427e", "file" },
		{ "AS64500", "autonomous-system" },
	};
	struct json_object *o;
	char args[256];
	struct rig r;

	(void)state;
	open_rig(&r);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(args, sizeof(args), "\"value\":\"%s\"", rows[i][0]);
		o = ok(&r, "ioc add", args);
		assert_string_equal(text(o, "type"), rows[i][1]);
		assert_string_equal(text(o, "value"), rows[i][0]);
		assert_true(json_object_get_boolean(at(o, "added")));
		put(o);
		o = ok(&r, "ioc test", args);
		assert_true(json_object_get_boolean(at(o, "match")));
		assert_string_equal(text(o, "items.0.value"), rows[i][0]);
		put(o);
		if (i < 6)
			assert_true(matches(&r, rows[i][0]));
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(args, sizeof(args), "\"value\":\"%s\"", rows[i][0]);
		put(ok(&r, "ioc del", args));
		expect_error(&r, ask(&r, "ioc del", args), "not-found",
			     "there is no indicator");
	}
	for (size_t i = 0; i < 6; i++)
		assert_false(matches(&r, rows[i][0]));
	close_rig(&r);
}

static void what_is_said_of_it_is_told_again(void **state)
{
	struct json_object *o;
	struct rig r;

	(void)state;
	open_rig(&r);
	put(ok(&r, "ioc add",
	       "\"value\":\"evil.example.org\",\"match\":\"exact\","
	       "\"feed\":\"f\",\"threat_type\":\"botnet_cc\","
	       "\"confidence\":70,\"severity\":\"low\",\"tlp\":\"amber\","
	       "\"tags\":\"a,b\",\"attribution\":\"APT0\",\"id\":\"x-1\","
	       "\"action\":\"watch\",\"ttl\":3600"));
	o = ok(&r, "ioc explain", "\"value\":\"evil.example.org\"");
	assert_string_equal(text(o, "items.0.match"), "exact");
	assert_string_equal(text(o, "items.0.feeds.0.feed"), "f");
	assert_string_equal(text(o, "items.0.feeds.0.threat_type"),
			    "botnet_cc");
	assert_string_equal(text(o, "items.0.feeds.0.class"), "c2-server");
	assert_int_equal(number(o, "items.0.feeds.0.confidence"), 70);
	assert_string_equal(text(o, "items.0.feeds.0.severity"), "low");
	assert_string_equal(text(o, "items.0.feeds.0.tlp"), "amber");
	assert_string_equal(text(o, "items.0.feeds.0.tags"), "a,b");
	assert_string_equal(text(o, "items.0.feeds.0.attribution"), "APT0");
	assert_string_equal(text(o, "items.0.feeds.0.id"), "x-1");
	assert_string_equal(text(o, "items.0.feeds.0.action"), "watch");
	at(o, "items.0.feeds.0.since");
	at(o, "items.0.feeds.0.valid_until");
	assert_string_equal(text(o, "items.0.where.layer"), "delta");
	assert_string_equal(text(o, "items.0.where.table"), "name");
	put(o);
	/* a deletion without a match finds the only one there is */
	put(ok(&r, "ioc del", "\"value\":\"evil.example.org\""));
	close_rig(&r);
}

static void guards_stand_before_pushes(void **state)
{
	static const char *const rows[][2] = {
		{ "127.0.0.1", "not used on the Internet" },
		{ "com", "public suffix" },
		{ "16.0.0.0/6", "wider" },
		{ "224.0.0.1", "multicast" },
		{ "::/0", "every" },
		{ "0.0.0.0/0", "every" },
	};
	char args[128];
	struct rig r;

	(void)state;
	open_rig(&r);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(args, sizeof(args), "\"value\":\"%s\"", rows[i][0]);
		expect_error(&r, ask(&r, "ioc add", args), "guarded",
			     rows[i][1]);
		assert_false(i < 1 && matches(&r, rows[i][0]));
		snprintf(args, sizeof(args), "\"value\":\"%s\",\"force\":true",
			 rows[i][0]);
		put(ok(&r, "ioc add", args));
	}
	assert_true(matches(&r, "198.51.100.9"));
	close_rig(&r);
}

static void safelists_keep_values_out(void **state)
{
	struct json_object *o;
	struct rig r;

	(void)state;
	open_rig(&r);
	o = uploaded(&r, "safelist load", "\"list\":\"mine\"",
		     "good.example.org\n203.0.113.0/28\n");
	assert_int_equal(number(o, "entries"), 2);
	put(o);
	expect_error(&r,
		     ask(&r, "ioc add", "\"value\":\"www.good.example.org\""),
		     "guarded", "mine");
	expect_error(&r, ask(&r, "ioc add", "\"value\":\"203.0.113.5\""),
		     "guarded", "mine");
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.55\""));
	put(ok(&r, "safelist add", "\"value\":\"203.0.113.56\""));
	o = ok(&r, "safelist test", "\"value\":\"203.0.113.56\"");
	assert_true(json_object_get_boolean(at(o, "match")));
	assert_string_equal(text(o, "list"), "local");
	put(o);
	put(ok(&r, "safelist del", "\"value\":\"203.0.113.56\""));
	put(ok(&r, "safelist del", "\"list\":\"mine\""));
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.5\""));
	expect_error(&r, ask(&r, "safelist del", "\"list\":\"mine\""),
		     "not-found", "mine");
	close_rig(&r);
}

/* Pushes do not wait for a base, and none of them is lost when it comes. */
static void pushes_go_on_while_a_base_is_built(void **state)
{
	struct pk_indicators_state s;
	char args[64], value[32];
	int beside = 0;
	struct rig r;

	(void)state;
	open_rig(&r);
	store_many(&r);
	pk_indicators_publish(r.d.indicators, 1, NULL, NULL);
	for (int i = 0; i < 200; i++) {
		if (i % 20 == 10)
			pk_indicators_publish(r.d.indicators, 1, NULL, NULL);
		snprintf(value, sizeof(value), "203.0.113.%d", i + 1);
		snprintf(args, sizeof(args), "\"value\":\"%s\"", value);
		put(ok(&r, "ioc add", args));
		assert_true(matches(&r, value));
		pk_indicators_state(r.d.indicators, &s);
		beside += s.building;
		if (i % 3)
			continue;
		put(ok(&r, "ioc del", args));
		assert_false(matches(&r, value));
	}
	assert_true(beside > 0);
	rest(&r);
	for (int i = 0; i < 200; i++) {
		snprintf(value, sizeof(value), "203.0.113.%d", i + 1);
		assert_int_equal(matches(&r, value), i % 3 != 0);
	}
	assert_true(matches(&r, "10.1.0.1"));
	close_rig(&r);
}

/* --- many changes --------------------------------------------------------------- */

static void changes_are_applied_all_or_not_at_all(void **state)
{
	struct json_object *o;
	uint64_t commit;
	struct rig r;

	(void)state;
	open_rig(&r);
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.1\""));
	commit = pk_indicators_last(r.d.indicators);
	o = upload(&r, "ioc apply", "",
		   "+203.0.113.2\n-203.0.113.1\n-203.0.113.77\n");
	assert_string_equal(text(o, "error.code"), "usage");
	assert_non_null(strstr(text(o, "error.message"), "line 3"));
	put(o);
	o = upload(&r, "ioc apply", "", "+203.0.113.2\n+10.0.0.1\n");
	assert_string_equal(text(o, "error.code"), "guarded");
	put(o);
	o = upload(&r, "ioc apply", "", "-203.0.113.1\n-203.0.113.1\n");
	assert_string_equal(text(o, "error.code"), "usage");
	put(o);
	assert_true(pk_indicators_last(r.d.indicators) == commit);
	assert_true(matches(&r, "203.0.113.1"));
	assert_false(matches(&r, "203.0.113.2"));
	o = uploaded(&r, "ioc apply", "",
		     "# a comment\n+203.0.113.2\n-203.0.113.1\n"
		     "+203.0.113.3\n-203.0.113.3\n");
	assert_int_equal(number(o, "added"), 2);
	assert_int_equal(number(o, "withdrawn"), 2);
	put(o);
	assert_false(matches(&r, "203.0.113.1"));
	assert_true(matches(&r, "203.0.113.2"));
	assert_false(matches(&r, "203.0.113.3"));
	put(uploaded(&r, "ioc apply", "\"format\":\"ndjson\"",
		     "{\"op\":\"add\",\"value\":\"x.example.org\","
		     "\"feed\":\"n\",\"tlp\":\"red\"}\n"
		     "{\"op\":\"del\",\"value\":\"203.0.113.2\"}\n"));
	assert_true(matches(&r, "www.x.example.org"));
	assert_false(matches(&r, "203.0.113.2"));
	close_rig(&r);
}

/* --- time, hits ----------------------------------------------------------------------------- */

static void an_indicator_ends_by_itself(void **state)
{
	struct json_object *o;
	struct rig r;
	int i;

	(void)state;
	open_rig(&r);
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.1\",\"ttl\":1"));
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.2\""));
	for (i = 0; i < TURNS && matches(&r, "203.0.113.1"); i++)
		turn(&r);
	assert_true(i < TURNS);
	assert_true(matches(&r, "203.0.113.2"));
	o = ok(&r, "ioc status", "");
	assert_int_equal(number(o, "store.expired"), 1);
	put(o);
	close_rig(&r);
}

static void what_begins_later_does_not_match_yet(void **state)
{
	struct json_object *o;
	struct rig r;

	(void)state;
	open_rig(&r);
	put(uploaded(&r, "ioc apply", "",
		     "{\"op\":\"add\",\"value\":\"203.0.113.1\","
		     "\"valid_from\":\"2100-01-01T00:00:00Z\"}\n"
		     "{\"op\":\"add\",\"value\":\"203.0.113.2\","
		     "\"valid_from\":\"2020-01-01T00:00:00Z\"}\n"));
	o = ok(&r, "ioc test", "\"value\":\"203.0.113.1\"");
	assert_false(json_object_get_boolean(at(o, "match")));
	assert_string_equal(text(o, "items.0.valid_from"),
			    "2100-01-01T00:00:00Z");
	put(o);
	o = ok(&r, "ioc test", "\"value\":\"203.0.113.2\"");
	assert_true(json_object_get_boolean(at(o, "match")));
	put(o);
	/* another feed says it is one now */
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.1\",\"feed\":\"g\""));
	o = ok(&r, "ioc test", "\"value\":\"203.0.113.1\"");
	assert_true(json_object_get_boolean(at(o, "match")));
	put(o);
	close_rig(&r);
}

/* As the planes do: what it carries, where nothing covers it itself. */
static void what_an_address_carries_is_tested_and_explained(void **state)
{
	struct json_object *o;
	struct rig r;

	(void)state;
	open_rig(&r);
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.1\""));
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.2:443\""));
	o = ok(&r, "ioc test", "\"value\":\"64:ff9b::203.0.113.1\"");
	assert_true(json_object_get_boolean(at(o, "match")));
	assert_string_equal(text(o, "value"), "64:ff9b::cb00:7101");
	assert_string_equal(text(o, "embedded"), "nat64");
	assert_string_equal(text(o, "carried"), "203.0.113.1");
	assert_string_equal(text(o, "items.0.value"), "203.0.113.1");
	put(o);
	o = ok(&r, "ioc explain", "\"value\":\"2002:cb00:7101::1\"");
	assert_string_equal(text(o, "embedded"), "6to4");
	assert_string_equal(text(o, "items.0.value"), "203.0.113.1");
	put(o);
	o = ok(&r, "ioc test", "\"value\":\"[64:ff9b::203.0.113.2]:443\"");
	assert_true(json_object_get_boolean(at(o, "match")));
	assert_string_equal(text(o, "carried"), "203.0.113.2:443");
	put(o);
	o = ok(&r, "ioc test", "\"value\":\"64:ff9b::203.0.113.9\"");
	assert_false(json_object_get_boolean(at(o, "match")));
	put(o);
	/* its own comes first */
	put(ok(&r, "ioc add",
	       "\"value\":\"64:ff9b::203.0.113.1\",\"force\":true"));
	o = ok(&r, "ioc test", "\"value\":\"64:ff9b::203.0.113.1\"");
	assert_string_equal(text(o, "items.0.value"), "64:ff9b::cb00:7101");
	assert_false(json_object_object_get_ex(o, "embedded", NULL));
	put(o);
	close_rig(&r);
}

static void all_that_ends_at_once_is_one_commit(void **state)
{
	enum { ITEMS = 60000, ROW = 16 };
	char *list = malloc(ITEMS * ROW + 1);
	size_t len = 0;
	uint64_t loaded;
	struct rig r;
	int i;

	(void)state;
	assert_non_null(list);
	for (i = 0; i < ITEMS; i++)
		len += (size_t)snprintf(list + len, ROW + 1, "11.%d.%d.1\n",
					i / 250, i % 250);
	open_rig(&r);
	put(uploaded(&r, "ioc load", "\"feed\":\"l\",\"ttl\":2", list));
	loaded = pk_indicators_last(r.d.indicators);
	for (i = 0; i < TURNS && matches(&r, "11.239.249.1"); i++)
		turn(&r);
	assert_true(i < TURNS);
	assert_int_equal(pk_indicators_last(r.d.indicators), loaded + 1);
	assert_false(matches(&r, "11.0.0.1"));
	close_rig(&r);
	free(list);
}

static void see(struct rig *r, uint32_t slot, uint64_t ns, int times)
{
	struct pk_hit hit = { .head = { .type = PK_RECORD_HIT,
					.plane = PK_PLANE_DPDK,
					.seen_ns = ns },
			      .slot = slot };

	for (int i = 0; i < times; i++)
		pk_images_hit(r->d.indicators->images, slot);
	hit.packet.key.sport = 4711;
	hit.packet.depth = hit.depth = 2;
	hit.role = PK_ROLE_DESTINATION;
	pk_evidence_hit(r->d.evidence, &hit);
}

static void hits_are_summed_and_explained(void **state)
{
	struct json_object *o;
	uint32_t slot[2];
	struct rig r;

	(void)state;
	open_rig(&r);
	o = ok(&r, "ioc add", "\"value\":\"203.0.113.1\",\"feed\":\"a\"");
	slot[0] = (uint32_t)number(o, "slot");
	put(o);
	o = ok(&r, "ioc add", "\"value\":\"203.0.113.2\",\"feed\":\"b\"");
	slot[1] = (uint32_t)number(o, "slot");
	put(o);
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.2\",\"feed\":\"a\""));
	see(&r, slot[0], 1000000000, 2);
	see(&r, slot[1], 2000000000, 3);
	see(&r, slot[1], 3000000000, 4);
	o = ok(&r, "ioc hits", "");
	assert_int_equal(number(o, "hits"), 9);
	assert_int_equal(number(o, "items.0.hits"), 7);
	assert_string_equal(text(o, "items.0.value"), "203.0.113.2");
	assert_string_equal(text(o, "items.0.first_hit"),
			    "1970-01-01T00:00:02.000000Z");
	assert_string_equal(text(o, "items.0.last_hit"),
			    "1970-01-01T00:00:03.000000Z");
	assert_int_equal(number(o, "items.1.hits"), 2);
	assert_string_equal(text(o, "items.0.role"), "destination");
	assert_int_equal(number(o, "items.0.depth"), 2);
	put(o);
	o = ok(&r, "ioc hits", "\"by\":\"feed\"");
	assert_string_equal(text(o, "items.0.feed"), "a");
	assert_int_equal(number(o, "items.0.hits"), 9);
	assert_int_equal(number(o, "items.1.hits"), 7);
	put(o);
	o = ok(&r, "ioc explain", "\"value\":\"203.0.113.2\"");
	assert_int_equal(number(o, "items.0.hits"), 7);
	assert_string_equal(text(o, "items.0.evidence.plane"), "dpdk");
	assert_int_equal(number(o, "items.0.evidence.src_port"), 4711);
	assert_int_equal(number(o, "items.0.evidence.depth"), 2);
	put(o);
	close_rig(&r);
}

/* ioc list pages through everything, also by feed. */
static void all_can_be_listed_in_pages(void **state)
{
	struct json_object *o, *next;
	uint64_t after = 0, n = 0;
	char args[64];
	struct rig r;

	(void)state;
	open_rig(&r);
	store_many(&r);
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.1\",\"feed\":\"f\""));
	do {
		snprintf(args, sizeof(args), "\"limit\":300,\"after\":%d",
			 (int)after);
		o = ok(&r, "ioc list", args);
		n += json_object_array_length(at(o, "items"));
		after = json_object_object_get_ex(o, "next", &next)
				? json_object_get_uint64(next)
				: 0;
		put(o);
	} while (after);
	assert_int_equal(n, MANY + 1);
	o = ok(&r, "ioc list", "\"feed\":\"f\"");
	assert_int_equal(number(o, "total"), 1);
	assert_string_equal(text(o, "items.0.value"), "203.0.113.1");
	put(o);
	close_rig(&r);
}

static void bad_arguments_are_named(void **state)
{
	static const char *const rows[][3] = {
		{ "ioc add", "\"value\":\"203.0.113.1\",\"type\":\"ip\"",
		  "unknown type" },
		{ "ioc add",
		  "\"value\":\"203.0.113.1\",\"match\":\"exact\","
		  "\"class\":\"bad\"",
		  "unknown class" },
		{ "ioc add",
		  "\"value\":\"203.0.113.1\",\"match\":\"subdomains\"",
		  "for names alone" },
		{ "ioc add", "\"value\":\"a b\"", "a b" },
		{ "ioc add", "\"value\":\"203.0.113.1\",\"confidence\":101",
		  "confidence" },
		{ "ioc hits", "\"by\":\"colour\"", "colour" },
		{ "ioc load", "\"format\":\"csv\"", "csv" },
		{ "ioc load", "\"mapping\":\"nosuch\"", "nosuch" },
		{ "ioc rollback", "", "commit" },
		{ "ioc list", "\"type\":\"ip\"", "unknown type" },
	};
	struct rig r;

	(void)state;
	open_rig(&r);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_error(&r, ask(&r, rows[i][0], rows[i][1]), "usage",
			     rows[i][2]);
	close_rig(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_can_be_pushed_and_withdrawn),
		cmocka_unit_test(what_is_said_of_it_is_told_again),
		cmocka_unit_test(guards_stand_before_pushes),
		cmocka_unit_test(safelists_keep_values_out),
		cmocka_unit_test(pushes_go_on_while_a_base_is_built),
		cmocka_unit_test(changes_are_applied_all_or_not_at_all),
		cmocka_unit_test(an_indicator_ends_by_itself),
		cmocka_unit_test(what_begins_later_does_not_match_yet),
		cmocka_unit_test(
			what_an_address_carries_is_tested_and_explained),
		cmocka_unit_test(all_that_ends_at_once_is_one_commit),
		cmocka_unit_test(hits_are_summed_and_explained),
		cmocka_unit_test(all_can_be_listed_in_pages),
		cmocka_unit_test(bad_arguments_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
