/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/rejected.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <xxhash.h>

#define MAGIC "picket rejected"

enum { VERSION = 1, FILE_NAME = 16 };

struct head {
	char magic[sizeof(MAGIC)];
	uint32_t version;
	uint32_t stats, reject; /* bytes of one, as they were compiled */
	uint32_t rejects;
	uint64_t sum; /* of all that follows */
	char feed[PK_FEED_NAME_MAX + 1];
};

int pk_rejected_open(const char *dir)
{
	int fd;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static size_t memory_bytes(uint32_t rejects)
{
	return sizeof(struct pk_load_memory) +
	       rejects * sizeof(struct pk_rejected);
}

static void make_head(struct head *h, const char *name,
		      const struct pk_load_memory *m)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->magic, MAGIC, sizeof(MAGIC));
	h->version = VERSION;
	h->stats = sizeof(m->stats);
	h->reject = sizeof(m->reject[0]);
	h->rejects = m->rejects;
	h->sum = XXH3_64bits(m, memory_bytes(m->rejects));
	snprintf(h->feed, sizeof(h->feed), "%s", name);
}

int pk_rejected_write(int dir, uint16_t feed, const char *name,
		      const struct pk_load_memory *m)
{
	char fresh[FILE_NAME], file[FILE_NAME];
	size_t n = memory_bytes(m->rejects);
	struct iovec part[2];
	struct head h;
	ssize_t done;
	int fd, err;

	make_head(&h, name, m);
	part[0] = (struct iovec){ &h, sizeof(h) };
	part[1] = (struct iovec){ (void *)m, n };
	snprintf(file, sizeof(file), "%u", feed);
	snprintf(fresh, sizeof(fresh), ".%u.new", feed);
	fd = openat(dir, fresh,
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return -errno;
	done = writev(fd, part, 2);
	err = done < 0 ? -errno : (size_t)done != sizeof(h) + n ? -ENOSPC : 0;
	close(fd);
	if (!err && renameat(dir, fresh, dir, file))
		err = -errno;
	if (err)
		unlinkat(dir, fresh, 0);
	return err;
}

static int is_ours(const struct head *h, const char *name)
{
	struct pk_load_memory *m = NULL;

	return !memcmp(h->magic, MAGIC, sizeof(MAGIC)) &&
	       h->version == VERSION && h->stats == sizeof(m->stats) &&
	       h->reject == sizeof(m->reject[0]) &&
	       h->rejects <= PK_LOADER_REJECTED &&
	       !strncmp(h->feed, name, sizeof(h->feed));
}

/* A sum is no proof: nothing that is shown may lead out of it. */
static int is_sound(const struct head *h, const struct pk_load_memory *m)
{
	int sound = m->rejects == h->rejects &&
		    memchr(m->name, '\0', sizeof(m->name)) != NULL;

	for (unsigned i = 0; sound && i < m->rejects; i++) {
		const struct pk_rejected *r = &m->reject[i];

		sound = r->reason < PK_REFUSED_COUNT &&
			memchr(r->text, '\0', sizeof(r->text)) &&
			memchr(r->field, '\0', sizeof(r->field));
	}
	return sound;
}

static int read_memory(int fd, const char *name, struct pk_load_memory **out)
{
	struct pk_load_memory *m;
	struct head h;
	size_t n;

	if (read(fd, &h, sizeof(h)) != (ssize_t)sizeof(h) || !is_ours(&h, name))
		return -EBADMSG;
	n = memory_bytes(h.rejects);
	m = malloc(n);
	if (!m)
		return -ENOMEM;
	if (read(fd, m, n) != (ssize_t)n || XXH3_64bits(m, n) != h.sum ||
	    !is_sound(&h, m)) {
		free(m);
		return -EBADMSG;
	}
	*out = m;
	return 0;
}

int pk_rejected_read(int dir, uint16_t feed, const char *name,
		     struct pk_load_memory **out)
{
	char file[FILE_NAME];
	int fd, err;

	snprintf(file, sizeof(file), "%u", feed);
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	err = read_memory(fd, name, out);
	close(fd);
	return err;
}

void pk_rejected_forget(int dir, uint16_t feed)
{
	char file[FILE_NAME];

	snprintf(file, sizeof(file), "%u", feed);
	unlinkat(dir, file, 0);
}
