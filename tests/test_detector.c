/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/detector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/pipeline.h"

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58 };
enum { SYN = 2, SYN_RST = 6, SYN_ACK = 18 };
enum { PORTSCAN = 1, SPAM = 2, WINSCAN = 4 };

#define SEC   1000000000ULL
#define START (1486834647 * SEC)

/*
 * bits per packet = bytes * 8 / packets; 8 packets make every whole number of
 * bits per packet expressible: bytes is the bits per packet itself.
 */
static const struct {
	const char *what;
	uint8_t proto, flags;
	uint16_t dport;
	uint64_t packets, bytes;
	int matches;
} rows[] = {
	{ "SYN, 500 bits", TCP, SYN, 80, 8, 500, PORTSCAN },
	{ "SYN, 501 bits", TCP, SYN, 80, 8, 501, PORTSCAN },
	{ "SYN, 1000 bits", TCP, SYN, 80, 8, 1000, PORTSCAN },
	{ "SYN, 1001 bits", TCP, SYN, 80, 8, 1001, 0 },
	{ "SYN+RST, 500 bits", TCP, SYN_RST, 80, 8, 500, PORTSCAN },
	{ "SYN+RST, 501 bits", TCP, SYN_RST, 80, 8, 501, 0 },
	{ "SYN+ACK, 40 bytes", TCP, SYN_ACK, 80, 1, 40, 0 },
	{ "RST", TCP, 4, 80, 1, 40, 0 },
	{ "SYN+ECE+CWR", TCP, 0xc2, 80, 1, 40, 0 },
	{ "no flags", TCP, 0, 80, 1, 40, 0 },
	{ "a whole connection", TCP, 0x1b, 80, 6, 400, 0 },
	{ "UDP, 224 bits", UDP, 0, 53, 8, 224, PORTSCAN },
	{ "UDP, 225 bits", UDP, 0, 53, 8, 225, 0 },
	{ "UDP, one empty datagram", UDP, 0, 53, 1, 28, PORTSCAN },
	{ "UDP, one byte", UDP, 0, 53, 1, 29, 0 },
	{ "ICMP echo", ICMP, 0, 0, 1, 28, 0 },
	{ "SYN without packets", TCP, SYN, 80, 0, 0, 0 },
	{ "UDP without packets", UDP, 0, 53, 0, 0, 0 },
	{ "SYN to 8443", TCP, SYN, 8443, 1, 40, 0 },
	{ "SYN to 8442", TCP, SYN, 8442, 1, 40, PORTSCAN },
	{ "empty UDP to 8443", UDP, 0, 8443, 1, 28, 0 },
	{ "SMTP", TCP, 0x1b, 25, 10, 5000, SPAM },
	{ "465", TCP, 0x1b, 465, 10, 5000, SPAM },
	{ "587", TCP, 0x1b, 587, 10, 5000, SPAM },
	{ "993", TCP, 0x1b, 993, 10, 5000, SPAM },
	{ "26", TCP, 0x1b, 26, 10, 5000, 0 },
	{ "995", TCP, 0x1b, 995, 10, 5000, 0 },
	{ "SMTP without packets", TCP, 0, 25, 0, 0, SPAM },
	{ "SMTP SYN", TCP, SYN, 25, 1, 40, SPAM | PORTSCAN },
	{ "ICMP code 25 is no port", ICMP, 0, 25, 1, 100, 0 },
	{ "445, 512 bits", TCP, SYN, 445, 8, 512, WINSCAN | PORTSCAN },
	{ "445, 513 bits", TCP, SYN, 445, 8, 513, PORTSCAN },
	{ "445, SYN+RST, 512 bits", TCP, SYN_RST, 445, 8, 512, WINSCAN },
	{ "445, SYN+RST, 513 bits", TCP, SYN_RST, 445, 8, 513, 0 },
	{ "445, answered", TCP, SYN_ACK, 445, 1, 40, 0 },
	{ "135", TCP, SYN, 135, 1, 60, WINSCAN | PORTSCAN },
	{ "137", TCP, SYN, 137, 1, 60, WINSCAN | PORTSCAN },
	{ "139", TCP, SYN, 139, 1, 60, WINSCAN | PORTSCAN },
	{ "1433", TCP, SYN, 1433, 1, 60, WINSCAN | PORTSCAN },
	{ "3389", TCP, SYN, 3389, 1, 60, WINSCAN | PORTSCAN },
	{ "136", TCP, SYN, 136, 1, 60, PORTSCAN },
	{ "137, UDP", UDP, 0, 137, 1, 78, 0 },
	{ "neighbour advertisement", ICMP6, 0, 135, 1, 72, 0 },
	{ "bytes beyond counting", TCP, SYN, 80, 1, UINT64_MAX, 0 },
	{ "packets beyond counting", TCP, SYN, 80, UINT64_MAX, UINT64_MAX,
	  PORTSCAN },
};

static struct pk_flow flow_of(uint8_t proto, uint8_t flags, uint16_t dport,
			      uint64_t packets, uint64_t bytes)
{
	struct pk_flow f = { .head = { .type = PK_RECORD_FLOW,
				       .len = sizeof(f),
				       .sampling = 1 } };

	f.key.proto = proto;
	f.key.dport = dport;
	f.key.src.b[15] = 1;
	f.key.dst.b[15] = 2;
	f.tcp_flags[0] = flags;
	f.packets[0] = packets;
	f.bytes[0] = bytes;
	return f;
}

static void matches_the_truth_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pk_flow f =
			flow_of(rows[i].proto, rows[i].flags, rows[i].dport,
				rows[i].packets, rows[i].bytes);
		int matches = 0;

		for (int d = 0; d < PK_DETECTORS; d++)
			matches |= !!pk_detectors[d].match(&f) << d;
		if (matches != rows[i].matches)
			fail_msg("%s: %d, not %d", rows[i].what, matches,
				 rows[i].matches);
	}
}

static void looks_at_the_half_of_the_initiator_only(void **state)
{
	struct pk_flow f = flow_of(TCP, SYN, 80, 1, 40);

	(void)state;
	f.tcp_flags[1] = 20; /* RST+ACK */
	f.packets[1] = 1;
	f.bytes[1] = 4000;
	assert_true(pk_detectors[0].match(&f));
}

/* Cross multiplication against long division, around every border. */
static void bits_per_packet_agree_with_division(void **state)
{
	static const uint32_t borders[] = { 224, 500, 512, 1000 };

	(void)state;
	for (size_t b = 0; b < 4; b++)
		for (uint64_t packets = 1; packets < 40; packets++)
			for (uint64_t bytes = 0; bytes < 6000; bytes++) {
				/* a / b <= c <=> ceil(a / b) <= c */
				uint64_t up =
					(bytes * 8 + packets - 1) / packets;

				assert_int_equal(
					pk_detector_bits_at_most(bytes, packets,
								 borders[b]),
					up <= borders[b]);
			}
}

enum { TOLD_MAX = 8 };

struct told {
	int opens[PK_DETECTORS];
	int n;
	struct pk_threat threat[TOLD_MAX];
	struct pk_threat last; /* opened */
};

static void listen(void *arg, const struct pk_threat *threat)
{
	struct told *t = arg;

	if (t->n < TOLD_MAX)
		t->threat[t->n++] = *threat;
	if (threat->state != PK_THREAT_OPEN)
		return;
	for (int d = 0; d < PK_DETECTORS; d++)
		t->opens[d] += !strcmp(threat->type, pk_detectors[d].name);
	t->last = *threat;
}

static struct pk_pipeline *make(struct told *told)
{
	struct pk_pipeline_conf conf = {
		.threats = { .sensor = "s1", .sink = listen, .sink_arg = told },
	};
	struct pk_pipeline *p = NULL;

	memset(told, 0, sizeof(*told));
	assert_int_equal(pk_pipeline_new(&p, &conf), 0);
	return p;
}

/* @n flows, evenly over @span; the last at exactly START + @span. */
static void send(struct pk_pipeline *p, uint16_t dport, int n, uint64_t span)
{
	for (int i = 0; i < n; i++) {
		struct pk_flow f = flow_of(TCP, SYN, dport, 1, 60);

		f.head.seen_ns = START + span * (uint64_t)i / (uint64_t)(n - 1);
		f.key.dst.b[14] = (uint8_t)i;
		pk_pipeline_record(p, &f.head);
	}
}

/* R1, R4. */
static void a_portscan_is_101_flows_in_a_minute(void **state)
{
	struct pk_pipeline *p;
	struct told told;

	(void)state;
	p = make(&told);
	send(p, 80, 100, 60 * SEC);
	assert_int_equal(told.opens[0], 0);
	pk_pipeline_free(p);

	p = make(&told);
	send(p, 80, 101, 60 * SEC);
	assert_int_equal(told.opens[0], 1);
	assert_int_equal(told.last.count, 101);
	assert_int_equal(told.last.first_ns, START);
	assert_int_equal(told.last.last_ns, START + 60 * SEC);
	assert_int_equal(told.last.details.hosts, 101);
	assert_int_equal(told.last.details.ports, 1);
	pk_pipeline_free(p);

	p = make(&told);
	send(p, 80, 101, 60 * SEC + 100);
	assert_int_equal(told.opens[0], 0);
	pk_pipeline_free(p);

	p = make(&told);
	send(p, 80, 5000, 60 * SEC);
	assert_int_equal(told.opens[0], 1);
	pk_pipeline_free(p);
}

static void flows_to_8443_are_no_portscan(void **state)
{
	struct told told;
	struct pk_pipeline *p = make(&told);

	(void)state;
	send(p, 8443, 1000, 60 * SEC);
	send(p, 80, 100, 60 * SEC);
	assert_int_equal(told.opens[0], 0);
	pk_pipeline_free(p);
}

static void spam_is_21_flows_in_a_minute(void **state)
{
	struct pk_pipeline *p;
	struct told told;

	(void)state;
	p = make(&told);
	send(p, 25, 20, 60 * SEC);
	assert_int_equal(told.opens[1], 0);
	pk_pipeline_free(p);
	p = make(&told);
	send(p, 25, 21, 60 * SEC);
	assert_int_equal(told.opens[1], 1);
	assert_int_equal(told.last.count, 21);
	pk_pipeline_free(p);
}

static void a_winscan_is_the_first_flow(void **state)
{
	struct told told;
	struct pk_pipeline *p = make(&told);
	struct pk_flow f = flow_of(TCP, SYN, 445, 1, 60);

	(void)state;
	pk_pipeline_record(p, &f.head);
	assert_int_equal(told.opens[2], 1);
	assert_int_equal(told.last.count, 1);
	pk_pipeline_record(p, &f.head);
	assert_int_equal(told.opens[2], 1);
	pk_pipeline_free(p);
}

/* One flow to each of two ports a second, for 700 seconds. */
static void a_detector_counts_updates_and_closes(void **state)
{
	struct told told;
	struct pk_pipeline *p = make(&told);

	(void)state;
	for (uint32_t i = 0; i < 1400; i++) {
		struct pk_flow f =
			flow_of(TCP, SYN, (uint16_t)(2000 + i / 2), 1, 60);

		f.head.seen_ns = START + i / 2 * SEC;
		f.key.dst.b[14] = (uint8_t)(i / 2);
		pk_pipeline_record(p, &f.head);
	}
	/* 101 at second 50; the next word 600 s later */
	assert_int_equal(told.n, 2);
	assert_string_equal(told.threat[0].type, "portscan");
	assert_int_equal(told.threat[0].count, 101);
	assert_int_equal(told.threat[0].first_ns, START);
	assert_int_equal(told.threat[0].details.hosts, 51);
	assert_int_equal(told.threat[1].state, PK_THREAT_UPDATE);
	assert_int_equal(told.threat[1].last_ns, START + 650 * SEC);
	assert_int_equal(told.threat[1].count, 1301);
	pk_pipeline_tick(p, START + 1299 * SEC - 1);
	assert_int_equal(told.n, 2);
	pk_pipeline_tick(p, START + 1299 * SEC);
	assert_int_equal(told.n, 3);
	assert_int_equal(told.threat[2].count, 1400);
	assert_int_equal(told.threat[2].state, PK_THREAT_CLOSED);
	pk_pipeline_free(p);
}

static void the_counters_of_the_pipeline_add_up(void **state)
{
	struct told told;
	struct pk_pipeline *p = make(&told);
	struct pk_record mark = { .type = PK_RECORD_MARK };
	struct pk_pipeline_stats s;

	(void)state;
	send(p, 25, 300, 90 * SEC);
	send(p, 8443, 10, SEC);
	pk_pipeline_record(p, &mark);
	pk_pipeline_stats(p, &s);
	assert_int_equal(s.pipeline.records, 311);
	assert_int_equal(s.pipeline.records, s.pipeline.hits +
						     s.pipeline.flows +
						     s.pipeline.others);
	assert_int_equal(s.pipeline.flow_packets, 310);
	assert_int_equal(s.pipeline.flow_bytes, 310 * 60);
	assert_int_equal(s.pipeline.matches, 600);
	assert_int_equal(s.pipeline.below, 100 + 20);
	assert_int_equal(s.pipeline.matches, s.pipeline.below +
						     s.pipeline.evidence +
						     s.pipeline.no_window);
	assert_int_equal(s.pipeline.evidence, s.threat.evidence);
	assert_int_equal(s.pipeline.matched[0], 300);
	assert_int_equal(s.pipeline.matched[1], 300);
	assert_int_equal(s.window.events, s.pipeline.matches);
	pk_pipeline_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_the_truth_table),
		cmocka_unit_test(looks_at_the_half_of_the_initiator_only),
		cmocka_unit_test(bits_per_packet_agree_with_division),
		cmocka_unit_test(a_portscan_is_101_flows_in_a_minute),
		cmocka_unit_test(flows_to_8443_are_no_portscan),
		cmocka_unit_test(spam_is_21_flows_in_a_minute),
		cmocka_unit_test(a_winscan_is_the_first_flow),
		cmocka_unit_test(a_detector_counts_updates_and_closes),
		cmocka_unit_test(the_counters_of_the_pipeline_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
