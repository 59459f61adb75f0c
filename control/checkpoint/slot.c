/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/checkpoint/slot.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

static const char magic[16] = "picket state 1\n";

enum { SUMMED = offsetof(struct pk_slot_head, bytes), PART_ALIGN = 8 };

_Static_assert(sizeof(struct pk_slot_head) == 48, "pk_slot_head");
_Static_assert(sizeof(struct pk_slot_part) == 32, "pk_slot_part");

/* --- making ------------------------------------------------------------------- */

void pk_slot_begin(struct pk_writer *w)
{
	const struct pk_slot_head none = { 0 };

	w->used = 0;
	w->err = 0;
	pk_put_bytes(w, &none, sizeof(none));
}

size_t pk_slot_part_begin(struct pk_writer *w, const char *name,
			  uint32_t version)
{
	struct pk_slot_part part = { .version = htole32(version) };
	size_t at = w->used;

	strncpy(part.name, name, PK_CHECKPOINT_NAME_MAX);
	pk_put_bytes(w, &part, sizeof(part));
	return at;
}

/* The next part is aligned, so that it can be read where it is. */
void pk_slot_part_end(struct pk_writer *w, size_t at)
{
	static const uint8_t zeros[PART_ALIGN];
	uint64_t bytes = w->used - at - sizeof(struct pk_slot_part);

	pk_put_bytes(w, zeros, -w->used % PART_ALIGN);
	if (w->err)
		return;
	bytes = htole64(bytes);
	memcpy(w->bytes + at + offsetof(struct pk_slot_part, bytes), &bytes,
	       sizeof(bytes));
}

int pk_slot_end(struct pk_writer *w, uint64_t serial, uint64_t time_ns)
{
	struct pk_slot_head h = {
		.bytes = htole64(w->used - sizeof(h)),
		.serial = htole64(serial),
		.time_ns = htole64(time_ns),
	};

	if (w->err)
		return w->err;
	if (w->used > PK_CHECKPOINT_BYTES_MAX)
		return -EFBIG;
	memcpy(h.magic, magic, sizeof(magic));
	memcpy(w->bytes, &h, sizeof(h));
	h.checksum = htole64(XXH3_64bits(w->bytes + SUMMED, w->used - SUMMED));
	memcpy(w->bytes, &h, sizeof(h));
	return 0;
}

/* --- files -------------------------------------------------------------------- */

static int open_slot(int dir_fd, unsigned n, int flags)
{
	char name[8];
	int fd;

	snprintf(name, sizeof(name), "%u", n);
	fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Over what was there: freeing and taking blocks each second costs more. */
int pk_slot_write(int dir_fd, unsigned n, const uint8_t *bytes, size_t len)
{
	int fd = open_slot(dir_fd, n, O_WRONLY | O_CREAT), err;

	if (fd < 0)
		return fd;
	err = write_all(fd, bytes, len);
	if (!err && ftruncate(fd, (off_t)len))
		err = -errno;
	if (!err && fdatasync(fd))
		err = -errno;
	close(fd);
	if (!err && fsync(dir_fd))
		err = -errno;
	return err;
}

static int read_all(int fd, uint8_t *to, size_t len)
{
	while (len) {
		ssize_t n = read(fd, to, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EBADMSG;
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

static size_t size_of(const struct pk_slot_part *p)
{
	return (size_t)((sizeof(*p) + le64toh(p->bytes) + PART_ALIGN - 1) &
			~(uint64_t)(PART_ALIGN - 1));
}

/* Do the parts fill it? */
static int parts_fit(const uint8_t *at, size_t left)
{
	struct pk_slot_part part;
	size_t size;

	while (left) {
		if (left < sizeof(part))
			return 0;
		memcpy(&part, at, sizeof(part));
		if (le64toh(part.bytes) > left ||
		    part.name[PK_CHECKPOINT_NAME_MAX])
			return 0;
		size = size_of(&part);
		if (size > left)
			return 0;
		at += size;
		left -= size;
	}
	return 1;
}

static int check(const uint8_t *bytes, size_t len)
{
	struct pk_slot_head h;

	memcpy(&h, bytes, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0)
		return -EPROTO;
	/* A longer one that was written over leaves its end. */
	if (le64toh(h.bytes) > len - sizeof(h))
		return -EBADMSG;
	len = sizeof(h) + le64toh(h.bytes);
	if (XXH3_64bits(bytes + SUMMED, len - SUMMED) != le64toh(h.checksum))
		return -EBADMSG;
	return parts_fit(bytes + sizeof(h), len - sizeof(h)) ? 0 : -EPROTO;
}

static int read_slot(int fd, uint8_t **out)
{
	struct stat st;
	uint8_t *bytes;
	int err;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > PK_CHECKPOINT_BYTES_MAX)
		return -EPROTO;
	if (st.st_size < (off_t)sizeof(struct pk_slot_head))
		return -EBADMSG;
	bytes = malloc((size_t)st.st_size);
	if (!bytes)
		return -ENOMEM;
	err = read_all(fd, bytes, (size_t)st.st_size);
	if (!err)
		err = check(bytes, (size_t)st.st_size);
	if (err)
		free(bytes);
	else
		*out = bytes;
	return err;
}

int pk_slot_read(int dir_fd, unsigned n, uint8_t **out)
{
	int fd = open_slot(dir_fd, n, O_RDONLY | O_NONBLOCK), err;

	if (fd < 0)
		return fd;
	err = read_slot(fd, out);
	close(fd);
	return err;
}

/* --- parts -------------------------------------------------------------------- */

const struct pk_slot_part *pk_slot_next(const uint8_t *checkpoint,
					const struct pk_slot_part *at)
{
	const struct pk_slot_head *h = (const void *)checkpoint;
	const uint8_t *end = checkpoint + sizeof(*h) + le64toh(h->bytes);
	const uint8_t *next = at ? (const uint8_t *)at + size_of(at)
				 : checkpoint + sizeof(*h);

	return next < end ? (const void *)next : NULL;
}
