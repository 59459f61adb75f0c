/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "control/bus/frames.h"
#include "control/bus/replayer_inside.h"
#include "control/bus_socket.h"
#include "control/json_out.h"
#include "control/log.h"

enum { BATCH = 64 }; /* messages, before it is another's turn */

int pk_replayer_begin(struct pk_replayer *r, struct pk_replayer_session *s,
		      const struct pk_replayer_peer *peer,
		      const struct pk_ask *ask)
{
	uint64_t written = atomic_load(&r->mark[ask->class]->written);
	int err;

	memset(s, 0, sizeof(*s));
	err = pk_journal_reader_new(&s->reader, r->dir_fd,
				    pk_bus_words[ask->class], ask->from);
	if (err)
		return err;
	s->peer = *peer;
	s->id = ask->id;
	s->class = ask->class;
	s->from = s->next = ask->from;
	s->to = ask->to && ask->to < written ? ask->to : written;
	s->credit = ask->credit;
	s->touched_ns = r->now_ns;
	r->count.open++;
	return 0;
}

void pk_replayer_end(struct pk_replayer *r, struct pk_replayer_session *s,
		     __u64 *why)
{
	pk_journal_reader_free(s->reader);
	s->reader = NULL;
	r->count.open--;
	++*why;
}

static void begin_json(struct pk_replayer *r, struct pk_json_out *j,
		       const struct pk_replayer_session *s, uint64_t from,
		       uint64_t to)
{
	pk_json_out_begin(j, r->json, sizeof(r->json));
	pk_json_out_number(j, "id", s->id);
	pk_json_out_plain(j, "class", pk_bus_words[s->class]);
	pk_json_out_number(j, "from", from);
	pk_json_out_number(j, "to", to);
}

static int tell_gap(struct pk_replayer *r, struct pk_replayer_session *s)
{
	struct pk_json_out j;
	int err;

	begin_json(r, &j, s, s->next, s->gap_to);
	err = pk_replayer_answer(r, &s->peer, "v1/gap/", pk_json_out_end(&j));
	if (err)
		return err;
	r->count.overrun += s->gap_to - s->next + 1;
	s->next = s->gap_to + 1;
	s->gap_to = 0;
	return 0;
}

int pk_replayer_tell_end(struct pk_replayer *r, struct pk_replayer_session *s)
{
	struct pk_json_out j;

	begin_json(r, &j, s, s->from, s->next - 1);
	pk_json_out_number(&j, "sent", s->sent);
	return pk_replayer_answer(r, &s->peer, "v1/end/", pk_json_out_end(&j));
}

static int tell_message(struct pk_replayer *r, struct pk_replayer_session *s)
{
	const struct pk_journal_message *m = &s->message;
	const struct pk_bus_header h = {
		.schema = PK_BUS_SCHEMA,
		.class = (uint16_t)s->class,
		.sensor = r->sensor_hash,
		.epoch = m->epoch,
		.sequence = m->number,
		.time_ns = m->time_ns,
	};
	char topic[PK_BUS_TOPIC_MAX * 2];
	int err;

	snprintf(topic, sizeof(topic), "v1/%s/%.*s%s", pk_bus_words[s->class],
		 (int)m->subject_len, m->subject, m->subject_len ? "/" : "");
	if (zmq_send(pk_replayer_socket(r, &s->peer), s->peer.name, s->peer.len,
		     ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
		return -errno;
	err = pk_frames_send(pk_replayer_socket(r, &s->peer), topic, &h,
			     m->text, m->text_len);
	if (err)
		return err;
	r->count.messages++;
	r->count.bytes += m->text_len;
	s->sent++;
	s->credit--;
	s->next = m->number + 1;
	s->has = 0;
	return 0;
}

/*
 * Find the next message or gap. All up to s->to was written before the replay
 * began, so what the reader does not find is not there any more.
 */
static int look(struct pk_replayer_session *s)
{
	uint64_t missing, next;
	int ret;

	if (s->has || s->gap_to || s->next > s->to)
		return 0;
	ret = pk_journal_read(s->reader, &s->message, &missing);
	if (ret < 0)
		return ret;
	next = ret && s->message.number <= s->to ? s->message.number
						 : s->to + 1;
	s->has = next <= s->to;
	if (next > s->next)
		s->gap_to = next - 1;
	return 0;
}

/* 1 when something was sent; else as pk_replayer_step(), or another errno. */
static int send_one(struct pk_replayer *r, struct pk_replayer_session *s)
{
	int err;

	if (s->gap_to)
		err = tell_gap(r, s);
	else if (!s->has)
		err = pk_replayer_tell_end(r, s);
	else if (s->credit)
		err = tell_message(r, s);
	else
		return 0;
	if (err)
		return err;
	s->touched_ns = r->now_ns;
	return 1;
}

/* The journal cannot be read: that is worth a word to both sides. */
static void fail(struct pk_replayer *r, struct pk_replayer_session *s, int err)
{
	const struct pk_ask ask = { .has_id = 1, .id = s->id };

	pk_err("journal of %s: cannot be read at number %" PRIu64 ": %s",
	       pk_bus_words[s->class], s->next, strerror(-err));
	pk_replayer_error(r, &s->peer, &ask,
			  "the journal cannot be read; ask again later");
	pk_replayer_end(r, s, &r->count.failed);
}

int pk_replayer_step(struct pk_replayer *r, struct pk_replayer_session *s)
{
	int ret, done;

	for (int i = 0; i < BATCH; i++) {
		ret = look(s);
		if (ret) {
			fail(r, s, ret);
			return 0;
		}
		done = !s->has && !s->gap_to;
		ret = send_one(r, s);
		if (ret == -EAGAIN || !ret)
			return ret;
		if (ret < 0)
			pk_replayer_end(r, s, &r->count.gone);
		else if (done)
			pk_replayer_end(r, s, &r->count.ended);
		if (!s->reader)
			return 0;
	}
	return 1;
}
