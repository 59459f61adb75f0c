/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jobs: answers that take longer than a turn of the loop.
 *
 * A job is called step after step, by turns with all other jobs, and in each
 * turn of the loop they have PK_JOBS_TURN_US together: whatever is asked on the
 * control socket, records go on. A step does a bounded piece of work, at most
 * about 100 us. What cannot be cut into pieces (a file that is read, an image
 * that is summed up) runs beside the loop, in a thread, one job at a time in
 * the order in which they asked for it.
 *
 *	           ┌─ MORE ─┐            ┌─ WAIT ──► pk_job_go() ─┐
 *	start ──► step ◄────┴────────────┴─ BESIDE ─► thread ─────┤
 *	           └─ DONE ──► end         ▲                      │
 *	                                   └──────────────────────┘
 *
 * Between two steps the store and all else may change: a job keeps numbers
 * (slots, feeds, places in a list), which are looked up anew in each step, and
 * no pointers into what others change. Its answer is then no view of one
 * instant: what was there all the time is told, what came or went meanwhile
 * may be.
 *
 * When the client has left, the job ends before its next step, unless it is
 * set to `stay`. When the client does not read what it is told, its job alone
 * waits (control/ctl/ctl.h, pk_ctl_is_behind()).
 *
 * There is at most one job for each connection, so they are few.
 *
 * One thread: the event loop's.
 */
#ifndef PK_CONTROL_JOBS_H
#define PK_CONTROL_JOBS_H

#include <stdbool.h>

#include "control/ctl/ctl.h"

enum { PK_JOBS_TURN_US = 1000 };

struct event_base;
struct pk_jobs;

enum pk_job_next {
	PK_JOB_MORE,   /* call again */
	PK_JOB_BESIDE, /* call beside() in the thread, then step() again */
	PK_JOB_WAIT,   /* call again after pk_job_go() */
	PK_JOB_DONE,   /* it has answered */
};

/* The first member of what belongs to the operation. */
struct pk_job {
	struct pk_ctl_answer *out;
	enum pk_job_next (*step)(struct pk_job *job);
	void (*beside)(struct pk_job *job); /* NULL: it never says BESIDE */
	void (*end)(struct pk_job *job);    /* frees it */
	bool stay;			    /* it goes on without its client */

	/* of jobs.c */
	struct pk_jobs *jobs;
	struct pk_job *next;
	int state;
	bool woken;
};

/* 0 or -ENOMEM. */
int pk_jobs_new(struct pk_jobs **out, struct event_base *base);

/*
 * The thread is waited for; jobs that are left are answered `failed`. Before
 * what they use is freed. NULL is a no-op.
 */
void pk_jobs_free(struct pk_jobs *j);

/*
 * Take @job: step() until it says DONE, which has answered and given up out;
 * or until its client has left, then it is answered here. end() follows, which
 * may not touch out, nor what was borrowed from its request. Not while
 * beside() runs, nor while it waits.
 */
void pk_jobs_start(struct pk_jobs *j, struct pk_job *job);

/* What it waits for has come; may be called in the step that says WAIT. */
void pk_job_go(struct pk_job *job);

#endif /* PK_CONTROL_JOBS_H */
