/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zmq.h>

#include "control/bus/endpoint.h"
#include "control/bus/frames.h"
#include "control/bus_socket.h"
#include "control/encode.h"
#include "control/log.h"

enum { BEAT_MAX = 2048 };
#define BEAT_NS 1000000000ULL

struct pk_bus {
	void *context;
	void *socket;
	char *sensor;
	uint32_t sensor_hash;
	uint64_t epoch;
	uint64_t last[PK_BUS_CLASS_COUNT];
	uint64_t first[PK_BUS_CLASS_COUNT];
	uint64_t next_beat_ns;
	struct pk_bus_counters counters;
};

static int open_socket(struct pk_bus *b, const struct pk_bus_conf *conf)
{
	int err;

	err = pk_bus_socket(&b->context, &b->socket, ZMQ_PUB, PK_BUS_LINGER_MS);
	for (uint32_t i = 0; !err && i < conf->endpoint_count; i++)
		err = pk_endpoint_bind(b->socket, conf->endpoints[i]);
	return err;
}

int pk_bus_new(struct pk_bus **out, const struct pk_bus_conf *conf)
{
	struct pk_bus *b;
	int err = 0;

	if (!conf->sensor || !conf->endpoint_count ||
	    conf->endpoint_count > PK_BUS_ENDPOINTS)
		return -EINVAL;
	for (uint32_t i = 0; !err && i < conf->endpoint_count; i++)
		err = pk_endpoint_check(conf->endpoints[i]);
	if (err)
		return err;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->sensor_hash = pk_bus_sensor(conf->sensor);
	b->epoch = conf->epoch;
	b->sensor = strdup(conf->sensor);
	err = b->sensor ? open_socket(b, conf) : -ENOMEM;
	if (err) {
		pk_bus_free(b);
		return err;
	}
	*out = b;
	return 0;
}

void pk_bus_free(struct pk_bus *b)
{
	if (!b)
		return;
	pk_bus_socket_close(b->context, b->socket);
	free(b->sensor);
	free(b);
}

static int subject_valid(const char *subject)
{
	size_t n = strspn(subject, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && subject[n] == 0;
}

static int make_topic(char topic[PK_BUS_TOPIC_MAX], enum pk_bus_class class,
		      const char *subject)
{
	int n;

	if (class < 0 || class >= PK_BUS_CLASS_COUNT)
		return -EINVAL;
	if (subject && !subject_valid(subject))
		return -EINVAL;
	n = snprintf(topic, PK_BUS_TOPIC_MAX, "v1/%s/%s%s", pk_bus_words[class],
		     subject ? subject : "", subject ? "/" : "");
	return n < PK_BUS_TOPIC_MAX ? n : -EINVAL;
}

static int publish(struct pk_bus *b, const struct pk_bus_item *item)
{
	char topic[PK_BUS_TOPIC_MAX];
	struct pk_bus_header h;
	int err = make_topic(topic, item->class, item->subject);

	if (err < 0)
		return err;
	if (!item->len || item->len > PK_BUS_MESSAGE_MAX)
		return -EINVAL;
	h = (struct pk_bus_header){
		.schema = PK_BUS_SCHEMA,
		.class = (uint16_t)item->class,
		.sensor = b->sensor_hash,
		.epoch = b->epoch,
		.sequence =
			item->number ? item->number : b->last[item->class] + 1,
		.time_ns = item->time_ns,
	};
	err = pk_frames_send(b->socket, topic, &h, item->json, item->len);
	if (!err)
		b->last[item->class] = h.sequence;
	return err;
}

int pk_bus_publish_item(struct pk_bus *b, const struct pk_bus_item *item)
{
	int err = publish(b, item);

	b->counters.offered++;
	if (err) {
		if (item->number && item->class < PK_BUS_CLASS_COUNT)
			b->last[item->class] = item->number;
		b->counters.refused++;
		return err;
	}
	b->counters.published++;
	b->counters.bytes += item->len;
	return 0;
}

int pk_bus_publish(struct pk_bus *b, enum pk_bus_class class,
		   const char *subject, uint64_t time_ns, const char *json,
		   size_t len)
{
	const struct pk_bus_item item = {
		class, 0, subject, time_ns, json, len
	};

	return pk_bus_publish_item(b, &item);
}

void pk_bus_start_at(struct pk_bus *b, enum pk_bus_class class, uint64_t number)
{
	b->last[class] = number;
}

void pk_bus_oldest(struct pk_bus *b, enum pk_bus_class class, uint64_t number)
{
	b->first[class] = number;
}

void pk_bus_tick(struct pk_bus *b, uint64_t now_ns)
{
	struct pk_heartbeat beat = {
		.sensor = b->sensor,
		.epoch = b->epoch,
		.time_ns = now_ns,
		.classes = PK_BUS_CLASS_COUNT,
		.word = pk_bus_words,
		.last = b->last,
		.first = b->first,
	};
	char json[BEAT_MAX];
	int len;

	/* A clock that was set back must not silence the heart. */
	if (now_ns < b->next_beat_ns && b->next_beat_ns - now_ns <= BEAT_NS)
		return;
	b->next_beat_ns = now_ns + BEAT_NS;
	len = pk_encode_heartbeat(&beat, json, sizeof(json));
	if (len < 0)
		pk_warn("bus: no heartbeat: %s", strerror(-len));
	else
		pk_bus_publish(b, PK_BUS_HEARTBEAT, NULL, now_ns, json,
			       (size_t)len);
}

uint64_t pk_bus_sequence(const struct pk_bus *b, enum pk_bus_class class)
{
	return class >= 0 && class < PK_BUS_CLASS_COUNT ? b->last[class] : 0;
}

const struct pk_bus_counters *pk_bus_count(const struct pk_bus *b)
{
	return &b->counters;
}

uint32_t pk_bus_sensor(const char *name)
{
	return (uint32_t)XXH3_64bits(name, strlen(name));
}
