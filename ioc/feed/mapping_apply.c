/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/mapping_apply.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ioc/feed/mapping_inside.h"
#include "ioc/feed/tags.h"

enum {
	WORD_MAX = 64,	  /* bytes of a type, a severity, a number */
	ADDRESS_MAX = 64, /* of an address that something is joined to */
	JOINED_MAX = 2 * ADDRESS_MAX + 8,
};

struct apply {
	const struct pk_mapping *m;
	const struct pk_mapping_row *row;
	struct pk_reader *r;
	struct pk_indicator *ind;
};

/* What a record says of a field: our word, or theirs, or nothing. */
struct said {
	const struct pk_mapping_ours *ours; /* or NULL */
	const char *text;		    /* ours or theirs; NULL: nothing */
	size_t len;
};

static const char *raw_cell(const struct apply *a, unsigned column, size_t *len)
{
	const char *text = a->row->get(a->row->row, column, len);

	return text ? pk_mapping_trim(text, len) : NULL;
}

static const char *cell(const struct apply *a, int column, size_t *len)
{
	const char *text =
		column < 0 ? NULL : raw_cell(a, (unsigned)column, len);

	return text && !pk_mapping_is_null(a->m, text, *len) ? text : NULL;
}

static const struct pk_mapping_ours *find_word(const struct pk_mapping_field *f,
					       const char *text, size_t len)
{
	for (unsigned i = 0; i < f->words; i++)
		if (strlen(f->word[i].theirs) == len &&
		    !strncasecmp(f->word[i].theirs, text, len))
			return &f->word[i].ours;
	return NULL;
}

static struct said ask(const struct apply *a, enum pk_mapping_field_name field)
{
	const struct pk_mapping_field *f = &a->m->field[field];
	struct said s = { NULL, NULL, 0 };

	if (f->fixed.text) {
		s.ours = &f->fixed;
	} else {
		s.text = cell(a, f->column, &s.len);
		if (s.text)
			s.ours = find_word(f, s.text, s.len);
		if (!s.ours && f->otherwise.text && (!s.text || f->words))
			s.ours = &f->otherwise;
	}
	if (s.ours) {
		s.text = s.ours->text;
		s.len = strlen(s.text);
	}
	return s;
}

/* A copy with a NUL; "" for what is too long to be a word. */
static const char *word_of(const struct said *s, char word[WORD_MAX])
{
	size_t len = s->len < WORD_MAX ? s->len : 0;

	memcpy(word, s->text, len);
	word[len] = 0;
	return word;
}

static void place(const struct apply *a, enum pk_mapping_field_name field)
{
	int column = a->m->field[field].column;

	if (column < 0)
		return;
	pk_reader_at(a->r,
		     a->row->place
			     ? a->row->place(a->row->row, (unsigned)column)
			     : 0,
		     a->m->names[column][0]);
}

static int refuse(const struct apply *a, enum pk_mapping_field_name field,
		  enum pk_refused why, const struct said *s)
{
	place(a, field);
	pk_reader_refuse(a->r, why, 0, s->text ? s->text : "", s->len);
	return -1;
}

/* --- filters -------------------------------------------------------------- */

static bool is_listed(const struct pk_mapping_filter *f, const char *text,
		      size_t len)
{
	for (unsigned i = 0; i < f->words.n; i++) {
		size_t n = strlen(f->words.text[i]);

		if ((f->kind == PK_MAPPING_STARTS ? n <= len : n == len) &&
		    !strncasecmp(f->words.text[i], text, n))
			return true;
	}
	return false;
}

static bool is_kept(const struct apply *a, const struct pk_mapping_filter *f)
{
	size_t len = 0;
	const char *text = raw_cell(a, f->column, &len);

	return !text || is_listed(f, text, len) == (f->kind == PK_MAPPING_ONLY);
}

/* The operator wants everything; what is no indicator stays none. */
static bool is_wanted(const struct apply *a, int as)
{
	return pk_reader_options(a->r)->everything && as >= 0 &&
	       as != PK_SKIP_HOST_ONLY && as != PK_SKIP_NOT_INDICATOR;
}

/* PK_OUTCOME_VALUES: it passes. */
static enum pk_outcome filter(const struct apply *a)
{
	for (unsigned i = 0; i < a->m->filters; i++) {
		const struct pk_mapping_filter *f = &a->m->filter[i];

		if (is_wanted(a, f->as) || is_kept(a, f))
			continue;
		if (f->as == PK_MAPPING_COMMENT)
			return PK_OUTCOME_COMMENT;
		pk_reader_skip(a->r, (enum pk_skip)f->as);
		return PK_OUTCOME_SKIPPED;
	}
	return PK_OUTCOME_VALUES;
}

/* --- what is said of the value: 0, or -1 and refused ---------------------- */

static int read_texts(const struct apply *a)
{
	struct pk_meta *meta = &a->ind->meta;
	struct said id = ask(a, PK_MAPPING_ID);
	struct said threat = ask(a, PK_MAPPING_THREAT_TYPE);
	struct said tags = ask(a, PK_MAPPING_TAGS);
	struct said who = ask(a, PK_MAPPING_ATTRIBUTION);

	if (id.len > PK_ID_MAX)
		return refuse(a, PK_MAPPING_ID, PK_REFUSED_ID_LONG, &id);
	if (threat.len > PK_THREAT_TYPE_MAX)
		return refuse(a, PK_MAPPING_THREAT_TYPE, PK_REFUSED_THREAT_TYPE,
			      &threat);
	if (id.text)
		meta->id = pk_reader_keep(a->r, id.text, id.len, PK_ID_MAX);
	if (threat.text)
		meta->threat_type = pk_reader_keep(
			a->r, threat.text, threat.len, PK_THREAT_TYPE_MAX);
	if (tags.text)
		meta->tags = pk_reader_keep(a->r, tags.text,
					    pk_tags_cut(tags.text, tags.len),
					    PK_TAGS_MAX);
	if (who.text)
		meta->attribution = pk_reader_keep(a->r, who.text, who.len,
						   PK_ATTRIBUTION_MAX);
	return 0;
}

/* A class that says nothing gives way to the operator's. */
static void read_class(const struct apply *a)
{
	struct said s = ask(a, PK_MAPPING_CLASS);
	struct pk_meta *meta = &a->ind->meta;
	char word[WORD_MAX];
	int class;

	if (s.ours)
		class = s.ours->number;
	else if (s.text)
		class = (int)pk_threat_class_guess(word_of(&s, word));
	else if (ask(a, PK_MAPPING_THREAT_TYPE).text)
		class = (int)pk_threat_class_guess(meta->threat_type);
	else
		return;
	if (class == PK_CLASS_NONE ||
	    (class == PK_CLASS_OTHER && meta->threat_class && !s.ours))
		return;
	meta->threat_class = (uint8_t) class;
}

/* "75" or "0.75" in thousandths, or -1. */
static int64_t parse_milli(const char *text)
{
	static const char digits[] = "0123456789";
	size_t whole = strspn(text, digits), part = 0;
	int64_t n = 0;

	if (text[whole] == '.')
		part = strspn(text + whole + 1, digits) + 1;
	if (!whole || whole > 9 || text[whole + part])
		return -1;
	for (size_t i = 0; i < whole; i++)
		n = n * 10 + (text[i] - '0');
	for (size_t i = 1; i < 4; i++)
		n = n * 10 + (i < part ? text[whole + i] - '0' : 0);
	return n;
}

static int read_confidence(const struct apply *a)
{
	const struct pk_mapping_field *f = &a->m->field[PK_MAPPING_CONFIDENCE];
	struct said s = ask(a, PK_MAPPING_CONFIDENCE);
	char word[WORD_MAX];
	int64_t milli;

	if (!s.text)
		return 0;
	if (s.ours) {
		a->ind->meta.confidence = (uint8_t)s.ours->number;
		return 0;
	}
	milli = parse_milli(word_of(&s, word));
	if (milli < 0 || milli > (int64_t)f->max * 1000)
		return refuse(a, PK_MAPPING_CONFIDENCE, PK_REFUSED_SCORE, &s);
	a->ind->meta.confidence = (uint8_t)(milli / 10 / f->max);
	return 0;
}

/* The number of a word by one of the find functions; or -1. */
static int number_of(const struct said *s, int (*find)(const char *word))
{
	char word[WORD_MAX];

	if (!s->text)
		return -1;
	return s->ours ? s->ours->number : find(word_of(s, word));
}

static int read_grades(const struct apply *a)
{
	struct pk_meta *meta = &a->ind->meta;
	struct said severity = ask(a, PK_MAPPING_SEVERITY);
	struct said tlp = ask(a, PK_MAPPING_TLP);
	struct said match = ask(a, PK_MAPPING_MATCH);
	int n = number_of(&severity, pk_severity_find);
	uint8_t cap = a->m->severity_cap;

	if (n > 0)
		meta->severity = (uint8_t)n;
	if (cap && (!meta->severity || meta->severity > cap))
		meta->severity = cap;
	n = number_of(&tlp, pk_tlp_find);
	if (n > 0)
		meta->tlp = (uint8_t)n;
	n = number_of(&match, pk_match_find);
	if (match.text && n < 0)
		return refuse(a, PK_MAPPING_MATCH, PK_REFUSED_SYNTAX, &match);
	if (match.text)
		a->ind->match = (uint8_t)n;
	return 0;
}

static int read_action(const struct apply *a)
{
	struct said action = ask(a, PK_MAPPING_ACTION);
	int n = number_of(&action, pk_action_find);

	if (action.text && n < 0)
		return refuse(a, PK_MAPPING_ACTION, PK_REFUSED_SYNTAX, &action);
	if (action.text)
		a->ind->meta.action = (uint8_t)n;
	return 0;
}

struct unit {
	const char *word;
	int64_t sec;
};

/* The unit that a text begins with; "" at its end, NULL for any other. */
static const struct unit *find_unit(const char *text)
{
	static const struct unit units[] = {
		{ "ms", 0 }, { "us", 0 },   { "ns", 0 },    { "s", 1 },
		{ "m", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 604800 },
	};
	static const struct unit none = { "", 1 };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strncmp(text, units[i].word, strlen(units[i].word)))
			return &units[i];
	return *text ? NULL : &none;
}

/* Seconds of "4h", "1h30m", "3h59m12.5s", "7d" or "3600"; negative: over. */
static int parse_duration(const char *text, int64_t *sec)
{
	int64_t sum = 0, sign = *text == '-' ? -1 : 1;

	text += sign < 0;
	do {
		size_t digits = strspn(text, "0123456789.");
		const struct unit *unit = find_unit(text + digits);
		char number[16];
		int64_t milli;

		if (!unit || digits >= sizeof(number))
			return -1;
		memcpy(number, text, digits);
		number[digits] = 0;
		milli = parse_milli(number);
		if (milli < 0)
			return -1;
		sum += milli * unit->sec / 1000;
		text += digits + strlen(unit->word);
	} while (*text);
	*sec = sign * sum;
	return 0;
}

static int read_duration(const struct apply *a)
{
	struct said s = ask(a, PK_MAPPING_DURATION);
	int64_t now = pk_reader_options(a->r)->now, sec;
	char word[WORD_MAX];

	if (!s.text)
		return 0;
	if (!*word_of(&s, word) || parse_duration(word, &sec))
		return refuse(a, PK_MAPPING_DURATION, PK_REFUSED_TIME, &s);
	/* 0 would be "not said". */
	sec = now + sec < 1 ? 1 : now + sec;
	a->ind->meta.valid_until =
		sec > UINT32_MAX ? UINT32_MAX : (uint32_t)sec;
	return 0;
}

/* One that bounds validity must be a time; one that informs may be none. */
static int read_time(const struct apply *a, enum pk_mapping_field_name field,
		     uint32_t *out, bool strict)
{
	struct said s = ask(a, field);
	uint32_t sec;

	if (!s.text)
		return 0;
	sec = field == PK_MAPPING_VALID_UNTIL ? pk_reader_until(s.text, s.len)
					      : pk_reader_time(s.text, s.len);
	if (sec)
		*out = sec;
	return sec || !strict ? 0 : refuse(a, field, PK_REFUSED_TIME, &s);
}

static int read_times(const struct apply *a)
{
	struct pk_meta *meta = &a->ind->meta;
	int err = read_time(a, PK_MAPPING_FIRST_SEEN, &meta->first_seen, false);

	if (!err)
		err = read_time(a, PK_MAPPING_LAST_SEEN, &meta->last_seen,
				false);
	if (!err)
		err = read_time(a, PK_MAPPING_VALID_FROM, &meta->valid_from,
				true);
	if (!err)
		err = read_time(a, PK_MAPPING_VALID_UNTIL, &meta->valid_until,
				true);
	return err ? err : read_duration(a);
}

/* --- the value ------------------------------------------------------------ */

/* *@type gets its type, PK_MAPPING_GUESS or PK_MAPPING_SKIP. */
static int read_type(const struct apply *a, int *type)
{
	struct said s = ask(a, PK_MAPPING_TYPE);

	*type = PK_MAPPING_GUESS;
	if (!s.text)
		return 0;
	*type = number_of(&s, pk_indicator_type_find);
	return s.ours || *type >= 0
		       ? 0
		       : refuse(a, PK_MAPPING_TYPE, PK_REFUSED_TYPE, &s);
}

/* The length of a prefix: "24" or "255.255.255.0"; or -1. */
static int parse_bits(const char *text)
{
	union pk_addr mask;
	uint32_t hosts;

	if (!text[strspn(text, "0123456789")])
		return strlen(text) > 3 ? -1 : (int)(parse_milli(text) / 1000);
	if (!strchr(text, '.') || pk_addr_parse(&mask, text))
		return -1;
	hosts = ~be32toh(mask.w[3]);
	return hosts & (hosts + 1) ? -1 : 32 - __builtin_popcount(hosts);
}

/* A port from 0 (not said) to 65535; or -1. */
static int parse_port(const char *text)
{
	int64_t milli = parse_milli(text);

	return milli < 0 || milli % 1000 || milli > 65535000
		       ? -1
		       : (int)(milli / 1000);
}

static bool is_address(const struct said *value)
{
	union pk_addr addr;
	char word[WORD_MAX];

	return !pk_addr_parse(&addr, word_of(value, word));
}

static void give(const struct apply *a, int type, const char *text, size_t len)
{
	place(a, PK_MAPPING_VALUE);
	pk_reader_add_text(a->r, a->ind, type, text, len);
}

static int give_bits(const struct apply *a, const struct said *value,
		     const struct said *bits)
{
	char joined[JOINED_MAX], word[WORD_MAX];
	int n = parse_bits(word_of(bits, word));

	if (n < 0 || !*word)
		return refuse(a, PK_MAPPING_BITS, PK_REFUSED_PREFIX, bits);
	n = snprintf(joined, sizeof(joined), "%.*s/%d", (int)value->len,
		     value->text, n);
	give(a, PK_INDICATOR_IPV4_NET, joined, (size_t)n);
	return 0;
}

static int give_range(const struct apply *a, const struct said *value,
		      const struct said *end)
{
	char joined[JOINED_MAX];
	int n;

	if (end->len > ADDRESS_MAX)
		return refuse(a, PK_MAPPING_END, PK_REFUSED_ADDRESS, end);
	n = snprintf(joined, sizeof(joined), "%.*s-%.*s", (int)value->len,
		     value->text, (int)end->len, end->text);
	give(a, PK_INDICATOR_IPV4_NET, joined, (size_t)n);
	return 0;
}

static int give_port(const struct apply *a, const struct said *value,
		     const struct said *port)
{
	bool six = memchr(value->text, ':', value->len) != NULL;
	char joined[JOINED_MAX], word[WORD_MAX];
	int n = parse_port(word_of(port, word));

	if (n < 0)
		return refuse(a, PK_MAPPING_PORT, PK_REFUSED_PORT, port);
	if (!n) {
		give(a, PK_INDICATOR_IPV4, value->text, value->len);
		return 0;
	}
	n = snprintf(joined, sizeof(joined), "%s%.*s%s:%d", six ? "[" : "",
		     (int)value->len, value->text, six ? "]" : "", n);
	give(a, PK_INDICATOR_IP_PORT, joined, (size_t)n);
	return 0;
}

/* Is the value an address that a port, a length or an end can join? */
static bool is_joinable(const struct said *value, int type)
{
	if (value->len > ADDRESS_MAX)
		return false;
	return type == PK_INDICATOR_IPV4 || type == PK_INDICATOR_IPV6 ||
	       type == PK_INDICATOR_IPV4_NET || type == PK_INDICATOR_IPV6_NET ||
	       (type == PK_MAPPING_GUESS && is_address(value));
}

static int give_value(const struct apply *a, int type)
{
	struct said value = ask(a, PK_MAPPING_VALUE);
	struct said bits = ask(a, PK_MAPPING_BITS);
	struct said end = ask(a, PK_MAPPING_END);
	struct said port = ask(a, PK_MAPPING_PORT);

	if (!value.text)
		return refuse(a, PK_MAPPING_VALUE, PK_REFUSED_EMPTY, &value);
	if (is_joinable(&value, type)) {
		if (bits.text)
			return give_bits(a, &value, &bits);
		if (end.text)
			return give_range(a, &value, &end);
		if (port.text && a->m->join_port)
			return give_port(a, &value, &port);
	}
	give(a, type, value.text, value.len);
	return 0;
}

enum pk_outcome pk_mapping_apply(const struct pk_mapping *m,
				 const struct pk_mapping_row *row,
				 struct pk_reader *r)
{
	struct apply a = { m, row, r, NULL };
	enum pk_outcome outcome = filter(&a);
	int type;

	if (outcome != PK_OUTCOME_VALUES)
		return outcome;
	if (read_type(&a, &type))
		return PK_OUTCOME_REFUSED;
	if (type == PK_MAPPING_SKIP) {
		pk_reader_skip(r, PK_SKIP_HOST_ONLY);
		return PK_OUTCOME_SKIPPED;
	}
	a.ind = pk_reader_fresh(r);
	if (read_texts(&a) || read_confidence(&a) || read_grades(&a) ||
	    read_action(&a) || read_times(&a))
		return PK_OUTCOME_REFUSED;
	read_class(&a);
	return give_value(&a, type) ? PK_OUTCOME_REFUSED : PK_OUTCOME_VALUES;
}
