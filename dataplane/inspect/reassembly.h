/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reassembly: samples of fragments in, hits out.
 *
 * Joins fragment (what a frame holds), lineup (replay: the order of frames),
 * fragments (what makes a datagram whole) and judge (what it tells). A datagram
 * that holds a fragment of another one, inside a tunnel, gives it back to the
 * table, as often as tunnels are decoded.
 *
 * One thread.
 */
#ifndef PK_DATAPLANE_INSPECT_REASSEMBLY_H
#define PK_DATAPLANE_INSPECT_REASSEMBLY_H

#include <stdint.h>

#include "bpf/abi.h"
#include "dataplane/inspect/judge.h"
#include "dataplane/stats.h"

struct pk_reassembly;

struct pk_reassembly_conf {
	struct pk_images *images; /* NULL: nothing is listed */
	struct pk_stage_counters *stats;
	uint64_t seed;
	uint8_t in_order; /* replay: a tick's fragments wait for its end */
	pk_judge_hit_fn *hit;
	void *arg;
};

/* 0 or -ENOMEM. */
int pk_reassembly_new(struct pk_reassembly **out,
		      const struct pk_reassembly_conf *conf);
void pk_reassembly_free(struct pk_reassembly *r); /* NULL is a no-op */

/* Take a sample whose why is PK_SAMPLE_FRAGMENT; its frame follows it. */
void pk_reassembly_sample(struct pk_reassembly *r,
			  const struct pk_sample_event *e);

/* The ticks before @tick have ended; in replay, all their samples are here. */
void pk_reassembly_close(struct pk_reassembly *r, uint32_t tick);

/* Nothing more will come. */
void pk_reassembly_drain(struct pk_reassembly *r);

#endif /* PK_DATAPLANE_INSPECT_REASSEMBLY_H */
