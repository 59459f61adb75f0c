/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/bus.h"
#include "control/bus/endpoint.h"
#include "control/ctl/ctl.h"

#define LOCK_FILE "lock"
#define MADE	  "made" /* in the lock, behind the pid */

enum { LOCK_BYTES = 32, TRIES = 8 };

static int open_dir(struct pk_rundir *r, char *why, size_t size)
{
	if (!mkdir(r->path, 0700)) {
		r->made = 1;
	} else if (errno != EEXIST) {
		int err = -errno;

		snprintf(why, size, "run directory %s cannot be made: %s",
			 r->path, strerror(-err));
		return err;
	}
	r->fd = open(r->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->fd < 0) {
		int err = -errno;

		snprintf(why, size, "run directory %s cannot be opened: %s",
			 r->path, strerror(-err));
		return err;
	}
	return 0;
}

/* The text of the lock: "", or a pid, and MADE or not. */
static void read_lock(int lock, char text[LOCK_BYTES])
{
	ssize_t n = pread(lock, text, LOCK_BYTES - 1, 0);

	text[n > 0 ? n : 0] = '\0';
}

/* Is what we locked still what the name stands for? */
static int is_current(const struct pk_rundir *r)
{
	struct stat ours, named;

	return !fstat(r->lock, &ours) &&
	       !fstatat(r->fd, LOCK_FILE, &named, AT_SYMLINK_NOFOLLOW) &&
	       ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

static int refuse_second(struct pk_rundir *r, char *why, size_t size)
{
	char text[LOCK_BYTES];

	read_lock(r->lock, text);
	snprintf(why, size,
		 "run directory %s is owned by picketd pid %ld: stop it, or "
		 "give this one another run_dir",
		 r->path, strtol(text, NULL, 10));
	close(r->lock);
	r->lock = -1;
	return -EBUSY;
}

static int take_lock(struct pk_rundir *r, char *why, size_t size)
{
	char text[LOCK_BYTES];
	int n;

	for (;;) {
		r->lock = openat(r->fd, LOCK_FILE,
				 O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
					 O_CLOEXEC,
				 0600);
		if (r->lock < 0)
			break;
		if (flock(r->lock, LOCK_EX | LOCK_NB))
			return refuse_second(r, why, size);
		if (is_current(r))
			break;
		close(r->lock); /* its owner removed it meanwhile */
	}
	if (r->lock >= 0) {
		read_lock(r->lock, text);
		r->made |= strstr(text, MADE) != NULL;
	}
	n = snprintf(text, sizeof(text), "%ld%s\n", (long)getpid(),
		     r->made ? " " MADE : "");
	if (r->lock >= 0 && !ftruncate(r->lock, 0) &&
	    pwrite(r->lock, text, (size_t)n, 0) == n)
		return 0;
	n = -errno;
	snprintf(why, size, "lock %s/%s cannot be written: %s", r->path,
		 LOCK_FILE, strerror(-n));
	return n;
}

/* Closed to the identity first, so that it can plant nothing in our way. */
static int own_dir(const struct pk_rundir *r, uid_t uid, gid_t gid, mode_t mode,
		   char *why, size_t size)
{
	if ((geteuid() == 0 && fchown(r->fd, uid, gid)) ||
	    fchmod(r->fd, mode)) {
		int err = -errno;

		snprintf(why, size, "run directory %s cannot be made ours: %s",
			 r->path, strerror(-err));
		return err;
	}
	return 0;
}

int pk_rundir_open(struct pk_rundir *r, const char *path, uid_t uid, gid_t gid,
		   char *why, size_t size)
{
	int err;

	memset(r, 0, sizeof(*r));
	r->fd = r->lock = -1;
	if (strlen(path) >= sizeof(r->path)) {
		snprintf(why, size, "run directory %.40s...: name too long",
			 path);
		return -ENAMETOOLONG;
	}
	memcpy(r->path, path, strlen(path) + 1);
	/* another one that ends now may remove what we have just opened */
	for (int i = 0; i < TRIES; i++) {
		if (r->fd >= 0)
			close(r->fd);
		err = open_dir(r, why, size);
		if (!err)
			err = take_lock(r, why, size);
		if (err != -ENOENT)
			break;
	}
	if (!err)
		err = own_dir(r, uid, gid, 0750, why, size);
	return err;
}

static void socket_path(const struct pk_rundir *r, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", r->path, PK_CTL_SOCKET);
}

int pk_rundir_listen(struct pk_rundir *r, gid_t gid, int *fd, char *why,
		     size_t size)
{
	char path[sizeof(r->path) + sizeof(PK_CTL_SOCKET) + 1];
	struct stat st;
	int err;

	socket_path(r, path, sizeof(path));
	if (fstat(r->fd, &st))
		return -errno;
	err = own_dir(r, geteuid(), getegid(), 0700, why, size);
	if (err)
		return err;
	err = pk_ctl_listen(fd, path, gid);
	if (err)
		snprintf(why, size, "control socket %s cannot be made: %s",
			 path, strerror(-err));
	else
		r->socket_made = 1;
	if (own_dir(r, st.st_uid, st.st_gid, st.st_mode & 0777, why, size) &&
	    !err)
		err = -EPERM;
	return err;
}

void pk_rundir_close(struct pk_rundir *r)
{
	if (r->path[0] && r->fd >= 0) {
		if (r->socket_made)
			unlinkat(r->fd, PK_CTL_SOCKET, 0);
		if (r->lock >= 0 && is_current(r)) {
			unlinkat(r->fd, PK_BUS_SOCKET, 0);
			unlinkat(r->fd, PK_ENDPOINT_REPLAY, 0);
			unlinkat(r->fd, LOCK_FILE, 0);
		}
		/* not if somebody else is at home by now: it is not empty */
		if (r->made)
			rmdir(r->path);
		close(r->fd);
		if (r->lock >= 0)
			close(r->lock);
	}
	r->path[0] = '\0';
	r->fd = r->lock = -1;
}
