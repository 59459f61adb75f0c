/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bpf/abi.h"

void pk_text_time(uint64_t ns, char out[PK_TEXT_TIME])
{
	time_t seconds = (time_t)(ns / 1000000000);
	unsigned micros = (unsigned)(ns % 1000000000 / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(out, PK_TEXT_TIME, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, PK_TEXT_TIME - n, ".%06uZ", micros);
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
		snprintf(out, PK_TEXT_PROTO, "%s", known[i].keyword);
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
	       (c < 0xe0000 || c > 0xe0fff);
}

size_t pk_text_clean(const char *in, char *out, size_t size)
{
	const unsigned char *p = (const unsigned char *)in;
	size_t n = 0;

	while (*p) {
		uint32_t c = 0;
		unsigned len = decode(p, &c);
		int plain = len && is_harmless(c);

		if (!len)
			len = 1;
		if (n + (plain ? len : 4 * len) >= size)
			break;
		for (; len; len--, p++) {
			if (plain)
				out[n++] = (char)*p;
			else
				n += (size_t)snprintf(out + n, 5, "\\x%02x",
						      *p);
		}
	}
	out[n] = 0;
	return n;
}
