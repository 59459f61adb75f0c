/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a datagram that is done, forged copies, and datagrams that are never
 * whole come to.
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

enum { HALF = 1480, ALL = 2000 };

/* Bytes of the letters, with some of others, one range a word: from << 16 | to. */
static const uint8_t *mix(const uint32_t *range, uint32_t n)
{
	static uint8_t bytes[DATA];

	memcpy(bytes, letters, sizeof(bytes));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = range[i] >> 16, to = range[i] & 0xffff;

		memcpy(bytes + from, others + from, to - from);
	}
	return bytes;
}

static uint8_t thirds[DATA];

/* The same place with bytes that neither have. */
static struct shape third(uint32_t id, uint32_t from, uint32_t to, int more)
{
	struct shape s = part(id, from, to, more);

	memset(thirds, '!', sizeof(thirds));
	s.data = thirds + from;
	return s;
}

static struct shape near(struct shape s)
{
	s.ttl = 64;
	return s;
}

static struct shape far(struct shape s)
{
	s.ttl = 2;
	return s;
}

/* --- it is done, and contradicted -------------------------------------------- */

static void d14_what_completed_a_datagram_may_be_forged(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, HALF, 1));
	add(r, other(1, HALF, ALL, 0));
	assert_int_equal(r->n, 1);
	assert_int_equal(r->count.frag_used, 2);
	assert_int_equal(r->count.frag_resident, 0);
	add(r, part(1, HALF, ALL, 0));
	assert_true(made(r, 1, letters, ALL));
	assert_int_equal(r->begun, 1);
	assert_int_equal(r->count.frag_overlap, 1);
	assert_int_equal(r->count.frag_used, 3);
	/* Copies of both, and what agrees with them, say nothing new. */
	add(r, part(1, HALF, ALL, 0));
	add(r, other(1, HALF, ALL, 0));
	add(r, part(1, 0, 800, 1));
	assert_int_equal(r->n, 0);
	assert_int_equal(r->count.frag_duplicate, 3);
	close_rig(r);
}

/* The forged end is another one. */
static void d14_an_end_may_be_forged(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, HALF, 1));
	add(r, other(1, HALF, HALF + 8, 0));
	assert_int_equal(r->n, 1);
	add(r, part(1, HALF, ALL, 0));
	assert_true(made(r, 1, letters, ALL));
	add(r, other(2, 16, 24, 0));
	add(r, part(2, 0, 16, 1));
	assert_int_equal(r->n, 1);
	add(r, part(2, 24, 32, 0));
	add(r, part(2, 16, 24, 1));
	assert_true(made(r, 2, letters, 32));
	close_rig(r);
}

static void d14_an_ipv6_datagram_that_is_done_may_be_dropped(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, six(part(1, 0, HALF, 1)));
	add(r, six(part(1, HALF, ALL, 0)));
	assert_int_equal(r->n, 1);
	add(r, six(other(1, HALF, ALL, 0)));
	assert_int_equal(r->n, 2); /* it is judged, but not kept */
	assert_int_equal(r->count.frag_overlap, 1);
	assert_int_equal(r->count.frag_dropped, 1);
	assert_int_equal(r->count.frag_used, 2); /* it was judged */
	add(r, six(part(1, 0, HALF, 1)));
	add(r, six(part(1, HALF, ALL, 0)));
	assert_int_equal(r->n, 0);
	assert_int_equal(r->count.frag_dropped, 3);
	close_rig(r);
}

static void what_is_done_stays_as_long_as_what_waits(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, HALF, 1));
	add(r, other(1, HALF, ALL, 0));
	close_after(r, 58);
	add(r, part(1, HALF, ALL, 0));
	assert_true(made(r, 1, letters, ALL));
	/* A contradiction begins its time anew. */
	close_after(r, 58);
	add(r, third(1, HALF, ALL, 0));
	assert_int_equal(r->n, 2); /* the second was raised when it came */
	close_after(r, 62);
	add(r, part(1, HALF, ALL, 0));
	assert_int_equal(r->n, 0);
	assert_int_equal(r->count.frag_resident, 1);
	assert_int_equal(r->count.frag_expired, 0);
	close_rig(r);
}

/* 16 blocks for a source: pairs of two are done, one of two waits. */
static void what_is_done_makes_room_before_what_waits(void **state)
{
	struct rig *r = open_rig(128, 512);

	(void)state;
	add(r, part(1, 0, 80, 1));
	for (uint32_t id = 2; id < 100; id++) {
		add(r, part(id, 0, 80, 1));
		add(r, part(id, 80, 160, 0));
		assert_int_equal(r->n, 1);
	}
	assert_int_equal(r->count.frag_evicted, 0);
	assert_true(r->count.frag_forgotten > 80);
	add(r, part(1, 80, 160, 0));
	assert_true(made(r, 1, letters, 160));
	/* The youngest of them are still there. */
	add(r, other(99, 80, 160, 0));
	assert_true(r->n == 2 && r->begun == 1);
	close_rig(r);
}

/* The same, when all is full and nobody has more than his share. */
static void what_is_done_makes_room_for_all(void **state)
{
	struct rig *r = open_rig(16384, 256);
	struct shape s = part(1, 0, 80, 1);

	(void)state;
	add(r, s);
	for (uint32_t src = 2; src < 2000; src++) {
		s.src = src;
		add(r, s);
		s.offset = 80, s.more = 0;
		add(r, s);
		assert_int_equal(r->n, 1);
		s.offset = 0, s.more = 1;
	}
	assert_int_equal(r->count.frag_evicted, 0);
	assert_true(r->count.frag_forgotten > 1000);
	add(r, part(1, 80, 160, 0));
	assert_true(made(r, 1, letters, 160));
	close_rig(r);
}

/* --- who is the true one? -------------------------------------------------------- */

static void the_one_in_the_middle_may_be_true(void **state)
{
	const uint32_t middle[] = { 8 << 16 | 16 };
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 8, 1));
	add(r, part(1, 8, 16, 1));
	add(r, other(1, 8, 16, 1));
	add(r, third(1, 8, 16, 1));
	add(r, part(1, 16, 24, 0));
	assert_int_equal(r->n, 3);
	assert_true(made(r, 1, letters, 24));
	assert_true(made(r, 1, mix(middle, 1), 24));
	close_rig(r);
}

/* Likewise of three ends, and of three beginnings. */
static void the_end_in_the_middle_may_be_true(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 24, 32, 0));
	add(r, part(1, 16, 24, 0));
	add(r, part(1, 8, 16, 0));
	add(r, part(1, 0, 8, 1));
	assert_true(made(r, 1, letters, 16));
	assert_true(made(r, 1, letters, 24));
	assert_true(made(r, 1, letters, 32));
	close_rig(r);
}

/* Forged ones before and behind each true one, in two places. */
static void what_comes_from_near_is_taken_together(void **state)
{
	const uint32_t both[] = { 8 << 16 | 24 };
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, near(part(1, 0, 8, 1)));
	for (uint32_t at = 8; at < 24; at += 8) {
		add(r, far(third(1, at, at + 8, 1)));
		add(r, near(other(1, at, at + 8, 1)));
		add(r, far(part(1, at, at + 8, 1)));
	}
	add(r, near(part(1, 24, 32, 0)));
	assert_true(made(r, 1, mix(both, 1), 32));
	close_rig(r);
}

/* Of a copy that came from farther away the true one is a copy. */
static void a_copy_is_as_near_as_its_nearest(void **state)
{
	const uint32_t both[] = { 8 << 16 | 24 };
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, near(part(1, 0, 8, 1)));
	for (uint32_t at = 8; at < 24; at += 8) {
		add(r, far(third(1, at, at + 8, 1)));
		add(r, far(other(1, at, at + 8, 1)));
		add(r, far(part(1, at, at + 8, 1)));
		add(r, near(other(1, at, at + 8, 1)));
	}
	add(r, near(part(1, 24, 32, 0)));
	assert_true(made(r, 1, mix(both, 1), 32));
	close_rig(r);
}

static void a_wrong_checksum_is_refused(void **state)
{
	struct rig *r = open_rig(0, 0);
	struct shape s = part(1, 0, 64, 1);
	uint8_t frame[RIG_FRAME];
	uint32_t len = rig_build(&s, frame), sum = 0;
	struct pk_fragment g;

	(void)state;
	for (uint32_t i = 0; i < RIG_IP4; i += 2)
		sum += pk_be16(frame + RIG_ETH + i);
	sum = (sum & 0xffff) + (sum >> 16);
	rig_put(frame + RIG_ETH + 10, ~sum & 0xffff, 2);
	assert_int_equal(pk_fragment_read(&g, frame, len, len), PK_FRAGMENT_OK);
	frame[RIG_ETH + 11]++;
	assert_int_equal(pk_fragment_read(&g, frame, len, len),
			 PK_FRAGMENT_CHECKSUM);
	pk_fragments_refuse(r->f, PK_FRAGMENT_CHECKSUM);
	assert_int_equal(r->count.frag_checksum, 1);
	/* One that is not filled in yet is no wrong one. */
	rig_put(frame + RIG_ETH + 10, 0, 2);
	assert_int_equal(pk_fragment_read(&g, frame, len, len), PK_FRAGMENT_OK);
	close_rig(r);
}

/* --- several beginnings ------------------------------------------------------------ */

static void every_first_fragment_is_judged_with_the_rest(void **state)
{
	const uint32_t head[] = { 0 << 16 | 24 };
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 24, 1));
	add(r, other(1, 0, 24, 1));
	add(r, third(1, 0, 24, 1));
	add(r, part(1, 24, 48, 0));
	assert_int_equal(r->n, 3);
	assert_int_equal(r->firsts, 3);
	assert_true(made(r, 1, letters, 48));
	assert_true(made(r, 1, mix(head, 1), 48));
	close_rig(r);
}

/* The n-th beginning: letters, one of which is a number. */
static struct shape numbered(uint32_t n)
{
	static uint8_t bytes[24];
	struct shape s = part(1, 0, 24, 1);

	memcpy(bytes, letters, sizeof(bytes));
	bytes[12] = (uint8_t)n;
	s.data = bytes;
	return s;
}

static int made_numbered(struct rig *r, uint32_t n)
{
	uint8_t bytes[48];

	memcpy(bytes, letters, sizeof(bytes));
	bytes[12] = (uint8_t)n;
	return made(r, 1, bytes, sizeof(bytes));
}

/* But never the eldest, which contradicted nobody. */
static void the_oldest_beginning_is_displaced_and_counted(void **state)
{
	enum { FIRSTS = PK_FRAGMENT_OVERLAPS + 3 };
	struct rig *r = open_rig(0, 0);
	uint32_t found = 0;

	(void)state;
	for (uint32_t n = 0; n < FIRSTS; n++)
		add(r, numbered(n));
	assert_int_equal(r->count.frag_displaced, 2);
	assert_int_equal(r->count.frag_quota, 2);
	add(r, part(1, 24, 48, 0));
	for (uint32_t n = 0; n < FIRSTS; n++) {
		assert_int_equal(made_numbered(r, n), !n || n >= 3);
		found += (uint32_t)made_numbered(r, n);
	}
	assert_int_equal(r->n, found);
	assert_int_equal(r->count.frag_resident, 0);
	close_rig(r);
}

/* A sender that gives all its datagrams the same name loses none. */
static void a_name_used_for_ever_is_judged_each_time(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	for (uint32_t n = 0; n < 100; n++) {
		struct shape s = numbered(n);

		add(r, s);
		s.offset = 24, s.more = 0;
		add(r, s);
		assert_true(r->n > 0);
	}
	assert_true(r->count.frag_displaced > 0);
	assert_int_equal(r->count.frag_quota, 0);
	close_rig(r);
}

/* --- never whole -------------------------------------------------------------------- */

/* What came out last: @len bytes of the letters behind the first one's header. */
static void expect_run(const struct rig *r, uint32_t id, uint32_t len)
{
	struct shape s = part(id, 0, len, 1);
	uint8_t frame[RIG_FRAME];
	uint32_t n = rig_build(&s, frame);

	assert_int_equal(r->n, 1);
	assert_int_equal(r->len, n);
	assert_memory_equal(r->frame, frame, n);
}

static void the_beginning_of_what_expires_is_judged(void **state)
{
	struct rig *r = open_rig(0, 0);
	uint64_t born = r->now_ns + 1000;

	(void)state;
	for (uint32_t at = 0; at < 80; at += 8)
		add(r, part(1, at, at + 8, 1));
	add(r, part(1, 88, 96, 1));
	add(r, part(1, 96, 100, 0));
	assert_int_equal(r->n, 0);
	close_after(r, 62);
	expect_run(r, 1, 80);
	assert_int_equal(r->firsts, 1);
	assert_int_equal(r->count.frag_runs, 1);
	assert_int_equal(r->count.frag_expired, 12);
	/* when and where it is said to be */
	assert_int_equal(r->last.frame, 12);
	assert_int_equal(r->last.time_ns,
			 pk_tick_start(pk_tick(born + 60 * SECOND) + 1) - 1);
	assert_int_equal(r->last.key.dport, 1);
	close_rig(r);
}

static void the_beginning_of_what_makes_room_is_judged(void **state)
{
	struct rig *r = open_rig(128, 8);

	(void)state;
	add(r, part(1, 0, 8, 1));
	add(r, part(1, 8, 16, 1));
	add(r, part(2, 0, 8, 1)); /* one datagram a source */
	expect_run(r, 1, 16);
	assert_int_equal(r->count.frag_evicted, 2);
	/* A first fragment alone was seen when it came, an end says nothing. */
	add(r, part(3, 8, 16, 1));
	assert_int_equal(r->n, 0);
	add(r, part(4, 0, 8, 1));
	assert_int_equal(r->n, 0);
	add(r, part(4, 16, 24, 1));
	add(r, part(5, 0, 8, 1));
	assert_int_equal(r->n, 0);
	assert_int_equal(r->count.frag_runs, 1);
	close_rig(r);
}

static void a_beginning_has_variants_as_well(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 16, 1));
	add(r, other(1, 8, 24, 1));
	add(r, six(part(1, 0, 16, 1)));
	add(r, six(part(1, 16, 24, 1)));
	close_after(r, 62);
	assert_int_equal(r->n, 3);
	assert_int_equal(r->count.frag_runs, 2);
	assert_int_equal(r->frame[RIG_ETH + 6], 44);
	assert_int_equal(r->len, RIG_ETH + RIG_IP6 + 8 + 24);
	close_rig(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(d14_what_completed_a_datagram_may_be_forged),
		cmocka_unit_test(d14_an_end_may_be_forged),
		cmocka_unit_test(
			d14_an_ipv6_datagram_that_is_done_may_be_dropped),
		cmocka_unit_test(what_is_done_stays_as_long_as_what_waits),
		cmocka_unit_test(what_is_done_makes_room_before_what_waits),
		cmocka_unit_test(what_is_done_makes_room_for_all),
		cmocka_unit_test(the_one_in_the_middle_may_be_true),
		cmocka_unit_test(the_end_in_the_middle_may_be_true),
		cmocka_unit_test(what_comes_from_near_is_taken_together),
		cmocka_unit_test(a_copy_is_as_near_as_its_nearest),
		cmocka_unit_test(a_wrong_checksum_is_refused),
		cmocka_unit_test(every_first_fragment_is_judged_with_the_rest),
		cmocka_unit_test(the_oldest_beginning_is_displaced_and_counted),
		cmocka_unit_test(a_name_used_for_ever_is_judged_each_time),
		cmocka_unit_test(the_beginning_of_what_expires_is_judged),
		cmocka_unit_test(the_beginning_of_what_makes_room_is_judged),
		cmocka_unit_test(a_beginning_has_variants_as_well),
	};

	fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
