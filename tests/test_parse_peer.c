/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder against scapy, which shares nothing with it: clean frames of the
 * grammar go to scapy as a capture file, and what it says of addresses, ports
 * and flags must be what the decoder says. Tags of 0x9100 and 0x9200 and some
 * extension headers stop scapy early; how often is bounded and printed.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bpf/parse.h"
#include "tools/gen/grammar.h"
#include "tools/gen/sink.h"

enum { SEED = 31, FRAMES = 3000, LINE = 256 };

static const char script[] =
	"import sys\n"
	"from scapy.all import (rdpcap, IP, IPv6, TCP, UDP, ICMP, Ether)\n"
	"for frame in rdpcap(sys.argv[1]):\n"
	"    ip = frame.payload\n"
	"    while ip.name.startswith('802.1'):\n"
	"        ip = ip.payload\n"
	"    if not isinstance(ip, (IP, IPv6)):\n"
	"        print('-')\n"
	"        continue\n"
	"    l4 = ip.payload\n"
	"    while l4.name.startswith('IPv6 Extension') or l4.name == 'AH':\n"
	"        l4 = l4.payload\n"
	"    row = [ip.src, ip.dst]\n"
	"    if isinstance(l4, TCP):\n"
	"        row += [6, l4.sport, l4.dport, int(l4.flags) & 255]\n"
	"    elif isinstance(l4, UDP):\n"
	"        row += [17, l4.sport, l4.dport, 0]\n"
	"    elif isinstance(l4, ICMP):\n"
	"        row += [1, l4.type, l4.code, 0]\n"
	"    print(*row)\n";

static int have_scapy(void)
{
	return system("/usr/bin/python3 -c 'import scapy.all' 2>/dev/null") ==
	       0;
}

static void write_capture(const char *path)
{
	uint8_t frame[PK_GRAMMAR_FRAME_MAX];
	struct pk_sink *sink;

	assert_int_equal(pk_sink_file(&sink, path), 0);
	for (uint64_t i = 0; i < FRAMES; i++) {
		uint32_t len = pk_grammar_clean(SEED, i, frame);

		assert_int_equal(pk_sink_send(sink, i * 1000, frame, len), 0);
	}
	assert_int_equal(pk_sink_close(sink), 0);
}

static void print_addr(const union pk_addr *a, int six, char *text)
{
	assert_non_null(inet_ntop(six ? AF_INET6 : AF_INET,
				  six ? a->b : a->b + 12, text,
				  INET6_ADDRSTRLEN));
}

/* How far scapy came with the frame: 0 nowhere, 1 addresses, 2 layer 4. */
static int compare(uint64_t i, const char *line)
{
	uint8_t frame[PK_GRAMMAR_FRAME_MAX];
	uint32_t len = pk_grammar_clean(SEED, i, frame);
	char src[64], dst[64], text[INET6_ADDRSTRLEN];
	unsigned proto, a, b, flags;
	struct pk_decode d;
	const struct pk_packet *p = &d.packet;
	int n = sscanf(line, "%63s %63s %u %u %u %u", src, dst, &proto, &a, &b,
		       &flags);

	if (n < 2)
		return 0;
	pk_parse(frame, frame + len, len, &d);
	assert_true(p->layers & PK_HAS_IP);
	print_addr(&p->key.src, p->eth_type == PK_ETH_IPV6, text);
	assert_string_equal(text, src);
	print_addr(&p->key.dst, p->eth_type == PK_ETH_IPV6, text);
	assert_string_equal(text, dst);
	if (n < 6 || !(p->layers & PK_HAS_PORTS))
		return 1;
	assert_int_equal(p->key.proto, proto);
	assert_int_equal(p->key.sport, a);
	assert_int_equal(proto == 1 ? p->icmp_code : p->key.dport, b);
	assert_int_equal(p->tcp_flags, flags);
	return 2;
}

static void scapy_sees_the_same_packets(void **state)
{
	char path[] = "/tmp/picket-parse-XXXXXX", command[4096], line[LINE];
	unsigned reached[3] = { 0 };
	int fd;
	FILE *f;

	(void)state;
	if (!have_scapy()) {
		print_message("SKIPPED: /usr/bin/python3 has no scapy\n");
		skip();
	}
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	write_capture(path);
	assert_int_equal(setenv("PK_SCRIPT", script, 1), 0);
	snprintf(command, sizeof(command),
		 "/usr/bin/python3 -c \"$PK_SCRIPT\" %s", path);
	f = popen(command, "r");
	assert_non_null(f);
	for (uint64_t i = 0; i < FRAMES; i++) {
		assert_non_null(fgets(line, sizeof(line), f));
		reached[compare(i, line)]++;
	}
	assert_int_equal(pclose(f), 0);
	unlink(path);
	print_message("# scapy: layer 4 of %u frames, addresses of %u more\n",
		      reached[2], reached[1]);
	assert_true(reached[2] > FRAMES / 3);
	assert_true(reached[1] + reached[2] > FRAMES * 6 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scapy_sees_the_same_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
