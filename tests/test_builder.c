/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/builder.h"
#include "ioc/name.h"
#include "ioc/store.h"

static uint64_t rng;

static uint64_t draw(void)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return rng >> 16 ^ rng << 40;
}

/* A random indicator of a type; two calls hardly ever give the same. */
static struct pk_indicator make(enum pk_indicator_type type)
{
	struct pk_indicator ind;
	char text[80];

	pk_indicator_init(&ind);
	if (type == PK_INDICATOR_DOMAIN) {
		sprintf(text, "h%x.d%x.example", (unsigned)(draw() & 0xffff),
			(unsigned)draw());
		assert_int_equal(
			pk_indicator_parse_name(&ind, text, strlen(text)), 0);
		ind.subdomains = draw() & 1;
		return ind;
	}
	ind.type = (uint8_t)type;
	ind.addr.q[0] = type == PK_INDICATOR_IPV6 ? draw() | 1 : 0;
	ind.addr.q[1] = draw();
	if (type == PK_INDICATOR_IPV4) {
		ind.addr.w[2] = 0;
		ind.addr.b[10] = 0xff;
		ind.addr.b[11] = 0xff;
	}
	return ind;
}

static struct pk_indicator make_any(void)
{
	return make((enum pk_indicator_type)(draw() % 3));
}

static uint32_t look(const struct pk_view *v, const struct pk_indicator *ind)
{
	uint64_t key;

	if (ind->type != PK_INDICATOR_DOMAIN)
		return pk_view_addr(v, &ind->addr);
	key = pk_name_hash(v->base_head->seed, ind->name);
	return pk_view_name(v, ind->subdomains ? pk_name_subdomains(key) : key);
}

struct fixture {
	struct pk_store *store;
	struct pk_block base, delta;
	struct pk_view view;
};

static void begin(struct fixture *f, uint64_t seed)
{
	*f = (struct fixture){ 0 };
	rng = seed;
	assert_int_equal(pk_store_new(&f->store, seed), 0);
}

static void take(struct fixture *f)
{
	f->view = (struct pk_view){
		.base = f->base.lines,
		.delta = f->delta.lines,
		.base_head = f->base.head,
		.delta_head = f->delta.head,
	};
}

static void build_both(struct fixture *f)
{
	pk_block_free(&f->base);
	pk_block_free(&f->delta);
	assert_int_equal(pk_builder_base(f->store, &f->base), 0);
	pk_store_settle(f->store);
	assert_int_equal(pk_builder_delta(f->store, &f->delta), 0);
	assert_int_equal(pk_block_check(f->base.lines, f->base.count), 0);
	assert_int_equal(pk_block_check(f->delta.lines, f->delta.count), 0);
	take(f);
}

static void build_delta(struct fixture *f)
{
	pk_block_free(&f->delta);
	assert_int_equal(pk_builder_delta(f->store, &f->delta), 0);
	assert_int_equal(pk_block_check(f->delta.lines, f->delta.count), 0);
	take(f);
}

static void end(struct fixture *f)
{
	pk_block_free(&f->base);
	pk_block_free(&f->delta);
	pk_store_free(f->store);
}

static void fill(struct fixture *f, uint32_t count)
{
	while (count--) {
		struct pk_indicator ind = make_any();

		assert_true(pk_store_add(f->store, &ind, NULL) != -ENOMEM);
	}
}

/* Every live indicator is found under its slot. */
static void all_are_found(struct fixture *f)
{
	struct pk_indicator ind;
	uint32_t slot = 0;

	while ((slot = pk_store_next(f->store, slot))) {
		assert_int_equal(pk_store_get(f->store, slot, &ind), 0);
		assert_int_equal(look(&f->view, &ind), slot);
	}
}

/* What the store does not hold is not found: the store is the twin here. */
static void others_are_not_found(struct fixture *f, unsigned count)
{
	while (count--) {
		struct pk_indicator ind = make_any();

		assert_int_equal(look(&f->view, &ind),
				 pk_store_find(f->store, &ind));
	}
}

static void every_size_holds_all_and_nothing_else(void **state)
{
	static const uint32_t sizes[] = { 0,  1,  2,   3,    7,	    8,	   9,
					  17, 64, 100, 1000, 10000, 200000 };
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin(&f, 1000 + i);
		fill(&f, sizes[i]);
		build_both(&f);
		assert_int_equal(f.base.collisions, 0);
		all_are_found(&f);
		others_are_not_found(&f, 200000);
		end(&f);
	}
}

/* The slow twin proper: a linear search over the added values. */
static uint32_t linear(const struct pk_indicator *all, const bool *live,
		       uint32_t count, const struct pk_indicator *ind)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct pk_indicator *a = &all[i];

		if (!live[i] || a->type != ind->type)
			continue;
		if (a->type == PK_INDICATOR_DOMAIN
			    ? a->subdomains == ind->subdomains &&
				      a->name_len == ind->name_len &&
				      !memcmp(a->name, ind->name, a->name_len)
			    : !memcmp(&a->addr, &ind->addr, sizeof(a->addr)))
			return a->slot;
	}
	return 0;
}

static void deltas_over_a_base_agree_with_a_linear_search(void **state)
{
	enum { COUNT = 2000 };
	static struct pk_indicator all[COUNT];
	static bool live[COUNT];
	struct fixture f;

	(void)state;
	begin(&f, 5);
	memset(live, 0, sizeof(live));
	for (uint32_t i = 0; i < COUNT; i++)
		all[i] = make_any();
	build_both(&f);
	for (int round = 0; round < 40; round++) {
		for (int n = 0; n < 200; n++) {
			uint32_t i = (uint32_t)(draw() % COUNT);

			if (live[i])
				pk_store_del(f.store, &all[i], PK_ALL_FEEDS);
			else
				pk_store_add(f.store, &all[i], &all[i].slot);
			live[i] = !live[i];
		}
		if (round % 7 == 6)
			build_both(&f);
		else
			build_delta(&f);
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(look(&f.view, &all[i]),
					 linear(all, live, COUNT, &all[i]));
	}
	end(&f);
}

static void an_address_of_v4_does_not_match_as_v6(void **state)
{
	struct fixture f;
	struct pk_indicator v4 = make(PK_INDICATOR_IPV4);
	union pk_addr other = v4.addr;

	(void)state;
	begin(&f, 6);
	pk_store_add(f.store, &v4, NULL);
	build_both(&f);
	assert_int_equal(pk_view_addr(&f.view, &v4.addr), 1);
	other.b[10] = 0;
	assert_int_equal(pk_view_addr(&f.view, &other), 0);
	end(&f);
}

static void a_tombstone_hides_and_a_new_base_forgets_it(void **state)
{
	struct pk_indicator ind = make(PK_INDICATOR_IPV4);
	struct fixture f;

	(void)state;
	begin(&f, 8);
	pk_store_add(f.store, &ind, NULL);
	build_both(&f);
	assert_int_equal(look(&f.view, &ind), 1);
	pk_store_del(f.store, &ind, PK_ALL_FEEDS);
	build_delta(&f);
	assert_int_equal(f.delta.head->items, 1);
	assert_int_equal(look(&f.view, &ind), 0);
	build_both(&f);
	assert_int_equal(f.base.head->items, 0);
	assert_int_equal(f.delta.head->items, 0);
	assert_int_equal(look(&f.view, &ind), 0);
	end(&f);
}

static void a_delta_beyond_its_limit_is_refused(void **state)
{
	struct pk_block block = { 0 };
	struct fixture f;
	uint32_t slot;

	(void)state;
	begin(&f, 9);
	for (uint32_t i = 0; i < PK_DELTA_MAX; i++) {
		struct pk_indicator ind = make(PK_INDICATOR_IPV4);

		ind.addr.w[3] = i;
		pk_store_add(f.store, &ind, &slot);
	}
	build_both(&f);
	for (uint32_t i = 0; i < PK_DELTA_MAX; i++) {
		struct pk_indicator ind = make(PK_INDICATOR_IPV4);

		ind.addr.w[3] = i;
		pk_store_del(f.store, &ind, PK_ALL_FEEDS);
	}
	build_delta(&f);
	assert_int_equal(f.delta.head->items, PK_DELTA_MAX);
	fill(&f, 1);
	assert_int_equal(pk_builder_delta(f.store, &block), -E2BIG);
	assert_null(block.lines);
	end(&f);
}

static void loads_and_filter_are_as_designed(void **state)
{
	const struct pk_image_head *h;
	struct pk_store_stats st;
	struct fixture f;

	(void)state;
	begin(&f, 10);
	fill(&f, 200000);
	build_both(&f);
	pk_store_stats(f.store, &st);
	h = f.base.head;
	/* No growth by retries: the wanted load to the bucket. */
	assert_true(st.by_type[PK_INDICATOR_IPV4] >=
		    (h->v4_buckets - 1) * PK_V4_WAYS * 0.90);
	assert_true(st.by_type[PK_INDICATOR_IPV6] >=
		    (h->v6_buckets - 1) * PK_V6_WAYS * 0.86);
	assert_true(st.by_type[PK_INDICATOR_DOMAIN] >=
		    (h->name_buckets - 1) * PK_NAME_WAYS * 0.88);
	assert_true(h->filter_words * 64ULL >= st.live * 14ULL);
	assert_true(h->filter_words * 64ULL < st.live * 14ULL + 1024);
	assert_int_equal(h->filter_words % 8, 0);
	end(&f);
}

static void a_large_filter_shrinks_to_eight_bits_and_not_below(void **state)
{
	static const uint32_t sizes[] = { 1300000, 2500000 };
	static const uint64_t bits[] = { 2 << 23, 2500000 * 8 };
	struct pk_indicator ind = make(PK_INDICATOR_IPV4);
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin(&f, 11);
		for (uint32_t n = 0; n < sizes[i]; n++) {
			ind.addr.w[3] = n * 2654435761U;
			pk_store_add(f.store, &ind, NULL);
		}
		build_both(&f);
		assert_int_equal(f.base.head->items, sizes[i]);
		assert_true(f.base.head->filter_words * 64ULL >= bits[i]);
		assert_true(f.base.head->filter_words * 64ULL < bits[i] + 1024);
		all_are_found(&f);
		end(&f);
	}
}

/*
 * Pathological input: more keys than two buckets hold, all of which want the
 * same two buckets at the designed size. The table must grow, not lose.
 */
static void keys_that_share_both_buckets_make_the_table_grow(void **state)
{
	enum { SEED = 77, KEYS = 7200 * 9 / 10, BUCKETS = 900 };
	struct pk_indicator ind = make(PK_INDICATOR_IPV4);
	uint32_t crowd = 0, others = 0;
	struct fixture f;

	(void)state;
	begin(&f, SEED);
	for (uint32_t key = 0; crowd < 40 || others < KEYS - 40; key++) {
		uint64_t b = pk_bucket_hash(pk_hash_v4(SEED, key));
		bool same = pk_bucket_one(b, BUCKETS) < 2 &&
			    pk_bucket_two(b, BUCKETS) < 2;

		if (same ? crowd >= 40 : others >= KEYS - 40)
			continue;
		crowd += same;
		others += !same;
		ind.addr.w[3] = key;
		assert_int_equal(pk_store_add(f.store, &ind, NULL), 0);
	}
	build_both(&f);
	assert_true(f.base.head->v4_buckets > BUCKETS);
	all_are_found(&f);
	end(&f);
}

static void damage_of_any_byte_is_noticed(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 12);
	fill(&f, 50);
	build_both(&f);
	for (uint64_t i = 0; i < f.base.count * sizeof(struct pk_line); i++) {
		uint8_t *byte = (uint8_t *)f.base.lines + i;

		*byte ^= 0x10;
		assert_int_equal(pk_block_check(f.base.lines, f.base.count),
				 -EBADMSG);
		*byte ^= 0x10;
	}
	assert_int_equal(pk_block_check(f.base.lines, f.base.count), 0);
	assert_int_equal(pk_block_check(f.base.lines, f.base.count - 1),
			 -EBADMSG);
	assert_int_equal(pk_block_check(f.base.lines, 0), -EBADMSG);
	end(&f);
}

static void an_empty_block_is_sound(void **state)
{
	struct pk_block b = { 0 };

	(void)state;
	assert_int_equal(pk_builder_empty(42, &b), 0);
	assert_int_equal(b.count, 1);
	assert_int_equal(b.head->items, 0);
	assert_true(b.head->seed == 42);
	assert_int_equal((uintptr_t)b.lines % 64, 0);
	assert_int_equal(pk_block_check(b.lines, b.count), 0);
	pk_block_free(&b);
	pk_block_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_holds_all_and_nothing_else),
		cmocka_unit_test(deltas_over_a_base_agree_with_a_linear_search),
		cmocka_unit_test(an_address_of_v4_does_not_match_as_v6),
		cmocka_unit_test(a_tombstone_hides_and_a_new_base_forgets_it),
		cmocka_unit_test(a_delta_beyond_its_limit_is_refused),
		cmocka_unit_test(loads_and_filter_are_as_designed),
		cmocka_unit_test(
			a_large_filter_shrinks_to_eight_bits_and_not_below),
		cmocka_unit_test(
			keys_that_share_both_buckets_make_the_table_grow),
		cmocka_unit_test(damage_of_any_byte_is_noticed),
		cmocka_unit_test(an_empty_block_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
