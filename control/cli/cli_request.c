/* SPDX-License-Identifier: BSD-2-Clause */
/* From the options of a command to the arguments of a request. */
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli.h"

enum { KEY = 32, MAPPING_BYTES = 48 * 1024 };

/* "--threat-type" is the argument threat_type. */
static void key_of(const char *option, char key[KEY])
{
	size_t n = 0;

	for (const char *p = option + 2; *p && n + 1 < KEY; p++)
		key[n++] = *p == '-' ? '_' : *p;
	key[n] = 0;
}

int64_t pk_cli_duration(const char *text)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = {
		{ 0, 1 },      { 's', 1 },     { 'm', 60 },
		{ 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 },
	};
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || n > UINT32_MAX || (*end && end[1]))
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (*end == units[i].unit)
			return (int64_t)n * units[i].seconds;
	return -1;
}

/* A mapping's name, or the text of the file of that name. */
static struct json_object *mapping(const char *word)
{
	static char text[MAPPING_BYTES + 1];
	FILE *f = fopen(word, "rb");
	size_t n;

	if (!f)
		return json_object_new_string(word);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	return n > MAPPING_BYTES ? NULL
				 : json_object_new_string_len(text, (int)n);
}

static int add_option(const struct pk_cli *cli, const struct pk_cli_args *args,
		      int i, struct json_object *request)
{
	const struct pk_cli_option *o = &args->command->option[i];
	struct json_object *v = NULL;
	char key[KEY];
	uint64_t number;
	int64_t seconds;
	int rc;

	if (!o->value) {
		v = json_object_new_boolean(true);
	} else if (!strcmp(o->value, "N")) {
		rc = pk_cli_number(cli, args, o->name, &number, 0);
		if (rc)
			return rc;
		v = json_object_new_uint64(number);
	} else if (!strcmp(o->value, "DURATION")) {
		seconds = pk_cli_duration(args->value[i]);
		if (seconds < 0)
			return pk_cli_fail(cli, PK_CLI_USAGE, "usage",
					   "write 90s, 15m, 12h, 7d or 4w",
					   "%s needs a duration, not \"%s\"",
					   o->name, args->value[i]);
		v = json_object_new_int64(seconds);
	} else if (!strcmp(o->value, "MAPPING")) {
		v = mapping(args->value[i]);
		if (!v)
			return pk_cli_fail(cli, PK_CLI_USAGE, "usage", NULL,
					   "mapping %s is longer than %d bytes",
					   args->value[i], MAPPING_BYTES);
	} else {
		v = json_object_new_string(args->value[i]);
	}
	key_of(o->name, key);
	json_object_object_add(request, key, v);
	return 0;
}

int pk_cli_request(const struct pk_cli *cli, const struct pk_cli_args *args,
		   const char *word, struct json_object **out)
{
	struct json_object *request = json_object_new_object();

	if (word)
		json_object_object_add(request, word,
				       json_object_new_string(args->word[0]));
	for (int i = 0; args->command->option[i].name; i++) {
		int rc = args->value[i] ? add_option(cli, args, i, request) : 0;

		if (rc) {
			json_object_put(request);
			return rc;
		}
	}
	*out = request;
	return 0;
}

int pk_cli_call(const struct pk_cli *cli, const struct pk_cli_args *args,
		const char *word, const char *op, struct json_object **result)
{
	struct json_object *request = NULL;
	int rc = pk_cli_request(cli, args, word, &request);

	return rc ? rc : pk_cli_ask(cli, op, request, NULL, result);
}
