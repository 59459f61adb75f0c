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
#include "bpf/parse.h"
#include "tests/bpf_rig.h"

struct model {
	const struct pk_images *images;
	struct pk_plane_counters count;
	struct pk_flow_line line[PK_FLOW_LINES];
	uint64_t hits[RIG_SLOTS];
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

static inline void model_report(struct model *m, const struct model_frame *f,
				uint8_t role, uint32_t slot)
{
	struct pk_hit_event e = {
		.head = { PK_EVENT_HIT, PK_ABI_VERSION, sizeof(e) },
		.time_ns = f->time_ns,
		.frame = f->number,
		.generation = pk_images_generation(m->images),
		.slot = slot,
		.role = role,
		.packet = f->decode.packet,
	};

	rig_keep(&m->alerts, &e, sizeof(e));
	m->count.hit_offered++;
	m->count.hit_submitted++;
}

static inline void model_sample(struct model *m, const struct model_frame *f)
{
	uint32_t caplen = f->len < PK_SAMPLE_BYTES ? f->len : PK_SAMPLE_BYTES;
	struct pk_sample_event e = {
		.head = { PK_EVENT_SAMPLE, PK_ABI_VERSION, sizeof(e) + caplen },
		.time_ns = f->time_ns,
		.frame = f->number,
		.caplen = caplen,
		.frame_len = f->len,
		.why = PK_SAMPLE_DEEP,
		.packet = f->decode.packet,
	};
	uint8_t bytes[sizeof(e) + PK_SAMPLE_BYTES];

	memcpy(bytes, &e, sizeof(e));
	memcpy(bytes + sizeof(e), f->data, caplen);
	rig_keep(&m->events, bytes, sizeof(e) + caplen);
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
		model_report(m, f, PK_ROLE_SOURCE, src);
	if (report & PK_HIT_DST)
		model_report(m, f, PK_ROLE_DESTINATION, dst);
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
	if (pk_wants_sample(p))
		model_sample(m, f);
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
