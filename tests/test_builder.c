/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The builder against a linear search over the same keys (image_world.h); with
 * the store only where the store is the point.
 */
#include <errno.h>

#include "tests/image_world.h"

#include "ioc/store/store.h"

/* --- all kinds together ---------------------------------------------------- */

static void check_ends(struct world *w, const struct pk_view *v, uint32_t n)
{
	while (n--) {
		union pk_addr a = world_question(w);
		uint16_t port = (uint16_t)(world_draw(w) % 4);

		assert_int_equal(pk_view_match(v, &a, port),
				 world_match(w, &a, port));
	}
}

static void check_names(struct world *w, const struct pk_view *v, uint32_t n)
{
	while (n--) {
		uint8_t wire[64];

		world_random_name(w, wire);
		assert_int_equal(pk_name_find(v, wire, NULL),
				 world_name(w, wire));
	}
}

static void check_values(struct world *w, const struct pk_view *v)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->item[i].kind == W_VALUE)
			assert_int_equal(pk_view_value(v, w->item[i].value),
					 w->item[i].live ? i + 1 : 0);
}

static void check_all(struct world *w, uint32_t n)
{
	struct pk_view v = world_view(w);

	check_ends(w, &v, n);
	check_names(w, &v, n / 4);
	check_values(w, &v);
}

static void fill_all(struct world *w, uint32_t each)
{
	for (int kind = W_ADDR; kind <= W_VALUE; kind++)
		world_fill(w, (enum world_kind)kind, each);
	for (uint32_t i = 0; i < each / 2;
	     i++) { /* ports of listed addresses */
		struct world_item it = w->item[world_draw(w) % w->count];

		if (it.kind != W_ADDR)
			continue;
		it.kind = W_PORT;
		it.port = 2;
		if (!world_has(w, &it) && w->count < w->room)
			w->item[w->count++] = it;
	}
}

static void every_size_holds_all_and_nothing_else(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 2, 3, 7, 20, 64, 300, 1000 };
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		world_init(&w, 1000 + i, 6000);
		fill_all(&w, sizes[i]);
		world_build_base(&w);
		assert_int_equal(w.base.head->items, w.count);
		assert_int_equal(w.base.collisions, 0);
		if (w.count)
			check_all(&w, 40000);
		world_fini(&w);
	}
}

/* Additions and tombstones of every kind over bases of every kind. */
static void deltas_over_a_base_agree_with_a_linear_search(void **state)
{
	struct world w;

	(void)state;
	for (int world = 0; world < 8; world++) {
		world_init(&w, 5000 + (uint64_t)world, 1200);
		fill_all(&w, world % 2 ? 20 : 200);
		world_stir(&w, w.count / 2);
		for (int round = 0; round < 45; round++) {
			world_stir(&w, 1 + w.count / 20);
			if (round % 11 == 0)
				world_build_base(&w);
			else
				world_build_delta(&w);
			check_all(&w, 3000);
		}
		world_fini(&w);
	}
}

/* --- the order of ports, address, prefixes --------------------------------- */

enum { PORT_80, PORT_81, HOST, NET_24, NET_16, OTHER_PORT, ENDS };

static void make_ends(struct world *w, uint64_t seed, bool six)
{
	union pk_addr a = { .b = { [10] = 0xff, 0xff, 192, 0, 2, 1 } };

	if (six)
		a.b[0] = 0x20;
	world_init(w, seed, ENDS);
	w->count = ENDS;
	for (int i = 0; i < ENDS; i++)
		w->item[i] = (struct world_item){ .addr = a, .bits = 128 };
	w->item[HOST].kind = W_ADDR;
	w->item[PORT_80].kind = w->item[PORT_81].kind = W_PORT;
	w->item[OTHER_PORT].kind = W_PORT;
	w->item[PORT_80].port = 80;
	w->item[PORT_81].port = 81;
	w->item[OTHER_PORT].port = 80;
	w->item[OTHER_PORT].addr.b[15] = 2;
	w->item[NET_24].kind = w->item[NET_16].kind = W_NET;
	w->item[NET_24].bits = 120;
	w->item[NET_16].bits = 112;
	world_cut(&w->item[NET_24].addr, 120);
	world_cut(&w->item[NET_16].addr, 112);
}

static uint32_t want_of(unsigned live, uint16_t port)
{
	if (port == 80 && live & 1 << PORT_80)
		return PORT_80 + 1;
	if (port == 81 && live & 1 << PORT_81)
		return PORT_81 + 1;
	for (unsigned i = HOST; i <= NET_16; i++)
		if (live & 1U << i)
			return i + 1;
	return 0;
}

static void set_live(struct world *w, unsigned live)
{
	for (unsigned i = 0; i < ENDS; i++)
		w->item[i].live = live >> i & 1;
}

/* Every mixture of what the base has and what lives after the delta. */
static void port_before_address_before_the_longest_prefix(void **state)
{
	static const uint16_t ports[] = { 80, 81, 82, PK_NO_PORT };
	struct world w;

	(void)state;
	for (unsigned all = 0; all < 1 << (2 * ENDS + 1); all++) {
		unsigned base = all & ((1 << ENDS) - 1);
		unsigned live = all >> ENDS & ((1 << ENDS) - 1);
		struct pk_view v;

		make_ends(&w, 3, all >> (2 * ENDS));
		set_live(&w, base);
		world_build_base(&w);
		set_live(&w, live);
		world_build_delta(&w);
		v = world_view(&w);
		for (unsigned p = 0; p < 4; p++)
			assert_int_equal(
				pk_view_match(&v, &w.item[HOST].addr, ports[p]),
				want_of(live, ports[p]));
		world_fini(&w);
	}
}

/* --- other sources ---------------------------------------------------------- */

/* Keys of IPv4 addresses, one after another. */
struct plain {
	uint64_t seed;
	const uint32_t *addr; /* NULL: multiples of an odd number */
	uint32_t count;
};

static unsigned plain_next(const void *arg, uint32_t *cursor,
			   struct pk_key *keys, unsigned max)
{
	const struct plain *p = arg;
	unsigned n = 0;

	for (; *cursor < p->count && n < max; ++*cursor) {
		uint32_t a = p->addr ? p->addr[*cursor] : *cursor * 2654435761U;

		keys[n++] = (struct pk_key){ .table = PK_TABLE_V4,
					     .q = { a },
					     .hash = pk_hash_v4(p->seed, a),
					     .id = *cursor + 1 };
	}
	return n;
}

static int build_plain(const struct plain *p, struct pk_block *out)
{
	struct pk_key_source source = { .next = plain_next,
					.arg = p,
					.seed = p->seed };

	return pk_builder_build(&source, out);
}

static uint32_t find_plain(const struct pk_block *b, uint32_t addr)
{
	union pk_addr a = { .w = { 0, 0, 0xffff0000, addr } };

	return pk_image_addr(b->lines, b->head,
			     pk_hash_addr(b->head->seed, &a, 1), &a, 1);
}

static void all_plain_are_found(const struct plain *p, const struct pk_block *b)
{
	for (uint32_t i = 0; i < p->count; i++) {
		uint32_t a = p->addr ? p->addr[i] : i * 2654435761U;

		if (find_plain(b, a) != i + 1)
			fail_msg("address %u of %u", i, p->count);
	}
}

static void loads_and_filter_are_as_designed(void **state)
{
	static const uint32_t sizes[] = { 200000, 1300000, 2500000 };
	static const uint64_t bits[] = { 200000 * 14, 2 << 23, 2500000 * 8 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct plain p = { .seed = pk_mix(10), .count = sizes[i] };
		struct pk_block b = { 0 };
		const struct pk_image_head *h;

		assert_int_equal(build_plain(&p, &b), 0);
		h = b.head;
		assert_int_equal(h->items, sizes[i]);
		/* No growth by retries: the wanted load to the bucket. */
		assert_true(sizes[i] >= (h->v4_buckets - 1) * PK_V4_WAYS * 0.9);
		assert_true(h->filter_words * 64ULL >= bits[i]);
		assert_true(h->filter_words * 64ULL < bits[i] + 1024);
		assert_int_equal(h->filter_words % 8, 0);
		all_plain_are_found(&p, &b);
		pk_block_free(&b);
	}
}

/* However wrong the guess, the image is right; too much costs only room. */
static void wrong_guesses_cost_nothing_but_time(void **state)
{
	static const uint32_t guesses[] = { 0, 1, 50, 1000, 100000 };
	struct world w;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct pk_key_counts c = { .ancestors = guesses[i] };
		struct pk_key_source source = { .next = world_base_next,
						.arg = &w,
						.expected = &c };

		world_init(&w, 60 + i, 4000);
		source.seed = w.seed;
		fill_all(&w, 500);
		world_build_base(&w); /* and its empty delta */
		pk_block_free(&w.base);
		for (int t = 0; t < PK_TABLE_KINDS; t++)
			c.keys[t] = guesses[i];
		assert_int_equal(pk_builder_build(&source, &w.base), 0);
		assert_int_equal(pk_block_check(w.base.lines, w.base.count), 0);
		check_all(&w, 20000);
		world_fini(&w);
	}
}

/*
 * Pathological input: more keys than two buckets hold, all of which want the
 * same two buckets at the designed size. The table must grow, not lose.
 */
static void keys_that_share_both_buckets_make_the_table_grow(void **state)
{
	enum { SEED = 77, KEYS = 7200 * 9 / 10, BUCKETS = 900, CROWD = 40 };
	static uint32_t addr[KEYS];
	struct plain p = { SEED, addr, KEYS };
	uint32_t crowd = 0, others = 0;
	struct pk_block b = { 0 };

	(void)state;
	for (uint32_t a = 0; crowd + others < KEYS; a++) {
		uint64_t h = pk_bucket_hash(pk_hash_v4(SEED, a));
		bool same = pk_bucket_one(h, BUCKETS) < 2 &&
			    pk_bucket_two(h, BUCKETS) < 2;

		if (same ? crowd >= CROWD : others >= KEYS - CROWD)
			continue;
		addr[crowd + others] = a;
		crowd += same;
		others += !same;
	}
	assert_int_equal(build_plain(&p, &b), 0);
	assert_true(b.head->v4_buckets > BUCKETS);
	all_plain_are_found(&p, &b);
	pk_block_free(&b);
}

/* --- D28, D29: keys that collide under a known seed ------------------------- */

enum { HOSTILE = 1 << 16 };

/* Addresses whose buckets are both among the first 1 / 160 under seed 0. */
static uint32_t *hostile_addresses(void)
{
	uint32_t *addr = malloc(HOSTILE * sizeof(*addr)), n = 0;

	assert_non_null(addr);
	for (uint32_t a = 0; n < HOSTILE; a++) {
		uint64_t h = pk_bucket_hash(pk_hash_v4(0, a));

		if (pk_bucket_one(h, 160) == 0 && pk_bucket_two(h, 160) == 0)
			addr[n++] = a;
		assert_true(a < UINT32_MAX);
	}
	return addr;
}

/* What the attack must not change. */
static bool is_spread(const struct pk_block *b)
{
	struct pk_build_report r;

	pk_block_report(b->lines, &r);
	print_message(
		"# seed %016llx: %u lines for %u keys, %u%% full, %u in their second bucket, filter passes %.2f%% (measured) of others, %u lines read at most\n",
		(unsigned long long)b->head->seed, r.table[PK_BLOCK_V4].lines,
		r.table[PK_BLOCK_V4].keys, r.table[PK_BLOCK_V4].load_pct,
		r.table[PK_BLOCK_V4].displaced, 100 * r.filter_measured,
		r.worst_endpoint);
	return r.table[PK_BLOCK_V4].load_pct >= 80 && r.worst_endpoint <= 16;
}

static void hostile_keys_are_spread_by_a_random_seed(void **state)
{
	uint32_t *addr = hostile_addresses();

	(void)state;
	for (uint64_t run = 1; run <= 2; run++) {
		struct plain p = { pk_mix(run * 4711), addr, HOSTILE };
		struct pk_block b = { 0 };

		assert_int_equal(build_plain(&p, &b), 0);
		assert_true(is_spread(&b));
		all_plain_are_found(&p, &b);
		pk_block_free(&b);
	}
	free(addr);
}

/* The negative control: with the seed known, the same keys are seen to hurt. */
static void hostile_keys_hurt_when_the_seed_is_zero(void **state)
{
	uint32_t *addr = hostile_addresses();
	struct plain p = { 0, addr, HOSTILE };
	struct pk_block b = { 0 };
	int err = build_plain(&p, &b);

	(void)state;
	assert_true(err == -EFBIG || (!err && !is_spread(&b)));
	pk_block_free(&b);
	free(addr);
}

/* --- the block --------------------------------------------------------------- */

static void damage_of_any_byte_is_noticed(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 12, 300);
	fill_all(&w, 30);
	world_build_base(&w);
	for (uint64_t i = 0; i < w.base.count * sizeof(struct pk_line); i++) {
		uint8_t *byte = (uint8_t *)w.base.lines + i;

		*byte ^= 0x10;
		assert_int_equal(pk_block_check(w.base.lines, w.base.count),
				 -EBADMSG);
		*byte ^= 0x10;
	}
	assert_int_equal(pk_block_check(w.base.lines, w.base.count), 0);
	assert_int_equal(pk_block_check(w.base.lines, w.base.count - 1),
			 -EBADMSG);
	assert_int_equal(pk_block_check(w.base.lines, 1), -EBADMSG);
	assert_int_equal(pk_block_check(w.base.lines, 0), -EBADMSG);
	world_fini(&w);
}

/* A table that leads out, under a checksum that is right. */
static void a_table_out_of_range_is_noticed(void **state)
{
	static const size_t fields[] = {
		offsetof(struct pk_image_head, filter_line),
		offsetof(struct pk_image_head, v4_line),
		offsetof(struct pk_image_head, v6_line),
		offsetof(struct pk_image_head, name_line),
		offsetof(struct pk_image_head, value_line),
		offsetof(struct pk_image_head, net_line),
		offsetof(struct pk_image_head, touch_line),
		offsetof(struct pk_image_head, net4_root),
		offsetof(struct pk_image_head, net6_root),
		offsetof(struct pk_image_head, shared_lines),
	};
	struct world w;

	(void)state;
	world_init(&w, 13, 3000);
	fill_all(&w, 300);
	world_build_base(&w);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct pk_image_head *h = (void *)w.base.lines;
		uint32_t *field = (void *)((char *)h + fields[i]), was = *field;

		*field = (PK_NET_INNER & was) | (h->lines + 1);
		h->checksum = pk_block_checksum(w.base.lines, w.base.count);
		assert_int_equal(pk_block_check(w.base.lines, w.base.count),
				 -EBADMSG);
		*field = was;
		h->checksum = pk_block_checksum(w.base.lines, w.base.count);
		assert_int_equal(pk_block_check(w.base.lines, w.base.count), 0);
	}
	world_fini(&w);
}

static void what_only_user_space_reads_comes_last(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 14, 3000);
	fill_all(&w, 300);
	world_build_base(&w);
	assert_int_equal(w.base.head->shared_lines, w.base.head->value_line);
	assert_int_equal(w.base.head->value_line + w.base.head->value_buckets,
			 w.base.head->lines);
	assert_true(w.base.head->value_buckets > 0);
	world_fini(&w);
}

static void a_report_counts_what_was_given(void **state)
{
	struct pk_build_report r;
	uint32_t count[W_VALUE + 1] = { 0 };
	struct world w;

	(void)state;
	world_init(&w, 15, 3000);
	fill_all(&w, 300);
	for (uint32_t i = 0; i < w.count; i++)
		count[w.item[i].kind]++;
	world_build_base(&w);
	pk_block_report(w.base.lines, &r);
	assert_int_equal(r.table[PK_BLOCK_V4].keys + r.table[PK_BLOCK_V6].keys,
			 count[W_ADDR] + r.gates);
	assert_in_range(r.gates, 1, count[W_PORT]);
	assert_int_equal(r.table[PK_BLOCK_NAME].keys,
			 count[W_NAME] + count[W_PORT]);
	assert_int_equal(r.table[PK_BLOCK_VALUE].keys, count[W_VALUE]);
	assert_int_equal(r.nets[0] + r.nets[1], count[W_NET]);
	assert_true(r.bytes == w.base.count * 64ULL);
	assert_true(r.filter_measured < 2 * r.filter_expected + 0.002);
	assert_true(r.filter_expected < 0.02);
	assert_int_equal(r.worst_address, 3);
	assert_string_equal(pk_block_table_word(PK_BLOCK_V6), "ipv6");
	world_fini(&w);
}

static void an_empty_block_is_sound(void **state)
{
	struct pk_block b = { 0 };

	(void)state;
	assert_int_equal(pk_builder_empty(42, &b), 0);
	assert_int_equal(b.count, PK_HEAD_LINES);
	assert_int_equal(b.head->items, 0);
	assert_true(b.head->seed == 42);
	assert_int_equal((uintptr_t)b.lines % 64, 0);
	assert_int_equal(pk_block_check(b.lines, b.count), 0);
	pk_block_free(&b);
	pk_block_free(&b);
}

/* --- the store as a source ---------------------------------------------------- */

static struct pk_indicator address(uint32_t n)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	ind.type = PK_INDICATOR_IPV4;
	ind.addr = (union pk_addr){ .w = { 0, 0, 0xffff0000, n } };
	return ind;
}

static struct pk_indicator as_indicator(const struct world_item *it)
{
	bool v4 = world_is_v4(&it->addr);
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	ind.addr = it->addr;
	if (it->kind == W_NAME) {
		ind.type = PK_INDICATOR_DOMAIN;
		ind.match = it->match;
		ind.value_len = (uint16_t)pk_name_length(it->wire, 64);
		memcpy(ind.value, it->wire, ind.value_len);
	} else if (it->kind == W_NET) {
		ind.type = v4 ? PK_INDICATOR_IPV4_NET : PK_INDICATOR_IPV6_NET;
		ind.bits = (uint8_t)(it->bits - (v4 ? 96 : 0));
	} else if (it->kind == W_PORT) {
		ind.type = PK_INDICATOR_IP_PORT;
		ind.port = it->port;
	} else {
		ind.type = v4 ? PK_INDICATOR_IPV4 : PK_INDICATOR_IPV6;
	}
	return ind;
}

/* What the store says covers a question first is what the image finds. */
static void ask_both(struct world *w, const struct pk_store *s,
		     const struct pk_view *v)
{
	enum world_kind kind = (enum world_kind)(world_draw(w) % 4);
	struct world_item it = world_random_item(w, kind);
	uint32_t cover[PK_STORE_COVERS], found;
	struct pk_indicator ind;

	if (kind == W_NET) {
		it.kind = W_ADDR;
		it.addr = world_question(w);
	}
	ind = as_indicator(&it);
	if (kind == W_NAME) {
		ind.match = PK_MATCH_EXACT;
		found = pk_name_find(v, it.wire, NULL);
		if (found)
			assert_true(pk_store_covers(s, found, it.wire));
	} else {
		found = pk_view_match(v, &it.addr, it.port);
	}
	if (!pk_store_cover(s, &ind, cover, PK_STORE_COVERS))
		cover[0] = PK_NO_SLOT;
	assert_int_equal(found, cover[0]);
}

static void stir_store(struct world *w, struct pk_store *s, uint32_t changes)
{
	while (changes--) {
		struct world_item *it = &w->item[world_draw(w) % w->count];
		struct pk_indicator ind = as_indicator(it);

		if (pk_store_add(s, &ind, NULL) == -EEXIST)
			assert_int_equal(pk_store_del(s, &ind, PK_ALL_FEEDS),
					 0);
	}
}

static void the_store_and_its_images_agree(void **state)
{
	struct pk_block base = { 0 }, delta = { 0 };
	struct pk_store *s;
	struct world w;

	(void)state;
	world_init(&w, 31, 4000);
	assert_int_equal(pk_store_new(&s, w.seed), 0);
	assert_true(pk_store_feed(s, "test") >= 0);
	for (int kind = W_ADDR; kind <= W_NAME; kind++)
		world_fill(&w, (enum world_kind)kind, 900);
	for (int round = 0; round < 120; round++) {
		struct pk_view v;

		stir_store(&w, s, round % 10 ? 60 : 1500);
		if (round % 10 == 0) {
			pk_block_free(&base);
			assert_int_equal(pk_builder_base(s, &base), 0);
			pk_store_settle(s);
		}
		pk_block_free(&delta);
		assert_int_equal(pk_builder_delta(s, &delta), 0);
		v = (struct pk_view){ base.lines, delta.lines, base.head,
				      delta.head, 1 };
		for (int i = 0; i < 4000; i++)
			ask_both(&w, s, &v);
	}
	pk_block_free(&base);
	pk_block_free(&delta);
	pk_store_free(s);
	world_fini(&w);
}

static void a_delta_beyond_its_limit_is_refused(void **state)
{
	struct pk_block base = { 0 }, delta = { 0 }, none = { 0 };
	struct pk_indicator ind;
	struct pk_store *s;

	(void)state;
	assert_int_equal(pk_store_new(&s, 9), 0);
	assert_true(pk_store_feed(s, "test") >= 0);
	for (uint32_t i = 0; i < PK_DELTA_MAX; i++) {
		ind = address(i);
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	assert_int_equal(pk_builder_base(s, &base), 0);
	assert_int_equal(base.head->items, PK_DELTA_MAX);
	pk_store_settle(s);
	for (uint32_t i = 0; i < PK_DELTA_MAX; i++) {
		ind = address(i);
		assert_int_equal(pk_store_del(s, &ind, PK_ALL_FEEDS), 0);
	}
	assert_int_equal(pk_builder_delta(s, &delta), 0);
	assert_int_equal(delta.head->items, PK_DELTA_MAX);
	ind = address(PK_DELTA_MAX);
	assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	assert_int_equal(pk_builder_delta(s, &none), -E2BIG);
	assert_null(none.lines);
	pk_block_free(&base);
	pk_block_free(&delta);
	pk_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_holds_all_and_nothing_else),
		cmocka_unit_test(deltas_over_a_base_agree_with_a_linear_search),
		cmocka_unit_test(port_before_address_before_the_longest_prefix),
		cmocka_unit_test(loads_and_filter_are_as_designed),
		cmocka_unit_test(wrong_guesses_cost_nothing_but_time),
		cmocka_unit_test(
			keys_that_share_both_buckets_make_the_table_grow),
		cmocka_unit_test(hostile_keys_are_spread_by_a_random_seed),
		cmocka_unit_test(hostile_keys_hurt_when_the_seed_is_zero),
		cmocka_unit_test(damage_of_any_byte_is_noticed),
		cmocka_unit_test(a_table_out_of_range_is_noticed),
		cmocka_unit_test(what_only_user_space_reads_comes_last),
		cmocka_unit_test(a_report_counts_what_was_given),
		cmocka_unit_test(an_empty_block_is_sound),
		cmocka_unit_test(the_store_and_its_images_agree),
		cmocka_unit_test(a_delta_beyond_its_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
