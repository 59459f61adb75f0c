/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picketctl threat follow --since: from a point of the journal on, each message
 * once and in order (control/bus/tail.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/bus/tail.h"
#include "control/cli/cli_follow.h"
#include "control/suppress.h"

/* --- where to begin ------------------------------------------------------- */

/* Seconds ago; -1: @since is no time. */
static int64_t seconds_ago(const char *since)
{
	uint64_t at, now = (uint64_t)time(NULL);
	size_t digits = strspn(since, "0123456789");

	if (digits && !since[digits]) /* a number of the journal */
		return -1;
	if (!pk_suppress_time(since, &at))
		return at < now ? (int64_t)(now - at) : 1;
	return pk_cli_duration(since);
}

static struct json_object *request(uint64_t from, int64_t ago)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "from", json_object_new_uint64(from));
	json_object_object_add(o, "limit", json_object_new_int(1));
	json_object_object_add(o, "since", json_object_new_int64(ago));
	return o;
}

/* The first number that is not older, or the next one that will be given. */
static int find_number(const struct pk_cli *cli, int64_t ago, uint64_t *out)
{
	struct json_object *r = NULL, *threats, *next;
	uint64_t from = 1;
	int rc = 0;

	for (*out = 0; !rc && !*out; json_object_put(r)) {
		r = NULL;
		rc = pk_cli_ask(cli, "threat journal", request(from, ago), NULL,
				&r);
		if (rc)
			break;
		threats = pk_cli_get(r, "threats");
		next = pk_cli_get(r, "next");
		if (pk_cli_length(threats))
			*out = (uint64_t)pk_cli_int(
				json_object_array_get_idx(threats, 0), "seq");
		else if (!next)
			*out = (uint64_t)pk_cli_int(r, "last") + 1;
		else
			from = json_object_get_uint64(next);
	}
	return rc;
}

static int begin_at(const struct pk_cli *cli, const char *since, uint64_t *out)
{
	int64_t ago = seconds_ago(since);
	char *end;

	if (ago > 0)
		return find_number(cli, ago < INT32_MAX ? ago : INT32_MAX, out);
	errno = 0;
	*out = strtoull(since, &end, 10);
	if (!*end && end != since && *since != '-' && !errno && *out &&
	    *out <= INT64_MAX)
		return 0;
	return pk_cli_fail(cli, PK_CLI_USAGE, "usage", NULL,
			   "--since takes now, the number of a message, a time "
			   "such as 2026-12-31T12:00:00Z or how long ago (90s, "
			   "15m, 12h, 7d), not \"%s\"",
			   since);
}

/* --- following ------------------------------------------------------------ */

static void notice(const struct pk_tail_event *e, bool *gap)
{
	if (e->kind == PK_TAIL_TROUBLE) {
		pk_cli_print(stderr, "picketctl: %s\n", e->json);
	} else if (e->kind == PK_TAIL_ANEW) {
		pk_cli_print(stderr,
			     "picketctl: the journal is another one; its "
			     "messages are shown from number %" PRIu64 " on\n",
			     e->from);
	} else {
		*gap = true;
		pk_cli_print(stderr,
			     "picketctl: numbers %" PRIu64 " to %" PRIu64
			     " are no longer in the journal\n",
			     e->from, e->to);
	}
}

static int tail(struct pk_follow *f, struct pk_tail *t)
{
	struct pk_tail_event e;
	bool gap = false;
	int status, rc = -1;

	while (rc < 0) {
		int wait = pk_follow_wait(f, &status), n;

		if (wait < 0)
			return status;
		n = pk_tail_recv(t, wait, &e);
		if (n < 0 && n != -EINTR)
			return pk_cli_fail(
				f->cli, PK_CLI_UNREACHABLE, "unreachable", NULL,
				"the bus broke off: %s", strerror(-n));
		if (n > 0 && e.kind == PK_TAIL_MESSAGE)
			rc = pk_follow_threat(f, e.topic, e.json, e.len);
		else if (n > 0)
			notice(&e, &gap);
	}
	return rc == PK_CLI_OK && gap ? PK_CLI_PARTIAL : rc;
}

int pk_follow_since(struct pk_follow *f, const char *since)
{
	struct pk_tail_conf conf = { .class = PK_BUS_THREAT };
	char *endpoint = NULL;
	struct pk_tail *t;
	uint64_t number;
	int err, rc = begin_at(f->cli, since, &number);

	if (!rc)
		rc = pk_follow_endpoint(f, &endpoint);
	if (rc)
		return rc;
	conf.endpoint = endpoint;
	conf.since = number - 1;
	conf.keys = f->keys;
	err = pk_tail_new(&t, &conf);
	if (err) {
		rc = pk_cli_fail(f->cli, PK_CLI_UNREACHABLE, "unreachable",
				 NULL, "cannot follow the bus at %s: %s",
				 endpoint, strerror(-err));
	} else {
		rc = tail(f, t);
		pk_tail_free(t);
	}
	free(endpoint);
	return rc;
}
