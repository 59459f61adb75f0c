/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragments_table: a table of fragments under test, what comes out of it, and
 * fragments of two payloads to put into it. Include cmocka.h first.
 */
#ifndef PK_TESTS_FRAGMENTS_TABLE_H
#define PK_TESTS_FRAGMENTS_TABLE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/inspect/fragments.h"
#include "tests/fragments_rig.h"
#include "tests/fragments_twin.h"

#define SECOND 1000000000ULL

enum { DATA = 4096 };

/* --- a table under test ----------------------------------------------------- */

struct rig {
	struct pk_fragments *f;
	struct pk_stage_counters count;
	uint64_t hash[TWIN_OUT]; /* of what the last fragment made whole */
	uint32_t n;
	uint32_t begun;
	uint32_t firsts;
	uint32_t len;		 /* of the last one that is no first fragment */
	struct pk_fragment last; /* what it came with */
	uint8_t frame[RIG_FRAME];
	uint64_t now_ns, frames;
};

static inline void keep(void *arg, const struct pk_datagram *d)
{
	struct rig *r = arg;

	r->begun += d->index == 0;
	if (d->part == PK_DATAGRAM_FIRST) {
		r->firsts++;
		return;
	}
	twin_keep_hash(r->hash, &r->n, twin_hash(d->frame, d->len));
	r->len = d->len;
	r->last = *d->last;
	memcpy(r->frame, d->frame, d->len);
}

static inline struct rig *open_rig(uint32_t blocks, uint32_t datagrams)
{
	struct pk_fragments_conf conf = { blocks, datagrams, 7 };
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	if (!blocks)
		pk_fragments_conf_default(&conf);
	assert_int_equal(pk_fragments_new(&r->f, &conf, &r->count), 0);
	pk_fragments_on_emit(r->f, keep, r);
	r->now_ns = 100 * SECOND;
	return r;
}

static inline void close_rig(struct rig *r)
{
	assert_int_equal(r->count.frag_in, RIG_ENDS(&r->count));
	pk_fragments_drain(r->f);
	assert_int_equal(r->count.frag_resident, 0);
	assert_int_equal(r->count.frag_in, RIG_ENDS(&r->count));
	pk_fragments_free(r->f);
	free(r);
}

/* A microsecond after the last one. What it made whole is in @r. */
static inline int add(struct rig *r, struct shape s)
{
	uint8_t frame[RIG_FRAME];
	struct pk_fragment g;
	int reason;

	r->n = r->begun = r->firsts = r->len = 0;
	r->now_ns += 1000;
	s.time_ns = r->now_ns;
	reason = rig_read(&s, frame, &g);
	g.frame = ++r->frames;
	if (reason == PK_FRAGMENT_OK)
		pk_fragments_add(r->f, &g);
	else
		pk_fragments_refuse(r->f, reason);
	return reason;
}

/* So long nothing comes. */
static inline void close_after(struct rig *r, uint64_t seconds)
{
	r->n = r->firsts = 0;
	r->now_ns += seconds * SECOND;
	pk_fragments_close(r->f, pk_tick(r->now_ns));
}

static uint8_t letters[DATA * 17], others[DATA * 17];

static inline void fill(void)
{
	for (uint32_t i = 0; i < sizeof(letters); i++) {
		letters[i] = (uint8_t)('a' + i % 23);
		others[i] = (uint8_t)('A' + i % 23);
	}
}

/* Bytes [@from, @to) of the letters, or of the other ones. */
static inline struct shape part(uint32_t id, uint32_t from, uint32_t to,
				int more)
{
	return (struct shape){ .src = 1,
			       .id = id,
			       .offset = from,
			       .len = to - from,
			       .more = (uint8_t)more,
			       .data = letters + from };
}

static inline struct shape other(uint32_t id, uint32_t from, uint32_t to,
				 int more)
{
	struct shape s = part(id, from, to, more);

	s.data = others + from;
	return s;
}

static inline struct shape six(struct shape s)
{
	s.ip6 = 1;
	return s;
}

/* Was the payload @text among what came out? All IPv4 of source 1 with @id. */
static inline int made(const struct rig *r, uint32_t id, const uint8_t *payload,
		       uint32_t len)
{
	struct shape s = { .src = 1, .id = id, .len = len, .data = payload };
	uint8_t frame[RIG_FRAME];
	uint64_t h = twin_hash(frame, rig_build(&s, frame));

	for (uint32_t i = 0; i < r->n; i++)
		if (r->hash[i] == h)
			return 1;
	return 0;
}

#endif /* PK_TESTS_FRAGMENTS_TABLE_H */
