/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stix_pattern: the part of STIX patterns (STIX 2.1, section 9) that says a
 * value.
 *
 * Read: [ ... ], OR between them, and inside any AND, OR and parentheses of
 *
 *	path = literal		also ==
 *	path IN (a, b)		one branch each
 *	path ISSUBSET 'prefix'
 *	path LIKE 'text'	without wildcards, or '%.name' of a domain:
 *				that is the name with its subdomains
 *
 * Keywords in upper case, comments in both of C's ways. A pattern is brought to
 * branches joined by OR; each gives at most one value, of the most selective of
 * what it joins by AND: hash, URL, address and port, address, name, e-mail,
 * user agent, AS. The rest of the branch is not checked: it is counted.
 * An address and a port of the same end are one IP_PORT.
 *
 * What is seen on hosts alone (file names, registry keys, processes, resolved
 * addresses, hashes other than MD5, SHA-1 and SHA-256) is no error: such a
 * branch has no value. Everything else that the language has makes the whole
 * pattern refused, by name: a branch less would match less than is meant, a
 * condition less more.
 *
 * Tolerated because it is published: hash names in any spelling (sha256,
 * SHA-256 without quotes), a URL in domain-name, a prefix in ipv4-addr.
 *
 * Bounds: PK_STIX_BRANCHES branches, PK_STIX_LEVELS parentheses. Memory is
 * kept for the next pattern. One thread.
 */
#ifndef PK_IOC_FEED_STIX_PATTERN_H
#define PK_IOC_FEED_STIX_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "ioc/indicator.h"

enum {
	PK_STIX_BRANCHES = 16384,
	PK_STIX_LEVELS = 64,
	PK_STIX_PATTERN_MAX = 4 << 20, /* bytes */
};

#define PK_STIX_REFUSALS(_)                                         \
	_(NONE, "")                                                 \
	_(SYNTAX, "pattern: not a STIX pattern")                    \
	_(FOLLOWEDBY, "pattern: FOLLOWEDBY is not supported")       \
	_(AND, "pattern: AND of observations is not supported")     \
	_(WITHIN, "pattern: WITHIN is not supported")               \
	_(REPEATS, "pattern: REPEATS is not supported")             \
	_(START, "pattern: START and STOP are not supported")       \
	_(NOT, "pattern: NOT and != are not supported")             \
	_(MATCHES, "pattern: MATCHES is not supported")             \
	_(LIKE, "pattern: LIKE with such wildcards is not "         \
		"supported")                                        \
	_(ORDER, "pattern: comparison by order is not supported")   \
	_(EXISTS, "pattern: EXISTS is not supported")               \
	_(SUPERSET, "pattern: ISSUPERSET is not supported")         \
	_(OPERAND, "pattern: an operator that this path cannot be " \
		   "compared with")                                 \
	_(LARGE, "pattern: too large")                              \
	_(MEMORY, "pattern: no memory is left")

#define PK_STIX_REFUSAL_ENUM(name, text) PK_STIX_##name,
enum pk_stix_refusal { PK_STIX_REFUSALS(PK_STIX_REFUSAL_ENUM) PK_STIX_COUNT };
#undef PK_STIX_REFUSAL_ENUM

struct pk_stix_value {
	enum pk_indicator_type type;
	const char *text; /* for pk_indicator_parse_as(); not ended by a NUL */
	size_t len;
	unsigned unchecked; /* conditions beside it */
};

struct pk_stix_pattern;

int pk_stix_pattern_new(struct pk_stix_pattern **out); /* 0 or -ENOMEM */
void pk_stix_pattern_free(struct pk_stix_pattern *p);  /* NULL is a no-op */

/* Read one; what was read before is forgotten. */
enum pk_stix_refusal pk_stix_pattern_parse(struct pk_stix_pattern *p,
					   const char *text, size_t len);

/* After PK_STIX_NONE: values; they live until the next parse. */
unsigned pk_stix_pattern_count(const struct pk_stix_pattern *p);
void pk_stix_pattern_value(const struct pk_stix_pattern *p, unsigned i,
			   struct pk_stix_value *out);
/* Branches without a value: of hosts alone, or a port or the like alone. */
unsigned pk_stix_pattern_host_only(const struct pk_stix_pattern *p);
unsigned pk_stix_pattern_keyless(const struct pk_stix_pattern *p);

/* Where the refused thing is: an offset in the text. */
size_t pk_stix_pattern_at(const struct pk_stix_pattern *p);

const char *pk_stix_refusal_text(enum pk_stix_refusal why);

#endif /* PK_IOC_FEED_STIX_PATTERN_H */
