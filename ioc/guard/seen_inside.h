/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seen_inside: what seen.c and seen_view.c share. Nobody else includes it.
 */
#ifndef PK_IOC_SEEN_INSIDE_H
#define PK_IOC_SEEN_INSIDE_H

#include "ioc/guard/seen.h"

/*
 * An address: its 16 bytes. A name: its hash, and where its wire form lies in
 * the texts (place << 8 | length).
 */
struct pk_seen_entry {
	uint64_t key[2];
	uint32_t count;
	uint32_t last;
};

struct pk_seen_generation {
	struct pk_seen_entry *all;
	uint32_t *index; /* place + 1, open addressing; twice the entries */
	uint8_t *texts;	 /* names only */
	uint32_t count;
	uint32_t texts_len;
	uint32_t begun;
};

struct pk_seen_table {
	struct pk_seen_generation now, before;
	uint32_t room;	     /* entries of a generation */
	uint32_t mask;	     /* of its index */
	uint32_t texts_room; /* 0: addresses */
	uint64_t turns;
};

struct pk_seen {
	struct pk_seen_table addrs, names;
	uint64_t seed;
	uint32_t span_sec;
	uint32_t clock; /* the newest time */
};

#endif /* PK_IOC_SEEN_INSIDE_H */
