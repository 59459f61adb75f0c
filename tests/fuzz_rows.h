/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the fuzzers of tables: a feed is read whole and in small pieces. The
 * ledger must close, cutting must not matter, and what is accepted must be what
 * its header promises.
 */
#ifndef PK_TESTS_FUZZ_ROWS_H
#define PK_TESTS_FUZZ_ROWS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/feed/feed.h"

static inline void fuzz_must(int ok)
{
	if (!ok)
		abort();
}

static inline int fuzz_accept(void *arg, const struct pk_indicator *ind)
{
	const struct pk_meta *m = &ind->meta;
	char text[PK_VALUE_TEXT_MAX];
	uint8_t small[PK_SMALL_VALUE];
	const uint8_t *bytes;
	uint64_t *sum = arg;
	unsigned len = pk_indicator_bytes(ind, small, &bytes);
	size_t n = pk_indicator_print(ind, text);

	fuzz_must(len && len <= PK_VALUE_MAX && n && n < sizeof(text));
	fuzz_must(ind->type < PK_INDICATOR_TYPE_COUNT &&
		  ind->match < PK_MATCH_COUNT);
	fuzz_must(strlen(m->id) <= PK_ID_MAX &&
		  strlen(m->threat_type) <= PK_THREAT_TYPE_MAX &&
		  strlen(m->tags) <= PK_TAGS_MAX &&
		  strlen(m->attribution) <= PK_ATTRIBUTION_MAX);
	fuzz_must(m->threat_class < PK_THREAT_CLASS_COUNT &&
		  m->severity < PK_SEVERITY_COUNT && m->tlp < PK_TLP_COUNT);
	fuzz_must(m->confidence <= 100 ||
		  m->confidence == PK_CONFIDENCE_UNKNOWN);
	for (size_t i = 0; i < n; i++)
		*sum = *sum * 31 + (uint8_t)text[i];
	return 0;
}

static inline void fuzz_refuse(void *arg, const struct pk_refusal *refusal)
{
	char sentence[512];
	uint64_t *sum = arg;

	pk_refusal_print(refusal, "fuzz", sentence, sizeof(sentence));
	*sum = *sum * 31 + refusal->column;
}

static inline struct pk_feed_stats fuzz_read(
	const struct pk_feed_options *options, const uint8_t *data, size_t size,
	size_t piece, uint64_t *sum)
{
	struct pk_feed_sink sink = { .accept = fuzz_accept,
				     .refuse = fuzz_refuse,
				     .arg = sum };
	struct pk_feed_stats st;
	struct pk_feed *f;

	*sum = 0;
	fuzz_must(!pk_feed_open(&f, options, 0, &sink));
	for (size_t at = 0; at < size; at += piece)
		pk_feed_push(f, data + at,
			     size - at < piece ? size - at : piece);
	pk_feed_finish(f);
	st = *pk_feed_stats(f);
	pk_feed_close(f);
	fuzz_must(st.records == st.blank + st.comments + st.headers +
					st.accepted + st.duplicates +
					st.unused + pk_feed_refused(&st));
	return st;
}

static inline void fuzz_rows(const struct pk_feed_options *options,
			     const uint8_t *data, size_t size, size_t piece)
{
	uint64_t sum, cut_sum;
	struct pk_feed_stats st =
		fuzz_read(options, data, size, size ? size : 1, &sum);
	struct pk_feed_stats cut =
		fuzz_read(options, data, size, piece, &cut_sum);

	fuzz_must(!memcmp(&st, &cut, sizeof(st)) && sum == cut_sum);
}

#endif /* PK_TESTS_FUZZ_ROWS_H */
