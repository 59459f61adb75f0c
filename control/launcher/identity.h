/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * identity: whom the daemon and the planes become, and who may steer them.
 *
 * A configured user must exist: nothing else is taken in its place. Without
 * one it is "picket", or "nobody" on a host that has no picket.
 *
 * The members of the identity's group may use the control socket. nobody and
 * its group are shared with whatever else runs as them, so with these the
 * socket belongs to root's group instead, and only root may steer.
 */
#ifndef PK_CONTROL_IDENTITY_H
#define PK_CONTROL_IDENTITY_H

#include <stddef.h>
#include <sys/types.h>

struct pk_identity {
	uid_t uid;
	gid_t gid;
	gid_t control; /* the group of the control socket: gid, or 0 */
};

/*
 * Find the identity of @user, as the configuration has it: "" is none. 0, and
 * @why is a warning or ""; or -ENOENT, and @why is the reason.
 */
int pk_identity_find(struct pk_identity *out, const char *user, char *why,
		     size_t size);

#endif /* PK_CONTROL_IDENTITY_H */
