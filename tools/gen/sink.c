/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/gen/sink.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>

enum {
	NS_PER_SEC = 1000 * 1000 * 1000,
	SNAPLEN = 65535,
	LINKTYPE_ETHERNET = 1,
	QUEUE_TRIES = 100,
	QUEUE_WAIT_MS = 10,
};

struct pk_sink {
	FILE *file;
	int fd;
	struct sockaddr_ll to;
};

static void put_le(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

static int write_all(FILE *file, const uint8_t *bytes, size_t n)
{
	errno = 0;
	if (fwrite(bytes, 1, n, file) == n)
		return 0;
	return errno ? -errno : -EIO;
}

static struct pk_sink *sink_new(void)
{
	struct pk_sink *s = calloc(1, sizeof *s);

	if (s)
		s->fd = -1;
	return s;
}

/* Magic of nanosecond pcap, version 2.4, no zone, the link type. */
static int write_header(FILE *file)
{
	uint8_t head[24] = { 0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0 };

	put_le(head + 16, SNAPLEN);
	put_le(head + 20, LINKTYPE_ETHERNET);
	return write_all(file, head, sizeof head);
}

int pk_sink_file(struct pk_sink **out, const char *path)
{
	struct pk_sink *s = sink_new();
	int error;

	if (!s)
		return -ENOMEM;
	s->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wbe");
	error = s->file ? write_header(s->file) : -errno;
	if (error) {
		pk_sink_close(s);
		return error;
	}
	*out = s;
	return 0;
}

static int open_interface(struct pk_sink *s, const char *name)
{
	s->to.sll_family = AF_PACKET;
	s->to.sll_ifindex = (int)if_nametoindex(name);
	if (!s->to.sll_ifindex)
		return -ENODEV;
	/* Protocol 0: this socket sends and never receives. */
	s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	return s->fd < 0 ? -errno : 0;
}

int pk_sink_interface(struct pk_sink **out, const char *name)
{
	struct pk_sink *s = sink_new();
	int error;

	if (!s)
		return -ENOMEM;
	error = open_interface(s, name);
	if (error) {
		pk_sink_close(s);
		return error;
	}
	*out = s;
	return 0;
}

static int send_frame(struct pk_sink *s, const uint8_t *frame, size_t len)
{
	for (int i = 0; i < QUEUE_TRIES; i++) {
		struct pollfd room = { s->fd, POLLOUT, 0 };

		if (sendto(s->fd, frame, len, 0,
			   (const struct sockaddr *)&s->to, sizeof s->to) >= 0)
			return 0;
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			return -errno;
		/* ENOBUFS is the device's queue, which nothing polls. */
		if (errno == ENOBUFS)
			poll(NULL, 0, QUEUE_WAIT_MS);
		else
			poll(&room, 1, QUEUE_WAIT_MS);
	}
	return -ENOBUFS;
}

static int write_frame(struct pk_sink *s, uint64_t ts_ns, const uint8_t *frame,
		       size_t len)
{
	uint8_t head[16];
	int error;

	if (ts_ns / NS_PER_SEC > UINT32_MAX)
		return -EOVERFLOW;
	put_le(head, (uint32_t)(ts_ns / NS_PER_SEC));
	put_le(head + 4, (uint32_t)(ts_ns % NS_PER_SEC));
	put_le(head + 8, (uint32_t)len);
	put_le(head + 12, (uint32_t)len);
	error = write_all(s->file, head, sizeof head);
	return error ? error : write_all(s->file, frame, len);
}

int pk_sink_send(struct pk_sink *s, uint64_t ts_ns, const uint8_t *frame,
		 size_t len)
{
	return s->file ? write_frame(s, ts_ns, frame, len)
		       : send_frame(s, frame, len);
}

int pk_sink_close(struct pk_sink *s)
{
	int error = 0;

	if (!s)
		return 0;
	if (s->file == stdout)
		error = fflush(stdout) ? -errno : 0;
	else if (s->file)
		error = fclose(s->file) ? -errno : 0;
	if (s->fd >= 0)
		close(s->fd);
	free(s);
	return error;
}
