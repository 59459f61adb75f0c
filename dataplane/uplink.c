/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/uplink.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/shared.h"
#include "ioc/image/images.h"

enum message_type { HELLO = 1, CONFIG, READY, SAY, STOP };

enum { FDS_MAX = 2 * PK_UPLINK_RINGS + 3 };

struct config {
	struct pk_uplink_conf conf;
	uint32_t rings; /* 0: the greeting is refused */
	uint8_t images; /* 1: their fd follows */
	uint8_t hits;
	uint8_t pad[2];
};

/* A datagram: its type, and as much of the body as the type has. */
struct message {
	uint32_t type;
	uint32_t pad;
	union {
		struct pk_uplink_hello hello;
		struct config config;
		char sentence[PK_SAY_BYTES];
	};
};
enum { HEAD_BYTES = offsetof(struct message, hello) };

/*
 * The order of the fds of a CONFIG: stats, images and hits if there are any,
 * then memory and eventfd of each ring.
 */
struct fds {
	int fd[FDS_MAX];
	uint32_t n;
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
};

/* --- messages ------------------------------------------------------------ */

static void close_fds(struct fds *fds)
{
	for (uint32_t i = 0; i < fds->n; i++)
		close(fds->fd[i]);
	fds->n = 0;
}

static void attach_fds(struct msghdr *m, union control *control,
		       const struct fds *fds)
{
	struct cmsghdr *c;

	memset(control, 0, sizeof(*control));
	m->msg_control = control->bytes;
	m->msg_controllen = CMSG_SPACE(sizeof(int) * fds->n);
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * fds->n);
	memcpy(CMSG_DATA(c), fds->fd, sizeof(int) * fds->n);
}

/* Never waits: the socket's buffer holds a whole handshake. */
static int send_message(int fd, const struct message *msg, size_t body,
			const struct fds *fds)
{
	struct iovec iov = { (void *)msg, HEAD_BYTES + body };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;

	if (fds && fds->n)
		attach_fds(&m, &control, fds);
	if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	return 0;
}

static int send_word(int fd, enum message_type type)
{
	struct message msg = { .type = type };

	return send_message(fd, &msg, 0, NULL);
}

static void take_fds(struct msghdr *m, struct fds *fds)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		uint32_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		if (n > FDS_MAX - fds->n)
			n = FDS_MAX - fds->n;
		memcpy(fds->fd + fds->n, CMSG_DATA(c), n * sizeof(int));
		fds->n += n;
	}
}

/*
 * The length of the body, -EAGAIN, -ECONNRESET, or -EPROTO. Without @fds there
 * is no room for any, so the kernel installs none.
 */
static int receive(int fd, struct message *msg, struct fds *fds)
{
	struct iovec iov = { msg, sizeof(*msg) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t n;

	if (fds) {
		fds->n = 0;
		m.msg_control = control.bytes;
		/* Not CMSG_SPACE: its padding would have room for another. */
		m.msg_controllen = CMSG_LEN(sizeof(int) * FDS_MAX);
	}
	n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (fds)
		take_fds(&m, fds);
	if (n >= HEAD_BYTES && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return (int)(n - HEAD_BYTES);
	if (fds)
		close_fds(fds);
	return n ? -EPROTO : -ECONNRESET;
}

/* --- the plane ------------------------------------------------------------ */

static int greet(int fd, const struct pk_uplink_hello *hello)
{
	struct message msg = { .type = HELLO };

	msg.hello = *hello;
	return send_message(fd, &msg, sizeof(*hello), NULL);
}

static int await_message(int fd, struct message *msg, struct fds *fds)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	int n;

	for (;;) {
		if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
			return -errno;
		n = receive(fd, msg, fds);
		if (n != -EAGAIN)
			return n;
	}
}

/* Do configuration and fds belong together, and to this greeting? */
static int check_config(const struct config *c, uint32_t rings,
			const struct fds *fds)
{
	uint32_t want = 1 + 2 * rings;

	if (c->conf.abi != PK_ABI_VERSION || !c->rings || c->rings != rings)
		return -EPROTO;
	if (c->images > 1 || c->hits > c->images)
		return -EPROTO;
	want += c->images + c->hits;
	return fds->n == want && c->conf.sampling ? 0 : -EINVAL;
}

static int use_fds(struct pk_uplink *u, const struct config *c,
		   const struct fds *fds)
{
	uint32_t at = 0;
	int images, hits, err;

	err = pk_stats_open(&u->stats, fds->fd[at++]);
	if (err)
		return err;
	images = c->images ? fds->fd[at++] : -1;
	hits = c->hits ? fds->fd[at++] : -1;
	if (images >= 0)
		err = pk_images_open(&u->images, images, hits);
	if (err)
		return err;
	while (u->rings < c->rings) {
		err = pk_ring_join(&u->ring[u->rings], fds->fd[at],
				   fds->fd[at + 1]);
		if (err)
			return err;
		u->rings++;
		at += 2;
	}
	return 0;
}

static void count_incarnation(struct pk_uplink *u,
			      const struct pk_uplink_hello *hello)
{
	if (hello->workers > u->stats->workers)
		u->stats->workers = hello->workers;
	u->stats->incarnations++;
}

static int configure(struct pk_uplink *u, const struct pk_uplink_hello *hello)
{
	struct message msg;
	struct fds fds;
	int n, err;

	n = await_message(u->fd, &msg, &fds);
	if (n < 0)
		return n;
	if (msg.type == STOP)
		err = -ECONNRESET;
	else if (msg.type != CONFIG || n != sizeof(msg.config))
		err = -EPROTO;
	else
		err = check_config(&msg.config, hello->rings, &fds);
	if (!err) {
		u->conf = msg.config.conf;
		err = use_fds(u, &msg.config, &fds);
	}
	if (!err)
		count_incarnation(u, hello);
	close_fds(&fds);
	return err;
}

int pk_uplink_connect(struct pk_uplink **out, int fd,
		      const struct pk_uplink_hello *hello)
{
	struct pk_uplink *u = calloc(1, sizeof(*u));
	int err;

	if (!u) {
		close(fd);
		return -ENOMEM;
	}
	u->fd = fd;
	err = greet(fd, hello);
	if (!err)
		err = configure(u, hello);
	if (err) {
		pk_uplink_free(u);
		return err;
	}
	*out = u;
	return 0;
}

void pk_uplink_free(struct pk_uplink *u)
{
	if (!u)
		return;
	for (uint32_t i = 0; i < u->rings; i++)
		pk_ring_free(u->ring[i]);
	pk_images_free(u->images);
	pk_stats_free(u->stats);
	close(u->fd);
	free(u);
}

int pk_uplink_ready(struct pk_uplink *u)
{
	return send_word(u->fd, READY);
}

void pk_uplink_say(struct pk_uplink *u, const char *sentence)
{
	struct message msg = { .type = SAY };
	size_t len = strnlen(sentence, PK_SAY_BYTES - 1);

	memcpy(msg.sentence, sentence, len);
	send_message(u->fd, &msg, len, NULL);
}

/* Whatever the daemon says after CONFIG, an orderly one means STOP. */
int pk_uplink_stopping(struct pk_uplink *u)
{
	struct message msg;

	if (!u->stopping && receive(u->fd, &msg, NULL) != -EAGAIN)
		u->stopping = 1;
	return u->stopping;
}

/* --- the daemon ------------------------------------------------------------ */

int pk_downlink_new(struct pk_downlink **out, int *plane_fd)
{
	struct pk_downlink *d;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	d = calloc(1, sizeof(*d));
	if (!d) {
		close(pair[0]);
		close(pair[1]);
		return -ENOMEM;
	}
	d->fd = pair[0];
	*plane_fd = pair[1];
	*out = d;
	return 0;
}

void pk_downlink_free(struct pk_downlink *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; i < d->rings; i++)
		pk_ring_free(d->ring[i]);
	close(d->fd);
	free(d);
}

static int make_rings(struct pk_downlink *d, uint32_t rings, uint32_t bytes)
{
	int err;

	while (d->rings < rings) {
		err = pk_ring_new(&d->ring[d->rings], bytes);
		if (err)
			return err;
		d->rings++;
	}
	return 0;
}

/* The fds stay ours: sending duplicates them. */
static void list_fds(const struct pk_downlink *d,
		     const struct pk_downlink_conf *c, struct fds *fds)
{
	fds->n = 0;
	fds->fd[fds->n++] = c->stats_fd;
	if (c->images_fd >= 0)
		fds->fd[fds->n++] = c->images_fd;
	if (c->images_fd >= 0 && c->hits_fd >= 0)
		fds->fd[fds->n++] = c->hits_fd;
	for (uint32_t i = 0; i < d->rings; i++) {
		fds->fd[fds->n++] = pk_ring_fd(d->ring[i]);
		fds->fd[fds->n++] = pk_ring_eventfd(d->ring[i]);
	}
}

static int send_config(struct pk_downlink *d, const struct pk_downlink_conf *c)
{
	struct message msg = { .type = CONFIG };
	struct fds fds;

	msg.config.conf = c->conf;
	msg.config.conf.abi = PK_ABI_VERSION;
	msg.config.rings = d->rings;
	msg.config.images = c->images_fd >= 0;
	msg.config.hits = c->images_fd >= 0 && c->hits_fd >= 0;
	list_fds(d, c, &fds);
	return send_message(d->fd, &msg, sizeof(msg.config), &fds);
}

/* A CONFIG without rings tells the plane why it is left alone. */
static int refuse(struct pk_downlink *d)
{
	struct message msg = { .type = CONFIG };

	msg.config.conf.abi = PK_ABI_VERSION;
	send_message(d->fd, &msg, sizeof(msg.config), NULL);
	return -EPROTO;
}

static int on_hello(struct pk_downlink *d, const struct pk_uplink_hello *hello,
		    const struct pk_downlink_conf *c)
{
	int err;

	if (hello->abi != PK_ABI_VERSION || hello->plane >= PK_PLANES)
		return refuse(d);
	if (!hello->rings || hello->rings > PK_UPLINK_RINGS ||
	    hello->workers > PK_WORKERS_MAX)
		return refuse(d);
	err = make_rings(d, hello->rings, c->ring_bytes);
	if (err)
		return err;
	d->hello = *hello;
	err = send_config(d, c);
	return err ? err : 1;
}

static int on_sentence(struct pk_downlink *d, const char *sentence, int n)
{
	if (n >= PK_SAY_BYTES)
		return -EPROTO;
	for (int i = 0; i < n; i++)
		d->said[i] = sentence[i] >= ' ' && sentence[i] <= '~'
				     ? sentence[i]
				     : '?';
	d->said[n] = '\0';
	return 1;
}

int pk_downlink_poll(struct pk_downlink *d, const struct pk_downlink_conf *c)
{
	struct message msg;
	int n = receive(d->fd, &msg, NULL);

	if (n < 0)
		return n == -EAGAIN ? 0 : n;
	if (!d->rings) {
		if (msg.type == HELLO && n == sizeof(msg.hello))
			return on_hello(d, &msg.hello, c);
		return -EPROTO;
	}
	if (msg.type == SAY)
		return on_sentence(d, msg.sentence, n);
	if (msg.type != READY || n != 0)
		return -EPROTO;
	d->ready = 1;
	return 1;
}

int pk_downlink_stop(struct pk_downlink *d)
{
	return send_word(d->fd, STOP);
}

/* --- stats ---------------------------------------------------------------- */

int pk_stats_new(struct pk_plane_stats **out, int *fd)
{
	struct pk_plane_stats *s;
	void *at;
	int new, err;

	err = pk_shared_new("picket-stats", sizeof(*s), &new);
	if (err)
		return err;
	err = pk_shared_map(new, sizeof(*s), &at);
	if (err) {
		close(new);
		return err;
	}
	s = at;
	s->abi = PK_ABI_VERSION;
	*out = s;
	*fd = new;
	return 0;
}

int pk_stats_open(struct pk_plane_stats **out, int fd)
{
	struct pk_plane_stats *s;
	size_t bytes;
	void *at;
	int err;

	err = pk_shared_size(fd, &bytes);
	if (err)
		return err;
	if (bytes != sizeof(*s))
		return -EINVAL;
	err = pk_shared_map(fd, bytes, &at);
	if (err)
		return err;
	s = at;
	if (s->abi != PK_ABI_VERSION) {
		pk_stats_free(s);
		return -EINVAL;
	}
	*out = s;
	return 0;
}

void pk_stats_free(struct pk_plane_stats *s)
{
	if (s)
		munmap(s, sizeof(*s));
}
