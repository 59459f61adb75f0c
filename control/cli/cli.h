/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli: what the commands of picketctl share.
 *
 * One table of commands (control/cli/cli_table.c) drives dispatch, help,
 * abbreviations, completion and the man page. A command gets its words and
 * options checked for number and name, asks the daemon, shows the result and
 * returns the exit status of DESIGN 5.5.
 *
 * With -j exactly one JSON document goes to stdout (`threat follow` and `threat
 * export`: one a line), an error as {"error":{"code","message","hint"}}; without it, results
 * go to stdout as text and errors to stderr. Whatever the text, only printable
 * ASCII and LF leave picketctl: all other bytes come out as \xNN in text and
 * as \uNNNN in JSON.
 *
 * One thread.
 */
#ifndef PK_CONTROL_CLI_H
#define PK_CONTROL_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "control/ctl/ctl.h"

#define PK_CLI_SOCKET "/run/picket/" PK_CTL_SOCKET

enum pk_cli_status {
	PK_CLI_OK = 0,
	PK_CLI_FAILED = 1,
	PK_CLI_USAGE = 2,
	PK_CLI_UNREACHABLE = 3,
	PK_CLI_NOT_FOUND = 4,
	PK_CLI_PARTIAL = 5,
	PK_CLI_NOT_QUIESCENT = 7,
	PK_CLI_PRIVILEGE = 8,
	PK_CLI_INTERRUPTED = 130,
};

enum {
	PK_CLI_WORDS = 3,
	PK_CLI_OPTIONS = 28, /* of one command, with an end */
	PK_CLI_TIMEOUT_MS = 60000,
	PK_CLI_LOAD_MS = 1800000, /* a file of ten millions takes a while */
};

struct json_object;

/* How picketctl was called. */
struct pk_cli {
	bool json;
	bool pretty;
	const char *socket;
};

struct pk_cli_option {
	const char *name;  /* --feed */
	const char *value; /* what stands behind it in help; NULL: a flag */
	const char *text;
};

struct pk_cli_command;

struct pk_cli_args {
	const struct pk_cli_command *command;
	int words;
	const char *word[PK_CLI_WORDS];
	const char *value[PK_CLI_OPTIONS]; /* by option; "" for a flag */
};

struct pk_cli_command {
	const char *object;
	const char *command; /* NULL: the object says it all */
	const char *words;   /* for help: "IFACE" */
	int min, max;	     /* how many words */
	const char *text;    /* one line for help */
	int (*run)(const struct pk_cli *cli, const struct pk_cli_args *args);
	struct pk_cli_option option[PK_CLI_OPTIONS];
};

/* The table; ends with a NULL object. */
extern const struct pk_cli_command pk_cli_commands[];

/* Run what @argv (without the program's name) says; the exit status. */
int pk_cli_main(int argc, const char *const *argv);

/* The value of option @name: NULL if it was not given, "" for a flag. */
const char *pk_cli_value(const struct pk_cli_args *args, const char *name);

/*
 * The number behind option @name, @otherwise if it was not given. 0, or an
 * exit status, the error having been told.
 */
int pk_cli_number(const struct pk_cli *cli, const struct pk_cli_args *args,
		  const char *name, uint64_t *out, uint64_t otherwise);

/* 90, 90s, 15m, 12h, 7d, 4w. Seconds, or -1. */
int64_t pk_cli_duration(const char *text);

/* ---- telling (control/cli/cli_out.c) ---- */

/* Tell an error; @hint may be NULL. Returns @status. */
int pk_cli_fail(const struct pk_cli *cli, int status, const char *code,
		const char *hint, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* The document of -j. */
void pk_cli_json(const struct pk_cli *cli, struct json_object *root);

/* pk_cli_fail() with more in the document of -j: @details, borrowed. */
int pk_cli_fail_details(const struct pk_cli *cli, int status, const char *code,
			const char *hint, struct json_object *details,
			const char *message);
/* JSON text as one line, or as lines with -p. */
void pk_cli_json_text(const char *text, size_t len);

/*
 * printf to stdout or stderr. All that is not printable ASCII comes out as
 * \xNN, but for an LF at the end of @format.
 */
void pk_cli_print(FILE *to, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A table with aligned columns; a head that begins with '>' aligns right. */
struct pk_cli_table;
int pk_cli_table_new(struct pk_cli_table **out, const char *const *heads,
		     size_t columns);
void pk_cli_table_row(struct pk_cli_table *t, const char *const *cells);
void pk_cli_table_print(struct pk_cli_table *t, bool headings); /* and free */

/* Items of an array; 0 for NULL. */
size_t pk_cli_length(struct json_object *array);

/* A table of the objects in @items: a column for each of @names (at most 12),
 * a "value" as pk_cli_show_value() shows it. */
void pk_cli_table_of(struct json_object *items, const char *const *heads,
		     const char *const *names, size_t columns);

/* ---- asking (control/cli/cli_ask.c) ---- */

struct pk_cli_file {
	int fd;
	uint64_t bytes;
	bool progress; /* tell how far it is */
};

/*
 * Call @op with @args (taken, may be NULL) and the bytes of @file (NULL:
 * none). *@result is the caller's. 0, or an exit status, the error having
 * been told; then *@result may be the details that came with it.
 */
int pk_cli_ask(const struct pk_cli *cli, const char *op,
	       struct json_object *args, const struct pk_cli_file *file,
	       struct json_object **result);
/* The same; on a terminal it tells how far the daemon is with its load. */
int pk_cli_ask_long(const struct pk_cli *cli, const char *op,
		    struct json_object *args, const struct pk_cli_file *file,
		    struct json_object **result);

/*
 * The arguments of a request from a command's words and options: @word (may be
 * NULL) is the name of the first word's argument, an option --two-words is the
 * argument two_words: a flag is true, "N" a number, "DURATION" seconds,
 * "MAPPING" a name or a file's text, all else text. 0 and *@out is the
 * caller's, or an exit status, the error having been told.
 */
int pk_cli_request(const struct pk_cli *cli, const struct pk_cli_args *args,
		   const char *word, struct json_object **out);

/* The same, and ask @op. */
int pk_cli_call(const struct pk_cli *cli, const struct pk_cli_args *args,
		const char *word, const char *op, struct json_object **result);

/* A value as text: what it covers is marked on names ("=x" exact, "+.x" one
 * label). @size bytes at @out. */
void pk_cli_show_value(struct json_object *o, char *out, size_t size);

/* The IPv4 address that was looked for in an IPv6 address's place, if one was. */
void pk_cli_show_carried(struct json_object *o);

/* The answer of "ioc explain" for people: control/cli/cli_know.c. */
void pk_cli_show_explained(struct json_object *r);

/* A rule that suppresses threats, in a line: control/cli/cli_suppress.c. */
void pk_cli_show_rule(struct json_object *rule);

/* All that was told of threat @id, as {"threats": [...]}: control/cli/
 * cli_journal.c. 0 and the caller's, or an exit status, the error told. */
int pk_cli_threat_messages(const struct pk_cli *cli,
			   const struct pk_cli_args *args,
			   struct json_object **out);

/* A threat in a line for people: control/cli/cli_threat.c. */
void pk_cli_show_threat(struct json_object *threat);

/* A file that is to be sent, taken from FILE[,FORMAT]; - is standard input. */
struct pk_cli_source {
	char *path;
	char format[32];  /* "": not said */
	const char *name; /* for the daemon's messages */
	struct pk_cli_file file;
};

/* 0, or an exit status, the error having been told. */
int pk_cli_open_source(const struct pk_cli *cli, struct pk_cli_source *s,
		       const char *word);
void pk_cli_close_source(struct pk_cli_source *s);

/* Parts of an answer; "" or 0 when they are not there. */
const char *pk_cli_text(struct json_object *o, const char *name);
/* What is said behind the counts of a dry run; "" for a real one. */
const char *pk_cli_dry_run(struct json_object *o);
int64_t pk_cli_int(struct json_object *o, const char *name);
struct json_object *pk_cli_get(struct json_object *o, const char *name);

/* ---- the commands ---- */

int pk_cli_status(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_audit(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_attach(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_detach(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_port_add(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_port_del(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_ioc_add(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_ioc_del(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_ioc_load(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_ioc_replace(const struct pk_cli *cli,
		       const struct pk_cli_args *args);
int pk_cli_ioc_diff(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_ioc_apply(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_ioc_rollback(const struct pk_cli *cli,
			const struct pk_cli_args *args);
int pk_cli_ioc_history(const struct pk_cli *cli,
		       const struct pk_cli_args *args);
int pk_cli_ioc_list(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_ioc_export(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_ioc_test(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_ioc_explain(const struct pk_cli *cli,
		       const struct pk_cli_args *args);
int pk_cli_ioc_hits(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_ioc_confirm_clock(const struct pk_cli *cli,
			     const struct pk_cli_args *args);
int pk_cli_ioc_status(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_feed_list(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_feed_show(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_feed_del(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_safelist_list(const struct pk_cli *cli,
			 const struct pk_cli_args *args);
int pk_cli_safelist_load(const struct pk_cli *cli,
			 const struct pk_cli_args *args);
int pk_cli_safelist_add(const struct pk_cli *cli,
			const struct pk_cli_args *args);
int pk_cli_safelist_del(const struct pk_cli *cli,
			const struct pk_cli_args *args);
int pk_cli_safelist_test(const struct pk_cli *cli,
			 const struct pk_cli_args *args);
int pk_cli_threat_list(const struct pk_cli *cli,
		       const struct pk_cli_args *args);
int pk_cli_threat_show(const struct pk_cli *cli,
		       const struct pk_cli_args *args);
int pk_cli_threat_export(const struct pk_cli *cli,
			 const struct pk_cli_args *args);
int pk_cli_threat_follow(const struct pk_cli *cli,
			 const struct pk_cli_args *args);
int pk_cli_threat_explain(const struct pk_cli *cli,
			  const struct pk_cli_args *args);
int pk_cli_threat_suppress(const struct pk_cli *cli,
			   const struct pk_cli_args *args);
int pk_cli_bus_test(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_key_gen(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_key_reload(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_completion_bash(const struct pk_cli *cli,
			   const struct pk_cli_args *args);
int pk_cli_help(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_version(const struct pk_cli *cli, const struct pk_cli_args *args);
int pk_cli_schema(const struct pk_cli *cli, const struct pk_cli_args *args);

#endif /* PK_CONTROL_CLI_H */
