/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indicators: the daemon's store, its images in every plane, and its disk.
 *
 * A push changes the store, is written to disk as one commit, then goes as a
 * delta into all targets, the kernel's mapped slots included, and is live with
 * one switched word; pushes that come together share a delta. When a delta has
 * grown, a second thread builds a base of the store as it was at one instant
 * (pk_store_freeze()), while pushes and deltas go on; base and what changed
 * meanwhile become visible in one switch. Only what is too much for a delta
 * waits for a base.
 *
 *	when_free ─► begin ─► add, del ... ─► commit ─► publish ─► visible
 *
 * A bulk change (control/daemon/loader.h) holds the store for its slices: others wait,
 * nothing is published, so nobody sees half of it.
 *
 * When an image does not fit a slot of the kernel, the launcher is asked for a
 * larger map and the push goes on when it comes.
 *
 * Indicators end by themselves: once a second those whose time has come are
 * withdrawn, as a commit of their own.
 *
 * Hit counters: the kernel's and the planes' are two arrays; an indicator's
 * count is the sum. A slot that is given to another indicator begins at 0; what
 * it had counted is kept in sums (the kernel's in slot 0, which no indicator
 * has), so the ledger closes.
 *
 * One thread: the event loop's.
 */
#ifndef PK_CONTROL_INDICATORS_H
#define PK_CONTROL_INDICATORS_H

#include <stdint.h>

#include "control/launcher/asker.h"
#include "control/daemon/grace.h"
#include "control/threat.h"
#include "ioc/disk/disk.h"
#include "ioc/image/images.h"
#include "ioc/store/store.h"

struct event_base;
struct pk_indicators;

struct pk_indicators_conf {
	struct event_base *base;
	struct pk_asker *asker;
	struct pk_grace *grace;
	uint64_t seed;	 /* of a new store */
	const char *dir; /* of the disk; NULL: memory alone */
	const char *
		clock; /* file of the clock (control/daemon/expiry.h) or NULL */
	uint64_t (*now)(void); /* real time in ns; NULL: the system's */
};

/*
 * 0 or -errno. What the disk has is in the store and in the images at once,
 * if the disk has its base image; else pk_indicators_publish() it. The caller
 * owns *@out.
 */
int pk_indicators_new(struct pk_indicators **out,
		      const struct pk_indicators_conf *conf);
void pk_indicators_free(struct pk_indicators *d); /* NULL is a no-op */

const struct pk_store *pk_indicators_store(const struct pk_indicators *d);
const struct pk_images *pk_indicators_images(const struct pk_indicators *d);
uint64_t pk_indicators_generation(const struct pk_indicators *d);
int pk_indicators_fd(const struct pk_indicators *d);
int pk_indicators_hits_fd(const struct pk_indicators *d);

/* "" if unknown */
const char *pk_indicators_feed_name(const struct pk_indicators *d,
				    uint32_t feed);

/* --- change --------------------------------------------------------------- */

/*
 * Call @go as soon as the store may be changed: at once, or from the loop in
 * the order of the calls. 0 or -ENOMEM.
 */
int pk_indicators_when_free(struct pk_indicators *d, void (*go)(void *arg),
			    void *arg);

/*
 * The same when nothing at all is under way, no base either. Both may hold the
 * store: nothing is published, and all others wait, until it is released.
 */
int pk_indicators_when_idle(struct pk_indicators *d, void (*go)(void *arg),
			    void *arg);
void pk_indicators_hold(struct pk_indicators *d);
void pk_indicators_release(struct pk_indicators *d);

/*
 * Room for @items changes of @bytes canonical bytes in all, in memory and on
 * disk: after 0 the changes themselves do not fail for want of it. -ENOSPC,
 * -ENOMEM, or as pk_disk_reserve(), with a sentence in @why.
 */
int pk_indicators_reserve(struct pk_indicators *d, uint32_t items,
			  uint64_t bytes, char why[PK_SAY_MAX]);

/*
 * As pk_store_feed(), pk_store_feed_set(), pk_store_add() and pk_store_del(),
 * while free or held; part of the next commit. -EALREADY from add: the feed says
 * exactly this; put does not look (for what pk_store_diff() told).
 */
int pk_indicators_feed(struct pk_indicators *d, const char *name);
int pk_indicators_feed_set(struct pk_indicators *d, uint16_t feed,
			   const struct pk_feed_info *info);
int pk_indicators_add(struct pk_indicators *d, const struct pk_indicator *ind,
		      uint32_t *slot);
int pk_indicators_put(struct pk_indicators *d, const struct pk_indicator *ind,
		      uint32_t *slot);
int pk_indicators_del(struct pk_indicators *d, const struct pk_indicator *ind,
		      uint16_t feed);

/*
 * What changed since the last commit becomes commit *@number. @op, @feed and
 * @uid are for history; counts are kept by add and del. 0; or the store is what
 * it was at the last commit, and a sentence was logged. Without a change no
 * commit is made and *@number is the last one.
 */
int pk_indicators_commit(struct pk_indicators *d, const char *op,
			 const char *feed, uint32_t uid, uint64_t *number);
uint64_t pk_indicators_last(const struct pk_indicators *d); /* commit */

/* Take back what changed since the last commit; without a disk it stays. */
void pk_indicators_abort(struct pk_indicators *d);

/* What was refused, for the audit log. */
void pk_indicators_refused(struct pk_indicators *d, const char *op,
			   const char *feed, uint32_t uid, const char *why);

/*
 * 1 when all that was changed and asked to be published is visible: nothing
 * waits or is under way, and the last publication went well. While free.
 */
int pk_indicators_is_settled(const struct pk_indicators *d);

/* Told once: 0 and the generation that shows the change, or -errno. */
typedef void pk_indicators_fn(void *arg, int status, const char *why,
			      uint64_t generation);

/*
 * Make the store's present state visible; with a fresh base if @base. @fn may
 * be NULL. 0 or -ENOMEM; then @fn is not called.
 */
int pk_indicators_publish(struct pk_indicators *d, int base,
			  pk_indicators_fn *fn, void *arg);

/*
 * The clock by which indicators end, Unix seconds; and "" or what is wrong
 * with it (control/daemon/expiry.h).
 */
uint32_t pk_indicators_clock(const struct pk_indicators *d);
const char *pk_indicators_clock_state(const struct pk_indicators *d);

/* An operator says that the system's time is right. */
void pk_indicators_confirm_clock(struct pk_indicators *d);

/* --- the disk --------------------------------------------------------------- */

struct pk_indicators_disk {
	const char *dir;    /* "" : none */
	const char *error;  /* "" : all is well */
	uint64_t synced;    /* commit that is safe from a loss of power */
	uint64_t synced_ns; /* when, real time */
	uint64_t log_bytes;
};

void pk_indicators_disk(const struct pk_indicators *d,
			struct pk_indicators_disk *out);
/* As pk_disk_reader(); -ENOENT without a disk. */
int pk_indicators_reader(struct pk_indicators *d, struct pk_disk **out);

/* --- the kernel ------------------------------------------------------------ */

/*
 * Publish to the kernel's maps, too. @fds as PK_MAPS_* orders them, @hits
 * counters in the hits map; what is kept of @fds is replaced by -1. @fn is
 * told when the active images are there.
 */
int pk_indicators_open_kernel(struct pk_indicators *d, struct pk_fds *fds,
			      uint32_t hits, pk_indicators_fn *fn, void *arg);

/* --- what goes on ------------------------------------------------------------ */

struct pk_indicators_state {
	int building;	   /* a base */
	int failed;	   /* the last publication */
	char why[128];	   /* it failed; "" */
	uint64_t since_ns; /* the active generation is visible */
	uint32_t base_items, base_lines;
	uint32_t delta_items, delta_lines;
	uint32_t collisions; /* of the base */
	uint64_t base_generation;
};

void pk_indicators_state(const struct pk_indicators *d,
			 struct pk_indicators_state *out);

/* The active pair, as the planes have it, or the kernel's copy (-ENOENT). */
struct pk_indicators_pair {
	uint64_t generation;
	uint64_t base_sum, delta_sum; /* checksums */
};
int pk_indicators_pair(const struct pk_indicators *d, int kernel,
		       struct pk_indicators_pair *out);

/*
 * The base that is active now can be read (pk_images_view()) until leave: none
 * is built where it is. Any number of readers, in any thread; these two calls
 * in the loop's.
 */
void pk_indicators_read_base(struct pk_indicators *d);
void pk_indicators_leave_base(struct pk_indicators *d);

/* --- counts ----------------------------------------------------------------- */

uint64_t pk_indicators_hits(const struct pk_indicators *d, uint32_t slot);

/* Hits of a slot that were counted before the restart: they are added to what
 * is told, but are in no sum. 0, -EINVAL: it was never given; or -ENOMEM. */
int pk_indicators_hits_before(struct pk_indicators *d, uint32_t slot,
			      uint64_t hits);

/* Sums over all slots, of no more than @max a call: 1 when there are others.
 * Zeroed at first; of one instant only if nothing hits meanwhile. */
struct pk_indicators_sums {
	uint64_t kernel, user;
	uint32_t slot; /* the next one */
};
int pk_indicators_sum_hits(const struct pk_indicators *d,
			   struct pk_indicators_sums *sums, uint32_t max);

/* Slots that the kernel can count; 0 without it. */
uint32_t pk_indicators_kernel_slots(const struct pk_indicators *d);

/* Called when a slot is given to another indicator. */
void pk_indicators_on_anew(struct pk_indicators *d,
			   void (*anew)(void *arg, uint32_t slot), void *arg);

/* --- for threats: @arg is the struct pk_indicators -------------------------- */

int pk_indicators_describe(void *arg, const struct pk_threat_seen *seen,
			   struct pk_threat_indicator *out);

#endif /* PK_CONTROL_INDICATORS_H */
