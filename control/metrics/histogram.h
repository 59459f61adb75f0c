/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * histogram: how long things took, in buckets of fixed bounds.
 *
 * Four buckets an octave, from 2^PK_HISTOGRAM_LOW ns (1 us) to
 * 2^PK_HISTOGRAM_HIGH ns (69 s), one below and one above. A bucket's upper
 * bound belongs to it. What is read back is at most a quarter too high.
 *
 * No allocation, no clock, no division by a variable; one thread an object.
 */
#ifndef PK_METRICS_HISTOGRAM_H
#define PK_METRICS_HISTOGRAM_H

#include <stdint.h>

enum {
	PK_HISTOGRAM_LOW = 10,
	PK_HISTOGRAM_HIGH = 36,
	PK_HISTOGRAM_SUB = 2, /* bits: four buckets an octave */
	PK_HISTOGRAM_BUCKETS = 2 + ((PK_HISTOGRAM_HIGH - PK_HISTOGRAM_LOW)
				    << PK_HISTOGRAM_SUB),
};

struct pk_histogram {
	uint64_t bucket[PK_HISTOGRAM_BUCKETS];
	uint64_t count;
	uint64_t sum_ns;
	uint64_t max_ns;
};

static inline unsigned pk_histogram_index(uint64_t ns)
{
	uint64_t below = ns ? ns - 1 : 0;
	unsigned octave;

	if (!(below >> PK_HISTOGRAM_LOW))
		return 0;
	if (below >> PK_HISTOGRAM_HIGH)
		return PK_HISTOGRAM_BUCKETS - 1;
	octave = 63 - (unsigned)__builtin_clzll(below);
	return 1 + ((octave - PK_HISTOGRAM_LOW) << PK_HISTOGRAM_SUB) +
	       (unsigned)(below >> (octave - PK_HISTOGRAM_SUB) &
			  ((1 << PK_HISTOGRAM_SUB) - 1));
}

static inline void pk_histogram_add(struct pk_histogram *h, uint64_t ns)
{
	h->bucket[pk_histogram_index(ns)]++;
	h->count++;
	h->sum_ns += ns;
	h->max_ns = ns > h->max_ns ? ns : h->max_ns;
}

/* The upper bound of bucket @index; UINT64_MAX of the last one. */
uint64_t pk_histogram_bound(unsigned index);

/*
 * The bound that @permille of what was added does not exceed: never more than
 * the longest; 0 when nothing was added.
 */
uint64_t pk_histogram_quantile(const struct pk_histogram *h, unsigned permille);

/* How many were not longer than 2^@octave ns, LOW to HIGH. */
uint64_t pk_histogram_upto(const struct pk_histogram *h, unsigned octave);

#endif /* PK_METRICS_HISTOGRAM_H */
