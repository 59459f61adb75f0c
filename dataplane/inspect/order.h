/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * order: sort small pairs (value, index) in memory of the caller's.
 *
 * The values are next to each other, so the sort reads the things that they
 * stand for only where two values are equal. O(n log n) in the worst case, no
 * allocation, no recursion.
 */
#ifndef PK_DATAPLANE_INSPECT_ORDER_H
#define PK_DATAPLANE_INSPECT_ORDER_H

#include <stdint.h>

struct pk_rank {
	uint64_t value;
	uint32_t index;
	uint32_t pad;
};

/* Decides between equal values: does @a come before @b? A strict order. */
struct pk_rank_tie {
	int (*before)(const void *arg, uint32_t a, uint32_t b);
	const void *arg;
};

/*
 * Sort @n ranks, upwards. @scratch has room for @n more. The sorted ranks are
 * in the array that is returned, one of the two.
 */
struct pk_rank *pk_rank_sort(struct pk_rank *ranks, struct pk_rank *scratch,
			     uint32_t n, const struct pk_rank_tie *tie);

#endif /* PK_DATAPLANE_INSPECT_ORDER_H */
