/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/journal/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "control/journal/reader.h"

/* Read from @off on: 0 or -errno. What is there may be less than asked for. */
static int load(struct pk_journal_walk *w, uint64_t off)
{
	w->from = off;
	w->have = 0;
	while (w->have < PK_JOURNAL_READ) {
		ssize_t n = pread(w->fd, w->bytes + w->have,
				  PK_JOURNAL_READ - w->have,
				  (off_t)(off + w->have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		w->have += (uint64_t)n;
	}
	return 0;
}

/* The @len bytes at @off: 1; 0 when the file has fewer; -errno. */
static int view(struct pk_journal_walk *w, uint64_t off, size_t len,
		const void **out)
{
	int ret;

	if (off < w->from || off + len > w->from + w->have) {
		ret = load(w, off);
		if (ret < 0)
			return ret;
	}
	*out = w->bytes + (off - w->from);
	return off + len <= w->from + w->have;
}

/* Whether there is a sound record at @off: 1, 0 or -errno. */
static int sound(struct pk_journal_walk *w, uint64_t off,
		 const struct pk_journal_frame **out)
{
	const void *at;
	int ret = view(w, off, sizeof(**out), &at);

	if (ret <= 0)
		return ret;
	*out = at;
	if ((*out)->magic != (uint32_t)PK_JOURNAL_MAGIC ||
	    (*out)->len > PK_JOURNAL_SUBJECT_MAX + PK_JOURNAL_TEXT_MAX ||
	    (*out)->subject_len > (*out)->len)
		return 0;
	ret = view(w, off, pk_journal_size((*out)->len), &at);
	if (ret <= 0)
		return ret;
	*out = at;
	return pk_journal_checksum(*out) == (*out)->checksum;
}

/* The first sound record behind @w->off: 1 and where, 0 or -errno. */
static int search(struct pk_journal_walk *w, uint64_t *off)
{
	const struct pk_journal_frame *f;
	const void *at;
	int ret;

	*off = w->off;
	do {
		*off += PK_JOURNAL_ALIGN;
		ret = view(w, *off, sizeof(*f), &at);
		if (ret > 0)
			ret = sound(w, *off, &f);
		else
			return ret;
	} while (!ret);
	return ret;
}

static int take(struct pk_journal_walk *w, uint64_t off,
		const struct pk_journal_frame **out)
{
	int ret = sound(w, off, out);

	if (ret <= 0)
		return ret;
	w->damaged += off - w->off;
	w->off = off + pk_journal_size((*out)->len);
	return 1;
}

int pk_journal_walk_next(struct pk_journal_walk *w,
			 const struct pk_journal_frame **out)
{
	uint64_t beyond;
	int ret = take(w, w->off, out);

	if (ret)
		return ret;
	/*
	 * What is not sound is damaged only if a sound record stands behind
	 * it; and then it is read again, for both may have been written since.
	 */
	ret = search(w, &beyond);
	if (ret > 0)
		ret = load(w, w->off);
	else
		return ret;
	if (!ret)
		ret = take(w, w->off, out);
	return ret ? ret : take(w, beyond, out);
}

static int check_head(struct pk_journal_walk *w)
{
	const struct pk_journal_head *head;
	const void *at;
	int ret = view(w, 0, sizeof(*head), &at);

	if (ret < 0)
		return ret;
	if (!ret)
		return -ENODATA;
	head = at;
	if (head->magic == PK_JOURNAL_MAGIC &&
	    head->version != PK_JOURNAL_VERSION &&
	    head->checksum == XXH3_64bits(head, offsetof(struct pk_journal_head,
							 checksum)))
		return -EPROTO;
	return 0;
}

int pk_journal_walk_open(struct pk_journal_walk *w, int dir_fd,
			 const char *word, uint64_t first)
{
	char name[PK_JOURNAL_NAME_MAX];
	int ret;

	*w = (struct pk_journal_walk){ .off = sizeof(struct pk_journal_head) };
	pk_journal_name(name, word, first);
	w->fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (w->fd < 0)
		return -errno;
	w->bytes = malloc(PK_JOURNAL_READ);
	ret = w->bytes ? check_head(w) : -ENOMEM;
	if (ret)
		pk_journal_walk_close(w);
	return ret;
}

void pk_journal_walk_close(struct pk_journal_walk *w)
{
	if (w->fd >= 0)
		close(w->fd);
	free(w->bytes);
	w->fd = -1;
	w->bytes = NULL;
}
