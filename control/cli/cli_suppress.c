/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl threat suppress add, del, list. */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli.h"

static int has_options(const struct pk_cli_args *args)
{
	for (int i = 0; args->command->option[i].name; i++)
		if (args->value[i])
			return 1;
	return 0;
}

/* What the rule names: offender 192.0.2.0/24, feed abc. */
static void print_names(FILE *to, struct json_object *rule)
{
	static const char *const names[] = { "type", "offender", "target",
					     "indicator", "feed" };
	const char *comma = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *text = pk_cli_text(rule, names[i]);

		if (!*text)
			continue;
		fprintf(to, "%s%s %s", comma, names[i], text);
		comma = ", ";
	}
}

static char *names_of(struct json_object *rule)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	print_names(f, rule);
	fclose(f);
	return text;
}

void pk_cli_show_rule(struct json_object *rule)
{
	char *names = names_of(rule);
	const char *until = pk_cli_text(rule, "until");
	const char *comment = pk_cli_text(rule, "comment");

	pk_cli_print(stdout, "rule %s: %s; suppressed %" PRId64,
		     pk_cli_text(rule, "number"), names ? names : "",
		     pk_cli_int(rule, "count"));
	if (*until)
		pk_cli_print(stdout, "; until %s", until);
	if (*comment)
		pk_cli_print(stdout, "; %s", comment);
	pk_cli_print(stdout, "\n");
	free(names);
}

static void show_rules(struct json_object *rules)
{
	static const char *const heads[] = { ">RULE",  "NAMES", ">SUPPRESSED",
					     "LAST",   "UNTIL", "BY",
					     "COMMENT" };
	struct pk_cli_table *t;

	if (pk_cli_table_new(&t, heads, 7))
		return;
	for (size_t i = 0; i < pk_cli_length(rules); i++) {
		struct json_object *o = json_object_array_get_idx(rules, i);
		const char *from = pk_cli_text(o, "from");
		char *names = names_of(o);
		const char *cells[] = { pk_cli_text(o, "number"),
					names ? names : "",
					pk_cli_text(o, "count"),
					pk_cli_text(o, "last"),
					pk_cli_text(o, "until"),
					*from ? from : pk_cli_text(o, "by"),
					pk_cli_text(o, "comment") };

		pk_cli_table_row(t, cells);
		free(names);
	}
	pk_cli_table_print(t, true);
}

static int list(const struct pk_cli *cli)
{
	struct json_object *r = NULL;
	int rc = pk_cli_ask(cli, "threat suppress list", NULL, NULL, &r);

	if (rc)
		return rc;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		show_rules(pk_cli_get(r, "rules"));
	json_object_put(r);
	return PK_CLI_OK;
}

static int add(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, NULL, "threat suppress add", &r);

	if (rc)
		return rc;
	if (cli->json) {
		pk_cli_json(cli, r);
	} else {
		pk_cli_show_rule(r);
		if (pk_cli_int(r, "closed"))
			pk_cli_print(stdout,
				     "%" PRId64 " open threats closed\n",
				     pk_cli_int(r, "closed"));
	}
	json_object_put(r);
	return PK_CLI_OK;
}

static int del(const struct pk_cli *cli, const char *word)
{
	struct json_object *request, *r = NULL;
	unsigned long number = strtoul(word, NULL, 10);
	int rc;

	if (!*word || strspn(word, "0123456789") != strlen(word) ||
	    number > UINT32_MAX)
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage",
				   "`picketctl threat suppress list` lists "
				   "them",
				   "not the number of a rule: \"%s\"", word);
	request = json_object_new_object();
	json_object_object_add(request, "number",
			       json_object_new_uint64(number));
	rc = pk_cli_ask(cli, "threat suppress del", request, NULL, &r);
	if (rc)
		return rc;
	if (cli->json) {
		pk_cli_json(cli, r);
	} else {
		pk_cli_print(stdout, "deleted ");
		pk_cli_show_rule(r);
	}
	json_object_put(r);
	return PK_CLI_OK;
}

int pk_cli_threat_suppress(const struct pk_cli *cli,
			   const struct pk_cli_args *args)
{
	static const char hint[] = "add, list, or del NUMBER";
	const char *word = args->word[0];
	int is_del = !strcmp(word, "del"), is_add = !strcmp(word, "add");

	if (!is_del && !is_add && strcmp(word, "list") != 0)
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage", hint,
				   "unknown word for suppress: %s", word);
	if (args->words != 1 + is_del)
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage", hint,
				   is_del ? "missing: NUMBER"
					  : "too many words for suppress %s",
				   word);
	if (!is_add && has_options(args))
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage", NULL,
				   "suppress %s takes no options", word);
	return is_add	? add(cli, args)
	       : is_del ? del(cli, args->word[1])
			: list(cli);
}
