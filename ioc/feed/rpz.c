/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rpz: a DNS response policy zone (draft-vixie-dnsop-dns-rpz) in master file
 * format (RFC 1035 section 5): $ORIGIN, $TTL, @, parentheses, comments in ";".
 * The owner below the zone's name is the trigger:
 *
 *	bad.example		the name alone
 *	*.bad.example		what is below it
 *	24.0.2.0.192.rpz-ip	a prefix in answers, its length first
 *
 * CNAME rpz-passthru. is an exception; any other data means that the trigger is
 * listed. Triggers on clients and name servers are skipped; what belongs to the
 * zone itself (SOA, NS, directives, lines inside parentheses) counts as header.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ioc/feed/line.h"
#include "ioc/feed/reader.h"

enum {
	NAME_TEXT = 256,
	JOINED = 4096, /* bytes of a record in parentheses */
};

struct rpz {
	char origin[NAME_TEXT]; /* without the dot at the end; "": none */
	char zone[NAME_TEXT];	/* whose SOA it is, or the first origin */
	char owner[NAME_TEXT];	/* the last trigger; "" is the zone itself */
	bool zone_known;	/* from a SOA */
	bool outside;		/* the last owner was not below the zone */
	bool open;		/* inside parentheses */
	size_t used;
	char joined[JOINED + 1];
};

static int begin(void **state, struct pk_reader *r)
{
	(void)r;
	*state = calloc(1, sizeof(struct rpz));
	return *state ? 0 : -ENOMEM;
}

/*
 * Cut the comment off and turn parentheses into blanks, outside of quotes.
 * Returns whether they are open at the end; *@len is the new length.
 */
static bool strip(char *text, size_t *len, bool open)
{
	bool quoted = false;

	for (size_t i = 0; i < *len; i++) {
		if (text[i] == '"')
			quoted = !quoted;
		else if (text[i] == '\\' && i + 1 < *len)
			i++;
		else if (quoted)
			continue;
		else if (text[i] == ';')
			*len = i;
		else if (text[i] == '(' || text[i] == ')') {
			open = text[i] == '(';
			text[i] = ' ';
		}
	}
	return open;
}

/* Copy a name in lower case without the dot at its end. */
static bool set_name(char to[NAME_TEXT], const char *text, size_t len)
{
	if (len && text[len - 1] == '.')
		len--;
	if (len >= NAME_TEXT)
		return false;
	for (size_t i = 0; i < len; i++)
		to[i] = text[i] >= 'A' && text[i] <= 'Z'
				? (char)(text[i] | 0x20)
				: text[i];
	to[len] = 0;
	return true;
}

/* Complete a relative name with the origin. */
static bool qualify(const struct rpz *z, char to[NAME_TEXT],
		    struct pk_word name)
{
	size_t n;

	if (pk_word_is(name, "@"))
		return set_name(to, z->origin, strlen(z->origin));
	if (!set_name(to, name.text, name.len))
		return false;
	if (name.text[name.len - 1] == '.' || !z->origin[0])
		return true;
	n = strlen(to);
	if (n + 1 + strlen(z->origin) >= NAME_TEXT)
		return false;
	to[n] = '.';
	strcpy(to + n + 1, z->origin);
	return true;
}

/* Cut the zone's name off. False: @name is not below it. */
static bool below_zone(const struct rpz *z, char name[NAME_TEXT])
{
	size_t n = strlen(name), zone = strlen(z->zone);

	if (!zone)
		return true;
	if (n < zone || strcmp(name + n - zone, z->zone) != 0)
		return false;
	if (n == zone)
		name[0] = 0;
	else if (name[n - zone - 1] == '.')
		name[n - zone - 1] = 0;
	else
		return false;
	return true;
}

/* Is the word a TTL or a class, which stand in front of the type? */
static bool is_ttl_or_class(struct pk_word word)
{
	if (pk_word_is(word, "IN") || pk_word_is(word, "CH") ||
	    pk_word_is(word, "HS"))
		return true;
	if (!word.len || *word.text < '0' || *word.text > '9')
		return false;
	for (size_t i = 0; i < word.len; i++)
		if (!strchr("0123456789smhdwSMHDW", word.text[i]))
			return false;
	return true;
}

/* Types that say something of the zone and not of a trigger. */
static bool is_of_zone(struct pk_word type)
{
	static const char *const types[] = { "SOA",   "NS",	"DNSKEY",
					     "RRSIG", "NSEC",	"NSEC3",
					     "DS",    "CAA",	"NSEC3PARAM",
					     "CDS",   "ZONEMD", "CDNSKEY" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (pk_word_is(type, types[i]))
			return true;
	return false;
}

static bool ends_with(const char *text, const char *with)
{
	size_t n = strlen(text), m = strlen(with);

	return n >= m && !strcmp(text + n - m, with) &&
	       (n == m || text[n - m - 1] == '.');
}

/* Triggers that no packet or message shows. */
static bool is_elsewhere(const char *trigger)
{
	return ends_with(trigger, "rpz-client-ip") ||
	       ends_with(trigger, "rpz-nsdname") ||
	       ends_with(trigger, "rpz-nsip");
}

/*
 * "24.0.2.0.192" to "192.0.2.0/24", "48.zz.db8.2001" to "2001:db8::/48".
 * 0 when it is nothing of the kind.
 */
static size_t turn_round(const char *labels, char out[NAME_TEXT + 8])
{
	const char *parts[12];
	unsigned n = 0;
	const char *p = labels, *end = labels + strlen(labels), *dot;
	char mark;
	size_t len = 0;

	for (; n < 10 && p <= end; p = dot + 1) {
		dot = strchr(p, '.');
		dot = dot ? dot : end;
		parts[n++] = p;
	}
	if (n < 3 || p <= end)
		return 0;
	parts[n] = end + 1;
	mark = n == 5 && !strstr(labels, "zz") ? '.' : ':';
	for (unsigned i = n - 1; i; i--) {
		size_t part = (size_t)(parts[i + 1] - 1 - parts[i]);
		bool gap = part == 2 && !memcmp(parts[i], "zz", 2);

		/* Two colons and no more: at an end it stands alone. */
		if (gap && (i == n - 1 || i == 1))
			out[len++] = ':';
		if (!gap)
			memcpy(out + len, parts[i], part);
		len += gap ? 0 : part;
		if (i > 1 || gap)
			out[len++] = mark;
	}
	if (len > 2 && !memcmp(out + len - 3, ":::", 3))
		len--;
	out[len++] = '/';
	memcpy(out + len, labels, (size_t)(parts[1] - 1 - labels));
	return len + (size_t)(parts[1] - 1 - labels);
}

static enum pk_refused parse_trigger(struct pk_indicator *ind, char *trigger)
{
	char text[NAME_TEXT + 8];
	enum pk_refused why;
	size_t len;

	if (ends_with(trigger, "rpz-ip")) {
		len = strlen(trigger);
		if (len < 8)
			return PK_REFUSED_ADDRESS;
		trigger[len - 7] = 0;
		len = turn_round(trigger, text);
		return len ? pk_indicator_parse_addr(ind, text, len)
			   : PK_REFUSED_ADDRESS;
	}
	why = pk_indicator_parse_name(ind, trigger, strlen(trigger));
	if (!why && *trigger != '*')
		ind->match = PK_MATCH_EXACT;
	return why;
}

static bool is_passthru(struct pk_word type, struct pk_word target,
			const char *trigger)
{
	if (!pk_word_is(type, "CNAME") || !target.len)
		return false;
	if (target.text[target.len - 1] == '.')
		target.len--;
	/* To itself: the old way of saying it. */
	return pk_word_is(target, "rpz-passthru") ||
	       (target.len && pk_word_is(target, trigger));
}

static enum pk_outcome take_trigger(struct rpz *z, struct pk_reader *r,
				    struct pk_word type, struct pk_word target)
{
	struct pk_indicator *ind = pk_reader_fresh(r);
	char trigger[NAME_TEXT];
	enum pk_refused why;

	if (is_elsewhere(z->owner)) {
		pk_reader_skip(r, PK_SKIP_NOT_INDICATOR);
		return PK_OUTCOME_SKIPPED;
	}
	strcpy(trigger, z->owner);
	why = parse_trigger(ind, trigger);
	if (why) {
		pk_reader_refuse(r, why, 1, z->owner, strlen(z->owner));
		return PK_OUTCOME_REFUSED;
	}
	if (is_passthru(type, target, z->owner)) {
		pk_reader_allow(r, ind);
		return PK_OUTCOME_SKIPPED;
	}
	pk_reader_add(r, ind, z->owner, strlen(z->owner));
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome refuse(struct pk_reader *r, struct pk_word word)
{
	pk_reader_refuse(r, PK_REFUSED_SYNTAX, 0, word.text, word.len);
	return PK_OUTCOME_REFUSED;
}

static enum pk_outcome take_directive(struct rpz *z, struct pk_reader *r,
				      struct pk_words *w)
{
	struct pk_word name = pk_next_word(w), value = pk_next_word(w);

	if (!pk_word_is(name, "$ORIGIN"))
		return pk_word_is(name, "$TTL") ? PK_OUTCOME_HEADER
						: refuse(r, name);
	if (!value.len || !set_name(z->origin, value.text, value.len))
		return refuse(r, value.len ? value : name);
	if (!z->zone_known && !z->zone[0])
		strcpy(z->zone, z->origin);
	return PK_OUTCOME_HEADER;
}

/* The owner at the line's beginning; a blank there means the one before. */
static bool take_owner(struct rpz *z, struct pk_words *w, bool is_new,
		       struct pk_word *owner)
{
	char name[NAME_TEXT];

	*owner = (struct pk_word){ w->at, 0 };
	if (!is_new)
		return !z->outside;
	*owner = pk_next_word(w);
	if (!qualify(z, name, *owner))
		return false;
	strcpy(z->owner, name);
	return true;
}

/* One whole record, comments and parentheses gone. */
static enum pk_outcome take(struct rpz *z, struct pk_reader *r, char *text,
			    size_t len)
{
	struct pk_words w = pk_words(text, len);
	struct pk_word owner, type;
	bool is_new = !pk_is_blank(*text);

	if (*text == '$')
		return take_directive(z, r, &w);
	pk_skip_blanks(&w);
	if (!take_owner(z, &w, is_new, &owner))
		return refuse(r, owner);
	do
		type = pk_next_word(&w);
	while (is_ttl_or_class(type));
	if (pk_word_is(type, "SOA") && is_new && !z->zone_known) {
		strcpy(z->zone, z->owner);
		z->zone_known = true;
	}
	if (is_new) {
		z->outside = !below_zone(z, z->owner);
		if (z->outside)
			return refuse(r, owner);
	}
	if (!type.len)
		return refuse(r, owner);
	if (is_of_zone(type) || !z->owner[0])
		return PK_OUTCOME_HEADER;
	return take_trigger(z, r, type, pk_next_word(&w));
}

static void join(struct rpz *z, const char *text, size_t len)
{
	if (len > JOINED - z->used)
		z->used = JOINED; /* too much: what comes out is refused */
	else
		memcpy(z->joined + z->used, text, len);
	z->used += z->used < JOINED ? len : 0;
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct rpz *z = state;
	bool was_open = z->open;
	struct pk_word all = pk_trim(text, len);

	if (!was_open && *all.text == ';')
		return PK_OUTCOME_COMMENT;
	z->open = strip(text, &len, was_open);
	if (!was_open && !z->open)
		return take(z, r, text, len);
	if (!was_open)
		z->used = 0;
	join(z, text, len);
	join(z, " ", 1);
	if (z->open)
		return PK_OUTCOME_HEADER;
	if (z->used == JOINED)
		return refuse(r, all);
	z->joined[z->used] = 0;
	return take(z, r, z->joined, z->used);
}

static void finish(void *state, struct pk_reader *r)
{
	const struct rpz *z = state;

	if (z->open)
		pk_reader_break(r, "ends inside parentheses");
}

static int like(const char *line, size_t len)
{
	struct pk_words w = pk_words(line, len);
	struct pk_word word = pk_next_word(&w);

	if (*line == '$' || pk_word_is(word, "@"))
		return 1;
	do
		word = pk_next_word(&w);
	while (is_ttl_or_class(word));
	return pk_word_is(word, "CNAME") || is_of_zone(word);
}

static int guess(const char *head, size_t len)
{
	return pk_reader_share(head, len, like) * 96 / 100;
}

const struct pk_reader_kind pk_reader_rpz = {
	.format = PK_FEED_RPZ,
	.cut = PK_CUT_LINES,
	.guess = guess,
	.begin = begin,
	.end = free,
	.record = record,
	.finish = finish,
};
