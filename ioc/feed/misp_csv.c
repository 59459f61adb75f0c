/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MISP's CSV export: one attribute a row, columns by the names of its header,
 *
 *	uuid,event_id,category,type,value,comment,to_ids,date,object_relation,
 *	attribute_tag,object_uuid,object_name,object_meta_category,event_...
 *
 * of which type and value must be there. What the publisher does not mean for
 * detection (to_ids 0) is skipped, and so are types that are not seen on the
 * network (ioc/feed/misp_types.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ioc/feed/csv_row.h"
#include "ioc/feed/misp_types.h"
#include "ioc/feed/reader.h"
#include "ioc/feed/tags.h"

/* Name, and whether a file without it is none. */
#define COLUMNS(_)                     \
	_(TYPE, "type", 1)             \
	_(VALUE, "value", 1)           \
	_(TO_IDS, "to_ids", 0)         \
	_(UUID, "uuid", 0)             \
	_(CATEGORY, "category", 0)     \
	_(DATE, "date", 0)             \
	_(FIRST_SEEN, "first_seen", 0) \
	_(LAST_SEEN, "last_seen", 0)   \
	_(TAG, "attribute_tag", 0)     \
	_(EVENT_TAG, "event_tag", 0)   \
	_(EVENT_INFO, "event_info", 0) \
	_(LEVEL, "event_threat_level_id", 0)

#define COLUMN_ENUM(name, word, required) COL_##name,
enum { COLUMNS(COLUMN_ENUM) COLUMN_COUNT };
#undef COLUMN_ENUM

#define COLUMN_ROW(name, word, required) { word, required },
static const struct {
	const char *name;
	bool required;
} columns[] = { COLUMNS(COLUMN_ROW) };
#undef COLUMN_ROW

enum { SURE = 95 }; /* what guess() says of such a header */

struct misp_csv {
	struct pk_csv_row *row;
	bool ready;	/* the header was read */
	unsigned cells; /* that a row must have */
	int place[COLUMN_COUNT];
};

/* --- the header ----------------------------------------------------------- */

static bool has_word(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t at = 0; at + n <= len; at++) {
		bool begins = !at || strchr(",\" ", line[at - 1]);
		bool ends = at + n == len || strchr(",\" ", line[at + n]);

		if (begins && ends && !strncasecmp(line + at, word, n))
			return true;
	}
	return false;
}

static int guess(const char *head, size_t len)
{
	const char *newline = memchr(head, '\n', len);

	if (newline)
		len = (size_t)(newline - head);
	if (len && head[len - 1] == '\r')
		len--;
	return has_word(head, len, "uuid") && has_word(head, len, "type") &&
			       has_word(head, len, "value") &&
			       has_word(head, len, "to_ids")
		       ? SURE
		       : 0;
}

static enum pk_outcome read_header(struct misp_csv *s, struct pk_reader *r)
{
	unsigned known = 0;

	s->cells = pk_csv_row_count(s->row);
	for (unsigned i = 0; i < COLUMN_COUNT; i++) {
		s->place[i] = pk_csv_row_find(s->row, columns[i].name);
		known += s->place[i] >= 0;
		if (s->place[i] >= 0 || !columns[i].required)
			continue;
		pk_reader_break(r,
				"line %llu: no column \"%s\" in the header of "
				"a MISP CSV export",
				(unsigned long long)pk_reader_line(r),
				columns[i].name);
	}
	pk_reader_stats(r)->unknown_columns += s->cells - known;
	s->ready = true;
	return PK_OUTCOME_HEADER;
}

/* --- rows ----------------------------------------------------------------- */

static const char *cell(const struct misp_csv *s, unsigned column, size_t *len)
{
	const char *text =
		s->place[column] < 0
			? NULL
			: pk_csv_row_cell(s->row, (unsigned)s->place[column],
					  len);

	if (!text)
		*len = 0;
	return text ? text : "";
}

static void at(const struct misp_csv *s, struct pk_reader *r, unsigned column)
{
	pk_reader_at(r, (unsigned)(s->place[column] + 1), columns[column].name);
}

/* "1790000000", "2026-01-02" and what some versions write: "20260102". */
static uint32_t read_date(const char *text, size_t len)
{
	char date[16];

	if (len != 8 || strspn(text, "0123456789") != 8)
		return pk_reader_time(text, len);
	len = (size_t)snprintf(date, sizeof(date), "%.4s-%.2s-%.2s", text,
			       text + 4, text + 6);
	return pk_reader_time(date, len);
}

static uint8_t read_level(const char *text)
{
	static const uint8_t levels[] = { PK_SEVERITY_NONE, PK_SEVERITY_HIGH,
					  PK_SEVERITY_MEDIUM, PK_SEVERITY_LOW };

	return *text >= '1' && *text <= '3' && !text[1] ? levels[*text - '0']
							: PK_SEVERITY_NONE;
}

static void read_tags(const struct misp_csv *s, struct pk_reader *r,
		      struct pk_meta *meta)
{
	size_t len, event_len;
	const char *tags = cell(s, COL_TAG, &len);
	const char *event = cell(s, COL_EVENT_TAG, &event_len);
	int tlp = pk_tags_tlp(tags, len);

	/* The attribute's own words outdo the event's. */
	if (!tlp)
		tlp = pk_tags_tlp(event, event_len);
	if (tlp)
		meta->tlp = (uint8_t)tlp;
	if (!len) {
		tags = event;
		len = event_len;
	}
	if (len)
		meta->tags = pk_reader_keep(r, tags, pk_tags_cut(tags, len),
					    PK_TAGS_MAX);
}

static void read_meta(const struct misp_csv *s, struct pk_reader *r,
		      struct pk_meta *meta)
{
	size_t len;
	const char *text = cell(s, COL_UUID, &len);
	enum pk_threat_class class;
	uint32_t first, last, date;
	uint8_t level;

	if (len)
		meta->id = text;
	text = cell(s, COL_CATEGORY, &len);
	if (len) {
		meta->threat_type = text;
		class = pk_threat_class_guess(text);
		if (class != PK_CLASS_OTHER || !meta->threat_class)
			meta->threat_class = (uint8_t) class;
	}
	text = cell(s, COL_EVENT_INFO, &len);
	if (len)
		meta->attribution =
			pk_reader_keep(r, text, len, PK_ATTRIBUTION_MAX);
	level = read_level(cell(s, COL_LEVEL, &len));
	if (level)
		meta->severity = level;
	text = cell(s, COL_FIRST_SEEN, &len);
	first = read_date(text, len);
	text = cell(s, COL_LAST_SEEN, &len);
	last = read_date(text, len);
	text = cell(s, COL_DATE, &len);
	date = read_date(text, len);
	meta->first_seen = first ? first : date;
	meta->last_seen = last;
	read_tags(s, r, meta);
}

static enum pk_outcome skip(struct pk_reader *r, enum pk_skip why)
{
	pk_reader_skip(r, why);
	return PK_OUTCOME_SKIPPED;
}

static enum pk_outcome give_values(const struct misp_csv *s,
				   struct pk_reader *r,
				   const struct pk_misp_type *type)
{
	struct pk_misp_value values[2];
	size_t len;
	const char *text = cell(s, COL_VALUE, &len);
	unsigned n = pk_misp_type_split(type, text, len, values);

	if (!n)
		return skip(r, PK_SKIP_HOST_ONLY);
	at(s, r, COL_VALUE);
	for (unsigned i = 0; i < n; i++) {
		struct pk_indicator *ind = pk_reader_fresh(r);

		read_meta(s, r, &ind->meta);
		if (type->exact && values[i].type == PK_INDICATOR_DOMAIN)
			ind->match = PK_MATCH_EXACT;
		pk_reader_add_text(r, ind, values[i].type, values[i].text,
				   values[i].len);
	}
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome refuse(const struct misp_csv *s, struct pk_reader *r,
			      unsigned column, enum pk_refused why)
{
	size_t len;
	const char *text = cell(s, column, &len);

	at(s, r, column);
	pk_reader_refuse(r, why, 0, text, len);
	return PK_OUTCOME_REFUSED;
}

static bool is_meant(const struct misp_csv *s, struct pk_reader *r)
{
	size_t len;
	const char *to_ids = cell(s, COL_TO_IDS, &len);

	return !len || pk_reader_options(r)->everything ||
	       !strcmp(to_ids, "1") || !strcasecmp(to_ids, "true");
}

static enum pk_outcome read_row(const struct misp_csv *s, struct pk_reader *r)
{
	size_t type_len, len;
	const char *word = cell(s, COL_TYPE, &type_len);
	const struct pk_misp_type *type = pk_misp_type_find(word, type_len);

	if (!type)
		return refuse(s, r, COL_TYPE, PK_REFUSED_TYPE);
	if (!pk_misp_type_useful(type))
		return skip(r, PK_SKIP_HOST_ONLY);
	if (!is_meant(s, r))
		return skip(r, PK_SKIP_NOT_TO_IDS);
	if (cell(s, COL_UUID, &len) && len > PK_ID_MAX)
		return refuse(s, r, COL_UUID, PK_REFUSED_ID_LONG);
	if (cell(s, COL_CATEGORY, &len) && len > PK_THREAT_TYPE_MAX)
		return refuse(s, r, COL_CATEGORY, PK_REFUSED_THREAT_TYPE);
	return give_values(s, r, type);
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct misp_csv *s = state;
	bool broken;
	unsigned n;

	if (text[strspn(text, " \t")] == '#')
		return PK_OUTCOME_COMMENT;
	broken = pk_csv_row_cut(s->row, text, len) != 0;
	n = pk_csv_row_count(s->row);
	if (!broken && !s->ready)
		return read_header(s, r);
	if (!broken && n == s->cells)
		return read_row(s, r);
	pk_reader_refuse(r,
			 broken		? PK_REFUSED_QUOTES
			 : n < s->cells ? PK_REFUSED_COLUMNS_FEW
					: PK_REFUSED_COLUMNS_MANY,
			 n < s->cells || broken ? n + 1 : s->cells + 1, text,
			 len);
	return PK_OUTCOME_REFUSED;
}

static int begin(void **state, struct pk_reader *r)
{
	struct misp_csv *s = calloc(1, sizeof(*s));

	(void)r;
	if (!s || pk_csv_row_new(&s->row, ',', true)) {
		free(s);
		return -ENOMEM;
	}
	*state = s;
	return 0;
}

static void end(void *state)
{
	struct misp_csv *s = state;

	if (!s)
		return;
	pk_csv_row_free(s->row);
	free(s);
}

const struct pk_reader_kind pk_reader_misp_csv = {
	.format = PK_FEED_MISP_CSV,
	.cut = PK_CUT_ROWS,
	.guess = guess,
	.begin = begin,
	.end = end,
	.record = record,
};
