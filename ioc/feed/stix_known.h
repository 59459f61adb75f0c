/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stix_known: what the other objects of STIX bundles say of indicators: who is
 * behind an id, what indicates what, which version of an object is the newest,
 * what a marking means. For stix.c alone.
 *
 * Bounded: PK_STIX_KNOWN_MAX of each, and PK_STIX_NAMES_MAX bytes of names.
 * What comes later is not known: an indicator has no label then, and an old
 * version of it is taken for the newest. Ids are kept as 64-bit hashes: two that
 * collide, one in 2^24 feeds of a million ids, are taken for one.
 */
#ifndef PK_IOC_FEED_STIX_KNOWN_H
#define PK_IOC_FEED_STIX_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioc/feed/json_record.h"

enum {
	PK_STIX_KNOWN_MAX = 1 << 20,
	PK_STIX_NAMES_MAX = 16 << 20,
};

struct pk_stix_known;

int pk_stix_known_new(struct pk_stix_known **out); /* 0 or -ENOMEM */
void pk_stix_known_free(struct pk_stix_known *k);  /* NULL is a no-op */

/* @micros is when it was modified. Is it older than one that is known? */
void pk_stix_known_version(struct pk_stix_known *k, struct pk_json_span id,
			   uint64_t micros);
bool pk_stix_known_newer(const struct pk_stix_known *k, struct pk_json_span id,
			 uint64_t micros);

void pk_stix_known_name(struct pk_stix_known *k, struct pk_json_span id,
			struct pk_json_span name);
/* The name; "" when it is not known. Lives until the next is added. */
const char *pk_stix_known_name_of(const struct pk_stix_known *k,
				  struct pk_json_span id);

/* Indicator @source indicates @target. */
void pk_stix_known_link(struct pk_stix_known *k, struct pk_json_span source,
			struct pk_json_span target);
/*
 * The names of what @source indicates, ", " between, in the order they were
 * linked; whole names, as many as fit. "" when there are none. Returns the
 * length.
 */
size_t pk_stix_known_label(const struct pk_stix_known *k,
			   struct pk_json_span source,
			   char label[PK_ATTRIBUTION_MAX + 1]);

/* A marking's level; those of TLP 1.0 and 2.0 are known. PK_TLP_NONE: other. */
void pk_stix_known_marking(struct pk_stix_known *k, struct pk_json_span id,
			   enum pk_tlp tlp);
enum pk_tlp pk_stix_known_tlp(const struct pk_stix_known *k,
			      struct pk_json_span id);

#endif /* PK_IOC_FEED_STIX_KNOWN_H */
