/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay: capture files through a plane, as picket-replay does it.
 *
 *	input ─► plane (file, xdp, dpdk) ─► ring ─► merge ─► pipeline ─► NDJSON
 *
 * Frames are numbered over all files and go to the workers in turn (frame n to
 * worker (n - 1) mod workers), the hardest spread there is: every flow is cut
 * over all of them. Time is the capture's, never backwards. Sensor, epoch and
 * seeds are constants, so the output depends on the input alone.
 *
 * A plane runs in threads (or a process) of its own and writes records to one
 * ring; the caller's thread merges. One replay a process.
 */
#ifndef PK_CONTROL_REPLAY_H
#define PK_CONTROL_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "control/audit.h"
#include "dataplane/file/capture.h"
#include "dataplane/ring.h"
#include "dataplane/stats.h"
#include "dataplane/uplink.h"
#include "ioc/image/builder.h"
#include "ioc/image/images.h"

enum {
	PK_REPLAY_SAY = 1024,
	PK_REPLAY_FRAME_MIN = 14,
	PK_REPLAY_FRAME_MAX = 65535,
	PK_REPLAY_BATCH = 1024,
};

/* A frame as all planes are given it; @data lives as long as its batch. */
struct pk_replay_frame {
	const uint8_t *data;
	uint32_t len;
	uint64_t time_ns;
	uint64_t number;
};

/* Frames of one tick, at most PK_REPLAY_BATCH. */
struct pk_replay_batch {
	struct pk_replay_frame frame[PK_REPLAY_BATCH];
	uint32_t count;
	uint32_t tick;
	uint8_t *bytes;
	uint64_t used;
};

/* --- input ---------------------------------------------------------------- */

struct pk_replay_counts {
	uint64_t frames; /* given to the plane */
	uint64_t bytes;
	uint64_t unreplayable; /* left out: no frame, too short, too long */
	uint64_t backwards;    /* times that went back, set to the latest */
	uint64_t first_ns;
};

struct pk_replay_input;

/* Over @files, in order. The paths are borrowed. 0 or -ENOMEM. */
int pk_replay_input_new(struct pk_replay_input **out, char *const *files,
			uint32_t count);
void pk_replay_input_free(struct pk_replay_input *in);

/*
 * The next frames of one tick. 1, 0 at the end, or a negative errno when a file
 * cannot be read on: pk_replay_input_error() says why; the frames before the
 * damage have been given, and the next call goes on with the next file.
 */
int pk_replay_input_next(struct pk_replay_input *in,
			 struct pk_replay_batch *batch);
const char *pk_replay_input_error(const struct pk_replay_input *in);
const struct pk_replay_counts *pk_replay_input_counts(
	const struct pk_replay_input *in);

int pk_replay_batch_new(struct pk_replay_batch **out);
void pk_replay_batch_free(struct pk_replay_batch *b);

/* --- planes --------------------------------------------------------------- */

struct pk_replay {
	uint32_t workers;
	struct pk_uplink_conf uplink;
	struct pk_images *images;
	struct pk_block base; /* what the images hold, for the kernel */
	struct pk_replay_input *input;
	struct pk_ring *ring; /* the plane's records; made by the plane */
	struct pk_plane_stats *stats; /* filled by the plane */
	uint32_t shares; /* workers that stats->worker[] speaks of */
	int broken;	 /* a file was damaged: exit status 1 */
	char why[PK_REPLAY_SAY];
};

/*
 * start: begin; the ring exists when it returns, records follow and the last
 * is PK_RECORD_END. wait: the plane has ended (0) or failed (-errno, r->why);
 * called once the ring has ended, or to give up. audit: its counters.
 */
struct pk_replay_plane {
	const char *name;
	int (*start)(struct pk_replay *r, void **state);
	int (*failed)(void *state); /* 1: no END will come */
	int (*wait)(struct pk_replay *r, void *state);
	void (*audit)(struct pk_replay *r, void *state,
		      struct pk_audit_plane *out);
	void (*free)(struct pk_replay *r, void *state);
};

extern const struct pk_replay_plane pk_replay_inline;
extern const struct pk_replay_plane pk_replay_xdp;
extern const struct pk_replay_plane pk_replay_dpdk;

/* Write the sentence to r->why (the first one stays); returns @err. */
int pk_replay_say(struct pk_replay *r, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- what the file and the xdp plane share -------------------------------- */

struct pk_replay_crew;

/* One worker's share of a batch; or, with @sweep_ns, the end of a tick. */
typedef void pk_replay_work_fn(void *arg, uint32_t worker,
			       const struct pk_replay_batch *batch,
			       uint64_t sweep_ns);

/*
 * Threads that take batches together. @idle is called by the waiting thread
 * until all are done, so that rings never fill up.
 */
int pk_replay_crew_new(struct pk_replay_crew **out, uint32_t workers,
		       pk_replay_work_fn *work, void *arg);
void pk_replay_crew_free(struct pk_replay_crew *c);
void pk_replay_crew_run(struct pk_replay_crew *c,
			const struct pk_replay_batch *batch, uint64_t sweep_ns,
			void (*idle)(void *arg));

/*
 * The loop over the input: each batch to the crew; at the end of each tick but
 * the last a sweep and close(tick), after the last one a sweep.
 */
struct pk_replay_loop {
	struct pk_replay_crew *crew;
	void (*idle)(void *arg);
	void (*close)(void *arg, uint32_t tick);
	void *arg;
};
void pk_replay_run(struct pk_replay *r, const struct pk_replay_loop *loop);

#endif /* PK_CONTROL_REPLAY_H */
