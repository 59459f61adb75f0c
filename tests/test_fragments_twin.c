/* SPDX-License-Identifier: BSD-2-Clause */
/* The table beside its slow twin, and in floods. */
#include "dataplane/inspect/fragments.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fragments_table.h"
#include "tests/fragments_twin.h"
#include "tools/gen/splitmix.h"

/* --- floods ------------------------------------------------------------------------ */

enum { FLOOD = 1000000, EVERY = 4000 };

/* Between two fragments of a datagram, @flood frames of others. */
static void flood(uint32_t (*source)(uint64_t random), uint32_t every)
{
	struct rig *r = open_rig(0, 0);
	struct pk_fragments_conf conf;
	uint64_t random = 3, sent = 0, found = 0, before;

	pk_fragments_conf_default(&conf);
	assert_true(pk_fragments_bytes(&conf) <= 8 << 20);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (uint32_t i = 0; i < FLOOD; i++) {
		uint64_t n = pk_splitmix_next(&random);
		struct shape s = part((uint32_t)n & 0xffff, 0, 64, 1);

		s.src = source(n >> 16);
		if (i % every == 0)
			add(r, part(i / every, 0, 1480, 1)), sent++;
		if (i % every == every / 2) {
			add(r, part(i / every, 1480, 2000, 0));
			found += made(r, i / every, letters, 2000);
		}
		add(r, s);
		assert_int_equal(r->n, 0);
	}
	assert_int_equal(found, sent);
	assert_true(r->count.frag_evicted >
		    FLOOD - conf.blocks - r->count.frag_duplicate);
	assert_int_equal(r->count.frag_in, FLOOD + 2 * sent);
	assert_int_equal(r->count.frag_used, 2 * sent);
	assert_int_equal(r->count.frag_in, r->count.frag_used +
						   r->count.frag_evicted +
						   r->count.frag_duplicate +
						   r->count.frag_resident);
	assert_int_equal(mallinfo2().uordblks + mallinfo2().hblkhd, before);
	close_rig(r);
}

static uint32_t one_source(uint64_t random)
{
	(void)random;
	return 2;
}

static uint32_t ten_sources(uint64_t random)
{
	return 2 + (uint32_t)(random % 10);
}

static uint32_t any_source(uint64_t random)
{
	return 2 + (uint32_t)(random & 0xffffff);
}

static void d17_a_flood_of_one_source_pushes_out_only_itself(void **state)
{
	(void)state;
	flood(one_source, 100000);
}

static void d17_a_flood_of_ten_sources_pushes_out_only_itself(void **state)
{
	(void)state;
	flood(ten_sources, 100000);
}

static void d17_a_forged_flood_pushes_out_what_is_as_old(void **state)
{
	(void)state;
	flood(any_source, EVERY);
}

static void hosts_of_one_ipv6_network_are_one_source(void **state)
{
	struct rig *r = open_rig(0, 0);
	struct pk_fragments_conf conf;
	uint8_t frame[RIG_FRAME];
	struct pk_fragment g;

	(void)state;
	pk_fragments_conf_default(&conf);
	for (uint32_t i = 0; i < 10000; i++) {
		struct shape s = six(part(i, 0, 64, 1));
		uint32_t len = rig_build(&s, frame);

		rig_put(frame + RIG_ETH + 20, i, 4);
		assert_int_equal(pk_fragment_read(&g, frame, len, len),
				 PK_FRAGMENT_OK);
		pk_fragments_add(r->f, &g);
	}
	assert_int_equal(r->count.frag_resident,
			 conf.datagrams / PK_FRAGMENT_SHARE);
	close_rig(r);
}

/* --- against the slow twin ------------------------------------------------------------ */

struct play {
	struct rig *r;
	struct twin *t;
	uint64_t random;
	uint32_t wide; /* most bytes of a fragment */
	uint32_t sources;
	uint32_t ids;
};

static uint32_t draw(struct play *p, uint32_t below)
{
	return (uint32_t)(pk_splitmix_next(&p->random) % below);
}

static void add_both(struct play *p, struct shape s)
{
	static uint8_t frame[RIG_FRAME];
	struct rig *r = p->r;
	struct pk_fragment g;

	r->n = r->begun = r->firsts = 0;
	r->now_ns += 1000 + draw(p, 100) * (draw(p, 50) ? 1000 : 10000000);
	s.time_ns = r->now_ns;
	if (rig_read(&s, frame, &g) != PK_FRAGMENT_OK)
		return;
	pk_fragments_add(r->f, &g);
	twin_add(p->t, &g);
	assert_int_equal(r->n, p->t->outs);
	assert_memory_equal(r->hash, p->t->out, r->n * sizeof(*r->hash));
	assert_memory_equal(&r->count, &p->t->count, sizeof(r->count));
	assert_int_equal(r->count.frag_in, RIG_ENDS(&r->count));
}

/* Any fragment of one of few datagrams, often such as fits to others. */
static struct shape any_shape(struct play *p)
{
	uint32_t unit = p->wide / 8, units = 6;
	struct shape s = { .src = draw(p, p->sources),
			   .id = draw(p, p->ids),
			   .ip6 = (uint8_t)!draw(p, 4),
			   .data = draw(p, 12) ? letters : others };
	uint32_t at = draw(p, units);

	s.offset = at * unit * 8;
	s.len = unit * 8;
	s.more = at + 1 < units;
	if (!draw(p, 20))
		s.len = 8 * (1 + draw(p, 2 * unit));
	if (!draw(p, 20))
		s.offset = 8 * draw(p, units * unit);
	if (!draw(p, 30))
		s.more = !s.more;
	if (!draw(p, 40))
		s.proto = 6;
	if (!draw(p, 3))
		s.ttl = (uint8_t)(1 + draw(p, 3));
	if (!s.more && s.len > 4)
		s.len -= draw(p, 4) ? 3 : 0;
	s.data += s.offset;
	return s;
}

static void play(uint32_t blocks, uint32_t datagrams, struct play *p)
{
	const struct pk_fragments_conf conf = { blocks, datagrams, 7 };

	p->r = open_rig(blocks, datagrams);
	p->t = calloc(1, sizeof(*p->t));
	assert_non_null(p->t);
	twin_begin(p->t, &conf);
	for (int i = 0; i < 60000; i++)
		add_both(p, any_shape(p));
	twin_empty(p->t);
	free(p->t);
}

static void saw_everything(const struct play *p)
{
	assert_true(p->r->count.frag_used > 1000);
	assert_true(p->r->count.frag_runs > 50);
	assert_true(p->r->count.frag_duplicate > 1000);
	assert_true(p->r->count.frag_overlap > 1000);
	assert_true(p->r->count.frag_dropped > 1000);
}

static void agrees_with_the_slow_twin(void **state)
{
	struct play p = { .random = 1, .wide = 64, .sources = 6, .ids = 3 };

	(void)state;
	play(16384, 256, &p);
	saw_everything(&p);
	assert_true(p.r->count.frag_expired > 100);
	assert_true(p.r->count.frag_displaced > 1000);
	assert_int_equal(p.r->count.frag_evicted, 0);
	close_rig(p.r);
}

static void agrees_with_the_slow_twin_while_it_is_full(void **state)
{
	struct play p = { .random = 2, .wide = 256, .sources = 14, .ids = 2 };

	(void)state;
	play(160, 64, &p);
	saw_everything(&p);
	assert_true(p.r->count.frag_evicted > 1000);
	assert_true(p.r->count.frag_forgotten > 500);
	close_rig(p.r);
}

static void agrees_with_the_slow_twin_when_sources_are_big(void **state)
{
	struct play p = { .random = 3, .wide = 1024, .sources = 40, .ids = 2 };

	(void)state;
	play(1024, 256, &p);
	saw_everything(&p);
	assert_true(p.r->count.frag_evicted > 1000);
	assert_true(p.r->count.frag_forgotten > 500);
	close_rig(p.r);
}

static void agrees_with_the_slow_twin_when_sources_are_small(void **state)
{
	struct play p = { .random = 6, .wide = 64, .sources = 60, .ids = 1 };

	(void)state;
	play(4096, 64, &p);
	assert_true(p.r->count.frag_evicted > 1000);
	close_rig(p.r);
}

static void agrees_with_the_slow_twin_when_a_quota_is_too_small(void **state)
{
	struct play p = { .random = 5, .wide = 1024, .sources = 3, .ids = 3 };

	(void)state;
	play(64, 32, &p);
	assert_true(p.r->count.frag_quota > 1000);
	assert_true(p.r->count.frag_evicted > 1000);
	close_rig(p.r);
}

/* A datagram cut at random, sent in any order, with copies. */
static void puts_a_datagram_together_in_any_order(void **state)
{
	struct play p = { .random = 4 };

	(void)state;
	p.r = open_rig(0, 0);
	for (uint32_t id = 0; id < 3000; id++) {
		uint32_t n = 0, at = 0, len = 2000 + draw(&p, 18000);
		struct shape s[PK_FRAGMENTS_EACH];
		int whole = 0;

		while (at < len) {
			uint32_t step = 8 * (20 + draw(&p, 200));
			uint32_t to = at + step < len ? at + step : len;

			s[n++] = part(id, at, to, to < len);
			at = to;
		}
		for (uint32_t i = 0; i < n; i++) {
			uint32_t j = i + draw(&p, n - i);
			struct shape t = s[j];

			s[j] = s[i];
			s[i] = t;
			add(p.r, t);
			whole += p.r->n && made(p.r, id, letters, len);
			if (i + 1 < n)
				add(p.r, s[draw(&p, i + 1)]);
		}
		assert_int_equal(whole, 1);
	}
	assert_int_equal(p.r->count.frag_datagrams, 3000);
	close_rig(p.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			d17_a_flood_of_one_source_pushes_out_only_itself),
		cmocka_unit_test(
			d17_a_flood_of_ten_sources_pushes_out_only_itself),
		cmocka_unit_test(d17_a_forged_flood_pushes_out_what_is_as_old),
		cmocka_unit_test(hosts_of_one_ipv6_network_are_one_source),
		cmocka_unit_test(agrees_with_the_slow_twin),
		cmocka_unit_test(agrees_with_the_slow_twin_while_it_is_full),
		cmocka_unit_test(
			agrees_with_the_slow_twin_when_sources_are_big),
		cmocka_unit_test(
			agrees_with_the_slow_twin_when_sources_are_small),
		cmocka_unit_test(
			agrees_with_the_slow_twin_when_a_quota_is_too_small),
		cmocka_unit_test(puts_a_datagram_together_in_any_order),
	};

	fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
