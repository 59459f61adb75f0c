/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl_inside: what ctl.c (the server), ctl_conn.c (its connections) and
 * ctl_answer.c (what they are told) share. Nobody else includes this.
 */
#ifndef PK_CONTROL_CTL_INSIDE_H
#define PK_CONTROL_CTL_INSIDE_H

#include <sys/time.h>

#include "control/ctl/ctl.h"
#include "control/ctl/ctl_parse.h"

struct bufferevent;

struct pk_ctl_op {
	const char *name;
	pk_ctl_fn *fn;
	void *arg;
};

struct pk_ctl {
	struct pk_ctl_conf conf;
	struct event_base *base;
	struct event *listener;
	struct event *pause;
	struct timeval deadline;
	struct pk_ctl_conn *conns;
	struct pk_ctl_answer *answers;
	struct pk_ctl_counters count;
	uint64_t uploading; /* bytes of all uploads that are kept */
	uint32_t ops;
	struct pk_ctl_op op[PK_CTL_OPS];
};

/* What a connection waits for. */
enum pk_ctl_state {
	PK_CTL_LINE,
	PK_CTL_UPLOAD,
	PK_CTL_ANSWER,
	PK_CTL_DRAIN,
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
	enum pk_ctl_state state;
	bool begun; /* a request was counted */
	bool last;  /* close when the answer is out */
	bool eof;   /* the client sends no more */
};

/* NULL if there is none. */
const struct pk_ctl_op *pk_ctl_find(const struct pk_ctl *ctl, const char *name);

/* Serve the client behind @fd, which is taken. 0 or -ENOMEM. */
int pk_ctl_conn_new(struct pk_ctl *ctl, int fd);
void pk_ctl_conn_free(struct pk_ctl_conn *c);
void pk_ctl_conn_free_all(struct pk_ctl *ctl);

/* --- ctl_answer.c ------------------------------------------------------------ */

/*
 * Move the request, and its upload, from the connection to a new answer, for
 * which it waits then. 0 or -ENOMEM.
 */
int pk_ctl_answer_new(struct pk_ctl_conn *c);

/* Its operation may run: what pk_ctl_fn gets. */
int pk_ctl_answer_run(struct pk_ctl_answer *a, const struct pk_ctl_op *op);

/* The connection's output is with the kernel; or it goes. */
void pk_ctl_answer_written(struct pk_ctl_answer *a);
void pk_ctl_answer_left(struct pk_ctl_answer *a);

/* Refuse what @c sent; nothing behind it can be understood if @last. */
void pk_ctl_refuse(struct pk_ctl_conn *c, enum pk_ctl_code code,
		   const char *text, bool last);

/* An upload that is not kept any more. @ctl may be NULL. */
void pk_ctl_drop_upload(struct pk_ctl_conn *c);

/* The server goes: answers that are due will find nobody. */
void pk_ctl_orphan_answers(struct pk_ctl *ctl);

/* {"v":1,"error":{...}}; @hint may be NULL. The caller's. */
struct json_object *pk_ctl_error(enum pk_ctl_code code, const char *text,
				 const char *hint);

#endif /* PK_CONTROL_CTL_INSIDE_H */
