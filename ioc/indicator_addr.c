/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "ioc/indicator_inside.h"

/* --- addresses ------------------------------------------------------------ */

static void map_v4(union pk_addr *addr)
{
	memset(addr->b, 0, 10);
	addr->b[10] = 0xff;
	addr->b[11] = 0xff;
}

/*
 * One octet, without leading zeros (some programs read those as octal).
 * Returns its length, or 0.
 */
static unsigned read_octet(const char *text, size_t len, uint8_t *octet)
{
	unsigned n = 0, value = 0;

	while (n < len && n < 3 && text[n] >= '0' && text[n] <= '9')
		value = value * 10 + (unsigned)(text[n++] - '0');
	if (value > 255 || (n > 1 && text[0] == '0'))
		return 0;
	*octet = (uint8_t)value;
	return n;
}

/* A dotted quad in front of @text: the bytes it takes, or 0. */
static size_t read_quad(uint8_t octets[4], const char *text, size_t len)
{
	size_t at = 0;

	for (unsigned i = 0; i < 4; i++) {
		unsigned n;

		if (i && (at >= len || text[at++] != '.'))
			return 0;
		n = read_octet(text + at, len - at, octets + i);
		if (!n)
			return 0;
		at += n;
	}
	return at;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to four hexadecimal digits: how many. */
static unsigned read_group(const char *text, size_t len, unsigned *group)
{
	unsigned n = 0;

	*group = 0;
	while (n < len && n < 4 && hex_value(text[n]) >= 0)
		*group = *group << 4 | (unsigned)hex_value(text[n++]);
	return n;
}

/* Move what is behind "::" to the end. @used bytes, the gap at @gap. */
static int close_gap(uint8_t *b, unsigned used, int gap)
{
	unsigned tail;

	if (gap < 0)
		return used == 16 ? 0 : -EINVAL;
	/* "::" stands for one group at least. */
	if (used == 16)
		return -EINVAL;
	tail = used - (unsigned)gap;
	memmove(b + 16 - tail, b + gap, tail);
	memset(b + gap, 0, 16 - used);
	return 0;
}

/* RFC 4291 section 2.2; all of @text. */
static int read_v6(union pk_addr *addr, const char *text, size_t len)
{
	size_t at = 0;
	unsigned used = 0, group, n;
	int gap = -1;

	if (len >= 2 && text[0] == ':' && text[1] == ':') {
		gap = 0;
		at = 2;
	}
	while (at < len) {
		if (used > 14)
			return -EINVAL;
		n = read_group(text + at, len - at, &group);
		if (!n)
			return -EINVAL;
		if (at + n < len && text[at + n] == '.') {
			if (used > 12 || read_quad(addr->b + used, text + at,
						   len - at) != len - at)
				return -EINVAL;
			used += 4;
			break;
		}
		at += n;
		addr->b[used++] = (uint8_t)(group >> 8);
		addr->b[used++] = (uint8_t)group;
		if (at == len)
			break;
		if (text[at++] != ':' || at == len)
			return -EINVAL;
		if (text[at] == ':') {
			if (gap >= 0)
				return -EINVAL;
			gap = (int)used;
			at++;
		}
	}
	return close_gap(addr->b, used, gap);
}

int pk_addr_read(union pk_addr *addr, const char *text, size_t len)
{
	size_t n = read_quad(addr->b + 12, text, len);

	if (n && n == len) {
		map_v4(addr);
		return 0;
	}
	return read_v6(addr, text, len);
}

int pk_addr_parse(union pk_addr *addr, const char *text)
{
	return pk_addr_read(addr, text, strlen(text));
}

unsigned pk_port_read(const char *text, size_t len)
{
	unsigned port = 0;

	if (!len || len > 5)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	return port <= 65535 ? port : 0;
}

int pk_addr_in_net(const union pk_addr *addr, const union pk_addr *net,
		   unsigned bits)
{
	unsigned n;

	if (pk_is_v4(addr) != pk_is_v4(net))
		return 0;
	bits += pk_is_v4(net) ? 96 : 0;
	n = bits / 8;
	return bits <= 128 && !memcmp(addr, net, n) &&
	       (bits % 8 == 0 || !((addr->b[n] ^ net->b[n]) >> (8 - bits % 8)));
}

/* --- values --------------------------------------------------------------- */

static enum pk_refused set_host(struct pk_indicator *ind)
{
	ind->type =
		pk_is_v4(&ind->addr) ? PK_INDICATOR_IPV4 : PK_INDICATOR_IPV6;
	ind->match = PK_MATCH_EXACT;
	ind->bits = 0;
	ind->value_len = 0;
	return PK_REFUSED_NONE;
}

/* Clear what is behind @bits. Was anything set? */
static bool clear_host_bits(union pk_addr *addr, unsigned bits)
{
	unsigned n = bits / 8;
	bool any = false;

	if (bits % 8) {
		uint8_t host = (uint8_t)(0xff >> bits % 8);

		any = addr->b[n] & host;
		addr->b[n++] &= (uint8_t)~host;
	}
	for (; n < 16; n++) {
		any |= addr->b[n] != 0;
		addr->b[n] = 0;
	}
	return any;
}

static unsigned set_net(struct pk_indicator *ind, unsigned bits)
{
	bool v4 = pk_is_v4(&ind->addr) && bits >= 96;
	bool any;

	if (bits == 128) {
		set_host(ind);
		return 0;
	}
	any = clear_host_bits(&ind->addr, bits);
	ind->type = v4 ? PK_INDICATOR_IPV4_NET : PK_INDICATOR_IPV6_NET;
	ind->match = PK_MATCH_EXACT;
	ind->bits = (uint8_t)(v4 ? bits - 96 : bits);
	ind->value_len = 0;
	return any ? PK_NOTE_HOST_BITS : 0;
}

void pk_indicator_set_net(struct pk_indicator *ind, const union pk_addr *addr,
			  unsigned bits)
{
	ind->addr = *addr;
	set_net(ind, bits);
}

/* The number behind the slash, or -1. */
static int read_bits(const char *text, size_t len)
{
	int bits = 0;

	if (!len || len > 3 || (len > 1 && text[0] == '0'))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		bits = bits * 10 + (text[i] - '0');
	}
	return bits;
}

enum pk_refused pk_indicator_read_addr(struct pk_indicator *ind,
				       const char *text, size_t len,
				       unsigned *notes)
{
	const char *slash = memchr(text, '/', len);
	size_t n = slash ? (size_t)(slash - text) : len;
	int width, bits;

	if (pk_addr_read(&ind->addr, text, n))
		return PK_REFUSED_ADDRESS;
	if (!slash)
		return set_host(ind);
	/* The text's family decides: ::ffff:192.0.2.0/120 is 192.0.2.0/24. */
	width = memchr(text, ':', n) ? 128 : 32;
	bits = read_bits(slash + 1, len - n - 1);
	if (bits < 0 || bits > width)
		return PK_REFUSED_PREFIX;
	*notes |= set_net(ind, (unsigned)(bits + 128 - width));
	return PK_REFUSED_NONE;
}

static enum pk_refused set_endpoint(struct pk_indicator *ind, const char *text,
				    size_t len)
{
	unsigned port = pk_port_read(text, len);

	if (!port)
		return PK_REFUSED_PORT;
	ind->type = PK_INDICATOR_IP_PORT;
	ind->match = PK_MATCH_EXACT;
	ind->bits = 0;
	ind->port = (uint16_t)port;
	ind->value_len = 0;
	return PK_REFUSED_NONE;
}

enum pk_refused pk_indicator_read_endpoint(struct pk_indicator *ind,
					   const char *text, size_t len)
{
	const char *end =
		*text == '[' ? memchr(text, ']', len) : memchr(text, ':', len);
	size_t n = end ? (size_t)(end - text) : 0;

	if (!end)
		return PK_REFUSED_ADDRESS;
	if (*text == '[') {
		if (read_v6(&ind->addr, text + 1, n - 1))
			return PK_REFUSED_ADDRESS;
		n++;
	} else if (read_quad(ind->addr.b + 12, text, n) != n) {
		return PK_REFUSED_ADDRESS;
	} else {
		map_v4(&ind->addr);
	}
	if (n == len || text[n] != ':')
		return PK_REFUSED_PORT;
	return set_endpoint(ind, text + n + 1, len - n - 1);
}

/* --- whatever it looks like ----------------------------------------------- */

enum {
	DIGIT = 1,  /* 0-9 */
	HEX = 2,    /* a-f */
	LETTER = 4, /* other letters, hyphen, underscore */
	DOT = 8,
	COLON = 16,
	SLASH = 32, /* also ? */
	AT = 64,
	OTHER = 128,
	HASH_LIKE = 24, /* so many hexadecimal digits are no name */
};

/* 0: OTHER */
static const uint8_t char_class[256] = {
	['0' ... '9'] = DIGIT,	['a' ... 'f'] = HEX,
	['A' ... 'F'] = HEX,	['g' ... 'z'] = LETTER,
	['G' ... 'Z'] = LETTER, ['-'] = LETTER,
	['_'] = LETTER,		['.'] = DOT,
	[':'] = COLON,		['/'] = SLASH,
	['?'] = SLASH,		['@'] = AT,
};

static unsigned classes(const char *text, size_t len)
{
	unsigned seen = 0;

	for (size_t i = 0; i < len; i++)
		seen |= char_class[(uint8_t)text[i]] ?: OTHER;
	return seen;
}

static bool only(unsigned seen, unsigned allowed)
{
	return !(seen & ~allowed);
}

static enum pk_refused read_slashed(struct pk_indicator *ind, const char *text,
				    size_t len, unsigned *notes)
{
	const char *slash = memchr(text, '/', len);
	size_t n = slash ? (size_t)(slash - text) : len;
	unsigned before = classes(text, n);
	size_t behind = len - n;

	/* 192.0.2.0/24 and 2001:db8::/32, but not 192.0.2.1/24/a */
	if (slash && behind > 1 && behind <= 4 &&
	    only(classes(slash + 1, behind - 1), DIGIT) &&
	    (only(before, DIGIT | DOT) ||
	     (before & COLON && only(before, DIGIT | HEX | DOT | COLON) &&
	      memchr(text, ':', n) != memrchr(text, ':', n))))
		return pk_indicator_read_addr(ind, text, len, notes);
	return pk_indicator_parse_url(ind, text, len);
}

static enum pk_refused read_coloned(struct pk_indicator *ind, const char *text,
				    size_t len, unsigned *notes)
{
	const char *colon = memchr(text, ':', len);

	if (*text == '[')
		return pk_indicator_read_endpoint(ind, text, len);
	if (colon != memrchr(text, ':', len))
		return pk_indicator_read_addr(ind, text, len, notes);
	if (only(classes(text, (size_t)(colon - text)), DIGIT | DOT))
		return pk_indicator_read_endpoint(ind, text, len);
	return PK_REFUSED_NAME_PORT;
}

static bool is_asn(const char *text, size_t len)
{
	return len > 2 && (text[0] | 0x20) == 'a' && (text[1] | 0x20) == 's' &&
	       only(classes(text + 2, len - 2), DIGIT);
}

/* Without a dot: a hash, an AS number, or a name of one label. */
static enum pk_refused read_dotless(struct pk_indicator *ind, const char *text,
				    size_t len, unsigned seen)
{
	enum pk_indicator_type type = PK_INDICATOR_DOMAIN;

	if (only(seen, DIGIT | HEX) && len >= HASH_LIKE)
		type = PK_INDICATOR_FILE;
	else if (only(seen, DIGIT))
		return PK_REFUSED_ADDRESS;
	else if (is_asn(text, len))
		type = PK_INDICATOR_ASN;
	return pk_indicator_parse_as(ind, type, text, len, NULL);
}

enum pk_refused pk_indicator_read_any(struct pk_indicator *ind,
				      const char *text, size_t len,
				      unsigned *notes)
{
	unsigned seen;

	/* Most of what there is. */
	if (*text <= '9' && read_quad(ind->addr.b + 12, text, len) == len) {
		map_v4(&ind->addr);
		return set_host(ind);
	}
	seen = classes(text, len);
	if (seen & SLASH)
		return read_slashed(ind, text, len, notes);
	if (seen & AT)
		return pk_indicator_parse_as(ind, PK_INDICATOR_EMAIL, text, len,
					     NULL);
	if (seen & COLON)
		return read_coloned(ind, text, len, notes);
	if (!(seen & DOT))
		return read_dotless(ind, text, len, seen);
	if (seen & DIGIT && only(seen, DIGIT | DOT))
		return PK_REFUSED_ADDRESS;
	return pk_indicator_parse_name(ind, text, len);
}
