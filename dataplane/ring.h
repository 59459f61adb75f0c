/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring: one producer, one consumer, records of any length in shared memory.
 *
 * The consumer (the daemon) creates the memory as a memfd sealed against
 * shrinking, growing and further seals, and hands the fd to the producer; a
 * ring inside one process uses the same code over the same kind of memory. The
 * two sides trust each other with nothing: each keeps its own position
 * privately and only publishes it; the consumer bounds what the producer
 * claims, copies an entry out before it checks it, and after a claim that
 * cannot be true the ring is poisoned: -EBADMSG for ever, the peer is to be
 * dropped.
 *
 * Entries are padded to 8 bytes behind an 8-byte length word, and wrap by a
 * filler entry. A push that finds no room fails; nothing is overwritten. The
 * smallest ring is 16 KiB: an entry is contiguous, and in a ring below twice
 * the longest entry it could find no place for ever.
 *
 * Sleeping: a consumer that is about to wait on its eventfd sets the ring's
 * `sleeping` word and looks once more; only then does the producer write the
 * eventfd. Threads: one producer thread, one consumer thread.
 */
#ifndef PK_DATAPLANE_RING_H
#define PK_DATAPLANE_RING_H

#include <stdint.h>

enum { PK_RING_ENTRY_MAX = 4096 };

struct pk_ring;

/*
 * Create a ring of @bytes data bytes (a power of two, 16 KiB to 1 GiB). 0,
 * -EINVAL, -ENOMEM or the errno of memfd_create. The caller owns *@out. It may
 * also push into it, as long as nobody joins.
 */
int pk_ring_new(struct pk_ring **out, uint32_t bytes);

/*
 * Join the ring behind @fd as its producer; the producer goes on where the
 * last one stopped. Takes neither fd: both are duplicated. @eventfd may be -1.
 * 0, -EINVAL when the memory is no ring (size, seals, magic), or -errno.
 */
int pk_ring_join(struct pk_ring **out, int fd, int eventfd);

void pk_ring_free(struct pk_ring *r); /* NULL is a no-op */

int pk_ring_fd(const struct pk_ring *r);
int pk_ring_eventfd(const struct pk_ring *r);

/*
 * Producer. 0, -ENOBUFS: full (a consumer whose position cannot be true has a
 * full ring), or -EINVAL: @len is not in [1, PK_RING_ENTRY_MAX].
 */
int pk_ring_push(struct pk_ring *r, const void *entry, uint32_t len);

/*
 * Producer: 1 when more than half of the ring waits to be read, for entries
 * that are to leave room for others.
 */
int pk_ring_half_full(struct pk_ring *r);

/* Producer: wake the consumer if it sleeps. Once a burst is enough. */
void pk_ring_wake(struct pk_ring *r);

/*
 * Consumer: copy the oldest entry into @entry (@size bytes). Its length, 0 when
 * the ring is empty, or -EBADMSG when the ring is poisoned (also when the
 * entry is longer than @size).
 */
int pk_ring_pop(struct pk_ring *r, void *entry, uint32_t size);

/* Consumer: announce sleep. 1 when the ring is empty and may be waited for. */
int pk_ring_sleep(struct pk_ring *r);
void pk_ring_awake(struct pk_ring *r); /* after the wait */

/* Either side: bytes not yet read, as far as this side can know. */
uint32_t pk_ring_used(const struct pk_ring *r);

#endif /* PK_DATAPLANE_RING_H */
