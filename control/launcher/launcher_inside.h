/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * launcher_inside: what launcher.c (its life), serve.c (requests about
 * interfaces) and procs.c (the planes' processes) share. Nobody else includes
 * it. One thread.
 */
#ifndef PK_CONTROL_LAUNCHER_INSIDE_H
#define PK_CONTROL_LAUNCHER_INSIDE_H

#include <net/if.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/launcher/child.h"
#include "control/config.h"
#include "control/launcher/identity.h"
#include "control/launcher/request.h"
#include "control/launcher/rundir.h"
#include "dataplane/xdp/object.h"

enum {
	PK_LAUNCHER_IFACES = 32,
	PK_LAUNCHER_PROCS = 17, /* ports, and the XDP plane */
	PK_LAUNCHER_STOP_MS = 2000,
	PK_LAUNCHER_PIN = 192, /* bytes of the pin directory's path */
};

/* An interface with our programs on it. ifindex 0: a free place. */
struct pk_iface {
	char name[IF_NAMESIZE];
	uint32_t ifindex;
	uint32_t port;
	uint32_t flags; /* PK_ATTACH_* */
	struct pk_xdp_attached attached;
	uint8_t lost; /* it went away, or somebody detached it */
};

/* A plane's process, past and present. name "": a free place. */
struct pk_proc {
	char name[PK_REQUEST_NAME];
	char device[PK_REQUEST_DEVICE]; /* "" for the XDP plane */
	char iface[IF_NAMESIZE];	/* that the device uses, or "" */
	pid_t pid;			/* 0: not running */
	uint8_t fenced;
	uint8_t stopping;
	uint64_t kill_ms; /* when SIGKILL follows, if stopping */
	uint64_t stop_id; /* of the request that waits for its end */
	struct pk_deaths deaths;
};

struct pk_launcher {
	const struct pk_config *config;
	struct pk_identity identity;
	struct pk_rundir rundir;
	int ctl_fd;	 /* the listening control socket */
	int xdp_program; /* fds of the planes' binaries, -1: not there */
	int dpdk_program;
	int signals;  /* signalfd */
	int requests; /* our end of the daemon's socket, -1: no daemon */
	pid_t daemon;
	struct pk_deaths daemon_deaths;
	uint8_t ready; /* a daemon was ready once */
	uint8_t ending;
	char pin_dir[PK_LAUNCHER_PIN];
	struct pk_xdp *xdp; /* NULL until something is attached */
	struct pk_iface iface[PK_LAUNCHER_IFACES];
	struct pk_proc proc[PK_LAUNCHER_PROCS];
};

uint64_t pk_launcher_now_ms(void);

/* Send to the daemon; failure is its problem and is logged. */
void pk_launcher_answer(struct pk_launcher *l, const struct pk_answer *a,
			const struct pk_fds *fds);

/* --- serve.c: requests ---------------------------------------------------- */

/* Serve one request that was received with @fds; closes them. */
void pk_serve(struct pk_launcher *l, const struct pk_request *r,
	      struct pk_fds *fds);

/* Look after the attachments: once a second. */
void pk_serve_tick(struct pk_launcher *l);

/* Detach everything and remove the pins, or with @keep leave all as it is. */
void pk_serve_end(struct pk_launcher *l, int keep);

/* --- procs.c: processes ---------------------------------------------------- */

/* Each fills @a: status, why, process. @uplink stays the caller's. */
void pk_procs_start_xdp(struct pk_launcher *l, int uplink, struct pk_answer *a);
void pk_procs_start_port(struct pk_launcher *l, const struct pk_request *r,
			 int uplink, struct pk_answer *a);

/* 1 when the answer follows at the process's end. */
int pk_procs_stop_port(struct pk_launcher *l, const struct pk_request *r,
		       struct pk_answer *a);

/* The port that uses interface @ifname, or NULL. */
const struct pk_proc *pk_procs_user_of(const struct pk_launcher *l,
				       const char *ifname);

/* Reap what ended, tell the daemon; kill what was asked to end long ago. */
void pk_procs_reap(struct pk_launcher *l);

/* The earliest kill_ms, or UINT64_MAX. */
uint64_t pk_procs_due_ms(const struct pk_launcher *l);

/* End all of them, at the latest by SIGKILL after @grace_ms. */
void pk_procs_end_all(struct pk_launcher *l, uint64_t grace_ms);

/* The XDP plane may be started again, whatever it did before. */
void pk_procs_forgive_xdp(struct pk_launcher *l);

#endif /* PK_CONTROL_LAUNCHER_INSIDE_H */
