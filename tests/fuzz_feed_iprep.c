/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as IP reputations; the first byte chooses options and the pieces' size. */
#include "tests/fuzz_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pk_feed_options options;

	if (!size)
		return 0;
	pk_feed_options_init(&options);
	options.format = PK_FEED_IPREP;
	options.refang = data[0] & 1;
	options.hosts = data[0] >> 1 & 1;
	fuzz_rows(&options, data + 1, size - 1, 1 + (data[0] >> 2));
	return 0;
}
