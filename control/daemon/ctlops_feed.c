/* SPDX-License-Identifier: BSD-2-Clause */
/* feed list, feed show, ioc history */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/ctlops_ioc.h"

enum {
	SAMPLES = 10,
	HISTORY = 20,
	HISTORY_MAX = 1000,
	LOOK = 512, /* slots looked at in a step */
	TELL = 16,  /* elements told in one */
};

/* What walks: over feeds, slots, refusals or commits. */
struct walk {
	struct pk_job job;
	struct pk_daemon *d;
	uint32_t at, limit;
};

static int start(struct pk_daemon *d, struct walk *w, const char *list)
{
	w->d = d;
	pk_ctl_begin(w->job.out, list);
	pk_jobs_start(d->jobs, &w->job);
	return PK_CTL_LATER;
}

static void free_walk(struct pk_job *job)
{
	free(job);
}

/* --- feeds ------------------------------------------------------------------------------ */

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

/* One that only a dry run has named is none, nor one that was deleted. */
int pk_ioc_feed_is_shown(const struct pk_daemon *d, uint16_t feed)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);

	return pk_store_feed_items(s, feed) ||
	       pk_store_feed_info(s, feed)->loaded;
}

static enum pk_job_next list_feeds(struct pk_job *job)
{
	struct walk *w = (struct walk *)job;
	unsigned feeds =
		pk_store_feed_count(pk_indicators_store(w->d->indicators));

	for (unsigned i = 0; i < TELL && w->at < feeds; i++, w->at++)
		if (pk_ioc_feed_is_shown(w->d, (uint16_t)w->at))
			pk_ctl_element(job->out,
				       feed_object(w->d, (uint16_t)w->at));
	if (w->at < feeds)
		return PK_JOB_MORE;
	pk_ctl_ok(job->out, NULL);
	return PK_JOB_DONE;
}

static int op_feed_list(void *arg, struct json_object *args, const void *bytes,
			size_t n, struct pk_ctl_answer *out)
{
	struct pk_args a;
	struct walk *w;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	if (pk_args_end(&a, out))
		return 0;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->job = (struct pk_job){ .out = out,
				  .step = list_feeds,
				  .end = free_walk };
	return start(arg, w, "feeds");
}

/* --- one feed --------------------------------------------------------------------------- */

struct show {
	struct walk walk; /* over the refusals */
	uint16_t feed;
	uint32_t slot; /* the last one counted */
	bool counted;
	uint64_t hits;
};

static enum pk_job_next count_hits(struct show *w)
{
	const struct pk_indicators *d = w->walk.d->indicators;
	const struct pk_store *s = pk_indicators_store(d);
	struct pk_meta meta;

	for (unsigned i = 0; i < LOOK; i++) {
		uint64_t n;

		w->slot = pk_store_next(s, w->slot);
		if (!w->slot) {
			w->counted = true;
			break;
		}
		n = pk_indicators_hits(d, w->slot);
		if (n && !pk_store_meta(s, w->slot, w->feed, &meta))
			w->hits += n;
	}
	return PK_JOB_MORE;
}

static struct json_object *rejected(const struct pk_load_memory *m, unsigned i)
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
	struct json_object *o = json_object_new_object();
	char sentence[PK_SAY_MAX];

	pk_refusal_print(&refusal, m->name, sentence, sizeof(sentence));
	pk_ctlops_add_number(o, "line", r->line);
	pk_ctlops_add_number(o, "column", r->column);
	pk_ctlops_add_text(o, "reason", pk_refused_word(r->reason));
	pk_ctlops_add_text(o, "text", r->text);
	pk_ctlops_add_text(o, "message", sentence);
	return o;
}

static enum pk_job_next show_step(struct pk_job *job)
{
	static const struct pk_feed_stats none;
	struct show *w = (struct show *)job;
	struct walk *walk = &w->walk;
	/* another load may have replaced it since the last step */
	const struct pk_load_memory *m =
		pk_loader_memory(walk->d->loader, w->feed);
	unsigned end = !m			  ? 0
		       : m->rejects < walk->limit ? m->rejects
						  : walk->limit;
	struct json_object *o;

	if (!w->counted)
		return count_hits(w);
	for (unsigned i = 0; i < TELL && walk->at < end; i++)
		pk_ctl_element(job->out, rejected(m, walk->at++));
	if (walk->at < end)
		return PK_JOB_MORE;
	o = feed_object(walk->d, w->feed);
	pk_ctlops_add_number(o, "hits", w->hits);
	pk_ioc_add_reasons(o, "reasons", m ? m->stats.refused : none.refused,
			   PK_REFUSED_COUNT, pk_ioc_refused_word);
	pk_ioc_add_reasons(o, "skipped", m ? m->stats.skipped : none.skipped,
			   PK_SKIP_REASONS, pk_ioc_skip_word);
	pk_ctl_ok(job->out, o);
	return PK_JOB_DONE;
}

static int op_feed_show(void *arg, struct json_object *args, const void *bytes,
			size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	uint64_t samples;
	const char *feed;
	struct pk_args a;
	struct show *w;
	int number;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	feed = pk_args_text(&a, "feed", true);
	samples = pk_args_number(&a, "samples", SAMPLES, PK_LOADER_REJECTED);
	if (pk_args_end(&a, out))
		return 0;
	number = pk_store_feed_find(pk_indicators_store(d->indicators), feed);
	if (number < 0 || !pk_ioc_feed_is_shown(d, (uint16_t)number)) {
		pk_ctl_fail(out, PK_CTL_E_NOT_FOUND,
			    "feed list shows which there are",
			    "there is no feed \"%.64s\"", feed);
		return 0;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->walk.job = (struct pk_job){ .out = out,
				       .step = show_step,
				       .end = free_walk };
	w->walk.limit = (uint32_t)samples;
	w->feed = (uint16_t)number;
	return start(d, &w->walk, "rejected");
}

/* --- history ------------------------------------------------------------------------------ */

struct history {
	struct walk walk;
	struct pk_disk *disk; /* a reader; NULL: there is no disk */
	bool read;
	int err;
	uint32_t count;
	uint64_t last;
	struct pk_disk_commit commit[]; /* walk.limit of them */
};

static int on_commit(void *arg, const struct pk_disk_commit *c)
{
	struct history *h = arg;

	if (h->count == h->walk.limit)
		return 1;
	h->commit[h->count++] = *c;
	return 0;
}

static void read_history(struct pk_job *job)
{
	struct history *h = (struct history *)job;

	h->err = pk_disk_history(h->disk, on_commit, h);
}

static struct json_object *commit_object(const struct pk_disk_commit *c)
{
	struct json_object *o = json_object_new_object();

	pk_ctlops_add_number(o, "commit", c->number);
	pk_ioc_add_sec(o, "time", c->at);
	pk_ctlops_add_text(o, "op", c->op);
	pk_ctlops_add_text(o, "feed", c->feed);
	pk_ctlops_add_number(o, "by", c->uid);
	pk_ctlops_add_number(o, "added", c->added);
	pk_ctlops_add_number(o, "changed", c->changed);
	pk_ctlops_add_number(o, "withdrawn", c->withdrawn);
	pk_ctlops_add_number(o, "total", c->live);
	return o;
}

static enum pk_job_next history_step(struct pk_job *job)
{
	struct history *h = (struct history *)job;
	struct walk *w = &h->walk;
	struct json_object *o;

	if (h->disk && !h->read) {
		h->read = true;
		return PK_JOB_BESIDE;
	}
	if (h->err < 0) {
		pk_ctl_fail(job->out, PK_CTL_E_FAILED, NULL,
			    "history cannot be read: %s", strerror(-h->err));
		return PK_JOB_DONE;
	}
	if (!w->at)
		pk_ctl_begin(job->out, "commits");
	for (unsigned i = 0; i < TELL && w->at < h->count; i++)
		pk_ctl_element(job->out, commit_object(&h->commit[w->at++]));
	if (w->at < h->count)
		return PK_JOB_MORE;
	o = json_object_new_object();
	pk_ctlops_add_number(o, "commit", h->last);
	pk_ctl_ok(job->out, o);
	return PK_JOB_DONE;
}

static void free_history(struct pk_job *job)
{
	struct history *h = (struct history *)job;

	pk_disk_close(h->disk);
	free(h);
}

static int op_history(void *arg, struct json_object *args, const void *bytes,
		      size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct history *h;
	struct pk_args a;
	uint64_t limit;
	int err;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	limit = pk_args_number(&a, "limit", HISTORY, HISTORY_MAX);
	if (pk_args_end(&a, out))
		return 0;
	h = calloc(1, sizeof(*h) + limit * sizeof(h->commit[0]));
	if (!h)
		return -ENOMEM;
	h->walk.job = (struct pk_job){ .out = out,
				       .step = history_step,
				       .beside = read_history,
				       .end = free_history };
	h->walk.d = d;
	h->walk.limit = (uint32_t)limit;
	h->last = pk_indicators_last(d->indicators);
	err = pk_indicators_reader(d->indicators, &h->disk);
	if (err && err != -ENOENT) {
		free_history(&h->walk.job);
		return err;
	}
	pk_jobs_start(d->jobs, &h->walk.job);
	return PK_CTL_LATER;
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
