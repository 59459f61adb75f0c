/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl threat list, show and export: what is open, and the journal. */
#include <inttypes.h>
#include <json-c/json.h>

#include "control/cli/cli.h"

enum { PAGE = 2000 };

/* The threats of a page go behind those of @all, or are shown. */
static void take_page(const struct pk_cli *cli, struct json_object *page,
		      struct json_object *all)
{
	struct json_object *list = pk_cli_get(page, "threats");

	for (size_t i = 0; i < pk_cli_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (cli->json)
			json_object_array_add(all, json_object_get(o));
		else
			pk_cli_show_threat(o);
	}
}

static void end_list(const struct pk_cli *cli, struct json_object *page,
		     struct json_object *all)
{
	int64_t more = pk_cli_int(page, "total") -
		       (int64_t)pk_cli_length(pk_cli_get(page, "threats"));

	if (cli->json) {
		json_object_object_add(page, "threats", json_object_get(all));
		pk_cli_json(cli, page);
	} else if (pk_cli_get(page, "next")) {
		pk_cli_print(stdout, "%" PRId64 " more are open\n", more);
	}
}

/* One page of --limit, or page by page all; for JSON as one object. */
int pk_cli_threat_list(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *all = json_object_new_array(), *request, *page;
	int64_t next = 0;
	bool one;
	int rc;

	do {
		page = NULL;
		rc = pk_cli_request(cli, args, NULL, &request);
		if (rc)
			break;
		one = pk_cli_get(request, "limit") != NULL;
		if (next)
			json_object_object_add(request, "from",
					       json_object_new_int64(next));
		rc = pk_cli_ask(cli, "threat list", request, NULL, &page);
		if (rc)
			break;
		take_page(cli, page, all);
		next = one ? 0 : pk_cli_int(page, "next");
		if (!next)
			end_list(cli, page, all);
		json_object_put(page);
	} while (next);
	json_object_put(all);
	return rc;
}

/* --- pages of the journal ------------------------------------------------- */

struct pages {
	const struct pk_cli *cli;
	const struct pk_cli_args *args;
	const char *word; /* of pk_cli_request() */
	void (*each)(const struct pages *p, struct json_object *threat);
	struct json_object *list; /* of keep_one() */
	uint64_t from;		  /* 0: as the options say */
	uint64_t count, missing;
};

static void take_missing(struct pages *p, struct json_object *list)
{
	for (size_t i = 0; i < pk_cli_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		p->missing += (uint64_t)(pk_cli_int(o, "to") -
					 pk_cli_int(o, "from") + 1);
	}
}

/* One page: 0 and whether there is another, or an exit status. */
static int page(struct pages *p, bool *more)
{
	struct json_object *request, *r = NULL, *threats, *next;
	int rc = pk_cli_request(p->cli, p->args, p->word, &request);

	if (rc)
		return rc;
	if (p->from)
		json_object_object_add(request, "from",
				       json_object_new_uint64(p->from));
	json_object_object_add(request, "limit", json_object_new_int(PAGE));
	rc = pk_cli_ask(p->cli, "threat journal", request, NULL, &r);
	if (rc)
		goto out;
	threats = pk_cli_get(r, "threats");
	for (size_t i = 0; i < pk_cli_length(threats); i++, p->count++)
		p->each(p, json_object_array_get_idx(threats, i));
	take_missing(p, pk_cli_get(r, "missing"));
	next = pk_cli_get(r, "next");
	*more = next != NULL;
	if (next)
		p->from = json_object_get_uint64(next);
out:
	json_object_put(r);
	return rc;
}

static int all_pages(struct pages *p)
{
	bool more = true;
	int rc = 0;

	while (!rc && more)
		rc = page(p, &more);
	if (!rc && p->missing)
		pk_cli_print(stderr,
			     "picketctl: %" PRIu64 " threats are no longer in "
			     "the journal\n",
			     p->missing);
	return rc;
}

/* --- the commands --------------------------------------------------------- */

static void export_one(const struct pages *p, struct json_object *threat)
{
	pk_cli_json(p->cli, threat);
}

int pk_cli_threat_export(const struct pk_cli *cli,
			 const struct pk_cli_args *args)
{
	struct pages p = { .cli = cli, .args = args, .each = export_one };
	int rc = all_pages(&p);

	if (!rc && ferror(stdout))
		return PK_CLI_FAILED;
	return rc ? rc : p.missing ? PK_CLI_PARTIAL : PK_CLI_OK;
}

static void keep_one(const struct pages *p, struct json_object *threat)
{
	json_object_array_add(p->list, json_object_get(threat));
}

int pk_cli_threat_messages(const struct pk_cli *cli,
			   const struct pk_cli_args *args,
			   struct json_object **out)
{
	struct pages p = {
		.cli = cli, .args = args, .word = "id", .each = keep_one
	};
	struct json_object *o = json_object_new_object();
	int rc;

	p.list = json_object_new_array();
	json_object_object_add(o, "threats", p.list);
	rc = all_pages(&p);
	if (!rc && !p.count)
		rc = pk_cli_fail(cli, PK_CLI_NOT_FOUND, "not-found", NULL,
				 "no threat %.40s in the journal",
				 args->word[0]);
	if (rc)
		json_object_put(o);
	else
		*out = o;
	return rc;
}

int pk_cli_threat_show(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *o = NULL, *list;
	int rc = pk_cli_threat_messages(cli, args, &o);

	if (rc)
		return rc;
	list = pk_cli_get(o, "threats");
	if (cli->json)
		pk_cli_json(cli, o);
	for (size_t i = 0; !cli->json && i < pk_cli_length(list); i++)
		pk_cli_show_threat(json_object_array_get_idx(list, i));
	json_object_put(o);
	return PK_CLI_OK;
}
