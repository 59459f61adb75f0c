/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backlog: which events of the kernel were read before now.
 *
 * The kernel's programs, counters and rings outlive their readers. A new
 * reader begins where the last one stopped, so what the kernel handed on
 * altogether, less what still waits in the rings, was taken by earlier
 * readers; without that number the ledger of a restarted sensor cannot close.
 *
 * Traffic may go on meanwhile. Counters and ring positions of a CPU are read
 * until two readings agree; then the entries up to that position are counted
 * at leisure, since nobody reads the rings. Nothing is consumed.
 */
#ifndef PK_CONTROL_BACKLOG_H
#define PK_CONTROL_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "control/launcher/request.h"

/* One CPU: its two BPF ring buffers and its counters in mapped memory. */
struct pk_backlog_cpu {
	int alert_fd;
	int event_fd;
	const struct pk_plane_counters *counters;
};

/*
 * Add what earlier readers took from @cpu's rings to @sums. 0; -EAGAIN when
 * the traffic never paused, then @sums may be off by a few events; -EINVAL
 * for a ring that makes no sense; or -errno of mmap.
 */
int pk_backlog_consumed(const struct pk_backlog_cpu *cpu,
			struct pk_backlog_sums *sums);

/* max_entries of the BPF map behind @fd, from procfs; 0 if it is none. */
size_t pk_backlog_entries(int fd);

#endif /* PK_CONTROL_BACKLOG_H */
