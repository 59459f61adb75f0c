/* SPDX-License-Identifier: BSD-2-Clause */
/* Names, values and bursts, against a linear search and each other. */
#include "tests/image_world.h"

#include "ioc/indicator.h"

/* --- names by hand ----------------------------------------------------------- */

static void make_wire(const char *text, uint8_t wire[64])
{
	uint8_t whole[PK_NAME_MAX];
	unsigned len;

	assert_int_equal(pk_name_parse(text, strlen(text), whole, &len), 0);
	assert_true(len <= 64);
	memset(wire, 0, 64);
	memcpy(wire, whole, len);
}

static void add_name(struct world *w, const char *text, enum pk_match match)
{
	struct world_item it = { .kind = W_NAME, .live = true };

	make_wire(text, it.wire);
	it.match = (uint8_t)match;
	w->item[w->count++] = it;
}

/* The slot, and how many labels its indicator has. */
static uint32_t find(const struct world *w, const char *text, unsigned *labels)
{
	struct pk_view v = world_view(w);
	uint8_t wire[64];

	make_wire(text, wire);
	assert_int_equal(world_name(w, wire), pk_name_find(&v, wire, labels));
	return pk_name_find(&v, wire, labels);
}

static void the_three_matches_cover_what_they_say(void **state)
{
	struct world w;
	unsigned labels = 0;

	(void)state;
	world_init(&w, 1, 16);
	add_name(&w, "exact.example.com", PK_MATCH_EXACT);
	add_name(&w, "below.example.com", PK_MATCH_SUBDOMAINS);
	add_name(&w, "one.example.com", PK_MATCH_ONE_LABEL);
	world_build_base(&w);
	assert_int_equal(find(&w, "exact.example.com", &labels), 1);
	assert_int_equal(labels, 3);
	assert_int_equal(find(&w, "a.exact.example.com", NULL), 0);
	assert_int_equal(find(&w, "xexact.example.com", NULL), 0);
	assert_int_equal(find(&w, "example.com", NULL), 0);
	assert_int_equal(find(&w, "com", NULL), 0);
	assert_int_equal(find(&w, "below.example.com", NULL), 2);
	assert_int_equal(find(&w, "a.below.example.com", &labels), 2);
	assert_int_equal(labels, 3);
	assert_int_equal(find(&w, "a.b.c.d.below.example.com", NULL), 2);
	assert_int_equal(find(&w, "abelow.example.com", NULL), 0);
	assert_int_equal(find(&w, "one.example.com", NULL), 0);
	assert_int_equal(find(&w, "a.one.example.com", &labels), 3);
	assert_int_equal(labels, 3);
	assert_int_equal(find(&w, "a.b.one.example.com", NULL), 0);
	assert_int_equal(find(&w, "below.example.com.net", NULL), 0);
	world_fini(&w);
}

static void the_most_specific_indicator_is_found(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 2, 16);
	add_name(&w, "com", PK_MATCH_SUBDOMAINS);
	add_name(&w, "a.com", PK_MATCH_SUBDOMAINS);
	add_name(&w, "a.com", PK_MATCH_ONE_LABEL);
	add_name(&w, "x.a.com", PK_MATCH_EXACT);
	add_name(&w, "x.a.com", PK_MATCH_SUBDOMAINS);
	world_build_base(&w);
	assert_int_equal(find(&w, "com", NULL), 1);
	assert_int_equal(find(&w, "b.com", NULL), 1);
	assert_int_equal(find(&w, "a.com", NULL), 2);
	assert_int_equal(find(&w, "y.a.com", NULL), 3);
	assert_int_equal(find(&w, "z.y.a.com", NULL), 2);
	assert_int_equal(find(&w, "x.a.com", NULL), 4);
	assert_int_equal(find(&w, "y.x.a.com", NULL), 5);
	w.item[3].live = false; /* what is hidden gives way to the next one */
	world_build_delta(&w);
	assert_int_equal(find(&w, "x.a.com", NULL), 5);
	w.item[4].live = false;
	world_build_delta(&w);
	assert_int_equal(find(&w, "x.a.com", NULL), 3);
	w.item[2].live = false;
	world_build_delta(&w);
	assert_int_equal(find(&w, "x.a.com", NULL), 2);
	world_fini(&w);
}

static void root_and_malformed_names_match_nothing(void **state)
{
	uint8_t none[PK_NAME_MAX] = { 0 }, bad[PK_NAME_MAX];
	const uint8_t *wires[2] = { none, bad };
	uint32_t slots[2] = { 7, 7 };
	struct pk_view v;
	struct world w;

	(void)state;
	world_init(&w, 3, 4);
	add_name(&w, "com", PK_MATCH_SUBDOMAINS);
	world_build_base(&w);
	v = world_view(&w);
	memset(bad, 63, sizeof(bad)); /* no end */
	assert_int_equal(pk_name_find(&v, none, NULL), 0);
	assert_int_equal(pk_name_find(&v, bad, NULL), 0);
	pk_lookup_names(&v, wires, 2, slots);
	assert_int_equal(slots[0] | slots[1], 0);
	world_fini(&w);
}

/* --- names at random ------------------------------------------------------------ */

enum { BURST = 150 };

static void check_names(struct world *w)
{
	uint8_t wire[BURST][64];
	const uint8_t *wires[BURST];
	struct pk_view v = world_view(w);
	uint32_t slots[BURST];
	unsigned n = 1 + (unsigned)(world_draw(w) % BURST);

	for (unsigned i = 0; i < n; i++) {
		world_random_name(w, wire[i]);
		wires[i] = wire[i];
	}
	pk_lookup_names(&v, wires, n, slots);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(pk_name_find(&v, wire[i], NULL), slots[i]);
		assert_int_equal(world_name(w, wire[i]), slots[i]);
	}
}

static void names_agree_with_a_linear_search(void **state)
{
	struct world w;

	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		world_init(&w, 90 + round, 300);
		world_fill(&w, W_NAME, 1 + round * 7);
		world_build_base(&w);
		for (int step = 0; step < 20; step++) {
			for (int i = 0; i < 20; i++)
				check_names(&w);
			world_stir(&w, 1 + w.count / 5);
			world_build_delta(&w);
		}
		world_fini(&w);
	}
}

/* --- bursts of endpoints -------------------------------------------------------- */

static void check_ends(struct world *w)
{
	union pk_addr addr[BURST];
	struct pk_endpoint e[BURST];
	struct pk_view v = world_view(w);
	uint32_t slots[BURST];
	unsigned n = 1 + (unsigned)(world_draw(w) % BURST);

	for (unsigned i = 0; i < n; i++) {
		addr[i] = world_question(w);
		e[i].addr = &addr[i];
		e[i].port = (uint16_t)(world_draw(w) % 4);
	}
	pk_lookup_endpoints(&v, e, n, slots);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(pk_view_match(&v, e[i].addr, e[i].port),
				 slots[i]);
		assert_int_equal(world_match(w, e[i].addr, e[i].port),
				 slots[i]);
	}
}

static void bursts_of_ends_agree_with_single_look_ups(void **state)
{
	struct world w;

	(void)state;
	for (unsigned round = 0; round < 30; round++) {
		world_init(&w, 700 + round, 5000);
		world_fill(&w, W_ADDR, round * 20);
		world_fill(&w, W_PORT, 1 + round);
		/* enough of them for a table and a bitmap, sometimes */
		world_fill(&w, W_NET, round % 5 ? round : 4000);
		world_build_base(&w);
		for (int step = 0; step < 10; step++) {
			for (int i = 0; i < 10; i++)
				check_ends(&w);
			world_stir(&w, 1 + w.count / 10);
			world_build_delta(&w);
		}
		world_fini(&w);
	}
}

/* --- values ----------------------------------------------------------------------- */

static void a_value_depends_on_seed_type_and_bytes(void **state)
{
	static const char bytes[] = "http://example.com/";
	uint64_t h = pk_value_hash(1, PK_INDICATOR_URL, bytes, 19);

	(void)state;
	assert_true(h == pk_value_hash(1, PK_INDICATOR_URL, bytes, 19));
	assert_true(h != pk_value_hash(2, PK_INDICATOR_URL, bytes, 19));
	assert_true(h != pk_value_hash(1, PK_INDICATOR_EMAIL, bytes, 19));
	assert_true(h != pk_value_hash(1, PK_INDICATOR_URL, bytes, 18));
	assert_true(h != pk_value_hash(1, PK_INDICATOR_URL, bytes + 1, 18));
}

static void values_are_found_and_hidden(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 44, 5000);
	world_fill(&w, W_VALUE, 5000);
	world_stir(&w, 3000);
	world_build_base(&w);
	for (int round = 0; round < 10; round++) {
		struct pk_view v = world_view(&w);

		for (uint32_t i = 0; i < w.count; i++)
			assert_int_equal(pk_view_value(&v, w.item[i].value),
					 w.item[i].live ? i + 1 : 0);
		assert_int_equal(pk_view_value(&v, 100001), 0);
		world_stir(&w, 500);
		world_build_delta(&w);
	}
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_three_matches_cover_what_they_say),
		cmocka_unit_test(the_most_specific_indicator_is_found),
		cmocka_unit_test(root_and_malformed_names_match_nothing),
		cmocka_unit_test(names_agree_with_a_linear_search),
		cmocka_unit_test(bursts_of_ends_agree_with_single_look_ups),
		cmocka_unit_test(a_value_depends_on_seed_type_and_bytes),
		cmocka_unit_test(values_are_found_and_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
