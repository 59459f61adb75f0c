/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * request: what the unprivileged daemon may ask of the privileged launcher.
 *
 * One SEQPACKET socket pair, fixed-size messages, file descriptors beside
 * them. The launcher answers every request once, with the request's id; it
 * also sends notices, which have id 0: the interfaces that it found attached,
 * and planes that ended. The launcher trusts no field: pk_request_check()
 * says what a well-formed request is, and everything about the world (does the
 * interface exist, who owns it) is checked by the launcher when it serves it.
 *
 * No state, no locks. One thread at each end of the socket.
 */
#ifndef PK_CONTROL_REQUEST_H
#define PK_CONTROL_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "control/launcher/spec.h"
#include "dataplane/xdp/object.h"

enum {
	PK_REQUEST_VERSION = 1,
	PK_REQUEST_NAME = 64, /* bytes, with the NUL */
	PK_REQUEST_DEVICE = 256,
	PK_REQUEST_WHY = 400,
	PK_REQUEST_FDS = 16, /* most descriptors beside one message */
};

enum pk_request_kind {
	PK_REQUEST_HELLO = 1, /* a daemon begins: tell it what there is */
	PK_REQUEST_READY,     /* it serves: tell the service manager */
	PK_REQUEST_OPEN,      /* as ATTACH, and lines: make the kernel's maps */
	PK_REQUEST_ATTACH,    /* name, port, flags */
	PK_REQUEST_DETACH,    /* name */
	PK_REQUEST_GROW,      /* slot, lines */
	PK_REQUEST_XDP_START, /* 1 fd: the plane's end of the uplink */
	PK_REQUEST_PORT_START, /* name, device, flags, workers; 1 fd, as above */
	PK_REQUEST_PORT_STOP,  /* name */
	PK_REQUEST_KINDS
};

/*
 * OPEN checks all that ATTACH will check, and then makes the maps, with `lines`
 * hit counters, or says which they are; so the daemon can publish its image
 * before the first frame is looked at, and nothing is left behind by a name
 * that does not exist.
 *
 * Statuses that mean something to whoever asked:
 *	-ENODEV       no such interface
 *	-EPERM        a capability is missing
 *	-EBUSY        another owner
 *	-EEXIST       it is attached, or started, already
 *	-ENOENT       it is not
 *	-ECANCELED    needs PK_ATTACH_YES
 *	-EOPNOTSUPP   the host is not set up for it (bpffs, program missing)
 *	-ECONNABORTED the plane died too often
 */

/* Notices of the launcher: kinds that no request has. */
enum {
	PK_NOTICE_ATTACHED = 64, /* before HELLO's answer, one an interface */
	PK_NOTICE_EXITED,	 /* a plane ended: name, exit, fenced */
	PK_NOTICE_ENDING,	 /* all will end now; nothing more is served */
};

/* Bits of pk_request.flags. */
enum {
	PK_ATTACH_SKB = 1,	    /* generic XDP, no native attempt */
	PK_ATTACH_INGRESS_ONLY = 2, /* no egress program */
	PK_ATTACH_YES = 4,	    /* the default route's link may restart */
	PK_PORT_NO_HUGE = 8,	    /* plane without huge pages */
	PK_PORT_PCI = 16,	    /* device is a PCI address, else a vdev */
};

/* The name of the XDP plane in XDP_START's notices. */
#define PK_REQUEST_XDP_NAME PK_SPEC_XDP_NAME

struct pk_request {
	uint32_t version; /* PK_REQUEST_VERSION */
	uint32_t kind;	  /* enum pk_request_kind */
	uint64_t id;	  /* chosen by the daemon, never 0 */
	uint32_t flags;
	uint32_t workers;
	uint32_t slot;
	uint32_t lines; /* of the slot; OPEN: hit counters */
	uint32_t port;	/* number of the interface in records */
	uint32_t pad;
	char name[PK_REQUEST_NAME]; /* of the interface or the port */
	char device[PK_REQUEST_DEVICE];
};

/* Events that the rings handed on before this daemon began to read them. */
struct pk_backlog_sums {
	uint64_t hits;
	uint64_t samples;
	uint64_t lines;
	uint64_t packets; /* of the lines */
	uint64_t bytes;
};

/*
 * The order of the descriptors beside HELLO's and OPEN's answer, when
 * has_maps is set: all maps of the kernel that the daemon works on.
 */
enum pk_maps_fd {
	PK_MAPS_CONTROL,
	PK_MAPS_HITS,
	PK_MAPS_COUNTERS,
	PK_MAPS_LINES,
	PK_MAPS_SLOT, /* PK_IMAGE_SLOTS of them */
	PK_MAPS_FDS = PK_MAPS_SLOT + PK_IMAGE_SLOTS
};

struct pk_answer {
	uint32_t version;
	uint32_t kind;	/* of the request, or a notice */
	uint64_t id;	/* of the request, 0 in notices */
	int32_t status; /* 0 or negative errno */
	uint32_t cpus;	/* possible ones, when has_maps */
	uint32_t hits;	/* counters in the hits map, when has_maps */
	uint32_t ifindex;
	uint32_t port;
	uint32_t flags;	 /* of the attachment: PK_ATTACH_* */
	uint32_t exit;	 /* EXITED: status as of waitpid() */
	uint32_t deaths; /* EXITED: of this plane so far */
	int32_t process; /* *_START: its pid */
	uint8_t fenced;	 /* EXITED: it will not be started again */
	uint8_t has_maps;
	uint8_t pad[2];
	struct pk_xdp_attached attached;
	struct pk_backlog_sums consumed; /* by earlier readers; has_maps */
	char name[PK_REQUEST_NAME];
	char why[PK_REQUEST_WHY]; /* one sentence when status < 0 */
};

/* Received descriptors; the receiver owns them. */
struct pk_fds {
	uint32_t count;
	int fd[PK_REQUEST_FDS];
};

void pk_fds_close(struct pk_fds *fds); /* all of them; count becomes 0 */

/*
 * Send @len bytes and @fds (may be NULL; they stay the caller's). 0, -EAGAIN
 * when the peer does not read, -EPIPE when it left, or -errno. Never blocks.
 */
int pk_request_send(int fd, const void *message, size_t len,
		    const struct pk_fds *fds);

/*
 * Receive one message of exactly @len bytes without blocking. 1; 0 when there
 * is none; -ECONNRESET when the peer left; -EBADMSG for another length,
 * version or too many descriptors (which are closed); or -errno.
 */
int pk_request_recv(int fd, void *message, size_t len, struct pk_fds *fds);

/*
 * Is this a request that the launcher may serve? Strings are ended, names and
 * devices are what control/launcher/spec.h says they are, numbers are in range, flags
 * belong to the kind, @fds is what the kind carries. 0, or -EINVAL with one
 * sentence in @why. Whether the device may be asked for, and not only be
 * configured, is not looked at here.
 */
int pk_request_check(const struct pk_request *r, uint32_t fds, char *why,
		     size_t size);

const char *pk_request_word(uint32_t kind); /* for sentences; never NULL */

#endif /* PK_CONTROL_REQUEST_H */
