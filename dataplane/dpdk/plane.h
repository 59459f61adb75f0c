/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plane: the life of a picket-dpdk process.
 *
 *	uplink  ->  device examined  ->  DPDK, port  ->  rings, workers, stage
 *	->  sandbox  ->  lcores run; this thread gathers  ->  drain, end
 *
 * Everything is opened before the sandbox, and no frame is looked at before
 * it. The main thread moves the workers' events to the stage, measures the
 * clock, reads the counters once a second, and listens to the daemon. SIGTERM,
 * SIGINT, a STOP or a daemon that left ends the plane: the workers drain, the
 * stage drains, within two seconds. A replay ends by itself.
 */
#ifndef PK_DATAPLANE_DPDK_PLANE_H
#define PK_DATAPLANE_DPDK_PLANE_H

#include "dataplane/dpdk/options.h"

/*
 * Run until the end over the uplink at PK_UPLINK_FD. 0, or -errno when a
 * sentence was said to the daemon and on stderr. Once a process.
 */
int pk_plane_run(const struct pk_options *o);

#endif /* PK_DATAPLANE_DPDK_PLANE_H */
