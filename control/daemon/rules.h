/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules: the daemon's suppression rules (control/suppress.h): those of the
 * file in the state directory and those of the configuration.
 *
 * A change is in force at once, and on the disk before its request is answered.
 * Counts are written once a minute if they grew, to PATH.counts, which is not
 * waited for: after a crash they are those of up to a minute ago, after a power
 * cut of the latest change; the rules stay. At the end all are in the rules'
 * file. One that cannot be read, or has a rule that is refused, is moved aside,
 * so that it is not lost, and logged; what is in force is written anew.
 *
 * One thread; pk_rules_keep() runs beside it.
 */
#ifndef PK_CONTROL_RULES_H
#define PK_CONTROL_RULES_H

#include "control/config.h"
#include "control/suppress.h"

struct pk_rules;

/*
 * @path NULL: nothing is kept. @config NULL: it has no rules. @now_ns: real
 * time. 0 or -ENOMEM.
 */
int pk_rules_new(struct pk_rules **out, const char *path,
		 const struct pk_config *config, uint64_t now_ns);
void pk_rules_free(struct pk_rules *r); /* writes; NULL is a no-op */

struct pk_suppress *pk_rules_all(struct pk_rules *r);

/* Once a second: end what has ended, write counts that grew. */
void pk_rules_tick(struct pk_rules *r, uint64_t now_ns);

/* What is on the disk is not what is in force: write it when counts are due. */
void pk_rules_retry(struct pk_rules *r);

/* As text for pk_rules_keep(), which frees it. NULL: no memory. */
char *pk_rules_print(const struct pk_rules *r);
/* Put it on the disk. Any thread, one at a time. 0 or -errno. */
int pk_rules_keep(const struct pk_rules *r, char *text);

#endif /* PK_CONTROL_RULES_H */
