/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "bpf/abi.h"
#include "bpf/embedded.h"
#include "control/threat.h"
#include "dataplane/record.h"

/* @width decimal digits of @n. */
static char *put_digits(char *out, unsigned n, unsigned width)
{
	for (unsigned i = width; i--; n /= 10)
		out[i] = (char)('0' + n % 10);
	return out + width;
}

/* Year, month and day of the proleptic Gregorian calendar, from 1970 on. */
static char *put_date(char *out, uint64_t days)
{
	/* Counted from 1 March 0000: leap days end their years. */
	uint64_t era = (days + 719468) / 146097;
	unsigned day = (unsigned)((days + 719468) % 146097);
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	month = month < 10 ? month + 3 : month - 9;
	out = put_digits(out, (unsigned)(era * 400 + year + (month <= 2)), 4);
	*out++ = '-';
	out = put_digits(out, month, 2);
	*out++ = '-';
	return put_digits(out, day + 1, 2);
}

void pk_text_time(uint64_t ns, char out[PK_TEXT_TIME])
{
	uint64_t seconds = ns / 1000000000;
	unsigned second = (unsigned)(seconds % 86400);

	out = put_date(out, seconds / 86400);
	*out++ = 'T';
	out = put_digits(out, second / 3600, 2);
	*out++ = ':';
	out = put_digits(out, second / 60 % 60, 2);
	*out++ = ':';
	out = put_digits(out, second % 60, 2);
	*out++ = '.';
	out = put_digits(out, (unsigned)(ns % 1000000000 / 1000), 6);
	*out++ = 'Z';
	*out = 0;
}

const char *pk_text_role(uint8_t role)
{
	static const char *const words[] = {
		[PK_ROLE_SOURCE] = "source",
		[PK_ROLE_DESTINATION] = "destination",
		[PK_ROLE_DNS_QUESTION] = "dns-question",
	};

	return role < PK_ROLES ? words[role] : "unknown";
}

const char *pk_text_plane(uint8_t plane)
{
	static const char *const words[] = {
		[PK_PLANE_FILE] = "file",
		[PK_PLANE_XDP] = "xdp",
		[PK_PLANE_DPDK] = "dpdk",
		[PK_PLANE_COLLECT] = "collect",
	};

	return plane < PK_PLANES ? words[plane] : "unknown";
}

const char *pk_text_embedded(uint8_t kind)
{
#define WORD(name, text) text,
	static const char *const words[] = { PK_EMBEDDED_KINDS(WORD) };
#undef WORD
	return kind < PK_EMBEDDED_COUNT ? words[kind] : "";
}

const char *pk_text_state(uint8_t state)
{
	static const char *const words[] = {
		[PK_THREAT_OPEN] = "open",
		[PK_THREAT_UPDATE] = "update",
		[PK_THREAT_CLOSED] = "closed",
	};

	return state <= PK_THREAT_CLOSED ? words[state] : "unknown";
}

void pk_text_hex(uint64_t n, char out[17])
{
	for (int i = 0; i < 16; i++)
		out[i] = "0123456789abcdef"[n >> (60 - 4 * i) & 15];
	out[16] = 0;
}

void pk_text_flags(uint8_t flags, char out[PK_TEXT_FLAGS])
{
	static const char letters[] = "FSRPAUEC";

	for (int i = 0; i < 8; i++)
		if (flags >> i & 1)
			*out++ = letters[i];
	*out = 0;
}

void pk_text_proto(uint8_t proto, char out[PK_TEXT_PROTO])
{
	static const struct {
		uint8_t number;
		const char *keyword;
	} known[] = {
		{ 1, "icmp" },	     { 2, "igmp" },   { 4, "ipv4" },
		{ 6, "tcp" },	     { 17, "udp" },   { 41, "ipv6" },
		{ 47, "gre" },	     { 50, "esp" },   { 51, "ah" },
		{ 58, "ipv6-icmp" }, { 132, "sctp" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (known[i].number != proto)
			continue;
		strcpy(out, known[i].keyword);
		return;
	}
	snprintf(out, PK_TEXT_PROTO, "%u", proto);
}

/*
 * The character at @p: its length, 0 when it is not UTF-8. A NUL ends the
 * text before a truncated sequence is read beyond.
 */
static unsigned decode(const unsigned char *p, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned len = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
	uint32_t c = *p;

	if (*p >= 0x80 && (*p < 0xc2 || *p > 0xf4))
		return 0;
	if (len > 1)
		c &= 0x7fU >> len;
	for (unsigned i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return len;
}

/* Controls; what joins, hides or turns text; line separators; non-characters. */
static int is_harmless(uint32_t c)
{
	return c >= 0x20 && (c < 0x7f || c >= 0xa0) && c != 0xad &&
	       c != 0x61c && (c < 0x200b || c > 0x200f) &&
	       (c < 0x2028 || c > 0x202e) && (c < 0x2060 || c > 0x206f) &&
	       c != 0xfeff && (c < 0xfff0 || c > 0xffff || c == 0xfffd) &&
	       (c < 0xfdd0 || c > 0xfdef) && (c & 0xfffe) != 0xfffe &&
	       (c < 0xe0000 || c > 0xe0fff) && c != 0x34f && c != 0x180e &&
	       c != 0x3164 && c != 0x2800 && (c < 0xfe00 || c > 0xfe0f) &&
	       c != 0x115f && c != 0x1160 && c != 0xffa0 && c != 0x17b4 &&
	       c != 0x17b5;
}

/* \xNN for each of @len bytes. */
static size_t escape(const unsigned char *p, unsigned len, char *out)
{
	static const char digit[] = "0123456789abcdef";

	for (unsigned i = 0; i < len; i++) {
		*out++ = '\\';
		*out++ = 'x';
		*out++ = digit[p[i] >> 4];
		*out++ = digit[p[i] & 15];
	}
	return 4 * len;
}

/* A backslash that would be read as the first of an escape. */
static int is_doubtful(const unsigned char *p)
{
	return p[0] == '\\' && p[1] == 'x' && isxdigit(p[2]) && isxdigit(p[3]);
}

size_t pk_text_again(const char **in, char out[PK_TEXT_STEP])
{
	const unsigned char *p = (const unsigned char *)*in;
	uint32_t c = 0;
	unsigned len = decode(p, &c);

	*in += len ? len : 1;
	if (!len || !is_harmless(c))
		return escape(p, len ? len : 1, out);
	memcpy(out, p, len);
	return len;
}

size_t pk_text_step(const char **in, char out[PK_TEXT_STEP])
{
	const unsigned char *p = (const unsigned char *)*in;

	if (!is_doubtful(p))
		return pk_text_again(in, out);
	++*in;
	return escape(p, 1, out);
}

size_t pk_text_plain(const char *in)
{
	const unsigned char *p = (const unsigned char *)in;

	while (*p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
		p++;
	return (size_t)((const char *)p - in);
}

size_t pk_text_clean(const char *in, char *out, size_t size)
{
	char step[PK_TEXT_STEP];
	size_t n = 0;

	while (*in) {
		size_t len = pk_text_step(&in, step);

		if (n + len >= size)
			break;
		memcpy(out + n, step, len);
		n += len;
	}
	out[n] = 0;
	return n;
}
