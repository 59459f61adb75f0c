/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/unicode.h"

#include <stdbool.h>

struct span {
	uint32_t first, last;
};

/* Not seen, or a look-alike of ASCII under compatibility mapping. */
static const struct span tricks[] = {
	{ 0x80, 0x9f },	      /* control characters */
	{ 0xa0, 0xa0 },	      /* blank */
	{ 0xad, 0xad },	      /* soft hyphen */
	{ 0x034f, 0x034f },   /* grapheme joiner */
	{ 0x061c, 0x061c },   /* Arabic letter mark */
	{ 0x115f, 0x1160 },   /* Hangul fillers */
	{ 0x17b4, 0x17b5 },   /* Khmer, not seen */
	{ 0x180b, 0x180f },   /* Mongolian selectors */
	{ 0x2000, 0x200f },   /* blanks, zero width, direction */
	{ 0x2024, 0x2024 },   /* one dot leader */
	{ 0x2028, 0x202f },   /* separators, direction */
	{ 0x205f, 0x206f },   /* blanks, joiners, isolates */
	{ 0x2100, 0x214f },   /* letter-like */
	{ 0x2160, 0x217f },   /* Roman numerals */
	{ 0x2215, 0x2216 },   /* division slash, set minus */
	{ 0x2460, 0x24ff },   /* enclosed */
	{ 0x2800, 0x2800 },   /* Braille blank */
	{ 0x3000, 0x3000 },   /* blank */
	{ 0x3164, 0x3164 },   /* Hangul filler */
	{ 0xe000, 0xf8ff },   /* private use */
	{ 0xfb00, 0xfb06 },   /* ligatures */
	{ 0xfe00, 0xfe0f },   /* variation selectors */
	{ 0xfeff, 0xfeff },   /* byte order mark */
	{ 0xff00, 0xffef },   /* half and full width */
	{ 0xfff0, 0xffff },   /* specials */
	{ 0x1d400, 0x1d7ff }, /* mathematical letters */
	{ 0x1f100, 0x1f1ff }, /* enclosed */
	{ 0xe0000, 0x10ffff } /* tags, private use */
};

/* Scripts with letters of the shape of ASCII ones. */
static const struct span alike[] = {
	{ 0x0370, 0x052f },   /* Greek, Coptic, Cyrillic */
	{ 0x0530, 0x058f },   /* Armenian */
	{ 0x13a0, 0x13ff },   /* Cherokee */
	{ 0x1c80, 0x1c8f },   /* Cyrillic */
	{ 0x1d00, 0x1dbf },   /* phonetic */
	{ 0x1f00, 0x1fff },   /* Greek */
	{ 0x2c80, 0x2cff },   /* Coptic */
	{ 0x2de0, 0x2dff },   /* Cyrillic */
	{ 0xa4d0, 0xa4ff },   /* Lisu */
	{ 0xa640, 0xa69f },   /* Cyrillic */
	{ 0xab30, 0xabbf },   /* phonetic, Cherokee */
	{ 0x10400, 0x1044f }, /* Deseret */
};

static bool is_in(const struct span *spans, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n && c >= spans[i].first; i++)
		if (c <= spans[i].last)
			return true;
	return false;
}

static bool is_trick(uint32_t c)
{
	return is_in(tricks, sizeof(tricks) / sizeof(tricks[0]), c);
}

static bool is_alike(uint32_t c)
{
	return is_in(alike, sizeof(alike) / sizeof(alike[0]), c);
}

/* The first byte's length and bits, or 0. */
static unsigned lead(uint8_t byte, uint32_t *c)
{
	if (byte < 0x80) {
		*c = byte;
		return 1;
	}
	if (byte >= 0xc2 && byte <= 0xdf) {
		*c = byte & 0x1f;
		return 2;
	}
	if (byte >= 0xe0 && byte <= 0xef) {
		*c = byte & 0x0f;
		return 3;
	}
	*c = byte & 0x07;
	return byte >= 0xf0 && byte <= 0xf4 ? 4 : 0;
}

uint32_t pk_unicode_next(const char *text, size_t len, size_t *at)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c;
	unsigned n = lead((uint8_t)text[*at], &c);

	if (!n || len - *at < n)
		return UINT32_MAX;
	for (unsigned i = 1; i < n; i++) {
		uint8_t byte = (uint8_t)text[*at + i];

		if ((byte & 0xc0) != 0x80)
			return UINT32_MAX;
		c = c << 6 | (byte & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return UINT32_MAX;
	*at += n;
	return c;
}

enum pk_refused pk_unicode_check(const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		uint32_t c = pk_unicode_next(text, len, &at);

		if (c == UINT32_MAX)
			return PK_REFUSED_ENCODING;
		if (c >= 0x80 && is_trick(c))
			return PK_REFUSED_CONFUSABLE;
	}
	return PK_REFUSED_NONE;
}

static bool is_ascii_letter(uint32_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

enum pk_refused pk_unicode_check_name(const char *text, size_t len)
{
	bool ascii = false, other = false;

	for (size_t at = 0; at < len;) {
		uint32_t c = pk_unicode_next(text, len, &at);

		if (c == UINT32_MAX)
			return PK_REFUSED_ENCODING;
		if (c == '.')
			ascii = other = false;
		ascii |= is_ascii_letter(c);
		other |= c >= 0x80 && is_alike(c);
		if ((c >= 0x80 && is_trick(c)) || (ascii && other))
			return PK_REFUSED_CONFUSABLE;
	}
	return PK_REFUSED_NONE;
}

int pk_unicode_has_control(const char *text, size_t len)
{
	unsigned bad = 0;

	for (size_t i = 0; i < len; i++)
		bad |= (uint8_t)text[i] < 0x20 || text[i] == 0x7f;
	return bad != 0;
}
