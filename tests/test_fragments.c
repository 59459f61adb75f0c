/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/fragments.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fragments_rig.h"
#include "tests/fragments_twin.h"
#include "tools/gen/splitmix.h"

#define SECOND 1000000000ULL

enum { DATA = 4096, MADE = 16 };

/* --- a table under test ----------------------------------------------------- */

struct rig {
	struct pk_fragments *f;
	struct pk_stage_counters count;
	uint64_t hash[TWIN_OUT]; /* of what the last fragment made whole */
	uint32_t n;
	uint32_t begun;
	uint32_t firsts;
	uint32_t len; /* of the last whole one */
	uint8_t frame[RIG_FRAME];
	uint64_t now_ns;
};

static void keep(void *arg, const struct pk_datagram *d)
{
	struct rig *r = arg;

	r->begun += d->index == 0;
	if (d->part == PK_DATAGRAM_FIRST) {
		r->firsts++;
		return;
	}
	twin_keep_hash(r->hash, &r->n, twin_hash(d->frame, d->len));
	r->len = d->len;
	memcpy(r->frame, d->frame, d->len);
}

static struct rig *open_rig(uint32_t blocks, uint32_t datagrams)
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

static void close_rig(struct rig *r)
{
	assert_int_equal(r->count.frag_in, RIG_ENDS(&r->count));
	pk_fragments_drain(r->f);
	assert_int_equal(r->count.frag_resident, 0);
	assert_int_equal(r->count.frag_in, RIG_ENDS(&r->count));
	pk_fragments_free(r->f);
	free(r);
}

/* A microsecond after the last one. What it made whole is in @r. */
static int add(struct rig *r, struct shape s)
{
	uint8_t frame[RIG_FRAME];
	struct pk_fragment g;
	int reason;

	r->n = r->begun = r->firsts = r->len = 0;
	r->now_ns += 1000;
	s.time_ns = r->now_ns;
	reason = rig_read(&s, frame, &g);
	if (reason == PK_FRAGMENT_OK)
		pk_fragments_add(r->f, &g);
	else
		pk_fragments_refuse(r->f, reason);
	return reason;
}

static uint8_t letters[DATA * 17], others[DATA * 17];

static void fill(void)
{
	for (uint32_t i = 0; i < sizeof(letters); i++) {
		letters[i] = (uint8_t)('a' + i % 23);
		others[i] = (uint8_t)('A' + i % 23);
	}
}

/* Bytes [@from, @to) of the letters, or of the other ones. */
static struct shape part(uint32_t id, uint32_t from, uint32_t to, int more)
{
	return (struct shape){ .src = 1,
			       .id = id,
			       .offset = from,
			       .len = to - from,
			       .more = (uint8_t)more,
			       .data = letters + from };
}

static struct shape other(uint32_t id, uint32_t from, uint32_t to, int more)
{
	struct shape s = part(id, from, to, more);

	s.data = others + from;
	return s;
}

static struct shape six(struct shape s)
{
	s.ip6 = 1;
	return s;
}

/* Was the payload @text among what came out? All IPv4 of source 1 with @id. */
static int made(const struct rig *r, uint32_t id, const uint8_t *payload,
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

/* --- what a frame holds ------------------------------------------------------- */

static void a_fragment_is_found_behind_extension_headers(void **state)
{
	uint8_t frame[200] = { 0 };
	struct shape s = six(part(0x01020304, 0, 64, 1));
	uint32_t len = rig_build(&s, frame);
	struct pk_fragment g;

	(void)state;
	/* hop-by-hop of 16 bytes and an atomic Fragment header in front */
	memmove(frame + 54 + 24, frame + 54, len - 54);
	memset(frame + 54, 0, 24);
	frame[20] = 0;
	frame[54] = 44, frame[55] = 1;
	frame[70] = 44;
	rig_put(frame + 18, 64 + 8 + 24, 2);
	len += 24;
	assert_int_equal(pk_fragment_read(&g, frame, len, len), PK_FRAGMENT_OK);
	assert_int_equal(g.head_len, 40 + 24 + 8);
	assert_int_equal(g.next_at, 40 + 16);
	assert_int_equal(g.len, 64);
	assert_int_equal(g.key.sport, 0x0102);
	assert_int_equal(g.key.dport, 0x0304);
	assert_memory_equal(g.data, letters, 64);
	for (uint32_t cut = 0; cut < len; cut++)
		assert_int_equal(pk_fragment_read(&g, frame, cut, len),
				 PK_FRAGMENT_CUT);
}

static void d12_an_atomic_fragment_is_a_whole_packet(void **state)
{
	struct shape s = six(part(1, 0, 64, 0));
	uint8_t frame[200];
	uint32_t len = rig_build(&s, frame);
	struct pk_decode d;
	struct pk_fragment g;

	(void)state;
	assert_int_equal(pk_parse(frame, frame + len, len, &d),
			 PK_PARSE_UDP_LENGTH); /* decoded to layer 4 */
	assert_false(d.packet.layers & PK_IS_FRAGMENT);
	assert_true(d.packet.layers & PK_HAS_PORTS);
	assert_int_equal(pk_fragment_read(&g, frame, len, len),
			 PK_FRAGMENT_CUT);
}

static void lengths_that_cannot_be_are_refused(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	assert_int_equal(add(r, part(1, 0, 0, 1)), PK_FRAGMENT_LENGTH);
	assert_int_equal(add(r, part(1, 8, 8, 0)), PK_FRAGMENT_LENGTH);
	assert_int_equal(add(r, part(1, 0, 7, 1)), PK_FRAGMENT_LENGTH);
	assert_int_equal(add(r, six(part(1, 0, 15, 1))), PK_FRAGMENT_LENGTH);
	assert_int_equal(r->count.frag_length, 4);
	/* IPv4: what is behind the last eight is not there. */
	assert_int_equal(add(r, part(1, 0, 15, 1)), PK_FRAGMENT_OK);
	assert_int_equal(add(r, part(1, 8, 11, 0)), PK_FRAGMENT_OK);
	assert_true(made(r, 1, letters, 11));
	close_rig(r);
}

static void what_is_not_there_is_cut(void **state)
{
	struct shape s = part(1, 0, 1480, 1);
	uint8_t frame[RIG_FRAME];
	uint32_t len = rig_build(&s, frame);
	struct pk_fragment g;

	(void)state;
	assert_int_equal(pk_fragment_read(&g, frame, len - 1, len),
			 PK_FRAGMENT_CUT);
	assert_int_equal(pk_fragment_read(&g, frame, len, len), PK_FRAGMENT_OK);
	frame[17]++; /* the IP length is beyond the frame's end */
	assert_int_equal(pk_fragment_read(&g, frame, len, len),
			 PK_FRAGMENT_CUT);
}

/* --- rows ------------------------------------------------------------------------ */

/* RFC 1858: bytes 8.. again, with the flags of the TCP header; 3128: the ports. */
static void d13_headers_written_twice_are_judged_both_ways(void **state)
{
	struct rig *r = open_rig(0, 0);
	uint8_t twice[48];

	(void)state;
	add(r, part(1, 0, 24, 1));
	add(r, other(1, 8, 24, 1));
	assert_int_equal(r->count.frag_overlap, 1);
	add(r, part(1, 24, 48, 0));
	assert_true(made(r, 1, letters, 48));
	memcpy(twice, letters, sizeof(twice));
	memcpy(twice + 8, others + 8, 16);
	assert_true(made(r, 1, twice, 48));

	add(r, part(2, 0, 16, 1));
	add(r, other(2, 0, 8, 1));
	assert_int_equal(r->count.frag_overlap, 2);
	add(r, part(2, 16, 48, 0));
	assert_true(made(r, 2, letters, 48));
	memcpy(twice, letters, sizeof(twice));
	memcpy(twice, others, 8);
	assert_true(made(r, 2, twice, 48));
	assert_int_equal(r->count.frag_used, 3);
	/* The rest of the second first fragment never came: it was judged. */
	r->now_ns += 32 * SECOND;
	pk_fragments_close(r->f, pk_tick(r->now_ns));
	assert_int_equal(r->count.frag_used, 6);
	close_rig(r);
}

/* 24 bytes as [0,16) and [8,24): who has [8,16)? */
static void d14_every_policy_is_among_the_variants(void **state)
{
	static const uint8_t orders[4] = { 0, 1, 2, 3 };
	uint8_t want[24];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		struct rig *r = open_rig(0, 0);
		struct shape a = part(1, 0, 16, 1), b = other(1, 8, 24, 0);

		if (orders[i] & 2) /* the other bytes are in front */
			a = other(1, 0, 16, 1), b = part(1, 8, 24, 0);
		add(r, orders[i] & 1 ? b : a);
		assert_int_equal(r->n, 0);
		add(r, orders[i] & 1 ? a : b);
		assert_int_equal(r->count.frag_overlap, 1);
		assert_int_equal(r->n, 2);
		assert_int_equal(r->begun, 1);
		memcpy(want, a.data, 16);
		memcpy(want + 16, b.data + 8, 8);
		assert_true(made(r, 1, want, 24)); /* before wins */
		memcpy(want + 8, b.data, 16);
		assert_true(made(r, 1, want, 24)); /* after wins */
		close_rig(r);
	}
}

static void d14_an_ipv6_overlap_drops_the_datagram(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, six(part(1, 0, 16, 1)));
	add(r, six(part(1, 0, 16, 1)));
	assert_int_equal(r->count.frag_duplicate, 1);
	add(r, six(part(1, 8, 24, 1))); /* the same bytes, and yet */
	assert_int_equal(r->count.frag_dropped, 2);
	assert_int_equal(r->count.frag_overlap, 1);
	add(r, six(part(1, 16, 24, 0)));
	add(r, six(part(1, 0, 16, 1)));
	assert_int_equal(r->n, 0);
	assert_int_equal(r->count.frag_dropped, 4);
	/* A minute later the name is free again. */
	r->now_ns += 62 * SECOND;
	add(r, six(part(1, 0, 16, 1)));
	add(r, six(part(1, 16, 24, 0)));
	assert_int_equal(r->n, 1);
	close_rig(r);
}

static void another_protocol_makes_another_first_fragment(void **state)
{
	struct rig *r = open_rig(0, 0);
	struct shape s = six(part(1, 0, 16, 1));

	(void)state;
	add(r, s);
	s.proto = 6;
	add(r, s);
	assert_int_equal(r->count.frag_duplicate, 0);
	assert_int_equal(r->count.frag_dropped, 2);
	close_rig(r);
}

static void d15_the_last_may_come_first(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 1480, 1483, 0));
	assert_int_equal(r->n, 0);
	add(r, part(1, 0, 1480, 1));
	assert_int_equal(r->n, 1);
	assert_int_equal(r->firsts, 1);
	assert_true(made(r, 1, letters, 1483));
	assert_int_equal(r->count.frag_used, 2);
	close_rig(r);
}

static void d15_a_hole_is_never_filled_with_anything(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 1480, 1));
	add(r, part(1, 2960, 3000, 0));
	assert_int_equal(r->n, 0);
	/* up to 30 s; a tick is 1.07 s */
	r->now_ns += 29 * SECOND;
	pk_fragments_close(r->f, pk_tick(r->now_ns));
	assert_int_equal(r->count.frag_resident, 2);
	r->now_ns += 3 * SECOND;
	pk_fragments_close(r->f, pk_tick(r->now_ns));
	assert_int_equal(r->count.frag_expired, 2);
	add(r, part(1, 1480, 2960, 1));
	assert_int_equal(r->n, 0);
	close_rig(r);
}

static void d15_a_name_used_again_is_a_new_datagram(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 1480, 1));
	add(r, part(1, 2960, 3000, 0));
	add(r, other(1, 0, 1480, 1));
	assert_int_equal(r->n, 0);
	add(r, other(1, 1480, 2000, 0));
	assert_true(made(r, 1, others, 2000));
	assert_int_equal(r->count.frag_expired, 2);
	assert_int_equal(r->count.frag_used, 2);
	close_rig(r);
}

/* With the old last fragment all is there, but the new one has its own. */
static void d15_a_new_datagram_is_judged_alone_as_well(void **state)
{
	struct rig *r = open_rig(0, 0);
	uint8_t mixed[3000];

	(void)state;
	add(r, part(1, 0, 1480, 1));
	add(r, part(1, 2960, 3000, 0));
	add(r, other(1, 0, 1480, 1));
	add(r, other(1, 1480, 2960, 1));
	memcpy(mixed, others, sizeof(mixed));
	memcpy(mixed + 2960, letters + 2960, 40);
	assert_true(made(r, 1, mixed, 3000));
	memcpy(mixed, letters, 1480);
	assert_true(made(r, 1, mixed, 3000));
	add(r, other(1, 2960, 3000, 0));
	assert_true(made(r, 1, others, 3000));
	assert_int_equal(r->count.frag_used, 3);
	assert_int_equal(r->count.frag_expired, 2);
	close_rig(r);
}

static void two_ends_are_judged_both_ways(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 16, 24, 0));
	add(r, part(1, 8, 16, 0));
	assert_int_equal(r->count.frag_overlap, 1);
	add(r, part(1, 0, 8, 1));
	assert_true(made(r, 1, letters, 24));
	assert_true(made(r, 1, letters, 16));
	close_rig(r);
}

static void d16_no_datagram_is_longer_than_its_length_field(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	assert_int_equal(add(r, part(1, 8189 * 8, 8189 * 8 + 64, 0)),
			 PK_FRAGMENT_OVERSIZE);
	assert_int_equal(add(r, part(1, 65528, 65535, 0)), PK_FRAGMENT_OK);
	assert_int_equal(add(r, part(1, 65528, 65536, 0)),
			 PK_FRAGMENT_OVERSIZE);
	assert_int_equal(r->count.frag_oversize, 2);
	/* 65535 bytes behind a header of 20 are too many as well. */
	for (uint32_t at = 0; at < 65528; at += 8192)
		add(r, part(1, at, at + 8192 < 65528 ? at + 8192 : 65528, 1));
	assert_int_equal(r->n, 0);
	assert_int_equal(r->count.frag_oversize, 11);
	/* 65515 are not. */
	add(r, part(2, 65512, 65515, 0));
	for (uint32_t at = 0; at < 65512; at += 8192)
		add(r, part(2, at, at + 8192 < 65512 ? at + 8192 : 65512, 1));
	assert_true(made(r, 2, letters, 65515));
	close_rig(r);
}

/* --- floods ------------------------------------------------------------------------ */

enum { FLOOD = 1000000, EVERY = 4000 };

/* Between two fragments of a datagram, @flood frames of others. */
static void flood(uint32_t (*source)(uint64_t random), uint32_t every)
{
	struct rig *r = open_rig(0, 0);
	struct pk_fragments_conf conf;
	uint64_t random = 3, sent = 0, found = 0, before;

	pk_fragments_conf_default(&conf);
	assert_true(pk_fragments_bytes(&conf) <= 8 << 20);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (uint32_t i = 0; i < FLOOD; i++) {
		uint64_t n = pk_splitmix_next(&random);
		struct shape s = part((uint32_t)n & 0xffff, 0, 64, 1);

		s.src = source(n >> 16);
		if (i % every == 0)
			add(r, part(i / every, 0, 1480, 1)), sent++;
		if (i % every == every / 2) {
			add(r, part(i / every, 1480, 2000, 0));
			found += made(r, i / every, letters, 2000);
		}
		add(r, s);
		assert_int_equal(r->n, 0);
	}
	assert_int_equal(found, sent);
	assert_true(r->count.frag_evicted >
		    FLOOD - conf.blocks - r->count.frag_duplicate);
	assert_int_equal(r->count.frag_in, FLOOD + 2 * sent);
	assert_int_equal(r->count.frag_used, 2 * sent);
	assert_int_equal(r->count.frag_in, r->count.frag_used +
						   r->count.frag_evicted +
						   r->count.frag_duplicate +
						   r->count.frag_resident);
	assert_int_equal(mallinfo2().uordblks + mallinfo2().hblkhd, before);
	close_rig(r);
}

static uint32_t one_source(uint64_t random)
{
	(void)random;
	return 2;
}

static uint32_t ten_sources(uint64_t random)
{
	return 2 + (uint32_t)(random % 10);
}

static uint32_t any_source(uint64_t random)
{
	return 2 + (uint32_t)(random & 0xffffff);
}

static void d17_a_flood_of_one_source_pushes_out_only_itself(void **state)
{
	(void)state;
	flood(one_source, 100000);
}

static void d17_a_flood_of_ten_sources_pushes_out_only_itself(void **state)
{
	(void)state;
	flood(ten_sources, 100000);
}

static void d17_a_forged_flood_pushes_out_what_is_as_old(void **state)
{
	(void)state;
	flood(any_source, EVERY);
}

static void hosts_of_one_ipv6_network_are_one_source(void **state)
{
	struct rig *r = open_rig(0, 0);
	struct pk_fragments_conf conf;
	uint8_t frame[RIG_FRAME];
	struct pk_fragment g;

	(void)state;
	pk_fragments_conf_default(&conf);
	for (uint32_t i = 0; i < 10000; i++) {
		struct shape s = six(part(i, 0, 64, 1));
		uint32_t len = rig_build(&s, frame);

		rig_put(frame + RIG_ETH + 20, i, 4);
		assert_int_equal(pk_fragment_read(&g, frame, len, len),
				 PK_FRAGMENT_OK);
		pk_fragments_add(r->f, &g);
	}
	assert_int_equal(r->count.frag_resident,
			 conf.datagrams / PK_FRAGMENT_SHARE);
	close_rig(r);
}

/* --- against the slow twin ------------------------------------------------------------ */

struct play {
	struct rig *r;
	struct twin *t;
	uint64_t random;
	uint32_t wide; /* most bytes of a fragment */
	uint32_t sources;
	uint32_t ids;
};

static uint32_t draw(struct play *p, uint32_t below)
{
	return (uint32_t)(pk_splitmix_next(&p->random) % below);
}

static void add_both(struct play *p, struct shape s)
{
	static uint8_t frame[RIG_FRAME];
	struct rig *r = p->r;
	struct pk_fragment g;

	r->n = r->begun = r->firsts = 0;
	r->now_ns += 1000 + draw(p, 100) * (draw(p, 50) ? 1000 : 10000000);
	s.time_ns = r->now_ns;
	if (rig_read(&s, frame, &g) != PK_FRAGMENT_OK)
		return;
	pk_fragments_add(r->f, &g);
	twin_add(p->t, &g);
	assert_int_equal(r->n, p->t->outs);
	assert_memory_equal(r->hash, p->t->out, r->n * sizeof(*r->hash));
	assert_memory_equal(&r->count, &p->t->count, sizeof(r->count));
	assert_int_equal(r->count.frag_in, RIG_ENDS(&r->count));
}

/* Any fragment of one of few datagrams, often such as fits to others. */
static struct shape any_shape(struct play *p)
{
	uint32_t unit = p->wide / 8, units = 6;
	struct shape s = { .src = draw(p, p->sources),
			   .id = draw(p, p->ids),
			   .ip6 = (uint8_t)!draw(p, 4),
			   .data = draw(p, 12) ? letters : others };
	uint32_t at = draw(p, units);

	s.offset = at * unit * 8;
	s.len = unit * 8;
	s.more = at + 1 < units;
	if (!draw(p, 20))
		s.len = 8 * (1 + draw(p, 2 * unit));
	if (!draw(p, 20))
		s.offset = 8 * draw(p, units * unit);
	if (!draw(p, 30))
		s.more = !s.more;
	if (!draw(p, 40))
		s.proto = 6;
	if (!s.more && s.len > 4)
		s.len -= draw(p, 4) ? 3 : 0;
	s.data += s.offset;
	return s;
}

static void play(uint32_t blocks, uint32_t datagrams, struct play *p)
{
	const struct pk_fragments_conf conf = { blocks, datagrams, 7 };

	p->r = open_rig(blocks, datagrams);
	p->t = calloc(1, sizeof(*p->t));
	assert_non_null(p->t);
	twin_begin(p->t, &conf);
	for (int i = 0; i < 60000; i++)
		add_both(p, any_shape(p));
	twin_empty(p->t);
	free(p->t);
}

static void saw_everything(const struct play *p)
{
	assert_true(p->r->count.frag_used > 1000);
	assert_true(p->r->count.frag_expired > 100);
	assert_true(p->r->count.frag_duplicate > 1000);
	assert_true(p->r->count.frag_overlap > 1000);
	assert_true(p->r->count.frag_dropped > 1000);
}

static void agrees_with_the_slow_twin(void **state)
{
	struct play p = { .random = 1, .wide = 64, .sources = 6, .ids = 3 };

	(void)state;
	play(16384, 256, &p);
	saw_everything(&p);
	assert_int_equal(p.r->count.frag_evicted, 0);
	close_rig(p.r);
}

static void agrees_with_the_slow_twin_while_it_is_full(void **state)
{
	struct play p = { .random = 2, .wide = 256, .sources = 14, .ids = 2 };

	(void)state;
	play(160, 64, &p);
	saw_everything(&p);
	assert_true(p.r->count.frag_evicted > 1000);
	close_rig(p.r);
}

static void agrees_with_the_slow_twin_when_sources_are_big(void **state)
{
	struct play p = { .random = 3, .wide = 1024, .sources = 40, .ids = 2 };

	(void)state;
	play(1024, 256, &p);
	saw_everything(&p);
	assert_true(p.r->count.frag_evicted > 1000);
	close_rig(p.r);
}

static void agrees_with_the_slow_twin_when_sources_are_small(void **state)
{
	struct play p = { .random = 6, .wide = 64, .sources = 60, .ids = 1 };

	(void)state;
	play(4096, 64, &p);
	assert_true(p.r->count.frag_evicted > 1000);
	close_rig(p.r);
}

static void agrees_with_the_slow_twin_when_a_quota_is_too_small(void **state)
{
	struct play p = { .random = 5, .wide = 1024, .sources = 3, .ids = 3 };

	(void)state;
	play(64, 32, &p);
	assert_true(p.r->count.frag_quota > 1000);
	assert_true(p.r->count.frag_evicted > 1000);
	close_rig(p.r);
}

/* A datagram cut at random, sent in any order, with copies. */
static void puts_a_datagram_together_in_any_order(void **state)
{
	struct play p = { .random = 4 };

	(void)state;
	p.r = open_rig(0, 0);
	for (uint32_t id = 0; id < 3000; id++) {
		uint32_t n = 0, at = 0, len = 2000 + draw(&p, 18000);
		struct shape s[PK_FRAGMENTS_EACH];
		int whole = 0;

		while (at < len) {
			uint32_t step = 8 * (20 + draw(&p, 200));
			uint32_t to = at + step < len ? at + step : len;

			s[n++] = part(id, at, to, to < len);
			at = to;
		}
		for (uint32_t i = 0; i < n; i++) {
			uint32_t j = i + draw(&p, n - i);
			struct shape t = s[j];

			s[j] = s[i];
			s[i] = t;
			add(p.r, t);
			whole += p.r->n && made(p.r, id, letters, len);
			if (i + 1 < n)
				add(p.r, s[draw(&p, i + 1)]);
		}
		assert_int_equal(whole, 1);
	}
	assert_int_equal(p.r->count.frag_datagrams, 3000);
	close_rig(p.r);
}

/* --- bounds ----------------------------------------------------------------------------- */

static void a_datagram_has_so_many_fragments_and_no_more(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	for (uint32_t i = 0; i < PK_FRAGMENTS_EACH; i++)
		add(r, part(1, 8 * i, 8 * i + 8, 1));
	assert_int_equal(r->count.frag_quota, 0);
	add(r, part(1, 8 * PK_FRAGMENTS_EACH, 8 * PK_FRAGMENTS_EACH + 8, 0));
	assert_int_equal(r->count.frag_quota, 1);
	assert_int_equal(r->n, 0);
	/* A new datagram of the name may still begin. */
	add(r, other(1, 0, 8, 1));
	add(r, other(1, 8, 16, 0));
	assert_true(made(r, 1, others, 16));
	close_rig(r);
}

static void overlaps_are_bounded(void **state)
{
	struct rig *r = open_rig(0, 0);

	(void)state;
	add(r, part(1, 0, 800, 1));
	for (uint32_t i = 0; i < PK_FRAGMENT_OVERLAPS; i++)
		add(r, part(1, 8 * i + 8, 800, 1));
	assert_int_equal(r->count.frag_quota, 0);
	add(r, part(1, 400, 800, 1));
	assert_int_equal(r->count.frag_quota, 1);
	assert_int_equal(r->count.frag_overlap, 0); /* they all agree */
	add(r, part(1, 800, 808, 0));
	assert_true(made(r, 1, letters, 808));
	assert_int_equal(r->n, 1);
	/* One that begins anew is an overlap, too. */
	add(r, part(1, 0, 800, 1));
	add(r, other(1, 0, 800, 1));
	for (uint32_t i = 0; i < PK_FRAGMENT_OVERLAPS; i++)
		add(r, other(1, 8 * i + 8, 800, 1));
	assert_int_equal(r->count.frag_quota, 2);
	close_rig(r);
}

static void a_configuration_out_of_range_is_refused(void **state)
{
	static const struct pk_fragments_conf bad[] = {
		{ 15, 8, 0 },  { (1 << 20) + 1, 8, 0 }, { 16, 4, 0 },
		{ 16, 12, 0 }, { 16, 1 << 21, 0 },
	};
	struct pk_stage_counters count;
	struct pk_fragments *f = (void *)&count;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(pk_fragments_new(&f, &bad[i], &count),
				 -EINVAL);
		assert_ptr_equal(f, &count);
	}
	pk_fragments_free(NULL);
}

/* The sanitizer has an allocator of its own. */
#ifndef __SANITIZE_ADDRESS__
extern void *__libc_calloc(size_t n, size_t size);
extern void __libc_free(void *p);
static int fail_in = -1;
static long live;

void *calloc(size_t n, size_t size)
{
	if (fail_in >= 0 && fail_in-- == 0)
		return NULL;
	live++;
	return __libc_calloc(n, size);
}

void free(void *p)
{
	live -= p != NULL;
	__libc_free(p);
}

static void every_shortage_of_memory_is_told(void **state)
{
	const struct pk_fragments_conf conf = { 64, 8, 0 };
	struct pk_stage_counters count = { 0 };
	struct pk_fragments *f = (void *)&count;
	long before = live;
	int n = 0;

	(void)state;
	for (;; n++) {
		int err;

		fail_in = n;
		err = pk_fragments_new(&f, &conf, &count);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_ptr_equal(f, &count);
		assert_int_equal(live, before);
	}
	fail_in = -1;
	assert_int_equal(n, 9);
	pk_fragments_free(f);
	assert_int_equal(live, before);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fragment_is_found_behind_extension_headers),
		cmocka_unit_test(d12_an_atomic_fragment_is_a_whole_packet),
		cmocka_unit_test(lengths_that_cannot_be_are_refused),
		cmocka_unit_test(what_is_not_there_is_cut),
		cmocka_unit_test(
			d13_headers_written_twice_are_judged_both_ways),
		cmocka_unit_test(d14_every_policy_is_among_the_variants),
		cmocka_unit_test(d14_an_ipv6_overlap_drops_the_datagram),
		cmocka_unit_test(another_protocol_makes_another_first_fragment),
		cmocka_unit_test(d15_the_last_may_come_first),
		cmocka_unit_test(d15_a_hole_is_never_filled_with_anything),
		cmocka_unit_test(d15_a_name_used_again_is_a_new_datagram),
		cmocka_unit_test(d15_a_new_datagram_is_judged_alone_as_well),
		cmocka_unit_test(two_ends_are_judged_both_ways),
		cmocka_unit_test(
			d16_no_datagram_is_longer_than_its_length_field),
		cmocka_unit_test(
			d17_a_flood_of_one_source_pushes_out_only_itself),
		cmocka_unit_test(
			d17_a_flood_of_ten_sources_pushes_out_only_itself),
		cmocka_unit_test(d17_a_forged_flood_pushes_out_what_is_as_old),
		cmocka_unit_test(hosts_of_one_ipv6_network_are_one_source),
		cmocka_unit_test(agrees_with_the_slow_twin),
		cmocka_unit_test(agrees_with_the_slow_twin_while_it_is_full),
		cmocka_unit_test(
			agrees_with_the_slow_twin_when_sources_are_big),
		cmocka_unit_test(
			agrees_with_the_slow_twin_when_sources_are_small),
		cmocka_unit_test(
			agrees_with_the_slow_twin_when_a_quota_is_too_small),
		cmocka_unit_test(puts_a_datagram_together_in_any_order),
		cmocka_unit_test(a_datagram_has_so_many_fragments_and_no_more),
		cmocka_unit_test(overlaps_are_bounded),
		cmocka_unit_test(a_configuration_out_of_range_is_refused),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(every_shortage_of_memory_is_told),
#endif
	};

	fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
