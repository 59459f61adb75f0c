/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image's own arithmetic, on blocks filled by hand. What the builder makes
 * of real sets is tested in test_builder.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/match.h"
#include "tools/gen/splitmix.h"

enum { SEED = 99, BUCKETS = 8, BLOCK_LINES = 64, KEYS = 24 };

/* Lines 0 and 1 are the head; then 4 lines of filter, then 8 of each table. */
struct block {
	struct pk_line line[BLOCK_LINES];
	struct pk_image_head head;
};

static void begin(struct block *b)
{
	memset(b, 0, sizeof(*b));
	b->head = (struct pk_image_head){
		.magic = PK_IMAGE_MAGIC,
		.lines = 6 + 3 * BUCKETS,
		.shared_lines = 6 + 3 * BUCKETS,
		.filter_line = PK_HEAD_LINES,
		.filter_words = 32,
		.v4_line = 6,
		.v4_buckets = BUCKETS,
		.v6_line = 6 + BUCKETS,
		.v6_buckets = BUCKETS,
		.name_line = 6 + 2 * BUCKETS,
		.name_buckets = BUCKETS,
		.seed = SEED,
	};
}

static void pass_filter(struct block *b, uint64_t hash)
{
	uint32_t word = pk_filter_word(hash, b->head.filter_words);

	b->line[b->head.filter_line + word / 8].q[word % 8] |=
		pk_filter_mask(hash);
	b->head.items++;
}

static struct pk_line *bucket(struct block *b, uint32_t first, uint64_t hash,
			      bool second)
{
	uint64_t h = pk_bucket_hash(hash);

	return &b->line[first + (second ? pk_bucket_two(h, BUCKETS)
					: pk_bucket_one(h, BUCKETS))];
}

static void put_v4(struct block *b, uint32_t key, uint32_t id, int way,
		   bool second)
{
	uint64_t hash = pk_hash_v4(SEED, key);
	struct pk_line *line = bucket(b, b->head.v4_line, hash, second);

	line->w[way] = key;
	line->w[8 + way] = id;
	pass_filter(b, hash);
}

static void put_v6(struct block *b, const union pk_addr *a, uint32_t id,
		   int way, bool second)
{
	uint64_t hash = pk_hash_v6(SEED, a->q[0], a->q[1]);
	struct pk_line *line = bucket(b, b->head.v6_line, hash, second);

	line->q[2 * way] = a->q[0];
	line->q[2 * way + 1] = a->q[1];
	line->w[12 + way] = id;
	pass_filter(b, hash);
}

static void put_name(struct block *b, uint64_t key, uint32_t id, int way,
		     bool second)
{
	struct pk_line *line = bucket(b, b->head.name_line, key, second);

	line->q[way] = key;
	line->w[10 + way] = id;
	pass_filter(b, key);
}

static union pk_addr addr_v4(uint32_t key)
{
	union pk_addr a = { .b = { [10] = 0xff, [11] = 0xff } };

	a.w[3] = key;
	return a;
}

static uint32_t look(const struct block *b, const union pk_addr *a)
{
	int v4 = pk_is_v4(a);

	return pk_image_addr(b->line, &b->head, pk_hash_addr(SEED, a, v4), a,
			     v4);
}

/* --- arithmetic --------------------------------------------------------------- */

static void a_mask_is_all_ones_for_zero_alone(void **state)
{
	uint64_t random = 1;

	(void)state;
	assert_true(pk_mask_if_zero(0) == UINT64_MAX);
	for (int bit = 0; bit < 64; bit++) {
		assert_true(pk_mask_if_zero(1ULL << bit) == 0);
		assert_true(pk_mask_if_zero(UINT64_MAX << bit) == 0);
	}
	for (int i = 0; i < 10000; i++)
		assert_true(pk_mask_if_zero(pk_splitmix_next(&random) | 1) ==
			    0);
}

static void scaling_covers_the_range_and_never_leaves_it(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 3, 900, 1 << 20, UINT32_MAX };
	uint64_t random = 2;

	(void)state;
	for (int s = 0; s < 6; s++) {
		uint32_t n = sizes[s];

		assert_int_equal(pk_scale(0, n), 0);
		assert_int_equal(pk_scale(UINT32_MAX, n), n - 1);
		for (int i = 0; i < 10000; i++) {
			uint64_t h = pk_splitmix_next(&random);

			assert_true(pk_filter_word(h, n) < n);
			assert_true(pk_bucket_one(h, n) < n);
			assert_true(pk_bucket_two(h, n) < n);
		}
	}
	assert_int_equal(pk_scale(UINT32_MAX, 0), 0);
}

static void a_filter_mask_has_one_to_four_bits_of_its_own(void **state)
{
	uint64_t random = 3, seen = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t mask = pk_filter_mask(pk_splitmix_next(&random));

		assert_in_range(__builtin_popcountll(mask), 1, 4);
		seen |= mask;
	}
	assert_true(seen == UINT64_MAX);
}

/* Keys of one filter word must not all fall into the same buckets. */
static void the_two_buckets_are_independent_of_filter_and_each_other(
	void **state)
{
	enum { N = 64, SAMPLES = 64 * 64 * 16 };
	static uint32_t both[N][N], filter[N][N];
	uint64_t random = 4;

	(void)state;
	for (int i = 0; i < SAMPLES; i++) {
		uint64_t hash = pk_splitmix_next(&random);
		uint64_t b = pk_bucket_hash(hash);

		both[pk_bucket_one(b, N)][pk_bucket_two(b, N)]++;
		filter[pk_filter_word(hash, N)][pk_bucket_one(b, N)]++;
	}
	for (int i = 0; i < N * N; i++) {
		assert_in_range(both[i / N][i % N], 1, 60);
		assert_in_range(filter[i / N][i % N], 1, 60);
	}
}

static void a_seed_changes_every_hash(void **state)
{
	uint64_t random = 5;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		union pk_addr a = { .q = { pk_splitmix_next(&random),
					   pk_splitmix_next(&random) } };

		assert_true(pk_hash_addr(1, &a, 1) != pk_hash_addr(2, &a, 1));
		assert_true(pk_hash_addr(1, &a, 0) != pk_hash_addr(2, &a, 0));
	}
	assert_true(pk_name_begin(1) != pk_name_begin(2));
}

static void only_the_mapped_prefix_is_v4(void **state)
{
	union pk_addr a = addr_v4(0x01020304);

	(void)state;
	assert_true(pk_is_v4(&a));
	for (int byte = 0; byte < 12; byte++) {
		a.b[byte] ^= 1;
		assert_false(pk_is_v4(&a));
		a.b[byte] ^= 1;
	}
}

static void a_word_holds_base_delta_and_generation(void **state)
{
	(void)state;
	for (uint32_t base = 0; base < PK_IMAGE_BASES; base++) {
		for (uint32_t delta = 0; delta < PK_IMAGE_DELTAS; delta++) {
			for (uint64_t gen = 0; gen < 1ULL << 55;
			     gen = gen * 3 + 1) {
				uint64_t w = pk_word_make(gen, base, delta);

				assert_int_equal(pk_word_base(w), base);
				assert_int_equal(pk_word_delta(w),
						 PK_IMAGE_BASES + delta);
				assert_true(pk_word_generation(w) == gen);
			}
		}
	}
}

/* --- names ---------------------------------------------------------------------- */

static uint64_t name_of(const char *const *labels, int count)
{
	uint64_t h = pk_name_begin(SEED);

	for (int i = 0; i < count; i++)
		h = pk_name_step(h, (const uint8_t *)labels[i],
				 (uint32_t)strlen(labels[i]));
	return h;
}

static void a_name_hash_depends_on_labels_and_their_borders(void **state)
{
	static const char *const names[][3] = {
		{ "com", "ab", "c" }, { "com", "a", "bc" },
		{ "com", "abc", "" }, { "com", "c", "ab" },
		{ "co", "mab", "c" }, { "ab", "com", "c" },
	};
	uint64_t hash[6];

	(void)state;
	for (int i = 0; i < 6; i++) {
		hash[i] = name_of(names[i], 3);
		for (int k = 0; k < i; k++)
			assert_true(hash[i] != hash[k]);
		assert_true(hash[i] != pk_name_subdomains(hash[i]));
		/* A suffix is a step on the way. */
		assert_true(pk_name_step(name_of(names[i], 2),
					 (const uint8_t *)names[i][2],
					 (uint32_t)strlen(names[i][2])) ==
			    hash[i]);
	}
}

static void every_byte_of_a_label_counts(void **state)
{
	uint8_t label[63];
	uint64_t h;

	(void)state;
	memset(label, 'x', sizeof(label));
	h = pk_name_step(1, label, 63);
	for (uint32_t i = 0; i < 63; i++) {
		label[i] = 'y';
		assert_true(pk_name_step(1, label, 63) != h);
		label[i] = 'x';
		assert_true(pk_name_step(1, label, i) != h);
	}
}

static void the_faster_step_gives_the_same(void **state)
{
	uint64_t random = 8;
	uint8_t bytes[128];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t r = pk_splitmix_next(&random);
		uint32_t len = r % 64, before = (uint32_t)(r >> 8) % 20;

		for (uint32_t k = 0; k < before + len; k++)
			bytes[k] = (uint8_t)(r >> (k % 50));
		assert_true(pk_name_step_in(r, bytes + before, len, before) ==
			    pk_name_step(r, bytes + before, len));
	}
}

/* --- look-up ---------------------------------------------------------------------- */

static void a_key_is_found_in_every_way_of_both_buckets(void **state)
{
	struct block b;

	(void)state;
	for (int i = 0; i < 16; i++) {
		union pk_addr a = addr_v4(0xc0000200U + (uint32_t)i);
		union pk_addr six = { .b = { 0x20, 1, [15] = (uint8_t)i } };
		uint64_t name = pk_mix((uint64_t)i + 1);

		begin(&b);
		put_v4(&b, a.w[3], 7, i % PK_V4_WAYS, i >= 8);
		put_v6(&b, &six, 8, i % PK_V6_WAYS, i >= 8);
		put_name(&b, name, PK_SLOT_MAX, i % PK_NAME_WAYS, i >= 8);
		assert_int_equal(look(&b, &a), 7);
		assert_int_equal(look(&b, &six), 8);
		assert_int_equal(pk_image_name(b.line, &b.head, name, name),
				 PK_SLOT_MAX);
		a.w[3] ^= 0x100;
		six.b[14] = 1;
		assert_int_equal(look(&b, &a), 0);
		assert_int_equal(look(&b, &six), 0);
		assert_int_equal(
			pk_image_name(b.line, &b.head, name ^ 1, name ^ 1), 0);
	}
}

static void free_places_do_not_match_the_zero_address(void **state)
{
	union pk_addr four = addr_v4(0), six = { .q = { 0, 0 } };
	struct block b;

	(void)state;
	begin(&b);
	memset(&b.line[PK_HEAD_LINES], 0xff, 4 * sizeof(struct pk_line));
	b.head.items = 1;
	assert_int_equal(look(&b, &four), 0);
	assert_int_equal(look(&b, &six), 0);
	assert_int_equal(pk_image_name(b.line, &b.head, 0, 0), 0);
	put_v4(&b, 0, 3, 7, true);
	put_v6(&b, &six, 4, 2, true);
	assert_int_equal(look(&b, &four), 3);
	assert_int_equal(look(&b, &six), 4);
}

/* Every line would match these, were it read. */
static void an_absent_table_holds_nothing(void **state)
{
	union pk_addr four = addr_v4(UINT32_MAX);
	union pk_addr six = { .q = { UINT64_MAX, UINT64_MAX } };
	struct block b;

	(void)state;
	begin(&b);
	memset(&b.line[PK_HEAD_LINES], 0xff,
	       sizeof(b.line) - PK_HEAD_LINES * sizeof(b.line[0]));
	b.head.items = 1;
	b.head.v4_buckets = b.head.v6_buckets = b.head.name_buckets = 0;
	assert_int_equal(look(&b, &four), 0);
	assert_int_equal(look(&b, &six), 0);
	assert_int_equal(pk_image_name(b.line, &b.head, UINT64_MAX, UINT64_MAX),
			 0);
}

static void without_items_no_line_is_read(void **state)
{
	union pk_addr four = addr_v4(1);
	struct pk_image_head head = { .lines = 1 };
	struct pk_view v = { NULL, NULL, &head, &head, 1 };

	(void)state;
	assert_int_equal(pk_view_addr(&v, &four), 0);
	assert_int_equal(pk_view_name(&v, 1, 1), 0);
}

/* The slow twin: every place of every bucket, filter or not. */
static uint32_t scan_v4(const struct block *b, uint32_t key)
{
	for (uint32_t i = 0; i < BUCKETS * PK_V4_WAYS; i++) {
		const struct pk_line *l = &b->line[b->head.v4_line + i / 8];

		if (l->w[8 + i % 8] && l->w[i % 8] == key)
			return l->w[8 + i % 8];
	}
	return 0;
}

static void look_ups_agree_with_a_scan_of_all_places(void **state)
{
	uint64_t random = 6;
	struct block b;

	(void)state;
	for (int round = 0; round < 500; round++) {
		begin(&b);
		for (uint32_t i = 1; i <= KEYS; i++) {
			uint64_t r = pk_splitmix_next(&random);

			if (!scan_v4(&b, (uint32_t)(r >> 8 & 127)))
				put_v4(&b, (uint32_t)(r >> 8 & 127), i, r & 7,
				       r >> 3 & 1);
		}
		for (uint32_t key = 0; key < 128; key++) {
			union pk_addr a = addr_v4(key);

			assert_int_equal(look(&b, &a), scan_v4(&b, key));
		}
	}
}

/* Look-ups stay inside the block, whatever its head and lines say. */
static void a_corrupt_head_reads_nothing_outside(void **state)
{
	enum { COUNT = 5 };
	struct pk_line *lines = aligned_alloc(64, COUNT * sizeof(*lines));
	uint64_t random = 7;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct pk_image_head head;
		uint64_t words[sizeof(head) / 8];
		struct pk_view v;
		union pk_addr a;

		for (size_t k = 0; k < sizeof(head) / 8; k++)
			words[k] = pk_splitmix_next(&random) >> (random & 63);
		memcpy(&head, words, sizeof(head));
		memset(lines, i & 1 ? 0xff : 0, COUNT * sizeof(*lines));
		head.items |= 1;
		head.lines = (uint32_t)(i % (COUNT + 1));
		a.q[0] = i & 2 ? pk_splitmix_next(&random) : 0;
		a.q[1] = pk_splitmix_next(&random);
		v = (struct pk_view){ lines, lines, &head, &head, 1 };
		pk_image_addr(lines, &head, pk_hash_addr(1, &a, 0), &a, 0);
		pk_image_addr(lines, &head, pk_hash_addr(1, &a, 1), &a, 1);
		pk_view_match(&v, &a, 80);
		a.q[0] = 0;
		a.w[2] = 0xffff0000;
		pk_view_match(&v, &a, 80);
		pk_image_name(lines, &head, a.q[1], a.q[0]);
	}
	free(lines);
}

/* --- base and delta ------------------------------------------------------------------ */

static struct pk_view view_of(const struct block *base,
			      const struct block *delta)
{
	return (struct pk_view){ base->line, delta->line, &base->head,
				 &delta->head, 1 };
}

static void the_delta_speaks_before_the_base(void **state)
{
	union pk_addr a = addr_v4(10), c = addr_v4(11), d = addr_v4(12);
	union pk_addr six = { .q = { 1, 2 } }, six_gone = { .q = { 3, 4 } };
	struct block base, delta;
	struct pk_view v;

	(void)state;
	begin(&base);
	begin(&delta);
	v = view_of(&base, &delta);
	put_v4(&base, 10, 1, 0, false);
	put_v4(&base, 11, 2, 1, true);
	put_v6(&base, &six_gone, 4, 0, false);
	put_name(&base, 77, 5, 0, false);
	put_name(&base, 78, 6, 1, true);
	put_v4(&delta, 10, PK_TOMBSTONE, 0, true);
	put_v4(&delta, 11, 20, 1, false);
	put_v4(&delta, 12, 30, 2, false);
	put_v6(&delta, &six, 40, 1, true);
	put_v6(&delta, &six_gone, PK_TOMBSTONE, 2, false);
	put_name(&delta, 77, PK_TOMBSTONE, 0, true);
	put_name(&delta, 79, 50, 2, false);
	assert_int_equal(pk_view_addr(&v, &a), PK_NO_SLOT);
	assert_int_equal(pk_view_addr(&v, &c), 20);
	assert_int_equal(pk_view_addr(&v, &d), 30);
	assert_int_equal(pk_view_addr(&v, &six), 40);
	assert_int_equal(pk_view_addr(&v, &six_gone), PK_NO_SLOT);
	assert_int_equal(pk_view_name(&v, 77, 77), PK_NO_SLOT);
	assert_int_equal(pk_view_name(&v, 78, 78), 6);
	assert_int_equal(pk_view_name(&v, 79, 79), 50);
	delta.head.items = 0; /* an empty delta says nothing */
	assert_int_equal(pk_view_addr(&v, &a), 1);
	assert_int_equal(pk_view_addr(&v, &c), 2);
	assert_int_equal(pk_view_addr(&v, &d), PK_NO_SLOT);
	assert_int_equal(pk_view_name(&v, 77, 77), 5);
}

static void a_tombstone_without_a_base_hides_nothing_else(void **state)
{
	union pk_addr a = addr_v4(10), b = addr_v4(11);
	struct block base, delta;
	struct pk_view v;

	(void)state;
	begin(&base);
	begin(&delta);
	v = view_of(&base, &delta);
	put_v4(&delta, 10, PK_TOMBSTONE, 3, false);
	put_v4(&base, 11, 9, 3, false);
	assert_int_equal(pk_view_addr(&v, &a), PK_NO_SLOT);
	assert_int_equal(pk_view_addr(&v, &b), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mask_is_all_ones_for_zero_alone),
		cmocka_unit_test(scaling_covers_the_range_and_never_leaves_it),
		cmocka_unit_test(a_filter_mask_has_one_to_four_bits_of_its_own),
		cmocka_unit_test(
			the_two_buckets_are_independent_of_filter_and_each_other),
		cmocka_unit_test(a_seed_changes_every_hash),
		cmocka_unit_test(only_the_mapped_prefix_is_v4),
		cmocka_unit_test(a_word_holds_base_delta_and_generation),
		cmocka_unit_test(
			a_name_hash_depends_on_labels_and_their_borders),
		cmocka_unit_test(every_byte_of_a_label_counts),
		cmocka_unit_test(the_faster_step_gives_the_same),
		cmocka_unit_test(a_key_is_found_in_every_way_of_both_buckets),
		cmocka_unit_test(free_places_do_not_match_the_zero_address),
		cmocka_unit_test(an_absent_table_holds_nothing),
		cmocka_unit_test(without_items_no_line_is_read),
		cmocka_unit_test(look_ups_agree_with_a_scan_of_all_places),
		cmocka_unit_test(a_corrupt_head_reads_nothing_outside),
		cmocka_unit_test(the_delta_speaks_before_the_base),
		cmocka_unit_test(a_tombstone_without_a_base_hides_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
