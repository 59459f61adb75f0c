/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as MISP's CSV; the first byte is the size of the pieces. An even
 * one puts a header in front, so that rows are reached.
 */
#include "tests/fuzz_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char header[] =
		"uuid,category,type,value,to_ids,date,attribute_tag\n";
	static uint8_t text[1 << 16];
	struct pk_feed_options options;
	size_t front;

	if (!size || size > sizeof(text) - sizeof(header))
		return 0;
	front = data[0] & 1 ? 0 : sizeof(header) - 1;
	memcpy(text, header, front);
	memcpy(text + front, data + 1, size - 1);
	pk_feed_options_init(&options);
	options.format = PK_FEED_MISP_CSV;
	options.everything = data[0] >> 1 & 1;
	fuzz_rows(&options, text, front + size - 1, 1 + (data[0] >> 2));
	return 0;
}
