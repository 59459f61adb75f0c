/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sender: threats to endpoints of their own, chosen by rules: PUSH to somebody
 * who takes each once, PUB to whoever listens.
 *
 * Each output reads the journal (control/journal/reader.h) in the thread that
 * all outputs share, so nothing it does holds up whoever writes the journal. A
 * message that its rules choose is sent as the bus has it: topic, header, JSON;
 * with another profile the last frame is what that makes of it. But the
 * header's number is the output's own: from 1 on, contiguous in the life of its
 * cursor.
 *
 * A PUSH output never drops. While nobody takes its messages, they stay in the
 * journal, and PK_SENDER_HWM at most a receiver in ZeroMQ. What the journal had
 * to remove meanwhile is lost: it is counted, and the output's number goes on
 * by as many, so the receiver sees the gap. (Which of them the rules would have
 * chosen nobody knows, so all count.)
 *
 * A PUB output has room for PK_SENDER_PUB_HWM messages a subscriber, and waits
 * PK_SENDER_PATIENCE_MS for one that has none. Then that one is left out, which
 * is counted, until it has read half of them: ZeroMQ does not say how many it
 * misses, but it sees them by the numbers. The others get them all, and are held
 * up once in half of these messages at most.
 *
 * Nobody says when a receiver has taken what ZeroMQ has. So what was sent in
 * the last PK_SENDER_SETTLE_MS, or while somebody had no room, is sent again
 * when a receiver goes away, with the numbers that it had; likewise after a
 * crash of the sensor, because the cursor of a PUSH output, a file with the
 * journal's number and the output's, is as far behind. Two things bound that:
 * it is PK_SENDER_BEHIND messages at most, and those that the journal still
 * has. What was sent beyond these may be lost with a receiver: then it is
 * counted as doubtful, and logged. All others are received at least once. (A
 * receiver that must not lose what it had taken when it died is better served
 * by the replay server.) When an end finds the queue empty, the cursor is
 * exact. A new output begins with what comes.
 * When the journal is another one, it begins with that one's first.
 *
 * One thread of the object's own; all functions are for the thread that made
 * it, pk_sender_kick() for any.
 */
#ifndef PK_CONTROL_SENDER_H
#define PK_CONTROL_SENDER_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "control/bus.h"
#include "control/journal/mark.h"

enum {
	PK_SENDER_MAX = 8, /* outputs */
	PK_SENDER_TYPES = 16,
	PK_SENDER_FEEDS = 16,
	PK_SENDER_NAME = 64,
	PK_SENDER_HWM = 256,
	PK_SENDER_PUB_HWM = 16384,
	PK_SENDER_PATIENCE_MS = 1000,
	PK_SENDER_BEHIND = 16384, /* more than a receiver's 1000 and TCP hold */
	PK_SENDER_SETTLE_MS = 60000,
	PK_SENDER_TESTS = 64,
};

enum pk_sender_pattern { PK_SENDER_PUSH, PK_SENDER_PUB };

/*
 * read = sent + passed + refused
 */
#define PK_SENDER_COUNTERS(_)                                           \
	_(read, "messages read from the journal")                       \
	_(sent, "of these, sent")                                       \
	_(again, "of these, sent before, as a receiver went away")      \
	_(left_out, "times that a full subscriber was left out")        \
	_(passed, "of these, not chosen by the output's rules")         \
	_(refused, "of these, not to be had in the output's profile")   \
	_(lost, "numbers that the journal had no more")                 \
	_(doubtful, "messages a receiver that went away may have lost") \
	_(blocked, "times that nobody had room")                        \
	_(tests, "test messages sent")                                  \
	_(tests_unsent, "test messages that nobody had room for")       \
	_(failed, "times that the journal or the cursor's file failed")

struct pk_sender_counters {
	PK_SENDER_COUNTERS(PK_COUNTER_FIELD)
};

/* What an output is; texts are borrowed for the life of the object. */
struct pk_sender_output {
	const char *name; /* also of the cursor's file */
	const char *endpoint;
	enum pk_sender_pattern pattern;
	int connect;
	const char *server_key; /* of the receiver; NULL: without CURVE */
	uint32_t severity_min;	/* pk_profile_severity(); 0: all */
	int profile;		/* enum pk_profile */
	uint32_t types;		/* 0: all */
	uint32_t feeds;		/* 0: all */
	const char *type[PK_SENDER_TYPES];
	const char *feed[PK_SENDER_FEEDS];
};

struct pk_gate;

struct pk_sender_conf {
	const struct pk_sender_output *output; /* copied */
	uint32_t outputs;		       /* 1 to PK_SENDER_MAX */
	const char *sensor;
	const char *journal_dir;
	const char *state_dir; /* of cursors; made if it is not there */
	const struct pk_journal_mark *mark; /* of threats; borrowed */
	struct pk_gate *gate; /* before tcp:// that is bound; NULL: none */
	uint32_t settle_ms;   /* 0: PK_SENDER_SETTLE_MS */
};

struct pk_sender;

/* 0, or -errno of a folder, an endpoint or the thread; it is logged. */
int pk_sender_new(struct pk_sender **out, const struct pk_sender_conf *conf);
/* Waits until ZeroMQ has sent, PK_BUS_LINGER_MS at most. NULL is a no-op. */
void pk_sender_free(struct pk_sender *s);

/* There may be more in the journal. */
void pk_sender_kick(struct pk_sender *s);

/*
 * Send a test message (control/canned.h) through output @i and its profile, if
 * there is room: nothing of it is kept. 0; -ENOENT behind the last output,
 * -EAGAIN when PK_SENDER_TESTS wait already, -ENOMEM.
 */
int pk_sender_test(struct pk_sender *s, uint32_t i, const char *kind,
		   const char *json, size_t len);

/*
 * Of output @i: its counters, the journal's number it is at, its own number.
 * -ENOENT behind the last.
 */
struct pk_sender_view {
	const char *name;
	struct pk_sender_counters count;
	uint64_t at;	 /* all up to here was dealt with */
	uint64_t number; /* of its latest message */
};
int pk_sender_view(struct pk_sender *s, uint32_t i, struct pk_sender_view *out);

#endif /* PK_CONTROL_SENDER_H */
