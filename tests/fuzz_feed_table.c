/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a table. The first byte chooses the mapping (the last number:
 * none, told from the header), the second the size of the pieces and options.
 */
#include "ioc/feed/mapping.h"
#include "tests/fuzz_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pk_feed_options options;
	unsigned n = 0;

	if (size < 2)
		return 0;
	while (pk_mapping_at(n))
		n++;
	pk_feed_options_init(&options);
	options.format = PK_FEED_TABLE;
	options.mapping = pk_mapping_at(data[0] % (n + 1));
	options.everything = data[1] & 1;
	options.refang = data[1] >> 1 & 1;
	options.hosts = data[1] >> 2 & 1;
	options.now = 1790000000;
	fuzz_rows(&options, data + 2, size - 2, 1 + (data[1] >> 3));
	return 0;
}
