/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spec: how interfaces, ports and devices are spelled, and which devices may
 * be asked for.
 *
 * The configuration, the control socket's operations and the launcher all ask
 * here, so that what one of them accepts the next one does not refuse.
 *
 * A device string is opened by root: DPDK's drivers take keys that open, create
 * and truncate files (tx_pcap, rx_pcap, xdp_prog, ...), run programs or believe
 * addresses. The configuration file belongs to root and may say all of that;
 * whoever may only use the control socket may say what pk_spec_may_ask()
 * lists, and nothing else.
 *
 * No state.
 */
#ifndef PK_CONTROL_SPEC_H
#define PK_CONTROL_SPEC_H

#include <stddef.h>

enum { PK_SPEC_PORT = 32 }; /* characters of a port's name; the plane's limit */

/* The name of the XDP plane, which no port may have. */
#define PK_SPEC_XDP_NAME "xdp"

/* What a port's name is, for sentences: "must be ...". */
#define PK_SPEC_PORT_TEXT                                            \
	"1 to 32 letters, digits, '.', '_' and '-', not begin with " \
	"'.' or '-', and not be xdp"

/* 1 when @text is the thing, else 0. */
int pk_spec_is_iface(const char *text);
int pk_spec_is_port(const char *text);
int pk_spec_is_pci(const char *text); /* 0000:03:00.0, the domain included */
/* Of a driver that there is, printable and without blanks. */
int pk_spec_is_vdev(const char *text);

/*
 * May the device be asked for on the control socket? @pci: it is an address.
 * Allowed are any PCI address, and of virtual devices
 *
 *	net_af_packet	iface, qpairs, blocksz, framesz, framecnt
 *	net_af_xdp	iface, start_queue, queue_count
 *	net_null	size, copy
 *	net_ring	no key at all
 *
 * where iface is an interface's name, all others are numbers, and no key is
 * there twice. 0; -EINVAL for what is no such device at all, or -EOPNOTSUPP
 * for what only the configuration file may say; with one sentence in @why,
 * which names driver and key.
 */
int pk_spec_may_ask(const char *device, int pci, char *why, size_t size);

#endif /* PK_CONTROL_SPEC_H */
