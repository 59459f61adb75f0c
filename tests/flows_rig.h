/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flows_rig: a flow table under test, packets for it, and what it exported.
 * Shared by the tests of dataplane/inspect/flows.h; needs cmocka before it.
 */
#ifndef PK_TESTS_FLOWS_RIG_H
#define PK_TESTS_FLOWS_RIG_H

#include <stdint.h>
#include <string.h>

#include "bpf/flow.h"
#include "dataplane/inspect/flows.h"

enum {
	TICK_NS = 1 << PK_TICK_SHIFT,
	FIN = 1,
	SYN = 2,
	RST = 4,
	ACK = 16,
	ECE = 64,
	CWR = 128,
	TCP = 6,
	UDP = 17,
	ICMP = 1,
	PACKETS = 4000,
	RECORDS = 2 * PACKETS,
	LIVE = 1024,
};

static uint64_t rnd_state;

static inline uint32_t rnd(uint32_t below)
{
	rnd_state = rnd_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((rnd_state >> 33) % below);
}

struct log {
	struct pk_flow record[RECORDS];
	uint32_t n;
};

static inline void keep(void *arg, const struct pk_flow *flow)
{
	struct log *log = arg;

	assert_true(log->n < RECORDS);
	log->record[log->n++] = *flow;
}

/* One packet, as the twin and the tables of the tests know it. */
struct packet {
	uint64_t ns;
	struct pk_flow_key key;
	uint32_t bytes;
	uint8_t flags;
	uint8_t roles;
};

static inline union pk_addr addr(uint32_t n)
{
	union pk_addr a = { .b = { [10] = 0xff, [11] = 0xff, [12] = 10 } };

	a.b[14] = (uint8_t)(n >> 8);
	a.b[15] = (uint8_t)n;
	return a;
}

static inline struct pk_flow_key key(uint32_t src, uint32_t dst, uint32_t ports,
				     uint8_t proto)
{
	struct pk_flow_key k = { .src = addr(src),
				 .dst = addr(dst),
				 .sport = (uint16_t)(ports >> 16),
				 .dport = (uint16_t)ports,
				 .proto = proto,
				 .port = 1 };

	return k;
}

static inline struct pk_flow_line line_of(const struct packet *p)
{
	struct pk_flow_line l = { .key = p->key,
				  .tick = pk_tick(p->ns),
				  .first = pk_tick_offset(p->ns),
				  .last = pk_tick_offset(p->ns),
				  .packets = 1,
				  .bytes = p->bytes,
				  .tcp_flags = p->flags,
				  .roles = p->roles };

	return l;
}

static inline int adds_up(const struct pk_stage_counters *s)
{
	return s->packets_in == s->packets_out + s->packets_resident &&
	       s->bytes_in == s->bytes_out + s->bytes_resident;
}

/* --- a table under test ----------------------------------------------------- */

struct rig {
	struct pk_flows *f;
	struct pk_stage_counters stats;
	struct log log;
};

static inline void open_rig(struct rig *g, const struct pk_flow_conf *conf)
{
	memset(&g->stats, 0, sizeof g->stats);
	g->log.n = 0;
	g->f = NULL;
	assert_int_equal(pk_flows_new(&g->f, conf, 7, &g->stats), 0);
	pk_flows_on_export(g->f, keep, &g->log);
}

static inline void close_rig(struct rig *g)
{
	pk_flows_drain(g->f);
	assert_int_equal(g->stats.flows_resident, 0);
	assert_int_equal(g->stats.packets_resident, 0);
	assert_int_equal(g->stats.bytes_resident, 0);
	assert_true(adds_up(&g->stats));
	assert_int_equal(g->stats.flows_out, g->log.n);
	pk_flows_free(g->f);
}

static inline void add(struct rig *g, const struct packet *p)
{
	struct pk_flow_line l = line_of(p);

	pk_flows_add(g->f, &l);
}

#endif /* PK_TESTS_FLOWS_RIG_H */
