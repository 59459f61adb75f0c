/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl key gen, key reload, and bus send-test. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/bus/keys.h"
#include "control/cli/cli.h"

enum { PATH = 4096, LINE = 160 };

/* --- key gen ---------------------------------------------------------------- */

struct pair {
	char secret_path[PATH];
	char open_path[PATH];
	char secret[PK_CURVE_TEXT];
	char open[PK_CURVE_TEXT];
};

static int is_name(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"abcdefghijklmnopqrstuvwxyz0123456789._-");

	return n && n < 64 && !name[n] && name[0] != '.' && name[0] != '-';
}

/* A file that is there is somebody's key. 0 or -errno. */
static int write_new(const char *path, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t n = strlen(text);
	int err;

	if (fd < 0)
		return -errno;
	err = fchmod(fd, mode) || write(fd, text, n) != (ssize_t)n || fsync(fd)
		      ? -errno
		      : 0;
	if (close(fd) && !err)
		err = -errno;
	if (err)
		unlink(path);
	return err;
}

static int refuse(const struct pk_cli *cli, const char *path, int err)
{
	if (err == -EEXIST)
		return pk_cli_fail(cli, PK_CLI_FAILED, "conflict",
				   "take another --name or --out, or remove it "
				   "if nobody needs that key any more",
				   "%s is there already", path);
	return pk_cli_fail(cli, PK_CLI_FAILED, "failed", NULL,
			   "%s cannot be written: %s", path, strerror(-err));
}

/* The public one first: a secret without it can still tell it. */
static int write_pair(const struct pk_cli *cli, const struct pair *p,
		      const char *name)
{
	char line[LINE];
	int err;

	snprintf(line, sizeof(line), "# public key of %s\n%s\n", name, p->open);
	if (!access(p->secret_path, F_OK))
		return refuse(cli, p->secret_path, -EEXIST);
	err = write_new(p->open_path, 0644, line);
	if (err)
		return refuse(cli, p->open_path, err);
	snprintf(line, sizeof(line), "# secret key of %s\n%s\n", name,
		 p->secret);
	err = write_new(p->secret_path, 0600, line);
	explicit_bzero(line, sizeof(line));
	if (!err)
		return 0;
	unlink(p->open_path);
	return refuse(cli, p->secret_path, err);
}

static void show_pair(const struct pk_cli *cli, const struct pair *p)
{
	struct json_object *o;

	if (!cli->json) {
		pk_cli_print(stdout, "%s\n%s: public\n%s: secret\n", p->open,
			     p->open_path, p->secret_path);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "public_key",
			       json_object_new_string(p->open));
	json_object_object_add(o, "public",
			       json_object_new_string(p->open_path));
	json_object_object_add(o, "secret",
			       json_object_new_string(p->secret_path));
	pk_cli_json(cli, o);
	json_object_put(o);
}

int pk_cli_key_gen(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	const char *dir = pk_cli_value(args, "--out");
	const char *name = pk_cli_value(args, "--name");
	struct pair p;
	int rc;

	dir = dir ? dir : ".";
	name = name ? name : "picket";
	if (!is_name(name))
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage", NULL,
				   "--name takes 1 to 63 letters, digits, '.', "
				   "'_' and '-'");
	snprintf(p.open_path, PATH, "%s/%s.public", dir, name);
	if (snprintf(p.secret_path, PATH, "%s/%s.secret", dir, name) >= PATH)
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage", NULL,
				   "--out is too long");
	if (pk_keys_generate(p.open, p.secret))
		return pk_cli_fail(cli, PK_CLI_FAILED, "failed", NULL,
				   "ZeroMQ was built without CURVE");
	rc = write_pair(cli, &p, name);
	if (!rc)
		show_pair(cli, &p);
	explicit_bzero(&p, sizeof(p));
	return rc;
}

/* --- key reload ------------------------------------------------------------- */

int pk_cli_key_reload(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, NULL, "key reload", &r);

	if (!rc && cli->json)
		pk_cli_json(cli, r);
	else if (!rc)
		pk_cli_print(stdout, "%" PRId64 " clients\n",
			     pk_cli_int(r, "clients"));
	json_object_put(r);
	return rc;
}

/* --- bus send-test ---------------------------------------------------------- */

int pk_cli_bus_test(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = pk_cli_call(cli, args, NULL, "bus send-test", &r);

	if (!rc && cli->json)
		pk_cli_json(cli, r);
	else if (!rc)
		pk_cli_print(stdout,
			     "%" PRId64 " test messages, topics v1/test/\n",
			     pk_cli_int(r, "sent"));
	json_object_put(r);
	return rc;
}
