/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/builder.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include <xxhash.h>

enum {
	BATCH = 64,	 /* keys whose lines are fetched ahead */
	MOVES_MAX = 500, /* before a table counts as full */
	TRIES_MAX = 128, /* of 5 % each: never seen to pass 3 */
	FILTER_BITS_BEST = 14,
	FILTER_BITS_LEAST = 8,
	FILTER_CACHED_WORDS = (2 << 20) / 8,
};

static const struct {
	uint8_t ways;
	uint8_t load_pct;
} shapes[PK_TABLES] = {
	[PK_TABLE_V4] = { PK_V4_WAYS, 90 },
	[PK_TABLE_V6] = { PK_V6_WAYS, 86 },
	[PK_TABLE_NAME] = { PK_NAME_WAYS, 88 },
};

typedef unsigned keys_fn(const struct pk_store *s, uint32_t *cursor,
			 struct pk_key *keys, unsigned max);

struct table {
	uint32_t first; /* line */
	uint32_t buckets;
	uint32_t keys;
};

struct build {
	const struct pk_store *store;
	keys_fn *keys;
	uint64_t seed;
	uint64_t random;
	struct table table[PK_TABLES];
	uint64_t filter_words;
	struct pk_line *lines;
	uint64_t count;
	uint32_t collisions;
	unsigned failed; /* the table that was full */
};

/* --- buckets ------------------------------------------------------------ */

static uint32_t *ids_of(struct pk_line *line, unsigned table)
{
	return &line->w[table == PK_TABLE_V4   ? 8
			: table == PK_TABLE_V6 ? 12
					       : 10];
}

static void get_key(const struct build *b, struct pk_line *line, unsigned way,
		    struct pk_key *key)
{
	key->id = ids_of(line, key->table)[way];
	key->q[1] = 0;
	if (key->table == PK_TABLE_V4) {
		key->q[0] = line->w[way];
		key->hash = pk_hash_v4(b->seed, line->w[way]);
	} else if (key->table == PK_TABLE_V6) {
		key->q[0] = line->q[2 * way];
		key->q[1] = line->q[2 * way + 1];
		key->hash = pk_hash_v6(b->seed, key->q[0], key->q[1]);
	} else {
		key->q[0] = line->q[way];
		key->hash = line->q[way];
	}
}

static void put_key(struct pk_line *line, unsigned way,
		    const struct pk_key *key)
{
	ids_of(line, key->table)[way] = key->id;
	if (key->table == PK_TABLE_V4) {
		line->w[way] = (uint32_t)key->q[0];
	} else if (key->table == PK_TABLE_V6) {
		line->q[2 * way] = key->q[0];
		line->q[2 * way + 1] = key->q[1];
	} else {
		line->q[way] = key->q[0];
	}
}

static unsigned used_ways(struct pk_line *line, unsigned table)
{
	const uint32_t *ids = ids_of(line, table);
	unsigned n = 0;

	/* Places are filled from the first on and only ever exchanged. */
	while (n < shapes[table].ways && ids[n])
		n++;
	return n;
}

static struct pk_line *bucket_one(const struct build *b,
				  const struct pk_key *key)
{
	const struct table *t = &b->table[key->table];

	return &b->lines[t->first +
			 pk_bucket_one(pk_bucket_hash(key->hash), t->buckets)];
}

static struct pk_line *bucket_two(const struct build *b,
				  const struct pk_key *key)
{
	const struct table *t = &b->table[key->table];

	return &b->lines[t->first +
			 pk_bucket_two(pk_bucket_hash(key->hash), t->buckets)];
}

static unsigned draw(struct build *b, unsigned below)
{
	b->random = pk_mix(b->random + 0x9e3779b97f4a7c15ULL);
	return pk_scale((uint32_t)b->random, below);
}

/* A full bucket takes @key and yields another of its keys in its stead. */
static void exchange(struct build *b, struct pk_line *line, struct pk_key *key)
{
	unsigned way = draw(b, shapes[key->table].ways);
	struct pk_key old = { .table = key->table };

	get_key(b, line, way, &old);
	put_key(line, way, key);
	*key = old;
}

static bool is_known_name(const struct build *b, const struct pk_key *key)
{
	return key->table == PK_TABLE_NAME &&
	       (pk_name_in_bucket(bucket_one(b, key), key->hash) ||
		pk_name_in_bucket(bucket_two(b, key), key->hash));
}

/* Place a key, moving others between their two buckets. False: full. */
static bool insert(struct build *b, struct pk_key key)
{
	unsigned ways = shapes[key.table].ways;
	struct pk_line *from = NULL;

	if (is_known_name(b, &key)) {
		b->collisions++;
		return true;
	}
	for (unsigned moves = 0; moves < MOVES_MAX; moves++) {
		struct pk_line *one = bucket_one(b, &key);
		struct pk_line *two = bucket_two(b, &key);
		unsigned n1 = used_ways(one, key.table);
		unsigned n2 = used_ways(two, key.table);

		if (n1 < ways || n2 < ways) {
			put_key(n1 <= n2 ? one : two, n1 <= n2 ? n1 : n2, &key);
			return true;
		}
		/* Not back into the bucket that it just had to leave. */
		if (one == from || (two != from && draw(b, 2)))
			one = two;
		exchange(b, one, &key);
		from = one;
	}
	b->failed = key.table;
	return false;
}

/* --- filter ------------------------------------------------------------- */

static __u64 *filter_word(const struct build *b, uint64_t hash)
{
	uint32_t word = pk_filter_word(hash, (uint32_t)b->filter_words);

	return &b->lines[1 + (word >> 3)].q[word & 7];
}

static uint64_t filter_words(uint64_t items)
{
	uint64_t best = (items * FILTER_BITS_BEST + 63) / 64;
	uint64_t least = (items * FILTER_BITS_LEAST + 63) / 64;

	if (best <= FILTER_CACHED_WORDS)
		return best;
	return least > FILTER_CACHED_WORDS ? least : FILTER_CACHED_WORDS;
}

/* --- the block ---------------------------------------------------------- */

static uint64_t count_keys(struct build *b)
{
	struct pk_key keys[BATCH];
	uint64_t items = 0;
	uint32_t cursor = 0;
	unsigned n;

	while ((n = b->keys(b->store, &cursor, keys, BATCH)))
		for (unsigned i = 0; i < n; i++, items++)
			b->table[keys[i].table].keys++;
	return items;
}

static uint64_t count_live(struct build *b)
{
	struct pk_store_stats stats;

	pk_store_stats(b->store, &stats);
	b->table[PK_TABLE_V4].keys = stats.by_type[PK_INDICATOR_IPV4];
	b->table[PK_TABLE_V6].keys = stats.by_type[PK_INDICATOR_IPV6];
	b->table[PK_TABLE_NAME].keys = stats.by_type[PK_INDICATOR_DOMAIN];
	return stats.live;
}

/* Buckets for the wanted loads, and the filter. */
static void size_tables(struct build *b, uint64_t items)
{
	/* A whole number of lines: the rest of the last one would be idle. */
	b->filter_words = (filter_words(items) + 7) / 8 * 8;
	for (unsigned t = 0; t < PK_TABLES; t++) {
		uint64_t keys = b->table[t].keys;
		unsigned per_line = shapes[t].ways * shapes[t].load_pct;

		b->table[t].buckets =
			(uint32_t)((keys * 100 + per_line - 1) / per_line);
	}
}

/* Tables one behind another; false when the block is too long. */
static bool lay_out(struct build *b)
{
	uint64_t at = 1 + b->filter_words / 8;

	for (unsigned t = 0; t < PK_TABLES; t++) {
		b->table[t].first = (uint32_t)at;
		at += b->table[t].buckets;
	}
	b->count = at;
	return at <= UINT32_MAX;
}

static struct pk_line *new_lines(uint64_t count)
{
	void *lines = mmap(NULL, count * sizeof(struct pk_line),
			   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (lines == MAP_FAILED)
		return NULL;
	/* A hint: a large table is filled at random. */
	madvise(lines, count * sizeof(struct pk_line), MADV_HUGEPAGE);
	return lines;
}

static void free_lines(struct pk_line *lines, uint64_t count)
{
	if (lines)
		munmap(lines, count * sizeof(struct pk_line));
}

static void fetch(const struct build *b, const struct pk_key *keys, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		__builtin_prefetch(filter_word(b, keys[i].hash), 1);
		__builtin_prefetch(bucket_one(b, &keys[i]), 1);
		__builtin_prefetch(bucket_two(b, &keys[i]), 1);
	}
}

/* Fill filter and tables; false when a table was full. */
static bool fill(struct build *b)
{
	struct pk_key keys[BATCH];
	uint32_t cursor = 0;
	unsigned n;

	b->collisions = 0;
	while ((n = b->keys(b->store, &cursor, keys, BATCH))) {
		fetch(b, keys, n);
		for (unsigned i = 0; i < n; i++) {
			*filter_word(b, keys[i].hash) |=
				pk_filter_mask(keys[i].hash);
			if (!insert(b, keys[i]))
				return false;
		}
	}
	return true;
}

/* Bring b->lines to a filled state. 0, -ENOMEM or -EFBIG. */
static int try_fill(struct build *b)
{
	for (unsigned try = 0; try < TRIES_MAX; try++) {
		uint32_t *buckets;

		if (!lay_out(b))
			return -EFBIG;
		b->lines = new_lines(b->count);
		if (!b->lines)
			return -ENOMEM;
		if (fill(b))
			return 0;
		free_lines(b->lines, b->count);
		b->lines = NULL;
		buckets = &b->table[b->failed].buckets;
		*buckets += *buckets / 20 + 1;
	}
	return -EFBIG;
}

static uint64_t checksum(const struct pk_line *lines, uint64_t count)
{
	struct pk_image_head head;

	memcpy(&head, lines, sizeof(head));
	head.checksum = 0;
	return XXH3_64bits_withSeed(lines + 1, (count - 1) * sizeof(*lines),
				    XXH3_64bits(&head, sizeof(head)));
}

static void finish(const struct build *b, uint64_t items, struct pk_block *out)
{
	struct pk_image_head *head = (struct pk_image_head *)b->lines;

	*head = (struct pk_image_head){
		.magic = PK_IMAGE_MAGIC,
		.lines = (uint32_t)b->count,
		.items = (uint32_t)items,
		.filter_line = 1,
		.filter_words = (uint32_t)b->filter_words,
		.v4_line = b->table[PK_TABLE_V4].first,
		.v4_buckets = b->table[PK_TABLE_V4].buckets,
		.v6_line = b->table[PK_TABLE_V6].first,
		.v6_buckets = b->table[PK_TABLE_V6].buckets,
		.name_line = b->table[PK_TABLE_NAME].first,
		.name_buckets = b->table[PK_TABLE_NAME].buckets,
		.seed = b->seed,
	};
	head->checksum = checksum(b->lines, b->count);
	*out = (struct pk_block){
		.lines = b->lines,
		.count = (uint32_t)b->count,
		.collisions = b->collisions,
		.head = head,
	};
}

static int build(struct build *b, uint64_t items, struct pk_block *out)
{
	int err;

	b->random = b->seed;
	size_tables(b, items);
	err = try_fill(b);
	if (!err)
		finish(b, items, out);
	return err;
}

/* --- exported ----------------------------------------------------------- */

int pk_builder_base(const struct pk_store *s, struct pk_block *out)
{
	struct build b = { .store = s, .keys = pk_store_base_keys };

	b.seed = pk_store_seed(s);
	return build(&b, count_live(&b), out);
}

int pk_builder_delta(const struct pk_store *s, struct pk_block *out)
{
	struct build b = { .store = s, .keys = pk_store_delta_keys };
	struct pk_store_stats stats;

	pk_store_stats(s, &stats);
	if ((uint64_t)stats.additions + stats.tombstones > PK_DELTA_MAX)
		return -E2BIG;
	b.seed = pk_store_seed(s);
	return build(&b, count_keys(&b), out);
}

static unsigned no_keys(const struct pk_store *s, uint32_t *cursor,
			struct pk_key *keys, unsigned max)
{
	(void)s;
	(void)cursor;
	(void)keys;
	(void)max;
	return 0;
}

int pk_builder_empty(uint64_t seed, struct pk_block *out)
{
	struct build b = { .keys = no_keys, .seed = seed };

	return build(&b, 0, out);
}

void pk_block_free(struct pk_block *b)
{
	free_lines(b->lines, b->count);
	*b = (struct pk_block){ 0 };
}

static bool inside(const struct pk_image_head *h, uint32_t line, uint64_t count)
{
	return !count || (line >= 1 && line + count <= h->lines);
}

int pk_block_check(const struct pk_line *lines, uint64_t count)
{
	struct pk_image_head h;

	if (!count)
		return -EBADMSG;
	memcpy(&h, lines, sizeof(h));
	if (h.magic != PK_IMAGE_MAGIC || !h.lines || h.lines > count)
		return -EBADMSG;
	if (!inside(&h, h.filter_line, ((uint64_t)h.filter_words + 7) / 8) ||
	    !inside(&h, h.v4_line, h.v4_buckets) ||
	    !inside(&h, h.v6_line, h.v6_buckets) ||
	    !inside(&h, h.name_line, h.name_buckets))
		return -EBADMSG;
	if (h.items && !h.filter_words)
		return -EBADMSG;
	return checksum(lines, h.lines) == h.checksum ? 0 : -EBADMSG;
}
