/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_names: names by number, as keys of an image and as questions.
 *
 * A name is a label of 6 to 15 letters under one of 64 top labels; two of three
 * are listed with their subdomains. A question asks for a name, or for one of
 * 3 to 10 letters below it, in letters of any case.
 */
#ifndef PK_TOOLS_BENCH_BENCH_NAMES_H
#define PK_TOOLS_BENCH_BENCH_NAMES_H

#include <stdint.h>
#include <string.h>

#include "bpf/dns.h"
#include "ioc/image/builder.h"
#include "ioc/name.h"

enum { BENCH_QUESTIONS = 8192, BENCH_QUESTION_BYTES = 120 };

/* The value of the map of questions. */
struct bench_question {
	uint32_t len;
	uint32_t pad;
	uint8_t msg[BENCH_QUESTION_BYTES];
};

static inline uint64_t bench_draw(uint64_t *random)
{
	*random += 0x9e3779b97f4a7c15ULL;
	return pk_mix(*random);
}

/* A label of @len letters; returns its bytes. */
static inline uint32_t bench_label(uint8_t *to, uint32_t len, uint64_t random)
{
	to[0] = (uint8_t)len;
	for (uint32_t i = 1; i <= len; i++)
		to[i] = (uint8_t)('a' + bench_draw(&random) % 26);
	return len + 1;
}

static inline uint32_t bench_name(uint32_t n, uint64_t seed, uint8_t *wire)
{
	uint64_t random = pk_mix((seed << 32) + n), top = random % 64;
	uint32_t at;

	at = bench_label(wire, 6 + bench_draw(&random) % 10, random);
	at += bench_label(wire + at, 2 + top % 3, top);
	wire[at] = 0;
	return at + 1;
}

/* A listed name must cover what is below it: number it by thirds. */
static inline int bench_is_exact(uint32_t n)
{
	return n % 3 == 2;
}

struct bench_name_source {
	uint32_t count;
	uint64_t seed;
};

static inline unsigned bench_next_name(const void *arg, uint32_t *cursor,
				       struct pk_key *keys, unsigned max)
{
	const struct bench_name_source *s = arg;
	uint8_t wire[PK_NAME_MAX];
	unsigned n = 0;

	for (; *cursor < s->count && n + 2 <= max; ++*cursor) {
		struct pk_name_suffixes at;

		bench_name(*cursor, s->seed, wire);
		pk_name_suffixes(&at, s->seed, wire);
		pk_name_next(&at);
		keys[n++] = (struct pk_key){ .table = PK_TABLE_NAME,
					     .hash = at.hash,
					     .ancestor = 1 };
		pk_name_next(&at);
		keys[n] = (struct pk_key){ .table = PK_TABLE_NAME,
					   .hash = at.hash,
					   .q = { at.hash },
					   .bits = 2 };
		if (!bench_is_exact(*cursor))
			keys[n].q[0] = pk_name_subdomains(at.hash);
		keys[n++].id = *cursor + 1;
	}
	return n;
}

static inline int bench_build_names(struct pk_block *out, uint32_t count,
				    uint64_t seed)
{
	struct bench_name_source s = { count, seed };
	struct pk_key_source source = { .next = bench_next_name,
					.arg = &s,
					.seed = seed };

	return pk_builder_build(&source, out);
}

/* Question number @i about name @n. */
static inline void bench_ask(uint32_t i, uint32_t n, uint64_t seed,
			     struct bench_question *q)
{
	uint64_t random = pk_mix(i);
	uint32_t at = PK_DNS_HEADER;

	memset(q, 0, sizeof(*q));
	q->msg[5] = 1;
	if (bench_draw(&random) % 2 && !bench_is_exact(n))
		at += bench_label(q->msg + at, 3 + bench_draw(&random) % 8,
				  random);
	at += bench_name(n, seed, q->msg + at);
	for (uint32_t k = PK_DNS_HEADER; k < at; k++)
		if (q->msg[k] >= 'a' && bench_draw(&random) % 2)
			q->msg[k] ^= 0x20;
	q->len = at + PK_DNS_TYPE_CLASS;
}

#endif /* PK_TOOLS_BENCH_BENCH_NAMES_H */
