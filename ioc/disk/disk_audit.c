/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/disk/disk_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ioc/unicode.h"

static const char NAME[] = "audit.ndjson";
static const char OLDER[] = "audit.ndjson.1";

enum {
	LINE_MAX_ = 4096,
	OUTCOME_MAX = 255,
	TAIL = 8192, /* where the last whole line is looked for */
};

/* --- text ----------------------------------------------------------------- */

struct line {
	char text[LINE_MAX_];
	size_t len;
};

/* Every text fits: \u and four digits for each byte of the longest. */
_Static_assert(6 * (PK_DISK_OP_MAX + PK_FEED_NAME_MAX + OUTCOME_MAX) + 512 <
		       LINE_MAX_,
	       "a line");

__attribute__((format(printf, 2, 3))) static void add(struct line *l,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	l->len += (size_t)vsnprintf(l->text + l->len, sizeof(l->text) - l->len,
				    format, args);
	va_end(args);
}

static void add_wide(struct line *l, uint32_t c)
{
	if (c < 0x10000) {
		add(l, "\\u%04x", c);
		return;
	}
	c -= 0x10000;
	add(l, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
}

/* Only printable ASCII as it is: a line may be shown on any terminal. */
static void add_text(struct line *l, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	for (size_t at = 0, was = 0; at < len; was = at) {
		uint32_t c = pk_unicode_next(text, len, &at);

		if (c == UINT32_MAX) {
			at = was + 1;
			c = 0xfffd;
		}
		if (c == '"' || c == '\\')
			add(l, "\\%c", (char)c);
		else if (c >= ' ' && c < 0x7f)
			add(l, "%c", (char)c);
		else
			add_wide(l, c);
	}
}

static void format_line(struct pk_disk *d, const struct pk_disk_commit *c,
			const char *outcome, struct line *l)
{
	uint64_t last = c->number ? c->number : d->last.number;
	time_t at = (time_t)c->at;
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	add(l, "{\"time\":\"%s\",\"at\":%" PRIu64 ",\"uid\":%u,\"op\":\"", when,
	    c->at, c->uid);
	add_text(l, c->op, PK_DISK_OP_MAX);
	add(l, "\",\"feed\":\"");
	add_text(l, c->feed, PK_FEED_NAME_MAX);
	add(l, "\",\"added\":%u,\"changed\":%u,\"withdrawn\":%u,\"outcome\":\"",
	    c->added, c->changed, c->withdrawn);
	add_text(l, outcome, OUTCOME_MAX);
	add(l, "\",\"commit\":%" PRIu64 ",\"last\":%" PRIu64 "}\n", c->number,
	    last);
}

/* --- file ----------------------------------------------------------------- */

static int open_file(struct pk_disk *d)
{
	int fd = openat(d->dir, NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return pk_disk_create(d, NAME);
	return fd < 0 ? -errno : fd;
}

/* The number behind the last "last": in @text. */
static uint64_t last_of(const char *text, size_t len)
{
	static const char word[] = "\"last\":";
	const char *at = text + len;

	while (at-- > text)
		if (!strncmp(at, word, sizeof(word) - 1))
			return strtoull(at + sizeof(word) - 1, NULL, 10);
	return 0;
}

/* A line that a crash cut short is removed. */
static int find_end(struct pk_disk *d, int fd, uint64_t *size, uint64_t *last)
{
	char tail[TAIL + 1];
	uint64_t from;
	struct stat st;
	int64_t got;
	size_t len;

	if (fstat(fd, &st))
		return -errno;
	*size = (uint64_t)st.st_size;
	from = *size > TAIL ? *size - TAIL : 0;
	got = pk_disk_read(fd, tail, TAIL, from);
	if (got < 0)
		return (int)got;
	for (len = (size_t)got; len && tail[len - 1] != '\n'; len--)
		;
	tail[len] = '\0';
	*last = last_of(tail, len);
	if (len == (size_t)got)
		return 0;
	*size = from + len;
	return pk_disk_truncate(d, fd, *size);
}

int pk_audit_open(struct pk_disk *d)
{
	uint64_t size, last = 0;
	int err, fd = open_file(d);

	if (fd < 0)
		return fd;
	d->audit.fd = fd;
	err = find_end(d, fd, &d->audit.size, &d->audit.last);
	if (err || d->audit.last)
		return err;
	fd = openat(d->dir, OLDER, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		if (!find_end(d, fd, &size, &last))
			d->audit.last = last;
		close(fd);
	}
	return 0;
}

/* The new file gets the number of the old one: it may be being synced. */
static int rotate(struct pk_disk *d, size_t more)
{
	int err, fd;

	if (!d->audit.size || d->audit.size + more <= d->audit_bytes)
		return 0;
	err = pk_disk_rename(d, NAME, OLDER);
	if (err && err != -ENOENT)
		return err;
	fd = open_file(d);
	if (fd < 0)
		return fd;
	err = dup3(fd, d->audit.fd, O_CLOEXEC) < 0 ? -errno : 0;
	close(fd);
	if (!err)
		d->audit.size = 0;
	return err;
}

void pk_audit_line(struct pk_disk *d, const struct pk_disk_commit *c,
		   const char *outcome)
{
	struct line l = { .len = 0 };
	int err;

	format_line(d, c, outcome, &l);
	err = rotate(d, l.len);
	if (!err)
		err = pk_disk_write(d, d->audit.fd, l.text, l.len,
				    d->audit.size);
	if (err) {
		pk_disk_say(d, "%s: a line is lost: %s: %.*s", NAME,
			    strerror(-err), (int)l.len - 1, l.text);
		return;
	}
	d->audit.size += l.len;
	if (c->number > d->audit.last)
		d->audit.last = c->number;
}
