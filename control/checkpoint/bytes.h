/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bytes: state as bytes, and back.
 *
 * What a pair pk_X_save() and pk_X_load() is written with. Numbers are little
 * endian and as wide as they are put; texts have their length in front. Faults
 * stick: a writer that had no memory ignores what follows, a reader that was
 * asked for more than there is gives zeros and empty texts. So callers look
 * once, at the end of a record or of all: `writer.err`, `reader.err`.
 *
 * A reader is robust against any bytes, but gives what they say: whoever loads
 * checks ranges. One thread an object.
 */
#ifndef PK_CONTROL_CHECKPOINT_BYTES_H
#define PK_CONTROL_CHECKPOINT_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct pk_writer {
	uint8_t *bytes; /* NULL at first; owned */
	size_t used;
	size_t room;
	int err; /* 0 or -ENOMEM */
};

struct pk_reader {
	const uint8_t *bytes; /* borrowed */
	size_t left;
	int err; /* 0, or -EBADMSG: there was less than asked for */
};

void pk_writer_fini(struct pk_writer *w);

/* @n bytes to fill in, or NULL. Valid until the next call. */
uint8_t *pk_put_room(struct pk_writer *w, size_t n);
void pk_put_bytes(struct pk_writer *w, const void *from, size_t n);
void pk_put_u8(struct pk_writer *w, uint8_t n);
void pk_put_u16(struct pk_writer *w, uint16_t n);
void pk_put_u32(struct pk_writer *w, uint32_t n);
void pk_put_u64(struct pk_writer *w, uint64_t n);
/* At most 65,535 bytes of it. */
void pk_put_text(struct pk_writer *w, const char *text);

/* @n bytes that are borrowed, or NULL. */
const uint8_t *pk_get_room(struct pk_reader *r, size_t n);
void pk_get_bytes(struct pk_reader *r, void *to, size_t n);
uint8_t pk_get_u8(struct pk_reader *r);
uint16_t pk_get_u16(struct pk_reader *r);
uint32_t pk_get_u32(struct pk_reader *r);
uint64_t pk_get_u64(struct pk_reader *r);
/* The whole text with its NUL into @size bytes, or a fault. */
void pk_get_text(struct pk_reader *r, char *to, size_t size);

#endif /* PK_CONTROL_CHECKPOINT_BYTES_H */
