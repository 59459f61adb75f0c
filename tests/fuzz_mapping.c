/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a mapping document and, behind a NUL, a table for it. A document
 * that is refused says why in one line.
 */
#include "ioc/feed/mapping.h"
#include "tests/fuzz_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);
	size_t len = end ? (size_t)(end - data) : size;
	struct pk_feed_options options;
	struct pk_mapping *m = NULL;
	char why[PK_MAPPING_WHY_MAX];

	pk_mapping_guess((const char *)data, size);
	if (pk_mapping_parse(&m, "fuzz", (const char *)data, len, why)) {
		fuzz_must(!m && *why && !strchr(why, '\n'));
		return 0;
	}
	fuzz_must(m && !*why && *pk_mapping_name(m));
	for (unsigned i = 0; i < pk_mapping_columns(m); i++)
		fuzz_must(pk_mapping_names(m, i)[0] != NULL);
	pk_feed_options_init(&options);
	options.format = PK_FEED_TABLE;
	options.mapping = m;
	if (end)
		fuzz_rows(&options, end + 1, size - len - 1, 7);
	pk_mapping_free(m);
	return 0;
}
