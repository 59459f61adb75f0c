/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/cli/client.h"

#include <endian.h>
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/ctl/ctl.h"

enum { HEAD = 8, PIECE = 1 << 16 };

struct pk_client {
	int fd;
	uint8_t *chunk; /* HEAD + PK_CTL_CHUNK_MAX */
};

int pk_client_open(struct pk_client **out, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct pk_client *c;
	int err = -ENOMEM;

	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	strcpy(at.sun_path, path);
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	c->chunk = malloc(HEAD + PK_CTL_CHUNK_MAX);
	if (c->fd < 0 || !c->chunk)
		goto fail;
	if (connect(c->fd, (struct sockaddr *)&at, sizeof(at))) {
		err = -errno;
		goto fail;
	}
	*out = c;
	return 0;
fail:
	pk_client_close(c);
	return err;
}

void pk_client_close(struct pk_client *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	free(c->chunk);
	free(c);
}

static int await(int fd, short what, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = what };
	int n = poll(&p, 1, timeout_ms);

	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

/* -EPIPE: the server has stopped listening and may have said why. */
static int send_all(int fd, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		int err;

		if (k >= 0) {
			p += k;
			n -= (size_t)k;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return -EPIPE;
		err = errno == EAGAIN ? await(fd, POLLOUT, PK_CLIENT_SEND_MS)
				      : -errno;
		if (err)
			return err;
	}
	return 0;
}

/* Exactly @n bytes of the file, or it is not the file it was. */
static int read_all(int fd, uint8_t *to, size_t n)
{
	while (n) {
		ssize_t k = read(fd, to, n);

		if (k < 0)
			return -errno;
		if (!k)
			return -ESTALE;
		to += k;
		n -= (size_t)k;
	}
	return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The last chunk is sent only if the file is still what it was. */
static int upload(struct pk_client *c, const struct pk_client_call *call)
{
	struct stat before, now;
	uint64_t sent = 0;
	uint32_t word;
	int err;

	if (fstat(call->fd, &before))
		return -errno;
	for (uint32_t number = 0; sent < call->bytes; number++) {
		uint64_t owed = call->bytes - sent;
		uint32_t n = owed < PK_CTL_CHUNK_MAX ? (uint32_t)owed
						     : PK_CTL_CHUNK_MAX;

		word = htole32(number);
		memcpy(c->chunk, &word, 4);
		word = htole32(n);
		memcpy(c->chunk + 4, &word, 4);
		err = read_all(call->fd, c->chunk + HEAD, n);
		if (err)
			return err;
		if (n == owed &&
		    (fstat(call->fd, &now) || !same_file(&before, &now)))
			return -ESTALE;
		err = send_all(c->fd, c->chunk, HEAD + n);
		if (err)
			return err;
		sent += n;
		if (call->progress)
			call->progress(call->arg, sent, call->bytes);
	}
	return 0;
}

static int send_line(struct pk_client *c, const struct pk_client_call *call)
{
	struct json_object *root = json_object_new_object();
	const char *text;
	int err = -ENOMEM;

	if (!root)
		return -ENOMEM;
	json_object_object_add(root, "v", json_object_new_int(PK_CTL_PROTOCOL));
	json_object_object_add(root, "op", json_object_new_string(call->op));
	if (call->args)
		json_object_object_add(root, "args",
				       json_object_get(call->args));
	if (call->bytes)
		json_object_object_add(root, "bytes",
				       json_object_new_uint64(call->bytes));
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
	if (text)
		err = send_all(c->fd, text, strlen(text));
	if (!err)
		err = send_all(c->fd, "\n", 1);
	json_object_put(root);
	return err;
}

/* Append what has come to *@text; 1 once its last byte is the LF. */
static int read_some(struct pk_client *c, char **text, size_t *len)
{
	char *more = realloc(*text, *len + PIECE);
	ssize_t n;

	if (!more)
		return -ENOMEM;
	*text = more;
	n = recv(c->fd, more + *len, PIECE, 0);
	if (n < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	if (!n)
		return -ECONNRESET;
	*len += (size_t)n;
	if (memchr(more + *len - n, '\n', (size_t)n))
		return more[*len - 1] == '\n' ? 1 : -EPROTO;
	return *len < PK_CLIENT_ANSWER_MAX ? 0 : -EPROTO;
}

static int parse_answer(const char *text, size_t len, struct json_object **out)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *root;
	int err = 0;

	if (!t)
		return -ENOMEM;
	root = json_tokener_parse_ex(t, text, (int)len);
	if (!json_object_is_type(root, json_type_object) ||
	    !json_object_object_get_ex(root, "error", NULL) ==
		    !json_object_object_get_ex(root, "result", NULL))
		err = -EPROTO;
	json_tokener_free(t);
	if (err)
		json_object_put(root);
	else
		*out = root;
	return err;
}

static int receive(struct pk_client *c, int timeout_ms,
		   struct json_object **out)
{
	char *text = NULL;
	size_t len = 0;
	int rc = 0;

	while (!rc) {
		rc = await(c->fd, POLLIN, timeout_ms);
		if (!rc)
			rc = read_some(c, &text, &len);
	}
	if (rc > 0)
		rc = parse_answer(text, len, out);
	free(text);
	return rc;
}

int pk_client_call(struct pk_client *c, const struct pk_client_call *call,
		   struct json_object **out)
{
	int err = send_line(c, call);

	if (!err && call->bytes)
		err = upload(c, call);
	if (err && err != -EPIPE)
		return err;
	return receive(c, call->timeout_ms, out);
}
