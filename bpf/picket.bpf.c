/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * picket: the kernel's half of a host interface: picket_xdp for received
 * frames, picket_tc for sent ones. Every frame is decoded, counted, looked up
 * and let pass; what user space must know leaves through two rings a CPU.
 *
 * One writer a CPU: both programs run with bottom halves off, so a packet is
 * never interrupted by another packet of its CPU, and the sweep timer's
 * callback (softirq) is not either; it checks that it is on its own CPU.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/dns.bpf.h"
#include "bpf/flow.h"
#include "bpf/image.h"
#include "bpf/maps.bpf.h"
#include "bpf/outer.h"
#include "bpf/parse.h"
#include "bpf/view.bpf.h"

/* Set by user space before loading; constants to the verifier. */
const volatile __u32 pk_abi = PK_ABI_VERSION;
const volatile __u32 pk_cpus = 1;
const volatile __u16 pk_port = 0;
const volatile __u8 pk_replay = 0;
const volatile __u64 pk_flow_seed = 0;
const volatile __u64 pk_sweep_ns = 1ULL << (PK_TICK_SHIFT - 1);

/* XDP_PASS and TC_ACT_UNSPEC: what lets a frame go on, unchanged. */
enum { TC_GO_ON = -1, CLOCK_MONOTONIC_ID = 1, SWEEP_CHUNK = 4096 };

/* Everything about the frame at hand. */
struct frame {
	void *ctx;
	__u8 is_xdp;
	__u8 direction;
	__u32 cpu;
	__u32 len;
	__u32 packets;
	__u32 bytes;
	__u64 number;
	__u64 now_ns;
	struct pk_cpu_state *state;
	struct pk_plane_counters *count;
	struct pk_packet *packet;
};

static __always_inline void *ring_of(void *outer, __u32 cpu)
{
	return bpf_map_lookup_elem(outer, &cpu);
}

/* --- events ------------------------------------------------------------- */

static __always_inline void hand_on_line(struct pk_plane_counters *count,
					 __u32 cpu,
					 const struct pk_flow_line *line)
{
	struct pk_flow_event *e = 0;
	void *ring = ring_of(&events, cpu);

	count->flow_lines++;
	if (ring)
		e = bpf_ringbuf_reserve(ring, sizeof(*e), 0);
	if (!e) {
		count->flow_lost_lines++;
		count->flow_lost_packets += line->packets;
		count->flow_lost_bytes += line->bytes;
		return;
	}
	e->head.type = PK_EVENT_FLOW;
	e->head.version = PK_ABI_VERSION;
	e->head.len = sizeof(*e);
	e->line = *line;
	count->flow_out_lines++;
	count->flow_out_packets += line->packets;
	count->flow_out_bytes += line->bytes;
	bpf_ringbuf_submit(e, pk_replay ? BPF_RB_NO_WAKEUP : 0);
}

/* What was met, and where. */
struct hit {
	__u64 generation;
	__u32 slot;
	__u8 role;
	__u8 depth;
};

static __always_inline void report_hit(struct frame *f, const struct hit *hit)
{
	struct pk_hit_event *e = 0;
	void *ring = ring_of(&alerts, f->cpu);

	f->count->hit_offered++;
	if (ring)
		e = bpf_ringbuf_reserve(ring, sizeof(*e), 0);
	if (!e) {
		f->count->hit_ring_full++;
		return;
	}
	e->head.type = PK_EVENT_HIT;
	e->head.version = PK_ABI_VERSION;
	e->head.len = sizeof(*e);
	e->time_ns = f->now_ns;
	e->frame = f->number;
	e->generation = hit->generation;
	e->slot = hit->slot;
	e->role = hit->role;
	e->depth = hit->depth;
	e->pad[0] = e->pad[1] = 0;
	e->packet = *f->packet;
	if (hit->depth < f->packet->depth)
		pk_outer_packet(&e->packet, &f->state->decode, hit->depth);
	f->count->hit_submitted++;
	bpf_ringbuf_submit(e, pk_replay ? BPF_RB_NO_WAKEUP : 0);
}

/* Also what lies behind the bytes that can be read at once. */
static __always_inline long load_bytes(struct frame *f, __u32 off, void *to,
				       __u32 len)
{
	if (f->is_xdp)
		return bpf_xdp_load_bytes(f->ctx, off, to, len);
	return bpf_skb_load_bytes(f->ctx, off, to, len);
}

/* Send what the CPU's scratch holds: an event and @caplen bytes of a frame. */
static __noinline long send_sample(struct pk_cpu_state *state, void *ring,
				   __u32 caplen)
{
	__u64 len = sizeof(struct pk_sample_event) + caplen;

	if (len > sizeof(state->scratch))
		return -1;
	return bpf_ringbuf_output(ring, state->scratch, len,
				  pk_replay ? BPF_RB_NO_WAKEUP : 0);
}

/* How much of the frame user space needs; questions, up to their end. */
static __always_inline __u32 sample_bytes(const struct frame *f, __u8 why)
{
	__u32 most = PK_SAMPLE_BYTES;

	if (why != PK_SAMPLE_FRAGMENT)
		most = pk_dns_frame_bytes(f->packet, &f->state->dns.question);
	if (most > PK_SAMPLE_BYTES)
		most = PK_SAMPLE_BYTES;
	return f->len < most ? f->len : most;
}

/*
 * Anybody can send fragments, and questions that only user space can judge:
 * half of the event ring is kept from them. In replay it is emptied between
 * frames.
 */
static __always_inline int is_refused(void *ring, __u8 why)
{
	if (why == PK_SAMPLE_NAME || pk_replay)
		return 0;
	return bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >
	       bpf_ringbuf_query(ring, BPF_RB_RING_SIZE) / 2;
}

/* Hand the frame itself to user space; @slot and @generation of its name. */
static __always_inline void sample(struct frame *f, __u8 why, __u32 slot,
				   __u64 generation)
{
	struct pk_sample_event *e = (void *)f->state->scratch;
	void *ring = why == PK_SAMPLE_NAME ? ring_of(&alerts, f->cpu)
					   : ring_of(&events, f->cpu);
	__u32 caplen = sample_bytes(f, why), last = caplen - 1;

	f->count->sample_offered++;
	if (ring && is_refused(ring, why)) {
		if (why == PK_SAMPLE_FRAGMENT)
			f->count->sample_frag_refused++;
		else
			f->count->sample_deep_refused++;
		return;
	}
	/* A bound that the verifier of 6.1 sees: `caplen > 0` is none to it. */
	PK_OPAQUE(last);
	if (last >= PK_SAMPLE_BYTES ||
	    load_bytes(f, 0, f->state->scratch + sizeof(*e), last + 1)) {
		f->count->sample_unreadable++;
		return;
	}
	caplen = last + 1;
	e->head.type = PK_EVENT_SAMPLE;
	e->head.version = PK_ABI_VERSION;
	e->head.len = sizeof(*e) + caplen;
	e->time_ns = f->now_ns;
	e->frame = f->number;
	e->caplen = caplen;
	e->frame_len = f->len;
	e->generation = generation;
	e->slot = slot;
	e->why = why;
	e->pad[0] = e->pad[1] = e->pad[2] = 0;
	e->packet = *f->packet;
	if (!ring || send_sample(f->state, ring, caplen))
		f->count->sample_ring_full++;
	else
		f->count->sample_submitted++;
}

/* --- look-up ------------------------------------------------------------- */

struct found {
	__u32 src;
	__u32 dst;
	__u64 generation;
};

static __always_inline void count_slot_by(struct frame *f, __u32 slot, __u32 by)
{
	__u64 *n = bpf_map_lookup_elem(&hits, &slot);

	if (n)
		__sync_fetch_and_add(n, by);
	else
		f->count->hit_uncounted += by;
}

static __always_inline void count_slot(struct frame *f, __u32 slot)
{
	count_slot_by(f, slot, f->packets);
}

static __always_inline void look_up(struct frame *f, struct found *found)
{
	__u64 word = f->state->word;
	__u64 pair = find_ends(&f->packet->key, word);

	if (pair == PK_NO_VIEW) {
		f->count->no_image++;
		return;
	}
	found->generation = pk_word_generation(word);
	found->src = (__u32)pair;
	found->dst = (__u32)(pair >> 32);
	if (found->src) {
		f->count->hit_packets_src += f->packets;
		count_slot(f, found->src);
	}
	if (found->dst) {
		f->count->hit_packets_dst += f->packets;
		count_slot(f, found->dst);
	}
}

/* --- flow ---------------------------------------------------------------- */

/* The two lines of the packet's set; one bounds check covers both. */
static __always_inline struct pk_flow_line *line_at(__u32 cpu, __u32 index)
{
	__u32 i = cpu * PK_FLOW_LINES + index;

	return bpf_map_lookup_elem(&lines, &i);
}

static __always_inline struct pk_flow_line *pick(const struct frame *f)
{
	const struct pk_flow_key *key = &f->packet->key;
	__u32 set = pk_flow_set(pk_flow_hash(pk_flow_seed, key));
	struct pk_flow_line *a = line_at(f->cpu, set);
	struct pk_flow_line *b = line_at(f->cpu, set + 1);

	if (!a || !b)
		return 0;
	return pk_flow_pick(a, b, key);
}

static __always_inline __u64 precise_now(struct frame *f)
{
	if (!pk_replay) {
		f->now_ns = bpf_ktime_get_ns();
		f->state->clock_ns = f->now_ns;
	}
	return f->now_ns;
}

static __always_inline void count_flow(struct frame *f,
				       const struct found *found)
{
	struct pk_flow_line *line = pick(f);
	struct pk_flow_step step = { 0 };
	__u32 tick = pk_tick(f->now_ns);
	struct hit hit;
	__u8 report;

	step.roles =
		(found->src ? PK_HIT_SRC : 0) | (found->dst ? PK_HIT_DST : 0);
	step.packets = f->packets;
	step.bytes = f->bytes;
	step.tcp_flags = f->packet->tcp_flags;
	step.gen = (__u16)found->generation;
	if (!line)
		return;
	f->count->flow_packets += step.packets;
	f->count->flow_bytes += step.bytes;
	if (pk_flow_must_close(line, &f->packet->key, tick, step.roles,
			       step.bytes)) {
		if (line->packets)
			hand_on_line(f->count, f->cpu, line);
		tick = pk_tick(precise_now(f));
		pk_flow_start(line, &f->packet->key, tick);
	}
	step.offset_ns = pk_tick_offset(f->now_ns);
	report = pk_flow_add(line, &step);
	hit.depth = f->packet->depth;
	hit.generation = found->generation;
	hit.slot = found->src;
	hit.role = PK_ROLE_SOURCE;
	if (report & PK_HIT_SRC)
		report_hit(f, &hit);
	hit.slot = found->dst;
	hit.role = PK_ROLE_DESTINATION;
	if (report & PK_HIT_DST)
		report_hit(f, &hit);
}

/* --- the tunnels around the packet ------------------------------------------ */

static __always_inline void meet_outer(struct frame *f, const struct hit *hit)
{
	__u64 hash = pk_flow_hash(pk_flow_seed, &f->packet->key);
	__u64 subject =
		pk_outer_subject(hash, hit->slot, hit->role, hit->depth);
	__u64 tag = pk_outer_tag(subject, hit->generation, pk_tick(f->now_ns));
	__u32 at = f->cpu * PK_OUTER_TAGS + pk_outer_place(subject);
	__u64 *place = bpf_map_lookup_elem(&outers, &at);

	f->count->hit_packets_outer += f->packets;
	count_slot(f, hit->slot);
	if (place && pk_outer_is_new(place, tag))
		report_hit(f, hit);
}

static __always_inline void look_up_outers(struct frame *f)
{
	struct hit hit = { .generation = pk_word_generation(f->state->word) };
	__u64 pair;

	for (__u32 i = 0; i < PK_OUTERS && i < f->packet->depth; i++) {
		pair = find_ends(&f->state->decode.outer[i], f->state->word);
		if (pair == PK_NO_VIEW)
			return;
		hit.depth = (__u8)i;
		hit.slot = (__u32)pair;
		hit.role = PK_ROLE_SOURCE;
		if (hit.slot)
			meet_outer(f, &hit);
		hit.slot = (__u32)(pair >> 32);
		hit.role = PK_ROLE_DESTINATION;
		if (hit.slot)
			meet_outer(f, &hit);
	}
}

/* --- DNS questions ---------------------------------------------------------- */

/* Copy a message out of the frame, once, and read it. */
static __always_inline int take_question(struct frame *f)
{
	struct pk_dns_scratch *d = &f->state->dns;
	__u32 len = pk_dns_bytes(f->packet, f->len);
	__u32 last = (len > PK_DNS_BYTES ? PK_DNS_BYTES : len) - 1;

	PK_OPAQUE(last);
	if (len &&
	    (last >= PK_DNS_BYTES ||
	     load_bytes(f, f->packet->payload_off, d->payload, last + 1))) {
		d->question.reason = PK_DNS_UNREADABLE;
		return PK_DNS_UNREADABLE;
	}
	return read_question(d, len, pk_dns_is_tcp(f->packet));
}

/*
 * A listed question goes to user space as an alert; one that cannot be judged
 * here goes as any other sample. The rest stay.
 */
static __always_inline void judge_dns(struct frame *f)
{
	const struct pk_question *q = &f->state->dns.question;
	__u32 slot = PK_NO_SLOT;

	if (take_question(f) == PK_DNS_OK)
		slot = find_question(&f->state->dns, f->state->word);
	pk_dns_count(f->count, q);
	if (slot) {
		f->count->dns_listed++;
		count_slot_by(f, slot, 1); /* one question, however sent */
		sample(f, PK_SAMPLE_NAME, slot,
		       pk_word_generation(f->state->word));
	} else if (pk_dns_is_open(q->reason)) {
		sample(f, PK_SAMPLE_DEEP, PK_NO_SLOT, 0);
	}
}

/* --- one frame ------------------------------------------------------------ */

static __always_inline int begin(struct frame *f)
{
	__u32 cpu = bpf_get_smp_processor_id();

	f->cpu = cpu;
	f->count = bpf_map_lookup_elem(&counters, &cpu);
	f->state = bpf_map_lookup_elem(&cpus, &cpu);
	if (!f->count || !f->state || cpu >= pk_cpus)
		return -1;
	f->packet = &f->state->decode.packet;
	f->count->seen++;
	if (f->direction == PK_IN)
		f->count->seen_in++;
	f->count->seen_bytes += f->len;
	return 0;
}

/* The coarse clock steps by milliseconds; it must not fall behind a precise
 * reading, or a line would begin in one tick and continue in the one before.
 */
static __always_inline void coarse_now(struct frame *f)
{
	__u64 now = bpf_ktime_get_coarse_ns();

	f->now_ns = now < f->state->clock_ns ? f->state->clock_ns : now;
}

/* Global functions: the verifier takes a step once, not once a path. */
__noinline int first_xdp(struct xdp_md *ctx, struct pk_decode *d)
{
	if (d)
		pk_parse_first((void *)(long)ctx->data,
			       (void *)(long)ctx->data_end, d);
	return 0;
}

__noinline int step_xdp(struct xdp_md *ctx, struct pk_decode *d)
{
	if (d)
		pk_parse_step((void *)(long)ctx->data,
			      (void *)(long)ctx->data_end, d);
	return 0;
}

__noinline int first_skb(struct __sk_buff *ctx, struct pk_decode *d)
{
	if (d)
		pk_parse_first((void *)(long)ctx->data,
			       (void *)(long)ctx->data_end, d);
	return 0;
}

__noinline int step_skb(struct __sk_buff *ctx, struct pk_decode *d)
{
	if (d)
		pk_parse_step((void *)(long)ctx->data,
			      (void *)(long)ctx->data_end, d);
	return 0;
}

static __always_inline int parse_xdp(struct xdp_md *ctx, struct frame *f)
{
	struct pk_decode *d = &f->state->decode;

	pk_parse_begin(d, f->len);
	first_xdp(ctx, d);
	for (int i = 1; i < PK_STEPS && d->next != PK_NEXT_NONE; i++)
		step_xdp(ctx, d);
	return pk_parse_end(d, (__u32)(ctx->data_end - ctx->data), f->len);
}

static __always_inline int parse_skb(struct __sk_buff *ctx, struct frame *f)
{
	struct pk_decode *d = &f->state->decode;

	pk_parse_begin(d, f->len);
	first_skb(ctx, d);
	for (int i = 1; i < PK_STEPS && d->next != PK_NEXT_NONE; i++)
		step_skb(ctx, d);
	return pk_parse_end(d, (__u32)(ctx->data_end - ctx->data), f->len);
}

static __always_inline void take(struct frame *f, int reason)
{
	struct found found = { 0 };
	struct pk_packet *p = f->packet;

	pk_count_reason(f->count, (__u8)reason);
	f->count->udp_no_checksum += f->state->decode.no_checksum;
	if (!(p->layers & PK_HAS_IP))
		return;
	p->key.direction = f->direction;
	p->key.port = pk_port;
	f->bytes = p->bytes;
	if (f->packets > 1 && p->layers & PK_HAS_PAYLOAD)
		/* the headers that the NIC will add */
		f->bytes += (f->packets - 1) * (p->payload_off - p->ip_off);
	f->state->word = pk_read_word();
	look_up(f, &found);
	count_flow(f, &found);
	if (p->depth)
		look_up_outers(f);
	if (pk_is_dns(p))
		judge_dns(f);
	if (p->layers & PK_IS_FRAGMENT)
		sample(f, PK_SAMPLE_FRAGMENT, PK_NO_SLOT, 0);
}

SEC("xdp.frags")
int picket_xdp(struct xdp_md *ctx)
{
	struct frame f = { .ctx = ctx, .is_xdp = 1, .packets = 1 };

	f.direction = PK_IN;
	f.len = (__u32)bpf_xdp_get_buff_len(ctx);
	if (begin(&f))
		return XDP_PASS;
	if (pk_replay) {
		struct pk_replay_meta *m = (void *)(long)ctx->data_meta;

		if ((void *)(m + 1) > (void *)(long)ctx->data)
			return XDP_ABORTED;
		f.now_ns = m->time_ns;
		f.number = m->frame;
	} else {
		coarse_now(&f);
	}
	take(&f, parse_xdp(ctx, &f));
	return XDP_PASS;
}

SEC("tc")
int picket_tc(struct __sk_buff *ctx)
{
	struct frame f = { .ctx = ctx, .direction = PK_OUT };
	int reason;

	f.len = ctx->len;
	f.packets = ctx->gso_segs ? ctx->gso_segs : 1;
	if (begin(&f))
		return TC_GO_ON;
	coarse_now(&f);
	reason = parse_skb(ctx, &f);
	if (reason == PK_PARSE_NONLINEAR) { /* headers in page fragments */
		bpf_skb_pull_data(ctx, f.len < PK_VISIBLE_BYTES
					       ? f.len
					       : PK_VISIBLE_BYTES);
		reason = parse_skb(ctx, &f);
	}
	take(&f, reason);
	return TC_GO_ON;
}

/* --- sweep ---------------------------------------------------------------- */

struct sweep {
	struct pk_plane_counters *count;
	__u32 cpu;
	__u32 tick;
	__u32 first;
};

static long sweep_line(__u32 i, void *arg)
{
	struct sweep *s = arg;
	struct pk_flow_line *line = line_at(s->cpu, s->first + i);

	if (line && pk_flow_is_due(line, s->tick)) {
		hand_on_line(s->count, s->cpu, line);
		line->packets = 0;
	}
	return 0;
}

static __always_inline void sweep(__u32 cpu, __u32 tick)
{
	struct sweep s = { .cpu = cpu, .tick = tick };

	s.count = bpf_map_lookup_elem(&counters, &cpu);
	if (!s.count)
		return;
	s.count->sweeps++;
	for (int i = 0; i < PK_FLOW_LINES / SWEEP_CHUNK; i++) {
		s.first = i * SWEEP_CHUNK;
		bpf_loop(SWEEP_CHUNK, sweep_line, &s, 0);
	}
}

/* The callback moves with its CPU; on a foreign CPU it only arms again. */
static int on_timer(void *map, __u32 *key, struct pk_cpu_timer *state)
{
	__u32 cpu = bpf_get_smp_processor_id();

	(void)map;
	if (cpu == *key)
		sweep(cpu, pk_tick(bpf_ktime_get_coarse_ns()));
	bpf_timer_start(&state->sweep, pk_sweep_ns, 0);
	return 0;
}

/*
 * Run by user space, once a CPU and on that CPU. Live: arm its timer. Replay:
 * sweep up to the time in front of the frame.
 */
SEC("xdp")
int picket_sweep(struct xdp_md *ctx)
{
	struct pk_replay_meta *m = (void *)(long)ctx->data_meta;
	__u32 cpu = bpf_get_smp_processor_id();
	struct pk_cpu_timer *state = bpf_map_lookup_elem(&timers, &cpu);

	if (!state)
		return XDP_ABORTED;
	if (pk_replay) {
		if ((void *)(m + 1) > (void *)(long)ctx->data)
			return XDP_ABORTED;
		sweep(cpu, pk_tick(m->time_ns));
		return XDP_PASS;
	}
	if (state->armed)
		return XDP_PASS;
	state->armed = 1;
	bpf_timer_init(&state->sweep, &timers, CLOCK_MONOTONIC_ID);
	bpf_timer_set_callback(&state->sweep, on_timer);
	bpf_timer_start(&state->sweep, pk_sweep_ns, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
