/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * parse: from the bytes of an Ethernet frame to a struct pk_packet.
 *
 * The same source runs in the XDP and tc programs, in the DPDK and file
 * planes, in the tests and in the fuzzer, and must give the same result bit
 * for bit. Bytes are read one by one or through pk_be16/pk_be32, never as
 * structs: behind an Ethernet header everything is misaligned.
 *
 * A packet gets exactly one reason, the first defect met, or OK. A defect
 * does not undo what was decoded before it: `layers` says what is valid, so
 * the addresses of a packet with a broken TCP header still reach the look-up.
 *
 * Checked against three ends: the last byte that can be read (@end), the
 * length that the IP header promises, and PK_VISIBLE_BYTES, which bounds the
 * work and is the same in every plane. Bytes behind the IP length (Ethernet
 * padding, trailers) are never looked at.
 *
 * Standards: IEEE 802.1Q (tags), RFC 791 3.1, RFC 8200 3-4, RFC 6946 (atomic
 * fragments), RFC 9293 3.1, RFC 768, RFC 792, RFC 4443 2.1.
 */
#ifndef PK_BPF_PARSE_H
#define PK_BPF_PARSE_H

#include "bpf/abi.h"

/* Why a packet was not parsed to the end. The names are the counter names. */
#define PK_PARSE_REASONS(_)                                            \
	_(OK, "parsed to layer 4")                                     \
	_(SHORT_ETH, "ends inside the Ethernet header")                \
	_(SHORT_VLAN, "ends inside a VLAN tag")                        \
	_(VLAN_DEPTH, "more VLAN tags than are decoded")               \
	_(LLC, "802.3 length frame")                                   \
	_(NOT_IP, "another EtherType than IPv4 and IPv6")              \
	_(SHORT_IP, "ends inside the IP header")                       \
	_(IP_VERSION, "IP version differs from the EtherType")         \
	_(IP_HLEN, "IPv4 header length below 20")                      \
	_(IP_LENGTH, "IPv4 total length below its header length")      \
	_(IP_TRUNCATED, "IP length beyond the end of the frame")       \
	_(FRAGMENT, "not the first fragment: no layer 4 header")       \
	_(SHORT_EXT, "ends inside an IPv6 extension header")           \
	_(EXT_DEPTH, "more IPv6 extension headers than are walked")    \
	_(NO_NEXT, "IPv6 no next header")                              \
	_(L4_OTHER, "another protocol than TCP, UDP, ICMP and ICMPv6") \
	_(SHORT_L4, "ends inside the layer 4 header")                  \
	_(TCP_HLEN, "TCP data offset below 5 or beyond the segment")   \
	_(UDP_LENGTH, "UDP length below 8 or beyond the IP payload")   \
	_(NONLINEAR, "headers behind the bytes that can be read at once")

#define PK_PARSE_ENUM(name, text) PK_PARSE_##name,
enum pk_parse_reason { PK_PARSE_REASONS(PK_PARSE_ENUM) PK_PARSE_COUNT };
_Static_assert((int)PK_PARSE_COUNT <= (int)PK_REASONS_MAX,
	       "reason[] is too short");

enum {
	PK_ETH_IPV4 = 0x0800,
	PK_ETH_IPV6 = 0x86dd,
	PK_PROTO_HOPOPT = 0,
	PK_PROTO_ICMP = 1,
	PK_PROTO_TCP = 6,
	PK_PROTO_UDP = 17,
	PK_PROTO_ROUTING = 43,
	PK_PROTO_FRAGMENT = 44,
	PK_PROTO_AH = 51,
	PK_PROTO_ICMP6 = 58,
	PK_PROTO_NONE = 59,
	PK_PROTO_DSTOPTS = 60,
	PK_PROTO_MOBILITY = 135,
	PK_PROTO_HIP = 139,
	PK_PROTO_SHIM6 = 140,
};

/* What the next step reads: an EtherType, or one of these. */
enum pk_next { PK_NEXT_NONE = 0, PK_NEXT_ETH = 1 };

/* @pos may be read up to @end; @left bytes are promised from @pos on. */
struct pk_cursor {
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
	return c->pos + n <= c->end && n <= c->left &&
	       c->off + n <= PK_VISIBLE_BYTES;
}

PK_INLINE void pk_skip(struct pk_cursor *c, __u32 n)
{
	c->pos += n;
	c->off += n;
	c->left -= n;
}

PK_INLINE int pk_is_vlan(__u16 eth_type)
{
	return eth_type == 0x8100 || eth_type == 0x88a8 || eth_type == 0x9100 ||
	       eth_type == 0x9200;
}

/* Remember the first defect only. */
PK_INLINE void pk_defect(struct pk_packet *p, __u8 reason)
{
	if (p->reason == PK_PARSE_OK)
		p->reason = reason;
}

PK_INLINE __u8 pk_parse_eth(struct pk_cursor *c, struct pk_packet *p)
{
	__u16 type;

	if (!pk_holds(c, 14))
		return PK_PARSE_SHORT_ETH;
	type = pk_be16(c->pos + 12);
	pk_skip(c, 14);
	for (int i = 0; i < PK_VLAN_DEPTH && pk_is_vlan(type); i++) {
		if (!pk_holds(c, 4))
			return PK_PARSE_SHORT_VLAN;
		if (i == 0)
			p->vlan = pk_be16(c->pos) & 0x0fff;
		type = pk_be16(c->pos + 2);
		p->vlans++;
		pk_skip(c, 4);
	}
	p->eth_type = type;
	p->ip_off = (__u16)c->off;
	if (pk_is_vlan(type))
		return PK_PARSE_VLAN_DEPTH;
	if (type < 1536)
		return PK_PARSE_LLC;
	if (type != PK_ETH_IPV4 && type != PK_ETH_IPV6)
		return PK_PARSE_NOT_IP;
	return PK_PARSE_OK;
}

PK_INLINE void pk_copy16(union pk_addr *to, const __u8 *from)
{
	__builtin_memcpy(to->b, from, 16);
}

/* The IP length rules what follows: never look at what lies behind it. */
PK_INLINE void pk_bound_ip(struct pk_cursor *c, struct pk_packet *p)
{
	if (p->bytes > c->left)
		pk_defect(p, PK_PARSE_IP_TRUNCATED);
	else
		c->left = p->bytes;
	p->layers |= PK_HAS_IP;
}

PK_INLINE __u8 pk_parse_ip4(struct pk_cursor *c, struct pk_packet *p)
{
	const __u8 *h = c->pos;
	__u32 hlen;
	__u16 frag;

	if (!pk_holds(c, 20))
		return PK_PARSE_SHORT_IP;
	if (h[0] >> 4 != 4)
		return PK_PARSE_IP_VERSION;
	hlen = (__u32)(h[0] & 15) * 4;
	p->bytes = pk_be16(h + 2);
	if (!p->bytes && c->left > 0xffff)
		p->bytes = c->left; /* an offloaded segment ("BIG TCP") */
	frag = pk_be16(h + 6);
	p->tos = h[1];
	p->ttl = h[8];
	p->key.proto = h[9];
	p->key.src.b[10] = p->key.src.b[11] = 0xff;
	p->key.dst.b[10] = p->key.dst.b[11] = 0xff;
	__builtin_memcpy(&p->key.src.b[12], h + 12, 4);
	__builtin_memcpy(&p->key.dst.b[12], h + 16, 4);
	pk_bound_ip(c, p);
	if (hlen < 20)
		return PK_PARSE_IP_HLEN;
	if (p->bytes < hlen)
		return PK_PARSE_IP_LENGTH;
	if (frag & 0x3fff)
		p->layers |= PK_IS_FRAGMENT;
	if (frag & 0x1fff)
		return PK_PARSE_FRAGMENT;
	if (!pk_holds(c, hlen))
		return PK_PARSE_SHORT_IP;
	pk_skip(c, hlen);
	return PK_PARSE_OK;
}

/*
 * IPv6 extension headers as data: length = ((byte 1 & len_mask) + add) << shift
 * (RFC 8200 4.2; RFC 4302 2.2 for AH); is_ext 0 for all other protocols. A
 * table and not a chain of comparisons, because the verifier would follow
 * every comparison of every header of the chain as a path of its own.
 */
struct pk_ip6_ext {
	__u8 is_ext;
	__u8 len_mask;
	__u8 add;
	__u8 shift;
	__u16 frag_mask; /* which bits of bytes 2-3 are fragment fields */
};

static const struct pk_ip6_ext pk_ip6_exts[256] = {
	[PK_PROTO_HOPOPT] = { 1, 0xff, 1, 3, 0 },
	[PK_PROTO_ROUTING] = { 1, 0xff, 1, 3, 0 },
	[PK_PROTO_FRAGMENT] = { 1, 0, 1, 3, 0xfff9 },
	[PK_PROTO_AH] = { 1, 0xff, 2, 2, 0 },
	[PK_PROTO_DSTOPTS] = { 1, 0xff, 1, 3, 0 },
	[PK_PROTO_MOBILITY] = { 1, 0xff, 1, 3, 0 },
	[PK_PROTO_HIP] = { 1, 0xff, 1, 3, 0 },
	[PK_PROTO_SHIM6] = { 1, 0xff, 1, 3, 0 },
};

/* PK_IS_FRAGMENT if offset or M is not 0, without a branch. */
PK_INLINE __u8 pk_fragment_bit(__u32 frag)
{
	return (__u8)((frag + 0xffff) >> 16) * PK_IS_FRAGMENT;
}

PK_INLINE __u8 pk_parse_ip6_exts(struct pk_cursor *c, struct pk_packet *p)
{
	const struct pk_ip6_ext *ext = &pk_ip6_exts[p->key.proto];

	for (int i = 0; i < PK_IP6_EXTS && ext->is_ext; i++) {
		const __u8 *h = c->pos;
		__u32 len, frag;

		if (!pk_holds(c, 8))
			return PK_PARSE_SHORT_EXT;
		len = ((h[1] & ext->len_mask) + (__u32)ext->add) << ext->shift;
		len &= 0xfff;
		frag = pk_be16(h + 2) & ext->frag_mask;
		p->key.proto = h[0];
		p->layers |= pk_fragment_bit(frag);
		if (frag & 0xfff8)
			return PK_PARSE_FRAGMENT;
		if (!pk_holds(c, len))
			return PK_PARSE_SHORT_EXT;
		pk_skip(c, len);
		ext = &pk_ip6_exts[p->key.proto];
	}
	return ext->is_ext ? PK_PARSE_EXT_DEPTH : PK_PARSE_OK;
}

PK_INLINE __u8 pk_parse_ip6(struct pk_cursor *c, struct pk_packet *p)
{
	const __u8 *h = c->pos;
	__u32 payload;

	if (!pk_holds(c, 40))
		return PK_PARSE_SHORT_IP;
	if (h[0] >> 4 != 6)
		return PK_PARSE_IP_VERSION;
	payload = pk_be16(h + 4);
	/* RFC 2675 2: a jumbogram says 0; its end is the end of the frame. */
	if (payload == 0 && h[6] == PK_PROTO_HOPOPT)
		payload = c->left - 40;
	p->bytes = payload + 40;
	p->tos = (__u8)(h[0] << 4 | h[1] >> 4);
	p->key.proto = h[6];
	p->ttl = h[7];
	pk_copy16(&p->key.src, h + 8);
	pk_copy16(&p->key.dst, h + 24);
	pk_bound_ip(c, p);
	pk_skip(c, 40);
	return pk_parse_ip6_exts(c, p);
}

/*
 * ICMP type and its counterpart, as Community ID v1 pairs them. One-way types
 * keep their code. ICMPv4: echo 8/0, router 10/9, timestamp 13/14,
 * information 15/16, address mask 17/18.
 */
PK_INLINE __u16 pk_icmp4_peer(__u8 type, __u8 code)
{
	if (type == 8)
		return 0;
	if (type == 0)
		return 8;
	if (type >= 13 && type <= 18)
		return type & 1 ? type + 1 : type - 1;
	if (type == 9)
		return 10;
	if (type == 10)
		return 9;
	return code;
}

/*
 * ICMPv6: echo 128/129, router 133/134, neighbour 135/136, listener 130/131,
 * node information 139/140, home agent discovery 144/145.
 */
PK_INLINE __u16 pk_icmp6_peer(__u8 type, __u8 code)
{
	if (type == 133 || type == 135 || type == 139)
		return type + 1;
	if (type == 134 || type == 136 || type == 140)
		return type - 1;
	if (type == 128 || type == 129 || type == 130 || type == 131 ||
	    type == 144 || type == 145)
		return type ^ 1;
	return code;
}

PK_INLINE __u8 pk_parse_icmp(struct pk_cursor *c, struct pk_packet *p)
{
	const __u8 *h = c->pos;

	if (!pk_holds(c, 4))
		return PK_PARSE_SHORT_L4;
	p->icmp_code = h[1];
	p->key.sport = h[0];
	p->key.dport = p->key.proto == PK_PROTO_ICMP
			       ? pk_icmp4_peer(h[0], h[1])
			       : pk_icmp6_peer(h[0], h[1]);
	p->layers |= PK_HAS_PORTS;
	return PK_PARSE_OK;
}

PK_INLINE void pk_set_payload(struct pk_cursor *c, struct pk_packet *p,
			      __u32 header, __u32 len)
{
	p->payload_off = (__u16)(c->off + header);
	p->payload_len = len - header > 0xffff ? 0xffff : len - header;
	p->layers |= PK_HAS_PAYLOAD;
}

PK_INLINE void pk_parse_ports(struct pk_packet *p, const __u8 *h)
{
	p->key.sport = pk_be16(h);
	p->key.dport = pk_be16(h + 2);
	p->layers |= PK_HAS_PORTS;
}

/* A first fragment may end behind the ports: they count, the flags do not. */
PK_INLINE __u8 pk_parse_tcp(struct pk_cursor *c, struct pk_packet *p)
{
	const __u8 *h = c->pos;
	__u32 hlen;

	if (!pk_holds(c, 4))
		return PK_PARSE_SHORT_L4;
	pk_parse_ports(p, h);
	if (!pk_holds(c, 20))
		return PK_PARSE_SHORT_L4;
	p->tcp_flags = h[13];
	hlen = (__u32)(h[12] >> 4) * 4;
	if (hlen < 20 || hlen > c->left)
		return PK_PARSE_TCP_HLEN;
	pk_set_payload(c, p, hlen, c->left);
	return PK_PARSE_OK;
}

/* The UDP length of a first fragment speaks of the whole datagram. */
PK_INLINE __u8 pk_parse_udp(struct pk_cursor *c, struct pk_packet *p)
{
	const __u8 *h = c->pos;
	__u32 len;

	if (!pk_holds(c, 4))
		return PK_PARSE_SHORT_L4;
	pk_parse_ports(p, h);
	if (!pk_holds(c, 8))
		return PK_PARSE_SHORT_L4;
	len = pk_be16(h + 4);
	if (len < 8)
		return PK_PARSE_UDP_LENGTH;
	pk_set_payload(c, p, 8, len);
	if (len > c->left && !(p->layers & PK_IS_FRAGMENT))
		return PK_PARSE_UDP_LENGTH;
	return PK_PARSE_OK;
}

PK_INLINE __u8 pk_parse_l4(struct pk_cursor *c, struct pk_packet *p)
{
	__u8 proto = p->key.proto;

	p->l4_off = (__u16)c->off;
	if (proto == PK_PROTO_TCP)
		return pk_parse_tcp(c, p);
	if (proto == PK_PROTO_UDP)
		return pk_parse_udp(c, p);
	if (proto == PK_PROTO_ICMP || proto == PK_PROTO_ICMP6)
		return pk_parse_icmp(c, p);
	return proto == PK_PROTO_NONE ? PK_PARSE_NO_NEXT : PK_PARSE_L4_OTHER;
}

/* IP and what follows it: the packet that @d holds from now on. */
PK_INLINE __u8 pk_parse_ip(struct pk_cursor *c, struct pk_decode *d)
{
	struct pk_packet *p = &d->packet;
	__u8 reason = p->eth_type == PK_ETH_IPV4 ? pk_parse_ip4(c, p)
						 : pk_parse_ip6(c, p);

	if (reason != PK_PARSE_OK)
		return reason;
	return pk_parse_l4(c, p);
}

PK_INLINE __u8 pk_parse_layers(struct pk_cursor *c, struct pk_decode *d)
{
	__u8 reason = pk_parse_eth(c, &d->packet);

	return reason == PK_PARSE_OK ? pk_parse_ip(c, d) : reason;
}

/* More bytes that are there, but not readable, might have told more. */
PK_INLINE __u8 pk_cut_reason(__u8 reason, __u32 readable, __u32 frame_len)
{
	int is_short =
		reason == PK_PARSE_SHORT_ETH || reason == PK_PARSE_SHORT_VLAN ||
		reason == PK_PARSE_SHORT_IP || reason == PK_PARSE_SHORT_EXT ||
		reason == PK_PARSE_SHORT_L4;

	if (is_short && readable < frame_len && readable < PK_VISIBLE_BYTES)
		return PK_PARSE_NONLINEAR;
	return reason;
}

/*
 * The decoder in steps, for the kernel, where each step is a function that the
 * verifier takes once. Begin; step while d->next is not PK_NEXT_NONE; end.
 *
 * A step reads one header that may carry another, and an IP packet with its
 * layer 4 if that is what it meets. @data and @end are the same every time.
 */
PK_INLINE void pk_parse_begin(struct pk_decode *d, __u32 frame_len)
{
	__builtin_memset(&d->packet, 0, sizeof(d->packet));
	d->off = 0;
	d->left = frame_len;
	d->next = PK_NEXT_ETH;
	d->steps = 0;
}

PK_INLINE void pk_parse_step(const void *data, const void *end,
			     struct pk_decode *d)
{
	struct pk_cursor c = { data, end, d->left, d->off };

	d->next = PK_NEXT_NONE;
	pk_defect(&d->packet, pk_parse_layers(&c, d));
}

/* The reason is returned and kept in d->packet. */
PK_INLINE __u8 pk_parse_end(struct pk_decode *d, __u32 readable,
			    __u32 frame_len)
{
	struct pk_packet *p = &d->packet;

	p->reason = pk_cut_reason(p->reason, readable, frame_len);
	return p->reason;
}

/*
 * Decode the frame at @data, readable up to @end, @frame_len bytes long on the
 * wire (at least end - data; more when only its head can be read). @d->packet
 * is overwritten whole. The reason is returned and kept in d->packet.
 */
PK_INLINE __u8 pk_parse(const void *data, const void *end, __u32 frame_len,
			struct pk_decode *d)
{
	pk_parse_begin(d, frame_len);
	while (d->next != PK_NEXT_NONE)
		pk_parse_step(data, end, d);
	return pk_parse_end(d, (__u32)((const __u8 *)end - (const __u8 *)data),
			    frame_len);
}

#endif /* PK_BPF_PARSE_H */
