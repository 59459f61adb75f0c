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

#include <arpa/inet.h>
#include <cmocka.h>

#include "ioc/store/store_inside.h"
#include "tests/store_rig.h"

enum { SEED = 99 };

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

static void memory_is_what_was_promised(void **state)
{
	enum { COUNT = 1000000 };
	struct pk_store *s = new_store();
	uint64_t bytes;

	(void)state;
	assert_int_equal(pk_store_reserve(s, COUNT, 0), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		struct pk_indicator ind = address(i);

		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	pk_store_settle(s);
	bytes = stats(s).bytes;
	print_message("%.2f bytes an address\n", (double)bytes / COUNT);
	assert_true(bytes < 17 * COUNT);
	pk_store_free(s);
}

static void a_million_prefixes_are_only_a_million_values(void **state)
{
	enum { COUNT = 1000000 };
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("10.0.0.0/24");
	uint32_t slots[PK_STORE_COVERS];

	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		ind.bits = 22;
		ind.addr.w[3] = htonl(i << 12);
		if (i % 2) {
			ind.bits = 24;
			ind.addr.w[3] = htonl((i << 12 & ~0xfffU) | 0x300);
		}
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	ind.type = PK_INDICATOR_IPV4;
	ind.addr.w[3] = htonl(4 << 12 | 5);
	assert_int_equal(pk_store_cover(s, &ind, slots, PK_STORE_COVERS), 1);
	print_message("%.2f bytes a prefix\n", (double)stats(s).bytes / COUNT);
	pk_store_free(s);
}

static void coming_and_going_takes_no_more_memory(void **state)
{
	struct pk_store *s = new_store();
	uint32_t slot, highest = 0;

	(void)state;
	for (uint32_t i = 0; i < 300000; i++) {
		struct pk_indicator ind = address(i);

		assert_int_equal(pk_store_add(s, &ind, &slot), 0);
		highest = slot > highest ? slot : highest;
		assert_int_equal(pk_store_del(s, &ind, 0), 0);
		if (i % 1000 == 999)
			pk_store_settle(s);
	}
	assert_int_equal(highest, 2000);
	assert_true(stats(s).bytes < 200000);
	pk_store_free(s);
}

static void what_replaced_feeds_said_is_forgotten(void **state)
{
	struct pk_store *s = new_store();
	struct pk_indicator ind = value("evil.example");
	char tags[64], id[32];

	(void)state;
	ind.meta.tags = tags;
	ind.meta.id = id;
	for (uint32_t i = 0; i < 300000; i++) {
		sprintf(tags, "tag-%u", i);
		sprintf(id, "id-%u", i);
		ind.meta.last_seen = i;
		pk_store_add(s, &ind, NULL);
	}
	assert_int_equal(s->origins.n.origins, 1);
	assert_int_equal(s->origins.n.texts, 1);
	assert_true(stats(s).bytes < 200000);
	pk_store_free(s);
}

static void texts_without_end_are_left_out(void **state)
{
	struct pk_store *s = new_store();
	char tags[16];

	(void)state;
	s->origins.named = 1000;
	for (uint32_t i = 0; i < 3000; i++) {
		struct pk_indicator ind = address(i);

		sprintf(tags, "t%u", i);
		ind.meta.tags = tags;
		ind.meta.last_seen = i;
		ind.meta.valid_until = 5000;
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
		assert_int_equal(pk_store_get(s, i + 1, &ind), 0);
		assert_string_equal(ind.meta.tags, i < 1000 ? tags : "");
		assert_int_equal(ind.meta.last_seen, i < 1000 ? i : 0);
		assert_int_equal(ind.meta.valid_until, 5000);
	}
	assert_int_equal(s->origins.n.origins, 1001);
	pk_store_free(s);
}

static void names_survive_the_collection_of_garbage(void **state)
{
	enum { COUNT = 200000, LEFT = 10, ROUNDS = 4 };
	struct pk_store *s = new_store();
	struct pk_indicator ind;
	char text[256];

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		/* Each round other lengths: what is free fits nobody. */
		for (int i = 0; i < COUNT; i++) {
			sprintf(text, "r%d-%0*d.%0*d.example", round,
				20 + 12 * round, i, 12 * round + 1, i);
			assert_int_equal(
				add(s, text, 0, i < LEFT ? "id" : "", NULL), 0);
		}
		pk_store_settle(s);
		for (int i = LEFT; i < COUNT; i++) {
			sprintf(text, "r%d-%0*d.%0*d.example", round,
				20 + 12 * round, i, 12 * round + 1, i);
			assert_int_equal(del(s, text, 0), 0);
		}
		pk_store_settle(s);
		pk_store_settle(s);
	}
	assert_int_equal(stats(s).live, LEFT * ROUNDS);
	for (int round = 0; round < ROUNDS; round++) {
		sprintf(text, "r%d-%0*d.%0*d.example", round, 20 + 12 * round,
			3, 12 * round + 1, 3);
		assert_int_equal(pk_store_get(s, find(s, text), &ind), 0);
		assert_string_equal(ind.meta.id, "id");
		assert_string_equal(ind.meta.threat_type, "bot_ip");
	}
	assert_true(pk_room_bytes(&s->arena.room) < 17 << 20);
	pk_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_what_was_promised),
		cmocka_unit_test(a_million_prefixes_are_only_a_million_values),
		cmocka_unit_test(coming_and_going_takes_no_more_memory),
		cmocka_unit_test(what_replaced_feeds_said_is_forgotten),
		cmocka_unit_test(texts_without_end_are_left_out),
		cmocka_unit_test(names_survive_the_collection_of_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
