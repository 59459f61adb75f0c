/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mark: how far a journal is, for threads beside the one that writes it.
 *
 * Written by the journal's thread, read by any. Each number grows only.
 */
#ifndef PK_CONTROL_MARK_H
#define PK_CONTROL_MARK_H

#include <stdatomic.h>
#include <stdint.h>

struct pk_journal_mark {
	_Atomic uint64_t began;	  /* the first number of this epoch */
	_Atomic uint64_t first;	  /* the oldest that is in the files */
	_Atomic uint64_t written; /* up to here: in the files, or given up */
	_Atomic uint64_t last;	  /* the latest that was told */
};

#endif /* PK_CONTROL_MARK_H */
