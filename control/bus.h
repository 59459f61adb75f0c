/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bus: threats, hits and statistics for whoever subscribes (ZeroMQ PUB).
 *
 * A message has three frames:
 *
 *	topic    v1/threat/<type>/  v1/hit/<kind>/  v1/stats/  v1/hb/
 *		 v1/test/<kind>/ (samples, control/canned.h)
 *	header   32 bytes, little endian (struct pk_bus_header)
 *	payload  one JSON object
 *
 * A topic ends in a slash, because a subscription is a prefix. PUB loses
 * without a word when a subscriber is slow, or before it has joined. So every
 * class of messages is numbered, from 1 on in each epoch or, of journaled
 * classes, in the life of the journal; and a heartbeat each second carries the
 * latest numbers: a subscriber of a whole class can tell exactly how many it
 * has missed, at the tail too. What is journaled can be fetched from the oldest
 * number on that the heartbeat names (control/bus/replayer.h); the receiving
 * half that does so is control/bus/tail.h.
 *
 * Endpoints: ipc:// (a path; the socket gets mode 0660) and tcp:// on
 * loopback. With a gate (control/bus/gate.h) tcp:// on any address, for clients
 * with a key; without, anything else is refused with a sentence. ipc:// has no
 * keys: who may open the file may listen.
 *
 * Publishing never blocks. Memory: PK_BUS_HWM messages a subscriber inside
 * libzmq, of which there are PK_PEERS_MAX at most (control/bus/peers.h). One thread an object; libzmq runs one thread of its own.
 */
#ifndef PK_CONTROL_BUS_H
#define PK_CONTROL_BUS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

/* The default endpoint is this socket in the run directory. */
#define PK_BUS_SOCKET "bus.sock"

enum {
	PK_BUS_SCHEMA = 1,
	PK_BUS_HWM = 10000, /* messages a peer; replay has the others */
	PK_BUS_MESSAGE_MAX = 1 << 20, /* bytes a frame */
	PK_BUS_LINGER_MS = 500,
	PK_BUS_TOPIC_MAX = 64,
	PK_BUS_ENDPOINTS = 8,
};

/* Class number, topic word. Numbers are part of the wire format. */
#define PK_BUS_CLASSES(_) \
	_(HEARTBEAT, hb)  \
	_(THREAT, threat) \
	_(HIT, hit)       \
	_(STATS, stats)   \
	_(TEST, test)

#define PK_BUS_CLASS_ENUM(name, word) PK_BUS_##name,
enum pk_bus_class { PK_BUS_CLASSES(PK_BUS_CLASS_ENUM) PK_BUS_CLASS_COUNT };

/* Numbers of these go on over restarts, and the journal has them. */
static inline int pk_bus_journaled(int class)
{
	return class == PK_BUS_THREAT;
}

struct pk_bus_header {
	uint16_t schema;
	uint16_t class;	 /* enum pk_bus_class */
	uint32_t sensor; /* pk_bus_sensor() of the sensor's name */
	uint64_t epoch;
	uint64_t sequence; /* of its class, contiguous from 1 */
	uint64_t time_ns;
};
_Static_assert(sizeof(struct pk_bus_header) == 32, "pk_bus_header");

/* offered = published + refused */
#define PK_BUS_COUNTERS(_)                                    \
	_(offered, "messages offered, heartbeats included")   \
	_(published, "of these, handed to the socket")        \
	_(refused, "of these, not taken by the socket")       \
	_(cut_off, "times that peers wanted too many topics") \
	_(turned_away, "connections above the bound")         \
	_(bytes, "payload bytes published")

struct pk_bus_counters {
	PK_BUS_COUNTERS(PK_COUNTER_FIELD)
};

struct pk_gate;

struct pk_bus_conf {
	const char *const *endpoints;
	uint32_t endpoint_count; /* 1 to PK_BUS_ENDPOINTS */
	const char *sensor;
	uint64_t epoch;
	struct pk_gate *gate; /* before tcp:// endpoints; NULL: none */
};

struct pk_bus;

/*
 * Bind all endpoints, or none. 0; -EPERM for an endpoint that may not be
 * used, -EINVAL for one that is none, or -errno of the bind; the sentence is
 * logged.
 */
int pk_bus_new(struct pk_bus **out, const struct pk_bus_conf *conf);
void pk_bus_free(struct pk_bus *b); /* NULL is a no-op; waits LINGER at most */

/* A message with a number of its own, from a journal. */
struct pk_bus_item {
	enum pk_bus_class class;
	uint64_t number;     /* 0: the class's next */
	const char *subject; /* as in pk_bus_publish() */
	uint64_t time_ns;
	const char *json;
	size_t len;
};

/*
 * The latest number of @class was @number, in an epoch before this one: its
 * numbers go on. Before the first message.
 */
void pk_bus_start_at(struct pk_bus *b, enum pk_bus_class class,
		     uint64_t number);

/* The oldest of @class that the journal has, for heartbeats. */
void pk_bus_oldest(struct pk_bus *b, enum pk_bus_class class, uint64_t number);

/* As pk_bus_publish(). The number is used up, also when it was refused. */
int pk_bus_publish_item(struct pk_bus *b, const struct pk_bus_item *item);

/*
 * Publish @len bytes of JSON. @subject is the third word of the topic
 * ([a-z0-9-]), NULL for classes without one. 0, -EINVAL for a subject or
 * length that may not be, or -errno of the send. A number is used up only by a
 * message that was published.
 */
int pk_bus_publish(struct pk_bus *b, enum pk_bus_class class,
		   const char *subject, uint64_t time_ns, const char *json,
		   size_t len);

/* It is @now_ns: send a heartbeat if a second has passed since the last. */
void pk_bus_tick(struct pk_bus *b, uint64_t now_ns);

/* The latest number of @class; 0 before the first message. */
uint64_t pk_bus_sequence(const struct pk_bus *b, enum pk_bus_class class);
const struct pk_bus_counters *pk_bus_count(const struct pk_bus *b);

/* The 32-bit name of a sensor in headers. */
uint32_t pk_bus_sensor(const char *name);

/* ---- the receiving half ---- */

struct pk_bus_message {
	struct pk_bus_header header;
	char topic[PK_BUS_TOPIC_MAX];
	const char *json; /* NUL-terminated; valid until the next receive */
	size_t len;
	/*
	 * Messages of class @missed_class that were lost before this one.
	 * Counted only for classes that are subscribed as a whole.
	 */
	uint64_t missed;
	enum pk_bus_class missed_class;
};

struct pk_bus_sub;

/*
 * Connect to @endpoint and ask for @topics (prefixes; none: everything).
 * Heartbeats are always asked for. 0, -EINVAL, or -errno.
 */
int pk_bus_subscribe(struct pk_bus_sub **out, const char *endpoint,
		     const char *const *topics, uint32_t count);

/* The same to an endpoint with a gate: with @keys (NULL: without). */
struct pk_keys;
int pk_bus_subscribe_keys(struct pk_bus_sub **out, const char *endpoint,
			  const char *const *topics, uint32_t count,
			  const struct pk_keys *keys);
void pk_bus_sub_free(struct pk_bus_sub *s); /* NULL is a no-op */

/*
 * The next message: 1; 0 after @timeout_ms (-1: for ever) without one;
 * -EINTR, or -errno when the socket is gone. Malformed messages are skipped
 * and counted.
 *
 * A heartbeat is given as a message like any other; one that shows losses in
 * several classes is given once for each of them.
 */
int pk_bus_recv(struct pk_bus_sub *s, int timeout_ms,
		struct pk_bus_message *out);

/*
 * For poll(2). ZeroMQ signals edges: once it was readable, call pk_bus_recv()
 * with 0 until it returns 0.
 */
int pk_bus_sub_fd(const struct pk_bus_sub *s);

/* Malformed messages so far. */
uint64_t pk_bus_sub_malformed(const struct pk_bus_sub *s);

#endif /* PK_CONTROL_BUS_H */
