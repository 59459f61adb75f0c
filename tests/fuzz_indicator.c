/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as the text of a value, and as canonical bytes; the first byte is
 * the type. What is accepted must be canonical: text and bytes lead back to the
 * same value.
 */
#include <stdlib.h>
#include <string.h>

#include "ioc/indicator.h"
#include "ioc/range.h"

static void must(int ok)
{
	if (!ok)
		abort();
}

static struct pk_indicator ind, again, host;

static void check_bytes(void)
{
	uint8_t small[PK_SMALL_VALUE], small2[PK_SMALL_VALUE];
	const uint8_t *bytes, *bytes2;
	unsigned len = pk_indicator_bytes(&ind, small, &bytes);

	must(len && len <= PK_VALUE_MAX);
	pk_indicator_init(&again);
	again.type = ind.type;
	must(!pk_indicator_set_bytes(&again, bytes, len));
	must(pk_indicator_bytes(&again, small2, &bytes2) == len);
	must(!memcmp(bytes, bytes2, len));
}

static void check_text(void)
{
	char text[PK_VALUE_TEXT_MAX], text2[PK_VALUE_TEXT_MAX];
	size_t len = pk_indicator_print(&ind, text);

	must(len && len < sizeof(text) && strlen(text) == len);
	pk_indicator_init(&again);
	must(!pk_indicator_parse_as(&again, (enum pk_indicator_type)ind.type,
				    text, len, NULL));
	must(again.type == ind.type);
	must(pk_indicator_print(&again, text2) == len && !strcmp(text, text2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = (char *)data + 1;
	struct pk_range range;
	unsigned n = 0;

	if (!size)
		return 0;
	pk_indicator_init(&ind);
	if (!pk_indicator_parse_as(
		    &ind,
		    (enum pk_indicator_type)(data[0] %
					     (PK_INDICATOR_TYPE_COUNT + 1)),
		    text, size - 1, NULL)) {
		check_bytes();
		check_text();
		if (!pk_indicator_host(&ind, &host))
			must(host.meta.derived &&
			     host.type <= PK_INDICATOR_DOMAIN);
	}
	if (!pk_range_parse(&range, text, size - 1))
		for (; pk_range_next(&range, &ind); n++)
			check_text();
	must(n <= 254);
	pk_indicator_init(&ind);
	ind.type = data[0] % PK_INDICATOR_TYPE_COUNT;
	if (size - 1 <= PK_VALUE_MAX &&
	    !pk_indicator_set_bytes(&ind, data + 1, (unsigned)size - 1))
		check_bytes();
	return 0;
}
