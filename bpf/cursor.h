/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cursor: what every part of the decoder stands on: the place in the frame,
 * the one rule that says which bytes may be read, and the reasons why a frame
 * was not decoded to its end.
 */
#ifndef PK_BPF_CURSOR_H
#define PK_BPF_CURSOR_H

#include "bpf/abi.h"

/*
 * What few frames need. Outside the kernel it stands apart, so that it costs
 * the others nothing.
 */
#ifdef __bpf__
#define PK_COLD PK_INLINE
#else
#define PK_COLD static __attribute__((noinline, cold, unused))
#endif

/* Why a packet was not parsed to the end. The names are the counter names. */
#define PK_PARSE_REASONS(_)                                                  \
	_(OK, "parsed to layer 4")                                           \
	_(SHORT_ETH, "ends inside an Ethernet header")                       \
	_(SHORT_VLAN, "ends inside a VLAN tag")                              \
	_(VLAN_DEPTH, "more VLAN tags than are decoded")                     \
	_(SHORT_MPLS, "ends inside a stack of MPLS labels or behind it")     \
	_(MPLS_DEPTH, "more MPLS labels than are walked")                    \
	_(SHORT_PPPOE, "ends inside a PPPoE or PPP header")                  \
	_(SHORT_SHIM, "ends inside SNAP, 802.1ah, NSH, FabricPath, EtherIP") \
	_(LLC, "802.3 length frame without SNAP")                            \
	_(NOT_IP, "neither IPv4 nor IPv6 behind the link headers")           \
	_(SHORT_IP, "ends inside the IP header")                             \
	_(IP_VERSION, "IP version differs from the type before it")          \
	_(IP_HLEN, "IPv4 header length below 20")                            \
	_(IP_LENGTH, "IPv4 total length below its header length")            \
	_(IP_TRUNCATED, "IP length beyond the end of what carries it")       \
	_(IP_OPTION, "IPv4 option of length 0 or 1, or beyond the header")   \
	_(FRAGMENT, "not the first fragment: no layer 4 header")             \
	_(SHORT_EXT, "ends inside an IPv6 extension header or AH")           \
	_(EXT_DEPTH, "more IPv6 extension headers than are walked")          \
	_(NO_NEXT, "IPv6 no next header")                                    \
	_(L4_OTHER, "another protocol than TCP, UDP, SCTP and ICMP")         \
	_(SHORT_L4, "ends inside the layer 4 header")                        \
	_(TCP_HLEN, "TCP data offset below 5 or beyond the segment")         \
	_(TCP_OPTION, "TCP option of length 0 or 1, or beyond the header")   \
	_(UDP_LENGTH, "UDP length below 8 or beyond the IP payload")         \
	_(SHORT_GRE, "ends inside a GRE or ERSPAN header")                   \
	_(GRE_UNSUPPORTED, "GRE with routing, or of an unknown version")     \
	_(SHORT_VXLAN, "ends inside a VXLAN header")                         \
	_(SHORT_GENEVE, "ends inside a Geneve header or its options")        \
	_(SHORT_GTP, "ends inside a GTP-U header or an extension of it")     \
	_(GTP_EXT_ZERO, "GTP-U extension header of length 0")                \
	_(GTP_EXT_DEPTH, "more GTP-U extension headers than are walked")     \
	_(SHORT_TEREDO, "ends inside a Teredo indication")                   \
	_(TUNNEL_DEPTH, "more packets around packets than are decoded")      \
	_(NONLINEAR, "headers behind the bytes that can be read at once")

#define PK_PARSE_ENUM(name, text) PK_PARSE_##name,
enum pk_parse_reason { PK_PARSE_REASONS(PK_PARSE_ENUM) PK_PARSE_COUNT };
_Static_assert((int)PK_PARSE_COUNT <= (int)PK_REASONS_MAX,
	       "reason[] is too short");

/*
 * @pos may be read up to @end; @left bytes are promised from @pos on. Outside
 * the kernel @end is the first of all ends, so that one comparison tells; the
 * verifier wants to see that with the end of the packet.
 */
struct pk_cursor {
	const __u8 *data; /* where the frame begins */
	const __u8 *pos;
	const __u8 *end;
	__u32 left;
	__u32 off; /* of @pos in the frame */
};

PK_INLINE __u16 pk_be16(const __u8 *p)
{
	return (__u16)(p[0] << 8 | p[1]);
}

PK_INLINE __u32 pk_be32(const __u8 *p)
{
	return (__u32)p[0] << 24 | (__u32)p[1] << 16 | (__u32)p[2] << 8 | p[3];
}

PK_INLINE int pk_holds(const struct pk_cursor *c, __u32 n)
{
#ifdef __bpf__
	return c->pos + n <= c->end && n <= c->left &&
	       c->off + n <= PK_VISIBLE_BYTES;
#else
	return n <= (__u32)(c->end - c->pos);
#endif
}

/* Only what it holds: pk_holds(c, n) came before. */
PK_INLINE void pk_skip(struct pk_cursor *c, __u32 n)
{
	c->pos += n;
	c->off += n;
	c->left -= n;
}

/* What carries the rest says how long it is; it can only be shorter. */
PK_INLINE void pk_bound(struct pk_cursor *c, __u32 n)
{
	if (n < c->left)
		c->left = n;
#ifndef __bpf__
	if (n < (__u32)(c->end - c->pos))
		c->end = c->pos + n;
#endif
}

/* @off bytes into the frame at @data, readable up to @end; @left follow. */
PK_INLINE struct pk_cursor pk_cursor_at(const void *data, const void *end,
					__u32 off, __u32 left)
{
	struct pk_cursor c = { data, data, end, left, off };

	c.pos += off;
#ifndef __bpf__
	if (c.end - c.data > PK_VISIBLE_BYTES)
		c.end = c.data + PK_VISIBLE_BYTES;
	if (left < (__u32)(c.end - c.pos))
		c.end = c.pos + left;
#endif
	return c;
}

/*
 * Where paths meet. The verifier tells two ways to the same place apart by what
 * it knows of offset and length; read back from memory they are the same to it,
 * and what follows is taken once. Nothing happens outside the kernel.
 */
PK_INLINE void pk_join(struct pk_cursor *c, struct pk_decode *d)
{
#ifdef __bpf__
	d->off = c->off;
	d->left = c->left;
	PK_FORGET();
	c->off = d->off & (2 * PK_VISIBLE_BYTES - 1);
	c->left = d->left;
	c->pos = c->data + c->off;
#else
	(void)c;
	(void)d;
#endif
}

/* Remember the first defect only. */
PK_INLINE void pk_defect(struct pk_packet *p, __u8 reason)
{
	if (p->reason == PK_PARSE_OK)
		p->reason = reason;
}

#endif /* PK_BPF_CURSOR_H */
