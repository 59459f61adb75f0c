/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dpdk_rig: what the tests of picket-dpdk stand on: the daemon's side of an
 * uplink with one listed address, the sums that must close, frames, and
 * captures dealt to several files. For one test program; one thread.
 */
#ifndef PK_TESTS_DPDK_RIG_H
#define PK_TESTS_DPDK_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/inspect/flows.h"
#include "dataplane/record.h"
#include "dataplane/uplink.h"
#include "ioc/image/builder.h"
#include "ioc/image/images.h"
#include "ioc/store/store.h"

enum {
	ARGS = 24,
	QUEUES = 4,
	FRAME_BYTES = 4000,
	RING_BYTES = 1 << 20,
	PATIENCE_S = 120, /* then a start of the program is given up */
};

#define LISTED	 "10.9.0.1"
#define START_US 1700000000000000ULL

/* --- the daemon's side ----------------------------------------------------- */

struct rig {
	struct pk_downlink *down;
	struct pk_downlink_conf conf;
	struct pk_plane_stats *stats;
	struct pk_images *images;
	pid_t pid; /* 0: not running */
	int status;
	time_t given_up; /* when to give the program up */
	uint8_t *records;
	size_t bytes, room;
};

static void publish_listed(struct rig *r)
{
	const struct pk_images_conf conf = { .seed = 7 };
	struct pk_block block = { 0 };
	struct pk_indicator ind;
	struct pk_store *store;

	pk_indicator_init(&ind);
	assert_int_equal(pk_store_new(&store, conf.seed), 0);
	pk_indicator_parse_addr(&ind, LISTED, strlen(LISTED));
	assert_int_equal(pk_store_add(store, &ind, NULL), 0);
	assert_int_equal(pk_builder_base(store, &block), 0);
	assert_int_equal(pk_images_new(&r->images, &conf), 0);
	assert_int_equal(pk_images_publish_base(r->images, &block), 0);
	pk_block_free(&block);
	pk_store_free(store);
}

static void rig_open(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	publish_listed(r);
	assert_int_equal(pk_stats_new(&r->stats, &r->conf.stats_fd), 0);
	r->conf.conf.sampling = 1;
	r->conf.conf.epoch = 1;
	r->conf.conf.port = 3;
	r->conf.conf.seed = 99;
	pk_flow_conf_default(&r->conf.conf.flow);
	r->conf.ring_bytes = RING_BYTES;
	r->conf.images_fd = pk_images_fd(r->images);
	r->conf.hits_fd = pk_images_hits_fd(r->images);
}

static void keep_records(struct rig *r)
{
	uint64_t entry[PK_RECORD_MAX / 8];
	int n;

	if (!r->down->rings)
		return;
	while ((n = pk_ring_pop(r->down->ring[0], entry, sizeof(entry))) > 0) {
		assert_int_equal(pk_record_check((void *)entry, (uint32_t)n),
				 0);
		if (r->bytes + (size_t)n > r->room) {
			r->room = 2 * r->room + PK_RECORD_MAX;
			r->records = realloc(r->records, r->room);
			assert_non_null(r->records);
		}
		memcpy(r->records + r->bytes, entry, (size_t)n);
		r->bytes += (size_t)n;
	}
	assert_int_equal(n, 0);
}

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* A program that hangs must not hold up the run, nor outlive it. */
static void rig_watch(struct rig *r)
{
	if (!r->pid || now_s() < r->given_up)
		return;
	kill(r->pid, SIGKILL);
	waitpid(r->pid, &r->status, 0);
	r->pid = 0;
	fail_msg("given up after %d s", PATIENCE_S);
}

/* Messages, records, and whether it still runs. Waits a ms if nothing came. */
static void rig_turn(struct rig *r)
{
	struct pollfd pfd = { r->down->fd, POLLIN, 0 };
	int err = pk_downlink_poll(r->down, &r->conf);

	assert_int_not_equal(err, -EPROTO);
	keep_records(r);
	rig_watch(r);
	if (r->pid && waitpid(r->pid, &r->status, WNOHANG) == r->pid) {
		r->pid = 0;
		while (pk_downlink_poll(r->down, &r->conf) > 0)
			;
		keep_records(r);
	}
	if (!err)
		poll(&pfd, 1, 1);
}

static void rig_start(struct rig *r, char *const *argv)
{
	const char *build = getenv("BUILD");
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/picket-dpdk", build ? build : "build");
	pk_downlink_free(r->down);
	assert_int_equal(pk_downlink_new(&r->down, &fd), 0);
	r->pid = fork();
	assert_int_not_equal(r->pid, -1);
	if (!r->pid) {
		dup2(fd, PK_UPLINK_FD);
		closefrom(PK_UPLINK_FD + 1);
		execv(path, argv);
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		_exit(127);
	}
	close(fd);
	r->given_up = now_s() + PATIENCE_S;
}

static void rig_await_ready(struct rig *r)
{
	while (r->pid && !r->down->ready)
		rig_turn(r);
	if (!r->pid)
		fail_msg("it did not start: %s", r->down->said);
}

/* The exit status, or 1000 + the signal that ended it. */
static int rig_await_end(struct rig *r)
{
	while (r->pid)
		rig_turn(r);
	return WIFEXITED(r->status) ? WEXITSTATUS(r->status)
				    : 1000 + WTERMSIG(r->status);
}

static void rig_close(struct rig *r)
{
	if (r->pid) {
		kill(r->pid, SIGKILL);
		rig_await_end(r);
	}
	pk_downlink_free(r->down);
	pk_stats_free(r->stats);
	pk_images_free(r->images);
	close(r->conf.stats_fd);
	free(r->records);
	memset(r, 0, sizeof(*r));
}

/* argv for the program: a format of words separated by blanks. */
struct words {
	char *argv[ARGS];
	char text[2048];
};

__attribute__((format(printf, 2, 3))) static char **words(struct words *w,
							  const char *format,
							  ...)
{
	char *save = NULL, *word;
	va_list args;
	int n = 0;

	va_start(args, format);
	vsnprintf(w->text, sizeof(w->text), format, args);
	va_end(args);
	w->argv[n++] = (char *)"picket-dpdk";
	for (word = strtok_r(w->text, " ", &save); word && n < ARGS - 1;
	     word = strtok_r(NULL, " ", &save))
		w->argv[n++] = word;
	w->argv[n] = NULL;
	return w->argv;
}

/* --- what must add up ------------------------------------------------------ */

struct totals {
	uint64_t seen, reasons, flow_packets, lost_lines;
	uint64_t hits, flows, packets, ends;
};

static void add_record(struct totals *t, const struct pk_record *head)
{
	const struct pk_flow *flow = (const void *)head;

	t->hits += head->type == PK_RECORD_HIT;
	t->ends += head->type == PK_RECORD_END;
	if (head->type != PK_RECORD_FLOW)
		return;
	t->flows++;
	t->packets += flow->packets[0] + flow->packets[1];
}

static struct totals add_up(const struct rig *r)
{
	struct totals t = { 0 };

	for (unsigned i = 0; i < PK_WORKERS_MAX; i++) {
		const struct pk_plane_counters *c =
			&r->stats->worker[i].counters;

		t.seen += c->seen;
		t.flow_packets += c->flow_packets;
		t.lost_lines += c->flow_lost_lines;
		for (unsigned k = 0; k < PK_REASONS_MAX; k++)
			t.reasons += c->reason[k];
	}
	for (size_t at = 0; at < r->bytes;) {
		const struct pk_record *head = (const void *)(r->records + at);

		add_record(&t, head);
		at += head->len;
	}
	return t;
}

static void check_sums(const struct rig *r, uint64_t frames)
{
	struct totals t = add_up(r);

	assert_int_equal(t.seen, frames);
	assert_int_equal(t.reasons, frames);
	assert_int_equal(r->stats->stage.nic_packets, frames);
	assert_int_equal(t.lost_lines, 0);
	assert_int_equal(t.packets, t.flow_packets);
}

/* --- frames ------------------------------------------------------------------ */

struct frame {
	uint32_t len;
	uint8_t b[FRAME_BYTES];
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* Ethernet, @tag if not 0, IPv4, UDP with @payload bytes. */
static void udp4(struct frame *f, uint32_t src, uint32_t dst, uint32_t tag,
		 uint32_t payload)
{
	uint8_t *ip = f->b + (tag ? 18 : 14);

	memset(f->b, 0, sizeof(f->b));
	memcpy(f->b, "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
	if (tag) {
		put16(f->b + 12, 0x8100);
		put16(f->b + 14, tag);
	}
	put16(ip - 2, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, 28 + payload);
	ip[8] = 64;
	ip[9] = 17;
	put32(ip + 12, src);
	put32(ip + 16, dst);
	put16(ip + 20, 1024 + (src & 0xfff));
	put16(ip + 22, 4000);
	put16(ip + 24, 8 + payload);
	f->len = (uint32_t)(ip - f->b) + 28 + payload;
}

/* Mostly flows of a few hosts, and some of everything else. */
static void any_frame(struct frame *f, uint64_t *seed)
{
	uint64_t r = next_random(seed);
	uint32_t src = 0x0a000000 + (uint32_t)(r >> 8 & 0x3ff);
	uint32_t dst = 0x0a000000 + (uint32_t)(r >> 20 & 0x3ff);

	udp4(f, src, dst, r >> 32 & 7 ? 0 : 42, r >> 40 & 0xff);
	switch (r & 31) {
	case 0: /* listed */
		put32(f->b + (f->b[12] == 8 ? 26 : 30), 0x0a090001);
		break;
	case 1: /* a chain of buffers */
		udp4(f, src, dst, 0, 3000);
		break;
	case 2: /* cut */
		f->len = 14 + (uint32_t)(r >> 50 & 15);
		break;
	case 3: /* not IP */
		put16(f->b + 12, 0x0806);
		break;
	}
}

/* A capture dealt to @queues files; the time of frame k is the caller's. */
struct capture {
	unsigned queues;
	FILE *file[QUEUES];
	char path[QUEUES][64];
	uint64_t frames[QUEUES];
	uint64_t count;
};

static void capture_open(struct capture *c, unsigned queues)
{
	const uint32_t head[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1 };

	memset(c, 0, sizeof(*c));
	c->queues = queues;
	for (unsigned i = 0; i < queues; i++) {
		int fd;

		strcpy(c->path[i], "/tmp/dpdk_plane.XXXXXX");
		fd = mkstemp(c->path[i]);
		c->file[i] = fdopen(fd, "w");
		assert_non_null(c->file[i]);
		fwrite(head, sizeof(head), 1, c->file[i]);
	}
}

static void capture_put(struct capture *c, unsigned queue, uint64_t us,
			const struct frame *f)
{
	const uint32_t head[4] = { (uint32_t)(us / 1000000),
				   (uint32_t)(us % 1000000), f->len, f->len };

	fwrite(head, sizeof(head), 1, c->file[queue]);
	fwrite(f->b, f->len, 1, c->file[queue]);
	c->frames[queue]++;
	c->count++;
}

static void capture_ready(struct capture *c)
{
	for (unsigned i = 0; i < c->queues; i++)
		assert_int_equal(fclose(c->file[i]), 0);
}

static void capture_remove(struct capture *c)
{
	for (unsigned i = 0; i < c->queues; i++)
		unlink(c->path[i]);
}

static void start_replay(struct rig *r, const struct capture *c)
{
	struct words w;
	char device[1024] = "", frames[256] = "";

	for (unsigned i = 0; i < c->queues; i++) {
		sprintf(device + strlen(device), ",rx_pcap=%s", c->path[i]);
		sprintf(frames + strlen(frames), "%s%llu", i ? "," : "",
			(unsigned long long)c->frames[i]);
	}
	r->conf.conf.replay = 1;
	rig_start(
		r,
		words(&w,
		      "--name replay --no-huge --workers %u --vdev net_pcap0%s --frames %s",
		      c->queues, device, frames));
}

/* The same @count frames for any number of queues. */
static void mixed_capture(struct capture *c, unsigned queues, uint64_t count)
{
	uint64_t seed = 1, us = START_US;
	struct frame f;

	capture_open(c, queues);
	for (uint64_t k = 0; k < count; k++) {
		any_frame(&f, &seed);
		us += next_random(&seed) & 511;
		if (!(next_random(&seed) & 0x3fff))
			us += 7000000;
		capture_put(c, k % queues, us, &f);
	}
	capture_ready(c);
}

#endif /* PK_TESTS_DPDK_RIG_H */
