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
 *
 * Minimum and median of RUNS runs. JSON=1: NDJSON. PK_QUICK=1: fewer threats.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "control/bus.h"
#include "control/community.h"
#include "control/daemon/outbox.h"
#include "control/encode.h"
#include "control/text.h"

enum {
	RUNS = 7,
	ENCODES = 20000,
	THREATS = 200000,
	FEW = 50000,
	TURN = 256,
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

static void print_figure(const char *name, const char *unit, struct figure f,
			 struct figure base)
{
	const char *json = getenv("JSON");

	if (json && *json == '1')
		printf("{\"name\":\"bus.%s\",\"value\":%.2f,\"unit\":\"%s\","
		       "\"baseline\":%.2f,\"ratio\":%.2f,\"min\":%.2f,"
		       "\"median\":%.2f,\"runs\":%d}\n",
		       name, f.median, unit, base.median,
		       f.median / base.median, f.min, f.median, RUNS);
	else
		printf("bus.%-18s %8.1f / %8.1f %-4s json-c %8.1f / %8.1f   "
		       "ratio %.2f\n",
		       name, f.min, f.median, unit, base.min, base.median,
		       f.median / base.median);
	fflush(stdout);
}

/* --- threats ---------------------------------------------------------------- */

static struct pk_threat_indicator indicator = {
	.type = "ipv4-addr",
	.id = "indicator--8d12aa0e-7fa9-4d8a-b6c9-0f4a64c9e5d1",
	.threat_type = "c2",
	.class = "c2",
	.feed = { "feodo", "local/2" },
	.feeds = 2,
	.value = "198.51.100.23",
};

static void set_addr(union pk_addr *a, uint32_t ip)
{
	uint8_t bytes[16] = { [10] = 0xff, [11] = 0xff };

	ip = htonl(ip);
	memcpy(bytes + 12, &ip, 4);
	memcpy(a, bytes, sizeof(bytes));
}

static void make(struct pk_threat *t, uint32_t i, int listed)
{
	*t = (struct pk_threat){
		.type = listed ? "indicator" : "portscan",
		.sensor = "sensor-1",
		.severity = "high",
		.epoch = 0x1846a1b2c3d4e5f6,
		.id = { i * 0x9e3779b97f4a7c15ULL, i },
		.seq = i,
		.first_ns = 1700000000000000000ULL + i * 1000ULL,
		.last_ns = 1700000000000000999ULL + i * 1000ULL,
		.count = i % 1000,
		.generation = 7,
		.hold_sec = 3600,
		.sampling = 1,
		.plane = PK_PLANE_XDP,
		.confidence = 90,
		.indicator = listed ? &indicator : NULL,
		.flow = { .tcp_flags = 2, .ttl = 61, .has_ttl = 1 },
		.details = { .hosts = 3, .ports = 101, .named = 1 },
	};
	set_addr(&t->observer, 0x0a080203);
	set_addr(&t->offender, 0xc6336400 + i % 4096);
	set_addr(&t->target, 0x0a000000 + i % 65536);
	set_addr(&t->details.host[0], 0x0a000007);
	t->flow.key.src = t->offender;
	t->flow.key.dst = t->target;
	t->flow.key.sport = (uint16_t)(1024 + i % 50000);
	t->flow.key.dport = 443;
	t->flow.key.proto = 6;
}

/* --- the same with json-c --------------------------------------------------- */

static void text(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static void number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static struct json_object *child(struct json_object *o, const char *key)
{
	struct json_object *c = json_object_new_object();

	json_object_object_add(o, key, c);
	return c;
}

static const char *addr_text(const union pk_addr *a, char out[64])
{
	inet_ntop(AF_INET, (const uint8_t *)a + 12, out, 64);
	return out;
}

static void addr(struct json_object *o, const char *key, const union pk_addr *a)
{
	char out[64];

	text(o, key, addr_text(a, out));
}

static void hex(struct json_object *o, const char *key, uint64_t n)
{
	char out[32];

	snprintf(out, sizeof(out), "%016llx", (unsigned long long)n);
	text(o, key, out);
}

static void when(struct json_object *o, const char *key, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	char day[32], out[64];
	struct tm tm;

	gmtime_r(&sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, sizeof(out), "%s.%06uZ", day,
		 (unsigned)(ns % 1000000000 / 1000));
	text(o, key, out);
}

static void add_indicator(struct json_object *o, const struct pk_threat *t)
{
	struct json_object *c = child(o, "indicator");
	struct json_object *feeds = json_object_new_array();

	text(c, "type", t->indicator->type);
	text(c, "value", t->indicator->value);
	text(c, "id", t->indicator->id);
	for (unsigned i = 0; i < t->indicator->feeds; i++)
		json_object_array_add(
			feeds, json_object_new_string(t->indicator->feed[i]));
	json_object_object_add(c, "feeds", feeds);
	text(c, "role", "source");
	number(c, "generation", t->generation);
	text(c, "threat_type", t->indicator->threat_type);
	text(c, "class", t->indicator->class);
}

static void add_flow(struct json_object *o, const struct pk_threat *t)
{
	struct json_object *c = child(o, "flow");
	char community[PK_COMMUNITY_TEXT];

	pk_community_id(&t->flow.key, 0, community);
	addr(c, "src_ip", &t->flow.key.src);
	number(c, "src_port", t->flow.key.sport);
	addr(c, "dst_ip", &t->flow.key.dst);
	number(c, "dst_port", t->flow.key.dport);
	text(c, "proto", "tcp");
	text(c, "community_id", community);
	text(c, "tcp_flags", "S");
	number(c, "ttl", t->flow.ttl);
}

static void add_details(struct json_object *o, const struct pk_threat *t)
{
	struct json_object *c = child(o, "details"), *hosts;
	char out[64];

	if (t->indicator)
		return;
	number(c, "hosts", t->details.hosts);
	number(c, "ports", t->details.ports);
	hosts = json_object_new_array();
	json_object_array_add(hosts, json_object_new_string(addr_text(
					     &t->details.host[0], out)));
	json_object_object_add(c, "attacked_hosts", hosts);
}

static struct json_object *build(const struct pk_threat *t)
{
	struct json_object *o = json_object_new_object();
	char id[48];

	snprintf(id, sizeof(id), "%016llx%016llx", (unsigned long long)t->id[0],
		 (unsigned long long)t->id[1]);
	text(o, "type", t->type);
	addr(o, "observer", &t->observer);
	addr(o, "offender", &t->offender);
	number(o, "timestamp", t->first_ns / 1000000000);
	add_details(o, t);
	text(o, "id", id);
	number(o, "seq", t->seq);
	hex(o, "epoch", t->epoch);
	text(o, "sensor", t->sensor);
	text(o, "plane", "xdp");
	text(o, "state", "open");
	number(o, "count", t->count);
	addr(o, "target", &t->target);
	when(o, "first", t->first_ns);
	when(o, "last", t->last_ns);
	text(o, "severity", t->severity);
	number(o, "confidence", t->confidence);
	number(o, "hold", t->hold_sec);
	if (t->indicator)
		add_indicator(o, t);
	add_flow(o, t);
	json_object_object_add(o, "coverage",
			       json_object_new_double_s(1.0, "1.0"));
	number(o, "sampling", t->sampling);
	return o;
}

static const char *print(struct json_object *o, size_t *len)
{
	return json_object_to_json_string_length(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
		len);
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
	print_figure(name, "ns", figure_of(ours), figure_of(theirs));
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

static int subscribe(struct subscriber *s, struct pk_bus *b)
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
		receive(down[0], up[1]);
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

	if (open_bus(&b) || subscribe(&s, b))
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
	print_figure("bulk", "k/s", figure_of(ours), figure_of(theirs));
	if (!json || *json != '1')
		printf("  (of the last run, PUB brought the subscriber %.0f %%; "
		       "of json-c's %.0f %%)\n",
		       share[0] * 100, share[1] * 100);
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
	if (!bad)
		bench_bulk();
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command) || bad;
}
