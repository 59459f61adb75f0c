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
	PK_THREAT_DETECTOR,	     /* + index of the detector */
	PK_THREAT_UNFIT = UINT16_MAX /* revived, but another has its key */
};

struct pk_threat_key {
	union pk_addr observer;
	union pk_addr addr;
	uint32_t slot; /* of name indicators, else 0 */
	uint16_t kind;
	uint8_t depth; /* of addresses of tunnels, else 0 */
	uint8_t past;  /* of names: not met since the restart, see below */
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
	struct pk_threat_evidence evidence; /* that shown.evidence points to */
	char *words; /* of shown that nobody else keeps; owned, or NULL */
	/* The table's. */
	uint64_t order;	  /* of opening */
	uint64_t touched; /* grows along the list of ages */
	uint64_t rekeyed; /* 0, or the number of the change of its key */
	uint32_t place;	  /* in the heap */
	struct pk_threat_entry *chain;
	struct pk_threat_entry *same; /* next of its hash among ids */
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

/*
 * The same of one that was open in an earlier run, as number @order. There need
 * be no room: then pk_threat_table_full() gives one until there is.
 */
struct pk_threat_entry *pk_threat_table_put(struct pk_threat_table *t,
					    const struct pk_threat_key *key,
					    uint64_t due_ns, uint64_t order);

/* The number of the next one. */
uint64_t pk_threat_table_order(const struct pk_threat_table *t);

/* From now on it is found by @key, which is no other's. */
void pk_threat_table_rekey(struct pk_threat_table *t, struct pk_threat_entry *e,
			   const struct pk_threat_key *key);
/* How often that was done; an entry that got another key has its number. */
uint64_t pk_threat_table_rekeyed(const struct pk_threat_table *t);

/*
 * An index by id, from now until pk_threat_table_forget_ids(). Meanwhile who
 * adds an entry calls pk_threat_table_name() when its id is set. 0 or -ENOMEM;
 * no-op when there is one.
 */
int pk_threat_table_keep_ids(struct pk_threat_table *t);
void pk_threat_table_forget_ids(struct pk_threat_table *t);
void pk_threat_table_name(struct pk_threat_table *t, struct pk_threat_entry *e);
struct pk_threat_entry *pk_threat_table_by_id(const struct pk_threat_table *t,
					      const uint64_t id[2]);

/* Remove @e and free it with what its threat points to. */
void pk_threat_table_del(struct pk_threat_table *t, struct pk_threat_entry *e);

/* @e has evidence now: it is the last to be given up. */
void pk_threat_table_touch(struct pk_threat_table *t,
			   struct pk_threat_entry *e);

/* The one whose evidence is oldest, when there is no room for another. */
struct pk_threat_entry *pk_threat_table_full(struct pk_threat_table *t);

/* Are there more than there is room for? */
int pk_threat_table_over(const struct pk_threat_table *t);

/* The one that is due first, if it is by @now_ns; ties by order of opening. */
struct pk_threat_entry *pk_threat_table_due(struct pk_threat_table *t,
					    uint64_t now_ns);

uint32_t pk_threat_table_count(const struct pk_threat_table *t);

/* The entry at @place of pk_threat_table_count(), in no order. */
struct pk_threat_entry *pk_threat_table_at(const struct pk_threat_table *t,
					   uint32_t place);

/*
 * The entries with one hash, as a chain, of pk_threat_table_buckets() ones. An
 * entry stays in the same one for life, unless it gets another key.
 */
uint32_t pk_threat_table_buckets(const struct pk_threat_table *t);
const struct pk_threat_entry *pk_threat_table_bucket(
	const struct pk_threat_table *t, uint32_t number);

#endif /* PK_CONTROL_THREAT_TABLE_H */
