/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/refused.h"

#define PK_REFUSED_ROW(name, word, text) { word, text },

static const struct {
	const char *word;
	const char *text;
} reasons[] = { PK_REFUSED_REASONS(PK_REFUSED_ROW) };

const char *pk_refused_word(enum pk_refused reason)
{
	return (unsigned)reason < PK_REFUSED_COUNT ? reasons[reason].word : "?";
}

const char *pk_refused_text(enum pk_refused reason)
{
	return (unsigned)reason < PK_REFUSED_COUNT ? reasons[reason].text : "?";
}
