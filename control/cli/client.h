/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client: the client's side of the control socket (control/ctl/ctl.h).
 *
 * Blocking, with timeouts; a connection serves one call after the other and is
 * useless after a call that failed. What the server says is bounded and
 * checked, its text is not made harmless: who shows it does that. One thread.
 */
#ifndef PK_CONTROL_CLIENT_H
#define PK_CONTROL_CLIENT_H

#include <stdint.h>

enum {
	PK_CLIENT_ANSWER_MAX = 64 << 20, /* bytes of the longest answer */
	PK_CLIENT_SEND_MS = 10000,	 /* without progress */
};

struct json_object;
struct pk_client;

struct pk_client_call {
	const char *op;
	struct json_object *args; /* borrowed; NULL: none */
	int timeout_ms;		  /* for the answer; -1: for ever */
	uint64_t bytes;		  /* of the upload, 0: none */
	int fd;			  /* read from where it stands */
	/* Told after each chunk; may be NULL. */
	void (*progress)(void *arg, uint64_t sent, uint64_t bytes);
	void *arg;
};

/*
 * Connect to the socket at @path. 0, -ENAMETOOLONG, -ENOMEM, or the errno of
 * connect: -ENOENT and -ECONNREFUSED when nobody serves there, -EACCES when
 * the caller may not. The caller owns *@out.
 */
int pk_client_open(struct pk_client **out, const char *path);
void pk_client_close(struct pk_client *c); /* NULL is a no-op */

/*
 * Make a call and wait for the answer, an object with "result" or "error",
 * which the caller owns. 0, or
 *   -ETIMEDOUT   no progress in time
 *   -ECONNRESET  the server left without an answer
 *   -EPROTO      the answer is none, or longer than PK_CLIENT_ANSWER_MAX
 *   -ESTALE      the file behind @fd changed while it was read; the server
 *                has changed nothing
 *   -EINTR, -ENOMEM, or the errno of read
 */
int pk_client_call(struct pk_client *c, const struct pk_client_call *call,
		   struct json_object **out);

#endif /* PK_CONTROL_CLIENT_H */
