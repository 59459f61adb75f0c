/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stage: what stands behind the workers of a plane: events in, records out.
 *
 * Hits become HIT records at once. Samples are looked into (DNS questions) and
 * may become HIT records. Closed flow lines go into the flow table, whose
 * exports become FLOW records. One stage a plane, in one thread, feeding one
 * ring of the uplink.
 *
 * Ticks: the caller closes a tick when no more lines of it can come: live,
 * when the sweep that follows its end is over; in replay, when every worker
 * sent its mark.
 */
#ifndef PK_DATAPLANE_INSPECT_STAGE_H
#define PK_DATAPLANE_INSPECT_STAGE_H

#include <stdint.h>

#include "bpf/abi.h"
#include "dataplane/record.h"
#include "dataplane/ring.h"
#include "dataplane/stats.h"
#include "dataplane/uplink.h"
#include "ioc/image/images.h"

struct pk_stage;

struct pk_stage_conf {
	uint8_t plane;		  /* enum pk_plane */
	uint8_t lossless;	  /* wait for room in the ring: replay only */
	struct pk_images *images; /* for names; NULL: none are listed */
	struct pk_ring *out;	  /* producer side; borrowed */
	struct pk_stage_counters *stats;
	struct pk_uplink_conf uplink;
};

/* An event between worker and stage that the kernel does not know. */
enum { PK_EVENT_MARK = 4 }; /* all lines of ticks before time_ns are out */

struct pk_mark_event {
	struct pk_event head;
	uint64_t time_ns; /* UINT64_MAX: the worker has ended */
};

int pk_stage_new(struct pk_stage **out, const struct pk_stage_conf *conf);
void pk_stage_free(struct pk_stage *s);

/*
 * Take one event of @bytes bytes. @real_offset_ns is added to its times
 * (kernel events carry CLOCK_MONOTONIC; 0 elsewhere). Marks are the caller's.
 */
void pk_stage_event(struct pk_stage *s, const void *event, uint32_t bytes,
		    int64_t real_offset_ns);

/*
 * End all ticks before @tick: export what is due, then mark the uplink up to
 * the tick's start. @tick is in the clock of the lines, before any offset.
 */
void pk_stage_close(struct pk_stage *s, uint32_t tick, int64_t real_offset_ns);

/* Export everything; in replay also end the ring with PK_RECORD_END. */
void pk_stage_drain(struct pk_stage *s);

#endif /* PK_DATAPLANE_INSPECT_STAGE_H */
