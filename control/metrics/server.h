/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server: metrics over HTTP, for Prometheus and its like (libmicrohttpd).
 *
 *	GET /metrics	the text that the caller renders, 0.0.4
 *	GET /healthz	"ok" while the loop turns
 *
 * HEAD is answered as GET without a body; another method gets 405, another
 * path 404. Nothing else is read of a request.
 *
 * It runs in the caller's event loop, with non-blocking sockets: what it reads
 * needs no lock and no copy, and a client that is slow waits for itself. The
 * text is rendered when somebody asks and the last one is a second old.
 * Connections: PK_METRICS_CONNECTIONS at a time, one request each, cut off
 * PK_METRICS_SECONDS after they were opened, whatever they did; so clients that
 * hold all of them hold them for that long. Memory: 16 KiB a connection and
 * the texts that are being sent.
 *
 * There is no authentication, so only loopback addresses are served.
 */
#ifndef PK_METRICS_SERVER_H
#define PK_METRICS_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	PK_METRICS_CONNECTIONS = 16,
	PK_METRICS_SECONDS = 5,
};

struct event_base;
struct pk_metrics;

struct pk_metrics_conf {
	struct event_base *base;
	const char *listen; /* ADDRESS:PORT, loopback; port 0: any */
	/* The text, from malloc(). 0 or -errno. */
	int (*render)(void *arg, char **text, size_t *len);
	void *arg;
};

/*
 * ADDRESS:PORT, as 127.0.0.1:9779 or [::1]:9779. 0; -EINVAL for what is none;
 * -EPERM for an address that other hosts reach.
 */
int pk_metrics_address(const char *text, struct sockaddr_storage *out,
		       socklen_t *len);

/* 0, -EINVAL, -EPERM, or -errno of the socket; the sentence is logged. */
int pk_metrics_new(struct pk_metrics **out, const struct pk_metrics_conf *conf);
void pk_metrics_free(struct pk_metrics *m); /* NULL is a no-op */

/* The port that is listened on. */
uint16_t pk_metrics_port(const struct pk_metrics *m);

#endif /* PK_METRICS_SERVER_H */
