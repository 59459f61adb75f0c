/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several questions in one payload, from the frame to the hit: what a worker
 * leaves to the stage, and what the stage makes of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/inspect/dns.h"
#include "dataplane/inspect/flows.h"
#include "dataplane/inspect/stage.h"
#include "dataplane/inspect/worker.h"
#include "ioc/image/builder.h"
#include "ioc/image/images.h"
#include "ioc/indicator.h"
#include "ioc/store/store.h"
#include "tests/dns_rows.h"
#include "tests/parse_rows.h"

enum { RING = 1 << 16, FRAME = 4096, SEED = 7 };

/* --- payloads ------------------------------------------------------------------ */

struct payload {
	uint8_t bytes[FRAME];
	uint32_t len;
};

static void put(struct payload *p, const void *bytes, uint32_t len)
{
	assert_true(p->len + len <= sizeof(p->bytes));
	memcpy(p->bytes + p->len, bytes, len);
	p->len += len;
}

static void begin(struct payload *p, uint32_t questions)
{
	const uint8_t head[12] = {
		0x12, 0x34, 1, 0, (uint8_t)(questions >> 8), (uint8_t)questions
	};

	put(p, head, sizeof(head));
}

/* A question for one label and the root. */
static void ask(struct payload *p, const char *label)
{
	uint8_t n = (uint8_t)strlen(label);

	put(p, &n, 1);
	put(p, label, n);
	put(p, "\0\0\1\0\1", 5);
}

/* A message with one question, its length in front. */
static void tell(struct payload *p, const char *label)
{
	uint8_t said[2] = { 0, (uint8_t)(12 + 6 + strlen(label)) };

	put(p, said, 2);
	begin(p, 1);
	ask(p, label);
}

/* What all questions ask for, a letter each, in memory of exactly that length. */
static uint32_t walk(const struct payload *p, uint32_t here, int tcp,
		     char *letters, int *cut)
{
	uint8_t *exact = malloc(here ? here : 1);
	struct pk_questions all;
	struct pk_dns dns;
	uint32_t n = 0;

	assert_non_null(exact);
	memcpy(exact, p->bytes, here);
	pk_questions_begin(&all, exact, here, p->len, tcp);
	while (pk_questions_next(&all, &dns)) {
		assert_int_equal(dns.reason, PK_DNS_OK);
		letters[n++] = (char)dns.name[1];
	}
	letters[n] = 0;
	*cut = all.cut;
	free(exact);
	return n;
}

static void each_message_of_a_segment_is_read(void **state)
{
	struct payload p = { .len = 0 };
	struct pk_question q;
	char letters[100];
	int cut;

	(void)state;
	tell(&p, "a");
	tell(&p, "B");
	tell(&p, "c");
	assert_int_equal(pk_dns_payload(p.bytes, p.len, 1, &q),
			 PK_DNS_TCP_MORE);
	assert_int_equal(walk(&p, p.len, 1, letters, &cut), 3);
	assert_string_equal(letters, "abc");
	assert_false(cut);
	/* Cut anywhere: what is there is read, and it is said. */
	for (uint32_t here = 0; here < p.len; here++) {
		assert_int_equal(walk(&p, here, 1, letters, &cut), here / 21);
		assert_memory_equal(letters, "abc", here / 21);
		assert_true(cut || here < 14);
	}
}

static void each_question_of_a_message_is_read(void **state)
{
	struct payload p = { .len = 0 };
	struct pk_question q;
	char letters[100];
	int cut;

	(void)state;
	begin(&p, 4);
	ask(&p, "a");
	put(&p, "\1b\xc0\x0c\0\1\0\1", 8); /* b.a */
	put(&p, "\xc0\xff\0\1\0\1", 6);	   /* nowhere */
	ask(&p, "D");
	assert_int_equal(pk_dns_payload(p.bytes, p.len, 0, &q), PK_DNS_MORE);
	assert_int_equal(walk(&p, p.len, 0, letters, &cut), 3);
	assert_string_equal(letters, "abd");
	assert_true(cut);
	p.bytes[5] = 2;
	assert_int_equal(walk(&p, p.len, 0, letters, &cut), 2);
	assert_false(cut);
	for (uint32_t here = 0; here < p.len; here++) {
		uint32_t n = here < 19 ? 0 : here < 27 ? 1 : 2;

		assert_int_equal(walk(&p, here, 0, letters, &cut), n);
		assert_int_equal(cut, n < 2);
	}
}

/* 16 of one message, 32 messages, 64 in all; what is left is said. */
static void how_many_are_read_is_bounded(void **state)
{
	struct payload p;
	char letters[300];
	int cut;

	(void)state;
	for (uint32_t n = 1; n <= 20; n++) {
		p.len = 0;
		begin(&p, n);
		for (uint32_t i = 0; i < n; i++)
			ask(&p, "a");
		assert_int_equal(walk(&p, p.len, 0, letters, &cut),
				 n < 16 ? n : 16);
		assert_int_equal(cut, n > 16);
	}
	p.len = 0;
	for (uint32_t n = 1; n <= 40; n++) {
		tell(&p, "a");
		assert_int_equal(walk(&p, p.len, 1, letters, &cut),
				 n < 32 ? n : 32);
		assert_int_equal(cut, n > 32);
	}
	p.len = 0;
	for (uint32_t n = 1; n <= 10; n++) {
		put(&p, "\0\x44", 2); /* 12 + 8 * 7 */
		begin(&p, 8);
		for (int i = 0; i < 8; i++)
			ask(&p, "a");
		assert_int_equal(walk(&p, p.len, 1, letters, &cut),
				 n < 8 ? 8 * n : 64);
		assert_int_equal(cut, n > 8);
	}
}

/* Lengths that say too little, too much, nothing. */
static void lengths_that_lie_lead_nowhere(void **state)
{
	char letters[100];
	int cut;

	(void)state;
	for (uint32_t said = 0; said < 65536; said++) {
		struct payload p = { .len = 0 };

		tell(&p, "a");
		p.len = 21;
		tell(&p, "b");
		p.bytes[21] = (uint8_t)(said >> 8);
		p.bytes[22] = (uint8_t)said;
		assert_int_equal(walk(&p, p.len, 1, letters, &cut),
				 said < 19 ? 1 : 2);
		assert_int_equal(cut, said < 19);
	}
}

/* --- from the frame to the hit -------------------------------------------------- */

struct rig {
	struct pk_images *images;
	struct pk_worker *worker;
	struct pk_worker_block block;
	struct pk_stage *stage;
	struct pk_stage_counters count;
	struct pk_ring *alerts, *events, *out;
	uint8_t frame[FRAME];
	uint32_t len;
	uint32_t hits; /* that came out of the stage */
	char letters[100];
};

static void publish(struct rig *r, const char *const *listed, uint32_t n)
{
	const struct pk_images_conf conf = { .seed = SEED };
	struct pk_store *store;
	struct pk_block block;

	assert_int_equal(pk_store_new(&store, conf.seed), 0);
	for (uint32_t i = 0; i < n; i++) {
		struct pk_indicator ind;

		pk_indicator_init(&ind);
		assert_int_equal(
			pk_indicator_parse(&ind, listed[i], strlen(listed[i])),
			0);
		assert_int_equal(pk_store_add(store, &ind, NULL), 0);
	}
	assert_int_equal(pk_builder_base(store, &block), 0);
	assert_int_equal(pk_images_new(&r->images, &conf), 0);
	assert_int_equal(pk_images_publish_base(r->images, &block), 0);
	pk_block_free(&block);
	pk_store_free(store);
}

static struct rig *open_rig(const char *const *listed, uint32_t n)
{
	struct rig *r = aligned_alloc(64, (sizeof(*r) + 63) & ~63UL);
	struct pk_worker_conf worker = { .seed = SEED };
	struct pk_stage_conf stage = { .plane = PK_PLANE_DPDK };

	assert_non_null(r);
	memset(r, 0, sizeof(*r));
	publish(r, listed, n);
	assert_int_equal(pk_ring_new(&r->alerts, RING), 0);
	assert_int_equal(pk_ring_new(&r->events, RING), 0);
	assert_int_equal(pk_ring_new(&r->out, RING), 0);
	worker.images = stage.images = r->images;
	worker.block = &r->block;
	worker.alerts = r->alerts;
	worker.events = r->events;
	stage.out = r->out;
	stage.stats = &r->count;
	pk_flow_conf_default(&stage.uplink.flow);
	stage.uplink.flow.capacity = 1024;
	assert_int_equal(pk_worker_new(&r->worker, &worker), 0);
	assert_int_equal(pk_stage_new(&r->stage, &stage), 0);
	return r;
}

static void close_rig(struct rig *r)
{
	pk_worker_free(r->worker);
	pk_stage_free(r->stage);
	pk_ring_free(r->alerts);
	pk_ring_free(r->events);
	pk_ring_free(r->out);
	pk_images_free(r->images);
	free(r);
}

/* The datagram or segment with that payload, to port 53. */
static void frame_of(struct rig *r, const struct payload *p, int tcp)
{
	uint32_t at =
		tcp ? add_hex(r->frame, 0, E4 IP4("0000", "0000", "06") TCP)
		    : add_hex(r->frame, 0,
			      E4 IP4("0000", "0000", "11") UDP("0000"));

	r->frame[36] = 0;
	r->frame[37] = 53;
	memcpy(r->frame + at, p->bytes, p->len);
	r->len = at + p->len;
	r->frame[16] = (uint8_t)((r->len - 14) >> 8);
	r->frame[17] = (uint8_t)(r->len - 14);
	if (!tcp) {
		r->frame[38] = (uint8_t)((r->len - 34) >> 8);
		r->frame[39] = (uint8_t)(r->len - 34);
	}
}

static void run(struct rig *r)
{
	struct pk_worker_frame f = { .data = r->frame,
				     .readable = r->len,
				     .len = r->len,
				     .time_ns = 1,
				     .number = 1 };

	pk_worker_burst(r->worker, &f, 1);
}

static void drain_into_stage(struct rig *r, struct pk_ring *ring)
{
	uint8_t entry[PK_RING_ENTRY_MAX] __attribute__((aligned(8)));
	int len;

	while ((len = pk_ring_pop(ring, entry, sizeof(entry))) > 0)
		pk_stage_event(r->stage, entry, (uint32_t)len, 0);
}

/* The hits that come out, a letter of the name each. */
static uint32_t drain(struct rig *r)
{
	uint8_t entry[PK_RING_ENTRY_MAX] __attribute__((aligned(8)));
	struct pk_hit *h = (void *)entry;

	drain_into_stage(r, r->alerts);
	drain_into_stage(r, r->events);
	for (r->hits = 0; pk_ring_pop(r->out, entry, sizeof(entry)) > 0;)
		if (h->head.type == PK_RECORD_HIT)
			r->letters[r->hits++] = h->role == PK_ROLE_DNS_QUESTION
							? (char)h->text[1]
							: 'a' + h->depth;
	r->letters[r->hits] = 0;
	return r->hits;
}

static const char *const names[] = { "b", "c" };

static void the_second_message_of_a_segment_is_found(void **state)
{
	struct rig *r = open_rig(names, 2);
	struct payload p = { .len = 0 };

	(void)state;
	tell(&p, "a");
	tell(&p, "b");
	frame_of(r, &p, 1);
	run(r);
	assert_int_equal(drain(r), 1);
	assert_string_equal(r->letters, "b");
	assert_int_equal(r->block.counters.dns_tcp_more, 1);
	assert_int_equal(r->block.counters.dns_listed, 0);
	/* The first is told once, like every other. */
	p.len = 0;
	tell(&p, "c");
	tell(&p, "a");
	tell(&p, "b");
	frame_of(r, &p, 1);
	run(r);
	assert_int_equal(drain(r), 2);
	assert_string_equal(r->letters, "cb");
	assert_int_equal(r->count.names_in, 2);
	assert_int_equal(r->count.names_looked_up, 2);
	assert_int_equal(r->count.names_more, 1 + 2);
	assert_int_equal(r->count.names_found, 3);
	assert_int_equal(r->count.names_cut + r->count.names_bad, 0);
	close_rig(r);
}

/* X21 */
static void the_second_question_of_a_message_is_found(void **state)
{
	struct rig *r = open_rig(names, 2);
	struct payload p = { .len = 0 };

	(void)state;
	for (int tcp = 0; tcp < 2; tcp++) {
		p.len = 0;
		if (tcp)
			put(&p, "\0\x21", 2);
		begin(&p, 3);
		ask(&p, "c");
		ask(&p, "a");
		ask(&p, "b");
		frame_of(r, &p, tcp);
		run(r);
		assert_int_equal(drain(r), 2);
		assert_string_equal(r->letters, "cb");
	}
	assert_int_equal(r->block.counters.dns_more_questions, 2);
	assert_int_equal(r->count.names_cut, 0);
	close_rig(r);
}

/* Further behind than a sample reaches: not found, and said. */
static void a_question_behind_the_sample_is_counted(void **state)
{
	struct rig *r = open_rig(names, 2);
	struct payload p = { .len = 0 };
	char label[64] = { 0 };

	(void)state;
	memset(label, 'a', 63);
	begin(&p, 14);
	for (int i = 0; i < 13; i++) {
		for (int k = 0; k < 3; k++) {
			put(&p, "\x3f", 1);
			put(&p, label, 63);
		}
		ask(&p, "a");
	}
	ask(&p, "b");
	frame_of(r, &p, 0);
	run(r);
	assert_int_equal(drain(r), 0);
	assert_int_equal(r->count.names_looked_up, 1);
	assert_int_equal(r->count.names_cut, 1);
	close_rig(r);
}

static void such_samples_leave_half_of_the_ring_to_others(void **state)
{
	enum { SENT = 2000 };
	struct rig *r = open_rig(names, 2);
	const struct pk_plane_counters *c = &r->block.counters;
	struct payload p = { .len = 0 };
	uint64_t held;

	(void)state;
	begin(&p, 1);
	put(&p, "\1b\xc0\x06\0\1\0\1", 8); /* a pointer to a zero */
	frame_of(r, &p, 0);
	for (int i = 0; i < SENT; i++)
		run(r);
	held = c->sample_submitted;
	assert_int_equal(c->sample_offered, SENT);
	assert_int_equal(c->sample_deep_refused, SENT - held);
	assert_int_equal(c->sample_frag_refused + c->sample_ring_full, 0);
	assert_in_range(pk_ring_used(r->events), RING / 2, RING / 2 + 300);
	/* What is listed is not refused. */
	p.len = 0;
	begin(&p, 1);
	ask(&p, "b");
	frame_of(r, &p, 0);
	run(r);
	assert_int_equal(c->sample_submitted, held + 1);
	close_rig(r);
}

/* The checksum is the innermost packet's; the tunnel's ends have no part in it. */
static void only_the_innermost_hit_has_a_bad_checksum(void **state)
{
	static const char *const ends[] = { "192.0.2.1", "10.0.0.1" };
	struct rig *r = open_rig(ends, 2);
	uint8_t entry[PK_RING_ENTRY_MAX] __attribute__((aligned(8)));
	struct pk_hit_event *e = (void *)entry;
	int met = 0;

	(void)state;
	r->len = add_hex(
		r->frame, 0,
		E4 IP4("0040", "0000",
		       "2f") "00000800 "
			     "45 00 0028 0001 0000 40 06 0000 0a000001 0a000002 " TCP);
	run(r);
	while (pk_ring_pop(r->alerts, entry, sizeof(entry)) > 0) {
		assert_int_equal(e->packet.layers & PK_BAD_CHECKSUM,
				 e->depth == 1 ? PK_BAD_CHECKSUM : 0);
		met |= 1 << e->depth;
	}
	assert_int_equal(met, 3);
	assert_int_equal(r->block.counters.hit_bad_checksum, 1);
	close_rig(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_of_a_segment_is_read),
		cmocka_unit_test(each_question_of_a_message_is_read),
		cmocka_unit_test(how_many_are_read_is_bounded),
		cmocka_unit_test(lengths_that_lie_lead_nowhere),
		cmocka_unit_test(the_second_message_of_a_segment_is_found),
		cmocka_unit_test(the_second_question_of_a_message_is_found),
		cmocka_unit_test(a_question_behind_the_sample_is_counted),
		cmocka_unit_test(such_samples_leave_half_of_the_ring_to_others),
		cmocka_unit_test(only_the_innermost_hit_has_a_bad_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
