/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pieces: the bytes of fragments, kept in blocks.
 *
 * A piece is a fragment without its name: where it lies in its datagram, and
 * its bytes (of a first fragment, its headers too) in a chain of blocks. It has
 * the number of its first block, so there is one for each block at most. The
 * lists of pieces belong to whoever holds them.
 *
 * Memory is fixed at creation. One thread.
 */
#ifndef PK_DATAPLANE_INSPECT_PIECES_H
#define PK_DATAPLANE_INSPECT_PIECES_H

#include <stdint.h>

#include "dataplane/inspect/fragment.h"

enum { PK_BLOCK_BYTES = 256 };

#define PK_NO_PIECE UINT32_MAX

/* Bits of pk_piece.is. */
enum {
	PK_PIECE_USED = 1,     /* was in a datagram put together */
	PK_PIECE_AGAINST = 2,  /* contradicted others when it came */
	PK_PIECE_DISPUTED = 4, /* it did, or was contradicted */
	PK_PIECE_GONE = 8,     /* about to be dropped */
};

struct pk_piece {
	uint32_t next; /* of its datagram, by offset, then by seq */
	uint32_t seq;  /* when it came, among its datagram's */
	uint16_t offset;
	uint16_t len;
	uint16_t head_len; /* 0 if offset is not 0 */
	uint16_t next_at;
	uint8_t more;
	uint8_t ttl; /* the highest of those that agree with it */
	uint8_t is;  /* PK_PIECE_*: the holder's */
	uint8_t pad;
};
_Static_assert(sizeof(struct pk_piece) == 20, "pk_piece");

struct pk_pieces {
	struct pk_piece *piece;
	uint32_t *link; /* the next block of a chain, or of the free ones */
	uint8_t *bytes;
	uint32_t free;	/* the first of them */
	uint32_t spare; /* how many */
	uint32_t blocks;
};

/* Room for @blocks blocks. 0 or -ENOMEM. */
int pk_pieces_init(struct pk_pieces *s, uint32_t blocks);
void pk_pieces_fini(struct pk_pieces *s); /* also of a zeroed one */

/* The blocks that a fragment takes. */
uint32_t pk_pieces_need(const struct pk_fragment *g);

/* Keep a fragment; there is room. What is the holder's is not set. */
uint32_t pk_pieces_put(struct pk_pieces *s, const struct pk_fragment *g);

/* Free the piece's blocks; their number is returned. */
uint32_t pk_pieces_drop(struct pk_pieces *s, uint32_t index);

/* Copy the first @n bytes of its headers; all its data. */
void pk_pieces_head(const struct pk_pieces *s, uint32_t index, uint8_t *to,
		    uint32_t n);
void pk_pieces_data(const struct pk_pieces *s, uint32_t index, uint8_t *to);

/* Has it the same bytes as @g where both lie? */
int pk_pieces_agree(const struct pk_pieces *s, uint32_t index,
		    const struct pk_fragment *g);

/* Byte @at of its headers. */
uint8_t pk_pieces_head_byte(const struct pk_pieces *s, uint32_t index,
			    uint32_t at);

#endif /* PK_DATAPLANE_INSPECT_PIECES_H */
