/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schema: what each class of messages, and each profile in JSON, may say: JSON
 * Schemas (draft 2020-12), in the program's read-only data. Any thread.
 *
 * Keys that they do not name are errors, but for counters, whose set grows.
 */
#ifndef PK_CONTROL_SCHEMA_H
#define PK_CONTROL_SCHEMA_H

#include <stddef.h>

struct pk_schema {
	const char *word;  /* of the class, or the profile */
	const char *topic; /* on the bus; "": not there */
	const char *text;  /* NUL-terminated, ends in a line feed */
};

/* Number @i, from 0 on; NULL behind the last. */
const struct pk_schema *pk_schema_at(size_t i);

/* The one of @word, or NULL. */
const struct pk_schema *pk_schema_find(const char *word);

#endif /* PK_CONTROL_SCHEMA_H */
