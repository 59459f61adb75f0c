/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cursor: how far a file is, over restarts. Inside control/files/ only.
 *
 * It says two numbers: up to which the file was written, and up to which it
 * was synced. After a crash of the process the first one holds, after that of
 * the machine, which has another boot id then, the second.
 */
#ifndef PK_CONTROL_FILES_CURSOR_H
#define PK_CONTROL_FILES_CURSOR_H

#include <stdint.h>

struct pk_cursor {
	int fd; /* -1: not open */
	uint64_t synced;
	char boot[40];
};

/*
 * Open the cursor of @path in @dir_fd. 1: *@number is the latest that was
 * written; 0: there was none; -EBADMSG: it is damaged, and will be made anew;
 * or -errno.
 */
int pk_cursor_open(struct pk_cursor *c, int dir_fd, const char *path,
		   uint64_t *number);

/* All up to @number is written. 0 or -errno. */
int pk_cursor_keep(struct pk_cursor *c, uint64_t number);

/* And synced. */
int pk_cursor_sync(struct pk_cursor *c, uint64_t number);

void pk_cursor_close(struct pk_cursor *c);

#endif /* PK_CONTROL_FILES_CURSOR_H */
