/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ioc/feed/feed_inside.h"

enum { QUOTED_MAX = 64 }; /* bytes of the offending text in a sentence */

#define PK_FEED_FORMAT_WORD(name, word, text) word,
static const char *const formats[] = { PK_FEED_FORMATS(PK_FEED_FORMAT_WORD) };

#define PK_SKIP_ROW(name, word, text) { word, text },
static const struct {
	const char *word, *text;
} skips[] = { PK_SKIPS(PK_SKIP_ROW) };

int pk_feed_format_find(const char *word)
{
	for (int i = 0; i < PK_FEED_FORMAT_COUNT; i++)
		if (!strcasecmp(word, formats[i]))
			return i;
	return -ENOENT;
}

const char *pk_feed_format_word(enum pk_feed_format format)
{
	return (unsigned)format < PK_FEED_FORMAT_COUNT ? formats[format] : "?";
}

const char *pk_skip_word(enum pk_skip skip)
{
	return (unsigned)skip < PK_SKIP_REASONS ? skips[skip].word : "?";
}

const char *pk_skip_text(enum pk_skip skip)
{
	return (unsigned)skip < PK_SKIP_REASONS ? skips[skip].text : "?";
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
	char text[QUOTED_MAX * 4 + 4], column[24] = "";
	char field[QUOTED_MAX * 4 + 4] = "";

	quote(refusal->text, refusal->text_len, text);
	if (refusal->column)
		snprintf(column, sizeof(column),
			 "column %u: ", refusal->column);
	if (refusal->field)
		quote(refusal->field, strlen(refusal->field), field);
	snprintf(out, size, "feed %s:%llu: %s%s%s%s: \"%s\" (line skipped)",
		 name, (unsigned long long)refusal->line, column, field,
		 *field ? ": " : "", pk_refused_text(refusal->reason), text);
}

/* --- the share of lines, for guessing ------------------------------------- */

enum { SHARE_LINES = 64 };

static int is_comment(const char *line, size_t len)
{
	return *line == '#' || *line == ';' || *line == '!' ||
	       (len > 1 && line[0] == '/' && line[1] == '/');
}

int pk_reader_share(const char *head, size_t len, pk_reader_like_fn *like)
{
	const char *stop = head + len;
	unsigned lines = 0, alike = 0;

	while (head < stop && lines < SHARE_LINES) {
		const char *newline = memchr(head, '\n', (size_t)(stop - head));
		const char *end = newline ? newline : stop;
		const char *next = end + 1;

		if (!newline && lines && len >= PK_FEED_HEAD_MAX)
			break;
		while (end > head &&
		       (end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t'))
			end--;
		while (head < end && (*head == ' ' || *head == '\t'))
			head++;
		if (head < end && !is_comment(head, (size_t)(end - head))) {
			lines++;
			alike += like(head, (size_t)(end - head)) != 0;
		}
		head = next;
	}
	return lines ? (int)(alike * 100 / lines) : 0;
}
