/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/daemon/background.h"
#include "control/daemon/indicators_inside.h"
#include "control/log.h"

enum {
	SETTLE = 1 << 14, /* slots between two looks at the clock */
	SETTLE_US = 1000, /* of the loop at a time */
};

/* In the thread: the store is frozen, the idle base slots are ours. */
static void *build(void *arg)
{
	struct pk_indicators *d = arg;
	struct pk_indicators_base *b = &d->built;
	struct pk_block_place place;
	uint64_t one = 1;
	int err = 0;

	pk_background();
	if (!b->block.lines)
		err = pk_images_place(d->images, &place);
	if (!err && !b->block.lines)
		err = pk_builder_base_at(d->store, &place, &b->block);
	if (!err)
		err = pk_images_prepare(d->images, &b->block, &b->shortage);
	b->result = err;
	while (write(b->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

static void drop(struct pk_indicators_base *b)
{
	pk_block_free(&b->block);
	memset(&b->block, 0, sizeof(b->block));
	b->state = PK_BASE_NONE;
	b->settled = 0;
}

/* It cannot be: who waited for it is told; the old images stay. */
static void failed(struct pk_indicators *d, int err)
{
	struct pk_indicators_base *b = &d->built;

	pk_store_thaw(d->store);
	drop(b);
	if (!d->overflow) { /* deltas go on */
		pk_err("a base image could not be built: %s", strerror(-err));
		pk_publish_flush_later(d);
		return;
	}
	d->overflow = 0;
	d->busy = 1;
	pk_waiters_append(&d->told, &d->waiting);
	pk_publish_finish(d, err);
}

static void start_thread(struct pk_indicators *d)
{
	int err = pthread_create(&d->built.thread, NULL, build, d);

	d->built.state = PK_BASE_BUILDING;
	if (err) {
		d->built.state = PK_BASE_NONE;
		failed(d, -err);
	}
}

static void grown(struct pk_indicators *d, int err)
{
	if (err)
		failed(d, err);
	else
		start_thread(d);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct pk_indicators *d = arg;
	struct pk_indicators_base *b = &d->built;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) < 0)
		return;
	/* it has ended, and nobody waits for its last step */
	pthread_detach(b->thread);
	if (!b->result) {
		b->state = PK_BASE_READY;
		pk_publish_flush_later(d);
		return;
	}
	b->state = PK_BASE_GROWING;
	if (b->result != -ENOSPC || pk_kernel_grow(d, &b->shortage, grown))
		failed(d, b->result);
}

void pk_base_start(struct pk_indicators *d)
{
	if (d->built.state != PK_BASE_NONE)
		return;
	/* they read the image that may be written over then */
	if (d->disk.child || d->built.readers)
		return;
	if (pk_store_freeze(d->store))
		return;
	d->want_base = 0;
	d->behind = 0;
	start_thread(d);
}

void pk_indicators_read_base(struct pk_indicators *d)
{
	d->built.readers++;
}

void pk_indicators_leave_base(struct pk_indicators *d)
{
	if (!--d->built.readers)
		pk_publish_flush_later(d);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/*
 * What was withdrawn leaves the store's index, each with a cold line: for
 * millions that takes longer than the loop may be away. 1 when it goes on.
 */
static int settle_some(struct pk_indicators *d)
{
	struct pk_indicators_base *b = &d->built;
	uint64_t until = now_us() + SETTLE_US;
	const struct timeval now = { 0, 0 };
	int more;

	do
		more = pk_store_settle_some(d->store, &b->cursor, SETTLE);
	while (more && now_us() < until);
	b->settling = more;
	if (more)
		event_add(b->turn, &now);
	return more;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pk_base_publish(arg);
}

void pk_base_publish(struct pk_indicators *d)
{
	struct pk_indicators_base *b = &d->built;
	int err = 0;

	if (!b->settled && settle_some(d))
		return;
	if (!b->settled) {
		b->settled = 1;
		b->cursor = 0;
		d->overflow = 0;
	}
	if (!d->delta.lines)
		err = pk_builder_delta(d->store, &d->delta);
	if (!err)
		err = pk_images_publish(d->images, &b->block, &d->delta);
	pk_publish_tried(d, err);
}

/*
 * A failed one stays, as the store's delta is over it. But when that is no
 * delta any more, only another base helps.
 */
void pk_base_published(struct pk_indicators *d, int err)
{
	if (err && err != -E2BIG)
		return;
	if (err)
		d->overflow = 1;
	else
		d->base_generation = pk_images_generation(d->images);
	d->collisions = d->built.block.collisions;
	drop(&d->built);
}

int pk_base_init(struct pk_indicators *d)
{
	struct pk_indicators_base *b = &d->built;

	b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->fd < 0)
		return -errno;
	b->done = event_new(d->conf.base, b->fd, EV_READ | EV_PERSIST, on_done,
			    d);
	b->turn = evtimer_new(d->conf.base, on_turn, d);
	return b->turn && b->done && !event_add(b->done, NULL) ? 0 : -ENOMEM;
}

void pk_base_fini(struct pk_indicators *d)
{
	struct pk_indicators_base *b = &d->built;

	if (b->state == PK_BASE_BUILDING)
		pthread_join(b->thread, NULL);
	if (b->done)
		event_free(b->done);
	if (b->turn)
		event_free(b->turn);
	if (b->fd >= 0)
		close(b->fd);
	pk_block_free(&b->block);
}
