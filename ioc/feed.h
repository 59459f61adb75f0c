/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feed: a list of indicators, read as a stream of bytes.
 *
 * Bytes come in pieces of any size and are cut into lines; a line is at most
 * PK_FEED_LINE_MAX bytes (longer ones are refused and skipped), so memory is
 * bounded whatever comes. LF and CRLF end a line, a UTF-8 byte order mark in
 * front is ignored, lines that begin with '#' are comments. A row never spans
 * lines: a quotation mark left open spoils its own line only.
 *
 * Each line ends up in exactly one counter:
 *
 *	lines == blank + comments + accepted + duplicates + sum(refused[])
 *
 * Formats: "sdn" (ioc/feed_sdn.h), "lines" (ioc/feed_lines.h) and "auto",
 * which takes the first line that is neither blank nor a comment: with at
 * least three commas it is "sdn", else "lines".
 *
 * One feed belongs to one thread. It reads no file: the caller does.
 */
#ifndef PK_IOC_FEED_H
#define PK_IOC_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "ioc/indicator.h"
#include "ioc/refused.h"

enum { PK_FEED_LINE_MAX = 4096 };

struct pk_feed;

/* Why a line was refused. @text is the offending field, borrowed, raw. */
struct pk_refusal {
	uint64_t line;	 /* from 1 */
	unsigned column; /* from 1; 0: the line as a whole */
	enum pk_refused reason;
	const char *text;
	size_t text_len;
};

/*
 * Where the lines go. @accept borrows the indicator and returns 0 (taken),
 * -EEXIST (a duplicate, counted as such) or another negative errno: the line
 * is then refused with PK_REFUSED_NO_ROOM. @refuse may be NULL.
 */
struct pk_feed_sink {
	int (*accept)(void *arg, const struct pk_indicator *ind);
	void (*refuse)(void *arg, const struct pk_refusal *refusal);
	void *arg;
};

struct pk_feed_stats {
	uint64_t bytes;
	uint64_t lines;
	uint64_t blank;
	uint64_t comments;
	uint64_t accepted;
	uint64_t duplicates;
	uint64_t refused[PK_REFUSED_COUNT]; /* [PK_REFUSED_NONE] stays 0 */
};

/*
 * Open a feed of @format. Indicators get feed number @feed. Copies @sink. 0,
 * -EINVAL for an unknown format or a number out of range, or -ENOMEM; on
 * failure *@out is untouched. The caller owns *@out.
 */
int pk_feed_open(struct pk_feed **out, const char *format, uint16_t feed,
		 const struct pk_feed_sink *sink);
int pk_feed_has_format(const char *format); /* 1: there is such a one */
void pk_feed_close(struct pk_feed *f);	    /* NULL is a no-op */

/* Take @len bytes. Calls the sink for each line that they complete. */
void pk_feed_push(struct pk_feed *f, const void *bytes, size_t len);

/* The bytes have ended: a last line without a newline counts as a line. */
void pk_feed_finish(struct pk_feed *f);

const struct pk_feed_stats *pk_feed_stats(const struct pk_feed *f);
uint64_t pk_feed_refused(const struct pk_feed_stats *stats); /* the sum */

/*
 * One sentence about a refusal: `feed a.csv:117: column 4: not an IP address:
 * "10.0.0.256" (line skipped)`. The text is cut at 64 bytes and escaped.
 */
void pk_refusal_print(const struct pk_refusal *refusal, const char *name,
		      char *out, size_t size);

#endif /* PK_IOC_FEED_H */
