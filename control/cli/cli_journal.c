/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl threat list, show and export: what is open, and the journal. */
#include <inttypes.h>
#include <json-c/json.h>

#include "control/cli/cli.h"

enum { PAGE = 2000 };

int pk_cli_threat_list(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL, *threats;
	int rc = pk_cli_call(cli, args, NULL, "threat list", &r);
	size_t n;

	if (rc)
		goto out;
	if (cli->json) {
		pk_cli_json(cli, r);
		goto out;
	}
	threats = pk_cli_get(r, "threats");
	n = pk_cli_length(threats);
	for (size_t i = 0; i < n; i++)
		pk_cli_show_threat(json_object_array_get_idx(threats, i));
	if ((int64_t)n < pk_cli_int(r, "total"))
		pk_cli_print(stdout, "%" PRId64 " more are open\n",
			     pk_cli_int(r, "total") - (int64_t)n);
out:
	json_object_put(r);
	return rc;
}

/* --- pages of the journal ------------------------------------------------- */

struct pages {
	const struct pk_cli *cli;
	const struct pk_cli_args *args;
	const char *word; /* of pk_cli_request() */
	void (*each)(const struct pages *p, struct json_object *threat);
	struct json_object *list; /* NULL: each is printed at once */
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

static void show_one(const struct pages *p, struct json_object *threat)
{
	if (p->list)
		json_object_array_add(p->list, json_object_get(threat));
	else
		pk_cli_show_threat(threat);
}

int pk_cli_threat_show(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct pages p = {
		.cli = cli, .args = args, .word = "id", .each = show_one
	};
	struct json_object *o = NULL;
	int rc;

	if (cli->json) {
		o = json_object_new_object();
		p.list = json_object_new_array();
		json_object_object_add(o, "threats", p.list);
	}
	rc = all_pages(&p);
	if (!rc && !p.count)
		rc = pk_cli_fail(cli, PK_CLI_NOT_FOUND, "not-found", NULL,
				 "no threat %.40s in the journal",
				 args->word[0]);
	else if (!rc && cli->json)
		pk_cli_json(cli, o);
	json_object_put(o);
	return rc;
}
