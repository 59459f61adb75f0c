/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <idn2.h>

enum {
	LABEL_MAX = 63,
	/* Longer text is no name, whatever it is made of. */
	INPUT_MAX = 1023,
};

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool usable(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

static bool all_digits(const uint8_t *label, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		if (label[i] < '0' || label[i] > '9')
			return false;
	return true;
}

/* One label at @text, up to a dot or the end, with its length byte to @out. */
static enum pk_refused parse_label(const char *text, size_t len, uint8_t *out,
				   unsigned room, unsigned *label_len)
{
	unsigned n = 0;

	for (; n < len && text[n] != '.'; n++) {
		uint8_t c = fold((uint8_t)text[n]);

		if (!usable(c))
			return PK_REFUSED_NAME_CHARACTER;
		if (n == LABEL_MAX)
			return PK_REFUSED_NAME_LABEL_LONG;
		if (n + 1 >= room)
			return PK_REFUSED_NAME_LONG;
		out[1 + n] = c;
	}
	if (!n)
		return PK_REFUSED_NAME_EMPTY_LABEL;
	out[0] = (uint8_t)n;
	*label_len = n;
	return PK_REFUSED_NONE;
}

static enum pk_refused parse_ascii(const char *text, size_t len,
				   uint8_t wire[PK_NAME_MAX],
				   unsigned *wire_len)
{
	unsigned at = 0, label = 0, last = 0;
	size_t i = 0;

	do {
		/* One byte of room stays for the root. */
		enum pk_refused why = parse_label(text + i, len - i, wire + at,
						  PK_NAME_MAX - 1 - at, &label);
		if (why)
			return why;
		last = at;
		at += 1 + label;
		i += label + 1;
	} while (i < len);
	/* A name cannot end in a number (RFC 3696 section 2): a bad address. */
	if (all_digits(wire + last + 1, label))
		return PK_REFUSED_NAME_NUMERIC;
	wire[at] = 0;
	*wire_len = at + 1;
	return PK_REFUSED_NONE;
}

static bool is_ascii(const char *text, size_t len)
{
	uint8_t all = 0;

	for (size_t i = 0; i < len; i++)
		all |= (uint8_t)text[i];
	return all < 0x80;
}

static bool has_a_label(const char *text, size_t len)
{
	for (size_t i = 0; i + 4 <= len; i++)
		if (text[i + 2] == '-' && text[i + 3] == '-' &&
		    (text[i] | 0x20) == 'x' && (text[i + 1] | 0x20) == 'n' &&
		    (i == 0 || text[i - 1] == '.'))
			return true;
	return false;
}

/*
 * An A-label only has to decode: feeds list names that IDNA 2008 forbids and
 * the DNS serves all the same (emoji).
 */
static enum pk_refused check_a_labels(const char *name)
{
	char *unicode = NULL;
	int err = idn2_to_unicode_8z8z(name, &unicode, 0);

	idn2_free(unicode);
	return err == IDN2_OK ? PK_REFUSED_NONE : PK_REFUSED_NAME_IDNA;
}

static enum pk_refused parse_unicode(const char *name,
				     uint8_t wire[PK_NAME_MAX],
				     unsigned *wire_len)
{
	enum pk_refused why;
	uint8_t *ascii = NULL;
	int err = idn2_lookup_u8((const uint8_t *)name, &ascii,
				 IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

	if (err == IDN2_TOO_BIG_DOMAIN)
		return PK_REFUSED_NAME_LONG;
	if (err == IDN2_TOO_BIG_LABEL)
		return PK_REFUSED_NAME_LABEL_LONG;
	if (err != IDN2_OK)
		return PK_REFUSED_NAME_IDNA;
	why = parse_ascii((const char *)ascii, strlen((const char *)ascii),
			  wire, wire_len);
	idn2_free(ascii);
	return why;
}

enum pk_refused pk_name_parse(const char *text, size_t len,
			      uint8_t wire[PK_NAME_MAX], unsigned *wire_len)
{
	char name[INPUT_MAX + 1];
	bool ascii;

	if (!len)
		return PK_REFUSED_EMPTY;
	if (len > INPUT_MAX)
		return PK_REFUSED_NAME_LONG;
	if (memchr(text, 0, len))
		return PK_REFUSED_NAME_CHARACTER;
	ascii = is_ascii(text, len);
	if (ascii && !has_a_label(text, len))
		return parse_ascii(text, len, wire, wire_len);
	memcpy(name, text, len);
	name[len] = 0;
	if (!ascii)
		return parse_unicode(name, wire, wire_len);
	if (check_a_labels(name))
		return PK_REFUSED_NAME_IDNA;
	return parse_ascii(name, len, wire, wire_len);
}

unsigned pk_name_length(const uint8_t *wire, size_t max)
{
	unsigned at = 0;

	if (max > PK_NAME_MAX)
		max = PK_NAME_MAX;
	while (at < max) {
		if (!wire[at])
			return at + 1;
		if (wire[at] > LABEL_MAX)
			return 0;
		at += 1 + wire[at];
	}
	return 0;
}

void pk_name_fold(uint8_t *wire)
{
	/* Length bytes are below 64 and so never letters. */
	for (unsigned n = pk_name_length(wire, PK_NAME_MAX); n; n--, wire++)
		*wire = fold(*wire);
}

static size_t print_byte(uint8_t c, char *text)
{
	if (c == '.' || c == '\\') {
		text[0] = '\\';
		text[1] = (char)c;
		return 2;
	}
	if (c > 0x20 && c < 0x7f) {
		text[0] = (char)c;
		return 1;
	}
	text[0] = '\\';
	text[1] = (char)('0' + c / 100);
	text[2] = (char)('0' + c / 10 % 10);
	text[3] = (char)('0' + c % 10);
	return 4;
}

size_t pk_name_print(const uint8_t *wire, char text[PK_NAME_TEXT_MAX])
{
	size_t n = 0;

	for (; *wire; wire += 1 + *wire) {
		if (n)
			text[n++] = '.';
		for (unsigned i = 1; i <= *wire; i++)
			n += print_byte(wire[i], text + n);
	}
	if (!n)
		text[n++] = '.';
	text[n] = 0;
	return n;
}

unsigned pk_name_suffixes(struct pk_name_suffixes *s, uint64_t seed,
			  const uint8_t *wire)
{
	unsigned at = 0, labels = 0;

	s->wire = wire;
	s->labels = 0;
	s->left = 0;
	s->hash = pk_name_begin(seed);
	for (; at < PK_NAME_MAX && wire[at]; at += 1 + wire[at]) {
		/* Its bytes and the next length byte must be inside. */
		if (wire[at] > LABEL_MAX || at + 1 + wire[at] >= PK_NAME_MAX)
			return 0;
		s->start[labels++] = (uint8_t)at;
	}
	s->left = labels;
	return labels;
}

int pk_name_next(struct pk_name_suffixes *s)
{
	const uint8_t *label;

	if (!s->left)
		return 0;
	label = s->wire + s->start[--s->left];
	s->hash = pk_name_step(s->hash, label + 1, label[0]);
	s->suffix = label;
	s->labels++;
	return 1;
}

uint64_t pk_name_hash(uint64_t seed, const uint8_t *wire)
{
	struct pk_name_suffixes s;

	pk_name_suffixes(&s, seed, wire);
	while (pk_name_next(&s))
		;
	return s.hash;
}

uint32_t pk_name_find(const struct pk_view *v, const uint8_t *wire,
		      unsigned *labels)
{
	uint64_t hash[PK_NAME_LABELS + 1];
	struct pk_name_suffixes s;
	unsigned n = pk_name_suffixes(&s, v->base_head->seed, wire);
	uint32_t slot;

	if (!n)
		return PK_NO_SLOT;
	while (pk_name_next(&s))
		hash[s.labels] = s.hash;
	slot = pk_view_name(v, hash[n]);
	for (; !slot && n; n -= !slot)
		slot = pk_view_name(v, pk_name_subdomains(hash[n]));
	if (slot && labels)
		*labels = n;
	return slot;
}
