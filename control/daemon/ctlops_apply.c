/* SPDX-License-Identifier: BSD-2-Clause */
/* ioc apply: many changes, all or none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/ctlops_ioc.h"
#include "control/daemon/overlay.h"

enum {
	LINE_BYTES = 8192,
	LINES = 8,	   /* in a step */
	LINES_FREE = 4096, /* so many do not wait for a base that is built */
};

/*
 *	BEGIN ──► CHECK ──► ENTER ──► CHANGE ──► SHOWN
 *	            ▲         │ held
 *	            └─────────┘ another commit came in between: once more, while held
 */
enum phase { BEGIN, CHECK, ENTER, CHANGE, SHOWN };

/* The bytes are of the request. */
struct apply {
	struct pk_job job;
	struct pk_daemon *d;
	const char *bytes;
	size_t len;
	const char *feed; /* of lines that name none; NULL */
	struct pk_ioc_args common;
	bool force, dry_run, is_json, is_told; /* told: the format */
	uint64_t expect;

	enum phase phase;
	bool held;	  /* the store, by us */
	uint64_t checked; /* the commit that the lines would follow */
	size_t at;	  /* of the next line */
	uint32_t lines, added, changed, withdrawn, same;
	struct pk_overlay *after; /* the store as earlier lines leave it */
	struct json_tokener *tokener;
	uint64_t value_bytes, commit, generation;
	int status; /* of the publication */
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

static int not_json(struct change *c, size_t column)
{
	snprintf(c->args.why, sizeof(c->args.why),
		 "column %zu: not a JSON object", column);
	return -EINVAL;
}

static int parse_json(const struct apply *p, const char *line, struct change *c)
{
	size_t len = strlen(line), end;
	struct pk_args a;
	int err;

	json_tokener_reset(p->tokener);
	c->object = json_tokener_parse_ex(p->tokener, line, (int)len);
	end = json_tokener_get_parse_end(p->tokener);
	if (!json_object_is_type(c->object, json_type_object))
		return not_json(c, c->object ? 1 : end + 1);
	end += strspn(line + end, " \t");
	if (line[end])
		return not_json(c, end + 1);
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

/* The next one. 1: there are others, 0: it was the last, or an error. */
static int next_line(struct apply *p, apply_fn *fn)
{
	const char *from = p->bytes + p->at;
	size_t left = p->len - p->at;
	const char *end = left ? memchr(from, '\n', left) : NULL;
	size_t n = end ? (size_t)(end - from) : left;
	char line[LINE_BYTES];
	int err = 0;

	if (!left)
		return 0;
	p->at += n + (end != NULL);
	p->lines++;
	if (n && from[n - 1] == '\r')
		n--;
	if (n >= sizeof(line) || memchr(from, '\0', n)) {
		snprintf(p->why, sizeof(p->why),
			 "line %u: too long, or not text", p->lines);
		return -EINVAL;
	}
	memcpy(line, from, n);
	line[n] = '\0';
	if (n && *line != '#')
		err = one_line(p, line, fn);
	return err ? err : 1;
}

static int some_lines(struct apply *p, apply_fn *fn)
{
	int err = 1;

	for (unsigned i = 0; i < LINES && err == 1; i++)
		err = next_line(p, fn);
	return err;
}

static void rewind_lines(struct apply *p)
{
	p->at = 0;
	p->lines = p->added = p->changed = p->withdrawn = p->same = 0;
	p->value_bytes = 0;
}

/* --- a first pass: would it all succeed? ------------------------------------------------------ */

/* As pk_ioc_find(), which change() will ask. */
static bool would_find(const struct apply *p, struct pk_ioc_args *args)
{
	struct pk_indicator *ind = &args->ind;
	uint8_t match = ind->match, found = 0;
	int n = 0;

	if (pk_overlay_has(p->after, ind))
		return true;
	if (args->has_match || ind->type != PK_INDICATOR_DOMAIN)
		return false;
	for (int m = 0; m <= PK_MATCH_ONE_LABEL; m++) {
		ind->match = (uint8_t)m;
		if (!pk_overlay_has(p->after, ind))
			continue;
		found = (uint8_t)m;
		n++;
	}
	ind->match = n == 1 ? found : match;
	return n == 1;
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
	const struct pk_indicator *ind = &c->args.ind;

	if (!would_find(p, &c->args) ||
	    (c->feed && !pk_overlay_says(p->after, ind, c->feed)))
		return not_there(p, ind);
	p->withdrawn++;
	return pk_overlay_del(p->after, ind, c->feed);
}

static int would_add(struct apply *p, struct change *c)
{
	const char *feed = c->feed ? c->feed : PK_IOC_DEFAULT_FEED;
	struct pk_indicator *ind = &c->args.ind;
	int force = p->force || c->force, err;
	uint8_t small[PK_SMALL_VALUE];
	char why[PK_SAY_MAX];
	const uint8_t *bytes;

	if (pk_ioc_refused(p->d, ind, force, why)) {
		p->hint = pk_ioc_refused_hint(p->d, ind, force);
		snprintf(p->why, sizeof(p->why), "line %u: %.400s", p->lines,
			 why);
		return -EPERM;
	}
	p->value_bytes += pk_indicator_bytes(ind, small, &bytes);
	if (pk_overlay_has(p->after, ind))
		p->changed++;
	else
		p->added++;
	err = pk_overlay_add(p->after, ind, feed);
	if (err == -EINVAL)
		snprintf(p->why, sizeof(p->why),
			 "line %u: a feed's name is 1 to %d bytes, not "
			 "\"%.64s\"",
			 p->lines, PK_FEED_NAME_MAX, feed);
	else if (err == -ENOSPC)
		snprintf(p->why, sizeof(p->why),
			 "line %u: feed \"%.64s\" is one too many: %d are the "
			 "most",
			 p->lines, feed, PK_FEEDS_MAX);
	return err;
}

static int would(struct apply *p, struct change *c)
{
	return c->add ? would_add(p, c) : would_del(p, c);
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

/* --- step by step ------------------------------------------------------------------------------ */

static enum pk_job_next fail(struct apply *p, int err)
{
	enum pk_ctl_code code = err == -EINVAL	 ? PK_CTL_E_USAGE
				: err == -ENOENT ? PK_CTL_E_USAGE
				: err == -EPERM	 ? PK_CTL_E_GUARDED
				: err == -ESTALE ? PK_CTL_E_CONFLICT
						 : PK_CTL_E_FAILED;

	pk_ctl_fail(p->job.out, code, err == -EPERM ? p->hint : NULL,
		    "%s; nothing has changed",
		    *p->why ? p->why : strerror(-err));
	return PK_JOB_DONE;
}

static enum pk_job_next tell(struct apply *p)
{
	struct json_object *o;

	if (p->status) {
		pk_ctlops_fail(p->job.out, p->status, p->why);
		return PK_JOB_DONE;
	}
	o = json_object_new_object();
	pk_ctlops_add_number(o, "added", p->added);
	pk_ctlops_add_number(o, "changed", p->changed);
	pk_ctlops_add_number(o, "withdrawn", p->withdrawn);
	pk_ctlops_add_number(o, "same", p->same);
	pk_ioc_add_bool(o, "dry_run", p->dry_run);
	pk_ctlops_add_number(o, "generation", p->generation);
	pk_ctlops_add_number(o, "commit", p->commit);
	pk_ctl_ok(p->job.out, o);
	return PK_JOB_DONE;
}

static int begin_check(struct apply *p)
{
	struct pk_indicators *i = p->d->indicators;

	pk_overlay_free(p->after);
	p->after = NULL;
	rewind_lines(p);
	p->phase = CHECK;
	p->checked = pk_indicators_last(i);
	if (p->expect != UINT64_MAX && p->expect != p->checked) {
		snprintf(p->why, sizeof(p->why),
			 "commit %llu is the last one, not %llu",
			 (unsigned long long)p->checked,
			 (unsigned long long)p->expect);
		return -ESTALE;
	}
	return pk_overlay_new(&p->after, pk_indicators_store(i));
}

static void enter(void *arg)
{
	struct apply *p = arg;

	pk_indicators_hold(p->d->indicators);
	p->held = true;
	pk_job_go(&p->job);
}

static int begin_change(struct apply *p)
{
	uint32_t lines = p->lines;
	uint64_t bytes = p->value_bytes;

	rewind_lines(p);
	p->phase = CHANGE;
	p->job.stay = true;
	return pk_indicators_reserve(p->d->indicators, lines, bytes, p->why);
}

static enum pk_job_next checked(struct apply *p)
{
	struct pk_indicators *i = p->d->indicators;
	int err;

	if (p->dry_run) {
		p->commit = p->checked;
		p->generation = pk_indicators_generation(i);
		return tell(p);
	}
	if (p->held) {
		err = begin_change(p);
		return err ? fail(p, err) : PK_JOB_MORE;
	}
	p->phase = ENTER;
	err = p->lines > LINES_FREE ? pk_indicators_when_idle(i, enter, p)
				    : pk_indicators_when_free(i, enter, p);
	return err ? fail(p, err) : PK_JOB_WAIT;
}

/* The store is ours; is it what the lines were checked against? */
static enum pk_job_next entered(struct apply *p)
{
	int err = pk_indicators_last(p->d->indicators) == p->checked
			  ? begin_change(p)
			  : begin_check(p);

	return err ? fail(p, err) : PK_JOB_MORE;
}

static void on_shown(void *arg, int status, const char *why,
		     uint64_t generation)
{
	struct apply *p = arg;

	p->status = status;
	p->generation = generation;
	snprintf(p->why, sizeof(p->why), "%s", why);
	pk_job_go(&p->job);
}

static void release(struct apply *p)
{
	if (p->held)
		pk_indicators_release(p->d->indicators);
	p->held = false;
}

static enum pk_job_next changed(struct apply *p)
{
	struct pk_indicators *i = p->d->indicators;
	int err = pk_indicators_commit(i, "apply", p->feed ? p->feed : "",
				       pk_ctl_uid(p->job.out), &p->commit);

	release(p);
	if (err)
		return fail(p, err);
	p->phase = SHOWN;
	if (!pk_indicators_publish(i, 0, on_shown, p))
		return PK_JOB_WAIT;
	p->status = -ENOMEM;
	snprintf(p->why, sizeof(p->why), "out of memory");
	return tell(p);
}

static enum pk_job_next step(struct pk_job *job)
{
	struct apply *p = (struct apply *)job;
	int err;

	switch (p->phase) {
	case BEGIN:
		err = begin_check(p);
		return err ? fail(p, err) : PK_JOB_MORE;
	case CHECK:
		err = some_lines(p, would);
		if (err < 0)
			return fail(p, err);
		return err ? PK_JOB_MORE : checked(p);
	case ENTER:
		return entered(p);
	case CHANGE:
		err = some_lines(p, change);
		if (err >= 0)
			return err ? PK_JOB_MORE : changed(p);
		/* for want of memory or disk: all else was checked */
		pk_indicators_abort(p->d->indicators);
		return fail(p, err);
	default:
		return tell(p);
	}
}

static void free_apply(struct pk_job *job)
{
	struct apply *p = (struct apply *)job;

	release(p);
	pk_overlay_free(p->after);
	json_tokener_free(p->tokener);
	free(p);
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
		pk_ioc_usage(p->job.out,
			     p->common.why[0] ? p->common.why
					      : "\"id\" is for one indicator");
		return err;
	}
	if (pk_args_end(&a, p->job.out))
		return -EINVAL;
	p->is_told = format != NULL;
	p->is_json = format && !strcmp(format, "ndjson");
	if (!format || p->is_json || !strcmp(format, "text"))
		return 0;
	pk_ctl_fail(p->job.out, PK_CTL_E_USAGE, "formats are text and ndjson",
		    "unknown format \"%.40s\"", format);
	return -EINVAL;
}

static int op_apply(void *arg, struct json_object *args, const void *bytes,
		    size_t n, struct pk_ctl_answer *out)
{
	struct apply *p = calloc(1, sizeof(*p));
	struct pk_daemon *d = arg;

	if (!p)
		return -ENOMEM;
	p->job = (struct pk_job){ .out = out, .step = step, .end = free_apply };
	p->d = d;
	p->bytes = bytes;
	p->len = n;
	p->tokener = json_tokener_new();
	if (!p->tokener) {
		free_apply(&p->job);
		return -ENOMEM;
	}
	if (take(p, args)) {
		free_apply(&p->job);
		return 0;
	}
	pk_jobs_start(d->jobs, &p->job);
	return PK_CTL_LATER;
}

int pk_ctlops_register_apply(struct pk_daemon *d)
{
	static const struct pk_ctlop ops[] = { { "ioc apply", op_apply } };

	return pk_ctlops_add_all(d, ops, sizeof(ops) / sizeof(ops[0]));
}
