/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_traffic: what tests/memory.c loads, the frames that it sends meanwhile
 * and what the bus says of them: when each was sent, and how late its hit and
 * its address's threat came. A thread sends, another listens.
 */
#ifndef PK_TESTS_MEMORY_TRAFFIC_H
#define PK_TESTS_MEMORY_TRAFFIC_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "control/bus.h"
#include "tools/gen/sink.h"

enum {
	RATE = 400,	   /* frames a second */
	OF_SOURCE = 16,	   /* frames of an address */
	WATCHED = 1 << 14, /* addresses */
	FRAMES = WATCHED * OF_SOURCE,
	FRAME_BYTES = 60,
	NS_PER_SEC = 1000 * 1000 * 1000,
};

__attribute__((format(printf, 1, 2), noreturn)) static void die(
	const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("not ok 0 - ");
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

static void pause_us(unsigned us)
{
	const struct timespec t = { 0, us * 1000 };

	nanosleep(&t, NULL);
}

/* The machine has other things to do; what measures goes first. */
static void go_first(void)
{
	const struct sched_param first = { .sched_priority = 1 };

	pthread_setschedparam(pthread_self(), SCHED_RR, &first);
}

/* --- lists --------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* Different for each @n below 2^29: 20.0.0.0 to 51.255.255.255. */
static void put_v4(FILE *f, uint32_t n)
{
	uint32_t a = 0x14000000 + (n * 0x9e3779b1U & 0x1fffffff);

	fprintf(f, "%u.%u.%u.%u\n", a >> 24, a >> 16 & 255, a >> 8 & 255,
		a & 255);
}

static void put_v6(FILE *f, uint64_t n)
{
	uint64_t x = mix(n);

	fprintf(f, "2a0%x:%x:%x:%x::%x\n", (unsigned)(x >> 60),
		(unsigned)(x >> 44 & 0xffff), (unsigned)(x >> 28 & 0xffff),
		(unsigned)(x >> 12 & 0xffff),
		(unsigned)(n & 0xffffff) >> 8 | 1);
}

static void put_name(FILE *f, uint64_t n)
{
	static const char *const ends[] = { "com", "net",    "org", "info",
					    "ru",  "online", "xyz", "top" };
	uint64_t x = mix(n);
	char label[16];
	int len = 0;

	for (uint64_t rest = n; rest; rest /= 26)
		label[len++] = (char)('a' + rest % 26);
	while (len < 8 + (int)(x >> 8) % 6)
		label[len++] = (char)('a' + (x = mix(x)) % 26);
	label[len] = 0;
	fprintf(f, "%s%s.%s\n", x & 3 << 20 ? "" : "login.", label,
		ends[x >> 40 & 7]);
}

/* Of ten: four IPv4 addresses, two IPv6 addresses, four names. */
static int make_list(uint32_t from, uint32_t to)
{
	int fd = memfd_create("list", MFD_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");

	if (!f)
		die("no list: %s", strerror(errno));
	for (uint32_t n = from; n < to; n++) {
		if (n % 10 < 4)
			put_v4(f, n);
		else if (n % 10 < 6)
			put_v6(f, n);
		else
			put_name(f, n + 1000000ULL);
	}
	if (fclose(f))
		die("no list: %s", strerror(errno));
	return fd;
}

static int make_watched(void)
{
	int fd = memfd_create("watch", MFD_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");

	if (!f)
		die("no list: %s", strerror(errno));
	for (unsigned n = 0; n < WATCHED; n++)
		fprintf(f, "198.18.%u.%u\n", n >> 8, n & 255);
	if (fclose(f))
		die("no list: %s", strerror(errno));
	return fd;
}

/* --- traffic ------------------------------------------------------------------- */

struct traffic {
	pthread_t thread;
	const char *netns;
	_Atomic unsigned stop;
	_Atomic unsigned sent;
	uint64_t at[FRAMES];			  /* real time */
	float hit_ms[FRAMES], threat_ms[WATCHED]; /* 0: none came */
};

static struct traffic traffic;

static struct pk_sink *open_wire(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);
	struct pk_sink *wire;
	int err;

	/* this thread only */
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die("%s: %s", netns, strerror(errno));
	close(fd);
	err = pk_sink_interface(&wire, "w0");
	if (err)
		die("w0: %s", strerror(-err));
	return wire;
}

/* UDP from watched address n / 16, port 1024 + n % 16. */
static void make_frame(unsigned n, uint8_t frame[FRAME_BYTES])
{
	static const uint8_t like[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0,  0,  0, 9, 8,   0,
		0x45, 0,    0,	  28,	0,    1,    0, 0, 64, 17, 0, 0, 198, 18,
		0,    0,    192,  0,	2,    9,    4, 0, 0,  9,  0, 8, 0,   0
	};
	unsigned source = n / OF_SOURCE;

	memset(frame, 0, FRAME_BYTES);
	memcpy(frame, like, sizeof(like));
	frame[28] = (uint8_t)(source >> 8);
	frame[29] = (uint8_t)source;
	frame[35] = (uint8_t)(n % OF_SOURCE);
}

static void *send_all(void *arg)
{
	struct pk_sink *wire = open_wire(traffic.netns);
	uint64_t next = clock_ns(CLOCK_MONOTONIC);
	uint8_t frame[FRAME_BYTES];
	struct timespec until;

	go_first();
	for (unsigned n = 0; n < FRAMES && !traffic.stop; n++) {
		make_frame(n, frame);
		next += NS_PER_SEC / RATE;
		until.tv_sec = (time_t)(next / NS_PER_SEC);
		until.tv_nsec = (long)(next % NS_PER_SEC);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		traffic.at[n] = clock_ns(CLOCK_REALTIME);
		if (pk_sink_send(wire, 0, frame, FRAME_BYTES))
			die("a frame could not be sent");
		traffic.sent = n + 1;
	}
	pk_sink_close(wire);
	return arg;
}

/* --- the bus ------------------------------------------------------------------- */

struct listener {
	pthread_t thread;
	struct pk_bus_sub *sub;
	_Atomic unsigned stop;
	_Atomic unsigned hits, threats;
	uint64_t missed;
};

/* Which frame is this about? FRAMES: none. */
static unsigned frame_of(struct json_object *o)
{
	struct json_object *flow, *ip, *port;
	unsigned c, d, n;

	if (!json_object_object_get_ex(o, "flow", &flow) ||
	    !json_object_object_get_ex(flow, "src_ip", &ip) ||
	    !json_object_object_get_ex(flow, "src_port", &port) ||
	    sscanf(json_object_get_string(ip), "198.18.%u.%u", &c, &d) != 2)
		return FRAMES;
	n = (c << 8 | d) * OF_SOURCE +
	    (unsigned)json_object_get_int(port) % 1024;
	return n < FRAMES ? n : FRAMES;
}

static int is_open(struct json_object *o)
{
	struct json_object *state;

	return json_object_object_get_ex(o, "state", &state) &&
	       !strcmp(json_object_get_string(state), "open");
}

static void hear(struct listener *l, const struct pk_bus_message *m)
{
	uint64_t now = clock_ns(CLOCK_REALTIME);
	struct json_object *o = json_tokener_parse(m->json);
	unsigned n = frame_of(o);
	float ms = n < FRAMES ? (float)(now - traffic.at[n]) / 1e6F : 0;

	if (n < FRAMES && m->header.class == PK_BUS_HIT && !traffic.hit_ms[n]) {
		traffic.hit_ms[n] = ms;
		l->hits++;
	} else if (n < FRAMES && m->header.class == PK_BUS_THREAT &&
		   is_open(o) && !traffic.threat_ms[n / OF_SOURCE]) {
		traffic.threat_ms[n / OF_SOURCE] = ms;
		l->threats++;
	}
	json_object_put(o);
}

static void *listen_all(void *arg)
{
	struct listener *l = arg;
	struct pk_bus_message m;

	go_first();
	while (!l->stop) {
		int rc = pk_bus_recv(l->sub, 100, &m);

		if (rc < 0 && rc != -EINTR)
			die("the bus: %s", strerror(-rc));
		if (rc <= 0)
			continue;
		l->missed += m.missed;
		hear(l, &m);
	}
	return NULL;
}

#endif /* PK_TESTS_MEMORY_TRAFFIC_H */
