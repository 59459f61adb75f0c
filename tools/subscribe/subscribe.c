/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picket-subscribe: every threat of a sensor, in order, a line each.
 *
 *	picket-subscribe [--since N] [--state FILE] [--count N] [--idle SECONDS]
 *			 [--replay ENDPOINT] [--server-key FILE --secret FILE]
 *			 [ENDPOINT]
 *
 * An example of a subscriber that loses nothing (control/bus/tail.h), and
 * useful as it is: what it prints is the JSON of the bus, byte for byte. The
 * state file has the latest number and the epoch; it is written when there is
 * nothing to do, each SAVE_EVERY messages, and at the end, behind the output.
 * So whoever is killed gets some threats again, but misses none.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/bus/keys.h"
#include "control/bus/tail.h"

enum {
	SAVE_EVERY = 1000,
	SLICE_MS = 200,
	FAILED = 1,
	USAGE = 2,
	PARTIAL = 5, /* there were gaps */
	INTERRUPTED = 130,
};

struct job {
	struct pk_tail_conf conf;
	const char *state; /* a file's name, or NULL */
	const char *server_key;
	const char *secret;
	struct pk_keys keys;
	uint64_t count;	  /* 0: without end */
	uint64_t idle_ms; /* 0: likewise */
	uint64_t printed;
	uint64_t saved; /* the number that the state file has */
	int gaps;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

static int usage(const char *why)
{
	fprintf(stderr,
		"picket-subscribe: %s\n"
		"usage: picket-subscribe [--since N|now] [--state FILE] "
		"[--count N] [--idle SECONDS] [--replay ENDPOINT] "
		"[--server-key FILE --secret FILE] [ENDPOINT]\n",
		why);
	return USAGE;
}

/* ---- the state file ---- */

static int load(struct job *j)
{
	FILE *f = fopen(j->state, "re");
	int n;

	if (!f && errno == ENOENT)
		return 0;
	n = f ? fscanf(f, "%" SCNu64 " %" SCNx64, &j->conf.since,
		       &j->conf.epoch)
	      : 0;
	if (f)
		fclose(f);
	if (n == 2)
		return 0;
	fprintf(stderr,
		"picket-subscribe: %s: cannot be read as \"NUMBER EPOCH\"; "
		"remove it to begin with --since\n",
		j->state);
	return -EINVAL;
}

/* Written whole or not at all. */
static int save(struct job *j, const struct pk_tail *t)
{
	uint64_t last = pk_tail_last(t);
	char name[4096];
	int bad = fflush(stdout);
	FILE *f;

	if (bad || !j->state || last == PK_TAIL_NOW || last == j->saved)
		return bad ? -EIO : 0;
	snprintf(name, sizeof(name), "%s.new", j->state);
	f = fopen(name, "we");
	bad = !f || fprintf(f, "%" PRIu64 " %016" PRIx64 "\n", last,
			    pk_tail_epoch(t)) < 0;
	if (f)
		bad |= fclose(f);
	if (bad || rename(name, j->state)) {
		fprintf(stderr, "picket-subscribe: %s: cannot be written: %s\n",
			j->state, strerror(errno));
		return -EIO;
	}
	j->saved = last;
	return 0;
}

static int load_keys(struct job *j)
{
	char err[PK_CURVE_SENTENCE];
	int ret = pk_keys_load(&j->keys, j->server_key, j->secret, err);

	if (ret)
		fprintf(stderr, "picket-subscribe: %s\n", err);
	j->conf.keys = &j->keys;
	return ret;
}

/* ---- events ---- */

static void print_event(struct job *j, const struct pk_tail_event *e)
{
	switch (e->kind) {
	case PK_TAIL_MESSAGE:
		fwrite(e->json, 1, e->len, stdout);
		putchar('\n');
		j->printed++;
		break;
	case PK_TAIL_GAP:
		printf("{\"gap\":{\"from\":%" PRIu64 ",\"to\":%" PRIu64 "}}\n",
		       e->from, e->to);
		j->gaps = 1;
		break;
	case PK_TAIL_ANEW:
		printf("{\"anew\":{\"from\":%" PRIu64 "}}\n", e->from);
		break;
	case PK_TAIL_TROUBLE:
		fprintf(stderr, "picket-subscribe: %s\n", e->json);
		break;
	}
}

static int follow(struct job *j, struct pk_tail *t)
{
	struct pk_tail_event e;
	uint64_t idle_ms = 0, unsaved = 0;
	int ret;

	while (!interrupted && (!j->count || j->printed < j->count)) {
		ret = pk_tail_recv(t, SLICE_MS, &e);
		if (ret < 0 && ret != -EINTR) {
			fprintf(stderr, "picket-subscribe: %s: %s\n",
				j->conf.endpoint, strerror(-ret));
			return FAILED;
		}
		if (ret > 0) {
			print_event(j, &e);
			unsaved++;
			idle_ms = e.kind == PK_TAIL_TROUBLE ? idle_ms : 0;
		} else {
			idle_ms += SLICE_MS;
		}
		if ((ret <= 0 || unsaved >= SAVE_EVERY) && save(j, t))
			return FAILED;
		if (ret <= 0 || unsaved >= SAVE_EVERY)
			unsaved = 0;
		if (j->idle_ms && idle_ms >= j->idle_ms)
			break;
	}
	return 0;
}

static int run(struct job *j)
{
	struct pk_tail *t = NULL;
	int ret = pk_tail_new(&t, &j->conf), saved;

	if (ret) {
		fprintf(stderr, "picket-subscribe: %s: %s\n", j->conf.endpoint,
			ret == -EINVAL ? "no ipc:// or tcp:// endpoint"
				       : strerror(-ret));
		return FAILED;
	}
	ret = follow(j, t);
	saved = save(j, t);
	pk_tail_free(t);
	if (ret || saved)
		return FAILED;
	if (interrupted == SIGINT)
		return INTERRUPTED;
	return j->gaps ? PARTIAL : 0;
}

/* ---- options ---- */

static int number(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno || *end || *text < '0' || *text > '9' || *out > INT64_MAX;
}

static const char *take_option(struct job *j, int option, const char *value)
{
	switch (option) {
	case 's':
		j->conf.since = PK_TAIL_NOW;
		return strcmp(value, "now") && number(value, &j->conf.since)
			       ? "--since takes a number, or now"
			       : NULL;
	case 'f':
		j->state = value;
		return NULL;
	case 'r':
		j->conf.replay = value;
		return NULL;
	case 'k':
		j->server_key = value;
		return NULL;
	case 'K':
		j->secret = value;
		return NULL;
	case 'n':
		return number(value, &j->count) ? "--count takes a number"
						: NULL;
	case 'i':
		if (number(value, &j->idle_ms) || j->idle_ms > 1000000)
			return "--idle takes a number of seconds";
		j->idle_ms *= 1000;
		return NULL;
	}
	return "an option is not known";
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "since", required_argument, NULL, 's' },
		{ "state", required_argument, NULL, 'f' },
		{ "replay", required_argument, NULL, 'r' },
		{ "server-key", required_argument, NULL, 'k' },
		{ "secret", required_argument, NULL, 'K' },
		{ "count", required_argument, NULL, 'n' },
		{ "idle", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	const struct sigaction act = { .sa_handler = on_signal };
	struct job j = { .conf = { .endpoint = "ipc:///run/picket/bus.sock",
				   .class = PK_BUS_THREAT,
				   .since = PK_TAIL_NOW } };
	const char *why = NULL;
	int option;

	while (!why &&
	       (option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		why = take_option(&j, option, optarg);
	if (!why && optind + 1 < argc)
		why = "more than one endpoint";
	if (!why && !j.server_key != !j.secret)
		why = "--server-key and --secret go together";
	if (why)
		return usage(why);
	if (j.secret && load_keys(&j))
		return FAILED;
	if (optind < argc)
		j.conf.endpoint = argv[optind];
	if (j.state && load(&j))
		return FAILED;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	return run(&j);
}
