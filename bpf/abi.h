/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * abi: what the kernel programs and user space agree on, declared once.
 *
 * Fixed-size structs without pointers, bitfields or hidden padding; every
 * size is asserted. Integers are in host byte order unless a name says
 * otherwise; addresses are 16 bytes in network order, IPv4 as
 * ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). Change anything here and raise
 * PK_ABI_VERSION: programs and pins of another version are refused.
 *
 * Time is cut into ticks of 2^30 ns (about 1.07 s), so that a tick is a shift
 * and never a division. A flow line never spans a tick; that is what makes
 * flow records independent of how packets were spread over cores.
 */
#ifndef PK_BPF_ABI_H
#define PK_BPF_ABI_H

#include <linux/types.h>

#define PK_INLINE static inline __attribute__((always_inline))

/* Keep the compiler from folding a check into a form the verifier can't read. */
#define PK_OPAQUE(x) __asm__ volatile("" : "+r"(x))

/* Values go through memory, where the verifier forgets what it knew of them. */
#ifdef __bpf__
#define PK_FORGET() __asm__ volatile("" ::: "memory")
#else
#define PK_FORGET() ((void)0)
#endif

enum {
	PK_ABI_VERSION = 4,
	PK_TICK_SHIFT = 30, /* a tick is 2^30 ns */
	PK_VLAN_DEPTH = 4,  /* VLAN tags decoded in one frame */
	PK_MPLS_DEPTH = 8,  /* MPLS labels walked in one stack */
	PK_IP6_EXTS = 8,    /* IPv6 extension headers walked in one packet */
	PK_OUTERS = 4,	    /* address pairs kept around the innermost one */
	PK_STEPS = 16,	   /* headers that carry headers, walked in one frame */
	PK_DNS_LABELS = 8, /* labels of a name that the kernel looks up */
	PK_VISIBLE_BYTES = 2048, /* headers are looked for in these bytes */
	PK_FLOW_LINES = 16384,	 /* flow lines of one CPU or worker: 1 MiB */
	PK_SAMPLE_BYTES = 2560,	 /* most bytes of a frame in one sample */
	PK_IMAGE_BASES = 2,	 /* base slots, in memory and in the kernel */
	PK_IMAGE_DELTAS = 4,	 /* delta slots */
	PK_IMAGE_SLOTS = PK_IMAGE_BASES + PK_IMAGE_DELTAS,
};

/* Where a packet was seen, relative to the monitored host or port. */
enum pk_direction { PK_IN = 0, PK_OUT = 1 };

union pk_addr {
	__u8 b[16];
	__u32 w[4];
	__u64 q[2];
};
_Static_assert(sizeof(union pk_addr) == 16, "pk_addr");

/*
 * One direction of a conversation. For ICMP and ICMPv6 the ports hold type and
 * counterpart type (or code) as Community ID v1 maps them, so that a request
 * and its reply are each other's reverse.
 */
struct pk_flow_key {
	union pk_addr src;
	union pk_addr dst;
	__u16 sport;
	__u16 dport;
	__u8 proto;
	__u8 direction; /* enum pk_direction */
	__u16 port;	/* picket's number of the interface or NIC port */
};
_Static_assert(sizeof(struct pk_flow_key) == 40, "pk_flow_key");

/* Bits of pk_packet.layers: which parts of the packet are valid. */
enum {
	PK_HAS_IP = 1,	    /* addresses, protocol, bytes, ttl */
	PK_HAS_PORTS = 2,   /* ports or ICMP type and code; tcp_flags if TCP */
	PK_HAS_PAYLOAD = 4, /* payload_off, payload_len */
	PK_IS_FRAGMENT = 8, /* any fragment but an atomic one */
	PK_IS_IP6 = 16,	    /* its header is IPv6: tells ::ffff:a.b.c.d apart */
	PK_BAD_CHECKSUM = 32, /* of hits, where user space could look */
};

/*
 * A decoded packet: the innermost one that the frame carries. Offsets count
 * from the first byte of the frame.
 */
struct pk_packet {
	struct pk_flow_key key; /* direction and port are the caller's */
	__u32 bytes;		/* IP length, header included */
	__u16 eth_type;		/* behind the VLAN tags; below 1536: 802.3 */
	__u16 vlan;		/* outermost VLAN id, 0 if untagged */
	__u16 ip_off;
	__u16 l4_off;
	__u16 payload_off;
	__u16 payload_len; /* bytes all headers promise, at most 65,535 */
	__u8 reason;	   /* enum pk_parse_reason */
	__u8 layers;
	__u8 vlans; /* tags walked */
	__u8 tcp_flags;
	__u8 ttl;
	__u8 tos;
	__u8 depth;	/* address pairs around it; 0: it is not tunnelled */
	__u8 icmp_code; /* the type is in key.sport */
};
_Static_assert(sizeof(struct pk_packet) == 64, "pk_packet");

/*
 * A frame on its way through the decoder, and all that it said. outer[] holds
 * the address pairs of the tunnels around the packet, the outermost first,
 * with protocol and ports (0 if it has none); packet.depth of them are valid.
 * The last four fields are the decoder's: see bpf/parse.h.
 */
struct pk_decode {
	struct pk_packet packet;
	struct pk_flow_key outer[PK_OUTERS];
	__u32 off;	  /* of the header to read next */
	__u32 left;	  /* bytes promised from there on */
	__u16 next;	  /* enum pk_next: what it is */
	__u8 steps;	  /* taken so far */
	__u8 outer_ip6;	  /* bit i: the header of outer[i] is IPv6 */
	__u8 last;	  /* enum pk_parse_reason of the last step */
	__u8 no_checksum; /* the packet is UDP, with a checksum of 0 */
	__u8 pad[18];
};
_Static_assert(sizeof(struct pk_decode) == 256, "pk_decode");

/* Roles of an indicator in a packet; bits in flow lines, numbers in hits. */
enum pk_role {
	PK_ROLE_SOURCE = 0,
	PK_ROLE_DESTINATION = 1,
	PK_ROLE_DNS_QUESTION = 2,
	PK_ROLES
};
enum {
	PK_HIT_SRC = 1 << PK_ROLE_SOURCE,
	PK_HIT_DST = 1 << PK_ROLE_DESTINATION
};

/*
 * One flow line: the packets of one key on one CPU within one tick that had
 * the same endpoints listed. Written by that CPU (or worker) only.
 */
struct pk_flow_line {
	struct pk_flow_key key;
	__u32 tick;
	__u32 first; /* ns after the tick began */
	__u32 last;
	__u32 packets; /* 0: the line is free */
	__u32 bytes;
	__u8 tcp_flags; /* OR over the packets */
	__u8 roles;	/* low nibble: listed; high nibble: reported */
	__u16 gen;	/* low bits of the generation of the reports */
};
_Static_assert(sizeof(struct pk_flow_line) == 64, "pk_flow_line");

/* What leaves the kernel through a ring. */
enum pk_event_type { PK_EVENT_HIT = 1, PK_EVENT_FLOW = 2, PK_EVENT_SAMPLE = 3 };

struct pk_event {
	__u16 type;    /* enum pk_event_type */
	__u16 version; /* PK_ABI_VERSION */
	__u32 len;     /* of the whole event */
};
_Static_assert(sizeof(struct pk_event) == 8, "pk_event");

/*
 * An indicator met in a packet: the first of its flow line, role, depth and
 * generation. For an outer address, packet.key is the outer pair.
 */
struct pk_hit_event {
	struct pk_event head;
	__u64 time_ns;
	__u64 frame; /* number of the frame in replay, else 0 */
	__u64 generation;
	__u32 slot; /* the indicator's slot */
	__u8 role;  /* enum pk_role */
	__u8 depth; /* of the pair it was met in; 0: the outermost */
	__u8 pad[2];
	struct pk_packet packet;
};
_Static_assert(sizeof(struct pk_hit_event) == 104, "pk_hit_event");

struct pk_flow_event {
	struct pk_event head;
	struct pk_flow_line line;
};
_Static_assert(sizeof(struct pk_flow_event) == 72, "pk_flow_event");

/* Why user space gets a frame whole. */
enum pk_sample_why {
	PK_SAMPLE_NAME = 1, /* its question is listed: slot and generation */
	PK_SAMPLE_DEEP,	    /* its questions can only be judged in user space */
	PK_SAMPLE_FRAGMENT, /* it is part of a datagram */
};

/* The head of a sample; @caplen bytes of the frame follow. */
struct pk_sample_event {
	struct pk_event head;
	__u64 time_ns;
	__u64 frame;
	__u64 generation; /* of slot */
	__u32 slot;	  /* PK_SAMPLE_NAME: the indicator, else 0 */
	__u32 caplen;
	__u32 frame_len;
	__u8 why; /* enum pk_sample_why */
	__u8 pad[3];
	struct pk_packet packet;
};
_Static_assert(sizeof(struct pk_sample_event) == 112, "pk_sample_event");

/* In replay these bytes stand in front of the frame, as XDP metadata. */
struct pk_replay_meta {
	__u64 time_ns;
	__u64 frame;
};
_Static_assert(sizeof(struct pk_replay_meta) == 16, "pk_replay_meta");

/*
 * Counters of one CPU or worker: one writer, cumulative, 64 bit. Each stage
 * has one `offered` counter and a closed set of ends; `picketctl audit` checks
 * that they add up. `flow_*` count packets (GSO segments count one each).
 */
#define PK_PLANE_COUNTERS(_)                                               \
	_(seen, "frames that reached the decoder")                         \
	_(seen_in, "of these, received ones")                              \
	_(seen_bytes, "their bytes on the wire, link header included")     \
	_(hit_offered, "hits found: an indicator in a new flow line")      \
	_(hit_submitted, "hits handed on")                                 \
	_(hit_ring_full, "hits that found the alert ring full")            \
	_(hit_packets_src, "packets whose source was listed")              \
	_(hit_packets_dst, "packets whose destination was listed")         \
	_(hit_packets_outer, "listed ends of the tunnels around packets")  \
	_(hit_uncounted, "of these, packets of a slot without a counter")  \
	_(hit_bad_checksum, "hits whose TCP or UDP checksum is wrong")     \
	_(udp_no_checksum, "UDP datagrams with a checksum of 0")           \
	_(flow_packets, "packets counted into flow lines")                 \
	_(flow_bytes, "their IP bytes")                                    \
	_(flow_lines, "flow lines closed")                                 \
	_(flow_out_packets, "packets of closed lines handed on")           \
	_(flow_out_bytes, "their IP bytes")                                \
	_(flow_out_lines, "closed lines handed on")                        \
	_(flow_lost_packets, "packets of closed lines that found no room") \
	_(flow_lost_bytes, "their IP bytes")                               \
	_(flow_lost_lines, "closed lines that found no room")              \
	_(sample_offered, "frames chosen for a closer look")               \
	_(sample_submitted, "samples handed on")                           \
	_(sample_ring_full, "samples that found the ring full")            \
	_(sample_frag_refused, "fragments refused: the ring is half full") \
	_(sample_deep_refused, "questions refused: the ring is half full") \
	_(sample_unreadable, "samples whose bytes could not be copied")    \
	_(dns_messages, "DNS messages: UDP and TCP payloads of port 53")   \
	_(dns_names, "of these, questions read and looked up")             \
	_(dns_listed, "of these, listed")                                  \
	_(dns_more_questions, "messages with more questions than one")     \
	_(dns_deep, "questions with more labels than are looked up here")  \
	_(dns_short, "messages that end before their question does")       \
	_(dns_no_question, "messages without a question")                  \
	_(dns_label_type, "questions with a label of type 0x40 or 0x80")   \
	_(dns_pointer, "questions with a compression pointer")             \
	_(dns_name_length, "questions with a name of more than 255 bytes") \
	_(dns_tcp_split, "TCP segments that end before their question")    \
	_(dns_tcp_other, "TCP segments that begin with no message")        \
	_(dns_tcp_more, "TCP segments with more messages than one")        \
	_(dns_unreadable, "messages whose bytes could not be read")        \
	_(no_image, "IP packets that found no indicator image")            \
	_(sweeps, "sweeps over the flow lines")

#define PK_COUNTER_FIELD(name, text) __u64 name;

enum { PK_REASONS_MAX = 64 };

struct pk_plane_counters {
	PK_PLANE_COUNTERS(PK_COUNTER_FIELD)
	__u64 reason[PK_REASONS_MAX]; /* terminal, by enum pk_parse_reason */
} __attribute__((aligned(64)));

/*
 * The head of an image block (its lines 0 and 1, and copied into pk_control).
 * All positions are line numbers within the block; counts of 0 mean that the
 * table is absent. bpf/image.h draws the layout. What a packet that meets no
 * indicator needs is in the first line.
 */
struct pk_image_head {
	__u32 magic; /* PK_IMAGE_MAGIC */
	__u32 lines; /* of the whole block, this one included */
	__u32 items; /* keys and tombstones, ancestors of names included */
	__u32 filter_line;
	__u32 filter_words; /* 64-bit words of the filter */
	__u32 v4_line;
	__u32 v4_buckets; /* one line each */
	__u32 v6_line;
	__u32 v6_buckets;
	__u32 net_line;	 /* of both prefix tries */
	__u32 net4_root; /* entries, see bpf/match.h; 0: no prefixes */
	__u32 net6_root;
	__u64 seed;
	__u32 touch_line;   /* bitmap of the IPv4 /20s that have prefixes */
	__u32 shared_lines; /* those before it are all that the kernel needs */
	__u32 net_lines;
	__u32 name_line;
	__u32 name_buckets;
	__u32 value_line;
	__u32 value_buckets;
	__u32 remap_line; /* of a delta: prefixes of its base that are gone */
	__u32 remap_buckets;
	__u32 nets[2];	  /* prefixes, IPv4 and IPv6 */
	__u32 net_steps;  /* most lines of a trie that one look-up reads */
	__u32 collisions; /* names and values left out: their key was taken */
	/* Bit min(labels, 31): such names are exact, with subdomains, one-label. */
	__u32 name_labels[3];
	__u64 checksum;
};
_Static_assert(sizeof(struct pk_image_head) == 128, "pk_image_head");

/*
 * The control block: which image pair is active. @word is read once a packet:
 * bit 0 the base slot, bits 1-2 the delta slot, bits 8.. the generation.
 * heads[] of a slot is written before the slot becomes active and not while.
 */
struct pk_control {
	__u64 word;
	__u64 abi;	 /* PK_ABI_VERSION, written once at creation */
	__u64 flow_seed; /* of the flow hash, likewise */
	__u64 pad[5];
	struct pk_image_head heads[PK_IMAGE_SLOTS]; /* bases, then deltas */
};
_Static_assert(sizeof(struct pk_control) == 64 + 128 * PK_IMAGE_SLOTS,
	       "pk_control");

#endif /* PK_BPF_ABI_H */
