/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl feed and safelist. */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "control/cli/cli.h"

/* Show @r as it is with -j, or let @show do it; takes @r. */
static int done(const struct pk_cli *cli, struct json_object *r,
		void (*show)(struct json_object *r))
{
	if (cli->json)
		pk_cli_json(cli, r);
	else
		show(r);
	json_object_put(r);
	return PK_CLI_OK;
}

/* --- feeds --------------------------------------------------------------------- */

static const char *const feed_heads[] = { "FEED",   ">ITEMS",	"FORMAT",
					  "LOADED", ">RECORDS", ">REFUSED",
					  "SOURCE", "LICENCE" };
static const char *const feed_names[] = { "feed",   "items",   "format",
					  "loaded", "records", "refused",
					  "source", "licence" };

static void show_feeds(struct json_object *r)
{
	pk_cli_table_of(pk_cli_get(r, "feeds"), feed_heads, feed_names, 8);
}

int pk_cli_feed_list(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, NULL, "feed list", &r);

	return rc ? rc : done(cli, r, show_feeds);
}

static void show_words(const char *what, struct json_object *counts)
{
	if (!counts)
		return;
	json_object_object_foreach(counts, word, n)
	{
		pk_cli_print(stdout, "%s %s: %s\n", what, word,
			     json_object_get_string(n));
	}
}

static void show_feed(struct json_object *r)
{
	static const char *const names[] = { "feed",	    "items",  "hits",
					     "format",	    "source", "licence",
					     "attribution", "ttl",    "loaded",
					     "records",	    "refused" };
	struct json_object *rejected = pk_cli_get(r, "rejected");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (*pk_cli_text(r, names[i]))
			pk_cli_print(stdout, "%s: %s\n", names[i],
				     pk_cli_text(r, names[i]));
	show_words("refused", pk_cli_get(r, "reasons"));
	show_words("unused", pk_cli_get(r, "skipped"));
	for (size_t i = 0; i < pk_cli_length(rejected); i++)
		pk_cli_print(stdout, "%s\n",
			     pk_cli_text(json_object_array_get_idx(rejected, i),
					 "message"));
}

/* --rejected is "as many samples as there are". */
int pk_cli_feed_show(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *request = json_object_new_object();
	struct json_object *r = NULL;
	int rc;

	json_object_object_add(request, "feed",
			       json_object_new_string(args->word[0]));
	json_object_object_add(
		request, "samples",
		json_object_new_int(pk_cli_value(args, "--rejected") ? 1000
								     : 10));
	rc = pk_cli_ask(cli, "feed show", request, NULL, &r);
	return rc ? rc : done(cli, r, show_feed);
}

static void show_feed_del(struct json_object *r)
{
	pk_cli_print(stdout, "feed %s: %s indicators withdrawn%s\n",
		     pk_cli_text(r, "feed"), pk_cli_text(r, "withdrawn"),
		     pk_cli_dry_run(r));
}

int pk_cli_feed_del(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *request = NULL, *r = NULL;
	int rc = pk_cli_request(cli, args, "feed", &request);

	if (!rc)
		rc = pk_cli_ask_long(cli, "feed del", request, NULL, &r);
	return rc ? rc : done(cli, r, show_feed_del);
}

/* --- safelists ------------------------------------------------------------------- */

static void show_lists(struct json_object *r)
{
	static const char *const heads[] = { "LIST", ">ENTRIES", ">REFUSED",
					     "KIND", "TITLE" };
	static const char *const names[] = { "list", "entries", "refused",
					     "kind", "title" };

	pk_cli_table_of(pk_cli_get(r, "lists"), heads, names, 5);
}

int pk_cli_safelist_list(const struct pk_cli *cli,
			 const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, NULL, "safelist list", &r);

	return rc ? rc : done(cli, r, show_lists);
}

static void show_list_loaded(struct json_object *r)
{
	struct json_object *first = pk_cli_get(r, "first_refused");

	if (first)
		pk_cli_print(stderr, "safelist %s: entry %s: %s: \"%s\"\n",
			     pk_cli_text(r, "list"), pk_cli_text(first, "at"),
			     pk_cli_text(first, "reason"),
			     pk_cli_text(first, "text"));
	pk_cli_print(stdout, "safelist %s: %s entries, %s refused\n",
		     pk_cli_text(r, "list"), pk_cli_text(r, "entries"),
		     pk_cli_text(r, "refused"));
	if (pk_cli_int(r, "covered"))
		pk_cli_print(stdout,
			     "%s indicators are covered by it, and stay until "
			     "they are deleted\n",
			     pk_cli_text(r, "covered"));
}

int pk_cli_safelist_load(const struct pk_cli *cli,
			 const struct pk_cli_args *args)
{
	struct json_object *request = NULL, *r = NULL;
	struct pk_cli_source s;
	int rc = pk_cli_open_source(cli, &s, args->word[0]);

	if (!rc)
		rc = pk_cli_request(cli, args, NULL, &request);
	if (!rc) {
		if (!pk_cli_get(request, "list"))
			json_object_object_add(request, "list",
					       json_object_new_string(s.name));
		rc = pk_cli_ask(cli, "safelist load", request, &s.file, &r);
	}
	pk_cli_close_source(&s);
	if (rc)
		return rc;
	rc = pk_cli_int(r, "refused") ? PK_CLI_PARTIAL : PK_CLI_OK;
	done(cli, r, show_list_loaded);
	return rc;
}

static void show_entry(struct json_object *r)
{
	struct json_object *added = pk_cli_get(r, "added");

	pk_cli_print(stdout, "safelist %s: %s %s\n", pk_cli_text(r, "list"),
		     pk_cli_text(r, "value"),
		     !added			      ? "deleted"
		     : json_object_get_boolean(added) ? "added"
						      : "was there already");
}

int pk_cli_safelist_add(const struct pk_cli *cli,
			const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, "value", "safelist add", &r);

	return rc ? rc : done(cli, r, show_entry);
}

int pk_cli_safelist_del(const struct pk_cli *cli,
			const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc;

	if (!args->words && !pk_cli_value(args, "--list"))
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage", NULL,
				   "what shall be deleted: a VALUE, or a whole "
				   "--list?");
	rc = pk_cli_call(cli, args, args->words ? "value" : NULL,
			 "safelist del", &r);
	return rc ? rc : done(cli, r, show_entry);
}

int pk_cli_safelist_test(const struct pk_cli *cli,
			 const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, "value", "safelist test", &r);
	bool match;

	if (rc)
		return rc;
	match = json_object_get_boolean(pk_cli_get(r, "match"));
	if (cli->json)
		pk_cli_json(cli, r);
	else if (match)
		pk_cli_print(stdout, "%s %s: kept out by %s: %s\n",
			     pk_cli_text(r, "type"), pk_cli_text(r, "value"),
			     pk_cli_text(r, "list"), pk_cli_text(r, "entry"));
	else
		pk_cli_print(stdout, "%s %s: on no safelist\n",
			     pk_cli_text(r, "type"), pk_cli_text(r, "value"));
	json_object_put(r);
	return match ? PK_CLI_OK : PK_CLI_NOT_FOUND;
}
