/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * describe: what the store knows of an indicator, as a threat tells it.
 *
 * Used by the daemon and by picket-replay, which name feeds differently. No
 * state; the thread that owns the store.
 */
#ifndef PK_CONTROL_DESCRIBE_H
#define PK_CONTROL_DESCRIBE_H

#include "control/threat.h"
#include "ioc/store.h"

struct pk_describe {
	const struct pk_store *store;
	/* The name of a feed's number; lives as long as the store. */
	const char *(*feed_name)(const void *arg, uint16_t feed);
	const void *arg;
};

/* The indicator of a slot, also one deleted a moment ago. 0 or -ENOENT. */
int pk_describe_slot(const struct pk_describe *d, uint32_t slot,
		     struct pk_threat_indicator *out);

/* The live indicator of an address. 0 or -ENOENT. */
int pk_describe_addr(const struct pk_describe *d, const union pk_addr *addr,
		     struct pk_threat_indicator *out);

#endif /* PK_CONTROL_DESCRIBE_H */
