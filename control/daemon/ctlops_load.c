/* SPDX-License-Identifier: BSD-2-Clause */
/* ioc load, ioc replace, ioc diff, ioc rollback, feed del */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/ctlops_ioc.h"
#include "ioc/feed/mapping.h"

/* Lives until its answer; texts are of the request, which lives as long. */
struct request {
	struct pk_daemon *d;
	struct pk_ctl_answer *out;
	struct pk_load_job job;
	struct pk_ioc_args args;
	struct pk_mapping *mapping; /* owned: not a built-in one */
	char op[PK_DISK_OP_MAX + 1];
};

static void free_request(struct request *r)
{
	pk_mapping_free(r->mapping);
	free(r);
}

/* --- LOADED -------------------------------------------------------------------------- */

static void add_counts(struct json_object *o, const struct pk_feed_stats *s)
{
	pk_ctlops_add_number(o, "bytes", s->bytes);
	pk_ctlops_add_number(o, "text_bytes", s->text_bytes);
	pk_ctlops_add_number(o, "lines", s->lines);
	pk_ctlops_add_number(o, "records", s->records);
	pk_ctlops_add_number(o, "blank", s->blank);
	pk_ctlops_add_number(o, "comments", s->comments);
	pk_ctlops_add_number(o, "headers", s->headers);
	pk_ctlops_add_number(o, "accepted", s->accepted);
	pk_ctlops_add_number(o, "duplicates", s->duplicates);
	pk_ctlops_add_number(o, "unused", s->unused);
	pk_ctlops_add_number(o, "refused", pk_feed_refused(s));
	pk_ctlops_add_number(o, "indicators", s->indicators);
	pk_ctlops_add_number(o, "added", s->added);
	pk_ctlops_add_number(o, "known", s->known);
	pk_ctlops_add_number(o, "refanged", s->refanged);
	pk_ctlops_add_number(o, "host_bits", s->host_bits);
	pk_ctlops_add_number(o, "unknown_columns", s->unknown_columns);
	if (s->has_declared)
		pk_ctlops_add_number(o, "declared", s->declared);
	pk_ioc_add_bool(o, "complete", s->complete);
	pk_ioc_add_reasons(o, "reasons", s->refused, PK_REFUSED_COUNT,
			   pk_ioc_refused_word);
	pk_ioc_add_reasons(o, "skipped", s->skipped, PK_SKIP_REASONS,
			   pk_ioc_skip_word);
}

static void add_guards(struct json_object *o, const struct pk_load_result *r)
{
	struct json_object *list = pk_ioc_add_list(o, "guards");

	for (unsigned i = 0; i < r->guards; i++) {
		const struct pk_load_guard *g = &r->guard[i];
		struct json_object *e = pk_ioc_add_element(list);

		pk_ctlops_add_text(e, "guard", g->guard);
		pk_ioc_add_bool(e, "refuses", g->refuses);
		pk_ioc_add_bool(e, "forced", g->forced);
		pk_ctlops_add_number(e, "count", g->count);
		pk_ctlops_add_text(e, "message", g->message);
	}
}

static struct json_object *add_change(struct json_object *list,
				      const struct pk_load_change *c)
{
	struct json_object *e = pk_ioc_add_element(list);

	pk_ctlops_add_text(e, "type", pk_indicator_type_word(c->type));
	pk_ctlops_add_text(e, "match", pk_match_word(c->match));
	pk_ctlops_add_text(e, "value", c->value);
	return e;
}

static void add_diff(struct json_object *o, const struct pk_load_result *r)
{
	static const char *const words[] = { [PK_DIFF_ADD] = "add",
					     [PK_DIFF_CHANGE] = "change",
					     [PK_DIFF_DEL] = "del" };
	struct json_object *diff = pk_ioc_add_object(o, "diff");
	struct json_object *list, *seen;

	pk_ctlops_add_number(diff, "added", r->added);
	pk_ctlops_add_number(diff, "changed", r->changed);
	pk_ctlops_add_number(diff, "withdrawn", r->withdrawn);
	pk_ctlops_add_number(diff, "same", r->same);
	list = pk_ioc_add_list(diff, "samples");
	for (unsigned i = 0; i < r->changes; i++)
		pk_ctlops_add_text(add_change(list, &r->change[i]), "op",
				   words[r->change[i].what]);
	seen = pk_ioc_add_object(o, "seen");
	pk_ctlops_add_number(seen, "count", r->seen);
	list = pk_ioc_add_list(seen, "samples");
	for (unsigned i = 0; i < r->seens; i++)
		pk_ioc_add_ns(add_change(list, &r->seen_change[i]), "seen",
			      r->seen_change[i].seen_ns);
}

static struct json_object *loaded(const struct pk_load_result *r)
{
	struct json_object *o = json_object_new_object(), *list;

	pk_ctlops_add_text(o, "op", r->op);
	pk_ctlops_add_text(o, "feed", r->feed);
	pk_ctlops_add_text(o, "format", r->format);
	add_counts(o, &r->stats);
	list = pk_ioc_add_list(o, "samples");
	for (unsigned i = 0; i < r->samples; i++)
		json_object_array_add(list,
				      json_object_new_string(r->sample[i]));
	if (*r->broken)
		pk_ctlops_add_text(o, "broken", r->broken);
	add_guards(o, r);
	add_diff(o, r);
	list = pk_ioc_add_object(o, "memory");
	pk_ctlops_add_number(list, "store", r->store_bytes);
	pk_ctlops_add_number(list, "store_after", r->store_after);
	pk_ctlops_add_number(list, "image", r->image_bytes);
	pk_ctlops_add_number(list, "image_after", r->image_after);
	pk_ioc_add_bool(o, "dry_run", r->dry_run);
	pk_ioc_add_bool(o, "applied", r->applied);
	pk_ctlops_add_number(o, "generation", r->generation);
	pk_ctlops_add_number(o, "commit", r->commit);
	pk_ctlops_add_number(o, "ms", r->ms);
	return o;
}

/* What is short for operations that are no loads. */
static struct json_object *summary(const struct request *r,
				   const struct pk_load_result *result)
{
	struct json_object *o = json_object_new_object();

	if (r->job.kind == PK_LOAD_ROLLBACK) {
		pk_ctlops_add_number(o, "to", r->job.commit);
		pk_ctlops_add_number(o, "added", result->added);
		pk_ctlops_add_number(o, "changed", result->changed);
	} else {
		pk_ctlops_add_text(o, "feed", result->feed);
	}
	pk_ctlops_add_number(o, "withdrawn", result->withdrawn);
	pk_ioc_add_bool(o, "dry_run", result->dry_run);
	pk_ctlops_add_number(o, "generation", result->generation);
	pk_ctlops_add_number(o, "commit", result->commit);
	return o;
}

/* --- the end --------------------------------------------------------------------------- */

static enum pk_ctl_code code_of(int status)
{
	switch (status) {
	case -EPERM:
		return PK_CTL_E_GUARDED;
	case -EBADMSG:
		return PK_CTL_E_BROKEN;
	case -ESTALE:
		return PK_CTL_E_CONFLICT;
	case -ENOENT:
		return PK_CTL_E_NOT_FOUND;
	default:
		return PK_CTL_E_FAILED;
	}
}

static void on_loaded(void *arg, int status, const char *why,
		      const struct pk_load_result *result)
{
	struct request *r = arg;
	int is_load =
		r->job.kind == PK_LOAD_ADD || r->job.kind == PK_LOAD_REPLACE;

	if (status && is_load)
		pk_ctl_fail_with(r->out, code_of(status), loaded(result), "%s",
				 why);
	else if (status)
		pk_ctl_fail(r->out, code_of(status), NULL, "%s", why);
	else
		pk_ctl_ok(r->out,
			  is_load ? loaded(result) : summary(r, result));
	free_request(r);
}

static void fail_start(struct request *r, int err)
{
	struct pk_load_progress p;

	pk_loader_progress(r->d->loader, &p);
	if (err == -EBUSY)
		pk_ctl_fail(r->out, PK_CTL_E_BUSY, "ioc status tells how far",
			    "%s of feed %s is under way; one at a time", p.op,
			    p.feed);
	else if (err == -EINVAL)
		pk_ctl_fail(r->out, PK_CTL_E_USAGE, NULL,
			    "a feed's name is 1 to %d bytes, not \"%.64s\"",
			    PK_FEED_NAME_MAX, r->job.feed);
	else
		pk_ctl_fail(r->out, PK_CTL_E_FAILED, NULL, "%s: %s", r->job.op,
			    strerror(-err));
	free_request(r);
}

static int start(struct request *r)
{
	int err;

	r->job.uid = pk_ctl_uid(r->out);
	r->job.fn = on_loaded;
	r->job.arg = r;
	err = pk_loader_start(r->d->loader, &r->job);
	if (err)
		fail_start(r, err);
	return err ? 0 : PK_CTL_LATER;
}

/* --- arguments --------------------------------------------------------------------------- */

static int take_mapping(struct request *r, struct pk_args *a)
{
	const char *text = pk_args_text(a, "mapping", false);
	char why[PK_MAPPING_WHY_MAX];

	if (!text)
		return 0;
	r->job.options.mapping = pk_mapping_find(text);
	if (r->job.options.mapping)
		return 0;
	if (*text != '{') {
		snprintf(r->args.why, sizeof(r->args.why),
			 "no mapping \"%.60s\" is built in", text);
		return -EINVAL;
	}
	if (pk_mapping_parse(&r->mapping, "mapping", text, strlen(text), why)) {
		snprintf(r->args.why, sizeof(r->args.why), "%s", why);
		return -EINVAL;
	}
	r->job.options.mapping = r->mapping;
	return 0;
}

static int take_options(struct request *r, struct pk_args *a)
{
	struct pk_feed_options *o = &r->job.options;
	int format = o->format, type = -1, match = o->match;
	int err = pk_ioc_take_word(a, "format", pk_feed_format_find, &format,
				   r->args.why);

	if (!err)
		err = pk_ioc_take_word(a, "type", pk_indicator_type_find, &type,
				       r->args.why);
	if (!err)
		err = pk_ioc_take_word(a, "match", pk_match_find, &match,
				       r->args.why);
	if (!err)
		err = take_mapping(r, a);
	if (!err)
		err = pk_ioc_take_meta(a, &r->args);
	o->format = (enum pk_feed_format)format;
	o->match = (enum pk_match)match;
	o->has_type = type >= 0;
	o->type = (uint8_t)(type < 0 ? 0 : type);
	o->refang = pk_args_bool(a, "refang");
	o->hosts = pk_args_bool(a, "hosts");
	o->everything = pk_args_bool(a, "everything");
	o->score_min = (uint32_t)pk_args_number(a, "score_min", o->score_min,
						UINT32_MAX);
	o->meta = r->args.ind.meta;
	o->ttl_sec = r->args.ttl_sec;
	o->now = pk_indicators_clock(r->d->indicators);
	return err;
}

static int take(struct request *r, struct json_object *args)
{
	struct pk_load_job *j = &r->job;
	const char *feed, *name, *licence;
	struct pk_args a;
	int err;

	pk_args_begin(&a, args);
	pk_indicator_init(&r->args.ind);
	pk_feed_options_init(&j->options);
	err = take_options(r, &a);
	feed = pk_args_text(&a, "feed", false);
	name = pk_args_text(&a, "name", false);
	licence = pk_args_text(&a, "licence", false);
	j->force = pk_args_bool(&a, "force");
	j->dry_run |= pk_args_bool(&a, "dry_run");
	j->expect = pk_args_number(&a, "expect", UINT64_MAX, INT64_MAX);
	j->has_expect = j->expect != UINT64_MAX;
	j->name = name ? name : "upload";
	j->feed = feed ? feed : j->name;
	j->licence = licence ? licence : "";
	j->attribution = r->args.ind.meta.attribution;
	if (err)
		pk_ioc_usage(r->out, r->args.why);
	else if (pk_args_end(&a, r->out))
		err = -EINVAL;
	return err;
}

static int op_load_as(struct pk_daemon *d, struct json_object *args,
		      const struct pk_load_job *job, struct pk_ctl_answer *out)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->d = d;
	r->out = out;
	r->job = *job;
	if (take(r, args)) {
		free_request(r);
		return 0;
	}
	return start(r);
}

static int op_load(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	const struct pk_load_job job = {
		.kind = PK_LOAD_ADD, .op = "load", .bytes = bytes, .len = n
	};

	return op_load_as(arg, args, &job, out);
}

static int op_replace(void *arg, struct json_object *args, const void *bytes,
		      size_t n, struct pk_ctl_answer *out)
{
	const struct pk_load_job job = { .kind = PK_LOAD_REPLACE,
					 .op = "replace",
					 .bytes = bytes,
					 .len = n };

	return op_load_as(arg, args, &job, out);
}

static int op_diff(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	const struct pk_load_job job = { .kind = PK_LOAD_REPLACE,
					 .op = "diff",
					 .bytes = bytes,
					 .len = n,
					 .dry_run = 1 };

	return op_load_as(arg, args, &job, out);
}

/* --- without bytes -------------------------------------------------------------------------- */

static struct request *new_request(struct pk_daemon *d,
				   struct pk_ctl_answer *out)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->d = d;
	r->out = out;
	r->job.op = r->op;
	r->job.name = r->job.feed = r->job.licence = r->job.attribution = "";
	pk_feed_options_init(&r->job.options);
	return r;
}

static int op_rollback(void *arg, struct json_object *args, const void *bytes,
		       size_t n, struct pk_ctl_answer *out)
{
	struct request *r = new_request(arg, out);
	struct pk_args a;

	(void)bytes;
	(void)n;
	if (!r)
		return -ENOMEM;
	pk_args_begin(&a, args);
	r->job.kind = PK_LOAD_ROLLBACK;
	r->job.commit = pk_args_number(&a, "commit", UINT64_MAX, INT64_MAX);
	r->job.dry_run = pk_args_bool(&a, "dry_run");
	if (pk_args_end(&a, out)) {
		free_request(r);
		return 0;
	}
	if (r->job.commit == UINT64_MAX) {
		free_request(r);
		return pk_ioc_usage(out, "\"commit\" is missing");
	}
	snprintf(r->op, sizeof(r->op), "rollback %llu",
		 (unsigned long long)r->job.commit);
	return start(r);
}

static int op_feed_del(void *arg, struct json_object *args, const void *bytes,
		       size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct request *r = new_request(d, out);
	const char *feed;
	struct pk_args a;

	(void)bytes;
	(void)n;
	if (!r)
		return -ENOMEM;
	pk_args_begin(&a, args);
	r->job.kind = PK_LOAD_DELETE;
	feed = pk_args_text(&a, "feed", true);
	r->job.dry_run = pk_args_bool(&a, "dry_run");
	if (pk_args_end(&a, out)) {
		free_request(r);
		return 0;
	}
	if (pk_store_feed_find(pk_indicators_store(d->indicators), feed) < 0) {
		pk_ctl_fail(out, PK_CTL_E_NOT_FOUND,
			    "feed list shows which there are",
			    "there is no feed \"%.64s\"", feed);
		free_request(r);
		return 0;
	}
	r->job.feed = feed;
	snprintf(r->op, sizeof(r->op), "feed del");
	return start(r);
}

int pk_ctlops_register_load(struct pk_daemon *d)
{
	static const struct pk_ctlop ops[] = {
		{ "ioc load", op_load },     { "ioc replace", op_replace },
		{ "ioc diff", op_diff },     { "ioc rollback", op_rollback },
		{ "feed del", op_feed_del },
	};

	return pk_ctlops_add_all(d, ops, sizeof(ops) / sizeof(ops[0]));
}
