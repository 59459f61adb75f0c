/* SPDX-License-Identifier: BSD-2-Clause */
/* ctlops_threat: what is asked of threats; for ctlops.c alone. */
#ifndef PK_CONTROL_CTLOPS_THREAT_H
#define PK_CONTROL_CTLOPS_THREAT_H

#include "control/daemon/ctlops_inside.h"

/* 0 or -ENOMEM. */
int pk_ctlops_register_threat(struct pk_daemon *d);
int pk_ctlops_register_suppress(struct pk_daemon *d);

#endif /* PK_CONTROL_CTLOPS_THREAT_H */
