/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picket-xdp: reads what the kernel programs put into the rings and hands
 * records to the daemon. It is given every fd it needs: 3 is the uplink, then
 * one alert ring a CPU, then one event ring a CPU. It has no privilege.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "bpf/flow.h"
#include "dataplane/inspect/stage.h"
#include "dataplane/sandbox.h"
#include "dataplane/uplink.h"

enum {
	FIRST_RING_FD = PK_UPLINK_FD + 1,
	CPUS_MAX = 1024,
	POLL_MS = 20,
	CLOCK_EVERY_NS = 1000000000,
	LAST_TURNS = 1024,
	ROUND = 2048, /* events of one ring before the next one's turn */
};

/* Lines of a tick have left the kernel when its timer has run twice since. */
static const uint64_t grace_ns = (1ULL << PK_TICK_SHIFT) + 100000000ULL;

struct options {
	uint32_t cpus;
	uid_t uid; /* to become; 0: picket or nobody */
	gid_t gid;
};

struct reader {
	struct pk_uplink *uplink;
	struct pk_stage *stage;
	uint32_t rings; /* alert rings of all CPUs, then event rings */
	struct ring_buffer **ring;
	struct pollfd *poll;
	uint32_t taken;	   /* events in this ring's turn */
	int64_t offset_ns; /* from CLOCK_MONOTONIC to real time */
	uint64_t measured_ns;
	uint32_t closed; /* tick */
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* Between two monotonic readings, so that a preemption does not count. */
static void measure_offset(struct reader *r)
{
	uint64_t before = clock_ns(CLOCK_MONOTONIC);
	uint64_t real = clock_ns(CLOCK_REALTIME);
	uint64_t after = clock_ns(CLOCK_MONOTONIC);

	r->offset_ns = (int64_t)(real - (before + (after - before) / 2));
	r->measured_ns = after;
}

/*
 * -EAGAIN ends the ring's turn; the event counts as taken. Without it a CPU
 * that fills its ring as fast as we read would keep us in it for ever: no
 * tick closed, no other ring read, no order to stop heard.
 */
static int on_event(void *arg, void *data, size_t size)
{
	struct reader *r = arg;

	pk_stage_event(r->stage, data, (uint32_t)size, r->offset_ns);
	return ++r->taken < ROUND ? 0 : -EAGAIN;
}

static void fail(struct reader *r, const char *what, int err)
{
	char text[PK_SAY_BYTES];

	snprintf(text, sizeof(text), "picket-xdp: %s: %s", what,
		 strerror(-err));
	if (r->uplink)
		pk_uplink_say(r->uplink, text);
	fprintf(stderr, "%s\n", text);
}

static int open_rings(struct reader *r, uint32_t cpus)
{
	r->ring = calloc(2 * cpus, sizeof(*r->ring));
	r->poll = calloc(2 * cpus, sizeof(*r->poll));
	if (!r->ring || !r->poll)
		return -ENOMEM;
	for (uint32_t i = 0; i < 2 * cpus; i++) {
		int fd = FIRST_RING_FD + (int)i;

		r->ring[i] = ring_buffer__new(fd, on_event, r, NULL);
		if (!r->ring[i])
			return -errno;
		r->poll[i].fd = ring_buffer__epoll_fd(r->ring[i]);
		r->poll[i].events = POLLIN;
		r->rings++;
	}
	return 0;
}

/* A turn for each ring, the alerts first. 1 if one had more. */
static int take_turns(struct reader *r)
{
	int more = 0;

	for (uint32_t i = 0; i < r->rings; i++) {
		r->taken = 0;
		more |= ring_buffer__consume(r->ring[i]) == -EAGAIN;
	}
	return more;
}

static void close_rings(struct reader *r)
{
	for (uint32_t i = 0; i < r->rings; i++)
		ring_buffer__free(r->ring[i]);
	free(r->ring);
	free(r->poll);
}

static int open_stage(struct reader *r)
{
	struct pk_stage_conf conf = {
		.plane = PK_PLANE_XDP,
		.images = r->uplink->images,
		.out = r->uplink->ring[0],
		.stats = &r->uplink->stats->stage,
		.uplink = r->uplink->conf,
	};

	return pk_stage_new(&r->stage, &conf);
}

static void tick(struct reader *r)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	uint32_t done = pk_tick(now - grace_ns);

	if (now - r->measured_ns > CLOCK_EVERY_NS)
		measure_offset(r);
	if (done == r->closed)
		return;
	r->closed = done;
	pk_stage_close(r->stage, done, r->offset_ns);
}

/* What waits now is taken along, but a flood does not hold us. */
static void take_last(struct reader *r)
{
	for (int i = 0; i < LAST_TURNS && take_turns(r); i++)
		;
	pk_stage_drain(r->stage);
}

static int run(struct reader *r)
{
	int more = 0;

	while (!stop && !pk_uplink_stopping(r->uplink)) {
		int n = poll(r->poll, r->rings, more ? 0 : POLL_MS);

		if (n < 0 && errno != EINTR) {
			fail(r, "cannot wait for the rings", -errno);
			return -errno;
		}
		more = take_turns(r);
		tick(r);
		pk_ring_wake(r->uplink->ring[0]);
	}
	take_last(r);
	return 0;
}

static int drop_privileges(struct reader *r, const struct options *o)
{
	const char *step = "find an unprivileged user";
	uid_t uid = o->uid;
	gid_t gid = o->gid;
	int err = uid ? 0 : pk_sandbox_identity(NULL, &uid, &gid);

	if (!err)
		err = pk_sandbox_enter(uid, gid, &step);
	if (err)
		fail(r, step, err);
	return err;
}

static int start(struct reader *r, const struct options *o)
{
	struct pk_uplink_hello hello = {
		.abi = PK_ABI_VERSION,
		.plane = PK_PLANE_XDP,
		.rings = 1,
		.workers = 0,
	};
	int err = pk_uplink_connect(&r->uplink, PK_UPLINK_FD, &hello);

	if (err) {
		fail(r, "cannot connect to the daemon", err);
		return err;
	}
	err = open_rings(r, o->cpus);
	if (err) {
		fail(r, "cannot open the rings", err);
		return err;
	}
	err = drop_privileges(r, o);
	if (err)
		return err;
	err = open_stage(r);
	if (err) {
		fail(r, "cannot make the flow table", err);
		return err;
	}
	measure_offset(r);
	return pk_uplink_ready(r->uplink);
}

static int usage(FILE *to)
{
	fprintf(to,
		"usage: picket-xdp --cpus N [--uid N --gid N]\n"
		"Started by picketd; fd 3 is the uplink, then the rings.\n");
	return to == stdout ? 0 : 2;
}

/* 0 for what is no number from 1 to @max. */
static uint32_t number(const char *text, uint32_t max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && n <= max ? (uint32_t)n
								 : 0;
}

static int parse(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "cpus", required_argument, NULL, 'c' },
		{ "uid", required_argument, NULL, 'u' },
		{ "gid", required_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c, wrong = 0;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			exit(usage(stdout));
		if (c == 'c')
			o->cpus = number(optarg, CPUS_MAX);
		else if (c == 'u')
			wrong |= !(o->uid = number(optarg, UINT32_MAX - 1));
		else if (c == 'g')
			wrong |= !(o->gid = number(optarg, UINT32_MAX - 1));
		else
			return -EINVAL;
	}
	return o->cpus && !wrong && !o->uid == !o->gid && optind == argc
		       ? 0
		       : -EINVAL;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct reader r = { 0 };
	struct options o = { 0 };
	int err;

	if (parse(&o, argc, argv))
		return usage(stderr);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	err = start(&r, &o);
	if (!err)
		err = run(&r);
	close_rings(&r);
	pk_stage_free(r.stage);
	pk_uplink_free(r.uplink);
	return err ? 1 : 0;
}
