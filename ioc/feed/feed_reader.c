/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/feed/feed_inside.h"
#include "ioc/range.h"

enum {
	KEEP_MIN = 16384, /* bytes of the first block of kept texts */
};

/* Kept texts: blocks that are filled one behind the other, and reused. */
struct pk_keep {
	struct pk_keep *next;
	size_t used, size;
	char text[];
};

const struct pk_feed_options *pk_reader_options(const struct pk_reader *r)
{
	return &r->options;
}

struct pk_feed_stats *pk_reader_stats(struct pk_reader *r)
{
	return &r->stats;
}

uint64_t pk_reader_line(const struct pk_reader *r)
{
	return r->line;
}

void pk_reader_at(struct pk_reader *r, unsigned column, const char *field)
{
	r->column = column;
	r->field = field;
}

/* --- kept texts ----------------------------------------------------------- */

static struct pk_keep *new_block(struct pk_keep *after, size_t len)
{
	size_t size = len > KEEP_MIN ? len : KEEP_MIN;
	struct pk_keep *k = malloc(sizeof(*k) + size);

	if (!k)
		return NULL;
	k->next = after ? after->next : NULL;
	k->size = size;
	k->used = 0;
	if (after)
		after->next = k;
	return k;
}

/* Room for @len bytes, or NULL. */
static char *room(struct pk_reader *r, size_t len)
{
	struct pk_keep *k = r->keep_at;

	if (!k || k->size - k->used < len) {
		struct pk_keep *next = k ? k->next : NULL;

		if (!next || next->size < len)
			next = new_block(k, len);
		if (!next)
			return NULL;
		if (!r->keep)
			r->keep = next;
		next->used = 0;
		k = r->keep_at = next;
	}
	k->used += len;
	return k->text + k->used - len;
}

void pk_reader_fini(struct pk_reader *r)
{
	while (r->keep) {
		struct pk_keep *next = r->keep->next;

		free(r->keep);
		r->keep = next;
	}
}

/* Cut @text at @max bytes, not inside a character of UTF-8. */
static size_t cut_text(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max && ((uint8_t)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

const char *pk_reader_keep(struct pk_reader *r, const char *text, size_t len,
			   size_t max)
{
	char *kept;

	len = cut_text(text, len, max);
	kept = len ? room(r, len + 1) : NULL;
	if (!kept)
		return "";
	memcpy(kept, text, len);
	kept[len] = 0;
	return kept;
}

/* --- one record ----------------------------------------------------------- */

void pk_reader_begin(struct pk_reader *r)
{
	r->stats.records++;
	r->added = 0;
	r->known = 0;
	r->why = PK_REFUSED_NONE;
	r->skip = -1;
	r->column = 0;
	r->field = NULL;
	if (r->keep)
		r->keep->used = 0;
	r->keep_at = r->keep;
}

static void settle_values(struct pk_reader *r)
{
	struct pk_feed_stats *st = &r->stats;

	if (r->added)
		st->accepted++;
	else if (r->known)
		st->duplicates++;
	else if (r->why)
		st->refused[r->why]++;
	else {
		st->unused++;
		st->skipped[r->skip < 0 ? PK_SKIP_NOT_INDICATOR : r->skip]++;
	}
	st->partly += (r->added || r->known) && r->why;
}

void pk_reader_settle(struct pk_reader *r, enum pk_outcome outcome)
{
	switch (outcome) {
	case PK_OUTCOME_BLANK:
		r->stats.blank++;
		break;
	case PK_OUTCOME_COMMENT:
		r->stats.comments++;
		break;
	case PK_OUTCOME_HEADER:
		r->stats.headers++;
		break;
	case PK_OUTCOME_REFUSED:
	case PK_OUTCOME_SKIPPED:
	case PK_OUTCOME_VALUES:
		settle_values(r);
	}
}

/* Control characters other than TAB and, in quoted fields, line ends. */
static bool has_control(const char *text, size_t len, bool newlines)
{
	static const uint64_t ONES = 0x0101010101010101, HIGH = ONES << 7;
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t word, del;

		memcpy(&word, text + i, 8);
		del = word ^ (ONES * 0x7f);
		/* A byte below 0x20, or 0x7f; seldom one that is neither. */
		if ((((word - ONES * 0x20) & ~word) | ((del - ONES) & ~del)) &
		    HIGH)
			break;
	}
	for (; i < len; i++) {
		uint8_t c = (uint8_t)text[i];
		bool end = c == '\n' || c == '\r';

		if ((c < 0x20 && c != '\t' && !(end && newlines)) || c == 0x7f)
			return true;
	}
	return false;
}

static bool is_blank(const char *text, size_t len)
{
	while (len && (*text == ' ' || *text == '\t')) {
		text++;
		len--;
	}
	return !len;
}

void pk_reader_record(struct pk_reader *r, char *text, size_t len)
{
	enum pk_outcome outcome;

	if (has_control(text, len, r->kind->cut == PK_CUT_ROWS)) {
		pk_reader_refused_record(r, PK_REFUSED_CONTROL, text, len);
		return;
	}
	pk_reader_begin(r);
	outcome = is_blank(text, len) ? PK_OUTCOME_BLANK
				      : r->kind->record(r->state, r, text, len);
	pk_reader_settle(r, outcome);
}

void pk_reader_refused_record(struct pk_reader *r, enum pk_refused why,
			      const char *text, size_t len)
{
	pk_reader_begin(r);
	pk_reader_refuse(r, why, 0, text, len);
	pk_reader_settle(r, PK_OUTCOME_REFUSED);
}

void pk_reader_refuse(struct pk_reader *r, enum pk_refused why, unsigned column,
		      const char *text, size_t len)
{
	struct pk_refusal refusal = {
		.line = r->line,
		.column = column      ? column
			  : r->column ? r->column
				      : r->record_column,
		.reason = why,
		.text = text,
		.text_len = len,
		.field = r->field,
	};

	if (!r->why)
		r->why = why;
	if (r->sink.refuse)
		r->sink.refuse(r->sink.arg, &refusal);
}

void pk_reader_skip(struct pk_reader *r, enum pk_skip why)
{
	if (r->skip < 0)
		r->skip = (int)why;
}

void pk_reader_break(struct pk_reader *r, const char *format, ...)
{
	va_list args;

	if (r->why_broken[0])
		return;
	va_start(args, format);
	vsnprintf(r->why_broken, sizeof(r->why_broken), format, args);
	va_end(args);
}

/* --- values --------------------------------------------------------------- */

struct pk_indicator *pk_reader_fresh(struct pk_reader *r)
{
	struct pk_indicator *ind = &r->fresh;

	ind->slot = 0;
	ind->feed = r->feed;
	ind->match = (uint8_t)r->options.match;
	ind->meta = r->options.meta;
	return ind;
}

static void hand_in(struct pk_reader *r, const struct pk_indicator *ind,
		    const char *text, size_t len)
{
	int err = r->sink.accept(r->sink.arg, ind);

	r->stats.indicators++;
	if (!err) {
		r->added++;
		r->stats.added++;
	} else if (err == -EEXIST) {
		r->known++;
		r->stats.known++;
	} else if (text) {
		pk_reader_refuse(r,
				 err > 0 && err < PK_REFUSED_COUNT
					 ? (enum pk_refused)err
					 : PK_REFUSED_NO_ROOM,
				 0, text, len);
	}
}

static bool has_host(const struct pk_indicator *ind)
{
	return ind->type == PK_INDICATOR_URL || ind->type == PK_INDICATOR_EMAIL;
}

/* The operator's time to live, for a value that does not say its own. */
static void apply_ttl(const struct pk_reader *r, struct pk_meta *meta)
{
	uint64_t end = (uint64_t)r->options.now + r->options.ttl_sec;

	if (r->options.ttl_sec && !meta->valid_until)
		meta->valid_until =
			end > UINT32_MAX ? UINT32_MAX : (uint32_t)end;
}

static void copy_indicator(struct pk_indicator *to,
			   const struct pk_indicator *from)
{
	memcpy(to, from,
	       offsetof(struct pk_indicator, value) + from->value_len);
}

void pk_reader_add(struct pk_reader *r, const struct pk_indicator *ind,
		   const char *text, size_t len)
{
	struct pk_indicator *own = &r->fresh;

	if (ind != own)
		copy_indicator(own, ind);
	apply_ttl(r, &own->meta);
	if (own->meta.valid_until && own->meta.valid_until <= r->options.now) {
		pk_reader_skip(r, PK_SKIP_EXPIRED);
		return;
	}
	hand_in(r, own, text, len);
	/* A host that a guard turns away does not spoil the value itself. */
	if (r->options.hosts && has_host(own) &&
	    !pk_indicator_host(own, &r->host))
		hand_in(r, &r->host, NULL, 0);
}

void pk_reader_allow(struct pk_reader *r, const struct pk_indicator *ind)
{
	if (r->sink.allow)
		r->sink.allow(r->sink.arg, ind);
	pk_reader_skip(r, PK_SKIP_ALLOWED);
}

/* Only where an address may stand is "a-b" a range. */
static bool may_be_range(int type)
{
	return type < 0 || type <= PK_INDICATOR_IPV6_NET;
}

static void add_range(struct pk_reader *r, struct pk_indicator *ind,
		      struct pk_range *range, const char *text, size_t len)
{
	while (pk_range_next(range, ind))
		pk_reader_add(r, ind, text, len);
}

/* Defanged, if that is what makes it unreadable. */
static enum pk_refused better_reason(struct pk_reader *r, enum pk_refused why,
				     const char *text, size_t len)
{
	unsigned n = 0;

	if (r->options.refang || len >= sizeof(r->refanged))
		return why;
	memcpy(r->refanged, text, len);
	pk_refang(r->refanged, len, &n);
	return n ? PK_REFUSED_DEFANGED : why;
}

static bool has_mark(const char *text, size_t len)
{
	return len && (*text == '.' || *text == '*' || *text == '=');
}

static enum pk_refused parse(struct pk_reader *r, struct pk_indicator *ind,
			     int type, const char *text, size_t len)
{
	uint8_t match = ind->match;
	unsigned notes = 0;
	enum pk_refused why;

	if (type < 0)
		type = PK_INDICATOR_TYPE_COUNT;
	why = pk_indicator_parse_as(ind, (enum pk_indicator_type)type, text,
				    len, &notes);
	if (why)
		return why;
	if (ind->type == PK_INDICATOR_DOMAIN && !has_mark(text, len))
		ind->match = match;
	r->stats.host_bits += notes & PK_NOTE_HOST_BITS;
	return PK_REFUSED_NONE;
}

void pk_reader_add_text(struct pk_reader *r, struct pk_indicator *ind, int type,
			const char *text, size_t len)
{
	enum pk_refused why, as_range;
	struct pk_range range;
	unsigned n = 0;

	if (type < 0 && r->options.has_type)
		type = r->options.type;
	if (r->options.refang && len < sizeof(r->refanged)) {
		memcpy(r->refanged, text, len);
		len = pk_refang(r->refanged, len, &n);
		text = r->refanged;
		r->stats.refanged += n > 0;
	}
	why = parse(r, ind, type, text, len);
	if (!why) {
		pk_reader_add(r, ind, text, len);
		return;
	}
	as_range = may_be_range(type) ? pk_range_parse(&range, text, len)
				      : PK_REFUSED_ADDRESS;
	if (!as_range)
		add_range(r, ind, &range, text, len);
	else if (as_range == PK_REFUSED_RANGE)
		pk_reader_refuse(r, as_range, 0, text, len);
	else
		pk_reader_refuse(r, better_reason(r, why, text, len), 0, text,
				 len);
}
