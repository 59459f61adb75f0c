/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rejected: what the last load of each feed was like, over a restart.
 *
 * A file for each feed, named by its number in the store, in a folder of its
 * own. It is replaced whole, but not forced to the disk: after a loss of power
 * it may be missing. One that is damaged, of another version, or of another
 * feed than the number's is none.
 */
#ifndef PK_CONTROL_REJECTED_H
#define PK_CONTROL_REJECTED_H

#include "control/daemon/loader.h"

/* The folder, made if it is not there. A descriptor, or -errno. */
int pk_rejected_open(const char *dir);

/* 0 or -errno: then the old one is there. */
int pk_rejected_write(int dir, uint16_t feed, const char *name,
		      const struct pk_load_memory *m);

/* 0, and *@out is the caller's, to free(3); -ENOENT: there is none; -EBADMSG:
 * not one of this feed; -errno. */
int pk_rejected_read(int dir, uint16_t feed, const char *name,
		     struct pk_load_memory **out);

void pk_rejected_forget(int dir, uint16_t feed);

#endif /* PK_CONTROL_REJECTED_H */
