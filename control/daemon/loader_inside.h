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
	const struct pk_guards *guards;
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
	int ended;     /* and has said so: it looks at nothing here any more */
	int cancel;    /* atomic: it shall end */
	uint64_t read; /* atomic: bytes so far */
	int err;
	void (*spend)(const void *bytes, size_t at, size_t n);
	struct pk_guard_run guard;
	struct pk_disk *disk; /* ROLLBACK: a reader */
	struct pk_load_memory *memory;

	/* the slices */
	int held; /* a guard refuses the feed: -EPERM */
	struct pk_diff_cursor cursor;
	int adds_alone; /* the walk that writes has withdrawn */
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
	int dir; /* where it is kept; -1: nowhere */
};

/* loader_read.c: start the thread, for a feed or for the store of a commit; it
 * writes to l->fd at its end. */
int pk_load_read(struct pk_loader *l);
int pk_load_read_commit(struct pk_loader *l);
/* It has ended, or it shall; say what it found. */
void pk_load_read_end(struct pk_loader *l);

/* loader_merge.c: where a walk that writes begins; one slice. 1: more; 0: done;
 * or -errno. */
void pk_load_merge_from(struct pk_load *load);
int pk_load_compare(struct pk_loader *l);
int pk_load_merge(struct pk_loader *l);

#endif /* PK_CONTROL_LOADER_INSIDE_H */
