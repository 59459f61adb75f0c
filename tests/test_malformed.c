/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * R20: an unknown or malformed event never stops the aggregator. One plane
 * sends damaged records without end, another one hits: each hit becomes a
 * threat, and whatever else is told is a JSON object.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "control/encode.h"
#include "control/merge.h"
#include "control/pipeline.h"

enum { DAMAGED = 60000, EVERY = 20, HITS = DAMAGED / EVERY };

#define START 1700000000000000000ULL

struct rig {
	struct pk_merge *merge;
	struct pk_pipeline *pipeline;
	struct pk_ring *good, *bad;
	int source; /* of the bad one */
	uint64_t now_ns;
	uint8_t told[HITS];
	uint64_t others;
	uint64_t fences;
};

static uint64_t state = 20;

static uint64_t next_random(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 24;
}

static void set_addr(union pk_addr *a, uint32_t ip)
{
	memset(a, 0, sizeof(*a));
	a->b[10] = a->b[11] = 0xff;
	ip = htonl(ip);
	memcpy(a->b + 12, &ip, 4);
}

/* --- what is told ------------------------------------------------------------ */

static void assert_json(const char *text, int len)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *o;

	json_tokener_set_flags(t, JSON_TOKENER_STRICT |
					  JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(t, text, len);
	if (!json_object_is_type(o, json_type_object))
		fail_msg("%s", text);
	json_object_put(o);
	json_tokener_free(t);
}

static void on_threat(void *arg, const struct pk_threat *t)
{
	static char text[PK_ENCODE_MAX];
	struct rig *r = arg;
	uint32_t ip;
	int n = pk_encode_threat(t, text, sizeof(text));

	assert_true(n > 0);
	assert_json(text, n);
	memcpy(&ip, t->offender.b + 12, 4);
	ip = ntohl(ip) - 0x14000000;
	if (t->state == PK_THREAT_OPEN && ip < HITS && t->observer.b[15] == 77)
		r->told[ip] = 1;
	else
		r->others++;
}

static int describe(void *arg, const struct pk_threat_seen *seen,
		    struct pk_threat_indicator *out)
{
	(void)arg;
	(void)seen;
	memset(out, 0, sizeof(*out));
	strcpy(out->type, "ipv4-addr");
	strcpy(out->value, "20.0.0.1");
	out->feeds = 1;
	return 0;
}

/* --- what is sent ------------------------------------------------------------- */

static void make_hit(struct pk_hit *h, uint64_t seq, uint64_t now)
{
	*h = (struct pk_hit){
		.head = { .type = PK_RECORD_HIT,
			  .len = pk_hit_len(0),
			  .plane = PK_PLANE_XDP,
			  .epoch = 1,
			  .sampling = 1,
			  .seq = seq,
			  .seen_ns = now },
		.slot = 1,
		.role = PK_ROLE_SOURCE,
	};
	set_addr(&h->head.observer, 77);
	set_addr(&h->packet.key.src, 0x14000000 + (uint32_t)seq - 1);
	set_addr(&h->packet.key.dst, 0x0a000001);
	h->packet.key.proto = 6;
}

static void push_good(struct rig *r, uint64_t seq)
{
	struct pk_hit h;

	make_hit(&h, seq, r->now_ns);
	assert_int_equal(pk_ring_push(r->good, &h, h.head.len), 0);
}

static uint32_t make_good(uint8_t bytes[PK_RECORD_MAX], uint64_t now)
{
	struct pk_hit hit;
	struct pk_flow flow = {
		.head = { .type = PK_RECORD_FLOW,
			  .len = sizeof(flow),
			  .epoch = 1,
			  .sampling = 1,
			  .seq = next_random(),
			  .seen_ns = now },
		.start_ns = now - 5,
		.end_ns = now,
		.packets = { 1, 2 },
		.listed = { 1, 0 },
	};

	if (next_random() & 1) {
		memcpy(bytes, &flow, sizeof(flow));
		return sizeof(flow);
	}
	make_hit(&hit, next_random(), now);
	hit.head.observer.b[15] = 78;
	memcpy(bytes, &hit, hit.head.len);
	return hit.head.len;
}

/* Some bytes of a record are others; or all are, or it is cut. */
static void push_damaged(struct rig *r)
{
	uint8_t bytes[PK_RECORD_MAX] = { 0 };
	uint32_t len = make_good(bytes, r->now_ns), changes;

	changes = (uint32_t)(next_random() % 8);
	if (next_random() % 16 == 0)
		changes = 4 * len;
	while (changes--)
		bytes[next_random() % len] = (uint8_t)next_random();
	if (next_random() % 16 == 0)
		len = 1 + (uint32_t)(next_random() % len);
	pk_ring_push(r->bad, bytes, len);
}

/* The daemon starts a plane anew whose ring was fenced. */
static void mend(struct rig *r)
{
	if (!pk_merge_source(r->merge, r->source)->fenced)
		return;
	pk_merge_del(r->merge, r->source);
	pk_ring_free(r->bad);
	assert_int_equal(pk_ring_new(&r->bad, 1 << 16), 0);
	r->source = pk_merge_add(r->merge, r->bad);
	assert_true(r->source >= 0);
	r->fences++;
}

static void take_all(struct rig *r)
{
	const struct pk_record *record;

	r->now_ns += 1000000;
	while (pk_merge_next(r->merge, r->now_ns, &record))
		pk_pipeline_record(r->pipeline, record);
	pk_pipeline_tick(r->pipeline, r->now_ns - PK_MERGE_HOLD_NS);
	mend(r);
}

static void set_up(struct rig *r)
{
	const struct pk_pipeline_conf conf = {
		.threats = { .sensor = "s1",
			     .epoch = 1,
			     .indicator = describe,
			     .sink = on_threat,
			     .sink_arg = r },
	};

	memset(r, 0, sizeof(*r));
	r->now_ns = START;
	assert_int_equal(pk_pipeline_new(&r->pipeline, &conf), 0);
	assert_int_equal(pk_merge_new(&r->merge, PK_MERGE_LIVE), 0);
	assert_int_equal(pk_ring_new(&r->good, 1 << 16), 0);
	assert_int_equal(pk_ring_new(&r->bad, 1 << 16), 0);
	assert_true(pk_merge_add(r->merge, r->good) >= 0);
	r->source = pk_merge_add(r->merge, r->bad);
}

static void a_damaged_event_never_stops_the_aggregator(void **unused)
{
	static struct rig r;
	struct pk_merge_counters c;

	(void)unused;
	set_up(&r);
	for (uint32_t i = 0; i < DAMAGED; i++) {
		push_damaged(&r);
		if (i % EVERY == 0)
			push_good(&r, i / EVERY + 1);
		if (i % 7 == 0)
			take_all(&r);
	}
	for (int i = 0; i < 10; i++)
		take_all(&r);
	for (int i = 0; i < HITS; i++)
		if (!r.told[i])
			fail_msg("hit %d was not told", i);
	pk_merge_count(r.merge, &c);
	assert_true(c.bad > 1000);
	assert_true(r.fences > 10);
	assert_true(r.others > 1000); /* what was damaged and still a record */
	assert_int_equal(c.read, c.released + c.marks + c.bad + c.no_memory +
					 c.waiting);
	pk_pipeline_finish(r.pipeline);
	pk_pipeline_free(r.pipeline);
	pk_merge_free(r.merge);
	pk_ring_free(r.good);
	pk_ring_free(r.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_event_never_stops_the_aggregator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
