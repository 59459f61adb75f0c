/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/waiters.h"

#include <errno.h>
#include <stdlib.h>

void pk_waiters_init(struct pk_waiters *q)
{
	q->first = NULL;
	q->last = &q->first;
}

int pk_waiters_add(struct pk_waiters *q, const struct pk_waiter *w)
{
	struct pk_waiter *copy = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *w;
	copy->next = NULL;
	*q->last = copy;
	q->last = &copy->next;
	return 0;
}

struct pk_waiter *pk_waiters_take(struct pk_waiters *q)
{
	struct pk_waiter *w = q->first;

	if (w) {
		q->first = w->next;
		if (!q->first)
			q->last = &q->first;
	}
	return w;
}

void pk_waiters_append(struct pk_waiters *to, struct pk_waiters *from)
{
	if (from->first) {
		*to->last = from->first;
		to->last = from->last;
	}
	pk_waiters_init(from);
}

void pk_waiters_drop(struct pk_waiters *q)
{
	struct pk_waiter *w;

	while (q->last && (w = pk_waiters_take(q)))
		free(w);
}

void pk_waiters_tell(struct pk_waiters *q, int status, const char *why,
		     uint64_t generation)
{
	struct pk_waiters now;
	struct pk_waiter *w;

	pk_waiters_init(&now);
	pk_waiters_append(&now, q);
	while ((w = pk_waiters_take(&now))) {
		if (w->fn)
			w->fn(w->arg, status, why, generation);
		free(w);
	}
}
