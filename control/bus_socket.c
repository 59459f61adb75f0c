/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus_socket.h"

#include <errno.h>
#include <zmq.h>

#define WORD(name, word) #word,
const char *const pk_bus_words[PK_BUS_CLASS_COUNT] = { PK_BUS_CLASSES(WORD) };
#undef WORD

int pk_bus_socket_limit(void *socket, int linger_ms)
{
	const struct {
		int option;
		int value;
	} options[] = {
		{ ZMQ_LINGER, linger_ms },	  { ZMQ_SNDHWM, PK_BUS_HWM },
		{ ZMQ_RCVHWM, PK_BUS_HWM },	  { ZMQ_IPV6, 1 },
		{ ZMQ_HANDSHAKE_IVL, 3000 },	  { ZMQ_RECONNECT_IVL, 100 },
		{ ZMQ_RECONNECT_IVL_MAX, 5000 },  { ZMQ_HEARTBEAT_IVL, 10000 },
		{ ZMQ_HEARTBEAT_TIMEOUT, 30000 }, { ZMQ_TCP_KEEPALIVE, 1 },
	};
	int64_t most = PK_BUS_MESSAGE_MAX;

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (zmq_setsockopt(socket, options[i].option, &options[i].value,
				   sizeof(options[i].value)))
			return -errno;
	if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof(most)))
		return -errno;
	return 0;
}

int pk_bus_socket(void **context, void **socket, int type, int linger_ms)
{
	*context = zmq_ctx_new();
	if (!*context)
		return -errno;
	/* Closing must end by LINGER, not wait for ever. */
	zmq_ctx_set(*context, ZMQ_BLOCKY, 0);
	*socket = zmq_socket(*context, type);
	if (!*socket)
		return -errno;
	return pk_bus_socket_limit(*socket, linger_ms);
}

void pk_bus_socket_close(void *context, void *socket)
{
	if (socket)
		zmq_close(socket);
	if (context)
		zmq_ctx_term(context);
}
