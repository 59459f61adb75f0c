/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunnels and embedded addresses: what is listed is met at every depth, in the
 * kernel and in the worker of the user-space planes alike. Every frame goes
 * through both; their hits must be the same, byte for byte. Needs what
 * bpf_picket.c needs.
 */
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/outer.h"
#include "bpf/parse.h"
#include "dataplane/inspect/worker.h"
#include "tests/bpf_rig.h"
#include "tests/embedded_rows.h"
#include "tests/wrap.h"

enum {
	SECOND = 1000000000,
	WORKER_RING = 1 << 20,
	HITS_MAX = 16,
	IPIP = 4,
	TCP = 6,
	UDP = 17,
	GRE = 47,
};

static const uint64_t period_ns = 1ULL
				  << (PK_TICK_SHIFT + PK_OUTER_PERIOD_SHIFT);

struct pair {
	struct rig *r;
	struct pk_worker *worker;
	struct pk_worker_block block;
	struct pk_ring *alerts, *events;
	uint64_t now_ns, frames;
	uint32_t hits;
	struct pk_hit_event hit[HITS_MAX]; /* of the last frame */
};

static struct pair *pair_new(uint32_t ring_bytes)
{
	struct pair *p = aligned_alloc(64, (sizeof(*p) + 63) & ~63UL);
	struct pk_worker_conf conf = { .seed = RIG_SEED, .port = RIG_PORT };

	assert_non_null(p);
	memset(p, 0, sizeof(*p));
	p->r = rig_new(ring_bytes, NULL, NULL);
	p->now_ns = 1000 * period_ns;
	assert_int_equal(pk_ring_new(&p->alerts, WORKER_RING), 0);
	assert_int_equal(pk_ring_new(&p->events, WORKER_RING), 0);
	conf.images = p->r->images;
	conf.block = &p->block;
	conf.alerts = p->alerts;
	conf.events = p->events;
	assert_int_equal(pk_worker_new(&p->worker, &conf), 0);
	return p;
}

static void pair_free(struct pair *p)
{
	pk_worker_free(p->worker);
	pk_ring_free(p->alerts);
	pk_ring_free(p->events);
	rig_free(p->r);
	free(p);
}

/* The counters of both sides, and what they count of indicators. */
static void compare_counters(struct pair *p)
{
	const struct pk_plane_counters *k = p->r->count;
	const struct pk_plane_counters *u = &p->block.counters;

	assert_int_equal(k->hit_offered, u->hit_offered);
	assert_int_equal(k->hit_packets_src, u->hit_packets_src);
	assert_int_equal(k->hit_packets_dst, u->hit_packets_dst);
	assert_int_equal(k->hit_packets_outer, u->hit_packets_outer);
	assert_memory_equal(k->reason, u->reason, sizeof(k->reason));
	for (uint32_t slot = 1; slot < 64; slot++)
		assert_int_equal(p->r->hits[slot],
				 pk_images_hits(p->r->images, slot));
}

static void take_worker_hits(struct pair *p)
{
	_Alignas(8) uint8_t event[PK_RING_ENTRY_MAX];
	uint32_t n = 0;
	int len;

	while ((len = pk_ring_pop(p->alerts, event, sizeof(event))) > 0) {
		struct pk_hit_event *e = (void *)event;

		assert_true(n < p->hits);
		assert_int_equal(len, sizeof(p->hit[n]));
		/* The kernel does not look at checksums (TCP's is 0 here). */
		e->packet.layers &= (uint8_t)~PK_BAD_CHECKSUM;
		assert_memory_equal(event, &p->hit[n], sizeof(p->hit[n]));
		n++;
	}
	assert_int_equal(n, p->hits);
	while (pk_ring_pop(p->events, event, sizeof(event)) > 0)
		;
}

/* One frame through both; its hits are in p->hit. */
static void run(struct pair *p, const struct wrap *w)
{
	struct pk_worker_frame f = { wrap_frame(w), wrap_len(w), wrap_len(w),
				     p->now_ns, ++p->frames };

	rig_run(p->r, f.data, f.len, f.time_ns, f.number);
	assert_true(ring_buffer__consume(p->r->alert_ring) >= 0);
	p->hits = p->r->alerts.count;
	assert_true(p->hits <= HITS_MAX);
	for (uint32_t i = 0; i < p->hits; i++)
		memcpy(&p->hit[i], rig_event(&p->r->alerts, i),
		       sizeof(p->hit[i]));
	rig_forget(&p->r->alerts);
	pk_worker_burst(p->worker, &f, 1);
	take_worker_hits(p);
	compare_counters(p);
}

static uint32_t list(struct pair *p, const char *addr)
{
	union pk_addr a = wrap_addr(addr);

	return rig_list(p->r, a.b);
}

static const struct pk_hit_event *find(const struct pair *p, uint32_t slot,
				       uint8_t role, uint8_t depth)
{
	for (uint32_t i = 0; i < p->hits; i++)
		if (p->hit[i].slot == slot && p->hit[i].role == role &&
		    p->hit[i].depth == depth)
			return &p->hit[i];
	fail_msg("no hit of slot %u, role %u, depth %u", slot, role, depth);
	return NULL;
}

static struct wrap syn(const char *src, const char *dst, uint16_t sport)
{
	struct wrap w = wrap_begin(0);

	wrap_tcp(&w, sport, 443);
	wrap_ip(&w, src, dst, TCP);
	return w;
}

static void finish(struct wrap *w)
{
	wrap_eth(w, wrap_eth_type(w));
}

/* --- depths (D07) ------------------------------------------------------------------ */

/* The ends of pair @n of a nest, and its family. */
static void ends_of(uint32_t n, uint32_t six, char *src, char *dst)
{
	if (six >> n & 1) {
		sprintf(src, "2a0a:%u::1", n + 1);
		sprintf(dst, "2a0a:%u::2", n + 1);
	} else {
		sprintf(src, "192.0.2.%u", n + 1);
		sprintf(dst, "198.51.100.%u", n + 1);
	}
}

/* @pairs around each other, pair 0 the outermost; bits of @six: IPv6. */
static struct wrap nest(uint32_t pairs, uint32_t six, uint16_t sport)
{
	struct wrap w = wrap_begin(0);
	char src[32], dst[32];

	wrap_tcp(&w, sport, 443);
	for (uint32_t n = pairs; n-- > 0;) {
		ends_of(n, six, src, dst);
		wrap_ip(&w, src, dst, n + 1 == pairs ? TCP : wrap_proto(&w));
	}
	finish(&w);
	return w;
}

static void check_nest(struct pair *p, uint32_t pairs, uint32_t six,
		       const uint32_t slot[][2])
{
	uint32_t deepest = pairs - 1 < PK_OUTERS ? pairs - 1 : PK_OUTERS;
	struct wrap w = nest(pairs, six, (uint16_t)(pairs * 100 + six));
	uint64_t deep = p->r->count->reason[PK_PARSE_TUNNEL_DEPTH];

	p->now_ns += 2 * period_ns; /* where it ends, flows are the same */
	run(p, &w);
	assert_int_equal(p->hits, 2 * (deepest + 1));
	for (uint8_t n = 0; n <= deepest; n++) {
		char src[32], dst[32];
		const struct pk_hit_event *e =
			find(p, slot[n][0], PK_ROLE_SOURCE, n);
		union pk_addr a;

		ends_of(n, six, src, dst);
		a = wrap_addr(src);
		assert_memory_equal(&e->packet.key.src, &a, sizeof(a));
		assert_int_equal(e->packet.depth, deepest);
		assert_int_equal(e->packet.key.port, RIG_PORT);
		assert_int_equal(!!(e->packet.layers & PK_IS_IP6),
				 six >> n & 1);
		e = find(p, slot[n][1], PK_ROLE_DESTINATION, n);
		a = wrap_addr(dst);
		assert_memory_equal(&e->packet.key.dst, &a, sizeof(a));
	}
	assert_int_equal(p->r->count->reason[PK_PARSE_TUNNEL_DEPTH] - deep,
			 pairs > PK_OUTERS + 1);
}

static void pairs_are_met_at_every_depth_up_to_the_limit(void **state)
{
	enum { PAIRS = 16 };

	(void)state;
	/* 4in4, 6in6, 6in4 and 4in6 in turn, and a mixture */
	for (int i = 0; i < 5; i++) {
		static const uint32_t sixes[] = { 0, 0xffff, 0xaaaa, 0x5555,
						  0x9c36 };
		struct pair *p = pair_new(0);
		uint32_t slot[PAIRS][2];
		char src[32], dst[32];

		for (uint32_t n = 0; n < PAIRS; n++) {
			ends_of(n, sixes[i], src, dst);
			slot[n][0] = list(p, src);
			slot[n][1] = list(p, dst);
		}
		rig_publish(p->r);
		for (uint32_t pairs = 1; pairs <= PAIRS; pairs++)
			check_nest(p, pairs, sixes[i],
				   (const uint32_t(*)[2])slot);
		pair_free(p);
	}
}

/* --- kinds of tunnels (R17) ----------------------------------------------------------- */

#define INNER_SRC "10.1.0.1"
#define INNER_DST "10.1.0.2"
#define OUTER_SRC "203.0.113.1"
#define OUTER_DST "203.0.113.2"

static void in_vxlan(struct wrap *w)
{
	finish(w);
	wrap_vxlan(w);
	wrap_ip(w, OUTER_SRC, OUTER_DST, UDP);
}

static void in_geneve(struct wrap *w)
{
	finish(w);
	wrap_geneve(w);
	wrap_ip(w, OUTER_SRC, OUTER_DST, UDP);
}

static void in_gtp(struct wrap *w)
{
	wrap_gtp(w);
	wrap_ip(w, OUTER_SRC, OUTER_DST, UDP);
}

static void in_gre(struct wrap *w)
{
	wrap_gre(w);
	wrap_ip(w, OUTER_SRC, OUTER_DST, GRE);
}

static void in_ip(struct wrap *w)
{
	wrap_ip(w, OUTER_SRC, OUTER_DST, IPIP);
}

static const struct kind {
	void (*wrap)(struct wrap *w);
	uint8_t proto;
	uint16_t sport, dport;
} kinds[] = {
	{ in_vxlan, UDP, 50000, 4789 }, { in_geneve, UDP, 50001, 6081 },
	{ in_gtp, UDP, 2152, 2152 },	{ in_gre, GRE, 0, 0 },
	{ in_ip, IPIP, 0, 0 },
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void every_tunnel_shows_its_ends_and_what_is_inside(void **state)
{
	struct pair *p = pair_new(0);
	uint32_t in_src = list(p, INNER_SRC), in_dst = list(p, INNER_DST);
	uint32_t out_src = list(p, OUTER_SRC), out_dst = list(p, OUTER_DST);

	(void)state;
	rig_publish(p->r);
	for (int i = 0; i < KINDS; i++) {
		struct wrap w = syn(INNER_SRC, INNER_DST, (uint16_t)i);
		const struct pk_hit_event *e;

		kinds[i].wrap(&w);
		finish(&w);
		run(p, &w);
		assert_int_equal(p->hits, 4);
		e = find(p, in_src, PK_ROLE_SOURCE, 1);
		assert_int_equal(e->packet.key.dport, 443);
		find(p, in_dst, PK_ROLE_DESTINATION, 1);
		e = find(p, out_src, PK_ROLE_SOURCE, 0);
		assert_int_equal(e->packet.key.proto, kinds[i].proto);
		assert_int_equal(e->packet.key.sport, kinds[i].sport);
		assert_int_equal(e->packet.key.dport, kinds[i].dport);
		find(p, out_dst, PK_ROLE_DESTINATION, 0);
	}
	assert_int_equal(p->r->count->hit_packets_outer, 2 * KINDS);
	assert_int_equal(p->r->count->hit_packets_src, KINDS);
	pair_free(p);
}

/* Tags and headers without addresses are not in the way, and no depth. */
static void tags_are_no_depth(void **state)
{
	struct pair *p = pair_new(0);
	uint32_t src = list(p, INNER_SRC);
	struct wrap w = syn(INNER_SRC, INNER_DST, 1);

	(void)state;
	rig_publish(p->r);
	wrap_vlan(&w, 0x0800, 7);
	wrap_vlan(&w, 0x8100, 8);
	wrap_eth(&w, 0x88a8);
	run(p, &w);
	assert_int_equal(p->hits, 1);
	find(p, src, PK_ROLE_SOURCE, 0);
	pair_free(p);
}

/* The port of the outer datagram is the tunnel's. */
static void an_outer_port_is_looked_up(void **state)
{
	struct pair *p = pair_new(0);
	struct wrap w = syn(INNER_SRC, INNER_DST, 1);
	struct pk_indicator ind;
	uint32_t slot;

	(void)state;
	pk_indicator_init(&ind);
	ind.type = PK_INDICATOR_IP_PORT;
	ind.addr = wrap_addr(OUTER_DST);
	ind.port = 4789;
	slot = rig_add(p->r, &ind);
	rig_publish(p->r);
	in_vxlan(&w);
	finish(&w);
	run(p, &w);
	assert_int_equal(p->hits, 1);
	find(p, slot, PK_ROLE_DESTINATION, 0);
	w = syn(INNER_SRC, INNER_DST, 2);
	in_gre(&w);
	finish(&w);
	run(p, &w);
	assert_int_equal(p->hits, 0);
	pair_free(p);
}

/* --- once ---------------------------------------------------------------------------------- */

/* Hits of ten packets of flow @sport in a tunnel. */
static uint32_t hits_of_ten(struct pair *p, uint16_t sport)
{
	struct wrap w = syn(INNER_SRC, INNER_DST, sport);
	uint32_t hits = 0;

	in_gre(&w);
	finish(&w);
	for (int i = 0; i < 10; i++, p->now_ns++) {
		run(p, &w);
		hits += p->hits;
	}
	return hits;
}

static void an_outer_address_is_reported_once_a_flow_and_period(void **state)
{
	struct pair *p = pair_new(0);
	uint32_t slot = list(p, OUTER_SRC);

	(void)state;
	rig_publish(p->r);
	assert_int_equal(hits_of_ten(p, 1), 1);
	assert_int_equal(hits_of_ten(p, 2), 1); /* another flow */
	assert_int_equal(hits_of_ten(p, 1), 0);
	p->now_ns += 2ULL << PK_TICK_SHIFT; /* another line, the same period */
	assert_int_equal(hits_of_ten(p, 1), 0);
	p->now_ns += period_ns;
	assert_int_equal(hits_of_ten(p, 1), 1);
	list(p, OUTER_DST); /* another generation, another end */
	rig_publish(p->r);
	assert_int_equal(hits_of_ten(p, 1), 2);
	assert_int_equal(hits_of_ten(p, 1), 0);
	assert_int_equal(p->r->hits[slot], 70);
	assert_int_equal(p->r->count->hit_packets_outer, 90);
	pair_free(p);
}

/* More flows than places: every one of them is reported, some of them twice. */
static void no_place_in_the_table_hides_a_flow(void **state)
{
	enum { FLOWS = 3 * PK_OUTER_TAGS };
	struct pair *p = pair_new(0);
	uint32_t again = 0;

	(void)state;
	list(p, OUTER_SRC);
	rig_publish(p->r);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < FLOWS; i++) {
			struct wrap w = syn(INNER_SRC, INNER_DST, (uint16_t)i);

			in_gre(&w);
			finish(&w);
			run(p, &w);
			rig_forget(&p->r->events);
			if (!round)
				assert_int_equal(p->hits, 1);
			else
				again += p->hits;
		}
		rig_drain(p->r);
		rig_forget(&p->r->events);
	}
	assert_true(again > FLOWS / 2 && again < FLOWS);
	pair_free(p);
}

/* The same address as an end of the tunnel and inside it: each for itself. */
static void an_address_is_met_at_each_depth_by_itself(void **state)
{
	struct pair *p = pair_new(0);
	struct wrap w = syn(OUTER_SRC, OUTER_DST, 1);
	uint32_t slot = list(p, OUTER_SRC);

	(void)state;
	rig_publish(p->r);
	in_ip(&w);
	in_gre(&w);
	finish(&w);
	run(p, &w);
	assert_int_equal(p->hits, 3);
	for (uint8_t depth = 0; depth < 3; depth++)
		find(p, slot, PK_ROLE_SOURCE, depth);
	assert_int_equal(p->r->hits[slot], 3);
	pair_free(p);
}

/* --- what addresses carry (D30) --------------------------------------------------------------- */

static void run_row(struct pair *p, const struct embedded_row *row,
		    uint32_t slot)
{
	union pk_addr a = wrap_addr(row->addr), b = wrap_addr("2a0b::9");
	struct wrap w = wrap_begin(0);

	wrap_tcp(&w, (uint16_t)(p->frames + 1000), 443);
	wrap_ip6(&w, &b, &a, TCP);
	wrap_eth(&w, 0x86dd);
	run(p, &w);
	if (p->hits != (row->kind && slot))
		fail_msg("%s: %u hits", row->addr, p->hits);
	if (!p->hits)
		return;
	find(p, slot, PK_ROLE_DESTINATION, 0);
	assert_true(p->hit[0].packet.layers & PK_IS_IP6);
	/* around another packet */
	w = syn(INNER_SRC, INNER_DST, (uint16_t)p->frames);
	wrap_ip6(&w, &a, &b, IPIP);
	wrap_eth(&w, 0x86dd);
	run(p, &w);
	assert_int_equal(p->hits, 1);
	assert_true(p->hit[0].packet.layers & PK_IS_IP6);
	find(p, slot, PK_ROLE_SOURCE, 0);
}

static uint32_t list_v4(struct pair *p, uint8_t type, uint16_t port,
			uint8_t bits)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	ind.type = type;
	ind.addr = wrap_addr(bits ? "198.51.100.0" : "198.51.100.7");
	ind.port = port;
	ind.bits = bits;
	return rig_add(p->r, &ind);
}

static void every_kind_of_carrier_is_found_by_what_it_carries(void **state)
{
	struct pair *p = pair_new(0);
	uint32_t slot = list(p, "2a0c::1");

	(void)state;
	rig_publish(p->r);
	for (int step = 0; step < 4; step++) {
		if (step == 1)
			slot = list_v4(p, PK_INDICATOR_IPV4_NET, 0, 24);
		if (step == 2)
			slot = list_v4(p, PK_INDICATOR_IPV4, 0, 0);
		rig_publish(p->r);
		for (unsigned i = 0; i < EMBEDDED_ROWS; i++)
			run_row(p, &embedded_rows[i], step ? slot : 0);
	}
	pair_free(p);
}

static void a_carried_port_comes_first(void **state)
{
	struct pair *p = pair_new(0);
	uint32_t host = list_v4(p, PK_INDICATOR_IPV4, 0, 0);
	uint32_t port = list_v4(p, PK_INDICATOR_IP_PORT, 443, 0);

	(void)state;
	rig_publish(p->r);
	for (unsigned i = 0; i < EMBEDDED_ROWS; i++) {
		union pk_addr a = wrap_addr(embedded_rows[i].addr);
		union pk_addr b = wrap_addr("2a0b::9");
		struct wrap w = wrap_begin(0);

		if (!embedded_rows[i].kind)
			continue;
		wrap_tcp(&w, (uint16_t)i, 443);
		wrap_ip6(&w, &b, &a, TCP);
		wrap_eth(&w, 0x86dd);
		run(p, &w);
		find(p, port, PK_ROLE_DESTINATION, 0);
		w = wrap_begin(0);
		wrap_tcp(&w, (uint16_t)i, 443);
		wrap_ip6(&w, &a, &b, TCP); /* from another port */
		wrap_eth(&w, 0x86dd);
		run(p, &w);
		find(p, host, PK_ROLE_SOURCE, 0);
	}
	pair_free(p);
}

static void the_address_itself_comes_before_what_it_carries(void **state)
{
	struct pair *p = pair_new(0);
	struct wrap w = syn("2002:c633:6407::1", "2a0b::9", 1);
	uint32_t own;

	(void)state;
	list_v4(p, PK_INDICATOR_IPV4, 0, 0);
	own = list(p, "2002:c633:6407::1");
	rig_publish(p->r);
	finish(&w);
	run(p, &w);
	assert_int_equal(p->hits, 1);
	find(p, own, PK_ROLE_SOURCE, 0);
	pair_free(p);
}

/* --- roles (D31) ---------------------------------------------------------------------------------- */

static void roles_follow_the_packet_whatever_its_addresses_are(void **state)
{
	static const char *const ends[][2] = {
		{ "203.0.113.1", "10.0.0.1" },
		{ "10.0.0.1", "203.0.113.1" },
		{ "10.0.0.1", "224.0.0.251" },
		{ "0.0.0.0", "255.255.255.255" },
		{ "203.0.113.1", "203.0.113.1" },
		{ "fe80::1", "ff02::fb" },
		{ "::", "ff02::1" },
	};
	static const char *const listed[] = { "203.0.113.1",	 "224.0.0.251",
					      "255.255.255.255", "0.0.0.0",
					      "ff02::fb",	 "::" };
	enum { ENDS = sizeof(ends) / sizeof(ends[0]), LISTED = 6 };
	struct pair *p = pair_new(0);
	uint32_t slot[LISTED];

	(void)state;
	for (int i = 0; i < LISTED; i++)
		slot[i] = list(p, listed[i]);
	rig_publish(p->r);
	for (int i = 0; i < 2 * ENDS; i++) {
		const char *src = ends[i / 2][0], *dst = ends[i / 2][1];
		struct wrap w = syn(src, dst, (uint16_t)i);
		uint32_t hits = 0;

		if (i & 1) { /* as the ends of a tunnel */
			w = syn("10.9.9.1", "10.9.9.2", (uint16_t)i);
			wrap_ip(&w, src, dst, IPIP);
		}
		finish(&w);
		run(p, &w);
		for (int k = 0; k < LISTED; k++) {
			if (!strcmp(listed[k], src))
				hits += !!find(p, slot[k], PK_ROLE_SOURCE, 0);
			if (!strcmp(listed[k], dst))
				hits += !!find(p, slot[k], PK_ROLE_DESTINATION,
					       0);
		}
		assert_int_equal(p->hits, hits);
		for (uint32_t k = 0; k < p->hits; k++)
			assert_int_equal(p->hit[k].packet.key.direction, PK_IN);
	}
	pair_free(p);
}

/* --- full rings (X23) ---------------------------------------------------------------------------------- */

/* Nobody reads the other ring: alerts of outer addresses all come through. */
static void a_full_ring_of_events_costs_no_outer_hit(void **state)
{
	enum { FLOWS = 2000 };
	struct pair *p = pair_new(16384);

	(void)state;
	list(p, OUTER_DST);
	rig_publish(p->r);
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct wrap w = syn(INNER_SRC, INNER_DST, (uint16_t)i);

		in_vxlan(&w);
		finish(&w);
		p->now_ns += 10000000; /* 100 a tick: lines leave */
		run(p, &w);
		assert_int_equal(p->hits, 1);
		if (i % 100 == 99)
			rig_sweep(p->r, p->now_ns + (2ULL << PK_TICK_SHIFT));
	}
	assert_true(p->r->count->flow_lost_lines > FLOWS / 2);
	assert_int_equal(p->r->count->hit_ring_full, 0);
	assert_int_equal(p->r->count->hit_submitted, FLOWS);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_met_at_every_depth_up_to_the_limit),
		cmocka_unit_test(
			every_tunnel_shows_its_ends_and_what_is_inside),
		cmocka_unit_test(tags_are_no_depth),
		cmocka_unit_test(an_outer_port_is_looked_up),
		cmocka_unit_test(
			an_outer_address_is_reported_once_a_flow_and_period),
		cmocka_unit_test(no_place_in_the_table_hides_a_flow),
		cmocka_unit_test(an_address_is_met_at_each_depth_by_itself),
		cmocka_unit_test(
			every_kind_of_carrier_is_found_by_what_it_carries),
		cmocka_unit_test(a_carried_port_comes_first),
		cmocka_unit_test(
			the_address_itself_comes_before_what_it_carries),
		cmocka_unit_test(
			roles_follow_the_packet_whatever_its_addresses_are),
		cmocka_unit_test(a_full_ring_of_events_costs_no_outer_hit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
