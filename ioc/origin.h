/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * origin: where an indicator comes from, as a 16-bit number.
 *
 * An origin is a pair (feed, threat type); a store of millions of indicators
 * has a few dozen. Numbers begin at 0 and are never given back. When a hostile
 * feed invents threat types without end, those past PK_ORIGINS_NAMED become "".
 *
 * Part of the store, same rules for threads.
 */
#ifndef PK_IOC_ORIGIN_H
#define PK_IOC_ORIGIN_H

#include <stdint.h>

#include "ioc/indicator.h"

enum {
	/* Beyond it only one more per feed, for "": all fit 16 bits. */
	PK_ORIGINS_NAMED = 60000,
	PK_ORIGINS_MAX = PK_ORIGINS_NAMED + PK_FEEDS_MAX,
};
_Static_assert(PK_ORIGINS_MAX <= 0xffff, "origins fit 16 bits");

struct pk_origins;

int pk_origins_new(struct pk_origins **out, uint64_t seed); /* 0, -ENOMEM */
void pk_origins_free(struct pk_origins *o);		    /* NULL: no-op */

/* The number of (@feed < PK_FEEDS_MAX, @threat_type), or -ENOMEM. O(1). */
int pk_origins_add(struct pk_origins *o, uint16_t feed,
		   const char *threat_type);

uint16_t pk_origins_feed(const struct pk_origins *o, uint16_t origin);
const char *pk_origins_threat_type(const struct pk_origins *o, uint16_t origin);

#endif /* PK_IOC_ORIGIN_H */
