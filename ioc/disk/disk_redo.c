/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/disk/disk_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/store/store_inside.h"

/* A log being done again; frames of the turn that goes on were applied. */
struct redo {
	struct pk_store *s;
	struct saying saying[METAS];
	uint64_t turn[METAS]; /* in which it was said, 0: never */
	struct op op;
	struct pk_indicator there;
	bool base_is_void;
	bool told; /* that the count is another */
};

static int redo_feed(struct redo *r)
{
	int feed = pk_store_feed(r->s, r->op.info.name);

	if (feed == -ENOMEM)
		return feed;
	if (feed != r->op.feed)
		return -EBADMSG;
	return pk_store_feed_set(r->s, r->op.feed, &r->op.info);
}

static void redo_meta(struct redo *r, uint64_t turn)
{
	struct saying *s = &r->saying[r->op.number];

	*s = r->op.saying;
	s->meta.threat_type = s->threat_type;
	s->meta.tags = s->tags;
	s->meta.attribution = s->attribution;
	r->turn[r->op.number] = turn;
}

static int redo_dead(struct redo *r)
{
	if (!pk_store_is_live(r->s, r->op.slot))
		return 0;
	if (pk_store_get(r->s, r->op.slot, &r->there))
		return -EBADMSG;
	return pk_store_del(r->s, &r->there, PK_ALL_FEEDS);
}

static int redo_add(struct redo *r, uint64_t turn)
{
	const struct saying *s = &r->saying[r->op.number];
	struct pk_indicator *ind = &r->op.ind;
	int err;

	if (r->turn[r->op.number] != turn ||
	    s->feed >= pk_store_feed_count(r->s))
		return -EBADMSG;
	if (r->op.first && pk_store_find(r->s, ind) == r->op.slot) {
		err = pk_store_del(r->s, ind, PK_ALL_FEEDS);
		if (err)
			return err;
	}
	ind->feed = s->feed;
	ind->meta = s->meta;
	ind->meta.id = r->op.id;
	err = pk_redo_put(r->s, ind, &r->base_is_void);
	return err == -EEXIST && !r->op.first ? 0 : err;
}

static int redo_op(struct redo *r, uint64_t turn)
{
	switch (r->op.kind) {
	case OP_FEED:
		return redo_feed(r);
	case OP_META:
		redo_meta(r, turn);
		return 0;
	case OP_ADD:
		return redo_add(r, turn);
	case OP_DEAD:
		return redo_dead(r);
	}
	return -EBADMSG;
}

static int redo_ops(struct redo *r, uint64_t turn, const uint8_t *bytes,
		    size_t len)
{
	while (len) {
		int n = pk_op_read(bytes, len, &r->op);
		int err = n < 0 ? n : redo_op(r, turn);

		if (err)
			return err == -ENOMEM ? err : -EBADMSG;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The count of values is told in each commit: a note that was forgotten
 * shows. */
static void check_count(struct pk_disk *d, const struct pk_disk_commit *c,
			struct redo *r)
{
	struct pk_store_stats stats;

	pk_store_stats(r->s, &stats);
	if (stats.live == c->live || r->told)
		return;
	r->told = true;
	pk_disk_say(d,
		    "commit %" PRIu64 ": it left %u values, done again %u; "
		    "compare with the feeds (picketctl ioc diff)",
		    c->number, c->live, stats.live);
}

static int redo_commits(struct pk_disk *d, struct log_reader *log,
			struct redo *r, uint64_t *done, uint64_t until)
{
	uint64_t last = log->head.base;
	struct pk_disk_commit c;
	const uint8_t *bytes;
	int kind, err = 0;
	size_t len;

	while (!err && last < until) {
		kind = pk_log_next(log, &bytes, &len);
		if (kind <= 0)
			return kind ? kind : -EBADMSG;
		if (kind == FRAME_OPS && last >= *done)
			err = redo_ops(r, log->turn, bytes, len);
		if (kind != FRAME_COMMIT)
			continue;
		err = pk_op_commit_read(bytes, len, &c);
		if (err || ++last <= *done)
			continue;
		*done = last;
		check_count(d, &c, r);
	}
	return err;
}

int pk_redo_log(struct pk_disk *d, struct log_reader *log, struct redone *to,
		uint64_t until)
{
	struct redo *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->s = to->store;
	pk_log_rewind(log);
	err = redo_commits(d, log, r, &to->done, until);
	to->base_is_void |= r->base_is_void;
	if (!err)
		pk_redo_done(to->store);
	free(r);
	return err;
}
