/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waiters: callbacks that wait in line. Of control/daemon/indicators.h; nobody else
 * includes it. One thread.
 */
#ifndef PK_CONTROL_WAITERS_H
#define PK_CONTROL_WAITERS_H

#include "control/daemon/indicators.h"

struct pk_waiter {
	struct pk_waiter *next;
	void (*go)(void *arg); /* or NULL, and: */
	pk_indicators_fn *fn;  /* may be NULL */
	void *arg;
};

/* pk_waiters_init() first. */
struct pk_waiters {
	struct pk_waiter *first;
	struct pk_waiter **last;
};

void pk_waiters_init(struct pk_waiters *q);
int pk_waiters_add(struct pk_waiters *q,
		   const struct pk_waiter *w); /* -ENOMEM */
/* The first one, which the caller frees; or NULL. */
struct pk_waiter *pk_waiters_take(struct pk_waiters *q);
/* All of @from come to the end of @to. */
void pk_waiters_append(struct pk_waiters *to, struct pk_waiters *from);
void pk_waiters_drop(struct pk_waiters *q); /* untold; zeroed: no-op */

/* Tell those that wait now, not those that they bring. */
void pk_waiters_tell(struct pk_waiters *q, int status, const char *why,
		     uint64_t generation);

#endif /* PK_CONTROL_WAITERS_H */
