/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a STIX pattern. It is refused with a place inside of it, or all
 * values are texts and branches add up.
 */
#include "ioc/feed/stix_pattern.h"

#include <stdlib.h>
#include <string.h>

static volatile unsigned char sink;

static void check(const struct pk_stix_pattern *p)
{
	unsigned n = pk_stix_pattern_count(p);

	if (n + pk_stix_pattern_host_only(p) + pk_stix_pattern_keyless(p) == 0)
		abort();
	for (unsigned i = 0; i < n; i++) {
		struct pk_stix_value v;

		pk_stix_pattern_value(p, i, &v);
		if (v.type >= PK_INDICATOR_TYPE_COUNT || !v.len ||
		    v.unchecked > 1 << 24)
			abort();
		for (size_t at = 0; at < v.len; at++)
			sink ^= (unsigned char)v.text[at];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pk_stix_pattern *p;
	enum pk_stix_refusal why;
	char *text = malloc(size + 1);

	if (!text || pk_stix_pattern_new(&p))
		abort();
	memcpy(text, data, size);
	for (int i = 0; i < 2; i++) { /* what was read before does not matter */
		why = pk_stix_pattern_parse(p, text, size);
		if (pk_stix_pattern_at(p) > size || why >= PK_STIX_COUNT)
			abort();
		if (!why)
			check(p);
	}
	pk_stix_pattern_free(p);
	free(text);
	return 0;
}
