/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picket-relay: every threat of a sensor to a durable queue of an AMQP broker,
 * as net-security's message (tools/relay/message.h).
 *
 *	picket-relay --amqp URI|@FILE [--queue NAME] [--state FILE]
 *		     [--since N|now] [--all] [--replay ENDPOINT]
 *		     [--server-key FILE --secret FILE] [ENDPOINT]
 *
 * A gap-free subscriber (control/bus/tail.h). The state file has the latest
 * number that the broker has confirmed, and is written after it has. So while
 * the broker or the sensor is away nothing is lost but what leaves the sensor's
 * journal, which is told; and whoever is killed sends some threats again, with
 * the same id and seq.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "control/bus/keys.h"
#include "control/bus/tail.h"
#include "tools/relay/broker.h"
#include "tools/relay/message.h"

enum {
	BATCH = BROKER_UNCONFIRMED,
	SLICE_MS = 200,
	CONFIRM_MS = 1000, /* also while threats keep coming */
	CONFIRM_S = 30,
	RETRY_S = 1,
	URI = 1024,
	FAILED = 1,
	USAGE = 2,
};

struct relay {
	struct pk_tail_conf conf; /* since: confirmed */
	const char *amqp;
	const char *queue;
	const char *state;
	const char *server_key;
	const char *secret;
	struct pk_keys keys;
	char uri[URI];
	int all;
	struct pk_tail *tail;
	struct broker *broker;
	uint64_t sent; /* since the latest confirmation */
	uint64_t confirmed_ms;
	uint64_t saved;
};

static volatile sig_atomic_t ending;

static void on_signal(int number)
{
	ending = number;
}

static void say(const char *what, const char *why)
{
	fprintf(stderr, "picket-relay: %s: %s\n", what, why);
}

/* ---- the state file ---- */

static int load(struct relay *r)
{
	FILE *f = fopen(r->state, "re");
	int n;

	if (!f && errno == ENOENT)
		return 0;
	n = f ? fscanf(f, "%" SCNu64 " %" SCNx64, &r->conf.since,
		       &r->conf.epoch)
	      : 0;
	if (f)
		fclose(f);
	if (n == 2)
		return 0;
	say(r->state, "cannot be read as \"NUMBER EPOCH\"; remove it to begin "
		      "with --since");
	return -EINVAL;
}

static int save(struct relay *r)
{
	char name[4096];
	FILE *f;
	int bad;

	if (!r->state || r->conf.since == r->saved ||
	    r->conf.since == PK_TAIL_NOW)
		return 0;
	snprintf(name, sizeof(name), "%s.new", r->state);
	f = fopen(name, "we");
	bad = !f || fprintf(f, "%" PRIu64 " %016" PRIx64 "\n", r->conf.since,
			    r->conf.epoch) < 0;
	if (f)
		bad |= fclose(f);
	if (bad || rename(name, r->state)) {
		say(r->state, strerror(errno));
		return -EIO;
	}
	r->saved = r->conf.since;
	return 0;
}

/* ---- one connection ---- */

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* All up to here is the broker's. 0 or -errno. */
static int confirm(struct relay *r)
{
	int err = r->sent ? broker_confirm(r->broker, CONFIRM_S)
			  : broker_idle(r->broker);

	if (err)
		return err;
	r->sent = 0;
	r->confirmed_ms = clock_ms();
	if (pk_tail_last(r->tail) != PK_TAIL_NOW) {
		r->conf.since = pk_tail_last(r->tail);
		r->conf.epoch = pk_tail_epoch(r->tail);
	}
	return save(r) ? -ENOSPC : 0;
}

static int is_due(const struct relay *r)
{
	return r->sent >= BATCH || clock_ms() - r->confirmed_ms >= CONFIRM_MS;
}

static int send_threat(struct relay *r, const struct pk_tail_event *e)
{
	struct json_object *o = NULL;
	const char *text;
	size_t len;
	int ret = message_make(&o, e->json, e->len, r->all);

	if (ret == -EBADMSG)
		say("left out", "a message that is no threat");
	if (ret <= 0)
		return 0;
	text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN,
						 &len);
	ret = text ? broker_send(r->broker, text, len) : -ENOMEM;
	json_object_put(o);
	r->sent++;
	return ret;
}

static int take(struct relay *r, const struct pk_tail_event *e)
{
	char text[96];

	switch (e->kind) {
	case PK_TAIL_MESSAGE:
		return send_threat(r, e);
	case PK_TAIL_GAP:
		snprintf(text, sizeof(text),
			 "%" PRIu64 " to %" PRIu64
			 " are no longer in the journal",
			 e->from, e->to);
		say("lost", text);
		break;
	case PK_TAIL_ANEW:
		say("sensor", "its journal is another one; it is sent whole");
		break;
	case PK_TAIL_TROUBLE:
		say("sensor", e->json);
		break;
	}
	return 0;
}

/*
 * With "now" it begins where the sensor was when it was first reached: whatever
 * fails behind that begins there again. Kept before the message is sent.
 */
static int fix_start(struct relay *r, const struct pk_tail_event *e)
{
	uint64_t last = pk_tail_last(r->tail);

	if (r->conf.since != PK_TAIL_NOW || last == PK_TAIL_NOW)
		return 0;
	if (e && e->kind == PK_TAIL_MESSAGE)
		last = e->header.sequence - 1;
	r->conf.since = last;
	r->conf.epoch = pk_tail_epoch(r->tail);
	return save(r) ? -ENOSPC : 0;
}

/* Until the end or the first error of the broker. */
static int relay(struct relay *r)
{
	struct pk_tail_event e;
	int ret, err = 0;

	while (!ending && !err) {
		ret = pk_tail_recv(r->tail, SLICE_MS, &e);
		if (ret < 0 && ret != -EINTR)
			return ret;
		err = fix_start(r, ret > 0 ? &e : NULL);
		if (ret > 0 && !err)
			err = take(r, &e);
		if (!err && (ret <= 0 || is_due(r)))
			err = confirm(r);
	}
	return err ? err : confirm(r);
}

static int open_tail(struct relay *r, char *err)
{
	int ret = r->tail ? 0 : pk_tail_new(&r->tail, &r->conf);

	if (ret)
		snprintf(err, BROKER_SENTENCE, "%.120s: %s", r->conf.endpoint,
			 strerror(-ret));
	return ret;
}

/* It is opened again where the broker has all before. */
static void close_tail(struct relay *r)
{
	if (r->conf.since == PK_TAIL_NOW)
		return; /* it may just be finding out */
	pk_tail_free(r->tail);
	r->tail = NULL;
}

/* "now" is when the relay began, even if there is no broker yet. */
static int find_start(struct relay *r, char *err)
{
	struct pk_tail_event e;
	int ret;

	if (r->conf.since != PK_TAIL_NOW)
		return 0;
	ret = open_tail(r, err);
	if (ret)
		return ret;
	ret = pk_tail_recv(r->tail, SLICE_MS, &e);
	if (ret > 0 && e.kind == PK_TAIL_TROUBLE)
		say("sensor", e.json);
	ret = fix_start(r, ret > 0 ? &e : NULL);
	if (ret)
		snprintf(err, BROKER_SENTENCE, "%s", strerror(-ret));
	close_tail(r);
	return ret;
}

static int open_both(struct relay *r, char *err)
{
	int ret = find_start(r, err);

	if (!ret)
		ret = broker_open(&r->broker, r->uri, r->queue, err);
	return ret ? ret : open_tail(r, err);
}

static void close_both(struct relay *r)
{
	close_tail(r);
	broker_free(r->broker);
	r->broker = NULL;
	r->sent = 0;
}

/* The exit status. What went wrong is told once, not each time. */
static int run(struct relay *r)
{
	char err[BROKER_SENTENCE], before[BROKER_SENTENCE] = "";
	const struct timespec pause = { .tv_sec = RETRY_S };
	int ret = 0;

	while (!ending) {
		ret = open_both(r, err);
		if (!ret) {
			*before = 0;
			ret = relay(r);
			snprintf(err, sizeof(err), "%s",
				 strerror(ret == -EIO ? ECONNRESET : -ret));
		}
		close_both(r);
		if (ret == -EINVAL || ret == -ENOSPC) {
			say("broker", err);
			return FAILED;
		}
		if (ret && strcmp(err, before) != 0)
			say("broker, trying again", err);
		snprintf(before, sizeof(before), "%s", ret ? err : "");
		if (ret)
			nanosleep(&pause, NULL);
	}
	pk_tail_free(r->tail);
	r->tail = NULL;
	return ret ? FAILED : 0;
}

/* ---- options ---- */

static int usage(const char *why)
{
	fprintf(stderr,
		"picket-relay: %s\n"
		"usage: picket-relay --amqp URI|@FILE [--queue NAME] [--state "
		"FILE] [--since N|now] [--all] [--replay ENDPOINT] "
		"[--server-key FILE --secret FILE] [ENDPOINT]\n",
		why);
	return USAGE;
}

static int number(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno || *end || *text < '0' || *text > '9' || *out > INT64_MAX;
}

static const char *take_option(struct relay *r, int option, const char *value)
{
	switch (option) {
	case 'a':
		r->amqp = value;
		return NULL;
	case 'q':
		r->queue = value;
		return NULL;
	case 'f':
		r->state = value;
		return NULL;
	case 'r':
		r->conf.replay = value;
		return NULL;
	case 'k':
		r->server_key = value;
		return NULL;
	case 'K':
		r->secret = value;
		return NULL;
	case 'A':
		r->all = 1;
		return NULL;
	case 's':
		r->conf.since = PK_TAIL_NOW;
		return strcmp(value, "now") && number(value, &r->conf.since)
			       ? "--since takes a number, or now"
			       : NULL;
	}
	return "an option is not known";
}

/* A password on the command line is everybody's: @FILE has it, too. */
static int read_uri(struct relay *r)
{
	FILE *f;
	int good;

	if (*r->amqp != '@') {
		good = snprintf(r->uri, URI, "%s", r->amqp) < URI;
	} else {
		f = fopen(r->amqp + 1, "re");
		good = f && fgets(r->uri, URI, f);
		if (f)
			fclose(f);
		r->uri[strcspn(r->uri, "\r\n")] = 0;
	}
	if (!good)
		say(r->amqp, "cannot be read as the broker's URI");
	return good ? 0 : -EINVAL;
}

static int prepare(struct relay *r)
{
	char err[PK_CURVE_SENTENCE];

	if (read_uri(r) || (r->state && load(r)))
		return -EINVAL;
	if (!r->secret)
		return 0;
	r->conf.keys = &r->keys;
	if (!pk_keys_load(&r->keys, r->server_key, r->secret, err))
		return 0;
	say("keys", err);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "amqp", required_argument, NULL, 'a' },
		{ "queue", required_argument, NULL, 'q' },
		{ "state", required_argument, NULL, 'f' },
		{ "since", required_argument, NULL, 's' },
		{ "replay", required_argument, NULL, 'r' },
		{ "server-key", required_argument, NULL, 'k' },
		{ "secret", required_argument, NULL, 'K' },
		{ "all", no_argument, NULL, 'A' },
		{ NULL, 0, NULL, 0 },
	};
	const struct sigaction act = { .sa_handler = on_signal };
	struct relay r = { .conf = { .endpoint = "ipc:///run/picket/bus.sock",
				     .class = PK_BUS_THREAT,
				     .since = PK_TAIL_NOW },
			   .queue = "security-threat" };
	const char *why = NULL;
	int option;

	while (!why &&
	       (option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		why = take_option(&r, option, optarg);
	if (!why && optind + 1 < argc)
		why = "more than one endpoint";
	if (!why && !r.amqp)
		why = "--amqp is missing";
	if (!why && !r.server_key != !r.secret)
		why = "--server-key and --secret go together";
	if (why)
		return usage(why);
	if (optind < argc)
		r.conf.endpoint = argv[optind];
	if (prepare(&r))
		return FAILED;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	return run(&r);
}
