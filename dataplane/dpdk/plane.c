/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/dpdk/plane.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "dataplane/dpdk/device.h"
#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/gather.h"
#include "dataplane/dpdk/lcore.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/tsc.h"
#include "dataplane/inspect/stage.h"
#include "dataplane/inspect/worker.h"
#include "dataplane/sandbox.h"
#include "dataplane/uplink.h"

enum {
	ALERT_BYTES = 1 << 20, /* a worker's rings */
	EVENT_BYTES = 4 << 20,
	NAP_NS = 100000,
	LISTEN_NS = 10000000,
	SECOND_NS = 1000000000,
};

/* One worker, its rings from both ends, and its lcore. */
struct crew {
	struct pk_ring *alerts, *alerts_in;
	struct pk_ring *events, *events_in;
	struct pk_worker *worker;
	struct pk_lcore *lcore;
};

struct plane {
	const struct pk_options *options;
	struct pk_uplink *uplink;
	struct pk_device device;
	struct pk_port port;
	struct pk_tsc tsc;
	struct pk_stage *stage;
	struct pk_gather *gather;
	struct crew crew[PK_WORKERS_MAX];
	uint64_t listen_ns; /* when to do it next */
	uint64_t second_ns;
	int err;
};

/* Set by signals and by the main thread, read by the lcores. */
static atomic_int stop;

static void on_signal(int number)
{
	(void)number;
	atomic_store_explicit(&stop, 1, memory_order_relaxed);
}

static void catch_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal };

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	act.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &act, NULL);
}

/*
 * A replay loses nothing, so its stage waits for the reader of the uplink, for
 * ever if that is gone. Nothing but a signal gets through to it then.
 */
static void on_watch(int number)
{
	struct pollfd pfd = { PK_UPLINK_FD, 0, 0 };
	int left = poll(&pfd, 1, 0) == 1 && pfd.revents & (POLLHUP | POLLERR);

	(void)number;
	if (left || atomic_load(&stop) > 1)
		_exit(EXIT_FAILURE);
	if (atomic_load(&stop))
		atomic_fetch_add(&stop, 1);
}

static void watch_reader(void)
{
	struct sigaction act = { .sa_handler = on_watch,
				 .sa_flags = SA_RESTART };
	const struct itimerval second = { { 1, 0 }, { 1, 0 } };

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
}

static void say(void *arg, const char *sentence)
{
	struct plane *p = arg;

	fprintf(stderr, "picket-dpdk %s: %s\n", p->options->name, sentence);
	if (p->uplink)
		pk_uplink_say(p->uplink, sentence);
}

static int failed(struct plane *p, const char *what, int err)
{
	pk_say(say, p, "port %s: %s failed: %s", p->options->name, what,
	       strerror(-err));
	return err;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* --- building ---------------------------------------------------------- */

static int connect_uplink(struct plane *p)
{
	const struct pk_uplink_hello hello = {
		.abi = PK_ABI_VERSION,
		.plane = PK_PLANE_DPDK,
		.rings = 1,
		.workers = p->options->workers,
	};
	int err;

	if (fcntl(PK_UPLINK_FD, F_SETFD, FD_CLOEXEC) < 0) {
		err = -errno;
		pk_say(say, p,
		       "port %s: no uplink on fd %d: picketd or picket-replay starts this program",
		       p->options->name, PK_UPLINK_FD);
		return err;
	}
	err = pk_uplink_connect(&p->uplink, PK_UPLINK_FD, &hello);
	return err ? failed(p, "the handshake with the daemon", err) : 0;
}

static int check_replay(struct plane *p)
{
	int replay = p->uplink->conf.replay;

	if (!replay == !p->options->queues)
		return 0;
	pk_say(say, p,
	       replay ? "port %s: a replay needs --frames, one number a worker"
		      : "port %s: --frames is for replays only, leave it out",
	       p->options->name);
	return -EINVAL;
}

/* Both ends of a ring between two threads. */
static int make_ring(struct pk_ring **out, struct pk_ring **in, uint32_t bytes)
{
	int err = pk_ring_new(out, bytes);

	return err ? err : pk_ring_join(in, pk_ring_fd(*out), -1);
}

static int make_worker(struct plane *p, unsigned i)
{
	struct crew *c = &p->crew[i];
	struct pk_uplink *u = p->uplink;
	struct pk_worker_conf conf = {
		.seed = u->conf.seed,
		.port = u->conf.port,
		.direction = PK_IN,
		.lossless = u->conf.replay,
		.images = u->images,
		.block = &u->stats->worker[i],
	};
	int err = make_ring(&c->alerts, &c->alerts_in, ALERT_BYTES);

	if (!err)
		err = make_ring(&c->events, &c->events_in, EVENT_BYTES);
	if (err)
		return err;
	conf.alerts = c->alerts_in;
	conf.events = c->events_in;
	pk_gather_add(p->gather, c->alerts, c->events);
	return pk_worker_new(&c->worker, &conf);
}

static int make_lcore(struct plane *p, unsigned i)
{
	const struct pk_lcore_conf conf = {
		.port = p->port.id,
		.queue = (uint16_t)i,
		.queues = p->port.queues,
		.replay = p->uplink->conf.replay,
		.expected = p->options->frames[i],
		.worker = p->crew[i].worker,
		.tsc = &p->tsc,
		.stop = &stop,
	};

	return pk_lcore_new(&p->crew[i].lcore, &conf);
}

static int make_crew(struct plane *p)
{
	struct pk_uplink *u = p->uplink;
	const struct pk_stage_conf conf = {
		.plane = PK_PLANE_DPDK,
		.lossless = u->conf.replay,
		.images = u->images,
		.out = u->ring[0],
		.stats = &u->stats->stage,
		.uplink = u->conf,
	};
	int err = pk_stage_new(&p->stage, &conf);

	if (!err)
		err = pk_gather_new(&p->gather, p->stage, u->conf.replay);
	for (unsigned i = 0; !err && i < p->options->workers; i++) {
		err = make_worker(p, i);
		if (!err)
			err = make_lcore(p, i);
	}
	return err ? failed(p, "setting up the workers", err) : 0;
}

static void warn_of_merging(struct plane *p)
{
	if (p->device.af_packet && pk_netdev_merges(&p->device.net))
		fprintf(stderr,
			"picket-dpdk %s: interface %s merges packets (GRO): counts and sizes are those of the merged ones; switch it off: ethtool -K %s gro off\n",
			p->options->name, p->device.net.name,
			p->device.net.name);
}

static int lock_in(struct plane *p)
{
	const char *step = "finding an unprivileged user";
	uid_t uid = p->options->uid;
	gid_t gid = p->options->gid;
	int err = uid ? 0 : pk_sandbox_identity(NULL, &uid, &gid);

	if (!err)
		err = pk_sandbox_enter(uid, gid, &step);
	if (err)
		pk_say(say, p,
		       "port %s: privileges could not be given up (%s: %s): nothing is read",
		       p->options->name, step, strerror(-err));
	return err;
}

static int build(struct plane *p)
{
	int err = connect_uplink(p);

	if (!err)
		err = check_replay(p);
	if (!err)
		err = pk_device_open(&p->device, p->options, say, p);
	if (!err)
		err = pk_eal_start(&p->device, p->options, say, p);
	if (!err)
		err = pk_port_start(&p->port, &p->device, p->options, say, p);
	if (err)
		return err;
	pk_port_count(&p->port, &p->uplink->stats->stage);
	pk_tsc_init(&p->tsc, rte_get_tsc_hz(), rte_rdtsc(),
		    clock_ns(CLOCK_REALTIME));
	warn_of_merging(p);
	err = make_crew(p);
	return err ? err : lock_in(p);
}

/* Undoes any part of build(). */
static void tear_down(struct plane *p)
{
	for (unsigned i = 0; i < PK_WORKERS_MAX; i++) {
		struct crew *c = &p->crew[i];

		pk_lcore_free(c->lcore);
		pk_worker_free(c->worker);
		pk_ring_free(c->alerts_in);
		pk_ring_free(c->alerts);
		pk_ring_free(c->events_in);
		pk_ring_free(c->events);
	}
	pk_gather_free(p->gather);
	pk_stage_free(p->stage);
	pk_port_stop(&p->port);
	pk_eal_stop();
	pk_device_close(&p->device);
	pk_uplink_free(p->uplink);
}

/* --- running ------------------------------------------------------------- */

static void end(struct plane *p, int err)
{
	if (!p->err)
		p->err = err;
	atomic_store_explicit(&stop, 1, memory_order_relaxed);
}

static void each_second(struct plane *p)
{
	pk_tsc_measure(&p->tsc, rte_rdtsc(), clock_ns(CLOCK_REALTIME));
	pk_port_update(&p->port);
	if (!p->uplink->conf.replay && pk_port_check(&p->port, say, p))
		end(p, -ENODEV);
}

/* The duties beside the rings. */
static void tend(struct plane *p)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (now >= p->listen_ns) {
		p->listen_ns = now + LISTEN_NS;
		if (pk_uplink_stopping(p->uplink))
			end(p, 0);
	}
	if (now >= p->second_ns) {
		p->second_ns = now + SECOND_NS;
		each_second(p);
	}
	if (pk_gather_error(p->gather) && !p->err)
		end(p, failed(p, "reading a worker's ring",
			      pk_gather_error(p->gather)));
}

static int crew_runs(const struct plane *p)
{
	for (unsigned i = 0; i < p->options->workers; i++)
		if (rte_eal_get_lcore_state(i + 1) == RUNNING)
			return 1;
	return 0;
}

static void gather(struct plane *p)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };

	while (!pk_gather_ended(p->gather)) {
		/* In this order: then an empty turn has seen all. */
		int runs = crew_runs(p);
		uint32_t moved = pk_gather_turn(p->gather);

		tend(p);
		if (moved)
			pk_ring_wake(p->uplink->ring[0]);
		else if (runs)
			nanosleep(&nap, NULL);
		else
			break; /* a last mark found its ring full */
	}
}

static int launch(struct plane *p)
{
	for (unsigned i = 0; i < p->options->workers; i++) {
		int err = rte_eal_remote_launch(pk_lcore_run, p->crew[i].lcore,
						i + 1);

		if (err)
			return failed(p, "the start of the workers", err);
	}
	return 0;
}

static void join(struct plane *p)
{
	for (unsigned i = 0; i < p->options->workers; i++) {
		int err = rte_eal_wait_lcore(i + 1);

		if (err != -ENODATA)
			continue;
		pk_say(say, p,
		       "port %s: queue %u ended after %llu of %llu frames: the capture is cut short or --frames is wrong",
		       p->options->name, i,
		       (unsigned long long)pk_lcore_delivered(p->crew[i].lcore),
		       (unsigned long long)p->options->frames[i]);
		end(p, err);
	}
}

static int run(struct plane *p)
{
	int err;

	if (p->uplink->conf.replay)
		watch_reader();
	err = launch(p);
	if (err)
		return err;
	/* A daemon that left already is noticed while gathering. */
	pk_uplink_ready(p->uplink);
	gather(p);
	join(p);
	pk_stage_drain(p->stage);
	pk_ring_wake(p->uplink->ring[0]);
	pk_port_update(&p->port);
	return p->err;
}

int pk_plane_run(const struct pk_options *o)
{
	struct plane *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->options = o;
	pk_netdev_init(&p->device.net);
	catch_signals();
	err = build(p);
	if (!err)
		err = run(p);
	tear_down(p);
	free(p);
	return err;
}
