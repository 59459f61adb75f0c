/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sentences tell the reader which command to run: each "`picketctl ...`" in
 * the sources is one that picketctl takes. What it takes does not end with
 * status 2, but with 3: there is no daemon behind the socket.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/cli/cli.h"

enum { SOURCE = 1 << 18, WORDS = 16 };

/* The status of picketctl with the words of @command, unseen. */
static int run(char *command)
{
	const char *argv[WORDS + 2] = { "--socket", "/nonexistent/picket" };
	int argc = 2, out = dup(1), err = dup(2), status;
	int null = open("/dev/null", O_WRONLY);

	for (char *w = strtok(command, " "); w && argc < WORDS;
	     w = strtok(NULL, " ")) {
		char *blank = strchr(w, '%');

		if (blank && blank > w)
			*blank = '\0'; /* more words, or none */
		if (blank == w)
			w = "x";
		argv[argc++] = strcmp(w, "OBJECT") ? w : "ioc";
	}
	fflush(stdout);
	dup2(null, 1);
	dup2(null, 2);
	status = pk_cli_main(argc, argv);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	close(null);
	return status;
}

/* Adjacent string literals become one, and comments' stars go. */
static void join(char *text)
{
	char *to = text;

	for (const char *p = text; *p;) {
		const char *q = p;

		if (*p == '"' && (p == text || p[-1] != '\\')) {
			q += 1 + strspn(p + 1, " \t\n");
			if (q > p + 1 && *q == '"') {
				p = q + 1;
				continue;
			}
		}
		*to++ = *p++;
	}
	*to = '\0';
}

/* Commands in the file; those that picketctl does not take fail. */
static int check_file(const char *name, char *text)
{
	static const char mark[] = "`picketctl ";
	int n = 0;

	join(text);
	for (char *p = strstr(text, mark); p; p = strstr(p, mark)) {
		char command[256];
		size_t len;

		p += sizeof(mark) - 1;
		len = strcspn(p, "`\n");
		assert_true(p[len] == '`' && len < sizeof(command));
		snprintf(command, sizeof(command), "%.*s", (int)len, p);
		if (run(command) == PK_CLI_USAGE)
			fail_msg("%s names \"picketctl %.*s\"", name, (int)len,
				 p);
		n++;
	}
	return n;
}

static int check_folder(const char *folder)
{
	DIR *d = opendir(folder);
	const struct dirent *e;
	int n = 0;

	if (!d)
		fail_msg("%s is not here: run this from the repository",
			 folder);
	while ((e = readdir(d))) {
		char path[512], *text = calloc(1, SOURCE);
		FILE *f = NULL;

		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (strstr(e->d_name, ".c") || strstr(e->d_name, ".scd"))
			f = fopen(path, "r");
		assert_non_null(text);
		if (f) {
			assert_true(fread(text, 1, SOURCE - 1, f) < SOURCE - 1);
			n += check_file(path, text);
			fclose(f);
		}
		free(text);
	}
	closedir(d);
	return n;
}

static void commands_in_hints_exist(void **state)
{
	static const char *const folders[] = {
		"control",	  "control/cli",    "control/ctl",
		"control/daemon", "control/replay", "control/launcher",
	};
	int n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		n += check_folder(folders[i]);
	assert_true(n >= 3);
	check_folder("dataplane/xdp");
	check_folder("dataplane/dpdk");
	check_folder("tools/man");
}

static void a_command_that_does_not_exist_is_noticed(void **state)
{
	char text[] = "\"first: `picketctl \"\n\t\"detach %s` x\"";
	char list[] = "port list", status[] = "status", extra[] = "status x";

	(void)state;
	assert_int_equal(run(list), PK_CLI_USAGE);
	assert_int_equal(run(extra), PK_CLI_USAGE);
	assert_int_equal(run(status), PK_CLI_UNREACHABLE);
	assert_int_equal(check_file("text", text), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_in_hints_exist),
		cmocka_unit_test(a_command_that_does_not_exist_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
