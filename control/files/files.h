/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files: threats as lines of files, for whoever reads files.
 *
 * A thread reads the journal behind the one who writes it, so the loop never
 * waits for these files, and what they could not take is still there: each
 * file has a cursor in the state directory, and goes on behind it after a
 * restart. A line is there at least once: after a SIGKILL the latest lines may
 * be there twice, after a power cut those of the last second (same id and seq).
 * Only what the journal has lost meanwhile is missing, and counted.
 *
 * A file is mode 0640. It is renamed to PATH.1, PATH.2, ... when it would pass
 * its bound or age; when it was renamed or removed by others, or on
 * pk_files_reopen(), it is opened anew. When it cannot be written, what was
 * written of a line is cut off, it is tried again each second, and no other
 * file waits. A torn last line, as a crash leaves it, is cut off, too.
 *
 * Memory: the reader's, and PK_FILES_BATCH bytes a file. pk_files_reopen() and
 * pk_files_count() are for any thread, the rest for the one that made it.
 */
#ifndef PK_CONTROL_FILES_H
#define PK_CONTROL_FILES_H

#include <stdint.h>

#include "bpf/abi.h"
#include "control/journal/mark.h"

enum {
	PK_FILES_MAX = 16,
	PK_FILES_TYPES = 16,
	PK_FILES_TYPE = 32,
	PK_FILES_PATH = 256,
	PK_FILES_KEEP = 1000, /* old files at most */
	PK_FILES_BATCH = 256 << 10,
};

struct pk_files_file {
	char path[PK_FILES_PATH];
	int profile;	       /* enum pk_profile */
	uint32_t severity_min; /* 0 low .. 3 critical */
	uint64_t rotate_bytes; /* 0: never for its length */
	uint32_t rotate_age_s; /* 0: never for its age */
	uint32_t keep;	       /* old files; 0: none */
	uint32_t types;	       /* 0: all */
	char type[PK_FILES_TYPES][PK_FILES_TYPE];
};

struct pk_files_conf {
	const char *journal_dir;
	const char *state_dir; /* of the cursors; made if it is not there */
	const struct pk_journal_mark *mark; /* borrowed */
	const struct pk_files_file *file;   /* copied */
	uint32_t count;			    /* 1 to PK_FILES_MAX */
};

/*
 * seen = lines + filtered + refused + waiting
 * seen + missing = numbers passed since it was opened
 */
#define PK_FILES_COUNTERS(_)                                              \
	_(seen, "messages read from the journal")                         \
	_(lines, "of these, written")                                     \
	_(filtered, "of these, not wanted in this file")                  \
	_(refused, "of these, not to be had in this profile")             \
	_(waiting, "of these, to be written")                             \
	_(missing, "numbers that the journal had lost before their turn") \
	_(bytes, "bytes written")                                         \
	_(failed, "times that the file could not be opened or written")   \
	_(rotated, "times that it was begun anew")                        \
	_(not_rotated, "times that it could not be renamed")              \
	_(reopened, "times that it was opened anew, for others")          \
	_(torn, "bytes of torn lines that were cut off")                  \
	_(unsynced, "times that it, or its cursor, could not be synced")  \
	_(next, "number that is read next")

struct pk_files_counters {
	PK_FILES_COUNTERS(PK_COUNTER_FIELD)
};

struct pk_files;

/* 0, or -errno of a directory or the thread; it is logged. */
int pk_files_new(struct pk_files **out, const struct pk_files_conf *conf);

/* Writes what is in the journal first, for a second at most. NULL: no-op. */
void pk_files_free(struct pk_files *f);

void pk_files_reopen(struct pk_files *f); /* NULL is a no-op */

/* Of file @i; "" for none. */
const char *pk_files_path(const struct pk_files *f, uint32_t i);
void pk_files_count(const struct pk_files *f, uint32_t i,
		    struct pk_files_counters *out);

#endif /* PK_CONTROL_FILES_H */
