/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/image.h"
#include "ioc/store.h"

enum { SEED = 99 };

static struct pk_store *new_store(void)
{
	struct pk_store *s;

	assert_int_equal(pk_store_new(&s, SEED), 0);
	return s;
}

static struct pk_indicator value(const char *text)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, text, strlen(text)), 0);
	return ind;
}

static int add(struct pk_store *s, const char *text, uint16_t feed, uint64_t id,
	       uint32_t *slot)
{
	struct pk_indicator ind = value(text);

	ind.feed = feed;
	ind.id = id;
	ind.threat_type = feed ? "other" : "bot_ip";
	return pk_store_add(s, &ind, slot);
}

static int del(struct pk_store *s, const char *text, uint16_t feed)
{
	struct pk_indicator ind = value(text);

	return pk_store_del(s, &ind, feed);
}

static struct pk_store_stats stats(const struct pk_store *s)
{
	struct pk_store_stats st;

	pk_store_stats(s, &st);
	return st;
}

static void what_was_added_is_found_and_told(void **state)
{
	static const char *const texts[] = { "192.0.2.1", "2001:db8::1",
					     "evil.example" };
	struct pk_store *s = new_store();
	struct pk_indicator ind;
	char text[PK_VALUE_TEXT_MAX];
	uint32_t slot;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pk_store_find_text(s, texts[i]), 0);
		assert_int_equal(add(s, texts[i], 0, 100 + i, &slot), 0);
		assert_int_equal(slot, i + 1);
		assert_int_equal(pk_store_find_text(s, texts[i]), slot);
		assert_int_equal(pk_store_get(s, slot, &ind), 0);
		pk_indicator_print(&ind, text);
		assert_string_equal(text, texts[i]);
		assert_true(ind.id == 100 + i && ind.slot == slot);
		assert_string_equal(ind.threat_type, "bot_ip");
	}
	assert_int_equal(pk_store_find_text(s, "EVIL.example."), 3);
	assert_int_equal(pk_store_find_text(s, "::ffff:192.0.2.1"), 1);
	assert_int_equal(pk_store_find_text(s, "no such thing"), 0);
	assert_int_equal(pk_store_get(s, 0, &ind), -ENOENT);
	assert_int_equal(pk_store_get(s, 4, &ind), -ENOENT);
	assert_int_equal(stats(s).live, 3);
	assert_int_equal(stats(s).by_type[PK_INDICATOR_IPV6], 1);
	pk_store_free(s);
}

static void the_first_feed_wins_and_the_last_one_deletes(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind;
	uint16_t feeds[4];
	uint32_t slot;

	(void)state;
	assert_int_equal(add(s, "192.0.2.1", 0, 7, &slot), 0);
	assert_int_equal(add(s, "192.0.2.1", 0, 8, &slot), -EEXIST);
	assert_int_equal(add(s, "192.0.2.1", 5, 9, &slot), -EEXIST);
	assert_int_equal(add(s, "192.0.2.1", 6, 10, &slot), -EEXIST);
	assert_int_equal(slot, 1);
	assert_int_equal(stats(s).duplicates, 1);
	assert_int_equal(stats(s).shared, 2);
	assert_int_equal(pk_store_feeds(s, 1, feeds, 4), 3);
	assert_true(feeds[0] == 0 && feeds[1] == 5 && feeds[2] == 6);

	assert_int_equal(del(s, "192.0.2.1", 4), -ENOENT);
	assert_int_equal(del(s, "192.0.2.1", 0), 0);
	assert_int_equal(pk_store_get(s, 1, &ind), 0);
	assert_true(ind.feed == 5 && ind.id == 9);
	assert_string_equal(ind.threat_type, "other");
	assert_int_equal(del(s, "192.0.2.1", 6), 0);
	assert_int_equal(pk_store_feeds(s, 1, feeds, 4), 1);
	assert_int_equal(del(s, "192.0.2.1", 5), 0);
	assert_int_equal(pk_store_find_text(s, "192.0.2.1"), 0);
	assert_int_equal(del(s, "192.0.2.1", PK_ALL_FEEDS), -ENOENT);
	pk_store_free(s);
}

static void a_feed_can_be_withdrawn_as_a_whole(void **state)
{
	struct pk_store *s = new_store();
	char text[32];

	(void)state;
	for (int i = 0; i < 100; i++) {
		sprintf(text, "10.0.0.%d", i);
		add(s, text, 1, 0, NULL);
		if (i % 2)
			add(s, text, 2, 0, NULL);
	}
	assert_int_equal(pk_store_del_feed(s, 1), 100);
	assert_int_equal(stats(s).live, 50);
	assert_int_equal(pk_store_del_feed(s, 1), 0);
	assert_int_equal(pk_store_del_feed(s, 2), 50);
	assert_int_equal(stats(s).live, 0);
	assert_int_equal(pk_store_next(s, 0), 0);
	pk_store_free(s);
}

static void a_slot_is_reused_only_after_a_second_base(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind;
	uint32_t slot;

	(void)state;
	add(s, "192.0.2.1", 0, 0, NULL);
	pk_store_settle(s);
	assert_int_equal(del(s, "192.0.2.1", PK_ALL_FEEDS), 0);
	assert_int_equal(stats(s).tombstones, 1);
	assert_int_equal(pk_store_get(s, 1, &ind), 0); /* hits in flight */
	assert_false(pk_store_is_live(s, 1));
	add(s, "192.0.2.2", 0, 0, &slot);
	assert_int_equal(slot, 2);
	/* Back before the base changed: the old slot, no tombstone. */
	add(s, "192.0.2.1", 3, 0, &slot);
	assert_int_equal(slot, 1);
	assert_int_equal(stats(s).tombstones, 0);
	assert_int_equal(stats(s).additions, 1);
	del(s, "192.0.2.1", PK_ALL_FEEDS);
	pk_store_settle(s);
	assert_int_equal(pk_store_get(s, 1, &ind), 0);
	add(s, "192.0.2.1", 0, 0, &slot);
	assert_int_equal(slot, 3);
	pk_store_settle(s);
	assert_int_equal(pk_store_get(s, 1, &ind), -ENOENT);
	add(s, "192.0.2.4", 0, 0, &slot);
	assert_int_equal(slot, 1);
	pk_store_free(s);
}

static void exact_and_covering_names_are_two_indicators(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("evil.example");

	(void)state;
	ind.subdomains = 0;
	assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	assert_int_equal(pk_store_find_text(s, "evil.example"), 1);
	ind.subdomains = 1;
	assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	assert_int_equal(pk_store_find_text(s, "evil.example"), 2);

	assert_true(pk_store_covers(s, 1, (uint8_t *)"\4evil\7example"));
	assert_false(pk_store_covers(s, 1, (uint8_t *)"\1x\4evil\7example"));
	assert_true(pk_store_covers(s, 2, (uint8_t *)"\4evil\7example"));
	assert_true(pk_store_covers(s, 2, (uint8_t *)"\1x\4evil\7example"));
	assert_false(pk_store_covers(s, 2, (uint8_t *)"\5xevil\7example"));
	assert_false(pk_store_covers(s, 2, (uint8_t *)"\6x\4evil\7example"));
	assert_false(pk_store_covers(s, 2, (uint8_t *)"\7example"));
	assert_false(pk_store_covers(s, 2, (uint8_t *)""));
	assert_false(pk_store_covers(s, 3, (uint8_t *)"\4evil\7example"));
	pk_store_free(s);
}

static void what_cannot_be_stored_is_refused(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("192.0.2.1");

	(void)state;
	ind.feed = PK_FEEDS_MAX;
	assert_int_equal(pk_store_add(s, &ind, NULL), -EINVAL);
	ind.feed = 0;
	ind.type = PK_INDICATOR_URL;
	assert_int_equal(pk_store_add(s, &ind, NULL), -EINVAL);
	assert_int_equal(pk_store_find(s, &ind), 0);
	pk_store_free(s);
}

static void threat_types_without_end_do_not_break_it(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("192.0.2.1");
	char threat[16];

	(void)state;
	ind.threat_type = threat;
	for (uint32_t i = 0; i < 70000; i++) {
		sprintf(threat, "t%u", i);
		ind.addr.w[3] = i;
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	assert_int_equal(pk_store_get(s, 5, &ind), 0);
	assert_string_equal(ind.threat_type, "t4");
	assert_int_equal(pk_store_get(s, 69999, &ind), 0);
	assert_string_equal(ind.threat_type, "");
	pk_store_free(s);
}

static void a_million_addresses_fit_in_their_memory(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("10.0.0.0");

	(void)state;
	for (uint32_t i = 0; i < 1000000; i++) {
		ind.addr.w[3] = i * 2654435761U;
		ind.id = i + 1;
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	assert_true(stats(s).bytes < 40 << 20);
	pk_store_free(s);
}

/* --- the slow twin ------------------------------------------------------ */

enum { VALUES = 300, FEEDS = 4 };

struct twin {
	struct pk_indicator ind;
	bool feed[FEEDS];
	bool in_base;
	uint32_t slot; /* last given */
};

static bool alive(const struct twin *t)
{
	return t->feed[0] || t->feed[1] || t->feed[2] || t->feed[3];
}

static void make_values(struct twin *twins)
{
	for (unsigned i = 0; i < VALUES; i++) {
		char text[64];

		if (i % 3 == 0)
			sprintf(text, "10.1.%u.%u", i / 256, i % 256);
		else if (i % 3 == 1)
			sprintf(text, "2001:db8::%x", i);
		else
			sprintf(text, "n%u.example", i / 2);
		twins[i] = (struct twin){ .ind = value(text) };
		if (i % 3 == 2)
			twins[i].ind.subdomains = i % 2;
	}
}

static void change(struct pk_store *s, struct twin *t, unsigned op)
{
	uint16_t feed = (uint16_t)(random() % FEEDS);
	bool was = alive(t);
	uint32_t slot = 0;
	int err;

	if (op < 60) {
		t->ind.feed = feed;
		err = pk_store_add(s, &t->ind, &slot);
		assert_int_equal(err, was ? -EEXIST : 0);
		assert_true(!was || slot == t->slot);
		t->slot = slot;
		t->feed[feed] = true;
	} else if (op < 90) {
		err = pk_store_del(s, &t->ind, feed);
		assert_int_equal(err, t->feed[feed] ? 0 : -ENOENT);
		t->feed[feed] = false;
	} else {
		err = pk_store_del(s, &t->ind, PK_ALL_FEEDS);
		assert_int_equal(err, was ? 0 : -ENOENT);
		memset(t->feed, 0, sizeof(t->feed));
	}
}

static void settle(struct pk_store *s, struct twin *twins)
{
	pk_store_settle(s);
	for (unsigned i = 0; i < VALUES; i++)
		twins[i].in_base = alive(&twins[i]);
}

static bool key_of_twin(const struct pk_key *key, const struct twin *t)
{
	uint64_t hash;

	if (t->ind.type == PK_INDICATOR_IPV4)
		return key->table == PK_TABLE_V4 &&
		       key->q[0] == t->ind.addr.w[3];
	if (t->ind.type == PK_INDICATOR_IPV6)
		return key->table == PK_TABLE_V6 &&
		       !memcmp(key->q, t->ind.addr.q, 16);
	hash = pk_name_hash(SEED, t->ind.name);
	if (t->ind.subdomains)
		hash = pk_name_subdomains(hash);
	return key->table == PK_TABLE_NAME && key->hash == hash;
}

/* Each key must be wanted, with its id, and all wanted ones must come. */
static void check_keys(const struct pk_store *s, const struct twin *twins,
		       bool delta)
{
	unsigned (*walk)(const struct pk_store *, uint32_t *, struct pk_key *,
			 unsigned) =
		delta ? pk_store_delta_keys : pk_store_base_keys;
	unsigned seen = 0, wanted = 0, n;
	struct pk_key keys[7];
	uint32_t cursor = 0;

	while ((n = walk(s, &cursor, keys, 7)))
		for (unsigned k = 0; k < n; k++, seen++) {
			const struct twin *t = twins;

			while (!key_of_twin(&keys[k], t))
				assert_true(++t < twins + VALUES);
			assert_true(delta ? alive(t) != t->in_base : alive(t));
			assert_int_equal(keys[k].id,
					 alive(t) ? t->slot : PK_TOMBSTONE);
		}
	for (unsigned i = 0; i < VALUES; i++)
		wanted += delta ? alive(&twins[i]) != twins[i].in_base
				: alive(&twins[i]);
	assert_int_equal(seen, wanted);
}

static void check_all(const struct pk_store *s, const struct twin *twins)
{
	uint32_t live = 0, slot = 0, additions = 0, tombstones = 0;

	for (unsigned i = 0; i < VALUES; i++) {
		const struct twin *t = &twins[i];
		unsigned feeds = 0;

		for (unsigned f = 0; f < FEEDS; f++)
			feeds += t->feed[f];
		live += alive(t);
		additions += alive(t) && !t->in_base;
		tombstones += !alive(t) && t->in_base;
		assert_int_equal(pk_store_find(s, &t->ind),
				 alive(t) ? t->slot : 0);
		if (alive(t))
			assert_int_equal(pk_store_feeds(s, t->slot, NULL, 0),
					 feeds);
	}
	assert_int_equal(stats(s).live, live);
	assert_int_equal(stats(s).additions, additions);
	assert_int_equal(stats(s).tombstones, tombstones);
	while ((slot = pk_store_next(s, slot)))
		live--;
	assert_int_equal(live, 0);
	check_keys(s, twins, false);
	check_keys(s, twins, true);
}

static void random_changes_agree_with_a_plain_list(void **state)
{
	static struct twin twins[VALUES];
	struct pk_store *s = new_store();

	(void)state;
	srandom(1);
	make_values(twins);
	for (int step = 0; step < 60000; step++) {
		unsigned op = (unsigned)random() % 100;

		/* Mostly growing, then mostly shrinking. */
		change(s, &twins[random() % VALUES],
		       step / 3000 % 2 ? op : op / 2 + op / 4);
		if (random() % 500 == 0)
			settle(s, twins);
		if (step % 100 == 0)
			check_all(s, twins);
	}
	pk_store_free(s);
}

static void changes_beyond_the_list_are_found_by_a_walk(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("10.0.0.0");
	struct pk_key keys[64];
	uint32_t cursor = 0, n, seen = 0;

	(void)state;
	for (uint32_t i = 0; i < 300000; i++) {
		ind.addr.w[3] = i;
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	for (uint32_t i = 5; i < 300000; i++) {
		ind.addr.w[3] = i;
		assert_int_equal(pk_store_del(s, &ind, 0), 0);
	}
	while ((n = pk_store_delta_keys(s, &cursor, keys, 64)))
		seen += n;
	assert_int_equal(seen, 5);
	assert_int_equal(stats(s).additions, 5);
	pk_store_settle(s);
	cursor = 0;
	assert_int_equal(pk_store_delta_keys(s, &cursor, keys, 64), 0);
	pk_store_free(s);
}

static void coming_and_going_takes_no_more_memory(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("10.0.0.0");
	uint32_t slot, highest = 0;

	(void)state;
	for (uint32_t i = 0; i < 300000; i++) {
		ind.addr.w[3] = i;
		assert_int_equal(pk_store_add(s, &ind, &slot), 0);
		highest = slot > highest ? slot : highest;
		assert_int_equal(pk_store_del(s, &ind, 0), 0);
		if (i % 1000 == 999)
			pk_store_settle(s);
	}
	assert_int_equal(highest, 2000);
	assert_true(stats(s).bytes < 100000);
	pk_store_free(s);
}

static void names_survive_the_collection_of_garbage(void **state)
{
	struct pk_store *s = new_store();
	char text[128];

	(void)state;
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 30000; i++) {
			sprintf(text, "round%d-with-a-long-label-%d.example",
				round, i);
			assert_int_equal(add(s, text, 0, 0, NULL), 0);
		}
		add(s, "2001:db8::77", 0, 0, NULL);
		pk_store_settle(s);
		for (int i = 0; i < 30000 - 10; i++) {
			sprintf(text, "round%d-with-a-long-label-%d.example",
				round, i);
			assert_int_equal(del(s, text, 0), 0);
		}
		pk_store_settle(s);
		pk_store_settle(s);
	}
	assert_int_equal(stats(s).live, 41);
	for (int round = 0; round < 4; round++) {
		sprintf(text, "round%d-with-a-long-label-29999.example", round);
		assert_int_not_equal(pk_store_find_text(s, text), 0);
	}
	assert_int_not_equal(pk_store_find_text(s, "2001:db8::77"), 0);
	assert_true(stats(s).bytes < 6 << 20);
	pk_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_found_and_told),
		cmocka_unit_test(the_first_feed_wins_and_the_last_one_deletes),
		cmocka_unit_test(a_feed_can_be_withdrawn_as_a_whole),
		cmocka_unit_test(a_slot_is_reused_only_after_a_second_base),
		cmocka_unit_test(exact_and_covering_names_are_two_indicators),
		cmocka_unit_test(what_cannot_be_stored_is_refused),
		cmocka_unit_test(threat_types_without_end_do_not_break_it),
		cmocka_unit_test(a_million_addresses_fit_in_their_memory),
		cmocka_unit_test(random_changes_agree_with_a_plain_list),
		cmocka_unit_test(changes_beyond_the_list_are_found_by_a_walk),
		cmocka_unit_test(coming_and_going_takes_no_more_memory),
		cmocka_unit_test(names_survive_the_collection_of_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
