/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragments_rig: frames that are fragments, made from a few numbers, and read
 * back as the table takes them. Needs nothing but the headers it names, so the
 * fuzzer shares it.
 */
#ifndef PK_TESTS_FRAGMENTS_RIG_H
#define PK_TESTS_FRAGMENTS_RIG_H

#include <stdint.h>
#include <string.h>

#include "bpf/flow.h"
#include "bpf/parse.h"
#include "dataplane/inspect/fragment.h"

enum { RIG_FRAME = 70000, RIG_ETH = 14, RIG_IP4 = 20, RIG_IP6 = 40 };

struct shape {
	uint64_t time_ns;
	uint32_t src; /* the low bits of the source */
	uint32_t id;
	uint32_t offset; /* bytes, a multiple of 8 */
	uint32_t len;
	uint8_t more;
	uint8_t ip6;
	uint8_t proto; /* 0: UDP */
	uint8_t ttl;   /* 0: 64 */
	const uint8_t *data;
};

static inline void rig_put(uint8_t *to, uint32_t value, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static inline uint32_t rig_ip4(const struct shape *s, uint8_t *ip)
{
	memset(ip, 0, RIG_IP4);
	ip[0] = 0x45;
	rig_put(ip + 2, RIG_IP4 + s->len, 2);
	rig_put(ip + 4, s->id, 2);
	rig_put(ip + 6, s->offset / 8 | (s->more ? 0x2000 : 0), 2);
	ip[8] = s->ttl ? s->ttl : 64;
	ip[9] = s->proto ? s->proto : 17;
	rig_put(ip + 12, 0x0a000000 | s->src, 4);
	rig_put(ip + 16, 0x0a630001, 4);
	return RIG_IP4;
}

/* The source's upper half has @src: other sources, not other hosts of one. */
static inline uint32_t rig_ip6(const struct shape *s, uint8_t *ip)
{
	memset(ip, 0, RIG_IP6 + 8);
	ip[0] = 0x60;
	rig_put(ip + 4, 8 + s->len, 2);
	ip[6] = 44;
	ip[7] = s->ttl ? s->ttl : 64;
	rig_put(ip + 8, 0x20010db8, 4);
	rig_put(ip + 12, s->src, 4);
	rig_put(ip + 24, 0x20010db9, 4);
	ip[39] = 1;
	ip[40] = s->proto ? s->proto : 17;
	rig_put(ip + 42, s->offset | s->more, 2);
	rig_put(ip + 44, s->id, 4);
	return RIG_IP6 + 8;
}

/* The length of the frame. */
static inline uint32_t rig_build(const struct shape *s, uint8_t *frame)
{
	uint32_t head;

	memset(frame, 0, RIG_ETH);
	rig_put(frame + 12, s->ip6 ? 0x86dd : 0x0800, 2);
	head = s->ip6 ? rig_ip6(s, frame + RIG_ETH)
		      : rig_ip4(s, frame + RIG_ETH);
	memcpy(frame + RIG_ETH + head, s->data, s->len);
	return RIG_ETH + head + s->len;
}

/* Build it and read it; @g points into @frame. */
static inline int rig_read(const struct shape *s, uint8_t *frame,
			   struct pk_fragment *g)
{
	uint32_t len = rig_build(s, frame);
	int reason = pk_fragment_read(g, frame, len, len);

	g->time_ns = s->time_ns;
	g->key.port = 1;
	return reason;
}

/* As a worker makes it; 0 when the frame is no fragment. */
static inline int rig_sample(struct pk_sample_event *e, const uint8_t *frame,
			     uint32_t len)
{
	struct pk_decode d;

	pk_parse(frame, frame + len, len, &d);
	memset(e, 0, sizeof(*e));
	e->head.type = PK_EVENT_SAMPLE;
	e->head.version = PK_ABI_VERSION;
	e->caplen = len < PK_SAMPLE_BYTES ? len : PK_SAMPLE_BYTES;
	e->head.len = (uint32_t)sizeof(*e) + e->caplen;
	e->frame_len = len;
	e->why = PK_SAMPLE_FRAGMENT;
	e->packet = d.packet;
	memcpy(e + 1, frame, e->caplen);
	return d.packet.layers & PK_IS_FRAGMENT;
}

union rig_sample {
	struct pk_sample_event e;
	uint8_t bytes[sizeof(struct pk_sample_event) + PK_SAMPLE_BYTES];
};

/* The sum of all ends of fragments. */
#define RIG_ENDS(s)                                                   \
	((s)->frag_used + (s)->frag_duplicate + (s)->frag_expired +   \
	 (s)->frag_evicted + (s)->frag_dropped + (s)->frag_oversize + \
	 (s)->frag_quota + (s)->frag_cut + (s)->frag_long +           \
	 (s)->frag_checksum + (s)->frag_length + (s)->frag_resident)

#endif /* PK_TESTS_FRAGMENTS_RIG_H */
