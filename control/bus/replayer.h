/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replayer: whoever missed messages of a journaled class asks for them here.
 *
 * PUB loses without a word (control/bus.h); the numbers tell what is missing.
 * This server reads it from the journal (control/journal/reader.h) and sends it
 * to the one who asked, at that one's pace. It is a thread with a ROUTER
 * socket of its own, which stands beside each endpoint of the bus
 * (control/bus/endpoint.h), so nothing it does holds up the publisher.
 *
 * Requests (a DEALER's) are one frame, see control/bus/ask.h. Answers have the
 * three frames of the bus:
 *
 *	v1/hello/           {"sensor","epoch","classes":{"threat":{"first",
 *	                    "last","written","began"}}}: oldest number in the
 *	                    journal, latest told, latest that can be asked for,
 *	                    first of this epoch
 *	v1/threat/<type>/   the message as it was, with its own epoch, number
 *	                    and time
 *	v1/gap/             {"id","class","from","to"}: numbers that were asked
 *	                    for and are not there any more
 *	v1/end/             {"id","class","from","to","sent"}: that was all; "to"
 *	                    is the last number that was looked for, from - 1 if
 *	                    the journal does not reach that far
 *	v1/error/           {"id","error"}: refused, with a sentence; no "id" if
 *	                    the request had none
 *
 * The header of all but messages has class PK_BUS_ANSWER and number 0.
 *
 * Behind a gate (control/bus/gate.h) each request is refused to a client whose
 * role does not allow it, or does no more.
 *
 * A replay goes up to what was written when it was asked for. Each message
 * uses up one of the credit that the client gave; gaps and the end need none.
 * A client that does not read, or gives no credit, stops its own replays only;
 * after the idle time they are ended and an error is sent. Bounds: replays in
 * all and by one peer, their credit, PK_REPLAYER_HWM messages a peer inside
 * libzmq, and PK_JOURNAL_READ bytes and one file a replay.
 *
 * One thread of the object's own; all functions are for the thread that made
 * it.
 */
#ifndef PK_CONTROL_REPLAYER_H
#define PK_CONTROL_REPLAYER_H

#include <stdint.h>

#include "control/bus.h"
#include "control/journal/mark.h"

enum {
	PK_REPLAYER_SESSIONS = 64, /* replays under way */
	PK_REPLAYER_PEER = 4,	   /* of these, of one peer */
	PK_REPLAYER_HWM = 1000,	   /* messages a peer */
	PK_BUS_ANSWER = 0xffff,	   /* class in headers of no class's */
};
#define PK_REPLAYER_IDLE_NS 60000000000ULL

/*
 * requests = hellos + replays + credits + cancels + refused
 * replays = ended + cancelled + expired + gone + failed + open
 */
#define PK_REPLAYER_COUNTERS(_)                                           \
	_(requests, "requests received")                                  \
	_(hellos, "of these, greetings")                                  \
	_(replays, "of these, replays that were begun")                   \
	_(credits, "of these, more credit")                               \
	_(cancels, "of these, to end a replay early")                     \
	_(refused, "of these, refused: malformed, over a bound, no role") \
	_(ended, "replays that came to their end")                        \
	_(cancelled, "replays that the client ended")                     \
	_(expired, "replays ended because the client did nothing")        \
	_(gone, "replays ended because the client was gone")              \
	_(failed, "replays ended because the journal could not be read")  \
	_(open, "replays under way")                                      \
	_(messages, "messages sent again")                                \
	_(bytes, "their payload bytes")                                   \
	_(overrun, "numbers asked for that the journal had no more")      \
	_(unsent, "answers that the client had no room for")              \
	_(turned_away, "connections above the bound")

struct pk_replayer_counters {
	PK_REPLAYER_COUNTERS(PK_COUNTER_FIELD)
};

struct pk_gate;

struct pk_replayer_conf {
	const char *const *endpoints; /* of the bus */
	uint32_t endpoint_count;      /* 1 to PK_BUS_ENDPOINTS */
	const char *sensor;
	uint64_t epoch;
	const char *dir; /* of the journals */
	/*
	 * Of each class's journal, NULL for those without one; borrowed for
	 * the life of the object.
	 */
	const struct pk_journal_mark *mark[PK_BUS_CLASS_COUNT];
	uint64_t idle_ns;     /* 0: PK_REPLAYER_IDLE_NS */
	struct pk_gate *gate; /* before tcp:// endpoints; NULL: none */
};

struct pk_replayer;

/*
 * Bind beside all endpoints, or none. 0; -EINVAL for an endpoint that has no
 * place beside it, or -errno of the folder, the bind or the thread; it is
 * logged.
 */
int pk_replayer_new(struct pk_replayer **out,
		    const struct pk_replayer_conf *conf);
void pk_replayer_free(struct pk_replayer *r); /* NULL is a no-op */

/* The endpoint number @i, as text; NULL behind the last. */
const char *pk_replayer_endpoint(const struct pk_replayer *r, uint32_t i);

/* As they were between two turns, so the identities hold. */
void pk_replayer_count(struct pk_replayer *r, struct pk_replayer_counters *out);

#endif /* PK_CONTROL_REPLAYER_H */
