/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loader_inside: what loader.c (a job's life), loader_read.c (its thread) and
 * loader_merge.c (its slices) share. Nobody else includes it.
 */
#ifndef PK_CONTROL_LOADER_INSIDE_H
#define PK_CONTROL_LOADER_INSIDE_H

#include <pthread.h>

#include "control/daemon/loader.h"

struct event;

struct pk_load {
	struct pk_load_job job;
	char feed[PK_FEED_NAME_MAX + 1];
	char name[128];
	enum pk_load_phase phase;
	uint64_t begin_ns;
	int is_new; /* the feed */
	int has_feed;
	uint16_t number; /* its, in the store */
	struct pk_store *fresh;
	struct pk_load_result result;
	char why[PK_SAY_MAX];

	/* the thread's */
	pthread_t thread;
	int reading;   /* it exists */
	int cancel;    /* atomic: it shall end */
	uint64_t read; /* atomic: bytes so far */
	int err;
	struct pk_guard_run guard;
	struct pk_load_memory *memory;

	/* the slices */
	int held; /* a guard refuses the feed: -EPERM */
	struct pk_diff_cursor cursor;
	uint64_t needs; /* canonical bytes of what is added */
	unsigned sampled[3];
};

struct pk_loader {
	struct pk_loader_conf conf;
	struct event *turn;
	struct event *done;
	int fd;		      /* eventfd of the thread's end */
	struct pk_load *load; /* NULL: no job */
	struct pk_load_memory *memory[PK_FEEDS_MAX];
};

/* loader_read.c: start the thread; it writes to l->fd at its end. */
int pk_load_read(struct pk_loader *l);
/* Join it, and say what it found. */
void pk_load_read_end(struct pk_loader *l);

/* loader_merge.c: one slice. 1: more; 0: done; or -errno. */
int pk_load_compare(struct pk_loader *l);
int pk_load_merge(struct pk_loader *l);

#endif /* PK_CONTROL_LOADER_INSIDE_H */
