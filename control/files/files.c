/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/daemon/background.h"
#include "control/files/cursor.h"
#include "control/files/linefile.h"
#include "control/journal/reader.h"
#include "control/log.h"
#include "control/profile/profile.h"

enum {
	IDLE_MS = 100, /* between two looks at the journal */
	END_NS = 1000000000,
};

struct file {
	struct pk_files_file conf;
	struct pk_linefile sink;
	struct pk_cursor cursor;
	struct pk_journal_reader *reader; /* NULL: from @next on */
	struct pk_files_counters count;	  /* the thread's */
	struct pk_files_counters shown;	  /* under the lock */
	uint64_t next;			  /* to be read */
	uint64_t kept;			  /* written, up to here */
	uint64_t retry_s;		  /* not before */
	uint64_t synced_s;
	size_t len;	/* bytes that wait to be written */
	uint64_t lines; /* of these */
	char batch[PK_FILES_BATCH];
};

struct pk_files {
	struct file *file;
	uint32_t count;
	const struct pk_journal_mark *mark;
	int journal_fd;
	int state_fd;
	pthread_t thread;
	int started;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int ending;
	int reopen;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- one file ---- */

static int is_wanted(const struct file *f, const struct pk_journal_message *m)
{
	uint32_t i = 0;

	while (i < f->conf.types &&
	       (strlen(f->conf.type[i]) != m->subject_len ||
		memcmp(f->conf.type[i], m->subject, m->subject_len) != 0))
		i++;
	if (f->conf.types && i == f->conf.types)
		return 0;
	return !f->conf.severity_min ||
	       pk_profile_severity(m->text, m->text_len) >=
		       (int)f->conf.severity_min;
}

static void take(struct file *f, const struct pk_journal_message *m)
{
	int n;

	f->count.seen++;
	f->next = m->number + 1;
	if (!is_wanted(f, m)) {
		f->count.filtered++;
		return;
	}
	n = pk_profile_convert(f->conf.profile, m->text, m->text_len,
			       f->batch + f->len, sizeof(f->batch) - f->len);
	if (n < 0) {
		f->count.refused++;
		return;
	}
	f->len += (size_t)n;
	f->batch[f->len++] = '\n';
	f->lines++;
}

/* One time a failure, not each second. */
static void tell(struct file *f, int err)
{
	if (err == f->sink.err)
		return;
	if (err)
		pk_err("file %s: cannot write it: %s; it is tried again each "
		       "second, and the journal has what is missing",
		       f->conf.path, strerror(-err));
	else
		pk_info("file %s: is written again", f->conf.path);
	f->sink.err = err;
}

/*
 * Lines, as many as go into a file that may be near its bound; then the rest.
 * 0 or -errno; what was written is gone from the batch.
 */
static int write_batch(struct file *f, uint64_t now_s)
{
	int err = 0;

	while (f->len && !err) {
		uint64_t most = f->conf.rotate_bytes, room;
		const char *end;
		size_t n = f->len;

		room = most > f->sink.size ? most - f->sink.size : most;
		if (most && n > room) {
			end = memrchr(f->batch, '\n', (size_t)room);
			if (!end) /* one line, however long */
				end = memchr(f->batch, '\n', f->len);
			n = (size_t)(end - f->batch) + 1;
		}
		err = pk_linefile_write(&f->sink, f->batch, n, now_s,
					&f->count);
		if (err)
			break;
		f->len -= n;
		memmove(f->batch, f->batch + n, f->len);
	}
	return err;
}

static void flush(struct file *f, uint64_t now_s)
{
	int tried = f->len > 0, err = write_batch(f, now_s);

	if (tried)
		tell(f, err);
	if (err) {
		f->count.failed++;
		f->retry_s = now_s + 1;
		return;
	}
	f->count.lines += f->lines;
	f->lines = 0;
	f->kept = f->next - 1;
	if (pk_cursor_keep(&f->cursor, f->kept))
		f->count.unsynced++;
}

static void sync_file(struct file *f, uint64_t now_s)
{
	if (f->cursor.synced == f->kept || now_s == f->synced_s)
		return;
	f->synced_s = now_s;
	if ((f->sink.fd >= 0 && fdatasync(f->sink.fd)) ||
	    pk_cursor_sync(&f->cursor, f->kept))
		f->count.unsynced++;
}

/* Up to @written, into the batch. 1 when there is more. */
static int fill(struct pk_files *all, struct file *f, uint64_t written)
{
	struct pk_journal_message m;
	uint64_t missing;
	int ret = 1;

	if (!f->reader && pk_journal_reader_new(&f->reader, all->journal_fd,
						"threat", f->next))
		return 0;
	while (f->next <= written && ret > 0) {
		if (sizeof(f->batch) - f->len <= PK_PROFILE_MAX + 1)
			return 1;
		ret = pk_journal_read(f->reader, &m, &missing);
		if (ret <= 0)
			break;
		f->count.missing += missing;
		take(f, &m);
	}
	if (ret < 0) {
		f->count.failed++;
		return 0;
	}
	/* All up to there is in the files, or gone. */
	if (!ret && f->next <= written) {
		f->count.missing += written + 1 - f->next;
		f->next = written + 1;
		pk_journal_reader_free(f->reader);
		f->reader = NULL;
	}
	return 0;
}

/* 1 when there is more to do at once. */
static int turn(struct pk_files *all, struct file *f)
{
	uint64_t now_s = clock_ns(CLOCK_REALTIME) / 1000000000;
	uint64_t written = atomic_load(&all->mark->written);
	int more = 0;

	if (now_s < f->retry_s && f->retry_s <= now_s + 1)
		return 0;
	if (f->next <= written)
		more = fill(all, f, written);
	if (f->next - 1 > f->kept)
		flush(f, now_s);
	pk_linefile_check(&f->sink, &f->count);
	pk_linefile_age(&f->sink, now_s, &f->count);
	sync_file(f, now_s);
	return more && !f->len;
}

static void show(struct pk_files *all)
{
	pthread_mutex_lock(&all->lock);
	for (uint32_t i = 0; i < all->count; i++) {
		all->file[i].count.next = all->file[i].next;
		all->file[i].count.waiting = all->file[i].lines;
		all->file[i].shown = all->file[i].count;
	}
	pthread_mutex_unlock(&all->lock);
}

/* ---- the thread ---- */

static void wait_a_while(struct pk_files *all)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + IDLE_MS * 1000000ULL;
	const struct timespec t = { (time_t)(until / 1000000000),
				    (long)(until % 1000000000) };

	pthread_mutex_lock(&all->lock);
	if (!all->ending && !all->reopen)
		pthread_cond_timedwait(&all->wake, &all->lock, &t);
	pthread_mutex_unlock(&all->lock);
}

static int is_ending(struct pk_files *all)
{
	int ending, reopen;

	pthread_mutex_lock(&all->lock);
	ending = all->ending;
	reopen = all->reopen;
	all->reopen = 0;
	pthread_mutex_unlock(&all->lock);
	for (uint32_t i = 0; reopen && i < all->count; i++) {
		if (all->file[i].sink.fd < 0)
			continue;
		pk_linefile_close(&all->file[i].sink);
		all->file[i].count.reopened++;
	}
	return ending;
}

static int turn_all(struct pk_files *all)
{
	int more = 0;

	for (uint32_t i = 0; i < all->count; i++)
		more |= turn(all, &all->file[i]);
	show(all);
	return more;
}

static void *write_files(void *arg)
{
	struct pk_files *all = arg;
	uint64_t end;

	pk_background();
	while (!is_ending(all))
		if (!turn_all(all))
			wait_a_while(all);
	end = clock_ns(CLOCK_MONOTONIC) + END_NS;
	while (turn_all(all) && clock_ns(CLOCK_MONOTONIC) < end)
		;
	for (uint32_t i = 0; i < all->count; i++)
		sync_file(&all->file[i], UINT64_MAX);
	return NULL;
}

/* ---- life ---- */

static int open_dirs(struct pk_files *all, const struct pk_files_conf *conf)
{
	if (mkdir(conf->state_dir, 0700) && errno != EEXIST)
		return -errno;
	all->state_fd = open(conf->state_dir,
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	all->journal_fd =
		open(conf->journal_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return all->state_fd < 0 || all->journal_fd < 0 ? -errno : 0;
}

static int open_file(struct pk_files *all, struct file *f)
{
	uint64_t at = atomic_load(&all->mark->began) - 1;
	int ret = pk_cursor_open(&f->cursor, all->state_fd, f->conf.path, &at);

	if (ret == -EBADMSG) {
		at = atomic_load(&all->mark->first) - 1;
		pk_warn("file %s: its cursor is damaged: all of the journal is "
			"written once more",
			f->conf.path);
	} else if (ret < 0) {
		return ret;
	}
	/* of a journal that was removed since */
	if (at > atomic_load(&all->mark->written))
		at = atomic_load(&all->mark->written);
	f->kept = at;
	f->next = at + 1;
	ret = pk_cursor_sync(&f->cursor, at);
	return ret ? ret : fsync(f->cursor.fd) ? -errno : 0;
}

static int open_files(struct pk_files *all, const struct pk_files_conf *conf)
{
	int err = open_dirs(all, conf);

	all->file = calloc(conf->count, sizeof(*all->file));
	if (!all->file)
		return -ENOMEM;
	for (; all->count < conf->count; all->count++) {
		struct file *f = &all->file[all->count];

		f->conf = conf->file[all->count];
		f->sink.conf = &f->conf;
		f->sink.fd = f->cursor.fd = -1;
	}
	for (uint32_t i = 0; i < all->count && !err; i++)
		err = open_file(all, &all->file[i]);
	return err;
}

static int start(struct pk_files *all)
{
	pthread_condattr_t attr;
	int err;

	show(all);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&all->wake, &attr);
	pthread_condattr_destroy(&attr);
	err = -pthread_create(&all->thread, NULL, write_files, all);
	all->started = !err;
	if (err)
		pthread_cond_destroy(&all->wake);
	return err;
}

int pk_files_new(struct pk_files **out, const struct pk_files_conf *conf)
{
	struct pk_files *all = calloc(1, sizeof(*all));
	int err;

	if (!all)
		return -ENOMEM;
	all->mark = conf->mark;
	all->journal_fd = all->state_fd = -1;
	pthread_mutex_init(&all->lock, NULL);
	err = open_files(all, conf);
	if (!err)
		err = start(all);
	if (err) {
		pk_err("the files' cursors in %s: %s; check the folder and its "
		       "owner",
		       conf->state_dir, strerror(-err));
		pk_files_free(all);
		return err;
	}
	*out = all;
	return 0;
}

static void stop(struct pk_files *all)
{
	pthread_mutex_lock(&all->lock);
	all->ending = 1;
	pthread_cond_signal(&all->wake);
	pthread_mutex_unlock(&all->lock);
	pthread_join(all->thread, NULL);
	pthread_cond_destroy(&all->wake);
}

void pk_files_free(struct pk_files *all)
{
	if (!all)
		return;
	if (all->started)
		stop(all);
	for (uint32_t i = 0; i < all->count; i++) {
		pk_journal_reader_free(all->file[i].reader);
		pk_linefile_close(&all->file[i].sink);
		pk_cursor_close(&all->file[i].cursor);
	}
	free(all->file);
	if (all->state_fd >= 0)
		close(all->state_fd);
	if (all->journal_fd >= 0)
		close(all->journal_fd);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

void pk_files_reopen(struct pk_files *all)
{
	if (!all)
		return;
	pthread_mutex_lock(&all->lock);
	all->reopen = 1;
	pthread_cond_signal(&all->wake);
	pthread_mutex_unlock(&all->lock);
}

const char *pk_files_path(const struct pk_files *all, uint32_t i)
{
	return all && i < all->count ? all->file[i].conf.path : "";
}

void pk_files_count(const struct pk_files *all, uint32_t i,
		    struct pk_files_counters *out)
{
	struct pk_files *writable = (struct pk_files *)all;

	pthread_mutex_lock(&writable->lock);
	*out = all->file[i].shown;
	pthread_mutex_unlock(&writable->lock);
}
