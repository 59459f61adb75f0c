/* SPDX-License-Identifier: BSD-2-Clause */
/* The file plane: dataplane/inspect's workers in threads of this process. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow.h"
#include "control/replay/replay.h"
#include "dataplane/inspect/stage.h"
#include "dataplane/inspect/worker.h"

enum { RING_BYTES = 1 << 22 };

struct lane {
	struct pk_worker *worker;
	struct pk_ring *alerts_in, *alerts_out; /* consumer, producer side */
	struct pk_ring *events_in, *events_out;
};

struct state {
	struct pk_replay *r;
	struct pk_stage *stage;
	struct pk_ring *out; /* producer side of r->ring */
	struct pk_replay_crew *crew;
	struct lane lane[PK_WORKERS_MAX];
	pthread_t thread;
	int started;
	uint64_t marks; /* of the tick being closed */
	uint8_t entry[PK_RING_ENTRY_MAX] __attribute__((aligned(8)));
};

static void take_share(struct state *s, uint32_t i,
		       const struct pk_replay_batch *b)
{
	struct pk_worker_frame burst[PK_BURST];
	uint32_t n = 0;

	for (uint32_t k = 0; k < b->count; k++) {
		const struct pk_replay_frame *f = &b->frame[k];

		if ((f->number - 1) % s->r->workers != i)
			continue;
		burst[n++] = (struct pk_worker_frame){ f->data, f->len, f->len,
						       f->time_ns, f->number };
		if (n == PK_BURST) {
			pk_worker_burst(s->lane[i].worker, burst, n);
			n = 0;
		}
	}
	pk_worker_burst(s->lane[i].worker, burst, n);
}

static void work(void *arg, uint32_t worker,
		 const struct pk_replay_batch *batch, uint64_t sweep_ns)
{
	struct state *s = arg;

	if (batch)
		take_share(s, worker, batch);
	else
		pk_worker_sweep(s->lane[worker].worker, sweep_ns,
				PK_FLOW_LINES);
}

static void drain_ring(struct state *s, struct pk_ring *ring)
{
	int n;

	while ((n = pk_ring_pop(ring, s->entry, sizeof(s->entry))) > 0) {
		const struct pk_event *e = (const void *)s->entry;

		if (e->type != PK_EVENT_MARK)
			pk_stage_event(s->stage, s->entry, (uint32_t)n, 0);
	}
}

static void idle(void *arg)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < s->r->workers; i++) {
		drain_ring(s, s->lane[i].alerts_in);
		drain_ring(s, s->lane[i].events_in);
	}
}

static void close_tick(void *arg, uint32_t tick)
{
	struct state *s = arg;

	pk_stage_close(s->stage, tick, 0);
}

static void *plane_main(void *arg)
{
	struct state *s = arg;
	struct pk_replay_loop loop = { s->crew, idle, close_tick, s };

	pk_replay_run(s->r, &loop);
	pk_stage_drain(s->stage);
	return NULL;
}

static int open_ring(struct pk_ring **in, struct pk_ring **out)
{
	int err = pk_ring_new(in, RING_BYTES);

	if (err)
		return err;
	return pk_ring_join(out, pk_ring_fd(*in), pk_ring_eventfd(*in));
}

static int open_lane(struct state *s, uint32_t i)
{
	struct lane *l = &s->lane[i];
	struct pk_worker_conf conf = {
		.seed = s->r->uplink.seed,
		.lossless = 1,
		.images = s->r->images,
		.block = &s->r->stats->worker[i],
	};
	int err = open_ring(&l->alerts_in, &l->alerts_out);

	if (!err)
		err = open_ring(&l->events_in, &l->events_out);
	if (err)
		return err;
	conf.alerts = l->alerts_out;
	conf.events = l->events_out;
	return pk_worker_new(&l->worker, &conf);
}

static int open_stage(struct state *s)
{
	struct pk_stage_conf conf = {
		.plane = PK_PLANE_FILE,
		.lossless = 1,
		.images = s->r->images,
		.stats = &s->r->stats->stage,
		.uplink = s->r->uplink,
	};
	int err = open_ring(&s->r->ring, &s->out);

	conf.out = s->out;
	return err ? err : pk_stage_new(&s->stage, &conf);
}

static void free_state(struct pk_replay *r, void *arg)
{
	struct state *s = arg;

	pk_replay_crew_free(s->crew);
	for (uint32_t i = 0; i < r->workers; i++) {
		pk_worker_free(s->lane[i].worker);
		pk_ring_free(s->lane[i].alerts_out);
		pk_ring_free(s->lane[i].alerts_in);
		pk_ring_free(s->lane[i].events_out);
		pk_ring_free(s->lane[i].events_in);
	}
	pk_stage_free(s->stage);
	pk_ring_free(s->out);
	free(s);
}

static int start(struct pk_replay *r, void **out)
{
	struct state *s = calloc(1, sizeof(*s));
	int err = s ? 0 : -ENOMEM;

	if (err)
		return err;
	s->r = r;
	for (uint32_t i = 0; !err && i < r->workers; i++)
		err = open_lane(s, i);
	if (!err)
		err = open_stage(s);
	if (!err)
		err = pk_replay_crew_new(&s->crew, r->workers, work, s);
	if (!err)
		err = -pthread_create(&s->thread, NULL, plane_main, s);
	if (err) {
		free_state(r, s);
		return pk_replay_say(r, err, "cannot start the file plane: %s",
				     strerror(-err));
	}
	s->started = 1;
	*out = s;
	return 0;
}

static int failed(void *arg)
{
	(void)arg;
	return 0; /* its threads end with END, always */
}

static int wait_end(struct pk_replay *r, void *arg)
{
	struct state *s = arg;

	if (s->started)
		pthread_join(s->thread, NULL);
	s->started = 0;
	r->stats->stage.nic_packets = pk_replay_input_counts(r->input)->frames;
	return 0;
}

static void audit(struct pk_replay *r, void *arg, struct pk_audit_plane *out)
{
	(void)arg;
	for (uint32_t i = 0; i < r->workers; i++)
		pk_audit_add_worker(&out->workers,
				    &r->stats->worker[i].counters);
	out->stage = r->stats->stage;
	out->plane = PK_PLANE_FILE;
}

const struct pk_replay_plane pk_replay_inline = {
	"inline", start, failed, wait_end, audit, free_state,
};
