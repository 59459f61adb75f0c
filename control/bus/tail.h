/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tail: all messages of a journaled class, in order, each once.
 *
 * The receiving half that loses nothing: it subscribes, then asks the replay
 * server (control/bus/replayer.h) how far the journal is, then fetches all that
 * is missing, and goes on so: a message that is not the next one, or a
 * heartbeat that knows of a later one, shows what was lost, which is fetched
 * before anything behind it is given. What the journal has no more is told as a
 * gap. A publisher that restarts goes on with its numbers; where they begin
 * anew, because its journal is another one, that is told, too, and messages may
 * come again.
 *
 * The key of a message is its number. Whoever stores pk_tail_last() and
 * pk_tail_epoch() after each message and begins with them has every message at
 * least once over its own restarts.
 *
 * Nothing is ever given up: while the server does not answer, it is asked again
 * each patience, and that is told. Memory: what is received ahead of its turn
 * is not kept but fetched, so only ZeroMQ's queues (PK_BUS_HWM messages of the
 * bus, PK_TAIL_CREDIT of the server). One thread an object.
 */
#ifndef PK_CONTROL_TAIL_H
#define PK_CONTROL_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "control/bus.h"

enum { PK_TAIL_CREDIT = 1000, PK_TAIL_PATIENCE_MS = 3000 };

/* Begin with what comes; nothing before is claimed. */
#define PK_TAIL_NOW UINT64_MAX

enum pk_tail_kind {
	PK_TAIL_MESSAGE,
	PK_TAIL_GAP,	 /* from to to are not in the journal any more */
	PK_TAIL_ANEW,	 /* another journal: messages from `from` on */
	PK_TAIL_TROUBLE, /* a sentence in json; it goes on by itself */
};

struct pk_tail_event {
	enum pk_tail_kind kind;
	struct pk_bus_header header; /* of a message */
	char topic[PK_BUS_TOPIC_MAX];
	const char *json; /* NUL-terminated; valid until the next receive */
	size_t len;
	int replayed; /* it was fetched */
	uint64_t from;
	uint64_t to;
};

/* received = live + replayed + again + ahead */
#define PK_TAIL_COUNTERS(_)                                     \
	_(received, "messages received, heartbeats left out")   \
	_(live, "of these, given as they came")                 \
	_(replayed, "of these, fetched and given")              \
	_(again, "of these, given before")                      \
	_(ahead, "of these, passed over, to be fetched")        \
	_(gone, "numbers that the journal had no more")         \
	_(hellos, "times that the server was asked how far it") \
	_(fetches, "replays that were asked for")

struct pk_tail_counters {
	PK_TAIL_COUNTERS(PK_COUNTER_FIELD)
};

struct pk_keys;

struct pk_tail_conf {
	const char *endpoint;	    /* of the bus */
	const char *replay;	    /* NULL: beside it */
	const struct pk_keys *keys; /* NULL: it has no gate */
	enum pk_bus_class class;
	uint64_t since;	      /* the latest that is there already; or NOW */
	uint64_t epoch;	      /* pk_tail_epoch() of then; 0: not known */
	uint32_t patience_ms; /* 0: PK_TAIL_PATIENCE_MS */
};

struct pk_tail;

/* 0; -EINVAL for a class without journal or an endpoint, or -errno. */
int pk_tail_new(struct pk_tail **out, const struct pk_tail_conf *conf);
void pk_tail_free(struct pk_tail *t); /* NULL is a no-op */

/*
 * The next event: 1; 0 after @timeout_ms (-1: for ever) without one; -EINTR, or
 * -errno when a socket is gone.
 */
int pk_tail_recv(struct pk_tail *t, int timeout_ms, struct pk_tail_event *out);

/*
 * The latest number that was given, or told as gone; PK_TAIL_NOW before it is
 * known. And the publisher's epoch then, 0 before it is known.
 */
uint64_t pk_tail_last(const struct pk_tail *t);
uint64_t pk_tail_epoch(const struct pk_tail *t);
const struct pk_tail_counters *pk_tail_count(const struct pk_tail *t);

#endif /* PK_CONTROL_TAIL_H */
