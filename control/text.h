/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text: how times, protocols, flags and roles are written, and how text that an
 * outsider controls is made harmless. Pure functions; any thread.
 */
#ifndef PK_CONTROL_TEXT_H
#define PK_CONTROL_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum {
	PK_TEXT_TIME = 32,
	PK_TEXT_FLAGS = 9,
	PK_TEXT_PROTO = 12,
};

/* RFC 3339 in UTC, cut to microseconds: 2017-02-11T17:38:27.000001Z */
void pk_text_time(uint64_t ns, char out[PK_TEXT_TIME]);

/* One letter a TCP flag, lowest bit first: F S R P A U E C. "" for none. */
void pk_text_flags(uint8_t flags, char out[PK_TEXT_FLAGS]);

/* IANA's keyword in lower case for the usual ones, else the number. */
void pk_text_proto(uint8_t proto, char out[PK_TEXT_PROTO]);

/* The word of an enum pk_role; "unknown" for other numbers. */
const char *pk_text_role(uint8_t role);

/*
 * Copy @in as valid, printable UTF-8. Bytes of control characters, of
 * characters that turn or hide text, and of anything that is not UTF-8
 * (RFC 3629) become \xNN. Cut at @size (at least 1, NUL included) between
 * characters. Returns the length.
 */
size_t pk_text_clean(const char *in, char *out, size_t size);

#endif /* PK_CONTROL_TEXT_H */
