/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/flow_sum.h"

#include <string.h>

#include "bpf/flow.h"
#include "bpf/parse.h"

enum {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_ACK = 16,
	TCP_CONTROL = 63, /* without ECE and CWR: RFC 3168 6.1.1 sets them */
};

int pk_flow_sum_side(const struct pk_flow_key *in, struct pk_flow_key *shared)
{
	int cmp = memcmp(&in->src, &in->dst, sizeof(in->src));

	*shared = *in;
	shared->direction = 0;
	if (cmp < 0 || (cmp == 0 && in->sport <= in->dport))
		return 0;
	shared->src = in->dst;
	shared->dst = in->src;
	shared->sport = in->dport;
	shared->dport = in->sport;
	return 1;
}

void pk_flow_sum_next(struct pk_flow_sum *s)
{
	memset(s->half, 0, sizeof(s->half));
	s->half[0].first = PK_FLOW_NEVER;
	s->half[1].first = PK_FLOW_NEVER;
	s->end = 0;
	s->tcp_flags[0] = 0;
	s->tcp_flags[1] = 0;
}

void pk_flow_sum_begin(struct pk_flow_sum *s, const struct pk_flow_key *shared)
{
	s->key = *shared;
	s->last = 0;
	s->seen = 0;
	s->initiator = PK_FLOW_UNDECIDED;
	pk_flow_sum_next(s);
}

static void count_first(struct pk_flow_sum *s, int side, uint64_t first,
			uint8_t direction)
{
	struct pk_flow_half *h = &s->half[side];

	/* At equal times the lower one, so that no order of lines matters. */
	if (first < h->first ||
	    (first == h->first && direction < s->direction[side]))
		s->direction[side] = direction;
	if (first < h->first)
		h->first = first;
}

void pk_flow_sum_add(struct pk_flow_sum *s, int side,
		     const struct pk_flow_line *line)
{
	uint64_t base = pk_tick_start(line->tick);
	struct pk_flow_half *h = &s->half[side];

	count_first(s, side, base + line->first, line->key.direction);
	if (base + line->last > s->last)
		s->last = base + line->last;
	if (base + line->last > s->end)
		s->end = base + line->last;
	h->packets += line->packets;
	h->bytes += line->bytes;
	if (line->roles & PK_HIT_SRC)
		h->listed += line->packets;
	if (line->roles & PK_HIT_DST)
		s->half[!side].listed += line->packets;
	s->tcp_flags[side] |= line->tcp_flags;
	s->seen |= line->tcp_flags;
}

static int sent_syn(const struct pk_flow_sum *s, int side)
{
	return (s->tcp_flags[side] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

void pk_flow_sum_decide(struct pk_flow_sum *s)
{
	uint64_t a = s->half[0].first, b = s->half[1].first;

	if (s->initiator != PK_FLOW_UNDECIDED)
		return;
	if (a != b)
		s->initiator = b < a;
	else
		s->initiator = sent_syn(s, 1) && !sent_syn(s, 0);
}

static int is_closed(const struct pk_flow_sum *s)
{
	return s->key.proto == PK_PROTO_TCP && s->seen & (TCP_FIN | TCP_RST);
}

static int is_syn_only(const struct pk_flow_sum *s)
{
	return s->key.proto == PK_PROTO_TCP &&
	       (s->seen & TCP_CONTROL) == TCP_SYN;
}

uint64_t pk_flow_sum_due_ns(const struct pk_flow_sum *s,
			    const struct pk_flow_conf *conf)
{
	uint64_t start = pk_flow_sum_start(s), quiet = conf->idle_ns;

	if (is_syn_only(s) && conf->syn_ns < quiet)
		quiet = conf->syn_ns;
	if (is_closed(s) && conf->closed_ns < quiet)
		quiet = conf->closed_ns;
	if (start != PK_FLOW_NEVER && start + conf->active_ns < s->last + quiet)
		return start + conf->active_ns;
	return s->last + quiet;
}

enum pk_flow_end pk_flow_sum_end(const struct pk_flow_sum *s,
				 const struct pk_flow_conf *conf,
				 uint64_t now_ns)
{
	if (is_closed(s) && s->last + conf->closed_ns <= now_ns)
		return PK_FLOW_END_CLOSED;
	if (is_syn_only(s) && s->last + conf->syn_ns <= now_ns)
		return PK_FLOW_END_SYN;
	if (s->last + conf->idle_ns <= now_ns)
		return PK_FLOW_END_IDLE;
	return PK_FLOW_END_ACTIVE;
}

void pk_flow_sum_key(const struct pk_flow_sum *s, struct pk_flow_key *out)
{
	*out = s->key;
	if (s->initiator == 1) {
		out->src = s->key.dst;
		out->dst = s->key.src;
		out->sport = s->key.dport;
		out->dport = s->key.sport;
	}
	out->direction = s->direction[s->initiator];
}

void pk_flow_sum_record(const struct pk_flow_sum *s, struct pk_flow *out)
{
	memset(out, 0, sizeof(*out));
	pk_flow_sum_key(s, &out->key);
	out->head.direction = out->key.direction;
	out->head.port = out->key.port;
	out->start_ns = pk_flow_sum_start(s);
	out->end_ns = s->end;
	for (int i = 0; i < 2; i++) {
		int side = s->initiator ^ i;

		out->packets[i] = s->half[side].packets;
		out->bytes[i] = s->half[side].bytes;
		out->listed[i] = s->half[side].listed;
		out->tcp_flags[i] = s->tcp_flags[side];
	}
}
