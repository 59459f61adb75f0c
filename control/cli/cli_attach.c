/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl attach, detach and port: what is watched. */
#include <inttypes.h>
#include <json-c/json.h>

#include "control/cli/cli.h"

static void add_text(struct json_object *o, const char *name, const char *text)
{
	if (text)
		json_object_object_add(o, name, json_object_new_string(text));
}

static void add_flag(struct json_object *o, const char *name,
		     const struct pk_cli_args *args, const char *option)
{
	if (pk_cli_value(args, option))
		json_object_object_add(o, name, json_object_new_boolean(1));
}

/* Ask; with -j the result is shown, else it is the caller's to show. */
static int ask(const struct pk_cli *cli, const char *op,
	       struct json_object *request, struct json_object **r)
{
	int rc = pk_cli_ask(cli, op, request, NULL, r);

	if (!rc && cli->json)
		pk_cli_json(cli, *r);
	return rc;
}

int pk_cli_attach(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *request = json_object_new_object();
	struct json_object *r = NULL;
	struct json_object *notes;
	int rc;

	add_text(request, "interface", args->word[0]);
	add_flag(request, "skb", args, "--skb");
	add_flag(request, "ingress_only", args, "--ingress-only");
	add_flag(request, "yes", args, "--yes");
	rc = ask(cli, "attach", request, &r);
	if (!rc && !cli->json) {
		pk_cli_print(stdout,
			     "%s is watched: port %" PRId64
			     ", XDP mode %s, egress %s\n",
			     pk_cli_text(r, "interface"), pk_cli_int(r, "port"),
			     pk_cli_text(r, "mode"), pk_cli_text(r, "egress"));
		notes = pk_cli_get(r, "notes");
		for (size_t i = 0; notes && i < json_object_array_length(notes);
		     i++)
			pk_cli_print(
				stdout, "note: %s\n",
				json_object_get_string(
					json_object_array_get_idx(notes, i)));
	}
	json_object_put(r);
	return rc;
}

int pk_cli_detach(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *request = json_object_new_object();
	struct json_object *r = NULL;
	int rc;

	add_text(request, "interface", args->word[0]);
	rc = ask(cli, "detach", request, &r);
	if (!rc && !cli->json)
		pk_cli_print(stdout, "%s is no longer watched\n",
			     args->word[0]);
	json_object_put(r);
	return rc;
}

int pk_cli_port_add(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	const char *vdev = pk_cli_value(args, "--vdev");
	const char *pci = pk_cli_value(args, "--pci");
	struct json_object *request;
	struct json_object *r = NULL;
	uint64_t workers;
	int rc = pk_cli_number(cli, args, "--workers", &workers, 1);

	if (rc)
		return rc;
	if (!vdev == !pci)
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage",
				   "for instance --vdev "
				   "net_af_packet0,iface=eth1",
				   "give one of --vdev and --pci");
	request = json_object_new_object();
	add_text(request, "name", args->word[0]);
	add_text(request, "vdev", vdev);
	add_text(request, "pci", pci);
	add_flag(request, "no_huge", args, "--no-huge");
	json_object_object_add(request, "workers",
			       json_object_new_uint64(workers));
	rc = ask(cli, "port add", request, &r);
	if (!rc && !cli->json)
		pk_cli_print(stdout,
			     "port %s captures from %s: number %" PRId64
			     ", workers %" PRId64 ", pid %" PRId64 "\n",
			     pk_cli_text(r, "name"), pk_cli_text(r, "device"),
			     pk_cli_int(r, "port"), pk_cli_int(r, "workers"),
			     pk_cli_int(r, "pid"));
	json_object_put(r);
	return rc;
}

int pk_cli_port_del(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *request = json_object_new_object();
	struct json_object *r = NULL;
	int rc;

	add_text(request, "name", args->word[0]);
	rc = ask(cli, "port del", request, &r);
	if (!rc && !cli->json)
		pk_cli_print(stdout, "port %s is stopped\n", args->word[0]);
	json_object_put(r);
	return rc;
}
