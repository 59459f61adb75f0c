/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sender_inside: what sender.c (life, thread), sender_output.c (one output) and
 * sender_cursor.c share. Nobody else includes it.
 */
#ifndef PK_CONTROL_SENDER_INSIDE_H
#define PK_CONTROL_SENDER_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "control/bus/sender.h"
#include "control/journal/reader.h"
#include "control/profile/profile.h"

/* Up to a message: the journal's number, and the output's own. */
struct pk_sender_mark {
	uint64_t at;
	uint64_t number;
	uint64_t ms; /* when it was sent the last time */
};

struct pk_sender_lane {
	struct pk_sender_output conf;
	void *context; /* NULL: the gate's */
	void *socket;
	void *monitor; /* PAIR; NULL: the gate has it */
	uint64_t gone; /* receivers that went away, as it says */
	const _Atomic uint64_t *gate_gone; /* as the gate says; or NULL */
	uint64_t gone_seen;
	struct pk_journal_reader *reader;
	struct pk_journal_message message;
	int has;	  /* the message waits for room */
	uint64_t missing; /* numbers before it, that count with it */
	int was_blocked;
	uint64_t blocked_ms; /* the latest time */
	uint64_t wait_from;
	struct pk_sender_mark now; /* behind top while it sends again */
	struct pk_sender_mark top; /* how far it ever was */
	/*
	 * The latest that were sent, a ring: what the file may not pass.
	 * settled <= back <= sent_count: up to the first they are taken, and
	 * the second is sent next when now is behind top.
	 */
	struct pk_sender_mark sent[PK_SENDER_BEHIND];
	uint64_t settled;
	uint64_t back;
	uint64_t sent_count;
	uint64_t beyond[2]; /* not settled, but too many, or trimmed */
	uint64_t beyond_ms;
	struct pk_sender_mark kept; /* what the file says */
	struct pk_sender_counters count;
};

/* A test message that is to be sent. */
struct pk_sender_sample {
	struct pk_sender_sample *next;
	uint32_t lane;
	char kind[PK_BUS_TOPIC_MAX];
	size_t len;
	char json[];
};

struct pk_sender {
	uint32_t sensor_hash;
	const struct pk_journal_mark *mark;
	struct pk_gate *gate;
	uint32_t settle_ms;
	uint64_t ms; /* the thread's clock */
	int journal_fd;
	int state_fd;
	int wake; /* eventfd */
	pthread_t thread;
	int started;
	uint32_t lanes;
	struct pk_sender_lane lane[PK_SENDER_MAX];
	char text[PK_PROFILE_MAX]; /* the thread's */
	pthread_mutex_t lock;
	struct pk_sender_sample *sample; /* a list, the first comes first */
	uint32_t samples;
	int ending;
	struct pk_sender_view view[PK_SENDER_MAX];
};

/* sender_cursor.c: 1, 0 when there is none, or -errno. */
int pk_sender_cursor_load(int dir_fd, const char *name,
			  struct pk_sender_mark *out);
/* Whole or not at all. 0 or -errno. */
int pk_sender_cursor_save(int dir_fd, const char *name,
			  const struct pk_sender_mark *m);

/* sender_output.c: bind or connect. 0 or -errno, logged. */
int pk_sender_open(struct pk_sender *s, struct pk_sender_lane *l);
/* And its cursor. */
int pk_sender_begin(struct pk_sender *s, struct pk_sender_lane *l);
void pk_sender_close(struct pk_sender *s, struct pk_sender_lane *l);

/* 1 when there may be more at once, 0 when all is sent, -EAGAIN: no room. */
int pk_sender_step(struct pk_sender *s, struct pk_sender_lane *l);

/* Send a test message, or count it. */
void pk_sender_try(struct pk_sender *s, const struct pk_sender_sample *t);

/* Write the cursor, if it moved; if not idle, only when it moved far. */
void pk_sender_keep(struct pk_sender *s, struct pk_sender_lane *l, int idle);

#endif /* PK_CONTROL_SENDER_INSIDE_H */
