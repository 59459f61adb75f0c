/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/checkpoint/checkpoint.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/daemon/background.h"

enum job { IDLE, TO_WRITE, WRITTEN };

struct pk_checkpoint {
	struct pk_checkpoint_conf conf;
	struct pk_checkpoint_view view;
	int dir_fd;
	int failing; /* the latest was not written, which was said */
	uint64_t serial;
	uint32_t loaded; /* a bit for each part that was taken whole */
	/* The pass under way. */
	int passing;
	uint32_t part;
	uint64_t at;   /* of the part; 0: it begins */
	size_t header; /* of the part */
	uint64_t begun_ns;
	uint64_t changes;	/* when it began */
	uint64_t saved_changes; /* when that began which is on disk */
	/* Between the threads: who has the buffer. */
	struct pk_writer buffer;
	pthread_t thread;
	int started;
	int ending;
	enum job job;
	int result; /* of what is WRITTEN */
	pthread_mutex_t lock;
	pthread_cond_t wake;
};

#define SAY(c, ...) pk_say((c)->conf.say, (c)->conf.say_arg, __VA_ARGS__)

/* --- the thread that writes --------------------------------------------------- */

static int wait_for_job(struct pk_checkpoint *c)
{
	int ending;

	pthread_mutex_lock(&c->lock);
	while (c->job != TO_WRITE && !c->ending)
		pthread_cond_wait(&c->wake, &c->lock);
	ending = c->job != TO_WRITE;
	pthread_mutex_unlock(&c->lock);
	return !ending;
}

static int write_one(struct pk_checkpoint *c)
{
	int err = pk_slot_end(&c->buffer, c->serial, c->begun_ns);

	return err ? err
		   : pk_slot_write(c->dir_fd, c->serial % PK_CHECKPOINT_SLOTS,
				   c->buffer.bytes, c->buffer.used);
}

static void *write_slots(void *arg)
{
	struct pk_checkpoint *c = arg;

	pk_background();
	while (wait_for_job(c)) {
		int err = write_one(c);

		pthread_mutex_lock(&c->lock);
		c->result = err;
		c->job = WRITTEN;
		pthread_cond_broadcast(&c->wake);
		pthread_mutex_unlock(&c->lock);
	}
	return NULL;
}

/* --- a pass ------------------------------------------------------------------- */

static void tell_failure(struct pk_checkpoint *c, int err)
{
	if (err && !c->failing)
		SAY(c,
		    "checkpoint %s: cannot write: %s; until one is written, a "
		    "restart knows what the one before and the journal say",
		    c->conf.dir, strerror(-err));
	if (!err && c->failing)
		SAY(c, "checkpoint %s: writes again", c->conf.dir);
	c->failing = err != 0;
}

/* A pass has ended, well or not. */
static void end_pass(struct pk_checkpoint *c, int err)
{
	struct pk_checkpoint_counters *n = &c->view.counters;

	c->passing = 0;
	n->under_way = 0;
	if (err) {
		n->failed++;
		/* so that the sound one is not written over next */
		c->serial--;
	} else {
		n->written++;
		n->bytes = c->buffer.used;
		c->view.written_ns = c->begun_ns;
		c->saved_changes = c->changes;
	}
	tell_failure(c, err);
}

/* What it has is of earlier. */
static void give_up_pass(struct pk_checkpoint *c)
{
	c->passing = 0;
	c->serial--;
	c->view.counters.begun--;
	c->view.counters.under_way = 0;
}

static void begin_pass(struct pk_checkpoint *c, uint64_t now_ns)
{
	c->passing = 1;
	c->part = 0;
	c->at = 0;
	c->begun_ns = now_ns;
	c->changes = c->conf.changes(c->conf.arg);
	c->serial++;
	c->view.counters.begun++;
	c->view.counters.under_way = 1;
	pk_slot_begin(&c->buffer);
}

/* 1: there is more; 0: all is put; -errno. */
static int take_slice(struct pk_checkpoint *c)
{
	const struct pk_checkpoint_part *p = &c->conf.parts[c->part];
	int ret;

	if (c->part == c->conf.count)
		return c->buffer.err;
	if (!c->at)
		c->header = pk_slot_part_begin(&c->buffer, p->name, p->version);
	ret = p->save(p->arg, &c->buffer, &c->at);
	if (ret < 0 || c->buffer.err)
		return ret < 0 ? ret : c->buffer.err;
	if (c->buffer.used > PK_CHECKPOINT_BYTES_MAX)
		return -EFBIG;
	if (ret == 0) {
		pk_slot_part_end(&c->buffer, c->header);
		c->part++;
		c->at = 0;
	}
	return 1;
}

static void hand_over(struct pk_checkpoint *c)
{
	pthread_mutex_lock(&c->lock);
	c->job = TO_WRITE;
	pthread_cond_broadcast(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

/* Is the buffer with the thread? Takes back what it has written. */
static int is_writing(struct pk_checkpoint *c)
{
	enum job job;
	int result;

	pthread_mutex_lock(&c->lock);
	job = c->job;
	result = c->result;
	if (job == WRITTEN)
		c->job = IDLE;
	pthread_mutex_unlock(&c->lock);
	if (job == WRITTEN)
		end_pass(c, result);
	return job == TO_WRITE;
}

static int is_time(const struct pk_checkpoint *c, uint64_t now_ns)
{
	uint64_t bytes = c->view.counters.bytes, every;

	every = bytes * 1000 / PK_CHECKPOINT_RATE * 1000000;
	if (every < PK_CHECKPOINT_EVERY_NS)
		every = PK_CHECKPOINT_EVERY_NS;
	/* a little early is in time; a clock that was set back, too */
	return now_ns < c->begun_ns || now_ns - c->begun_ns >= every / 10 * 9;
}

static int is_changed(const struct pk_checkpoint *c)
{
	return !c->view.written_ns ||
	       c->conf.changes(c->conf.arg) != c->saved_changes;
}

int pk_checkpoint_turn(struct pk_checkpoint *c, uint64_t now_ns)
{
	int ret;

	if (is_writing(c))
		return 0;
	if (!c->passing && (!is_time(c, now_ns) || !is_changed(c)))
		return 0;
	if (!c->passing)
		begin_pass(c, now_ns);
	ret = take_slice(c);
	if (ret == 1)
		return 1;
	if (ret)
		end_pass(c, ret);
	else
		hand_over(c);
	return 0;
}

static void wait_written(struct pk_checkpoint *c)
{
	pthread_mutex_lock(&c->lock);
	while (c->job == TO_WRITE)
		pthread_cond_wait(&c->wake, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

int pk_checkpoint_flush(struct pk_checkpoint *c, uint64_t now_ns)
{
	int ret;

	wait_written(c);
	is_writing(c);
	if (c->passing)
		give_up_pass(c);
	begin_pass(c, now_ns);
	while ((ret = take_slice(c)) == 1)
		;
	if (ret) {
		end_pass(c, ret);
		return ret;
	}
	hand_over(c);
	wait_written(c);
	ret = c->result;
	is_writing(c);
	return ret;
}

/* --- loading ------------------------------------------------------------------ */

static uint64_t serial_of(const uint8_t *checkpoint)
{
	return le64toh(((const struct pk_slot_head *)(const void *)checkpoint)
			       ->serial);
}

static void refuse_slot(struct pk_checkpoint *c, unsigned n, int err)
{
	const char *why = err == -EBADMSG  ? "it is torn or damaged"
			  : err == -EPROTO ? "it is not a checkpoint of this "
					     "version"
					   : strerror(-err);

	c->view.counters.refused++;
	SAY(c,
	    "checkpoint %s/%u is not loaded: %s; what is missing is taken "
	    "from an older one and from the journal, and windows may begin "
	    "empty",
	    c->conf.dir, n, why);
}

/* The newest sound one, or NULL. */
static uint8_t *read_newest(struct pk_checkpoint *c)
{
	uint8_t *best = NULL, *bytes;

	for (unsigned n = 0; n < PK_CHECKPOINT_SLOTS; n++) {
		int err = pk_slot_read(c->dir_fd, n, &bytes);

		if (err && err != -ENOENT)
			refuse_slot(c, n, err);
		if (err)
			continue;
		if (best && serial_of(best) >= serial_of(bytes)) {
			free(bytes);
			continue;
		}
		free(best);
		best = bytes;
	}
	return best;
}

static const struct pk_slot_part *find_part(const uint8_t *checkpoint,
					    const char *name)
{
	const struct pk_slot_part *p = NULL;

	while ((p = pk_slot_next(checkpoint, p)))
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

static void load_part(struct pk_checkpoint *c, const uint8_t *checkpoint,
		      uint32_t number)
{
	const struct pk_checkpoint_part *part = &c->conf.parts[number];
	const struct pk_slot_part *p = find_part(checkpoint, part->name);
	struct pk_reader r = { 0 };
	int err;

	if (!p)
		return;
	r.bytes = (const uint8_t *)(p + 1);
	r.left = (size_t)le64toh(p->bytes);
	err = part->load(part->arg, &r, le32toh(p->version));
	if (!err)
		err = r.err;
	if (!err) {
		c->view.counters.loaded_parts++;
		c->loaded |= 1U << number;
		return;
	}
	c->view.counters.refused_parts++;
	SAY(c,
	    "checkpoint %s: the part %s is not loaded, or not whole: %s; what "
	    "is missing begins anew, or is taken from the journal",
	    c->conf.dir, part->name,
	    err == -EPROTO ? "it is of another version" : strerror(-err));
}

int pk_checkpoint_load(struct pk_checkpoint *c)
{
	uint8_t *newest = read_newest(c);
	const struct pk_slot_head *h = (const void *)newest;

	if (!newest)
		return -ENOENT;
	c->serial = le64toh(h->serial);
	c->view.loaded_ns = le64toh(h->time_ns);
	for (uint32_t i = 0; i < c->conf.count; i++)
		load_part(c, newest, i);
	free(newest);
	return 0;
}

int pk_checkpoint_has(const struct pk_checkpoint *c, const char *part)
{
	for (uint32_t i = 0; i < c->conf.count; i++)
		if (!strcmp(c->conf.parts[i].name, part))
			return c->loaded >> i & 1;
	return 0;
}

/* --- life --------------------------------------------------------------------- */

static int open_dir(struct pk_checkpoint *c)
{
	if (mkdir(c->conf.dir, 0700) && errno != EEXIST)
		return -errno;
	c->dir_fd = open(c->conf.dir,
			 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return c->dir_fd < 0 ? -errno : 0;
}

int pk_checkpoint_new(struct pk_checkpoint **out,
		      const struct pk_checkpoint_conf *conf)
{
	struct pk_checkpoint *c;
	int err;

	if (!conf->dir || !conf->changes || conf->count > PK_CHECKPOINT_PARTS)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->conf = *conf;
	c->dir_fd = -1;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	err = open_dir(c);
	if (!err)
		err = -pthread_create(&c->thread, NULL, write_slots, c);
	c->started = !err;
	if (err) {
		SAY(c, "checkpoint %s: %s; check the folder and its owner",
		    conf->dir, strerror(-err));
		pk_checkpoint_free(c);
		return err;
	}
	*out = c;
	return 0;
}

void pk_checkpoint_free(struct pk_checkpoint *c)
{
	if (!c)
		return;
	if (c->started) {
		wait_written(c);
		pthread_mutex_lock(&c->lock);
		c->ending = 1;
		pthread_cond_broadcast(&c->wake);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);
	}
	if (c->dir_fd >= 0)
		close(c->dir_fd);
	pk_writer_fini(&c->buffer);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void pk_checkpoint_view(struct pk_checkpoint *c, struct pk_checkpoint_view *out)
{
	*out = c->view;
	out->current = !is_changed(c);
}
