/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal: what was found, numbered and on disk before anybody is told.
 *
 * Messages of one class are numbered from 1 in the order in which they are
 * appended; the numbers go on over restarts, and none is given twice. They are
 * collected in memory and
 * written by pk_journal_commit(), which then tells each of them, in order:
 * what was told is in the file, so it survives SIGKILL at any point. What a
 * power cut leaves is decided by how often the files are synced
 * (pk_journal_dirty()).
 *
 * The files are a ring: the oldest is removed when all together pass their
 * bound. A torn end, as a cut leaves it, is cut off when the journal is opened
 * again; a damaged record costs itself only (control/journal/reader.h).
 *
 * When the disk refuses, messages are told nevertheless and kept in memory,
 * to be written by pk_journal_retry(). When there is no room for more, those
 * not on disk are given up and counted: their numbers are missing in the files.
 *
 * Memory: the buffer. One thread an object; readers are objects of their own,
 * in any thread or process.
 */
#ifndef PK_CONTROL_JOURNAL_H
#define PK_CONTROL_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "ioc/say.h"

enum {
	PK_JOURNAL_SUBJECT_MAX = 63, /* bytes */
	PK_JOURNAL_TEXT_MAX = 65536, /* bytes */
	PK_JOURNAL_WORD_MAX = 15,    /* bytes of the class's word */
	PK_JOURNAL_BUFFER = 4 << 20, /* bytes, the default */
	PK_JOURNAL_SEGMENT = 16 << 20,
	PK_JOURNAL_DIRTY = 10, /* files at a time */
};
#define PK_JOURNAL_BYTES (1ULL << 30)

/* When its files are synced, that is, what a power cut may cost. */
#define PK_SYNC_POLICIES(_)                         \
	_(NEVER, never)	  /* as the system likes */ \
	_(SECOND, second) /* each second */         \
	_(TURN, turn)	  /* behind each commit */

#define PK_SYNC_ENUM(name, word) PK_SYNC_##name,
enum pk_sync { PK_SYNC_POLICIES(PK_SYNC_ENUM) PK_SYNC_COUNT };

/* The policy of that word, or -ENOENT. */
int pk_sync_find(const char *word);

/*
 * offered = refused + committed + dropped + waiting
 */
#define PK_JOURNAL_COUNTERS(_)                                             \
	_(offered, "messages offered to the journal")                      \
	_(refused, "of these, too long, or with a subject that is none")   \
	_(committed, "of these, written to the file")                      \
	_(dropped, "of these, told but given up because the disk refused") \
	_(waiting, "of these, in memory")                                  \
	_(bytes, "bytes written")                                          \
	_(commits, "writes")                                               \
	_(failed, "of these, refused by the disk")                         \
	_(segments, "files begun")                                         \
	_(removed, "files removed, the oldest, for want of room")          \
	_(unsynced, "files that were full before they could be synced")    \
	_(untold, "times that the number told could not be kept")          \
	_(torn, "bytes cut off the end when the journal was opened")

struct pk_journal_counters {
	PK_JOURNAL_COUNTERS(PK_COUNTER_FIELD)
};

/* A message of the journal; the texts are the lender's. */
struct pk_journal_message {
	uint64_t number;
	uint64_t time_ns;
	uint64_t epoch;
	const char *subject; /* not NUL-terminated */
	const char *text;    /* likewise */
	uint32_t subject_len;
	uint32_t text_len;
};

/* Told that @m is on disk. It must not append. */
typedef void pk_journal_tell_fn(void *arg, const struct pk_journal_message *m);

struct pk_journal_conf {
	int dir_fd;		/* borrowed for the life of the object */
	const char *word;	/* [a-z0-9]+, of the files' names; copied */
	uint64_t epoch;		/* of this run */
	uint64_t max_bytes;	/* of all files, about; 0: PK_JOURNAL_BYTES */
	uint32_t segment_bytes; /* of one, about; 0: PK_JOURNAL_SEGMENT */
	uint32_t buffer_bytes;	/* 0: PK_JOURNAL_BUFFER */
	enum pk_sync sync;
	pk_say_fn *say; /* what was mended at opening; may be NULL */
	void *say_arg;
	pk_journal_tell_fn *tell; /* may be NULL */
	void *tell_arg;
};

struct pk_journal;

/*
 * 0; -EINVAL for a word that is none or a buffer that does not hold the
 * longest message; -ENOMEM; -EBUSY when another process writes it; -EPROTO
 * when its newest file is of another version; or -errno of the directory. Of
 * the last three a sentence is said.
 */
int pk_journal_open(struct pk_journal **out,
		    const struct pk_journal_conf *conf);

/* Commits first; what the disk refuses then is lost. NULL is a no-op. */
void pk_journal_close(struct pk_journal *j);

/*
 * Give it the next number. Only time_ns, subject and text of @m are read;
 * number and epoch are written to it. Commits first when the buffer is full.
 * 0, -EINVAL or -EMSGSIZE.
 */
int pk_journal_append(struct pk_journal *j, struct pk_journal_message *m);

/*
 * Write what was appended, then tell it. 0, or -errno of the disk: then it
 * was told, too, and stays; the disk is left alone until pk_journal_retry().
 */
int pk_journal_commit(struct pk_journal *j);

/* After a failed commit, from time to time: write what stayed. As above. */
int pk_journal_retry(struct pk_journal *j);

/*
 * Files that were written since the last call, as new file descriptors for
 * fdatasync(2) and close(2) in another thread: how many. With PK_SYNC_NEVER it
 * need not be called.
 */
int pk_journal_dirty(struct pk_journal *j, int fd[PK_JOURNAL_DIRTY]);

/* The oldest number in the files; last + 1 when they are empty. */
uint64_t pk_journal_first(const struct pk_journal *j);
/* The number given last, 0 before the first. */
uint64_t pk_journal_last(const struct pk_journal *j);
void pk_journal_count(const struct pk_journal *j,
		      struct pk_journal_counters *out);

#endif /* PK_CONTROL_JOURNAL_H */
