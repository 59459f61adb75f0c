/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/journal/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "control/journal/walk.h"

enum { MODE = 0600 };

struct told {
	uint64_t number;
	uint64_t checksum; /* of the number */
};

/* --- the number told ------------------------------------------------------ */

/* 0 when the file does not say. */
static uint64_t read_told(const struct pk_journal_files *f)
{
	struct told t;

	if (pread(f->told_fd, &t, sizeof(t), 0) != (ssize_t)sizeof(t) ||
	    t.checksum != XXH3_64bits(&t.number, sizeof(t.number)))
		return 0;
	return t.number;
}

void pk_files_told(struct pk_journal_files *f, uint64_t number)
{
	struct told t = { .number = number };

	t.checksum = XXH3_64bits(&t.number, sizeof(t.number));
	if (pwrite(f->told_fd, &t, sizeof(t), 0) != (ssize_t)sizeof(t))
		f->count->untold++;
}

static int open_told(struct pk_journal_files *f)
{
	char name[PK_JOURNAL_NAME_MAX];

	snprintf(name, sizeof(name), "%s.told", f->word);
	f->told_fd = openat(f->dir_fd, name,
			    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MODE);
	if (f->told_fd < 0)
		return -errno;
	if (flock(f->told_fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return 0;
}

/* --- writing -------------------------------------------------------------- */

static int write_all(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int pk_files_trim(struct pk_journal_files *f, uint64_t bytes)
{
	struct pk_journal_segment *list = NULL;
	int n = pk_journal_list(f->dir_fd, f->word, &list), i;
	char name[PK_JOURNAL_NAME_MAX];
	uint64_t total = 0;

	for (i = 0; i < n; i++)
		total += list[i].bytes;
	for (i = 0; i + 1 < n && total > bytes; i++) {
		pk_journal_name(name, f->word, list[i].first);
		if (unlinkat(f->dir_fd, name, 0))
			break;
		f->count->removed++;
		total -= list[i].bytes;
	}
	if (i < n)
		f->first = list[i].first;
	free(list);
	return i > 0;
}

/* The file is full: what it holds is synced later, by another thread. */
static void leave(struct pk_journal_files *f)
{
	if (f->sync == PK_SYNC_NEVER || f->lefts == PK_JOURNAL_LEFT) {
		f->count->unsynced += f->sync != PK_SYNC_NEVER;
		close(f->fd);
	} else {
		f->left[f->lefts++] = f->fd;
	}
	f->fd = -1;
}

static int begin_file(struct pk_journal_files *f, uint64_t first)
{
	struct pk_journal_head head = { .magic = PK_JOURNAL_MAGIC,
					.version = PK_JOURNAL_VERSION,
					.first = first };
	char name[PK_JOURNAL_NAME_MAX];
	int ret, fd;

	head.checksum =
		XXH3_64bits(&head, offsetof(struct pk_journal_head, checksum));
	pk_journal_name(name, f->word, first);
	fd = openat(f->dir_fd, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, MODE);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, &head, sizeof(head));
	if (ret) {
		close(fd);
		unlinkat(f->dir_fd, name, 0);
		return ret;
	}
	f->fd = fd;
	f->end = sizeof(head);
	f->dir_dirty = 1;
	f->count->segments++;
	pk_files_trim(f, f->max_bytes - f->segment_bytes);
	return 0;
}

int pk_files_write(struct pk_journal_files *f, uint64_t number,
		   const void *bytes, size_t len)
{
	int ret;

	if (f->fd >= 0 && f->end >= f->segment_bytes)
		leave(f);
	if (f->fd < 0) {
		ret = begin_file(f, number);
		if (ret)
			return ret;
	}
	ret = write_all(f->fd, bytes, len);
	if (ret) {
		/* If this fails, readers and recovery pass over the rest. */
		if (ftruncate(f->fd, (off_t)f->end))
			leave(f);
		return ret;
	}
	f->end += len;
	f->dirty = 1;
	return 0;
}

int pk_files_dirty(struct pk_journal_files *f, int fd[PK_JOURNAL_DIRTY])
{
	int n = f->lefts;

	memcpy(fd, f->left, (size_t)n * sizeof(*fd));
	f->lefts = 0;
	if (f->dirty && f->fd >= 0) {
		fd[n] = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
		n += fd[n] >= 0;
	}
	if (f->dir_dirty) {
		fd[n] = fcntl(f->dir_fd, F_DUPFD_CLOEXEC, 0);
		n += fd[n] >= 0;
	}
	f->dirty = 0;
	f->dir_dirty = 0;
	return n;
}

/* --- opening -------------------------------------------------------------- */

/* The last number in the file, and where its whole records end. */
static int mend(struct pk_journal_files *f, uint64_t first, uint64_t *last)
{
	const struct pk_journal_frame *frame;
	struct pk_journal_walk w;
	int ret = pk_journal_walk_open(&w, f->dir_fd, f->word, first);

	*last = first - 1;
	if (ret)
		return ret;
	while ((ret = pk_journal_walk_next(&w, &frame)) > 0)
		*last = frame->number > *last ? frame->number : *last;
	f->end = w.off;
	pk_journal_walk_close(&w);
	return ret;
}

/* Go on with the newest file. */
static int resume(struct pk_journal_files *f,
		  const struct pk_journal_segment *s, uint64_t *last)
{
	char name[PK_JOURNAL_NAME_MAX];
	int ret = mend(f, s->first, last);

	pk_journal_name(name, f->word, s->first);
	if (ret == -ENODATA) /* cut while it was begun: it held nothing */
		return unlinkat(f->dir_fd, name, 0) ? -errno : 0;
	if (ret)
		return ret;
	f->count->torn = s->bytes - f->end;
	f->fd = openat(f->dir_fd, name,
		       O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd < 0)
		return -errno;
	return ftruncate(f->fd, (off_t)f->end) ? -errno : 0;
}

static int find_last(struct pk_journal_files *f, uint64_t *last)
{
	struct pk_journal_segment *list = NULL;
	int n = pk_journal_list(f->dir_fd, f->word, &list), ret = n;

	*last = 0;
	if (n > 0)
		ret = resume(f, &list[n - 1], last);
	if (n > 1 || f->fd >= 0)
		f->first = list[0].first;
	free(list);
	return ret;
}

int pk_files_open(struct pk_journal_files *f, uint64_t *last, pk_say_fn *say,
		  void *arg)
{
	uint64_t told;
	int ret = open_told(f);

	if (!ret)
		ret = find_last(f, last);
	if (ret == -EBUSY)
		pk_say(say, arg,
		       "journal %s: another process writes it; end that one, "
		       "or give this one another state_dir",
		       f->word);
	if (ret == -EPROTO)
		pk_say(say, arg,
		       "journal %s: its newest file is of another version; "
		       "move the journal away to begin a new one",
		       f->word);
	if (ret)
		return ret;
	if (f->count->torn)
		pk_say(say, arg,
		       "journal %s: cut %" PRIu64 " bytes of an unfinished "
		       "record off the end, behind number %" PRIu64,
		       f->word, (uint64_t)f->count->torn, *last);
	told = read_told(f);
	*last = told > *last ? told : *last;
	return 0;
}

void pk_files_close(struct pk_journal_files *f)
{
	for (int i = 0; i < f->lefts; i++)
		close(f->left[i]);
	if (f->fd >= 0)
		close(f->fd);
	if (f->told_fd >= 0)
		close(f->told_fd);
}
