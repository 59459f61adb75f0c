/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/threat_evidence.h"

#include <string.h>

static uint64_t plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void set_hit(struct pk_threat_piece *p, const struct pk_hit *hit)
{
	p->key = hit->packet.key;
	p->at_ns = hit->head.seen_ns;
	if (!pk_hit_is_outer(hit)) /* the rest is of the packet inside */
		p->tcp_flags = hit->packet.tcp_flags;
}

static void set_flow(struct pk_threat_piece *p, const struct pk_flow *f)
{
	p->key = f->key;
	p->at_ns = f->end_ns < f->head.seen_ns ? f->end_ns : f->head.seen_ns;
	p->packets = plus(f->packets[0], f->packets[1]);
	p->bytes = plus(f->bytes[0], f->bytes[1]);
	p->tcp_flags = f->tcp_flags[0];
}

void pk_threat_evidence_add(struct pk_threat_evidence *e,
			    const struct pk_record *record)
{
	struct pk_threat_piece *p;

	if (e->pieces == PK_THREAT_PIECES)
		return;
	p = &e->piece[e->pieces++];
	p->record = (uint8_t)record->type;
	if (record->type == PK_RECORD_HIT)
		set_hit(p, (const struct pk_hit *)record);
	else
		set_flow(p, (const struct pk_flow *)record);
}

/* The place of @addr, or the one that it gets. */
static struct pk_threat_target *place_of(struct pk_threat_targets *t,
					 const union pk_addr *addr)
{
	struct pk_threat_target *least = t->target;

	for (uint32_t i = 0; i < t->used; i++) {
		struct pk_threat_target *it = &t->target[i];

		if (it->addr.q[0] == addr->q[0] && it->addr.q[1] == addr->q[1])
			return it;
		if (it->count < least->count)
			least = it;
	}
	if (t->used < PK_THREAT_TARGETS)
		least = &t->target[t->used++];
	least->addr = *addr;
	least->error = least->count;
	return least;
}

void pk_threat_targets_add(struct pk_threat_targets *t,
			   const union pk_addr *addr, uint64_t n)
{
	struct pk_threat_target *it = place_of(t, addr);

	it->count = plus(it->count, n);
}

/* Insert @it into the @n that are there, which are in order. */
static void insert(struct pk_threat_target *out, uint32_t n,
		   const struct pk_threat_target *it)
{
	while (n && out[n - 1].count < it->count) {
		out[n] = out[n - 1];
		n--;
	}
	out[n] = *it;
}

uint32_t pk_threat_targets_top(
	const struct pk_threat_targets *t,
	struct pk_threat_target out[PK_THREAT_TARGETS_TOLD], uint64_t *more)
{
	uint32_t n = 0;

	*more = t->rest;
	for (uint32_t i = 0; i < t->used; i++) {
		const struct pk_threat_target *it = &t->target[i];

		if (n < PK_THREAT_TARGETS_TOLD) {
			insert(out, n++, it);
		} else if (out[n - 1].count < it->count) {
			*more = plus(*more, out[n - 1].count);
			insert(out, n - 1, it);
		} else {
			*more = plus(*more, it->count);
		}
	}
	return n;
}
