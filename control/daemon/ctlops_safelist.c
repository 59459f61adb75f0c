/* SPDX-License-Identifier: BSD-2-Clause */
/* safelist list, load, add, del, test */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/ctlops_ioc.h"

#define LOCAL_LIST "local"

enum { COUNT_MAX = 100000 }; /* about 50 ms */

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

static int op_list(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	const struct pk_safelist *s = pk_guards_safelist(d->guards);
	const struct pk_safelist_info *info;
	struct json_object *o, *list;
	struct pk_args a;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	if (pk_args_end(&a, out))
		return 0;
	o = json_object_new_object();
	list = pk_ioc_add_list(o, "lists");
	for (unsigned i = 0; (info = pk_safelist_at(s, i)); i++)
		add_list(pk_ioc_add_element(list), info);
	pk_ctl_ok(out, o);
	return 0;
}

static void fail(struct pk_ctl_answer *out, int err, const char *why)
{
	enum pk_ctl_code code = err == -ENOENT	 ? PK_CTL_E_NOT_FOUND
				: err == -EINVAL ? PK_CTL_E_USAGE
				: err == -EEXIST ? PK_CTL_E_CONFLICT
						 : PK_CTL_E_FAILED;

	pk_ctl_fail(out, code, NULL, "%s", *why ? why : strerror(-err));
}

/* How many indicators the list covers: those at hand that it would refuse. */
static uint64_t covered(const struct pk_daemon *d, const char *list)
{
	const struct pk_safelist *safe = pk_guards_safelist(d->guards);
	const struct pk_store *s = pk_indicators_store(d->indicators);
	struct pk_safelist_hit hit;
	struct pk_indicator ind;
	uint64_t n = 0;

	for (uint32_t slot = 0; (slot = pk_store_next(s, slot));)
		if (!pk_store_get(s, slot, &ind) &&
		    pk_safelist_find(safe, &ind, &hit))
			n += !strcmp(hit.list->name, list);
	return n;
}

static int op_load(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct pk_guards_text text = { .text = bytes, .len = n, .keep = 1 };
	const struct pk_safelist_info *info;
	char why[PK_SAFELIST_SENTENCE] = "";
	struct pk_daemon *d = arg;
	struct json_object *o, *first;
	struct pk_store_stats stats;
	struct pk_args a;
	int err;

	pk_args_begin(&a, args);
	text.list = pk_args_text(&a, "list", true);
	if (pk_args_end(&a, out))
		return 0;
	err = pk_guards_load(d->guards, &text, why);
	info = pk_guards_list(d->guards, text.list);
	if (err || !info) {
		fail(out, err ? err : -EIO, why);
		return 0;
	}
	o = json_object_new_object();
	add_list(o, info);
	if (info->refused) {
		first = pk_ioc_add_object(o, "first_refused");
		pk_ctlops_add_number(first, "at", info->refused_at);
		pk_ctlops_add_text(first, "reason",
				   pk_refused_word(info->refused_why));
		pk_ctlops_add_text(first, "text", info->refused_text);
	}
	pk_store_stats(pk_indicators_store(d->indicators), &stats);
	if (stats.live <= COUNT_MAX)
		pk_ctlops_add_number(o, "covered", covered(d, text.list));
	pk_ctl_ok(out, o);
	return 0;
}

/* The value of a request; 0, or the answer has been given. */
static int take_entry(struct pk_args *a, const char *value,
		      struct pk_indicator *ind, struct pk_ctl_answer *out)
{
	enum pk_refused no;

	if (pk_args_end(a, out))
		return -EINVAL;
	pk_indicator_init(ind);
	no = pk_indicator_parse(ind, value, strlen(value));
	if (no == PK_REFUSED_NONE)
		return 0;
	pk_ctl_fail(out, PK_CTL_E_USAGE, NULL, "\"%.200s\": %s", value,
		    pk_refused_text(no));
	return -EINVAL;
}

static int op_add(void *arg, struct json_object *args, const void *bytes,
		  size_t n, struct pk_ctl_answer *out)
{
	char why[PK_SAFELIST_SENTENCE] = "";
	struct pk_daemon *d = arg;
	const char *value, *list;
	struct pk_indicator ind;
	struct json_object *o;
	struct pk_args a;
	int err;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	value = pk_args_text(&a, "value", true);
	list = pk_args_text(&a, "list", false);
	list = list ? list : LOCAL_LIST;
	if (take_entry(&a, value, &ind, out))
		return 0;
	err = pk_guards_add_entry(d->guards, list, &ind, why);
	if (err && err != -EEXIST) {
		fail(out, err, why);
		return 0;
	}
	o = json_object_new_object();
	pk_ctlops_add_text(o, "list", list);
	pk_ioc_add_value(o, &ind);
	pk_ioc_add_bool(o, "added", !err);
	pk_ctl_ok(out, o);
	return 0;
}

static int op_del(void *arg, struct json_object *args, const void *bytes,
		  size_t n, struct pk_ctl_answer *out)
{
	char why[PK_SAFELIST_SENTENCE] = "";
	struct pk_daemon *d = arg;
	const char *value, *list;
	struct pk_indicator ind;
	struct json_object *o;
	struct pk_args a;
	int err;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	value = pk_args_text(&a, "value", false);
	list = pk_args_text(&a, "list", !value);
	list = list ? list : LOCAL_LIST;
	if (value ? take_entry(&a, value, &ind, out) : pk_args_end(&a, out))
		return 0;
	err = value ? pk_guards_del_entry(d->guards, list, &ind, why)
		    : pk_guards_del(d->guards, list, why);
	if (err) {
		fail(out, err, why);
		return 0;
	}
	o = json_object_new_object();
	pk_ctlops_add_text(o, "list", list);
	if (value)
		pk_ioc_add_value(o, &ind);
	pk_ioc_add_bool(o, "deleted", true);
	pk_ctl_ok(out, o);
	return 0;
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
