/* SPDX-License-Identifier: BSD-2-Clause */
/* ioc hits */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/ctlops_ioc.h"
#include "control/text.h"

enum {
	HITS_LIMIT = 20,
	HITS_MAX = 10000,
	LOOK = 512, /* slots looked at in a step */
	TELL = 16,  /* elements told in one */
};

struct tally {
	uint64_t hits;
	uint32_t items;
	uint32_t key; /* slot, feed or type */
};

/* The best so far, the least of them first: a heap of at most limit. */
struct tallies {
	struct tally *heap;
	uint32_t count, limit;
	uint64_t total, hits;
	struct tally *feed; /* PK_FEEDS_MAX */
	struct tally type[PK_INDICATOR_TYPE_COUNT];
};

struct hits {
	struct pk_job job;
	const struct pk_daemon *d;
	struct tallies all;
	const char *by;
	uint32_t slot; /* the last one counted */
	bool counted;
	uint32_t told;
};

static bool is_less(const struct tally *a, const struct tally *b)
{
	return a->hits < b->hits || (a->hits == b->hits && a->key > b->key);
}

static void sink(struct tally *heap, uint32_t count, uint32_t i)
{
	struct tally t = heap[i];

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < count &&
		    is_less(&heap[child + 1], &heap[child]))
			child++;
		if (child >= count || !is_less(&heap[child], &t))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = t;
}

static void keep_best(struct tallies *all, const struct tally *t)
{
	if (!all->limit)
		return;
	if (all->count < all->limit) {
		uint32_t i = all->count++;

		for (; i && is_less(t, &all->heap[(i - 1) / 2]);
		     i = (i - 1) / 2)
			all->heap[i] = all->heap[(i - 1) / 2];
		all->heap[i] = *t;
	} else if (is_less(&all->heap[0], t)) {
		all->heap[0] = *t;
		sink(all->heap, all->count, 0);
	}
}

static int by_most(const void *a, const void *b)
{
	return is_less(a, b) ? 1 : -1;
}

static void count_one(const struct pk_daemon *d, struct tallies *all,
		      uint32_t slot, uint64_t hits)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	struct tally t = { hits, 1, slot };
	struct pk_indicator ind;
	uint16_t feeds[PK_FEEDS_MAX];
	unsigned n;

	all->total++;
	all->hits += hits;
	keep_best(all, &t);
	if (pk_store_get(s, slot, &ind))
		return;
	all->type[ind.type].hits += hits;
	all->type[ind.type].items++;
	n = pk_store_feeds(s, slot, feeds, PK_FEEDS_MAX);
	for (unsigned i = 0; i < n; i++) {
		all->feed[feeds[i]].hits += hits;
		all->feed[feeds[i]].items++;
	}
}

/* One that has gone since it was counted is told no more; nor is another that
 * has its slot now, whose count began anew. */
static bool is_there(const struct hits *h, const struct tally *t)
{
	const struct pk_indicators *i = h->d->indicators;

	return strcmp(h->by, "indicator") ||
	       (pk_store_is_live(pk_indicators_store(i), t->key) &&
		pk_indicators_hits(i, t->key) >= t->hits);
}

static void tell_indicator(const struct pk_daemon *d, struct json_object *o,
			   const struct tally *t)
{
	const struct pk_evidence_entry *e =
		pk_evidence_find(d->evidence, t->key);
	struct pk_indicator ind;

	if (pk_store_get(pk_indicators_store(d->indicators), t->key, &ind))
		return;
	pk_ctlops_add_number(o, "slot", t->key);
	pk_ioc_add_value(o, &ind);
	pk_ctlops_add_text(o, "feed",
			   pk_indicators_feed_name(d->indicators, ind.feed));
	pk_ctlops_add_number(o, "hits", t->hits);
	if (!e)
		return;
	pk_ioc_add_ns(o, "first_hit", e->first_ns);
	pk_ioc_add_ns(o, "last_hit", e->last_ns);
	pk_ctlops_add_text(o, "role", pk_text_role(e->role));
	pk_ctlops_add_number(o, "depth", e->depth);
}

static void tell_sum(struct json_object *o, const char *key, const char *name,
		     const struct tally *t)
{
	pk_ctlops_add_text(o, key, name);
	pk_ctlops_add_number(o, "items", t->items);
	pk_ctlops_add_number(o, "hits", t->hits);
}

/* Sums take the place of the indicators in the heap. */
static void rank(struct tallies *all, struct tally *sums, uint32_t n)
{
	all->count = 0;
	for (uint32_t i = 0; i < n; i++) {
		sums[i].key = i;
		if (sums[i].hits)
			keep_best(all, &sums[i]);
	}
}

/* Those with most come first. */
static void order(struct hits *h)
{
	struct tallies *all = &h->all;

	if (!strcmp(h->by, "feed"))
		rank(all, all->feed, PK_FEEDS_MAX);
	else if (!strcmp(h->by, "type"))
		rank(all, all->type, PK_INDICATOR_TYPE_COUNT);
	qsort(all->heap, all->count, sizeof(*all->heap), by_most);
	h->counted = true;
}

static enum pk_job_next count_some(struct hits *h)
{
	const struct pk_store *s = pk_indicators_store(h->d->indicators);

	for (unsigned i = 0; i < LOOK; i++) {
		uint64_t hits;

		h->slot = pk_store_next(s, h->slot);
		if (!h->slot) {
			order(h);
			break;
		}
		hits = pk_indicators_hits(h->d->indicators, h->slot);
		if (hits)
			count_one(h->d, &h->all, h->slot, hits);
	}
	return PK_JOB_MORE;
}

static struct json_object *hits_object(const struct hits *h,
				       const struct tally *t)
{
	struct json_object *o = json_object_new_object();

	if (!strcmp(h->by, "feed"))
		tell_sum(o, "feed",
			 pk_indicators_feed_name(h->d->indicators, t->key), t);
	else if (!strcmp(h->by, "type"))
		tell_sum(o, "type", pk_indicator_type_word(t->key), t);
	else
		tell_indicator(h->d, o, t);
	return o;
}

static enum pk_job_next tell_hits(struct hits *h)
{
	struct json_object *o;

	for (unsigned i = 0; i < TELL && h->told < h->all.count; i++) {
		const struct tally *t = &h->all.heap[h->told++];

		if (is_there(h, t))
			pk_ctl_element(h->job.out, hits_object(h, t));
	}
	if (h->told < h->all.count)
		return PK_JOB_MORE;
	o = json_object_new_object();
	pk_ctlops_add_text(o, "by", h->by);
	pk_ctlops_add_number(o, "total", h->all.total);
	pk_ctlops_add_number(o, "hits", h->all.hits);
	pk_ctl_ok(h->job.out, o);
	return PK_JOB_DONE;
}

static enum pk_job_next hits_step(struct pk_job *job)
{
	struct hits *h = (struct hits *)job;

	return h->counted ? tell_hits(h) : count_some(h);
}

static void free_hits(struct pk_job *job)
{
	struct hits *h = (struct hits *)job;

	free(h->all.heap);
	free(h->all.feed);
	free(h);
}

/* 0, or the answer has been given. */
static int take_hits(struct hits *h, struct json_object *args)
{
	struct pk_args a;
	const char *by;

	pk_args_begin(&a, args);
	by = pk_args_text(&a, "by", false);
	h->all.limit =
		(uint32_t)pk_args_number(&a, "limit", HITS_LIMIT, HITS_MAX);
	if (pk_args_end(&a, h->job.out))
		return -EINVAL;
	h->by = by ? by : "indicator";
	if (!strcmp(h->by, "indicator") || !strcmp(h->by, "feed") ||
	    !strcmp(h->by, "type"))
		return 0;
	pk_ctl_fail(h->job.out, PK_CTL_E_USAGE, "by is indicator, feed or type",
		    "hits by \"%.40s\"", h->by);
	return -EINVAL;
}

static int op_hits(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct hits *h = calloc(1, sizeof(*h));
	struct pk_daemon *d = arg;

	(void)bytes;
	(void)n;
	if (!h)
		return -ENOMEM;
	h->job = (struct pk_job){ .out = out,
				  .step = hits_step,
				  .end = free_hits };
	h->d = d;
	if (take_hits(h, args)) {
		free_hits(&h->job);
		return 0;
	}
	h->all.heap = calloc(h->all.limit + 1, sizeof(*h->all.heap));
	h->all.feed = calloc(PK_FEEDS_MAX, sizeof(*h->all.feed));
	if (!h->all.heap || !h->all.feed) {
		free_hits(&h->job);
		return -ENOMEM;
	}
	pk_ctl_begin(out, "items");
	pk_jobs_start(d->jobs, &h->job);
	return PK_CTL_LATER;
}

int pk_ctlops_register_hits(struct pk_daemon *d)
{
	static const struct pk_ctlop ops[] = { { "ioc hits", op_hits } };

	return pk_ctlops_add_all(d, ops, sizeof(ops) / sizeof(ops[0]));
}
