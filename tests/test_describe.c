/* SPDX-License-Identifier: BSD-2-Clause */
/* What a threat says of what was seen: which indicator, and whose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "bpf/embedded.h"
#include "control/describe.h"

static const char *feed_name(const void *arg, uint16_t feed)
{
	return pk_store_feed_info(arg, feed)->name;
}

static uint32_t add(struct pk_store *s, const char *feed, const char *value,
		    uint8_t confidence)
{
	struct pk_indicator ind;
	uint32_t slot = 0;
	int err;

	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, value, strlen(value)),
			 PK_REFUSED_NONE);
	ind.feed = (uint16_t)pk_store_feed(s, feed);
	ind.meta.confidence = confidence;
	ind.meta.threat_class = PK_CLASS_C2;
	ind.meta.severity = PK_SEVERITY_LOW;
	ind.meta.tlp = PK_TLP_AMBER;
	ind.meta.tags = "a,b";
	ind.meta.attribution = "APT0";
	ind.meta.id = "id-1";
	ind.meta.valid_until = 4000000000;
	err = pk_store_add(s, &ind, &slot);
	assert_true(!err || err == -EEXIST);
	return slot;
}

static struct pk_threat_indicator describe(const struct pk_store *s,
					   uint32_t slot, const char *addr,
					   uint16_t port, int expect)
{
	struct pk_describe how = { s, feed_name, s, 0 };
	struct pk_threat_indicator out = { 0 };
	union pk_addr a;
	struct pk_threat_seen seen = { .slot = slot, .addr = &a, .port = port };

	assert_int_equal(pk_addr_parse(&a, addr), 0);
	assert_int_equal(pk_describe(&how, &seen, &out), expect);
	return out;
}

static void the_most_specific_tells_and_all_feeds_are_named(void **state)
{
	struct pk_threat_indicator t;
	struct pk_store *s;
	uint32_t net, addr, port;

	(void)state;
	assert_int_equal(pk_store_new(&s, 1), 0);
	net = add(s, "nets", "203.0.113.0/24", 50);
	addr = add(s, "addresses", "203.0.113.7", 60);
	add(s, "more", "203.0.113.7", 40);
	port = add(s, "ports", "203.0.113.7:443", 255);
	t = describe(s, port, "203.0.113.7", 443, 0);
	assert_string_equal(t.type, "ip-port");
	assert_string_equal(t.value, "203.0.113.7:443");
	assert_int_equal(t.confidence, 100);
	assert_int_equal(t.feeds, 4);
	assert_string_equal(t.feed[0], "ports");
	assert_string_equal(t.class, "c2-server");
	assert_string_equal(t.severity, "low");
	assert_string_equal(t.tlp, "amber");
	assert_string_equal(t.tags, "a,b");
	assert_string_equal(t.attribution, "APT0");
	assert_string_equal(t.id, "id-1");
	assert_int_equal(t.expires, 4000000000);
	/* another port: the address; its neighbour: the prefix */
	t = describe(s, addr, "203.0.113.7", 80, 0);
	assert_string_equal(t.type, "ipv4-addr");
	assert_int_equal(t.confidence, 60);
	assert_int_equal(t.feeds, 3);
	t = describe(s, net, "203.0.113.8", 443, 0);
	assert_string_equal(t.type, "ipv4-net");
	assert_string_equal(t.value, "203.0.113.0/24");
	/* no slot is known: a flow record */
	t = describe(s, 0, "203.0.113.7", 443, 0);
	assert_string_equal(t.type, "ip-port");
	pk_store_free(s);
}

static void a_slot_of_something_else_is_not_believed(void **state)
{
	struct pk_threat_indicator t;
	struct pk_store *s;
	uint32_t other;

	(void)state;
	assert_int_equal(pk_store_new(&s, 1), 0);
	other = add(s, "f", "198.51.100.1", 50);
	add(s, "g", "203.0.113.7", 50);
	describe(s, other, "203.0.113.99", 0, -ESTALE);
	describe(s, 0, "203.0.113.99", 0, -ENOENT);
	describe(s, 4711, "203.0.113.99", 0, -ENOENT);
	t = describe(s, other, "203.0.113.7", 0, 0);
	assert_string_equal(t.value, "203.0.113.7");
	assert_string_equal(t.feed[0], "g");
	assert_int_equal(t.feeds, 1);
	pk_store_free(s);
}

static void what_was_just_deleted_is_still_named(void **state)
{
	struct pk_threat_indicator t;
	struct pk_indicator ind;
	struct pk_store *s;
	uint32_t slot;

	(void)state;
	assert_int_equal(pk_store_new(&s, 1), 0);
	slot = add(s, "f", "203.0.113.7", 50);
	assert_int_equal(pk_store_get(s, slot, &ind), 0);
	assert_int_equal(pk_store_del(s, &ind, PK_ALL_FEEDS), 0);
	t = describe(s, slot, "203.0.113.7", 0, 0);
	assert_string_equal(t.value, "203.0.113.7");
	assert_string_equal(t.feed[0], "f");
	describe(s, 0, "203.0.113.7", 0, -ENOENT);
	pk_store_free(s);
}

static void what_has_ended_is_none_though_it_is_still_there(void **state)
{
	const uint64_t end_ns = 4000000000ULL * 1000000000;
	struct pk_threat_indicator t;
	struct pk_indicator ind;
	struct pk_describe how;
	union pk_addr a;
	struct pk_threat_seen seen = { .addr = &a, .at_ns = end_ns - 1 };
	struct pk_store *s;
	uint32_t slot;
	int more;

	(void)state;
	assert_int_equal(pk_store_new(&s, 1), 0);
	how = (struct pk_describe){ s, feed_name, s, 0 };
	assert_int_equal(pk_addr_parse(&a, "203.0.113.7"), 0);
	seen.slot = slot = add(s, "f", "203.0.113.7", 50);
	assert_int_equal(pk_describe(&how, &seen, &t), 0);
	seen.at_ns = end_ns;
	assert_int_equal(pk_describe(&how, &seen, &t), -ETIME);
	seen.slot = 0;
	assert_int_equal(pk_describe(&how, &seen, &t), -ETIME);
	/* when it has gone, and the image still has it */
	seen.slot = slot;
	pk_store_expire(s, 4000000000, 9, &more, NULL, NULL);
	assert_int_equal(pk_describe(&how, &seen, &t), -ETIME);
	/* a feed says that it goes on */
	slot = add(s, "f", "203.0.113.7", 50);
	assert_int_equal(pk_store_get(s, slot, &ind), 0);
	ind.feed = (uint16_t)pk_store_feed(s, "g");
	ind.meta.valid_until = 0;
	ind.meta.confidence = 10;
	assert_int_equal(pk_store_add(s, &ind, &slot), -EEXIST);
	seen.slot = slot;
	assert_int_equal(pk_describe(&how, &seen, &t), 0);
	pk_store_free(s);
}

static void what_begins_later_is_none_yet(void **state)
{
	struct pk_threat_seen seen = { 0 };
	struct pk_threat_indicator t;
	struct pk_indicator ind;
	struct pk_describe how;
	struct pk_store *s;
	union pk_addr a;

	(void)state;
	assert_int_equal(pk_store_new(&s, 1), 0);
	how = (struct pk_describe){ s, feed_name, s, 1 };
	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, "203.0.113.7", 11),
			 PK_REFUSED_NONE);
	ind.feed = (uint16_t)pk_store_feed(s, "soon");
	ind.meta.valid_from = 5000;
	assert_int_equal(pk_store_add(s, &ind, &seen.slot), 0);
	assert_int_equal(pk_addr_parse(&a, "203.0.113.7"), 0);
	seen.addr = &a;
	seen.at_ns = 4999999999999;
	assert_int_equal(pk_describe(&how, &seen, &t), -ETIME);
	seen.at_ns = 5000000000000;
	assert_int_equal(pk_describe(&how, &seen, &t), 0);
	/* the time is not known; or it does not matter */
	seen.at_ns = 0;
	assert_int_equal(pk_describe(&how, &seen, &t), 0);
	seen.at_ns = 4999000000000;
	how.begins = 0;
	assert_int_equal(pk_describe(&how, &seen, &t), 0);
	how.begins = 1;
	/* a prefix around it, or another feed, says it is one now */
	add(s, "nets", "203.0.113.0/24", 50);
	assert_int_equal(pk_describe(&how, &seen, &t), 0);
	assert_string_equal(t.value, "203.0.113.0/24");
	assert_int_equal(t.feeds, 1);
	add(s, "now", "203.0.113.7", 50);
	assert_int_equal(pk_describe(&how, &seen, &t), 0);
	assert_string_equal(t.value, "203.0.113.7");
	pk_store_free(s);
}

static void names_are_compared_with_what_they_cover(void **state)
{
	static const uint8_t below[] = "\3www\4evil\7example";
	static const uint8_t beside[] = "\7notevil\7example";
	struct pk_threat_indicator t;
	struct pk_threat_seen seen = { .name = below };
	struct pk_describe how;
	struct pk_store *s;

	(void)state;
	assert_int_equal(pk_store_new(&s, 1), 0);
	how = (struct pk_describe){ s, feed_name, s, 0 };
	seen.slot = add(s, "f", "evil.example", 50);
	assert_int_equal(pk_describe(&how, &seen, &t), 0);
	assert_string_equal(t.value, "evil.example");
	seen.name = beside;
	assert_int_equal(pk_describe(&how, &seen, &t), -ESTALE);
	seen.name = (const uint8_t *)"";
	assert_int_equal(pk_describe(&how, &seen, &t), -ESTALE);
	pk_store_free(s);
}

/* What an address carries comes after itself. */
static void what_an_address_carries_is_named(void **state)
{
	struct pk_threat_indicator t;
	struct pk_store *s;
	uint32_t net, addr, port, own;

	(void)state;
	assert_int_equal(pk_store_new(&s, 1), 0);
	net = add(s, "nets", "198.51.100.0/24", 50);
	t = describe(s, net, "64:ff9b::198.51.100.7", 443, 0);
	assert_string_equal(t.value, "198.51.100.0/24");
	assert_int_equal(t.embedded, PK_EMBEDDED_NAT64);
	addr = add(s, "addresses", "198.51.100.7", 60);
	port = add(s, "ports", "198.51.100.7:443", 70);
	t = describe(s, port, "2002:c633:6407::1", 443, 0);
	assert_string_equal(t.value, "198.51.100.7:443");
	assert_int_equal(t.embedded, PK_EMBEDDED_6TO4);
	assert_int_equal(t.feeds, 3);
	t = describe(s, addr, "2001:0:4136:e378:8000:63bf:39cc:9bf8", 80, 0);
	assert_string_equal(t.value, "198.51.100.7");
	assert_int_equal(t.embedded, PK_EMBEDDED_TEREDO);
	/* no slot is known: a flow record */
	t = describe(s, 0, "fe80::5efe:198.51.100.7", 80, 0);
	assert_string_equal(t.value, "198.51.100.7");
	assert_int_equal(t.embedded, PK_EMBEDDED_ISATAP);
	t = describe(s, addr, "198.51.100.7", 80, 0);
	assert_int_equal(t.embedded, PK_EMBEDDED_NONE);
	own = add(s, "own", "2002:c633:6407::1", 10);
	t = describe(s, own, "2002:c633:6407::1", 443, 0);
	assert_string_equal(t.value, "2002:c633:6407::1");
	assert_int_equal(t.embedded, PK_EMBEDDED_NONE);
	describe(s, addr, "2002:c633:6308::1", 80, -ESTALE);
	describe(s, 0, "2002:c633:6308::1", 80, -ENOENT);
	pk_store_free(s);
}

static void a_mapped_address_is_told_from_ipv4_by_its_header(void **state)
{
	struct pk_threat_indicator t = { 0 };
	struct pk_describe how;
	union pk_addr a;
	struct pk_threat_seen seen = { .addr = &a, .ip6 = 1 };
	struct pk_store *s;

	(void)state;
	assert_int_equal(pk_store_new(&s, 1), 0);
	how = (struct pk_describe){ s, feed_name, s, 0 };
	assert_int_equal(pk_addr_parse(&a, "198.51.100.7"), 0);
	add(s, "f", "198.51.100.7", 60);
	assert_int_equal(pk_describe(&how, &seen, &t), 0);
	assert_int_equal(t.embedded, PK_EMBEDDED_MAPPED);
	seen.ip6 = 0;
	assert_int_equal(pk_describe(&how, &seen, &t), 0);
	assert_int_equal(t.embedded, PK_EMBEDDED_NONE);
	pk_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_most_specific_tells_and_all_feeds_are_named),
		cmocka_unit_test(a_slot_of_something_else_is_not_believed),
		cmocka_unit_test(what_was_just_deleted_is_still_named),
		cmocka_unit_test(
			what_has_ended_is_none_though_it_is_still_there),
		cmocka_unit_test(what_begins_later_is_none_yet),
		cmocka_unit_test(names_are_compared_with_what_they_cover),
		cmocka_unit_test(what_an_address_carries_is_named),
		cmocka_unit_test(
			a_mapped_address_is_told_from_ipv4_by_its_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
