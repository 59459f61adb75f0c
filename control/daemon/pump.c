/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

enum { RETRY_NS = 1000000 };

struct source {
	struct pk_pump *pump;
	struct pk_ring *ring; /* NULL: a free place */
	struct event *readable;
	uint8_t fenced; /* told */
};

struct pk_pump {
	struct pk_pump_conf conf;
	struct pk_merge *merge;
	struct event *due;
	uint64_t now_ns; /* when the latest turn began */
	struct source source[PK_MERGE_SOURCES];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* 1 when there may be more that is due. */
static int take_some(struct pk_pump *p, uint64_t now)
{
	const struct pk_record *r;

	int n = 0;

	while (n < PK_PUMP_TURN && pk_merge_next(p->merge, now, &r)) {
		p->conf.take(p->conf.arg, r);
		n++;
	}
	if (n && p->conf.taken)
		p->conf.taken(p->conf.arg);
	return n == PK_PUMP_TURN;
}

static void wait_for(struct pk_pump *p, uint64_t wait_ns)
{
	struct timeval t = { (time_t)(wait_ns / 1000000000),
			     (suseconds_t)(wait_ns % 1000000000 / 1000) };

	event_add(p->due, &t);
}

/*
 * Announce sleep on every ring. 1 when one of them has something that no timer
 * will remind us of.
 */
static int sleep_all(struct pk_pump *p, uint64_t due)
{
	int more = 0;

	for (int i = 0; i < PK_MERGE_SOURCES; i++) {
		struct source *s = &p->source[i];

		if (!s->ring || pk_merge_source(p->merge, i)->fenced)
			continue;
		if (pk_ring_sleep(s->ring) <= 0 && due == UINT64_MAX)
			more = 1;
	}
	return more;
}

static void tell_fenced(struct pk_pump *p)
{
	for (int i = 0; i < PK_MERGE_SOURCES; i++) {
		struct source *s = &p->source[i];

		if (!s->ring || s->fenced ||
		    !pk_merge_source(p->merge, i)->fenced)
			continue;
		s->fenced = 1;
		p->conf.fenced(p->conf.arg, i);
	}
}

void pk_pump_turn(struct pk_pump *p)
{
	uint64_t now = now_ns(), due;

	p->now_ns = now;
	if (take_some(p, now)) {
		wait_for(p, 0);
	} else {
		due = pk_merge_due_ns(p->merge);
		/* not at once: a plane may claim a time that never comes */
		if (sleep_all(p, due))
			wait_for(p, RETRY_NS);
		else if (due != UINT64_MAX)
			wait_for(p, due > now ? due - now : 0);
	}
	tell_fenced(p);
}

uint64_t pk_pump_now_ns(const struct pk_pump *p)
{
	return p->now_ns;
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pk_pump_turn(arg);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct source *s = arg;

	(void)fd;
	(void)what;
	pk_ring_awake(s->ring);
	pk_pump_turn(s->pump);
}

int pk_pump_new(struct pk_pump **out, const struct pk_pump_conf *conf)
{
	struct pk_pump *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->conf = *conf;
	p->due = evtimer_new(conf->base, on_due, p);
	if (!p->due || pk_merge_new(&p->merge, PK_MERGE_LIVE)) {
		pk_pump_free(p);
		return -ENOMEM;
	}
	pk_merge_measure(p->merge, conf->latency);
	*out = p;
	return 0;
}

void pk_pump_free(struct pk_pump *p)
{
	if (!p)
		return;
	for (int i = 0; i < PK_MERGE_SOURCES; i++)
		if (p->source[i].readable)
			event_free(p->source[i].readable);
	if (p->due)
		event_free(p->due);
	pk_merge_free(p->merge);
	free(p);
}

int pk_pump_add(struct pk_pump *p, struct pk_ring *ring)
{
	int n = pk_merge_add(p->merge, ring);
	struct source *s;

	if (n < 0)
		return n;
	s = &p->source[n];
	*s = (struct source){ .pump = p, .ring = ring };
	s->readable = event_new(p->conf.base, pk_ring_eventfd(ring),
				EV_READ | EV_PERSIST, on_readable, s);
	if (!s->readable || event_add(s->readable, NULL)) {
		pk_pump_del(p, n, NULL);
		return -ENOMEM;
	}
	wait_for(p, 0); /* and announce sleep on it */
	return n;
}

void pk_pump_count(const struct pk_pump *p, int source,
		   struct pk_merge_counters *sums)
{
	const struct pk_merge_source *s = pk_merge_source(p->merge, source);
	const uint64_t *from = (const uint64_t *)&s->counters;
	uint64_t *to = (uint64_t *)sums;

	for (size_t i = 0; s && i < sizeof(*sums) / sizeof(*to); i++)
		to[i] += from[i];
}

void pk_pump_del(struct pk_pump *p, int source, struct pk_merge_counters *sums)
{
	struct source *s = &p->source[source];

	p->now_ns = now_ns();
	/* what is held back is released now: nobody will be in front of it */
	while (take_some(p, PK_MERGE_END_OF_TIME))
		;
	if (sums)
		pk_pump_count(p, source, sums);
	pk_merge_del(p->merge, source);
	if (s->readable)
		event_free(s->readable);
	memset(s, 0, sizeof(*s));
}

const struct pk_merge *pk_pump_merge(const struct pk_pump *p)
{
	return p->merge;
}
