/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reassembly_rig: a reassembly with four listed indicators, the hits that come
 * out of it, and questions in fragments. Include cmocka.h first.
 */
#ifndef PK_TESTS_REASSEMBLY_RIG_H
#define PK_TESTS_REASSEMBLY_RIG_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow.h"
#include "bpf/parse.h"
#include "dataplane/inspect/reassembly.h"
#include "ioc/image/builder.h"
#include "ioc/image/images.h"
#include "ioc/indicator.h"
#include "ioc/store/store.h"
#include "tests/fragments_rig.h"

enum { HITS = 4096 };

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

static inline void keep(void *arg, const struct pk_hit *h)
{
	struct rig *r = arg;

	assert_true(r->hits < HITS);
	r->hit[r->hits++] = *h;
}

static inline void publish(struct rig *r)
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

static inline struct rig *open_rig(int in_order)
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

static inline void close_rig(struct rig *r)
{
	pk_reassembly_drain(r->r);
	assert_int_equal(r->count.frag_resident, 0);
	assert_int_equal(r->count.frag_in, RIG_ENDS(&r->count));
	pk_reassembly_free(r->r);
	pk_images_free(r->images);
	free(r);
}

/* --- frames ------------------------------------------------------------------- */

static inline void send_frame(struct rig *r, const uint8_t *frame, uint32_t len)
{
	union rig_sample s;

	r->now_ns += 1000;
	r->frames++;
	assert_true(rig_sample(&s.e, frame, len));
	s.e.time_ns = r->now_ns;
	s.e.frame = r->frames;
	pk_reassembly_sample(r->r, &s.e);
}

static inline void send(struct rig *r, struct shape s)
{
	uint8_t frame[RIG_FRAME];

	send_frame(r, frame, rig_build(&s, frame));
}

/* A question for @name in a UDP datagram of @len bytes. */
static inline void put_question(uint8_t *udp, const char *name, uint32_t len)
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

static inline struct shape part(const uint8_t *payload, uint32_t from,
				uint32_t to, int more)
{
	return (struct shape){ .src = 1,
			       .id = 77,
			       .offset = from,
			       .len = to - from,
			       .more = (uint8_t)more,
			       .data = payload + from };
}

static inline struct shape six(struct shape s)
{
	s.ip6 = 1;
	return s;
}

#endif /* PK_TESTS_REASSEMBLY_RIG_H */
