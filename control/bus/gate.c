/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "control/bus/peers.h"
#include "control/bus_socket.h"
#include "control/log.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"

enum {
	FRAMES = 8,	 /* of a request, more than it has */
	FRAME_MAX = 255, /* bytes */
	KEY_BYTES = 32,
	FAILURES = ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
		   ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
};

/* A socket; the context owns it, so it may be closed before its place is. */
struct place {
	void *socket; /* NULL: a free place */
	struct pk_peers *peers;
	_Atomic uint64_t gone;
};

struct pk_gate {
	char *clients_file;
	char open[PK_CURVE_TEXT];
	char secret[PK_CURVE_TEXT];
	void *context;
	int wake; /* eventfd: the end */
	pthread_t thread;
	int started;
	void *zap; /* REP; the thread's */
	/* of all threads, under the lock */
	pthread_mutex_t lock;
	struct pk_clients clients;
	struct place place[PK_GATE_SOCKETS];
	struct place *latest;
	_Atomic uint64_t turned_away;
	_Atomic uint64_t revoked;
	struct pk_gate_counters count;
};

/* ---- ZAP: one request, one reply ---- */

struct frame {
	uint8_t bytes[FRAME_MAX + 1]; /* a NUL behind them */
	size_t len;
};

/* version, request id, domain, address, identity, mechanism, key */
enum { VERSION, ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, KEY, REQUEST };

/* How many frames there were; -1 when there is no request. */
static int receive(void *socket, struct frame f[FRAMES])
{
	int n = 0, more = 0;
	zmq_msg_t m;

	memset(f, 0, sizeof(*f) * FRAMES);
	do {
		zmq_msg_init(&m);
		if (zmq_msg_recv(&m, socket, ZMQ_DONTWAIT) < 0)
			return -1;
		if (n < FRAMES && zmq_msg_size(&m) <= FRAME_MAX) {
			f[n].len = zmq_msg_size(&m);
			memcpy(f[n].bytes, zmq_msg_data(&m), f[n].len);
		}
		n++;
		more = zmq_msg_more(&m);
		zmq_msg_close(&m);
	} while (more);
	return n;
}

static int is(const struct frame *f, const char *text)
{
	return f->len == strlen(text) && !memcmp(f->bytes, text, f->len);
}

/* The role that a socket of that domain needs, or -1. */
static int find_role(const struct frame *domain)
{
	for (int i = 0; i < PK_CLIENT_ROLE_COUNT; i++)
		if (is(domain, pk_client_role_words[i]))
			return i;
	return -1;
}

/* Who asks, if it is let in: "User-Id" to @user. Counts it in either case. */
static int decide(struct pk_gate *g, const struct frame *f, int n,
		  char user[PK_GATE_USER])
{
	const struct pk_client *c;
	char key[PK_CURVE_TEXT];
	int role = find_role(&f[DOMAIN]);

	g->count.asked++;
	if (n != REQUEST || !is(&f[VERSION], "1.0") || role < 0 ||
	    !is(&f[MECHANISM], "CURVE") || f[KEY].len != KEY_BYTES ||
	    !zmq_z85_encode(key, f[KEY].bytes, KEY_BYTES)) {
		g->count.malformed++;
		return 0;
	}
	c = pk_clients_find_key(&g->clients, key);
	if (!c) {
		g->count.unknown++;
		return 0;
	}
	/* one for replay asks again, and says why not */
	if (role != PK_CLIENT_REPLAY && !(c->roles & 1U << role)) {
		g->count.unfit++;
		return 0;
	}
	g->count.allowed++;
	snprintf(user, PK_GATE_USER, "%s %s", c->name, c->key);
	return 1;
}

static void reply(void *socket, const struct frame *id, int good,
		  const char *user)
{
	zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(socket, id->bytes, id->len, ZMQ_SNDMORE);
	zmq_send(socket, good ? "200" : "400", 3, ZMQ_SNDMORE);
	zmq_send(socket, good ? "OK" : "No", 2, ZMQ_SNDMORE);
	zmq_send(socket, user, strlen(user), ZMQ_SNDMORE);
	zmq_send(socket, "", 0, 0);
}

static void answer_all(struct pk_gate *g)
{
	struct frame f[FRAMES];
	int n, good;

	while ((n = receive(g->zap, f)) > 0) {
		char user[PK_GATE_USER] = "";

		pthread_mutex_lock(&g->lock);
		good = decide(g, f, n, user);
		pthread_mutex_unlock(&g->lock);
		reply(g->zap, &f[ID], good, user);
	}
}

/* ---- what the sockets tell: handshakes that never got that far ---- */

static void count_failure(struct pk_gate *g, uint16_t event, uint32_t value)
{
	if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
		g->count.broken++;
	else if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
		g->count.no_curve++;
	else if (value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC)
		g->count.wrong_key++;
	else
		g->count.broken++;
}

static void hear(void *arg, uint16_t event, uint32_t value)
{
	struct pk_gate *g = arg;

	pthread_mutex_lock(&g->lock);
	count_failure(g, event, value);
	pthread_mutex_unlock(&g->lock);
}

/* ---- the thread ---- */

static void *run(void *arg)
{
	struct pk_gate *g = arg;
	zmq_pollitem_t item[] = {
		{ .fd = g->wake, .events = ZMQ_POLLIN },
		{ .socket = g->zap, .events = ZMQ_POLLIN },
	};

	while (!(item[0].revents & ZMQ_POLLIN)) {
		if (zmq_poll(item, 2, -1) < 0 && errno != EINTR) {
			pk_err("bus: nobody with a key is let in any more: %s; "
			       "restart picketd",
			       zmq_strerror(errno));
			pthread_mutex_lock(&g->lock);
			g->count.deaf++;
			pthread_mutex_unlock(&g->lock);
			break;
		}
		answer_all(g);
	}
	return NULL;
}

/* ---- sockets ---- */

static struct place *find_place(struct pk_gate *g, const void *socket)
{
	for (int i = 0; i < PK_GATE_SOCKETS; i++)
		if (g->place[i].socket == socket)
			return &g->place[i];
	return NULL;
}

static int watch(struct pk_gate *g, struct place *place, void *socket)
{
	const struct pk_peers_conf conf = { .context = g->context,
					    .socket = socket,
					    .turned_away = &g->turned_away,
					    .gone = &place->gone,
					    .events = FAILURES,
					    .hear = hear,
					    .arg = g };

	atomic_store(&place->gone, 0);
	return pk_peers_new(&place->peers, &conf);
}

/*
 * ZeroMQ lets everybody in when nobody is bound to ZAP_ENDPOINT. So that is
 * bound before there is a socket, and stays until there is none; it need not
 * answer for them to be kept out.
 */
static int be_server(const struct pk_gate *g, void *socket, const char *domain)
{
	int one = 1;

	if (zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &one, sizeof(one)) ||
	    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, g->secret,
			   PK_CURVE_TEXT) ||
	    zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)))
		return -errno;
	return 0;
}

/* The place is taken before the socket is made: any thread may want one. */
static struct place *take_place(struct pk_gate *g)
{
	struct place *place;

	pthread_mutex_lock(&g->lock);
	place = find_place(g, NULL);
	if (place)
		place->socket = g;
	pthread_mutex_unlock(&g->lock);
	return place;
}

static void put_place(struct pk_gate *g, struct place *place, void *socket)
{
	pthread_mutex_lock(&g->lock);
	place->socket = socket;
	if (socket)
		g->latest = place;
	else
		place->peers = NULL;
	pthread_mutex_unlock(&g->lock);
}

int pk_gate_socket(struct pk_gate *g, void **socket,
		   const struct pk_gate_ask *ask)
{
	struct place *place = take_place(g);
	void *s = place ? zmq_socket(g->context, ask->type) : NULL;
	int err = place ? s ? 0 : -errno : -ENOSPC;

	if (!err)
		err = pk_bus_socket_limit(s, ask->linger_ms);
	if (!err)
		err = be_server(g, s, pk_client_role_words[ask->role]);
	if (!err)
		err = watch(g, place, s);
	if (place)
		put_place(g, place, err ? NULL : s);
	if (!err)
		*socket = s;
	else if (s)
		zmq_close(s);
	return err;
}

void pk_gate_close(struct pk_gate *g, void *socket)
{
	struct place *place;

	if (!socket)
		return;
	pthread_mutex_lock(&g->lock);
	place = find_place(g, socket);
	pthread_mutex_unlock(&g->lock);
	pk_peers_free(place->peers, socket);
	put_place(g, place, NULL);
	zmq_close(socket);
}

const _Atomic uint64_t *pk_gate_gone(const struct pk_gate *g)
{
	return &g->latest->gone;
}

void pk_gate_keys(const struct pk_gate *g, struct pk_keys *keys)
{
	memcpy(keys->open, g->open, PK_CURVE_TEXT);
	memcpy(keys->secret, g->secret, PK_CURVE_TEXT);
}

/* ---- questions of other threads ---- */

const char *pk_gate_key(const struct pk_gate *g)
{
	return g->open;
}

/* A name alone is nobody: its key may be another one by now. */
static const struct pk_client *find_user(const struct pk_clients *list,
					 const char *user)
{
	const char *space = user ? strchr(user, ' ') : NULL;
	const struct pk_client *c =
		space ? pk_clients_find_key(list, space + 1) : NULL;

	if (!c || strlen(c->name) != (size_t)(space - user) ||
	    strncmp(c->name, user, (size_t)(space - user)) != 0)
		return NULL;
	return c;
}

int pk_gate_may(struct pk_gate *g, const char *user, enum pk_client_role role)
{
	const struct pk_client *c;
	int may;

	pthread_mutex_lock(&g->lock);
	c = find_user(&g->clients, user);
	may = c && c->roles & 1U << role;
	g->count.forbidden += !may;
	pthread_mutex_unlock(&g->lock);
	return may;
}

uint64_t pk_gate_revoked(const struct pk_gate *g)
{
	return atomic_load(&g->revoked);
}

/* Is there anybody in @old who may do less by @new? */
static int takes_away(const struct pk_clients *old,
		      const struct pk_clients *new)
{
	for (uint32_t i = 0; i < old->count; i++) {
		const struct pk_client *was = &old->client[i];
		const struct pk_client *is_now =
			pk_clients_find_key(new, was->key);

		if (!is_now || strcmp(was->name, is_now->name) != 0 ||
		    was->roles & ~is_now->roles)
			return 1;
	}
	return 0;
}

static int read_again(struct pk_gate *g, struct pk_clients *out, char *err)
{
	int fd = open(g->clients_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;

	if (fd < 0) {
		ret = -errno;
		snprintf(err, PK_CURVE_SENTENCE,
			 "%s: cannot be opened: %s; picketd's user must be "
			 "able to read it",
			 g->clients_file, strerror(-ret));
		return ret;
	}
	ret = pk_clients_read_fd(out, fd, g->clients_file, err);
	close(fd);
	return ret;
}

int pk_gate_reload(struct pk_gate *g, char err[PK_CURVE_SENTENCE])
{
	struct pk_clients new = { 0 }, old;
	int ret = read_again(g, &new, err);

	pthread_mutex_lock(&g->lock);
	g->count.reloads++;
	old = g->clients;
	if (ret) {
		g->count.reloads_failed++;
		old = new;
	} else {
		g->clients = new;
		if (takes_away(&old, &new))
			atomic_fetch_add(&g->revoked, 1);
	}
	pthread_mutex_unlock(&g->lock);
	pk_clients_free(&old);
	return ret;
}

void pk_gate_count(struct pk_gate *g, struct pk_gate_counters *out)
{
	pthread_mutex_lock(&g->lock);
	*out = g->count;
	out->clients = g->clients.count;
	out->turned_away = atomic_load(&g->turned_away);
	pthread_mutex_unlock(&g->lock);
}

/* ---- life ---- */

static int read_files(struct pk_gate *g, const struct pk_gate_conf *conf)
{
	char err[PK_CURVE_SENTENCE] = "";
	int ret = pk_keys_read_fd(g->secret, conf->secret_fd, conf->secret, 1,
				  err);

	if (!ret)
		ret = pk_clients_read_fd(&g->clients, conf->clients_fd,
					 conf->clients, err);
	if (ret) {
		pk_err("the bus cannot be opened to others: %s", err);
		return ret;
	}
	ret = pk_keys_public(g->open, g->secret);
	if (ret)
		pk_err("%s: ZeroMQ does not take this secret: %s", conf->secret,
		       strerror(-ret));
	return ret;
}

static int open_all(struct pk_gate *g, const struct pk_gate_conf *conf)
{
	int err = read_files(g, conf), zero = 0;

	g->clients_file = strdup(conf->clients);
	g->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!err && (!g->clients_file || g->wake < 0))
		err = -ENOMEM;
	if (err)
		return err;
	g->context = zmq_ctx_new();
	if (!g->context)
		return -errno;
	zmq_ctx_set(g->context, ZMQ_BLOCKY, 0);
	g->zap = zmq_socket(g->context, ZMQ_REP);
	if (!g->zap ||
	    zmq_setsockopt(g->zap, ZMQ_LINGER, &zero, sizeof(zero)) ||
	    zmq_bind(g->zap, ZAP_ENDPOINT))
		return -errno;
	err = -pthread_create(&g->thread, NULL, run, g);
	g->started = !err;
	return err;
}

int pk_gate_new(struct pk_gate **out, const struct pk_gate_conf *conf)
{
	struct pk_gate *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return -ENOMEM;
	g->wake = -1;
	pthread_mutex_init(&g->lock, NULL);
	err = open_all(g, conf);
	if (err) {
		pk_gate_free(g);
		return err;
	}
	*out = g;
	return 0;
}

void pk_gate_free(struct pk_gate *g)
{
	if (!g)
		return;
	if (g->started) {
		eventfd_write(g->wake, 1);
		pthread_join(g->thread, NULL);
	}
	for (int i = 0; i < PK_GATE_SOCKETS; i++)
		pk_peers_free(g->place[i].peers, NULL);
	pk_bus_socket_close(g->context, g->zap);
	if (g->wake >= 0)
		close(g->wake);
	pk_clients_free(&g->clients);
	pthread_mutex_destroy(&g->lock);
	explicit_bzero(g->secret, sizeof(g->secret));
	free(g->clients_file);
	free(g);
}
