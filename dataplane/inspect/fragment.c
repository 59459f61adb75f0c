/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/fragment.h"

#include <string.h>

#include "bpf/parse.h"

enum {
	IP4_HEAD = 20,
	IP6_HEAD = 40,
	IP4_TTL_AT = 8,
	IP4_SUM_AT = 10,
	IP6_NEXT_AT = 6,
	IP6_TTL_AT = 7,
	EXT_HEAD = 8,
	MORE_IP4 = 0x2000,
	OFFSET_IP4 = 0x1fff,
	MORE_IP6 = 1,
	OFFSET_IP6 = 0xfff8,
};

/* The IP header and all bytes behind it. */
struct bytes {
	const uint8_t *at;
	uint32_t len;
};

/* What holds for both versions; @total is the packet's own length. */
static int check(struct pk_fragment *f, const struct bytes *b, uint32_t total)
{
	uint32_t odd = f->more ? f->len & 7 : 0;

	if (odd && pk_fragment_is_ip6(f))
		return PK_FRAGMENT_LENGTH;
	f->len -= odd;
	if (!f->len)
		return PK_FRAGMENT_LENGTH;
	if (f->offset + f->len > PK_DATAGRAM_MAX)
		return PK_FRAGMENT_OVERSIZE;
	return total > b->len ? PK_FRAGMENT_CUT : PK_FRAGMENT_OK;
}

/* No receiver takes a header with a wrong sum: it may be there to fool us. */
static int sum_is_wrong(const uint8_t *h, uint32_t hlen)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < hlen; i += 2)
		sum += pk_be16(h + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum != 0xffff && pk_be16(h + IP4_SUM_AT);
}

static int read_ip4(struct pk_fragment *f, const struct bytes *b)
{
	const uint8_t *h = b->at;
	uint32_t hlen, total, field;

	if (b->len < IP4_HEAD)
		return PK_FRAGMENT_CUT;
	hlen = (uint32_t)(h[0] & 15) * 4;
	total = pk_be16(h + 2);
	if (hlen < IP4_HEAD || total < hlen)
		return PK_FRAGMENT_LENGTH;
	if (hlen > b->len)
		return PK_FRAGMENT_CUT;
	if (sum_is_wrong(h, hlen))
		return PK_FRAGMENT_CHECKSUM;
	field = pk_be16(h + 6);
	f->key.proto = h[9];
	f->ttl = h[IP4_TTL_AT];
	f->key.dport = pk_be16(h + 4);
	f->more = (field & MORE_IP4) != 0;
	f->offset = (field & OFFSET_IP4) * 8;
	f->head = h;
	f->head_len = (uint16_t)hlen;
	f->data = h + hlen;
	f->len = total - hlen;
	return check(f, b, total);
}

/* At the Fragment header, @off bytes behind the IPv6 header's first. */
static int read_fragment_header(struct pk_fragment *f, const struct bytes *b,
				uint32_t off)
{
	const uint8_t *p = b->at + off;
	uint32_t total = IP6_HEAD + pk_be16(b->at + 4);
	uint32_t field = pk_be16(p + 2), id = pk_be32(p + 4);

	if (total < off + EXT_HEAD)
		return PK_FRAGMENT_LENGTH;
	f->key.proto = PK_PROTO_FRAGMENT;
	f->key.direction = PK_FRAGMENT_IP6;
	f->ttl = b->at[IP6_TTL_AT];
	f->key.sport = (uint16_t)(id >> 16);
	f->key.dport = (uint16_t)id;
	f->more = field & MORE_IP6;
	f->offset = field & OFFSET_IP6;
	f->head = b->at;
	f->head_len = (uint16_t)(off + EXT_HEAD);
	f->data = p + EXT_HEAD;
	f->len = total - f->head_len;
	return check(f, b, total);
}

/* Walk the extension headers as bpf/parse.h does, to the Fragment header. */
static int read_ip6(struct pk_fragment *f, const struct bytes *b)
{
	uint32_t off = IP6_HEAD;
	uint8_t proto;

	if (b->len < IP6_HEAD)
		return PK_FRAGMENT_CUT;
	proto = b->at[IP6_NEXT_AT];
	f->next_at = IP6_NEXT_AT;
	for (int i = 0; i < PK_IP6_EXTS && pk_ip6_exts[proto].is_ext; i++) {
		const struct pk_ip6_ext *ext = &pk_ip6_exts[proto];
		const uint8_t *p = b->at + off;

		if (off + EXT_HEAD > b->len)
			return PK_FRAGMENT_CUT;
		if (pk_be16(p + 2) & ext->frag_mask)
			return read_fragment_header(f, b, off);
		f->next_at = (uint16_t)off;
		proto = p[0];
		off += ((p[1] & ext->len_mask) + (uint32_t)ext->add)
		       << ext->shift;
	}
	return PK_FRAGMENT_CUT;
}

/* Decode until a header says fragment: that one is d->packet's. */
static int find(struct pk_decode *d, const uint8_t *frame, uint32_t caplen,
		uint32_t frame_len)
{
	pk_parse_begin(d, frame_len);
	while (d->next != PK_NEXT_NONE) {
		pk_parse_step(frame, frame + caplen, d);
		if (d->packet.layers & PK_IS_FRAGMENT)
			return 1;
	}
	return 0;
}

int pk_fragment_read(struct pk_fragment *out, const uint8_t *frame,
		     uint32_t caplen, uint32_t frame_len)
{
	struct pk_decode d;
	struct bytes b;

	memset(out, 0, sizeof(*out));
	if (!find(&d, frame, caplen, frame_len) || d.packet.ip_off > caplen)
		return PK_FRAGMENT_CUT;
	b.at = frame + d.packet.ip_off;
	b.len = caplen - d.packet.ip_off;
	out->key.src = d.packet.key.src;
	out->key.dst = d.packet.key.dst;
	out->depth = d.packet.depth;
	if (b.len && b.at[0] >> 4 == 4)
		return read_ip4(out, &b);
	return read_ip6(out, &b);
}
