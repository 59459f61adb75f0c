/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flows: the plane's flow table: closed flow lines in, FLOW records out.
 *
 * Lines of one key from several CPUs and of both directions are merged into
 * one conversation. All sums are commutative and every decision is taken at
 * the end of a tick (2^30 ns), on the tick's sums; so the records are the same
 * for any spread of the packets over cores, any cache size and any order of
 * lines within a tick, as long as there is room (see below).
 *
 * At the end of each tick, at time B, a flow is exported by the first of these
 * rules that holds:
 *   closed  FIN or RST was seen and the last packet is closed_ns before B,
 *   syn     TCP, nothing but SYN was seen, and the last packet is syn_ns old,
 *   idle    the last packet is idle_ns old,
 *   active  the first packet since the last export is active_ns old; the flow
 *           stays and keeps its initiator. If no packet follows, it is
 *           forgotten in silence when its time comes.
 * The flags of these rules are all those seen since the flow began, ECE and
 * CWR aside. The initiator is the side of the earliest packet; at a tie the
 * side whose flags in the flow's first tick have SYN without ACK, else the
 * lower endpoint. Records of a tick are ordered by start, then key; seen_ns is
 * B.
 *
 * Memory is fixed at creation: about 210 bytes a flow, a waiting line for every
 * four flows (64 to 65536) included. When the table is full, the flow that
 * would end soonest (of those beyond 256 ticks, any) is exported at once as
 * evicted. Lines of later ticks wait; when the waiting room is full they are
 * merged early, which only costs precision of the timeouts. A line older than
 * the open tick is late: it is merged with the times it has. Before the first
 * close no tick is open and every line waits, so begin with a close of the
 * first tick.
 * One thread.
 */
#ifndef PK_DATAPLANE_INSPECT_FLOWS_H
#define PK_DATAPLANE_INSPECT_FLOWS_H

#include <stdint.h>

#include "dataplane/record.h"
#include "dataplane/stats.h"
#include "dataplane/uplink.h"

struct pk_flows;

/*
 * Called for each exported flow. The flow's own fields are set, and of its head
 * seen_ns, direction and port; the rest is zero. Must not use the table.
 */
typedef void pk_flows_emit_fn(void *arg, const struct pk_flow *flow);

/*
 * 0, -EINVAL for @conf out of range (timeouts in [1 ns, 1 day], capacity a power
 * of two in [2, 2^24]), or -ENOMEM. @stats outlives the table; at any moment
 * packets_in == packets_out + packets_resident, and so for bytes.
 */
int pk_flows_new(struct pk_flows **out, const struct pk_flow_conf *conf,
		 uint64_t seed, struct pk_stage_counters *stats);
void pk_flows_free(struct pk_flows *f);

void pk_flows_on_export(struct pk_flows *f, pk_flows_emit_fn *emit, void *arg);

/* Merge a line. O(1). */
void pk_flows_add(struct pk_flows *f, const struct pk_flow_line *line);

/*
 * All lines of ticks before @tick have been added: end those ticks. Empty
 * ticks cost nothing once the table is empty.
 */
void pk_flows_close(struct pk_flows *f, uint32_t tick);

/*
 * End the ticks of all waiting lines but the last, then export everything that
 * is left as stopped.
 */
void pk_flows_drain(struct pk_flows *f);

void pk_flow_conf_default(struct pk_flow_conf *conf);

#endif /* PK_DATAPLANE_INSPECT_FLOWS_H */
