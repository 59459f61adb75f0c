/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/tail.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include <json-c/json.h>

#include "control/bus/ask.h"
#include "control/bus/endpoint.h"
#include "control/bus/frames.h"
#include "control/bus/keys.h"
#include "control/bus/replayer.h"
#include "control/bus_socket.h"
#include "control/encode.h"

enum {
	CREDIT_MORE = PK_TAIL_CREDIT / 2,
	RETRY_FIRST_MS = 5, /* after a replay that gave nothing */
	RETRY_LAST_MS = 1000,
	KNOCK_MS = 50, /* while there is no connection */
	RECONNECT_MS = 1000,
};

enum state {
	GREETING, /* waiting for a hello */
	FETCHING, /* waiting for a replay's end */
	LISTENING,
};

struct pk_tail {
	enum pk_bus_class class;
	struct pk_bus_sub *sub;
	void *context;
	void *socket; /* DEALER */
	struct pk_frames frames;
	enum state state;
	uint64_t next; /* to be given; 0: where the first hello says */
	uint64_t top;  /* the latest that is known of */
	uint64_t epoch;
	uint64_t suspect; /* the epoch that made us greet */
	uint64_t stale;	  /* an earlier one: its messages are late */
	uint64_t patience_ms;
	uint64_t now_ms;
	uint64_t due_ms;  /* when patience ends, or the next try is due */
	uint64_t wait_ms; /* before the next replay, after one in vain */
	int asked;	  /* a hello is on its way */
	uint64_t id;
	uint64_t begun_at; /* next, when the replay began */
	uint32_t taken;	   /* of the credit */
	char text[PK_ASK_MAX];
	struct pk_tail_counters count;
};

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- events ---- */

static int tell_trouble(struct pk_tail_event *out, const char *sentence)
{
	out->kind = PK_TAIL_TROUBLE;
	out->json = sentence;
	out->len = strlen(sentence);
	return 1;
}

static int give(struct pk_tail *t, const struct pk_bus_message *m, int replayed,
		struct pk_tail_event *out)
{
	out->kind = PK_TAIL_MESSAGE;
	out->header = m->header;
	memcpy(out->topic, m->topic, sizeof(out->topic));
	out->json = m->json;
	out->len = m->len;
	out->replayed = replayed;
	t->next = m->header.sequence + 1;
	if (replayed)
		t->count.replayed++;
	else
		t->count.live++;
	return 1;
}

/* ---- asking ---- */

static int ask(struct pk_tail *t, const struct pk_ask *a)
{
	int n = pk_ask_encode(a, t->text, sizeof(t->text));

	if (n < 0)
		return n;
	return zmq_send(t->socket, t->text, (size_t)n, ZMQ_DONTWAIT) < 0
		       ? -errno
		       : 0;
}

static void greet(struct pk_tail *t)
{
	t->state = GREETING;
	t->asked = 0;
	t->due_ms = t->now_ms;
}

static int greet_again(struct pk_tail *t, struct pk_tail_event *out)
{
	const struct pk_ask hello = { .op = PK_ASK_HELLO };
	int again = t->asked;

	if (ask(t, &hello)) {
		t->due_ms = t->now_ms + KNOCK_MS;
		return 0;
	}
	t->asked = 1;
	t->count.hellos++;
	t->due_ms = t->now_ms + t->patience_ms;
	return again ? tell_trouble(out, "the replay server does not answer; "
					 "it is asked again")
		     : 0;
}

static void fetch(struct pk_tail *t)
{
	const struct pk_ask a = {
		.op = PK_ASK_REPLAY,
		.id = ++t->id,
		.class = (int)t->class,
		.from = t->next,
		.to = t->top,
		.credit = PK_TAIL_CREDIT,
	};

	if (ask(t, &a)) {
		greet(t);
		return;
	}
	t->count.fetches++;
	t->state = FETCHING;
	t->begun_at = t->next;
	t->taken = 0;
	t->due_ms = t->now_ms + t->patience_ms;
}

/* Asked in vain; a server that is only slow need not go on with it. */
static void give_up(struct pk_tail *t)
{
	const struct pk_ask a = { .op = PK_ASK_CANCEL, .id = t->id };

	ask(t, &a);
	greet(t);
	t->asked = 1;
}

static void use_credit(struct pk_tail *t)
{
	const struct pk_ask a = { .op = PK_ASK_CREDIT,
				  .id = t->id,
				  .credit = CREDIT_MORE };

	if (++t->taken < CREDIT_MORE)
		return;
	/* if it is not sent, the replay stops, and patience ends */
	ask(t, &a);
	t->taken = 0;
}

/* ---- answers ---- */

static uint64_t number_of(struct json_object *o, const char *key)
{
	return json_object_get_uint64(json_object_object_get(o, key));
}

/*
 * Where to go on, now that the publisher's numbers are known. 1 with an event
 * when its journal is another one: it ends before what we have, or an epoch that
 * came after ours gave a number that we have. No journal gives one twice.
 */
static int settle(struct pk_tail *t, uint64_t began, uint64_t last, int other,
		  struct pk_tail_event *out)
{
	uint64_t next = t->next;

	t->top = last;
	if (!next)
		next = last + 1;
	else if (next > last + 1 || (other && began < next))
		next = 1;
	out->kind = PK_TAIL_ANEW;
	out->from = next;
	out->to = last;
	other = t->next && next != t->next;
	t->next = next;
	return other;
}

static int on_hello(struct pk_tail *t, struct json_object *o,
		    struct pk_tail_event *out)
{
	struct json_object *classes, *c, *text;
	uint64_t epoch;
	int other;

	if (t->state != GREETING ||
	    !json_object_object_get_ex(o, "epoch", &text) ||
	    !json_object_object_get_ex(o, "classes", &classes))
		return 0;
	if (!json_object_object_get_ex(classes, pk_bus_words[t->class], &c)) {
		t->due_ms = t->now_ms + RETRY_LAST_MS;
		return tell_trouble(out, "the publisher has no journal of "
					 "this class");
	}
	epoch = strtoull(json_object_get_string(text), NULL, 16);
	if (t->suspect && t->suspect != epoch)
		t->stale = t->suspect;
	t->suspect = 0;
	other = t->epoch && t->epoch != epoch;
	t->epoch = epoch;
	t->state = LISTENING;
	t->wait_ms = 0;
	t->due_ms = t->now_ms;
	return settle(t, number_of(c, "began"), number_of(c, "last"), other,
		      out);
}

static int on_gap(struct pk_tail *t, struct json_object *o,
		  struct pk_tail_event *out)
{
	uint64_t to = number_of(o, "to");

	if (to < t->next || number_of(o, "from") > t->next)
		return 0;
	out->kind = PK_TAIL_GAP;
	out->from = t->next;
	out->to = to;
	t->count.gone += to - t->next + 1;
	t->next = to + 1;
	return 1;
}

/*
 * What was told but is not written yet comes later; how much later depends on
 * the publisher's disk.
 */
static int on_end(struct pk_tail *t)
{
	t->state = LISTENING;
	if (t->next != t->begun_at)
		t->wait_ms = 0;
	else if (!t->wait_ms)
		t->wait_ms = RETRY_FIRST_MS;
	else if (t->wait_ms < RETRY_LAST_MS)
		t->wait_ms *= 2;
	t->due_ms = t->now_ms + t->wait_ms;
	return 0;
}

static int on_error(struct pk_tail *t, struct json_object *o,
		    struct pk_tail_event *out)
{
	snprintf(t->text, sizeof(t->text), "the replay server refused: %s",
		 json_object_get_string(json_object_object_get(o, "error")));
	greet(t);
	t->due_ms = t->now_ms + RETRY_LAST_MS;
	return tell_trouble(out, t->text);
}

static int read_answer(struct pk_tail *t, const struct pk_bus_message *m,
		       struct pk_tail_event *out)
{
	struct json_object *o = json_tokener_parse(m->json);
	int ret = 0;

	if (!json_object_is_type(o, json_type_object))
		goto out;
	if (!strcmp(m->topic, "v1/hello/"))
		ret = on_hello(t, o, out);
	else if (t->state == GREETING && !strcmp(m->topic, "v1/error/") &&
		 !json_object_object_get_ex(o, "id", NULL))
		ret = on_error(t, o, out); /* not even a greeting */
	else if (t->state != FETCHING || number_of(o, "id") != t->id)
		ret = 0;
	else if (!strcmp(m->topic, "v1/gap/"))
		ret = on_gap(t, o, out);
	else if (!strcmp(m->topic, "v1/end/"))
		ret = on_end(t);
	else if (!strcmp(m->topic, "v1/error/"))
		ret = on_error(t, o, out);
out:
	json_object_put(o);
	return ret;
}

/* Of a replay that was given up, messages may still be on their way. */
static int on_replayed(struct pk_tail *t, const struct pk_bus_message *m,
		       struct pk_tail_event *out)
{
	if (m->header.class != t->class)
		return 0;
	t->count.received++;
	if (t->state == FETCHING)
		use_credit(t);
	if (t->state == FETCHING && m->header.sequence == t->next)
		return give(t, m, 1, out);
	if (t->next && m->header.sequence < t->next)
		t->count.again++;
	else
		t->count.ahead++;
	return 0;
}

/* 1 when there is an event, 0 when there are no more answers, or -errno. */
static int take_answers(struct pk_tail *t, struct pk_tail_event *out)
{
	struct pk_bus_message m = { 0 };
	int ret;

	for (;;) {
		ret = pk_frames_recv(&t->frames, t->socket, &m);
		if (ret < 0)
			return ret == -EAGAIN ? 0 : ret;
		if (!ret)
			continue;
		if (t->state == FETCHING)
			t->due_ms = t->now_ms + t->patience_ms;
		ret = m.header.class == PK_BUS_ANSWER ? read_answer(t, &m, out)
						      : on_replayed(t, &m, out);
		if (ret)
			return ret;
	}
}

/* ---- the bus ---- */

static void on_beat(struct pk_tail *t, const struct pk_bus_message *m)
{
	uint64_t last[PK_BUS_CLASS_COUNT];
	struct pk_heartbeat beat = { .classes = PK_BUS_CLASS_COUNT,
				     .word = pk_bus_words,
				     .last = last };

	if (!pk_decode_heartbeat(m->json, m->len, &beat) &&
	    last[t->class] > t->top)
		t->top = last[t->class];
}

static int on_heard(struct pk_tail *t, const struct pk_bus_message *m,
		    struct pk_tail_event *out)
{
	int is_ours = m->header.class == t->class;

	t->count.received += is_ours;
	if (m->header.epoch != t->epoch) {
		t->count.ahead += is_ours;
		if (m->header.epoch == t->stale)
			return 0;
		t->suspect = m->header.epoch;
		greet(t);
		return 0;
	}
	if (m->header.class == PK_BUS_HEARTBEAT)
		on_beat(t, m);
	if (!is_ours)
		return 0;
	if (m->header.sequence > t->top)
		t->top = m->header.sequence;
	if (m->header.sequence == t->next)
		return give(t, m, 0, out);
	t->count.again += m->header.sequence < t->next;
	t->count.ahead += m->header.sequence > t->next;
	return 0;
}

/* Only while nothing is missing, or it is not yet time to fetch it. */
static int listen_to_bus(struct pk_tail *t, struct pk_tail_event *out)
{
	struct pk_bus_message m;
	int ret;

	while (t->state == LISTENING) {
		if (t->next <= t->top && t->now_ms >= t->due_ms) {
			fetch(t);
			return 0;
		}
		ret = pk_bus_recv(t->sub, 0, &m);
		/* a heartbeat comes once for each class that shows a loss */
		if (ret > 0)
			ret = on_heard(t, &m, out);
		else
			return ret;
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- turns ---- */

static int turn(struct pk_tail *t, struct pk_tail_event *out)
{
	int ret = take_answers(t, out);

	if (ret)
		return ret;
	if (t->state == FETCHING && t->now_ms >= t->due_ms) {
		give_up(t);
	}
	if (t->state == GREETING && t->now_ms >= t->due_ms)
		return greet_again(t, out);
	return listen_to_bus(t, out);
}

/* In ms, at most @most (-1: for ever). */
static int until_due(const struct pk_tail *t, int most)
{
	uint64_t ms = t->due_ms > t->now_ms ? t->due_ms - t->now_ms : 0;

	if (t->state == LISTENING && t->next > t->top)
		return most;
	return most < 0 || ms < (uint64_t)most ? (int)ms : most;
}

/* What was sent may have swallowed the edge of ZMQ_FD. */
static int wait_for(struct pk_tail *t, int wait_ms)
{
	struct pollfd fds[2] = { { -1, POLLIN, 0 },
				 { pk_bus_sub_fd(t->sub), POLLIN, 0 } };
	size_t size = sizeof(fds[0].fd), events_size = sizeof(int);
	int events = 0;

	zmq_getsockopt(t->socket, ZMQ_FD, &fds[0].fd, &size);
	zmq_getsockopt(t->socket, ZMQ_EVENTS, &events, &events_size);
	if (events & ZMQ_POLLIN)
		return 0;
	return poll(fds, t->state == LISTENING ? 2 : 1, wait_ms) < 0 ? -errno
								     : 0;
}

int pk_tail_recv(struct pk_tail *t, int timeout_ms, struct pk_tail_event *out)
{
	uint64_t begin = clock_ms(), spent;
	int ret;

	memset(out, 0, sizeof(*out));
	for (;;) {
		t->now_ms = clock_ms();
		ret = turn(t, out);
		if (ret)
			return ret;
		spent = t->now_ms - begin;
		if (timeout_ms >= 0 && spent >= (uint64_t)timeout_ms)
			return 0;
		ret = wait_for(t,
			       until_due(t, timeout_ms < 0
						    ? -1
						    : timeout_ms - (int)spent));
		if (ret)
			return ret;
	}
}

/* ---- life ---- */

static int limit(void *socket)
{
	const struct {
		int option;
		int value;
	} options[] = {
		{ ZMQ_RCVHWM, PK_TAIL_CREDIT * 2 },
		{ ZMQ_SNDHWM, 16 },
		{ ZMQ_IMMEDIATE, 1 }, /* no requests to nobody */
		{ ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (zmq_setsockopt(socket, options[i].option, &options[i].value,
				   sizeof(options[i].value)))
			return -errno;
	return 0;
}

static int open_all(struct pk_tail *t, const struct pk_tail_conf *conf)
{
	char beside[PK_ENDPOINT_MAX], topic[PK_BUS_TOPIC_MAX];
	const char *topics[] = { topic }, *replay = conf->replay;
	int err = replay ? 0 : pk_endpoint_replay(conf->endpoint, beside);

	if (err)
		return err;
	snprintf(topic, sizeof(topic), "v1/%s/", pk_bus_words[t->class]);
	err = pk_bus_subscribe_keys(&t->sub, conf->endpoint, topics, 1,
				    conf->keys);
	if (!err)
		err = pk_bus_socket(&t->context, &t->socket, ZMQ_DEALER, 0);
	if (!err)
		err = limit(t->socket);
	if (!err && conf->keys)
		err = pk_keys_use(t->socket, conf->keys);
	if (!err && zmq_connect(t->socket, replay ? replay : beside))
		err = -errno;
	return err;
}

int pk_tail_new(struct pk_tail **out, const struct pk_tail_conf *conf)
{
	struct pk_tail *t;
	int err;

	if (conf->class < 0 || conf->class >= PK_BUS_CLASS_COUNT ||
	    !pk_bus_journaled(conf->class))
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	pk_frames_init(&t->frames);
	t->class = conf->class;
	t->next = conf->since == PK_TAIL_NOW ? 0 : conf->since + 1;
	t->epoch = conf->epoch;
	t->patience_ms =
		conf->patience_ms ? conf->patience_ms : PK_TAIL_PATIENCE_MS;
	err = open_all(t, conf);
	if (err) {
		pk_tail_free(t);
		return err;
	}
	*out = t;
	return 0;
}

void pk_tail_free(struct pk_tail *t)
{
	if (!t)
		return;
	pk_frames_fini(&t->frames);
	pk_bus_sub_free(t->sub);
	pk_bus_socket_close(t->context, t->socket);
	free(t);
}

uint64_t pk_tail_last(const struct pk_tail *t)
{
	return t->next - 1;
}

uint64_t pk_tail_epoch(const struct pk_tail *t)
{
	return t->epoch;
}

const struct pk_tail_counters *pk_tail_count(const struct pk_tail *t)
{
	return &t->count;
}
