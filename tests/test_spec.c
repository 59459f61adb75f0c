/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/spec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static int may_ask(const char *device, int pci, char why[400])
{
	int err;

	why[0] = '\0';
	err = pk_spec_may_ask(device, pci, why, 400);
	if (!err != !why[0])
		fail_msg("%s: %d \"%s\"", device, err, why);
	return err;
}

static void listed_devices_may_be_asked_for(void **state)
{
	static const char *const good[] = {
		"net_af_packet0,iface=eth0",
		"net_af_packet,iface=e,qpairs=2,blocksz=4096,framesz=2048",
		"net_af_packet12,framecnt=1,iface=a.b:c@d-e_f",
		"net_af_xdp0,iface=veth0,start_queue=0,queue_count=4",
		"net_null0",
		"net_null1,size=64,copy=1",
		"net_ring0",
	};
	char why[400];

	(void)state;
	for (size_t i = 0; i < LEN(good); i++)
		if (may_ask(good[i], 0, why))
			fail_msg("%s: %s", good[i], why);
	assert_int_equal(may_ask("0000:03:00.0", 1, why), 0);
	assert_int_equal(may_ask("10000:e1:1f.7", 1, why), 0);
}

/* Each with what its sentence must name. */
static void what_opens_files_is_the_files_to_say(void **state)
{
	static const char *const bad[][2] = {
		{ "net_pcap0,tx_pcap=/etc/x", "net_pcap with the key tx_pcap" },
		{ "net_pcap0,rx_pcap=/etc/shadow", "rx_pcap" },
		{ "net_pcap0,iface=lo", "net_pcap" },
		{ "net_pcap", "net_pcap" },
		{ "net_tap0,iface=tap0", "net_tap" },
		{ "net_tap0,remote=lo", "net_tap with the key remote" },
		{ "net_af_packet0,iface=lo,tx_pcap=/etc/x", "\"tx_pcap\"" },
		{ "net_af_packet0,iface=lo,qdisc_bypass=1",
		  "\"qdisc_bypass\"" },
		{ "net_af_xdp0,iface=lo,xdp_prog=/tmp/x.o", "\"xdp_prog\"" },
		{ "net_af_xdp0,xdp_prog=/tmp/x.o", "\"xdp_prog\"" },
		{ "net_af_xdp0,iface=lo,dp_path=/tmp/s", "\"dp_path\"" },
		{ "net_null0,iface=lo", "\"iface\"" },
		{ "net_ring0,nodeaction=r:0:CREATE", "\"nodeaction\"" },
		{ "net_ring0,internal=0x1234", "\"internal\"" },
		{ "net_null0,", "\"\"" },
		{ "net_null0,,size=1", "\"\"" },
		{ "net_null0,SIZE=1", "\"SIZE\"" },
		{ "net_null0,size =1", "\"size \"" },
	};
	char why[400];

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		int err = may_ask(bad[i][0], 0, why);

		if (err != -EOPNOTSUPP || !strstr(why, bad[i][1]))
			fail_msg("%s: %d %s", bad[i][0], err, why);
		assert_non_null(strstr(why, "configuration file"));
	}
}

static void values_hide_nothing(void **state)
{
	static const char *const bad[] = {
		"net_af_packet0,iface=",
		"net_af_packet0,iface",
		"net_af_packet0,iface=a/b",
		"net_af_packet0,iface=[a",
		"net_af_packet0,iface=-a",
		"net_af_packet0,iface=sixteen-letters-",
		"net_af_packet0,iface=lo,iface=eth0",
		"net_af_packet0,iface=lo,qpairs=",
		"net_af_packet0,iface=lo,qpairs=0x2",
		"net_af_packet0,iface=lo,qpairs=-1",
		"net_af_packet0,iface=lo,qpairs=1=2",
		"net_af_packet0,iface=lo,qpairs=99999999999",
		"net_null0,size=1,size=2",
		"net_nonsense",
		"net_nullx",
		"net_null0x,size=1",
		"eth_pcap0,tx_pcap=/etc/x",
		"bus=vdev,name=net_pcap0",
		"",
	};
	char why[400];

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++)
		if (may_ask(bad[i], 0, why) != -EINVAL)
			fail_msg("%s: %s", bad[i], why);
	assert_int_equal(may_ask("0000:03:00.0,x=/etc/x", 1, why), -EINVAL);
	assert_int_equal(may_ask("net_null0", 1, why), -EINVAL);
	assert_int_equal(may_ask("0000:03:00.0", 0, why), -EINVAL);
}

/* No byte of a long device gets lost and makes another one of it. */
static void a_long_item_is_refused(void **state)
{
	char device[256], why[400];

	(void)state;
	for (size_t n = 1; n < 200; n++) {
		strcpy(device, "net_null0,size=1,");
		memset(device + 17, 'k', n);
		strcpy(device + 17 + n, "=1");
		assert_int_equal(may_ask(device, 0, why), -EOPNOTSUPP);
		strcpy(device, "net_null0,size=");
		memset(device + 15, '1', n);
		device[15 + n] = '\0';
		assert_int_equal(may_ask(device, 0, why),
				 n <= 10 ? 0 : -EINVAL);
	}
}

static void names_are_those_of_the_kernel_and_the_planes(void **state)
{
	(void)state;
	assert_true(pk_spec_is_iface("eth0.1:2@x"));
	assert_true(pk_spec_is_iface("fifteen-letters"));
	assert_false(pk_spec_is_iface("sixteen-letters-"));
	assert_false(pk_spec_is_iface("."));
	assert_false(pk_spec_is_iface(".."));
	assert_false(pk_spec_is_iface("-a"));
	assert_false(pk_spec_is_iface(""));
	assert_true(pk_spec_is_port("xdp1"));
	assert_true(pk_spec_is_port("a2345678901234567890123456789012"));
	assert_false(pk_spec_is_port("a23456789012345678901234567890123"));
	assert_false(pk_spec_is_port("xdp"));
	assert_false(pk_spec_is_port(".a"));
	assert_false(pk_spec_is_port("a b"));
	/* from the file any key may come, from a known driver */
	assert_true(pk_spec_is_vdev("net_pcap0,rx_pcap=/x,tx_pcap=/y"));
	assert_false(pk_spec_is_vdev("net_pcap0,rx_pcap=/a b"));
	assert_false(pk_spec_is_vdev("pcap0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listed_devices_may_be_asked_for),
		cmocka_unit_test(what_opens_files_is_the_files_to_say),
		cmocka_unit_test(values_hide_nothing),
		cmocka_unit_test(a_long_item_is_refused),
		cmocka_unit_test(names_are_those_of_the_kernel_and_the_planes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
