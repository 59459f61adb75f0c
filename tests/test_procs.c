/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The launcher starts a port: what it is asked, against what root's file says.
 * In picket-dpdk's place runs this program, which tells its command line.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/launcher/launcher_inside.h"

static const char file[] = "{ \"ports\": [ { \"name\": \"cap\", "
			   "\"vdev\": \"net_pcap0,rx_pcap=/a.pcap\" } ] }";

/* Ask @l for a port. Its status; @said is the command line, or why not. */
static int start(const char *name, const char *device, uint32_t flags,
		 char said[512])
{
	static struct pk_launcher l;
	struct pk_request r = { .kind = PK_REQUEST_PORT_START,
				.flags = flags,
				.workers = 2 };
	struct pk_answer a = { .kind = PK_REQUEST_PORT_START };
	struct pk_config *c = NULL;
	char err[300];
	ssize_t n = 0;
	int pair[2];

	assert_int_equal(pk_config_parse(&c, "f", file, strlen(file), err, 300),
			 0);
	memset(&l, 0, sizeof(l));
	l.config = c;
	l.identity = (struct pk_identity){ 1234, 5678, 5678 };
	l.requests = -1;
	l.dpdk_program = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	strcpy(r.name, name);
	strcpy(r.device, device);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pk_procs_start_port(&l, &r, pair[1], &a);
	close(pair[1]);
	memset(said, 0, 512);
	if (a.status)
		memcpy(said, a.why, sizeof(a.why));
	else
		while ((n = read(pair[0], said + strlen(said),
				 511 - strlen(said))) > 0)
			;
	close(pair[0]);
	close(l.dpdk_program);
	if (a.process)
		waitpid(a.process, NULL, 0);
	pk_config_free(c);
	return a.status;
}

static void a_device_that_opens_files_is_not_started(void **state)
{
	static const char *const bad[][2] = {
		{ "net_pcap0,tx_pcap=/etc/x", "tx_pcap" },
		{ "net_pcap0,rx_pcap=/etc/shadow", "rx_pcap" },
		{ "net_af_packet0,iface=lo,tx_pcap=/etc/x", "tx_pcap" },
		{ "net_af_xdp0,iface=lo,xdp_prog=/tmp/x", "xdp_prog" },
		{ "net_tap0,iface=t0", "net_tap" },
	};
	char said[512];

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(start("p", bad[i][0], 0, said), -EOPNOTSUPP);
		assert_non_null(strstr(said, bad[i][1]));
	}
	assert_int_equal(start("p", "0000:03:00.0,x=/etc/x", PK_PORT_PCI, said),
			 -EINVAL);
}

static void what_the_file_says_is_started(void **state)
{
	char said[512];

	(void)state;
	assert_int_equal(start("cap", "net_pcap0,rx_pcap=/a.pcap", 0, said), 0);
	assert_non_null(strstr(said, " net_pcap0,rx_pcap=/a.pcap "));
	/* that, and no more */
	assert_int_equal(start("cap", "net_pcap0,rx_pcap=/b.pcap", 0, said),
			 -EOPNOTSUPP);
	assert_int_equal(start("cap2", "net_pcap0,rx_pcap=/a.pcap", 0, said),
			 -EOPNOTSUPP);
	assert_int_equal(start("cap",
			       "net_pcap0,rx_pcap=/a.pcap,tx_pcap=/etc/x", 0,
			       said),
			 -EOPNOTSUPP);
}

static void a_plane_is_told_whom_to_become(void **state)
{
	char said[512];

	(void)state;
	assert_int_equal(start("p", "net_null0", PK_PORT_NO_HUGE, said), 0);
	assert_string_equal(said, "picket-dpdk --name p --vdev net_null0 "
				  "--workers 2 --uid 1234 --gid 5678 "
				  "--no-huge ");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_that_opens_files_is_not_started),
		cmocka_unit_test(what_the_file_says_is_started),
		cmocka_unit_test(a_plane_is_told_whom_to_become),
	};

	if (!strcmp(argv[0], "picket-dpdk")) {
		for (int i = 0; i < argc; i++)
			dprintf(3, "%s ", argv[i]);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
