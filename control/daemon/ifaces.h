/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ifaces: the host interfaces that the XDP plane watches.
 *
 * To attach one is a chain of steps, each answered later:
 *
 *	OPEN     the launcher checks the request and makes the kernel's maps
 *	kernel   the active images are written into them
 *	plane    picket-xdp runs and reads the rings
 *	ATTACH   the launcher loads and attaches the programs
 *
 * so that the first frame that is looked at finds everything in place. One
 * chain at a time; others wait. A daemon that follows another one is told what
 * is attached and does the middle two steps only.
 *
 * One thread: the event loop's.
 */
#ifndef PK_CONTROL_IFACES_H
#define PK_CONTROL_IFACES_H

#include <net/if.h>
#include <stdint.h>

#include "control/launcher/asker.h"
#include "control/launcher/host.h"
#include "control/daemon/indicators.h"
#include "control/daemon/planes.h"

enum { PK_IFACES_MAX = 32 };

struct pk_iface_view {
	char name[IF_NAMESIZE];
	uint32_t ifindex; /* 0: a free place */
	uint32_t port;
	uint32_t flags; /* PK_ATTACH_* */
	struct pk_xdp_attached attached;
	uint8_t lost; /* gone, or detached by somebody: attached again when
			 it can be */
	struct pk_host_netdev before; /* its counters when it was attached */
};

struct pk_ifaces;

/* Fill in what the interfaces offered to the XDP plane: control/daemon/offered.h. */
void pk_ifaces_offered(struct pk_ifaces *f, struct pk_audit_plane *xdp);

struct pk_ifaces_conf {
	struct pk_asker *asker;
	struct pk_indicators *indicators;
	struct pk_planes *planes;
};

/* Told once: 0 and the interface, or -errno (control/launcher/request.h) and why. */
typedef void pk_ifaces_fn(void *arg, int status, const char *why,
			  const struct pk_iface_view *iface);

int pk_ifaces_new(struct pk_ifaces **out, const struct pk_ifaces_conf *conf);
void pk_ifaces_free(struct pk_ifaces *f); /* NULL is a no-op */

/*
 * HELLO's answer: the kernel's maps, if an earlier daemon used them. @fn is
 * told when the plane reads them; at once when there are none.
 */
void pk_ifaces_hello(struct pk_ifaces *f, const struct pk_answer *a,
		     struct pk_fds *fds, pk_ifaces_fn *fn, void *arg);

/* 0 or -ENOMEM; then @fn is not called. */
int pk_ifaces_attach(struct pk_ifaces *f, const char *name, uint32_t flags,
		     pk_ifaces_fn *fn, void *arg);
int pk_ifaces_detach(struct pk_ifaces *f, const char *name, pk_ifaces_fn *fn,
		     void *arg);

/* A notice of the launcher: an interface is attached, again, or lost. */
void pk_ifaces_notice(struct pk_ifaces *f, const struct pk_answer *a);

/* Place @i of PK_IFACES_MAX, NULL if it is free. */
const struct pk_iface_view *pk_ifaces_view(const struct pk_ifaces *f,
					   uint32_t i);
const struct pk_iface_view *pk_ifaces_find(const struct pk_ifaces *f,
					   const char *name);

/* A port number that no interface and no plane has; 0: none is left. */
uint16_t pk_ifaces_free_port(const struct pk_ifaces *f);

#endif /* PK_CONTROL_IFACES_H */
