/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/reassembly.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/flow.h"
#include "bpf/parse.h"
#include "dataplane/inspect/lineup.h"
#include "ioc/image/builder.h"
#include "ioc/image/images.h"
#include "ioc/indicator.h"
#include "ioc/store/store.h"
#include "tests/fragments_rig.h"
#include "tools/gen/splitmix.h"

enum { HITS = 4096, PAYLOAD = 4000, SENT = 8000 };

static const char *const listed[] = {
	"bad.example",
	"other.example",
	"203.0.113.7",
	"198.51.100.9:4444",
};

/* --- what is listed, and what was found ---------------------------------------- */

struct rig {
	struct pk_images *images;
	struct pk_reassembly *r;
	struct pk_stage_counters count;
	uint32_t slot[4];
	struct pk_hit hit[HITS];
	uint32_t hits;
	uint64_t now_ns, frames;
};

static void keep(void *arg, const struct pk_hit *h)
{
	struct rig *r = arg;

	assert_true(r->hits < HITS);
	r->hit[r->hits++] = *h;
}

static void publish(struct rig *r)
{
	const struct pk_images_conf conf = { .seed = 7 };
	struct pk_store *store;
	struct pk_block block;

	assert_int_equal(pk_store_new(&store, conf.seed), 0);
	for (int i = 0; i < 4; i++) {
		struct pk_indicator ind;

		pk_indicator_init(&ind);
		assert_int_equal(
			pk_indicator_parse(&ind, listed[i], strlen(listed[i])),
			0);
		assert_int_equal(pk_store_add(store, &ind, &r->slot[i]), 0);
	}
	assert_int_equal(pk_builder_base(store, &block), 0);
	assert_int_equal(pk_images_new(&r->images, &conf), 0);
	assert_int_equal(pk_images_publish_base(r->images, &block), 0);
	pk_block_free(&block);
	pk_store_free(store);
}

static struct rig *open_rig(int in_order)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct pk_reassembly_conf conf = {
		.seed = 5, .in_order = (uint8_t)in_order, .hit = keep, .arg = r
	};

	assert_non_null(r);
	publish(r);
	conf.images = r->images;
	conf.stats = &r->count;
	assert_int_equal(pk_reassembly_new(&r->r, &conf), 0);
	r->now_ns = 1700000000ULL * 1000000000ULL;
	return r;
}

static void close_rig(struct rig *r)
{
	pk_reassembly_drain(r->r);
	assert_int_equal(r->count.frag_resident, 0);
	assert_int_equal(r->count.frag_in, RIG_ENDS(&r->count));
	pk_reassembly_free(r->r);
	pk_images_free(r->images);
	free(r);
}

/* --- frames ------------------------------------------------------------------- */

/* As a worker makes it; 0 when the frame is no fragment. */
static int make_sample(struct pk_sample_event *e, const uint8_t *frame,
		       uint32_t len)
{
	struct pk_decode d;

	pk_parse(frame, frame + len, len, &d);
	memset(e, 0, sizeof(*e));
	e->head.type = PK_EVENT_SAMPLE;
	e->head.version = PK_ABI_VERSION;
	e->caplen = len < PK_SAMPLE_BYTES ? len : PK_SAMPLE_BYTES;
	e->head.len = (uint32_t)sizeof(*e) + e->caplen;
	e->frame_len = len;
	e->why = PK_SAMPLE_FRAGMENT;
	e->packet = d.packet;
	memcpy(e + 1, frame, e->caplen);
	return d.packet.layers & PK_IS_FRAGMENT;
}

union sample {
	struct pk_sample_event e;
	uint8_t bytes[sizeof(struct pk_sample_event) + PK_SAMPLE_BYTES];
};

static void send_frame(struct rig *r, const uint8_t *frame, uint32_t len)
{
	union sample s;

	r->now_ns += 1000;
	r->frames++;
	assert_true(make_sample(&s.e, frame, len));
	s.e.time_ns = r->now_ns;
	s.e.frame = r->frames;
	pk_reassembly_sample(r->r, &s.e);
}

static void send(struct rig *r, struct shape s)
{
	uint8_t frame[RIG_FRAME];

	send_frame(r, frame, rig_build(&s, frame));
}

/* A question for @name in a UDP datagram of @len bytes. */
static void put_question(uint8_t *udp, const char *name, uint32_t len)
{
	uint8_t *at = udp + 20;

	memset(udp, 0, len);
	rig_put(udp, 40000, 2);
	rig_put(udp + 2, 53, 2);
	rig_put(udp + 4, len, 2);
	udp[13] = 1; /* QDCOUNT */
	while (*name) {
		size_t n = strcspn(name, ".");

		*at++ = (uint8_t)n;
		memcpy(at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	at[2] = at[4] = 1;
}

static struct shape part(const uint8_t *payload, uint32_t from, uint32_t to,
			 int more)
{
	return (struct shape){ .src = 1,
			       .id = 77,
			       .offset = from,
			       .len = to - from,
			       .more = (uint8_t)more,
			       .data = payload + from };
}

static struct shape six(struct shape s)
{
	s.ip6 = 1;
	return s;
}

/* --- questions ------------------------------------------------------------------- */

static void d18_a_question_cut_in_two_is_found(void **state)
{
	uint8_t udp[2000];

	(void)state;
	put_question(udp, "www.BAD.example", sizeof(udp));
	for (int ip6 = 0; ip6 < 2; ip6++) {
		struct rig *r = open_rig(0);
		struct shape a = part(udp, 0, 24, 1);
		struct shape b = part(udp, 24, 2000, 0);

		send(r, ip6 ? six(a) : a);
		assert_int_equal(r->hits, 0);
		send(r, ip6 ? six(b) : b);
		assert_int_equal(r->hits, 1);
		assert_int_equal(r->hit[0].slot, r->slot[0]);
		assert_int_equal(r->hit[0].role, PK_ROLE_DNS_QUESTION);
		assert_int_equal(r->hit[0].head.frame, 2);
		assert_int_equal(r->hit[0].head.seen_ns, r->now_ns);
		assert_int_equal(r->hit[0].text_len, 17);
		assert_string_equal(r->hit[0].text, "\3www\3bad\7example");
		assert_int_equal(r->hit[0].packet.key.dport, 53);
		assert_int_equal(r->hit[0].packet.bytes,
				 2000 + (ip6 ? 40 : 20));
		close_rig(r);
	}
}

static void d18_a_question_that_a_fragment_shows_is_not_told_again(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t udp[2000];

	(void)state;
	put_question(udp, "bad.example", sizeof(udp));
	send(r, part(udp, 0, 1480, 1));
	send(r, part(udp, 1480, 2000, 0));
	assert_int_equal(r->count.frag_datagrams, 1);
	assert_int_equal(r->hits, 0);
	close_rig(r);
}

/* Where the two overlap one says bad.example and the other nothing listed. */
static void d14_a_name_in_either_variant_is_told_once(void **state)
{
	uint8_t bad[48], good[48];

	(void)state;
	put_question(bad, "bad.example", sizeof(bad));
	put_question(good, "baz.example", sizeof(good));
	for (int order = 0; order < 4; order++) {
		struct rig *r = open_rig(0);
		struct shape a = part(order & 2 ? bad : good, 0, 32, 1);
		struct shape b = part(order & 2 ? good : bad, 16, 48, 0);

		send(r, order & 1 ? b : a);
		send(r, order & 1 ? a : b);
		assert_int_equal(r->count.frag_overlap, 1);
		assert_int_equal(r->hits, 1);
		assert_int_equal(r->hit[0].slot, r->slot[0]);
		close_rig(r);
	}
}

static void names_of_both_variants_are_told(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t bad[48], good[48];

	(void)state;
	put_question(bad, "bad.example", sizeof(bad));
	put_question(good, "other.example", sizeof(good));
	send(r, part(bad, 0, 24, 1));
	send(r, part(good, 0, 24, 1));
	send(r, part(bad, 24, 48, 0));
	/* the second name needs the other end, too */
	send(r, part(good, 24, 48, 0));
	assert_true(r->hits >= 1);
	assert_int_equal(r->hit[0].slot, r->slot[0]);
	close_rig(r);
}

static void d14_an_ipv6_overlap_hides_in_no_hit(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t bad[48];

	(void)state;
	put_question(bad, "bad.example", sizeof(bad));
	send(r, six(part(bad, 0, 24, 1)));
	send(r, six(part(bad, 16, 48, 0)));
	assert_int_equal(r->count.frag_dropped, 2);
	assert_int_equal(r->hits, 0);
	close_rig(r);
}

static void d17_a_question_is_found_in_a_flood(void **state)
{
	struct rig *r = open_rig(0);
	uint64_t random = 1;
	uint8_t udp[2000];

	(void)state;
	put_question(udp, "bad.example", sizeof(udp));
	for (uint32_t i = 0; i < 200000; i++) {
		struct shape s = part(udp, 0, 24, 1);

		if (i == 1000)
			send(r, s);
		if (i == 190000)
			send(r, part(udp, 24, 2000, 0));
		s.src = 2;
		s.id = (uint32_t)pk_splitmix_next(&random);
		send(r, s);
	}
	assert_true(r->count.frag_evicted > 100000);
	assert_int_equal(r->hits, 1);
	close_rig(r);
}

/* --- tunnels ------------------------------------------------------------------------ */

enum { INNER = 0x0a000001, LISTED = 0xcb007107 };

/* The header of a packet of @len bytes, from @src to 198.51.100.9. */
static void put_ip(uint8_t *ip, uint32_t len, uint32_t src, uint8_t proto)
{
	memset(ip, 0, RIG_IP4);
	ip[0] = 0x45;
	rig_put(ip + 2, len, 2);
	ip[8] = 60;
	ip[9] = proto;
	rig_put(ip + 12, src, 4);
	rig_put(ip + 16, 0xc6336409, 4);
}

/* And UDP, to port 4444. */
static void put_inner(uint8_t *ip, uint32_t len, uint32_t src)
{
	memset(ip, 0, len);
	put_ip(ip, len, src, 17);
	rig_put(ip + 20, 1234, 2);
	rig_put(ip + 22, 4444, 2);
	rig_put(ip + 24, len - 20, 2);
}

static int has(const struct rig *r, uint32_t slot, uint8_t role, uint8_t depth)
{
	int n = 0;

	for (uint32_t i = 0; i < r->hits; i++)
		n += r->hit[i].slot == slot && r->hit[i].role == role &&
		     r->hit[i].depth == depth;
	return n;
}

static void inner_addresses_cut_in_two_are_found(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t inner[100];
	struct shape a, b;

	(void)state;
	put_inner(inner, sizeof(inner), LISTED);
	a = part(inner, 0, 16, 1);
	b = part(inner, 16, 100, 0);
	a.proto = b.proto = 4;
	send(r, a);
	send(r, b);
	assert_int_equal(r->hits, 2);
	assert_int_equal(has(r, r->slot[2], PK_ROLE_SOURCE, 1), 1);
	assert_int_equal(has(r, r->slot[3], PK_ROLE_DESTINATION, 1), 1);
	assert_int_equal(r->hit[0].packet.depth, 1);
	assert_int_equal(r->hit[0].packet.key.dport, 4444);
	close_rig(r);
}

/* The listed pair has another one in it: it is told as it is. */
static void pairs_around_the_innermost_are_told_as_they_are(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t inner[100];
	struct shape a, b;

	(void)state;
	put_ip(inner, 100, LISTED, 4);
	put_inner(inner + 20, 80, INNER);
	a = part(inner, 0, 16, 1);
	b = part(inner, 16, 100, 0);
	a.proto = b.proto = 4;
	send(r, a);
	send(r, b);
	assert_int_equal(r->hits, 2);
	assert_int_equal(has(r, r->slot[2], PK_ROLE_SOURCE, 1), 1);
	assert_int_equal(has(r, r->slot[3], PK_ROLE_DESTINATION, 2), 1);
	assert_int_equal(r->hit[0].packet.depth, 2);
	assert_int_equal(r->hit[0].packet.key.src.b[12], 203);
	assert_int_equal(r->hit[0].packet.key.proto, 4);
	assert_int_equal(r->hit[1].packet.key.src.b[12], 10);
	close_rig(r);
}

static void inner_addresses_in_the_first_fragment_are_not_told_again(
	void **state)
{
	struct rig *r = open_rig(0);
	uint8_t inner[100];
	struct shape a, b;

	(void)state;
	put_inner(inner, sizeof(inner), LISTED);
	a = part(inner, 0, 48, 1);
	b = part(inner, 48, 100, 0);
	a.proto = b.proto = 4;
	send(r, a);
	send(r, b);
	assert_int_equal(r->count.frag_datagrams, 1);
	assert_int_equal(r->hits, 0);
	close_rig(r);
}

/* Wrapped once more, or as it is. */
static void send_in(struct rig *r, int wraps, struct shape s)
{
	uint8_t frame[RIG_FRAME];
	uint32_t len = rig_build(&s, frame);

	if (wraps) {
		memmove(frame + 34, frame + 14, len - 14);
		put_ip(frame + 14, len + 6, INNER, 4);
		len += 20;
	}
	send_frame(r, frame, len);
}

/* A fragment of the inner packet, cut in two itself. */
static void nested(int wraps)
{
	struct rig *r = open_rig(0);
	uint8_t udp[2000], inner[2][20 + 1000];

	put_question(udp, "bad.example", sizeof(udp));
	for (uint32_t i = 0; i < 2; i++) {
		struct shape s = part(udp, 0, 24, 1), half;
		uint32_t len;

		if (i)
			s = part(udp, 24, 1000, 0);
		rig_ip4(&s, inner[i]);
		memcpy(inner[i] + 20, s.data, s.len);
		len = 20 + s.len;
		half = part(inner[i], 0, 24, 1);
		half.id = 100 + i;
		half.proto = 4;
		send_in(r, wraps, half);
		half = part(inner[i], 24, len, 0);
		half.id = 100 + i;
		half.proto = 4;
		send_in(r, wraps, half);
	}
	assert_int_equal(r->count.frag_nested, 2);
	assert_int_equal(r->count.frag_in, 6);
	assert_int_equal(r->count.frag_datagrams, 3);
	assert_int_equal(r->hits, 1);
	assert_int_equal(r->hit[0].role, PK_ROLE_DNS_QUESTION);
	assert_int_equal(r->hit[0].depth, 1 + wraps);
	close_rig(r);
}

static void fragments_in_fragments_are_put_together(void **state)
{
	(void)state;
	nested(0);
	nested(1);
}

/* RFC 7112: the ports come behind the first fragment. */
static void ports_in_the_second_fragment_are_found(void **state)
{
	struct rig *r = open_rig(0);
	uint8_t payload[64] = { 4, 0 }, frame[RIG_FRAME];
	struct shape a = six(part(payload, 0, 8, 1));
	struct shape b = six(part(payload, 8, 64, 0));
	uint32_t len;

	(void)state;
	memset(payload, 0, sizeof(payload));
	payload[0] = 17; /* destination options of 8 bytes, then UDP */
	rig_put(payload + 8, 1, 2);
	rig_put(payload + 10, 4444, 2);
	rig_put(payload + 12, 56, 2);
	a.proto = b.proto = 60;
	for (int i = 0; i < 2; i++) {
		len = rig_build(i ? &b : &a, frame);
		/* as NAT64 says it: 64:ff9b::198.51.100.9 */
		memset(frame + 38, 0, 16);
		rig_put(frame + 38, 0x0064ff9b, 4);
		rig_put(frame + 50, 0xc6336409, 4);
		send_frame(r, frame, len);
	}
	assert_int_equal(has(r, r->slot[3], PK_ROLE_DESTINATION, 0), 1);
	assert_int_equal(r->hits, 1);
	close_rig(r);
}

/* --- replay ---------------------------------------------------------------------------- */

struct sent {
	union sample *sample;
	uint32_t n;
};

/* Fragments of few datagrams, over some ticks, in their order. */
static void record(struct sent *sent)
{
	static uint8_t bad[48], good[48];
	uint64_t random = 9, now = 1700000000ULL * 1000000000ULL;
	uint8_t frame[RIG_FRAME];

	put_question(bad, "bad.example", sizeof(bad));
	put_question(good, "baz.example", sizeof(good));
	sent->sample = calloc(SENT, sizeof(*sent->sample));
	assert_non_null(sent->sample);
	for (sent->n = 0; sent->n < SENT; sent->n++) {
		union sample *s = &sent->sample[sent->n];
		uint64_t n = pk_splitmix_next(&random);
		uint32_t at = (uint32_t)(n >> 8) % 6 * 8;
		struct shape shape =
			part(n & 1 ? bad : good, at, at + 8, at < 40);

		shape.src = (uint32_t)(n >> 16) % 3;
		shape.id = (n >> 20) % 8 ? (n >> 20) % 3 : 10 + sent->n;
		now += (n >> 24) % 20000000;
		make_sample(&s->e, frame, rig_build(&shape, frame));
		s->e.time_ns = now;
		s->e.frame = sent->n + 1;
	}
}

/* Each tick's samples in an order of its own. */
static struct rig *replay(const struct sent *sent, uint64_t random)
{
	uint32_t *order = calloc(SENT, sizeof(*order)), first = 0;
	struct rig *r = open_rig(1);

	assert_non_null(order);
	while (first < sent->n) {
		uint32_t tick = pk_tick(sent->sample[first].e.time_ns), n = 0;

		while (first + n < sent->n &&
		       pk_tick(sent->sample[first + n].e.time_ns) == tick) {
			order[n] = first + n;
			n++;
		}
		for (uint32_t i = 0; random && i < n; i++) {
			uint32_t j = i + (uint32_t)(pk_splitmix_next(&random) %
						    (n - i));
			uint32_t t = order[j];

			order[j] = order[i];
			order[i] = t;
		}
		for (uint32_t i = 0; i < n; i++)
			pk_reassembly_sample(r->r, &sent->sample[order[i]].e);
		first += n;
		/* not every tick is closed by itself */
		if (tick % 3 == random % 3)
			pk_reassembly_close(r->r, tick + 1);
	}
	pk_reassembly_drain(r->r);
	free(order);
	return r;
}

static void replay_gives_the_same_for_any_order_within_ticks(void **state)
{
	struct sent sent;
	struct rig *a;

	(void)state;
	record(&sent);
	a = replay(&sent, 0);
	assert_true(a->hits > 100);
	assert_true(a->count.frag_expired > 100);
	for (uint64_t seed = 1; seed < 8; seed++) {
		struct rig *b = replay(&sent, seed);

		assert_int_equal(a->hits, b->hits);
		assert_memory_equal(a->hit, b->hit, a->hits * sizeof(*a->hit));
		assert_memory_equal(&a->count, &b->count, sizeof(a->count));
		close_rig(b);
	}
	assert_int_equal(a->count.frag_early, 0);
	close_rig(a);
	free(sent.sample);
}

static uint64_t seen[8];
static uint32_t seen_n;

static void see(void *arg, const struct pk_sample_event *e)
{
	(void)arg;
	seen[seen_n++] = e->frame;
}

static void a_lineup_keeps_what_is_not_due_and_says_when_it_is_full(
	void **state)
{
	struct pk_lineup *l;
	uint8_t frame[100];
	union sample s;
	struct shape shape = part(frame, 0, 8, 1);

	(void)state;
	memset(frame, 0, sizeof(frame));
	make_sample(&s.e, frame, rig_build(&shape, frame + 20));
	assert_int_equal(
		pk_lineup_new(&l, 4 * (((s.e.head.len + 7) & ~7U) + 32)), 0);
	for (uint64_t i = 0; i < 4; i++) {
		s.e.frame = 10 - i;
		s.e.time_ns = i == 1 ? 200 : 100;
		assert_int_equal(pk_lineup_push(l, &s.e), 0);
	}
	assert_int_equal(pk_lineup_push(l, &s.e), -ENOSPC);
	assert_int_equal(pk_lineup_count(l), 4);
	pk_lineup_take(l, 200, see, NULL);
	assert_int_equal(seen_n, 3);
	assert_int_equal(seen[0], 7);
	assert_int_equal(seen[1], 8);
	assert_int_equal(seen[2], 10);
	assert_int_equal(pk_lineup_count(l), 1);
	assert_int_equal(pk_lineup_push(l, &s.e), 0);
	pk_lineup_take(l, UINT64_MAX, see, NULL);
	assert_int_equal(pk_lineup_count(l), 0);
	pk_lineup_free(l);
	pk_lineup_free(NULL);
}

/* --- memory ------------------------------------------------------------------------------ */

/* The sanitizer has an allocator of its own. */
#ifndef __SANITIZE_ADDRESS__
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_malloc(size_t size);
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

void *malloc(size_t size)
{
	if (fail_in >= 0 && fail_in-- == 0)
		return NULL;
	live++;
	return __libc_malloc(size);
}

void free(void *p)
{
	live -= p != NULL;
	__libc_free(p);
}

static void every_shortage_of_memory_is_told(void **state)
{
	struct pk_stage_counters count = { 0 };
	const struct pk_reassembly_conf conf = { .stats = &count,
						 .in_order = 1,
						 .hit = keep };
	struct pk_reassembly *r = (void *)&count;
	long before = live;
	int n = 0;

	(void)state;
	for (;; n++) {
		int err;

		fail_in = n;
		err = pk_reassembly_new(&r, &conf);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_ptr_equal(r, &count);
		assert_int_equal(live, before);
	}
	fail_in = -1;
	assert_int_equal(n, 12);
	pk_reassembly_free(r);
	assert_int_equal(live, before);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(d18_a_question_cut_in_two_is_found),
		cmocka_unit_test(
			d18_a_question_that_a_fragment_shows_is_not_told_again),
		cmocka_unit_test(d14_a_name_in_either_variant_is_told_once),
		cmocka_unit_test(names_of_both_variants_are_told),
		cmocka_unit_test(d14_an_ipv6_overlap_hides_in_no_hit),
		cmocka_unit_test(d17_a_question_is_found_in_a_flood),
		cmocka_unit_test(inner_addresses_cut_in_two_are_found),
		cmocka_unit_test(
			inner_addresses_in_the_first_fragment_are_not_told_again),
		cmocka_unit_test(
			pairs_around_the_innermost_are_told_as_they_are),
		cmocka_unit_test(fragments_in_fragments_are_put_together),
		cmocka_unit_test(ports_in_the_second_fragment_are_found),
		cmocka_unit_test(
			replay_gives_the_same_for_any_order_within_ticks),
		cmocka_unit_test(
			a_lineup_keeps_what_is_not_due_and_says_when_it_is_full),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(every_shortage_of_memory_is_told),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
