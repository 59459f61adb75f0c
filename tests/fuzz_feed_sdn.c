/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as sdn_sensor's rows; the first byte is the size of the pieces. */
#include "tests/fuzz_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pk_feed_options options;

	if (!size)
		return 0;
	pk_feed_options_init(&options);
	options.format = data[0] & 1 ? PK_FEED_AUTO : PK_FEED_SDN;
	fuzz_rows(&options, data + 1, size - 1, 1 + (data[0] >> 1));
	return 0;
}
