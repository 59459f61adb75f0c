/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uplink: how a plane and the daemon (or picket-replay) find each other.
 *
 * A SEQPACKET unix socket pair carries the handshake; records go through
 * rings (dataplane/ring.h), one a producer thread.
 *
 *   plane                          daemon
 *   HELLO  version, plane, rings ->
 *                                <- CONFIG  settings, ring fds, event fds,
 *                                           stats, images, hits
 *   READY                        ->          the plane sees packets
 *   SAY    one sentence          ->          why it cannot go on
 *                                <- STOP     or the socket is closed
 *
 * Either side treats the other's messages as hostile: lengths and counts are
 * checked, surplus fds are closed. One thread.
 */
#ifndef PK_DATAPLANE_UPLINK_H
#define PK_DATAPLANE_UPLINK_H

#include <stdint.h>

#include "bpf/abi.h"
#include "dataplane/record.h"
#include "dataplane/ring.h"
#include "dataplane/stats.h"

enum {
	PK_UPLINK_FD = 3, /* where a started plane finds its socket */
	PK_UPLINK_RINGS = PK_WORKERS_MAX + 1,
	PK_SAY_BYTES = 400,
};

struct pk_uplink_hello {
	uint32_t abi;	/* PK_ABI_VERSION */
	uint32_t plane; /* enum pk_plane */
	uint32_t rings; /* one a worker, and one for the stage */
	uint32_t workers;
};

/* Flow timeouts in ns; see DESIGN 5.1 and dataplane/inspect/flows.h. */
struct pk_flow_conf {
	uint64_t idle_ns;
	uint64_t active_ns;
	uint64_t syn_ns;
	uint64_t closed_ns;
	uint32_t capacity; /* flows, a power of two */
	uint32_t pad;
};

struct pk_uplink_conf {
	uint32_t abi;
	uint32_t epoch;	   /* incarnation of this plane, from 1 */
	uint32_t sampling; /* 1 */
	uint16_t port;
	uint8_t replay; /* 1: capture time and frame numbers rule */
	uint8_t pad;
	union pk_addr observer;
	uint64_t seed; /* of the plane's flow hashes */
	struct pk_flow_conf flow;
};

struct pk_images; /* ioc/image/images.h */

/* A connected plane's side. */
struct pk_uplink {
	int fd;
	uint32_t rings;
	struct pk_ring *ring[PK_UPLINK_RINGS];
	struct pk_plane_stats *stats;
	struct pk_images *images; /* NULL when the plane was given none */
	uint8_t stopping;	  /* the daemon asked to stop, or left */
	struct pk_uplink_conf conf;
};

/*
 * Plane: greet over @fd (taken) and wait for the configuration, however long
 * that takes. 0, -EPROTO when the daemon speaks another version or did not
 * take the greeting, -ECONNRESET when it left, -EINVAL for unusable fds, or
 * -errno. Counts itself in the stats: workers (the most ever), incarnations.
 */
int pk_uplink_connect(struct pk_uplink **out, int fd,
		      const struct pk_uplink_hello *hello);
void pk_uplink_free(struct pk_uplink *u); /* NULL is a no-op */
int pk_uplink_ready(struct pk_uplink *u); /* 0, -ECONNRESET or -errno */
/* Tell the daemon one sentence; what does not fit is cut. Never blocks. */
void pk_uplink_say(struct pk_uplink *u, const char *sentence);
/* 1 once the daemon asked to stop or left. Never blocks. */
int pk_uplink_stopping(struct pk_uplink *u);

/* The other side: what the daemon keeps of one plane. */
struct pk_downlink {
	int fd;
	uint32_t rings; /* 0 until HELLO */
	struct pk_ring *ring[PK_UPLINK_RINGS];
	struct pk_uplink_hello hello;
	uint8_t ready;
	char said[PK_SAY_BYTES]; /* the last sentence of the plane */
};

struct pk_downlink_conf {
	struct pk_uplink_conf conf;
	uint32_t ring_bytes;
	int stats_fd;  /* pk_stats_new() */
	int images_fd; /* or -1 */
	int hits_fd;   /* or -1 */
};

/*
 * Both ends of a fresh uplink. @plane_fd is for the plane's process; it is
 * close-on-exec until whoever starts the plane puts it at PK_UPLINK_FD. 0,
 * -ENOMEM or the errno of socketpair.
 */
int pk_downlink_new(struct pk_downlink **out, int *plane_fd);
void pk_downlink_free(struct pk_downlink *d); /* NULL is a no-op */

/*
 * Read one message if there is one, without blocking: HELLO is answered with
 * CONFIG and fresh rings, READY and SAY are kept in @d (bytes of a sentence
 * that are not printable ASCII become '?'). 1 when something was read, 0 when
 * not, -ECONNRESET when the plane left, -EPROTO for nonsense or another
 * version, or -errno when rings could not be made: then free @d.
 */
int pk_downlink_poll(struct pk_downlink *d, const struct pk_downlink_conf *c);
int pk_downlink_stop(struct pk_downlink *d); /* 0, -ECONNRESET or -errno */

/*
 * The stats memory of a plane: *@fd (caller's) and its mapping. 0 or -errno.
 * pk_stats_open maps what another process made, checking its seals and size.
 */
int pk_stats_new(struct pk_plane_stats **out, int *fd);
int pk_stats_open(struct pk_plane_stats **out, int fd);
void pk_stats_free(struct pk_plane_stats *s);

#endif /* PK_DATAPLANE_UPLINK_H */
