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
	PK_TEXT_STEP = 16, /* four bytes, each as \xNN */
};

/* RFC 3339 in UTC, cut to microseconds: 2017-02-11T17:38:27.000001Z */
void pk_text_time(uint64_t ns, char out[PK_TEXT_TIME]);

/* 16 hexadecimal digits. */
void pk_text_hex(uint64_t n, char out[17]);

/* One letter a TCP flag, lowest bit first: F S R P A U E C. "" for none. */
void pk_text_flags(uint8_t flags, char out[PK_TEXT_FLAGS]);

/* IANA's keyword in lower case for the usual ones, else the number. */
void pk_text_proto(uint8_t proto, char out[PK_TEXT_PROTO]);

/* The word of an enum pk_role; "unknown" for other numbers. */
const char *pk_text_role(uint8_t role);

/* The word of an enum pk_plane, and of an enum pk_embedded_kind ("" : none). */
const char *pk_text_plane(uint8_t plane);
const char *pk_text_state(uint8_t state); /* of an enum pk_threat_state */
const char *pk_text_embedded(uint8_t kind);

/*
 * Copy @in as valid, printable UTF-8. Bytes of control characters, of
 * characters that turn or hide text, and of anything that is not UTF-8
 * (RFC 3629) become \xNN, and so does a backslash in front of what would be
 * read as such: each \xNN of the result, from left to right, is one byte of
 * @in, and all else is as it was. Cut at @size (at least 1, NUL included)
 * between characters. Returns the length.
 */
size_t pk_text_clean(const char *in, char *out, size_t size);

/*
 * The same in pieces. The bytes at the start of @in that are ASCII, harmless,
 * and neither a quotation mark nor a backslash.
 */
size_t pk_text_plain(const char *in);
/* What becomes of the next character of *@in, which is moved on: its length. */
size_t pk_text_step(const char **in, char out[PK_TEXT_STEP]);
/* The same of text that was cleaned before: it stays as it is. */
size_t pk_text_again(const char **in, char out[PK_TEXT_STEP]);

#endif /* PK_CONTROL_TEXT_H */
