/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "control/daemon/indicators_inside.h"
#include "control/log.h"
#include "dataplane/xdp/object.h"

/* Room to spare in a map that is made larger: the next base fits, too. */
enum { SPARE_PARTS = 4 };

struct growing {
	struct pk_indicators *d;
	struct pk_image_shortage shortage;
	void (*done)(struct pk_indicators *d, int err);
};

void pk_kernel_close(struct pk_indicators *d)
{
	struct pk_indicators_kernel *k = &d->kernel;

	pk_xdp_unmap_target(&k->target);
	if (k->hits)
		munmap(k->hits, (size_t)k->slots * sizeof(*k->hits));
	memset(k, 0, sizeof(*k));
}

/* --- room -------------------------------------------------------------------------- */

/* A snapshot's child has no use for it; fork() would copy what maps it. */
static void not_forked(void *at, size_t bytes)
{
	madvise(at, bytes, MADV_DONTFORK);
}

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
	not_forked(at, bytes);
	munmap(t->slot[s->slot],
	       (size_t)t->lines[s->slot] * sizeof(struct pk_line));
	t->slot[s->slot] = at;
	t->lines[s->slot] = lines;
	return 0;
}

static void on_grown(void *arg, const struct pk_answer *a, struct pk_fds *fds)
{
	struct growing *g = arg;
	int err = a->status;

	if (err)
		pk_err("an image slot cannot grow to %u lines: %s",
		       lines_for(&g->shortage), a->why);
	else if (fds->count != 1)
		err = -EPROTO;
	else
		err = use_slot(g->d, &g->shortage, fds->fd[0]);
	g->done(g->d, err);
	free(g);
}

int pk_kernel_grow(struct pk_indicators *d, const struct pk_image_shortage *s,
		   void (*done)(struct pk_indicators *d, int err))
{
	struct pk_request r = { .kind = PK_REQUEST_GROW,
				.slot = s->slot,
				.lines = lines_for(s) };
	struct growing *g;
	int err;

	if (!s->target || r.lines < s->lines)
		return -ENOSPC;
	g = malloc(sizeof(*g));
	if (!g)
		return -ENOMEM;
	*g = (struct growing){ d, *s, done };
	err = pk_asker_ask(d->conf.asker, &r, NULL, on_grown, g);
	if (err)
		free(g);
	return err;
}

/* --- opening ---------------------------------------------------------------------------- */

void pk_kernel_begin_anew(struct pk_indicators *d, uint32_t slot)
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

/* The active base once more, in the other slot. */
static int move_base(struct pk_indicators *d)
{
	struct pk_block base = { 0 }, delta = { 0 };
	struct pk_view v;
	int err;

	pk_images_view(d->images, &v);
	base.lines = (struct pk_line *)v.base;
	base.count = v.base_head->lines;
	base.head = v.base_head;
	err = pk_builder_delta(d->store, &delta);
	if (!err)
		err = pk_images_publish(d->images, &base, &delta);
	pk_block_free(&delta);
	return err;
}

static int move_delta(struct pk_indicators *d)
{
	struct pk_block delta = { 0 };
	int err = pk_builder_delta(d->store, &delta);

	if (!err)
		err = pk_images_publish_delta(d->images, &delta);
	pk_block_free(&delta);
	return err;
}

/*
 * An earlier daemon's pair is active in the kernel. Ours must come to other
 * slots, or a packet would see a mix of both.
 */
static int avoid_slots(struct pk_indicators *d, uint64_t theirs)
{
	int err = 0;

	if (!pk_word_generation(theirs))
		return 0;
	if (pk_word_base(d->control->word) == pk_word_base(theirs))
		err = move_base(d);
	if (!err && pk_word_delta(d->control->word) == pk_word_delta(theirs))
		err = move_delta(d);
	return err;
}

void pk_kernel_opened(struct pk_indicators *d, int err, uint64_t generation)
{
	pk_indicators_fn *fn = d->kernel.fn;
	void *arg = d->kernel.arg;

	d->kernel.opening = 0;
	d->kernel.fn = NULL;
	if (err)
		pk_kernel_close(d);
	fn(arg, err, d->why, generation);
}

void pk_kernel_try(struct pk_indicators *d)
{
	struct pk_indicators_kernel *k = &d->kernel;
	uint64_t theirs = k->target.control->word;
	int n = pk_images_add_target(d->images, &k->target);

	if (n < 0) {
		pk_publish_tried(d, n);
		return;
	}
	pk_grace_kernel(d->conf.grace, 1);
	/* programs that still look at the earlier pair must be done before
	 * its slots are written */
	if (pk_word_generation(theirs))
		pk_grace_sync_kernel();
	pk_publish_finish(d, 0);
}

static void open_now(void *arg)
{
	struct pk_indicators *d = arg;
	int err;

	d->busy = 1;
	d->kernel.opening = 1;
	err = avoid_slots(d, d->kernel.target.control->word);
	if (err)
		pk_publish_finish(d, err);
	else
		pk_kernel_try(d);
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
	for (unsigned i = 0; !err && i < PK_IMAGE_SLOTS; i++)
		not_forked(k->target.slot[i],
			   (size_t)k->target.lines[i] * sizeof(struct pk_line));
	if (!err)
		err = map_hits(k, fds->fd[PK_MAPS_HITS], hits);
	for (uint32_t slot = 1; !err && slot < hits; slot++)
		if (k->hits[slot])
			pk_kernel_begin_anew(d, slot);
	if (!err)
		err = pk_indicators_when_idle(d, open_now, d);
	if (err)
		pk_kernel_close(d);
	return err;
}
