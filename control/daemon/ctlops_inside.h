/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctlops_inside: what ctlops.c, ctlops_audit.c and ctlops_ioc.c share. Nobody
 * else includes it.
 */
#ifndef PK_CONTROL_CTLOPS_INSIDE_H
#define PK_CONTROL_CTLOPS_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "control/ctl/ctl.h"
#include "control/daemon/daemon_inside.h"

/*
 * The arguments of a request. Each pk_args_*() takes one by name; the first
 * fault is kept and pk_args_end() answers it. Text is borrowed.
 */
struct pk_args {
	struct json_object *object;
	char fault[160];
	unsigned taken; /* how many of the object's members were asked for */
};

void pk_args_begin(struct pk_args *a, struct json_object *object);
/* NULL when it is absent; @need makes that a fault. */
const char *pk_args_text(struct pk_args *a, const char *name, bool need);
bool pk_args_bool(struct pk_args *a, const char *name);
uint64_t pk_args_number(struct pk_args *a, const char *name, uint64_t absent,
			uint64_t max);
/* 1 when there was a fault, or a member that nobody asked for: see fault. */
int pk_args_fault(struct pk_args *a);
/* The same, answered. */
int pk_args_end(struct pk_args *a, struct pk_ctl_answer *out);

/* Answer with the code that belongs to a status of the launcher. */
void pk_ctlops_fail(struct pk_ctl_answer *out, int status, const char *why);

void pk_ctlops_add_text(struct json_object *o, const char *key,
			const char *text);
void pk_ctlops_add_number(struct json_object *o, const char *key, uint64_t n);

/* ctlops_audit.c: the operation "audit" */
int pk_ctlops_audit(void *arg, struct json_object *args, const void *bytes,
		    size_t n, struct pk_ctl_answer *out);

/* ctlops_ioc.c */
int pk_ctlops_register_ioc(struct pk_daemon *d);

#endif /* PK_CONTROL_CTLOPS_INSIDE_H */
