/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse_twin: the decoder once more, slow and plain, to judge bpf/parse.h.
 *
 * No cursor and no steps: every position is counted from the frame's first
 * byte, one rule says which bytes exist, a header calls the one it carries,
 * and headers are told apart by switch and not by table. It shares the names
 * of reasons and fields with bpf/parse.h, and no code.
 */
#ifndef PK_TESTS_PARSE_TWIN_H
#define PK_TESTS_PARSE_TWIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bpf/parse.h"

struct twin {
	const uint8_t *data;
	long readable; /* bytes at @data */
	long until;    /* where the packet ends, by its own word */
	struct pk_decode *d;
	struct pk_packet *p; /* of @d */
	int hops;	     /* headers that carried another one */
	int defect;	     /* the first that did not stop the decoder */
};

static int twin_ether(struct twin *t, long type, long at);
static int twin_named(struct twin *t, long type, long at);
static int twin_ppp(struct twin *t, long at);
static int twin_frame(struct twin *t, long at);
static int twin_ip4(struct twin *t, long at);
static int twin_ip6(struct twin *t, long at);

static bool twin_has(const struct twin *t, long at, long n)
{
	long end = at + n;

	return end <= t->readable && end <= t->until && end <= 2048;
}

static long twin_number(const struct twin *t, long at, int n)
{
	long value = 0;

	for (int i = 0; i < n; i++)
		value = value * 256 + t->data[at + i];
	return value;
}

static void twin_note(struct twin *t, int reason)
{
	if (t->defect == PK_PARSE_OK)
		t->defect = reason;
}

static void twin_shorten(struct twin *t, long until)
{
	if (until < t->until)
		t->until = until;
}

/* Another header is about to be read: sixteen in one frame. */
static bool twin_tired(struct twin *t)
{
	return ++t->hops == 16;
}

static int twin_inner_frame(struct twin *t, long at)
{
	return twin_tired(t) ? PK_PARSE_TUNNEL_DEPTH : twin_frame(t, at);
}

static int twin_inner_type(struct twin *t, long type, long at)
{
	if (type < 0x600)
		return PK_PARSE_NOT_IP;
	if (type == 0x6558)
		return twin_inner_frame(t, at);
	if (twin_tired(t))
		return PK_PARSE_TUNNEL_DEPTH;
	return type == 0x880b ? twin_ppp(t, at) : twin_ether(t, type, at);
}

/* The numbers of VXLAN-GPE and NSH. */
static int twin_inner_number(struct twin *t, int number, long at)
{
	static const uint16_t types[] = { 0,	  0x0800, 0x86dd,
					  0x6558, 0x894f, 0x8847 };

	return twin_inner_type(t, number < 6 ? types[number] : 0, at);
}

static int twin_inner_ip(struct twin *t, long at)
{
	switch (t->data[at] / 16) {
	case 4:
		return twin_inner_type(t, 0x0800, at);
	case 6:
		return twin_inner_type(t, 0x86dd, at);
	default:
		return PK_PARSE_NOT_IP;
	}
}

/* --- between link and IP -------------------------------------------------- */

static bool twin_is_frame(const struct twin *t, long at)
{
	if (!twin_has(t, at, 15))
		return false;
	switch (twin_number(t, at + 12, 2)) {
	case 0x0800:
		return t->data[at + 14] / 16 == 4;
	case 0x86dd:
		return t->data[at + 14] / 16 == 6;
	case 0x0806:
	case 0x8100:
	case 0x88a8:
		return true;
	default:
		return false;
	}
}

static int twin_unlabelled(struct twin *t, long at)
{
	long rest = t->until - at;
	int high, low;

	if (rest < 1 || !twin_has(t, at, rest < 19 ? rest : 19))
		return PK_PARSE_SHORT_MPLS;
	high = t->data[at] / 16;
	low = t->data[at] % 16;
	if (high == 6)
		return twin_inner_type(t, 0x86dd, at);
	if (high == 4 && low >= 5)
		return twin_inner_type(t, 0x0800, at);
	if (twin_is_frame(t, at) && !twin_is_frame(t, at + 4))
		return twin_inner_frame(t, at);
	if (high == 4)
		return twin_inner_type(t, 0x0800, at);
	if (high != 0)
		return PK_PARSE_NOT_IP;
	return twin_has(t, at, 4) ? twin_inner_frame(t, at + 4)
				  : PK_PARSE_SHORT_MPLS;
}

static int twin_labels(struct twin *t, long at, int walked)
{
	if (walked == 8)
		return PK_PARSE_MPLS_DEPTH;
	if (!twin_has(t, at, 4))
		return PK_PARSE_SHORT_MPLS;
	if (twin_number(t, at, 4) & 0x100)
		return twin_unlabelled(t, at + 4);
	return twin_labels(t, at + 4, walked + 1);
}

static int twin_ppp(struct twin *t, long at)
{
	int n;

	if (twin_has(t, at, 2) && twin_number(t, at, 2) == 0xff03)
		at += 2;
	if (!twin_has(t, at, 1))
		return PK_PARSE_SHORT_PPPOE;
	n = t->data[at] % 2 && t->data[at] != 255 ? 1 : 2;
	if (!twin_has(t, at, n))
		return PK_PARSE_SHORT_PPPOE;
	switch (twin_number(t, at, n)) {
	case 0x21:
		return twin_inner_type(t, 0x0800, at + n);
	case 0x57:
		return twin_inner_type(t, 0x86dd, at + n);
	case 0x281:
	case 0x283:
		return twin_inner_type(t, 0x8847, at + n);
	default:
		return PK_PARSE_NOT_IP;
	}
}

static int twin_pppoe(struct twin *t, long at)
{
	if (!twin_has(t, at, 6))
		return PK_PARSE_SHORT_PPPOE;
	if (twin_number(t, at, 2) != 0x1100)
		return PK_PARSE_NOT_IP;
	twin_shorten(t, at + 6 + twin_number(t, at + 4, 2));
	return twin_tired(t) ? PK_PARSE_TUNNEL_DEPTH : twin_ppp(t, at + 6);
}

static int twin_llc(struct twin *t, long at)
{
	long oui;

	if (t->until - at < 8)
		return PK_PARSE_LLC;
	if (!twin_has(t, at, 8))
		return PK_PARSE_SHORT_SHIM;
	oui = twin_number(t, at + 3, 3);
	if (twin_number(t, at, 3) != 0xaaaa03 || (oui != 0 && oui != 0xf8))
		return PK_PARSE_LLC;
	return twin_inner_type(t, twin_number(t, at + 6, 2), at + 8);
}

static int twin_nsh(struct twin *t, long at)
{
	long length;

	if (!twin_has(t, at, 8))
		return PK_PARSE_SHORT_SHIM;
	if (t->data[at] >= 64)
		return PK_PARSE_NOT_IP;
	length = twin_number(t, at, 2) % 64 * 4;
	if (length < 8 || !twin_has(t, at, length))
		return PK_PARSE_SHORT_SHIM;
	return twin_inner_number(t, t->data[at + 3], at + length);
}

static int twin_tagged_frame(struct twin *t, long at, long n)
{
	return twin_has(t, at, n) ? twin_inner_frame(t, at + n)
				  : PK_PARSE_SHORT_SHIM;
}

/* --- in IP ------------------------------------------------------------------ */

static int twin_erspan(struct twin *t, long at)
{
	long kind, length = 12;

	if (!twin_has(t, at, 8))
		return PK_PARSE_SHORT_GRE;
	if (t->data[at] / 16 == 1)
		return twin_inner_frame(t, at + 8);
	if (t->data[at] / 16 != 2)
		return PK_PARSE_GRE_UNSUPPORTED;
	if (!twin_has(t, at, 12))
		return PK_PARSE_SHORT_GRE;
	kind = twin_number(t, at + 10, 2) >> 10 & 0x1f;
	if (t->data[at + 11] % 2)
		length = 20;
	if (!twin_has(t, at, length + (kind == 2)))
		return PK_PARSE_SHORT_GRE;
	if (kind == 2)
		return twin_inner_ip(t, at + length);
	return kind == 0 ? twin_inner_frame(t, at + length) : PK_PARSE_NOT_IP;
}

/* What RFC 2637 makes of GRE. */
static int twin_pptp(struct twin *t, long at)
{
	long bits = twin_number(t, at, 2), length = 8;

	if (bits & 0x8000 || bits & 0x4000 || !(bits & 0x2000))
		return PK_PARSE_GRE_UNSUPPORTED;
	if (bits & 0x1000)
		length += 4;
	if (bits & 0x0080)
		length += 4;
	if (!twin_has(t, at, length))
		return PK_PARSE_SHORT_GRE;
	if (twin_number(t, at + 2, 2) != 0x880b || !(bits & 0x1000))
		return PK_PARSE_L4_OTHER;
	twin_shorten(t, at + length + twin_number(t, at + 4, 2));
	return twin_tired(t) ? PK_PARSE_TUNNEL_DEPTH : twin_ppp(t, at + length);
}

static int twin_gre(struct twin *t, long at)
{
	long bits, type, length = 4;

	if (!twin_has(t, at, 4))
		return PK_PARSE_SHORT_GRE;
	bits = twin_number(t, at, 2);
	type = twin_number(t, at + 2, 2);
	if (bits % 8 == 1)
		return twin_pptp(t, at);
	if (bits % 8 != 0 || bits & 0x4000)
		return PK_PARSE_GRE_UNSUPPORTED;
	for (long flag = 0x1000; flag <= 0x8000; flag *= 2)
		if (bits & flag)
			length += 4;
	if (!twin_has(t, at, length))
		return PK_PARSE_SHORT_GRE;
	if (type == 0x22eb || (type == 0x88be && bits & 0x1000))
		return twin_erspan(t, at + length);
	if (type == 0x88be)
		return twin_inner_frame(t, at + length);
	return twin_inner_type(t, type, at + length);
}

static int twin_etherip(struct twin *t, long at)
{
	if (!twin_has(t, at, 2))
		return PK_PARSE_SHORT_SHIM;
	if (t->data[at] / 16 != 3)
		return PK_PARSE_L4_OTHER;
	return twin_inner_frame(t, at + 2);
}

/* --- in UDP: PK_PARSE_OK if it is no tunnel ---------------------------------- */

static int twin_vxlan(struct twin *t, long at)
{
	if (!twin_has(t, at, 1))
		return PK_PARSE_SHORT_VXLAN;
	if (t->data[at] / 8 % 2 == 0)
		return PK_PARSE_OK;
	return twin_has(t, at, 8) ? twin_inner_frame(t, at + 8)
				  : PK_PARSE_SHORT_VXLAN;
}

static int twin_gpe(struct twin *t, long at)
{
	bool has_network, has_protocol;

	if (!twin_has(t, at, 1))
		return PK_PARSE_SHORT_VXLAN;
	has_network = t->data[at] / 8 % 2;
	has_protocol = t->data[at] / 4 % 2;
	if (t->data[at] / 16 % 4 != 0 || (!has_network && !has_protocol))
		return PK_PARSE_OK;
	if (!twin_has(t, at, 8))
		return PK_PARSE_SHORT_VXLAN;
	if (!has_protocol)
		return twin_inner_frame(t, at + 8);
	return twin_inner_number(t, t->data[at + 3], at + 8);
}

static int twin_geneve(struct twin *t, long at)
{
	long length;

	if (!twin_has(t, at, 1))
		return PK_PARSE_SHORT_GENEVE;
	if (t->data[at] >= 64)
		return PK_PARSE_OK;
	length = 8 + 4 * t->data[at];
	if (!twin_has(t, at, length))
		return PK_PARSE_SHORT_GENEVE;
	return twin_inner_type(t, twin_number(t, at + 2, 2), at + length);
}

static int twin_gtp_chain(struct twin *t, long at, int type, int walked)
{
	long length;

	if (!type)
		return twin_has(t, at, 1) ? twin_inner_ip(t, at)
					  : PK_PARSE_SHORT_GTP;
	if (walked == 8)
		return PK_PARSE_GTP_EXT_DEPTH;
	if (!twin_has(t, at, 1))
		return PK_PARSE_SHORT_GTP;
	length = t->data[at] * 4;
	if (length == 0)
		return PK_PARSE_GTP_EXT_ZERO;
	if (!twin_has(t, at, length))
		return PK_PARSE_SHORT_GTP;
	return twin_gtp_chain(t, at + length, t->data[at + length - 1],
			      walked + 1);
}

static int twin_gtp(struct twin *t, long at)
{
	if (!twin_has(t, at, 2))
		return PK_PARSE_SHORT_GTP;
	if (t->data[at] / 16 != 3 || t->data[at + 1] != 255)
		return PK_PARSE_OK;
	if (!twin_has(t, at, 8))
		return PK_PARSE_SHORT_GTP;
	twin_shorten(t, at + 8 + twin_number(t, at + 2, 2));
	if (t->data[at] % 8 == 0)
		return twin_gtp_chain(t, at + 8, 0, 0);
	if (!twin_has(t, at, 12))
		return PK_PARSE_SHORT_GTP;
	return twin_gtp_chain(t, at + 12,
			      t->data[at] & 4 ? t->data[at + 11] : 0, 0);
}

static int twin_teredo(struct twin *t, long at)
{
	long length;

	if (twin_has(t, at, 4) && twin_number(t, at, 2) == 1) {
		length = 13 + t->data[at + 2] + t->data[at + 3];
		if (!twin_has(t, at, length))
			return PK_PARSE_SHORT_TEREDO;
		at += length;
	}
	if (twin_has(t, at, 8) && twin_number(t, at, 2) == 0)
		at += 8;
	if (!twin_has(t, at, 1))
		return PK_PARSE_SHORT_TEREDO;
	if (t->data[at] / 16 == 6)
		return twin_inner_type(t, 0x86dd, at);
	if (t->data[at] == 0 && !twin_has(t, at, 8))
		return PK_PARSE_SHORT_TEREDO;
	return PK_PARSE_OK;
}

/* The payload of the datagram; the port says what it might be. */
static int twin_udp_payload(struct twin *t, int port, long at)
{
	if (twin_tired(t))
		return PK_PARSE_TUNNEL_DEPTH;
	switch (port) {
	case 2152:
		return twin_gtp(t, at);
	case 3544:
		return twin_teredo(t, at);
	case 4789:
	case 8472:
		return twin_vxlan(t, at);
	case 4790:
		return twin_gpe(t, at);
	case 6081:
		return twin_geneve(t, at);
	default:
		return twin_labels(t, at, 0);
	}
}

/* The port that makes it a tunnel, or 0. */
static int twin_tunnel_port(int sport, int dport)
{
	static const int ports[] = { 2152, 3544, 4789, 4790, 6081, 6635, 8472 };

	if (dport == 53) /* a question, whatever port asks it */
		return 0;
	for (int i = 0; i < 7; i++)
		if (dport == ports[i])
			return dport;
	return sport == 3544 ? 3544 : 0;
}

/* --- layer 4 ---------------------------------------------------------------- */

/* Is anything wrong with the options of IPv4 or TCP? */
static bool twin_bad_options(const struct twin *t, long at, long until)
{
	while (at < until) {
		int kind = t->data[at];
		long length = 1;

		if (kind == 0)
			return false;
		if (kind != 1) {
			if (at + 1 == until)
				return true;
			length = t->data[at + 1];
			if (length < 2)
				return true;
		}
		at += length;
	}
	return at > until;
}

static int twin_icmp_peer(int proto, int type, int code)
{
	static const uint8_t pairs4[][2] = {
		{ 0, 8 }, { 9, 10 }, { 13, 14 }, { 15, 16 }, { 17, 18 }
	};
	static const uint8_t pairs6[][2] = { { 128, 129 }, { 130, 131 },
					     { 133, 134 }, { 135, 136 },
					     { 139, 140 }, { 144, 145 } };
	const uint8_t(*pairs)[2] = proto == 1 ? pairs4 : pairs6;
	int count = proto == 1 ? 5 : 6;

	for (int i = 0; i < count; i++) {
		if (pairs[i][0] == type)
			return pairs[i][1];
		if (pairs[i][1] == type)
			return pairs[i][0];
	}
	return code;
}

static int twin_icmp(struct twin *t, long at)
{
	struct pk_packet *p = t->p;

	if (!twin_has(t, at, 4))
		return PK_PARSE_SHORT_L4;
	p->icmp_code = t->data[at + 1];
	p->key.sport = t->data[at];
	p->key.dport = (uint16_t)twin_icmp_peer(p->key.proto, t->data[at],
						p->icmp_code);
	p->layers |= PK_HAS_PORTS;
	return PK_PARSE_OK;
}

static bool twin_ports(struct twin *t, long at)
{
	if (!twin_has(t, at, 4))
		return false;
	t->p->key.sport = (uint16_t)twin_number(t, at, 2);
	t->p->key.dport = (uint16_t)twin_number(t, at + 2, 2);
	t->p->layers |= PK_HAS_PORTS;
	return true;
}

static void twin_payload(struct twin *t, long at, long until)
{
	until = until < t->until ? until : t->until;
	t->p->payload_off = (uint16_t)at;
	t->p->payload_len = (uint16_t)(until - at > 65535 ? 65535 : until - at);
	t->p->layers |= PK_HAS_PAYLOAD;
}

static int twin_tcp(struct twin *t, long at)
{
	long header;

	if (!twin_ports(t, at) || !twin_has(t, at, 20))
		return PK_PARSE_SHORT_L4;
	t->p->tcp_flags = t->data[at + 13];
	header = t->data[at + 12] / 16 * 4;
	if (header < 20 || at + header > t->until)
		return PK_PARSE_TCP_HLEN;
	twin_payload(t, at + header, t->until);
	if (!twin_has(t, at, header))
		return PK_PARSE_SHORT_L4;
	return twin_bad_options(t, at + 20, at + header) ? PK_PARSE_TCP_OPTION
							 : PK_PARSE_OK;
}

static int twin_udp(struct twin *t, long at)
{
	long length;
	int port;

	if (!twin_ports(t, at) || !twin_has(t, at, 8))
		return PK_PARSE_SHORT_L4;
	length = twin_number(t, at + 4, 2);
	if (length < 8)
		return PK_PARSE_UDP_LENGTH;
	twin_payload(t, at + 8, at + length);
	if (at + length > t->until && !(t->p->layers & PK_IS_FRAGMENT))
		twin_note(t, PK_PARSE_UDP_LENGTH);
	port = twin_tunnel_port(t->p->key.sport, t->p->key.dport);
	if (!port)
		return PK_PARSE_OK;
	twin_shorten(t, at + length);
	return at + 8 < t->until ? twin_udp_payload(t, port, at + 8)
				 : PK_PARSE_OK;
}

static int twin_sctp(struct twin *t, long at)
{
	return twin_ports(t, at) && twin_has(t, at, 12) ? PK_PARSE_OK
							: PK_PARSE_SHORT_L4;
}

static int twin_l4(struct twin *t, long at)
{
	t->p->l4_off = (uint16_t)at;
	switch (t->p->key.proto) {
	case 6:
		return twin_tcp(t, at);
	case 17:
		return twin_udp(t, at);
	case 132:
		return twin_sctp(t, at);
	case 1:
	case 58:
		return twin_icmp(t, at);
	case 59:
		return PK_PARSE_NO_NEXT;
	case 4:
		return twin_inner_type(t, 0x0800, at);
	case 41:
		return twin_inner_type(t, 0x86dd, at);
	case 137:
		return twin_inner_type(t, 0x8847, at);
	case 143:
		return twin_inner_frame(t, at);
	case 47:
		return twin_tired(t) ? PK_PARSE_TUNNEL_DEPTH : twin_gre(t, at);
	case 97:
		return twin_tired(t) ? PK_PARSE_TUNNEL_DEPTH
				     : twin_etherip(t, at);
	default:
		return PK_PARSE_L4_OTHER;
	}
}

/* --- IP --------------------------------------------------------------------- */

/* The packet so far becomes the one around the packet that begins at @at. */
static bool twin_enter(struct twin *t, long at)
{
	struct pk_packet *p = t->p, around = *p;

	if (around.layers & PK_HAS_IP) {
		if (around.depth == 4)
			return false;
		memset(p, 0, sizeof(*p));
		p->eth_type = around.eth_type;
		p->vlan = around.vlan;
		p->vlans = around.vlans;
		p->layers = around.layers & PK_IS_FRAGMENT;
		p->depth = around.depth + 1;
		t->d->outer[around.depth] = around.key;
		if (around.layers & PK_IS_IP6)
			t->d->outer_ip6 |= (uint8_t)(1 << around.depth);
	}
	p->ip_off = (uint16_t)at;
	return true;
}

/* The packet ends where its IP header says, if there is that much. */
static void twin_promise(struct twin *t, long at, long length)
{
	t->p->bytes = (uint32_t)length;
	t->p->layers |= PK_HAS_IP;
	if (at + length > t->until && !(t->p->layers & PK_IS_FRAGMENT))
		twin_note(t, PK_PARSE_IP_TRUNCATED);
	twin_shorten(t, at + length);
}

/* Bytes of the authentication or extension header, 0 if @proto is none. */
static long twin_extension(const struct twin *t, int proto, long at)
{
	switch (proto) {
	case 44:
		return 8;
	case 51:
		return t->data[at + 1] * 4 + 8;
	case 0:
	case 43:
	case 60:
	case 135:
	case 139:
	case 140:
		return t->data[at + 1] * 8 + 8;
	default:
		return 0;
	}
}

static bool twin_is_extension(const struct twin *t)
{
	static const char all[] = "\0\x2b\x2c\x33\x3c\x87\x8b\x8c";

	if (!(t->p->layers & PK_IS_IP6))
		return t->p->key.proto == 51;
	return memchr(all, t->p->key.proto, 8) != NULL;
}

static int twin_chain(struct twin *t, long at, int walked)
{
	int proto = t->p->key.proto;
	long length, fragment;

	if (!twin_is_extension(t))
		return twin_l4(t, at);
	if (walked == 8)
		return PK_PARSE_EXT_DEPTH;
	if (!twin_has(t, at, 8))
		return PK_PARSE_SHORT_EXT;
	length = twin_extension(t, proto, at);
	t->p->key.proto = t->data[at];
	if (proto == 44) {
		fragment = twin_number(t, at + 2, 2);
		if (fragment / 8 || fragment % 2)
			t->p->layers |= PK_IS_FRAGMENT;
		if (fragment / 8)
			return PK_PARSE_FRAGMENT;
	}
	if (!twin_has(t, at, length))
		return PK_PARSE_SHORT_EXT;
	return twin_chain(t, at + length, walked + 1);
}

static void twin_mapped(struct twin *t, union pk_addr *a, long at)
{
	memset(a->b + 10, 0xff, 2);
	memcpy(a->b + 12, t->data + at, 4);
}

static int twin_ip4(struct twin *t, long at)
{
	struct pk_packet *p = t->p;
	long header, total, fragment;

	if (!twin_has(t, at, 20))
		return PK_PARSE_SHORT_IP;
	if (t->data[at] / 16 != 4)
		return PK_PARSE_IP_VERSION;
	if (!twin_enter(t, at))
		return PK_PARSE_TUNNEL_DEPTH;
	header = t->data[at] % 16 * 4;
	total = twin_number(t, at + 2, 2);
	if (total == 0 && t->until - at > 65535) /* an offloaded segment */
		total = t->until - at;
	fragment = twin_number(t, at + 6, 2);
	p->tos = t->data[at + 1];
	p->ttl = t->data[at + 8];
	p->key.proto = t->data[at + 9];
	twin_mapped(t, &p->key.src, at + 12);
	twin_mapped(t, &p->key.dst, at + 16);
	twin_promise(t, at, total);
	if (header < 20)
		return PK_PARSE_IP_HLEN;
	if (total < header)
		return PK_PARSE_IP_LENGTH;
	if (fragment & 0x2000 || fragment % 0x2000)
		p->layers |= PK_IS_FRAGMENT;
	if (fragment % 0x2000)
		return PK_PARSE_FRAGMENT;
	if (!twin_has(t, at, header))
		return PK_PARSE_SHORT_IP;
	if (twin_bad_options(t, at + 20, at + header))
		twin_note(t, PK_PARSE_IP_OPTION);
	return twin_chain(t, at + header, 0);
}

static int twin_ip6(struct twin *t, long at)
{
	struct pk_packet *p = t->p;
	long payload;

	if (!twin_has(t, at, 40))
		return PK_PARSE_SHORT_IP;
	if (t->data[at] / 16 != 6)
		return PK_PARSE_IP_VERSION;
	if (!twin_enter(t, at))
		return PK_PARSE_TUNNEL_DEPTH;
	payload = twin_number(t, at + 4, 2);
	if (payload == 0 &&
	    (t->data[at + 6] == 0 || t->until - at - 40 > 65535))
		payload = t->until - at - 40;
	p->tos = (uint8_t)(twin_number(t, at, 2) / 16);
	p->key.proto = t->data[at + 6];
	p->ttl = t->data[at + 7];
	p->layers |= PK_IS_IP6;
	memcpy(p->key.src.b, t->data + at + 8, 16);
	memcpy(p->key.dst.b, t->data + at + 24, 16);
	twin_promise(t, at, payload + 40);
	return twin_chain(t, at + 40, 0);
}

/* --- link ------------------------------------------------------------------- */

static bool twin_is_tag(long type)
{
	switch (type) {
	case 0x8100:
	case 0x88a8:
	case 0x9100:
	case 0x9200:
	case 0x9300:
		return true;
	default:
		return false;
	}
}

/* What an EtherType announces, tags walked. */
static int twin_ether(struct twin *t, long type, long at)
{
	switch (type) {
	case 0x0800:
		return twin_ip4(t, at);
	case 0x86dd:
		return twin_ip6(t, at);
	case 0x8847:
	case 0x8848:
		return twin_labels(t, at, 0);
	case 0x8864:
		return twin_pppoe(t, at);
	case 0x88e7:
		return twin_tagged_frame(t, at, 4);
	case 0x8903:
		return twin_tagged_frame(t, at, 2);
	case 0x894f:
		return twin_nsh(t, at);
	case 0x8100:
	case 0x88a8:
	case 0x9100:
	case 0x9200:
	case 0x9300:
		if (t->p->vlans == 4)
			return PK_PARSE_VLAN_DEPTH;
		if (!twin_has(t, at, 4))
			return PK_PARSE_SHORT_VLAN;
		if (t->p->vlans == 0)
			t->p->vlan = twin_number(t, at, 2) % 4096;
		t->p->vlans++;
		return twin_named(t, twin_number(t, at + 2, 2), at + 4);
	default:
		return PK_PARSE_NOT_IP;
	}
}

/* What a frame says: a header of its own is another hop, IP and tags not. */
static int twin_named(struct twin *t, long type, long at)
{
	if (t->hops == 0)
		t->p->eth_type = (uint16_t)type;
	if (type == 0x0800 || type == 0x86dd || twin_is_tag(type))
		return twin_ether(t, type, at);
	if (twin_tired(t))
		return PK_PARSE_TUNNEL_DEPTH;
	return type < 0x600 ? twin_llc(t, at) : twin_ether(t, type, at);
}

static int twin_frame(struct twin *t, long at)
{
	if (!twin_has(t, at, 14))
		return PK_PARSE_SHORT_ETH;
	return twin_named(t, twin_number(t, at + 12, 2), at + 14);
}

/* Short only because the rest was not at hand. */
static int twin_cut(const struct twin *t, long wire, int reason)
{
	switch (reason) {
	case PK_PARSE_SHORT_ETH:
	case PK_PARSE_SHORT_VLAN:
	case PK_PARSE_SHORT_MPLS:
	case PK_PARSE_SHORT_PPPOE:
	case PK_PARSE_SHORT_SHIM:
	case PK_PARSE_SHORT_IP:
	case PK_PARSE_SHORT_EXT:
	case PK_PARSE_SHORT_L4:
	case PK_PARSE_SHORT_GRE:
	case PK_PARSE_SHORT_VXLAN:
	case PK_PARSE_SHORT_GENEVE:
	case PK_PARSE_SHORT_GTP:
	case PK_PARSE_SHORT_TEREDO:
		if (t->readable < wire && t->readable < 2048)
			return PK_PARSE_NONLINEAR;
		return reason;
	default:
		return reason;
	}
}

/* As pk_parse(): @wire bytes long, of which @readable are at @data. */
static void twin_parse(const uint8_t *data, long readable, long wire,
		       struct pk_decode *d)
{
	struct twin t = { data, readable, wire, d, &d->packet, 0, PK_PARSE_OK };
	int reason;

	memset(d, 0, sizeof(*d));
	reason = twin_cut(&t, wire, twin_frame(&t, 0));
	if (reason != PK_PARSE_NONLINEAR && t.defect != PK_PARSE_OK)
		reason = t.defect;
	t.p->reason = (uint8_t)reason;
}

#endif /* PK_TESTS_PARSE_TWIN_H */
