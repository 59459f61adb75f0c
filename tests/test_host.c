/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/host.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char netdev[] =
	"Inter-|   Receive                |  Transmit\n"
	" face |bytes packets errs drop fifo frame compressed multicast|bytes "
	"packets errs drop fifo colls carrier compressed\n"
	"    lo:     100       2    0    0    0     0          0         0      "
	"100       2    0    0    0     0       0          0\n"
	" eth01: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
	"  eth0:11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26\n";

static void counters_belong_to_the_whole_name(void **state)
{
	struct pk_host_netdev n;

	(void)state;
	assert_int_equal(pk_host_netdev_in(netdev, "eth0", &n), 0);
	assert_int_equal(n.rx_bytes, 11);
	assert_int_equal(n.rx_packets, 12);
	assert_int_equal(n.rx_errors, 13);
	assert_int_equal(n.rx_dropped, 14);
	assert_int_equal(n.tx_bytes, 19);
	assert_int_equal(n.tx_packets, 20);
	assert_int_equal(n.tx_errors, 21);
	assert_int_equal(n.tx_dropped, 22);
	assert_int_equal(pk_host_netdev_in(netdev, "eth", &n), -ENODEV);
	assert_int_equal(pk_host_netdev_in("", "eth0", &n), -ENODEV);
}

static void the_kernel_knows_lo(void **state)
{
	struct pk_host_netdev n;

	(void)state;
	assert_int_equal(pk_host_netdev("lo", &n), 0);
	assert_int_equal(pk_host_netdev("no-such-if", &n), -ENODEV);
}

static const char route4[] =
	"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU"
	"\tWindow\tIRTT\n"
	"eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
	"eth1\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
	"eth2\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n"
	"eth3\t00000000\t00000000\t0000\t0\t0\t0\t00000000\t0\t0\t0\n";

#define ZERO "00000000000000000000000000000000"
static const char route6[] =
	"fe800000000000000000000000000000 40 " ZERO " 00 " ZERO
	" 00000100 00000001 00000000 00000001     eth1\n" ZERO " 00 " ZERO
	" 00 " ZERO " ffffffff 00000001 00000000 00200201       lo\n" ZERO
	" 00 " ZERO " 00 fe800000000000000000000000000001 00000400 00000001 "
	"00000000 00000003     eth4\n";

static void only_a_default_route_that_is_up_counts(void **state)
{
	(void)state;
	assert_true(pk_host_is_default_in(route4, route6, "eth0"));
	assert_false(pk_host_is_default_in(route4, route6, "eth1"));
	assert_false(pk_host_is_default_in(route4, route6, "eth2"));
	assert_false(pk_host_is_default_in(route4, route6, "eth3"));
	assert_true(pk_host_is_default_in(route4, route6, "eth4"));
	assert_false(pk_host_is_default_in(route4, route6, "lo"));
	assert_false(pk_host_is_default_in(NULL, NULL, "eth0"));
}

static void a_vdev_names_its_interface(void **state)
{
	char name[IF_NAMESIZE] = "";

	(void)state;
	assert_int_equal(
		pk_host_vdev_iface("net_af_packet0,iface=veth0,qpairs=2", name),
		0);
	assert_string_equal(name, "veth0");
	assert_int_equal(
		pk_host_vdev_iface("net_af_xdp,start_queue=0,iface=e", name),
		0);
	assert_string_equal(name, "e");
	assert_int_equal(pk_host_vdev_iface("net_null0", name), -ENOENT);
	assert_int_equal(pk_host_vdev_iface("iface=veth0", name), -ENOENT);
	assert_int_equal(pk_host_vdev_iface("a,iface=", name), -ENOENT);
	assert_int_equal(pk_host_vdev_iface("a,ifaces=x", name), -ENOENT);
	assert_int_equal(pk_host_vdev_iface("a,iface=sixteen-letters-", name),
			 -ENOENT);
}

static void pins_need_a_bpffs(void **state)
{
	char why[512] = "";

	(void)state;
	assert_int_equal(pk_host_pin_dir("/tmp/no-bpffs/x", why, sizeof(why)),
			 -EOPNOTSUPP);
	assert_non_null(strstr(why, "mount -t bpf"));
	assert_non_null(strstr(why, "/tmp/no-bpffs/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_belong_to_the_whole_name),
		cmocka_unit_test(the_kernel_knows_lo),
		cmocka_unit_test(only_a_default_route_that_is_up_counts),
		cmocka_unit_test(a_vdev_names_its_interface),
		cmocka_unit_test(pins_need_a_bpffs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
