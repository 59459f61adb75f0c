/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threat_pass: the open threats, some or all, shown or closed in slices in order
 * of their opening, so that the event loop is never held up by many.
 *
 *	while (pk_threat_pass_look(p) > 0) ...    the threats, slice by slice
 *	pk_threat_pass_sort(p);                   beside the loop
 *	while (pk_threat_pass_close(p, n) > 0) ...  or pk_threat_pass_show()
 *
 * Between two calls threats may open, change and close. What opens meanwhile may
 * be looked at or not. Memory: 48 bytes for each that
 * matches. One thread, but for pk_threat_pass_sort().
 */
#ifndef PK_CONTROL_THREAT_PASS_H
#define PK_CONTROL_THREAT_PASS_H

#include "control/threat.h"

struct pk_threat_pass;

struct pk_threat_pass_conf {
	struct pk_threats *threats; /* lives longer */
	uint64_t from; /* those that opened before this number are passed by */
	/* Is it wanted? NULL: all are. Asked when it is found, @last 0, and again just
	 * before it is closed, @last 1. */
	int (*want)(void *arg, const struct pk_threat_subject *s, int last);
	void *arg;
};

/* 0 or -ENOMEM. */
int pk_threat_pass_new(struct pk_threat_pass **out,
		       const struct pk_threat_pass_conf *conf);
void pk_threat_pass_free(struct pk_threat_pass *p); /* NULL is a no-op */

/* Look at some: 1 when there are more, 0 behind the last, or -ENOMEM, with
 * which what was found can be closed. */
int pk_threat_pass_look(struct pk_threat_pass *p);

/* Any thread, when nobody else uses @p. */
void pk_threat_pass_sort(struct pk_threat_pass *p);

/*
 * Close up to @n of what was found. 1 when there is more; 0: that was all. A
 * name that got another key since pk_threat_pass_new() may have been missed:
 * then -EAGAIN instead of 0, and it begins anew, with pk_threat_pass_look().
 */
int pk_threat_pass_close(struct pk_threat_pass *p, uint32_t n);

/*
 * Show the next of what was found that is still open: 1, or 0 when there is
 * none. A name that got another key meanwhile is passed by.
 */
int pk_threat_pass_show(struct pk_threat_pass *p, pk_threat_sink_fn *show,
			void *arg);

/* The number of the next to be shown; 0: there is none. */
uint64_t pk_threat_pass_at(const struct pk_threat_pass *p);

uint64_t pk_threat_pass_closed(const struct pk_threat_pass *p); /* how many */

#endif /* PK_CONTROL_THREAT_PASS_H */
