/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indicators_inside: what indicators.c (the store and what is asked of it),
 * publish.c (images), publish_base.c (the builder's thread), publish_kernel.c
 * and indicators_disk.c share. Nobody else includes it.
 */
#ifndef PK_CONTROL_INDICATORS_INSIDE_H
#define PK_CONTROL_INDICATORS_INSIDE_H

#include <pthread.h>
#include <stdint.h>

#include "control/daemon/indicators.h"
#include "control/daemon/waiters.h"
#include "ioc/image/builder.h"

struct event;
struct pk_expire;

enum {
	PK_DELTA_SOFT = PK_DELTA_MAX / 8,     /* changes that ask for a base */
	PK_CHANGES_BEHIND = PK_DELTA_MAX / 2, /* most while a base is built */
};

/* The kernel's half; target.control NULL: not open. */
struct pk_indicators_kernel {
	struct pk_image_target target;
	uint64_t *hits; /* mapped */
	uint32_t slots;
	int opening; /* the target is being added now */
	pk_indicators_fn *fn;
	void *arg;
};

/*
 *	NONE ──► BUILDING ──► READY ──► published: NONE
 *	           ▲  │
 *	           │  ▼ no room in the kernel
 *	          GROWING
 */
enum pk_base_state {
	PK_BASE_NONE,
	PK_BASE_BUILDING, /* the thread builds it, in its slot */
	PK_BASE_GROWING,  /* the launcher makes a larger map for it */
	PK_BASE_READY,
};

struct pk_indicators_base {
	enum pk_base_state state;
	int settling;	 /* READY, and the store is held to settle */
	uint32_t cursor; /* of that */
	struct event *turn;
	int settled;	  /* READY, and the store's delta is over it */
	unsigned readers; /* of the active one, beside the planes */
	struct pk_block block;
	struct pk_image_shortage shortage;
	int result;
	pthread_t thread;
	int fd; /* eventfd of the thread's end */
	struct event *done;
};

struct pk_indicators_disk_state {
	struct pk_disk *disk; /* NULL: none */
	char error[128];
	struct event *tick;
	uint64_t synced, synced_ns;
	int syncing; /* the thread runs */
	int sync_result;
	uint64_t sync_to;
	pthread_t sync_thread;
	int sync_fd;
	struct event *sync_done;
	pid_t child; /* writes a snapshot; 0: none */
	int child_fd;
	struct event *child_done;
	uint64_t log_min; /* bytes of a log that are worth a snapshot */
};

struct pk_indicators {
	struct pk_indicators_conf conf;
	struct pk_store *store;
	struct pk_images *images;
	const struct pk_control *control; /* of the images, read-only */
	uint32_t high;			  /* highest slot ever given */
	uint64_t cleared;		  /* hits of slots that began anew */
	uint64_t *before; /* hits by slot, of before the restart; NULL: none */
	void (*anew)(void *arg, uint32_t slot);
	void *anew_arg;

	struct pk_disk_commit tx; /* what the next commit will say */
	int tx_err;		  /* a note failed: it cannot be made */
	int dirty;		  /* something was noted */
	unsigned feeds_said;	  /* feeds that the disk knows */
	unsigned feeds_noted;	  /* and with the change under way */
	uint64_t last;		  /* commit */
	struct pk_indicators_disk_state disk;

	int busy; /* a switch is under way: it waits for a larger map */
	int held;
	int want_base;
	int overflow;	   /* more changed than a delta takes */
	int sweeping;	   /* more ends now: a base waits for it */
	uint32_t behind;   /* changes since the freeze */
	int failed;	   /* the last publication: the store is ahead */
	char why[128];	   /* it failed */
	uint64_t since_ns; /* the last switch */
	uint64_t base_generation;
	uint32_t collisions;
	struct pk_waiters waiting; /* for the next publication */
	struct pk_waiters told;	   /* by the one under way */
	struct pk_waiters free;	   /* for the store */
	struct pk_waiters idle;	   /* for everything */
	struct event *flush;
	struct event *quiet; /* a pass of the grace thread ended */

	struct pk_block delta; /* of the publication under way */
	int is_base;	       /* and a base with it */
	struct pk_indicators_base built;

	struct pk_expire *expire;
	struct pk_indicators_kernel kernel;
};

uint64_t pk_indicators_now(const struct pk_indicators *d);

/* A slot changed otherwise than by add and del. */
void pk_indicators_note(struct pk_indicators *d, uint32_t slot);

/* indicators_expire.c. 0 or -errno. */
int pk_expire_init(struct pk_indicators *d);
void pk_expire_fini(struct pk_indicators *d);
/* Unix seconds; what is valid until then has ended. 0: not known. */
uint32_t pk_expire_now(const struct pk_indicators *d);

/* publish.c: its part of life. 0 or -errno. */
int pk_publish_init(struct pk_indicators *d);
void pk_publish_fini(struct pk_indicators *d);
/* At the start: what the disk had becomes visible at once. 0 or -errno. */
int pk_publish_first(struct pk_indicators *d, struct pk_block *base);
void pk_publish_flush_later(struct pk_indicators *d);
/* The switch under way ended, well or not. */
void pk_publish_finish(struct pk_indicators *d, int err);
/* It ended with @err: ask for more room and go on later, or finish. */
void pk_publish_tried(struct pk_indicators *d, int err);
const char *pk_publish_reason(int err);

/* publish_base.c */
int pk_base_init(struct pk_indicators *d);
void pk_base_fini(struct pk_indicators *d);
void pk_base_start(struct pk_indicators *d); /* unless one is under way */
/* Ready: show it with what changed meanwhile. */
void pk_base_publish(struct pk_indicators *d);
void pk_base_published(struct pk_indicators *d, int err);

/* publish_kernel.c */
void pk_kernel_close(struct pk_indicators *d);
void pk_kernel_opened(struct pk_indicators *d, int err, uint64_t generation);
/* Add the target again: there is more room. */
void pk_kernel_try(struct pk_indicators *d);
/* Ask for a larger map; @done is told. 0 or -errno. */
int pk_kernel_grow(struct pk_indicators *d, const struct pk_image_shortage *s,
		   void (*done)(struct pk_indicators *d, int err));

/* The kernel's counter of @slot begins at 0; what it had goes to slot 0. */
void pk_kernel_begin_anew(struct pk_indicators *d, uint32_t slot);

/* indicators_disk.c: opens the disk and loads what it has: the store, and the
 * base image (count 0: none). 0 or -errno. */
int pk_keep_init(struct pk_indicators *d, struct pk_block *base);
void pk_keep_fini(struct pk_indicators *d);
void pk_keep_commit(struct pk_indicators *d); /* a commit was made: sync */
/* The store as the last commit left it. 0 or -errno. */
int pk_keep_take_back(struct pk_indicators *d);

#endif /* PK_CONTROL_INDICATORS_INSIDE_H */
