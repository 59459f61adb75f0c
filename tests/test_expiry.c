/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/expiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SEC  1000000000LL
#define DAY  86400LL
#define WALL 1800000000LL /* 2027 */

static const uint8_t boot_a[PK_EXPIRY_BOOT_ID] = { 1 };
static const uint8_t boot_b[PK_EXPIRY_BOOT_ID] = { 2 };

/* The system's clocks, as a test sets them: seconds. */
static struct shim {
	int64_t wall, boot;
	int synced;
} shim;

static struct pk_expiry_times times(void)
{
	return (struct pk_expiry_times){ shim.wall * SEC, shim.boot * SEC,
					 shim.synced };
}

static void start(struct pk_expiry *e, const uint8_t *boot_id,
		  const struct pk_expiry_saved *saved)
{
	const struct pk_expiry_times now = times();

	pk_expiry_start(e, &now, boot_id, saved);
}

static uint32_t tick(struct pk_expiry *e)
{
	const struct pk_expiry_times now = times();

	return pk_expiry_tick(e, &now);
}

/* Both clocks go on, tick by tick. */
static uint32_t pass(struct pk_expiry *e, int64_t sec)
{
	for (; sec > 0; sec--) {
		shim.wall++;
		shim.boot++;
		tick(e);
	}
	return pk_expiry_now(e);
}

static void first(struct pk_expiry *e)
{
	shim = (struct shim){ WALL, 1000, 0 };
	start(e, boot_a, NULL);
	assert_int_equal(pk_expiry_now(e), WALL);
	assert_int_equal(e->state, PK_EXPIRY_RUNNING);
}

static void goes_with_the_wall_clock(void **state)
{
	struct pk_expiry e;

	(void)state;
	first(&e);
	assert_int_equal(pass(&e, 5000), WALL + 5000);
	assert_int_equal(pk_expiry_ahead_sec(&e), 0);
}

/* G18 */
static void a_step_changes_nothing(void **state)
{
	static const int64_t steps[] = { 61,	      3600,	-3600,
					 2 * DAY,     -2 * DAY, 365 * DAY,
					 -20000 * DAY };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct pk_expiry e;

		first(&e);
		pass(&e, 100);
		shim.wall += steps[i];
		assert_int_equal(tick(&e), WALL + 100);
		assert_int_equal(pass(&e, 1000), WALL + 1100);
		assert_int_equal(e.state, PK_EXPIRY_STEPPED);
		assert_int_equal(pk_expiry_ahead_sec(&e), steps[i]);
		shim.wall -= steps[i];
		assert_int_equal(pass(&e, 10), WALL + 1110);
		assert_int_equal(e.state, PK_EXPIRY_RUNNING);
	}
}

static void many_small_steps_are_slow(void **state)
{
	struct pk_expiry e;

	(void)state;
	first(&e);
	for (int i = 0; i < 3600; i++) {
		pass(&e, 1);
		shim.wall += 2; /* a lying clock: three times too fast */
	}
	assert_int_equal(pk_expiry_now(&e), WALL + 3600);
}

static void drift_is_followed(void **state)
{
	struct pk_expiry_times now;
	struct pk_expiry e;

	(void)state;
	first(&e);
	now = times();
	for (int i = 0; i < 10000; i++) { /* 1 in 100 too fast */
		now.boot_ns += SEC;
		now.wall_ns += SEC + SEC / 100;
		pk_expiry_tick(&e, &now);
	}
	assert_int_equal(pk_expiry_now(&e), WALL + 10100);
	for (int i = 0; i < 10000; i++) { /* and too slow */
		uint32_t before = pk_expiry_now(&e);

		now.boot_ns += SEC;
		now.wall_ns += SEC - SEC / 100;
		assert_true(pk_expiry_tick(&e, &now) >= before);
	}
	assert_int_equal(pk_expiry_now(&e), WALL + 20000);
	assert_int_equal(e.state, PK_EXPIRY_RUNNING);
}

static void closes_up_to_a_synchronised_clock_by_a_second_a_minute(void **state)
{
	struct pk_expiry e;

	(void)state;
	first(&e);
	shim.wall += 600;
	shim.synced = 1;
	tick(&e);
	pass(&e, 6001); /* a little more, for the division */
	assert_int_equal(pk_expiry_now(&e), WALL + 6001 + 100);
	pass(&e, 30010);
	assert_int_equal(pk_expiry_now(&e), shim.wall);
	assert_int_equal(e.state, PK_EXPIRY_RUNNING);
	shim.wall += DAY + 1; /* not even then */
	tick(&e);
	pass(&e, 6000);
	assert_int_equal(pk_expiry_now(&e), shim.wall - DAY - 1);
	shim.wall -= DAY + 1 + 600; /* behind: it goes slower, not back */
	tick(&e);
	pass(&e, 5999); /* 99.98 s nearer */
	assert_int_equal(pk_expiry_now(&e), shim.wall + 600 - 100);
}

static void a_restart_goes_on(void **state)
{
	struct pk_expiry_saved saved;
	struct pk_expiry e;

	(void)state;
	first(&e);
	pass(&e, 100);
	pk_expiry_save(&e, &saved);
	shim.boot += 50;
	shim.wall += 50 + 10 * DAY; /* stepped while nobody looked */
	start(&e, boot_a, &saved);
	assert_int_equal(pk_expiry_now(&e), WALL + 150);
	assert_int_equal(e.state, PK_EXPIRY_STEPPED);
	shim.synced = 1;
	assert_int_equal(pass(&e, 700), WALL + 850);
	assert_int_equal(e.state, PK_EXPIRY_STEPPED);
}

static void reboot(struct pk_expiry *e, int64_t wall_later)
{
	struct pk_expiry_saved saved;

	first(e);
	pass(e, 100);
	pk_expiry_save(e, &saved);
	shim.wall += wall_later;
	shim.boot = 20;
	start(e, boot_b, &saved);
}

static void a_reboot_believes_the_wall_clock_up_to_a_day(void **state)
{
	struct pk_expiry e;

	(void)state;
	reboot(&e, 300);
	assert_int_equal(pk_expiry_now(&e), WALL + 400);
	assert_int_equal(e.state, PK_EXPIRY_RUNNING);
	reboot(&e, DAY);
	assert_int_equal(pk_expiry_now(&e), WALL + 100 + DAY);
	assert_int_equal(e.state, PK_EXPIRY_RUNNING);
	reboot(&e, 0);
	assert_int_equal(e.state, PK_EXPIRY_RUNNING);
}

/* G18 */
static void a_wall_clock_far_ahead_is_held_until_confirmed(void **state)
{
	struct pk_expiry_saved saved;
	struct pk_expiry_times now;
	struct pk_expiry e;

	(void)state;
	reboot(&e, DAY + 1);
	assert_int_equal(pk_expiry_now(&e), WALL + 100);
	assert_int_equal(e.state, PK_EXPIRY_HELD);
	assert_int_equal(pass(&e, 5000), WALL + 5100);
	assert_int_equal(e.state, PK_EXPIRY_HELD);
	/* Also over a restart of the daemon. */
	pk_expiry_save(&e, &saved);
	start(&e, boot_b, &saved);
	assert_int_equal(e.state, PK_EXPIRY_HELD);
	assert_int_equal(pk_expiry_now(&e), WALL + 5100);
	now = times();
	pk_expiry_confirm(&e, &now);
	assert_int_equal(pk_expiry_now(&e), shim.wall);
	assert_int_equal(e.state, PK_EXPIRY_RUNNING);
	pass(&e, 10);
	assert_int_equal(pk_expiry_now(&e), shim.wall);
}

static void a_held_clock_believes_a_synchronised_one_after_a_while(void **state)
{
	struct pk_expiry e;

	(void)state;
	reboot(&e, 3 * DAY);
	shim.synced = 1;
	pass(&e, 1);
	assert_int_equal(pass(&e, PK_EXPIRY_SYNC_SEC - 1),
			 WALL + 100 + PK_EXPIRY_SYNC_SEC);
	shim.synced = 0;
	pass(&e, 1);
	shim.synced = 1;
	pass(&e, PK_EXPIRY_SYNC_SEC);
	assert_int_equal(e.state, PK_EXPIRY_HELD);
	pass(&e, 1);
	assert_int_equal(e.state, PK_EXPIRY_RUNNING);
	assert_int_equal(pk_expiry_now(&e), shim.wall);
	/* Or the wall clock comes back by itself. */
	reboot(&e, 3 * DAY);
	shim.wall -= 3 * DAY - 60;
	assert_int_equal(tick(&e), WALL + 160);
	assert_int_equal(e.state, PK_EXPIRY_RUNNING);
}

static void a_wall_clock_behind_waits_for_the_right_time(void **state)
{
	struct pk_expiry e;

	(void)state;
	reboot(&e, -1000 * DAY);
	assert_int_equal(e.state, PK_EXPIRY_BEHIND);
	assert_int_equal(pass(&e, 50), WALL + 150);
	shim.wall += 1000 * DAY + 3600;
	assert_int_equal(tick(&e), WALL + 150 + 3600);
	assert_int_equal(e.state, PK_EXPIRY_RUNNING);
	reboot(&e, -1000 * DAY);
	shim.wall += 1003 * DAY;
	assert_int_equal(tick(&e), WALL + 100);
	assert_int_equal(e.state, PK_EXPIRY_HELD);
}

static void an_unset_clock_lets_nothing_end(void **state)
{
	struct pk_expiry_saved saved;
	struct pk_expiry e;

	(void)state;
	shim = (struct shim){ 5, 5, 0 };
	start(&e, boot_a, NULL);
	assert_int_equal(e.state, PK_EXPIRY_UNSET);
	assert_int_equal(pass(&e, 100), 0);
	pk_expiry_save(&e, &saved);
	start(&e, boot_a, &saved);
	assert_int_equal(e.state, PK_EXPIRY_UNSET);
	shim.wall = WALL;
	assert_int_equal(tick(&e), WALL);
	assert_int_equal(e.state, PK_EXPIRY_RUNNING);
}

static void a_confirmed_step_back_stands_still(void **state)
{
	struct pk_expiry_times now;
	struct pk_expiry e;

	(void)state;
	first(&e);
	shim.wall -= 100;
	now = times();
	pk_expiry_confirm(&e, &now);
	assert_int_equal(pk_expiry_now(&e), WALL);
	assert_int_equal(pass(&e, 99), WALL);
	assert_int_equal(pass(&e, 11), WALL + 10);
	assert_int_equal(e.state, PK_EXPIRY_RUNNING);
}

static void never_goes_back(void **state)
{
	uint32_t dice = 1, last = 0;
	struct pk_expiry e;

	(void)state;
	first(&e);
	for (int i = 0; i < 200000; i++) {
		struct pk_expiry_times now;
		uint32_t is;

		dice = dice * 1664525 + 1013904223;
		shim.boot += dice >> 16 & 63;
		shim.wall += dice >> 16 & 63;
		if (dice >> 24 < 8)
			shim.wall += (int64_t)(dice >> 8 & 0x3ffff) - 0x20000;
		shim.synced = dice >> 9 & 1;
		now = times();
		if (dice >> 22 == 77)
			pk_expiry_confirm(&e, &now);
		is = tick(&e);
		assert_true(is >= last);
		last = is;
	}
}

static void reads_this_system(void **state)
{
	uint8_t one[PK_EXPIRY_BOOT_ID], two[PK_EXPIRY_BOOT_ID] = { 0 };
	struct pk_expiry_times now;

	(void)state;
	assert_int_equal(pk_expiry_read_times(&now), 0);
	assert_true(now.wall_ns > 0 && now.boot_ns > 0);
	assert_int_equal(pk_expiry_read_boot_id(one), 0);
	assert_memory_not_equal(one, two, sizeof(one));
	assert_int_equal(pk_expiry_read_boot_id(two), 0);
	assert_memory_equal(one, two, sizeof(one));
	assert_string_equal(pk_expiry_state_text(PK_EXPIRY_RUNNING), "running");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_with_the_wall_clock),
		cmocka_unit_test(a_step_changes_nothing),
		cmocka_unit_test(many_small_steps_are_slow),
		cmocka_unit_test(drift_is_followed),
		cmocka_unit_test(
			closes_up_to_a_synchronised_clock_by_a_second_a_minute),
		cmocka_unit_test(a_restart_goes_on),
		cmocka_unit_test(a_reboot_believes_the_wall_clock_up_to_a_day),
		cmocka_unit_test(
			a_wall_clock_far_ahead_is_held_until_confirmed),
		cmocka_unit_test(
			a_held_clock_believes_a_synchronised_one_after_a_while),
		cmocka_unit_test(a_wall_clock_behind_waits_for_the_right_time),
		cmocka_unit_test(an_unset_clock_lets_nothing_end),
		cmocka_unit_test(a_confirmed_step_back_stands_still),
		cmocka_unit_test(never_goes_back),
		cmocka_unit_test(reads_this_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
