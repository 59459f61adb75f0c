/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/cursor.h"
#include "dataplane/record.h"

/* The oracle's own table of counters: name and place. */
struct counter {
	const char *name;
	size_t offset;
};

#define PLANE(part, name)  { #name, offsetof(struct pk_audit_plane, part.name) },
#define WORKER(name, text) PLANE(workers, name)
#define STAGE(name, text)  PLANE(stage, name)
#define KNOWN(name, text)  PLANE(known, name)

static const struct counter plane_counters[] = {
	PK_PLANE_COUNTERS(WORKER) PK_STAGE_COUNTERS(STAGE) PK_PORT_COUNTERS(
		STAGE) PK_AUDIT_KNOWN(KNOWN){
		"reasons", offsetof(struct pk_audit_plane, workers.reason) },
	{ NULL, 0 },
};

#define SENSOR(name, text) { #name, offsetof(struct pk_audit_sensor, name) },
#define PIPELINE(name, text) \
	{ "pipeline." #name, \
	  offsetof(struct pk_audit_sensor, pipeline.pipeline.name) },
#define WINDOW(name, text) \
	{ "window." #name, \
	  offsetof(struct pk_audit_sensor, pipeline.window.name) },
#define THREAT(name, text) \
	{ "threat." #name, \
	  offsetof(struct pk_audit_sensor, pipeline.threat.name) },

static const struct counter sensor_counters[] = {
	PK_AUDIT_SENSOR(SENSOR) PK_PIPELINE_COUNTERS(PIPELINE)
		PK_WINDOW_COUNTERS(WINDOW)
			PK_THREAT_COUNTERS(THREAT){ NULL, 0 },
};

/* A sound ledger: every counter that an identity names is not 0. */
static void fill_plane(struct pk_audit_plane *p, uint8_t plane)
{
	struct pk_plane_counters *w = &p->workers;
	struct pk_stage_counters *s = &p->stage;
	struct pk_audit_known *k = &p->known;

	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "plane%u", plane);
	p->plane = plane;
	w->seen = w->seen_in = s->nic_packets = 1000;
	p->offers = 1;
	k->gap_frames = 7, k->offered = 1007;
	if (plane == PK_PLANE_DPDK) {
		s->nic_missed = 1, s->nic_errors = 2, s->nic_nombuf = 3;
		s->socket_drops = 4, k->offered += 1 + 2 + 3 + 4;
	}
	w->reason[0] = 900;
	w->reason[31] = 100;
	w->hit_offered = 50, w->hit_submitted = 45, w->hit_ring_full = 5;
	w->hit_packets_src = 60, w->hit_packets_dst = 50;
	w->hit_packets_outer = 20;
	w->sample_frag_refused = 2, w->sample_deep_refused = 4;
	w->sample_offered = 46, w->sample_submitted = 30;
	w->sample_ring_full = 7, w->sample_unreadable = 3;
	w->flow_lines = 20, w->flow_out_lines = 18, w->flow_lost_lines = 2;
	w->flow_packets = 900, w->flow_out_packets = 700;
	w->flow_lost_packets = 100;
	k->cached_packets = 60, k->gone_cached_packets = 40;
	w->flow_bytes = 9000, w->flow_out_bytes = 7000;
	w->flow_lost_bytes = 1000;
	k->cached_bytes = 600, k->gone_cached_bytes = 400;
	s->hits_in = 30, k->before_hits = 10, k->gone_hits = 5;
	s->samples_in = 20, k->before_samples = 6, k->gone_samples = 4;
	s->lines_in = 10, k->before_lines = 5, k->gone_lines = 3;
	s->packets_in = 500, k->before_packets = 150, k->gone_line_packets = 50;
	s->bytes_in = 5000, k->before_bytes = 1500, k->gone_line_bytes = 500;
	s->packets_out = 400, s->packets_resident = 60, k->gone_packets = 40;
	s->bytes_out = 4000, s->bytes_resident = 600, k->gone_bytes = 400;
	w->dns_more_questions = 11, w->dns_tcp_more = 12;
	w->dns_messages = 66 + 11 + 12, w->dns_no_question = 2,
	w->dns_short = 3;
	w->dns_label_type = 4, w->dns_pointer = 5, w->dns_name_length = 6;
	w->dns_tcp_other = 7, w->dns_unreadable = 8, w->dns_deep = 9;
	w->dns_names = 21, w->dns_listed = 10, w->dns_tcp_split = 1;
	s->names_in = 16, s->names_given = 5, s->names_looked_up = 7;
	s->names_bad = 4, s->names_found = 3;
	s->frag_long = 9, s->frag_checksum = 10;
	s->frag_displaced = 11;
	s->frag_in = 80, s->frag_used = 20, s->frag_duplicate = 2;
	s->frag_expired = 3, s->frag_evicted = 4, s->frag_dropped = 5;
	s->frag_oversize = 6, s->frag_quota = 7, s->frag_cut = 8;
	s->frag_length = 2, s->frag_resident = 4, s->frag_nested = 76;
	s->frag_hits = 2;
	s->flows_out = 10;
	s->records_offered = 50, s->records_written = 44;
	s->records_ring_full = 6;
	s->lost_packets = 30, s->lost_bytes = 300;
	k->read_records = 40, k->read_bad = 1, k->read_lost = 2;
	k->read_held = 1, k->read_marks = 9;
	k->read = 53;
}

static void fill(struct pk_audit *a, struct pk_audit_plane *plane)
{
	struct pk_audit_sensor *s = &a->sensor;
	struct pk_pipeline_counters *p = &s->pipeline.pipeline;
	struct pk_window_counters *w = &s->pipeline.window;
	struct pk_threat_counters *t = &s->pipeline.threat;

	memset(a, 0, sizeof(*a));
	fill_plane(&plane[0], PK_PLANE_XDP);
	fill_plane(&plane[1], PK_PLANE_DPDK);
	a->planes = 2;
	a->plane = plane;
	s->kernel_hits = 130 + 10, s->user_hits = 130 + 10 + 5 + 5;
	s->merged = 80;
	p->records = 80, p->hits = 50, p->flows = 29, p->others = 1;
	p->flow_packets = 800 - 60, p->flow_bytes = 8000 - 600;
	p->matches = 20, p->below = 15, p->evidence = 4, p->no_window = 1;
	w->events = 20, w->restored = 4;
	w->resident = 14, w->aged = 5, w->displaced = 3;
	w->forgotten = 2;
	t->evidence = 29, t->opened = 9, t->folded = 10, t->redundant = 3;
	t->no_memory = 1, t->watched = 2, t->expired = 3;
	t->suppressed = 1, t->closed_suppressed = 3;
	t->closed_quiet = 2, t->closed_early = 1, t->closed_end = 1;
	t->revived = 5, t->open = 7;
	t->updates = 5, t->told = 21;
	s->told_out = 21, s->journal_offered = 17, s->journal_refused = 2;
	s->journal_committed = 11, s->journal_dropped = 3;
	s->journal_waiting = 1;
	s->bus_offered = 30, s->bus_published = 28, s->bus_refused = 2;
	s->replay_requests = 15, s->replay_hellos = 1, s->replay_begun = 7;
	s->replay_credits = 2, s->replay_cancels = 4, s->replay_refused = 1;
	s->replay_done = 3, s->replay_broken = 2, s->replay_open = 2;
	s->control_connections = 9, s->control_closed = 7;
	s->control_open = 2;
	s->control_requests = 12, s->control_pending = 1, s->control_ok = 9;
	s->control_errors = 2;
}

struct ledger {
	struct pk_audit a;
	struct pk_audit_plane plane[2];
	struct pk_audit_result *results;
	uint32_t count;
	uint32_t failed;
};

static void check(struct ledger *l)
{
	l->count = pk_audit_check(&l->a, l->results, &l->failed);
}

static struct ledger *sound(void)
{
	struct ledger *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	fill(&l->a, l->plane);
	l->results = calloc(pk_audit_size(2), sizeof(*l->results));
	assert_non_null(l->results);
	check(l);
	return l;
}

static void drop(struct ledger *l)
{
	free(l->results);
	free(l);
}

static const struct pk_audit_result *result(const struct ledger *l,
					    const char *identity,
					    const char *plane)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (!strcmp(l->results[i].identity, identity) &&
		    !strcmp(l->results[i].plane, plane))
			return &l->results[i];
	return NULL;
}

/* The counter that a term of an identity means; "all.x" is plane 0's x. */
static uint64_t *counter_of(struct ledger *l, const char *plane,
			    const char *term)
{
	const struct counter *c = sensor_counters;
	char *base = (char *)&l->a.sensor;

	if (strcmp(plane, "sensor") != 0 || !strncmp(term, "all.", 4) ||
	    !strncmp(term, "kernel.", 7) || !strncmp(term, "user.", 5)) {
		int dpdk = !strncmp(term, "user.", 5) ||
			   !strcmp(plane, l->plane[1].name);

		base = (char *)&l->plane[dpdk];
		c = plane_counters;
		term = strchr(term, '.') ? strchr(term, '.') + 1 : term;
	}
	for (; c->name; c++)
		if (!strcmp(c->name, term))
			return (uint64_t *)(base + c->offset);
	return NULL;
}

static void a_sound_ledger_closes(void **state)
{
	struct ledger *l = sound();

	(void)state;
	for (uint32_t i = 0; i < l->count; i++)
		if (!l->results[i].holds)
			print_error("%s of %s: %s = %llu, %s = %llu\n",
				    l->results[i].identity, l->results[i].plane,
				    l->results[i].left_text,
				    (unsigned long long)l->results[i].left,
				    l->results[i].right_text,
				    (unsigned long long)l->results[i].right);
	assert_int_equal(l->failed, 0);
	assert_in_range(l->count, 40, pk_audit_size(2));
	drop(l);
}

/* Break one term of one identity; that identity must show it. */
static void break_term(const char *identity, const char *plane,
		       const char *term)
{
	struct ledger *l = sound();
	uint64_t *n = counter_of(l, plane, term);
	const struct pk_audit_result *r;

	if (!n)
		fail_msg("%s: no counter %s", identity, term);
	if (!*n)
		fail_msg("%s: %s is 0 in the sound ledger", identity, term);
	++*n;
	check(l);
	r = result(l, identity, plane);
	assert_non_null(r);
	if (r->holds)
		fail_msg("%s of %s holds although %s is off by one", identity,
			 plane, term);
	assert_true(r->delta == 1 || r->delta == -1);
	assert_true(l->failed > 0);
	drop(l);
}

static void break_side(const struct pk_audit_result *r, const char *side)
{
	char copy[256], *rest = copy, *term;

	snprintf(copy, sizeof(copy), "%s", side);
	while ((term = strsep(&rest, " +")))
		if (*term)
			break_term(r->identity, r->plane, term);
}

static void every_term_of_every_identity_counts(void **state)
{
	struct ledger *l = sound();

	(void)state;
	for (uint32_t i = 0; i < l->count; i++) {
		break_side(&l->results[i], l->results[i].left_text);
		break_side(&l->results[i], l->results[i].right_text);
	}
	drop(l);
}

static void every_reason_counts(void **state)
{
	struct ledger *l = sound();

	(void)state;
	for (unsigned i = 0; i < PK_REASONS_MAX; i++) {
		l->plane[0].workers.reason[i]++;
		check(l);
		assert_false(result(l, "frames", "plane1")->holds);
		l->plane[0].workers.reason[i]--;
	}
	drop(l);
}

static void a_death_explains_one_event_and_no_more(void **state)
{
	struct ledger *l = sound();
	const struct pk_audit_result *r;

	(void)state;
	l->plane[0].known.deaths = 1;
	l->plane[0].stage.hits_in++;
	check(l);
	r = result(l, "hits taken", "plane1");
	assert_true(r->holds && r->doubt);
	l->plane[0].stage.hits_in++;
	check(l);
	assert_false(result(l, "hits taken", "plane1")->holds);
	drop(l);
}

static void a_death_explains_sums_only_with_their_events(void **state)
{
	struct ledger *l = sound();

	(void)state;
	l->plane[0].known.deaths = 1;
	l->plane[0].workers.flow_out_packets += 77;
	l->plane[0].workers.flow_packets += 77;
	check(l);
	assert_false(result(l, "line packets taken", "plane1")->holds);
	l->plane[0].workers.flow_out_lines++;
	l->plane[0].workers.flow_lines++;
	check(l);
	assert_true(result(l, "line packets taken", "plane1")->doubt);
	assert_false(result(l, "flow packets", "plane1")->doubt);
	/* no line holds more than its counter can */
	l->plane[0].workers.flow_out_packets += UINT32_MAX - 77;
	l->plane[0].workers.flow_packets += UINT32_MAX - 77;
	check(l);
	assert_true(result(l, "line packets taken", "plane1")->doubt);
	l->plane[0].workers.flow_out_packets++;
	l->plane[0].workers.flow_packets++;
	check(l);
	assert_false(result(l, "line packets taken", "plane1")->holds);
	drop(l);
}

static void a_settled_death_explains_nothing_more(void **state)
{
	struct ledger *l = sound();
	const struct pk_audit_result *r;

	(void)state;
	l->plane[0].known.deaths = 1;
	l->plane[0].stage.hits_in++;
	l->plane[0].stage.records_offered++;
	l->plane[0].stage.records_written++;
	l->plane[0].known.read++;
	l->plane[0].known.read_bad++;
	check(l);
	assert_int_equal(l->failed, 0);
	assert_true(pk_audit_is_unsettled(&l->a));
	assert_true(result(l, "hits taken", "plane1")->doubt);
	pk_audit_settle(&l->a, l->results, l->count);
	assert_false(pk_audit_is_unsettled(&l->a));
	check(l);
	assert_int_equal(l->failed, 0);
	r = result(l, "hits taken", "plane1");
	assert_true(r->holds && !r->doubt);
	assert_int_equal(r->off, -1);
	assert_int_equal(l->plane[0].known.deaths, 1);
	l->plane[0].stage.hits_in++; /* a second one is a mismatch */
	check(l);
	assert_false(result(l, "hits taken", "plane1")->holds);
	l->plane[0].stage.hits_in -= 2; /* so is its return */
	check(l);
	assert_false(result(l, "hits taken", "plane1")->holds);
	drop(l);
}

static void an_edge_explains_its_frames_until_it_is_settled(void **state)
{
	struct ledger *l = sound();
	struct pk_audit_plane *p = &l->plane[1];

	(void)state;
	p->known.edge_frames = 5;
	for (int off = -5; off <= 5; off++) {
		p->known.offered += (uint64_t)(int64_t)off;
		check(l);
		assert_true(result(l, "offered", p->name)->holds);
		assert_int_equal(result(l, "offered", p->name)->doubt,
				 off != 0);
		p->known.offered -= (uint64_t)(int64_t)off;
	}
	p->known.offered += 6;
	check(l);
	assert_false(result(l, "offered", p->name)->holds);
	p->known.offered -= 12;
	check(l);
	assert_false(result(l, "offered", p->name)->holds);
	p->known.offered += 3;
	check(l);
	pk_audit_settle(&l->a, l->results, l->count);
	check(l);
	assert_int_equal(l->failed, 0);
	assert_false(result(l, "offered", p->name)->doubt);
	p->known.offered++;
	check(l);
	assert_false(result(l, "offered", p->name)->holds);
	drop(l);
}

static void what_is_not_known_to_be_offered_is_not_claimed(void **state)
{
	struct ledger *l = sound();

	(void)state;
	l->plane[1].offers = 0;
	l->plane[1].known.offered = 0;
	check(l);
	assert_non_null(result(l, "offered", l->plane[0].name));
	assert_null(result(l, "offered", l->plane[1].name));
	assert_int_equal(l->failed, 0);
	drop(l);
}

/* 27,952 of 30,000 frames dropped by a socket: the books close, and say so. */
static void losses_are_told(void **state)
{
	struct pk_audit_loss loss[3 * PK_AUDIT_LOSSES];
	struct ledger *l = sound();
	uint32_t n, found = 0;

	(void)state;
	l->plane[1].stage.socket_drops += 27952;
	l->plane[1].known.offered += 27952;
	l->plane[0].workers.reason[PK_PARSE_OK] -= 5;
	l->plane[0].workers.reason[PK_PARSE_TUNNEL_DEPTH] += 5;
	l->plane[0].workers.reason[PK_PARSE_OK] -= 6;
	l->plane[0].workers.reason[PK_PARSE_GRE_UNSUPPORTED] += 6;
	l->plane[0].stage.names_cut += 7;
	check(l);
	assert_int_equal(l->failed, 0);
	n = pk_audit_losses(&l->a, loss);
	assert_in_range(n, 10, 2 * PK_AUDIT_LOSSES);
	for (uint32_t i = 0; i < n; i++) {
		assert_true(loss[i].count > 0);
		/* not the sum that stands for a name that nobody has */
		assert_true(loss[i].count < 1000000);
		if (!strcmp(loss[i].plane, l->plane[1].name) &&
		    !strcmp(loss[i].name, "socket_drops"))
			found += loss[i].count == 27956;
		if (!strcmp(loss[i].name, "reason.TUNNEL_DEPTH"))
			found += loss[i].count == 5;
		found += !strcmp(loss[i].name, "reason.GRE_UNSUPPORTED");
		found += !strcmp(loss[i].name, "names_bad");
		found += !strcmp(loss[i].name, "names_cut");
		/* user space judges these */
		assert_string_not_equal(loss[i].name, "dns_pointer");
	}
	assert_int_equal(found, 2 + 1 + 2 + 1);
	memset(l->plane, 0, sizeof(l->plane));
	memset(&l->a.sensor, 0, sizeof(l->a.sensor));
	assert_int_equal(pk_audit_losses(&l->a, loss), 0);
	drop(l);
}

static void burying_closes_the_books_of_a_port(void **state)
{
	struct ledger *l = sound();
	struct pk_audit_plane *p = &l->plane[1];

	(void)state;
	p->workers.hit_submitted += 3; /* never taken */
	p->workers.hit_offered += 3;
	p->workers.flow_packets += 500; /* in its caches */
	p->known.cached_packets = 0;
	p->stage.packets_in += 20; /* in its table */
	p->workers.flow_out_packets += 20;
	p->workers.flow_packets += 20;
	check(l);
	assert_true(l->failed > 0);
	p->stage.nic_packets -= 9; /* not read since */
	pk_audit_bury(p);
	p->known.cached_bytes = 0;
	pk_audit_bury(p); /* a second death of nothing changes nothing */
	check(l);
	assert_true(result(l, "driver", p->name)->holds);
	assert_true(result(l, "offered", p->name)->holds);
	assert_true(result(l, "hits taken", p->name)->holds);
	assert_true(result(l, "flow packets", p->name)->holds);
	assert_true(result(l, "flow bytes", p->name)->holds);
	assert_true(result(l, "table packets", p->name)->holds);
	assert_int_equal(p->stage.packets_resident, 0);
	assert_int_equal(p->known.deaths, 2);
	drop(l);
}

static void the_kernels_events_outlive_a_reader(void **state)
{
	struct ledger *l = sound();
	uint64_t gone = l->plane[0].known.gone_hits;

	(void)state;
	l->plane[0].workers.hit_submitted += 3;
	pk_audit_bury(&l->plane[0]);
	assert_int_equal(l->plane[0].known.gone_hits, gone);
	assert_int_equal(l->plane[0].known.gone_packets, 100);
	drop(l);
}

static void movement_is_seen_but_not_marks_and_sweeps(void **state)
{
	struct ledger *a = sound(), *b = sound();

	(void)state;
	assert_false(pk_audit_moved(&a->a, &b->a));
	b->plane[1].workers.sweeps++;
	b->plane[1].known.read++;
	b->plane[1].known.read_marks++;
	b->a.sensor.control_ok++;
	assert_false(pk_audit_moved(&a->a, &b->a));
	b->plane[1].workers.seen++;
	assert_true(pk_audit_moved(&a->a, &b->a));
	drop(a);
	drop(b);
}

static void planes_add_up(void **state)
{
	struct ledger *l = sound();
	struct pk_audit_plane sum = { .name = "sum" };

	(void)state;
	pk_audit_add_plane(&sum, &l->plane[0]);
	pk_audit_add_plane(&sum, &l->plane[1]);
	assert_string_equal(sum.name, "sum");
	for (const struct counter *c = plane_counters; c->name; c++)
		assert_int_equal(
			*(uint64_t *)((char *)&sum + c->offset),
			*(uint64_t *)((char *)&l->plane[0] + c->offset) +
				*(uint64_t *)((char *)&l->plane[1] +
					      c->offset));
	drop(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_ledger_closes),
		cmocka_unit_test(every_term_of_every_identity_counts),
		cmocka_unit_test(every_reason_counts),
		cmocka_unit_test(a_death_explains_one_event_and_no_more),
		cmocka_unit_test(a_death_explains_sums_only_with_their_events),
		cmocka_unit_test(a_settled_death_explains_nothing_more),
		cmocka_unit_test(
			an_edge_explains_its_frames_until_it_is_settled),
		cmocka_unit_test(
			what_is_not_known_to_be_offered_is_not_claimed),
		cmocka_unit_test(losses_are_told),
		cmocka_unit_test(burying_closes_the_books_of_a_port),
		cmocka_unit_test(the_kernels_events_outlive_a_reader),
		cmocka_unit_test(movement_is_seen_but_not_marks_and_sweeps),
		cmocka_unit_test(planes_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
