/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/offered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* offered, gap, edge as the audit is told them; ~0 for unknown. */
static void expect(const struct pk_offered *o, uint64_t offered, uint64_t gap,
		   uint64_t edge)
{
	struct pk_audit_plane p = { .name = "p" };

	pk_offered_tell(o, &p);
	assert_int_equal(p.offers, offered != ~0ULL);
	assert_int_equal(p.known.offered, p.offers ? offered : 0);
	assert_int_equal(p.known.gap_frames, gap);
	assert_int_equal(p.known.edge_frames, edge);
}

static void nothing_is_known_at_first(void **state)
{
	struct pk_offered o = { 0 };

	(void)state;
	pk_offered_look(&o, 50);
	pk_offered_gap(&o, 0);
	expect(&o, ~0ULL, 0, 0);
}

static void what_came_before_the_start_was_not_offered(void **state)
{
	struct pk_offered o = { 0 };

	(void)state;
	pk_offered_begin(&o, 1000, 0);
	expect(&o, 0, 0, 0);
	pk_offered_look(&o, 1030);
	expect(&o, 30, 0, 0);
}

static void what_is_accounted_for_at_the_start_was_offered(void **state)
{
	struct pk_offered o = { 0 };

	(void)state;
	pk_offered_begin(&o, 10, 400); /* a counter younger than the port's */
	expect(&o, 400, 0, 0);
	pk_offered_look(&o, 12);
	expect(&o, 402, 0, 0);
}

static void frames_without_a_process_are_a_gap(void **state)
{
	struct pk_offered o = { 0 };

	(void)state;
	pk_offered_begin(&o, 1000, 0);
	pk_offered_look(&o, 1100);
	pk_offered_gap(&o, 70); /* it died with 30 */
	expect(&o, 100, 30, 0);
	pk_offered_look(&o, 1105);
	pk_offered_gap(&o, 70);
	pk_offered_gap(&o, 70); /* told twice, booked once */
	expect(&o, 105, 35, 0);
	pk_offered_begin(&o, 1110, 70);
	expect(&o, 110, 40, 0);
	pk_offered_look(&o, 1120);
	expect(&o, 120, 40, 0);
}

static void too_much_that_is_accounted_for_is_not_hidden(void **state)
{
	struct pk_offered o = { 0 };

	(void)state;
	pk_offered_begin(&o, 1000, 0);
	pk_offered_look(&o, 1010);
	pk_offered_gap(&o, 15);
	expect(&o, 10, 0, 0);
}

static void a_counter_that_goes_back_is_another_interfaces(void **state)
{
	struct pk_offered o = { 0 };
	struct pk_audit_plane p = { .name = "p" };

	(void)state;
	pk_offered_begin(&o, 1000, 0);
	pk_offered_look(&o, 999);
	expect(&o, ~0ULL, 0, 0);
	pk_offered_tell(&o, &p);
	assert_string_equal(p.note, "its interface is another one now");
	pk_offered_begin(&o, 5, 20);
	expect(&o, 20, 0, 0);
	pk_offered_tell(&o, &p);
	assert_string_equal(p.note, "");
}

static void a_port_without_an_interface_is_unknown(void **state)
{
	static const char *const devices[] = { "0000:01:00.0",
					       "net_pcap0,iface=lo",
					       "net_tap0,iface=lo",
					       "net_af_packet0" };
	const struct pk_stage_counters stage = { .nic_packets = 5 };
	struct pk_audit_plane p;

	(void)state;
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		struct pk_offered o = { 0 };

		memset(&p, 0, sizeof(p));
		pk_offered_port_starts(&o, devices[i]);
		pk_offered_port_runs(&o, &stage);
		pk_offered_port_look(&o, 1, &stage);
		pk_offered_tell(&o, &p);
		assert_int_equal(p.offers, 0);
		assert_string_equal(p.note,
				    "nothing but its driver counts its frames");
	}
}

static void an_interface_of_another_driver_is_no_measure(void **state)
{
	char why[PK_AUDIT_NOTE];

	(void)state;
	assert_int_equal(pk_offered_why_not("lo", why, sizeof(why)), 1);
	assert_non_null(strstr(why, "lo"));
	assert_int_equal(pk_offered_why_not("no-such-if", why, sizeof(why)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_at_first),
		cmocka_unit_test(what_came_before_the_start_was_not_offered),
		cmocka_unit_test(
			what_is_accounted_for_at_the_start_was_offered),
		cmocka_unit_test(frames_without_a_process_are_a_gap),
		cmocka_unit_test(too_much_that_is_accounted_for_is_not_hidden),
		cmocka_unit_test(
			a_counter_that_goes_back_is_another_interfaces),
		cmocka_unit_test(a_port_without_an_interface_is_unknown),
		cmocka_unit_test(an_interface_of_another_driver_is_no_measure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
