/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rundir: the run directory, the lock in it, and the control socket.
 *
 * The directory is made if it is missing, and belongs to the unprivileged
 * identity with mode 0750; while files are made in it, it is closed to
 * everyone else. The lock says that one picketd works here: the file "lock",
 * locked by flock(2), holds the owner's pid as text. It goes away with its
 * owner, however that ends; a file that a killed owner left also says whether
 * the directory was made, so that the next owner removes it at its end.
 *
 * Every function that takes @why writes one sentence there on failure.
 */
#ifndef PK_CONTROL_RUNDIR_H
#define PK_CONTROL_RUNDIR_H

#include <stddef.h>
#include <sys/types.h>

struct pk_rundir {
	char path[128];
	int fd;	  /* of the directory, -1: not open */
	int lock; /* -1: not held */
	int socket_made;
	int made; /* the directory, by us or by an owner that was killed */
};

/*
 * Open @path for @uid and @gid and take the lock. Who is not root makes the
 * directory its own. 0; -EBUSY when another picketd owns it (@why has its
 * pid); -ENOTDIR, -ENAMETOOLONG, or -errno. pk_rundir_close() on failure too.
 */
int pk_rundir_open(struct pk_rundir *r, const char *path, uid_t uid, gid_t gid,
		   char *why, size_t size);

/* The listening control socket, mode 0660, of @gid. 0 or -errno. */
int pk_rundir_listen(struct pk_rundir *r, gid_t gid, int *fd, char *why,
		     size_t size);

/*
 * Remove the sockets (the bus's default one as well) and the lock, if they are
 * ours, and the directory if it was made and is empty. A zeroed or closed one
 * is ok.
 */
void pk_rundir_close(struct pk_rundir *r);

#endif /* PK_CONTROL_RUNDIR_H */
