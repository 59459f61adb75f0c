/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RINGS = 3, RING_BYTES = 1 << 20 };

#define MS   1000000ULL
#define HOUR (3600000 * MS)

struct fixture {
	struct pk_merge *merge;
	struct pk_ring *in[RINGS];  /* the merge's side */
	struct pk_ring *out[RINGS]; /* the producer's */
	uint64_t seq[RINGS];
	int source[RINGS];
};

static void set_up(struct fixture *f, enum pk_merge_mode mode)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(pk_merge_new(&f->merge, mode), 0);
	for (int i = 0; i < RINGS; i++) {
		assert_int_equal(pk_ring_new(&f->in[i], RING_BYTES), 0);
		assert_int_equal(pk_ring_join(&f->out[i], pk_ring_fd(f->in[i]),
					      pk_ring_eventfd(f->in[i])),
				 0);
		f->source[i] = pk_merge_add(f->merge, f->in[i]);
		assert_int_equal(f->source[i], i);
	}
}

static void tear_down(struct fixture *f)
{
	pk_merge_free(f->merge);
	for (int i = 0; i < RINGS; i++) {
		pk_ring_free(f->in[i]);
		pk_ring_free(f->out[i]);
	}
}

static void push(struct fixture *f, int ring, struct pk_record *r, size_t len)
{
	r->len = (uint16_t)len;
	r->sampling = 1;
	r->epoch = r->epoch ? r->epoch : 1;
	if (!r->seq)
		r->seq = ++f->seq[ring];
	assert_int_equal(pk_ring_push(f->out[ring], r, (uint32_t)len), 0);
}

static void hit(struct fixture *f, int ring, uint64_t ns, uint64_t frame,
		uint8_t role)
{
	struct pk_hit h = { .head = { .type = PK_RECORD_HIT,
				      .seen_ns = ns,
				      .frame = frame },
			    .role = role };

	push(f, ring, &h.head, pk_hit_len(0));
}

static void flow(struct fixture *f, int ring, uint64_t ns, uint16_t sport)
{
	struct pk_flow r = { .head = { .type = PK_RECORD_FLOW,
				       .seen_ns = ns } };

	r.key.sport = sport;
	push(f, ring, &r.head, sizeof(r));
}

static void control(struct fixture *f, int ring, uint16_t type, uint64_t ns)
{
	struct pk_record r = { .type = type, .seen_ns = ns };

	push(f, ring, &r, sizeof(r));
}

static void end_all(struct fixture *f)
{
	for (int i = 0; i < RINGS; i++)
		control(f, i, PK_RECORD_END, 0);
}

static const struct pk_record *next(struct fixture *f, uint64_t now)
{
	const struct pk_record *r = NULL;

	return pk_merge_next(f->merge, now, &r) ? r : NULL;
}

static void expect(struct fixture *f, uint64_t now, uint16_t type, uint64_t ns)
{
	const struct pk_record *r = next(f, now);

	assert_non_null(r);
	assert_int_equal(r->type, type);
	assert_int_equal(r->seen_ns, ns);
}

static void a_replay_waits_for_the_slowest_mark(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, PK_MERGE_REPLAY);
	hit(&f, 0, 5, 1, 0);
	assert_null(next(&f, UINT64_MAX));
	control(&f, 0, PK_RECORD_MARK, 10);
	control(&f, 1, PK_RECORD_MARK, 10);
	assert_null(next(&f, UINT64_MAX));
	control(&f, 2, PK_RECORD_MARK, 5); /* its next one may be at 5 */
	assert_null(next(&f, UINT64_MAX));
	flow(&f, 2, 5, 1);
	control(&f, 2, PK_RECORD_MARK, 6);
	expect(&f, 0, PK_RECORD_FLOW, 5);
	expect(&f, 0, PK_RECORD_HIT, 5);
	assert_null(next(&f, UINT64_MAX));
	assert_false(pk_merge_ended(f.merge));
	end_all(&f);
	assert_null(next(&f, 0));
	assert_true(pk_merge_ended(f.merge));
	tear_down(&f);
}

static void orders_by_time_type_frame_role_source(void **state)
{
	static const struct {
		int ring;
		uint64_t frame;
		uint8_t role;
	} wanted[] = { { 2, 1, 0 }, { 1, 1, 1 }, { 0, 2, 0 }, { 0, 2, 1 },
		       { 0, 2, 2 }, { 1, 2, 2 }, { 0, 3, 0 } };
	struct fixture f;

	(void)state;
	set_up(&f, PK_MERGE_REPLAY);
	for (size_t i = sizeof(wanted) / sizeof(*wanted); i-- > 0;)
		hit(&f, wanted[i].ring, 7, wanted[i].frame, wanted[i].role);
	flow(&f, 1, 7, 0);
	flow(&f, 1, 6, 0);
	end_all(&f);
	expect(&f, 0, PK_RECORD_FLOW, 6);
	expect(&f, 0, PK_RECORD_FLOW, 7);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		const struct pk_hit *h = (const struct pk_hit *)next(&f, 0);

		assert_non_null(h);
		assert_int_equal(h->head.frame, wanted[i].frame);
		assert_int_equal(h->role, wanted[i].role);
	}
	assert_null(next(&f, 0));
	tear_down(&f);
}

static void flows_of_one_time_keep_their_order(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, PK_MERGE_REPLAY);
	for (uint16_t i = 0; i < 1000; i++)
		flow(&f, 1, 9, i);
	end_all(&f);
	for (uint16_t i = 0; i < 1000; i++) {
		const struct pk_flow *r = (const struct pk_flow *)next(&f, 0);

		assert_non_null(r);
		assert_int_equal(r->key.sport, i);
	}
	tear_down(&f);
}

struct plan {
	uint64_t ns, frame;
	uint8_t role;
};

static int by_plan(const void *a, const void *b)
{
	const struct plan *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	if (x->frame != y->frame)
		return x->frame < y->frame ? -1 : 1;
	return x->role - y->role;
}

/* The slow twin sorts; the spread over rings and their order are random. */
static void any_spread_gives_the_sorted_list(void **state)
{
	enum { N = 900 };
	struct plan plan[N];

	(void)state;
	srandom(7);
	for (int round = 0; round < 20; round++) {
		struct fixture f;

		set_up(&f, PK_MERGE_REPLAY);
		for (int i = 0; i < N; i++) {
			plan[i].ns = (uint64_t)random() % 50 +
				     (uint64_t)(i / 300) * 50;
			plan[i].frame = (uint64_t)i / 2;
			plan[i].role = (uint8_t)(i % 2);
			hit(&f, (int)(random() % RINGS), plan[i].ns,
			    plan[i].frame, plan[i].role);
			if (i % 300 == 299)
				for (int r = 0; r < RINGS; r++)
					control(&f, r, PK_RECORD_MARK,
						(uint64_t)(i / 300 + 1) * 50);
		}
		end_all(&f);
		qsort(plan, N, sizeof(*plan), by_plan);
		for (int i = 0; i < N; i++) {
			const struct pk_hit *h =
				(const struct pk_hit *)next(&f, 0);

			assert_non_null(h);
			assert_int_equal(h->head.seen_ns, plan[i].ns);
			assert_int_equal(h->head.frame, plan[i].frame);
			assert_int_equal(h->role, plan[i].role);
		}
		assert_true(pk_merge_ended(f.merge));
		tear_down(&f);
	}
}

static void live_holds_back_two_milliseconds(void **state)
{
	struct pk_merge_counters c;
	struct fixture f;

	(void)state;
	set_up(&f, PK_MERGE_LIVE);
	assert_int_equal(pk_merge_due_ns(f.merge), UINT64_MAX);
	hit(&f, 0, HOUR, 0, 0);
	assert_null(next(&f, HOUR + 2 * MS - 1));
	assert_int_equal(pk_merge_due_ns(f.merge), HOUR + 2 * MS);
	hit(&f, 1, HOUR - 1, 0, 0);
	expect(&f, HOUR + 2 * MS, PK_RECORD_HIT, HOUR - 1);
	expect(&f, HOUR + 2 * MS, PK_RECORD_HIT, HOUR);
	hit(&f, 2, HOUR - 5, 0, 0); /* too late to be in order */
	expect(&f, HOUR + 2 * MS, PK_RECORD_HIT, HOUR - 5);
	pk_merge_count(f.merge, &c);
	assert_int_equal(c.late, 1);
	tear_down(&f);
}

static void live_does_not_wait_where_all_have_marked(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, PK_MERGE_LIVE);
	hit(&f, 0, HOUR, 0, 0);
	for (int i = 0; i < RINGS; i++)
		control(&f, i, PK_RECORD_MARK, HOUR + 1);
	expect(&f, HOUR, PK_RECORD_HIT, HOUR);
	tear_down(&f);
}

static void a_time_in_the_future_becomes_the_present(void **state)
{
	struct pk_merge_counters c;
	struct fixture f;

	(void)state;
	set_up(&f, PK_MERGE_LIVE);
	hit(&f, 0, UINT64_MAX, 0, 0);
	hit(&f, 0, HOUR + PK_MERGE_AHEAD_NS, 0, 0);
	assert_null(next(&f, HOUR));
	expect(&f, HOUR + 2 * MS, PK_RECORD_HIT, HOUR);
	assert_null(next(&f, HOUR + 2 * MS));
	pk_merge_count(f.merge, &c);
	assert_int_equal(c.ahead, 1);
	tear_down(&f);
}

static void sixteen_bad_entries_fence_a_source(void **state)
{
	const struct pk_merge_source *s;
	struct fixture f;

	(void)state;
	set_up(&f, PK_MERGE_REPLAY);
	s = pk_merge_source(f.merge, 0);
	for (int i = 0; i < PK_MERGE_BAD_MAX - 1; i++)
		control(&f, 0, PK_RECORD_TYPES, 1);
	assert_null(next(&f, 0));
	assert_false(s->fenced);
	control(&f, 0, PK_RECORD_TYPES, 1);
	hit(&f, 0, 1, 1, 0);
	hit(&f, 1, 2, 2, 0);
	control(&f, 1, PK_RECORD_END, 0);
	control(&f, 2, PK_RECORD_END, 0);
	expect(&f, 0, PK_RECORD_HIT, 2); /* and nobody waits for source 0 */
	assert_true(s->fenced);
	assert_int_equal(s->counters.bad, PK_MERGE_BAD_MAX);
	assert_true(pk_merge_ended(f.merge));
	tear_down(&f);
}

static void a_poisoned_ring_fences_its_source(void **state)
{
	uint8_t big[PK_RECORD_MAX + 8] = { 0 };
	struct fixture f;

	(void)state;
	set_up(&f, PK_MERGE_REPLAY);
	assert_int_equal(pk_ring_push(f.out[0], big, sizeof(big)), 0);
	assert_null(next(&f, 0));
	assert_true(pk_merge_source(f.merge, 0)->fenced);
	tear_down(&f);
}

static void missing_and_repeated_numbers_are_counted(void **state)
{
	static const struct {
		uint32_t epoch;
		uint64_t seq;
	} rows[] = { { 1, 1 }, { 1, 2 }, { 1, 5 }, { 1, 5 },
		     { 1, 4 }, { 2, 1 }, { 3, 2 } };
	const struct pk_merge_source *s;
	struct fixture f;

	(void)state;
	set_up(&f, PK_MERGE_REPLAY);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pk_record r = { .type = PK_RECORD_MARK,
				       .epoch = rows[i].epoch,
				       .seq = rows[i].seq };

		push(&f, 0, &r, sizeof(r));
	}
	assert_null(next(&f, 0));
	s = pk_merge_source(f.merge, 0);
	assert_int_equal(s->counters.gaps, 2 + 1);
	assert_int_equal(s->counters.repeats, 2);
	assert_int_equal(s->epoch, 3);
	tear_down(&f);
}

static void a_deleted_source_stays_in_the_sums(void **state)
{
	struct pk_merge_counters c;
	struct fixture f;

	(void)state;
	set_up(&f, PK_MERGE_REPLAY);
	hit(&f, 0, 3, 1, 0);
	hit(&f, 1, 4, 2, 0);
	assert_null(next(&f, 0));
	pk_merge_del(f.merge, 0);
	assert_null(pk_merge_source(f.merge, 0));
	pk_merge_count(f.merge, &c);
	assert_int_equal(c.waiting, 2);
	assert_int_equal(pk_merge_add(f.merge, f.in[0]), 0);
	control(&f, 0, PK_RECORD_END, 0);
	control(&f, 1, PK_RECORD_END, 0);
	control(&f, 2, PK_RECORD_END, 0);
	expect(&f, 0, PK_RECORD_HIT, 3);
	expect(&f, 0, PK_RECORD_HIT, 4);
	assert_int_equal(pk_merge_source(f.merge, 0)->counters.released, 0);
	pk_merge_count(f.merge, &c);
	assert_int_equal(c.waiting, 0);
	assert_int_equal(c.released, 2);
	assert_int_equal(c.read, c.released + c.marks + c.bad + c.no_memory);
	tear_down(&f);
}

static void takes_no_more_than_sixty_four_sources(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, PK_MERGE_LIVE);
	for (int i = RINGS; i < PK_MERGE_SOURCES; i++)
		assert_int_equal(pk_merge_add(f.merge, f.in[0]), i);
	assert_true(pk_merge_add(f.merge, f.in[0]) < 0);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replay_waits_for_the_slowest_mark),
		cmocka_unit_test(orders_by_time_type_frame_role_source),
		cmocka_unit_test(flows_of_one_time_keep_their_order),
		cmocka_unit_test(any_spread_gives_the_sorted_list),
		cmocka_unit_test(live_holds_back_two_milliseconds),
		cmocka_unit_test(live_does_not_wait_where_all_have_marked),
		cmocka_unit_test(a_time_in_the_future_becomes_the_present),
		cmocka_unit_test(sixteen_bad_entries_fence_a_source),
		cmocka_unit_test(a_poisoned_ring_fences_its_source),
		cmocka_unit_test(missing_and_repeated_numbers_are_counted),
		cmocka_unit_test(a_deleted_source_stays_in_the_sums),
		cmocka_unit_test(takes_no_more_than_sixty_four_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
