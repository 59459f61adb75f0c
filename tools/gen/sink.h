/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sink: where generated frames go: a pcap file or a network interface.
 *
 * A file is pcap with nanoseconds and Ethernet, little endian on any machine;
 * a time beyond 2106 is refused. An interface gets the frames raw through an
 * AF_PACKET socket (CAP_NET_RAW); a full queue is waited for, a bounded time.
 */
#ifndef PK_GEN_SINK_H
#define PK_GEN_SINK_H

#include <stddef.h>
#include <stdint.h>

struct pk_sink;

/*
 * Write to the file @path (made or emptied), or to standard output for "-".
 * 0 and *@out, or negative errno as fopen() and fwrite() set it.
 */
int pk_sink_file(struct pk_sink **out, const char *path);

/*
 * Send on the interface @name. -ENODEV without one of that name, -EPERM
 * without CAP_NET_RAW, or another negative errno of socket().
 */
int pk_sink_interface(struct pk_sink **out, const char *name);

/*
 * One frame at @ts_ns since 1970 (an interface ignores it). 0, or -EOVERFLOW
 * for a time that pcap cannot hold, -EMSGSIZE above the interface's MTU,
 * -ENOBUFS after a second of full queue, or what writing said.
 */
int pk_sink_send(struct pk_sink *s, uint64_t ts_ns, const uint8_t *frame,
		 size_t len);

/* Flush and close. 0, or negative errno if not all could be written. */
int pk_sink_close(struct pk_sink *s); /* NULL is a no-op */

#endif /* PK_GEN_SINK_H */
