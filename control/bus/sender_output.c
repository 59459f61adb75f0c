/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include <json-c/json.h>

#include "control/bus/endpoint.h"
#include "control/bus/frames.h"
#include "control/bus/gate.h"
#include "control/bus/keys.h"
#include "control/bus/sender_inside.h"
#include "control/bus_socket.h"
#include "control/log.h"

enum {
	BATCH = 64,	       /* messages, before it is another's turn */
	KEEP_EVERY = 1024,     /* numbers, while there is more to do */
	SEND_BUFFER = 1 << 14, /* bytes that the kernel may hold */
};

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- rules ---- */

static int has_type(const struct pk_sender_output *c,
		    const struct pk_journal_message *m)
{
	for (uint32_t i = 0; i < c->types; i++)
		if (strlen(c->type[i]) == m->subject_len &&
		    !memcmp(c->type[i], m->subject, m->subject_len))
			return 1;
	return !c->types;
}

static int is_wanted(const struct pk_sender_output *c, const char *feed)
{
	for (uint32_t i = 0; i < c->feeds; i++)
		if (!strcmp(c->feed[i], feed))
			return 1;
	return 0;
}

static int names_feed(const struct pk_sender_output *c,
		      struct json_object *threat)
{
	struct json_object *ind, *feeds;

	if (!json_object_object_get_ex(threat, "indicator", &ind) ||
	    !json_object_object_get_ex(ind, "feeds", &feeds) ||
	    !json_object_is_type(feeds, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(feeds); i++)
		if (is_wanted(c, json_object_get_string(
					 json_object_array_get_idx(feeds, i))))
			return 1;
	return 0;
}

static int has_feed(const struct pk_sender_output *c,
		    const struct pk_journal_message *m)
{
	struct json_tokener *t;
	struct json_object *o;
	int ret;

	if (!c->feeds)
		return 1;
	t = json_tokener_new();
	if (!t)
		return 0;
	o = json_tokener_parse_ex(t, m->text, (int)m->text_len);
	ret = json_object_is_type(o, json_type_object) && names_feed(c, o);
	json_object_put(o);
	json_tokener_free(t);
	return ret;
}

static int is_chosen(const struct pk_sender_output *c,
		     const struct pk_journal_message *m)
{
	if (!has_type(c, m))
		return 0;
	if (c->severity_min &&
	    pk_profile_severity(m->text, m->text_len) < (int)c->severity_min)
		return 0;
	return has_feed(c, m);
}

/* ---- one message ---- */

static int send_frames(struct pk_sender *s, struct pk_sender_lane *l,
		       uint64_t number, size_t len)
{
	const struct pk_journal_message *m = &l->message;
	const struct pk_bus_header h = {
		.schema = PK_BUS_SCHEMA,
		.class = PK_BUS_THREAT,
		.sensor = s->sensor_hash,
		.epoch = m->epoch,
		.sequence = number,
		.time_ns = m->time_ns,
	};
	char topic[PK_BUS_TOPIC_MAX * 2];

	snprintf(topic, sizeof(topic), "v1/%s/%.*s%s",
		 pk_bus_words[PK_BUS_THREAT], (int)m->subject_len, m->subject,
		 m->subject_len ? "/" : "");
	return pk_frames_send(l->socket, topic, &h, s->text, len);
}

/* A PUB socket waits for all of its subscribers, or leaves out who is full. */
static int set_patient(struct pk_sender_lane *l, int patient)
{
	return zmq_setsockopt(l->socket, ZMQ_XPUB_NODROP, &patient,
			      sizeof(patient))
		       ? -errno
		       : 0;
}

/*
 * Some subscriber has no room, though it was given time. ZeroMQ leaves it out
 * from this message on, until it has read half of what it has; the others,
 * which had as much time, have room.
 */
static int leave_out(struct pk_sender *s, struct pk_sender_lane *l,
		     uint64_t number, size_t len)
{
	int err;

	if (!l->was_blocked)
		l->wait_from = s->ms;
	if (s->ms - l->wait_from < PK_SENDER_PATIENCE_MS)
		return -EAGAIN;
	err = set_patient(l, 0);
	if (!err)
		err = send_frames(s, l, number, len);
	if (!err)
		l->count.left_out++;
	set_patient(l, 1);
	return err;
}

/* With the number that it was sent with, or 0. */
static void done(struct pk_sender_lane *l, uint64_t number)
{
	uint64_t at = l->message.number;

	l->count.read++;
	l->count.lost += l->missing;
	if (number)
		l->now.number = number;
	else if (at >= l->top.at) /* a gap for the receiver, too */
		l->now.number = l->top.number + l->missing;
	l->now.at = at;
	if (at >= l->top.at)
		l->top = l->now;
	l->missing = 0;
	l->has = 0;
	l->was_blocked = 0;
}

static struct pk_sender_mark *mark_at(struct pk_sender_lane *l, uint64_t i)
{
	return &l->sent[i % PK_SENDER_BEHIND];
}

/*
 * The number that the message gets: when it was sent before, the one that it
 * had; 0 when nobody knows any more.
 */
static uint64_t find_number(struct pk_sender_lane *l)
{
	uint64_t at = l->message.number;

	for (; l->back < l->sent_count && mark_at(l, l->back)->at < at;
	     l->back++)
		l->count.doubtful++; /* it left the journal meanwhile */
	if (at > l->top.at)
		return l->top.number + l->missing + 1;
	return l->back < l->sent_count && mark_at(l, l->back)->at == at
		       ? mark_at(l, l->back)->number
		       : 0;
}

static void mark_sent(struct pk_sender *s, struct pk_sender_lane *l,
		      uint64_t number)
{
	const struct pk_sender_mark m = { l->message.number, number, s->ms };

	l->count.sent++;
	if (m.at <= l->top.at) {
		l->count.again++;
	} else {
		if (l->sent_count - l->settled == PK_SENDER_BEHIND) {
			l->settled++;
			l->beyond[0]++;
		}
		l->sent_count++;
	}
	*mark_at(l, l->back++) = m;
	done(l, number);
}

static void count_blocked(struct pk_sender *s, struct pk_sender_lane *l)
{
	l->count.blocked += !l->was_blocked;
	l->was_blocked = 1;
	l->blocked_ms = s->ms;
}

/* As pk_sender_step(): 1, or -EAGAIN. */
static int give(struct pk_sender *s, struct pk_sender_lane *l)
{
	const struct pk_journal_message *m = &l->message;
	int chosen = is_chosen(&l->conf, m), len = 0, err;
	uint64_t number = 0;

	if (chosen)
		len = pk_profile_convert(l->conf.profile, m->text, m->text_len,
					 s->text, sizeof(s->text));
	if (chosen && len >= 0)
		number = find_number(l);
	if (!number) {
		l->count.refused += len < 0;
		l->count.passed += len >= 0;
		done(l, 0);
		return 1;
	}
	err = send_frames(s, l, number, (size_t)len);
	if (err && l->conf.pattern == PK_SENDER_PUB)
		err = leave_out(s, l, number, (size_t)len);
	if (err) {
		count_blocked(s, l);
		return -EAGAIN;
	}
	mark_sent(s, l, number);
	return 1;
}

void pk_sender_try(struct pk_sender *s, const struct pk_sender_sample *t)
{
	struct pk_sender_lane *l = &s->lane[t->lane];
	const struct pk_bus_header h = {
		.schema = PK_BUS_SCHEMA,
		.class = PK_BUS_TEST,
		.sensor = s->sensor_hash,
	};
	char topic[PK_BUS_TOPIC_MAX * 2];
	int len;

	/* other profiles are of threats only */
	len = pk_profile_convert(strncmp(t->kind, "threat-", 7)
					 ? PK_PROFILE_PICKET
					 : l->conf.profile,
				 t->json, t->len, s->text, sizeof(s->text));
	snprintf(topic, sizeof(topic), "v1/%s/%s/", pk_bus_words[PK_BUS_TEST],
		 t->kind);
	if (len > 0 &&
	    !pk_frames_send(l->socket, topic, &h, s->text, (size_t)len))
		l->count.tests++;
	else
		l->count.tests_unsent++;
}

/* ---- the journal ---- */

/* 1 with a message, 0 when there is none yet, or -errno. */
static int look(struct pk_sender *s, struct pk_sender_lane *l)
{
	uint64_t missing = 0, from;
	int ret;

	if (l->has)
		return 1;
	if (l->now.at >= atomic_load(&s->mark->written))
		return 0;
	ret = pk_journal_read(l->reader, &l->message, &missing);
	if (ret <= 0)
		return ret;
	/* what it had dealt with before is not lost by that */
	from = l->message.number - missing;
	from = from > l->top.at ? from : l->top.at + 1;
	l->missing = l->message.number > from ? l->message.number - from : 0;
	l->has = 1;
	return 1;
}

/* ---- the cursor ---- */

/* Of those that could not be sent again, those of the last minutes. */
static void settle_beyond(struct pk_sender *s, struct pk_sender_lane *l)
{
	if (s->ms - l->beyond_ms <= s->settle_ms)
		return;
	l->beyond[1] =
		s->ms - l->beyond_ms > 2ULL * s->settle_ms ? 0 : l->beyond[0];
	l->beyond[0] = 0;
	l->beyond_ms = s->ms;
}

/*
 * What was sent long ago, and nothing had to wait since, is taken. What has
 * left the journal nobody can send again.
 */
static void settle(struct pk_sender *s, struct pk_sender_lane *l)
{
	uint64_t first = atomic_load(&s->mark->first);

	if (l->was_blocked)
		l->blocked_ms = s->ms;
	settle_beyond(s, l);
	for (; l->settled < l->sent_count; l->settled++) {
		const struct pk_sender_mark *m = mark_at(l, l->settled);
		uint64_t quiet = m->ms > l->blocked_ms ? m->ms : l->blocked_ms;

		if (m->at < first)
			l->beyond[0]++;
		else if (s->ms - quiet <= s->settle_ms)
			break;
	}
	if (l->back < l->settled)
		l->back = l->settled;
}

/* Behind it are the messages that may still be under way. */
static struct pk_sender_mark safe_mark(struct pk_sender_lane *l)
{
	struct pk_sender_mark m;

	if (l->settled == l->sent_count)
		return l->now;
	m = *mark_at(l, l->settled);
	return (struct pk_sender_mark){ m.at - 1, m.number - 1, 0 };
}

/* What the receiver may have had, and cannot be given to another one. */
static void doubt(struct pk_sender_lane *l)
{
	uint64_t n = l->beyond[0] + l->beyond[1];

	l->beyond[0] = l->beyond[1] = 0;
	l->count.doubtful += n;
	if (n)
		pk_warn("output %s: a receiver went away, and up to %" PRIu64
			" messages that it may not have taken cannot be sent "
			"again; the journal has numbers up to %" PRIu64,
			l->conf.name, n, l->top.at);
}

/* Go back there. 0 or -ENOMEM. */
static int rewind_lane(struct pk_sender *s, struct pk_sender_lane *l)
{
	struct pk_sender_mark m = safe_mark(l);
	struct pk_journal_reader *r;
	int err;

	if (l->settled < l->sent_count) {
		err = pk_journal_reader_new(&r, s->journal_fd,
					    pk_bus_words[PK_BUS_THREAT],
					    m.at + 1);
		if (err)
			return err;
		pk_journal_reader_free(l->reader);
		l->reader = r;
		l->has = 0;
		l->missing = 0;
		l->now = m;
		l->back = l->settled;
	}
	doubt(l);
	return 0;
}

static void hear_monitor(struct pk_sender_lane *l)
{
	zmq_msg_t m;
	uint16_t event;
	int first = 1;

	if (!l->monitor)
		return;
	zmq_msg_init(&m);
	while (zmq_msg_recv(&m, l->monitor, ZMQ_DONTWAIT) >= 0) {
		if (first && zmq_msg_size(&m) >= sizeof(event)) {
			memcpy(&event, zmq_msg_data(&m), sizeof(event));
			l->gone += event == ZMQ_EVENT_DISCONNECTED;
		}
		first = !zmq_msg_more(&m);
	}
	zmq_msg_close(&m);
}

/* What a receiver that went away had not taken, somebody is to get. */
static int send_again(struct pk_sender *s, struct pk_sender_lane *l)
{
	uint64_t gone;
	int err = 0;

	hear_monitor(l);
	gone = l->gate_gone ? atomic_load(l->gate_gone) : l->gone;
	if (gone != l->gone_seen)
		err = rewind_lane(s, l);
	if (!err)
		l->gone_seen = gone;
	return err;
}

static void save(struct pk_sender *s, struct pk_sender_lane *l,
		 struct pk_sender_mark m)
{
	if (l->conf.pattern != PK_SENDER_PUSH || m.at == l->kept.at)
		return;
	if (pk_sender_cursor_save(s->state_fd, l->conf.name, &m)) {
		l->count.failed++;
		return;
	}
	l->kept = m;
}

void pk_sender_keep(struct pk_sender *s, struct pk_sender_lane *l, int idle)
{
	struct pk_sender_mark m = safe_mark(l);

	if (idle || m.at - l->kept.at >= KEEP_EVERY)
		save(s, l, m);
}

int pk_sender_step(struct pk_sender *s, struct pk_sender_lane *l)
{
	int push = l->conf.pattern == PK_SENDER_PUSH, ret;

	s->ms = clock_ms();
	settle(s, l);
	ret = push ? send_again(s, l) : 0;
	if (ret) {
		l->count.failed++;
		return -EAGAIN;
	}
	for (int i = 0; i < BATCH; i++) {
		ret = look(s, l);
		if (ret < 0) {
			l->count.failed++;
			return -EAGAIN; /* the disk may be well again */
		}
		if (ret > 0)
			ret = give(s, l);
		if (ret <= 0)
			return ret;
	}
	return 1;
}

/* ---- life ---- */

static int limit(struct pk_sender_lane *l)
{
	int push = l->conf.pattern == PK_SENDER_PUSH, bytes = SEND_BUFFER;
	int hwm = push ? PK_SENDER_HWM : PK_SENDER_PUB_HWM;

	if (zmq_setsockopt(l->socket, ZMQ_SNDHWM, &hwm, sizeof(hwm)))
		return -errno;
	if (!push)
		return set_patient(l, 1);
	return zmq_setsockopt(l->socket, ZMQ_SNDBUF, &bytes, sizeof(bytes))
		       ? -errno
		       : 0;
}

static int use_keys(struct pk_sender *s, struct pk_sender_lane *l)
{
	struct pk_keys keys = { .server = "" };

	if (!l->conf.server_key)
		return 0;
	snprintf(keys.server, sizeof(keys.server), "%s", l->conf.server_key);
	pk_gate_keys(s->gate, &keys);
	return pk_keys_use(l->socket, &keys);
}

/* To know when a receiver goes away. */
static int watch(struct pk_sender_lane *l)
{
	static const char endpoint[] = "inproc://receivers";
	int zero = 0;

	l->monitor = zmq_socket(l->context, ZMQ_PAIR);
	if (!l->monitor ||
	    zmq_setsockopt(l->monitor, ZMQ_LINGER, &zero, sizeof(zero)) ||
	    zmq_socket_monitor(l->socket, endpoint, ZMQ_EVENT_DISCONNECTED) ||
	    zmq_connect(l->monitor, endpoint))
		return -errno;
	return 0;
}

static int connect_to(struct pk_sender *s, struct pk_sender_lane *l)
{
	const struct pk_sender_output *c = &l->conf;
	int one = 1, err;

	/* without it there is room before anybody is there */
	if (zmq_setsockopt(l->socket, ZMQ_IMMEDIATE, &one, sizeof(one)))
		return -errno;
	err = use_keys(s, l);
	if (!err && zmq_connect(l->socket, c->endpoint))
		err = -errno;
	if (err)
		pk_err("output %s: cannot connect to %s: %s", c->name,
		       c->endpoint, zmq_strerror(-err));
	return err;
}

int pk_sender_open(struct pk_sender *s, struct pk_sender_lane *l)
{
	const struct pk_sender_output *c = &l->conf;
	int push = c->pattern == PK_SENDER_PUSH,
	    type = push ? ZMQ_PUSH : ZMQ_PUB;
	int gated = s->gate && !c->connect && pk_endpoint_is_tcp(c->endpoint);
	const struct pk_gate_ask ask = {
		.type = type,
		.linger_ms = PK_BUS_LINGER_MS,
		.role = push ? PK_CLIENT_PULL : PK_CLIENT_SUBSCRIBE,
	};
	int err;

	err = gated ? pk_gate_socket(s->gate, &l->socket, &ask)
		    : pk_bus_socket(&l->context, &l->socket, type,
				    PK_BUS_LINGER_MS);
	if (!err)
		err = limit(l);
	if (!err && push && !gated)
		err = watch(l);
	if (err)
		return err;
	if (gated)
		l->gate_gone = pk_gate_gone(s->gate);
	return c->connect ? connect_to(s, l)
			  : pk_endpoint_bind(l->socket, c->endpoint);
}

/* Of another journal: from its first. */
static void place(struct pk_sender *s, struct pk_sender_lane *l, int known)
{
	uint64_t last = atomic_load(&s->mark->written);

	if (!known) {
		l->now = (struct pk_sender_mark){ last, 0, 0 };
	} else if (l->now.at > last) {
		pk_warn("output %s: the journal is another one; it is sent "
			"from its first number on",
			l->conf.name);
		l->now.at = 0;
	}
}

int pk_sender_begin(struct pk_sender *s, struct pk_sender_lane *l)
{
	int known = 0;

	if (l->conf.pattern == PK_SENDER_PUSH)
		known = pk_sender_cursor_load(s->state_fd, l->conf.name,
					      &l->now);
	if (known == -EBADMSG) {
		pk_err("output %s: its cursor %s.cursor is damaged; it goes on "
		       "with what comes",
		       l->conf.name, l->conf.name);
		known = 0;
	}
	if (known < 0) {
		pk_err("output %s: its cursor cannot be read: %s", l->conf.name,
		       strerror(-known));
		return known;
	}
	place(s, l, known);
	l->top = l->now;
	l->kept.at = UINT64_MAX;
	save(s, l, l->now);
	l->kept = l->now;
	return pk_journal_reader_new(&l->reader, s->journal_fd,
				     pk_bus_words[PK_BUS_THREAT],
				     l->now.at + 1);
}

/* An end that did not have to wait has found the queues empty. */
void pk_sender_close(struct pk_sender *s, struct pk_sender_lane *l)
{
	uint64_t begin = clock_ms();

	if (l->monitor)
		zmq_close(l->monitor);
	pk_bus_socket_close(l->context, l->socket);
	if (l->context && l->reader && clock_ms() - begin < PK_BUS_LINGER_MS)
		save(s, l, l->now);
	pk_journal_reader_free(l->reader);
}
