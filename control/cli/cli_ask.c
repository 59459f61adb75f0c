/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/cli/cli.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "control/cli/client.h"

enum { TENTHS = 10 };

struct progress {
	unsigned tenths; /* told so far */
};

/* Whole lines: a carriage return never goes to the terminal. */
static void tell_progress(void *arg, uint64_t sent, uint64_t bytes)
{
	struct progress *p = arg;
	unsigned tenths = (unsigned)(sent * TENTHS / bytes);

	if (tenths == p->tenths)
		return;
	p->tenths = tenths;
	pk_cli_print(stderr, "picketctl: %3u %% of %llu KiB sent\n",
		     tenths * 100 / TENTHS, (unsigned long long)bytes >> 10);
}

static int open_client(const struct pk_cli *cli, struct pk_client **out)
{
	int err = pk_client_open(out, cli->socket);

	if (!err)
		return 0;
	if (err == -EACCES || err == -EPERM)
		return pk_cli_fail(
			cli, PK_CLI_PRIVILEGE, "privilege",
			"run it as root, or join the group that owns "
			"the socket",
			"may not connect to %s", cli->socket);
	return pk_cli_fail(cli, PK_CLI_UNREACHABLE, "unreachable",
			   "start picketd, or name its socket with --socket",
			   "nobody answers at %s: %s", cli->socket,
			   strerror(-err));
}

static int call_failed(const struct pk_cli *cli, const char *op, int err)
{
	if (err == -ESTALE)
		return pk_cli_fail(cli, PK_CLI_FAILED, "failed",
				   "nothing was changed; try again when nobody "
				   "writes the file",
				   "%s: the file changed while it was read",
				   op);
	if (err == -ETIMEDOUT || err == -ECONNRESET || err == -EPROTO)
		return pk_cli_fail(cli, PK_CLI_UNREACHABLE, "unreachable",
				   "look at the daemon's log; whether the "
				   "operation was done is not known",
				   "%s: %s %s", op, cli->socket,
				   err == -ETIMEDOUT ? "did not answer in time"
				   : err == -EPROTO  ? "gave no proper answer"
						    : "left without an answer");
	return pk_cli_fail(cli, PK_CLI_FAILED, "failed", NULL, "%s: %s", op,
			   strerror(-err));
}

/* The daemon's own error; its exit status follows from its code. */
static int told_error(const struct pk_cli *cli, struct json_object *error)
{
	const char *word = pk_cli_text(error, "code");
	const char *hint = pk_cli_text(error, "hint");
	enum pk_ctl_code code = pk_ctl_code_find(word);

	return pk_cli_fail_details(
		cli,
		code < PK_CTL_CODE_COUNT ? pk_ctl_code_status(code)
					 : PK_CLI_FAILED,
		*word ? word : "failed", *hint ? hint : NULL,
		pk_cli_get(error, "details"), pk_cli_text(error, "message"));
}

int pk_cli_ask(const struct pk_cli *cli, const char *op,
	       struct json_object *args, const struct pk_cli_file *file,
	       struct json_object **result)
{
	struct progress progress = { 0 };
	struct pk_client_call call = { .op = op,
				       .args = args,
				       .timeout_ms = file ? PK_CLI_LOAD_MS
							  : PK_CLI_TIMEOUT_MS,
				       .bytes = file ? file->bytes : 0,
				       .fd = file ? file->fd : -1,
				       .arg = &progress };
	struct json_object *answer = NULL;
	struct pk_client *client = NULL;
	int rc = open_client(cli, &client);

	if (file && file->progress)
		call.progress = tell_progress;
	if (!rc) {
		int err = pk_client_call(client, &call, &answer);

		if (err)
			rc = call_failed(cli, op, err);
		else if (pk_cli_get(answer, "error")) {
			rc = told_error(cli, pk_cli_get(answer, "error"));
			*result = json_object_get(pk_cli_get(
				pk_cli_get(answer, "error"), "details"));
		} else
			*result = json_object_get(pk_cli_get(answer, "result"));
	}
	json_object_put(answer);
	json_object_put(args);
	pk_client_close(client);
	return rc;
}

struct json_object *pk_cli_get(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	if (json_object_is_type(o, json_type_object))
		json_object_object_get_ex(o, name, &v);
	return v;
}

const char *pk_cli_text(struct json_object *o, const char *name)
{
	struct json_object *v = pk_cli_get(o, name);
	const char *text = v ? json_object_get_string(v) : NULL;

	return text ? text : "";
}

const char *pk_cli_dry_run(struct json_object *o)
{
	return json_object_get_boolean(pk_cli_get(o, "dry_run"))
		       ? " (dry run: nothing was changed)"
		       : "";
}

int64_t pk_cli_int(struct json_object *o, const char *name)
{
	return json_object_get_int64(pk_cli_get(o, name));
}
