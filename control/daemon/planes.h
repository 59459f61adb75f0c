/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * planes: the daemon's side of every plane: uplinks, rings, counters, gaps.
 *
 *	        start            READY
 *	stopped ─────► starting ─────► running ──┐ the process dies
 *	                  │  ▲                   ▼
 *	     it never ran │  └────────────── waiting
 *	                  ▼     200 ms           │ it died too often
 *	                failed ◄─────────────────┘
 *
 * A plane's counters live in memory that every incarnation of its process gets
 * in turn (dataplane/stats.h). When a process dies, its rings are read to the
 * end, what it held is booked as gone (control/audit.h), and a gap begins; it
 * ends when the next incarnation is ready. Nothing else stops meanwhile. The
 * times of a gap are the sensor's; the XDP plane's rings fill on in the kernel,
 * so its gap need not lose anything.
 *
 * What a plane sends is hostile: a plane that speaks nonsense, on its socket
 * or in a ring, is dropped and started anew by the same path.
 *
 * One thread: the event loop's.
 */
#ifndef PK_CONTROL_PLANES_H
#define PK_CONTROL_PLANES_H

#include <net/if.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/launcher/asker.h"
#include "control/audit.h"
#include "control/daemon/grace.h"
#include "control/daemon/pump.h"
#include "dataplane/uplink.h"

enum {
	PK_PLANES_MAX = 17,  /* the XDP plane and the ports */
	PK_PLANES_GAPS = 16, /* the latest ones are kept */
	PK_PLANES_RING_BYTES = 1 << 23,
	PK_PLANES_RESTART_MS = 200,
};

#define PK_PLANE_STATES(_)      \
	_(STOPPED, "stopped")   \
	_(STARTING, "starting") \
	_(RUNNING, "running")   \
	_(WAITING, "waiting")   \
	_(FAILED, "failed")

#define PK_PLANE_STATE_ENUM(name, word) PK_PLANE_##name##_STATE,
enum pk_plane_state {
	PK_PLANE_STATES(PK_PLANE_STATE_ENUM) PK_PLANE_STATE_COUNT
};

struct pk_gap {
	uint64_t from_ns; /* real time */
	uint64_t to_ns;	  /* 0: it goes on */
	uint32_t deaths;  /* of the plane, this one included */
	char why[64];
};

/* What a plane is; the caller fills it in. */
struct pk_plane_desc {
	char name[PK_REQUEST_NAME];
	char device[PK_REQUEST_DEVICE]; /* ports: vdev or PCI address */
	uint8_t plane;			/* PK_PLANE_XDP or PK_PLANE_DPDK */
	uint16_t port;			/* its number in records */
	uint32_t workers;
	uint32_t flags; /* PK_PORT_* */
};

struct pk_planes;
struct pk_plane_run; /* one plane */

/* What can be seen of a plane. Borrowed until the plane is deleted. */
struct pk_plane_view {
	struct pk_plane_desc desc;
	enum pk_plane_state state;
	pid_t pid;	   /* 0: no process */
	uint64_t since_ns; /* it runs, real time */
	uint32_t restarts;
	uint32_t gaps; /* ever; the latest PK_PLANES_GAPS are in gap[] */
	struct pk_gap gap[PK_PLANES_GAPS]; /* gap n is at n % PK_PLANES_GAPS */
	char said[PK_SAY_BYTES];	   /* the last sentence of the plane */
};

/* The kernel's counters of the XDP plane, mapped; borrowed. */
struct pk_planes_kernel {
	uint32_t cpus;
	const struct pk_plane_counters *counters;
	const struct pk_flow_line *lines; /* PK_FLOW_LINES a CPU */
	struct pk_backlog_sums before;
};

struct pk_planes_conf {
	struct event_base *base;
	struct pk_asker *asker;
	struct pk_pump *pump;
	struct pk_grace *grace;
	int images_fd;
	int hits_fd;
	struct pk_uplink_conf uplink; /* epoch and port are set here */
	/* The state of a plane, or its gaps, changed. */
	void (*changed)(void *arg, const struct pk_plane_view *plane);
	void *arg;
};

/* Told once: 0 when the plane runs, or -errno and a sentence. */
typedef void pk_planes_fn(void *arg, int status, const char *why);

int pk_planes_new(struct pk_planes **out, const struct pk_planes_conf *conf);
void pk_planes_free(struct pk_planes *p); /* NULL is a no-op */

/* A new plane, stopped. 0, -EEXIST for its name, -ENOSPC, or -errno. */
int pk_planes_add(struct pk_planes *p, const struct pk_plane_desc *desc);

/*
 * Start plane @name. @done may be NULL. 0, -ENOENT, -EALREADY when it is not
 * stopped or failed, or -errno; then @done is not called.
 */
int pk_planes_start(struct pk_planes *p, const char *name, pk_planes_fn *done,
		    void *arg);

/*
 * Stop port @name, read what it left, and forget it; its counters stay in the
 * sum of former ports. 0, -ENOENT, or -errno; then @done is not called.
 */
int pk_planes_stop(struct pk_planes *p, const char *name, pk_planes_fn *done,
		   void *arg);

/*
 * Forget port @name, whose start has just failed. The launcher is asked to do
 * the same only if it knows of the port: one that it refused it does not.
 */
void pk_planes_forget(struct pk_planes *p, const char *name);

/* A notice of the launcher about a plane's process. */
void pk_planes_exited(struct pk_planes *p, const struct pk_answer *notice);

/* Nothing is started again from now on, and no gap begins. */
void pk_planes_ending(struct pk_planes *p);

/* Source @source of the pump is fenced: drop its plane. */
void pk_planes_fenced(struct pk_planes *p, int source);

void pk_planes_set_kernel(struct pk_planes *p,
			  const struct pk_planes_kernel *kernel);

/* Plane @i in order of addition, or NULL. */
const struct pk_plane_view *pk_planes_view(const struct pk_planes *p,
					   uint32_t i);
const struct pk_plane_view *pk_planes_find(const struct pk_planes *p,
					   const char *name);

/*
 * The generation of the images that the hindmost worker of a plane uses; 0: none
 * yet, or there are no workers. Workers tell it with every burst, empty ones too.
 */
uint64_t pk_planes_generation(const struct pk_planes *p, const char *name);

/*
 * All counters, for the audit and for status. @out has room for PK_PLANES_MAX
 * + 1 planes (the last one is the sum of former ports, if there were any).
 * @deep: also add up what the kernel's flow caches hold, 1 MiB a CPU. Returns
 * how many there are.
 */
uint32_t pk_planes_snapshot(struct pk_planes *p, struct pk_audit_plane *out,
			    int deep);

/* Keep what pk_audit_settle() made of a snapshot. */
void pk_planes_settle(struct pk_planes *p, const struct pk_audit_plane *plane,
		      uint32_t count);

const char *pk_plane_state_word(enum pk_plane_state state);

#endif /* PK_CONTROL_PLANES_H */
