/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stix_lex: the words of STIX patterns. For stix_pattern.c alone.
 *
 * A function that reads returns false when it does not find what it is named
 * for; those of literals and paths then have set @why, the others have moved
 * nothing but behind blanks and comments.
 */
#ifndef PK_IOC_FEED_STIX_LEX_H
#define PK_IOC_FEED_STIX_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioc/feed/stix_path.h"
#include "ioc/feed/stix_pattern.h"

/* A text in text[]; len 0: none. */
struct pk_stix_slice {
	uint32_t at, len;
};

struct pk_stix_literal {
	char kind; /* ' string, 0 number, t h b as in t'', w a word */
	struct pk_stix_slice text;
};

struct pk_stix_lex {
	const char *begin, *p, *end;
	enum pk_stix_refusal why;
	char path[PK_STIX_PATH_MAX + 1]; /* read last */
	char *text;			 /* decoded literals; room for all */
	size_t used;
};

/* Refuse: the first reason stays. Returns false. */
bool pk_stix_refuse(struct pk_stix_lex *l, enum pk_stix_refusal why);

void pk_stix_space(struct pk_stix_lex *l);
bool pk_stix_take(struct pk_stix_lex *l, const char *mark);
bool pk_stix_is_keyword(struct pk_stix_lex *l, const char *word);
bool pk_stix_keyword(struct pk_stix_lex *l, const char *word);
bool pk_stix_literal(struct pk_stix_lex *l, struct pk_stix_literal *out);
bool pk_stix_path(struct pk_stix_lex *l);

#endif /* PK_IOC_FEED_STIX_LEX_H */
