/* SPDX-License-Identifier: BSD-2-Clause */
/* An overlay against its twin: a store that the same changes are made to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "control/daemon/overlay.h"

enum { VALUES = 40, FEEDS = 5, SEED = 7 };

static const char *const feeds[FEEDS] = { "a", "b", "c", "d", "e" };

static void make_value(struct pk_indicator *ind, unsigned n)
{
	char text[64];

	pk_indicator_init(ind);
	snprintf(text, sizeof(text),
		 n % 3 == 0   ? "198.51.100.%u"
		 : n % 3 == 1 ? "n%u.example.org"
			      : "2001:db8::%u",
		 n);
	assert_int_equal(pk_indicator_parse(ind, text, strlen(text)),
			 PK_REFUSED_NONE);
}

static struct pk_store *new_store(void)
{
	struct pk_store *s;

	assert_int_equal(pk_store_new(&s, SEED), 0);
	return s;
}

static int add(struct pk_store *s, struct pk_indicator *ind, const char *feed)
{
	int n = pk_store_feed(s, feed);

	assert_true(n >= 0);
	ind->feed = (uint16_t)n;
	return pk_store_add(s, ind, NULL);
}

static int del(struct pk_store *s, const struct pk_indicator *ind,
	       const char *feed)
{
	int n = feed ? pk_store_feed_find(s, feed) : PK_ALL_FEEDS;

	return n < 0 ? n : pk_store_del(s, ind, (uint16_t)n);
}

static bool says(const struct pk_store *s, const struct pk_indicator *ind,
		 const char *feed)
{
	int n = pk_store_feed_find(s, feed);
	uint32_t slot = pk_store_find(s, ind);
	struct pk_meta meta;

	return slot && n >= 0 && !pk_store_meta(s, slot, (uint16_t)n, &meta);
}

static void assert_same(const struct pk_overlay *o, const struct pk_store *twin)
{
	struct pk_indicator ind;

	for (unsigned v = 0; v < VALUES; v++) {
		make_value(&ind, v);
		assert_int_equal(pk_overlay_has(o, &ind),
				 pk_store_find(twin, &ind) != 0);
		for (unsigned f = 0; f < FEEDS; f++)
			assert_int_equal(pk_overlay_says(o, &ind, feeds[f]),
					 says(twin, &ind, feeds[f]));
	}
}

/* The same values and feeds in both, but feeds of other numbers. */
static void fill(struct pk_store *under, struct pk_store *twin)
{
	struct pk_indicator ind;

	for (unsigned i = 0; i < VALUES; i++) {
		unsigned f = (unsigned)rand() % (FEEDS - 1);

		make_value(&ind, (unsigned)rand() % VALUES);
		add(under, &ind, feeds[f]);
		add(twin, &ind, feeds[f]);
	}
}

static void it_is_the_store_after_the_changes(void **state)
{
	(void)state;
	srand(11);
	for (int round = 0; round < 300; round++) {
		struct pk_store *under = new_store(), *twin = new_store();
		struct pk_overlay *o;

		assert_true(pk_store_feed(twin, "e") == 0);
		fill(under, twin);
		assert_int_equal(pk_overlay_new(&o, under), 0);
		for (int i = 0; i < 60; i++) {
			const char *feed = feeds[rand() % FEEDS];
			struct pk_indicator ind;
			int what = rand() % 5;

			make_value(&ind, (unsigned)rand() % VALUES);
			if (what < 2) {
				add(twin, &ind, feed);
				assert_int_equal(pk_overlay_add(o, &ind, feed),
						 0);
			} else {
				feed = what == 2 ? NULL : feed;
				del(twin, &ind, feed);
				assert_int_equal(pk_overlay_del(o, &ind, feed),
						 0);
			}
			assert_same(o, twin);
		}
		pk_overlay_free(o);
		pk_store_free(under);
		pk_store_free(twin);
	}
}

static void feeds_that_a_store_could_not_have_are_refused(void **state)
{
	struct pk_store *under = new_store();
	struct pk_indicator ind;
	struct pk_overlay *o;
	char name[PK_FEED_NAME_MAX + 2], few[16];
	int n = 0;

	(void)state;
	make_value(&ind, 1);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(pk_overlay_new(&o, under), 0);
	assert_int_equal(pk_overlay_add(o, &ind, name), -EINVAL);
	assert_int_equal(pk_overlay_add(o, &ind, ""), -EINVAL);
	pk_overlay_free(o);
	for (; n < PK_FEEDS_MAX - 1; n++) {
		snprintf(few, sizeof(few), "f%d", n);
		assert_int_equal(pk_store_feed(under, few), n);
	}
	assert_int_equal(pk_overlay_new(&o, under), 0);
	assert_int_equal(pk_overlay_add(o, &ind, "the last"), 0);
	assert_int_equal(pk_overlay_add(o, &ind, "f7"), 0);
	assert_int_equal(pk_overlay_add(o, &ind, "one too many"), -ENOSPC);
	pk_overlay_free(o);
	pk_store_free(under);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_store_after_the_changes),
		cmocka_unit_test(feeds_that_a_store_could_not_have_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
