/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse_rig: decode a frame that stands at the end of a page that nothing
 * follows, once more on the heap in a block of its size, and by the slow twin;
 * all three must agree.
 */
#ifndef PK_TESTS_PARSE_RIG_H
#define PK_TESTS_PARSE_RIG_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/parse.h"
#include "tests/parse_rows.h"
#include "tests/parse_twin.h"

enum { FRAME_MAX = 4096, PAGE = 4096 };

static uint8_t *edge; /* the first byte that must not be touched */

static int map_edge(void **state)
{
	uint8_t *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	if (p == MAP_FAILED || mprotect(p + 2 * PAGE, PAGE, PROT_NONE))
		return -1;
	edge = p + 2 * PAGE;
	return 0;
}

/* Is all that was said to be valid the same? */
static inline bool same_decode(const struct pk_decode *a,
			       const struct pk_decode *b)
{
	return !memcmp(&a->packet, &b->packet, sizeof(a->packet)) &&
	       a->outer_ip6 == b->outer_ip6 && a->packet.depth <= PK_OUTERS &&
	       !memcmp(a->outer, b->outer,
		       a->packet.depth * sizeof(a->outer[0]));
}

static inline void show_bytes(const uint8_t *frame, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		print_error("%02x", frame[i]);
	print_error("\n");
}

/* Decode @readable bytes of a frame that has @wire bytes. */
static inline struct pk_decode decode_head(const uint8_t *frame,
					   uint32_t readable, uint32_t wire)
{
	uint8_t *copy = malloc(readable ? readable : 1);
	uint8_t *at = edge - readable;
	struct pk_decode d, twin, heap;
	uint8_t reason;

	assert_non_null(copy);
	memcpy(at, frame, readable);
	memcpy(copy, frame, readable);
	memset(&d, 0xa5, sizeof(d));
	memset(&heap, 0, sizeof(heap));
	reason = pk_parse(at, at + readable, wire, &d);
	assert_int_equal(reason, d.packet.reason);
	assert_true(d.steps <= PK_STEPS);
	pk_parse(copy, copy + readable, wire, &heap);
	twin_parse(copy, readable, wire, &twin);
	if (!same_decode(&d, &twin)) {
		show_bytes(frame, readable);
		print_error("depth %u and %u, reason %u and %u\n",
			    d.packet.depth, twin.packet.depth, d.packet.reason,
			    twin.packet.reason);
		assert_memory_equal(&d.packet, &twin.packet, sizeof(d.packet));
		fail_msg("the twin saw other outer packets");
	}
	assert_true(same_decode(&d, &heap));
	free(copy);
	return d;
}

static inline struct pk_decode decode_whole(const uint8_t *frame, uint32_t len)
{
	return decode_head(frame, len, len);
}

static inline struct pk_packet parse_head(const uint8_t *frame,
					  uint32_t readable, uint32_t wire)
{
	return decode_head(frame, readable, wire).packet;
}

static inline struct pk_packet parse_whole(const uint8_t *frame, uint32_t len)
{
	return decode_head(frame, len, len).packet;
}

static inline void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

#endif /* PK_TESTS_PARSE_RIG_H */
