/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * line: words and numbers of a line, for the readers of line formats.
 * Everything borrows the line. Blanks are space and TAB.
 */
#ifndef PK_IOC_FEED_LINE_H
#define PK_IOC_FEED_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct pk_words {
	const char *line; /* for columns */
	const char *at, *end;
};

struct pk_word {
	const char *text; /* empty at the end */
	size_t len;
};

static inline bool pk_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline struct pk_words pk_words(const char *line, size_t len)
{
	return (struct pk_words){ line, line, line + len };
}

static inline void pk_skip_blanks(struct pk_words *w)
{
	while (w->at < w->end && pk_is_blank(*w->at))
		w->at++;
}

/* The next word; blanks around it are skipped. */
static inline struct pk_word pk_next_word(struct pk_words *w)
{
	struct pk_word word;

	pk_skip_blanks(w);
	word.text = w->at;
	while (w->at < w->end && !pk_is_blank(*w->at))
		w->at++;
	word.len = (size_t)(w->at - word.text);
	pk_skip_blanks(w);
	return word;
}

static inline struct pk_word pk_trim(const char *text, size_t len)
{
	while (len && pk_is_blank(*text)) {
		text++;
		len--;
	}
	while (len && pk_is_blank(text[len - 1]))
		len--;
	return (struct pk_word){ text, len };
}

static inline struct pk_word pk_rest(const struct pk_words *w)
{
	if (!w->at)
		return (struct pk_word){ w->end, 0 };
	return pk_trim(w->at, (size_t)(w->end - w->at));
}

/*
 * The next field up to @mark or the end, without blanks around it. w->at is
 * NULL behind the last one: a line has at least one field.
 */
static inline struct pk_word pk_next_field(struct pk_words *w, char mark)
{
	const char *stop;
	struct pk_word field = { w->end, 0 };

	if (!w->at)
		return field;
	stop = memchr(w->at, mark, (size_t)(w->end - w->at));
	field = pk_trim(w->at, (size_t)((stop ? stop : w->end) - w->at));
	w->at = stop ? stop + 1 : NULL;
	return field;
}

static inline bool pk_word_is(struct pk_word word, const char *text)
{
	return word.len == strlen(text) &&
	       !strncasecmp(word.text, text, word.len);
}

static inline char pk_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Does it begin with this, in any case? */
static inline bool pk_begins(const char *text, size_t len, const char *with)
{
	size_t i = 0;

	while (i < len && with[i] && pk_lower(text[i]) == pk_lower(with[i]))
		i++;
	return !with[i];
}

/* Up to 10 digits and nothing else; false for more than UINT32_MAX, too. */
static inline bool pk_word_number(struct pk_word word, uint32_t *number)
{
	uint64_t n = 0;

	if (!word.len || word.len > 10)
		return false;
	for (size_t i = 0; i < word.len; i++) {
		if (word.text[i] < '0' || word.text[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(word.text[i] - '0');
	}
	*number = (uint32_t)n;
	return n <= UINT32_MAX;
}

/* Column of @at, from 1. */
static inline unsigned pk_column(const char *line, const char *at)
{
	return (unsigned)(at - line) + 1;
}

/* A line that is a comment as a whole: # ; // ! */
static inline bool pk_is_comment(struct pk_word line)
{
	return line.len &&
	       (*line.text == '#' || *line.text == ';' || *line.text == '!' ||
		pk_begins(line.text, line.len, "//"));
}

/*
 * Where a comment begins behind a value: one of # ; ! or // after a blank.
 * The line's end if there is none.
 */
static inline const char *pk_inline_comment(const char *text, const char *end)
{
	for (const char *p = text + 1; p < end; p++)
		if (pk_is_blank(p[-1]) &&
		    pk_is_comment((struct pk_word){ p, (size_t)(end - p) }))
			return p;
	return end;
}

#endif /* PK_IOC_FEED_LINE_H */
