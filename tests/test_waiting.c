/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 50 };

/* The slow twin: an array that is searched. Lines are told apart by bytes. */
struct twin {
	uint32_t tick[ROOM], number[ROOM];
	uint32_t n;
};

static void push_both(struct pk_waiting *w, struct twin *t, uint32_t number)
{
	struct pk_flow_line line = { .tick = (uint32_t)random() % 20,
				     .packets = 1,
				     .bytes = number };

	if (random() % 10 == 0)
		line.tick = UINT32_MAX - (uint32_t)random() % 2;
	pk_waiting_push(w, &line);
	t->tick[t->n] = line.tick;
	t->number[t->n++] = number;
}

static uint32_t twin_lowest(const struct twin *t)
{
	uint32_t lowest = UINT32_MAX;

	for (uint32_t i = 0; i < t->n; i++)
		lowest = t->tick[i] < lowest ? t->tick[i] : lowest;
	return lowest;
}

static void pop_both(struct pk_waiting *w, struct twin *t)
{
	const struct pk_flow_line *line;
	uint32_t i = 0;

	assert_int_equal(pk_waiting_tick(w), twin_lowest(t));
	line = pk_waiting_pop(w);
	assert_int_equal(line->tick, twin_lowest(t));
	while (i < t->n && t->number[i] != line->bytes)
		i++;
	assert_true(i < t->n);
	assert_int_equal(t->tick[i], line->tick);
	t->n--;
	t->tick[i] = t->tick[t->n];
	t->number[i] = t->number[t->n];
}

static void gives_out_the_lowest_tick(void **state)
{
	struct pk_waiting *w = NULL;
	struct twin t = { .n = 0 };
	uint32_t full = 0, empty = 0;

	(void)state;
	srandom(1);
	assert_int_equal(pk_waiting_new(&w, ROOM), 0);
	for (uint32_t i = 0; i < 200000; i++) {
		long grow = i / 500 % 2 ? 6 : 4;

		if (random() % 10 < grow && t.n < ROOM)
			push_both(w, &t, i);
		else if (t.n)
			pop_both(w, &t);
		assert_int_equal(pk_waiting_count(w), t.n);
		assert_int_equal(pk_waiting_full(w), t.n == ROOM);
		full += t.n == ROOM;
		empty += t.n == 0;
	}
	assert_true(full > 100 && empty > 100);
	pk_waiting_free(w);
	pk_waiting_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_out_the_lowest_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
