/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics: what the daemon exports (control/metrics/server.h), if it is
 * configured to: the figures of its status, the indicators of each feed, and
 * how long things took.
 */
#ifndef PK_CONTROL_DAEMON_METRICS_H
#define PK_CONTROL_DAEMON_METRICS_H

enum { PK_DAEMON_METRICS_FEEDS = 1024 }; /* with a series of their own */

struct pk_daemon;

/* 0, or -errno of pk_metrics_new(). */
int pk_daemon_metrics(struct pk_daemon *d);

#endif /* PK_CONTROL_DAEMON_METRICS_H */
