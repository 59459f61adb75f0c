/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl threat follow: the bus, read by a person or a pipe. */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/bus.h"
#include "control/cli/cli.h"

enum { SLICE_MS = 200 }; /* how late an interrupt or the end may be seen */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static const char *const class_words[] = {
#define WORD(name, word) #word,
	PK_BUS_CLASSES(WORD)
#undef WORD
};

struct follow {
	struct pk_bus_sub *sub;
	uint64_t left;	 /* threats still wanted; 0: no end */
	uint64_t end_ms; /* 0: no end */
	uint64_t epoch;	 /* of the daemon; 0: none heard yet */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* "[2001:db8::1]:53" or "192.0.2.1" ... of a flow's side. */
static void show_flow(struct json_object *flow)
{
	if (!flow)
		return;
	pk_cli_print(stdout, "  %s %s:%s > %s:%s", pk_cli_text(flow, "proto"),
		     pk_cli_text(flow, "src_ip"), pk_cli_text(flow, "src_port"),
		     pk_cli_text(flow, "dst_ip"),
		     pk_cli_text(flow, "dst_port"));
}

/* What is listed, and where it was met. */
static void show_indicator(struct json_object *ind)
{
	const char *depth = pk_cli_text(ind, "depth");
	const char *embedded = pk_cli_text(ind, "embedded");

	pk_cli_print(stdout, " %s as %s", pk_cli_text(ind, "value"),
		     pk_cli_text(ind, "role"));
	if (*depth)
		pk_cli_print(stdout, " at depth %s", depth);
	if (*embedded)
		pk_cli_print(stdout, ", %s", embedded);
}

/* One line: when, state, severity, what, who, whom, how often, the first. */
void pk_cli_show_threat(struct json_object *t)
{
	struct json_object *ind = pk_cli_get(t, "indicator");
	const char *state = pk_cli_text(t, "state");
	const char *target = pk_cli_text(t, "target");

	pk_cli_print(stdout, "%s  %-6s %-6s  %s",
		     pk_cli_text(t, !strcmp(state, "open") ? "first" : "last"),
		     state, pk_cli_text(t, "severity"), pk_cli_text(t, "type"));
	if (ind)
		show_indicator(ind);
	pk_cli_print(stdout, "  %s", pk_cli_text(t, "offender"));
	if (*target)
		pk_cli_print(stdout, " -> %s", target);
	pk_cli_print(stdout, "  count %" PRId64, pk_cli_int(t, "count"));
	show_flow(pk_cli_get(t, "flow"));
	pk_cli_print(stdout, "\n");
}

/* As it came, it is a line of NDJSON. */
static bool one_line(const struct pk_bus_message *m)
{
	for (size_t i = 0; i < m->len; i++)
		if ((unsigned char)m->json[i] < 0x20)
			return false;
	return m->len && m->json[0] == '{';
}

static void show_threat(const struct pk_cli *cli,
			const struct pk_bus_message *m)
{
	struct json_object *t;

	if (cli->json && !cli->pretty && one_line(m)) {
		pk_cli_json_text(m->json, m->len);
		return;
	}
	t = json_tokener_parse(m->json);
	if (!json_object_is_type(t, json_type_object))
		pk_cli_print(stderr, "picketctl: a threat that is no JSON "
				     "object was left out\n");
	else if (cli->json)
		pk_cli_json(cli, t);
	else
		pk_cli_show_threat(t);
	json_object_put(t);
}

/* What the reader must know: restarts and losses. To stderr, also with -j. */
static void notice(struct follow *f, const struct pk_bus_message *m)
{
	if (f->epoch && m->header.epoch != f->epoch)
		pk_cli_print(stderr,
			     "picketctl: picketd was restarted; threats of the "
			     "meantime are not shown\n");
	f->epoch = m->header.epoch;
	if (m->missed && m->missed_class < PK_BUS_CLASS_COUNT)
		pk_cli_print(stderr,
			     "picketctl: %" PRIu64
			     " messages of class %s were lost\n",
			     m->missed, class_words[m->missed_class]);
}

/* The exit status, or -1 to go on. */
static int step(const struct pk_cli *cli, struct follow *f)
{
	struct pk_bus_message m;
	uint64_t now = now_ms();
	int wait = SLICE_MS;
	int rc;

	if (interrupted)
		return PK_CLI_INTERRUPTED;
	if (f->end_ms && now >= f->end_ms)
		return f->left ? PK_CLI_PARTIAL : PK_CLI_OK;
	if (f->end_ms && f->end_ms - now < SLICE_MS)
		wait = (int)(f->end_ms - now);
	rc = pk_bus_recv(f->sub, wait, &m);
	if (rc < 0 && rc != -EINTR)
		return pk_cli_fail(cli, PK_CLI_UNREACHABLE, "unreachable", NULL,
				   "the bus broke off: %s", strerror(-rc));
	if (rc <= 0)
		return -1;
	notice(f, &m);
	if (m.header.class != PK_BUS_THREAT)
		return -1;
	show_threat(cli, &m);
	if (ferror(stdout))
		return PK_CLI_FAILED;
	return f->left && !--f->left ? PK_CLI_OK : -1;
}

/* The bus's first endpoint, as the daemon tells it. */
static int find_endpoint(const struct pk_cli *cli, char **out)
{
	struct json_object *r = NULL;
	struct json_object *ends;
	int rc = pk_cli_ask(cli, "status", NULL, NULL, &r);

	if (rc)
		return rc;
	ends = pk_cli_get(pk_cli_get(r, "bus"), "endpoints");
	if (json_object_is_type(ends, json_type_array) &&
	    json_object_array_length(ends))
		*out = strdup(json_object_get_string(
			json_object_array_get_idx(ends, 0)));
	json_object_put(r);
	if (*out)
		return 0;
	return pk_cli_fail(cli, PK_CLI_FAILED, "failed", NULL,
			   "the daemon has no bus to follow");
}

static int subscribe(const struct pk_cli *cli, struct follow *f)
{
	static const char *const topics[] = { "v1/threat/" };
	char *endpoint = NULL;
	int rc = find_endpoint(cli, &endpoint);
	int err;

	if (rc)
		return rc;
	err = pk_bus_subscribe(&f->sub, endpoint, topics, 1);
	if (err)
		rc = pk_cli_fail(cli, PK_CLI_UNREACHABLE, "unreachable", NULL,
				 "cannot follow the bus at %s: %s", endpoint,
				 strerror(-err));
	free(endpoint);
	return rc;
}

int pk_cli_threat_follow(const struct pk_cli *cli,
			 const struct pk_cli_args *args)
{
	const struct sigaction act = { .sa_handler = on_interrupt };
	const char *since = pk_cli_value(args, "--since");
	struct follow f = { 0 };
	uint64_t seconds;
	int rc = pk_cli_number(cli, args, "--count", &f.left, 0);

	if (!rc)
		rc = pk_cli_number(cli, args, "--timeout", &seconds, 0);
	if (rc)
		return rc;
	if (since && strcmp(since, "now") != 0)
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage", NULL,
				   "--since takes now only, not \"%s\"", since);
	sigaction(SIGINT, &act, NULL);
	if (seconds)
		f.end_ms = now_ms() + seconds * 1000;
	rc = subscribe(cli, &f);
	if (rc)
		return rc;
	do
		rc = step(cli, &f);
	while (rc < 0);
	pk_bus_sub_free(f.sub);
	return rc;
}
