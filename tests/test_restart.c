/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run that was ended and goes on against one without an end: from a
 * checkpoint it tells the same, byte for byte; from one and the messages told
 * since, no threat is lost and none opens twice. And no bytes do harm.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/encode.h"
#include "control/pipeline.h"

#define SEC   1000000000ULL
#define START (1486834647 * SEC)

enum { RECORDS = 6000, HOSTS = 12, NAMES = 5, TOLD_MAX = 40000 };

struct run {
	struct pk_pipeline *p;
	struct pk_pipeline_conf conf;
	uint64_t first; /* the number before its first message */
	uint32_t slots; /* added to the slots of names */
	char **told;	/* messages, as they were encoded */
	size_t count;
};

static union pk_addr addr(uint32_t n)
{
	union pk_addr a = { .b = { [10] = 0xff, [11] = 0xff, [12] = 10 } };

	a.b[15] = (uint8_t)n;
	return a;
}

static int describe(void *arg, const struct pk_threat_seen *seen,
		    struct pk_threat_indicator *out)
{
	(void)arg;
	if (!seen->name) /* as it was seen */
		return -ENOENT;
	snprintf(out->type, sizeof(out->type), "domain-name");
	snprintf(out->value, sizeof(out->value), "*.listed-%u.example",
		 seen->slot % 1000);
	snprintf(out->feed[out->feeds++], sizeof(out->feed[0]), "one");
	snprintf(out->severity, sizeof(out->severity), "low");
	out->confidence = 55;
	return 0;
}

static void listen(void *arg, const struct pk_threat *t)
{
	char json[PK_ENCODE_MAX];
	struct run *r = arg;

	assert_in_range(r->count, 0, TOLD_MAX - 1);
	assert_true(pk_encode_threat(t, json, sizeof(json)) > 0);
	r->told[r->count++] = strdup(json);
}

static int match_any(const struct pk_flow *f)
{
	return f->key.proto == 6;
}

static const struct pk_detector detectors[] = {
	{ .name = "many",
	  .match = match_any,
	  .window = { 5 * SEC, 3 },
	  .mute_ns = 7 * SEC,
	  .hold_sec = 60,
	  .confidence = 70,
	  .severity = "medium" },
	{ .name = "first",
	  .match = match_any,
	  .window = { 3 * SEC, 0 },
	  .mute_ns = 2 * SEC,
	  .hold_sec = 60,
	  .confidence = 80,
	  .severity = "high" },
};

static struct run *run_new(uint64_t seq, uint32_t capacity)
{
	struct run *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->told = calloc(TOLD_MAX, sizeof(*r->told));
	r->conf = (struct pk_pipeline_conf){
		.threats = { .sensor = "s",
			     .epoch = 5,
			     .seq = seq,
			     .mute_ns = 3 * SEC,
			     .capacity = capacity,
			     .indicator = describe,
			     .sink = listen,
			     .sink_arg = r },
		.detectors = detectors,
		.detector_count = 2,
		.window_keys = capacity ? 10 : 40,
	};
	r->first = seq;
	assert_int_equal(pk_pipeline_new(&r->p, &r->conf), 0);
	return r;
}

static void run_free(struct run *r)
{
	pk_pipeline_free(r->p);
	for (size_t i = 0; i < r->count; i++)
		free(r->told[i]);
	free(r->told);
	free(r);
}

union record {
	struct pk_record head;
	struct pk_flow flow;
	struct pk_hit hit;
};

static void make_flow(union record *r, uint64_t ns, unsigned x)
{
	struct pk_flow *f = &r->flow;

	f->head.type = PK_RECORD_FLOW;
	f->head.len = sizeof(*f);
	f->start_ns = ns - x % 100 * 1000003;
	f->end_ns = ns;
	f->key.src = addr(x / 7 % HOSTS);
	f->key.dst = addr(100 + x / 3 % 7);
	f->key.dport = (uint16_t)(x % 50);
	f->key.proto = x % 3 ? 6 : 17;
	f->packets[0] = 1 + x % 9;
	f->bytes[0] = f->packets[0] * 60;
	f->listed[x % 2] = x % 5 ? 0 : f->packets[0];
}

static void make_hit(union record *r, unsigned x, uint32_t slots)
{
	static const uint8_t wire[] = "\1a\4test";
	struct pk_hit *h = &r->hit;

	h->head.type = PK_RECORD_HIT;
	h->packet.key.src = addr(x % HOSTS);
	h->packet.key.dst = addr(50 + x % 3);
	h->packet.key.proto = 17;
	h->packet.ttl = 64;
	h->slot = 1 + x % NAMES + slots;
	h->head.len = pk_hit_len(0);
	h->role = (uint8_t)(x / 11 % 3);
	if (h->role == PK_ROLE_DNS_QUESTION) {
		h->text_len = sizeof(wire);
		memcpy(h->text, wire, sizeof(wire));
		h->head.len = pk_hit_len(sizeof(wire));
	} else if (x % 4 == 0) {
		h->packet.depth = 2; /* of a tunnel */
		h->depth = (uint8_t)(x / 4 % 2);
	}
}

/* The record @n of the run with that seed. */
static void feed(struct run *r, unsigned seed, unsigned n)
{
	unsigned x = (seed * 7919 + n) * 2654435761U;
	uint64_t ns = START + n * 97000001ULL + (n / 500) * 9 * SEC;
	union record record;

	x ^= x >> 15;
	memset(&record, 0, sizeof(record));
	if (x % 3)
		make_flow(&record, ns, x / 3);
	else
		make_hit(&record, x / 3, r->slots);
	record.head.seen_ns = ns;
	record.head.plane = PK_PLANE_XDP;
	record.head.sampling = 1;
	if (x % 4 == 0)
		record.head.observer = addr(200);
	pk_pipeline_record(r->p, &record.head);
}

/* --- a restart ------------------------------------------------------------------ */

struct saved {
	struct pk_writer w[PK_PIPELINE_PARTS];
};

static void save(struct run *r, struct saved *s)
{
	struct pk_checkpoint_part part[PK_PIPELINE_PARTS];

	pk_pipeline_parts(r->p, UINT64_MAX, part);
	for (unsigned i = 0; i < PK_PIPELINE_PARTS; i++) {
		uint64_t at = 0;
		int ret;

		memset(&s->w[i], 0, sizeof(s->w[i]));
		while ((ret = part[i].save(part[i].arg, &s->w[i], &at)) == 1)
			;
		assert_int_equal(ret, 0);
	}
}

static int load_part(struct run *r, unsigned n, const uint8_t *bytes,
		     size_t len)
{
	struct pk_checkpoint_part part[PK_PIPELINE_PARTS];
	struct pk_reader reader = { bytes, len, 0 };
	int err;

	pk_pipeline_parts(r->p, UINT64_MAX, part);
	err = part[n].load(part[n].arg, &reader, part[n].version);
	return err ? err : reader.err;
}

static void load(struct run *r, const struct saved *s)
{
	for (unsigned i = 0; i < PK_PIPELINE_PARTS; i++)
		assert_int_equal(load_part(r, i, s->w[i].bytes, s->w[i].used),
				 0);
}

static void saved_free(struct saved *s)
{
	for (unsigned i = 0; i < PK_PIPELINE_PARTS; i++)
		pk_writer_fini(&s->w[i]);
}

static void expect_closed_books(const struct run *r)
{
	struct pk_pipeline_stats s;

	pk_pipeline_stats(r->p, &s);
	assert_int_equal(s.threat.opened + s.threat.revived,
			 s.threat.closed_quiet + s.threat.closed_early +
				 s.threat.closed_end + s.threat.open);
	assert_int_equal(s.threat.told, s.threat.opened + s.threat.updates +
						s.threat.closed_quiet +
						s.threat.closed_early +
						s.threat.closed_end);
	assert_int_equal(s.window.events + s.window.restored,
			 s.window.resident + s.window.aged +
				 s.window.displaced + s.window.forgotten);
}

static void expect_same_tail(const struct run *whole, size_t from,
			     const struct run *second)
{
	assert_int_equal(whole->count - from, second->count);
	for (size_t i = 0; i < second->count; i++)
		assert_string_equal(whole->told[from + i], second->told[i]);
}

struct ids {
	char id[256][33];
	uint64_t count[256];
	size_t n;
};

static void note_id(void *arg, const struct pk_threat *t)
{
	struct ids *ids = arg;

	assert_in_range(ids->n, 0, 255);
	snprintf(ids->id[ids->n], sizeof(ids->id[0]), "%016llx%016llx",
		 (unsigned long long)t->id[0], (unsigned long long)t->id[1]);
	ids->count[ids->n++] = t->count;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, 33);
}

static void open_ids(const struct run *r, struct ids *out)
{
	out->n = 0;
	pk_pipeline_each(r->p, note_id, out);
	qsort(out->id, out->n, sizeof(out->id[0]), by_id);
}

static void expect_same_order(const struct run *a, const struct run *b)
{
	static struct ids x, y;

	x.n = y.n = 0;
	pk_pipeline_each(a->p, note_id, &x);
	pk_pipeline_each(b->p, note_id, &y);
	assert_int_equal(x.n, y.n);
	for (size_t i = 0; i < x.n; i++) {
		assert_string_equal(x.id[i], y.id[i]);
		assert_int_equal(x.count[i], y.count[i]);
	}
}

static void expect_same_open(const struct run *a, const struct run *b)
{
	static struct ids x, y;

	open_ids(a, &x);
	open_ids(b, &y);
	assert_int_equal(x.n, y.n);
	for (size_t i = 0; i < x.n; i++)
		assert_string_equal(x.id[i], y.id[i]);
}

/* Restarted at any point, the same is told as without a restart. */
static void restart_at(unsigned seed, unsigned point, uint32_t capacity)
{
	struct run *whole = run_new(0, capacity);
	struct run *second;
	struct saved s;
	size_t told;

	for (unsigned n = 0; n < point; n++)
		feed(whole, seed, n);
	save(whole, &s);
	told = whole->count;
	second = run_new(told, capacity);
	second->slots = 1000; /* the store gave other numbers */
	load(second, &s);
	assert_int_equal(second->count, 0);
	expect_same_order(whole, second);
	for (unsigned n = point; n < RECORDS; n++) {
		feed(whole, seed, n);
		feed(second, seed, n);
	}
	pk_pipeline_finish(whole->p);
	pk_pipeline_finish(second->p);
	expect_same_tail(whole, told, second);
	expect_closed_books(second);
	saved_free(&s);
	run_free(whole);
	run_free(second);
}

static void restarted_anywhere_it_tells_the_same(void **unused)
{
	(void)unused;
	for (unsigned seed = 0; seed < 12; seed++)
		restart_at(seed, (seed * 997 + 13) % RECORDS, 0);
	restart_at(3, 0, 0);
	restart_at(4, RECORDS, 0);
}

static void restarted_when_full_it_gives_up_the_same_threats(void **unused)
{
	(void)unused;
	for (unsigned seed = 20; seed < 28; seed++)
		restart_at(seed, (seed * 499) % RECORDS, 9);
}

/* --- catching up ---------------------------------------------------------------- */

static void catch_up(struct run *r, const struct run *from, size_t begin_at)
{
	for (size_t i = begin_at; i < from->count; i++)
		assert_int_equal(pk_pipeline_told(r->p, from->told[i],
						  strlen(from->told[i])),
				 0);
}

static const char *member_of(const char *json, const char *key)
{
	const char *at = strstr(json, key);

	assert_non_null(at);
	return at + strlen(key);
}

/* No id opens twice, in all of @runs. */
static void expect_each_opens_once(struct run *const run[], unsigned runs)
{
	char(*opened)[33] = calloc(runs * TOLD_MAX, sizeof(*opened));
	size_t n = 0;

	assert_non_null(opened);
	for (unsigned i = 0; i < runs; i++)
		for (size_t m = 0; m < run[i]->count; m++) {
			const char *json = run[i]->told[m];

			if (strncmp(member_of(json, "\"state\":\""), "open", 4))
				continue;
			memcpy(opened[n++], member_of(json, "\"id\":\""), 32);
		}
	qsort(opened, n, sizeof(*opened), by_id);
	for (size_t i = 1; i < n; i++)
		assert_string_not_equal(opened[i - 1], opened[i]);
	free(opened);
}

/* A pass of which each slice is a turn, with records between them. */
static void save_sliced(struct run *r, struct saved *s, unsigned seed,
			unsigned *n)
{
	struct pk_checkpoint_part part[PK_PIPELINE_PARTS];
	int ret;

	pk_pipeline_parts(r->p, UINT64_MAX, part);
	saved_free(s);
	for (unsigned i = 0; i < PK_PIPELINE_PARTS; i++) {
		uint64_t at = 0;

		while ((ret = part[i].save(part[i].arg, &s->w[i], &at)) == 1)
			for (unsigned k = 0; k < 30; k++)
				feed(r, seed, (*n)++);
		assert_int_equal(ret, 0);
	}
}

/* One goes on where @r was killed, with a checkpoint that had @told messages. */
static struct run *go_on(const struct run *r, const struct saved *s,
			 size_t told)
{
	struct run *next = run_new(r->first + r->count, 0);

	next->slots = r->slots + 1000; /* the store gave other numbers */
	load(next, s);
	catch_up(next, r, told);
	assert_int_equal(next->count, 0);
	expect_same_open(r, next);
	return next;
}

/* Killed at @end_at, and again: the checkpoints were begun before. */
static void kill_at(unsigned seed, unsigned point, unsigned end_at, int sliced)
{
	struct run *first = run_new(0, 0), *second, *third;
	struct saved s = { 0 };
	unsigned n = 0;
	size_t told;

	while (n < point)
		feed(first, seed, n++);
	told = first->count;
	if (sliced)
		save_sliced(first, &s, seed, &n);
	else
		save(first, &s);
	while (n < end_at)
		feed(first, seed, n++);
	second = go_on(first, &s, told);
	while (n < end_at + 100)
		feed(second, seed, n++);
	told = second->count;
	save_sliced(second, &s, seed, &n);
	third = go_on(second, &s, told);
	for (; n < RECORDS; n++)
		feed(third, seed, n);
	pk_pipeline_finish(third->p);
	expect_closed_books(third);
	expect_each_opens_once((struct run *[]){ first, second, third }, 3);
	saved_free(&s);
	run_free(first);
	run_free(second);
	run_free(third);
}

static void killed_behind_a_checkpoint_no_threat_is_lost_or_new(void **unused)
{
	(void)unused;
	for (unsigned seed = 0; seed < 12; seed++)
		kill_at(seed, seed * 400, seed * 450 + 90, 0);
}

static void a_checkpoint_of_several_turns_is_as_good(void **unused)
{
	(void)unused;
	for (unsigned seed = 0; seed < 12; seed++)
		kill_at(seed, seed * 300, seed * 450 + 400, 1);
}

static void ask_name(struct run *r, uint32_t client, uint32_t slot)
{
	static const uint8_t wire[] = "\1a\4test";
	union record record = { 0 };
	struct pk_hit *h = &record.hit;

	h->head.type = PK_RECORD_HIT;
	h->head.seen_ns = START + r->count; /* none is due */
	h->packet.key.src = addr(client);
	h->packet.key.src.b[13] = (uint8_t)(client >> 16);
	h->packet.key.src.b[14] = (uint8_t)(client >> 8);
	h->packet.key.dst = addr(1);
	h->slot = slot;
	h->role = PK_ROLE_DNS_QUESTION;
	h->text_len = sizeof(wire);
	memcpy(h->text, wire, sizeof(wire));
	h->head.len = pk_hit_len(sizeof(wire));
	pk_pipeline_record(r->p, &h->head);
}

/* The pass goes on, and each name is in it, the more so no id is twice. */
static void names_met_again_while_a_pass_goes_on_are_in_it(void **unused)
{
	enum { CLIENTS = 3000, CAPACITY = 65536 };
	struct run *first = run_new(0, CAPACITY), *second, *third;
	struct pk_checkpoint_part part[PK_PIPELINE_PARTS];
	struct pk_pipeline_stats stats;
	uint32_t met = 0;
	struct saved s;
	int ret;

	(void)unused;
	for (uint32_t i = 0; i < CLIENTS; i++)
		ask_name(first, i, 1);
	save(first, &s);
	second = run_new(first->count, CAPACITY);
	load(second, &s);
	saved_free(&s);
	memset(&s, 0, sizeof(s));
	pk_pipeline_parts(second->p, UINT64_MAX, part);
	for (unsigned i = 0; i < PK_PIPELINE_PARTS; i++) {
		uint64_t at = 0;

		while ((ret = part[i].save(part[i].arg, &s.w[i], &at)) == 1)
			for (unsigned k = 0; k < 90 && met < CLIENTS; k++)
				ask_name(second, met++, 1001);
		assert_int_equal(ret, 0);
	}
	assert_true(met > 500);
	third = run_new(first->count + second->count, CAPACITY);
	load(third, &s);
	pk_pipeline_stats(third->p, &stats);
	assert_int_equal(stats.threat.open, CLIENTS);
	assert_int_equal(stats.threat.revived, CLIENTS);
	saved_free(&s);
	run_free(first);
	run_free(second);
	run_free(third);
}

static void without_a_checkpoint_the_journal_alone_says_what_is_open(void **u)
{
	(void)u;
	for (unsigned seed = 0; seed < 8; seed++) {
		struct run *first = run_new(0, 0), *second;
		unsigned n = 0;

		while (n < 700 * seed + 50)
			feed(first, seed, n++);
		second = run_new(first->count, 0);
		second->slots = 1000;
		catch_up(second, first, 0);
		expect_same_open(first, second);
		for (; n < RECORDS; n++)
			feed(second, seed, n);
		pk_pipeline_finish(second->p);
		expect_closed_books(second);
		expect_each_opens_once((struct run *[]){ first, second }, 2);
		run_free(first);
		run_free(second);
	}
}

/* A listed address sends @packets to the host @dst. */
static void send_to(struct run *r, uint64_t ns, uint32_t dst, unsigned packets)
{
	union record record = { 0 };
	struct pk_flow *f = &record.flow;

	f->head.type = PK_RECORD_FLOW;
	f->head.len = sizeof(*f);
	f->head.seen_ns = f->start_ns = f->end_ns = START + ns;
	f->key.src = addr(9);
	f->key.dst = addr(100 + dst);
	f->key.proto = 17;
	f->packets[0] = f->listed[0] = packets;
	pk_pipeline_record(r->p, &f->head);
}

/* In the latest message, what is told by target and what is not. */
static void expect_targets_to_add_up(const struct run *r)
{
	const char *json = r->told[r->count - 1];
	const char *at = strstr(json, "\"targets\":");
	const char *end = strstr(json, "\"targets_more\":");
	uint64_t sum;

	assert_non_null(at);
	assert_non_null(end);
	sum = strtoull(end + strlen("\"targets_more\":"), NULL, 10);
	while ((at = strstr(at, "\"count\":")) && at < end) {
		at += strlen("\"count\":");
		sum += strtoull(at, NULL, 10);
	}
	assert_int_equal(sum,
			 strtoull(member_of(json, "\"count\":"), NULL, 10));
}

static void targets_that_are_not_known_any_more_are_told_as_others(void **u)
{
	(void)u;
	for (unsigned saved = 0; saved <= 13; saved += 6) {
		struct run *first = run_new(0, 0), *second;
		struct saved s = { 0 };

		for (unsigned i = 0; i < 12; i++) {
			if (i == saved)
				save(first, &s);
			send_to(first, i * SEC / 4, i, 5);
		}
		if (saved == 12)
			save(first, &s);
		send_to(first, 9 * SEC, 0, 1);
		expect_targets_to_add_up(first);
		second = run_new(first->count, 0);
		load(second, &s);
		catch_up(second, first, 0);
		send_to(second, 10 * SEC, 0, 1);
		send_to(second, 20 * SEC, 1, 1);
		expect_targets_to_add_up(second);
		saved_free(&s);
		run_free(first);
		run_free(second);
	}
}

static struct pk_pipeline_stats stats_of(const struct run *r)
{
	struct pk_pipeline_stats s;

	pk_pipeline_stats(r->p, &s);
	return s;
}

static void what_there_is_no_room_for_any_more_is_closed_and_told(void **unused)
{
	struct run *first = run_new(0, 0), *second;
	struct pk_pipeline_stats before, after;
	struct saved s;

	(void)unused;
	for (unsigned n = 0; n < 300; n++)
		feed(first, 1, n);
	before = stats_of(first);
	assert_true(before.threat.open > 9);
	save(first, &s);
	second = run_new(first->count, 9);
	load(second, &s);
	assert_int_equal(second->count, 0);
	pk_pipeline_caught_up(second->p);
	after = stats_of(second);
	assert_int_equal(after.threat.revived, before.threat.open);
	assert_int_equal(after.threat.closed_early, before.threat.open - 9);
	assert_int_equal(after.threat.open, 9);
	assert_int_equal(second->count, before.threat.open - 9);
	for (size_t i = 0; i < second->count; i++)
		assert_non_null(
			strstr(second->told[i], "\"state\":\"closed\""));
	expect_closed_books(second);
	saved_free(&s);
	run_free(first);
	run_free(second);
}

/* Another of the same address opened since. */
static void one_whose_end_is_not_known_is_closed_and_told(void **unused)
{
	struct run *first = run_new(0, 0), *other = run_new(1, 0), *next;

	(void)unused;
	send_to(first, 0, 1, 5);
	send_to(other, 5 * SEC, 1, 5);
	next = run_new(2, 0);
	catch_up(next, first, 0);
	catch_up(next, other, 0);
	assert_int_equal(next->count, 0);
	pk_pipeline_caught_up(next->p);
	expect_same_open(other, next);
	assert_int_equal(next->count, 1);
	assert_non_null(strstr(next->told[0], "\"state\":\"closed\""));
	assert_memory_equal(member_of(next->told[0], "\"id\":\""),
			    member_of(first->told[0], "\"id\":\""), 32);
	expect_closed_books(next);
	run_free(first);
	run_free(other);
	run_free(next);
}

static void match_once(struct run *r, uint64_t ns)
{
	union record record = { 0 };
	struct pk_flow *f = &record.flow;

	f->head.type = PK_RECORD_FLOW;
	f->head.len = sizeof(*f);
	f->head.seen_ns = f->start_ns = f->end_ns = START + ns;
	f->key.src = addr(9);
	f->key.dst = addr(100);
	f->key.proto = 6;
	f->packets[0] = 1;
	pk_pipeline_record(r->p, &f->head);
}

static void a_threat_knows_its_detector_by_name(void **unused)
{
	struct run *first = run_new(0, 0), *second;
	struct saved s;

	(void)unused;
	match_once(first, 0);
	assert_int_equal(first->count, 1);
	save(first, &s);
	second = run_new(1, 0);
	/* the part of the detectors was refused */
	assert_int_equal(load_part(second, 2, s.w[2].bytes, s.w[2].used), 0);
	match_once(second, SEC);
	assert_int_equal(stats_of(second).threat.folded, 1);
	assert_int_equal(stats_of(second).threat.opened, 0);
	saved_free(&s);
	run_free(first);
	run_free(second);
}

static void what_fell_due_meanwhile_is_closed_and_told_once(void **unused)
{
	struct run *first = run_new(0, 0), *second;
	struct pk_pipeline_stats stats;
	struct saved s;

	(void)unused;
	for (unsigned n = 0; n < 300; n++)
		feed(first, 1, n);
	pk_pipeline_stats(first->p, &stats);
	assert_true(stats.threat.open > 5);
	save(first, &s);
	second = run_new(first->count, 0);
	load(second, &s);
	pk_pipeline_tick(second->p, START + 86400 * SEC);
	assert_int_equal(second->count, stats.threat.open);
	for (size_t i = 0; i < second->count; i++)
		assert_non_null(
			strstr(second->told[i], "\"state\":\"closed\""));
	pk_pipeline_stats(second->p, &stats);
	assert_int_equal(stats.threat.open, 0);
	assert_int_equal(stats.threat.closed_quiet, stats.threat.revived);
	saved_free(&s);
	run_free(first);
	run_free(second);
}

static void a_detector_that_is_no_more_leaves_threats_that_end(void **unused)
{
	struct run *first = run_new(0, 0), *second;
	struct pk_pipeline_stats stats;
	unsigned gone = 0;
	struct saved s;

	(void)unused;
	for (unsigned n = 0; n < 300; n++)
		feed(first, 1, n);
	save(first, &s);
	second = run_new(first->count, 0);
	pk_pipeline_free(second->p);
	second->conf.detectors = detectors + 1; /* "first" is 0 now */
	second->conf.detector_count = 1;
	assert_int_equal(pk_pipeline_new(&second->p, &second->conf), 0);
	load(second, &s);
	for (unsigned n = 300; n < RECORDS; n++)
		feed(second, 1, n);
	pk_pipeline_finish(second->p);
	for (size_t i = 0; i < second->count; i++) {
		if (!strstr(second->told[i], "\"type\":\"many\""))
			continue;
		gone++;
		assert_non_null(
			strstr(second->told[i], "\"state\":\"closed\""));
		assert_non_null(
			strstr(second->told[i], "\"severity\":\"medium\""));
	}
	assert_true(gone > 0);
	pk_pipeline_stats(second->p, &stats);
	expect_closed_books(second);
	saved_free(&s);
	run_free(first);
	run_free(second);
}

static void expect_past(void *arg, const struct pk_threat *t)
{
	(void)arg;
	assert_true(t->last_ns <= START - 86400 * SEC);
}

static void a_clock_that_was_ahead_holds_nothing_open(void **unused)
{
	struct pk_checkpoint_part part[PK_PIPELINE_PARTS];
	struct run *first = run_new(0, 0), *second;
	struct saved s;

	(void)unused;
	for (unsigned n = 0; n < 300; n++)
		feed(first, 1, n);
	save(first, &s);
	second = run_new(first->count, 0);
	pk_pipeline_parts(second->p, START - 86400 * SEC, part);
	for (unsigned i = 0; i < PK_PIPELINE_PARTS; i++) {
		struct pk_reader r = { s.w[i].bytes, s.w[i].used, 0 };

		assert_int_equal(part[i].load(part[i].arg, &r, part[i].version),
				 0);
	}
	pk_pipeline_each(second->p, expect_past, NULL);
	/* max(window, mute) and 120 s later, all are closed */
	pk_pipeline_tick(second->p, START - 86400 * SEC + 121 * SEC);
	expect_closed_books(second);
	pk_pipeline_tick(second->p, START);
	assert_true(second->count > 5);
	for (size_t i = 0; i < second->count; i++)
		assert_non_null(
			strstr(second->told[i], "\"state\":\"closed\""));
	saved_free(&s);
	run_free(first);
	run_free(second);
}

/* --- hostile bytes -------------------------------------------------------------- */

static void no_bytes_of_a_part_do_harm(void **unused)
{
	struct run *first = run_new(0, 0), *second;
	struct saved s;

	(void)unused;
	for (unsigned n = 0; n < 200; n++)
		feed(first, 2, n);
	save(first, &s);
	for (unsigned i = 0; i < PK_PIPELINE_PARTS; i++) {
		size_t len = s.w[i].used;

		for (size_t cut = 0; cut < len; cut += 1 + len / 700) {
			uint8_t *copy = malloc(cut + 1);
			struct pk_pipeline_stats stats;

			memcpy(copy, s.w[i].bytes, cut);
			second = run_new(0, 0);
			assert_true(load_part(second, i, copy, cut) < 0);
			pk_pipeline_stats(second->p, &stats);
			assert_int_equal(stats.threat.open, 0);
			assert_int_equal(stats.window.keys, 0);
			free(copy);
			run_free(second);
		}
		for (unsigned m = 0; m < 700; m++) {
			uint8_t *copy = malloc(len + 1);
			size_t at = m * 2654435761U % len;

			memcpy(copy, s.w[i].bytes, len);
			copy[at] ^= (uint8_t)(m * 31 + 1);
			second = run_new(0, 0);
			load_part(second, i, copy, len);
			for (unsigned n = 200; n < 220; n++)
				feed(second, 2, n);
			pk_pipeline_finish(second->p);
			expect_closed_books(second);
			free(copy);
			run_free(second);
		}
	}
	saved_free(&s);
	run_free(first);
}

static void no_message_does_harm(void **unused)
{
	struct run *first = run_new(0, 0), *second = run_new(0, 0);
	unsigned refused = 0;

	(void)unused;
	for (unsigned n = 0; n < 300; n++)
		feed(first, 2, n);
	for (unsigned m = 0; m < 20000; m++) {
		const char *json = first->told[m % first->count];
		size_t len = strlen(json), at = m * 2654435761U % len;
		char *copy = malloc(len);

		memcpy(copy, json, len);
		copy[at] = (char)(m >> 3);
		refused += pk_pipeline_told(second->p, copy, len) == -EBADMSG;
		free(copy);
	}
	assert_true(refused > 1000);
	pk_pipeline_finish(second->p);
	expect_closed_books(second);
	run_free(first);
	run_free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restarted_anywhere_it_tells_the_same),
		cmocka_unit_test(
			restarted_when_full_it_gives_up_the_same_threats),
		cmocka_unit_test(
			killed_behind_a_checkpoint_no_threat_is_lost_or_new),
		cmocka_unit_test(a_checkpoint_of_several_turns_is_as_good),
		cmocka_unit_test(
			names_met_again_while_a_pass_goes_on_are_in_it),
		cmocka_unit_test(
			without_a_checkpoint_the_journal_alone_says_what_is_open),
		cmocka_unit_test(
			targets_that_are_not_known_any_more_are_told_as_others),
		cmocka_unit_test(
			what_there_is_no_room_for_any_more_is_closed_and_told),
		cmocka_unit_test(one_whose_end_is_not_known_is_closed_and_told),
		cmocka_unit_test(a_threat_knows_its_detector_by_name),
		cmocka_unit_test(
			what_fell_due_meanwhile_is_closed_and_told_once),
		cmocka_unit_test(
			a_detector_that_is_no_more_leaves_threats_that_end),
		cmocka_unit_test(a_clock_that_was_ahead_holds_nothing_open),
		cmocka_unit_test(no_bytes_of_a_part_do_harm),
		cmocka_unit_test(no_message_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
