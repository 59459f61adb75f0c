/* SPDX-License-Identifier: BSD-2-Clause */
/* ioc apply: many changes, all or none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/ctlops_ioc.h"

enum { LINES_MAX = 10000, LINE_BYTES = 8192 };

/* Lives until its answer; the bytes are of the request, which lives as long. */
struct apply {
	struct pk_daemon *d;
	struct pk_ctl_answer *out;
	const char *bytes;
	size_t len;
	const char *feed; /* of lines that name none; NULL */
	struct pk_ioc_args common;
	bool force, dry_run, is_json, is_told; /* told: the format */
	uint64_t expect;

	struct pk_store *scratch; /* what earlier lines do: "+" and "-" */
	uint32_t lines, added, changed, withdrawn, same;
	uint64_t value_bytes, commit;
	char why[PK_SAY_MAX];
	const char *hint; /* of what a guard refused; or NULL */
};

/* A line, parsed; the object owns the texts. */
struct change {
	struct pk_ioc_args args;
	struct json_object *object; /* NULL for text */
	const char *feed;
	int add;
	bool force;
};

/* --- lines ------------------------------------------------------------------------------ */

static int parse_text(const struct apply *p, const char *line, struct change *c)
{
	const char *value = line + 1;
	enum pk_refused no;

	if (*line != '+' && *line != '-') {
		snprintf(c->args.why, sizeof(c->args.why),
			 "a line is +VALUE or -VALUE");
		return -EINVAL;
	}
	c->add = *line == '+';
	c->args = p->common;
	no = pk_indicator_parse(&c->args.ind, value, strlen(value));
	if (no == PK_REFUSED_NONE)
		return 0;
	snprintf(c->args.why, sizeof(c->args.why), "\"%.100s\": %s", value,
		 pk_refused_text(no));
	return -EINVAL;
}

static int take_json(const struct apply *p, struct pk_args *a, struct change *c)
{
	const char *op = pk_args_text(a, "op", true);
	const char *feed = pk_args_text(a, "feed", false), *id;
	int err;

	c->args = p->common;
	c->feed = feed ? feed : p->feed;
	c->add = op && !strcmp(op, "add");
	if (op && !c->add && strcmp(op, "del")) {
		snprintf(c->args.why, sizeof(c->args.why),
			 "\"op\" must be \"add\" or \"del\"");
		return -EINVAL;
	}
	err = pk_ioc_take_value(a, &c->args);
	if (err || !c->add)
		return err;
	id = pk_args_text(a, "id", false);
	c->args.ind.meta.id = id && strlen(id) <= PK_ID_MAX ? id : "";
	c->force = pk_args_bool(a, "force");
	err = pk_ioc_take_meta(a, &c->args);
	return err ? err : pk_ioc_take_times(a, &c->args);
}

static int parse_json(const struct apply *p, const char *line, struct change *c)
{
	struct pk_args a;
	int err;

	c->object = json_tokener_parse(line);
	if (!c->object || !json_object_is_type(c->object, json_type_object)) {
		snprintf(c->args.why, sizeof(c->args.why), "not a JSON object");
		return -EINVAL;
	}
	pk_args_begin(&a, c->object);
	err = take_json(p, &a, c);
	if (!err && pk_args_fault(&a)) {
		snprintf(c->args.why, sizeof(c->args.why), "%s", a.fault);
		err = -EINVAL;
	}
	return err;
}

/* Every change in turn: @fn says 0 to go on. */
typedef int apply_fn(struct apply *p, struct change *c);

static int one_line(struct apply *p, const char *line, apply_fn *fn)
{
	struct change c = { .feed = p->feed };
	int err;

	if (!p->is_told)
		p->is_json = *line == '{';
	p->is_told = true;
	err = p->is_json ? parse_json(p, line, &c) : parse_text(p, line, &c);
	if (err)
		snprintf(p->why, sizeof(p->why), "line %u: %.400s", p->lines,
			 c.args.why);
	else
		err = fn(p, &c);
	json_object_put(c.object);
	return err;
}

static int each(struct apply *p, apply_fn *fn)
{
	char line[LINE_BYTES];
	size_t at = 0;
	int err = 0;

	p->lines = 0;
	while (!err && at < p->len) {
		const char *from = p->bytes + at;
		const char *end = memchr(from, '\n', p->len - at);
		size_t n = end ? (size_t)(end - from) : p->len - at;

		at += n + 1;
		p->lines++;
		if (n && from[n - 1] == '\r')
			n--;
		if (p->lines > LINES_MAX) {
			snprintf(p->why, sizeof(p->why),
				 "more than %d lines: use ioc load", LINES_MAX);
			return -EINVAL;
		}
		if (n >= sizeof(line) || memchr(from, '\0', n)) {
			snprintf(p->why, sizeof(p->why),
				 "line %u: too long, or not text", p->lines);
			return -EINVAL;
		}
		memcpy(line, from, n);
		line[n] = '\0';
		if (n && *line != '#')
			err = one_line(p, line, fn);
	}
	return err;
}

/* --- a first pass: would it all succeed? ------------------------------------------------------ */

enum { PLUS, MINUS }; /* feeds of the scratch store */

static int is_in(const struct pk_store *s, const struct pk_indicator *ind,
		 uint16_t feed)
{
	uint32_t slot = pk_store_find(s, ind);
	struct pk_meta meta;

	return slot && !pk_store_meta(s, slot, feed, &meta);
}

static int mark(struct apply *p, struct pk_indicator *ind, uint16_t feed)
{
	int err;

	pk_store_del(p->scratch, ind, feed == PLUS ? MINUS : PLUS);
	ind->feed = feed;
	err = pk_store_add(p->scratch, ind, NULL);
	return err == -EEXIST ? 0 : err;
}

static int not_there(struct apply *p, const struct pk_indicator *ind)
{
	char value[PK_VALUE_TEXT_MAX];

	pk_indicator_print(ind, value);
	snprintf(p->why, sizeof(p->why),
		 "line %u: there is no indicator %.200s", p->lines, value);
	return -ENOENT;
}

static int would_del(struct apply *p, struct change *c)
{
	const struct pk_store *s = pk_indicators_store(p->d->indicators);
	struct pk_indicator *ind = &c->args.ind;
	int there = is_in(p->scratch, ind, PLUS);
	uint32_t slot = there ? 0 : pk_ioc_find(p->d, &c->args);

	/* two lines may take it from two feeds: change() sees */
	if (slot && (c->feed || !is_in(p->scratch, ind, MINUS))) {
		int feed = c->feed ? pk_store_feed_find(s, c->feed) : 0;
		struct pk_meta meta;

		there = !c->feed ||
			(feed >= 0 &&
			 !pk_store_meta(s, slot, (uint16_t)feed, &meta));
	}
	if (there)
		return mark(p, ind, MINUS);
	return not_there(p, ind);
}

/* A name that no feed can have would only show when half is done. */
static int check_feed(struct apply *p, const char *feed)
{
	int err = feed ? pk_store_feed(p->scratch, feed) : 0;

	if (err >= 0)
		return 0;
	snprintf(p->why, sizeof(p->why),
		 "line %u: a feed's name is 1 to %d bytes, not \"%.64s\"",
		 p->lines, PK_FEED_NAME_MAX, feed);
	return err;
}

static int would(struct apply *p, struct change *c)
{
	struct pk_indicator *ind = &c->args.ind;
	int force = p->force || c->force;
	uint8_t small[PK_SMALL_VALUE];
	char why[PK_SAY_MAX];
	const uint8_t *bytes;
	int err;

	if (!c->add)
		return would_del(p, c);
	err = check_feed(p, c->feed);
	if (err)
		return err;
	if (pk_ioc_refused(p->d, ind, force, why)) {
		p->hint = pk_ioc_refused_hint(p->d, ind, force);
		snprintf(p->why, sizeof(p->why), "line %u: %.400s", p->lines,
			 why);
		return -EPERM;
	}
	p->value_bytes += pk_indicator_bytes(ind, small, &bytes);
	return mark(p, ind, PLUS);
}

/* --- and a second one -------------------------------------------------------------------------- */

static int change(struct apply *p, struct change *c)
{
	const char *feed = c->feed ? c->feed : PK_IOC_DEFAULT_FEED;
	uint32_t slot;
	int err;

	if (!c->add) {
		err = pk_ioc_del(p->d, &c->args, c->feed);
		p->withdrawn += !err;
		return err == -ENOENT ? not_there(p, &c->args.ind) : err;
	}
	err = pk_ioc_add(p->d, &c->args, feed, &slot);
	p->added += !err;
	p->changed += err == -EEXIST;
	p->same += err == -EALREADY;
	return err == -EEXIST || err == -EALREADY ? 0 : err;
}

static void finish(struct apply *p)
{
	pk_store_free(p->scratch);
	free(p);
}

static void fail(struct apply *p, int err)
{
	enum pk_ctl_code code = err == -EINVAL	 ? PK_CTL_E_USAGE
				: err == -ENOENT ? PK_CTL_E_USAGE
				: err == -EPERM	 ? PK_CTL_E_GUARDED
				: err == -ESTALE ? PK_CTL_E_CONFLICT
						 : PK_CTL_E_FAILED;

	pk_ctl_fail(p->out, code, err == -EPERM ? p->hint : NULL,
		    "%s; nothing has changed",
		    *p->why ? p->why : strerror(-err));
	finish(p);
}

static void on_applied(void *arg, int status, const char *why,
		       uint64_t generation)
{
	struct apply *p = arg;
	struct json_object *o;

	if (status) {
		pk_ctlops_fail(p->out, status, why);
		finish(p);
		return;
	}
	o = json_object_new_object();
	pk_ctlops_add_number(o, "added", p->added);
	pk_ctlops_add_number(o, "changed", p->changed);
	pk_ctlops_add_number(o, "withdrawn", p->withdrawn);
	pk_ctlops_add_number(o, "same", p->same);
	pk_ioc_add_bool(o, "dry_run", p->dry_run);
	pk_ctlops_add_number(o, "generation", generation);
	pk_ctlops_add_number(o, "commit", p->commit);
	pk_ctl_ok(p->out, o);
	finish(p);
}

static int check(struct apply *p)
{
	struct pk_indicators *i = p->d->indicators;
	uint64_t last = pk_indicators_last(i);
	int err;

	if (p->expect != UINT64_MAX && p->expect != last) {
		snprintf(p->why, sizeof(p->why),
			 "commit %llu is the last one, not %llu",
			 (unsigned long long)last,
			 (unsigned long long)p->expect);
		return -ESTALE;
	}
	err = pk_store_new(&p->scratch, pk_store_seed(pk_indicators_store(i)));
	if (!err && (pk_store_feed(p->scratch, "+") != PLUS ||
		     pk_store_feed(p->scratch, "-") != MINUS))
		err = -ENOMEM;
	return err ? err : each(p, would);
}

static void tell_dry_run(struct apply *p)
{
	p->added = pk_store_feed_items(p->scratch, PLUS);
	p->withdrawn = pk_store_feed_items(p->scratch, MINUS);
	p->commit = pk_indicators_last(p->d->indicators);
	on_applied(p, 0, "", pk_indicators_generation(p->d->indicators));
}

static void apply_now(void *arg)
{
	struct apply *p = arg;
	struct pk_indicators *i = p->d->indicators;
	int err = check(p);

	if (!err && p->dry_run) {
		tell_dry_run(p);
		return;
	}
	if (!err)
		err = pk_indicators_reserve(i, p->lines, p->value_bytes,
					    p->why);
	if (!err)
		err = each(p, change);
	if (err) {
		pk_indicators_abort(i);
		fail(p, err);
		return;
	}
	err = pk_indicators_commit(i, "apply", p->feed ? p->feed : "",
				   pk_ctl_uid(p->out), &p->commit);
	if (err)
		fail(p, err);
	else if (pk_indicators_publish(i, 0, on_applied, p))
		on_applied(p, -ENOMEM, "out of memory", 0);
}

static int take(struct apply *p, struct json_object *args)
{
	const char *format, *id;
	struct pk_args a;
	int err;

	pk_args_begin(&a, args);
	pk_indicator_init(&p->common.ind);
	p->feed = pk_args_text(&a, "feed", false);
	format = pk_args_text(&a, "format", false);
	p->force = pk_args_bool(&a, "force");
	p->dry_run = pk_args_bool(&a, "dry_run");
	p->expect = pk_args_number(&a, "expect", UINT64_MAX, INT64_MAX);
	id = pk_args_text(&a, "id", false);
	err = pk_ioc_take_meta(&a, &p->common);
	if (!err && id)
		err = -EINVAL;
	if (err) {
		pk_ioc_usage(p->out, p->common.why[0]
					     ? p->common.why
					     : "\"id\" is for one indicator");
		return err;
	}
	if (pk_args_end(&a, p->out))
		return -EINVAL;
	p->is_told = format != NULL;
	p->is_json = format && !strcmp(format, "ndjson");
	if (!format || p->is_json || !strcmp(format, "text"))
		return 0;
	pk_ctl_fail(p->out, PK_CTL_E_USAGE, "formats are text and ndjson",
		    "unknown format \"%.40s\"", format);
	return -EINVAL;
}

static int op_apply(void *arg, struct json_object *args, const void *bytes,
		    size_t n, struct pk_ctl_answer *out)
{
	struct apply *p = calloc(1, sizeof(*p));
	struct pk_daemon *d = arg;
	int err;

	if (!p)
		return -ENOMEM;
	p->d = d;
	p->out = out;
	p->bytes = bytes;
	p->len = n;
	if (take(p, args)) {
		free(p);
		return 0;
	}
	err = pk_indicators_when_free(d->indicators, apply_now, p);
	if (err)
		free(p);
	return err ? err : PK_CTL_LATER;
}

int pk_ctlops_register_apply(struct pk_daemon *d)
{
	static const struct pk_ctlop ops[] = { { "ioc apply", op_apply } };

	return pk_ctlops_add_all(d, ops, sizeof(ops) / sizeof(ops[0]));
}
