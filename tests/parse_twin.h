/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse_twin: the decoder once more, slow and plain, to judge bpf/parse.h.
 *
 * No cursor: every position is counted from the frame's first byte, one rule
 * says which bytes exist, and headers are told apart by switch and not by
 * table. It shares the names of reasons and fields with bpf/parse.h, and no
 * code.
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
	struct pk_packet *p;
	int defect; /* one that did not stop the decoder */
};

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
	p->icmp_type = t->data[at];
	p->icmp_code = t->data[at + 1];
	p->key.sport = p->icmp_type;
	p->key.dport = (uint16_t)twin_icmp_peer(p->key.proto, p->icmp_type,
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
	t->p->payload_off = (uint16_t)at;
	t->p->payload_len = (uint16_t)(until - at > 65535 ? 65535 : until - at);
	t->p->layers |= PK_HAS_PAYLOAD;
}

static int twin_tcp(struct twin *t, long at)
{
	long words;

	if (!twin_ports(t, at) || !twin_has(t, at, 20))
		return PK_PARSE_SHORT_L4;
	t->p->tcp_flags = t->data[at + 13];
	words = t->data[at + 12] / 16;
	if (words < 5 || at + words * 4 > t->until)
		return PK_PARSE_TCP_HLEN;
	twin_payload(t, at + words * 4, t->until);
	return PK_PARSE_OK;
}

static int twin_udp(struct twin *t, long at)
{
	long length;

	if (!twin_ports(t, at) || !twin_has(t, at, 8))
		return PK_PARSE_SHORT_L4;
	length = twin_number(t, at + 4, 2);
	if (length < 8)
		return PK_PARSE_UDP_LENGTH;
	twin_payload(t, at + 8, at + length);
	if (t->p->layers & PK_IS_FRAGMENT)
		return PK_PARSE_OK;
	return at + length > t->until ? PK_PARSE_UDP_LENGTH : PK_PARSE_OK;
}

static int twin_l4(struct twin *t, long at)
{
	t->p->l4_off = (uint16_t)at;
	switch (t->p->key.proto) {
	case 6:
		return twin_tcp(t, at);
	case 17:
		return twin_udp(t, at);
	case 1:
	case 58:
		return twin_icmp(t, at);
	case 59:
		return PK_PARSE_NO_NEXT;
	default:
		return PK_PARSE_L4_OTHER;
	}
}

/* The packet ends where its IP header says, if the frame has that much. */
static void twin_promise(struct twin *t, long at, long length)
{
	t->p->bytes = (uint32_t)length;
	t->p->layers |= PK_HAS_IP;
	if (at + length > t->until)
		t->defect = PK_PARSE_IP_TRUNCATED;
	else
		t->until = at + length;
}

static int twin_ip4(struct twin *t, long at)
{
	struct pk_packet *p = t->p;
	long header, total, fragment;

	if (!twin_has(t, at, 20))
		return PK_PARSE_SHORT_IP;
	if (t->data[at] / 16 != 4)
		return PK_PARSE_IP_VERSION;
	header = t->data[at] % 16 * 4;
	total = twin_number(t, at + 2, 2);
	if (total == 0 && t->until - at > 65535) /* an offloaded segment */
		total = t->until - at;
	fragment = twin_number(t, at + 6, 2);
	p->tos = t->data[at + 1];
	p->ttl = t->data[at + 8];
	p->key.proto = t->data[at + 9];
	memcpy(p->key.src.b, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	memcpy(p->key.dst.b, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	memcpy(p->key.src.b + 12, t->data + at + 12, 4);
	memcpy(p->key.dst.b + 12, t->data + at + 16, 4);
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
	return twin_l4(t, at + header);
}

/* Bytes of the extension header at @at, 0 if @proto is none. */
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

static bool twin_is_extension(int proto)
{
	return memchr("\0\x2b\x2c\x33\x3c\x87\x8b\x8c", proto, 8) != NULL;
}

static int twin_chain(struct twin *t, long at, int walked)
{
	int proto = t->p->key.proto;
	long length, fragment;

	if (!twin_is_extension(proto))
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

static int twin_ip6(struct twin *t, long at)
{
	struct pk_packet *p = t->p;
	long payload;

	if (!twin_has(t, at, 40))
		return PK_PARSE_SHORT_IP;
	if (t->data[at] / 16 != 6)
		return PK_PARSE_IP_VERSION;
	payload = twin_number(t, at + 4, 2);
	if (payload == 0 && t->data[at + 6] == 0)
		payload = t->until - at - 40;
	p->tos = (uint8_t)(twin_number(t, at, 2) / 16);
	p->key.proto = t->data[at + 6];
	p->ttl = t->data[at + 7];
	memcpy(p->key.src.b, t->data + at + 8, 16);
	memcpy(p->key.dst.b, t->data + at + 24, 16);
	twin_promise(t, at, payload + 40);
	return twin_chain(t, at + 40, 0);
}

/* @at is the place of an EtherType behind @tags tags. */
static int twin_type(struct twin *t, long at, int tags)
{
	long type = twin_number(t, at, 2);
	bool tag = type == 0x8100 || type == 0x88a8 || type == 0x9100 ||
		   type == 0x9200;

	if (tag && tags < 4) {
		if (!twin_has(t, at + 2, 4))
			return PK_PARSE_SHORT_VLAN;
		if (tags == 0)
			t->p->vlan = twin_number(t, at + 2, 2) % 4096;
		t->p->vlans = (uint8_t)(tags + 1);
		return twin_type(t, at + 4, tags + 1);
	}
	t->p->eth_type = (uint16_t)type;
	t->p->ip_off = (uint16_t)(at + 2);
	if (tag)
		return PK_PARSE_VLAN_DEPTH;
	if (type == 0x0800)
		return twin_ip4(t, at + 2);
	if (type == 0x86dd)
		return twin_ip6(t, at + 2);
	return type < 0x600 ? PK_PARSE_LLC : PK_PARSE_NOT_IP;
}

/* Short only because the rest was not at hand. */
static int twin_cut(const struct twin *t, long wire, int reason)
{
	switch (reason) {
	case PK_PARSE_SHORT_ETH:
	case PK_PARSE_SHORT_VLAN:
	case PK_PARSE_SHORT_IP:
	case PK_PARSE_SHORT_EXT:
	case PK_PARSE_SHORT_L4:
		if (t->readable < wire && t->readable < 2048)
			return PK_PARSE_NONLINEAR;
		return reason;
	default:
		return reason;
	}
}

/* As pk_parse(): @wire bytes long, of which @readable are at @data. */
static void twin_parse(const uint8_t *data, long readable, long wire,
		       struct pk_packet *p)
{
	struct twin t = { data, readable, wire, p, PK_PARSE_OK };
	int reason;

	memset(p, 0, sizeof(*p));
	reason =
		twin_has(&t, 0, 14) ? twin_type(&t, 12, 0) : PK_PARSE_SHORT_ETH;
	reason = twin_cut(&t, wire, reason);
	p->reason = (uint8_t)(t.defect != PK_PARSE_OK ? t.defect : reason);
}

#endif /* PK_TESTS_PARSE_TWIN_H */
