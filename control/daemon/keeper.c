/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "control/daemon/daemon_inside.h"
#include "control/daemon/totals.h"
#include "control/journal/reader.h"
#include "control/log.h"
#include "control/metrics/tree.h"
#include "control/text.h"

enum { PARTS = 2 + PK_PIPELINE_PARTS };

struct pk_keeper {
	struct pk_keeper_conf conf;
	struct pk_checkpoint *checkpoint;
	struct pk_checkpoint_part part[PARTS];
	struct event *timer;
	struct pk_totals totals;
	uint64_t known; /* the journal's number that the checkpoint has */
	struct pk_keeper_counters count;
};

/* --- parts -------------------------------------------------------------------- */

/*
 * First, so that what is told while a pass goes on is behind it. What only has
 * a number may never get into the file: SIGKILL would leave threats that ended
 * without their end.
 */
static int save_journal(void *arg, struct pk_writer *w, uint64_t *at)
{
	const struct pk_keeper *k = arg;

	(void)at;
	pk_outbox_commit(k->conf.outbox);
	pk_put_u64(w, atomic_load(&pk_outbox_mark(k->conf.outbox)->written));
	return w->err;
}

static int load_journal(void *arg, struct pk_reader *r, uint32_t version)
{
	struct pk_keeper *k = arg;

	if (version != 1)
		return -EPROTO;
	k->known = pk_get_u64(r);
	return r->err;
}

static int save_totals(void *arg, struct pk_writer *w, uint64_t *at)
{
	const struct pk_keeper *k = arg;
	struct pk_journal_counters journal;
	struct pk_pipeline_stats now;

	(void)at;
	pk_pipeline_stats(k->conf.pipeline, &now);
	pk_outbox_count(k->conf.outbox, &journal);
	pk_totals_save(&k->totals, &now, &journal, w);
	return w->err;
}

static int load_totals(void *arg, struct pk_reader *r, uint32_t version)
{
	struct pk_keeper *k = arg;

	return version == 1 ? pk_totals_load(&k->totals, r) : -EPROTO;
}

static uint64_t changes(void *arg)
{
	const struct pk_keeper *k = arg;
	struct pk_pipeline_stats now;

	pk_pipeline_stats(k->conf.pipeline, &now);
	return now.pipeline.records + now.threat.told;
}

/* --- the journal behind the checkpoint ---------------------------------------- */

static uint64_t tail_begins(const struct pk_keeper *k)
{
	uint64_t last = pk_outbox_last(k->conf.outbox);

	if (k->known)
		return k->known + 1;
	return last > PK_KEEPER_TAIL ? last - PK_KEEPER_TAIL + 1 : 1;
}

static void take(struct pk_keeper *k, const struct pk_journal_message *m)
{
	k->count.read++;
	if (pk_pipeline_told(k->conf.pipeline, m->text, m->text_len))
		k->count.refused++;
	else
		k->count.taken++;
}

static int read_tail(struct pk_keeper *k, struct pk_journal_reader *r)
{
	uint64_t last = pk_outbox_last(k->conf.outbox), missing;
	struct pk_journal_message m;
	int ret;

	while ((ret = pk_journal_read(r, &m, &missing)) > 0) {
		if (k->known)
			k->count.missing += missing;
		take(k, &m);
		if (m.number >= last)
			return 0;
	}
	return ret;
}

static int catch_up(struct pk_keeper *k)
{
	uint64_t from = tail_begins(k);
	struct pk_journal_reader *r = NULL;
	int fd, err;

	if (k->known > pk_outbox_last(k->conf.outbox))
		pk_warn("the checkpoint is %llu messages ahead of the journal, "
			"which lost its end: their threats go on, but it does "
			"not have them",
			(unsigned long long)(k->known -
					     pk_outbox_last(k->conf.outbox)));
	if (from > pk_outbox_last(k->conf.outbox))
		return 0;
	fd = open(k->conf.journal_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = pk_journal_reader_new(&r, fd, "threat", from);
	if (!err)
		err = read_tail(k, r);
	pk_journal_reader_free(r);
	close(fd);
	return err;
}

static void tell_start(struct pk_keeper *k)
{
	struct pk_pipeline_stats now;

	pk_pipeline_stats(k->conf.pipeline, &now);
	if (k->count.refused || k->count.missing)
		pk_warn("behind the checkpoint %llu messages of the journal are "
			"missing and %llu could not be taken: threats may be "
			"open that have ended, or open again",
			(unsigned long long)k->count.missing,
			(unsigned long long)k->count.refused);
	if (now.threat.revived)
		pk_info("%llu threats go on",
			(unsigned long long)now.threat.revived);
}

/* --- life --------------------------------------------------------------------- */

static void turn_later(struct pk_keeper *k, uint64_t wait_ns)
{
	const struct timeval wait = { (time_t)(wait_ns / 1000000000),
				      (suseconds_t)(wait_ns % 1000000000 /
						    1000) };

	event_add(k->timer, &wait);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct pk_keeper *k = arg;

	(void)fd;
	(void)what;
	turn_later(k, pk_checkpoint_turn(k->checkpoint, pk_daemon_real_ns())
			      ? 0
			      : PK_CHECKPOINT_EVERY_NS);
}

static void say(void *arg, const char *sentence)
{
	(void)arg;
	pk_warn("%s", sentence);
}

static int open_checkpoint(struct pk_keeper *k)
{
	const struct pk_checkpoint_conf conf = {
		.dir = k->conf.dir,
		.parts = k->part,
		.count = PARTS,
		.changes = changes,
		.arg = k,
		.say = say,
	};

	k->part[0] = (struct pk_checkpoint_part){ "journal", 1, save_journal,
						  load_journal, k };
	pk_pipeline_parts(k->conf.pipeline, k->conf.now_ns, k->part + 1);
	k->part[PARTS - 1] =
		(struct pk_checkpoint_part){ "totals", 1, save_totals,
					     load_totals, k };
	return pk_checkpoint_new(&k->checkpoint, &conf);
}

static void load(struct pk_keeper *k)
{
	int err;

	k->totals.since_ns = k->conf.now_ns;
	pk_checkpoint_load(k->checkpoint);
	/* what is open, then, the journal says alone */
	if (!pk_checkpoint_has(k->checkpoint, "threats"))
		k->known = 0;
	err = catch_up(k);
	if (err)
		pk_warn("journal %s: %s; what was told behind the checkpoint is "
			"not known",
			k->conf.journal_dir, strerror(-err));
	pk_pipeline_caught_up(k->conf.pipeline);
	pk_outbox_commit(k->conf.outbox);
	tell_start(k);
}

int pk_keeper_new(struct pk_keeper **out, const struct pk_keeper_conf *conf)
{
	struct pk_keeper *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return -ENOMEM;
	k->conf = *conf;
	k->timer = evtimer_new(conf->base, on_turn, k);
	err = k->timer ? open_checkpoint(k) : -ENOMEM;
	if (err) {
		pk_keeper_free(k);
		return err;
	}
	load(k);
	turn_later(k, 0);
	*out = k;
	return 0;
}

void pk_keeper_free(struct pk_keeper *k)
{
	if (!k)
		return;
	if (k->timer)
		event_free(k->timer);
	pk_checkpoint_free(k->checkpoint);
	free(k);
}

int pk_keeper_flush(struct pk_keeper *k, uint64_t now_ns)
{
	return pk_checkpoint_flush(k->checkpoint, now_ns);
}

void pk_keeper_count(struct pk_keeper *k, struct pk_keeper_counters *out,
		     struct pk_checkpoint_view *view)
{
	*out = k->count;
	pk_checkpoint_view(k->checkpoint, view);
}

/* --- status ------------------------------------------------------------------- */

static void add_time(struct json_object *o, const char *key, uint64_t ns)
{
	char text[PK_TEXT_TIME];

	pk_text_time(ns, text);
	json_object_object_add(o, key,
			       ns ? json_object_new_string(text) : NULL);
}

static void add_age(struct json_object *o, uint64_t now_ns, uint64_t ns)
{
	uint64_t ms = now_ns > ns ? (now_ns - ns) / 1000000 : 0;

	json_object_object_add(o, "age_s",
			       ns ? json_object_new_double((double)ms / 1000)
				  : NULL);
}

#define ADD(name, text) pk_tree_counter(o, #name, c->name, text);

static void add_written(struct json_object *o,
			const struct pk_checkpoint_counters *c)
{
	PK_CHECKPOINT_COUNTERS(ADD)
	/* the latest may be smaller */
	pk_tree_gauge(o, "bytes", c->bytes, "of the latest that was written");
}

static void add_read(struct json_object *o, const struct pk_keeper_counters *c)
{
	PK_KEEPER_COUNTERS(ADD)
}

void pk_keeper_status(struct pk_keeper *k, struct json_object *o,
		      uint64_t now_ns)
{
	struct json_object *part = json_object_new_object();
	struct json_object *totals = json_object_new_object();
	struct json_object *behind = json_object_new_object();
	struct pk_journal_counters journal;
	struct pk_pipeline_stats now;
	struct pk_checkpoint_view v;

	pk_checkpoint_view(k->checkpoint, &v);
	json_object_object_add(part, "dir",
			       json_object_new_string(k->conf.dir));
	add_age(part, now_ns, v.written_ns);
	json_object_object_add(part, "current",
			       json_object_new_boolean(v.current));
	add_time(part, "loaded", v.loaded_ns);
	add_written(part, &v.counters);
	add_read(behind, &k->count);
	json_object_object_add(part, "journal", behind);
	json_object_object_add(o, "checkpoint", part);
	pk_pipeline_stats(k->conf.pipeline, &now);
	pk_outbox_count(k->conf.outbox, &journal);
	add_time(totals, "since", k->totals.since_ns);
	pk_totals_tell(&k->totals, &now, &journal, totals);
	json_object_object_add(o, "totals", totals);
}
