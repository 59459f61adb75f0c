/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Delimited rows with named columns, read by a mapping (ioc/feed/mapping.h).
 * Without one the header tells which of the built-in mappings it is. The header
 * is the first row, if its cells are known names, or else the last comment in
 * front of it whose cells are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ioc/feed/csv_row.h"
#include "ioc/feed/mapping_apply.h"
#include "ioc/feed/mapping_inside.h"

enum {
	LIKELY = 90,
	HEADER_MAX = 4096, /* bytes of a commented header */
	SHOWN_MAX = 100,   /* bytes of a header in a sentence */
};

struct table {
	const struct pk_mapping *m; /* NULL: not known yet */
	struct pk_csv_row *row;	    /* cut as the mapping says */
	bool ready;		    /* the columns are known */
	bool begun;		    /* a line that is not blank was seen */
	bool named;		    /* m was told from names, not from a text */
	unsigned cells;		    /* that a row must have */
	int place[PK_MAPPING_COLUMNS_MAX]; /* of a mapping's column, or -1 */
	char header[HEADER_MAX];	   /* the last comment that may be it */
	size_t header_len;
};

static int guess(const char *head, size_t len)
{
	return pk_mapping_guess(head, len) ? LIKELY : 0;
}

static void end(void *state)
{
	struct table *t = state;

	if (!t)
		return;
	pk_csv_row_free(t->row);
	free(t);
}

/* The mapping is known: make what depends on it. */
static int take_mapping(struct table *t, struct pk_reader *r,
			const struct pk_mapping *m)
{
	pk_csv_row_free(t->row);
	t->row = NULL;
	t->m = m;
	pk_reader_stats(r)->complete = !m->trailer;
	return pk_csv_row_new(&t->row, m->delimiter, m->quotes);
}

static int begin(void **state, struct pk_reader *r)
{
	const struct pk_mapping *m = pk_reader_options(r)->mapping;
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->named = true;
	if (m && take_mapping(t, r, m)) {
		end(t);
		return -ENOMEM;
	}
	*state = t;
	return 0;
}

/* --- the header ----------------------------------------------------------- */

/* Find the mapping's columns among the row's cells; as bits, those there. */
static uint64_t find_places(struct table *t)
{
	uint64_t present = 0;
	size_t len;

	t->cells = pk_csv_row_count(t->row);
	for (unsigned i = 0; i < t->m->columns; i++) {
		t->place[i] = -1;
		for (unsigned k = 0; t->m->names[i][k] && t->place[i] < 0; k++)
			t->place[i] =
				pk_csv_row_find(t->row, t->m->names[i][k]);
		if (t->place[i] >= 0)
			present |= 1ULL << i;
	}
	/* A delimiter at the end of a header is no column. */
	if (t->cells && t->cells <= PK_CSV_CELLS_MAX &&
	    !*pk_csv_row_cell(t->row, t->cells - 1, &len))
		t->cells--;
	return present;
}

static void count_unknown(const struct table *t, struct pk_reader *r)
{
	for (unsigned cell = 0; cell < t->cells; cell++) {
		bool known = false;

		for (unsigned i = 0; i < t->m->columns; i++)
			known |= t->place[i] == (int)cell;
		pk_reader_stats(r)->unknown_columns += !known;
	}
}

static bool take_header(struct table *t, struct pk_reader *r)
{
	uint64_t present = find_places(t);

	if ((present & t->m->required) != t->m->required)
		return false;
	count_unknown(t, r);
	t->ready = true;
	return true;
}

/* The columns are what the mapping says, in its order. */
static void take_fixed(struct table *t)
{
	const struct pk_mapping *m = t->m;

	t->cells = m->fixed.n;
	for (unsigned i = 0; i < m->columns; i++) {
		t->place[i] = -1;
		for (unsigned k = 0; k < m->fixed.n && t->place[i] < 0; k++)
			if (pk_mapping_has_name(m, i, m->fixed.text[k]))
				t->place[i] = (int)k;
	}
	t->ready = true;
}

/* Does any cell of the present row name a column? */
static bool looks_like_header(struct table *t)
{
	return find_places(t) != 0;
}

/* What may be shown of a header: cut, and harmless to a terminal. */
static const char *show(char out[SHOWN_MAX + 1], const char *text, size_t len)
{
	if (len > SHOWN_MAX)
		len = SHOWN_MAX;
	for (size_t i = 0; i < len; i++)
		out[i] = text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	out[len] = 0;
	return out;
}

static void break_missing(struct table *t, struct pk_reader *r,
			  const char *header, size_t len)
{
	uint64_t missing = t->m->required & ~find_places(t);
	unsigned first = missing ? (unsigned)__builtin_ctzll(missing) : 0;
	char shown[SHOWN_MAX + 1];

	pk_reader_break(r,
			"line %llu: no column \"%s\" for mapping %s in the "
			"header '%s'",
			(unsigned long long)pk_reader_line(r),
			t->m->names[first][0], t->m->name,
			show(shown, header, len));
}

static void break_unknown(struct pk_reader *r, const char *row, size_t len)
{
	char shown[SHOWN_MAX + 1];

	pk_reader_break(r,
			"line %llu: no known table has the header '%s'; "
			"name a mapping",
			(unsigned long long)pk_reader_line(r),
			show(shown, row, len));
}

static bool may_be(const struct table *t, enum pk_mapping_header header)
{
	return t->m->header == PK_MAPPING_HEADER_ANY || t->m->header == header;
}

/* The header that was remembered from a comment, if it has all it takes. */
static bool take_comment(struct table *t, struct pk_reader *r)
{
	return t->header_len &&
	       !pk_csv_row_cut(t->row, t->header, t->header_len) &&
	       take_header(t, r);
}

/* The row is in t->row. Its outcome, or VALUES: it is data. */
static enum pk_outcome settle_header(struct table *t, struct pk_reader *r,
				     const char *text, size_t len)
{
	bool row = may_be(t, PK_MAPPING_HEADER_ROW), named;

	if (row && take_header(t, r))
		return PK_OUTCOME_HEADER;
	named = row && looks_like_header(t);
	if (take_comment(t, r))
		return pk_csv_row_cut(t->row, text, len) ? PK_OUTCOME_REFUSED
							 : PK_OUTCOME_VALUES;
	if (!named && t->header_len)
		break_missing(t, r, t->header, t->header_len);
	else if (!pk_csv_row_cut(t->row, text, len))
		break_missing(t, r, text, len);
	return PK_OUTCOME_HEADER;
}

/* --- comments ------------------------------------------------------------- */

/* The first number in @text, or -1. */
static int64_t number_in(const char *text, size_t len)
{
	size_t at = 0;
	int64_t n = 0;

	while (at < len && (text[at] < '0' || text[at] > '9'))
		at++;
	if (at == len)
		return -1;
	for (; at < len && text[at] >= '0' && text[at] <= '9' && n < 1 << 30;
	     at++)
		n = n * 10 + (text[at] - '0');
	return n;
}

static bool begins_with(const char *text, size_t len, const char *mark)
{
	size_t n = mark ? strlen(mark) : 0;

	return n && n <= len && !strncasecmp(text, mark, n);
}

/* Trailers and counts: comments that say something of the whole. */
static void read_remark(struct table *t, struct pk_reader *r, const char *line,
			size_t len)
{
	struct pk_feed_stats *st = pk_reader_stats(r);
	const char *mark = begins_with(line, len, t->m->trailer) ? t->m->trailer
			   : begins_with(line, len, t->m->count) ? t->m->count
								 : NULL;
	int64_t n;

	if (!mark)
		return;
	if (mark == t->m->trailer)
		st->complete = 1;
	n = number_in(line + strlen(mark), len - strlen(mark));
	if (n >= 0) {
		st->declared = (uint64_t)n;
		st->has_declared = 1;
	}
}

/* Is the comment the header, as far as is known now? */
static void read_header_comment(struct table *t, const char *text, size_t len)
{
	if (t->ready || !len || len > HEADER_MAX ||
	    !may_be(t, PK_MAPPING_HEADER_COMMENT) ||
	    pk_csv_row_cut(t->row, text, len) || !looks_like_header(t))
		return;
	memcpy(t->header, text, len);
	t->header_len = len;
}

/* Without a mapping of the operator's a line may tell it. */
static int find_mapping(struct table *t, struct pk_reader *r, const char *line,
			size_t len)
{
	const struct pk_mapping *m;
	bool named;

	if (t->ready || pk_reader_options(r)->mapping)
		return 0;
	m = pk_mapping_of_line(line, len, !t->begun, &named);
	if (!m || m == t->m || (t->m && t->named && !named))
		return 0;
	t->named = named;
	t->header_len = 0;
	return take_mapping(t, r, m);
}

/* Columns named as in our own export will do. 0, or it has none of them. */
static int take_own(struct table *t, struct pk_reader *r, const char *row,
		    size_t len)
{
	const struct pk_mapping *m = pk_mapping_find("picket");

	if (!m || take_mapping(t, r, m) || pk_csv_row_cut(t->row, row, len) ||
	    (find_places(t) & m->required) != m->required)
		return -ENOENT;
	return 0;
}

static bool is_comment(const struct table *t, const char *line, size_t len)
{
	if (t->m)
		return pk_mapping_comment(t->m, line, len);
	return *line == '#' || *line == ';';
}

static void read_comment(struct table *t, struct pk_reader *r, const char *line,
			 size_t len)
{
	const char *text = t->m ? pk_mapping_comment(t->m, line, len) : NULL;
	size_t left;

	if (!text)
		return;
	left = (size_t)(line + len - text);
	text = pk_mapping_trim(text, &left);
	read_header_comment(t, text, left);
	read_remark(t, r, line, len);
}

/* --- rows ----------------------------------------------------------------- */

static const char *get(void *row, unsigned column, size_t *len)
{
	const struct table *t = row;

	return t->place[column] < 0
		       ? NULL
		       : pk_csv_row_cell(t->row, (unsigned)t->place[column],
					 len);
}

static unsigned place(void *row, unsigned column)
{
	const struct table *t = row;

	return (unsigned)(t->place[column] + 1);
}

static enum pk_outcome refuse(struct pk_reader *r, enum pk_refused why,
			      unsigned column, const char *text, size_t len)
{
	pk_reader_refuse(r, why, column, text, len);
	return PK_OUTCOME_REFUSED;
}

/* The header again: files that were joined. */
static bool is_header_again(const struct table *t)
{
	unsigned value = (unsigned)t->m->field[PK_MAPPING_VALUE].column;
	size_t len;
	const char *text = get((void *)t, value, &len);

	return text && t->m->header != PK_MAPPING_HEADER_NONE &&
	       pk_mapping_has_name(t->m, value, text);
}

static enum pk_outcome read_row(struct table *t, struct pk_reader *r,
				const char *text, size_t len)
{
	const struct pk_mapping_row row = { get, place, t };
	unsigned n = pk_csv_row_count(t->row);
	size_t last = 0;

	/* A delimiter at the end begins no cell. */
	if (n == t->cells + 1 && pk_csv_row_cell(t->row, n - 1, &last) && !last)
		n--;
	if (n < t->cells && !t->m->short_rows)
		return refuse(r, PK_REFUSED_COLUMNS_FEW, n + 1, text, len);
	if (n > t->cells)
		return refuse(r, PK_REFUSED_COLUMNS_MANY, t->cells + 1, text,
			      len);
	if (is_header_again(t))
		return PK_OUTCOME_HEADER;
	return pk_mapping_apply(t->m, &row, r);
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct table *t = state;
	size_t trimmed = len;
	const char *line = pk_mapping_trim(text, &trimmed);
	enum pk_outcome outcome = PK_OUTCOME_VALUES;

	if (find_mapping(t, r, line, trimmed))
		return refuse(r, PK_REFUSED_NO_ROOM, 0, text, len);
	t->begun = true;
	if (is_comment(t, line, trimmed)) {
		read_comment(t, r, line, trimmed);
		return PK_OUTCOME_COMMENT;
	}
	if (!t->m && take_own(t, r, text, len)) {
		break_unknown(r, line, trimmed);
		return PK_OUTCOME_HEADER;
	}
	if (!t->ready && t->m->header == PK_MAPPING_HEADER_NONE)
		take_fixed(t);
	if (pk_csv_row_cut(t->row, text, len))
		return refuse(r, PK_REFUSED_QUOTES,
			      pk_csv_row_count(t->row) + 1, text, len);
	if (!t->ready)
		outcome = settle_header(t, r, line, trimmed);
	return outcome == PK_OUTCOME_VALUES ? read_row(t, r, line, trimmed)
					    : outcome;
}

const struct pk_reader_kind pk_reader_table = {
	.format = PK_FEED_TABLE,
	.cut = PK_CUT_ROWS,
	.guess = guess,
	.begin = begin,
	.end = end,
	.record = record,
};
