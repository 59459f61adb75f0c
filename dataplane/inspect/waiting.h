/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waiting: flow lines whose tick is not open yet.
 *
 * A fixed room of lines, given out tick by tick. Putting and taking cost
 * O(log n) for any mix of ticks. One thread.
 */
#ifndef PK_DATAPLANE_INSPECT_WAITING_H
#define PK_DATAPLANE_INSPECT_WAITING_H

#include <stdint.h>

#include "bpf/abi.h"

struct pk_waiting;

/* Room for @lines lines. 0 or -ENOMEM. */
int pk_waiting_new(struct pk_waiting **out, uint32_t lines);
void pk_waiting_free(struct pk_waiting *w); /* NULL is a no-op */

uint32_t pk_waiting_count(const struct pk_waiting *w);
int pk_waiting_full(const struct pk_waiting *w);

/* The lowest tick of a line; there is one. */
uint32_t pk_waiting_tick(const struct pk_waiting *w);

/* Copy a line in; the room is not full. */
void pk_waiting_push(struct pk_waiting *w, const struct pk_flow_line *line);

/*
 * A line of the lowest tick; there is one. Those of one tick come in any
 * order. Valid until the next push.
 */
const struct pk_flow_line *pk_waiting_pop(struct pk_waiting *w);

#endif /* PK_DATAPLANE_INSPECT_WAITING_H */
