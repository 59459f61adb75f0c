/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who sends what hides a datagram: forged fragments that never arrive, such as
 * agree with each other, and such as cost a lot.
 */
#include "dataplane/inspect/fragments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fragments_table.h"

enum { ALL = 280 };

/* The @n-th forged copy, from far away: no two have the same bytes. */
static struct shape forged(uint32_t n, uint32_t from, uint32_t to, int more)
{
	static uint8_t bytes[DATA];
	struct shape s = part(1, from, to, more);

	memcpy(bytes, others, sizeof(bytes));
	bytes[from] = (uint8_t)n;
	s.data = bytes + from;
	s.ttl = 1;
	return s;
}

static uint32_t emitted; /* all of it */

static void count(void *arg, const struct pk_datagram *d)
{
	emitted++;
	keep(arg, d);
}

static struct rig *open_counting(void)
{
	struct rig *r = open_rig(0, 0);

	emitted = 0;
	pk_fragments_on_emit(r->f, count, r);
	return r;
}

/* --- agreeing ones ------------------------------------------------------------ */

static void agreeing_overlaps_are_no_contradictions(void **state)
{
	struct rig *r = open_rig(0, 0);
	uint32_t at = 0;

	(void)state;
	for (; at <= 128; at += 8)
		add(r, part(1, at, at + 16, 1));
	for (; at + 24 < ALL; at += 16)
		add(r, part(1, at, at + 24, 1));
	assert_int_equal(r->count.frag_quota, 0);
	add(r, part(1, at, ALL, 0));
	assert_int_equal(r->n, 1);
	assert_true(made(r, 1, letters, ALL));
	assert_int_equal(r->count.frag_overlap, 0);
	close_rig(r);
}

/* Any number of them, in any order, is cut to what is new. */
static void agreeing_overlaps_are_cut_to_what_is_new(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 64, 128, 1));
	for (uint32_t i = 0; i < 200; i++)
		add(r, part(1, 64 + i % 7 * 8, 128, 1));
	assert_int_equal(r->count.frag_resident, 1);
	/* on both sides: what lies in it is a copy of it */
	add(r, part(1, 32, 160, 1));
	assert_int_equal(r->count.frag_resident, 1);
	assert_int_equal(r->count.frag_duplicate, 201);
	add(r, part(1, 0, 40, 1));
	add(r, part(1, 152, 200, 0));
	assert_int_equal(r->n, 1);
	assert_true(made(r, 1, letters, 200));
	assert_int_equal(r->count.frag_used, 3);
	assert_int_equal(r->count.frag_quota, 0);
	close_rig(r);
}

/* All its bytes are there, but who says that it ends there? */
static void an_end_without_new_bytes_is_an_end(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 64, 1));
	add(r, part(1, 64, 128, 1));
	add(r, part(1, 32, 128, 0));
	assert_int_equal(r->n, 1);
	assert_true(made(r, 1, letters, 128));
	close_rig(r);
}

/* Two forged ones that came before the true ones: so the TTL alone tells. */
static void add_two_places(struct rig *r, uint32_t at)
{
	for (uint32_t i = 0; i < 2; i++, at += 8) {
		add(r, forged(1, at, at + 8, 1));
		add(r, part(1, at, at + 8, 1));
	}
	add(r, part(1, at, at + 8, 0));
}

/* One from near agrees with one from far away, in part. */
static void what_agrees_is_as_near_as_the_nearest(void **state)
{
	struct rig *r = open_rig(0, 0);
	struct shape s = part(1, 8, 24, 1);

	(void)state;
	s.ttl = 2;
	add(r, part(1, 0, 8, 1));
	add(r, s);
	add(r, part(1, 16, 32, 1));
	s = other(1, 16, 24, 1);
	s.ttl = 3;
	add(r, s);
	add_two_places(r, 32);
	assert_true(made(r, 1, letters, 56));
	close_rig(r);
}

/* One from far away has it in the middle. */
static void what_lies_in_another_makes_it_as_near(void **state)
{
	struct rig *r = open_rig(0, 0);
	struct shape s = part(1, 8, 32, 1);

	(void)state;
	s.ttl = 2;
	add(r, part(1, 0, 8, 1));
	add(r, part(1, 16, 24, 1));
	add(r, s);
	assert_int_equal(r->count.frag_duplicate, 1);
	s = other(1, 16, 24, 1);
	s.ttl = 3;
	add(r, s);
	add_two_places(r, 32);
	assert_true(made(r, 1, letters, 56));
	close_rig(r);
}

/* --- forged ones ---------------------------------------------------------------- */

static void forged_beginnings_displace_no_true_one(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 8, 1));
	add(r, part(1, 8, 272, 1));
	for (uint32_t n = 0; n < 40; n++)
		add(r, forged(n, 0, 8, 1));
	assert_int_equal(r->count.frag_displaced, 40 - PK_FRAGMENT_OVERLAPS);
	add(r, part(1, 272, ALL, 0));
	assert_true(made(r, 1, letters, ALL));
	close_rig(r);
}

/* The forged one was the first to come: the true one goes, but is judged. */
static void what_is_displaced_was_judged_with_the_rest(void **state)
{
	struct rig *r = open_rig(0, 0);
	struct shape run = part(1, 0, 272, 1), first = part(1, 0, 8, 1);
	uint8_t frame[RIG_FRAME];
	uint32_t found = 0;
	uint64_t h;

	(void)state;
	first.ttl = run.ttl = 1;
	h = twin_hash(frame, rig_build(&run, frame));
	add(r, forged(99, 0, 8, 1));
	add(r, first);
	add(r, part(1, 8, 272, 1));
	for (uint32_t n = 0; n < PK_FRAGMENT_OVERLAPS; n++) {
		add(r, forged(n, 0, 8, 1));
		for (uint32_t i = 0; i < r->n; i++)
			found += r->hash[i] == h;
	}
	assert_int_equal(found, 1);
	assert_int_equal(r->count.frag_displaced, 1);
	assert_int_equal(r->count.frag_runs, 1);
	close_rig(r);
}

static void the_true_end_is_judged_after_any_number(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 8, 1));
	for (uint32_t n = 0; n < 50; n++) {
		add(r, forged(n, 8, ALL, 0));
		assert_true(r->n > 0);
	}
	add(r, part(1, 8, ALL, 0));
	assert_true(made(r, 1, letters, ALL));
	assert_int_equal(r->count.frag_quota, 0); /* they were used */
	close_rig(r);
}

/* As many as there may be, the last of them forged. */
static void the_true_end_is_judged_when_there_is_no_room(void **state)
{
	const uint32_t end = 8 * PK_FRAGMENTS_EACH;
	struct rig *r = open_rig(0, 0);

	(void)state;
	for (uint32_t at = 0; at + 8 < end; at += 8)
		add(r, part(1, at, at + 8, 1));
	add(r, forged(1, end - 8, end, 0));
	assert_int_equal(r->n, 1);
	add(r, part(1, end - 8, end, 0));
	assert_true(made(r, 1, letters, end));
	close_rig(r);
}

/* One that never arrives drops the datagram, for us alone. */
static void d14_an_ipv6_datagram_is_judged_before_it_is_dropped(void **state)
{
	struct rig *r = open_rig(0, 0);
	struct shape run = six(part(1, 0, 272, 1));
	uint8_t frame[RIG_FRAME];
	uint64_t h = twin_hash(frame, rig_build(&run, frame));
	uint32_t found = 0;

	(void)state;
	add(r, six(part(1, 0, 8, 1)));
	add(r, six(part(1, 8, 272, 1)));
	add(r, six(forged(1, 8, 272, 1)));
	for (uint32_t i = 0; i < r->n; i++)
		found += r->hash[i] == h;
	assert_int_equal(found, 1);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->count.frag_dropped, 3);
	assert_int_equal(r->count.frag_resident, 0);
	close_rig(r);
}

/* --- what it costs ---------------------------------------------------------------- */

/* 111 pieces of eight bytes, and 16 that contradict them all. */
static void one_contradiction_raises_itself_alone(void **state)
{
	enum { PIECES = 111, BYTES = 8 * PIECES };
	struct rig *r = open_counting();

	(void)state;
	for (uint32_t at = 0; at < BYTES; at += 8)
		add(r, part(1, at, at + 8, at + 8 < BYTES));
	emitted = 0;
	for (uint32_t n = 0; n < PK_FRAGMENT_OVERLAPS; n++) {
		uint32_t before = emitted;

		add(r, forged(n, 0, BYTES - 8, 1));
		/* beginnings, six rules, and itself over two of them */
		assert_int_equal(emitted - before, n + 2 + 6 + 2);
	}
	close_rig(r);
}

/* Whatever comes: so many at a time, and no more. */
static void what_is_emitted_at_a_time_is_bounded(void **state)
{
	struct rig *r = open_counting();

	(void)state;
	for (uint32_t at = 0; at < 800; at += 8)
		add(r, part(1, at, at + 8, 1));
	for (uint32_t n = 0; n < PK_FRAGMENT_OVERLAPS; n++)
		add(r, forged(n, 0, 800, 1));
	assert_int_equal(emitted, 0);
	add(r, part(1, 800, 808, 0));
	assert_true(emitted > 0 && emitted <= PK_FRAGMENT_EMITS);
	close_rig(r);
}

/* Short ones against a long one are refused once they cost too much. */
static void a_long_datagram_is_not_judged_for_ever(void **state)
{
	enum { BYTES = 64000, SENT = 2000 };
	struct rig *r = open_counting();
	uint64_t before;

	(void)state;
	for (uint32_t at = 0; at < BYTES; at += 1600)
		add(r, part(1, at, at + 1600, at + 1600 < BYTES));
	assert_int_equal(r->n, 1);
	before = r->count.frag_datagrams;
	for (uint32_t n = 0; n < SENT; n++)
		add(r, forged(n, 8 + n % 256 * 8, 16 + n % 256 * 8, 1));
	assert_true(r->count.frag_datagrams - before < 50);
	assert_int_equal(r->count.frag_datagrams - before +
				 r->count.frag_quota + r->count.frag_duplicate,
			 SENT);
	/* A short one is, as often as it earns. */
	close_after(r, 62);
	before = r->count.frag_quota;
	add(r, part(1, 0, 8, 1));
	add(r, part(1, 8, 48, 0));
	for (uint32_t n = 0; n < SENT; n++)
		add(r, forged(n + (n >> 8), n & 256 ? 16 : 8, 24, 1));
	assert_int_equal(r->count.frag_quota, before);
	close_rig(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agreeing_overlaps_are_no_contradictions),
		cmocka_unit_test(agreeing_overlaps_are_cut_to_what_is_new),
		cmocka_unit_test(an_end_without_new_bytes_is_an_end),
		cmocka_unit_test(what_agrees_is_as_near_as_the_nearest),
		cmocka_unit_test(what_lies_in_another_makes_it_as_near),
		cmocka_unit_test(forged_beginnings_displace_no_true_one),
		cmocka_unit_test(what_is_displaced_was_judged_with_the_rest),
		cmocka_unit_test(the_true_end_is_judged_after_any_number),
		cmocka_unit_test(the_true_end_is_judged_when_there_is_no_room),
		cmocka_unit_test(
			d14_an_ipv6_datagram_is_judged_before_it_is_dropped),
		cmocka_unit_test(one_contradiction_raises_itself_alone),
		cmocka_unit_test(what_is_emitted_at_a_time_is_bounded),
		cmocka_unit_test(a_long_datagram_is_not_judged_for_ever),
	};

	fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
