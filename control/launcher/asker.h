/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asker: the daemon's end of the launcher's socket.
 *
 * A question is sent at once and answered later, through the event loop; the
 * loop never waits for the launcher, which may take a second to load a program.
 * Notices go to one function. When the launcher is gone, everything that waits
 * for an answer is told -ECONNRESET, and then `gone` is called.
 *
 * One thread.
 */
#ifndef PK_CONTROL_ASKER_H
#define PK_CONTROL_ASKER_H

#include "control/launcher/request.h"

enum { PK_ASKER_PENDING = 128 };

struct event_base;
struct pk_asker;

/*
 * An answer. Whoever keeps a descriptor of @fds puts -1 in its place; the
 * others are closed afterwards. The launcher's strings end in a NUL.
 */
typedef void pk_asker_fn(void *arg, const struct pk_answer *a,
			 struct pk_fds *fds);

struct pk_asker_conf {
	struct event_base *base;
	int fd; /* taken */
	pk_asker_fn *notice;
	void (*gone)(void *arg);
	void *arg;
};

/* 0 or -ENOMEM. */
int pk_asker_new(struct pk_asker **out, const struct pk_asker_conf *conf);
void pk_asker_free(struct pk_asker *a); /* NULL is a no-op; answers nobody */

/*
 * Send @r, whose version and id are set here, with @fds (may be NULL; they
 * stay the caller's). @fn may be NULL. 0; -EAGAIN when too many questions wait;
 * -errno of the socket. Then @fn is not called.
 */
int pk_asker_ask(struct pk_asker *a, struct pk_request *r,
		 const struct pk_fds *fds, pk_asker_fn *fn, void *arg);

/* Forget the questions with @arg: their answers go nowhere. */
void pk_asker_forget(struct pk_asker *a, const void *arg);

#endif /* PK_CONTROL_ASKER_H */
