/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peers: how many may be connected to a socket of the bus at a time.
 *
 * libzmq takes every connection that comes, and ends the process when there is
 * no file descriptor left for one on ipc:// (4.3.4: EMFILE is an assertion). So
 * a thread of the object hears of each connection of a bound socket, by a
 * socket monitor, and shuts down those above PK_PEERS_MAX, or a quarter of
 * RLIMIT_NOFILE; likewise those above half of it in all sockets of the process.
 * The latest go, those who were there stay: zmq_unbind(), which would keep
 * others from coming, ends all connections of its endpoint.
 *
 * A socket has one monitor, so what else is to be heard of one is told by the
 * same thread. pk_peers_new() and pk_peers_free() are for the thread that has
 * the socket.
 */
#ifndef PK_CONTROL_PEERS_H
#define PK_CONTROL_PEERS_H

#include <stdatomic.h>
#include <stdint.h>

enum { PK_PEERS_MAX = 512 };

struct pk_peers_conf {
	void *context;		       /* of the socket */
	void *socket;		       /* before it is bound */
	_Atomic uint64_t *turned_away; /* counts them */
	_Atomic uint64_t *gone;	       /* connections that ended; may be NULL */
	int events;		       /* of ZeroMQ's, to be heard too */
	void (*hear)(void *arg, uint16_t event, uint32_t value); /* or NULL */
	void *arg;
};

struct pk_peers;

/* 0, or -errno of ZeroMQ or the thread. */
int pk_peers_new(struct pk_peers **out, const struct pk_peers_conf *conf);

/*
 * Before the socket is closed; if it is already, @socket is NULL. NULL for @p
 * is a no-op.
 */
void pk_peers_free(struct pk_peers *p, void *socket);

/* Connections at the moment. */
uint32_t pk_peers_count(const struct pk_peers *p);

#endif /* PK_CONTROL_PEERS_H */
