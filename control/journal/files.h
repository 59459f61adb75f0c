/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files: the files of a journal as its writer holds them: opened, appended to,
 * begun, removed, and handed out to be synced.
 *
 * Beside the files with records there is WORD.told, a block with the highest
 * number that was ever told: what the disk refused was told, too, and numbers
 * are never given twice. It is written in place, which needs no room, and its
 * lock keeps a second writer out.
 *
 * The inside of control/journal/; nobody else includes it. One thread.
 */
#ifndef PK_CONTROL_FILES_H
#define PK_CONTROL_FILES_H

#include <stdint.h>

#include "control/journal/journal.h"

enum { PK_JOURNAL_LEFT = 8 }; /* files that wait to be synced */

struct pk_journal_files {
	int dir_fd;
	char word[PK_JOURNAL_WORD_MAX + 1];
	uint64_t max_bytes;
	uint64_t segment_bytes;
	enum pk_sync sync;
	struct pk_journal_counters *count;
	int fd;		/* -1: the next write begins a file */
	uint64_t end;	/* of the whole records in it */
	uint64_t first; /* number; 0: there are no files */
	int dirty;	/* written since it was handed out */
	int dir_dirty;
	int told_fd;
	int left[PK_JOURNAL_LEFT];
	int lefts;
};

/*
 * Find what is there; *@last is the highest number that was given. 0, -EBUSY
 * when another process writes it, -EPROTO when its newest file is of another
 * version, or -errno.
 */
int pk_files_open(struct pk_journal_files *f, uint64_t *last, pk_say_fn *say,
		  void *arg);
void pk_files_close(struct pk_journal_files *f);

/*
 * Write whole records, of which @number is the first one's. 0; or -errno, then
 * nothing of them is there.
 */
int pk_files_write(struct pk_journal_files *f, uint64_t number,
		   const void *bytes, size_t len);

/* Remove old files until @bytes are enough: 1 when some were. */
int pk_files_trim(struct pk_journal_files *f, uint64_t bytes);

/* @number was told. */
void pk_files_told(struct pk_journal_files *f, uint64_t number);

int pk_files_dirty(struct pk_journal_files *f, int fd[PK_JOURNAL_DIRTY]);

#endif /* PK_CONTROL_FILES_H */
