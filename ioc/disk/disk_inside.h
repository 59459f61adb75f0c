/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * disk_inside: what the files of the disk share, and nobody else.
 *
 * Bytes are little endian. A log is a head and frames behind one another:
 *
 *	struct log_head
 *	struct frame  OPS     a run of records, see disk_op.c
 *	struct frame  OPS
 *	struct frame  COMMIT  who, what, when: the frames of this turn count
 *
 * A turn is one attempt at a transaction; its number grows along the log, so
 * what an aborted one left behind never joins the next. The checksum of a frame
 * is keyed by log, place, length, kind and turn.
 *
 * A snapshot is a head, a table with length and sum of each section, the
 * sections of the store (ioc/store/store_inside.h) and the lines of the base image,
 * each at the next multiple of 64 bytes. Sums are of pieces, each seeded with
 * the sum so far: a section is read once, while it is in the cache.
 */
#ifndef PK_IOC_DISK_INSIDE_H
#define PK_IOC_DISK_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include <xxhash.h>

#include "ioc/disk/disk.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little endian");

enum {
	DISK_VERSION = 1,
	OPS_BYTES = 64 * 1024, /* a frame is written when it has this many */
	OP_MAX = 4096,	       /* most bytes of one record */
	FRAME_MAX = OPS_BYTES + OP_MAX,
	NAME_MAX_ = 64, /* bytes of a file's name, NUL included */
	METAS = 1024,	/* sayings remembered while a turn is written */
	HISTORY_MAX = 100000,
	SNAPSHOT_PIECE = 256 * 1024, /* bytes summed at once */
	SNAPSHOT_ALIGN = 64,
	SNAPSHOT_COMMIT = 256, /* room for a commit */
};

enum frame_kind { FRAME_OPS = 1, FRAME_COMMIT };

struct log_head {
	char magic[8];
	uint32_t version;
	uint32_t pad;
	uint64_t base; /* the commit that it comes after */
	uint64_t seed;
	uint64_t at;
	uint8_t boot_id[PK_DISK_BOOT_ID];
	uint64_t id;  /* keys the frames */
	uint64_t sum; /* of all before */
};
_Static_assert(sizeof(struct log_head) == 72, "log_head");

struct frame {
	uint32_t len; /* of what follows */
	uint16_t kind;
	uint16_t pad;
	uint64_t turn;
	uint64_t sum;
};
_Static_assert(sizeof(struct frame) == 24, "frame");

struct table_entry {
	uint64_t bytes;
	uint64_t sum;
};

struct snapshot_head {
	char magic[8];
	uint32_t version, store_version;
	uint64_t commit;
	uint64_t seed;
	uint64_t layout; /* names of the sections */
	uint32_t sections;
	uint32_t last_len;
	uint8_t last[SNAPSHOT_COMMIT];
	uint64_t lines;	     /* of the base image, 0: none */
	uint64_t first_line; /* hash of it; the rest has its own sum */
	uint64_t table_sum;
	uint64_t sum; /* of all before */
};
_Static_assert(sizeof(struct snapshot_head) == 336, "snapshot_head");

static inline uint64_t section_from(uint64_t at)
{
	return (at + SNAPSHOT_ALIGN - 1) / SNAPSHOT_ALIGN * SNAPSHOT_ALIGN;
}

/* --- files (disk_file.c) -------------------------------------------------- */

/* 0 or negative errno; short writes and EINTR are taken care of. */
int pk_disk_write(struct pk_disk *d, int fd, const void *bytes, size_t len,
		  uint64_t at);
int pk_disk_create(struct pk_disk *d, const char *name); /* fd */
int pk_disk_rename(struct pk_disk *d, const char *from, const char *to);
int pk_disk_remove(struct pk_disk *d, const char *name);
int pk_disk_truncate(struct pk_disk *d, int fd, uint64_t len);
int pk_disk_fsync(struct pk_disk *d, int fd);

/* Read up to @len bytes at @at; how many (fewer: the end), or -EIO, ... */
int64_t pk_disk_read(int fd, void *bytes, size_t len, uint64_t at);

extern const struct pk_disk_io pk_disk_system;

/* A log or snapshot in the directory. */
struct entry {
	uint64_t number;
	uint64_t bytes;
	bool damaged; /* put aside */
};

struct listing {
	struct entry *log, *snapshot; /* ascending */
	unsigned logs, snapshots;
	uint64_t bytes; /* of all */
};

/* 0 or negative errno; free it. Leftovers of a crash are removed if @sweep. */
int pk_disk_list(struct pk_disk *d, struct listing *out, bool sweep);
void pk_disk_list_free(struct listing *l);

void pk_disk_name(char name[NAME_MAX_], const char *kind, uint64_t number);

/* Rename to *.damaged, said with the reason. */
void pk_disk_put_aside(struct pk_disk *d, const char *name, const char *why);

__attribute__((format(printf, 2, 3))) void pk_disk_say(const struct pk_disk *d,
						       const char *format, ...);

/* --- records (disk_op.c) -------------------------------------------------- */

enum op_kind { OP_FEED = 1, OP_META, OP_ADD, OP_DEAD };

/* What a feed says, with its texts. */
struct saying {
	struct pk_meta meta; /* texts point below; the id is not part of it */
	uint16_t feed;
	char threat_type[PK_THREAT_TYPE_MAX + 1];
	char tags[PK_TAGS_MAX + 1];
	char attribution[PK_ATTRIBUTION_MAX + 1];
};

struct op {
	enum op_kind kind;
	uint16_t feed;		  /* FEED */
	uint16_t number;	  /* META, ADD: which saying */
	bool first;		  /* ADD: what was said before is void */
	uint32_t slot;		  /* ADD, DEAD */
	struct pk_feed_info info; /* FEED */
	struct saying saying;	  /* META */
	struct pk_indicator ind;  /* ADD: value and id */
	char id[PK_ID_MAX + 1];
};

/* Each writes a record of at most OP_MAX bytes; returns its length. */
size_t pk_op_feed(uint8_t *out, uint16_t feed, const struct pk_feed_info *info);
size_t pk_op_meta(uint8_t *out, uint16_t number, uint16_t feed,
		  const struct pk_meta *meta);
size_t pk_op_add(uint8_t *out, uint16_t number, bool first,
		 const struct pk_indicator *ind);
size_t pk_op_dead(uint8_t *out, uint32_t slot);

/* Read a record from @len bytes; its length, or -EBADMSG. */
int pk_op_read(const uint8_t *bytes, size_t len, struct op *out);

size_t pk_op_commit(uint8_t *out, const struct pk_disk_commit *c);
int pk_op_commit_read(const uint8_t *bytes, size_t len,
		      struct pk_disk_commit *out);

/* --- logs (disk_log.c) ---------------------------------------------------- */

struct disk_log {
	int fd;
	uint64_t base, id;
	uint64_t turn;	/* of the last frame */
	uint64_t whole; /* bytes up to and with the last commit */
	uint64_t end;	/* and what the open transaction wrote */
};

/* A log being read. */
struct log_reader {
	int fd;
	struct log_head head;
	uint64_t size;
	uint64_t at;   /* of the next frame */
	uint64_t turn; /* of the last one */
	bool inside;   /* that was not a commit: the turn goes on */
	uint8_t *window;
	uint64_t window_at;
	size_t window_len;
	bool quick; /* OPS frames are not checked (and not shown) */
};

/* A new log after commit @base, in place of *@log (which is left alone). */
int pk_log_create(struct pk_disk *d, uint64_t base, struct disk_log *log);
int pk_log_append(struct pk_disk *d, struct disk_log *log, uint8_t *frame,
		  enum frame_kind kind, size_t len);

/* 0; -ENOENT; -EBADMSG: not a log of this name (and @seed, if not NULL). */
int pk_log_open(struct pk_disk *d, struct log_reader *r, uint64_t base,
		const uint64_t *seed);
void pk_log_close(struct log_reader *r);
void pk_log_rewind(struct log_reader *r); /* before the first frame */

/*
 * The next frame: its kind, with *@bytes (until the next call) and *@len; 0 at
 * the end; -EBADMSG: no whole frame at r->at; or -EIO.
 */
int pk_log_next(struct log_reader *r, const uint8_t **bytes, size_t *len);

/* Is there a commit anywhere behind the broken frame? */
bool pk_log_goes_on(struct log_reader *r);

/* The way to the last whole commit. */
struct log_scan {
	uint64_t whole; /* bytes up to and with it */
	uint64_t turn;	/* of the last frame */
	uint64_t last;	/* commit; the base if there is none */
	bool torn;	/* more bytes follow */
	bool damaged;	/* and a commit among them */
};

/* From the beginning up to commit @until; each commit is told to @fn. */
typedef int log_commit_fn(void *arg, const struct pk_disk_commit *c);
int pk_log_scan(struct log_reader *r, uint64_t until, struct log_scan *out,
		log_commit_fn *fn, void *arg);

/* --- loading (disk_redo.c, disk_put.c) ------------------------------------ */

/* A store made from a snapshot and logs. */
struct redone {
	struct pk_store *store;
	uint64_t done;	   /* the last commit in it */
	bool base_is_void; /* the base image has values whose slots are others'
			      now: it must be built again */
};

/*
 * Do again what the commits of a log above to->done did, up to @until.
 * -EBADMSG: a record of the commit behind to->done makes no sense, and the
 * store is spoilt; or -EIO, -ENOMEM.
 */
int pk_redo_log(struct pk_disk *d, struct log_reader *log, struct redone *to,
		uint64_t until);

/* As pk_store_add(), in slot @ind->slot; -EBADMSG: another value lives there,
 * or the value elsewhere. When all are put, done. */
int pk_redo_put(struct pk_store *s, const struct pk_indicator *ind,
		bool *base_is_void);
void pk_redo_done(struct pk_store *s);

/* --- snapshots (disk_snapshot.c) ------------------------------------------ */

struct disk_snapshot {
	int fd;
	bool begun;
	uint64_t commit;
	uint64_t notes; /* of the disk when it was begun */
	struct pk_disk_commit last;
};

/* 0; -ENOENT; -EBADMSG; -ENOMEM. @base may be NULL: not wanted. */
int pk_snapshot_read(struct pk_disk *d, uint64_t commit,
		     struct pk_store **store, struct pk_block *base,
		     struct pk_disk_commit *last);

/* --- audit log (disk_audit.c) --------------------------------------------- */

struct disk_audit {
	int fd;
	uint64_t size;
	uint64_t last; /* the last commit that a line speaks of */
};

int pk_audit_open(struct pk_disk *d);
void pk_audit_line(struct pk_disk *d, const struct pk_disk_commit *c,
		   const char *outcome);

/* -------------------------------------------------------------------------- */

/* What was said in this turn. */
struct said {
	XXH128_hash_t hash;
	uint64_t turn;
};

struct pk_disk {
	int dir;
	char *path;
	uint64_t seed, now, max_bytes, audit_bytes;
	uint8_t boot_id[PK_DISK_BOOT_ID];
	struct pk_disk_io io;
	pk_say_fn *say;
	void *say_arg;
	bool loaded;
	bool dir_unsynced; /* files were made or renamed; atomic */
	bool reserved;	   /* there may be room behind the log's end */
	struct disk_log log;
	int old_fd; /* a log before this one that is not synced, or -1 */
	struct pk_disk_commit last;
	/* The open transaction. */
	bool open;
	int failed;	/* why it can only be aborted */
	uint64_t notes; /* ever */
	size_t used;	/* of ops[] */
	uint8_t *ops;	/* a frame's head, records, room for the commit */
	struct said *said;
	struct disk_snapshot snapshot;
	struct disk_audit audit;
};

#endif /* PK_IOC_DISK_INSIDE_H */
