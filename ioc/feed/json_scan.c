/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/json_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/feed/json_held.h"
#include "ioc/feed/json_text.h"

enum { QUOTE = 256 }; /* bytes of a record that is refused */

enum state {
	AT_ROOT,	/* between top-level values */
	IN_DAMAGED,	/* in the rest of a damaged line */
	AT_RESYNC,	/* on the way to a line that begins with "{" */
	AT_FIRST_VALUE, /* behind "[" */
	AT_VALUE,	/* behind ":", or a comma in a list */
	AT_FIRST_KEY,	/* behind "{" */
	AT_KEY,		/* behind a comma in an object */
	AT_COLON,
	AT_NEXT, /* behind a value: a comma or the end */
	IN_STRING,
	IN_ESCAPE,
	IN_SCALAR,
};

/* What comes of a value that is not walked. */
enum mode { MODE_NONE, MODE_SKIP, MODE_CONTEXT, MODE_RECORD };

struct walk {
	uint64_t line;
	uint32_t column;
	uint32_t key;
	const char *name;
	uint32_t entry; /* its ENTER */
	uint32_t at;	/* a MAYBE's bytes in text[] */
	uint8_t place;
	bool unit, too_long, walked_in;
};

struct pk_json_scan {
	size_t record_max;
	enum state state;
	enum mode mode;
	bool dead, in_key, bol, too_long;
	uint64_t line;
	const char *piece;	  /* being read */
	uint64_t before;	  /* bytes in front of it */
	uint64_t line_at;	  /* bytes in front of the line */
	uint64_t good, malformed; /* top-level values */
	unsigned depth;
	uint64_t is_object[PK_JSON_DEPTH / 64];
	unsigned walks;
	bool maybe; /* the innermost may be a record */
	struct walk walk[PK_JSON_WALK_DEPTH];
	/* The member's key, and the value that began last. */
	char key[PK_JSON_KEY_MAX + 1];
	unsigned key_len; /* PK_JSON_KEY_MAX + 1: equals no rule's */
	struct pk_json_entry value;
	const char *mark; /* bytes of this piece from here are to be copied */
	struct pk_json_held held;
};

int pk_json_scan_new(struct pk_json_scan **out,
		     const struct pk_json_rules *rules, size_t record_max,
		     pk_json_item_fn *item, void *arg)
{
	struct pk_json_scan *s;

	if (!record_max || record_max > PK_JSON_WINDOW_MAX)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->record_max = record_max;
	s->held.rules = rules;
	s->held.item = item;
	s->held.arg = arg;
	s->line = 1;
	s->bol = true;
	*out = s;
	return 0;
}

void pk_json_scan_free(struct pk_json_scan *s)
{
	if (!s)
		return;
	pk_json_held_fini(&s->held);
	free(s);
}

uint64_t pk_json_scan_lines(const struct pk_json_scan *s)
{
	return s->line;
}

static uint64_t bytes_to(const struct pk_json_scan *s, const char *p)
{
	return s->before + (uint64_t)(p - s->piece);
}

static uint32_t column_of(const struct pk_json_scan *s, const char *p)
{
	uint64_t n = bytes_to(s, p) - s->line_at + 1;

	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* A line begins at @p. */
static void next_line(struct pk_json_scan *s, const char *p)
{
	s->line++;
	s->line_at = bytes_to(s, p);
	s->bol = true;
}

/* --- what is taken -------------------------------------------------------- */

/* Tell what is whole; what a MAYBE took so far stays. */
static void flush(struct pk_json_scan *s)
{
	struct walk *w = s->maybe ? &s->walk[s->walks - 1] : NULL;

	if (!w) {
		pk_json_held_flush(&s->held, s->held.entries, s->held.used,
				   !s->walks);
		return;
	}
	pk_json_held_flush(&s->held, w->entry, w->at, false);
	w->entry = 0;
	w->at = 0;
}

static void broken(struct pk_json_scan *s, const char *why, uint64_t line,
		   uint32_t column)
{
	char text[80];
	struct pk_json_item item = { .what = PK_JSON_BROKEN,
				     .key = "",
				     .line = line,
				     .column = column,
				     .text = text };

	if (s->maybe)
		s->held.entries = s->walk[s->walks - 1].entry;
	s->maybe = false;
	flush(s);
	item.len = strlen(why);
	memcpy(text, why, item.len + 1);
	s->dead = true;
	s->held.item(s->held.arg, &item);
}

/* Copy the bytes from the mark up to @p. */
static void append(struct pk_json_scan *s, const char *p)
{
	if (!s->mark)
		return;
	pk_json_held_append(&s->held, s->mark, (size_t)(p - s->mark));
	s->mark = p;
}

/* Bytes up to @p are copied if they are to be; is something too long now? */
static void sync_to(struct pk_json_scan *s, const char *p)
{
	struct walk *w = &s->walk[s->walks - (s->walks > 0)];
	size_t start = s->value.at;

	append(s, p);
	if (s->maybe && s->held.used - w->at > s->record_max) {
		s->maybe = false;
		w->too_long = true;
		if (s->mode != MODE_CONTEXT)
			s->mark = NULL;
	}
	if (s->mode < MODE_CONTEXT || s->too_long || s->maybe ||
	    s->held.used - start <= s->record_max)
		return;
	s->too_long = true;
	s->mark = NULL;
	s->held.used = start + (s->record_max < QUOTE ? s->record_max : QUOTE);
}

static void start_copy(struct pk_json_scan *s, const char *p)
{
	if (s->mark)
		append(s, p);
	s->mark = p;
}

static void stop_copy(struct pk_json_scan *s, const char *p)
{
	sync_to(s, p);
	if (!s->maybe)
		s->mark = NULL;
}

/* Something was put and nothing but a MAYBE is being copied. */
static void settle(struct pk_json_scan *s, bool over)
{
	if (!s->held.rules->hold ? !s->maybe
				 : ((over && !s->maybe) ||
				    s->held.used > PK_JSON_WINDOW_MAX ||
				    s->held.entries >= PK_JSON_ITEMS_MAX))
		flush(s);
}

/* --- rules ----------------------------------------------------------------- */

static bool fits(const struct pk_json_scan *s, const struct pk_json_rule *r,
		 unsigned kind)
{
	unsigned in = s->walks ? s->walk[s->walks - 1].place : 0;

	return r->in == in && r->kinds & kind &&
	       pk_json_rule_names(r, s->key, s->key_len);
}

static const struct pk_json_rule *decide(const struct pk_json_scan *s,
					 unsigned kind)
{
	static const struct pk_json_rule skip = { .verdict = PK_JSON_SKIP };

	for (unsigned i = 0; i < s->held.rules->count; i++) {
		const struct pk_json_rule *r = &s->held.rules->rule[i];

		if (!fits(s, r, kind))
			continue;
		if (r->verdict < PK_JSON_WALK)
			return r;
		return kind != PK_JSON_SCALAR && s->walks < PK_JSON_WALK_DEPTH
			       ? r
			       : &skip;
	}
	return &skip;
}

/* The key, kept as long as the entries. */
static void keep_key(struct pk_json_scan *s, const struct pk_json_rule *r,
		     struct pk_json_entry *e)
{
	unsigned len = s->key_len;

	if (r->key && *r->key != '#') {
		e->name = r->key;
		return;
	}
	len = len > PK_JSON_KEY_MAX ? PK_JSON_KEY_MAX : len;
	pk_json_held_key(&s->held, e, s->key, len);
}

static void walk_in(struct pk_json_scan *s, const struct pk_json_rule *r,
		    const char *p)
{
	bool maybe =
		r->verdict == PK_JSON_MAYBE || r->verdict == PK_JSON_MAYBE_UNIT;
	struct walk *w = &s->walk[s->walks];
	struct pk_json_entry e = s->value;

	if (s->walks)
		s->walk[s->walks - 1].walked_in = true;
	if (s->maybe)
		stop_copy(s, p);
	s->maybe = false;
	s->mark = NULL;
	s->mode = MODE_NONE;
	*w = (struct walk){
		.line = e.line, .column = e.column, .name = e.name, .key = e.key
	};
	w->place = r->to;
	w->unit = r->verdict >= PK_JSON_WALK_UNIT;
	w->entry = (uint32_t)s->held.entries;
	w->at = (uint32_t)s->held.used;
	s->walks++;
	e.place = r->to;
	e.level = (uint8_t)s->walks;
	pk_json_held_put(&s->held, &e, PK_JSON_ENTER);
	if (maybe) {
		s->maybe = true;
		s->mark = p;
	}
	settle(s, false);
}

/* A value begins at @p. */
static void begin(struct pk_json_scan *s, unsigned kind, const char *p)
{
	const struct pk_json_rule *r;

	if (s->depth > s->walks)
		return; /* inside of one that is taken or skipped */
	if (s->walks && s->state != AT_VALUE)
		s->key_len = 0; /* cannot be a member */
	r = decide(s, kind);
	s->value = (struct pk_json_entry){ .line = s->line,
					   .column = column_of(s, p),
					   .at = (uint32_t)s->held.used };
	s->value.place = s->walks ? s->walk[s->walks - 1].place : 0;
	s->value.level = (uint8_t)s->walks;
	s->too_long = false;
	if (r->verdict == PK_JSON_SKIP) {
		s->mode = MODE_SKIP;
		return;
	}
	keep_key(s, r, &s->value);
	if (r->verdict >= PK_JSON_WALK) {
		walk_in(s, r, p);
		return;
	}
	s->mode = r->verdict == PK_JSON_RECORD ? MODE_RECORD : MODE_CONTEXT;
	start_copy(s, p);
	s->value.at = (uint32_t)s->held.used;
}

static void end_walk(struct pk_json_scan *s, const char *p)
{
	struct walk *w = &s->walk[s->walks - 1];
	bool record = s->maybe;
	struct pk_json_entry e = { .line = w->line,
				   .column = w->column,
				   .name = w->name,
				   .key = w->key };

	if (record) {
		sync_to(s, p);
		record = s->maybe; /* unless it was too long */
	}
	s->maybe = false;
	s->mark = NULL;
	e.place = w->place;
	e.level = (uint8_t)s->walks;
	if (!record)
		pk_json_held_put(&s->held, &e, PK_JSON_LEAVE);
	s->walks--;
	e.place = s->walks ? s->walk[s->walks - 1].place : 0;
	e.level = (uint8_t)s->walks;
	if (record) {
		s->held.entries = w->entry;
		e.at = w->at;
		e.len = (uint32_t)(s->held.used - w->at);
		pk_json_held_put(&s->held, &e, PK_JSON_IS_RECORD);
	} else if (w->too_long && !w->walked_in) {
		pk_json_held_put(&s->held, &e, PK_JSON_TOO_LONG);
	}
	settle(s, w->unit || !s->walks);
}

/* A value ended in front of @p, at the depth where it began. */
static void end(struct pk_json_scan *s, const char *p)
{
	s->state = s->depth ? AT_NEXT : AT_ROOT;
	if (!s->depth)
		s->good++;
	if (s->depth < s->walks) {
		end_walk(s, p);
		return;
	}
	if (s->depth > s->walks || s->mode == MODE_NONE)
		return;
	if (s->mode != MODE_SKIP) {
		stop_copy(s, p);
		s->value.len = (uint32_t)(s->held.used - s->value.at);
		if (s->mode == MODE_RECORD)
			pk_json_held_put(&s->held, &s->value,
					 s->too_long ? PK_JSON_TOO_LONG
						     : PK_JSON_IS_RECORD);
		else if (!s->too_long)
			pk_json_held_put(&s->held, &s->value,
					 PK_JSON_IS_CONTEXT);
	}
	s->mode = MODE_NONE;
	settle(s, !s->walks);
}

/* --- damage ---------------------------------------------------------------- */

/* May reading go on behind it: is a top-level record all that is damaged? */
static bool is_record_alone(const struct pk_json_scan *s)
{
	if (!s->depth)
		return true;
	return s->walks ? s->walks == 1 && s->maybe : s->mode == MODE_RECORD;
}

/* The record is refused; it is quoted with the rest of the line at @p. */
static void malformed(struct pk_json_scan *s, const char *p)
{
	struct walk *w = &s->walk[0];
	struct pk_json_entry e = { .line = s->line,
				   .column = column_of(s, p),
				   .name = "" };

	e.at = (uint32_t)s->held.used;
	if (s->depth) {
		e.at = s->walks ? w->at : s->value.at;
		e.line = s->walks ? w->line : s->value.line;
		e.column = s->walks ? w->column : s->value.column;
	}
	if (s->maybe)
		s->held.entries = w->entry;
	s->value = e;
	s->depth = s->walks = 0;
	s->maybe = false;
	s->mode = MODE_NONE;
	s->mark = p;
	s->malformed++;
	s->state = IN_DAMAGED;
}

static void end_damaged(struct pk_json_scan *s)
{
	s->value.len = (uint32_t)(s->held.used - s->value.at);
	s->mark = NULL;
	pk_json_held_put(&s->held, &s->value, PK_JSON_MALFORMED);
	flush(s);
	s->state = AT_RESYNC;
}

static void cut_quote(struct pk_json_scan *s)
{
	if (s->held.used - s->value.at > QUOTE)
		s->held.used = s->value.at + QUOTE;
}

static const char *rest(struct pk_json_scan *s, const char *p, const char *e)
{
	const char *nl = memchr(p, '\n', (size_t)(e - p));

	append(s, nl ? nl : e);
	cut_quote(s);
	if (!nl)
		return e;
	end_damaged(s);
	return nl;
}

/* The byte at @p cannot be. Returns where to go on. */
static const char *damage(struct pk_json_scan *s, const char *p)
{
	bool again = s->bol && *p == '{';

	sync_to(s, p);
	if (!is_record_alone(s)) {
		broken(s, "this is no valid JSON", s->line, column_of(s, p));
		return p;
	}
	malformed(s, p);
	cut_quote(s);
	if (again) /* the next record has a line of its own */
		end_damaged(s);
	return p;
}

static const char *resync(struct pk_json_scan *s, const char *p, const char *e)
{
	while (p < e) {
		if (s->bol && *p == '{') {
			s->state = AT_ROOT;
			return p;
		}
		s->bol = false;
		p = memchr(p, '\n', (size_t)(e - p));
		if (!p)
			return e;
		next_line(s, ++p);
	}
	return p;
}

/* --- bytes ----------------------------------------------------------------- */

static bool top_is_object(const struct pk_json_scan *s)
{
	unsigned d = s->depth - 1;

	return s->is_object[d / 64] >> (d % 64) & 1;
}

static bool wants_value(const struct pk_json_scan *s)
{
	return s->state == AT_VALUE || s->state == AT_FIRST_VALUE;
}

static const char *open_at(struct pk_json_scan *s, const char *p)
{
	bool object = *p == '{';
	uint64_t bit;

	if (!wants_value(s) && s->state != AT_ROOT)
		return damage(s, p);
	if (s->depth == PK_JSON_DEPTH) {
		broken(s, "values are nested too deeply", s->line,
		       column_of(s, p));
		return p;
	}
	if (s->state == AT_ROOT)
		s->key_len = 0;
	begin(s, object ? PK_JSON_OBJECT : PK_JSON_ARRAY, p);
	bit = 1ULL << (s->depth % 64);
	if (object)
		s->is_object[s->depth / 64] |= bit;
	else
		s->is_object[s->depth / 64] &= ~bit;
	s->depth++;
	s->state = object ? AT_FIRST_KEY : AT_FIRST_VALUE;
	return p + 1;
}

static const char *close_at(struct pk_json_scan *s, const char *p)
{
	bool object = *p == '}';

	if (!s->depth || top_is_object(s) != object ||
	    (s->state != AT_NEXT &&
	     s->state != (object ? AT_FIRST_KEY : AT_FIRST_VALUE)))
		return damage(s, p);
	s->depth--;
	end(s, p + 1);
	return p + 1;
}

static const char *quote_at(struct pk_json_scan *s, const char *p)
{
	s->in_key = s->state == AT_KEY || s->state == AT_FIRST_KEY;
	if (!s->in_key && !wants_value(s))
		return damage(s, p);
	if (s->in_key)
		s->key_len = 0;
	else
		begin(s, PK_JSON_SCALAR, p);
	s->state = IN_STRING;
	return p + 1;
}

static const char *comma_at(struct pk_json_scan *s, const char *p)
{
	if (s->state != AT_NEXT)
		return damage(s, p);
	s->state = top_is_object(s) ? AT_KEY : AT_VALUE;
	/* An element's key is none. */
	if (s->state == AT_VALUE)
		s->key_len = 0;
	return p + 1;
}

static const char *space_at(struct pk_json_scan *s, const char *p,
			    const char *e)
{
	for (; p < e; p++) {
		if (*p == '\n') {
			next_line(s, p + 1);
		} else if (*p == ' ' || *p == '\t' || *p == '\r') {
			s->bol = false;
		} else {
			break;
		}
	}
	return p;
}

static const char *structure(struct pk_json_scan *s, const char *p)
{
	switch (*p) {
	case '{':
	case '[':
		return open_at(s, p);
	case '}':
	case ']':
		return close_at(s, p);
	case '"':
		return quote_at(s, p);
	case ',':
		return comma_at(s, p);
	case ':':
		if (s->state != AT_COLON)
			return damage(s, p);
		s->state = AT_VALUE;
		return p + 1;
	default:
		if (!pk_json_is_scalar((unsigned char)*p) || !wants_value(s))
			return damage(s, p);
		begin(s, PK_JSON_SCALAR, p);
		s->state = IN_SCALAR;
		return p + 1;
	}
}

static void add_key(struct pk_json_scan *s, const char *p, size_t len)
{
	if (!s->in_key || s->depth != s->walks || !len)
		return;
	if (s->key_len + len > PK_JSON_KEY_MAX) {
		if (s->key_len < PK_JSON_KEY_MAX)
			memcpy(s->key + s->key_len, p,
			       PK_JSON_KEY_MAX - s->key_len);
		s->key_len = PK_JSON_KEY_MAX + 1;
		return;
	}
	memcpy(s->key + s->key_len, p, len);
	s->key_len += (unsigned)len;
}

static const char *string(struct pk_json_scan *s, const char *p, const char *e)
{
	const char *from = p;

	while (p < e && !pk_json_ends_run((unsigned char)*p))
		p++;
	add_key(s, from, (size_t)(p - from));
	if (p == e)
		return p;
	if (*p == '"') {
		s->state = AT_COLON;
		if (!s->in_key)
			end(s, p + 1);
		return p + 1;
	}
	if (*p != '\\')
		return damage(s, p);
	add_key(s, p, 1);
	s->state = IN_ESCAPE;
	return p + 1;
}

static const char *escape(struct pk_json_scan *s, const char *p)
{
	if ((unsigned char)*p < ' ')
		return damage(s, p);
	add_key(s, p, 1);
	s->state = IN_STRING;
	return p + 1;
}

static const char *scalar(struct pk_json_scan *s, const char *p, const char *e)
{
	while (p < e && pk_json_is_scalar((unsigned char)*p))
		p++;
	if (p < e)
		end(s, p);
	return p;
}

void pk_json_scan_push(struct pk_json_scan *s, const void *bytes, size_t len)
{
	const char *p = bytes, *e = p + len;

	s->piece = p;
	if (s->maybe || (s->mode >= MODE_CONTEXT && !s->too_long) ||
	    s->state == IN_DAMAGED)
		s->mark = p;
	while (p < e && !s->dead && !s->held.failed) {
		switch (s->state) {
		case IN_STRING:
			p = string(s, p, e);
			break;
		case IN_ESCAPE:
			p = escape(s, p);
			break;
		case IN_SCALAR:
			p = scalar(s, p, e);
			break;
		case IN_DAMAGED:
			p = rest(s, p, e);
			break;
		case AT_RESYNC:
			p = resync(s, p, e);
			break;
		default:
			p = space_at(s, p, e);
			if (p == e)
				break;
			p = structure(s, p);
			s->bol = s->bol && s->state == AT_RESYNC;
		}
	}
	if (!s->dead)
		sync_to(s, e);
	s->mark = NULL;
	s->before += len;
	if (s->held.failed && !s->dead)
		broken(s, "no memory is left", s->line, 0);
}

void pk_json_scan_finish(struct pk_json_scan *s)
{
	uint64_t line = s->walks ? s->walk[0].line : s->value.line;
	uint32_t column = s->walks ? s->walk[0].column : s->value.column;

	if (s->dead)
		return;
	if (s->state == IN_DAMAGED)
		end_damaged(s);
	if (s->depth)
		broken(s, "it ends in the middle of a value", line, column);
	else if (s->malformed && !s->good)
		broken(s, "this is no JSON", 1, 1);
}
