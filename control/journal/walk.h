/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk: the sound records of one file of a journal, while it may still grow.
 *
 * The inside of control/journal/; nobody else includes it.
 */
#ifndef PK_CONTROL_WALK_H
#define PK_CONTROL_WALK_H

#include <stdint.h>

#include "control/journal/segment.h"

struct pk_journal_walk {
	int fd;
	uint64_t off;	  /* behind the last sound record */
	uint64_t damaged; /* bytes passed over between sound records */
	/* The part of the file that is in memory. */
	uint8_t *bytes; /* PK_JOURNAL_READ, or NULL */
	uint64_t from;
	uint64_t have;
};

/*
 * Begin with the file of @word that starts at @first. 0; -ENODATA while it has
 * no whole head; -EPROTO when it is of another version (a damaged head is no
 * matter: each record is checked by itself);
 * -ENOMEM; -errno. On failure nothing stays open.
 */
int pk_journal_walk_open(struct pk_journal_walk *w, int dir_fd,
			 const char *word, uint64_t first);
void pk_journal_walk_close(struct pk_journal_walk *w);

/*
 * The next sound record, valid until the next call: 1; 0 when none follows
 * yet; -errno.
 */
int pk_journal_walk_next(struct pk_journal_walk *w,
			 const struct pk_journal_frame **out);

#endif /* PK_CONTROL_WALK_H */
