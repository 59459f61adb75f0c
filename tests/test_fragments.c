/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/fragments.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fragments_table.h"

/* --- what a frame holds ------------------------------------------------------- */

static void a_fragment_is_found_behind_extension_headers(void **state)
{
	uint8_t frame[200] = { 0 };
	struct shape s = six(part(0x01020304, 0, 64, 1));
	uint32_t len = rig_build(&s, frame);
	struct pk_fragment g;

	(void)state;
	/* hop-by-hop of 16 bytes and an atomic Fragment header in front */
	memmove(frame + 54 + 24, frame + 54, len - 54);
	memset(frame + 54, 0, 24);
	frame[20] = 0;
	frame[54] = 44, frame[55] = 1;
	frame[70] = 44;
	rig_put(frame + 18, 64 + 8 + 24, 2);
	len += 24;
	assert_int_equal(pk_fragment_read(&g, frame, len, len), PK_FRAGMENT_OK);
	assert_int_equal(g.head_len, 40 + 24 + 8);
	assert_int_equal(g.next_at, 40 + 16);
	assert_int_equal(g.len, 64);
	assert_int_equal(g.key.sport, 0x0102);
	assert_int_equal(g.key.dport, 0x0304);
	assert_memory_equal(g.data, letters, 64);
	for (uint32_t cut = 0; cut < len; cut++)
		assert_int_equal(pk_fragment_read(&g, frame, cut, len),
				 PK_FRAGMENT_CUT);
}

static void d12_an_atomic_fragment_is_a_whole_packet(void **state)
{
	struct shape s = six(part(1, 0, 64, 0));
	uint8_t frame[200];
	uint32_t len = rig_build(&s, frame);
	struct pk_decode d;
	struct pk_fragment g;

	(void)state;
	assert_int_equal(pk_parse(frame, frame + len, len, &d),
			 PK_PARSE_UDP_LENGTH); /* decoded to layer 4 */
	assert_false(d.packet.layers & PK_IS_FRAGMENT);
	assert_true(d.packet.layers & PK_HAS_PORTS);
	assert_int_equal(pk_fragment_read(&g, frame, len, len),
			 PK_FRAGMENT_CUT);
}

static void lengths_that_cannot_be_are_refused(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	assert_int_equal(add(r, part(1, 0, 0, 1)), PK_FRAGMENT_LENGTH);
	assert_int_equal(add(r, part(1, 8, 8, 0)), PK_FRAGMENT_LENGTH);
	assert_int_equal(add(r, part(1, 0, 7, 1)), PK_FRAGMENT_LENGTH);
	assert_int_equal(add(r, six(part(1, 0, 15, 1))), PK_FRAGMENT_LENGTH);
	assert_int_equal(r->count.frag_length, 4);
	/* IPv4: what is behind the last eight is not there. */
	assert_int_equal(add(r, part(1, 0, 15, 1)), PK_FRAGMENT_OK);
	assert_int_equal(add(r, part(1, 8, 11, 0)), PK_FRAGMENT_OK);
	assert_true(made(r, 1, letters, 11));
	close_rig(r);
}

static void what_is_not_there_is_cut(void **state)
{
	struct shape s = part(1, 0, 1480, 1);
	uint8_t frame[RIG_FRAME];
	uint32_t len = rig_build(&s, frame);
	struct pk_fragment g;

	(void)state;
	assert_int_equal(pk_fragment_read(&g, frame, len - 1, len),
			 PK_FRAGMENT_CUT);
	assert_int_equal(pk_fragment_read(&g, frame, len, len), PK_FRAGMENT_OK);
	frame[17]++; /* the IP length is beyond the frame's end */
	assert_int_equal(pk_fragment_read(&g, frame, len, len),
			 PK_FRAGMENT_CUT);
}

/* --- rows ------------------------------------------------------------------------ */

/* RFC 1858: bytes 8.. again, with the flags of the TCP header; 3128: the ports. */
static void d13_headers_written_twice_are_judged_both_ways(void **state)
{
	struct rig *r = open_rig(0, 0);
	uint8_t twice[48];

	(void)state;
	add(r, part(1, 0, 24, 1));
	add(r, other(1, 8, 24, 1));
	assert_int_equal(r->count.frag_overlap, 1);
	add(r, part(1, 24, 48, 0));
	assert_true(made(r, 1, letters, 48));
	memcpy(twice, letters, sizeof(twice));
	memcpy(twice + 8, others + 8, 16);
	assert_true(made(r, 1, twice, 48));

	add(r, part(2, 0, 16, 1));
	add(r, other(2, 0, 8, 1));
	assert_int_equal(r->count.frag_overlap, 2);
	add(r, part(2, 16, 48, 0));
	assert_true(made(r, 2, letters, 48));
	memcpy(twice, letters, sizeof(twice));
	memcpy(twice, others, 8);
	assert_true(made(r, 2, twice, 48));
	assert_int_equal(r->count.frag_used, 6);
	close_rig(r);
}

/* 24 bytes as [0,16) and [8,24): who has [8,16)? */
static void d14_every_policy_is_among_the_variants(void **state)
{
	static const uint8_t orders[4] = { 0, 1, 2, 3 };
	uint8_t want[24];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		struct rig *r = open_rig(0, 0);
		struct shape a = part(1, 0, 16, 1), b = other(1, 8, 24, 0);

		if (orders[i] & 2) /* the other bytes are in front */
			a = other(1, 0, 16, 1), b = part(1, 8, 24, 0);
		add(r, orders[i] & 1 ? b : a);
		assert_int_equal(r->n, 0);
		add(r, orders[i] & 1 ? a : b);
		assert_int_equal(r->count.frag_overlap, 1);
		assert_int_equal(r->n, 2);
		assert_int_equal(r->begun, 1);
		memcpy(want, a.data, 16);
		memcpy(want + 16, b.data + 8, 8);
		assert_true(made(r, 1, want, 24)); /* before wins */
		memcpy(want + 8, b.data, 16);
		assert_true(made(r, 1, want, 24)); /* after wins */
		close_rig(r);
	}
}

static void d14_an_ipv6_overlap_drops_the_datagram(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, six(part(1, 0, 16, 1)));
	add(r, six(part(1, 0, 16, 1)));
	assert_int_equal(r->count.frag_duplicate, 1);
	add(r, six(part(1, 8, 24, 1))); /* the same bytes, and yet */
	assert_int_equal(r->count.frag_dropped, 2);
	assert_int_equal(r->count.frag_overlap, 1);
	add(r, six(part(1, 16, 24, 0)));
	add(r, six(part(1, 0, 16, 1)));
	assert_int_equal(r->n, 0);
	assert_int_equal(r->count.frag_dropped, 4);
	/* A minute later the name is free again. */
	r->now_ns += 62 * SECOND;
	add(r, six(part(1, 0, 16, 1)));
	add(r, six(part(1, 16, 24, 0)));
	assert_int_equal(r->n, 1);
	close_rig(r);
}

static void another_protocol_makes_another_first_fragment(void **state)
{
	struct rig *r = open_rig(0, 0);
	struct shape s = six(part(1, 0, 16, 1));

	(void)state;
	add(r, s);
	s.proto = 6;
	add(r, s);
	assert_int_equal(r->count.frag_duplicate, 0);
	assert_int_equal(r->count.frag_dropped, 2);
	close_rig(r);
}

static void d15_the_last_may_come_first(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 1480, 1483, 0));
	assert_int_equal(r->n, 0);
	add(r, part(1, 0, 1480, 1));
	assert_int_equal(r->n, 1);
	assert_int_equal(r->firsts, 1);
	assert_true(made(r, 1, letters, 1483));
	assert_int_equal(r->count.frag_used, 2);
	close_rig(r);
}

static void d15_a_hole_is_never_filled_with_anything(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 1480, 1));
	add(r, part(1, 2960, 3000, 0));
	assert_int_equal(r->n, 0);
	/* up to 60 s (RFC 1122 3.3.2); a tick is 1.07 s */
	close_after(r, 59);
	assert_int_equal(r->count.frag_resident, 2);
	close_after(r, 3);
	assert_int_equal(r->n, 0); /* no more than the first one alone */
	assert_int_equal(r->count.frag_expired, 2);
	add(r, part(1, 1480, 2960, 1));
	assert_int_equal(r->n, 0);
	close_rig(r);
}

static void d15_a_name_used_again_is_a_new_datagram(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 1480, 1));
	add(r, part(1, 2960, 3000, 0));
	add(r, other(1, 0, 1480, 1));
	assert_int_equal(r->n, 0);
	add(r, other(1, 1480, 2000, 0));
	assert_true(made(r, 1, others, 2000));
	assert_int_equal(r->count.frag_used, 4);
	close_rig(r);
}

/* With the old last fragment all is there, but the new one has its own. */
static void d15_a_new_datagram_is_judged_alone_as_well(void **state)
{
	struct rig *r = open_rig(0, 0);
	uint8_t mixed[3000];

	(void)state;
	add(r, part(1, 0, 1480, 1));
	add(r, part(1, 2960, 3000, 0));
	add(r, other(1, 0, 1480, 1));
	add(r, other(1, 1480, 2960, 1));
	memcpy(mixed, others, sizeof(mixed));
	memcpy(mixed + 2960, letters + 2960, 40);
	assert_true(made(r, 1, mixed, 3000));
	memcpy(mixed, letters, 1480);
	assert_true(made(r, 1, mixed, 3000));
	add(r, other(1, 2960, 3000, 0));
	assert_true(made(r, 1, others, 3000));
	assert_int_equal(r->count.frag_used, 5);
	close_rig(r);
}

static void two_ends_are_judged_both_ways(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 16, 24, 0));
	add(r, part(1, 8, 16, 0));
	assert_int_equal(r->count.frag_overlap, 1);
	add(r, part(1, 0, 8, 1));
	assert_true(made(r, 1, letters, 24));
	assert_true(made(r, 1, letters, 16));
	close_rig(r);
}

static void d16_no_datagram_is_longer_than_its_length_field(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	assert_int_equal(add(r, part(1, 8189 * 8, 8189 * 8 + 64, 0)),
			 PK_FRAGMENT_OVERSIZE);
	assert_int_equal(add(r, part(1, 65528, 65535, 0)), PK_FRAGMENT_OK);
	assert_int_equal(add(r, part(1, 65528, 65536, 0)),
			 PK_FRAGMENT_OVERSIZE);
	assert_int_equal(r->count.frag_oversize, 2);
	/* 65535 bytes behind a header of 20 are too many as well. */
	for (uint32_t at = 0; at < 65528; at += 8192)
		add(r, part(1, at, at + 8192 < 65528 ? at + 8192 : 65528, 1));
	assert_int_equal(r->n, 0);
	assert_int_equal(r->count.frag_oversize, 2); /* not yet: it waits */
	/* 65515 are not. */
	add(r, part(2, 65512, 65515, 0));
	for (uint32_t at = 0; at < 65512; at += 8192)
		add(r, part(2, at, at + 8192 < 65512 ? at + 8192 : 65512, 1));
	assert_true(made(r, 2, letters, 65515));
	close_after(r, 62);
	assert_int_equal(r->count.frag_oversize, 11);
	close_rig(r);
}

/* --- bounds ----------------------------------------------------------------------------- */

static void a_datagram_has_so_many_fragments_and_no_more(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	for (uint32_t i = 0; i < PK_FRAGMENTS_EACH; i++)
		add(r, part(1, 8 * i, 8 * i + 8, 1));
	assert_int_equal(r->count.frag_quota, 0);
	add(r, part(1, 8 * PK_FRAGMENTS_EACH, 8 * PK_FRAGMENTS_EACH + 8, 0));
	assert_int_equal(r->count.frag_quota, 1);
	assert_int_equal(r->n, 0);
	/* A new datagram of the name may still begin. */
	add(r, other(1, 0, 8, 1));
	assert_int_equal(r->count.frag_displaced, PK_FRAGMENTS_EACH);
	assert_int_equal(r->count.frag_quota, PK_FRAGMENTS_EACH + 1);
	assert_int_equal(r->count.frag_runs, 1);
	add(r, other(1, 8, 16, 0));
	assert_true(made(r, 1, others, 16));
	close_rig(r);
}

/* Sixteen of them, and the eldest, which contradicted nobody. */
static void contradictions_are_bounded(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 800, 1));
	for (uint32_t i = 0; i < PK_FRAGMENT_OVERLAPS; i++)
		add(r, other(1, 8 * i + 8, 800, 1));
	assert_int_equal(r->count.frag_overlap, PK_FRAGMENT_OVERLAPS);
	assert_int_equal(r->count.frag_quota, 0);
	add(r, other(1, 400, 800, 1));
	assert_int_equal(r->count.frag_quota, 1);
	/* Another beginning finds room, and the eldest is never displaced. */
	add(r, other(1, 0, 800, 1));
	assert_int_equal(r->count.frag_displaced, 1);
	assert_int_equal(r->count.frag_quota, 2);
	add(r, part(1, 800, 808, 0));
	assert_true(made(r, 1, letters, 808));
	/* It is done: all of it was judged, and may make way. */
	add(r, other(1, 400, 800, 1));
	assert_true(r->n > 0);
	assert_int_equal(r->count.frag_displaced, 2);
	assert_int_equal(r->count.frag_quota, 2);
	close_rig(r);
}

static void a_configuration_out_of_range_is_refused(void **state)
{
	static const struct pk_fragments_conf bad[] = {
		{ 15, 8, 0 },  { (1 << 20) + 1, 8, 0 }, { 16, 4, 0 },
		{ 16, 12, 0 }, { 16, 1 << 21, 0 },
	};
	struct pk_stage_counters count;
	struct pk_fragments *f = (void *)&count;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(pk_fragments_new(&f, &bad[i], &count),
				 -EINVAL);
		assert_ptr_equal(f, &count);
	}
	pk_fragments_free(NULL);
}

/* The sanitizer has an allocator of its own. */
#ifndef __SANITIZE_ADDRESS__
extern void *__libc_calloc(size_t n, size_t size);
extern void __libc_free(void *p);
static int fail_in = -1;
static long live;

void *calloc(size_t n, size_t size)
{
	if (fail_in >= 0 && fail_in-- == 0)
		return NULL;
	live++;
	return __libc_calloc(n, size);
}

void free(void *p)
{
	live -= p != NULL;
	__libc_free(p);
}

static void every_shortage_of_memory_is_told(void **state)
{
	const struct pk_fragments_conf conf = { 64, 8, 0 };
	struct pk_stage_counters count = { 0 };
	struct pk_fragments *f = (void *)&count;
	long before = live;
	int n = 0;

	(void)state;
	for (;; n++) {
		int err;

		fail_in = n;
		err = pk_fragments_new(&f, &conf, &count);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_ptr_equal(f, &count);
		assert_int_equal(live, before);
	}
	fail_in = -1;
	assert_int_equal(n, 10);
	pk_fragments_free(f);
	assert_int_equal(live, before);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fragment_is_found_behind_extension_headers),
		cmocka_unit_test(d12_an_atomic_fragment_is_a_whole_packet),
		cmocka_unit_test(lengths_that_cannot_be_are_refused),
		cmocka_unit_test(what_is_not_there_is_cut),
		cmocka_unit_test(
			d13_headers_written_twice_are_judged_both_ways),
		cmocka_unit_test(d14_every_policy_is_among_the_variants),
		cmocka_unit_test(d14_an_ipv6_overlap_drops_the_datagram),
		cmocka_unit_test(another_protocol_makes_another_first_fragment),
		cmocka_unit_test(d15_the_last_may_come_first),
		cmocka_unit_test(d15_a_hole_is_never_filled_with_anything),
		cmocka_unit_test(d15_a_name_used_again_is_a_new_datagram),
		cmocka_unit_test(d15_a_new_datagram_is_judged_alone_as_well),
		cmocka_unit_test(two_ends_are_judged_both_ways),
		cmocka_unit_test(
			d16_no_datagram_is_longer_than_its_length_field),
		cmocka_unit_test(a_datagram_has_so_many_fragments_and_no_more),
		cmocka_unit_test(contradictions_are_bounded),
		cmocka_unit_test(a_configuration_out_of_range_is_refused),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(every_shortage_of_memory_is_told),
#endif
	};

	fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
