/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint: where the bus may be served.
 *
 * ipc:// with an absolute path (the socket gets mode 0660) and tcp:// on
 * loopback. The replay server (control/bus/replayer.h) stands beside the bus:
 * replay.sock in the folder of an ipc:// endpoint, the next port of a tcp://
 * one.
 *
 * The inside of the bus, and for subscribers, which find one by the other.
 */
#ifndef PK_CONTROL_ENDPOINT_H
#define PK_CONTROL_ENDPOINT_H

#include <stddef.h>

enum { PK_ENDPOINT_MAX = 160 };

/* The socket's name in the folder of an ipc:// endpoint. */
#define PK_ENDPOINT_REPLAY "replay.sock"

/*
 * 0; -EPERM for an endpoint that may not be used, -EINVAL for one that is
 * none; the sentence is logged.
 */
int pk_endpoint_check(const char *endpoint);

/* Bind the ZeroMQ @socket. 0, or -errno; the sentence is logged. */
int pk_endpoint_bind(void *socket, const char *endpoint);

/*
 * The replay server's endpoint beside @bus. 0; -EINVAL for one that is none,
 * whose port is 65535, or that is too long.
 */
int pk_endpoint_replay(const char *bus, char out[PK_ENDPOINT_MAX]);

#endif /* PK_CONTROL_ENDPOINT_H */
