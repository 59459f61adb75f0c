/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/ctl/ctl_inside.h"
#include "control/ctl/ctl_peer.h"

enum { READ_AHEAD = 256 * 1024 }; /* bytes kept of a client that is ahead */

/* What a connection waits for. */
enum state { LINE, UPLOAD, ANSWER, DRAIN };

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
};

struct pk_ctl_conn {
	struct pk_ctl *ctl;
	struct pk_ctl_conn *next;
	struct bufferevent *bev;
	struct event *deadline;
	struct pk_ctl_answer *answer; /* in state ANSWER */
	struct pk_ctl_request request;
	struct pk_ctl_upload upload;
	int memfd;
	enum state state;
	bool begun; /* a request was counted */
	bool last;  /* close when the answer is out */
	bool eof;   /* the client sends no more */
};

static struct evbuffer *input(const struct pk_ctl_conn *c)
{
	return bufferevent_get_input(c->bev);
}

static void release_upload(struct pk_ctl *ctl, uint64_t bytes)
{
	if (ctl)
		ctl->uploading -= bytes;
}

static void drop_upload(struct pk_ctl_conn *c)
{
	if (c->memfd < 0)
		return;
	close(c->memfd);
	c->memfd = -1;
	release_upload(c->ctl, c->upload.bytes);
}

void pk_ctl_conn_free(struct pk_ctl_conn *c)
{
	struct pk_ctl_conn **at = &c->ctl->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->begun && c->state != ANSWER) {
		c->ctl->count.pending--;
		c->ctl->count.error[PK_CTL_E_ABORTED]++;
	}
	c->ctl->count.open--;
	c->ctl->count.closed++;
	if (c->answer)
		c->answer->conn = NULL;
	drop_upload(c);
	pk_ctl_request_fini(&c->request);
	if (c->deadline)
		event_free(c->deadline);
	if (c->bev)
		bufferevent_free(c->bev);
	free(c);
}

/* ---- answering ---- */

static void count_end(struct pk_ctl *ctl, enum pk_ctl_code code)
{
	ctl->count.pending--;
	if (code == PK_CTL_CODE_COUNT)
		ctl->count.ok++;
	else
		ctl->count.error[code]++;
}

/* Takes @root. The connection goes on, or ends, once the text is out. */
static void send_answer(struct pk_ctl_conn *c, struct json_object *root)
{
	size_t n = 0;
	const char *text = json_object_to_json_string_length(
		root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
		&n);

	c->state = DRAIN;
	c->begun = false;
	bufferevent_write(c->bev, text, n);
	bufferevent_write(c->bev, "\n", 1);
	event_add(c->deadline, &c->ctl->deadline);
	json_object_put(root);
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

/* Refuse what @c sent; nothing behind it can be understood if @last. */
static void refuse(struct pk_ctl_conn *c, enum pk_ctl_code code,
		   const char *text, bool last)
{
	drop_upload(c);
	pk_ctl_request_fini(&c->request);
	count_end(c->ctl, code);
	c->last = c->last || last;
	send_answer(c, pk_ctl_error(code, text, NULL));
}

/* Takes @root: the end of a request that ran. */
static void complete(struct pk_ctl_answer *a, struct json_object *root,
		     enum pk_ctl_code code)
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
		send_answer(a->conn, root);
	} else {
		json_object_put(root);
	}
	if (a->map)
		munmap(a->map, a->bytes);
	release_upload(a->ctl, a->bytes);
	json_object_put(a->args);
	free(a);
}

void pk_ctl_ok(struct pk_ctl_answer *out, struct json_object *result)
{
	struct json_object *root = answer_root();

	json_object_object_add(root, "ok", json_object_new_boolean(1));
	json_object_object_add(root, "result",
			       result ? result : json_object_new_object());
	complete(out, root, PK_CTL_CODE_COUNT);
}

void pk_ctl_fail(struct pk_ctl_answer *out, enum pk_ctl_code code,
		 const char *hint, const char *format, ...)
{
	char text[PK_CTL_MESSAGE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	complete(out, pk_ctl_error(code, text, hint), code);
}

uid_t pk_ctl_uid(const struct pk_ctl_answer *out)
{
	return out->uid;
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
	complete(out, root, code);
}

/* ---- running ---- */

/* Move the request, and its upload, from the connection to a new answer. */
static int new_answer(struct pk_ctl_conn *c)
{
	struct pk_ctl_answer *a = calloc(1, sizeof(*a));
	void *map = NULL;

	if (!a)
		return -ENOMEM;
	if (c->request.bytes) {
		map = mmap(NULL, c->request.bytes, PROT_READ, MAP_PRIVATE,
			   c->memfd, 0);
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
	c->state = ANSWER;
	return 0;
}

static void run(struct pk_ctl_conn *c)
{
	const struct pk_ctl_op *op = pk_ctl_find(c->ctl, c->request.op);
	struct pk_ctl_answer *a;
	int err;

	event_del(c->deadline);
	if (new_answer(c)) {
		refuse(c, PK_CTL_E_FAILED, "out of memory", false);
		return;
	}
	a = c->answer;
	err = op->fn(op->arg, a->args, a->map, a->bytes, a);
	if (err < 0)
		pk_ctl_fail(a, PK_CTL_E_FAILED, NULL, "%s: %s", op->name,
			    strerror(-err));
}

static void begin_upload(struct pk_ctl_conn *c)
{
	struct pk_ctl *ctl = c->ctl;
	uint64_t n = c->request.bytes;
	char text[128];

	snprintf(text, sizeof(text), "an upload has at most %llu bytes",
		 (unsigned long long)ctl->conf.upload_bytes);
	if (n > ctl->conf.upload_bytes) {
		refuse(c, PK_CTL_E_TOO_LARGE, text, true);
		return;
	}
	if (n > ctl->conf.upload_bytes - ctl->uploading) {
		refuse(c, PK_CTL_E_BUSY,
		       "other uploads are in progress; try again later", true);
		return;
	}
	c->memfd = memfd_create("picket-upload", MFD_CLOEXEC);
	if (c->memfd < 0) {
		refuse(c, PK_CTL_E_FAILED, "no memory for the upload", true);
		return;
	}
	ctl->uploading += n;
	c->upload = (struct pk_ctl_upload){ .bytes = n };
	c->state = UPLOAD;
	event_add(c->deadline, &ctl->deadline);
}

static void take_line(struct pk_ctl_conn *c, const char *line, size_t len)
{
	struct pk_ctl_refusal why;

	if (pk_ctl_request_parse(&c->request, line, len, &why)) {
		refuse(c, why.code, why.message, true);
		return;
	}
	if (!pk_ctl_find(c->ctl, c->request.op)) {
		snprintf(why.message, sizeof(why.message),
			 "no operation \"%s\"", c->request.op);
		refuse(c, PK_CTL_E_UNKNOWN_OP, why.message,
		       c->request.bytes > 0);
		return;
	}
	if (c->request.bytes)
		begin_upload(c);
	else
		run(c);
}

/* One line, if it is there. Whether anything was done. */
static bool step_line(struct pk_ctl_conn *c)
{
	struct evbuffer *in = input(c);
	struct evbuffer_ptr eol;
	size_t len;
	char *line;

	if (!evbuffer_get_length(in))
		return false;
	if (!c->begun) {
		c->begun = true;
		c->ctl->count.requests++;
		c->ctl->count.pending++;
	}
	eol = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF);
	if (eol.pos < 0 && evbuffer_get_length(in) < PK_CTL_LINE_MAX)
		return false;
	if (eol.pos < 0 || eol.pos >= PK_CTL_LINE_MAX) {
		refuse(c, PK_CTL_E_TOO_LARGE, "the request line is too long",
		       true);
		return true;
	}
	line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
	if (!line) {
		refuse(c, PK_CTL_E_FAILED, "out of memory", true);
		return true;
	}
	take_line(c, line, len);
	free(line);
	return true;
}

/* A head or some bytes of an upload. Whether anything was done. */
static bool step_upload(struct pk_ctl_conn *c)
{
	struct pk_ctl_refusal why;
	uint8_t head[PK_CTL_CHUNK_HEAD];
	int n;

	if (!c->upload.left) {
		if (evbuffer_get_length(input(c)) < sizeof(head))
			return false;
		evbuffer_remove(input(c), head, sizeof(head));
		if (pk_ctl_upload_head(&c->upload, head, &why))
			refuse(c, why.code, why.message, true);
		return true;
	}
	if (!evbuffer_get_length(input(c)))
		return false;
	n = evbuffer_write_atmost(input(c), c->memfd, c->upload.left);
	if (n <= 0) {
		refuse(c, PK_CTL_E_FAILED, "no memory for the upload", true);
		return true;
	}
	c->upload.left -= (uint32_t)n;
	if (c->upload.left)
		return true;
	event_add(c->deadline, &c->ctl->deadline);
	if (pk_ctl_upload_done(&c->upload))
		run(c);
	return true;
}

/* As far as the bytes go. May free @c. */
static void step(struct pk_ctl_conn *c)
{
	bool more = true;

	while (more)
		more = c->state == LINE	    ? step_line(c)
		       : c->state == UPLOAD ? step_upload(c)
					    : false;
	if (c->eof && c->state != ANSWER && c->state != DRAIN)
		pk_ctl_conn_free(c);
}

/* ---- events ---- */

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	step(arg);
}

/* Everything that was to be sent is with the kernel. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct pk_ctl_conn *c = arg;

	(void)bev;
	if (c->state != DRAIN)
		return;
	if (c->last) {
		pk_ctl_conn_free(c);
		return;
	}
	c->state = LINE;
	event_add(c->deadline, &c->ctl->deadline);
	step(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct pk_ctl_conn *c = arg;

	(void)bev;
	if (!(what & BEV_EVENT_EOF) || (what & BEV_EVENT_ERROR)) {
		pk_ctl_conn_free(c);
		return;
	}
	c->eof = true;
	step(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct pk_ctl_conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state == DRAIN || !c->begun) {
		pk_ctl_conn_free(c);
		return;
	}
	refuse(c, PK_CTL_E_TIMEOUT,
	       "the rest of the request did not come in time; nothing was "
	       "changed",
	       true);
}

static int start(struct pk_ctl_conn *c, int fd)
{
	c->bev =
		bufferevent_socket_new(c->ctl->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev) {
		close(fd);
		return -ENOMEM;
	}
	c->deadline = evtimer_new(c->ctl->base, on_deadline, c);
	if (!c->deadline)
		return -ENOMEM;
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, READ_AHEAD);
	bufferevent_set_max_single_read(c->bev, READ_AHEAD);
	event_add(c->deadline, &c->ctl->deadline);
	return bufferevent_enable(c->bev, EV_READ | EV_WRITE) ? -EIO : 0;
}

int pk_ctl_conn_new(struct pk_ctl *ctl, int fd)
{
	struct pk_ctl_conn *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		ctl->count.closed++;
		return -ENOMEM;
	}
	*c = (struct pk_ctl_conn){ .ctl = ctl,
				   .next = ctl->conns,
				   .memfd = -1 };
	ctl->conns = c;
	ctl->count.open++;
	if (!start(c, fd))
		return 0;
	pk_ctl_conn_free(c);
	return -ENOMEM;
}

void pk_ctl_conn_free_all(struct pk_ctl *ctl)
{
	while (ctl->conns)
		pk_ctl_conn_free(ctl->conns);
}

void pk_ctl_orphan_answers(struct pk_ctl *ctl)
{
	for (struct pk_ctl_answer *a = ctl->answers; a; a = a->next)
		a->ctl = NULL;
}
