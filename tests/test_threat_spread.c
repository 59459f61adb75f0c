/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * However a plane spreads packets over its workers, the threats are the same.
 *
 * A model of planes with any number of workers: packets of listed addresses,
 * hits as each worker's own flow lines report them, flows as the stage behind
 * the workers exports them. Only the hits depend on the spread.
 */
#include "control/pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/encode.h"

#define SEC   1000000000ULL
#define START (1486834647 * SEC)

enum { PACKETS = 3000, KEYS = 12, RECORDS = 3 * PACKETS, OTHER = 200 };

struct packet {
	uint64_t ns;
	uint32_t key;
};

struct told {
	char *json;
	size_t len, room;
};

static void listen(void *arg, const struct pk_threat *threat)
{
	struct told *t = arg;
	char json[PK_ENCODE_MAX];
	int len = pk_encode_threat(threat, json, sizeof(json));

	assert_true(len > 0);
	if (t->len + (size_t)len + 2 > t->room) {
		t->room = (t->room + (size_t)len + 2) * 2;
		t->json = realloc(t->json, t->room);
		assert_non_null(t->json);
	}
	t->len += (size_t)sprintf(t->json + t->len, "%s\n", json);
}

static union pk_addr addr(uint32_t n)
{
	union pk_addr a = { .b = { [10] = 0xff, [11] = 0xff, [12] = 10 } };

	a.b[15] = (uint8_t)n;
	return a;
}

static struct pk_hit make_hit(uint64_t ns, uint32_t src)
{
	struct pk_hit h = { .head = { .type = PK_RECORD_HIT,
				      .len = pk_hit_len(0),
				      .plane = PK_PLANE_DPDK,
				      .sampling = 1,
				      .seen_ns = ns },
			    .slot = 1,
			    .role = PK_ROLE_SOURCE };

	h.packet.key.src = addr(src);
	h.packet.key.dst = addr(OTHER);
	h.packet.key.proto = 6;
	h.packet.ttl = 61;
	return h;
}

static int by_time(const void *a, const void *b)
{
	const struct pk_record *const *x = a, *const *y = b;

	if ((*x)->seen_ns != (*y)->seen_ns)
		return (*x)->seen_ns < (*y)->seen_ns ? -1 : 1;
	if ((*x)->type != (*y)->type)
		return (*x)->type == PK_RECORD_FLOW ? -1 : 1;
	return (*x)->seq < (*y)->seq ? -1 : 1;
}

static struct pk_record *copy_of(const void *record, size_t len)
{
	void *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, record, len);
	return copy;
}

static uint32_t model_hits(const struct packet *p, int workers,
			   struct pk_record **out)
{
	static uint64_t line[8][KEYS];
	uint32_t n = 0;

	memset(line, 0, sizeof(line));
	for (uint32_t i = 0; i < PACKETS; i++) {
		int w = (int)(random() % workers);
		uint64_t idle = p[i].ns - line[w][p[i].key];
		struct pk_hit h = make_hit(p[i].ns, p[i].key / 2);

		line[w][p[i].key] = p[i].ns;
		/* also: a line that had to go reports again */
		if (idle < 15 * SEC && random() % 10)
			continue;
		h.packet.key.sport = (uint16_t)p[i].key;
		h.head.frame = h.head.seq = i + 1;
		out[n++] = copy_of(&h, pk_hit_len(0));
	}
	return n;
}

static void export_flow(struct pk_flow *f, uint32_t key, uint64_t ns,
			struct pk_record **out)
{
	f->head.type = PK_RECORD_FLOW;
	f->head.len = sizeof(*f);
	f->head.sampling = 1;
	f->head.seen_ns = ns;
	f->head.seq = key;
	f->head.plane = PK_PLANE_DPDK;
	f->key.src = addr(key / 2);
	f->key.dst = addr(OTHER);
	f->key.sport = (uint16_t)key;
	*out = copy_of(f, sizeof(*f));
	memset(f, 0, sizeof(*f));
}

static uint32_t model_flows(const struct packet *p, struct pk_record **out)
{
	struct pk_flow open[KEYS] = { 0 };
	uint64_t end = p[PACKETS - 1].ns + 30 * SEC;
	uint32_t n = 0, i = 0;

	for (uint64_t tick = p[0].ns >> 30; tick << 30 < end; tick++) {
		uint64_t now = (tick + 1) << 30;

		for (; i < PACKETS && p[i].ns < now; i++) {
			struct pk_flow *f = &open[p[i].key];

			if (!f->listed[0]++)
				f->start_ns = p[i].ns;
			f->end_ns = p[i].ns;
		}
		for (uint32_t k = 0; k < KEYS; k++)
			if (open[k].listed[0] &&
			    (now - open[k].end_ns >= 15 * SEC ||
			     now - open[k].start_ns >= 60 * SEC))
				export_flow(&open[k], k, now, &out[n++]);
	}
	return n;
}

static char *replay(const struct packet *p, int workers, uint32_t *hits)
{
	static struct pk_record *all[RECORDS];
	struct told told = { 0 };
	struct pk_pipeline_conf conf = {
		.threats = { .sensor = "s1",
			     .sink = listen,
			     .sink_arg = &told },
	};
	struct pk_pipeline *pipeline = NULL;
	uint32_t n;

	assert_int_equal(pk_pipeline_new(&pipeline, &conf), 0);
	*hits = model_hits(p, workers, all);
	n = *hits + model_flows(p, all + *hits);
	qsort(all, n, sizeof(*all), by_time);
	for (uint32_t i = 0; i < n; i++) {
		pk_pipeline_record(pipeline, all[i]);
		free(all[i]);
	}
	pk_pipeline_finish(pipeline);
	pk_pipeline_free(pipeline);
	return told.json;
}

static void any_spread_over_workers_gives_the_same_bytes(void **state)
{
	static struct packet p[PACKETS];

	(void)state;
	srandom(3);
	for (int round = 0; round < 12; round++) {
		uint64_t ns = START;
		uint32_t hits[4];
		char *one, *many;

		for (int i = 0; i < PACKETS; i++) {
			/* bursts, and pauses around the quiet time */
			ns += random() % 30 ? (uint64_t)random() % (2 * SEC)
					    : (uint64_t)random() % (700 * SEC);
			p[i] = (struct packet){ ns, (uint32_t)random() % KEYS };
		}
		one = replay(p, 1, &hits[0]);
		for (int w = 1; w < 4; w++) {
			many = replay(p, 1 << w, &hits[w]);
			assert_string_equal(one, many);
			free(many);
		}
		assert_true(hits[3] > hits[0]);
		free(one);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_spread_over_workers_gives_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
