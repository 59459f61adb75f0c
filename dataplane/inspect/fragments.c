/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/fragments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow.h"
#include "dataplane/inspect/fragments_inside.h"

enum {
	BLOCKS_MIN = 16,
	BLOCKS_MAX = 1 << 20,
	DATAGRAMS_MIN = 8,
	DATAGRAMS_MAX = 1 << 20,
	BLOCKS_DEFAULT = 24064,
	DATAGRAMS_DEFAULT = 8192,
};
#define SECOND 1000000000ULL

/* What a fragment is to those that are there. */
enum relation { FRESH, DUPLICATE, OVERLAP, CONTRADICTION };

/* --- what a fragment is to the others ---------------------------------------- */

static uint32_t end_of(const struct pk_piece *p)
{
	return (uint32_t)p->offset + p->len;
}

/* The next protocol is said by the header in front of the data. */
static int same_protocol(const struct pk_fragments *f, uint32_t index,
			 const struct pk_fragment *g)
{
	const struct pk_piece *p = &f->pieces.piece[index];

	if (g->offset || !pk_fragment_is_ip6(g))
		return 1;
	return pk_pieces_head_byte(&f->pieces, index, p->head_len - 8U) ==
	       g->head[g->head_len - 8];
}

/* One of the two says that the datagram ends where the other one goes on. */
static int ends_differ(const struct pk_piece *p, const struct pk_fragment *g)
{
	uint32_t end = g->offset + g->len;

	if (!g->more && !p->more)
		return end_of(p) != end;
	if (!g->more)
		return end_of(p) > end;
	return !p->more && end > end_of(p);
}

static enum relation compare(const struct pk_fragments *f, uint32_t index,
			     const struct pk_fragment *g)
{
	const struct pk_piece *p = &f->pieces.piece[index];

	if (ends_differ(p, g))
		return CONTRADICTION;
	if (end_of(p) <= g->offset || p->offset >= g->offset + g->len)
		return FRESH;
	if (!pk_pieces_agree(&f->pieces, index, g) ||
	    (!p->offset && !same_protocol(f, index, g)))
		return CONTRADICTION;
	if (p->offset == g->offset && p->len == g->len && p->more == g->more)
		return DUPLICATE;
	/* RFC 5722 knows no overlap that does not matter. */
	return pk_fragment_is_ip6(g) ? CONTRADICTION : OVERLAP;
}

/*
 * An exact copy of one is a copy, whatever the others say. What is elder is not
 * asked. A fragment behind all others, as most are, need not be compared.
 */
static enum relation relate(const struct pk_fragments *f,
			    const struct pk_held_datagram *d,
			    const struct pk_fragment *g)
{
	enum relation most = FRESH;

	if (!d->lasts && g->offset >= d->end)
		return FRESH;
	for (uint32_t i = d->piece; i != PK_NO_PIECE;
	     i = f->pieces.piece[i].next) {
		enum relation r;

		if (f->pieces.piece[i].elder)
			continue;
		r = compare(f, i, g);
		if (r == DUPLICATE)
			return r;
		if (r > most)
			most = r;
	}
	return most;
}

/* --- taking a fragment --------------------------------------------------------- */

static void insert(struct pk_fragments *f, struct pk_held_datagram *d,
		   uint32_t index)
{
	struct pk_piece *piece = f->pieces.piece, *p = &piece[index];
	uint32_t *at = &d->piece;

	if (d->tail != PK_NO_PIECE && piece[d->tail].offset <= p->offset)
		at = &piece[d->tail].next;
	while (*at != PK_NO_PIECE && piece[*at].offset <= p->offset)
		at = &piece[*at].next;
	p->next = *at;
	*at = index;
	if (p->next == PK_NO_PIECE)
		d->tail = index;
}

static void keep(struct pk_fragments *f, struct pk_held_datagram *d,
		 const struct pk_fragment *g)
{
	uint32_t need = pk_pieces_need(g), index = pk_pieces_put(&f->pieces, g);

	f->pieces.piece[index].seq = d->seq++;
	insert(f, d, index);
	d->pieces++;
	d->lasts += !g->more;
	d->blocks += need;
	if (g->offset + g->len > d->end)
		d->end = g->offset + g->len;
	pk_held_charge(f, d->source, (int32_t)need);
	f->count->frag_resident++;
}

static int has_first(const struct pk_fragments *f,
		     const struct pk_held_datagram *d)
{
	uint32_t i = d->piece;

	for (; i != PK_NO_PIECE; i = f->pieces.piece[i].next) {
		const struct pk_piece *p = &f->pieces.piece[i];

		if (p->offset)
			return 0;
		if (!p->elder)
			return 1;
	}
	return 0;
}

/* Another first fragment: perhaps another datagram. @d begins anew. */
static void begin_anew(struct pk_fragments *f, struct pk_held_datagram *d,
		       const struct pk_fragment *g)
{
	f->count->frag_expired += pk_held_drop(f, d, 1);
	if (d->pieces == PK_FRAGMENTS_EACH)
		f->count->frag_expired += pk_held_drop(f, d, 0);
	for (uint32_t p = d->piece; p != PK_NO_PIECE;
	     p = f->pieces.piece[p].next)
		f->pieces.piece[p].elder = 1;
	d->flags = d->pieces ? PK_DATAGRAM_ELDERS : 0;
	d->overlaps = 1;
	pk_held_renew(f, d, g->time_ns);
}

/*
 * If no byte is missing any more: emit it and forget it. Together with what is
 * elder it is emitted once, and first: then all first fragments are known.
 */
static void complete(struct pk_fragments *f, struct pk_held_datagram *d,
		     const struct pk_fragment *g)
{
	const uint8_t elders = PK_DATAGRAM_ELDERS, shown = PK_DATAGRAM_SHOWN;
	enum pk_joined joined = PK_JOIN_HOLE;
	uint32_t index = 0;

	if (!d->lasts)
		return;
	if ((d->flags & (elders | shown)) == elders)
		joined = pk_fragments_join(f, d, 1, g, &index);
	if (joined == PK_JOIN_DONE)
		d->flags |= shown;
	f->count->frag_datagrams += joined == PK_JOIN_DONE;
	joined = pk_fragments_join(f, d, 0, g, &index);
	if (joined == PK_JOIN_HOLE)
		return;
	f->count->frag_datagrams += joined == PK_JOIN_DONE;
	f->count->frag_expired += pk_held_drop(f, d, 1);
	pk_held_forget(f, d,
		       joined == PK_JOIN_DONE ? &f->count->frag_used
					      : &f->count->frag_oversize);
}

/* RFC 5722 4: all of it, and all that will come of it. */
static void drop(struct pk_fragments *f, struct pk_held_datagram *d)
{
	f->count->frag_dropped += pk_held_drop(f, d, 0) + 1;
	d->flags = PK_DATAGRAM_DROPPED;
}

/* 1 when @g may be kept with the others of @d. */
static int admit(struct pk_fragments *f, struct pk_held_datagram *d,
		 const struct pk_fragment *g)
{
	enum relation r = relate(f, d, g);

	if (r == DUPLICATE) {
		f->count->frag_duplicate++;
		return 0;
	}
	f->count->frag_overlap += r == CONTRADICTION;
	if (r == CONTRADICTION && pk_fragment_is_ip6(g)) {
		drop(f, d);
		return 0;
	}
	if (r == CONTRADICTION && !g->offset && has_first(f, d)) {
		begin_anew(f, d, g);
		return 1;
	}
	if (d->pieces == PK_FRAGMENTS_EACH ||
	    (r != FRESH && d->overlaps == PK_FRAGMENT_OVERLAPS)) {
		f->count->frag_quota++;
		return 0;
	}
	d->overlaps += r != FRESH;
	if (r == CONTRADICTION)
		d->flags |= PK_DATAGRAM_DISPUTED;
	return 1;
}

static void expire(struct pk_fragments *f, struct pk_ends *ages,
		   uint64_t before_ns)
{
	uint32_t i = ages->first;

	for (; i != PK_NONE && f->datagram[i].born_ns <= before_ns;
	     i = ages->first) {
		struct pk_held_datagram *d = &f->datagram[i];

		pk_held_forget(f, d,
			       d->flags & PK_DATAGRAM_SHOWN
				       ? &f->count->frag_used
				       : &f->count->frag_expired);
	}
}

static void expire_all(struct pk_fragments *f, uint64_t now_ns)
{
	const uint64_t ip4 = PK_FRAGMENT_IP4_SEC * SECOND;
	const uint64_t ip6 = PK_FRAGMENT_IP6_SEC * SECOND;

	if (now_ns >= ip4)
		expire(f, &f->age[0], now_ns - ip4);
	if (now_ns >= ip6)
		expire(f, &f->age[1], now_ns - ip6);
}

void pk_fragments_close(struct pk_fragments *f, uint32_t tick)
{
	if (tick <= f->tick)
		return;
	f->tick = tick;
	expire_all(f, pk_tick_start(tick));
}

void pk_fragments_add(struct pk_fragments *f, const struct pk_fragment *g)
{
	struct pk_held_datagram *d;

	pk_fragments_close(f, pk_tick(g->time_ns));
	f->count->frag_in++;
	d = pk_held_find(f, &g->key);
	if (d && d->flags & PK_DATAGRAM_DROPPED) {
		f->count->frag_dropped++;
		return;
	}
	if (d && !admit(f, d, g))
		return;
	if (!pk_held_make_room(f, d, g)) {
		f->count->frag_quota++;
		return;
	}
	if (!d)
		d = pk_held_create(f, g);
	keep(f, d, g);
	complete(f, d, g);
}

void pk_fragments_refuse(struct pk_fragments *f, int reason)
{
	struct pk_stage_counters *count = f->count;

	count->frag_in++;
	count->frag_cut += reason == PK_FRAGMENT_CUT;
	count->frag_length += reason == PK_FRAGMENT_LENGTH;
	count->frag_oversize += reason == PK_FRAGMENT_OVERSIZE;
}

void pk_fragments_drain(struct pk_fragments *f)
{
	expire_all(f, UINT64_MAX);
}

/* --- making one ------------------------------------------------------------------ */

static int conf_valid(const struct pk_fragments_conf *c)
{
	return c->blocks >= BLOCKS_MIN && c->blocks <= BLOCKS_MAX &&
	       c->datagrams >= DATAGRAMS_MIN && c->datagrams <= DATAGRAMS_MAX &&
	       !(c->datagrams & (c->datagrams - 1));
}

static int allocate(struct pk_fragments *f)
{
	uint32_t n = f->conf.datagrams;

	f->datagram = calloc(n, sizeof(*f->datagram));
	f->source = calloc(n, sizeof(*f->source));
	f->bucket = calloc(n, sizeof(*f->bucket));
	f->source_bucket = calloc(n, sizeof(*f->source_bucket));
	f->frame = calloc(1, PK_FRAME_BYTES);
	if (!f->datagram || !f->source || !f->bucket || !f->source_bucket ||
	    !f->frame)
		return -ENOMEM;
	return pk_pieces_init(&f->pieces, f->conf.blocks);
}

static void empty(struct pk_fragments *f)
{
	uint32_t n = f->conf.datagrams;

	memset(f->bucket, 0xff, n * sizeof(*f->bucket));
	memset(f->source_bucket, 0xff, n * sizeof(*f->source_bucket));
	memset(f->age, 0xff, sizeof(f->age));
	memset(f->class, 0xff, sizeof(f->class));
	for (uint32_t i = 0; i < n; i++)
		f->datagram[i].chain = f->source[i].chain =
			i + 1 < n ? i + 1 : PK_NONE;
}

int pk_fragments_new(struct pk_fragments **out,
		     const struct pk_fragments_conf *conf,
		     struct pk_stage_counters *stats)
{
	struct pk_fragments *f;

	if (!conf_valid(conf))
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->conf = *conf;
	f->count = stats;
	f->mask = conf->datagrams - 1;
	if (allocate(f)) {
		pk_fragments_free(f);
		return -ENOMEM;
	}
	empty(f);
	*out = f;
	return 0;
}

void pk_fragments_free(struct pk_fragments *f)
{
	if (!f)
		return;
	pk_pieces_fini(&f->pieces);
	free(f->datagram);
	free(f->source);
	free(f->bucket);
	free(f->source_bucket);
	free(f->frame);
	free(f);
}

void pk_fragments_on_emit(struct pk_fragments *f, pk_fragments_emit_fn *emit,
			  void *arg)
{
	f->emit = emit;
	f->arg = arg;
}

void pk_fragments_conf_default(struct pk_fragments_conf *conf)
{
	conf->blocks = BLOCKS_DEFAULT;
	conf->datagrams = DATAGRAMS_DEFAULT;
	conf->seed = 0;
}

uint64_t pk_fragments_bytes(const struct pk_fragments_conf *conf)
{
	uint64_t block = PK_BLOCK_BYTES + sizeof(struct pk_piece) + 4;
	uint64_t datagram = sizeof(struct pk_held_datagram) +
			    sizeof(struct pk_source) + 2 * 4;

	return conf->blocks * block + conf->datagrams * datagram +
	       sizeof(struct pk_fragments) + PK_FRAME_BYTES;
}
