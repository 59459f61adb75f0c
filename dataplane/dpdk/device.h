/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device: what a port is made of, examined before DPDK is started.
 *
 * DPDK names few causes when a device does not come up, and some mistakes it
 * accepts without a word. So everything that can be known beforehand is looked
 * at here: the driver, the interface, the file, the PCI binding, the sizes.
 * What the device string leaves open is filled in: ring frames that hold the
 * interface's MTU, and one queue a worker.
 *
 * Known drivers: net_af_packet (fully tested), net_pcap (replay), net_af_xdp,
 * net_tap, net_null, net_ring (best effort), and any NIC on PCI.
 */
#ifndef PK_DATAPLANE_DPDK_DEVICE_H
#define PK_DATAPLANE_DPDK_DEVICE_H

#include <stdint.h>

#include "dataplane/dpdk/netdev.h"
#include "dataplane/dpdk/options.h"
#include "ioc/say.h"

enum { PK_DEVICE_BYTES = 4096 };

struct pk_device {
	char text[PK_DEVICE_BYTES]; /* for --vdev, or the PCI address */
	unsigned pci;		    /* 1: text is an address */
	unsigned af_packet;	    /* 1: loss is in the sockets */
	struct pk_netdev net;	    /* the interface under it, if any */
	unsigned mtu;		    /* to be set; 0: leave it alone */
	unsigned frame_room;	    /* a longer frame would be cut; 0: none */
	unsigned buffer_bytes;	    /* data room of an mbuf */
	unsigned buffers;	    /* in the pool */
	unsigned memory_mib;	    /* that these buffers need */
};

/*
 * Examine what @o asks for. 0; -EINVAL, -ENOENT, -ENODEV, -EPERM or another
 * -errno when the sentence was said. pk_device_close() is safe in any state
 * after pk_device_open().
 */
int pk_device_open(struct pk_device *d, const struct pk_options *o,
		   pk_say_fn *say, void *arg);
void pk_device_close(struct pk_device *d);

#endif /* PK_DATAPLANE_DPDK_DEVICE_H */
