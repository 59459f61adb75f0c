/* SPDX-License-Identifier: BSD-2-Clause */
/* ioc add, ioc del */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/ctlops_ioc.h"

/* Lives until its answer; texts are of the request, which lives as long. */
struct push {
	struct pk_daemon *d;
	struct pk_ctl_answer *out;
	struct pk_ioc_args args;
	const char *feed; /* NULL: every feed (del) */
	int add;
	int added, changed;
	uint32_t slot;
	uint64_t commit;
};

/* --- add and del ------------------------------------------------------------------------ */

static void on_pushed(void *arg, int status, const char *why,
		      uint64_t generation)
{
	struct push *p = arg;
	struct json_object *o;

	if (status) {
		pk_ctlops_fail(p->out, status, why);
		free(p);
		return;
	}
	o = json_object_new_object();
	if (p->add)
		pk_ctlops_add_number(o, "slot", p->slot);
	pk_ioc_add_value(o, &p->args.ind);
	if (p->add) {
		pk_ioc_add_bool(o, "added", p->added);
		pk_ioc_add_bool(o, "changed", p->changed);
	}
	pk_ctlops_add_number(o, "generation", generation);
	pk_ctlops_add_number(o, "commit", p->commit);
	pk_ctl_ok(p->out, o);
	free(p);
}

static void fail(struct push *p, enum pk_ctl_code code, const char *why)
{
	pk_ctl_fail(p->out, code, NULL, "%s", why);
	free(p);
}

static int add_now(struct push *p)
{
	int err = pk_ioc_add(p->d, &p->args, p->feed, &p->slot);

	p->added = !err;
	p->changed = err == -EEXIST;
	return err == -EEXIST || err == -EALREADY ? 0 : err;
}

static int del_now(struct push *p)
{
	return pk_ioc_del(p->d, &p->args, p->feed);
}

static void fail_push(struct push *p, int err)
{
	char value[PK_VALUE_TEXT_MAX], why[PK_SAY_MAX];

	pk_indicator_print(&p->args.ind, value);
	if (err == -ENOENT)
		snprintf(why, sizeof(why), "there is no indicator %.300s%s%s",
			 value, p->feed ? " of feed " : "",
			 p->feed ? p->feed : "");
	else if (err == -EINVAL)
		snprintf(why, sizeof(why), "a feed's name is 1 to %d bytes",
			 PK_FEED_NAME_MAX);
	else
		snprintf(why, sizeof(why), "%.300s: %s", value,
			 err == -ENOSPC ? "the store is full" : strerror(-err));
	fail(p,
	     err == -ENOENT   ? PK_CTL_E_NOT_FOUND
	     : err == -EINVAL ? PK_CTL_E_USAGE
			      : PK_CTL_E_FAILED,
	     why);
}

static void push_now(void *arg)
{
	struct push *p = arg;
	struct pk_indicators *i = p->d->indicators;
	char why[PK_SAY_MAX];
	int err = pk_indicators_reserve(i, 1, PK_VALUE_MAX, why);

	if (err) {
		fail(p, PK_CTL_E_FAILED, why);
		return;
	}
	err = p->add ? add_now(p) : del_now(p);
	if (!err)
		err = pk_indicators_commit(i, p->add ? "add" : "del",
					   p->feed ? p->feed : "",
					   pk_ctl_uid(p->out), &p->commit);
	if (err) {
		pk_indicators_abort(i);
		fail_push(p, err);
		return;
	}
	/* what was there is visible, or on its way, or stuck: then try again */
	if (p->add && !p->added && pk_indicators_is_settled(i))
		on_pushed(p, 0, "", pk_indicators_generation(i));
	else if (pk_indicators_publish(i, 0, on_pushed, p))
		on_pushed(p, -ENOMEM, "out of memory", 0);
}

/* 0, or the answer has been given. */
static int take(struct push *p, struct json_object *args)
{
	char why[PK_SAY_MAX];
	struct pk_args a;
	bool force = false;
	int err = 0;

	pk_args_begin(&a, args);
	pk_indicator_init(&p->args.ind);
	err = pk_ioc_take_value(&a, &p->args);
	p->feed = pk_args_text(&a, "feed", false);
	if (p->add && !err) {
		const char *id = pk_args_text(&a, "id", false);

		force = pk_args_bool(&a, "force");
		err = pk_ioc_take_meta(&a, &p->args);
		p->args.ind.meta.id = id ? id : "";
		if (id && strlen(id) > PK_ID_MAX) {
			snprintf(p->args.why, sizeof(p->args.why), "%s",
				 pk_refused_text(PK_REFUSED_ID_LONG));
			err = -EINVAL;
		}
	}
	if (p->add && !p->feed)
		p->feed = PK_IOC_DEFAULT_FEED;
	if (err) {
		pk_ioc_usage(p->out, p->args.why);
		return err;
	}
	if (pk_args_end(&a, p->out))
		return -EINVAL;
	if (!p->add || !pk_ioc_refused(p->d, &p->args.ind, force, why))
		return 0;
	pk_indicators_refused(p->d->indicators, "add", p->feed,
			      pk_ctl_uid(p->out), why);
	pk_ctl_fail(p->out, PK_CTL_E_GUARDED,
		    pk_ioc_refused_hint(p->d, &p->args.ind, force), "%s", why);
	return -EPERM;
}

static int op_push(struct pk_daemon *d, struct json_object *args, int add,
		   struct pk_ctl_answer *out)
{
	struct push *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->d = d;
	p->out = out;
	p->add = add;
	if (take(p, args)) {
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

int pk_ctlops_register_push(struct pk_daemon *d)
{
	static const struct pk_ctlop ops[] = {
		{ "ioc add", op_add },
		{ "ioc del", op_del },
	};

	return pk_ctlops_add_all(d, ops, sizeof(ops) / sizeof(ops[0]));
}
