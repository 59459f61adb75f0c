/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/ctl/ctl.h"

#include <errno.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/ctl/ctl_inside.h"
#include "control/ctl/ctl_peer.h"

enum {
	ACCEPT_BURST = 32,
	ACCEPT_PAUSE_MS = 100, /* after accept() found no room */
};

const struct pk_ctl_op *pk_ctl_find(const struct pk_ctl *ctl, const char *name)
{
	for (uint32_t i = 0; i < ctl->ops; i++)
		if (!strcmp(ctl->op[i].name, name))
			return &ctl->op[i];
	return NULL;
}

/* A client that is not let in still learns why. */
static void turn_away(struct pk_ctl *ctl, int fd, enum pk_ctl_code code,
		      const char *text)
{
	struct json_object *root = pk_ctl_error(code, text, NULL);
	char line[PK_CTL_MESSAGE + 128];
	int n = snprintf(
		line, sizeof(line), "%s\n",
		json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN));

	if (send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		pk_say(ctl->conf.say, ctl->conf.say_arg,
		       "control: a refused client could not be told why: %s",
		       strerror(errno));
	json_object_put(root);
	close(fd);
	ctl->count.closed++;
	ctl->count.requests++;
	ctl->count.error[code]++;
}

static void welcome(struct pk_ctl *ctl, int fd)
{
	struct pk_ctl_peer peer;

	ctl->count.connections++;
	if (!pk_ctl_peer_allowed(fd, ctl->conf.group, &peer)) {
		pk_say(ctl->conf.say, ctl->conf.say_arg,
		       "control: denied uid=%u gid=%u: neither root nor in "
		       "the socket's group",
		       (unsigned)peer.uid, (unsigned)peer.gid);
		turn_away(ctl, fd, PK_CTL_E_DENIED,
			  "only root and the members of the socket's group "
			  "may use it");
		return;
	}
	if (ctl->count.open >= PK_CTL_CONNECTIONS)
		turn_away(ctl, fd, PK_CTL_E_BUSY,
			  "too many clients at a time; try again later");
	else if (pk_ctl_conn_new(ctl, fd))
		pk_say(ctl->conf.say, ctl->conf.say_arg,
		       "control: out of memory for a client");
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
	const struct timeval pause = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };
	struct pk_ctl *ctl = arg;
	int fd;

	(void)what;
	for (int i = 0; i < ACCEPT_BURST; i++) {
		fd = accept4(listener, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			welcome(ctl, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN) { /* no fd is free: do not spin */
			pk_say(ctl->conf.say, ctl->conf.say_arg,
			       "control: no client can be taken in: %s",
			       strerror(errno));
			event_del(ctl->listener);
			event_add(ctl->pause, &pause);
		}
		return;
	}
}

static void on_pause_end(evutil_socket_t fd, short what, void *arg)
{
	struct pk_ctl *ctl = arg;

	(void)fd;
	(void)what;
	event_add(ctl->listener, NULL);
}

static int list_operations(void *arg, struct json_object *args,
			   const void *bytes, size_t n,
			   struct pk_ctl_answer *out)
{
	const struct pk_ctl *ctl = arg;
	struct json_object *result = json_object_new_object();
	struct json_object *names = json_object_new_array();

	(void)args;
	(void)bytes;
	(void)n;
	for (uint32_t i = 0; i < ctl->ops; i++)
		json_object_array_add(names,
				      json_object_new_string(ctl->op[i].name));
	json_object_object_add(result, "operations", names);
	pk_ctl_ok(out, result);
	return 0;
}

int pk_ctl_new(struct pk_ctl **out, struct event_base *base,
	       const struct pk_ctl_conf *conf)
{
	uint32_t ms = conf->deadline_ms ? conf->deadline_ms
					: PK_CTL_DEADLINE_S * 1000;
	struct pk_ctl *c;

	if (conf->fd < 0 || !base)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->conf = *conf;
	c->conf.fd = -1;
	c->base = base;
	c->deadline = (struct timeval){ .tv_sec = ms / 1000,
					.tv_usec = ms % 1000 * 1000 };
	c->pause = evtimer_new(base, on_pause_end, c);
	c->listener =
		event_new(base, conf->fd, EV_READ | EV_PERSIST, on_accept, c);
	if (!c->pause || !c->listener || event_add(c->listener, NULL) ||
	    pk_ctl_add(c, "operations", list_operations, c)) {
		pk_ctl_free(c);
		return -ENOMEM;
	}
	c->conf.fd = conf->fd;
	signal(SIGPIPE, SIG_IGN); /* a client that left is an error code */
	*out = c;
	return 0;
}

void pk_ctl_free(struct pk_ctl *c)
{
	if (!c)
		return;
	pk_ctl_conn_free_all(c);
	pk_ctl_orphan_answers(c);
	if (c->listener)
		event_free(c->listener);
	if (c->pause)
		event_free(c->pause);
	if (c->conf.fd >= 0)
		close(c->conf.fd);
	free(c);
}

int pk_ctl_add(struct pk_ctl *c, const char *op, pk_ctl_fn *fn, void *arg)
{
	if (!*op || strlen(op) >= PK_CTL_OP || !fn)
		return -EINVAL;
	if (pk_ctl_find(c, op))
		return -EEXIST;
	if (c->ops == PK_CTL_OPS)
		return -ENOSPC;
	c->op[c->ops++] = (struct pk_ctl_op){ op, fn, arg };
	return 0;
}

void pk_ctl_counters(const struct pk_ctl *c, struct pk_ctl_counters *out)
{
	*out = c->count;
}
