/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/peers.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "control/log.h"

enum {
	FILES = 1 << 16, /* numbers that a connection's may have */
	WORD = 64,
	PLACE = 256, /* bytes of an endpoint in an event */
	EVENTS = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED,
};

struct pk_peers {
	struct pk_peers_conf conf;
	void *pair; /* the thread's */
	int wake;   /* eventfd: the end */
	pthread_t thread;
	int started;
	uint32_t most;
	uint32_t most_in_all;
	_Atomic uint32_t count;
	uint64_t is_there[FILES / WORD]; /* bits: their file descriptors */
};

static _Atomic uint32_t in_all;

struct event {
	uint16_t event;
	uint32_t value;
	char place[PLACE]; /* of ours */
};

/* ---- the connections ---- */

/* The number may be another file's by now, so no other socket is shut down. */
static int is_at(int fd, const char *place)
{
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
		struct sockaddr_un un;
	} a;
	socklen_t len = sizeof(a) - 1;
	const char *port = strrchr(place, ':');

	memset(&a, 0, sizeof(a));
	if (!port || getsockname(fd, &a.any, &len))
		return 0;
	if (a.any.sa_family == AF_UNIX)
		return !strncmp(place, "ipc://", 6) &&
		       !strcmp(place + 6, a.un.sun_path);
	if (a.any.sa_family != AF_INET && a.any.sa_family != AF_INET6)
		return 0;
	return !strncmp(place, "tcp://", 6) &&
	       ntohs(a.any.sa_family == AF_INET
			     ? a.ip4.sin_port
			     : a.ip6.sin6_port) == strtoul(port + 1, NULL, 10);
}

static void turn_away(struct pk_peers *p, const struct event *e)
{
	atomic_fetch_add(p->conf.turned_away, 1);
	if (is_at((int)e->value, e->place))
		shutdown((int)e->value, SHUT_RDWR);
}

static void come(struct pk_peers *p, const struct event *e)
{
	uint64_t bit = 1ULL << e->value % WORD;

	if (e->value >= FILES || p->count >= p->most ||
	    atomic_load(&in_all) >= p->most_in_all) {
		turn_away(p, e);
		return;
	}
	if (p->is_there[e->value / WORD] & bit)
		return;
	p->is_there[e->value / WORD] |= bit;
	atomic_fetch_add(&p->count, 1);
	atomic_fetch_add(&in_all, 1);
}

static void go(struct pk_peers *p, const struct event *e)
{
	uint64_t bit = 1ULL << e->value % WORD;

	if (p->conf.gone)
		atomic_fetch_add(p->conf.gone, 1);
	if (e->value >= FILES || !(p->is_there[e->value / WORD] & bit))
		return;
	p->is_there[e->value / WORD] &= ~bit;
	atomic_fetch_sub(&p->count, 1);
	atomic_fetch_sub(&in_all, 1);
}

/* ---- events: a number and a value, then the endpoint ---- */

static int receive(void *pair, struct event *e)
{
	uint8_t first[sizeof(e->event) + sizeof(e->value)];
	int n = zmq_recv(pair, first, sizeof(first), ZMQ_DONTWAIT);

	if (n != (int)sizeof(first))
		return 0;
	memcpy(&e->event, first, sizeof(e->event));
	memcpy(&e->value, first + sizeof(e->event), sizeof(e->value));
	n = zmq_recv(pair, e->place, PLACE - 1, ZMQ_DONTWAIT);
	e->place[n < 0 ? 0 : n < PLACE ? n : PLACE - 1] = 0;
	return 1;
}

static void hear_all(struct pk_peers *p)
{
	struct event e;

	while (receive(p->pair, &e)) {
		if (e.event == ZMQ_EVENT_ACCEPTED)
			come(p, &e);
		else if (e.event == ZMQ_EVENT_DISCONNECTED)
			go(p, &e);
		if (p->conf.hear && e.event & p->conf.events)
			p->conf.hear(p->conf.arg, e.event, e.value);
	}
}

static void *run(void *arg)
{
	struct pk_peers *p = arg;
	zmq_pollitem_t item[] = {
		{ .fd = p->wake, .events = ZMQ_POLLIN },
		{ .socket = p->pair, .events = ZMQ_POLLIN },
	};

	while (!(item[0].revents & ZMQ_POLLIN)) {
		if (zmq_poll(item, 2, -1) < 0 && errno != EINTR) {
			pk_err("bus: connections are not counted any more: %s",
			       zmq_strerror(errno));
			break;
		}
		hear_all(p);
	}
	return NULL;
}

/* ---- life ---- */

static void find_limits(struct pk_peers *p)
{
	struct rlimit files = { RLIM_INFINITY, RLIM_INFINITY };

	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur > FILES)
		files.rlim_cur = FILES;
	p->most_in_all = (uint32_t)files.rlim_cur / 2;
	p->most = (uint32_t)files.rlim_cur / 4;
	if (p->most > PK_PEERS_MAX)
		p->most = PK_PEERS_MAX;
}

static int watch(struct pk_peers *p)
{
	static _Atomic uint32_t number;
	char endpoint[64];
	int zero = 0;

	snprintf(endpoint, sizeof(endpoint), "inproc://peers-%u",
		 atomic_fetch_add(&number, 1));
	p->pair = zmq_socket(p->conf.context, ZMQ_PAIR);
	if (!p->pair ||
	    zmq_setsockopt(p->pair, ZMQ_LINGER, &zero, sizeof(zero)) ||
	    zmq_socket_monitor(p->conf.socket, endpoint,
			       EVENTS | p->conf.events) ||
	    zmq_connect(p->pair, endpoint))
		return -errno;
	return 0;
}

int pk_peers_new(struct pk_peers **out, const struct pk_peers_conf *conf)
{
	struct pk_peers *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->conf = *conf;
	find_limits(p);
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = p->wake < 0 ? -errno : watch(p);
	if (!err)
		err = -pthread_create(&p->thread, NULL, run, p);
	p->started = !err;
	if (err)
		pk_peers_free(p, conf->socket);
	else
		*out = p;
	return err;
}

/* libzmq waits for whoever hears: so it tells no more, before the thread ends. */
void pk_peers_free(struct pk_peers *p, void *socket)
{
	if (!p)
		return;
	if (socket)
		zmq_socket_monitor(socket, NULL, 0);
	if (p->started) {
		eventfd_write(p->wake, 1);
		pthread_join(p->thread, NULL);
	}
	if (p->pair)
		zmq_close(p->pair);
	if (p->wake >= 0)
		close(p->wake);
	atomic_fetch_sub(&in_all, p->count);
	free(p);
}

uint32_t pk_peers_count(const struct pk_peers *p)
{
	return atomic_load(&p->count);
}
