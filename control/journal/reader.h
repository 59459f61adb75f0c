/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader: the messages of a journal, from any number on.
 *
 * It reads the files only, so it works beside the process that writes them,
 * and without it. Every record is checked; behind a damaged one it goes on at
 * the next sound one, and says how many numbers are missing before it.
 *
 * Memory: PK_JOURNAL_READ bytes. One thread an object.
 */
#ifndef PK_CONTROL_READER_H
#define PK_CONTROL_READER_H

#include <stdint.h>

#include "control/journal/journal.h"

enum { PK_JOURNAL_READ = 256 << 10 };

struct pk_journal_reader;

/*
 * Read @word's journal in @dir_fd (borrowed) from the message @from on.
 * 0 or -ENOMEM.
 */
int pk_journal_reader_new(struct pk_journal_reader **out, int dir_fd,
			  const char *word, uint64_t from);
void pk_journal_reader_free(struct pk_journal_reader *r); /* NULL: no-op */

/*
 * The next message: 1; 0 when there is none yet; -errno of the disk. The texts
 * are valid until the next call. @missing: numbers before it that were asked
 * for and are not there: removed with an old file, given up, or damaged.
 */
int pk_journal_read(struct pk_journal_reader *r, struct pk_journal_message *m,
		    uint64_t *missing);

/* Bytes passed over because they were no sound record. */
uint64_t pk_journal_reader_damaged(const struct pk_journal_reader *r);

/* The oldest number that is there; 0 when there is none. -errno. */
int pk_journal_reader_first(int dir_fd, const char *word, uint64_t *first);

#endif /* PK_CONTROL_READER_H */
