/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name: domain names as indicators.
 *
 * The canonical form is the wire form (RFC 1035 section 3.1): labels with
 * length bytes, ended by the root's zero byte, at most 255 bytes, ASCII
 * letters in lower case (RFC 4343). Labels are compared by bytes, so a dot or
 * a NUL inside a label is never confused with the name's structure; the text
 * form escapes them.
 *
 * Text that is given to us (feeds, commands) is stricter than the wire:
 * letters, digits, hyphen and underscore. Other letters than ASCII are turned
 * into A-labels (RFC 5891, UTS 46) when nothing but case changes on the way;
 * what vanishes, becomes ASCII or looks like it is refused (ioc/unicode.h).
 * A-labels that do not decode are refused.
 *
 * No state and no locks: any thread. What a name matches: ioc/image/lookup.h.
 */
#ifndef PK_IOC_NAME_H
#define PK_IOC_NAME_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/image.h"
#include "ioc/refused.h"

enum {
	PK_NAME_MAX = 255,	   /* bytes of a wire name, root included */
	PK_NAME_LABELS = 127,	   /* most labels in it */
	PK_NAME_TEXT_MAX = 4 * 255 /* bytes of its text, NUL included */
};

/*
 * Turn @len bytes of text into a canonical wire name; a trailing dot is
 * allowed. *@wire_len counts the root byte. PK_REFUSED_NONE, or the reason, and
 * then @wire and *@wire_len hold nothing of use. Allocates only for names that
 * are not plain ASCII (and refuses them when memory is short).
 */
enum pk_refused pk_name_parse(const char *text, size_t len,
			      uint8_t wire[PK_NAME_MAX], unsigned *wire_len);

/*
 * Length of the well-formed name at @wire, its root byte included, or 0 when
 * none ends within @max bytes and PK_NAME_MAX.
 */
unsigned pk_name_length(const uint8_t *wire, size_t max);

/* Lower-case ASCII letters in place; @wire is well-formed. */
void pk_name_fold(uint8_t *wire);

/*
 * Print a well-formed name: no trailing dot (the root is "."); a dot or
 * backslash inside a label is escaped by a backslash, bytes that are not
 * printable ASCII as \DDD (RFC 1035 section 5.1). Returns the text's length.
 */
size_t pk_name_print(const uint8_t *wire, char text[PK_NAME_TEXT_MAX]);

/*
 * The suffixes of a name, from the shortest to the longest:
 *
 *	struct pk_name_suffixes s;
 *	if (pk_name_suffixes(&s, seed, wire))
 *		while (pk_name_next(&s))
 *			use(s.labels, s.hash, s.suffix);
 *
 * hash is what pk_name_begin() and pk_name_step() give for the suffix.
 */
struct pk_name_suffixes {
	const uint8_t *suffix; /* in wire form */
	unsigned labels;       /* of the suffix, from 1 */
	uint64_t hash;
	const uint8_t *wire;
	unsigned left;			   /* labels not yet joined */
	uint8_t start[PK_NAME_LABELS + 1]; /* where each label begins */
};

/* Begin; the number of labels, 0 for the root and for malformed bytes. */
unsigned pk_name_suffixes(struct pk_name_suffixes *s, uint64_t seed,
			  const uint8_t *wire);
int pk_name_next(struct pk_name_suffixes *s); /* 0 when there is no more */

/* The hash of a whole canonical name: its exact key. */
uint64_t pk_name_hash(uint64_t seed, const uint8_t *wire);

#endif /* PK_IOC_NAME_H */
