/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/guard/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pk_guard *make_with(const struct pk_guard_options *o)
{
	struct pk_guard *g = NULL;

	assert_int_equal(pk_guard_new(&g, o), 0);
	return g;
}

static struct pk_guard *make(void)
{
	struct pk_guard_options o;

	pk_guard_options_init(&o);
	return make_with(&o);
}

static enum pk_refused check(const struct pk_guard *g, const char *text,
			     int force, char *detail)
{
	struct pk_indicator ind;
	enum pk_refused why;

	pk_indicator_init(&ind);
	why = pk_indicator_parse(&ind, text, strlen(text));
	return why ? why : pk_guard_check(g, &ind, force, detail);
}

static void own(struct pk_guard *g)
{
	struct pk_guard_own nets[3] = {
		{ .bits = 32, .label = "address of eth0" },
		{ .bits = 32, .label = "gateway of eth0" },
		{ .bits = 48, .label = "network of eth1" },
	};

	assert_int_equal(pk_addr_parse(&nets[0].addr, "9.9.1.5"), 0);
	assert_int_equal(pk_addr_parse(&nets[1].addr, "9.9.1.1"), 0);
	assert_int_equal(pk_addr_parse(&nets[2].addr, "2a00:1:2::"), 0);
	assert_int_equal(pk_guard_set_own(g, nets, 3), 0);
}

/* --- values ----------------------------------------------------------------- */

struct row {
	const char *text;
	enum pk_refused why;
};

/* A feed of 60 lines, each with what must become of it. */
static const struct row feed[] = {
	{ "0.0.0.0/0", PK_REFUSED_EVERYTHING },
	{ "::/0", PK_REFUSED_EVERYTHING },
	{ "0.0.0.0/1", PK_REFUSED_PREFIX_WIDE },
	{ "128.0.0.0/1", PK_REFUSED_PREFIX_WIDE },
	{ "64.0.0.0/2", PK_REFUSED_PREFIX_WIDE },
	{ "32.0.0.0/3", PK_REFUSED_PREFIX_WIDE },
	{ "16.0.0.0/4", PK_REFUSED_PREFIX_WIDE },
	{ "8.0.0.0/5", PK_REFUSED_PREFIX_WIDE },
	{ "4.0.0.0/6", PK_REFUSED_PREFIX_WIDE },
	{ "2.0.0.0/7", PK_REFUSED_PREFIX_WIDE },
	{ "2000::/3", PK_REFUSED_PREFIX_WIDE },
	{ "2a00::/15", PK_REFUSED_PREFIX_WIDE },
	{ "10.0.0.0/8", PK_REFUSED_BOGON },
	{ "10.255.255.255", PK_REFUSED_BOGON },
	{ "127.0.0.1", PK_REFUSED_BOGON },
	{ "127.0.0.0/8", PK_REFUSED_BOGON },
	{ "169.254.0.0/16", PK_REFUSED_BOGON },
	{ "169.254.169.254", PK_REFUSED_BOGON },
	{ "172.16.0.0/12", PK_REFUSED_BOGON },
	{ "172.31.255.255", PK_REFUSED_BOGON },
	{ "172.0.0.0/8", PK_REFUSED_BOGON },
	{ "192.168.1.0/24", PK_REFUSED_BOGON },
	{ "192.168.0.1:8080", PK_REFUSED_BOGON },
	{ "100.64.0.1", PK_REFUSED_BOGON },
	{ "0.0.0.0", PK_REFUSED_BOGON },
	{ "0.1.2.3", PK_REFUSED_BOGON },
	{ "192.0.0.8", PK_REFUSED_BOGON },
	{ "198.18.0.1", PK_REFUSED_BOGON },
	{ "240.0.0.1", PK_REFUSED_BOGON },
	{ "::", PK_REFUSED_BOGON },
	{ "::1", PK_REFUSED_BOGON },
	{ "::ffff:10.0.0.1", PK_REFUSED_BOGON },
	{ "fc00::1", PK_REFUSED_BOGON },
	{ "fe80::1", PK_REFUSED_BOGON },
	{ "fec0::1", PK_REFUSED_BOGON },
	{ "100::1", PK_REFUSED_BOGON },
	{ "4000::1", PK_REFUSED_BOGON },
	{ "2001::/16", PK_REFUSED_BOGON },
	{ "224.0.0.0/4", PK_REFUSED_PREFIX_WIDE },
	{ "224.0.0.0/8", PK_REFUSED_MULTICAST },
	{ "239.255.255.250", PK_REFUSED_MULTICAST },
	{ "224.0.0.251:5353", PK_REFUSED_MULTICAST },
	{ "ff02::1", PK_REFUSED_MULTICAST },
	{ "255.255.255.255", PK_REFUSED_BROADCAST },
	{ "9.9.1.5", PK_REFUSED_OWN_NETWORK },
	{ "9.9.1.1", PK_REFUSED_OWN_NETWORK },
	{ "9.9.0.0/16", PK_REFUSED_OWN_NETWORK },
	{ "2a00:1:2:3::4", PK_REFUSED_OWN_NETWORK },
	{ "9.9.1.1:53", PK_REFUSED_OWN_NETWORK },
	{ "9.0.0.0/8", PK_REFUSED_OWN_NETWORK },
	{ "9.9.1.2", PK_REFUSED_NONE },
	{ "11.0.0.0/8", PK_REFUSED_NONE },
	{ "172.32.0.1", PK_REFUSED_NONE },
	{ "192.0.2.1", PK_REFUSED_NONE },
	{ "198.51.100.0/24", PK_REFUSED_NONE },
	{ "2001:db8::1", PK_REFUSED_NONE },
	{ "2a02::/16", PK_REFUSED_NONE },
	{ "64:ff9b::808:808", PK_REFUSED_NONE },
	{ "2a00:1:3::1", PK_REFUSED_NONE },
	{ "8.8.8.8:53", PK_REFUSED_NONE },
};

/* G03 */
static void a_feed_of_sixty_lines_is_judged_line_by_line(void **state)
{
	struct pk_guard *g = make();
	char detail[PK_GUARD_DETAIL];

	(void)state;
	own(g);
	assert_int_equal(sizeof(feed) / sizeof(feed[0]), 60);
	for (size_t i = 0; i < sizeof(feed) / sizeof(feed[0]); i++) {
		enum pk_refused why = check(g, feed[i].text, 0, detail);

		if (why != feed[i].why)
			fail_msg("line %zu: %s: %s, not %s (%s)", i + 1,
				 feed[i].text, pk_refused_word(why),
				 pk_refused_word(feed[i].why), detail);
		assert_int_equal(why != PK_REFUSED_NONE, detail[0] != 0);
		why = check(g, feed[i].text, 1, detail);
		assert_int_equal(why, PK_REFUSED_NONE);
	}
	pk_guard_free(g);
}

/* G04 */
static void names_of_everybody_are_refused(void **state)
{
	static const struct row rows[] = {
		{ "com", PK_REFUSED_PUBLIC_SUFFIX },
		{ "=com", PK_REFUSED_PUBLIC_SUFFIX },
		{ "co.uk", PK_REFUSED_PUBLIC_SUFFIX },
		{ "*.co.uk", PK_REFUSED_PUBLIC_SUFFIX },
		{ "github.io", PK_REFUSED_PUBLIC_SUFFIX },
		{ "blogspot.com", PK_REFUSED_PUBLIC_SUFFIX },
		{ "foo.ck", PK_REFUSED_PUBLIC_SUFFIX }, /* "*.ck" */
		{ "xn--p1ai", PK_REFUSED_PUBLIC_SUFFIX },
		{ "localhost", PK_REFUSED_PUBLIC_SUFFIX },
		{ "arpa", PK_REFUSED_PUBLIC_SUFFIX },
		{ "in-addr.arpa", PK_REFUSED_PUBLIC_SUFFIX },
		{ "wpad", PK_REFUSED_PUBLIC_SUFFIX },
		{ "2.0.192.in-addr.arpa", PK_REFUSED_SPECIAL_NAME },
		{ "printer.local", PK_REFUSED_SPECIAL_NAME },
		{ "db.corp.internal", PK_REFUSED_SPECIAL_NAME },
		{ "home.arpa", PK_REFUSED_SPECIAL_NAME },
		{ "a.localhost", PK_REFUSED_SPECIAL_NAME },
		{ "www.top.com", PK_REFUSED_SAFELISTED },
		{ "evil.co.uk", PK_REFUSED_NONE },
		{ "evil.github.io", PK_REFUSED_NONE },
		{ "www.ck", PK_REFUSED_NONE }, /* "!www.ck" */
		{ "bad.example", PK_REFUSED_NONE },
		{ "bad.example.com", PK_REFUSED_NONE },
		{ "notlocal", PK_REFUSED_PUBLIC_SUFFIX },
		{ "x.notlocal", PK_REFUSED_NONE },
		{ "expyuzz4wqqyqhjn.onion", PK_REFUSED_NONE },
		{ "http://com/x", PK_REFUSED_NONE },
		{ "http://www.top.com/", PK_REFUSED_SAFELISTED },
		{ "http://www.top.com/x", PK_REFUSED_NONE },
		{ "who@www.top.com", PK_REFUSED_NONE },
		{ "d41d8cd98f00b204e9800998ecf8427e", PK_REFUSED_SAFELISTED },
	};
	char detail[PK_GUARD_DETAIL], err[PK_SAFELIST_SENTENCE];
	static const char list[] =
		"top.com\nd41d8cd98f00b204e9800998ecf8427e\n";
	struct pk_safelist_draft *d;
	struct pk_guard *g = make();
	struct pk_indicator ind;
	struct pk_safelist *s;

	(void)state;
	assert_int_equal(pk_safelist_new(&s, 1), 0);
	assert_int_equal(pk_safelist_draft_new(&d, "top", 1), 0);
	assert_int_equal(pk_safelist_draft_read(d, list, strlen(list), err), 0);
	assert_int_equal(pk_safelist_put(s, d), 0);
	pk_guard_set_safelist(g, s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum pk_refused why = check(g, rows[i].text, 0, detail);

		if (why != rows[i].why)
			fail_msg("%s: %s, not %s (%s)", rows[i].text,
				 pk_refused_word(why),
				 pk_refused_word(rows[i].why), detail);
		assert_int_equal(check(g, rows[i].text, 1, NULL), 0);
	}
	assert_int_equal(check(g, "a.top.com", 0, detail),
			 PK_REFUSED_SAFELISTED);
	assert_string_equal(detail, "is within top.com on safelist top");
	/* The texts "*" and "." never become a name. */
	assert_int_not_equal(check(g, "*", 0, NULL), PK_REFUSED_NONE);
	assert_int_not_equal(check(g, ".", 0, NULL), PK_REFUSED_NONE);
	/* And the root, however it comes. */
	pk_indicator_init(&ind);
	ind.type = PK_INDICATOR_DOMAIN;
	ind.value[0] = 0;
	ind.value_len = 1;
	assert_int_equal(pk_guard_check(g, &ind, 1, NULL),
			 PK_REFUSED_EVERYTHING);
	pk_guard_free(g);
	pk_safelist_free(s);
}

static void options_move_the_limits(void **state)
{
	struct pk_guard_options o;
	struct pk_guard *g;

	(void)state;
	pk_guard_options_init(&o);
	o.bits_v4 = 16;
	o.bits_v6 = 32;
	o.allow_bogons = 1;
	o.allow_suffixes = 1;
	o.refuse_documentation = 1;
	g = make_with(&o);
	assert_int_equal(check(g, "11.0.0.0/15", 0, NULL),
			 PK_REFUSED_PREFIX_WIDE);
	assert_int_equal(check(g, "11.0.0.0/16", 0, NULL), 0);
	assert_int_equal(check(g, "2a00::/31", 0, NULL),
			 PK_REFUSED_PREFIX_WIDE);
	assert_int_equal(check(g, "10.1.2.3", 0, NULL), 0);
	assert_int_equal(check(g, "224.0.0.1", 0, NULL), PK_REFUSED_MULTICAST);
	assert_int_equal(check(g, "printer.local", 0, NULL), 0);
	assert_int_equal(check(g, "com", 0, NULL), 0);
	assert_int_equal(check(g, "192.0.2.1", 0, NULL),
			 PK_REFUSED_DOCUMENTATION);
	assert_int_equal(check(g, "192.0.2.1", 1, NULL), 0);
	assert_int_equal(check(g, "2001:db8::/32", 0, NULL),
			 PK_REFUSED_DOCUMENTATION);
	assert_int_equal(check(g, "bad.example", 0, NULL),
			 PK_REFUSED_DOCUMENTATION);
	assert_int_equal(check(g, "bad.notexample", 0, NULL), 0);
	assert_int_equal(check(g, "www.example.com", 0, NULL),
			 PK_REFUSED_DOCUMENTATION);
	assert_int_equal(pk_guard_set_own(g, NULL, 0), 0);
	pk_guard_free(g);
}

/* --- feeds ------------------------------------------------------------------ */

static enum pk_guard_hold judge(const struct pk_guard *g,
				const struct pk_guard_feed *f, const char *part)
{
	char sentence[PK_GUARD_SENTENCE];
	enum pk_guard_hold why = pk_guard_feed(g, f, sentence);

	assert_non_null(strstr(sentence, part));
	assert_int_equal(why != PK_GUARD_HOLD_NONE, sentence[0] != 0);
	return why;
}

static enum pk_guard_hold size(const struct pk_guard *g, uint64_t was,
			       uint64_t is)
{
	const struct pk_guard_feed f = { .name = "f",
					 .old_items = was,
					 .new_items = is };

	return judge(g, &f, "");
}

/* G06 */
static void sudden_changes_of_size_are_held(void **state)
{
	struct pk_guard *g = make();

	(void)state;
	assert_int_equal(size(g, 0, 0), PK_GUARD_HOLD_EMPTY);
	assert_int_equal(size(g, 1000, 0), PK_GUARD_HOLD_EMPTY);
	assert_int_equal(size(g, 0, 1), PK_GUARD_HOLD_NONE);
	assert_int_equal(size(g, 0, 10000000), PK_GUARD_HOLD_NONE);
	assert_int_equal(size(g, 1000, 500), PK_GUARD_HOLD_NONE);
	assert_int_equal(size(g, 1000, 499), PK_GUARD_HOLD_SHRINK);
	assert_int_equal(size(g, 2, 1), PK_GUARD_HOLD_NONE);
	assert_int_equal(size(g, 3, 1), PK_GUARD_HOLD_SHRINK);
	assert_int_equal(size(g, 1000, 10000), PK_GUARD_HOLD_NONE);
	assert_int_equal(size(g, 1000, 10001), PK_GUARD_HOLD_GROWTH);
	assert_int_equal(size(g, 1, 100), PK_GUARD_HOLD_NONE);
	assert_int_equal(size(g, 1, 101), PK_GUARD_HOLD_GROWTH);
	pk_guard_free(g);
}

/* G06 */
static void what_did_not_come_whole_is_held(void **state)
{
	struct pk_feed_stats st = {
		.records = 110, .comments = 9, .headers = 1, .complete = 1
	};
	struct pk_guard_feed f = {
		.name = "f", .old_items = 100, .new_items = 100, .stats = &st
	};
	struct pk_guard *g = make();

	(void)state;
	assert_int_equal(judge(g, &f, ""), PK_GUARD_HOLD_NONE);
	f.broken = "";
	assert_int_equal(judge(g, &f, ""), PK_GUARD_HOLD_NONE);
	f.broken = "it is HTML";
	assert_int_equal(judge(g, &f, "feed f: it is HTML"),
			 PK_GUARD_HOLD_BROKEN);
	f.broken = NULL;
	st.complete = 0;
	assert_int_equal(judge(g, &f, "cut off"), PK_GUARD_HOLD_INCOMPLETE);
	st.complete = 1;
	st.has_declared = 1;
	st.declared = 101;
	assert_int_equal(judge(g, &f, "100 records where"),
			 PK_GUARD_HOLD_DECLARED);
	st.declared = 100;
	assert_int_equal(judge(g, &f, ""), PK_GUARD_HOLD_NONE);
	st.refused[PK_REFUSED_ADDRESS] = 49;
	st.refused[PK_REFUSED_TYPE] = 1;
	assert_int_equal(judge(g, &f, ""), PK_GUARD_HOLD_NONE);
	st.refused[PK_REFUSED_TYPE] = 2;
	assert_int_equal(judge(g, &f, "51 of 100"), PK_GUARD_HOLD_REFUSED);
	pk_guard_free(g);
}

/* G05 */
static void what_would_match_much_traffic_is_held(void **state)
{
	struct pk_guard *g = make();
	struct pk_seen_view *v;
	struct pk_seen_totals totals;
	struct pk_seen_conf conf;
	struct pk_indicator ind;
	char sentence[PK_GUARD_SENTENCE];
	union pk_addr addr;
	struct pk_seen *s;

	(void)state;
	pk_seen_conf_init(&conf);
	assert_int_equal(pk_seen_new(&s, &conf, 1), 0);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(pk_addr_parse(&addr, "11.1.0.1"), 0);
		addr.b[15] = (uint8_t)(i % 100);
		pk_seen_addr(s, &addr, 1000, 1);
		addr.b[13] = 2;
		pk_seen_addr(s, &addr, 1000, 1);
	}
	assert_int_equal(pk_seen_view_new(&v, s, 0), 0);
	assert_int_equal(pk_seen_view_ready(v), 0);
	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, "11.1.0.7", 8), 0);
	pk_seen_view_mark(v, &ind); /* 10 of 1000 packets: 1 % */
	pk_seen_view_mark(v, &ind);
	pk_seen_view_totals(v, &totals);
	assert_int_equal(totals.packets, 2000);
	assert_int_equal(totals.marked_packets, 10);
	assert_int_equal(pk_guard_traffic(g, "f", &totals, sentence),
			 PK_GUARD_HOLD_NONE);
	assert_string_equal(sentence, "");
	assert_int_equal(pk_indicator_parse(&ind, "11.1.0.0/16", 11), 0);
	pk_seen_view_mark(v, &ind);
	pk_seen_view_totals(v, &totals);
	assert_int_equal(totals.marked_packets, 1000);
	assert_int_equal(pk_guard_traffic(g, "f", &totals, sentence),
			 PK_GUARD_HOLD_TRAFFIC);
	assert_non_null(strstr(sentence, "up to 100 % of the recent packets"));
	totals.marked_packets = 0;
	totals.queries = 1000;
	totals.marked_queries = 11;
	assert_int_equal(pk_guard_traffic(g, "f", &totals, sentence),
			 PK_GUARD_HOLD_TRAFFIC);
	totals.queries = 99;
	assert_int_equal(pk_guard_traffic(g, "f", &totals, sentence),
			 PK_GUARD_HOLD_NONE);
	pk_seen_view_free(v);
	pk_seen_free(s);
	pk_guard_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_feed_of_sixty_lines_is_judged_line_by_line),
		cmocka_unit_test(names_of_everybody_are_refused),
		cmocka_unit_test(options_move_the_limits),
		cmocka_unit_test(sudden_changes_of_size_are_held),
		cmocka_unit_test(what_did_not_come_whole_is_held),
		cmocka_unit_test(what_would_match_much_traffic_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
