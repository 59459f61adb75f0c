/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zeek: an intel file of Zeek: TAB between columns, which "#fields" names, "-"
 * for nothing, \xNN for any byte.
 *
 *	#fields	indicator	indicator_type	meta.source	meta.desc
 *	192.0.2.10	Intel::ADDR	example	c2
 *
 * meta.source is the attribution, meta.desc the threat type.
 */
#include <errno.h>
#include <stdlib.h>

#include "ioc/feed/line.h"
#include "ioc/feed/reader.h"

enum { COL_VALUE, COL_TYPE, COL_SOURCE, COL_DESC, COLUMNS, MOST_FIELDS = 64 };

static const char *const columns[COLUMNS] = { "indicator", "indicator_type",
					      "meta.source", "meta.desc" };

struct zeek {
	bool has_fields;
	unsigned count;		  /* of fields in a row */
	int8_t role[MOST_FIELDS]; /* COL_*, or -1 */
};

static int begin(void **state, struct pk_reader *r)
{
	(void)r;
	*state = calloc(1, sizeof(struct zeek));
	return *state ? 0 : -ENOMEM;
}

static int column_of(struct pk_word name)
{
	for (int i = 0; i < COLUMNS; i++)
		if (pk_word_is(name, columns[i]))
			return i;
	return -1;
}

static enum pk_outcome take_fields(struct zeek *z, struct pk_reader *r,
				   const char *text, size_t len)
{
	struct pk_words w = pk_words(text, len);
	unsigned found = 0;

	z->count = 0;
	while (w.at && z->count < MOST_FIELDS) {
		int role = column_of(pk_next_field(&w, '\t'));

		z->role[z->count++] = (int8_t)role;
		found |= role < 0 ? 0 : 1U << role;
		pk_reader_stats(r)->unknown_columns += role < 0;
	}
	z->has_fields = true;
	for (int i = COL_VALUE; i <= COL_TYPE; i++)
		if (!(found >> i & 1))
			pk_reader_break(r, "#fields has no column \"%s\"",
					columns[i]);
	return PK_OUTCOME_HEADER;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \xNN to the byte, in place. */
static struct pk_word unescape(struct pk_word word)
{
	char *out = (char *)word.text, *start = out;
	const char *p = word.text, *end = p + word.len;

	while (p < end) {
		if (end - p >= 4 && p[0] == '\\' && p[1] == 'x' &&
		    hex(p[2]) >= 0 && hex(p[3]) >= 0) {
			*out++ = (char)(hex(p[2]) << 4 | hex(p[3]));
			p += 4;
		} else {
			*out++ = *p++;
		}
	}
	return (struct pk_word){ start, (size_t)(out - start) };
}

/* An indicator type, or one of these. */
enum { SKIP_HOST = -1, SKIP_OTHER = -2, UNKNOWN = -3 };

static int type_of(struct pk_word word)
{
	static const struct {
		const char *word;
		int type;
	} rows[] = {
		{ "ADDR", PK_INDICATOR_IPV4 },
		{ "SUBNET", PK_INDICATOR_IPV4_NET },
		{ "URL", PK_INDICATOR_URL },
		{ "DOMAIN", PK_INDICATOR_DOMAIN },
		{ "EMAIL", PK_INDICATOR_EMAIL },
		{ "FILE_HASH", PK_INDICATOR_FILE },
		{ "CERT_HASH", PK_INDICATOR_CERT },
		{ "SOFTWARE", PK_INDICATOR_USER_AGENT },
		{ "JA3", PK_INDICATOR_JA3 },
		{ "JA4", PK_INDICATOR_JA4 },
		{ "FILE_NAME", SKIP_HOST },
		{ "USER_NAME", SKIP_HOST },
		{ "PUBKEY_HASH", SKIP_OTHER },
	};

	if (pk_begins(word.text, word.len, "Intel::")) {
		word.text += 7;
		word.len -= 7;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (pk_word_is(word, rows[i].word))
			return rows[i].type;
	return UNKNOWN;
}

static enum pk_outcome refuse(struct pk_reader *r, enum pk_refused why,
			      const char *line, struct pk_word word)
{
	pk_reader_refuse(r, why, pk_column(line, word.text), word.text,
			 word.len);
	return PK_OUTCOME_REFUSED;
}

static const char *keep(struct pk_reader *r, struct pk_word word, size_t max)
{
	word = unescape(word);
	return pk_reader_keep(r, word.text, word.len, max);
}

static enum pk_outcome take_row(struct pk_reader *r, const char *line,
				struct pk_word cell[COLUMNS])
{
	int type = type_of(cell[COL_TYPE]);
	struct pk_indicator *ind;
	struct pk_word value;

	if (type == UNKNOWN) {
		pk_reader_at(r, 0, columns[COL_TYPE]);
		return refuse(r, PK_REFUSED_TYPE, line, cell[COL_TYPE]);
	}
	if (type < 0) {
		pk_reader_skip(r, type == SKIP_HOST ? PK_SKIP_HOST_ONLY
						    : PK_SKIP_NOT_INDICATOR);
		return PK_OUTCOME_SKIPPED;
	}
	ind = pk_reader_fresh(r);
	if (cell[COL_SOURCE].len)
		ind->meta.attribution =
			keep(r, cell[COL_SOURCE], PK_ATTRIBUTION_MAX);
	if (cell[COL_DESC].len) {
		ind->meta.threat_type =
			keep(r, cell[COL_DESC], PK_THREAT_TYPE_MAX);
		ind->meta.threat_class =
			(uint8_t)pk_threat_class_guess(ind->meta.threat_type);
	}
	pk_reader_at(r, pk_column(line, cell[COL_VALUE].text),
		     columns[COL_VALUE]);
	value = unescape(cell[COL_VALUE]);
	pk_reader_add_text(r, ind, type, value.text, value.len);
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct zeek *z = state;
	struct pk_words w = pk_words(text, len);
	struct pk_word cell[COLUMNS] = { 0 }, field = { text, len };
	unsigned n = 0;

	if (*text == '#')
		return pk_begins(text, len, "#fields\t")
			       ? take_fields(z, r, text + 8, len - 8)
			       : PK_OUTCOME_COMMENT;
	if (!z->has_fields) {
		pk_reader_break(r, "has no #fields line");
		return refuse(r, PK_REFUSED_SYNTAX, text, field);
	}
	for (; w.at && n < z->count; n++) {
		field = pk_next_field(&w, '\t');
		if (z->role[n] >= 0 && !pk_word_is(field, "-"))
			cell[z->role[n]] = field;
	}
	if (w.at)
		return refuse(r, PK_REFUSED_COLUMNS_MANY, text, pk_rest(&w));
	if (n < z->count)
		return refuse(r, PK_REFUSED_COLUMNS_FEW, text, field);
	if (!cell[COL_VALUE].text || !cell[COL_TYPE].text)
		return refuse(r, PK_REFUSED_EMPTY, text,
			      (struct pk_word){ text, len });
	return take_row(r, text, cell);
}

static int guess(const char *head, size_t len)
{
	const char *fields = memmem(head, len, "#fields\t", 8);

	return fields && memmem(fields, len - (size_t)(fields - head),
				"indicator_type", 14)
		       ? 100
		       : 0;
}

const struct pk_reader_kind pk_reader_zeek = {
	.format = PK_FEED_ZEEK,
	.cut = PK_CUT_LINES,
	.guess = guess,
	.begin = begin,
	.end = free,
	.record = record,
};
