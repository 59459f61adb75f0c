/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl_peer: who is at the other end of a control connection.
 *
 * The kernel fixes uid and groups of a unix socket's peer at connect; its pid
 * may be anybody's by now and is not looked at.
 */
#ifndef PK_CONTROL_CTL_PEER_H
#define PK_CONTROL_CTL_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct pk_ctl_peer {
	uid_t uid;
	gid_t gid;
};

/*
 * Whether the peer of @fd is root, has our uid, or has @group as its group or
 * one of its supplementary groups. Sets *@who ((uid_t)-1 if it is unknown).
 */
bool pk_ctl_peer_allowed(int fd, gid_t group, struct pk_ctl_peer *who);

/* Who connected; (uid_t)-1 if it is unknown. */
uid_t pk_ctl_peer_uid(int fd);

#endif /* PK_CONTROL_CTL_PEER_H */
