/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/relay/broker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>

enum {
	CHANNEL = 1,
	BEAT_S = 30,
	FRAME_MAX = 131072,
	CONNECT_S = 10,
	PERSISTENT = 2,
};

struct broker {
	amqp_connection_state_t state;
	char *queue;
	uint64_t sent;			    /* the highest tag */
	uint64_t upto;			    /* all tags to here are confirmed */
	uint64_t confirmed;		    /* in all */
	uint8_t single[BROKER_UNCONFIRMED]; /* of tags above upto, modulo */
};

static int said(amqp_rpc_reply_t r, const char *what, char *err)
{
	const char *why = "it was refused";

	if (r.reply_type == AMQP_RESPONSE_NORMAL)
		return 0;
	if (r.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
		why = amqp_error_string2(r.library_error);
	snprintf(err, BROKER_SENTENCE, "%s: %s", what, why);
	return -EIO;
}

static int connect_to(struct broker *b, const struct amqp_connection_info *to,
		      char *err)
{
	struct timeval patience = { .tv_sec = CONNECT_S };
	amqp_socket_t *socket;
	int status;

	b->state = amqp_new_connection();
	socket = b->state ? amqp_tcp_socket_new(b->state) : NULL;
	if (!socket) {
		snprintf(err, BROKER_SENTENCE, "out of memory");
		return -ENOMEM;
	}
	status =
		amqp_socket_open_noblock(socket, to->host, to->port, &patience);
	if (!status)
		return 0;
	snprintf(err, BROKER_SENTENCE, "%.100s port %d: %s", to->host, to->port,
		 amqp_error_string2(status));
	return -EIO;
}

static int prepare(struct broker *b, const struct amqp_connection_info *to,
		   char *err)
{
	amqp_rpc_reply_t r =
		amqp_login(b->state, to->vhost, 0, FRAME_MAX, BEAT_S,
			   AMQP_SASL_METHOD_PLAIN, to->user, to->password);
	int ret = said(r, "the login", err);

	if (ret)
		return ret;
	amqp_channel_open(b->state, CHANNEL);
	ret = said(amqp_get_rpc_reply(b->state), "the channel", err);
	if (ret)
		return ret;
	amqp_queue_declare(b->state, CHANNEL, amqp_cstring_bytes(b->queue), 0,
			   1, 0, 0, amqp_empty_table);
	ret = said(amqp_get_rpc_reply(b->state), "the queue", err);
	if (ret)
		return ret;
	amqp_confirm_select(b->state, CHANNEL);
	return said(amqp_get_rpc_reply(b->state), "confirmations", err);
}

int broker_open(struct broker **out, const char *uri, const char *queue,
		char err[BROKER_SENTENCE])
{
	struct amqp_connection_info to;
	char *copy = strdup(uri);
	struct broker *b = calloc(1, sizeof(*b));
	int ret = -ENOMEM;

	snprintf(err, BROKER_SENTENCE, "out of memory");
	if (b)
		b->queue = strdup(queue);
	if (copy && b && b->queue) {
		ret = -EINVAL;
		snprintf(err, BROKER_SENTENCE,
			 "not amqp://USER:PASSWORD@HOST:PORT/VHOST");
		if (!amqp_parse_url(copy, &to) && !to.ssl)
			ret = connect_to(b, &to, err);
		if (!ret)
			ret = prepare(b, &to, err);
	}
	if (copy)
		explicit_bzero(copy, strlen(copy));
	free(copy);
	if (ret)
		broker_free(b);
	else
		*out = b;
	return ret;
}

void broker_free(struct broker *b)
{
	if (!b)
		return;
	if (b->state)
		amqp_destroy_connection(b->state);
	free(b->queue);
	free(b);
}

int broker_send(struct broker *b, const char *json, size_t len)
{
	const amqp_basic_properties_t how = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG |
			  AMQP_BASIC_DELIVERY_MODE_FLAG,
		.content_type = amqp_cstring_bytes("application/json"),
		.delivery_mode = PERSISTENT,
	};
	const amqp_bytes_t body = { .len = len, .bytes = (void *)json };

	if (b->sent - b->upto == BROKER_UNCONFIRMED)
		return -EIO;
	/* mandatory: a queue that was deleted is to be known */
	if (amqp_basic_publish(b->state, CHANNEL, amqp_empty_bytes,
			       amqp_cstring_bytes(b->queue), 1, 0, &how, body))
		return -EIO;
	b->sent++;
	return 0;
}

static uint8_t *single(struct broker *b, uint64_t tag)
{
	return &b->single[tag % BROKER_UNCONFIRMED];
}

/* The single ones above a multiple one stay; 0, multiple, is all. */
static int take_ack(struct broker *b, const amqp_basic_ack_t *ack)
{
	uint64_t tag = ack->delivery_tag, from = tag;

	if (tag > b->sent || (!tag && !ack->multiple))
		return -EIO;
	if (ack->multiple) {
		from = b->upto + 1;
		tag = tag ? tag : b->sent;
	}
	for (uint64_t t = from; t <= tag && t > b->upto; t++) {
		b->confirmed += !*single(b, t);
		*single(b, t) = 1;
	}
	while (b->upto < b->sent && *single(b, b->upto + 1))
		*single(b, ++b->upto) = 0;
	return 0;
}

/* 0, or an error, for what the broker says. */
static int take(struct broker *b, const amqp_frame_t *f)
{
	if (f->frame_type != AMQP_FRAME_METHOD)
		return 0;
	switch (f->payload.method.id) {
	case AMQP_BASIC_ACK_METHOD:
		return take_ack(b, f->payload.method.decoded);
	case AMQP_BASIC_NACK_METHOD:
	case AMQP_BASIC_RETURN_METHOD:
		return -EREMOTEIO;
	}
	return -EIO; /* it closes the channel or the connection */
}

static int wait_frame(struct broker *b, int seconds, int *got)
{
	struct timeval patience = { .tv_sec = seconds };
	amqp_frame_t f;
	int status = amqp_simple_wait_frame_noblock(b->state, &f, &patience);

	*got = 0;
	if (status == AMQP_STATUS_TIMEOUT)
		return 0;
	if (status)
		return -EIO;
	*got = 1;
	return take(b, &f);
}

/*
 * Single confirmations may come in any order, multiple ones say up to which:
 * all are there when there are as many as were sent.
 */
int broker_confirm(struct broker *b, int timeout_s)
{
	int got, err;

	while (b->confirmed < b->sent) {
		err = wait_frame(b, timeout_s, &got);
		if (err)
			return err;
		if (!got)
			return -ETIMEDOUT;
	}
	amqp_maybe_release_buffers(b->state);
	return 0;
}

int broker_idle(struct broker *b)
{
	int got, err;

	do
		err = wait_frame(b, 0, &got);
	while (!err && got);
	return err;
}
