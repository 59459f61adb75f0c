/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grace: when does nobody look at a superseded image any more?
 *
 * The writer of images (ioc/image/images.h) may overwrite a slot only when no reader
 * uses it. A push must not wait for that, so a thread finds out beforehand:
 * after each switch it makes one pass, and a slot is asked for again three
 * pushes later at the earliest.
 *
 * A generation is quiet after a pass that began when it was superseded, and in
 * which
 *   the kernel   finished every program that ran when the pass began
 *                (membarrier(2), MEMBARRIER_CMD_GLOBAL: a grace period of
 *                RCU; about 8 ms, 16 at worst);
 *   each worker  of the planes watched reported a later generation, or began
 *                two more bursts, or began none: then it waits for frames, or
 *                its process is stopped or dead.
 * A worker that is stopped in the middle of a burst for longer than
 * PK_GRACE_STUCK_MS is not waited for: it may see lines of two images when it
 * goes on. Every look-up is bounded by its head, so the worst that can happen
 * is a wrong slot number, and whoever reports a hit compares the value. The
 * same holds for the planes' stages, whose look-ups take microseconds and are
 * not tracked.
 *
 * Threads: kick, wait, watch and unwatch from the writer's; one thread inside.
 */
#ifndef PK_CONTROL_GRACE_H
#define PK_CONTROL_GRACE_H

#include <stdint.h>

#include "dataplane/stats.h"

enum {
	PK_GRACE_PLANES = 32,
	PK_GRACE_STUCK_MS = 100,
};

struct pk_grace;

/* Start the thread. 0 or -errno. */
int pk_grace_new(struct pk_grace **out);
void pk_grace_free(struct pk_grace *g); /* NULL is a no-op */

/*
 * Wait for the @workers workers that count in @stats too; the memory stays
 * until pk_grace_unwatch(), which returns when the thread is done with it. 0
 * or -ENOSPC.
 */
int pk_grace_watch(struct pk_grace *g, const struct pk_plane_stats *stats,
		   uint32_t workers);
void pk_grace_unwatch(struct pk_grace *g, const struct pk_plane_stats *stats);

/* Does the kernel read the images too? */
void pk_grace_kernel(struct pk_grace *g, int reads);

/* Wait here until no program runs in the kernel that runs now: up to 20 ms. */
void pk_grace_sync_kernel(void);

/* @generation and all before it were superseded just now: begin a pass. */
void pk_grace_kick(struct pk_grace *g, uint64_t generation);

/* Wait until @generation is quiet: for pk_images_conf.grace. Returns 0. */
int pk_grace_wait(struct pk_grace *g, uint64_t generation);

/* All generations up to this one are quiet. */
uint64_t pk_grace_quiet(struct pk_grace *g);

/* An eventfd, owned by @g, that becomes readable after each pass. */
int pk_grace_fd(const struct pk_grace *g);

/* Workers that were not waited for, so far. */
uint64_t pk_grace_stuck(struct pk_grace *g);

#endif /* PK_CONTROL_GRACE_H */
