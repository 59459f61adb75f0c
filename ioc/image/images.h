/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * images: the published images, in memory shared with every plane.
 *
 *	memfd "picket-images"                         memfd "picket-hits"
 *	page 0          struct pk_control             uint64_t per slot,
 *	2 x 1 GiB       base slots   (sparse)         16 Mi of them (sparse)
 *	4 x 8 MiB       delta slots  (sparse)
 *
 * One pair (base, delta) is active: its slots and its generation are one
 * 64-bit word, which a reader loads once per burst. The writer fills idle
 * slots, writes their heads, and then stores the next word (release); a reader
 * that loaded it (acquire) sees both whole, never a mix.
 *
 * An idle slot that some reader may still look at must not be overwritten.
 * Before that the writer calls @grace with the last generation G in which the
 * slot was active; @grace returns when no reader uses a generation <= G. The
 * simplest reader stores (release) its view's generation where the writer can
 * see it, once per burst, right after pk_images_view(); it is quit of G when
 * that number is greater than G.
 *
 * The images are sealed: their fd cannot be resized, nor mapped or written for
 * writing by anyone but the creator's own mapping. Hit counters stay writable.
 * Pages that a large base used stay allocated for the next one.
 *
 * Further targets (the kernel's mmapped maps) get the same blocks in the same
 * slots and the same words; where a target is not `whole`, without the tables
 * that only user space reads, and the heads there say so. Target 0 is the
 * memfd.
 *
 * Threads: one thread writes (but see pk_images_prepare()); any number of
 * threads and processes read.
 */
#ifndef PK_IOC_IMAGES_H
#define PK_IOC_IMAGES_H

#include <stdint.h>

#include "bpf/abi.h"
#include "bpf/image.h"
#include "ioc/image/builder.h"

enum {
	PK_IMAGES_TARGETS = 8,
	PK_IMAGES_BASE_LINES = 1 << 24, /* 1 GiB */
	PK_IMAGES_DELTA_LINES = PK_DELTA_LINES,
};

struct pk_images;

struct pk_images_conf {
	uint64_t seed; /* of the store: for the empty first pair */
	/* May be NULL: nobody reads while the writer writes. */
	int (*grace)(void *arg, uint64_t generation);
	void *arg;
};

/* Memory of a target: borrowed, writable, as long as the target is used. */
struct pk_image_target {
	struct pk_control *control;
	struct pk_line *slot[PK_IMAGE_SLOTS]; /* bases, then deltas */
	uint32_t lines[PK_IMAGE_SLOTS];	      /* room in each */
	uint8_t whole; /* 0: no more than head.shared_lines, as the kernel */
};

/* After -ENOSPC: which target's slot is too small, and what it needs. */
struct pk_image_shortage {
	unsigned target;
	unsigned slot;
	uint32_t lines;
};

/* --- the writer --------------------------------------------------------- */

/*
 * Create the memory and publish an empty pair as generation 1. 0, -ENOMEM,
 * -errno of memfd_create, mmap or the seals. The caller owns *@out.
 */
int pk_images_new(struct pk_images **out, const struct pk_images_conf *conf);
void pk_images_free(struct pk_images *m); /* reader or writer; NULL: no-op */

/*
 * Publish a pair in one switch: @base, or NULL to keep the active one; @delta,
 * or NULL for an empty one (allowed only with a base). Copies the blocks. 0;
 * -EINVAL for no block, an unsound head, or a delta whose seed is not its
 * base's; -ENOSPC when a target's slot is too small, see pk_images_shortage();
 * -ENOMEM when pages are short; or what @grace returned. After an error the
 * active pair is what it was.
 */
int pk_images_publish(struct pk_images *m, const struct pk_block *base,
		      const struct pk_block *delta);
int pk_images_publish_base(struct pk_images *m, const struct pk_block *base);
int pk_images_publish_delta(struct pk_images *m, const struct pk_block *delta);

/*
 * Copy @base to where the next base goes, so that pk_images_publish() of the
 * same block need not: that takes long, and deltas are published meanwhile.
 * May run in a second thread while the writer publishes deltas (not bases),
 * and adds, deletes and changes no target. 0, or as pk_images_publish();
 * -ENOSPC fills @shortage. Forgotten by the next base, or change of a target.
 */
int pk_images_prepare(struct pk_images *m, const struct pk_block *base,
		      struct pk_image_shortage *shortage);

/*
 * Where the next base goes, so that it is built there and need not be copied;
 * pk_images_prepare() then only copies it to the other targets, and publishing
 * it nowhere. Waits until nobody reads what is there. Until the base is
 * published, or another place is asked for, no other base may be published. Who
 * may call it: as pk_images_prepare(). 0, -EINVAL in a reader, or what @grace
 * returned.
 */
int pk_images_place(struct pk_images *m, struct pk_block_place *out);

const struct pk_image_shortage *pk_images_shortage(const struct pk_images *m);

/*
 * Add a target; it gets the active pair and word at once. Copies @target.
 * Returns its number, -ENOSPC when a slot is too small for the active pair
 * (see pk_images_shortage()), or -EMFILE when there are PK_IMAGES_TARGETS.
 */
int pk_images_add_target(struct pk_images *m,
			 const struct pk_image_target *target);

/* Forget a target; its memory is no longer written. 0 or -ENOENT. */
int pk_images_del_target(struct pk_images *m, unsigned target);

/*
 * Give a target other memory for a slot that is not active. 0, -EBUSY when
 * the slot is active, -ENOENT, or -EINVAL for target 0.
 */
int pk_images_set_slot(struct pk_images *m, unsigned target, unsigned slot,
		       struct pk_line *lines, uint32_t count);

int pk_images_fd(const struct pk_images *m); /* owned by @m */
int pk_images_hits_fd(const struct pk_images *m);

/* Begin a slot's counter anew: it is given to another indicator. */
void pk_images_hits_clear(struct pk_images *m, uint32_t slot);

/* --- the reader (the writer may read as well) --------------------------- */

/*
 * Map the images behind @fd read-only and the counters behind @hits_fd
 * (-1: none). Takes neither fd. 0, -EINVAL when the size or the seals are not
 * what pk_images_new() makes, or -errno.
 */
int pk_images_open(struct pk_images **out, int fd, int hits_fd);

/*
 * The active pair. Valid until the reader says that it uses a later
 * generation (see above). Wait-free, one load.
 */
void pk_images_view(const struct pk_images *m, struct pk_view *out);
uint64_t pk_images_generation(const struct pk_images *m);

/* Count a hit of @slot; markers and slots out of range are ignored. */
void pk_images_hit(struct pk_images *m, uint32_t slot);
uint64_t pk_images_hits(const struct pk_images *m, uint32_t slot);

#endif /* PK_IOC_IMAGES_H */
