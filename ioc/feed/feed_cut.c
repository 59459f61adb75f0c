/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "ioc/feed/feed_inside.h"

/* Is the feed still worth reading? */
static bool alive(const struct pk_feed *f)
{
	return !f->r.why_broken[0];
}

/* The rest of buffer[], from @from, stays for the next piece. */
static void keep_rest(struct pk_feed *f, const char *from)
{
	size_t left = (size_t)(f->buffer + f->used - from);

	if (left && from != f->buffer)
		memmove(f->buffer, from, left);
	f->used = left;
	f->scanned = left;
}

/* A record of @lines lines; its end and a CR in front of that are cut off. */
static void take(struct pk_feed *f, char *text, size_t len, unsigned lines)
{
	struct pk_reader *r = &f->r;

	r->line = r->stats.lines + 1;
	r->stats.lines += lines;
	if (len && text[len - 1] == '\r')
		len--;
	if (len > PK_FEED_LINE_MAX) {
		pk_reader_refused_record(r, PK_REFUSED_LINE_LONG, text, len);
		return;
	}
	text[len] = 0;
	pk_reader_record(r, text, len);
}

/* What is left is longer than a line may be: refuse it, skip to its end. */
static void drop_long(struct pk_feed *f, const char *text, size_t len)
{
	f->r.line = ++f->r.stats.lines;
	pk_reader_refused_record(&f->r, PK_REFUSED_LINE_LONG, text, len);
	f->skipping = true;
}

/* Skip to the end of a line that was too long; NULL: it is not there yet. */
static char *skip_long(struct pk_feed *f)
{
	char *newline = memchr(f->buffer, '\n', f->used);

	if (!newline) {
		f->used = 0;
		return NULL;
	}
	f->skipping = false;
	return newline + 1;
}

void pk_feed_cut_lines(struct pk_feed *f, bool end)
{
	char *stop = f->buffer + f->used, *line = f->buffer;
	char *from = line + f->scanned, *newline;

	if (f->skipping) {
		line = from = skip_long(f);
		if (!line)
			return;
	}
	while (alive(f) &&
	       (newline = memchr(from, '\n', (size_t)(stop - from)))) {
		take(f, line, (size_t)(newline - line), 1);
		line = from = newline + 1;
	}
	if (!alive(f)) {
		line = stop;
	} else if (end && line < stop) {
		take(f, line, (size_t)(stop - line), 1);
		line = stop;
	} else if (stop - line > PK_FEED_LINE_MAX + 1) {
		drop_long(f, line, (size_t)(stop - line));
		line = stop;
	}
	keep_rest(f, line);
}

static bool opens_a_field(const char *row, const char *quote)
{
	while (quote > row && quote[-1] == ' ')
		quote--;
	return quote == row || strchr(",;|\t\n", quote[-1]);
}

/*
 * Where quotation marks are closed again: behind the closing mark, or NULL.
 * @p is behind the opening one.
 */
static const char *close_quote(const char *p, const char *stop)
{
	while ((p = memchr(p, '"', (size_t)(stop - p)))) {
		if (p + 1 == stop || p[1] != '"')
			return p + 1;
		p += 2;
	}
	return NULL;
}

/* The first quotation mark that opens a field on the line, or NULL. */
static const char *open_quote(const char *row, const char *p, const char *stop)
{
	while ((p = memchr(p, '"', (size_t)(stop - p)))) {
		if (opens_a_field(row, p))
			return p;
		p++;
	}
	return NULL;
}

static bool is_comment(const char *p, const char *stop)
{
	while (p < stop && (*p == ' ' || *p == '\t'))
		p++;
	return p < stop && *p == '#';
}

struct row {
	char *end; /* its newline, or where the bytes end; NULL: not yet */
	char *first_end; /* the same for its first line */
	unsigned lines;
	bool open; /* a quotation mark has no partner before the bytes end */
};

static char *line_end(char *p, char *stop)
{
	return memchr(p, '\n', (size_t)(stop - p));
}

static unsigned count_lines(const char *from, const char *to)
{
	unsigned n = 0;

	while ((from = memchr(from, '\n', (size_t)(to - from)))) {
		from++;
		n++;
	}
	return n;
}

/* Find the end of the row at @text, within the bytes that are there. */
static void find_row(struct row *row, char *text, char *stop)
{
	const char *p = text, *quote;

	memset(row, 0, sizeof(*row));
	row->first_end = row->end = line_end(text, stop);
	row->lines = 1;
	if (is_comment(text, row->end ? row->end : stop))
		return;
	while ((quote = open_quote(text, p, row->end ? row->end : stop))) {
		p = close_quote(quote + 1, stop);
		row->open = !p;
		if (row->open || !row->end)
			return;
		if (p <= row->end)
			continue;
		row->lines += count_lines(row->end, p);
		row->end = line_end((char *)p, stop);
	}
}

/* Refuse the first line of a row. Returns what follows it. */
static char *refuse_line(struct pk_feed *f, enum pk_refused why, char *text,
			 char *line_stop)
{
	f->r.line = ++f->r.stats.lines;
	pk_reader_refused_record(&f->r, why, text, (size_t)(line_stop - text));
	return line_stop + 1;
}

/* Take the row at @text. Returns where the next begins, or NULL: not yet. */
static char *take_row(struct pk_feed *f, char *text, char *stop, bool end)
{
	bool full = stop - text > PK_FEED_LINE_MAX + 1;
	struct row row;
	char *last, *first;

	find_row(&row, text, stop);
	last = row.end ? row.end : stop;
	first = row.first_end ? row.first_end : stop;
	if (!row.first_end && full) {
		drop_long(f, text, (size_t)(stop - text));
		return stop;
	}
	if (first - text > PK_FEED_LINE_MAX + 1)
		return refuse_line(f, PK_REFUSED_LINE_LONG, text, first);
	if (!end && !full && (row.open || !row.end))
		return NULL;
	/* A stray quotation mark costs its own line and no other. */
	if (row.open || row.lines > PK_FEED_ROW_LINES || !(row.end || end) ||
	    (row.lines > 1 && last - text > PK_FEED_LINE_MAX))
		return refuse_line(f, PK_REFUSED_QUOTES, text, first);
	take(f, text, (size_t)(last - text), row.lines);
	return last + 1;
}

void pk_feed_cut_rows(struct pk_feed *f, bool end)
{
	char *stop = f->buffer + f->used, *row = f->buffer, *next = row;

	if (f->skipping) {
		row = next = skip_long(f);
		if (!row)
			return;
	} else if (!end && stop - row <= PK_FEED_LINE_MAX + 1 &&
		   !line_end(f->buffer + f->scanned, stop)) {
		f->scanned = f->used;
		return;
	}
	while (next && next < stop && alive(f)) {
		row = next;
		next = take_row(f, row, stop, end);
	}
	if (next || !alive(f))
		row = stop;
	keep_rest(f, row);
}
