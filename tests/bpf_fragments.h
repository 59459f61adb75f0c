/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_fragments: the samples of fragments, of tests/bpf_picket.c.
 */
#ifndef PK_TESTS_BPF_FRAGMENTS_H
#define PK_TESTS_BPF_FRAGMENTS_H

#include "tests/bpf_dns.h"
#include "tests/bpf_rig.h"
#include "tests/parse_rows.h"

/* A first fragment of UDP, in a frame of @len bytes. */
static inline uint32_t make_fragment(uint8_t *frame, uint32_t len)
{
	uint32_t at =
		add_hex(frame, 0, E4 IP4("0000", "2000", "11") UDP("ffff"));

	for (uint32_t i = at; i < len; i++)
		frame[i] = (uint8_t)(i * 7);
	frame[16] = (uint8_t)((len - 14) >> 8);
	frame[17] = (uint8_t)(len - 14);
	frame[36] = 0; /* not DNS */
	return len;
}

static inline void fragments_are_sampled_up_to_a_limit(void **state)
{
	static const uint32_t lengths[] = { 60, PK_SAMPLE_BYTES - 1,
					    PK_SAMPLE_BYTES,
					    PK_SAMPLE_BYTES + 1, 9000 };
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		uint32_t len = make_fragment(frame, lengths[i]);
		uint32_t caplen = len < PK_SAMPLE_BYTES ? len : PK_SAMPLE_BYTES;
		struct pk_sample_event e;
		struct pk_packet p;

		rig_forget(&r->events);
		rig_run(r, frame, len, 1000 + i, 100 + i);
		rig_drain(r);
		p = rig_packet(r);
		assert_int_equal(r->events.count, 1);
		e = sample_at(&r->events, 0);
		assert_int_equal(e.why, PK_SAMPLE_FRAGMENT);
		assert_int_equal(e.caplen, caplen);
		assert_int_equal(e.frame_len, len);
		assert_true(e.time_ns == 1000 + i && e.frame == 100 + i);
		assert_memory_equal(&e.packet, &p, sizeof(p));
		assert_memory_equal(r->events.data + sizeof(e), frame, caplen);
	}
	assert_true(r->count->sample_offered == 5);
	assert_true(r->count->sample_submitted == 5);
	rig_free(r);
}

/* As a sensor runs it: in replay nothing is refused. */
static inline void fragments_leave_half_of_the_ring_to_others(void **state)
{
	enum { RING = 1 << 16, FRAGMENT = 1000, SENT = 200 };
	struct rig *r;
	uint8_t frame[RIG_FRAME_MAX];
	uint32_t len = make_fragment(frame, FRAGMENT), held;

	(void)state;
	rig_live = 1;
	r = rig_new(RING, NULL, NULL);
	rig_live = 0;
	for (uint32_t i = 0; i < SENT; i++)
		rig_run(r, frame, len, 0, 0);
	held = (uint32_t)r->count->sample_submitted;
	assert_int_equal(r->count->sample_offered, SENT);
	assert_int_equal(r->count->sample_frag_refused, SENT - held);
	assert_int_equal(r->count->sample_ring_full, 0);
	/* half of it, and the one that passed the middle */
	assert_in_range(held * (FRAGMENT + sizeof(struct pk_sample_event)),
			RING / 2 - 2 * FRAGMENT, RING / 2 + 2 * FRAGMENT);
	rig_drain(r);
	rig_run(r, frame, len, 0, 0);
	assert_int_equal(r->count->sample_submitted, held + 1);
	rig_free(r);
}

#endif /* PK_TESTS_BPF_FRAGMENTS_H */
