/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_inside: what the three files of the store share, and nobody else.
 *
 * store.c adds, withdraws and answers; store_index.c finds a value; and
 * store_settle.c is the side towards the images.
 */
#ifndef PK_IOC_STORE_INSIDE_H
#define PK_IOC_STORE_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "ioc/builder.h"
#include "ioc/origin.h"
#include "ioc/store.h"

enum state { FREE, LIVE, DEAD, GONE };

/* Bits of item.flags; the low two are enum state. */
enum { STATE = 3, IN_BASE = 4, CHANGED = 8, SUBDOMAINS = 16 };

enum {
	ADDR6_BYTES = 16,
	/* More changes than this are found again by a walk over all slots. */
	CHANGES_MAX = 4 * PK_DELTA_MAX,
};

struct item {
	uint32_t value; /* IPv4 in network order, or where in bytes[] */
	uint32_t refs;	/* further feeds, 0: none; FREE: the next free slot */
	uint16_t origin;
	uint8_t type;
	uint8_t flags;
};
_Static_assert(sizeof(struct item) == 12, "item");

/* One more feed of a value. */
struct ref {
	uint64_t id;
	uint32_t next;
	uint16_t origin;
};

/*
 * place[] is the index: open addressing with linear probing, an entry is the
 * slot and on top of it 8 bits of the hash; 0 is free. bytes[] holds IPv6
 * addresses (16 bytes) and names (length byte, wire form), one behind another.
 */
struct pk_store {
	uint64_t seed;
	struct pk_origins *origins;
	struct item *item; /* [0] is not used */
	uint64_t *id;	   /* NULL while no indicator has one */
	uint32_t items, items_room, ids_room, free_slot;
	uint32_t *place;
	uint32_t places, placed;
	uint8_t *bytes;
	uint64_t bytes_used, bytes_room, bytes_dead;
	struct ref *ref; /* [0] is not used */
	uint32_t refs, refs_room, free_ref;
	uint32_t *change;
	uint32_t changes, changes_room;
	bool changes_lost; /* there were more than CHANGES_MAX */
	struct pk_store_stats stats;
};

/* A value to look for. */
struct value {
	uint64_t hash;
	const uint8_t *bytes;
	uint32_t v4;
	unsigned len; /* of bytes; 0 for IPv4 */
	uint8_t type;
	uint8_t subdomains;
};

/* False for a type that is not stored yet. */
bool pk_store_value(const struct pk_store *s, const struct pk_indicator *ind,
		    struct value *v);

/* The slot that holds @v, live or dead; 0 when there is none. */
uint32_t pk_store_seek(const struct pk_store *s, const struct value *v);

/* Make an empty index; make room for one entry more. 0 or -ENOMEM. */
int pk_store_index_new(struct pk_store *s);
int pk_store_make_place(struct pk_store *s);

/* Put a slot in (there is room), or take it out. */
void pk_store_place(struct pk_store *s, uint64_t hash, uint32_t slot);
void pk_store_unplace(struct pk_store *s, uint32_t slot);

static inline enum state state_of(const struct item *it)
{
	return (enum state)(it->flags & STATE);
}

static inline void set_state(struct item *it, enum state state)
{
	it->flags = (uint8_t)((it->flags & ~STATE) | state);
}

static inline bool is_live(const struct pk_store *s, uint32_t slot)
{
	return slot && slot < s->items && state_of(&s->item[slot]) == LIVE;
}

/* A stored name in wire form, and its length. */
static inline const uint8_t *name_of(const struct pk_store *s,
				     const struct item *it)
{
	return s->bytes + it->value + 1;
}

static inline unsigned name_len(const struct pk_store *s, const struct item *it)
{
	return s->bytes[it->value];
}

#endif /* PK_IOC_STORE_INSIDE_H */
