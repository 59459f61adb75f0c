/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/disk/disk_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char MAGIC[8] = "PKLOG\r\n\032";

enum {
	WINDOW = 256 * 1024,
	/* How far behind a broken frame a whole commit is looked for. */
	SEARCH_MAX = 64 << 20,
};

static uint64_t head_sum(const struct log_head *h)
{
	return XXH3_64bits(h, offsetof(struct log_head, sum));
}

static uint64_t frame_sum(uint64_t id, uint64_t at, const struct frame *f,
			  const void *payload)
{
	uint64_t key[4] = { id, at, (uint64_t)f->kind << 32 | f->len, f->turn };

	return XXH3_64bits_withSeed(payload, f->len,
				    XXH3_64bits(key, sizeof(key)));
}

/* --- writing -------------------------------------------------------------- */

int pk_log_create(struct pk_disk *d, uint64_t base, struct disk_log *log)
{
	static const char temporary[] = "new-log";
	struct log_head h = {
		.version = DISK_VERSION,
		.base = base,
		.seed = d->seed,
		.at = d->now,
	};
	char name[NAME_MAX_];
	int fd = pk_disk_create(d, temporary), err;

	if (fd < 0)
		return fd;
	memcpy(h.magic, MAGIC, sizeof(h.magic));
	memcpy(h.boot_id, d->boot_id, sizeof(h.boot_id));
	h.id = XXH3_64bits_withSeed(&h, offsetof(struct log_head, id), d->seed);
	h.sum = head_sum(&h);
	err = pk_disk_write(d, fd, &h, sizeof(h), 0);
	pk_disk_name(name, "log", base);
	if (!err)
		err = pk_disk_rename(d, temporary, name);
	if (err) {
		close(fd);
		pk_disk_remove(d, temporary);
		return err;
	}
	*log = (struct disk_log){
		.fd = fd,
		.base = base,
		.id = h.id,
		.turn = d->log.turn, /* never the same twice */
		.whole = sizeof(h),
		.end = sizeof(h),
	};
	return 0;
}

/* @frame has room for its head in front of @len bytes. */
int pk_log_append(struct pk_disk *d, struct disk_log *log, uint8_t *frame,
		  enum frame_kind kind, size_t len)
{
	struct frame f = {
		.len = (uint32_t)len,
		.kind = kind,
		.turn = log->turn,
	};
	int err;

	f.sum = frame_sum(log->id, log->end, &f, frame + sizeof(f));
	memcpy(frame, &f, sizeof(f));
	err = pk_disk_write(d, log->fd, frame, sizeof(f) + len, log->end);
	if (!err)
		log->end += sizeof(f) + len;
	return err;
}

/* --- reading -------------------------------------------------------------- */

/* 0, or -EBADMSG for a file that is not this log. */
static int check_head(const struct log_head *h, uint64_t base,
		      const uint64_t *seed)
{
	if (memcmp(h->magic, MAGIC, sizeof(h->magic)) ||
	    h->version != DISK_VERSION || h->sum != head_sum(h) ||
	    h->base != base || (seed && h->seed != *seed))
		return -EBADMSG;
	return 0;
}

int pk_log_open(struct pk_disk *d, struct log_reader *r, uint64_t base,
		const uint64_t *seed)
{
	struct log_reader log = { .at = sizeof(log.head) };
	char name[NAME_MAX_];
	struct stat st;
	int64_t got;

	pk_disk_name(name, "log", base);
	log.fd = openat(d->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (log.fd < 0)
		return -errno;
	log.window = malloc(WINDOW);
	got = log.window ? pk_disk_read(log.fd, &log.head, sizeof(log.head), 0)
			 : -ENOMEM;
	if (got >= 0 && got < (int64_t)sizeof(log.head))
		got = -EBADMSG;
	if (got > 0)
		got = check_head(&log.head, base, seed);
	if (!got && fstat(log.fd, &st))
		got = -errno;
	if (got) {
		pk_log_close(&log);
		return (int)got;
	}
	log.size = (uint64_t)st.st_size;
	*r = log;
	return 0;
}

void pk_log_close(struct log_reader *r)
{
	free(r->window);
	r->window = NULL;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

void pk_log_rewind(struct log_reader *r)
{
	r->at = sizeof(r->head);
	r->turn = 0;
	r->inside = false;
}

/* @len bytes at @at, or NULL with *@err (-EBADMSG: the file ends before). */
static const uint8_t *look(struct log_reader *r, uint64_t at, size_t len,
			   int *err)
{
	int64_t got;

	*err = -EBADMSG;
	if (at > r->size || r->size - at < len)
		return NULL;
	if (at >= r->window_at && at - r->window_at + len <= r->window_len)
		return r->window + (at - r->window_at);
	got = pk_disk_read(r->fd, r->window, WINDOW, at);
	r->window_at = at;
	r->window_len = got < 0 ? 0 : (size_t)got;
	if (got < 0)
		*err = (int)got;
	return r->window_len < len ? NULL : r->window;
}

/* The payload of a whole frame at @at, or NULL with *@err. */
static const uint8_t *frame_at(struct log_reader *r, uint64_t at,
			       struct frame *f, int *err)
{
	const uint8_t *p = look(r, at, sizeof(*f), err);

	if (!p)
		return NULL;
	*err = -EBADMSG;
	memcpy(f, p, sizeof(*f));
	if (f->pad || f->len > FRAME_MAX || f->turn < r->turn ||
	    (f->kind != FRAME_OPS && f->kind != FRAME_COMMIT))
		return NULL;
	if (r->quick && f->kind == FRAME_OPS)
		return r->size - at - sizeof(*f) < f->len ? NULL : p;
	p = look(r, at, sizeof(*f) + f->len, err);
	if (!p)
		return NULL;
	*err = -EBADMSG;
	p += sizeof(*f);
	return f->sum == frame_sum(r->head.id, at, f, p) ? p : NULL;
}

int pk_log_next(struct log_reader *r, const uint8_t **bytes, size_t *len)
{
	struct frame f;
	int err;

	if (r->at == r->size)
		return 0;
	*bytes = frame_at(r, r->at, &f, &err);
	if (!*bytes)
		return err;
	if (r->inside ? f.turn != r->turn : f.turn == r->turn)
		return -EBADMSG;
	*len = f.len;
	r->at += sizeof(f) + f.len;
	r->turn = f.turn;
	r->inside = f.kind != FRAME_COMMIT;
	return f.kind;
}

bool pk_log_goes_on(struct log_reader *r)
{
	uint64_t end =
		r->size - r->at > SEARCH_MAX ? r->at + SEARCH_MAX : r->size;
	struct frame f;
	int err;

	r->quick = false;
	for (uint64_t at = r->at + 1; at < end; at++)
		if (frame_at(r, at, &f, &err) && f.kind == FRAME_COMMIT)
			return true;
	return false;
}

/* --- commits -------------------------------------------------------------- */

/* A commit counts if it is the next one. */
static int take_commit(struct log_reader *r, struct log_scan *scan,
		       const uint8_t *bytes, size_t len,
		       struct pk_disk_commit *c)
{
	if (pk_op_commit_read(bytes, len, c) || c->number != scan->last + 1)
		return -EBADMSG;
	scan->last = c->number;
	scan->whole = r->at;
	return 0;
}

int pk_log_scan(struct log_reader *r, uint64_t until, struct log_scan *out,
		log_commit_fn *fn, void *arg)
{
	struct log_scan scan = { .last = r->head.base,
				 .whole = sizeof(r->head) };
	struct pk_disk_commit c;
	const uint8_t *bytes;
	size_t len = 0;
	int kind = 0;

	pk_log_rewind(r);
	while (scan.last < until) {
		kind = pk_log_next(r, &bytes, &len);
		if (kind <= 0)
			break;
		if (kind != FRAME_COMMIT)
			continue;
		kind = take_commit(r, &scan, bytes, len, &c);
		if (!kind && fn)
			kind = fn(arg, &c);
		if (kind)
			break;
	}
	scan.turn = r->turn;
	*out = scan;
	if (kind && kind != -EBADMSG)
		return kind;
	out->torn = scan.last < until && scan.whole < r->size;
	out->damaged = kind == -EBADMSG && pk_log_goes_on(r);
	return 0;
}
