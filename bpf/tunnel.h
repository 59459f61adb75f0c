/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tunnel: the headers that carry another packet: below IP (MPLS, PPPoE, SNAP,
 * 802.1ah, NSH, FabricPath), in IP (GRE, ERSPAN, EtherIP) and in UDP (VXLAN,
 * Geneve, GTP-U, Teredo, MPLS).
 *
 * Each function reads one header, moves the cursor behind it and says in *@next
 * what follows; PK_NEXT_NONE means that the packet so far is all there is. The
 * return value is a reason, PK_PARSE_OK if nothing is wrong.
 *
 * A UDP port is only a hint. If the first bytes are not what the port stands
 * for (another version, another type, a flag that must be set), the datagram
 * is plain UDP and nothing is wrong. What goes to port 53 is never taken for a
 * tunnel: who picks the other port of a DNS conversation could hide it so. What
 * comes from port 53 may be one: it is the sender who chose that port. An answer
 * to a resolver whose port is one of these stays what it is unless a packet is
 * found in it; its question was seen.
 *
 * What a header says of its length can only shorten what follows. The length
 * of an 802.3 frame is not believed: the IP packet in it has its own.
 *
 * Standards: RFC 3032 2.1 and RFC 4385 3 (MPLS), RFC 2516 4, RFC 1661 2 (PPP),
 * IEEE 802.1Q 9.7 (I-TAG), RFC 8300 2.2 (NSH), RFC 2784 2, RFC 2890 2, RFC
 * 2637 4.1 (GRE), RFC 3378 3 (EtherIP), RFC 7348 5 (VXLAN), RFC 8926 3.4
 * (Geneve), 3GPP TS 29.281 5.1 and 5.2 (GTP-U), RFC 4380 5.1.1 (Teredo), RFC
 * 7510 3 (MPLS in UDP), RFC 4023 3 (MPLS in IP).
 */
#ifndef PK_BPF_TUNNEL_H
#define PK_BPF_TUNNEL_H

#include "bpf/cursor.h"

enum {
	PK_ETH_IPV4 = 0x0800,
	PK_ETH_ARP = 0x0806,
	PK_ETH_ERSPAN3 = 0x22eb,
	PK_ETH_BRIDGED = 0x6558,
	PK_ETH_VLAN = 0x8100,
	PK_ETH_IPV6 = 0x86dd,
	PK_ETH_PPP = 0x880b,
	PK_ETH_MPLS = 0x8847,
	PK_ETH_MPLS_UP = 0x8848,
	PK_ETH_PPPOE = 0x8864,
	PK_ETH_SVLAN = 0x88a8,
	PK_ETH_ERSPAN = 0x88be,
	PK_ETH_PBB = 0x88e7,
	PK_ETH_FABRICPATH = 0x8903,
	PK_ETH_NSH = 0x894f,
	PK_ETH_MIN = 1536, /* below: an 802.3 length */
};

enum {
	PK_PROTO_IPIP = 4,
	PK_PROTO_IPV6 = 41,
	PK_PROTO_GRE = 47,
	PK_PROTO_ETHERIP = 97,
	PK_PROTO_MPLS = 137,
	PK_PROTO_ETHERNET = 143,
};

enum {
	PK_PORT_DNS = 53,
	PK_PORT_GTP = 2152,
	PK_PORT_TEREDO = 3544,
	PK_PORT_VXLAN = 4789,
	PK_PORT_GPE = 4790,
	PK_PORT_GENEVE = 6081,
	PK_PORT_MPLS = 6635,
	PK_PORT_VXLAN_OLD = 8472, /* Linux before RFC 7348, and Cisco's OTV */
};

/* What the next step reads: an EtherType, or one of these. */
enum pk_next {
	PK_NEXT_NONE = 0,
	PK_NEXT_ETH,
	PK_NEXT_LLC,
	PK_NEXT_PPP,
	PK_NEXT_GRE,
	PK_NEXT_ETHERIP,
	PK_NEXT_VXLAN,
	PK_NEXT_GPE,
	PK_NEXT_GENEVE,
	PK_NEXT_GTP,
	PK_NEXT_TEREDO,
};

enum { PK_GTP_EXTS = 8 }; /* GTP-U extension headers walked in one packet */

/* --- what a number stands for -------------------------------------------- */

/* An EtherType as a tunnel names it: 0x6558 is a whole frame. */
PK_INLINE __u8 pk_carry_type(__u16 type, __u16 *next)
{
	if (type < PK_ETH_MIN)
		return PK_PARSE_NOT_IP;
	*next = type;
	if (type == PK_ETH_BRIDGED)
		*next = PK_NEXT_ETH;
	if (type == PK_ETH_PPP)
		*next = PK_NEXT_PPP;
	return PK_PARSE_OK;
}

/* The protocols that VXLAN-GPE and NSH number alike. */
PK_INLINE __u8 pk_carry_number(__u8 number, __u16 *next)
{
	if (number == 1)
		*next = PK_ETH_IPV4;
	else if (number == 2)
		*next = PK_ETH_IPV6;
	else if (number == 3)
		*next = PK_NEXT_ETH;
	else if (number == 4)
		*next = PK_ETH_NSH;
	else if (number == 5)
		*next = PK_ETH_MPLS;
	else
		return PK_PARSE_NOT_IP;
	return PK_PARSE_OK;
}

/* IP that only its version tells. */
PK_INLINE __u8 pk_carry_version(const struct pk_cursor *c, __u16 *next)
{
	__u8 version = c->pos[0] >> 4;

	if (version != 4 && version != 6)
		return PK_PARSE_NOT_IP;
	*next = version == 4 ? PK_ETH_IPV4 : PK_ETH_IPV6;
	return PK_PARSE_OK;
}

/* Which IP protocols carry a packet. */
PK_INLINE __u16 pk_proto_carries(__u8 proto)
{
	switch (proto) {
	case PK_PROTO_IPIP:
		return PK_ETH_IPV4;
	case PK_PROTO_IPV6:
		return PK_ETH_IPV6;
	case PK_PROTO_GRE:
		return PK_NEXT_GRE;
	case PK_PROTO_ETHERIP:
		return PK_NEXT_ETHERIP;
	case PK_PROTO_MPLS:
		return PK_ETH_MPLS;
	case PK_PROTO_ETHERNET:
		return PK_NEXT_ETH;
	default:
		return PK_NEXT_NONE;
	}
}

PK_INLINE __u16 pk_port_carries(__u16 port)
{
	switch (port) {
	case PK_PORT_GTP:
		return PK_NEXT_GTP;
	case PK_PORT_TEREDO:
		return PK_NEXT_TEREDO;
	case PK_PORT_VXLAN:
	case PK_PORT_VXLAN_OLD:
		return PK_NEXT_VXLAN;
	case PK_PORT_GPE:
		return PK_NEXT_GPE;
	case PK_PORT_GENEVE:
		return PK_NEXT_GENEVE;
	case PK_PORT_MPLS:
		return PK_ETH_MPLS;
	default:
		return PK_NEXT_NONE;
	}
}

/*
 * Which UDP ports may carry a packet. The destination decides, as it does for
 * the receiver; Teredo answers from its port. Most datagrams are through
 * after the first comparison.
 */
PK_INLINE __u16 pk_ports_carry(__u16 sport, __u16 dport)
{
	__u16 next;

	if ((__u16)(dport - PK_PORT_GTP) > PK_PORT_VXLAN_OLD - PK_PORT_GTP &&
	    sport != PK_PORT_TEREDO)
		return PK_NEXT_NONE;
	if (dport == PK_PORT_DNS)
		return PK_NEXT_NONE;
	next = pk_port_carries(dport);
	return next == PK_NEXT_NONE && sport == PK_PORT_TEREDO ? PK_NEXT_TEREDO
							       : next;
}

/* --- between link and IP -------------------------------------------------- */

/* Does a frame that carries IP, a tag or ARP begin @at bytes from here? */
PK_INLINE int pk_looks_ethernet(const struct pk_cursor *c, __u32 at)
{
	const __u8 *h = c->pos + at;
	__u8 version;
	__u16 type;

	if (!pk_holds(c, at + 15))
		return 0;
	type = pk_be16(h + 12);
	version = h[14] >> 4;
	return (type == PK_ETH_IPV4 && version == 4) ||
	       (type == PK_ETH_IPV6 && version == 6) || type == PK_ETH_VLAN ||
	       type == PK_ETH_SVLAN || type == PK_ETH_ARP;
}

/*
 * Behind the labels nothing says what follows. A first half-byte of 4 or 6 is
 * IP, 0 a control word with a frame behind it, unless a frame stands here that
 * can be told by its type; so can one whose address begins otherwise.
 */
PK_INLINE __u8 pk_carry_labelled(struct pk_cursor *c, __u16 *next)
{
	__u32 most = c->left < 19 ? c->left : 19;
	__u8 first;

	if (!most || !pk_holds(c, 1) || !pk_holds(c, most))
		return PK_PARSE_SHORT_MPLS;
	first = c->pos[0];
	if (first >> 4 == 6 || (first >> 4 == 4 && (first & 15) >= 5))
		return pk_carry_version(c, next);
	if (pk_looks_ethernet(c, 0) && !pk_looks_ethernet(c, 4)) {
		*next = PK_NEXT_ETH;
		return PK_PARSE_OK;
	}
	if (first >> 4)
		return pk_carry_version(c, next);
	if (!pk_holds(c, 4))
		return PK_PARSE_SHORT_MPLS;
	pk_skip(c, 4);
	*next = PK_NEXT_ETH;
	return PK_PARSE_OK;
}

PK_INLINE __u8 pk_carry_mpls(struct pk_cursor *c, __u16 *next)
{
	__u8 bottom = 0;

	for (int i = 0; i < PK_MPLS_DEPTH && !bottom; i++) {
		if (!pk_holds(c, 4))
			return PK_PARSE_SHORT_MPLS;
		bottom = c->pos[2] & 1;
		pk_skip(c, 4);
	}
	return bottom ? pk_carry_labelled(c, next) : PK_PARSE_MPLS_DEPTH;
}

/* Sessions only: version and type 1, code 0. */
PK_INLINE __u8 pk_carry_pppoe(struct pk_cursor *c, __u16 *next)
{
	const __u8 *h = c->pos;

	if (!pk_holds(c, 6))
		return PK_PARSE_SHORT_PPPOE;
	if (h[0] != 0x11 || h[1] != 0)
		return PK_PARSE_NOT_IP;
	pk_skip(c, 6);
	pk_bound(c, pk_be16(h + 4));
	*next = PK_NEXT_PPP;
	return PK_PARSE_OK;
}

/* Address and control may be there; an odd protocol has one byte. */
PK_INLINE __u8 pk_carry_ppp(struct pk_cursor *c, __u16 *next)
{
	__u16 proto;

	if (pk_holds(c, 2) && pk_be16(c->pos) == 0xff03)
		pk_skip(c, 2);
	if (!pk_holds(c, 1))
		return PK_PARSE_SHORT_PPPOE;
	proto = c->pos[0];
	if (!(proto & 1) || proto == 0xff) {
		if (!pk_holds(c, 2))
			return PK_PARSE_SHORT_PPPOE;
		proto = pk_be16(c->pos);
		pk_skip(c, 1);
	}
	pk_skip(c, 1);
	if (proto == 0x0021)
		*next = PK_ETH_IPV4;
	else if (proto == 0x0057)
		*next = PK_ETH_IPV6;
	else if (proto == 0x0281 || proto == 0x0283)
		*next = PK_ETH_MPLS;
	else
		return PK_PARSE_NOT_IP;
	return PK_PARSE_OK;
}

/* An 802.3 frame: SNAP with an organisation that means EtherTypes. */
PK_INLINE __u8 pk_carry_llc(struct pk_cursor *c, __u16 *next)
{
	const __u8 *h = c->pos;
	__u32 oui;

	if (c->left < 8)
		return PK_PARSE_LLC;
	if (!pk_holds(c, 8))
		return PK_PARSE_SHORT_SHIM;
	oui = pk_be32(h + 2) & 0xffffff;
	if (pk_be32(h) >> 8 != 0xaaaa03 || (oui != 0 && oui != 0xf8))
		return PK_PARSE_LLC;
	pk_skip(c, 8);
	return pk_carry_type(pk_be16(h + 6), next);
}

/* @n bytes, then a whole frame: 802.1ah's I-TAG, FabricPath's tag. */
PK_INLINE __u8 pk_carry_frame(struct pk_cursor *c, __u32 n, __u16 *next)
{
	if (!pk_holds(c, n))
		return PK_PARSE_SHORT_SHIM;
	pk_skip(c, n);
	*next = PK_NEXT_ETH;
	return PK_PARSE_OK;
}

PK_INLINE __u8 pk_carry_nsh(struct pk_cursor *c, __u16 *next)
{
	const __u8 *h = c->pos;
	__u32 len;

	if (!pk_holds(c, 8))
		return PK_PARSE_SHORT_SHIM;
	if (h[0] >> 6 != 0)
		return PK_PARSE_NOT_IP;
	len = (__u32)(h[1] & 63) * 4;
	if (len < 8 || !pk_holds(c, len))
		return PK_PARSE_SHORT_SHIM;
	pk_skip(c, len);
	return pk_carry_number(h[3], next);
}

/* --- in IP ------------------------------------------------------------------ */

/* Version 1 is II, 8 bytes; 2 is III, 12 bytes and perhaps 8 more. */
PK_INLINE __u8 pk_carry_erspan(struct pk_cursor *c, __u16 *next)
{
	const __u8 *h = c->pos;
	__u8 kind;

	if (!pk_holds(c, 8))
		return PK_PARSE_SHORT_GRE;
	if (h[0] >> 4 == 1)
		return pk_carry_frame(c, 8, next);
	if (h[0] >> 4 != 2)
		return PK_PARSE_GRE_UNSUPPORTED;
	if (!pk_holds(c, 12))
		return PK_PARSE_SHORT_GRE;
	kind = h[10] >> 2 & 31;
	if (h[11] & 1) {
		if (!pk_holds(c, 20))
			return PK_PARSE_SHORT_GRE;
		pk_skip(c, 8);
	}
	pk_skip(c, 12);
	if (kind == 2) {
		if (!pk_holds(c, 1))
			return PK_PARSE_SHORT_GRE;
		return pk_carry_version(c, next);
	}
	if (kind != 0)
		return PK_PARSE_NOT_IP;
	*next = PK_NEXT_ETH;
	return PK_PARSE_OK;
}

/* GRE as PPTP has it. Without a sequence number it carries nothing. */
PK_INLINE __u8 pk_carry_pptp(struct pk_cursor *c, __u32 flags, __u16 *next)
{
	const __u8 *h = c->pos;
	__u32 len = 8 + (flags >> 10 & 4) + (flags >> 5 & 4);

	if ((flags & 0xe000) != 0x2000)
		return PK_PARSE_GRE_UNSUPPORTED;
	if (!pk_holds(c, 8) || !pk_holds(c, len))
		return PK_PARSE_SHORT_GRE;
	if (pk_be16(h + 2) != PK_ETH_PPP || !(flags & 0x1000))
		return PK_PARSE_L4_OTHER;
	pk_skip(c, len);
	pk_bound(c, pk_be16(h + 4));
	*next = PK_NEXT_PPP;
	return PK_PARSE_OK;
}

/* Checksum, key and sequence number are 4 bytes each. */
PK_INLINE __u8 pk_carry_gre(struct pk_cursor *c, __u16 *next)
{
	const __u8 *h = c->pos;
	__u32 flags, len;
	__u16 type;

	if (!pk_holds(c, 4))
		return PK_PARSE_SHORT_GRE;
	flags = pk_be16(h);
	type = pk_be16(h + 2);
	if ((flags & 7) == 1)
		return pk_carry_pptp(c, flags, next);
	if (flags & 0x4007)
		return PK_PARSE_GRE_UNSUPPORTED;
	len = 4 + (flags >> 13 & 4) + (flags >> 11 & 4) + (flags >> 10 & 4);
	if (!pk_holds(c, len))
		return PK_PARSE_SHORT_GRE;
	pk_skip(c, len);
	if (type == PK_ETH_ERSPAN3 || (type == PK_ETH_ERSPAN && flags & 0x1000))
		return pk_carry_erspan(c, next);
	if (type == PK_ETH_ERSPAN) /* I: no header of its own */
		type = PK_ETH_BRIDGED;
	return pk_carry_type(type, next);
}

PK_INLINE __u8 pk_carry_etherip(struct pk_cursor *c, __u16 *next)
{
	if (!pk_holds(c, 2))
		return PK_PARSE_SHORT_SHIM;
	if (c->pos[0] >> 4 != 3)
		return PK_PARSE_L4_OTHER;
	return pk_carry_frame(c, 2, next);
}

/* --- in UDP ----------------------------------------------------------------- */

PK_INLINE __u8 pk_carry_vxlan(struct pk_cursor *c, __u16 *next)
{
	if (!pk_holds(c, 1))
		return PK_PARSE_SHORT_VXLAN;
	if (!(c->pos[0] & 0x08))
		return PK_PARSE_OK;
	if (!pk_holds(c, 8))
		return PK_PARSE_SHORT_VXLAN;
	return pk_carry_frame(c, 8, next);
}

/* Version 0, and at least one of: the network is named, the protocol is. */
PK_INLINE __u8 pk_carry_gpe(struct pk_cursor *c, __u16 *next)
{
	const __u8 *h = c->pos;

	if (!pk_holds(c, 1))
		return PK_PARSE_SHORT_VXLAN;
	if (h[0] & 0x30 || !(h[0] & 0x0c))
		return PK_PARSE_OK;
	if (!pk_holds(c, 8))
		return PK_PARSE_SHORT_VXLAN;
	pk_skip(c, 8);
	return pk_carry_number(h[0] & 0x04 ? h[3] : 3, next);
}

PK_INLINE __u8 pk_carry_geneve(struct pk_cursor *c, __u16 *next)
{
	const __u8 *h = c->pos;
	__u32 len;

	if (!pk_holds(c, 1))
		return PK_PARSE_SHORT_GENEVE;
	if (h[0] >> 6 != 0)
		return PK_PARSE_OK;
	len = 8 + (__u32)(h[0] & 63) * 4;
	if (!pk_holds(c, 8) || !pk_holds(c, len))
		return PK_PARSE_SHORT_GENEVE;
	pk_skip(c, len);
	return pk_carry_type(pk_be16(h + 2), next);
}

/* Extension headers: length in words, contents, the next one's type. */
PK_INLINE __u8 pk_skip_gtp_exts(struct pk_cursor *c, __u8 type)
{
	for (int i = 0; i < PK_GTP_EXTS && type; i++) {
		__u32 len, rest;

		if (!pk_holds(c, 1))
			return PK_PARSE_SHORT_GTP;
		len = (__u32)c->pos[0] * 4;
		if (!len)
			return PK_PARSE_GTP_EXT_ZERO;
		if (!pk_holds(c, len))
			return PK_PARSE_SHORT_GTP;
		rest = len - 1;
		PK_OPAQUE(rest); /* Linux 6.1 does not know that it is not -1 */
		pk_skip(c, rest & 1023);
		if (!pk_holds(c, 1))
			return PK_PARSE_SHORT_GTP;
		type = c->pos[0];
		pk_skip(c, 1);
	}
	return type ? PK_PARSE_GTP_EXT_DEPTH : PK_PARSE_OK;
}

/* Version 1, not prime, a G-PDU: all else is signalling. */
PK_INLINE __u8 pk_carry_gtp(struct pk_cursor *c, __u16 *next)
{
	const __u8 *h = c->pos;
	__u8 reason, ext = 0;

	if (!pk_holds(c, 2))
		return PK_PARSE_SHORT_GTP;
	if (h[0] >> 4 != 3 || h[1] != 255)
		return PK_PARSE_OK;
	if (!pk_holds(c, 8))
		return PK_PARSE_SHORT_GTP;
	pk_skip(c, 8);
	pk_bound(c, pk_be16(h + 2));
	if (h[0] & 7) {
		if (!pk_holds(c, 4))
			return PK_PARSE_SHORT_GTP;
		ext = h[0] & 4 ? c->pos[3] : 0;
		pk_skip(c, 4);
	}
	reason = pk_skip_gtp_exts(c, ext);
	if (reason != PK_PARSE_OK)
		return reason;
	return pk_holds(c, 1) ? pk_carry_version(c, next) : PK_PARSE_SHORT_GTP;
}

/* Authentication, origin, both or none of them, then IPv6. */
PK_INLINE __u8 pk_carry_teredo(struct pk_cursor *c, __u16 *next)
{
	if (pk_holds(c, 4) && pk_be16(c->pos) == 1) {
		__u32 len = 13 + (__u32)c->pos[2] + c->pos[3];

		if (!pk_holds(c, len))
			return PK_PARSE_SHORT_TEREDO;
		pk_skip(c, len);
	}
	if (pk_holds(c, 8) && pk_be16(c->pos) == 0)
		pk_skip(c, 8);
	if (!pk_holds(c, 1))
		return PK_PARSE_SHORT_TEREDO;
	if (c->pos[0] >> 4 == 6)
		*next = PK_ETH_IPV6;
	else if (!pk_holds(c, 8) && c->pos[0] == 0)
		return PK_PARSE_SHORT_TEREDO;
	return PK_PARSE_OK;
}

/* --- the one that is next ----------------------------------------------------- */

PK_INLINE __u8 pk_carry(struct pk_cursor *c, __u16 what, __u16 *next)
{
	switch (what) {
	case PK_ETH_MPLS:
	case PK_ETH_MPLS_UP:
		return pk_carry_mpls(c, next);
	case PK_ETH_PPPOE:
		return pk_carry_pppoe(c, next);
	case PK_NEXT_PPP:
		return pk_carry_ppp(c, next);
	case PK_ETH_PBB:
		return pk_carry_frame(c, 4, next);
	case PK_ETH_FABRICPATH:
		return pk_carry_frame(c, 2, next);
	case PK_ETH_NSH:
		return pk_carry_nsh(c, next);
	case PK_NEXT_GRE:
		return pk_carry_gre(c, next);
	case PK_NEXT_ETHERIP:
		return pk_carry_etherip(c, next);
	case PK_NEXT_VXLAN:
		return pk_carry_vxlan(c, next);
	case PK_NEXT_GPE:
		return pk_carry_gpe(c, next);
	case PK_NEXT_GENEVE:
		return pk_carry_geneve(c, next);
	case PK_NEXT_GTP:
		return pk_carry_gtp(c, next);
	case PK_NEXT_TEREDO:
		return pk_carry_teredo(c, next);
	case PK_NEXT_LLC:
		return pk_carry_llc(c, next);
	default:
		return PK_PARSE_NOT_IP;
	}
}

#endif /* PK_BPF_TUNNEL_H */
