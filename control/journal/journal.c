/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "control/journal/walk.h"

struct pk_journal {
	struct pk_journal_conf conf; /* sizes filled in; word is the copy */
	char word[PK_JOURNAL_WORD_MAX + 1];
	int fd;	     /* -1: the next write begins a file */
	int left_fd; /* a file that was left since pk_journal_dirty() */
	int dirty;
	uint64_t end; /* of the whole records in the file */
	uint64_t first;
	uint64_t last;
	uint8_t *buffer;
	uint32_t used;
	uint32_t told; /* bytes of the buffer */
	struct pk_journal_counters count;
};

int pk_sync_find(const char *word)
{
#define WORD(name, text) #text,
	static const char *const words[] = { PK_SYNC_POLICIES(WORD) };
#undef WORD

	for (int i = 0; i < PK_SYNC_COUNT; i++)
		if (!strcmp(words[i], word))
			return i;
	return -ENOENT;
}

/* ---- the file ---- */

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

static int remove_segment(struct pk_journal *j, uint64_t first)
{
	char name[PK_JOURNAL_NAME_MAX];

	pk_journal_name(name, j->word, first);
	if (unlinkat(j->conf.dir_fd, name, 0))
		return -errno;
	j->count.removed++;
	return 0;
}

/* Remove the oldest files until all fit @bytes; the newest stays. */
static int trim(struct pk_journal *j, uint64_t bytes)
{
	struct pk_journal_segment *list = NULL;
	int n = pk_journal_list(j->conf.dir_fd, j->word, &list), i;
	uint64_t total = 0;

	for (i = 0; i < n; i++)
		total += list[i].bytes;
	for (i = 0; i + 1 < n && total > bytes; i++) {
		if (remove_segment(j, list[i].first))
			break;
		total -= list[i].bytes;
		j->first = list[i + 1].first;
	}
	free(list);
	return n > 0 ? i : n;
}

/* Leave the file; it stays open until it was synced. */
static void leave(struct pk_journal *j)
{
	if (j->left_fd >= 0) { /* two were filled since the last sync */
		fdatasync(j->left_fd);
		close(j->left_fd);
	}
	j->left_fd = j->fd;
	j->fd = -1;
}

static int begin_segment(struct pk_journal *j, uint64_t first)
{
	struct pk_journal_head head = { .magic = PK_JOURNAL_MAGIC,
					.version = PK_JOURNAL_VERSION,
					.first = first };
	char name[PK_JOURNAL_NAME_MAX];
	int ret, fd;

	head.checksum =
		XXH3_64bits(&head, offsetof(struct pk_journal_head, checksum));
	pk_journal_name(name, j->word, first);
	fd = openat(j->conf.dir_fd, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, &head, sizeof(head));
	if (ret) {
		close(fd);
		unlinkat(j->conf.dir_fd, name, 0);
		return ret;
	}
	j->fd = fd;
	j->end = sizeof(head);
	j->count.segments++;
	trim(j, j->conf.max_bytes - j->conf.segment_bytes);
	return 0;
}

/* Write the buffer behind the whole records of the file. */
static int write_buffer(struct pk_journal *j)
{
	const struct pk_journal_frame *f = (const void *)j->buffer;
	int ret;

	if (j->fd >= 0 && j->end >= j->conf.segment_bytes)
		leave(j);
	if (j->fd < 0) {
		ret = begin_segment(j, f->number);
		if (ret)
			return ret;
	}
	ret = write_all(j->fd, j->buffer, j->used);
	if (ret) {
		/* If this fails, readers and recovery pass over the rest. */
		if (!ftruncate(j->fd, (off_t)j->end))
			return ret;
		leave(j);
		return ret;
	}
	j->end += j->used;
	j->dirty = 1;
	return 0;
}

/* ---- the buffer ---- */

static void tell(struct pk_journal *j)
{
	while (j->told < j->used) {
		const struct pk_journal_frame *f =
			(const void *)(j->buffer + j->told);
		const char *text = (const char *)(f + 1);
		struct pk_journal_message m = {
			.number = f->number,
			.time_ns = f->time_ns,
			.epoch = f->epoch,
			.subject = text,
			.text = text + f->subject_len,
			.subject_len = f->subject_len,
			.text_len = f->len - f->subject_len,
		};

		if (j->conf.tell)
			j->conf.tell(j->conf.tell_arg, &m);
		j->told += (uint32_t)pk_journal_size(f->len);
	}
}

static void empty(struct pk_journal *j)
{
	j->used = 0;
	j->told = 0;
	j->count.waiting = 0;
}

int pk_journal_commit(struct pk_journal *j)
{
	int ret;

	if (!j->used)
		return 0;
	ret = write_buffer(j);
	if ((ret == -ENOSPC || ret == -EDQUOT) &&
	    trim(j, j->conf.max_bytes / 2) > 0)
		ret = write_buffer(j);
	j->count.commits++;
	j->count.failed += !!ret;
	tell(j);
	if (ret)
		return ret;
	j->count.committed += j->count.waiting;
	j->count.bytes += j->used;
	empty(j);
	return 0;
}

static void make_room(struct pk_journal *j, size_t size)
{
	if (j->used + size <= j->conf.buffer_bytes)
		return;
	if (pk_journal_commit(j) == 0)
		return;
	j->count.dropped += j->count.waiting;
	empty(j);
}

static int may_be(const struct pk_journal_message *m)
{
	if (m->subject_len > PK_JOURNAL_SUBJECT_MAX)
		return -EINVAL;
	return m->text_len > PK_JOURNAL_TEXT_MAX ? -EMSGSIZE : 0;
}

int pk_journal_append(struct pk_journal *j, struct pk_journal_message *m)
{
	uint32_t len = m->subject_len + m->text_len;
	size_t size = pk_journal_size(len);
	struct pk_journal_frame *f;
	uint8_t *text;
	int ret = may_be(m);

	j->count.offered++;
	if (ret) {
		j->count.refused++;
		return ret;
	}
	make_room(j, size);
	m->number = ++j->last;
	m->epoch = j->conf.epoch;
	f = (struct pk_journal_frame *)(j->buffer + j->used);
	*f = (struct pk_journal_frame){
		.magic = (uint32_t)PK_JOURNAL_MAGIC,
		.len = len,
		.number = m->number,
		.time_ns = m->time_ns,
		.epoch = m->epoch,
		.subject_len = (uint8_t)m->subject_len,
	};
	text = (uint8_t *)(f + 1);
	memcpy(text, m->subject, m->subject_len);
	memcpy(text + m->subject_len, m->text, m->text_len);
	memset(text + len, 0, size - sizeof(*f) - len);
	f->checksum = pk_journal_checksum(f);
	j->used += (uint32_t)size;
	j->count.waiting++;
	return 0;
}

int pk_journal_dirty(struct pk_journal *j, int fd[2])
{
	int n = 0;

	if (j->left_fd >= 0) {
		fd[n++] = j->left_fd;
		j->left_fd = -1;
	}
	if (j->dirty && j->fd >= 0) {
		fd[n] = fcntl(j->fd, F_DUPFD_CLOEXEC, 0);
		n += fd[n] >= 0;
	}
	j->dirty = 0;
	return n;
}

/* ---- opening ---- */

/* Find the last number in the file, and cut a torn end off. */
static int mend(struct pk_journal *j, uint64_t first, uint64_t bytes)
{
	const struct pk_journal_frame *f;
	struct pk_journal_walk w;
	int ret = pk_journal_walk_open(&w, j->conf.dir_fd, j->word, first);

	j->last = first - 1;
	if (ret)
		return ret;
	while ((ret = pk_journal_walk_next(&w, &f)) > 0)
		j->last = f->number > j->last ? f->number : j->last;
	j->end = w.off;
	pk_journal_walk_close(&w);
	if (ret)
		return ret;
	if (bytes > j->end) {
		j->count.torn = bytes - j->end;
		pk_say(j->conf.say, j->conf.say_arg,
		       "journal %s: cut %" PRIu64 " bytes of an unfinished "
		       "record off the end, behind number %" PRIu64,
		       j->word, (uint64_t)j->count.torn, j->last);
	}
	return 0;
}

/* Go on with the newest file. */
static int resume(struct pk_journal *j, const struct pk_journal_segment *s)
{
	char name[PK_JOURNAL_NAME_MAX];
	int ret = mend(j, s->first, s->bytes);

	pk_journal_name(name, j->word, s->first);
	if (ret == -ENODATA) /* cut while it was begun: it held nothing */
		return unlinkat(j->conf.dir_fd, name, 0) ? -errno : 0;
	if (ret == -EBADMSG)
		pk_say(j->conf.say, j->conf.say_arg,
		       "journal file %s: its head is damaged or of another "
		       "version; move it away to begin a new journal",
		       name);
	if (ret)
		return ret;
	j->fd = openat(j->conf.dir_fd, name,
		       O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0)
		return -errno;
	return ftruncate(j->fd, (off_t)j->end) ? -errno : 0;
}

static int recover(struct pk_journal *j)
{
	struct pk_journal_segment *list = NULL;
	int n = pk_journal_list(j->conf.dir_fd, j->word, &list), ret = n;

	j->first = 1;
	if (n > 0) {
		j->first = list[0].first;
		ret = resume(j, &list[n - 1]);
	}
	free(list);
	return ret;
}

static int check(const struct pk_journal *j)
{
	const char *w = j->conf.word;
	size_t len = strspn(w, "abcdefghijklmnopqrstuvwxyz0123456789");

	if (!len || w[len] || len > PK_JOURNAL_WORD_MAX)
		return -EINVAL;
	if (j->conf.buffer_bytes <
	    pk_journal_size(PK_JOURNAL_SUBJECT_MAX + PK_JOURNAL_TEXT_MAX))
		return -EINVAL;
	return j->conf.max_bytes < 2ULL * j->conf.segment_bytes ? -EINVAL : 0;
}

static void fill_in(struct pk_journal_conf *c)
{
	c->max_bytes = c->max_bytes ? c->max_bytes : PK_JOURNAL_BYTES;
	c->segment_bytes =
		c->segment_bytes ? c->segment_bytes : PK_JOURNAL_SEGMENT;
	c->buffer_bytes = c->buffer_bytes ? c->buffer_bytes : PK_JOURNAL_BUFFER;
}

int pk_journal_open(struct pk_journal **out, const struct pk_journal_conf *conf)
{
	struct pk_journal *j = calloc(1, sizeof(*j));
	int ret;

	if (!j)
		return -ENOMEM;
	j->conf = *conf;
	j->fd = -1;
	j->left_fd = -1;
	fill_in(&j->conf);
	ret = check(j);
	if (ret)
		goto fail;
	strcpy(j->word, conf->word);
	j->conf.word = j->word;
	ret = -ENOMEM;
	j->buffer = malloc(j->conf.buffer_bytes);
	if (!j->buffer)
		goto fail;
	ret = recover(j);
	if (ret)
		goto fail;
	*out = j;
	return 0;
fail:
	pk_journal_close(j);
	return ret;
}

void pk_journal_close(struct pk_journal *j)
{
	if (!j)
		return;
	if (j->buffer)
		pk_journal_commit(j);
	if (j->fd >= 0)
		close(j->fd);
	if (j->left_fd >= 0)
		close(j->left_fd);
	free(j->buffer);
	free(j);
}

uint64_t pk_journal_first(const struct pk_journal *j)
{
	return j->first;
}

uint64_t pk_journal_last(const struct pk_journal *j)
{
	return j->last;
}

void pk_journal_count(const struct pk_journal *j,
		      struct pk_journal_counters *out)
{
	*out = j->count;
}
