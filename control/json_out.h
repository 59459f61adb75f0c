/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_out: one JSON object (RFC 8259), written straight into a buffer.
 *
 * For what is told many times a second; a tree that is built, printed and
 * freed costs ten times as much. Keys are constants that need no escapes. The
 * first failure is kept and later members are dropped, so callers look once,
 * at the end.
 *
 *	struct pk_json_out j;
 *
 *	pk_json_out_begin(&j, out, size);
 *	pk_json_out_number(&j, "count", 7);
 *	pk_json_out_open(&j, "flow", '{');
 *	pk_json_out_text(&j, "name", name);
 *	pk_json_out_close(&j, '}');
 *	len = pk_json_out_end(&j);
 *
 * No allocation. One thread an object.
 */
#ifndef PK_CONTROL_JSON_OUT_H
#define PK_CONTROL_JSON_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

enum { PK_JSON_OUT_TEXT = 4096 }; /* bytes of one text, without its escapes */

struct pk_json_out {
	char *out;
	size_t size;
	size_t len; /* beyond size: it did not fit */
	int comma;  /* the next member needs one in front */
};

void pk_json_out_begin(struct pk_json_out *j, char *out, size_t size);
/* The length of the text, NUL-terminated; -ENOSPC when it does not fit. */
int pk_json_out_end(struct pk_json_out *j);

/* Begin and end a nested object or list: '{' and '}', '[' and ']'. */
void pk_json_out_open(struct pk_json_out *j, const char *key, char bracket);
void pk_json_out_close(struct pk_json_out *j, char bracket);

/*
 * Members; @key is NULL for those of a list. pk_json_out_plain() is for texts that
 * need no escapes; pk_json_out_text() for all others: what pk_text_clean() makes
 * of it. A longer text is cut, and ends in U+2026 and its length in bytes.
 */
void pk_json_out_plain(struct pk_json_out *j, const char *key,
		       const char *text);
void pk_json_out_text(struct pk_json_out *j, const char *key, const char *text);
/* As pk_json_out_text(), of text that was cleaned, and cut, before. */
void pk_json_out_again(struct pk_json_out *j, const char *key,
		       const char *text);
void pk_json_out_number(struct pk_json_out *j, const char *key, uint64_t n);
void pk_json_out_hex(struct pk_json_out *j, const char *key, uint64_t n);
void pk_json_out_time(struct pk_json_out *j, const char *key, uint64_t ns);
void pk_json_out_addr(struct pk_json_out *j, const char *key,
		      const union pk_addr *addr);
/* A value that is JSON already. */
void pk_json_out_raw(struct pk_json_out *j, const char *key, const char *json);

#endif /* PK_CONTROL_JSON_OUT_H */
