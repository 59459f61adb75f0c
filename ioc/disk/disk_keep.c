/* SPDX-License-Identifier: BSD-2-Clause */
/* When snapshots begin and end, and which files stay. */
#include "ioc/disk/disk_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const char TEMPORARY[] = "new-snapshot";

enum { STAY = 2 }; /* snapshots, however large */

/* --- what is too old ------------------------------------------------------ */

/* Does a log lead on from snapshot @oldest or a later one? */
static bool is_needed(const struct listing *l, unsigned i, uint64_t oldest)
{
	if (l->log[i].damaged)
		return l->log[i].number >= oldest;
	for (unsigned k = i + 1; k < l->logs; k++)
		if (!l->log[k].damaged && l->log[k].number <= oldest)
			return false;
	return true;
}

static uint64_t bytes_since(const struct listing *l, uint64_t oldest)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < l->snapshots; i++)
		if (l->snapshot[i].number >= oldest)
			bytes += l->snapshot[i].bytes;
	for (unsigned i = 0; i < l->logs; i++)
		if (is_needed(l, i, oldest))
			bytes += l->log[i].bytes;
	return bytes;
}

/* The snapshot that history begins with; 0: nothing is too old. */
static uint64_t oldest_kept(const struct listing *l, uint64_t max_bytes)
{
	uint64_t oldest = 0;
	unsigned kept = 0;

	for (unsigned i = l->snapshots; i--;) {
		if (l->snapshot[i].damaged)
			continue;
		if (kept >= STAY && max_bytes &&
		    bytes_since(l, l->snapshot[i].number) > max_bytes)
			return oldest;
		oldest = l->snapshot[i].number;
		if (++kept == PK_DISK_SNAPSHOTS)
			return oldest;
	}
	if (kept >= STAY && max_bytes && bytes_since(l, 0) > max_bytes)
		return oldest;
	return 0;
}

static void remove_old(struct pk_disk *d, const struct entry *e,
		       const char *kind)
{
	char name[NAME_MAX_];
	char full[NAME_MAX_ + 16];
	int err;

	pk_disk_name(name, kind, e->number);
	snprintf(full, sizeof(full), "%s%s", name,
		 e->damaged ? ".damaged" : "");
	err = pk_disk_remove(d, full);
	if (err)
		pk_disk_say(d, "%s: too old, but cannot be removed: %s", full,
			    strerror(-err));
}

static void prune(struct pk_disk *d)
{
	struct listing l;
	uint64_t oldest;

	if (pk_disk_list(d, &l, false))
		return;
	oldest = oldest_kept(&l, d->max_bytes);
	for (unsigned i = 0; i < l.snapshots; i++)
		if (l.snapshot[i].number < oldest)
			remove_old(d, &l.snapshot[i], "snapshot");
	for (unsigned i = 0; i < l.logs; i++)
		if (!is_needed(&l, i, oldest))
			remove_old(d, &l.log[i], "log");
	pk_disk_list_free(&l);
}

/* --- begin and end -------------------------------------------------------- */

/* What comes after the snapshot goes to a log of its own. */
static int turn_log(struct pk_disk *d)
{
	struct disk_log log;
	int err;

	if (d->log.base == d->last.number)
		return 0;
	if (d->old_fd >= 0) {
		err = pk_disk_fsync(d, d->old_fd);
		if (err)
			return err;
		close(d->old_fd);
		d->old_fd = -1;
	}
	err = pk_log_create(d, d->last.number, &log);
	if (err)
		return err;
	d->old_fd = d->log.fd;
	d->log = log;
	return 0;
}

int pk_disk_snapshot_begin(struct pk_disk *d)
{
	int fd, err;

	if (d->open || d->snapshot.begun || !d->loaded)
		return -EBUSY;
	if (!d->last.number)
		return -ENOENT;
	err = turn_log(d);
	fd = err ? err : pk_disk_create(d, TEMPORARY);
	if (fd < 0) {
		pk_disk_say(d, "no snapshot of commit %" PRIu64 ": %s",
			    d->last.number, strerror(-fd));
		return fd;
	}
	d->snapshot = (struct disk_snapshot){
		.fd = fd,
		.begun = true,
		.commit = d->last.number,
		.notes = d->notes,
		.last = d->last,
	};
	return 0;
}

static int put_in_place(struct pk_disk *d)
{
	char name[NAME_MAX_];

	pk_disk_name(name, "snapshot", d->snapshot.commit);
	return pk_disk_rename(d, TEMPORARY, name);
}

int pk_disk_snapshot_end(struct pk_disk *d, enum pk_disk_writer writer,
			 int result)
{
	int err = result;

	if (!d->snapshot.begun)
		return -EINVAL;
	if (!err && writer == PK_DISK_THREAD && d->snapshot.notes != d->notes)
		err = -EAGAIN;
	if (!err)
		err = put_in_place(d);
	if (err)
		pk_disk_remove(d, TEMPORARY);
	if (err && err != -EAGAIN)
		pk_disk_say(d, "no snapshot of commit %" PRIu64 ": %s",
			    d->snapshot.commit, strerror(-err));
	close(d->snapshot.fd);
	d->snapshot.begun = false;
	if (!err)
		prune(d);
	return err;
}
