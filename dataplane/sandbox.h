/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox: give up what a process no longer needs.
 *
 * Order: the caller opens everything, then calls pk_sandbox_enter() once. It
 * clears the groups, changes uid and gid (every thread, by glibc), empties the
 * bounding and ambient sets, sets no_new_privs, core size 0 and dumpable 0,
 * and then proves it: each thread's capability sets are read back and must be
 * zero. A step that fails ends in an error; the caller must exit.
 */
#ifndef PK_DATAPLANE_SANDBOX_H
#define PK_DATAPLANE_SANDBOX_H

#include <sys/types.h>

/*
 * The unprivileged identity: user @name, or with NULL "picket", or "nobody" if
 * there is no picket. 0, or -ENOENT when it does not exist or is root.
 */
int pk_sandbox_identity(const char *name, uid_t *uid, gid_t *gid);

/*
 * Become @uid/@gid without capabilities, for good. A process that is not root
 * only loses what it has. 0, or -errno with *@step naming the failed step.
 */
int pk_sandbox_enter(uid_t uid, gid_t gid, const char **step);

#endif /* PK_DATAPLANE_SANDBOX_H */
