/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tally: the hits of indicators, over a restart.
 *
 * Count, first, last and evidence of the indicators that evidence remembers
 * (those hit last, PK_EVIDENCE_MAX at most) are written to a file: every
 * PK_TALLY_EVERY_S seconds, in slices of the loop, and at the end. It is
 * replaced whole, and not forced to the disk. A daemon that is killed loses
 * what was counted since. Values are looked for anew when it is read: slots
 * may be others. What cannot be read is left out, from there on.
 *
 * One thread: the event loop's.
 */
#ifndef PK_CONTROL_TALLY_H
#define PK_CONTROL_TALLY_H

#include "control/daemon/evidence.h"
#include "control/daemon/indicators.h"

enum { PK_TALLY_EVERY_S = 30 };

struct event_base;
struct pk_tally;

struct pk_tally_conf {
	struct event_base *base;
	struct pk_indicators *indicators;
	struct pk_evidence *evidence;
	const char *path;  /* borrowed */
	uint32_t every_ms; /* 0: PK_TALLY_EVERY_S */
};

/* Reads what is there. 0 or -ENOMEM. */
int pk_tally_new(struct pk_tally **out, const struct pk_tally_conf *conf);

/* Writes it once more. Before what it uses is freed. NULL is a no-op. */
void pk_tally_free(struct pk_tally *t);

#endif /* PK_CONTROL_TALLY_H */
