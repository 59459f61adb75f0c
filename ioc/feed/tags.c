/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/tags.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ioc/indicator.h"

enum { WORD_MAX = 32 }; /* longer tags are no TLP */

size_t pk_tags_cut(const char *tags, size_t len)
{
	if (len <= PK_TAGS_MAX)
		return len;
	for (size_t at = PK_TAGS_MAX; at; at--)
		if (tags[at] == ',')
			return at;
	return PK_TAGS_MAX;
}

int pk_tags_tlp(const char *tags, size_t len)
{
	char word[WORD_MAX];
	int tlp = PK_TLP_NONE;

	for (size_t at = 0; at < len;) {
		const char *comma = memchr(tags + at, ',', len - at);
		size_t n = comma ? (size_t)(comma - tags) - at : len - at;
		size_t skip = strspn(tags + at, " ");
		int found;

		if (skip > n)
			skip = n;
		snprintf(word, sizeof(word), "%.*s", (int)(n - skip),
			 tags + at + skip);
		found = strncasecmp(word, "tlp:", 4) ? -1 : pk_tlp_find(word);
		if (found > tlp)
			tlp = found;
		at += n + 1;
	}
	return tlp;
}
