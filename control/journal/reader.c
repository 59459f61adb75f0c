/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/journal/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/journal/walk.h"

struct pk_journal_reader {
	struct pk_journal_walk walk; /* fd -1: no file is open */
	uint64_t want;
	uint64_t file;	  /* number of the file that is open, or was last */
	uint64_t damaged; /* in files left behind */
	int dir_fd;
	char word[PK_JOURNAL_WORD_MAX + 1];
};

int pk_journal_reader_new(struct pk_journal_reader **out, int dir_fd,
			  const char *word, uint64_t from)
{
	struct pk_journal_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->walk.fd = -1;
	r->want = from ? from : 1;
	r->dir_fd = dir_fd;
	strncpy(r->word, word, PK_JOURNAL_WORD_MAX);
	*out = r;
	return 0;
}

void pk_journal_reader_free(struct pk_journal_reader *r)
{
	if (!r)
		return;
	pk_journal_walk_close(&r->walk);
	free(r);
}

uint64_t pk_journal_reader_damaged(const struct pk_journal_reader *r)
{
	return r->damaged + r->walk.damaged;
}

int pk_journal_reader_first(int dir_fd, const char *word, uint64_t *first)
{
	struct pk_journal_segment *list = NULL;
	int n = pk_journal_list(dir_fd, word, &list);

	if (n >= 0)
		*first = n ? list[0].first : 0;
	free(list);
	return n < 0 ? n : 0;
}

/*
 * The number of the file to read next: the last one that can hold the wanted
 * number, of those behind r->file; else the oldest of those; 0: none.
 */
static int next_file(const struct pk_journal_reader *r, uint64_t *out)
{
	struct pk_journal_segment *list = NULL;
	int n = pk_journal_list(r->dir_fd, r->word, &list);

	*out = 0;
	for (int i = 0; i < n; i++) {
		if (list[i].first <= r->file)
			continue;
		if (*out && list[i].first > r->want)
			break;
		*out = list[i].first;
	}
	free(list);
	return n < 0 ? n : 0;
}

static void leave_file(struct pk_journal_reader *r)
{
	r->damaged += r->walk.damaged;
	r->walk.damaged = 0;
	pk_journal_walk_close(&r->walk);
}

/* 1: there is a file to read; 0: none yet; -errno. */
static int open_file(struct pk_journal_reader *r)
{
	uint64_t file;
	int ret = 0;

	while (r->walk.fd < 0) {
		ret = next_file(r, &file);
		if (ret || !file)
			return ret;
		ret = pk_journal_walk_open(&r->walk, r->dir_fd, r->word, file);
		if (ret == -ENODATA)
			return 0;
		if (ret && ret != -EPROTO && ret != -ENOENT)
			return ret;
		r->file = file; /* a foreign or removed one is passed over */
	}
	return 1;
}

/* The open file has nothing more: 1 when it is left for another. */
static int done_with_file(struct pk_journal_reader *r,
			  const struct pk_journal_frame **f, int *found)
{
	uint64_t next;
	int ret = next_file(r, &next);

	if (ret || !next)
		return ret;
	/* A later one exists, so this one is final: look once more. */
	*found = pk_journal_walk_next(&r->walk, f);
	if (*found)
		return 0;
	leave_file(r);
	return 1;
}

/* The next sound record of all files: 1, 0 or -errno. */
static int next_record(struct pk_journal_reader *r,
		       const struct pk_journal_frame **f)
{
	int ret, found;

	for (;;) {
		ret = open_file(r);
		if (ret <= 0)
			return ret;
		found = pk_journal_walk_next(&r->walk, f);
		if (found)
			return found;
		ret = done_with_file(r, f, &found);
		if (ret < 0 || found)
			return ret < 0 ? ret : found;
		if (!ret)
			return 0;
	}
}

int pk_journal_read(struct pk_journal_reader *r, struct pk_journal_message *m,
		    uint64_t *missing)
{
	const struct pk_journal_frame *f;
	int ret;

	do {
		ret = next_record(r, &f);
		if (ret <= 0)
			return ret;
	} while (f->number < r->want);
	*missing = f->number - r->want;
	r->want = f->number + 1;
	*m = (struct pk_journal_message){
		.number = f->number,
		.time_ns = f->time_ns,
		.epoch = f->epoch,
		.subject = (const char *)(f + 1),
		.text = (const char *)(f + 1) + f->subject_len,
		.subject_len = f->subject_len,
		.text_len = f->len - f->subject_len,
	};
	return 1;
}
