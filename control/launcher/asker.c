/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/asker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/log.h"

struct question {
	uint64_t id; /* 0: a free place */
	pk_asker_fn *fn;
	void *arg;
};

struct pk_asker {
	struct pk_asker_conf conf;
	struct event *readable;
	uint64_t id;
	struct question pending[PK_ASKER_PENDING];
};

static struct question *find(struct pk_asker *a, uint64_t id)
{
	for (unsigned i = 0; i < PK_ASKER_PENDING; i++)
		if (a->pending[i].id == id)
			return &a->pending[i];
	return NULL;
}

static void answered(struct pk_asker *a, const struct pk_answer *answer,
		     struct pk_fds *fds)
{
	struct question *q = find(a, answer->id), copy;

	if (!answer->id) {
		a->conf.notice(a->conf.arg, answer, fds);
	} else if (q) {
		copy = *q; /* its place is free before it asks again */
		memset(q, 0, sizeof(*q));
		if (copy.fn)
			copy.fn(copy.arg, answer, fds);
	}
	pk_fds_close(fds);
}

static void launcher_gone(struct pk_asker *a)
{
	struct pk_answer answer = { .status = -ECONNRESET,
				    .why = "the launcher is gone" };
	struct pk_fds none = { 0 };

	event_del(a->readable);
	for (unsigned i = 0; i < PK_ASKER_PENDING; i++) {
		answer.id = a->pending[i].id;
		if (answer.id)
			answered(a, &answer, &none);
	}
	a->conf.gone(a->conf.arg);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct pk_asker *a = arg;
	struct pk_answer answer;
	struct pk_fds fds;
	int n;

	(void)what;
	for (;;) {
		n = pk_request_recv(fd, &answer, sizeof(answer), &fds);
		if (n != 1)
			break;
		answer.why[sizeof(answer.why) - 1] = '\0';
		answer.name[sizeof(answer.name) - 1] = '\0';
		answered(a, &answer, &fds);
	}
	if (n < 0)
		launcher_gone(a);
}

int pk_asker_new(struct pk_asker **out, const struct pk_asker_conf *conf)
{
	struct pk_asker *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->conf = *conf;
	a->readable = event_new(conf->base, conf->fd, EV_READ | EV_PERSIST,
				on_readable, a);
	if (!a->readable || event_add(a->readable, NULL)) {
		a->conf.fd = -1; /* not taken on failure */
		pk_asker_free(a);
		return -ENOMEM;
	}
	*out = a;
	return 0;
}

void pk_asker_free(struct pk_asker *a)
{
	if (!a)
		return;
	if (a->readable)
		event_free(a->readable);
	if (a->conf.fd >= 0)
		close(a->conf.fd);
	free(a);
}

int pk_asker_ask(struct pk_asker *a, struct pk_request *r,
		 const struct pk_fds *fds, pk_asker_fn *fn, void *arg)
{
	struct question *q = find(a, 0);
	int err;

	if (!q)
		return -EAGAIN;
	r->version = PK_REQUEST_VERSION;
	r->id = ++a->id;
	err = pk_request_send(a->conf.fd, r, sizeof(*r), fds);
	if (err) {
		pk_err("the launcher does not take %s: %s",
		       pk_request_word(r->kind), strerror(-err));
		return err;
	}
	*q = (struct question){ r->id, fn, arg };
	return 0;
}

void pk_asker_forget(struct pk_asker *a, const void *arg)
{
	for (unsigned i = 0; i < PK_ASKER_PENDING; i++)
		if (a->pending[i].id && a->pending[i].arg == arg)
			a->pending[i].fn = NULL;
}
