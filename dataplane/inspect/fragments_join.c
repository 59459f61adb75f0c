/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "bpf/parse.h"
#include "dataplane/inspect/fragments_inside.h"

/* Who wins where pieces disagree. Without a dispute all give the same. */
enum variant {
	LAST,
	FIRST, /* LAST turned round */
	AFTER,
	BEFORE,	    /* AFTER turned round */
	NEAR_LAST,  /* the highest TTL: what never arrives has a low one */
	NEAR_FIRST, /* the same; the first of several */
	VARIANTS
};

enum { IP6_HEAD = 40, FRAGMENT_HEAD = 8 };

/* A datagram on its way out. */
struct join {
	struct pk_fragments *f;
	const struct pk_held_datagram *d;
	const struct pk_fragment *g;
	struct pk_rank *order; /* the winners last */
	uint32_t pieces;
	uint32_t reach; /* no byte before it is missing */
	uint32_t index; /* of what is emitted next */
	uint8_t part;	/* enum pk_datagram_part, of all but first fragments */
	uint8_t disputed;
	uint8_t ttls;	 /* they differ; else the last two rules say nothing */
	uint32_t raised; /* the piece that wins over all; PK_NO_PIECE */
};

/* What is emitted at a time: first ones, by each rule, raised ones twice. */
_Static_assert(1 + PK_FRAGMENT_OVERLAPS + VARIANTS + 2 * PK_FRAGMENT_OVERLAPS <=
		       PK_FRAGMENT_EMITS,
	       "PK_FRAGMENT_EMITS");
_Static_assert((int)VARIANTS == (int)PK_JOIN_COPIES, "PK_JOIN_COPIES");

/* Who wins in front and at the end. */
struct outcome {
	uint32_t first; /* whose headers */
	uint32_t end;	/* 0: nobody names one */
};

static const struct pk_piece *piece_at(const struct join *j, uint32_t i)
{
	return &j->f->pieces.piece[j->order[i].index];
}

static uint32_t end_of(const struct pk_piece *p)
{
	return (uint32_t)p->offset + p->len;
}

static int is_ip6(const struct join *j)
{
	return j->d->key.direction & PK_FRAGMENT_IP6;
}

/* --- frames ------------------------------------------------------------------ */

static void put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static uint8_t *data_of(const struct join *j)
{
	return j->f->frame + PK_JOIN_DATA_AT;
}

/* Bytes of the headers of first piece @p: whole datagrams are no fragments. */
static uint32_t head_of(const struct join *j, const struct pk_piece *p,
			uint8_t part)
{
	int less = is_ip6(j) && part == PK_DATAGRAM_WHOLE;

	return p->head_len - (less ? FRAGMENT_HEAD : 0);
}

/* What the length field counts besides the data. */
static uint32_t counted(const struct join *j, uint32_t head_len)
{
	return head_len - (is_ip6(j) ? IP6_HEAD : 0);
}

/* Put the headers of first piece @index in front of @len bytes of data. */
static uint8_t *put_head(const struct join *j, uint32_t index, uint32_t len,
			 uint8_t part)
{
	const struct pk_piece *p = &j->f->pieces.piece[index];
	uint32_t head_len = head_of(j, p, part);
	uint8_t *ip = data_of(j) - head_len, *eth = ip - PK_ETH_BYTES;

	memset(eth, 0, PK_ETH_BYTES);
	put16(eth + 12, is_ip6(j) ? PK_ETH_IPV6 : PK_ETH_IPV4);
	pk_pieces_head(&j->f->pieces, index, ip, head_len);
	put16(ip + (is_ip6(j) ? 4 : 2), counted(j, head_len) + len);
	if (part != PK_DATAGRAM_WHOLE)
		return eth;
	if (is_ip6(j))
		ip[p->next_at] =
			pk_pieces_head_byte(&j->f->pieces, index, head_len);
	else
		put16(ip + 6, 0);
	return eth;
}

static void emit(struct join *j, uint32_t index, uint32_t len, uint8_t part)
{
	const uint8_t *frame = put_head(j, index, len, part);
	const struct pk_datagram out = {
		.last = j->g,
		.frame = frame,
		.len = (uint32_t)(data_of(j) - frame) + len,
		.index = j->index++,
		.part = part,
	};

	if (j->f->emit)
		j->f->emit(j->f->arg, &out);
}

static void paint(const struct join *j, uint32_t index)
{
	pk_pieces_data(&j->f->pieces, index,
		       data_of(j) + j->f->pieces.piece[index].offset);
}

/* Those whose headers may be in front. */
static void emit_firsts(struct join *j)
{
	int alone = j->raised != PK_NO_PIECE &&
		    !j->f->pieces.piece[j->raised].offset;

	for (uint32_t i = 0; i < j->pieces && !piece_at(j, i)->offset; i++) {
		if (alone && j->order[i].index != j->raised)
			continue;
		paint(j, j->order[i].index);
		emit(j, j->order[i].index, piece_at(j, i)->len,
		     PK_DATAGRAM_FIRST);
	}
}

/* --- who wins ------------------------------------------------------------------ */

/* Pieces are painted in rising order of this: the last one wins. */
static uint64_t rank(const struct pk_piece *p, enum variant v)
{
	uint64_t ttl = (uint64_t)p->ttl << 32;

	switch (v) {
	case NEAR_LAST:
		return ttl | p->seq;
	case NEAR_FIRST:
		return ttl | (UINT32_MAX - p->seq);
	default:
		return p->seq;
	}
}

/* Ranks differ: no two pieces of a datagram came together. */
static int never(const void *arg, uint32_t a, uint32_t b)
{
	(void)arg;
	(void)a;
	(void)b;
	return 0;
}

static void sort(struct join *j, enum variant v)
{
	const struct pk_rank_tie tie = { never, NULL };
	struct pk_fragments *f = j->f;

	/* The order at hand may lie in either array: begin from the first. */
	if (j->order != f->order)
		memcpy(f->order, f->scratch, j->pieces * sizeof(*f->order));
	for (uint32_t i = 0; i < j->pieces; i++)
		f->order[i].value =
			rank(&f->pieces.piece[f->order[i].index], v);
	j->order = pk_rank_sort(f->order, f->scratch, j->pieces, &tie);
}

/* The pieces as they are listed: by offset, then by when they came. */
static void gather(struct join *j)
{
	struct pk_fragments *f = j->f;

	j->pieces = 0;
	j->order = f->order;
	for (uint32_t i = j->d->piece; i != PK_NO_PIECE;
	     i = f->pieces.piece[i].next)
		f->order[j->pieces++].index = i;
}

static void reverse(struct join *j)
{
	for (uint32_t a = 0, b = j->pieces; a + 1 < b; a++) {
		struct pk_rank kept = j->order[a];

		j->order[a] = j->order[--b];
		j->order[b] = kept;
	}
}

/* Two rules are two others turned round: sorting takes the most time. */
static void arrange(struct join *j, enum variant v)
{
	switch (v) {
	case AFTER:
		gather(j);
		break;
	case FIRST:
	case BEFORE:
		reverse(j);
		break;
	default:
		sort(j, v);
	}
}

static struct outcome outcome_of(const struct join *j, enum variant v)
{
	struct outcome o = { j->order[0].index, 0 };

	for (uint32_t i = 0; i < j->pieces; i++) {
		const struct pk_piece *p = piece_at(j, i);

		if (!p->offset)
			o.first = j->order[i].index;
		if (p->more)
			continue;
		if (!o.end || (v != BEFORE && v != AFTER) ||
		    (v == BEFORE) == (end_of(p) < o.end))
			o.end = end_of(p);
	}
	return o;
}

/* --- all together -------------------------------------------------------------- */

/* 1 if it was emitted, 0 if it has a hole, -1 if it is too long. */
static int emit_outcome(struct join *j, const struct outcome *o)
{
	const struct pk_piece *first = &j->f->pieces.piece[o->first];
	uint32_t most =
		PK_DATAGRAM_MAX - counted(j, head_of(j, first, j->part));
	uint32_t end = o->end;

	if (j->part == PK_DATAGRAM_RUN)
		end = j->reach < most ? j->reach : most;
	if (!end || end > j->reach)
		return 0;
	if (end > most)
		return -1;
	emit(j, o->first, end, j->part);
	return 1;
}

/*
 * Of any number of copies any one may be the true one: each that came against
 * others wins once over all of them, then gives back what it covered. Those that
 * were used did so then, and those that it came against win by other rules.
 */
static void emit_raised(struct join *j, const struct outcome *base)
{
	for (uint32_t i = 0; i < j->pieces; i++) {
		const struct pk_piece *p = piece_at(j, i);
		struct outcome o = *base;

		if ((p->is & (PK_PIECE_AGAINST | PK_PIECE_USED)) !=
		    PK_PIECE_AGAINST)
			continue;
		memcpy(j->f->saved, data_of(j) + p->offset, p->len);
		paint(j, j->order[i].index);
		if (!p->offset)
			o.first = j->order[i].index;
		if (!p->more)
			o.end = end_of(p);
		emit_outcome(j, &o);
		memcpy(data_of(j) + p->offset, j->f->saved, p->len);
	}
}

/* Of a run: the end is where the hole is. */
static void raise_one(const struct join *j, struct outcome *o)
{
	paint(j, j->raised);
	if (!j->f->pieces.piece[j->raised].offset)
		o->first = j->raised;
}

static int emit_variant(struct join *j, enum variant v)
{
	struct outcome o;
	int done;

	if (j->disputed)
		arrange(j, v);
	for (uint32_t i = 0; i < j->pieces; i++)
		paint(j, j->order[i].index);
	o = outcome_of(j, v);
	if (j->raised != PK_NO_PIECE)
		raise_one(j, &o);
	done = emit_outcome(j, &o);
	if (j->disputed && j->raised == PK_NO_PIECE && v <= FIRST)
		emit_raised(j, &o);
	return done;
}

static enum pk_joined emit_all(struct join *j)
{
	enum variant variants = j->ttls ? VARIANTS : NEAR_LAST;
	int emitted = 0, oversize = 0;

	if (!j->disputed)
		variants = FIRST;
	emit_firsts(j);
	for (enum variant v = 0; v < variants; v++) {
		int done = emit_variant(j, v);

		emitted |= done > 0;
		oversize |= done < 0;
	}
	return emitted || !oversize ? PK_JOIN_DONE : PK_JOIN_OVERSIZE;
}

/* --- is a byte missing? ---------------------------------------------------------- */

/* Collect the pieces, by offset. The lowest end that one names is returned. */
static uint32_t collect(struct join *j)
{
	struct pk_fragments *f = j->f;
	uint32_t index = j->d->piece, end = UINT32_MAX;

	for (; index != PK_NO_PIECE; index = f->pieces.piece[index].next) {
		const struct pk_piece *p = &f->pieces.piece[index];

		if (p->offset <= j->reach && end_of(p) > j->reach)
			j->reach = end_of(p);
		if (!p->more && end_of(p) < end)
			end = end_of(p);
		j->disputed |= (p->is & PK_PIECE_DISPUTED) != 0;
		j->ttls |= p->ttl != f->pieces.piece[j->d->piece].ttl;
	}
	gather(j);
	return end;
}

enum pk_joined pk_fragments_join(struct pk_fragments *f,
				 const struct pk_held_datagram *d,
				 const struct pk_fragment *g)
{
	struct join j = { .f = f,
			  .d = d,
			  .g = g,
			  .part = PK_DATAGRAM_WHOLE,
			  .raised = PK_NO_PIECE };

	return collect(&j) <= j.reach ? emit_all(&j) : PK_JOIN_HOLE;
}

static void join_run(struct pk_fragments *f, const struct pk_held_datagram *d,
		     uint32_t raised)
{
	const struct pk_fragment g = {
		.key = d->key,
		.time_ns = f->gone_ns,
		.frame = d->frame,
		.depth = d->depth,
	};
	struct join j = { .f = f,
			  .d = d,
			  .g = &g,
			  .part = PK_DATAGRAM_RUN,
			  .raised = raised };

	if (d->pieces < 2)
		return;
	collect(&j);
	if (!j.reach || (j.reach == piece_at(&j, 0)->len && !j.disputed))
		return;
	if (raised != PK_NO_PIECE && f->pieces.piece[raised].offset >= j.reach)
		return;
	f->count->frag_runs++;
	emit_all(&j);
}

void pk_fragments_join_run(struct pk_fragments *f,
			   const struct pk_held_datagram *d)
{
	join_run(f, d, PK_NO_PIECE);
}

void pk_fragments_join_raised(struct pk_fragments *f,
			      const struct pk_held_datagram *d, uint32_t index)
{
	join_run(f, d, index);
}
