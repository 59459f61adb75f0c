/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indicator: one indicator of compromise, as text and as bytes.
 *
 * Type words are those of STIX 2.1 where it has one. A value has one canonical
 * form, so that two spellings are one indicator:
 *
 *	type       canonical text                  canonical bytes
 *	IPV4       dotted quad                     4, network order
 *	IPV6       RFC 5952                        16
 *	IPV4_NET   192.0.2.0/24, host bits 0       4 + 1 (bits)
 *	IPV6_NET   2001:db8::/32, host bits 0      16 + 1 (bits)
 *	IP_PORT    192.0.2.1:443, [2001:db8::1]:1  16 (mapped) + 2 (big endian)
 *	DOMAIN     see ioc/name.h                  the wire name
 *	URL        see pk_indicator_parse_url()    the text
 *	EMAIL      local@a-labels, lower case      the text
 *	FILE       lower-case hex                  16, 20 or 32: MD5, SHA-1, SHA-256
 *	JA3        lower-case hex                  16
 *	JA4        t13d1516h2_8daaf6152771_...     the text
 *	CERT       lower-case hex of the SHA-1     20
 *	USER_AGENT verbatim                        the text
 *	ASN        AS64500                         4, big endian
 *
 * An IPv4-mapped IPv6 address is the IPv4 address; a prefix that is one host
 * is an address. Everything else is refused with a reason (ioc/refused.h).
 *
 * The struct is a carrier between feeds, commands, store and reports; the store
 * keeps a denser form. Texts are borrowed: who fills them says how long.
 */
#ifndef PK_IOC_INDICATOR_H
#define PK_IOC_INDICATOR_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "ioc/name.h"
#include "ioc/refused.h"

#define PK_INDICATOR_TYPES(_)       \
	_(IPV4, "ipv4-addr")        \
	_(IPV6, "ipv6-addr")        \
	_(IPV4_NET, "ipv4-net")     \
	_(IPV6_NET, "ipv6-net")     \
	_(IP_PORT, "ip-port")       \
	_(DOMAIN, "domain-name")    \
	_(URL, "url")               \
	_(EMAIL, "email-addr")      \
	_(FILE, "file")             \
	_(JA3, "ja3")               \
	_(JA4, "ja4")               \
	_(CERT, "x509-certificate") \
	_(USER_AGENT, "user-agent") \
	_(ASN, "autonomous-system")

#define PK_INDICATOR_ENUM(name, word) PK_INDICATOR_##name,
enum pk_indicator_type {
	PK_INDICATOR_TYPES(PK_INDICATOR_ENUM) PK_INDICATOR_TYPE_COUNT
};
#undef PK_INDICATOR_ENUM

/*
 * What a name covers. Two indicators of one name with different words are two
 * indicators. Other types are always EXACT.
 */
#define PK_MATCHES(_)                                                   \
	_(EXACT, "exact", "the name alone")                             \
	_(SUBDOMAINS, "subdomains", "the name and everything below it") \
	_(ONE_LABEL, "one-label", "names with exactly one label more")

#define PK_MATCH_ENUM(name, word, text) PK_MATCH_##name,
enum pk_match { PK_MATCHES(PK_MATCH_ENUM) PK_MATCH_COUNT };
#undef PK_MATCH_ENUM

/* The normalised threat type: words of the RSIT / IntelMQ classification. */
#define PK_THREAT_CLASSES(_)                              \
	_(NONE, "")                                       \
	_(C2, "c2-server")                                \
	_(MALWARE_DISTRIBUTION, "malware-distribution")   \
	_(MALWARE_CONFIGURATION, "malware-configuration") \
	_(MALWARE, "malware")                             \
	_(INFECTED, "infected-system")                    \
	_(PHISHING, "phishing")                           \
	_(SCANNER, "scanner")                             \
	_(BRUTE_FORCE, "brute-force")                     \
	_(EXPLOIT, "exploit")                             \
	_(IDS_ALERT, "ids-alert")                         \
	_(DDOS, "ddos")                                   \
	_(DDOS_AMPLIFIER, "ddos-amplifier")               \
	_(SPAM, "spam")                                   \
	_(FRAUD, "masquerade")                            \
	_(DEFACEMENT, "application-compromise")           \
	_(COMPROMISED, "system-compromise")               \
	_(DGA, "dga-domain")                              \
	_(PROXY, "proxy")                                 \
	_(TOR, "tor")                                     \
	_(BLACKLIST, "blacklist")                         \
	_(OTHER, "other")

#define PK_THREAT_CLASS_ENUM(name, word) PK_CLASS_##name,
enum pk_threat_class {
	PK_THREAT_CLASSES(PK_THREAT_CLASS_ENUM) PK_THREAT_CLASS_COUNT
};
#undef PK_THREAT_CLASS_ENUM

/* Severity words, lowest first; NONE: not said. */
#define PK_SEVERITIES(_) \
	_(NONE, "")      \
	_(INFO, "info")  \
	_(LOW, "low")    \
	_(MEDIUM, "medium") _(HIGH, "high") _(CRITICAL, "critical")

#define PK_SEVERITY_ENUM(name, word) PK_SEVERITY_##name,
enum pk_indicator_severity {
	PK_SEVERITIES(PK_SEVERITY_ENUM) PK_SEVERITY_COUNT
};
#undef PK_SEVERITY_ENUM

/* Traffic Light Protocol 2.0; "white" is read as clear. */
#define PK_TLPS(_)        \
	_(NONE, "")       \
	_(CLEAR, "clear") \
	_(GREEN, "green") \
	_(AMBER, "amber") _(AMBER_STRICT, "amber+strict") _(RED, "red")

#define PK_TLP_ENUM(name, word) PK_TLP_##name,
enum pk_tlp { PK_TLPS(PK_TLP_ENUM) PK_TLP_COUNT };
#undef PK_TLP_ENUM

/* What a hit does. */
#define PK_ACTIONS(_)                                      \
	_(ALERT, "alert", "publish a threat")              \
	_(WATCH, "watch", "count hits, publish nothing")   \
	_(CAPTURE, "capture", "publish and keep evidence") \
	_(BLOCK, "block", "publish and, where enforced, drop")

#define PK_ACTION_ENUM(name, word, text) PK_ACTION_##name,
enum pk_action { PK_ACTIONS(PK_ACTION_ENUM) PK_ACTION_COUNT };
#undef PK_ACTION_ENUM

enum {
	PK_THREAT_TYPE_MAX = 63, /* bytes of a threat type */
	PK_ID_MAX = 63,		 /* bytes of a vendor's id */
	PK_TAGS_MAX = 255,	 /* bytes of all tags, comma-separated */
	PK_ATTRIBUTION_MAX = 127,
	PK_ADDR_TEXT_MAX = 46, /* bytes of an address's text, NUL included */
	PK_VALUE_MAX = 2048,   /* canonical bytes of any value */
	/* Bytes of any value's canonical text, NUL included. */
	PK_VALUE_TEXT_MAX = PK_VALUE_MAX + 1,
	PK_FEEDS_MAX = 4096, /* feed numbers are below */
	PK_CONFIDENCE_UNKNOWN = 255,
};

/*
 * What a feed says of an indicator. Texts are never NULL, "" is "not said";
 * times are Unix seconds, 0 is "not said"; each fits its *_MAX (readers cut
 * longer tags and attributions at a comma or character, ids and threat types
 * that are too long are refused).
 */
struct pk_meta {
	const char *id;		 /* the vendor's */
	const char *threat_type; /* the feed's own word */
	const char *tags;
	const char *attribution; /* who or what it is put down to */
	uint32_t first_seen, last_seen;
	uint32_t valid_from, valid_until; /* until is exclusive */
	uint8_t threat_class;		  /* enum pk_threat_class */
	uint8_t confidence; /* 0 .. 100, or PK_CONFIDENCE_UNKNOWN */
	uint8_t severity;   /* enum pk_indicator_severity */
	uint8_t tlp;	    /* enum pk_tlp */
	uint8_t action;	    /* enum pk_action */
	uint8_t derived; /* 1: the host of a URL or e-mail, not itself listed */
};

struct pk_indicator {
	uint32_t slot; /* 0 until the store gave one */
	uint16_t feed; /* number of the feed it came from */
	uint8_t type;  /* enum pk_indicator_type */
	uint8_t match; /* enum pk_match */
	struct pk_meta meta;
	union pk_addr addr; /* addresses, prefixes, IP_PORT; IPv4 mapped */
	uint8_t bits;	    /* prefixes: 1 .. 31 or 1 .. 127; 0: everything */
	uint16_t port;	    /* IP_PORT: 1 .. 65535 */
	uint32_t asn;	    /* ASN */
	uint16_t value_len; /* of @value: types whose bytes are not above */
	uint8_t value[PK_VALUE_MAX + 1]; /* wire name, text or hash */
};

const char *pk_indicator_type_word(enum pk_indicator_type type);
const char *pk_match_word(enum pk_match match);
const char *pk_threat_class_word(enum pk_threat_class class);
const char *pk_severity_word(enum pk_indicator_severity severity);
const char *pk_tlp_word(enum pk_tlp tlp);
const char *pk_action_word(enum pk_action action);

/* The number of a word in any case, or -ENOENT. */
int pk_indicator_type_find(const char *word);
int pk_match_find(const char *word);
int pk_severity_find(const char *word);
int pk_tlp_find(const char *word); /* also "white" and "tlp:..." */
int pk_action_find(const char *word);

/*
 * The class of a feed's own word: a class's word, or one that feeds use for it
 * (botnet_cc, payload_delivery, "Malware C2", attempt, ...: the table is in
 * indicator_words.c). PK_CLASS_NONE for "" and PK_CLASS_OTHER for an unknown
 * word.
 */
enum pk_threat_class pk_threat_class_guess(const char *word);

/* No value, feed 0, nothing said, action alert. Leaves value[] as it is. */
void pk_indicator_init(struct pk_indicator *ind);
void pk_meta_init(struct pk_meta *meta);

/*
 * Parse the text of a value of @type. Sets what belongs to the value (names:
 * match SUBDOMAINS for "x", ".x" and "*.x", EXACT for "=x", ONE_LABEL for
 * "+.x") and nothing else. PK_REFUSED_NONE or the reason. For IPV4, IPV6 and both NET types any address
 * or prefix is taken and the type set to what it is. Host bits in a prefix
 * are cleared; *@notes (may be NULL) gets PK_NOTE_* bits. PK_INDICATOR_TYPE_COUNT
 * for @type is pk_indicator_parse().
 */
enum pk_refused pk_indicator_parse_as(struct pk_indicator *ind,
				      enum pk_indicator_type type,
				      const char *text, size_t len,
				      unsigned *notes);
enum { PK_NOTE_HOST_BITS = 1 }; /* host bits were set and cleared */

/*
 * Parse a value whose type the text itself tells: address, prefix, address and
 * port, URL with a scheme or (name or address)/path, e-mail address, 32, 40 or
 * 64 hex digits (a FILE), AS and a number, or a name. Never JA3, JA4, CERT or
 * USER_AGENT. The reason is that of the likeliest type.
 */
enum pk_refused pk_indicator_parse(struct pk_indicator *ind, const char *text,
				   size_t len);

/*
 * Set type, addr and bits: the prefix of @bits (0 .. 128, IPv4 mapped has 96
 * or more) at @addr, whose host bits are cleared; one host is an address.
 */
void pk_indicator_set_net(struct pk_indicator *ind, const union pk_addr *addr,
			  unsigned bits);

/* Parse an address or a prefix; see above. */
enum pk_refused pk_indicator_parse_addr(struct pk_indicator *ind,
					const char *text, size_t len);
enum pk_refused pk_indicator_parse_name(struct pk_indicator *ind,
					const char *text, size_t len);

/*
 * A URL: scheme and host in lower case, host IDNA-canonical (or an address),
 * default port, fragment and user information dropped, an empty path is "/",
 * path and query verbatim. A URL without a scheme is stored as "//host/path"
 * and matches every scheme. At most PK_VALUE_MAX bytes.
 */
enum pk_refused pk_indicator_parse_url(struct pk_indicator *ind,
				       const char *text, size_t len);

/*
 * Undo the usual ways of making an indicator unclickable, by a fixed list:
 * hxxp, hxxps, fxp, meow in front of "://"; [.] (.) {.} [dot] (dot) " dot ";
 * [:] [://] [at] (at) [@]; [/]. Returns the new length (never longer), *@n how
 * many replacements. In place.
 */
size_t pk_refang(char *text, size_t len, unsigned *n);

/*
 * The canonical bytes of the value: *@bytes points into @ind or @small.
 * Returns their length, 1 .. PK_VALUE_MAX. Equal type, match and bytes mean
 * equal indicators.
 */
enum { PK_SMALL_VALUE = 20 };
unsigned pk_indicator_bytes(const struct pk_indicator *ind,
			    uint8_t small[PK_SMALL_VALUE],
			    const uint8_t **bytes);

/* The way back: set the value of @ind (type is set already). 0 or -EBADMSG. */
int pk_indicator_set_bytes(struct pk_indicator *ind, const uint8_t *bytes,
			   unsigned len);

/* The canonical text of the value; returns its length. Names have no mark of
 * what they cover: that is @match. */
size_t pk_indicator_print(const struct pk_indicator *ind,
			  char text[PK_VALUE_TEXT_MAX]);

/*
 * The host of a URL, e-mail address or IP_PORT as an indicator of its own
 * (DOMAIN, IPV4 or IPV6; meta copied, derived = 1, confidence at most 30). 0,
 * or -ENOENT for other types.
 */
int pk_indicator_host(const struct pk_indicator *ind,
		      struct pk_indicator *host);

/* The text of an address (IPv4 mapped: dotted quad); returns its length. */
size_t pk_addr_print(const union pk_addr *addr, char text[PK_ADDR_TEXT_MAX]);

/* Parse an address alone, IPv4 becomes mapped. 0 or -EINVAL. */
int pk_addr_parse(union pk_addr *addr, const char *text);

/* Does the prefix @net/@bits cover @addr? IPv4 mapped with bits 0 .. 32. */
int pk_addr_in_net(const union pk_addr *addr, const union pk_addr *net,
		   unsigned bits);

#endif /* PK_IOC_INDICATOR_H */
