/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * csv_row: one row cut into cells (RFC 4180; blanks outside of quotation marks
 * are dropped, also between a delimiter and a quotation mark).
 *
 * A cell stays valid until the next row. One object belongs to one thread.
 */
#ifndef PK_IOC_FEED_CSV_ROW_H
#define PK_IOC_FEED_CSV_ROW_H

#include <stdbool.h>
#include <stddef.h>

enum { PK_CSV_CELLS_MAX = 256 }; /* of a row; more are counted, not kept */

struct pk_csv_row;

/* @quotes false: a quotation mark is a character as any. 0 or -ENOMEM. */
int pk_csv_row_new(struct pk_csv_row **out, char delimiter, bool quotes);
void pk_csv_row_free(struct pk_csv_row *row); /* NULL is a no-op */

/*
 * Cut @len bytes, at most PK_FEED_LINE_MAX. 0, or -EBADMSG when quotation marks
 * do not pair up; then pk_csv_row_count() cells in front are good.
 */
int pk_csv_row_cut(struct pk_csv_row *row, const char *text, size_t len);

unsigned pk_csv_row_count(const struct pk_csv_row *row);

/* Cell @i from 0, NUL-terminated; NULL behind the last and above the limit. */
const char *pk_csv_row_cell(const struct pk_csv_row *row, unsigned i,
			    size_t *len);

/* The first cell that is @word, in any case; or -1. */
int pk_csv_row_find(const struct pk_csv_row *row, const char *word);

#endif /* PK_IOC_FEED_CSV_ROW_H */
