/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splitmix: random-looking numbers that are the same on every machine.
 *
 * SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
 * generators", OOPSLA 2014). Not for secrets. The state is the caller's, so
 * a sequence can be split: give each part a state made from its own number.
 */
#ifndef PK_GEN_SPLITMIX_H
#define PK_GEN_SPLITMIX_H

#include <stdint.h>

/* The next number of the sequence in *@state, which may begin anywhere. */
static inline uint64_t pk_splitmix_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* One number that depends on @seed and @index alone. */
static inline uint64_t pk_splitmix_at(uint64_t seed, uint64_t index)
{
	uint64_t state = seed ^ pk_splitmix_next(&index);

	return pk_splitmix_next(&state);
}

#endif /* PK_GEN_SPLITMIX_H */
