/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status: what a running daemon says of itself, as JSON (control/ctl/ctl.h has the
 * keys). The same object answers `status` and is published on v1/stats/.
 */
#ifndef PK_CONTROL_STATUS_H
#define PK_CONTROL_STATUS_H

struct json_object;
struct pk_daemon;

/* The caller owns it; NULL when memory is short. */
struct json_object *pk_status_json(const struct pk_daemon *d);

#endif /* PK_CONTROL_STATUS_H */
