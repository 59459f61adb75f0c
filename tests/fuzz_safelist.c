/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a safelist: an error has a sentence; what is read can be
 * written, and reads to the same list again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/guard/safelist.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct text {
	char *at;
	size_t len;
};

static int append(void *arg, const char *bytes, size_t len)
{
	struct text *t = arg;
	char *grown = realloc(t->at, t->len + len);

	if (!grown)
		abort();
	t->at = grown;
	memcpy(t->at + t->len, bytes, len);
	t->len += len;
	return 0;
}

/* Put the list in and write it; 0 when the text is no list. */
static int turn(struct pk_safelist *s, const char *bytes, size_t len,
		struct text *out)
{
	char err[PK_SAFELIST_SENTENCE] = "";
	struct pk_safelist_draft *d;

	if (pk_safelist_draft_new(&d, "f", 1))
		abort();
	if (pk_safelist_draft_read(d, bytes, len, err)) {
		if (strncmp(err, "safelist f", 10) != 0)
			abort();
		pk_safelist_draft_free(d);
		return 0;
	}
	if (pk_safelist_put(s, d) || pk_safelist_write(s, "f", append, out))
		abort();
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text one = { 0 }, two = { 0 };
	struct pk_safelist *s;
	uint32_t entries;

	if (pk_safelist_new(&s, 1))
		abort();
	if (turn(s, (const char *)bytes, len, &one)) {
		entries = pk_safelist_at(s, 0)->entries;
		if (!turn(s, one.at, one.len, &two))
			abort();
		if (pk_safelist_at(s, 0)->entries != entries ||
		    pk_safelist_at(s, 0)->refused || one.len != two.len)
			abort();
	}
	free(one.at);
	free(two.at);
	pk_safelist_free(s);
	return 0;
}
