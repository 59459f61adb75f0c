/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/threat_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CAPACITY = 40, KEYS = 60, STEPS = 4000 };

/* The slow twin: a row a key. */
struct row {
	struct pk_threat_entry *entry; /* NULL: not in the table */
	uint64_t due_ns;
	uint64_t opened;
	uint64_t touched;
};

static struct row rows[KEYS];

static struct pk_threat_key key_of(uint32_t n)
{
	struct pk_threat_key key = { .slot = n };

	return key;
}

/* The row with the least due time, by order of opening; or least touched. */
static struct row *least(int touched)
{
	struct row *best = NULL;

	for (int i = 0; i < KEYS; i++) {
		struct row *r = &rows[i];

		if (!r->entry)
			continue;
		if (!best || (touched ? r->touched < best->touched
				      : r->due_ns < best->due_ns ||
						(r->due_ns == best->due_ns &&
						 r->opened < best->opened)))
			best = r;
	}
	return best;
}

static void step(struct pk_threat_table *t, uint64_t now)
{
	uint32_t n = (uint32_t)random() % KEYS;
	struct pk_threat_key key = key_of(n);
	struct row *r = &rows[n];

	assert_ptr_equal(pk_threat_table_find(t, &key), r->entry);
	if (!r->entry && pk_threat_table_full(t)) {
		r = least(1);
		assert_ptr_equal(pk_threat_table_full(t), r->entry);
		pk_threat_table_del(t, r->entry);
		r->entry = NULL;
	} else if (!r->entry) {
		r->due_ns = now + (uint64_t)random() % 1000;
		r->opened = r->touched = now;
		r->entry = pk_threat_table_add(t, &key, r->due_ns);
		assert_non_null(r->entry);
	} else if (random() % 3 == 0) {
		pk_threat_table_del(t, r->entry);
		r->entry = NULL;
	} else {
		r->due_ns += (uint64_t)random() % 500;
		r->entry->due_ns = r->due_ns;
		r->touched = now;
		pk_threat_table_touch(t, r->entry);
	}
}

static void agrees_with_the_slow_twin(void **state)
{
	(void)state;
	srandom(9);
	for (int round = 0; round < 20; round++) {
		struct pk_threat_table *t = NULL;

		memset(rows, 0, sizeof(rows));
		assert_int_equal(pk_threat_table_new(&t, CAPACITY, 1), 0);
		for (uint64_t now = 1; now < STEPS; now++) {
			struct pk_threat_entry *e;
			struct row *r;

			step(t, now);
			if (random() % 10)
				continue;
			r = least(0);
			e = pk_threat_table_due(t, now);
			assert_ptr_equal(e, r && r->due_ns <= now ? r->entry
								  : NULL);
			if (!e)
				continue;
			pk_threat_table_del(t, e);
			r->entry = NULL;
		}
		pk_threat_table_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_slow_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
