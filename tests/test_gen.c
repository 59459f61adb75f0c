/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/gen/frame.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "tools/gen/scenario.h"
#include "tools/gen/sink.h"

#define LEN(a)	 (sizeof(a) / sizeof *(a))
#define START_NS 1500000000000000000u

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t mac_b[6] = { 2, 0, 0, 0, 0, 2 };

static struct pk_frame_ip ip4(void)
{
	struct pk_frame_ip ip = {
		.src = { [10] = 0xff, 0xff, 192, 168, 0, 1 },
		.dst = { [10] = 0xff, 0xff, 192, 168, 0, 199 },
	};

	return ip;
}

static struct pk_frame_ip ip6(void)
{
	struct pk_frame_ip ip = {
		.src = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 },
		.dst = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 },
	};

	return ip;
}

/* --- the builder ---------------------------------------------------------- */

/* The IPv4 header that textbooks add up: checksum b861. */
static void adds_up_a_well_known_header(void **state)
{
	static const uint8_t want[20] = { 0x45, 0,    0,    0x73, 0,
					  0,	0x40, 0,    0x40, 0x11,
					  0xb8, 0x61, 0xc0, 0xa8, 0,
					  1,	0xc0, 0xa8, 0,	  0xc7 };
	const uint8_t payload[0x73 - 28] = { 0 };
	struct pk_frame_ip ip = ip4();
	struct pk_frame_builder b;
	uint8_t bytes[200];

	(void)state;
	ip.fragment = 0x4000;
	pk_frame_init(&b, bytes, sizeof bytes);
	pk_frame_eth(&b, mac_b, mac_a);
	pk_frame_ip(&b, &ip);
	pk_frame_udp(&b, 1, 2);
	pk_frame_payload(&b, payload, sizeof payload);
	assert_int_equal(pk_frame_end(&b), 14 + 0x73);
	assert_memory_equal(bytes + 14, want, sizeof want);
}

static void a_zero_udp_checksum_becomes_all_ones(void **state)
{
	struct pk_frame_ip ip = ip4();
	bool seen = false;

	(void)state;
	for (uint32_t port = 0; port <= UINT16_MAX; port++) {
		struct pk_frame_builder b;
		uint8_t bytes[64];

		pk_frame_init(&b, bytes, sizeof bytes);
		pk_frame_ip(&b, &ip);
		pk_frame_udp(&b, (uint16_t)port, 53);
		assert_int_equal(pk_frame_end(&b), 28);
		assert_int_not_equal(bytes[26] << 8 | bytes[27], 0);
		seen |= bytes[26] == 0xff && bytes[27] == 0xff;
	}
	assert_true(seen);
}

static int full_frame(uint8_t *bytes, size_t cap)
{
	struct pk_frame_tcp tcp = { .sport = 1, .dport = 2, .options_n = 40 };
	const uint8_t body[6] = { 1, 4 };
	struct pk_frame_ip ip = ip6();
	struct pk_frame_builder b;

	pk_frame_init(&b, bytes, cap);
	pk_frame_eth(&b, mac_b, mac_a);
	pk_frame_vlan(&b, 0x88a8, 1);
	pk_frame_vlan(&b, 0x8100, 2);
	pk_frame_ip(&b, &ip);
	pk_frame_ext(&b, 0, body, sizeof body);
	pk_frame_tcp(&b, &tcp);
	pk_frame_payload(&b, "abc", 3);
	return pk_frame_end(&b);
}

static void stays_inside_any_buffer(void **state)
{
	const int whole = 14 + 8 + 40 + 8 + 60 + 3;

	(void)state;
	for (int cap = 0; cap <= whole; cap++) {
		uint8_t *bytes = malloc(cap ? (size_t)cap : 1);

		assert_int_equal(full_frame(bytes, (size_t)cap),
				 cap < whole ? -ENOSPC : whole);
		free(bytes);
	}
}

static void refuses_layers_that_cannot_stand_there(void **state)
{
	struct pk_frame_tcp tcp = { .options_n = 0 }, odd = { .options_n = 3 };
	struct pk_frame_ip mixed = ip4(), four = ip4(), long_options = ip4();
	const uint8_t body[6] = { 0 };
	struct pk_frame_builder b;
	uint8_t bytes[512];

	(void)state;
	memcpy(mixed.dst, ip6().dst, 16);
	long_options.options_n = 44;
	for (int i = 0; i < 9; i++) {
		pk_frame_init(&b, bytes, sizeof bytes);
		pk_frame_eth(&b, mac_b, mac_a);
		switch (i) {
		case 0:
			pk_frame_ip(&b, &mixed);
			break;
		case 1:
			pk_frame_tcp(&b, &tcp);
			break;
		case 2:
			pk_frame_ip(&b, &long_options);
			break;
		case 3:
			pk_frame_ip(&b, &four);
			pk_frame_ext(&b, 0, body, sizeof body);
			break;
		case 4:
			pk_frame_ip(&b, &four);
			pk_frame_tcp(&b, &odd);
			break;
		case 5:
			pk_frame_ip(&b, &four);
			pk_frame_udp(&b, 1, 2);
			pk_frame_udp(&b, 1, 2);
			break;
		case 6:
			pk_frame_ip(&b, &four);
			pk_frame_vlan(&b, 0x8100, 1);
			break;
		case 7:
			pk_frame_icmp(&b, 8, 0, 0);
			break;
		default:
			pk_frame_gre(&b);
			break;
		}
		assert_int_equal(pk_frame_end(&b), -EINVAL);
	}
}

static void refuses_what_is_too_deep_or_too_long(void **state)
{
	static uint8_t bytes[70000], payload[65536];
	struct pk_frame_ip ip = ip4();
	struct pk_frame_builder b;

	(void)state;
	pk_frame_init(&b, bytes, sizeof bytes);
	for (int i = 0; i <= PK_FRAME_LAYERS; i++)
		pk_frame_ip(&b, &ip);
	assert_int_equal(pk_frame_end(&b), -E2BIG);

	pk_frame_init(&b, bytes, sizeof bytes);
	pk_frame_ip(&b, &ip);
	pk_frame_payload(&b, payload, 65515);
	assert_int_equal(pk_frame_end(&b), 65535);
	pk_frame_init(&b, bytes, sizeof bytes);
	pk_frame_ip(&b, &ip);
	pk_frame_payload(&b, payload, 65516);
	assert_int_equal(pk_frame_end(&b), -E2BIG);
}

/* --- scenarios ------------------------------------------------------------ */

static void write_capture(const char *path, const char *name,
			  const struct pk_scenario_conf *conf, uint64_t count)
{
	const struct pk_scenario *s = pk_scenario_find(name);
	uint8_t bytes[PK_SCENARIO_FRAME_MAX];
	struct pk_sink *sink;

	assert_non_null(s);
	assert_int_equal(pk_sink_file(&sink, path), 0);
	for (uint64_t i = 0; i < count; i++) {
		int len = pk_scenario_frame(s, conf, i, bytes);

		assert_true(len > 0);
		assert_int_equal(pk_sink_send(sink, START_NS + i * 1000000,
					      bytes, (size_t)len),
				 0);
	}
	assert_int_equal(pk_sink_close(sink), 0);
}

static void temporary(char path[32])
{
	int fd;

	strcpy(path, "/tmp/pk-gen-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
}

static void the_same_seed_gives_the_same_bytes_in_any_order(void **state)
{
	const struct pk_scenario *s;

	(void)state;
	for (size_t n = 0; (s = pk_scenario_at(n)); n++) {
		uint8_t forth[100][PK_SCENARIO_FRAME_MAX] = { { 0 } };
		uint8_t back[PK_SCENARIO_FRAME_MAX];
		struct pk_scenario_conf conf;
		int len[100];

		pk_scenario_defaults(&conf);
		for (uint64_t i = 0; i < 100; i++)
			len[i] = pk_scenario_frame(s, &conf, i, forth[i]);
		for (uint64_t i = 100; i-- > 0;) {
			memset(back, 0xee, sizeof back);
			assert_int_equal(pk_scenario_frame(s, &conf, i, back),
					 len[i]);
			assert_memory_equal(back, forth[i], (size_t)len[i]);
		}
	}
}

static void another_seed_gives_other_bytes(void **state)
{
	static const char *const names[] = { "portscan", "spam", "winscan",
					     "talk",	 "syn",	 "dnsquery",
					     "flood",	 "ping", "established",
					     "mixed" };

	(void)state;
	for (size_t n = 0; n < LEN(names); n++) {
		const struct pk_scenario *s = pk_scenario_find(names[n]);
		uint8_t one[PK_SCENARIO_FRAME_MAX], two[sizeof one];
		struct pk_scenario_conf conf;
		int len;

		pk_scenario_defaults(&conf);
		len = pk_scenario_frame(s, &conf, 0, one);
		conf.seed++;
		assert_int_equal(pk_scenario_frame(s, &conf, 0, two), len);
		assert_memory_not_equal(one, two, (size_t)len);
	}
}

static void refuses_a_configuration_without_sense(void **state)
{
	static const char *const names[] = {
		"", ".", "a..b", ".a",
		"label-of-64-bytes-0123456789012345678901234567890123456789abcdef"
	};
	const struct pk_scenario *s = pk_scenario_find("dnsquery");
	uint8_t bytes[PK_SCENARIO_FRAME_MAX];
	struct pk_scenario_conf conf;
	char name[PK_SCENARIO_NAME_MAX + 2];

	(void)state;
	assert_null(pk_scenario_find("nothing"));
	pk_scenario_defaults(&conf);
	for (size_t i = 0; i < LEN(names); i++) {
		conf.name = names[i];
		assert_int_equal(pk_scenario_frame(s, &conf, 0, bytes),
				 -EINVAL);
	}
	memset(name, 'a', sizeof name);
	for (size_t i = 63; i < sizeof name; i += 64)
		name[i] = '.';
	conf.name = name;
	name[PK_SCENARIO_NAME_MAX + 1] = 0;
	assert_int_equal(pk_scenario_frame(s, &conf, 0, bytes), -EINVAL);
	name[PK_SCENARIO_NAME_MAX] = 0;
	assert_int_equal(pk_scenario_frame(s, &conf, 0, bytes),
			 14 + 20 + 8 + 12 + 255 + 4);
	pk_scenario_defaults(&conf);
	memcpy(conf.src, ip6().src, 16);
	assert_int_equal(pk_scenario_frame(s, &conf, 0, bytes), -EINVAL);
}

static void a_scan_repeats_no_host_and_port(void **state)
{
	const struct pk_scenario *s = pk_scenario_find("portscan");
	static bool seen[3][65536];
	struct pk_scenario_conf conf;

	(void)state;
	pk_scenario_defaults(&conf);
	conf.hosts = 3;
	for (uint64_t i = 0; i < 3 * 50000; i++) {
		uint8_t f[PK_SCENARIO_FRAME_MAX];

		assert_int_equal(pk_scenario_frame(s, &conf, i, f), 58);
		assert_in_range(f[33], 20, 22);
		assert_false(seen[f[33] - 20][f[36] << 8 | f[37]]);
		seen[f[33] - 20][f[36] << 8 | f[37]] = true;
	}
}

/* --- what tshark makes of them -------------------------------------------- */

#define BAD                                                                  \
	"(_ws.malformed || ip.checksum.status==0 || tcp.checksum.status==0 " \
	"|| udp.checksum.status==0 || icmp.checksum.status==0 || "           \
	"icmpv6.checksum.status==0 || tcp.analysis.lost_segment || "         \
	"tcp.analysis.ack_lost_segment || tcp.analysis.retransmission)"

static const struct {
	const char *scenario;
	uint64_t count, matches;
	const char *filter;
	bool ip6;
	uint32_t hosts, flows;
} intents[] = {
	{ "portscan", 101, 101,
	  "ip.src==192.0.2.10 && ip.dst==198.51.100.20 && tcp.flags==2 && "
	  "tcp.dstport>=10000 && tcp.dstport<=10100 && ip.len<=62",
	  false, 1, 1 },
	{ "portscan", 30, 10, "ip.dst==198.51.100.22 && tcp.flags==2", false, 3,
	  1 },
	{ "portscan", 101, 101, "ipv6.dst==2001:db8::2 && tcp.flags==2", true,
	  1, 1 },
	{ "spam", 21, 21,
	  "tcp.dstport==25 && smtp.req.command==\"EHLO\" && "
	  "ip.dst>=198.51.100.20 && ip.dst<=198.51.100.40",
	  false, 1, 1 },
	{ "winscan", 6, 6,
	  "tcp.flags==2 && tcp.dstport in {135,137,139,445,1433,3389}", false,
	  1, 1 },
	{ "talk", 20, 20, "tcp.completeness==31 && tcp.stream<2", false, 1, 1 },
	{ "talk", 10, 1,
	  "http.request.method==\"GET\" && http.host==\"www.example.com\"",
	  false, 1, 1 },
	{ "talk", 10, 1, "http.response.code==200 && ipv6", true, 1, 1 },
	{ "dnsquery", 3, 3,
	  "dns.qry.name==\"www.example.com\" && dns.qry.type==1 && "
	  "udp.dstport==53 && dns.flags.response==0",
	  false, 1, 1 },
	{ "dnsquery", 3, 3, "dns.qry.type==28 && ipv6", true, 1, 1 },
	{ "syn", 1, 1, "tcp.flags==2 && tcp.dstport==80", false, 1, 1 },
	{ "flood", 500, 500, "tcp.flags==2 && ip.src<224.0.0.0", false, 1, 1 },
	{ "flood", 500, 500, "tcp.stream>=0 && ipv6.src==2001:db8::/64", true,
	  1, 1 },
	{ "established", 70, 70, "tcp.stream<7 && tcp.len==64", false, 1, 7 },
	{ "established", 70, 10, "tcp.stream==6", true, 1, 7 },
	{ "ping", 10, 5, "icmp.resp_to", false, 1, 1 },
	{ "ping", 10, 5, "icmpv6.type==129", true, 1, 1 },
	{ "options", 2, 2, "ip.opt.ra==0 && udp.dstport==9", false, 1, 1 },
	{ "options", 2, 2,
	  "ipv6.opt.router_alert==0 && ipv6.dstopts && udp.dstport==9", true, 1,
	  1 },
	{ "tunnel", 5, 5,
	  "gre.proto==0x0800 && ip.src==192.0.2.10 && ip.src==192.0.2.11 && "
	  "udp.length==17",
	  false, 1, 1 },
	{ "tunnel", 5, 5, "gre.proto==0x86dd && udp.length==17", true, 1, 1 },
	{ "mixed", 660, 660, "frame", false, 1, 1 },
	{ "mixed", 660, 220, "vlan.id==200", false, 1, 1 },
	{ "mixed", 660, 330, "ipv6", false, 1, 1 },
};

static bool have_tshark(void)
{
	return system("tshark --version >/dev/null 2>&1") == 0;
}

/* Frames of the file that satisfy @filter, in tshark's eyes. */
static uint64_t matches(const char *path, const char *filter)
{
	char command[2048], line[64];
	uint64_t count = 0;
	FILE *out;

	snprintf(command, sizeof command,
		 "tshark -2 -n -r %s -o ip.check_checksum:TRUE "
		 "-o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE "
		 "-T fields -e frame.number -Y '(%s) && !" BAD "' 2>/dev/null",
		 path, filter);
	out = popen(command, "r");
	assert_non_null(out);
	while (fgets(line, sizeof line, out))
		count++;
	assert_int_equal(pclose(out), 0);
	return count;
}

static void tshark_sees_what_each_scenario_intends(void **state)
{
	char path[32];

	(void)state;
	if (!have_tshark()) {
		print_message("SKIPPED: no tshark to decode with\n");
		skip();
	}
	temporary(path);
	for (size_t i = 0; i < LEN(intents); i++) {
		struct pk_scenario_conf conf;
		uint64_t got;

		pk_scenario_defaults(&conf);
		conf.hosts = intents[i].hosts;
		conf.flows = intents[i].flows;
		if (intents[i].ip6) {
			memcpy(conf.src, ip6().src, 16);
			memcpy(conf.dst, ip6().dst, 16);
		}
		write_capture(path, intents[i].scenario, &conf,
			      intents[i].count);
		got = matches(path, intents[i].filter);
		if (got != intents[i].matches)
			fail_msg("%s, %s: %llu frames", intents[i].scenario,
				 intents[i].filter, (unsigned long long)got);
	}
	unlink(path);
}

/* The oracle must be able to say no: one byte of payload is spoilt. */
static void tshark_notices_a_wrong_checksum(void **state)
{
	struct pk_scenario_conf conf;
	char path[32];
	FILE *file;

	(void)state;
	if (!have_tshark()) {
		print_message("SKIPPED: no tshark to decode with\n");
		skip();
	}
	temporary(path);
	pk_scenario_defaults(&conf);
	write_capture(path, "established", &conf, 1);
	assert_int_equal(matches(path, "tcp"), 1);
	file = fopen(path, "r+");
	assert_non_null(file);
	fseek(file, -1, SEEK_END);
	fputc('!', file);
	fclose(file);
	assert_int_equal(matches(path, "tcp"), 0);
	unlink(path);
}

/* --- where they go -------------------------------------------------------- */

static void a_sink_says_what_it_cannot_do(void **state)
{
	struct pk_sink *s = NULL;
	uint8_t frame[14] = { 0 };
	int error;

	(void)state;
	assert_int_equal(pk_sink_file(&s, "/no/such/folder/file"), -ENOENT);
	assert_int_equal(pk_sink_interface(&s, "no-such-if"), -ENODEV);
	assert_null(s);
	assert_int_equal(pk_sink_file(&s, "/dev/null"), 0);
	assert_int_equal(pk_sink_send(s, 4294967295999999999u, frame, 14), 0);
	assert_int_equal(pk_sink_send(s, 4294967296000000000u, frame, 14),
			 -EOVERFLOW);
	assert_int_equal(pk_sink_close(s), 0);
	assert_int_equal(pk_sink_close(NULL), 0);

	assert_int_equal(pk_sink_file(&s, "/dev/full"), 0);
	error = pk_sink_send(s, 0, frame, 14);
	assert_true(error == 0 || error == -ENOSPC);
	assert_int_equal(pk_sink_close(s), -ENOSPC);
}

static int up(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;
	struct ifreq request = { .ifr_flags = IFF_UP };

	strcpy(request.ifr_name, name);
	error = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return error;
}

/* Frames that arrive within a second of the last one. */
static int received(int fd, int wanted)
{
	int count = 0;

	while (count < wanted) {
		struct pollfd ready = { fd, POLLIN, 0 };
		struct sockaddr_ll from;
		socklen_t from_n = sizeof from;
		uint8_t bytes[PK_SCENARIO_FRAME_MAX];

		if (poll(&ready, 1, 1000) <= 0)
			break;
		if (recvfrom(fd, bytes, sizeof bytes, 0,
			     (struct sockaddr *)&from, &from_n) < 0)
			break;
		count += from.sll_pkttype != PACKET_OUTGOING &&
			 memcmp(bytes, mac_b, 6) == 0;
	}
	return count;
}

/* In a child with a network of its own: 20 frames over its loopback. */
static int send_over_loopback(void)
{
	const struct pk_scenario *s = pk_scenario_find("talk");
	uint8_t bytes[PK_SCENARIO_FRAME_MAX];
	struct pk_scenario_conf conf;
	struct pk_sink *sink;
	int fd;

	if (unshare(CLONE_NEWNET) != 0)
		return 77;
	if (up("lo") != 0)
		return 1;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (fd < 0 || pk_sink_interface(&sink, "lo") != 0)
		return 2;
	pk_scenario_defaults(&conf);
	for (uint64_t i = 0; i < 20; i++) {
		int len = pk_scenario_frame(s, &conf, i, bytes);

		if (pk_sink_send(sink, 0, bytes, (size_t)len) != 0)
			return 3;
	}
	pk_sink_close(sink);
	return received(fd, 20) == 20 ? 0 : 4;
}

static void an_interface_carries_the_frames(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		_exit(send_over_loopback());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("SKIPPED: no privilege for a network "
			      "namespace\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- the program ---------------------------------------------------------- */

/* Exit status of picket-gen, its output in @out. */
static int run(const char *arguments, char *out, size_t out_n)
{
	const char *build = getenv("BUILD");
	char command[1024];
	size_t got;
	FILE *pipe;

	snprintf(command, sizeof command, "%s/picket-gen %s 2>&1",
		 build ? build : "build", arguments);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	got = fread(out, 1, out_n - 1, pipe);
	out[got] = 0;
	return WEXITSTATUS(pclose(pipe));
}

static void skip_without_program(void)
{
	char out[8192];

	if (run("--help", out, sizeof out) == 127) {
		print_message("SKIPPED: picket-gen is not built\n");
		skip();
	}
}

static void the_program_writes_what_the_library_makes(void **state)
{
	char ours[32], theirs[32], line[128], out[512];
	struct pk_scenario_conf conf;

	(void)state;
	skip_without_program();
	temporary(ours);
	temporary(theirs);
	pk_scenario_defaults(&conf);
	conf.seed = 7;
	conf.vlan[0] = 5;
	conf.name = "a.example";
	write_capture(ours, "talk", &conf, 30);
	snprintf(line, sizeof line,
		 "talk --seed 7 --vlan 5 --name a.example --count 30 -j "
		 "--write %s",
		 theirs);
	assert_int_equal(run(line, out, sizeof out), 0);
	assert_non_null(strstr(out, "{\"scenario\":\"talk\",\"seed\":7,"
				    "\"frames\":30,\"bytes\":"));
	snprintf(line, sizeof line, "cmp %s %s", ours, theirs);
	assert_int_equal(system(line), 0);
	unlink(ours);
	unlink(theirs);
}

static void the_program_refuses_with_its_own_status(void **state)
{
	static const struct {
		const char *arguments;
		int status;
		const char *says;
	} wrong[] = {
		{ "", 2, "usage" },
		{ "nothing", 2, "no such scenario" },
		{ "syn --count 0", 2, "--count 0: not a number" },
		{ "syn --count 100000001", 2, "not a number" },
		{ "syn --count 1x", 2, "not a number" },
		{ "syn --pps 0", 2, "--pps 0" },
		{ "syn --src 1.2.3", 2, "not an address" },
		{ "syn --vlan 1 --vlan 2 --vlan 3", 2, "two at most" },
		{ "syn --src-mac 1:2:3:4:5", 2, "not a MAC address" },
		{ "syn --src ::1 --write /dev/null", 2, "of one family" },
		{ "syn --interface lo --write x", 2, "not both" },
		{ "syn --interface no-such-if", 1, "No such device" },
		{ "syn --write /no/such/folder", 1, "No such file" },
	};
	char out[8192];

	(void)state;
	skip_without_program();
	for (size_t i = 0; i < LEN(wrong); i++) {
		int status = run(wrong[i].arguments, out, sizeof out);

		if (status != wrong[i].status || !strstr(out, wrong[i].says))
			fail_msg("\"%s\": status %d, \"%s\"",
				 wrong[i].arguments, status, out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_up_a_well_known_header),
		cmocka_unit_test(a_zero_udp_checksum_becomes_all_ones),
		cmocka_unit_test(stays_inside_any_buffer),
		cmocka_unit_test(refuses_layers_that_cannot_stand_there),
		cmocka_unit_test(refuses_what_is_too_deep_or_too_long),
		cmocka_unit_test(
			the_same_seed_gives_the_same_bytes_in_any_order),
		cmocka_unit_test(another_seed_gives_other_bytes),
		cmocka_unit_test(refuses_a_configuration_without_sense),
		cmocka_unit_test(a_scan_repeats_no_host_and_port),
		cmocka_unit_test(tshark_sees_what_each_scenario_intends),
		cmocka_unit_test(tshark_notices_a_wrong_checksum),
		cmocka_unit_test(a_sink_says_what_it_cannot_do),
		cmocka_unit_test(an_interface_carries_the_frames),
		cmocka_unit_test(the_program_writes_what_the_library_makes),
		cmocka_unit_test(the_program_refuses_with_its_own_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
