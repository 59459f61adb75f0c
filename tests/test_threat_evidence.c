/* SPDX-License-Identifier: BSD-2-Clause */
/* What a threat rests on, and what opens none because of a rule. */
#include "control/threat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/encode.h"
#include "control/pipeline.h"

#define SEC   1000000000ULL
#define START (1486834647 * SEC)

enum { LISTED = 0x0a000001, OTHER = 0x0a000002, STREAM = 4000, ADDRS = 60 };

static union pk_addr addr(uint32_t ip4)
{
	union pk_addr a = { .b = { [10] = 0xff, [11] = 0xff } };

	for (int i = 0; i < 4; i++)
		a.b[12 + i] = (uint8_t)(ip4 >> (24 - 8 * i));
	return a;
}

/* --- targets ---------------------------------------------------------------- */

static uint32_t number_of(const union pk_addr *a)
{
	return (uint32_t)a->b[14] << 8 | a->b[15];
}

static void few_targets_are_told_exactly(void **state)
{
	static const uint64_t counts[] = { 3, 9, 1, 9, 4 };
	struct pk_threat_target top[PK_THREAT_TARGETS_TOLD];
	static const uint32_t order[] = { 1, 3, 4, 0, 2 };
	struct pk_threat_targets t = { 0 };
	uint64_t more;

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		union pk_addr a = addr(i);

		pk_threat_targets_add(&t, &a, 1);
	}
	for (uint32_t i = 5; i-- > 0;) {
		union pk_addr a = addr(i);

		pk_threat_targets_add(&t, &a, counts[i] - 1);
	}
	assert_int_equal(pk_threat_targets_top(&t, top, &more), 5);
	assert_int_equal(more, 0);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(number_of(&top[i].addr), order[i]);
		assert_int_equal(top[i].count, counts[order[i]]);
		assert_int_equal(top[i].error, 0);
	}
}

/* By hand: 0 to 15 with 10 to 25, then a new one takes the place of 0. */
static void a_new_target_inherits_the_least_count(void **state)
{
	struct pk_threat_target top[PK_THREAT_TARGETS_TOLD];
	struct pk_threat_targets t = { 0 };
	union pk_addr a;
	uint64_t more;

	(void)state;
	for (uint32_t i = 0; i < 16; i++) {
		a = addr(i);
		pk_threat_targets_add(&t, &a, 10 + i);
	}
	a = addr(99);
	pk_threat_targets_add(&t, &a, 20);
	assert_int_equal(pk_threat_targets_top(&t, top, &more), 8);
	assert_int_equal(number_of(&top[0].addr), 99);
	assert_int_equal(top[0].count, 30);
	assert_int_equal(top[0].error, 10);
	assert_int_equal(number_of(&top[1].addr), 15);
	assert_int_equal(top[1].count, 25);
	assert_int_equal(top[1].error, 0);
	/* 1 to 8 are not told: 11 + ... + 18 */
	assert_int_equal(more, 11 + 12 + 13 + 14 + 15 + 16 + 17 + 18);
}

/* Against exact counts: what Space-Saving promises holds for any stream. */
static void counts_are_never_too_small_and_errors_are_bounded(void **state)
{
	(void)state;
	srandom(7);
	for (int round = 0; round < 200; round++) {
		struct pk_threat_target top[PK_THREAT_TARGETS_TOLD];
		struct pk_threat_targets t = { 0 };
		uint64_t exact[ADDRS] = { 0 }, all = 0, more, sum = 0;
		uint32_t n, held[ADDRS] = { 0 };
		uint32_t skew = 1 + (uint32_t)random() % 5;

		for (int i = 0; i < STREAM; i++) {
			uint32_t at = (uint32_t)random() % ADDRS;
			uint64_t by = 1 + (uint64_t)random() % 9;
			union pk_addr a;

			for (uint32_t s = 1; s < skew; s++)
				at = (uint32_t)random() % (at + 1);
			a = addr(at);
			pk_threat_targets_add(&t, &a, by);
			exact[at] += by;
			all += by;
		}
		for (uint32_t i = 0; i < t.used; i++) {
			const struct pk_threat_target *it = &t.target[i];
			uint64_t was = exact[number_of(&it->addr)];

			held[number_of(&it->addr)]++;
			sum += it->count;
			assert_in_range(it->count, was, was + it->error);
			assert_true(it->error <= all / PK_THREAT_TARGETS);
		}
		assert_int_equal(sum, all);
		for (uint32_t i = 0; i < ADDRS; i++) {
			assert_in_range(held[i], 0, 1);
			if (exact[i] > all / PK_THREAT_TARGETS)
				assert_int_equal(held[i], 1);
		}
		n = pk_threat_targets_top(&t, top, &more);
		for (uint32_t i = 0; i < n; i++)
			more += top[i].count;
		assert_int_equal(more, all);
		for (uint32_t i = 1; i < n; i++)
			assert_true(top[i - 1].count >= top[i].count);
	}
}

/* --- of threats --------------------------------------------------------------- */

struct fixture {
	struct pk_threats *threats;
	char json[PK_ENCODE_MAX]; /* of the latest message */
	int told;
	int states[64];
	uint32_t quiet; /* offender that a rule suppresses; 0: none */
	int asked;
};

static void listen(void *arg, const struct pk_threat *t)
{
	struct fixture *f = arg;

	assert_in_range(f->told, 0, 63);
	f->states[f->told++] = t->state;
	assert_true(pk_encode_threat(t, f->json, sizeof(f->json)) > 0);
}

static int suppressed(void *arg, const struct pk_threat_subject *s)
{
	struct fixture *f = arg;
	union pk_addr a = addr(f->quiet);

	f->asked++;
	assert_string_equal(s->type, "indicator");
	assert_non_null(s->indicator);
	return f->quiet && !memcmp(s->offender, &a, sizeof(a));
}

static void set_up(struct fixture *f, uint32_t capacity)
{
	struct pk_threats_conf conf = {
		.sensor = "s1",
		.epoch = 1,
		.capacity = capacity,
		.suppressed = suppressed,
		.suppressed_arg = f,
		.sink = listen,
		.sink_arg = f,
	};

	memset(f, 0, sizeof(*f));
	assert_int_equal(pk_threats_new(&f->threats, &conf), 0);
}

static void tear_down(struct fixture *f)
{
	pk_threats_free(f->threats);
}

static struct pk_hit make_hit(uint64_t ns, uint32_t src, uint32_t dst)
{
	struct pk_hit h = { .head = { .type = PK_RECORD_HIT,
				      .len = pk_hit_len(0),
				      .plane = PK_PLANE_DPDK,
				      .sampling = 1,
				      .seen_ns = ns },
			    .role = PK_ROLE_SOURCE };

	h.packet.key.src = addr(src);
	h.packet.key.dst = addr(dst);
	h.packet.key.sport = 40000;
	h.packet.key.dport = 443;
	h.packet.key.proto = 6;
	h.packet.tcp_flags = 2;
	return h;
}

static void hit(struct fixture *f, uint64_t ns, uint32_t src, uint32_t dst)
{
	struct pk_hit h = make_hit(ns, src, dst);

	pk_threats_hit(f->threats, &h);
}

static struct pk_flow make_flow(uint64_t ns, uint32_t src, uint32_t dst,
				uint64_t listed)
{
	struct pk_flow r = { .head = { .type = PK_RECORD_FLOW,
				       .len = sizeof(r),
				       .plane = PK_PLANE_DPDK,
				       .sampling = 1,
				       .seen_ns = ns },
			     .start_ns = ns - 5 * SEC,
			     .end_ns = ns - 2 * SEC };

	r.key.src = addr(src);
	r.key.dst = addr(dst);
	r.key.sport = 40000;
	r.key.dport = 443;
	r.key.proto = 6;
	r.listed[0] = listed;
	r.packets[0] = listed;
	r.packets[1] = 2;
	r.bytes[0] = listed * 60;
	r.bytes[1] = 80;
	r.tcp_flags[0] = 0x12;
	return r;
}

static void flow(struct fixture *f, uint64_t ns, uint32_t dst, uint64_t listed)
{
	struct pk_flow r = make_flow(ns, LISTED, dst, listed);

	pk_threats_flow(f->threats, &r);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("%s is not in %s", part, text);
}

static const char from_hit[] =
	"\"evidence\":[{\"record\":\"hit\","
	"\"time\":\"2017-02-11T17:37:27.000000Z\","
	"\"src_ip\":\"10.0.0.1\",\"src_port\":40000,"
	"\"dst_ip\":\"10.0.0.2\",\"dst_port\":443,\"proto\":\"tcp\","
	"\"tcp_flags\":\"S\"}";

static void the_hit_that_opens_a_threat_is_its_evidence(void **state)
{
	struct fixture f;
	char want[1024];

	(void)state;
	set_up(&f, 0);
	hit(&f, START, LISTED, OTHER);
	snprintf(want, sizeof(want),
		 "%s],\"targets\":[{\"addr\":\"10.0.0.2\",\"count\":1}],"
		 "\"targets_more\":0",
		 from_hit);
	assert_has(f.json, want);
	tear_down(&f);
}

static void flows_are_evidence_and_count_their_targets(void **state)
{
	struct fixture f, g;

	(void)state;
	set_up(&f, 0);
	set_up(&g, 0);
	hit(&f, START, LISTED, OTHER);
	hit(&g, START, LISTED, OTHER);
	for (uint32_t i = 0; i < 30; i++) /* another spread: more hits */
		hit(&g, START + i * SEC, LISTED, OTHER + i);
	for (uint32_t i = 0; i < 12; i++) {
		flow(&f, START + (30 + i) * SEC, OTHER + i % 10, 100 + i);
		flow(&g, START + (30 + i) * SEC, OTHER + i % 10, 100 + i);
		hit(&g, START + (30 + i) * SEC, LISTED, OTHER + i);
	}
	pk_threats_close_all(f.threats);
	pk_threats_close_all(g.threats);
	assert_string_equal(f.json, g.json);
	assert_has(f.json, from_hit);
	/* the first three flows, and no more */
	assert_has(f.json, "{\"record\":\"flow\","
			   "\"time\":\"2017-02-11T17:37:57.000000Z\","
			   "\"src_ip\":\"10.0.0.1\",\"src_port\":40000,"
			   "\"dst_ip\":\"10.0.0.4\",\"dst_port\":443,"
			   "\"proto\":\"tcp\",\"tcp_flags\":\"SA\","
			   "\"packets\":104,\"bytes\":6200}],\"targets\":[");
	/* twice: 100 + 110 and 101 + 111; once: 102 ... 109 */
	assert_has(f.json, "[{\"addr\":\"10.0.0.3\",\"count\":212},"
			   "{\"addr\":\"10.0.0.2\",\"count\":210},"
			   "{\"addr\":\"10.0.0.11\",\"count\":109}");
	assert_has(f.json, "\"targets_more\":205,");
	assert_has(f.json, "\"count\":1266,");
	tear_down(&f);
	tear_down(&g);
}

/* --- of detectors ------------------------------------------------------------- */

static void windows_give_a_detectors_targets(void **state)
{
	struct fixture f = { 0 };
	struct pk_pipeline_conf conf = {
		.threats = { .sensor = "s1", .sink = listen, .sink_arg = &f },
	};
	struct pk_pipeline *p;

	(void)state;
	assert_int_equal(pk_pipeline_new(&p, &conf), 0);
	for (uint32_t i = 0; i < 102; i++) {
		struct pk_flow r =
			make_flow(START + i, LISTED, OTHER + (i % 5 == 0), 0);

		r.key.dport = (uint16_t)(1000 + i);
		r.packets[0] = 1;
		r.bytes[0] = 40;
		r.packets[1] = r.bytes[1] = 0;
		r.tcp_flags[0] = 2;
		pk_pipeline_record(p, &r.head);
		assert_int_equal(f.told, i >= 100);
	}
	/* the window: 101 flows, of which 0, 5, ... 100 went to the other */
	assert_has(f.json, "\"targets\":[{\"addr\":\"10.0.0.2\",\"count\":80},"
			   "{\"addr\":\"10.0.0.3\",\"count\":21}],"
			   "\"targets_more\":0,");
	assert_has(f.json, "\"evidence\":[{\"record\":\"flow\",");
	assert_has(f.json, "\"dst_port\":1100,\"proto\":\"tcp\","
			   "\"tcp_flags\":\"S\",\"packets\":1,\"bytes\":40}],");
	pk_pipeline_finish(p);
	assert_has(f.json, "\"10.0.0.2\",\"count\":81},");
	assert_has(f.json, "\"dst_port\":1101,");
	pk_pipeline_free(p);
}

/* --- suppressed ---------------------------------------------------------------- */

static void what_is_suppressed_opens_nothing_and_is_counted(void **state)
{
	struct pk_threat_counters c;
	struct fixture f;

	(void)state;
	set_up(&f, 1);
	hit(&f, START, OTHER, LISTED); /* the only place is taken */
	f.quiet = LISTED;
	hit(&f, START + 1, LISTED, OTHER);
	hit(&f, START + 2, LISTED, OTHER);
	flow(&f, START + 3, OTHER, 4);
	assert_int_equal(f.told, 1); /* nor did it close what was there */
	pk_threats_count(f.threats, &c);
	assert_int_equal(c.suppressed, 3);
	assert_int_equal(c.evidence, 4);
	assert_int_equal(c.open, 1);
	f.quiet = 0; /* the rule is gone */
	hit(&f, START + 4, LISTED, OTHER);
	assert_int_equal(f.told, 3);
	tear_down(&f);
}

static void what_is_open_is_not_asked_for(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, 0);
	hit(&f, START, LISTED, OTHER);
	hit(&f, START + 1, LISTED, OTHER);
	flow(&f, START + 2, OTHER, 4);
	assert_int_equal(f.asked, 1);
	tear_down(&f);
}

static void a_new_rule_closes_what_it_matches(void **state)
{
	struct pk_threat_counters c;
	struct fixture f;

	(void)state;
	set_up(&f, 0);
	hit(&f, START, OTHER, LISTED);
	hit(&f, START, LISTED, OTHER);
	f.quiet = LISTED;
	pk_threats_suppress(f.threats);
	assert_int_equal(f.told, 3);
	assert_int_equal(f.states[2], PK_THREAT_CLOSED);
	assert_has(f.json, "\"offender\":\"10.0.0.1\"");
	pk_threats_count(f.threats, &c);
	assert_int_equal(c.closed_suppressed, 1);
	assert_int_equal(c.open, 1);
	assert_int_equal(c.told, c.opened + c.closed_suppressed);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_targets_are_told_exactly),
		cmocka_unit_test(a_new_target_inherits_the_least_count),
		cmocka_unit_test(
			counts_are_never_too_small_and_errors_are_bounded),
		cmocka_unit_test(the_hit_that_opens_a_threat_is_its_evidence),
		cmocka_unit_test(flows_are_evidence_and_count_their_targets),
		cmocka_unit_test(windows_give_a_detectors_targets),
		cmocka_unit_test(
			what_is_suppressed_opens_nothing_and_is_counted),
		cmocka_unit_test(what_is_open_is_not_asked_for),
		cmocka_unit_test(a_new_rule_closes_what_it_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
