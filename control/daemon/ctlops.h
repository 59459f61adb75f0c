/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctlops: the operations behind the control socket; control/ctl/ctl.h says what
 * each takes and answers.
 *
 * Arguments are checked here as strictly as the configuration: an argument that
 * is unknown, of another type or out of range is `usage`, with the name.
 */
#ifndef PK_CONTROL_CTLOPS_H
#define PK_CONTROL_CTLOPS_H

struct pk_daemon;

/* Register all operations with the daemon's server. 0 or -errno. */
int pk_ctlops_register(struct pk_daemon *d);

#endif /* PK_CONTROL_CTLOPS_H */
