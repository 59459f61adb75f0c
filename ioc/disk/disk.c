/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/disk/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ioc/disk/disk_inside.h"

enum { AUDIT_BYTES = 8 << 20 };

/* --- the directory -------------------------------------------------------- */

static int open_dir(const char *path)
{
	int fd;

	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		int err = errno == EWOULDBLOCK ? -EBUSY : -errno;

		close(fd);
		return err;
	}
	return fd;
}

static void say_why_not(const struct pk_disk *d, int err)
{
	const char *remedy =
		err == -EBUSY	? "another picketd uses it: stop that one first"
		: err == -EROFS ? "read-only: mount it for writing"
		: err == -ENOTDIR ? "not a directory: name another"
		: err == -ENOENT  ? "make the directory it is to be in"
		: err == -EACCES  ? "not permitted: give it to this user"
				  : strerror(-err);

	pk_disk_say(d, "cannot be opened: %s", remedy);
}

static int open_files(struct pk_disk *d)
{
	int err;

	d->dir = open_dir(d->path);
	if (d->dir < 0)
		return d->dir;
	err = fchmod(d->dir, 0700) ? -errno : 0;
	return err ? err : pk_audit_open(d);
}

static void configure(struct pk_disk *d, const struct pk_disk_conf *conf)
{
	d->dir = d->log.fd = d->old_fd = d->audit.fd = -1;
	d->seed = conf->seed;
	d->now = conf->now;
	memcpy(d->boot_id, conf->boot_id, sizeof(d->boot_id));
	d->max_bytes = conf->max_bytes;
	d->audit_bytes = conf->audit_bytes ? conf->audit_bytes : AUDIT_BYTES;
	d->io = conf->io ? *conf->io : pk_disk_system;
	d->say = conf->say;
	d->say_arg = conf->say_arg;
}

int pk_disk_open(struct pk_disk **out, const struct pk_disk_conf *conf)
{
	struct pk_disk *d = calloc(1, sizeof(*d));
	int err = -ENOMEM;

	if (!d)
		return -ENOMEM;
	configure(d, conf);
	d->path = strdup(conf->path);
	d->ops = malloc(2 * sizeof(struct frame) + FRAME_MAX + OP_MAX);
	d->said = calloc(METAS, sizeof(*d->said));
	if (!d->path || !d->ops || !d->said)
		goto fail;
	err = open_files(d);
	if (err) {
		say_why_not(d, err);
		goto fail;
	}
	*out = d;
	return 0;
fail:
	pk_disk_close(d);
	return err;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void pk_disk_close(struct pk_disk *d)
{
	if (!d)
		return;
	if (d->open)
		pk_disk_abort(d);
	if (d->snapshot.begun)
		pk_disk_snapshot_end(d, PK_DISK_THREAD, -ECANCELED);
	close_fd(d->log.fd);
	close_fd(d->old_fd);
	close_fd(d->audit.fd);
	close_fd(d->dir);
	free(d->path);
	free(d->ops);
	free(d->said);
	free(d);
}

/* --- notes ---------------------------------------------------------------- */

static int fail(struct pk_disk *d, int err)
{
	d->failed = err;
	pk_disk_say(d,
		    "the change cannot be written: %s; it is undone as a whole",
		    strerror(-err));
	return err;
}

static int begin(struct pk_disk *d)
{
	if (!d->loaded)
		return -EINVAL;
	d->notes++;
	if (d->open)
		return d->failed;
	d->open = true;
	d->failed = 0;
	d->used = 0;
	d->log.turn++;
	return 0;
}

/* Records begin behind the head of their frame. */
static uint8_t *room(struct pk_disk *d)
{
	return d->ops + sizeof(struct frame) + d->used;
}

static int flush(struct pk_disk *d)
{
	int err;

	if (!d->used)
		return 0;
	err = pk_log_append(d, &d->log, d->ops, FRAME_OPS, d->used);
	d->used = 0;
	return err ? fail(d, err) : 0;
}

/* A record of @len bytes was written to room(). */
static int wrote(struct pk_disk *d, size_t len)
{
	d->used += len;
	return d->used >= OPS_BYTES ? flush(d) : 0;
}

/* The number under which a saying is known in this turn; said if it is new. */
static int say_meta(struct pk_disk *d, uint16_t feed,
		    const struct pk_meta *meta, uint16_t *number)
{
	uint8_t *at = room(d);
	size_t len = pk_op_meta(at, 0, feed, meta);
	XXH128_hash_t hash = XXH3_128bits_withSeed(at, len, d->seed);
	struct said *said = &d->said[hash.low64 % METAS];

	*number = (uint16_t)(hash.low64 % METAS);
	if (said->turn == d->log.turn && XXH128_isEqual(said->hash, hash))
		return 0;
	said->turn = d->log.turn;
	said->hash = hash;
	return wrote(d, pk_op_meta(at, *number, feed, meta));
}

static int note_said(struct pk_disk *d, struct pk_indicator *ind, bool first)
{
	uint16_t number;
	int err = say_meta(d, ind->feed, &ind->meta, &number);

	return err ? err : wrote(d, pk_op_add(room(d), number, first, ind));
}

static int note_live(struct pk_disk *d, const struct pk_store *s, uint32_t slot)
{
	uint16_t feeds[PK_FEEDS_MAX];
	struct pk_indicator ind;
	unsigned n = pk_store_feeds(s, slot, feeds, PK_FEEDS_MAX);
	int err = pk_store_get(s, slot, &ind);

	for (unsigned i = 0; i < n && !err; i++) {
		ind.feed = feeds[i];
		err = pk_store_meta(s, slot, feeds[i], &ind.meta);
		if (!err)
			err = note_said(d, &ind, !i);
	}
	return err;
}

int pk_disk_note(struct pk_disk *d, const struct pk_store *s, uint32_t slot)
{
	int err = begin(d);

	if (err)
		return err;
	if (!pk_store_is_live(s, slot))
		return wrote(d, pk_op_dead(room(d), slot));
	return note_live(d, s, slot);
}

int pk_disk_note_feed(struct pk_disk *d, const struct pk_store *s,
		      uint16_t feed)
{
	const struct pk_feed_info *info = pk_store_feed_info(s, feed);
	int err;

	if (!info)
		return -EINVAL;
	err = begin(d);
	return err ? err : wrote(d, pk_op_feed(room(d), feed, info));
}

/* What was reserved behind the log and not used; some file systems keep it even
 * when they could not find all of it. */
static void release_rest(struct pk_disk *d)
{
	if (d->reserved)
		pk_disk_truncate(d, d->log.fd, d->log.end);
	d->reserved = false;
}

int pk_disk_reserve(struct pk_disk *d, uint64_t bytes)
{
	int err = 0;

	if (!d->loaded)
		return -EINVAL;
	d->reserved = true;
	if (fallocate(d->log.fd, FALLOC_FL_KEEP_SIZE, (off_t)d->log.end,
		      (off_t)bytes))
		err = errno == EOPNOTSUPP ? 0 : -errno;
	if (err) {
		release_rest(d);
		pk_disk_say(d, "no room for a change of %" PRIu64 " bytes: %s",
			    bytes, strerror(-err));
	}
	return err;
}

/* --- end of a transaction ------------------------------------------------- */

/* What the turn wrote is cut off; left behind, its frames count for nothing. */
void pk_disk_abort(struct pk_disk *d)
{
	int err = 0;

	if (!d->open)
		return;
	if (d->log.end != d->log.whole || d->failed)
		err = pk_disk_truncate(d, d->log.fd, d->log.whole);
	if (err)
		pk_disk_say(d,
			    "what was written of a change that is undone stays "
			    "in the log: %s; it does no harm",
			    strerror(-err));
	d->log.end = d->log.whole;
	release_rest(d);
	d->open = false;
	d->failed = 0;
	d->used = 0;
}

/* The last records and the commit, in one write if that is taken whole. */
static int write_commit(struct pk_disk *d, const struct pk_disk_commit *c)
{
	int err = flush(d);
	size_t len;

	if (err)
		return err;
	len = pk_op_commit(d->ops + sizeof(struct frame), c);
	err = pk_log_append(d, &d->log, d->ops, FRAME_COMMIT, len);
	return err ? fail(d, err) : 0;
}

int pk_disk_commit(struct pk_disk *d, const struct pk_store *s,
		   struct pk_disk_commit *c)
{
	struct pk_store_stats stats;
	int err = begin(d);

	if (!d->loaded)
		return err;
	pk_store_stats(s, &stats);
	c->number = d->last.number + 1;
	c->live = stats.live;
	memcpy(c->boot_id, d->boot_id, sizeof(c->boot_id));
	if (!err)
		err = write_commit(d, c);
	if (err) {
		pk_disk_abort(d);
		c->number = 0;
		pk_audit_line(d, c, strerror(-err));
		return err;
	}
	d->log.whole = d->log.end;
	release_rest(d);
	d->open = false;
	d->last = *c;
	pk_audit_line(d, c, "committed");
	return 0;
}

void pk_disk_audit(struct pk_disk *d, const struct pk_disk_commit *c,
		   const char *outcome)
{
	pk_audit_line(d, c, outcome);
}

static int sync_all(struct pk_disk *d)
{
	int err = 0;

	if (d->old_fd >= 0) {
		err = pk_disk_fsync(d, d->old_fd);
		if (err)
			return err;
		close(d->old_fd);
		d->old_fd = -1;
	}
	if (d->log.fd >= 0)
		err = pk_disk_fsync(d, d->log.fd);
	return err ? err : pk_disk_fsync(d, d->audit.fd);
}

/* Files that were made or renamed stay so. */
static int sync_dir(struct pk_disk *d)
{
	int err;

	if (!__atomic_exchange_n(&d->dir_unsynced, false, __ATOMIC_ACQ_REL))
		return 0;
	err = pk_disk_fsync(d, d->dir);
	if (err)
		__atomic_store_n(&d->dir_unsynced, true, __ATOMIC_RELEASE);
	return err;
}

int pk_disk_sync(struct pk_disk *d)
{
	int err = sync_all(d);

	if (!err)
		err = sync_dir(d);

	if (err)
		pk_disk_say(d,
			    "not safe from a loss of power: %s; check the disk",
			    strerror(-err));
	return err;
}

uint64_t pk_disk_last(const struct pk_disk *d)
{
	return d->last.number;
}

uint64_t pk_disk_log_bytes(const struct pk_disk *d)
{
	return d->log.whole;
}
