/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/bus/sender_inside.h"

enum { FILE_NAME = PK_SENDER_NAME + 16, TEXT = 128 };

static void name_file(char out[FILE_NAME], const char *name, const char *end)
{
	snprintf(out, FILE_NAME, "%s.cursor%s", name, end);
}

int pk_sender_cursor_load(int dir_fd, const char *name,
			  struct pk_sender_mark *out)
{
	char file[FILE_NAME], text[TEXT];
	int fd, used = 0;
	ssize_t n;

	name_file(file, name, "");
	fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = 0;
	if (sscanf(text, "%" SCNu64 " %" SCNu64 " end\n%n", &out->at,
		   &out->number, &used) != 2 ||
	    used != n)
		return -EBADMSG;
	return 1;
}

int pk_sender_cursor_save(int dir_fd, const char *name,
			  const struct pk_sender_mark *m)
{
	char file[FILE_NAME], new[FILE_NAME], text[TEXT];
	int n = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " end\n",
			 m->at, m->number);
	int fd, err = 0;

	name_file(file, name, "");
	name_file(new, name, ".new");
	fd = openat(dir_fd, new,
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)n) != n)
		err = -EIO;
	if (close(fd) && !err)
		err = -errno;
	if (!err && renameat(dir_fd, new, dir_fd, file))
		err = -errno;
	return err;
}
