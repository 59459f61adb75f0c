/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/indicators.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/describe.h"
#include "control/daemon/indicators_inside.h"
#include "control/log.h"

enum {
	NOTE_BYTES = 1024, /* most that a change takes on disk */
	BEFORE_BYTES = (PK_SLOT_MAX + 1) * sizeof(uint64_t), /* sparse */
};

uint64_t pk_indicators_now(const struct pk_indicators *d)
{
	struct timespec t;

	if (d->conf.now)
		return d->conf.now();
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- changes -------------------------------------------------------------------------- */

static void note(struct pk_indicators *d, uint32_t slot)
{
	d->dirty = 1;
	if (d->built.state != PK_BASE_NONE && !d->built.settled)
		d->behind++;
	if (d->disk.disk && !d->tx_err)
		d->tx_err = pk_disk_note(d->disk.disk, d->store, slot);
}

void pk_indicators_note(struct pk_indicators *d, uint32_t slot)
{
	if (pk_store_is_live(d->store, slot))
		d->tx.changed++;
	else
		d->tx.withdrawn++;
	note(d, slot);
}

/* A slot that was never given has counted nothing: do not touch it. */
static void begin_anew(struct pk_indicators *d, uint32_t slot)
{
	if (slot > d->high) {
		d->high = slot;
		return;
	}
	d->cleared += pk_images_hits(d->images, slot);
	pk_images_hits_clear(d->images, slot);
	pk_kernel_begin_anew(d, slot);
	if (d->before)
		d->before[slot] = 0;
	if (d->anew)
		d->anew(d->anew_arg, slot);
}

void pk_indicators_on_anew(struct pk_indicators *d,
			   void (*anew)(void *arg, uint32_t slot), void *arg)
{
	d->anew = anew;
	d->anew_arg = arg;
}

int pk_indicators_reserve(struct pk_indicators *d, uint32_t items,
			  uint64_t bytes, char why[PK_SAY_MAX])
{
	struct pk_store_stats s;
	int err = pk_store_reserve(d->store, items, bytes);

	pk_store_stats(d->store, &s);
	if (err) {
		snprintf(why, PK_SAY_MAX,
			 "%u more indicators do not fit: there are %u, and the "
			 "capacity is %u%s",
			 items, s.live, PK_SLOT_MAX,
			 err == -ENOMEM ? "; memory is short" : "");
		return err;
	}
	if (d->disk.disk)
		err = pk_disk_reserve(d->disk.disk, (uint64_t)items * 64 +
							    bytes + NOTE_BYTES);
	if (err)
		snprintf(why, PK_SAY_MAX, "%s has no room for %u changes: %s",
			 d->conf.dir, items, strerror(-err));
	return err;
}

/*
 * The log names a feed before its first value, in order of numbers. A change
 * that was taken back leaves its feeds in the store but not on disk: they are
 * told with the next one.
 */
static void note_feeds(struct pk_indicators *d, unsigned upto)
{
	for (; d->feeds_noted <= upto && !d->tx_err; d->feeds_noted++) {
		d->dirty = 1;
		d->tx_err = pk_disk_note_feed(d->disk.disk, d->store,
					      (uint16_t)d->feeds_noted);
	}
}

int pk_indicators_feed(struct pk_indicators *d, const char *name)
{
	int n = pk_store_feed(d->store, name);

	if (n >= 0 && d->disk.disk)
		note_feeds(d, (unsigned)n);
	return n;
}

int pk_indicators_feed_set(struct pk_indicators *d, uint16_t feed,
			   const struct pk_feed_info *info)
{
	int err = pk_store_feed_set(d->store, feed, info);

	if (err)
		return err;
	d->dirty = 1;
	if (d->disk.disk && !d->tx_err)
		d->tx_err = pk_disk_note_feed(d->disk.disk, d->store, feed);
	return 0;
}

static int says_the_same(const struct pk_meta *a, const struct pk_meta *b)
{
	return !strcmp(a->id, b->id) &&
	       !strcmp(a->threat_type, b->threat_type) &&
	       !strcmp(a->tags, b->tags) &&
	       !strcmp(a->attribution, b->attribution) &&
	       a->first_seen == b->first_seen && a->last_seen == b->last_seen &&
	       a->valid_from == b->valid_from &&
	       a->valid_until == b->valid_until &&
	       a->threat_class == b->threat_class &&
	       a->confidence == b->confidence && a->severity == b->severity &&
	       a->tlp == b->tlp && a->action == b->action &&
	       a->derived == b->derived;
}

/* Has the feed said exactly this? */
static int is_known(const struct pk_indicators *d,
		    const struct pk_indicator *ind, uint32_t *slot)
{
	struct pk_meta said;

	*slot = pk_store_find(d->store, ind);
	return *slot && !pk_store_meta(d->store, *slot, ind->feed, &said) &&
	       says_the_same(&said, &ind->meta);
}

int pk_indicators_add(struct pk_indicators *d, const struct pk_indicator *ind,
		      uint32_t *slot)
{
	return is_known(d, ind, slot) ? -EALREADY
				      : pk_indicators_put(d, ind, slot);
}

int pk_indicators_put(struct pk_indicators *d, const struct pk_indicator *ind,
		      uint32_t *slot)
{
	uint32_t given;
	int err = pk_store_add(d->store, ind, &given);

	if (err && err != -EEXIST)
		return err;
	*slot = given;
	if (!err)
		begin_anew(d, given);
	d->tx.added += !err;
	d->tx.changed += err == -EEXIST;
	note(d, given);
	return err;
}

int pk_indicators_del(struct pk_indicators *d, const struct pk_indicator *ind,
		      uint16_t feed)
{
	uint32_t slot = pk_store_find(d->store, ind);
	int err = slot ? pk_store_del(d->store, ind, feed) : -ENOENT;

	if (err)
		return err;
	pk_indicators_note(d, slot);
	return 0;
}

/* --- commits --------------------------------------------------------------------------- */

static void name_commit(struct pk_indicators *d, const char *op,
			const char *feed, uint32_t uid)
{
	struct pk_disk_commit *c = &d->tx;

	c->at = pk_indicators_now(d) / 1000000000;
	c->uid = uid;
	snprintf(c->feed, sizeof(c->feed), "%s", feed);
	snprintf(c->op, sizeof(c->op), "%s", op);
}

static void end_tx(struct pk_indicators *d)
{
	memset(&d->tx, 0, sizeof(d->tx));
	d->tx_err = 0;
	d->dirty = 0;
	d->feeds_noted = d->feeds_said;
}

int pk_indicators_commit(struct pk_indicators *d, const char *op,
			 const char *feed, uint32_t uid, uint64_t *number)
{
	struct pk_disk *disk = d->disk.disk;
	int err = d->tx_err;

	if (!d->dirty) {
		*number = d->last;
		return 0;
	}
	name_commit(d, op, feed, uid);
	if (disk && err)
		pk_disk_abort(disk);
	else if (disk)
		err = pk_disk_commit(disk, d->store, &d->tx);
	if (err) {
		pk_err("%s of feed %s is not on disk and taken back: %s", op,
		       *feed ? feed : "-", strerror(-err));
		end_tx(d);
		pk_keep_take_back(d);
		return err;
	}
	*number = d->last = disk ? d->tx.number : d->last + 1;
	d->feeds_said = d->feeds_noted;
	end_tx(d);
	if (disk)
		pk_keep_commit(d);
	return 0;
}

void pk_indicators_abort(struct pk_indicators *d)
{
	int changed = d->dirty;

	end_tx(d);
	if (!d->disk.disk || !changed)
		return;
	pk_disk_abort(d->disk.disk);
	pk_keep_take_back(d);
}

uint64_t pk_indicators_last(const struct pk_indicators *d)
{
	return d->last;
}

void pk_indicators_refused(struct pk_indicators *d, const char *op,
			   const char *feed, uint32_t uid, const char *why)
{
	struct pk_disk_commit c = { .uid = uid };

	if (!d->disk.disk)
		return;
	c.at = pk_indicators_now(d) / 1000000000;
	snprintf(c.feed, sizeof(c.feed), "%s", feed);
	snprintf(c.op, sizeof(c.op), "%s", op);
	pk_disk_audit(d->disk.disk, &c, why);
}

/* --- counts ------------------------------------------------------------------------------ */

uint64_t pk_indicators_hits(const struct pk_indicators *d, uint32_t slot)
{
	const struct pk_indicators_kernel *k = &d->kernel;
	uint64_t n = slot <= d->high ? pk_images_hits(d->images, slot) : 0;

	if (k->hits && slot && slot < k->slots)
		n += __atomic_load_n(&k->hits[slot], __ATOMIC_RELAXED);
	if (d->before && slot <= d->high)
		n += d->before[slot];
	return n;
}

int pk_indicators_hits_before(struct pk_indicators *d, uint32_t slot,
			      uint64_t hits)
{
	void *at;

	if (!slot || slot > d->high)
		return -EINVAL;
	if (!d->before) {
		at = mmap(NULL, BEFORE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (at == MAP_FAILED)
			return -ENOMEM;
		d->before = at;
	}
	d->before[slot] = hits;
	return 0;
}

int pk_indicators_sum_hits(const struct pk_indicators *d,
			   struct pk_indicators_sums *sums, uint32_t max)
{
	const struct pk_indicators_kernel *k = &d->kernel;
	uint32_t slots = k->hits && k->slots > d->high ? k->slots : d->high + 1;
	uint32_t end = slots - sums->slot > max ? sums->slot + max : slots;

	if (!sums->slot)
		sums->user = d->cleared;
	for (uint32_t i = sums->slot; i < end; i++) {
		if (k->hits && i < k->slots)
			sums->kernel +=
				__atomic_load_n(&k->hits[i], __ATOMIC_RELAXED);
		if (i && i <= d->high)
			sums->user += pk_images_hits(d->images, i);
	}
	sums->slot = end;
	return end < slots;
}

uint32_t pk_indicators_kernel_slots(const struct pk_indicators *d)
{
	return d->kernel.slots;
}

/* --- reading ------------------------------------------------------------------------------ */

const char *pk_indicators_feed_name(const struct pk_indicators *d,
				    uint32_t feed)
{
	const struct pk_feed_info *info =
		pk_store_feed_info(d->store, (uint16_t)feed);

	return info ? info->name : "";
}

static const char *feed_name(const void *arg, uint16_t feed)
{
	return pk_indicators_feed_name(arg, feed);
}

int pk_indicators_describe(void *arg, const struct pk_threat_seen *seen,
			   struct pk_threat_indicator *out)
{
	struct pk_indicators *d = arg;
	struct pk_describe how = { d->store, feed_name, d, 1 };
	struct pk_threat_seen by_clock = *seen;
	uint64_t now_ns = pk_expire_now(d) * 1000000000ULL;

	/* a clock that is not believed ends nothing, and begins all */
	if (by_clock.at_ns > now_ns)
		by_clock.at_ns = now_ns;
	return pk_describe(&how, &by_clock, out);
}

const struct pk_store *pk_indicators_store(const struct pk_indicators *d)
{
	return d->store;
}

const struct pk_images *pk_indicators_images(const struct pk_indicators *d)
{
	return d->images;
}

uint64_t pk_indicators_generation(const struct pk_indicators *d)
{
	return pk_images_generation(d->images);
}

int pk_indicators_fd(const struct pk_indicators *d)
{
	return pk_images_fd(d->images);
}

int pk_indicators_hits_fd(const struct pk_indicators *d)
{
	return pk_images_hits_fd(d->images);
}

void pk_indicators_state(const struct pk_indicators *d,
			 struct pk_indicators_state *out)
{
	struct pk_view v;

	pk_images_view(d->images, &v);
	*out = (struct pk_indicators_state){
		.building = d->built.state != PK_BASE_NONE,
		.failed = d->failed,
		.since_ns = d->since_ns,
		.base_items = v.base_head->items,
		.base_lines = v.base_head->lines,
		.delta_items = v.delta_head->items,
		.delta_lines = v.delta_head->lines,
		.collisions = d->collisions,
		.base_generation = d->base_generation,
	};
	memcpy(out->why, d->why, sizeof(out->why));
}

int pk_indicators_pair(const struct pk_indicators *d, int kernel,
		       struct pk_indicators_pair *out)
{
	const struct pk_control *c =
		kernel ? d->kernel.target.control : d->control;
	uint64_t word;

	if (!c || (kernel && d->kernel.opening))
		return -ENOENT;
	word = __atomic_load_n(&c->word, __ATOMIC_ACQUIRE);
	out->generation = pk_word_generation(word);
	out->base_sum = c->heads[pk_word_base(word)].checksum;
	out->delta_sum = c->heads[pk_word_delta(word)].checksum;
	return 0;
}

/* --- life ----------------------------------------------------------------------------------- */

static int wait_for_grace(void *arg, uint64_t generation)
{
	return pk_grace_wait(arg, generation);
}

static int open_images(struct pk_indicators *d)
{
	const struct pk_images_conf conf = { .seed = pk_store_seed(d->store),
					     .grace = wait_for_grace,
					     .arg = d->conf.grace };
	int err = pk_images_new(&d->images, &conf);
	void *at;

	if (err)
		return err;
	at = mmap(NULL, sizeof(*d->control), PROT_READ, MAP_SHARED,
		  pk_images_fd(d->images), 0);
	if (at == MAP_FAILED)
		return -errno;
	d->control = at;
	return 0;
}

/* The slots that were given before the restart begin at 0, as all memory. */
static void find_high(struct pk_indicators *d)
{
	for (uint32_t slot = 0; (slot = pk_store_next(d->store, slot));)
		d->high = slot;
}

int pk_indicators_new(struct pk_indicators **out,
		      const struct pk_indicators_conf *conf)
{
	struct pk_indicators *d = calloc(1, sizeof(*d));
	struct pk_block base = { 0 };
	int err;

	if (!d)
		return -ENOMEM;
	d->conf = *conf;
	d->built.fd = d->disk.sync_fd = d->disk.child_fd = -1;
	err = pk_publish_init(d);
	if (!err)
		err = conf->dir ? pk_keep_init(d, &base)
				: pk_store_new(&d->store, conf->seed);
	if (!err)
		err = open_images(d);
	if (!err)
		err = pk_publish_first(d, &base);
	if (!err)
		err = pk_expire_init(d);
	pk_block_free(&base);
	if (err) {
		pk_indicators_free(d);
		return err;
	}
	find_high(d);
	pk_publish_flush_later(d);
	*out = d;
	return 0;
}

void pk_indicators_free(struct pk_indicators *d)
{
	if (!d)
		return;
	pk_expire_fini(d);
	pk_publish_fini(d);
	pk_keep_fini(d);
	if (d->control)
		munmap((void *)d->control, sizeof(*d->control));
	if (d->before)
		munmap(d->before, BEFORE_BYTES);
	pk_images_free(d->images);
	pk_store_free(d->store);
	free(d);
}
