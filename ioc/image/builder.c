/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/image/builder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/match.h"
#include "ioc/image/prefixes.h"

enum {
	MOVES_MAX = 500, /* before a table counts as full */
	TRIES_MAX = 128, /* of 5 % each: never seen to pass 3 */
	FILTER_BITS_BEST = 14,
	FILTER_BITS_LEAST = 8,
	FILTER_CACHED_WORDS = (2 << 20) / 8,
	RECENT = 4096,	   /* ancestors remembered while they are counted */
	TOUCH_NETS = 1024, /* IPv4 prefixes that make a bitmap worth it */
};

/* The tables of a block, in the order of their lines, and the two tries. */
enum { V4, V6, NAME, REMAP, VALUE, TABLES, NET4 = TABLES, NET6, KINDS };

static const uint8_t kind_of_table[PK_TABLE_KINDS] = {
	[PK_TABLE_V4] = V4,	[PK_TABLE_V6] = V6,
	[PK_TABLE_NAME] = NAME, [PK_TABLE_VALUE] = VALUE,
	[PK_TABLE_NET4] = NET4, [PK_TABLE_NET6] = NET6,
};

static const struct {
	uint8_t ways;
	uint8_t load_pct;
	uint8_t ids; /* word of a line where they begin */
} shapes[TABLES] = {
	[V4] = { PK_V4_WAYS, 90, 8 },	    [V6] = { PK_V6_WAYS, 86, 12 },
	[NAME] = { PK_NAME_WAYS, 88, 10 },  [REMAP] = { PK_V4_WAYS, 90, 8 },
	[VALUE] = { PK_NAME_WAYS, 88, 10 },
};

/* One key on its way into the block. */
struct entry {
	uint64_t place; /* names its two buckets */
	uint64_t q[2];
	uint64_t filter;
	uint32_t id;
	uint8_t kind;
	uint8_t bits;
	uint8_t ancestor;
};

struct table {
	uint32_t first; /* line */
	uint32_t buckets;
};

struct counts {
	uint64_t keys[KINDS];
	uint64_t ancestors;
};

struct build {
	struct pk_key_source source;
	uint64_t random;
	struct counts planned;
	bool guessed; /* planned by the source, not counted */
	struct table table[TABLES];
	uint64_t filter_words;
	struct pk_line *lines;
	uint64_t count;
	/* What this filling met. */
	uint64_t items;
	uint64_t filtered;  /* keys in the filter, ancestors once */
	uint32_t labels[3]; /* as name_labels in the head */
	bool gates[2];	    /* V4, V6: ports are listed somewhere */
	uint32_t collisions;
	unsigned failed; /* the table that was full */
	struct pk_prefix_list nets[2];
	struct pk_trie trie;
	uint32_t root[2];
};

/* --- keys ---------------------------------------------------------------- */

/* A prefix of the base that is gone: what takes its place. */
static void read_remap(const struct build *b, const struct pk_key *key,
		       struct entry *e)
{
	e->kind = REMAP;
	e->q[0] = key->dead;
	e->place = pk_hash_v4(b->source.seed, key->dead);
	e->id = PK_REMAPPED;
	if (key->wider)
		e->id |= (uint32_t)key->wider_bits << PK_NET_LEN_SHIFT |
			 key->wider;
}

/* A prefix; one that is one host becomes an address. */
static void read_net(const struct build *b, const struct pk_key *key,
		     struct entry *e)
{
	if (e->kind == NET4 && key->bits >= 32) {
		e->kind = V4;
		e->filter = pk_hash_v4(b->source.seed, (uint32_t)key->q[0]);
	} else if (e->kind == NET6 && key->bits >= 128) {
		e->kind = V6;
		e->filter = pk_hash_v6(b->source.seed, key->q[0], key->q[1]);
	} else if (key->id & PK_TOMBSTONE) {
		read_remap(b, key, e);
		return;
	}
	e->place = e->filter;
}

static struct entry read_key(const struct build *b, const struct pk_key *key)
{
	struct entry e = {
		.place = key->hash,
		.q = { key->q[0], key->q[1] },
		.filter = key->hash,
		.id = key->id,
		.kind = kind_of_table[key->table],
		.bits = key->bits,
		.ancestor = key->ancestor,
	};

	if (e.kind == NAME || e.kind == VALUE)
		e.place = key->q[0];
	else if (e.kind >= NET4)
		read_net(b, key, &e);
	return e;
}

static unsigned next_entries(const struct build *b, uint32_t *cursor,
			     struct entry *entries)
{
	struct pk_key keys[PK_KEYS_BATCH];
	unsigned n = b->source.next(b->source.arg, cursor, keys, PK_KEYS_BATCH);

	for (unsigned i = 0; i < n; i++)
		entries[i] = read_key(b, &keys[i]);
	return n;
}

static bool is_filtered(const struct entry *e)
{
	return e->kind <= NAME;
}

static void count_keys(struct build *b)
{
	struct entry entries[PK_KEYS_BATCH];
	uint64_t recent[RECENT] = { 0 };
	uint32_t cursor = 0;
	unsigned n;

	b->planned = (struct counts){ 0 };
	b->guessed = false;
	while ((n = next_entries(b, &cursor, entries)))
		for (unsigned i = 0; i < n; i++) {
			uint64_t hash = entries[i].filter;

			if (!entries[i].ancestor)
				b->planned.keys[entries[i].kind]++;
			else if (recent[hash % RECENT] != hash)
				b->planned.ancestors++;
			recent[hash % RECENT] = hash;
		}
}

static void take_guess(struct build *b)
{
	const struct pk_key_counts *c = b->source.expected;

	for (unsigned t = 0; t < PK_TABLE_KINDS; t++)
		b->planned.keys[kind_of_table[t]] = c->keys[t];
	b->planned.ancestors = c->ancestors;
	b->guessed = true;
}

/* --- buckets ------------------------------------------------------------ */

static uint32_t *ids_of(struct pk_line *line, unsigned kind)
{
	return &line->w[shapes[kind].ids];
}

static void get_entry(const struct build *b, struct pk_line *line, unsigned way,
		      struct entry *e)
{
	e->id = ids_of(line, e->kind)[way];
	e->q[1] = 0;
	if (e->kind == V4 || e->kind == REMAP) {
		e->q[0] = line->w[way];
		e->place = pk_hash_v4(b->source.seed, line->w[way]);
	} else if (e->kind == V6) {
		e->q[0] = line->q[2 * way];
		e->q[1] = line->q[2 * way + 1];
		e->place = pk_hash_v6(b->source.seed, e->q[0], e->q[1]);
	} else {
		e->q[0] = line->q[way];
		e->place = line->q[way];
	}
}

static void put_entry(struct pk_line *line, unsigned way, const struct entry *e)
{
	ids_of(line, e->kind)[way] = e->id;
	if (e->kind == V4 || e->kind == REMAP) {
		line->w[way] = (uint32_t)e->q[0];
	} else if (e->kind == V6) {
		line->q[2 * way] = e->q[0];
		line->q[2 * way + 1] = e->q[1];
	} else {
		line->q[way] = e->q[0];
	}
}

static unsigned used_ways(struct pk_line *line, unsigned kind)
{
	const uint32_t *ids = ids_of(line, kind);
	unsigned n = 0;

	/* Places are filled from the first on and only ever exchanged. */
	while (n < shapes[kind].ways && ids[n])
		n++;
	return n;
}

static struct pk_line *bucket_one(const struct build *b, const struct entry *e)
{
	const struct table *t = &b->table[e->kind];

	return &b->lines[t->first +
			 pk_bucket_one(pk_bucket_hash(e->place), t->buckets)];
}

static struct pk_line *bucket_two(const struct build *b, const struct entry *e)
{
	const struct table *t = &b->table[e->kind];

	return &b->lines[t->first +
			 pk_bucket_two(pk_bucket_hash(e->place), t->buckets)];
}

static unsigned draw(struct build *b, unsigned below)
{
	b->random = pk_mix(b->random + 0x9e3779b97f4a7c15ULL);
	return pk_scale((uint32_t)b->random, below);
}

/* A full bucket takes @e and yields another of its keys in its stead. */
static void exchange(struct build *b, struct pk_line *line, struct entry *e)
{
	unsigned way = draw(b, shapes[e->kind].ways);
	struct entry old = { .kind = e->kind };

	get_entry(b, line, way, &old);
	put_entry(line, way, e);
	*e = old;
}

/* The place of the same key in a bucket, or NULL. */
static uint32_t *find_in(struct pk_line *line, const struct entry *e)
{
	for (unsigned way = 0; way < used_ways(line, e->kind); way++) {
		uint64_t differ =
			e->kind == V4 ? line->w[way] ^ e->q[0]
			: e->kind == V6
				? (line->q[2 * way] ^ e->q[0]) |
					  (line->q[2 * way + 1] ^ e->q[1])
				: line->q[way] ^ e->q[0];

		if (!differ)
			return &ids_of(line, e->kind)[way];
	}
	return NULL;
}

static uint32_t *find_entry(const struct build *b, const struct entry *e)
{
	uint32_t *id = find_in(bucket_one(b, e), e);

	return id ? id : find_in(bucket_two(b, e), e);
}

/* Is there a place already? An address joins its ports, a name is left out. */
static bool is_known(struct build *b, const struct entry *e)
{
	uint32_t *id;

	if (e->kind == REMAP || (e->kind <= V6 && !b->gates[e->kind]))
		return false;
	id = find_entry(b, e);
	if (id && e->kind <= V6)
		*id |= e->id;
	else if (id)
		b->collisions++;
	return id != NULL;
}

/* Place a key, moving others between their two buckets. False: full. */
static bool insert(struct build *b, struct entry e)
{
	unsigned ways = shapes[e.kind].ways;
	struct pk_line *from = NULL;

	for (unsigned moves = 0; moves < MOVES_MAX; moves++) {
		struct pk_line *one = bucket_one(b, &e);
		struct pk_line *two = bucket_two(b, &e);
		unsigned n1 = used_ways(one, e.kind);
		unsigned n2 = used_ways(two, e.kind);

		if (n1 < ways || n2 < ways) {
			put_entry(n1 <= n2 ? one : two, n1 <= n2 ? n1 : n2, &e);
			return true;
		}
		/* Not back into the bucket that it just had to leave. */
		if (one == from || (two != from && draw(b, 2)))
			one = two;
		exchange(b, one, &e);
		from = one;
	}
	b->failed = e.kind;
	return false;
}

static bool place(struct build *b, const struct entry *e)
{
	if (!b->table[e->kind].buckets) {
		b->failed = e->kind;
		return false;
	}
	if (e->kind <= V6 && e->id & PK_PORTS)
		b->gates[e->kind] = true;
	return is_known(b, e) || insert(b, *e);
}

/* --- filter ------------------------------------------------------------- */

static __u64 *filter_word(const struct build *b, uint64_t hash)
{
	uint32_t word = pk_filter_word(hash, (uint32_t)b->filter_words);

	return &b->lines[PK_HEAD_LINES + (word >> 3)].q[word & 7];
}

static void put_filter(struct build *b, const struct entry *e)
{
	__u64 *word = filter_word(b, e->filter);
	__u64 mask = pk_filter_mask(e->filter);

	if (!e->ancestor || (*word & mask) != mask)
		b->filtered++;
	*word |= mask;
}

static uint64_t filter_words(uint64_t keys)
{
	uint64_t best = (keys * FILTER_BITS_BEST + 63) / 64;
	uint64_t least = (keys * FILTER_BITS_LEAST + 63) / 64;

	if (best <= FILTER_CACHED_WORDS)
		return best;
	return least > FILTER_CACHED_WORDS ? least : FILTER_CACHED_WORDS;
}

/* --- the tables ---------------------------------------------------------- */

static uint64_t planned_keys(const struct build *b)
{
	const struct counts *c = &b->planned;

	return c->keys[V4] + c->keys[V6] + c->keys[NAME] + c->ancestors;
}

/* Buckets for the wanted loads, and the filter. */
static void size_tables(struct build *b)
{
	uint64_t words = filter_words(planned_keys(b));
	uint64_t all = b->planned.ancestors;

	for (unsigned k = 0; k < KINDS; k++)
		all += b->planned.keys[k];
	/* A whole number of lines: the rest of the last one would be idle. */
	b->filter_words = (words + 7) / 8 * 8;
	if (all && !b->filter_words)
		b->filter_words = 8;
	for (unsigned t = 0; t < TABLES; t++) {
		uint64_t keys = b->planned.keys[t];
		unsigned per_line = shapes[t].ways * shapes[t].load_pct;

		b->table[t].buckets =
			(uint32_t)((keys * 100 + per_line - 1) / per_line);
	}
}

/* Tables one behind another; false when the block is too long. */
static bool lay_out(struct build *b)
{
	uint64_t at = PK_HEAD_LINES + b->filter_words / 8;

	for (unsigned t = 0; t < TABLES; t++) {
		b->table[t].first = (uint32_t)at;
		at += b->table[t].buckets;
	}
	b->count = at;
	return at <= UINT32_MAX;
}

/* Lines of the place, which may hold another block. */
static int take_place(struct build *b, uint64_t from, uint64_t to)
{
	const struct pk_block_place *p = b->source.place;
	int err = to > p->count ? -EFBIG
		  : p->take	? p->take(p->arg, (uint32_t)to)
				: 0;

	b->lines = p->lines;
	if (!err)
		memset(&b->lines[from], 0, (to - from) * sizeof(*b->lines));
	return err;
}

static int new_lines(struct build *b)
{
	size_t bytes = b->count * sizeof(struct pk_line);
	void *lines;

	if (b->source.place)
		return take_place(b, 0, b->count);
	lines = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (lines == MAP_FAILED)
		return -ENOMEM;
	/* A hint: a large table is filled at random. */
	madvise(lines, bytes, MADV_HUGEPAGE);
	b->lines = lines;
	return 0;
}

static void free_lines(struct build *b)
{
	if (b->lines && !b->source.place)
		munmap(b->lines, b->count * sizeof(struct pk_line));
	b->lines = NULL;
}

/* Inlined: gcc would take it for a function without effect. */
PK_INLINE void fetch(const struct build *b, const struct entry *e, unsigned n)
{
	for (unsigned i = 0; i < n; i++, e++) {
		if (is_filtered(e))
			__builtin_prefetch(filter_word(b, e->filter), 1);
		if (e->ancestor || e->kind >= TABLES)
			continue;
		__builtin_prefetch(bucket_one(b, e), 1);
		__builtin_prefetch(bucket_two(b, e), 1);
	}
}

/* Which kinds of names are there, and how long: the others aren't asked for. */
static void note_labels(struct build *b, const struct entry *e)
{
	unsigned labels = e->bits < 31 ? e->bits : 31;
	unsigned match = e->q[0] == e->filter			    ? 0
			 : e->q[0] == pk_name_subdomains(e->filter) ? 1
								    : 2;

	b->labels[match] |= e->bits ? 1U << labels : UINT32_MAX;
}

static int put_net(struct build *b, const struct entry *e)
{
	if (e->kind == NET4)
		return pk_prefixes_add4(&b->nets[0], e->q, e->bits, e->id);
	return pk_prefixes_add6(&b->nets[1], e->q, e->bits, e->id);
}

/* 0, -EAGAIN when the key's table is full, or -ENOMEM. */
static int put(struct build *b, const struct entry *e)
{
	if (is_filtered(e)) {
		if (!b->filter_words)
			return -EAGAIN;
		put_filter(b, e);
	}
	if (e->ancestor)
		return 0;
	b->items += e->id != PK_PORTS;
	if (e->kind == NAME)
		note_labels(b, e);
	if (e->kind >= TABLES)
		return put_net(b, e);
	return place(b, e) ? 0 : -EAGAIN;
}

static void begin_filling(struct build *b)
{
	b->items = b->filtered = 0;
	b->collisions = 0;
	b->gates[0] = b->gates[1] = false;
	memset(b->labels, 0, sizeof(b->labels));
	b->failed = TABLES;
	pk_prefixes_clear(&b->nets[0]);
	pk_prefixes_clear(&b->nets[1]);
}

/* Fill filter, tables and lists of prefixes. As put(). */
static int fill(struct build *b)
{
	struct entry entries[PK_KEYS_BATCH];
	uint32_t cursor = 0;
	unsigned n;
	int err = 0;

	begin_filling(b);
	while (!err && (n = next_entries(b, &cursor, entries))) {
		if (b->filter_words)
			fetch(b, entries, n);
		for (unsigned i = 0; !err && i < n; i++)
			err = put(b, &entries[i]);
	}
	return err;
}

/* More keys in the filter than it was made for? */
static bool is_dense(const struct build *b)
{
	uint64_t planned = planned_keys(b);

	return b->guessed && b->filtered > planned + planned / 4 + 64;
}

/* Know better than before: count, or enlarge what was too small. */
static void plan_again(struct build *b, int err)
{
	if (!b->guessed) {
		uint32_t *buckets = &b->table[b->failed].buckets;

		*buckets += *buckets / 20 + 1;
		return;
	}
	if (err)
		count_keys(b);
	else
		b->planned.ancestors += b->filtered - planned_keys(b);
	b->guessed = false;
	size_tables(b);
}

/* Bring b->lines to a filled state. 0, -ENOMEM or -EFBIG. */
static int try_fill(struct build *b)
{
	for (unsigned try = 0; try < TRIES_MAX; try++) {
		int err = lay_out(b) ? new_lines(b) : -EFBIG;

		if (err)
			return err;
		err = fill(b);
		if (!err && !is_dense(b))
			return 0;
		free_lines(b);
		if (err && err != -EAGAIN)
			return err;
		plan_again(b, err);
	}
	return -EFBIG;
}

/* --- prefixes ------------------------------------------------------------ */

static uint32_t touch_lines(const struct build *b)
{
	return b->nets[0].count >= TOUCH_NETS ? PK_TOUCH_LINES : 0;
}

/* Make room for @more lines in front of the value table. */
static int open_gap(struct build *b, uint64_t more)
{
	const struct table *value = &b->table[VALUE];
	uint64_t count = b->count + more;
	void *lines = b->lines;
	int err = count > UINT32_MAX ? -EFBIG : 0;

	if (!err && b->source.place)
		err = take_place(b, b->count, count);
	else if (!err)
		lines = mremap(lines, b->count * sizeof(struct pk_line),
			       count * sizeof(struct pk_line), MREMAP_MAYMOVE);
	if (err || lines == MAP_FAILED)
		return err ? err : -ENOMEM;
	b->lines = lines;
	b->count = count;
	memmove(&b->lines[value->first + more], &b->lines[value->first],
		value->buckets * sizeof(struct pk_line));
	memset(&b->lines[value->first], 0, more * sizeof(struct pk_line));
	return 0;
}

static int build_tries(struct build *b)
{
	int err = pk_trie_add(&b->trie, &b->nets[0], 2, &b->root[0]);

	return err ? err : pk_trie_add(&b->trie, &b->nets[1], 8, &b->root[1]);
}

/* The bitmap and the tries between the other tables and the values. */
static int put_tries(struct build *b, struct pk_image_head *head)
{
	uint32_t at = b->table[VALUE].first, touch = touch_lines(b);
	int err = build_tries(b);

	if (!err && touch + b->trie.count)
		err = open_gap(b, (uint64_t)touch + b->trie.count);
	if (err)
		return err;
	if (touch) {
		pk_prefixes_touch(&b->nets[0], &b->lines[at]);
		head->touch_line = at;
		at += touch;
	}
	if (b->trie.count)
		memcpy(&b->lines[at], b->trie.lines,
		       b->trie.count * sizeof(struct pk_line));
	head->net_line = at;
	head->net_lines = b->trie.count;
	head->net4_root = b->root[0];
	head->net6_root = b->root[1];
	head->nets[0] = (uint32_t)b->nets[0].count;
	head->nets[1] = (uint32_t)b->nets[1].count;
	head->net_steps = b->trie.steps;
	b->table[VALUE].first = at + b->trie.count;
	return 0;
}

/* --- the block ----------------------------------------------------------- */

static void finish(const struct build *b, const struct pk_image_head *tries,
		   struct pk_block *out)
{
	struct pk_image_head *head = (struct pk_image_head *)b->lines;

	*head = *tries;
	head->magic = PK_IMAGE_MAGIC;
	head->lines = (uint32_t)b->count;
	head->shared_lines = b->table[VALUE].first;
	head->items = (uint32_t)b->items;
	head->filter_line = PK_HEAD_LINES;
	head->filter_words = (uint32_t)b->filter_words;
	head->v4_line = b->table[V4].first;
	head->v4_buckets = b->table[V4].buckets;
	head->v6_line = b->table[V6].first;
	head->v6_buckets = b->table[V6].buckets;
	head->name_line = b->table[NAME].first;
	head->name_buckets = b->table[NAME].buckets;
	head->remap_line = b->table[REMAP].first;
	head->remap_buckets = b->table[REMAP].buckets;
	head->value_line = b->table[VALUE].first;
	head->value_buckets = b->table[VALUE].buckets;
	head->collisions = b->collisions;
	memcpy(head->name_labels, b->labels, sizeof(b->labels));
	head->seed = b->source.seed;
	head->checksum = pk_block_checksum(b->lines, b->count);
	*out = (struct pk_block){
		.lines = b->lines,
		.count = (uint32_t)b->count,
		.collisions = b->collisions,
		.head = head,
		.borrowed = b->source.place != NULL,
	};
}

int pk_builder_build(const struct pk_key_source *source, struct pk_block *out)
{
	struct build b = { .source = *source, .random = source->seed };
	struct pk_image_head tries = { 0 };
	int err;

	if (source->expected)
		take_guess(&b);
	else
		count_keys(&b);
	size_tables(&b);
	err = try_fill(&b);
	if (!err)
		err = put_tries(&b, &tries);
	if (!err)
		finish(&b, &tries, out);
	else
		free_lines(&b);
	pk_trie_free(&b.trie);
	pk_prefixes_clear(&b.nets[0]);
	pk_prefixes_clear(&b.nets[1]);
	return err;
}
