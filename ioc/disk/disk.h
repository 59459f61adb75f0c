/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * disk: the store on disk, whole after a crash.
 *
 * One directory (mode 0700, files 0600), locked, so two daemons cannot share
 * it. In it:
 *
 *	snapshot-N	the store as commit N left it: its raw arrays and, if
 *			given, the base image that goes with them
 *	log-N		what came after commit N: redo records and commits
 *	audit.ndjson	who did or tried what, one line of JSON each; and
 *			audit.ndjson.1, what was before it
 *	*.damaged	what could not be read and was put aside
 *
 * A change of the store is one transaction: note each slot after its change,
 * then commit. A commit is one numbered step of history. It is written, in
 * order, to the page cache: killed at any instant, the daemon comes back with
 * the commit before or after it, never with a part; against a loss of power
 * pk_disk_sync() draws the line. Slots are the same after a restart. A record
 * counts only with the commit behind it, and only where it was written: its
 * checksum is keyed by the log and the place.
 *
 * A snapshot makes the next start short. When the newest cannot be read, the
 * one before and the logs since take its place, and that is said; when nothing
 * is left to build on, loading fails. The last PK_DISK_SNAPSHOTS stay, with the
 * logs since the oldest of them: what is older is gone from the history.
 *
 * Wall time, who asks, seed and the system's calls are arguments. One thread,
 * but for pk_disk_snapshot_write(), pk_disk_sync() and pk_disk_reader().
 * Sentences go to the say function given.
 */
#ifndef PK_IOC_DISK_H
#define PK_IOC_DISK_H

#include <stdint.h>
#include <sys/types.h>

#include "ioc/image/builder.h"
#include "ioc/say.h"
#include "ioc/store/store.h"

enum {
	PK_DISK_SNAPSHOTS = 4, /* kept */
	PK_DISK_OP_MAX = 127,  /* bytes of what was done */
	PK_DISK_BOOT_ID = 16,
};

struct pk_disk;

/*
 * What changes files, as the system calls do: -1 and errno, short writes
 * happen. NULL in pk_disk_conf: the system's own.
 */
struct pk_disk_io {
	int (*create)(void *arg, int dir,
		      const char *name); /* new, "w", 0600 */
	ssize_t (*write)(void *arg, int fd, const void *bytes, size_t len,
			 off_t at);
	int (*sync)(void *arg, int fd);
	int (*truncate)(void *arg, int fd, off_t len);
	int (*rename)(void *arg, int dir, const char *from, const char *to);
	int (*remove)(void *arg, int dir, const char *name);
	void *arg;
};

struct pk_disk_conf {
	const char *path; /* made if it is not there (not its parents) */
	uint64_t seed;	  /* of the store, if the directory is new */
	uint64_t now;	  /* Unix seconds */
	uint8_t boot_id[PK_DISK_BOOT_ID];
	uint64_t max_bytes;   /* keep fewer snapshots beyond; 0: no bound */
	uint64_t audit_bytes; /* a new audit file beyond; 0: 8 MiB */
	const struct pk_disk_io *io;
	pk_say_fn *say;
	void *say_arg;
};

/*
 * Open or make the directory. 0; -EBUSY: another process has it; -ENOTDIR,
 * -EACCES, -EROFS, -ENOSPC, ...: as the system says; -ENOMEM. Each said.
 */
int pk_disk_open(struct pk_disk **out, const struct pk_disk_conf *conf);

/* NULL is a no-op; an open transaction is aborted. Does not sync. */
void pk_disk_close(struct pk_disk *d);

/* --- commits -------------------------------------------------------------- */

/* One step of history. */
struct pk_disk_commit {
	uint64_t number; /* 1 ..; 0: none */
	uint64_t at;	 /* Unix seconds */
	uint32_t uid;	 /* who asked */
	uint32_t added, changed, withdrawn;
	uint32_t live;			  /* values in the store after it */
	char feed[PK_FEED_NAME_MAX + 1];  /* "" for several or none */
	char op[PK_DISK_OP_MAX + 1];	  /* "load", "rollback 17", ... */
	uint8_t boot_id[PK_DISK_BOOT_ID]; /* of the system it was made in */
};

/*
 * Note that a slot changed: call it after the change and before the slot
 * can be anyone else's. What the store now says of it is written down,
 * so noting a slot twice does no harm. The first note begins a transaction.
 * 0; -ENOSPC, -EIO, -EFBIG, ...: the file cannot grow (said) and the
 * transaction can only be aborted. O(feeds of the slot); writes to the file
 * by the 64 KiB.
 */
int pk_disk_note(struct pk_disk *d, const struct pk_store *s, uint32_t slot);

/* The same for a new feed (before notes of its values), or new information. */
int pk_disk_note_feed(struct pk_disk *d, const struct pk_store *s,
		      uint16_t feed);

/*
 * Find room for notes of @bytes in all before anything is changed, so that a
 * full disk is known early; what is not used is given back with the commit, the
 * abort or the error. 0, or as pk_disk_note(). A value takes 13 bytes,
 * itself and its id; what its feed says of it takes up to 480, once for all
 * that say the same.
 */
int pk_disk_reserve(struct pk_disk *d, uint64_t bytes);

/*
 * All that was noted becomes commit @c->number, which is set here, as are
 * live and boot_id. The audit log gets a line. 0, or the transaction failed
 * as a whole, like pk_disk_abort(): the store in memory is ahead of the disk
 * and must be taken back (pk_disk_load_at() the last commit, and
 * pk_store_diff()) or dropped.
 */
int pk_disk_commit(struct pk_disk *d, const struct pk_store *s,
		   struct pk_disk_commit *c);

/* Forget what was noted since the last commit. */
void pk_disk_abort(struct pk_disk *d);

/*
 * All commits are safe from a loss of power. 0, or -EIO, ... (said): which of
 * them are is not known, make a snapshot. Takes as long as the disk does: it
 * may run in another thread while notes and commits go on, but not during
 * begin or end of a snapshot, nor twice at once.
 */
int pk_disk_sync(struct pk_disk *d);

uint64_t pk_disk_last(const struct pk_disk *d);	     /* commit's number, or 0 */
uint64_t pk_disk_log_bytes(const struct pk_disk *d); /* since the snapshot */

/* A line in the audit log for what was refused or aborted; @c->number is 0.
 * pk_disk_commit() writes its own. A line that is lost is said. */
void pk_disk_audit(struct pk_disk *d, const struct pk_disk_commit *c,
		   const char *outcome);

/* --- loading -------------------------------------------------------------- */

struct pk_disk_loaded {
	struct pk_disk_commit last; /* number 0: a new directory */
	uint64_t snapshot;	    /* what it was built on; 0: none */
	uint64_t replayed;	    /* commits since */
	uint32_t damaged;	    /* files put aside */
};

/*
 * Make the store of the last commit; an empty one in a new directory. *@base
 * is the base image of the snapshot, the store's delta is over it; count 0 if
 * there is none: build one. The caller frees both. Once, before all else.
 * 0; -ENOMEM; -EBADMSG: nothing whole to build on (said, with the names); or
 * as the system says.
 */
int pk_disk_load(struct pk_disk *d, struct pk_store **store,
		 struct pk_block *base, struct pk_disk_loaded *loaded);

/*
 * Make the store of an earlier commit. 0; -ENOENT: gone from the history, or
 * never made; -EBADMSG: damaged (said); -ENOMEM; -EBUSY: a transaction is
 * open. As long as loading takes. The caller frees it.
 */
int pk_disk_load_at(struct pk_disk *d, uint64_t commit,
		    struct pk_store **store);

/* Tell of the commits, newest first, until @fn returns other than 0; that is
 * returned. 0 at the end, -ENOMEM, -EIO. At most 100000. */
typedef int pk_disk_history_fn(void *arg, const struct pk_disk_commit *c);
int pk_disk_history(struct pk_disk *d, pk_disk_history_fn *fn, void *arg);

/*
 * What another thread reads with, while @d goes on: pk_disk_load_at() and
 * pk_disk_history() of the commits up to now, and pk_disk_close(), alone. The
 * say function is called in that thread, too. 0 or -ENOMEM.
 */
int pk_disk_reader(struct pk_disk **out, const struct pk_disk *d);

/* --- snapshots ------------------------------------------------------------ */

/*
 * A snapshot of the last commit takes three steps. Begin and end belong to the
 * thread that owns the disk. Between them pk_disk_snapshot_write() runs in any
 * thread, or in a child process made right after begin (it allocates nothing,
 * locks nothing and writes to one file). Transactions go on meanwhile.
 *
 * In a thread the store must not change while it is written. When something
 * was noted since begin, what was written is worth nothing and end says so:
 * try again when it is quieter, or hold changes back. A child's copy cannot
 * change. Either way the store must not be frozen: settle or thaw first.
 */
enum pk_disk_writer { PK_DISK_THREAD, PK_DISK_CHILD };

/* 0; -EBUSY: a transaction is open or a snapshot begun; -ENOENT: there is no
 * commit yet; -ENOSPC, ...: cannot write (said). */
int pk_disk_snapshot_begin(struct pk_disk *d);

/* @base: the base image that the store's delta is over, or NULL. 0 or negative
 * errno, to be given to end. Synced when it returns. */
int pk_disk_snapshot_write(struct pk_disk *d, struct pk_store *s,
			   const struct pk_block *base);

/*
 * Put the snapshot in place and remove what is too old; or, with @result other
 * than 0 (returned and said), forget it. 0; -EAGAIN, see above; -EINVAL: none
 * was begun; -EIO, ...
 */
int pk_disk_snapshot_end(struct pk_disk *d, enum pk_disk_writer writer,
			 int result);

#endif /* PK_IOC_DISK_H */
