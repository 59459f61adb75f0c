/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctlops_inside.h"
#include "control/loader.h"
#include "ioc/name.h"

enum { LIST_LIMIT = 100, LIST_MAX = 10000, VALUE_MAX = 1024 };

#define DEFAULT_FEED "manual"

/* --- one indicator as JSON ---------------------------------------------------------- */

static struct json_object *item(const struct pk_daemon *d, uint32_t slot)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	struct json_object *o = json_object_new_object();
	char value[PK_VALUE_TEXT_MAX];
	struct pk_indicator ind;

	if (pk_store_get(s, slot, &ind))
		return o;
	pk_indicator_print(&ind, value);
	pk_ctlops_add_number(o, "slot", slot);
	pk_ctlops_add_text(o, "type", pk_indicator_type_word(ind.type));
	pk_ctlops_add_text(o, "value", value);
	pk_ctlops_add_text(o, "feed",
			   pk_indicators_feed_name(d->indicators, ind.feed));
	pk_ctlops_add_text(o, "threat_type", ind.threat_type);
	pk_ctlops_add_number(o, "hits",
			     pk_indicators_hits(d->indicators, slot));
	return o;
}

/* --- add and del ----------------------------------------------------------------------- */

struct push {
	struct pk_daemon *d;
	struct pk_ctl_answer *out;
	struct pk_indicator ind;
	char threat_type[PK_THREAT_TYPE_MAX + 1];
	uint16_t feed;
	uint8_t add;
	uint8_t added;
	uint32_t slot;
};

static void on_pushed(void *arg, int status, const char *why,
		      uint64_t generation)
{
	struct push *p = arg;
	char value[PK_VALUE_TEXT_MAX];
	struct json_object *o;

	if (status) {
		pk_ctlops_fail(p->out, status, why);
		free(p);
		return;
	}
	pk_indicator_print(&p->ind, value);
	o = json_object_new_object();
	if (p->add)
		pk_ctlops_add_number(o, "slot", p->slot);
	pk_ctlops_add_text(o, "type", pk_indicator_type_word(p->ind.type));
	pk_ctlops_add_text(o, "value", value);
	if (p->add)
		json_object_object_add(o, "added",
				       json_object_new_boolean(p->added));
	pk_ctlops_add_number(o, "generation", generation);
	pk_ctl_ok(p->out, o);
	free(p);
}

static void fail_push(struct push *p, int err)
{
	char value[PK_VALUE_TEXT_MAX];

	pk_indicator_print(&p->ind, value);
	if (err == -ENOENT)
		pk_ctl_fail(p->out, PK_CTL_E_NOT_FOUND, NULL,
			    "there is no indicator %s", value);
	else
		pk_ctl_fail(p->out, PK_CTL_E_FAILED, NULL, "%s: %s", value,
			    err == -ENOSPC ? "the store is full"
					   : strerror(-err));
	free(p);
}

static void push_now(void *arg)
{
	struct push *p = arg;
	struct pk_indicators *i = p->d->indicators;
	int err;

	if (p->add) {
		err = pk_indicators_add(i, &p->ind, &p->slot);
		p->added = !err;
		if (err == -EEXIST)
			err = 0;
	} else {
		err = pk_indicators_del(i, &p->ind, p->feed);
	}
	if (err) {
		fail_push(p, err);
		return;
	}
	/* what was there is visible, or on its way, or stuck: then try again */
	if (p->add && !p->added && pk_indicators_is_settled(i))
		on_pushed(p, 0, "", pk_indicators_generation(i));
	else if (pk_indicators_publish(i, 0, on_pushed, p))
		on_pushed(p, -ENOMEM, "out of memory", 0);
}

static int parse_value(struct pk_indicator *ind, const char *value,
		       struct pk_ctl_answer *out)
{
	enum pk_refused why;

	pk_indicator_init(ind);
	why = strlen(value) > VALUE_MAX
		      ? PK_REFUSED_NAME_LONG
		      : pk_indicator_parse(ind, value, strlen(value));
	if (why == PK_REFUSED_NONE)
		return 0;
	pk_ctl_fail(out, PK_CTL_E_USAGE,
		    "an indicator is an IPv4 or IPv6 address, or a domain "
		    "name",
		    "\"%.200s\": %s", value, pk_refused_text(why));
	return -EINVAL;
}

static int set_feed(struct push *p, const char *feed)
{
	struct pk_indicators *i = p->d->indicators;
	int n;

	if (!p->add && !feed) {
		p->feed = PK_ALL_FEEDS;
		return 0;
	}
	n = p->add ? pk_indicators_feed(i, feed ? feed : DEFAULT_FEED)
		   : pk_indicators_feed_find(i, feed);
	if (n == -ENOENT)
		pk_ctl_fail(p->out, PK_CTL_E_NOT_FOUND, NULL,
			    "there is no feed \"%.64s\"", feed);
	else if (n < 0)
		pk_ctl_fail(p->out, PK_CTL_E_USAGE, NULL,
			    n == -ENOSPC ? "too many feeds"
					 : "a feed's name is 1 to 63 bytes");
	p->feed = p->ind.feed = (uint16_t)n;
	return n < 0 ? n : 0;
}

static int set_threat_type(struct push *p, const char *type)
{
	if (!type)
		type = "";
	if (strlen(type) > PK_THREAT_TYPE_MAX) {
		pk_ctl_fail(p->out, PK_CTL_E_USAGE, NULL, "%s",
			    pk_refused_text(PK_REFUSED_THREAT_TYPE));
		return -EINVAL;
	}
	memcpy(p->threat_type, type, strlen(type) + 1);
	p->ind.threat_type = p->threat_type;
	return 0;
}

static int op_push(struct pk_daemon *d, struct json_object *args, int add,
		   struct pk_ctl_answer *out)
{
	const char *value, *feed, *type = NULL;
	struct push *p = calloc(1, sizeof(*p));
	struct pk_args a;
	int err;

	if (!p)
		return -ENOMEM;
	*p = (struct push){ .d = d, .out = out, .add = (uint8_t)add };
	pk_args_begin(&a, args);
	value = pk_args_text(&a, "value", true);
	feed = pk_args_text(&a, "feed", false);
	if (add)
		type = pk_args_text(&a, "threat_type", false);
	if (pk_args_end(&a, out) || parse_value(&p->ind, value, out) ||
	    set_feed(p, feed) || set_threat_type(p, type)) {
		free(p);
		return 0;
	}
	err = pk_indicators_when_free(d->indicators, push_now, p);
	if (err)
		free(p);
	return err ? err : PK_CTL_LATER;
}

static int op_add(void *arg, struct json_object *args, const void *bytes,
		  size_t n, struct pk_ctl_answer *out)
{
	(void)bytes;
	(void)n;
	return op_push(arg, args, 1, out);
}

static int op_del(void *arg, struct json_object *args, const void *bytes,
		  size_t n, struct pk_ctl_answer *out)
{
	(void)bytes;
	(void)n;
	return op_push(arg, args, 0, out);
}

/* --- load --------------------------------------------------------------------------------- */

static void add_reasons(struct json_object *o, const struct pk_feed_stats *s)
{
	struct json_object *reasons = json_object_new_object();

	for (unsigned i = 1; i < PK_REFUSED_COUNT; i++)
		if (s->refused[i])
			pk_ctlops_add_number(reasons, pk_refused_word(i),
					     s->refused[i]);
	json_object_object_add(o, "reasons", reasons);
}

static void on_loaded(void *arg, int status, const char *why,
		      const struct pk_loader_result *r)
{
	struct json_object *o, *samples;
	struct pk_ctl_answer *out = arg;

	if (status) {
		pk_ctlops_fail(out, status, why);
		return;
	}
	o = json_object_new_object();
	samples = json_object_new_array();
	pk_ctlops_add_text(o, "feed", r->feed);
	pk_ctlops_add_text(o, "format", r->format);
	pk_ctlops_add_number(o, "lines", r->stats->lines);
	pk_ctlops_add_number(o, "blank", r->stats->blank);
	pk_ctlops_add_number(o, "comments", r->stats->comments);
	pk_ctlops_add_number(o, "accepted", r->stats->accepted);
	pk_ctlops_add_number(o, "duplicates", r->stats->duplicates);
	pk_ctlops_add_number(o, "refused", pk_feed_refused(r->stats));
	add_reasons(o, r->stats);
	for (unsigned i = 0; i < r->samples; i++)
		json_object_array_add(samples,
				      json_object_new_string(r->sample[i]));
	json_object_object_add(o, "samples", samples);
	pk_ctlops_add_number(o, "generation", r->generation);
	pk_ctl_ok(out, o);
}

static int op_load(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	const char *format, *feed, *name;
	struct pk_loader_conf conf = { .base = d->base,
				       .indicators = d->indicators,
				       .bytes = bytes,
				       .len = n,
				       .fn = on_loaded,
				       .arg = out };
	struct pk_args a;
	int err;

	pk_args_begin(&a, args);
	format = pk_args_text(&a, "format", false);
	feed = pk_args_text(&a, "feed", false);
	name = pk_args_text(&a, "name", false);
	if (pk_args_end(&a, out))
		return 0;
	conf.format = format ? format : "auto";
	conf.name = name ? name : "upload";
	conf.feed = feed ? feed : conf.name;
	err = pk_loader_start(&conf);
	if (!err)
		return PK_CTL_LATER;
	if (err != -EINVAL)
		return err;
	pk_ctl_fail(out, PK_CTL_E_USAGE, "formats are auto, lines and sdn",
		    "unknown format \"%.40s\", or the feed's name \"%.64s\" "
		    "is not 1 to 63 bytes",
		    conf.format, conf.feed);
	return 0;
}

/* --- list ---------------------------------------------------------------------------------- */

struct listing {
	int type; /* -1: all */
	uint64_t limit;
	uint32_t next; /* the last slot shown; 0: no more follow */
};

static void fill_list(const struct pk_daemon *d, struct listing *l,
		      uint32_t after, struct json_object *items)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	uint32_t slot = after, last = after;
	struct pk_indicator ind;
	uint64_t n = 0;

	while ((slot = pk_store_next(s, slot))) {
		if (l->type >= 0 &&
		    (pk_store_get(s, slot, &ind) || ind.type != l->type))
			continue;
		if (n++ == l->limit) {
			l->next = last;
			return;
		}
		json_object_array_add(items, item(d, slot));
		last = slot;
	}
}

static int op_list(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct listing l = { .type = -1 };
	struct json_object *o, *items;
	struct pk_store_stats stats;
	const char *type;
	struct pk_args a;
	uint32_t after;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	type = pk_args_text(&a, "type", false);
	l.limit = pk_args_number(&a, "limit", LIST_LIMIT, LIST_MAX);
	after = (uint32_t)pk_args_number(&a, "after", 0, UINT32_MAX);
	if (pk_args_end(&a, out))
		return 0;
	if (type)
		l.type = pk_indicator_type_find(type);
	if (type && l.type < 0) {
		pk_ctl_fail(out, PK_CTL_E_USAGE,
			    "types are ipv4-addr, ipv6-addr and domain-name",
			    "unknown type \"%.40s\"", type);
		return 0;
	}
	items = json_object_new_array();
	fill_list(d, &l, after, items);
	pk_store_stats(pk_indicators_store(d->indicators), &stats);
	o = json_object_new_object();
	json_object_object_add(o, "items", items);
	pk_ctlops_add_number(o, "total",
			     l.type < 0 ? stats.live : stats.by_type[l.type]);
	if (l.next)
		pk_ctlops_add_number(o, "next", l.next);
	pk_ctl_ok(out, o);
	return 0;
}

/* --- test ----------------------------------------------------------------------------------- */

static void add_item(const struct pk_daemon *d, struct json_object *items,
		     struct pk_indicator *ind)
{
	uint32_t slot = pk_store_find(pk_indicators_store(d->indicators), ind);

	if (slot)
		json_object_array_add(items, item(d, slot));
}

/* The name itself, exactly; then what covers it, the nearest first. */
static void add_names(const struct pk_daemon *d, struct json_object *items,
		      const struct pk_indicator *name)
{
	struct pk_indicator ind = *name;
	size_t at = 0;

	ind.subdomains = 0;
	add_item(d, items, &ind);
	ind.subdomains = 1;
	while (name->name[at]) {
		ind.name_len = (uint16_t)(name->name_len - at);
		memcpy(ind.name, name->name + at, ind.name_len);
		add_item(d, items, &ind);
		at += (size_t)name->name[at] + 1;
	}
}

static int op_test(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct json_object *o, *items;
	char text[PK_VALUE_TEXT_MAX];
	struct pk_indicator ind;
	const char *value;
	struct pk_args a;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	value = pk_args_text(&a, "value", true);
	if (pk_args_end(&a, out) || parse_value(&ind, value, out))
		return 0;
	items = json_object_new_array();
	if (ind.type == PK_INDICATOR_DOMAIN)
		add_names(d, items, &ind);
	else
		add_item(d, items, &ind);
	pk_indicator_print(&ind, text);
	o = json_object_new_object();
	json_object_object_add(
		o, "match",
		json_object_new_boolean(json_object_array_length(items) > 0));
	pk_ctlops_add_text(o, "type", pk_indicator_type_word(ind.type));
	pk_ctlops_add_text(o, "value", text);
	json_object_object_add(o, "items", items);
	pk_ctl_ok(out, o);
	return 0;
}

int pk_ctlops_register_ioc(struct pk_daemon *d)
{
	static const struct {
		const char *name;
		pk_ctl_fn *fn;
	} ops[] = {
		{ "ioc add", op_add },	 { "ioc del", op_del },
		{ "ioc load", op_load }, { "ioc list", op_list },
		{ "ioc test", op_test },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]) && !err; i++)
		err = pk_ctl_add(d->ctl, ops[i].name, ops[i].fn, d);
	return err;
}
