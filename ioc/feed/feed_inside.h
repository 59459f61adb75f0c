/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feed_inside: what the files behind ioc/feed/feed.h share. Nobody else includes it.
 *
 *	bytes ─ feed_gzip ─ feed (head, format) ─ feed_cut ─ record ─ reader
 *	                                                     sink ─ feed_reader
 */
#ifndef PK_IOC_FEED_INSIDE_H
#define PK_IOC_FEED_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioc/feed/feed.h"
#include "ioc/feed/reader.h"

enum {
	PK_FEED_SNIFF = 1024, /* looked at when the format is given */
	/* An unfinished line and its CR, and room to read on. */
	PK_FEED_BUFFER = PK_FEED_LINE_MAX + 1 + 65536,
	/* More lines than this in one quoted row: a stray quotation mark. */
	PK_FEED_ROW_LINES = 256,
	PK_FEED_REFANG_MAX = 8192, /* longer text is no indicator */
	PK_FEED_WHY_MAX = 256,
};

struct pk_keep; /* a block of kept texts */

struct pk_reader {
	struct pk_feed_options options;
	struct pk_feed_sink sink;
	struct pk_feed_stats stats;
	const struct pk_reader_kind *kind; /* NULL until it is known */
	void *state;
	uint16_t feed;

	/* The present record. */
	uint64_t line;
	uint64_t added, known;
	enum pk_refused why;	/* the first reason; PK_REFUSED_NONE: none */
	int skip;		/* the first enum pk_skip, or -1 */
	unsigned column;	/* pk_reader_at() */
	unsigned record_column; /* where an object begins; 0 */
	const char *field;

	struct pk_keep *keep;	 /* the first of a chain, from open to close */
	struct pk_keep *keep_at; /* the block in use */
	char why_broken[PK_FEED_WHY_MAX];
	struct pk_indicator fresh, host;
	char refanged[PK_FEED_REFANG_MAX];
};

struct pk_gunzip;
struct pk_json_scan;

struct pk_feed {
	struct pk_reader r;
	struct pk_gunzip *gunzip; /* NULL: not compressed */
	struct pk_json_scan *objects;
	uint8_t magic[2]; /* the first bytes, until gzip is told from text */
	unsigned magic_len;
	bool told;	/* gzip or text is known */
	bool started;	/* format known, head looked at */
	bool skipping;	/* in a line that was refused as too long */
	size_t scanned; /* bytes of buffer[] known to hold no line end */
	size_t used;
	char buffer[PK_FEED_BUFFER + 1]; /* text not yet cut; a NUL fits */
};

/* --- feed_gzip.c ---------------------------------------------------------- */

typedef void pk_gunzip_fn(void *arg, const char *text, size_t len);

int pk_gunzip_new(struct pk_gunzip **out); /* 0 or -ENOMEM */
void pk_gunzip_free(struct pk_gunzip *g);  /* NULL is a no-op */

/* Undo; members follow each other, zero bytes may follow the last. 0 or
 * -EBADMSG; then nothing more comes out of it. */
int pk_gunzip_push(struct pk_gunzip *g, const uint8_t *bytes, size_t len,
		   pk_gunzip_fn *fn, void *arg);
bool pk_gunzip_complete(const struct pk_gunzip *g); /* at a member's end? */

/* --- feed_cut.c ----------------------------------------------------------- */

/* Cut what buffer[] holds into records; @end: nothing more will come. */
void pk_feed_cut_lines(struct pk_feed *f, bool end);
void pk_feed_cut_rows(struct pk_feed *f, bool end);

/* --- feed_objects.c ------------------------------------------------------- */

int pk_objects_new(struct pk_json_scan **out, struct pk_reader *r);
void pk_feed_cut_objects(struct pk_feed *f, bool end);

/* --- feed_reader.c -------------------------------------------------------- */

/* One record, from its beginning to its counter. text[len] may be written. */
void pk_reader_record(struct pk_reader *r, char *text, size_t len);
/* A record that cutting itself refused. */
void pk_reader_refused_record(struct pk_reader *r, enum pk_refused why,
			      const char *text, size_t len);
/* What JSON cutting does instead of the first: begin, the reader, settle. */
void pk_reader_begin(struct pk_reader *r);
void pk_reader_settle(struct pk_reader *r, enum pk_outcome outcome);
void pk_reader_fini(struct pk_reader *r); /* kept texts */

#endif /* PK_IOC_FEED_INSIDE_H */
