/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/disk/disk_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ioc/store/store_inside.h"

static const char MAGIC[8] = "PKSNAP\r\n";

static uint64_t layout_of(const struct pk_section *section, unsigned n)
{
	uint64_t hash = n;

	for (unsigned i = 0; i < n; i++)
		hash = XXH3_64bits_withSeed(section[i].name,
					    strlen(section[i].name), hash);
	return hash;
}

static uint64_t head_sum(const struct snapshot_head *h)
{
	return XXH3_64bits(h, offsetof(struct snapshot_head, sum));
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- writing -------------------------------------------------------------- */

static int write_pieces(struct pk_disk *d, const uint8_t *bytes, uint64_t len,
			uint64_t *at, uint64_t *sum)
{
	int err = 0;

	*at = section_from(*at);
	while (len && !err) {
		size_t n = min(len, SNAPSHOT_PIECE);

		*sum = XXH3_64bits_withSeed(bytes, n, *sum);
		err = pk_disk_write(d, d->snapshot.fd, bytes, n, *at);
		bytes += n;
		*at += n;
		len -= n;
	}
	return err;
}

static int write_head(struct pk_disk *d, struct snapshot_head *h,
		      const struct table_entry *table)
{
	size_t len = h->sections * sizeof(*table);
	int err;

	memcpy(h->magic, MAGIC, sizeof(h->magic));
	h->version = DISK_VERSION;
	h->store_version = PK_SECTIONS_VERSION;
	h->last_len = (uint32_t)pk_op_commit(h->last, &d->snapshot.last);
	h->table_sum = XXH3_64bits(table, len);
	h->sum = head_sum(h);
	err = pk_disk_write(d, d->snapshot.fd, table, len, sizeof(*h));
	if (!err)
		err = pk_disk_write(d, d->snapshot.fd, h, sizeof(*h), 0);
	return err;
}

int pk_disk_snapshot_write(struct pk_disk *d, struct pk_store *s,
			   const struct pk_block *base)
{
	struct pk_section section[PK_SECTIONS_MAX];
	struct table_entry table[PK_SECTIONS_MAX] = { { 0 } };
	struct snapshot_head h = {
		.commit = d->snapshot.commit,
		.seed = d->seed,
		.sections = pk_store_sections(s, section),
	};
	uint64_t at = sizeof(h) + h.sections * sizeof(*table), sum = 0;
	int err = 0;

	h.layout = layout_of(section, h.sections);
	for (unsigned i = 0; i < h.sections && !err; i++) {
		table[i].bytes = section[i].bytes;
		err = write_pieces(d, section[i].at, section[i].bytes, &at,
				   &table[i].sum);
	}
	if (base && base->count) {
		h.lines = base->count;
		h.first_line = XXH3_64bits(base->lines, sizeof(*base->lines));
	}
	if (!err && h.lines)
		err = write_pieces(d, (const void *)base->lines,
				   h.lines * sizeof(*base->lines), &at, &sum);
	if (!err)
		err = write_head(d, &h, table);
	if (!err)
		err = pk_disk_fsync(d, d->snapshot.fd);
	/* What was renamed before is safe when this one is in place. */
	return err ? err : pk_disk_fsync(d, d->dir);
}

/* --- reading -------------------------------------------------------------- */

struct reading {
	int fd;
	uint64_t at, size;
	struct snapshot_head h;
	struct table_entry table[PK_SECTIONS_MAX];
};

static int read_exactly(struct reading *r, void *bytes, uint64_t len,
			uint64_t *sum)
{
	uint8_t *to = bytes;

	r->at = section_from(r->at);
	if (r->at > r->size || r->size - r->at < len)
		return -EBADMSG;
	while (len) {
		size_t n = min(len, SNAPSHOT_PIECE);
		int64_t got = pk_disk_read(r->fd, to, n, r->at);

		if (got < 0)
			return (int)got;
		if ((size_t)got < n)
			return -EBADMSG;
		if (sum)
			*sum = XXH3_64bits_withSeed(to, n, *sum);
		to += n;
		r->at += n;
		len -= n;
	}
	return 0;
}

static int read_head(struct reading *r, uint64_t commit)
{
	struct snapshot_head *h = &r->h;
	struct stat st;
	size_t len;
	int64_t got;

	if (fstat(r->fd, &st))
		return -errno;
	r->size = (uint64_t)st.st_size;
	got = pk_disk_read(r->fd, h, sizeof(*h), 0);
	if (got < 0)
		return (int)got;
	if (got < (int64_t)sizeof(*h) ||
	    memcmp(h->magic, MAGIC, sizeof(h->magic)) ||
	    h->version != DISK_VERSION ||
	    h->store_version != PK_SECTIONS_VERSION || h->sum != head_sum(h) ||
	    h->commit != commit || h->sections > PK_SECTIONS_MAX ||
	    h->last_len > SNAPSHOT_COMMIT)
		return -EBADMSG;
	len = h->sections * sizeof(*r->table);
	got = pk_disk_read(r->fd, r->table, len, sizeof(*h));
	if (got < 0)
		return (int)got;
	if (got < (int64_t)len || XXH3_64bits(r->table, len) != h->table_sum)
		return -EBADMSG;
	r->at = sizeof(*h) + len;
	return 0;
}

static int read_section(struct reading *r, struct pk_store *s, unsigned i)
{
	uint64_t sum = 0;
	void *at = NULL;
	int err;

	/* Before room is made for what is not there. */
	if (r->table[i].bytes > r->size)
		return -EBADMSG;
	err = pk_store_section_room(s, i, r->table[i].bytes, &at);
	if (!err && r->table[i].bytes)
		err = read_exactly(r, at, r->table[i].bytes, &sum);
	if (!err && sum != r->table[i].sum)
		err = -EBADMSG;
	return err;
}

static int read_store(struct reading *r, struct pk_store *s)
{
	struct pk_section section[PK_SECTIONS_MAX];
	unsigned n = pk_store_sections(s, section);
	int err = 0;

	if (n != r->h.sections || layout_of(section, n) != r->h.layout)
		return -EBADMSG;
	for (unsigned i = 0; i < n && !err; i++)
		err = read_section(r, s, i);
	return err ? err : pk_store_adopt(s);
}

static int read_image(struct reading *r, struct pk_block *out)
{
	struct pk_block b = { .count = (uint32_t)r->h.lines };
	uint64_t bytes = r->h.lines * sizeof(*b.lines);
	void *at;
	int err;

	if (!r->h.lines)
		return 0;
	if (r->h.lines > UINT32_MAX || bytes > r->size)
		return -EBADMSG;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return -ENOMEM;
	madvise(at, bytes, MADV_HUGEPAGE);
	b.lines = at;
	b.head = at;
	err = read_exactly(r, at, bytes, NULL);
	if (!err && (XXH3_64bits(at, sizeof(*b.lines)) != r->h.first_line ||
		     b.head->seed != r->h.seed))
		err = -EBADMSG;
	if (!err)
		err = pk_block_check(b.lines, b.count);
	b.collisions = b.head->collisions;
	if (err)
		pk_block_free(&b);
	else
		*out = b;
	return err;
}

/* An image that cannot be read is built again: the store is what counts. */
static int read_all(struct pk_disk *d, struct reading *r,
		    struct pk_store **store, struct pk_block *base)
{
	struct pk_store *s = NULL;
	int err = pk_store_new(&s, r->h.seed);

	if (!err)
		err = read_store(r, s);
	if (err) {
		pk_store_free(s);
		return err;
	}
	if (base)
		err = read_image(r, base);
	if (err)
		pk_disk_say(d,
			    "snapshot-%" PRIu64 ": its base image cannot be "
			    "read: %s; it will be built again",
			    r->h.commit, strerror(-err));
	*store = s;
	return 0;
}

int pk_snapshot_read(struct pk_disk *d, uint64_t commit,
		     struct pk_store **store, struct pk_block *base,
		     struct pk_disk_commit *last)
{
	struct reading r;
	char name[NAME_MAX_];
	int err;

	pk_disk_name(name, "snapshot", commit);
	r.fd = openat(d->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (r.fd < 0)
		return -errno;
	err = read_head(&r, commit);
	if (!err)
		err = pk_op_commit_read(r.h.last, r.h.last_len, last);
	if (!err && last->number != commit)
		err = -EBADMSG;
	if (!err)
		err = read_all(d, &r, store, base);
	close(r.fd);
	return err;
}
