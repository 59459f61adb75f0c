/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <zmq.h>

#include "control/bus/place.h"
#include "control/log.h"

enum { SOCKET_MODE = 0660, HOST_MAX = 64, PORT_MAX = 65535, AGAIN_MS = 200 };
#define IPC "ipc://"
#define TCP "tcp://"

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

int pk_endpoint_is_local(const char *endpoint)
{
	char host[HOST_MAX];

	return !tcp_host(endpoint, host) && is_loopback(host);
}

static int check_tcp(const char *endpoint, int curve)
{
	char host[HOST_MAX];

	if (tcp_host(endpoint, host)) {
		pk_err("bus endpoint %s: not tcp://ADDRESS:PORT", endpoint);
		return -EINVAL;
	}
	if (curve || is_loopback(host))
		return 0;
	pk_err("bus endpoint %s: not a loopback address, and without \"curve\" "
	       "anybody could read and nobody would be sure who speaks; set "
	       "\"bus\": {\"curve\": ...}, or use ipc:// or "
	       "tcp://127.0.0.1:PORT",
	       endpoint);
	return -EPERM;
}

int pk_endpoint_is_tcp(const char *endpoint)
{
	return !strncmp(endpoint, TCP, strlen(TCP));
}

int pk_endpoint_check(const char *endpoint, int curve)
{
	if (strncmp(endpoint, IPC, strlen(IPC)) == 0)
		return check_ipc(endpoint);
	if (pk_endpoint_is_tcp(endpoint))
		return check_tcp(endpoint, curve);
	pk_err("bus endpoint %s: only ipc:// and tcp:// are served", endpoint);
	return -EINVAL;
}

/* A socket that was closed a moment ago may have the place still. */
static int bind_in(int patience_ms, void *socket, const char *endpoint)
{
	while (zmq_bind(socket, endpoint)) {
		if (errno != EADDRINUSE || patience_ms-- <= 0)
			return -errno;
		poll(NULL, 0, 1);
	}
	return 0;
}

/* The mode is right from the first moment, whatever the caller's umask. */
static int bind_place(int patience_ms, void *socket, const char *endpoint)
{
	int ipc = strncmp(endpoint, IPC, strlen(IPC)) == 0;
	int err = ipc ? pk_place_check(endpoint + strlen(IPC)) : 0;
	mode_t mask;

	if (err)
		return err;
	mask = umask(0777 & ~SOCKET_MODE);
	err = bind_in(patience_ms, socket, endpoint);
	umask(mask);
	if (!err && ipc && chmod(endpoint + strlen(IPC), SOCKET_MODE))
		err = -errno;
	if (err)
		pk_err("bus endpoint %s: cannot bind: %s; check that the "
		       "folder is writable and no other picketd runs",
		       endpoint, zmq_strerror(-err));
	return err;
}

int pk_endpoint_bind(void *socket, const char *endpoint)
{
	return bind_place(0, socket, endpoint);
}

int pk_endpoint_bind_again(void *socket, const char *endpoint)
{
	return bind_place(AGAIN_MS, socket, endpoint);
}

static int beside_ipc(const char *bus, char out[PK_ENDPOINT_MAX])
{
	const char *slash = strrchr(bus, '/');
	int n = snprintf(out, PK_ENDPOINT_MAX, "%.*s/" PK_ENDPOINT_REPLAY,
			 (int)(slash - bus), bus);

	return bus[strlen(IPC)] == '/' && n < PK_ENDPOINT_MAX ? 0 : -EINVAL;
}

/* A port that the system chooses has no next one: it chooses again. */
static int beside_tcp(const char *bus, char out[PK_ENDPOINT_MAX])
{
	const char *colon = strrchr(bus, ':');
	unsigned long port;
	char *end;
	int n;

	if (colon < bus + strlen(TCP))
		return -EINVAL;
	if (!strcmp(colon, ":*"))
		return snprintf(out, PK_ENDPOINT_MAX, "%s", bus) <
				       PK_ENDPOINT_MAX
			       ? 0
			       : -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end || !port ||
	    port >= PORT_MAX)
		return -EINVAL;
	n = snprintf(out, PK_ENDPOINT_MAX, "%.*s:%lu", (int)(colon - bus), bus,
		     port + 1);
	return n < PK_ENDPOINT_MAX ? 0 : -EINVAL;
}

int pk_endpoint_replay(const char *bus, char out[PK_ENDPOINT_MAX])
{
	if (strncmp(bus, IPC, strlen(IPC)) == 0)
		return beside_ipc(bus, out);
	if (strncmp(bus, TCP, strlen(TCP)) == 0)
		return beside_tcp(bus, out);
	return -EINVAL;
}
