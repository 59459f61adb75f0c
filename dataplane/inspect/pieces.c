/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The bytes of a chain, one after the other. */
struct walk {
	const struct pk_pieces *s;
	uint32_t block;
	uint32_t at; /* in the block */
};

int pk_pieces_init(struct pk_pieces *s, uint32_t blocks)
{
	s->piece = calloc(blocks, sizeof(*s->piece));
	s->link = calloc(blocks, sizeof(*s->link));
	s->bytes = calloc(blocks, PK_BLOCK_BYTES);
	if (!s->piece || !s->link || !s->bytes) {
		pk_pieces_fini(s);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < blocks; i++)
		s->link[i] = i + 1 < blocks ? i + 1 : PK_NO_PIECE;
	s->free = 0;
	s->spare = s->blocks = blocks;
	return 0;
}

void pk_pieces_fini(struct pk_pieces *s)
{
	free(s->piece);
	free(s->link);
	free(s->bytes);
	memset(s, 0, sizeof(*s));
}

static uint32_t head_of(const struct pk_fragment *g)
{
	return g->offset ? 0 : g->head_len;
}

uint32_t pk_pieces_need(const struct pk_fragment *g)
{
	return (head_of(g) + g->len + PK_BLOCK_BYTES - 1) / PK_BLOCK_BYTES;
}

/* --- in ------------------------------------------------------------------- */

static uint32_t take(struct pk_pieces *s)
{
	uint32_t block = s->free;

	s->free = s->link[block];
	s->link[block] = PK_NO_PIECE;
	s->spare--;
	return block;
}

/* Append to the chain that ends in block *@last, *@at bytes of which are used. */
static void append(struct pk_pieces *s, struct walk *end, const uint8_t *from,
		   uint32_t n)
{
	while (n) {
		uint32_t part = PK_BLOCK_BYTES - end->at;

		if (!part) {
			s->link[end->block] = take(s);
			end->block = s->link[end->block];
			end->at = 0;
			continue;
		}
		if (part > n)
			part = n;
		memcpy(s->bytes + (size_t)end->block * PK_BLOCK_BYTES + end->at,
		       from, part);
		end->at += part;
		from += part;
		n -= part;
	}
}

uint32_t pk_pieces_put(struct pk_pieces *s, const struct pk_fragment *g)
{
	uint32_t index = take(s);
	struct walk end = { s, index, 0 };

	append(s, &end, g->head, head_of(g));
	append(s, &end, g->data, g->len);
	s->piece[index] = (struct pk_piece){
		.next = PK_NO_PIECE,
		.offset = (uint16_t)g->offset,
		.len = (uint16_t)g->len,
		.head_len = (uint16_t)head_of(g),
		.next_at = g->next_at,
		.more = g->more,
		.ttl = g->ttl,
	};
	return index;
}

uint32_t pk_pieces_drop(struct pk_pieces *s, uint32_t index)
{
	uint32_t last = index, n = 1;

	for (; s->link[last] != PK_NO_PIECE; last = s->link[last])
		n++;
	s->link[last] = s->free;
	s->free = index;
	s->spare += n;
	return n;
}

/* --- out ------------------------------------------------------------------ */

static struct walk begin(const struct pk_pieces *s, uint32_t index,
			 uint32_t skip)
{
	struct walk w = { s, index, 0 };

	for (; skip >= PK_BLOCK_BYTES; skip -= PK_BLOCK_BYTES)
		w.block = s->link[w.block];
	w.at = skip;
	return w;
}

/* The next bytes that lie together, at most @most of them; *@n how many. */
static const uint8_t *step(struct walk *w, uint32_t most, uint32_t *n)
{
	const uint8_t *at;

	if (w->at == PK_BLOCK_BYTES) {
		w->block = w->s->link[w->block];
		w->at = 0;
	}
	at = w->s->bytes + (size_t)w->block * PK_BLOCK_BYTES + w->at;
	*n = PK_BLOCK_BYTES - w->at;
	if (*n > most)
		*n = most;
	w->at += *n;
	return at;
}

static void copy(struct walk *w, uint8_t *to, uint32_t len)
{
	uint32_t n;

	for (; len; len -= n, to += n) {
		const uint8_t *from = step(w, len, &n);

		memcpy(to, from, n);
	}
}

void pk_pieces_head(const struct pk_pieces *s, uint32_t index, uint8_t *to,
		    uint32_t n)
{
	struct walk w = begin(s, index, 0);

	copy(&w, to, n);
}

void pk_pieces_data(const struct pk_pieces *s, uint32_t index, uint8_t *to)
{
	struct walk w = begin(s, index, s->piece[index].head_len);

	copy(&w, to, s->piece[index].len);
}

int pk_pieces_agree(const struct pk_pieces *s, uint32_t index,
		    const struct pk_fragment *g)
{
	const struct pk_piece *p = &s->piece[index];
	uint32_t start = g->offset > p->offset ? g->offset : p->offset;
	uint32_t end = g->offset + g->len, n;
	const uint8_t *with = g->data + (start - g->offset);
	struct walk w;

	if (end > (uint32_t)p->offset + p->len)
		end = (uint32_t)p->offset + p->len;
	if (end <= start)
		return 1;
	w = begin(s, index, p->head_len + (start - p->offset));
	for (; start < end; start += n, with += n) {
		const uint8_t *at = step(&w, end - start, &n);

		if (memcmp(at, with, n))
			return 0;
	}
	return 1;
}

uint8_t pk_pieces_head_byte(const struct pk_pieces *s, uint32_t index,
			    uint32_t at)
{
	struct walk w = begin(s, index, at);
	uint32_t n;

	return *step(&w, 1, &n);
}
