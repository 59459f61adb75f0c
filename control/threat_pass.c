/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/threat_pass.h"

#include <errno.h>
#include <stdlib.h>

#include "control/threat_inside.h"

enum { BUCKETS = 512 }; /* looked at in a slice */

/* An entry by what stays: it may be gone, and another of its key be there. */
struct mark {
	uint64_t order;
	struct pk_threat_key key;
};

struct pk_threat_pass {
	struct pk_threat_pass_conf conf;
	uint32_t bucket; /* the next to look at */
	uint64_t rekeyed;
	struct mark *mark;
	uint32_t count, room, done;
	uint64_t closed;
};

int pk_threat_pass_new(struct pk_threat_pass **out,
		       const struct pk_threat_pass_conf *conf)
{
	struct pk_threat_pass *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->conf = *conf;
	p->rekeyed = pk_threat_table_rekeyed(conf->threats->table);
	*out = p;
	return 0;
}

void pk_threat_pass_free(struct pk_threat_pass *p)
{
	if (!p)
		return;
	free(p->mark);
	free(p);
}

static int wanted(const struct pk_threat_pass *p,
		  const struct pk_threat_entry *e, int last)
{
	const struct pk_threat_subject subject = {
		.type = e->shown.type,
		.offender = &e->shown.offender,
		.target = &e->shown.target,
		.indicator = e->shown.indicator,
		.at_ns = p->conf.threats->now_ns,
	};

	return e->order >= p->conf.from &&
	       (!p->conf.want || p->conf.want(p->conf.arg, &subject, last));
}

static int keep(struct pk_threat_pass *p, const struct pk_threat_entry *e)
{
	uint32_t room = p->room ? 2 * p->room : 256;
	struct mark *mark = p->mark;

	if (p->count == p->room) {
		mark = realloc(mark, room * sizeof(*mark));
		if (!mark)
			return -ENOMEM;
		p->mark = mark;
		p->room = room;
	}
	mark[p->count++] = (struct mark){ e->order, e->key };
	return 0;
}

int pk_threat_pass_look(struct pk_threat_pass *p)
{
	const struct pk_threat_table *t = p->conf.threats->table;
	uint32_t all = pk_threat_table_buckets(t);
	int err = 0;

	for (uint32_t i = 0; i < BUCKETS && p->bucket < all; i++, p->bucket++) {
		const struct pk_threat_entry *e =
			pk_threat_table_bucket(t, p->bucket);

		for (; e && !err; e = e->chain)
			if (wanted(p, e, 0))
				err = keep(p, e);
		if (err)
			return err;
	}
	return p->bucket < all;
}

static int by_order(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	return (x->order > y->order) - (x->order < y->order);
}

void pk_threat_pass_sort(struct pk_threat_pass *p)
{
	if (p->count)
		qsort(p->mark, p->count, sizeof(*p->mark), by_order);
}

int pk_threat_pass_close(struct pk_threat_pass *p, uint32_t n)
{
	struct pk_threats *t = p->conf.threats;
	uint64_t rekeyed;

	while (n && p->done < p->count) {
		const struct mark *m = &p->mark[p->done++];
		struct pk_threat_entry *e =
			pk_threat_table_find(t->table, &m->key);

		if (!e || e->order != m->order || !wanted(p, e, 1))
			continue;
		pk_threats_cut_off(t, e, &t->counters.closed_suppressed);
		p->closed++;
		n--;
	}
	if (p->done < p->count)
		return 1;
	rekeyed = pk_threat_table_rekeyed(t->table);
	if (p->rekeyed == rekeyed)
		return 0;
	p->rekeyed = rekeyed;
	p->bucket = p->count = p->done = 0;
	return -EAGAIN;
}

int pk_threat_pass_show(struct pk_threat_pass *p, pk_threat_sink_fn *show,
			void *arg)
{
	while (p->done < p->count) {
		const struct mark *m = &p->mark[p->done++];
		const struct pk_threat_entry *e =
			pk_threat_table_find(p->conf.threats->table, &m->key);

		if (!e || e->order != m->order)
			continue;
		show(arg, &e->shown);
		return 1;
	}
	return 0;
}

uint64_t pk_threat_pass_at(const struct pk_threat_pass *p)
{
	return p->done < p->count ? p->mark[p->done].order : 0;
}

uint64_t pk_threat_pass_closed(const struct pk_threat_pass *p)
{
	return p->closed;
}
