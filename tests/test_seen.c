/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/guard/seen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pk_seen *make(uint32_t addrs, uint32_t names, uint32_t bytes,
			    uint32_t span)
{
	const struct pk_seen_conf conf = { addrs, names, bytes, span };
	struct pk_seen *s = NULL;

	assert_int_equal(pk_seen_new(&s, &conf, 5), 0);
	return s;
}

static struct pk_indicator value(const char *text)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, text, strlen(text)), 0);
	return ind;
}

static void see(struct pk_seen *s, const char *text, uint32_t now, uint64_t n)
{
	struct pk_indicator ind = value(text);

	if (ind.type == PK_INDICATOR_DOMAIN)
		pk_seen_name(s, ind.value, now, n);
	else
		pk_seen_addr(s, &ind.addr, now, n);
}

static struct pk_seen_view *view(const struct pk_seen *s, uint32_t oldest)
{
	struct pk_seen_view *v = NULL;

	assert_int_equal(pk_seen_view_new(&v, s, oldest), 0);
	assert_int_equal(pk_seen_view_ready(v), 0);
	return v;
}

static void finds(const struct pk_seen_view *v, const char *text,
		  uint32_t values, uint64_t packets, uint32_t last)
{
	struct pk_indicator ind = value(text);
	struct pk_seen_hit hit;

	assert_int_equal(pk_seen_view_find(v, &ind, &hit), values > 0);
	assert_int_equal(hit.values, values);
	assert_int_equal(hit.packets, packets);
	assert_int_equal(hit.last, last);
}

static void knows_what_was_seen_and_when(void **state)
{
	struct pk_seen *s = make(64, 64, 4096, 3600);
	struct pk_seen_view *v;

	(void)state;
	see(s, "192.0.2.1", 100, 3);
	see(s, "192.0.2.1", 105, 4);
	see(s, "192.0.2.200", 105, 1);
	see(s, "255.255.255.255", 105, 1);
	see(s, "2001:db8::1", 105, 9);
	see(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 106, 2);
	see(s, "2001:db9::ffff:ffff:ffff:ff07", 106, 2);
	see(s, "a.b.example", 106, 2);
	see(s, "b.example", 107, 1);
	see(s, "c.a.b.example", 108, 5);
	see(s, "xb.example", 109, 5);
	v = view(s, 0);
	finds(v, "192.0.2.1", 1, 7, 105);
	finds(v, "192.0.2.1:80", 1, 7, 105);
	finds(v, "192.0.2.2", 0, 0, 0);
	finds(v, "192.0.2.0/24", 2, 8, 105);
	finds(v, "192.0.2.128/25", 1, 1, 105);
	finds(v, "255.255.255.0/24", 1, 1, 105);
	finds(v, "0.0.0.0/0", 3, 9, 105);
	finds(v, "2001:db9::ffff:ffff:ffff:ff00/120", 1, 2, 106);
	finds(v, "::/0", 3, 13, 106); /* no IPv4 address in it */
	finds(v, "ffff::/16", 1, 2, 106);
	finds(v, "2001:db8::/32", 1, 9, 105);
	finds(v, "2001:db8::/127", 1, 9, 105);
	finds(v, "=b.example", 1, 1, 107);
	finds(v, "b.example", 3, 8, 108);
	finds(v, "example", 4, 13, 109);
	finds(v, "=example", 0, 0, 0);
	finds(v, "d.example", 0, 0, 0);
	finds(v, "http://b.example/", 0, 0, 0); /* not known of */
	pk_seen_view_free(v);
	v = view(s, 106);
	finds(v, "192.0.2.1", 0, 0, 0);
	finds(v, "b.example", 3, 8, 108);
	pk_seen_view_free(v);
	pk_seen_free(s);
}

static void one_label_more_is_one_label(void **state)
{
	struct pk_seen *s = make(64, 64, 4096, 3600);
	struct pk_indicator ind = value("b.example");
	struct pk_seen_totals totals;
	struct pk_seen_view *v;
	struct pk_seen_hit hit;

	(void)state;
	see(s, "b.example", 1, 1);
	see(s, "a.b.example", 2, 10);
	see(s, "c.a.b.example", 3, 100);
	see(s, "d.b.example", 4, 1000);
	v = view(s, 0);
	ind.match = PK_MATCH_ONE_LABEL;
	assert_int_equal(pk_seen_view_find(v, &ind, &hit), 1);
	assert_int_equal(hit.values, 2);
	assert_int_equal(hit.packets, 1010);
	pk_seen_view_mark(v, &ind);
	pk_seen_view_mark(v, &ind);
	pk_seen_view_totals(v, &totals);
	assert_int_equal(totals.marked_queries, 1010);
	ind.match = PK_MATCH_SUBDOMAINS;
	pk_seen_view_mark(v, &ind);
	pk_seen_view_totals(v, &totals);
	assert_int_equal(totals.marked_queries, 1111);
	assert_int_equal(totals.marked_names, 4);
	pk_seen_view_free(v);
	pk_seen_free(s);
}

static void forgets_by_time(void **state)
{
	struct pk_seen *s = make(64, 64, 4096, 100);
	struct pk_seen_stats st;
	struct pk_seen_view *v;

	(void)state;
	see(s, "192.0.2.1", 1000, 1);
	see(s, "192.0.2.2", 1099, 1);
	see(s, "192.0.2.3", 1100, 1); /* the second generation */
	see(s, "192.0.2.2", 1101, 1);
	v = view(s, 0);
	finds(v, "192.0.2.0/24", 3, 4, 1101);
	finds(v, "192.0.2.2", 1, 2, 1101);
	pk_seen_view_free(v);
	see(s, "192.0.2.4", 1200, 1); /* the third */
	v = view(s, 0);
	finds(v, "192.0.2.1", 0, 0, 0);
	finds(v, "192.0.2.2", 1, 1, 1101);
	pk_seen_view_free(v);
	pk_seen_stats(s, &st);
	assert_int_equal(st.addrs_since, 1100);
	assert_int_equal(st.addrs_turns, 2);
	see(s, "192.0.2.5", 1150, 1); /* a clock that goes back */
	see(s, "192.0.2.6", 1400, 1); /* a silence of two spans */
	v = view(s, 0);
	finds(v, "192.0.2.0/24", 1, 1, 1400);
	pk_seen_view_free(v);
	pk_seen_free(s);
}

static void keeps_the_newest_when_full(void **state)
{
	struct pk_seen *s = make(100, 100, 1000, 1000000);
	struct pk_seen_view *v;
	struct pk_seen_stats st;
	char text[64];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 256, i % 256);
		see(s, text, i + 1, 1);
		snprintf(text, sizeof(text), "n%u.example", i);
		see(s, text, i + 1, 1);
		if (i < 100 || i % 37)
			continue;
		v = view(s, 0);
		for (unsigned k = i - 99; k <= i; k++) {
			snprintf(text, sizeof(text), "10.0.%u.%u", k / 256,
				 k % 256);
			finds(v, text, 1, 1, k + 1);
		}
		pk_seen_view_free(v);
	}
	pk_seen_stats(s, &st);
	assert_int_equal(st.addrs_turns, 9);
	assert_true(st.names <= 200);
	assert_true(st.names_turns > 9); /* their texts take 14 bytes */
	v = view(s, 0);
	finds(v, "n999.example", 1, 1, 1000);
	finds(v, "n1.example", 0, 0, 0);
	pk_seen_view_free(v);
	pk_seen_free(s);
}

static void counts_do_not_wrap(void **state)
{
	struct pk_seen *s = make(4, 4, 1000, 10);
	struct pk_seen_view *v;

	(void)state;
	see(s, "192.0.2.1", 1, UINT64_MAX);
	see(s, "192.0.2.1", 1, UINT64_MAX);
	see(s, "192.0.2.1", 12, 5);
	v = view(s, 0);
	finds(v, "192.0.2.1", 1, UINT32_MAX, 12);
	pk_seen_view_free(v);
	pk_seen_name(s, (const uint8_t *)"\100abc", 1, 1); /* malformed */
	pk_seen_free(s);
}

static void rejects_bad_conf(void **state)
{
	static const struct pk_seen_conf bad[] = {
		{ 0, 1, 1000, 1 },	 { 1, 0, 1000, 1 },
		{ 1, 1, 255, 1 },	 { 1, 1, 1000, 0 },
		{ 1 << 25, 1, 1000, 1 }, { 1, 1 << 25, 1000, 1 },
		{ 1, 1, 2U << 30, 1 },
	};
	struct pk_seen *s = NULL;
	struct pk_seen_conf conf;
	struct pk_seen_stats st;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pk_seen_new(&s, &bad[i], 1), -EINVAL);
	assert_null(s);
	pk_seen_conf_init(&conf);
	assert_int_equal(pk_seen_new(&s, &conf, 1), 0);
	pk_seen_stats(s, &st);
	assert_true(st.bytes < 18 << 20);
	pk_seen_free(s);
}

/* --- the slow twin ------------------------------------------------------------ */

enum { TWIN = 3000, SPAN = 500 };

/* Everything that was ever seen; the generation in which it was. */
static struct {
	struct pk_indicator ind;
	uint32_t at, generation;
	uint64_t n;
} events[TWIN];

static uint32_t dice;

static uint32_t roll(uint32_t n)
{
	dice = dice * 1664525 + 1013904223;
	return (dice >> 8) % n;
}

static void random_addr(char *text, int net)
{
	unsigned v4 = roll(2);

	if (v4)
		text += sprintf(text, "198.51.%u.%u", roll(3), roll(60));
	else
		text += sprintf(text, "2001:db8:%x::%x", roll(3), roll(60));
	if (net)
		sprintf(text, "/%u", v4 ? 12 + roll(20) : 20 + roll(100));
}

static void random_name(char *text)
{
	static const char *const labels[] = { "a", "b", "ab" };

	for (unsigned n = 1 + roll(4); n; n--)
		text += sprintf(text, "%s.", labels[roll(3)]);
	strcpy(text, roll(2) ? "example" : "org");
}

static int is_v4(const struct pk_indicator *ind)
{
	return ind->type == PK_INDICATOR_IPV4 ||
	       ind->type == PK_INDICATOR_IPV4_NET;
}

static unsigned labels_of(const char *text)
{
	unsigned n = 1;

	for (; *text; text++)
		n += *text == '.';
	return n;
}

static int covers_name(const struct pk_indicator *ind,
		       const struct pk_indicator *event)
{
	char q[PK_VALUE_TEXT_MAX], e[PK_VALUE_TEXT_MAX];
	size_t n = pk_indicator_print(ind, q);
	size_t m = pk_indicator_print(event, e);
	int below = m > n && e[m - n - 1] == '.' && !strcmp(e + m - n, q);

	if (ind->match == PK_MATCH_ONE_LABEL)
		return below && labels_of(e) == labels_of(q) + 1;
	return !strcmp(q, e) || (ind->match == PK_MATCH_SUBDOMAINS && below);
}

static int covers(const struct pk_indicator *ind,
		  const struct pk_indicator *event)
{
	unsigned bits = ind->type == PK_INDICATOR_IPV4	 ? 32
			: ind->type == PK_INDICATOR_IPV6 ? 128
							 : ind->bits;

	if ((ind->type == PK_INDICATOR_DOMAIN) !=
	    (event->type == PK_INDICATOR_DOMAIN))
		return 0;
	if (ind->type == PK_INDICATOR_DOMAIN)
		return covers_name(ind, event);
	return is_v4(ind) == is_v4(event) &&
	       pk_addr_in_net(&event->addr, &ind->addr, bits);
}

static int same(const struct pk_indicator *a, const struct pk_indicator *b)
{
	char x[PK_VALUE_TEXT_MAX], y[PK_VALUE_TEXT_MAX];

	pk_indicator_print(a, x);
	pk_indicator_print(b, y);
	return !strcmp(x, y);
}

static void twin_find(unsigned count, uint32_t generation,
		      const struct pk_indicator *ind, struct pk_seen_hit *hit)
{
	memset(hit, 0, sizeof(*hit));
	for (unsigned i = 0; i < count; i++) {
		int first = 1;

		if (events[i].generation + 1 < generation ||
		    !covers(ind, &events[i].ind))
			continue;
		for (unsigned k = 0; k < i; k++)
			first &= events[k].generation + 1 < generation ||
				 !same(&events[k].ind, &events[i].ind);
		hit->values += (uint32_t)first;
		hit->packets += events[i].n;
		hit->last = events[i].at;
	}
}

/* Generations by time alone: the rooms are never full here. */
static void compare(struct pk_seen *s, unsigned count, uint32_t generation,
		    int names)
{
	struct pk_seen_view *v = view(s, 0);
	char text[128];

	for (unsigned i = 0; i < 60; i++) {
		struct pk_seen_hit hit, twin;
		struct pk_indicator ind;

		if (names)
			random_name(text);
		else
			random_addr(text, (int)roll(2));
		ind = value(text);
		if (names)
			ind.match = (uint8_t)roll(PK_MATCH_COUNT);
		pk_seen_view_find(v, &ind, &hit);
		twin_find(count, generation, &ind, &twin);
		assert_memory_equal(&hit, &twin, sizeof(hit));
	}
	pk_seen_view_free(v);
}

static void agrees_with_a_slow_twin(void **state)
{
	(void)state;
	dice = 3;
	for (int names = 0; names < 2; names++) {
		struct pk_seen *s = make(1 << 12, 1 << 12, 1 << 17, SPAN);
		uint32_t now = 1000, begun = 0, generation = 1;

		for (unsigned i = 0; i < TWIN; i++) {
			char text[128];

			now += roll(5);
			if (!i)
				begun = now;
			if (now - begun >= SPAN) {
				begun = now;
				generation++;
			}
			if (names)
				random_name(text);
			else
				random_addr(text, 0);
			events[i].ind = value(text);
			events[i].at = now;
			events[i].generation = generation;
			events[i].n = roll(9);
			see(s, text, now, events[i].n);
			if (i % 100 == 99)
				compare(s, i + 1, generation, names);
		}
		pk_seen_free(s);
	}
}

static void marks_each_value_once(void **state)
{
	struct pk_seen *s = make(1 << 12, 1 << 12, 1 << 17, 1000);
	static uint8_t marked[1000];
	struct pk_seen_totals totals;
	struct pk_seen_view *v;
	uint64_t packets = 0;
	char text[64];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 256, i % 256);
		see(s, text, 1, i);
	}
	v = view(s, 0);
	for (unsigned round = 0; round < 200; round++) {
		unsigned bits = 22 + roll(11), at = roll(1000);
		unsigned width = 1U << (32 - bits);
		struct pk_indicator ind;

		snprintf(text, sizeof(text), "10.0.%u.%u/%u", at / 256,
			 at % 256, bits);
		ind = value(text);
		at -= at % width;
		for (unsigned i = at; i < at + width && i < 1000; i++) {
			packets += marked[i] ? 0 : i;
			marked[i] = 1;
		}
		pk_seen_view_mark(v, &ind);
		pk_seen_view_totals(v, &totals);
		assert_int_equal(totals.marked_packets, packets);
	}
	assert_int_equal(totals.packets, 999 * 1000 / 2);
	pk_seen_view_free(v);
	pk_seen_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_what_was_seen_and_when),
		cmocka_unit_test(one_label_more_is_one_label),
		cmocka_unit_test(forgets_by_time),
		cmocka_unit_test(keeps_the_newest_when_full),
		cmocka_unit_test(counts_do_not_wrap),
		cmocka_unit_test(rejects_bad_conf),
		cmocka_unit_test(agrees_with_a_slow_twin),
		cmocka_unit_test(marks_each_value_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
