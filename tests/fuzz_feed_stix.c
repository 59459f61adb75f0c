/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as STIX; the first byte is options and the size of the pieces. */
#include "tests/fuzz_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pk_feed_options options;

	if (!size)
		return 0;
	pk_feed_options_init(&options);
	options.format = PK_FEED_STIX;
	options.everything = data[0] & 1;
	options.refang = data[0] >> 1 & 1;
	fuzz_rows(&options, data + 1, size - 1, 1 + (data[0] >> 2));
	return 0;
}
