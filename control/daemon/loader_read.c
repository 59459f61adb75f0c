/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/daemon/background.h"
#include "control/daemon/loader_inside.h"

enum { CHUNK = 1 << 20 };

struct reading {
	struct pk_load *load;
	int full; /* -ENOSPC or -ENOMEM of the store */
	int reserved;
};

static int on_accept(void *arg, const struct pk_indicator *ind)
{
	struct reading *r = arg;
	struct pk_load *l = r->load;
	enum pk_refused no =
		pk_guard_check(l->guard.guard, ind, l->job.force, NULL);
	int err;

	if (no != PK_REFUSED_NONE)
		return (int)no;
	err = pk_store_add(l->fresh, ind, NULL);
	if (err && err != -EEXIST)
		r->full = err;
	return err;
}

static void remember(struct pk_load_memory *m, const struct pk_refusal *refusal)
{
	struct pk_rejected *to = &m->reject[m->rejects++];
	size_t n = refusal->text_len;

	to->line = refusal->line;
	to->column = refusal->column;
	to->reason = refusal->reason;
	n = n < sizeof(to->text) ? n : sizeof(to->text) - 1;
	memcpy(to->text, refusal->text, n);
	to->text[n] = '\0';
	snprintf(to->field, sizeof(to->field), "%s",
		 refusal->field ? refusal->field : "");
}

static void on_refuse(void *arg, const struct pk_refusal *refusal)
{
	struct reading *r = arg;
	struct pk_load *l = r->load;
	struct pk_load_result *result = &l->result;

	if (result->samples < PK_LOADER_SAMPLES)
		pk_refusal_print(refusal, l->name,
				 result->sample[result->samples++], PK_SAY_MAX);
	if (l->memory->rejects < PK_LOADER_REJECTED)
		remember(l->memory, refusal);
}

/* Growing step by step would move every value some eight times. */
static void reserve(struct reading *r, const struct pk_feed *feed)
{
	uint32_t n = pk_feed_estimate(feed, r->load->job.len);

	if (!n || r->reserved)
		return;
	r->reserved = 1;
	pk_store_reserve(r->load->fresh, n, 0); /* a hint: may fail */
}

static int push_all(struct reading *r, struct pk_feed *feed)
{
	struct pk_load *l = r->load;
	const char *bytes = l->job.bytes;

	for (size_t at = 0; at < l->job.len;) {
		size_t n = l->job.len - at < CHUNK ? l->job.len - at : CHUNK;

		if (__atomic_load_n(&l->cancel, __ATOMIC_RELAXED))
			return -ECANCELED;
		pk_feed_push(feed, bytes + at, n);
		if (r->full)
			return r->full;
		reserve(r, feed);
		if (l->spend)
			l->spend(bytes, at, n);
		at += n;
		__atomic_store_n(&l->read, at, __ATOMIC_RELAXED);
	}
	pk_feed_finish(feed);
	return r->full;
}

static int parse(struct pk_load *l)
{
	struct reading r = { .load = l };
	const struct pk_feed_sink sink = { .accept = on_accept,
					   .refuse = on_refuse,
					   .arg = &r };
	struct pk_feed *feed;
	const char *broken;
	int err = pk_guards_run_begin(l->guards, &l->guard);

	if (!err)
		err = pk_feed_open(&feed, &l->job.options, 0, &sink);
	if (err)
		return err;
	err = push_all(&r, feed);
	l->result.stats = *pk_feed_stats(feed);
	l->result.format = pk_feed_format_word(pk_feed_format_of(feed));
	broken = pk_feed_broken(feed);
	if (*broken)
		snprintf(l->why, sizeof(l->why), "%s", broken);
	pk_feed_close(feed);
	if (!err && *l->why)
		err = -EBADMSG;
	return err ? err : pk_guards_run_ready(&l->guard);
}

struct ending {
	struct pk_load *load;
	int fd;
};

static void *run(void *arg)
{
	struct ending e = *(struct ending *)arg;
	uint64_t one = 1;

	free(arg);
	pk_background();
	if (e.load->disk)
		e.load->err = pk_disk_load_at(e.load->disk, e.load->job.commit,
					      &e.load->fresh);
	else
		e.load->err = parse(e.load);
	while (write(e.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

static int prepare(struct pk_loader *l)
{
	struct pk_load *load = l->load;
	uint64_t seed = pk_store_seed(pk_indicators_store(l->conf.indicators));
	int err = pk_guards_run(l->conf.guards, &load->guard);

	load->guards = l->conf.guards;
	load->spend = l->conf.spend;
	if (!err)
		err = pk_store_new(&load->fresh, seed);
	if (!err)
		err = pk_store_feed(load->fresh, load->feed);
	load->memory =
		err < 0 ? NULL
			: calloc(1, sizeof(*load->memory) +
					    PK_LOADER_REJECTED *
						    sizeof(struct pk_rejected));
	if (err >= 0 && !load->memory)
		err = -ENOMEM;
	return err < 0 ? err : 0;
}

static int start(struct pk_loader *l)
{
	struct pk_load *load = l->load;
	struct ending *e = malloc(sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	*e = (struct ending){ load, l->fd };
	load->phase = PK_LOAD_READING;
	err = pthread_create(&load->thread, NULL, run, e);
	if (err)
		free(e);
	else
		load->reading = 1;
	return -err;
}

int pk_load_read(struct pk_loader *l)
{
	int err = prepare(l);

	return err ? err : start(l);
}

int pk_load_read_commit(struct pk_loader *l)
{
	int err = pk_indicators_reader(l->conf.indicators, &l->load->disk);

	return err ? err : start(l);
}

/* What was refused is remembered with the feed, as small as it is. */
static void keep_memory(struct pk_load *load)
{
	struct pk_load_memory *m = load->memory, *small;

	m->stats = load->result.stats;
	memcpy(m->name, load->name, sizeof(m->name));
	small = realloc(m, sizeof(*m) + m->rejects * sizeof(m->reject[0]));
	load->memory = small ? small : m;
}

void pk_load_read_end(struct pk_loader *l)
{
	struct pk_load *load = l->load;

	if (!load->reading)
		return;
	__atomic_store_n(&load->cancel, 1, __ATOMIC_RELAXED);
	/* a thread in the background may take long for its last step */
	if (load->ended)
		pthread_detach(load->thread);
	else
		pthread_join(load->thread, NULL);
	load->reading = 0;
	if (load->memory)
		keep_memory(load);
}
