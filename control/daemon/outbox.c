/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/outbox.h"

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
#include "control/encode.h"
#include "control/log.h"

struct pk_outbox {
	struct pk_outbox_conf conf;
	struct pk_journal *journal;
	struct pk_journal_mark mark;
	int dir_fd;
	int failing; /* the disk refused the latest commit */
	uint64_t sync_failed;
	uint64_t written_ns; /* when the commit under way had written; or 0 */
	char text[PK_ENCODE_MAX];
	/* The thread's; files are handed over under the lock. */
	pthread_t thread;
	int started;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int file[PK_JOURNAL_DIRTY];
	int files;
	int ending;
	atomic_int sync_error; /* errno of the latest that failed */
};

/* ---- the thread that syncs ---- */

static int take_files(struct pk_outbox *o, int file[PK_JOURNAL_DIRTY])
{
	int n;

	pthread_mutex_lock(&o->lock);
	while (!o->files && !o->ending)
		pthread_cond_wait(&o->wake, &o->lock);
	n = o->files;
	memcpy(file, o->file, sizeof(o->file));
	o->files = 0;
	pthread_mutex_unlock(&o->lock);
	return n;
}

static void *sync_files(void *arg)
{
	struct pk_outbox *o = arg;
	int file[PK_JOURNAL_DIRTY], n;

	pk_background();
	while ((n = take_files(o, file)) > 0)
		while (n--) {
			if (fdatasync(file[n]))
				atomic_store(&o->sync_error, errno);
			close(file[n]);
		}
	return NULL;
}

/* Unless the thread still has some: they are due again a little later. */
static void hand_over(struct pk_outbox *o)
{
	pthread_mutex_lock(&o->lock);
	if (!o->files) {
		o->files = pk_journal_dirty(o->journal, o->file);
		pthread_cond_signal(&o->wake);
	}
	pthread_mutex_unlock(&o->lock);
}

static void stop_thread(struct pk_outbox *o)
{
	pthread_mutex_lock(&o->lock);
	o->ending = 1;
	pthread_cond_signal(&o->wake);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->thread, NULL);
}

/* ---- threats ---- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void publish(void *arg, const struct pk_journal_message *m)
{
	struct pk_outbox *o = arg;
	char subject[PK_JOURNAL_SUBJECT_MAX + 1];
	const struct pk_bus_item item = {
		.class = PK_BUS_THREAT,
		.number = m->number,
		.subject = subject,
		.time_ns = m->time_ns,
		.json = m->text,
		.len = m->text_len,
	};
	int ret;

	if (!o->written_ns && o->conf.latency && o->conf.latency->pending)
		o->written_ns = now_ns();
	memcpy(subject, m->subject, m->subject_len);
	subject[m->subject_len] = 0;
	atomic_store(&o->mark.last, m->number);
	ret = pk_bus_publish_item(o->conf.bus, &item);
	if (ret)
		pk_err("threat %llu could not be published: %s; it is in the "
		       "journal",
		       (unsigned long long)m->number, strerror(-ret));
}

void pk_outbox_threat(struct pk_outbox *o, const struct pk_threat *t)
{
	int n = pk_encode_threat(t, o->text, sizeof(o->text));
	struct pk_journal_message m = {
		.time_ns = t->last_ns,
		.subject = t->type,
		.subject_len = (uint32_t)strlen(t->type),
		.text = o->text,
		.text_len = n > 0 ? (uint32_t)n : 0,
	};

	if (n > 0)
		n = pk_journal_append(o->journal, &m);
	if (n < 0)
		pk_err("a threat could not be told: %s type=%s", strerror(-n),
		       t->type);
}

/* All that was given a number is in the file, or was given up before. */
static void move_mark(struct pk_outbox *o)
{
	uint64_t first = pk_journal_first(o->journal);

	pk_bus_oldest(o->conf.bus, PK_BUS_THREAT, first);
	atomic_store(&o->mark.first, first);
	atomic_store(&o->mark.written, pk_journal_last(o->journal));
}

static void measure(struct pk_outbox *o)
{
	if (o->written_ns)
		pk_latency_commit(o->conf.latency, o->written_ns, now_ns());
	o->written_ns = 0;
}

void pk_outbox_commit(struct pk_outbox *o)
{
	int ret = pk_journal_commit(o->journal);

	measure(o);
	if (ret && !o->failing)
		pk_err("journal %s: cannot write: %s; threats are told but "
		       "not kept until there is room",
		       o->conf.dir, strerror(-ret));
	if (!ret && o->failing)
		pk_info("journal %s: writes again", o->conf.dir);
	o->failing = ret != 0;
	if (!ret)
		move_mark(o);
	if (o->conf.sync == PK_SYNC_TURN)
		hand_over(o);
}

static void tell_sync_error(struct pk_outbox *o)
{
	int err = atomic_exchange(&o->sync_error, 0);

	if (!err)
		return;
	o->sync_failed++;
	pk_err("journal %s: cannot sync: %s; what was written since the last "
	       "sync may not survive a power cut",
	       o->conf.dir, strerror(err));
}

void pk_outbox_tick(struct pk_outbox *o)
{
	if (o->failing)
		pk_journal_retry(o->journal);
	pk_outbox_commit(o);
	tell_sync_error(o);
	if (o->conf.sync == PK_SYNC_SECOND)
		hand_over(o);
}

const struct pk_journal_mark *pk_outbox_mark(const struct pk_outbox *o)
{
	return &o->mark;
}

uint64_t pk_outbox_sync_failed(const struct pk_outbox *o)
{
	return o->sync_failed;
}

uint64_t pk_outbox_first(const struct pk_outbox *o)
{
	return pk_journal_first(o->journal);
}

uint64_t pk_outbox_last(const struct pk_outbox *o)
{
	return pk_journal_last(o->journal);
}

void pk_outbox_count(const struct pk_outbox *o, struct pk_journal_counters *c)
{
	pk_journal_count(o->journal, c);
}

/* ---- life ---- */

static void say(void *arg, const char *sentence)
{
	(void)arg;
	pk_warn("%s", sentence);
}

static int open_dir(struct pk_outbox *o)
{
	if (mkdir(o->conf.dir, 0700) && errno != EEXIST)
		return -errno;
	o->dir_fd = open(o->conf.dir,
			 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return o->dir_fd < 0 ? -errno : 0;
}

static int open_journal(struct pk_outbox *o)
{
	const struct pk_journal_conf conf = {
		.dir_fd = o->dir_fd,
		.word = "threat",
		.epoch = o->conf.epoch,
		.max_bytes = o->conf.max_bytes,
		.sync = o->conf.sync,
		.say = say,
		.tell = publish,
		.tell_arg = o,
	};
	int ret = pk_journal_open(&o->journal, &conf);

	if (ret)
		return ret;
	pk_bus_start_at(o->conf.bus, PK_BUS_THREAT,
			pk_journal_last(o->journal));
	atomic_store(&o->mark.last, pk_journal_last(o->journal));
	atomic_store(&o->mark.began, pk_journal_last(o->journal) + 1);
	move_mark(o);
	return 0;
}

int pk_outbox_new(struct pk_outbox **out, const struct pk_outbox_conf *conf)
{
	struct pk_outbox *o = calloc(1, sizeof(*o));
	int ret;

	if (!o)
		return -ENOMEM;
	o->conf = *conf;
	o->dir_fd = -1;
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->wake, NULL);
	ret = open_dir(o);
	if (!ret)
		ret = open_journal(o);
	if (!ret)
		ret = -pthread_create(&o->thread, NULL, sync_files, o);
	o->started = !ret;
	if (ret) {
		pk_err("journal %s: %s; check the folder and its owner",
		       conf->dir, strerror(-ret));
		pk_outbox_free(o);
		return ret;
	}
	*out = o;
	return 0;
}

void pk_outbox_free(struct pk_outbox *o)
{
	if (!o)
		return;
	if (o->started) {
		pk_outbox_commit(o);
		hand_over(o);
		stop_thread(o);
	}
	pk_journal_close(o->journal);
	if (o->dir_fd >= 0)
		close(o->dir_fd);
	pthread_cond_destroy(&o->wake);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
