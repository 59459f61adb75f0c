/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/ctl/ctl_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/ctl/ctl.h"

static bool in_groups(int fd, gid_t group)
{
	socklen_t len = 0;
	bool found = false;
	gid_t *groups;

	/* The first call only asks for the size. */
	getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len);
	groups = malloc(len + sizeof(*groups));
	if (!groups)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		len = 0;
	for (size_t i = 0; i < len / sizeof(*groups); i++)
		found = found || groups[i] == group;
	free(groups);
	return found;
}

bool pk_ctl_peer_allowed(int fd, gid_t group, struct pk_ctl_peer *who)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	*who = (struct pk_ctl_peer){ (uid_t)-1, (gid_t)-1 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	who->uid = cred.uid;
	who->gid = cred.gid;
	return !cred.uid || cred.uid == geteuid() || cred.gid == group ||
	       in_groups(fd, group);
}

uid_t pk_ctl_peer_uid(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ? (uid_t)-1
								    : cred.uid;
}

/* Whether a server answers at @path. */
static bool answered(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool yes = fd >= 0 &&
		   (!connect(fd, (const struct sockaddr *)at, sizeof(*at)) ||
		    errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return yes;
}

/*
 * Until listen() every connect() is refused, so owner and mode are in place
 * before the first client can be; under this umask the file begins at 0000.
 */
static int bind_closed(int fd, const struct sockaddr_un *at, gid_t group)
{
	mode_t mask = umask(0777);
	int err =
		bind(fd, (const struct sockaddr *)at, sizeof(*at)) ? -errno : 0;

	umask(mask);
	if (err)
		return err;
	if (fchownat(AT_FDCWD, at->sun_path, (uid_t)-1, group,
		     AT_SYMLINK_NOFOLLOW) ||
	    chmod(at->sun_path, 0660) || listen(fd, PK_CTL_CONNECTIONS)) {
		err = -errno;
		unlink(at->sun_path);
	}
	return err;
}

int pk_ctl_listen(int *fd, const char *path, gid_t group)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct stat st;
	int s, err;

	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	strcpy(at.sun_path, path);
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode)) {
		if (answered(&at))
			return -EADDRINUSE;
		unlink(path);
	}
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0)
		return -errno;
	err = bind_closed(s, &at, group);
	if (err) {
		close(s);
		return err;
	}
	*fd = s;
	return 0;
}
