/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 in IPv6 addresses: what they carry, and that it is looked up (D30). */
#include "tests/image_world.h"

#include "tests/embedded_rows.h"

static void every_kind_is_told_apart(void **state)
{
	union pk_addr v4 = embedded_addr(EMBEDDED_V4);

	(void)state;
	for (unsigned i = 0; i < EMBEDDED_ROWS; i++) {
		const struct embedded_row *row = &embedded_rows[i];
		union pk_addr a = embedded_addr(row->addr), carried;
		enum pk_embedded_kind kind = pk_embedded(&a, &carried);

		if (row->kind == PK_EMBEDDED_MAPPED) {
			assert_int_equal(kind, PK_EMBEDDED_NONE);
			assert_int_equal(pk_may_embed(&a), 0);
			continue;
		}
		if (kind != row->kind)
			fail_msg("%s: kind %d", row->addr, (int)kind);
		if (kind == PK_EMBEDDED_NONE)
			continue;
		assert_true(pk_may_embed(&a));
		assert_memory_equal(&carried, &v4, sizeof(v4));
	}
	/* The server of a Teredo client is not it. */
	v4 = embedded_addr("2001:0:c633:6407::");
	assert_int_equal(pk_embedded(&v4, &v4), PK_EMBEDDED_TEREDO);
	assert_int_equal(v4.w[3], 0xffffffff);
}

/* Whatever is said in haste is not less than what is said at leisure. */
static void haste_misses_nothing(void **state)
{
	struct world w = { .random = 3 };
	union pk_addr v4 = embedded_addr(EMBEDDED_V4), carried;
	unsigned kinds[PK_EMBEDDED_COUNT] = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		union pk_addr a = world_carrier(&v4, (unsigned)i % WORLD_WAYS,
						world_draw(&w));
		unsigned bit = (unsigned)(world_draw(&w) % 128);
		enum pk_embedded_kind kind;

		if (i & 1)
			a.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		kind = pk_embedded(&a, &carried);
		kinds[kind]++;
		assert_true(!kind || pk_may_embed(&a));
	}
	for (int i = 0; i < PK_EMBEDDED_MAPPED; i++)
		assert_true(kinds[i] > 1000);
}

/* --- the look-up ----------------------------------------------------------- */

static void list(struct world *w, enum world_kind kind, const char *addr,
		 unsigned detail)
{
	struct world_item *it = &w->item[w->count++];

	it->kind = (uint8_t)kind;
	it->addr = embedded_addr(addr);
	it->live = true;
	if (kind == W_NET)
		it->bits = (uint8_t)detail;
	if (kind == W_PORT)
		it->port = (uint16_t)detail;
}

/* @port's slot, by the single look-up and by a burst. */
static uint32_t find(const struct world *w, const union pk_addr *a,
		     uint16_t port)
{
	struct pk_endpoint e = { a, port };
	struct pk_view v = world_view(w);
	uint32_t slot;

	pk_lookup_endpoints(&v, &e, 1, &slot);
	assert_int_equal(pk_view_match(&v, a, port), slot);
	assert_int_equal(world_match(w, a, port), slot);
	return slot;
}

static void check_rows(const struct world *w, uint16_t port, uint32_t slot)
{
	for (unsigned i = 0; i < EMBEDDED_ROWS; i++) {
		union pk_addr a = embedded_addr(embedded_rows[i].addr);
		uint32_t want = embedded_rows[i].kind ? slot : 0;

		if (find(w, &a, port) != want)
			fail_msg("%s port %u: slot %u", embedded_rows[i].addr,
				 port, find(w, &a, port));
	}
}

static void a_carried_address_is_found_as_address_port_and_prefix(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 5, 8);
	list(&w, W_ADDR, "2a0b::1", 0);
	list(&w, W_NET, "::ffff:198.51.100.0", 96 + 24);
	world_build_base(&w);
	check_rows(&w, 0, 2);
	list(&w, W_ADDR, EMBEDDED_V4, 0);
	world_build_delta(&w);
	check_rows(&w, 443, 3);
	list(&w, W_PORT, EMBEDDED_V4, 443);
	world_build_base(&w);
	check_rows(&w, 443, 4);
	check_rows(&w, 80, 3);
	w.item[2].live = w.item[3].live = false;
	world_build_delta(&w);
	check_rows(&w, 443, 2);
	w.item[1].live = false;
	world_build_delta(&w);
	check_rows(&w, 443, 0);
	world_fini(&w);
}

static void the_address_itself_comes_first(void **state)
{
	union pk_addr a = embedded_addr("2002:c633:6407::1");
	struct world w;

	(void)state;
	world_init(&w, 6, 8);
	list(&w, W_PORT, EMBEDDED_V4, 443);
	list(&w, W_NET, "2002::", 16);
	list(&w, W_ADDR, "2002:c633:6407::1", 0);
	world_build_base(&w);
	assert_int_equal(find(&w, &a, 443), 3);
	w.item[2].live = false;
	world_build_delta(&w);
	assert_int_equal(find(&w, &a, 443), 2);
	w.item[1].live = false;
	world_build_delta(&w);
	assert_int_equal(find(&w, &a, 443), 1);
	assert_int_equal(find(&w, &a, 80), 0);
	world_fini(&w);
}

enum { BURST = 150 };

static void check_burst(struct world *w)
{
	union pk_addr addr[BURST];
	struct pk_endpoint e[BURST];
	struct pk_view v = world_view(w);
	uint32_t slots[BURST];

	for (unsigned i = 0; i < BURST; i++) {
		addr[i] = world_question(w);
		if (world_is_v4(&addr[i]) && i % 3)
			addr[i] = world_carrier(&addr[i], i % WORLD_WAYS,
						world_draw(w));
		e[i].addr = &addr[i];
		e[i].port = (uint16_t)(world_draw(w) % 4);
	}
	pk_lookup_endpoints(&v, e, BURST, slots);
	for (unsigned i = 0; i < BURST; i++) {
		assert_int_equal(pk_view_match(&v, e[i].addr, e[i].port),
				 slots[i]);
		assert_int_equal(world_match(w, e[i].addr, e[i].port),
				 slots[i]);
	}
}

static void bursts_agree_with_a_linear_search(void **state)
{
	struct world w;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		world_init(&w, 300 + round, 2000);
		world_fill(&w, W_ADDR, 1 + round * 20);
		world_fill(&w, W_PORT, round);
		world_fill(&w, W_NET, round % 5 * 60);
		world_build_base(&w);
		for (int step = 0; step < 5; step++) {
			for (int i = 0; i < 10; i++)
				check_burst(&w);
			world_stir(&w, 1 + w.count / 10);
			world_build_delta(&w);
		}
		world_fini(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_told_apart),
		cmocka_unit_test(haste_misses_nothing),
		cmocka_unit_test(
			a_carried_address_is_found_as_address_port_and_prefix),
		cmocka_unit_test(the_address_itself_comes_first),
		cmocka_unit_test(bursts_agree_with_a_linear_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
