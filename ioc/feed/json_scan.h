/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_scan: cuts a stream of JSON into records, without a tree of the whole.
 *
 * A document is a sequence of top-level values: one, or one a line (NDJSON),
 * or one behind the other. Rules, which are a format's constant table, say
 * which values inside are records, which are walked into, and which are
 * context: what is said around records and holds for them (the tags of a MISP
 * event). Everything else is skipped and not kept.
 *
 * Only the frame is looked at here: brackets, strings, commas and colons are
 * checked at every depth, the text of numbers, words and escapes is left to
 * whoever parses the record. A key with an escape in it equals no rule's key.
 *
 * Context often follows the records that it belongs to. So up to
 * PK_JSON_WINDOW_MAX bytes of what is taken (skipped values do not count) are
 * held back: until the enclosing unit or top-level value ends, or the window is
 * full. Then, for what it holds, in this order: PEEK for each record, if the
 * rules ask; then the document's order, but the contexts of an object follow
 * its ENTER at once. Context behind a full window is late: it holds for the
 * records behind it alone. Rules without `hold` have no window: a record comes
 * when it ends.
 *
 * A record of more than @record_max bytes is TOO_LONG, once. A top-level record
 * that is no JSON is MALFORMED, and reading goes on at the next line that
 * begins with "{"; damage inside a walked value, an end in the midst of a
 * value, more than PK_JSON_DEPTH levels, or no top-level value but MALFORMED
 * ones is BROKEN: the last item that comes.
 *
 * How the bytes are cut into pieces makes no difference. Memory is bounded by
 * PK_JSON_WINDOW_MAX + @record_max + 64 bytes for each of PK_JSON_ITEMS_MAX
 * values. One thread.
 */
#ifndef PK_IOC_FEED_JSON_SCAN_H
#define PK_IOC_FEED_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

enum {
	PK_JSON_DEPTH = 512,
	PK_JSON_WALK_DEPTH = 16, /* values deeper are not walked: skipped */
	PK_JSON_KEY_MAX = 63,	 /* longer keys equal no rule's */
	PK_JSON_WINDOW_MAX = 32 << 20,
	PK_JSON_ITEMS_MAX = 1 << 18, /* values in the window */
};

enum pk_json_verdict {
	PK_JSON_SKIP, /* of what no rule speaks of, too */
	PK_JSON_CONTEXT,
	PK_JSON_RECORD,
	PK_JSON_WALK,
	/* A record, unless a member of it is walked: then it is walked. */
	PK_JSON_MAYBE,
	/* WALK and MAYBE whose context concerns nothing outside of them. */
	PK_JSON_WALK_UNIT,
	PK_JSON_MAYBE_UNIT,
};

enum { /* kinds of values, for rules */
       PK_JSON_SCALAR = 1,
       PK_JSON_OBJECT = 2,
       PK_JSON_ARRAY = 4,
       PK_JSON_ANY = 7,
};

/*
 * One rule: a value of @kinds with @key in a walked value that is at place @in.
 * The first that fits decides. Place 0 is the top level. @key NULL: any member
 * or element; "#": a key of digits alone. Where a value is walked, it is at
 * place @to for the rules of what is in it.
 */
struct pk_json_rule {
	uint8_t in;
	const char *key;
	uint8_t kinds;
	uint8_t verdict; /* enum pk_json_verdict */
	uint8_t to;
};

struct pk_json_rules {
	const struct pk_json_rule *rule;
	unsigned count;
	uint8_t hold; /* 1: hold back for context, see above */
	uint8_t peek; /* 1: PEEK comes, too; needs hold */
};

enum pk_json_what {
	PK_JSON_ENTER,	    /* a walked value begins: @place, @key */
	PK_JSON_LEAVE,	    /* it ends; not for what is left open when BROKEN */
	PK_JSON_IS_CONTEXT, /* @key, @text; @place of the value around it */
	PK_JSON_PEEK,	    /* like the record that comes later */
	PK_JSON_IS_RECORD,
	PK_JSON_TOO_LONG,  /* a record; @text is its beginning, or empty */
	PK_JSON_MALFORMED, /* a top-level record; @text is its beginning */
	PK_JSON_BROKEN,	   /* @text is why, a sentence */
};

struct pk_json_item {
	enum pk_json_what what;
	uint8_t place;
	const char *key; /* "" for elements and the top level; cut */
	uint64_t line;	 /* from 1: where the value begins; BROKEN: where */
	uint32_t column; /* in bytes, from 1; 0: not known */
	char *text;	 /* @text[len] is NUL; valid during the call, may be
			    written to (but not by PEEK) */
	size_t len;
};

typedef void pk_json_item_fn(void *arg, const struct pk_json_item *item);

struct pk_json_scan;

/*
 * @rules are borrowed for the scanner's life. 0, -EINVAL for a @record_max of 0
 * or above PK_JSON_WINDOW_MAX, or -ENOMEM; *@out is untouched on failure. The
 * caller owns *@out.
 */
int pk_json_scan_new(struct pk_json_scan **out,
		     const struct pk_json_rules *rules, size_t record_max,
		     pk_json_item_fn *item, void *arg);
void pk_json_scan_free(struct pk_json_scan *s); /* NULL is a no-op */

/* Take bytes of decoded text, without a byte order mark. Calls @item. */
void pk_json_scan_push(struct pk_json_scan *s, const void *bytes, size_t len);

/* The text has ended. Once. */
void pk_json_scan_finish(struct pk_json_scan *s);

/* Lines begun so far. */
uint64_t pk_json_scan_lines(const struct pk_json_scan *s);

#endif /* PK_IOC_FEED_JSON_SCAN_H */
