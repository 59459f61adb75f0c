/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lines: one value a line: address, prefix, range a-b, ip:port, name, URL,
 * e-mail address, hash, AS number. Lines that begin with # ; // ! are
 * comments, and so is what follows one of them behind white space. A second
 * column that is a number is a score (IPsum: on how many lists the address is).
 */
#include <errno.h>
#include <stdlib.h>

#include "ioc/feed/line.h"
#include "ioc/feed/reader.h"

/* With refanging on, "evil dot example" is one value. */
static size_t refang(struct pk_reader *r, char *text, size_t len)
{
	unsigned n = 0;

	if (!pk_reader_options(r)->refang)
		return len;
	len = pk_refang(text, len, &n);
	pk_reader_stats(r)->refanged += n > 0;
	return len;
}

/* "a - b" is a range and no table. */
static bool is_spaced_range(struct pk_word second)
{
	return second.len && *second.text == '-';
}

/* "//host/path" is a URL without its scheme, "// words" a comment. */
static bool is_comment(struct pk_word line)
{
	if (!pk_begins(line.text, line.len, "//"))
		return pk_is_comment(line);
	for (size_t i = 0; i < line.len; i++)
		if (pk_is_blank(line.text[i]))
			return true;
	return !memchr(line.text, '.', line.len);
}

static enum pk_outcome add(struct pk_reader *r, const char *line,
			   struct pk_word value)
{
	pk_reader_at(r, pk_column(line, value.text), NULL);
	pk_reader_add_text(r, pk_reader_fresh(r), -1, value.text, value.len);
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome take(struct pk_reader *r, const char *line,
			    struct pk_word all)
{
	struct pk_words words = pk_words(all.text, all.len);
	struct pk_word value = pk_next_word(&words), second = pk_rest(&words);
	uint32_t score;

	if (!second.len)
		return add(r, line, value);
	if (is_spaced_range(second))
		return add(r, line, all);
	if (!pk_word_number(second, &score)) {
		pk_reader_refuse(r, PK_REFUSED_COLUMNS_MANY,
				 pk_column(line, second.text), second.text,
				 second.len);
		return PK_OUTCOME_REFUSED;
	}
	if (score >= pk_reader_options(r)->score_min)
		return add(r, line, value);
	pk_reader_skip(r, PK_SKIP_BELOW);
	return PK_OUTCOME_SKIPPED;
}

static bool is_user_agents(const struct pk_feed_options *options)
{
	return options->has_type && options->type == PK_INDICATOR_USER_AGENT;
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct pk_word line = pk_trim(text, len);
	const char *end;

	(void)state;
	if (is_comment(line))
		return PK_OUTCOME_COMMENT;
	/* A user agent holds blanks and anything else. */
	if (is_user_agents(pk_reader_options(r)))
		return add(r, text, line);
	end = pk_inline_comment(line.text, line.text + line.len);
	line = pk_trim(line.text, (size_t)(end - line.text));
	line.len = refang(r, (char *)line.text, line.len);
	return take(r, text, line);
}

static int like(const char *line, size_t len)
{
	struct pk_indicator ind;
	const char *end = pk_inline_comment(line, line + len);
	struct pk_words words = pk_words(line, (size_t)(end - line));
	struct pk_word value = pk_next_word(&words), second = pk_rest(&words);
	uint32_t score;

	return (!second.len || pk_word_number(second, &score)) &&
	       !pk_indicator_parse(&ind, value.text, value.len);
}

static int guess(const char *head, size_t len)
{
	/* What nothing else claims; never impossible. */
	return 1 + pk_reader_share(head, len, like) * 49 / 100;
}

const struct pk_reader_kind pk_reader_lines = {
	.format = PK_FEED_LINES,
	.cut = PK_CUT_LINES,
	.guess = guess,
	.record = record,
};
