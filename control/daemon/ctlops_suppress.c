/* SPDX-License-Identifier: BSD-2-Clause */
/* threat suppress add, del, list; threat explain */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/ctlops_ioc.h"
#include "control/daemon/ctlops_threat.h"
#include "control/log.h"
#include "control/threat_pass.h"

enum {
	TELL = 16,
	CLOSES = 4, /* in a step */
};

/* RULE */
static struct json_object *rule_object(const struct pk_suppress_rule *r)
{
	struct json_object *o = json_object_new_object();

	pk_ctlops_add_number(o, "number", r->number);
	pk_ctlops_add_text(o, "type", r->type);
	pk_ctlops_add_text(o, "offender", r->offender);
	pk_ctlops_add_text(o, "target", r->target);
	pk_ctlops_add_text(o, "indicator", r->indicator);
	pk_ctlops_add_text(o, "feed", r->feed);
	pk_ioc_add_sec(o, "until", r->until);
	pk_ctlops_add_text(o, "comment", r->comment);
	if (r->by == PK_SUPPRESS_NOBODY)
		pk_ctlops_add_text(o, "from", "configuration");
	else
		pk_ctlops_add_number(o, "by", r->by);
	pk_ioc_add_sec(o, "made", r->made);
	pk_ctlops_add_number(o, "count", r->count);
	pk_ioc_add_ns(o, "first", r->first_ns);
	pk_ioc_add_ns(o, "last", r->last_ns);
	return o;
}

/* --- threat suppress add, del --------------------------------------------- */

/* What is open is closed meanwhile, in slices, before the answer. */
struct change {
	struct pk_job job;
	struct pk_daemon *d;
	struct json_object *answer;
	uint32_t number;	     /* of the new rule */
	struct pk_threat_pass *pass; /* NULL: nothing is to be closed */
	char *text;		     /* of the file; the thread's */
	int err;		     /* of the disk */
	enum { LOOK, ASK, CLOSE } now;
	bool kept; /* it was written, or could not be */
};

static void free_change(struct pk_job *job)
{
	struct change *c = (struct change *)job;

	pk_threat_pass_free(c->pass);
	json_object_put(c->answer);
	free(c->text);
	free(c);
}

/* In the jobs' thread. */
static void keep_change(struct pk_job *job)
{
	struct change *c = (struct change *)job;

	if (!c->kept)
		c->err = pk_rules_keep(c->d->rules, c->text);
	c->kept = true;
	c->text = NULL;
	if (c->pass)
		pk_threat_pass_sort(c->pass);
}

static int of_rule(void *arg, const struct pk_threat_subject *s, int last)
{
	struct change *c = arg;
	struct pk_suppress *all = pk_rules_all(c->d->rules);
	const struct pk_suppress_rule *r;

	if (last)
		return pk_suppress_take_by(all, c->number, s);
	r = pk_suppress_find(all, c->number);
	return r && pk_suppress_matches(r, s);
}

static enum pk_job_next end_change(struct change *c)
{
	struct pk_job *job = &c->job;

	job->stay = false;
	if (c->err) {
		pk_rules_retry(c->d->rules);
		pk_ctl_fail(job->out, PK_CTL_E_FAILED,
			    "it is tried again once a minute",
			    "the change is in force but not on disk: %s",
			    strerror(-c->err));
		return PK_JOB_DONE;
	}
	if (c->number)
		pk_ctlops_add_number(c->answer, "closed",
				     c->pass ? pk_threat_pass_closed(c->pass)
					     : 0);
	pk_ctl_ok(job->out, c->answer);
	c->answer = NULL;
	return PK_JOB_DONE;
}

/* What is closed is told with each slice. */
static enum pk_job_next close_some(struct change *c)
{
	int ret = pk_threat_pass_close(c->pass, CLOSES);

	if (c->d->outbox)
		pk_outbox_commit(c->d->outbox);
	if (!ret)
		return end_change(c);
	if (ret < 0)
		c->now = LOOK;
	return PK_JOB_MORE;
}

static enum pk_job_next change_step(struct pk_job *job)
{
	struct change *c = (struct change *)job;

	switch (c->now) {
	case LOOK: /* without memory, what was found is closed */
		if (c->pass && pk_threat_pass_look(c->pass) > 0)
			return PK_JOB_MORE;
		c->now = ASK;
		return PK_JOB_BESIDE;
	case ASK:
		c->now = CLOSE;
		break;
	case CLOSE:
		break;
	}
	return c->pass ? close_some(c) : end_change(c);
}

/*
 * The rules were changed, by a new one of @number or, 0, without: answer when
 * that is on the disk. Takes @answer.
 */
static int answer_kept(struct pk_daemon *d, struct json_object *answer,
		       uint32_t number, struct pk_ctl_answer *out)
{
	struct change *c = calloc(1, sizeof(*c));
	struct pk_threat_pass_conf pass = { .want = of_rule, .arg = c };

	if (!c) {
		json_object_put(answer);
		return -ENOMEM;
	}
	c->job = (struct pk_job){ .out = out,
				  .step = change_step,
				  .beside = keep_change,
				  .end = free_change,
				  .stay = true };
	c->d = d;
	c->answer = answer;
	c->number = number;
	c->text = pk_rules_print(d->rules);
	if (number && d->pipeline) {
		pass.threats = pk_pipeline_threats(d->pipeline);
		if (pk_threat_pass_new(&c->pass, &pass))
			pk_warn("rule %u: out of memory: what is open stays",
				number);
	}
	pk_jobs_start(d->jobs, &c->job);
	return PK_CTL_LATER;
}

static int refuse(struct pk_ctl_answer *out, int err, const char *why)
{
	enum pk_ctl_code code = err == -EINVAL	 ? PK_CTL_E_USAGE
				: err == -EEXIST ? PK_CTL_E_CONFLICT
						 : PK_CTL_E_FAILED;

	pk_ctl_fail(out, code,
		    err == -EEXIST ? "`picketctl threat suppress list` shows it"
				   : NULL,
		    "%s", why);
	return 0;
}

/* "until" is a time, "for" are seconds; 0, or it was answered. */
static int take_end(struct pk_args *a, struct pk_suppress_said *said,
		    struct pk_ctl_answer *out)
{
	const char *until = pk_args_text(a, "until", false);
	uint64_t length = pk_args_number(a, "for", 0, UINT32_MAX);

	if (pk_args_end(a, out))
		return -EINVAL;
	if (length)
		said->until = said->made + length;
	if (!until)
		return 0;
	if (!length && !pk_suppress_time(until, &said->until))
		return 0;
	pk_ctl_fail(out, PK_CTL_E_USAGE, NULL,
		    length ? "a rule has one end: \"for\" or \"until\""
			   : "\"until\" is a time such as "
			     "2026-12-31T12:00:00Z, or a day");
	return -EINVAL;
}

static int op_add(void *arg, struct json_object *args, const void *bytes,
		  size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct pk_suppress *all = pk_rules_all(d->rules);
	struct pk_suppress_said said = {
		.made = pk_daemon_real_ns() / 1000000000,
		.by = pk_ctl_uid(out),
	};
	char why[PK_SUPPRESS_WHY];
	struct json_object *o;
	struct pk_args a;
	uint32_t number;
	int err;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	said.type = pk_args_text(&a, "type", false);
	said.offender = pk_args_text(&a, "offender", false);
	said.target = pk_args_text(&a, "target", false);
	said.indicator = pk_args_text(&a, "indicator", false);
	said.feed = pk_args_text(&a, "feed", false);
	said.comment = pk_args_text(&a, "comment", false);
	if (take_end(&a, &said, out))
		return 0;
	if (said.by == PK_SUPPRESS_NOBODY) /* the client has left */
		said.by = 0;
	err = pk_suppress_add(all, &said, &number, why);
	if (err)
		return refuse(out, err, why);
	o = rule_object(pk_suppress_find(all, number));
	return answer_kept(d, o, number, out);
}

static int op_del(void *arg, struct json_object *args, const void *bytes,
		  size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct pk_suppress *all = pk_rules_all(d->rules);
	const struct pk_suppress_rule *rule;
	struct json_object *o;
	struct pk_args a;
	uint32_t number;
	int err;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	number = (uint32_t)pk_args_number(&a, "number", 0, UINT32_MAX);
	if (pk_args_end(&a, out))
		return 0;
	rule = pk_suppress_find(all, number);
	o = rule ? rule_object(rule) : NULL;
	err = pk_suppress_del(all, number);
	if (!err)
		return answer_kept(d, o, 0, out);
	json_object_put(o);
	if (err == -EPERM)
		pk_ctl_fail(out, PK_CTL_E_CONFIGURATION,
			    "delete it there and restart picketd",
			    "rule %u is the configuration's", number);
	else
		pk_ctl_fail(out, PK_CTL_E_NOT_FOUND,
			    "`picketctl threat suppress list` lists them",
			    "there is no rule %u", number);
	return 0;
}

/* --- threat suppress list ------------------------------------------------- */

struct list {
	struct pk_job job;
	struct pk_daemon *d;
	uint32_t told; /* the number of the last one */
	uint32_t place;
};

static void free_list(struct pk_job *job)
{
	free(job);
}

/* Rules may go between two steps, so the place is only where to look. */
static enum pk_job_next list_step(struct pk_job *job)
{
	struct list *l = (struct list *)job;
	const struct pk_suppress *all = pk_rules_all(l->d->rules);
	const struct pk_suppress_rule *r;

	while (l->place &&
	       (!pk_suppress_at(all, l->place - 1) ||
		pk_suppress_at(all, l->place - 1)->number > l->told))
		l->place--;
	for (int i = 0; i < TELL; i++) {
		r = pk_suppress_at(all, l->place++);
		if (!r) {
			pk_ctl_ok(job->out, NULL);
			return PK_JOB_DONE;
		}
		l->told = r->number;
		pk_ctl_element(job->out, rule_object(r));
	}
	return PK_JOB_MORE;
}

static int op_list(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct list *l;
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
				  .step = list_step,
				  .end = free_list };
	l->d = arg;
	pk_ctl_begin(out, "rules");
	pk_jobs_start(l->d->jobs, &l->job);
	return PK_CTL_LATER;
}

/* --- threat explain ------------------------------------------------------- */

static const char *text_of(struct json_object *o, const char *key)
{
	const char *text =
		o ? json_object_get_string(json_object_object_get(o, key))
		  : NULL;

	return text ? text : "";
}

static void take_indicator(struct json_object *o,
			   struct pk_threat_indicator *ind)
{
	struct json_object *feeds = json_object_object_get(o, "feeds");
	size_t n = json_object_is_type(feeds, json_type_array)
			   ? json_object_array_length(feeds)
			   : 0;

	snprintf(ind->value, sizeof(ind->value), "%s", text_of(o, "value"));
	snprintf(ind->id, sizeof(ind->id), "%s", text_of(o, "id"));
	for (size_t i = 0; i < n && i < PK_THREAT_FEEDS; i++) {
		const char *name = json_object_get_string(
			json_object_array_get_idx(feeds, i));

		snprintf(ind->feed[ind->feeds++], sizeof(ind->feed[0]), "%s",
			 name ? name : "");
	}
}

static void add_detector(struct json_object *o, const struct pk_detector *d)
{
	struct json_object *part = pk_ioc_add_object(o, "detector");

	pk_ctlops_add_text(part, "name", d->name);
	pk_ctlops_add_text(part, "where", d->where);
	pk_ctlops_add_number(part, "threshold", d->window.threshold);
	pk_ctlops_add_number(part, "window", d->window.span_ns / 1000000000);
	pk_ctlops_add_number(part, "mute", d->mute_ns / 1000000000);
	pk_ctlops_add_number(part, "hold", d->hold_sec);
	pk_ctlops_add_text(part, "severity", d->severity);
	pk_ctlops_add_number(part, "confidence", d->confidence);
}

/* The detector of that name, and the rules that match now. */
static void explain(struct pk_daemon *d, struct json_object *o,
		    const struct pk_threat_subject *subject)
{
	const struct pk_suppress *all = pk_rules_all(d->rules);
	struct json_object *rules = pk_ioc_add_list(o, "suppress");
	const struct pk_detector *detectors = pk_detectors;
	const struct pk_suppress_rule *r;
	uint32_t n = PK_DETECTORS;

	if (d->pipeline)
		n = pk_pipeline_detectors(d->pipeline, &detectors);
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(detectors[i].name, subject->type))
			add_detector(o, &detectors[i]);
	for (uint32_t i = 0; (r = pk_suppress_at(all, i)); i++)
		if (pk_suppress_matches(r, subject))
			json_object_array_add(rules, rule_object(r));
}

static int op_explain(void *arg, struct json_object *args, const void *bytes,
		      size_t n, struct pk_ctl_answer *out)
{
	struct json_object *t = json_object_object_get(args, "threat"), *said;
	struct pk_threat_indicator ind = { 0 };
	union pk_addr offender, target;
	struct pk_threat_subject subject = {
		.type = text_of(t, "type"),
		.offender = &offender,
		.target = &target,
		.at_ns = pk_daemon_real_ns(),
	};
	struct json_object *o;

	(void)bytes;
	(void)n;
	if (!json_object_is_type(t, json_type_object) ||
	    pk_addr_parse(&offender, text_of(t, "offender")) ||
	    pk_addr_parse(&target, text_of(t, "target")))
		return pk_ioc_usage(out, "\"threat\" must be a threat, as the "
					 "journal has it");
	said = json_object_object_get(t, "indicator");
	if (json_object_is_type(said, json_type_object)) {
		take_indicator(said, &ind);
		subject.indicator = &ind;
	}
	o = json_object_new_object();
	explain(arg, o, &subject);
	pk_ctl_ok(out, o);
	return 0;
}

int pk_ctlops_register_suppress(struct pk_daemon *d)
{
	static const struct pk_ctlop ops[] = {
		{ "threat suppress add", op_add },
		{ "threat suppress del", op_del },
		{ "threat suppress list", op_list },
		{ "threat explain", op_explain },
	};

	return pk_ctlops_add_all(d, ops, sizeof(ops) / sizeof(ops[0]));
}
