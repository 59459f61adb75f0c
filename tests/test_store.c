/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "ioc/store/store_inside.h"
#include "tests/store_rig.h"

enum { SEED = 99, KEYS = 256 };

static struct pk_store *new_store(void)
{
	struct pk_store *s;

	assert_int_equal(pk_store_new(&s, SEED), 0);
	return s;
}

static int add(struct pk_store *s, const char *text, uint16_t feed,
	       const char *id, uint32_t *slot)
{
	struct pk_indicator ind = value(text);

	ind.feed = feed;
	ind.meta.id = id;
	ind.meta.threat_type = feed ? "other" : "bot_ip";
	return pk_store_add(s, &ind, slot);
}

static int add_until(struct pk_store *s, const char *text, uint16_t feed,
		     uint32_t until)
{
	struct pk_indicator ind = value(text);

	ind.feed = feed;
	ind.meta.valid_until = until;
	return pk_store_add(s, &ind, NULL);
}

/* --- values and feeds ----------------------------------------------------- */

static void what_was_added_is_found_and_told(void **state)
{
	static const char *const texts[] = { "192.0.2.1",     "2001:db8::1",
					     "evil.example",  "192.0.2.0/24",
					     "192.0.2.1:443", "0.0.0.0/0" };
	enum { COUNT = sizeof(texts) / sizeof(*texts) };
	struct pk_store *s = new_store();
	struct pk_indicator ind;
	char text[PK_VALUE_TEXT_MAX], id[8];
	uint32_t slot;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(find(s, texts[i]), 0);
		sprintf(id, "id%u", i);
		assert_int_equal(add(s, texts[i], 0, id, &slot), 0);
		assert_int_equal(slot, i + 1);
		assert_int_equal(find(s, texts[i]), slot);
		assert_int_equal(pk_store_get(s, slot, &ind), 0);
		pk_indicator_print(&ind, text);
		assert_string_equal(text, texts[i]);
		assert_string_equal(ind.meta.id, id);
		assert_int_equal(ind.slot, slot);
		assert_string_equal(ind.meta.threat_type, "bot_ip");
	}
	assert_int_equal(find(s, "EVIL.example."), 3);
	assert_int_equal(find(s, "::ffff:192.0.2.1"), 1);
	assert_int_equal(pk_store_get(s, 0, &ind), -ENOENT);
	assert_int_equal(pk_store_get(s, COUNT + 1, &ind), -ENOENT);
	assert_int_equal(stats(s).live, COUNT);
	assert_int_equal(stats(s).by_type[PK_INDICATOR_IPV6], 1);
	pk_store_free(s);
}

/* Row G08: duplicates, conflicts, one value in several feeds, one withdrawn. */
static void the_last_feed_that_withdraws_deletes(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind;
	uint16_t feeds[4];
	uint32_t slot;

	(void)state;
	assert_int_equal(add(s, "192.0.2.1", 6, "10", &slot), 0);
	assert_int_equal(add(s, "192.0.2.1", 0, "7", &slot), -EEXIST);
	assert_int_equal(add(s, "192.0.2.1", 0, "8", &slot), -EEXIST);
	assert_int_equal(add(s, "192.0.2.1", 5, "9", &slot), -EEXIST);
	assert_int_equal(slot, 1);
	assert_int_equal(stats(s).duplicates, 1);
	assert_int_equal(stats(s).shared, 2);
	assert_int_equal(stats(s).live, 1);
	assert_int_equal(pk_store_feeds(s, 1, feeds, 4), 3);
	assert_true(feeds[0] == 0 && feeds[1] == 5 && feeds[2] == 6);
	pk_store_get(s, 1, &ind);
	assert_string_equal(ind.meta.id, "8"); /* what it says now */

	assert_int_equal(del(s, "192.0.2.1", 4), -ENOENT);
	assert_int_equal(del(s, "192.0.2.1", 0), 0);
	assert_int_equal(pk_store_get(s, 1, &ind), 0);
	assert_int_equal(ind.feed, 5);
	assert_string_equal(ind.meta.id, "9");
	assert_string_equal(ind.meta.threat_type, "other");
	assert_int_equal(del(s, "192.0.2.1", 6), 0);
	assert_int_equal(pk_store_feeds(s, 1, feeds, 4), 1);
	assert_int_equal(pk_store_feed_items(s, 5), 1);
	assert_int_equal(del(s, "192.0.2.1", 5), 0);
	assert_int_equal(find(s, "192.0.2.1"), 0);
	assert_int_equal(pk_store_feed_items(s, 5), 0);
	assert_int_equal(del(s, "192.0.2.1", PK_ALL_FEEDS), -ENOENT);
	pk_store_free(s);
}

static void the_most_confident_feed_is_reported(void **state)
{
	static const uint8_t said[] = { 49, 255, 50, 51, 51 };
	static const uint16_t order[] = { 3, 4, 1, 2, 0 };
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("evil.example");
	uint16_t feeds[5];

	(void)state;
	for (uint16_t f = 0; f < 5; f++) {
		ind.feed = (uint16_t)(4 - f);
		ind.meta.confidence = said[4 - f];
		pk_store_add(s, &ind, NULL);
	}
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(pk_store_feeds(s, 1, feeds, 5), 5 - i);
		assert_memory_equal(feeds, order + i, (5 - i) * sizeof(*feeds));
		assert_int_equal(pk_store_get(s, 1, &ind), 0);
		assert_int_equal(ind.feed, order[i]);
		pk_store_del(s, &ind, order[i]);
	}
	/* Dead, and still the last one's. */
	assert_int_equal(pk_store_get(s, 1, &ind), 0);
	assert_int_equal(ind.feed, 0);
	pk_store_free(s);
}

static void a_feed_can_be_withdrawn_as_a_whole(void **state)
{
	struct pk_store *s = new_store();
	char text[32];

	(void)state;
	for (int i = 0; i < 100; i++) {
		sprintf(text, "10.0.0.%d", i);
		add(s, text, 1, "", NULL);
		if (i % 2)
			add(s, text, 2, "", NULL);
	}
	assert_int_equal(pk_store_del_feed(s, 1), 100);
	assert_int_equal(stats(s).live, 50);
	assert_int_equal(pk_store_del_feed(s, 1), 0);
	assert_int_equal(pk_store_del_feed(s, 2), 50);
	assert_int_equal(stats(s).live, 0);
	assert_int_equal(pk_store_next(s, 0), 0);
	pk_store_free(s);
}

static void feeds_have_numbers_for_good(void **state)
{
	struct pk_store *s = new_store();
	struct pk_feed_info info = { .name = "other", .ttl_sec = 60 };
	char name[PK_FEED_NAME_MAX + 2];

	(void)state;
	assert_int_equal(pk_store_feed(s, "one"), 0);
	assert_int_equal(pk_store_feed(s, "two"), 1);
	assert_int_equal(pk_store_feed(s, "one"), 0);
	assert_int_equal(pk_store_feed_find(s, "two"), 1);
	assert_int_equal(pk_store_feed_find(s, "three"), -ENOENT);
	assert_int_equal(pk_store_feed(s, ""), -EINVAL);
	assert_int_equal(pk_store_feed(s, "a\nb"), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = 0;
	assert_int_equal(pk_store_feed(s, name), -EINVAL);
	assert_int_equal(pk_store_feed_set(s, 1, &info), 0);
	assert_string_equal(pk_store_feed_info(s, 1)->name, "two");
	assert_int_equal(pk_store_feed_info(s, 1)->ttl_sec, 60);
	assert_null(pk_store_feed_info(s, 2));
	assert_int_equal(pk_store_feed_set(s, 2, &info), -ENOENT);
	for (int i = 2; i < PK_FEEDS_MAX; i++) {
		sprintf(name, "f%d", i);
		assert_int_equal(pk_store_feed(s, name), i);
	}
	assert_int_equal(pk_store_feed(s, "more"), -ENOSPC);
	assert_int_equal(pk_store_feed_count(s), PK_FEEDS_MAX);
	pk_store_free(s);
}

static void what_cannot_be_stored_is_refused(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("192.0.2.1");

	(void)state;
	ind.feed = PK_FEEDS_MAX;
	assert_int_equal(pk_store_add(s, &ind, NULL), -EINVAL);
	assert_int_equal(stats(s).live, 0);
	assert_int_equal(pk_store_reserve(s, PK_SLOT_MAX + 1, 0), -ENOSPC);
	assert_int_equal(pk_store_reserve(s, 1, 1ULL << 32), -ENOSPC);
	assert_int_equal(pk_store_reserve(s, 1000, 20000), 0);
	pk_store_free(s);
}

/* --- names, prefixes ------------------------------------------------------ */

static void a_name_says_what_it_covers(void **state)
{
	static const uint8_t *const names[] = {
		(const uint8_t *)"\4evil\7example",
		(const uint8_t *)"\1x\4evil\7example",
		(const uint8_t *)"\1y\1x\4evil\7example",
		(const uint8_t *)"\5xevil\7example",
		(const uint8_t *)"\6x\4evil\7example",
		(const uint8_t *)"\7example",
		(const uint8_t *)"",
	};
	static const bool covered[PK_MATCH_COUNT][7] = {
		[PK_MATCH_EXACT] = { true },
		[PK_MATCH_SUBDOMAINS] = { true, true, true },
		[PK_MATCH_ONE_LABEL] = { false, true },
	};
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("evil.example");

	(void)state;
	for (uint8_t match = 0; match < PK_MATCH_COUNT; match++) {
		ind.match = match;
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
		for (unsigned i = 0; i < 7; i++)
			assert_int_equal(
				pk_store_covers(s, match + 1U, names[i]),
				covered[match][i]);
	}
	assert_false(pk_store_covers(s, 4, names[0]));
	add(s, "192.0.2.1", 0, "", NULL);
	assert_false(pk_store_covers(s, 4, names[0]));
	pk_store_free(s);
}

static void what_covers_a_value_is_told_the_narrowest_first(void **state)
{
	static const char *const texts[] = {
		"10.1.2.3:80", "10.1.2.3",    "10.1.2.0/24",  "10.0.0.0/8",
		"0.0.0.0/0",   "10.1.3.0/24", "192.0.2.3:80", "a.b.example",
		"b.example",   "example",
	};
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("10.1.2.3:80");
	uint32_t slots[PK_STORE_COVERS];

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		add(s, texts[i], 0, "", NULL);
	assert_int_equal(pk_store_cover(s, &ind, slots, PK_STORE_COVERS), 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(slots[i], i + 1);
	assert_int_equal(pk_store_cover(s, &ind, slots, 2), 2);
	ind = value("10.9.9.9");
	assert_int_equal(pk_store_cover(s, &ind, slots, 9), 2);
	assert_true(slots[0] == 4 && slots[1] == 5);
	assert_int_equal(pk_store_wider(s, 3), 4);
	del(s, "10.0.0.0/8", 0);
	assert_int_equal(pk_store_wider(s, 3), 5);
	assert_int_equal(pk_store_wider(s, 4), 5); /* dead */
	assert_int_equal(pk_store_wider(s, 5), 0);
	assert_int_equal(pk_store_wider(s, 2), 0); /* not a prefix */
	ind = value("x.b.example");
	assert_int_equal(pk_store_cover(s, &ind, slots, 9), 2);
	assert_true(slots[0] == 9 && slots[1] == 10);
	pk_store_free(s);
}

static void endpoints_and_values_are_compared_to_the_byte(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("192.0.2.1:443"), other;

	(void)state;
	pk_store_add(s, &ind, NULL);
	assert_true(pk_store_is_endpoint(s, 1, &ind.addr, 443));
	assert_false(pk_store_is_endpoint(s, 1, &ind.addr, 444));
	ind.addr.b[15]++;
	assert_false(pk_store_is_endpoint(s, 1, &ind.addr, 443));
	ind = value("http://evil.example/x");
	other = value("http://evil.example/y");
	pk_store_add(s, &ind, NULL);
	assert_true(pk_store_is_value(s, 2, &ind));
	assert_false(pk_store_is_value(s, 2, &other));
	assert_false(pk_store_is_value(s, 1, &ind));
	assert_false(pk_store_is_value(s, 3, &ind));
	pk_store_free(s);
}

/* --- expiry --------------------------------------------------------------- */

static void count_gone(void *arg, const struct pk_indicator *ind)
{
	(void)ind;
	(*(unsigned *)arg)++;
}

/* Row G18, the store's part: no call takes more than it was allowed. */
static void values_end_to_the_second_and_by_feed(void **state)
{
	struct pk_store *s = new_store();
	unsigned told = 0;
	int more;

	(void)state;
	add_until(s, "10.0.0.1", 0, 1000);
	add_until(s, "10.0.0.2", 0, 1001);
	add_until(s, "10.0.0.2", 1, 1002);
	add_until(s, "10.0.0.3", 0, 0);
	add_until(s, "10.0.0.4", 0, 500);
	add_until(s, "10.0.0.4", 0, 2000); /* said anew */
	assert_int_equal(stats(s).expiring, 4);
	assert_int_equal(pk_store_expire(s, 999, 9, &more, count_gone, &told),
			 0);
	assert_int_equal(told, 0);
	assert_int_equal(pk_store_expire(s, 1000, 9, &more, count_gone, &told),
			 1);
	assert_int_equal(find(s, "10.0.0.1"), 0);
	assert_int_equal(pk_store_expire(s, 1001, 9, &more, count_gone, &told),
			 0);
	assert_int_equal(told, 2);
	assert_int_not_equal(find(s, "10.0.0.2"), 0);
	/* Years at once, one at a time. */
	assert_int_equal(pk_store_expire(s, 4000000000U, 1, &more, NULL, NULL),
			 1);
	assert_int_equal(more, 1);
	assert_int_equal(pk_store_expire(s, 4000000000U, 1, &more, NULL, NULL),
			 1);
	assert_int_equal(more, 0);
	assert_int_equal(stats(s).live, 1);
	assert_int_equal(stats(s).expired, 4);
	assert_int_equal(stats(s).expiring, 0);
	/* A time that is over already. */
	add_until(s, "10.0.0.9", 0, 7);
	assert_int_equal(pk_store_expire(s, 4000000000U, 9, &more, NULL, NULL),
			 1);
	pk_store_free(s);
}

static void every_second_of_a_million_ends_on_time(void **state)
{
	enum { COUNT = 1000000, SECONDS = 500 };
	struct pk_store *s = new_store();
	uint32_t died = 0;
	int more;

	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		struct pk_indicator ind = address(i);

		ind.meta.valid_until = 10000 + i % SECONDS;
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	for (uint32_t now = 9990; now < 10000 + SECONDS; now++) {
		died += pk_store_expire(s, now, COUNT, &more, NULL, NULL);
		assert_false(more);
		assert_int_equal(died, now < 10000 ? 0
						   : (now - 9999) *
							     (COUNT / SECONDS));
	}
	pk_store_free(s);
}

/* --- bases ---------------------------------------------------------------- */

static void a_slot_is_reused_only_after_a_second_base(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind;
	uint32_t slot;

	(void)state;
	add(s, "192.0.2.1", 0, "a", NULL);
	pk_store_settle(s);
	assert_int_equal(del(s, "192.0.2.1", PK_ALL_FEEDS), 0);
	assert_int_equal(stats(s).tombstones, 1);
	assert_int_equal(pk_store_get(s, 1, &ind), 0); /* hits in flight */
	assert_false(pk_store_is_live(s, 1));
	add(s, "192.0.2.2", 0, "", &slot);
	assert_int_equal(slot, 2);
	/* Back before the base changed: the old slot, no tombstone. */
	add(s, "192.0.2.1", 3, "", &slot);
	assert_int_equal(slot, 1);
	assert_int_equal(stats(s).tombstones, 0);
	assert_int_equal(stats(s).additions, 1);
	del(s, "192.0.2.1", PK_ALL_FEEDS);
	pk_store_settle(s);
	assert_int_equal(pk_store_get(s, 1, &ind), 0);
	add(s, "192.0.2.1", 0, "", &slot);
	assert_int_equal(slot, 3);
	pk_store_settle(s);
	assert_int_equal(pk_store_get(s, 1, &ind), -ENOENT);
	add(s, "192.0.2.4", 0, "", &slot);
	assert_int_equal(slot, 1);
	pk_store_free(s);
}

static void changes_beyond_the_list_are_found_by_a_walk(void **state)
{
	struct pk_store *s = new_store();
	struct pk_key keys[KEYS];
	uint32_t cursor = 0, n, seen = 0;

	(void)state;
	for (uint32_t i = 0; i < 300000; i++) {
		struct pk_indicator ind = address(i);

		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	for (uint32_t i = 5; i < 300000; i++) {
		struct pk_indicator ind = address(i);

		assert_int_equal(pk_store_del(s, &ind, 0), 0);
	}
	while ((n = pk_store_delta_keys(s, &cursor, keys, KEYS)))
		seen += n;
	assert_int_equal(seen, 5);
	assert_int_equal(stats(s).additions, 5);
	pk_store_settle(s);
	cursor = 0;
	assert_int_equal(pk_store_delta_keys(s, &cursor, keys, KEYS), 0);
	pk_store_free(s);
}

static uint64_t sum_of_base(const struct pk_store *s)
{
	struct pk_key keys[KEYS];
	uint32_t cursor = 0;
	uint64_t sum = 0;
	unsigned n;

	while ((n = pk_store_base_keys(s, &cursor, keys, KEYS)))
		for (unsigned i = 0; i < n; i++)
			sum += pk_mix(keys[i].hash ^ keys[i].id);
	return sum;
}

static void *walk(void *arg)
{
	uint64_t *sums = calloc(8, sizeof(*sums));

	for (unsigned i = 0; i < 8; i++)
		sums[i] = sum_of_base(arg);
	return sums;
}

static void a_builder_sees_the_frozen_state_while_all_changes(void **state)
{
	enum { COUNT = 30000 };
	struct pk_store *s = new_store();
	char text[64];
	uint64_t want;
	pthread_t thread;
	void *sums;

	(void)state;
	for (uint32_t i = 0; i < 3 * COUNT; i++) {
		sprintf(text, "n%u.example", i);
		add(s, text, 0, "", NULL);
		if (i < COUNT)
			del(s, text, 0);
	}
	pk_store_settle(s);
	pk_store_settle(s); /* COUNT slots are free now */
	pk_store_freeze(s);
	want = sum_of_base(s);
	pthread_create(&thread, NULL, walk, s);
	for (uint32_t i = 0; i < 3 * COUNT; i++) {
		sprintf(text, "n%u.example", i);
		if (i % 3 == 0)
			del(s, text, 0);
		sprintf(text, "n%u.other", i);
		add(s, text, 0, "", NULL);
		if (i % 2 == 0)
			del(s, text, 0);
	}
	pthread_join(thread, &sums);
	for (unsigned i = 0; i < 8; i++)
		assert_true(((uint64_t *)sums)[i] == want);
	assert_true(sum_of_base(s) == want);
	pk_store_settle(s);
	assert_true(sum_of_base(s) != want);
	free(sums);
	pk_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_found_and_told),
		cmocka_unit_test(the_last_feed_that_withdraws_deletes),
		cmocka_unit_test(the_most_confident_feed_is_reported),
		cmocka_unit_test(a_feed_can_be_withdrawn_as_a_whole),
		cmocka_unit_test(feeds_have_numbers_for_good),
		cmocka_unit_test(what_cannot_be_stored_is_refused),
		cmocka_unit_test(a_name_says_what_it_covers),
		cmocka_unit_test(
			what_covers_a_value_is_told_the_narrowest_first),
		cmocka_unit_test(endpoints_and_values_are_compared_to_the_byte),
		cmocka_unit_test(values_end_to_the_second_and_by_feed),
		cmocka_unit_test(every_second_of_a_million_ends_on_time),
		cmocka_unit_test(a_slot_is_reused_only_after_a_second_base),
		cmocka_unit_test(changes_beyond_the_list_are_found_by_a_walk),
		cmocka_unit_test(
			a_builder_sees_the_frozen_state_while_all_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
