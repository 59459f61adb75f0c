/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image_world: indicators as a plain list, with the slowest look-up there is.
 *
 * The list is a source of keys for the builder, for bases and for deltas over
 * them, without the store; and it answers every question by looking at all of
 * its indicators. Item i has slot i + 1 for ever. What the image must say is
 * written here a second time and shares nothing with it but the hashes.
 */
#ifndef PK_TESTS_IMAGE_WORLD_H
#define PK_TESTS_IMAGE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/match.h"
#include "ioc/image/builder.h"
#include "ioc/image/lookup.h"
#include "ioc/name.h"
#include "tools/gen/splitmix.h"

enum world_kind { W_ADDR, W_NET, W_PORT, W_NAME, W_VALUE };

struct world_item {
	uint8_t kind;  /* enum world_kind */
	uint8_t match; /* enum pk_match, of names */
	uint8_t bits;  /* 0 .. 128; IPv4: 96 more than its own */
	uint16_t port;
	union pk_addr addr;
	uint8_t wire[64];
	uint64_t value;
	bool live, in_base;
};

struct world {
	uint64_t seed, random;
	struct world_item *item;
	uint32_t count, room;
	struct pk_block base, delta;
};

static inline uint64_t world_draw(struct world *w)
{
	return pk_splitmix_next(&w->random);
}

static inline void world_init(struct world *w, uint64_t seed, uint32_t room)
{
	*w = (struct world){ .seed = pk_mix(seed), .random = seed };
	w->room = room;
	w->item = calloc(room, sizeof(*w->item));
	assert_non_null(w->item);
}

static inline void world_fini(struct world *w)
{
	pk_block_free(&w->base);
	pk_block_free(&w->delta);
	free(w->item);
}

/* --- the slow twin -------------------------------------------------------- */

static inline bool world_covers(const union pk_addr *net, unsigned bits,
				const union pk_addr *a)
{
	unsigned whole = bits / 8;

	if (memcmp(net->b, a->b, whole) != 0)
		return false;
	return !(bits % 8) ||
	       (net->b[whole] ^ a->b[whole]) >> (8 - bits % 8) == 0;
}

static inline bool world_is_v4(const union pk_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	return !memcmp(a->b, mapped, 12);
}

/* ::/0 .. /95 are IPv6 prefixes and do not cover mapped addresses. */
static inline bool world_net_covers(const struct world_item *it,
				    const union pk_addr *a)
{
	return world_is_v4(&it->addr) == world_is_v4(a) &&
	       (it->bits >= 96 || !world_is_v4(a)) &&
	       world_covers(&it->addr, it->bits, a);
}

static inline uint32_t world_longest(const struct world *w,
				     const union pk_addr *a, unsigned below)
{
	uint32_t best = 0;

	for (uint32_t i = 0; i < w->count; i++) {
		const struct world_item *it = &w->item[i];

		if (it->kind == W_NET && it->live && it->bits < below &&
		    world_net_covers(it, a) &&
		    (!best || it->bits > w->item[best - 1].bits))
			best = i + 1;
	}
	return best;
}

static inline uint32_t world_own(const struct world *w, const union pk_addr *a,
				 uint16_t port)
{
	uint32_t addr = 0;

	for (uint32_t i = 0; i < w->count; i++) {
		const struct world_item *it = &w->item[i];

		if (!it->live || it->kind == W_NET || it->kind > W_PORT ||
		    memcmp(&it->addr, a, sizeof(*a)) != 0)
			continue;
		if (it->kind == W_PORT && port && it->port == port)
			return i + 1;
		if (it->kind == W_ADDR)
			addr = i + 1;
	}
	return addr ? addr : world_longest(w, a, 129);
}

/* The ways to carry an IPv4 address: @bits of a prefix, where, how. */
static const struct world_way {
	union pk_addr prefix, mask;
	unsigned at;
	uint8_t flip;
} world_ways[] = {
	{ { { 0, 0x64, 0xff, 0x9b } },
	  { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } },
	  12,
	  0 },
	{ { { 0, 0x64, 0xff, 0x9b, 0, 1 } },
	  { { 255, 255, 255, 255, 255, 255 } },
	  12,
	  0 },
	{ { { 0x20, 0x02 } }, { { 255, 255 } }, 2, 0 },
	{ { { 0x20, 0x01 } }, { { 255, 255, 255, 255 } }, 12, 255 },
	{ { { [10] = 0x5e, 0xfe } }, { { [8] = 0xfd, 255, 255, 255 } }, 12, 0 },
};
enum { WORLD_WAYS = sizeof(world_ways) / sizeof(world_ways[0]) };

/* Put an IPv4 address into an IPv6 one. */
static inline union pk_addr world_carrier(const union pk_addr *v4, unsigned way,
					  uint64_t rest)
{
	union pk_addr a;

	for (unsigned i = 0; i < 16; i++, rest = rest >> 7 | rest << 57)
		a.b[i] = (world_ways[way].prefix.b[i] &
			  world_ways[way].mask.b[i]) |
			 ((uint8_t)rest & (uint8_t)~world_ways[way].mask.b[i]);
	for (unsigned i = 0; i < 4; i++)
		a.b[world_ways[way].at + i] =
			v4->b[12 + i] ^ world_ways[way].flip;
	return a;
}

static inline bool world_carries(const union pk_addr *a, unsigned way)
{
	if (!memcmp(a->b, "\0\0\0", 4))
		return false;
	for (unsigned i = 0; i < 16; i++)
		if ((a->b[i] ^ world_ways[way].prefix.b[i]) &
		    world_ways[way].mask.b[i])
			return false;
	return true;
}

static inline uint32_t world_match(const struct world *w,
				   const union pk_addr *a, uint16_t port)
{
	uint32_t slot = world_own(w, a, port);
	union pk_addr v4 = { .b = { [10] = 0xff, [11] = 0xff } };

	for (unsigned way = 0; !slot && way < WORLD_WAYS; way++) {
		if (!world_carries(a, way))
			continue;
		for (unsigned i = 0; i < 4; i++)
			v4.b[12 + i] = a->b[world_ways[way].at + i] ^
				       world_ways[way].flip;
		return world_own(w, &v4, port);
	}
	return slot;
}

static inline unsigned world_labels(const uint8_t *wire)
{
	unsigned n = 0;

	for (; *wire; wire += 1 + *wire)
		n++;
	return n;
}

/* How specific an indicator is about a name; 0: not at all. */
static inline unsigned world_rank(const struct world_item *it,
				  const uint8_t *wire)
{
	unsigned own = world_labels(it->wire), labels = world_labels(wire);
	const uint8_t *at = wire;

	if (own > labels)
		return 0;
	for (unsigned i = own; i < labels; i++)
		at += 1 + *at;
	if (strcmp((const char *)at, (const char *)it->wire) != 0)
		return 0;
	if (it->match == PK_MATCH_SUBDOMAINS)
		return 2 * own;
	if (it->match == PK_MATCH_EXACT)
		return own == labels ? 2 * own + 1 : 0;
	return own + 1 == labels ? 2 * own + 1 : 0;
}

static inline uint32_t world_name(const struct world *w, const uint8_t *wire)
{
	unsigned best = 0;
	uint32_t slot = 0;

	for (uint32_t i = 0; i < w->count; i++) {
		const struct world_item *it = &w->item[i];
		unsigned rank = 0;

		if (it->kind == W_NAME && it->live)
			rank = world_rank(it, wire);
		if (rank > best) {
			best = rank;
			slot = i + 1;
		}
	}
	return slot;
}

/* --- a source of keys ----------------------------------------------------- */

static inline struct pk_key world_addr_key(const struct world *w,
					   const struct world_item *it)
{
	struct pk_key k = { .table = PK_TABLE_V6 };

	if (world_is_v4(&it->addr)) {
		k.table = PK_TABLE_V4;
		k.q[0] = it->addr.w[3];
		k.hash = pk_hash_v4(w->seed, it->addr.w[3]);
		return k;
	}
	k.q[0] = it->addr.q[0];
	k.q[1] = it->addr.q[1];
	k.hash = pk_hash_v6(w->seed, k.q[0], k.q[1]);
	return k;
}

static inline struct pk_key world_net_key(const struct world *w, uint32_t i,
					  uint32_t id)
{
	const struct world_item *it = &w->item[i];
	struct pk_key k = world_addr_key(w, it);
	bool v4 = k.table == PK_TABLE_V4;

	k.table = v4 ? PK_TABLE_NET4 : PK_TABLE_NET6;
	k.bits = (uint8_t)(v4 ? it->bits - 96 : it->bits);
	k.hash = 0;
	if (id == PK_TOMBSTONE) {
		k.dead = i + 1;
		k.wider = world_longest(w, &it->addr, it->bits);
		if (k.wider)
			k.wider_bits = (uint8_t)(w->item[k.wider - 1].bits -
						 (v4 ? 96 : 0));
	}
	return k;
}

/* A name's own key and, when it lives, those of its ancestors in front. */
static inline unsigned world_name_keys(const struct world *w,
				       const struct world_item *it,
				       struct pk_key *keys, uint32_t id)
{
	struct pk_name_suffixes s;
	unsigned n = 0;

	assert_true(pk_name_suffixes(&s, w->seed, it->wire) > 0);
	while (pk_name_next(&s))
		keys[n++] = (struct pk_key){ .table = PK_TABLE_NAME,
					     .hash = s.hash,
					     .ancestor = 1 };
	keys[n - 1].bits = (uint8_t)(w->seed & 1 ? n : 0); /* or not said */
	if (id == PK_TOMBSTONE) {
		n = 1;
		keys[0].bits = 0;
	}
	keys[n - 1].ancestor = 0;
	keys[n - 1].hash = keys[n - 1].q[0] = s.hash;
	if (it->match == PK_MATCH_SUBDOMAINS)
		keys[n - 1].q[0] = pk_name_subdomains(s.hash);
	if (it->match == PK_MATCH_ONE_LABEL)
		keys[n - 1].q[0] = pk_name_one_label(s.hash);
	return n;
}

static inline unsigned world_port_keys(const struct world *w,
				       const struct world_item *it,
				       struct pk_key *keys, uint32_t id)
{
	unsigned n = 0;

	if (id != PK_TOMBSTONE) {
		keys[n] = world_addr_key(w, it);
		keys[n++].id = PK_PORTS;
	}
	keys[n] = (struct pk_key){ .table = PK_TABLE_NAME };
	keys[n].hash = pk_endpoint_key(w->seed, &it->addr, it->port);
	keys[n].q[0] = keys[n].hash;
	return n + 1;
}

static inline unsigned world_keys(const struct world *w, uint32_t i,
				  struct pk_key *keys, uint32_t id)
{
	const struct world_item *it = &w->item[i];
	unsigned n = 1;

	if (it->kind == W_ADDR)
		keys[0] = world_addr_key(w, it);
	else if (it->kind == W_NET)
		keys[0] = world_net_key(w, i, id);
	else if (it->kind == W_PORT)
		n = world_port_keys(w, it, keys, id);
	else if (it->kind == W_NAME)
		n = world_name_keys(w, it, keys, id);
	else
		keys[0] = (struct pk_key){ .table = PK_TABLE_VALUE,
					   .q = { it->value } };
	keys[n - 1].id = id;
	return n;
}

static inline unsigned world_base_next(const void *arg, uint32_t *cursor,
				       struct pk_key *keys, unsigned max)
{
	const struct world *w = arg;
	unsigned n = 0;

	for (; *cursor < w->count && n + 130 < max; ++*cursor)
		if (w->item[*cursor].live)
			n += world_keys(w, *cursor, keys + n, *cursor + 1);
	return n;
}

static inline unsigned world_delta_next(const void *arg, uint32_t *cursor,
					struct pk_key *keys, unsigned max)
{
	const struct world *w = arg;
	unsigned n = 0;

	for (; *cursor < w->count && n + 130 < max; ++*cursor) {
		const struct world_item *it = &w->item[*cursor];

		if (it->live != it->in_base)
			n += world_keys(w, *cursor, keys + n,
					it->live ? *cursor + 1 : PK_TOMBSTONE);
	}
	return n;
}

static inline void world_build_delta(struct world *w)
{
	struct pk_key_source source = { .next = world_delta_next,
					.arg = w,
					.seed = w->seed };

	pk_block_free(&w->delta);
	assert_int_equal(pk_builder_build(&source, &w->delta), 0);
	assert_int_equal(pk_block_check(w->delta.lines, w->delta.count), 0);
}

/* A new base, and the empty delta over it. */
static inline void world_build_base(struct world *w)
{
	struct pk_key_source source = { .next = world_base_next,
					.arg = w,
					.seed = w->seed };

	pk_block_free(&w->base);
	assert_int_equal(pk_builder_build(&source, &w->base), 0);
	assert_int_equal(pk_block_check(w->base.lines, w->base.count), 0);
	for (uint32_t i = 0; i < w->count; i++)
		w->item[i].in_base = w->item[i].live;
	world_build_delta(w);
}

static inline struct pk_view world_view(const struct world *w)
{
	return (struct pk_view){
		.base = w->base.lines,
		.delta = w->delta.lines,
		.base_head = w->base.head,
		.delta_head = w->delta.head,
		.generation = 1,
	};
}

/* --- random indicators ---------------------------------------------------- */

/* Few different bytes: prefixes nest, neighbours touch. */
static inline union pk_addr world_random_addr(struct world *w)
{
	static const uint8_t bytes[] = { 0, 1, 2, 127, 128, 254, 255, 10 };
	union pk_addr a = { .b = { [10] = 0xff, [11] = 0xff } };
	uint64_t r = world_draw(w);
	unsigned from = 12;

	if (r & 1) {
		memset(a.b, 0, sizeof(a.b));
		a.b[0] = 0x20;
		from = 2;
	}
	for (unsigned i = from; i < 16; i++) {
		uint64_t draw = world_draw(w);

		a.b[i] = draw % 5 ? bytes[draw >> 8 & 3] : bytes[draw >> 8 & 7];
	}
	return a;
}

static inline void world_cut(union pk_addr *a, unsigned bits)
{
	for (unsigned i = bits; i < 128; i++)
		a->b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static inline bool world_has(const struct world *w, const struct world_item *it)
{
	for (uint32_t i = 0; i < w->count; i++) {
		const struct world_item *x = &w->item[i];

		if (x->kind == it->kind && x->match == it->match &&
		    x->bits == it->bits && x->port == it->port &&
		    x->value == it->value &&
		    !memcmp(&x->addr, &it->addr, sizeof(x->addr)) &&
		    !memcmp(x->wire, it->wire, sizeof(x->wire)))
			return true;
	}
	return false;
}

static inline void world_random_name(struct world *w, uint8_t wire[64])
{
	static const char *const labels[] = { "com", "a", "bb",
					      "evil-long-label", "x1" };
	unsigned n = 1 + (unsigned)(world_draw(w) % 4), at = 0;

	memset(wire, 0, 64);
	while (n--) {
		const char *l =
			labels[n ? world_draw(w) % 5 : world_draw(w) % 2];
		size_t len = strlen(l);

		if (at + len > 60)
			break;
		wire[at++] = (uint8_t)len;
		memcpy(wire + at, l, len);
		at += (unsigned)len;
	}
}

static inline struct world_item world_random_item(struct world *w,
						  enum world_kind kind)
{
	struct world_item it = { .kind = (uint8_t)kind };
	uint64_t r = world_draw(w);
	unsigned least;

	if (kind == W_NAME) {
		world_random_name(w, it.wire);
		it.match = (uint8_t)(r % PK_MATCH_COUNT);
		return it;
	}
	if (kind == W_VALUE) {
		it.value = r % 100000;
		return it;
	}
	it.addr = world_random_addr(w);
	if (kind == W_PORT)
		it.port = (uint16_t)(1 + r % 3);
	if (kind == W_NET) {
		least = world_is_v4(&it.addr) ? 96 : 0;
		it.bits = (uint8_t)(least + r % (129 - least));
		/* a full length is an address by another name */
		if (it.bits == 128)
			it.bits = 127;
		world_cut(&it.addr, it.bits);
	}
	return it;
}

/* Add @count different live items of a kind (fewer when there are no more). */
static inline void world_fill(struct world *w, enum world_kind kind,
			      uint32_t count)
{
	for (uint32_t tries = 0; count && tries < 20 * w->room; tries++) {
		struct world_item it = world_random_item(w, kind);

		if (w->count == w->room)
			return;
		if (world_has(w, &it))
			continue;
		it.live = true;
		w->item[w->count++] = it;
		count--;
	}
}

/* Let some items die and others live again. */
static inline void world_stir(struct world *w, uint32_t changes)
{
	while (changes--) {
		struct world_item *it = &w->item[world_draw(w) % w->count];

		it->live = !it->live;
	}
}

/* Sometimes an address of the list, or one beside it. */
static inline union pk_addr world_question(struct world *w)
{
	uint64_t r = world_draw(w);
	const struct world_item *it = &w->item[(r >> 8) % w->count];
	union pk_addr a = it->addr;
	unsigned bit;

	if (r % 4 == 0 || it->kind > W_PORT)
		return world_random_addr(w);
	if (it->kind == W_NET)
		for (unsigned i = it->bits; i < 128; i++)
			if (world_draw(w) & 1)
				a.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
	if (r % 4 == 1) {
		bit = (world_is_v4(&a) ? 96 : 0);
		bit += (unsigned)(world_draw(w) % (128 - bit));
		a.b[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
	return a;
}

#endif /* PK_TESTS_IMAGE_WORLD_H */
