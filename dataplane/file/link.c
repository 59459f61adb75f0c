/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/file/link.h"

#include <string.h>

enum {
	ETHERTYPE_IP4 = 0x0800,
	ETHERTYPE_IP6 = 0x86dd,
	ETHERTYPE_MPLS = 0x8847,
	ETHERTYPE_MPLS_MULTI = 0x8848,
	ETHERTYPE_PPPOE_DISC = 0x8863,
	ETHERTYPE_PPPOE = 0x8864,
	ETHERTYPE_PPP = 0x880b,
	ETHERTYPE_MIN = 0x0600, /* below it is a length (IEEE 802.3) */
	LENGTH_MAX = 1500,
};

/* What replaces the file's link header. */
struct head {
	uint32_t skip; /* bytes of the packet that are its link header */
	uint16_t type; /* EtherType or 802.3 length */
	uint8_t src[6];
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static uint32_t wire_len(const struct pk_link_bytes *in)
{
	return in->wire_len > in->len ? in->wire_len : in->len;
}

/* BSDs disagree about AF_INET6, and Windows and Linux with all of them. */
static uint16_t family_type(uint32_t family)
{
	switch (family) {
	case 2:
		return ETHERTYPE_IP4;
	case 10: /* Linux */
	case 23: /* Windows */
	case 24: /* NetBSD, OpenBSD, BSD/OS */
	case 28: /* FreeBSD, DragonFly */
	case 30: /* macOS */
		return ETHERTYPE_IP6;
	default:
		return 0;
	}
}

static bool is_chdlc(const struct pk_link_bytes *in)
{
	return in->len >= 2 && (in->data[0] == 0x0f || in->data[0] == 0x8f) &&
	       in->data[1] == 0;
}

static enum pk_link_reason take_chdlc(const struct pk_link_bytes *in,
				      struct head *h)
{
	if (in->len < 4)
		return PK_LINK_SHORT;
	h->skip = 4;
	h->type = be16(in->data + 2);
	return h->type >= ETHERTYPE_MIN ? PK_LINK_OK : PK_LINK_PROTOCOL;
}

/*
 * LOOP is in network order and NULL in the order of a machine that the file
 * does not name. No family needs more than its low 16 bits, so the order in
 * which the value is small is the right one. Some writers of tunnel captures
 * leave Cisco's HDLC header where the family should be.
 */
static enum pk_link_reason take_family(const struct pk_link_bytes *in,
				       struct head *h)
{
	uint32_t family;

	if (in->len < 4)
		return PK_LINK_SHORT;
	family = be32(in->data);
	if (family > UINT16_MAX)
		family = __builtin_bswap32(family);
	h->skip = 4;
	h->type = family_type(family);
	if (!h->type && is_chdlc(in))
		return take_chdlc(in, h);
	return h->type ? PK_LINK_OK : PK_LINK_FAMILY;
}

static enum pk_link_reason take_version(const struct pk_link_bytes *in,
					struct head *h)
{
	if (in->len < 1)
		return PK_LINK_SHORT;
	switch (in->data[0] >> 4) {
	case 4:
		h->type = ETHERTYPE_IP4;
		return PK_LINK_OK;
	case 6:
		h->type = ETHERTYPE_IP6;
		return PK_LINK_OK;
	default:
		return PK_LINK_VERSION;
	}
}

static enum pk_link_reason take_fixed(const struct pk_link_bytes *in,
				      struct head *h, uint16_t type)
{
	h->type = type;
	return in->len ? PK_LINK_OK : PK_LINK_SHORT;
}

/* Hardware whose cooked packets hold something else than an EtherType. */
static bool cooked_foreign(uint16_t hardware)
{
	enum { FRAD = 770, RADIOTAP = 803, NETLINK = 824 };

	return hardware == FRAD || hardware == RADIOTAP || hardware == NETLINK;
}

/* 1 is 802.3 without LLC, 4 is 802.2 LLC; the rest below 0x600 is neither. */
static enum pk_link_reason cooked_type(const struct pk_link_bytes *in,
				       struct head *h, uint16_t protocol)
{
	enum { PLAIN_8023 = 1, LLC_8022 = 4 };
	uint32_t payload = wire_len(in) - h->skip;

	if (protocol >= ETHERTYPE_MIN) {
		h->type = protocol;
		return PK_LINK_OK;
	}
	if (protocol != PLAIN_8023 && protocol != LLC_8022)
		return PK_LINK_PROTOCOL;
	if (payload > LENGTH_MAX)
		return PK_LINK_LENGTH;
	h->type = (uint16_t)payload;
	return PK_LINK_OK;
}

/* Packet type 2, hardware 2, address length 2, address 8, protocol 2. */
static enum pk_link_reason take_sll(const struct pk_link_bytes *in,
				    struct head *h)
{
	const uint8_t *p = in->data;

	if (in->len < 16)
		return PK_LINK_SHORT;
	if (cooked_foreign(be16(p + 2)))
		return PK_LINK_HARDWARE;
	h->skip = 16;
	if (be16(p + 4) == sizeof h->src)
		memcpy(h->src, p + 6, sizeof h->src);
	return cooked_type(in, h, be16(p + 14));
}

/*
 * Protocol 2, reserved 2, interface 4, hardware 2, packet type 1, address
 * length 1, address 8.
 */
static enum pk_link_reason take_sll2(const struct pk_link_bytes *in,
				     struct head *h)
{
	const uint8_t *p = in->data;

	if (in->len < 20)
		return PK_LINK_SHORT;
	if (cooked_foreign(be16(p + 8)))
		return PK_LINK_HARDWARE;
	h->skip = 20;
	if (p[11] == sizeof h->src)
		memcpy(h->src, p + 12, sizeof h->src);
	return cooked_type(in, h, be16(p));
}

/* 0 for a PPP protocol without an EtherType of its own. */
static uint16_t ppp_type(uint16_t protocol)
{
	switch (protocol) {
	case 0x0021:
		return ETHERTYPE_IP4;
	case 0x0057:
		return ETHERTYPE_IP6;
	case 0x0281:
		return ETHERTYPE_MPLS;
	case 0x0283:
		return ETHERTYPE_MPLS_MULTI;
	default:
		return 0;
	}
}

/*
 * Address and control (ff 03) may be left out, and so may the upper byte of
 * a protocol below 256; every protocol's last byte is odd, its upper byte
 * even (RFC 1661 section 2), so the first byte tells which.
 */
static enum pk_link_reason take_ppp(const struct pk_link_bytes *in,
				    struct head *h)
{
	const uint8_t *p = in->data;
	uint32_t at = 0, size;
	uint16_t protocol;

	if (in->len >= 2 && p[0] == 0xff && p[1] == 0x03)
		at = 2;
	if (in->len - at < 1)
		return PK_LINK_SHORT;
	size = p[at] & 1 ? 1 : 2;
	if (in->len - at < size)
		return PK_LINK_SHORT;
	protocol = size == 1 ? p[at] : be16(p + at);
	h->type = ppp_type(protocol);
	h->skip = at + size;
	if (!h->type) {
		h->type = ETHERTYPE_PPP;
		h->skip = at;
	}
	return PK_LINK_OK;
}

/* A serial line carries PPP or Cisco's HDLC; the first two bytes tell. */
static enum pk_link_reason take_serial(const struct pk_link_bytes *in,
				       struct head *h)
{
	if (is_chdlc(in))
		return take_chdlc(in, h);
	return take_ppp(in, h);
}

/* RFC 2516 section 4: code 0 is the session stage, any other discovery. */
static enum pk_link_reason take_pppoe(const struct pk_link_bytes *in,
				      struct head *h)
{
	if (in->len < 6)
		return PK_LINK_SHORT;
	h->type = in->data[1] ? ETHERTYPE_PPPOE_DISC : ETHERTYPE_PPPOE;
	return PK_LINK_OK;
}

static enum pk_link_reason take_head(const struct pk_link_bytes *in,
				     struct head *h)
{
	switch (in->type) {
	case PK_LINK_TYPE_NULL:
	case PK_LINK_TYPE_LOOP:
		return take_family(in, h);
	case PK_LINK_TYPE_RAW:
	case PK_LINK_TYPE_RAW_OPENBSD:
	case PK_LINK_TYPE_LINKTYPE_RAW:
		return take_version(in, h);
	case PK_LINK_TYPE_IPV4:
		return take_fixed(in, h, ETHERTYPE_IP4);
	case PK_LINK_TYPE_IPV6:
		return take_fixed(in, h, ETHERTYPE_IP6);
	case PK_LINK_TYPE_LINUX_SLL:
		return take_sll(in, h);
	case PK_LINK_TYPE_LINUX_SLL2:
		return take_sll2(in, h);
	case PK_LINK_TYPE_PPP:
		return take_ppp(in, h);
	case PK_LINK_TYPE_PPP_SERIAL:
		return take_serial(in, h);
	case PK_LINK_TYPE_PPP_ETHER:
		return take_pppoe(in, h);
	case PK_LINK_TYPE_C_HDLC:
		return take_chdlc(in, h);
	default:
		return PK_LINK_UNSUPPORTED;
	}
}

static const char *const reason_names[] = {
#define PK_LINK_NAME(name, text) #name,
	PK_LINK_REASONS(PK_LINK_NAME)
#undef PK_LINK_NAME
};

static const char *const reason_texts[] = {
#define PK_LINK_TEXT(name, text) text,
	PK_LINK_REASONS(PK_LINK_TEXT)
#undef PK_LINK_TEXT
};

const char *pk_link_reason_name(enum pk_link_reason reason)
{
	return reason < PK_LINK_REASON_COUNT ? reason_names[reason] : "?";
}

const char *pk_link_reason_text(enum pk_link_reason reason)
{
	return reason < PK_LINK_REASON_COUNT ? reason_texts[reason] : "?";
}

/* A packet without bytes is short for each type that is known at all. */
bool pk_link_supported(int type)
{
	struct pk_link_bytes none = { .type = type };
	struct head h = { 0 };

	return type == PK_LINK_TYPE_EN10MB ||
	       take_head(&none, &h) != PK_LINK_UNSUPPORTED;
}

static enum pk_link_reason as_it_is(const struct pk_link_bytes *in,
				    struct pk_link_frame *out)
{
	if (in->len < PK_LINK_ETH_BYTES)
		return PK_LINK_SHORT;
	out->data = in->data;
	out->len = in->len;
	out->delta = 0;
	return PK_LINK_OK;
}

enum pk_link_reason pk_link_ethernet(const struct pk_link_bytes *in,
				     uint8_t *buf, size_t cap,
				     struct pk_link_frame *out)
{
	struct head h = { 0 };
	enum pk_link_reason reason;
	uint32_t rest;

	if (in->type == PK_LINK_TYPE_EN10MB)
		return as_it_is(in, out);
	reason = take_head(in, &h);
	if (reason != PK_LINK_OK)
		return reason;
	rest = in->len - h.skip;
	if (cap < PK_LINK_ETH_BYTES || rest > cap - PK_LINK_ETH_BYTES ||
	    rest > UINT32_MAX - PK_LINK_ETH_BYTES)
		return PK_LINK_ROOM;

	memset(buf, 0, 6);
	memcpy(buf + 6, h.src, sizeof h.src);
	buf[12] = (uint8_t)(h.type >> 8);
	buf[13] = (uint8_t)h.type;
	if (rest)
		memcpy(buf + PK_LINK_ETH_BYTES, in->data + h.skip, rest);
	out->data = buf;
	out->len = rest + PK_LINK_ETH_BYTES;
	out->delta = PK_LINK_ETH_BYTES - (int32_t)h.skip;
	return PK_LINK_OK;
}
