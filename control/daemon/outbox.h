/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outbox: threats on their way out: encoded, journaled, then on the bus.
 *
 * What is put here is numbered by the journal (control/journal/journal.h) and
 * told on the bus with that number when pk_outbox_commit() has written it,
 * which the daemon does at the end of each turn. So whoever heard of a threat
 * can be sure that it is on disk.
 *
 * Files are synced by a thread of the object. All else is one thread's.
 */
#ifndef PK_CONTROL_OUTBOX_H
#define PK_CONTROL_OUTBOX_H

#include <stdint.h>

#include "control/bus.h"
#include "control/journal/journal.h"
#include "control/journal/mark.h"
#include "control/metrics/latency.h"
#include "control/threat.h"

struct pk_outbox_conf {
	const char *dir;    /* of the journal; made if it is not there */
	struct pk_bus *bus; /* borrowed for the life of the object */
	uint64_t epoch;
	uint64_t max_bytes; /* of the journal's files */
	enum pk_sync sync;
	struct pk_latency *latency; /* what waits in it is told; or NULL */
};

struct pk_outbox;

/* 0, or -errno of the directory, the journal or the thread; it is logged. */
int pk_outbox_new(struct pk_outbox **out, const struct pk_outbox_conf *conf);
/* Commits first. NULL is a no-op. */
void pk_outbox_free(struct pk_outbox *o);

void pk_outbox_threat(struct pk_outbox *o, const struct pk_threat *t);

/* Write and tell what was put. */
void pk_outbox_commit(struct pk_outbox *o);

/* Once a second: sync as the policy says. */
void pk_outbox_tick(struct pk_outbox *o);

/* How far the journal is, for other threads; as long as the object lives. */
const struct pk_journal_mark *pk_outbox_mark(const struct pk_outbox *o);

/* The oldest number that is in the journal, and the latest that was given. */
uint64_t pk_outbox_first(const struct pk_outbox *o);
uint64_t pk_outbox_last(const struct pk_outbox *o);

/* Seconds in which a file could not be synced. */
uint64_t pk_outbox_sync_failed(const struct pk_outbox *o);

void pk_outbox_count(const struct pk_outbox *o, struct pk_journal_counters *c);

#endif /* PK_CONTROL_OUTBOX_H */
