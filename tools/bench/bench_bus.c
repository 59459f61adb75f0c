/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_bus: what it costs to tell a threat.
 *
 *	bus.encode.KIND	ns of pk_encode_threat(), beside the same bytes built
 *			with json-c; the thread's CPU time
 *	bus.bulk	thousand threats a second, encoded, journaled and
 *			published, a commit each TURN of them, while one
 *			subscriber receives; beside the same bytes built with
 *			json-c and published, without a journal; wall clock
 *	bus.latency.p99	milliseconds from a hit in the daemon's ring to the
 *			threat at a subscriber (ring, merge, which holds it
 *			back for 2 ms, pipeline, journal, bus), RATE hits a
 *			second, each of an address of its own; beside the same
 *			bytes ready-made and published at once. 99 of 100 were
 *			not later
 *
 * Minimum and median of RUNS runs. JSON=1: NDJSON. PK_QUICK=1: fewer threats.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "control/bus.h"
#include "control/daemon/outbox.h"
#include "control/daemon/pump.h"
#include "control/encode.h"
#include "control/pipeline.h"
#include "control/text.h"
#include "tools/bench/bench_threats.h"

enum {
	RUNS = 7,
	ENCODES = 20000,
	THREATS = 200000,
	FEW = 50000,
	TURN = 256,
	RATE = 2000, /* hits a second */
	HITS = 4000, /* a run */
};

struct figure {
	double min, median, max;
};

static uint64_t sink; /* keeps the loops from being left out */

static double clock_sec(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct figure figure_of(double v[RUNS])
{
	qsort(v, RUNS, sizeof(v[0]), by_value);
	return (struct figure){ v[0], v[RUNS / 2], v[RUNS - 1] };
}

/* Rates are to reach their @goal, times not to exceed it; 0: there is none. */
static int is_met(const char *unit, double value, double goal)
{
	return strstr(unit, "/s") ? value >= goal : value <= goal;
}

static void print_json(const char *name, const char *unit, struct figure f,
		       struct figure base, double goal)
{
	char text[64] = "\"goal\":null,\"met\":null";

	if (goal > 0)
		snprintf(text, sizeof(text), "\"goal\":%.0f,\"met\":%s", goal,
			 is_met(unit, f.median, goal) ? "true" : "false");
	printf("{\"name\":\"bus.%s\",\"value\":%.2f,\"unit\":\"%s\","
	       "\"baseline\":%.2f,\"ratio\":%.2f,%s,\"min\":%.2f,"
	       "\"median\":%.2f,\"runs\":%d}\n",
	       name, f.median, unit, base.median, f.median / base.median, text,
	       f.min, f.median, RUNS);
}

static void print_figure(const char *name, const char *unit, struct figure f,
			 struct figure base, double goal)
{
	const char *beside = strstr(name, "latency") ? "bare" : "json-c";
	const char *json = getenv("JSON");

	if (json && *json == '1') {
		print_json(name, unit, f, base, goal);
	} else {
		printf("bus.%-18s %8.2f / %8.2f %-4s %s %8.2f / %8.2f   "
		       "ratio %.2f",
		       name, f.min, f.median, unit, beside, base.min,
		       base.median, f.median / base.median);
		if (goal > 0)
			printf("   goal %.0f %s", goal,
			       is_met(unit, f.median, goal) ? "met"
							    : "NOT met");
		printf("\n");
	}
	fflush(stdout);
}

/* --- encoding --------------------------------------------------------------- */

static char buffer[PK_ENCODE_MAX];

static double encode_ours(int listed)
{
	double begin = clock_sec(CLOCK_THREAD_CPUTIME_ID);
	struct pk_threat t;

	for (uint32_t i = 0; i < ENCODES; i++) {
		make(&t, i, listed);
		sink += (uint64_t)pk_encode_threat(&t, buffer, sizeof(buffer));
	}
	return (clock_sec(CLOCK_THREAD_CPUTIME_ID) - begin) / ENCODES * 1e9;
}

static double encode_theirs(int listed)
{
	double begin = clock_sec(CLOCK_THREAD_CPUTIME_ID);
	struct pk_threat t;
	size_t len;

	for (uint32_t i = 0; i < ENCODES; i++) {
		struct json_object *o;

		make(&t, i, listed);
		o = build(&t);
		print(o, &len);
		sink += len;
		json_object_put(o);
	}
	return (clock_sec(CLOCK_THREAD_CPUTIME_ID) - begin) / ENCODES * 1e9;
}

/* 0 when both write the same bytes. */
static int compare(int listed)
{
	struct json_object *o;
	struct pk_threat t;
	size_t len;
	int bad;

	make(&t, 4711, listed);
	pk_encode_threat(&t, buffer, sizeof(buffer));
	o = build(&t);
	bad = strcmp(buffer, print(o, &len));
	if (bad)
		fprintf(stderr,
			"bench_bus: json-c writes something else:\n"
			"%s\n%s\n",
			buffer, print(o, &len));
	json_object_put(o);
	return bad;
}

static int bench_encode(const char *name, int listed)
{
	double ours[RUNS], theirs[RUNS];

	if (compare(listed))
		return 1;
	for (int i = 0; i < RUNS; i++) {
		ours[i] = encode_ours(listed);
		theirs[i] = encode_theirs(listed);
	}
	print_figure(name, "ns", figure_of(ours), figure_of(theirs), 0);
	return 0;
}

/* --- bulk ------------------------------------------------------------------- */

static char folder[] = "/tmp/picket-bench-XXXXXX";
static char endpoint[128], journal[128];

struct subscriber {
	pid_t pid;
	int from; /* a byte when it has joined, at the end its count */
	int to;	  /* closed when all was published */
};

/* Counts threats until the publisher has ended and nothing comes any more. */
static void receive(int from, int to)
{
	struct pollfd p = { from, POLLIN, 0 };
	struct pk_bus_message m;
	struct pk_bus_sub *s;
	uint64_t count = 0;

	if (pk_bus_subscribe(&s, endpoint, NULL, 0) ||
	    pk_bus_recv(s, -1, &m) != 1 || write(to, "j", 1) != 1)
		_exit(1);
	while (pk_bus_recv(s, 200, &m) == 1 || !poll(&p, 1, 0))
		count += m.header.class == PK_BUS_THREAT;
	_exit(write(to, &count, sizeof(count)) != sizeof(count));
}

typedef void receive_fn(int from, int to);

static int subscribe(struct subscriber *s, struct pk_bus *b,
		     receive_fn *receive_all)
{
	int down[2], up[2];
	struct pollfd p;
	uint64_t ns = 0;
	char byte;

	if (pipe(down) || pipe(up))
		return -1;
	s->pid = fork();
	if (!s->pid) {
		close(down[1]);
		receive_all(down[0], up[1]);
	}
	close(down[0]);
	close(up[1]);
	s->to = down[1];
	s->from = up[0];
	p = (struct pollfd){ s->from, POLLIN, 0 };
	do
		pk_bus_tick(b, ns += 2000000000);
	while (!poll(&p, 1, 10));
	return read(s->from, &byte, 1) == 1 ? 0 : -1;
}

static uint64_t received(struct subscriber *s)
{
	uint64_t count = 0;

	close(s->to);
	if (read(s->from, &count, sizeof(count)) != sizeof(count))
		count = 0;
	close(s->from);
	waitpid(s->pid, NULL, 0);
	return count;
}

static int open_bus(struct pk_bus **b)
{
	const char *const endpoints[] = { endpoint };
	const struct pk_bus_conf conf = { .endpoints = endpoints,
					  .endpoint_count = 1,
					  .sensor = "sensor-1",
					  .epoch = 1 };

	return pk_bus_new(b, &conf);
}

static void publish_ours(struct pk_bus *b, uint32_t count)
{
	const struct pk_outbox_conf conf = { .dir = journal,
					     .bus = b,
					     .epoch = 1,
					     .max_bytes = 256 << 20,
					     .sync = PK_SYNC_SECOND };
	struct pk_outbox *o = NULL;
	struct pk_threat t;

	if (pk_outbox_new(&o, &conf))
		exit(1);
	for (uint32_t i = 0; i < count; i++) {
		make(&t, i, 1);
		pk_outbox_threat(o, &t);
		if (i % TURN == TURN - 1)
			pk_outbox_commit(o);
		if (i % (count / 4) == 0)
			pk_outbox_tick(o);
	}
	pk_outbox_free(o);
}

static void publish_theirs(struct pk_bus *b, uint32_t count)
{
	struct pk_threat t;
	size_t len;

	for (uint32_t i = 0; i < count; i++) {
		struct json_object *o;
		const char *json;

		make(&t, i, 1);
		o = build(&t);
		json = print(o, &len);
		pk_bus_publish(b, PK_BUS_THREAT, t.type, t.last_ns, json, len);
		json_object_put(o);
	}
}

typedef void publish_fn(struct pk_bus *b, uint32_t count);

/* Thousands a second; @share: of them, what the subscriber got. */
static double run(publish_fn *publish, uint32_t count, double *share)
{
	struct subscriber s;
	struct pk_bus *b;
	double begin, sec;

	if (open_bus(&b) || subscribe(&s, b, receive))
		exit(1);
	begin = clock_sec(CLOCK_MONOTONIC);
	publish(b, count);
	sec = clock_sec(CLOCK_MONOTONIC) - begin;
	pk_bus_free(b);
	*share = (double)received(&s) / count;
	return count / sec / 1e3;
}

static void bench_bulk(void)
{
	uint32_t count = getenv("PK_QUICK") ? FEW : THREATS;
	double ours[RUNS], theirs[RUNS], share[2];
	const char *json = getenv("JSON");

	for (int i = 0; i < RUNS; i++) {
		ours[i] = run(publish_ours, count, &share[0]);
		theirs[i] = run(publish_theirs, count, &share[1]);
	}
	print_figure("bulk", "k/s", figure_of(ours), figure_of(theirs), 500);
	if (!json || *json != '1')
		printf("  (of the last run, PUB brought the subscriber %.0f %%; "
		       "of json-c's %.0f %%)\n",
		       share[0] * 100, share[1] * 100);
}

/* --- latency ---------------------------------------------------------------- */

struct rig {
	struct pk_bus *bus;
	struct pk_outbox *outbox;
	struct pk_pipeline *pipeline;
	struct pk_ring *ring;
	struct event_base *base;
	int done[2];
};

static uint64_t real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* How late threats are, by the time in their header: the 99th of 100. */
static void receive_late(int from, int to)
{
	static uint64_t late[HITS];
	struct pollfd p = { from, POLLIN, 0 };
	struct pk_bus_message m;
	struct pk_bus_sub *s;
	uint64_t count = 0;

	if (pk_bus_subscribe(&s, endpoint, NULL, 0) ||
	    pk_bus_recv(s, -1, &m) != 1 || write(to, "j", 1) != 1)
		_exit(1);
	while (pk_bus_recv(s, 200, &m) == 1 || !poll(&p, 1, 0))
		if (m.header.class == PK_BUS_THREAT && count < HITS)
			late[count++] = real_ns() - m.header.time_ns;
	qsort(late, count, sizeof(late[0]), by_number);
	/* what did not come is later than all that did */
	count = late[HITS - HITS / 100 - 1];
	_exit(write(to, &count, sizeof(count)) != sizeof(count));
}

static void wait_turn(struct timespec *at)
{
	at->tv_nsec += 1000000000 / RATE;
	if (at->tv_nsec >= 1000000000) {
		at->tv_nsec -= 1000000000;
		at->tv_sec++;
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, at, NULL);
}

/* The plane. */
static void *push_hits(void *arg)
{
	struct rig *r = arg;
	struct pk_hit h = {
		.head = { .type = PK_RECORD_HIT,
			  .len = pk_hit_len(0),
			  .plane = PK_PLANE_XDP,
			  .epoch = 1,
			  .sampling = 1 },
		.slot = 1,
		.role = PK_ROLE_SOURCE,
	};
	struct timespec at;

	set_addr(&h.packet.key.dst, 0x0a000001);
	h.packet.key.proto = 6;
	clock_gettime(CLOCK_MONOTONIC, &at);
	for (uint32_t i = 0; i < HITS; i++) {
		wait_turn(&at);
		set_addr(&h.packet.key.src, 0xc6000000 + i);
		h.head.seq = i + 1;
		h.head.seen_ns = real_ns();
		pk_ring_push(r->ring, &h, h.head.len);
		pk_ring_wake(r->ring);
	}
	/* until the last one was published */
	for (int i = 0; i < RATE / 10; i++)
		wait_turn(&at);
	sink += (uint64_t)write(r->done[1], "d", 1);
	return NULL;
}

static void take_record(void *arg, const struct pk_record *record)
{
	struct rig *r = arg;

	pk_pipeline_record(r->pipeline, record);
}

static void take_threat(void *arg, const struct pk_threat *t)
{
	struct rig *r = arg;

	pk_outbox_threat(r->outbox, t);
}

static void end_turn(void *arg)
{
	struct rig *r = arg;

	pk_outbox_commit(r->outbox);
}

static void fenced(void *arg, int source)
{
	(void)arg;
	(void)source;
	exit(1);
}

static int describe(void *arg, const struct pk_threat_seen *seen,
		    struct pk_threat_indicator *out)
{
	(void)arg;
	(void)seen;
	*out = indicator;
	return 0;
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static struct event_base *open_loop(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base;

	event_config_set_flag(c, EVENT_BASE_FLAG_PRECISE_TIMER);
	base = event_base_new_with_config(c);
	event_config_free(c);
	return base;
}

/* As the daemon does it. */
static void publish_hits(struct pk_bus *b)
{
	struct rig r = { .bus = b, .base = open_loop() };
	const struct pk_outbox_conf outbox = { .dir = journal,
					       .bus = b,
					       .epoch = 1,
					       .max_bytes = 256 << 20,
					       .sync = PK_SYNC_SECOND };
	const struct pk_pipeline_conf pipeline = {
		.threats = { .sensor = "sensor-1",
			     .epoch = 1,
			     .indicator = describe,
			     .sink = take_threat,
			     .sink_arg = &r },
	};
	const struct pk_pump_conf conf = { .base = r.base,
					   .take = take_record,
					   .fenced = fenced,
					   .taken = end_turn,
					   .arg = &r };
	struct pk_pump *pump;
	struct event *done;
	pthread_t plane;

	if (pipe(r.done) || pk_outbox_new(&r.outbox, &outbox) ||
	    pk_pipeline_new(&r.pipeline, &pipeline) ||
	    pk_pump_new(&pump, &conf) || pk_ring_new(&r.ring, 1 << 20) ||
	    pk_pump_add(pump, r.ring) < 0)
		exit(1);
	done = event_new(r.base, r.done[0], EV_READ, on_done, r.base);
	event_add(done, NULL);
	pthread_create(&plane, NULL, push_hits, &r);
	event_base_dispatch(r.base);
	pthread_join(plane, NULL);
	event_free(done);
	pk_pump_del(pump, 0, NULL);
	pk_pump_free(pump);
	pk_pipeline_free(r.pipeline);
	pk_outbox_free(r.outbox);
	pk_ring_free(r.ring);
	event_base_free(r.base);
	close(r.done[0]);
	close(r.done[1]);
}

/* What the bus alone takes. */
static void publish_bare(struct pk_bus *b)
{
	struct pk_threat t;
	struct timespec at;
	int len;

	make(&t, 1, 1);
	len = pk_encode_threat(&t, buffer, sizeof(buffer));
	clock_gettime(CLOCK_MONOTONIC, &at);
	for (uint32_t i = 0; i < HITS; i++) {
		wait_turn(&at);
		pk_bus_publish(b, PK_BUS_THREAT, t.type, real_ns(), buffer,
			       (size_t)len);
	}
}

/* In milliseconds. */
static double lateness(void (*publish)(struct pk_bus *b))
{
	struct subscriber s;
	struct pk_bus *b;

	if (open_bus(&b) || subscribe(&s, b, receive_late))
		exit(1);
	publish(b);
	pk_bus_free(b);
	return (double)received(&s) / 1e6;
}

static void bench_latency(void)
{
	double ours[RUNS], bare[RUNS];

	for (int i = 0; i < RUNS; i++) {
		ours[i] = lateness(publish_hits);
		bare[i] = lateness(publish_bare);
	}
	print_figure("latency.p99", "ms", figure_of(ours), figure_of(bare), 5);
}

int main(void)
{
	char command[256];
	int bad;

	if (!mkdtemp(folder))
		return 1;
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/bus.sock", folder);
	snprintf(journal, sizeof(journal), "%s/journal", folder);
	bad = bench_encode("encode.indicator", 1) |
	      bench_encode("encode.portscan", 0);
	if (!bad) {
		bench_bulk();
		bench_latency();
	}
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command) || bad;
}
