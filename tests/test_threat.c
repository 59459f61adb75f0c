/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/threat.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/encode.h"

#define SEC   1000000000ULL
#define START (1486834647 * SEC)

enum { TOLD_MAX = 64, LISTED = 0x0a000001, OTHER = 0x0a000002 };

/* What was told, and all of it as JSON. */
struct told {
	int n;
	struct pk_threat threat[TOLD_MAX];
	char value[TOLD_MAX][PK_THREAT_VALUE];
	char *json;
	size_t len, room;
};

struct fixture {
	struct pk_threats *threats;
	struct told told;
	int asked;
	uint8_t watch;
	uint64_t ends_ns;
};

static void listen(void *arg, const struct pk_threat *threat)
{
	struct told *t = arg;
	char json[PK_ENCODE_MAX];
	int len = pk_encode_threat(threat, json, sizeof(json));

	assert_true(len > 0);
	if (t->len + (size_t)len + 2 > t->room) {
		t->room = (t->room + (size_t)len + 2) * 2;
		t->json = realloc(t->json, t->room);
		assert_non_null(t->json);
	}
	t->len += (size_t)sprintf(t->json + t->len, "%s\n", json);
	if (t->n < TOLD_MAX) {
		t->threat[t->n] = *threat;
		if (threat->indicator)
			snprintf(t->value[t->n], sizeof(t->value[0]), "%s",
				 threat->indicator->value);
	}
	t->n++;
}

/* Is @wire evil.example, or below it? */
static int is_evil(const uint8_t *wire)
{
	static const uint8_t evil[] = "\4evil\7example";
	size_t n = strlen((const char *)wire) + 1;

	return n >= sizeof(evil) &&
	       !memcmp(wire + n - sizeof(evil), evil, sizeof(evil));
}

/* Slot 1 is LISTED, slot 2 a name, slot 3 another address than any hit's. */
static int indicator(void *arg, const struct pk_threat_seen *seen,
		     struct pk_threat_indicator *out)
{
	struct fixture *f = arg;

	f->asked++;
	out->confidence = 75;
	out->feeds = 1;
	strcpy(out->feed[0], "feed");
	strcpy(out->id, "4711");
	strcpy(out->threat_type, "c2");
	out->watch = f->watch;
	if (f->ends_ns && seen->at_ns >= f->ends_ns)
		return -ETIME;
	if (seen->slot == 1) {
		strcpy(out->type, "ipv4-addr");
		strcpy(out->value, "10.0.0.1");
	} else if (seen->slot == 2 && is_evil(seen->name)) {
		strcpy(out->type, "domain-name");
		strcpy(out->value, "evil.example");
	} else {
		return seen->slot == 2 || seen->slot == 3 ? -ESTALE : -ENOENT;
	}
	return 0;
}

static void set_up_with(struct fixture *f, struct pk_threats_conf conf)
{
	memset(f, 0, sizeof(*f));
	conf.sensor = "s1";
	conf.epoch = 1;
	conf.indicator = indicator;
	conf.arg = f;
	conf.sink = listen;
	conf.sink_arg = &f->told;
	assert_int_equal(pk_threats_new(&f->threats, &conf), 0);
}

static void set_up(struct fixture *f)
{
	set_up_with(f, (struct pk_threats_conf){ 0 });
}

static void tear_down(struct fixture *f)
{
	struct pk_threat_counters c;

	pk_threats_count(f->threats, &c);
	assert_int_equal(c.evidence, c.opened + c.folded + c.redundant +
					     c.watched + c.expired +
					     c.suppressed + c.no_memory);
	assert_int_equal(c.opened, c.closed_quiet + c.closed_early +
					   c.closed_end + c.open);
	assert_int_equal(c.told, c.opened + c.updates + c.closed_quiet +
					 c.closed_early + c.closed_end);
	assert_int_equal(c.told, f->told.n);
	pk_threats_free(f->threats);
	free(f->told.json);
}

static union pk_addr addr(uint32_t ip4)
{
	union pk_addr a = { .b = { [10] = 0xff, [11] = 0xff } };

	for (int i = 0; i < 4; i++)
		a.b[12 + i] = (uint8_t)(ip4 >> (24 - 8 * i));
	return a;
}

static struct pk_hit make_hit(uint64_t ns, uint32_t src, uint32_t dst,
			      uint8_t role)
{
	struct pk_hit h = { .head = { .type = PK_RECORD_HIT,
				      .len = pk_hit_len(0),
				      .plane = PK_PLANE_DPDK,
				      .sampling = 1,
				      .seen_ns = ns },
			    .generation = 7,
			    .slot = 1,
			    .role = role };

	h.packet.key.src = addr(src);
	h.packet.key.dst = addr(dst);
	h.packet.key.sport = 40000;
	h.packet.key.dport = 443;
	h.packet.key.proto = 6;
	h.packet.tcp_flags = 2;
	h.packet.ttl = 61;
	return h;
}

static void hit(struct fixture *f, uint64_t ns, uint32_t src, uint32_t dst,
		uint8_t role)
{
	struct pk_hit h = make_hit(ns, src, dst, role);

	pk_threats_hit(f->threats, &h);
}

static void flow(struct fixture *f, uint64_t ns, uint32_t src, uint32_t dst,
		 const uint64_t listed[2])
{
	struct pk_flow r = { .head = { .type = PK_RECORD_FLOW,
				       .len = sizeof(r),
				       .plane = PK_PLANE_DPDK,
				       .sampling = 1,
				       .seen_ns = ns },
			     .start_ns = ns - 5 * SEC,
			     .end_ns = ns - 2 * SEC };

	r.key.src = addr(src);
	r.key.dst = addr(dst);
	r.key.proto = 6;
	r.listed[0] = listed[0];
	r.listed[1] = listed[1];
	pk_threats_flow(f->threats, &r);
}

#define SRC(n) ((const uint64_t[2]){ (n), 0 })
#define DST(n) ((const uint64_t[2]){ 0, (n) })

static const struct pk_threat *last(const struct fixture *f)
{
	assert_in_range(f->told.n, 1, TOLD_MAX);
	return &f->told.threat[f->told.n - 1];
}

static void a_hit_opens_and_says_everything(void **state)
{
	const struct pk_threat *t;
	struct fixture f;
	union pk_addr a = addr(LISTED), b = addr(OTHER);

	(void)state;
	set_up(&f);
	hit(&f, START, LISTED, OTHER, PK_ROLE_SOURCE);
	assert_int_equal(f.told.n, 1);
	t = last(&f);
	assert_int_equal(t->state, PK_THREAT_OPEN);
	assert_string_equal(t->type, "indicator");
	assert_memory_equal(&t->offender, &a, 16);
	assert_memory_equal(&t->target, &b, 16);
	assert_int_equal(t->first_ns, START);
	assert_int_equal(t->last_ns, START);
	assert_int_equal(t->count, 1);
	assert_int_equal(t->generation, 7);
	assert_int_equal(t->role, PK_ROLE_SOURCE);
	assert_int_equal(t->plane, PK_PLANE_DPDK);
	assert_int_equal(t->confidence, 75);
	assert_int_equal(t->flow.ttl, 61);
	assert_int_equal(t->flow.tcp_flags, 2);
	assert_int_equal(t->flow.key.sport, 40000);
	assert_int_equal(t->seq, 1);
	assert_string_equal(f.told.value[0], "10.0.0.1");
	tear_down(&f);
}

static void a_listed_destination_is_the_offender_too(void **state)
{
	union pk_addr a = addr(LISTED), b = addr(OTHER);
	struct fixture f;

	(void)state;
	set_up(&f);
	hit(&f, START, OTHER, LISTED, PK_ROLE_DESTINATION);
	assert_memory_equal(&last(&f)->offender, &a, 16);
	assert_memory_equal(&last(&f)->target, &b, 16);
	/* and the way back belongs to the same finding */
	hit(&f, START + 1, LISTED, OTHER, PK_ROLE_SOURCE);
	assert_int_equal(f.told.n, 1);
	tear_down(&f);
}

/* R27: a million packets. */
static void a_flood_is_three_messages_with_an_exact_count(void **state)
{
	const uint64_t half[2] = { 500000, 0 };
	struct fixture f;

	(void)state;
	set_up(&f);
	hit(&f, START, LISTED, OTHER, PK_ROLE_SOURCE);
	flow(&f, START + 60 * SEC, LISTED, OTHER, half);
	assert_int_equal(f.told.n, 1);
	flow(&f, START + 600 * SEC, LISTED, OTHER, half);
	assert_int_equal(f.told.n, 2);
	assert_int_equal(last(&f)->state, PK_THREAT_UPDATE);
	assert_int_equal(last(&f)->count, 1000000);
	flow(&f, START + 601 * SEC, LISTED, OTHER, SRC(3));
	assert_int_equal(f.told.n, 2);
	pk_threats_advance(f.threats, START + 1199 * SEC - 1);
	assert_int_equal(f.told.n, 2);
	pk_threats_advance(f.threats, START + 1199 * SEC);
	assert_int_equal(f.told.n, 3);
	assert_int_equal(last(&f)->state, PK_THREAT_CLOSED);
	assert_int_equal(last(&f)->count, 1000003);
	assert_int_equal(last(&f)->last_ns, START + 599 * SEC);
	assert_int_equal(last(&f)->id[0], f.told.threat[0].id[0]);
	assert_int_equal(last(&f)->id[1], f.told.threat[0].id[1]);
	assert_int_equal(last(&f)->seq, 3);
	tear_down(&f);
}

static void evidence_after_the_close_opens_another(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	hit(&f, START, LISTED, OTHER, PK_ROLE_SOURCE);
	hit(&f, START + 600 * SEC, LISTED, OTHER, PK_ROLE_SOURCE);
	assert_int_equal(f.told.n, 3);
	assert_int_equal(f.told.threat[1].state, PK_THREAT_CLOSED);
	assert_int_equal(last(&f)->state, PK_THREAT_OPEN);
	assert_true(last(&f)->id[0] != f.told.threat[0].id[0]);
	assert_int_equal(f.asked, 2);
	tear_down(&f);
}

static void redundant_hits_change_nothing(void **state)
{
	struct fixture f, g;

	(void)state;
	set_up(&f);
	set_up(&g);
	for (uint64_t i = 0; i < 100; i++) {
		uint64_t at = START + i * 20 * SEC;

		if (i == 0)
			hit(&f, at, LISTED, OTHER, PK_ROLE_SOURCE);
		for (uint64_t n = 0; n < 5; n++)
			hit(&g, at + n, LISTED, OTHER, PK_ROLE_SOURCE);
		for (uint64_t n = 5; n < 10; n++)
			hit(&g, at + n, OTHER, LISTED, PK_ROLE_DESTINATION);
		flow(&f, at + 19 * SEC, LISTED, OTHER, SRC(2));
		flow(&g, at + 19 * SEC, LISTED, OTHER, SRC(2));
	}
	hit(&g, START + 2000 * SEC, LISTED, OTHER, PK_ROLE_SOURCE);
	pk_threats_close_all(f.threats);
	pk_threats_close_all(g.threats);
	assert_int_equal(f.told.n, 1 + 3 + 1);
	assert_int_equal(last(&f)->count, 200);
	assert_string_equal(f.told.json, g.told.json);
	tear_down(&f);
	tear_down(&g);
}

/* The flow of packets that came in time is exported when it is too late. */
static void a_hit_keeps_a_threat_open_for_its_flow(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	hit(&f, START, LISTED, OTHER, PK_ROLE_SOURCE);
	hit(&f, START + 599 * SEC, LISTED, OTHER, PK_ROLE_SOURCE);
	flow(&f, START + 603 * SEC, LISTED, OTHER, SRC(9));
	assert_int_equal(f.told.n, 2);
	assert_int_equal(last(&f)->state, PK_THREAT_UPDATE);
	assert_int_equal(last(&f)->count, 9);
	tear_down(&f);
}

static void a_flow_without_a_hit_opens_too(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	flow(&f, START, OTHER, LISTED, DST(4));
	assert_int_equal(f.told.n, 1);
	assert_int_equal(last(&f)->count, 4);
	assert_int_equal(last(&f)->role, PK_ROLE_DESTINATION);
	assert_int_equal(last(&f)->first_ns, START - 5 * SEC);
	assert_int_equal(last(&f)->last_ns, START - 2 * SEC);
	assert_false(last(&f)->flow.has_ttl);
	assert_string_equal(f.told.value[0], "10.0.0.1");
	hit(&f, START, OTHER, LISTED, PK_ROLE_DESTINATION);
	assert_int_equal(f.told.n, 1);
	tear_down(&f);
}

static void both_ends_of_a_flow_may_be_listed(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	flow(&f, START, LISTED, OTHER, (const uint64_t[2]){ 3, 4 });
	assert_int_equal(f.told.n, 2);
	assert_int_equal(f.told.threat[0].count, 3);
	assert_int_equal(f.told.threat[1].count, 4);
	flow(&f, START, LISTED, LISTED, (const uint64_t[2]){ 2, 2 });
	pk_threats_close_all(f.threats);
	assert_int_equal(last(&f)->state, PK_THREAT_CLOSED);
	assert_int_equal(f.told.threat[2].count, 5); /* not 7 */
	tear_down(&f);
}

static void a_flow_whose_times_lie_cannot_keep_a_threat_open(void **state)
{
	struct pk_flow r = { .head = { .type = PK_RECORD_FLOW,
				       .len = sizeof(r),
				       .sampling = 1,
				       .seen_ns = START },
			     .start_ns = UINT64_MAX - 1,
			     .end_ns = UINT64_MAX,
			     .listed = { UINT64_MAX, 0 } };
	struct fixture f;

	(void)state;
	set_up(&f);
	pk_threats_flow(f.threats, &r);
	pk_threats_flow(f.threats, &r);
	pk_threats_advance(f.threats, START + 600 * SEC);
	assert_int_equal(last(&f)->state, PK_THREAT_CLOSED);
	assert_int_equal(last(&f)->first_ns, START);
	assert_int_equal(last(&f)->count, UINT64_MAX);
	tear_down(&f);
}

static void name_hit(struct fixture *f, uint64_t ns, int answer,
		     const char *wire, uint16_t len)
{
	struct pk_hit h =
		make_hit(ns, answer ? OTHER : LISTED, answer ? LISTED : OTHER,
			 PK_ROLE_DNS_QUESTION);

	h.slot = 2;
	h.packet.key.proto = 17;
	h.packet.key.sport = answer ? 53 : 40000;
	h.packet.key.dport = answer ? 40000 : 53;
	h.text_len = len;
	memcpy(h.text, wire, len);
	pk_threats_hit(f->threats, &h);
}

#define EVIL "\3www\4evil\7example" /* and its NUL */

static void the_asking_client_offends_by_a_name(void **state)
{
	union pk_addr client = addr(LISTED), server = addr(OTHER);
	struct fixture f;

	(void)state;
	set_up(&f);
	name_hit(&f, START, 0, EVIL, sizeof(EVIL));
	name_hit(&f, START + 1, 1, EVIL, sizeof(EVIL)); /* the answer */
	name_hit(&f, START + 600 * SEC, 0, EVIL, sizeof(EVIL));
	assert_int_equal(f.told.n, 2);
	assert_memory_equal(&last(&f)->offender, &client, 16);
	assert_memory_equal(&last(&f)->target, &server, 16);
	assert_int_equal(last(&f)->count, 3);
	assert_int_equal(last(&f)->last_ns, START + 600 * SEC);
	assert_string_equal(f.told.value[0], "evil.example");
	assert_non_null(strstr(f.told.json, "\"www.evil.example\""));
	tear_down(&f);
}

static void a_name_that_is_none_is_told_without_it(void **state)
{
	struct pk_threat_counters c;
	struct fixture f;

	(void)state;
	set_up(&f);
	name_hit(&f, START, 0, "\77broken", 7);
	pk_threats_count(f.threats, &c);
	assert_int_equal(f.told.n, 1);
	assert_int_equal(c.mismatched, 1);
	assert_null(f.told.threat[0].name);
	tear_down(&f);
}

static void another_name_than_the_indicators_is_told_as_seen(void **state)
{
	struct pk_threat_counters c;
	struct fixture f;

	(void)state;
	set_up(&f);
	name_hit(&f, START, 0, "\7notevil\7example", 17);
	pk_threats_count(f.threats, &c);
	assert_int_equal(c.mismatched, 1);
	assert_string_equal(f.told.value[0], "notevil.example");
	tear_down(&f);
}

static void an_indicator_that_has_ended_opens_no_threat(void **state)
{
	struct pk_threat_counters c;
	struct fixture f;

	(void)state;
	set_up(&f);
	f.ends_ns = START;
	hit(&f, START, LISTED, OTHER, PK_ROLE_SOURCE);
	name_hit(&f, START, 0, "\4evil\7example", 14);
	pk_threats_count(f.threats, &c);
	assert_int_equal(c.expired, 2);
	assert_int_equal(f.told.n, 0);
	f.ends_ns = START + 1; /* seen before its end, however late it comes */
	hit(&f, START, LISTED, OTHER, PK_ROLE_SOURCE);
	assert_int_equal(f.told.n, 1);
	tear_down(&f);
}

static void a_watched_indicator_opens_no_threat(void **state)
{
	struct pk_threat_counters c;
	struct fixture f;

	(void)state;
	set_up(&f);
	f.watch = 1;
	hit(&f, START, LISTED, OTHER, PK_ROLE_SOURCE);
	name_hit(&f, START, 0, "\4evil\7example", 14);
	pk_threats_count(f.threats, &c);
	assert_int_equal(c.watched, 2);
	assert_int_equal(c.open, 0);
	assert_int_equal(f.told.n, 0);
	f.watch = 0; /* what was watched may be told from now on */
	hit(&f, START, LISTED, OTHER, PK_ROLE_SOURCE);
	assert_int_equal(f.told.n, 1);
	tear_down(&f);
}

static void an_unknown_or_wrong_indicator_is_told_by_the_address(void **state)
{
	struct pk_threat_counters c;
	struct fixture f;
	struct pk_hit h = make_hit(START, LISTED, OTHER, PK_ROLE_SOURCE);

	(void)state;
	set_up(&f);
	h.slot = 3;
	pk_threats_hit(f.threats, &h);
	h = make_hit(START, OTHER, LISTED, PK_ROLE_SOURCE);
	h.slot = 99;
	pk_threats_hit(f.threats, &h);
	pk_threats_count(f.threats, &c);
	assert_int_equal(c.mismatched, 1);
	assert_int_equal(c.unresolved, 1);
	assert_string_equal(f.told.value[0], "10.0.0.1");
	assert_string_equal(f.told.value[1], "10.0.0.2");
	tear_down(&f);
}

static void observers_are_kept_apart(void **state)
{
	struct pk_hit h = make_hit(START, LISTED, OTHER, PK_ROLE_SOURCE);
	struct fixture f;

	(void)state;
	set_up(&f);
	pk_threats_hit(f.threats, &h);
	h.head.observer = addr(0x0a080203);
	pk_threats_hit(f.threats, &h);
	assert_int_equal(f.told.n, 2);
	tear_down(&f);
}

static void closes_in_order_of_the_last_evidence(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	for (uint32_t i = 0; i < 10; i++)
		hit(&f, START + i, i, OTHER, PK_ROLE_SOURCE);
	flow(&f, START + 9 * SEC, 0, OTHER, SRC(1));
	pk_threats_advance(f.threats, START + 10000 * SEC);
	assert_int_equal(f.told.n, 20);
	for (uint32_t i = 1; i < 10; i++) {
		union pk_addr a = addr(i);

		assert_memory_equal(&f.told.threat[9 + i].offender, &a, 16);
	}
	assert_int_equal(last(&f)->last_ns, START + 7 * SEC);
	tear_down(&f);
}

/* With evictions from the midst of the heap, and times that have moved. */
static void closes_in_order_after_any_history(void **state)
{
	(void)state;
	srandom(5);
	for (int round = 0; round < 200; round++) {
		uint64_t at = START;
		struct fixture f;
		int before;

		set_up_with(&f, (struct pk_threats_conf){ .capacity = 20 });
		for (int i = 0; i < 60; i++) {
			at += (uint64_t)random() % (40 * SEC);
			flow(&f, at, (uint32_t)random() % 24, OTHER, SRC(1));
		}
		f.told.n = 0;
		pk_threats_advance(f.threats, at + 700 * SEC);
		before = f.told.n;
		for (int i = 1; i < before; i++)
			assert_true(f.told.threat[i - 1].last_ns <=
				    f.told.threat[i].last_ns);
		assert_true(before > 5);
		pk_threats_free(f.threats);
		free(f.told.json);
	}
}

static void all_close_at_the_end(void **state)
{
	struct pk_threat_counters c;
	struct fixture f;

	(void)state;
	set_up(&f);
	for (uint32_t i = 0; i < 10; i++)
		hit(&f, START + i, i, OTHER, PK_ROLE_SOURCE);
	pk_threats_close_all(f.threats);
	pk_threats_close_all(f.threats);
	pk_threats_count(f.threats, &c);
	assert_int_equal(c.closed_end, 10);
	assert_int_equal(c.open, 0);
	tear_down(&f);
}

static void a_flood_of_threats_closes_the_oldest_early(void **state)
{
	struct pk_threat_counters c;
	union pk_addr first = addr(0), second = addr(1);
	struct fixture f;

	(void)state;
	set_up_with(&f, (struct pk_threats_conf){ .capacity = 4 });
	for (uint32_t i = 0; i < 4; i++)
		hit(&f, START + i, i, OTHER, PK_ROLE_SOURCE);
	flow(&f, START + 8 * SEC, 0, OTHER, SRC(1));
	hit(&f, START + 9 * SEC, 50, OTHER, PK_ROLE_SOURCE);
	assert_int_equal(f.told.threat[4].state, PK_THREAT_CLOSED);
	assert_memory_equal(&f.told.threat[4].offender, &second, 16);
	for (uint32_t i = 0; i < 1000; i++)
		hit(&f, START + 10 * SEC + i, 100 + i, OTHER, PK_ROLE_SOURCE);
	pk_threats_count(f.threats, &c);
	assert_int_equal(c.open, 4);
	assert_int_equal(c.closed_early, 1001);
	assert_memory_equal(&f.told.threat[10].offender, &first, 16);
	tear_down(&f);
}

static void collect(void *arg, const struct pk_threat *t)
{
	*(uint64_t *)arg = *(uint64_t *)arg * 16 + t->offender.b[15];
}

static void shows_what_is_open_in_order_of_opening(void **state)
{
	struct fixture f;
	uint64_t seen = 0;

	(void)state;
	set_up(&f);
	for (uint32_t i = 1; i < 6; i++)
		hit(&f, START + i, i, OTHER, PK_ROLE_SOURCE);
	flow(&f, START + 9 * SEC, 2, OTHER, SRC(1));
	pk_threats_each(f.threats, collect, &seen);
	assert_int_equal(seen, 0x12345);
	assert_int_equal(f.told.n, 5);
	tear_down(&f);
}

static void the_id_depends_on_sensor_type_key_and_first_only(void **state)
{
	struct pk_hit h = make_hit(START, LISTED, OTHER, PK_ROLE_SOURCE);
	struct fixture f, g;

	(void)state;
	set_up_with(&f, (struct pk_threats_conf){ .seed = 1 });
	set_up_with(&g, (struct pk_threats_conf){ .seed = 2 });
	pk_threats_hit(f.threats, &h);
	h.slot = 99;
	h.packet.ttl = 1;
	h.head.plane = PK_PLANE_XDP;
	pk_threats_hit(g.threats, &h);
	assert_int_equal(last(&f)->id[0], last(&g)->id[0]);
	assert_int_equal(last(&f)->id[1], last(&g)->id[1]);
	h.head.observer.b[3] = 1;
	pk_threats_hit(g.threats, &h);
	assert_true(last(&f)->id[0] != last(&g)->id[0]);
	tear_down(&f);
	tear_down(&g);
}

static void rejects_a_conf_without_sensor_or_sink(void **state)
{
	struct pk_threats_conf conf = { .sensor = "s1" };
	struct pk_threats *t = NULL;

	(void)state;
	assert_int_equal(pk_threats_new(&t, &conf), -EINVAL);
	conf.sensor = NULL;
	conf.sink = listen;
	assert_int_equal(pk_threats_new(&t, &conf), -EINVAL);
	assert_null(t);
	pk_threats_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hit_opens_and_says_everything),
		cmocka_unit_test(a_listed_destination_is_the_offender_too),
		cmocka_unit_test(a_flood_is_three_messages_with_an_exact_count),
		cmocka_unit_test(evidence_after_the_close_opens_another),
		cmocka_unit_test(redundant_hits_change_nothing),
		cmocka_unit_test(a_hit_keeps_a_threat_open_for_its_flow),
		cmocka_unit_test(a_flow_without_a_hit_opens_too),
		cmocka_unit_test(both_ends_of_a_flow_may_be_listed),
		cmocka_unit_test(
			a_flow_whose_times_lie_cannot_keep_a_threat_open),
		cmocka_unit_test(the_asking_client_offends_by_a_name),
		cmocka_unit_test(a_name_that_is_none_is_told_without_it),
		cmocka_unit_test(
			another_name_than_the_indicators_is_told_as_seen),
		cmocka_unit_test(an_indicator_that_has_ended_opens_no_threat),
		cmocka_unit_test(a_watched_indicator_opens_no_threat),
		cmocka_unit_test(
			an_unknown_or_wrong_indicator_is_told_by_the_address),
		cmocka_unit_test(observers_are_kept_apart),
		cmocka_unit_test(closes_in_order_of_the_last_evidence),
		cmocka_unit_test(closes_in_order_after_any_history),
		cmocka_unit_test(all_close_at_the_end),
		cmocka_unit_test(a_flood_of_threats_closes_the_oldest_early),
		cmocka_unit_test(shows_what_is_open_in_order_of_opening),
		cmocka_unit_test(
			the_id_depends_on_sensor_type_key_and_first_only),
		cmocka_unit_test(rejects_a_conf_without_sensor_or_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
