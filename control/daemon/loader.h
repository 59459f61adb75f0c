/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loader: a feed as a whole into the store, or out of it.
 *
 *	reading      a thread parses the bytes into a store of its own, through
 *	             the guards; nothing else knows of it
 *	comparing    what would change, in slices of the event loop
 *	writing      the store is held and changed, in slices; one commit.
 *	             What was read goes back to the system as it is written
 *	publishing   one switch makes it visible
 *
 * A failure before the commit changes nothing: room is reserved first, and a
 * disk that fails in the middle is taken back. One job at a time. The last
 * refusals of each feed are remembered, over a restart (rejected.h).
 *
 * One thread: the event loop's.
 */
#ifndef PK_CONTROL_LOADER_H
#define PK_CONTROL_LOADER_H

#include <stddef.h>

#include "control/daemon/guards.h"
#include "control/daemon/indicators.h"
#include "ioc/feed/feed.h"
#include "ioc/say.h"

enum {
	PK_LOADER_SAMPLES = 10,	   /* sentences, and changes of a kind */
	PK_LOADER_REJECTED = 1000, /* refusals of a feed that are kept */
	PK_LOADER_SLICE_US = 1000,
};

struct event_base;
struct pk_loader;

enum pk_load_kind {
	PK_LOAD_ADD,	 /* add and change */
	PK_LOAD_REPLACE, /* and withdraw what the feed does not say any more */
	PK_LOAD_DELETE,	 /* withdraw all of the feed; no bytes */
	PK_LOAD_ROLLBACK /* the store of an earlier commit; no bytes */
};

#define PK_LOAD_PHASES(_)         \
	_(IDLE, "")               \
	_(READING, "reading")     \
	_(COMPARING, "comparing") \
	_(WRITING, "writing")     \
	_(PUBLISHING, "publishing")

#define PK_LOAD_PHASE_ENUM(name, word) PK_LOAD_##name,
enum pk_load_phase { PK_LOAD_PHASES(PK_LOAD_PHASE_ENUM) PK_LOAD_PHASE_COUNT };
#undef PK_LOAD_PHASE_ENUM

struct pk_load_change {
	uint8_t what; /* enum pk_diff */
	uint8_t type, match;
	uint64_t seen_ns; /* of pk_load_result.seen */
	char value[PK_VALUE_TEXT_MAX];
};

struct pk_load_guard {
	const char *guard; /* a word */
	uint8_t refuses;   /* the feed as a whole */
	uint8_t forced;
	uint64_t count; /* values that were kept out */
	char message[256];
};

enum { PK_LOAD_GUARDS = 16 };

/* Lives while the callback runs. */
struct pk_load_result {
	const char *op, *feed, *format;
	const char *broken; /* "" or why the feed cannot be used */
	struct pk_feed_stats stats;
	unsigned samples;
	char sample[PK_LOADER_SAMPLES][PK_SAY_MAX];
	unsigned guards;
	struct pk_load_guard guard[PK_LOAD_GUARDS];
	uint64_t added, changed, withdrawn, same;
	unsigned changes;
	struct pk_load_change change[3 * PK_LOADER_SAMPLES];
	uint64_t seen; /* new ones that were in traffic of late */
	unsigned seens;
	struct pk_load_change seen_change[PK_LOADER_SAMPLES];
	uint64_t store_bytes, store_after, image_bytes, image_after;
	uint8_t dry_run, applied;
	uint64_t generation, commit, ms;
};

/*
 * Told once: 0; -EPERM: a guard refuses; -EBADMSG: the feed is broken;
 * -ESTALE: another commit than was expected; -ENOENT; -ENOSPC, -ENOMEM;
 * -ECANCELED: the daemon ends; or another -errno; with a sentence.
 */
typedef void pk_loader_fn(void *arg, int status, const char *why,
			  const struct pk_load_result *result);

/* All of it is borrowed until @fn was told. */
struct pk_load_job {
	enum pk_load_kind kind;
	const char *op;	  /* for history and messages: "load" */
	const char *feed; /* ROLLBACK: "" */
	const char *name; /* of the bytes, in sentences */
	const void *bytes;
	size_t len;
	struct pk_feed_options options;
	const char *licence, *attribution; /* of the feed; "" */
	uint64_t commit;		   /* ROLLBACK */
	uint64_t expect; /* the last commit must be this one; 0: any */
	uint32_t uid;	 /* who asks */
	uint8_t has_expect;
	uint8_t dry_run;
	uint8_t force;
	uint8_t still; /* no commit when nothing changed but the time */
	pk_loader_fn *fn;
	void *arg;
};

struct pk_loader_conf {
	struct event_base *base;
	struct pk_indicators *indicators;
	struct pk_guards *guards;
	const char *dir; /* of what is remembered of loads; NULL: nowhere */
	/* May be NULL. Told in the reading thread: @n of a job's bytes, from
	 * @at on, are not looked at again. */
	void (*spend)(const void *bytes, size_t at, size_t n);
};

/* 0, -ENOMEM, or the errno of what is wrong with the folder. */
int pk_loader_new(struct pk_loader **out, const struct pk_loader_conf *conf);
/* A job under way is told -ECANCELED. NULL is a no-op. */
void pk_loader_free(struct pk_loader *l);

/*
 * Begin a job. 0; -EBUSY: one is under way; -EINVAL: a bad name of a feed, or
 * options; -ENOSPC: too many feeds; -ENOMEM. Then @fn is not called.
 */
int pk_loader_start(struct pk_loader *l, const struct pk_load_job *job);

struct pk_load_progress {
	enum pk_load_phase phase;
	const char *op, *feed;
	uint64_t done, total;
};

void pk_loader_progress(const struct pk_loader *l,
			struct pk_load_progress *out);
const char *pk_load_phase_word(enum pk_load_phase phase);

/* --- what the last load of a feed was like ----------------------------------- */

struct pk_rejected {
	uint64_t line;
	uint32_t column;
	uint32_t reason; /* enum pk_refused */
	char text[48];	 /* cut */
	char field[16];
};

struct pk_load_memory {
	struct pk_feed_stats stats;
	char name[128]; /* of the bytes */
	unsigned rejects;
	struct pk_rejected reject[];
};

/* NULL when nothing is remembered. Borrowed until the next load. */
const struct pk_load_memory *pk_loader_memory(const struct pk_loader *l,
					      uint16_t feed);

#endif /* PK_CONTROL_LOADER_H */
