/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits: what the system lets the sensor have.
 */
#ifndef PK_CONTROL_LIMITS_H
#define PK_CONTROL_LIMITS_H

enum { PK_LIMITS_FILES = 16384 };

/*
 * As many open files as the process may have, and PK_LIMITS_FILES at least
 * where it may raise that: subscribers have one each. Children inherit it.
 * That it may not is logged.
 */
void pk_limits_raise_files(void);

#endif /* PK_CONTROL_LIMITS_H */
