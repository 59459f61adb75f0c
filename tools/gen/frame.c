/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/gen/frame.h"

#include <errno.h>
#include <string.h>

enum {
	ETHERTYPE_IP4 = 0x0800,
	ETHERTYPE_IP6 = 0x86dd,
	ETHERTYPE_ETH = 0x6558, /* transparent Ethernet bridging */
	PROTO_ICMP = 1,
	PROTO_IP4 = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_IP6 = 41,
	PROTO_FRAGMENT = 44,
	PROTO_GRE = 47,
	PROTO_ICMP6 = 58,
	PROTO_ETH = 143, /* RFC 8986 */
	IP6_BYTES = 40,
	OPTIONS_MAX = 40,
	IP_BYTES_MAX = 65535,
};

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value);
}

static void fail(struct pk_frame_builder *b, int error)
{
	if (!b->error)
		b->error = error;
}

/* Zeroed room for @n more bytes, or NULL with the error noted. */
static uint8_t *grow(struct pk_frame_builder *b, size_t n)
{
	uint8_t *p = b->data + b->len;

	if (b->error)
		return NULL;
	if (n > b->cap - b->len) {
		fail(b, -ENOSPC);
		return NULL;
	}
	memset(p, 0, n);
	b->len += n;
	return p;
}

static struct pk_frame_layer *last(struct pk_frame_builder *b)
{
	return b->layers ? &b->layer[b->layers - 1] : NULL;
}

/* A new layer of @n bytes; its next-layer field is set by the caller. */
static uint8_t *append(struct pk_frame_builder *b, enum pk_frame_kind kind,
		       size_t n)
{
	size_t at = b->len;
	uint8_t *p;

	if (b->layers == PK_FRAME_LAYERS)
		fail(b, -E2BIG);
	p = grow(b, n);
	if (!p)
		return NULL;
	b->layer[b->layers++] = (struct pk_frame_layer){ kind, at, 0, 0 };
	return p;
}

static void next_at(struct pk_frame_builder *b, size_t offset, size_t n)
{
	struct pk_frame_layer *l = last(b);

	l->next = l->at + offset;
	l->next_n = n;
}

/* Write @number into the last layer's field, which must have @n bytes. */
static void announce(struct pk_frame_builder *b, size_t n, uint16_t number)
{
	struct pk_frame_layer *l = last(b);

	if (b->error)
		return;
	if (!l || l->next_n != n)
		fail(b, -EINVAL);
	else if (n == 2)
		put16(b->data + l->next, number);
	else
		b->data[l->next] = (uint8_t)number;
}

/* What may follow either, or begin a frame, or lie behind a port. */
static void announce_any(struct pk_frame_builder *b, uint16_t ethertype,
			 uint8_t protocol)
{
	struct pk_frame_layer *l = last(b);

	if (l && l->next_n)
		announce(b, l->next_n, l->next_n == 2 ? ethertype : protocol);
}

static const struct pk_frame_layer *ip_before(const struct pk_frame_builder *b,
					      uint32_t layer)
{
	while (layer-- > 0) {
		enum pk_frame_kind kind = b->layer[layer].kind;

		if (kind == PK_FRAME_IP4 || kind == PK_FRAME_IP6)
			return &b->layer[layer];
	}
	return NULL;
}

bool pk_frame_is_ip4(const uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, mapped, sizeof mapped) == 0;
}

void pk_frame_init(struct pk_frame_builder *b, uint8_t *data, size_t cap)
{
	memset(b, 0, sizeof *b);
	b->data = data;
	b->cap = cap;
}

void pk_frame_eth(struct pk_frame_builder *b, const uint8_t dst[6],
		  const uint8_t src[6])
{
	uint8_t *p;

	announce_any(b, ETHERTYPE_ETH, PROTO_ETH);
	p = append(b, PK_FRAME_ETH, 14);
	if (!p)
		return;
	memcpy(p, dst, 6);
	memcpy(p + 6, src, 6);
	next_at(b, 12, 2);
}

void pk_frame_vlan(struct pk_frame_builder *b, uint16_t tpid, uint16_t tci)
{
	uint8_t *p;

	announce(b, 2, tpid);
	p = append(b, PK_FRAME_VLAN, 4);
	if (!p)
		return;
	put16(p, tci);
	next_at(b, 2, 2);
}

void pk_frame_type(struct pk_frame_builder *b, uint16_t type)
{
	announce_any(b, type, (uint8_t)type);
}

static void append_ip4(struct pk_frame_builder *b, const struct pk_frame_ip *ip)
{
	uint8_t *p;

	announce_any(b, ETHERTYPE_IP4, PROTO_IP4);
	p = append(b, PK_FRAME_IP4, 20u + ip->options_n);
	if (!p)
		return;
	p[0] = (uint8_t)(0x45 + ip->options_n / 4);
	p[1] = ip->tos;
	put16(p + 4, ip->id);
	put16(p + 6, ip->fragment);
	p[8] = ip->ttl ? ip->ttl : 64;
	p[9] = ip->protocol;
	memcpy(p + 12, ip->src + 12, 4);
	memcpy(p + 16, ip->dst + 12, 4);
	memcpy(p + 20, ip->options, ip->options_n);
	next_at(b, 9, 1);
}

static void append_ip6(struct pk_frame_builder *b, const struct pk_frame_ip *ip)
{
	uint8_t *p;

	announce_any(b, ETHERTYPE_IP6, PROTO_IP6);
	p = append(b, PK_FRAME_IP6, IP6_BYTES);
	if (!p)
		return;
	put16(p, 0x6000u | (uint32_t)ip->tos << 4);
	p[6] = ip->protocol;
	p[7] = ip->ttl ? ip->ttl : 64;
	memcpy(p + 8, ip->src, 16);
	memcpy(p + 24, ip->dst, 16);
	next_at(b, 6, 1);
}

void pk_frame_ip(struct pk_frame_builder *b, const struct pk_frame_ip *ip)
{
	bool ip4 = pk_frame_is_ip4(ip->src);

	if (ip4 != pk_frame_is_ip4(ip->dst) || ip->options_n % 4 ||
	    ip->options_n > OPTIONS_MAX)
		fail(b, -EINVAL);
	else if (ip4)
		append_ip4(b, ip);
	else
		append_ip6(b, ip);
}

void pk_frame_ext(struct pk_frame_builder *b, uint8_t type, const uint8_t *body,
		  size_t len)
{
	const struct pk_frame_layer *ip = ip_before(b, b->layers);
	uint8_t *p;

	if (!ip || ip->kind != PK_FRAME_IP6 || (len + 2) % 8 ||
	    (type == PROTO_FRAGMENT && len != 6))
		fail(b, -EINVAL);
	announce(b, 1, type);
	p = append(b, PK_FRAME_EXT, len + 2);
	if (!p)
		return;
	p[1] = type == PROTO_FRAGMENT ? 0 : (uint8_t)((len + 2) / 8 - 1);
	memcpy(p + 2, body, len);
	next_at(b, 0, 1);
}

void pk_frame_gre(struct pk_frame_builder *b)
{
	announce(b, 1, PROTO_GRE);
	if (append(b, PK_FRAME_GRE, 4))
		next_at(b, 2, 2);
}

void pk_frame_tcp(struct pk_frame_builder *b, const struct pk_frame_tcp *tcp)
{
	uint8_t *p;

	if (tcp->options_n % 4 || tcp->options_n > OPTIONS_MAX)
		fail(b, -EINVAL);
	announce(b, 1, PROTO_TCP);
	p = append(b, PK_FRAME_TCP, 20u + tcp->options_n);
	if (!p)
		return;
	put16(p, tcp->sport);
	put16(p + 2, tcp->dport);
	put32(p + 4, tcp->seq);
	put32(p + 8, tcp->ack);
	p[12] = (uint8_t)((5 + tcp->options_n / 4) << 4);
	p[13] = tcp->flags;
	put16(p + 14, tcp->window ? tcp->window : UINT16_MAX);
	memcpy(p + 20, tcp->options, tcp->options_n);
}

void pk_frame_udp(struct pk_frame_builder *b, uint16_t sport, uint16_t dport)
{
	uint8_t *p;

	announce(b, 1, PROTO_UDP);
	p = append(b, PK_FRAME_UDP, 8);
	if (!p)
		return;
	put16(p, sport);
	put16(p + 2, dport);
}

void pk_frame_icmp(struct pk_frame_builder *b, uint8_t type, uint8_t code,
		   uint32_t rest)
{
	const struct pk_frame_layer *ip = ip_before(b, b->layers);
	bool six = ip && ip->kind == PK_FRAME_IP6;
	uint8_t *p;

	announce(b, 1, six ? PROTO_ICMP6 : PROTO_ICMP);
	p = append(b, six ? PK_FRAME_ICMP6 : PK_FRAME_ICMP, 8);
	if (!p)
		return;
	p[0] = type;
	p[1] = code;
	put32(p + 4, rest);
}

void pk_frame_payload(struct pk_frame_builder *b, const void *bytes, size_t len)
{
	uint8_t *p = grow(b, len);

	if (p && len)
		memcpy(p, bytes, len);
}

/* RFC 1071: the sum of the 16-bit words, an odd last byte padded. */
static uint64_t sum(const uint8_t *p, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		total += (uint32_t)p[i] << 8 | p[i + 1];
	if (n & 1)
		total += (uint32_t)p[n - 1] << 8;
	return total;
}

static uint16_t fold(uint64_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

/* Addresses, protocol and length: RFC 9293 section 3.1, RFC 8200 8.1. */
static uint64_t pseudo(const struct pk_frame_builder *b,
		       const struct pk_frame_layer *ip, uint8_t protocol,
		       size_t n)
{
	const uint8_t *p = b->data + ip->at;

	if (ip->kind == PK_FRAME_IP4)
		return sum(p + 12, 8) + protocol + n;
	return sum(p + 8, 32) + protocol + n;
}

/* Checksum at @field of the layer, which reaches to the frame's end. */
static void close_l4(struct pk_frame_builder *b, uint32_t i, uint8_t protocol,
		     size_t field)
{
	const struct pk_frame_layer *ip = ip_before(b, i);
	size_t at = b->layer[i].at, n = b->len - at;
	uint64_t total = sum(b->data + at, n);

	if (!ip) {
		fail(b, -EINVAL);
		return;
	}
	if (protocol != PROTO_ICMP)
		total += pseudo(b, ip, protocol, n);
	put16(b->data + at + field, fold(total));
}

/* A UDP checksum of 0 means none, so ffff stands for 0 (RFC 768). */
static void close_udp(struct pk_frame_builder *b, uint32_t i)
{
	uint8_t *p = b->data + b->layer[i].at;

	put16(p + 4, (uint32_t)(b->len - b->layer[i].at));
	close_l4(b, i, PROTO_UDP, 6);
	if (!p[6] && !p[7])
		put16(p + 6, 0xffff);
}

static void close_ip4(struct pk_frame_builder *b, uint32_t i)
{
	uint8_t *p = b->data + b->layer[i].at;
	size_t n = b->len - b->layer[i].at;

	if (n > IP_BYTES_MAX)
		fail(b, -E2BIG);
	put16(p + 2, (uint32_t)n);
	put16(p + 10, fold(sum(p, 4u * (p[0] & 15))));
}

static void close_ip6(struct pk_frame_builder *b, uint32_t i)
{
	size_t n = b->len - b->layer[i].at - IP6_BYTES;

	if (n > IP_BYTES_MAX)
		fail(b, -E2BIG);
	put16(b->data + b->layer[i].at + 4, (uint32_t)n);
}

static void close_layer(struct pk_frame_builder *b, uint32_t i)
{
	switch (b->layer[i].kind) {
	case PK_FRAME_IP4:
		close_ip4(b, i);
		break;
	case PK_FRAME_IP6:
		close_ip6(b, i);
		break;
	case PK_FRAME_TCP:
		close_l4(b, i, PROTO_TCP, 16);
		break;
	case PK_FRAME_UDP:
		close_udp(b, i);
		break;
	case PK_FRAME_ICMP:
		close_l4(b, i, PROTO_ICMP, 2);
		break;
	case PK_FRAME_ICMP6:
		close_l4(b, i, PROTO_ICMP6, 2);
		break;
	case PK_FRAME_ETH:
	case PK_FRAME_VLAN:
	case PK_FRAME_EXT:
	case PK_FRAME_GRE:
		break;
	}
}

/* Inside out: an outer checksum covers the inner ones. */
int pk_frame_end(struct pk_frame_builder *b)
{
	for (uint32_t i = b->layers; i-- > 0 && !b->error;)
		close_layer(b, i);
	return b->error ? b->error : (int)b->len;
}
