/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/judge.h"

#include <string.h>

#include "bpf/dns.h"
#include "bpf/match.h"
#include "bpf/outer.h"
#include "bpf/parse.h"
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

/* @name: the question that was found, if it was one. */
static void found(const struct look *l, const struct pk_finding *f,
		  const uint8_t *name, uint16_t name_len)
{
	struct pk_hit h;

	if (!f->slot || !remember(l->j, f) || l->d->part != PK_DATAGRAM_WHOLE)
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

	for (uint32_t i = 0; i < n; i++) {
		const struct pk_flow_key *key = pair_at(l, i);
		int ports = pk_names_ports(key->proto);

		end[2 * i] =
			(struct pk_endpoint){ &key->src,
					      ports ? key->sport : PK_NO_PORT };
		end[2 * i + 1] =
			(struct pk_endpoint){ &key->dst,
					      ports ? key->dport : PK_NO_PORT };
	}
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

static void copy_folded(uint8_t *to, const uint8_t *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t upper = (uint8_t)(from[i] - 'A') < 26;

		to[i] = (uint8_t)(from[i] | upper << 5);
	}
}

static void look_at_question(const struct look *l)
{
	const struct pk_packet *p = &l->decode.packet;
	uint32_t prefix = pk_dns_prefix(p);
	const uint8_t *msg = l->d->frame + p->payload_off + prefix;
	struct pk_finding f = { .role = PK_ROLE_DNS_QUESTION,
				.depth = p->depth };
	uint8_t name[PK_NAME_WIRE + 1] = { 0 };
	struct pk_question q;

	if (!pk_is_dns(p) || pk_dns_payload(msg, pk_dns_bytes(p, l->d->len),
					    prefix, &q) != PK_DNS_OK)
		return;
	copy_folded(name, msg + PK_DNS_HEADER, q.name_len);
	f.slot = pk_name_find(&l->j->view, name, NULL);
	found(l, &f, name, q.name_len);
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
		look_at_question(&l);
	}
	return d->part == PK_DATAGRAM_WHOLE &&
	       l.decode.packet.layers & PK_IS_FRAGMENT;
}
