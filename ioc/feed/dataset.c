/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dataset: a Suricata dataset: strings in base64, MD5 and SHA-256 in
 * hexadecimal, or addresses, one a line; behind a comma a reputation (datarep).
 * ".bad.example" in base64 is the name and what is below it.
 */
#include <stdlib.h>

#include "ioc/feed/line.h"
#include "ioc/feed/reader.h"

enum { DECODED = PK_VALUE_MAX + 1 };

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 section 4, padded. Bytes written, or -1. */
static int decode(const char *text, size_t len, char out[DECODED])
{
	unsigned bits = 0, have = 0;
	size_t n = 0, pad = 0;

	if (!len || len % 4 || len / 4 * 3 > DECODED)
		return -1;
	while (pad < 2 && text[len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < len - pad; i++) {
		int value = sextet(text[i]);

		if (value < 0)
			return -1;
		bits = bits << 6 | (unsigned)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (char)(bits >> have);
			bits &= (1U << have) - 1;
		}
	}
	return bits ? -1 : (int)n; /* one text, one encoding */
}

static bool is_hex(struct pk_word word)
{
	if (word.len != 32 && word.len != 40 && word.len != 64)
		return false;
	for (size_t i = 0; i < word.len; i++)
		if (!strchr("0123456789abcdefABCDEF", word.text[i]))
			return false;
	return true;
}

/* Types that a dataset writes as they are; the others are in base64. */
static bool is_plain(const struct pk_feed_options *options, struct pk_word word)
{
	struct pk_indicator ind;

	if (options->has_type)
		return options->type <= PK_INDICATOR_IPV6_NET ||
		       options->type == PK_INDICATOR_FILE ||
		       options->type == PK_INDICATOR_JA3;
	return is_hex(word) ||
	       !pk_indicator_parse_addr(&ind, word.text, word.len);
}

static enum pk_outcome refuse(struct pk_reader *r, enum pk_refused why,
			      const char *line, struct pk_word word)
{
	pk_reader_refuse(r, why, pk_column(line, word.text), word.text,
			 word.len);
	return PK_OUTCOME_REFUSED;
}

static enum pk_outcome take(struct pk_reader *r, const char *line,
			    struct pk_word value)
{
	char text[DECODED];
	int len;

	pk_reader_at(r, pk_column(line, value.text), NULL);
	if (!is_plain(pk_reader_options(r), value)) {
		len = decode(value.text, value.len, text);
		if (len < 0)
			return refuse(r, PK_REFUSED_BASE64, line, value);
		value = (struct pk_word){ text, (size_t)len };
	}
	pk_reader_add_text(r, pk_reader_fresh(r), -1, value.text, value.len);
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct pk_word line = pk_trim(text, len), value, score;
	struct pk_words w = pk_words(line.text, line.len);
	uint32_t number;

	(void)state;
	if (*line.text == '#')
		return PK_OUTCOME_COMMENT;
	value = pk_next_field(&w, ',');
	if (!w.at)
		return take(r, text, value);
	score = pk_rest(&w);
	if (!pk_word_number(score, &number) || number > UINT16_MAX)
		return refuse(r, PK_REFUSED_SCORE, text, score);
	if (number >= pk_reader_options(r)->score_min)
		return take(r, text, value);
	pk_reader_skip(r, PK_SKIP_BELOW);
	return PK_OUTCOME_SKIPPED;
}

static int like(const char *line, size_t len)
{
	struct pk_words w = pk_words(line, len);
	struct pk_word value = pk_next_field(&w, ',');
	struct pk_indicator ind;
	char text[DECODED];
	int n = is_hex(value) ? -1 : decode(value.text, value.len, text);

	return n > 0 && !pk_indicator_parse(&ind, text, (size_t)n);
}

static int guess(const char *head, size_t len)
{
	return pk_reader_share(head, len, like) * 6 / 10;
}

const struct pk_reader_kind pk_reader_dataset = {
	.format = PK_FEED_DATASET,
	.cut = PK_CUT_LINES,
	.guess = guess,
	.record = record,
};
