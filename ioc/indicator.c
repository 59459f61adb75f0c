/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/indicator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define PK_INDICATOR_WORD(name, word) word,

static const char *const words[] = { PK_INDICATOR_TYPES(PK_INDICATOR_WORD) };

const char *pk_indicator_type_word(enum pk_indicator_type type)
{
	return (unsigned)type < PK_INDICATOR_TYPE_COUNT ? words[type] : "?";
}

int pk_indicator_type_find(const char *word)
{
	for (int i = 0; i < PK_INDICATOR_TYPE_COUNT; i++)
		if (!strcasecmp(word, words[i]))
			return i;
	return -ENOENT;
}

void pk_indicator_init(struct pk_indicator *ind)
{
	memset(ind, 0, sizeof(*ind));
	ind->threat_type = "";
}

static void map_v4(union pk_addr *addr)
{
	memset(addr->b, 0, 10);
	addr->b[10] = 0xff;
	addr->b[11] = 0xff;
}

int pk_addr_parse(union pk_addr *addr, const char *text)
{
	if (inet_pton(AF_INET, text, &addr->b[12]) == 1) {
		map_v4(addr);
		return 0;
	}
	return inet_pton(AF_INET6, text, addr) == 1 ? 0 : -EINVAL;
}

size_t pk_addr_print(const union pk_addr *addr, char text[PK_ADDR_TEXT_MAX])
{
	/* glibc's inet_ntop() prints as RFC 5952 section 4 wants it. */
	if (pk_is_v4(addr))
		inet_ntop(AF_INET, &addr->b[12], text, PK_ADDR_TEXT_MAX);
	else
		inet_ntop(AF_INET6, addr, text, PK_ADDR_TEXT_MAX);
	return strlen(text);
}

/* The bits behind the slash, or -EINVAL. */
static int parse_bits(const char *text)
{
	size_t len = strlen(text);
	int bits = 0;

	if (!len || len > 3 || (len > 1 && text[0] == '0'))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		bits = bits * 10 + (*text - '0');
	}
	return bits;
}

enum pk_refused pk_indicator_parse_addr(struct pk_indicator *ind,
					const char *text, size_t len)
{
	char copy[PK_ADDR_TEXT_MAX + 4];
	int bits, width;
	char *slash;

	if (!len)
		return PK_REFUSED_EMPTY;
	if (len >= sizeof(copy) || memchr(text, 0, len))
		return PK_REFUSED_ADDRESS;
	memcpy(copy, text, len);
	copy[len] = 0;
	slash = strchr(copy, '/');
	if (slash)
		*slash = 0;
	width = strchr(copy, ':') ? 128 : 32;
	bits = slash ? parse_bits(slash + 1) : width;
	if (bits < 0 || bits > width || pk_addr_parse(&ind->addr, copy))
		return PK_REFUSED_ADDRESS;
	if (bits != width)
		return PK_REFUSED_PREFIX;
	ind->type =
		pk_is_v4(&ind->addr) ? PK_INDICATOR_IPV4 : PK_INDICATOR_IPV6;
	return PK_REFUSED_NONE;
}

enum pk_refused pk_indicator_parse_name(struct pk_indicator *ind,
					const char *text, size_t len)
{
	unsigned wire_len = 0;
	enum pk_refused why = pk_name_parse(text, len, ind->name, &wire_len);

	if (why)
		return why;
	ind->type = PK_INDICATOR_DOMAIN;
	ind->subdomains = 1;
	ind->name_len = (uint16_t)wire_len;
	return PK_REFUSED_NONE;
}

static bool has_scheme(const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len);

	return colon && (size_t)(text + len - colon) > 2 && colon[1] == '/' &&
	       colon[2] == '/';
}

/* Only what addresses are made of, up to a slash? */
static bool like_an_address(const char *text, size_t len)
{
	size_t n = 0;
	bool digits = true;

	for (; n < len && text[n] != '/'; n++) {
		if (text[n] == ':')
			return true;
		digits &= (text[n] >= '0' && text[n] <= '9') || text[n] == '.';
	}
	return digits;
}

enum pk_refused pk_indicator_parse(struct pk_indicator *ind, const char *text,
				   size_t len)
{
	if (!len)
		return PK_REFUSED_EMPTY;
	if (has_scheme(text, len))
		return PK_REFUSED_UNSUPPORTED;
	if (like_an_address(text, len))
		return pk_indicator_parse_addr(ind, text, len);
	/* A path behind a name: a URL without its scheme. */
	if (memchr(text, '/', len))
		return PK_REFUSED_UNSUPPORTED;
	return pk_indicator_parse_name(ind, text, len);
}

size_t pk_indicator_print(const struct pk_indicator *ind,
			  char text[PK_VALUE_TEXT_MAX])
{
	switch (ind->type) {
	case PK_INDICATOR_IPV4:
	case PK_INDICATOR_IPV6:
		return pk_addr_print(&ind->addr, text);
	case PK_INDICATOR_DOMAIN:
		return pk_name_print(ind->name, text);
	default:
		text[0] = 0;
		return 0;
	}
}
