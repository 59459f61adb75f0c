/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/disk/disk_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NO_LOG = -1 };

/* A store being made from a snapshot and the logs since. */
struct build {
	struct redone to;
	struct pk_block base;
	uint64_t snapshot;
	struct pk_disk_commit last;
	int tail; /* the last log that was used (its index), or NO_LOG */
	struct disk_log tail_log;
	bool torn, damaged; /* the tail */
	bool spoilt;	    /* a record made no sense */
	int bad_log; /* that ended the way: no log of its name, or NO_LOG */
};

/* What is looked for. */
struct search {
	uint64_t until; /* at most this commit */
	bool first;	/* the load that begins all: with image and repair */
	unsigned bads;
	char bad[160]; /* names that could not be read */
};

static void drop(struct build *b)
{
	pk_store_free(b->to.store);
	b->to.store = NULL;
	pk_block_free(&b->base);
}

static int keep_last(void *arg, const struct pk_disk_commit *c)
{
	*(struct pk_disk_commit *)arg = *c;
	return 0;
}

/* Index of the log where the way from commit @from begins, or NO_LOG. */
static int first_log(const struct listing *l, uint64_t from)
{
	int best = NO_LOG;

	for (unsigned i = 0; i < l->logs; i++)
		if (!l->log[i].damaged && l->log[i].number <= from)
			best = (int)i;
	return best;
}

static int next_log(const struct listing *l, int i)
{
	do
		i++;
	while (i < (int)l->logs && l->log[i].damaged);
	return i < (int)l->logs ? i : NO_LOG;
}

/* 0; 1: no way further from here; -EBADMSG: redo failed after b->to.done. */
static int add_log(struct pk_disk *d, const struct listing *l, int i,
		   uint64_t until, struct build *b)
{
	uint64_t seed = pk_store_seed(b->to.store);
	struct pk_disk_commit last = { 0 };
	struct log_reader r;
	struct log_scan scan;
	int err;

	if (l->log[i].number > b->to.done)
		return 1;
	err = pk_log_open(d, &r, l->log[i].number, &seed);
	if (err == -EBADMSG)
		b->bad_log = i;
	if (err)
		return err == -EBADMSG || err == -ENOENT ? 1 : err;
	err = pk_log_scan(&r, until, &scan, keep_last, &last);
	if (!err && scan.last > b->to.done) {
		err = pk_redo_log(d, &r, &b->to, scan.last);
		b->last = last;
	}
	if (!err && scan.last == b->to.done) {
		b->tail = i;
		b->torn = scan.torn;
		b->damaged = scan.damaged;
		b->tail_log = (struct disk_log){
			.base = r.head.base,
			.id = r.head.id,
			.turn = scan.turn,
			.whole = scan.whole,
			.end = scan.whole,
		};
	}
	pk_log_close(&r);
	return err;
}

static int start(struct pk_disk *d, uint64_t from, bool want_base,
		 struct build *b)
{
	struct log_reader r;
	int err;

	*b = (struct build){
		.snapshot = from,
		.to.done = from,
		.tail = NO_LOG,
		.bad_log = NO_LOG,
	};
	if (from)
		return pk_snapshot_read(d, from, &b->to.store,
					want_base ? &b->base : NULL, &b->last);
	err = pk_log_open(d, &r, 0, NULL);
	if (err)
		return err;
	err = pk_store_new(&b->to.store, r.head.seed);
	pk_log_close(&r);
	return err;
}

/* From snapshot @from (0: nothing) as far as it goes. 0, or the reason why not
 * even @from can be had. */
static int build(struct pk_disk *d, const struct listing *l, uint64_t from,
		 const struct search *q, struct build *b)
{
	uint64_t until = q->until;
	bool spoilt = false;
	int err;

	for (;;) {
		err = start(d, from, q->first, b);
		for (int i = first_log(l, from); !err && i != NO_LOG;
		     i = next_log(l, i))
			err = add_log(d, l, i, until, b);
		if (err != -EBADMSG || !b->to.store)
			break;
		/* Stop before the commit that makes no sense. */
		until = b->to.done;
		spoilt = true;
		drop(b);
	}
	if (err < 0)
		drop(b);
	else if (b->to.base_is_void)
		pk_block_free(&b->base);
	b->spoilt = spoilt;
	return err < 0 ? err : 0;
}

/* --- what to build on ----------------------------------------------------- */

static void note_bad(struct pk_disk *d, struct search *q, uint64_t number,
		     int err)
{
	size_t used = strlen(q->bad);
	char name[NAME_MAX_];

	pk_disk_name(name, number ? "snapshot" : "log", number);
	q->bads++;
	snprintf(q->bad + used, sizeof(q->bad) - used, "%s%s", used ? ", " : "",
		 name);
	if (err != -EBADMSG || !q->first)
		pk_disk_say(d, "%s: cannot be read: %s; trying what is older",
			    name, strerror(-err));
	else
		pk_disk_put_aside(d, name, "damaged; trying what is older");
}

/* The newest state that can be had. 0, -ENOENT: none, or -ENOMEM. */
static int search(struct pk_disk *d, const struct listing *l, struct search *q,
		  struct build *b)
{
	int err;

	for (unsigned i = l->snapshots; i--;) {
		uint64_t number = l->snapshot[i].number;

		if (l->snapshot[i].damaged || number > q->until || !number)
			continue;
		err = build(d, l, number, q, b);
		if (!err || err == -ENOMEM)
			return err;
		note_bad(d, q, number, err);
	}
	if (first_log(l, 0) == NO_LOG)
		return -ENOENT;
	err = build(d, l, 0, q, b);
	if (!err || err == -ENOMEM)
		return err;
	note_bad(d, q, 0, err);
	return -ENOENT;
}

/* --- repair --------------------------------------------------------------- */

/* Keep what is cut off @log behind @whole. */
static int save_rest(struct pk_disk *d, int fd, uint64_t whole,
		     const char *name)
{
	static const char temporary[] = "new-damaged";
	char to[NAME_MAX_ + 16];
	uint8_t bytes[4096];
	int out = pk_disk_create(d, temporary), err = 0;
	uint64_t at = 0;

	if (out < 0)
		return out;
	while (!err) {
		int64_t n = pk_disk_read(fd, bytes, sizeof(bytes), whole + at);

		if (n <= 0) {
			err = (int)n;
			break;
		}
		err = pk_disk_write(d, out, bytes, (size_t)n, at);
		at += (uint64_t)n;
	}
	close(out);
	snprintf(to, sizeof(to), "%s.damaged", name);
	return err ? err : pk_disk_rename(d, temporary, to);
}

/* Cut off what is behind the last whole commit, and go on writing there. */
static int take_tail(struct pk_disk *d, struct build *b, uint64_t bytes)
{
	uint64_t whole = b->tail_log.whole;
	struct log_reader r;
	char name[NAME_MAX_];
	int err = pk_log_open(d, &r, b->tail_log.base, NULL);

	if (err)
		return err;
	pk_disk_name(name, "log", b->tail_log.base);
	if (b->damaged || b->spoilt) {
		pk_disk_say(d,
			    "%s: damaged behind commit %" PRIu64
			    ": later commits are lost, their bytes are kept in "
			    "%s.damaged; load the feeds again",
			    name, b->to.done, name);
		err = save_rest(d, r.fd, whole, name);
	} else if (b->torn) {
		pk_disk_say(d,
			    "%s: the last transaction was not committed; its "
			    "%" PRIu64 " bytes are cut off",
			    name, bytes - whole);
	}
	if (!err && whole < r.size)
		err = pk_disk_truncate(d, r.fd, whole);
	if (!err) {
		d->log = b->tail_log;
		d->log.fd = r.fd;
		r.fd = -1;
	}
	pk_log_close(&r);
	return err;
}

static void put_log_aside(struct pk_disk *d, const struct listing *l, int i,
			  const char *why)
{
	char name[NAME_MAX_];

	pk_disk_name(name, "log", l->log[i].number);
	pk_disk_put_aside(d, name, why);
}

/* Make the directory say what was built, and open the log to append to. */
static int repair(struct pk_disk *d, const struct listing *l, struct build *b,
		  uint32_t *aside)
{
	int i = b->tail == NO_LOG ? first_log(l, b->to.done) : b->tail;

	for (i = next_log(l, i); i != NO_LOG; i = next_log(l, i)) {
		if (i == b->bad_log)
			continue;
		put_log_aside(d, l, i,
			      "the commits between it and the log before it "
			      "are missing");
		++*aside;
	}
	if (b->bad_log != NO_LOG) {
		put_log_aside(d, l, b->bad_log,
			      "not a log of this directory, or damaged: its "
			      "commits are lost; load the feeds again");
		++*aside;
	}
	*aside += b->damaged || b->spoilt;
	if (b->tail != NO_LOG)
		return take_tail(d, b, l->log[b->tail].bytes);
	return pk_log_create(d, b->to.done, &d->log);
}

/* --- exported ------------------------------------------------------------- */

static int catch_up(void *arg, const struct pk_disk_commit *c)
{
	struct pk_disk *d = arg;

	if (c->number > d->audit.last)
		pk_audit_line(d, c, "committed");
	return 0;
}

/* The audit log speaks of commits that are not there. */
static void tell_lost(struct pk_disk *d)
{
	struct pk_disk_commit c = { .at = d->now, .uid = getuid() };
	char outcome[64];

	pk_disk_say(d,
		    "commits %" PRIu64 " to %" PRIu64
		    " were made and are lost; load the feeds again",
		    d->last.number + 1, d->audit.last);
	snprintf(c.op, sizeof(c.op), "start");
	snprintf(outcome, sizeof(outcome), "lost commits up to %" PRIu64,
		 d->audit.last);
	pk_audit_line(d, &c, outcome);
	d->audit.last = d->last.number;
}

/* A crash between a commit and its line in the audit log. */
static void catch_up_audit(struct pk_disk *d)
{
	struct log_scan scan;
	struct log_reader r;

	if (d->audit.last > d->last.number)
		tell_lost(d);
	if (d->audit.last >= d->last.number ||
	    pk_log_open(d, &r, d->log.base, &d->seed))
		return;
	r.quick = true;
	pk_log_scan(&r, d->last.number, &scan, catch_up, d);
	pk_log_close(&r);
}

static int load_new(struct pk_disk *d, struct build *b)
{
	int err = pk_log_create(d, 0, &d->log);

	*b = (struct build){ .tail = NO_LOG };
	return err ? err : pk_store_new(&b->to.store, d->seed);
}

static int load(struct pk_disk *d, const struct listing *l, struct build *b,
		uint32_t *aside)
{
	struct search q = { .until = UINT64_MAX, .first = true };
	int err;

	if (!l->logs && !l->snapshots)
		return load_new(d, b);
	err = search(d, l, &q, b);
	if (err == -ENOENT) {
		pk_disk_say(d,
			    "no whole state of the indicators is left (cannot "
			    "be read: %s); restore the directory from a backup "
			    "or move it away to begin with none",
			    q.bads ? q.bad : "nothing else is there");
		return -EBADMSG;
	}
	*aside = q.bads;
	if (err)
		return err;
	d->seed = pk_store_seed(b->to.store);
	if (q.bads)
		pk_disk_say(d, "built from %s-%" PRIu64 ": commit %" PRIu64,
			    b->snapshot ? "snapshot" : "log", b->snapshot,
			    b->to.done);
	err = repair(d, l, b, aside);
	if (err)
		drop(b);
	return err;
}

int pk_disk_load(struct pk_disk *d, struct pk_store **store,
		 struct pk_block *base, struct pk_disk_loaded *loaded)
{
	struct pk_disk_loaded info = { 0 };
	struct build b = { 0 };
	struct listing l;
	int err;

	if (d->loaded)
		return -EBUSY;
	err = pk_disk_list(d, &l, true);
	if (!err) {
		err = load(d, &l, &b, &info.damaged);
		pk_disk_list_free(&l);
	}
	if (err) {
		if (err != -EBADMSG)
			pk_disk_say(d, "cannot be loaded: %s", strerror(-err));
		return err;
	}
	d->loaded = true;
	d->last = b.last;
	info.last = b.last;
	info.snapshot = b.snapshot;
	info.replayed = b.to.done - b.snapshot;
	*loaded = info;
	*store = b.to.store;
	*base = b.base;
	catch_up_audit(d);
	return 0;
}

int pk_disk_load_at(struct pk_disk *d, uint64_t commit, struct pk_store **store)
{
	struct search q = { .until = commit };
	struct build b = { 0 };
	struct listing l;
	int err;

	if (d->open)
		return -EBUSY;
	if (commit > d->last.number)
		return -ENOENT;
	err = pk_disk_list(d, &l, false);
	if (err)
		return err;
	err = search(d, &l, &q, &b);
	pk_disk_list_free(&l);
	if (!err && b.to.done != commit) {
		drop(&b);
		err = -ENOENT;
		q.bads += b.damaged || b.spoilt;
	}
	if (err == -ENOENT && q.bads)
		err = -EBADMSG;
	if (!err)
		*store = b.to.store;
	return err;
}
