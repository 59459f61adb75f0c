/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record: what leaves a plane.
 *
 * A record is a fixed header and a body by type, without pointers, in host
 * byte order; its length is a multiple of 8. Records travel through rings
 * (dataplane/ring.h) to the daemon or to picket-replay, which treat their
 * bytes as hostile: pk_record_check() before anything else is read.
 *
 * Time: seen_ns is real time in ns since 1970 (UTC): the sensor's for live
 * planes, the capture's in replay. For FLOW it is the end of the tick in which
 * the flow was exported.
 */
#ifndef PK_DATAPLANE_RECORD_H
#define PK_DATAPLANE_RECORD_H

#include <stdint.h>

#include "bpf/abi.h"

enum pk_record_type {
	PK_RECORD_HIT = 1,
	PK_RECORD_FLOW = 2,
	PK_RECORD_MARK = 3, /* nothing earlier than seen_ns will follow */
	PK_RECORD_END = 4,  /* the last record of a replay's ring */
	PK_RECORD_TYPES
};

enum pk_plane {
	PK_PLANE_FILE,
	PK_PLANE_XDP,
	PK_PLANE_DPDK,
	PK_PLANE_COLLECT,
	PK_PLANES
};

enum {
	PK_RECORD_MAX = 512, /* bytes of the longest record */
	PK_NAME_WIRE = 255,  /* longest name on the wire (RFC 1035 2.3.4) */
	/* Address pairs around a packet; datagrams put together have more. */
	PK_DEPTH_MAX = PK_OUTERS * (PK_OUTERS + 2),
};

struct pk_record {
	uint16_t type;	   /* enum pk_record_type */
	uint16_t len;	   /* of the whole record, a multiple of 8 */
	uint8_t plane;	   /* enum pk_plane */
	uint8_t direction; /* enum pk_direction */
	uint16_t port;	   /* the plane's number of interface or port */
	uint32_t epoch;	   /* incarnation of the producer, from 1 */
	uint32_t sampling; /* 1 in N packets was looked at */
	uint64_t seq;	   /* contiguous from 1 within a ring and epoch */
	uint64_t seen_ns;
	uint64_t frame;		/* number of the frame in replay, else 0 */
	union pk_addr observer; /* all zero: the sensor itself */
};
_Static_assert(sizeof(struct pk_record) == 56, "pk_record");

/*
 * An indicator was seen. For addresses it is the first of its flow line, role,
 * depth and generation (for those of tunnels also of each period, bpf/outer.h);
 * for names every message counts. @text is the matched name in wire form
 * (labels with length bytes, lower case), text_len 0 for addresses.
 */
struct pk_hit {
	struct pk_record head;
	uint64_t generation;
	uint32_t slot;
	uint8_t role;  /* enum pk_role */
	uint8_t depth; /* of the pair it was met in; 0: the outermost */
	uint16_t text_len;
	struct pk_packet packet;
	uint8_t text[256]; /* the record ends behind text_len, padded */
};
_Static_assert(sizeof(struct pk_hit) == 56 + 16 + 64 + 256, "pk_hit");

/* Why a flow was exported. */
#define PK_FLOW_ENDS(_)                               \
	_(IDLE, "idle")                               \
	_(ACTIVE, "active timeout, the flow goes on") \
	_(SYN, "no answer to a SYN")                  \
	_(CLOSED, "FIN or RST")                       \
	_(EVICTED, "the table was full")              \
	_(STOPPED, "the plane stopped")

#define PK_FLOW_END_ENUM(name, text) PK_FLOW_END_##name,
enum pk_flow_end { PK_FLOW_ENDS(PK_FLOW_END_ENUM) PK_FLOW_END_COUNT };

/*
 * A conversation that ended or aged. key is the initiator's; index 0 of the
 * arrays is the initiator's half, index 1 the other's. Counts are exact sums
 * of packets; bytes are IP bytes.
 */
struct pk_flow {
	struct pk_record head;
	struct pk_flow_key key;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t packets[2];
	uint64_t bytes[2];
	uint64_t listed[2]; /* packets while src [0], dst [1] was listed */
	uint8_t tcp_flags[2];
	uint8_t end; /* enum pk_flow_end */
	uint8_t pad[5];
};
_Static_assert(sizeof(struct pk_flow) == 56 + 40 + 64 + 8, "pk_flow");

/*
 * Is this a record that a well-behaved producer could have written? @bytes is
 * what the ring holds of it. 0, or -EBADMSG.
 */
int pk_record_check(const struct pk_record *r, uint32_t bytes);

/*
 * Was it met in an address pair of a tunnel around the packet? Then packet.key
 * is that pair; what else is in packet is of the innermost one.
 */
static inline int pk_hit_is_outer(const struct pk_hit *h)
{
	return h->depth < h->packet.depth;
}

/* Bytes of a hit with @text_len bytes of text. */
static inline uint16_t pk_hit_len(uint16_t text_len)
{
	return (uint16_t)((sizeof(struct pk_hit) - 256 + text_len + 7) & ~7U);
}

#endif /* PK_DATAPLANE_RECORD_H */
