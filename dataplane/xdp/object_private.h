/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object_private: what object.c (the maps) and attach.c (programs and links)
 * share. Nobody else includes it.
 */
#ifndef PK_DATAPLANE_XDP_OBJECT_PRIVATE_H
#define PK_DATAPLANE_XDP_OBJECT_PRIVATE_H

#include "dataplane/xdp/object.h"

enum { PK_XDP_PATH = 256 };

struct picket; /* the generated skeleton */

struct pk_xdp {
	struct pk_xdp_conf conf;
	uint32_t cpus;
	int fd[PK_XDP_MAP_COUNT];
	int slot[PK_IMAGE_SLOTS];
	int *alert; /* one a CPU */
	int *event;
};

/* Open the skeleton with no program chosen. NULL with errno set. */
struct picket *pk_xdp_open_skeleton(const struct pk_xdp *x);

/* Give the skeleton our maps. 0 or -errno. */
int pk_xdp_reuse_maps(struct pk_xdp *x, struct picket *skel);

/* Write a sentence to @why; returns @err. */
int pk_xdp_say(char *why, size_t size, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif /* PK_DATAPLANE_XDP_OBJECT_PRIVATE_H */
