/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slot: the two files of a checkpoint, written in turns.
 *
 * Each holds a whole checkpoint with a serial number and a checksum over all of
 * it. A new one is written over the older of the two, so whenever the
 * writing ends early, the newer one stands. Two also outlive damage of one:
 * what is found is the newest that is whole.
 *
 *	head   magic, checksum of all that follows, bytes of all that follows,
 *	       serial number, time
 *	part*  name, version, bytes; those bytes
 *
 * One thread at a time.
 */
#ifndef PK_CONTROL_CHECKPOINT_SLOT_H
#define PK_CONTROL_CHECKPOINT_SLOT_H

#include <stddef.h>
#include <stdint.h>

#include "control/checkpoint/bytes.h"

enum {
	PK_CHECKPOINT_SLOTS = 2,
	PK_CHECKPOINT_NAME_MAX = 15,	   /* bytes of a part's name */
	PK_CHECKPOINT_BYTES_MAX = 1 << 30, /* of a file */
};

/* A checkpoint in memory: a head, then the parts. */
struct pk_slot_head {
	char magic[16];
	uint64_t checksum;
	uint64_t bytes;
	uint64_t serial;
	uint64_t time_ns;
};

struct pk_slot_part {
	char name[PK_CHECKPOINT_NAME_MAX + 1];
	uint32_t version;
	uint32_t pad;
	uint64_t bytes;
};

/* Begin a checkpoint in @w, which is emptied. */
void pk_slot_begin(struct pk_writer *w);
/* Begin a part; what is put then is in it, until the next one begins. Returns
 * what pk_slot_part_end() wants. */
size_t pk_slot_part_begin(struct pk_writer *w, const char *name,
			  uint32_t version);
void pk_slot_part_end(struct pk_writer *w, size_t part);
/* All is put: fill in the head. 0, -ENOMEM or -EFBIG. */
int pk_slot_end(struct pk_writer *w, uint64_t serial, uint64_t time_ns);

/*
 * Write @bytes as slot @n of @dir_fd and sync them. It can be read as soon as
 * it is written, and outlives a power cut when this returns 0; else -errno.
 */
int pk_slot_write(int dir_fd, unsigned n, const uint8_t *bytes, size_t len);

/*
 * Read slot @n: 0 and *@out, to be freed; -ENOENT; -EBADMSG when it is torn or
 * damaged; -EPROTO when it is none, or of another version; -errno.
 */
int pk_slot_read(int dir_fd, unsigned n, uint8_t **out);

/*
 * The part behind @at (NULL: the first) of a checkpoint that was read, or NULL
 * behind the last one. Its bytes follow it.
 */
const struct pk_slot_part *pk_slot_next(const uint8_t *checkpoint,
					const struct pk_slot_part *at);

#endif /* PK_CONTROL_CHECKPOINT_SLOT_H */
