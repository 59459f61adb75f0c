/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a feed said, as text: a line for each value and each refusal, so that a
 * test compares one string. For values: type, value, then what was said of it.
 * Every feed is read whole and byte by byte; both must say the same, and the
 * totals must close.
 */
#ifndef PK_TESTS_FEED_LOG_RIG_H
#define PK_TESTS_FEED_LOG_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/feed/feed.h"

struct feed_log {
	char text[65536];
	size_t len;
	int answer; /* of accept */
	int terse;  /* 1: values without what was said of them */
	char broken[256];
	struct pk_feed_stats stats;
	enum pk_feed_format format;
};

__attribute__((format(printf, 2, 3))) static inline void feed_note(
	struct feed_log *log, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log->len +=
		(size_t)vsnprintf(log->text + log->len,
				  sizeof(log->text) - log->len, format, args);
	va_end(args);
	assert_true(log->len < sizeof(log->text));
}

static inline void feed_note_text(struct feed_log *log, const char *name,
				  const char *text)
{
	if (*text)
		feed_note(log, " %s=%s", name, text);
}

static inline void feed_note_number(struct feed_log *log, const char *name,
				    unsigned n)
{
	if (n)
		feed_note(log, " %s=%u", name, n);
}

static inline int feed_log_accept(void *arg, const struct pk_indicator *ind)
{
	struct feed_log *log = arg;
	const struct pk_meta *m = &ind->meta;
	char value[PK_VALUE_TEXT_MAX];

	pk_indicator_print(ind, value);
	feed_note(log, "+%s %s", pk_indicator_type_word(ind->type), value);
	if (ind->match != PK_MATCH_SUBDOMAINS &&
	    ind->type == PK_INDICATOR_DOMAIN)
		feed_note_text(log, "match", pk_match_word(ind->match));
	if (!log->terse) {
		feed_note_text(log, "id", m->id);
		feed_note_text(log, "threat", m->threat_type);
		feed_note_text(log, "class",
			       pk_threat_class_word(m->threat_class));
		if (m->confidence != PK_CONFIDENCE_UNKNOWN)
			feed_note(log, " conf=%u", m->confidence);
		feed_note_text(log, "sev", pk_severity_word(m->severity));
		feed_note_text(log, "tlp", pk_tlp_word(m->tlp));
		feed_note_text(log, "tags", m->tags);
		feed_note_text(log, "who", m->attribution);
		feed_note_number(log, "first", m->first_seen);
		feed_note_number(log, "last", m->last_seen);
		feed_note_number(log, "from", m->valid_from);
		feed_note_number(log, "until", m->valid_until);
		if (m->action != PK_ACTION_ALERT)
			feed_note_text(log, "action",
				       pk_action_word(m->action));
	}
	feed_note(log, "\n");
	return log->answer;
}

static inline void feed_log_refuse(void *arg, const struct pk_refusal *r)
{
	feed_note(arg, "-%llu:%u %s\n", (unsigned long long)r->line, r->column,
		  pk_refused_word(r->reason));
}

static inline void feed_log_allow(void *arg, const struct pk_indicator *ind)
{
	char value[PK_VALUE_TEXT_MAX];

	pk_indicator_print(ind, value);
	feed_note(arg, "~%s %s\n", pk_indicator_type_word(ind->type), value);
}

static inline uint64_t feed_ends(const struct pk_feed_stats *st)
{
	return st->blank + st->comments + st->headers + st->accepted +
	       st->duplicates + st->unused + pk_feed_refused(st);
}

static inline void feed_read(struct feed_log *log,
			     const struct pk_feed_options *options,
			     const char *bytes, size_t len, size_t piece)
{
	struct pk_feed_sink sink = { .accept = feed_log_accept,
				     .refuse = feed_log_refuse,
				     .allow = feed_log_allow,
				     .arg = log };
	struct pk_feed *f;
	uint64_t skipped = 0;

	log->len = 0;
	log->text[0] = 0;
	assert_int_equal(pk_feed_open(&f, options, 3, &sink), 0);
	for (size_t at = 0; at < len; at += piece)
		pk_feed_push(f, bytes + at,
			     len - at < piece ? len - at : piece);
	pk_feed_finish(f);
	log->stats = *pk_feed_stats(f);
	log->format = pk_feed_format_of(f);
	snprintf(log->broken, sizeof(log->broken), "%s", pk_feed_broken(f));
	pk_feed_close(f);
	assert_int_equal(log->stats.records, feed_ends(&log->stats));
	assert_int_equal(log->stats.bytes, len);
	assert_int_equal(log->stats.refused[PK_REFUSED_NONE], 0);
	for (unsigned i = 0; i < PK_SKIP_REASONS; i++)
		skipped += log->stats.skipped[i];
	assert_int_equal(log->stats.unused, skipped);
}

/* Read in one piece and in bytes; the log holds the second. */
static inline void feed_read_both(struct feed_log *log,
				  const struct pk_feed_options *options,
				  const char *text)
{
	static char first[sizeof(log->text)];
	struct pk_feed_stats stats;

	feed_read(log, options, text, strlen(text), 1 << 20);
	memcpy(first, log->text, log->len + 1);
	stats = log->stats;
	feed_read(log, options, text, strlen(text), 1);
	assert_string_equal(log->text, first);
	assert_memory_equal(&log->stats, &stats, sizeof(stats));
}

#endif /* PK_TESTS_FEED_LOG_RIG_H */
