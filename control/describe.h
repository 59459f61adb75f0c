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
#include "ioc/store/store.h"

struct pk_describe {
	const struct pk_store *store;
	/* The name of a feed's number; lives as long as the store. */
	const char *(*feed_name)(const void *arg, uint16_t feed);
	const void *arg;
	/* What begins later than it was seen is none, too. Not for old traffic,
	 * which is older than what is known of it. */
	int begins;
};

/*
 * What a threat says of what was seen: of the slot's indicator (also one that
 * was deleted a moment ago) if that covers it, else of the most specific live
 * one that does. What was valid until the second in which it was seen, or
 * earlier, is none; nor, where d->begins says so, what is valid only from a
 * later one. What covers the IPv4 address that an IPv6 address carries
 * (bpf/embedded.h) is asked for where there is none for itself, and
 * out->embedded says how it is carried. 0; -ENOENT when there is none; -ETIME
 * when none of those that there are is valid; -ESTALE when the slot's is of something
 * else and there is no other.
 */
int pk_describe(const struct pk_describe *d, const struct pk_threat_seen *seen,
		struct pk_threat_indicator *out);

#endif /* PK_CONTROL_DESCRIBE_H */
