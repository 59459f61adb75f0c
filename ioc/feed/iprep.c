/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iprep: Suricata's IP reputation: "address or prefix,category,score", with
 * scores from 1 to 127, which become a confidence of up to 100. Rows of the
 * categories file ("number,short name,description") may stand in front: put
 * one file behind the other; without them a category is told by its number.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ioc/feed/line.h"
#include "ioc/feed/reader.h"

enum { CATEGORY_MAX = 60, SCORE_MAX = 127 };

struct iprep {
	char name[CATEGORY_MAX + 1][PK_THREAT_TYPE_MAX + 1];
	uint8_t class[CATEGORY_MAX + 1];
};

static int begin(void **state, struct pk_reader *r)
{
	struct iprep *s = calloc(1, sizeof(*s));

	(void)r;
	for (unsigned i = 0; s && i <= CATEGORY_MAX; i++)
		snprintf(s->name[i], sizeof(s->name[i]), "category %u", i);
	*state = s;
	return s ? 0 : -ENOMEM;
}

static enum pk_outcome refuse(struct pk_reader *r, enum pk_refused why,
			      unsigned column, struct pk_word word)
{
	pk_reader_refuse(r, why, column, word.text, word.len);
	return PK_OUTCOME_REFUSED;
}

/* "3,CnC,command and control": also with commas in the description. */
static enum pk_outcome define(struct iprep *s, struct pk_reader *r,
			      uint32_t number, struct pk_word name)
{
	if (number > CATEGORY_MAX)
		return refuse(r, PK_REFUSED_ID, 1, name);
	if (name.len > PK_THREAT_TYPE_MAX)
		return refuse(r, PK_REFUSED_THREAT_TYPE, 2, name);
	memcpy(s->name[number], name.text, name.len);
	s->name[number][name.len] = 0;
	s->class[number] = (uint8_t)pk_threat_class_guess(s->name[number]);
	return PK_OUTCOME_HEADER;
}

static enum pk_outcome take(struct iprep *s, struct pk_reader *r,
			    const struct pk_word cell[3])
{
	struct pk_indicator *ind;
	uint32_t category, score;

	if (!pk_word_number(cell[1], &category) || category > CATEGORY_MAX)
		return refuse(r, PK_REFUSED_TYPE, 2, cell[1]);
	if (!pk_word_number(cell[2], &score) || !score || score > SCORE_MAX)
		return refuse(r, PK_REFUSED_SCORE, 3, cell[2]);
	if (score < pk_reader_options(r)->score_min) {
		pk_reader_skip(r, PK_SKIP_BELOW);
		return PK_OUTCOME_SKIPPED;
	}
	ind = pk_reader_fresh(r);
	ind->meta.threat_type = s->name[category];
	if (s->class[category])
		ind->meta.threat_class = s->class[category];
	ind->meta.confidence = (uint8_t)(score * 100 / SCORE_MAX);
	pk_reader_at(r, 1, NULL);
	pk_reader_add_text(r, ind, PK_INDICATOR_IPV4, cell[0].text,
			   cell[0].len);
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct pk_word line = pk_trim(text, len), cell[3];
	struct pk_words w = pk_words(line.text, line.len);
	uint32_t number, other;

	if (pk_is_comment(line))
		return PK_OUTCOME_COMMENT;
	for (unsigned i = 0; i < 3; i++) {
		if (!w.at)
			return refuse(r, PK_REFUSED_COLUMNS_FEW, 0, line);
		cell[i] = pk_next_field(&w, ',');
	}
	if (pk_word_number(cell[0], &number) &&
	    !pk_word_number(cell[1], &other) && cell[1].len)
		return define(state, r, number, cell[1]);
	if (w.at)
		return refuse(r, PK_REFUSED_COLUMNS_MANY, 4, line);
	return take(state, r, cell);
}

static int like(const char *line, size_t len)
{
	struct pk_words w = pk_words(line, len);
	struct pk_word value = pk_next_field(&w, ',');
	struct pk_word category = pk_next_field(&w, ',');
	struct pk_indicator ind;
	uint32_t number, score;

	if (!pk_word_number(category, &number))
		return category.len && pk_word_number(value, &number) &&
		       number <= CATEGORY_MAX;
	return number <= CATEGORY_MAX && pk_word_number(pk_rest(&w), &score) &&
	       score <= SCORE_MAX &&
	       !pk_indicator_parse_addr(&ind, value.text, value.len);
}

static int guess(const char *head, size_t len)
{
	return pk_reader_share(head, len, like) * 8 / 10;
}

const struct pk_reader_kind pk_reader_iprep = {
	.format = PK_FEED_IPREP,
	.cut = PK_CUT_LINES,
	.guess = guess,
	.begin = begin,
	.end = free,
	.record = record,
};
