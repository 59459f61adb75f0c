/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "bpf/flow.h"
#include "dataplane/inspect/fragments_inside.h"

/* --- lists by age ---------------------------------------------------------- */

static struct pk_age *age_at(struct pk_fragments *f, uint32_t i)
{
	return &f->datagram[i].age;
}

static struct pk_age *of_source_at(struct pk_fragments *f, uint32_t i)
{
	return &f->datagram[i].of_source;
}

static struct pk_age *in_class_at(struct pk_fragments *f, uint32_t i)
{
	return &f->source[i].in_class;
}

typedef struct pk_age *age_fn(struct pk_fragments *f, uint32_t i);

static void append(struct pk_fragments *f, struct pk_ends *ends, uint32_t i,
		   age_fn *at)
{
	at(f, i)->older = ends->last;
	at(f, i)->newer = PK_NONE;
	if (ends->last != PK_NONE)
		at(f, ends->last)->newer = i;
	else
		ends->first = i;
	ends->last = i;
}

static void detach(struct pk_fragments *f, struct pk_ends *ends, uint32_t i,
		   age_fn *at)
{
	struct pk_age *a = at(f, i);

	if (a->older != PK_NONE)
		at(f, a->older)->newer = a->newer;
	else
		ends->first = a->newer;
	if (a->newer != PK_NONE)
		at(f, a->newer)->older = a->older;
	else
		ends->last = a->older;
}

static int is_done(const struct pk_held_datagram *d)
{
	return (d->is & PK_DATAGRAM_DONE) != 0;
}

static struct pk_ends *ages_of(struct pk_fragments *f,
			       const struct pk_held_datagram *d)
{
	return &f->age[is_done(d)][(d->key.direction & PK_FRAGMENT_IP6) != 0];
}

static struct pk_ends *helds_of(struct pk_fragments *f,
				const struct pk_held_datagram *d)
{
	return &f->source[d->source].held[is_done(d)];
}

/* --- sources --------------------------------------------------------------- */

/* An IPv6 sender may have 2^64 addresses. */
static union pk_addr source_of(const struct pk_flow_key *key)
{
	union pk_addr a = key->src;

	if (key->direction & PK_FRAGMENT_IP6)
		a.q[1] = 0;
	return a;
}

static uint32_t *source_bucket(struct pk_fragments *f, const union pk_addr *a)
{
	struct pk_flow_key key = { .src = *a };

	return &f->source_bucket[pk_flow_hash(f->conf.seed, &key) & f->mask];
}

static uint32_t find_source(struct pk_fragments *f, const union pk_addr *a)
{
	uint32_t i = *source_bucket(f, a);

	while (i != PK_NONE && (f->source[i].addr.q[0] != a->q[0] ||
				f->source[i].addr.q[1] != a->q[1]))
		i = f->source[i].chain;
	return i;
}

/* There is a free one: a source in use has a datagram at least. */
static uint32_t create_source(struct pk_fragments *f, const union pk_addr *a)
{
	uint32_t *bucket = source_bucket(f, a), i = f->free_source;
	struct pk_source *s = &f->source[i];

	f->free_source = s->chain;
	memset(s, 0, sizeof(*s));
	s->addr = *a;
	memset(s->held, 0xff, sizeof(s->held));
	s->chain = *bucket;
	*bucket = i;
	return i;
}

static void forget_source(struct pk_fragments *f, uint32_t i)
{
	uint32_t *at = source_bucket(f, &f->source[i].addr);

	while (*at != i)
		at = &f->source[*at].chain;
	*at = f->source[i].chain;
	f->source[i].chain = f->free_source;
	f->free_source = i;
}

/* 0 up to the fair share, then by powers of two of it. */
static uint32_t class_of(const struct pk_fragments *f,
			 const struct pk_source *s)
{
	uint32_t class = 0;

	for (uint32_t most = f->conf.blocks / PK_FRAGMENT_FAIR;
	     s->blocks > most && class < PK_SIZE_CLASSES - 1; most *= 2)
		class ++;
	return class;
}

/* @i takes @blocks more (or, below 0, fewer). */
void pk_held_charge(struct pk_fragments *f, uint32_t i, int32_t blocks)
{
	struct pk_source *s = &f->source[i];
	uint32_t class;

	s->blocks += (uint32_t)blocks;
	class = class_of(f, s);
	if (class == s->class)
		return;
	if (s->class)
		detach(f, &f->class[s->class], i, in_class_at);
	s->class = class;
	if (class)
		append(f, &f->class[class], i, in_class_at);
}

/* --- datagrams ------------------------------------------------------------- */

static uint32_t *bucket_of(struct pk_fragments *f,
			   const struct pk_flow_key *key)
{
	return &f->bucket[pk_flow_hash(f->conf.seed, key) & f->mask];
}

struct pk_held_datagram *pk_held_find(struct pk_fragments *f,
				      const struct pk_flow_key *key)
{
	uint32_t i = *bucket_of(f, key);

	while (i != PK_NONE && !pk_flow_same(&f->datagram[i].key, key))
		i = f->datagram[i].chain;
	return i != PK_NONE ? &f->datagram[i] : NULL;
}

/* There is a free one. */
struct pk_held_datagram *pk_held_create(struct pk_fragments *f,
					const struct pk_fragment *g)
{
	const union pk_addr a = source_of(&g->key);
	uint32_t *bucket = bucket_of(f, &g->key), i = f->free_datagram;
	struct pk_held_datagram *d = &f->datagram[i];

	f->free_datagram = d->chain;
	memset(d, 0, sizeof(*d));
	d->key = g->key;
	d->born_ns = f->now_ns;
	d->depth = g->depth;
	d->credit = PK_FRAGMENT_CREDIT;
	d->piece = d->tail = PK_NO_PIECE;
	d->chain = *bucket;
	*bucket = i;
	d->source = find_source(f, &a);
	if (d->source == PK_NONE)
		d->source = create_source(f, &a);
	f->source[d->source].datagrams++;
	append(f, helds_of(f, d), i, of_source_at);
	append(f, ages_of(f, d), i, age_at);
	return d;
}

/* A piece stays: what the datagram knows of all of them. */
static void count_piece(struct pk_held_datagram *d, const struct pk_piece *p)
{
	uint32_t end = (uint32_t)p->offset + p->len;

	d->lasts += !p->more;
	d->overlaps += (p->is & PK_PIECE_AGAINST) != 0;
	if (end > d->end)
		d->end = (uint16_t)end;
}

void pk_held_drop(struct pk_fragments *f, struct pk_held_datagram *d,
		  uint32_t seq, __u64 *end)
{
	uint32_t *at = &d->piece, blocks = 0, unused = 0;

	d->tail = PK_NO_PIECE;
	d->end = d->lasts = d->overlaps = 0;
	while (*at != PK_NO_PIECE) {
		struct pk_piece *p = &f->pieces.piece[*at];
		uint32_t index = *at;

		if (p->seq >= seq && !(p->is & PK_PIECE_GONE)) {
			count_piece(d, p);
			d->tail = index;
			at = &p->next;
			continue;
		}
		*at = p->next;
		unused += !(p->is & PK_PIECE_USED);
		blocks += pk_pieces_drop(&f->pieces, index);
		d->pieces--;
	}
	d->blocks -= blocks;
	pk_held_charge(f, d->source, -(int32_t)blocks);
	f->count->frag_resident -= unused;
	*end += unused;
}

void pk_held_forget(struct pk_fragments *f, struct pk_held_datagram *d,
		    __u64 *end)
{
	uint32_t i = (uint32_t)(d - f->datagram), *at = bucket_of(f, &d->key);
	struct pk_source *s = &f->source[d->source];

	if (!is_done(d))
		pk_fragments_join_run(f, d);
	pk_held_drop(f, d, PK_NONE, end);
	while (*at != i)
		at = &f->datagram[*at].chain;
	*at = d->chain;
	detach(f, ages_of(f, d), i, age_at);
	detach(f, helds_of(f, d), i, of_source_at);
	if (!--s->datagrams)
		forget_source(f, d->source);
	d->chain = f->free_datagram;
	f->free_datagram = i;
}

void pk_held_renew(struct pk_fragments *f, struct pk_held_datagram *d,
		   uint8_t is)
{
	uint32_t i = (uint32_t)(d - f->datagram);

	detach(f, ages_of(f, d), i, age_at);
	detach(f, helds_of(f, d), i, of_source_at);
	d->is = is;
	d->born_ns = f->now_ns;
	append(f, ages_of(f, d), i, age_at);
	append(f, helds_of(f, d), i, of_source_at);
}

/* --- making room ------------------------------------------------------------ */

/* The oldest of the list that is not @but. */
static uint32_t oldest(struct pk_fragments *f, const struct pk_ends *ends,
		       uint32_t but, age_fn *at)
{
	uint32_t i = ends->first;

	return i == but && i != PK_NONE ? at(f, i)->newer : i;
}

/* What is done was judged: it goes before what waits. */
static uint32_t oldest_of_source(struct pk_fragments *f, uint32_t s,
				 uint32_t but)
{
	const struct pk_ends *held = f->source[s].held;
	uint32_t i = oldest(f, &held[1], but, of_source_at);

	return i != PK_NONE ? i : oldest(f, &held[0], but, of_source_at);
}

/* Of the biggest source that has more than its share. */
static uint32_t oldest_of_big(struct pk_fragments *f, uint32_t but)
{
	for (uint32_t class = PK_SIZE_CLASSES - 1; class; class --) {
		uint32_t s = f->class[class].first, i;

		for (; s != PK_NONE; s = f->source[s].in_class.newer) {
			i = oldest_of_source(f, s, but);
			if (i != PK_NONE)
				return i;
		}
	}
	return PK_NONE;
}

static uint32_t oldest_of_both(struct pk_fragments *f,
			       const struct pk_ends *ages, uint32_t but)
{
	uint32_t a = oldest(f, &ages[0], but, age_at);
	uint32_t b = oldest(f, &ages[1], but, age_at);

	if (a == PK_NONE || b == PK_NONE)
		return a == PK_NONE ? b : a;
	return f->datagram[a].born_ns <= f->datagram[b].born_ns ? a : b;
}

/* Who goes when there is no room at all. */
static uint32_t victim(struct pk_fragments *f, uint32_t but)
{
	uint32_t i = oldest_of_big(f, but);

	if (i == PK_NONE)
		i = oldest_of_both(f, f->age[1], but);
	return i != PK_NONE ? i : oldest_of_both(f, f->age[0], but);
}

static void evict(struct pk_fragments *f, uint32_t i)
{
	f->count->frag_forgotten += is_done(&f->datagram[i]);
	pk_held_forget(f, &f->datagram[i], &f->count->frag_evicted);
}

/* Its own oldest, until @g's source may take @need blocks more. 0: it may not. */
static int within_quota(struct pk_fragments *f, const struct pk_fragment *g,
			uint32_t need, uint32_t but)
{
	const union pk_addr a = source_of(&g->key);
	uint32_t blocks = f->conf.blocks / PK_FRAGMENT_SHARE;
	uint32_t datagrams = f->conf.datagrams / PK_FRAGMENT_SHARE;

	for (;;) {
		uint32_t s = find_source(f, &a), i;
		struct pk_source *src;

		if (s == PK_NONE)
			return need <= blocks;
		src = &f->source[s];
		if (src->blocks + need <= blocks &&
		    src->datagrams + (but == PK_NONE) <= datagrams)
			return 1;
		i = oldest_of_source(f, s, but);
		if (i == PK_NONE)
			return 0;
		evict(f, i);
	}
}

/* Room for @g in @d, or in a new one if there is none. 0: there is none. */
int pk_held_make_room(struct pk_fragments *f, const struct pk_held_datagram *d,
		      const struct pk_fragment *g)
{
	uint32_t but = d ? (uint32_t)(d - f->datagram) : PK_NONE;
	uint32_t need = pk_pieces_need(g);

	if (!within_quota(f, g, need, but))
		return 0;
	while (f->pieces.spare < need || (!d && f->free_datagram == PK_NONE)) {
		uint32_t i = victim(f, but);

		if (i == PK_NONE)
			return 0;
		evict(f, i);
	}
	return 1;
}
