/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/feed_lines.h"
#include "ioc/feed_sdn.h"

enum format { FORMAT_AUTO, FORMAT_SDN, FORMAT_LINES, FORMATS };

enum {
	SDN_COMMAS = 3,	 /* "auto" takes a line with so many for "sdn" */
	QUOTED_MAX = 64, /* bytes of the offending text in a sentence */
	TAIL_MAX = PK_FEED_LINE_MAX + 1, /* a line and its CR */
};

struct pk_feed {
	struct pk_feed_sink sink;
	enum format format;
	struct pk_feed_sdn *sdn;
	struct pk_feed_stats stats;
	struct pk_indicator ind;
	bool open;     /* bytes came since the last line end */
	bool too_long; /* the present line passed TAIL_MAX: skip it */
	size_t tail_len;
	char tail[TAIL_MAX]; /* the line begun in an earlier piece */
};

static const char *const formats[FORMATS] = { "auto", "sdn", "lines" };

static int find_format(const char *word)
{
	for (int i = 0; i < FORMATS; i++)
		if (!strcmp(word, formats[i]))
			return i;
	return -EINVAL;
}

int pk_feed_has_format(const char *format)
{
	return find_format(format) >= 0;
}

int pk_feed_open(struct pk_feed **out, const char *format, uint16_t feed,
		 const struct pk_feed_sink *sink)
{
	int number = find_format(format);
	struct pk_feed *f;

	if (number < 0 || feed >= PK_FEEDS_MAX)
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f || pk_feed_sdn_new(&f->sdn)) {
		pk_feed_close(f);
		return -ENOMEM;
	}
	f->format = (enum format)number;
	f->sink = *sink;
	pk_indicator_init(&f->ind);
	f->ind.feed = feed;
	*out = f;
	return 0;
}

void pk_feed_close(struct pk_feed *f)
{
	if (!f)
		return;
	pk_feed_sdn_free(f->sdn);
	free(f);
}

static void count_refused(struct pk_feed *f, struct pk_refusal *refusal,
			  enum pk_refused reason)
{
	f->stats.refused[reason]++;
	refusal->reason = reason;
	refusal->line = f->stats.lines;
	if (f->sink.refuse)
		f->sink.refuse(f->sink.arg, refusal);
}

static enum format guess(const char *row, size_t len)
{
	unsigned commas = 0;

	for (size_t i = 0; i < len; i++)
		commas += row[i] == ',';
	return commas >= SDN_COMMAS ? FORMAT_SDN : FORMAT_LINES;
}

static bool has_control(const char *row, size_t len)
{
	unsigned bad = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)row[i];

		bad |= (c < 0x20 && c != '\t') | (c == 0x7f);
	}
	return bad;
}

static enum pk_refused read_row(struct pk_feed *f, const char *row, size_t len,
				struct pk_refusal *refusal)
{
	if (f->too_long || len > PK_FEED_LINE_MAX)
		return PK_REFUSED_LINE_LONG;
	if (has_control(row, len))
		return PK_REFUSED_CONTROL;
	if (f->format == FORMAT_AUTO)
		f->format = guess(row, len);
	return f->format == FORMAT_SDN
		       ? pk_feed_sdn_row(f->sdn, row, len, &f->ind, refusal)
		       : pk_feed_lines_row(row, len, &f->ind, refusal);
}

static void take_row(struct pk_feed *f, const char *row, size_t len)
{
	struct pk_refusal refusal = { .text = row, .text_len = len };
	enum pk_refused why = read_row(f, row, len, &refusal);
	int err;

	if (why) {
		count_refused(f, &refusal, why);
		return;
	}
	err = f->sink.accept(f->sink.arg, &f->ind);
	if (!err)
		f->stats.accepted++;
	else if (err == -EEXIST)
		f->stats.duplicates++;
	else
		count_refused(f, &refusal, PK_REFUSED_NO_ROOM);
}

static void take_line(struct pk_feed *f, const char *line, size_t len)
{
	size_t at = 0;

	f->stats.lines++;
	if (len && line[len - 1] == '\r')
		len--;
	if (f->stats.lines == 1 && len >= 3 && !memcmp(line, "\xef\xbb\xbf", 3))
		at = 3;
	line += at;
	len -= at;
	for (at = 0; at < len && (line[at] == ' ' || line[at] == '\t'); at++)
		;
	if (at < len && line[at] == '#')
		f->stats.comments++;
	else if (at == len && !f->too_long && len <= PK_FEED_LINE_MAX)
		f->stats.blank++;
	else
		take_row(f, line, len);
}

static void keep_tail(struct pk_feed *f, const char *bytes, size_t len)
{
	size_t room = sizeof(f->tail) - f->tail_len;

	f->open = true;
	if (len > room) {
		f->too_long = true;
		len = room;
	}
	memcpy(f->tail + f->tail_len, bytes, len);
	f->tail_len += len;
}

static void take_tail(struct pk_feed *f)
{
	take_line(f, f->tail, f->tail_len);
	f->open = false;
	f->too_long = false;
	f->tail_len = 0;
}

void pk_feed_push(struct pk_feed *f, const void *bytes, size_t len)
{
	const char *p = bytes, *end = p + len;

	f->stats.bytes += len;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((newline ? newline : end) - p);

		if (!newline) {
			keep_tail(f, p, n);
			return;
		}
		if (f->open) {
			keep_tail(f, p, n);
			take_tail(f);
		} else {
			take_line(f, p, n);
		}
		p = newline + 1;
	}
}

void pk_feed_finish(struct pk_feed *f)
{
	if (f->open)
		take_tail(f);
}

const struct pk_feed_stats *pk_feed_stats(const struct pk_feed *f)
{
	return &f->stats;
}

uint64_t pk_feed_refused(const struct pk_feed_stats *stats)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < PK_REFUSED_COUNT; i++)
		sum += stats->refused[i];
	return sum;
}

/* Hostile bytes for a terminal or a log: printable ASCII, the rest as \xNN. */
static void quote(const char *text, size_t len, char out[QUOTED_MAX * 4 + 4])
{
	size_t n = len > QUOTED_MAX ? QUOTED_MAX : len;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
			*out++ = (char)c;
		else
			out += sprintf(out, "\\x%02x", c);
	}
	strcpy(out, len > n ? "..." : "");
}

void pk_refusal_print(const struct pk_refusal *refusal, const char *name,
		      char *out, size_t size)
{
	char text[QUOTED_MAX * 4 + 4], column[32] = "";

	quote(refusal->text, refusal->text_len, text);
	if (refusal->column)
		snprintf(column, sizeof(column),
			 "column %u: ", refusal->column);
	snprintf(out, size, "feed %s:%llu: %s%s: \"%s\" (line skipped)", name,
		 (unsigned long long)refusal->line, column,
		 pk_refused_text(refusal->reason), text);
}
