/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/judge.h"

#include <string.h>

#include "bpf/flow.h"
#include "bpf/outer.h"
#include "bpf/parse.h"
#include "dataplane/inspect/dns.h"
#include "ioc/image/lookup.h"

enum { ENDS = 2 * (PK_OUTERS + 1) };

/* A datagram, or a fragment of it, decoded. */
struct look {
	struct pk_judge *j;
	const struct pk_datagram *d;
	struct pk_decode decode;
};

/* 1 if it is new. When there is no room to remember it, it is. */
static int remember(struct pk_judge *j, const struct pk_finding *f)
{
	for (uint32_t i = 0; i < j->known; i++)
		if (!memcmp(&j->finding[i], f, sizeof(*f)))
			return 0;
	if (j->known < PK_JUDGE_KNOWN)
		j->finding[j->known++] = *f;
	return 1;
}

/* The pair that the packet is of at @depth, counted within the datagram. */
static const struct pk_flow_key *pair_at(const struct look *l, uint32_t depth)
{
	return depth < l->decode.packet.depth ? &l->decode.outer[depth]
					      : &l->decode.packet.key;
}

static void fill(const struct look *l, const struct pk_finding *f,
		 struct pk_hit *h)
{
	const struct pk_fragment *last = l->d->last;

	h->head.seen_ns = last->time_ns;
	h->head.frame = last->frame;
	h->head.direction = last->key.direction & ~PK_FRAGMENT_IP6;
	h->head.port = last->key.port;
	h->generation = l->j->view.generation;
	h->slot = f->slot;
	h->role = f->role;
	h->depth = (uint8_t)(last->depth + f->depth);
	h->packet = l->decode.packet;
	if (f->depth < l->decode.packet.depth)
		pk_outer_packet(&h->packet, &l->decode, f->depth);
	h->packet.key.direction = h->head.direction;
	h->packet.key.port = h->head.port;
	h->packet.depth = (uint8_t)(last->depth + l->decode.packet.depth);
}

/* A collision tells something twice; nothing is hidden. */
static int is_news(const struct look *l, const struct pk_finding *f)
{
	const struct pk_fragment *last = l->d->last;
	uint64_t hash = pk_flow_hash(l->j->seed, &last->key);
	uint64_t subject = pk_outer_subject(hash, f->slot, f->role, f->depth);
	__u64 tag = pk_outer_tag(subject, l->j->view.generation,
				 pk_tick(last->time_ns));

	return pk_outer_is_new(&l->j->told[pk_outer_place(subject)], tag);
}

/* @name: the question that was found, if it was one. */
static void found(const struct look *l, const struct pk_finding *f,
		  const uint8_t *name, uint16_t name_len)
{
	struct pk_hit h;

	if (!f->slot || !remember(l->j, f) || l->d->part == PK_DATAGRAM_FIRST ||
	    !is_news(l, f))
		return;
	memset(&h, 0, sizeof(h));
	fill(l, f, &h);
	h.text_len = name_len;
	if (name_len)
		memcpy(h.text, name, name_len);
	l->j->hit(l->j->arg, &h);
}

/* --- addresses ----------------------------------------------------------------- */

static void look_at_pairs(const struct look *l)
{
	uint32_t n = l->decode.packet.depth + 1U, slot[ENDS];
	struct pk_endpoint end[ENDS];

	for (uint32_t i = 0; i < n; i++)
		pk_endpoints_of(&end[2 * i], pair_at(l, i));
	pk_lookup_endpoints(&l->j->view, end, 2 * n, slot);
	for (uint32_t i = 0; i < 2 * n; i++) {
		struct pk_finding f = { .slot = slot[i],
					.role = i & 1 ? PK_ROLE_DESTINATION
						      : PK_ROLE_SOURCE,
					.depth = (uint8_t)(i / 2) };

		found(l, &f, NULL, 0);
	}
}

/* --- questions ------------------------------------------------------------------ */

static void look_at_questions(const struct look *l)
{
	const struct pk_packet *p = &l->decode.packet;
	struct pk_finding f = { .role = PK_ROLE_DNS_QUESTION,
				.depth = p->depth };
	uint32_t len = pk_dns_bytes(p, l->d->len);
	struct pk_questions all;
	struct pk_dns dns;

	if (!pk_is_dns(p))
		return;
	pk_questions_begin(&all, l->d->frame + p->payload_off, len, len,
			   pk_dns_is_tcp(p));
	while (pk_questions_next(&all, &dns)) {
		f.slot = pk_name_find(&l->j->view, dns.name, NULL);
		found(l, &f, dns.name, dns.name_len);
	}
}

int pk_judge_datagram(struct pk_judge *j, const struct pk_datagram *d)
{
	struct look l = { .j = j, .d = d };

	pk_parse(d->frame, d->frame + d->len, d->len, &l.decode);
	if (j->images) {
		if (!d->index) {
			pk_images_view(j->images, &j->view);
			j->known = 0;
		}
		if (l.decode.packet.layers & PK_HAS_IP)
			look_at_pairs(&l);
		look_at_questions(&l);
	}
	return d->part == PK_DATAGRAM_WHOLE &&
	       l.decode.packet.layers & PK_IS_FRAGMENT;
}
