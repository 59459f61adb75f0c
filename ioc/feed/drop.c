/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drop: Spamhaus DROP text: "192.0.2.0/24 ; SBL123456", comments in ";". The
 * number behind the semicolon is the listing's id.
 */
#include <stdlib.h>

#include "ioc/feed/line.h"
#include "ioc/feed/reader.h"

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct pk_word line = pk_trim(text, len), value, id;
	struct pk_words w = pk_words(line.text, line.len);
	struct pk_indicator *ind;

	(void)state;
	if (pk_is_comment(line))
		return PK_OUTCOME_COMMENT;
	value = pk_next_field(&w, ';');
	id = pk_rest(&w);
	if (id.len > PK_ID_MAX) {
		pk_reader_refuse(r, PK_REFUSED_ID_LONG,
				 pk_column(text, id.text), id.text, id.len);
		return PK_OUTCOME_REFUSED;
	}
	ind = pk_reader_fresh(r);
	ind->meta.id = pk_reader_keep(r, id.text, id.len, PK_ID_MAX);
	pk_reader_at(r, pk_column(text, value.text), NULL);
	/* ASN-DROP's text: "AS64500 ; name". */
	pk_reader_add_text(r, ind,
			   (*value.text | 0x20) == 'a' &&
					   !memchr(value.text, ':', value.len)
				   ? PK_INDICATOR_ASN
				   : PK_INDICATOR_IPV4_NET,
			   value.text, value.len);
	return PK_OUTCOME_VALUES;
}

static int like(const char *line, size_t len)
{
	struct pk_words w = pk_words(line, len);
	struct pk_word value = pk_next_field(&w, ';'), id = pk_rest(&w);

	(void)value;
	return pk_begins(id.text, id.len, "SBL");
}

static int guess(const char *head, size_t len)
{
	int share = pk_reader_share(head, len, like) * 95 / 100;

	/* An empty list is one, too. */
	return !share && pk_begins(head, len, "; Spamhaus") ? 60 : share;
}

const struct pk_reader_kind pk_reader_drop = {
	.format = PK_FEED_DROP,
	.cut = PK_CUT_LINES,
	.guess = guess,
	.record = record,
};
