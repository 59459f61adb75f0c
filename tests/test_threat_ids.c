/* SPDX-License-Identifier: BSD-2-Clause */
/* An id is opened once, however its threat ended. */
#include "control/threat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/pipeline.h"

#define SEC   1000000000ULL
#define START (1700000000 * SEC)

enum { OPENED_MAX = 256, TCP = 6, UDP = 17 };

struct fixture {
	struct pk_pipeline *p;
	int deny;
	int opened;
	struct pk_threat threat[OPENED_MAX];
};

static void listen(void *arg, const struct pk_threat *t)
{
	struct fixture *f = arg;

	assert_true(t->first_ns <= t->last_ns);
	if (t->state != PK_THREAT_OPEN)
		return;
	for (int i = 0; i < f->opened; i++)
		assert_memory_not_equal(f->threat[i].id, t->id, sizeof(t->id));
	assert_true(f->opened < OPENED_MAX);
	f->threat[f->opened++] = *t;
}

static int denied(void *arg, const struct pk_threat_subject *subject)
{
	const struct fixture *f = arg;

	(void)subject;
	return f->deny;
}

static int is_tcp(const struct pk_flow *f)
{
	return f->key.proto == TCP;
}

static const struct pk_detector many = {
	.name = "many",
	.match = is_tcp,
	.window = { 60 * SEC, 5 },
	.mute_ns = 600 * SEC,
	.severity = "medium",
};

static void set_up(struct fixture *f, uint32_t capacity)
{
	const struct pk_pipeline_conf conf = {
		.threats = { .sensor = "s",
			     .capacity = capacity,
			     .suppressed = denied,
			     .suppressed_arg = f,
			     .sink = listen,
			     .sink_arg = f },
		.detectors = &many,
		.detector_count = 1,
	};

	memset(f, 0, sizeof(*f));
	assert_int_equal(pk_pipeline_new(&f->p, &conf), 0);
}

static union pk_addr addr(uint32_t n)
{
	return (union pk_addr){
		.b = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)n },
	};
}

static void flow(struct fixture *f, uint64_t ns, uint32_t src, uint8_t proto)
{
	struct pk_flow r = { .head = { .type = PK_RECORD_FLOW,
				       .len = sizeof(r),
				       .plane = PK_PLANE_DPDK,
				       .sampling = 1,
				       .seen_ns = ns },
			     .start_ns = START,
			     .end_ns = ns };

	r.key.src = addr(src);
	r.key.dst = addr(99);
	r.key.proto = proto;
	r.listed[0] = proto == UDP;
	pk_pipeline_record(f->p, &r.head);
}

static void rule_comes_and_goes(struct fixture *f)
{
	f->deny = 1;
	pk_pipeline_suppress(f->p);
	f->deny = 0;
}

static void matches_behind_a_rule_are_of_another_threat(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, 0);
	for (uint64_t i = 0; i < 6; i++)
		flow(&f, START, 1, TCP);
	assert_int_equal(f.opened, 1);
	for (int i = 0; i < 3; i++) { /* in the same instant, too */
		rule_comes_and_goes(&f);
		flow(&f, START, 1, TCP);
	}
	assert_int_equal(f.opened, 4);
	flow(&f, START + 5 * SEC, 1, TCP);
	rule_comes_and_goes(&f);
	flow(&f, START + 6 * SEC, 1, TCP);
	assert_int_equal(f.opened, 5);
	assert_int_equal(f.threat[4].first_ns, START + 5 * SEC);
	pk_pipeline_free(f.p);
}

static void matches_behind_an_early_end_are_of_another_threat(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, 1);
	for (uint64_t i = 0; i < 6; i++)
		flow(&f, START + i, 1, TCP);
	for (uint64_t i = 0; i < 6; i++)
		flow(&f, START + SEC + i, 2, TCP);
	assert_int_equal(f.opened, 2);
	assert_int_equal(f.threat[1].first_ns, START + SEC);
	for (uint64_t i = 0; i < 20; i++)
		flow(&f, START + 2 * SEC + i / 4, 1 + i % 2, TCP);
	assert_int_equal(f.opened, 22);
	pk_pipeline_free(f.p);
}

/* Each export of a long flow says the start of the first. */
static void a_flow_that_repeats_its_start_is_of_another_threat(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, 0);
	flow(&f, START + 60 * SEC, 1, UDP);
	assert_int_equal(f.threat[0].first_ns, START);
	rule_comes_and_goes(&f);
	flow(&f, START + 120 * SEC, 1, UDP);
	assert_int_equal(f.opened, 2);
	assert_int_equal(f.threat[1].first_ns, START + 60 * SEC);
	flow(&f, START + 120 * SEC, 2, UDP); /* another's are as they were */
	assert_int_equal(f.threat[2].first_ns, START);
	pk_pipeline_free(f.p);
	set_up(&f, 1);
	for (uint32_t i = 0; i < 10; i++)
		flow(&f, START + (1 + i / 3) * SEC, 1 + i % 2, UDP);
	assert_int_equal(f.opened, 10);
	pk_pipeline_free(f.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_behind_a_rule_are_of_another_threat),
		cmocka_unit_test(
			matches_behind_an_early_end_are_of_another_threat),
		cmocka_unit_test(
			a_flow_that_repeats_its_start_is_of_another_threat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
