/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_twin: what the kernel programs must have done, done in user space.
 *
 * The floor (bpf/parse.h, image.h, flow.h) is the same source; the program
 * around it (bpf/picket.bpf.c) is written a second time here. Counters, flow
 * lines, hit counters and both rings must come out byte for byte the same.
 */
#ifndef PK_TESTS_BPF_TWIN_H
#define PK_TESTS_BPF_TWIN_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow.h"
#include "bpf/match.h"
#include "bpf/outer.h"
#include "bpf/parse.h"
#include "tests/bpf_rig.h"
#include "tests/dns_twin.h"

struct model {
	const struct pk_images *images;
	struct pk_plane_counters count;
	struct pk_flow_line line[PK_FLOW_LINES];
	uint64_t hits[RIG_SLOTS];
	__u64 outer[PK_OUTER_TAGS];
	struct rig_events alerts, events;
};

/* One frame on its way through the model. */
struct model_frame {
	const uint8_t *data;
	uint32_t readable; /* bytes in one piece */
	uint32_t len;
	uint64_t time_ns;
	uint64_t number;
	struct pk_decode decode;
};

static inline void model_hand_on(struct model *m, struct pk_flow_line *line)
{
	struct pk_flow_event e = {
		.head = { PK_EVENT_FLOW, PK_ABI_VERSION, sizeof(e) },
		.line = *line,
	};

	rig_keep(&m->events, &e, sizeof(e));
	m->count.flow_lines++;
	m->count.flow_out_lines++;
	m->count.flow_out_packets += line->packets;
	m->count.flow_out_bytes += line->bytes;
}

/* @outer: NULL for the innermost pair, which is at the packet's depth. */
static inline void model_report(struct model *m, const struct model_frame *f,
				uint8_t role, uint32_t slot,
				const struct pk_flow_key *outer)
{
	struct pk_hit_event e = {
		.head = { PK_EVENT_HIT, PK_ABI_VERSION, sizeof(e) },
		.time_ns = f->time_ns,
		.frame = f->number,
		.generation = pk_images_generation(m->images),
		.slot = slot,
		.role = role,
		.depth = f->decode.packet.depth,
		.packet = f->decode.packet,
	};

	if (outer) {
		e.depth = (uint8_t)(outer - f->decode.outer);
		e.packet.key = *outer;
		e.packet.key.direction = f->decode.packet.key.direction;
		e.packet.key.port = RIG_PORT;
		e.packet.layers &= (uint8_t)~PK_IS_IP6;
		if (f->decode.outer_ip6 & 1 << e.depth)
			e.packet.layers |= PK_IS_IP6;
	}
	rig_keep(&m->alerts, &e, sizeof(e));
	m->count.hit_offered++;
	m->count.hit_submitted++;
}

/* @bytes: so much of the frame is asked for. @slot: of its question, or 0. */
static inline void model_sample(struct model *m, const struct model_frame *f,
				uint8_t why, uint32_t bytes, uint32_t slot)
{
	uint32_t most = f->len < PK_SAMPLE_BYTES ? f->len : PK_SAMPLE_BYTES;
	uint32_t caplen = bytes < most ? bytes : most;
	struct pk_sample_event e = {
		.head = { PK_EVENT_SAMPLE, PK_ABI_VERSION, sizeof(e) + caplen },
		.time_ns = f->time_ns,
		.frame = f->number,
		.caplen = caplen,
		.frame_len = f->len,
		.why = why,
		.slot = slot,
		.generation = slot ? pk_images_generation(m->images) : 0,
		.packet = f->decode.packet,
	};
	uint8_t event[sizeof(e) + PK_SAMPLE_BYTES];

	memcpy(event, &e, sizeof(e));
	memcpy(event + sizeof(e), f->data, caplen);
	rig_keep(why == PK_SAMPLE_NAME ? &m->alerts : &m->events, event,
		 sizeof(e) + caplen);
	m->count.sample_offered++;
	m->count.sample_submitted++;
}

/* The slot of an address and its port, counted. */
static inline uint32_t model_find(struct model *m, const union pk_addr *a,
				  uint16_t port, __u64 *packets)
{
	struct pk_view v;
	uint32_t slot;

	pk_images_view(m->images, &v);
	slot = pk_view_match(&v, a, port);
	if (slot) {
		++*packets;
		m->hits[slot]++;
	}
	return slot;
}

static inline void model_flow(struct model *m, const struct model_frame *f,
			      uint32_t src, uint32_t dst)
{
	const struct pk_flow_key *key = &f->decode.packet.key;
	struct pk_flow_step step = {
		.offset_ns = pk_tick_offset(f->time_ns),
		.packets = 1,
		.bytes = f->decode.packet.bytes,
		.tcp_flags = f->decode.packet.tcp_flags,
		.roles = (src ? PK_HIT_SRC : 0) | (dst ? PK_HIT_DST : 0),
		.gen = (uint16_t)pk_images_generation(m->images),
	};
	uint32_t set = pk_flow_set(pk_flow_hash(RIG_SEED, key));
	struct pk_flow_line *line =
		pk_flow_pick(&m->line[set], &m->line[set + 1], key);
	uint32_t tick = pk_tick(f->time_ns);
	uint8_t report;

	m->count.flow_packets++;
	m->count.flow_bytes += step.bytes;
	if (pk_flow_must_close(line, key, tick, step.roles, step.bytes)) {
		if (line->packets)
			model_hand_on(m, line);
		pk_flow_start(line, key, tick);
	}
	report = pk_flow_add(line, &step);
	if (report & PK_HIT_SRC)
		model_report(m, f, PK_ROLE_SOURCE, src, NULL);
	if (report & PK_HIT_DST)
		model_report(m, f, PK_ROLE_DESTINATION, dst, NULL);
}

/* One end of a tunnel: report it, if the table does not know of it. */
static inline void model_outer(struct model *m, const struct model_frame *f,
			       const struct pk_flow_key *outer, uint8_t role)
{
	int ports =
		outer->proto == 6 || outer->proto == 17 || outer->proto == 132;
	uint16_t port = role == PK_ROLE_SOURCE ? outer->sport : outer->dport;
	uint32_t slot = model_find(
		m, role == PK_ROLE_SOURCE ? &outer->src : &outer->dst,
		ports ? port : 0, &m->count.hit_packets_outer);
	uint64_t hash = pk_flow_hash(RIG_SEED, &f->decode.packet.key);
	uint64_t subject = pk_outer_subject(hash, slot, role,
					    (uint8_t)(outer - f->decode.outer));
	uint64_t tag = pk_outer_tag(subject, pk_images_generation(m->images),
				    pk_tick(f->time_ns));

	if (slot && pk_outer_is_new(&m->outer[pk_outer_place(subject)], tag))
		model_report(m, f, role, slot, outer);
}

static inline void model_count_dns(struct model *m, int reason)
{
	__u64 *const counters[] = {
#define MODEL_DNS(name, counter, text) [PK_DNS_##name] = &m->count.counter,
		PK_DNS_REASONS(MODEL_DNS)
#undef MODEL_DNS
	};

	m->count.dns_messages++;
	++*counters[reason];
}

/* Also what lies behind the bytes in one piece. */
static inline void model_dns(struct model *m, const struct model_frame *f)
{
	const struct pk_packet *p = &f->decode.packet;
	uint32_t len = 0;
	struct dns_twin t;
	struct pk_view v;

	if (f->len > p->payload_off)
		len = f->len - p->payload_off;
	if (len > p->payload_len)
		len = p->payload_len;
	dns_twin_read(f->data + p->payload_off, len, p->key.proto == 6, &t);
	pk_images_view(m->images, &v);
	dns_twin_find(&t, &v);
	model_count_dns(m, t.reason);
	if (t.slot) {
		m->count.dns_listed++;
		m->hits[t.slot]++;
		model_sample(m, f, PK_SAMPLE_NAME, p->payload_off + t.end,
			     t.slot);
	} else if (t.reason == PK_DNS_DEEP || t.reason == PK_DNS_POINTER) {
		model_sample(m, f, PK_SAMPLE_DEEP, p->payload_off + t.end, 0);
	} else if (t.reason == PK_DNS_MORE || t.reason == PK_DNS_TCP_MORE) {
		model_sample(m, f, PK_SAMPLE_DEEP,
			     p->payload_off + p->payload_len, 0);
	}
}

static inline int model_is_dns(const struct pk_packet *p)
{
	if (!(p->layers & PK_HAS_PAYLOAD))
		return 0;
	if (p->key.sport != 53 && p->key.dport != 53)
		return 0;
	return p->key.proto == 17 || (p->key.proto == 6 && p->payload_len > 0);
}

static inline void model_run(struct model *m, struct model_frame *f)
{
	struct pk_packet *p = &f->decode.packet;
	uint16_t sport = 0, dport = 0;
	uint32_t src, dst;

	m->count.seen++;
	m->count.seen_in++;
	m->count.seen_bytes += f->len;
	m->count.reason[pk_parse(f->data, f->data + f->readable, f->len,
				 &f->decode)]++;
	m->count.udp_no_checksum += f->decode.no_checksum;
	if (!(p->layers & PK_HAS_IP))
		return;
	p->key.port = RIG_PORT;
	if (p->key.proto == 6 || p->key.proto == 17 || p->key.proto == 132) {
		sport = p->key.sport;
		dport = p->key.dport;
	}
	src = model_find(m, &p->key.src, sport, &m->count.hit_packets_src);
	dst = model_find(m, &p->key.dst, dport, &m->count.hit_packets_dst);
	model_flow(m, f, src, dst);
	for (int i = 0; i < p->depth; i++) {
		model_outer(m, f, &f->decode.outer[i], PK_ROLE_SOURCE);
		model_outer(m, f, &f->decode.outer[i], PK_ROLE_DESTINATION);
	}
	if (model_is_dns(p))
		model_dns(m, f);
	if (p->layers & PK_IS_FRAGMENT)
		model_sample(m, f, PK_SAMPLE_FRAGMENT, PK_SAMPLE_BYTES, 0);
}

static inline void model_sweep(struct model *m, uint64_t time_ns)
{
	m->count.sweeps++;
	for (int i = 0; i < PK_FLOW_LINES; i++) {
		if (!pk_flow_is_due(&m->line[i], pk_tick(time_ns)))
			continue;
		model_hand_on(m, &m->line[i]);
		m->line[i].packets = 0;
	}
}

static inline void model_free(struct model *m)
{
	free(m->alerts.data);
	free(m->events.data);
	free(m);
}

#endif /* PK_TESTS_BPF_TWIN_H */
