/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

enum { NAME_BYTES = 128, FORMAT_BYTES = 32 };

struct load {
	struct pk_loader_conf conf;
	char feed_name[PK_INDICATORS_FEED];
	char name[NAME_BYTES];
	char format[FORMAT_BYTES];
	struct pk_feed *feed;
	struct event *turn;
	size_t at;
	struct pk_loader_result result;
};

static void free_load(struct load *l)
{
	pk_feed_close(l->feed);
	if (l->turn)
		event_free(l->turn);
	free(l);
}

static int on_accept(void *arg, const struct pk_indicator *ind)
{
	struct load *l = arg;

	return pk_indicators_add(l->conf.indicators, ind, NULL);
}

static void on_refuse(void *arg, const struct pk_refusal *refusal)
{
	struct load *l = arg;

	if (l->result.samples == PK_LOADER_SAMPLES)
		return;
	pk_refusal_print(refusal, l->name,
			 l->result.sample[l->result.samples++], PK_SAY_MAX);
}

static void on_published(void *arg, int status, const char *why,
			 uint64_t generation)
{
	struct load *l = arg;

	l->result.generation = generation;
	l->result.stats = pk_feed_stats(l->feed);
	l->conf.fn(l->conf.arg, status, why, &l->result);
	free_load(l);
}

static void turn_soon(struct load *l)
{
	const struct timeval now = { 0, 0 };

	event_add(l->turn, &now);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct load *l = arg;
	size_t n = l->conf.len - l->at;

	(void)fd;
	(void)what;
	if (n > PK_LOADER_SLICE)
		n = PK_LOADER_SLICE;
	pk_feed_push(l->feed, (const char *)l->conf.bytes + l->at, n);
	l->at += n;
	if (l->at < l->conf.len) {
		turn_soon(l);
		return;
	}
	pk_feed_finish(l->feed);
	pk_indicators_release(l->conf.indicators);
	if (pk_indicators_publish(l->conf.indicators, 1, on_published, l))
		on_published(l, -ENOMEM, "out of memory", 0);
}

static void on_free(void *arg)
{
	struct load *l = arg;

	pk_indicators_hold(l->conf.indicators);
	turn_soon(l);
}

static int open_feed(struct load *l)
{
	const struct pk_feed_sink sink = { on_accept, on_refuse, l };
	int n = pk_indicators_feed(l->conf.indicators, l->feed_name);

	if (n < 0)
		return n;
	return pk_feed_open(&l->feed, l->format, (uint16_t)n, &sink);
}

int pk_loader_start(const struct pk_loader_conf *conf)
{
	struct load *l;
	int err;

	if (strlen(conf->feed) >= PK_INDICATORS_FEED ||
	    strlen(conf->format) >= FORMAT_BYTES)
		return -EINVAL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->conf = *conf;
	snprintf(l->feed_name, sizeof(l->feed_name), "%s", conf->feed);
	snprintf(l->format, sizeof(l->format), "%s", conf->format);
	snprintf(l->name, sizeof(l->name), "%s", conf->name);
	l->result.feed = l->feed_name;
	l->result.format = l->format;
	l->turn = evtimer_new(conf->base, on_turn, l);
	err = l->turn ? open_feed(l) : -ENOMEM;
	if (!err)
		err = pk_indicators_when_free(conf->indicators, on_free, l);
	if (err)
		free_load(l);
	return err;
}
