/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl ioc add, del, list, test: one indicator, or all of them. */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli.h"

enum {
	PAGE = 1000, /* indicators in one answer */
	LIMIT = 100,
	VALUE = 2200,
};

static void add_text(struct json_object *o, const char *name, const char *text)
{
	if (text && *text)
		json_object_object_add(o, name, json_object_new_string(text));
}

void pk_cli_show_value(struct json_object *o, char *out, size_t size)
{
	const char *match = pk_cli_text(o, "match");
	bool name = !strcmp(pk_cli_text(o, "type"), "domain-name");

	snprintf(out, size, "%s%s",
		 !name			       ? ""
		 : !strcmp(match, "exact")     ? "="
		 : !strcmp(match, "one-label") ? "+."
					       : "",
		 pk_cli_text(o, "value"));
}

int pk_cli_ioc_add(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, "value", "ioc add", &r);
	char value[VALUE];

	if (rc)
		return rc;
	pk_cli_show_value(r, value, sizeof(value));
	if (cli->json)
		pk_cli_json(cli, r);
	else
		pk_cli_print(
			stdout,
			"%s %s %s: slot %" PRId64 ", generation %" PRId64 "\n",
			pk_cli_text(r, "type"), value,
			json_object_get_boolean(pk_cli_get(r, "added"))
				? "added"
			: json_object_get_boolean(pk_cli_get(r, "changed"))
				? "changed"
				: "was there already",
			pk_cli_int(r, "slot"), pk_cli_int(r, "generation"));
	json_object_put(r);
	return PK_CLI_OK;
}

int pk_cli_ioc_del(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, "value", "ioc del", &r);
	char value[VALUE];

	if (rc)
		return rc;
	pk_cli_show_value(r, value, sizeof(value));
	if (cli->json)
		pk_cli_json(cli, r);
	else
		pk_cli_print(stdout, "%s %s deleted: generation %" PRId64 "\n",
			     pk_cli_text(r, "type"), value,
			     pk_cli_int(r, "generation"));
	json_object_put(r);
	return PK_CLI_OK;
}

static void show_items(struct json_object *items, bool headings)
{
	static const char *const heads[] = { ">SLOT", "TYPE",	"VALUE",
					     "FEED",  "THREAT", ">HITS" };
	struct pk_cli_table *t;

	if (pk_cli_table_new(&t, heads, 6))
		return;
	for (size_t i = 0; items && i < json_object_array_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i);
		const char *threat = pk_cli_text(o, "threat_type");
		char value[VALUE];
		const char *cells[] = { pk_cli_text(o, "slot"),
					pk_cli_text(o, "type"),
					value,
					pk_cli_text(o, "feed"),
					*threat ? threat
						: pk_cli_text(o, "class"),
					pk_cli_text(o, "hits") };

		pk_cli_show_value(o, value, sizeof(value));
		pk_cli_table_row(t, cells);
	}
	pk_cli_table_print(t, headings);
}

/* A list that is asked for page by page. */
struct list {
	const char *type;
	const char *feed;
	uint64_t left; /* items still wanted */
	uint64_t shown;
	int64_t total; /* -1: not told */
	int64_t after; /* -1: from the beginning */
	FILE *json;    /* the document of -j so far; NULL: tables */
};

static struct json_object *page_request(const struct list *l)
{
	struct json_object *request = json_object_new_object();

	add_text(request, "type", l->type);
	add_text(request, "feed", l->feed);
	json_object_object_add(
		request, "limit",
		json_object_new_uint64(l->left < PAGE ? l->left : PAGE));
	if (l->after >= 0)
		json_object_object_add(request, "after",
				       json_object_new_int64(l->after));
	return request;
}

static void put_items(struct list *l, struct json_object *items)
{
	for (size_t i = 0; items && i < json_object_array_length(items); i++)
		fprintf(l->json, "%s%s", l->shown + i ? "," : "",
			json_object_to_json_string_ext(
				json_object_array_get_idx(items, i),
				JSON_C_TO_STRING_PLAIN |
					JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* One page; *@more tells whether another may follow. */
static int list_page(const struct pk_cli *cli, struct list *l, bool *more)
{
	struct json_object *r = NULL;
	struct json_object *items;
	int rc = pk_cli_ask(cli, "ioc list", page_request(l), NULL, &r);
	size_t n;

	if (rc)
		return rc;
	items = pk_cli_get(r, "items");
	n = items ? json_object_array_length(items) : 0;
	if (l->json)
		put_items(l, items);
	else
		show_items(items, !l->shown);
	l->shown += n;
	l->left -= n < l->left ? n : l->left;
	l->total = pk_cli_get(r, "total") ? pk_cli_int(r, "total") : -1;
	*more = n && l->left && pk_cli_get(r, "next") &&
		pk_cli_int(r, "next") > l->after;
	l->after = pk_cli_int(r, "next");
	json_object_put(r);
	return 0;
}

static int list_pages(const struct pk_cli *cli, struct list *l)
{
	bool more = true;
	int rc = 0;

	while (!rc && more)
		rc = list_page(cli, l, &more);
	return rc;
}

/* The document is kept until its end is known: an error is one, too. */
static int list_json(const struct pk_cli *cli, struct list *l)
{
	struct json_object *root;
	char *text = NULL;
	size_t n;
	int rc;

	l->json = open_memstream(&text, &n);
	if (!l->json)
		return pk_cli_fail(cli, PK_CLI_FAILED, "failed", NULL,
				   "no memory for the list");
	fputs("{\"items\":[", l->json);
	rc = list_pages(cli, l);
	if (l->total >= 0)
		fprintf(l->json, "],\"total\":%" PRId64 "}", l->total);
	else
		fputs("]}", l->json);
	fclose(l->json);
	if (!rc && cli->pretty) {
		root = json_tokener_parse(text);
		pk_cli_json(cli, root);
		json_object_put(root);
	} else if (!rc) {
		pk_cli_json_text(text, n);
	}
	free(text);
	return rc;
}

int pk_cli_ioc_list(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct list l = { .type = pk_cli_value(args, "--type"),
			  .feed = pk_cli_value(args, "--feed"),
			  .after = -1 };
	int rc = pk_cli_number(cli, args, "--limit", &l.left, LIMIT);

	if (rc)
		return rc;
	if (!l.left)
		l.left = UINT64_MAX;
	if (cli->json)
		return list_json(cli, &l);
	rc = list_pages(cli, &l);
	if (!rc && l.total > (int64_t)l.shown)
		pk_cli_print(stderr,
			     "picketctl: %" PRIu64 " of %" PRId64
			     " shown; --limit 0 shows all\n",
			     l.shown, l.total);
	return rc;
}

void pk_cli_show_carried(struct json_object *o)
{
	if (pk_cli_get(o, "embedded"))
		pk_cli_print(stdout, "looked for: %s, which it carries (%s)\n",
			     pk_cli_text(o, "carried"),
			     pk_cli_text(o, "embedded"));
}

static void show_test(struct json_object *r, bool match)
{
	struct json_object *safe = pk_cli_get(r, "safe");
	struct json_object *items = pk_cli_get(r, "items");

	pk_cli_print(stdout, "%s %s: %s\n", pk_cli_text(r, "type"),
		     pk_cli_text(r, "value"),
		     match		    ? "match"
		     : pk_cli_length(items) ? "no match: not valid yet"
					    : "no match");
	pk_cli_show_carried(r);
	if (pk_cli_length(items))
		show_items(items, true);
	if (safe)
		pk_cli_print(stdout, "a guard keeps it out: %s\n",
			     json_object_get_string(safe));
}

int pk_cli_ioc_test(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, "value", "ioc test", &r);
	bool match;

	if (rc)
		return rc;
	match = json_object_get_boolean(pk_cli_get(r, "match"));
	if (cli->json)
		pk_cli_json(cli, r);
	else
		show_test(r, match);
	json_object_put(r);
	return match ? PK_CLI_OK : PK_CLI_NOT_FOUND;
}
