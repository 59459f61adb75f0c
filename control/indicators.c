/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/indicators.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/describe.h"
#include "control/indicators_inside.h"

/* --- feeds -------------------------------------------------------------------------- */

int pk_indicators_feed_find(const struct pk_indicators *d, const char *name)
{
	for (unsigned i = 0; i < d->feeds; i++)
		if (!strcmp(d->feed[i], name))
			return (int)i;
	return -ENOENT;
}

int pk_indicators_feed(struct pk_indicators *d, const char *name)
{
	int n = pk_indicators_feed_find(d, name);
	size_t len = strlen(name);

	if (n >= 0)
		return n;
	if (!len || len >= PK_INDICATORS_FEED)
		return -EINVAL;
	if (d->feeds == PK_FEEDS_MAX)
		return -ENOSPC;
	memcpy(d->feed[d->feeds], name, len + 1);
	return (int)d->feeds++;
}

const char *pk_indicators_feed_name(const struct pk_indicators *d,
				    uint32_t feed)
{
	return feed < d->feeds ? d->feed[feed] : "";
}

/* --- the store -------------------------------------------------------------------------- */

int pk_indicators_add(struct pk_indicators *d, const struct pk_indicator *ind,
		      uint32_t *slot)
{
	uint32_t given;
	int err = pk_store_add(d->store, ind, &given);

	if (err && err != -EEXIST)
		return err;
	if (slot)
		*slot = given;
	if (err)
		return err;
	/* a slot that was never given has counted nothing: do not touch it */
	if (given > d->high) {
		d->high = given;
		return 0;
	}
	d->cleared += pk_images_hits(d->images, given);
	pk_images_hits_clear(d->images, given);
	pk_publish_begin_anew(d, given);
	return 0;
}

int pk_indicators_del(struct pk_indicators *d, const struct pk_indicator *ind,
		      uint16_t feed)
{
	return pk_store_del(d->store, ind, feed);
}

int pk_indicators_is_settled(const struct pk_indicators *d)
{
	return !d->busy && !d->held && !d->waiting.first && !d->failed;
}

uint64_t pk_indicators_hits(const struct pk_indicators *d, uint32_t slot)
{
	const struct pk_indicators_kernel *k = &d->kernel;
	uint64_t n = slot <= d->high ? pk_images_hits(d->images, slot) : 0;

	if (k->hits && slot && slot < k->slots)
		n += __atomic_load_n(&k->hits[slot], __ATOMIC_RELAXED);
	return n;
}

uint64_t pk_indicators_kernel_hits(const struct pk_indicators *d)
{
	const struct pk_indicators_kernel *k = &d->kernel;
	uint64_t sum = 0;

	for (uint32_t i = 0; k->hits && i < k->slots; i++)
		sum += __atomic_load_n(&k->hits[i], __ATOMIC_RELAXED);
	return sum;
}

uint64_t pk_indicators_user_hits(const struct pk_indicators *d)
{
	uint64_t sum = d->cleared;

	for (uint32_t i = 1; i <= d->high; i++)
		sum += pk_images_hits(d->images, i);
	return sum;
}

uint32_t pk_indicators_kernel_slots(const struct pk_indicators *d)
{
	return d->kernel.slots;
}

/* --- threats ------------------------------------------------------------------------------ */

static const char *feed_name(const void *arg, uint16_t feed)
{
	return pk_indicators_feed_name(arg, feed);
}

int pk_indicators_by_slot(void *arg, uint32_t slot,
			  struct pk_threat_indicator *out)
{
	struct pk_indicators *d = arg;
	struct pk_describe how = { d->store, feed_name, d };

	return pk_describe_slot(&how, slot, out);
}

int pk_indicators_by_addr(void *arg, const union pk_addr *addr,
			  struct pk_threat_indicator *out)
{
	struct pk_indicators *d = arg;
	struct pk_describe how = { d->store, feed_name, d };

	return pk_describe_addr(&how, addr, out);
}

/* --- life ----------------------------------------------------------------------------------- */

const struct pk_store *pk_indicators_store(const struct pk_indicators *d)
{
	return d->store;
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

static int wait_for_grace(void *arg, uint64_t generation)
{
	return pk_grace_wait(arg, generation);
}

static int open_images(struct pk_indicators *d)
{
	const struct pk_images_conf conf = { .seed = d->conf.seed,
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

int pk_indicators_new(struct pk_indicators **out,
		      const struct pk_indicators_conf *conf)
{
	struct pk_indicators *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->conf = *conf;
	d->built_fd = -1;
	d->feed = calloc(PK_FEEDS_MAX, sizeof(*d->feed));
	err = d->feed ? pk_store_new(&d->store, conf->seed) : -ENOMEM;
	if (!err)
		err = open_images(d);
	if (!err)
		err = pk_publish_init(d);
	if (err) {
		pk_indicators_free(d);
		return err;
	}
	*out = d;
	return 0;
}

void pk_indicators_free(struct pk_indicators *d)
{
	if (!d)
		return;
	pk_publish_fini(d);
	if (d->control)
		munmap((void *)d->control, sizeof(*d->control));
	pk_images_free(d->images);
	pk_store_free(d->store);
	free(d->feed);
	free(d);
}
