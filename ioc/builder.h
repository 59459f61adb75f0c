/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * builder: from the store to an image block (bpf/image.h).
 *
 * A block is immutable, position-independent and checksummed (XXH3, 64 bits,
 * of the other lines, seeded with that of the head with checksum 0). Tables
 * are filled by two-choice buckets with bounded moves (load 0.90 for IPv4, 0.86
 * for IPv6, 0.88 for names); a table that does not take its keys is enlarged by
 * 5 % and filled again, so bad luck costs time and never an indicator. The
 * filter has 14 bits an indicator while that fits 2 MiB (a core's cache), and
 * beyond it 2 MiB or 8 bits an indicator, whichever is more.
 *
 * Two names with the same 64-bit key (hostile or not) share the place of the
 * first; pk_block.collisions counts the others. The store must not change
 * during a call. Any thread.
 */
#ifndef PK_IOC_BUILDER_H
#define PK_IOC_BUILDER_H

#include <stdint.h>

#include "bpf/image.h"
#include "ioc/store.h"

enum { PK_DELTA_MAX = 65536 }; /* additions and tombstones in a delta */

struct pk_block {
	struct pk_line *lines; /* page-aligned, owned */
	uint32_t count;
	uint32_t collisions;		  /* names left out, see above */
	const struct pk_image_head *head; /* line 0 */
};

/*
 * Build a base of all that lives. An empty store gives a valid block of one
 * line with 0 items. 0, -ENOMEM, or -EFBIG when it passes 2^32 lines; on
 * failure *@out is untouched. The caller frees the block.
 */
int pk_builder_base(const struct pk_store *s, struct pk_block *out);

/*
 * Build a delta over the store's last base. As above, or -E2BIG for more than
 * PK_DELTA_MAX entries: build a base instead.
 */
int pk_builder_delta(const struct pk_store *s, struct pk_block *out);

/* An empty block: what a delta is right after its base. 0 or -ENOMEM. */
int pk_builder_empty(uint64_t seed, struct pk_block *out);

void pk_block_free(struct pk_block *b); /* a zeroed block is a no-op */

/*
 * Is this a sound block of at most @count lines? 0, -EBADMSG: magic, a table
 * out of range, or the checksum. Look-ups in a sound block stay inside it.
 */
int pk_block_check(const struct pk_line *lines, uint64_t count);

#endif /* PK_IOC_BUILDER_H */
