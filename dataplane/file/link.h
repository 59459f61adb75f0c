/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link: the bytes of a packet of any link type, as an Ethernet frame.
 *
 * Every plane reads Ethernet and nothing else, so what a capture file holds
 * in another dress is dressed again here, before any plane: the file's link
 * header is taken off and a 14-byte Ethernet header put in front of the rest.
 * Its addresses are zero but for the sender's where the file knows it (Linux
 * cooked captures); its EtherType says what follows. VLAN tags, MPLS labels
 * and PPPoE headers behind the link header stay as they are.
 *
 *	NULL, LOOP	BSD address family in either byte order: IPv4, IPv6;
 *			or the header of C_HDLC in its place
 *	RAW, IPV4, IPV6	no header
 *	LINUX_SLL[2]	the protocol field; 802.3 and 802.2 become a length
 *	PPP, PPP_SERIAL	with or without ff 03, protocol of one or two bytes
 *			(RFC 1661 section 6.5, RFC 1662); IPv4, IPv6, MPLS
 *			by EtherType, all else whole behind EtherType 880b
 *	PPP_ETHER	begins with the PPPoE header (RFC 2516)
 *	C_HDLC		Cisco's HDLC, the EtherType in its last two bytes
 *
 * The exchange of headers must add no bytes to any count: `delta` is what was
 * put on minus what was taken off, so @len - @delta is again the length of
 * the file's own packet. Bytes of IP packets are not touched.
 *
 * Pure functions of their arguments: no memory is kept or allocated, nothing
 * outside of [data, data + len) is read. Any thread.
 */
#ifndef PK_FILE_LINK_H
#define PK_FILE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PK_LINK_ETH_BYTES = 14, /* header of a frame: room a copy needs */
};

/* Link types understood, numbered as libpcap's DLT_ values on Linux. */
enum pk_link_type {
	PK_LINK_TYPE_NULL = 0,
	PK_LINK_TYPE_EN10MB = 1,
	PK_LINK_TYPE_PPP = 9,
	PK_LINK_TYPE_RAW = 12,
	PK_LINK_TYPE_RAW_OPENBSD = 14,
	PK_LINK_TYPE_PPP_SERIAL = 50,
	PK_LINK_TYPE_PPP_ETHER = 51,
	PK_LINK_TYPE_LINKTYPE_RAW = 101,
	PK_LINK_TYPE_C_HDLC = 104,
	PK_LINK_TYPE_LOOP = 108,
	PK_LINK_TYPE_LINUX_SLL = 113,
	PK_LINK_TYPE_IPV4 = 228,
	PK_LINK_TYPE_IPV6 = 229,
	PK_LINK_TYPE_LINUX_SLL2 = 276,
};

/* Why a packet did not become a frame. The names are the counter names. */
#define PK_LINK_REASONS(_)                                                   \
	_(OK, "became an Ethernet frame")                                    \
	_(UNSUPPORTED, "the link type cannot be turned into Ethernet")       \
	_(SHORT, "ends inside the link header")                              \
	_(FAMILY, "an address family that has no EtherType")                 \
	_(VERSION, "raw IP that is neither version 4 nor 6")                 \
	_(PROTOCOL, "the protocol field is no EtherType")                    \
	_(HARDWARE, "a cooked packet of hardware that carries no EtherType") \
	_(LENGTH, "an 802.3 packet of more than 1,500 bytes")                \
	_(ROOM, "larger than the caller's buffer")

enum pk_link_reason {
#define PK_LINK_ENUM(name, text) PK_LINK_##name,
	PK_LINK_REASONS(PK_LINK_ENUM)
#undef PK_LINK_ENUM
		PK_LINK_REASON_COUNT
};

struct pk_link_bytes {
	const uint8_t *data; /* may be NULL when @len is 0 */
	uint32_t len;	     /* bytes held */
	uint32_t wire_len;   /* bytes it had on the wire; below @len: @len */
	int type;	     /* enum pk_link_type, or any other number */
};

struct pk_link_frame {
	const uint8_t *data; /* the caller's buffer, or the input itself */
	uint32_t len;
	int32_t delta; /* link bytes put on minus link bytes taken off */
};

/* "SHORT" and the sentence behind it; for any other number "?". */
const char *pk_link_reason_name(enum pk_link_reason reason);
const char *pk_link_reason_text(enum pk_link_reason reason);

/* Is there any packet of @type that can become a frame? */
bool pk_link_supported(int type);

/*
 * Turn @in into an Ethernet frame. Ethernet passes as it is, without a copy:
 * then @out points into @in; every other type is built in @buf, which holds
 * @cap bytes (in->len + PK_LINK_ETH_BYTES always suffices) and must not
 * overlap @in. The result is PK_LINK_OK, or why not; then @out is untouched.
 * A frame of PK_LINK_OK has 14 bytes or more. O(in->len), for the copy.
 */
enum pk_link_reason pk_link_ethernet(const struct pk_link_bytes *in,
				     uint8_t *buf, size_t cap,
				     struct pk_link_frame *out);

#endif /* PK_FILE_LINK_H */
