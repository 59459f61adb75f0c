/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ioc/indicator_inside.h"

/* --- bytes ---------------------------------------------------------------- */

unsigned pk_indicator_bytes(const struct pk_indicator *ind,
			    uint8_t small[PK_SMALL_VALUE],
			    const uint8_t **bytes)
{
	unsigned len;

	*bytes = small;
	switch (ind->type) {
	case PK_INDICATOR_IPV4:
		*bytes = ind->addr.b + 12;
		return 4;
	case PK_INDICATOR_IPV6:
		*bytes = ind->addr.b;
		return 16;
	case PK_INDICATOR_IPV4_NET:
	case PK_INDICATOR_IPV6_NET:
		len = ind->type == PK_INDICATOR_IPV4_NET ? 4 : 16;
		memcpy(small, ind->addr.b + 16 - len, len);
		small[len] = ind->bits;
		return len + 1;
	case PK_INDICATOR_IP_PORT:
		memcpy(small, &ind->addr, 16);
		small[16] = (uint8_t)(ind->port >> 8);
		small[17] = (uint8_t)ind->port;
		return 18;
	case PK_INDICATOR_ASN:
		for (unsigned i = 0; i < 4; i++)
			small[i] = (uint8_t)(ind->asn >> (24 - 8 * i));
		return 4;
	default:
		*bytes = ind->value;
		return ind->value_len;
	}
}

static void set_v4(union pk_addr *addr, const uint8_t *bytes)
{
	memset(addr, 0, 10);
	addr->b[10] = addr->b[11] = 0xff;
	memcpy(addr->b + 12, bytes, 4);
}

/* The prefix itself, and its length; nothing else may be said. */
static int set_net(struct pk_indicator *ind, const uint8_t *bytes,
		   unsigned addr_len)
{
	enum pk_indicator_type type = (enum pk_indicator_type)ind->type;
	struct pk_indicator canonical;
	unsigned width = addr_len * 8, bits = bytes[addr_len];

	if (bits >= width)
		return -EBADMSG;
	if (addr_len == 4)
		set_v4(&ind->addr, bytes);
	else
		memcpy(&ind->addr, bytes, 16);
	pk_indicator_set_net(&canonical, &ind->addr, bits + 128 - width);
	if (canonical.type != type ||
	    memcmp(&canonical.addr, &ind->addr, 16) != 0)
		return -EBADMSG;
	ind->bits = (uint8_t)bits;
	return 0;
}

static int set_numbers(struct pk_indicator *ind, const uint8_t *b)
{
	switch (ind->type) {
	case PK_INDICATOR_IPV4:
		set_v4(&ind->addr, b);
		return 0;
	case PK_INDICATOR_IPV6:
		memcpy(&ind->addr, b, 16);
		return pk_is_v4(&ind->addr) ? -EBADMSG : 0;
	case PK_INDICATOR_IP_PORT:
		memcpy(&ind->addr, b, 16);
		ind->port = (uint16_t)(b[16] << 8 | b[17]);
		return ind->port ? 0 : -EBADMSG;
	case PK_INDICATOR_ASN:
		ind->asn = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
			   (uint32_t)b[2] << 8 | b[3];
		return ind->asn ? 0 : -EBADMSG;
	default:
		return set_net(ind, b,
			       ind->type == PK_INDICATOR_IPV4_NET ? 4 : 16);
	}
}

/* How long the bytes of a type are; 0: it varies. */
static unsigned fixed_len(unsigned type)
{
	static const uint8_t len[PK_INDICATOR_TYPE_COUNT] = {
		[PK_INDICATOR_IPV4] = 4,     [PK_INDICATOR_IPV6] = 16,
		[PK_INDICATOR_IPV4_NET] = 5, [PK_INDICATOR_IPV6_NET] = 17,
		[PK_INDICATOR_IP_PORT] = 18, [PK_INDICATOR_JA3] = 16,
		[PK_INDICATOR_CERT] = 20,    [PK_INDICATOR_ASN] = 4,
		[PK_INDICATOR_JA4] = 36,
	};

	return len[type];
}

static int is_number(unsigned type)
{
	return type <= PK_INDICATOR_IP_PORT || type == PK_INDICATOR_ASN;
}

static int fits(unsigned type, const uint8_t *bytes, unsigned len)
{
	if (!len || len > PK_VALUE_MAX)
		return 0;
	if (type == PK_INDICATOR_DOMAIN)
		return len > 1 && pk_name_length(bytes, len) == len;
	if (type == PK_INDICATOR_FILE)
		return len == 16 || len == 20 || len == 32;
	return !fixed_len(type) || len == fixed_len(type);
}

int pk_indicator_set_bytes(struct pk_indicator *ind, const uint8_t *bytes,
			   unsigned len)
{
	if (ind->type >= PK_INDICATOR_TYPE_COUNT ||
	    !fits(ind->type, bytes, len))
		return -EBADMSG;
	ind->bits = 0;
	ind->value_len = 0;
	if (is_number(ind->type))
		return set_numbers(ind, bytes);
	memcpy(ind->value, bytes, len);
	ind->value_len = (uint16_t)len;
	return 0;
}

/* --- text ----------------------------------------------------------------- */

static size_t print_quad(const uint8_t *b, char *text)
{
	char *p = text;

	for (unsigned i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		if (b[i] >= 100)
			*p++ = (char)('0' + b[i] / 100);
		if (b[i] >= 10)
			*p++ = (char)('0' + b[i] / 10 % 10);
		*p++ = (char)('0' + b[i] % 10);
	}
	*p = 0;
	return (size_t)(p - text);
}

size_t pk_addr_print(const union pk_addr *addr, char text[PK_ADDR_TEXT_MAX])
{
	if (pk_is_v4(addr))
		return print_quad(addr->b + 12, text);
	/* glibc's inet_ntop() prints as RFC 5952 section 4 wants it. */
	inet_ntop(AF_INET6, addr, text, PK_ADDR_TEXT_MAX);
	return strlen(text);
}

static size_t print_endpoint(const struct pk_indicator *ind, char *text)
{
	char addr[PK_ADDR_TEXT_MAX];
	int v4 = pk_is_v4(&ind->addr);

	pk_addr_print(&ind->addr, addr);
	return (size_t)snprintf(text, PK_VALUE_TEXT_MAX,
				v4 ? "%s:%u" : "[%s]:%u", addr, ind->port);
}

static size_t print_hex(const struct pk_indicator *ind, char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (unsigned i = 0; i < ind->value_len && i < 32; i++) {
		text[n++] = digits[ind->value[i] >> 4];
		text[n++] = digits[ind->value[i] & 15];
	}
	text[n] = 0;
	return n;
}

static size_t print_text(const struct pk_indicator *ind, char *text)
{
	size_t len =
		ind->value_len <= PK_VALUE_MAX ? ind->value_len : PK_VALUE_MAX;

	memcpy(text, ind->value, len);
	text[len] = 0;
	return len;
}

size_t pk_indicator_print(const struct pk_indicator *ind,
			  char text[PK_VALUE_TEXT_MAX])
{
	size_t n;

	switch (ind->type) {
	case PK_INDICATOR_IPV4:
	case PK_INDICATOR_IPV6:
		return pk_addr_print(&ind->addr, text);
	case PK_INDICATOR_IPV4_NET:
	case PK_INDICATOR_IPV6_NET:
		n = pk_addr_print(&ind->addr, text);
		return n + (size_t)sprintf(text + n, "/%u", ind->bits);
	case PK_INDICATOR_IP_PORT:
		return print_endpoint(ind, text);
	case PK_INDICATOR_DOMAIN:
		return pk_name_print(ind->value, text);
	case PK_INDICATOR_ASN:
		return (size_t)sprintf(text, "AS%u", ind->asn);
	case PK_INDICATOR_FILE:
	case PK_INDICATOR_JA3:
	case PK_INDICATOR_CERT:
		return print_hex(ind, text);
	default:
		return print_text(ind, text);
	}
}
