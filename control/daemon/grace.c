/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/grace.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	PASS_MIN_NS = 2000000, /* longer than any stage looks at an image */
	LOOK_NS = 100000,
};

struct watched {
	const struct pk_plane_stats *stats; /* NULL: a free place */
	uint32_t workers;
	uint64_t bursts[PK_WORKERS_MAX]; /* when the pass began */
};

struct pk_grace {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	int started;
	int fd;
	/* under the lock */
	int stop;
	int kernel;
	uint64_t wanted; /* the latest superseded generation */
	uint64_t quiet;
	uint64_t stuck;
	struct watched watched[PK_GRACE_PLANES];
};

static void pause_ns(long ns)
{
	const struct timespec t = { 0, ns };

	nanosleep(&t, NULL);
}

static uint64_t bursts_of(const struct watched *w, uint32_t i)
{
	return __atomic_load_n(&w->stats->worker[i].bursts, __ATOMIC_ACQUIRE);
}

/* Each of the three ways out of @generation; see the header. */
static int worker_is_out(const struct watched *w, uint32_t i,
			 uint64_t generation)
{
	uint64_t began = bursts_of(w, i) - w->bursts[i];

	return began != 1 || __atomic_load_n(&w->stats->worker[i].generation,
					     __ATOMIC_ACQUIRE) > generation;
}

static unsigned workers_inside(const struct pk_grace *g, uint64_t generation)
{
	unsigned inside = 0;

	for (unsigned p = 0; p < PK_GRACE_PLANES; p++) {
		const struct watched *w = &g->watched[p];

		for (uint32_t i = 0; w->stats && i < w->workers; i++)
			inside += !worker_is_out(w, i, generation);
	}
	return inside;
}

static void begin(struct pk_grace *g)
{
	for (unsigned p = 0; p < PK_GRACE_PLANES; p++) {
		struct watched *w = &g->watched[p];

		for (uint32_t i = 0; w->stats && i < w->workers; i++)
			w->bursts[i] = bursts_of(w, i);
	}
}

void pk_grace_sync_kernel(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* Called and left with the lock held, free meanwhile. */
static void pass(struct pk_grace *g, uint64_t generation)
{
	uint64_t one = 1;
	int kernel = g->kernel;

	begin(g);
	pthread_mutex_unlock(&g->lock);
	if (kernel)
		pk_grace_sync_kernel(); /* longer than PASS_MIN_NS */
	else
		pause_ns(PASS_MIN_NS);
	pthread_mutex_lock(&g->lock);
	for (int i = 0; i < PK_GRACE_STUCK_MS * 1000000 / LOOK_NS; i++) {
		if (!workers_inside(g, generation))
			break;
		pthread_mutex_unlock(&g->lock);
		pause_ns(LOOK_NS);
		pthread_mutex_lock(&g->lock);
	}
	g->stuck += workers_inside(g, generation);
	g->quiet = generation;
	pthread_cond_broadcast(&g->changed);
	while (write(g->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void *run(void *arg)
{
	struct pk_grace *g = arg;

	pthread_mutex_lock(&g->lock);
	while (!g->stop) {
		if (g->quiet < g->wanted)
			pass(g, g->wanted);
		else
			pthread_cond_wait(&g->changed, &g->lock);
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

int pk_grace_new(struct pk_grace **out)
{
	struct pk_grace *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return -ENOMEM;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	g->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->fd < 0) {
		err = -errno;
		pk_grace_free(g);
		return err;
	}
	err = pthread_create(&g->thread, NULL, run, g);
	if (err) {
		pk_grace_free(g);
		return -err;
	}
	g->started = 1;
	*out = g;
	return 0;
}

void pk_grace_free(struct pk_grace *g)
{
	if (!g)
		return;
	if (g->started) {
		pthread_mutex_lock(&g->lock);
		g->stop = 1;
		pthread_cond_broadcast(&g->changed);
		pthread_mutex_unlock(&g->lock);
		pthread_join(g->thread, NULL);
	}
	if (g->fd >= 0)
		close(g->fd);
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

int pk_grace_watch(struct pk_grace *g, const struct pk_plane_stats *stats,
		   uint32_t workers)
{
	int err = -ENOSPC;

	pthread_mutex_lock(&g->lock);
	for (unsigned p = 0; p < PK_GRACE_PLANES && err; p++) {
		struct watched *w = &g->watched[p];

		if (w->stats)
			continue;
		w->stats = stats;
		w->workers =
			workers < PK_WORKERS_MAX ? workers : PK_WORKERS_MAX;
		for (uint32_t i = 0; i < w->workers; i++)
			w->bursts[i] = bursts_of(w, i);
		err = 0;
	}
	pthread_mutex_unlock(&g->lock);
	return err;
}

void pk_grace_unwatch(struct pk_grace *g, const struct pk_plane_stats *stats)
{
	pthread_mutex_lock(&g->lock);
	for (unsigned p = 0; p < PK_GRACE_PLANES; p++)
		if (g->watched[p].stats == stats)
			memset(&g->watched[p], 0, sizeof(g->watched[p]));
	pthread_mutex_unlock(&g->lock);
}

void pk_grace_kernel(struct pk_grace *g, int reads)
{
	pthread_mutex_lock(&g->lock);
	g->kernel = reads;
	pthread_mutex_unlock(&g->lock);
}

void pk_grace_kick(struct pk_grace *g, uint64_t generation)
{
	pthread_mutex_lock(&g->lock);
	if (generation > g->wanted) {
		g->wanted = generation;
		pthread_cond_broadcast(&g->changed);
	}
	pthread_mutex_unlock(&g->lock);
}

int pk_grace_wait(struct pk_grace *g, uint64_t generation)
{
	pthread_mutex_lock(&g->lock);
	if (generation > g->wanted) {
		g->wanted = generation;
		pthread_cond_broadcast(&g->changed);
	}
	while (g->quiet < generation)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
	return 0;
}

uint64_t pk_grace_quiet(struct pk_grace *g)
{
	uint64_t n;

	pthread_mutex_lock(&g->lock);
	n = g->quiet;
	pthread_mutex_unlock(&g->lock);
	return n;
}

int pk_grace_fd(const struct pk_grace *g)
{
	return g->fd;
}

uint64_t pk_grace_stuck(struct pk_grace *g)
{
	uint64_t n;

	pthread_mutex_lock(&g->lock);
	n = g->stuck;
	pthread_mutex_unlock(&g->lock);
	return n;
}
