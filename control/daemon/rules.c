/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/rules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/log.h"
#include "control/suppress_file.h"

enum { PATH_BYTES = PK_CONFIG_TEXT + 32, WRITE_SEC = 60 };
#define SEC 1000000000ULL

struct pk_rules {
	struct pk_suppress *all;
	char path[PATH_BYTES];	/* "": nothing is kept */
	char fresh[PATH_BYTES]; /* of a change */
	char later[PATH_BYTES]; /* of what is tried again, or at the end */
	char counts[PATH_BYTES];
	char count[PATH_BYTES]; /* of the counts */
	bool retry;		/* the rules' file is not what is in force */
	uint64_t written;	/* pk_suppress_taken() then */
	uint64_t next;		/* the second in which counts are due */
};

/* --- the file ------------------------------------------------------------- */

static void read_file(struct pk_rules *r)
{
	char why[PK_SUPPRESS_WHY], aside[PATH_BYTES + 8];
	int err = pk_suppress_read(r->all, r->path, why);

	if (!err || err == -ENOENT)
		return;
	snprintf(aside, sizeof(aside), "%s.bad", r->path);
	r->retry = !rename(r->path, aside);
	if (!r->retry)
		snprintf(aside, sizeof(aside), "where it was");
	pk_err("suppression rules %s are not all in force: %s; the file is "
	       "kept as %s",
	       r->path, why, aside);
}

static void read_counts(struct pk_rules *r)
{
	char why[PK_SUPPRESS_WHY];
	int err = pk_suppress_read_counts(r->all, r->counts, why);

	if (err && err != -ENOENT)
		pk_warn("counts of suppression rules %s: %s; they are those "
			"of the rules' file",
			r->counts, why);
}

char *pk_rules_print(const struct pk_rules *r)
{
	return pk_suppress_print(r->all);
}

int pk_rules_keep(const struct pk_rules *r, char *text)
{
	int err = text ? 0 : -ENOMEM;

	if (!err && *r->path)
		err = pk_suppress_write(r->path, r->fresh, text, 1);
	free(text);
	return err;
}

static void say_failed(const char *path, int err)
{
	pk_err("suppression rules %s: cannot write: %s", path, strerror(-err));
}

/* With their counts. Nothing else writes what is not in this text, too. */
static int write_rules(struct pk_rules *r)
{
	char *text = pk_suppress_print(r->all);
	int err =
		text ? pk_suppress_write(r->path, r->later, text, 1) : -ENOMEM;

	r->retry = err != 0;
	if (err)
		say_failed(r->path, err);
	free(text);
	return err;
}

static void write_counts(struct pk_rules *r)
{
	char *text = pk_suppress_print_counts(r->all);
	int err = text ? pk_suppress_write(r->counts, r->count, text, 0)
		       : -ENOMEM;

	if (err)
		say_failed(r->counts, err);
	else
		r->written = pk_suppress_taken(r->all);
	free(text);
}

void pk_rules_retry(struct pk_rules *r)
{
	r->retry = true;
}

void pk_rules_tick(struct pk_rules *r, uint64_t now_ns)
{
	uint64_t now = now_ns / SEC;
	uint32_t ended = pk_suppress_expire(r->all, now);

	if (ended)
		pk_info("suppression rules ended: %u", ended);
	if (!*r->path || now < r->next)
		return;
	r->next = now + WRITE_SEC;
	if (r->retry && write_rules(r))
		return;
	if (r->written != pk_suppress_taken(r->all))
		write_counts(r);
}

/* --- the configuration ---------------------------------------------------- */

static void add_configured(struct pk_rules *r,
			   const struct pk_config_suppress *c, uint32_t place,
			   uint64_t now)
{
	struct pk_suppress_said said = {
		.type = c->type,
		.offender = c->offender,
		.target = c->target,
		.indicator = c->indicator,
		.feed = c->feed,
		.comment = c->comment,
		.made = now,
		.by = PK_SUPPRESS_NOBODY,
	};
	char why[PK_SUPPRESS_WHY];
	uint32_t number;

	if (*c->until)
		pk_suppress_time(c->until, &said.until);
	if (pk_suppress_add(r->all, &said, &number, why))
		pk_warn("the configuration's suppress[%u] is not in force: %s",
			place, why);
}

int pk_rules_new(struct pk_rules **out, const char *path,
		 const struct pk_config *config, uint64_t now_ns)
{
	struct pk_rules *r = calloc(1, sizeof(*r));

	if (!r || pk_suppress_new(&r->all)) {
		free(r);
		return -ENOMEM;
	}
	if (path) {
		snprintf(r->path, sizeof(r->path), "%s", path);
		snprintf(r->fresh, sizeof(r->fresh), "%s.new", path);
		snprintf(r->later, sizeof(r->later), "%s.later", path);
		snprintf(r->counts, sizeof(r->counts), "%s.counts", path);
		snprintf(r->count, sizeof(r->count), "%s.count", path);
		read_file(r);
		read_counts(r);
	}
	pk_suppress_config_begin(r->all);
	for (uint32_t i = 0; config && i < config->suppresses; i++)
		add_configured(r, &config->suppress[i], i, now_ns / SEC);
	pk_suppress_config_end(r->all);
	pk_suppress_expire(r->all, now_ns / SEC);
	r->next = now_ns / SEC + WRITE_SEC;
	if (r->retry)
		write_rules(r);
	*out = r;
	return 0;
}

void pk_rules_free(struct pk_rules *r)
{
	if (!r)
		return;
	if (*r->path && !write_rules(r))
		unlink(r->counts);
	pk_suppress_free(r->all);
	free(r);
}

struct pk_suppress *pk_rules_all(struct pk_rules *r)
{
	return r->all;
}
