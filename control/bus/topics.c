/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/topics.h"

#include <errno.h>
#include <zmq.h>

enum { AT_ONCE = 4096 };

int pk_topics_limit(void *socket)
{
	const int64_t most = PK_TOPICS_MESSAGE;
	const int waiting = PK_TOPICS_WAITING;

	if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof(most)) ||
	    zmq_setsockopt(socket, ZMQ_RCVHWM, &waiting, sizeof(waiting)))
		return -errno;
	return 0;
}

int pk_topics_read(void *socket, uint32_t *topics)
{
	uint8_t first;

	for (int i = 0; i < AT_ONCE && *topics <= PK_TOPICS_MAX; i++) {
		int n = zmq_recv(socket, &first, sizeof(first), ZMQ_DONTWAIT);

		if (n < 0)
			break;
		/* anything else is no subscription, and nobody's business */
		if (n && first == 1)
			++*topics;
		else if (n && !first && *topics)
			--*topics;
	}
	return *topics > PK_TOPICS_MAX;
}
