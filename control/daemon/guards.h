/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guards: what the daemon holds against bad feeds: the safelists and their
 * files, the guard (ioc/guard/guard.h), and what traffic was seen of late.
 *
 * A list that is loaded or changed is kept in the state directory, one file a
 * list, and comes back at the next start. The lists in force never change:
 * a change makes others, beside the loop, which take their place.
 *
 * One thread: the event loop's, but where it says so. A loader's thread gets a
 * guard of its own.
 */
#ifndef PK_CONTROL_GUARDS_H
#define PK_CONTROL_GUARDS_H

#include "control/config.h"
#include "ioc/guard/guard.h"
#include "ioc/guard/safelist.h"
#include "ioc/guard/seen.h"
#include "ioc/store/store.h"

struct pk_guards;

struct pk_guards_conf {
	const struct pk_config_guard *guard; /* NULL: the defaults */
	uint64_t seed;
	const char *dir; /* kept there; NULL: nowhere */
	int host;	 /* 1: this host's addresses are own networks, too */
};

/* 0 or -errno; a file that cannot be read is logged and left alone. */
int pk_guards_new(struct pk_guards **out, const struct pk_guards_conf *conf);
void pk_guards_free(struct pk_guards *g); /* NULL is a no-op */

const struct pk_guard *pk_guards_guard(const struct pk_guards *g);
const struct pk_safelist *pk_guards_safelist(const struct pk_guards *g);

struct pk_guards_lists;

/*
 * What a loader's thread needs: the lists as they are now, and the traffic. 0
 * or -ENOMEM. In the thread: pk_guards_run_begin(), which makes the guard with
 * this host's networks, before, and pk_guards_run_ready() when all is read.
 */
struct pk_guard_run {
	struct pk_guard *guard;
	struct pk_guards_lists *lists;
	struct pk_seen_view *view; /* NULL: none */
};
int pk_guards_run(const struct pk_guards *g, struct pk_guard_run *out);
int pk_guards_run_begin(const struct pk_guards *g, struct pk_guard_run *r);
int pk_guards_run_ready(struct pk_guard_run *r);
/*
 * A value is new to its feed: was it in traffic lately? 0 or 1, with *@hit.
 * What the feed has had counts for nothing: a list is not held back because
 * one of its addresses attacks.
 */
int pk_guards_run_new(struct pk_guard_run *r, const struct pk_indicator *ind,
		      struct pk_seen_hit *hit);
void pk_guards_run_end(struct pk_guard_run *r); /* a zeroed one: no-op */

/* As pk_guard_traffic(), for all that was new. */
enum pk_guard_hold pk_guards_run_traffic(const struct pk_guard_run *r,
					 const char *feed,
					 char sentence[PK_GUARD_SENTENCE]);

/* --- changes of lists ------------------------------------------------------- */

enum pk_guards_kind {
	PK_GUARDS_LOAD,
	PK_GUARDS_DEL,
	PK_GUARDS_ADD_ENTRY,
	PK_GUARDS_DEL_ENTRY,
};

struct pk_guards_change {
	enum pk_guards_kind kind;
	const char *list;
	const char *text; /* LOAD */
	size_t len;
	const struct pk_indicator *entry; /* of one entry */

	int err;
	char why[PK_SAFELIST_SENTENCE]; /* a sentence */
	struct pk_guards_lists *from, *to;
};

/*
 * As pk_safelist_draft_read() and pk_safelist_put(), pk_safelist_del(),
 * _add_entry(), _del_entry(), and written to disk:
 *
 *	begin ─► make ─► put ─► keep ─► end
 *	          ▲       │ -EAGAIN: other lists are in force meanwhile
 *	          └───────┘
 *
 * make and keep may run in another thread, one change at a time; err and why
 * tell how they ended. After an error of make, put returns it: go to end. After
 * put the lists are in force, also when keep fails.
 */
void pk_guards_begin(struct pk_guards *g, struct pk_guards_change *c);
void pk_guards_make(const struct pk_guards *g, struct pk_guards_change *c);
int pk_guards_put(struct pk_guards *g, struct pk_guards_change *c);
void pk_guards_keep(const struct pk_guards *g, struct pk_guards_change *c);
void pk_guards_end(struct pk_guards_change *c); /* zeroed: no-op */

/* At the start: load a list, and keep it nowhere. */
int pk_guards_load(struct pk_guards *g, const char *list, const char *text,
		   size_t len, char why[PK_SAFELIST_SENTENCE]);

/* NULL if there is none. Until another list is put. */
const struct pk_safelist_info *pk_guards_list(const struct pk_guards *g,
					      const char *list);

/* A record of a plane: its addresses and names were seen. */
struct pk_record;
void pk_guards_see(struct pk_guards *g, const struct pk_record *r);

#endif /* PK_CONTROL_GUARDS_H */
