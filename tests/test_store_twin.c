/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store against a plain list that does everything the slow way: all types,
 * several feeds, what they say, expiry, base images and restarts, over millions
 * of random operations.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/image/lookup.h"
#include "ioc/store/store_inside.h"
#include "tests/store_twin.h"

enum {
	SEED = 99,
	VALUES = 420,
	FEEDS = 6,
	OPS = 2000000,
	CHECK_EVERY = 401,
	KEYS = 256,
	NAME_DEPTH = 4,
};

static const char *const words[] = { "", "bot", "c2-server", "a,b,c" };
static const char *const ids[] = { "", "", "1", "id-77", "0190ab-cd" };

/* What a feed says: indexes into the words, so that it can be compared. */
struct said {
	bool there;
	struct pk_meta meta;
};

struct twin {
	struct pk_indicator ind;
	struct said said[FEEDS];
	bool in_base, at_freeze;
	uint32_t slot; /* last given */
	uint64_t key, filter;
	uint64_t ancestor[NAME_DEPTH];
	unsigned ancestors;
};

static struct twin twins[VALUES];
static unsigned values;
static bool frozen;
static uint32_t now;
static struct pk_store *s;

static unsigned draw(unsigned below)
{
	return (unsigned)random() % below;
}

static bool alive(const struct twin *t)
{
	for (unsigned f = 0; f < FEEDS; f++)
		if (t->said[f].there)
			return true;
	return false;
}

/* --- values --------------------------------------------------------------- */

static uint64_t key_of_name(const struct pk_indicator *ind)
{
	uint64_t hash = pk_name_hash(SEED, ind->value);

	if (ind->match == PK_MATCH_SUBDOMAINS)
		return pk_name_subdomains(hash);
	return ind->match == PK_MATCH_ONE_LABEL ? pk_name_one_label(hash)
						: hash;
}

static void set_keys(struct twin *t)
{
	uint8_t small[PK_SMALL_VALUE];
	const uint8_t *bytes, *at = t->ind.value;
	unsigned len = pk_indicator_bytes(&t->ind, small, &bytes);

	if (t->ind.type == PK_INDICATOR_IP_PORT)
		t->key = pk_endpoint_key(SEED, &t->ind.addr, t->ind.port);
	else
		t->key = pk_value_hash(SEED, t->ind.type, bytes, len);
	t->filter = t->key;
	if (t->ind.type != PK_INDICATOR_DOMAIN)
		return;
	t->key = key_of_name(&t->ind);
	t->filter = pk_name_hash(SEED, at);
	for (at += *at + 1; *at; at += *at + 1)
		t->ancestor[t->ancestors++] = pk_name_hash(SEED, at);
}

static void make_value(enum pk_indicator_type type, enum pk_match match,
		       const char *text)
{
	struct pk_indicator *ind = &twins[values].ind;
	enum pk_refused refused;

	pk_indicator_init(ind);
	refused = pk_indicator_parse_as(ind, type, text, strlen(text), NULL);
	if (refused)
		fail_msg("%s is refused: %d", text, (int)refused);
	ind->match = (uint8_t)match;
	for (unsigned i = 0; i < values; i++)
		if (same_value(&twins[i].ind, ind))
			return;
	set_keys(&twins[values]);
	values++;
}

static void make_values(void)
{
	memset(twins, 0, sizeof(twins));
	values = 0;
	make_value(PK_INDICATOR_IPV4_NET, 0, "0.0.0.0/0");
	make_value(PK_INDICATOR_IPV6_NET, 0, "::/0");
	for (unsigned n = 0; values + 24 < VALUES; n++) {
		twin_address(n, make_value);
		twin_name(n, make_value);
		if (n % 4 == 0)
			twin_other(n, make_value);
	}
}

/* --- operations ----------------------------------------------------------- */

static void say_something(struct pk_meta *meta)
{
	static const uint8_t confidences[] = { 0, 49, 50, 51, 100, 255, 255 };

	pk_meta_init(meta);
	meta->threat_type = words[draw(4)];
	meta->tags = words[draw(4)];
	meta->attribution = draw(8) ? "" : words[draw(4)];
	meta->id = ids[draw(5)];
	meta->confidence = confidences[draw(7)];
	meta->threat_class = (uint8_t)draw(3);
	meta->first_seen = draw(4) ? 0 : draw(1000);
	if (!draw(3))
		meta->valid_until = now + 1 + draw(draw(3) ? 60 : 100000);
}

static void add(struct twin *t)
{
	unsigned feed = draw(FEEDS);
	bool was = alive(t);
	uint32_t slot = 0;
	int err;

	t->ind.feed = (uint16_t)feed;
	say_something(&t->ind.meta);
	err = pk_store_add(s, &t->ind, &slot);
	assert_int_equal(err, was ? -EEXIST : 0);
	assert_true(slot && (!was || slot == t->slot));
	for (unsigned i = 0; i < values; i++)
		if (!was && &twins[i] != t)
			assert_false(alive(&twins[i]) && twins[i].slot == slot);
	t->slot = slot;
	t->said[feed] = (struct said){ true, t->ind.meta };
}

static void del(struct twin *t, bool all)
{
	unsigned feed = draw(FEEDS);
	bool there = all ? alive(t) : t->said[feed].there;
	int err = pk_store_del(s, &t->ind, all ? PK_ALL_FEEDS : (uint16_t)feed);

	assert_int_equal(err, there ? 0 : -ENOENT);
	for (unsigned f = 0; f < FEEDS; f++)
		if (all || f == feed)
			t->said[f].there = false;
}

static void del_feed(void)
{
	unsigned feed = draw(FEEDS);
	uint32_t n = 0;

	for (unsigned i = 0; i < values; i++) {
		n += twins[i].said[feed].there;
		twins[i].said[feed].there = false;
	}
	assert_int_equal(pk_store_feed_items(s, (uint16_t)feed), n);
	assert_int_equal(pk_store_del_feed(s, (uint16_t)feed), n);
}

/* Each pair that the store lets go must be due, and once. */
static void gone(void *arg, const struct pk_indicator *ind)
{
	uint32_t *told = arg;

	for (unsigned i = 0; i < values; i++) {
		struct said *said = &twins[i].said[ind->feed];

		if (!same_value(&twins[i].ind, ind))
			continue;
		assert_true(said->there && said->meta.valid_until);
		assert_true(said->meta.valid_until <= now);
		assert_string_equal(said->meta.id, ind->meta.id);
		said->there = false;
		(*told)++;
		return;
	}
	fail();
}

static void expire(void)
{
	uint32_t told = 0, died = 0, before, max;
	unsigned living = 0, due = 0;
	int more = 1;

	now += draw(20) ? draw(3) : draw(20000);
	for (unsigned i = 0; i < values; i++) {
		living += alive(&twins[i]);
		for (unsigned f = 0; f < FEEDS; f++)
			due += twins[i].said[f].there &&
			       twins[i].said[f].meta.valid_until &&
			       twins[i].said[f].meta.valid_until <= now;
	}
	while (more) {
		before = told;
		max = 1 + draw(10);
		died += pk_store_expire(s, now, max, &more, gone, &told);
		assert_true(told - before <= max);
		assert_true(!more || told - before == max);
	}
	assert_int_equal(told, due);
	for (unsigned i = 0; i < values; i++)
		living -= alive(&twins[i]);
	assert_int_equal(died, living);
}

static void freeze(void)
{
	assert_int_equal(pk_store_freeze(s), frozen ? -EBUSY : 0);
	for (unsigned i = 0; i < values && !frozen; i++)
		twins[i].at_freeze = alive(&twins[i]);
	frozen = true;
}

static void settle(void)
{
	uint32_t cursor = 0, max = 1U << random() % 16;

	while (pk_store_settle_some(s, &cursor, max))
		;
	for (unsigned i = 0; i < values; i++)
		twins[i].in_base =
			frozen ? twins[i].at_freeze : alive(&twins[i]);
	frozen = false;
}

/* Through the disk and back: what was begun with the base is forgotten. */
static void restart(void)
{
	static struct pk_section sections[PK_SECTIONS_MAX];
	unsigned n = pk_store_sections(s, sections);
	struct pk_store *copy;
	void *at;

	assert_int_equal(pk_store_new(&copy, SEED), 0);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(
			pk_store_section_room(copy, i, sections[i].bytes, &at),
			0);
		if (sections[i].bytes)
			memcpy(at, sections[i].at, sections[i].bytes);
	}
	pk_store_free(s);
	assert_int_equal(pk_store_adopt(copy), 0);
	s = copy;
	frozen = false;
}

/* Mostly growing, then mostly shrinking. */
static void operate(unsigned step)
{
	struct twin *t = &twins[draw(values)];
	unsigned op = draw(1000);

	if (op < (step / 5000 % 2 ? 400U : 700U))
		add(t);
	else if (op < 920)
		del(t, false);
	else if (op < 960)
		del(t, true);
	else if (op < 990)
		expire();
	else if (op == 990 && !draw(5))
		del_feed();
	else if (op < 994)
		freeze();
	else if (op == 994 && frozen) {
		pk_store_thaw(s);
		frozen = false;
	} else if (op == 995)
		settle();
	else if (op == 996 && !draw(10))
		restart();
}

/* --- agreement: what is there --------------------------------------------- */

static void check_meta(const struct pk_meta *a, const struct pk_meta *b)
{
	assert_string_equal(a->id, b->id);
	assert_string_equal(a->threat_type, b->threat_type);
	assert_string_equal(a->tags, b->tags);
	assert_string_equal(a->attribution, b->attribution);
	assert_int_equal(a->first_seen, b->first_seen);
	assert_int_equal(a->valid_until, b->valid_until);
	assert_int_equal(a->threat_class, b->threat_class);
	assert_int_equal(a->confidence, b->confidence);
}

static unsigned weight(const struct said *said)
{
	return said->meta.confidence == 255 ? 50 : said->meta.confidence;
}

static unsigned reported_feed(const struct twin *t)
{
	unsigned best = FEEDS;

	for (unsigned f = 0; f < FEEDS; f++)
		if (t->said[f].there &&
		    (best == FEEDS ||
		     weight(&t->said[f]) > weight(&t->said[best])))
			best = f;
	return best;
}

static void check_live(const struct twin *t)
{
	unsigned feeds = 0, first = reported_feed(t);
	uint16_t list[FEEDS];
	struct pk_indicator ind;
	struct pk_meta meta;

	assert_int_equal(pk_store_find(s, &t->ind), t->slot);
	assert_int_equal(pk_store_get(s, t->slot, &ind), 0);
	assert_true(same_value(&ind, &t->ind));
	assert_int_equal(ind.feed, first);
	check_meta(&ind.meta, &t->said[first].meta);
	for (unsigned f = 0; f < FEEDS; f++) {
		bool there = t->said[f].there;

		feeds += there;
		assert_int_equal(pk_store_meta(s, t->slot, (uint16_t)f, &meta),
				 there ? 0 : -ENOENT);
		if (there)
			check_meta(&meta, &t->said[f].meta);
	}
	assert_int_equal(pk_store_feeds(s, t->slot, list, FEEDS), feeds);
	assert_int_equal(list[0], first);
}

static void check_there(void)
{
	struct pk_store_stats st, want = { 0 };
	uint32_t slot = 0;

	for (unsigned i = 0; i < values; i++) {
		const struct twin *t = &twins[i];
		bool live = alive(t);

		want.live += live;
		want.by_type[t->ind.type] += live;
		want.additions += live && !t->in_base;
		want.tombstones += !live && t->in_base;
		for (unsigned f = 0; f < FEEDS; f++)
			want.expiring +=
				t->said[f].there && t->said[f].meta.valid_until;
		if (live)
			check_live(t);
		else
			assert_int_equal(pk_store_find(s, &t->ind), 0);
	}
	pk_store_stats(s, &st);
	assert_int_equal(st.live, want.live);
	assert_memory_equal(st.by_type, want.by_type, sizeof(st.by_type));
	assert_int_equal(st.additions, want.additions);
	assert_int_equal(st.tombstones, want.tombstones);
	assert_int_equal(st.expiring, want.expiring);
	while ((slot = pk_store_next(s, slot)))
		want.live--;
	assert_int_equal(want.live, 0);
}

/* --- agreement: keys ------------------------------------------------------ */

static bool is_addr(const struct pk_key *key, const union pk_addr *addr)
{
	bool v4 = pk_is_v4(addr);

	if (key->table == PK_TABLE_V4 || key->table == PK_TABLE_NET4)
		return v4 && key->q[0] == addr->w[3];
	return !v4 && !memcmp(key->q, addr->q, 16);
}

static bool is_key(const struct pk_key *key, const struct twin *t)
{
	static const uint8_t tables[PK_INDICATOR_TYPE_COUNT] = {
		[PK_INDICATOR_IPV4] = PK_TABLE_V4,
		[PK_INDICATOR_IPV6] = PK_TABLE_V6,
		[PK_INDICATOR_IPV4_NET] = PK_TABLE_NET4,
		[PK_INDICATOR_IPV6_NET] = PK_TABLE_NET6,
		[PK_INDICATOR_IP_PORT] = PK_TABLE_NAME,
		[PK_INDICATOR_DOMAIN] = PK_TABLE_NAME,
	};
	unsigned type = t->ind.type;

	if (type > PK_INDICATOR_DOMAIN)
		return key->table == PK_TABLE_VALUE && key->q[0] == t->key &&
		       key->hash == t->filter;
	if (key->table != tables[type])
		return false;
	if (key->table == PK_TABLE_NAME)
		return key->q[0] == t->key && key->hash == t->filter;
	return key->bits == t->ind.bits && is_addr(key, &t->ind.addr);
}

static bool is_ancestor(uint64_t hash, const struct twin *t)
{
	for (unsigned i = 0; i < t->ancestors; i++)
		if (t->ancestor[i] == hash)
			return true;
	return false;
}

struct kinds {
	unsigned own, ancestors, gates;
};

/* Each key must be of somebody who is wanted. */
static void check_key(const struct pk_key *key, const bool *wanted, bool delta,
		      struct kinds *n)
{
	for (unsigned i = 0; i < values; i++) {
		const struct twin *t = &twins[i];
		bool live = delta ? alive(t) : wanted[i];
		uint32_t id = t->slot;

		if (!wanted[i])
			continue;
		if (key->ancestor) {
			if (!live || !is_ancestor(key->hash, t))
				continue;
			n->ancestors++;
			return;
		}
		if (key->id == PK_PORTS) {
			if (!live || t->ind.type != PK_INDICATOR_IP_PORT ||
			    !is_addr(key, &t->ind.addr))
				continue;
			n->gates++;
			return;
		}
		if (!is_key(key, t))
			continue;
		if (!live)
			id = key->table >= PK_TABLE_NET4 ? id | PK_TOMBSTONE
							 : PK_TOMBSTONE;
		assert_int_equal(key->id, id);
		n->own++;
		return;
	}
	fail();
}

static void check_counts(unsigned want)
{
	uint32_t by_type[PK_INDICATOR_TYPE_COUNT];

	pk_store_base_counts(s, by_type);
	for (unsigned i = 0; i < PK_INDICATOR_TYPE_COUNT; i++)
		want -= by_type[i];
	assert_int_equal(want, 0);
}

static void check_keys(bool delta)
{
	struct kinds got = { 0 }, want = { 0 };
	bool wanted[VALUES];
	struct pk_key keys[KEYS];
	uint32_t cursor = 0;
	unsigned n;

	for (unsigned i = 0; i < values; i++) {
		const struct twin *t = &twins[i];
		bool live = delta || !frozen ? alive(t) : t->at_freeze;

		wanted[i] = delta ? live != t->in_base : live;
		want.own += wanted[i];
		if (!wanted[i] || !live)
			continue;
		want.ancestors += t->ancestors;
		want.gates += t->ind.type == PK_INDICATOR_IP_PORT;
	}
	while ((n = (delta ? pk_store_delta_keys
			   : pk_store_base_keys)(s, &cursor, keys, KEYS)))
		for (unsigned i = 0; i < n; i++)
			check_key(&keys[i], wanted, delta, &got);
	if (!delta)
		check_counts(want.own);
	assert_int_equal(got.own, want.own);
	assert_int_equal(got.ancestors, want.ancestors);
	assert_int_equal(got.gates, want.gates);
}

/* --- agreement: what covers what ------------------------------------------ */

static void check_cover(const struct twin *q)
{
	uint32_t slots[PK_STORE_COVERS];
	unsigned n = pk_store_cover(s, &q->ind, slots, PK_STORE_COVERS);
	unsigned last_bits = 128, want = 0;

	for (unsigned i = 0; i < values; i++) {
		const struct twin *t = &twins[i];
		unsigned at = 0;

		if (!alive(t) || !covers(&t->ind, &q->ind))
			continue;
		want++;
		while (at < n && slots[at] != t->slot)
			at++;
		assert_true(at < n);
	}
	assert_int_equal(n, want);
	assert_true(!alive(q) || slots[0] == q->slot);
	for (unsigned i = 0; i < n; i++) {
		struct pk_indicator ind;

		pk_store_get(s, slots[i], &ind);
		assert_true(!is_net(&ind) || ind.bits < last_bits);
		if (is_net(&ind))
			last_bits = ind.bits;
	}
}

static void check_wider(const struct twin *q)
{
	const struct twin *best = NULL;

	if (!is_net(&q->ind) || !alive(q))
		return;
	for (unsigned i = 0; i < values; i++) {
		const struct twin *t = &twins[i];

		if (alive(t) && t != q && covers(&t->ind, &q->ind) &&
		    (!best || t->ind.bits > best->ind.bits))
			best = t;
	}
	assert_int_equal(pk_store_wider(s, q->slot), best ? best->slot : 0);
}

/* Nothing is left behind once everything is gone. */
static void check_nothing_is_held(void)
{
	uint32_t used = 0, free_records = 0;

	for (unsigned i = 0; i < values; i++)
		pk_store_del(s, &twins[i].ind, PK_ALL_FEEDS);
	for (unsigned i = 0; i < 3; i++)
		pk_store_settle(s);
	for (unsigned t = 0; t < s->places.tables; t++)
		used += s->places.table[t].used;
	for (uint32_t r = s->n.free_record; r; r = s->record[r].next)
		free_records++;
	assert_int_equal(used, 0);
	assert_int_equal(free_records, s->n.records - 1);
	assert_int_equal(s->origins.n.origins, 0);
	assert_int_equal(s->origins.n.texts, 0);
	assert_int_equal(s->arena.dead + PK_ARENA_MIN, s->arena.room.used);
	assert_int_equal(s->n.stats.expiring, 0);
}

/* --- the test ------------------------------------------------------------- */

static void random_changes_agree_with_a_plain_list(void **state)
{
	(void)state;
	srandom(1);
	make_values();
	now = 1000000;
	frozen = false;
	assert_int_equal(pk_store_new(&s, SEED), 0);
	for (unsigned step = 0; step < OPS; step++) {
		operate(step);
		if (step % 16 == 0)
			check_cover(&twins[draw(values)]);
		if (step % CHECK_EVERY)
			continue;
		check_there();
		check_wider(&twins[draw(values)]);
		if (draw(3))
			continue;
		check_keys(false);
		check_keys(true);
	}
	check_nothing_is_held();
	pk_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_agree_with_a_plain_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
