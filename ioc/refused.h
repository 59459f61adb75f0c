/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refused: why a line of a feed, or a value given by hand, is no indicator.
 *
 * A closed list: every line that is not accepted, blank, a comment or a
 * duplicate is counted under exactly one of these, and the names are the
 * counters' names. 0 means that nothing was refused.
 */
#ifndef PK_IOC_REFUSED_H
#define PK_IOC_REFUSED_H

#define PK_REFUSED_REASONS(_)                                               \
	_(NONE, "none", "accepted")                                         \
	_(LINE_LONG, "line_long", "line longer than 4096 bytes")            \
	_(CONTROL, "control", "control character; is this a text file?")    \
	_(QUOTES, "quotes", "quotation marks do not pair up")               \
	_(COLUMNS_FEW, "columns_few", "fewer columns than the format has")  \
	_(COLUMNS_MANY, "columns_many", "more columns than the format has") \
	_(ID, "id", "not an unsigned 64-bit number")                        \
	_(TYPE, "type", "unknown type")                                     \
	_(UNSUPPORTED, "unsupported", "unsupported type")                   \
	_(PREFIX, "prefix", "unsupported type: prefix wider than a host")   \
	_(THREAT_TYPE, "threat_type", "threat type longer than 63 bytes")   \
	_(EMPTY, "empty", "empty value")                                    \
	_(ADDRESS, "address", "not an IP address")                          \
	_(NAME_EMPTY_LABEL, "name_empty_label", "name with an empty label") \
	_(NAME_LABEL_LONG, "name_label_long", "label longer than 63 bytes") \
	_(NAME_LONG, "name_long", "name longer than 255 bytes")             \
	_(NAME_CHARACTER, "name_character", "character not used in names")  \
	_(NAME_NUMERIC, "name_numeric", "name that ends in a number")       \
	_(NAME_IDNA, "name_idna", "not a valid internationalised name")     \
	_(NO_ROOM, "no_room", "the indicator store is full")

#define PK_REFUSED_ENUM(name, word, text) PK_REFUSED_##name,
enum pk_refused { PK_REFUSED_REASONS(PK_REFUSED_ENUM) PK_REFUSED_COUNT };
#undef PK_REFUSED_ENUM

/* The counter's name, and the reason in words; for any value. */
const char *pk_refused_word(enum pk_refused reason);
const char *pk_refused_text(enum pk_refused reason);

#endif /* PK_IOC_REFUSED_H */
