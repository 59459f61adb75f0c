/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jsonc: JSON with comments, as a tree that remembers its lines.
 *
 * RFC 8259, plus comments from two slashes to the end of the line and a comma
 * behind the last element. Stricter than most readers: a name twice in one
 * object is an error, as are bad UTF-8, control characters and NUL in strings,
 * integers beyond 64 bits, nesting beyond PK_JSONC_DEPTH,
 * objects and lists of more than PK_JSONC_MEMBERS, and anything behind the
 * value. Library readers accept some of these in silence and cannot tell
 * the line of a name, which a message about a configuration must.
 *
 * The tree is allocated; one thread.
 */
#ifndef PK_CONTROL_JSONC_H
#define PK_CONTROL_JSONC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PK_JSONC_DEPTH = 16,
	PK_JSONC_MEMBERS = 4096, /* of one object or list */
	PK_JSONC_SENTENCE = 200,
};

enum pk_jsonc_type {
	PK_JSONC_NULL,
	PK_JSONC_BOOL,
	PK_JSONC_INTEGER,
	PK_JSONC_REAL, /* a number with fraction or exponent */
	PK_JSONC_STRING,
	PK_JSONC_ARRAY,
	PK_JSONC_OBJECT,
};

struct pk_jsonc {
	enum pk_jsonc_type type;
	unsigned line;	 /* of its name, else of its first byte; from 1 */
	char *name;	 /* NULL outside objects */
	char *text;	 /* of a string, without escapes */
	int64_t integer; /* also 0 or 1 for a BOOL */
	struct pk_jsonc *child;
	struct pk_jsonc *next; /* the next member or element */
};

struct pk_jsonc_error {
	unsigned line;
	char sentence[PK_JSONC_SENTENCE];
};

/* 0; -EINVAL with @err filled; or -ENOMEM. The caller owns *@out. */
int pk_jsonc_parse(struct pk_jsonc **out, const char *text, size_t len,
		   struct pk_jsonc_error *err);
void pk_jsonc_free(struct pk_jsonc *v); /* NULL is a no-op */

/* "an object", "a string", ...: for sentences. */
const char *pk_jsonc_noun(enum pk_jsonc_type type);

#endif /* PK_CONTROL_JSONC_H */
