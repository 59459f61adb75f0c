/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * totals: counters over all runs.
 *
 * What was counted before this run, by group and name; a counter that is new
 * begins with 0, one that is no more is forgotten. Numbers that go down are
 * none of it. One thread.
 */
#ifndef PK_CONTROL_TOTALS_H
#define PK_CONTROL_TOTALS_H

#include <stdint.h>

#include "control/checkpoint/bytes.h"
#include "control/journal/journal.h"
#include "control/pipeline.h"

enum {
	PK_TOTALS_GROUPS = 4,	 /* pipeline, window, threats, journal */
	PK_TOTALS_COUNTERS = 32, /* of a group, at most */
};

struct json_object;

struct pk_totals {
	uint64_t since_ns; /* when the first run began that is in it */
	uint64_t before[PK_TOTALS_GROUPS][PK_TOTALS_COUNTERS];
};

void pk_totals_save(const struct pk_totals *t,
		    const struct pk_pipeline_stats *now,
		    const struct pk_journal_counters *journal,
		    struct pk_writer *w);
/* 0, or -EBADMSG with nothing taken. */
int pk_totals_load(struct pk_totals *t, struct pk_reader *r);

/* A member for each group; "since" is the caller's. */
void pk_totals_tell(const struct pk_totals *t,
		    const struct pk_pipeline_stats *now,
		    const struct pk_journal_counters *journal,
		    struct json_object *o);

#endif /* PK_CONTROL_TOTALS_H */
