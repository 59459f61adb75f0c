/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/guard/netset.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OWNERS = 3, MOST = 300 };

static uint32_t dice = 1;

static uint32_t roll(uint32_t n)
{
	dice = dice * 1664525 + 1013904223;
	return (dice >> 8) % n;
}

static struct pk_net net_of(const char *text, unsigned bits)
{
	union pk_addr addr;
	struct pk_net net;

	assert_int_equal(pk_addr_parse(&addr, text), 0);
	pk_net_set(&net, &addr, bits, pk_is_v4(&addr));
	return net;
}

static struct pk_net random_net(void)
{
	union pk_addr addr = { .b = { 0x20, 1 } };
	int v4 = (int)roll(2);
	struct pk_net net;

	if (v4) {
		assert_int_equal(pk_addr_parse(&addr, "11.0.0.0"), 0);
		addr.b[14] = (uint8_t)roll(4);
	}
	addr.b[15] = (uint8_t)roll(256);
	if (v4)
		pk_net_set(&net, &addr, roll(8) ? 20 + roll(13) : roll(20), 1);
	else
		pk_net_set(&net, &addr, roll(8) ? 116 + roll(13) : roll(116),
			   0);
	return net;
}

/* Bit by bit. */
static int covers(const struct pk_net *wide, const struct pk_net *net)
{
	if (wide->v4 != net->v4 || wide->bits > net->bits)
		return 0;
	for (unsigned i = 0; i < wide->bits; i++)
		if ((wide->key[i / 64] ^ net->key[i / 64]) >> (63 - i % 64) & 1)
			return 0;
	return 1;
}

/* All that cover @net, the longest first, without a gap. */
static void same_covers(const struct pk_netset *set, const struct pk_net *all,
			unsigned count, const struct pk_net *net)
{
	const struct pk_net *at = pk_netset_cover(set, net);
	unsigned wanted = 0, found = 0, bits = 128;

	for (unsigned i = 0; i < count; i++)
		wanted += (unsigned)covers(&all[i], net);
	for (; at; at = pk_netset_wider(set, at), found++) {
		assert_true(covers(at, net));
		assert_true(at->bits <= bits);
		bits = at->bits;
	}
	assert_int_equal(found, wanted);
}

static void same_inside(const struct pk_netset *set, const struct pk_net *all,
			unsigned count, const struct pk_net *net)
{
	const struct pk_net *at = pk_netset_inside(set, net);
	unsigned wanted = 0, found = 0;

	for (unsigned i = 0; i < count; i++)
		wanted += covers(net, &all[i]) && all[i].bits > net->bits;
	for (; at; at = pk_netset_next(set, net, at), found++)
		assert_true(covers(net, at) && at->bits > net->bits);
	assert_int_equal(found, wanted);
}

static void agrees_with_a_slow_twin(void **state)
{
	struct pk_net all[MOST * OWNERS], some[MOST];
	struct pk_netset set = { 0 };
	unsigned count = 0;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		uint16_t owner = (uint16_t)roll(OWNERS);
		unsigned n = 0, more = roll(MOST);

		for (unsigned i = 0; i < count; i++)
			if (all[i].owner != owner)
				all[n++] = all[i];
		count = n;
		for (unsigned i = 0; i < more; i++) {
			some[i] = random_net();
			some[i].owner = owner;
			all[count++] = some[i];
		}
		pk_net_sort(some, more);
		assert_int_equal(pk_netset_put(&set, owner, some, more), 0);
		for (unsigned i = 0; i < 200; i++) {
			struct pk_net net = random_net();

			same_covers(&set, all, count, &net);
			same_inside(&set, all, count, &net);
		}
	}
	pk_netset_fini(&set);
}

static void families_are_apart(void **state)
{
	struct pk_net nets[] = { net_of("::", 0), net_of("192.0.2.0", 24) };
	struct pk_net v4 = net_of("192.0.2.9", 32);
	struct pk_net all6 = net_of("::", 0), all4 = net_of("0.0.0.0", 0);
	struct pk_netset set = { 0 };
	char text[PK_VALUE_TEXT_MAX];

	(void)state;
	assert_null(pk_netset_cover(&set, &v4));
	assert_null(pk_netset_inside(&set, &all4));
	pk_net_sort(nets, 2);
	assert_int_equal(pk_netset_put(&set, PK_NO_OWNER, nets, 2), 0);
	pk_net_print(pk_netset_cover(&set, &v4), text);
	assert_string_equal(text, "192.0.2.0/24");
	assert_null(pk_netset_wider(&set, pk_netset_cover(&set, &v4)));
	assert_null(pk_netset_inside(&set, &all6));
	assert_non_null(pk_netset_inside(&set, &all4));
	pk_netset_fini(&set);
}

static void prints_as_indicators_do(void **state)
{
	static const struct {
		const char *addr;
		unsigned bits;
		const char *text;
	} rows[] = {
		{ "192.0.2.255", 25, "192.0.2.128/25" },
		{ "192.0.2.255", 32, "192.0.2.255" },
		{ "255.0.0.1", 0, "0.0.0.0/0" },
		{ "2001:db8::1", 128, "2001:db8::1" },
		{ "2001:db8:1::ffff", 64, "2001:db8:1::/64" },
		{ "2001:db8:1::ffff", 112, "2001:db8:1::/112" },
		{ "ffff::", 1, "8000::/1" },
		{ "ffff::", 0, "::/0" },
	};
	char text[PK_VALUE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pk_net net = net_of(rows[i].addr, rows[i].bits);

		assert_int_equal(pk_net_print(&net, text),
				 strlen(rows[i].text));
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_slow_twin),
		cmocka_unit_test(families_are_apart),
		cmocka_unit_test(prints_as_indicators_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
