/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/dns.h"
#include "bpf/flow.h"
#include "bpf/match.h"
#include "bpf/outer.h"
#include "bpf/parse.h"
#include "dataplane/inspect/checksum.h"
#include "dataplane/inspect/stage.h"
#include "ioc/image/lookup.h"

enum { LOST = -1, OUTER_ENDS = 2 * PK_OUTERS * PK_BURST };

/* What was met, and where. */
struct hit {
	uint64_t generation;
	uint32_t slot;
	uint8_t role;
	uint8_t depth;
};

/* A DNS question on its way through the burst. */
struct asked {
	const uint8_t *msg;
	struct pk_question question;
	struct pk_dns_walk walk;
	uint8_t ahead; /* the suffix at hand was joined and not looked at */
};

/* Why a frame is sent itself, and how much of it is needed. */
struct reason {
	uint8_t why;	     /* enum pk_sample_why */
	uint32_t bytes;	     /* most of them */
	uint32_t slot;	     /* PK_SAMPLE_NAME */
	uint64_t generation; /* of it */
};

struct pk_worker {
	struct pk_worker_conf conf;
	struct pk_plane_counters *count;
	struct pk_flow_line *lines;
	uint32_t tick;	 /* of the newest time seen */
	uint32_t swept;	 /* lines looked at since the tick began */
	uint8_t marked;	 /* the mark of this tick has been sent */
	uint8_t pending; /* packets of the burst in decode[] */
	struct pk_decode decode[PK_BURST];
	uint32_t src[PK_BURST];
	uint32_t dst[PK_BURST];
	uint64_t hash[PK_BURST];
	struct pk_endpoint end[2 * PK_BURST];
	struct pk_endpoint outer_end[OUTER_ENDS];
	uint32_t outer_slot[OUTER_ENDS]; /* valid if there are tunnels */
	uint16_t outer_at[PK_BURST];	 /* a packet's first one */
	__u64 outers[PK_OUTER_TAGS];
	struct asked asked[PK_BURST];
	struct pk_sample_event sample;
	uint8_t sample_bytes[PK_SAMPLE_BYTES];
};
_Static_assert(sizeof(struct pk_sample_event) + PK_SAMPLE_BYTES <=
		       PK_RING_ENTRY_MAX,
	       "a sample must fit into the ring");

int pk_worker_new(struct pk_worker **out, const struct pk_worker_conf *conf)
{
	struct pk_worker *w = aligned_alloc(64, (sizeof(*w) + 63) & ~63UL);
	size_t bytes = sizeof(struct pk_flow_line) * PK_FLOW_LINES;

	if (!w)
		return -ENOMEM;
	memset(w, 0, sizeof(*w));
	w->conf = *conf;
	w->count = &conf->block->counters;
	w->lines = aligned_alloc(64, bytes);
	if (!w->lines) {
		pk_worker_free(w);
		return -ENOMEM;
	}
	memset(w->lines, 0, bytes);
	*out = w;
	return 0;
}

void pk_worker_free(struct pk_worker *w)
{
	if (!w)
		return;
	free(w->lines);
	free(w);
}

/* --- out ------------------------------------------------------------------ */

/* In replay nothing may be lost: wait for the stage, which always reads. */
static int push(struct pk_worker *w, struct pk_ring *ring, const void *entry,
		uint32_t len)
{
	while (pk_ring_push(ring, entry, len)) {
		if (!w->conf.lossless)
			return LOST;
		pk_ring_wake(ring);
		sched_yield();
	}
	return 0;
}

static void hand_on_line(struct pk_worker *w, const struct pk_flow_line *line)
{
	struct pk_flow_event e = {
		.head = { PK_EVENT_FLOW, PK_ABI_VERSION, sizeof(e) },
		.line = *line,
	};

	w->count->flow_lines++;
	if (push(w, w->conf.events, &e, sizeof(e)) == LOST) {
		w->count->flow_lost_lines++;
		w->count->flow_lost_packets += line->packets;
		w->count->flow_lost_bytes += line->bytes;
		return;
	}
	w->count->flow_out_lines++;
	w->count->flow_out_packets += line->packets;
	w->count->flow_out_bytes += line->bytes;
}

/* Such a packet is told of as any other, and marked. */
static void mark_checksum(struct pk_worker *w, const struct pk_worker_frame *f,
			  struct pk_packet *to, const struct pk_decode *d)
{
	if (!pk_checksum_is_bad(f->data, f->readable, d))
		return;
	to->layers |= PK_BAD_CHECKSUM;
	w->count->hit_bad_checksum++;
}

static void report_hit(struct pk_worker *w, const struct pk_worker_frame *f,
		       uint32_t i, const struct hit *hit)
{
	const struct pk_decode *d = &w->decode[i];
	struct pk_hit_event e = {
		.head = { PK_EVENT_HIT, PK_ABI_VERSION, sizeof(e) },
		.time_ns = f->time_ns,
		.frame = f->number,
		.generation = hit->generation,
		.slot = hit->slot,
		.role = hit->role,
		.depth = hit->depth,
		.packet = d->packet,
	};

	if (hit->depth < d->packet.depth)
		pk_outer_packet(&e.packet, d, hit->depth);
	else /* it is the innermost packet's checksum that can be told */
		mark_checksum(w, f, &e.packet, d);
	w->count->hit_offered++;
	if (push(w, w->conf.alerts, &e, sizeof(e)) == LOST) {
		w->count->hit_ring_full++;
		return;
	}
	w->count->hit_submitted++;
	pk_ring_wake(w->conf.alerts);
}

/*
 * Anybody can send fragments, and questions that only the stage can judge: half
 * of the event ring is kept from them.
 */
static int is_refused(const struct pk_worker *w, struct pk_ring *ring,
		      const struct reason *r)
{
	return r->why != PK_SAMPLE_NAME && !w->conf.lossless &&
	       pk_ring_half_full(ring);
}

static void send_sample(struct pk_worker *w, const struct pk_worker_frame *f,
			uint32_t i, const struct reason *r)
{
	struct pk_ring *ring =
		r->why == PK_SAMPLE_NAME ? w->conf.alerts : w->conf.events;
	struct pk_sample_event *e = &w->sample;
	uint32_t caplen = f->readable;

	w->count->sample_offered++;
	if (is_refused(w, ring, r)) {
		if (r->why == PK_SAMPLE_FRAGMENT)
			w->count->sample_frag_refused++;
		else
			w->count->sample_deep_refused++;
		return;
	}
	if (caplen > r->bytes)
		caplen = r->bytes;
	if (caplen > PK_SAMPLE_BYTES)
		caplen = PK_SAMPLE_BYTES;
	e->head.type = PK_EVENT_SAMPLE;
	e->head.version = PK_ABI_VERSION;
	e->head.len = sizeof(*e) + caplen;
	e->time_ns = f->time_ns;
	e->frame = f->number;
	e->caplen = caplen;
	e->frame_len = f->len;
	e->generation = r->generation;
	e->slot = r->slot;
	e->why = r->why;
	e->packet = w->decode[i].packet;
	if (r->why == PK_SAMPLE_NAME)
		mark_checksum(w, f, &e->packet, &w->decode[i]);
	memcpy(w->sample_bytes, f->data, caplen);
	if (push(w, ring, e, e->head.len) == LOST) {
		w->count->sample_ring_full++;
		return;
	}
	w->count->sample_submitted++;
	pk_ring_wake(ring);
}

static void send_mark(struct pk_worker *w, uint64_t time_ns)
{
	struct pk_mark_event e = {
		.head = { PK_EVENT_MARK, PK_ABI_VERSION, sizeof(e) },
		.time_ns = time_ns,
	};

	while (pk_ring_push(w->conf.events, &e, sizeof(e))) {
		pk_ring_wake(w->conf.events);
		if (!w->conf.lossless)
			return; /* the next sweep sends a later one */
		sched_yield();
	}
	w->marked = 1;
}

/* --- decode --------------------------------------------------------------- */

static void decode(struct pk_worker *w, const struct pk_worker_frame *f,
		   uint32_t i)
{
	struct pk_packet *p = &w->decode[i].packet;

	w->count->seen++;
	w->count->seen_in += w->conf.direction == PK_IN;
	w->count->seen_bytes += f->len;
	pk_parse(f->data, f->data + f->readable, f->len, &w->decode[i]);
	pk_count_reason(w->count, p->reason);
	w->count->udp_no_checksum += w->decode[i].no_checksum;
	p->key.port = w->conf.port;
	p->key.direction = w->conf.direction;
	w->src[i] = w->dst[i] = PK_NO_SLOT;
	w->hash[i] = pk_flow_hash(w->conf.seed, &p->key);
	if (p->layers & PK_HAS_IP)
		__builtin_prefetch(&w->lines[pk_flow_set(w->hash[i])], 1);
}

/* --- look-up: all ends of the burst together ------------------------------- */

static void count_hits(struct pk_worker *w, uint32_t i)
{
	if (w->src[i]) {
		w->count->hit_packets_src++;
		pk_images_hit(w->conf.images, w->src[i]);
	}
	if (w->dst[i]) {
		w->count->hit_packets_dst++;
		pk_images_hit(w->conf.images, w->dst[i]);
	}
}

/* Returns how many ends the burst's packets have; @of names their packets. */
static uint32_t gather_ends(struct pk_worker *w, uint32_t n, uint8_t *of)
{
	uint32_t ends = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct pk_packet *p = &w->decode[i].packet;

		if (!(p->layers & PK_HAS_IP))
			continue;
		of[ends / 2] = (uint8_t)i;
		pk_endpoints_of(&w->end[ends], &p->key);
		ends += 2;
	}
	return ends;
}

/* The same for the tunnels around them. */
static uint32_t gather_outers(struct pk_worker *w, uint32_t n)
{
	uint32_t ends = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct pk_decode *d = &w->decode[i];

		w->outer_at[i] = (uint16_t)ends;
		for (uint32_t k = 0; k < d->packet.depth; k++, ends += 2)
			pk_endpoints_of(&w->outer_end[ends], &d->outer[k]);
	}
	return ends;
}

static void look_up(struct pk_worker *w, const struct pk_view *v, uint32_t n)
{
	uint32_t slot[2 * PK_BURST], ends;
	uint8_t of[PK_BURST];

	ends = gather_ends(w, n, of);
	pk_lookup_endpoints(v, w->end, ends, slot);
	for (uint32_t k = 0; k < ends; k += 2) {
		uint32_t i = of[k / 2];

		if (!(slot[k] | slot[k + 1]))
			continue;
		w->src[i] = slot[k];
		w->dst[i] = slot[k + 1];
		count_hits(w, i);
	}
	ends = gather_outers(w, n);
	if (ends)
		pk_lookup_endpoints(v, w->outer_end, ends, w->outer_slot);
}

/* --- flow ----------------------------------------------------------------- */

static struct pk_flow_line *line_of(struct pk_worker *w, uint32_t i)
{
	struct pk_flow_line *set = &w->lines[pk_flow_set(w->hash[i])];

	return pk_flow_pick(&set[0], &set[1], &w->decode[i].packet.key);
}

static void count_flow(struct pk_worker *w, const struct pk_worker_frame *f,
		       uint32_t i, uint64_t generation)
{
	const struct pk_packet *p = &w->decode[i].packet;
	struct pk_flow_line *line = line_of(w, i);
	struct pk_flow_step step = {
		.offset_ns = pk_tick_offset(f->time_ns),
		.packets = 1,
		.bytes = p->bytes,
		.tcp_flags = p->tcp_flags,
		.roles = (w->src[i] ? PK_HIT_SRC : 0) |
			 (w->dst[i] ? PK_HIT_DST : 0),
		.gen = (uint16_t)generation,
	};
	struct hit hit = { .generation = generation, .depth = p->depth };
	uint32_t tick = pk_tick(f->time_ns);
	uint8_t report;

	w->count->flow_packets++;
	w->count->flow_bytes += p->bytes;
	if (pk_flow_must_close(line, &p->key, tick, step.roles, step.bytes)) {
		if (line->packets)
			hand_on_line(w, line);
		pk_flow_start(line, &p->key, tick);
	}
	report = pk_flow_add(line, &step);
	hit.slot = w->src[i];
	hit.role = PK_ROLE_SOURCE;
	if (report & PK_HIT_SRC)
		report_hit(w, f, i, &hit);
	hit.slot = w->dst[i];
	hit.role = PK_ROLE_DESTINATION;
	if (report & PK_HIT_DST)
		report_hit(w, f, i, &hit);
}

/* --- the tunnels around the packet ------------------------------------------ */

static void meet_outer(struct pk_worker *w, const struct pk_worker_frame *f,
		       uint32_t i, const struct hit *hit)
{
	uint64_t subject =
		pk_outer_subject(w->hash[i], hit->slot, hit->role, hit->depth);
	uint64_t tag =
		pk_outer_tag(subject, hit->generation, pk_tick(f->time_ns));

	w->count->hit_packets_outer++;
	pk_images_hit(w->conf.images, hit->slot);
	if (pk_outer_is_new(&w->outers[pk_outer_place(subject)], tag))
		report_hit(w, f, i, hit);
}

static void meet_outers(struct pk_worker *w, const struct pk_worker_frame *f,
			uint32_t i, uint64_t generation)
{
	const uint32_t *slot = &w->outer_slot[w->outer_at[i]];
	uint32_t ends = 2U * w->decode[i].packet.depth;

	for (uint32_t k = 0; k < ends; k++) {
		struct hit hit = {
			.generation = generation,
			.slot = slot[k],
			.role = k % 2 ? PK_ROLE_DESTINATION : PK_ROLE_SOURCE,
			.depth = (uint8_t)(k / 2),
		};

		if (hit.slot)
			meet_outer(w, f, i, &hit);
	}
}

/* --- DNS questions --------------------------------------------------------- */

/* Read a message where it lies, as far as the frame is there. */
static int read_question(const struct pk_worker_frame *f,
			 const struct pk_packet *p, struct pk_question *q)
{
	uint32_t len = pk_dns_bytes(p, f->len);
	uint32_t there = pk_dns_bytes(p, f->readable);
	int reason;

	if (there >= PK_DNS_BYTES) /* that is enough of any question */
		there = len;
	reason = pk_dns_payload(f->data + p->payload_off, there,
				pk_dns_is_tcp(p), q);
	if (there < len)
		reason = pk_dns_cut_reason(reason);
	q->reason = (uint8_t)reason;
	return reason;
}

/* The filter's line is on its way while other packets have their turn. */
static void fetch_suffix(const struct pk_view *v, uint64_t hash)
{
	const struct pk_image_head *h = v->base_head;
	uint32_t word = pk_filter_word(hash, h->filter_words);

	__builtin_prefetch(
		pk_image_line(v->base, h, h->filter_line + (word >> 3)));
}

/*
 * Read the question, judge its last label, which most names share, and join
 * the next one.
 */
static void ask(struct pk_worker *w, const struct pk_view *v,
		const struct pk_worker_frame *f, uint32_t i)
{
	const struct pk_packet *p = &w->decode[i].packet;
	struct asked *a = &w->asked[i];

	a->ahead = 0;
	if (read_question(f, p, &a->question) != PK_DNS_OK || !w->conf.images)
		return;
	a->msg = f->data + p->payload_off + a->question.prefix;
	pk_dns_begin(v, &a->question, &a->walk);
	if (!pk_dns_step(v, a->msg, &a->question, &a->walk) ||
	    !pk_dns_next(a->msg, &a->question, &a->walk))
		return;
	a->ahead = 1;
	fetch_suffix(v, a->walk.hash);
}

/* The rest of the walk: the slot; the question's reason is its end. */
static uint32_t answer(const struct pk_worker *w, const struct pk_view *v,
		       struct asked *a)
{
	if (a->question.reason != PK_DNS_OK || !w->conf.images)
		return PK_NO_SLOT;
	if (a->ahead && pk_dns_look(v, &a->walk))
		pk_dns_walk_on(v, a->msg, &a->question, &a->walk);
	return pk_dns_end(&a->question, &a->walk);
}

/*
 * A listed question goes to the stage as an alert; one that cannot be judged
 * here goes as any other sample. The rest stay.
 */
static void judge_dns(struct pk_worker *w, const struct pk_view *v,
		      const struct pk_worker_frame *f, uint32_t i)
{
	struct asked *a = &w->asked[i];
	struct reason r = { .why = PK_SAMPLE_DEEP, .slot = answer(w, v, a) };

	pk_dns_count(w->count, &a->question);
	if (!r.slot && !pk_dns_is_open(a->question.reason))
		return;
	r.bytes = pk_dns_frame_bytes(&w->decode[i].packet, &a->question);
	if (r.slot) {
		w->count->dns_listed++;
		pk_images_hit(w->conf.images, r.slot);
		r.why = PK_SAMPLE_NAME;
		r.generation = v->generation;
	}
	send_sample(w, f, i, &r);
}

/* --- the burst ------------------------------------------------------------- */

static void begin_tick(struct pk_worker *w, uint64_t now_ns)
{
	uint32_t tick = pk_tick(now_ns);

	if (tick == w->tick)
		return;
	w->tick = tick;
	w->swept = 0;
	w->marked = 0;
}

/* The view of this burst; its generation is what the writer waits for. */
static uint64_t take_view(struct pk_worker *w, struct pk_view *v)
{
	if (!w->conf.images)
		return 0;
	pk_images_view(w->conf.images, v);
	__atomic_store_n(&w->conf.block->generation, v->generation,
			 __ATOMIC_RELEASE);
	return v->generation;
}

void pk_worker_burst(struct pk_worker *w, const struct pk_worker_frame *frames,
		     uint32_t n)
{
	struct pk_view v;
	uint64_t generation = take_view(w, &v);

	w->conf.block->bursts++;
	if (!n)
		return;
	for (uint32_t i = 0; i < n; i++)
		decode(w, &frames[i], i);
	for (uint32_t i = 0; i < n; i++)
		if (pk_is_dns(&w->decode[i].packet))
			ask(w, &v, &frames[i], i);
	if (w->conf.images)
		look_up(w, &v, n);
	for (uint32_t i = 0; i < n; i++) {
		if (!(w->decode[i].packet.layers & PK_HAS_IP))
			continue;
		w->count->no_image += !w->conf.images;
		count_flow(w, &frames[i], i, generation);
		if (w->conf.images && w->decode[i].packet.depth)
			meet_outers(w, &frames[i], i, generation);
		if (pk_is_dns(&w->decode[i].packet))
			judge_dns(w, &v, &frames[i], i);
		if (w->decode[i].packet.layers & PK_IS_FRAGMENT)
			send_sample(w, &frames[i], i,
				    &(struct reason){ PK_SAMPLE_FRAGMENT,
						      PK_SAMPLE_BYTES, 0, 0 });
	}
	begin_tick(w, frames[n - 1].time_ns);
	pk_ring_wake(w->conf.events);
}

int pk_worker_sweep(struct pk_worker *w, uint64_t now_ns, uint32_t lines)
{
	begin_tick(w, now_ns);
	while (lines-- && w->swept < PK_FLOW_LINES) {
		struct pk_flow_line *line = &w->lines[w->swept++];

		if (!pk_flow_is_due(line, w->tick))
			continue;
		hand_on_line(w, line);
		line->packets = 0;
	}
	if (w->swept < PK_FLOW_LINES)
		return 0;
	if (!w->marked) {
		w->count->sweeps++;
		send_mark(w, pk_tick_start(w->tick));
		pk_ring_wake(w->conf.events);
	}
	return 1;
}

void pk_worker_drain(struct pk_worker *w)
{
	for (uint32_t i = 0; i < PK_FLOW_LINES; i++) {
		struct pk_flow_line *line = &w->lines[i];

		if (!line->packets)
			continue;
		hand_on_line(w, line);
		line->packets = 0;
	}
	send_mark(w, UINT64_MAX);
	pk_ring_wake(w->conf.events);
}
