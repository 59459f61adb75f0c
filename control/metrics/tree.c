/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

enum { MODULE = 96 };

/* What a number of the status carries: json-c keeps and frees it for us. */
struct mark {
	const char *help;
	enum pk_metric type;
};

/* Counters of the tables that say what there is, not what there was. */
static const char *const gauges[] = {
	"cached_bytes",	  "cached_packets",
	"flows_resident", "packets_resident",
	"bytes_resident", "frag_resident",
	"read_held",	  "resident",
	"keys",		  "open",
	"waiting",	  "pending",
	"next",		  "under_way",
};

/* Elements of the list @key: their metrics' module, and what names them. */
static const struct list {
	const char *key;
	const char *module;
	struct {
		const char *member;
		const char *label;
	} by[2];
} lists[] = {
	{ "interfaces", "interface", { { "name", "iface" } } },
	{ "ports", "port", { { "name", "port" } } },
	{ "planes", "plane", { { "plane", "plane" }, { "port", "port" } } },
	{ "files", "file", { { "path", "path" }, { "profile", "profile" } } },
	{ "outputs", "output", { { "name", "output" } } },
};

/* Objects whose keys tell apart: the label's name. */
static const char *const keyed[][2] = {
	{ "reasons", "reason" },
	{ "errors", "code" },
	{ "by_type", "type" },
};

struct walk {
	struct pk_exposition *e;
	char module[MODULE];
	struct pk_labels labels;
};

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static int is_gauge(const char *name)
{
	for (size_t i = 0; i < LEN(gauges); i++)
		if (!strcmp(gauges[i], name))
			return 1;
	return 0;
}

/* --- marks ----------------------------------------------------------------- */

static void free_mark(struct json_object *o, void *mark)
{
	(void)o;
	free(mark);
}

static void mark(struct json_object *o, const char *help, enum pk_metric type)
{
	struct mark *m = o ? malloc(sizeof(*m)) : NULL;

	if (!m)
		return;
	*m = (struct mark){ help, type };
	json_object_set_userdata(o, m, free_mark);
}

static void add(struct json_object *o, const char *key, uint64_t n,
		const struct mark *m)
{
	struct json_object *number = json_object_new_uint64(n);

	mark(number, m->help, m->type);
	json_object_object_add(o, key, number);
}

void pk_tree_counter(struct json_object *o, const char *key, uint64_t n,
		     const char *help)
{
	const struct mark m = { help, is_gauge(key) ? PK_METRIC_GAUGE
						    : PK_METRIC_COUNTER };

	add(o, key, n, &m);
}

void pk_tree_gauge(struct json_object *o, const char *key, uint64_t n,
		   const char *help)
{
	const struct mark m = { help, PK_METRIC_GAUGE };

	add(o, key, n, &m);
}

void pk_tree_by_key(struct json_object *o, const char *help)
{
	mark(o, help, PK_METRIC_COUNTER);
}

void pk_tree_gauge_by_key(struct json_object *o, const char *help)
{
	mark(o, help, PK_METRIC_GAUGE);
}

/* --- the walk -------------------------------------------------------------- */

static void walk_object(const struct walk *up, struct json_object *o);

static void label(struct pk_labels *l, const char *name, const char *value)
{
	if (l->count < LEN(l->label))
		l->label[l->count++] = (struct pk_label){ name, value };
}

static void sample(const struct walk *w, const char *name,
		   struct json_object *number, const struct mark *m,
		   const struct pk_labels *labels)
{
	const struct pk_sample s = {
		.module = w->module,
		/* "_total" is for counters */
		.name = strcmp(name, "total") ? name : "",
		.help = m->help,
		.type = m->type,
		.value = json_object_get_uint64(number),
	};

	pk_exposition_add(w->e, &s, labels);
}

/* Such as {"short_eth": 5, "pass": 9}: one family. */
static void walk_keyed(const struct walk *w, const char *key,
		       struct json_object *o)
{
	const struct mark *m = json_object_get_userdata(o);
	const char *name = "key";

	for (size_t i = 0; i < LEN(keyed); i++)
		if (!strcmp(keyed[i][0], key))
			name = keyed[i][1];
	json_object_object_foreach(o, member, v)
	{
		struct pk_labels labels = w->labels;

		label(&labels, name, member);
		sample(w, key, v, m, &labels);
	}
}

static void walk_list(const struct walk *w, const char *key,
		      struct json_object *list)
{
	const struct list *l = lists;
	struct walk down = *w;

	while (l < lists + LEN(lists) && strcmp(l->key, key) != 0)
		l++;
	if (l == lists + LEN(lists))
		return;
	snprintf(down.module, sizeof(down.module), "%s", l->module);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);
		struct json_object *text;

		down.labels = w->labels;
		for (size_t k = 0; k < LEN(l->by) && l->by[k].member; k++)
			if (json_object_object_get_ex(e, l->by[k].member,
						      &text))
				label(&down.labels, l->by[k].label,
				      json_object_get_string(text));
		walk_object(&down, e);
	}
}

static void walk_down(const struct walk *w, const char *key,
		      struct json_object *o)
{
	struct walk down = *w;
	size_t n = strlen(down.module);

	if (json_object_get_userdata(o)) {
		walk_keyed(w, key, o);
		return;
	}
	/* "counters" says nothing more */
	if (strcmp(key, "counters") != 0)
		snprintf(down.module + n, sizeof(down.module) - n, "%s%s",
			 n ? "_" : "", key);
	walk_object(&down, o);
}

static void walk_state(const struct walk *w, const char *key,
		       struct json_object *o)
{
	const struct pk_sample s = {
		.module = w->module,
		.name = "up",
		.help = "1 while it runs, else 0",
		.type = PK_METRIC_GAUGE,
		.value = !strcmp(json_object_get_string(o), "running"),
	};

	if (w->labels.count && !strcmp(key, "state"))
		pk_exposition_add(w->e, &s, &w->labels);
}

static void walk_object(const struct walk *up, struct json_object *o)
{
	json_object_object_foreach(o, key, v)
	{
		const struct mark *m;

		switch (json_object_get_type(v)) {
		case json_type_object:
			walk_down(up, key, v);
			break;
		case json_type_array:
			walk_list(up, key, v);
			break;
		case json_type_string:
			walk_state(up, key, v);
			break;
		case json_type_int:
			m = json_object_get_userdata(v);
			if (m)
				sample(up, key, v, m, &up->labels);
			break;
		default:
			break;
		}
	}
}

void pk_tree_metrics(struct json_object *status, struct pk_exposition *e)
{
	const struct walk w = { .e = e };

	walk_object(&w, status);
}
