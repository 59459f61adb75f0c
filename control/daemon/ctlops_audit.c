/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "control/daemon/ctlops_inside.h"

enum { STEP_MS = 100, STEPS = 30 };

enum { SLOTS = 1 << 14 }; /* summed up in a step of the job */

struct auditing {
	struct pk_job job;
	struct pk_daemon *d;
	struct event *timer;
	struct pk_indicators_sums sums;
	unsigned step;
	struct pk_audit now;
	struct pk_audit before;
	struct pk_audit_plane plane[2][PK_PLANES_MAX + 1];
	struct pk_audit_result *results;
};

/* --- the answer ------------------------------------------------------------ */

static void add_identity(struct json_object *list,
			 const struct pk_audit_result *r)
{
	struct json_object *o = json_object_new_object();

	pk_ctlops_add_text(o, "name", r->identity);
	pk_ctlops_add_text(o, "plane", r->plane);
	pk_ctlops_add_number(o, "left", r->left);
	pk_ctlops_add_number(o, "right", r->right);
	json_object_object_add(o, "delta", json_object_new_int64(r->delta));
	json_object_object_add(o, "ok", json_object_new_boolean(r->holds));
	pk_ctlops_add_text(o, "left_terms", r->left_text);
	pk_ctlops_add_text(o, "right_terms", r->right_text);
	if (r->off)
		json_object_object_add(o, "written_off",
				       json_object_new_int64(r->off));
	if (r->doubt)
		json_object_object_add(o, "doubt", json_object_new_boolean(1));
	json_object_array_add(list, o);
}

static struct json_object *losses_of(const struct pk_audit *a)
{
	struct pk_audit_loss loss[PK_AUDIT_LOSSES * (PK_PLANES_MAX + 2)];
	struct json_object *list = json_object_new_array();
	uint32_t n = pk_audit_losses(a, loss);

	for (uint32_t i = 0; i < n; i++) {
		struct json_object *o = json_object_new_object();

		pk_ctlops_add_text(o, "plane", loss[i].plane);
		pk_ctlops_add_text(o, "counter", loss[i].name);
		pk_ctlops_add_number(o, "count", loss[i].count);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *notes_of(const struct pk_audit *a)
{
	struct json_object *list = json_object_new_array();
	char text[PK_AUDIT_NAME + PK_AUDIT_NOTE + 64];

	for (uint32_t i = 0; i < a->planes; i++) {
		const struct pk_audit_plane *p = &a->plane[i];

		if (p->offers || !p->note[0])
			continue;
		snprintf(text, sizeof(text),
			 "%s: what its interface offers is not compared: %s",
			 p->name, p->note);
		json_object_array_add(list, json_object_new_string(text));
	}
	return list;
}

static bool is_in_doubt(const struct auditing *a, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (a->results[i].doubt)
			return true;
	return false;
}

static void end(struct pk_job *job)
{
	struct auditing *a = (struct auditing *)job;

	if (a->timer)
		event_free(a->timer);
	free(a->results);
	free(a);
}

static void answer(struct auditing *a, const char *result, uint32_t n)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();

	pk_ctlops_add_text(o, "result", result);
	json_object_object_add(o, "doubt",
			       json_object_new_boolean(is_in_doubt(a, n)));
	for (uint32_t i = 0; i < n; i++)
		add_identity(list, &a->results[i]);
	json_object_object_add(o, "identities", list);
	json_object_object_add(o, "lost", losses_of(&a->now));
	json_object_object_add(o, "notes", notes_of(&a->now));
	pk_ctl_ok(a->job.out, o);
}

/* --- the question ---------------------------------------------------------- */

/*
 * Read everything again until it closes, or until the time is over. What
 * deaths and edges excuse is written off when nothing moves any more: an event
 * that is still under way must not be.
 */
static enum pk_job_next look(struct auditing *a)
{
	const struct timeval step = { 0, STEP_MS * 1000 };
	struct pk_audit_plane *plane = a->plane[a->step & 1];
	uint32_t failed, n;
	int moved;

	a->before = a->now;
	pk_pump_turn(a->d->pump);
	pk_daemon_snapshot(a->d, &a->now, plane, &a->sums);
	moved = !a->step || pk_audit_moved(&a->before, &a->now);
	n = pk_audit_check(&a->now, a->results, &failed);
	if (!failed && (!moved || !pk_audit_is_unsettled(&a->now))) {
		pk_daemon_settle(a->d, &a->now, a->results, n);
		answer(a, "ok", n);
		return PK_JOB_DONE;
	}
	if (++a->step < STEPS) {
		a->sums = (struct pk_indicators_sums){ 0 };
		event_add(a->timer, &step);
		return PK_JOB_WAIT;
	}
	answer(a, !failed ? "ok" : moved ? "not-quiescent" : "mismatch", n);
	return PK_JOB_DONE;
}

static enum pk_job_next step(struct pk_job *job)
{
	struct auditing *a = (struct auditing *)job;

	if (pk_indicators_sum_hits(a->d->indicators, &a->sums, SLOTS))
		return PK_JOB_MORE;
	return look(a);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct auditing *a = arg;

	(void)fd;
	(void)what;
	pk_job_go(&a->job);
}

int pk_ctlops_audit(void *arg, struct json_object *args, const void *bytes,
		    size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct auditing *a;
	struct pk_args checked;

	(void)bytes;
	(void)n;
	pk_args_begin(&checked, args);
	if (pk_args_end(&checked, out))
		return 0;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->d = d;
	a->job = (struct pk_job){ .out = out, .step = step, .end = end };
	a->results =
		calloc(pk_audit_size(PK_PLANES_MAX + 1), sizeof(*a->results));
	a->timer = evtimer_new(d->base, on_timer, a);
	if (!a->results || !a->timer) {
		end(&a->job);
		return -ENOMEM;
	}
	pk_jobs_start(d->jobs, &a->job);
	return PK_CTL_LATER;
}
