/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real frames through the kernel's decoder and through user space's: every
 * frame of the capture files named, every shorter head of it (row D32), and
 * mutations of them (rows D33, X40). The whole struct pk_decode is compared,
 * as far as the contract says it is valid. Needs what tests/bpf_picket needs.
 *
 *	bpf_captures FILE...
 *
 * PK_MUTATIONS: how many mutated frames (default 10,000,000).
 * PK_EVERY: not 0: heads of every length, beyond the first 256 bytes, too.
 * PK_SEED: of the mutations (default 1).
 */
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/file/capture.h"
#include "tests/bpf_rig.h"
#include "tests/decode_rig.h"
#include "tools/gen/splitmix.h"

enum {
	ETH_MIN = 14, /* the kernel tries no shorter frame */
	HEAD = 160,   /* mutations are at home here */
	STATE_MAX = 16384,
};

struct frame {
	uint8_t *data;
	uint32_t len;
	uint32_t file;
	uint64_t number;
};

/* All frames; those of file i begin at first[i]; one of each shape. */
struct pool {
	struct frame *frame;
	size_t count, room;
	size_t *first;
	size_t *shape, shapes;
};

static const char *const reason_names[] = {
#define REASON_NAME(name, text) #name,
	PK_PARSE_REASONS(REASON_NAME)
};
static struct pool pool;
static char **files;
static uint32_t file_count;
static uint8_t bytes[RIG_FRAME_MAX];

static uint64_t wanted(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* --- frames ---------------------------------------------------------------- */

static void keep(const struct pk_frame *f, uint32_t file)
{
	uint32_t len = f->len < RIG_FRAME_MAX ? f->len : RIG_FRAME_MAX;
	struct frame *at;

	if (pool.count == pool.room) {
		pool.room = pool.room ? pool.room * 2 : 1024;
		pool.frame =
			realloc(pool.frame, pool.room * sizeof(*pool.frame));
		assert_non_null(pool.frame);
	}
	at = &pool.frame[pool.count++];
	at->data = decode_copy(f->data, len);
	at->len = len;
	at->file = file;
	at->number = f->number;
}

static void read_file(uint32_t i)
{
	struct pk_capture *c;
	struct pk_frame f;

	if (pk_capture_open(&c, files[i], NULL, 0))
		return; /* captures.py knows which may be refused */
	while (pk_capture_next(c, &f) == 1)
		if (f.link == PK_LINK_OK)
			keep(&f, i);
	pk_capture_close(c);
}

static void find_shapes(void)
{
	struct decode_totals t = { 0 };
	struct pk_decode d;

	pool.shape = calloc(pool.count, sizeof(*pool.shape));
	assert_non_null(pool.shape);
	for (size_t i = 0; i < pool.count; i++) {
		const struct frame *f = &pool.frame[i];

		pk_parse(f->data, f->data + f->len, f->len, &d);
		if (!decode_met(&t, decode_shape(&d)))
			pool.shape[pool.shapes++] = i;
	}
	free(t.seen);
}

static void read_files(void)
{
	pool.first = calloc(file_count + 1, sizeof(*pool.first));
	assert_non_null(pool.first);
	for (uint32_t i = 0; i < file_count; i++) {
		read_file(i);
		pool.first[i + 1] = pool.count;
	}
	assert_true(pool.count > 0);
	find_shapes();
}

/*
 * A frame of any shape, or one of a file: so neither the usual ones nor a long
 * file count for more.
 */
static const struct frame *draw(uint64_t *random)
{
	for (;;) {
		uint64_t roll = pk_splitmix_next(random);
		uint32_t i = (uint32_t)(roll % file_count);
		size_t n = pool.first[i + 1] - pool.first[i];

		if (roll >> 63)
			return &pool.frame[pool.shape[roll % pool.shapes]];
		if (n)
			return &pool.frame[pool.first[i] + (roll >> 32) % n];
	}
}

/* --- one frame, twice ------------------------------------------------------- */

struct contest {
	struct rig *r;
	uint32_t state; /* bytes of struct pk_cpu_state */
	bool cuts;	/* this kernel's test runs can end the head early */
	uint64_t runs;
};

static void contest_begin(struct contest *c)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	uint8_t zero[200] = { 0 };

	memset(c, 0, sizeof(*c));
	c->r = rig_new(0, NULL, NULL);
	assert_int_equal(
		bpf_obj_get_info_by_fd(pk_xdp_fd(c->r->xdp, PK_XDP_MAP_cpus),
				       &info, &size),
		0);
	c->state = info.value_size;
	assert_true(c->state <= STATE_MAX);
	rig_stamp(c->r, 0, 0);
	c->cuts = rig_try(c->r, c->r->progs.xdp_fd, zero, sizeof(zero), 100) ==
		  XDP_PASS;
}

/* What the kernel decoded last; clock_ns stands before it. */
static void kernel_decode(const struct contest *c, struct pk_decode *d)
{
	uint8_t state[STATE_MAX];

	if (bpf_map_lookup_elem(pk_xdp_fd(c->r->xdp, PK_XDP_MAP_cpus),
				&c->r->cpu, state))
		fail_msg("cpus map: %s", strerror(errno));
	memcpy(d, state + 8, sizeof(*d));
}

/* The fields that are the caller's, and whatever is not valid, are no result. */
static void normalise(struct pk_decode *d)
{
	d->packet.key.direction = 0;
	d->packet.key.port = 0;
	for (int i = 0; i < PK_OUTERS; i++) {
		if (i >= d->packet.depth)
			memset(&d->outer[i], 0, sizeof(d->outer[i]));
		d->outer[i].direction = 0;
		d->outer[i].port = 0;
	}
}

static void disagree(const struct frame *f, uint32_t len, uint32_t head,
		     const struct pk_decode *k, const struct pk_decode *u)
{
	print_error("%s: packet %llu, %u bytes, %u in one piece: in the kernel "
		    "reason %u layers %u depth %u proto %u at %u, in user "
		    "space %u %u %u %u at %u\n",
		    files[f->file], (unsigned long long)f->number, len, head,
		    k->packet.reason, k->packet.layers, k->packet.depth,
		    k->packet.key.proto, k->packet.l4_off, u->packet.reason,
		    u->packet.layers, u->packet.depth, u->packet.key.proto,
		    u->packet.l4_off);
	for (uint32_t i = 0; i < len; i++)
		print_error("%02x", bytes[i]);
	print_error("\n");
	assert_memory_equal(&k->packet, &u->packet, sizeof(k->packet));
	assert_memory_equal(k->outer, u->outer, sizeof(k->outer));
	fail_msg("the decoders disagree");
}

/* The first @len of `bytes`, of which @head are in one piece. */
static void try_bytes(struct contest *c, const struct frame *f, uint32_t len,
		      uint32_t head)
{
	struct pk_decode k, u;
	const char *broken;

	pk_parse(bytes, bytes + head, len, &u);
	broken = decode_broken(&u, len);
	if (broken)
		fail_msg("%s: packet %llu: %s", files[f->file],
			 (unsigned long long)f->number, broken);
	if (head < ETH_MIN)
		return;
	rig_stamp(c->r, 1ULL << PK_TICK_SHIFT, 0);
	assert_int_equal(rig_try(c->r, c->r->progs.xdp_fd, bytes, len, head),
			 XDP_PASS);
	kernel_decode(c, &k);
	normalise(&k);
	normalise(&u);
	c->runs++;
	if (memcmp(&k.packet, &u.packet, sizeof(k.packet)) != 0 ||
	    memcmp(k.outer, u.outer, sizeof(k.outer)) != 0)
		disagree(f, len, head, &k, &u);
}

/* --- tests -------------------------------------------------------------------- */

static void every_frame_and_each_head_of_it_is_decoded_alike(void **state)
{
	bool every = wanted("PK_EVERY", 0) != 0;
	struct contest c;

	(void)state;
	contest_begin(&c);
	for (size_t i = 0; i < pool.count; i++) {
		const struct frame *f = &pool.frame[i];

		memcpy(bytes, f->data, f->len);
		try_bytes(&c, f, f->len, f->len);
		for (uint32_t n = 0; n < f->len; n++) {
			if (!every && !decode_dense(n))
				continue;
			try_bytes(&c, f, n, n);
			if (c.cuts && n >= ETH_MIN && i % 16 == 0)
				try_bytes(&c, f, f->len, n);
		}
	}
	print_message("# %zu frames of %u captures, %llu runs in the kernel: "
		      "heads of every length up to %d, then of every %s%s\n",
		      pool.count, file_count, (unsigned long long)c.runs,
		      DECODE_DENSE, every ? "one" : "16th",
		      c.cuts ? "" : "; this kernel's test runs cannot cut");
	rig_free(c.r);
}

/* A place where headers are, mostly. */
static uint32_t place(uint64_t *random, uint32_t len)
{
	uint64_t roll = pk_splitmix_next(random);
	uint32_t end = roll % 16 && len > HEAD ? HEAD : len;

	return (uint32_t)((roll >> 32) % end);
}

/* Bytes of another frame over or into this one. */
static uint32_t splice(uint64_t *random, uint32_t len)
{
	const struct frame *from = draw(random);
	uint32_t to = place(random, len), at, n;

	if (!from->len)
		return len;
	at = place(random, from->len);
	n = from->len - at < RIG_FRAME_MAX - to ? from->len - at
						: RIG_FRAME_MAX - to;
	if (n > 1500)
		n = 1500;
	memcpy(bytes + to, from->data + at, n);
	return to + n;
}

/* A run of bytes again and again behind itself: headers nest. */
static uint32_t repeat(uint64_t *random, uint32_t len)
{
	uint64_t roll = pk_splitmix_next(random);
	uint32_t at = place(random, len), n = 4 + 2 * (uint32_t)(roll % 24);

	for (uint64_t times = 1 + (roll >> 32) % 8; times; times--) {
		if (at + n > len || len + n > RIG_FRAME_MAX)
			break;
		memmove(bytes + at + n, bytes + at, len - at);
		len += n;
	}
	return len;
}

static uint32_t mutate_once(uint64_t *random, uint32_t len)
{
	static const uint8_t values[] = { 0,	1,   4,	   5,	 6,    8,
					  17,	41,  44,   47,	 0x45, 0x60,
					  0x81, 127, 0x80, 0x88, 254,  255 };
	uint64_t roll = pk_splitmix_next(random);
	uint32_t at = place(random, len);

	switch (roll % 9) {
	case 0:
	case 1:
		bytes[at] ^= (uint8_t)(1 << (roll >> 8) % 8);
		break;
	case 2:
	case 3:
		bytes[at] = values[(roll >> 8) % sizeof(values)];
		break;
	case 4:
		bytes[at] = (uint8_t)(roll >> 8);
		break;
	case 5: /* shift what follows: a header is longer or shorter */
		if (at + 4 < len)
			memmove(bytes + at, bytes + at + 1 + (roll >> 8) % 3,
				len - at - 4);
		break;
	case 6:
		return splice(random, len);
	case 7:
		return repeat(random, len);
	default:
		return at + 1; /* cut */
	}
	return len;
}

static void mutated_frames_are_decoded_alike(void **state)
{
	uint64_t count = wanted("PK_MUTATIONS", 10000000), tried = 0;
	uint64_t random = wanted("PK_SEED", 1), met[PK_PARSE_COUNT] = { 0 };
	struct contest c;
	struct pk_decode d;

	(void)state;
	contest_begin(&c);
	for (; tried < count; tried++) {
		const struct frame *f = draw(&random);
		uint32_t len = f->len;

		memcpy(bytes, f->data, len);
		for (uint64_t n = 1 + pk_splitmix_next(&random) % 4; n && len;
		     n--)
			len = mutate_once(&random, len);
		try_bytes(&c, f, len, len);
		met[pk_parse(bytes, bytes + len, len, &d)]++;
	}
	print_message(
		"# %llu mutations of seed %llu, %llu runs in the kernel\n",
		(unsigned long long)count,
		(unsigned long long)wanted("PK_SEED", 1),
		(unsigned long long)c.runs);
	for (int i = 0; i < PK_PARSE_COUNT; i++)
		print_message("# %-16s %8llu\n", reason_names[i],
			      (unsigned long long)met[i]);
	rig_free(c.r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_frame_and_each_head_of_it_is_decoded_alike),
		cmocka_unit_test(mutated_frames_are_decoded_alike),
	};

	if (argc < 2) {
		fprintf(stderr, "usage: bpf_captures FILE...\n");
		return 2;
	}
	files = argv + 1;
	file_count = (uint32_t)argc - 1;
	read_files();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
