/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/dpdk/gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow.h"

enum { TURN = 2048 }; /* entries of one ring in one turn */

#define ENDED UINT64_MAX /* a tick that never comes */

/* A ring, and the entry that was taken out too early. */
struct source {
	struct pk_ring *ring;
	uint32_t held; /* its length; 0: none */
	union {
		struct pk_event head;
		struct pk_hit_event hit;
		struct pk_flow_event flow;
		struct pk_sample_event sample;
		struct pk_mark_event mark;
		uint8_t bytes[PK_RING_ENTRY_MAX];
	} entry;
};

struct member {
	uint64_t tick; /* all lines of earlier ticks have been read */
	struct source alerts;
	struct source events;
};

struct pk_gather {
	struct pk_stage *stage;
	int replay;
	int error;
	unsigned count;
	uint64_t open; /* the tick to be closed next */
	struct member member[PK_WORKERS_MAX];
};

int pk_gather_new(struct pk_gather **out, struct pk_stage *stage, int replay)
{
	struct pk_gather *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->stage = stage;
	g->replay = replay;
	*out = g;
	return 0;
}

void pk_gather_free(struct pk_gather *g)
{
	free(g);
}

void pk_gather_add(struct pk_gather *g, struct pk_ring *alerts,
		   struct pk_ring *events)
{
	struct member *m = &g->member[g->count++];

	m->alerts.ring = alerts;
	m->events.ring = events;
}

static uint64_t tick_of_mark(const struct pk_mark_event *mark)
{
	return mark->time_ns == UINT64_MAX ? ENDED : pk_tick(mark->time_ns);
}

/* The tick of an entry; what has none is of the tick that is open. */
static uint64_t tick_of(const struct source *s)
{
	switch (s->entry.head.type) {
	case PK_EVENT_HIT:
		return pk_tick(s->entry.hit.time_ns);
	case PK_EVENT_FLOW:
		return s->entry.flow.line.tick;
	case PK_EVENT_SAMPLE:
		return pk_tick(s->entry.sample.time_ns);
	}
	return 0;
}

/* Have an entry in @s->entry: the held one or the next. 0 when there is none. */
static int fetch(struct pk_gather *g, struct source *s)
{
	int len;

	if (s->held)
		return 1;
	len = pk_ring_pop(s->ring, &s->entry, sizeof(s->entry));
	if (len < 0)
		g->error = len;
	if (len < (int)sizeof(struct pk_event))
		return 0;
	s->held = (uint32_t)len;
	return 1;
}

static void pass_on(struct pk_gather *g, struct source *s)
{
	pk_stage_event(g->stage, &s->entry, s->held, 0);
	s->held = 0;
}

/* May the held entry go to the stage while @tick is the latest to go? */
static int is_due(const struct pk_gather *g, const struct source *s,
		  uint64_t tick)
{
	return !g->replay || tick_of(s) <= tick;
}

/* Alerts up to @tick; @most bounds the ring that is filled while we read. */
static uint32_t move_alerts(struct pk_gather *g, struct member *m,
			    uint64_t tick, uint32_t most)
{
	uint32_t n = 0;

	while (n < most && fetch(g, &m->alerts) &&
	       is_due(g, &m->alerts, tick)) {
		pass_on(g, &m->alerts);
		n++;
	}
	return n;
}

static uint32_t move_events(struct pk_gather *g, struct member *m)
{
	uint32_t n = 0;

	for (; n < TURN && fetch(g, &m->events); n++) {
		if (m->events.entry.head.type == PK_EVENT_MARK) {
			m->tick = tick_of_mark(&m->events.entry.mark);
			m->events.held = 0;
			continue;
		}
		if (!is_due(g, &m->events, g->open)) {
			/* Its tick began, so the earlier ones are over. */
			if (tick_of(&m->events) > m->tick)
				m->tick = tick_of(&m->events);
			break;
		}
		pass_on(g, &m->events);
	}
	return n;
}

static uint64_t slowest(const struct pk_gather *g)
{
	uint64_t tick = ENDED;

	for (unsigned i = 0; i < g->count; i++)
		if (g->member[i].tick < tick)
			tick = g->member[i].tick;
	return tick;
}

/* What is in the ring now is at most so many entries. */
static uint32_t bound(const struct source *s)
{
	return pk_ring_used(s->ring) / sizeof(struct pk_event) + 1;
}

static void close_ticks(struct pk_gather *g)
{
	uint64_t tick = slowest(g);

	if (tick <= g->open)
		return;
	for (unsigned i = 0; i < g->count; i++)
		move_alerts(g, &g->member[i], tick - 1,
			    bound(&g->member[i].alerts));
	g->open = tick;
	if (tick != ENDED)
		pk_stage_close(g->stage, (uint32_t)tick, 0);
}

uint32_t pk_gather_turn(struct pk_gather *g)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < g->count; i++) {
		n += move_alerts(g, &g->member[i], g->open, TURN);
		n += move_events(g, &g->member[i]);
	}
	close_ticks(g);
	return n;
}

int pk_gather_ended(const struct pk_gather *g)
{
	return g->open == ENDED;
}

int pk_gather_error(const struct pk_gather *g)
{
	return g->error;
}
