/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder against scapy, which shares nothing with it: clean frames of the
 * grammar go to scapy as a capture file, and what it says of addresses, ports
 * and flags must be what the decoder says: of the innermost packet and of all
 * around it, in GRE, VXLAN, Geneve, GTP-U, MPLS, PPPoE and IP ("-"). Tags of
 * 0x9100 and 0x9200, some extension headers and other tunnels stop scapy early;
 * how often is printed, and how often not is bounded.
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

enum { SEED = 31, FRAMES = 6000, LINE = 1024 };

static const char script[] =
	"import sys\n"
	"from scapy.all import (rdpcap, load_contrib, IP, IPv6, TCP, UDP, ICMP)\n"
	"from scapy.layers.inet import IPerror\n"
	"from scapy.layers.inet6 import IPerror6\n"
	"from scapy.packet import Raw\n"
	"for name in ('mpls', 'geneve', 'gtp'):\n"
	"    load_contrib(name)\n"
	"for frame in rdpcap(sys.argv[1]):\n"
	"    pairs, names, ip, layer = [], [], None, frame\n"
	"    while layer:\n"
	"        if isinstance(layer, (IPerror, IPerror6)):\n"
	"            break\n"
	"        if isinstance(layer, (IP, IPv6)):\n"
	"            ip = layer\n"
	"            pairs += [ip.src, ip.dst]\n"
	"        names.append(layer.name)\n"
	"        # what scapy takes for IP: hop-by-hop options behind AH, what is\n"
	"        # 12 bytes behind an AH of 8, what later fragments begin with,\n"
	"        # and PPP in GRE of version 0, read as if of version 1\n"
	"        if layer.name == 'AH' and (not layer.nh or not layer.payloadlen):\n"
	"            break\n"
	"        if isinstance(layer, IP) and layer.frag:\n"
	"            break\n"
	"        if layer.name == 'GRE PPTP' and layer.version != 1:\n"
	"            break\n"
	"        layer = layer.payload\n"
	"    row = [len(pairs) // 2] + pairs\n"
	"    l4 = ip.payload if ip and not layer else None\n"
	"    while l4 and (l4.name.startswith('IPv6 Extension') or l4.name == 'AH'):\n"
	"        l4 = l4.payload\n"
	"    if isinstance(l4, TCP):\n"
	"        row += [6, l4.sport, l4.dport, int(l4.flags) & 255]\n"
	"    elif isinstance(l4, UDP):\n"
	"        row += [17, l4.sport, l4.dport, 0]\n"
	"    elif isinstance(l4, ICMP):\n"
	"        row += [1, l4.type, l4.code, 0]\n"
	"    else:\n"
	"        row += [0, 0, 0, 0]\n"
	"    kinds = [n for n in names if n.split(' ')[0] in ('GRE', 'VXLAN', 'GENEVE',\n"
	"        'MPLS', 'PPP', 'GTP-U', 'GTP_U')]\n"
	"    print(*row, kinds[-1].replace(' ', '_') if kinds else '-')\n";

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

static void check_pair(char **line, const struct pk_flow_key *k, int six)
{
	char text[INET6_ADDRSTRLEN];

	for (int end = 0; end < 2; end++) {
		const union pk_addr *a = end ? &k->dst : &k->src;

		assert_non_null(inet_ntop(six ? AF_INET6 : AF_INET,
					  six ? a->b : a->b + 12, text,
					  sizeof(text)));
		assert_string_equal(strsep(line, " "), text);
	}
}

/* How many of the address pairs scapy has; all that it has must be ours. */
static int check_pairs(char **line, const struct pk_decode *d)
{
	const struct pk_packet *p = &d->packet;
	int n = atoi(strsep(line, " ")), ours = p->depth + 1;

	if (!(p->layers & PK_HAS_IP))
		ours = 0;
	if (n > ours)
		fail_msg("scapy has %d pairs and not %d", n, ours);
	for (int i = 0; i < n; i++)
		if (i < p->depth)
			check_pair(line, &d->outer[i], d->outer_ip6 >> i & 1);
		else
			check_pair(line, &p->key, p->layers & PK_IS_IP6);
	return n;
}

/* What was compared. */
struct met {
	unsigned nothing, early, pairs, layer4, nested, tunnel[8];
};

static const char *const kinds[8] = { "GRE", "VXLAN", "GENEVE", "MPLS",
				      "PPP", "GTP",   "-" };

static void check_layer4(char *line, const struct pk_packet *p, struct met *met)
{
	unsigned proto, a, b, flags;

	assert_int_equal(sscanf(line, "%u %u %u %u", &proto, &a, &b, &flags),
			 4);
	met->pairs++;
	if (!proto || !(p->layers & PK_HAS_PORTS))
		return;
	assert_int_equal(p->key.proto, proto);
	assert_int_equal(p->key.sport, a);
	assert_int_equal(proto == 1 ? p->icmp_code : p->key.dport, b);
	assert_int_equal(p->tcp_flags, flags);
	met->layer4++;
}

static void compare(uint64_t i, char *line, struct met *met)
{
	uint8_t frame[PK_GRAMMAR_FRAME_MAX];
	uint32_t len = pk_grammar_clean(SEED, i, frame);
	struct pk_decode d;
	int n;

	pk_parse(frame, frame + len, len, &d);
	n = check_pairs(&line, &d);
	if (!n || n <= d.packet.depth) {
		met->nothing += !n;
		met->early += n > 0;
		return;
	}
	check_layer4(line, &d.packet, met);
	met->nested += n > 1;
	for (int k = 0; n > 1 && k < 7; k++)
		met->tunnel[k] += strstr(line, kinds[k]) != NULL;
}

static void scapy_sees_the_same_packets(void **state)
{
	char path[] = "/tmp/picket-parse-XXXXXX", command[4096], line[LINE];
	struct met met = { 0 };
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
		compare(i, line, &met);
	}
	assert_int_equal(pclose(f), 0);
	unlink(path);
	print_message("# scapy: %u frames to their innermost packet, %u of "
		      "them tunnelled, layer 4 of %u; %u not so far\n",
		      met.pairs, met.nested, met.layer4, met.early);
	for (int k = 0; k < 7; k++)
		print_message("# %s: %u\n", kinds[k], met.tunnel[k]);
	assert_true(met.pairs > FRAMES / 2);
	assert_true(met.layer4 > FRAMES / 4);
	assert_true(met.nested > FRAMES / 10);
	for (int k = 0; k < 7; k++)
		assert_true(met.tunnel[k] > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scapy_sees_the_same_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
