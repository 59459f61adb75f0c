/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/bus/sender_inside.h"
#include "control/log.h"

enum {
	RETRY_MS = 20, /* somebody has no room */
	IDLE_MS = 1000,
};

/* ---- the thread ---- */

static void tell(struct pk_sender *s)
{
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < s->lanes; i++) {
		s->view[i].count = s->lane[i].count;
		s->view[i].at = s->lane[i].now.at;
		s->view[i].number = s->lane[i].now.number;
	}
	pthread_mutex_unlock(&s->lock);
}

/* How long there is nothing to do, in ms. */
static int step_all(struct pk_sender *s)
{
	int wait = IDLE_MS;

	for (uint32_t i = 0; i < s->lanes; i++) {
		int ret = pk_sender_step(s, &s->lane[i]);

		pk_sender_keep(s, &s->lane[i], ret <= 0);
		if (ret > 0)
			wait = 0;
		else if (ret < 0 && wait)
			wait = RETRY_MS;
	}
	return wait;
}

static void try_samples(struct pk_sender *s)
{
	struct pk_sender_sample *t, *next;

	pthread_mutex_lock(&s->lock);
	t = s->sample;
	s->sample = NULL;
	s->samples = 0;
	pthread_mutex_unlock(&s->lock);
	for (; t; t = next) {
		next = t->next;
		pk_sender_try(s, t);
		free(t);
	}
}

static int is_ending(struct pk_sender *s)
{
	int ending;

	pthread_mutex_lock(&s->lock);
	ending = s->ending;
	pthread_mutex_unlock(&s->lock);
	return ending;
}

static void *run(void *arg)
{
	struct pk_sender *s = arg;
	struct pollfd p = { s->wake, POLLIN, 0 };
	eventfd_t kicks;
	int wait, ending;

	do {
		ending = is_ending(s);
		wait = step_all(s);
		try_samples(s);
		tell(s);
		if (wait && !ending && poll(&p, 1, wait) > 0)
			eventfd_read(s->wake, &kicks);
	} while (!ending || !wait); /* at the end, what there is and has room */
	return NULL;
}

void pk_sender_kick(struct pk_sender *s)
{
	eventfd_write(s->wake, 1);
}

int pk_sender_test(struct pk_sender *s, uint32_t i, const char *kind,
		   const char *json, size_t len)
{
	struct pk_sender_sample *t, **end = &s->sample;

	if (i >= s->lanes)
		return -ENOENT;
	t = calloc(1, sizeof(*t) + len);
	if (!t)
		return -ENOMEM;
	t->lane = i;
	t->len = len;
	snprintf(t->kind, sizeof(t->kind), "%s", kind);
	memcpy(t->json, json, len);
	pthread_mutex_lock(&s->lock);
	if (s->samples < PK_SENDER_TESTS) {
		while (*end)
			end = &(*end)->next;
		*end = t;
		s->samples++;
		t = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	pk_sender_kick(s);
	if (!t)
		return 0;
	free(t);
	return -EAGAIN;
}

/* ---- life ---- */

static int open_dirs(struct pk_sender *s, const struct pk_sender_conf *conf)
{
	const int how = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

	if (mkdir(conf->state_dir, 0700) && errno != EEXIST)
		return -errno;
	s->state_fd = open(conf->state_dir, how | O_NOFOLLOW);
	if (s->state_fd < 0)
		return -errno;
	s->journal_fd = open(conf->journal_dir, how);
	return s->journal_fd < 0 ? -errno : 0;
}

static int open_all(struct pk_sender *s, const struct pk_sender_conf *conf)
{
	int err = open_dirs(s, conf);

	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!err && s->wake < 0)
		err = -errno;
	for (uint32_t i = 0; !err && i < conf->outputs; i++) {
		s->lane[i].conf = conf->output[i];
		s->view[i].name = conf->output[i].name;
		s->lanes++;
		err = pk_sender_open(s, &s->lane[i]);
		if (!err)
			err = pk_sender_begin(s, &s->lane[i]);
	}
	if (!err)
		err = -pthread_create(&s->thread, NULL, run, s);
	s->started = !err;
	return err;
}

int pk_sender_new(struct pk_sender **out, const struct pk_sender_conf *conf)
{
	struct pk_sender *s;
	int err;

	if (!conf->outputs || conf->outputs > PK_SENDER_MAX)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->journal_fd = s->state_fd = s->wake = -1;
	pthread_mutex_init(&s->lock, NULL);
	s->sensor_hash = pk_bus_sensor(conf->sensor);
	s->mark = conf->mark;
	s->gate = conf->gate;
	s->settle_ms = conf->settle_ms ? conf->settle_ms : PK_SENDER_SETTLE_MS;
	err = open_all(s, conf);
	if (err) {
		pk_err("the outputs cannot start: %s", strerror(-err));
		pk_sender_free(s);
		return err;
	}
	*out = s;
	return 0;
}

void pk_sender_free(struct pk_sender *s)
{
	if (!s)
		return;
	if (s->started) {
		pthread_mutex_lock(&s->lock);
		s->ending = 1;
		pthread_mutex_unlock(&s->lock);
		pk_sender_kick(s);
		pthread_join(s->thread, NULL);
	}
	for (uint32_t i = 0; i < s->lanes; i++)
		pk_sender_close(s, &s->lane[i]);
	while (s->sample) {
		struct pk_sender_sample *t = s->sample;

		s->sample = t->next;
		free(t);
	}
	if (s->journal_fd >= 0)
		close(s->journal_fd);
	if (s->state_fd >= 0)
		close(s->state_fd);
	if (s->wake >= 0)
		close(s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int pk_sender_view(struct pk_sender *s, uint32_t i, struct pk_sender_view *out)
{
	if (i >= s->lanes)
		return -ENOENT;
	pthread_mutex_lock(&s->lock);
	*out = s->view[i];
	pthread_mutex_unlock(&s->lock);
	return 0;
}
