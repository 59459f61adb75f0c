/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * planes_inside: what planes.c (the life of planes) and planes_count.c (what
 * they count) share. Nobody else includes it. One thread.
 */
#ifndef PK_CONTROL_PLANES_INSIDE_H
#define PK_CONTROL_PLANES_INSIDE_H

#include "control/daemon/offered.h"
#include "control/daemon/planes.h"

struct event;

struct pk_plane_run {
	struct pk_planes *planes;
	uint8_t used;
	uint8_t stopping;
	uint8_t wired;	    /* its rings are in the pump */
	uint8_t asked;	    /* the launcher may know it by its name */
	uint8_t unanswered; /* to start it; the socket's end is no answer */
	struct pk_plane_view view;
	uint32_t epoch;
	struct pk_downlink *link;
	struct event *readable;
	struct event *restart;
	struct pk_plane_stats *stats;
	int stats_fd;
	int source[PK_UPLINK_RINGS];
	struct pk_merge_counters read; /* by rings that are gone */
	struct pk_audit_plane gone;    /* only .known and .off count */
	struct pk_offered offered;
	pk_planes_fn *done;
	void *done_arg;
};

struct pk_planes {
	struct pk_planes_conf conf;
	struct pk_planes_kernel kernel;
	int ending;
	int had_former;
	struct pk_audit_plane former; /* ports that were deleted */
	struct pk_plane_run run[PK_PLANES_MAX];
};

struct pk_plane_run *pk_plane_run_find(const struct pk_planes *p,
				       const char *name);

/* Read the interface under a port; its counters must be final if it is dead. */
void pk_plane_run_look(struct pk_plane_run *r);

/* All counters of a plane; as pk_planes_snapshot(). */
void pk_plane_run_snapshot(const struct pk_plane_run *r,
			   struct pk_audit_plane *out, int deep);

/*
 * Nobody writes the counters any more: the plane is dead or never was. What it
 * held is gone.
 */
void pk_plane_run_bury(struct pk_plane_run *r);

#endif /* PK_CONTROL_PLANES_INSIDE_H */
