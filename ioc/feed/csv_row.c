/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/csv_row.h"

#include <csv.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ioc/feed/feed.h"

struct cell {
	uint32_t at; /* in text[], NUL-terminated */
	uint32_t len;
};

struct pk_csv_row {
	struct csv_parser csv;
	unsigned count; /* may pass PK_CSV_CELLS_MAX */
	uint32_t used;	/* of text[] */
	struct cell cell[PK_CSV_CELLS_MAX];
	/* Cells never take more than the row; a NUL behind each. */
	char text[PK_FEED_LINE_MAX + PK_CSV_CELLS_MAX];
};

static const unsigned char STRICT = CSV_STRICT | CSV_STRICT_FINI;

/* The row is whole: a line end in it is a character. */
static int is_no_end(unsigned char c)
{
	(void)c;
	return 0;
}

int pk_csv_row_new(struct pk_csv_row **out, char delimiter, bool quotes)
{
	struct pk_csv_row *row = calloc(1, sizeof(*row));

	if (!row || csv_init(&row->csv, STRICT)) {
		free(row);
		return -ENOMEM;
	}
	csv_set_term_func(&row->csv, is_no_end);
	csv_set_delim(&row->csv, (unsigned char)delimiter);
	/* Rows hold no NUL, so it is a mark that never comes. */
	if (!quotes)
		csv_set_quote(&row->csv, 0);
	*out = row;
	return 0;
}

void pk_csv_row_free(struct pk_csv_row *row)
{
	if (!row)
		return;
	csv_free(&row->csv);
	free(row);
}

static void on_cell(void *bytes, size_t len, void *arg)
{
	struct pk_csv_row *row = arg;
	unsigned i = row->count++;
	struct cell *cell;

	if (i >= PK_CSV_CELLS_MAX || row->used + len >= sizeof(row->text))
		return;
	cell = &row->cell[i];
	cell->at = row->used;
	cell->len = (uint32_t)len;
	if (len)
		memcpy(row->text + row->used, bytes, len);
	row->text[row->used + len] = 0;
	row->used += (uint32_t)len + 1;
}

int pk_csv_row_cut(struct pk_csv_row *row, const char *text, size_t len)
{
	row->count = 0;
	row->used = 0;
	if (len <= PK_FEED_LINE_MAX &&
	    csv_parse(&row->csv, text, len, on_cell, NULL, row) == len &&
	    !csv_fini(&row->csv, on_cell, NULL, row))
		return 0;
	/* A strict parser keeps its broken state; a lax one ends it. */
	csv_set_opts(&row->csv, 0);
	csv_fini(&row->csv, NULL, NULL, NULL);
	csv_set_opts(&row->csv, STRICT);
	return -EBADMSG;
}

unsigned pk_csv_row_count(const struct pk_csv_row *row)
{
	return row->count;
}

const char *pk_csv_row_cell(const struct pk_csv_row *row, unsigned i,
			    size_t *len)
{
	if (i >= row->count || i >= PK_CSV_CELLS_MAX)
		return NULL;
	*len = row->cell[i].len;
	return row->text + row->cell[i].at;
}

int pk_csv_row_find(const struct pk_csv_row *row, const char *word)
{
	size_t len;

	for (unsigned i = 0; i < row->count && i < PK_CSV_CELLS_MAX; i++)
		if (!strcasecmp(pk_csv_row_cell(row, i, &len), word))
			return (int)i;
	return -1;
}
