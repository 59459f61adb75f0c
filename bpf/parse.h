/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * parse: from the bytes of an Ethernet frame to a struct pk_decode: the
 * innermost packet in it, and the address pairs of the tunnels around it.
 *
 * The same source runs in the XDP and tc programs, in the DPDK and file
 * planes, in the tests and in the fuzzer, and must give the same result bit
 * for bit. Bytes are read one by one or through pk_be16/pk_be32, never as
 * structs: behind an Ethernet header everything is misaligned.
 *
 * A frame gets exactly one reason: NONLINEAR if decoding ended for want of
 * bytes that are there, or else the first defect met, or OK. A defect does not
 * undo what was decoded before it: `layers` says what is valid, so
 * the addresses of a packet with a broken TCP header still reach the look-up.
 * The packet around stays the packet until one inside it has shown addresses:
 * a tunnel with garbage in it is a packet of its own two ends, with the reason
 * of the garbage. PK_IS_FRAGMENT stays once it is set: the packet is in a
 * fragment or is one, and what the fragment leaves out is no defect of it.
 *
 * Checked against three ends: the last byte that can be read (@end), the
 * length that the IP header promises, and PK_VISIBLE_BYTES, which bounds the
 * work and is the same in every plane. Bytes behind the IP length (Ethernet
 * padding, trailers) are never looked at.
 *
 * The work of a frame is bounded by constants: at most PK_STEPS steps, each of
 * which moves forward through at most PK_VISIBLE_BYTES in all, in headers of
 * at most PK_VLAN_DEPTH tags, PK_MPLS_DEPTH labels, PK_IP6_EXTS or PK_GTP_EXTS
 * extension headers; no byte is read more than three times.
 *
 * Standards: IEEE 802.1Q (tags), RFC 791 3.1, RFC 8200 3-4, RFC 6946 (atomic
 * fragments), RFC 4302 2 (AH), RFC 9293 3.1, RFC 768, RFC 9260 3.1 (SCTP), RFC
 * 792, RFC 4443 2.1; bpf/tunnel.h has those of what carries packets.
 */
#ifndef PK_BPF_PARSE_H
#define PK_BPF_PARSE_H

#include "bpf/abi.h"
#include "bpf/cursor.h"
#include "bpf/tunnel.h"

enum {
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
	PK_PROTO_SCTP = 132,
	PK_PROTO_MOBILITY = 135,
	PK_PROTO_HIP = 139,
	PK_PROTO_SHIM6 = 140,
};

/* --- link ------------------------------------------------------------------- */

PK_INLINE int pk_is_vlan(__u16 eth_type)
{
	return eth_type == 0x8100 || eth_type == 0x88a8 || eth_type == 0x9100 ||
	       eth_type == 0x9200 || eth_type == 0x9300;
}

/*
 * An Ethernet header, or a tag that something else named, with all tags behind
 * it. *@what becomes IPv4 or IPv6 if they come next; all else is another step.
 */
PK_INLINE __u8 pk_parse_link(struct pk_cursor *c, struct pk_decode *d,
			     __u16 *what, int first)
{
	struct pk_packet *p = &d->packet;
	__u16 type = *what;

	*what = PK_NEXT_NONE;
	if (first || type == PK_NEXT_ETH) {
		if (!pk_holds(c, 14))
			return PK_PARSE_SHORT_ETH;
		type = pk_be16(c->pos + 12);
		pk_skip(c, 14);
	}
	for (int i = 0; i < PK_VLAN_DEPTH && pk_is_vlan(type); i++) {
		if ((!first && p->vlans >= PK_VLAN_DEPTH) || !pk_holds(c, 4))
			break;
		if (p->vlans == 0)
			p->vlan = pk_be16(c->pos) & 0x0fff;
		type = pk_be16(c->pos + 2);
		p->vlans++;
		pk_skip(c, 4);
	}
	if (first || d->steps == 0)
		p->eth_type = type;
	if (type == PK_ETH_IPV4 || type == PK_ETH_IPV6)
		*what = type;
	else if (pk_is_vlan(type))
		return p->vlans < PK_VLAN_DEPTH ? PK_PARSE_SHORT_VLAN
						: PK_PARSE_VLAN_DEPTH;
	else
		d->next = type < PK_ETH_MIN ? PK_NEXT_LLC : type;
	return PK_PARSE_OK;
}

/* --- IP --------------------------------------------------------------------- */

PK_INLINE void pk_copy16(union pk_addr *to, const __u8 *from)
{
	__builtin_memcpy(to->b, from, 16);
}

/*
 * A packet that has addresses begins: if there is one around it, that one's
 * pair is kept, and the new one takes its place. Not 0 if there is no room.
 */
PK_INLINE int pk_push_outer(struct pk_decode *d)
{
	struct pk_packet *p = &d->packet;
	__u32 n = p->depth;

	if (!(p->layers & PK_HAS_IP))
		return 0;
	PK_OPAQUE(n);
	if (n >= PK_OUTERS)
		return -1;
	d->outer[n] = p->key;
	if (p->layers & PK_IS_IP6)
		d->outer_ip6 |= (__u8)(1 << n);
	__builtin_memset(&p->key, 0, sizeof(p->key));
	p->layers &= PK_IS_FRAGMENT;
	d->no_checksum = 0;
	p->l4_off = p->payload_off = p->payload_len = 0;
	p->tcp_flags = p->icmp_code = 0;
	p->depth = (__u8)(n + 1);
	return 0;
}

/* The IP length rules what follows: never look at what lies behind it. */
PK_INLINE void pk_bound_ip(struct pk_cursor *c, struct pk_packet *p)
{
	if (p->bytes > c->left && !(p->layers & PK_IS_FRAGMENT))
		pk_defect(p, PK_PARSE_IP_TRUNCATED);
	pk_bound(c, p->bytes);
	p->layers |= PK_HAS_IP;
}

/*
 * IPv4 and TCP options alike: 0 ends them, 1 is a byte of its own, all others
 * have a length of at least 2. Without a branch on the kind, so that the
 * verifier follows one path. All @len bytes (at most 40) can be read.
 */
PK_COLD int pk_bad_options(const __u8 *o, const __u8 *end, __u32 len)
{
	for (int n = 0; n < 40; n++) {
		__u32 single, step;

		if (!len || o + 2 > end)
			break;
		if (!o[0])
			return 0;
		single = ((__u32)(o[0] ^ 1) - 1) >> 31;
		PK_OPAQUE(single);
		step = single | (o[1] & (single - 1));
		if (step + single < 2 || step > len)
			return 1;
		o += step & 255;
		len -= step;
	}
	/* The frame ends with them: the last byte has none behind it. */
	return len && o + 1 <= end && o[0] > 1;
}

/* Authentication headers in IPv4; in IPv6 they are extension headers. */
PK_INLINE __u8 pk_skip_ah(struct pk_cursor *c, struct pk_packet *p)
{
	for (int i = 0; i < PK_IP6_EXTS && p->key.proto == PK_PROTO_AH; i++) {
		__u32 len;

		if (!pk_holds(c, 8))
			return PK_PARSE_SHORT_EXT;
		len = ((__u32)c->pos[1] + 2) * 4;
		p->key.proto = c->pos[0];
		if (!pk_holds(c, len))
			return PK_PARSE_SHORT_EXT;
		pk_skip(c, len);
	}
	return p->key.proto == PK_PROTO_AH ? PK_PARSE_EXT_DEPTH : PK_PARSE_OK;
}

PK_INLINE __u8 pk_parse_ip4(struct pk_cursor *c, struct pk_decode *d, int first)
{
	struct pk_packet *p = &d->packet;
	const __u8 *h = c->pos;
	__u32 hlen;
	__u16 frag;

	if (!pk_holds(c, 20))
		return PK_PARSE_SHORT_IP;
	if (h[0] >> 4 != 4)
		return PK_PARSE_IP_VERSION;
	if (!first && pk_push_outer(d))
		return PK_PARSE_TUNNEL_DEPTH;
	p->ip_off = (__u16)c->off;
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
	/*
	 * Read again: where Linux 6.1 knows that bytes is 0, it follows both
	 * ways here and then takes hlen for less than nothing.
	 */
	PK_FORGET();
	if (p->bytes < hlen)
		return PK_PARSE_IP_LENGTH;
	if (frag & 0x3fff)
		p->layers |= PK_IS_FRAGMENT;
	if (frag & 0x1fff)
		return PK_PARSE_FRAGMENT;
	if (!pk_holds(c, hlen))
		return PK_PARSE_SHORT_IP;
	if (hlen > 20 && pk_bad_options(h + 20, c->end, hlen - 20))
		pk_defect(p, PK_PARSE_IP_OPTION);
	pk_skip(c, hlen);
	return p->key.proto == PK_PROTO_AH ? pk_skip_ah(c, p) : PK_PARSE_OK;
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

PK_INLINE __u8 pk_parse_ip6(struct pk_cursor *c, struct pk_decode *d, int first)
{
	struct pk_packet *p = &d->packet;
	const __u8 *h = c->pos;
	__u32 payload;

	if (!pk_holds(c, 40))
		return PK_PARSE_SHORT_IP;
	if (h[0] >> 4 != 6)
		return PK_PARSE_IP_VERSION;
	if (!first && pk_push_outer(d))
		return PK_PARSE_TUNNEL_DEPTH;
	p->ip_off = (__u16)c->off;
	payload = pk_be16(h + 4);
	/*
	 * RFC 2675 2: a jumbogram says 0; its end is the end of the frame. So
	 * does an offloaded segment ("BIG TCP"), with or without the option.
	 */
	if (payload == 0 && (h[6] == PK_PROTO_HOPOPT || c->left > 40 + 0xffff))
		payload = c->left - 40;
	p->bytes = payload + 40;
	p->tos = (__u8)(h[0] << 4 | h[1] >> 4);
	p->key.proto = h[6];
	p->ttl = h[7];
	pk_copy16(&p->key.src, h + 8);
	pk_copy16(&p->key.dst, h + 24);
	p->layers |= PK_IS_IP6;
	pk_bound_ip(c, p);
	pk_skip(c, 40);
	return pk_parse_ip6_exts(c, p);
}

/* --- layer 4 ---------------------------------------------------------------- */

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

/* Not more than all that is around the packet leaves of it. */
PK_INLINE void pk_set_payload(struct pk_cursor *c, struct pk_packet *p,
			      __u32 header, __u32 len)
{
	if (len > c->left)
		len = c->left;
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

/*
 * Mostly there are none, or two bytes of padding and a timestamp: both are told
 * without a branch on which, because that one would often be taken wrong.
 */
PK_INLINE __u8 pk_check_tcp_options(struct pk_cursor *c, __u32 hlen)
{
	__u32 at = 16 + ((20 - hlen) >> 29 & 4); /* 16 or 20 */
	__u32 usual;
	const __u8 *h;

	PK_OPAQUE(at);
	h = c->pos + (at & 31);
	if (!pk_holds(c, hlen) || h + 4 > c->end)
		return PK_PARSE_SHORT_L4;
	usual = (hlen == 32) & (pk_be32(h) == 0x0101080a);
	usual |= at == 16;
	PK_OPAQUE(usual);
	if (usual)
		return PK_PARSE_OK;
	return pk_bad_options(c->pos + 20, c->end, hlen - 20)
		       ? PK_PARSE_TCP_OPTION
		       : PK_PARSE_OK;
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
	return pk_check_tcp_options(c, hlen);
}

/* The UDP length of a first fragment speaks of the whole datagram. */
PK_INLINE __u8 pk_parse_udp(struct pk_cursor *c, struct pk_decode *d)
{
	struct pk_packet *p = &d->packet;
	const __u8 *h = c->pos;
	__u32 len;

	if (!pk_holds(c, 4))
		return PK_PARSE_SHORT_L4;
	pk_parse_ports(p, h);
	if (!pk_holds(c, 8))
		return PK_PARSE_SHORT_L4;
	d->no_checksum = !(h[6] | h[7]);
	len = pk_be16(h + 4);
	if (len < 8)
		return PK_PARSE_UDP_LENGTH;
	pk_set_payload(c, p, 8, len);
	if (len > c->left && !(p->layers & PK_IS_FRAGMENT))
		return PK_PARSE_UDP_LENGTH;
	return PK_PARSE_OK;
}

/* The ports of the common header (RFC 9260 3.1), 12 bytes. */
PK_INLINE __u8 pk_parse_sctp(struct pk_cursor *c, struct pk_packet *p)
{
	if (!pk_holds(c, 4))
		return PK_PARSE_SHORT_L4;
	pk_parse_ports(p, c->pos);
	return pk_holds(c, 12) ? PK_PARSE_OK : PK_PARSE_SHORT_L4;
}

/* Does the datagram go to where tunnels end? Then its payload is next. */
PK_INLINE void pk_enter_udp(struct pk_cursor *c, struct pk_decode *d)
{
	const struct pk_packet *p = &d->packet;
	__u16 next = pk_ports_carry(p->key.sport, p->key.dport);

	if (next == PK_NEXT_NONE || !(p->layers & PK_HAS_PAYLOAD))
		return;
	pk_skip(c, 8);
	pk_bound(c, p->payload_len);
	if (c->left)
		d->next = next;
}

PK_INLINE __u8 pk_parse_l4(struct pk_cursor *c, struct pk_decode *d)
{
	struct pk_packet *p = &d->packet;
	__u8 reason, proto = p->key.proto;

	p->l4_off = (__u16)c->off;
	if (proto == PK_PROTO_TCP)
		return pk_parse_tcp(c, p);
	if (proto == PK_PROTO_UDP) {
		reason = pk_parse_udp(c, d);
		pk_enter_udp(c, d);
		return reason;
	}
	if (proto == PK_PROTO_ICMP || proto == PK_PROTO_ICMP6)
		return pk_parse_icmp(c, p);
	if (proto == PK_PROTO_SCTP)
		return pk_parse_sctp(c, p);
	if (proto == PK_PROTO_NONE)
		return PK_PARSE_NO_NEXT;
	d->next = pk_proto_carries(proto);
	return d->next == PK_NEXT_NONE ? PK_PARSE_L4_OTHER : PK_PARSE_OK;
}

/* --- the whole frame ---------------------------------------------------------- */

/*
 * One header that may carry another, or a packet with its layer 4. @first is a
 * constant: nothing was before, so less has to be asked.
 */
PK_INLINE __u8 pk_parse_next(struct pk_cursor *c, struct pk_decode *d,
			     __u16 what, int first)
{
	__u8 reason;

	if (first || what == PK_NEXT_ETH || pk_is_vlan(what)) {
		reason = pk_parse_link(c, d, &what, first);
		if (what == PK_NEXT_NONE)
			return reason;
	}
	if (!first) /* so near the front the verifier can tell all paths */
		pk_join(c, d);
	if (what == PK_ETH_IPV4)
		reason = pk_parse_ip4(c, d, first);
	else if (first || what == PK_ETH_IPV6)
		reason = pk_parse_ip6(c, d, first);
	else
		return pk_carry(c, what, &d->next);
	if (reason != PK_PARSE_OK)
		return reason;
	pk_join(c, d);
	return pk_parse_l4(c, d);
}

#define PK_PARSE_BIT(name) (1ULL << PK_PARSE_##name)

/* Did the last step end where more bytes, there but not readable, follow? */
PK_INLINE int pk_is_cut(__u8 last, __u32 readable, __u32 frame_len)
{
	const __u64 shorts =
		PK_PARSE_BIT(SHORT_ETH) | PK_PARSE_BIT(SHORT_VLAN) |
		PK_PARSE_BIT(SHORT_MPLS) | PK_PARSE_BIT(SHORT_PPPOE) |
		PK_PARSE_BIT(SHORT_SHIM) | PK_PARSE_BIT(SHORT_IP) |
		PK_PARSE_BIT(SHORT_EXT) | PK_PARSE_BIT(SHORT_L4) |
		PK_PARSE_BIT(SHORT_GRE) | PK_PARSE_BIT(SHORT_VXLAN) |
		PK_PARSE_BIT(SHORT_GENEVE) | PK_PARSE_BIT(SHORT_GTP) |
		PK_PARSE_BIT(SHORT_TEREDO);

	return last != PK_PARSE_OK && shorts >> (last & 63) & 1 &&
	       readable < frame_len && readable < PK_VISIBLE_BYTES;
}

/*
 * The decoder in steps, for the kernel, where each step is a function that the
 * verifier takes once, and for who wants to stop at a packet on the way. Begin;
 * step while d->next is not PK_NEXT_NONE; end. There are at most PK_STEPS.
 *
 * A step reads one header that may carry another; or an Ethernet header with
 * its tags, and IP behind it; or an IP packet with its layer 4. After a step
 * d->packet is the innermost packet so far. @data and @end are the same every
 * time. pk_parse_first() is the first step as well, and faster.
 */
PK_INLINE void pk_parse_begin(struct pk_decode *d, __u32 frame_len)
{
	__builtin_memset(&d->packet, 0, sizeof(d->packet));
	d->off = 0;
	d->left = frame_len;
	d->next = PK_NEXT_ETH;
	d->steps = 0;
	d->outer_ip6 = 0;
	d->last = PK_PARSE_OK;
	d->no_checksum = 0;
}

PK_INLINE void pk_parse_first(const void *data, const void *end,
			      struct pk_decode *d)
{
	struct pk_cursor c = pk_cursor_at(data, end, 0, d->left);

	d->next = PK_NEXT_NONE;
	d->last = pk_parse_next(&c, d, PK_NEXT_ETH, 1);
	pk_defect(&d->packet, d->last);
	if (d->next == PK_NEXT_NONE)
		return;
	d->off = c.off;
	d->left = c.left;
	d->steps = 1;
}

PK_INLINE void pk_parse_step(const void *data, const void *end,
			     struct pk_decode *d)
{
	__u32 off = d->off;
	__u16 what = d->next;
	struct pk_cursor c;

	d->next = PK_NEXT_NONE;
	PK_OPAQUE(off);
	if (off > PK_VISIBLE_BYTES)
		return;
	c = pk_cursor_at(data, end, off, d->left);
	d->last = pk_parse_next(&c, d, what, 0);
	pk_defect(&d->packet, d->last);
	if (d->next == PK_NEXT_NONE)
		return;
	d->off = c.off;
	d->left = c.left;
	if (++d->steps == PK_STEPS) {
		d->next = PK_NEXT_NONE;
		pk_defect(&d->packet, PK_PARSE_TUNNEL_DEPTH);
	}
}

/* What follows the first step: tunnels, and what is between link and IP. */
PK_COLD void pk_parse_rest(const void *data, const void *end,
			   struct pk_decode *d)
{
	for (int i = 1; i < PK_STEPS && d->next != PK_NEXT_NONE; i++)
		pk_parse_step(data, end, d);
}

/* The reason is returned and kept in d->packet. */
PK_INLINE __u8 pk_parse_end(struct pk_decode *d, __u32 readable,
			    __u32 frame_len)
{
	struct pk_packet *p = &d->packet;

	if (pk_is_cut(d->last, readable, frame_len))
		p->reason = PK_PARSE_NONLINEAR;
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
	pk_parse_first(data, end, d);
	if (d->next != PK_NEXT_NONE)
		pk_parse_rest(data, end, d);
	return pk_parse_end(d, (__u32)((const __u8 *)end - (const __u8 *)data),
			    frame_len);
}

#endif /* PK_BPF_PARSE_H */
