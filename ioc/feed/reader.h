/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader: what a feed format's reader is to ioc/feed/feed.c, and what it may call.
 *
 * feed.c undoes gzip, recognises the format, cuts the stream and counts. A
 * reader gets one record at a time, hands values to pk_reader_add(), and says
 * in one word what became of the record. Nobody else includes this.
 */
#ifndef PK_IOC_FEED_READER_H
#define PK_IOC_FEED_READER_H

#include <stddef.h>
#include <stdint.h>

#include "ioc/feed/feed.h"

struct pk_json_item;
struct pk_json_rules;
struct pk_reader; /* the feed, as its reader sees it */

/* How a format's stream is cut into records. */
enum pk_cut {
	PK_CUT_LINES, /* lines, without their ends; comments left to the reader */
	PK_CUT_ROWS,	/* CSV rows: a quoted field may hold newlines */
	PK_CUT_OBJECTS, /* JSON: see ioc/feed/json_scan.h */
};

/*
 * What became of a record. For REFUSED the reason and the field were told by
 * pk_reader_refuse() before; for VALUES the outcome follows from what
 * pk_reader_add() met.
 */
enum pk_outcome {
	PK_OUTCOME_VALUES, /* at least one value was handed in */
	PK_OUTCOME_BLANK,
	PK_OUTCOME_COMMENT,
	PK_OUTCOME_HEADER,
	PK_OUTCOME_SKIPPED, /* pk_reader_skip() said why */
	PK_OUTCOME_REFUSED,
};

struct pk_reader_kind {
	enum pk_feed_format format;
	enum pk_cut cut;
	/*
	 * How likely these first bytes (up to PK_FEED_HEAD_MAX, perhaps cut in
	 * a line) are of this format, 0 .. 100; 0: impossible. The highest
	 * wins, the earlier in PK_FEED_FORMATS on a tie.
	 */
	int (*guess)(const char *head, size_t len);
	/* State of a feed; may be NULL. 0 or -ENOMEM; *@state is the feed's. */
	int (*begin)(void **state, struct pk_reader *r);
	void (*end)(void *state); /* frees it; NULL state is a no-op */
	/*
	 * A line or a row, raw, without its end, never blank; or an object.
	 * @text[len] is NUL; @text may be written to.
	 */
	enum pk_outcome (*record)(void *state, struct pk_reader *r, char *text,
				  size_t len);
	/* The stream has ended: check trailers and what is missing. May be NULL. */
	void (*finish)(void *state, struct pk_reader *r);
	/*
	 * PK_CUT_OBJECTS: what in a document is a record. feed.c makes a
	 * pk_json_scan with these rules; for each of its items it calls @item
	 * (may be NULL) and then, for PK_JSON_IS_RECORD, @record. TOO_LONG and
	 * MALFORMED items are records that are refused, BROKEN breaks the feed.
	 */
	const struct pk_json_rules *json;
	void (*item)(void *state, struct pk_reader *r,
		     const struct pk_json_item *item);
};

/* The kinds, one a reader; the list is in feed.c. */
extern const struct pk_reader_kind pk_reader_lines, pk_reader_hosts,
	pk_reader_adblock, pk_reader_dnsmasq, pk_reader_rpz, pk_reader_sdn,
	pk_reader_table, pk_reader_misp_csv, pk_reader_drop,
	pk_reader_drop_json, pk_reader_misp, pk_reader_stix, pk_reader_intelmq,
	pk_reader_otx, pk_reader_json, pk_reader_zeek, pk_reader_iprep,
	pk_reader_dataset;

const struct pk_feed_options *pk_reader_options(const struct pk_reader *r);
struct pk_feed_stats *pk_reader_stats(struct pk_reader *r);
uint64_t pk_reader_line(const struct pk_reader *r); /* where the record began */

/*
 * An indicator to fill: feed, meta from the options, match from the options.
 * One a reader, reused: valid until the next call.
 */
struct pk_indicator *pk_reader_fresh(struct pk_reader *r);

/*
 * Where in the record the next values stand, for what is refused: a column
 * from 1 or 0, and its name or NULL (borrowed). Forgotten with the record.
 */
void pk_reader_at(struct pk_reader *r, unsigned column, const char *field);

/*
 * Hand in a value whose meta is as far filled as the record says. Derived
 * hosts, ttl, validity (valid_until in the past: skipped as EXPIRED) and
 * counting happen here. @text is what to quote if it is refused.
 */
void pk_reader_add(struct pk_reader *r, const struct pk_indicator *ind,
		   const char *text, size_t len);

/*
 * Parse @text as @type (or as what it looks like, type < 0; the options'
 * refang and type apply) into @ind and hand it in, or refuse the record.
 */
void pk_reader_add_text(struct pk_reader *r, struct pk_indicator *ind, int type,
			const char *text, size_t len);

/* An exception: goes to the sink's allow. */
void pk_reader_allow(struct pk_reader *r, const struct pk_indicator *ind);

/* @column 0: as pk_reader_at() said. */
void pk_reader_refuse(struct pk_reader *r, enum pk_refused why, unsigned column,
		      const char *text, size_t len);
void pk_reader_skip(struct pk_reader *r, enum pk_skip why);
/* The feed as a whole is broken: one sentence, the first one stays. */
void pk_reader_break(struct pk_reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * For guess(): how many in a hundred of the first lines that are neither blank
 * nor comments (marks: # ; ! //) @like is true for; 0 when there is none. A
 * last line that may be cut is left out, unless it is the only one.
 */
typedef int pk_reader_like_fn(const char *line, size_t len);
int pk_reader_share(const char *head, size_t len, pk_reader_like_fn *like);

/* A text that lives until the record's end, cut at @max bytes; never NULL. */
const char *pk_reader_keep(struct pk_reader *r, const char *text, size_t len,
			   size_t max);

/*
 * A time as feeds write it (ECOSYSTEM 1.1): "2026-01-02 03:04:05[ UTC]", a
 * date, ISO 8601 with an offset, seconds since 1970 with or without a
 * fraction. Unix seconds; 0 for "", "-", None, null and what is no time.
 */
uint32_t pk_reader_time(const char *text, size_t len);

/* The same for the end of validity: a date up to 1970 is 1, long over. */
uint32_t pk_reader_until(const char *text, size_t len);

#endif /* PK_IOC_FEED_READER_H */
