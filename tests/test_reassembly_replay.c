/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/reassembly.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/reassembly_rig.h"
#include "tools/gen/splitmix.h"

enum { SENT = 8000 };

/* --- replay ---------------------------------------------------------------------------- */

struct sent {
	union rig_sample *sample;
	uint32_t n;
};

/* Fragments of few datagrams, over some ticks, in their order. */
static void record(struct sent *sent)
{
	static uint8_t bad[48], good[48];
	uint64_t random = 9, now = 1700000000ULL * 1000000000ULL;
	uint8_t frame[RIG_FRAME];

	put_question(bad, "bad.example", sizeof(bad));
	put_question(good, "baz.example", sizeof(good));
	sent->sample = calloc(SENT, sizeof(*sent->sample));
	assert_non_null(sent->sample);
	for (sent->n = 0; sent->n < SENT; sent->n++) {
		union rig_sample *s = &sent->sample[sent->n];
		uint64_t n = pk_splitmix_next(&random);
		uint32_t at = (uint32_t)(n >> 8) % 6 * 8;
		struct shape shape =
			part(n & 1 ? bad : good, at, at + 8, at < 40);

		shape.src = (uint32_t)(n >> 16) % 3;
		shape.id = (n >> 20) % 8 ? (n >> 24) % 12 : 10 + sent->n;
		now += (n >> 24) % 20000000;
		rig_sample(&s->e, frame, rig_build(&shape, frame));
		s->e.time_ns = now;
		s->e.frame = sent->n + 1;
	}
}

/* Each tick's samples in an order of its own. */
static struct rig *replay(const struct sent *sent, uint64_t random)
{
	uint32_t *order = calloc(SENT, sizeof(*order)), first = 0;
	struct rig *r = open_rig(1);

	assert_non_null(order);
	while (first < sent->n) {
		uint32_t tick = pk_tick(sent->sample[first].e.time_ns), n = 0;

		while (first + n < sent->n &&
		       pk_tick(sent->sample[first + n].e.time_ns) == tick) {
			order[n] = first + n;
			n++;
		}
		for (uint32_t i = 0; random && i < n; i++) {
			uint32_t j = i + (uint32_t)(pk_splitmix_next(&random) %
						    (n - i));
			uint32_t t = order[j];

			order[j] = order[i];
			order[i] = t;
		}
		for (uint32_t i = 0; i < n; i++)
			pk_reassembly_sample(r->r, &sent->sample[order[i]].e);
		first += n;
		/* not every tick is closed by itself */
		if (tick % 3 == random % 3)
			pk_reassembly_close(r->r, tick + 1);
	}
	pk_reassembly_close(r->r,
			    pk_tick(sent->sample[first - 1].e.time_ns) + 1);
	pk_reassembly_drain(r->r);
	free(order);
	return r;
}

static void replay_gives_the_same_for_any_order_within_ticks(void **state)
{
	struct sent sent;
	struct rig *a;

	(void)state;
	record(&sent);
	a = replay(&sent, 0);
	assert_true(a->hits > 50);
	assert_true(a->count.frag_expired > 100);
	for (uint64_t seed = 1; seed < 8; seed++) {
		struct rig *b = replay(&sent, seed);

		assert_int_equal(a->hits, b->hits);
		assert_memory_equal(a->hit, b->hit, a->hits * sizeof(*a->hit));
		assert_memory_equal(&a->count, &b->count, sizeof(a->count));
		close_rig(b);
	}
	assert_int_equal(a->count.frag_early, 0);
	close_rig(a);
	free(sent.sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			replay_gives_the_same_for_any_order_within_ticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
