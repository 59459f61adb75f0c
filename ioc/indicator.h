/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indicator: one indicator of compromise, as text and as bytes.
 *
 * Types carry the words of STIX 2.1 (the spelled-out Cyber-observable types).
 * A value has one canonical form, so that two spellings are one indicator:
 * IPv4 as dotted quad, an IPv4-mapped IPv6 address is the IPv4 address, IPv6 as
 * RFC 5952, names as ioc/name.h says. Everything else is refused with a reason.
 *
 * The struct is a carrier between feeds, commands, store and reports; the store
 * keeps a denser form. Plain values: no ownership but @threat_type, borrowed.
 */
#ifndef PK_IOC_INDICATOR_H
#define PK_IOC_INDICATOR_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "ioc/name.h"
#include "ioc/refused.h"

/* The last three are known by name and not matched yet. */
#define PK_INDICATOR_TYPES(_)    \
	_(IPV4, "ipv4-addr")     \
	_(IPV6, "ipv6-addr")     \
	_(DOMAIN, "domain-name") \
	_(URL, "url")            \
	_(EMAIL, "email-addr")   \
	_(FILE, "file")

#define PK_INDICATOR_ENUM(name, word) PK_INDICATOR_##name,
enum pk_indicator_type {
	PK_INDICATOR_TYPES(PK_INDICATOR_ENUM) PK_INDICATOR_TYPE_COUNT
};
#undef PK_INDICATOR_ENUM

enum {
	PK_THREAT_TYPE_MAX = 63, /* bytes of a threat type */
	PK_ADDR_TEXT_MAX = 46,	 /* bytes of an address's text, NUL included */
	PK_VALUE_TEXT_MAX = PK_NAME_TEXT_MAX,
	PK_FEEDS_MAX = 4096, /* feed numbers are below */
};

struct pk_indicator {
	uint32_t slot;		 /* 0 until the store gave one */
	uint16_t feed;		 /* number of the feed it came from */
	uint8_t type;		 /* enum pk_indicator_type */
	uint8_t subdomains;	 /* names: 1 if subdomains match as well */
	uint64_t id;		 /* the vendor's number, 0 if none */
	const char *threat_type; /* borrowed; never NULL, may be "" */
	union pk_addr addr;	 /* addresses, IPv4 mapped */
	uint16_t name_len;	 /* names: bytes of @name */
	uint8_t name[PK_NAME_MAX + 1];
};

const char *pk_indicator_type_word(enum pk_indicator_type type);

/* The type of a word, or -ENOENT. */
int pk_indicator_type_find(const char *word);

/*
 * Parse an address, or a prefix that is one host (/32, /128). Sets type and
 * addr and nothing else. PK_REFUSED_NONE, _EMPTY, _ADDRESS, or _PREFIX for a
 * well-formed prefix that is wider.
 */
enum pk_refused pk_indicator_parse_addr(struct pk_indicator *ind,
					const char *text, size_t len);

/* Parse a name. Sets type, name, name_len and subdomains = 1. */
enum pk_refused pk_indicator_parse_name(struct pk_indicator *ind,
					const char *text, size_t len);

/*
 * Parse an address or a name, whatever the text looks like; the reason is that
 * of the likelier of the two, or PK_REFUSED_UNSUPPORTED for what is a URL.
 */
enum pk_refused pk_indicator_parse(struct pk_indicator *ind, const char *text,
				   size_t len);

/* Make all fields empty: feed 0, no value. */
void pk_indicator_init(struct pk_indicator *ind);

/* The canonical text of the value; returns its length. */
size_t pk_indicator_print(const struct pk_indicator *ind,
			  char text[PK_VALUE_TEXT_MAX]);

/* The text of an address (IPv4 mapped: dotted quad); returns its length. */
size_t pk_addr_print(const union pk_addr *addr, char text[PK_ADDR_TEXT_MAX]);

/* Parse an address alone, IPv4 becomes mapped. 0 or -EINVAL. */
int pk_addr_parse(union pk_addr *addr, const char *text);

#endif /* PK_IOC_INDICATOR_H */
