/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/daemon/indicators_inside.h"
#include "control/log.h"

void pk_publish_flush_later(struct pk_indicators *d)
{
	const struct timeval now = { 0, 0 };

	event_add(d->flush, &now);
}

const char *pk_publish_reason(int err)
{
	switch (err) {
	case 0:
		return "";
	case -ENOMEM:
		return "not enough memory for the image; the old one stays "
		       "active";
	case -EFBIG:
	case -ENOSPC:
		return "more indicators than an image holds; the old one "
		       "stays active";
	default:
		return "the image could not be published; the old one stays "
		       "active";
	}
}

/* Which slot is too small, and what it would need (X28). */
static void say_why(struct pk_indicators *d, int err)
{
	const struct pk_image_shortage *s = pk_images_shortage(d->images);
	const char *kind = s->slot < PK_IMAGE_BASES ? "base" : "delta";
	uint32_t most = s->slot < PK_IMAGE_BASES ? PK_IMAGES_BASE_LINES
						 : PK_IMAGES_DELTA_LINES;

	if (err == -ENOSPC && s->lines)
		snprintf(d->why, sizeof(d->why),
			 "the %s image needs %u lines of 64 bytes, and its "
			 "capacity is %u; the old one stays active",
			 kind, s->lines, most);
	else
		snprintf(d->why, sizeof(d->why), "%s", pk_publish_reason(err));
}

/* --- the end of a publication ---------------------------------------------------- */

static void drop_block(struct pk_block *b)
{
	pk_block_free(b);
	memset(b, 0, sizeof(*b));
}

static void shown(struct pk_indicators *d, uint64_t generation)
{
	struct pk_store_stats s;

	d->why[0] = '\0';
	d->since_ns = pk_indicators_now(d);
	pk_grace_kick(d->conf.grace, generation - 1);
	pk_store_stats(d->store, &s);
	if ((uint64_t)s.additions + s.tombstones > PK_DELTA_SOFT)
		d->want_base = 1;
}

void pk_publish_finish(struct pk_indicators *d, int err)
{
	uint64_t generation = pk_images_generation(d->images);

	d->busy = 0;
	if (err) {
		say_why(d, err);
		pk_err("%s (%s)", d->why, strerror(-err));
	} else {
		shown(d, generation);
	}
	if (d->kernel.opening) {
		pk_kernel_opened(d, err, generation);
	} else {
		d->failed = err != 0;
		drop_block(&d->delta);
		if (d->is_base)
			pk_base_published(d, err);
		d->is_base = 0;
		pk_waiters_tell(&d->told, err, d->why, generation);
	}
	pk_publish_flush_later(d);
}

/* --- room -------------------------------------------------------------------------- */

static void try_again(struct pk_indicators *d);

static void grown(struct pk_indicators *d, int err)
{
	if (err)
		pk_publish_finish(d, err);
	else
		try_again(d);
}

void pk_publish_tried(struct pk_indicators *d, int err)
{
	if (err == -ENOSPC &&
	    !pk_kernel_grow(d, pk_images_shortage(d->images), grown))
		return;
	pk_publish_finish(d, err);
}

/* --- deltas ------------------------------------------------------------------------- */

/* Too much for a delta: those who wait, wait for a base. */
static void need_base(struct pk_indicators *d)
{
	struct pk_waiters all;

	pk_waiters_init(&all);
	pk_waiters_append(&all, &d->told);
	pk_waiters_append(&all, &d->waiting);
	pk_waiters_append(&d->waiting, &all);
	d->busy = 0;
	d->overflow = 1;
	pk_base_start(d);
}

static void try_delta(struct pk_indicators *d)
{
	int err = 0;

	if (!d->delta.lines)
		err = pk_builder_delta(d->store, &d->delta);
	if (err == -E2BIG) {
		need_base(d);
		return;
	}
	if (!err)
		err = pk_images_publish_delta(d->images, &d->delta);
	pk_publish_tried(d, err);
}

static void try_again(struct pk_indicators *d)
{
	if (d->kernel.opening)
		pk_kernel_try(d);
	else if (d->is_base)
		pk_base_publish(d);
	else
		try_delta(d);
}

/* --- what to do next ----------------------------------------------------------------- */

/*
 * The next delta goes to the slot that was active PK_IMAGE_DELTAS generations
 * ago at the latest. Until it is quiet a push waits here, with those that come
 * meanwhile, and not in the loop's way.
 */
static int must_wait(const struct pk_indicators *d)
{
	uint64_t next = pk_images_generation(d->images) + 1;

	return next > PK_IMAGE_DELTAS &&
	       pk_grace_quiet(d->conf.grace) < next - PK_IMAGE_DELTAS;
}

static int is_building(const struct pk_indicators *d)
{
	return d->built.state == PK_BASE_BUILDING ||
	       d->built.state == PK_BASE_GROWING;
}

/* So many changes are behind the base that is built: let it come first. */
static int is_free(const struct pk_indicators *d)
{
	return !d->held && !d->built.settling &&
	       !(is_building(d) && d->behind > PK_CHANGES_BEHIND);
}

static int is_idle(const struct pk_indicators *d)
{
	return !d->held && !d->busy && d->built.state == PK_BASE_NONE;
}

static void let(struct pk_indicators *d, struct pk_waiters *q,
		int (*may)(const struct pk_indicators *d))
{
	struct pk_waiter *w;

	while (may(d) && (w = pk_waiters_take(q))) {
		w->go(w->arg);
		free(w);
	}
}

static void publish(struct pk_indicators *d)
{
	d->busy = 1;
	pk_waiters_append(&d->told, &d->waiting);
	try_again(d);
}

/*
 * Those who may change the store come first: their changes are shown too. A
 * base that could not be shown is tried again with the next push.
 */
static void flush(struct pk_indicators *d)
{
	let(d, &d->idle, is_idle);
	let(d, &d->free, is_free);
	if (d->busy || d->held || must_wait(d))
		return;
	if (d->built.state == PK_BASE_READY) {
		d->is_base = !d->failed || d->waiting.first;
		if (d->is_base)
			publish(d);
	} else if (d->waiting.first && !d->overflow) {
		publish(d);
	} else if (d->overflow ||
		   (d->want_base && !d->idle.first && !d->sweeping)) {
		pk_base_start(d);
	}
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

static void on_quiet(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		flush(arg);
}

int pk_indicators_publish(struct pk_indicators *d, int base,
			  pk_indicators_fn *fn, void *arg)
{
	const struct pk_waiter w = { .fn = fn, .arg = arg };

	if (pk_waiters_add(&d->waiting, &w)) {
		d->failed = 1;
		return -ENOMEM;
	}
	d->want_base |= base;
	pk_publish_flush_later(d);
	return 0;
}

int pk_indicators_when_free(struct pk_indicators *d, void (*go)(void *arg),
			    void *arg)
{
	const struct pk_waiter w = { .go = go, .arg = arg };

	if (is_free(d) && !d->free.first) {
		go(arg);
		return 0;
	}
	return pk_waiters_add(&d->free, &w);
}

int pk_indicators_when_idle(struct pk_indicators *d, void (*go)(void *arg),
			    void *arg)
{
	const struct pk_waiter w = { .go = go, .arg = arg };

	if (is_idle(d) && !d->idle.first) {
		go(arg);
		return 0;
	}
	return pk_waiters_add(&d->idle, &w);
}

void pk_indicators_hold(struct pk_indicators *d)
{
	d->held = 1;
}

void pk_indicators_release(struct pk_indicators *d)
{
	d->held = 0;
	pk_publish_flush_later(d);
}

int pk_indicators_is_settled(const struct pk_indicators *d)
{
	return !d->busy && !d->held && !d->overflow && !d->waiting.first &&
	       !d->failed;
}

/* --- life ------------------------------------------------------------------------------ */

/* Nobody reads yet: build and show it here. */
int pk_publish_first(struct pk_indicators *d, struct pk_block *base)
{
	struct pk_block delta = { 0 };
	int err = 0;

	if (!base->count) {
		struct pk_store_stats s;

		pk_store_stats(d->store, &s);
		d->want_base = s.live > 0;
		return 0;
	}
	err = pk_builder_delta(d->store, &delta);
	if (!err)
		err = pk_images_publish(d->images, base, &delta);
	d->base_generation = pk_images_generation(d->images);
	d->collisions = base->collisions;
	pk_block_free(&delta);
	if (err == -E2BIG) {
		d->overflow = 1;
		return 0;
	}
	return err;
}

int pk_publish_init(struct pk_indicators *d)
{
	pk_waiters_init(&d->waiting);
	pk_waiters_init(&d->told);
	pk_waiters_init(&d->free);
	pk_waiters_init(&d->idle);
	d->flush = evtimer_new(d->conf.base, on_flush, d);
	d->quiet = event_new(d->conf.base, pk_grace_fd(d->conf.grace),
			     EV_READ | EV_PERSIST, on_quiet, d);
	if (!d->flush || !d->quiet || event_add(d->quiet, NULL))
		return -ENOMEM;
	return pk_base_init(d);
}

void pk_publish_fini(struct pk_indicators *d)
{
	pk_base_fini(d);
	if (d->flush)
		event_free(d->flush);
	if (d->quiet)
		event_free(d->quiet);
	pk_waiters_drop(&d->waiting);
	pk_waiters_drop(&d->told);
	pk_waiters_drop(&d->free);
	pk_waiters_drop(&d->idle);
	pk_kernel_close(d);
	pk_block_free(&d->delta);
}
