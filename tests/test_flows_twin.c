/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/flows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/flow.h"
#include "tests/flows_rig.h"

/* --- the slow twin: lists of packets, all looked at every tick --------------- */

struct twin_flow {
	uint32_t packet[PACKETS]; /* in order of arrival */
	uint32_t n, span;	  /* [span, n) are not yet exported */
	int initiator;		  /* 0: the first packet's source side; -1 */
	struct pk_flow_key key;	  /* of the first packet listed */
	uint8_t direction;
};

struct twin {
	const struct packet *all;
	struct twin_flow *live[LIVE];
	uint32_t n;
	struct pk_flow_conf conf;
	struct log log;
};

static int same_way(const struct pk_flow_key *a, const struct pk_flow_key *b)
{
	return !memcmp(&a->src, &b->src, 16) && !memcmp(&a->dst, &b->dst, 16) &&
	       a->sport == b->sport && a->dport == b->dport &&
	       a->proto == b->proto && a->port == b->port;
}

static struct pk_flow_key reversed(const struct pk_flow_key *k)
{
	struct pk_flow_key r = *k;

	r.src = k->dst;
	r.dst = k->src;
	r.sport = k->dport;
	r.dport = k->sport;
	return r;
}

static int same_flow(const struct pk_flow_key *a, const struct pk_flow_key *b)
{
	struct pk_flow_key r = reversed(b);

	return same_way(a, b) || same_way(a, &r);
}

static void twin_add(struct twin *t, uint32_t index)
{
	const struct packet *p = &t->all[index];
	struct twin_flow *w = NULL;

	for (uint32_t i = 0; i < t->n; i++)
		if (same_flow(&t->live[i]->key, &p->key))
			w = t->live[i];
	if (!w) {
		w = calloc(1, sizeof *w);
		w->key = p->key;
		w->initiator = -1;
		assert_true(t->n < LIVE);
		t->live[t->n++] = w;
	}
	w->packet[w->n++] = index;
}

/* The earliest packet that @way sent among [from, n), or UINT64_MAX. */
static uint64_t twin_first(const struct twin *t, const struct twin_flow *w,
			   uint32_t from, const struct pk_flow_key *way)
{
	uint64_t first = UINT64_MAX;

	for (uint32_t i = from; i < w->n; i++) {
		const struct packet *p = &t->all[w->packet[i]];

		if (same_way(&p->key, way) && p->ns < first)
			first = p->ns;
	}
	return first;
}

static uint8_t twin_flags(const struct twin *t, const struct twin_flow *w,
			  uint32_t from, const struct pk_flow_key *way)
{
	uint8_t flags = 0;

	for (uint32_t i = from; i < w->n; i++)
		if (!way || same_way(&t->all[w->packet[i]].key, way))
			flags |= t->all[w->packet[i]].flags;
	return flags;
}

static int endpoint_is_lower(const struct pk_flow_key *k)
{
	int c = memcmp(&k->src, &k->dst, 16);

	return c < 0 || (c == 0 && k->sport <= k->dport);
}

/* Make w->key the initiator's. */
static void twin_decide(const struct twin *t, struct twin_flow *w)
{
	struct pk_flow_key a = w->key, b = reversed(&w->key);
	uint64_t fa = twin_first(t, w, 0, &a), fb = twin_first(t, w, 0, &b);
	int sa = (twin_flags(t, w, 0, &a) & (SYN | ACK)) == SYN;
	int sb = (twin_flags(t, w, 0, &b) & (SYN | ACK)) == SYN;

	if (w->initiator >= 0)
		return;
	w->initiator = 0;
	if (same_way(&a, &b))
		return;
	if (fb < fa || (fa == fb && sb && !sa) ||
	    (fa == fb && sa == sb && !endpoint_is_lower(&a)))
		w->key = b;
}

/* Of the initiator's earliest packet of the span, if it sent any. */
static void twin_direction(const struct twin *t, struct twin_flow *w)
{
	uint64_t first = twin_first(t, w, w->span, &w->key);
	int found = 0;

	for (uint32_t i = w->span; i < w->n; i++) {
		const struct packet *p = &t->all[w->packet[i]];

		if (!same_way(&p->key, &w->key) || p->ns != first)
			continue;
		if (!found || p->key.direction < w->direction)
			w->direction = p->key.direction;
		found = 1;
	}
}

static void twin_export(struct twin *t, struct twin_flow *w, uint64_t now,
			enum pk_flow_end end)
{
	struct pk_flow r = { .start_ns = UINT64_MAX, .end = (uint8_t)end };

	twin_direction(t, w);
	r.key = w->key;
	r.key.direction = w->direction;
	r.head.seen_ns = now;
	r.head.port = w->key.port;
	r.head.direction = w->direction;
	for (uint32_t i = w->span; i < w->n; i++) {
		const struct packet *p = &t->all[w->packet[i]];
		int side = !same_way(&p->key, &w->key);

		r.start_ns = p->ns < r.start_ns ? p->ns : r.start_ns;
		r.end_ns = p->ns > r.end_ns ? p->ns : r.end_ns;
		r.packets[side]++;
		r.bytes[side] += p->bytes;
		r.tcp_flags[side] |= p->flags;
		r.listed[side] += p->roles & PK_HIT_SRC ? 1 : 0;
		r.listed[!side] += p->roles & PK_HIT_DST ? 1 : 0;
	}
	keep(&t->log, &r);
	w->span = w->n;
}

/* -1: it goes on in silence. */
static int twin_rule(const struct twin *t, const struct twin_flow *w,
		     uint64_t now)
{
	uint8_t seen = twin_flags(t, w, 0, NULL);
	uint64_t last = 0, start = UINT64_MAX;

	for (uint32_t i = 0; i < w->n; i++) {
		uint64_t ns = t->all[w->packet[i]].ns;

		last = ns > last ? ns : last;
		if (i >= w->span && ns < start)
			start = ns;
	}
	if (w->key.proto == TCP && seen & (FIN | RST) &&
	    now - last >= t->conf.closed_ns)
		return PK_FLOW_END_CLOSED;
	if (w->key.proto == TCP && (seen & 63) == SYN &&
	    now - last >= t->conf.syn_ns)
		return PK_FLOW_END_SYN;
	if (now - last >= t->conf.idle_ns)
		return PK_FLOW_END_IDLE;
	if (start != UINT64_MAX && now - start >= t->conf.active_ns)
		return PK_FLOW_END_ACTIVE;
	return -1;
}

static int record_order(const void *x, const void *y)
{
	const struct pk_flow *a = x, *b = y;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return memcmp(&a->key, &b->key, sizeof a->key);
}

static void twin_end_tick(struct twin *t, uint32_t tick, int stop)
{
	uint64_t now = pk_tick_start(tick) + TICK_NS;
	uint32_t from = t->log.n;

	for (uint32_t i = 0; i < t->n; i++) {
		struct twin_flow *w = t->live[i];
		int end;

		twin_decide(t, w);
		end = stop ? PK_FLOW_END_STOPPED : twin_rule(t, w, now);
		if (end < 0)
			continue;
		if (w->span < w->n)
			twin_export(t, w, now, (enum pk_flow_end)end);
		if (end == PK_FLOW_END_ACTIVE)
			continue;
		free(w);
		t->live[i--] = t->live[--t->n];
	}
	qsort(t->log.record + from, t->log.n - from, sizeof(struct pk_flow),
	      record_order);
}

static void twin_run(struct twin *t, const struct packet *all, uint32_t n,
		     uint32_t last_tick)
{
	t->all = all;
	t->n = 0;
	t->log.n = 0;
	for (uint32_t tick = 0; tick <= last_tick; tick++) {
		for (uint32_t i = 0; i < n; i++)
			if (pk_tick(all[i].ns) == tick)
				twin_add(t, i);
		twin_end_tick(t, tick, tick == last_tick);
	}
}

/* --- the same packets, spread over workers ------------------------------------ */

struct spread {
	uint32_t workers;
	uint32_t split; /* one line in N is closed early; 0: none */
	uint32_t ahead; /* one line in N comes a tick too early; 0: none */
};

struct lines {
	struct pk_flow_line line[PACKETS];
	uint8_t worker[PACKETS];
	uint32_t n;
};

static int line_takes(const struct pk_flow_line *l, const struct packet *p)
{
	return same_way(&l->key, &p->key) && l->tick == pk_tick(p->ns) &&
	       l->key.direction == p->key.direction && l->roles == p->roles;
}

static void grow_line(struct pk_flow_line *l, const struct packet *p)
{
	uint32_t at = pk_tick_offset(p->ns);

	l->first = at < l->first ? at : l->first;
	l->last = at > l->last ? at : l->last;
	l->packets++;
	l->bytes += p->bytes;
	l->tcp_flags |= p->flags;
}

/* Build the lines of one tick as workers with leaky caches would. */
static void build_lines(struct lines *ls, const struct packet *all, uint32_t n,
			uint32_t tick, const struct spread *s)
{
	ls->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t worker = (uint8_t)rnd(s->workers);
		uint32_t at = 0;

		if (pk_tick(all[i].ns) != tick)
			continue;
		while (at < ls->n && !(ls->worker[at] == worker &&
				       line_takes(&ls->line[at], &all[i])))
			at++;
		if (at < ls->n && !(s->split && rnd(s->split) == 0)) {
			grow_line(&ls->line[at], &all[i]);
			continue;
		}
		ls->line[ls->n] = line_of(&all[i]);
		ls->worker[ls->n++] = worker;
	}
}

static void shuffle(struct lines *ls)
{
	for (uint32_t i = ls->n; i > 1; i--) {
		uint32_t k = rnd(i);
		struct pk_flow_line swap = ls->line[k];

		ls->line[k] = ls->line[i - 1];
		ls->line[i - 1] = swap;
	}
}

static void feed(struct rig *g, const struct packet *all, uint32_t n,
		 const struct spread *s, uint32_t last_tick)
{
	static struct lines now, next;
	uint32_t early = 0;

	build_lines(&now, all, n, 0, s);
	for (uint32_t tick = 0; tick <= last_tick; tick++) {
		shuffle(&now);
		for (uint32_t i = 0; i < now.n; i++)
			pk_flows_add(g->f, &now.line[i]);
		build_lines(&next, all, n, tick + 1, s);
		shuffle(&next);
		early = s->ahead ? next.n / s->ahead : 0;
		for (uint32_t i = 0; i < early; i++)
			pk_flows_add(g->f, &next.line[next.n - 1 - i]);
		next.n -= early;
		assert_true(adds_up(&g->stats));
		if (tick < last_tick)
			pk_flows_close(g->f, tick + 1);
		now = next;
	}
}

/* Random traffic among few endpoints, with ties in time and long silences. */
static void make_packets(struct packet *all, uint32_t n, uint32_t ticks)
{
	static const uint8_t flags[] = {
		SYN,	 SYN,	    SYN | ACK,	     ACK, ACK,
		ACK | 8, FIN | ACK, SYN | ECE | CWR, RST
	};
	static const uint8_t protos[] = { TCP, TCP, TCP, UDP, ICMP };

	memset(all, 0, n * sizeof *all);
	for (uint32_t i = 0; i < n; i++) {
		struct packet *p = &all[i];
		uint8_t proto = protos[rnd(5)];
		uint32_t a = rnd(6), b = rnd(6);
		uint32_t ports = rnd(3) << 16 | rnd(3);

		if (proto == ICMP)
			ports = rnd(2) ? 8U << 16 : 8;
		p->key = key(a, b, ports, proto);
		p->key.port = (uint16_t)rnd(2);
		p->key.direction = (uint8_t)(rnd(20) ? a > b : rnd(2));
		p->ns = pk_tick_start(rnd(ticks)) +
			(rnd(2) ? rnd(4) * (TICK_NS / 4) : rnd(TICK_NS));
		p->bytes = 40 + rnd(1460);
		p->roles = (uint8_t)(rnd(3) ? 0 : rnd(4));
		if (proto == TCP)
			p->flags = flags[rnd(rnd(4) ? 6 : 9)];
	}
}

static struct pk_flow_conf random_conf(void)
{
	struct pk_flow_conf c = { .idle_ns = 1 + rnd(20) * (TICK_NS / 2ULL),
				  .active_ns = 1 + rnd(60) * (TICK_NS / 2ULL),
				  .syn_ns = 1 + rnd(10) * (TICK_NS / 2ULL),
				  .closed_ns = 1 + rnd(6) * (TICK_NS / 2ULL),
				  .capacity = 4096 };

	return c;
}

static void expect_same(const struct log *got, const struct log *want)
{
	for (uint32_t i = 0; i < got->n && i < want->n; i++)
		assert_memory_equal(&got->record[i], &want->record[i],
				    sizeof got->record[i]);
	assert_int_equal(got->n, want->n);
}

static void agrees_with_lists_of_packets(void **state)
{
	static struct packet all[PACKETS];
	static struct twin t;
	static struct rig g;
	static const struct spread spreads[] = {
		{ 1, 0, 0 }, { 1, 2, 0 }, { 2, 5, 3 }, { 4, 1, 1 }, { 4, 0, 2 },
	};

	(void)state;
	for (uint32_t round = 0; round < 40; round++) {
		uint32_t n = 100 + rnd(1500), ticks = 5 + rnd(120);

		rnd_state = round;
		make_packets(all, n, ticks);
		if (round)
			t.conf = random_conf();
		else
			pk_flow_conf_default(&t.conf);
		twin_run(&t, all, n, ticks);
		assert_true(t.log.n > 20);
		for (uint32_t i = 0; i < 5; i++) {
			open_rig(&g, &t.conf);
			feed(&g, all, n, &spreads[i], ticks);
			close_rig(&g);
			assert_int_equal(g.stats.lines_late, 0);
			assert_int_equal(g.stats.flows_evicted, 0);
			assert_int_equal(g.stats.packets_in, n);
			expect_same(&g.log, &t.log);
		}
	}
}

/* --- want of room --------------------------------------------------------- */

static void a_small_table_conserves_everything(void **state)
{
	static struct packet all[PACKETS];
	static struct rig g;
	uint64_t packets = 0, bytes = 0, evicted = 0;

	(void)state;
	for (uint32_t round = 0; round < 60; round++) {
		struct pk_flow_conf c = random_conf();
		struct spread s = { 1 + rnd(4), rnd(4), 1 + rnd(2) };
		uint32_t out = 0;

		c.capacity = 2U << rnd(5);
		rnd_state = round;
		make_packets(all, PACKETS, 1 + rnd(60));
		open_rig(&g, &c);
		feed(&g, all, PACKETS, &s, 60);
		close_rig(&g);
		assert_int_equal(g.stats.packets_in, PACKETS);
		for (uint32_t i = 0; i < g.log.n; i++) {
			const struct pk_flow *r = &g.log.record[i];

			packets += r->packets[0] + r->packets[1];
			bytes += r->bytes[0] + r->bytes[1];
			out += r->end == PK_FLOW_END_EVICTED;
			assert_true(r->start_ns <= r->end_ns);
		}
		assert_int_equal(out, g.stats.flows_evicted);
		evicted += out;
		for (uint32_t i = 0; i < PACKETS; i++)
			bytes -= all[i].bytes;
	}
	assert_int_equal(packets, 60 * PACKETS);
	assert_int_equal(bytes, 0);
	assert_true(evicted > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_lists_of_packets),
		cmocka_unit_test(a_small_table_conserves_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
