/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_record: one JSON value that json_scan cut out, for the readers of JSON
 * formats alone. json-c parses it, strictly: UTF-8, at most
 * PK_JSON_RECORD_DEPTH levels; the last of members with the same key wins.
 */
#ifndef PK_IOC_FEED_JSON_RECORD_H
#define PK_IOC_FEED_JSON_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "ioc/feed/reader.h"

enum { PK_JSON_RECORD_DEPTH = 32 };

/* A part of a text; text NULL: there is none. */
struct pk_json_span {
	const char *text;
	size_t len;
};

struct json_tokener *pk_json_parser_new(void); /* NULL: no memory */

/* The value, the caller's to put, or NULL if it is no JSON (or null). */
struct json_object *pk_json_parse(struct json_tokener *t, const char *text,
				  size_t len);

/*
 * pk_json_parse() of a record that must be an object; NULL after it was
 * refused.
 */
struct json_object *pk_json_parse_record(struct json_tokener *t,
					 struct pk_reader *r, const char *text,
					 size_t len);

/*
 * The text of member @key: a string, or a number or truth value as JSON writes
 * it. Borrowed from @o. No text when it is not there, null, a list or an
 * object.
 */
struct pk_json_span pk_json_get(struct json_object *o, const char *key);
struct pk_json_span pk_json_text(struct json_object *value); /* the same */

/* The list or object that is member @key, or NULL. */
struct json_object *pk_json_list(struct json_object *o, const char *key);
struct json_object *pk_json_object(struct json_object *o, const char *key);

/* true, "true", 1 and "1" are true; @otherwise when there is no such member. */
bool pk_json_truth(struct json_object *o, const char *key, bool otherwise);

bool pk_json_is(struct pk_json_span s, const char *word);

/* pk_reader_keep(), _time() and _until() of it; "" and 0 for no text. */
const char *pk_json_keep(struct pk_reader *r, struct pk_json_span s,
			 size_t max);
uint32_t pk_json_time(struct pk_json_span s);
uint32_t pk_json_until(struct pk_json_span s);

/*
 * A glance at members of the object in @text without a tree: out[i] gets the
 * raw text of member keys[i], a string's without quotation marks and with its
 * escapes. The first of several. Only for text that json_scan passed.
 */
void pk_json_glance(const char *text, size_t len, const char *const *keys,
		    struct pk_json_span *out, unsigned n);

/* Does the text look like JSON, and has it one of these? For guesses. */
bool pk_json_head(const char *head, size_t len);
bool pk_json_head_has(const char *head, size_t len, const char *part);

/* --- tags ------------------------------------------------------------------ */

/* A comma-separated list that grows; what does not fit is left out. */
struct pk_json_tags {
	size_t len;
	char text[PK_TAGS_MAX + 1];
};

/* Add one, if it fits; commas in it become blanks. The same tag twice is once. */
void pk_json_tags_add(struct pk_json_tags *tags, const char *text, size_t len);

/* Add each of a list with commas: the operator's. */
void pk_json_tags_add_list(struct pk_json_tags *tags, const char *list);

#endif /* PK_IOC_FEED_JSON_RECORD_H */
