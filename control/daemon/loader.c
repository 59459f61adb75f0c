/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/loader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/daemon/loader_inside.h"
#include "control/daemon/rejected.h"
#include "control/log.h"

static uint64_t mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint32_t real_sec(void)
{
	return (uint32_t)time(NULL);
}

static void turn_soon(struct pk_loader *l)
{
	const struct timeval now = { 0, 0 };

	event_add(l->turn, &now);
}

const char *pk_load_phase_word(enum pk_load_phase phase)
{
	static const char *const words[] = {
#define WORD(name, word) word,
		PK_LOAD_PHASES(WORD)
#undef WORD
	};

	return phase < PK_LOAD_PHASE_COUNT ? words[phase] : "";
}

/* --- the end ----------------------------------------------------------------------- */

static void free_load(struct pk_load *load)
{
	pk_store_free(load->fresh);
	pk_guards_run_end(&load->guard);
	pk_disk_close(load->disk);
	free(load->memory);
	free(load);
}

/* What was refused stays to be shown, with the feed. */
static void keep_memory(struct pk_loader *l)
{
	struct pk_load *load = l->load;
	int err = 0;

	if (!load->memory || !load->has_feed || load->job.dry_run)
		return;
	free(l->memory[load->number]);
	l->memory[load->number] = load->memory;
	load->memory = NULL;
	if (l->dir >= 0)
		err = pk_rejected_write(l->dir, load->number, load->feed,
					l->memory[load->number]);
	if (err)
		pk_warn("what was refused of feed %s is not kept over a "
			"restart: %s: %s",
			load->feed, l->conf.dir, strerror(-err));
}

static void finish(struct pk_loader *l, int err)
{
	struct pk_load *load = l->load;
	struct pk_load_result *r = &load->result;

	pk_load_read_end(l);
	if (err == -EPERM || err == -EBADMSG)
		pk_indicators_refused(l->conf.indicators, load->job.op,
				      load->feed, load->job.uid, load->why);
	if (err && !load->why[0])
		snprintf(load->why, sizeof(load->why), "%s %s: %s",
			 load->job.op, load->feed, strerror(-err));
	keep_memory(l);
	r->applied = !err && !load->job.dry_run;
	r->ms = (mono_ns() - load->begin_ns) / 1000000;
	r->commit = pk_indicators_last(l->conf.indicators);
	if (!r->generation)
		r->generation = pk_indicators_generation(l->conf.indicators);
	l->load = NULL;
	load->job.fn(load->job.arg, err, load->why, r);
	free_load(load);
}

__attribute__((format(printf, 3, 4))) static void fail(struct pk_loader *l,
						       int err,
						       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(l->load->why, sizeof(l->load->why), format, args);
	va_end(args);
	finish(l, err);
}

/* --- guards -------------------------------------------------------------------------- */

static struct pk_load_guard *add_guard(struct pk_loader *l, const char *word,
				       int refuses)
{
	struct pk_load_result *r = &l->load->result;
	struct pk_load_guard *g = &r->guard[r->guards];

	if (r->guards < PK_LOAD_GUARDS - 1)
		r->guards++;
	*g = (struct pk_load_guard){ .guard = word,
				     .refuses = (uint8_t)refuses,
				     .forced = l->load->job.force };
	return g;
}

/* A guard holds the feed back: -EPERM, unless it is forced. */
static int hold_back(struct pk_loader *l, enum pk_guard_hold hold,
		     const char *sentence)
{
	struct pk_load_guard *g;

	if (hold == PK_GUARD_HOLD_NONE)
		return 0;
	g = add_guard(l, pk_guard_hold_word(hold), 1);
	snprintf(g->message, sizeof(g->message), "%s", sentence);
	if (l->load->job.force)
		return 0;
	snprintf(l->load->why, sizeof(l->load->why),
		 "%s; the old one stays, --force overrides", sentence);
	return -EPERM;
}

static void tell_values(struct pk_loader *l)
{
	const struct pk_feed_stats *s = &l->load->result.stats;

	for (int why = PK_REFUSED_SAFELISTED; why < PK_REFUSED_NO_ROOM; why++) {
		struct pk_load_guard *g;

		if (!s->refused[why])
			continue;
		g = add_guard(l, pk_refused_word(why), 0);
		g->count = s->refused[why];
		snprintf(g->message, sizeof(g->message), "%s",
			 pk_refused_text(why));
	}
}

static int guard_feed(struct pk_loader *l)
{
	struct pk_load *load = l->load;
	const struct pk_store *store = pk_indicators_store(l->conf.indicators);
	struct pk_store_stats fresh;
	struct pk_guard_feed feed = { .name = load->feed,
				      .stats = &load->result.stats };
	char sentence[PK_GUARD_SENTENCE];

	tell_values(l);
	pk_store_stats(load->fresh, &fresh);
	feed.new_items = fresh.live;
	if (load->has_feed)
		feed.old_items = pk_store_feed_items(store, load->number);
	/* what only adds cannot lose anything */
	if (load->job.kind == PK_LOAD_ADD) {
		feed.new_items += feed.old_items;
		if (fresh.live)
			feed.old_items = 0;
	}
	return hold_back(
		l,
		pk_guard_feed(pk_guards_guard(l->conf.guards), &feed, sentence),
		sentence);
}

/* --- publishing ------------------------------------------------------------------------ */

static void on_published(void *arg, int status, const char *why,
			 uint64_t generation)
{
	struct pk_loader *l = arg;

	l->load->result.generation = generation;
	if (status)
		snprintf(l->load->why, sizeof(l->load->why), "%s", why);
	finish(l, status);
}

/* Has nothing changed but the time? */
static int is_still(const struct pk_loader *l, const struct pk_feed_info *info)
{
	const struct pk_load_result *r = &l->load->result;
	const struct pk_feed_info *was = pk_store_feed_info(
		pk_indicators_store(l->conf.indicators), l->load->number);

	return !r->added && !r->changed && !r->withdrawn && was->loaded &&
	       was->ttl_sec == info->ttl_sec && was->records == info->records &&
	       was->refused == info->refused &&
	       !strcmp(was->format, info->format) &&
	       !strcmp(was->source, info->source) &&
	       !strcmp(was->licence, info->licence) &&
	       !strcmp(was->attribution, info->attribution);
}

/* What was refused of a feed that is no more. */
static void forget(struct pk_loader *l)
{
	free(l->memory[l->load->number]);
	l->memory[l->load->number] = NULL;
	if (l->dir >= 0)
		pk_rejected_forget(l->dir, l->load->number);
}

static void set_info(struct pk_loader *l)
{
	const struct pk_load *load = l->load;
	const struct pk_load_job *job = &load->job;
	struct pk_feed_info info = { 0 };

	if (job->kind == PK_LOAD_DELETE) {
		pk_indicators_feed_set(l->conf.indicators, load->number, &info);
		forget(l);
		return;
	}
	snprintf(info.name, sizeof(info.name), "%s", load->feed);
	snprintf(info.format, sizeof(info.format), "%s", load->result.format);
	snprintf(info.source, sizeof(info.source), "%s", load->name);
	snprintf(info.licence, sizeof(info.licence), "%s", job->licence);
	snprintf(info.attribution, sizeof(info.attribution), "%s",
		 job->attribution);
	info.ttl_sec = job->options.ttl_sec;
	info.loaded = real_sec();
	info.records = load->result.stats.records;
	info.refused = pk_feed_refused(&load->result.stats);
	if (!job->still || !is_still(l, &info))
		pk_indicators_feed_set(l->conf.indicators, load->number, &info);
}

/* Most often a feed has the same number in both. NULL: it has none. */
static const struct pk_feed_info *info_of(const struct pk_store *s,
					  uint16_t number, const char *name)
{
	const struct pk_feed_info *info = pk_store_feed_info(s, number);
	int n = info && !strcmp(info->name, name) ? number
						  : pk_store_feed_find(s, name);

	return n < 0 ? NULL : pk_store_feed_info(s, (uint16_t)n);
}

/* What an earlier commit knew of its feeds; of others it knew nothing. */
static void set_infos(struct pk_loader *l)
{
	static const struct pk_feed_info none;
	struct pk_indicators *d = l->conf.indicators;
	const struct pk_store *s = pk_indicators_store(d);
	const struct pk_store *fresh = l->load->fresh;

	for (uint16_t i = 0; i < pk_store_feed_count(fresh); i++) {
		const char *name = pk_store_feed_info(fresh, i)->name;

		if (!info_of(s, i, name))
			pk_indicators_feed(d, name);
	}
	for (uint16_t i = 0; i < pk_store_feed_count(s); i++) {
		const struct pk_feed_info *now = pk_store_feed_info(s, i);
		const struct pk_feed_info *then = info_of(fresh, i, now->name);

		if (then || now->loaded)
			pk_indicators_feed_set(d, i, then ? then : &none);
	}
}

static void merged(struct pk_loader *l)
{
	struct pk_load *load = l->load;
	struct pk_indicators *d = l->conf.indicators;
	struct pk_store_stats fresh;
	int err;

	pk_store_stats(load->fresh, &fresh);
	load->result.same = fresh.live - load->result.added;
	load->result.same -= load->result.changed < load->result.same
				     ? load->result.changed
				     : load->result.same;
	if (load->job.kind == PK_LOAD_ROLLBACK)
		set_infos(l);
	else
		set_info(l);
	err = pk_indicators_commit(d, load->job.op, load->feed, load->job.uid,
				   &load->result.commit);
	pk_indicators_release(d);
	if (err) {
		fail(l, err,
		     "%s of feed %s could not be written to disk: %s; "
		     "nothing has changed",
		     load->job.op, load->feed, strerror(-err));
		return;
	}
	pk_store_free(load->fresh);
	load->fresh = NULL;
	load->phase = PK_LOAD_PUBLISHING;
	if (pk_indicators_publish(d, 0, on_published, l))
		fail(l, -ENOMEM, "out of memory");
}

/* --- writing ---------------------------------------------------------------------------- */

static void give_up(struct pk_loader *l, int err)
{
	pk_indicators_abort(l->conf.indicators);
	pk_indicators_release(l->conf.indicators);
	finish(l, err);
}

static int find_number(struct pk_loader *l)
{
	struct pk_load *load = l->load;
	int n;

	if (load->job.kind == PK_LOAD_ROLLBACK)
		return 0;
	n = pk_indicators_feed(l->conf.indicators, load->feed);
	if (n < 0)
		return n;
	load->number = (uint16_t)n;
	load->has_feed = 1;
	return 0;
}

static int is_stale(const struct pk_loader *l)
{
	return l->load->job.has_expect &&
	       l->load->job.expect != pk_indicators_last(l->conf.indicators);
}

static void write_now(void *arg)
{
	struct pk_loader *l = arg;
	struct pk_load *load = l->load;
	struct pk_load_result *r = &load->result;
	uint32_t items = (uint32_t)(r->added + r->added / 16 + 64);
	int err;

	if (is_stale(l)) {
		fail(l, -ESTALE, "commit %llu is the last one, not %llu",
		     (unsigned long long)pk_indicators_last(l->conf.indicators),
		     (unsigned long long)load->job.expect);
		return;
	}
	pk_indicators_hold(l->conf.indicators);
	if (r->added < 64)
		items = (uint32_t)r->added;
	err = pk_indicators_reserve(l->conf.indicators, items,
				    load->needs + load->needs / 16, load->why);
	if (!err)
		err = find_number(l);
	if (err) {
		pk_indicators_release(l->conf.indicators);
		finish(l, err);
		return;
	}
	r->added = r->changed = r->withdrawn = 0;
	pk_load_merge_from(load);
	load->phase = PK_LOAD_WRITING;
	turn_soon(l);
}

/* --- comparing ---------------------------------------------------------------------------- */

static void estimate(struct pk_loader *l)
{
	struct pk_load_result *r = &l->load->result;
	struct pk_indicators_state state;
	struct pk_store_stats now, fresh;
	uint64_t live;

	pk_store_stats(pk_indicators_store(l->conf.indicators), &now);
	pk_store_stats(l->load->fresh, &fresh);
	pk_indicators_state(l->conf.indicators, &state);
	r->same = fresh.live - r->added;
	r->same -= r->changed < r->same ? r->changed : r->same;
	r->store_bytes = r->store_after = now.bytes;
	r->image_bytes = r->image_after =
		((uint64_t)state.base_lines + state.delta_lines) *
		sizeof(struct pk_line);
	live = now.live + r->added > r->withdrawn
		       ? now.live + r->added - r->withdrawn
		       : 0;
	if (fresh.live)
		r->store_after += fresh.bytes / fresh.live * r->added;
	if (now.live)
		r->image_after = r->image_bytes * live / now.live;
	else
		r->image_after = live * 32;
}

static void compared(struct pk_loader *l)
{
	struct pk_load *load = l->load;
	char sentence[PK_GUARD_SENTENCE] = "";
	int err;

	estimate(l);
	err = hold_back(
		l, pk_guards_run_traffic(&load->guard, load->feed, sentence),
		sentence);
	if (load->job.dry_run)
		finish(l, 0);
	else if (err || load->held)
		finish(l, err ? err : load->held);
	else if (pk_indicators_when_idle(l->conf.indicators, write_now, l))
		finish(l, -ENOMEM);
}

static void compare(struct pk_loader *l)
{
	struct pk_load *load = l->load;
	int n = pk_store_feed_find(pk_indicators_store(l->conf.indicators),
				   load->feed);

	load->has_feed = n >= 0;
	load->number = n >= 0 ? (uint16_t)n : 0;
	load->phase = PK_LOAD_COMPARING;
	turn_soon(l);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct pk_loader *l = arg;
	int compares = l->load->phase == PK_LOAD_COMPARING;
	int err = compares ? pk_load_compare(l) : pk_load_merge(l);

	(void)fd;
	(void)what;
	if (err == 1)
		turn_soon(l);
	else if (err && compares)
		finish(l, err);
	else if (err)
		give_up(l, err);
	else if (compares)
		compared(l);
	else
		merged(l);
}

/* --- reading ------------------------------------------------------------------------------- */

static void commit_read(struct pk_loader *l, int err)
{
	struct pk_load *load = l->load;

	if (err == -ENOENT)
		fail(l, err,
		     "commit %llu is not in history any more, or never "
		     "was",
		     (unsigned long long)load->job.commit);
	else if (err)
		fail(l, err, "commit %llu cannot be read: %s",
		     (unsigned long long)load->job.commit, strerror(-err));
	else
		compare(l);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct pk_loader *l = arg;
	struct pk_load *load = l->load;
	uint64_t n;
	int err;

	(void)what;
	if (read(fd, &n, sizeof(n)) < 0 || !load || !load->reading)
		return;
	load->ended = 1;
	pk_load_read_end(l);
	err = load->err;
	if (load->job.kind == PK_LOAD_ROLLBACK) {
		commit_read(l, err);
		return;
	}
	if (err == -EBADMSG) {
		load->result.broken = load->why;
		finish(l, err);
		return;
	}
	if (err) {
		fail(l, err, "feed %s does not fit: %u indicators are the most",
		     load->feed, PK_SLOT_MAX);
		return;
	}
	compare(l);
	load->held = guard_feed(l);
}

static int begin_delete(struct pk_loader *l)
{
	struct pk_load *load = l->load;
	const struct pk_store *s = pk_indicators_store(l->conf.indicators);
	int err = pk_store_new(&load->fresh, pk_store_seed(s));

	if (!err)
		err = pk_store_feed(load->fresh, load->feed);
	if (err >= 0)
		compare(l);
	return err < 0 ? err : 0;
}

static int begin(struct pk_loader *l)
{
	switch (l->load->job.kind) {
	case PK_LOAD_DELETE:
		return begin_delete(l);
	case PK_LOAD_ROLLBACK:
		return pk_load_read_commit(l);
	default:
		return pk_load_read(l);
	}
}

int pk_loader_start(struct pk_loader *l, const struct pk_load_job *job)
{
	size_t n = strlen(job->feed);
	struct pk_load *load;
	int err;

	if (l->load)
		return -EBUSY;
	if (n > PK_FEED_NAME_MAX || (!n && job->kind != PK_LOAD_ROLLBACK))
		return -EINVAL;
	load = calloc(1, sizeof(*load));
	if (!load)
		return -ENOMEM;
	load->job = *job;
	load->begin_ns = mono_ns();
	memcpy(load->feed, job->feed, n + 1);
	snprintf(load->name, sizeof(load->name), "%s", job->name);
	load->result.op = job->op;
	load->result.feed = load->feed;
	load->result.format = load->result.broken = "";
	load->result.dry_run = job->dry_run;
	load->phase = PK_LOAD_READING;
	l->load = load;
	err = begin(l);
	if (err) {
		pk_load_read_end(l);
		l->load = NULL;
		free_load(load);
	}
	return err;
}

void pk_loader_progress(const struct pk_loader *l, struct pk_load_progress *out)
{
	const struct pk_load *load = l->load;
	struct pk_store_stats fresh = { 0 };

	*out = (struct pk_load_progress){ .op = "", .feed = "" };
	if (!load)
		return;
	out->phase = load->phase;
	out->op = load->job.op;
	out->feed = load->feed;
	if (load->phase == PK_LOAD_READING) {
		out->done = __atomic_load_n(&load->read, __ATOMIC_RELAXED);
		out->total = load->job.len;
	} else if (load->fresh) {
		pk_store_stats(load->fresh, &fresh);
		out->total = fresh.live;
		out->done = load->cursor.slot < fresh.live ? load->cursor.slot
							   : fresh.live;
	}
}

const struct pk_load_memory *pk_loader_memory(const struct pk_loader *l,
					      uint16_t feed)
{
	return feed < PK_FEEDS_MAX ? l->memory[feed] : NULL;
}

/* --- life ------------------------------------------------------------------------------------ */

/* What was refused before the restart. One that is damaged is missed by few. */
static int read_memories(struct pk_loader *l)
{
	const struct pk_store *s = pk_indicators_store(l->conf.indicators);

	if (!l->conf.dir)
		return 0;
	l->dir = pk_rejected_open(l->conf.dir);
	if (l->dir < 0) {
		pk_err("%s: %s", l->conf.dir, strerror(-l->dir));
		return l->dir;
	}
	for (uint16_t i = 0; i < pk_store_feed_count(s); i++) {
		const char *name = pk_store_feed_info(s, i)->name;
		int err = pk_rejected_read(l->dir, i, name, &l->memory[i]);

		if (err && err != -ENOENT)
			pk_warn("what was refused of feed %s cannot be read "
				"and is forgotten: %s/%u: %s",
				name, l->conf.dir, i,
				err == -EBADMSG ? "damaged, or of another "
						  "version"
						: strerror(-err));
	}
	return 0;
}

int pk_loader_new(struct pk_loader **out, const struct pk_loader_conf *conf)
{
	struct pk_loader *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->conf = *conf;
	l->dir = -1;
	l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->turn = evtimer_new(conf->base, on_turn, l);
	l->done =
		event_new(conf->base, l->fd, EV_READ | EV_PERSIST, on_read, l);
	if (l->fd < 0 || !l->turn || !l->done || event_add(l->done, NULL)) {
		pk_loader_free(l);
		return -ENOMEM;
	}
	err = read_memories(l);
	if (err) {
		pk_loader_free(l);
		return err;
	}
	*out = l;
	return 0;
}

void pk_loader_free(struct pk_loader *l)
{
	if (!l)
		return;
	if (l->load)
		fail(l, -ECANCELED, "the daemon ends; nothing has changed");
	for (unsigned i = 0; i < PK_FEEDS_MAX; i++)
		free(l->memory[i]);
	if (l->turn)
		event_free(l->turn);
	if (l->done)
		event_free(l->done);
	if (l->fd >= 0)
		close(l->fd);
	if (l->dir >= 0)
		close(l->dir);
	free(l);
}
