/* SPDX-License-Identifier: BSD-2-Clause */
/* ioc list, ioc test, ioc explain */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/embedded.h"
#include "control/daemon/ctlops_ioc.h"
#include "control/text.h"

enum {
	LIST_LIMIT = 100,
	LIST_MAX = 10000,
	LOOK = 512, /* slots looked at in a step, */
	TELL = 8,   /* or told */
};

/* --- list ------------------------------------------------------------------------------ */

struct listing {
	struct pk_job job;
	const struct pk_daemon *d;
	int type;      /* -1: all */
	uint16_t feed; /* PK_IOC_ANY_FEED: all */
	uint64_t limit, told;
	uint64_t commit; /* when it began */
	uint32_t slot;	 /* the last one looked at */
};

static bool is_wanted(const struct pk_store *s, const struct listing *l,
		      uint32_t slot)
{
	struct pk_indicator ind;
	struct pk_meta meta;

	if (l->feed != PK_IOC_ANY_FEED &&
	    pk_store_meta(s, slot, l->feed, &meta))
		return false;
	return l->type < 0 ||
	       (!pk_store_get(s, slot, &ind) && ind.type == l->type);
}

static void add_total(struct json_object *o, const struct listing *l)
{
	const struct pk_store *s = pk_indicators_store(l->d->indicators);
	struct pk_store_stats stats;

	pk_store_stats(s, &stats);
	if (l->feed == PK_IOC_ANY_FEED)
		pk_ctlops_add_number(o, "total",
				     l->type < 0 ? stats.live
						 : stats.by_type[l->type]);
	else if (l->type < 0)
		pk_ctlops_add_number(o, "total",
				     pk_store_feed_items(s, l->feed));
}

static enum pk_job_next end_list(struct listing *l, bool more)
{
	struct json_object *o = json_object_new_object();

	add_total(o, l);
	pk_ctlops_add_number(o, "commit", l->commit);
	if (more)
		pk_ctlops_add_number(o, "next", l->slot);
	pk_ctl_ok(l->job.out, o);
	return PK_JOB_DONE;
}

static enum pk_job_next list_some(struct pk_job *job)
{
	struct listing *l = (struct listing *)job;
	const struct pk_store *s = pk_indicators_store(l->d->indicators);

	for (unsigned looked = 0, told = 0; looked < LOOK && told < TELL;
	     looked++) {
		uint32_t slot = pk_store_next(s, l->slot);

		if (!slot)
			return end_list(l, false);
		if (is_wanted(s, l, slot)) {
			if (l->told == l->limit)
				return end_list(l, true);
			pk_ctl_element(job->out,
				       pk_ioc_item(l->d, slot, l->feed));
			l->told++;
			told++;
		}
		l->slot = slot;
	}
	return PK_JOB_MORE;
}

static void free_listing(struct pk_job *job)
{
	free(job);
}

/* 0, or the answer has been given. */
static int take_list(struct listing *l, struct json_object *args)
{
	struct pk_ctl_answer *out = l->job.out;
	char why[PK_SAY_MAX];
	const char *feed;
	struct pk_args a;
	int n;

	pk_args_begin(&a, args);
	l->limit = pk_args_number(&a, "limit", LIST_LIMIT, LIST_MAX);
	l->slot = (uint32_t)pk_args_number(&a, "after", 0, UINT32_MAX);
	feed = pk_args_text(&a, "feed", false);
	if (pk_ioc_take_word(&a, "type", pk_indicator_type_find, &l->type,
			     why)) {
		pk_ctl_fail(out, PK_CTL_E_USAGE,
			    "types are ipv4-addr, ipv4-net, domain-name, ...",
			    "%s", why);
		return -EINVAL;
	}
	if (pk_args_end(&a, out))
		return -EINVAL;
	if (!feed)
		return 0;
	n = pk_store_feed_find(pk_indicators_store(l->d->indicators), feed);
	if (n < 0) {
		pk_ctl_fail(out, PK_CTL_E_NOT_FOUND,
			    "feed list shows which there are",
			    "there is no feed \"%.64s\"", feed);
		return -ENOENT;
	}
	l->feed = (uint16_t)n;
	return 0;
}

static int op_list(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct listing *l = calloc(1, sizeof(*l));
	struct pk_daemon *d = arg;

	(void)bytes;
	(void)n;
	if (!l)
		return -ENOMEM;
	*l = (struct listing){
		.job = { .out = out, .step = list_some, .end = free_listing },
		.d = d,
		.type = -1,
		.feed = PK_IOC_ANY_FEED,
		.commit = pk_indicators_last(d->indicators),
	};
	if (take_list(l, args)) {
		free(l);
		return 0;
	}
	pk_ctl_begin(out, "items");
	pk_jobs_start(d->jobs, &l->job);
	return PK_CTL_LATER;
}

/* --- test and explain --------------------------------------------------------------------- */

/* What covers a value, as the planes look for it. */
struct cover {
	struct pk_ioc_args value;
	struct pk_indicator carried; /* looked for instead */
	enum pk_embedded_kind kind;  /* how */
	uint32_t slots[PK_STORE_COVERS];
	unsigned count;
	bool match; /* one of them is valid */
};

/* Is it valid by what one of its feeds says? What ended is there no more. */
static bool has_begun(const struct pk_daemon *d, uint32_t slot)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	uint32_t now = pk_indicators_clock(d->indicators);
	uint16_t feeds[PK_FEEDS_MAX];
	unsigned n = pk_store_feeds(s, slot, feeds, PK_FEEDS_MAX);
	struct pk_meta meta;

	for (unsigned i = 0; i < n; i++)
		if (!pk_store_meta(s, slot, feeds[i], &meta) &&
		    meta.valid_from <= now)
			return true;
	return false;
}

static void find_covers(const struct pk_daemon *d,
			const struct pk_indicator *ind, struct cover *c)
{
	c->count = pk_store_cover(pk_indicators_store(d->indicators), ind,
				  c->slots, PK_STORE_COVERS);
	for (unsigned i = 0; i < c->count && !c->match; i++)
		c->match = has_begun(d, c->slots[i]);
}

/* What an IPv6 address carries comes after itself. */
static void cover(const struct pk_daemon *d, struct cover *c)
{
	const struct pk_indicator *ind = &c->value.ind;
	struct cover inner = *c;

	find_covers(d, ind, c);
	if (c->match || (ind->type != PK_INDICATOR_IPV6 &&
			 ind->type != PK_INDICATOR_IP_PORT))
		return;
	inner.carried = *ind;
	inner.kind = pk_embedded(&ind->addr, &inner.carried.addr);
	if (ind->type == PK_INDICATOR_IPV6)
		inner.carried.type = PK_INDICATOR_IPV4;
	if (inner.kind)
		find_covers(d, &inner.carried, &inner);
	if (inner.kind && (inner.match || !c->count))
		*c = inner;
}

static void add_cover(struct json_object *o, const struct cover *c)
{
#define WORD(name, word) word,
	static const char *const words[] = { PK_EMBEDDED_KINDS(WORD) };
#undef WORD
	char text[PK_VALUE_TEXT_MAX];

	pk_ioc_add_value(o, &c->value.ind);
	if (!c->kind)
		return;
	pk_indicator_print(&c->carried, text);
	pk_ctlops_add_text(o, "embedded", words[c->kind]);
	pk_ctlops_add_text(o, "carried", text);
}

/* Value and type; 0, or the answer has been given. */
static int take_value(struct json_object *args, struct pk_ioc_args *value,
		      struct pk_ctl_answer *out)
{
	struct pk_args a;
	int err;

	pk_args_begin(&a, args);
	pk_indicator_init(&value->ind);
	err = pk_ioc_take_value(&a, value);
	if (err)
		pk_ioc_usage(out, value->why);
	else if (pk_args_end(&a, out))
		err = -EINVAL;
	return err;
}

static void add_safe(struct json_object *o, const struct pk_daemon *d,
		     const struct pk_indicator *ind)
{
	char why[PK_SAY_MAX];

	if (pk_ioc_refused(d, ind, 0, why))
		pk_ctlops_add_text(o, "safe", why);
}

static int op_test(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct cover c = { 0 };
	struct json_object *o, *items;

	(void)bytes;
	(void)n;
	if (take_value(args, &c.value, out))
		return 0;
	cover(d, &c);
	o = json_object_new_object();
	add_cover(o, &c);
	json_object_object_add(o, "match", json_object_new_boolean(c.match));
	add_safe(o, d, &c.value.ind);
	items = pk_ioc_add_list(o, "items");
	for (unsigned i = 0; i < c.count; i++)
		json_object_array_add(
			items, pk_ioc_item(d, c.slots[i], PK_IOC_ANY_FEED));
	pk_ctl_ok(out, o);
	return 0;
}

static void add_evidence(struct json_object *o, const struct pk_daemon *d,
			 uint32_t slot)
{
	static const char *const planes[] = { "file", "xdp", "dpdk",
					      "collect" };
	const struct pk_evidence_entry *e = pk_evidence_find(d->evidence, slot);
	char text[PK_ADDR_TEXT_MAX], proto[PK_TEXT_PROTO];
	struct json_object *part;

	if (!e)
		return;
	pk_ioc_add_ns(o, "first_hit", e->first_ns);
	pk_ioc_add_ns(o, "last_hit", e->last_ns);
	part = pk_ioc_add_object(o, "evidence");
	pk_ioc_add_ns(part, "time", e->last_ns);
	pk_ctlops_add_text(part, "plane",
			   e->plane < PK_PLANES ? planes[e->plane] : "?");
	pk_ctlops_add_text(part, "role", pk_text_role(e->role));
	if (e->depth)
		pk_ctlops_add_number(part, "depth", e->depth);
	pk_text_proto(e->key.proto, proto);
	pk_ctlops_add_text(part, "protocol", proto);
	pk_addr_print(&e->key.src, text);
	pk_ctlops_add_text(part, "src", text);
	pk_ctlops_add_number(part, "src_port", e->key.sport);
	pk_addr_print(&e->key.dst, text);
	pk_ctlops_add_text(part, "dst", text);
	pk_ctlops_add_number(part, "dst_port", e->key.dport);
}

static const char *table_of(const struct pk_indicator *ind)
{
	switch (ind->type) {
	case PK_INDICATOR_IPV4:
		return "v4";
	case PK_INDICATOR_IPV6:
		return "v6";
	case PK_INDICATOR_IPV4_NET:
		return "net4";
	case PK_INDICATOR_IPV6_NET:
		return "net6";
	case PK_INDICATOR_DOMAIN:
	case PK_INDICATOR_IP_PORT:
		return "name";
	default:
		return "value";
	}
}

static void add_where(struct json_object *o, const struct pk_daemon *d,
		      uint32_t slot, const struct pk_indicator *ind)
{
	struct json_object *part = pk_ioc_add_object(o, "where");
	int settled = pk_indicators_is_settled(d->indicators);
	int in_base =
		pk_store_in_base(pk_indicators_store(d->indicators), slot);

	pk_ctlops_add_text(part, "layer",
			   in_base   ? "base"
			   : settled ? "delta"
				     : "none");
	pk_ctlops_add_text(part, "table", table_of(ind));
	pk_ctlops_add_number(part, "generation",
			     pk_indicators_generation(d->indicators));
}

static void add_saying(struct json_object *list, const struct pk_daemon *d,
		       uint32_t slot, uint16_t feed)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	const struct pk_feed_info *info = pk_store_feed_info(s, feed);
	struct json_object *o;
	struct pk_meta meta;

	if (!info || pk_store_meta(s, slot, feed, &meta))
		return;
	o = pk_ioc_add_element(list);
	pk_ctlops_add_text(o, "feed", info->name);
	pk_ioc_add_sec(o, "since",
		       meta.first_seen ? meta.first_seen : info->loaded);
	pk_ctlops_add_text(o, "source", info->source);
	pk_ctlops_add_text(o, "licence", info->licence);
	pk_ctlops_add_text(o, "feed_attribution", info->attribution);
	pk_ioc_add_sec(o, "loaded", info->loaded);
	pk_ioc_add_meta(o, &meta);
}

static void explain(struct json_object *items, const struct pk_daemon *d,
		    uint32_t slot)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	struct json_object *o, *list;
	struct pk_indicator ind;
	uint16_t feeds[256];
	unsigned n;

	if (pk_store_get(s, slot, &ind))
		return;
	o = pk_ioc_add_element(items);
	pk_ctlops_add_number(o, "slot", slot);
	pk_ioc_add_value(o, &ind);
	pk_ctlops_add_number(o, "hits",
			     pk_indicators_hits(d->indicators, slot));
	add_evidence(o, d, slot);
	add_where(o, d, slot, &ind);
	list = pk_ioc_add_list(o, "feeds");
	n = pk_store_feeds(s, slot, feeds, 256);
	for (unsigned i = 0; i < n && i < 256; i++)
		add_saying(list, d, slot, feeds[i]);
}

static int op_explain(void *arg, struct json_object *args, const void *bytes,
		      size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct cover c = { 0 };
	struct json_object *o, *items;

	(void)bytes;
	(void)n;
	if (take_value(args, &c.value, out))
		return 0;
	cover(d, &c);
	o = json_object_new_object();
	add_cover(o, &c);
	pk_ctlops_add_number(o, "generation",
			     pk_indicators_generation(d->indicators));
	pk_ctlops_add_number(o, "commit", pk_indicators_last(d->indicators));
	add_safe(o, d, &c.value.ind);
	items = pk_ioc_add_list(o, "items");
	for (unsigned i = 0; i < c.count; i++)
		explain(items, d, c.slots[i]);
	pk_ctl_ok(out, o);
	return 0;
}

int pk_ctlops_register_show(struct pk_daemon *d)
{
	static const struct pk_ctlop ops[] = {
		{ "ioc list", op_list },
		{ "ioc test", op_test },
		{ "ioc explain", op_explain },
	};

	return pk_ctlops_add_all(d, ops, sizeof(ops) / sizeof(ops[0]));
}
