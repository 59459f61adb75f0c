/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame: build an Ethernet frame layer by layer, from the outside in.
 *
 *	pk_frame_init(&b, bytes, sizeof bytes);
 *	pk_frame_eth(&b, to, from);
 *	pk_frame_vlan(&b, 0x8100, 100);
 *	pk_frame_ip(&b, &(struct pk_frame_ip){ ... });
 *	pk_frame_udp(&b, 40000, 53);
 *	pk_frame_payload(&b, query, query_len);
 *	len = pk_frame_end(&b);
 *
 * Each layer writes its number into the layer before it, and the end fills in
 * every length and checksum, so a frame is correct unless a test then spoils
 * a byte of it on purpose. Layers nest (IP in IP, GRE, Ethernet in UDP) up to
 * PK_FRAME_LAYERS.
 *
 * Errors stick: after one no call writes anything and the end reports it. The
 * bytes are the caller's; nothing is allocated. Values are in host order,
 * addresses 16 bytes, IPv4 mapped (::ffff:a.b.c.d).
 */
#ifndef PK_GEN_FRAME_H
#define PK_GEN_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PK_FRAME_LAYERS = 16 };

enum pk_frame_flag {
	PK_FRAME_FIN = 1,
	PK_FRAME_SYN = 2,
	PK_FRAME_RST = 4,
	PK_FRAME_PSH = 8,
	PK_FRAME_ACK = 16,
};

enum pk_frame_kind {
	PK_FRAME_ETH,
	PK_FRAME_VLAN,
	PK_FRAME_IP4,
	PK_FRAME_IP6,
	PK_FRAME_EXT,
	PK_FRAME_GRE,
	PK_FRAME_TCP,
	PK_FRAME_UDP,
	PK_FRAME_ICMP,
	PK_FRAME_ICMP6,
};

struct pk_frame_layer {
	enum pk_frame_kind kind;
	size_t at;     /* of its first byte */
	size_t next;   /* of the field that names the next layer */
	size_t next_n; /* bytes of that field: 2, 1, or 0 for none */
};

struct pk_frame_builder {
	uint8_t *data;
	size_t cap, len;
	int error; /* 0, or what the end will return */
	uint32_t layers;
	struct pk_frame_layer layer[PK_FRAME_LAYERS];
};

struct pk_frame_ip {
	uint8_t src[16], dst[16]; /* both mapped: IPv4; neither: IPv6 */
	uint8_t ttl;		  /* 0: 64 */
	uint8_t tos;
	uint8_t protocol;  /* of a payload that is no layer of ours */
	uint16_t id;	   /* IPv4 only, as are the next two */
	uint16_t fragment; /* flags and offset as on the wire */
	uint8_t options_n; /* a multiple of 4, at most 40 */
	uint8_t options[40];
};

struct pk_frame_tcp {
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;	   /* enum pk_frame_flag */
	uint16_t window;   /* 0: 65,535 */
	uint8_t options_n; /* a multiple of 4, at most 40 */
	uint8_t options[40];
};

void pk_frame_init(struct pk_frame_builder *b, uint8_t *data, size_t cap);

void pk_frame_eth(struct pk_frame_builder *b, const uint8_t dst[6],
		  const uint8_t src[6]);
/* @tpid 0x8100 or 0x88a8, ...; @tci priority and VLAN number. */
void pk_frame_vlan(struct pk_frame_builder *b, uint16_t tpid, uint16_t tci);
/* Name what follows by hand: an EtherType or an IP protocol. */
void pk_frame_type(struct pk_frame_builder *b, uint16_t type);

void pk_frame_ip(struct pk_frame_builder *b, const struct pk_frame_ip *ip);
/*
 * An IPv6 extension header of protocol @type: @len bytes after its next
 * header and length bytes, @len + 2 a multiple of 8 (RFC 8200 section 4). A
 * fragment header (44) has 6.
 */
void pk_frame_ext(struct pk_frame_builder *b, uint8_t type, const uint8_t *body,
		  size_t len);
void pk_frame_gre(struct pk_frame_builder *b); /* RFC 2784, no options */

/* These three stand right behind IP or an extension header. */
void pk_frame_tcp(struct pk_frame_builder *b, const struct pk_frame_tcp *tcp);
void pk_frame_udp(struct pk_frame_builder *b, uint16_t sport, uint16_t dport);
/* ICMP or ICMPv6 as the IP layer demands; @rest is its second word. */
void pk_frame_icmp(struct pk_frame_builder *b, uint8_t type, uint8_t code,
		   uint32_t rest);

void pk_frame_payload(struct pk_frame_builder *b, const void *bytes,
		      size_t len);

/*
 * Fill in lengths and checksums. The length of the frame, or
 *	-ENOSPC		it did not fit into the bytes given
 *	-EINVAL		a layer that cannot stand where it was put, mixed
 *			address families, options that are no multiple of 4
 *	-E2BIG		an IP packet of more than 65,535 bytes, or too many
 *			layers
 */
int pk_frame_end(struct pk_frame_builder *b);

/* Is the 16-byte address a mapped IPv4 address? */
bool pk_frame_is_ip4(const uint8_t address[16]);

#endif /* PK_GEN_FRAME_H */
