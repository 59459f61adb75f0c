/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "ioc/name.h"
#include "ioc/guard/safelist_inside.h"

enum { RECORD_HEAD = 3, LINE_MAX_BYTES = 4096 };

#define WORD(name, word) word,
static const char *const type_words[] = { PK_SAFELIST_TYPES(WORD) };
#undef WORD

const char *pk_safelist_type_word(enum pk_safelist_type type)
{
	return (unsigned)type < PK_SAFELIST_TYPE_COUNT ? type_words[type] : "?";
}

static bool good_name(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > PK_SAFELIST_NAME_MAX)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	return true;
}

int pk_safelist_draft_new(struct pk_safelist_draft **out, const char *name,
			  uint64_t seed)
{
	struct pk_safelist_draft *d;

	if (!good_name(name))
		return -EINVAL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	strcpy(d->info.name, name);
	d->info.types = PK_SAFE_ALL_TYPES;
	d->seed = seed;
	d->refs = 1;
	*out = d;
	return 0;
}

void pk_safelist_draft_free(struct pk_safelist_draft *d)
{
	if (!d || atomic_fetch_sub(&d->refs, 1) > 1)
		return;
	free(d->nets);
	free(d->values);
	free(d->texts);
	free(d);
}

const struct pk_safelist_info *pk_safelist_draft_info(
	const struct pk_safelist_draft *d)
{
	return &d->info;
}

/* --- entries ------------------------------------------------------------- */

/* Room for @more elements behind @count of @size bytes. */
static int make_room(void **array, size_t *room, size_t count, size_t more,
		     size_t size)
{
	size_t want = *room ? *room : 64;
	void *grown;

	if (count + more <= *room)
		return 0;
	while (want < count + more)
		want += want / 2;
	grown = realloc(*array, want * size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = want;
	return 0;
}

static bool is_full(const struct pk_safelist_draft *d)
{
	return d->info.entries >= PK_SAFELIST_ENTRIES;
}

static int add_text(struct pk_safelist_draft *d, uint8_t type,
		    const uint8_t *bytes, unsigned len, uint32_t *out)
{
	void *texts = d->texts;
	int err;

	if (d->texts_len + RECORD_HEAD + len > PK_SAFE_TEXTS_MAX)
		return -EFBIG;
	err = make_room(&texts, &d->texts_room, d->texts_len, RECORD_HEAD + len,
			1);
	if (err)
		return err;
	d->texts = texts;
	*out = (uint32_t)d->texts_len;
	d->texts[d->texts_len++] = type;
	d->texts[d->texts_len++] = (uint8_t)len;
	d->texts[d->texts_len++] = (uint8_t)(len >> 8);
	memcpy(d->texts + d->texts_len, bytes, len);
	d->texts_len += len;
	return 0;
}

void pk_safe_record(const struct pk_safelist_draft *d, uint32_t text,
		    struct pk_safe_record *out)
{
	const uint8_t *p = d->texts + text;

	out->type = p[0];
	out->len = p[1] | (unsigned)p[2] << 8;
	out->bytes = p + RECORD_HEAD;
}

uint64_t pk_safe_hash(uint64_t seed, uint8_t type, const uint8_t *bytes,
		      unsigned len)
{
	return XXH3_64bits_withSeed(bytes, len, seed + type);
}

static int add_value(struct pk_safelist_draft *d, uint64_t hash, uint32_t text,
		     enum pk_safe_kind kind)
{
	void *values = d->values;

	if (make_room(&values, &d->values_room, d->values_count, 1,
		      sizeof(*d->values)))
		return -ENOMEM;
	d->values = values;
	d->values[d->values_count++] = (struct pk_safe_value){
		.hash = hash,
		.text = text,
		.kind = (uint16_t)kind,
	};
	return 0;
}

/* The name, and its ancestors: so a name that covers it is found too. */
static int add_name(struct pk_safelist_draft *d, const struct pk_indicator *ind)
{
	bool alone = ind->match == PK_MATCH_EXACT;
	struct pk_name_suffixes s;
	uint32_t text = 0;
	unsigned labels;
	int err;

	labels = pk_name_suffixes(&s, d->seed, ind->value);
	if (!labels)
		return 0; /* the root would make all names safe */
	err = add_text(d, PK_INDICATOR_DOMAIN, ind->value, ind->value_len,
		       &text);
	while (!err && pk_name_next(&s)) {
		enum pk_safe_kind kind = s.labels < labels ? PK_SAFE_ABOVE
					 : alone	   ? PK_SAFE_NAME
							   : PK_SAFE_HOST;
		err = add_value(d, s.hash, text, kind);
	}
	return err;
}

int pk_safe_add_net(struct pk_safelist_draft *d, const struct pk_net *net)
{
	void *nets = d->nets;

	if (is_full(d))
		return -EFBIG;
	if (make_room(&nets, &d->nets_room, d->nets_count, 1, sizeof(*net)))
		return -ENOMEM;
	d->nets = nets;
	d->nets[d->nets_count] = *net;
	d->nets[d->nets_count++].owner = 0;
	d->info.entries++;
	return 0;
}

int pk_safe_add_sub(struct pk_safelist_draft *d, const char *text, size_t len)
{
	int err;

	if (d->subs_count == PK_SAFELIST_SUBS_MAX)
		return -EFBIG;
	err = add_text(d, 0, (const uint8_t *)text, (unsigned)len,
		       &d->subs[d->subs_count]);
	if (err)
		return err;
	d->subs_count++;
	d->info.entries++;
	return 0;
}

int pk_safelist_draft_add(struct pk_safelist_draft *d,
			  const struct pk_indicator *ind)
{
	uint8_t small[PK_SMALL_VALUE];
	const uint8_t *bytes;
	struct pk_net net;
	uint32_t text;
	unsigned len;
	int err;

	if (is_full(d))
		return -EFBIG;
	d->ready = 0;
	if (ind->type != PK_INDICATOR_IP_PORT && !pk_net_of(&net, ind))
		return pk_safe_add_net(d, &net);
	if (ind->type == PK_INDICATOR_DOMAIN) {
		err = add_name(d, ind);
	} else {
		len = pk_indicator_bytes(ind, small, &bytes);
		err = add_text(d, ind->type, bytes, len, &text);
		if (!err)
			err = add_value(
				d, pk_safe_hash(d->seed, ind->type, bytes, len),
				text, PK_SAFE_VALUE);
	}
	if (!err)
		d->info.entries++;
	return err;
}

/* --- entries as text ------------------------------------------------------ */

void pk_safe_refuse(struct pk_safelist_draft *d, enum pk_refused why,
		    const char *text, size_t len, uint64_t place)
{
	char *out = d->info.refused_text;
	size_t n = sizeof(d->info.refused_text) - 1;

	if (d->info.refused++)
		return;
	d->info.refused_at = place;
	d->info.refused_why = why;
	for (; n && len; n--, len--, text++)
		*out++ = (char)(isprint((unsigned char)*text) ? *text : '?');
	*out = 0;
}

/* Types that a value's text alone does not tell. */
static const uint8_t untold[] = { PK_INDICATOR_JA3, PK_INDICATOR_JA4,
				  PK_INDICATOR_CERT, PK_INDICATOR_USER_AGENT };

/* A string list of a MISP that says which of those it is about. */
static enum pk_refused parse_string(const struct pk_safelist_draft *d,
				    struct pk_indicator *ind, const char *text,
				    size_t len)
{
	enum pk_refused why;

	for (unsigned i = 0; i < sizeof(untold); i++)
		if (d->info.types != PK_SAFE_ALL_TYPES &&
		    d->info.types & 1U << untold[i] &&
		    !pk_indicator_parse_as(ind, untold[i], text, len, NULL))
			return PK_REFUSED_NONE;
	why = pk_indicator_parse(ind, text, len);
	if (!why && ind->type == PK_INDICATOR_DOMAIN && *text != '.' &&
	    *text != '*')
		ind->match = PK_MATCH_EXACT;
	return why;
}

/* "user-agent:x" and the like; else as indicators are given. */
static enum pk_refused parse_mixed(struct pk_indicator *ind, const char *text,
				   size_t len)
{
	for (unsigned i = 0; i < sizeof(untold); i++) {
		const char *word = pk_indicator_type_word(untold[i]);
		size_t n = strlen(word);

		if (len > n && text[n] == ':' && !memcmp(text, word, n))
			return pk_indicator_parse_as(ind, untold[i],
						     text + n + 1, len - n - 1,
						     NULL);
	}
	return pk_indicator_parse(ind, text, len);
}

/* An address is one in a list of host names as well. */
static enum pk_refused parse_hostname(struct pk_indicator *ind,
				      const char *text, size_t len)
{
	enum pk_refused why;

	if (!pk_indicator_parse_addr(ind, text, len))
		return PK_REFUSED_NONE;
	for (; len && *text == '.'; text++)
		len--;
	why = pk_indicator_parse_name(ind, text, len);
	ind->match = PK_MATCH_SUBDOMAINS;
	return why;
}

static enum pk_refused parse_entry(struct pk_safelist_draft *d,
				   struct pk_indicator *ind, const char *text,
				   size_t len)
{
	switch (d->info.type) {
	case PK_SAFELIST_CIDR:
		return pk_indicator_parse_addr(ind, text, len);
	case PK_SAFELIST_HOSTNAME:
		return parse_hostname(ind, text, len);
	case PK_SAFELIST_STRING:
		return parse_string(d, ind, text, len);
	default:
		return parse_mixed(ind, text, len);
	}
}

static int take_sub(struct pk_safelist_draft *d, const char *text, size_t len,
		    uint64_t place)
{
	if (len >= PK_SAFELIST_SUB_MIN && len <= PK_VALUE_MAX)
		return pk_safe_add_sub(d, text, len);
	pk_safe_refuse(d, PK_REFUSED_UNSUPPORTED, text, len, place);
	return 0;
}

int pk_safe_take(struct pk_safelist_draft *d, const char *text, size_t len,
		 uint64_t place)
{
	struct pk_indicator ind;
	enum pk_refused why;

	if (d->info.type == PK_SAFELIST_SUBSTRING)
		return take_sub(d, text, len, place);
	if (d->info.type == PK_SAFELIST_MIXED && len && *text == '~')
		return take_sub(d, text + 1, len - 1, place);
	pk_indicator_init(&ind);
	why = parse_entry(d, &ind, text, len);
	if (!why && ind.type == PK_INDICATOR_DOMAIN && ind.value_len < 2)
		why = PK_REFUSED_EVERYTHING;
	if (!why)
		return pk_safelist_draft_add(d, &ind);
	pk_safe_refuse(d, why, text, len, place);
	return 0;
}

/* --- reading -------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int take_line(struct pk_safelist_draft *d, const char *line, size_t len,
		     uint64_t number)
{
	static const char agent[] = "user-agent:";
	size_t n;

	while (len && is_blank(line[len - 1]))
		len--;
	for (; len && is_blank(*line); line++)
		len--;
	if (!len || memchr("#;!", *line, 3) ||
	    (len > 1 && !memcmp(line, "//", 2)))
		return 0;
	if (len > LINE_MAX_BYTES) {
		pk_safe_refuse(d, PK_REFUSED_LINE_LONG, line, len, number);
		return 0;
	}
	for (n = 1; n < len; n++)
		if (is_blank(line[n - 1]) && (line[n] == '#' || line[n] == ';'))
			break;
	if (len > sizeof(agent) && !memcmp(line, agent, sizeof(agent) - 1))
		n = len; /* blanks and marks are its own */
	while (is_blank(line[n - 1]))
		n--;
	return pk_safe_take(d, line, n, number);
}

static int read_lines(struct pk_safelist_draft *d, const char *text, size_t len)
{
	const char *end = text + len;
	uint64_t number = 0;
	int err = 0;

	while (!err && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;

		err = take_line(d, text, (size_t)(stop - text), ++number);
		text = stop + 1;
	}
	return err;
}

static void say_limit(const struct pk_safelist_draft *d, int err, char *out)
{
	if (err == -EFBIG && d->subs_count == PK_SAFELIST_SUBS_MAX)
		snprintf(out, PK_SAFELIST_SENTENCE,
			 "safelist %s: more than %d substrings; give the names "
			 "that it means",
			 d->info.name, PK_SAFELIST_SUBS_MAX);
	else if (err == -EFBIG)
		snprintf(out, PK_SAFELIST_SENTENCE,
			 "safelist %s: more than %d entries or %d MiB; split "
			 "it",
			 d->info.name, PK_SAFELIST_ENTRIES,
			 PK_SAFELIST_TEXT_MAX >> 20);
	else if (err == -ENOMEM)
		snprintf(out, PK_SAFELIST_SENTENCE,
			 "safelist %s: out of memory", d->info.name);
}

int pk_safelist_draft_read(struct pk_safelist_draft *d, const char *text,
			   size_t len, char err[PK_SAFELIST_SENTENCE])
{
	size_t at = 0;
	int rc = -EFBIG;

	err[0] = 0;
	d->ready = 0;
	if (len <= PK_SAFELIST_TEXT_MAX) {
		if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
			at = 3;
		text += at;
		len -= at;
		for (at = 0; at < len && memchr(" \t\r\n", text[at], 4);)
			at++;
		rc = at < len && text[at] == '{'
			     ? pk_safe_read_json(d, text, len, err)
			     : read_lines(d, text, len);
	}
	if (rc && !err[0])
		say_limit(d, rc, err);
	return rc;
}

/* --- sorting -------------------------------------------------------------- */

static int by_hash(const void *x, const void *y)
{
	const struct pk_safe_value *a = x, *b = y;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->kind != b->kind)
		return (int)a->kind - (int)b->kind;
	return a->text < b->text ? -1 : a->text > b->text;
}

/* Of equal hash and kind: collisions of values are kept, as both matter. */
static bool same_value(const struct pk_safelist_draft *d,
		       const struct pk_safe_value *a,
		       const struct pk_safe_value *b)
{
	struct pk_safe_record x, y;

	if (a->hash != b->hash || a->kind != b->kind)
		return false;
	if (a->kind == PK_SAFE_ABOVE)
		return true;
	pk_safe_record(d, a->text, &x);
	pk_safe_record(d, b->text, &y);
	return x.type == y.type && x.len == y.len &&
	       !memcmp(x.bytes, y.bytes, x.len);
}

static bool same_net(const struct pk_net *a, const struct pk_net *b)
{
	return a->v4 == b->v4 && a->bits == b->bits && a->key[0] == b->key[0] &&
	       a->key[1] == b->key[1];
}

static uint32_t unique_nets(struct pk_safelist_draft *d)
{
	size_t n = 0;

	pk_net_sort(d->nets, d->nets_count);
	for (size_t i = 0; i < d->nets_count; i++)
		if (!n || !same_net(&d->nets[n - 1], &d->nets[i]))
			d->nets[n++] = d->nets[i];
	n = d->nets_count - n;
	d->nets_count -= n;
	return (uint32_t)n;
}

static uint32_t unique_values(struct pk_safelist_draft *d)
{
	uint32_t dropped = 0;
	size_t n = 0;

	if (d->values_count)
		qsort(d->values, d->values_count, sizeof(*d->values), by_hash);
	for (size_t i = 0; i < d->values_count; i++) {
		if (!n || !same_value(d, &d->values[n - 1], &d->values[i]))
			d->values[n++] = d->values[i];
		else
			dropped += d->values[i].kind != PK_SAFE_ABOVE;
	}
	d->values_count = n;
	return dropped;
}

void pk_safelist_draft_ready(struct pk_safelist_draft *d)
{
	uint32_t dropped;

	if (d->ready)
		return;
	dropped = unique_nets(d) + unique_values(d);
	d->info.duplicates += dropped;
	d->info.entries -= dropped;
	d->ready = 1;
}
