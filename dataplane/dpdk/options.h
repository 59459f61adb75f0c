/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options: the command line of picket-dpdk.
 *
 *	picket-dpdk --name NAME (--vdev DEVICE | --pci ADDRESS) [--workers N]
 *		    [--no-huge] [--memory MIB] [--mtu BYTES] [--frames N,N,..]
 *		    [--uid N --gid N]
 */
#ifndef PK_DATAPLANE_DPDK_OPTIONS_H
#define PK_DATAPLANE_DPDK_OPTIONS_H

#include <stdint.h>

#include "dataplane/stats.h"
#include "ioc/say.h"

struct pk_options {
	const char *name;    /* of the port: letters, digits, - _ . */
	const char *vdev;    /* a DPDK device string, or NULL */
	const char *pci;     /* an address like 0000:03:00.0, or NULL */
	unsigned workers;    /* 1 to PK_WORKERS_MAX */
	unsigned no_huge;    /* 1: ordinary pages */
	unsigned memory_mib; /* 0: what the buffers need */
	unsigned mtu;	     /* 0: the interface's, or 1500 */
	unsigned uid;	     /* to become; 0: picket or nobody */
	unsigned gid;
	unsigned queues; /* numbers in frames[]; 0: not a replay */
	uint64_t frames[PK_WORKERS_MAX];
};

/* 0, or -EINVAL when the sentence was said. @argv is borrowed for good. */
int pk_options_parse(struct pk_options *o, int argc, char **argv,
		     pk_say_fn *say, void *arg);

/*
 * The value of @key in a device string "driver0,key=value,..", its @nth from
 * 0. Its length, with what fits of it in @out, or -ENOENT.
 */
int pk_options_device_arg(const char *device, const char *key, unsigned nth,
			  char *out, unsigned size);

#endif /* PK_DATAPLANE_DPDK_OPTIONS_H */
