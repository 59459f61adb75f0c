/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threat_inside: what threat.c (the life of a threat) and threat_save.c,
 * threat_past.c (its life over a restart) share; nobody else includes it.
 */
#ifndef PK_CONTROL_THREAT_INSIDE_H
#define PK_CONTROL_THREAT_INSIDE_H

#include "control/threat.h"
#include "control/threat_table.h"

#define PK_THREAT_INDICATOR "indicator" /* the type of what was listed */

struct pk_threats {
	struct pk_threats_conf conf;
	struct pk_threat_table *table;
	uint64_t now_ns;
	uint64_t seq;
	struct pk_threat_counters counters;
	uint32_t unfit;	       /* revived ones whose key another has */
	uint64_t save_rekeyed; /* when the pass of pk_threats_save() began */
	uint64_t *ended;       /* by a hash of the key: see threat.c */
};

/* A threat of an earlier run, with room for all that it points to. */
struct pk_threat_kept {
	struct pk_threat_entry e;
	uint64_t touched;
	uint64_t order;
	const struct pk_detector *detector; /* NULL: it is no more */
	char type[64];
	char severity[16];
	uint8_t has_indicator;
	uint8_t has_name;
	struct pk_threat_indicator indicator;
	char name[PK_THREAT_VALUE];
};

/* Close it, counted in @reason, though its evidence goes on, maybe. */
void pk_threats_cut_off(struct pk_threats *t, struct pk_threat_entry *e,
			__u64 *reason);

/*
 * Open it again, without a word: 0 or -ENOMEM. Changes @k. One that has its key
 * makes way, which pk_threats_caught_up() closes; so it does when there is no
 * room.
 */
int pk_threats_revive(struct pk_threats *t, struct pk_threat_kept *k,
		      uint64_t now_ns);

/*
 * The slot of a name's indicator is another one after a restart. Until it is
 * met again, its threat is kept under a key that is made of the indicator's
 * value. Sets slot and past so that no other has the key.
 */
void pk_threats_past_key(struct pk_threats *t, struct pk_threat_key *key,
			 const char *value);

/* The slot of such a key. */
uint32_t pk_threats_past_slot(const char *value);

/* A name without a threat was met: that of before, now under @key, or NULL. */
struct pk_threat_entry *pk_threats_adopt(struct pk_threats *t,
					 const struct pk_threat_key *key,
					 const char *value);

/* Of a detector's, that one by its name, and so its kind; @id is its id. */
void pk_threats_set_detector(struct pk_threat_kept *k, const uint64_t id[2],
			     const struct pk_threats_past *past);

/* Keep a copy of @ind, no longer than it is, in @e. 0 or -ENOMEM. */
int pk_threats_keep(struct pk_threat_entry *e,
		    const struct pk_threat_indicator *ind);

#endif /* PK_CONTROL_THREAT_INSIDE_H */
