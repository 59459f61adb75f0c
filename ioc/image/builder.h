/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * builder: from keys to an image block (bpf/image.h, ioc/image/block.h).
 *
 * Tables are filled by two-choice buckets with bounded moves (load 0.90 for
 * IPv4, 0.86 for IPv6, 0.88 for 64-bit keys); a table that does not take its
 * keys is enlarged by 5 % and filled again, so bad luck costs time and never an
 * indicator. The filter has 14 bits a key while that fits 2 MiB (a core's
 * cache), and beyond it 2 MiB or 8 bits a key, whichever is more; the ancestors
 * of names count as keys. Prefixes: ioc/image/prefixes.h; one that is one host is put
 * among the addresses.
 *
 * An address whose ports are listed and which is listed itself comes as two
 * keys, in any order, and becomes one id. Two names (or values) with the same
 * 64-bit key, hostile or not, share the place of the first; head->collisions
 * counts the others.
 *
 * Memory: the block, or none when it is built in its place; 24 bytes a prefix,
 * and a second copy of the tries' lines while they are built. The source must not change during a call. Any thread.
 */
#ifndef PK_IOC_BUILDER_H
#define PK_IOC_BUILDER_H

#include <stdint.h>

#include "bpf/image.h"
#include "ioc/image/block.h"
#include "ioc/store/store.h"

enum {
	PK_DELTA_MAX = 65536,	  /* additions and tombstones in a delta */
	PK_DELTA_LINES = 1 << 17, /* lines of it: 8 MiB */
	PK_KEYS_BATCH = 256,	  /* keys that a source is asked for at once */
};

/* How many keys a source will yield of each table, more or less. */
struct pk_key_counts {
	uint64_t keys[PK_TABLE_KINDS];
	uint64_t ancestors;
};

/* Where keys come from. */
struct pk_key_source {
	/* As pk_store_base_keys(); called from cursor 0 more than once. */
	unsigned (*next)(const void *arg, uint32_t *cursor, struct pk_key *keys,
			 unsigned max);
	const void *arg;
	uint64_t seed;
	/* NULL: count them first. A wrong guess costs another walk. */
	const struct pk_key_counts *expected;
	const struct pk_block_place *place; /* NULL: memory of its own */
};

/*
 * Build a block of what @source yields. No keys give a valid block of the head
 * alone. 0, -ENOMEM, or -EFBIG when it passes 2^32 lines or a table that was
 * enlarged again and again still does not take its keys (which random seeds
 * never do), or the block does not fit its place; or what taking the place
 * returned; on failure *@out is untouched. The caller frees the block.
 */
int pk_builder_build(const struct pk_key_source *source, struct pk_block *out);

/* Build a base of all that lives, or lived at the freeze. As above. */
int pk_builder_base(const struct pk_store *s, struct pk_block *out);
int pk_builder_base_at(const struct pk_store *s,
		       const struct pk_block_place *place,
		       struct pk_block *out);

/*
 * Build a delta over the store's last base. As above, or -E2BIG for more than
 * PK_DELTA_MAX entries or PK_DELTA_LINES lines: build a base instead.
 */
int pk_builder_delta(const struct pk_store *s, struct pk_block *out);

/* An empty block: what a delta is right after its base. 0 or -ENOMEM. */
int pk_builder_empty(uint64_t seed, struct pk_block *out);

#endif /* PK_IOC_BUILDER_H */
