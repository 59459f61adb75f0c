/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/daemon/expiry.h"
#include "control/daemon/indicators_inside.h"
#include "control/log.h"

enum {
	SLICE = 2048,	 /* pairs between two looks at the time */
	TURN_US = 4000,	 /* of the loop, for what ends */
	BASE_US = 10000, /* until the next look for a base that is ready */
	SAVE_EVERY = 60, /* seconds */
	PATH_BYTES = 512,
};

struct pk_expire {
	struct pk_expiry clock;
	struct event *tick;
	uint8_t boot_id[PK_EXPIRY_BOOT_ID];
	enum pk_expiry_state told;
	unsigned ticks;
	int waits; /* for the store to be free */
	int holds; /* the store: what ended is not all noted yet */
	int noted; /* something ended since the last commit */
	unsigned gone;
	uint32_t slot[SLICE];
};

/* --- the clock over restarts -------------------------------------------------------------- */

static int read_saved(const char *path, struct pk_expiry_saved *saved)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, saved, sizeof(*saved));
	close(fd);
	return n == (ssize_t)sizeof(*saved) ? 0 : -EBADMSG;
}

/* The old or the new one, whole. */
static void save(const struct pk_indicators *d)
{
	struct pk_expiry_saved saved;
	char fresh[PATH_BYTES];
	int fd, ok;

	if (!d->conf.clock)
		return;
	memset(&saved, 0, sizeof(saved));
	pk_expiry_save(&d->expire->clock, &saved);
	snprintf(fresh, sizeof(fresh), "%s.new", d->conf.clock);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	ok = fd >= 0 &&
	     write(fd, &saved, sizeof(saved)) == (ssize_t)sizeof(saved);
	if (fd >= 0)
		close(fd);
	if (!ok || rename(fresh, d->conf.clock))
		pk_warn("%s cannot be written: %s", d->conf.clock,
			strerror(errno));
}

/* --- what ends ------------------------------------------------------------------------------- */

/* Before it goes; its slot is noted when it has gone. */
static void on_gone(void *arg, const struct pk_indicator *ind)
{
	struct pk_expire *e = arg;

	e->slot[e->gone++ % SLICE] = ind->slot;
}

static void tick_later(struct pk_expire *e, int sec, int us)
{
	const struct timeval wait = { sec, us };

	event_add(e->tick, &wait);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* A base that is under way has to take what changes meanwhile as a delta. */
static int has_room(const struct pk_indicators *d)
{
	return d->built.state == PK_BASE_NONE || d->built.settled ||
	       d->behind < PK_CHANGES_BEHIND;
}

/* One turn. 1 when there is more that ends now. */
static int end_some(struct pk_indicators *d, uint32_t now)
{
	struct pk_expire *e = d->expire;
	uint64_t until = now_us() + TURN_US;
	int more = 0;

	do {
		e->gone = 0;
		pk_store_expire(d->store, now, SLICE, &more, on_gone, e);
		for (unsigned i = 0; i < e->gone; i++)
			pk_indicators_note(d, e->slot[i]);
		e->noted |= e->gone > 0;
	} while (more && !d->tx_err && has_room(d) && now_us() < until);
	return more;
}

/*
 * All that ends now is one commit, however many turns it takes: the store is
 * held for them. Only a base that is under way can part it in two.
 */
static void sweep(struct pk_indicators *d)
{
	struct pk_expire *e = d->expire;
	uint32_t now = pk_expiry_now(&e->clock);
	uint64_t number;
	int more = now && end_some(d, now);

	if (more && !d->tx_err && has_room(d)) {
		e->holds = 1;
		pk_indicators_hold(d);
		tick_later(e, 0, 0);
		return;
	}
	d->sweeping = more;
	if (e->noted && !pk_indicators_commit(d, "expire", "", 0, &number))
		pk_indicators_publish(d, 0, NULL, NULL);
	else
		d->sweeping = 0;
	if (e->holds)
		pk_indicators_release(d);
	e->holds = e->noted = 0;
	tick_later(e, !d->sweeping, 0);
}

static void expire(void *arg)
{
	struct pk_indicators *d = arg;

	d->expire->waits = 0;
	if (has_room(d))
		sweep(d);
	else
		tick_later(d->expire, 0, BASE_US);
}

static void look_at_clock(struct pk_indicators *d)
{
	struct pk_expire *e = d->expire;
	struct pk_expiry_times now;

	if (pk_expiry_read_times(&now))
		return;
	pk_expiry_tick(&e->clock, &now);
	if (e->clock.state != e->told)
		pk_warn("the clock by which indicators end: %s",
			pk_expiry_state_text(e->clock.state));
	e->told = e->clock.state;
	if (e->ticks++ % SAVE_EVERY == SAVE_EVERY - 1)
		save(d);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct pk_indicators *d = arg;
	struct pk_expire *e = d->expire;

	(void)fd;
	(void)what;
	look_at_clock(d);
	if (e->holds) {
		sweep(d);
		return;
	}
	if (e->waits)
		return;
	e->waits = 1;
	if (pk_indicators_when_free(d, expire, d)) {
		e->waits = 0;
		tick_later(e, 1, 0);
	}
}

uint32_t pk_expire_now(const struct pk_indicators *d)
{
	return pk_expiry_now(&d->expire->clock);
}

uint32_t pk_indicators_clock(const struct pk_indicators *d)
{
	struct pk_expiry_times times;
	uint32_t now;

	/* what begins now must not begin at the last tick */
	if (!pk_expiry_read_times(&times))
		pk_expiry_tick(&d->expire->clock, &times);
	now = pk_expiry_now(&d->expire->clock);
	return now ? now : (uint32_t)(pk_indicators_now(d) / 1000000000);
}

void pk_indicators_confirm_clock(struct pk_indicators *d)
{
	struct pk_expiry_times now;

	if (!pk_expiry_read_times(&now))
		pk_expiry_confirm(&d->expire->clock, &now);
}

const char *pk_indicators_clock_state(const struct pk_indicators *d)
{
	enum pk_expiry_state state = d->expire->clock.state;

	return state == PK_EXPIRY_RUNNING ? "" : pk_expiry_state_text(state);
}

/* --- life -------------------------------------------------------------------------------------- */

int pk_expire_init(struct pk_indicators *d)
{
	struct pk_expire *e = calloc(1, sizeof(*e));
	struct pk_expiry_saved saved;
	struct pk_expiry_times now;
	int err, known;

	if (!e)
		return -ENOMEM;
	d->expire = e;
	err = pk_expiry_read_boot_id(e->boot_id);
	if (!err)
		err = pk_expiry_read_times(&now);
	if (err)
		return err;
	known = d->conf.clock && !read_saved(d->conf.clock, &saved);
	pk_expiry_start(&e->clock, &now, e->boot_id, known ? &saved : NULL);
	e->tick = evtimer_new(d->conf.base, on_tick, d);
	if (!e->tick)
		return -ENOMEM;
	tick_later(e, 0, 0);
	return 0;
}

void pk_expire_fini(struct pk_indicators *d)
{
	if (!d->expire)
		return;
	if (d->expire->tick) {
		save(d);
		event_free(d->expire->tick);
	}
	free(d->expire);
}
