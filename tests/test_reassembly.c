/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/reassembly.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/reassembly_rig.h"
#include "tests/short_memory.h"
#include "tools/gen/splitmix.h"

/* --- questions ------------------------------------------------------------------- */

static void d18_a_question_cut_in_two_is_found(void **state)
{
	uint8_t udp[2000];

	(void)state;
	put_question(udp, "www.BAD.example", sizeof(udp));
	for (int ip6 = 0; ip6 < 2; ip6++) {
		struct rig *r = open_rig(0);
		struct shape a = part(udp, 0, 24, 1);
		struct shape b = part(udp, 24, 2000, 0);

		send(r, ip6 ? six(a) : a);
		assert_int_equal(r->hits, 0);
		send(r, ip6 ? six(b) : b);
		assert_int_equal(r->hits, 1);
		assert_int_equal(r->hit[0].slot, r->slot[0]);
		assert_int_equal(r->hit[0].role, PK_ROLE_DNS_QUESTION);
		assert_int_equal(r->hit[0].head.frame, 2);
		assert_int_equal(r->hit[0].head.seen_ns, r->now_ns);
		assert_int_equal(r->hit[0].text_len, 17);
		assert_string_equal(r->hit[0].text, "\3www\3bad\7example");
		assert_int_equal(r->hit[0].packet.key.dport, 53);
		assert_int_equal(r->hit[0].packet.bytes,
				 2000 + (ip6 ? 40 : 20));
		close_rig(r);
	}
}

static void d18_a_question_that_a_fragment_shows_is_not_told_again(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t udp[2000];

	(void)state;
	put_question(udp, "bad.example", sizeof(udp));
	send(r, part(udp, 0, 1480, 1));
	send(r, part(udp, 1480, 2000, 0));
	assert_int_equal(r->count.frag_datagrams, 1);
	assert_int_equal(r->hits, 0);
	close_rig(r);
}

/* Where the two overlap one says bad.example and the other nothing listed. */
static void d14_a_name_in_either_variant_is_told_once(void **state)
{
	uint8_t bad[48], good[48];

	(void)state;
	put_question(bad, "bad.example", sizeof(bad));
	put_question(good, "baz.example", sizeof(good));
	for (int order = 0; order < 4; order++) {
		struct rig *r = open_rig(0);
		struct shape a = part(order & 2 ? bad : good, 0, 32, 1);
		struct shape b = part(order & 2 ? good : bad, 16, 48, 0);

		send(r, order & 1 ? b : a);
		send(r, order & 1 ? a : b);
		assert_int_equal(r->count.frag_overlap, 1);
		assert_int_equal(r->hits, 1);
		assert_int_equal(r->hit[0].slot, r->slot[0]);
		close_rig(r);
	}
}

static void names_of_both_variants_are_told(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t bad[48], good[48];

	(void)state;
	put_question(bad, "bad.example", sizeof(bad));
	put_question(good, "other.example", sizeof(good));
	send(r, part(bad, 0, 24, 1));
	send(r, part(good, 0, 24, 1));
	send(r, part(bad, 24, 48, 0));
	/* the second name needs the other end, too */
	send(r, part(good, 24, 48, 0));
	assert_true(r->hits >= 1);
	assert_int_equal(r->hit[0].slot, r->slot[0]);
	close_rig(r);
}

/* The one that overlaps may never arrive, or be the only one that does. */
static void d14_an_ipv6_overlap_hides_nothing_that_came(void **state)
{
	uint8_t bad[48], good[48];

	(void)state;
	put_question(bad, "bad.example", sizeof(bad));
	put_question(good, "baz.example", sizeof(good));
	for (int i = 0; i < 2; i++) {
		struct rig *r = open_rig(0);

		send(r, six(part(bad, 0, 16, 1)));
		send(r, six(part(i ? good : bad, 16, 40, 1)));
		assert_int_equal(r->hits, 0);
		send(r, six(part(i ? bad : good, 16, 40, 1)));
		assert_int_equal(r->count.frag_dropped, 3);
		assert_int_equal(r->count.frag_runs, 1);
		assert_int_equal(r->hits, 1);
		assert_int_equal(r->hit[0].slot, r->slot[0]);
		send(r, six(part(bad, 40, 48, 0)));
		assert_int_equal(r->count.frag_dropped, 4);
		assert_int_equal(r->hits, 1);
		close_rig(r);
	}
}

static void d17_a_question_is_found_in_a_flood(void **state)
{
	struct rig *r = open_rig(0);
	uint64_t random = 1;
	uint8_t udp[2000];

	(void)state;
	put_question(udp, "bad.example", sizeof(udp));
	for (uint32_t i = 0; i < 200000; i++) {
		struct shape s = part(udp, 0, 24, 1);

		if (i == 1000)
			send(r, s);
		if (i == 190000)
			send(r, part(udp, 24, 2000, 0));
		s.src = 2;
		s.id = (uint32_t)pk_splitmix_next(&random);
		send(r, s);
	}
	assert_true(r->count.frag_evicted > 100000);
	assert_int_equal(r->hits, 1);
	close_rig(r);
}

/* --- what is judged again, and what is never whole ------------------------------ */

static void d14_the_true_end_is_judged_when_it_comes(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t bad[48], good[48];

	(void)state;
	put_question(bad, "bad.example", sizeof(bad));
	put_question(good, "baz.example", sizeof(good));
	send(r, part(bad, 0, 16, 1));
	send(r, part(good, 16, 48, 0));
	assert_int_equal(r->hits, 0);
	send(r, part(bad, 16, 48, 0));
	assert_int_equal(r->hits, 1);
	assert_int_equal(r->hit[0].slot, r->slot[0]);
	assert_int_equal(r->hit[0].head.frame, 3);
	close_rig(r);
}

static void what_was_told_is_not_told_when_it_is_judged_again(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t bad[64];

	(void)state;
	put_question(bad, "bad.example", sizeof(bad));
	send(r, part(bad, 0, 24, 1));
	send(r, part(bad, 24, 64, 0));
	assert_int_equal(r->hits, 1);
	for (uint8_t i = 1; i < 10; i++) {
		bad[60] = i;
		send(r, part(bad, 24, 64, 0));
	}
	assert_int_equal(r->count.frag_datagrams, 10);
	assert_int_equal(r->hits, 1);
	/* In another one it is. */
	for (int i = 0; i < 2; i++) {
		struct shape s = part(bad, i ? 24 : 0, i ? 64 : 24, !i);

		s.id++;
		send(r, s);
	}
	assert_int_equal(r->hits, 2);
	close_rig(r);
}

static void a_question_in_fragments_without_an_end_is_found(void **state)
{
	uint8_t udp[2000];

	(void)state;
	put_question(udp, "www.bad.example", sizeof(udp));
	for (int ip6 = 0; ip6 < 2; ip6++) {
		struct rig *r = open_rig(0);

		for (uint32_t at = 0; at < 80; at += 8) {
			struct shape s = part(udp, at, at + 8, 1);

			send(r, ip6 ? six(s) : s);
		}
		assert_int_equal(r->hits, 0);
		pk_reassembly_close(r->r,
				    pk_tick(r->now_ns + 62 * 1000000000ULL));
		assert_int_equal(r->count.frag_runs, 1);
		assert_int_equal(r->hits, 1);
		assert_int_equal(r->hit[0].slot, r->slot[0]);
		assert_int_equal(r->hit[0].head.frame, 10);
		assert_int_equal(r->hit[0].head.port, 0);
		assert_int_equal(r->hit[0].packet.key.dport, 53);
		assert_string_equal(r->hit[0].text, "\3www\3bad\7example");
		close_rig(r);
	}
}

/* The sample ends in it. */
static void a_fragment_longer_than_a_sample_is_counted(void **state)
{
	static uint8_t payload[PK_SAMPLE_BYTES];
	struct rig *r = open_rig(0);
	uint32_t fits = (PK_SAMPLE_BYTES - RIG_ETH - RIG_IP4) & ~7U;

	(void)state;
	send(r, part(payload, 0, fits, 1));
	assert_int_equal(r->count.frag_long, 0);
	send(r, part(payload, 0, fits + 8, 1));
	assert_int_equal(r->count.frag_long, 1);
	assert_int_equal(r->count.frag_cut, 0);
	close_rig(r);
}

/* --- tunnels ------------------------------------------------------------------------ */

enum { INNER = 0x0a000001, LISTED = 0xcb007107 };

/* The header of a packet of @len bytes, from @src to 198.51.100.9. */
static void put_ip(uint8_t *ip, uint32_t len, uint32_t src, uint8_t proto)
{
	memset(ip, 0, RIG_IP4);
	ip[0] = 0x45;
	rig_put(ip + 2, len, 2);
	ip[8] = 60;
	ip[9] = proto;
	rig_put(ip + 12, src, 4);
	rig_put(ip + 16, 0xc6336409, 4);
}

/* And UDP, to port 4444. */
static void put_inner(uint8_t *ip, uint32_t len, uint32_t src)
{
	memset(ip, 0, len);
	put_ip(ip, len, src, 17);
	rig_put(ip + 20, 1234, 2);
	rig_put(ip + 22, 4444, 2);
	rig_put(ip + 24, len - 20, 2);
}

static int has(const struct rig *r, uint32_t slot, uint8_t role, uint8_t depth)
{
	int n = 0;

	for (uint32_t i = 0; i < r->hits; i++)
		n += r->hit[i].slot == slot && r->hit[i].role == role &&
		     r->hit[i].depth == depth;
	return n;
}

static void inner_addresses_cut_in_two_are_found(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t inner[100];
	struct shape a, b;

	(void)state;
	put_inner(inner, sizeof(inner), LISTED);
	a = part(inner, 0, 16, 1);
	b = part(inner, 16, 100, 0);
	a.proto = b.proto = 4;
	send(r, a);
	send(r, b);
	assert_int_equal(r->hits, 2);
	assert_int_equal(has(r, r->slot[2], PK_ROLE_SOURCE, 1), 1);
	assert_int_equal(has(r, r->slot[3], PK_ROLE_DESTINATION, 1), 1);
	assert_int_equal(r->hit[0].packet.depth, 1);
	assert_int_equal(r->hit[0].packet.key.dport, 4444);
	close_rig(r);
}

/* The listed pair has another one in it: it is told as it is. */
static void pairs_around_the_innermost_are_told_as_they_are(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t inner[100];
	struct shape a, b;

	(void)state;
	put_ip(inner, 100, LISTED, 4);
	put_inner(inner + 20, 80, INNER);
	a = part(inner, 0, 16, 1);
	b = part(inner, 16, 100, 0);
	a.proto = b.proto = 4;
	send(r, a);
	send(r, b);
	assert_int_equal(r->hits, 2);
	assert_int_equal(has(r, r->slot[2], PK_ROLE_SOURCE, 1), 1);
	assert_int_equal(has(r, r->slot[3], PK_ROLE_DESTINATION, 2), 1);
	assert_int_equal(r->hit[0].packet.depth, 2);
	assert_int_equal(r->hit[0].packet.key.src.b[12], 203);
	assert_int_equal(r->hit[0].packet.key.proto, 4);
	assert_int_equal(r->hit[1].packet.key.src.b[12], 10);
	close_rig(r);
}

static void inner_addresses_in_the_first_fragment_are_not_told_again(
	void **state)
{
	struct rig *r = open_rig(0);
	uint8_t inner[100];
	struct shape a, b;

	(void)state;
	put_inner(inner, sizeof(inner), LISTED);
	a = part(inner, 0, 48, 1);
	b = part(inner, 48, 100, 0);
	a.proto = b.proto = 4;
	send(r, a);
	send(r, b);
	assert_int_equal(r->count.frag_datagrams, 1);
	assert_int_equal(r->hits, 0);
	close_rig(r);
}

/* Wrapped once more, or as it is. */
static void send_in(struct rig *r, int wraps, struct shape s)
{
	uint8_t frame[RIG_FRAME];
	uint32_t len = rig_build(&s, frame);

	if (wraps) {
		memmove(frame + 34, frame + 14, len - 14);
		put_ip(frame + 14, len + 6, INNER, 4);
		len += 20;
	}
	send_frame(r, frame, len);
}

/* A fragment of the inner packet, cut in two itself. */
static void nested(int wraps)
{
	struct rig *r = open_rig(0);
	uint8_t udp[2000], inner[2][20 + 1000];

	put_question(udp, "bad.example", sizeof(udp));
	for (uint32_t i = 0; i < 2; i++) {
		struct shape s = part(udp, 0, 24, 1), half;
		uint32_t len;

		if (i)
			s = part(udp, 24, 1000, 0);
		rig_ip4(&s, inner[i]);
		memcpy(inner[i] + 20, s.data, s.len);
		len = 20 + s.len;
		half = part(inner[i], 0, 24, 1);
		half.id = 100 + i;
		half.proto = 4;
		send_in(r, wraps, half);
		half = part(inner[i], 24, len, 0);
		half.id = 100 + i;
		half.proto = 4;
		send_in(r, wraps, half);
	}
	assert_int_equal(r->count.frag_nested, 2);
	assert_int_equal(r->count.frag_in, 6);
	assert_int_equal(r->count.frag_datagrams, 3);
	assert_int_equal(r->hits, 1);
	assert_int_equal(r->hit[0].role, PK_ROLE_DNS_QUESTION);
	assert_int_equal(r->hit[0].depth, 1 + wraps);
	close_rig(r);
}

static void fragments_in_fragments_are_put_together(void **state)
{
	(void)state;
	nested(0);
	nested(1);
}

/* Two inner fragments that differ: only one can go on. */
static void another_fragment_in_fragments_is_counted(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t udp[2][200], inner[2][20 + 48];

	(void)state;
	put_question(udp[0], "bad.example", 200);
	put_question(udp[1], "baz.example", 200);
	for (int i = 0; i < 2; i++) {
		struct shape s = part(udp[i], 0, 48, 1);

		rig_ip4(&s, inner[i]);
		memcpy(inner[i] + 20, s.data, s.len);
	}
	for (int i = 0; i < 3; i++) {
		struct shape s =
			part(inner[i & 1], i ? 24 : 0, i ? 68 : 24, !i);

		s.id = 100;
		s.proto = 4;
		send(r, s);
	}
	assert_int_equal(r->count.frag_nested, 2);
	assert_true(r->count.frag_nested_left > 0);
	close_rig(r);
}

/* RFC 7112: the ports come behind the first fragment. */
static void ports_in_the_second_fragment_are_found(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t payload[64] = { 4, 0 }, frame[RIG_FRAME];
	struct shape a = six(part(payload, 0, 8, 1));
	struct shape b = six(part(payload, 8, 64, 0));
	uint32_t len;

	(void)state;
	memset(payload, 0, sizeof(payload));
	payload[0] = 17; /* destination options of 8 bytes, then UDP */
	rig_put(payload + 8, 1, 2);
	rig_put(payload + 10, 4444, 2);
	rig_put(payload + 12, 56, 2);
	a.proto = b.proto = 60;
	for (int i = 0; i < 2; i++) {
		len = rig_build(i ? &b : &a, frame);
		/* as NAT64 says it: 64:ff9b::198.51.100.9 */
		memset(frame + 38, 0, 16);
		rig_put(frame + 38, 0x0064ff9b, 4);
		rig_put(frame + 50, 0xc6336409, 4);
		send_frame(r, frame, len);
	}
	assert_int_equal(has(r, r->slot[3], PK_ROLE_DESTINATION, 0), 1);
	assert_int_equal(r->hits, 1);
	close_rig(r);
}

/* --- memory ------------------------------------------------------------------------------ */

/* The sanitizer has an allocator of its own. */
#ifndef __SANITIZE_ADDRESS__
static void every_shortage_of_memory_is_told(void **state)
{
	struct pk_stage_counters count = { 0 };
	const struct pk_reassembly_conf conf = { .stats = &count,
						 .in_order = 1,
						 .hit = keep };
	struct pk_reassembly *r = (void *)&count;
	long before = live;
	int n = 0;

	(void)state;
	for (;; n++) {
		int err;

		fail_in = n;
		err = pk_reassembly_new(&r, &conf);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_ptr_equal(r, &count);
		assert_int_equal(live, before);
	}
	fail_in = -1;
	assert_int_equal(n, 13);
	pk_reassembly_free(r);
	assert_int_equal(live, before);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(d18_a_question_cut_in_two_is_found),
		cmocka_unit_test(
			d18_a_question_that_a_fragment_shows_is_not_told_again),
		cmocka_unit_test(d14_a_name_in_either_variant_is_told_once),
		cmocka_unit_test(names_of_both_variants_are_told),
		cmocka_unit_test(d14_an_ipv6_overlap_hides_nothing_that_came),
		cmocka_unit_test(d17_a_question_is_found_in_a_flood),
		cmocka_unit_test(d14_the_true_end_is_judged_when_it_comes),
		cmocka_unit_test(
			what_was_told_is_not_told_when_it_is_judged_again),
		cmocka_unit_test(
			a_question_in_fragments_without_an_end_is_found),
		cmocka_unit_test(a_fragment_longer_than_a_sample_is_counted),
		cmocka_unit_test(inner_addresses_cut_in_two_are_found),
		cmocka_unit_test(
			inner_addresses_in_the_first_fragment_are_not_told_again),
		cmocka_unit_test(
			pairs_around_the_innermost_are_told_as_they_are),
		cmocka_unit_test(fragments_in_fragments_are_put_together),
		cmocka_unit_test(another_fragment_in_fragments_is_counted),
		cmocka_unit_test(ports_in_the_second_fragment_are_found),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(every_shortage_of_memory_is_told),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
