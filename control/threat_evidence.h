/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threat_evidence: what a threat rests on: the records that tipped it, and
 * whom it was aimed at.
 *
 * Of the records the first PK_THREAT_PIECES are kept. Only those that count
 * (control/threat.h) are given here, so that the way a plane spreads packets
 * over its workers does not show.
 *
 * Targets are counted by Space-Saving (Metwally et al. 2005): of
 * PK_THREAT_TARGETS addresses at a time; a new one takes the place of the one
 * with the least count, inherits that, and keeps it as its error. So a count is
 * never too small, and too large by its error at most, which is never more
 * than all that was counted / PK_THREAT_TARGETS; the sum of all counts is exact;
 * every address with more than that share is in it. While no error is told, and
 * targets_more is 0, the list is complete and exact.
 *
 * Behind a restart that was none in order some of what was told is not known
 * by target (`rest`). It is in targets_more, and a count may be too small by as
 * much as that.
 *
 * Memory: this object, 0.8 KiB; nothing is allocated. One thread.
 */
#ifndef PK_CONTROL_THREAT_EVIDENCE_H
#define PK_CONTROL_THREAT_EVIDENCE_H

#include <stdint.h>

#include "dataplane/record.h"

enum {
	PK_THREAT_PIECES = 4,
	PK_THREAT_TARGETS = 16,
	PK_THREAT_TARGETS_TOLD = 8,
};

/* A record, in short. */
struct pk_threat_piece {
	struct pk_flow_key key; /* of the address pair that was listed */
	uint64_t at_ns;		/* of a flow, its end */
	uint64_t packets;	/* of both halves; a hit has none */
	uint64_t bytes;
	uint8_t record;	   /* PK_RECORD_HIT or PK_RECORD_FLOW */
	uint8_t tcp_flags; /* of a flow, the initiator's */
	uint8_t pad[6];
};

struct pk_threat_target {
	union pk_addr addr;
	uint64_t count;
	uint64_t error; /* at most so much of it is another's */
};

struct pk_threat_targets {
	uint32_t used;
	uint32_t pad;
	uint64_t rest; /* counted before a restart, not known for which */
	struct pk_threat_target target[PK_THREAT_TARGETS]; /* in no order */
};

struct pk_threat_evidence {
	uint32_t pieces;
	uint32_t pad;
	struct pk_threat_piece piece[PK_THREAT_PIECES]; /* oldest first */
	struct pk_threat_targets targets;
};

/* A record that counts; it is kept while there is room. */
void pk_threat_evidence_add(struct pk_threat_evidence *e,
			    const struct pk_record *record);

/* @n more of what is counted went to @addr. */
void pk_threat_targets_add(struct pk_threat_targets *t,
			   const union pk_addr *addr, uint64_t n);

/*
 * Those with most into @out, most first; how many.
 * *@more is the count of all that are not told.
 */
uint32_t pk_threat_targets_top(
	const struct pk_threat_targets *t,
	struct pk_threat_target out[PK_THREAT_TARGETS_TOLD], uint64_t *more);

#endif /* PK_CONTROL_THREAT_EVIDENCE_H */
