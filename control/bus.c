/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <xxhash.h>
#include <zmq.h>

#include "control/bus_socket.h"
#include "control/encode.h"
#include "control/log.h"

enum { BEAT_MAX = 2048, SOCKET_MODE = 0660, HOST_MAX = 64 };
#define BEAT_NS 1000000000ULL
#define IPC	"ipc://"
#define TCP	"tcp://"

struct pk_bus {
	void *context;
	void *socket;
	char *sensor;
	uint32_t sensor_hash;
	uint64_t epoch;
	uint64_t last[PK_BUS_CLASS_COUNT];
	uint64_t next_beat_ns;
	struct pk_bus_counters counters;
};

/* An abstract name has no mode, so anybody could connect to it. */
static int check_ipc(const char *endpoint)
{
	const char *path = endpoint + strlen(IPC);

	if (*path != '/') {
		pk_err("bus endpoint %s: not an absolute path; write "
		       "ipc:///run/picket/bus.sock",
		       endpoint);
		return -EINVAL;
	}
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		pk_err("bus endpoint %s: the path is longer than a socket's "
		       "may be; choose a shorter one",
		       endpoint);
		return -EINVAL;
	}
	return 0;
}

/* The host of tcp://HOST:PORT, without the brackets of IPv6. */
static int tcp_host(const char *endpoint, char host[HOST_MAX])
{
	const char *from = endpoint + strlen(TCP);
	const char *colon = strrchr(from, ':');
	size_t n = colon ? (size_t)(colon - from) : 0;

	if (n > 2 && from[0] == '[' && from[n - 1] == ']') {
		from++;
		n -= 2;
	}
	if (!n || n >= HOST_MAX)
		return -EINVAL;
	memcpy(host, from, n);
	host[n] = 0;
	return 0;
}

static int is_loopback(const char *host)
{
	struct in_addr ip4;
	struct in6_addr ip6;

	if (inet_pton(AF_INET, host, &ip4) == 1)
		return ntohl(ip4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &ip6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&ip6);
	return 0;
}

static int check_tcp(const char *endpoint)
{
	char host[HOST_MAX];

	if (tcp_host(endpoint, host)) {
		pk_err("bus endpoint %s: not tcp://ADDRESS:PORT", endpoint);
		return -EINVAL;
	}
	if (is_loopback(host))
		return 0;
	pk_err("bus endpoint %s: not a loopback address, and the bus has no "
	       "authentication; use ipc:// or tcp://127.0.0.1:PORT and let a "
	       "relay carry it off the host",
	       endpoint);
	return -EPERM;
}

static int check_endpoint(const char *endpoint)
{
	if (strncmp(endpoint, IPC, strlen(IPC)) == 0)
		return check_ipc(endpoint);
	if (strncmp(endpoint, TCP, strlen(TCP)) == 0)
		return check_tcp(endpoint);
	pk_err("bus endpoint %s: only ipc:// and tcp:// on loopback are "
	       "served",
	       endpoint);
	return -EINVAL;
}

/* The mode is right from the first moment, whatever the caller's umask. */
static int bind_one(struct pk_bus *b, const char *endpoint)
{
	int ipc = strncmp(endpoint, IPC, strlen(IPC)) == 0;
	mode_t mask = umask(0777 & ~SOCKET_MODE);
	int err = zmq_bind(b->socket, endpoint) ? -errno : 0;

	umask(mask);
	if (!err && ipc && chmod(endpoint + strlen(IPC), SOCKET_MODE))
		err = -errno;
	if (err)
		pk_err("bus endpoint %s: cannot bind: %s; check that the "
		       "folder is writable and no other picketd runs",
		       endpoint, zmq_strerror(-err));
	return err;
}

static int open_socket(struct pk_bus *b, const struct pk_bus_conf *conf)
{
	int err;

	err = pk_bus_socket(&b->context, &b->socket, ZMQ_PUB, PK_BUS_LINGER_MS);
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
		err = check_endpoint(conf->endpoints[i]);
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

/* ZeroMQ takes all frames of a message or none: only the first can fail. */
static int send_frames(struct pk_bus *b, const char *topic,
		       const struct pk_bus_header *h, const char *json,
		       size_t len)
{
	struct pk_bus_header wire = {
		.schema = htole16(h->schema),
		.class = htole16(h->class),
		.sensor = htole32(h->sensor),
		.epoch = htole64(h->epoch),
		.sequence = htole64(h->sequence),
		.time_ns = htole64(h->time_ns),
	};
	const int more = ZMQ_SNDMORE | ZMQ_DONTWAIT;

	if (zmq_send(b->socket, topic, strlen(topic), more) < 0 ||
	    zmq_send(b->socket, &wire, sizeof(wire), more) < 0 ||
	    zmq_send(b->socket, json, len, ZMQ_DONTWAIT) < 0)
		return -errno;
	return 0;
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
	err = send_frames(b, topic, &h, item->json, item->len);
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

void pk_bus_tick(struct pk_bus *b, uint64_t now_ns)
{
	struct pk_heartbeat beat = {
		.sensor = b->sensor,
		.epoch = b->epoch,
		.time_ns = now_ns,
		.classes = PK_BUS_CLASS_COUNT,
		.word = pk_bus_words,
		.last = b->last,
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
