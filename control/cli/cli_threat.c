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
#include "control/bus/keys.h"
#include "control/cli/cli_follow.h"

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

struct live {
	struct pk_follow f;
	struct pk_bus_sub *sub;
	uint64_t epoch; /* of the daemon; 0: none heard yet */
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
static bool one_line(const char *json, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)json[i] < 0x20)
			return false;
	return len && json[0] == '{';
}

static void show_threat(const struct pk_cli *cli, const char *json, size_t len)
{
	struct json_object *t;

	if (cli->json && !cli->pretty && one_line(json, len)) {
		pk_cli_json_text(json, len);
		return;
	}
	t = json_tokener_parse(json);
	if (!json_object_is_type(t, json_type_object))
		pk_cli_print(stderr, "picketctl: a threat that is no JSON "
				     "object was left out\n");
	else if (cli->json)
		pk_cli_json(cli, t);
	else
		pk_cli_show_threat(t);
	json_object_put(t);
}

/* v1/threat/<type>/ */
static bool is_of_type(const char *topic, const char *type)
{
	static const char prefix[] = "v1/threat/";
	size_t n = strlen(type);

	return !strncmp(topic, prefix, sizeof(prefix) - 1) &&
	       !strncmp(topic + sizeof(prefix) - 1, type, n) &&
	       !strcmp(topic + sizeof(prefix) - 1 + n, "/");
}

int pk_follow_threat(struct pk_follow *f, const char *topic, const char *json,
		     size_t len)
{
	if (f->type && !is_of_type(topic, f->type))
		return -1;
	show_threat(f->cli, json, len);
	if (ferror(stdout))
		return PK_CLI_FAILED;
	return f->left && !--f->left ? PK_CLI_OK : -1;
}

int pk_follow_wait(const struct pk_follow *f, int *rc)
{
	uint64_t now = now_ms();

	*rc = interrupted ? PK_CLI_INTERRUPTED
	      : f->left	  ? PK_CLI_PARTIAL
			  : PK_CLI_OK;
	if (interrupted || (f->end_ms && now >= f->end_ms))
		return -1;
	if (f->end_ms && f->end_ms - now < PK_FOLLOW_SLICE_MS)
		return (int)(f->end_ms - now);
	return PK_FOLLOW_SLICE_MS;
}

/* What the reader must know: restarts and losses. To stderr, also with -j. */
static void notice(struct live *f, const struct pk_bus_message *m)
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
static int step(struct live *l)
{
	struct pk_bus_message m;
	int status, rc, wait = pk_follow_wait(&l->f, &status);

	if (wait < 0)
		return status;
	rc = pk_bus_recv(l->sub, wait, &m);
	if (rc < 0 && rc != -EINTR)
		return pk_cli_fail(l->f.cli, PK_CLI_UNREACHABLE, "unreachable",
				   NULL, "the bus broke off: %s",
				   strerror(-rc));
	if (rc <= 0)
		return -1;
	notice(l, &m);
	return m.header.class == PK_BUS_THREAT
		       ? pk_follow_threat(&l->f, m.topic, m.json, m.len)
		       : -1;
}

/* Of the bus's endpoints a file's, else the first; NULL: there is none. */
static const char *best_of(struct json_object *ends)
{
	const char *best = NULL;

	for (size_t i = 0; i < pk_cli_length(ends); i++) {
		const char *one = json_object_get_string(
			json_object_array_get_idx(ends, i));

		if (!best ||
		    (!strncmp(one, "ipc:", 4) && strncmp(best, "ipc:", 4) != 0))
			best = one;
	}
	return best;
}

int pk_follow_endpoint(const struct pk_follow *f, char **out)
{
	struct json_object *r = NULL;
	const char *best = f->endpoint;
	int rc = 0;

	if (!best) {
		rc = pk_cli_ask(f->cli, "status", NULL, NULL, &r);
		if (rc)
			return rc;
		best = best_of(pk_cli_get(pk_cli_get(r, "bus"), "endpoints"));
	}
	if (best)
		*out = strdup(best);
	json_object_put(r);
	if (*out)
		return 0;
	return pk_cli_fail(f->cli, PK_CLI_FAILED, "failed", NULL,
			   "the daemon has no bus to follow");
}

static int follow_live(struct live *l)
{
	static const char *const topics[] = { "v1/threat/" };
	char *endpoint = NULL;
	int rc = pk_follow_endpoint(&l->f, &endpoint);
	int err;

	if (rc)
		return rc;
	err = pk_bus_subscribe_keys(&l->sub, endpoint, topics, 1, l->f.keys);
	if (err)
		rc = pk_cli_fail(l->f.cli, PK_CLI_UNREACHABLE, "unreachable",
				 NULL, "cannot follow the bus at %s: %s",
				 endpoint, strerror(-err));
	free(endpoint);
	if (rc)
		return rc;
	do
		rc = step(l);
	while (rc < 0);
	pk_bus_sub_free(l->sub);
	return rc;
}

/* Where to listen, and with which keys. 0, or a status: the error was told. */
static int take_keys(struct pk_follow *f, const struct pk_cli_args *args,
		     struct pk_keys *keys)
{
	const char *server = pk_cli_value(args, "--server-key");
	const char *secret = pk_cli_value(args, "--secret");
	char err[PK_CURVE_SENTENCE];

	f->endpoint = pk_cli_value(args, "--endpoint");
	if (!server != !secret)
		return pk_cli_fail(f->cli, PK_CLI_USAGE, "usage", NULL,
				   "--server-key and --secret go together");
	if (!server)
		return 0;
	if (pk_keys_load(keys, server, secret, err))
		return pk_cli_fail(f->cli, PK_CLI_FAILED, "failed", NULL, "%s",
				   err);
	f->keys = keys;
	return 0;
}

int pk_cli_threat_follow(const struct pk_cli *cli,
			 const struct pk_cli_args *args)
{
	const struct sigaction act = { .sa_handler = on_interrupt };
	const char *since = pk_cli_value(args, "--since");
	struct live l = { .f = { .cli = cli,
				 .type = pk_cli_value(args, "--type") } };
	struct pk_keys keys;
	uint64_t seconds;
	int rc = pk_cli_number(cli, args, "--count", &l.f.left, 0);

	if (!rc)
		rc = pk_cli_number(cli, args, "--timeout", &seconds, 0);
	if (!rc)
		rc = take_keys(&l.f, args, &keys);
	if (rc)
		return rc;
	sigaction(SIGINT, &act, NULL);
	if (seconds)
		l.f.end_ms = now_ms() + seconds * 1000;
	if (since && strcmp(since, "now") != 0)
		return pk_follow_since(&l.f, since);
	return follow_live(&l);
}
