/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEC 1000000000ULL

static const struct pk_window_rule rule = { 60 * SEC, 100 };

static struct pk_window_key key_of(uint32_t n)
{
	struct pk_window_key key = { .detector = 1 };

	key.src.w[3] = n;
	return key;
}

static const struct pk_window_entry *add(struct pk_window *w, uint32_t key,
					 uint64_t ns, uint32_t host,
					 uint16_t port)
{
	struct pk_window_key k = key_of(key);
	struct pk_window_evidence e = { .seen_ns = ns, .dport = port };
	const struct pk_window_entry *entry;

	e.dst.w[3] = host;
	entry = pk_window_add(w, &k, &rule, &e);
	assert_non_null(entry);
	return entry;
}

static struct pk_window *make(uint32_t keys)
{
	struct pk_window *w = NULL;

	assert_int_equal(pk_window_new(&w, keys, 42), 0);
	return w;
}

static void counts_up_to_one_more_than_the_threshold(void **state)
{
	struct pk_window *w = make(0);
	const struct pk_window_entry *e = NULL;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		e = add(w, 1, i, i, 1);
	assert_int_equal(pk_window_count(e), 100);
	e = add(w, 1, 100, 100, 1);
	assert_int_equal(pk_window_count(e), 101);
	e = add(w, 1, 101, 101, 1);
	assert_int_equal(pk_window_count(e), 101);
	assert_int_equal(pk_window_first_ns(e), 1);
	pk_window_free(w);
}

static void evidence_as_old_as_the_span_still_counts(void **state)
{
	struct pk_window *w = make(0);
	const struct pk_window_entry *e;

	(void)state;
	add(w, 1, SEC, 1, 1);
	e = add(w, 1, 61 * SEC, 1, 1);
	assert_int_equal(pk_window_count(e), 2);
	e = add(w, 1, 61 * SEC + 1, 1, 1);
	assert_int_equal(pk_window_count(e), 2);
	assert_int_equal(pk_window_first_ns(e), 61 * SEC);
	assert_int_equal(pk_window_counted(w)->aged, 1);
	pk_window_free(w);
}

static void a_time_before_the_newest_counts_as_the_newest(void **state)
{
	struct pk_window *w = make(0);
	const struct pk_window_entry *e;

	(void)state;
	add(w, 1, 100 * SEC, 1, 1);
	e = add(w, 1, 10 * SEC, 1, 1);
	assert_int_equal(pk_window_count(e), 2);
	assert_int_equal(pk_window_first_ns(e), 100 * SEC);
	pk_window_free(w);
}

static void keys_differ_by_observer_source_and_detector(void **state)
{
	struct pk_window *w = make(0);
	struct pk_window_evidence e = { .seen_ns = 1 };
	struct pk_window_key key = key_of(1), other;

	(void)state;
	pk_window_add(w, &key, &rule, &e);
	for (int i = 0; i < 3; i++) {
		other = key;
		other.observer.b[15] = i == 0;
		other.src.b[0] = i == 1;
		other.detector += i == 2;
		assert_int_equal(
			pk_window_count(pk_window_add(w, &other, &rule, &e)),
			1);
	}
	assert_int_equal(pk_window_count(pk_window_add(w, &key, &rule, &e)), 2);
	pk_window_free(w);
}

static void sums_up_hosts_and_ports(void **state)
{
	struct pk_window *w = make(0);
	struct pk_window_summary s;
	const struct pk_window_entry *e = NULL;

	(void)state;
	for (uint32_t i = 0; i < 101; i++)
		e = add(w, 1, i, 30 - i % 30, (uint16_t)(i % 7));
	pk_window_summarize(w, e, &s);
	assert_int_equal(s.hosts, 30);
	assert_int_equal(s.ports, 7);
	assert_int_equal(s.named, PK_WINDOW_HOSTS);
	for (uint32_t i = 0; i < PK_WINDOW_HOSTS; i++)
		assert_int_equal(s.host[i].w[3], 30 - i);
	pk_window_free(w);
}

static void forgets_the_key_that_was_seen_longest_ago(void **state)
{
	struct pk_window *w = make(3);

	(void)state;
	add(w, 1, 1, 1, 1);
	add(w, 2, 2, 1, 1);
	add(w, 3, 3, 1, 1);
	add(w, 1, 4, 1, 1);
	add(w, 4, 5, 1, 1); /* takes the place of 2 */
	assert_int_equal(pk_window_counted(w)->evicted, 1);
	assert_int_equal(pk_window_count(add(w, 1, 6, 1, 1)), 3);
	assert_int_equal(pk_window_count(add(w, 3, 7, 1, 1)), 2);
	assert_int_equal(pk_window_count(add(w, 2, 8, 1, 1)), 1);
	assert_int_equal(pk_window_counted(w)->evicted, 2);
	pk_window_free(w);
}

/* R6: a million sources. */
static void a_flood_of_keys_stays_bounded(void **state)
{
	struct pk_window *w = make(1000);
	const struct pk_window_counters *c = pk_window_counted(w);

	(void)state;
	for (uint32_t i = 0; i < 1000000; i++)
		add(w, i, i, i, 1);
	assert_int_equal(c->keys, 1000);
	assert_int_equal(c->evicted, 999000);
	assert_int_equal(c->resident, 1000);
	assert_int_equal(c->events,
			 c->resident + c->aged + c->displaced + c->forgotten);
	pk_window_free(w);
}

/* The slow twin: a list of all events, looked through each time. */
struct event {
	uint32_t key;
	uint64_t ns;
	uint32_t host;
	uint16_t port;
};

struct twin {
	uint32_t count, hosts, ports;
	uint64_t first_ns;
};

static struct twin look(const struct event *all, int n,
			const struct pk_window_rule *r)
{
	const struct event *last = &all[n - 1];
	uint8_t host[64] = { 0 }, port[64] = { 0 };
	struct twin t = { 0 };

	for (int i = n - 1; i >= 0 && t.count <= r->threshold; i--) {
		if (all[i].key != last->key ||
		    last->ns - all[i].ns > r->span_ns)
			continue;
		t.count++;
		t.first_ns = all[i].ns;
		t.hosts += !host[all[i].host]++;
		t.ports += !port[all[i].port]++;
	}
	return t;
}

static void agrees_with_the_slow_twin(void **state)
{
	enum { N = 4000 };
	static struct event all[N];
	static const struct pk_window_rule rules[] = {
		{ 0, 0 },   { 500, 0 }, { 700, 3 },  { 100, 4 },
		{ 900, 7 }, { 0, 100 }, { 800, 20 }, { 100000, 100 },
	};

	(void)state;
	srandom(11);
	for (size_t r = 0; r < sizeof(rules) / sizeof(*rules); r++) {
		struct pk_window *w = make(64);
		uint64_t ns = 1;

		for (int i = 0; i < N; i++) {
			struct event *ev = &all[i];
			struct pk_window_evidence e = { 0 };
			struct pk_window_key key;
			struct pk_window_summary s;
			const struct pk_window_entry *entry;
			struct twin t;

			ns += (uint64_t)random() % 12;
			*ev = (struct event){ (uint32_t)random() % 6, ns,
					      (uint32_t)random() % 40,
					      (uint16_t)(random() % 50) };
			key = key_of(ev->key);
			e.seen_ns = ns;
			e.dst.w[3] = ev->host;
			e.dport = ev->port;
			entry = pk_window_add(w, &key, &rules[r], &e);
			pk_window_summarize(w, entry, &s);
			t = look(all, i + 1, &rules[r]);
			assert_int_equal(pk_window_count(entry), t.count);
			assert_int_equal(pk_window_first_ns(entry), t.first_ns);
			assert_int_equal(s.hosts, t.hosts);
			assert_int_equal(s.ports, t.ports);
		}
		pk_window_free(w);
	}
}

static void rejects_more_keys_than_it_can_index(void **state)
{
	struct pk_window *w = NULL;

	(void)state;
	assert_true(pk_window_new(&w, (1 << 24) + 1, 0) < 0);
	assert_null(w);
	pk_window_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_up_to_one_more_than_the_threshold),
		cmocka_unit_test(evidence_as_old_as_the_span_still_counts),
		cmocka_unit_test(a_time_before_the_newest_counts_as_the_newest),
		cmocka_unit_test(keys_differ_by_observer_source_and_detector),
		cmocka_unit_test(sums_up_hosts_and_ports),
		cmocka_unit_test(forgets_the_key_that_was_seen_longest_ago),
		cmocka_unit_test(a_flood_of_keys_stays_bounded),
		cmocka_unit_test(agrees_with_the_slow_twin),
		cmocka_unit_test(rejects_more_keys_than_it_can_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
