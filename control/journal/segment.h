/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * segment: the files of a journal, and what stands in them.
 *
 * A journal is a row of files in one directory, WORD-NUMBER.journal, where
 * NUMBER (20 digits) is that of its first record. A file is a head of 32
 * bytes and records, each at a multiple of 8 bytes:
 *
 *	struct pk_journal_frame, the subject, the text, zeros up to the multiple
 *
 * all little endian. The checksum is XXH3, 64 bits, of the frame behind the
 * checksum, the subject and the text.
 *
 * The inside of control/journal/; nobody else includes it.
 */
#ifndef PK_CONTROL_SEGMENT_H
#define PK_CONTROL_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

enum {
	PK_JOURNAL_VERSION = 1,
	PK_JOURNAL_NAME_MAX = 64, /* of a file, its NUL included */
	PK_JOURNAL_ALIGN = 8,
};
#define PK_JOURNAL_MAGIC 0x314c4e4a4b50a5c3ULL /* its last six: PKJNL1 */

struct pk_journal_head {
	uint64_t magic;
	uint64_t version;
	uint64_t first;
	uint64_t checksum; /* of the three before it */
};
_Static_assert(sizeof(struct pk_journal_head) == 32, "pk_journal_head");

struct pk_journal_frame {
	uint32_t magic; /* the lower half of PK_JOURNAL_MAGIC */
	uint32_t len;	/* bytes of subject and text */
	uint64_t checksum;
	uint64_t number;
	uint64_t time_ns;
	uint64_t epoch;
	uint8_t subject_len;
	uint8_t pad[7];
};
_Static_assert(sizeof(struct pk_journal_frame) == 48, "pk_journal_frame");

struct pk_journal_segment {
	uint64_t first;
	uint64_t bytes; /* of the file */
};

/* The whole record's bytes on disk. */
static inline size_t pk_journal_size(uint32_t len)
{
	return (sizeof(struct pk_journal_frame) + len + PK_JOURNAL_ALIGN - 1) &
	       ~(size_t)(PK_JOURNAL_ALIGN - 1);
}

/* Of a frame that is followed by its @f->len bytes. */
uint64_t pk_journal_checksum(const struct pk_journal_frame *f);

void pk_journal_name(char *out, const char *word, uint64_t first);

/*
 * The files of @word in @dir_fd in order of their numbers, to be freed by the
 * caller: their number, -ENOMEM, or -errno of the directory.
 */
int pk_journal_list(int dir_fd, const char *word,
		    struct pk_journal_segment **out);

#endif /* PK_CONTROL_SEGMENT_H */
