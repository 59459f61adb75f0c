/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keeper: what the daemon knows, over a restart.
 *
 *	checkpoint  about twice a second (control/checkpoint/checkpoint.h): open
 *	            threats, windows, totals, and the journal's latest number
 *	journal     what was told since that: threats that were opened, updated or
 *	            closed behind the checkpoint
 *
 * So SIGKILL loses no threat that was told and opens none twice; what it loses
 * is the evidence of less than a second: records that were counted but not
 * yet told of, and pieces in windows. An orderly end loses nothing. Without a
 * checkpoint the journal's latest PK_KEEPER_TAIL messages are what is known.
 *
 * Totals are sums of counters over all runs since the first checkpoint, as far
 * as they are known; the counters of a run stay as they are, so that they add
 * up. One thread, the event loop's.
 */
#ifndef PK_CONTROL_KEEPER_H
#define PK_CONTROL_KEEPER_H

#include <stdint.h>

#include "control/checkpoint/checkpoint.h"
#include "control/daemon/outbox.h"
#include "control/pipeline.h"

enum { PK_KEEPER_TAIL = 65536 };

struct event_base;
struct json_object;

struct pk_keeper_conf {
	struct event_base *base;
	const char *dir;	 /* of the checkpoint; borrowed */
	const char *journal_dir; /* borrowed */
	struct pk_pipeline *pipeline;
	struct pk_outbox *outbox;
	uint64_t now_ns;
};

/* read = taken + refused */
#define PK_KEEPER_COUNTERS(_)                                           \
	_(read, "messages read from the journal behind the checkpoint") \
	_(taken, "of these, taken")                                     \
	_(refused, "of these, none of a threat, or for want of memory") \
	_(missing, "numbers behind the checkpoint that the journal has not")

struct pk_keeper_counters {
	PK_KEEPER_COUNTERS(PK_COUNTER_FIELD)
};

struct pk_keeper;

/* Load what there is, then begin to save. 0, -ENOMEM, or -errno of @dir. */
int pk_keeper_new(struct pk_keeper **out, const struct pk_keeper_conf *conf);
void pk_keeper_free(struct pk_keeper *k); /* writes nothing; NULL: no-op */

/* The end: write all. 0, or -errno: nothing will be known of what is open. */
int pk_keeper_flush(struct pk_keeper *k, uint64_t now_ns);

/* Members "checkpoint" and "totals" for @o. */
void pk_keeper_status(struct pk_keeper *k, struct json_object *o,
		      uint64_t now_ns);

void pk_keeper_count(struct pk_keeper *k, struct pk_keeper_counters *out,
		     struct pk_checkpoint_view *view);

#endif /* PK_CONTROL_KEEPER_H */
