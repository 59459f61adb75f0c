/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/daemon/expiry.h"
#include "control/daemon/indicators_inside.h"
#include "control/log.h"

enum {
	LOG_MIN = 16 << 20, /* bytes of a log that are worth a snapshot */
	TAKE_BACK = 1 << 20,
};

static void say(void *arg, const char *sentence)
{
	(void)arg;
	pk_warn("%s", sentence);
}

static void forget_error(struct pk_indicators *d)
{
	d->disk.error[0] = '\0';
}

static void keep_error(struct pk_indicators *d, const char *what, int err)
{
	snprintf(d->disk.error, sizeof(d->disk.error), "%s: %s", what,
		 strerror(-err));
	pk_err("%s: %s", d->conf.dir, d->disk.error);
}

/* --- safe from a loss of power --------------------------------------------------------------- */

/* A thread syncs while commits go on; neither makes or ends a snapshot. */
static void *sync_now(void *arg)
{
	struct pk_indicators *d = arg;
	uint64_t one = 1;

	d->disk.sync_result = pk_disk_sync(d->disk.disk);
	while (write(d->disk.sync_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

static void end_sync(struct pk_indicators *d)
{
	if (!d->disk.syncing)
		return;
	pthread_join(d->disk.sync_thread, NULL);
	d->disk.syncing = 0;
	if (d->disk.sync_result) {
		keep_error(d, "indicators are not safe on disk",
			   d->disk.sync_result);
		return;
	}
	d->disk.synced = d->disk.sync_to;
	d->disk.synced_ns = pk_indicators_now(d);
	forget_error(d);
}

static void on_synced(evutil_socket_t fd, short what, void *arg)
{
	struct pk_indicators *d = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) < 0)
		return;
	end_sync(d);
}

/* Soon; those that come meanwhile are safe with the next one. */
void pk_keep_commit(struct pk_indicators *d)
{
	if (d->disk.syncing || d->disk.child)
		return;
	d->disk.sync_to = d->last;
	d->disk.syncing =
		!pthread_create(&d->disk.sync_thread, NULL, sync_now, d);
}

/* --- snapshots ----------------------------------------------------------------------------- */

/*
 * In a child process, whose copy of the store stays as it is. The base image is
 * shared memory: no base is published until the child has ended.
 */
static void write_snapshot(struct pk_indicators *d)
{
	struct pk_block base = { 0 };
	struct pk_view v;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pk_images_view(d->images, &v);
	base.lines = (struct pk_line *)v.base;
	base.count = v.base_head->lines;
	base.collisions = d->collisions;
	base.head = v.base_head;
	_exit(-pk_disk_snapshot_write(d->disk.disk, d->store, &base));
}

static void on_child(evutil_socket_t fd, short what, void *arg)
{
	struct pk_indicators *d = arg;
	int status, err;

	(void)fd;
	(void)what;
	end_sync(d);
	if (waitpid(d->disk.child, &status, 0) != d->disk.child)
		return;
	d->disk.child = 0;
	event_free(d->disk.child_done);
	d->disk.child_done = NULL;
	close(d->disk.child_fd);
	d->disk.child_fd = -1;
	err = WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
	if (WIFSIGNALED(status))
		pk_err("the writer of a snapshot was killed by signal %d",
		       WTERMSIG(status));
	err = pk_disk_snapshot_end(d->disk.disk, PK_DISK_CHILD, err);
	if (err)
		keep_error(d, "a snapshot cannot be written", err);
	else
		forget_error(d);
	pk_publish_flush_later(d);
}

/* The pipe's other end closes with the child, however it ends. */
static int watch_child(struct pk_indicators *d, int fd)
{
	d->disk.child_fd = fd;
	d->disk.child_done = event_new(d->conf.base, fd, EV_READ, on_child, d);
	return d->disk.child_done && !event_add(d->disk.child_done, NULL)
		       ? 0
		       : -ENOMEM;
}

static int start_snapshot(struct pk_indicators *d)
{
	int pair[2], err = pk_disk_snapshot_begin(d->disk.disk);

	if (err)
		return err;
	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK)) {
		err = -errno;
		return pk_disk_snapshot_end(d->disk.disk, PK_DISK_CHILD, err);
	}
	d->disk.child = fork();
	if (!d->disk.child)
		write_snapshot(d);
	close(pair[1]);
	err = d->disk.child < 0 ? -errno : watch_child(d, pair[0]);
	if (!err)
		return 0;
	if (d->disk.child > 0) {
		kill(d->disk.child, SIGKILL);
		waitpid(d->disk.child, NULL, 0);
	} else {
		close(pair[0]);
	}
	d->disk.child = 0;
	return pk_disk_snapshot_end(d->disk.disk, PK_DISK_CHILD, err);
}

/*
 * When reading the log would take longer than a snapshot would, and the base is
 * the store's: after a base was published.
 */
static int wants_snapshot(struct pk_indicators *d)
{
	uint64_t limit = d->disk.log_min;
	struct pk_store_stats s;

	if (d->disk.child || d->disk.syncing || d->held || d->busy ||
	    d->dirty || d->built.state != PK_BASE_NONE || d->overflow ||
	    d->want_base)
		return 0;
	pk_store_stats(d->store, &s);
	if (limit)
		limit += s.bytes / 4;
	return pk_disk_log_bytes(d->disk.disk) > limit;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct pk_indicators *d = arg;
	int err;

	(void)fd;
	(void)what;
	if (d->disk.synced < d->last)
		pk_keep_commit(d);
	if (!wants_snapshot(d))
		return;
	err = start_snapshot(d);
	if (err && err != -EBUSY)
		keep_error(d, "a snapshot cannot be begun", err);
}

/* --- what it had ------------------------------------------------------------------------------- */

static int put_back(void *arg, enum pk_diff what,
		    const struct pk_indicator *ind)
{
	struct pk_indicators *d = arg;
	int err;

	if (what == PK_DIFF_DEL)
		return pk_store_del(d->store, ind, ind->feed);
	err = pk_store_add(d->store, ind, NULL);
	return err == -EEXIST ? 0 : err;
}

/* What was known of the feeds; of those that are no more, nothing. */
static void put_infos_back(struct pk_indicators *d, const struct pk_store *was)
{
	static const struct pk_feed_info none;
	unsigned n = pk_store_feed_count(d->store);

	for (unsigned i = 0; i < n; i++) {
		const struct pk_feed_info *info =
			pk_store_feed_info(was, (uint16_t)i);

		pk_store_feed_set(d->store, (uint16_t)i, info ? info : &none);
	}
}

int pk_keep_take_back(struct pk_indicators *d)
{
	struct pk_diff_cursor cursor = { 0 };
	struct pk_store *was;
	int err = pk_disk_load_at(d->disk.disk, d->last, &was);

	if (err && !d->last)
		err = pk_store_new(&was, pk_store_seed(d->store));
	if (!err) {
		do
			err = pk_store_diff(d->store, was, PK_ALL_FEEDS,
					    &cursor, TAKE_BACK, put_back, d);
		while (err == 1);
		put_infos_back(d, was);
		pk_store_free(was);
	}
	if (err)
		keep_error(d, "what is in memory is not what is on disk", err);
	pk_indicators_publish(d, 0, NULL, NULL);
	return err;
}

void pk_indicators_disk(const struct pk_indicators *d,
			struct pk_indicators_disk *out)
{
	*out = (struct pk_indicators_disk){
		.dir = d->disk.disk ? d->conf.dir : "",
		.error = d->disk.error,
		.synced = d->disk.synced,
		.synced_ns = d->disk.synced_ns,
	};
	if (d->disk.disk)
		out->log_bytes = pk_disk_log_bytes(d->disk.disk);
}

int pk_indicators_reader(struct pk_indicators *d, struct pk_disk **out)
{
	return d->disk.disk ? pk_disk_reader(out, d->disk.disk) : -ENOENT;
}

/* --- life ---------------------------------------------------------------------------------------- */

static int open_events(struct pk_indicators *d)
{
	const struct timeval second = { 1, 0 };

	d->disk.sync_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->disk.sync_fd < 0)
		return -errno;
	d->disk.sync_done = event_new(d->conf.base, d->disk.sync_fd,
				      EV_READ | EV_PERSIST, on_synced, d);
	d->disk.tick = event_new(d->conf.base, -1, EV_PERSIST, on_tick, d);
	if (!d->disk.sync_done || !d->disk.tick ||
	    event_add(d->disk.sync_done, NULL) ||
	    event_add(d->disk.tick, &second))
		return -ENOMEM;
	return 0;
}

int pk_keep_init(struct pk_indicators *d, struct pk_block *base)
{
	struct pk_disk_conf conf = { .path = d->conf.dir,
				     .seed = d->conf.seed,
				     .now = pk_indicators_now(d) / 1000000000,
				     .say = say };
	struct pk_disk_loaded loaded = { 0 };
	int err;

	err = pk_expiry_read_boot_id(conf.boot_id);
	if (!err)
		err = pk_disk_open(&d->disk.disk, &conf);
	if (!err)
		err = pk_disk_load(d->disk.disk, &d->store, base, &loaded);
	if (err)
		return err;
	d->last = d->disk.synced = loaded.last.number;
	d->feeds_said = d->feeds_noted = pk_store_feed_count(d->store);
	d->disk.log_min = LOG_MIN;
	if (d->last)
		pk_info("indicators of commit %llu are back live=%u "
			"replayed=%llu",
			(unsigned long long)d->last, loaded.last.live,
			(unsigned long long)loaded.replayed);
	return open_events(d);
}

void pk_keep_fini(struct pk_indicators *d)
{
	struct pk_indicators_disk_state *k = &d->disk;

	if (k->syncing)
		pthread_join(k->sync_thread, NULL);
	if (k->child) {
		kill(k->child, SIGKILL);
		waitpid(k->child, NULL, 0);
		pk_disk_snapshot_end(k->disk, PK_DISK_CHILD, -EINTR);
	}
	if (k->child_done)
		event_free(k->child_done);
	if (k->child_fd >= 0)
		close(k->child_fd);
	if (k->sync_done)
		event_free(k->sync_done);
	if (k->sync_fd >= 0)
		close(k->sync_fd);
	if (k->tick)
		event_free(k->tick);
	if (k->disk && k->synced < d->last)
		pk_disk_sync(k->disk);
	pk_disk_close(k->disk);
}
