/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/files/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

enum { TEXT = 160, MODE = 0600 };

static void read_boot(struct pk_cursor *c)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, c->boot, sizeof(c->boot) - 1);

	if (fd >= 0)
		close(fd);
	c->boot[n > 0 ? n : 0] = 0;
	c->boot[strcspn(c->boot, "\n")] = 0;
	if (!*c->boot)
		strcpy(c->boot, "unknown");
}

static size_t print(char text[TEXT], uint64_t written, uint64_t synced,
		    const char *boot)
{
	int n = snprintf(text, TEXT, "1 %020" PRIu64 " %020" PRIu64 " %.36s",
			 written, synced, boot);

	n += snprintf(text + n, TEXT - (size_t)n, " %016" PRIx64 "\n",
		      (uint64_t)XXH3_64bits(text, (size_t)n));
	return (size_t)n;
}

static int read_text(struct pk_cursor *c, uint64_t *number)
{
	char text[TEXT] = "", same[TEXT], boot[40];
	uint64_t written, synced;
	ssize_t n = pread(c->fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -errno;
	if (!n)
		return 0;
	if (sscanf(text, "1 %20" SCNu64 " %20" SCNu64 " %39s", &written,
		   &synced, boot) != 3)
		return -EBADMSG;
	print(same, written, synced, boot);
	if (strcmp(text, same) != 0)
		return -EBADMSG;
	c->synced = synced;
	*number = strcmp(boot, c->boot) ? synced : written;
	return 1;
}

int pk_cursor_open(struct pk_cursor *c, int dir_fd, const char *path,
		   uint64_t *number)
{
	char name[40];

	snprintf(name, sizeof(name), "%016" PRIx64 ".cursor",
		 (uint64_t)XXH3_64bits(path, strlen(path)));
	read_boot(c);
	c->synced = 0;
	c->fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		       MODE);
	return c->fd < 0 ? -errno : read_text(c, number);
}

/* One short write at the start of a file: whole, or not there. */
int pk_cursor_keep(struct pk_cursor *c, uint64_t number)
{
	char text[TEXT];
	size_t n = print(text, number, c->synced, c->boot);
	ssize_t done = pwrite(c->fd, text, n, 0);

	return done < 0 ? -errno : done != (ssize_t)n ? -ENOSPC : 0;
}

int pk_cursor_sync(struct pk_cursor *c, uint64_t number)
{
	c->synced = number;
	return pk_cursor_keep(c, number);
}

void pk_cursor_close(struct pk_cursor *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
