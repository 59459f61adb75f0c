/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * embedded: the IPv4 address that an IPv6 address carries.
 *
 *	nat64        64:ff9b::/96, the last 32 bits (RFC 6052 2.1)
 *	nat64-local  64:ff9b:1::/48, the last 32 bits (RFC 8215 4)
 *	6to4         2002::/16, the 32 bits behind it (RFC 3056 2)
 *	teredo       2001::/32, the client: the last 32 bits inverted
 *	             (RFC 4380 4)
 *	isatap       [0200]:5efe in front of the last 32 bits (RFC 5214 6.1),
 *	             behind a prefix that does not begin with 32 zero bits
 *	mapped       ::ffff:0:0/96 in an IPv6 header (RFC 4291 2.5.5.2)
 *
 * A mapped address is how picket writes IPv4 (bpf/abi.h), so it is looked up
 * as such without more ado. For the others the look-up asks for the IPv4
 * address if the address itself matched nothing (bpf/match.h); whoever tells of
 * the hit derives the kind from the address again.
 *
 * Prefixes come before ISATAP: an address says one IPv4 address. Of a NAT64
 * prefix in local use only the lengths that put IPv4 last (/96) are known to
 * everybody; others (RFC 6052 2.2) are not looked into.
 */
#ifndef PK_BPF_EMBEDDED_H
#define PK_BPF_EMBEDDED_H

#include "bpf/abi.h"

/* The kinds and their words in a threat. */
#define PK_EMBEDDED_KINDS(_)          \
	_(NONE, "")                   \
	_(NAT64, "nat64")             \
	_(NAT64_LOCAL, "nat64-local") \
	_(6TO4, "6to4")               \
	_(TEREDO, "teredo")           \
	_(ISATAP, "isatap")           \
	_(MAPPED, "mapped")

#define PK_EMBEDDED_ENUM(name, word) PK_EMBEDDED_##name,
enum pk_embedded_kind { PK_EMBEDDED_KINDS(PK_EMBEDDED_ENUM) PK_EMBEDDED_COUNT };

/* Words of an address as they lie in memory. */
#define PK_WORD(a, b, c, d) \
	((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)
#define PK_WORD_NAT64  PK_WORD(0x00, 0x64, 0xff, 0x9b)
#define PK_WORD_TEREDO PK_WORD(0x20, 0x01, 0x00, 0x00)
#define PK_WORD_ISATAP PK_WORD(0x00, 0x00, 0x5e, 0xfe)
#define PK_HALF_6TO4   PK_WORD(0x20, 0x02, 0, 0)
#define PK_HALF_LOCAL  PK_WORD(0x00, 0x01, 0, 0)
#define PK_BIT_ISATAP  PK_WORD(0x02, 0, 0, 0) /* universal: a public address */

/*
 * Might it carry one? Quickly, because it is asked of every IPv6 address that
 * matched nothing; 0 is certain.
 */
PK_INLINE int pk_may_embed(const union pk_addr *a)
{
	__u32 w = a->w[0];

	if (!w) /* IPv4 */
		return 0;
	return (w == PK_WORD_NAT64) | ((w & 0xffff) == PK_HALF_6TO4) |
	       (w == PK_WORD_TEREDO) |
	       ((a->w[2] & ~PK_BIT_ISATAP) == PK_WORD_ISATAP);
}

/* What an IPv6 address carries that is not mapped. */
PK_INLINE enum pk_embedded_kind pk_embedded_kind(const union pk_addr *a)
{
	__u32 w = a->w[0];

	if (w == PK_WORD_NAT64 && !a->w[1] && !a->w[2])
		return PK_EMBEDDED_NAT64;
	if (w == PK_WORD_NAT64 && (a->w[1] & 0xffff) == PK_HALF_LOCAL)
		return PK_EMBEDDED_NAT64_LOCAL;
	if ((w & 0xffff) == PK_HALF_6TO4)
		return PK_EMBEDDED_6TO4;
	if (w == PK_WORD_TEREDO)
		return PK_EMBEDDED_TEREDO;
	if (w && (a->w[2] & ~PK_BIT_ISATAP) == PK_WORD_ISATAP)
		return PK_EMBEDDED_ISATAP;
	return PK_EMBEDDED_NONE;
}

/* The IPv4 address that @a carries, in picket's form. PK_EMBEDDED_NONE: none. */
PK_INLINE enum pk_embedded_kind pk_embedded(const union pk_addr *a,
					    union pk_addr *v4)
{
	enum pk_embedded_kind kind = pk_embedded_kind(a);

	v4->q[0] = 0;
	v4->w[2] = PK_WORD(0, 0, 0xff, 0xff);
	v4->w[3] = a->w[3];
	if (kind == PK_EMBEDDED_TEREDO)
		v4->w[3] = ~a->w[3];
	if (kind == PK_EMBEDDED_6TO4)
		v4->w[3] = a->w[0] >> 16 | a->w[1] << 16;
	return kind;
}

#endif /* PK_BPF_EMBEDDED_H */
