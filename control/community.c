/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/community.h"

#include <sha1.h>
#include <string.h>
#include <sys/types.h>

#include "bpf/parse.h"

enum { PROTO_SCTP = 132, INPUT_MAX = 2 + 16 + 16 + 2 + 4 };

static int is_mapped(const union pk_addr *a)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a, prefix, sizeof(prefix)) == 0;
}

static int has_ports(uint8_t proto)
{
	return proto == PK_PROTO_TCP || proto == PK_PROTO_UDP ||
	       proto == PROTO_SCTP || proto == PK_PROTO_ICMP ||
	       proto == PK_PROTO_ICMP6;
}

/* ICMP types that have no counterpart: their message has one direction. */
static int is_one_way(const struct pk_flow_key *k)
{
	if (k->proto == PK_PROTO_ICMP)
		return k->sport != 0 && k->sport != 8 && k->sport != 9 &&
		       k->sport != 10 && (k->sport < 13 || k->sport > 18);
	if (k->proto == PK_PROTO_ICMP6)
		return (k->sport < 128 || k->sport > 131) &&
		       (k->sport < 133 || k->sport > 136) && k->sport != 139 &&
		       k->sport != 140 && k->sport != 144 && k->sport != 145;
	return 0;
}

static int must_swap(const struct pk_flow_key *k)
{
	int order = memcmp(&k->src, &k->dst, sizeof(k->src));

	if (is_one_way(k))
		return 0;
	return order > 0 || (order == 0 && k->sport > k->dport);
}

static uint8_t *put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *put_addr(uint8_t *p, const union pk_addr *a, int ip4)
{
	size_t skip = ip4 ? 12 : 0;

	memcpy(p, a->b + skip, 16 - skip);
	return p + 16 - skip;
}

static size_t serialize(uint8_t *out, const struct pk_flow_key *k,
			uint16_t seed)
{
	int swap = must_swap(k);
	int ip4 = is_mapped(&k->src) && is_mapped(&k->dst);
	uint8_t *p = put16(out, seed);

	p = put_addr(p, swap ? &k->dst : &k->src, ip4);
	p = put_addr(p, swap ? &k->src : &k->dst, ip4);
	*p++ = k->proto;
	*p++ = 0;
	if (has_ports(k->proto)) {
		p = put16(p, swap ? k->dport : k->sport);
		p = put16(p, swap ? k->sport : k->dport);
	}
	return (size_t)(p - out);
}

_Static_assert(INPUT_MAX + 1 + 8 <= SHA1_BLOCK_LENGTH, "one block");

/*
 * SHA-1 (RFC 3174) of the first @len bytes of @block, which are all of one
 * block with its padding: libmd pads a byte at a time, which takes twice as
 * long as the rest.
 */
static void digest_block(uint8_t block[SHA1_BLOCK_LENGTH], size_t len,
			 uint8_t digest[SHA1_DIGEST_LENGTH])
{
	uint32_t state[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
			      0xc3d2e1f0 };

	block[len] = 0x80;
	put16(block + SHA1_BLOCK_LENGTH - 2, (uint16_t)(len * 8));
	SHA1Transform(state, block);
	for (unsigned i = 0; i < 5; i++) {
		put16(digest + 4 * i, (uint16_t)(state[i] >> 16));
		put16(digest + 4 * i + 2, (uint16_t)state[i]);
	}
}

/* RFC 4648 section 4. */
static void base64(const uint8_t *in, size_t len, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16;

		if (i + 1 < len)
			v |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < len)
			v |= in[i + 2];
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < len ? digits[v & 63] : '=';
	}
	*out = 0;
}

void pk_community_id(const struct pk_flow_key *key, uint16_t seed,
		     char out[PK_COMMUNITY_TEXT])
{
	uint8_t block[SHA1_BLOCK_LENGTH] = { 0 }, digest[SHA1_DIGEST_LENGTH];
	size_t len = serialize(block, key, seed);

	digest_block(block, len, digest);
	memcpy(out, "1:", 2);
	base64(digest, sizeof(digest), out + 2);
}
