/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/lineup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fragments_rig.h"

static uint64_t seen[8];
static uint32_t seen_n;

static void see(void *arg, const struct pk_sample_event *e)
{
	(void)arg;
	seen[seen_n++] = e->frame;
}

static void a_lineup_keeps_what_is_not_due_and_says_when_it_is_full(
	void **state)
{
	struct pk_lineup *l;
	uint8_t frame[100];
	union rig_sample s;
	struct shape shape = { .len = 8, .more = 1, .data = frame };

	(void)state;
	memset(frame, 0, sizeof(frame));
	rig_sample(&s.e, frame, rig_build(&shape, frame + 20));
	assert_int_equal(
		pk_lineup_new(&l, 4 * (((s.e.head.len + 7) & ~7U) + 32)), 0);
	for (uint64_t i = 0; i < 4; i++) {
		s.e.frame = 10 - i;
		s.e.time_ns = i == 1 ? 200 : 100;
		assert_int_equal(pk_lineup_push(l, &s.e), 0);
	}
	assert_int_equal(pk_lineup_push(l, &s.e), -ENOSPC);
	assert_int_equal(pk_lineup_count(l), 4);
	pk_lineup_take(l, 200, see, NULL);
	assert_int_equal(seen_n, 3);
	assert_int_equal(seen[0], 7);
	assert_int_equal(seen[1], 8);
	assert_int_equal(seen[2], 10);
	assert_int_equal(pk_lineup_count(l), 1);
	assert_int_equal(pk_lineup_push(l, &s.e), 0);
	pk_lineup_take(l, UINT64_MAX, see, NULL);
	assert_int_equal(pk_lineup_count(l), 0);
	pk_lineup_free(l);
	pk_lineup_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_lineup_keeps_what_is_not_due_and_says_when_it_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
