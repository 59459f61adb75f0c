/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_contest: the same frames through the kernel and through user space.
 *
 * Frames come from tools/gen/grammar.h by number, so a failure names one that
 * can be made again. For received frames everything is compared: the decoded
 * packet after each frame, both rings and all counters each DRAIN_EACH frames,
 * flow lines and hit counters at the end. PK_FRAMES says how many frames.
 */
#ifndef PK_TESTS_BPF_CONTEST_H
#define PK_TESTS_BPF_CONTEST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bpf_rig.h"
#include "tests/bpf_twin.h"
#include "tools/gen/grammar.h"
#include "tools/gen/grammar_dns.h"
#include "tools/gen/splitmix.h"

enum {
	RANDOM_INDICATORS = 100000,
	DRAIN_EACH = 1024,
	ETH_MIN = 14, /* the kernel tries no shorter frame */
};

/* Packets and bytes in = out + lost + resident. */
static inline void check_flow_sums(const struct rig *r)
{
	const struct pk_plane_counters *c = r->count;
	uint64_t packets = c->flow_out_packets + c->flow_lost_packets;
	uint64_t bytes = c->flow_out_bytes + c->flow_lost_bytes;

	for (int i = 0; i < PK_FLOW_LINES; i++) {
		packets += r->lines[i].packets;
		bytes += r->lines[i].packets ? r->lines[i].bytes : 0;
	}
	assert_true(c->flow_packets == packets);
	assert_true(c->flow_bytes == bytes);
	assert_true(c->flow_lines == c->flow_out_lines + c->flow_lost_lines);
}

struct contest {
	struct rig *r;
	struct model *m;
	uint64_t frames, random, now_ns;
	uint64_t runts, cut; /* not tried; head shorter than the frame */
	int cuts;	     /* this kernel can cut */
	uint64_t met[PK_PARSE_COUNT];
	uint8_t frame[PK_GRAMMAR_FRAME_MAX];
};

static inline uint64_t frames_wanted(void)
{
	const char *text = getenv("PK_FRAMES");
	uint64_t n = text ? strtoull(text, NULL, 10) : 1000000;

	return n ? n : 1;
}

/* Host @n as an indicator of its own, of its port, or of what is around it. */
static inline struct pk_indicator about_host(uint32_t n, bool six)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	ind.type = six ? PK_INDICATOR_IPV6 : PK_INDICATOR_IPV4;
	pk_grammar_host(RIG_SEED, n, six, ind.addr.b);
	return ind;
}

static inline struct pk_indicator port_of_host(uint32_t n, bool six)
{
	static const uint16_t ports[] = { 80, 443, 22, 53 };
	struct pk_indicator ind = about_host(n, six);

	ind.type = PK_INDICATOR_IP_PORT;
	ind.port = ports[n / 3 % 4];
	return ind;
}

static inline struct pk_indicator net_of_host(uint32_t n, bool six)
{
	static const uint8_t four[] = { 24, 31, 9, 20, 16, 28, 12, 7 };
	static const uint8_t sixes[] = { 64, 32, 48, 127, 12, 96, 50, 20 };
	struct pk_indicator ind = about_host(n, six);

	ind.bits = six ? sixes[n / 5 % 8] : four[n / 5 % 8];
	ind.type = six ? PK_INDICATOR_IPV6_NET : PK_INDICATOR_IPV4_NET;
	for (unsigned i = ind.bits + (six ? 0U : 96U); i < 128; i++)
		ind.addr.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return ind;
}

/* List the host or not, and some of its ports and surroundings. */
static inline void list_host(struct rig *r, uint32_t n, bool six)
{
	struct pk_indicator ind = about_host(n, six);

	if (n % 4 == 0)
		rig_add(r, &ind);
	ind = port_of_host(n, six);
	if (n % 3 == 0)
		rig_add(r, &ind);
	ind = net_of_host(n, six);
	if (n % 20 == 0 || (n > 3500 && n % 5 == 0))
		rig_add(r, &ind);
}

/* Name @n as an indicator of one of the three kinds. */
static inline struct pk_indicator about_name(uint32_t n, uint8_t match)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	ind.type = PK_INDICATOR_DOMAIN;
	ind.match = match;
	ind.value_len = (uint16_t)pk_grammar_name(RIG_SEED, n, ind.value);
	return ind;
}

/* Some names, most of them with what is below them. */
static inline void list_names(struct rig *r)
{
	for (uint32_t n = 0; n < PK_GRAMMAR_NAMES; n++) {
		struct pk_indicator ind = about_name(n, PK_MATCH_SUBDOMAINS);

		if (n % 4 == 0)
			rig_add(r, &ind);
		ind.match = PK_MATCH_EXACT;
		if (n % 6 == 1)
			rig_add(r, &ind);
		ind.match = PK_MATCH_ONE_LABEL;
		if (n % 9 == 2)
			rig_add(r, &ind);
	}
}

static inline void change_names(struct rig *r)
{
	for (uint32_t n = 0; n < 800; n++) {
		struct pk_indicator ind = about_name(n, PK_MATCH_SUBDOMAINS);

		if (n % 8 == 0)
			pk_store_del(r->store, &ind, PK_ALL_FEEDS);
		else if (n % 8 == 1)
			rig_add(r, &ind);
		ind.match = PK_MATCH_EXACT;
		if (n % 12 == 1)
			pk_store_del(r->store, &ind, PK_ALL_FEEDS);
		else if (n % 12 == 3)
			rig_add(r, &ind);
	}
}

/* Some hosts of the grammar, and many that nobody meets. */
static inline void list_hosts(struct rig *r)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	uint64_t random = 9;
	uint8_t a[16];

	for (uint32_t n = 0; n < PK_GRAMMAR_HOSTS; n++) {
		list_host(r, n, false);
		list_host(r, n, true);
	}
	for (uint32_t i = 0; i < RANDOM_INDICATORS; i++) {
		uint64_t q[2] = { pk_splitmix_next(&random),
				  pk_splitmix_next(&random) };

		memcpy(a, q, 16);
		if (i & 1)
			memcpy(a, mapped, 12);
		rig_list(r, a);
	}
}

/* A delta that takes some back and adds others, of every kind. */
static inline void change_host(struct rig *r, uint32_t n, bool six)
{
	struct pk_indicator ind = about_host(n, six);

	if (n % 8 == 0)
		pk_store_del(r->store, &ind, PK_ALL_FEEDS);
	else if (n % 8 == 1)
		rig_add(r, &ind);
	ind = port_of_host(n, six);
	if (n % 9 == 0)
		pk_store_del(r->store, &ind, PK_ALL_FEEDS);
	else if (n % 9 == 1)
		rig_add(r, &ind);
	ind = net_of_host(n, six);
	if (n % 40 == 0)
		pk_store_del(r->store, &ind, PK_ALL_FEEDS);
	else if (n % 40 == 1)
		rig_add(r, &ind);
}

static inline void change_hosts(struct rig *r)
{
	struct pk_block delta = { 0 };

	for (uint32_t n = 0; n < 800; n++) {
		change_host(r, n, false);
		change_host(r, n, true);
	}
	change_names(r);
	assert_int_equal(pk_builder_delta(r->store, &delta), 0);
	assert_true(delta.head->remap_buckets > 0 && delta.head->net4_root &&
		    delta.head->net6_root);
	assert_int_equal(pk_images_publish_delta(r->images, &delta), 0);
	pk_block_free(&delta);
}

static inline void show_frame(const struct contest *c,
			      const struct model_frame *f)
{
	print_error("frame %llu of seed %d, %u bytes, %u in one piece:\n",
		    (unsigned long long)f->number, RIG_SEED, f->len,
		    f->readable);
	for (uint32_t i = 0; i < f->len; i++)
		print_error("%02x", c->frame[i]);
	print_error("\n");
}

static inline void compare_frame(struct contest *c, const struct model_frame *f)
{
	struct pk_packet kernel = rig_packet(c->r);
	const struct pk_plane_counters *k = c->r->count, *u = &c->m->count;

	if (!memcmp(&kernel, &f->decode.packet, sizeof(kernel)) &&
	    k->hit_packets_src == u->hit_packets_src &&
	    k->hit_packets_dst == u->hit_packets_dst &&
	    k->hit_packets_outer == u->hit_packets_outer &&
	    k->dns_listed == u->dns_listed && k->dns_deep == u->dns_deep)
		return;
	show_frame(c, f);
	assert_memory_equal(&kernel, &f->decode.packet, sizeof(kernel));
	fail_msg("the kernel found other indicators");
}

static inline void compare_events(const struct rig_events *kernel,
				  const struct rig_events *user,
				  const char *what)
{
	if (kernel->len != user->len ||
	    (user->len && memcmp(kernel->data, user->data, user->len) != 0))
		fail_msg(
			"%s: %u in the kernel, %u in user space, or another content",
			what, kernel->count, user->count);
}

static inline void compare_rings(struct contest *c)
{
	rig_drain(c->r);
	compare_events(&c->r->alerts, &c->m->alerts, "hits");
	compare_events(&c->r->events, &c->m->events, "flows and samples");
	assert_memory_equal(c->r->count, &c->m->count, sizeof(c->m->count));
	rig_forget(&c->r->alerts);
	rig_forget(&c->r->events);
	rig_forget(&c->m->alerts);
	rig_forget(&c->m->events);
}

/* Sometimes the frame comes in pieces and its head ends early. */
static inline uint32_t choose_head(struct contest *c, uint32_t len)
{
	uint64_t roll = pk_splitmix_next(&c->random);

	if (!c->cuts || roll % 8 || len <= ETH_MIN)
		return len;
	c->cut++;
	return ETH_MIN + (uint32_t)((roll >> 32) % (len - ETH_MIN));
}

/* Mostly forward, sometimes a tick back. */
static inline uint64_t next_time(struct contest *c)
{
	uint64_t roll = pk_splitmix_next(&c->random);

	c->now_ns += (roll >> 32) % 200000;
	return roll % 5000 ? c->now_ns : c->now_ns - (1ULL << PK_TICK_SHIFT);
}

static inline void try_frame(struct contest *c, uint64_t i)
{
	struct model_frame f = { .data = c->frame, .number = i };

	f.len = pk_grammar_frame(RIG_SEED, i, c->frame);
	if (f.len < ETH_MIN) {
		pk_parse(c->frame, c->frame + f.len, f.len, &f.decode);
		c->met[f.decode.packet.reason]++;
		c->runts++;
		return;
	}
	f.readable = choose_head(c, f.len);
	f.time_ns = next_time(c);
	rig_stamp(c->r, f.time_ns, i);
	assert_int_equal(
		rig_try(c->r, c->r->progs.xdp_fd, c->frame, f.len, f.readable),
		XDP_PASS);
	model_run(c->m, &f);
	c->met[f.decode.packet.reason]++;
	compare_frame(c, &f);
}

static inline int kernel_cuts(struct rig *r)
{
	uint8_t frame[200] = { 0 };

	rig_stamp(r, 0, 0);
	return rig_try(r, r->progs.xdp_fd, frame, sizeof(frame), 100) ==
	       XDP_PASS;
}

static inline void print_reasons(const struct contest *c)
{
	static const char *const names[] = {
#define REASON_NAME(name, text) #name,
		PK_PARSE_REASONS(REASON_NAME)
	};
	uint64_t least = c->frames / 2500; /* some heads are cut before */

	for (int i = 0; i < PK_PARSE_COUNT; i++)
		print_message("# %-12s %8llu\n", names[i],
			      (unsigned long long)c->met[i]);
	print_message(
		"# %llu frames; %llu under %d bytes only in user space; %llu in pieces%s\n",
		(unsigned long long)c->frames, (unsigned long long)c->runts,
		ETH_MIN, (unsigned long long)c->cut,
		c->cuts ? "" : " (this kernel's test runs cannot)");
	for (int i = 0; i < PK_PARSE_COUNT; i++)
		if (c->met[i] < least)
			fail_msg("%s: met only %llu times", names[i],
				 (unsigned long long)c->met[i]);
}

/* Questions end in every way, and many are listed. */
static inline void check_dns(const struct contest *c)
{
	const struct pk_plane_counters *n = c->r->count;
	uint64_t least = c->frames / 5000;

#define CHECK_DNS(name, counter, text)                 \
	print_message("# %-16s %8llu\n", #counter,     \
		      (unsigned long long)n->counter); \
	assert_true(n->counter >= least ||             \
		    (int)PK_DNS_##name == PK_DNS_UNREADABLE);
	PK_DNS_REASONS(CHECK_DNS)
#undef CHECK_DNS
	print_message("# %-16s %8llu\n", "dns_listed",
		      (unsigned long long)n->dns_listed);
	assert_true(n->dns_listed >= 5 * least && n->dns_unreadable == 0);
}

static inline void begin_contest(struct contest *c)
{
	struct rig *probe = rig_new(0, NULL, NULL);

	memset(c, 0, sizeof(*c));
	c->cuts = kernel_cuts(probe);
	rig_free(probe);
	c->r = rig_new(0, NULL, NULL);
	c->m = calloc(1, sizeof(*c->m));
	assert_non_null(c->m);
	c->m->images = c->r->images;
	c->frames = frames_wanted();
	c->now_ns = 100ULL << PK_TICK_SHIFT;
	list_hosts(c->r);
	list_names(c->r);
	rig_publish(c->r);
	change_hosts(c->r);
}

static inline void kernel_and_user_space_agree_on_every_frame(void **state)
{
	static struct contest c;

	(void)state;
	begin_contest(&c);
	for (uint64_t i = 0; i < c.frames; i++) {
		try_frame(&c, i);
		if (i % DRAIN_EACH == 0)
			compare_rings(&c);
		if (i % 20000 == 19999) {
			rig_sweep(c.r, c.now_ns);
			model_sweep(c.m, c.now_ns);
		}
	}
	compare_rings(&c);
	assert_memory_equal(c.r->lines, c.m->line, sizeof(c.m->line));
	assert_memory_equal(c.r->hits, c.m->hits, sizeof(c.m->hits));
	assert_true(c.r->count->hit_packets_src > c.frames / 10);
	assert_true(c.r->count->hit_packets_dst > c.frames / 10);
	assert_true(c.r->count->hit_packets_outer > c.frames / 20);
	check_dns(&c);
	check_flow_sums(c.r);
	print_reasons(&c);
	model_free(c.m);
	rig_free(c.r);
}

/* Some kernels try no frame that ends inside its IP header. */
static inline int send_frame(struct contest *c, const struct model_frame *f)
{
	int err;

	if (f->len <= ETH_MIN)
		return -EINVAL;
	err = rig_try_send(c->r, c->frame, f->len, 1);
	if (err && (err != -EINVAL || f->len >= ETH_MIN + 40))
		fail_msg("%u bytes: %s", f->len, strerror(-err));
	return err;
}

/* The tc program reads the clock itself: lines and rings are not compared. */
static inline void sent_frames_are_decoded_and_found_alike(void **state)
{
	static struct contest c;
	struct model_frame f = { .data = c.frame };

	(void)state;
	begin_contest(&c);
	for (uint64_t i = 0; i < c.frames / 8; i++) {
		f.number = i;
		f.len = pk_grammar_frame(RIG_SEED + 1, i, c.frame);
		f.readable = f.len;
		if (send_frame(&c, &f)) {
			c.runts++;
			continue;
		}
		model_run(c.m, &f);
		if (f.decode.packet.layers & PK_HAS_IP)
			f.decode.packet.key.direction = PK_OUT;
		compare_frame(&c, &f);
		if (i % DRAIN_EACH == 0) {
			rig_drain(c.r);
			rig_forget(&c.r->alerts);
			rig_forget(&c.r->events);
		}
	}
	print_message("# %llu frames, %llu too short for this kernel\n",
		      (unsigned long long)c.frames / 8,
		      (unsigned long long)c.runts);
	assert_true(c.runts < c.frames / 80);
	assert_memory_equal(c.r->hits, c.m->hits, sizeof(c.m->hits));
	assert_memory_equal(c.r->count->reason, c.m->count.reason,
			    sizeof(c.m->count.reason));
	check_flow_sums(c.r);
	model_free(c.m);
	rig_free(c.r);
}

#endif /* PK_TESTS_BPF_CONTEST_H */
