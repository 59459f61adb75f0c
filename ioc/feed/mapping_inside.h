/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapping_inside: a mapping as its document made it, shared by the files behind
 * ioc/feed/mapping.h. Nobody else includes it. Texts live in @texts.
 */
#ifndef PK_IOC_FEED_MAPPING_INSIDE_H
#define PK_IOC_FEED_MAPPING_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioc/feed/mapping.h"

/* clang-format off */
#define PK_MAPPING_FIELDS(_) \
	_(VALUE, "value") \
	_(TYPE, "type") \
	_(PORT, "port") \
	_(END, "end") \
	_(BITS, "bits") \
	_(ID, "id") \
	_(THREAT_TYPE, "threat_type") \
	_(CLASS, "class") \
	_(CONFIDENCE, "confidence") \
	_(SEVERITY, "severity") \
	_(TLP, "tlp") \
	_(TAGS, "tags") \
	_(ATTRIBUTION, "attribution") \
	_(FIRST_SEEN, "first_seen") \
	_(LAST_SEEN, "last_seen") \
	_(VALID_FROM, "valid_from") \
	_(VALID_UNTIL, "valid_until") \
	_(DURATION, "duration") \
	_(MATCH, "match") \
	_(ACTION, "action")
/* clang-format on */

#define PK_MAPPING_FIELD_ENUM(name, word) PK_MAPPING_##name,
enum pk_mapping_field_name {
	PK_MAPPING_FIELDS(PK_MAPPING_FIELD_ENUM) PK_MAPPING_FIELD_COUNT
};
#undef PK_MAPPING_FIELD_ENUM

enum pk_mapping_header {
	PK_MAPPING_HEADER_ANY,
	PK_MAPPING_HEADER_ROW,
	PK_MAPPING_HEADER_COMMENT,
	PK_MAPPING_HEADER_NONE,
};

enum {
	PK_MAPPING_GUESS = -1,	 /* a type: tell it from the text */
	PK_MAPPING_SKIP = -2,	 /* a type: not for the network */
	PK_MAPPING_COMMENT = -3, /* what a filter turns away is a comment */
};

/* One of our words: its text, and its number where the field has numbers. */
struct pk_mapping_ours {
	const char *text; /* NULL: not said */
	int number;
};

struct pk_mapping_word {
	const char *theirs;
	struct pk_mapping_ours ours;
};

struct pk_mapping_field {
	int column; /* or -1 */
	unsigned words;
	struct pk_mapping_word *word; /* owned */
	struct pk_mapping_ours fixed, otherwise;
	uint32_t max;
};

struct pk_mapping_texts {
	const char **text; /* owned */
	unsigned n;
};

enum pk_mapping_filter_kind {
	PK_MAPPING_ONLY,
	PK_MAPPING_NOT,
	PK_MAPPING_STARTS,
};

struct pk_mapping_filter {
	unsigned column;
	enum pk_mapping_filter_kind kind;
	struct pk_mapping_texts words;
	int as; /* enum pk_skip or PK_MAPPING_COMMENT */
};

enum { PK_MAPPING_FILTERS_MAX = 16 };

struct pk_mapping {
	enum pk_mapping_kind kind;
	const char *name, *about;
	char delimiter;
	bool quotes, join_port, short_rows;
	enum pk_mapping_header header;
	const char *known_by_text, *trailer, *count; /* or NULL */
	struct pk_mapping_texts comments, nulls;
	struct pk_mapping_texts fixed; /* the columns, without a header */
	uint8_t severity_cap;	       /* PK_SEVERITY_NONE: none */
	uint64_t required, known_by;   /* bits of columns */
	unsigned columns;
	const char *names[PK_MAPPING_COLUMNS_MAX][PK_MAPPING_NAMES_MAX + 1];
	struct pk_mapping_field field[PK_MAPPING_FIELD_COUNT];
	unsigned filters;
	struct pk_mapping_filter filter[PK_MAPPING_FILTERS_MAX];
	char *texts; /* owned */
	size_t texts_used;
};

/* Is the text nothing, by the mapping's words? */
bool pk_mapping_is_null(const struct pk_mapping *m, const char *text,
			size_t len);

/* Behind the mark and blanks, if the line is a comment; or NULL. */
const char *pk_mapping_comment(const struct pk_mapping *m, const char *line,
			       size_t len);

/* Is it one of the column's names, in any case? */
bool pk_mapping_has_name(const struct pk_mapping *m, unsigned column,
			 const char *name);

/* The columns of @names that the mapping speaks of, as bits. */
uint64_t pk_mapping_present(const struct pk_mapping *m,
			    const char *const *names, unsigned n);

/*
 * The built-in table mapping that a line tells: its comment or its cells by
 * their names, or the mapping's text (in a comment, or in any line if @first).
 * *@named is true when it is by names. Or NULL.
 */
const struct pk_mapping *pk_mapping_of_line(const char *line, size_t len,
					    bool first, bool *named);

/* Cut blanks on both sides. */
const char *pk_mapping_trim(const char *text, size_t *len);

#endif /* PK_IOC_FEED_MAPPING_INSIDE_H */
