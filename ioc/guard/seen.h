/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seen: which addresses and names the traffic had of late, in bounded memory,
 * to say of a candidate "this was seen a minute ago" before it is an indicator.
 *
 * Exact within a limit that is its own: each of the two tables (addresses,
 * names) has two generations. A generation is over when it is full or as old
 * as the span, and then takes the place of the one before, which is forgotten.
 * So the newest conf.addrs different addresses are known, up to twice as many,
 * none that was last seen longer ago than twice the span, and each of them with
 * all that was counted since the older generation began (pk_seen_stats.since):
 * a count may be too low, never too high. A flood of invented addresses makes
 * generations short and history with it; `turns` tells.
 *
 * Memory is fixed at creation: 32 bytes an address and 32 + its length a name,
 * twice; 16 MiB as it comes, taken from the system as it fills. Time is Unix
 * seconds or any other clock's; one that goes back counts as the newest.
 *
 * One thread. A view is a copy: made by that thread with one memcpy() for each
 * table, then readied and asked in any one thread.
 */
#ifndef PK_IOC_SEEN_H
#define PK_IOC_SEEN_H

#include <stddef.h>
#include <stdint.h>

#include "ioc/indicator.h"

struct pk_seen;
struct pk_seen_view;

struct pk_seen_conf {
	uint32_t addrs;	     /* of a generation: 131,072; at most 2^24 */
	uint32_t names;	     /* 65,536; at most 2^24 */
	uint32_t name_bytes; /* in wire form: 2 MiB; 256 to 1 GiB */
	uint32_t span_sec;   /* 3600 */
};

struct pk_seen_stats {
	uint32_t addrs, names; /* entries; those of both generations twice */
	uint32_t addrs_since, names_since; /* begin of the older generation */
	uint64_t addrs_turns, names_turns; /* generations that were over */
	uint64_t bytes;
};

void pk_seen_conf_init(struct pk_seen_conf *conf);

/* 0, -EINVAL for a @conf out of range, or -ENOMEM. The caller owns *@out. */
int pk_seen_new(struct pk_seen **out, const struct pk_seen_conf *conf,
		uint64_t seed);
void pk_seen_free(struct pk_seen *s); /* NULL is a no-op */

/*
 * @packets more packets to or from @addr: once for each address of a packet.
 * One entry's counter stays at UINT32_MAX. O(1).
 */
void pk_seen_addr(struct pk_seen *s, const union pk_addr *addr, uint32_t now,
		  uint64_t packets);
/* @queries more for a canonical name; malformed ones are ignored. O(labels). */
void pk_seen_name(struct pk_seen *s, const uint8_t *wire, uint32_t now,
		  uint64_t queries);
void pk_seen_stats(const struct pk_seen *s, struct pk_seen_stats *out);

/* --- asking ---------------------------------------------------------------- */

/* A copy of what was seen since @oldest. 0 or -ENOMEM. */
int pk_seen_view_new(struct pk_seen_view **out, const struct pk_seen *s,
		     uint32_t oldest);
void pk_seen_view_free(struct pk_seen_view *v); /* NULL is a no-op */

/* Sort it: before anything is asked. 0.1 s. 0 or -ENOMEM. */
int pk_seen_view_ready(struct pk_seen_view *v);

struct pk_seen_hit {
	uint32_t last;	  /* when any of it was seen last */
	uint32_t values;  /* different addresses or names */
	uint64_t packets; /* or queries */
};

/*
 * What the indicator @ind would have matched: 1 with *@hit filled, or 0.
 * Addresses, prefixes and names as they match; an address with a port as the
 * address alone, which is too much; no other type is known. O(log n + values).
 */
int pk_seen_view_find(const struct pk_seen_view *v,
		      const struct pk_indicator *ind, struct pk_seen_hit *hit);

/* Mark it, for the totals of many: each value counts once. O(log n), amortized
 * over what is marked (one-label names: + all below). */
void pk_seen_view_mark(struct pk_seen_view *v, const struct pk_indicator *ind);

struct pk_seen_totals {
	uint64_t addrs, packets; /* each packet at both its addresses */
	uint64_t names, queries;
	uint64_t marked_addrs, marked_packets;
	uint64_t marked_names, marked_queries;
};
void pk_seen_view_totals(const struct pk_seen_view *v,
			 struct pk_seen_totals *out);

#endif /* PK_IOC_SEEN_H */
