/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard: what stands between a feed and the store, so that one bad line does
 * not alert on the whole net and one bad download does not switch a feed off.
 *
 * A value is refused, in this order, when it is
 *
 *	everything     0.0.0.0/0, ::/0; the root name, even with force
 *	prefix_wide    a prefix wider than the limit: /8, IPv6 /16
 *	broadcast, multicast, bogon, documentation
 *	               overlaps what ioc/guard/bogon.h names; documentation only on
 *	               demand, bogon not if they are allowed
 *	own_network    overlaps a network of the sensor
 *	public_suffix  a public suffix (publicsuffix.org, both sections) or a
 *	               single label; below them names are free
 *	special_name   localhost, local, arpa, internal, ... and below
 *	safelisted     see ioc/guard/safelist.h
 *
 * Names are checked whatever they cover: "=com" is as surely a mistake as
 * "com". An address with a port is checked as the address. URLs and e-mail
 * addresses are not checked by their host, but for safelists and a URL whose
 * path is "/"; a host that was derived from one is an indicator of its own.
 * Force overrides all but the root name, for one value or all of a feed: that is
 * the caller's to say.
 *
 * A feed as a whole is held back when it is empty, broken (HTML), incomplete
 * (its trailer is missing, or it has not as many records as it says), much
 * smaller or larger than what it replaces, mostly refused, or when it would
 * match too much of the recent traffic (ioc/guard/seen.h). Force overrides each.
 *
 * A guard borrows the safelist and copies the rest. Checks may run in several
 * threads while nobody sets anything. About 300 ns an address and 1.2 us a name,
 * most of it the look-up of public suffixes.
 */
#ifndef PK_IOC_GUARD_H
#define PK_IOC_GUARD_H

#include "ioc/feed/feed.h"
#include "ioc/guard/safelist.h"
#include "ioc/guard/seen.h"

enum {
	PK_GUARD_LABEL_MAX = 31,
	PK_GUARD_DETAIL = 320,
	PK_GUARD_SENTENCE = 320,
};

struct pk_guard;

struct pk_guard_options {
	uint8_t bits_v4;      /* the least bits of a prefix: 8 */
	uint8_t bits_v6;      /* 16 */
	uint8_t allow_bogons; /* 1: private addresses and the like may be */
	uint8_t refuse_documentation;
	uint8_t allow_suffixes; /* 1: public suffixes and special names may be */
	uint8_t shrink_pct;	/* a feed may lose so much: 50; 100: all */
	uint8_t refused_pct;	/* of its records may be refused: 50 */
	uint8_t traffic_pct;	/* of recent traffic may match: 1 */
	uint32_t
		growth; /* a feed may become so many times larger: 10; 0: any */
	uint32_t growth_floor; /* up to so many indicators it may: 100 */
	uint32_t
		traffic_floor; /* so little traffic says nothing: 100 packets */
};

void pk_guard_options_init(struct pk_guard_options *options);

/* A network of the sensor: an address of its own, a gateway, a prefix. */
struct pk_guard_own {
	union pk_addr addr;
	uint8_t bits; /* 0 .. 32 for IPv4 (mapped), else 0 .. 128 */
	char label[PK_GUARD_LABEL_MAX + 1]; /* "gateway of eth0" */
};

int pk_guard_new(struct pk_guard **out,
		 const struct pk_guard_options *options); /* 0 or -ENOMEM */
void pk_guard_free(struct pk_guard *g);			  /* NULL: no-op */

/* NULL: none. Borrowed until another one is set. */
void pk_guard_set_safelist(struct pk_guard *g, const struct pk_safelist *s);
/* In the place of those set before. 0 or -ENOMEM, then nothing changed. */
int pk_guard_set_own(struct pk_guard *g, const struct pk_guard_own *own,
		     unsigned count);

/*
 * Check a value. PK_REFUSED_NONE or the reason; @detail (may be NULL) gets what
 * it met: "10.0.0.0/8, private use", "is below example.com on safelist top".
 */
enum pk_refused pk_guard_check(const struct pk_guard *g,
			       const struct pk_indicator *ind, int force,
			       char detail[PK_GUARD_DETAIL]);

/* --- a feed as a whole ---------------------------------------------------- */

#define PK_GUARD_HOLDS(_)           \
	_(NONE, "none")             \
	_(BROKEN, "broken")         \
	_(EMPTY, "empty")           \
	_(INCOMPLETE, "incomplete") \
	_(DECLARED, "declared")     \
	_(REFUSED, "refused")       \
	_(SHRINK, "shrink")         \
	_(GROWTH, "growth")         \
	_(TRAFFIC, "traffic")

#define PK_GUARD_ENUM(name, word) PK_GUARD_HOLD_##name,
enum pk_guard_hold { PK_GUARD_HOLDS(PK_GUARD_ENUM) PK_GUARD_HOLD_COUNT };
#undef PK_GUARD_ENUM

struct pk_guard_feed {
	const char *name;
	const char *broken; /* pk_feed_broken(), "" or NULL if it is not */
	uint64_t old_items; /* what the feed has now; 0: it is new */
	uint64_t new_items; /* what it would have */
	const struct pk_feed_stats *stats; /* NULL: not read from a text */
};

/*
 * May the feed replace what it was? PK_GUARD_HOLD_NONE or the first reason, and
 * the reason as a sentence in @sentence ("" for NONE): what is done about it is
 * the caller's to add.
 */
enum pk_guard_hold pk_guard_feed(const struct pk_guard *g,
				 const struct pk_guard_feed *feed,
				 char sentence[PK_GUARD_SENTENCE]);

/*
 * The same for what the new indicators, marked in a view of recent traffic,
 * would match. A packet is seen at two addresses, and of those marked both may
 * be of one packet or not: the share is the most that it can be.
 */
enum pk_guard_hold pk_guard_traffic(const struct pk_guard *g, const char *feed,
				    const struct pk_seen_totals *totals,
				    char sentence[PK_GUARD_SENTENCE]);

const char *pk_guard_hold_word(enum pk_guard_hold hold);

#endif /* PK_IOC_GUARD_H */
