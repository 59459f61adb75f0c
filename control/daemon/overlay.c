/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the store has, less what minus says, and what plus says. Feeds have the
 * same number in both, but another one in the store.
 */
#include "control/daemon/overlay.h"

#include <errno.h>
#include <stdlib.h>

struct pk_overlay {
	const struct pk_store *under;
	struct pk_store *plus, *minus;
};

static bool says(const struct pk_store *s, const struct pk_indicator *ind,
		 int feed)
{
	uint32_t slot = feed < 0 ? 0 : pk_store_find(s, ind);
	struct pk_meta meta;

	return slot && !pk_store_meta(s, slot, (uint16_t)feed, &meta);
}

bool pk_overlay_says(const struct pk_overlay *o, const struct pk_indicator *ind,
		     const char *feed)
{
	int n = pk_store_feed_find(o->plus, feed);

	return says(o->plus, ind, n) ||
	       (says(o->under, ind, pk_store_feed_find(o->under, feed)) &&
		!says(o->minus, ind, n));
}

bool pk_overlay_has(const struct pk_overlay *o, const struct pk_indicator *ind)
{
	uint32_t slot = pk_store_find(o->under, ind);
	uint16_t feeds[PK_FEEDS_MAX];
	unsigned n;

	if (pk_store_find(o->plus, ind))
		return true;
	if (!slot || !pk_store_find(o->minus, ind))
		return slot != 0;
	n = pk_store_feeds(o->under, slot, feeds, PK_FEEDS_MAX);
	for (unsigned i = 0; i < n; i++)
		if (pk_overlay_says(
			    o, ind,
			    pk_store_feed_info(o->under, feeds[i])->name))
			return true;
	return false;
}

/* The feed's number in plus and minus; or -errno. */
static int number_of(struct pk_overlay *o, const char *feed)
{
	int n = pk_store_feed(o->plus, feed);
	int same = pk_store_feed(o->minus, feed);

	return n < 0 ? n : same;
}

/* The value alone. 0 or -errno. */
static int mark(struct pk_store *scratch, const struct pk_indicator *ind,
		int feed)
{
	struct pk_indicator bare = *ind, blank;
	int err;

	pk_indicator_init(&blank);
	bare.meta = blank.meta;
	bare.feed = (uint16_t)feed;
	err = pk_store_add(scratch, &bare, NULL);
	return err == -EEXIST ? 0 : err;
}

int pk_overlay_add(struct pk_overlay *o, const struct pk_indicator *ind,
		   const char *feed)
{
	int n = number_of(o, feed);

	/* names that both have count twice: too careful is safe */
	if (n >= 0 && pk_store_feed_find(o->under, feed) < 0 &&
	    pk_store_feed_count(o->under) + pk_store_feed_count(o->plus) >
		    PK_FEEDS_MAX)
		return -ENOSPC;
	return n < 0 ? n : mark(o->plus, ind, n);
}

static int del_of(struct pk_overlay *o, const struct pk_indicator *ind,
		  const char *feed)
{
	int n = number_of(o, feed);

	if (n < 0)
		return n;
	pk_store_del(o->plus, ind, (uint16_t)n);
	return says(o->under, ind, pk_store_feed_find(o->under, feed))
		       ? mark(o->minus, ind, n)
		       : 0;
}

int pk_overlay_del(struct pk_overlay *o, const struct pk_indicator *ind,
		   const char *feed)
{
	uint32_t slot = pk_store_find(o->under, ind);
	uint16_t feeds[PK_FEEDS_MAX];
	unsigned n = 0;
	int err = 0;

	if (feed)
		return del_of(o, ind, feed);
	pk_store_del(o->plus, ind, PK_ALL_FEEDS);
	if (slot)
		n = pk_store_feeds(o->under, slot, feeds, PK_FEEDS_MAX);
	for (unsigned i = 0; i < n && !err; i++)
		err = del_of(o, ind,
			     pk_store_feed_info(o->under, feeds[i])->name);
	return err;
}

int pk_overlay_new(struct pk_overlay **out, const struct pk_store *under)
{
	struct pk_overlay *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->under = under;
	if (pk_store_new(&o->plus, pk_store_seed(under)) ||
	    pk_store_new(&o->minus, pk_store_seed(under))) {
		pk_overlay_free(o);
		return -ENOMEM;
	}
	*out = o;
	return 0;
}

void pk_overlay_free(struct pk_overlay *o)
{
	if (!o)
		return;
	pk_store_free(o->plus);
	pk_store_free(o->minus);
	free(o);
}
