/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a feed of unknown format, perhaps gzip, in pieces of any size. */
#include "tests/fuzz_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pk_feed_options options;

	if (!size)
		return 0;
	pk_feed_options_init(&options);
	options.now = 1700000000;
	options.ttl_sec = 3600;
	fuzz_rows(&options, data + 1, size - 1, 1 + data[0]);
	return 0;
}
