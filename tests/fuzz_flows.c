/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any sequence of flow lines and closes for a small table, six bytes a step.
 * The first byte chooses how small it is, and whether a line names its two ends
 * in one order or in both. What must hold, however full the table was: nothing
 * is lost or counted twice, of no conversation and of no direction of it; no
 * more flows are kept than there is room for; records of one tick come in
 * order, and none ends before it starts.
 */
#include "dataplane/inspect/flows.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow.h"

enum { STEP = 6, STEPS = 4096, ENDS = 16, CONVERSATIONS = ENDS * ENDS };

struct sum {
	uint64_t packets;
	uint64_t bytes;
};

struct world {
	struct pk_flows *flows;
	struct pk_stage_counters count;
	uint32_t capacity;
	struct sum in[CONVERSATIONS], out[CONVERSATIONS];
	uint64_t seen_ns, start_ns; /* of the last record */
};

static void must(int ok)
{
	if (!ok)
		abort();
}

/* Who sent to whom: ends differ in the last byte of their addresses. */
static struct sum *way(struct sum *sums, const union pk_addr *from,
		       const union pk_addr *to)
{
	return &sums[from->b[15] % ENDS * ENDS + to->b[15] % ENDS];
}

static void take(void *arg, const struct pk_flow *r)
{
	struct world *w = arg;
	struct sum *a = way(w->out, &r->key.src, &r->key.dst);
	struct sum *b = way(w->out, &r->key.dst, &r->key.src);

	a->packets += r->packets[0];
	a->bytes += r->bytes[0];
	b->packets += r->packets[1];
	b->bytes += r->bytes[1];
	must(r->packets[0] + r->packets[1] > 0);
	must(r->start_ns <= r->end_ns && r->end < PK_FLOW_END_COUNT);
	if (r->end == PK_FLOW_END_EVICTED)
		return;
	must(r->head.seen_ns > w->seen_ns || r->start_ns >= w->start_ns);
	w->seen_ns = r->head.seen_ns;
	w->start_ns = r->start_ns;
}

/* What is left is in an order of its own. */
static void drain(struct world *w)
{
	w->seen_ns = w->start_ns = 0;
	pk_flows_drain(w->flows);
	w->seen_ns = w->start_ns = 0;
	must(!w->count.flows_resident && !w->count.packets_resident);
}

static void check(const struct world *w)
{
	const struct pk_stage_counters *c = &w->count;

	must(c->packets_in == c->packets_out + c->packets_resident);
	must(c->bytes_in == c->bytes_out + c->bytes_resident);
	must(c->flows_resident <= w->capacity);
}

/* Bytes: ends, protocol and flags, how many ticks ahead, when in it, sizes. */
static void add_line(struct world *w, const uint8_t *b, uint32_t tick)
{
	struct pk_flow_line l = {
		.key = { .proto = b[1] & 1 ? 6 : 17, .port = 1 },
		.tick = tick + (b[2] & 3 ? b[2] & 3U : b[2] >> 2),
		.first = b[3] * 1000003U,
		.last = b[3] * 1000003U + b[4],
		.packets = 1U + b[5] % 7,
		.bytes = b[5] * 64U,
		.tcp_flags = (uint8_t)(b[1] >> 1 & 0x17),
		.roles = (uint8_t)(b[1] >> 6),
	};
	struct sum *s;

	l.key.src.b[10] = l.key.src.b[11] = 0xff;
	l.key.dst = l.key.src;
	l.key.src.b[15] = b[0] % ENDS;
	l.key.dst.b[15] = b[0] / ENDS;
	s = way(w->in, &l.key.src, &l.key.dst);
	s->packets += l.packets;
	s->bytes += l.bytes;
	pk_flows_add(w->flows, &l);
}

static void open_world(struct world *w, uint8_t choice)
{
	struct pk_flow_conf conf = { .idle_ns = 15000000000,
				     .active_ns = 60000000000,
				     .syn_ns = 5000000000,
				     .closed_ns = 1000000000,
				     .capacity = 2U << choice % 6 };

	memset(w, 0, sizeof(*w));
	w->capacity = conf.capacity;
	must(pk_flows_new(&w->flows, &conf, choice, &w->count) == 0);
	pk_flows_on_export(w->flows, take, w);
}

static void close_world(struct world *w)
{
	drain(w);
	check(w);
	/* A conversation with oneself has one direction only. */
	for (uint32_t i = 0; i < CONVERSATIONS; i++) {
		if (i / ENDS == i % ENDS)
			continue;
		must(w->in[i].packets == w->out[i].packets);
		must(w->in[i].bytes == w->out[i].bytes);
	}
	pk_flows_free(w->flows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	uint32_t tick = 1;

	if (size < 1 + STEP || size > 1 + STEP * STEPS)
		return 0;
	open_world(&w, data[0]);
	pk_flows_close(w.flows, tick);
	for (size_t at = 1; at + STEP <= size; at += STEP) {
		const uint8_t *b = data + at;

		if (b[0] / ENDS == b[0] % ENDS && b[1] & 1) {
			tick += b[2] < 250 ? b[2] & 15U : b[2] * 16U;
			pk_flows_close(w.flows, tick);
		} else if (b[0] == 0 && b[1] == 0) {
			drain(&w);
		} else {
			add_line(&w, b, tick > 2 ? tick - 2 : 0);
		}
		check(&w);
	}
	close_world(&w);
	return 0;
}
