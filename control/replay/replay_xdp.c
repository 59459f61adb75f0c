/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The xdp plane in replay: the shipped BPF object, frame by frame through
 * BPF_PROG_TEST_RUN, with real maps and rings. Time and frame number stand in
 * front of each frame as XDP metadata. Needs the capabilities of an attach.
 *
 * A thread a CPU: workers beyond the number of CPUs share one and its flow
 * lines, so their frames must go through in order, as a CPU's do.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/flow.h"
#include "control/replay/replay.h"
#include "dataplane/inspect/stage.h"
#include "dataplane/xdp/object.h"

enum {
	META = sizeof(struct pk_replay_meta),
	RING_BYTES = 1 << 22,
	KERNEL_RING = 1 << 24, /* holds what a batch or a sweep can give */
};

struct lane {
	uint8_t frame[META + PK_REPLAY_FRAME_MAX];
	uint32_t cpu;
	int pinned;
};

struct state {
	struct pk_replay *r;
	struct pk_xdp *xdp;
	struct pk_xdp_progs progs;
	struct pk_stage *stage;
	struct pk_ring *out;
	struct ring_buffer *rings;
	struct pk_replay_crew *crew;
	struct pk_plane_counters *counters; /* mmapped, one a CPU */
	struct lane *lane;
	uint32_t lanes; /* threads: workers, or CPUs if they are fewer */
	pthread_t thread;
	int started;
	int error; /* of a test run; the first one */
};

/* --- one frame ------------------------------------------------------------- */

static int pin(struct lane *l)
{
	cpu_set_t set;

	if (l->pinned)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(l->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return -errno;
	l->pinned = 1;
	return 0;
}

static int test_run(struct lane *l, int prog, uint64_t time_ns, uint64_t number,
		    uint32_t len)
{
	struct xdp_md ctx = { .data = META, .data_end = META + len };
	struct pk_replay_meta meta = { time_ns, number };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = l->frame,
		    .data_size_in = META + len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));

	memcpy(l->frame, &meta, META);
	if (bpf_prog_test_run_opts(prog, &opts))
		return -errno;
	return opts.retval == XDP_PASS ? 0 : -EPROTO;
}

static void note(struct state *s, int err)
{
	int none = 0;

	if (err)
		__atomic_compare_exchange_n(&s->error, &none, err, 0,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void take_share(struct state *s, uint32_t i,
		       const struct pk_replay_batch *b)
{
	struct lane *l = &s->lane[i];

	for (uint32_t k = 0; k < b->count; k++) {
		const struct pk_replay_frame *f = &b->frame[k];

		uint32_t worker = (f->number - 1) % s->r->workers;

		if (worker % s->lanes != i)
			continue;
		memcpy(l->frame + META, f->data, f->len);
		note(s, test_run(l, s->progs.xdp_fd, f->time_ns, f->number,
				 f->len));
	}
}

static void work(void *arg, uint32_t worker,
		 const struct pk_replay_batch *batch, uint64_t sweep_ns)
{
	struct state *s = arg;
	struct lane *l = &s->lane[worker];

	note(s, pin(l));
	if (batch)
		take_share(s, worker, batch);
	else
		note(s, test_run(l, s->progs.sweep_fd, sweep_ns, 0, 64));
}

/* --- the loop -------------------------------------------------------------- */

static int on_event(void *arg, void *data, size_t size)
{
	struct state *s = arg;

	pk_stage_event(s->stage, data, (uint32_t)size, 0);
	return 0;
}

static void idle(void *arg)
{
	struct state *s = arg;

	ring_buffer__consume(s->rings);
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

/* --- start and end ---------------------------------------------------------- */

static int publish(struct state *s)
{
	struct pk_image_target target;
	int slots[PK_IMAGE_SLOTS], err;

	for (uint32_t i = 0; i < PK_IMAGE_SLOTS; i++)
		slots[i] = pk_xdp_slot_fd(s->xdp, i);
	err = pk_xdp_map_target(&target, pk_xdp_fd(s->xdp, PK_XDP_MAP_control),
				slots);
	if (err)
		return err;
	err = pk_images_add_target(s->r->images, &target);
	if (err > 0) {
		pk_images_del_target(s->r->images, (unsigned)err);
		err = 0;
	}
	pk_xdp_unmap_target(&target);
	return err;
}

static int open_object(struct state *s)
{
	struct pk_xdp_conf conf;
	int err;

	pk_xdp_conf_default(&conf);
	conf.replay = 1;
	conf.seed = s->r->uplink.seed;
	conf.alert_bytes = KERNEL_RING;
	conf.event_bytes = KERNEL_RING;
	if (s->r->base.count > conf.base_lines)
		conf.base_lines = s->r->base.count;
	err = pk_xdp_new(&s->xdp, &conf, s->r->why, sizeof(s->r->why));
	if (err)
		return err;
	err = pk_xdp_load(s->xdp, 0, &s->progs, s->r->why, sizeof(s->r->why));
	if (err)
		return err;
	err = publish(s);
	if (err)
		return pk_replay_say(
			s->r, err, "cannot give the kernel the indicators: %s",
			strerror(-err));
	return 0;
}

static int add_ring(struct state *s, int fd)
{
	if (s->rings)
		return ring_buffer__add(s->rings, fd, on_event, s);
	s->rings = ring_buffer__new(fd, on_event, s, NULL);
	return s->rings ? 0 : -errno;
}

static int open_rings(struct state *s)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < pk_xdp_cpus(s->xdp); i++)
		err = add_ring(s, pk_xdp_alert_fd(s->xdp, i));
	for (uint32_t i = 0; !err && i < pk_xdp_cpus(s->xdp); i++)
		err = add_ring(s, pk_xdp_event_fd(s->xdp, i));
	return err;
}

static int map_counters(struct state *s)
{
	size_t bytes = pk_xdp_cpus(s->xdp) * sizeof(struct pk_plane_counters);
	void *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED,
		       pk_xdp_fd(s->xdp, PK_XDP_MAP_counters), 0);

	if (p == MAP_FAILED)
		return -errno;
	s->counters = p;
	return 0;
}

static int open_stage(struct state *s)
{
	struct pk_stage_conf conf = {
		.plane = PK_PLANE_XDP,
		.lossless = 1,
		.images = s->r->images,
		.stats = &s->r->stats->stage,
		.uplink = s->r->uplink,
	};
	int err = pk_ring_new(&s->r->ring, RING_BYTES);

	if (!err)
		err = pk_ring_join(&s->out, pk_ring_fd(s->r->ring),
				   pk_ring_eventfd(s->r->ring));
	conf.out = s->out;
	return err ? err : pk_stage_new(&s->stage, &conf);
}

static int open_lanes(struct state *s)
{
	cpu_set_t set;
	uint32_t cpu = 0, cpus;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -errno;
	cpus = (uint32_t)CPU_COUNT(&set);
	s->lanes = s->r->workers < cpus ? s->r->workers : cpus;
	s->lane = calloc(s->lanes, sizeof(*s->lane));
	if (!s->lane)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->lanes; i++) {
		while (!CPU_ISSET(cpu, &set))
			cpu++;
		s->lane[i].cpu = cpu++;
	}
	return 0;
}

static void free_state(struct pk_replay *r, void *arg)
{
	struct state *s = arg;

	(void)r;
	pk_replay_crew_free(s->crew);
	ring_buffer__free(s->rings);
	pk_stage_free(s->stage);
	pk_ring_free(s->out);
	if (s->counters)
		munmap(s->counters,
		       pk_xdp_cpus(s->xdp) * sizeof(struct pk_plane_counters));
	if (s->progs.xdp_fd > 0) {
		close(s->progs.xdp_fd);
		close(s->progs.tc_fd);
		close(s->progs.sweep_fd);
	}
	pk_xdp_free(s->xdp);
	free(s->lane);
	free(s);
}

static int start(struct pk_replay *r, void **out)
{
	struct state *s = calloc(1, sizeof(*s));
	int err = s ? 0 : -ENOMEM;

	if (err)
		return err;
	s->r = r;
	err = open_object(s);
	if (!err)
		err = open_rings(s);
	if (!err)
		err = map_counters(s);
	if (!err)
		err = open_stage(s);
	if (!err)
		err = open_lanes(s);
	if (!err)
		err = pk_replay_crew_new(&s->crew, s->lanes, work, s);
	if (!err)
		err = -pthread_create(&s->thread, NULL, plane_main, s);
	if (err) {
		free_state(r, s);
		return pk_replay_say(r, err, "cannot start the xdp plane: %s",
				     strerror(-err));
	}
	s->started = 1;
	*out = s;
	return 0;
}

static int failed(void *arg)
{
	(void)arg;
	return 0;
}

static int wait_end(struct pk_replay *r, void *arg)
{
	struct state *s = arg;

	if (s->started)
		pthread_join(s->thread, NULL);
	s->started = 0;
	/* What each CPU's program counted, not what it was dealt. */
	r->shares = s->lanes;
	for (uint32_t i = 0; i < s->lanes; i++)
		r->stats->worker[i].counters.seen =
			s->counters[s->lane[i].cpu].seen;
	r->stats->stage.nic_packets = pk_replay_input_counts(r->input)->frames;
	if (!s->error)
		return 0;
	return pk_replay_say(r, s->error,
			     "a test run of the program failed: %s",
			     strerror(-s->error));
}

static void audit(struct pk_replay *r, void *arg, struct pk_audit_plane *out)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < pk_xdp_cpus(s->xdp); i++)
		pk_audit_add_worker(&out->workers, &s->counters[i]);
	out->stage = r->stats->stage;
	out->plane = PK_PLANE_XDP;
}

const struct pk_replay_plane pk_replay_xdp = {
	"xdp", start, failed, wait_end, audit, free_state,
};
