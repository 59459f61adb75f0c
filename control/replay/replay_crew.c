/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bpf/flow.h"
#include "control/replay/replay.h"

struct member {
	struct pk_replay_crew *crew;
	pthread_t thread;
	uint32_t number;
	int started;
};

struct pk_replay_crew {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t round; /* under lock; grows with each run */
	int stop;	/* under lock */
	uint32_t busy;	/* atomic: members still at work */
	const struct pk_replay_batch *batch;
	uint64_t sweep_ns;
	pk_replay_work_fn *work;
	void *arg;
	uint32_t workers;
	struct member member[PK_WORKERS_MAX];
};

static int next_round(struct pk_replay_crew *c, uint64_t *seen)
{
	int stop;

	pthread_mutex_lock(&c->lock);
	while (c->round == *seen && !c->stop)
		pthread_cond_wait(&c->changed, &c->lock);
	*seen = c->round;
	stop = c->stop;
	pthread_mutex_unlock(&c->lock);
	return !stop;
}

static void *member_main(void *arg)
{
	struct member *m = arg;
	struct pk_replay_crew *c = m->crew;
	uint64_t seen = 0;

	while (next_round(c, &seen)) {
		c->work(c->arg, m->number, c->batch, c->sweep_ns);
		__atomic_fetch_sub(&c->busy, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

int pk_replay_crew_new(struct pk_replay_crew **out, uint32_t workers,
		       pk_replay_work_fn *work, void *arg)
{
	struct pk_replay_crew *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->work = work;
	c->arg = arg;
	c->workers = workers;
	for (uint32_t i = 0; i < workers; i++) {
		struct member *m = &c->member[i];

		m->crew = c;
		m->number = i;
		if (pthread_create(&m->thread, NULL, member_main, m)) {
			pk_replay_crew_free(c);
			return -EAGAIN;
		}
		m->started = 1;
	}
	*out = c;
	return 0;
}

void pk_replay_crew_free(struct pk_replay_crew *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = 1;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	for (uint32_t i = 0; i < c->workers; i++)
		if (c->member[i].started)
			pthread_join(c->member[i].thread, NULL);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void pk_replay_crew_run(struct pk_replay_crew *c,
			const struct pk_replay_batch *batch, uint64_t sweep_ns,
			void (*idle)(void *arg))
{
	c->batch = batch;
	c->sweep_ns = sweep_ns;
	__atomic_store_n(&c->busy, c->workers, __ATOMIC_RELEASE);
	pthread_mutex_lock(&c->lock);
	c->round++;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	while (__atomic_load_n(&c->busy, __ATOMIC_ACQUIRE)) {
		idle(c->arg);
		sched_yield();
	}
	idle(c->arg);
}

/* A damaged file ends; the replay goes on with the next one. */
static int next_batch(struct pk_replay *r, struct pk_replay_batch *b)
{
	int got = pk_replay_input_next(r->input, b);

	if (got >= 0)
		return got;
	r->broken = 1;
	pk_replay_say(r, got, "%s", pk_replay_input_error(r->input));
	return 1;
}

static void end_tick(const struct pk_replay_loop *loop, uint32_t tick)
{
	pk_replay_crew_run(loop->crew, NULL, pk_tick_start(tick), loop->idle);
	loop->close(loop->arg, tick);
}

void pk_replay_run(struct pk_replay *r, const struct pk_replay_loop *loop)
{
	struct pk_replay_batch *b;
	uint32_t tick = 0;
	bool begun = false; /* tick 0 is one like any other: 1970 */

	if (pk_replay_batch_new(&b)) {
		r->broken = 1;
		pk_replay_say(r, -ENOMEM, "out of memory");
		return;
	}
	while (next_batch(r, b)) {
		if (!b->count)
			continue;
		if (begun && b->tick != tick)
			end_tick(loop, b->tick);
		tick = b->tick;
		begun = true;
		pk_replay_crew_run(loop->crew, b, 0, loop->idle);
	}
	if (begun) /* the stage's drain ends the last tick */
		pk_replay_crew_run(loop->crew, NULL, pk_tick_start(tick + 1),
				   loop->idle);
	pk_replay_batch_free(b);
}
