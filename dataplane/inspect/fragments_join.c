/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "bpf/parse.h"
#include "dataplane/inspect/fragments_inside.h"

/* Who wins where pieces disagree. Without a dispute all give the same. */
enum variant { LATER, BEFORE, FIRST, LAST, VARIANTS };

enum { IP6_HEAD = 40, FRAGMENT_HEAD = 8 };

/* A datagram on its way out. */
struct join {
	struct pk_fragments *f;
	const struct pk_held_datagram *d;
	const struct pk_fragment *g;
	uint32_t *index;
	const struct pk_rank *order; /* the winners last */
	uint32_t pieces;
	uint32_t reach; /* no byte before it is missing */
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

static void emit(const struct join *j, uint32_t len, uint8_t part)
{
	const struct pk_datagram out = {
		.last = j->g,
		.frame = j->f->frame,
		.len = len,
		.index = (*j->index)++,
		.part = part,
	};

	if (j->f->emit)
		j->f->emit(j->f->arg, &out);
}

/* --- headers ---------------------------------------------------------------- */

static void put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static uint8_t *begin_frame(const struct join *j)
{
	uint8_t *eth = j->f->frame;

	memset(eth, 0, PK_ETH_BYTES);
	put16(eth + 12, is_ip6(j) ? PK_ETH_IPV6 : PK_ETH_IPV4);
	return eth + PK_ETH_BYTES;
}

/* The length field of a packet of @head_len + @len bytes. */
static void put_length(const struct join *j, uint8_t *ip, uint32_t head_len,
		       uint32_t len)
{
	if (is_ip6(j))
		put16(ip + 4, head_len - IP6_HEAD + len);
	else
		put16(ip + 2, head_len + len);
}

/* Bytes of headers that the whole datagram has. */
static uint32_t whole_head(const struct join *j, const struct pk_piece *first)
{
	return first->head_len - (is_ip6(j) ? FRAGMENT_HEAD : 0);
}

/* The headers of first piece @index, as if there had been no fragments. */
static uint32_t put_whole_head(const struct join *j, uint32_t index,
			       uint32_t len)
{
	const struct pk_piece *first = &j->f->pieces.piece[index];
	uint32_t head_len = whole_head(j, first);
	uint8_t *ip = begin_frame(j);

	pk_pieces_head(&j->f->pieces, index, ip);
	if (is_ip6(j))
		ip[first->next_at] = ip[head_len];
	else
		put16(ip + 6, 0);
	put_length(j, ip, head_len, len);
	return PK_ETH_BYTES + head_len;
}

/* --- the pieces alone -------------------------------------------------------- */

static void emit_first(const struct join *j, uint32_t index)
{
	const struct pk_piece *p = &j->f->pieces.piece[index];
	uint8_t *ip = begin_frame(j);

	pk_pieces_head(&j->f->pieces, index, ip);
	pk_pieces_data(&j->f->pieces, index, ip + p->head_len);
	put_length(j, ip, p->head_len, p->len);
	emit(j, PK_ETH_BYTES + p->head_len + p->len, PK_DATAGRAM_FIRST);
}

static void emit_firsts(const struct join *j)
{
	for (uint32_t i = 0; i < j->pieces && !piece_at(j, i)->offset; i++)
		emit_first(j, j->order[i].index);
}

/* --- all together -------------------------------------------------------------- */

/* Pieces are painted in rising order of this: the last one wins. */
static uint64_t rank(const struct pk_piece *p, enum variant v)
{
	uint64_t place = (uint64_t)p->offset << 32 | p->seq;

	switch (v) {
	case FIRST:
		return ~(uint64_t)p->seq;
	case LAST:
		return p->seq;
	case BEFORE:
		return ~place;
	default:
		return place;
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

/* The end that the winner of those who name one names; 0 if it has a hole. */
static uint32_t end_by(const struct join *j, enum variant v)
{
	uint32_t end = 0;

	for (uint32_t i = 0; i < j->pieces; i++) {
		const struct pk_piece *p = piece_at(j, i);

		if (p->more)
			continue;
		if (!end || v == FIRST || v == LAST ||
		    (v == BEFORE) == (end_of(p) < end))
			end = end_of(p);
	}
	return end <= j->reach ? end : 0;
}

static uint32_t winning_first(const struct join *j)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < j->pieces; i++)
		if (!piece_at(j, i)->offset)
			at = i;
	return j->order[at].index;
}

/* 1 if it was emitted, 0 if it has a hole, -1 if it is too long. */
static int emit_variant(struct join *j, enum variant v)
{
	struct pk_fragments *f = j->f;
	uint32_t end, first, at;

	sort(j, v);
	end = end_by(j, v);
	if (!end)
		return 0;
	first = winning_first(j);
	if (whole_head(j, &f->pieces.piece[first]) + end -
		    (is_ip6(j) ? IP6_HEAD : 0) >
	    PK_DATAGRAM_MAX)
		return -1;
	at = put_whole_head(j, first, end);
	for (uint32_t i = 0; i < j->pieces; i++)
		if (piece_at(j, i)->offset < end)
			pk_pieces_data(&f->pieces, j->order[i].index,
				       f->frame + at + piece_at(j, i)->offset);
	emit(j, at + end, PK_DATAGRAM_WHOLE);
	return 1;
}

/* --- is a byte missing? ---------------------------------------------------------- */

/* Collect the pieces, by offset. Returns 0 when there is a hole. */
static int collect(struct join *j, int elders)
{
	struct pk_fragments *f = j->f;
	uint32_t index = j->d->piece, end = UINT32_MAX;

	for (; index != PK_NO_PIECE; index = f->pieces.piece[index].next) {
		const struct pk_piece *p = &f->pieces.piece[index];

		if (p->elder && !elders)
			continue;
		if (p->offset <= j->reach && end_of(p) > j->reach)
			j->reach = end_of(p);
		if (!p->more && end_of(p) < end)
			end = end_of(p);
		f->order[j->pieces++].index = index;
	}
	j->order = f->order;
	return end <= j->reach;
}

enum pk_joined pk_fragments_join(struct pk_fragments *f,
				 const struct pk_held_datagram *d, int elders,
				 const struct pk_fragment *g, uint32_t *index)
{
	int disputed = elders || d->flags & PK_DATAGRAM_DISPUTED;
	struct join j = { .f = f, .d = d, .g = g, .index = index };
	int emitted = 0, oversize = 0;

	if (!collect(&j, elders))
		return PK_JOIN_HOLE;
	emit_firsts(&j);
	for (enum variant v = 0; v < (disputed ? VARIANTS : 1); v++) {
		int done = emit_variant(&j, v);

		emitted |= done > 0;
		oversize |= done < 0;
	}
	return emitted || !oversize ? PK_JOIN_DONE : PK_JOIN_OVERSIZE;
}
