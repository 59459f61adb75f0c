/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/journal/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

enum { DIGITS = 20 };

uint64_t pk_journal_checksum(const struct pk_journal_frame *f)
{
	size_t from = offsetof(struct pk_journal_frame, number);

	return XXH3_64bits_withSeed((const uint8_t *)f + from,
				    sizeof(*f) - from + f->len, f->len);
}

void pk_journal_name(char *out, const char *word, uint64_t first)
{
	snprintf(out, PK_JOURNAL_NAME_MAX, "%s-%020" PRIu64 ".journal", word,
		 first);
}

/* Whether @name is that of a file of @word, and its number. */
static int number_of(const char *name, const char *word, uint64_t *first)
{
	char same[PK_JOURNAL_NAME_MAX];
	size_t len = strlen(word);

	if (strncmp(name, word, len) != 0 || name[len] != '-')
		return 0;
	errno = 0;
	*first = strtoull(name + len + 1, NULL, 10);
	if (errno || !*first)
		return 0;
	pk_journal_name(same, word, *first);
	return strcmp(name, same) == 0;
}

static int by_first(const void *a, const void *b)
{
	const struct pk_journal_segment *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static int add(struct pk_journal_segment **list, size_t n, uint64_t first,
	       uint64_t bytes)
{
	struct pk_journal_segment *more = *list;

	if ((n & (n - 1)) == 0) /* 0, or a power of 2: it is full */
		more = realloc(*list, (n ? 2 * n : 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	*list = more;
	more[n] = (struct pk_journal_segment){ first, bytes };
	return 0;
}

static int list_dir(DIR *dir, const char *word, struct pk_journal_segment **out,
		    size_t *n)
{
	const struct dirent *entry;
	struct stat st;
	uint64_t first;

	while ((entry = readdir(dir))) {
		if (!number_of(entry->d_name, word, &first) ||
		    fstatat(dirfd(dir), entry->d_name, &st,
			    AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(st.st_mode))
			continue;
		if (add(out, *n, first, (uint64_t)st.st_size))
			return -ENOMEM;
		++*n;
	}
	return 0;
}

int pk_journal_list(int dir_fd, const char *word,
		    struct pk_journal_segment **out)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct pk_journal_segment *list = NULL;
	size_t n = 0;
	DIR *dir;
	int ret;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		ret = -errno;
		close(fd);
		return ret;
	}
	ret = list_dir(dir, word, &list, &n);
	closedir(dir);
	if (ret) {
		free(list);
		return ret;
	}
	if (n)
		qsort(list, n, sizeof(*list), by_first);
	*out = list;
	return (int)n;
}
