/* SPDX-License-Identifier: BSD-2-Clause */
/* Open threats that a rule closes in slices. */
#include "control/threat_pass.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEC   1000000000ULL
#define START (1700000000 * SEC)

enum { MANY = 5000, SLICE = 7 };

struct fixture {
	struct pk_threats *threats;
	int closed;
	uint32_t order[MANY]; /* offenders of the closed */
	unsigned last;	      /* questions just before a close */
	int never;
};

static uint32_t number(const union pk_addr *a)
{
	return (uint32_t)(a->b[14] << 8 | a->b[15]);
}

static void listen(void *arg, const struct pk_threat *t)
{
	struct fixture *f = arg;

	if (t->state == PK_THREAT_CLOSED)
		f->order[f->closed++] = number(&t->offender);
}

static int odd(void *arg, const struct pk_threat_subject *s, int last)
{
	struct fixture *f = arg;

	f->last += (unsigned)last;
	return number(s->offender) % 2 && !(last && f->never);
}

static void hit(struct fixture *f, uint64_t ns, uint32_t n)
{
	struct pk_hit h = { .head = { .type = PK_RECORD_HIT,
				      .len = pk_hit_len(0),
				      .sampling = 1,
				      .seen_ns = ns },
			    .role = PK_ROLE_SOURCE };

	h.packet.key.src = (union pk_addr){
		.b = { [10] = 0xff, 0xff, 10, 0, (uint8_t)(n >> 8), (uint8_t)n }
	};
	h.packet.key.proto = 6;
	pk_threats_hit(f->threats, &h);
}

static void set_up(struct fixture *f)
{
	const struct pk_threats_conf conf = {
		.sensor = "s", .seed = 7, .sink = listen, .sink_arg = f
	};

	memset(f, 0, sizeof(*f));
	assert_int_equal(pk_threats_new(&f->threats, &conf), 0);
	for (uint32_t i = 0; i < MANY; i++)
		hit(f, START + i, i);
}

static struct pk_threat_pass *looked(struct fixture *f)
{
	const struct pk_threat_pass_conf conf = { .threats = f->threats,
						  .want = odd,
						  .arg = f };
	struct pk_threat_pass *p;
	int ret, slices = 0;

	assert_int_equal(pk_threat_pass_new(&p, &conf), 0);
	while ((ret = pk_threat_pass_look(p)) > 0)
		slices++;
	assert_int_equal(ret, 0);
	assert_true(slices > 10);
	pk_threat_pass_sort(p);
	return p;
}

static void matches_close_in_order_of_opening(void **state)
{
	struct pk_threat_counters c;
	struct pk_threat_pass *p;
	struct fixture f;
	int ret, before;

	(void)state;
	set_up(&f);
	p = looked(&f);
	assert_int_equal(f.closed, 0);
	do {
		before = f.closed;
		ret = pk_threat_pass_close(p, SLICE);
		assert_in_range(f.closed - before, 0, SLICE);
	} while (ret > 0);
	assert_int_equal(ret, 0);
	assert_int_equal(f.closed, MANY / 2);
	assert_int_equal(pk_threat_pass_closed(p), MANY / 2);
	for (int i = 0; i < f.closed; i++)
		assert_int_equal(f.order[i], 2 * i + 1);
	pk_threats_count(f.threats, &c);
	assert_int_equal(c.closed_suppressed, MANY / 2);
	assert_int_equal(c.open, MANY - MANY / 2);
	pk_threat_pass_free(p);
	pk_threats_free(f.threats);
}

/* What closes by itself and opens again is another, and not of this pass. */
static void threats_may_come_and_go_meanwhile(void **state)
{
	struct pk_threat_pass *p;
	struct fixture f;

	(void)state;
	set_up(&f);
	p = looked(&f);
	assert_int_equal(pk_threat_pass_close(p, SLICE), 1);
	pk_threats_advance(f.threats, START + 600 * SEC + 100);
	assert_int_equal(f.closed, 101);
	hit(&f, START + 600 * SEC + 101, 51);
	while (pk_threat_pass_close(p, SLICE) > 0)
		;
	assert_int_equal(pk_threat_pass_closed(p), MANY / 2 - 50 + 7 - 1);
	pk_threat_pass_free(p);
	pk_threats_free(f.threats);
}

/* The rule may be deleted meanwhile. */
static void each_is_asked_again_before_it_is_closed(void **state)
{
	struct pk_threat_pass *p;
	struct fixture f;

	(void)state;
	set_up(&f);
	p = looked(&f);
	f.never = 1;
	assert_int_equal(pk_threat_pass_close(p, SLICE), 0);
	assert_int_equal(f.last, MANY / 2);
	assert_int_equal(f.closed, 0);
	pk_threat_pass_free(p);
	pk_threats_free(f.threats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_close_in_order_of_opening),
		cmocka_unit_test(threats_may_come_and_go_meanwhile),
		cmocka_unit_test(each_is_asked_again_before_it_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
