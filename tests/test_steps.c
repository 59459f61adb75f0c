/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bound on work, counted: twice the input takes at most 2.2 times the
 * steps, whatever the input is. A step is a basic block of the decoders, which
 * are compiled once more for this program with a call in each block (see the
 * Makefile), or eight bytes that memcpy() and its like go over. No clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/parse.h"
#include "dataplane/inspect/dns.h"
#include "dataplane/inspect/flows.h"
#include "dataplane/inspect/fragments.h"
#include "ioc/image/builder.h"
#include "ioc/image/lookup.h"
#include "ioc/name.h"
#include "ioc/store/store.h"

#ifdef __clang__
#define UNCOUNTED __attribute__((no_sanitize("coverage")))
#else
#define UNCOUNTED __attribute__((no_sanitize_coverage))
#endif

enum { FRAME = 4096, ETH = 14, TICK_SHIFT = PK_TICK_SHIFT };

/* --- the counter ----------------------------------------------------------- */

static uint64_t steps;
static bool counting;

void __sanitizer_cov_trace_pc(void);
void *__real_memcpy(void *to, const void *from, size_t n);
void *__real_memmove(void *to, const void *from, size_t n);
void *__real_memset(void *to, int byte, size_t n);
int __real_memcmp(const void *a, const void *b, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);
void *__wrap_memset(void *to, int byte, size_t n);
int __wrap_memcmp(const void *a, const void *b, size_t n);

UNCOUNTED void __sanitizer_cov_trace_pc(void)
{
	steps += counting;
}

UNCOUNTED void *__wrap_memcpy(void *to, const void *from, size_t n)
{
	steps += counting ? n / 8 : 0;
	return __real_memcpy(to, from, n);
}

UNCOUNTED void *__wrap_memmove(void *to, const void *from, size_t n)
{
	steps += counting ? n / 8 : 0;
	return __real_memmove(to, from, n);
}

UNCOUNTED void *__wrap_memset(void *to, int byte, size_t n)
{
	steps += counting ? n / 8 : 0;
	return __real_memset(to, byte, n);
}

UNCOUNTED int __wrap_memcmp(const void *a, const void *b, size_t n)
{
	steps += counting ? n / 8 : 0;
	return __real_memcmp(a, b, n);
}

static void count_from_here(void)
{
	steps = 0;
	counting = true;
}

static uint64_t counted(void)
{
	counting = false;
	return steps;
}

/* The work of input number @kind, @n long. */
typedef uint64_t work_fn(unsigned kind, unsigned n);

/* The most steps that a unit of input took, beyond the first @from of them. */
static void check(work_fn *work, unsigned kinds, unsigned from, unsigned to)
{
	for (unsigned kind = 0; kind < kinds; kind++) {
		uint64_t one = work(kind, from), two = 0;

		for (unsigned n = from; n < to; n *= 2, one = two) {
			two = work(kind, 2 * n);
			assert_true(one > 0);
			if (10 * two > 22 * one)
				fail_msg("kind %u: %u take %llu steps, twice "
					 "as many %llu",
					 kind, n, (unsigned long long)one,
					 (unsigned long long)two);
		}
		print_message("# kind %u: %u take %llu steps\n", kind, to,
			      (unsigned long long)two);
	}
}

/* --- frames ------------------------------------------------------------------ */

#define ADDR "20010db8000000000000000000000001"

static unsigned add_hex(uint8_t *to, unsigned room, const char *hex)
{
	unsigned n = 0;

	for (; hex[2 * n] && n < room; n++) {
		char digits[3] = { hex[2 * n], hex[2 * n + 1], 0 };

		to[n] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return n;
}

/* @n headers of one kind in a row. */
static uint64_t work_of_frame(unsigned kind, unsigned n)
{
	static const char *const kinds[][2] = {
		{ "020000000001020000000002", "81000001" },
		{ "0200000000010200000000028847", "00000000" },
		{ "020000000001020000000002",
		  "88e700000001020000000001020000000002" },
		{ "020000000001020000000002", "894f0002000400000100" },
		{ "02000000000102000000000286dd60000000ffff3c40" ADDR ADDR,
		  "3c00010400000000" },
		{ "02000000000102000000000286dd60000000ffff3340" ADDR ADDR,
		  "330100000000000100000001" },
		{ "0200000000010200000000020800",
		  "4500ffff00000000400400000a0000010a000002" },
		{ "0200000000010200000000020800",
		  "4500ffff00000000402f00000a0000010a00000200000800" },
		{ "02000000000102000000000286dd",
		  "60000000ffff2940" ADDR ADDR },
		{ "02000000000102000000000208004500ffff00000000401100000a000001"
		  "0a00000208680868ffff000034fffff00000000100000085",
		  "01000085" },
		{ "02000000000102000000000208004f00ffff00000000400600000a000001"
		  "0a000002",
		  "01" },
		{ "02000000000102000000000208004500ffff00000000400600000a000001"
		  "0a000002000100020000000000000000f0",
		  "01" },
	};
	static uint8_t frame[4 * FRAME];
	unsigned at = add_hex(frame, FRAME, kinds[kind][0]);
	struct pk_decode d;

	while (n--)
		at += add_hex(frame + at, sizeof(frame) - at, kinds[kind][1]);
	count_from_here();
	pk_parse(frame, frame + at, at, &d);
	return counted();
}

static void a_frame_of_twice_the_headers_takes_twice_the_steps(void **state)
{
	(void)state;
	check(work_of_frame, 10, 1, 256);
	/* Options have 40 bytes at most: half of them are no header. */
	for (unsigned kind = 0; kind < 12; kind++)
		assert_in_range(work_of_frame(kind, 256), 1, 1000);
}

/* --- questions ---------------------------------------------------------------- */

/* Every name of labels "a" is listed with its subdomains. */
static const struct pk_view *listed(void)
{
	static struct pk_block base, delta;
	static struct pk_view v;
	struct pk_store *s;

	if (v.base)
		return &v;
	assert_int_equal(pk_store_new(&s, 7), 0);
	for (unsigned labels = 1; labels < 127; labels++) {
		struct pk_indicator ind;

		pk_indicator_init(&ind);
		ind.type = PK_INDICATOR_DOMAIN;
		ind.match = PK_MATCH_SUBDOMAINS;
		for (unsigned i = 0; i < labels; i++)
			memcpy(ind.value + 2 * i, "\001a", 2);
		ind.value_len = (uint16_t)(2 * labels + 1);
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	assert_int_equal(pk_builder_base(s, &base), 0);
	pk_store_settle(s);
	assert_int_equal(pk_builder_delta(s, &delta), 0);
	pk_store_free(s);
	v = (struct pk_view){ .base = base.lines,
			      .base_head = base.head,
			      .delta = delta.lines,
			      .delta_head = delta.head };
	return &v;
}

/* A name of @n bytes in labels of @label bytes, all of them "a". */
static uint32_t put_name(uint8_t *to, unsigned n, unsigned label)
{
	uint32_t at = 0;

	while (at + 1 + label < n) {
		to[at] = (uint8_t)label;
		memset(to + at + 1, 'a', label);
		at += 1 + label;
	}
	to[at++] = 0;
	memset(to + at, 1, 4);
	return at + 4;
}

/* @n pointers in a row, each to the one before it. */
static uint32_t put_pointers(uint8_t *to, unsigned n)
{
	uint32_t at = 0;

	to[at++] = 0;
	for (unsigned i = 0; i < n && at < 0x3000; i++) {
		uint32_t before = 12 + (i ? at - 2 : 0);

		to[at++] = (uint8_t)(0xc0 | before >> 8);
		to[at++] = (uint8_t)before;
	}
	memset(to + at, 1, 4);
	return at + 4;
}

static uint64_t work_of_question(unsigned kind, unsigned n)
{
	static struct pk_dns_scratch scratch;
	static uint8_t msg[FRAME] = { [5] = 1 };
	static const unsigned label[] = { 1, 2, 15, 63 };
	const struct pk_view *v = listed();
	struct pk_question q;
	struct pk_dns out;
	uint32_t len;

	memset(msg + 12, 0, sizeof(msg) - 12);
	len = 12 + (kind == 4 ? put_pointers(msg + 12, n)
			      : put_name(msg + 12, n, label[kind]));
	__real_memcpy(scratch.payload, msg,
		      len < PK_DNS_ROOM ? len : PK_DNS_ROOM);
	count_from_here();
	pk_dns_question(msg, len, 0, &out);
	if (pk_dns_payload(scratch.payload, len, 0, &q) == PK_DNS_OK)
		pk_dns_find(v, scratch.payload + q.prefix, &q);
	if (out.reason == PK_DNS_OK)
		pk_name_find(v, out.name, NULL);
	return counted();
}

static void a_question_of_twice_the_bytes_takes_twice_the_steps(void **state)
{
	(void)state;
	check(work_of_question, 5, 16, 1024);
}

/* --- fragments ------------------------------------------------------------------ */

struct piece {
	uint32_t source, id, at, len; /* @at in units of 8 bytes */
	bool more;
};

/* What a sender who wants to be expensive may send as its fragment number @i. */
static struct piece piece_of(unsigned kind, unsigned i)
{
	struct piece p = { 1, i / 100, i % 100, 8, i % 100 != 99 };

	switch (kind) {
	case 0: /* in order */
		break;
	case 1: /* backwards */
		p.at = 99 - p.at;
		p.more = p.at != 99;
		break;
	case 2: /* in any order */
		p.at = i * 37 % 100;
		p.more = p.at != 99;
		break;
	case 3: /* the same again and again */
		p = (struct piece){ 1, 1, 0, 1400, true };
		break;
	case 4: /* each over the one before, and different */
		p = (struct piece){ 1, i / 100, i * 37 % 100, 64, true };
		break;
	case 5: /* never whole, of one source */
		p = (struct piece){ 1, i, 1, 8, true };
		break;
	case 6: /* never whole, of sources without end */
		p = (struct piece){ i, i, 1, 8, true };
		break;
	case 7: /* first fragments of the same name, all different */
		p = (struct piece){ 1, 1, 0, 1400, true };
		break;
	case 8: /* as many pieces as are kept, with gaps between them */
		p = (struct piece){ 1, i / 128, 2 * (127 - i % 128), 8, true };
		break;
	default: /* one byte in each block */
		p = (struct piece){ i % 16, i % 997, i % 8000, 8, true };
		break;
	}
	return p;
}

static uint32_t put_piece(uint8_t *f, const struct piece *p, unsigned fill)
{
	uint32_t size = 20 + p->len;

	__real_memset(f, 0, ETH + 20);
	f[12] = 8;
	f[14] = 0x45;
	f[16] = (uint8_t)(size >> 8);
	f[17] = (uint8_t)size;
	f[18] = (uint8_t)(p->id >> 8);
	f[19] = (uint8_t)p->id;
	f[20] = (uint8_t)(p->at >> 8 | (p->more ? 0x20 : 0));
	f[21] = (uint8_t)p->at;
	f[22] = 64;
	f[23] = 17;
	f[26] = 10;
	f[27] = (uint8_t)(p->source >> 16);
	f[28] = (uint8_t)(p->source >> 8);
	f[29] = (uint8_t)p->source;
	f[33] = 1;
	__real_memset(f + 34, (int)fill, p->len);
	return ETH + size;
}

static uint64_t work_of_fragments(unsigned kind, unsigned n)
{
	static const struct pk_fragments_conf conf = { 1024, 256, 3 };
	static uint8_t frame[FRAME];
	struct pk_stage_counters count = { 0 };
	struct pk_fragments *f;
	uint64_t all = 0;

	assert_int_equal(pk_fragments_new(&f, &conf, &count), 0);
	for (unsigned i = 0; i < n; i++) {
		struct piece p = piece_of(kind, i);
		bool changes = kind == 4 || kind == 7;
		uint32_t len = put_piece(frame, &p, changes ? i : 0);
		struct pk_fragment g;

		count_from_here();
		if (pk_fragment_read(&g, frame, len, len) != PK_FRAGMENT_OK)
			fail_msg("kind %u is no fragment", kind);
		g.time_ns = i * 1000000ULL;
		g.frame = i;
		pk_fragments_add(f, &g);
		all += counted();
	}
	count_from_here();
	pk_fragments_drain(f);
	all += counted();
	assert_int_equal(count.frag_in, n);
	pk_fragments_free(f);
	return all;
}

static void twice_the_fragments_take_twice_the_steps(void **state)
{
	(void)state;
	check(work_of_fragments, 10, 2048, 1 << 15);
}

/* --- flows ------------------------------------------------------------------------ */

static struct pk_flow_line line_of(unsigned kind, unsigned i)
{
	struct pk_flow_line l = { .key = { .proto = 6, .port = 1 },
				  .tick = i / 64,
				  .packets = 1,
				  .bytes = 60,
				  .tcp_flags = 2 };
	uint32_t flow = i;

	switch (kind) {
	case 0: /* a SYN flood */
		break;
	case 1: /* one flow */
		flow = 0;
		break;
	case 2: /* as many as there is room for, each again and again */
		flow = i % 1024;
		l.tcp_flags = 16;
		break;
	case 3: /* ends that come and go: each moves in the wheel */
		flow = i % 1024;
		l.tcp_flags = i & 1024 ? 1 : 16;
		break;
	case 4: /* all wait, the latest first */
		l.tick = (1 << 20) - i / 64;
		break;
	default: /* deadlines far away, then a flood */
		l.tcp_flags = 16;
		flow = i % 4096 < 2048 ? i % 1024 : i;
		break;
	}
	l.key.src.b[12] = 10;
	l.key.src.b[13] = (uint8_t)(flow >> 16);
	l.key.src.b[14] = (uint8_t)(flow >> 8);
	l.key.src.b[15] = (uint8_t)flow;
	l.key.dst.b[12] = 192;
	return l;
}

static uint64_t work_of_lines(unsigned kind, unsigned n)
{
	struct pk_stage_counters count = { 0 };
	struct pk_flow_conf conf;
	struct pk_flows *f;
	uint64_t all = 0;

	pk_flow_conf_default(&conf);
	conf.capacity = 1024;
	assert_int_equal(pk_flows_new(&f, &conf, 7, &count), 0);
	pk_flows_close(f, 1);
	for (unsigned i = 0; i < n; i++) {
		struct pk_flow_line l = line_of(kind, i);

		count_from_here();
		pk_flows_add(f, &l);
		if (kind != 4)
			pk_flows_close(f, l.tick);
		all += counted();
	}
	count_from_here();
	pk_flows_drain(f);
	all += counted();
	assert_int_equal(count.packets_out, n);
	pk_flows_free(f);
	return all;
}

static void twice_the_flow_lines_take_twice_the_steps(void **state)
{
	(void)state;
	check(work_of_lines, 6, 4096, 1 << 16);
}

/* --- the counter counts -------------------------------------------------------------- */

/* Would a square be seen? */
static void a_square_is_not_twice(void **state)
{
	static uint8_t bytes[2][FRAME];
	uint64_t square[2] = { 0 }, copy[2];

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		volatile unsigned sum = 0;

		count_from_here();
		for (unsigned i = 0; i < 64U << k; i++)
			for (unsigned j = 0; j < i; j++)
				sum = sum + j;
		square[k] = counted();
		count_from_here();
		memcpy(bytes[0], bytes[1], 1024U << k);
		copy[k] = counted();
	}
	assert_true(square[0] > 64 * 63 / 2);
	assert_true(10 * square[1] > 35 * square[0]);
	assert_true(copy[0] >= 128 && copy[1] >= copy[0] + 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_frame_of_twice_the_headers_takes_twice_the_steps),
		cmocka_unit_test(
			a_question_of_twice_the_bytes_takes_twice_the_steps),
		cmocka_unit_test(twice_the_fragments_take_twice_the_steps),
		cmocka_unit_test(twice_the_flow_lines_take_twice_the_steps),
		cmocka_unit_test(a_square_is_not_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
