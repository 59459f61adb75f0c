/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_dns: DNS questions judged by the kernel, one frame at a time. What it
 * says of generated messages is compared in bpf_contest.h.
 */
#ifndef PK_TESTS_BPF_DNS_H
#define PK_TESTS_BPF_DNS_H

#include <stdint.h>
#include <string.h>

#include "tests/bpf_rig.h"
#include "tests/bpf_twin.h"
#include "tests/dns_rows.h"
#include "tests/parse_rows.h"

enum { DNS_OFF = 14 + 20 + 8, DNS_SECOND = 1000000000 };

/* A datagram to port 53 in a frame of @len bytes, the rest 0. */
static inline void put_datagram(uint8_t *frame, const uint8_t *msg,
				uint32_t msg_len, uint32_t len)
{
	uint32_t at =
		add_hex(frame, 0, E4 IP4("0000", "0000", "11") UDP("0000"));

	assert_int_equal(at, DNS_OFF);
	memset(frame + at, 0, len - at);
	memcpy(frame + at, msg, msg_len);
	frame[16] = (uint8_t)((len - 14) >> 8);
	frame[17] = (uint8_t)(len - 14);
	frame[38] = (uint8_t)((len - 34) >> 8);
	frame[39] = (uint8_t)(len - 34);
}

/* The question for a name in wire form, @name_len bytes with the root's. */
static inline uint32_t put_question(uint8_t *frame, const void *name,
				    uint32_t name_len)
{
	uint8_t msg[12 + 256 + 4] = { [2] = 1, [5] = 1 };
	uint32_t len = 12 + name_len + 4;

	memcpy(msg + 12, name, name_len);
	msg[len - 3] = msg[len - 1] = 1;
	put_datagram(frame, msg, len, DNS_OFF + len);
	return DNS_OFF + len;
}

static inline uint32_t list_domain(struct rig *r, const char *text,
				   uint8_t match)
{
	struct pk_indicator ind;
	unsigned len;

	pk_indicator_init(&ind);
	ind.type = PK_INDICATOR_DOMAIN;
	ind.match = match;
	assert_int_equal(pk_name_parse(text, strlen(text), ind.value, &len), 0);
	ind.value_len = (uint16_t)len;
	return rig_add(r, &ind);
}

static inline struct pk_sample_event sample_at(const struct rig_events *events,
					       uint32_t n)
{
	struct pk_sample_event e;

	assert_true(n < events->count);
	memcpy(&e, rig_event(events, n), sizeof(e));
	assert_int_equal(e.head.type, PK_EVENT_SAMPLE);
	assert_int_equal(e.head.len, sizeof(e) + e.caplen);
	return e;
}

static inline void listed_questions_are_alerts_and_the_rest_stays(void **state)
{
	static const char listed[] = "\3www\4Evil\7exAMPLE";
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	struct pk_sample_event e;
	struct pk_packet p;
	uint32_t len, slot;

	(void)state;
	slot = list_domain(r, "evil.example", PK_MATCH_SUBDOMAINS);
	rig_publish(r);
	len = put_question(frame, "\3www\4good\7example", 18);
	rig_run(r, frame, len, DNS_SECOND, 1);
	len = put_question(frame, listed, sizeof(listed));
	memset(frame + len, 0x55, 300); /* behind the datagram's end */
	rig_run(r, frame, len + 300, DNS_SECOND, 2);
	rig_drain(r);
	p = rig_packet(r);
	assert_int_equal(r->events.count, 0);
	assert_int_equal(r->alerts.count, 1);
	e = sample_at(&r->alerts, 0);
	assert_int_equal(e.why, PK_SAMPLE_NAME);
	assert_int_equal(e.slot, slot);
	assert_true(e.generation == pk_images_generation(r->images));
	assert_true(e.frame == 2 && e.time_ns == DNS_SECOND);
	assert_int_equal(e.frame_len, len + 300);
	assert_int_equal(e.caplen, len); /* the question is all of it */
	assert_memory_equal(&e.packet, &p, sizeof(p));
	assert_memory_equal(r->alerts.data + sizeof(e), frame, len);
	assert_true(r->hits[slot] == 1);
	assert_true(r->count->dns_messages == 2 && r->count->dns_names == 2);
	assert_true(r->count->dns_listed == 1);
	assert_true(r->count->sample_offered == 1);
	assert_true(r->count->sample_submitted == 1);
	rig_free(r);
}

/* N01 to N09 in the kernel: each has the counter of its reason. */
static inline void every_dns_row_has_its_counter(void **state)
{
	struct rig *r = rig_new(0, NULL, NULL);
	const struct pk_plane_counters *c = r->count;
	const __u64 *const counters[] = {
#define ROW_COUNTER(name, counter, text) &c->counter,
		PK_DNS_REASONS(ROW_COUNTER)
#undef ROW_COUNTER
	};
	uint8_t frame[RIG_FRAME_MAX], msg[MESSAGE_MAX];

	(void)state;
	list_domain(r, "com", PK_MATCH_SUBDOMAINS);
	rig_publish(r);
	for (uint32_t i = 0; i < DNS_ROWS; i++) {
		uint32_t len = from_hex(dns_rows[i].hex, msg);
		const __u64 *n = counters[dns_rows[i].reason];
		uint64_t before = *n;

		put_datagram(frame, msg, len, DNS_OFF + len);
		rig_run(r, frame, DNS_OFF + len, DNS_SECOND, i);
		if (*n != before + 1)
			fail_msg("%s", dns_rows[i].what);
	}
	assert_true(c->dns_messages == DNS_ROWS);
	assert_true(c->dns_listed == 1);
	rig_free(r);
}

/* N10 */
static inline void the_kernel_finds_a_name_in_any_case(void **state)
{
	static const uint8_t letter[] = { 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12 };
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	uint32_t slot;

	(void)state;
	slot = list_domain(r, "evil.example", PK_MATCH_EXACT);
	rig_publish(r);
	for (uint32_t mix = 0; mix < 1U << 11; mix++) {
		char wire[] = "\4evil\7example";
		uint32_t len;

		for (uint32_t i = 0; i < 11; i++)
			if (mix >> i & 1)
				wire[letter[i]] ^= 0x20;
		len = put_question(frame, wire, sizeof(wire));
		rig_run(r, frame, len, DNS_SECOND, mix);
	}
	assert_true(r->hits[slot] == 1U << 11);
	assert_true(r->count->dns_listed == 1U << 11);
	rig_free(r);
}

/*
 * X21: wherever the first piece of the frame ends, behind the headers. The
 * message is the beginning of a datagram of almost 9,000 bytes.
 */
static inline void a_question_in_page_fragments_is_found(void **state)
{
	static const char name[] = "\3www\4evil\7example";
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX], msg[64];
	uint32_t slot, n = 0, len = put_question(frame, name, sizeof(name));
	uint32_t msg_len = len - DNS_OFF;

	(void)state;
	memcpy(msg, frame + DNS_OFF, msg_len);
	slot = list_domain(r, "evil.example", PK_MATCH_SUBDOMAINS);
	rig_publish(r);
	rig_stamp(r, DNS_SECOND, 0);
	memset(frame, 0, 200); /* what carries nothing, in two pieces */
	if (rig_try(r, r->progs.xdp_fd, frame, 200, 100) != XDP_PASS) {
		rig_free(r);
		print_message("# this kernel's test runs cannot cut\n");
		skip();
	}
	for (uint32_t linear = DNS_OFF; linear < len; linear++, n++) {
		put_datagram(frame, msg, msg_len, 8990);
		rig_stamp(r, DNS_SECOND, n);
		assert_int_equal(
			rig_try(r, r->progs.xdp_fd, frame, 8990, linear),
			XDP_PASS);
		rig_drain(r);
		assert_int_equal(r->alerts.count, n + 1);
		assert_int_equal(sample_at(&r->alerts, n).slot, slot);
		assert_int_equal(sample_at(&r->alerts, n).caplen, len);
	}
	assert_true(r->hits[slot] == n && n > 30);
	assert_true(r->count->dns_unreadable == 0);
	rig_free(r);
}

/* As many labels as are looked up, and one more; below, and beside. */
static inline void a_name_too_deep_goes_to_user_space(void **state)
{
	static const char eight[] = "\1a\1b\1c\1d\1e\1f\1g\4deep";
	static const char nine[] = "\1x\1a\1b\1c\1d\1e\1f\1g\4deep";
	static const char other[] = "\1x\1x\1b\1c\1d\1e\1f\1g\4deep";
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	struct pk_sample_event e;
	uint32_t len, slot;

	(void)state;
	slot = list_domain(r, "a.b.c.d.e.f.g.deep", PK_MATCH_SUBDOMAINS);
	rig_publish(r);
	len = put_question(frame, eight, sizeof(eight));
	rig_run(r, frame, len, DNS_SECOND, 1);
	len = put_question(frame, other, sizeof(other));
	rig_run(r, frame, len, DNS_SECOND, 2);
	assert_true(r->count->dns_names == 2 && r->count->dns_deep == 0);
	len = put_question(frame, nine, sizeof(nine));
	rig_run(r, frame, len, DNS_SECOND, 3);
	assert_true(r->count->dns_names == 2 && r->count->dns_deep == 1);
	rig_drain(r);
	assert_int_equal(r->alerts.count, 1);
	assert_int_equal(r->events.count, 1);
	e = sample_at(&r->events, 0);
	assert_int_equal(e.why, PK_SAMPLE_DEEP);
	assert_int_equal(e.slot, PK_NO_SLOT);
	assert_true(e.frame == 3 && e.caplen == len);
	assert_true(r->hits[slot] == 1); /* user space will count the other */
	rig_free(r);
}

/*
 * What a pointer leads to, only user space asks; the sample has all that it can
 * lead to. N01, N02.
 */
static inline void a_name_with_a_pointer_goes_to_user_space(void **state)
{
	static const char name[] = "\4evil\7example\xc0\6";
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	struct pk_sample_event e;
	uint32_t len, slot;

	(void)state;
	slot = list_domain(r, "evil.example", PK_MATCH_SUBDOMAINS);
	rig_publish(r);
	len = put_question(frame, name, sizeof(name) - 1);
	memset(frame + len, 0x55, 300);
	rig_run(r, frame, len + 300, DNS_SECOND, 1);
	rig_drain(r);
	assert_true(r->count->dns_pointer == 1 && r->count->dns_names == 0);
	assert_int_equal(r->alerts.count, 0);
	assert_int_equal(r->events.count, 1);
	e = sample_at(&r->events, 0);
	assert_int_equal(e.why, PK_SAMPLE_DEEP);
	assert_int_equal(e.slot, PK_NO_SLOT);
	assert_int_equal(e.caplen, len);
	assert_true(r->hits[slot] == 0); /* user space will count it */
	rig_free(r);
}

/* X21: the kernel judges none of several questions; the sample has them all. */
static inline void several_questions_go_to_user_space(void **state)
{
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX], msg[MESSAGE_MAX];
	struct pk_sample_event e;
	uint32_t slot,
		len = from_hex(QUERY("0002") "01 61 00" A_IN "01 62 00" A_IN,
			       msg);

	(void)state;
	slot = list_domain(r, "a", PK_MATCH_EXACT);
	rig_publish(r);
	put_datagram(frame, msg, len, DNS_OFF + len);
	rig_run(r, frame, DNS_OFF + len, DNS_SECOND, 1);
	rig_drain(r);
	assert_true(r->count->dns_more_questions == 1);
	assert_true(r->count->dns_names == 0 && r->hits[slot] == 0);
	assert_int_equal(r->alerts.count, 0);
	e = sample_at(&r->events, 0);
	assert_int_equal(e.why, PK_SAMPLE_DEEP);
	assert_int_equal(e.caplen, DNS_OFF + len);
	rig_free(r);
}

/* As a sensor runs it: in replay nothing is refused. */
static inline void such_questions_leave_half_of_the_ring_to_others(void **state)
{
	enum { RING = 1 << 14, SENT = 300 };
	uint8_t frame[RIG_FRAME_MAX];
	uint32_t held, len = put_question(frame, "\1a\xc0\6", 4);
	struct rig *r;

	(void)state;
	rig_live = 1;
	r = rig_new(RING, NULL, NULL);
	rig_live = 0;
	for (uint32_t i = 0; i < SENT; i++)
		rig_run(r, frame, len, 0, 0);
	held = (uint32_t)r->count->sample_submitted;
	assert_int_equal(r->count->sample_offered, SENT);
	assert_int_equal(r->count->sample_deep_refused, SENT - held);
	assert_int_equal(r->count->sample_ring_full, 0);
	assert_int_equal(r->count->sample_frag_refused, 0);
	assert_in_range(held * (len + sizeof(struct pk_sample_event)), RING / 3,
			RING / 2 + len);
	rig_drain(r);
	rig_run(r, frame, len, 0, 0);
	assert_int_equal(r->count->sample_submitted, held + 1);
	rig_free(r);
}

/* Without an image names are read and nothing is looked up. */
static inline void questions_are_counted_before_the_first_image(void **state)
{
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	uint32_t len = put_question(frame, "\4evil", 6);

	(void)state;
	rig_run(r, frame, len, DNS_SECOND, 1);
	rig_drain(r);
	assert_true(r->count->dns_names == 1 && r->count->no_image == 1);
	assert_int_equal(r->alerts.count + r->events.count, 0);
	rig_free(r);
}

#endif /* PK_TESTS_BPF_DNS_H */
