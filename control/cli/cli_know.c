/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl ioc explain, hits, status, history, rollback. */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli.h"

enum { VALUE = 2200 };

/* A line "  name: text" where there is something to say. */
static void line(const char *indent, const char *name, const char *text)
{
	if (*text)
		pk_cli_print(stdout, "%s%s: %s\n", indent, name, text);
}

static void lines(const char *indent, struct json_object *o,
		  const char *const *names)
{
	char shown[64];

	for (; *names; names++) {
		snprintf(shown, sizeof(shown), "%s", *names);
		for (char *p = shown; *p; p++)
			if (*p == '_')
				*p = ' ';
		line(indent, shown, pk_cli_text(o, *names));
	}
}

/* --- explain ------------------------------------------------------------------ */

static void show_evidence(struct json_object *e)
{
	const char *depth = pk_cli_text(e, "depth");

	pk_cli_print(stdout,
		     "  last evidence: %s %s, %s%s%s: %s port %s -> %s port %s "
		     "(%s)\n",
		     pk_cli_text(e, "time"), pk_cli_text(e, "plane"),
		     pk_cli_text(e, "role"), *depth ? " at depth " : "", depth,
		     pk_cli_text(e, "src"), pk_cli_text(e, "src_port"),
		     pk_cli_text(e, "dst"), pk_cli_text(e, "dst_port"),
		     pk_cli_text(e, "protocol"));
}

static void show_feed(struct json_object *f)
{
	static const char *const names[] = {
		"since",      "threat_type",	  "class",
		"confidence", "severity",	  "tlp",
		"tags",	      "attribution",	  "id",
		"action",     "first_seen",	  "last_seen",
		"valid_from", "valid_until",	  "source",
		"licence",    "feed_attribution", "loaded",
		NULL
	};

	pk_cli_print(stdout, "  feed %s\n", pk_cli_text(f, "feed"));
	lines("    ", f, names);
}

static void show_item(struct json_object *o)
{
	static const char *const names[] = { "hits", "first_hit", "last_hit",
					     NULL };
	struct json_object *where = pk_cli_get(o, "where");
	struct json_object *feeds = pk_cli_get(o, "feeds");
	char value[VALUE];

	pk_cli_show_value(o, value, sizeof(value));
	pk_cli_print(stdout, "%s %s (slot %s)\n", pk_cli_text(o, "type"), value,
		     pk_cli_text(o, "slot"));
	pk_cli_print(stdout, "  in: %s, table %s, generation %s\n",
		     pk_cli_text(where, "layer"), pk_cli_text(where, "table"),
		     pk_cli_text(where, "generation"));
	lines("  ", o, names);
	if (pk_cli_get(o, "evidence"))
		show_evidence(pk_cli_get(o, "evidence"));
	for (size_t i = 0; i < pk_cli_length(feeds); i++)
		show_feed(json_object_array_get_idx(feeds, i));
}

void pk_cli_show_explained(struct json_object *r)
{
	struct json_object *items = pk_cli_get(r, "items");

	pk_cli_show_carried(r);
	for (size_t i = 0; i < pk_cli_length(items); i++)
		show_item(json_object_array_get_idx(items, i));
	if (!pk_cli_length(items))
		pk_cli_print(stdout, "%s %s: nothing covers it\n",
			     pk_cli_text(r, "type"), pk_cli_text(r, "value"));
	line("", "a guard keeps it out", pk_cli_text(r, "safe"));
	line("", "last in traffic", pk_cli_text(r, "seen"));
}

int pk_cli_ioc_explain(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, "value", "ioc explain", &r);

	if (rc)
		return rc;
	rc = pk_cli_length(pk_cli_get(r, "items")) ? PK_CLI_OK
						   : PK_CLI_NOT_FOUND;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		pk_cli_show_explained(r);
	json_object_put(r);
	return rc;
}

/* --- hits ------------------------------------------------------------------------ */

int pk_cli_ioc_hits(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	static const char *const heads[] = {
		">HITS", "TYPE", "VALUE", "FEED",
		"FIRST", "LAST", "ROLE",  ">DEPTH"
	};
	static const char *const names[] = { "hits", "type",	  "value",
					     "feed", "first_hit", "last_hit",
					     "role", "depth" };
	static const char *const group_heads[] = { ">HITS", ">INDICATORS",
						   "NAME" };
	const char *group[] = { "hits", "items", NULL };
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, NULL, "ioc hits", &r);

	if (rc)
		return rc;
	group[2] = pk_cli_text(r, "by");
	if (cli->json)
		pk_cli_json(cli, r);
	else if (!strcmp(group[2], "indicator"))
		pk_cli_table_of(pk_cli_get(r, "items"), heads, names, 8);
	else
		pk_cli_table_of(pk_cli_get(r, "items"), group_heads, group, 3);
	if (!cli->json)
		pk_cli_print(stdout,
			     "%" PRId64 " hits of %" PRId64 " indicators\n",
			     pk_cli_int(r, "hits"), pk_cli_int(r, "total"));
	json_object_put(r);
	return PK_CLI_OK;
}

/* --- status ------------------------------------------------------------------------ */

static void show_image(struct json_object *image)
{
	static const char *const heads[] = { "TABLE", ">ITEMS", ">BYTES",
					     ">LOAD" };
	static const char *const names[] = { "table", "items", "bytes",
					     "load" };
	struct json_object *base = pk_cli_get(image, "base");
	struct json_object *delta = pk_cli_get(image, "delta");
	struct json_object *filter = pk_cli_get(image, "filter");

	pk_cli_print(stdout,
		     "base %s items, %s bytes; delta %s items, %s tombstones, "
		     "%s bytes\n",
		     pk_cli_text(base, "items"), pk_cli_text(base, "bytes"),
		     pk_cli_text(delta, "items"),
		     pk_cli_text(delta, "tombstones"),
		     pk_cli_text(delta, "bytes"));
	pk_cli_print(stdout,
		     "filter %s bytes, %s bits an item, error rate %s; at most "
		     "%s lines for an address; %s names share a key\n",
		     pk_cli_text(filter, "bytes"),
		     pk_cli_text(filter, "bits_per_item"),
		     pk_cli_text(filter, "error_rate"),
		     pk_cli_text(image, "worst_probes"),
		     pk_cli_text(image, "collisions"));
	pk_cli_table_of(pk_cli_get(image, "tables"), heads, names, 4);
}

static void show_status(struct json_object *r)
{
	static const char *const heads[] = { "PLANE", "PORT", "STATE",
					     ">GENERATION", ">LAG MS" };
	static const char *const names[] = { "plane", "port", "state",
					     "generation", "lag_ms" };
	struct json_object *loading = pk_cli_get(r, "loading");
	struct json_object *store = pk_cli_get(r, "store");
	struct json_object *disk = pk_cli_get(r, "disk");

	pk_cli_print(stdout,
		     "%s: generation %s, commit %s, %s indicators of %s "
		     "feeds\n",
		     pk_cli_text(r, "state"), pk_cli_text(r, "generation"),
		     pk_cli_text(r, "commit"), pk_cli_text(r, "items"),
		     pk_cli_text(r, "feeds"));
	line("", "why", pk_cli_text(r, "why"));
	if (loading)
		pk_cli_print(stdout, "%s %s: %s, %s of %s\n",
			     pk_cli_text(loading, "op"),
			     pk_cli_text(loading, "feed"),
			     pk_cli_text(loading, "phase"),
			     pk_cli_text(loading, "done"),
			     pk_cli_text(loading, "total"));
	pk_cli_table_of(pk_cli_get(r, "planes"), heads, names, 5);
	show_image(pk_cli_get(r, "image"));
	pk_cli_print(stdout,
		     "store %s bytes, %s expiring, %s expired; disk %s, %s "
		     "bytes, %s commits behind\n",
		     pk_cli_text(store, "bytes"),
		     pk_cli_text(store, "expiring"),
		     pk_cli_text(store, "expired"), pk_cli_text(disk, "dir"),
		     pk_cli_text(disk, "bytes"), pk_cli_text(disk, "behind"));
	line("", "clock", pk_cli_text(store, "clock"));
	line("", "disk", pk_cli_text(disk, "error"));
}

int pk_cli_ioc_status(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, NULL, "ioc status", &r);

	if (rc)
		return rc;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		show_status(r);
	rc = strcmp(pk_cli_text(r, "state"), "degraded") ? PK_CLI_OK
							 : PK_CLI_PARTIAL;
	json_object_put(r);
	return rc;
}

int pk_cli_ioc_confirm_clock(const struct pk_cli *cli,
			     const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, NULL, "ioc confirm-clock", &r);

	if (rc)
		return rc;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		pk_cli_print(stdout, "%s\n",
			     *pk_cli_text(r, "clock") ? pk_cli_text(r, "clock")
						      : "indicators end by the "
							"system's time");
	json_object_put(r);
	return PK_CLI_OK;
}

/* --- history ------------------------------------------------------------------------ */

int pk_cli_ioc_history(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	static const char *const heads[] = {
		">COMMIT", "TIME",     "OP",	     "FEED",  "BY",
		">ADDED",  ">CHANGED", ">WITHDRAWN", ">TOTAL"
	};
	static const char *const names[] = { "commit",	"time",	     "op",
					     "feed",	"by",	     "added",
					     "changed", "withdrawn", "total" };
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, NULL, "ioc history", &r);

	if (rc)
		return rc;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		pk_cli_table_of(pk_cli_get(r, "commits"), heads, names, 9);
	json_object_put(r);
	return PK_CLI_OK;
}

int pk_cli_ioc_rollback(const struct pk_cli *cli,
			const struct pk_cli_args *args)
{
	struct json_object *request = NULL, *r = NULL;
	char *end;
	unsigned long long commit = strtoull(args->word[0], &end, 10);
	int rc;

	if (*end || end == args->word[0])
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage",
				   "`picketctl ioc history` lists them",
				   "not the number of a commit: \"%s\"",
				   args->word[0]);
	rc = pk_cli_request(cli, args, NULL, &request);
	if (rc)
		return rc;
	json_object_object_add(request, "commit",
			       json_object_new_uint64(commit));
	rc = pk_cli_ask_long(cli, "ioc rollback", request, NULL, &r);
	if (rc)
		return rc;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		pk_cli_print(stdout,
			     "as after commit %s: %s added, %s changed, %s "
			     "withdrawn; commit %s, generation %s%s\n",
			     pk_cli_text(r, "to"), pk_cli_text(r, "added"),
			     pk_cli_text(r, "changed"),
			     pk_cli_text(r, "withdrawn"),
			     pk_cli_text(r, "commit"),
			     pk_cli_text(r, "generation"), pk_cli_dry_run(r));
	json_object_put(r);
	return PK_CLI_OK;
}
