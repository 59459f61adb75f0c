/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/indicators_inside.h"
#include "control/log.h"
#include "dataplane/xdp/object.h"

/* Room to spare in a map that is made larger: the next base fits, too. */
enum { SPARE_PARTS = 4 };

struct pk_waiter {
	struct pk_waiter *next;
	void (*free_fn)(void *arg); /* of when_free, else NULL */
	pk_indicators_fn *fn;
	void *arg;
};

static void finish(struct pk_indicators *d, int err);
static void try_again(struct pk_indicators *d);

/* --- waiters ------------------------------------------------------------------ */

static void init(struct pk_waiters *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static int add(struct pk_waiters *q, const struct pk_waiter *w)
{
	struct pk_waiter *copy = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *w;
	copy->next = NULL;
	*q->last = copy;
	q->last = &copy->next;
	return 0;
}

static struct pk_waiter *take(struct pk_waiters *q)
{
	struct pk_waiter *w = q->first;

	if (w) {
		q->first = w->next;
		if (!q->first)
			q->last = &q->first;
	}
	return w;
}

static void move(struct pk_waiters *to, struct pk_waiters *from)
{
	init(to);
	if (from->first) {
		to->first = from->first;
		to->last = from->last;
	}
	init(from);
}

static void drop(struct pk_waiters *q)
{
	struct pk_waiter *w;

	while (q->last && (w = take(q)))
		free(w);
}

static void tell(struct pk_waiters *q, int status, const char *why,
		 uint64_t generation)
{
	struct pk_waiter *w;

	while ((w = take(q))) {
		if (w->fn)
			w->fn(w->arg, status, why, generation);
		free(w);
	}
}

static void flush_later(struct pk_indicators *d)
{
	const struct timeval now = { 0, 0 };

	event_add(d->flush, &now);
}

/* --- the end of a publication ---------------------------------------------------- */

static const char *reason(int err)
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

static void close_kernel(struct pk_indicators *d)
{
	struct pk_indicators_kernel *k = &d->kernel;

	pk_xdp_unmap_target(&k->target);
	if (k->hits)
		munmap(k->hits, (size_t)k->slots * sizeof(*k->hits));
	memset(k, 0, sizeof(*k));
}

static void opened(struct pk_indicators *d, int err, uint64_t generation)
{
	pk_indicators_fn *fn = d->kernel.fn;
	void *arg = d->kernel.arg;

	d->kernel.opening = 0;
	d->kernel.fn = NULL;
	if (err)
		close_kernel(d);
	fn(arg, err, reason(err), generation);
}

/* What was under way has ended, well or not. */
static void finish(struct pk_indicators *d, int err)
{
	uint64_t generation = pk_images_generation(d->images);
	struct pk_waiters told;

	d->busy = 0;
	if (err)
		pk_err("%s: %s", reason(err), strerror(-err));
	else
		pk_grace_kick(d->conf.grace, generation - 1);
	if (d->kernel.opening) {
		opened(d, err, generation);
	} else {
		d->failed = err != 0;
		pk_block_free(&d->block);
		memset(&d->block, 0, sizeof(d->block));
		move(&told, &d->told);
		tell(&told, err, reason(err), generation);
	}
	flush_later(d);
}

/* --- room -------------------------------------------------------------------------- */

static uint32_t lines_for(const struct pk_image_shortage *s)
{
	uint32_t max = s->slot < PK_IMAGE_BASES ? PK_IMAGES_BASE_LINES
						: PK_IMAGES_DELTA_LINES;
	uint32_t lines = s->lines + s->lines / SPARE_PARTS;

	return lines > max ? max : lines;
}

/* A larger map came: it takes the place of the slot's old one. */
static int use_slot(struct pk_indicators *d, const struct pk_image_shortage *s,
		    int fd)
{
	struct pk_image_target *t = &d->kernel.target;
	uint32_t lines = lines_for(s);
	size_t bytes = (size_t)lines * sizeof(struct pk_line);
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int err = 0;

	if (at == MAP_FAILED)
		return -errno;
	/* a target that is being added is not the images' yet */
	if (!d->kernel.opening)
		err = pk_images_set_slot(d->images, s->target, s->slot, at,
					 lines);
	if (err) {
		munmap(at, bytes);
		return err;
	}
	munmap(t->slot[s->slot],
	       (size_t)t->lines[s->slot] * sizeof(struct pk_line));
	t->slot[s->slot] = at;
	t->lines[s->slot] = lines;
	return 0;
}

static void on_grown(void *arg, const struct pk_answer *a, struct pk_fds *fds)
{
	struct pk_indicators *d = arg;
	int err = a->status;

	if (err)
		pk_err("an image slot cannot grow: %s", a->why);
	else if (fds->count != 1)
		err = -EPROTO;
	else
		err = use_slot(d, pk_images_shortage(d->images), fds->fd[0]);
	if (err)
		finish(d, err);
	else
		try_again(d);
}

/* What was tried ended with @err: go on later with more room, or finish. */
static void tried(struct pk_indicators *d, int err)
{
	const struct pk_image_shortage *s = pk_images_shortage(d->images);
	struct pk_request r = { .kind = PK_REQUEST_GROW };

	if (err == -ENOSPC && s->target && lines_for(s) >= s->lines) {
		r.slot = s->slot;
		r.lines = lines_for(s);
		err = pk_asker_ask(d->conf.asker, &r, NULL, on_grown, d);
		if (!err)
			return;
	}
	finish(d, err);
}

/* --- base and delta ------------------------------------------------------------------ */

static void *build(void *arg)
{
	struct pk_indicators *d = arg;
	uint64_t one = 1;
	int err = 0;

	if (!d->block.lines)
		err = pk_builder_base(d->store, &d->block);
	if (!err)
		err = pk_images_publish_base(d->images, &d->block);
	d->result = err;
	while (write(d->built_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

static void try_base(struct pk_indicators *d)
{
	int err = pthread_create(&d->builder, NULL, build, d);

	d->building = !err;
	if (err)
		finish(d, -err);
}

static void on_built(evutil_socket_t fd, short what, void *arg)
{
	struct pk_indicators *d = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) < 0)
		return;
	pthread_join(d->builder, NULL);
	d->building = 0;
	if (!d->result)
		pk_store_settle(d->store);
	tried(d, d->result);
}

static void try_delta(struct pk_indicators *d)
{
	int err = 0;

	if (!d->block.lines)
		err = pk_builder_delta(d->store, &d->block);
	if (err == -E2BIG) {
		d->is_base = 1;
		try_base(d);
		return;
	}
	if (!err)
		err = pk_images_publish_delta(d->images, &d->block);
	tried(d, err);
}

/*
 * The next delta goes to the slot that was active PK_IMAGE_DELTAS generations
 * ago at the latest. Until it is quiet a push waits here, with those that come
 * meanwhile, and not in the loop's way.
 */
static int must_wait(const struct pk_indicators *d)
{
	uint64_t next = pk_images_generation(d->images) + 1;

	return !d->want_base && next > PK_IMAGE_DELTAS &&
	       pk_grace_quiet(d->conf.grace) < next - PK_IMAGE_DELTAS;
}

/* Those who may change the store come first: their changes are shown too. */
static void flush(struct pk_indicators *d)
{
	struct pk_waiter *w;

	while (!d->busy && !d->held && (w = take(&d->free))) {
		w->free_fn(w->arg);
		free(w);
	}
	if (d->busy || d->held || !d->waiting.first || must_wait(d))
		return;
	d->busy = 1;
	move(&d->told, &d->waiting);
	d->is_base = d->want_base;
	d->want_base = 0;
	try_again(d);
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

	if (add(&d->waiting, &w)) {
		d->failed = 1;
		return -ENOMEM;
	}
	d->want_base |= base;
	flush_later(d);
	return 0;
}

int pk_indicators_when_free(struct pk_indicators *d, void (*fn)(void *arg),
			    void *arg)
{
	const struct pk_waiter w = { .free_fn = fn, .arg = arg };

	if (!d->busy && !d->held && !d->free.first) {
		fn(arg);
		return 0;
	}
	return add(&d->free, &w);
}

void pk_indicators_hold(struct pk_indicators *d)
{
	d->held = 1;
}

void pk_indicators_release(struct pk_indicators *d)
{
	d->held = 0;
	flush_later(d);
}

/* --- the kernel ---------------------------------------------------------------------- */

void pk_publish_begin_anew(struct pk_indicators *d, uint32_t slot)
{
	struct pk_indicators_kernel *k = &d->kernel;
	uint64_t n;

	if (!k->hits || slot >= k->slots)
		return;
	n = __atomic_exchange_n(&k->hits[slot], 0, __ATOMIC_RELAXED);
	if (n)
		__atomic_fetch_add(&k->hits[0], n, __ATOMIC_RELAXED);
}

static int map_hits(struct pk_indicators_kernel *k, int fd, uint32_t slots)
{
	void *at = mmap(NULL, (size_t)slots * sizeof(*k->hits),
			PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	k->hits = at;
	k->slots = slots;
	return 0;
}

/*
 * An earlier daemon's pair is active in the kernel. Ours must come to other
 * slots, or a packet would see a mix of both.
 */
static int avoid_slots(struct pk_indicators *d, uint64_t theirs)
{
	struct pk_block b = { 0 };
	int err = 0;

	if (!pk_word_generation(theirs))
		return 0;
	if (pk_word_base(d->control->word) == pk_word_base(theirs)) {
		err = pk_builder_base(d->store, &b);
		if (!err)
			err = pk_images_publish_base(d->images, &b);
		if (!err)
			pk_store_settle(d->store);
		pk_block_free(&b);
		memset(&b, 0, sizeof(b));
	}
	if (!err && pk_word_delta(d->control->word) == pk_word_delta(theirs)) {
		err = pk_builder_delta(d->store, &b);
		if (!err)
			err = pk_images_publish_delta(d->images, &b);
		pk_block_free(&b);
	}
	return err;
}

static void try_target(struct pk_indicators *d)
{
	struct pk_indicators_kernel *k = &d->kernel;
	uint64_t theirs = k->target.control->word;
	int n = pk_images_add_target(d->images, &k->target);

	if (n < 0) {
		tried(d, n);
		return;
	}
	pk_grace_kernel(d->conf.grace, 1);
	/* programs that still look at the earlier pair must be done before
	 * its slots are written */
	if (pk_word_generation(theirs))
		pk_grace_sync_kernel();
	finish(d, 0);
}

static void try_again(struct pk_indicators *d)
{
	if (d->kernel.opening)
		try_target(d);
	else if (d->is_base)
		try_base(d);
	else
		try_delta(d);
}

static void open_now(void *arg)
{
	struct pk_indicators *d = arg;
	int err;

	d->busy = 1;
	d->kernel.opening = 1;
	err = avoid_slots(d, d->kernel.target.control->word);
	if (err)
		finish(d, err);
	else
		try_target(d);
}

int pk_indicators_open_kernel(struct pk_indicators *d, struct pk_fds *fds,
			      uint32_t hits, pk_indicators_fn *fn, void *arg)
{
	struct pk_indicators_kernel *k = &d->kernel;
	int err;

	if (k->target.control)
		return -EALREADY;
	if (fds->count != PK_MAPS_FDS || !hits)
		return -EPROTO;
	k->fn = fn;
	k->arg = arg;
	err = pk_xdp_map_target(&k->target, fds->fd[PK_MAPS_CONTROL],
				&fds->fd[PK_MAPS_SLOT]);
	if (!err)
		err = map_hits(k, fds->fd[PK_MAPS_HITS], hits);
	for (uint32_t slot = 1; !err && slot < hits; slot++)
		if (k->hits[slot])
			pk_publish_begin_anew(d, slot);
	if (!err)
		err = pk_indicators_when_free(d, open_now, d);
	if (err)
		close_kernel(d);
	return err;
}

/* --- life ------------------------------------------------------------------------------ */

int pk_publish_init(struct pk_indicators *d)
{
	init(&d->waiting);
	init(&d->told);
	init(&d->free);
	d->built_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->built_fd < 0)
		return -errno;
	d->built = event_new(d->conf.base, d->built_fd, EV_READ | EV_PERSIST,
			     on_built, d);
	d->flush = evtimer_new(d->conf.base, on_flush, d);
	d->quiet = event_new(d->conf.base, pk_grace_fd(d->conf.grace),
			     EV_READ | EV_PERSIST, on_quiet, d);
	if (!d->built || !d->flush || !d->quiet || event_add(d->built, NULL) ||
	    event_add(d->quiet, NULL))
		return -ENOMEM;
	return 0;
}

void pk_publish_fini(struct pk_indicators *d)
{
	if (d->building)
		pthread_join(d->builder, NULL);
	if (d->flush)
		event_free(d->flush);
	if (d->quiet)
		event_free(d->quiet);
	if (d->built)
		event_free(d->built);
	if (d->built_fd >= 0)
		close(d->built_fd);
	drop(&d->waiting);
	drop(&d->told);
	drop(&d->free);
	close_kernel(d);
	pk_block_free(&d->block);
}
