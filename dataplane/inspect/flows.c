/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table is an array of flows, found through hash chains and ended through
 * a timing wheel; all links are indexes, so nothing moves and nothing is
 * allocated after pk_flows_new().
 *
 *   hash -> bucket -> flow -> flow ...            (key, both directions)
 *   wheel slot of a tick -> flow <-> flow ...     (the tick's end ends them)
 *   waiting lines                                 (ticks not yet open)
 *
 * A flow sits in the slot of a tick before which it cannot end; its true
 * deadline is looked at when the slot comes up (packets only push it back),
 * and at once when a line brings it nearer (FIN, RST).
 */
#include "dataplane/inspect/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow.h"
#include "dataplane/inspect/flow_sum.h"
#include "dataplane/inspect/order.h"
#include "dataplane/inspect/waiting.h"

enum {
	WHEEL = 256, /* ticks; later deadlines are parked and looked at again */
	CAPACITY_MAX = 1 << 24,
	WAITING_MIN = 64,
	WAITING_MAX = 1 << 16,
};
#define NONE	    UINT32_MAX
#define HEAD	    (1U << 31) /* in prev: the first of a slot */
#define TIMEOUT_MAX (86400ULL * 1000000000ULL)

struct flow {
	uint32_t chain; /* next of the bucket, or of the free */
	uint32_t next;	/* in the wheel's slot */
	uint32_t prev;
	uint32_t due;  /* tick; the slot's, or later when parked */
	uint32_t born; /* tick that was open then */
	uint32_t pad;
	struct pk_flow_sum sum;
};
_Static_assert(sizeof(struct flow) == 152, "flow");

struct pk_flows {
	struct pk_flow_conf conf;
	uint64_t seed;
	struct pk_stage_counters *stats;
	pk_flows_emit_fn *emit;
	void *arg;
	uint32_t tick; /* the open one: its lines are merged at once */

	struct flow *flow;
	uint32_t *bucket;
	uint32_t mask;
	uint32_t free;
	uint32_t resident;
	uint32_t slot[WHEEL];

	struct pk_waiting *waiting;
	struct pk_rank *ending; /* what ends with this tick */
	struct pk_rank *scratch;
};

/* --- the wheel ----------------------------------------------------------- */

static void unlink_due(struct pk_flows *f, struct flow *w)
{
	if (w->next != NONE)
		f->flow[w->next].prev = w->prev;
	if (w->prev & HEAD)
		f->slot[w->prev & ~HEAD] = w->next;
	else
		f->flow[w->prev].next = w->next;
}

static void link_due(struct pk_flows *f, struct flow *w, uint32_t due)
{
	uint32_t index = (uint32_t)(w - f->flow);
	uint32_t at = due;

	if (due - f->tick >= WHEEL)
		at = f->tick + WHEEL - 1;
	at &= WHEEL - 1;
	w->due = due;
	w->prev = at | HEAD;
	w->next = f->slot[at];
	if (w->next != NONE)
		f->flow[w->next].prev = index;
	f->slot[at] = index;
}

/* The tick at whose end the flow is due; not before the open one. */
static uint32_t due_of(const struct pk_flows *f, const struct flow *w)
{
	uint64_t ns = pk_flow_sum_due_ns(&w->sum, &f->conf);
	uint64_t tick = (ns - 1) >> PK_TICK_SHIFT;

	if (tick < f->tick)
		return f->tick;
	return tick < UINT32_MAX ? (uint32_t)tick : UINT32_MAX;
}

static uint64_t end_of_tick(const struct pk_flows *f)
{
	return pk_tick_start(f->tick) + (1U << PK_TICK_SHIFT);
}

/* --- coming and going ---------------------------------------------------- */

static uint32_t *bucket_of(const struct pk_flows *f,
			   const struct pk_flow_key *key)
{
	return &f->bucket[pk_flow_hash(f->seed, key) & f->mask];
}

static struct flow *find(struct pk_flows *f, const struct pk_flow_key *key)
{
	uint32_t index = *bucket_of(f, key);

	while (index != NONE && !pk_flow_same(&f->flow[index].sum.key, key))
		index = f->flow[index].chain;
	return index != NONE ? &f->flow[index] : NULL;
}

static void forget(struct pk_flows *f, struct flow *w)
{
	uint32_t index = (uint32_t)(w - f->flow);
	uint32_t *at = bucket_of(f, &w->sum.key);

	while (*at != index)
		at = &f->flow[*at].chain;
	*at = w->chain;
	w->chain = f->free;
	f->free = index;
	f->resident--;
}

static int has_packets(const struct flow *w)
{
	return pk_flow_sum_start(&w->sum) != PK_FLOW_NEVER;
}

/* A flow without packets since its last export says nothing. */
static void export_flow(struct pk_flows *f, struct flow *w,
			enum pk_flow_end end)
{
	struct pk_stage_counters *s = f->stats;
	struct pk_flow record;

	if (!has_packets(w))
		return;
	pk_flow_sum_decide(&w->sum);
	pk_flow_sum_record(&w->sum, &record);
	record.end = (uint8_t)end;
	record.head.seen_ns = end_of_tick(f);
	s->flows_out++;
	s->packets_out += record.packets[0] + record.packets[1];
	s->bytes_out += record.bytes[0] + record.bytes[1];
	s->packets_resident -= record.packets[0] + record.packets[1];
	s->bytes_resident -= record.bytes[0] + record.bytes[1];
	if (f->emit)
		f->emit(f->arg, &record);
}

/*
 * Free a place: the first flow whose slot and deadline agree ends soonest. The
 * others met on the way move to where they belong, so each line pays for at
 * most one such step.
 */
static void evict(struct pk_flows *f)
{
	for (uint32_t i = 0; i < WHEEL;) {
		uint32_t index = f->slot[(f->tick + i) & (WHEEL - 1)];
		struct flow *w;
		uint32_t due;

		if (index == NONE) {
			i++;
			continue;
		}
		w = &f->flow[index];
		due = due_of(f, w);
		unlink_due(f, w);
		if (due - f->tick > i && i < WHEEL - 1) {
			link_due(f, w, due);
			continue;
		}
		f->stats->flows_evicted += has_packets(w);
		export_flow(f, w, PK_FLOW_END_EVICTED);
		forget(f, w);
		return;
	}
}

static struct flow *create(struct pk_flows *f, const struct pk_flow_key *key)
{
	uint32_t *bucket = bucket_of(f, key);
	struct flow *w;

	if (f->free == NONE)
		evict(f);
	w = &f->flow[f->free];
	f->free = w->chain;
	f->resident++;
	w->chain = *bucket;
	*bucket = (uint32_t)(w - f->flow);
	w->born = f->tick;
	pk_flow_sum_begin(&w->sum, key);
	return w;
}

/* --- lines --------------------------------------------------------------- */

static void merge(struct pk_flows *f, const struct pk_flow_line *line)
{
	struct pk_flow_key key;
	int side = pk_flow_sum_side(&line->key, &key);
	struct flow *w = find(f, &key);
	uint32_t due;

	if (!w) {
		w = create(f, &key);
		pk_flow_sum_add(&w->sum, side, line);
		link_due(f, w, due_of(f, w));
		return;
	}
	/* Its first tick is over: what it sums up to names the initiator. */
	if (w->born != f->tick)
		pk_flow_sum_decide(&w->sum);
	pk_flow_sum_add(&w->sum, side, line);
	due = due_of(f, w);
	if (due < w->due) {
		unlink_due(f, w);
		link_due(f, w, due);
	}
}

/* The tick just opened: merge what waited for it. */
static void take_waiting(struct pk_flows *f)
{
	while (pk_waiting_count(f->waiting) &&
	       pk_waiting_tick(f->waiting) <= f->tick)
		merge(f, pk_waiting_pop(f->waiting));
}

void pk_flows_add(struct pk_flows *f, const struct pk_flow_line *line)
{
	struct pk_stage_counters *s = f->stats;

	s->lines_in++;
	s->packets_in += line->packets;
	s->bytes_in += line->bytes;
	s->packets_resident += line->packets;
	s->bytes_resident += line->bytes;
	s->lines_late += line->tick < f->tick;
	/* With an empty table no tick needs an end: open the first one. */
	if (!f->resident && pk_waiting_full(f->waiting)) {
		f->tick = pk_waiting_tick(f->waiting);
		take_waiting(f);
	}
	if (line->tick <= f->tick || pk_waiting_full(f->waiting))
		merge(f, line);
	else
		pk_waiting_push(f->waiting, line);
	s->flows_resident = f->resident;
}

/* --- the end of a tick --------------------------------------------------- */

/* By the record's key, where two flows start at the same time. */
static int ends_before(const void *arg, uint32_t a, uint32_t b)
{
	const struct pk_flows *f = arg;
	struct pk_flow_key ka, kb;

	pk_flow_sum_key(&f->flow[a].sum, &ka);
	pk_flow_sum_key(&f->flow[b].sum, &kb);
	return memcmp(&ka, &kb, sizeof(ka)) < 0;
}

static struct pk_rank *sort_ending(struct pk_flows *f, uint32_t n)
{
	struct pk_rank_tie tie = { ends_before, f };

	return pk_rank_sort(f->ending, f->scratch, n, &tie);
}

static void note_ending(struct pk_flows *f, uint32_t n, struct flow *w)
{
	pk_flow_sum_decide(&w->sum);
	f->ending[n].value = pk_flow_sum_start(&w->sum);
	f->ending[n].index = (uint32_t)(w - f->flow);
}

/* Go through the open tick's slot; what ends with it is noted. */
static uint32_t collect_due(struct pk_flows *f)
{
	uint32_t next, n = 0;

	for (uint32_t at = f->slot[f->tick & (WHEEL - 1)]; at != NONE;
	     at = next) {
		struct flow *w = &f->flow[at];
		uint32_t due = due_of(f, w);

		next = w->next;
		if (due == f->tick && has_packets(w)) {
			note_ending(f, n++, w);
			continue;
		}
		unlink_due(f, w);
		if (due == f->tick)
			forget(f, w);
		else
			link_due(f, w, due);
	}
	return n;
}

static void end_flow(struct pk_flows *f, struct flow *w)
{
	enum pk_flow_end end;

	end = pk_flow_sum_end(&w->sum, &f->conf, end_of_tick(f));
	export_flow(f, w, end);
	unlink_due(f, w);
	if (end != PK_FLOW_END_ACTIVE) {
		forget(f, w);
		return;
	}
	pk_flow_sum_next(&w->sum);
	link_due(f, w, due_of(f, w));
}

static void end_tick(struct pk_flows *f)
{
	uint32_t n = collect_due(f);
	const struct pk_rank *sorted = sort_ending(f, n);

	for (uint32_t i = 0; i < n; i++)
		end_flow(f, &f->flow[sorted[i].index]);
}

/* With an empty table go straight to the next tick that has lines. */
static void open_next(struct pk_flows *f, uint32_t last)
{
	if (f->resident)
		f->tick++;
	else if (pk_waiting_count(f->waiting) &&
		 pk_waiting_tick(f->waiting) < last)
		f->tick = pk_waiting_tick(f->waiting);
	else
		f->tick = last;
	take_waiting(f);
}

void pk_flows_close(struct pk_flows *f, uint32_t tick)
{
	while (f->tick < tick) {
		end_tick(f);
		open_next(f, tick);
	}
	f->stats->flows_resident = f->resident;
}

static uint32_t collect_all(struct pk_flows *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < WHEEL; i++)
		for (uint32_t at = f->slot[i]; at != NONE;
		     at = f->flow[at].next)
			note_ending(f, n++, &f->flow[at]);
	return n;
}

void pk_flows_drain(struct pk_flows *f)
{
	const struct pk_rank *sorted;
	uint32_t n;

	while (pk_waiting_count(f->waiting))
		pk_flows_close(f, pk_waiting_tick(f->waiting));
	n = collect_all(f);
	sorted = sort_ending(f, n);
	for (uint32_t i = 0; i < n; i++) {
		struct flow *w = &f->flow[sorted[i].index];

		export_flow(f, w, PK_FLOW_END_STOPPED);
		unlink_due(f, w);
		forget(f, w);
	}
	f->stats->flows_resident = f->resident;
}

/* --- making and freeing -------------------------------------------------- */

static int conf_valid(const struct pk_flow_conf *c)
{
	const uint64_t ns[] = { c->idle_ns, c->active_ns, c->syn_ns,
				c->closed_ns };

	for (size_t i = 0; i < sizeof(ns) / sizeof(*ns); i++)
		if (!ns[i] || ns[i] > TIMEOUT_MAX)
			return 0;
	return c->capacity >= 2 && c->capacity <= CAPACITY_MAX &&
	       (c->capacity & (c->capacity - 1)) == 0;
}

static uint32_t waiting_lines(uint32_t capacity)
{
	if (capacity / 4 < WAITING_MIN)
		return WAITING_MIN;
	return capacity / 4 < WAITING_MAX ? capacity / 4 : WAITING_MAX;
}

static int allocate(struct pk_flows *f)
{
	size_t n = f->conf.capacity;

	f->flow = calloc(n, sizeof(*f->flow));
	f->bucket = malloc(n * sizeof(*f->bucket));
	f->ending = calloc(n, sizeof(*f->ending));
	f->scratch = calloc(n, sizeof(*f->scratch));
	if (!f->flow || !f->bucket || !f->ending || !f->scratch)
		return -ENOMEM;
	return pk_waiting_new(&f->waiting, waiting_lines(f->conf.capacity));
}

static void empty(struct pk_flows *f)
{
	uint32_t n = f->conf.capacity;

	memset(f->bucket, 0xff, n * sizeof(*f->bucket));
	memset(f->slot, 0xff, sizeof(f->slot));
	for (uint32_t i = 0; i < n; i++)
		f->flow[i].chain = i + 1 < n ? i + 1 : NONE;
}

int pk_flows_new(struct pk_flows **out, const struct pk_flow_conf *conf,
		 uint64_t seed, struct pk_stage_counters *stats)
{
	struct pk_flows *f;

	if (!conf_valid(conf))
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->conf = *conf;
	f->seed = seed;
	f->stats = stats;
	f->mask = conf->capacity - 1;
	if (allocate(f)) {
		pk_flows_free(f);
		return -ENOMEM;
	}
	empty(f);
	*out = f;
	return 0;
}

void pk_flows_free(struct pk_flows *f)
{
	if (!f)
		return;
	free(f->flow);
	free(f->bucket);
	free(f->ending);
	free(f->scratch);
	pk_waiting_free(f->waiting);
	free(f);
}

void pk_flows_on_export(struct pk_flows *f, pk_flows_emit_fn *emit, void *arg)
{
	f->emit = emit;
	f->arg = arg;
}

void pk_flow_conf_default(struct pk_flow_conf *conf)
{
	const uint64_t second = 1000000000ULL;

	memset(conf, 0, sizeof(*conf));
	conf->idle_ns = 15 * second;
	conf->active_ns = 60 * second;
	conf->syn_ns = 5 * second;
	conf->closed_ns = 1 * second;
	conf->capacity = 1 << 18;
}
