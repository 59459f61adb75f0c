/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency: how long a record, and the threat it is evidence of, took to each
 * stage of its way through the daemon.
 *
 *	read       from the time at which a plane saw it to the turn of the
 *		   loop that took it out of its ring
 *	held       from there to its release by the merge, which puts records
 *		   in order
 *	told       of a threat that it opened or moved on: from its release
 *		   until the threat was written to the journal
 *	published  from there until it was handed to the bus
 *	total      from the time at which a plane saw it until then
 *
 * Times are the caller's, real ones; a turn of the loop reads the clock once,
 * and a commit twice. A time before its beginning counts as 0: the clock was
 * set, or the turn began before the record. Threats that close are left out:
 * nothing was seen when they did.
 *
 * Memory is fixed: of more than PK_LATENCY_PENDING threats in one commit the
 * others are not measured. One thread an object.
 */
#ifndef PK_METRICS_LATENCY_H
#define PK_METRICS_LATENCY_H

#include <stdint.h>

#include "control/metrics/histogram.h"

enum { PK_LATENCY_PENDING = 4096 };

#define PK_LATENCY_STAGES(_)    \
	_(READ, read)           \
	_(HELD, held)           \
	_(TOLD, told)           \
	_(PUBLISHED, published) \
	_(TOTAL, total)

#define PK_LATENCY_ENUM(name, word) PK_LATENCY_##name,
enum pk_latency_stage {
	PK_LATENCY_STAGES(PK_LATENCY_ENUM) PK_LATENCY_STAGE_COUNT
};

enum pk_latency_record { PK_LATENCY_HIT, PK_LATENCY_FLOW, PK_LATENCY_RECORDS };

struct pk_latency_pending {
	uint64_t seen_ns;
	uint64_t released_ns;
	enum pk_latency_record record;
};

struct pk_latency {
	struct pk_histogram of[PK_LATENCY_STAGE_COUNT][PK_LATENCY_RECORDS];
	uint32_t pending;
	struct pk_latency_pending wait[PK_LATENCY_PENDING];
};

const char *pk_latency_stage_word(unsigned stage);
const char *pk_latency_record_word(unsigned record);

static inline uint64_t pk_latency_between(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

static inline void pk_latency_add(struct pk_latency *l,
				  enum pk_latency_stage stage,
				  enum pk_latency_record record, uint64_t from,
				  uint64_t to)
{
	pk_histogram_add(&l->of[stage][record], pk_latency_between(from, to));
}

/* A threat waits for the next commit. */
void pk_latency_wait(struct pk_latency *l, enum pk_latency_record record,
		     uint64_t seen_ns, uint64_t released_ns);

/* All that waited was written at @written_ns and published at @published_ns. */
void pk_latency_commit(struct pk_latency *l, uint64_t written_ns,
		       uint64_t published_ns);

#endif /* PK_METRICS_LATENCY_H */
