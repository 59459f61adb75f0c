/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * launcher: the small privileged parent of everything that picket runs.
 *
 * It opens what will be needed while it still can (the planes' programs, the
 * run directory and its lock, the control socket), forks the daemon, which
 * gives up all privileges, and then serves the daemon's typed requests
 * (control/launcher/request.h): it attaches and detaches the BPF programs, starts and
 * stops the planes, and hands over descriptors. It reads no packet, no record,
 * no feed and no control connection.
 *
 * What dies is started again within a second: a plane by the daemon's next
 * request, the daemon by the launcher itself. Something that dies
 * PK_CHILD_FENCE times within a minute stays down. While the daemon is away the
 * programs stay attached and go on counting; the next daemon is told what is
 * attached, and planes are started anew.
 *
 * Pins are kept below PIN_DIR/INSTANCE, where the instance is the run
 * directory's path with '-' for '/': one directory, one lock, one set of pins.
 * A picketd that was killed leaves them behind, and the next one adopts them.
 *
 * On SIGTERM, SIGINT and SIGHUP (unless it was ignored from the start, as
 * nohup(1) does): the planes end first (SIGTERM, after 2 s SIGKILL), so
 * that the daemon reads all they had; then the daemon; then the programs are
 * detached and the pins removed, unless they are to be kept; then sockets, lock
 * and, if it was made here, the run directory go.
 */
#ifndef PK_CONTROL_LAUNCHER_H
#define PK_CONTROL_LAUNCHER_H

#include "control/config.h"
#include "control/launcher/identity.h"

/* Exit statuses of picketd (DESIGN 5.5). */
enum {
	PK_EXIT_OK = 0,
	PK_EXIT_FAILED = 1,
	PK_EXIT_USAGE = 2,
	PK_EXIT_CONFIGURATION = 6,
	PK_EXIT_PRIVILEGE = 8,
};

/*
 * Run until a signal ends it; daemon and planes become @identity. Returns the exit status; the reason of a failure
 * was logged as one sentence, and nothing is left behind. A daemon that ends
 * before it was ready ends the launcher too, with the daemon's status.
 */
int pk_launcher_run(const struct pk_config *config,
		    const struct pk_identity *identity);

#endif /* PK_CONTROL_LAUNCHER_H */
