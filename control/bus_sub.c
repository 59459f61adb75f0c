/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receiving half of the bus. For each class it knows the number that must
 * come next; what is missing was lost between publisher and here, because one
 * publisher's messages arrive in order. Heartbeats tell of losses at the tail.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "control/bus.h"
#include "control/bus/frames.h"
#include "control/bus/keys.h"
#include "control/bus_socket.h"
#include "control/encode.h"

enum { TOPICS_MAX = 32, SENSORS_MAX = 64 };

/* What has been heard of one sensor. */
struct heard {
	uint32_t sensor;
	uint8_t used;
	uint64_t epoch;
	uint64_t last[PK_BUS_CLASS_COUNT];
	uint8_t known[PK_BUS_CLASS_COUNT]; /* last[] is a starting point */
	uint8_t anew[PK_BUS_CLASS_COUNT];  /* last[] is of the epoch before */
};

struct pk_bus_sub {
	void *context;
	void *socket;
	uint8_t whole[PK_BUS_CLASS_COUNT]; /* asked for all of the class */
	struct heard heard[SENSORS_MAX];
	uint64_t malformed;
	struct pk_frames frames;
	struct pk_bus_message again; /* a heartbeat that says more */
	uint64_t missed[PK_BUS_CLASS_COUNT];
};

/* Is every topic of @class a topic that begins with @prefix? */
static int covers(const char *prefix, int class)
{
	char all[PK_BUS_TOPIC_MAX];
	size_t n = strlen(prefix);

	snprintf(all, sizeof(all), "v1/%s/", pk_bus_words[class]);
	return strncmp(all, prefix, n) == 0;
}

static int ask(struct pk_bus_sub *s, const char *topic)
{
	for (int i = 0; i < PK_BUS_CLASS_COUNT; i++)
		s->whole[i] |= (uint8_t)covers(topic, i);
	return zmq_setsockopt(s->socket, ZMQ_SUBSCRIBE, topic, strlen(topic))
		       ? -errno
		       : 0;
}

static int open_socket(struct pk_bus_sub *s, const char *endpoint,
		       const char *const *topics, uint32_t count,
		       const struct pk_keys *keys)
{
	int err = pk_bus_socket(&s->context, &s->socket, ZMQ_SUB, 0);

	if (!err && keys)
		err = pk_keys_use(s->socket, keys);
	for (uint32_t i = 0; !err && i < count; i++)
		err = ask(s, topics[i]);
	if (!err)
		err = ask(s, count ? "v1/hb/" : "");
	if (!err && zmq_connect(s->socket, endpoint))
		err = -errno;
	return err;
}

int pk_bus_subscribe(struct pk_bus_sub **out, const char *endpoint,
		     const char *const *topics, uint32_t count)
{
	return pk_bus_subscribe_keys(out, endpoint, topics, count, NULL);
}

int pk_bus_subscribe_keys(struct pk_bus_sub **out, const char *endpoint,
			  const char *const *topics, uint32_t count,
			  const struct pk_keys *keys)
{
	struct pk_bus_sub *s;
	int err;

	if (count > TOPICS_MAX)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	pk_frames_init(&s->frames);
	err = open_socket(s, endpoint, topics, count, keys);
	if (err) {
		pk_bus_sub_free(s);
		return err;
	}
	*out = s;
	return 0;
}

void pk_bus_sub_free(struct pk_bus_sub *s)
{
	if (!s)
		return;
	pk_frames_fini(&s->frames);
	pk_bus_socket_close(s->context, s->socket);
	free(s);
}

static struct heard *hear(struct pk_bus_sub *s, const struct pk_bus_header *h)
{
	for (int i = 0; i < SENSORS_MAX; i++) {
		struct heard *e = &s->heard[i];

		if (e->used && e->sensor == h->sensor)
			return e;
		if (e->used)
			continue;
		e->used = 1;
		e->sensor = h->sensor;
		e->epoch = h->epoch;
		return e;
	}
	return NULL;
}

/*
 * A sensor that began anew counts from 1, and we were listening; what it
 * journals goes on.
 */
static void follow_epoch(struct heard *e, uint64_t epoch)
{
	if (e->epoch == epoch)
		return;
	e->epoch = epoch;
	for (int i = 0; i < PK_BUS_CLASS_COUNT; i++) {
		e->anew[i] = pk_bus_journaled(i);
		if (e->anew[i])
			continue;
		e->last[i] = 0;
		e->known[i] = 1;
	}
}

/* The latest message of @class has number @last: how many did we miss? */
static uint64_t catch_up(struct heard *e, int class, uint64_t last)
{
	uint64_t missed = 0;

	if (e->anew[class] && last < e->last[class])
		e->last[class] = 0; /* its journal is another one */
	e->anew[class] = 0;
	if (e->known[class] && last > e->last[class])
		missed = last - e->last[class];
	if (!e->known[class] || last > e->last[class])
		e->last[class] = last;
	e->known[class] = 1;
	return missed;
}

static void read_beat(struct pk_bus_sub *s, struct heard *e,
		      const struct pk_bus_message *m)
{
	uint64_t last[PK_BUS_CLASS_COUNT];
	struct pk_heartbeat beat = {
		.classes = PK_BUS_CLASS_COUNT,
		.word = pk_bus_words,
		.last = last,
	};

	if (pk_decode_heartbeat(m->json, m->len, &beat)) {
		s->malformed++;
		return;
	}
	for (int i = 0; i < PK_BUS_CLASS_COUNT; i++)
		if (i != PK_BUS_HEARTBEAT && s->whole[i])
			s->missed[i] += catch_up(e, i, last[i]);
}

static void find_gaps(struct pk_bus_sub *s, const struct pk_bus_message *m)
{
	int class = m->header.class;
	struct heard *e = hear(s, &m->header);
	uint64_t missed;

	memset(s->missed, 0, sizeof(s->missed));
	if (!e)
		return;
	follow_epoch(e, m->header.epoch);
	missed = catch_up(e, class, m->header.sequence);
	/* This message itself is not missing. */
	if (missed && s->whole[class])
		s->missed[class] = missed - 1;
	if (class == PK_BUS_HEARTBEAT)
		read_beat(s, e, m);
}

/* Put the next class with losses into @m; 1 when there are more of them. */
static int report(struct pk_bus_sub *s, struct pk_bus_message *m)
{
	int reported = 0;

	m->missed = 0;
	m->missed_class = m->header.class;
	for (int i = 0; i < PK_BUS_CLASS_COUNT; i++) {
		if (!s->missed[i])
			continue;
		if (reported)
			return 1;
		m->missed = s->missed[i];
		m->missed_class = (enum pk_bus_class)i;
		s->missed[i] = 0;
		reported = 1;
	}
	return 0;
}

static int wait_readable(struct pk_bus_sub *s, int timeout_ms)
{
	zmq_pollitem_t item = { .socket = s->socket, .events = ZMQ_POLLIN };
	int n = zmq_poll(&item, 1, timeout_ms);

	return n < 0 ? -errno : n;
}

static int give(struct pk_bus_sub *s, struct pk_bus_message *m,
		struct pk_bus_message *out)
{
	s->again.json = report(s, m) ? m->json : NULL;
	*out = *m;
	if (s->again.json)
		s->again = *m;
	return 1;
}

int pk_bus_recv(struct pk_bus_sub *s, int timeout_ms,
		struct pk_bus_message *out)
{
	struct pk_bus_message m = { 0 };
	int n;

	if (s->again.json) {
		m = s->again;
		return give(s, &m, out);
	}
	for (;;) {
		n = pk_frames_recv(&s->frames, s->socket, &m);
		if (n == -EAGAIN) {
			n = wait_readable(s, timeout_ms);
			if (n <= 0)
				return n;
			continue;
		}
		if (n < 0)
			return n;
		if (n && m.header.class < PK_BUS_CLASS_COUNT &&
		    m.header.sequence)
			break;
		s->malformed++;
	}
	find_gaps(s, &m);
	return give(s, &m, out);
}

int pk_bus_sub_fd(const struct pk_bus_sub *s)
{
	int fd = -1;
	size_t size = sizeof(fd);

	zmq_getsockopt(s->socket, ZMQ_FD, &fd, &size);
	return fd;
}

uint64_t pk_bus_sub_malformed(const struct pk_bus_sub *s)
{
	return s->malformed;
}
