/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port: the one ethdev of this process, from configuration to the end.
 *
 * One receive queue a worker. With several, NICs that can are told to spread
 * flows by a symmetric hash (the 0x6d5a key: both directions of a flow meet
 * in one queue). All frames are received, none is changed: no offload is on.
 * Nothing is ever sent.
 *
 * Loss is read from where it happens: the driver's counters, and the sockets
 * under net_af_packet. All counts go on from where the last incarnation of the
 * plane left them. Main thread.
 */
#ifndef PK_DATAPLANE_DPDK_PORT_H
#define PK_DATAPLANE_DPDK_PORT_H

#include <stdint.h>

#include <rte_mempool.h>

#include "dataplane/dpdk/device.h"
#include "dataplane/dpdk/options.h"
#include "dataplane/stats.h"
#include "ioc/say.h"

struct pk_port {
	uint16_t id;
	uint16_t queues;
	uint8_t found;
	uint8_t started;
	uint8_t told_mtu; /* the sentence about a raised MTU was said */
	struct rte_mempool *pool;
	struct pk_device *device; /* borrowed */
	struct pk_stage_counters *stats;
	struct pk_stage_counters before; /* of earlier incarnations */
};

/*
 * Bring up the port that DPDK made of @d. 0, or -errno when the sentence was
 * said. @d and @stats outlive the port. pk_port_stop() is safe in any state
 * after pk_port_start().
 */
int pk_port_start(struct pk_port *p, struct pk_device *d,
		  const struct pk_options *o, pk_say_fn *say, void *arg);
void pk_port_stop(struct pk_port *p);

/* Counters go to @stats from now on. */
void pk_port_count(struct pk_port *p, struct pk_stage_counters *stats);

/* Read the counters: once a second, and at the end. */
void pk_port_update(struct pk_port *p);

/*
 * 0, or -ENODEV when the interface is gone and the sentence was said. An MTU
 * that was raised over what the ring holds is said once.
 */
int pk_port_check(struct pk_port *p, pk_say_fn *say, void *arg);

#endif /* PK_DATAPLANE_DPDK_PORT_H */
