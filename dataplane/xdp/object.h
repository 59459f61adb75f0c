/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object: the shipped BPF object: load, pin, attach, adopt.
 *
 * The maps exist once and are shared by all interfaces; the two programs (XDP
 * for received frames, tc for sent ones) are loaded once an interface, with
 * its port number as a constant. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON
 * (packet pointers with variable offsets) and nothing else; so it runs in the
 * launcher. Whoever only reads rings or writes images needs no capability,
 * just the fds of pk_xdp_fd().
 *
 * Pins, below a directory of bpffs that is the caller's:
 *	DIR/maps/NAME                 every map
 *	DIR/links/IFINDEX-xdp, -tc    the links: they outlive every process
 * A pinned set of another ABI version or other sizes is refused with -EPROTO.
 *
 * Every function that takes @why writes one sentence there on failure: what,
 * on which object, why, and what to do.
 */
#ifndef PK_DATAPLANE_XDP_OBJECT_H
#define PK_DATAPLANE_XDP_OBJECT_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "ioc/image/images.h"

/* The maps whose fds others need. Per CPU ones come after these. */
#define PK_XDP_MAPS(_)                                                         \
	_(control)  /* struct pk_control, one entry, mmapable */               \
	_(hits)	    /* u64 per slot, mmapable */                               \
	_(counters) /* struct pk_plane_counters per CPU, mmapable */           \
	_(lines)    /* struct pk_flow_line, PK_FLOW_LINES per CPU, mmapable */ \
	_(cpus)	    /* per CPU: clock, scratch */                              \
	_(outers)   /* u64 tags, PK_OUTER_TAGS per CPU: bpf/outer.h */         \
	_(timers)   /* per CPU: the sweep's timer */                           \
	_(images)   /* outer array of image slots */                           \
	_(alerts)   /* outer array of ring buffers, one a CPU */               \
	_(events)   /* outer array of ring buffers, one a CPU */

#define PK_XDP_MAP_ENUM(name) PK_XDP_MAP_##name,
enum pk_xdp_map { PK_XDP_MAPS(PK_XDP_MAP_ENUM) PK_XDP_MAP_COUNT };

struct pk_xdp_conf {
	uint64_t seed;	      /* of the flow hash */
	uint32_t base_lines;  /* of each base slot; 64 bytes each */
	uint32_t delta_lines; /* of each delta slot */
	uint32_t slots;	      /* hit counters */
	uint32_t alert_bytes; /* of each CPU's alert ring: power of two */
	uint32_t event_bytes; /* of each CPU's event ring: power of two */
	uint8_t replay;	      /* time and frame number precede each frame */
};

struct pk_xdp;

void pk_xdp_conf_default(struct pk_xdp_conf *conf);

/* Create all maps. 0 or -errno. */
int pk_xdp_new(struct pk_xdp **out, const struct pk_xdp_conf *conf, char *why,
	       size_t size);
/* Pin the maps below @dir, which must exist in a bpffs. */
int pk_xdp_pin(struct pk_xdp *x, const char *dir, char *why, size_t size);
/* Open what an earlier process pinned. -ENOENT: nothing there. */
int pk_xdp_adopt(struct pk_xdp **out, const char *dir, char *why, size_t size);
/* Closes fds; pinned maps and links stay. */
void pk_xdp_free(struct pk_xdp *x);
/* Remove all pins below @dir: links first, which detaches. */
int pk_xdp_purge(const char *dir);

uint32_t pk_xdp_cpus(const struct pk_xdp *x); /* possible CPUs */
int pk_xdp_fd(const struct pk_xdp *x, enum pk_xdp_map map);
/* fds of image slot @i, and of the rings of @cpu. */
int pk_xdp_slot_fd(const struct pk_xdp *x, uint32_t i);
int pk_xdp_alert_fd(const struct pk_xdp *x, uint32_t cpu);
int pk_xdp_event_fd(const struct pk_xdp *x, uint32_t cpu);

/* Replace image slot @i by a map of @lines lines (launcher). */
int pk_xdp_grow(struct pk_xdp *x, uint32_t i, uint32_t lines, char *why,
		size_t size);

struct pk_xdp_attach {
	uint32_t ifindex;
	uint16_t port;
	uint8_t skb_mode; /* 1: generic XDP at once, no native attempt */
	uint8_t ingress_only;
};

struct pk_xdp_attached {
	uint8_t native; /* 1 native, 0 skb */
	uint8_t frags;	/* the program takes multi-buffer frames */
	uint8_t egress; /* 0 none, 1 tcx, 2 clsact */
	uint32_t xdp_prog_id;
	uint32_t tc_prog_id;
};

/*
 * Load the programs for an interface of this network namespace and attach
 * them by links pinned below @dir. -EBUSY: another program or another picket
 * holds it; @why names the program. Starts the sweep timers once.
 */
int pk_xdp_attach(struct pk_xdp *x, const struct pk_xdp_attach *a,
		  const char *dir, struct pk_xdp_attached *out, char *why,
		  size_t size);
/* -ENOENT: not attached. */
int pk_xdp_detach(const char *dir, uint32_t ifindex);
/* 1 attached and alive, 0 not (also when the interface is gone). */
int pk_xdp_is_attached(const char *dir, uint32_t ifindex,
		       struct pk_xdp_attached *out);

/*
 * Map the kernel's image slots into this process as an image target; needs
 * only the fds. The mappings belong to @target until pk_xdp_unmap_target.
 */
int pk_xdp_map_target(struct pk_image_target *target, int control_fd,
		      const int slot_fd[PK_IMAGE_SLOTS]);
void pk_xdp_unmap_target(struct pk_image_target *target);

/* For tests and replay: load the programs without attaching. */
struct pk_xdp_progs {
	int xdp_fd;
	int tc_fd;
	int sweep_fd;
	uint32_t xdp_insns; /* verified instructions */
	uint32_t tc_insns;
	uint64_t load_ns;
};
int pk_xdp_load(struct pk_xdp *x, uint16_t port, struct pk_xdp_progs *out,
		char *why, size_t size);

#endif /* PK_DATAPLANE_XDP_OBJECT_H */
