/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/threat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "bpf/outer.h"
#include "control/threat_inside.h"
#include "control/threat_text.h"

enum { CAPACITY_MAX = 1 << 24, DNS = 53, ENDED = 1 << 16 };
#define INDICATOR PK_THREAT_INDICATOR

/* Everything that is known when a threat opens. */
struct opening {
	struct pk_threat_key key;
	const char *type;
	const struct pk_threat_indicator *indicator; /* NULL: a detector's */
	const struct pk_record *record;		     /* the evidence */
	const struct pk_flow_key *flow;
	union pk_addr target;
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t quiet_ns;
	uint64_t mute_ns;
};

int pk_threats_new(struct pk_threats **out, const struct pk_threats_conf *conf)
{
	struct pk_threats *t;

	if (!conf->sensor || strlen(conf->sensor) > PK_THREAT_SENSOR_MAX ||
	    !conf->sink || conf->capacity > CAPACITY_MAX)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->conf = *conf;
	t->seq = conf->seq;
	if (!t->conf.mute_ns)
		t->conf.mute_ns = PK_THREAT_MUTE_NS;
	if (!t->conf.hold_sec)
		t->conf.hold_sec = PK_THREAT_HOLD_SEC;
	if (!t->conf.capacity)
		t->conf.capacity = PK_THREAT_CAPACITY;
	t->ended = calloc(ENDED, sizeof(*t->ended));
	if (!t->ended ||
	    pk_threat_table_new(&t->table, t->conf.capacity, conf->seed)) {
		pk_threats_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void pk_threats_free(struct pk_threats *t)
{
	if (!t)
		return;
	pk_threat_table_free(t->table);
	free(t->ended);
	free(t);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void tell(struct pk_threats *t, struct pk_threat_entry *e, uint8_t state)
{
	e->shown.state = state;
	e->shown.seq = ++t->seq;
	t->counters.told++;
	t->conf.sink(t->conf.sink_arg, &e->shown);
}

static void close_one(struct pk_threats *t, struct pk_threat_entry *e,
		      __u64 *reason)
{
	tell(t, e, PK_THREAT_CLOSED);
	pk_threat_table_del(t->table, e);
	(*reason)++;
}

/*
 * When a threat may begin so that its id is not that of one which ended before
 * its evidence was old: of the key, or, which only makes it later, of another
 * of the same hash. No seed: it shows.
 */
static uint64_t *ended(struct pk_threats *t, const struct pk_threat_key *key)
{
	struct pk_threat_key k = *key;

	k.slot = 0; /* a name's is not in its id */
	k.past = 0;
	return &t->ended[XXH3_64bits(&k, sizeof(k)) % ENDED];
}

void pk_threats_cut_off(struct pk_threats *t, struct pk_threat_entry *e,
			__u64 *reason)
{
	uint64_t *at = ended(t, &e->key);

	*at = later(*at, later(t->now_ns, plus(e->shown.first_ns, 1)));
	close_one(t, e, reason);
}

void pk_threats_advance(struct pk_threats *t, uint64_t now_ns)
{
	struct pk_threat_entry *e;

	if (now_ns <= t->now_ns)
		return;
	t->now_ns = now_ns;
	while ((e = pk_threat_table_due(t->table, now_ns)))
		close_one(t, e, &t->counters.closed_quiet);
}

void pk_threats_close_all(struct pk_threats *t)
{
	struct pk_threat_entry *e;

	while ((e = pk_threat_table_due(t->table, UINT64_MAX)))
		close_one(t, e, &t->counters.closed_end);
}

/* @record counts as evidence of what was at @at_ns. */
static void fold(struct pk_threats *t, struct pk_threat_entry *e,
		 const struct pk_record *record, uint64_t at_ns)
{
	t->counters.folded++;
	pk_threat_evidence_add(&e->evidence, record);
	e->shown.last_ns = later(e->shown.last_ns, at_ns);
	e->due_ns = later(e->due_ns, plus(at_ns, e->quiet_ns));
	pk_threat_table_touch(t->table, e);
}

/* @n more of what the threat counts went to @target. */
static void aim(struct pk_threat_entry *e, const union pk_addr *target,
		uint64_t n)
{
	pk_threat_targets_add(&e->evidence.targets, target, n);
}

static int may_update(const struct pk_threats *t,
		      const struct pk_threat_entry *e)
{
	return t->now_ns - e->told_ns >= e->mute_ns;
}

static void update(struct pk_threats *t, struct pk_threat_entry *e)
{
	e->told_ns = t->now_ns;
	t->counters.updates++;
	tell(t, e, PK_THREAT_UPDATE);
}

static int is_suppressed(struct pk_threats *t,
			 const struct pk_threat_subject *s)
{
	return t->conf.suppressed &&
	       t->conf.suppressed(t->conf.suppressed_arg, s);
}

static int may_open(struct pk_threats *t, const struct opening *o)
{
	const struct pk_threat_subject subject = {
		.type = o->type,
		.offender = &o->key.addr,
		.target = &o->target,
		.indicator = o->indicator,
		.at_ns = o->last_ns,
	};

	if (!is_suppressed(t, &subject))
		return 1;
	t->counters.suppressed++;
	return 0;
}

/* Make room and the entry; NULL when it may not be, or memory is short. */
static struct pk_threat_entry *begin(struct pk_threats *t,
				     const struct opening *o)
{
	struct pk_threat_entry *e;
	uint64_t first, last;

	if (!may_open(t, o))
		return NULL;
	while ((e = pk_threat_table_full(t->table)))
		pk_threats_cut_off(t, e, &t->counters.closed_early);
	first = later(o->first_ns, *ended(t, &o->key));
	last = later(o->last_ns, first);
	e = pk_threat_table_add(t->table, &o->key, plus(last, o->quiet_ns));
	if (!e) {
		t->counters.no_memory++;
		return NULL;
	}
	e->quiet_ns = o->quiet_ns;
	e->mute_ns = o->mute_ns;
	e->told_ns = t->now_ns;
	e->shown.type = o->type;
	e->shown.sensor = t->conf.sensor;
	e->shown.epoch = t->conf.epoch;
	e->shown.first_ns = first;
	e->shown.last_ns = last;
	e->shown.count = 1;
	e->shown.observer = o->key.observer;
	e->shown.offender = o->key.addr;
	e->shown.target = o->target;
	e->shown.sampling = o->record->sampling;
	e->shown.plane = o->record->plane;
	e->shown.flow.key = *o->flow;
	e->shown.evidence = &e->evidence;
	pk_threat_evidence_add(&e->evidence, o->record);
	return e;
}

static void finish(struct pk_threats *t, struct pk_threat_entry *e)
{
	pk_threat_set_id(&e->shown, &e->key);
	pk_threat_table_forget_ids(t->table);
	t->counters.opened++;
	tell(t, e, PK_THREAT_OPEN);
}

/* ---- indicators ---- */

static int attach(struct pk_threats *t, struct pk_threat_entry *e,
		  const struct pk_threat_indicator *ind)
{
	if (pk_threats_keep(e, ind))
		return -ENOMEM;
	e->shown.confidence = ind->confidence;
	e->shown.hold_sec = t->conf.hold_sec;
	return 0;
}

static uint64_t indicator_quiet_ns(const struct pk_threats *t)
{
	return later(t->conf.mute_ns, PK_THREAT_FLOW_DELAY_NS);
}

static void open_indicator(struct pk_threats *t, struct pk_threat_entry *e,
			   const struct pk_threat_indicator *ind)
{
	if (attach(t, e, ind) == 0) {
		finish(t, e);
		return;
	}
	t->counters.no_memory++;
	pk_threat_table_del(t->table, e);
}

/*
 * What the store says of it; what it does not know is told as it was seen. 1
 * when the indicator is only watched, or has ended: no threat.
 */
static int resolve(struct pk_threats *t, struct pk_threat_indicator *ind,
		   const struct pk_threat_seen *seen)
{
	const struct pk_threats_conf *c = &t->conf;
	int err;

	memset(ind, 0, sizeof(*ind));
	err = c->indicator ? c->indicator(c->arg, seen, ind) : -ENOENT;
	if (!err) {
		t->counters.watched += ind->watch;
		return ind->watch;
	}
	if (err == -ETIME) {
		t->counters.expired++;
		return 1;
	}
	if (err == -ESTALE)
		t->counters.mismatched++;
	else
		t->counters.unresolved++;
	memset(ind, 0, sizeof(*ind));
	if (seen->addr)
		pk_threat_say_addr(ind, seen->addr);
	else
		pk_threat_say_name(ind, seen->name);
	return 0;
}

static struct pk_threat_key addr_key(const struct pk_record *r,
				     const union pk_addr *addr)
{
	return (struct pk_threat_key){
		.observer = r->observer,
		.addr = *addr,
		.kind = PK_THREAT_ADDRESS,
	};
}

static struct pk_threat_key addr_hit_key(const struct pk_hit *hit)
{
	const struct pk_flow_key *flow = &hit->packet.key;
	struct pk_threat_key key =
		addr_key(&hit->head,
			 hit->role == PK_ROLE_SOURCE ? &flow->src : &flow->dst);

	if (!pk_hit_is_outer(hit))
		return key;
	key.kind = PK_THREAT_OUTER;
	key.depth = hit->depth;
	return key;
}

static void set_packet(struct pk_threat *s, const struct pk_hit *hit)
{
	s->role = hit->role;
	s->depth = hit->depth;
	s->generation = hit->generation;
	if (pk_hit_is_outer(hit)) /* the rest is of the packet inside */
		return;
	s->flow.tcp_flags = hit->packet.tcp_flags;
	s->flow.ttl = hit->packet.ttl;
	s->flow.has_ttl = 1;
}

static void open_addr_hit(struct pk_threats *t, const struct pk_hit *hit,
			  const struct pk_threat_key *key)
{
	const struct pk_flow_key *flow = &hit->packet.key;
	int source = hit->role == PK_ROLE_SOURCE;
	struct opening o = {
		.key = *key,
		.type = INDICATOR,
		.record = &hit->head,
		.flow = flow,
		.target = source ? flow->dst : flow->src,
		.first_ns = hit->head.seen_ns,
		.last_ns = hit->head.seen_ns,
		.quiet_ns = indicator_quiet_ns(t),
		.mute_ns = t->conf.mute_ns,
	};
	struct pk_threat_seen seen = {
		.slot = hit->slot,
		.port = source ? flow->sport : flow->dport,
		.ip6 = !!(hit->packet.layers & PK_IS_IP6),
		.addr = &key->addr,
		.at_ns = o.first_ns,
	};
	struct pk_threat_indicator ind;
	struct pk_threat_entry *e;

	if (resolve(t, &ind, &seen))
		return;
	o.indicator = &ind;
	e = begin(t, &o);
	if (!e)
		return;
	set_packet(&e->shown, hit);
	aim(e, &o.target, 1);
	open_indicator(t, e, &ind);
}

static uint64_t period_of(uint64_t ns)
{
	return ns >> (PK_TICK_SHIFT + PK_OUTER_PERIOD_SHIFT);
}

/* One more message of what is counted by its hits. */
static void count_hit(struct pk_threats *t, struct pk_threat_entry *e,
		      const struct pk_hit *hit, const union pk_addr *target)
{
	fold(t, e, &hit->head, hit->head.seen_ns);
	aim(e, target, 1);
	e->shown.count++;
	if (may_update(t, e))
		update(t, e);
}

static void addr_hit(struct pk_threats *t, const struct pk_hit *hit)
{
	const struct pk_flow_key *flow = &hit->packet.key;
	struct pk_threat_key key = addr_hit_key(hit);
	struct pk_threat_entry *e = pk_threat_table_find(t->table, &key);
	uint64_t at = hit->head.seen_ns;

	if (!e) {
		open_addr_hit(t, hit, &key);
		return;
	}
	if (key.kind == PK_THREAT_OUTER &&
	    period_of(at) > period_of(e->shown.last_ns)) {
		count_hit(t, e, hit,
			  hit->role == PK_ROLE_SOURCE ? &flow->dst
						      : &flow->src);
		return;
	}
	t->counters.redundant++;
	if (key.kind != PK_THREAT_OUTER)
		e->due_ns = later(e->due_ns, plus(at, e->quiet_ns));
}

static void open_name_hit(struct pk_threats *t, const struct pk_hit *hit,
			  const struct pk_threat_key *key,
			  const union pk_addr *server)
{
	struct opening o = {
		.key = *key,
		.type = INDICATOR,
		.record = &hit->head,
		.flow = &hit->packet.key,
		.target = *server,
		.first_ns = hit->head.seen_ns,
		.last_ns = hit->head.seen_ns,
		.quiet_ns = indicator_quiet_ns(t),
		.mute_ns = t->conf.mute_ns,
	};
	uint8_t wire[PK_NAME_MAX + 1];
	struct pk_threat_seen seen = {
		.slot = hit->slot,
		.name = wire,
		.at_ns = o.first_ns,
	};
	struct pk_threat_indicator ind;
	struct pk_threat_entry *e;

	pk_threat_wire(hit, wire);
	if (resolve(t, &ind, &seen))
		return;
	e = pk_threats_adopt(t, key, ind.value);
	if (e) {
		count_hit(t, e, hit, server);
		return;
	}
	o.indicator = &ind;
	e = begin(t, &o);
	if (!e)
		return;
	set_packet(&e->shown, hit);
	aim(e, &o.target, 1);
	e->shown.name = pk_threat_name(wire);
	open_indicator(t, e, &ind);
}

static void name_hit(struct pk_threats *t, const struct pk_hit *hit)
{
	const struct pk_flow_key *flow = &hit->packet.key;
	int answer = flow->sport == DNS;
	struct pk_threat_key key = {
		.observer = hit->head.observer,
		.addr = answer ? flow->dst : flow->src,
		.slot = hit->slot,
		.kind = PK_THREAT_NAME,
	};
	const union pk_addr *server = answer ? &flow->src : &flow->dst;
	struct pk_threat_entry *e = pk_threat_table_find(t->table, &key);

	if (e)
		count_hit(t, e, hit, server);
	else
		open_name_hit(t, hit, &key, server);
}

void pk_threats_hit(struct pk_threats *t, const struct pk_hit *hit)
{
	pk_threats_advance(t, hit->head.seen_ns);
	t->counters.evidence++;
	if (hit->role == PK_ROLE_DNS_QUESTION)
		name_hit(t, hit);
	else
		addr_hit(t, hit);
}

static void open_addr_flow(struct pk_threats *t, const struct pk_flow *f,
			   const struct pk_threat_key *key, int role)
{
	int source = role == PK_ROLE_SOURCE;
	struct opening o = {
		.key = *key,
		.type = INDICATOR,
		.record = &f->head,
		.flow = &f->key,
		.target = source ? f->key.dst : f->key.src,
		.first_ns = earlier(f->start_ns, f->head.seen_ns),
		.last_ns = earlier(f->end_ns, f->head.seen_ns),
		.quiet_ns = indicator_quiet_ns(t),
		.mute_ns = t->conf.mute_ns,
	};
	struct pk_threat_seen seen = {
		.port = source ? f->key.sport : f->key.dport,
		.addr = &key->addr,
		.at_ns = o.first_ns,
	};
	struct pk_threat_indicator ind;
	struct pk_threat_entry *e;

	if (resolve(t, &ind, &seen))
		return;
	o.indicator = &ind;
	e = begin(t, &o);
	if (!e)
		return;
	e->packets = f->listed[role];
	e->shown.count = e->packets;
	e->shown.role = (uint8_t)role;
	e->shown.flow.tcp_flags = f->tcp_flags[0];
	aim(e, &o.target, e->packets);
	open_indicator(t, e, &ind);
}

static void addr_flow(struct pk_threats *t, const struct pk_flow *f, int role)
{
	int source = role == PK_ROLE_SOURCE;
	struct pk_threat_key key =
		addr_key(&f->head, source ? &f->key.src : &f->key.dst);
	struct pk_threat_entry *e = pk_threat_table_find(t->table, &key);

	t->counters.evidence++;
	if (!e) {
		open_addr_flow(t, f, &key, role);
		return;
	}
	fold(t, e, &f->head, earlier(f->end_ns, f->head.seen_ns));
	if (!e->packets) /* the hit that opened it counts no more */
		memset(&e->evidence.targets, 0, sizeof(e->evidence.targets));
	aim(e, source ? &f->key.dst : &f->key.src, f->listed[role]);
	e->packets = plus(e->packets, f->listed[role]);
	e->shown.count = e->packets;
	if (may_update(t, e))
		update(t, e);
}

void pk_threats_flow(struct pk_threats *t, const struct pk_flow *flow)
{
	const union pk_addr *src = &flow->key.src, *dst = &flow->key.dst;

	pk_threats_advance(t, flow->head.seen_ns);
	if (flow->listed[0])
		addr_flow(t, flow, PK_ROLE_SOURCE);
	/* To itself: the same packets are not counted twice. */
	if (flow->listed[0] && memcmp(src, dst, sizeof(*src)) == 0)
		return;
	if (flow->listed[1])
		addr_flow(t, flow, PK_ROLE_DESTINATION);
}

/* ---- detectors ---- */

static void aim_piece(void *entry, const struct pk_window_evidence *it)
{
	aim(entry, &it->dst, 1);
}

static void open_match(struct pk_threats *t, const struct pk_threat_match *m,
		       const struct pk_threat_key *key)
{
	const struct pk_detector *d = m->detector;
	struct opening o = {
		.key = *key,
		.type = d->name,
		.record = &m->flow->head,
		.flow = &m->flow->key,
		.target = m->flow->key.dst,
		.first_ns = pk_window_first_ns(m->entry),
		.last_ns = m->flow->head.seen_ns,
		.quiet_ns = later(d->window.span_ns, d->mute_ns),
		.mute_ns = d->mute_ns,
	};
	struct pk_threat_entry *e = begin(t, &o);

	if (!e)
		return;
	e->shown.severity = d->severity;
	e->shown.confidence = d->confidence;
	e->shown.hold_sec = d->hold_sec;
	e->shown.count = pk_window_count(m->entry);
	e->shown.flow.tcp_flags = m->flow->tcp_flags[0];
	pk_window_summarize(m->window, m->entry, &e->shown.details);
	pk_window_each(m->entry, aim_piece, e);
	finish(t, e);
}

int pk_threats_match(struct pk_threats *t, const struct pk_threat_match *match)
{
	const struct pk_flow *f = match->flow;
	struct pk_threat_key key = {
		.observer = f->head.observer,
		.addr = f->key.src,
		.kind = PK_THREAT_DETECTOR + match->index,
	};
	struct pk_threat_entry *e;

	pk_threats_advance(t, f->head.seen_ns);
	e = pk_threat_table_find(t->table, &key);
	if (!e &&
	    pk_window_count(match->entry) <= match->detector->window.threshold)
		return 0;
	t->counters.evidence++;
	if (!e) {
		open_match(t, match, &key);
		return 1;
	}
	fold(t, e, &f->head, f->head.seen_ns);
	aim(e, &f->key.dst, 1);
	e->shown.count++;
	if (may_update(t, e)) {
		pk_window_summarize(match->window, match->entry,
				    &e->shown.details);
		update(t, e);
	}
	return 1;
}

static int by_order(const void *a, const void *b)
{
	struct pk_threat_entry *const *x = a, *const *y = b;

	return ((*x)->order > (*y)->order) - ((*x)->order < (*y)->order);
}

/* All that are open, in order of opening; to free(3). NULL: there are none. */
static struct pk_threat_entry **all_open(const struct pk_threats *t)
{
	uint32_t n = pk_threat_table_count(t->table);
	struct pk_threat_entry **all = n ? malloc(n * sizeof(*all)) : NULL;

	if (!all)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		all[i] = pk_threat_table_at(t->table, i);
	qsort(all, n, sizeof(*all), by_order);
	return all;
}

void pk_threats_each(const struct pk_threats *t, pk_threat_sink_fn *show,
		     void *arg)
{
	uint32_t n = pk_threat_table_count(t->table);
	struct pk_threat_entry **all = all_open(t);

	for (uint32_t i = 0; all && i < n; i++)
		show(arg, &all[i]->shown);
	free(all);
}

void pk_threats_suppress(struct pk_threats *t)
{
	uint32_t n = pk_threat_table_count(t->table);
	struct pk_threat_entry **all = all_open(t);

	for (uint32_t i = 0; all && i < n; i++) {
		const struct pk_threat *s = &all[i]->shown;
		const struct pk_threat_subject subject = {
			.type = s->type,
			.offender = &s->offender,
			.target = &s->target,
			.indicator = s->indicator,
			.at_ns = t->now_ns,
		};

		if (is_suppressed(t, &subject))
			pk_threats_cut_off(t, all[i],
					   &t->counters.closed_suppressed);
	}
	free(all);
}

void pk_threats_count(const struct pk_threats *t,
		      struct pk_threat_counters *out)
{
	*out = t->counters;
	out->open = pk_threat_table_count(t->table);
}
