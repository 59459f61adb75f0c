/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replayer_inside: what replayer.c (life, thread, requests) and
 * replayer_session.c (one replay) share. Nobody else includes it.
 */
#ifndef PK_CONTROL_REPLAYER_INSIDE_H
#define PK_CONTROL_REPLAYER_INSIDE_H

#include <pthread.h>

#include "control/bus/ask.h"
#include "control/bus/endpoint.h"
#include "control/bus/peers.h"
#include "control/bus/replayer.h"
#include "control/journal/reader.h"

enum {
	PK_REPLAYER_NAME = 255,
	PK_REPLAYER_JSON = 1024,
	PK_REPLAYER_SOCKETS = 2,
};

/* How ROUTER names who asked. */
struct pk_replayer_peer {
	uint8_t name[PK_REPLAYER_NAME];
	uint8_t len;
	uint8_t gated; /* of which socket */
};

struct pk_replayer_session {
	struct pk_replayer_peer peer;
	struct pk_journal_reader *reader; /* NULL: a free place */
	uint64_t id;
	int class;
	uint64_t from;
	uint64_t to;
	uint64_t next; /* to be looked for */
	uint64_t credit;
	uint64_t sent;
	uint64_t touched_ns; /* something went on; monotonic */
	uint64_t gap_to;     /* next to gap_to is to be told; 0: nothing */
	int has;	     /* a message that waits for room or credit */
	struct pk_journal_message message;
};

struct pk_replayer {
	char *sensor;
	uint32_t sensor_hash;
	uint64_t epoch;
	uint64_t idle_ns;
	const struct pk_journal_mark *mark[PK_BUS_CLASS_COUNT];
	char endpoint[PK_BUS_ENDPOINTS][PK_ENDPOINT_MAX];
	uint32_t endpoints;
	int dir_fd;
	int wake; /* eventfd: end */
	void *context;
	struct pk_gate *gate;
	pthread_t thread;
	int started;
	/* the thread's: of those who need no key, and who do; NULL: no such */
	void *socket[PK_REPLAYER_SOCKETS];
	struct pk_peers *peers; /* of the first; the gate has the other's */
	_Atomic uint64_t turned_away;
	uint64_t revoked; /* as the gate said last */
	uint64_t now_ns;
	struct pk_replayer_session session[PK_REPLAYER_SESSIONS];
	struct pk_replayer_counters count;
	char json[PK_REPLAYER_JSON];
	/* what the thread told last */
	pthread_mutex_t lock;
	struct pk_replayer_counters told;
};

/*
 * Send an answer of @len bytes in r->json. 0; -EAGAIN when the peer has no
 * room, -EHOSTUNREACH when it is gone, or -errno.
 */
int pk_replayer_answer(struct pk_replayer *r,
		       const struct pk_replayer_peer *peer, const char *topic,
		       int len);

/* The socket by which that one asked. */
static inline void *pk_replayer_socket(const struct pk_replayer *r,
				       const struct pk_replayer_peer *peer)
{
	return r->socket[peer->gated];
}

/* Refuse with a sentence; @ask may have an id. */
void pk_replayer_error(struct pk_replayer *r,
		       const struct pk_replayer_peer *peer,
		       const struct pk_ask *ask, const char *sentence);

/* Begin what @ask asks for. 0, or -ENOMEM. */
int pk_replayer_begin(struct pk_replayer *r, struct pk_replayer_session *s,
		      const struct pk_replayer_peer *peer,
		      const struct pk_ask *ask);
/* Free the place, and count @why. */
void pk_replayer_end(struct pk_replayer *r, struct pk_replayer_session *s,
		     __u64 *why);

/* Tell the end; as pk_replayer_answer(). */
int pk_replayer_tell_end(struct pk_replayer *r, struct pk_replayer_session *s);

/*
 * Send some of it. 1 when there may be more at once, 0 when there is nothing
 * to do without the client, -EAGAIN when the client has no room.
 */
int pk_replayer_step(struct pk_replayer *r, struct pk_replayer_session *s);

#endif /* PK_CONTROL_REPLAYER_INSIDE_H */
