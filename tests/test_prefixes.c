/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prefixes: the trie against a linear search, by hand-made cases (also run
 * through the kernel by bpf_match) and by millions of random ones.
 */
#include "tests/image_world.h"
#include "tests/prefix_rows.h"

#include "ioc/image/prefixes.h"

static void check(struct world *w, uint64_t questions)
{
	struct pk_view v = world_view(w);

	for (uint64_t i = 0; i < questions; i++) {
		union pk_addr a = world_question(w);
		uint16_t port = (uint16_t)(world_draw(w) % 4);

		assert_int_equal(pk_view_match(&v, &a, port),
				 world_match(w, &a, port));
	}
}

/* Let the prefixes of length 0 live, or not. */
static void widen(struct world *w, bool wide)
{
	w->item[w->count - 1].live = w->item[w->count - 2].live = wide;
}

/* X29 */
static void every_row_of_the_table_holds(void **state)
{
	struct world w;

	(void)state;
	assert_true(PREFIX_ROWS >= 200);
	world_init(&w, 1, PREFIX_INDICATORS);
	prefix_rows_fill(&w);
	for (int wide = 0; wide < 2; wide++) {
		widen(&w, wide);
		world_build_base(&w);
		prefix_rows_check(&w, wide);
	}
	world_fini(&w);
}

/* The same rows, with a part of the prefixes in the base and too many there. */
static void every_row_holds_when_parts_are_in_a_delta(void **state)
{
	struct world w;

	(void)state;
	for (unsigned round = 0; round < 64; round++) {
		world_init(&w, 2 + round, PREFIX_INDICATORS);
		prefix_rows_fill(&w);
		for (uint32_t i = 0; i < w.count; i++)
			w.item[i].live = world_draw(&w) & 1;
		world_build_base(&w);
		for (uint32_t i = 0; i < w.count; i++)
			w.item[i].live = true;
		widen(&w, round & 1);
		world_build_delta(&w);
		prefix_rows_check(&w, round & 1);
		world_fini(&w);
	}
}

/* A stride to fill: its first byte, and the length of prefixes in it. */
static const struct stride {
	unsigned at, bits;
	bool v4;
} strides[] = {
	{ 12, 16, true },  /* the first of IPv4 */
	{ 14, 31, true },  /* the second: each prefix takes two values */
	{ 4, 48, false },  /* the third of IPv6 */
	{ 14, 127, false } /* the last */
};

static union pk_addr at_value(const struct stride *s, uint32_t value)
{
	union pk_addr a = { .q = { 0 } };

	if (s->v4)
		a.b[10] = a.b[11] = 0xff;
	a.b[s->at] = (uint8_t)(value >> 8);
	a.b[s->at + 1] = (uint8_t)value;
	return a;
}

/* Prefix number @i: first every second value, then those between. */
static uint32_t value_of(uint32_t i)
{
	return i < 32768 ? 2 * i : 2 * (i - 32768) + 1;
}

static void fill_stride(const struct stride *s, uint32_t count,
			struct pk_prefix_list *list)
{
	for (uint32_t i = 0; i < count; i++) {
		union pk_addr a = at_value(s, value_of(i));
		uint64_t q[2] = { s->v4 ? a.w[3] : a.q[0], a.q[1] };
		int err = s->v4 ? pk_prefixes_add4(list, q, s->bits, i + 1)
				: pk_prefixes_add6(list, q, s->bits, i + 1);

		assert_int_equal(err, 0);
	}
}

static void check_stride(const struct stride *s, uint32_t count)
{
	struct pk_prefix_list list = { 0 };
	struct pk_image_head h = { 0 };
	struct pk_trie t = { 0 };
	uint32_t *root = s->v4 ? &h.net4_root : &h.net6_root;
	static uint32_t want[65536];
	bool pairs = s->bits % 16 == 15;
	unsigned above = (s->at - (s->v4 ? 12 : 0)) / 2; /* strides */

	memset(want, 0, sizeof(want));
	fill_stride(s, count, &list);
	for (uint32_t i = count; i--;) {
		want[value_of(i)] = i + 1;
		if (pairs) /* of two equal ones the lower slot */
			want[value_of(i) ^ 1] = want[value_of(i)];
	}
	assert_int_equal(pk_trie_add(&t, &list, s->v4 ? 2 : 8, root), 0);
	h.lines = t.count;
	assert_true(t.steps <= above + PK_NET_STRIDE);
	for (uint32_t value = 0; value < 65536; value++) {
		union pk_addr a = at_value(s, value);

		assert_int_equal(pk_image_net(t.lines, &h, &a, s->v4) &
					 PK_SLOT_MAX,
				 want[value]);
	}
	pk_trie_free(&t);
	pk_prefixes_clear(&list);
}

/* Sizes around those where another kind of node begins. */
static void nodes_of_every_size_agree(void **state)
{
	static const uint32_t sizes[] = { 1,   5,    6,	   11,	 12,	60,
					  61,  66,   600,  665,	 666,	700,
					  726, 7300, 7321, 7990, 30000, 65536 };

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (unsigned k = 0; k < 4; k++)
			check_stride(&strides[k], sizes[i]);
}

static void random_prefixes_agree_with_a_linear_search(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 3, 10, 50, 300, 1500 };
	struct world w;

	(void)state;
	for (unsigned round = 0; round < 7 * 12; round++) {
		world_init(&w, 100 + round, 2000);
		world_fill(&w, W_NET, sizes[round % 7]);
		if (round & 1) { /* and one of them covers everything */
			world_cut(&w.item[0].addr, 0);
			w.item[0].bits = 0;
		}
		world_build_base(&w);
		check(&w, 2000000 / sizes[round % 7] / 12 + 5000);
		world_fini(&w);
	}
}

/* The twin: all /24s, painted by each prefix in turn. */
struct painting {
	uint32_t slot[1 << 24];
	uint8_t len[1 << 24];
};

static void paint(struct painting *p, uint32_t first, unsigned bits,
		  uint32_t slot)
{
	for (uint32_t k = first; k < first + (1U << (24 - bits)); k++) {
		if (p->len[k] >= bits)
			continue;
		p->len[k] = (uint8_t)bits;
		p->slot[k] = slot;
	}
}

static void add_million(struct painting *p, struct pk_prefix_list *list)
{
	uint64_t random = 9;

	for (uint32_t slot = 1; slot <= 1000000; slot++) {
		uint64_t r = pk_splitmix_next(&random);
		/* Most are long, as most are. */
		unsigned bits = r >> 60 ? 24 : 8 + (unsigned)(r >> 40) % 17;
		uint32_t first = __builtin_bswap32((uint32_t)r) >> 8;
		uint64_t q[2] = { (uint32_t)r, 0 };

		assert_int_equal(pk_prefixes_add4(list, q, bits, slot), 0);
		paint(p, first >> (24 - bits) << (24 - bits), bits, slot);
	}
}

static void a_million_prefixes_agree_with_a_painting_of_all(void **state)
{
	struct painting *p = calloc(1, sizeof(*p));
	struct pk_prefix_list list = { 0 };
	struct pk_image_head h = { 0 };
	struct pk_trie t = { 0 };

	(void)state;
	assert_non_null(p);
	add_million(p, &list);
	assert_int_equal(pk_trie_add(&t, &list, 2, &h.net4_root), 0);
	h.lines = t.count;
	for (uint32_t k = 0; k < 1 << 24; k++) {
		union pk_addr a = { .b = { [10] = 0xff, [11] = 0xff } };

		a.w[3] = __builtin_bswap32(k << 8 | (k * 37 & 255));
		if (pk_image_net(t.lines, &h, &a, 1) !=
		    ((uint32_t)p->len[k] << PK_NET_LEN_SHIFT | p->slot[k]))
			fail_msg("/24 number %u", k);
	}
	print_message("# %u lines, %u steps\n", t.count, t.steps);
	pk_trie_free(&t);
	pk_prefixes_clear(&list);
	free(p);
}

static void the_bitmap_has_exactly_the_touched_twentieths(void **state)
{
	static struct pk_line touch[PK_TOUCH_LINES];
	struct pk_prefix_list list = { 0 };
	struct pk_image_head h = { .lines = PK_TOUCH_LINES };
	static uint8_t want[1 << 20];
	uint64_t random = 3;

	(void)state;
	memset(want, 0, sizeof(want));
	for (uint32_t i = 1; i < 3000; i++) {
		uint64_t r = pk_splitmix_next(&random);
		unsigned bits = 10 + (unsigned)(r >> 40) % 22;
		uint64_t q[2] = { (uint32_t)r, 0 };
		uint32_t n = bits < 20 ? 1U << (20 - bits) : 1;
		uint32_t first =
			__builtin_bswap32((uint32_t)r) >> 12 & ~(n - 1);

		assert_int_equal(pk_prefixes_add4(&list, q, bits, i), 0);
		memset(want + first, 1, n);
	}
	pk_prefixes_touch(&list, touch);
	for (uint32_t k = 0; k < 1 << 20; k++) {
		union pk_addr a = { .b = { [10] = 0xff, [11] = 0xff } };

		a.w[3] = __builtin_bswap32(k << 12 | (k * 7 & 0xfff));
		assert_int_equal(pk_is_touched(touch, &h, &a), want[k]);
	}
	pk_prefixes_clear(&list);
}

/* Prefixes come and go; some wider ones with them. */
static void deltas_of_prefixes_agree_with_a_linear_search(void **state)
{
	struct world w;

	(void)state;
	for (unsigned round = 0; round < 30; round++) {
		world_init(&w, 500 + round, 600);
		world_fill(&w, W_NET, round % 3 ? 60 : 600);
		world_stir(&w, w.count / 2);
		world_build_base(&w);
		check(&w, 1000);
		for (unsigned step = 0; step < 20; step++) {
			world_stir(&w, 1 + step * 2);
			world_build_delta(&w);
			check(&w, 3000);
		}
		world_fini(&w);
	}
}

static void a_trie_with_a_circle_ends(void **state)
{
	struct pk_line line[4] = { 0 };
	struct pk_image_head h = { .lines = 4, .net_lines = 4 };
	union pk_addr a = { .q = { 1, 2 } };

	(void)state;
	for (uint32_t kind = 0; kind < 4; kind++) {
		uint32_t circle = PK_NET_INNER | kind << PK_NET_KIND_SHIFT;

		for (int i = 0; i < 4; i++)
			for (int k = 0; k < 16; k++)
				line[i].w[k] = circle | (k & 3);
		h.net6_root = circle;
		assert_int_equal(pk_image_net(line, &h, &a, 0), 0);
		h.net6_root = circle | PK_NET_LINE;
		assert_int_equal(pk_image_net(line, &h, &a, 0), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_table_holds),
		cmocka_unit_test(every_row_holds_when_parts_are_in_a_delta),
		cmocka_unit_test(nodes_of_every_size_agree),
		cmocka_unit_test(random_prefixes_agree_with_a_linear_search),
		cmocka_unit_test(
			a_million_prefixes_agree_with_a_painting_of_all),
		cmocka_unit_test(the_bitmap_has_exactly_the_touched_twentieths),
		cmocka_unit_test(deltas_of_prefixes_agree_with_a_linear_search),
		cmocka_unit_test(a_trie_with_a_circle_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
