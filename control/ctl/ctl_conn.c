/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/ctl/ctl_inside.h"

enum { READ_AHEAD = 256 * 1024 }; /* bytes kept of a client that is ahead */

static struct evbuffer *input(const struct pk_ctl_conn *c)
{
	return bufferevent_get_input(c->bev);
}

void pk_ctl_conn_free(struct pk_ctl_conn *c)
{
	struct pk_ctl_conn **at = &c->ctl->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->begun && c->state != PK_CTL_ANSWER) {
		c->ctl->count.pending--;
		c->ctl->count.error[PK_CTL_E_ABORTED]++;
	}
	c->ctl->count.open--;
	c->ctl->count.closed++;
	if (c->answer)
		pk_ctl_answer_left(c->answer);
	pk_ctl_drop_upload(c);
	pk_ctl_request_fini(&c->request);
	if (c->deadline)
		event_free(c->deadline);
	if (c->bev)
		bufferevent_free(c->bev);
	free(c);
}

/* ---- running ---- */

static void run(struct pk_ctl_conn *c)
{
	const struct pk_ctl_op *op = pk_ctl_find(c->ctl, c->request.op);
	struct pk_ctl_answer *a;
	int err;

	event_del(c->deadline);
	if (pk_ctl_answer_new(c)) {
		pk_ctl_refuse(c, PK_CTL_E_FAILED, "out of memory", false);
		return;
	}
	a = c->answer;
	err = pk_ctl_answer_run(a, op);
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
		pk_ctl_refuse(c, PK_CTL_E_TOO_LARGE, text, true);
		return;
	}
	if (n > ctl->conf.upload_bytes - ctl->uploading) {
		pk_ctl_refuse(c, PK_CTL_E_BUSY,
			      "other uploads are in progress; try again later",
			      true);
		return;
	}
	c->memfd = memfd_create("picket-upload", MFD_CLOEXEC);
	if (c->memfd < 0) {
		pk_ctl_refuse(c, PK_CTL_E_FAILED, "no memory for the upload",
			      true);
		return;
	}
	ctl->uploading += n;
	c->upload = (struct pk_ctl_upload){ .bytes = n };
	c->state = PK_CTL_UPLOAD;
	event_add(c->deadline, &ctl->deadline);
}

static void take_line(struct pk_ctl_conn *c, const char *line, size_t len)
{
	struct pk_ctl_refusal why;

	if (pk_ctl_request_parse(&c->request, line, len, &why)) {
		pk_ctl_refuse(c, why.code, why.message, true);
		return;
	}
	if (!pk_ctl_find(c->ctl, c->request.op)) {
		snprintf(why.message, sizeof(why.message),
			 "no operation \"%s\"", c->request.op);
		pk_ctl_refuse(c, PK_CTL_E_UNKNOWN_OP, why.message,
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
		pk_ctl_refuse(c, PK_CTL_E_TOO_LARGE,
			      "the request line is too long", true);
		return true;
	}
	line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
	if (!line) {
		pk_ctl_refuse(c, PK_CTL_E_FAILED, "out of memory", true);
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
			pk_ctl_refuse(c, why.code, why.message, true);
		return true;
	}
	if (!evbuffer_get_length(input(c)))
		return false;
	n = evbuffer_write_atmost(input(c), c->memfd, c->upload.left);
	if (n <= 0) {
		pk_ctl_refuse(c, PK_CTL_E_FAILED, "no memory for the upload",
			      true);
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
		more = c->state == PK_CTL_LINE	   ? step_line(c)
		       : c->state == PK_CTL_UPLOAD ? step_upload(c)
						   : false;
	if (c->eof && c->state != PK_CTL_ANSWER && c->state != PK_CTL_DRAIN)
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
	if (c->state == PK_CTL_ANSWER)
		pk_ctl_answer_written(c->answer);
	if (c->state != PK_CTL_DRAIN)
		return;
	if (c->last) {
		pk_ctl_conn_free(c);
		return;
	}
	c->state = PK_CTL_LINE;
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
	/* it reads no answer, or asks nothing */
	if (c->state >= PK_CTL_ANSWER || !c->begun) {
		pk_ctl_conn_free(c);
		return;
	}
	pk_ctl_refuse(
		c, PK_CTL_E_TIMEOUT,
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
