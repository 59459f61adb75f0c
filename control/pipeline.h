/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline: from merged records to threats.
 *
 *	record ─┬─ HIT ────────────────────────────► threat ─► sink
 *	        └─ FLOW ─┬─ listed packets ─────────►   ▲
 *	                 └─ detectors ─► window ────────┘
 *
 * Time is that of the records: pk_pipeline_record() moves it to seen_ns.
 * A live daemon also calls pk_pipeline_tick() with the time of the merge
 * (now - PK_MERGE_HOLD_NS), so that threats close when traffic stops; a
 * replay does not, and ends with pk_pipeline_finish(). The same records in the
 * same order give the same calls of the sink, byte for byte.
 *
 * Memory: the window's and the threats' (see there), both bounded. One thread;
 * the sink runs inside the calls and must not call back.
 */
#ifndef PK_CONTROL_PIPELINE_H
#define PK_CONTROL_PIPELINE_H

#include <stdint.h>

#include "control/checkpoint/checkpoint.h"
#include "control/detector.h"
#include "control/threat.h"
#include "control/window.h"
#include "dataplane/record.h"

/* matches = below + evidence + no_window */
#define PK_PIPELINE_COUNTERS(_)                                \
	_(records, "records taken")                            \
	_(hits, "of these, hits")                              \
	_(flows, "of these, flows")                            \
	_(others, "of these, neither")                         \
	_(flow_packets, "packets of both halves of the flows") \
	_(flow_bytes, "their IP bytes")                        \
	_(matches, "matches of a detector")                    \
	_(below, "of these, not more than the threshold")      \
	_(evidence, "of these, evidence of a threat")          \
	_(no_window, "of these, lost for want of memory")

struct pk_pipeline_counters {
	PK_PIPELINE_COUNTERS(PK_COUNTER_FIELD)
	uint64_t matched[PK_DETECTORS_MAX]; /* by detector */
};

struct pk_pipeline_stats {
	struct pk_pipeline_counters pipeline;
	struct pk_window_counters window;
	struct pk_threat_counters threat;
};

struct pk_pipeline_conf {
	struct pk_threats_conf threats; /* sensor, epoch, look-ups, sink, ... */
	const struct pk_detector *detectors; /* NULL: the built-in ones */
	uint32_t detector_count;	     /* at most PK_DETECTORS_MAX */
	uint32_t window_keys;		     /* 0: PK_WINDOW_KEYS */
	uint64_t seed;			     /* of the window's hash table */
};

struct pk_pipeline;

/* 0, -EINVAL for @conf out of range, or -ENOMEM. */
int pk_pipeline_new(struct pk_pipeline **out,
		    const struct pk_pipeline_conf *conf);
void pk_pipeline_free(struct pk_pipeline *p); /* NULL is a no-op; no sink */

/* @record is a checked one, as pk_merge_next() gives it. */
void pk_pipeline_record(struct pk_pipeline *p, const struct pk_record *record);

/* It is @now_ns, in the time of the records. */
void pk_pipeline_tick(struct pk_pipeline *p, uint64_t now_ns);

/* The last record was given: close all threats. */
void pk_pipeline_finish(struct pk_pipeline *p);

/* The rules that suppress threats have changed: close those they match. */
void pk_pipeline_suppress(struct pk_pipeline *p);

/* For control/threat_pass.h. */
struct pk_threats *pk_pipeline_threats(struct pk_pipeline *p);

/* Show each open threat, in order of opening. */
void pk_pipeline_each(const struct pk_pipeline *p, pk_threat_sink_fn *show,
		      void *arg);

/* The detectors in use, by index of matched[]; their number. */
uint32_t pk_pipeline_detectors(const struct pk_pipeline *p,
			       const struct pk_detector **out);

/*
 * Its state over a restart: what to save and to load, in this order, in a
 * checkpoint. Nothing that is loaded is taken to be of later than @now_ns
 * (UINT64_MAX: time is that of the records alone). Loaded before the first
 * record, it goes on as if it had not ended; of detectors that are no more the
 * windows are dropped, and their threats end when they are due.
 */
enum { PK_PIPELINE_PARTS = 3 };
void pk_pipeline_parts(struct pk_pipeline *p, uint64_t now_ns,
		       struct pk_checkpoint_part out[PK_PIPELINE_PARTS]);

/* A message told since that was saved; as pk_threats_told(). */
int pk_pipeline_told(struct pk_pipeline *p, const char *text, size_t len);

/* Behind the last of them, or of the parts: as pk_threats_caught_up(). */
void pk_pipeline_caught_up(struct pk_pipeline *p);

void pk_pipeline_stats(const struct pk_pipeline *p,
		       struct pk_pipeline_stats *out);

#endif /* PK_CONTROL_PIPELINE_H */
