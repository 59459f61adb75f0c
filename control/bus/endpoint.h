/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint: where the bus may be served.
 *
 * ipc:// with an absolute path (the socket gets mode 0660) and tcp:// on
 * loopback, or on any address where CURVE says who may connect
 * (control/bus/gate.h). The replay server (control/bus/replayer.h) stands beside the bus:
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
 * none; the sentence is logged. Off loopback there must be @curve.
 */
int pk_endpoint_check(const char *endpoint, int curve);

int pk_endpoint_is_tcp(const char *endpoint);
/* 1 for tcp:// on a loopback address. */
int pk_endpoint_is_local(const char *endpoint);

/* Bind the ZeroMQ @socket. 0, or -errno; the sentence is logged. */
int pk_endpoint_bind(void *socket, const char *endpoint);
/* The same at once after one of ours was closed: libzmq takes its time. */
int pk_endpoint_bind_again(void *socket, const char *endpoint);

/*
 * The replay server's endpoint beside @bus. 0; -EINVAL for one that is none,
 * whose port is 65535, or that is too long.
 */
int pk_endpoint_replay(const char *bus, char out[PK_ENDPOINT_MAX]);

#endif /* PK_CONTROL_ENDPOINT_H */
