/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather: from the rings of the workers to the stage, tick by tick.
 *
 * Each worker has two rings, alerts and events; marks in the events say that
 * all lines of earlier ticks are out. A tick is closed when every worker's
 * mark has passed it, and the alerts that precede the marks went first.
 *
 * Live, all rings are always emptied: lines of later ticks wait in the stage.
 *
 * In replay nothing of a later tick may reach the stage before the tick is
 * closed, or the order of records would depend on who was faster. So an entry
 * of a later tick is held back, and its ring with it; the lossless worker
 * behind it then waits. Nothing can lock up: a worker waits for its own rings
 * alone, and the rings of the worker that is furthest behind are never held.
 * (An alert of a later tick is pushed after the mark of that tick, so holding
 * the alerts cannot hide the mark.)
 *
 * One thread; the rings' consumer side.
 */
#ifndef PK_DATAPLANE_DPDK_GATHER_H
#define PK_DATAPLANE_DPDK_GATHER_H

#include <stdint.h>

#include "dataplane/inspect/stage.h"
#include "dataplane/ring.h"
#include "dataplane/stats.h"

struct pk_gather;

/* 0 or -ENOMEM. @stage is borrowed. */
int pk_gather_new(struct pk_gather **out, struct pk_stage *stage, int replay);
void pk_gather_free(struct pk_gather *g); /* NULL is a no-op */

/* Add a worker's rings, borrowed; at most PK_WORKERS_MAX. */
void pk_gather_add(struct pk_gather *g, struct pk_ring *alerts,
		   struct pk_ring *events);

/* Move what is there, within a bound. Returns how many entries moved. */
uint32_t pk_gather_turn(struct pk_gather *g);

/* 1 when every worker's last mark was read and nothing is left. */
int pk_gather_ended(const struct pk_gather *g);

/* A ring that was poisoned: -EBADMSG, else 0. Cannot happen by honest code. */
int pk_gather_error(const struct pk_gather *g);

#endif /* PK_DATAPLANE_DPDK_GATHER_H */
