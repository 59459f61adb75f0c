/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow cache against two slow twins: one that only adds up what went in,
 * and one that remembers of every key what was reported.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/flow.h"
#include "tools/gen/splitmix.h"

enum { LINES = 16, KEYS = 60, TICK_NS = 1 << PK_TICK_SHIFT };

static struct pk_flow_key key_of(uint32_t n)
{
	struct pk_flow_key key = { .sport = (uint16_t)(1000 + n), .proto = 6 };

	key.src.b[15] = (uint8_t)n;
	key.dst.b[0] = 0x20;
	return key;
}

static struct pk_flow_step step_of(uint32_t bytes)
{
	return (struct pk_flow_step){ .packets = 1, .bytes = bytes };
}

/* --- ticks and sets ----------------------------------------------------------- */

static void a_time_is_its_tick_and_an_offset(void **state)
{
	uint64_t random = 1;

	(void)state;
	assert_int_equal(pk_tick(TICK_NS - 1), 0);
	assert_int_equal(pk_tick(TICK_NS), 1);
	for (int i = 0; i < 10000; i++) {
		uint64_t t = pk_splitmix_next(&random) >> 2;

		assert_true(pk_tick_offset(t) < TICK_NS);
		assert_true(pk_tick_start(pk_tick(t)) + pk_tick_offset(t) == t);
	}
}

static void a_set_is_two_lines_within_the_cache(void **state)
{
	uint32_t used[PK_FLOW_LINES] = { 0 }, most = 0;
	uint64_t random = 2;

	(void)state;
	for (int i = 0; i < PK_FLOW_LINES * 8; i++) {
		uint64_t hash = pk_splitmix_next(&random);
		uint32_t set = pk_flow_set(hash);

		assert_true(set % 2 == 0 && set + 1 < PK_FLOW_LINES);
		used[set]++;
	}
	for (int i = 0; i < PK_FLOW_LINES; i += 2)
		most = used[i] > most ? used[i] : most;
	assert_true(most < 60); /* 16 a set on average */
}

static void every_byte_of_a_key_tells_flows_apart(void **state)
{
	struct pk_flow_key a = key_of(1), b = a;

	(void)state;
	assert_true(pk_flow_same(&a, &b));
	for (size_t i = 0; i < sizeof(a); i++) {
		uint8_t *byte = (uint8_t *)&b + i;

		for (int bit = 0; bit < 8; bit++) {
			*byte ^= (uint8_t)(1 << bit);
			assert_false(pk_flow_same(&a, &b));
			assert_true(pk_flow_hash(5, &a) != pk_flow_hash(5, &b));
			*byte ^= (uint8_t)(1 << bit);
		}
	}
	assert_true(pk_flow_hash(5, &a) != pk_flow_hash(6, &a));
}

/* --- one line ------------------------------------------------------------------ */

/*
 * Keys a sender can build: what changes in the ports is undone by the same
 * change in the source address. A hash that joins words by xor gives them all
 * one value, whatever its seed.
 */
static void chosen_keys_do_not_collide(void **state)
{
	static uint64_t hash[65536];
	uint32_t same = 0;

	(void)state;
	for (uint32_t i = 0; i < 65536; i++) {
		struct pk_flow_key key = { .proto = 17 };

		key.sport = (uint16_t)i;
		key.src.q[0] = 0x0120000000000000ULL ^ i;
		hash[i] = pk_flow_hash(0x1234567890abcdefULL, &key) & 0xffff;
	}
	for (uint32_t i = 1; i < 65536; i++)
		same += hash[i] == hash[0];
	assert_true(same < 16);
}

static void the_place_given_up_is_free_then_oldest(void **state)
{
	struct pk_flow_key one = key_of(1), two = key_of(2), three = key_of(3);
	struct pk_flow_line a = { .key = one, .packets = 1, .tick = 7 };
	struct pk_flow_line b = { .key = two, .packets = 1, .tick = 7 };

	(void)state;
	assert_ptr_equal(pk_flow_pick(&a, &b, &one), &a);
	assert_ptr_equal(pk_flow_pick(&a, &b, &two), &b);
	a.last = 5;
	b.last = 4;
	assert_ptr_equal(pk_flow_pick(&a, &b, &three), &b);
	b.last = 6;
	assert_ptr_equal(pk_flow_pick(&a, &b, &three), &a);
	b.tick = 6; /* an older tick is older, whatever the offset */
	assert_ptr_equal(pk_flow_pick(&a, &b, &three), &b);
	a.packets = 0;
	assert_ptr_equal(pk_flow_pick(&a, &b, &three), &a);
	a.packets = 1;
	b.packets = 0;
	b.tick = 9;
	assert_ptr_equal(pk_flow_pick(&a, &b, &three), &b);
	/* A closed line still belongs to its key: it knows its reports. */
	assert_ptr_equal(pk_flow_pick(&a, &b, &two), &b);
}

static void a_line_closes_for_each_of_its_reasons(void **state)
{
	struct pk_flow_key key = key_of(1), other = key_of(2);
	struct pk_flow_line line = { .key = key,
				     .packets = 1,
				     .tick = 7,
				     .bytes = 100,
				     .roles = PK_HIT_SRC };

	(void)state;
	assert_false(pk_flow_must_close(&line, &key, 7, PK_HIT_SRC, 60));
	assert_true(pk_flow_must_close(&line, &other, 7, PK_HIT_SRC, 60));
	assert_true(pk_flow_must_close(&line, &key, 8, PK_HIT_SRC, 60));
	assert_true(pk_flow_must_close(&line, &key, 6, PK_HIT_SRC, 60));
	assert_true(pk_flow_must_close(&line, &key, 7, 0, 60));
	assert_true(pk_flow_must_close(&line, &key, 7, PK_HIT_DST, 60));
	line.roles |= PK_HIT_DST << 4; /* what was reported is no difference */
	assert_false(pk_flow_must_close(&line, &key, 7, PK_HIT_SRC, 60));
	line.packets = 0;
	assert_true(pk_flow_must_close(&line, &key, 7, PK_HIT_SRC, 60));
}

static void a_line_closes_before_its_counters_overflow(void **state)
{
	struct pk_flow_key key = key_of(1);
	struct pk_flow_line line = { .key = key, .packets = 1, .tick = 7 };

	(void)state;
	line.bytes = UINT32_MAX - 60;
	assert_false(pk_flow_must_close(&line, &key, 7, 0, 60));
	assert_true(pk_flow_must_close(&line, &key, 7, 0, 61));
	line.bytes = UINT32_MAX;
	assert_false(pk_flow_must_close(&line, &key, 7, 0, 0));
	assert_true(pk_flow_must_close(&line, &key, 7, 0, UINT32_MAX));
	line.bytes = 0;
	line.packets = UINT32_MAX - UINT16_MAX - 1; /* gso_segs is 16 bit */
	assert_false(pk_flow_must_close(&line, &key, 7, 0, 60));
	line.packets++;
	assert_true(pk_flow_must_close(&line, &key, 7, 0, 60));
}

static void a_line_keeps_first_last_and_all_flags(void **state)
{
	static const uint32_t offsets[] = { 500, 900, 100, 700 };
	struct pk_flow_key key = key_of(1);
	struct pk_flow_line line = { 0 };

	(void)state;
	pk_flow_start(&line, &key, 7);
	for (int i = 0; i < 4; i++) {
		struct pk_flow_step step = step_of(10);

		step.offset_ns = offsets[i];
		step.tcp_flags = (uint8_t)(1 << i);
		pk_flow_add(&line, &step);
	}
	assert_int_equal(line.first, 100);
	assert_int_equal(line.last, 900);
	assert_int_equal(line.tcp_flags, 15);
	assert_int_equal(line.packets, 4);
	assert_int_equal(line.bytes, 40);
	pk_flow_start(&line, &key, 8);
	assert_int_equal(line.tcp_flags | line.first | line.last, 0);
	assert_int_equal(line.packets | line.bytes, 0);
}

static void a_line_is_due_when_its_tick_is_over(void **state)
{
	struct pk_flow_line line = { .packets = 1, .tick = 7 };

	(void)state;
	assert_false(pk_flow_is_due(&line, 7));
	assert_true(pk_flow_is_due(&line, 8));
	line.packets = 0;
	assert_false(pk_flow_is_due(&line, 8));
}

/* --- reports --------------------------------------------------------------------- */

static uint8_t see(struct pk_flow_line *line, uint32_t tick, uint8_t roles,
		   uint16_t gen)
{
	struct pk_flow_key key = key_of(1);
	struct pk_flow_step step = step_of(1);

	step.roles = roles;
	step.gen = gen;
	if (pk_flow_must_close(line, &key, tick, roles, 1))
		pk_flow_start(line, &key, tick);
	return pk_flow_add(line, &step);
}

static void a_role_is_reported_once_a_line_and_generation(void **state)
{
	struct pk_flow_line line = { 0 };
	uint8_t both = PK_HIT_SRC | PK_HIT_DST;

	(void)state;
	assert_int_equal(see(&line, 1, 0, 1), 0);
	assert_int_equal(see(&line, 1, PK_HIT_SRC, 1), PK_HIT_SRC);
	assert_int_equal(see(&line, 1, PK_HIT_SRC, 1), 0);
	/* Listing the other end reports that one only. */
	assert_int_equal(see(&line, 1, both, 1), PK_HIT_DST);
	assert_int_equal(see(&line, 1, both, 1), 0);
	assert_int_equal(see(&line, 1, PK_HIT_SRC, 1), 0);
	/* The next tick is a new line of the same flow. */
	assert_int_equal(see(&line, 2, both, 1), 0);
	assert_int_equal(see(&line, 2, both, 2), both);
	assert_int_equal(see(&line, 2, both, 2), 0);
}

static void a_line_idle_for_15_s_reports_again(void **state)
{
	struct pk_flow_line line = { 0 };
	uint32_t tick = 100;

	(void)state;
	assert_int_equal(see(&line, tick, PK_HIT_DST, 1), PK_HIT_DST);
	tick += PK_REPORT_TICKS;
	assert_int_equal(see(&line, tick, PK_HIT_DST, 1), 0);
	tick += PK_REPORT_TICKS + 1;
	assert_int_equal(see(&line, tick, PK_HIT_DST, 1), PK_HIT_DST);
}

/* A cache without evictions; the twin knows each key's reports. */
static void reports_agree_with_a_twin_that_remembers(void **state)
{
	struct memory {
		uint32_t tick;
		uint16_t gen;
		uint8_t reported, seen;
	} memory[KEYS] = { 0 };
	struct pk_flow_line lines[KEYS] = { 0 };
	uint64_t random = 3;
	uint32_t tick = 10;
	uint16_t gen = 65530;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint32_t n = (uint32_t)(pk_splitmix_next(&random) % KEYS);
		uint8_t roles = pk_splitmix_next(&random) & 3;
		struct memory *m = &memory[n];
		uint8_t expected;

		tick += pk_splitmix_next(&random) % 50 == 0;
		tick += pk_splitmix_next(&random) % 2000 ? 0 : 14;
		gen = (uint16_t)(gen + (pk_splitmix_next(&random) % 300 == 0));
		if (m->gen != gen || !m->seen || tick - m->tick > 14)
			m->reported = 0;
		expected = roles & ~m->reported;
		*m = (struct memory){ tick, gen, m->reported | roles, 1 };
		assert_int_equal(see(&lines[n], tick, roles, gen), expected);
	}
}

/* --- conservation ------------------------------------------------------------------ */

struct sums {
	uint64_t packets, bytes;
};

struct cache {
	struct pk_flow_line line[LINES];
	struct sums out[KEYS]; /* by key */
};

static void hand_on(struct cache *c, const struct pk_flow_line *line)
{
	struct sums *s = &c->out[line->key.sport - 1000];

	assert_true(line->packets > 0);
	assert_true(line->first <= line->last && line->last < TICK_NS);
	s->packets += line->packets;
	s->bytes += line->bytes;
}

static void feed(struct cache *c, uint32_t n, uint64_t now_ns,
		 struct pk_flow_step step)
{
	struct pk_flow_key key = key_of(n);
	uint32_t set = pk_flow_set(pk_flow_hash(4, &key)) % LINES;
	uint32_t tick = pk_tick(now_ns);
	struct pk_flow_line *line =
		pk_flow_pick(&c->line[set], &c->line[set + 1], &key);

	step.offset_ns = pk_tick_offset(now_ns);
	if (pk_flow_must_close(line, &key, tick, step.roles, step.bytes)) {
		if (line->packets)
			hand_on(c, line);
		pk_flow_start(line, &key, tick);
	}
	pk_flow_add(line, &step);
	assert_int_equal(line->tick, tick);
	assert_int_equal(line->roles & 15, step.roles);
}

static void sweep(struct cache *c, uint32_t tick)
{
	for (int i = 0; i < LINES; i++) {
		if (!pk_flow_is_due(&c->line[i], tick))
			continue;
		hand_on(c, &c->line[i]);
		c->line[i].packets = 0;
	}
}

static void check_sums(const struct cache *c, const struct sums *in)
{
	struct sums all[KEYS];

	memcpy(all, c->out, sizeof(all));
	for (int i = 0; i < LINES; i++) {
		const struct pk_flow_line *l = &c->line[i];

		if (!l->packets)
			continue;
		all[l->key.sport - 1000].packets += l->packets;
		all[l->key.sport - 1000].bytes += l->bytes;
	}
	assert_memory_equal(all, in, sizeof(all));
}

static void packets_and_bytes_in_are_out_or_resident_at_any_moment(void **state)
{
	struct cache c = { 0 };
	struct sums in[KEYS] = { 0 };
	uint64_t random = 5, now = 0;

	(void)state;
	for (int i = 0; i < 400000; i++) {
		uint64_t r = pk_splitmix_next(&random);
		uint32_t n = (uint32_t)(r % KEYS);
		struct pk_flow_step step =
			step_of((uint32_t)(r >> 16 & 0xffff));

		step.roles = r >> 8 & 3;
		step.packets = r >> 10 & 1 ? 45 : 1;
		if ((r >> 40) % 100 == 0) /* a few pass 4 GiB in a tick */
			step.bytes = UINT32_MAX - (uint32_t)(r >> 50);
		if ((r >> 40) % 1000 == 1)
			step.packets = 65535;
		now += (r >> 20) % 4000000;
		feed(&c, n, now, step);
		in[n].packets += step.packets;
		in[n].bytes += step.bytes;
		if (i % 1000 == 0)
			sweep(&c, pk_tick(now));
		if (i % 64 == 0)
			check_sums(&c, in);
	}
	check_sums(&c, in);
}

static void counters_do_not_overflow_within_one_tick(void **state)
{
	struct cache c = { 0 };
	struct sums in[KEYS] = { 0 };

	(void)state;
	for (int i = 0; i < 150000; i++) {
		struct pk_flow_step step = { .packets = 65535, .bytes = 1 };

		feed(&c, 1, 5, step);
		in[1].packets += step.packets;
		in[1].bytes += step.bytes;
	}
	check_sums(&c, in);
	assert_true(in[1].packets > UINT32_MAX);
}

/* --- small things ---------------------------------------------------------------- */

static void a_reason_is_counted_in_its_place_and_never_outside(void **state)
{
	struct pk_plane_counters count;

	(void)state;
	memset(&count, 0, sizeof(count));
	for (int reason = 0; reason < 256; reason++)
		pk_count_reason(&count, (uint8_t)reason);
	for (int i = 0; i < PK_REASONS_MAX; i++)
		assert_true(count.reason[i] == 256 / PK_REASONS_MAX);
	assert_true(count.seen == 0 && count.sweeps == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_its_tick_and_an_offset),
		cmocka_unit_test(a_set_is_two_lines_within_the_cache),
		cmocka_unit_test(every_byte_of_a_key_tells_flows_apart),
		cmocka_unit_test(chosen_keys_do_not_collide),
		cmocka_unit_test(the_place_given_up_is_free_then_oldest),
		cmocka_unit_test(a_line_closes_for_each_of_its_reasons),
		cmocka_unit_test(a_line_closes_before_its_counters_overflow),
		cmocka_unit_test(a_line_keeps_first_last_and_all_flags),
		cmocka_unit_test(a_line_is_due_when_its_tick_is_over),
		cmocka_unit_test(a_role_is_reported_once_a_line_and_generation),
		cmocka_unit_test(a_line_idle_for_15_s_reports_again),
		cmocka_unit_test(reports_agree_with_a_twin_that_remembers),
		cmocka_unit_test(
			packets_and_bytes_in_are_out_or_resident_at_any_moment),
		cmocka_unit_test(counters_do_not_overflow_within_one_tick),
		cmocka_unit_test(
			a_reason_is_counted_in_its_place_and_never_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
