/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pump: from the rings through the merge to whoever takes records, inside an
 * event loop.
 *
 * A ring's eventfd wakes the pump; so does a timer when a record that was held
 * back for order falls due. One turn hands on at most PK_PUMP_TURN records,
 * then the loop's other events get their turn. The taker runs inside the turn
 * and must not add or delete rings; `fenced` runs after it and may.
 *
 * One thread.
 */
#ifndef PK_CONTROL_PUMP_H
#define PK_CONTROL_PUMP_H

#include <stdint.h>

#include "control/merge.h"

enum { PK_PUMP_TURN = 2048 };

struct event_base;
struct pk_pump;

struct pk_pump_conf {
	struct event_base *base;
	void (*take)(void *arg, const struct pk_record *record);
	/* Source @source holds nonsense and is never read again. */
	void (*fenced)(void *arg, int source);
	/* A turn took some records. */
	void (*taken)(void *arg);
	struct pk_latency *latency; /* told of each record; or NULL */
	void *arg;
};

/* 0 or -ENOMEM. */
int pk_pump_new(struct pk_pump **out, const struct pk_pump_conf *conf);
void pk_pump_free(struct pk_pump *p); /* NULL is a no-op */

/* Read @ring from now on. The source's number, or -ENOSPC or -ENOMEM. */
int pk_pump_add(struct pk_pump *p, struct pk_ring *ring);

/*
 * The producer is gone: take all that is left, then forget the ring. What was
 * counted for it is added to *@sums.
 */
void pk_pump_del(struct pk_pump *p, int source, struct pk_merge_counters *sums);

/* What was counted for @source so far is added to *@sums. */
void pk_pump_count(const struct pk_pump *p, int source,
		   struct pk_merge_counters *sums);

/* Take what is due now. */
void pk_pump_turn(struct pk_pump *p);

/* The real time at which the latest turn began. */
uint64_t pk_pump_now_ns(const struct pk_pump *p);

const struct pk_merge *pk_pump_merge(const struct pk_pump *p);

#endif /* PK_CONTROL_PUMP_H */
