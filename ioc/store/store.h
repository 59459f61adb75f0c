/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store: the set of indicators, the truth behind every image.
 *
 * An indicator is its type, match and value. It keeps one 32-bit slot, from 1
 * to PK_SLOT_MAX, for as long as it lives; images, hits and counters speak of
 * slots. Each feed that names a value says its own meta data; the value lives
 * until the last of them withdraws it or lets it expire. What it is reported
 * as comes from the feed with the highest confidence, then the earliest.
 *
 * The store remembers what changed since the last base image, so that a delta
 * can be built. Life of a slot:
 *
 *	live --del--> dead --settle--> gone --settle--> free --add--> live
 *
 * A dead or gone slot still answers pk_store_get(): a hit that was on its way
 * when the indicator was deleted finds the right name. A value that is added
 * again while dead gets its old slot back.
 *
 * A base image is built in another thread while the store goes on changing:
 * pk_store_freeze() marks the present state, pk_store_base_keys() walks that
 * state, and pk_store_settle() says that its image was published; what changed
 * meanwhile is then the delta over it. pk_store_thaw() gives up.
 *
 * Memory: the arrays lie in address space reserved once, so they grow in place
 * and a builder's pointers stay good. At most 10 bytes an indicator and 5 for
 * its index, 2 + length for what is not an IPv4 address, 4 more once any
 * indicator expires; what feeds say is interned (ioc/store/origin.h). The seed keys
 * all hashes: random, kept as secret as the indicators.
 *
 * One thread writes; const functions may run in that thread, and
 * pk_store_base_keys() and pk_store_base_counts() in one more while frozen.
 * Nothing here locks.
 */
#ifndef PK_IOC_STORE_H
#define PK_IOC_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "ioc/indicator.h"

enum {
	PK_ALL_FEEDS = 0xffff, /* for pk_store_del() and pk_store_diff() */
	PK_STORE_COVERS = 192, /* most indicators that cover one value */
};

struct pk_store;

struct pk_store_stats {
	uint32_t live;
	uint32_t by_type[PK_INDICATOR_TYPE_COUNT]; /* live */
	uint32_t additions;  /* live, not in the last base */
	uint32_t tombstones; /* in the last base, not live */
	uint32_t expiring;   /* (value, feed) pairs with an end */
	uint64_t duplicates; /* adds of a value that the same feed had given */
	uint64_t shared;  /* adds of a value that only other feeds had given */
	uint64_t expired; /* pairs that ended, since the store was made */
	uint64_t bytes;	  /* memory held (resident, not reserved) */
};

/* Create an empty store. 0 or -ENOMEM. The caller owns *@out. */
int pk_store_new(struct pk_store **out, uint64_t seed);
void pk_store_free(struct pk_store *s); /* NULL is a no-op */
uint64_t pk_store_seed(const struct pk_store *s);

/* --- feeds ---------------------------------------------------------------- */

enum { PK_FEED_NAME_MAX = 63, PK_FEED_TEXT_MAX = 255 };

/* What is known of a feed as a whole. */
struct pk_feed_info {
	char name[PK_FEED_NAME_MAX + 1]; /* unique, 1 .. 63 bytes */
	char format[16];
	char source[PK_FEED_TEXT_MAX + 1]; /* the file's name */
	char licence[PK_FEED_TEXT_MAX + 1];
	char attribution[PK_FEED_TEXT_MAX + 1];
	uint32_t ttl_sec;
	uint32_t loaded; /* Unix seconds, 0: never as a whole */
	uint64_t records, refused;
};

/* The number of the feed @name, made if it is new; -EINVAL for a bad name,
 * -ENOSPC beyond PK_FEEDS_MAX. Numbers are never given to another name. */
int pk_store_feed(struct pk_store *s, const char *name);
int pk_store_feed_find(const struct pk_store *s,
		       const char *name);		/* -ENOENT */
unsigned pk_store_feed_count(const struct pk_store *s); /* numbers are below */
/* NULL for a number out of range; borrowed, until the next pk_store_feed(). */
const struct pk_feed_info *pk_store_feed_info(const struct pk_store *s,
					      uint16_t feed);
/* Everything but the name is taken from @info. 0 or -ENOENT. */
int pk_store_feed_set(struct pk_store *s, uint16_t feed,
		      const struct pk_feed_info *info);
/* Live values that the feed names. O(1). */
uint32_t pk_store_feed_items(const struct pk_store *s, uint16_t feed);

/* --- change --------------------------------------------------------------- */

/*
 * Add an indicator of a feed. 0 when it is new; -EEXIST when the value is known
 * (the feed is noted as one more of its feeds; said again by the same feed,
 * its meta data is what it says now); -ENOSPC when no slot is free; -ENOMEM;
 * -EINVAL for a feed number of PK_FEEDS_MAX or more. For 0 and -EEXIST *@slot
 * (may be NULL) is the slot. A new indicator may get the slot of one long gone:
 * clear its hit counter. O(1).
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

/*
 * Let end what is valid until @now or earlier; at most @max (value, feed)
 * pairs a call, *@more is 1 when there are others. Returns how many values
 * died; @gone (may be NULL) is told each pair before it goes. @now is Unix
 * seconds as the caller's own clock has them (control/daemon/expiry.h), never going
 * back. O(pairs of the seconds that passed).
 */
typedef void pk_store_gone_fn(void *arg, const struct pk_indicator *ind);
uint32_t pk_store_expire(struct pk_store *s, uint32_t now, uint32_t max,
			 int *more, pk_store_gone_fn *gone, void *arg);

/*
 * Make room for @items more values of @bytes canonical bytes in all, so that
 * adding them cannot fail half-way for want of memory. 0, -ENOMEM or -ENOSPC.
 */
int pk_store_reserve(struct pk_store *s, uint32_t items, uint64_t bytes);

/* --- reading -------------------------------------------------------------- */

/* The slot of a live indicator with this type, match and value, or 0. */
uint32_t pk_store_find(const struct pk_store *s,
		       const struct pk_indicator *ind);

/*
 * Fill @out from a slot that is live, dead or gone, with the feed and meta data
 * that it is reported as; texts live until the store changes. 0 or -ENOENT.
 */
int pk_store_get(const struct pk_store *s, uint32_t slot,
		 struct pk_indicator *out);
int pk_store_is_live(const struct pk_store *s, uint32_t slot);
/* 1 when the base image has it as it is; 0: the delta has, or neither. */
int pk_store_in_base(const struct pk_store *s, uint32_t slot);

/*
 * The live indicators that cover the value of @ind, the most specific first:
 * itself; for IP_PORT its address; for addresses and prefixes all wider
 * prefixes; for DOMAIN what covers the name; for URL the same without scheme.
 * Returns how many, at most @max. @ind need not be in the store.
 */
unsigned pk_store_cover(const struct pk_store *s,
			const struct pk_indicator *ind, uint32_t *slots,
			unsigned max);

/*
 * Is the canonical @wire name covered by the slot's indicator? The text behind
 * a hit of pk_name_find(), compared byte by byte. Likewise an address and port
 * for IP_PORT slots, and canonical bytes for every other type.
 */
int pk_store_covers(const struct pk_store *s, uint32_t slot,
		    const uint8_t *wire);
int pk_store_is_endpoint(const struct pk_store *s, uint32_t slot,
			 const union pk_addr *addr, uint16_t port);
int pk_store_is_value(const struct pk_store *s, uint32_t slot,
		      const struct pk_indicator *ind);

/* The feeds of a live slot, up to @max; returns how many there are. */
unsigned pk_store_feeds(const struct pk_store *s, uint32_t slot,
			uint16_t *feeds, unsigned max);

/* What @feed says of a live slot. 0 or -ENOENT. Texts as pk_store_get(). */
int pk_store_meta(const struct pk_store *s, uint32_t slot, uint16_t feed,
		  struct pk_meta *out);

/* The next live slot above @slot; begin with 0, 0 is the end. */
uint32_t pk_store_next(const struct pk_store *s, uint32_t slot);

void pk_store_stats(const struct pk_store *s, struct pk_store_stats *out);

/* --- two stores ----------------------------------------------------------- */

enum pk_diff { PK_DIFF_ADD, PK_DIFF_CHANGE, PK_DIFF_DEL };

/*
 * What must be done to @old so that its @feed (or PK_ALL_FEEDS: every feed, by
 * name) says what @fresh says: values to add, to say anew (other meta data) and
 * to withdraw. @ind is as for pk_store_add() and pk_store_del() on @old: its
 * feed number is @old's. @fresh was made with the same seed. Walks from
 * *@cursor (0 at first) and looks at no more than @max slots; 1 when there is
 * more, 0 at the end, or what @fn returned (< 0) first. @fn may change @old by
 * exactly what it was told. Feeds of @fresh that @old does not know are made.
 *
 * What is to be added and said anew comes first, then what is to be withdrawn.
 * A walk may begin at PK_DIFF_WITHDRAWS, or end when it comes there.
 */
enum pk_diff_stage { PK_DIFF_ADDS, PK_DIFF_WITHDRAWS, PK_DIFF_ENDED };
typedef int pk_diff_fn(void *arg, enum pk_diff what,
		       const struct pk_indicator *ind);
struct pk_diff_cursor {
	uint32_t slot;
	uint8_t stage; /* enum pk_diff_stage */
};
int pk_store_diff(struct pk_store *old, const struct pk_store *fresh,
		  uint16_t feed, struct pk_diff_cursor *cursor, uint32_t max,
		  pk_diff_fn *fn, void *arg);

/*
 * A walk over PK_DIFF_ADDS has told what slots up to @slot of @fresh hold, and
 * nothing else than the rest of it will be asked: memory of what was told, and
 * of the index, is given back. No value is found in @fresh any more, and slots
 * up to @slot are none.
 */
void pk_store_spend(struct pk_store *fresh, uint32_t slot);

/* --- base images ---------------------------------------------------------- */

/* A base image of the present state will be built. 0, -EBUSY when frozen. */
int pk_store_freeze(struct pk_store *s);

/*
 * The frozen state's base image is published: the delta is what changed since;
 * slots dead at the freeze are gone, gone ones free. Not frozen: as if frozen
 * right now. O(slots).
 */
void pk_store_settle(struct pk_store *s);

/*
 * The same in steps of @max slots: 1 when there is more, 0 at the end. *@cursor
 * is 0 at first. Between the steps the store is read only, and its delta is
 * nothing yet.
 */
int pk_store_settle_some(struct pk_store *s, uint32_t *cursor, uint32_t max);

void pk_store_thaw(struct pk_store *s); /* it was not published */

/* --- for the builder ---------------------------------------------------- */

enum pk_table {
	PK_TABLE_V4,
	PK_TABLE_V6,
	PK_TABLE_NAME,	/* 64-bit keys: names and IP_PORT */
	PK_TABLE_VALUE, /* 64-bit keys: types that only user space looks up */
	PK_TABLES,
	PK_TABLE_NET4 = PK_TABLES, /* prefixes */
	PK_TABLE_NET6,
	PK_TABLE_KINDS
};

/*
 * What an image holds of an indicator.
 *
 *	table  hash (of the filter)  q
 *	V4     pk_hash_v4()          the address, network order, in the low half
 *	                             of q[0]
 *	V6     pk_hash_v6()          the address
 *	NAME   pk_name_hash()        q[0]: the hash itself (exact), or
 *	       of the name           pk_name_subdomains(), pk_name_one_label() of it
 *	NAME   pk_endpoint_key()     q[0]: the same (IP_PORT)
 *	VALUE  not used              q[0]: pk_value_hash() of ioc/image/lookup.h
 *	NET4   not used              like V4, with @bits 0 .. 32, host bits 0
 *	NET6   not used              like V6, with @bits 0 .. 128
 */
struct pk_key {
	uint64_t hash;
	uint64_t q[2];
	uint32_t id;	  /* slot; PK_TOMBSTONE in a delta; or PK_PORTS */
	uint8_t table;	  /* enum pk_table */
	uint8_t bits;	  /* of a prefix; labels of a NAME, 0: not said */
	uint8_t ancestor; /* 1: only the filter gets @hash (name's ancestor) */
	/* Of a prefix's tombstone, which needs no q and bits: */
	uint8_t wider_bits;
	uint32_t dead;	/* its slot in the base */
	uint32_t wider; /* pk_store_wider(): what takes its place, or 0 */
};

/*
 * Walk the keys of a base image (all that live, or lived at the freeze) or of a
 * delta (additions and tombstones). *@cursor begins at 0. Fills up to @max keys
 * (at least 256), returns how many; 0 is the end. A name that lives yields a
 * key with ancestor = 1 for each shorter suffix (table NAME, id not used) and
 * then its own; an IP_PORT that lives its address as V4 or V6 with id PK_PORTS
 * (whether or not the address is an indicator too: the builder joins the two)
 * and then its own. The tombstone of either is one key alone.
 */
unsigned pk_store_base_keys(const struct pk_store *s, uint32_t *cursor,
			    struct pk_key *keys, unsigned max);
unsigned pk_store_delta_keys(const struct pk_store *s, uint32_t *cursor,
			     struct pk_key *keys, unsigned max);

/* How many values of each type pk_store_base_keys() walks. Where that may run. */
void pk_store_base_counts(const struct pk_store *s,
			  uint32_t by_type[PK_INDICATOR_TYPE_COUNT]);

/*
 * For a delta: the longest live prefix that is wider than that of dead @slot
 * and covers it, or 0; what takes its place where it was the longest.
 */
uint32_t pk_store_wider(const struct pk_store *s, uint32_t slot);

#endif /* PK_IOC_STORE_H */
