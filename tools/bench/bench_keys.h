/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_keys: keys by number, for images without a store.
 *
 * Addresses are random. Prefixes are random with the lengths that lists have:
 * six of ten /24, the others /23, /22 and /20; in IPv6 /32, /48, /56 and /64.
 */
#ifndef PK_TOOLS_BENCH_BENCH_KEYS_H
#define PK_TOOLS_BENCH_BENCH_KEYS_H

#include <stdint.h>
#include <string.h>

#include "bpf/match.h"
#include "ioc/image/builder.h"

enum bench_keys { BENCH_V4, BENCH_V6, BENCH_PORT, BENCH_NET4, BENCH_NET6 };
enum { BENCH_AIMS = 65536, BENCH_HTTPS = 443 };

struct bench_source {
	enum bench_keys keys;
	uint32_t count;
	uint64_t seed;
};

static inline union pk_addr bench_addr(enum bench_keys keys, uint32_t i,
				       uint64_t seed)
{
	uint64_t r = pk_mix((seed << 40) + (i + 1) * 0x9e3779b97f4a7c15ULL);
	union pk_addr a = { .w = { 0, 0, 0xffff0000, (uint32_t)r } };

	if (keys == BENCH_V6 || keys == BENCH_NET6) {
		a.q[0] = r | 1;
		a.q[1] = pk_mix(r + seed);
	}
	return a;
}

static inline uint8_t bench_bits(enum bench_keys keys, uint32_t i)
{
	static const uint8_t four[] = {
		24, 24, 24, 24, 24, 24, 23, 23, 22, 20
	};
	static const uint8_t six[] = { 32, 48, 48, 48, 48, 48, 56, 64, 64, 64 };

	if (keys == BENCH_NET4)
		return four[i % 10];
	return keys == BENCH_NET6 ? six[i % 10] : 0;
}

/* The first @bits bits of an address; the others as they were, or 0. */
static inline void bench_cut(union pk_addr *a, unsigned bits)
{
	for (unsigned i = bits; i < 128; i++)
		a->b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static inline struct pk_key bench_key(enum bench_keys keys, uint32_t i,
				      uint64_t seed)
{
	union pk_addr a = bench_addr(keys, i, seed);
	struct pk_key k = { .id = (i & PK_SLOT_MAX) ? i & PK_SLOT_MAX : 1,
			    .bits = bench_bits(keys, i) };

	switch (keys) {
	case BENCH_V6:
		k.table = PK_TABLE_V6;
		break;
	case BENCH_NET4:
		k.table = PK_TABLE_NET4;
		bench_cut(&a, 96U + k.bits);
		break;
	case BENCH_NET6:
		k.table = PK_TABLE_NET6;
		bench_cut(&a, k.bits);
		break;
	default:
		k.table = PK_TABLE_V4;
	}
	if (keys == BENCH_V6 || keys == BENCH_NET6) {
		k.q[0] = a.q[0];
		k.q[1] = a.q[1];
		k.hash = pk_hash_v6(seed, a.q[0], a.q[1]);
	} else {
		k.q[0] = a.w[3];
		k.hash = pk_hash_v4(seed, a.w[3]);
	}
	return k;
}

static inline unsigned bench_next(const void *arg, uint32_t *cursor,
				  struct pk_key *keys, unsigned max)
{
	const struct bench_source *s = arg;
	unsigned n = 0;

	for (; *cursor < s->count && n + 2 <= max; ++*cursor) {
		union pk_addr a = bench_addr(s->keys, *cursor, s->seed);

		keys[n++] = bench_key(s->keys, *cursor, s->seed);
		if (s->keys != BENCH_PORT)
			continue;
		keys[n] = keys[n - 1];
		keys[n - 1].id = PK_PORTS;
		keys[n].table = PK_TABLE_NAME;
		keys[n].hash = pk_endpoint_key(s->seed, &a, BENCH_HTTPS);
		keys[n].q[0] = keys[n].hash;
		n++;
	}
	return n;
}

static inline int bench_build(struct pk_block *out, enum bench_keys keys,
			      uint32_t count, uint64_t seed)
{
	struct bench_source s = { keys, count, seed };
	struct pk_key_source source = { .next = bench_next,
					.arg = &s,
					.seed = seed };

	return pk_builder_build(&source, out);
}

/* An address that key number @i makes a hit. */
static inline union pk_addr bench_aim(enum bench_keys keys, uint32_t i,
				      uint64_t seed)
{
	return bench_addr(keys, i, seed);
}

#endif /* PK_TOOLS_BENCH_BENCH_KEYS_H */
