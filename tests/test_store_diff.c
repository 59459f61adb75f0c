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

#include "ioc/store/store.h"

enum { SEED = 7, VALUES = 300, FEEDS = 5, ROUNDS = 300 };

/* What each feed says of each value: 0 nothing, else one of a few things. */
struct table {
	unsigned char said[VALUES][FEEDS];
};

/* A feed's name is its number here; stores number them as they meet them. */
static int number_of(struct pk_store *s, unsigned feed)
{
	char name[16];

	sprintf(name, "feed %u", feed);
	return pk_store_feed(s, name);
}

static struct pk_indicator value(unsigned i)
{
	static const char *const forms[] = { "10.0.%u.%u", "n%u-%u.example",
					     "http://h%u.example/%u",
					     "10.%u.%u.0/24" };
	struct pk_indicator ind;
	char text[64];

	snprintf(text, sizeof(text), forms[i % 4], i / 256, i % 256);
	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, text, strlen(text)), 0);
	return ind;
}

static void say(struct pk_meta *meta, unsigned what)
{
	static const char *const ids[] = { "", "a", "b" };

	pk_meta_init(meta);
	meta->id = ids[what % 3];
	meta->tags = what == 3 || what == 4 ? "x" : "";
	meta->valid_until = what == 5 ? 1000 : 0;
}

static void fill(struct pk_store **out, struct table *t, const unsigned *order)
{
	struct pk_indicator ind;

	assert_int_equal(pk_store_new(out, SEED), 0);
	for (unsigned f = 0; f < FEEDS; f++)
		number_of(*out, order[f]);
	for (unsigned i = 0; i < VALUES; i++) {
		for (unsigned f = 0; f < FEEDS; f++) {
			t->said[i][f] =
				(unsigned char)(random() % 2 * (random() % 6));
			if (!t->said[i][f])
				continue;
			ind = value(i);
			say(&ind.meta, t->said[i][f]);
			ind.feed = (uint16_t)number_of(*out, f);
			pk_store_add(*out, &ind, NULL);
		}
	}
}

static void check_store(struct pk_store *s, const struct table *t)
{
	for (unsigned i = 0; i < VALUES; i++) {
		struct pk_indicator ind = value(i);
		uint32_t slot = pk_store_find(s, &ind);

		for (unsigned f = 0; f < FEEDS; f++) {
			int feed = number_of(s, f);
			struct pk_meta meta, want;
			int err = pk_store_meta(s, slot, (uint16_t)feed, &meta);

			assert_int_equal(err, t->said[i][f] ? 0 : -ENOENT);
			if (err)
				continue;
			say(&want, t->said[i][f]);
			assert_string_equal(meta.id, want.id);
			assert_string_equal(meta.tags, want.tags);
			assert_int_equal(meta.valid_until, want.valid_until);
		}
	}
}

struct applied {
	struct pk_store *s;
	unsigned n[3];
};

static int apply(void *arg, enum pk_diff what, const struct pk_indicator *ind)
{
	struct applied *a = arg;
	int err;

	a->n[what]++;
	if (what == PK_DIFF_DEL) {
		assert_int_equal(pk_store_del(a->s, ind, ind->feed), 0);
		return 0;
	}
	err = pk_store_add(a->s, ind, NULL);
	assert_true(what == PK_DIFF_ADD ? !err || err == -EEXIST
					: err == -EEXIST);
	return 0;
}

/* Returns how many slices it took. */
static unsigned run(struct applied *a, const struct pk_store *fresh,
		    uint16_t feed, uint32_t max)
{
	struct pk_diff_cursor cursor = { 0 };
	unsigned slices = 1;
	int err;

	while ((err = pk_store_diff(a->s, fresh, feed, &cursor, max, apply,
				    a)) == 1)
		slices++;
	assert_int_equal(err, 0);
	return slices;
}

/* What it should come to, counted from the tables. */
static void count(const struct table *old, const struct table *fresh, int only,
		  unsigned n[3])
{
	memset(n, 0, 3 * sizeof(*n));
	for (unsigned i = 0; i < VALUES; i++) {
		for (unsigned f = 0; f < FEEDS; f++) {
			unsigned a = old->said[i][f], b = fresh->said[i][f];

			if (only >= 0 && f != (unsigned)only)
				continue;
			n[PK_DIFF_ADD] += !a && b;
			n[PK_DIFF_CHANGE] += a && b && a != b;
			n[PK_DIFF_DEL] += a && !b;
		}
	}
}

static void a_diff_makes_two_stores_equal(void **state)
{
	static const unsigned order[] = { 0, 1, 2, 3, 4 };
	static const unsigned other[] = { 3, 1, 4, 0, 2 };
	static struct table old, fresh;

	(void)state;
	srandom(3);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct applied a = { 0 };
		struct pk_store *f;
		unsigned want[3];
		int only = round % 2 ? (int)(random() % FEEDS) : -1;

		fill(&a.s, &old, order);
		fill(&f, &fresh, round % 3 ? order : other);
		count(&old, &fresh, only, want);
		run(&a, f,
		    only < 0 ? PK_ALL_FEEDS
			     : (uint16_t)number_of(a.s, (unsigned)only),
		    1 + (uint32_t)random() % 100);
		assert_memory_equal(a.n, want, sizeof(want));
		for (unsigned i = 0; i < VALUES; i++)
			for (unsigned k = 0; k < FEEDS; k++)
				if (only < 0 || k == (unsigned)only)
					old.said[i][k] = fresh.said[i][k];
		check_store(a.s, &old);
		memset(a.n, 0, sizeof(a.n));
		run(&a, f,
		    only < 0 ? PK_ALL_FEEDS
			     : (uint16_t)number_of(a.s, (unsigned)only),
		    1000);
		assert_int_equal(a.n[0] + a.n[1] + a.n[2], 0);
		pk_store_free(a.s);
		pk_store_free(f);
	}
}

static void feeds_that_are_new_are_made(void **state)
{
	struct pk_store *fresh;
	struct applied a = { 0 };
	struct pk_indicator ind = value(0);

	(void)state;
	pk_store_new(&a.s, SEED);
	pk_store_new(&fresh, SEED);
	pk_store_feed(a.s, "one");
	assert_int_equal(pk_store_feed(fresh, "two"), 0);
	pk_store_add(fresh, &ind, NULL);
	/* "one" has nothing there, and "two" is not asked for. */
	run(&a, fresh, 0, 10);
	assert_int_equal(a.n[0] + a.n[1] + a.n[2], 0);
	assert_int_equal(pk_store_feed_count(a.s), 1);
	run(&a, fresh, PK_ALL_FEEDS, 10);
	assert_int_equal(a.n[PK_DIFF_ADD], 1);
	assert_int_equal(pk_store_feed_find(a.s, "two"), 1);
	assert_int_equal(pk_store_feed_items(a.s, 1), 1);
	pk_store_free(a.s);
	pk_store_free(fresh);
}

enum { LONG = 200000, STRIDE = 4096 };

/* Number @i of a feed: names with an id, addresses, with a few texts. */
static struct pk_indicator long_one(unsigned i)
{
	static const char *const tags[] = { "", "botnet", "scanner" };
	static char id[16];
	struct pk_indicator ind;
	char text[64];

	sprintf(text, i % 3 ? "n%u.example" : "20.%u.%u.%u",
		i % 3 ? i : i >> 16, i >> 8 & 255, i & 255);
	sprintf(id, "id-%u", i);
	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, text, strlen(text)), 0);
	ind.meta.id = i % 2 ? id : "";
	ind.meta.tags = tags[i / 1000 % 3];
	return ind;
}

/* What was told of a store that is spent meanwhile is what it held. */
static void a_store_can_be_spent_while_it_is_told(void **state)
{
	struct pk_diff_cursor cursor = { 0 };
	struct applied a = { 0 };
	struct pk_indicator ind;
	struct pk_store *fresh;
	struct pk_meta meta;

	(void)state;
	pk_store_new(&a.s, SEED);
	pk_store_new(&fresh, SEED);
	number_of(a.s, 0);
	number_of(fresh, 0);
	for (unsigned i = 0; i < LONG; i++) {
		ind = long_one(i);
		assert_int_equal(pk_store_add(fresh, &ind, NULL), 0);
	}
	ind = long_one(1); /* said once more, with another id */
	ind.meta.id = "again";
	assert_int_equal(pk_store_add(fresh, &ind, NULL), -EEXIST);
	while (cursor.stage == PK_DIFF_ADDS) {
		assert_true(pk_store_diff(a.s, fresh, 0, &cursor, STRIDE, apply,
					  &a) >= 0);
		if (cursor.stage == PK_DIFF_ADDS)
			pk_store_spend(fresh, cursor.slot);
	}
	ind = long_one(LONG - 1);
	assert_int_equal(pk_store_find(fresh, &ind), 0);
	pk_store_free(fresh);
	assert_int_equal(a.n[PK_DIFF_ADD], LONG);
	for (unsigned i = 0; i < LONG; i++) {
		ind = long_one(i);
		assert_int_equal(
			pk_store_meta(a.s, pk_store_find(a.s, &ind), 0, &meta),
			0);
		assert_string_equal(meta.id, i == 1 ? "again" : ind.meta.id);
		assert_string_equal(meta.tags, ind.meta.tags);
	}
	pk_store_free(a.s);
}

static int refuse(void *arg, enum pk_diff what, const struct pk_indicator *ind)
{
	(void)arg;
	(void)what;
	(void)ind;
	return -EIO;
}

static void a_walk_ends_where_it_is_refused(void **state)
{
	struct pk_diff_cursor cursor = { 0 };
	struct pk_store *old, *fresh;
	struct pk_indicator ind = value(0);

	(void)state;
	pk_store_new(&old, SEED);
	pk_store_new(&fresh, SEED);
	pk_store_add(fresh, &ind, NULL);
	assert_int_equal(pk_store_diff(old, fresh, PK_ALL_FEEDS, &cursor, 10,
				       refuse, NULL),
			 -EIO);
	pk_store_free(old);
	pk_store_free(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_diff_makes_two_stores_equal),
		cmocka_unit_test(feeds_that_are_new_are_made),
		cmocka_unit_test(a_store_can_be_spent_while_it_is_told),
		cmocka_unit_test(a_walk_ends_where_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
