/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/guard/guard.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpsl.h>

#include "ioc/guard/bogon.h"
#include "ioc/guard/netset.h"

struct pk_guard {
	struct pk_guard_options options;
	const struct pk_safelist *safelist;
	const psl_ctx_t *suffixes; /* built into the library */
	struct pk_netset own;
	struct pk_guard_own *labels; /* by a prefix's id */
};

void pk_guard_options_init(struct pk_guard_options *options)
{
	*options = (struct pk_guard_options){
		.bits_v4 = 8,
		.bits_v6 = 16,
		.shrink_pct = 50,
		.refused_pct = 50,
		.traffic_pct = 1,
		.growth = 10,
		.growth_floor = 100,
		.traffic_floor = 100,
	};
}

int pk_guard_new(struct pk_guard **out, const struct pk_guard_options *options)
{
	struct pk_guard *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->options = *options;
	g->suffixes = psl_builtin();
	*out = g;
	return 0;
}

void pk_guard_free(struct pk_guard *g)
{
	if (!g)
		return;
	pk_netset_fini(&g->own);
	free(g->labels);
	free(g);
}

void pk_guard_set_safelist(struct pk_guard *g, const struct pk_safelist *s)
{
	g->safelist = s;
}

int pk_guard_set_own(struct pk_guard *g, const struct pk_guard_own *own,
		     unsigned count)
{
	struct pk_net *nets = calloc(count + 1, sizeof(*nets));
	struct pk_guard_own *labels = calloc(count + 1, sizeof(*labels));
	struct pk_netset fresh = { 0 };

	if (!nets || !labels)
		goto fail;
	for (unsigned i = 0; i < count; i++) {
		labels[i] = own[i];
		pk_net_set(&nets[i], &own[i].addr, own[i].bits,
			   pk_is_v4(&own[i].addr));
		nets[i].id = i;
	}
	pk_net_sort(nets, count);
	if (pk_netset_put(&fresh, PK_NO_OWNER, nets, count))
		goto fail;
	free(nets);
	free(g->labels);
	pk_netset_fini(&g->own);
	g->labels = labels;
	g->own = fresh;
	return 0;
fail:
	free(nets);
	free(labels);
	return -ENOMEM;
}

/* --- values --------------------------------------------------------------- */

struct check {
	const struct pk_guard *g;
	const struct pk_indicator *ind;
	char *detail; /* may be NULL */
};

__attribute__((format(printf, 2, 3))) static void say(const struct check *c,
						      const char *format, ...)
{
	va_list args;

	if (!c->detail)
		return;
	va_start(args, format);
	vsnprintf(c->detail, PK_GUARD_DETAIL, format, args);
	va_end(args);
}

static bool is_net(const struct pk_indicator *ind)
{
	return ind->type == PK_INDICATOR_IPV4_NET ||
	       ind->type == PK_INDICATOR_IPV6_NET;
}

static bool is_everything(const struct pk_indicator *ind)
{
	if (is_net(ind))
		return !ind->bits;
	return ind->type == PK_INDICATOR_DOMAIN && ind->value_len <= 1;
}

static enum pk_refused check_width(const struct check *c)
{
	const struct pk_guard_options *o = &c->g->options;
	unsigned least =
		c->ind->type == PK_INDICATOR_IPV4_NET ? o->bits_v4 : o->bits_v6;

	if (!is_net(c->ind) || c->ind->bits >= least)
		return PK_REFUSED_NONE;
	say(c, "/%u is wider than /%u", c->ind->bits, least);
	return PK_REFUSED_PREFIX_WIDE;
}

static enum pk_refused check_bogon(const struct check *c,
				   const struct pk_net *net)
{
	const struct pk_guard_options *o = &c->g->options;
	const struct pk_bogon *bogon = pk_bogon_net(net);

	if (!bogon || (bogon->reason == PK_REFUSED_BOGON && o->allow_bogons) ||
	    (bogon->reason == PK_REFUSED_DOCUMENTATION &&
	     !o->refuse_documentation))
		return PK_REFUSED_NONE;
	say(c, "%s", bogon->what);
	return bogon->reason;
}

static enum pk_refused check_own(const struct check *c,
				 const struct pk_net *net)
{
	const struct pk_net *own = pk_netset_cover(&c->g->own, net);
	char text[PK_VALUE_TEXT_MAX];

	if (!own)
		own = pk_netset_inside(&c->g->own, net);
	if (!own)
		return PK_REFUSED_NONE;
	pk_net_print(own, text);
	say(c, "%.60s, %s", text, c->g->labels[own->id].label);
	return PK_REFUSED_OWN_NETWORK;
}

static enum pk_refused check_addr(const struct check *c)
{
	struct pk_net net;
	enum pk_refused why;

	if (pk_net_of(&net, c->ind))
		return PK_REFUSED_NONE;
	why = check_width(c);
	if (!why)
		why = check_bogon(c, &net);
	if (!why)
		why = check_own(c, &net);
	return why;
}

/* A public suffix (the list knows A-labels) or a single label. */
static bool is_suffix(const struct check *c, const char *text)
{
	const struct pk_indicator *ind = c->ind;

	return ind->value_len == ind->value[0] + 2U ||
	       (c->g->suffixes && psl_is_public_suffix(c->g->suffixes, text));
}

static enum pk_refused check_name(const struct check *c)
{
	const struct pk_guard_options *o = &c->g->options;
	const struct pk_bogon *bogon;
	char text[PK_NAME_TEXT_MAX];

	if (c->ind->type != PK_INDICATOR_DOMAIN)
		return PK_REFUSED_NONE;
	pk_name_print(c->ind->value, text);
	if (!o->allow_suffixes && is_suffix(c, text)) {
		say(c, "everything below %.200s belongs to others", text);
		return PK_REFUSED_PUBLIC_SUFFIX;
	}
	bogon = pk_bogon_name(c->ind->value, c->ind->value_len);
	if (!bogon || (bogon->reason == PK_REFUSED_DOCUMENTATION
			       ? !o->refuse_documentation
			       : o->allow_suffixes))
		return PK_REFUSED_NONE;
	say(c, "%s", bogon->what);
	return bogon->reason;
}

static enum pk_refused check_safelist(const struct check *c)
{
	struct pk_safelist_hit hit;

	if (!c->g->safelist ||
	    !pk_safelist_find(c->g->safelist, c->ind, c->detail ? &hit : NULL))
		return PK_REFUSED_NONE;
	if (c->detail)
		pk_safelist_hit_print(&hit, c->detail, PK_GUARD_DETAIL);
	return PK_REFUSED_SAFELISTED;
}

enum pk_refused pk_guard_check(const struct pk_guard *g,
			       const struct pk_indicator *ind, int force,
			       char detail[PK_GUARD_DETAIL])
{
	const struct check c = { g, ind, detail };
	enum pk_refused why;

	say(&c, "%s", "");
	if (is_everything(ind) && !(force && is_net(ind))) {
		say(&c, "it would match all traffic");
		return PK_REFUSED_EVERYTHING;
	}
	if (force)
		return PK_REFUSED_NONE;
	why = check_addr(&c);
	if (!why)
		why = check_name(&c);
	if (!why)
		why = check_safelist(&c);
	return why;
}

/* --- feeds ----------------------------------------------------------------- */

#define WORD(name, word) word,
static const char *const hold_words[] = { PK_GUARD_HOLDS(WORD) };
#undef WORD

const char *pk_guard_hold_word(enum pk_guard_hold hold)
{
	return (unsigned)hold < PK_GUARD_HOLD_COUNT ? hold_words[hold] : "?";
}

__attribute__((format(printf, 4, 5))) static enum pk_guard_hold hold(
	enum pk_guard_hold why, char *sentence, const char *feed,
	const char *format, ...)
{
	int n = snprintf(sentence, PK_GUARD_SENTENCE, "feed %.63s: ", feed);
	va_list args;

	va_start(args, format);
	vsnprintf(sentence + n, PK_GUARD_SENTENCE - (size_t)n, format, args);
	va_end(args);
	return why;
}

/* Did it come as a whole? */
static enum pk_guard_hold check_whole(const struct pk_guard_feed *f,
				      char *sentence)
{
	const struct pk_feed_stats *st = f->stats;

	if (f->broken && f->broken[0])
		return hold(PK_GUARD_HOLD_BROKEN, sentence, f->name, "%.200s",
			    f->broken);
	if (!f->new_items)
		return hold(PK_GUARD_HOLD_EMPTY, sentence, f->name,
			    "it has no indicator");
	if (st && !st->complete)
		return hold(PK_GUARD_HOLD_INCOMPLETE, sentence, f->name,
			    "its last line is missing: cut off on the way?");
	return PK_GUARD_HOLD_NONE;
}

static enum pk_guard_hold check_records(const struct pk_guard *g,
					const struct pk_guard_feed *f,
					char *sentence)
{
	const struct pk_feed_stats *st = f->stats;
	uint64_t rows, refused;

	if (!st)
		return PK_GUARD_HOLD_NONE;
	rows = st->records - st->blank - st->comments - st->headers;
	refused = pk_feed_refused(st);
	if (st->has_declared && rows < st->declared)
		return hold(PK_GUARD_HOLD_DECLARED, sentence, f->name,
			    "%" PRIu64 " records where it says that it has "
			    "%" PRIu64 ": cut off on the way?",
			    rows, st->declared);
	if (refused * 100 > rows * g->options.refused_pct)
		return hold(PK_GUARD_HOLD_REFUSED, sentence, f->name,
			    "%" PRIu64 " of %" PRIu64 " records are refused, "
			    "more than %u %%: is the format right?",
			    refused, rows, g->options.refused_pct);
	return PK_GUARD_HOLD_NONE;
}

static enum pk_guard_hold check_size(const struct pk_guard *g,
				     const struct pk_guard_feed *f,
				     char *sentence)
{
	const struct pk_guard_options *o = &g->options;
	uint64_t was = f->old_items, is = f->new_items;

	if (!was)
		return PK_GUARD_HOLD_NONE;
	if (is < was && (was - is) * 100 > was * o->shrink_pct)
		return hold(PK_GUARD_HOLD_SHRINK, sentence, f->name,
			    "%" PRIu64 " indicators where it had %" PRIu64
			    ", more than %u %% less",
			    is, was, o->shrink_pct);
	if (o->growth && is > o->growth_floor && is > was * o->growth)
		return hold(PK_GUARD_HOLD_GROWTH, sentence, f->name,
			    "%" PRIu64 " indicators where it had %" PRIu64
			    ", more than %" PRIu32 " times as many",
			    is, was, o->growth);
	return PK_GUARD_HOLD_NONE;
}

enum pk_guard_hold pk_guard_feed(const struct pk_guard *g,
				 const struct pk_guard_feed *feed,
				 char sentence[PK_GUARD_SENTENCE])
{
	enum pk_guard_hold why;

	sentence[0] = 0;
	why = check_whole(feed, sentence);
	if (!why)
		why = check_records(g, feed, sentence);
	if (!why)
		why = check_size(g, feed, sentence);
	return why;
}

static enum pk_guard_hold check_share(const struct pk_guard *g,
				      const char *feed, const char *what,
				      uint64_t matched, uint64_t seen,
				      char *sentence)
{
	unsigned limit = g->options.traffic_pct;

	if (seen < g->options.traffic_floor || matched * 100 <= seen * limit)
		return PK_GUARD_HOLD_NONE;
	return hold(PK_GUARD_HOLD_TRAFFIC, sentence, feed,
		    "its new indicators match up to %" PRIu64 " %% of the "
		    "recent %s, more than %u %%",
		    matched * 100 / seen, what, limit);
}

enum pk_guard_hold pk_guard_traffic(const struct pk_guard *g, const char *feed,
				    const struct pk_seen_totals *totals,
				    char sentence[PK_GUARD_SENTENCE])
{
	uint64_t packets = totals->packets / 2;
	uint64_t marked = totals->marked_packets;
	enum pk_guard_hold why;

	sentence[0] = 0;
	why = check_share(g, feed, "packets",
			  marked < packets ? marked : packets, packets,
			  sentence);
	if (!why)
		why = check_share(g, feed, "names asked for",
				  totals->marked_queries, totals->queries,
				  sentence);
	return why;
}
