/* SPDX-License-Identifier: BSD-2-Clause */
/* safelist list, load, add, del, test */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/ctlops_ioc.h"

#define LOCAL_LIST "local"

enum {
	COUNT_MAX = 2000000, /* about a second, by turns */
	LOOK = 256,	     /* slots looked at in a step */
	TELL = 16,	     /* elements told in one */
};

/* LIST */
static void add_list(struct json_object *o, const struct pk_safelist_info *i)
{
	struct json_object *types;

	pk_ctlops_add_text(o, "list", i->name);
	pk_ctlops_add_text(o, "title", i->title);
	pk_ctlops_add_text(o, "version", i->version);
	pk_ctlops_add_text(o, "kind", pk_safelist_type_word(i->type));
	types = pk_ioc_add_list(o, "types");
	for (unsigned t = 0; t < PK_INDICATOR_TYPE_COUNT; t++)
		if (i->types & 1U << t &&
		    i->types != (1U << PK_INDICATOR_TYPE_COUNT) - 1)
			json_object_array_add(
				types, json_object_new_string(
					       pk_indicator_type_word(t)));
	pk_ctlops_add_number(o, "entries", i->entries);
	pk_ctlops_add_number(o, "duplicates", i->duplicates);
	pk_ctlops_add_number(o, "refused", i->refused);
}

struct listing {
	struct pk_job job;
	const struct pk_daemon *d;
	unsigned at;
};

static enum pk_job_next list_some(struct pk_job *job)
{
	struct listing *l = (struct listing *)job;
	const struct pk_safelist *s = pk_guards_safelist(l->d->guards);
	const struct pk_safelist_info *info;
	struct json_object *o;

	for (unsigned i = 0; i < TELL; i++) {
		info = pk_safelist_at(s, l->at++);
		if (!info) {
			pk_ctl_ok(job->out, NULL);
			return PK_JOB_DONE;
		}
		o = json_object_new_object();
		add_list(o, info);
		pk_ctl_element(job->out, o);
	}
	return PK_JOB_MORE;
}

static void free_listing(struct pk_job *job)
{
	free(job);
}

static int op_list(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct listing *l;
	struct pk_args a;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	if (pk_args_end(&a, out))
		return 0;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->job = (struct pk_job){ .out = out,
				  .step = list_some,
				  .end = free_listing };
	l->d = d;
	pk_ctl_begin(out, "lists");
	pk_jobs_start(d->jobs, &l->job);
	return PK_CTL_LATER;
}

/* --- changes ------------------------------------------------------------------------------ */

enum phase { BEGIN, MADE, KEPT, COUNTED };

struct changing {
	struct pk_job job;
	struct pk_daemon *d;
	struct pk_guards_change change;
	struct pk_indicator entry; /* texts are of the request */
	bool has_entry;
	enum phase phase;
	bool put; /* it is in force */
	uint32_t slot;
	uint64_t covered;
};

static void fail(struct pk_ctl_answer *out, int err, const char *why)
{
	enum pk_ctl_code code = err == -ENOENT	 ? PK_CTL_E_NOT_FOUND
				: err == -EINVAL ? PK_CTL_E_USAGE
				: err == -EEXIST ? PK_CTL_E_CONFLICT
						 : PK_CTL_E_FAILED;

	pk_ctl_fail(out, code, NULL, "%s", *why ? why : strerror(-err));
}

/* How many indicators the list covers: those at hand that it would refuse. */
static enum pk_job_next count_some(struct changing *c)
{
	const struct pk_safelist *safe = pk_guards_safelist(c->d->guards);
	const struct pk_store *s = pk_indicators_store(c->d->indicators);
	struct pk_safelist_hit hit;
	struct pk_indicator ind;

	for (unsigned i = 0; i < LOOK; i++) {
		c->slot = pk_store_next(s, c->slot);
		if (!c->slot) {
			c->phase = COUNTED;
			break;
		}
		if (!pk_store_get(s, c->slot, &ind) &&
		    pk_safelist_find(safe, &ind, &hit))
			c->covered += !strcmp(hit.list->name, c->change.list);
	}
	return PK_JOB_MORE;
}

static void add_loaded(struct json_object *o, const struct changing *c)
{
	const struct pk_safelist_info *info =
		pk_guards_list(c->d->guards, c->change.list);
	struct json_object *first;

	if (!info) /* it is gone again */
		return;
	add_list(o, info);
	if (!info->refused)
		return;
	first = pk_ioc_add_object(o, "first_refused");
	pk_ctlops_add_number(first, "at", info->refused_at);
	pk_ctlops_add_text(first, "reason", pk_refused_word(info->refused_why));
	pk_ctlops_add_text(first, "text", info->refused_text);
}

static void tell(struct changing *c, bool counted)
{
	struct json_object *o = json_object_new_object();
	enum pk_guards_kind kind = c->change.kind;

	if (kind == PK_GUARDS_LOAD)
		add_loaded(o, c);
	else
		pk_ctlops_add_text(o, "list", c->change.list);
	if (counted)
		pk_ctlops_add_number(o, "covered", c->covered);
	if (c->has_entry)
		pk_ioc_add_value(o, &c->entry);
	if (kind == PK_GUARDS_ADD_ENTRY)
		pk_ioc_add_bool(o, "added", !c->change.err);
	else if (kind != PK_GUARDS_LOAD)
		pk_ioc_add_bool(o, "deleted", true);
	pk_ctl_ok(c->job.out, o);
}

/* Put what was made; what is there already needs nothing. */
static enum pk_job_next put(struct changing *c)
{
	int err = pk_guards_put(c->d->guards, &c->change);

	if (err == -EAGAIN)
		return PK_JOB_BESIDE;
	if (err == -EEXIST && c->change.kind == PK_GUARDS_ADD_ENTRY) {
		tell(c, false);
		return PK_JOB_DONE;
	}
	if (err) {
		fail(c->job.out, err, c->change.why);
		return PK_JOB_DONE;
	}
	c->put = c->job.stay = true;
	c->phase = KEPT;
	return PK_JOB_BESIDE;
}

static enum pk_job_next kept(struct changing *c)
{
	struct pk_store_stats stats;

	c->job.stay = false;
	if (c->change.err) {
		fail(c->job.out, c->change.err, c->change.why);
		return PK_JOB_DONE;
	}
	pk_store_stats(pk_indicators_store(c->d->indicators), &stats);
	if (c->change.kind == PK_GUARDS_LOAD && stats.live <= COUNT_MAX)
		return count_some(c);
	tell(c, false);
	return PK_JOB_DONE;
}

static enum pk_job_next change_step(struct pk_job *job)
{
	struct changing *c = (struct changing *)job;

	switch (c->phase) {
	case BEGIN:
		pk_guards_begin(c->d->guards, &c->change);
		c->phase = MADE;
		return PK_JOB_BESIDE;
	case MADE:
		return put(c);
	case KEPT:
		return c->slot ? count_some(c) : kept(c);
	default:
		tell(c, true);
		return PK_JOB_DONE;
	}
}

static void change_beside(struct pk_job *job)
{
	struct changing *c = (struct changing *)job;

	if (c->put)
		pk_guards_keep(c->d->guards, &c->change);
	else
		pk_guards_make(c->d->guards, &c->change);
}

static void free_changing(struct pk_job *job)
{
	struct changing *c = (struct changing *)job;

	pk_guards_end(&c->change);
	free(c);
}

static struct changing *new_changing(struct pk_daemon *d,
				     enum pk_guards_kind kind,
				     struct pk_ctl_answer *out)
{
	struct changing *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->job = (struct pk_job){ .out = out,
				  .step = change_step,
				  .beside = change_beside,
				  .end = free_changing };
	c->d = d;
	c->change.kind = kind;
	return c;
}

static int start(struct changing *c)
{
	pk_jobs_start(c->d->jobs, &c->job);
	return PK_CTL_LATER;
}

static int op_load(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct changing *c = new_changing(arg, PK_GUARDS_LOAD, out);
	struct pk_args a;

	if (!c)
		return -ENOMEM;
	pk_args_begin(&a, args);
	c->change.list = pk_args_text(&a, "list", true);
	c->change.text = bytes;
	c->change.len = n;
	if (!pk_args_end(&a, out))
		return start(c);
	free_changing(&c->job);
	return 0;
}

/* The value of a request; 0, or the answer has been given. */
static int take_entry(struct changing *c, struct pk_args *a, const char *value)
{
	enum pk_refused no;

	if (pk_args_end(a, c->job.out))
		return -EINVAL;
	if (!value)
		return 0;
	c->has_entry = true;
	c->change.entry = &c->entry;
	pk_indicator_init(&c->entry);
	no = pk_indicator_parse(&c->entry, value, strlen(value));
	if (no == PK_REFUSED_NONE)
		return 0;
	pk_ctl_fail(c->job.out, PK_CTL_E_USAGE, NULL, "\"%.200s\": %s", value,
		    pk_refused_text(no));
	return -EINVAL;
}

static int op_change(struct pk_daemon *d, struct json_object *args,
		     enum pk_guards_kind kind, struct pk_ctl_answer *out)
{
	struct changing *c = new_changing(d, kind, out);
	bool adds = kind == PK_GUARDS_ADD_ENTRY;
	const char *value, *list;
	struct pk_args a;

	if (!c)
		return -ENOMEM;
	pk_args_begin(&a, args);
	value = pk_args_text(&a, "value", adds);
	list = pk_args_text(&a, "list", !adds && !value);
	c->change.list = list ? list : LOCAL_LIST;
	if (!adds && !value)
		c->change.kind = PK_GUARDS_DEL;
	if (!take_entry(c, &a, value))
		return start(c);
	free_changing(&c->job);
	return 0;
}

static int op_add(void *arg, struct json_object *args, const void *bytes,
		  size_t n, struct pk_ctl_answer *out)
{
	(void)bytes;
	(void)n;
	return op_change(arg, args, PK_GUARDS_ADD_ENTRY, out);
}

static int op_del(void *arg, struct json_object *args, const void *bytes,
		  size_t n, struct pk_ctl_answer *out)
{
	(void)bytes;
	(void)n;
	return op_change(arg, args, PK_GUARDS_DEL_ENTRY, out);
}

static int op_test(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct pk_ioc_args value = { 0 };
	struct pk_daemon *d = arg;
	struct pk_safelist_hit hit;
	struct json_object *o;
	char sentence[512];
	struct pk_args a;
	int found;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	pk_indicator_init(&value.ind);
	if (pk_ioc_take_value(&a, &value))
		return pk_ioc_usage(out, value.why);
	if (pk_args_end(&a, out))
		return 0;
	found = pk_safelist_find(pk_guards_safelist(d->guards), &value.ind,
				 &hit);
	o = json_object_new_object();
	pk_ioc_add_value(o, &value.ind);
	pk_ioc_add_bool(o, "match", found);
	if (found) {
		pk_safelist_hit_print(&hit, sentence, sizeof(sentence));
		pk_ctlops_add_text(o, "list", hit.list->name);
		pk_ctlops_add_text(o, "entry", hit.entry);
		pk_ctlops_add_text(o, "way", sentence);
	}
	pk_ctl_ok(out, o);
	return 0;
}

int pk_ctlops_register_safelist(struct pk_daemon *d)
{
	static const struct pk_ctlop ops[] = {
		{ "safelist list", op_list }, { "safelist load", op_load },
		{ "safelist add", op_add },   { "safelist del", op_del },
		{ "safelist test", op_test },
	};

	return pk_ctlops_add_all(d, ops, sizeof(ops) / sizeof(ops[0]));
}
