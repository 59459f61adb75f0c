/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lcore: the loop of one worker on one lcore and one receive queue.
 *
 * Live: bursts until it is told to stop, then what is still in the queue,
 * then the worker's drain. The time of a burst is the counter's (tsc.h), read
 * once. Between bursts a few flow lines are swept. An lcore that saw nothing
 * for a while sleeps 100 us between looks, so an idle port costs little.
 *
 * Replay: exactly @expected frames, each with the time of its capture and the
 * number it has in the whole capture; before the first frame of another tick
 * all lines are swept, so that what is sent depends on the frames alone.
 */
#ifndef PK_DATAPLANE_DPDK_LCORE_H
#define PK_DATAPLANE_DPDK_LCORE_H

#include <stdatomic.h>
#include <stdint.h>

#include "dataplane/dpdk/frame.h"
#include "dataplane/dpdk/tsc.h"
#include "dataplane/inspect/worker.h"

struct pk_lcore_conf {
	uint16_t port;
	uint16_t queue;
	uint16_t queues;
	uint8_t replay;
	uint64_t expected; /* frames of this queue, in replay */
	struct pk_worker *worker;
	const struct pk_tsc *tsc; /* live */
	const atomic_int *stop;
};

struct pk_lcore;

/* 0, -ENOMEM, or -ENOTSUP: in replay, a driver that gives no times. */
int pk_lcore_new(struct pk_lcore **out, const struct pk_lcore_conf *conf);
void pk_lcore_free(struct pk_lcore *l); /* NULL is a no-op */

/*
 * For rte_eal_remote_launch(). 0, or -ENODATA: a replay's queue ended before
 * the expected number of frames. The worker is drained in any case.
 */
int pk_lcore_run(void *lcore);

/* After the run. */
uint64_t pk_lcore_delivered(const struct pk_lcore *l);

#endif /* PK_DATAPLANE_DPDK_LCORE_H */
