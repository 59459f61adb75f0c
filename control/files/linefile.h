/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linefile: one file of lines: opened, mended, rotated. Inside control/files/
 * only; one thread.
 */
#ifndef PK_CONTROL_FILES_LINEFILE_H
#define PK_CONTROL_FILES_LINEFILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/files/files.h"

struct pk_linefile {
	const struct pk_files_file *conf;
	int fd;	       /* -1: not open */
	uint64_t size; /* whole lines */
	uint64_t began_s;
	uint64_t no_rotation_s; /* not before */
	dev_t device;
	ino_t inode;
	int err; /* of the latest failure, for one sentence; 0: none */
};

/* Open it if it is not: 0 or -errno. */
int pk_linefile_open(struct pk_linefile *s, uint64_t now_s,
		     struct pk_files_counters *c);
void pk_linefile_close(struct pk_linefile *s);

/* Close it if its name is not its own any more. */
void pk_linefile_check(struct pk_linefile *s, struct pk_files_counters *c);

/*
 * Write whole lines, to a new file if it is time. 0; or -errno: then nothing
 * was written, and it is closed.
 */
int pk_linefile_write(struct pk_linefile *s, const char *lines, size_t len,
		      uint64_t now_s, struct pk_files_counters *c);

/* Rotate it when it is old enough, though nothing comes. */
void pk_linefile_age(struct pk_linefile *s, uint64_t now_s,
		     struct pk_files_counters *c);

#endif /* PK_CONTROL_FILES_LINEFILE_H */
