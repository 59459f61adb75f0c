/* SPDX-License-Identifier: BSD-2-Clause */
/* The endpoints that threats are sent to, as configured (control/bus/sender.h). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "control/daemon/ctlops_bus.h"
#include "control/metrics/tree.h"
#include "control/profile/profile.h"

_Static_assert(PK_CONFIG_SENDS == (int)PK_SENDER_MAX, "outputs");
_Static_assert(PK_CONFIG_TYPES <= (int)PK_SENDER_TYPES, "types");
_Static_assert(PK_CONFIG_FEEDS <= (int)PK_SENDER_FEEDS, "feeds");

static void translate(struct pk_sender_output *o,
		      const struct pk_config_send *c)
{
	*o = (struct pk_sender_output){
		.name = c->name,
		.endpoint = c->endpoint,
		.pattern = strcmp(c->pattern, "pub") ? PK_SENDER_PUSH
						     : PK_SENDER_PUB,
		.connect = c->connect,
		.server_key = *c->server_key ? c->server_key : NULL,
		.profile = pk_profile_find(c->profile),
		.types = c->types,
		.feeds = c->feeds,
	};
	if (*c->severity_min)
		o->severity_min =
			(uint32_t)pk_profile_severity_find(c->severity_min);
	for (uint32_t i = 0; i < c->types; i++)
		o->type[i] = c->type[i];
	for (uint32_t i = 0; i < c->feeds; i++)
		o->feed[i] = c->feed[i];
}

int pk_daemon_senders(struct pk_daemon *d)
{
	const struct pk_config *c = d->conf->config;
	struct pk_sender_output output[PK_SENDER_MAX];
	char dir[PK_CONFIG_TEXT + 16];
	const struct pk_sender_conf conf = {
		.output = output,
		.outputs = c->sends,
		.sensor = c->sensor,
		.journal_dir = d->journal_dir,
		.state_dir = dir,
		.mark = pk_outbox_mark(d->outbox),
		.gate = d->gate,
	};

	if (!c->sends)
		return 0;
	snprintf(dir, sizeof(dir), "%s/outputs", c->state_dir);
	for (uint32_t i = 0; i < c->sends; i++)
		translate(&output[i], &c->send[i]);
	return pk_sender_new(&d->sender, &conf);
}

#define ADD(name, text) pk_tree_counter(e, #name, v.count.name, text);

void pk_daemon_senders_status(const struct pk_daemon *d, struct json_object *o)
{
	struct json_object *list = json_object_new_array();
	const struct pk_config *c = d->conf->config;
	struct pk_sender_view v;

	json_object_object_add(o, "outputs", list);
	for (uint32_t i = 0; d->sender && !pk_sender_view(d->sender, i, &v);
	     i++) {
		struct json_object *e = json_object_new_object();

		json_object_array_add(list, e);
		pk_ctlops_add_text(e, "name", v.name);
		pk_ctlops_add_text(e, "endpoint", c->send[i].endpoint);
		pk_ctlops_add_text(e, "pattern", c->send[i].pattern);
		pk_tree_gauge(e, "at", v.at,
			      "the journal's number that it is at");
		pk_tree_gauge(e, "number", v.number,
			      "its own number of its latest message");
		PK_SENDER_COUNTERS(ADD)
	}
}
