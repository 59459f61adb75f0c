/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <idn2.h>

#include "ioc/unicode.h"

enum {
	LABEL_MAX = 63,
	/* Longer text is no name, whatever it is made of. */
	INPUT_MAX = 1023,
};

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* What a byte of a name's text becomes on the wire; 0: it cannot stand there. */
static const uint8_t letters[256] = {
	['-'] = '-', ['_'] = '_', ['0'] = '0', ['1'] = '1', ['2'] = '2',
	['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6', ['7'] = '7',
	['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c',
	['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h',
	['i'] = 'i', ['j'] = 'j', ['k'] = 'k', ['l'] = 'l', ['m'] = 'm',
	['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',
	['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w',
	['x'] = 'x', ['y'] = 'y', ['z'] = 'z', ['A'] = 'a', ['B'] = 'b',
	['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g',
	['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l',
	['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q',
	['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v',
	['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z',
};

static bool all_digits(const uint8_t *label, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		if (label[i] < '0' || label[i] > '9')
			return false;
	return true;
}

static bool is_a_label(const uint8_t *label, unsigned len)
{
	return len >= 4 && !memcmp(label, "xn--", 4);
}

static bool is_ascii(const char *text, size_t len)
{
	uint8_t all = 0;

	for (size_t i = 0; i < len; i++)
		all |= (uint8_t)text[i];
	return all < 0x80;
}

/* End the name behind the label at @last, which begins with its length. */
static enum pk_refused finish_ascii(uint8_t wire[PK_NAME_MAX], unsigned last,
				    unsigned end, unsigned *wire_len)
{
	/* A name cannot end in a number (RFC 3696 section 2): a bad address. */
	if (all_digits(wire + last + 1, wire[last]))
		return PK_REFUSED_NAME_NUMERIC;
	wire[end] = 0;
	*wire_len = end + 1;
	return PK_REFUSED_NONE;
}

/*
 * Plain letters to labels, in one pass. *@special: a label is an A-label, or
 * the text is not ASCII; what was written is then of no use.
 */
static enum pk_refused parse_ascii(const char *text, size_t len,
				   uint8_t wire[PK_NAME_MAX],
				   unsigned *wire_len, bool *special)
{
	unsigned last = 0, label = 0, at = 1; /* length bytes, next letter */

	for (size_t i = 0; i < len || !i || text[i - 1] != '.'; i++) {
		uint8_t c = i < len ? (uint8_t)text[i] : '.';
		unsigned n = at - label - 1;

		if (c != '.') {
			*special |= c >= 0x80;
			if (!letters[c])
				return PK_REFUSED_NAME_CHARACTER;
			if (n == LABEL_MAX)
				return PK_REFUSED_NAME_LABEL_LONG;
			/* One byte of room stays for the root. */
			if (at >= PK_NAME_MAX - 1)
				return PK_REFUSED_NAME_LONG;
			wire[at++] = letters[c];
			continue;
		}
		if (!n)
			return PK_REFUSED_NAME_EMPTY_LABEL;
		wire[label] = (uint8_t)n;
		*special |= is_a_label(wire + label + 1, n);
		last = label;
		label = at++;
		if (i >= len)
			break;
	}
	return finish_ascii(wire, last, label, wire_len);
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

/*
 * Nothing may vanish, appear or become ASCII on the way to A-labels: U-labels
 * differ from what was written in case alone.
 */
static bool only_case_differs(const char *name, const char *back)
{
	size_t len = strlen(name), back_len = strlen(back), i = 0, j = 0;

	while (i < len && j < back_len) {
		uint32_t a = pk_unicode_next(name, len, &i);
		uint32_t b = pk_unicode_next(back, back_len, &j);

		if (a == UINT32_MAX || b == UINT32_MAX)
			return false;
		if (a < 0x80 ? b != fold((uint8_t)a) : b < 0x80)
			return false;
	}
	return i == len && j == back_len;
}

static enum pk_refused check_mapping(const char *name, const char *ascii)
{
	enum pk_refused why = PK_REFUSED_NONE;
	char *back = NULL;

	if (idn2_to_unicode_8z8z(ascii, &back, 0) != IDN2_OK)
		why = PK_REFUSED_NAME_IDNA;
	else if (!only_case_differs(name, back))
		why = PK_REFUSED_CONFUSABLE;
	idn2_free(back);
	return why;
}

static enum pk_refused parse_unicode(const char *name,
				     uint8_t wire[PK_NAME_MAX],
				     unsigned *wire_len)
{
	enum pk_refused why = pk_unicode_check_name(name, strlen(name));
	uint8_t *ascii = NULL;
	bool special = false;
	int err;

	if (why)
		return why;
	err = idn2_lookup_u8((const uint8_t *)name, &ascii,
			     IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (err == IDN2_TOO_BIG_DOMAIN)
		return PK_REFUSED_NAME_LONG;
	if (err == IDN2_TOO_BIG_LABEL)
		return PK_REFUSED_NAME_LABEL_LONG;
	if (err != IDN2_OK)
		return PK_REFUSED_NAME_IDNA;
	why = check_mapping(name, (const char *)ascii);
	if (!why)
		why = parse_ascii((const char *)ascii,
				  strlen((const char *)ascii), wire, wire_len,
				  &special);
	idn2_free(ascii);
	return why;
}

/* A-labels and other letters than ASCII: seldom, and slow. */
static enum pk_refused parse_special(const char *text, size_t len,
				     uint8_t wire[PK_NAME_MAX],
				     unsigned *wire_len)
{
	char name[INPUT_MAX + 1];
	bool special = false;

	if (memchr(text, 0, len))
		return PK_REFUSED_NAME_CHARACTER;
	memcpy(name, text, len);
	name[len] = 0;
	if (!is_ascii(text, len))
		return parse_unicode(name, wire, wire_len);
	if (check_a_labels(name))
		return PK_REFUSED_NAME_IDNA;
	return parse_ascii(name, len, wire, wire_len, &special);
}

enum pk_refused pk_name_parse(const char *text, size_t len,
			      uint8_t wire[PK_NAME_MAX], unsigned *wire_len)
{
	bool special = false;
	enum pk_refused why;

	if (!len)
		return PK_REFUSED_EMPTY;
	if (len > INPUT_MAX)
		return PK_REFUSED_NAME_LONG;
	why = parse_ascii(text, len, wire, wire_len, &special);
	return special ? parse_special(text, len, wire, wire_len) : why;
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
	s->hash = pk_name_step_in(s->hash, label + 1, label[0],
				  (unsigned)(label + 1 - s->wire));
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
