/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * block: an image block in memory (bpf/image.h): made by ioc/image/builder.h, checked
 * before it is used, described for people.
 *
 * A block is immutable, position-independent and checksummed: XXH3, 64 bits, of
 * all lines behind the head, seeded with that of the head with checksum 0. Any
 * thread.
 */
#ifndef PK_IOC_BLOCK_H
#define PK_IOC_BLOCK_H

#include <stdint.h>

#include "bpf/image.h"

struct pk_block {
	struct pk_line *lines; /* page-aligned; owned, unless borrowed */
	uint32_t count;
	uint32_t collisions;		  /* as in the head */
	const struct pk_image_head *head; /* lines 0 and 1 */
	uint8_t borrowed;		  /* built in a struct pk_block_place */
};

/* Memory where a block is built, instead of its own. */
struct pk_block_place {
	struct pk_line *lines;
	uint32_t count; /* room */
	/* The first @count lines will be written: 0 or -errno. May be NULL. */
	int (*take)(void *arg, uint32_t count);
	void *arg;
};

/* A zeroed block is a no-op; borrowed lines stay. */
void pk_block_free(struct pk_block *b);

uint64_t pk_block_checksum(const struct pk_line *lines, uint64_t count);

/*
 * Is this a sound block of at most @count lines? 0, -EBADMSG: magic, a table
 * out of range, or the checksum. Look-ups in a sound block stay inside it and
 * end; so they do in an unsound one whose head does not claim more lines than
 * there are, they only find nonsense.
 */
int pk_block_check(const struct pk_line *lines, uint64_t count);

/* Tables of a block, as a report names them. */
#define PK_BLOCK_TABLES(_)                                               \
	_(V4, "ipv4", PK_V4_WAYS, "IPv4 addresses")                      \
	_(V6, "ipv6", PK_V6_WAYS, "IPv6 addresses")                      \
	_(NAME, "name", PK_NAME_WAYS, "names, addresses with port")      \
	_(VALUE, "value", PK_NAME_WAYS, "what only user space looks up") \
	_(REMAP, "remap", PK_V4_WAYS, "prefixes of the base that are gone")

#define PK_BLOCK_ENUM(name, word, ways, text) PK_BLOCK_##name,
enum pk_block_table { PK_BLOCK_TABLES(PK_BLOCK_ENUM) PK_BLOCK_TABLE_COUNT };
#undef PK_BLOCK_ENUM

/* What a block is made of, and what it costs to look something up. */
struct pk_build_report {
	uint64_t bytes;	       /* of the whole block */
	uint64_t shared_bytes; /* of what the kernel gets */
	struct {
		uint32_t keys; /* tombstones included */
		uint32_t lines;
		uint32_t load_pct;  /* places that are used */
		uint32_t displaced; /* keys in their second bucket */
	} table[PK_BLOCK_TABLE_COUNT];
	uint32_t gates;	  /* addresses that are not listed but ports of them */
	uint32_t nets[2]; /* prefixes, IPv4 and IPv6 */
	uint32_t net_lines;
	uint32_t net_steps; /* most lines of a trie in one look-up */
	uint32_t collisions;
	uint64_t filter_bits;
	uint64_t filter_set;	/* of these, bits set */
	double filter_expected; /* share of unknown keys that pass: by the fill
				 * of its words */
	double filter_measured; /* and of 65,536 random keys */
	/* Most lines that one look-up of this block reads. */
	uint32_t worst_address;	 /* filter and both buckets */
	uint32_t worst_endpoint; /* the address and its port and prefixes */
};

/* Describe a sound block. O(lines). */
void pk_block_report(const struct pk_line *lines, struct pk_build_report *out);

const char *pk_block_table_word(enum pk_block_table table);

#endif /* PK_IOC_BLOCK_H */
