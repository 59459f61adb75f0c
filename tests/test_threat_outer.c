/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threats of the addresses of tunnels: of their own, counted by periods, the
 * same however the packets were spread over workers.
 */
#include "control/threat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/outer.h"
#include "control/encode.h"

#define SEC    1000000000ULL
#define PERIOD (1ULL << (PK_TICK_SHIFT + PK_OUTER_PERIOD_SHIFT))
#define START  (85000000 * PERIOD)

enum { TOLD_MAX = 64, LISTED = 1, OTHER = 2, JSON_MAX = 1 << 16 };

struct told {
	int n;
	struct pk_threat threat[TOLD_MAX];
	char json[JSON_MAX];
	size_t len;
};

static void listen(void *arg, const struct pk_threat *threat)
{
	struct told *t = arg;
	int n = pk_encode_threat(threat, t->json + t->len, JSON_MAX - t->len);

	assert_true(n > 0);
	t->len += (size_t)n;
	assert_true(t->n < TOLD_MAX);
	t->threat[t->n++] = *threat;
}

static struct pk_threats *open_threats(struct told *told)
{
	struct pk_threats_conf conf = {
		.sensor = "s1", .epoch = 1, .sink = listen, .sink_arg = told
	};
	struct pk_threats *t;

	memset(told, 0, sizeof(*told));
	assert_int_equal(pk_threats_new(&t, &conf), 0);
	return t;
}

static union pk_addr addr(uint8_t n)
{
	return (union pk_addr){
		.b = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = n }
	};
}

/* At @depth of a packet with @around pairs around it. */
static void hit(struct pk_threats *t, uint64_t ns, uint8_t depth,
		uint8_t around)
{
	struct pk_hit h = { .head = { .type = PK_RECORD_HIT,
				      .len = pk_hit_len(0),
				      .plane = PK_PLANE_DPDK,
				      .sampling = 1,
				      .seen_ns = ns },
			    .slot = 1,
			    .role = PK_ROLE_SOURCE,
			    .depth = depth };

	h.packet.key.src = addr(LISTED);
	h.packet.key.dst = addr(OTHER);
	h.packet.key.sport = 40000;
	h.packet.key.dport = 4789;
	h.packet.key.proto = 17;
	h.packet.ttl = 61;
	h.packet.depth = around;
	pk_threats_hit(t, &h);
}

static void flow(struct pk_threats *t, uint64_t ns, uint64_t packets)
{
	struct pk_flow f = { .head = { .type = PK_RECORD_FLOW,
				       .len = sizeof(f),
				       .plane = PK_PLANE_DPDK,
				       .sampling = 1,
				       .seen_ns = ns },
			     .start_ns = ns - SEC,
			     .end_ns = ns,
			     .listed = { packets, 0 } };

	f.key.src = addr(LISTED);
	f.key.dst = addr(OTHER);
	pk_threats_flow(t, &f);
}

static void each_depth_of_a_tunnel_is_a_threat_of_its_own(void **state)
{
	static struct told told;
	struct pk_threats *t = open_threats(&told);
	struct pk_threat_counters c;

	(void)state;
	for (uint8_t depth = 0; depth < 3; depth++)
		hit(t, START, depth, 2);
	assert_int_equal(told.n, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(told.threat[i].depth, i);
		assert_int_equal(told.threat[i].flow.has_ttl, i == 2);
		for (int k = 0; k < i; k++)
			assert_true(told.threat[i].id[0] !=
				    told.threat[k].id[0]);
	}
	assert_null(strstr(told.json, "\"depth\":0"));
	assert_non_null(strstr(told.json, "\"role\":\"source\",\"depth\":1,"));
	/* Flows are of the innermost pair. */
	flow(t, START + SEC, 9);
	flow(t, START + SEC, 9);
	assert_int_equal(told.n, 3);
	pk_threats_close_all(t);
	for (int i = 3; i < 6; i++)
		assert_int_equal(told.threat[i].count,
				 told.threat[i].depth == 2 ? 18 : 1);
	pk_threats_count(t, &c);
	assert_int_equal(c.redundant + c.folded + c.opened, c.evidence);
	pk_threats_free(t);
}

static void it_counts_periods_and_lives_as_long_as_they_come(void **state)
{
	static struct told told;
	struct pk_threats *t = open_threats(&told);
	uint64_t at = START;

	(void)state;
	for (int i = 0; i < 100; i++, at += PERIOD) {
		hit(t, at, 0, 1);
		hit(t, at + PERIOD / 2, 0, 1);
		hit(t, at + PERIOD - 1, 0, 1);
	}
	/* 28 minutes: told when it opened, and every ten */
	assert_int_equal(told.n, 3);
	assert_int_equal(told.threat[2].state, PK_THREAT_UPDATE);
	at -= PERIOD;
	pk_threats_advance(t, at + PK_THREAT_MUTE_NS - 1);
	assert_int_equal(told.n, 3);
	pk_threats_advance(t, at + PK_THREAT_MUTE_NS);
	assert_int_equal(told.n, 4);
	assert_int_equal(told.threat[3].state, PK_THREAT_CLOSED);
	assert_int_equal(told.threat[3].count, 100);
	assert_int_equal(told.threat[3].last_ns, at);
	pk_threats_free(t);
}

/* A worker reports the first packet of a period that it has. */
static void spread(uint32_t workers, struct told *told)
{
	struct pk_threats *t = open_threats(told);
	uint64_t period[8] = { 0 };
	uint64_t at = START;

	srandom(7);
	for (int i = 0; i < 20000; i++) {
		uint32_t w;

		at += (uint64_t)random() % (i % 5000 ? SEC : 1000 * SEC);
		w = (uint32_t)(at % workers);
		if (period[w] == at / PERIOD && at % 50)
			continue;
		period[w] = at / PERIOD;
		hit(t, at, 0, 1);
	}
	pk_threats_close_all(t);
	pk_threats_free(t);
}

static void it_is_the_same_for_every_spread(void **state)
{
	static struct told one, more;

	(void)state;
	spread(1, &one);
	assert_true(one.n > 10);
	for (uint32_t workers = 2; workers <= 8; workers++) {
		spread(workers, &more);
		assert_int_equal(more.n, one.n);
		assert_string_equal(more.json, one.json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_depth_of_a_tunnel_is_a_threat_of_its_own),
		cmocka_unit_test(
			it_counts_periods_and_lives_as_long_as_they_come),
		cmocka_unit_test(it_is_the_same_for_every_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
