/* SPDX-License-Identifier: BSD-2-Clause */
/* The flow table at its limits: memory, far times, and what waits. */
#include "dataplane/inspect/flows.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/inspect/waiting.h"
#include "tests/flows_rig.h"
#include "tests/short_memory.h"

/* --- memory ---------------------------------------------------------------- */

/* The sanitizer has an allocator of its own. */
#ifndef __SANITIZE_ADDRESS__
static void each_allocation_that_fails_is_told_and_leaves_nothing(void **state)
{
	struct pk_flows *f = (struct pk_flows *)(void *)&live;
	struct pk_stage_counters count = { 0 };
	struct pk_flow_conf conf;
	long before = live;
	int n, err;

	(void)state;
	pk_flow_conf_default(&conf);
	conf.capacity = 64;
	for (n = 0;; n++) {
		fail_in = n;
		err = pk_flows_new(&f, &conf, 1, &count);
		fail_in = -1;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_ptr_equal(f, &live);
		assert_int_equal(live, before);
	}
	/* The table, its four arrays, and the four of the waiting room. */
	assert_int_equal(n, 9);
	pk_flows_free(f);
	assert_int_equal(live, before);
}

static void no_allocation_follows_the_first_ones(void **state)
{
	struct pk_stage_counters count = { 0 };
	struct pk_flow_conf conf;
	struct pk_flows *f;

	(void)state;
	pk_flow_conf_default(&conf);
	conf.capacity = 64;
	assert_int_equal(pk_flows_new(&f, &conf, 1, &count), 0);
	fail_in = 0;
	for (uint32_t i = 0; i < 10000; i++) {
		struct packet p = { .ns = i * 50000000ULL,
				    .key = key(i, 1, i, TCP),
				    .bytes = 60,
				    .flags = SYN };
		struct pk_flow_line l = line_of(&p);

		pk_flows_add(f, &l);
		if (i % 64 == 0)
			pk_flows_close(f, l.tick);
	}
	pk_flows_drain(f);
	assert_int_equal(fail_in, 0);
	fail_in = -1;
	assert_int_equal(count.packets_out, 10000);
	pk_flows_free(f);
}
#endif

static void nothing_is_freed_as_nothing(void **state)
{
	(void)state;
	pk_flows_free(NULL);
	pk_waiting_free(NULL);
}

/* --- time ------------------------------------------------------------------- */

/* A tick has 32 bits; deadlines beyond the last one are the last one. */
static void the_last_tick_of_all_is_a_tick(void **state)
{
	struct pk_flow_conf conf;
	struct packet p = { .ns = (uint64_t)(UINT32_MAX - 2) << PK_TICK_SHIFT,
			    .key = key(1, 2, 3, UDP),
			    .bytes = 60 };
	struct rig g;

	(void)state;
	pk_flow_conf_default(&conf);
	conf.capacity = 4;
	open_rig(&g, &conf);
	pk_flows_close(g.f, UINT32_MAX - 2);
	add(&g, &p);
	pk_flows_close(g.f, UINT32_MAX);
	assert_int_equal(g.log.n, 0);
	assert_int_equal(g.stats.flows_resident, 1);
	close_rig(&g);
	assert_int_equal(g.log.n, 1);
	assert_int_equal(g.log.record[0].end, PK_FLOW_END_STOPPED);
	assert_true(g.log.record[0].start_ns == p.ns);
}

/* A deadline that is long over is the end of the open tick. */
static void a_line_that_is_very_late_ends_with_the_open_tick(void **state)
{
	struct pk_flow_conf conf;
	struct packet p = { .ns = 5ULL << PK_TICK_SHIFT,
			    .key = key(1, 2, 3, UDP),
			    .bytes = 60 };
	struct rig g;

	(void)state;
	pk_flow_conf_default(&conf);
	conf.capacity = 4;
	open_rig(&g, &conf);
	pk_flows_close(g.f, 1000);
	add(&g, &p);
	assert_int_equal(g.stats.lines_late, 1);
	pk_flows_close(g.f, 1001);
	assert_int_equal(g.log.n, 1);
	assert_int_equal(g.log.record[0].end, PK_FLOW_END_IDLE);
	assert_true(g.log.record[0].start_ns == p.ns);
	close_rig(&g);
}

/* --- nobody listens ----------------------------------------------------------- */

static void without_a_listener_records_are_counted(void **state)
{
	struct pk_stage_counters count = { 0 };
	struct packet p = { .ns = 5, .key = key(1, 2, 3, UDP), .bytes = 60 };
	struct pk_flow_line l = line_of(&p);
	struct pk_flow_conf conf;
	struct pk_flows *f;

	(void)state;
	pk_flow_conf_default(&conf);
	conf.capacity = 2;
	assert_int_equal(pk_flows_new(&f, &conf, 1, &count), 0);
	pk_flows_add(f, &l);
	pk_flows_drain(f);
	assert_int_equal(count.flows_out, 1);
	assert_int_equal(count.packets_out, 1);
	pk_flows_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(
			each_allocation_that_fails_is_told_and_leaves_nothing),
		cmocka_unit_test(no_allocation_follows_the_first_ones),
#endif
		cmocka_unit_test(nothing_is_freed_as_nothing),
		cmocka_unit_test(the_last_tick_of_all_is_a_tick),
		cmocka_unit_test(
			a_line_that_is_very_late_ends_with_the_open_tick),
		cmocka_unit_test(without_a_listener_records_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
