/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * broker: messages to a durable queue of an AMQP 0-9-1 broker, each confirmed.
 *
 * One thread an object. After an error the connection is no more: free it, and
 * open another one.
 */
#ifndef PK_RELAY_BROKER_H
#define PK_RELAY_BROKER_H

#include <stddef.h>
#include <stdint.h>

enum {
	BROKER_SENTENCE = 256,
	BROKER_UNCONFIRMED = 200, /* messages at a time */
};

struct broker;

/*
 * Connect to @uri (amqp://USER:PASSWORD@HOST:PORT/VHOST), declare @queue,
 * durable, and ask for confirmations. 0, -EINVAL for a URI that is none, or
 * -EIO; the sentence, which has no password, is in @err.
 */
int broker_open(struct broker **out, const char *uri, const char *queue,
		char err[BROKER_SENTENCE]);
void broker_free(struct broker *b); /* NULL is a no-op */

/*
 * Hand over a JSON message, persistent. 0 or -EIO; that also when
 * BROKER_UNCONFIRMED wait for their confirmation.
 */
int broker_send(struct broker *b, const char *json, size_t len);

/*
 * Until all that was sent is confirmed, @timeout_s at most. 0; -EIO, -ETIMEDOUT
 * or, when the broker refused one or has no such queue any more, -EREMOTEIO.
 */
int broker_confirm(struct broker *b, int timeout_s);

/* Keep the connection alive while there is nothing to send. 0 or -EIO. */
int broker_idle(struct broker *b);

#endif /* PK_RELAY_BROKER_H */
