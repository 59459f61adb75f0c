/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shared: memory that two processes share and neither can take away.
 *
 * A memfd, filled with zeroed pages at creation and sealed against shrinking,
 * growing and further seals: a peer can write nonsense into it, but cannot
 * make the other side fault (SIGBUS) by cutting it short.
 */
#ifndef PK_DATAPLANE_SHARED_H
#define PK_DATAPLANE_SHARED_H

#include <stddef.h>

/*
 * Create @bytes of it; @name shows up in /proc/PID/maps. 0 with *@fd the
 * caller's, -ENOMEM when the pages are not there, or the errno of memfd_create.
 */
int pk_shared_new(const char *name, size_t bytes, int *fd);

/* How long is the memory behind @fd? 0, or -EINVAL: not sealed memory. */
int pk_shared_size(int fd, size_t *bytes);

/* Map it for reading and writing. 0, or -errno of mmap. */
int pk_shared_map(int fd, size_t bytes, void **out);

#endif /* PK_DATAPLANE_SHARED_H */
