/* SPDX-License-Identifier: BSD-2-Clause */
/* Help, the manual page's list of commands, and completion: from the table. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli.h"

static const char head[] =
	"Usage: picketctl [-j] [-p] [--socket PATH] OBJECT [COMMAND] ...\n"
	"\n"
	"  -j, --json       results and errors as JSON\n"
	"  -p, --pretty     the same, indented\n"
	"  --socket PATH    the daemon's control socket (" PK_CLI_SOCKET ")\n"
	"  -h, --help       help for what stands in front of it\n"
	"  -V, --version    show the version\n"
	"\n"
	"Words and options may be shortened as long as they stay clear.\n"
	"\n";

static const char foot[] =
	"\n"
	"Exit status: 0 ok, 1 failed, 2 usage, 3 daemon unreachable, 4 not "
	"found,\n"
	"5 partial, 6 configuration, 7 not quiescent, 8 missing privilege.\n";

static void put_use(FILE *to, const struct pk_cli_command *c)
{
	fprintf(to, "%s%s%s%s%s", c->object, c->command ? " " : "",
		c->command ? c->command : "", *c->words ? " " : "", c->words);
}

static void put_command(FILE *to, const struct pk_cli_command *c, bool options)
{
	char *use = NULL;
	size_t n;
	FILE *m = open_memstream(&use, &n);

	if (!m)
		return;
	put_use(m, c);
	fclose(m);
	fprintf(to, "  %-28s %s\n", use, c->text);
	free(use);
	for (int i = 0; options && c->option[i].name; i++) {
		const struct pk_cli_option *o = &c->option[i];
		int w = fprintf(to, "      %s%s%s", o->name,
				o->value ? " " : "", o->value ? o->value : "");

		fprintf(to, "%*s%s\n", w < 30 ? 31 - w : 1, "", o->text);
	}
}

static bool chosen(const struct pk_cli_command *c,
		   const struct pk_cli_args *args)
{
	if (args->words && strcmp(c->object, args->word[0]) != 0)
		return false;
	return args->words < 2 ||
	       (c->command && !strcmp(c->command, args->word[1]));
}

static void put_help(FILE *to, const struct pk_cli_args *args)
{
	if (!args->words)
		fputs(head, to);
	for (const struct pk_cli_command *c = pk_cli_commands; c->object; c++)
		if (chosen(c, args))
			put_command(to, c, args->words > 0);
	if (!args->words)
		fputs(foot, to);
}

/* scdoc(5) takes these for markup. */
static void put_scdoc_text(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (strchr("_*\\#[", *text))
			fputc('\\', to);
		fputc(*text, to);
	}
}

static void put_scdoc(FILE *to)
{
	for (const struct pk_cli_command *c = pk_cli_commands; c->object; c++) {
		fprintf(to, "*%s%s%s*", c->object, c->command ? " " : "",
			c->command ? c->command : "");
		fputs(*c->words ? " " : "", to);
		put_scdoc_text(to, c->words);
		fputs("\n\t", to);
		put_scdoc_text(to, c->text);
		fputs(".\n\n", to);
		for (int i = 0; c->option[i].name; i++) {
			const struct pk_cli_option *o = &c->option[i];

			fprintf(to, "\t*%s*%s%s: ", o->name,
				o->value ? " " : "", o->value ? o->value : "");
			put_scdoc_text(to, o->text);
			fputs("\n\n", to);
		}
	}
}

/* Text to stdout, or {NAME: text} with -j. */
static int show(const struct pk_cli *cli, const char *name, char *text)
{
	struct json_object *root;

	if (!cli->json) {
		fputs(text, stdout);
	} else {
		root = json_object_new_object();
		json_object_object_add(root, name,
				       json_object_new_string(text));
		pk_cli_json(cli, root);
		json_object_put(root);
	}
	free(text);
	return fflush(stdout) ? PK_CLI_FAILED : PK_CLI_OK;
}

int pk_cli_help(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	if (!to)
		return pk_cli_fail(cli, PK_CLI_FAILED, "failed", NULL,
				   "out of memory");
	if (pk_cli_value(args, "--scdoc"))
		put_scdoc(to);
	else
		put_help(to, args);
	fclose(to);
	return show(cli, "help", text);
}

int pk_cli_version(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *root;

	(void)args;
	if (!cli->json) {
		pk_cli_print(stdout, "picketctl %s\n", PK_VERSION);
		return PK_CLI_OK;
	}
	root = json_object_new_object();
	json_object_object_add(root, "version",
			       json_object_new_string(PK_VERSION));
	json_object_object_add(root, "protocol",
			       json_object_new_int(PK_CTL_PROTOCOL));
	pk_cli_json(cli, root);
	json_object_put(root);
	return PK_CLI_OK;
}

/* ---- completion ---- */

static bool new_object(const struct pk_cli_command *c)
{
	return c == pk_cli_commands || strcmp(c->object, c[-1].object) != 0;
}

/*
 * One line of the script's case: what may follow OBJECT [COMMAND]. Names of
 * files come from the folder `from`; they never pass through compgen -W, which
 * would run what stands in $() in them.
 */
static void put_case(FILE *to, const struct pk_cli_command *c)
{
	fprintf(to, "    \"%s%s%s\") words=\"", c->object,
		c->command ? " " : "", c->command ? c->command : "");
	if (!strcmp(c->object, "help"))
		fputs("$objects", to);
	for (int i = 0; c->option[i].name; i++)
		fprintf(to, " %s", c->option[i].name);
	fputs("\"", to);
	if (!strcmp(c->words, "IFACE"))
		fputs(" from=/sys/class/net", to);
	else if (!strncmp(c->words, "FILE", 4))
		fputs(" from=.", to);
	fputs(" ;;\n", to);
}

/* The objects, or only those that have commands, with @between. */
static void put_objects(FILE *to, bool with_commands, const char *between)
{
	const char *before = "";

	for (const struct pk_cli_command *c = pk_cli_commands; c->object; c++) {
		if (!new_object(c) || (with_commands && !c->command))
			continue;
		fprintf(to, "%s%s", before, c->object);
		before = between;
	}
}

/* `OBJECT help` and the commands of objects that have some. */
static void put_object_cases(FILE *to)
{
	for (const struct pk_cli_command *c = pk_cli_commands; c->object; c++) {
		if (!c->command || !new_object(c))
			continue;
		fprintf(to, "    \"%s\") words=\"help", c->object);
		for (const struct pk_cli_command *d = c;
		     d->object && !strcmp(d->object, c->object); d++)
			fprintf(to, " %s", d->command);
		fputs("\" ;;\n", to);
	}
}

static void put_bash(FILE *to)
{
	fputs("# bash completion of picketctl, made by"
	      " `picketctl completion bash`\n"
	      "_picketctl() {\n"
	      "    local word=${COMP_WORDS[COMP_CWORD]}\n"
	      "    local words='' from='' at='' i w\n"
	      "    local objects=\"",
	      to);
	put_objects(to, false, " ");
	fputs("\"\n"
	      "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "        w=${COMP_WORDS[i]}\n"
	      "        case $w in\n"
	      "        --socket) ((i++)) ;;\n"
	      "        -*) ;;\n"
	      "        *) case $at in\n"
	      "           '' | ",
	      to);
	put_objects(to, true, " | ");
	fputs(") at=\"${at:+$at }$w\" ;;\n"
	      "           esac ;;\n"
	      "        esac\n"
	      "    done\n"
	      "    case $at in\n"
	      "    '') words=\"$objects -j -p -h -V --socket\" ;;\n",
	      to);
	put_object_cases(to);
	for (const struct pk_cli_command *c = pk_cli_commands; c->object; c++)
		put_case(to, c);
	fputs("    esac\n"
	      "    mapfile -t COMPREPLY < <(\n"
	      "        compgen -W \"$words\" -- \"$word\"\n"
	      "        [[ $from ]] && cd \"$from\" && compgen -f -- \"$word\"\n"
	      "    )\n"
	      "}\n"
	      "complete -o filenames -F _picketctl picketctl\n",
	      to);
}

int pk_cli_completion_bash(const struct pk_cli *cli,
			   const struct pk_cli_args *args)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	(void)args;
	if (!to)
		return pk_cli_fail(cli, PK_CLI_FAILED, "failed", NULL,
				   "out of memory");
	put_bash(to);
	fclose(to);
	return show(cli, "completion", text);
}
