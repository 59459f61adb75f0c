/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eal: start DPDK's environment for one port, and leave nothing behind.
 *
 * Memory comes from 2 MiB pages without files (--in-memory), if so many are
 * free, or from ordinary pages (--no-huge). No shared configuration, no
 * telemetry socket, no other process can attach, no PCI scan unless the port
 * is on PCI. Lcore 0 is the caller's thread, lcores 1 to N are the workers;
 * all may run on all CPUs that this process may use, so that whoever starts
 * it pins it.
 *
 * DPDK writes its log into us: errors are kept for the one sentence that
 * explains a failure. DPDK keeps its state in globals, so this does too. The
 * log may be written by any thread; the rest belongs to the main thread.
 */
#ifndef PK_DATAPLANE_DPDK_EAL_H
#define PK_DATAPLANE_DPDK_EAL_H

#include "dataplane/dpdk/device.h"
#include "dataplane/dpdk/options.h"
#include "ioc/say.h"

/* 0, or -errno when the sentence was said; then nothing runs. Once. */
int pk_eal_start(const struct pk_device *d, const struct pk_options *o,
		 pk_say_fn *say, void *arg);
void pk_eal_stop(void); /* no-op if it does not run */

/*
 * What DPDK complained about since the last call: the first and the last
 * error, "" if none. Valid until the next call.
 */
const char *pk_eal_complaint(void);

#endif /* PK_DATAPLANE_DPDK_EAL_H */
