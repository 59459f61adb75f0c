/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shipped BPF object, loaded into this kernel and run by
 * BPF_PROG_TEST_RUN with real maps and rings. Needs CAP_BPF, CAP_NET_ADMIN and
 * CAP_PERFMON, no file and no bpffs; ends with 1 if the kernel refuses it.
 *
 * PK_FRAMES: frames of the comparison with user space (default 1,000,000).
 */
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bpf_contest.h"
#include "tests/bpf_dns.h"
#include "tests/bpf_fragments.h"
#include "tests/bpf_rig.h"
#include "tests/parse_rows.h"
#include "tests/prefix_rows.h"
#include "tools/gen/splitmix.h"

enum {
	SECOND = 1000000000,
	TICK = 1 << PK_TICK_SHIFT,
	TINY_RING = 4096,
};

static const uint8_t host_a[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
static const uint8_t host_b[16] = { [10] = 0xff, 0xff, 198, 51, 100, 2 };
static cpu_set_t all_cpus;

/* A frame from host A to host B; @port tells flows apart. */
static uint32_t make_tcp(uint8_t *frame, uint16_t port)
{
	uint32_t len = add_hex(frame, 0, E4 IP4("0028", "0000", "06") TCP);

	frame[34] = (uint8_t)(port >> 8);
	frame[35] = (uint8_t)port;
	return len;
}

static uint64_t reasons(const struct pk_plane_counters *c)
{
	uint64_t sum = 0;

	for (int i = 0; i < PK_REASONS_MAX; i++)
		sum += c->reason[i];
	return sum;
}

static struct pk_hit_event hit_at(const struct rig *r, uint32_t n)
{
	struct pk_hit_event e;

	assert_true(n < r->alerts.count);
	memcpy(&e, rig_event(&r->alerts, n), sizeof(e));
	assert_int_equal(e.head.type, PK_EVENT_HIT);
	assert_int_equal(e.head.len, sizeof(e));
	return e;
}

static struct pk_flow_line flow_at(const struct rig *r, uint32_t n)
{
	struct pk_flow_event e;

	assert_true(n < r->events.count);
	memcpy(&e, rig_event(&r->events, n), sizeof(e));
	assert_int_equal(e.head.type, PK_EVENT_FLOW);
	assert_int_equal(e.head.len, sizeof(e));
	return e.line;
}

/* --- one frame ---------------------------------------------------------------- */

static void every_frame_passes_and_ends_in_one_reason(void **state)
{
	static const uint32_t lengths[] = { 14,	  60,	1514, 3000,
					    5000, 9000, 16000 };
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	uint64_t random = 1, n = 0, bytes = 0;

	(void)state;
	for (uint32_t i = 0; i < ROWS; i++, n++) {
		uint32_t len = add_hex(frame, 0, rows[i].hex);

		rig_run(r, frame, len, SECOND, n);
		assert_true(r->count->reason[rows[i].reason] > 0);
		bytes += len;
	}
	for (uint32_t i = 0; i < 7 * 30; i++, n++) {
		for (uint32_t k = 0; k < RIG_FRAME_MAX; k += 8) {
			uint64_t q = pk_splitmix_next(&random);

			memcpy(frame + k, &q, 8);
		}
		rig_run(r, frame, lengths[i % 7], SECOND, n);
		bytes += lengths[i % 7];
	}
	assert_true(r->count->seen == n && reasons(r->count) == n);
	assert_true(r->count->seen_bytes == bytes);
	/* Without an image a packet with addresses is counted as such. */
	assert_true(r->count->no_image == r->count->flow_packets);
	assert_true(r->count->no_image > 0);
	check_flow_sums(r);
	rig_free(r);
}

static void a_frame_without_replay_metadata_is_refused(void **state)
{
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = sizeof(frame));

	(void)state;
	assert_int_equal(bpf_prog_test_run_opts(r->progs.xdp_fd, &opts), 0);
	assert_int_equal(opts.retval, XDP_ABORTED);
	assert_int_equal(reasons(r->count), 0);
	rig_free(r);
}

/* --- hits ------------------------------------------------------------------------ */

static void a_hit_says_what_was_seen(void **state)
{
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	uint32_t len = make_tcp(frame, 1000), b;
	struct pk_packet p;
	struct pk_hit_event e;

	(void)state;
	rig_list(r, host_a);
	b = rig_list(r, host_b);
	rig_publish(r);
	rig_run(r, frame, len, 5ULL * SECOND + 17, 4711);
	rig_drain(r);
	p = rig_packet(r);
	assert_int_equal(p.key.direction, PK_IN);
	assert_int_equal(p.key.port, RIG_PORT);
	assert_memory_equal(p.key.src.b, host_a, 16);
	assert_int_equal(r->alerts.count, 2);
	e = hit_at(r, 1);
	assert_true(e.time_ns == 5ULL * SECOND + 17);
	assert_true(e.frame == 4711 && e.generation == 2);
	assert_int_equal(e.slot, b);
	assert_int_equal(e.role, PK_ROLE_DESTINATION);
	assert_int_equal(e.depth | e.pad[0] | e.pad[1], 0);
	assert_memory_equal(&e.packet, &p, sizeof(p));
	e = hit_at(r, 0);
	assert_int_equal(e.role, PK_ROLE_SOURCE);
	rig_free(r);
}

/* Run the frame ten times; how many hits that gave. */
static uint32_t hits_of_ten(struct rig *r, const uint8_t *frame, uint32_t len,
			    uint32_t tick)
{
	rig_forget(&r->alerts);
	for (uint32_t i = 0; i < 10; i++)
		rig_run(r, frame, len, pk_tick_start(tick) + i, i);
	rig_drain(r);
	return r->alerts.count;
}

static void a_hit_is_reported_once_a_line_role_and_generation(void **state)
{
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	uint32_t len = make_tcp(frame, 1000), a;

	(void)state;
	a = rig_list(r, host_a);
	rig_publish(r);
	assert_int_equal(hits_of_ten(r, frame, len, 10), 1);
	assert_int_equal(hits_of_ten(r, frame, len, 11), 0);
	rig_sweep(r, pk_tick_start(13));
	assert_int_equal(hits_of_ten(r, frame, len, 13), 0);
	/* A new generation reports again; so does a flow after 15 s. */
	rig_list(r, host_b);
	rig_publish(r);
	assert_int_equal(hits_of_ten(r, frame, len, 13), 2);
	assert_int_equal(hits_of_ten(r, frame, len, 13), 0);
	assert_int_equal(hits_of_ten(r, frame, len, 28), 2);
	len = make_tcp(frame, 1001);
	assert_int_equal(hits_of_ten(r, frame, len, 28), 2);
	assert_true(r->hits[a] == 70);
	assert_true(r->count->hit_packets_src == 70);
	assert_true(r->count->hit_packets_dst == 40);
	assert_true(r->count->hit_offered == 7);
	assert_true(r->count->hit_submitted == 7);
	rig_free(r);
}

/* --- prefixes and ports ------------------------------------------------------------- */

/* A TCP SYN of IPv6, or of IPv4 if the source is mapped. */
static uint32_t make_syn(uint8_t *frame, const union pk_addr *src,
			 const union pk_addr *dst)
{
	uint32_t len = make_tcp(frame, 1000);

	if (pk_is_v4(src)) {
		memcpy(frame + 26, &src->b[12], 4);
		memcpy(frame + 30, &dst->b[12], 4);
		return len;
	}
	memmove(frame + 14 + 40, frame + 14 + 20, 20);
	memset(frame + 12, 0, 2 + 40);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame[14] = 0x60;
	frame[19] = 20;
	frame[20] = 6;
	frame[21] = 64;
	memcpy(frame + 22, src->b, 16);
	memcpy(frame + 38, dst->b, 16);
	return 14 + 40 + 20;
}

/* The slot that was reported for the source of the last frame, or 0. */
static uint32_t source_hit(struct rig *r)
{
	uint32_t slot = 0;

	rig_drain(r);
	for (uint32_t i = 0; i < r->alerts.count; i++)
		if (hit_at(r, i).role == PK_ROLE_SOURCE)
			slot = hit_at(r, i).slot;
	rig_forget(&r->alerts);
	return slot;
}

/* X29: the rows that test_prefixes.c has in user space. */
static void every_row_of_prefixes_holds_in_the_kernel(void **state)
{
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	struct world w;

	(void)state;
	world_init(&w, 1, PREFIX_INDICATORS);
	w.seed = RIG_SEED;
	prefix_rows_fill(&w);
	for (int wide = 0; wide < 2; wide++) {
		w.item[w.count - 1].live = w.item[w.count - 2].live = wide;
		world_build_base(&w);
		assert_int_equal(pk_images_publish_base(r->images, &w.base), 0);
		rig_show(r);
		for (unsigned i = 0; i < PREFIX_ROWS / 2; i++) {
			const struct prefix_row *row = &prefix_rows[i];
			union pk_addr a = prefix_addr(row->addr);
			union pk_addr b = prefix_addr(pk_is_v4(&a) ? "9.9.9.9"
								   : "2003::9");
			uint32_t len = make_syn(frame, &a, &b);

			rig_run(r, frame, len, SECOND + i, i);
			assert_int_equal(source_hit(r),
					 prefix_row_slot(row, wide));
		}
	}
	world_fini(&w);
	rig_free(r);
}

/* Ports 80 and 81 of A are listed, A is in a prefix; then A itself. */
static void a_port_comes_before_its_address_in_the_kernel(void **state)
{
	static const uint16_t ports[] = { 80, 81, 82 };
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	struct pk_indicator ind;
	uint32_t slot[3], len, n = 0;

	(void)state;
	pk_indicator_init(&ind);
	memcpy(ind.addr.b, host_a, 16);
	ind.type = PK_INDICATOR_IP_PORT;
	ind.port = 80;
	slot[0] = rig_add(r, &ind);
	ind.port = 81;
	slot[1] = rig_add(r, &ind);
	ind.type = PK_INDICATOR_IPV4_NET;
	ind.port = 0;
	ind.bits = 24;
	ind.addr.b[15] = 0;
	slot[2] = rig_add(r, &ind);
	for (int listed = 0; listed < 2; listed++) {
		if (listed)
			slot[2] = rig_list(r, host_a);
		rig_publish(r);
		for (int i = 0; i < 3; i++) {
			len = make_tcp(frame, ports[i]);
			rig_run(r, frame, len, SECOND, n++);
			assert_int_equal(source_hit(r), slot[i]);
		}
	}
	rig_free(r);
}

/* --- flows ------------------------------------------------------------------------ */

static void a_closed_line_leaves_with_its_sums(void **state)
{
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	uint32_t len = make_tcp(frame, 1000);
	struct pk_flow_line line;

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		frame[47] = (uint8_t)(1 << i);
		rig_run(r, frame, len, 7ULL * TICK + 100 * (i + 1), i);
	}
	rig_drain(r);
	assert_int_equal(r->events.count, 0);
	rig_run(r, frame, len, 8ULL * TICK, 5);
	rig_drain(r);
	assert_int_equal(r->events.count, 1);
	line = flow_at(r, 0);
	assert_int_equal(line.tick, 7);
	assert_int_equal(line.first, 100);
	assert_int_equal(line.last, 500);
	assert_int_equal(line.packets, 5);
	assert_int_equal(line.bytes, 200);
	assert_int_equal(line.tcp_flags, 31);
	assert_int_equal(line.roles, 0);
	assert_memory_equal(line.key.src.b, host_a, 16);
	assert_int_equal(line.key.sport, 1000);
	assert_int_equal(line.key.port, RIG_PORT);
	check_flow_sums(r);
	rig_free(r);
}

static void a_sweep_hands_on_what_is_due_and_nothing_else(void **state)
{
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];

	(void)state;
	for (uint16_t i = 0; i < 300; i++) {
		uint32_t len = make_tcp(frame, i);

		rig_run(r, frame, len, (i < 200 ? 7ULL : 8ULL) * TICK, i);
	}
	rig_sweep(r, 7ULL * TICK + TICK / 2);
	rig_drain(r);
	assert_int_equal(r->events.count, 100); /* those of tick 8: not now */
	rig_forget(&r->events);
	rig_sweep(r, 8ULL * TICK);
	rig_drain(r);
	assert_int_equal(r->events.count, 200);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(flow_at(r, i).tick, 7);
	rig_sweep(r, 9ULL * TICK);
	rig_drain(r);
	assert_int_equal(r->events.count, 200);
	assert_int_equal(r->count->sweeps, 3);
	assert_true(r->count->flow_out_packets == 300);
	check_flow_sums(r);
	rig_free(r);
}

/* --- full rings --------------------------------------------------------------------- */

static void a_full_ring_is_counted_and_so_is_every_hit(void **state)
{
	enum { FLOWS = 1000 };
	struct rig *r = rig_new(TINY_RING, NULL, NULL);
	const struct pk_plane_counters *c = r->count;
	uint8_t frame[RIG_FRAME_MAX];
	uint32_t slot, len;

	(void)state;
	slot = rig_list(r, host_a);
	rig_publish(r);
	for (uint16_t i = 0; i < FLOWS; i++) {
		len = make_tcp(frame, i);
		rig_run(r, frame, len, 7ULL * TICK, i);
	}
	assert_true(r->hits[slot] == FLOWS && c->hit_packets_src == FLOWS);
	assert_true(c->hit_offered == FLOWS && c->hit_submitted > 0);
	assert_true(c->hit_ring_full > 0);
	assert_true(c->hit_offered == c->hit_submitted + c->hit_ring_full);
	rig_sweep(r, 8ULL * TICK);
	assert_true(c->flow_lost_lines > 0 && c->flow_out_lines > 0);
	assert_true(c->flow_out_packets + c->flow_lost_packets == FLOWS);
	check_flow_sums(r);
	len = make_fragment(frame, 200);
	for (uint32_t i = 0; i < 30; i++)
		rig_run(r, frame, len, 8ULL * TICK, i);
	assert_true(c->sample_offered == 30 && c->sample_ring_full == 30);
	rig_drain(r);
	assert_true(c->hit_submitted == r->alerts.count);
	assert_true(c->flow_out_lines == r->events.count);
	/* With room again, all goes on. */
	rig_run(r, frame, len, 8ULL * TICK, 30);
	assert_true(c->sample_submitted == 1);
	rig_free(r);
}

/* --- sent frames ---------------------------------------------------------------------- */

static const struct pk_flow_line *find_line(const struct rig *r, uint16_t sport)
{
	for (int i = 0; i < PK_FLOW_LINES; i++)
		if (r->lines[i].packets && r->lines[i].key.sport == sport)
			return &r->lines[i];
	fail_msg("no line of port %u", sport);
	return NULL;
}

static void segments_without_known_headers_count_the_bytes_of_one(void **state)
{
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX] = { 0 };

	(void)state;
	/* GRE: its inner headers are not decoded, so nothing is added. */
	add_hex(frame, 0, E4 IP4("0be0", "0000", "2f") "00000800");
	rig_send(r, frame, 14 + 3040, 3);
	assert_true(r->count->flow_packets == 3);
	assert_true(r->count->flow_bytes == 3040);
	check_flow_sums(r);
	rig_free(r);
}

static void sent_frames_are_counted_by_segments_and_direction(void **state)
{
	struct rig *r = rig_new(0, NULL, NULL);
	uint8_t frame[RIG_FRAME_MAX];
	const struct pk_flow_line *line;
	uint32_t len = make_tcp(frame, 1000), slot;

	(void)state;
	slot = rig_list(r, host_b);
	rig_publish(r);
	rig_send(r, frame, len, 1);
	line = find_line(r, 1000);
	assert_int_equal(line->key.direction, PK_OUT);
	assert_int_equal(line->key.port, RIG_PORT);
	assert_int_equal(line->packets, 1);
	assert_int_equal(line->bytes, 40);
	rig_drain(r);
	assert_int_equal(r->alerts.count, 1);
	assert_int_equal(hit_at(r, 0).slot, slot);
	assert_int_equal(hit_at(r, 0).packet.key.direction, PK_OUT);
	assert_true(hit_at(r, 0).time_ns > 0);
	/* Three segments of 1,000 bytes: three headers of 40. */
	len = make_tcp(frame, 1001);
	memset(frame + len, 0, 3000);
	frame[16] = 3040 >> 8;
	frame[17] = 3040 & 255;
	rig_send(r, frame, len + 3000, 3);
	line = find_line(r, 1001);
	assert_int_equal(line->packets, 3);
	assert_int_equal(line->bytes, 3 * 1040);
	assert_true(r->hits[slot] == 4);
	assert_true(r->count->seen == 2 && reasons(r->count) == 2);
	check_flow_sums(r);
	rig_free(r);
}

/* --- switching ------------------------------------------------------------------------- */

/*
 * Host A is in the base, host B in the delta. In generation g their slots are
 * 1 + g / 5 % KINDS and 1 + g % KINDS: a packet that mixes two generations, or
 * reads an image that is being overwritten, shows it. Every frame is a flow of
 * its own, so every frame reports what it saw.
 */
enum { KINDS = 16, SWITCHES = 5000 };

struct switcher {
	struct rig *r;
	struct pk_block base[KINDS], delta[KINDS];
	uint64_t runs; /* by the runner */
	int done, error;
};

static struct pk_block block_with(const uint8_t host[16], uint32_t offset)
{
	struct pk_block b = { 0 };
	struct pk_store *s;
	struct pk_indicator ind;

	assert_int_equal(pk_store_new(&s, RIG_SEED), 0);
	pk_indicator_init(&ind);
	ind.type = PK_INDICATOR_IPV4;
	for (uint32_t i = 0; i <= offset; i++) {
		memcpy(ind.addr.b, host, 16);
		if (i < offset)
			ind.addr.b[12] = (uint8_t)(10 + i);
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	assert_int_equal(pk_builder_base(s, &b), 0);
	pk_store_free(s);
	return b;
}

/* A frame that began before the call has ended after two more. */
static int wait_for_runner(void *arg, uint64_t generation)
{
	struct switcher *s = arg;
	uint64_t begin = __atomic_load_n(&s->runs, __ATOMIC_SEQ_CST);

	(void)generation;
	while (__atomic_load_n(&s->runs, __ATOMIC_SEQ_CST) < begin + 2)
		sched_yield();
	return 0;
}

static void *switch_main(void *arg)
{
	struct switcher *s = arg;
	int err = 0;

	sched_setaffinity(0, sizeof(all_cpus), &all_cpus);
	for (uint64_t g = 3; !err && g < SWITCHES; g++)
		err = pk_images_publish(s->r->images,
					g % 5 ? NULL : &s->base[g / 5 % KINDS],
					&s->delta[g % KINDS]);
	s->error = err;
	__atomic_store_n(&s->done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Returns the generation of the last hit. */
static uint64_t check_hits(struct rig *r, uint64_t last)
{
	for (size_t at = 0; at < r->alerts.len;) {
		struct pk_hit_event e;

		memcpy(&e, r->alerts.data + at, sizeof(e));
		at += sizeof(e);
		assert_true(e.generation >= last);
		last = e.generation;
		if (e.generation < 5)
			continue;
		assert_int_equal(e.slot, 1 + (e.role == PK_ROLE_SOURCE
						      ? e.generation / 5 % KINDS
						      : e.generation % KINDS));
	}
	rig_forget(&r->alerts);
	return last;
}

static void switching_under_running_frames_never_mixes(void **state)
{
	static struct switcher s;
	uint8_t frame[RIG_FRAME_MAX];
	uint32_t len = make_tcp(frame, 0);
	uint64_t last = 0, hits;
	pthread_t thread;

	(void)state;
	s.r = rig_new(0, wait_for_runner, &s);
	for (uint32_t i = 0; i < KINDS; i++) {
		s.base[i] = block_with(host_a, i);
		s.delta[i] = block_with(host_b, i);
	}
	rig_publish(s.r);
	assert_int_equal(pthread_create(&thread, NULL, switch_main, &s), 0);
	while (!__atomic_load_n(&s.done, __ATOMIC_SEQ_CST)) {
		memcpy(frame + 34, &s.runs, 2); /* the source port */
		rig_run(s.r, frame, len, 7ULL * TICK + s.runs, s.runs);
		__atomic_add_fetch(&s.runs, 1, __ATOMIC_SEQ_CST);
		if (s.runs % 64 == 0) {
			rig_drain(s.r);
			last = check_hits(s.r, last);
			rig_forget(&s.r->events);
		}
	}
	pthread_join(thread, NULL);
	assert_int_equal(s.error, 0);
	rig_drain(s.r);
	last = check_hits(s.r, last);
	hits = s.r->count->hit_offered;
	print_message("# %d switches, %llu frames, %llu hits\n", SWITCHES,
		      (unsigned long long)s.runs, (unsigned long long)hits);
	assert_true(last > SWITCHES / 2 && hits > SWITCHES);
	assert_int_equal(s.r->count->hit_ring_full, 0);
	for (uint32_t i = 0; i < KINDS; i++) {
		pk_block_free(&s.base[i]);
		pk_block_free(&s.delta[i]);
	}
	rig_free(s.r);
}

/* --- the object ------------------------------------------------------------------------------ */

/* Load once and say what the kernel made of it. */
static int say_hello(void)
{
	struct utsname u;
	char why[4096] = "";
	struct rig *r = malloc(sizeof(*r));
	int err;

	if (!r || uname(&u))
		return 1;
	err = rig_load(r, 0, why, sizeof(why));
	if (err) {
		fprintf(stderr, "bpf_picket: %s\n", why);
		free(r);
		return 1;
	}
	printf("# kernel %s\n", u.release);
	printf("# picket_xdp: %u verified instructions, picket_tc: %u; loaded in %llu ms\n",
	       r->progs.xdp_insns, r->progs.tc_insns,
	       (unsigned long long)r->progs.load_ns / 1000000);
	close(r->progs.xdp_fd);
	close(r->progs.tc_fd);
	close(r->progs.sweep_fd);
	pk_xdp_free(r->xdp);
	free(r);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_passes_and_ends_in_one_reason),
		cmocka_unit_test(a_frame_without_replay_metadata_is_refused),
		cmocka_unit_test(a_hit_says_what_was_seen),
		cmocka_unit_test(
			a_hit_is_reported_once_a_line_role_and_generation),
		cmocka_unit_test(every_row_of_prefixes_holds_in_the_kernel),
		cmocka_unit_test(a_port_comes_before_its_address_in_the_kernel),
		cmocka_unit_test(a_closed_line_leaves_with_its_sums),
		cmocka_unit_test(a_sweep_hands_on_what_is_due_and_nothing_else),
		cmocka_unit_test(fragments_are_sampled_up_to_a_limit),
		cmocka_unit_test(fragments_leave_half_of_the_ring_to_others),
		cmocka_unit_test(
			listed_questions_are_alerts_and_the_rest_stays),
		cmocka_unit_test(every_dns_row_has_its_counter),
		cmocka_unit_test(the_kernel_finds_a_name_in_any_case),
		cmocka_unit_test(a_question_in_page_fragments_is_found),
		cmocka_unit_test(a_name_too_deep_goes_to_user_space),
		cmocka_unit_test(a_name_with_a_pointer_goes_to_user_space),
		cmocka_unit_test(several_questions_go_to_user_space),
		cmocka_unit_test(
			such_questions_leave_half_of_the_ring_to_others),
		cmocka_unit_test(questions_are_counted_before_the_first_image),
		cmocka_unit_test(a_full_ring_is_counted_and_so_is_every_hit),
		cmocka_unit_test(
			sent_frames_are_counted_by_segments_and_direction),
		cmocka_unit_test(
			segments_without_known_headers_count_the_bytes_of_one),
		cmocka_unit_test(switching_under_running_frames_never_mixes),
		cmocka_unit_test(kernel_and_user_space_agree_on_every_frame),
		cmocka_unit_test(sent_frames_are_decoded_and_found_alike),
	};

	if (sched_getaffinity(0, sizeof(all_cpus), &all_cpus) || say_hello())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
