/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <microhttpd.h>

#include "control/log.h"

enum {
	BACKLOG = 64,
	CONNECTION_BYTES = 16384,
	PORT_MAX = 65535,
	FRESH_MS = 1000, /* a text is served again for as long */
};

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* A connection and when it ends; libmicrohttpd's socket context. */
struct client {
	struct pk_metrics *m;
	struct client *next;
	struct client **at;
	int fd;
	uint64_t end_ms;
};

struct pk_metrics {
	struct pk_metrics_conf conf;
	struct MHD_Daemon *http;
	struct event *readable; /* libmicrohttpd's epoll has something */
	struct event *due;	/* or one of its times has come */
	struct client *clients;
	struct MHD_Response *fresh; /* the latest text */
	uint64_t fresh_ms;
	uint16_t port;
	int freed; /* a connection's place, since the latest wait_on() */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- address --------------------------------------------------------------- */

static int read_port(const char *text, uint16_t *port)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9' || strlen(text) > 5)
		return -EINVAL;
	n = strtoul(text, &end, 10);
	if (*end || n > PORT_MAX)
		return -EINVAL;
	*port = htons((uint16_t)n);
	return 0;
}

static int read_ip4(const char *host, uint16_t port,
		    struct sockaddr_storage *out, socklen_t *len)
{
	struct sockaddr_in *a = (struct sockaddr_in *)out;

	if (inet_pton(AF_INET, host, &a->sin_addr) != 1)
		return -EINVAL;
	a->sin_family = AF_INET;
	a->sin_port = port;
	*len = sizeof(*a);
	return ntohl(a->sin_addr.s_addr) >> 24 == 127 ? 0 : -EPERM;
}

static int read_ip6(const char *host, uint16_t port,
		    struct sockaddr_storage *out, socklen_t *len)
{
	struct sockaddr_in6 *a = (struct sockaddr_in6 *)out;

	if (inet_pton(AF_INET6, host, &a->sin6_addr) != 1)
		return -EINVAL;
	a->sin6_family = AF_INET6;
	a->sin6_port = port;
	*len = sizeof(*a);
	return IN6_IS_ADDR_LOOPBACK(&a->sin6_addr) ? 0 : -EPERM;
}

int pk_metrics_address(const char *text, struct sockaddr_storage *out,
		       socklen_t *len)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t n = colon ? (size_t)(colon - text) : 0;
	uint16_t port;

	memset(out, 0, sizeof(*out));
	if (!n || n >= sizeof(host) || read_port(colon + 1, &port))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = 0;
	if (host[0] != '[')
		return read_ip4(host, port, out, len);
	if (host[n - 1] != ']')
		return -EINVAL;
	host[n - 1] = 0;
	return read_ip6(host + 1, port, out, len);
}

/* --- answers --------------------------------------------------------------- */

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status,
				 const char *text)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result ret;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	ret = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ret;
}

static struct MHD_Response *render(struct pk_metrics *m)
{
	struct MHD_Response *r;
	char *text;
	size_t len;

	if (m->conf.render(m->conf.arg, &text, &len))
		return NULL;
	r = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	if (!r) {
		free(text);
		return NULL;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, CONTENT_TYPE);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	return r;
}

static void forget(struct pk_metrics *m)
{
	if (m->fresh)
		MHD_destroy_response(m->fresh); /* who is sent it keeps it */
	m->fresh = NULL;
}

static enum MHD_Result send_metrics(struct pk_metrics *m,
				    struct MHD_Connection *c)
{
	uint64_t now = now_ms();

	if (m->fresh && now - m->fresh_ms >= FRESH_MS)
		forget(m);
	if (!m->fresh) {
		m->fresh = render(m);
		m->fresh_ms = now;
	}
	if (!m->fresh)
		return send_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR,
				 "out of memory\n");
	return MHD_queue_response(c, MHD_HTTP_OK, m->fresh);
}

/* Called once for the head of a request, then for its body, if it has one. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c,
				  const char *url, const char *method,
				  const char *version, const char *body,
				  size_t *body_len, void **request)
{
	struct pk_metrics *m = arg;

	(void)version;
	(void)body;
	(void)body_len;
	(void)request;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return send_text(c, MHD_HTTP_METHOD_NOT_ALLOWED,
				 "only GET and HEAD are served\n");
	if (!strcmp(url, "/metrics"))
		return send_metrics(m, c);
	if (!strcmp(url, "/healthz"))
		return send_text(c, MHD_HTTP_OK, "ok\n");
	return send_text(c, MHD_HTTP_NOT_FOUND,
			 "there are /metrics and /healthz\n");
}

/* --- connections ----------------------------------------------------------- */

static void unlink_client(struct client *client)
{
	*client->at = client->next;
	if (client->next)
		client->next->at = client->at;
	free(client);
}

static void on_connection(void *arg, struct MHD_Connection *c, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info;
	struct pk_metrics *m = arg;
	struct client *client;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context)
			unlink_client(*context);
		*context = NULL;
		m->freed = 1;
		return;
	}
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	client = info ? calloc(1, sizeof(*client)) : NULL;
	if (!client)
		return; /* it ends by libmicrohttpd's own time */
	client->m = m;
	client->fd = info->connect_fd;
	client->end_ms = now_ms() + PK_METRICS_SECONDS * 1000;
	client->at = &m->clients;
	client->next = m->clients;
	if (client->next)
		client->next->at = &client->next;
	m->clients = client;
	*context = client;
}

/* libmicrohttpd counts from the latest byte, which may come for ever. */
static void cut_off(struct pk_metrics *m, uint64_t now)
{
	for (struct client *c = m->clients; c; c = c->next)
		if (now >= c->end_ms)
			shutdown(c->fd, SHUT_RDWR);
}

/* --- the loop -------------------------------------------------------------- */

/* With all places taken it listens no more, and begins again when it is run. */
static void wait_on(struct pk_metrics *m)
{
	unsigned MHD_LONG_LONG ms = PK_METRICS_SECONDS * 1000, own;
	uint64_t now = now_ms();
	struct timeval t;

	if (MHD_get_timeout(m->http, &own) == MHD_YES && own < ms)
		ms = own;
	for (struct client *c = m->clients; c; c = c->next) {
		uint64_t left = c->end_ms > now ? c->end_ms - now : 1;

		ms = left < ms ? left : ms;
	}
	ms = m->freed ? 0 : ms;
	m->freed = 0;
	t.tv_sec = (time_t)(ms / 1000);
	t.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	if (m->clients || ms < PK_METRICS_SECONDS * 1000)
		event_add(m->due, &t);
	else
		event_del(m->due);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct pk_metrics *m = arg;

	(void)fd;
	(void)what;
	cut_off(m, now_ms());
	MHD_run(m->http);
	wait_on(m);
}

/* --- life ------------------------------------------------------------------ */

static int listen_on(struct pk_metrics *m)
{
	struct sockaddr_storage a;
	const int on = 1;
	socklen_t len;
	int err = pk_metrics_address(m->conf.listen, &a, &len), fd;

	if (err)
		return err;
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&a, len) || listen(fd, BACKLOG) ||
	    getsockname(fd, (struct sockaddr *)&a, &len)) {
		err = -errno;
		close(fd);
		return err;
	}
	m->port = ntohs(a.ss_family == AF_INET
				? ((struct sockaddr_in *)&a)->sin_port
				: ((struct sockaddr_in6 *)&a)->sin6_port);
	return fd;
}

static int start_http(struct pk_metrics *m, int fd)
{
	const union MHD_DaemonInfo *info;

	m->http = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, m,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)PK_METRICS_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)PK_METRICS_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, m, MHD_OPTION_END);
	if (!m->http) {
		close(fd);
		return -ENOMEM;
	}
	info = MHD_get_daemon_info(m->http, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -EOPNOTSUPP;
	m->due = evtimer_new(m->conf.base, on_event, m);
	m->readable = event_new(m->conf.base, info->epoll_fd,
				EV_READ | EV_PERSIST, on_event, m);
	if (!m->due || !m->readable || event_add(m->readable, NULL))
		return -ENOMEM;
	return 0;
}

static const char *advice(int err)
{
	switch (err) {
	case -EPERM:
		return "other hosts reach that address, and there is no "
		       "authentication; use 127.0.0.1:PORT and let a proxy "
		       "carry it off the host";
	case -EINVAL:
		return "write ADDRESS:PORT, such as 127.0.0.1:9779";
	case -EADDRINUSE:
		return "another process has the port; choose another one";
	default:
		return strerror(-err);
	}
}

int pk_metrics_new(struct pk_metrics **out, const struct pk_metrics_conf *conf)
{
	struct pk_metrics *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->conf = *conf;
	err = listen_on(m);
	if (err >= 0)
		err = start_http(m, err);
	if (err) {
		pk_err("metrics on %s: %s", conf->listen, advice(err));
		pk_metrics_free(m);
		return err;
	}
	*out = m;
	return 0;
}

void pk_metrics_free(struct pk_metrics *m)
{
	if (!m)
		return;
	if (m->readable)
		event_free(m->readable);
	if (m->due)
		event_free(m->due);
	if (m->http)
		MHD_stop_daemon(m->http);
	forget(m);
	free(m);
}

uint16_t pk_metrics_port(const struct pk_metrics *m)
{
	return m->port;
}
