/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapping_doc: a mapping's document while it is read. For mapping.c and
 * mapping_fields.c alone. Functions return 0 or more, or a negative errno, and
 * then have said why.
 */
#ifndef PK_IOC_FEED_MAPPING_DOC_H
#define PK_IOC_FEED_MAPPING_DOC_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "ioc/feed/mapping_inside.h"

struct pk_doc {
	struct pk_mapping *m;
	const char *file;
	char *why;	 /* PK_MAPPING_WHY_MAX */
	size_t room;	 /* of m->texts */
	const char *key; /* of the document, the field's or filter's; or NULL */
	const char *part; /* of that; or NULL */
	bool memory;	  /* it ran out */
};

/* Say that what @key and @part name is wrong: -EINVAL. */
int pk_doc_bad(struct pk_doc *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void *pk_doc_alloc(struct pk_doc *d, size_t n, size_t size); /* zeroed */

/* Kept texts; NULL: said why. */
const char *pk_doc_keep(struct pk_doc *d, const char *text, size_t len);
const char *pk_doc_string(struct pk_doc *d, struct json_object *o);
/* A string or a whole number. */
const char *pk_doc_scalar(struct pk_doc *d, struct json_object *o);

/* A text that is not empty; a list of texts, once. */
int pk_doc_text(struct pk_doc *d, struct json_object *o, const char **out);
int pk_doc_texts(struct pk_doc *d, struct json_object *o,
		 struct pk_mapping_texts *out);

/* --- mapping_fields.c ----------------------------------------------------- */

/* A list of columns, joined to @bits. */
int pk_doc_columns(struct pk_doc *d, struct json_object *o, uint64_t *bits);
int pk_doc_fields(struct pk_doc *d, struct json_object *o);
int pk_doc_filters(struct pk_doc *d, struct json_object *o);

#endif /* PK_IOC_FEED_MAPPING_DOC_H */
