/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics/histogram.h"

uint64_t pk_histogram_bound(unsigned index)
{
	unsigned octave, part;

	if (!index)
		return 1ULL << PK_HISTOGRAM_LOW;
	if (index >= PK_HISTOGRAM_BUCKETS - 1)
		return UINT64_MAX;
	octave = PK_HISTOGRAM_LOW + ((index - 1) >> PK_HISTOGRAM_SUB);
	part = ((index - 1) & ((1U << PK_HISTOGRAM_SUB) - 1)) + 1;
	return (1ULL << octave) +
	       ((uint64_t)part << (octave - PK_HISTOGRAM_SUB));
}

uint64_t pk_histogram_quantile(const struct pk_histogram *h, unsigned permille)
{
	/* rounded up: of one, any part is that one; no product overflows */
	uint64_t rank = h->count / 1000 * permille +
			(h->count % 1000 * permille + 999) / 1000;
	uint64_t sum = 0, bound;
	unsigned i;

	if (!h->count)
		return 0;
	for (i = 0; i < PK_HISTOGRAM_BUCKETS - 1; i++) {
		sum += h->bucket[i];
		if (sum >= rank)
			break;
	}
	bound = pk_histogram_bound(i);
	return bound < h->max_ns ? bound : h->max_ns;
}

uint64_t pk_histogram_upto(const struct pk_histogram *h, unsigned octave)
{
	unsigned end = 1 + ((octave - PK_HISTOGRAM_LOW) << PK_HISTOGRAM_SUB);
	uint64_t sum = 0;

	for (unsigned i = 0; i < end; i++)
		sum += h->bucket[i];
	return sum;
}
