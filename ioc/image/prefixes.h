/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prefixes: from a list of prefixes to the range trie of bpf/match.h.
 *
 * Prefixes may nest and overlap as they like; the trie's leaves know the
 * longest one. Its lines name each other by their number in the trie, so they
 * may be copied anywhere. Adding is O(n log n); a trie of n prefixes has about
 * n / 5 lines when they are dense and a line each when they are not.
 *
 * A prefix that is one host (/32, /128) is an address and does not belong here.
 */
#ifndef PK_IOC_PREFIXES_H
#define PK_IOC_PREFIXES_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/match.h"

/* Host order, from the highest bit of @hi on: IPv4 is in its upper half. */
struct pk_prefix {
	uint64_t hi, lo;
	uint32_t slot; /* 1 .. PK_SLOT_MAX */
	uint8_t bits;  /* bits behind them are 0 */
};

struct pk_prefix_list {
	struct pk_prefix *item;
	size_t count, room;
};

/*
 * Add a prefix; host bits are cleared. @q is the address in network order, as
 * in struct pk_key; @bits at most 31 (IPv4) or 127. 0 or -ENOMEM.
 */
int pk_prefixes_add4(struct pk_prefix_list *list, const uint64_t q[2],
		     unsigned bits, uint32_t slot);
int pk_prefixes_add6(struct pk_prefix_list *list, const uint64_t q[2],
		     unsigned bits, uint32_t slot);
void pk_prefixes_clear(struct pk_prefix_list *list); /* frees; may be reused */

/* The lines of one or more tries; a zeroed one is empty. */
struct pk_trie {
	struct pk_line *lines; /* aligned to 64 bytes, owned */
	uint32_t count, room;
	uint32_t steps; /* most lines that a walk reads */
};

/*
 * Add a trie of the prefixes of @list, which is sorted here, and set *@root to
 * its entry (0 for an empty list). @strides is 2 for IPv4 and 8 for IPv6. Of
 * two equal prefixes the one with the lower slot wins. 0, -ENOMEM, or -EFBIG
 * when the lines cannot be numbered.
 */
int pk_trie_add(struct pk_trie *t, struct pk_prefix_list *list,
		unsigned strides, uint32_t *root);
void pk_trie_free(struct pk_trie *t);

/* Set the bits of the /20s in which IPv4 prefixes of @list lie. */
enum { PK_TOUCH_LINES = 2048 };
void pk_prefixes_touch(const struct pk_prefix_list *list,
		       struct pk_line lines[PK_TOUCH_LINES]);

#endif /* PK_IOC_PREFIXES_H */
