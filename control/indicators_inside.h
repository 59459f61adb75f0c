/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indicators_inside: what indicators.c (the store and what is asked of it) and
 * publish.c (images, the builder, the kernel) share. Nobody else includes it.
 */
#ifndef PK_CONTROL_INDICATORS_INSIDE_H
#define PK_CONTROL_INDICATORS_INSIDE_H

#include <pthread.h>
#include <stdint.h>

#include "control/indicators.h"
#include "ioc/builder.h"

struct event;
struct pk_waiter;

struct pk_waiters {
	struct pk_waiter *first;
	struct pk_waiter **last;
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

struct pk_indicators {
	struct pk_indicators_conf conf;
	struct pk_store *store;
	struct pk_images *images;
	const struct pk_control *control; /* of the images, read-only */
	uint32_t high;			  /* highest slot ever given */
	uint64_t cleared;		  /* hits of slots that began anew */
	unsigned feeds;
	char (*feed)[PK_INDICATORS_FEED];

	/* busy: the builder runs, or the launcher makes a map */
	int busy;
	int held;
	int want_base;
	int failed; /* the last publication: the store is ahead of the images */
	struct pk_waiters waiting; /* for the next publication */
	struct pk_waiters told;	   /* by the one under way */
	struct pk_waiters free;	   /* for the store */
	struct event *flush;
	struct event *quiet; /* a pass of the grace thread ended */

	/* the publication under way */
	int is_base;
	struct pk_block block;
	int building; /* the thread exists */
	int result;   /* its */
	pthread_t builder;
	int built_fd;
	struct event *built;

	struct pk_indicators_kernel kernel;
};

/* publish.c: its part of life. 0 or -errno. */
int pk_publish_init(struct pk_indicators *d);
void pk_publish_fini(struct pk_indicators *d);

/* The kernel's counter of @slot begins at 0; what it had goes to slot 0. */
void pk_publish_begin_anew(struct pk_indicators *d, uint32_t slot);

#endif /* PK_CONTROL_INDICATORS_INSIDE_H */
