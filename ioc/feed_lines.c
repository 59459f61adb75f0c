/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed_lines.h"

#include <stdbool.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

enum pk_refused pk_feed_lines_row(const char *row, size_t len,
				  struct pk_indicator *ind,
				  struct pk_refusal *refusal)
{
	const char *comment = memchr(row, '#', len);
	const char *end = comment ? comment : row + len;
	size_t word = 0;

	while (row < end && is_blank(*row))
		row++;
	while (row < end && is_blank(end[-1]))
		end--;
	while (row + word < end && !is_blank(row[word]))
		word++;
	refusal->column = 1;
	refusal->text = row;
	refusal->text_len = (size_t)(end - row);
	ind->id = 0;
	ind->threat_type = "";
	if (row + word < end)
		return PK_REFUSED_COLUMNS_MANY;
	return pk_indicator_parse(ind, row, word);
}
