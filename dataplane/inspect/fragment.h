/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragment: one IP fragment, as it lies in a frame.
 *
 * In a tunnel it is the outermost header that says fragment: what is behind it
 * belongs to a datagram that is not whole yet. Every length is checked against
 * the bytes that are there, so data[0..len) and head[0..head_len) may be read.
 *
 * Standards: RFC 791 3.1 and 3.2, RFC 1071, RFC 8200 4.5, RFC 6946 (a Fragment
 * header with offset 0 and no more fragments says nothing and is passed by).
 */
#ifndef PK_DATAPLANE_INSPECT_FRAGMENT_H
#define PK_DATAPLANE_INSPECT_FRAGMENT_H

#include <stdint.h>

#include "bpf/abi.h"

enum {
	PK_DATAGRAM_MAX = 65535, /* bytes: the length fields have 16 bits */
	PK_FRAGMENT_IP6 = 2,	 /* in key.direction: an IPv6 fragment */
};

/* Why a fragment is of no use. The names are those of counters, frag_*. */
#define PK_FRAGMENT_REASONS(_)                                               \
	_(OK, "can be used")                                                 \
	_(CUT, "ends behind the bytes that there are of it")                 \
	_(LONG, "ends behind the bytes that a sample has room for")          \
	_(CHECKSUM, "its IPv4 header's checksum is wrong")                   \
	_(LENGTH, "without bytes, or not the last and no multiple of eight") \
	_(OVERSIZE, "ends beyond the longest datagram")

#define PK_FRAGMENT_REASON_ENUM(name, text) PK_FRAGMENT_##name,
enum pk_fragment_reason {
	PK_FRAGMENT_REASONS(PK_FRAGMENT_REASON_ENUM) PK_FRAGMENT_REASON_COUNT
};

/*
 * @key names the datagram: addresses, protocol (IPv6: 44), interface, and in
 * the place of the ports the identification. Fragments of one datagram have the
 * same key and no others do, as long as the sender keeps to RFC 791.
 *
 * @head is what stands in front of the data, from the IP header on. Of IPv6 its
 * last 8 bytes are the Fragment header, and head[next_at] says that it follows.
 */
struct pk_fragment {
	struct pk_flow_key key;
	uint64_t time_ns;
	uint64_t frame;
	const uint8_t *head;
	const uint8_t *data;
	uint32_t offset; /* of data in the datagram's payload, in bytes */
	uint32_t len;
	uint16_t head_len;
	uint16_t next_at;
	uint8_t more;  /* it is not the last one */
	uint8_t depth; /* address pairs around it */
	uint8_t ttl;   /* or hop limit */
	uint8_t pad[5];
};

static inline int pk_fragment_is_ip6(const struct pk_fragment *f)
{
	return (f->key.direction & PK_FRAGMENT_IP6) != 0;
}

/*
 * Find the fragment in @frame, of which @caplen bytes of @frame_len are there.
 * Returns an enum pk_fragment_reason; only when it is OK may @out be used. The
 * caller sets key.port, adds the direction, and sets time_ns and frame; @out
 * points into @frame. A frame that has no fragment is CUT; LONG is the caller's
 * word for what was cut on its way here.
 *
 * The length of an IPv4 fragment that is not the last is rounded down to a
 * multiple of eight, as some receivers do; such an IPv6 fragment is refused
 * (RFC 8200 4.5). An IPv4 checksum of 0 is one that the sender's NIC was to
 * fill in, as captures made on the sender have it, and passes.
 */
int pk_fragment_read(struct pk_fragment *out, const uint8_t *frame,
		     uint32_t caplen, uint32_t frame_len);

#endif /* PK_DATAPLANE_INSPECT_FRAGMENT_H */
