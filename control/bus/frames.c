/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/frames.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void pk_frames_init(struct pk_frames *f)
{
	for (int i = 0; i < PK_FRAMES; i++)
		zmq_msg_init(&f->part[i]);
	f->json = NULL;
}

void pk_frames_fini(struct pk_frames *f)
{
	for (int i = 0; i < PK_FRAMES; i++)
		zmq_msg_close(&f->part[i]);
	free(f->json);
}

static int has_more(void *socket)
{
	int more = 0;
	size_t size = sizeof(more);

	zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
	return more;
}

/* All parts of one message; 0 when it has another number of them. */
static int receive(struct pk_frames *f, void *socket)
{
	int n = 0, more;
	zmq_msg_t rest;

	zmq_msg_init(&rest);
	do {
		zmq_msg_t *into = n < PK_FRAMES ? &f->part[n] : &rest;

		if (zmq_msg_recv(into, socket, ZMQ_DONTWAIT) < 0) {
			int err = -errno;

			zmq_msg_close(&rest);
			return err;
		}
		n++;
		more = has_more(socket);
	} while (more);
	zmq_msg_close(&rest);
	return n == PK_FRAMES;
}

static int read_topic(struct pk_frames *f, struct pk_bus_message *m)
{
	size_t n = zmq_msg_size(&f->part[0]);

	if (n >= sizeof(m->topic))
		return -EBADMSG;
	memcpy(m->topic, zmq_msg_data(&f->part[0]), n);
	m->topic[n] = 0;
	return 0;
}

static int read_header(struct pk_frames *f, struct pk_bus_message *m)
{
	struct pk_bus_header h;

	if (zmq_msg_size(&f->part[1]) != sizeof(h))
		return -EBADMSG;
	memcpy(&h, zmq_msg_data(&f->part[1]), sizeof(h));
	m->header = (struct pk_bus_header){
		.schema = le16toh(h.schema),
		.class = le16toh(h.class),
		.sensor = le32toh(h.sensor),
		.epoch = le64toh(h.epoch),
		.sequence = le64toh(h.sequence),
		.time_ns = le64toh(h.time_ns),
	};
	return m->header.schema == PK_BUS_SCHEMA ? 0 : -EBADMSG;
}

static int read_payload(struct pk_frames *f, struct pk_bus_message *m)
{
	size_t n = zmq_msg_size(&f->part[2]);
	char *json = realloc(f->json, n + 1);

	if (!json)
		return -ENOMEM;
	memcpy(json, zmq_msg_data(&f->part[2]), n);
	json[n] = 0;
	f->json = json;
	m->json = json;
	m->len = n;
	return 0;
}

int pk_frames_recv(struct pk_frames *f, void *socket, struct pk_bus_message *m)
{
	int n = receive(f, socket);

	if (n <= 0)
		return n;
	return !read_topic(f, m) && !read_header(f, m) && !read_payload(f, m);
}

/* Only the first frame can fail: the others go with it. */
int pk_frames_send(void *socket, const char *topic,
		   const struct pk_bus_header *h, const char *json, size_t len)
{
	struct pk_bus_header wire = {
		.schema = htole16(h->schema),
		.class = htole16(h->class),
		.sensor = htole32(h->sensor),
		.epoch = htole64(h->epoch),
		.sequence = htole64(h->sequence),
		.time_ns = htole64(h->time_ns),
	};
	const int more = ZMQ_SNDMORE | ZMQ_DONTWAIT;

	if (zmq_send(socket, topic, strlen(topic), more) < 0 ||
	    zmq_send(socket, &wire, sizeof(wire), more) < 0 ||
	    zmq_send(socket, json, len, ZMQ_DONTWAIT) < 0)
		return -errno;
	return 0;
}
