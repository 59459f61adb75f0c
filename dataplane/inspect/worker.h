/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker: frames in, hits and closed flow lines out; the user-space twin of
 * bpf/picket.bpf.c, one a core, used by the DPDK and the file plane.
 *
 * A burst goes through decode, look-up (prefetched over the burst), the flow
 * cache, and the choice of frames for a closer look (DNS questions). Nothing
 * here allocates, locks, logs, reads a clock or divides. What is found leaves
 * as struct pk_hit_event, pk_flow_event and pk_sample_event through two rings
 * to the stage (dataplane/inspect/stage.h), like the XDP program's events:
 * one for alerts, one for the rest, so that a flood cannot cost a hit.
 *
 * One worker belongs to one thread. The image is read once a burst.
 */
#ifndef PK_DATAPLANE_INSPECT_WORKER_H
#define PK_DATAPLANE_INSPECT_WORKER_H

#include <stdint.h>

#include "bpf/abi.h"
#include "dataplane/ring.h"
#include "dataplane/stats.h"
#include "ioc/image/images.h"

enum { PK_BURST = 32 };

struct pk_worker;

/* A frame as a plane received it. */
struct pk_worker_frame {
	const uint8_t *data;
	uint32_t readable; /* bytes at @data */
	uint32_t len;	   /* of the frame on the wire */
	uint64_t time_ns;  /* real time; never earlier than the last one's */
	uint64_t number;   /* in replay, else 0 */
};

struct pk_worker_conf {
	uint64_t seed; /* of the flow hash */
	uint16_t port;
	uint8_t direction;	  /* enum pk_direction */
	uint8_t lossless;	  /* wait for room in the rings: replay only */
	struct pk_images *images; /* NULL: nothing is listed; outlives it */
	struct pk_worker_block *block; /* where to count */
	struct pk_ring *alerts;	       /* producer side; borrowed */
	struct pk_ring *events;	       /* producer side; borrowed */
};

/* 0, -ENOMEM. */
int pk_worker_new(struct pk_worker **out, const struct pk_worker_conf *conf);
void pk_worker_free(struct pk_worker *w);

/*
 * Take @n frames, at most PK_BURST, in the order of their times. 0 frames say
 * that the worker is alive and uses the latest image.
 */
void pk_worker_burst(struct pk_worker *w, const struct pk_worker_frame *frames,
		     uint32_t n);

/*
 * The time is @now_ns and no frame came: close lines of past ticks, at most
 * @lines of them looked at. Returns 1 when every line was looked at since the
 * tick began; then a mark for the tick has been sent to the stage. Call it
 * between bursts with a small @lines, in replay with PK_FLOW_LINES.
 */
int pk_worker_sweep(struct pk_worker *w, uint64_t now_ns, uint32_t lines);

/* Close all lines, whatever their tick, and send the mark of the end. */
void pk_worker_drain(struct pk_worker *w);

#endif /* PK_DATAPLANE_INSPECT_WORKER_H */
