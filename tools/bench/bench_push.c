/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_push: from a pushed indicator to its first hit in every live plane.
 *
 *	bench_push CTL_SOCKET BUS_ENDPOINT NETNS PUSHES
 *
 * tools/bench/push sets up what it needs: a sensor that watches two
 * interfaces, one by XDP and one by DPDK, whose other ends are w0 and w1 in the
 * network namespace NETNS (a file).
 *
 * A thread sends a packet of one source on both every 100 us. Each push is a
 * source that was not listed before, and whose packets have run for a while.
 * Its time goes from the first byte on the control socket to the time of the
 * first hit record of each plane (seen_ns, from the bus), which is the time of
 * the packet that was found:
 *   ioc.push.p99         ms, until the later of the two planes; the goal
 *   ioc.push.xdp.p99     ms, until the kernel's plane
 *   ioc.push.dpdk.p99    ms, until the DPDK plane
 *   ioc.push.answer.p99  ms, until the answer to the push
 * JSON=1: NDJSON; always into $BUILD/bench-push.ndjson.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "control/bus.h"
#include "control/cli/client.h"
#include "tools/gen/scenario.h"
#include "tools/gen/sink.h"

enum {
	PUSHES_MAX = 50000, /* a delta holds more */
	EVERY_NS = 100000,  /* 10,000 packets a second */
	BEHIND_NS = 10000000,
	RUN_FIRST = 100, /* packets of a source before it is pushed */
	WAIT_MS = 10000,
	NS_PER_SEC = 1000 * 1000 * 1000,
	WIRES = 2,
};

enum figure { EVERY, XDP, DPDK, ANSWER, FIGURES };

static const struct {
	const char *name;
	double goal; /* ms; 0: none */
} figures[FIGURES] = {
	[EVERY] = { "ioc.push.p99", 10 },
	[XDP] = { "ioc.push.xdp.p99", 0 },
	[DPDK] = { "ioc.push.dpdk.p99", 0 },
	[ANSWER] = { "ioc.push.answer.p99", 0 },
};

__attribute__((format(printf, 1, 2), noreturn)) static void die(
	const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench_push: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Source number @n: 198.18.0.0/15 is for benchmarks (RFC 2544). */
static void source_of(uint32_t n, uint8_t addr[16])
{
	memset(addr, 0, 10);
	addr[10] = addr[11] = 0xff;
	addr[12] = 198;
	addr[13] = 18;
	addr[14] = (uint8_t)(n >> 8);
	addr[15] = (uint8_t)n;
}

/* --- traffic ----------------------------------------------------------------- */

struct traffic {
	pthread_t thread;
	const char *netns;
	struct pk_sink *wire[WIRES];
	_Atomic uint32_t source;    /* whose packets are wanted */
	_Atomic uint64_t of_source; /* source << 32 | packets of it so far */
	_Atomic uint64_t packets;   /* of all, on each wire */
	_Atomic int stop;
	uint64_t begin_ns;
};

static void open_wires(struct traffic *t)
{
	static const char *const names[WIRES] = { "w0", "w1" };
	int fd = open(t->netns, O_RDONLY | O_CLOEXEC);

	/* this thread only */
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die("%s: %s", t->netns, strerror(errno));
	close(fd);
	for (int i = 0; i < WIRES; i++) {
		int err = pk_sink_interface(&t->wire[i], names[i]);

		if (err)
			die("%s: %s", names[i], strerror(-err));
	}
}

static size_t build_frame(uint32_t source, uint8_t *frame)
{
	struct pk_scenario_conf conf;
	int len;

	pk_scenario_defaults(&conf);
	source_of(source, conf.src);
	len = pk_scenario_frame(pk_scenario_find("established"), &conf, 0,
				frame);
	if (len < 0)
		die("no frame: %s", strerror(-len));
	return (size_t)len;
}

/* The next packet's time; one that is far behind is not made up for. */
static uint64_t pace(uint64_t next)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct timespec until;

	next += EVERY_NS;
	if (next + BEHIND_NS < now)
		next = now;
	until.tv_sec = (time_t)(next / NS_PER_SEC);
	until.tv_nsec = (long)(next % NS_PER_SEC);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	return next;
}

static void *send_on(void *arg)
{
	struct traffic *t = arg;
	uint8_t frame[PK_SCENARIO_FRAME_MAX];
	uint32_t source = UINT32_MAX;
	uint64_t next, n = 0;
	size_t len = 0;

	open_wires(t);
	t->begin_ns = next = clock_ns(CLOCK_MONOTONIC);
	while (!atomic_load(&t->stop)) {
		if (source != atomic_load(&t->source)) {
			source = atomic_load(&t->source);
			len = build_frame(source, frame);
			n = 0;
		}
		for (int i = 0; i < WIRES; i++) {
			int err = pk_sink_send(t->wire[i], 0, frame, len);

			if (err)
				die("sending: %s", strerror(-err));
		}
		atomic_store(&t->of_source, (uint64_t)source << 32 | ++n);
		atomic_fetch_add(&t->packets, 1);
		next = pace(next);
	}
	return NULL;
}

static void start_traffic(struct traffic *t)
{
	int err = pthread_create(&t->thread, NULL, send_on, t);

	if (err)
		die("no thread: %s", strerror(err));
}

/* Packets of another source from now on; returns when some have run. */
static void change_source(struct traffic *t, uint32_t source)
{
	const struct timespec ms = { 0, 1000000 };

	atomic_store(&t->source, source);
	for (int i = 0; i < WAIT_MS; i++) {
		uint64_t now = atomic_load(&t->of_source);

		if (now >> 32 == source && (uint32_t)now >= RUN_FIRST)
			return;
		nanosleep(&ms, NULL);
	}
	die("no traffic");
}

/* Stop; how many packets a second there were on each wire. */
static double stop_traffic(struct traffic *t)
{
	uint64_t ns = clock_ns(CLOCK_MONOTONIC) - t->begin_ns;
	double rate =
		(double)atomic_load(&t->packets) * NS_PER_SEC / (double)ns;

	atomic_store(&t->stop, 1);
	pthread_join(t->thread, NULL);
	for (int i = 0; i < WIRES; i++)
		pk_sink_close(t->wire[i]);
	return rate;
}

/* --- a push -------------------------------------------------------------------- */

static void source_text(uint32_t n, char text[16])
{
	uint8_t a[16];

	source_of(n, a);
	snprintf(text, 16, "%u.%u.%u.%u", a[12], a[13], a[14], a[15]);
}

static void push(struct pk_client *client, const char *value)
{
	struct json_object *args = json_object_new_object(), *answer;
	const struct pk_client_call call = { .op = "ioc add",
					     .args = args,
					     .timeout_ms = WAIT_MS };
	int err;

	json_object_object_add(args, "value", json_object_new_string(value));
	err = pk_client_call(client, &call, &answer);
	if (err)
		die("ioc add %s: %s", value, strerror(-err));
	if (json_object_object_get_ex(answer, "error", NULL))
		die("ioc add %s: %s", value,
		    json_object_to_json_string(answer));
	json_object_put(answer);
	json_object_put(args);
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, key, &value))
		return "";
	return json_object_get_string(value);
}

/* Which plane's hit of @source is this? FIGURES: none. */
static enum figure plane_of(const struct pk_bus_message *m, const char *source)
{
	enum figure plane = FIGURES;
	struct json_object *hit, *flow = NULL;

	if (m->header.class != PK_BUS_HIT)
		return FIGURES;
	hit = json_tokener_parse(m->json);
	json_object_object_get_ex(hit, "flow", &flow);
	if (!strcmp(text_of(flow, "src_ip"), source))
		plane = strcmp(text_of(hit, "plane"), "xdp") ? DPDK : XDP;
	json_object_put(hit);
	return plane;
}

/* The first hits: ns since 1970 into @seen[XDP] and @seen[DPDK]. */
static void await_hits(struct pk_bus_sub *sub, const char *source,
		       uint64_t seen[FIGURES])
{
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + WAIT_MS * 1000000ULL;
	struct pk_bus_message m;

	while (!seen[XDP] || !seen[DPDK]) {
		enum figure plane;
		int rc = pk_bus_recv(sub, WAIT_MS, &m);

		if (rc < 0 && rc != -EINTR)
			die("the bus: %s", strerror(-rc));
		if (clock_ns(CLOCK_MONOTONIC) > end)
			die("%s was not found by %s in %d s", source,
			    seen[XDP] ? "DPDK" : "XDP", WAIT_MS / 1000);
		if (rc <= 0)
			continue;
		if (m.missed)
			die("messages of the bus were lost");
		plane = plane_of(&m, source);
		if (plane != FIGURES && !seen[plane])
			seen[plane] = m.header.time_ns;
	}
}

static void await_heartbeat(struct pk_bus_sub *sub)
{
	struct pk_bus_message m;

	do {
		int rc = pk_bus_recv(sub, WAIT_MS, &m);

		if (rc <= 0)
			die("the bus is silent");
	} while (m.header.class != PK_BUS_HEARTBEAT);
}

struct bench {
	struct traffic traffic;
	struct pk_client *client;
	struct pk_bus_sub *sub;
	unsigned pushes;
	double rate;
	double *ms[FIGURES];
};

static void one_push(struct bench *b, unsigned n)
{
	uint64_t seen[FIGURES] = { 0 };
	uint64_t begin;
	char source[16];

	source_text(n, source);
	change_source(&b->traffic, n);
	begin = clock_ns(CLOCK_REALTIME);
	push(b->client, source);
	seen[ANSWER] = clock_ns(CLOCK_REALTIME);
	await_hits(b->sub, source, seen);
	seen[EVERY] = seen[XDP] > seen[DPDK] ? seen[XDP] : seen[DPDK];
	for (int i = 0; i < FIGURES; i++)
		b->ms[i][n] = (double)(int64_t)(seen[i] - begin) / 1e6;
}

/* --- the report ---------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The smallest that @pct per cent of the sorted @ms do not pass. */
static double percentile(const double *ms, unsigned n, unsigned pct)
{
	return ms[(n * pct + 99) / 100 - 1];
}

static void print_json(FILE *to, enum figure f, const double *ms, unsigned n)
{
	double p99 = percentile(ms, n, 99), goal = figures[f].goal;
	char text[16] = "null";

	if (goal > 0)
		snprintf(text, sizeof(text), "%.0f", goal);
	fprintf(to,
		"{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"ms\",\"baseline\":null,\"ratio\":null,\"goal\":%s,\"met\":%s,\"min\":%.3f,\"median\":%.3f,\"max\":%.3f,\"runs\":%u}\n",
		figures[f].name, p99, text,
		goal <= 0     ? "null"
		: p99 <= goal ? "true"
			      : "false",
		ms[0], percentile(ms, n, 50), ms[n - 1], n);
}

static void print_row(enum figure f, const double *ms, unsigned n)
{
	double p99 = percentile(ms, n, 99), goal = figures[f].goal;

	printf("%-20s %8.3f %8.3f %8.3f %8.3f", figures[f].name, ms[0],
	       percentile(ms, n, 50), p99, ms[n - 1]);
	if (goal > 0)
		printf(" %6.0f %s", goal, p99 <= goal ? "met" : "NOT MET");
	putchar('\n');
}

static void report(const struct bench *b)
{
	const char *build = getenv("BUILD"), *json = getenv("JSON");
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/bench-push.ndjson",
		 build ? build : "build");
	file = fopen(path, "we");
	if (!json)
		printf("%u pushes at %.0f packets a second on each interface, ms\n%-20s %8s %8s %8s %8s %6s\n",
		       b->pushes, b->rate, "figure", "min", "p50", "p99", "max",
		       "goal");
	for (enum figure f = 0; f < FIGURES; f++) {
		qsort(b->ms[f], b->pushes, sizeof(*b->ms[f]), by_value);
		if (json)
			print_json(stdout, f, b->ms[f], b->pushes);
		else
			print_row(f, b->ms[f], b->pushes);
		if (file)
			print_json(file, f, b->ms[f], b->pushes);
	}
	if (file)
		fclose(file);
}

static void open_all(struct bench *b, char **argv)
{
	static const char *const topics[] = { "v1/hit/" };
	int err = pk_client_open(&b->client, argv[1]);

	if (err)
		die("%s: %s", argv[1], strerror(-err));
	err = pk_bus_subscribe(&b->sub, argv[2], topics, 1);
	if (err)
		die("%s: %s", argv[2], strerror(-err));
	for (int i = 0; i < FIGURES; i++) {
		b->ms[i] = calloc(b->pushes, sizeof(*b->ms[i]));
		if (!b->ms[i])
			die("no memory");
	}
	b->traffic.netns = argv[3];
}

int main(int argc, char **argv)
{
	static struct bench b;

	if (argc == 5)
		b.pushes = (unsigned)strtoul(argv[4], NULL, 10);
	if (!b.pushes || b.pushes > PUSHES_MAX) {
		fputs("usage: bench_push CTL_SOCKET BUS_ENDPOINT NETNS PUSHES\n",
		      stderr);
		return 2;
	}
	open_all(&b, argv);
	await_heartbeat(b.sub);
	start_traffic(&b.traffic);
	for (unsigned n = 0; n < b.pushes; n++)
		one_push(&b, n);
	b.rate = stop_traffic(&b.traffic);
	report(&b);
	for (int i = 0; i < FIGURES; i++)
		free(b.ms[i]);
	pk_bus_sub_free(b.sub);
	pk_client_close(b.client);
	return 0;
}
