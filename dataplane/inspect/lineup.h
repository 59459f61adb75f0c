/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lineup: samples put into the order of their frames.
 *
 * In replay the samples of a tick come from several workers, mixed at random.
 * Whoever must see them in the order of the capture lets them wait here until
 * their tick is over. One block of memory, of which only what was ever used is
 * touched. One thread.
 */
#ifndef PK_DATAPLANE_INSPECT_LINEUP_H
#define PK_DATAPLANE_INSPECT_LINEUP_H

#include <stdint.h>

#include "bpf/abi.h"

struct pk_lineup;

/* @e is followed by its frame. */
typedef void pk_lineup_fn(void *arg, const struct pk_sample_event *e);

/* Room for @bytes, 32 of them a sample besides its own. 0 or -ENOMEM. */
int pk_lineup_new(struct pk_lineup **out, uint64_t bytes);
void pk_lineup_free(struct pk_lineup *l); /* NULL is a no-op */

/* Copy a sample in. 0, or -ENOSPC when there is no room for it. */
int pk_lineup_push(struct pk_lineup *l, const struct pk_sample_event *e);

/* How many wait. */
uint32_t pk_lineup_count(const struct pk_lineup *l);

/*
 * Give @take those with a time before @end_ns, by frame number. The others
 * stay. @take must not use the lineup. O(n log n).
 */
void pk_lineup_take(struct pk_lineup *l, uint64_t end_ns, pk_lineup_fn *take,
		    void *arg);

#endif /* PK_DATAPLANE_INSPECT_LINEUP_H */
