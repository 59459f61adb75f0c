/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/journal/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/journal/files.h"
#include "control/journal/segment.h"

enum { PIECE = 65536 }; /* bytes of a write, about */

/* The buffer: |...written...|...told...|...both to come...| in any order. */
struct pk_journal {
	struct pk_journal_conf conf; /* sizes filled in */
	struct pk_journal_files files;
	struct pk_journal_counters count;
	uint64_t last;
	int failing; /* the disk refused: pk_journal_retry() */
	uint8_t *buffer;
	uint32_t used;
	uint32_t written;
	uint32_t told;
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

static const struct pk_journal_frame *frame_at(const struct pk_journal *j,
					       uint32_t off)
{
	return (const void *)(j->buffer + off);
}

/* ---- telling ---- */

static void tell_one(struct pk_journal *j, const struct pk_journal_frame *f)
{
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
}

static void tell_all(struct pk_journal *j)
{
	while (j->told < j->used) {
		const struct pk_journal_frame *f = frame_at(j, j->told);

		tell_one(j, f);
		j->told += (uint32_t)pk_journal_size(f->len);
	}
}

/* ---- writing ---- */

/* The end of the whole records from @off on that make a piece. */
static uint32_t piece_end(const struct pk_journal *j, uint32_t off,
			  uint64_t *records)
{
	uint32_t end = off;

	for (*records = 0; end < j->used && end - off < PIECE; ++*records)
		end += (uint32_t)pk_journal_size(frame_at(j, end)->len);
	return end;
}

/* Piece by piece, so that what a full disk refuses is little. */
static int write_all(struct pk_journal *j)
{
	while (j->written < j->used) {
		uint32_t from = j->written;
		uint64_t records;
		uint32_t end = piece_end(j, from, &records);
		int ret = pk_files_write(&j->files, frame_at(j, from)->number,
					 j->buffer + from, end - from);

		if (ret)
			return ret;
		j->written = end;
		j->count.committed += records;
		j->count.waiting -= records;
		j->count.bytes += end - from;
	}
	return 0;
}

static void empty(struct pk_journal *j)
{
	j->used = 0;
	j->told = 0;
	j->written = 0;
}

static int try_to_write(struct pk_journal *j)
{
	int ret = write_all(j);

	j->count.commits++;
	j->count.failed += !!ret;
	/* Old records make room for new ones, once. */
	if ((ret == -ENOSPC || ret == -EDQUOT) && !j->failing &&
	    pk_files_trim(&j->files, j->conf.max_bytes / 2))
		ret = write_all(j);
	j->failing = ret;
	return ret;
}

int pk_journal_commit(struct pk_journal *j)
{
	int ret = j->failing;

	if (j->told == j->used)
		return ret;
	if (!ret)
		ret = try_to_write(j);
	if (ret) /* before anybody hears of it: no number is given twice */
		pk_files_told(&j->files, j->last);
	tell_all(j);
	if (!ret)
		empty(j);
	return ret;
}

int pk_journal_retry(struct pk_journal *j)
{
	if (!j->failing || try_to_write(j))
		return j->failing;
	tell_all(j);
	empty(j);
	return 0;
}

static void make_room(struct pk_journal *j, size_t size)
{
	if (j->used + size <= j->conf.buffer_bytes || pk_journal_commit(j) == 0)
		return;
	j->count.dropped += j->count.waiting;
	j->count.waiting = 0;
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

/* ---- life ---- */

static int check(const struct pk_journal_conf *c)
{
	size_t len = strspn(c->word, "abcdefghijklmnopqrstuvwxyz0123456789");

	if (!len || c->word[len] || len > PK_JOURNAL_WORD_MAX)
		return -EINVAL;
	if (c->buffer_bytes <
	    pk_journal_size(PK_JOURNAL_SUBJECT_MAX + PK_JOURNAL_TEXT_MAX))
		return -EINVAL;
	return c->max_bytes < 2ULL * c->segment_bytes ? -EINVAL : 0;
}

static void fill_in(struct pk_journal_conf *c)
{
	c->max_bytes = c->max_bytes ? c->max_bytes : PK_JOURNAL_BYTES;
	c->segment_bytes =
		c->segment_bytes ? c->segment_bytes : PK_JOURNAL_SEGMENT;
	c->buffer_bytes = c->buffer_bytes ? c->buffer_bytes : PK_JOURNAL_BUFFER;
}

static int open_files(struct pk_journal *j)
{
	j->files = (struct pk_journal_files){
		.dir_fd = j->conf.dir_fd,
		.max_bytes = j->conf.max_bytes,
		.segment_bytes = j->conf.segment_bytes,
		.sync = j->conf.sync,
		.count = &j->count,
		.fd = -1,
		.told_fd = -1,
	};
	strcpy(j->files.word, j->conf.word);
	return pk_files_open(&j->files, &j->last, j->conf.say, j->conf.say_arg);
}

int pk_journal_open(struct pk_journal **out, const struct pk_journal_conf *conf)
{
	struct pk_journal *j = calloc(1, sizeof(*j));
	int ret;

	if (!j)
		return -ENOMEM;
	j->conf = *conf;
	j->files.fd = -1;
	j->files.told_fd = -1;
	fill_in(&j->conf);
	ret = check(&j->conf);
	if (!ret) {
		j->buffer = malloc(j->conf.buffer_bytes);
		ret = j->buffer ? open_files(j) : -ENOMEM;
	}
	if (ret) {
		pk_journal_close(j);
		return ret;
	}
	*out = j;
	return 0;
}

void pk_journal_close(struct pk_journal *j)
{
	if (!j)
		return;
	pk_journal_retry(j);
	pk_journal_commit(j);
	pk_files_close(&j->files);
	free(j->buffer);
	free(j);
}

int pk_journal_dirty(struct pk_journal *j, int fd[PK_JOURNAL_DIRTY])
{
	return pk_files_dirty(&j->files, fd);
}

uint64_t pk_journal_first(const struct pk_journal *j)
{
	return j->files.first ? j->files.first : j->last + 1;
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
