/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify: tell the service manager how the service is (sd_notify(3)).
 *
 * One datagram to the socket that NOTIFY_SOCKET names, a path or, with a
 * leading '@', an abstract name. Without the variable nothing happens.
 */
#ifndef PK_CONTROL_NOTIFY_H
#define PK_CONTROL_NOTIFY_H

/*
 * Send @state, such as "READY=1". 0, also when nobody wants to know; -EINVAL
 * for a NOTIFY_SOCKET that is no address, or -errno.
 */
int pk_notify(const char *state);

#endif /* PK_CONTROL_NOTIFY_H */
