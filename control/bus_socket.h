/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bus_socket: what both halves of the bus share. The inside of control/bus.h.
 */
#ifndef PK_CONTROL_BUS_SOCKET_H
#define PK_CONTROL_BUS_SOCKET_H

#include "control/bus.h"

/* The words of the classes, in topics and heartbeats. */
extern const char *const pk_bus_words[PK_BUS_CLASS_COUNT];

/*
 * A socket of @type in a context of its own, with limits and keep-alive set
 * instead of ZeroMQ's defaults (for ever, without limit). 0 or -errno; what was
 * made is in *@context and *@socket in either case.
 */
int pk_bus_socket(void **context, void **socket, int type, int linger_ms);
/* The limits and keep-alive alone, of a socket that is there. 0 or -errno. */
int pk_bus_socket_limit(void *socket, int linger_ms);
void pk_bus_socket_close(void *context, void *socket); /* NULL is allowed */

#endif /* PK_CONTROL_BUS_SOCKET_H */
