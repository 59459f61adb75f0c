/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frames: a message of the bus as its three ZeroMQ frames, there and back.
 *
 * The inside of the bus; nobody else includes it.
 */
#ifndef PK_CONTROL_FRAMES_H
#define PK_CONTROL_FRAMES_H

#include <zmq.h>

#include "control/bus.h"

enum { PK_FRAMES = 3 };

/* What was received last; to be initialised and freed. */
struct pk_frames {
	zmq_msg_t part[PK_FRAMES];
	char *json;
};

void pk_frames_init(struct pk_frames *f);
void pk_frames_fini(struct pk_frames *f);

/*
 * Receive one message without waiting and read it into @m, but not its missed
 * and missed_class. 1; 0 when it was malformed; -EAGAIN when there is none, or
 * -errno.
 */
int pk_frames_recv(struct pk_frames *f, void *socket, struct pk_bus_message *m);

/*
 * Send without waiting; ZeroMQ takes all frames of a message or none. 0 or
 * -errno.
 */
int pk_frames_send(void *socket, const char *topic,
		   const struct pk_bus_header *h, const char *json, size_t len);

#endif /* PK_CONTROL_FRAMES_H */
