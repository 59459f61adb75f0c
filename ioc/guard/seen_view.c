/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sorted by address, or by name from the root down: then a prefix, and a name
 * with all below it, is a run of neighbours. A name is kept turned round, as
 * labels with their lengths from the root's side, so that the name of a run is
 * the beginning of each name in it. skip[] leads to the next one that is not
 * marked (a forest with path halving).
 */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/name.h"
#include "ioc/guard/netset.h"
#include "ioc/guard/seen_inside.h"

struct run {
	uint32_t first, end;
};

struct column {
	struct pk_seen_entry *all;
	uint8_t *texts; /* names turned round */
	uint32_t *skip; /* count + 1 of them */
	uint32_t count;
	uint64_t packets;
	uint64_t marked, marked_packets;
};

struct pk_seen_view {
	struct column addrs, names;
	uint8_t *raw; /* texts of both generations, until it is ready */
};

/* --- copying --------------------------------------------------------------- */

/* @base is where the generation's texts lie in the copy. */
static void copy_entries(struct column *c, const struct pk_seen_generation *g,
			 uint32_t oldest, uint64_t base)
{
	for (uint32_t i = 0; i < g->count; i++) {
		if (g->all[i].last < oldest)
			continue;
		c->all[c->count] = g->all[i];
		c->all[c->count++].key[1] += base << 8;
	}
}

static int column_new(struct column *c, const struct pk_seen_table *t,
		      uint32_t oldest)
{
	size_t room = (size_t)t->now.count + t->before.count;
	uint64_t base = t->texts_room ? t->now.texts_len : 0;

	c->all = malloc((room + 1) * sizeof(*c->all));
	if (!c->all)
		return -ENOMEM;
	copy_entries(c, &t->now, oldest, 0);
	copy_entries(c, &t->before, oldest, base);
	return 0;
}

int pk_seen_view_new(struct pk_seen_view **out, const struct pk_seen *s,
		     uint32_t oldest)
{
	const struct pk_seen_table *t = &s->names;
	struct pk_seen_view *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->raw = malloc((size_t)t->now.texts_len + t->before.texts_len + 1);
	if (!v->raw || column_new(&v->addrs, &s->addrs, oldest) ||
	    column_new(&v->names, t, oldest)) {
		pk_seen_view_free(v);
		return -ENOMEM;
	}
	memcpy(v->raw, t->now.texts, t->now.texts_len);
	memcpy(v->raw + t->now.texts_len, t->before.texts, t->before.texts_len);
	*out = v;
	return 0;
}

static void column_fini(struct column *c)
{
	free(c->all);
	free(c->texts);
	free(c->skip);
}

void pk_seen_view_free(struct pk_seen_view *v)
{
	if (!v)
		return;
	column_fini(&v->addrs);
	column_fini(&v->names);
	free(v->raw);
	free(v);
}

/* --- sorting --------------------------------------------------------------- */

/* Labels from the root's side, without the root. Returns the length. */
static unsigned turn_round(const uint8_t *wire, unsigned len, uint8_t *out)
{
	unsigned at = 0, end = len - 1;

	while (wire[at]) {
		unsigned n = 1U + wire[at];

		end -= n;
		memcpy(out + end, wire + at, n);
		at += n;
	}
	return len - 1;
}

static const uint8_t *text_of(const struct column *c,
			      const struct pk_seen_entry *e, unsigned *len)
{
	*len = e->key[1] & 0xff;
	return c->texts + (e->key[1] >> 8);
}

static int by_bytes(const uint8_t *a, unsigned a_len, const uint8_t *b,
		    unsigned b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order ? order : (int)a_len - (int)b_len;
}

static int by_name(const void *x, const void *y, void *column)
{
	unsigned a_len, b_len;
	const uint8_t *a = text_of(column, x, &a_len);
	const uint8_t *b = text_of(column, y, &b_len);

	return by_bytes(a, a_len, b, b_len);
}

static int by_addr(const void *x, const void *y, void *column)
{
	const struct pk_seen_entry *a = x, *b = y;

	(void)column;
	for (int i = 0; i < 2; i++)
		if (a->key[i] != b->key[i])
			return a->key[i] < b->key[i] ? -1 : 1;
	return 0;
}

typedef int order_fn(const void *x, const void *y, void *column);

/* Sort; what both generations had becomes one. */
static int column_ready(struct column *c, order_fn *order)
{
	uint32_t n = 0;

	qsort_r(c->all, c->count, sizeof(*c->all), order, c);
	for (uint32_t i = 0; i < c->count; i++) {
		struct pk_seen_entry *e = &c->all[i];
		struct pk_seen_entry *last = n ? &c->all[n - 1] : NULL;

		c->packets += e->count;
		if (!last || order(last, e, c) != 0) {
			c->all[n++] = *e;
			continue;
		}
		last->count = e->count > UINT32_MAX - last->count
				      ? UINT32_MAX
				      : last->count + e->count;
		if (last->last < e->last)
			last->last = e->last;
	}
	c->count = n;
	c->skip = malloc((n + 1) * sizeof(*c->skip));
	if (!c->skip)
		return -ENOMEM;
	for (uint32_t i = 0; i <= n; i++)
		c->skip[i] = i;
	return 0;
}

static int turn_names(struct pk_seen_view *v)
{
	struct column *c = &v->names;
	size_t len = 0;

	for (uint32_t i = 0; i < c->count; i++)
		len += c->all[i].key[1] & 0xff;
	c->texts = malloc(len + 1);
	if (!c->texts)
		return -ENOMEM;
	len = 0;
	for (uint32_t i = 0; i < c->count; i++) {
		struct pk_seen_entry *e = &c->all[i];
		unsigned n = turn_round(v->raw + (e->key[1] >> 8),
					e->key[1] & 0xff, c->texts + len);

		e->key[1] = len << 8 | n;
		len += n;
	}
	free(v->raw);
	v->raw = NULL;
	return 0;
}

int pk_seen_view_ready(struct pk_seen_view *v)
{
	for (uint32_t i = 0; i < v->addrs.count; i++) {
		uint64_t *key = v->addrs.all[i].key;

		key[0] = be64toh(key[0]);
		key[1] = be64toh(key[1]);
	}
	if (turn_names(v) || column_ready(&v->addrs, by_addr) ||
	    column_ready(&v->names, by_name))
		return -ENOMEM;
	return 0;
}

/* --- runs ------------------------------------------------------------------ */

/* The first entry not below @key, in the order of addresses. */
static uint32_t addr_place(const struct column *c, const uint64_t key[2])
{
	const struct pk_seen_entry wanted = { .key = { key[0], key[1] } };
	uint32_t low = 0, high = c->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (by_addr(&c->all[mid], &wanted, NULL) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct run addr_run(const struct column *c, const struct pk_net *net)
{
	struct run run = { .first = addr_place(c, net->key), .end = c->count };
	uint64_t end[2] = { net->key[0], net->key[1] };

	/* One behind the last address, where there is one. */
	if (net->bits > 64) {
		end[1] += 1ULL << (128 - net->bits);
		end[0] += !end[1];
	} else {
		end[1] = 0;
		end[0] += net->bits ? 1ULL << (64 - net->bits) : 0;
	}
	if (end[0] || end[1])
		run.end = addr_place(c, end);
	return run;
}

/* Is it for an IPv6 prefix, which no IPv4 address is in? */
static bool is_mapped(const struct pk_seen_entry *e)
{
	return !e->key[0] && e->key[1] >> 32 == 0xffff;
}

/*
 * The first name that is @name or behind it; with @past, that is behind all
 * that begin with it.
 */
static uint32_t name_place(const struct column *c, const uint8_t *name,
			   unsigned len, bool past)
{
	uint32_t low = 0, high = c->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		unsigned n;
		const uint8_t *text = text_of(c, &c->all[mid], &n);
		int order =
			by_bytes(text, past && n > len ? len : n, name, len);

		if (order < 0 || (past && !order))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct run name_run(const struct column *c,
			   const struct pk_indicator *ind)
{
	uint8_t name[PK_NAME_MAX];
	unsigned len = turn_round(ind->value, ind->value_len, name), n;
	struct run run;

	run.first = name_place(c, name, len, false);
	if (ind->match != PK_MATCH_EXACT) {
		run.end = name_place(c, name, len, true);
		return run;
	}
	run.end = run.first;
	if (run.first < c->count) {
		const uint8_t *text = text_of(c, &c->all[run.first], &n);

		run.end += !by_bytes(text, n, name, len);
	}
	return run;
}

struct query {
	const struct column *column;
	struct run run;
	unsigned skip_mapped;
	unsigned below; /* ONE_LABEL: bytes of the name; only one label more */
	bool one_label;
};

static bool ask(const struct pk_seen_view *v, const struct pk_indicator *ind,
		struct query *q)
{
	struct pk_net net;

	memset(q, 0, sizeof(*q));
	if (ind->type == PK_INDICATOR_DOMAIN) {
		q->column = &v->names;
		q->run = name_run(q->column, ind);
		q->one_label = ind->match == PK_MATCH_ONE_LABEL;
		q->below = ind->value_len - 1U;
	} else if (!pk_net_of(&net, ind)) {
		q->column = &v->addrs;
		q->run = addr_run(q->column, &net);
		q->skip_mapped = !net.v4 && net.bits < 96;
	}
	return q->column && q->run.first < q->run.end;
}

static bool is_meant(const struct query *q, const struct pk_seen_entry *e)
{
	const uint8_t *text;
	unsigned len;

	if (q->skip_mapped)
		return !is_mapped(e);
	if (!q->one_label)
		return true;
	text = text_of(q->column, e, &len);
	return len > q->below && len == q->below + 1 + text[q->below];
}

/* --- asking ----------------------------------------------------------------- */

int pk_seen_view_find(const struct pk_seen_view *v,
		      const struct pk_indicator *ind, struct pk_seen_hit *hit)
{
	struct query q;

	memset(hit, 0, sizeof(*hit));
	if (!ask(v, ind, &q))
		return 0;
	for (uint32_t i = q.run.first; i < q.run.end; i++) {
		const struct pk_seen_entry *e = &q.column->all[i];

		if (!is_meant(&q, e))
			continue;
		hit->values++;
		hit->packets += e->count;
		if (hit->last < e->last)
			hit->last = e->last;
	}
	return hit->values > 0;
}

static uint32_t unmarked(struct column *c, uint32_t at)
{
	while (c->skip[at] != at) {
		c->skip[at] = c->skip[c->skip[at]];
		at = c->skip[at];
	}
	return at;
}

void pk_seen_view_mark(struct pk_seen_view *v, const struct pk_indicator *ind)
{
	struct column *c =
		ind->type == PK_INDICATOR_DOMAIN ? &v->names : &v->addrs;
	struct query q;

	if (!ask(v, ind, &q))
		return;
	for (uint32_t i = unmarked(c, q.run.first); i < q.run.end;
	     i = unmarked(c, i + 1)) {
		if (!is_meant(&q, &c->all[i]))
			continue;
		c->skip[i] = i + 1;
		c->marked++;
		c->marked_packets += c->all[i].count;
	}
}

void pk_seen_view_totals(const struct pk_seen_view *v,
			 struct pk_seen_totals *out)
{
	*out = (struct pk_seen_totals){
		.addrs = v->addrs.count,
		.packets = v->addrs.packets,
		.names = v->names.count,
		.queries = v->names.packets,
		.marked_addrs = v->addrs.marked,
		.marked_packets = v->addrs.marked_packets,
		.marked_names = v->names.marked,
		.marked_queries = v->names.marked_packets,
	};
}
