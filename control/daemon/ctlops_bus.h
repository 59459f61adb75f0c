/* SPDX-License-Identifier: BSD-2-Clause */
/* ctlops_bus: what is asked of the bus, and what it says of itself. */
#ifndef PK_CONTROL_CTLOPS_BUS_H
#define PK_CONTROL_CTLOPS_BUS_H

#include "control/daemon/ctlops_inside.h"

/* 0 or -ENOMEM. */
int pk_ctlops_register_bus(struct pk_daemon *d);

/* Read the list of clients again; the outcome is logged. */
void pk_daemon_reload_clients(struct pk_daemon *d);

/* "curve" in the part "bus" of the status, @bus. */
void pk_daemon_gate_status(const struct pk_daemon *d, struct json_object *bus);

/* senders.c: the endpoints that threats are sent to. 0 or -errno. */
int pk_daemon_senders(struct pk_daemon *d);
void pk_daemon_senders_status(const struct pk_daemon *d, struct json_object *o);

#endif /* PK_CONTROL_CTLOPS_BUS_H */
