/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/checksum.h"

#include "bpf/parse.h"

/* The sum of 16-bit words; a last single byte is the upper half of one. */
static uint64_t add(const uint8_t *p, uint32_t n)
{
	uint64_t sum = 0;

	for (; n > 1; n -= 2, p += 2)
		sum += pk_be16(p);
	return n ? sum + (uint64_t)(p[0] << 8) : sum;
}

/* And without options or extensions: a route in them changes the sum. */
static int is_whole(const struct pk_packet *p, uint32_t readable)
{
	uint32_t header = p->layers & PK_IS_IP6 ? 40 : 20;

	return p->l4_off == p->ip_off + header &&
	       (p->layers & (PK_HAS_PAYLOAD | PK_IS_FRAGMENT)) ==
		       PK_HAS_PAYLOAD &&
	       p->ip_off + p->bytes <= readable;
}

int pk_checksum_is_bad(const uint8_t *data, uint32_t readable,
		       const struct pk_decode *d)
{
	const struct pk_packet *p = &d->packet;
	uint32_t from = p->layers & PK_IS_IP6 ? 0 : 12, len;
	int udp = p->key.proto == PK_PROTO_UDP;
	uint64_t sum;

	if (!is_whole(p, readable) || (!udp && p->key.proto != PK_PROTO_TCP))
		return 0;
	if (udp && d->no_checksum)
		return (p->layers & PK_IS_IP6) != 0;
	len = p->ip_off + p->bytes - p->l4_off;
	if (udp)
		len = pk_be16(data + p->l4_off + 4);
	if (p->l4_off + len > p->ip_off + p->bytes)
		return 0;
	sum = add(p->key.src.b + from, 16 - from) +
	      add(p->key.dst.b + from, 16 - from) + p->key.proto + len;
	sum += add(data + p->l4_off, len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum != 0xffff;
}
