/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/stage.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow.h"
#include "dataplane/inspect/dns.h"
#include "dataplane/inspect/flows.h"
#include "dataplane/inspect/reassembly.h"
#include "ioc/image/lookup.h"
#include "ioc/name.h"

enum { WAITING_FIRST = 256 };

/* Replay: hits wait for the end of their tick, then leave in frame order. */
struct waiting {
	struct pk_hit *hit;
	uint32_t first; /* those before it have left */
	uint32_t count;
	uint32_t room;
	uint8_t unsorted;
};

struct pk_stage {
	struct pk_stage_conf conf;
	struct pk_stage_counters *count;
	struct pk_flows *flows;
	struct pk_reassembly *reassembly;
	struct waiting waiting;
	int64_t offset_ns; /* from the lines' clock to real time */
	uint64_t seq;
};

static void export_flow(void *arg, const struct pk_flow *flow);
static void datagram_hit(void *arg, const struct pk_hit *h);

static int open_reassembly(struct pk_stage *s)
{
	const struct pk_reassembly_conf conf = {
		.images = s->conf.images,
		.stats = s->count,
		.seed = s->conf.uplink.seed,
		.in_order = s->conf.lossless,
		.hit = datagram_hit,
		.arg = s,
	};

	return pk_reassembly_new(&s->reassembly, &conf);
}

int pk_stage_new(struct pk_stage **out, const struct pk_stage_conf *conf)
{
	struct pk_stage *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->conf = *conf;
	s->count = conf->stats;
	err = pk_flows_new(&s->flows, &conf->uplink.flow, conf->uplink.seed,
			   conf->stats);
	if (!err)
		err = open_reassembly(s);
	if (err) {
		pk_stage_free(s);
		return err;
	}
	pk_flows_on_export(s->flows, export_flow, s);
	*out = s;
	return 0;
}

void pk_stage_free(struct pk_stage *s)
{
	if (!s)
		return;
	pk_flows_free(s->flows);
	pk_reassembly_free(s->reassembly);
	free(s->waiting.hit);
	free(s);
}

/* --- records out ----------------------------------------------------------- */

static void fill_head(struct pk_stage *s, struct pk_record *r, uint16_t type,
		      uint16_t len)
{
	r->type = type;
	r->len = len;
	r->plane = s->conf.plane;
	r->epoch = s->conf.uplink.epoch;
	r->sampling = s->conf.uplink.sampling;
	r->observer = s->conf.uplink.observer;
}

static int write_record(struct pk_stage *s, struct pk_record *r)
{
	r->seq = s->seq + 1;
	while (pk_ring_push(s->conf.out, r, r->len)) {
		if (!s->conf.lossless)
			return -ENOBUFS;
		pk_ring_wake(s->conf.out);
		sched_yield();
	}
	s->seq++;
	return 0;
}

static int offer(struct pk_stage *s, struct pk_record *r)
{
	int err;

	s->count->records_offered++;
	err = write_record(s, r);
	if (err)
		s->count->records_ring_full++;
	else
		s->count->records_written++;
	return err;
}

static void mark(struct pk_stage *s, uint16_t type, uint64_t seen_ns)
{
	struct pk_record r = { .seen_ns = seen_ns };

	fill_head(s, &r, type, sizeof(r));
	write_record(s, &r); /* if it is lost, the next one says more */
	pk_ring_wake(s->conf.out);
}

static int by_frame(const void *a, const void *b)
{
	const struct pk_hit *x = a, *y = b;

	if (x->head.seen_ns != y->head.seen_ns)
		return x->head.seen_ns < y->head.seen_ns ? -1 : 1;
	if (x->head.frame != y->head.frame)
		return x->head.frame < y->head.frame ? -1 : 1;
	if (x->role != y->role)
		return (int)x->role - (int)y->role;
	if (x->depth != y->depth)
		return (int)x->depth - (int)y->depth;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* Release the waiting hits seen before @end_ns, in order. */
static void release(struct pk_stage *s, uint64_t end_ns)
{
	struct waiting *w = &s->waiting;

	if (w->unsorted)
		qsort(w->hit + w->first, w->count - w->first, sizeof(*w->hit),
		      by_frame);
	w->unsorted = 0;
	while (w->first < w->count && w->hit[w->first].head.seen_ns < end_ns)
		offer(s, &w->hit[w->first++].head);
	if (w->first == w->count)
		w->first = w->count = 0;
}

static void export_flow(void *arg, const struct pk_flow *flow)
{
	struct pk_stage *s = arg;
	struct pk_flow f = *flow;

	fill_head(s, &f.head, PK_RECORD_FLOW, sizeof(f));
	release(s, flow->head.seen_ns + (uint64_t)s->offset_ns);
	f.head.direction = f.key.direction;
	f.head.port = f.key.port;
	f.head.seen_ns += (uint64_t)s->offset_ns;
	f.start_ns += (uint64_t)s->offset_ns;
	f.end_ns += (uint64_t)s->offset_ns;
	if (offer(s, &f.head)) {
		s->count->lost_packets += f.packets[0] + f.packets[1];
		s->count->lost_bytes += f.bytes[0] + f.bytes[1];
	}
}

/* --- hits ------------------------------------------------------------------ */

static void wait_for_tick(struct pk_stage *s, const struct pk_hit *h)
{
	struct waiting *w = &s->waiting;

	if (w->count == w->room) {
		uint32_t room = w->room ? w->room * 2 : WAITING_FIRST;
		struct pk_hit *hit = realloc(w->hit, room * sizeof(*hit));

		if (!hit) { /* out of order is better than lost */
			struct pk_hit copy = *h;

			offer(s, &copy.head);
			return;
		}
		w->hit = hit;
		w->room = room;
	}
	w->hit[w->count++] = *h;
	w->unsorted = 1;
}

static void send_hit(struct pk_stage *s, struct pk_hit *h)
{
	fill_head(s, &h->head, PK_RECORD_HIT, pk_hit_len(h->text_len));
	h->head.direction = h->packet.key.direction;
	h->head.port = h->packet.key.port;
	if (s->conf.lossless)
		wait_for_tick(s, h);
	else
		offer(s, &h->head);
}

static void take_hit(struct pk_stage *s, const struct pk_hit_event *e)
{
	struct pk_hit h = { 0 };

	s->count->hits_in++;
	h.head.seen_ns = e->time_ns + (uint64_t)s->offset_ns;
	h.head.frame = e->frame;
	h.generation = e->generation;
	h.slot = e->slot;
	h.role = e->role;
	h.depth = e->depth;
	h.packet = e->packet;
	send_hit(s, &h);
}

/* What only a whole datagram shows. */
static void datagram_hit(void *arg, const struct pk_hit *h)
{
	struct pk_stage *s = arg;
	struct pk_hit hit = *h;

	s->count->frag_hits++;
	pk_images_hit(s->conf.images, h->slot);
	hit.head.seen_ns += (uint64_t)s->offset_ns;
	send_hit(s, &hit);
}

/* --- samples: DNS questions -------------------------------------------------- */

static void name_hit(struct pk_stage *s, const struct pk_sample_event *e,
		     const struct pk_dns *dns)
{
	struct pk_hit h = { 0 };

	h.head.seen_ns = e->time_ns + (uint64_t)s->offset_ns;
	h.head.frame = e->frame;
	h.generation = e->generation;
	h.slot = e->slot;
	h.role = PK_ROLE_DNS_QUESTION;
	h.depth = e->packet.depth;
	h.packet = e->packet;
	h.text_len = dns->name_len;
	memcpy(h.text, dns->name, dns->name_len);
	send_hit(s, &h);
}

/* A question that no worker judged: it is counted here as well. */
static void look_up_name(struct pk_stage *s, const struct pk_sample_event *e,
			 const struct pk_dns *dns)
{
	struct pk_sample_event found = *e;
	struct pk_view v;

	if (!s->conf.images)
		return;
	pk_images_view(s->conf.images, &v);
	found.generation = v.generation;
	found.slot = pk_name_find(&v, dns->name, NULL);
	if (!found.slot)
		return;
	s->count->names_found++;
	pk_images_hit(s->conf.images, found.slot);
	name_hit(s, &found, dns);
}

static void look_up_names(struct pk_stage *s, const struct pk_sample_event *e,
			  const uint8_t *frame)
{
	const struct pk_packet *p = &e->packet;
	struct pk_questions all;
	struct pk_dns dns;
	uint32_t n = 0;

	pk_questions_begin(&all, frame + p->payload_off,
			   pk_dns_bytes(p, e->caplen),
			   pk_dns_bytes(p, e->frame_len), pk_dns_is_tcp(p));
	for (; pk_questions_next(&all, &dns); n++)
		look_up_name(s, e, &dns);
	if (!n) {
		s->count->names_bad++;
		return;
	}
	s->count->names_looked_up++;
	s->count->names_more += n - 1;
	s->count->names_cut += all.cut;
}

static void give_name(struct pk_stage *s, const struct pk_sample_event *e,
		      const uint8_t *frame)
{
	const struct pk_packet *p = &e->packet;
	struct pk_dns dns;

	if (pk_dns_question(frame + p->payload_off, pk_dns_bytes(p, e->caplen),
			    pk_dns_is_tcp(p), &dns) != PK_DNS_OK) {
		s->count->names_bad++;
		return;
	}
	s->count->names_given++;
	name_hit(s, e, &dns);
}

static void take_dns(struct pk_stage *s, const struct pk_sample_event *e,
		     const uint8_t *frame)
{
	s->count->names_in++;
	if (e->why == PK_SAMPLE_NAME)
		give_name(s, e, frame);
	else
		look_up_names(s, e, frame);
}

static void take_sample(struct pk_stage *s, const struct pk_sample_event *e,
			const uint8_t *frame)
{
	s->count->samples_in++;
	if (e->why == PK_SAMPLE_FRAGMENT) {
		pk_reassembly_sample(s->reassembly, e);
		return;
	}
	take_dns(s, e, frame);
}

/* --- events in --------------------------------------------------------------- */

static int is_sound(const struct pk_event *e, uint32_t bytes)
{
	const struct pk_sample_event *sample = (const void *)e;

	if (bytes < sizeof(*e) || e->len != bytes ||
	    e->version != PK_ABI_VERSION)
		return 0;
	switch (e->type) {
	case PK_EVENT_HIT:
		return bytes == sizeof(struct pk_hit_event);
	case PK_EVENT_FLOW:
		return bytes == sizeof(struct pk_flow_event);
	case PK_EVENT_SAMPLE:
		return bytes >= sizeof(*sample) &&
		       bytes - sizeof(*sample) == sample->caplen;
	default:
		return 0;
	}
}

void pk_stage_event(struct pk_stage *s, const void *event, uint32_t bytes,
		    int64_t real_offset_ns)
{
	const struct pk_event *e = event;

	s->offset_ns = real_offset_ns;
	if (!is_sound(e, bytes)) {
		s->count->events_bad++;
		return;
	}
	if (e->type == PK_EVENT_HIT)
		take_hit(s, event);
	else if (e->type == PK_EVENT_FLOW)
		pk_flows_add(s->flows,
			     &((const struct pk_flow_event *)event)->line);
	else
		take_sample(s, event,
			    (const uint8_t *)event +
				    sizeof(struct pk_sample_event));
}

void pk_stage_close(struct pk_stage *s, uint32_t tick, int64_t real_offset_ns)
{
	uint64_t end_ns = pk_tick_start(tick) + (uint64_t)real_offset_ns;

	s->offset_ns = real_offset_ns;
	pk_reassembly_close(s->reassembly, tick);
	pk_flows_close(s->flows, tick);
	release(s, end_ns);
	mark(s, PK_RECORD_MARK, end_ns);
}

void pk_stage_drain(struct pk_stage *s)
{
	pk_reassembly_drain(s->reassembly);
	pk_flows_drain(s->flows);
	release(s, UINT64_MAX);
	if (s->conf.uplink.replay)
		mark(s, PK_RECORD_END, UINT64_MAX);
	else
		pk_ring_wake(s->conf.out);
}
