/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/indicator.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ioc/indicator_inside.h"
#include "ioc/unicode.h"

void pk_meta_init(struct pk_meta *meta)
{
	memset(meta, 0, sizeof(*meta));
	meta->id = "";
	meta->threat_type = "";
	meta->tags = "";
	meta->attribution = "";
	meta->confidence = PK_CONFIDENCE_UNKNOWN;
}

void pk_indicator_init(struct pk_indicator *ind)
{
	/* Not value[]: it is large, and value_len says what of it counts. */
	memset(ind, 0, offsetof(struct pk_indicator, value));
	pk_meta_init(&ind->meta);
}

/* --- names ---------------------------------------------------------------- */

enum pk_refused pk_indicator_parse_name(struct pk_indicator *ind,
					const char *text, size_t len)
{
	enum pk_match match = PK_MATCH_SUBDOMAINS;
	unsigned wire_len = 0;
	enum pk_refused why;

	if (len > 2 && text[0] == '*' && text[1] == '.') {
		text += 2;
		len -= 2;
	} else if (len > 2 && text[0] == '+' && text[1] == '.') {
		match = PK_MATCH_ONE_LABEL;
		text += 2;
		len -= 2;
	} else if (len > 1 && (text[0] == '.' || text[0] == '=')) {
		match = text[0] == '=' ? PK_MATCH_EXACT : match;
		text++;
		len--;
	}
	why = pk_name_parse(text, len, ind->value, &wire_len);
	if (why)
		return why;
	ind->type = PK_INDICATOR_DOMAIN;
	ind->match = (uint8_t)match;
	ind->value_len = (uint16_t)wire_len;
	return PK_REFUSED_NONE;
}

/* --- texts and numbers ---------------------------------------------------- */

static enum pk_refused set_text(struct pk_indicator *ind,
				enum pk_indicator_type type, const char *text,
				size_t len)
{
	memcpy(ind->value, text, len);
	ind->type = (uint8_t)type;
	ind->match = PK_MATCH_EXACT;
	ind->value_len = (uint16_t)len;
	return PK_REFUSED_NONE;
}

/* The value of a hexadecimal digit and 16, or 0. */
static const uint8_t hex_value[256] = {
	['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21,
	['6'] = 22, ['7'] = 23, ['8'] = 24, ['9'] = 25, ['a'] = 26, ['b'] = 27,
	['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31, ['A'] = 26, ['B'] = 27,
	['C'] = 28, ['D'] = 29, ['E'] = 30, ['F'] = 31,
};

/* @n bytes from 2 @n digits. */
static bool parse_hex(uint8_t *bytes, const char *text, size_t n)
{
	uint8_t all = 16;

	for (size_t i = 0; i < n; i++) {
		uint8_t high = hex_value[(uint8_t)text[2 * i]];
		uint8_t low = hex_value[(uint8_t)text[2 * i + 1]];

		all &= high & low;
		bytes[i] = (uint8_t)(high << 4 | (low & 15));
	}
	return all & 16;
}

static enum pk_refused parse_digest(struct pk_indicator *ind,
				    enum pk_indicator_type type,
				    const char *text, size_t len)
{
	enum pk_refused why =
		type == PK_INDICATOR_JA3 ? PK_REFUSED_JA3 : PK_REFUSED_HASH;
	bool fits = type == PK_INDICATOR_JA3
			    ? len == 32
			    : len == 32 || len == 40 || len == 64;

	if (!fits || !parse_hex(ind->value, text, len / 2))
		return why;
	ind->type = (uint8_t)type;
	ind->match = PK_MATCH_EXACT;
	ind->value_len = (uint16_t)(len / 2);
	return PK_REFUSED_NONE;
}

/* The SHA-1, also as "AA:BB:...". */
static enum pk_refused parse_cert(struct pk_indicator *ind, const char *text,
				  size_t len)
{
	char hex[40];

	if (len == 59) {
		for (unsigned i = 0; i < 20; i++) {
			if (i && text[3 * i - 1] != ':')
				return PK_REFUSED_CERT;
			memcpy(hex + 2 * i, text + 3 * i, 2);
		}
		text = hex;
		len = 40;
	}
	if (len != 40 || !parse_hex(ind->value, text, 20))
		return PK_REFUSED_CERT;
	ind->type = PK_INDICATOR_CERT;
	ind->match = PK_MATCH_EXACT;
	ind->value_len = 20;
	return PK_REFUSED_NONE;
}

/*
 * t13d1516h2_8daaf6152771_02713d6af862: the transport, version, SNI or not, two
 * numbers, the first and last character of the ALPN (its case counts), and
 * two hashes.
 */
static enum pk_refused parse_ja4(struct pk_indicator *ind, const char *text,
				 size_t len)
{
	/* d digit, a letter or digit, x hexadecimal; others are themselves */
	static const char shape[] = "taaiddddaa_xxxxxxxxxxxx_xxxxxxxxxxxx";
	char copy[sizeof(shape)];

	if (len != sizeof(shape) - 1)
		return PK_REFUSED_JA4;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool digit = c >= '0' && c <= '9';
		char low = (char)(c | 0x20);
		bool fits;

		switch (shape[i]) {
		case 't':
			fits = low == 't' || low == 'q' || low == 'd';
			break;
		case 'i':
			fits = low == 'i' || low == 'd';
			break;
		case 'a':
			fits = digit || (low >= 'a' && low <= 'z');
			break;
		case 'd':
			fits = digit;
			break;
		case 'x':
			fits = hex_value[(uint8_t)c];
			break;
		default:
			fits = c == '_';
		}
		if (!fits)
			return PK_REFUSED_JA4;
		copy[i] = i == 8 || i == 9 || digit || c == '_' ? c : low;
	}
	return set_text(ind, PK_INDICATOR_JA4, copy, len);
}

static enum pk_refused parse_asn(struct pk_indicator *ind, const char *text,
				 size_t len)
{
	uint64_t n = 0;

	if (len > 2 && (text[0] | 0x20) == 'a' && (text[1] | 0x20) == 's') {
		text += 2;
		len -= 2;
	}
	if (!len || len > 10)
		return PK_REFUSED_ASN;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return PK_REFUSED_ASN;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	if (!n || n > UINT32_MAX)
		return PK_REFUSED_ASN;
	ind->type = PK_INDICATOR_ASN;
	ind->match = PK_MATCH_EXACT;
	ind->asn = (uint32_t)n;
	return PK_REFUSED_NONE;
}

static enum pk_refused parse_user_agent(struct pk_indicator *ind,
					const char *text, size_t len)
{
	enum pk_refused why;

	if (!len || len > PK_VALUE_MAX || pk_unicode_has_control(text, len))
		return PK_REFUSED_USER_AGENT;
	why = pk_unicode_check(text, len);
	return why ? why : set_text(ind, PK_INDICATOR_USER_AGENT, text, len);
}

/* Of a local part: RFC 5322 atext and dots, and UTF-8 (RFC 6531). */
static bool fits_local_part(uint8_t c)
{
	return c > 0x20 && c != 0x7f && !strchr("\"(),:;<>@[\\]", c);
}

static enum pk_refused parse_email(struct pk_indicator *ind, const char *text,
				   size_t len)
{
	const char *sign = memrchr(text, '@', len);
	size_t local = sign ? (size_t)(sign - text) : 0;
	char copy[64 + 1 + PK_NAME_TEXT_MAX];
	uint8_t wire[PK_NAME_MAX];
	unsigned wire_len;
	enum pk_refused why;

	if (!local || local > 64)
		return PK_REFUSED_EMAIL;
	for (size_t i = 0; i < local; i++) {
		char c = text[i];

		if (!fits_local_part((uint8_t)c))
			return PK_REFUSED_EMAIL;
		copy[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	why = pk_unicode_check(text, local);
	if (why)
		return why;
	copy[local] = '@';
	why = pk_name_parse(sign + 1, len - local - 1, wire, &wire_len);
	if (why)
		return why == PK_REFUSED_EMPTY ? PK_REFUSED_EMAIL : why;
	return set_text(ind, PK_INDICATOR_EMAIL, copy,
			local + 1 + pk_name_print(wire, copy + local + 1));
}

/* --- by type -------------------------------------------------------------- */

static enum pk_refused parse_typed(struct pk_indicator *ind,
				   enum pk_indicator_type type,
				   const char *text, size_t len)
{
	switch (type) {
	case PK_INDICATOR_DOMAIN:
		return pk_indicator_parse_name(ind, text, len);
	case PK_INDICATOR_URL:
		return pk_indicator_parse_url(ind, text, len);
	case PK_INDICATOR_EMAIL:
		return parse_email(ind, text, len);
	case PK_INDICATOR_FILE:
	case PK_INDICATOR_JA3:
		return parse_digest(ind, type, text, len);
	case PK_INDICATOR_JA4:
		return parse_ja4(ind, text, len);
	case PK_INDICATOR_CERT:
		return parse_cert(ind, text, len);
	case PK_INDICATOR_USER_AGENT:
		return parse_user_agent(ind, text, len);
	case PK_INDICATOR_ASN:
		return parse_asn(ind, text, len);
	default:
		return PK_REFUSED_TYPE;
	}
}

enum pk_refused pk_indicator_parse_as(struct pk_indicator *ind,
				      enum pk_indicator_type type,
				      const char *text, size_t len,
				      unsigned *notes)
{
	unsigned unwanted;

	if (!notes)
		notes = &unwanted;
	*notes = 0;
	if (!len)
		return PK_REFUSED_EMPTY;
	switch (type) {
	case PK_INDICATOR_IPV4:
	case PK_INDICATOR_IPV6:
	case PK_INDICATOR_IPV4_NET:
	case PK_INDICATOR_IPV6_NET:
		return pk_indicator_read_addr(ind, text, len, notes);
	case PK_INDICATOR_IP_PORT:
		return pk_indicator_read_endpoint(ind, text, len);
	case PK_INDICATOR_TYPE_COUNT:
		return pk_indicator_read_any(ind, text, len, notes);
	default:
		return parse_typed(ind, type, text, len);
	}
}

enum pk_refused pk_indicator_parse(struct pk_indicator *ind, const char *text,
				   size_t len)
{
	return pk_indicator_parse_as(ind, PK_INDICATOR_TYPE_COUNT, text, len,
				     NULL);
}

enum pk_refused pk_indicator_parse_addr(struct pk_indicator *ind,
					const char *text, size_t len)
{
	return pk_indicator_parse_as(ind, PK_INDICATOR_IPV4, text, len, NULL);
}

/* --- the host ------------------------------------------------------------- */

enum { HOST_CONFIDENCE = 30 };

/* The host in canonical URL text: behind "//", to a slash or port. */
static const char *host_of_url(const struct pk_indicator *ind, size_t *len)
{
	const char *text = (const char *)ind->value;
	const char *host = memmem(text, ind->value_len, "//", 2);
	size_t left, n;

	if (!host)
		return NULL;
	host += 2;
	left = (size_t)(text + ind->value_len - host);
	if (left && *host == '[') {
		host++;
		left--;
		n = 0;
		while (n < left && host[n] != ']')
			n++;
	} else {
		n = 0;
		while (n < left && host[n] != '/' && host[n] != ':')
			n++;
	}
	*len = n;
	return host;
}

static enum pk_refused parse_host(struct pk_indicator *host, const char *text,
				  size_t len)
{
	/* A name never ends in a number, so this is not guessing. */
	enum pk_refused why = pk_indicator_parse_addr(host, text, len);

	return why ? pk_indicator_parse_name(host, text, len) : why;
}

int pk_indicator_host(const struct pk_indicator *ind, struct pk_indicator *host)
{
	const char *text = (const char *)ind->value;
	size_t len = 0;

	host->slot = 0;
	host->feed = ind->feed;
	host->meta = ind->meta;
	if (ind->type == PK_INDICATOR_IP_PORT) {
		pk_indicator_set_net(host, &ind->addr, 128);
	} else if (ind->type == PK_INDICATOR_URL) {
		text = host_of_url(ind, &len);
	} else if (ind->type == PK_INDICATOR_EMAIL) {
		text = memrchr(text, '@', ind->value_len);
		text = text ? text + 1 : NULL;
		if (text)
			len = (size_t)((const char *)ind->value +
				       ind->value_len - text);
	} else {
		return -ENOENT;
	}
	if (ind->type != PK_INDICATOR_IP_PORT &&
	    (!text || parse_host(host, text, len)))
		return -ENOENT;
	host->match = PK_MATCH_EXACT;
	host->meta.derived = 1;
	if (host->meta.confidence > HOST_CONFIDENCE)
		host->meta.confidence = HOST_CONFIDENCE;
	return 0;
}
