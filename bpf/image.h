/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * image: the indicators as one immutable block of 64-byte lines.
 *
 *   line 0, 1         head (struct pk_image_head)
 *   filter_line ..    negative filter: 64-bit words, PK_FILTER_BITS bits set
 *                     in the one word that a key's hash names
 *   v4_line ..        buckets of 8 keys (4 bytes, network order), 8 ids
 *   v6_line ..        buckets of 3 keys (16 bytes), 3 ids, 4 spare bytes
 *   name_line ..      buckets of 5 keys (64 bits), 5 ids, 4 spare: names,
 *                     and addresses with a port
 *   touch_line, net_line .. remap_line ..   prefixes (bpf/match.h)
 *   value_line ..     buckets like those of names: values that only user space
 *                     looks up (ioc/image/lookup.h). Last: the kernel's copy
 *                     of an image ends before it, at shared_lines.
 *
 * A key lives in one of two buckets, once. Id 0 marks a free place (its key is
 * 0 as well), so slots count from 1. An id is a slot and two marks:
 * PK_TOMBSTONE in a delta hides the key of the base, PK_PORTS at an address
 * says that some of its ports are listed, whether the address itself is (slot)
 * or not (0). A look-up reads one filter word and, only if its bits are set,
 * two bucket lines: there is no worst case beyond that. A hit on an address is
 * exact; a hit on a 64-bit key is exact up to a collision of a keyed hash, so
 * whoever reports it compares the text.
 *
 * The filter of a name is its plain hash, and those of all its suffixes are set
 * as well: a walk from the right ends at the first one that is not.
 *
 * The hash is keyed with the head's random seed: a sender cannot aim at a
 * bucket, and a feed author cannot either.
 *
 * One source for the kernel and user space. The includer's target decides how
 * a line is reached: by a map look-up in BPF, by an index checked against the
 * block's length elsewhere, so that a corrupt head can never read outside.
 */
#ifndef PK_BPF_IMAGE_H
#define PK_BPF_IMAGE_H

#include "bpf/abi.h"

enum {
	PK_IMAGE_MAGIC = 0x324d4b50, /* "PKM2" */
	PK_HEAD_LINES = 2,
	PK_FILTER_BITS = 4,
	PK_V4_WAYS = 8,
	PK_V6_WAYS = 3,
	PK_NAME_WAYS = 5,
	PK_NO_SLOT = 0,
	PK_SLOT_MAX = 0x00ffffff, /* highest slot; the bits above are marks */
};
/* Marks of an id: the base's key is hidden; the address has ports listed. */
#define PK_TOMBSTONE 0x40000000U
#define PK_PORTS     0x80000000U

struct pk_line {
	union {
		__u64 q[8];
		__u32 w[16];
		__u16 h[32];
		__u8 b[64];
	};
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct pk_line) == 64, "pk_line");

struct pk_v4_bucket {
	__u32 key[PK_V4_WAYS];
	__u32 id[PK_V4_WAYS];
};

struct pk_v6_bucket {
	__u64 key[PK_V6_WAYS][2];
	__u32 id[PK_V6_WAYS];
	__u32 spare;
};

struct pk_name_bucket {
	__u64 key[PK_NAME_WAYS];
	__u32 id[PK_NAME_WAYS];
	__u32 spare;
};
_Static_assert(sizeof(struct pk_v4_bucket) == 64, "pk_v4_bucket");
_Static_assert(sizeof(struct pk_v6_bucket) == 64, "pk_v6_bucket");
_Static_assert(sizeof(struct pk_name_bucket) == 64, "pk_name_bucket");

#ifdef __bpf__
/* In the kernel an image is an inner map; the map checks the index. */
typedef void pk_image_lines;

PK_INLINE const struct pk_line *pk_image_line(pk_image_lines *lines,
					      const struct pk_image_head *h,
					      __u32 index)
{
	(void)h;
	return bpf_map_lookup_elem(lines, &index);
}
#else
typedef const struct pk_line pk_image_lines;

PK_INLINE const struct pk_line *pk_image_line(pk_image_lines *lines,
					      const struct pk_image_head *h,
					      __u32 index)
{
	return index < h->lines ? &lines[index] : (const struct pk_line *)0;
}
#endif

/* --- hashing ----------------------------------------------------------- */

PK_INLINE __u64 pk_mix(__u64 x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	return x;
}

PK_INLINE __u64 pk_hash_v4(__u64 seed, __u32 key)
{
	return pk_mix(seed ^ key);
}

PK_INLINE __u64 pk_hash_v6(__u64 seed, __u64 hi, __u64 lo)
{
	return pk_mix(pk_mix(seed ^ hi) ^ lo);
}

/* Range [0, n) from 32 hash bits, without a division. */
PK_INLINE __u32 pk_scale(__u32 bits, __u32 n)
{
	return (__u32)(((__u64)bits * n) >> 32);
}

/* The filter word of a hash, and the bits it must have set. */
PK_INLINE __u32 pk_filter_word(__u64 hash, __u32 words)
{
	return pk_scale((__u32)(hash >> 32), words);
}

PK_INLINE __u64 pk_filter_mask(__u64 hash)
{
	return 1ULL << (hash & 63) | 1ULL << (hash >> 6 & 63) |
	       1ULL << (hash >> 12 & 63) | 1ULL << (hash >> 18 & 63);
}

/* The two buckets of a hash. The filter used other bits than these mixes. */
PK_INLINE __u64 pk_bucket_hash(__u64 hash)
{
	return hash * 0x9e3779b97f4a7c15ULL;
}

PK_INLINE __u32 pk_bucket_one(__u64 bucket_hash, __u32 buckets)
{
	return pk_scale((__u32)(bucket_hash >> 32), buckets);
}

PK_INLINE __u32 pk_bucket_two(__u64 bucket_hash, __u32 buckets)
{
	return pk_scale((__u32)bucket_hash ^ (__u32)(bucket_hash >> 32) * 5,
			buckets);
}

PK_INLINE int pk_is_v4(const union pk_addr *a)
{
	return a->q[0] == 0 && a->b[8] == 0 && a->b[9] == 0 &&
	       a->b[10] == 0xff && a->b[11] == 0xff;
}

PK_INLINE __u64 pk_hash_addr(__u64 seed, const union pk_addr *a, int v4)
{
	return v4 ? pk_hash_v4(seed, a->w[3])
		  : pk_hash_v6(seed, a->q[0], a->q[1]);
}

/* The key of an address and port. IPv4: a bijection, no two are the same. */
PK_INLINE __u64 pk_endpoint_key(__u64 seed, const union pk_addr *a, __u16 port)
{
	__u64 own = pk_mix(seed ^ 0x706f727473ULL);

	if (pk_is_v4(a))
		return pk_mix(own ^ ((__u64)a->w[3] << 16 | port));
	return pk_mix(pk_hash_v6(own, a->q[0], a->q[1]) ^ port);
}

/*
 * Names: labels are joined from right to left, so that the hash of a suffix is
 * a step on the way to the hash of the name. Each label is given in lower case
 * without its length byte. Every word is mixed under what came before it, the
 * seed first: no pair of labels collides under every seed.
 */
PK_INLINE __u64 pk_name_begin(__u64 seed)
{
	return pk_mix(seed ^ 0x6e616d65ULL);
}

/* Up to 8 bytes, the first one lowest; 0 above them. */
#ifdef __bpf__
PK_INLINE __u64 pk_label_word(const __u8 *p, __u32 len)
{
	__u64 word = 0;

	for (__u32 i = 0; i < 8 && i < len; i++)
		word |= (__u64)p[i] << 8 * i;
	return word;
}
#else
/* Loads that overlap in the middle; little endian like all of picket. */
PK_INLINE __u64 pk_label_word(const __u8 *p, __u32 len)
{
	__u32 low, high;
	__u64 word;

	if (len >= 8) {
		__builtin_memcpy(&word, p, 8);
		return word;
	}
	if (len >= 4) {
		__builtin_memcpy(&low, p, 4);
		__builtin_memcpy(&high, p + len - 4, 4);
		return low | (__u64)high << 8 * (len - 4);
	}
	if (!len)
		return 0;
	return p[0] | (__u64)p[len >> 1] << 8 * (len >> 1) |
	       (__u64)p[len - 1] << 8 * (len - 1);
}
#endif

PK_INLINE __u64 pk_name_step(__u64 hash, const __u8 *label, __u32 len)
{
	__u64 h = hash + (len + 1) * 0x9e3779b97f4a7c15ULL;
	__u32 at = 0;

	for (; len - at > 8 && at < 56; at += 8)
		h = pk_mix(h ^ pk_label_word(label + at, 8));
	return pk_mix(h ^ pk_label_word(label + at, len - at));
}

#ifndef __bpf__
/*
 * The same, faster: @before bytes in front of @label can be read. Labels have
 * all lengths, so for most of them nothing here is left to be guessed.
 */
PK_INLINE __u64 pk_name_step_in(__u64 hash, const __u8 *label, __u32 len,
				__u32 before)
{
	__u64 h = hash + (len + 1) * 0x9e3779b97f4a7c15ULL;
	__u64 first, last, longer;

	if (len - 1 > 15 || before + len < 8)
		return pk_name_step(hash, label, len);
	__builtin_memcpy(&last, label + len - 8, 8);
	__builtin_memcpy(&first, len > 8 ? label : label + len - 8, 8);
	longer = 0 - (__u64)(len > 8);
	h = (pk_mix(h ^ first) & longer) | (h & ~longer);
	return pk_mix(h ^ last >> (64 - 8 * (((len - 1) & 7) + 1)));
}
#endif

/* The key of a name that covers its subdomains, and of *.name. */
PK_INLINE __u64 pk_name_subdomains(__u64 hash)
{
	return hash ^ 0x5355424e414d4553ULL;
}

PK_INLINE __u64 pk_name_one_label(__u64 hash)
{
	return hash ^ 0x4f4e454c4142454cULL;
}

/* --- one block ----------------------------------------------------------- */

/* May the block hold a key of this hash? One line is read. */
PK_INLINE int pk_filter_passes(pk_image_lines *lines,
			       const struct pk_image_head *h, __u64 hash)
{
	__u32 word = pk_filter_word(hash, h->filter_words);
	__u64 mask = pk_filter_mask(hash);
	const struct pk_line *line;

	line = pk_image_line(lines, h, h->filter_line + (word >> 3));
	return line && (line->q[word & 7] & mask) == mask;
}

/*
 * All ones if @difference is 0, else 0. No branch: the verifier would follow
 * both ways of every comparison in a bucket, and the processor would guess.
 */
PK_INLINE __u64 pk_mask_if_zero(__u64 difference)
{
	PK_OPAQUE(difference);
	return ((difference | -difference) >> 63) - 1;
}

PK_INLINE __u32 pk_v4_in_bucket(const struct pk_line *line, __u32 key)
{
	__u64 id = 0;

	if (!line)
		return 0;
	for (int i = 0; i < PK_V4_WAYS; i++)
		id |= line->w[PK_V4_WAYS + i] &
		      pk_mask_if_zero((__u64)line->w[i] ^ key);
	return (__u32)id;
}

PK_INLINE __u32 pk_v6_in_bucket(const struct pk_line *line, __u64 hi, __u64 lo)
{
	__u64 id = 0;

	if (!line)
		return 0;
	for (int i = 0; i < PK_V6_WAYS; i++)
		id |= line->w[12 + i] &
		      pk_mask_if_zero((line->q[2 * i] ^ hi) |
				      (line->q[2 * i + 1] ^ lo));
	return (__u32)id;
}

PK_INLINE __u32 pk_name_in_bucket(const struct pk_line *line, __u64 key)
{
	__u64 id = 0;

	if (!line)
		return 0;
	for (int i = 0; i < PK_NAME_WAYS; i++)
		id |= line->w[10 + i] & pk_mask_if_zero(line->q[i] ^ key);
	return (__u32)id;
}

/* Look up behind the filter: an id or PK_NO_SLOT. */
PK_INLINE __u32 pk_exact_v4(pk_image_lines *lines,
			    const struct pk_image_head *h, __u64 hash,
			    __u32 key)
{
	__u64 b = pk_bucket_hash(hash);
	__u32 one = h->v4_line + pk_bucket_one(b, h->v4_buckets);
	__u32 two = h->v4_line + pk_bucket_two(b, h->v4_buckets);
	__u32 id;

	if (!h->v4_buckets)
		return PK_NO_SLOT;
	id = pk_v4_in_bucket(pk_image_line(lines, h, one), key);
	if (id)
		return id;
	return pk_v4_in_bucket(pk_image_line(lines, h, two), key);
}

PK_INLINE __u32 pk_exact_v6(pk_image_lines *lines,
			    const struct pk_image_head *h, __u64 hash,
			    const union pk_addr *a)
{
	__u64 b = pk_bucket_hash(hash);
	__u32 one = h->v6_line + pk_bucket_one(b, h->v6_buckets);
	__u32 two = h->v6_line + pk_bucket_two(b, h->v6_buckets);
	__u32 id;

	if (!h->v6_buckets)
		return PK_NO_SLOT;
	id = pk_v6_in_bucket(pk_image_line(lines, h, one), a->q[0], a->q[1]);
	if (id)
		return id;
	return pk_v6_in_bucket(pk_image_line(lines, h, two), a->q[0], a->q[1]);
}

PK_INLINE __u32 pk_exact_name(pk_image_lines *lines,
			      const struct pk_image_head *h, __u64 key)
{
	__u64 b = pk_bucket_hash(key);
	__u32 one = h->name_line + pk_bucket_one(b, h->name_buckets);
	__u32 two = h->name_line + pk_bucket_two(b, h->name_buckets);
	__u32 id;

	if (!h->name_buckets)
		return PK_NO_SLOT;
	id = pk_name_in_bucket(pk_image_line(lines, h, one), key);
	if (id)
		return id;
	return pk_name_in_bucket(pk_image_line(lines, h, two), key);
}

PK_INLINE __u32 pk_exact_addr(pk_image_lines *lines,
			      const struct pk_image_head *h, __u64 hash,
			      const union pk_addr *a, int v4)
{
	return v4 ? pk_exact_v4(lines, h, hash, a->w[3])
		  : pk_exact_v6(lines, h, hash, a);
}

/* One block: an id or PK_NO_SLOT. @hash is pk_hash_addr's. */
PK_INLINE __u32 pk_image_addr(pk_image_lines *lines,
			      const struct pk_image_head *h, __u64 hash,
			      const union pk_addr *a, int v4)
{
	if (!h->items || !pk_filter_passes(lines, h, hash))
		return PK_NO_SLOT;
	return pk_exact_addr(lines, h, hash, a, v4);
}

/* @hash is the filter's: of the name alone; @key may be another of its keys. */
PK_INLINE __u32 pk_image_name(pk_image_lines *lines,
			      const struct pk_image_head *h, __u64 hash,
			      __u64 key)
{
	if (!h->items || !pk_filter_passes(lines, h, hash))
		return PK_NO_SLOT;
	return pk_exact_name(lines, h, key);
}

/* --- a base and the delta over it ---------------------------------------- */

/* As one packet sees them. */
struct pk_view {
	pk_image_lines *base;
	pk_image_lines *delta;
	const struct pk_image_head *base_head;
	const struct pk_image_head *delta_head;
#ifdef __bpf__
	__u64 word; /* the control word: what a global function needs */
#else
	__u64 generation;
#endif
};

/*
 * What the delta says of an address (@delta: an id, not 0) joined with the
 * base: slots are replaced or hidden, listed ports add up.
 */
PK_INLINE __u32 pk_join_ids(__u32 delta, __u32 base)
{
	__u32 ports = (delta | base) & PK_PORTS;

	if (delta & (PK_SLOT_MAX | PK_TOMBSTONE))
		return (delta & PK_SLOT_MAX) | ports;
	return (base & PK_SLOT_MAX) | ports;
}

/* Which of the two may have keys of a hash. */
enum { PK_IN_BASE = 1, PK_IN_DELTA = 2 };

PK_INLINE __u32 pk_view_passes(const struct pk_view *v, __u64 hash)
{
	__u32 in = 0;

	if (v->delta_head->items &&
	    pk_filter_passes(v->delta, v->delta_head, hash))
		in |= PK_IN_DELTA;
	if (v->base_head->items &&
	    pk_filter_passes(v->base, v->base_head, hash))
		in |= PK_IN_BASE;
	return in;
}

/* The id of an address: slot and PK_PORTS. @in is pk_view_passes(). */
PK_INLINE __u32 pk_view_id(const struct pk_view *v, const union pk_addr *a,
			   int v4, __u64 hash, __u32 in)
{
	__u32 delta = 0, base = 0;

	if (in & PK_IN_DELTA)
		delta = pk_exact_addr(v->delta, v->delta_head, hash, a, v4);
	if (in & PK_IN_BASE)
		base = pk_exact_addr(v->base, v->base_head, hash, a, v4);
	return delta ? pk_join_ids(delta, base) : base;
}

/* The slot of the address itself, whatever its ports and prefixes. */
PK_INLINE __u32 pk_view_addr(const struct pk_view *v, const union pk_addr *a)
{
	int v4 = pk_is_v4(a);
	__u64 hash = pk_hash_addr(v->base_head->seed, a, v4);

	return pk_view_id(v, a, v4, hash, pk_view_passes(v, hash)) &
	       PK_SLOT_MAX;
}

/* The delta speaks first: an addition, or a tombstone that hides the base. */
PK_INLINE __u32 pk_view_name(const struct pk_view *v, __u64 hash, __u64 key)
{
	__u32 id = pk_image_name(v->delta, v->delta_head, hash, key);

	if (!id)
		id = pk_image_name(v->base, v->base_head, hash, key);
	return id & PK_SLOT_MAX;
}

/* --- the control word --------------------------------------------------- */

PK_INLINE __u64 pk_word_make(__u64 generation, __u32 base, __u32 delta)
{
	return generation << 8 | (delta & 3) << 1 | (base & 1);
}

PK_INLINE __u32 pk_word_base(__u64 word)
{
	return word & 1;
}

/* Index into pk_control.heads and the slot tables. */
PK_INLINE __u32 pk_word_delta(__u64 word)
{
	return PK_IMAGE_BASES + (word >> 1 & 3);
}

PK_INLINE __u64 pk_word_generation(__u64 word)
{
	return word >> 8;
}

#endif /* PK_BPF_IMAGE_H */
