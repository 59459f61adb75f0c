/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a packet of any link type. The first byte chooses the type,
 * the second how much longer the packet was on the wire. What becomes a
 * frame must be an Ethernet frame whose end is the end of the packet.
 */
#include "dataplane/file/link.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const int types[] = { 0,	  1,   9,   12,	 14,  50,  51,	101,
			     104, 108, 113, 228, 229, 276, 105, -1 };

static void check(const struct pk_link_bytes *in,
		  const struct pk_link_frame *out)
{
	uint32_t kept = out->len - PK_LINK_ETH_BYTES;

	if (out->len < PK_LINK_ETH_BYTES || kept > in->len)
		abort();
	if ((int64_t)out->len - out->delta != in->len)
		abort();
	if (kept && memcmp(out->data + PK_LINK_ETH_BYTES,
			   in->data + in->len - kept, kept) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pk_link_bytes in = { 0 };
	struct pk_link_frame out;
	uint8_t *buf;

	if (size < 2)
		return 0;
	in.type = types[data[0] % (sizeof types / sizeof *types)];
	in.data = data + 2;
	in.len = (uint32_t)size - 2;
	in.wire_len = in.len + data[1] * 64;
	buf = malloc(in.len + PK_LINK_ETH_BYTES);
	if (!buf)
		return 0;
	if (pk_link_ethernet(&in, buf, in.len + PK_LINK_ETH_BYTES, &out) ==
	    PK_LINK_OK)
		check(&in, &out);
	free(buf);
	return 0;
}
