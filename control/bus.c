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
#include "control/bus/gate.h"
#include "control/bus/peers.h"
#include "control/bus/topics.h"
#include "control/bus_socket.h"
#include "control/encode.h"
#include "control/log.h"

enum { BEAT_MAX = 2048, TOPICS_EVERY = 64 };
#define BEAT_NS 1000000000ULL

/* A socket, which may have to be opened anew. */
struct side {
	void *context; /* NULL: the gate's */
	void *socket;  /* NULL: none, or it could not be opened again */
	struct pk_peers *peers; /* NULL: the gate's */
	uint32_t topics;	/* that peers have subscribed to */
	uint32_t places;
	char *place[PK_BUS_ENDPOINTS];
};

struct pk_bus {
	struct side side[2]; /* of those who need no key, and who do */
	struct pk_gate *gate;
	uint64_t revoked;	      /* as the gate said last */
	_Atomic uint64_t turned_away; /* of the first; the gate has its own */
	char *sensor;
	uint32_t sensor_hash;
	uint64_t epoch;
	uint64_t last[PK_BUS_CLASS_COUNT];
	uint64_t first[PK_BUS_CLASS_COUNT];
	uint64_t next_beat_ns;
	struct pk_bus_counters counters;
	uint32_t unasked; /* messages since peers were last looked at */
};

static int open_public(struct pk_bus *b)
{
	struct side *s = &b->side[0];
	int err = pk_bus_socket(&s->context, &s->socket, ZMQ_XPUB,
				PK_BUS_LINGER_MS);
	const struct pk_peers_conf conf = { .context = s->context,
					    .socket = s->socket,
					    .turned_away = &b->turned_away };

	return err ? err : pk_peers_new(&s->peers, &conf);
}

static int open_side(struct pk_bus *b, int gated)
{
	const struct pk_gate_ask ask = { .type = ZMQ_XPUB,
					 .linger_ms = PK_BUS_LINGER_MS,
					 .role = PK_CLIENT_SUBSCRIBE };
	struct side *s = &b->side[gated];
	int err = gated ? pk_gate_socket(b->gate, &s->socket, &ask)
			: open_public(b);

	return err ? err : pk_topics_limit(s->socket);
}

static void close_side(struct pk_bus *b, int gated)
{
	struct side *s = &b->side[gated];

	pk_peers_free(s->peers, s->socket);
	if (gated)
		pk_gate_close(b->gate, s->socket);
	else
		pk_bus_socket_close(s->context, s->socket);
	s->peers = NULL;
	s->context = NULL;
	s->socket = NULL;
	s->topics = 0;
}

static int bind_one(struct pk_bus *b, const char *endpoint)
{
	int gated = b->gate && pk_endpoint_is_tcp(endpoint);
	struct side *s = &b->side[gated];
	char *place = strdup(endpoint);
	int err = place ? 0 : -ENOMEM;

	if (!err && !s->socket)
		err = open_side(b, gated);
	if (!err)
		err = pk_endpoint_bind(s->socket, endpoint);
	if (err)
		free(place);
	else
		s->place[s->places++] = place;
	return err;
}

/* The places are ours, so want of files fails it; the next heartbeat tries. */
static void open_again(struct pk_bus *b, int gated)
{
	struct side *s = &b->side[gated];
	int err = open_side(b, gated);

	for (uint32_t i = 0; !err && i < s->places; i++)
		err = pk_endpoint_bind_again(s->socket, s->place[i]);
	if (err)
		close_side(b, gated);
}

/* All its peers are cut off, and may come back. */
static void open_anew(struct pk_bus *b, int gated)
{
	const int at_once = 0;

	zmq_setsockopt(b->side[gated].socket, ZMQ_LINGER, &at_once,
		       sizeof(at_once));
	close_side(b, gated);
	open_again(b, gated);
}

/* Somebody with a key may do less than before: see control/bus/gate.h. */
static void look_at_keys(struct pk_bus *b)
{
	uint64_t revoked = b->gate ? pk_gate_revoked(b->gate) : 0;

	if (revoked == b->revoked)
		return;
	b->revoked = revoked;
	if (b->side[1].socket)
		open_anew(b, 1);
}

/* Peers may not make it grow without bound: see control/bus/topics.h. */
static void look_at_topics(struct pk_bus *b)
{
	b->unasked = 0;
	b->counters.turned_away = atomic_load(&b->turned_away);
	for (int gated = 0; gated < 2; gated++) {
		struct side *s = &b->side[gated];

		if (!s->socket || !pk_topics_read(s->socket, &s->topics))
			continue;
		pk_err("bus: subscribers asked for more than %d topics; all "
		       "that need %s key are cut off, and may come back",
		       PK_TOPICS_MAX, gated ? "a" : "no");
		b->counters.cut_off++;
		open_anew(b, gated);
	}
}

static void look_at_peers(struct pk_bus *b)
{
	look_at_keys(b);
	look_at_topics(b);
}

static int open_socket(struct pk_bus *b, const struct pk_bus_conf *conf)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < conf->endpoint_count; i++)
		err = bind_one(b, conf->endpoints[i]);
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
		err = pk_endpoint_check(conf->endpoints[i], conf->gate != NULL);
	if (err)
		return err;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->sensor_hash = pk_bus_sensor(conf->sensor);
	b->epoch = conf->epoch;
	b->gate = conf->gate;
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
	for (int gated = 0; gated < 2; gated++) {
		struct side *s = &b->side[gated];

		close_side(b, gated);
		while (s->places)
			free(s->place[--s->places]);
	}
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
	const char *word, *parts[5] = { "v1/", NULL, "/", subject, "/" };
	size_t n = 0;

	if (class < 0 || class >= PK_BUS_CLASS_COUNT)
		return -EINVAL;
	if (subject && !subject_valid(subject))
		return -EINVAL;
	parts[1] = pk_bus_words[class];
	for (int i = 0; i < (subject ? 5 : 3); i++)
		for (word = parts[i]; *word; word++) {
			if (n == PK_BUS_TOPIC_MAX - 1)
				return -EINVAL;
			topic[n++] = *word;
		}
	topic[n] = 0;
	return (int)n;
}

static int send_to_all(struct pk_bus *b, const char *topic,
		       const struct pk_bus_header *h,
		       const struct pk_bus_item *item)
{
	int err = 0;

	for (int gated = 0; gated < 2; gated++) {
		const struct side *s = &b->side[gated];
		int ret = s->places ? -ENOTCONN : 0;

		if (s->socket)
			ret = pk_frames_send(s->socket, topic, h, item->json,
					     item->len);
		err = err ? err : ret;
	}
	return err;
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
	err = send_to_all(b, topic, &h, item);
	if (++b->unasked == TOPICS_EVERY)
		look_at_peers(b);
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
	look_at_peers(b);
	for (int gated = 0; gated < 2; gated++)
		if (!b->side[gated].socket && b->side[gated].places)
			open_again(b, gated);
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
