/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/flows.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bpf/flow.h"
#include "tests/flows_rig.h"

/* A packet of @flags from @src to @dst (ports 1000 and 80) at @ns. */
static void send_tcp(struct rig *g, uint32_t src, uint32_t dst, uint8_t flags,
		     uint64_t ns)
{
	uint32_t ports = src < dst ? 1000U << 16 | 80 : 80U << 16 | 1000;
	struct packet p = { .ns = ns,
			    .key = key(src, dst, ports, TCP),
			    .bytes = 100,
			    .flags = flags };

	add(g, &p);
}

/* Timeouts of whole ticks, so that edges can be hit to the nanosecond. */
static struct pk_flow_conf whole_ticks(void)
{
	struct pk_flow_conf c = { .idle_ns = 8ULL * TICK_NS,
				  .active_ns = 20ULL * TICK_NS,
				  .syn_ns = 4ULL * TICK_NS,
				  .closed_ns = 2ULL * TICK_NS,
				  .capacity = 64 };

	return c;
}

/* --- every rule, to the nanosecond ------------------------------------------- */

static const struct {
	const char *what;
	uint8_t flags[2]; /* of the first packet, and of its answer; 0: none */
	uint64_t after;	  /* ns after the start of tick 10, of the last one */
	uint32_t tick;	  /* at whose end it is exported */
	enum pk_flow_end end;
} rules[] = {
	{ "idle, in time", { ACK, 0 }, 0, 17, PK_FLOW_END_IDLE },
	{ "idle, 1 ns later", { ACK, 0 }, 1, 18, PK_FLOW_END_IDLE },
	{ "idle, last ns of the tick",
	  { ACK, 0 },
	  TICK_NS - 1,
	  18,
	  PK_FLOW_END_IDLE },
	{ "answered", { SYN, SYN | ACK }, 0, 17, PK_FLOW_END_IDLE },
	{ "SYN only", { SYN, 0 }, 0, 13, PK_FLOW_END_SYN },
	{ "SYN only, 1 ns later", { SYN, 0 }, 1, 14, PK_FLOW_END_SYN },
	{ "SYN with ECN", { SYN | ECE | CWR, 0 }, 0, 13, PK_FLOW_END_SYN },
	{ "SYN both ways", { SYN, SYN }, 0, 13, PK_FLOW_END_SYN },
	{ "SYN and PSH", { SYN | 8, 0 }, 0, 17, PK_FLOW_END_IDLE },
	{ "FIN", { FIN | ACK, 0 }, 0, 11, PK_FLOW_END_CLOSED },
	{ "FIN, 1 ns later", { FIN | ACK, 0 }, 1, 12, PK_FLOW_END_CLOSED },
	{ "RST in answer", { SYN, RST | ACK }, 0, 11, PK_FLOW_END_CLOSED },
	{ "SYN and FIN", { SYN | FIN, 0 }, 0, 11, PK_FLOW_END_CLOSED },
};

static void each_rule_ends_at_its_tick(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	for (uint32_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		uint64_t ns = pk_tick_start(10) + rules[i].after;

		open_rig(&g, &c);
		pk_flows_close(g.f, 10);
		send_tcp(&g, 1, 2, rules[i].flags[0], ns);
		if (rules[i].flags[1])
			send_tcp(&g, 2, 1, rules[i].flags[1], ns);
		pk_flows_close(g.f, rules[i].tick);
		if (g.log.n)
			fail_msg("%s: too early", rules[i].what);
		pk_flows_close(g.f, rules[i].tick + 1);
		if (g.log.n != 1 || g.log.record[0].end != rules[i].end)
			fail_msg("%s: wrong end", rules[i].what);
		assert_int_equal(g.log.record[0].head.seen_ns,
				 pk_tick_start(rules[i].tick + 1));
		assert_int_equal(g.stats.flows_resident, 0);
		close_rig(&g);
	}
}

static void flags_of_udp_mean_nothing(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();
	struct packet p = { .ns = pk_tick_start(10),
			    .key = key(1, 2, 53, UDP),
			    .flags = FIN | SYN };

	(void)state;
	open_rig(&g, &c);
	pk_flows_close(g.f, 10);
	add(&g, &p);
	pk_flows_close(g.f, 17);
	assert_int_equal(g.log.n, 0);
	pk_flows_close(g.f, 18);
	assert_int_equal(g.log.record[0].end, PK_FLOW_END_IDLE);
	close_rig(&g);
}

/* The second span begins with the responder: the initiator stays. */
static void an_active_flow_keeps_its_initiator(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();
	const struct pk_flow *r = g.log.record;

	(void)state;
	open_rig(&g, &c);
	pk_flows_close(g.f, 10);
	send_tcp(&g, 9, 2, SYN, pk_tick_start(10));
	for (uint32_t tick = 11; tick <= 40; tick++) {
		pk_flows_close(g.f, tick);
		send_tcp(&g, 2, 9, ACK, pk_tick_start(tick) + 5);
	}
	assert_int_equal(g.log.n, 1);
	assert_int_equal(r[0].end, PK_FLOW_END_ACTIVE);
	assert_int_equal(r[0].head.seen_ns, pk_tick_start(30));
	assert_int_equal(r[0].packets[0], 1);
	assert_int_equal(r[0].packets[1], 19);
	pk_flows_close(g.f, 100);
	assert_int_equal(g.log.n, 2);
	assert_int_equal(r[1].end, PK_FLOW_END_IDLE);
	assert_memory_equal(&r[1].key, &r[0].key, sizeof r[0].key);
	assert_int_equal(r[1].key.src.b[15], 9);
	assert_int_equal(r[1].start_ns, pk_tick_start(30) + 5);
	assert_int_equal(r[1].end_ns, pk_tick_start(40) + 5);
	assert_int_equal(r[1].packets[0], 0);
	assert_int_equal(r[1].packets[1], 11);
	close_rig(&g);
}

/* Nothing follows the active export: no record of zero packets. */
static void a_silent_rest_is_not_exported(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	c.active_ns = 2ULL * TICK_NS;
	open_rig(&g, &c);
	pk_flows_close(g.f, 10);
	send_tcp(&g, 1, 2, ACK, pk_tick_start(10));
	pk_flows_close(g.f, 12);
	assert_int_equal(g.log.n, 1);
	assert_int_equal(g.log.record[0].end, PK_FLOW_END_ACTIVE);
	assert_int_equal(g.stats.flows_resident, 1);
	pk_flows_close(g.f, 17);
	assert_int_equal(g.stats.flows_resident, 1);
	pk_flows_close(g.f, 18);
	assert_int_equal(g.stats.flows_resident, 0);
	assert_int_equal(g.log.n, 1);
	close_rig(&g);
}

/* --- who began ----------------------------------------------------------------- */

static const struct {
	const char *what;
	uint8_t flags[2]; /* of host 1, of host 2 */
	uint32_t at[2];	  /* ns in the tick */
	uint8_t initiator;
} begins[] = {
	{ "the earlier", { ACK, SYN }, { 5, 6 }, 1 },
	{ "the earlier, though it answers", { SYN, SYN | ACK }, { 6, 5 }, 2 },
	{ "tie: the SYN", { SYN | ACK, SYN }, { 5, 5 }, 2 },
	{ "tie: the SYN, of the lower", { SYN, SYN | ACK }, { 5, 5 }, 1 },
	{ "tie: no SYN", { ACK, ACK }, { 5, 5 }, 1 },
	{ "tie: two SYNs", { SYN, SYN }, { 5, 5 }, 1 },
};

static void the_initiator_is_who_began(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	for (uint32_t i = 0; i < 2 * sizeof begins / sizeof *begins; i++) {
		uint32_t k = i / 2, one = i % 2; /* either order of lines */
		uint64_t ns = pk_tick_start(3);

		open_rig(&g, &c);
		for (uint32_t j = 0; j < 2; j++) {
			uint32_t host = one ? 1 - j : j;

			send_tcp(&g, host + 1, 2 - host, begins[k].flags[host],
				 ns + begins[k].at[host]);
		}
		pk_flows_drain(g.f);
		assert_int_equal(g.log.n, 1);
		if (g.log.record[0].key.src.b[15] != begins[k].initiator)
			fail_msg("%s", begins[k].what);
		close_rig(&g);
	}
}

/* Flags of later ticks have no say: they may come or not by then. */
static void the_first_tick_decides(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	open_rig(&g, &c);
	pk_flows_close(g.f, 3);
	send_tcp(&g, 1, 2, SYN, pk_tick_start(3));
	send_tcp(&g, 2, 1, SYN, pk_tick_start(3));
	pk_flows_close(g.f, 4);
	send_tcp(&g, 1, 2, ACK, pk_tick_start(4));
	pk_flows_drain(g.f);
	assert_int_equal(g.log.n, 1);
	assert_int_equal(g.log.record[0].key.src.b[15], 1);
	close_rig(&g);
}

/* Two packets at once, one seen going out, one in: either order of lines. */
static void a_tie_of_directions_goes_to_in(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	for (uint8_t first = PK_IN; first <= PK_OUT; first++) {
		struct packet p = { .ns = 5, .key = key(1, 2, 53, UDP) };

		open_rig(&g, &c);
		p.key.direction = first;
		add(&g, &p);
		p.key.direction = !first;
		add(&g, &p);
		pk_flows_drain(g.f);
		assert_int_equal(g.log.n, 1);
		assert_int_equal(g.log.record[0].packets[0], 2);
		assert_int_equal(g.log.record[0].key.direction, PK_IN);
		close_rig(&g);
	}
}

static void ping_and_pong_are_one_flow(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();
	/* As bpf/parse.h maps them: type, and the type of the counterpart. */
	struct packet ping = { .key = key(7, 3, 8U << 16 | 0, ICMP) };
	struct packet pong = { .ns = 9, .key = key(3, 7, 0U << 16 | 8, ICMP) };

	(void)state;
	ping.key.direction = PK_OUT;
	open_rig(&g, &c);
	add(&g, &pong);
	add(&g, &ping);
	pk_flows_drain(g.f);
	assert_int_equal(g.log.n, 1);
	assert_memory_equal(&g.log.record[0].key, &ping.key, sizeof ping.key);
	assert_int_equal(g.log.record[0].head.direction, PK_OUT);
	assert_int_equal(g.log.record[0].packets[0], 1);
	assert_int_equal(g.log.record[0].packets[1], 1);
	close_rig(&g);
}

static void listed_packets_count_by_side(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();
	struct packet ask = { .key = key(7, 3, 9, UDP), .roles = PK_HIT_DST };
	struct packet reply = { .ns = 9,
				.key = key(3, 7, 9U << 16, UDP),
				.roles = PK_HIT_SRC };

	(void)state;
	open_rig(&g, &c);
	add(&g, &ask);
	add(&g, &reply);
	reply.roles |= PK_HIT_DST | 0xf0; /* high nibble: not ours */
	add(&g, &reply);
	pk_flows_drain(g.f);
	assert_int_equal(g.log.n, 1);
	assert_int_equal(g.log.record[0].listed[0], 1);
	assert_int_equal(g.log.record[0].listed[1], 3);
	close_rig(&g);
}

/* --- want of room ---------------------------------------------------------------- */

/* A full table whose flows end at different ticks; each newcomer costs one. */
static void the_flow_that_ends_soonest_is_evicted(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();
	uint32_t end[64];

	(void)state;
	c.capacity = 16;
	for (uint32_t round = 0; round < 300; round++) {
		uint32_t soonest = UINT32_MAX, gone;

		rnd_state = round;
		open_rig(&g, &c);
		pk_flows_close(g.f, 100);
		/* All are SYN-only first, so the wheel is stale for the rest. */
		for (uint32_t i = 0; i < 16; i++)
			send_tcp(&g, i, 99, SYN, pk_tick_start(100));
		for (uint32_t i = 0; i < 16; i++) {
			static const uint8_t then[] = { SYN, ACK, FIN };
			static const uint8_t ticks[] = { 4, 8, 2 };
			uint32_t kind = rnd(round % 2 ? 2 : 3), late = rnd(2);

			send_tcp(&g, i, 99, then[kind],
				 pk_tick_start(100) + late);
			end[i] = ticks[kind] + late;
			soonest = end[i] < soonest ? end[i] : soonest;
		}
		send_tcp(&g, 50, 99, SYN, pk_tick_start(100));
		assert_int_equal(g.log.n, 1);
		gone = g.log.record[0].key.src.b[15];
		assert_int_equal(g.log.record[0].end, PK_FLOW_END_EVICTED);
		assert_int_equal(g.stats.flows_evicted, 1);
		assert_int_equal(g.stats.flows_resident, 16);
		assert_int_equal(end[gone], soonest);
		close_rig(&g);
	}
}

/* More lines than may wait, all of later ticks, and an open table. */
static void a_full_waiting_room_merges_early(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	open_rig(&g, &c);
	for (uint32_t i = 0; i < 1000; i++)
		send_tcp(&g, 1, 2, ACK, pk_tick_start(50 + i % 7) + i);
	assert_int_equal(g.stats.lines_in, 1000);
	assert_int_equal(g.stats.lines_late, 0);
	pk_flows_close(g.f, 100);
	assert_int_equal(g.log.n, 1);
	assert_int_equal(g.log.record[0].packets[0], 1000);
	assert_int_equal(g.log.record[0].start_ns, pk_tick_start(50));
	assert_int_equal(g.log.record[0].end, PK_FLOW_END_IDLE);
	close_rig(&g);
}

/* Nobody closed a tick yet, and no more lines may wait: their first opens. */
static void a_full_waiting_room_opens_a_tick(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	c.capacity = 2;
	open_rig(&g, &c);
	for (uint32_t i = 0; i < 200; i++)
		send_tcp(&g, i % 3, 99, ACK, pk_tick_start(50));
	assert_true(g.log.n > 0);
	for (uint32_t i = 0; i < g.log.n; i++)
		assert_int_equal(g.log.record[i].head.seen_ns,
				 pk_tick_start(51));
	close_rig(&g);
}

static void late_lines_are_merged_and_counted(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	open_rig(&g, &c);
	pk_flows_close(g.f, 10);
	send_tcp(&g, 1, 2, ACK, pk_tick_start(10) + 7);
	pk_flows_close(g.f, 12);
	send_tcp(&g, 1, 2, ACK, pk_tick_start(11) + 7);
	send_tcp(&g, 3, 2, ACK, pk_tick_start(5) + 7);
	assert_int_equal(g.stats.lines_late, 2);
	pk_flows_close(g.f, 15);
	/* Tick 5 is long ago; its flow ended with the open tick. */
	assert_int_equal(g.log.n, 1);
	assert_int_equal(g.log.record[0].key.src.b[15], 3);
	assert_int_equal(g.log.record[0].start_ns, pk_tick_start(5) + 7);
	close_rig(&g);
	assert_int_equal(g.log.n, 2);
	assert_int_equal(g.log.record[1].packets[0], 2);
}

/* --- time --------------------------------------------------------------------------- */

/* Ticks one by one would take minutes: the alarm is for that. */
static void years_pass_at_once(void **state)
{
	static const uint32_t jumps[] = { 10,	     11,	 1000,
					  1U << 30,  1600000000, 0xfffffff0,
					  0xffffffff };
	static struct rig g;
	struct pk_flow_conf c;

	(void)state;
	alarm(60);
	pk_flow_conf_default(&c);
	open_rig(&g, &c);
	for (uint32_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		pk_flows_close(g.f, jumps[i]);
		send_tcp(&g, 1, 2, ACK, pk_tick_start(jumps[i]) + 3);
	}
	pk_flows_drain(g.f);
	assert_int_equal(g.log.n, 6);
	assert_int_equal(g.log.record[0].packets[0], 2);
	assert_int_equal(g.log.record[5].end, PK_FLOW_END_STOPPED);
	assert_int_equal(g.log.record[4].end, PK_FLOW_END_IDLE);
	close_rig(&g);
	alarm(0);
}

/* Lines that wait for ticks years apart, ended by one call. */
static void years_between_waiting_lines(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	alarm(60);
	open_rig(&g, &c);
	for (uint32_t i = 60; i > 0; i--)
		send_tcp(&g, i, 99, ACK, pk_tick_start(i << 26) + 3);
	assert_int_equal(g.log.n, 0);
	pk_flows_close(g.f, 0xffffffff);
	assert_int_equal(g.log.n, 60);
	for (uint32_t i = 0; i < 60; i++) {
		assert_int_equal(g.log.record[i].key.src.b[15], i + 1);
		assert_int_equal(g.log.record[i].head.seen_ns,
				 pk_tick_start(((i + 1) << 26) + 9));
	}
	close_rig(&g);
	alarm(0);
}

/* A deadline beyond the wheel is parked and comes up again. */
static void timeouts_beyond_the_wheel_hold(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	c.idle_ns = 1000ULL * TICK_NS;
	c.active_ns = 3000ULL * TICK_NS;
	open_rig(&g, &c);
	pk_flows_close(g.f, 7);
	send_tcp(&g, 1, 2, ACK, pk_tick_start(7));
	pk_flows_close(g.f, 1006);
	assert_int_equal(g.log.n, 0);
	pk_flows_close(g.f, 1007);
	assert_int_equal(g.log.n, 1);
	assert_int_equal(g.log.record[0].end, PK_FLOW_END_IDLE);
	close_rig(&g);
}

/* All ends are beyond the wheel: one is evicted, and it is one of them. */
static void evicts_beyond_the_wheel(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	alarm(60);
	c.idle_ns = 1000ULL * TICK_NS;
	c.active_ns = 3000ULL * TICK_NS;
	c.capacity = 2;
	open_rig(&g, &c);
	pk_flows_close(g.f, 7);
	for (uint32_t i = 0; i < 5; i++)
		send_tcp(&g, i, 99, ACK, pk_tick_start(7));
	assert_int_equal(g.stats.flows_evicted, 3);
	assert_int_equal(g.stats.flows_resident, 2);
	close_rig(&g);
	alarm(0);
}

static void a_drained_table_may_go_on(void **state)
{
	static struct rig g;
	struct pk_flow_conf c = whole_ticks();

	(void)state;
	open_rig(&g, &c);
	for (uint32_t i = 1; i <= 3; i++) {
		send_tcp(&g, 1, 2, ACK, pk_tick_start(i * 10));
		send_tcp(&g, 1, 2, ACK, pk_tick_start(i * 10 + 1));
		pk_flows_drain(g.f);
		assert_int_equal(g.log.n, i);
		assert_int_equal(g.log.record[i - 1].packets[0], 2);
		assert_int_equal(g.log.record[i - 1].end, PK_FLOW_END_STOPPED);
	}
	close_rig(&g);
}

static void refuses_bad_confs(void **state)
{
	struct pk_stage_counters s;
	struct pk_flows *f = NULL;
	struct pk_flow_conf c;

	(void)state;
	for (int i = 0; i < 9; i++) {
		uint64_t *ns[] = { &c.idle_ns, &c.active_ns, &c.syn_ns,
				   &c.closed_ns };

		pk_flow_conf_default(&c);
		if (i < 8)
			*ns[i / 2] = i % 2 ? 86400000000001ULL : 0;
		else
			c.capacity = 3;
		assert_int_equal(pk_flows_new(&f, &c, 1, &s), -EINVAL);
	}
	pk_flow_conf_default(&c);
	c.capacity = 1;
	assert_int_equal(pk_flows_new(&f, &c, 1, &s), -EINVAL);
	c.capacity = 1U << 25;
	assert_int_equal(pk_flows_new(&f, &c, 1, &s), -EINVAL);
	assert_null(f);
	pk_flows_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_ends_at_its_tick),
		cmocka_unit_test(flags_of_udp_mean_nothing),
		cmocka_unit_test(an_active_flow_keeps_its_initiator),
		cmocka_unit_test(a_silent_rest_is_not_exported),
		cmocka_unit_test(the_initiator_is_who_began),
		cmocka_unit_test(the_first_tick_decides),
		cmocka_unit_test(a_tie_of_directions_goes_to_in),
		cmocka_unit_test(ping_and_pong_are_one_flow),
		cmocka_unit_test(listed_packets_count_by_side),
		cmocka_unit_test(the_flow_that_ends_soonest_is_evicted),
		cmocka_unit_test(a_full_waiting_room_merges_early),
		cmocka_unit_test(a_full_waiting_room_opens_a_tick),
		cmocka_unit_test(late_lines_are_merged_and_counted),
		cmocka_unit_test(years_pass_at_once),
		cmocka_unit_test(years_between_waiting_lines),
		cmocka_unit_test(timeouts_beyond_the_wheel_hold),
		cmocka_unit_test(evicts_beyond_the_wheel),
		cmocka_unit_test(a_drained_table_may_go_on),
		cmocka_unit_test(refuses_bad_confs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
