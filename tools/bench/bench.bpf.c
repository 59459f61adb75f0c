/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bench: what the kernel programs do to a packet, piece by piece.
 *
 * Every program draws a key from the same generator and writes it where the
 * shipped program keeps its packet; `empty*` do no more than that. The pieces
 * are those of bpf/picket.bpf.c: the look-up of both addresses, and the count
 * of a packet in its flow line. Beside them stand the kernel's own maps.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/dns.bpf.h"
#include "bpf/flow.h"
#include "bpf/image.h"
#include "bpf/maps.bpf.h"
#include "bpf/view.bpf.h"

enum { FLOW_IDS = 8192, AIMS = 65536, LPM_BITS = 32 };

struct lpm_key {
	__u32 bits;
	__u32 addr;
};

struct hash_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct hash_map);
} hash SEC(".maps");

struct lpm_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct lpm_key));
	__uint(value_size, sizeof(__u32));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct lpm_map);
} lpm SEC(".maps");

/* Flows that share no line's place: user space chose them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOW_IDS);
	__type(key, __u32);
	__type(value, __u32);
} flow_ids SEC(".maps");

/* Addresses that hit: user space chose them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, AIMS);
	__type(key, __u32);
	__type(value, union pk_addr);
} aims SEC(".maps");

enum { QUESTIONS = 8192, QUESTION_BYTES = 120 };

struct question {
	__u32 len;
	__u32 pad;
	__u8 msg[QUESTION_BYTES];
};

/* DNS messages: user space chose them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, QUESTIONS);
	__type(key, __u32);
	__type(value, struct question);
} questions SEC(".maps");

const volatile __u64 flow_seed = 0;

__u64 random_state = 1;
__u64 found = 0;     /* look-ups that hit */
__u64 sink = 0;	     /* keeps the work from being left out */
__u32 flow_mask = 0; /* 0: every packet is a flow of its own */

static __always_inline __u64 draw(void)
{
	random_state += 0x9e3779b97f4a7c15ULL;
	return pk_mix(random_state);
}

static __always_inline struct pk_cpu_state *own_state(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&cpus, &cpu);
}

static __always_inline void draw_v4(struct pk_packet *p)
{
	__u64 bits = draw();

	p->key.src.q[0] = p->key.dst.q[0] = 0;
	p->key.src.w[2] = p->key.dst.w[2] = 0xffff0000;
	p->key.src.w[3] = (__u32)bits;
	p->key.dst.w[3] = bits >> 32;
}

static __always_inline void draw_v6(struct pk_packet *p)
{
	p->key.src.q[0] = draw();
	p->key.src.q[1] = draw();
	p->key.dst.q[0] = draw();
	p->key.dst.q[1] = draw();
}

static __always_inline void draw_aim(struct pk_packet *p)
{
	__u64 bits = draw();
	__u32 one = bits & (AIMS - 1), two = bits >> 32 & (AIMS - 1);
	union pk_addr *src = bpf_map_lookup_elem(&aims, &one);
	union pk_addr *dst = bpf_map_lookup_elem(&aims, &two);

	if (!src || !dst)
		return;
	p->key.src = *src;
	p->key.dst = *dst;
	p->key.sport = p->key.dport = 443;
	p->key.proto = 6;
}

static __always_inline void draw_flow(struct pk_packet *p)
{
	__u32 i, *id;

	draw_v4(p);
	i = p->key.src.w[3] & (FLOW_IDS - 1) & flow_mask;
	id = bpf_map_lookup_elem(&flow_ids, &i);
	if (id && flow_mask)
		p->key.src.w[3] = *id;
	p->key.dst.w[3] = 1;
	p->bytes = 60;
}

static __always_inline int end(const struct pk_packet *p)
{
	sink += p->key.src.w[3] ^ p->key.dst.w[3];
	return XDP_PASS;
}

SEC("xdp")
int empty4(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();

	(void)ctx;
	if (!s)
		return XDP_ABORTED;
	draw_v4(&s->decode.packet);
	return end(&s->decode.packet);
}

SEC("xdp")
int empty6(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();

	(void)ctx;
	if (!s)
		return XDP_ABORTED;
	draw_v6(&s->decode.packet);
	return end(&s->decode.packet);
}

SEC("xdp")
int empty_aim(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();

	(void)ctx;
	if (!s)
		return XDP_ABORTED;
	draw_aim(&s->decode.packet);
	return end(&s->decode.packet);
}

/* --- look-ups ------------------------------------------------------------ */

static __always_inline int find_both(struct pk_packet *p)
{
	__u64 pair = find_ends(&p->key, pk_read_word());

	if (pair == PK_NO_VIEW)
		return XDP_ABORTED;
	if ((__u32)pair)
		found++;
	if (pair >> 32)
		found++;
	return end(p);
}

SEC("xdp")
int image4(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();

	(void)ctx;
	if (!s)
		return XDP_ABORTED;
	draw_v4(&s->decode.packet);
	return find_both(&s->decode.packet);
}

SEC("xdp")
int image6(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();

	(void)ctx;
	if (!s)
		return XDP_ABORTED;
	draw_v6(&s->decode.packet);
	return find_both(&s->decode.packet);
}

SEC("xdp")
int image_aim(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();

	(void)ctx;
	if (!s)
		return XDP_ABORTED;
	draw_aim(&s->decode.packet);
	return find_both(&s->decode.packet);
}

SEC("xdp")
int hash4(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();
	__u32 zero = 0;
	void *map = bpf_map_lookup_elem(&hash, &zero);
	struct pk_packet *p;

	(void)ctx;
	if (!s || !map)
		return XDP_ABORTED;
	p = &s->decode.packet;
	draw_v4(p);
	if (bpf_map_lookup_elem(map, &p->key.src.w[3]))
		found++;
	if (bpf_map_lookup_elem(map, &p->key.dst.w[3]))
		found++;
	return end(p);
}

SEC("xdp")
int lpm4(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();
	struct lpm_key key = { .bits = LPM_BITS };
	__u32 zero = 0;
	void *map = bpf_map_lookup_elem(&lpm, &zero);
	struct pk_packet *p;

	(void)ctx;
	if (!s || !map)
		return XDP_ABORTED;
	p = &s->decode.packet;
	draw_v4(p);
	key.addr = p->key.src.w[3];
	if (bpf_map_lookup_elem(map, &key))
		found++;
	key.addr = p->key.dst.w[3];
	if (bpf_map_lookup_elem(map, &key))
		found++;
	return end(p);
}

/* --- names --------------------------------------------------------------- */

/* A question where the shipped program copies it to; its length, or 0. */
static __always_inline __u32 draw_question(struct pk_dns_scratch *d)
{
	__u32 i = draw() & (QUESTIONS - 1);
	const struct question *q = bpf_map_lookup_elem(&questions, &i);

	if (!q)
		return 0;
	__builtin_memcpy(d->payload, q->msg, QUESTION_BYTES);
	return q->len;
}

SEC("xdp")
int name_empty(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();

	(void)ctx;
	if (!s)
		return XDP_ABORTED;
	sink += draw_question(&s->dns) + pk_read_word();
	return XDP_PASS;
}

SEC("xdp")
int name_read(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();
	__u64 word = pk_read_word();

	(void)ctx;
	if (!s)
		return XDP_ABORTED;
	sink += read_question(&s->dns, draw_question(&s->dns), 0) + word;
	return XDP_PASS;
}

SEC("xdp")
int name_find(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();
	__u64 word = pk_read_word();

	(void)ctx;
	if (!s)
		return XDP_ABORTED;
	if (read_question(&s->dns, draw_question(&s->dns), 0) == PK_DNS_OK &&
	    find_question(&s->dns, word))
		found++;
	return XDP_PASS;
}

/* --- flows --------------------------------------------------------------- */

SEC("xdp")
int flow_empty(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();

	(void)ctx;
	if (!s)
		return XDP_ABORTED;
	draw_flow(&s->decode.packet);
	sink += bpf_ktime_get_coarse_ns();
	return end(&s->decode.packet);
}

static __always_inline void hand_on(struct pk_plane_counters *count, __u32 cpu,
				    const struct pk_flow_line *line)
{
	struct pk_flow_event *e = 0;
	void *ring = bpf_map_lookup_elem(&events, &cpu);

	count->flow_lines++;
	if (ring)
		e = bpf_ringbuf_reserve(ring, sizeof(*e), 0);
	if (!e) {
		count->flow_lost_lines++;
		return;
	}
	e->head.type = PK_EVENT_FLOW;
	e->head.version = PK_ABI_VERSION;
	e->head.len = sizeof(*e);
	e->line = *line;
	count->flow_out_lines++;
	bpf_ringbuf_submit(e, 0);
}

static __always_inline struct pk_flow_line *line_at(__u32 cpu, __u32 index)
{
	__u32 i = cpu * PK_FLOW_LINES + index;

	return bpf_map_lookup_elem(&lines, &i);
}

SEC("xdp")
int flow(struct xdp_md *ctx)
{
	struct pk_cpu_state *s = own_state();
	__u32 cpu = bpf_get_smp_processor_id(), set, tick;
	struct pk_plane_counters *count = bpf_map_lookup_elem(&counters, &cpu);
	struct pk_flow_step step = { .packets = 1 };
	__u64 now = bpf_ktime_get_coarse_ns();
	struct pk_flow_line *a, *b, *line;
	struct pk_packet *p;

	(void)ctx;
	if (!s || !count)
		return XDP_ABORTED;
	p = &s->decode.packet;
	draw_flow(p);
	set = pk_flow_set(pk_flow_hash(flow_seed, &p->key));
	a = line_at(cpu, set);
	b = line_at(cpu, set + 1);
	if (!a || !b)
		return XDP_ABORTED;
	line = pk_flow_pick(a, b, &p->key);
	step.bytes = p->bytes;
	tick = pk_tick(now);
	if (pk_flow_must_close(line, &p->key, tick, 0, step.bytes)) {
		if (line->packets)
			hand_on(count, cpu, line);
		now = bpf_ktime_get_ns();
		tick = pk_tick(now);
		pk_flow_start(line, &p->key, tick);
	}
	step.offset_ns = pk_tick_offset(now);
	found += pk_flow_add(line, &step);
	sink += now;
	return end(p);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
