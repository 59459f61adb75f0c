/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refused: why a line of a feed, or a value given by hand, is no indicator.
 *
 * A closed list: every record that is not accepted, blank, a comment, unused
 * or a duplicate is counted under exactly one of these, and the names are the
 * counters' names. 0 means that nothing was refused.
 */
#ifndef PK_IOC_REFUSED_H
#define PK_IOC_REFUSED_H

#define PK_REFUSED_REASONS(_)                                                \
	_(NONE, "none", "accepted")                                          \
	/* The record as a whole. */                                         \
	_(LINE_LONG, "line_long", "line longer than 65536 bytes")            \
	_(OBJECT_LONG, "object_long", "object longer than 8 MiB")            \
	_(CONTROL, "control", "control character; is this a text file?")     \
	_(ENCODING, "encoding", "not UTF-8")                                 \
	_(QUOTES, "quotes", "quotation marks do not pair up")                \
	_(JSON, "json", "not valid JSON")                                    \
	_(SYNTAX, "syntax", "not a record of this format")                   \
	_(COLUMNS_FEW, "columns_few", "fewer columns than the format has")   \
	_(COLUMNS_MANY, "columns_many", "more columns than the format has")  \
	_(PATTERN, "pattern", "pattern that cannot be matched here")         \
	_(ID, "id", "not an unsigned 64-bit number")                         \
	_(ID_LONG, "id_long", "id longer than 63 bytes")                     \
	_(TYPE, "type", "unknown type")                                      \
	_(UNSUPPORTED, "unsupported", "unsupported type")                    \
	_(THREAT_TYPE, "threat_type", "threat type longer than 63 bytes")    \
	_(TIME, "time", "not a time")                                        \
	_(SCORE, "score", "not a score")                                     \
	_(BASE64, "base64", "not base64")                                    \
	/* The value. */                                                     \
	_(EMPTY, "empty", "empty value")                                     \
	_(DEFANGED, "defanged",                                              \
	  "defanged (hxxp, [.] and the like); --refang undoes it")           \
	_(CONFUSABLE, "confusable",                                          \
	  "characters that cannot be seen or look like others; give a name " \
	  "as xn--...")                                                      \
	_(ADDRESS, "address", "not an IP address")                           \
	_(PREFIX, "prefix", "not a prefix length")                           \
	_(RANGE, "range", "not an address range")                            \
	_(PORT, "port", "not a port from 1 to 65535")                        \
	_(NAME_PORT, "name_port", "name with a port; give the name alone")   \
	_(NAME_EMPTY_LABEL, "name_empty_label", "name with an empty label")  \
	_(NAME_LABEL_LONG, "name_label_long", "label longer than 63 bytes")  \
	_(NAME_LONG, "name_long", "name longer than 255 bytes")              \
	_(NAME_CHARACTER, "name_character", "character not used in names")   \
	_(NAME_NUMERIC, "name_numeric", "name that ends in a number")        \
	_(NAME_IDNA, "name_idna", "not a valid internationalised name")      \
	_(URL, "url", "not a URL")                                           \
	_(URL_HOST, "url_host", "URL without a host")                        \
	_(URL_LONG, "url_long", "URL longer than 2048 bytes")                \
	_(EMAIL, "email", "not an e-mail address")                           \
	_(HASH, "hash", "not an MD5, SHA-1 or SHA-256 in hexadecimal")       \
	_(JA3, "ja3", "not a JA3: 32 hexadecimal digits")                    \
	_(JA4, "ja4", "not a JA4: as t13d1516h2_8daaf6152771_02713d6af862")  \
	_(CERT, "certificate", "not the SHA-1 of a certificate")             \
	_(USER_AGENT, "user_agent",                                          \
	  "not a user agent of 1 to 2048 printable "                         \
	  "bytes")                                                           \
	_(ASN, "asn", "not an AS number from 1 to 4294967295")               \
	/* Guards: well-formed and still not wanted. */                      \
	_(SAFELISTED, "safelisted", "on a safelist")                         \
	_(PUBLIC_SUFFIX, "public_suffix",                                    \
	  "a public suffix: would match everybody below it")                 \
	_(BOGON, "bogon", "address that is not used on the Internet")        \
	_(OWN_NETWORK, "own_network", "address of an own network")           \
	_(PREFIX_WIDE, "prefix_wide", "prefix wider than allowed")           \
	_(EVERYTHING, "everything", "covers every address or name")          \
	_(MULTICAST, "multicast", "multicast address")                       \
	_(BROADCAST, "broadcast", "broadcast address")                       \
	_(DOCUMENTATION, "documentation", "kept for documentation")          \
	_(SPECIAL_NAME, "special_name", "name that is not used in public")   \
	_(NO_ROOM, "no_room", "the indicator store is full")

#define PK_REFUSED_ENUM(name, word, text) PK_REFUSED_##name,
enum pk_refused { PK_REFUSED_REASONS(PK_REFUSED_ENUM) PK_REFUSED_COUNT };
#undef PK_REFUSED_ENUM

/* The counter's name, and the reason in words; for any value. */
const char *pk_refused_word(enum pk_refused reason);
const char *pk_refused_text(enum pk_refused reason);

#endif /* PK_IOC_REFUSED_H */
