/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host: what there is to know of the machine before something is attached:
 * interfaces, routes, capabilities, bpffs. All of it is read from the network
 * namespace and the mount namespace of the caller; nothing is changed but the
 * directories of pk_host_pin_dir().
 */
#ifndef PK_CONTROL_HOST_H
#define PK_CONTROL_HOST_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel counts of an interface (proc(5), net/dev). */
#define PK_HOST_NETDEV(_)                              \
	_(rx_bytes, "bytes received")                  \
	_(rx_packets, "frames received")               \
	_(rx_errors, "of these, bad")                  \
	_(rx_dropped, "frames received and not taken") \
	_(tx_bytes, "bytes sent")                      \
	_(tx_packets, "frames sent")                   \
	_(tx_errors, "frames that could not be sent")  \
	_(tx_dropped, "frames not sent for want of room")

#define PK_HOST_NETDEV_FIELD(name, text) uint64_t name;
struct pk_host_netdev {
	PK_HOST_NETDEV(PK_HOST_NETDEV_FIELD)
};

enum { PK_HOST_DRIVER = 32 };

/* The driver of @ifname, as ethtool(8) tells it. 0 or -errno. */
int pk_host_driver(const char *ifname, char name[PK_HOST_DRIVER]);

/* 1 when the kernel merges packets that @ifname received (GRO). */
int pk_host_merges(const char *ifname);

/* 0, -ENODEV, or -errno. O(interfaces). */
int pk_host_netdev(const char *ifname, struct pk_host_netdev *out);

/* The same from the text of /proc/net/dev. 0 or -ENODEV. */
int pk_host_netdev_in(const char *text, const char *ifname,
		      struct pk_host_netdev *out);

/*
 * 1 when a default route, of IPv4 or IPv6, leaves by @ifname. The second form
 * takes the texts of /proc/net/route and /proc/net/ipv6_route.
 */
int pk_host_is_default(const char *ifname);
int pk_host_is_default_in(const char *route4, const char *route6,
			  const char *ifname);

/*
 * The interface that a DPDK device string uses ("iface=" of net_af_packet,
 * net_af_xdp, net_pcap, net_tap). 0, or -ENOENT when it names none.
 */
int pk_host_vdev_iface(const char *vdev, char name[IF_NAMESIZE]);

/*
 * The effective capabilities that attaching needs and this process lacks, as
 * text ("CAP_BPF CAP_PERFMON"). How many; 0: none is missing.
 */
unsigned pk_host_missing_caps(char *text, size_t size);

/*
 * Make the directories down to @dir, which must be in a bpffs. 0, or -errno
 * with a sentence that says how to mount one, or how to see the one that there
 * is.
 */
int pk_host_pin_dir(const char *dir, char *why, size_t size);

#endif /* PK_CONTROL_HOST_H */
