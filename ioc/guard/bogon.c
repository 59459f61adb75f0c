/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/guard/bogon.h"

#include <stdbool.h>
#include <string.h>

struct net {
	struct pk_bogon bogon;
	uint64_t key; /* v4: the address; v6: its first half */
	uint64_t low; /* v6: the second half */
	unsigned bits;
};

#define V4(a, b, c, d) ((uint64_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define V6(a, b, c, d) \
	((uint64_t)(a) << 48 | (uint64_t)(b) << 32 | (uint64_t)(c) << 16 | (d))
#define BAD(what)                      \
	{                              \
		PK_REFUSED_BOGON, what \
	}
#define PAPER(what)                            \
	{                                      \
		PK_REFUSED_DOCUMENTATION, what \
	}

/* An address in 255.255.255.255 is in 240/4 too: the first row speaks. */
static const struct net v4[] = {
	{ { PK_REFUSED_BROADCAST, "255.255.255.255, limited broadcast" },
	  V4(255, 255, 255, 255),
	  0,
	  32 },
	{ { PK_REFUSED_MULTICAST, "224.0.0.0/4, multicast" },
	  V4(224, 0, 0, 0),
	  0,
	  4 },
	{ BAD("0.0.0.0/8, this network"), V4(0, 0, 0, 0), 0, 8 },
	{ BAD("10.0.0.0/8, private use"), V4(10, 0, 0, 0), 0, 8 },
	{ BAD("100.64.0.0/10, shared address space"), V4(100, 64, 0, 0), 0,
	  10 },
	{ BAD("127.0.0.0/8, loopback"), V4(127, 0, 0, 0), 0, 8 },
	{ BAD("169.254.0.0/16, link local"), V4(169, 254, 0, 0), 0, 16 },
	{ BAD("172.16.0.0/12, private use"), V4(172, 16, 0, 0), 0, 12 },
	{ BAD("192.0.0.0/24, protocol assignments"), V4(192, 0, 0, 0), 0, 24 },
	{ BAD("192.168.0.0/16, private use"), V4(192, 168, 0, 0), 0, 16 },
	{ BAD("198.18.0.0/15, benchmarking"), V4(198, 18, 0, 0), 0, 15 },
	{ BAD("240.0.0.0/4, reserved"), V4(240, 0, 0, 0), 0, 4 },
	{ PAPER("192.0.2.0/24, documentation"), V4(192, 0, 2, 0), 0, 24 },
	{ PAPER("198.51.100.0/24, documentation"), V4(198, 51, 100, 0), 0, 24 },
	{ PAPER("203.0.113.0/24, documentation"), V4(203, 0, 113, 0), 0, 24 },
};

static const struct net v6[] = {
	{ { PK_REFUSED_MULTICAST, "ff00::/8, multicast" },
	  V6(0xff00, 0, 0, 0),
	  0,
	  8 },
	{ BAD("::, unspecified"), 0, 0, 128 },
	{ BAD("::1, loopback"), 0, 1, 128 },
	{ BAD("64:ff9b:1::/48, local translation"), V6(0x64, 0xff9b, 1, 0), 0,
	  48 },
	{ BAD("100::/64, discard only"), V6(0x100, 0, 0, 0), 0, 64 },
	{ BAD("2001::/32, Teredo"), V6(0x2001, 0, 0, 0), 0, 32 },
	{ BAD("2001:2::/48, benchmarking"), V6(0x2001, 2, 0, 0), 0, 48 },
	{ BAD("2001:10::/28, ORCHID"), V6(0x2001, 0x10, 0, 0), 0, 28 },
	{ BAD("2001:20::/28, ORCHIDv2"), V6(0x2001, 0x20, 0, 0), 0, 28 },
	{ BAD("fc00::/7, unique local"), V6(0xfc00, 0, 0, 0), 0, 7 },
	{ BAD("fe80::/10, link local"), V6(0xfe80, 0, 0, 0), 0, 10 },
	{ PAPER("2001:db8::/32, documentation"), V6(0x2001, 0xdb8, 0, 0), 0,
	  32 },
	{ PAPER("3fff::/20, documentation"), V6(0x3fff, 0, 0, 0), 0, 20 },
};

static const struct pk_bogon not_global = BAD("not global unicast (2000::/3)");

/* Is one inside the other? */
static bool overlap(uint64_t key, uint64_t low, unsigned bits,
		    const struct pk_net *net)
{
	unsigned n = bits < net->bits ? bits : net->bits;

	key ^= net->key[0];
	low ^= net->key[1];
	if (n <= 64)
		return !n || !(key >> (64 - n));
	return !key && !(low >> (128 - n));
}

/* Global unicast, or the well-known translation prefix. */
static bool is_global(const struct pk_net *net)
{
	return net->bits >= 3 &&
	       (net->key[0] >> 61 == 1 ||
		(net->bits >= 96 && net->key[0] == V6(0x64, 0xff9b, 0, 0) &&
		 !(net->key[1] >> 32)));
}

const struct pk_bogon *pk_bogon_net(const struct pk_net *net)
{
	if (net->v4) {
		for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++)
			if (overlap(0, 0xffffULL << 32 | v4[i].key,
				    v4[i].bits + 96, net))
				return &v4[i].bogon;
		return NULL;
	}
	for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++)
		if (overlap(v6[i].key, v6[i].low, v6[i].bits, net))
			return &v6[i].bogon;
	return is_global(net) ? NULL : &not_global;
}

static const struct {
	struct pk_bogon bogon;
	const char *wire;
	unsigned len; /* without the root */
} names[] = {
#define NAME(reason, what, wire)                         \
	{                                                \
		{ reason, what }, wire, sizeof(wire) - 1 \
	}
#define SPECIAL	   PK_REFUSED_SPECIAL_NAME
#define PAPER_NAME PK_REFUSED_DOCUMENTATION
	NAME(SPECIAL, "localhost (RFC 6761)", "\011localhost"),
	NAME(SPECIAL, "invalid (RFC 6761)", "\007invalid"),
	NAME(SPECIAL, "local, multicast DNS (RFC 6762)", "\005local"),
	NAME(SPECIAL, "arpa, infrastructure (RFC 3172)", "\004arpa"),
	NAME(SPECIAL, "internal, private use", "\010internal"),
	NAME(SPECIAL, "alt, not DNS (RFC 9476)", "\003alt"),
	NAME(PAPER_NAME, "example, documentation", "\007example"),
	NAME(PAPER_NAME, "example.com, documentation", "\007example\003com"),
	NAME(PAPER_NAME, "example.net, documentation", "\007example\003net"),
	NAME(PAPER_NAME, "example.org, documentation", "\007example\003org"),
	NAME(PAPER_NAME, "test (RFC 6761)", "\004test"),
#undef NAME
};

/* Does the name end in these labels, at a label's boundary? */
static bool ends_in(const uint8_t *wire, unsigned len, const char *suffix,
		    unsigned suffix_len)
{
	unsigned at = 0, want = len - 1 - suffix_len;

	if (len <= suffix_len || memcmp(wire + want, suffix, suffix_len) != 0)
		return false;
	while (at < want)
		at += 1 + wire[at];
	return at == want;
}

const struct pk_bogon *pk_bogon_name(const uint8_t *wire, unsigned len)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ends_in(wire, len, names[i].wire, names[i].len))
			return &names[i].bogon;
	return NULL;
}
