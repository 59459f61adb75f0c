/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/ctl/ctl_inside.h"
#include "control/ctl/ctl_peer.h"

enum { AHEAD = 256 * 1024 }; /* bytes kept for a client that is behind */

/*
 * A request that runs. Belongs to whoever has to answer it, so it outlives
 * both its connection and the server; either is NULL once it is gone.
 */
struct pk_ctl_answer {
	struct pk_ctl *ctl;
	struct pk_ctl_conn *conn;
	struct pk_ctl_answer *next;
	struct json_object *args;
	void *map;
	size_t bytes;
	uid_t uid;
	bool begun;  /* the list of a result is being sent */
	bool filled; /* with an element: a comma comes before the next */
	pk_ctl_room_fn *room;
	void *room_arg;
};

static void release_upload(struct pk_ctl *ctl, uint64_t bytes)
{
	if (ctl)
		ctl->uploading -= bytes;
}

void pk_ctl_drop_upload(struct pk_ctl_conn *c)
{
	if (c->memfd < 0)
		return;
	close(c->memfd);
	c->memfd = -1;
	release_upload(c->ctl, c->upload.bytes);
}

/* --- text ------------------------------------------------------------------ */

static void write_json(struct pk_ctl_conn *c, struct json_object *o)
{
	size_t n = 0;
	const char *text = json_object_to_json_string_length(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);

	bufferevent_write(c->bev, text, n);
}

static void write_text(struct pk_ctl_conn *c, const char *text)
{
	bufferevent_write(c->bev, text, strlen(text));
}

/* The answer's last byte: the connection goes on, or ends, once it is out. */
static void end_answer(struct pk_ctl_conn *c)
{
	c->state = PK_CTL_DRAIN;
	c->begun = false;
	write_text(c, "\n");
	event_add(c->deadline, &c->ctl->deadline);
}

static struct json_object *answer_root(void)
{
	struct json_object *root = json_object_new_object();

	json_object_object_add(root, "v", json_object_new_int(PK_CTL_PROTOCOL));
	return root;
}

struct json_object *pk_ctl_error(enum pk_ctl_code code, const char *text,
				 const char *hint)
{
	struct json_object *root = answer_root();
	struct json_object *error = json_object_new_object();

	json_object_object_add(error, "code",
			       json_object_new_string(pk_ctl_code_word(code)));
	json_object_object_add(error, "message", json_object_new_string(text));
	if (hint)
		json_object_object_add(error, "hint",
				       json_object_new_string(hint));
	json_object_object_add(root, "error", error);
	return root;
}

/* --- the end ------------------------------------------------------------------ */

static void count_end(struct pk_ctl *ctl, enum pk_ctl_code code)
{
	ctl->count.pending--;
	if (code == PK_CTL_CODE_COUNT)
		ctl->count.ok++;
	else
		ctl->count.error[code]++;
}

void pk_ctl_refuse(struct pk_ctl_conn *c, enum pk_ctl_code code,
		   const char *text, bool last)
{
	struct json_object *root = pk_ctl_error(code, text, NULL);

	pk_ctl_drop_upload(c);
	pk_ctl_request_fini(&c->request);
	count_end(c->ctl, code);
	c->last = c->last || last;
	write_json(c, root);
	end_answer(c);
	json_object_put(root);
}

/* What is due has been written to the connection, if there is one. */
static void complete(struct pk_ctl_answer *a, enum pk_ctl_code code)
{
	struct pk_ctl_answer **at;

	if (a->ctl) {
		for (at = &a->ctl->answers; *at != a; at = &(*at)->next)
			;
		*at = a->next;
		count_end(a->ctl, code);
	}
	if (a->conn) {
		a->conn->answer = NULL;
		end_answer(a->conn);
	}
	if (a->map)
		munmap(a->map, a->bytes);
	release_upload(a->ctl, a->bytes);
	json_object_put(a->args);
	free(a);
}

/* A list that was begun cannot become an error: it stays without its end. */
static void fail_with(struct pk_ctl_answer *a, enum pk_ctl_code code,
		      struct json_object *root)
{
	if (a->conn && a->begun)
		a->conn->last = true;
	else if (a->conn)
		write_json(a->conn, root);
	json_object_put(root);
	complete(a, code);
}

void pk_ctl_fail(struct pk_ctl_answer *out, enum pk_ctl_code code,
		 const char *hint, const char *format, ...)
{
	char text[PK_CTL_MESSAGE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fail_with(out, code, pk_ctl_error(code, text, hint));
}

void pk_ctl_fail_with(struct pk_ctl_answer *out, enum pk_ctl_code code,
		      struct json_object *details, const char *format, ...)
{
	struct json_object *root, *error;
	char text[PK_CTL_MESSAGE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	root = pk_ctl_error(code, text, NULL);
	if (json_object_object_get_ex(root, "error", &error))
		json_object_object_add(error, "details", details);
	fail_with(out, code, root);
}

/* What follows the list of a result. */
static void write_rest(struct pk_ctl_conn *c, struct json_object *rest)
{
	write_text(c, "]");
	json_object_object_foreach(rest, name, value)
	{
		struct json_object *key = json_object_new_string(name);

		write_text(c, ",");
		write_json(c, key);
		write_text(c, ":");
		write_json(c, value);
		json_object_put(key);
	}
	write_text(c, "}}");
}

void pk_ctl_ok(struct pk_ctl_answer *out, struct json_object *result)
{
	struct json_object *root = answer_root();

	json_object_object_add(root, "ok", json_object_new_boolean(1));
	if (!result)
		result = json_object_new_object();
	json_object_object_add(root, "result", result);
	if (out->conn && out->begun)
		write_rest(out->conn, result);
	else if (out->conn)
		write_json(out->conn, root);
	json_object_put(root);
	complete(out, PK_CTL_CODE_COUNT);
}

/* --- in pieces --------------------------------------------------------------- */

void pk_ctl_begin(struct pk_ctl_answer *out, const char *list)
{
	char text[96];

	out->begun = true;
	snprintf(text, sizeof(text),
		 "{\"v\":%d,\"ok\":true,\"result\":{\"%s\":[", PK_CTL_PROTOCOL,
		 list);
	if (out->conn)
		write_text(out->conn, text);
}

void pk_ctl_element(struct pk_ctl_answer *out, struct json_object *element)
{
	if (out->conn && out->filled)
		write_text(out->conn, ",");
	if (out->conn)
		write_json(out->conn, element);
	out->filled = true;
	json_object_put(element);
}

bool pk_ctl_is_behind(const struct pk_ctl_answer *out)
{
	return out->conn &&
	       evbuffer_get_length(bufferevent_get_output(out->conn->bev)) >
		       AHEAD;
}

void pk_ctl_on_room(struct pk_ctl_answer *out, pk_ctl_room_fn *fn, void *arg)
{
	out->room = fn;
	out->room_arg = arg;
	if (out->conn)
		event_add(out->conn->deadline, &out->ctl->deadline);
}

/* One that only sends no more still reads: poll(2) tells the two apart. */
bool pk_ctl_has_left(const struct pk_ctl_answer *out)
{
	struct pollfd p = { .events = 0 };

	if (!out->conn)
		return true;
	p.fd = bufferevent_getfd(out->conn->bev);
	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}

uid_t pk_ctl_uid(const struct pk_ctl_answer *out)
{
	return out->uid;
}

/* --- for connections -------------------------------------------------------------- */

static void tell_room(struct pk_ctl_answer *a)
{
	pk_ctl_room_fn *fn = a->room;

	a->room = NULL;
	if (fn)
		fn(a->room_arg);
}

void pk_ctl_answer_written(struct pk_ctl_answer *a)
{
	if (!a->room)
		return;
	event_del(a->conn->deadline);
	tell_room(a);
}

void pk_ctl_answer_left(struct pk_ctl_answer *a)
{
	a->conn = NULL;
	tell_room(a);
}

int pk_ctl_answer_new(struct pk_ctl_conn *c)
{
	struct pk_ctl_answer *a = calloc(1, sizeof(*a));
	void *map = NULL;

	if (!a)
		return -ENOMEM;
	if (c->request.bytes) {
		/* so that an operation can give back what it has read */
		map = mmap(NULL, c->request.bytes, PROT_READ | PROT_WRITE,
			   MAP_SHARED, c->memfd, 0);
		if (map == MAP_FAILED) {
			free(a);
			return -ENOMEM;
		}
		close(c->memfd);
		c->memfd = -1;
	}
	*a = (struct pk_ctl_answer){ .ctl = c->ctl,
				     .conn = c,
				     .next = c->ctl->answers,
				     .args = c->request.args,
				     .map = map,
				     .bytes = c->request.bytes,
				     .uid = pk_ctl_peer_uid(
					     bufferevent_getfd(c->bev)) };
	c->request.args = NULL;
	c->ctl->answers = a;
	c->answer = a;
	c->state = PK_CTL_ANSWER;
	return 0;
}

int pk_ctl_answer_run(struct pk_ctl_answer *a, const struct pk_ctl_op *op)
{
	return op->fn(op->arg, a->args, a->map, a->bytes, a);
}

void pk_ctl_orphan_answers(struct pk_ctl *ctl)
{
	for (struct pk_ctl_answer *a = ctl->answers; a; a = a->next)
		a->ctl = NULL;
}
