/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/files/linefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/profile/profile.h"

enum { MODE = 0640, ROTATE_AGAIN_S = 60 };

void pk_linefile_close(struct pk_linefile *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/*
 * A line without its end is one that a crash has cut: it will be written
 * again. What is no line within the longest one is not ours, and stays.
 */
static int mend(struct pk_linefile *s, struct pk_files_counters *c)
{
	static char tail[PK_PROFILE_MAX + 1]; /* one thread */
	size_t want = s->size < sizeof(tail) ? s->size : sizeof(tail);
	ssize_t n = pread(s->fd, tail, want, (off_t)(s->size - want));
	const char *end;
	size_t cut;

	if (n < 0)
		return -errno;
	if (!n || tail[n - 1] == '\n')
		return 0;
	end = memrchr(tail, '\n', (size_t)n);
	cut = (size_t)n - (end ? (size_t)(end + 1 - tail) : 0);
	if (!end && s->size > (size_t)n)
		return write(s->fd, "\n", 1) == 1 ? 0 : -EIO;
	if (ftruncate(s->fd, (off_t)(s->size - cut)))
		return -errno;
	s->size -= cut;
	c->torn += cut;
	return 0;
}

/* When the file was made, if the file system knows. */
static uint64_t birth(int fd, uint64_t now_s)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &x) ||
	    !(x.stx_mask & STATX_BTIME))
		return now_s;
	return (uint64_t)x.stx_btime.tv_sec;
}

static int take(struct pk_linefile *s, uint64_t now_s,
		struct pk_files_counters *c)
{
	struct stat st;

	if (fstat(s->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	s->size = (uint64_t)st.st_size;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	s->began_s = birth(s->fd, now_s);
	return mend(s, c);
}

int pk_linefile_open(struct pk_linefile *s, uint64_t now_s,
		     struct pk_files_counters *c)
{
	int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int err;

	if (s->fd >= 0)
		return 0;
	s->fd = open(s->conf->path, flags);
	if (s->fd < 0 && errno == ENOENT) {
		s->fd = open(s->conf->path, flags | O_CREAT | O_EXCL, MODE);
		/* the umask is stricter */
		if (s->fd >= 0)
			fchmod(s->fd, MODE);
	}
	if (s->fd < 0)
		return -errno;
	err = take(s, now_s, c);
	if (err)
		pk_linefile_close(s);
	return err;
}

void pk_linefile_check(struct pk_linefile *s, struct pk_files_counters *c)
{
	struct stat st;

	if (s->fd < 0)
		return;
	if (!lstat(s->conf->path, &st) && st.st_dev == s->device &&
	    st.st_ino == s->inode) {
		/* somebody has copied it, and cut it off */
		if ((uint64_t)st.st_size < s->size)
			s->size = (uint64_t)st.st_size;
		return;
	}
	pk_linefile_close(s);
	c->reopened++;
}

static void numbered(const struct pk_linefile *s, uint32_t n, char *out,
		     size_t size)
{
	snprintf(out, size, n ? "%s.%u" : "%s", s->conf->path, n);
}

/* PATH to PATH.1, PATH.1 to PATH.2, ...; the last one goes. */
static int rename_all(const struct pk_linefile *s)
{
	char from[PK_FILES_PATH + 16], to[PK_FILES_PATH + 16];

	if (!s->conf->keep)
		return unlink(s->conf->path) ? -errno : 0;
	for (uint32_t n = s->conf->keep; n; n--) {
		numbered(s, n - 1, from, sizeof(from));
		numbered(s, n, to, sizeof(to));
		if (rename(from, to) && (errno != ENOENT || n == 1))
			return -errno;
	}
	return 0;
}

static void rotate(struct pk_linefile *s, uint64_t now_s,
		   struct pk_files_counters *c)
{
	int unsynced = fdatasync(s->fd) != 0;

	c->unsynced += (uint64_t)unsynced;
	if (rename_all(s)) {
		c->not_rotated++;
		s->no_rotation_s = now_s + ROTATE_AGAIN_S;
		return;
	}
	c->rotated++;
	pk_linefile_close(s);
}

static int is_old(const struct pk_linefile *s, uint64_t now_s)
{
	return s->fd >= 0 && s->size && s->conf->rotate_age_s &&
	       now_s >= s->no_rotation_s &&
	       now_s >= s->began_s + s->conf->rotate_age_s;
}

void pk_linefile_age(struct pk_linefile *s, uint64_t now_s,
		     struct pk_files_counters *c)
{
	if (is_old(s, now_s))
		rotate(s, now_s, c);
}

static int is_full(const struct pk_linefile *s, size_t len, uint64_t now_s)
{
	return s->size && s->conf->rotate_bytes && now_s >= s->no_rotation_s &&
	       s->size + len > s->conf->rotate_bytes;
}

/* All of it, or none. */
static int put(struct pk_linefile *s, const char *lines, size_t len)
{
	size_t done = 0;
	int err = 0;

	while (done < len && !err) {
		ssize_t n = write(s->fd, lines + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			err = n ? -errno : -EIO;
	}
	if (!err) {
		s->size += len;
		return 0;
	}
	/* opening mends what cannot be cut off now */
	if (done && ftruncate(s->fd, (off_t)s->size))
		done = 0;
	pk_linefile_close(s);
	return err;
}

int pk_linefile_write(struct pk_linefile *s, const char *lines, size_t len,
		      uint64_t now_s, struct pk_files_counters *c)
{
	int err = pk_linefile_open(s, now_s, c);

	if (err)
		return err;
	if (is_full(s, len, now_s) || is_old(s, now_s)) {
		rotate(s, now_s, c);
		err = pk_linefile_open(s, now_s, c);
		if (err)
			return err;
	}
	err = put(s, lines, len);
	if (!err)
		c->bytes += len;
	return err;
}
