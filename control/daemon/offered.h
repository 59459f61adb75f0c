/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * offered: what an interface received while a plane watched it, by the
 * interface's own counter (rx_packets), which neither the plane nor its driver
 * writes. The audit compares it with what the plane accounts for.
 *
 *	offered = frames received since the baseline
 *	gap     of these, while no process took them, or lost with one that died
 *	edge    of these, while the watch began or ended: taken or not
 *
 * The baseline is taken right after the watch has begun: what came since the
 * reading just before that is the edge. Whatever was accounted for until then
 * counts as offered.
 *
 * It can be compared only where a frame is counted once on both sides: where
 * rx_packets counts what XDP and packet sockets are given, each frame, neither
 * merged nor merging. That was measured for veth. pk_offered_why_not() names
 * what stands against it; drivers that count in hardware (ice, i40e, mlx5) also
 * count what they drop afterwards, tun counts large sends once and virtio_net
 * is not measured yet.
 *
 * Numbers in, numbers out, but for the functions that take an interface's name,
 * which ask the kernel. One thread.
 */
#ifndef PK_CONTROL_OFFERED_H
#define PK_CONTROL_OFFERED_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#include "control/audit.h"

/* Zeroed is its valid first state: unknown. */
struct pk_offered {
	uint8_t known;
	char iface[IF_NAMESIZE]; /* "": of no single interface */
	char why[PK_AUDIT_NOTE]; /* if it is unknown */
	uint64_t before;	 /* the interface's count, ahead of a start */
	uint64_t base;		 /* the count that means 0; it may wrap */
	uint64_t count;		 /* the latest reading */
	uint64_t gap;
	uint64_t edge;
};

/* --- numbers ---------------------------------------------------------------- */

/* The baseline: at @count of the interface @accounted frames are explained. */
void pk_offered_begin(struct pk_offered *o, uint64_t count, uint64_t accounted);

/* The interface stands at @count. A counter that went back is another one. */
void pk_offered_look(struct pk_offered *o, uint64_t count);

/* No process is there: what is not accounted for is gap. */
void pk_offered_gap(struct pk_offered *o, uint64_t accounted);

/* It cannot be compared any more, because of @why. */
void pk_offered_end(struct pk_offered *o, const char *why);

/* Copy what the audit wants to know. */
void pk_offered_tell(const struct pk_offered *o, struct pk_audit_plane *out);

/* --- a port ----------------------------------------------------------------- */

/* A process for @device is about to be started. */
void pk_offered_port_starts(struct pk_offered *o, const char *device);

/* It is ready; @stage is what the port accounts for. */
void pk_offered_port_runs(struct pk_offered *o,
			  const struct pk_stage_counters *stage);

/* Read the interface again; @runs: a process takes its frames. */
void pk_offered_port_look(struct pk_offered *o, int runs,
			  const struct pk_stage_counters *stage);

/* --- an interface ----------------------------------------------------------- */

/* 0; or 1 and in @why what makes @iface's counter no measure. */
int pk_offered_why_not(const char *iface, char *why, size_t size);

#endif /* PK_CONTROL_OFFERED_H */
