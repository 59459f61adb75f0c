/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netdev: the kernel's interface under a virtual DPDK device.
 *
 * DPDK's drivers hide three things that matter here:
 *   - net_af_packet reports no loss at all: the drops are in the statistics
 *     of its sockets, which reset when they are read, so there is one reader;
 *   - its ring frames have a fixed size, and what does not fit is cut without
 *     a word: the size must come from the interface's MTU;
 *   - its promiscuous mode sets a flag of the interface that outlives the
 *     process: a membership of our own socket ends with us, however we end.
 * Its sockets also see what the host itself sends; a port is what came in, so
 * they get a filter.
 *
 * Everything that needs a privilege happens before the sandbox; afterwards
 * only reads remain. One thread.
 */
#ifndef PK_DATAPLANE_DPDK_NETDEV_H
#define PK_DATAPLANE_DPDK_NETDEV_H

#include <net/if.h>
#include <stdint.h>

#include "dataplane/stats.h"
#include "ioc/say.h"

struct pk_netdev {
	char name[IFNAMSIZ]; /* empty: there is none, all calls are no-ops */
	unsigned ifindex;
	unsigned mtu;
	int own_fd; /* AF_PACKET socket that receives nothing, or -1 */
	int socket[PK_WORKERS_MAX]; /* the driver's, borrowed */
	unsigned sockets;
	uint64_t drops;
};

void pk_netdev_init(struct pk_netdev *d);

/*
 * Look @iface up. 0, -ENODEV, -EPERM without CAP_NET_RAW, or -errno; the
 * sentence is said. pk_netdev_close() is safe in any state.
 */
int pk_netdev_open(struct pk_netdev *d, const char *iface, pk_say_fn *say,
		   void *arg);
void pk_netdev_close(struct pk_netdev *d);

/* Ask for all frames until pk_netdev_close(). 0 or -errno. */
int pk_netdev_promiscuous(struct pk_netdev *d);

/*
 * Find the AF_PACKET sockets that the driver opened in this process, and let
 * them pass received frames only. 0 or -errno. Later calls find them anew.
 */
int pk_netdev_find_sockets(struct pk_netdev *d);

/* Frames dropped for want of room in the sockets' rings since the start. */
uint64_t pk_netdev_drops(struct pk_netdev *d);

/*
 * Is the interface still there? 0, with *@mtu what it is now, or -ENODEV:
 * it is gone, or another one has its name.
 */
int pk_netdev_check(const struct pk_netdev *d, unsigned *mtu);

/* 1 when the kernel merges received packets (GRO), which hides their sizes. */
int pk_netdev_merges(const struct pk_netdev *d);

#endif /* PK_DATAPLANE_DPDK_NETDEV_H */
