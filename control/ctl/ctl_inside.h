/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl_inside: what ctl.c (the server) and ctl_conn.c (its connections) share.
 * Nobody else includes this.
 */
#ifndef PK_CONTROL_CTL_INSIDE_H
#define PK_CONTROL_CTL_INSIDE_H

#include <sys/time.h>

#include "control/ctl/ctl.h"
#include "control/ctl/ctl_parse.h"

struct pk_ctl_conn;

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

/* NULL if there is none. */
const struct pk_ctl_op *pk_ctl_find(const struct pk_ctl *ctl, const char *name);

/* Serve the client behind @fd, which is taken. 0 or -ENOMEM. */
int pk_ctl_conn_new(struct pk_ctl *ctl, int fd);
void pk_ctl_conn_free(struct pk_ctl_conn *c);
void pk_ctl_conn_free_all(struct pk_ctl *ctl);

/* The server goes: answers that are due will find nobody. */
void pk_ctl_orphan_answers(struct pk_ctl *ctl);

/* {"v":1,"error":{...}}; @hint may be NULL. The caller's. */
struct json_object *pk_ctl_error(enum pk_ctl_code code, const char *text,
				 const char *hint);

#endif /* PK_CONTROL_CTL_INSIDE_H */
