/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stddef.h>

#include "ioc/image/builder.h"

/* A name that lives comes behind its ancestors: so many labels it has. */
static void count_labels(struct pk_key *keys, unsigned n)
{
	unsigned ancestors = 0;

	for (unsigned i = 0; i < n; i++) {
		if (keys[i].ancestor) {
			ancestors++;
			continue;
		}
		if (keys[i].table == PK_TABLE_NAME &&
		    !(keys[i].id & PK_TOMBSTONE))
			keys[i].bits = (uint8_t)(ancestors + 1);
		ancestors = 0;
	}
}

static unsigned base_keys(const void *arg, uint32_t *cursor,
			  struct pk_key *keys, unsigned max)
{
	unsigned n = pk_store_base_keys(arg, cursor, keys, max);

	count_labels(keys, n);
	return n;
}

/* A dead prefix: what took its place, unless the store has said so. */
static void complete(const struct pk_store *s, struct pk_key *key)
{
	struct pk_indicator wider;

	if (key->dead || !(key->id & PK_TOMBSTONE) ||
	    (key->table != PK_TABLE_NET4 && key->table != PK_TABLE_NET6))
		return;
	key->dead = key->id & PK_SLOT_MAX;
	key->wider = pk_store_wider(s, key->dead);
	if (!key->wider)
		return;
	if (pk_store_get(s, key->wider, &wider))
		key->wider = PK_NO_SLOT;
	else
		key->wider_bits = wider.bits;
}

static unsigned delta_keys(const void *arg, uint32_t *cursor,
			   struct pk_key *keys, unsigned max)
{
	unsigned n = pk_store_delta_keys(arg, cursor, keys, max);

	count_labels(keys, n);
	for (unsigned i = 0; i < n; i++)
		complete(arg, &keys[i]);
	return n;
}

static unsigned no_keys(const void *arg, uint32_t *cursor, struct pk_key *keys,
			unsigned max)
{
	(void)arg;
	(void)cursor;
	(void)keys;
	(void)max;
	return 0;
}

/* The addresses of IP_PORTs are taken for IPv4, half the ancestors for known. */
static struct pk_key_counts guess(const struct pk_store *s)
{
	uint32_t of[PK_INDICATOR_TYPE_COUNT];
	struct pk_key_counts c = { 0 };

	pk_store_base_counts(s, of);
	c.keys[PK_TABLE_V4] = of[PK_INDICATOR_IPV4] + of[PK_INDICATOR_IP_PORT];
	c.keys[PK_TABLE_V6] = of[PK_INDICATOR_IPV6];
	c.keys[PK_TABLE_NAME] =
		of[PK_INDICATOR_DOMAIN] + of[PK_INDICATOR_IP_PORT];
	c.keys[PK_TABLE_NET4] = of[PK_INDICATOR_IPV4_NET];
	c.keys[PK_TABLE_NET6] = of[PK_INDICATOR_IPV6_NET];
	for (unsigned t = PK_INDICATOR_URL; t < PK_INDICATOR_TYPE_COUNT; t++)
		c.keys[PK_TABLE_VALUE] += of[t];
	c.ancestors = of[PK_INDICATOR_DOMAIN] / 2;
	return c;
}

int pk_builder_base_at(const struct pk_store *s,
		       const struct pk_block_place *place, struct pk_block *out)
{
	struct pk_key_counts expected = guess(s);
	struct pk_key_source source = { .next = base_keys,
					.arg = s,
					.seed = pk_store_seed(s),
					.expected = &expected,
					.place = place };

	return pk_builder_build(&source, out);
}

int pk_builder_base(const struct pk_store *s, struct pk_block *out)
{
	return pk_builder_base_at(s, NULL, out);
}

int pk_builder_delta(const struct pk_store *s, struct pk_block *out)
{
	struct pk_key_source source = { .next = delta_keys,
					.arg = s,
					.seed = pk_store_seed(s) };
	struct pk_block block = { 0 };
	struct pk_store_stats stats;
	int err;

	pk_store_stats(s, &stats);
	if ((uint64_t)stats.additions + stats.tombstones > PK_DELTA_MAX)
		return -E2BIG;
	err = pk_builder_build(&source, &block);
	if (err)
		return err;
	if (block.count > PK_DELTA_LINES) {
		pk_block_free(&block);
		return -E2BIG;
	}
	*out = block;
	return 0;
}

int pk_builder_empty(uint64_t seed, struct pk_block *out)
{
	struct pk_key_source source = { .next = no_keys, .seed = seed };

	return pk_builder_build(&source, out);
}
