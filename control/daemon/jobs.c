/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

enum state {
	READY,
	RUNNING, /* its step */
	BEHIND,	 /* its client has much to read */
	WAITING,
	BESIDE, /* in the thread, or before it */
};

struct pk_jobs {
	struct pk_job *first; /* those that ran last are last */
	struct event *turn;
	struct event *done;
	int fd;		       /* eventfd of the thread's end */
	struct pk_job *beside; /* in the thread; NULL: there is none */
	pthread_t thread;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --- the list --------------------------------------------------------------- */

static struct pk_job *first(const struct pk_jobs *j, enum state state)
{
	struct pk_job *job = j->first;

	while (job && job->state != (int)state)
		job = job->next;
	return job;
}

static void take_out(struct pk_jobs *j, struct pk_job *job)
{
	struct pk_job **at = &j->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
}

static void put_last(struct pk_jobs *j, struct pk_job *job)
{
	struct pk_job **at = &j->first;

	while (*at)
		at = &(*at)->next;
	*at = job;
	job->next = NULL;
}

static void ready(struct pk_job *job)
{
	const struct timeval now = { 0, 0 };

	job->state = READY;
	event_add(job->jobs->turn, &now);
}

static void on_room(void *arg)
{
	ready(arg);
}

static void end(struct pk_job *job)
{
	take_out(job->jobs, job);
	job->end(job);
}

/* --- beside the loop ------------------------------------------------------------ */

static void *run_beside(void *arg)
{
	struct pk_jobs *j = arg;
	uint64_t one = 1;

	j->beside->beside(j->beside);
	while (write(j->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

/* Without a thread it takes the loop's time: rather late than never. */
static void start_beside(struct pk_jobs *j)
{
	struct pk_job *job;

	while (!j->beside && (job = first(j, BESIDE))) {
		j->beside = job;
		if (!pthread_create(&j->thread, NULL, run_beside, j))
			return;
		j->beside = NULL;
		job->beside(job);
		ready(job);
	}
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct pk_jobs *j = arg;
	struct pk_job *job = j->beside;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) < 0 || !job)
		return;
	pthread_join(j->thread, NULL);
	j->beside = NULL;
	ready(job);
	start_beside(j);
}

/* --- turns ------------------------------------------------------------------------ */

static void step(struct pk_jobs *j, struct pk_job *job)
{
	job->state = RUNNING;
	job->woken = false;
	switch (job->step(job)) {
	case PK_JOB_MORE:
		job->state = READY;
		break;
	case PK_JOB_WAIT:
		job->state = job->woken ? READY : WAITING;
		break;
	case PK_JOB_BESIDE:
		job->state = BESIDE;
		start_beside(j);
		break;
	case PK_JOB_DONE:
		end(job);
		break;
	}
}

static void run(struct pk_jobs *j, struct pk_job *job)
{
	take_out(j, job);
	put_last(j, job);
	if (!job->stay && pk_ctl_has_left(job->out)) {
		pk_ctl_fail(job->out, PK_CTL_E_ABORTED, NULL,
			    "the client has left");
		end(job);
	} else if (pk_ctl_is_behind(job->out)) {
		job->state = BEHIND;
		pk_ctl_on_room(job->out, on_room, job);
	} else {
		step(j, job);
	}
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	uint64_t until = now_us() + PK_JOBS_TURN_US;
	const struct timeval now = { 0, 0 };
	struct pk_jobs *j = arg;
	struct pk_job *job;

	(void)fd;
	(void)what;
	while ((job = first(j, READY))) {
		run(j, job);
		if (now_us() >= until)
			break;
	}
	if (first(j, READY))
		event_add(j->turn, &now);
}

void pk_job_go(struct pk_job *job)
{
	if (job->state == RUNNING)
		job->woken = true;
	else
		ready(job);
}

void pk_jobs_start(struct pk_jobs *j, struct pk_job *job)
{
	job->jobs = j;
	put_last(j, job);
	ready(job);
}

/* --- life ---------------------------------------------------------------------------- */

int pk_jobs_new(struct pk_jobs **out, struct event_base *base)
{
	struct pk_jobs *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	j->turn = evtimer_new(base, on_turn, j);
	j->done = event_new(base, j->fd, EV_READ | EV_PERSIST, on_done, j);
	if (j->fd < 0 || !j->turn || !j->done || event_add(j->done, NULL)) {
		pk_jobs_free(j);
		return -ENOMEM;
	}
	*out = j;
	return 0;
}

void pk_jobs_free(struct pk_jobs *j)
{
	if (!j)
		return;
	if (j->beside)
		pthread_join(j->thread, NULL);
	while (j->first) {
		pk_ctl_fail(j->first->out, PK_CTL_E_FAILED, NULL,
			    "picketd is ending");
		end(j->first);
	}
	if (j->turn)
		event_free(j->turn);
	if (j->done)
		event_free(j->done);
	if (j->fd >= 0)
		close(j->fd);
	free(j);
}
