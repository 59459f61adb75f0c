/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/backlog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* The kernel's ring buffer as user space sees it (kernel/bpf/ringbuf.c). */
enum {
	HEAD_BYTES = 8,
	LEN_BUSY = 1U << 31,
	LEN_DISCARD = 1 << 30,
	TRIES = 200,
	PAUSE_NS = 20000,
};

struct ring {
	const uint64_t *consumer;
	const uint64_t *producer;
	const uint8_t *data;
	size_t bytes; /* a power of two; mapped twice in a row */
	size_t page;
};

size_t pk_backlog_entries(int fd)
{
	char path[64], line[128];
	size_t entries = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "max_entries: %zu", &entries) == 1)
			break;
	if (f)
		fclose(f);
	return entries;
}

static void unmap(struct ring *r)
{
	if (r->consumer)
		munmap((void *)r->consumer, r->page);
	if (r->producer)
		munmap((void *)r->producer, r->page + 2 * r->bytes);
	memset(r, 0, sizeof(*r));
}

static int map(struct ring *r, int fd)
{
	void *p;

	memset(r, 0, sizeof(*r));
	r->page = (size_t)sysconf(_SC_PAGESIZE);
	r->bytes = pk_backlog_entries(fd);
	if (r->bytes < r->page || (r->bytes & (r->bytes - 1)))
		return -EINVAL;
	p = mmap(NULL, r->page, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->consumer = p;
	p = mmap(NULL, r->page + 2 * r->bytes, PROT_READ, MAP_SHARED, fd,
		 (off_t)r->page);
	if (p == MAP_FAILED) {
		int err = -errno;

		unmap(r);
		return err;
	}
	r->producer = p;
	r->data = (const uint8_t *)p + r->page;
	return 0;
}

/* What the CPU says at one moment. */
struct reading {
	uint64_t alerts; /* producer positions */
	uint64_t events;
	struct pk_backlog_sums handed_on;
};

static void look(const struct ring *alerts, const struct ring *events,
		 const struct pk_plane_counters *c, struct reading *r)
{
	r->alerts = __atomic_load_n(alerts->producer, __ATOMIC_ACQUIRE);
	r->events = __atomic_load_n(events->producer, __ATOMIC_ACQUIRE);
	r->handed_on.hits = __atomic_load_n(&c->hit_submitted, 0);
	r->handed_on.samples = __atomic_load_n(&c->sample_submitted, 0);
	r->handed_on.lines = __atomic_load_n(&c->flow_out_lines, 0);
	r->handed_on.packets = __atomic_load_n(&c->flow_out_packets, 0);
	r->handed_on.bytes = __atomic_load_n(&c->flow_out_bytes, 0);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static int look_twice(const struct ring *alerts, const struct ring *events,
		      const struct pk_plane_counters *c, struct reading *r)
{
	const struct timespec pause = { 0, PAUSE_NS };
	struct reading again;

	look(alerts, events, c, r);
	for (int i = 0; i < TRIES; i++) {
		nanosleep(&pause, NULL);
		look(alerts, events, c, &again);
		if (!memcmp(r, &again, sizeof(again)))
			return 0;
		*r = again;
	}
	return -EAGAIN;
}

static void subtract(struct pk_backlog_sums *s, const uint8_t *event,
		     uint32_t len)
{
	const struct pk_flow_event *flow = (const void *)event;
	const struct pk_event *head = (const void *)event;

	if (len < sizeof(*head))
		return;
	if (head->type == PK_EVENT_HIT) {
		s->hits--;
	} else if (head->type == PK_EVENT_SAMPLE) {
		s->samples--;
	} else if (head->type == PK_EVENT_FLOW && len >= sizeof(*flow)) {
		s->lines--;
		s->packets -= flow->line.packets;
		s->bytes -= flow->line.bytes;
	}
}

static int walk(const struct ring *r, uint64_t end, struct pk_backlog_sums *s)
{
	uint64_t at = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);

	if (end - at > r->bytes)
		return -EINVAL;
	while (at < end) {
		const uint8_t *p = r->data + (at & (r->bytes - 1));
		uint32_t word = __atomic_load_n(
			(const uint32_t *)(const void *)p, __ATOMIC_ACQUIRE);
		uint32_t len = word & ~(LEN_BUSY | (uint32_t)LEN_DISCARD);

		if (word & LEN_BUSY)
			return -EAGAIN;
		if (len > r->bytes)
			return -EINVAL;
		if (!(word & LEN_DISCARD))
			subtract(s, p + HEAD_BYTES, len);
		at += ((uint64_t)len + HEAD_BYTES + 7) & ~7ULL;
	}
	return 0;
}

static int count(const struct ring *alerts, const struct ring *events,
		 const struct pk_plane_counters *c,
		 struct pk_backlog_sums *sums)
{
	struct reading r = { 0 };
	int unsure = look_twice(alerts, events, c, &r);
	int err = walk(alerts, r.alerts, &r.handed_on);

	if (!err)
		err = walk(events, r.events, &r.handed_on);
	sums->hits += r.handed_on.hits;
	sums->samples += r.handed_on.samples;
	sums->lines += r.handed_on.lines;
	sums->packets += r.handed_on.packets;
	sums->bytes += r.handed_on.bytes;
	return err ? err : unsure;
}

int pk_backlog_consumed(const struct pk_backlog_cpu *cpu,
			struct pk_backlog_sums *sums)
{
	struct ring alerts, events;
	int err = map(&alerts, cpu->alert_fd);

	if (err)
		return err;
	err = map(&events, cpu->event_fd);
	if (!err) {
		err = count(&alerts, &events, cpu->counters, sums);
		unmap(&events);
	}
	unmap(&alerts);
	return err;
}
