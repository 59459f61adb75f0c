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
#define DRAIN  UINT64_MAX

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
 * An exact copy of one is a copy, whatever the others say. Which pieces are
 * contradicted is noted. A fragment behind all others, as most are, need not be
 * compared.
 */
static enum relation relate(struct pk_fragments *f,
			    const struct pk_held_datagram *d,
			    const struct pk_fragment *g)
{
	enum relation most = FRESH;

	f->contradictions = 0;
	if (!d->lasts && g->offset >= d->end)
		return FRESH;
	for (uint32_t i = d->piece; i != PK_NO_PIECE;
	     i = f->pieces.piece[i].next) {
		struct pk_piece *p = &f->pieces.piece[i];
		enum relation r = compare(f, i, g);

		if (r == DUPLICATE) {
			p->ttl = p->ttl > g->ttl ? p->ttl : g->ttl;
			return r;
		}
		if (r == CONTRADICTION)
			f->contradicted[f->contradictions++] = i;
		if (r > most)
			most = r;
	}
	return most;
}

/* What agrees with @g comes from as near, as far as it is known. */
static void lift(struct pk_piece *p, const struct pk_fragment *g)
{
	int inside = p->offset >= g->offset && end_of(p) <= g->offset + g->len;

	if (g->ttl > p->ttl && (inside || !(p->is & PK_PIECE_DISPUTED)))
		p->ttl = g->ttl;
}

/*
 * Cut @g, which contradicts nobody, to the bytes from the first to the last
 * that nobody has. 0: there are none. Who is the first to name the end keeps as
 * many as say it.
 */
static int cut(struct pk_fragments *f, const struct pk_held_datagram *d,
	       struct pk_fragment *g)
{
	uint32_t end = g->offset + g->len, low = g->offset, high = end;
	uint32_t from = 0, to = 0; /* no byte between them is missing */

	for (uint32_t i = d->piece; i != PK_NO_PIECE;
	     i = f->pieces.piece[i].next) {
		struct pk_piece *p = &f->pieces.piece[i];

		if (end_of(p) <= g->offset || p->offset >= end)
			continue;
		lift(p, g);
		from = p->offset > to ? p->offset : from;
		to = end_of(p) > to ? end_of(p) : to;
		if (from <= g->offset)
			low = to < end ? to : end;
	}
	if (!g->more && !d->lasts)
		low = low < end ? low : (end - 1) & ~7U;
	else if (to >= end)
		high = from > low ? from : low;
	g->more |= high < end;
	g->data += low - g->offset;
	g->offset = low;
	g->len = high - low;
	return g->len > 0;
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

/* Those that lie in piece @index, which agrees with them, are copies of it. */
static void absorb(struct pk_fragments *f, struct pk_held_datagram *d,
		   uint32_t index)
{
	struct pk_piece *piece = f->pieces.piece, *g = &piece[index];

	for (uint32_t i = d->piece; i != PK_NO_PIECE; i = piece[i].next) {
		struct pk_piece *p = &piece[i];

		if (p == g || p->is & PK_PIECE_DISPUTED ||
		    p->offset < g->offset || end_of(p) > end_of(g))
			continue;
		p->is |= PK_PIECE_GONE;
		g->ttl = p->ttl > g->ttl ? p->ttl : g->ttl;
	}
	pk_held_drop(f, d, 0, &f->count->frag_duplicate);
}

static void earn(struct pk_held_datagram *d, const struct pk_fragment *g)
{
	d->credit += PK_FRAGMENT_EARNS * (g->len + PK_FRAGMENT_HEADERS);
	if (d->credit > PK_FRAGMENT_CREDIT)
		d->credit = PK_FRAGMENT_CREDIT;
}

static void keep(struct pk_fragments *f, struct pk_held_datagram *d,
		 const struct pk_fragment *g, enum relation r)
{
	uint32_t need = pk_pieces_need(g), index = pk_pieces_put(&f->pieces, g);
	struct pk_piece *p = &f->pieces.piece[index];

	p->seq = d->seq++;
	p->is = r == CONTRADICTION ? PK_PIECE_AGAINST | PK_PIECE_DISPUTED : 0;
	for (uint32_t i = 0; r == CONTRADICTION && i < f->contradictions; i++)
		f->pieces.piece[f->contradicted[i]].is |= PK_PIECE_DISPUTED;
	insert(f, d, index);
	d->pieces++;
	d->lasts += !g->more;
	d->overlaps += r == CONTRADICTION;
	d->blocks += need;
	d->frame = g->frame;
	earn(d, g);
	if (g->offset + g->len > d->end)
		d->end = (uint16_t)(g->offset + g->len);
	pk_held_charge(f, d->source, (int32_t)need);
	f->count->frag_resident++;
	if (r == OVERLAP)
		absorb(f, d, index);
}

/*
 * If no byte is missing any more, emit it. It stays, because what completed it
 * may never reach the receiver, who then waits for another.
 */
static void complete(struct pk_fragments *f, struct pk_held_datagram *d,
		     const struct pk_fragment *g)
{
	enum pk_joined joined;

	if (!d->lasts)
		return;
	joined = pk_fragments_join(f, d, g);
	if (joined == PK_JOIN_OVERSIZE)
		d->is |= PK_DATAGRAM_OVERSIZE;
	if (joined != PK_JOIN_DONE)
		return;
	f->count->frag_datagrams++;
	for (uint32_t i = d->piece; i != PK_NO_PIECE;
	     i = f->pieces.piece[i].next) {
		struct pk_piece *p = &f->pieces.piece[i];
		int fresh = !(p->is & PK_PIECE_USED);

		p->is |= PK_PIECE_USED;
		f->count->frag_used += fresh;
		f->count->frag_resident -= fresh;
	}
	pk_held_renew(f, d, PK_DATAGRAM_DONE);
}

/*
 * RFC 5722 4: all of it, and all that will come of it. Its receiver may never
 * have got what overlaps, so the rest is judged now, with it and without.
 */
static void drop(struct pk_fragments *f, struct pk_held_datagram *d,
		 const struct pk_fragment *g)
{
	if (d->pieces < PK_FRAGMENTS_EACH && pk_held_make_room(f, d, g))
		keep(f, d, g, CONTRADICTION);
	else
		f->count->frag_dropped++;
	if (pk_fragments_join(f, d, g) != PK_JOIN_DONE)
		pk_fragments_join_run(f, d);
	pk_held_drop(f, d, PK_NONE, &f->count->frag_dropped);
	pk_held_renew(f, d, PK_DATAGRAM_DROPPED);
}

static int is_full(const struct pk_held_datagram *d, enum relation r)
{
	return d->pieces == PK_FRAGMENTS_EACH ||
	       (r == CONTRADICTION && d->overlaps == PK_FRAGMENT_OVERLAPS);
}

/* The number of the second first fragment: PK_NONE if there is none. */
static uint32_t second_first(const struct pk_fragments *f,
			     const struct pk_held_datagram *d)
{
	const struct pk_piece *piece = f->pieces.piece;
	uint32_t i = d->piece;

	if (i != PK_NO_PIECE && !piece[i].offset)
		i = piece[i].next;
	return i != PK_NO_PIECE && !piece[i].offset ? piece[i].seq : PK_NONE;
}

/*
 * The oldest piece that came against others: of first ones if @first, else of
 * those that are none, as long as there are any.
 */
static uint32_t oldest_against(const struct pk_fragments *f,
			       const struct pk_held_datagram *d, int first)
{
	const struct pk_piece *piece = f->pieces.piece;
	uint64_t least = UINT64_MAX;
	uint32_t best = PK_NONE;

	for (uint32_t i = d->piece; i != PK_NO_PIECE; i = piece[i].next) {
		uint64_t other = (piece[i].offset == 0) != first;
		uint64_t rank = other << 32 | piece[i].seq;

		if (!(piece[i].is & PK_PIECE_AGAINST) || rank >= least)
			continue;
		least = rank;
		best = i;
	}
	return best;
}

/* For judging it once more; the bytes that came paid for the first times. */
static int pay(struct pk_held_datagram *d)
{
	uint32_t cost = PK_JOIN_COPIES * d->end;

	if (d->credit < cost)
		return 0;
	d->credit -= cost;
	return 1;
}

/*
 * Make way for @g, which contradicts. Who goes was judged with all the others,
 * or is now. 0: nobody goes.
 */
static int displace(struct pk_fragments *f, struct pk_held_datagram *d,
		    const struct pk_fragment *g)
{
	uint32_t before = d->pieces, i = oldest_against(f, d, !g->offset);
	int done = (d->is & PK_DATAGRAM_DONE) != 0;
	uint32_t seq = 0;

	if ((g->offset && !done) || !pay(d))
		return 0;
	if (i == PK_NONE && g->offset)
		i = f->contradicted[0];
	if (g->offset || d->overlaps == PK_FRAGMENT_OVERLAPS) {
		if (!done)
			pk_fragments_join_raised(f, d, i);
		f->pieces.piece[i].is |= PK_PIECE_GONE;
	} else {
		if (!done)
			pk_fragments_join_run(f, d);
		seq = second_first(f, d);
	}
	pk_held_drop(f, d, seq, &f->count->frag_quota);
	f->count->frag_displaced += before - d->pieces;
	pk_held_renew(f, d, 0);
	return 1;
}

/*
 * 1 when @g may be kept with the others of @d; *@r is what it is to them, and
 * it is cut to what they have not.
 */
static int admit(struct pk_fragments *f, struct pk_held_datagram *d,
		 struct pk_fragment *g, enum relation *r)
{
	*r = relate(f, d, g);
	f->count->frag_overlap += *r == CONTRADICTION;
	if (*r == CONTRADICTION && pk_fragment_is_ip6(g)) {
		drop(f, d, g);
		return 0;
	}
	while (*r == CONTRADICTION && is_full(d, *r) && displace(f, d, g))
		*r = relate(f, d, g);
	if (*r == DUPLICATE || (*r == OVERLAP && !cut(f, d, g))) {
		f->count->frag_duplicate++;
		return 0;
	}
	if (is_full(d, *r)) {
		f->count->frag_quota++;
		return 0;
	}
	if (*r == CONTRADICTION)
		pk_held_renew(f, d, d->is);
	return 1;
}

/* The end of the tick in which it expires, whenever that is found out. */
static uint64_t due(const struct pk_held_datagram *d, uint64_t life_ns)
{
	return pk_tick_start(pk_tick(d->born_ns + life_ns - 1) + 1) - 1;
}

static void expire(struct pk_fragments *f, struct pk_ends *ages,
		   uint64_t life_ns, uint64_t now_ns)
{
	uint32_t i = ages->first;

	for (; i != PK_NONE && f->datagram[i].born_ns + life_ns <= now_ns;
	     i = ages->first) {
		struct pk_held_datagram *d = &f->datagram[i];

		if (now_ns != DRAIN)
			f->gone_ns = due(d, life_ns);
		pk_held_forget(f, d,
			       d->is & PK_DATAGRAM_OVERSIZE
				       ? &f->count->frag_oversize
				       : &f->count->frag_expired);
	}
}

static void expire_all(struct pk_fragments *f, uint64_t now_ns)
{
	for (int done = 0; done < 2; done++) {
		expire(f, &f->age[done][0], PK_FRAGMENT_IP4_SEC * SECOND,
		       now_ns);
		expire(f, &f->age[done][1], PK_FRAGMENT_IP6_SEC * SECOND,
		       now_ns);
	}
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
	struct pk_fragment part = *g;
	struct pk_held_datagram *d;
	enum relation r = FRESH;

	pk_fragments_close(f, pk_tick(g->time_ns));
	if (g->time_ns > f->now_ns)
		f->now_ns = g->time_ns;
	f->gone_ns = f->now_ns;
	f->count->frag_in++;
	d = pk_held_find(f, &g->key);
	if (d && d->is & PK_DATAGRAM_DROPPED) {
		f->count->frag_dropped++;
		return;
	}
	if (d && !admit(f, d, &part, &r))
		return;
	if (!pk_held_make_room(f, d, &part)) {
		f->count->frag_quota++;
		return;
	}
	if (!d)
		d = pk_held_create(f, &part);
	keep(f, d, &part, r);
	complete(f, d, &part);
}

void pk_fragments_refuse(struct pk_fragments *f, int reason)
{
	struct pk_stage_counters *count = f->count;

	count->frag_in++;
	count->frag_cut += reason == PK_FRAGMENT_CUT;
	count->frag_long += reason == PK_FRAGMENT_LONG;
	count->frag_checksum += reason == PK_FRAGMENT_CHECKSUM;
	count->frag_length += reason == PK_FRAGMENT_LENGTH;
	count->frag_oversize += reason == PK_FRAGMENT_OVERSIZE;
}

void pk_fragments_drain(struct pk_fragments *f)
{
	f->gone_ns = pk_tick_start(f->tick);
	if (f->now_ns > f->gone_ns)
		f->gone_ns = f->now_ns;
	expire_all(f, DRAIN);
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
	f->saved = calloc(1, PK_DATAGRAM_MAX);
	if (!f->datagram || !f->source || !f->bucket || !f->source_bucket ||
	    !f->frame || !f->saved)
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
	free(f->saved);
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
	       sizeof(struct pk_fragments) + PK_FRAME_BYTES + PK_DATAGRAM_MAX;
}
