/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/metrics/latency.h"

enum { READ_BURST = 256, WAITING_FIRST = 1024 };

/* The order of two records, and the copy that waits. */
struct waiting {
	uint64_t seen_ns;
	uint64_t read_ns; /* the turn that took it out of its ring */
	uint64_t frame;
	uint64_t seq;
	uint16_t rank; /* FLOW 0, HIT 1 + role */
	uint16_t source;
	struct pk_record *record;
};

struct source {
	struct pk_merge_source shown;
	struct pk_ring *ring;
	uint64_t mark_ns; /* nothing earlier will follow */
	uint64_t seq;	  /* of the latest record */
};

struct pk_merge {
	enum pk_merge_mode mode;
	struct pk_latency *latency; /* or NULL */
	struct source source[PK_MERGE_SOURCES];
	int sources;		       /* those in use are below */
	struct pk_merge_counters gone; /* of deleted sources */
	struct waiting *heap;
	uint32_t count;
	uint32_t room;
	uint64_t released_ns;
	struct pk_record *out; /* what the caller holds */
	_Alignas(8) uint8_t entry[PK_RECORD_MAX];
};

int pk_merge_new(struct pk_merge **out, enum pk_merge_mode mode)
{
	struct pk_merge *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->mode = mode;
	m->room = WAITING_FIRST;
	m->heap = calloc(m->room, sizeof(*m->heap));
	if (!m->heap) {
		pk_merge_free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

void pk_merge_free(struct pk_merge *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->count; i++)
		free(m->heap[i].record);
	free(m->heap);
	free(m->out);
	free(m);
}

void pk_merge_measure(struct pk_merge *m, struct pk_latency *l)
{
	m->latency = l;
}

int pk_merge_add(struct pk_merge *m, struct pk_ring *ring)
{
	for (int i = 0; i < PK_MERGE_SOURCES; i++) {
		struct source *s = &m->source[i];

		if (s->ring)
			continue;
		memset(s, 0, sizeof(*s));
		s->ring = ring;
		if (i >= m->sources)
			m->sources = i + 1;
		return i;
	}
	return -ENOSPC;
}

static void sum(struct pk_merge_counters *to,
		const struct pk_merge_counters *from)
{
#define SUM(name, text) to->name += from->name;
	PK_MERGE_COUNTERS(SUM)
#undef SUM
}

void pk_merge_del(struct pk_merge *m, int source)
{
	struct source *s;

	if (source < 0 || source >= PK_MERGE_SOURCES)
		return;
	s = &m->source[source];
	if (!s->ring)
		return;
	/* What still waits is counted where the deleted are. */
	for (uint32_t i = 0; i < m->count; i++)
		if (m->heap[i].source == source)
			m->heap[i].source = PK_MERGE_SOURCES;
	sum(&m->gone, &s->shown.counters);
	memset(s, 0, sizeof(*s));
}

static int before(const struct waiting *a, const struct waiting *b)
{
	if (a->seen_ns != b->seen_ns)
		return a->seen_ns < b->seen_ns;
	if (!a->rank != !b->rank)
		return !a->rank;
	if (a->frame != b->frame)
		return a->frame < b->frame;
	if (a->rank != b->rank)
		return a->rank < b->rank;
	if (a->source != b->source)
		return a->source < b->source;
	return a->seq < b->seq;
}

static int grow(struct pk_merge *m)
{
	uint32_t room = m->room * 2;
	struct waiting *heap;

	heap = realloc(m->heap, room * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	m->heap = heap;
	m->room = room;
	return 0;
}

static int push(struct pk_merge *m, const struct waiting *w)
{
	uint32_t at = m->count;

	if (at == m->room && grow(m))
		return -ENOMEM;
	while (at > 0 && before(w, &m->heap[(at - 1) / 2])) {
		m->heap[at] = m->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	m->heap[at] = *w;
	m->count++;
	return 0;
}

static struct waiting pop(struct pk_merge *m)
{
	struct waiting top = m->heap[0], last = m->heap[--m->count];
	uint32_t at = 0, child;

	while ((child = 2 * at + 1) < m->count) {
		if (child + 1 < m->count &&
		    before(&m->heap[child + 1], &m->heap[child]))
			child++;
		if (!before(&m->heap[child], &last))
			break;
		m->heap[at] = m->heap[child];
		at = child;
	}
	m->heap[at] = last;
	return top;
}

static void count_sequence(struct source *s, const struct pk_record *r)
{
	struct pk_merge_counters *c = &s->shown.counters;

	if (r->epoch != s->shown.epoch) {
		s->shown.epoch = r->epoch;
		s->seq = 0;
	}
	if (r->seq <= s->seq) {
		c->repeats++;
		return;
	}
	c->gaps += r->seq - s->seq - 1;
	s->seq = r->seq;
}

static uint16_t rank(const struct pk_record *r)
{
	if (r->type == PK_RECORD_FLOW)
		return 0;
	return (uint16_t)(1 + ((const struct pk_hit *)r)->role);
}

static enum pk_latency_record record_of(const struct waiting *w)
{
	return w->rank ? PK_LATENCY_HIT : PK_LATENCY_FLOW;
}

static void keep(struct pk_merge *m, struct source *s, uint64_t now_ns)
{
	const struct pk_record *r = (const struct pk_record *)m->entry;
	struct waiting w = {
		.seen_ns = r->seen_ns,
		.read_ns = now_ns,
		.frame = r->frame,
		.seq = r->seq,
		.rank = rank(r),
		.source = (uint16_t)(s - m->source),
	};

	w.record = malloc(r->len);
	if (!w.record)
		goto lost;
	memcpy(w.record, r, r->len);
	if (m->mode == PK_MERGE_LIVE && r->seen_ns > now_ns &&
	    r->seen_ns - now_ns > PK_MERGE_AHEAD_NS) {
		w.seen_ns = now_ns;
		w.record->seen_ns = now_ns;
		s->shown.counters.ahead++;
	}
	if (push(m, &w))
		goto lost;
	if (m->latency && now_ns != PK_MERGE_END_OF_TIME)
		pk_latency_add(m->latency, PK_LATENCY_READ, record_of(&w),
			       w.seen_ns, now_ns);
	s->shown.counters.waiting++;
	return;
lost:
	free(w.record);
	s->shown.counters.no_memory++;
}

static void take(struct pk_merge *m, struct source *s, int len, uint64_t now_ns)
{
	const struct pk_record *r = (const struct pk_record *)m->entry;

	s->shown.counters.read++;
	if (pk_record_check(r, (uint32_t)len)) {
		s->shown.fenced = ++s->shown.counters.bad >= PK_MERGE_BAD_MAX;
		return;
	}
	count_sequence(s, r);
	if (r->type == PK_RECORD_MARK || r->type == PK_RECORD_END) {
		s->shown.counters.marks++;
		s->shown.ended = r->type == PK_RECORD_END;
		if (r->seen_ns > s->mark_ns)
			s->mark_ns = r->seen_ns;
		return;
	}
	keep(m, s, now_ns);
}

static int reads(const struct source *s)
{
	return s->ring && !s->shown.fenced && !s->shown.ended;
}

/* Bursts in turn, so that a busy source cannot starve the others. */
static int fill(struct pk_merge *m, uint64_t now_ns)
{
	int taken = 0;

	for (int i = 0; i < m->sources; i++) {
		struct source *s = &m->source[i];

		for (int n = 0; n < READ_BURST && reads(s); n++) {
			int len;

			if (m->count >= PK_MERGE_WAITING)
				return taken;
			len = pk_ring_pop(s->ring, m->entry, sizeof(m->entry));
			if (len < 0)
				s->shown.fenced = 1;
			if (len <= 0)
				break;
			take(m, s, len, now_ns);
			taken++;
		}
	}
	return taken;
}

/* The time before which no source will bring anything. */
static uint64_t settled_ns(const struct pk_merge *m)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < m->sources; i++) {
		const struct source *s = &m->source[i];

		if (reads(s) && s->mark_ns < least)
			least = s->mark_ns;
	}
	return least;
}

static struct pk_merge_counters *counters_of(struct pk_merge *m, int source)
{
	if (source == PK_MERGE_SOURCES)
		return &m->gone;
	return &m->source[source].shown.counters;
}

/* At the mark itself an earlier-ranked record may still come. */
static int is_settled(const struct pk_merge *m)
{
	uint64_t settled = settled_ns(m);

	return m->count &&
	       (m->heap[0].seen_ns < settled || settled == UINT64_MAX);
}

static int may_release(struct pk_merge *m, uint64_t now_ns)
{
	const struct waiting *top = m->heap;

	if (!m->count)
		return 0;
	if (is_settled(m))
		return 1;
	if (m->mode == PK_MERGE_LIVE)
		return top->seen_ns <= now_ns &&
		       now_ns - top->seen_ns >= PK_MERGE_HOLD_NS;
	return m->count >= PK_MERGE_WAITING;
}

int pk_merge_next(struct pk_merge *m, uint64_t now_ns,
		  const struct pk_record **out)
{
	struct pk_merge_counters *c;
	int settled = is_settled(m);
	struct waiting top;

	free(m->out);
	m->out = NULL;
	while (!settled && fill(m, now_ns) && !may_release(m, now_ns))
		;
	if (!settled && !may_release(m, now_ns))
		return 0;
	settled = is_settled(m);
	top = pop(m);
	if (m->latency && now_ns != PK_MERGE_END_OF_TIME)
		pk_latency_add(m->latency, PK_LATENCY_HELD, record_of(&top),
			       top.read_ns, now_ns);
	c = counters_of(m, top.source);
	c->forced += !settled && m->mode == PK_MERGE_REPLAY;
	c->waiting--;
	c->released++;
	c->late += top.seen_ns < m->released_ns;
	if (top.seen_ns > m->released_ns)
		m->released_ns = top.seen_ns;
	m->out = top.record;
	*out = top.record;
	return 1;
}

uint64_t pk_merge_due_ns(const struct pk_merge *m)
{
	if (m->mode != PK_MERGE_LIVE || !m->count)
		return UINT64_MAX;
	if (m->heap[0].seen_ns > UINT64_MAX - PK_MERGE_HOLD_NS)
		return UINT64_MAX;
	return m->heap[0].seen_ns + PK_MERGE_HOLD_NS;
}

int pk_merge_ended(const struct pk_merge *m)
{
	for (int i = 0; i < m->sources; i++)
		if (reads(&m->source[i]))
			return 0;
	return !m->count;
}

const struct pk_merge_source *pk_merge_source(const struct pk_merge *m,
					      int source)
{
	if (source < 0 || source >= PK_MERGE_SOURCES || !m->source[source].ring)
		return NULL;
	return &m->source[source].shown;
}

void pk_merge_count(const struct pk_merge *m, struct pk_merge_counters *out)
{
	*out = m->gone;
	for (int i = 0; i < PK_MERGE_SOURCES; i++)
		sum(out, &m->source[i].shown.counters);
}
