/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void is(const struct pk_own *own, unsigned at, const char *text,
	       unsigned bits, const char *label)
{
	char is[PK_ADDR_TEXT_MAX];

	assert_true(at < own->count);
	pk_addr_print(&own->all[at].addr, is);
	assert_string_equal(is, text);
	assert_int_equal(own->all[at].bits, bits);
	assert_string_equal(own->all[at].label, label);
}

static void gateways_are_read_from_the_routes(void **state)
{
	static const char text[] =
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask"
		"\t\tMTU\tWindow\tIRTT\n"
		"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
		"eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
		"eth1\t0000000A\t0100000A\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n"
		"eth2\t0000000B\t0100000A\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n"
		"eth2\t0000000B\t0200000A\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n"
		"eth2\tnonsense\n"
		"eth3\t0000000B\t0100FEA9\t0003\t0\t0\t0\t000000FF\t0\t0\t0";
	struct pk_own own = { 0 };

	(void)state;
	assert_int_equal(pk_own_parse_route(&own, text, strlen(text)), 0);
	assert_int_equal(own.count, 2);
	is(&own, 0, "192.0.2.1", 32, "gateway of eth0");
	is(&own, 1, "10.0.0.1", 32, "gateway of eth1");
	pk_own_fini(&own);
	assert_null(own.all);
}

static void gateways_of_ipv6_too(void **state)
{
	static const char text[] =
		"00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00 "
		"20010db8000000000000000000000001 00000400 00000001 00000000 "
		"00000003     eth0\n"
		"20010db8000000000000000000000000 40 "
		"00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 "
		"00000001     eth0\n"
		"00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 "
		"00000003     eth1\n"
		"00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00 "
		"zz010db8000000000000000000000001 00000400 00000001 00000000 "
		"00000003     eth0\n";
	struct pk_own own = { 0 };

	(void)state;
	assert_int_equal(pk_own_parse_route6(&own, text, strlen(text)), 0);
	assert_int_equal(own.count, 1);
	is(&own, 0, "2001:db8::1", 128, "gateway of eth0");
	pk_own_fini(&own);
}

static void an_address_is_itself_and_its_network(void **state)
{
	struct pk_own own = { 0 };
	union pk_addr addr;

	(void)state;
	assert_int_equal(pk_addr_parse(&addr, "192.0.2.5"), 0);
	pk_own_add(&own, PK_OWN_ADDRESSES | PK_OWN_PREFIXES, "eth0", &addr, 24);
	pk_own_add(&own, PK_OWN_PREFIXES, "ppp0", &addr, 32);
	pk_own_add(&own, PK_OWN_PREFIXES, "odd0", &addr, 0);
	assert_int_equal(pk_addr_parse(&addr, "fe80::1"), 0);
	pk_own_add(&own, PK_OWN_ADDRESSES, "eth0", &addr, 64);
	assert_int_equal(pk_addr_parse(&addr, "2001:db8::5"), 0);
	pk_own_add(&own, PK_OWN_ADDRESSES | PK_OWN_PREFIXES,
		   "a-name-too-long-by-far", &addr, 64);
	assert_int_equal(own.count, 4);
	is(&own, 0, "192.0.2.5", 32, "address of eth0");
	is(&own, 1, "192.0.2.5", 24, "network of eth0");
	is(&own, 2, "2001:db8::5", 128, "address of a-name-too-long");
	is(&own, 3, "2001:db8::5", 64, "network of a-name-too-long");
	pk_own_fini(&own);
}

static void there_is_an_end_to_it(void **state)
{
	struct pk_own own = { 0 };
	union pk_addr addr;

	(void)state;
	assert_int_equal(pk_addr_parse(&addr, "11.0.0.0"), 0);
	for (unsigned i = 0; i < PK_OWN_MAX + 5; i++) {
		addr.b[14] = (uint8_t)(i >> 8);
		addr.b[15] = (uint8_t)i;
		assert_int_equal(
			pk_own_add(&own, PK_OWN_ADDRESSES, "eth0", &addr, 32),
			0);
	}
	assert_int_equal(own.count, PK_OWN_MAX);
	assert_int_equal(own.left_out, 5);
	pk_own_fini(&own);
}

static void this_host_can_be_read(void **state)
{
	struct pk_guard_options o;
	struct pk_own own = { 0 };
	struct pk_guard *g;

	(void)state;
	assert_int_equal(pk_own_read(&own, PK_OWN_ADDRESSES | PK_OWN_GATEWAYS |
						   PK_OWN_PREFIXES),
			 0);
	for (unsigned i = 0; i < own.count; i++)
		assert_int_not_equal(own.all[i].addr.b[12], 127);
	pk_guard_options_init(&o);
	o.allow_bogons = 1;
	assert_int_equal(pk_guard_new(&g, &o), 0);
	assert_int_equal(pk_guard_set_own(g, own.all, own.count), 0);
	for (unsigned i = 0; i < own.count; i++) {
		struct pk_indicator ind;

		pk_indicator_init(&ind);
		ind.addr = own.all[i].addr;
		ind.type = pk_is_v4(&ind.addr) ? PK_INDICATOR_IPV4
					       : PK_INDICATOR_IPV6;
		assert_int_not_equal(pk_guard_check(g, &ind, 0, NULL),
				     PK_REFUSED_NONE);
	}
	pk_guard_free(g);
	pk_own_fini(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gateways_are_read_from_the_routes),
		cmocka_unit_test(gateways_of_ipv6_too),
		cmocka_unit_test(an_address_is_itself_and_its_network),
		cmocka_unit_test(there_is_an_end_to_it),
		cmocka_unit_test(this_host_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
