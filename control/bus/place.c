/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/place.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/log.h"

/* 1, 0, or -errno. One that has no room for us listens, too. */
static int somebody_listens(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (struct sockaddr *)&a, sizeof(a)) ? errno : 0;
	close(fd);
	if (err == ECONNREFUSED || err == ENOENT)
		return 0;
	return err && err != EAGAIN ? -err : 1;
}

static int look(const char *path)
{
	struct stat st;
	int listens;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (st.st_uid != geteuid())
		return -EPERM;
	listens = somebody_listens(path);
	return listens > 0 ? -EADDRINUSE : listens;
}

static const char *sentence(int err)
{
	switch (err) {
	case -EEXIST:
		return "something that is no socket is there; remove it, or "
		       "choose another path";
	case -EPERM:
		return "it is another user's; remove it, or choose another "
		       "path";
	case -EADDRINUSE:
		return "another process listens there; end it, or choose "
		       "another path";
	default:
		return strerror(-err);
	}
}

int pk_place_check(const char *path)
{
	int err = look(path);

	if (err)
		pk_err("%s: %s", path, sentence(err));
	return err;
}
