/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first byte chooses. Even: the rest is a frame; what is read of it must
 * lie in it, and alone it makes at most itself. Odd: the rest are fragments,
 * five bytes each, for a small table, which must do what the slow twin does.
 */
#include "dataplane/inspect/fragments.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fragments_rig.h"
#include "tests/fragments_twin.h"

enum { STEP = 5, STEPS = 512, PIECE = 700 };

static const struct pk_fragments_conf small = { 64, 16, 3 };

struct made {
	uint64_t hash[TWIN_OUT];
	uint32_t n;
};

static void must(int ok)
{
	if (!ok)
		abort();
}

/* Every byte of what was emitted is read; all but first ones are kept. */
static void keep(void *arg, const struct pk_datagram *d)
{
	struct made *made = arg;
	uint64_t h = twin_hash(d->frame, d->len);

	must(d->len > RIG_ETH && d->last != NULL);
	must(d->index > 0 || d->part == PK_DATAGRAM_FIRST);
	if (d->part != PK_DATAGRAM_FIRST)
		twin_keep_hash(made->hash, &made->n, h);
}

static struct pk_fragments *open_table(struct pk_stage_counters *count,
				       struct made *made)
{
	struct pk_fragments *f;

	memset(count, 0, sizeof(*count));
	must(pk_fragments_new(&f, &small, count) == 0);
	pk_fragments_on_emit(f, keep, made);
	return f;
}

static void close_table(struct pk_fragments *f,
			const struct pk_stage_counters *count)
{
	must(count->frag_in == RIG_ENDS(count));
	pk_fragments_drain(f);
	must(count->frag_resident == 0 && count->frag_in == RIG_ENDS(count));
	pk_fragments_free(f);
}

static void one_frame(const uint8_t *data, uint32_t size)
{
	struct pk_stage_counters count;
	struct made made = { .n = 0 };
	struct pk_fragments *f;
	struct pk_fragment g;
	uint8_t *frame = malloc(size ? size : 1); /* of its very size */
	int reason;

	must(frame != NULL);
	memcpy(frame, data, size);
	reason = pk_fragment_read(&g, frame, size, size);
	must(reason >= 0 && reason < PK_FRAGMENT_REASON_COUNT);
	f = open_table(&count, &made);
	if (reason == PK_FRAGMENT_OK) {
		must(g.head >= frame && g.data == g.head + g.head_len);
		must(g.data + g.len <= frame + size && g.len > 0);
		must(g.offset + g.len <= PK_DATAGRAM_MAX);
		must(!g.more || !(g.len & 7));
		must(g.offset || g.more);
		pk_fragments_add(f, &g);
		must(made.n == 0);
	} else {
		pk_fragments_refuse(f, reason);
	}
	close_table(f, &count);
	free(frame);
}

/* Bytes: who and what, where, how long, how much later, TTL and which bytes. */
static struct shape shape_of(const uint8_t *b, const uint8_t *bytes)
{
	struct shape s = { .src = b[0] & 3,
			   .id = b[0] >> 2 & 3,
			   .ip6 = b[0] >> 4 & 1,
			   .more = b[0] >> 5 & 1,
			   .proto = b[0] >> 6 & 1 ? 6 : 17,
			   .ttl = b[4] >> 4,
			   .offset = (b[1] & 31) * 8U,
			   .len = b[2] & 128 ? (b[2] & 127) * 5U
					     : (b[2] & 31) * 8U };

	if (b[0] >> 7)
		s.offset = 65535 / 8 * 8 - s.offset;
	s.data = bytes + (b[1] >> 5) * 256U + (s.offset & 255);
	if (b[4] & 15)
		s.data = bytes + (s.offset & 255);
	return s;
}

static void sequence(const uint8_t *data, uint32_t size)
{
	static uint8_t bytes[4096], frame[RIG_FRAME];
	static struct twin twin;
	struct twin *t = &twin;
	struct pk_stage_counters count;
	struct made made = { .n = 0 };
	uint64_t now = 100000000000ULL;
	struct pk_fragments *f = open_table(&count, &made);

	twin_begin(t, &small);
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	for (uint32_t at = 0; at + STEP <= size && at < STEP * STEPS;
	     at += STEP) {
		struct shape s = shape_of(data + at, bytes);
		struct pk_fragment g;
		uint8_t later = data[at + 3];

		now += 1 + (later > 200 ? later * 100000000ULL : later);
		s.time_ns = now;
		made.n = 0;
		if (rig_read(&s, frame, &g) != PK_FRAGMENT_OK)
			continue;
		pk_fragments_add(f, &g);
		twin_add(t, &g);
		must(made.n == t->outs &&
		     !memcmp(made.hash, t->out, made.n * sizeof(uint64_t)) &&
		     !memcmp(&count, &t->count, sizeof(count)));
	}
	twin_empty(t);
	close_table(f, &count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > 65536)
		return 0;
	if (data[0] & 1)
		sequence(data + 1, (uint32_t)size - 1);
	else
		one_frame(data + 1, (uint32_t)size - 1);
	return 0;
}
