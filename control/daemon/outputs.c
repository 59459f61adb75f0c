/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that threats are written to, as configured (control/files/). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "control/daemon/daemon_inside.h"
#include "control/metrics/tree.h"
#include "control/profile/profile.h"

_Static_assert(PK_CONFIG_OUTPUTS == (int)PK_FILES_MAX, "outputs");
_Static_assert(PK_CONFIG_TYPES == (int)PK_FILES_TYPES, "types");

static void translate(struct pk_files_file *f, const struct pk_config_output *c)
{
	_Static_assert(sizeof(f->path) == sizeof(c->path), "path");
	_Static_assert(sizeof(f->type) == sizeof(c->type), "type");
	memcpy(f->path, c->path, sizeof(f->path));
	f->profile = pk_profile_find(c->profile);
	if (*c->severity_min)
		f->severity_min =
			(uint32_t)pk_profile_severity_find(c->severity_min);
	f->rotate_bytes = c->rotate_bytes;
	f->rotate_age_s = c->rotate_age_s;
	f->keep = c->keep;
	f->types = c->types;
	memcpy(f->type, c->type, sizeof(f->type));
}

int pk_daemon_outputs(struct pk_daemon *d)
{
	const struct pk_config *c = d->conf->config;
	struct pk_files_conf conf = { .journal_dir = d->journal_dir,
				      .state_dir = d->cursors_dir,
				      .mark = pk_outbox_mark(d->outbox),
				      .count = c->outputs };
	struct pk_files_file *file;
	int err;

	if (!c->outputs)
		return 0;
	snprintf(d->cursors_dir, sizeof(d->cursors_dir), "%s/files",
		 c->state_dir);
	file = calloc(c->outputs, sizeof(*file));
	if (!file)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->outputs; i++)
		translate(&file[i], &c->output[i]);
	conf.file = file;
	err = pk_files_new(&d->files, &conf);
	free(file);
	return err;
}

#define ADD(name, text) pk_tree_counter(e, #name, c.name, text);

void pk_daemon_outputs_status(const struct pk_daemon *d, struct json_object *o)
{
	struct json_object *list = json_object_new_array();
	const struct pk_config *conf = d->conf->config;

	json_object_object_add(o, "files", list);
	for (uint32_t i = 0; d->files && i < conf->outputs; i++) {
		struct json_object *e = json_object_new_object();
		struct pk_files_counters c;

		json_object_array_add(list, e);
		pk_files_count(d->files, i, &c);
		json_object_object_add(
			e, "path",
			json_object_new_string(pk_files_path(d->files, i)));
		json_object_object_add(
			e, "profile",
			json_object_new_string(conf->output[i].profile));
		PK_FILES_COUNTERS(ADD)
	}
}
