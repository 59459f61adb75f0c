/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/image/block.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include <xxhash.h>

#include "bpf/match.h"
#include "ioc/image/prefixes.h"

enum { PROBES = 65536 };

static const struct {
	const char *word;
	uint8_t ways;
	uint8_t ids; /* word of a line where they begin */
} shapes[PK_BLOCK_TABLE_COUNT] = {
#define SHAPE(name, word, ways, text) \
	[PK_BLOCK_##name] = { word, ways, 16 - (ways) - ((ways) < 8) },
	PK_BLOCK_TABLES(SHAPE)
};

/* Where a table is. */
struct span {
	uint32_t line;
	uint32_t lines;
};

void pk_block_free(struct pk_block *b)
{
	if (b->lines && !b->borrowed)
		munmap(b->lines, b->count * sizeof(struct pk_line));
	*b = (struct pk_block){ 0 };
}

uint64_t pk_block_checksum(const struct pk_line *lines, uint64_t count)
{
	struct pk_image_head head;

	memcpy(&head, lines, sizeof(head));
	head.checksum = 0;
	return XXH3_64bits_withSeed(lines + PK_HEAD_LINES,
				    (count - PK_HEAD_LINES) * sizeof(*lines),
				    XXH3_64bits(&head, sizeof(head)));
}

/* --- check --------------------------------------------------------------- */

static struct span span_of(const struct pk_image_head *h,
			   enum pk_block_table table)
{
	switch (table) {
	case PK_BLOCK_V4:
		return (struct span){ h->v4_line, h->v4_buckets };
	case PK_BLOCK_V6:
		return (struct span){ h->v6_line, h->v6_buckets };
	case PK_BLOCK_NAME:
		return (struct span){ h->name_line, h->name_buckets };
	case PK_BLOCK_VALUE:
		return (struct span){ h->value_line, h->value_buckets };
	default:
		return (struct span){ h->remap_line, h->remap_buckets };
	}
}

static bool inside(uint64_t line, uint64_t count, uint64_t end)
{
	return !count || (line >= PK_HEAD_LINES && line + count <= end);
}

static bool is_root(const struct pk_image_head *h, uint32_t root)
{
	return !(root & PK_NET_INNER) || (root & PK_NET_LINE) < h->net_lines;
}

static bool are_inside(const struct pk_image_head *h)
{
	uint32_t end = h->shared_lines;

	for (unsigned t = 0; t < PK_BLOCK_TABLE_COUNT; t++) {
		struct span s = span_of(h, (enum pk_block_table)t);

		if (!inside(s.line, s.lines,
			    t == PK_BLOCK_VALUE ? h->lines : end))
			return false;
	}
	return inside(h->filter_line, ((uint64_t)h->filter_words + 7) / 8,
		      end) &&
	       inside(h->touch_line, h->touch_line ? PK_TOUCH_LINES : 0, end) &&
	       inside(h->net_line, h->net_lines, end) &&
	       is_root(h, h->net4_root) && is_root(h, h->net6_root);
}

int pk_block_check(const struct pk_line *lines, uint64_t count)
{
	struct pk_image_head h;

	if (count < PK_HEAD_LINES)
		return -EBADMSG;
	memcpy(&h, lines, sizeof(h));
	if (h.magic != PK_IMAGE_MAGIC || h.lines < PK_HEAD_LINES ||
	    h.lines > count || h.shared_lines < PK_HEAD_LINES ||
	    h.shared_lines > h.lines)
		return -EBADMSG;
	if (!are_inside(&h) || (h.items && !h.filter_words))
		return -EBADMSG;
	return pk_block_checksum(lines, h.lines) == h.checksum ? 0 : -EBADMSG;
}

/* --- report -------------------------------------------------------------- */

const char *pk_block_table_word(enum pk_block_table table)
{
	return table < PK_BLOCK_TABLE_COUNT ? shapes[table].word : "";
}

/* The first bucket of the key at @way. */
static uint32_t home(const struct pk_image_head *h, enum pk_block_table table,
		     const struct pk_line *line, unsigned way)
{
	uint64_t hash;

	if (table == PK_BLOCK_V6)
		hash = pk_hash_v6(h->seed, line->q[2 * way],
				  line->q[2 * way + 1]);
	else if (table == PK_BLOCK_NAME || table == PK_BLOCK_VALUE)
		hash = line->q[way];
	else
		hash = pk_hash_v4(h->seed, line->w[way]);
	return pk_bucket_one(pk_bucket_hash(hash), span_of(h, table).lines);
}

static void count_table(const struct pk_line *lines, enum pk_block_table table,
			struct pk_build_report *out)
{
	const struct pk_image_head *h = (const void *)lines;
	struct span s = span_of(h, table);
	uint64_t places = (uint64_t)s.lines * shapes[table].ways;

	out->table[table].lines = s.lines;
	for (uint32_t i = 0; i < s.lines; i++) {
		const struct pk_line *line = &lines[s.line + i];

		for (unsigned way = 0; way < shapes[table].ways; way++) {
			uint32_t id = line->w[shapes[table].ids + way];

			if (!id)
				continue;
			out->table[table].keys++;
			out->table[table].displaced +=
				home(h, table, line, way) != i;
			if (table <= PK_BLOCK_V6 && id == PK_PORTS)
				out->gates++;
		}
	}
	if (places)
		out->table[table].load_pct =
			(uint32_t)(out->table[table].keys * 100ULL / places);
}

static void count_filter(const struct pk_line *lines,
			 struct pk_build_report *out)
{
	const struct pk_image_head *h = (const void *)lines;
	const uint64_t *words = (const uint64_t *)&lines[h->filter_line];
	uint32_t passed = 0;
	double sum = 0;

	if (!h->filter_words)
		return;
	out->filter_bits = h->filter_words * 64ULL;
	for (uint32_t i = 0; i < h->filter_words; i++) {
		unsigned set = (unsigned)__builtin_popcountll(words[i]);
		double fill = set / 64.0;

		out->filter_set += set;
		sum += fill * fill * fill * fill;
	}
	out->filter_expected = sum / h->filter_words;
	for (uint64_t i = 0; i < PROBES; i++)
		passed += !!pk_filter_passes(lines, h, pk_mix(h->checksum + i));
	out->filter_measured = (double)passed / PROBES;
}

void pk_block_report(const struct pk_line *lines, struct pk_build_report *out)
{
	const struct pk_image_head *h = (const void *)lines;

	*out = (struct pk_build_report){
		.bytes = h->lines * sizeof(*lines),
		.shared_bytes = h->shared_lines * sizeof(*lines),
		.nets = { h->nets[0], h->nets[1] },
		.net_lines = h->net_lines,
		.net_steps = h->net_steps,
		.collisions = h->collisions,
	};
	for (unsigned t = 0; t < PK_BLOCK_TABLE_COUNT; t++)
		count_table(lines, (enum pk_block_table)t, out);
	count_filter(lines, out);
	if (h->items)
		out->worst_address = 1 + 2;
	out->worst_endpoint = out->worst_address + h->net_steps;
	if (h->name_buckets)
		out->worst_endpoint += 1 + 2;
	if (h->touch_line)
		out->worst_endpoint++;
	if (h->remap_buckets)
		out->worst_endpoint += 2;
}
