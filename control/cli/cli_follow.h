/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_follow: what cli_threat.c (follow the bus as it is) and cli_follow.c
 * (from an earlier point on, without a gap) share. Nobody else includes it.
 */
#ifndef PK_CONTROL_CLI_FOLLOW_H
#define PK_CONTROL_CLI_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/cli/cli.h"

enum { PK_FOLLOW_SLICE_MS = 200 }; /* how late an interrupt may be seen */

struct pk_keys;

struct pk_follow {
	const struct pk_cli *cli;
	const char *type;	    /* only threats of that type; NULL: all */
	uint64_t left;		    /* threats still wanted; 0: no end */
	uint64_t end_ms;	    /* 0: no end */
	const char *endpoint;	    /* NULL: to be asked for */
	const struct pk_keys *keys; /* NULL: without CURVE */
};

/*
 * A threat came in: show it if it is wanted. The exit status, or -1 to go on.
 */
int pk_follow_threat(struct pk_follow *f, const char *topic, const char *json,
		     size_t len);

/* Milliseconds to wait; -1, and *@rc is the exit status: it is time to end. */
int pk_follow_wait(const struct pk_follow *f, int *rc);

/*
 * The bus's endpoint, to free(3): as it was said, or as the daemon tells it, a
 * file's before others, as that needs no keys. 0 or a status.
 */
int pk_follow_endpoint(const struct pk_follow *f, char **out);

/* From @since on: a number, a time or how long ago. The exit status. */
int pk_follow_since(struct pk_follow *f, const char *since);

#endif /* PK_CONTROL_CLI_FOLLOW_H */
