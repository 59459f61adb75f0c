/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/image/lookup.h"

#include <stdbool.h>

#include <xxhash.h>

#include "bpf/match.h"
#include "ioc/indicator.h"
#include "ioc/name.h"

enum { CHUNK = 64 };

/* A name on its way from its last label to its first. */
struct walk {
	struct pk_name_suffixes at;
	unsigned labels;  /* of the whole name */
	unsigned matched; /* of the indicator found so far */
	uint32_t slot;
	unsigned known; /* of the suffix at hand */
};

/* --- names --------------------------------------------------------------- */

/* As pk_view_name(), with the filters' answers at hand. */
static uint32_t find_key(const struct pk_view *v, unsigned known, uint64_t key)
{
	uint32_t id = 0;

	if (known & PK_IN_DELTA)
		id = pk_exact_name(v->delta, v->delta_head, key);
	if (!id && known & PK_IN_BASE)
		id = pk_exact_name(v->base, v->base_head, key);
	return id & PK_SLOT_MAX;
}

/* Has an image names of this kind and so many labels? */
static bool may_match(const struct pk_view *v, unsigned match, unsigned labels)
{
	unsigned bit = labels < 31 ? labels : 31;

	return (v->base_head->name_labels[match] |
		v->delta_head->name_labels[match]) >>
		       bit &
	       1;
}

/*
 * The keys under which the suffix at hand may be found, the most specific one
 * first: of the name itself, or of its parent's one-label indicator; then of
 * what covers subdomains. Returns how many.
 */
static unsigned keys_at(const struct pk_view *v, const struct walk *w,
			uint64_t keys[2])
{
	unsigned labels = w->at.labels, n = 0;

	if (labels == w->labels && may_match(v, PK_MATCH_EXACT, labels))
		keys[n++] = w->at.hash;
	if (labels + 1 == w->labels && may_match(v, PK_MATCH_ONE_LABEL, labels))
		keys[n++] = pk_name_one_label(w->at.hash);
	if (may_match(v, PK_MATCH_SUBDOMAINS, labels))
		keys[n++] = pk_name_subdomains(w->at.hash);
	return n;
}

/* What the suffix at hand says is more specific than all before it. */
static void look_at(const struct pk_view *v, struct walk *w)
{
	uint64_t keys[2];
	unsigned n = keys_at(v, w, keys);
	uint32_t slot = PK_NO_SLOT;

	for (unsigned i = 0; i < n && !slot; i++)
		slot = find_key(v, w->known, keys[i]);
	if (!slot)
		return;
	w->slot = slot;
	w->matched = w->at.labels;
}

/* 0: there is nothing to look at. */
static int begin_walk(const struct pk_view *v, struct walk *w,
		      const uint8_t *wire)
{
	w->slot = PK_NO_SLOT;
	w->labels = pk_name_suffixes(&w->at, v->base_head->seed, wire);
	return w->labels ? pk_name_next(&w->at) : 0;
}

uint32_t pk_name_find(const struct pk_view *v, const uint8_t *wire,
		      unsigned *labels)
{
	struct walk w;

	if (!begin_walk(v, &w, wire))
		return PK_NO_SLOT;
	do {
		w.known = pk_view_passes(v, w.at.hash);
		if (w.known)
			look_at(v, &w);
	} while (w.known && pk_name_next(&w.at));
	if (w.slot && labels)
		*labels = w.matched;
	return w.slot;
}

/* --- fetching ahead ------------------------------------------------------ */

/*
 * Inlined always: gcc takes a function that does no more than fetch for one
 * that does nothing, and leaves its calls out.
 */
PK_INLINE void fetch_filter(pk_image_lines *lines,
			    const struct pk_image_head *h, uint64_t hash)
{
	uint32_t word = pk_filter_word(hash, h->filter_words);

	__builtin_prefetch(
		pk_image_line(lines, h, h->filter_line + (word >> 3)));
}

/* Both buckets of a key in a table of the base. */
PK_INLINE void fetch_buckets(const struct pk_view *v, uint32_t first,
			     uint32_t buckets, uint64_t place)
{
	const struct pk_image_head *h = v->base_head;
	uint64_t b = pk_bucket_hash(place);

	__builtin_prefetch(
		pk_image_line(v->base, h, first + pk_bucket_one(b, buckets)));
	__builtin_prefetch(
		pk_image_line(v->base, h, first + pk_bucket_two(b, buckets)));
}

PK_INLINE void fetch_suffix(const struct pk_view *v, const struct walk *w)
{
	fetch_filter(v->base, v->base_head, w->at.hash);
	if (v->delta_head->items)
		fetch_filter(v->delta, v->delta_head, w->at.hash);
}

PK_INLINE void fetch_names(const struct pk_view *v, const struct walk *w)
{
	const struct pk_image_head *h = v->base_head;
	uint64_t keys[2];
	unsigned n = w->known & PK_IN_BASE ? keys_at(v, w, keys) : 0;

	for (unsigned i = 0; i < n; i++)
		fetch_buckets(v, h->name_line, h->name_buckets, keys[i]);
}

/* --- bursts of names ----------------------------------------------------- */

/* Ask the filters about all suffixes at hand; keep the walks that go on. */
static unsigned ask_filters(const struct pk_view *v, struct walk **live,
			    unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		live[i]->known = pk_view_passes(v, live[i]->at.hash);
		if (!live[i]->known)
			continue;
		fetch_names(v, live[i]);
		live[kept++] = live[i];
	}
	return kept;
}

static unsigned ask_tables(const struct pk_view *v, struct walk **live,
			   unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		look_at(v, live[i]);
		if (!pk_name_next(&live[i]->at))
			continue;
		fetch_suffix(v, live[i]);
		live[kept++] = live[i];
	}
	return kept;
}

/* The last label by itself: there are few of them, in the cache anyway. */
static bool ask_top(const struct pk_view *v, struct walk *w)
{
	w->known = pk_view_passes(v, w->at.hash);
	if (!w->known)
		return false;
	look_at(v, w);
	return pk_name_next(&w->at);
}

static void find_names(const struct pk_view *v, const uint8_t *const *wires,
		       unsigned n, uint32_t *slots)
{
	struct walk walk[CHUNK], *live[CHUNK];
	unsigned left = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!begin_walk(v, &walk[i], wires[i]) || !ask_top(v, &walk[i]))
			continue;
		fetch_suffix(v, &walk[i]);
		live[left++] = &walk[i];
	}
	while (left) {
		left = ask_filters(v, live, left);
		left = ask_tables(v, live, left);
	}
	for (unsigned i = 0; i < n; i++)
		slots[i] = walk[i].slot;
}

void pk_lookup_names(const struct pk_view *v, const uint8_t *const *wires,
		     unsigned n, uint32_t *slots)
{
	for (unsigned at = 0; at < n; at += CHUNK)
		find_names(v, wires + at, n - at < CHUNK ? n - at : CHUNK,
			   slots + at);
}

/* --- bursts of endpoints ------------------------------------------------- */

/* The first line of the base's trie that a walk reads. */
PK_INLINE void fetch_root(const struct pk_view *v, const union pk_addr *a,
			  int v4)
{
	const struct pk_image_head *h = v->base_head;
	uint32_t root = pk_net_root(h, v4);
	uint32_t at = h->net_line + (root & PK_NET_LINE);

	if (v4 && h->touch_line)
		__builtin_prefetch(pk_image_line(
			v->base, h, h->touch_line + pk_touch_line(a)));
	if ((root >> PK_NET_KIND_SHIFT & 3) == PK_NET_TABLE)
		at += pk_net_value(a, v4 ? 6 : 0) >> 4;
	if (root)
		__builtin_prefetch(pk_image_line(v->base, h, at));
}

PK_INLINE void fetch_end(const struct pk_view *v, const union pk_addr *a,
			 const struct pk_end *end)
{
	const struct pk_image_head *h = v->base_head;

	fetch_filter(v->base, h, end->hash);
	if (pk_net_root(h, (int)end->v4))
		fetch_root(v, a, (int)end->v4);
}

/* Ask the filters; the ends that go on, with their buckets on the way. */
static unsigned begin_ends(const struct pk_view *v, struct pk_end *end,
			   unsigned n, uint8_t *live)
{
	const struct pk_image_head *h = v->base_head;
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		end[i].in = pk_view_passes(v, end[i].hash);
		if (end[i].in & PK_IN_BASE)
			fetch_buckets(v, end[i].v4 ? h->v4_line : h->v6_line,
				      end[i].v4 ? h->v4_buckets : h->v6_buckets,
				      end[i].hash);
		live[kept] = (uint8_t)i;
		kept += end[i].in || pk_has_nets(v, (int)end[i].v4);
	}
	return kept;
}

/* Of those that matched nothing: what IPv6 addresses carry. They are few. */
static void find_carried(const struct pk_view *v, const struct pk_endpoint *e,
			 unsigned n, uint32_t *slots)
{
	for (unsigned i = 0; i < n; i++)
		if (pk_may_embed(e[i].addr) && !slots[i])
			slots[i] = pk_view_carried(v, e[i].addr, e[i].port);
}

static void find_endpoints(const struct pk_view *v, const struct pk_endpoint *e,
			   unsigned n, uint32_t *slots)
{
	struct pk_end end[CHUNK];
	unsigned left, carriers = 0;
	uint8_t live[CHUNK];

	for (unsigned i = 0; i < n; i++) {
		const union pk_addr *a = e[i].addr;
		int v4 = pk_is_v4(a);

		end[i].v4 = (uint32_t)v4;
		end[i].hash = pk_hash_addr(v->base_head->seed, a, v4);
		end[i].port = e[i].port;
		slots[i] = PK_NO_SLOT;
		carriers |= (unsigned)pk_may_embed(a);
		fetch_end(v, a, &end[i]);
	}
	left = begin_ends(v, end, n, live);
	for (unsigned k = 0; k < left; k++)
		slots[live[k]] =
			pk_view_finish(v, e[live[k]].addr, &end[live[k]]);
	if (carriers)
		find_carried(v, e, n, slots);
}

void pk_lookup_endpoints(const struct pk_view *v, const struct pk_endpoint *e,
			 unsigned n, uint32_t *slots)
{
	for (unsigned at = 0; at < n; at += CHUNK)
		find_endpoints(v, e + at, n - at < CHUNK ? n - at : CHUNK,
			       slots + at);
}

/* --- values -------------------------------------------------------------- */

uint64_t pk_value_hash(uint64_t seed, uint8_t type, const void *bytes,
		       size_t len)
{
	return XXH3_64bits_withSeed(bytes, len, pk_mix(seed ^ (type + 1)));
}

static uint32_t find_value(pk_image_lines *lines, const struct pk_image_head *h,
			   uint64_t key)
{
	uint64_t b = pk_bucket_hash(key);
	uint32_t one = h->value_line + pk_bucket_one(b, h->value_buckets);
	uint32_t two = h->value_line + pk_bucket_two(b, h->value_buckets);
	uint32_t id;

	if (!h->value_buckets)
		return PK_NO_SLOT;
	id = pk_name_in_bucket(pk_image_line(lines, h, one), key);
	if (id)
		return id;
	return pk_name_in_bucket(pk_image_line(lines, h, two), key);
}

uint32_t pk_view_value(const struct pk_view *v, uint64_t key)
{
	uint32_t id = find_value(v->delta, v->delta_head, key);

	if (!id)
		id = find_value(v->base, v->base_head, key);
	return id & PK_SLOT_MAX;
}
