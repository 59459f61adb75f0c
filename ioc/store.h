/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store: the set of indicators, the truth behind every image.
 *
 * An indicator is its type, value and (names) whether subdomains match. It
 * keeps one 32-bit slot, from 1 to PK_SLOT_MAX, for as long as it lives;
 * images, hits and counters speak of slots. The first feed that names a value
 * wins its id and threat type; other feeds that name it too are noted, and it
 * lives until the last of them withdraws it.
 *
 * The store remembers what changed since the last base image, so that a delta
 * can be built. Life of a slot:
 *
 *	live --del--> dead --settle--> gone --settle--> free --add--> live
 *
 * pk_store_settle() says that a base image of the present state was published.
 * A dead or gone slot still answers pk_store_get(): a hit that was on its way
 * when the indicator was deleted finds the right name. A value that is added
 * again while dead gets its old slot back.
 *
 * Memory: 12 bytes an indicator, about 6 for the index, 16 for an IPv6 address
 * or the wire name's length + 1, 8 if any indicator has a vendor id, 16 for
 * each further feed of a value; grown by steps, no allocation per indicator.
 * The seed keys all hashes: random, kept as secret as the indicators.
 *
 * One thread writes; const functions may run in several threads while none
 * writes. Nothing here locks.
 */
#ifndef PK_IOC_STORE_H
#define PK_IOC_STORE_H

#include <stdint.h>

#include "ioc/indicator.h"

enum {
	PK_ALL_FEEDS = 0xffff, /* for pk_store_del() */
};

struct pk_store;

struct pk_store_stats {
	uint32_t live;
	uint32_t by_type[PK_INDICATOR_TYPE_COUNT]; /* live */
	uint32_t additions;  /* live, not in the last base */
	uint32_t tombstones; /* in the last base, not live */
	uint64_t duplicates; /* adds of a value that the same feed had given */
	uint64_t shared; /* adds of a value that only other feeds had given */
	uint64_t bytes;	 /* memory held */
};

/* Create an empty store. 0 or -ENOMEM. The caller owns *@out. */
int pk_store_new(struct pk_store **out, uint64_t seed);
void pk_store_free(struct pk_store *s); /* NULL is a no-op */
uint64_t pk_store_seed(const struct pk_store *s);

/*
 * Add an indicator of a feed. 0 when it is new; -EEXIST when the value is known
 * (the feed is noted as one more of its feeds); -ENOSPC when no slot is free;
 * -ENOMEM; -EINVAL for a type that is not matched yet or a feed number out of
 * range. For 0 and -EEXIST *@slot (may be NULL) is the slot. A new indicator
 * may get the slot of one long gone: clear its hit counter. O(1).
 */
int pk_store_add(struct pk_store *s, const struct pk_indicator *ind,
		 uint32_t *slot);

/*
 * Withdraw a value, as named by @feed or by PK_ALL_FEEDS. 0, or -ENOENT when
 * the store does not have it (from that feed). O(1) + its feeds.
 */
int pk_store_del(struct pk_store *s, const struct pk_indicator *ind,
		 uint16_t feed);

/* Withdraw all that @feed named. Returns how many values. O(slots). */
uint32_t pk_store_del_feed(struct pk_store *s, uint16_t feed);

/* The slot of a live indicator with this type, value and subdomains, or 0. */
uint32_t pk_store_find(const struct pk_store *s,
		       const struct pk_indicator *ind);

/*
 * The slot of the live indicator with this value as text in any spelling; of a
 * name's two kinds the one with subdomains first. 0 when there is none.
 */
uint32_t pk_store_find_text(const struct pk_store *s, const char *text);

/*
 * Fill @out from a slot that is live, dead or gone; its threat type lives as
 * long as the store. 0 or -ENOENT.
 */
int pk_store_get(const struct pk_store *s, uint32_t slot,
		 struct pk_indicator *out);
int pk_store_is_live(const struct pk_store *s, uint32_t slot);

/*
 * Is the canonical @wire name covered by the slot's indicator? The text behind
 * a hit of pk_name_find(), compared byte by byte.
 */
int pk_store_covers(const struct pk_store *s, uint32_t slot,
		    const uint8_t *wire);

/* The feeds of a live slot, up to @max; returns how many there are. */
unsigned pk_store_feeds(const struct pk_store *s, uint32_t slot,
			uint16_t *feeds, unsigned max);

/* The next live slot above @slot; begin with 0, 0 is the end. */
uint32_t pk_store_next(const struct pk_store *s, uint32_t slot);

void pk_store_stats(const struct pk_store *s, struct pk_store_stats *out);

/*
 * A base image of the present state is published: additions and tombstones
 * are forgotten, dead slots are gone, gone ones free. O(slots).
 */
void pk_store_settle(struct pk_store *s);

/* --- for the builder ---------------------------------------------------- */

enum pk_table { PK_TABLE_V4, PK_TABLE_V6, PK_TABLE_NAME, PK_TABLES };

/* What an image holds of an indicator. */
struct pk_key {
	uint64_t hash;	/* pk_hash_v4, pk_hash_v6, or the name's key itself */
	uint64_t q[2];	/* v4: the address in the low half of q[0] */
	uint32_t id;	/* slot, or PK_TOMBSTONE */
	uint32_t table; /* enum pk_table */
};

/*
 * Walk the keys of a base image (all that live) or of a delta (additions and
 * tombstones). *@cursor begins at 0. Fills up to @max keys, returns how many;
 * 0 is the end.
 */
unsigned pk_store_base_keys(const struct pk_store *s, uint32_t *cursor,
			    struct pk_key *keys, unsigned max);
unsigned pk_store_delta_keys(const struct pk_store *s, uint32_t *cursor,
			     struct pk_key *keys, unsigned max);

#endif /* PK_IOC_STORE_H */
