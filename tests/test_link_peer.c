/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures of each link type, read twice by tshark: as they are, and after
 * dataplane/file has made Ethernet of them. It must see the same packets.
 */
#include "dataplane/file/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/gen/sink.h"

#define LEN(a) (sizeof(a) / sizeof *(a))
#define FIELDS                                                             \
	"-e frame.time_epoch -e ip.src -e ip.dst -e ipv6.src -e ipv6.dst " \
	"-e ip.proto -e ip.len -e ipv6.plen -e tcp.seq_raw -e udp.length " \
	"-e arp.src.proto_ipv4 -e dns.qry.name"

static const struct {
	const char *file, *link;
} captures[] = {
	{ "l2l3/pcapplusplus/null_loopback.pcap", "NULL" },
	{ "smtp/suricata-verify/smtp-rset.pcap", "NULL" },
	{ "l2l3/pcapplusplus/raw_ip.pcap", "RAW" },
	{ "l2l3/zeek/tcp__timeout-with-pings.pcap", "IPV4" },
	{ "l2l3/zeek/icmp__icmp6-mldv2.pcap", "IPV6" },
	{ "l2l3/zeek/linuxsll-arp.pcap", "LINUX_SLL" },
	{ "dns/ndpi/dns2tcp_tunnel.pcap", "LINUX_SLL" },
	{ "mixed/packetnet/LinuxCookedCapturev2.pcap", "LINUX_SLL2" },
	{ "l2l3/tcpdump/mpls-traceroute.pcap", "PPP" },
	{ "tls/mercury/quic_ppp.pcap", "PPP" },
};

/* Write the frames of @from to @to, as Ethernet. */
static void normalise(const char *from, const char *to, const char *link)
{
	struct pk_capture *c;
	struct pk_sink *sink;
	struct pk_frame f;
	char why[512];

	if (pk_capture_open(&c, from, why, sizeof why) != 0)
		fail_msg("%s", why);
	assert_string_equal(pk_capture_link_name(c), link);
	assert_int_equal(pk_sink_file(&sink, to), 0);
	while (pk_capture_next(c, &f) == 1) {
		assert_int_equal(f.link, PK_LINK_OK);
		assert_int_equal(pk_sink_send(sink, f.ts_ns, f.data, f.len), 0);
	}
	assert_string_equal(pk_capture_error(c), "");
	assert_int_equal(pk_sink_close(sink), 0);
	pk_capture_close(c);
}

/* What tshark prints of @path, to be freed. */
static char *decode(const char *path)
{
	char command[1024], *text = NULL;
	size_t n = 0;
	FILE *out;

	snprintf(command, sizeof command,
		 "tshark -n -r %s -T fields " FIELDS " 2>/dev/null", path);
	out = popen(command, "r");
	assert_non_null(out);
	assert_true(getdelim(&text, &n, 0, out) > 0);
	assert_int_equal(pclose(out), 0);
	return text;
}

static void tshark_sees_the_same_packets_behind_ethernet(void **state)
{
	const char *shared = getenv("PK_SHARED");
	char path[32] = "/tmp/pk-link-XXXXXX", from[512];
	int fd;

	(void)state;
	shared = shared ? shared : "../shared";
	snprintf(from, sizeof from, "%s/captures", shared);
	if (access(from, R_OK) != 0 ||
	    system("tshark --version >/dev/null 2>&1") != 0) {
		print_message("SKIPPED: no %s (set PK_SHARED), or no tshark\n",
			      from);
		skip();
	}
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < LEN(captures); i++) {
		char *before, *after;

		snprintf(from, sizeof from, "%s/captures/%s", shared,
			 captures[i].file);
		normalise(from, path, captures[i].link);
		before = decode(from);
		after = decode(path);
		if (strcmp(before, after) != 0)
			fail_msg("%s:\n%s\nbut\n%s", captures[i].file, before,
				 after);
		free(before);
		free(after);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tshark_sees_the_same_packets_behind_ethernet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
