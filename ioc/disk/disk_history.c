/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/disk/disk_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* The commits of one log. */
struct commits {
	struct pk_disk_commit *list;
	unsigned count, room;
};

static int collect(void *arg, const struct pk_disk_commit *c)
{
	struct commits *all = arg;
	struct pk_disk_commit *more;

	if (all->count == all->room) {
		all->room = all->room ? 2 * all->room : 64;
		more = realloc(all->list, all->room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		all->list = more;
	}
	all->list[all->count++] = *c;
	return 0;
}

/* @left: how many more may be told. */
static int tell_log(struct pk_disk *d, uint64_t base, unsigned *left,
		    pk_disk_history_fn *fn, void *arg)
{
	struct commits all = { 0 };
	struct log_reader r;
	struct log_scan scan;
	int err = pk_log_open(d, &r, base, &d->seed);

	if (err) /* said when it was loaded */
		return err == -EBADMSG || err == -ENOENT ? 0 : err;
	r.quick = true;
	err = pk_log_scan(&r, d->last.number, &scan, collect, &all);
	while (!err && all.count && *left) {
		all.count--;
		--*left;
		err = fn(arg, &all.list[all.count]);
	}
	free(all.list);
	pk_log_close(&r);
	return err;
}

int pk_disk_history(struct pk_disk *d, pk_disk_history_fn *fn, void *arg)
{
	unsigned left = HISTORY_MAX;
	struct listing l;
	int err = pk_disk_list(d, &l, false);

	if (err)
		return err;
	for (unsigned i = l.logs; i-- && left && !err;)
		if (!l.log[i].damaged)
			err = tell_log(d, l.log[i].number, &left, fn, arg);
	pk_disk_list_free(&l);
	return err;
}

int pk_disk_reader(struct pk_disk **out, const struct pk_disk *d)
{
	struct pk_disk *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->dir = fcntl(d->dir, F_DUPFD_CLOEXEC, 0);
	r->log.fd = r->old_fd = r->audit.fd = -1;
	r->path = strdup(d->path);
	r->seed = d->seed;
	r->last = d->last;
	r->io = d->io;
	r->say = d->say;
	r->say_arg = d->say_arg;
	r->loaded = true;
	if (r->dir < 0 || !r->path) {
		pk_disk_close(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}
