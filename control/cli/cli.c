/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/near.h"

/* The command line while it is taken apart. */
struct line {
	struct pk_cli cli;
	const char *const *argv;
	int argc;
	int at;
	bool plain;   /* behind "--": no more options */
	bool help;    /* -h or --help was there */
	bool version; /* -V or --version was there */
};

enum { CANDIDATES = 256 }; /* bytes of a list of words in a sentence */

static int usage(const struct line *l, const char *hint, const char *message,
		 const char *word)
{
	return pk_cli_fail(&l->cli, PK_CLI_USAGE, "usage", hint, message, word);
}

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* --name=value, or --name value; NULL, the error told, if it is missing. */
static const char *option_value(struct line *l, const char *word)
{
	const char *value = strchr(word, '=');

	if (value)
		return value + 1;
	if (l->at < l->argc)
		return l->argv[l->at++];
	usage(l, NULL, "%s needs a value", word);
	return NULL;
}

/* Letters of one dash, together or apart: -j -p -jp -h -V. */
static int short_options(struct line *l, const char *word)
{
	for (const char *p = word + 1; *p; p++) {
		if (*p == 'j')
			l->cli.json = true;
		else if (*p == 'p')
			l->cli.json = l->cli.pretty = true;
		else if (*p == 'h')
			l->help = true;
		else if (*p == 'V')
			l->version = true;
		else
			return usage(l, "options are -j -p -h -V --socket PATH",
				     "unknown option %s", word);
	}
	return 0;
}

/* Whether @word is option @name, with or without its value. */
static bool names(const char *word, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(word, name, n) && (!word[n] || word[n] == '=');
}

/* The option of @c that @word means: exact, or the only one it begins. */
static int find_option(const struct line *l, const struct pk_cli_command *c,
		       const char *word, int *out)
{
	size_t n = strcspn(word, "=");
	int found = 0;

	for (int i = 0; c->option[i].name; i++) {
		if (strncmp(c->option[i].name, word, n) != 0)
			continue;
		*out = i;
		found = strlen(c->option[i].name) == n ? -1 : found + 1;
		if (found < 0)
			break;
	}
	if (found > 1)
		return usage(l, NULL, "%s could be several options", word);
	if (!found)
		return usage(l, "-h lists the options",
			     "unknown option %s for this command", word);
	return 0;
}

static int command_option(struct line *l, const char *word,
			  struct pk_cli_args *args)
{
	const struct pk_cli_command *c = args->command;
	int i = 0;
	int rc = find_option(l, c, word, &i);

	if (rc)
		return rc;
	if (args->value[i])
		return usage(l, NULL, "%s was given twice", c->option[i].name);
	if (c->option[i].value) {
		args->value[i] = option_value(l, word);
		return args->value[i] ? 0 : PK_CLI_USAGE;
	}
	if (strchr(word, '='))
		return usage(l, NULL, "%s takes no value", c->option[i].name);
	args->value[i] = "";
	return 0;
}

/* Options that every command has. 1 if @word was one; or 0, or a status. */
static int common_option(struct line *l, const char *word, bool *taken)
{
	*taken = true;
	if (names(word, "--socket")) {
		const char *value = option_value(l, word);

		if (value)
			l->cli.socket = value;
		return value ? 0 : PK_CLI_USAGE;
	}
	if (!strcmp(word, "--json"))
		l->cli.json = true;
	else if (!strcmp(word, "--pretty"))
		l->cli.json = l->cli.pretty = true;
	else if (!strcmp(word, "--help"))
		l->help = true;
	else if (!strcmp(word, "--version"))
		l->version = true;
	else if (word[1] != '-')
		return short_options(l, word);
	else
		*taken = false;
	return 0;
}

/*
 * The next plain word in *@out, NULL at the end. Options on the way are taken
 * by @args if it is not NULL.
 */
static int next_word(struct line *l, struct pk_cli_args *args, const char **out)
{
	*out = NULL;
	while (l->at < l->argc) {
		const char *word = l->argv[l->at++];
		bool taken;
		int rc;

		if (l->plain || word[0] != '-' || !word[1]) {
			*out = word;
			return 0;
		}
		if (!strcmp(word, "--")) {
			l->plain = true;
			continue;
		}
		rc = common_option(l, word, &taken);
		if (!rc && !taken)
			rc = args ? command_option(l, word, args)
				  : usage(l,
					  "options are -j -p -h -V --socket "
					  "PATH; others stand behind the "
					  "command",
					  "unknown option %s", word);
		if (rc)
			return rc;
	}
	return 0;
}

/* The word of @c that is looked for: its object, or its command within one. */
static const char *word_of(const struct pk_cli_command *c, const char *object)
{
	if (!object)
		return c->object;
	return !strcmp(c->object, object) ? c->command : NULL;
}

static const char *nearest(const char *object, const char *word)
{
	const char *best = NULL;

	for (const struct pk_cli_command *c = pk_cli_commands; c->object; c++) {
		const char *w = word_of(c, object);

		if (w && (!best || pk_near(w, word) < pk_near(best, word)))
			best = w;
	}
	return best ? best : "help";
}

static int no_such_word(const struct line *l, const char *object,
			const char *word)
{
	char hint[CANDIDATES];

	snprintf(hint, sizeof(hint),
		 "did you mean \"%s\"? `picketctl help%s%s`"
		 " lists what there is",
		 nearest(object, word), object ? " " : "",
		 object ? object : "");
	return usage(l, hint,
		     object ? "no such command: %s" : "no such object: %s",
		     word);
}

/*
 * The object, or the command of @object, that @word means: exact, or the only
 * one that begins so. NULL, the error told, if there is none.
 */
static const char *find_word(const struct line *l, const char *object,
			     const char *word)
{
	char several[CANDIDATES] = "";
	const char *found = NULL;
	size_t n = 0;

	for (const struct pk_cli_command *c = pk_cli_commands; c->object; c++) {
		const char *w = word_of(c, object);

		if (!w || !begins(w, word) || w == found ||
		    (found && !strcmp(w, found)))
			continue;
		if (!strcmp(w, word))
			return w;
		found = w;
		n += (size_t)snprintf(several + n,
				      n < sizeof(several) ? sizeof(several) - n
							  : 0,
				      "%s%s", n ? ", " : "", w);
	}
	if (!found) {
		no_such_word(l, object, word);
		return NULL;
	}
	if (strcmp(several, found) != 0) {
		usage(l, several, "\"%s\" could be several words", word);
		return NULL;
	}
	return found;
}

static const struct pk_cli_command *entry(const char *object,
					  const char *command)
{
	const struct pk_cli_command *c = pk_cli_commands;

	while (c->object &&
	       (strcmp(c->object, object) != 0 ||
		(command && c->command && strcmp(c->command, command) != 0)))
		c++;
	return c;
}

/* Show help as if it had been asked with `help OBJECT COMMAND`. */
static int help(const struct line *l, const char *object, const char *command)
{
	struct pk_cli_args args = { .command = entry("help", NULL),
				    .words = object ? 1 + !!command : 0,
				    .word = { object, command } };

	return args.command->run(&l->cli, &args);
}

static int take_words(struct line *l, struct pk_cli_args *args)
{
	const struct pk_cli_command *c = args->command;
	const char *word;
	int rc;

	for (;;) {
		rc = next_word(l, args, &word);
		if (rc || !word)
			break;
		if (args->words == c->max)
			return usage(l, "-h shows how the command is used",
				     "too many words: %s", word);
		args->word[args->words++] = word;
	}
	if (rc)
		return rc;
	if (!l->help && args->words < c->min)
		return usage(l, "-h shows how the command is used",
			     "missing: %s", c->words);
	return 0;
}

/* `help OBJ CMD` may be abbreviated as the words themselves. */
static int spell_out(const struct line *l, struct pk_cli_args *args)
{
	if (strcmp(args->command->object, "help") != 0 || !args->words)
		return 0;
	args->word[0] = find_word(l, NULL, args->word[0]);
	if (args->word[0] && args->words > 1) {
		args->word[1] = find_word(l, args->word[0], args->word[1]);
		if (!args->word[1])
			return PK_CLI_USAGE;
	}
	return args->word[0] ? 0 : PK_CLI_USAGE;
}

static int run_command(struct line *l, const struct pk_cli_command *c)
{
	struct pk_cli_args args = { .command = c };
	int rc = take_words(l, &args);

	if (rc)
		return rc;
	if (l->help)
		return help(l, c->object, c->command);
	rc = spell_out(l, &args);
	return rc ? rc : c->run(&l->cli, &args);
}

/* Behind OBJECT: its command, `help`, or nothing. */
static int run_object(struct line *l, const char *object)
{
	const struct pk_cli_command *c = entry(object, NULL);
	const char *word;
	int rc;

	if (!c->command)
		return run_command(l, c);
	rc = next_word(l, NULL, &word);
	if (rc)
		return rc;
	if ((!word && l->help) || (word && !strcmp(word, "help")))
		return help(l, object, NULL);
	if (!word)
		return usage(l, "`picketctl OBJECT help` lists its commands",
			     "%s needs a command", object);
	word = find_word(l, object, word);
	return word ? run_command(l, entry(object, word)) : PK_CLI_USAGE;
}

/* So that even an error in front of -j is told as JSON. */
static bool wants_json(int argc, const char *const *argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "-j") || !strcmp(argv[i], "-p") ||
		    !strcmp(argv[i], "-jp") || !strcmp(argv[i], "--json") ||
		    !strcmp(argv[i], "--pretty"))
			return true;
	return false;
}

int pk_cli_main(int argc, const char *const *argv)
{
	struct line l = { .cli = { .json = wants_json(argc, argv),
				   .socket = PK_CLI_SOCKET },
			  .argv = argv,
			  .argc = argc };
	const char *word;
	int rc = next_word(&l, NULL, &word);

	if (rc)
		return rc;
	if (l.version && !word)
		return run_command(&l, entry("version", NULL));
	if (l.help && !word)
		return help(&l, NULL, NULL);
	if (!word)
		return usage(&l, "`picketctl help` lists the commands", "%s",
			     "what shall I do?");
	word = find_word(&l, NULL, word);
	return word ? run_object(&l, word) : PK_CLI_USAGE;
}

const char *pk_cli_value(const struct pk_cli_args *args, const char *name)
{
	for (int i = 0; args->command->option[i].name; i++)
		if (!strcmp(args->command->option[i].name, name))
			return args->value[i];
	return NULL;
}

int pk_cli_number(const struct pk_cli *cli, const struct pk_cli_args *args,
		  const char *name, uint64_t *out, uint64_t otherwise)
{
	const char *text = pk_cli_value(args, name);
	unsigned long long n;
	char *end;

	*out = otherwise;
	if (!text)
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (!*text || strspn(text, "0123456789") != strlen(text) || errno ||
	    n > INT32_MAX)
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage", NULL,
				   "%s needs a number up to %d, not \"%s\"",
				   name, INT32_MAX, text);
	*out = n;
	return 0;
}
