/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child: start a program with exactly the descriptors it is to have.
 *
 * The program is a descriptor that was opened at start, so that what runs is
 * what was installed then. It gets descriptors 0 to 2 of the parent, the given
 * ones as 3, 4, ..., no other, an empty environment, no blocked signal, and a
 * SIGTERM when its parent dies. Only pids that were started here are
 * signalled, and only until they are reaped.
 *
 * One thread; the caller reaps.
 */
#ifndef PK_CONTROL_CHILD_H
#define PK_CONTROL_CHILD_H

#include <stdint.h>
#include <sys/types.h>

enum {
	PK_CHILD_ARGS = 16,
	PK_CHILD_FENCE = 5, /* deaths ... */
	PK_CHILD_FENCE_MS =
		60 * 1000, /* ... within this time end it for good */
};

struct pk_child_conf {
	int program;		 /* an fd of the binary */
	const char *const *argv; /* ends with NULL; at most PK_CHILD_ARGS */
	const int *fds;
	uint32_t count;
};

/* Start it. 0 and *@pid, or -errno of fork or exec; then nothing runs. */
int pk_child_start(pid_t *pid, const struct pk_child_conf *conf);

/*
 * In a freshly forked child: keep descriptors 0 to 2 and the @count given ones
 * where they are, close all others. 0 or -errno.
 */
int pk_child_keep_only(const int *fds, uint32_t count);

/* How often something died, and when it did lately. */
struct pk_deaths {
	uint32_t total;
	uint64_t at_ms[PK_CHILD_FENCE];
};

/* It died at @now_ms. 1 when it died too often to be started again. */
int pk_deaths_add(struct pk_deaths *d, uint64_t now_ms);

#endif /* PK_CONTROL_CHILD_H */
