/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bus_rig: a publisher with a journal and a replay server, for tests. What the
 * daemon's outbox does, with messages that tell their number and a switch that
 * makes PUB lose them.
 */
#ifndef PK_TESTS_BUS_RIG_H
#define PK_TESTS_BUS_RIG_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/bus.h"
#include "control/bus/endpoint.h"
#include "control/bus/replayer.h"
#include "control/journal/journal.h"
#include "control/journal/mark.h"
#include "control/journal/segment.h"

enum { RIG_WAIT_MS = 20000, RIG_SHORT_MS = 10 };

struct bus_rig {
	char path[64];
	char endpoint[128];
	char replay[PK_ENDPOINT_MAX];
	int dir;
	struct pk_journal_conf journal_conf;
	uint64_t idle_ns;
	uint64_t epoch; /* of the run under way */
	int mute;	/* PUB loses all messages */
	struct pk_journal *journal;
	struct pk_journal_mark mark;
	struct pk_bus *bus;
	struct pk_replayer *replayer;
	struct pk_gate *gate; /* NULL: none */
};

static const char *rig_subject(uint64_t n)
{
	static const char *const subject[] = { "ip", "ip6", "portscan" };

	return subject[n % 3];
}

static int rig_text(uint64_t n, char *out, size_t size)
{
	return snprintf(out, size, "{\"n\":%llu,\"pad\":\"%.*s\"}",
			(unsigned long long)n, (int)(n % 40),
			"........................................");
}

static void rig_tell(void *arg, const struct pk_journal_message *m)
{
	struct bus_rig *r = arg;
	const struct pk_bus_item item = {
		.class = PK_BUS_THREAT,
		.number = m->number,
		.subject = rig_subject(m->number),
		.time_ns = m->time_ns,
		.json = m->text,
		.len = m->text_len,
	};

	atomic_store(&r->mark.last, m->number);
	if (r->mute) /* the heartbeat knows of it */
		pk_bus_start_at(r->bus, PK_BUS_THREAT, m->number);
	else
		assert_int_equal(pk_bus_publish_item(r->bus, &item), 0);
}

static void rig_commit(struct bus_rig *r)
{
	assert_int_equal(pk_journal_commit(r->journal), 0);
	pk_bus_oldest(r->bus, PK_BUS_THREAT, pk_journal_first(r->journal));
	atomic_store(&r->mark.first, pk_journal_first(r->journal));
	atomic_store(&r->mark.written, pk_journal_last(r->journal));
}

__attribute__((unused)) static void rig_put(struct bus_rig *r, uint64_t count)
{
	char text[128];

	while (count--) {
		uint64_t n = pk_journal_last(r->journal) + 1;
		struct pk_journal_message m = {
			.time_ns = n * 7,
			.subject = rig_subject(n),
			.subject_len = (uint32_t)strlen(rig_subject(n)),
			.text = text,
			.text_len = (uint32_t)rig_text(n, text, sizeof(text)),
		};

		assert_int_equal(pk_journal_append(r->journal, &m), 0);
	}
	rig_commit(r);
}

/* Ports of this process: 40 from here on, below those that the kernel deals. */
__attribute__((unused)) static uint16_t rig_ports(void)
{
	return (uint16_t)(20000 + getpid() % 300 * 40);
}

/* A run of the publisher, as a new one: the next epoch. */
static void rig_start(struct bus_rig *r)
{
	const char *const endpoints[] = { r->endpoint };
	const struct pk_bus_conf bus = { .endpoints = endpoints,
					 .endpoint_count = 1,
					 .sensor = "s1",
					 .epoch = ++r->epoch,
					 .gate = r->gate };
	const struct pk_replayer_conf replayer = {
		.endpoints = endpoints,
		.endpoint_count = 1,
		.sensor = "s1",
		.epoch = r->epoch,
		.dir = r->path,
		.mark[PK_BUS_THREAT] = &r->mark,
		.idle_ns = r->idle_ns,
		.gate = r->gate,
	};
	uint64_t last;

	assert_int_equal(pk_bus_new(&r->bus, &bus), 0);
	r->journal_conf.epoch = r->epoch;
	assert_int_equal(pk_journal_open(&r->journal, &r->journal_conf), 0);
	last = pk_journal_last(r->journal);
	pk_bus_start_at(r->bus, PK_BUS_THREAT, last);
	atomic_store(&r->mark.began, last + 1);
	atomic_store(&r->mark.last, last);
	rig_commit(r);
	assert_int_equal(pk_replayer_new(&r->replayer, &replayer), 0);
}

static void rig_check_counts(struct bus_rig *r)
{
	struct pk_replayer_counters c;

	pk_replayer_count(r->replayer, &c);
	assert_int_equal(c.requests, c.hellos + c.replays + c.credits +
					     c.cancels + c.refused);
	assert_int_equal(c.replays, c.ended + c.cancelled + c.expired + c.gone +
					    c.failed + c.open);
}

static void rig_stop(struct bus_rig *r)
{
	rig_check_counts(r);
	pk_replayer_free(r->replayer);
	pk_journal_close(r->journal);
	pk_bus_free(r->bus);
}

static void rig_begin(struct bus_rig *r)
{
	*r = (struct bus_rig){ .path = "/tmp/picket-rig-XXXXXX" };
	assert_non_null(mkdtemp(r->path));
	snprintf(r->endpoint, sizeof(r->endpoint), "ipc://%s/bus.sock",
		 r->path);
	assert_int_equal(pk_endpoint_replay(r->endpoint, r->replay), 0);
	r->dir = open(r->path, O_RDONLY | O_DIRECTORY);
	assert_true(r->dir >= 0);
	r->journal_conf = (struct pk_journal_conf){
		.dir_fd = r->dir,
		.word = "threat",
		.tell = rig_tell,
		.tell_arg = r,
	};
}

/* The journal of a stopped publisher goes away. */
static void rig_forget(struct bus_rig *r)
{
	struct pk_journal_segment *list = NULL;
	char name[PK_JOURNAL_NAME_MAX];
	int n = pk_journal_list(r->dir, "threat", &list);

	for (int i = 0; i < n; i++) {
		pk_journal_name(name, "threat", list[i].first);
		assert_int_equal(unlinkat(r->dir, name, 0), 0);
	}
	free(list);
	unlinkat(r->dir, "threat.told", 0);
}

/* Of a stopped publisher. */
static void rig_end(struct bus_rig *r)
{
	rig_forget(r);
	unlinkat(r->dir, "bus.sock", 0);
	unlinkat(r->dir, "replay.sock", 0);
	close(r->dir);
	assert_int_equal(rmdir(r->path), 0);
}

#endif /* PK_TESTS_BUS_RIG_H */
