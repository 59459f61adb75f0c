/* SPDX-License-Identifier: BSD-2-Clause */
/* feed list, feed show, ioc history */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/daemon/ctlops_ioc.h"

enum { SAMPLES = 10, HISTORY = 20, HISTORY_MAX = 1000 };

/* FEED */
static struct json_object *feed_object(const struct pk_daemon *d, uint16_t feed)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	const struct pk_feed_info *f = pk_store_feed_info(s, feed);
	struct json_object *o = json_object_new_object();

	pk_ctlops_add_text(o, "feed", f->name);
	pk_ctlops_add_number(o, "items", pk_store_feed_items(s, feed));
	pk_ctlops_add_text(o, "format", f->format);
	pk_ctlops_add_text(o, "source", f->source);
	pk_ctlops_add_text(o, "licence", f->licence);
	pk_ctlops_add_text(o, "attribution", f->attribution);
	pk_ctlops_add_number(o, "ttl", f->ttl_sec);
	pk_ioc_add_sec(o, "loaded", f->loaded);
	pk_ctlops_add_number(o, "records", f->records);
	pk_ctlops_add_number(o, "refused", f->refused);
	return o;
}

/* One that only a dry run has named is none. */
static int is_shown(const struct pk_daemon *d, uint16_t feed)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);

	return pk_store_feed_items(s, feed) ||
	       pk_store_feed_info(s, feed)->loaded;
}

static int op_feed_list(void *arg, struct json_object *args, const void *bytes,
			size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	unsigned count =
		pk_store_feed_count(pk_indicators_store(d->indicators));
	struct json_object *o, *list;
	struct pk_args a;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	if (pk_args_end(&a, out))
		return 0;
	o = json_object_new_object();
	list = pk_ioc_add_list(o, "feeds");
	for (unsigned i = 0; i < count; i++)
		if (is_shown(d, (uint16_t)i))
			json_object_array_add(list,
					      feed_object(d, (uint16_t)i));
	pk_ctl_ok(out, o);
	return 0;
}

static uint64_t hits_of(const struct pk_daemon *d, uint16_t feed)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	uint64_t sum = 0;

	for (uint32_t slot = 0; (slot = pk_store_next(s, slot));) {
		uint64_t n = pk_indicators_hits(d->indicators, slot);
		struct pk_meta meta;

		if (n && !pk_store_meta(s, slot, feed, &meta))
			sum += n;
	}
	return sum;
}

static void add_rejected(struct json_object *list,
			 const struct pk_load_memory *m, unsigned i)
{
	const struct pk_rejected *r = &m->reject[i];
	const struct pk_refusal refusal = {
		.line = r->line,
		.column = r->column,
		.reason = r->reason,
		.text = r->text,
		.text_len = strlen(r->text),
		.field = *r->field ? r->field : NULL,
	};
	struct json_object *o = pk_ioc_add_element(list);
	char sentence[PK_SAY_MAX];

	pk_refusal_print(&refusal, m->name, sentence, sizeof(sentence));
	pk_ctlops_add_number(o, "line", r->line);
	pk_ctlops_add_number(o, "column", r->column);
	pk_ctlops_add_text(o, "reason", pk_refused_word(r->reason));
	pk_ctlops_add_text(o, "text", r->text);
	pk_ctlops_add_text(o, "message", sentence);
}

static int op_feed_show(void *arg, struct json_object *args, const void *bytes,
			size_t n, struct pk_ctl_answer *out)
{
	static const struct pk_feed_stats none;
	struct pk_daemon *d = arg;
	const struct pk_load_memory *m;
	struct json_object *o, *list;
	const char *feed;
	struct pk_args a;
	uint64_t samples;
	int number = -1;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	feed = pk_args_text(&a, "feed", true);
	samples = pk_args_number(&a, "samples", SAMPLES, PK_LOADER_REJECTED);
	if (pk_args_end(&a, out))
		return 0;
	number = pk_store_feed_find(pk_indicators_store(d->indicators), feed);
	if (number < 0 || !is_shown(d, (uint16_t)number)) {
		pk_ctl_fail(out, PK_CTL_E_NOT_FOUND,
			    "feed list shows which there are",
			    "there is no feed \"%.64s\"", feed);
		return 0;
	}
	m = pk_loader_memory(d->loader, (uint16_t)number);
	o = feed_object(d, (uint16_t)number);
	pk_ctlops_add_number(o, "hits", hits_of(d, (uint16_t)number));
	pk_ioc_add_reasons(o, "reasons", m ? m->stats.refused : none.refused,
			   PK_REFUSED_COUNT, pk_ioc_refused_word);
	pk_ioc_add_reasons(o, "skipped", m ? m->stats.skipped : none.skipped,
			   PK_SKIP_REASONS, pk_ioc_skip_word);
	list = pk_ioc_add_list(o, "rejected");
	for (unsigned i = 0; m && i < m->rejects && i < samples; i++)
		add_rejected(list, m, i);
	pk_ctl_ok(out, o);
	return 0;
}

struct history {
	struct json_object *list;
	uint64_t limit;
};

static int on_commit(void *arg, const struct pk_disk_commit *c)
{
	struct history *h = arg;
	struct json_object *o;

	if (!h->limit--)
		return 1;
	o = pk_ioc_add_element(h->list);
	pk_ctlops_add_number(o, "commit", c->number);
	pk_ioc_add_sec(o, "time", c->at);
	pk_ctlops_add_text(o, "op", c->op);
	pk_ctlops_add_text(o, "feed", c->feed);
	pk_ctlops_add_number(o, "by", c->uid);
	pk_ctlops_add_number(o, "added", c->added);
	pk_ctlops_add_number(o, "changed", c->changed);
	pk_ctlops_add_number(o, "withdrawn", c->withdrawn);
	pk_ctlops_add_number(o, "total", c->live);
	return 0;
}

static int op_history(void *arg, struct json_object *args, const void *bytes,
		      size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct history h;
	struct json_object *o;
	struct pk_args a;
	int err;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	h.limit = pk_args_number(&a, "limit", HISTORY, HISTORY_MAX);
	if (pk_args_end(&a, out))
		return 0;
	o = json_object_new_object();
	h.list = pk_ioc_add_list(o, "commits");
	err = pk_indicators_history(d->indicators, on_commit, &h);
	if (err < 0) {
		json_object_put(o);
		return err;
	}
	pk_ctlops_add_number(o, "commit", pk_indicators_last(d->indicators));
	pk_ctl_ok(out, o);
	return 0;
}

int pk_ctlops_register_feed(struct pk_daemon *d)
{
	static const struct pk_ctlop ops[] = {
		{ "feed list", op_feed_list },
		{ "feed show", op_feed_show },
		{ "ioc history", op_history },
	};

	return pk_ctlops_add_all(d, ops, sizeof(ops) / sizeof(ops[0]));
}
