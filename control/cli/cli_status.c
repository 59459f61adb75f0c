/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl status and audit. */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "control/cli/cli.h"

enum { NUMBER = 24 };

/* A list of objects as a table: each column is a key. */
static void show_list(struct json_object *list, const char *title,
		      const char *const *heads, const char *const *keys)
{
	struct pk_cli_table *t;
	const char *cells[8];
	size_t columns = 0;

	if (!list || !json_object_array_length(list))
		return;
	while (heads[columns])
		columns++;
	if (pk_cli_table_new(&t, heads, columns))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		for (size_t k = 0; k < columns; k++)
			cells[k] = pk_cli_text(o, keys[k]);
		pk_cli_table_row(t, cells);
	}
	pk_cli_print(stdout, "\n");
	pk_cli_print(stdout, "%s\n", title);
	pk_cli_table_print(t, true);
}

/* The counters of each element that are not 0: "NAME seen=5 ...". */
static void show_counters(struct json_object *list)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct json_object *counters = pk_cli_get(o, "counters");

		if (!json_object_is_type(counters, json_type_object))
			continue;
		pk_cli_print(stdout, "%s:", pk_cli_text(o, "name"));
		json_object_object_foreach(counters, name, v)
		{
			if (json_object_get_int64(v))
				pk_cli_print(stdout, " %s=%s", name,
					     json_object_get_string(v));
		}
		pk_cli_print(stdout, "\n");
	}
}

/* What a plane said last, and when it was away. */
static void show_troubles(struct json_object *planes)
{
	for (size_t i = 0; planes && i < json_object_array_length(planes);
	     i++) {
		struct json_object *o = json_object_array_get_idx(planes, i);
		struct json_object *gaps = pk_cli_get(o, "gaps");

		if (*pk_cli_text(o, "said"))
			pk_cli_print(
				stdout, "%s %s: %s\n", pk_cli_text(o, "plane"),
				pk_cli_text(o, "port"), pk_cli_text(o, "said"));
		for (size_t g = 0; gaps && g < json_object_array_length(gaps);
		     g++) {
			struct json_object *gap =
				json_object_array_get_idx(gaps, g);

			pk_cli_print(
				stdout, "%s %s saw nothing from %s to %s\n",
				pk_cli_text(o, "plane"), pk_cli_text(o, "port"),
				pk_cli_text(gap, "from"),
				pk_cli_text(gap, "to"));
		}
	}
}

/* What a restart would begin with. */
static void show_checkpoint(struct json_object *o)
{
	int64_t refused =
		pk_cli_int(o, "refused") + pk_cli_int(o, "refused_parts");

	if (!o)
		return;
	pk_cli_print(stdout, "checkpoint: %s bytes, %s s old%s",
		     pk_cli_text(o, "bytes"), pk_cli_text(o, "age_s"),
		     json_object_get_boolean(pk_cli_get(o, "current"))
			     ? ", nothing changed since"
			     : "");
	if (refused)
		pk_cli_print(stdout, ", %" PRId64 " refused at the start",
			     refused);
	if (pk_cli_int(o, "failed"))
		pk_cli_print(stdout, ", %" PRId64 " could not be written",
			     pk_cli_int(o, "failed"));
	pk_cli_print(stdout, "\n");
}

static void show_head(struct json_object *r)
{
	struct json_object *bus = pk_cli_get(r, "bus");
	struct json_object *ends = pk_cli_get(bus, "endpoints");
	struct json_object *ind = pk_cli_get(r, "indicators");
	struct json_object *types = pk_cli_get(ind, "by_type");

	pk_cli_print(stdout, "picketd %s, sensor %s, up %" PRId64 " s\n",
		     pk_cli_text(r, "version"), pk_cli_text(r, "sensor"),
		     pk_cli_int(r, "uptime_s"));
	pk_cli_print(stdout, "indicators: %" PRId64 " in generation %" PRId64,
		     pk_cli_int(ind, "total"), pk_cli_int(r, "generation"));
	if (json_object_is_type(types, json_type_object)) {
		json_object_object_foreach(types, name, v)
		{
			pk_cli_print(stdout, ", %s %s",
				     json_object_get_string(v), name);
		}
	}
	pk_cli_print(stdout, "\n");
	pk_cli_print(stdout, "bus:");
	for (size_t i = 0; ends && i < json_object_array_length(ends); i++)
		pk_cli_print(stdout, " %s",
			     json_object_get_string(
				     json_object_array_get_idx(ends, i)));
	pk_cli_print(stdout, "\n");
	show_checkpoint(pk_cli_get(r, "checkpoint"));
}

/* Stages that nothing has passed are left out. */
static void show_latency(struct json_object *latency)
{
	static const char *const heads[] = { "LATENCY", ">COUNT",  ">P50 US",
					     ">P99 US", ">MAX US", NULL };
	static const char *const keys[] = { "count", "p50_us", "p99_us",
					    "max_us" };
	struct pk_cli_table *t;

	if (!json_object_is_type(latency, json_type_object) ||
	    pk_cli_table_new(&t, heads, 5))
		return;
	json_object_object_foreach(latency, stage, o)
	{
		const char *cells[5] = { stage };

		for (size_t k = 0; k < 4; k++)
			cells[k + 1] = pk_cli_text(o, keys[k]);
		if (pk_cli_int(o, "count"))
			pk_cli_table_row(t, cells);
	}
	pk_cli_print(stdout, "\n");
	pk_cli_table_print(t, true);
}

static void show_status(struct json_object *r)
{
	static const char *const interface_heads[] = {
		"NAME", ">IFINDEX", ">PORT", "MODE", "EGRESS", "STATE", NULL
	};
	static const char *const interface_keys[] = {
		"name", "ifindex", "port", "mode", "egress", "state"
	};
	static const char *const port_heads[] = { "NAME",     ">PORT", "DEVICE",
						  ">WORKERS", "STATE", NULL };
	static const char *const port_keys[] = { "name", "port", "device",
						 "workers", "state" };
	static const char *const plane_heads[] = { "PLANE", "PORT",	 ">PID",
						   "STATE", ">RESTARTS", NULL };
	static const char *const plane_keys[] = { "plane", "port", "pid",
						  "state", "restarts" };
	struct json_object *interfaces = pk_cli_get(r, "interfaces");
	struct json_object *ports = pk_cli_get(r, "ports");
	struct json_object *planes = pk_cli_get(r, "planes");

	show_head(r);
	show_list(interfaces, "interfaces", interface_heads, interface_keys);
	show_counters(interfaces);
	show_list(ports, "ports", port_heads, port_keys);
	show_counters(ports);
	show_list(planes, "planes", plane_heads, plane_keys);
	show_troubles(planes);
	show_latency(pk_cli_get(r, "latency"));
}

int pk_cli_status(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_ask(cli, "status", NULL, NULL, &r);

	(void)args;
	if (rc)
		return rc;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		show_status(r);
	json_object_put(r);
	return PK_CLI_OK;
}

static bool is_true(struct json_object *o, const char *name)
{
	return json_object_get_boolean(pk_cli_get(o, name));
}

static void show_identities(struct json_object *list)
{
	static const char *const heads[] = { "IDENTITY", "PLANE",  ">LEFT",
					     ">RIGHT",	 ">DELTA", "RESULT",
					     NULL };
	struct pk_cli_table *t;

	if (pk_cli_table_new(&t, heads, 6))
		return;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *cells[] = { pk_cli_text(o, "name"),
					pk_cli_text(o, "plane"),
					pk_cli_text(o, "left"),
					pk_cli_text(o, "right"),
					pk_cli_text(o, "delta"),
					!is_true(o, "ok")     ? "MISMATCH"
					: is_true(o, "doubt") ? "doubt"
							      : "ok" };

		pk_cli_table_row(t, cells);
	}
	pk_cli_table_print(t, true);
}

/* "lost: p0 socket_drops=5, xdp hit_ring_full=1": accounted for, but lost. */
static void show_lost(struct json_object *list)
{
	size_t n = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		pk_cli_print(stdout, "%s%s %s=%" PRId64,
			     i ? ", " : "lost: ", pk_cli_text(o, "plane"),
			     pk_cli_text(o, "counter"), pk_cli_int(o, "count"));
	}
	if (n)
		pk_cli_print(stdout, "\n");
}

static void show_audit(struct json_object *r)
{
	struct json_object *notes = pk_cli_get(r, "notes");

	show_identities(pk_cli_get(r, "identities"));
	for (size_t i = 0; notes && i < json_object_array_length(notes); i++)
		pk_cli_print(stdout, "note: %s\n",
			     json_object_get_string(
				     json_object_array_get_idx(notes, i)));
	show_lost(pk_cli_get(r, "lost"));
	pk_cli_print(stdout, "%s%s\n", pk_cli_text(r, "result"),
		     is_true(r, "doubt") ? " (doubt)" : "");
}

int pk_cli_audit(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_ask(cli, "audit", NULL, NULL, &r);
	const char *result;

	(void)args;
	if (rc)
		return rc;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		show_audit(r);
	result = pk_cli_text(r, "result");
	rc = !strcmp(result, "ok")		? PK_CLI_OK
	     : !strcmp(result, "not-quiescent") ? PK_CLI_NOT_QUIESCENT
						: PK_CLI_FAILED;
	json_object_put(r);
	return rc;
}
