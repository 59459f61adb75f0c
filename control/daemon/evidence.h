/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evidence: when an indicator was hit first and last, and by what.
 *
 * Of the PK_EVIDENCE_MAX indicators that were hit last; beyond, one that was
 * not hit for long makes room (a clock's hand passes over those that were hit
 * since it came by). Counts are elsewhere (control/daemon/indicators.h): a record is
 * the first of many packets. Memory is taken as hits come. One thread.
 */
#ifndef PK_CONTROL_EVIDENCE_H
#define PK_CONTROL_EVIDENCE_H

#include <stdint.h>

#include "dataplane/record.h"

enum { PK_EVIDENCE_MAX = 65536 };

struct pk_evidence_entry {
	uint32_t slot; /* 0: free */
	uint8_t plane; /* enum pk_plane, of the last hit */
	uint8_t role;  /* enum pk_role */
	uint8_t depth; /* of the address pair; 0: the outermost */
	uint8_t fresh; /* hit since the hand came by */
	uint64_t first_ns;
	uint64_t last_ns;
	struct pk_flow_key key; /* of the last hit */
};

struct pk_evidence;

int pk_evidence_new(struct pk_evidence **out); /* 0 or -ENOMEM */
void pk_evidence_free(struct pk_evidence *e);  /* NULL is a no-op */

void pk_evidence_hit(struct pk_evidence *e, const struct pk_hit *hit);

/* The slot is another indicator's now. */
void pk_evidence_forget(void *e, uint32_t slot);

/* NULL: nothing is remembered. Borrowed until the next hit. */
const struct pk_evidence_entry *pk_evidence_find(const struct pk_evidence *e,
						 uint32_t slot);
/* By number; NULL behind the last one. One without a slot is free. */
const struct pk_evidence_entry *pk_evidence_at(const struct pk_evidence *e,
					       uint32_t number);
/* What was remembered earlier of a slot of which nothing is. */
void pk_evidence_put(struct pk_evidence *e,
		     const struct pk_evidence_entry *entry);

uint32_t pk_evidence_count(const struct pk_evidence *e);

#endif /* PK_CONTROL_EVIDENCE_H */
