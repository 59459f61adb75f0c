/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "control/daemon/loader_inside.h"

enum { STEP = 512 }; /* slots between two looks at the clock */

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void show(struct pk_load_change *c, enum pk_diff what,
		 const struct pk_indicator *ind)
{
	c->what = (uint8_t)what;
	c->type = ind->type;
	c->match = ind->match;
	c->seen_ns = 0;
	pk_indicator_print(ind, c->value);
}

/* --- comparing ---------------------------------------------------------------------- */

static void look_at_traffic(struct pk_load *load,
			    const struct pk_indicator *ind)
{
	struct pk_load_result *r = &load->result;
	struct pk_seen_hit hit;

	if (!pk_guards_run_new(&load->guard, ind, &hit))
		return;
	r->seen++;
	if (r->seens == PK_LOADER_SAMPLES)
		return;
	show(&r->seen_change[r->seens], PK_DIFF_ADD, ind);
	r->seen_change[r->seens++].seen_ns = hit.last * 1000000000ULL;
}

static int count(struct pk_loader *l, enum pk_diff what,
		 const struct pk_indicator *ind)
{
	struct pk_load *load = l->load;
	struct pk_load_result *r = &load->result;
	uint8_t small[PK_SMALL_VALUE];
	const uint8_t *bytes;

	if (what == PK_DIFF_DEL && load->job.kind == PK_LOAD_ADD)
		return 0;
	r->added += what == PK_DIFF_ADD;
	r->changed += what == PK_DIFF_CHANGE;
	r->withdrawn += what == PK_DIFF_DEL;
	if (load->sampled[what] < PK_LOADER_SAMPLES) {
		load->sampled[what]++;
		show(&r->change[r->changes++], what, ind);
	}
	if (what == PK_DIFF_ADD) {
		load->needs += pk_indicator_bytes(ind, small, &bytes);
		look_at_traffic(load, ind);
	}
	return 0;
}

static int on_compare(void *arg, enum pk_diff what,
		      const struct pk_indicator *ind)
{
	return count(arg, what, ind);
}

/* All of a feed that the store does not know is new. */
static int compare_new(struct pk_loader *l)
{
	struct pk_load *load = l->load;
	struct pk_indicator ind;

	for (int i = 0; i < STEP; i++) {
		load->cursor.slot =
			pk_store_next(load->fresh, load->cursor.slot);
		if (!load->cursor.slot)
			return 0;
		if (!pk_store_get(load->fresh, load->cursor.slot, &ind))
			count(l, PK_DIFF_ADD, &ind);
	}
	return 1;
}

/* --- writing ------------------------------------------------------------------------- */

static int on_merge(void *arg, enum pk_diff what,
		    const struct pk_indicator *ind)
{
	struct pk_loader *l = arg;
	struct pk_indicators *d = l->conf.indicators;
	struct pk_load_result *r = &l->load->result;
	uint32_t slot;
	int err;

	if (what == PK_DIFF_DEL && l->load->job.kind == PK_LOAD_ADD)
		return 0;
	r->added += what == PK_DIFF_ADD;
	r->changed += what == PK_DIFF_CHANGE;
	r->withdrawn += what == PK_DIFF_DEL;
	if (what == PK_DIFF_DEL)
		return pk_indicators_del(d, ind, ind->feed);
	err = pk_indicators_put(d, ind, &slot);
	return err == -EEXIST ? 0 : err;
}

/*
 * What is withdrawn goes first: then what was read is needed only once more, and
 * its memory goes back while the store's grows. A rollback speaks of all feeds:
 * a value that goes from one to another must not die in between.
 */
void pk_load_merge_from(struct pk_load *load)
{
	load->cursor = (struct pk_diff_cursor){ 0 };
	if (load->job.kind == PK_LOAD_REPLACE)
		load->cursor.stage = PK_DIFF_WITHDRAWS;
	load->adds_alone = 0;
}

/* After pk_store_diff(), which returned @more. */
static int goes_on(struct pk_load *load, int more)
{
	struct pk_diff_cursor *c = &load->cursor;
	int writes = load->phase == PK_LOAD_WRITING;

	if (load->job.kind == PK_LOAD_ADD || load->adds_alone) {
		if (writes && c->stage == PK_DIFF_ADDS)
			pk_store_spend(load->fresh, c->slot);
		return c->stage == PK_DIFF_ADDS;
	}
	if (more || !writes || load->job.kind != PK_LOAD_REPLACE)
		return more;
	*c = (struct pk_diff_cursor){ .stage = PK_DIFF_ADDS };
	load->adds_alone = 1;
	return 1;
}

static int step(struct pk_loader *l, pk_diff_fn *fn)
{
	struct pk_load *load = l->load;
	/* the store changes as its owner, only here */
	struct pk_store *store =
		(struct pk_store *)pk_indicators_store(l->conf.indicators);
	uint16_t feed = load->job.kind == PK_LOAD_ROLLBACK ? PK_ALL_FEEDS
							   : load->number;
	int err;

	if (fn == on_compare && load->job.kind != PK_LOAD_ROLLBACK &&
	    !load->has_feed)
		return compare_new(l);
	err = pk_store_diff(store, load->fresh, feed, &load->cursor, STEP, fn,
			    l);
	return err < 0 ? err : goes_on(load, err);
}

static int slice(struct pk_loader *l, pk_diff_fn *fn)
{
	uint64_t until = now_us() + PK_LOADER_SLICE_US;
	int err;

	do
		err = step(l, fn);
	while (err == 1 && now_us() < until);
	return err;
}

int pk_load_compare(struct pk_loader *l)
{
	return slice(l, on_compare);
}

int pk_load_merge(struct pk_loader *l)
{
	return slice(l, on_merge);
}
