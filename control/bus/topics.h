/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * topics: what peers of a publisher may cost it.
 *
 * libzmq keeps every topic that a peer subscribes to, a node for each byte,
 * and asks nobody. So a publisher's socket (ZMQ_XPUB: it tells of each topic
 * that is new) takes short topics only, and counts them: PK_TOPICS_MAX
 * different ones at a time are far more than there are classes and subjects.
 * With more, all memory goes at once with the socket, which is opened anew;
 * peers come back by themselves and fetch what they missed.
 */
#ifndef PK_CONTROL_TOPICS_H
#define PK_CONTROL_TOPICS_H

#include <stdint.h>

enum {
	PK_TOPICS_MAX = 1024,
	PK_TOPICS_MESSAGE =
		512,		/* bytes of a peer's message; CURVE needs 400 */
	PK_TOPICS_WAITING = 64, /* messages of a peer */
};

/* Before it is bound. 0 or -errno. */
int pk_topics_limit(void *socket);

/*
 * Read what the peers of @socket asked for since the last time; *@topics is
 * how many they have. 1 when they are too many, else 0.
 */
int pk_topics_read(void *socket, uint32_t *topics);

#endif /* PK_CONTROL_TOPICS_H */
