/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/replayer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "control/bus/frames.h"
#include "control/bus/gate.h"
#include "control/bus/replayer_inside.h"
#include "control/bus_socket.h"
#include "control/json_out.h"
#include "control/log.h"

enum {
	REQUESTS = 64,	 /* before replays get their turn */
	RETRY_MS = 20,	 /* somebody has no room */
	EXPIRY_MS = 500, /* somebody may be idle */
	REQUEST_HWM = 100,
	LINGER_MS = 200,
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- answers ---- */

int pk_replayer_answer(struct pk_replayer *r,
		       const struct pk_replayer_peer *peer, const char *topic,
		       int len)
{
	const struct pk_bus_header h = {
		.schema = PK_BUS_SCHEMA,
		.class = PK_BUS_ANSWER,
		.sensor = r->sensor_hash,
		.epoch = r->epoch,
		.time_ns = clock_ns(CLOCK_REALTIME),
	};

	if (len < 0)
		return len;
	if (zmq_send(pk_replayer_socket(r, peer), peer->name, peer->len,
		     ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
		return -errno;
	return pk_frames_send(pk_replayer_socket(r, peer), topic, &h, r->json,
			      (size_t)len);
}

/* Nobody waits for room for these. */
static void answer_or_count(struct pk_replayer *r,
			    const struct pk_replayer_peer *peer,
			    const char *topic, int len)
{
	if (pk_replayer_answer(r, peer, topic, len))
		r->count.unsent++;
}

void pk_replayer_error(struct pk_replayer *r,
		       const struct pk_replayer_peer *peer,
		       const struct pk_ask *ask, const char *sentence)
{
	struct pk_json_out j;

	pk_json_out_begin(&j, r->json, sizeof(r->json));
	if (ask->has_id)
		pk_json_out_number(&j, "id", ask->id);
	pk_json_out_text(&j, "error", sentence);
	answer_or_count(r, peer, "v1/error/", pk_json_out_end(&j));
}

static void add_class(struct pk_json_out *j, int class,
		      const struct pk_journal_mark *m)
{
	pk_json_out_open(j, pk_bus_words[class], '{');
	pk_json_out_number(j, "first", atomic_load(&m->first));
	pk_json_out_number(j, "last", atomic_load(&m->last));
	pk_json_out_number(j, "written", atomic_load(&m->written));
	pk_json_out_number(j, "began", atomic_load(&m->began));
	pk_json_out_close(j, '}');
}

static void hello(struct pk_replayer *r, const struct pk_replayer_peer *peer)
{
	struct pk_json_out j;

	pk_json_out_begin(&j, r->json, sizeof(r->json));
	pk_json_out_text(&j, "sensor", r->sensor);
	pk_json_out_hex(&j, "epoch", r->epoch);
	pk_json_out_open(&j, "classes", '{');
	for (int i = 0; i < PK_BUS_CLASS_COUNT; i++)
		if (r->mark[i])
			add_class(&j, i, r->mark[i]);
	pk_json_out_close(&j, '}');
	answer_or_count(r, peer, "v1/hello/", pk_json_out_end(&j));
}

/* ---- requests ---- */

static int is_peers(const struct pk_replayer_session *s,
		    const struct pk_replayer_peer *peer)
{
	return s->reader && s->peer.gated == peer->gated &&
	       s->peer.len == peer->len &&
	       !memcmp(s->peer.name, peer->name, peer->len);
}

static struct pk_replayer_session *find(struct pk_replayer *r,
					const struct pk_replayer_peer *peer,
					uint64_t id)
{
	for (int i = 0; i < PK_REPLAYER_SESSIONS; i++)
		if (is_peers(&r->session[i], peer) && r->session[i].id == id)
			return &r->session[i];
	return NULL;
}

/* A free place, or NULL with the reason. */
static struct pk_replayer_session *find_place(
	struct pk_replayer *r, const struct pk_replayer_peer *peer,
	const struct pk_ask *ask, const char **why)
{
	struct pk_replayer_session *place = NULL;
	int count = 0;

	for (int i = 0; i < PK_REPLAYER_SESSIONS; i++) {
		count += is_peers(&r->session[i], peer);
		if (!r->session[i].reader && !place)
			place = &r->session[i];
	}
	*why = NULL;
	if (find(r, peer, ask->id))
		*why = "\"id\" is that of a replay under way; take another";
	else if (count >= PK_REPLAYER_PEER)
		*why = "4 replays of yours are under way; wait for one to end";
	else if (!place)
		*why = "64 replays are under way; ask again later";
	return *why ? NULL : place;
}

static const char *replay(struct pk_replayer *r,
			  const struct pk_replayer_peer *peer,
			  const struct pk_ask *ask)
{
	struct pk_replayer_session *s;
	const char *why = NULL;

	if (!r->mark[ask->class])
		return "there is no journal of this class";
	s = find_place(r, peer, ask, &why);
	if (!s)
		return why;
	if (pk_replayer_begin(r, s, peer, ask))
		return "out of memory; ask again later";
	r->count.replays++;
	return NULL;
}

/* A replay that is not there ended while the request was on its way. */
static void add_credit(struct pk_replayer *r,
		       const struct pk_replayer_peer *peer,
		       const struct pk_ask *ask)
{
	struct pk_replayer_session *s = find(r, peer, ask->id);

	r->count.credits++;
	if (!s)
		return;
	s->credit += ask->credit;
	if (s->credit > PK_ASK_CREDIT_MAX)
		s->credit = PK_ASK_CREDIT_MAX;
	s->touched_ns = r->now_ns;
}

static void cancel(struct pk_replayer *r, const struct pk_replayer_peer *peer,
		   const struct pk_ask *ask)
{
	struct pk_replayer_session *s = find(r, peer, ask->id);

	r->count.cancels++;
	if (!s)
		return;
	if (pk_replayer_tell_end(r, s))
		r->count.unsent++;
	pk_replayer_end(r, s, &r->count.cancelled);
}

static void serve(struct pk_replayer *r, const struct pk_replayer_peer *peer,
		  const char *text, size_t len, int may)
{
	const char *why = NULL;
	struct pk_ask ask;

	r->count.requests++;
	if (pk_ask_parse(&ask, text, len, &why)) {
		; /* it is said why */
	} else if (!may) {
		why = "your key has no role \"replay\"; ask whoever keeps "
		      "the list of clients";
	} else {
		if (ask.op == PK_ASK_HELLO) {
			r->count.hellos++;
			hello(r, peer);
		} else if (ask.op == PK_ASK_REPLAY) {
			why = replay(r, peer, &ask);
		} else if (ask.op == PK_ASK_CREDIT) {
			add_credit(r, peer, &ask);
		} else {
			cancel(r, peer, &ask);
		}
	}
	if (!why)
		return;
	r->count.refused++;
	pk_replayer_error(r, peer, &ask, why);
}

/* What the list of clients says now of who sent @m. */
static int may_ask(struct pk_replayer *r, zmq_msg_t *m)
{
	return pk_gate_may(r->gate, zmq_msg_gets(m, "User-Id"),
			   PK_CLIENT_REPLAY);
}

/* Frames behind the second make it no request. Their number, or -errno. */
static int receive(struct pk_replayer *r, struct pk_replayer_peer *peer,
		   char *text, size_t *len, int *may)
{
	int n = 0, more;
	zmq_msg_t m;

	*len = 0;
	do {
		zmq_msg_init(&m);
		if (zmq_msg_recv(&m, pk_replayer_socket(r, peer),
				 ZMQ_DONTWAIT) < 0)
			return -errno;
		if (n == 0) {
			peer->len = (uint8_t)zmq_msg_size(&m);
			memcpy(peer->name, zmq_msg_data(&m), peer->len);
		} else if (n == 1) {
			*len = zmq_msg_size(&m);
			*may = !peer->gated || may_ask(r, &m);
			if (*len <= PK_ASK_MAX)
				memcpy(text, zmq_msg_data(&m), *len);
		}
		n++;
		more = zmq_msg_more(&m);
		zmq_msg_close(&m);
	} while (more);
	return n;
}

/* 1 when there may be more requests. */
static int serve_some(struct pk_replayer *r, uint8_t gated)
{
	struct pk_replayer_peer peer = { .gated = gated };
	char text[PK_ASK_MAX];
	size_t len;
	int n, may = 0;

	if (!r->socket[gated])
		return 0;
	for (int i = 0; i < REQUESTS; i++) {
		n = receive(r, &peer, text, &len, &may);
		if (n < 0)
			return 0;
		serve(r, &peer, text, n == 2 ? len : 0, may);
	}
	return 1;
}

static int serve_both(struct pk_replayer *r)
{
	int more = 0;

	for (int i = 0; i < PK_REPLAYER_SOCKETS; i++)
		more |= serve_some(r, (uint8_t)i);
	return more;
}

/* ---- the thread ---- */

static void expire(struct pk_replayer *r)
{
	for (int i = 0; i < PK_REPLAYER_SESSIONS; i++) {
		struct pk_replayer_session *s = &r->session[i];
		const struct pk_ask ask = { .has_id = 1, .id = s->id };

		if (!s->reader || r->now_ns - s->touched_ns < r->idle_ns)
			continue;
		pk_replayer_error(r, &s->peer, &ask,
				  "ended: no credit, or nothing read, for too "
				  "long");
		pk_replayer_end(r, s, &r->count.expired);
	}
}

/* How long there is nothing to do, in ms; -1: until somebody asks. */
static int step_all(struct pk_replayer *r)
{
	int wait = -1;

	for (int i = 0; i < PK_REPLAYER_SESSIONS; i++) {
		struct pk_replayer_session *s = &r->session[i];
		int ret = s->reader ? pk_replayer_step(r, s) : 0;

		if (ret > 0)
			wait = 0;
		else if (ret == -EAGAIN && wait)
			wait = RETRY_MS;
		else if (s->reader && wait < 0)
			wait = EXPIRY_MS;
	}
	return wait;
}

static int open_socket(struct pk_replayer *r, int gated);

static void close_gated(struct pk_replayer *r)
{
	const int at_once = 0;

	for (int i = 0; i < PK_REPLAYER_SESSIONS; i++)
		if (r->session[i].reader && r->session[i].peer.gated)
			pk_replayer_end(r, &r->session[i], &r->count.gone);
	if (r->socket[1])
		zmq_setsockopt(r->socket[1], ZMQ_LINGER, &at_once,
			       sizeof(at_once));
	pk_gate_close(r->gate, r->socket[1]);
	r->socket[1] = NULL;
}

/*
 * Somebody may do less than before: nobody with a key stays connected, and who
 * may comes back. What cannot be opened is tried again at the next turn.
 */
static void look_at_keys(struct pk_replayer *r)
{
	uint64_t revoked = r->gate ? pk_gate_revoked(r->gate) : 0;
	int err = 0;

	if (revoked == r->revoked)
		return;
	close_gated(r);
	for (uint32_t i = 0; !err && i < r->endpoints; i++) {
		if (!pk_endpoint_is_tcp(r->endpoint[i]))
			continue;
		err = open_socket(r, 1);
		if (!err)
			err = pk_endpoint_bind_again(r->socket[1],
						     r->endpoint[i]);
	}
	if (err)
		close_gated(r);
	else
		r->revoked = revoked;
}

static void tell_counters(struct pk_replayer *r)
{
	pthread_mutex_lock(&r->lock);
	r->told = r->count;
	pthread_mutex_unlock(&r->lock);
}

/*
 * ZeroMQ's file descriptor signals edges, and sending swallows them: ask for
 * the state before waiting. 1: go on; 0: the end.
 */
static int wait_for(struct pk_replayer *r, int wait_ms)
{
	struct pollfd fds[1 + PK_REPLAYER_SOCKETS] = { { r->wake, POLLIN, 0 } };
	size_t size = sizeof(fds[1].fd), events_size = sizeof(int);
	int events, waiting = 0;

	for (int i = 0; i < PK_REPLAYER_SOCKETS; i++) {
		struct pollfd *p = &fds[1 + i];

		*p = (struct pollfd){ .fd = -1, .events = POLLIN };
		if (!r->socket[i])
			continue;
		events = 0;
		zmq_getsockopt(r->socket[i], ZMQ_FD, &p->fd, &size);
		zmq_getsockopt(r->socket[i], ZMQ_EVENTS, &events, &events_size);
		waiting |= events & ZMQ_POLLIN;
	}
	poll(fds, 1 + PK_REPLAYER_SOCKETS, waiting ? 0 : wait_ms);
	return !(fds[0].revents & POLLIN);
}

static void *run(void *arg)
{
	struct pk_replayer *r = arg;
	int wait;

	do {
		r->now_ns = clock_ns(CLOCK_MONOTONIC);
		look_at_keys(r);
		wait = serve_both(r) ? 0 : -1;
		expire(r);
		if (wait)
			wait = step_all(r);
		else
			step_all(r);
		if (r->gate && wait < 0)
			wait = EXPIRY_MS; /* somebody may lose a role */
		tell_counters(r);
	} while (wait_for(r, wait));
	return NULL;
}

/* ---- life ---- */

static int limit(void *socket)
{
	const struct {
		int option;
		int value;
	} options[] = {
		{ ZMQ_ROUTER_MANDATORY, 1 },
		{ ZMQ_SNDHWM, PK_REPLAYER_HWM },
		{ ZMQ_RCVHWM, REQUEST_HWM },
	};
	int64_t most = PK_ASK_MAX * 8;

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (zmq_setsockopt(socket, options[i].option, &options[i].value,
				   sizeof(options[i].value)))
			return -errno;
	/* a longer one is not even answered: its peer is cut off */
	if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof(most)))
		return -errno;
	return 0;
}

static int has_endpoint(const struct pk_replayer *r, const char *endpoint)
{
	for (uint32_t i = 0; i < r->endpoints; i++)
		if (!strcmp(r->endpoint[i], endpoint))
			return 1;
	return 0;
}

static int open_public(struct pk_replayer *r)
{
	int err = pk_bus_socket(&r->context, &r->socket[0], ZMQ_ROUTER,
				LINGER_MS);
	const struct pk_peers_conf conf = { .context = r->context,
					    .socket = r->socket[0],
					    .turned_away = &r->turned_away };

	return err ? err : pk_peers_new(&r->peers, &conf);
}

static int open_socket(struct pk_replayer *r, int gated)
{
	const struct pk_gate_ask ask = { .type = ZMQ_ROUTER,
					 .linger_ms = LINGER_MS,
					 .role = PK_CLIENT_REPLAY };
	int err;

	if (r->socket[gated])
		return 0;
	err = gated ? pk_gate_socket(r->gate, &r->socket[1], &ask)
		    : open_public(r);
	return err ? err : limit(r->socket[gated]);
}

/* Two sockets of the bus in one folder have one place beside them. */
static int bind_beside(struct pk_replayer *r, const char *bus)
{
	char *into = r->endpoint[r->endpoints];
	char endpoint[PK_ENDPOINT_MAX];
	size_t size = PK_ENDPOINT_MAX;
	int err = pk_endpoint_replay(bus, endpoint), gated;

	if (err)
		pk_err("bus endpoint %s: there is no place for the replay "
		       "server beside it; it needs " PK_ENDPOINT_REPLAY
		       " in the "
		       "same folder, or the next port",
		       bus);
	if (!err)
		err = pk_endpoint_check(endpoint, r->gate != NULL);
	if (err || has_endpoint(r, endpoint))
		return err;
	gated = r->gate && pk_endpoint_is_tcp(endpoint);
	err = open_socket(r, gated);
	if (!err)
		err = pk_endpoint_bind(r->socket[gated], endpoint);
	if (err)
		return err;
	/* the system chose the port */
	strcpy(into, endpoint);
	if (strstr(endpoint, ":*") &&
	    zmq_getsockopt(r->socket[gated], ZMQ_LAST_ENDPOINT, into, &size))
		return -errno;
	r->endpoints++;
	return 0;
}

static int bind_all(struct pk_replayer *r, const struct pk_replayer_conf *conf)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < conf->endpoint_count; i++)
		err = bind_beside(r, conf->endpoints[i]);
	return err;
}

static int open_all(struct pk_replayer *r, const struct pk_replayer_conf *conf)
{
	r->sensor = strdup(conf->sensor);
	r->wake = eventfd(0, EFD_CLOEXEC);
	if (!r->sensor || r->wake < 0)
		return -ENOMEM;
	r->dir_fd = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0)
		return -errno;
	return bind_all(r, conf);
}

int pk_replayer_new(struct pk_replayer **out,
		    const struct pk_replayer_conf *conf)
{
	struct pk_replayer *r;
	int err;

	if (!conf->endpoint_count || conf->endpoint_count > PK_BUS_ENDPOINTS)
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->dir_fd = r->wake = -1;
	pthread_mutex_init(&r->lock, NULL);
	r->sensor_hash = pk_bus_sensor(conf->sensor);
	r->epoch = conf->epoch;
	r->idle_ns = conf->idle_ns ? conf->idle_ns : PK_REPLAYER_IDLE_NS;
	r->gate = conf->gate;
	memcpy(r->mark, conf->mark, sizeof(r->mark));
	err = open_all(r, conf);
	if (!err)
		err = -pthread_create(&r->thread, NULL, run, r);
	r->started = !err;
	if (err) {
		pk_err("the replay server of the bus cannot start: %s",
		       strerror(-err));
		pk_replayer_free(r);
		return err;
	}
	*out = r;
	return 0;
}

void pk_replayer_free(struct pk_replayer *r)
{
	if (!r)
		return;
	if (r->started) {
		eventfd_write(r->wake, 1);
		pthread_join(r->thread, NULL);
	}
	for (int i = 0; i < PK_REPLAYER_SESSIONS; i++)
		pk_journal_reader_free(r->session[i].reader);
	pk_gate_close(r->gate, r->socket[1]);
	pk_peers_free(r->peers, r->socket[0]);
	pk_bus_socket_close(r->context, r->socket[0]);
	if (r->dir_fd >= 0)
		close(r->dir_fd);
	if (r->wake >= 0)
		close(r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r->sensor);
	free(r);
}

const char *pk_replayer_endpoint(const struct pk_replayer *r, uint32_t i)
{
	return i < r->endpoints ? r->endpoint[i] : NULL;
}

void pk_replayer_count(struct pk_replayer *r, struct pk_replayer_counters *out)
{
	pthread_mutex_lock(&r->lock);
	*out = r->told;
	out->turned_away = atomic_load(&r->turned_away);
	pthread_mutex_unlock(&r->lock);
}
