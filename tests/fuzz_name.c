/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as the text of a name and as a name on the wire. What is parsed
 * must be canonical: well-formed, folded, and the same after a round of text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/image/builder.h"
#include "ioc/image/lookup.h"
#include "ioc/name.h"

static void as_text(const uint8_t *data, size_t size)
{
	uint8_t wire[PK_NAME_MAX], again[PK_NAME_MAX];
	char text[PK_NAME_TEXT_MAX];
	unsigned len, len2;

	if (pk_name_parse((const char *)data, size, wire, &len))
		return;
	if (pk_name_length(wire, len) != len)
		abort();
	if (pk_name_parse(text, pk_name_print(wire, text), again, &len2) ||
	    len != len2 || memcmp(wire, again, len) != 0)
		abort();
	pk_name_fold(again);
	if (memcmp(wire, again, len) != 0)
		abort();
}

static void as_wire(const uint8_t *data, size_t size)
{
	/* pk_name_find() may read PK_NAME_MAX bytes and not one more. */
	uint8_t *wire = calloc(1, PK_NAME_MAX);
	struct pk_block empty = { 0 };
	struct pk_view v = { 0 };
	char text[PK_NAME_TEXT_MAX];

	if (!wire || pk_builder_empty(1, &empty))
		abort();
	v.base = v.delta = empty.lines;
	v.base_head = v.delta_head = empty.head;
	memcpy(wire, data, size < PK_NAME_MAX ? size : PK_NAME_MAX);
	if (pk_name_find(&v, wire, NULL))
		abort();
	if (pk_name_length(wire, PK_NAME_MAX)) {
		pk_name_fold(wire);
		if (pk_name_print(wire, text) >= sizeof(text))
			abort();
	}
	pk_block_free(&empty);
	free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_text(data, size);
	as_wire(data, size);
	return 0;
}
