/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon: the unprivileged heart: records in, threats out.
 *
 *	rings ─► merge ─► pipeline ─► threats ─► bus
 *	  ▲                  ▲
 *	planes            indicators ─► images ─► every plane, the kernel
 *	  ▲                  ▲
 *	launcher          control socket
 *
 * One thread runs an event loop; a second one waits for grace periods
 * (control/daemon/grace.h). Everything that comes in is hostile: ring bytes, the
 * planes' messages, requests on the control socket. The launcher's answers are
 * believed.
 */
#ifndef PK_CONTROL_DAEMON_H
#define PK_CONTROL_DAEMON_H

#include <sys/types.h>

#include "control/config.h"

enum { PK_DAEMON_CURVE = 2 };

struct pk_daemon_conf {
	const struct pk_config *config; /* borrowed */
	int requests;			/* to the launcher */
	int ctl;			/* the listening control socket */
	int first;   /* 1: failing to attach what the configuration says is
			 fatal; 0: an earlier daemon served, so go on */
	gid_t group; /* whose members may use the control socket */
	/* The configured files, opened; -1: could not be, or none. */
	int file[PK_CONFIG_FILES];    /* of indicators */
	int mapping[PK_CONFIG_FILES]; /* of their mappings */
	int list[PK_CONFIG_LISTS];    /* safelists */
	int curve[PK_DAEMON_CURVE];   /* the bus's secret, and its clients */
};

/*
 * Run until SIGTERM or until the launcher is gone. Privileges have been given
 * up. All fds are taken. Returns the exit status (control/launcher/launcher.h); a
 * failure was logged as one sentence.
 */
int pk_daemon_run(const struct pk_daemon_conf *conf);

#endif /* PK_CONTROL_DAEMON_H */
