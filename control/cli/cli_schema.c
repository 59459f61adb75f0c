/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl schema: what messages say, as JSON Schemas. Asks nobody. */
#include <json-c/json.h>

#include "control/cli/cli.h"
#include "control/schema/schema.h"

static void list_json(const struct pk_cli *cli)
{
	struct json_object *root = json_object_new_object();
	struct json_object *list = json_object_new_array();
	const struct pk_schema *s;

	json_object_object_add(root, "schemas", list);
	for (size_t i = 0; (s = pk_schema_at(i)); i++) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "class",
				       json_object_new_string(s->word));
		json_object_object_add(o, "topic",
				       json_object_new_string(s->topic));
		json_object_array_add(list, o);
	}
	pk_cli_json(cli, root);
	json_object_put(root);
}

static void list_text(void)
{
	static const char *const heads[] = { "CLASS", "TOPIC" };
	const struct pk_schema *s;
	struct pk_cli_table *t;

	if (pk_cli_table_new(&t, heads, 2))
		return;
	for (size_t i = 0; (s = pk_schema_at(i)); i++) {
		const char *const cells[] = { s->word, s->topic };

		pk_cli_table_row(t, cells);
	}
	pk_cli_table_print(t, true);
}

static void show_json(const struct pk_cli *cli, const struct pk_schema *s)
{
	struct json_object *root = json_tokener_parse(s->text);

	pk_cli_json(cli, root);
	json_object_put(root);
}

int pk_cli_schema(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	const struct pk_schema *s;

	if (!args->words) {
		if (cli->json)
			list_json(cli);
		else
			list_text();
		return PK_CLI_OK;
	}
	s = pk_schema_find(args->word[0]);
	if (!s)
		return pk_cli_fail(cli, PK_CLI_NOT_FOUND, "not-found",
				   "see `picketctl schema`",
				   "there is no class \"%s\"", args->word[0]);
	if (cli->json)
		show_json(cli, s);
	else
		fputs(s->text, stdout); /* of ours: plain ASCII */
	return PK_CLI_OK;
}
