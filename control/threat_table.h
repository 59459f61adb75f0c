/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threat_table: the open threats: by key, by due time, by age of evidence.
 *
 * The inside of control/threat.h; nobody else includes it. Due times only
 * grow, and growing one is free: the heap keeps the time that it knew and
 * looks at the true one when that time has come. One thread.
 */
#ifndef PK_CONTROL_THREAT_TABLE_H
#define PK_CONTROL_THREAT_TABLE_H

#include <stdint.h>

#include "control/threat.h"

enum pk_threat_kind {
	PK_THREAT_ADDRESS,
	PK_THREAT_OUTER, /* an address of a tunnel */
	PK_THREAT_NAME,
	PK_THREAT_DETECTOR /* + index of the detector */
};

struct pk_threat_key {
	union pk_addr observer;
	union pk_addr addr;
	uint32_t slot; /* of name indicators, else 0 */
	uint16_t kind;
	uint8_t depth; /* of addresses of tunnels, else 0 */
	uint8_t pad;
};
_Static_assert(sizeof(struct pk_threat_key) == 40, "pk_threat_key");

struct pk_threat_entry {
	struct pk_threat shown;
	struct pk_threat_key key;
	uint64_t quiet_ns; /* without evidence until it closes */
	uint64_t mute_ns;
	uint64_t told_ns; /* time of the record behind the latest message */
	uint64_t due_ns;  /* set it freely to a later time */
	uint64_t packets; /* of addresses, from flows */
	/* The table's. */
	uint64_t order; /* of opening */
	uint32_t place; /* in the heap */
	struct pk_threat_entry *chain;
	struct pk_threat_entry *newer;
	struct pk_threat_entry *older;
};

struct pk_threat_table;

int pk_threat_table_new(struct pk_threat_table **out, uint32_t capacity,
			uint64_t seed);
void pk_threat_table_free(struct pk_threat_table *t); /* and its entries */

struct pk_threat_entry *pk_threat_table_find(struct pk_threat_table *t,
					     const struct pk_threat_key *key);

/*
 * Add a zeroed entry for @key, due at @due_ns; NULL when memory is short. The
 * caller has made room: pk_threat_table_full().
 */
struct pk_threat_entry *pk_threat_table_add(struct pk_threat_table *t,
					    const struct pk_threat_key *key,
					    uint64_t due_ns);

/* Remove @e and free it with what its threat points to. */
void pk_threat_table_del(struct pk_threat_table *t, struct pk_threat_entry *e);

/* @e has evidence now: it is the last to be given up. */
void pk_threat_table_touch(struct pk_threat_table *t,
			   struct pk_threat_entry *e);

/* The one whose evidence is oldest, when there is no room for another. */
struct pk_threat_entry *pk_threat_table_full(struct pk_threat_table *t);

/* The one that is due first, if it is by @now_ns; ties by order of opening. */
struct pk_threat_entry *pk_threat_table_due(struct pk_threat_table *t,
					    uint64_t now_ns);

uint32_t pk_threat_table_count(const struct pk_threat_table *t);

/* The entry at @place of pk_threat_table_count(), in no order. */
const struct pk_threat_entry *pk_threat_table_at(
	const struct pk_threat_table *t, uint32_t place);

#endif /* PK_CONTROL_THREAT_TABLE_H */
