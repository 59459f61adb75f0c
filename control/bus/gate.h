/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gate: who is let in to the sockets of the bus that can be reached over TCP.
 *
 * Sockets made here speak CURVE only: nobody can listen in, the sensor proves
 * its key, and a client proves its own, which a list of clients
 * (control/bus/clients.h) must have with the role that the socket needs. That
 * is asked of a thread of the object by ZAP (ZeroMQ RFC 27), on
 * inproc://zeromq.zap.01 of a context that all these sockets share. Should the
 * thread not answer, nobody is let in. Sockets for replay let in every client
 * of the list, and are to ask pk_gate_may() for each request, so that who may
 * not is told so.
 *
 * The list can be read again at any time: new connections are decided by the
 * new list, and so is each request for a replay. When it takes something from
 * somebody, the bus and the replay server open their sockets anew
 * (pk_gate_revoked()): all connections end, and who still may comes back.
 *
 * pk_gate_may(), pk_gate_revoked(), pk_gate_count() and pk_gate_reload() are for any thread; all
 * else is for the one that made it, before it and after it for sockets.
 */
#ifndef PK_CONTROL_GATE_H
#define PK_CONTROL_GATE_H

#include <stdatomic.h>

#include "bpf/abi.h"
#include "control/bus/clients.h"

enum {
	PK_GATE_SOCKETS = 16,
	PK_GATE_USER = PK_CLIENT_NAME + PK_CURVE_TEXT, /* "NAME KEY" */
};

/*
 * asked = allowed + unknown + unfit + malformed
 * What never got as far as asking: no_curve, wrong_key, broken; a client
 * without CURVE that hangs up before its greeting was read counts as broken.
 */
#define PK_GATE_COUNTERS(_)                                            \
	_(asked, "handshakes of clients that proved a key")            \
	_(allowed, "of these, let in")                                 \
	_(unknown, "of these, refused: not in the list of clients")    \
	_(unfit, "of these, refused: without the role")                \
	_(malformed, "of these, refused: not asked as CURVE asks")     \
	_(no_curve, "handshakes without CURVE")                        \
	_(wrong_key, "handshakes for another server's key, or forged") \
	_(broken, "handshakes that broke off")                         \
	_(forbidden, "requests refused: without the role, or no more") \
	_(reloads, "times that the list was read again")               \
	_(reloads_failed, "of these, in vain: the list is as before")  \
	_(clients, "clients in the list")                              \
	_(turned_away, "connections above the bound")                  \
	_(deaf, "times that the thread which decides ended early")

struct pk_gate_counters {
	PK_GATE_COUNTERS(PK_COUNTER_FIELD)
};

struct pk_gate_conf {
	const char *secret; /* the file's name, for sentences */
	const char *clients;
	/* Opened by whoever may; -1: could not be. Borrowed. */
	int secret_fd;
	int clients_fd;
};

struct pk_gate;

/* 0, or -errno of a file, of ZeroMQ or the thread; the sentence is logged. */
int pk_gate_new(struct pk_gate **out, const struct pk_gate_conf *conf);
/* After all its sockets were closed. NULL is a no-op. */
void pk_gate_free(struct pk_gate *g);

/* The sensor's public key. */
const char *pk_gate_key(const struct pk_gate *g);

/* What a socket is to be. */
struct pk_gate_ask {
	int type;
	int linger_ms;
	enum pk_client_role role; /* that its clients need */
};

/*
 * A socket with the limits of every socket of the bus and a bound to its
 * connections (control/bus/peers.h). 0 or -errno. For any thread, with the
 * socket's close. At the end of the gate zmq_close() will do as well.
 */
int pk_gate_socket(struct pk_gate *g, void **socket,
		   const struct pk_gate_ask *ask);

void pk_gate_close(struct pk_gate *g, void *socket); /* NULL is a no-op */

/* How many connections of the socket made last have ended. */
const _Atomic uint64_t *pk_gate_gone(const struct pk_gate *g);

/* Our own pair into @keys, for connecting elsewhere. */
void pk_gate_keys(const struct pk_gate *g, struct pk_keys *keys);

/*
 * May the client do that now? @user is ZeroMQ's "User-Id", its name and its key
 * with a space between them, both as in the list. Counts refusals.
 */
int pk_gate_may(struct pk_gate *g, const char *user, enum pk_client_role role);

/*
 * How often a list was read by which somebody may do less than before. ZeroMQ
 * cannot end one connection, so whoever has a socket opens it anew then.
 */
uint64_t pk_gate_revoked(const struct pk_gate *g);

/* Read the list again. 0, or -errno with a sentence: it is as before. */
int pk_gate_reload(struct pk_gate *g, char err[PK_CURVE_SENTENCE]);

void pk_gate_count(struct pk_gate *g, struct pk_gate_counters *out);

#endif /* PK_CONTROL_GATE_H */
