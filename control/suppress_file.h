/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suppress_file: the rules of control/suppress.h over a restart.
 *
 * One file, replaced whole: what is written is in a file of another name until
 * it is complete and, where that is asked for, on the disk. So after a crash at
 * any point there are the old rules or the new ones. It is JSON:
 *
 *	{ "picket": "suppress", "version": 1, "last": N, "rules": [ RULE ] }
 *
 * with the members of struct pk_suppress_said and the counts; "by" is absent
 * for the configuration's.
 */
#ifndef PK_CONTROL_SUPPRESS_FILE_H
#define PK_CONTROL_SUPPRESS_FILE_H

#include <stddef.h>

#include "control/suppress.h"

enum { PK_SUPPRESS_FILE_MAX = 8 << 20 };

/* The file's text, to free(3). NULL: no memory. */
char *pk_suppress_print(const struct pk_suppress *s);

/*
 * Replace the file at @path; with @sync it is on the disk when this returns.
 * Any thread; two at a time need different @fresh, the name beside it that is
 * used until then. 0 or -errno: then the old one is there.
 */
int pk_suppress_write(const char *path, const char *fresh, const char *text,
		      int sync);

/*
 * Read it into @s, which is empty. 0; -ENOENT: there is none; else @why says
 * what is wrong with it: -EBADMSG, or the -errno of reading. Where it is a rule
 * that is wrong, all others are there, and @why has the numbers of those that
 * are not.
 */
int pk_suppress_read(struct pk_suppress *s, const char *path,
		     char why[PK_SUPPRESS_WHY]);

/*
 * The counts alone, which grow all the time, in a file of their own, so that
 * writing them can do the rules no harm: { "picket": "suppress-counts",
 * "version": 1, "rules": [ { "number", "count", "first_ns", "last_ns" } ] }.
 * What is read adds nothing but higher counts to rules that are there; returns
 * as above.
 */
char *pk_suppress_print_counts(const struct pk_suppress *s);
int pk_suppress_read_counts(struct pk_suppress *s, const char *path,
			    char why[PK_SUPPRESS_WHY]);

#endif /* PK_CONTROL_SUPPRESS_FILE_H */
