/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Positions count bytes since the ring was made and never wrap (2^64 bytes);
 * masked they are places in the data. @head is where the producer writes next,
 * @tail where the consumer reads next. An entry is contiguous: when it does
 * not fit before the end of the data, a filler word stands there and the entry
 * starts at place 0; both are published by one store of @head.
 *
 *   place 0                                                     bytes
 *   | len | entry, padded to 8 | len | entry ... | FILLER | unused |
 */
#include "dataplane/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dataplane/shared.h"

enum {
	MAGIC = 0x314e5250, /* "PRN1" */
	HEAD_BYTES = 4096,
	BYTES_MIN = 16 * 1024,
	BYTES_MAX = 1 << 30,
	WORD = 8,
};
#define FILLER UINT64_MAX

/* 128: the adjacent-line prefetcher works on pairs of lines. */
struct shared {
	uint32_t magic;
	uint32_t bytes;
	uint64_t head __attribute__((aligned(128))); /* by the producer */
	uint64_t tail __attribute__((aligned(128))); /* by the consumer */
	uint32_t sleeping; /* by the consumer; the producer clears it */
} __attribute__((aligned(128)));
_Static_assert(sizeof(struct shared) <= HEAD_BYTES, "shared");

struct pk_ring {
	struct shared *shared;
	uint8_t *data;
	uint32_t bytes;
	int fd;
	int eventfd;
	int joined;
	/* The producer's. */
	uint64_t head __attribute__((aligned(128)));
	uint64_t tail_seen;
	/* The consumer's. */
	uint64_t tail __attribute__((aligned(128)));
	uint64_t head_seen;
	int poisoned;
};

static uint32_t entry_bytes(uint32_t len)
{
	return WORD + ((len + 7) & ~7U);
}

static int bytes_valid(size_t bytes)
{
	return bytes >= BYTES_MIN && bytes <= BYTES_MAX &&
	       (bytes & (bytes - 1)) == 0;
}

static struct pk_ring *blank(void)
{
	struct pk_ring *r = aligned_alloc(128, sizeof(*r));

	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->eventfd = -1;
	return r;
}

static int map(struct pk_ring *r)
{
	void *at;
	int err;

	err = pk_shared_map(r->fd, HEAD_BYTES + (size_t)r->bytes, &at);
	if (err)
		return err;
	r->shared = at;
	r->data = (uint8_t *)at + HEAD_BYTES;
	return 0;
}

static int make(struct pk_ring *r)
{
	int err;

	err = pk_shared_new("picket-ring", HEAD_BYTES + (size_t)r->bytes,
			    &r->fd);
	if (err)
		return err;
	r->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->eventfd < 0)
		return -errno;
	err = map(r);
	if (err)
		return err;
	r->shared->magic = MAGIC;
	r->shared->bytes = r->bytes;
	return 0;
}

int pk_ring_new(struct pk_ring **out, uint32_t bytes)
{
	struct pk_ring *r;
	int err;

	if (!bytes_valid(bytes))
		return -EINVAL;
	r = blank();
	if (!r)
		return -ENOMEM;
	r->bytes = bytes;
	err = make(r);
	if (err) {
		pk_ring_free(r);
		return err;
	}
	*out = r;
	return 0;
}

static int duplicate(int fd, int *out)
{
	if (fd < 0)
		return 0;
	*out = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return *out < 0 ? -errno : 0;
}

/* Go on where the last producer stopped, if that can be true. */
static int resume(struct pk_ring *r)
{
	uint64_t head = __atomic_load_n(&r->shared->head, __ATOMIC_ACQUIRE);
	uint64_t tail = __atomic_load_n(&r->shared->tail, __ATOMIC_ACQUIRE);

	if (r->shared->magic != MAGIC || r->shared->bytes != r->bytes)
		return -EINVAL;
	if (head % WORD || head - tail > r->bytes)
		return -EINVAL;
	r->head = head;
	r->tail_seen = tail;
	return 0;
}

static int join(struct pk_ring *r, int fd, int event)
{
	size_t bytes;
	int err;

	err = pk_shared_size(fd, &bytes);
	if (err)
		return err;
	if (bytes < HEAD_BYTES || !bytes_valid(bytes - HEAD_BYTES))
		return -EINVAL;
	r->bytes = (uint32_t)(bytes - HEAD_BYTES);
	err = duplicate(fd, &r->fd);
	if (err)
		return err;
	err = duplicate(event, &r->eventfd);
	if (err)
		return err;
	err = map(r);
	if (err)
		return err;
	return resume(r);
}

int pk_ring_join(struct pk_ring **out, int fd, int eventfd)
{
	struct pk_ring *r = blank();
	int err;

	if (!r)
		return -ENOMEM;
	r->joined = 1;
	err = join(r, fd, eventfd);
	if (err) {
		pk_ring_free(r);
		return err;
	}
	*out = r;
	return 0;
}

void pk_ring_free(struct pk_ring *r)
{
	if (!r)
		return;
	if (r->shared)
		munmap(r->shared, HEAD_BYTES + (size_t)r->bytes);
	if (r->fd >= 0)
		close(r->fd);
	if (r->eventfd >= 0)
		close(r->eventfd);
	free(r);
}

int pk_ring_fd(const struct pk_ring *r)
{
	return r->fd;
}

int pk_ring_eventfd(const struct pk_ring *r)
{
	return r->eventfd;
}

/* A tail that cannot be true is not kept: the ring looks full. */
static int has_room(struct pk_ring *r, uint32_t need)
{
	uint64_t tail;

	if (r->bytes - (r->head - r->tail_seen) >= need)
		return 1;
	tail = __atomic_load_n(&r->shared->tail, __ATOMIC_ACQUIRE);
	if (r->head - tail > r->bytes)
		return 0;
	r->tail_seen = tail;
	return r->bytes - (r->head - tail) >= need;
}

int pk_ring_half_full(struct pk_ring *r)
{
	return !has_room(r, r->bytes / 2);
}

static void put_word(struct pk_ring *r, uint32_t place, uint64_t word)
{
	__atomic_store_n((uint64_t *)(void *)(r->data + place), word,
			 __ATOMIC_RELAXED);
}

int pk_ring_push(struct pk_ring *r, const void *entry, uint32_t len)
{
	uint32_t place = (uint32_t)r->head & (r->bytes - 1);
	uint32_t left = r->bytes - place;
	uint32_t need = entry_bytes(len);

	if (!len || len > PK_RING_ENTRY_MAX)
		return -EINVAL;
	if (need > left)
		need += left;
	if (!has_room(r, need))
		return -ENOBUFS;
	if (need > left) {
		put_word(r, place, FILLER);
		place = 0;
	}
	put_word(r, place, len);
	memcpy(r->data + place + WORD, entry, len);
	r->head += need;
	__atomic_store_n(&r->shared->head, r->head, __ATOMIC_RELEASE);
	return 0;
}

/*
 * The fence orders the publication of @head before the look at @sleeping; its
 * twin in pk_ring_sleep() orders the other way round. So one of the two sees
 * the other's store, and no wake-up is lost.
 */
void pk_ring_wake(struct pk_ring *r)
{
	uint64_t one = 1;
	ssize_t n;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&r->shared->sleeping, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&r->shared->sleeping, 0, __ATOMIC_RELAXED);
	if (r->eventfd < 0)
		return;
	/* A counter at its limit is as readable as it can be. */
	n = write(r->eventfd, &one, sizeof(one));
	(void)n;
}

static int poison(struct pk_ring *r)
{
	r->poisoned = 1;
	return -EBADMSG;
}

/* Bytes that may be read: 0 or more, or -EBADMSG. */
static int64_t readable(struct pk_ring *r)
{
	if (r->head_seen == r->tail) {
		uint64_t head =
			__atomic_load_n(&r->shared->head, __ATOMIC_ACQUIRE);

		if (head % WORD || head - r->tail > r->bytes)
			return poison(r);
		r->head_seen = head;
	}
	return (int64_t)(r->head_seen - r->tail);
}

/* The word is read once: what the checks see is what is used. */
static uint64_t get_word(const struct pk_ring *r, uint32_t place)
{
	return __atomic_load_n((uint64_t *)(void *)(r->data + place),
			       __ATOMIC_RELAXED);
}

/*
 * Step over a filler. It never stands alone: the entry behind it was published
 * with it. (So none can stand at place 0: no more than a ring is readable.)
 */
static int skip_filler(struct pk_ring *r, int64_t *have)
{
	uint32_t place = (uint32_t)r->tail & (r->bytes - 1);
	uint32_t left = r->bytes - place;

	if (get_word(r, place) != FILLER)
		return 0;
	if (*have <= (int64_t)left)
		return poison(r);
	r->tail += left;
	*have -= left;
	return 0;
}

int pk_ring_pop(struct pk_ring *r, void *entry, uint32_t size)
{
	int64_t have;
	uint64_t len;
	uint32_t place;

	if (r->poisoned)
		return -EBADMSG;
	have = readable(r);
	if (have <= 0)
		return (int)have;
	if (skip_filler(r, &have) < 0)
		return -EBADMSG;
	place = (uint32_t)r->tail & (r->bytes - 1);
	len = get_word(r, place);
	if (!len || len > PK_RING_ENTRY_MAX || len > size)
		return poison(r);
	if (entry_bytes((uint32_t)len) > have ||
	    entry_bytes((uint32_t)len) > r->bytes - place)
		return poison(r);
	memcpy(entry, r->data + place + WORD, len);
	r->tail += entry_bytes((uint32_t)len);
	__atomic_store_n(&r->shared->tail, r->tail, __ATOMIC_RELEASE);
	return (int)len;
}

int pk_ring_sleep(struct pk_ring *r)
{
	if (r->poisoned)
		return 0;
	__atomic_store_n(&r->shared->sleeping, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (readable(r) == 0)
		return 1;
	__atomic_store_n(&r->shared->sleeping, 0, __ATOMIC_RELAXED);
	return 0;
}

/*
 * The producer shares the eventfd's file and may have cleared its O_NONBLOCK
 * and emptied it: only RWF_NOWAIT is out of its reach.
 */
void pk_ring_awake(struct pk_ring *r)
{
	uint64_t count;
	struct iovec iov = { &count, sizeof(count) };
	ssize_t n;

	__atomic_store_n(&r->shared->sleeping, 0, __ATOMIC_RELAXED);
	n = preadv2(r->eventfd, &iov, 1, -1, RWF_NOWAIT);
	(void)n;
}

uint32_t pk_ring_used(const struct pk_ring *r)
{
	uint64_t used;

	if (r->joined)
		used = r->head -
		       __atomic_load_n(&r->shared->tail, __ATOMIC_RELAXED);
	else
		used = __atomic_load_n(&r->shared->head, __ATOMIC_RELAXED) -
		       r->tail;
	return used > r->bytes ? r->bytes : (uint32_t)used;
}
