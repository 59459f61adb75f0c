/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * overlay: a store as some changes would leave it, without changing it.
 *
 * It holds what the changes say, by feed, and looks through to the store for
 * the rest. The store may not change meanwhile; if it has, begin anew.
 *
 * One thread.
 */
#ifndef PK_CONTROL_OVERLAY_H
#define PK_CONTROL_OVERLAY_H

#include <stdbool.h>

#include "ioc/store/store.h"

struct pk_overlay;

int pk_overlay_new(struct pk_overlay **out, const struct pk_store *under);
void pk_overlay_free(struct pk_overlay *o); /* NULL is a no-op */

/* Would the feed, or any feed, name the value? */
bool pk_overlay_says(const struct pk_overlay *o, const struct pk_indicator *ind,
		     const char *feed);
bool pk_overlay_has(const struct pk_overlay *o, const struct pk_indicator *ind);

/*
 * The feed names the value; it, or every feed (NULL), withdraws it, which may
 * also not have been there. 0; -EINVAL: no name for a feed; -ENOSPC: more feeds
 * than a store can have; -ENOMEM.
 */
int pk_overlay_add(struct pk_overlay *o, const struct pk_indicator *ind,
		   const char *feed);
int pk_overlay_del(struct pk_overlay *o, const struct pk_indicator *ind,
		   const char *feed);

#endif /* PK_CONTROL_OVERLAY_H */
