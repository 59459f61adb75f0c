/* SPDX-License-Identifier: BSD-2-Clause */
/* ioc load, ioc replace, ioc diff, ioc rollback, feed del */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/ctlops_ioc.h"
#include "ioc/feed/mapping.h"

enum { WAITING_MAX = 8 }; /* loads behind the one under way */

/* Texts are of the request. */
struct pk_load_request {
	struct pk_job job;
	struct pk_load_request *next; /* that waits */
	struct pk_daemon *d;
	struct pk_load_job load;
	struct pk_ioc_args args;
	struct pk_mapping *mapping; /* owned: not a built-in one */
	char op[PK_DISK_OP_MAX + 1];
	bool started;

	int status; /* of the end */
	char why[PK_SAY_MAX];
	struct json_object *result;
};

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
static struct json_object *summary(const struct pk_load_request *r,
				   const struct pk_load_result *result)
{
	struct json_object *o = json_object_new_object();

	if (r->load.kind == PK_LOAD_ROLLBACK) {
		pk_ctlops_add_number(o, "to", r->load.commit);
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

static bool is_load(const struct pk_load_request *r)
{
	return r->load.kind == PK_LOAD_ADD || r->load.kind == PK_LOAD_REPLACE;
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

/* The result does not live longer than this. */
static void on_loaded(void *arg, int status, const char *why,
		      const struct pk_load_result *result)
{
	struct pk_load_request *r = arg;

	r->status = status;
	snprintf(r->why, sizeof(r->why), "%s", why);
	if (is_load(r))
		r->result = loaded(result);
	else if (!status)
		r->result = summary(r, result);
	pk_job_go(&r->job);
}

static void tell(struct pk_load_request *r)
{
	struct pk_ctl_answer *out = r->job.out;

	if (!r->status)
		pk_ctl_ok(out, r->result);
	else if (r->result)
		pk_ctl_fail_with(out, code_of(r->status), r->result, "%s",
				 r->why);
	else
		pk_ctl_fail(out, code_of(r->status), NULL, "%s", r->why);
	r->result = NULL;
}

/* --- one after the other ------------------------------------------------------------------ */

unsigned pk_ctlops_loads_waiting(const struct pk_daemon *d)
{
	unsigned n = 0;

	for (const struct pk_load_request *r = d->loads; r; r = r->next)
		n += !r->started && !pk_ctl_has_left(r->job.out);
	return n;
}

/* Those whose clients have left end: their uploads take room. */
static void let_go(struct pk_daemon *d)
{
	for (struct pk_load_request *r = d->loads; r; r = r->next)
		if (!r->started && pk_ctl_has_left(r->job.out))
			pk_job_go(&r->job);
}

static void queue(struct pk_load_request *r)
{
	struct pk_load_request **at = &r->d->loads;

	while (*at)
		at = &(*at)->next;
	*at = r;
}

/* The first of those in line is the one under way. */
static void end(struct pk_job *job)
{
	struct pk_load_request *r = (struct pk_load_request *)job;
	struct pk_load_request **at = &r->d->loads;

	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	if (r->d->loads && !r->d->loads->started)
		pk_job_go(&r->d->loads->job);
	json_object_put(r->result);
	pk_mapping_free(r->mapping);
	free(r);
}

static enum pk_job_next fail_start(struct pk_load_request *r, int err)
{
	struct pk_ctl_answer *out = r->job.out;

	if (err == -EINVAL)
		pk_ctl_fail(out, PK_CTL_E_USAGE, NULL,
			    "a feed's name is 1 to %d bytes, not \"%.64s\"",
			    PK_FEED_NAME_MAX, r->load.feed);
	else
		pk_ctl_fail(out, PK_CTL_E_FAILED, NULL, "%s: %s", r->load.op,
			    strerror(-err));
	return PK_JOB_DONE;
}

/* A load that has begun goes on without its client. */
static enum pk_job_next step(struct pk_job *job)
{
	struct pk_load_request *r = (struct pk_load_request *)job;
	int err;

	if (r->started) {
		tell(r);
		return PK_JOB_DONE;
	}
	if (r->d->loads != r)
		return PK_JOB_WAIT;
	r->load.uid = pk_ctl_uid(job->out);
	r->load.fn = on_loaded;
	r->load.arg = r;
	err = pk_loader_start(r->d->loader, &r->load);
	if (err)
		return fail_start(r, err);
	r->started = job->stay = true;
	return PK_JOB_WAIT;
}

static int start(struct pk_load_request *r)
{
	struct pk_daemon *d = r->d;
	unsigned n = pk_ctlops_loads_waiting(d);

	let_go(d);
	if (n >= WAITING_MAX) {
		pk_ctl_fail(r->job.out, PK_CTL_E_BUSY,
			    "ioc status tells how far; try again later",
			    "%s of feed %.64s is under way, and %u others wait",
			    d->loads->load.op, d->loads->load.feed, n);
		end(&r->job);
		return 0;
	}
	queue(r);
	pk_jobs_start(d->jobs, &r->job);
	return PK_CTL_LATER;
}

/* --- arguments --------------------------------------------------------------------------- */

static int take_mapping(struct pk_load_request *r, struct pk_args *a)
{
	const char *text = pk_args_text(a, "mapping", false);
	char why[PK_MAPPING_WHY_MAX];

	if (!text)
		return 0;
	r->load.options.mapping = pk_mapping_find(text);
	if (r->load.options.mapping)
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
	r->load.options.mapping = r->mapping;
	return 0;
}

static int take_options(struct pk_load_request *r, struct pk_args *a)
{
	struct pk_feed_options *o = &r->load.options;
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

static int take(struct pk_load_request *r, struct json_object *args)
{
	struct pk_load_job *j = &r->load;
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
		pk_ioc_usage(r->job.out, r->args.why);
	else if (pk_args_end(&a, r->job.out))
		err = -EINVAL;
	return err;
}

static struct pk_load_request *new_request(struct pk_daemon *d,
					   struct pk_ctl_answer *out)
{
	struct pk_load_request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->job = (struct pk_job){ .out = out, .step = step, .end = end };
	r->d = d;
	return r;
}

static int op_load_as(struct pk_daemon *d, struct json_object *args,
		      const struct pk_load_job *load, struct pk_ctl_answer *out)
{
	struct pk_load_request *r = new_request(d, out);

	if (!r)
		return -ENOMEM;
	r->load = *load;
	if (take(r, args)) {
		end(&r->job);
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

static struct pk_load_request *new_bare(struct pk_daemon *d,
					struct pk_ctl_answer *out)
{
	struct pk_load_request *r = new_request(d, out);
	struct pk_load_job *j;

	if (!r)
		return NULL;
	j = &r->load;
	j->op = r->op;
	j->name = j->feed = j->licence = j->attribution = "";
	pk_feed_options_init(&j->options);
	return r;
}

static int op_rollback(void *arg, struct json_object *args, const void *bytes,
		       size_t n, struct pk_ctl_answer *out)
{
	struct pk_load_request *r = new_bare(arg, out);
	struct pk_args a;

	(void)bytes;
	(void)n;
	if (!r)
		return -ENOMEM;
	pk_args_begin(&a, args);
	r->load.kind = PK_LOAD_ROLLBACK;
	r->load.commit = pk_args_number(&a, "commit", UINT64_MAX, INT64_MAX);
	r->load.dry_run = pk_args_bool(&a, "dry_run");
	if (pk_args_end(&a, out)) {
		end(&r->job);
		return 0;
	}
	if (r->load.commit == UINT64_MAX) {
		end(&r->job);
		return pk_ioc_usage(out, "\"commit\" is missing");
	}
	snprintf(r->op, sizeof(r->op), "rollback %llu",
		 (unsigned long long)r->load.commit);
	return start(r);
}

static int op_feed_del(void *arg, struct json_object *args, const void *bytes,
		       size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct pk_load_request *r = new_bare(d, out);
	const char *feed;
	struct pk_args a;
	int number;

	(void)bytes;
	(void)n;
	if (!r)
		return -ENOMEM;
	pk_args_begin(&a, args);
	r->load.kind = PK_LOAD_DELETE;
	feed = pk_args_text(&a, "feed", true);
	r->load.dry_run = pk_args_bool(&a, "dry_run");
	if (pk_args_end(&a, out)) {
		end(&r->job);
		return 0;
	}
	number = pk_store_feed_find(pk_indicators_store(d->indicators), feed);
	if (number < 0 || !pk_ioc_feed_is_shown(d, (uint16_t)number)) {
		pk_ctl_fail(out, PK_CTL_E_NOT_FOUND,
			    "feed list shows which there are",
			    "there is no feed \"%.64s\"", feed);
		end(&r->job);
		return 0;
	}
	r->load.feed = feed;
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
