/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapping: what a table with named columns, or a flat JSON record, means.
 *
 * A mapping is data: a small JSON document, one a publisher. Those that picket
 * knows are built in (ioc/mappings/); anybody can write another. Columns
 * go by name, never by place, so that a publisher may insert one. Names are
 * compared without regard to case and to blanks around them.
 *
 *	{
 *	  "name": "feodo",
 *	  "about": "abuse.ch Feodo Tracker, CSV",
 *	  "for": "table",            or "json"
 *	  "delimiter": ",",          one character
 *	  "quotes": true,            "a, ""b""" is one cell (RFC 4180)
 *	  "comments": ["#"],         marks that begin a comment line
 *	  "header": "any",           "row", "comment" (the last comment line in
 *	                             front of the data), "any" of both, "none"
 *	  "columns": ["a", "b"],     their names, for "header": "none"
 *	  "known_by": ["a", "b"],    columns that tell this table from others;
 *	                             by default those that are required
 *	  "known_by_text": "...",    or a text in the comments in front
 *	  "required": ["a"],         beside the value's column
 *	  "nulls": ["", "None"],     words for nothing (those are the defaults:
 *	                             "", "None", "null", "-")
 *	  "trailer": "# end",        the comment that ends a whole file; a number
 *	                             behind it is how many rows the file has
 *	  "count": "# entries:",     a comment that says how many
 *	  "join_port": true,         false: the port is not part of the value
 *	  "short_rows": false,       true: cells at the end may be missing
 *	  "severity_cap": "medium",  no indicator is above; one that does not say
 *	                             gets it
 *	  "filters": [ { "column": "status", "only": ["online"],
 *	                 "as": "inactive" } ],
 *	  "fields": { "value": "dst_ip", "port": "dst_port",
 *	              "class": { "is": "c2-server" } }
 *	}
 *
 * A field is the name of a column, or an object:
 *	"column": name, or several of which the first that is there counts
 *	"words":  { "theirs": "ours" }, theirs in any case
 *	"else":   ours, for a word that is not in "words" or for nothing
 *	"is":     the same for every record
 *	"max":    confidence only: the number that means 100 (default 100)
 * Fields: value, type, port, end (last address of a range), bits (a prefix
 * length or a netmask), id, threat_type, class, confidence, severity, tlp,
 * tags, attribution, first_seen, last_seen, valid_from, valid_until, duration
 * ("4h", "1h30m", or seconds: valid from now on), match, action. A type is a word of
 * PK_INDICATOR_TYPES, "guess", or "skip" (not for the network). Without a type
 * it is guessed; without a class it follows from the threat type.
 *
 * A filter looks at one column: "only" these words, or "not" these, or not what
 * "starts" with these. What it turns away counts as "as": a word of PK_SKIPS
 * (default inactive) or "comment". A table without the column passes.
 *
 * A mapping is immutable; any thread may use it.
 */
#ifndef PK_IOC_FEED_MAPPING_H
#define PK_IOC_FEED_MAPPING_H

#include <stddef.h>

struct pk_mapping;

enum pk_mapping_kind { PK_MAPPING_TABLE, PK_MAPPING_JSON };

enum {
	PK_MAPPING_COLUMNS_MAX = 64, /* columns that a mapping speaks of */
	PK_MAPPING_NAMES_MAX = 8,    /* names of one of them */
	PK_MAPPING_TEXT_MAX = 65536, /* bytes of a document */
	PK_MAPPING_WHY_MAX = 256,    /* bytes of a sentence, NUL included */
};

/*
 * Parse a document. 0, -EINVAL, or -ENOMEM; then @why says what is wrong, as in
 * `mapping own.json: fields.type.words: "ipp" is not a type`. @file is for the
 * sentence alone. On failure *@out is untouched. The caller owns *@out.
 */
int pk_mapping_parse(struct pk_mapping **out, const char *file,
		     const char *text, size_t len,
		     char why[PK_MAPPING_WHY_MAX]);
void pk_mapping_free(struct pk_mapping *m); /* NULL is a no-op */

/*
 * The built-in ones: by name (NULL: unknown), and by number from 0 (NULL: no
 * more). They live as long as the program; never free them.
 */
const struct pk_mapping *pk_mapping_find(const char *name);
const struct pk_mapping *pk_mapping_at(unsigned number);

/*
 * The built-in table mapping whose columns these first bytes have, in a header
 * row or comment, or whose text they have in a comment; or NULL.
 */
const struct pk_mapping *pk_mapping_guess(const char *head, size_t len);

/*
 * The built-in mapping of @kind that fits best to a record with these @n
 * columns or keys: all that it is known by are there, and most that it speaks
 * of. Or NULL.
 */
const struct pk_mapping *pk_mapping_match(enum pk_mapping_kind kind,
					  const char *const *names, unsigned n);

const char *pk_mapping_name(const struct pk_mapping *m);
const char *pk_mapping_about(const struct pk_mapping *m);
enum pk_mapping_kind pk_mapping_kind(const struct pk_mapping *m);

/*
 * The columns that a mapping speaks of are numbered from 0. The names of one,
 * the preferred first, ended by NULL; NULL for a number too high. JSON: a name
 * is a key of the record; "$key" is the key under which an enclosing object
 * holds the record or its list.
 */
unsigned pk_mapping_columns(const struct pk_mapping *m);
const char *const *pk_mapping_names(const struct pk_mapping *m,
				    unsigned column);

#endif /* PK_IOC_FEED_MAPPING_H */
