/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indicators: the daemon's store, and its images in every plane.
 *
 * A push goes into the store, then as a delta into all targets, the kernel's
 * mapped slots included, and is live with one switched word; pushes that come
 * together share a delta. A load, or a delta that is full, builds a base in a
 * second thread. While that runs the store must not change, so whatever
 * changes it asks first: pk_indicators_when_free(). Reading is always allowed.
 *
 * When an image does not fit a slot of the kernel, the launcher is asked for a
 * larger map and the push goes on when it comes.
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

#include "control/asker.h"
#include "control/grace.h"
#include "control/threat.h"
#include "ioc/images.h"
#include "ioc/store.h"

enum { PK_INDICATORS_FEED = 64 }; /* bytes of a feed's name */

struct event_base;
struct pk_indicators;

struct pk_indicators_conf {
	struct event_base *base;
	struct pk_asker *asker;
	struct pk_grace *grace;
	uint64_t seed;
};

/* 0 or -errno. The caller owns *@out. */
int pk_indicators_new(struct pk_indicators **out,
		      const struct pk_indicators_conf *conf);
void pk_indicators_free(struct pk_indicators *d); /* NULL is a no-op */

const struct pk_store *pk_indicators_store(const struct pk_indicators *d);
uint64_t pk_indicators_generation(const struct pk_indicators *d);
int pk_indicators_fd(const struct pk_indicators *d);
int pk_indicators_hits_fd(const struct pk_indicators *d);

/* --- feeds ---------------------------------------------------------------- */

/* The number of feed @name, made if it is new; -ENOSPC or -EINVAL. */
int pk_indicators_feed(struct pk_indicators *d, const char *name);
int pk_indicators_feed_find(const struct pk_indicators *d, const char *name);
const char *pk_indicators_feed_name(const struct pk_indicators *d,
				    uint32_t feed); /* "" if unknown */

/* --- change --------------------------------------------------------------- */

/*
 * Call @fn as soon as the store may be changed: at once, or from the loop in
 * the order of the calls. 0 or -ENOMEM.
 */
int pk_indicators_when_free(struct pk_indicators *d, void (*fn)(void *arg),
			    void *arg);

/*
 * Hold the store: nothing is published, and when_free() waits, until
 * pk_indicators_release(). For a load in slices. Only while it is free.
 */
void pk_indicators_hold(struct pk_indicators *d);
void pk_indicators_release(struct pk_indicators *d);

/* As pk_store_add() and pk_store_del(), while free or held. */
int pk_indicators_add(struct pk_indicators *d, const struct pk_indicator *ind,
		      uint32_t *slot);
int pk_indicators_del(struct pk_indicators *d, const struct pk_indicator *ind,
		      uint16_t feed);

/*
 * 1 when all that was changed and asked to be published is visible: nothing
 * waits or is under way, and the last publication went well. While free.
 */
int pk_indicators_is_settled(const struct pk_indicators *d);

/* Told once: 0 and the generation that shows the change, or -errno. */
typedef void pk_indicators_fn(void *arg, int status, const char *why,
			      uint64_t generation);

/*
 * Make the store's present state visible, with a fresh base if @base. @fn may
 * be NULL. 0 or -ENOMEM; then @fn is not called.
 */
int pk_indicators_publish(struct pk_indicators *d, int base,
			  pk_indicators_fn *fn, void *arg);

/* --- the kernel ------------------------------------------------------------ */

/*
 * Publish to the kernel's maps, too. @fds as PK_MAPS_* orders them, @hits
 * counters in the hits map; what is kept of @fds is replaced by -1. @fn is
 * told when the active images are there.
 */
int pk_indicators_open_kernel(struct pk_indicators *d, struct pk_fds *fds,
			      uint32_t hits, pk_indicators_fn *fn, void *arg);

/* --- counts ----------------------------------------------------------------- */

uint64_t pk_indicators_hits(const struct pk_indicators *d, uint32_t slot);
/* Over all slots, for the audit. */
uint64_t pk_indicators_kernel_hits(const struct pk_indicators *d);
uint64_t pk_indicators_user_hits(const struct pk_indicators *d);
/* Slots that the kernel can count; 0 without it. */
uint32_t pk_indicators_kernel_slots(const struct pk_indicators *d);

/* --- for threats: @arg is the struct pk_indicators -------------------------- */

int pk_indicators_by_slot(void *arg, uint32_t slot,
			  struct pk_threat_indicator *out);
int pk_indicators_by_addr(void *arg, const union pk_addr *addr,
			  struct pk_threat_indicator *out);

#endif /* PK_CONTROL_INDICATORS_H */
