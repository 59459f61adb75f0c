/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/stats.h"
#include "ioc/image/images.h"

_Static_assert((int)PK_MAPS_FDS <= (int)PK_REQUEST_FDS, "maps in one message");

union control {
	char bytes[CMSG_SPACE(sizeof(int) * PK_REQUEST_FDS)];
	struct cmsghdr align;
};

void pk_fds_close(struct pk_fds *fds)
{
	for (uint32_t i = 0; i < fds->count; i++)
		if (fds->fd[i] >= 0)
			close(fds->fd[i]);
	fds->count = 0;
}

int pk_request_send(int fd, const void *message, size_t len,
		    const struct pk_fds *fds)
{
	struct iovec iov = { (void *)message, len };
	union control control = { 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	size_t bytes;

	if (fds && fds->count > PK_REQUEST_FDS)
		return -EINVAL;
	if (fds && fds->count) {
		bytes = sizeof(int) * fds->count;
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(c), fds->fd, bytes);
	}
	if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len)
		return 0;
	return errno ? -errno : -EMSGSIZE;
}

/* The buffer has room for PK_REQUEST_FDS; the kernel drops what is above. */
static void take_fds(struct msghdr *m, struct pk_fds *fds)
{
	struct cmsghdr *c;

	fds->count = 0;
	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (n > PK_REQUEST_FDS - fds->count)
			n = PK_REQUEST_FDS - fds->count;
		memcpy(fds->fd + fds->count, CMSG_DATA(c), n * sizeof(int));
		fds->count += (uint32_t)n;
	}
}

int pk_request_recv(int fd, void *message, size_t len, struct pk_fds *fds)
{
	struct iovec iov = { message, len };
	union control control;
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	uint32_t version = 0;
	ssize_t n;

	fds->count = 0;
	n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return -errno;
	take_fds(&m, fds);
	if (!n && !fds->count)
		return -ECONNRESET;
	if (n >= (ssize_t)sizeof(version))
		memcpy(&version, message, sizeof(version));
	if ((size_t)n == len && version == PK_REQUEST_VERSION &&
	    !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 1;
	pk_fds_close(fds);
	return -EBADMSG;
}

#define WORDS(_)                    \
	_(HELLO, "hello")           \
	_(READY, "ready")           \
	_(OPEN, "open")             \
	_(ATTACH, "attach")         \
	_(DETACH, "detach")         \
	_(GROW, "grow")             \
	_(XDP_START, "xdp-start")   \
	_(PORT_START, "port-start") \
	_(PORT_STOP, "port-stop")

const char *pk_request_word(uint32_t kind)
{
	switch (kind) {
#define WORD(name, word)        \
	case PK_REQUEST_##name: \
		return word;
		WORDS(WORD)
#undef WORD
	case PK_NOTICE_ATTACHED:
		return "attached";
	case PK_NOTICE_EXITED:
		return "exited";
	case PK_NOTICE_ENDING:
		return "ending";
	default:
		return "unknown";
	}
}

/* Which parts of a request a kind uses; what it does not use must be 0. */
enum {
	USES_NAME = 1,
	USES_IFNAME = 2,
	USES_DEVICE = 4,
	USES_SLOT = 8,
	USES_LINES = 128,
	USES_PORT = 16,
	USES_WORKERS = 32,
	USES_FD = 64,
};

enum { ATTACH_FLAGS = PK_ATTACH_SKB | PK_ATTACH_INGRESS_ONLY | PK_ATTACH_YES };

struct shape {
	unsigned uses;
	uint32_t flags;
};

static const struct shape shapes[PK_REQUEST_KINDS] = {
	[PK_REQUEST_OPEN] = { USES_IFNAME | USES_LINES, ATTACH_FLAGS },
	[PK_REQUEST_ATTACH] = { USES_IFNAME | USES_PORT, ATTACH_FLAGS },
	[PK_REQUEST_DETACH] = { USES_IFNAME, 0 },
	[PK_REQUEST_GROW] = { USES_SLOT | USES_LINES, 0 },
	[PK_REQUEST_XDP_START] = { USES_FD, 0 },
	[PK_REQUEST_PORT_START] = { USES_NAME | USES_DEVICE | USES_WORKERS |
					    USES_FD,
				    PK_PORT_NO_HUGE | PK_PORT_PCI },
	[PK_REQUEST_PORT_STOP] = { USES_NAME, 0 },
};

static int ends(const char *s, size_t size)
{
	return strnlen(s, size) < size;
}

static int is_device(const struct pk_request *r)
{
	return (r->flags & PK_PORT_PCI) ? pk_spec_is_pci(r->device)
					: pk_spec_is_vdev(r->device);
}

static const char *check_text(const struct pk_request *r, unsigned uses)
{
	if (!ends(r->name, sizeof(r->name)) ||
	    !ends(r->device, sizeof(r->device)))
		return "a text without an end";
	if (uses & USES_IFNAME) {
		if (!pk_spec_is_iface(r->name))
			return "not the name of an interface";
	} else if (uses & USES_NAME) {
		if (!pk_spec_is_port(r->name))
			return "a port's name must be " PK_SPEC_PORT_TEXT;
	} else if (r->name[0]) {
		return "a name where none belongs";
	}
	if ((uses & USES_DEVICE) && !is_device(r))
		return "not a device: a driver's name and keys without blanks, "
		       "or a PCI address";
	if (!(uses & USES_DEVICE) && r->device[0])
		return "a device where none belongs";
	return NULL;
}

static const char *check_numbers(const struct pk_request *r, unsigned uses)
{
	if (r->slot >= ((uses & USES_SLOT) ? PK_IMAGE_SLOTS : 1))
		return "no such image slot";
	if (uses & USES_LINES) {
		if (!r->lines || r->lines > PK_IMAGES_BASE_LINES)
			return "a map has 1 to 2^24 lines";
	} else if (r->lines) {
		return "lines where none belong";
	}
	if (uses & USES_WORKERS) {
		if (!r->workers || r->workers > PK_WORKERS_MAX)
			return "a port has 1 to 16 workers";
	} else if (r->workers) {
		return "workers where none belong";
	}
	if (r->port > UINT16_MAX || (!(uses & USES_PORT) && r->port))
		return "a port number out of range";
	return NULL;
}

int pk_request_check(const struct pk_request *r, uint32_t fds, char *why,
		     size_t size)
{
	const struct shape *shape;
	const char *fault;

	if (!r->kind || r->kind >= PK_REQUEST_KINDS) {
		snprintf(why, size, "request of unknown kind %u", r->kind);
		return -EINVAL;
	}
	shape = &shapes[r->kind];
	fault = check_text(r, shape->uses);
	if (!fault)
		fault = check_numbers(r, shape->uses);
	if (!fault && (!r->id || r->pad))
		fault = "id or padding is wrong";
	if (!fault && (r->flags & ~shape->flags))
		fault = "a flag that does not belong to it";
	if (!fault && fds != !!(shape->uses & USES_FD))
		fault = "the wrong number of descriptors";
	if (!fault)
		return 0;
	snprintf(why, size, "%s request refused: %s", pk_request_word(r->kind),
		 fault);
	return -EINVAL;
}
