/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed_sdn.h"

#include <csv.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { COL_ID, COL_TYPE, COL_THREAT, COL_IP, COL_DNS, COL_VALUE, COLUMNS };

struct field {
	uint16_t at; /* in text[], NUL-terminated */
	uint16_t len;
};

struct pk_feed_sdn {
	struct csv_parser csv;
	unsigned columns; /* of the row, may pass COLUMNS */
	unsigned used;	  /* of text[] */
	struct field field[COLUMNS];
	/* Fields never take more than the row; a NUL behind each. */
	char text[PK_FEED_LINE_MAX + COLUMNS];
};

static const unsigned char STRICT = CSV_STRICT | CSV_STRICT_FINI;

int pk_feed_sdn_new(struct pk_feed_sdn **out)
{
	struct pk_feed_sdn *s = calloc(1, sizeof(*s));

	if (!s || csv_init(&s->csv, STRICT)) {
		free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void pk_feed_sdn_free(struct pk_feed_sdn *s)
{
	if (!s)
		return;
	csv_free(&s->csv);
	free(s);
}

static void on_field(void *bytes, size_t len, void *arg)
{
	struct pk_feed_sdn *s = arg;

	if (s->columns >= COLUMNS || s->used + len >= sizeof(s->text)) {
		s->columns++;
		return;
	}
	s->field[s->columns].at = (uint16_t)s->used;
	s->field[s->columns].len = (uint16_t)len;
	if (len)
		memcpy(s->text + s->used, bytes, len);
	s->text[s->used + len] = 0;
	s->used += (unsigned)len + 1;
	s->columns++;
}

/* Cut the row into fields. The parser is ready for the next row afterwards. */
static bool split(struct pk_feed_sdn *s, const char *row, size_t len)
{
	bool ok;

	s->columns = 0;
	s->used = 0;
	ok = csv_parse(&s->csv, row, len, on_field, NULL, s) == len &&
	     !csv_fini(&s->csv, on_field, NULL, s);
	if (!ok) {
		/* A strict parser keeps its broken state; a lax one ends it. */
		csv_set_opts(&s->csv, 0);
		csv_fini(&s->csv, NULL, NULL, NULL);
		csv_set_opts(&s->csv, STRICT);
	}
	return ok;
}

static const char *text_of(const struct pk_feed_sdn *s, unsigned column)
{
	return s->text + s->field[column].at;
}

static bool parse_id(const char *text, uint64_t *id)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*id = strtoull(text, &end, 10);
	return !errno && !*end;
}

/* The column that holds the value, by type; -1 for an unknown type. */
static int value_column(const char *type, bool *supported)
{
	static const struct {
		const char *word;
		int column;
		bool supported;
	} types[] = {
		{ "ip", COL_IP, true },	       { "cidr", COL_VALUE, true },
		{ "domain", COL_VALUE, true }, { "url", COL_VALUE, false },
		{ "email", COL_VALUE, false }, { "md5", COL_VALUE, false },
		{ "sha1", COL_VALUE, false },  { "sha256", COL_VALUE, false },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcasecmp(type, types[i].word))
			continue;
		*supported = types[i].supported;
		return types[i].column;
	}
	return -1;
}

static enum pk_refused refuse(const struct pk_feed_sdn *s, unsigned column,
			      enum pk_refused why, struct pk_refusal *refusal)
{
	refusal->column = column + 1;
	refusal->text = text_of(s, column);
	refusal->text_len = s->field[column].len;
	return why;
}

static enum pk_refused parse_value(struct pk_feed_sdn *s, int column,
				   struct pk_indicator *ind)
{
	const char *value = text_of(s, (unsigned)column);
	size_t len = s->field[column].len;
	char kind = text_of(s, COL_TYPE)[0] | 0x20;
	enum pk_refused why;

	if (kind == 'd')
		return pk_indicator_parse_name(ind, value, len);
	why = pk_indicator_parse_addr(ind, value, len);
	/* A prefix has no place in an ip row, even if it is one host. */
	if (kind == 'i' &&
	    (why == PK_REFUSED_PREFIX || (!why && memchr(value, '/', len))))
		return PK_REFUSED_ADDRESS;
	return why;
}

static enum pk_refused parse_row(struct pk_feed_sdn *s,
				 struct pk_indicator *ind,
				 struct pk_refusal *refusal)
{
	bool supported = false;
	enum pk_refused why;
	int column;

	if (!parse_id(text_of(s, COL_ID), &ind->id))
		return refuse(s, COL_ID, PK_REFUSED_ID, refusal);
	column = value_column(text_of(s, COL_TYPE), &supported);
	if (column < 0)
		return refuse(s, COL_TYPE, PK_REFUSED_TYPE, refusal);
	if (!supported)
		return refuse(s, COL_TYPE, PK_REFUSED_UNSUPPORTED, refusal);
	if (s->field[COL_THREAT].len > PK_THREAT_TYPE_MAX)
		return refuse(s, COL_THREAT, PK_REFUSED_THREAT_TYPE, refusal);
	ind->threat_type = text_of(s, COL_THREAT);
	why = parse_value(s, column, ind);
	/* What the sink may refuse later is the value. */
	return refuse(s, (unsigned)column, why, refusal);
}

enum pk_refused pk_feed_sdn_row(struct pk_feed_sdn *s, const char *row,
				size_t len, struct pk_indicator *ind,
				struct pk_refusal *refusal)
{
	refusal->column = 0;
	refusal->text = row;
	refusal->text_len = len;
	if (!split(s, row, len))
		return PK_REFUSED_QUOTES;
	if (s->columns < COLUMNS)
		return PK_REFUSED_COLUMNS_FEW;
	if (s->columns > COLUMNS)
		return PK_REFUSED_COLUMNS_MANY;
	return parse_row(s, ind, refusal);
}
