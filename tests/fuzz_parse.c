/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a frame. The decoder and its slow twin must agree on every
 * field, for the whole frame and for a head of it, and what is said to be
 * valid must lie inside. The last byte of the input says how many bytes the
 * wire had beyond those that can be read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/parse.h"
#include "tests/parse_twin.h"

static void check(const uint8_t *data, uint32_t size, uint32_t wire)
{
	struct pk_decode d, twin;
	const struct pk_packet *p = &d.packet;
	uint8_t reason = pk_parse(data, data + size, wire, &d);

	if (reason != p->reason || reason >= PK_PARSE_COUNT)
		abort();
	if (p->ip_off > size || p->l4_off > size ||
	    p->l4_off > PK_VISIBLE_BYTES || p->depth > PK_OUTERS ||
	    d.steps > PK_STEPS)
		abort();
	if (p->layers & PK_HAS_PORTS && p->l4_off + 4U > size)
		abort();
	if ((p->layers & ~PK_HAS_IP || p->depth) && !(p->layers & PK_HAS_IP))
		abort();
	twin_parse(data, size, wire, &twin);
	if (memcmp(p, &twin.packet, sizeof(*p)) != 0 ||
	    memcmp(d.outer, twin.outer, p->depth * sizeof(d.outer[0])) != 0 ||
	    d.outer_ip6 != twin.outer_ip6)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t n = (uint32_t)size;

	if (!size || size > 4096)
		return 0;
	check(data, n, n);
	check(data, n - 1, n - 1 + data[n - 1]);
	return 0;
}
