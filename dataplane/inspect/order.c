/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/order.h"

#include <string.h>

static int before(const struct pk_rank_tie *tie, const struct pk_rank *a,
		  const struct pk_rank *b)
{
	if (a->value != b->value)
		return a->value < b->value;
	return tie->before(tie->arg, a->index, b->index);
}

/* Merge the sorted [0, mid) and [mid, end) of @from into @to. */
static void merge_runs(const struct pk_rank *from, struct pk_rank *to,
		       const uint32_t bounds[2], const struct pk_rank_tie *tie)
{
	uint32_t mid = bounds[0], end = bounds[1], a = 0, b = mid, n = 0;

	while (a < mid && b < end)
		to[n++] =
			before(tie, &from[b], &from[a]) ? from[b++] : from[a++];
	memcpy(to + n, from + a, (mid - a) * sizeof(*to));
	n += mid - a;
	memcpy(to + n, from + b, (end - b) * sizeof(*to));
}

static uint32_t lesser(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

struct pk_rank *pk_rank_sort(struct pk_rank *ranks, struct pk_rank *scratch,
			     uint32_t n, const struct pk_rank_tie *tie)
{
	struct pk_rank *from = ranks, *to = scratch, *swap;

	for (uint64_t run = 1; run < n; run *= 2) {
		for (uint64_t at = 0; at < n; at += 2 * run) {
			uint32_t left = n - (uint32_t)at;
			uint32_t bounds[2] = { lesser(run, left),
					       lesser(2 * run, left) };

			merge_runs(from + at, to + at, bounds, tie);
		}
		swap = from;
		from = to;
		to = swap;
	}
	return from;
}
