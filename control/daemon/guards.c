/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/guards.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/log.h"
#include "control/daemon/own.h"
#include "dataplane/record.h"

#define SUFFIX ".json"

enum { FILE_NAME = PK_SAFELIST_NAME_MAX + sizeof(SUFFIX) + 8, PIECE = 65536 };

/* All lists at one time. It never changes, and goes with its last user. */
struct pk_guards_lists {
	struct pk_safelist *safelist;
	atomic_uint users;
};

struct pk_guards {
	struct pk_guard *guard;
	struct pk_guards_lists *lists; /* those in force */
	struct pk_seen *seen;
	struct pk_guard_options options;
	struct pk_guard_own own[PK_CONFIG_NETS]; /* configured */
	unsigned owns;
	uint64_t seed;
	int dir; /* -1: none */
	int host;
};

/* --- files --------------------------------------------------------------------------- */

static int write_piece(void *arg, const char *text, size_t len)
{
	return fwrite(text, 1, len, arg) == len ? 0 : -EIO;
}

static int write_file(const struct pk_guards *g,
		      const struct pk_safelist *safelist, const char *list,
		      const char *name)
{
	int fd = openat(g->dir, name,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	int err;

	if (!f) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = pk_safelist_write(safelist, list, write_piece, f);
	if (!err && (fflush(f) || fsync(fd)))
		err = -errno;
	if (fclose(f) && !err)
		err = -errno;
	return err;
}

static const struct pk_safelist_info *find(const struct pk_safelist *safelist,
					   const char *list)
{
	const struct pk_safelist_info *info;

	for (unsigned i = 0; (info = pk_safelist_at(safelist, i)); i++)
		if (!strcmp(info->name, list))
			return info;
	return NULL;
}

/* The list's file says what the list says; a list that is gone has none. */
static int write_list(const struct pk_guards *g,
		      const struct pk_safelist *safelist, const char *list)
{
	char name[FILE_NAME], fresh[FILE_NAME];
	int err;

	snprintf(name, sizeof(name), "%s" SUFFIX, list);
	snprintf(fresh, sizeof(fresh), ".%s.new", list);
	if (!find(safelist, list))
		return unlinkat(g->dir, name, 0) && errno != ENOENT ? -errno
								    : 0;
	err = write_file(g, safelist, list, fresh);
	if (!err && renameat(g->dir, fresh, g->dir, name))
		err = -errno;
	return err;
}

static char *read_fd(int fd, size_t *len)
{
	struct stat st;
	char *text;
	ssize_t n = 1;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    st.st_size > PK_SAFELIST_TEXT_MAX)
		return NULL;
	text = malloc((size_t)st.st_size + 1);
	for (*len = 0; text && n > 0 && *len<(size_t)st.st_size; *len += n> 0
			       ? (size_t)n
			       : 0)
		n = read(fd, text + *len, (size_t)st.st_size - *len);
	return text;
}

static void read_file(struct pk_guards *g, const char *file)
{
	size_t n = strlen(file), end = n - strlen(SUFFIX);
	char why[PK_SAFELIST_SENTENCE] = "it cannot be read";
	char list[PK_SAFELIST_NAME_MAX + 1];
	int fd = openat(g->dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t len = 0;
	char *bytes = fd < 0 ? NULL : read_fd(fd, &len);

	snprintf(list, sizeof(list), "%.*s", (int)end, file);
	if (!bytes || pk_guards_load(g, list, bytes, len, why))
		pk_err("safelist %s is not in force: %s", list, why);
	free(bytes);
	if (fd >= 0)
		close(fd);
}

static void read_all(struct pk_guards *g)
{
	DIR *dir = fdopendir(dup(g->dir));
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		size_t n = strlen(e->d_name);

		if (e->d_name[0] != '.' && n > strlen(SUFFIX) &&
		    n - strlen(SUFFIX) <= PK_SAFELIST_NAME_MAX &&
		    !strcmp(e->d_name + n - strlen(SUFFIX), SUFFIX))
			read_file(g, e->d_name);
	}
	if (dir)
		closedir(dir);
}

/* --- lists ----------------------------------------------------------------------------- */

static struct pk_guards_lists *use(struct pk_guards_lists *lists)
{
	atomic_fetch_add(&lists->users, 1);
	return lists;
}

static void leave(struct pk_guards_lists *lists)
{
	if (!lists || atomic_fetch_sub(&lists->users, 1) != 1)
		return;
	pk_safelist_free(lists->safelist);
	free(lists);
}

static struct pk_guards_lists *new_lists(void)
{
	struct pk_guards_lists *lists = calloc(1, sizeof(*lists));

	if (lists)
		atomic_init(&lists->users, 1);
	return lists;
}

const struct pk_safelist_info *pk_guards_list(const struct pk_guards *g,
					      const char *list)
{
	return find(g->lists->safelist, list);
}

static int say(int err, const char *list, char why[PK_SAFELIST_SENTENCE])
{
	const char *text = err == -EINVAL ? "a list's name is 1 to 63 letters, "
					    "digits, '.', '_' and '-'"
			   : err == -ENOENT ? "there is no such list or entry"
			   : err == -EEXIST ? "it is there already"
			   : err == -ENOSPC ? "too many lists, or substrings"
			   : err == -EFBIG  ? "too many entries"
					    : strerror(-err);

	if (err && !*why)
		snprintf(why, PK_SAFELIST_SENTENCE, "safelist %.63s: %s", list,
			 text);
	return err;
}

static int load(struct pk_safelist *s, const struct pk_guards_change *c,
		uint64_t seed, char why[PK_SAFELIST_SENTENCE])
{
	struct pk_safelist_draft *draft;
	int err = pk_safelist_draft_new(&draft, c->list, seed);

	if (err)
		return err;
	err = pk_safelist_draft_read(draft, c->text, c->len, why);
	if (!err)
		err = pk_safelist_put(s, draft);
	if (err)
		pk_safelist_draft_free(draft);
	return err;
}

static int change(struct pk_safelist *s, const struct pk_guards_change *c,
		  uint64_t seed, char why[PK_SAFELIST_SENTENCE])
{
	switch (c->kind) {
	case PK_GUARDS_LOAD:
		return load(s, c, seed, why);
	case PK_GUARDS_DEL:
		return pk_safelist_del(s, c->list);
	case PK_GUARDS_ADD_ENTRY:
		return pk_safelist_add_entry(s, c->list, c->entry);
	default:
		return pk_safelist_del_entry(s, c->list, c->entry);
	}
}

void pk_guards_begin(struct pk_guards *g, struct pk_guards_change *c)
{
	c->from = use(g->lists);
}

void pk_guards_make(const struct pk_guards *g, struct pk_guards_change *c)
{
	struct pk_guards_lists *to = new_lists();

	c->why[0] = '\0';
	c->err = to ? pk_safelist_copy(&to->safelist, c->from->safelist)
		    : -ENOMEM;
	if (!c->err)
		c->err = change(to->safelist, c, g->seed, c->why);
	say(c->err, c->list, c->why);
	if (!c->err)
		c->to = to;
	else
		leave(to);
}

int pk_guards_put(struct pk_guards *g, struct pk_guards_change *c)
{
	if (c->err)
		return c->err;
	if (g->lists != c->from) {
		leave(c->from);
		leave(c->to);
		c->to = NULL;
		c->from = use(g->lists);
		return -EAGAIN;
	}
	g->lists = use(c->to);
	pk_guard_set_safelist(g->guard, g->lists->safelist);
	leave(c->from); /* the guards' own use: never the last */
	return 0;
}

void pk_guards_keep(const struct pk_guards *g, struct pk_guards_change *c)
{
	leave(c->from);
	c->from = NULL;
	if (g->dir >= 0)
		c->err = write_list(g, c->to->safelist, c->list);
	if (c->err)
		snprintf(c->why, sizeof(c->why),
			 "safelist %s is in force but not on disk: %s", c->list,
			 strerror(-c->err));
}

void pk_guards_end(struct pk_guards_change *c)
{
	leave(c->from);
	leave(c->to);
	c->from = c->to = NULL;
}

int pk_guards_load(struct pk_guards *g, const char *list, const char *text,
		   size_t len, char why[PK_SAFELIST_SENTENCE])
{
	struct pk_guards_change c = {
		.kind = PK_GUARDS_LOAD, .list = list, .text = text, .len = len
	};
	int err;

	pk_guards_begin(g, &c);
	pk_guards_make(g, &c);
	err = pk_guards_put(g, &c);
	memcpy(why, c.why, sizeof(c.why));
	pk_guards_end(&c);
	return err;
}

/* --- guards --------------------------------------------------------------------------------- */

/* Our addresses and gateways as they are now, and what is configured. */
static int set_own(struct pk_guard *guard, const struct pk_guards *g)
{
	struct pk_own own = { 0 };
	struct pk_guard_own *all;
	int err = 0;

	if (g->host)
		err = pk_own_read(&own, PK_OWN_ADDRESSES | PK_OWN_GATEWAYS);
	if (err)
		pk_warn("the networks of this host are not known: %s",
			strerror(-err));
	all = malloc((own.count + g->owns + 1) * sizeof(*all));
	if (all) {
		if (own.count)
			memcpy(all, own.all, own.count * sizeof(*all));
		memcpy(all + own.count, g->own, g->owns * sizeof(*all));
		err = pk_guard_set_own(guard, all, own.count + g->owns);
	} else {
		err = -ENOMEM;
	}
	free(all);
	pk_own_fini(&own);
	return err;
}

static int new_guard(struct pk_guard **out, const struct pk_guards *g,
		     const struct pk_safelist *safelist)
{
	int err = pk_guard_new(out, &g->options);

	if (err)
		return err;
	pk_guard_set_safelist(*out, safelist);
	return set_own(*out, g);
}

/* --- for a loader ------------------------------------------------------------------------- */

int pk_guards_run(const struct pk_guards *g, struct pk_guard_run *out)
{
	out->lists = use(g->lists);
	return pk_seen_view_new(&out->view, g->seen, 0);
}

int pk_guards_run_begin(const struct pk_guards *g, struct pk_guard_run *r)
{
	return new_guard(&r->guard, g, r->lists->safelist);
}

int pk_guards_run_ready(struct pk_guard_run *r)
{
	return pk_seen_view_ready(r->view);
}

int pk_guards_run_new(struct pk_guard_run *r, const struct pk_indicator *ind,
		      struct pk_seen_hit *hit)
{
	if (!r->view || !pk_seen_view_find(r->view, ind, hit))
		return 0;
	pk_seen_view_mark(r->view, ind);
	return 1;
}

enum pk_guard_hold pk_guards_run_traffic(const struct pk_guard_run *r,
					 const char *feed,
					 char sentence[PK_GUARD_SENTENCE])
{
	struct pk_seen_totals t;

	if (!r->view)
		return PK_GUARD_HOLD_NONE;
	pk_seen_view_totals(r->view, &t);
	return pk_guard_traffic(r->guard, feed, &t, sentence);
}

void pk_guards_run_end(struct pk_guard_run *r)
{
	pk_guard_free(r->guard);
	leave(r->lists);
	pk_seen_view_free(r->view);
	memset(r, 0, sizeof(*r));
}

/* --- traffic -------------------------------------------------------------------------------- */

void pk_guards_see(struct pk_guards *g, const struct pk_record *r)
{
	uint32_t now = (uint32_t)(r->seen_ns / 1000000000);
	const struct pk_flow *flow = (const struct pk_flow *)r;
	const struct pk_hit *hit = (const struct pk_hit *)r;
	uint8_t wire[PK_NAME_MAX + 1] = { 0 };

	if (r->type == PK_RECORD_FLOW) {
		uint64_t n = flow->packets[0] + flow->packets[1];

		pk_seen_addr(g->seen, &flow->key.src, now, n);
		pk_seen_addr(g->seen, &flow->key.dst, now, n);
	} else if (r->type == PK_RECORD_HIT && hit->text_len &&
		   hit->text_len <= PK_NAME_MAX) {
		memcpy(wire, hit->text, hit->text_len);
		if (pk_name_length(wire, hit->text_len))
			pk_seen_name(g->seen, wire, now, 1);
	}
}

/* --- life ------------------------------------------------------------------------------------ */

static int configure_own(struct pk_guards *g, const struct pk_config_guard *c)
{
	struct pk_indicator ind;

	for (uint32_t i = 0; i < c->networks; i++) {
		struct pk_guard_own *own = &g->own[i];

		pk_indicator_init(&ind);
		if (pk_indicator_parse_addr(&ind, c->network[i],
					    strlen(c->network[i])) !=
		    PK_REFUSED_NONE)
			return -EINVAL;
		own->addr = ind.addr;
		own->bits = ind.type == PK_INDICATOR_IPV4   ? 32
			    : ind.type == PK_INDICATOR_IPV6 ? 128
							    : ind.bits;
		snprintf(own->label, sizeof(own->label), "configured");
	}
	g->owns = c->networks;
	return 0;
}

static int open_guard(struct pk_guards *g, const struct pk_config_guard *c)
{
	int err = 0;

	pk_guard_options_init(&g->options);
	if (c) {
		g->options.allow_bogons = !c->bogons;
		g->options.allow_suffixes = !c->suffixes;
		g->options.shrink_pct = (uint8_t)c->shrink;
		g->options.growth = c->growth;
		err = configure_own(g, c);
	}
	return err ? err : new_guard(&g->guard, g, g->lists->safelist);
}

static int open_dir(struct pk_guards *g, const char *path)
{
	if (!path)
		return 0;
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	g->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return g->dir < 0 ? -errno : 0;
}

int pk_guards_new(struct pk_guards **out, const struct pk_guards_conf *conf)
{
	struct pk_guards *g = calloc(1, sizeof(*g));
	struct pk_seen_conf seen;
	int err;

	if (!g)
		return -ENOMEM;
	g->dir = -1;
	g->seed = conf->seed;
	g->host = conf->host;
	pk_seen_conf_init(&seen);
	g->lists = new_lists();
	err = g->lists ? pk_safelist_new(&g->lists->safelist, conf->seed)
		       : -ENOMEM;
	if (!err)
		err = pk_seen_new(&g->seen, &seen, conf->seed);
	if (!err)
		err = open_guard(g, conf->guard);
	if (!err)
		err = open_dir(g, conf->dir);
	if (err) {
		pk_guards_free(g);
		return err;
	}
	if (g->dir >= 0)
		read_all(g);
	*out = g;
	return 0;
}

void pk_guards_free(struct pk_guards *g)
{
	if (!g)
		return;
	pk_guard_free(g->guard);
	leave(g->lists);
	pk_seen_free(g->seen);
	if (g->dir >= 0)
		close(g->dir);
	free(g);
}

const struct pk_guard *pk_guards_guard(const struct pk_guards *g)
{
	return g->guard;
}

const struct pk_safelist *pk_guards_safelist(const struct pk_guards *g)
{
	return g->lists->safelist;
}
