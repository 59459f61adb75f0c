/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/disk/disk_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char ASIDE[] = ".damaged";

/* --- the system ----------------------------------------------------------- */

static int system_create(void *arg, int dir, const char *name)
{
	(void)arg;
	return openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static ssize_t system_write(void *arg, int fd, const void *bytes, size_t len,
			    off_t at)
{
	(void)arg;
	return pwrite(fd, bytes, len, at);
}

static int system_sync(void *arg, int fd)
{
	(void)arg;
	return fsync(fd);
}

static int system_truncate(void *arg, int fd, off_t len)
{
	(void)arg;
	return ftruncate(fd, len);
}

static int system_rename(void *arg, int dir, const char *from, const char *to)
{
	(void)arg;
	return renameat(dir, from, dir, to);
}

static int system_remove(void *arg, int dir, const char *name)
{
	(void)arg;
	return unlinkat(dir, name, 0);
}

const struct pk_disk_io pk_disk_system = {
	.create = system_create,
	.write = system_write,
	.sync = system_sync,
	.truncate = system_truncate,
	.rename = system_rename,
	.remove = system_remove,
};

/* --- one call each, as 0 or negative errno -------------------------------- */

static int result(int n)
{
	return n < 0 ? -(errno ? errno : EIO) : n;
}

int pk_disk_write(struct pk_disk *d, int fd, const void *bytes, size_t len,
		  uint64_t at)
{
	const uint8_t *p = bytes;

	while (len) {
		ssize_t n = d->io.write(d->io.arg, fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? result(-1) : -EIO;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int pk_disk_create(struct pk_disk *d, const char *name)
{
	int fd = d->io.create(d->io.arg, d->dir, name);

	__atomic_store_n(&d->dir_unsynced, true, __ATOMIC_RELEASE);
	if (fd >= 0 || errno != EEXIST)
		return result(fd);
	/* Left over by a crash. */
	if (d->io.remove(d->io.arg, d->dir, name))
		return result(-1);
	return result(d->io.create(d->io.arg, d->dir, name));
}

int pk_disk_rename(struct pk_disk *d, const char *from, const char *to)
{
	__atomic_store_n(&d->dir_unsynced, true, __ATOMIC_RELEASE);
	return result(d->io.rename(d->io.arg, d->dir, from, to));
}

int pk_disk_remove(struct pk_disk *d, const char *name)
{
	return result(d->io.remove(d->io.arg, d->dir, name));
}

int pk_disk_truncate(struct pk_disk *d, int fd, uint64_t len)
{
	return result(d->io.truncate(d->io.arg, fd, (off_t)len));
}

int pk_disk_fsync(struct pk_disk *d, int fd)
{
	return result(d->io.sync(d->io.arg, fd));
}

int64_t pk_disk_read(int fd, void *bytes, size_t len, uint64_t at)
{
	uint8_t *p = bytes;
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, p + got, len - got, (off_t)(at + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return result(-1);
		if (!n)
			break;
		got += (size_t)n;
	}
	return (int64_t)got;
}

/* --- names ---------------------------------------------------------------- */

void pk_disk_say(const struct pk_disk *d, const char *format, ...)
{
	char text[PK_SAY_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pk_say(d->say, d->say_arg, "%s: %s", d->path, text);
}

void pk_disk_name(char name[NAME_MAX_], const char *kind, uint64_t number)
{
	snprintf(name, NAME_MAX_, "%s-%" PRIu64, kind, number);
}

void pk_disk_put_aside(struct pk_disk *d, const char *name, const char *why)
{
	char to[NAME_MAX_ + sizeof(ASIDE)];
	int err;

	snprintf(to, sizeof(to), "%s%s", name, ASIDE);
	err = pk_disk_rename(d, name, to);
	if (err)
		pk_disk_say(d, "%s: %s; cannot be put aside: %s", name, why,
			    strerror(-err));
	else
		pk_disk_say(d, "%s: %s; put aside as %s", name, why, to);
}

/* Is @name @kind-NUMBER, perhaps put aside? */
static bool parse_name(const char *name, const char *kind, struct entry *out)
{
	size_t len = strlen(kind);
	char canonical[NAME_MAX_];
	char *end;

	if (strncmp(name, kind, len) || name[len] != '-')
		return false;
	errno = 0;
	out->number = strtoull(name + len + 1, &end, 10);
	out->damaged = !strcmp(end, ASIDE);
	if (errno || (*end && !out->damaged))
		return false;
	pk_disk_name(canonical, kind, out->number);
	return !strncmp(name, canonical, (size_t)(end - name)) &&
	       strlen(canonical) == (size_t)(end - name);
}

static int by_number(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int append(struct entry **list, unsigned *count, const struct entry *e)
{
	struct entry *more = *list;

	if (!(*count & (*count - 1)))
		more = realloc(*list,
			       (*count ? 2 * *count : 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	*list = more;
	more[(*count)++] = *e;
	return 0;
}

static int list_one(struct pk_disk *d, struct listing *l, const char *name,
		    bool sweep)
{
	struct entry e = { 0 };
	struct stat st;

	if (fstatat(d->dir, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode))
		return 0;
	e.bytes = (uint64_t)st.st_size;
	l->bytes += e.bytes;
	if (parse_name(name, "log", &e))
		return append(&l->log, &l->logs, &e);
	if (parse_name(name, "snapshot", &e))
		return append(&l->snapshot, &l->snapshots, &e);
	if (sweep && !strncmp(name, "new-", 4))
		pk_disk_remove(d, name);
	return 0;
}

int pk_disk_list(struct pk_disk *d, struct listing *out, bool sweep)
{
	struct listing l = { 0 };
	int fd = openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int err = 0;

	if (!dir) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (e = readdir(dir)))
		err = list_one(d, &l, e->d_name, sweep);
	closedir(dir);
	if (err) {
		pk_disk_list_free(&l);
		return err;
	}
	if (l.logs)
		qsort(l.log, l.logs, sizeof(*l.log), by_number);
	if (l.snapshots)
		qsort(l.snapshot, l.snapshots, sizeof(*l.snapshot), by_number);
	*out = l;
	return 0;
}

void pk_disk_list_free(struct listing *l)
{
	free(l->log);
	free(l->snapshot);
	*l = (struct listing){ 0 };
}
