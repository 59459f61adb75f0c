/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapping_apply: from a row or a flat JSON record to indicators, by a mapping.
 * For the readers of table.c and json.c alone.
 */
#ifndef PK_IOC_FEED_MAPPING_APPLY_H
#define PK_IOC_FEED_MAPPING_APPLY_H

#include <stddef.h>

#include "ioc/feed/mapping.h"
#include "ioc/feed/reader.h"

/* A record, seen through the numbers of the mapping's columns. */
struct pk_mapping_row {
	/*
	 * The text of a column (any of its names), or NULL when the record has
	 * none; *@len gets its length. It stays valid until the record ends.
	 * Lists are joined by commas, true and numbers are their JSON text.
	 */
	const char *(*get)(void *row, unsigned column, size_t *len);
	/* Its place in the record from 1, 0: none. May be NULL. */
	unsigned (*place)(void *row, unsigned column);
	void *row;
};

/*
 * Hand in what the record holds; or say why not, to @r. The outcome is the
 * record's.
 */
enum pk_outcome pk_mapping_apply(const struct pk_mapping *m,
				 const struct pk_mapping_row *row,
				 struct pk_reader *r);

#endif /* PK_IOC_FEED_MAPPING_APPLY_H */
