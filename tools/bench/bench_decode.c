/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_decode: what decoding a frame costs, by kind of frame.
 *
 *	bench_decode [CAPTURE]	default: PK_SHARED/captures/bench/mix.pcap
 *
 * For every kind FRAMES different frames lie in memory, further apart than the
 * caches hold in one run over them; pk_parse() takes them in turn. The baseline
 * of each kind is a bare touch of the same bytes: one load a cache line of the
 * headers, so the difference is the decoder's own work. ns a frame of the
 * thread's CPU time, minimum and median of RUNS runs. JSON=1: NDJSON.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/parse.h"
#include "dataplane/file/capture.h"
#include "tools/gen/frame.h"
#include "tools/gen/splitmix.h"

enum {
	RUNS = 9,
	FRAMES = 4096,
	ROUNDS = 16, /* over the frames in one run */
	FRAME_MAX = 1600,
	LINE = 64,
	SEED = 4711,
};

struct frames {
	uint8_t (*bytes)[FRAME_MAX];
	uint32_t len[FRAMES];
	uint32_t headers[FRAMES]; /* bytes up to the payload */
	uint32_t count;
};

struct times {
	double min, median;
};

static uint64_t sink; /* keeps the loops from being left out */

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

typedef void pass_fn(const struct frames *f);

static void touch(const struct frames *f)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->count; i++)
		for (uint32_t at = 0; at < f->headers[i]; at += LINE)
			sum += f->bytes[i][at];
	sink += sum;
}

static void decode(const struct frames *f)
{
	struct pk_decode d;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->count; i++)
		sum += pk_parse(f->bytes[i], f->bytes[i] + f->len[i], f->len[i],
				&d);
	sink += sum;
}

static struct times time_of(pass_fn *pass, const struct frames *f)
{
	double ns[RUNS];

	for (unsigned run = 0; run < RUNS; run++) {
		double begin = now_ns();

		for (unsigned round = 0; round < ROUNDS; round++)
			pass(f);
		ns[run] = (now_ns() - begin) / ROUNDS / f->count;
	}
	qsort(ns, RUNS, sizeof(ns[0]), by_value);
	return (struct times){ ns[0], ns[RUNS / 2] };
}

static void print_figure(const char *kind, struct times t, struct times base)
{
	const char *json = getenv("JSON");

	if (json && *json == '1')
		printf("{\"name\":\"decode.%s\",\"value\":%.2f,\"unit\":\"ns\","
		       "\"baseline\":%.2f,\"ratio\":%.2f,\"min\":%.2f,"
		       "\"median\":%.2f,\"runs\":%d}\n",
		       kind, t.median - base.median, base.median,
		       t.median / base.median, t.min, t.median, RUNS);
	else
		printf("decode.%-14s %7.2f / %7.2f ns   touch %6.2f / %6.2f\n",
		       kind, t.min, t.median, base.min, base.median);
	fflush(stdout);
}

/* --- the frames ------------------------------------------------------------- */

static uint64_t seed = SEED;

static void any4(uint8_t a[16])
{
	uint64_t r = pk_splitmix_next(&seed);

	memset(a, 0, 10);
	a[10] = a[11] = 0xff;
	memcpy(a + 12, &r, 4);
}

static void any6(uint8_t a[16])
{
	for (int i = 0; i < 2; i++) {
		uint64_t r = pk_splitmix_next(&seed);

		memcpy(a + 8 * i, &r, 8);
	}
	a[0] = 0x20;
}

static void eth(struct pk_frame_builder *b)
{
	static const uint8_t to[6] = { 2, 0, 0, 0, 0, 1 };
	static const uint8_t from[6] = { 2, 0, 0, 0, 0, 2 };

	pk_frame_eth(b, to, from);
}

static void ip4(struct pk_frame_builder *b)
{
	struct pk_frame_ip ip = { 0 };

	any4(ip.src);
	any4(ip.dst);
	pk_frame_ip(b, &ip);
}

static void ip6(struct pk_frame_builder *b)
{
	struct pk_frame_ip ip = { 0 };

	any6(ip.src);
	any6(ip.dst);
	pk_frame_ip(b, &ip);
}

static void tcp(struct pk_frame_builder *b)
{
	struct pk_frame_tcp t = {
		.sport = (uint16_t)(pk_splitmix_next(&seed) | 1024),
		.dport = 443,
		.flags = PK_FRAME_ACK,
		.options_n = 12,
		.options = { 1, 1, 8, 10 },
	};

	pk_frame_tcp(b, &t);
}

static void udp(struct pk_frame_builder *b, uint16_t dport)
{
	pk_frame_udp(b, (uint16_t)(pk_splitmix_next(&seed) | 1024), dport);
}

static void tcp4(struct pk_frame_builder *b)
{
	eth(b);
	ip4(b);
	tcp(b);
}

static void tcp6(struct pk_frame_builder *b)
{
	eth(b);
	ip6(b);
	tcp(b);
}

static void udp4(struct pk_frame_builder *b)
{
	eth(b);
	ip4(b);
	udp(b, 9999);
}

static void icmp4(struct pk_frame_builder *b)
{
	eth(b);
	ip4(b);
	pk_frame_icmp(b, 8, 0, 1);
}

static void vlan(struct pk_frame_builder *b)
{
	eth(b);
	pk_frame_vlan(b, 0x8100, 7);
	ip4(b);
	tcp(b);
}

static void qinq(struct pk_frame_builder *b)
{
	eth(b);
	pk_frame_vlan(b, 0x88a8, 7);
	pk_frame_vlan(b, 0x8100, 8);
	ip4(b);
	tcp(b);
}

static void exts(struct pk_frame_builder *b)
{
	static const uint8_t pad[6] = { 1, 4 };

	eth(b);
	ip6(b);
	for (int i = 0; i < 4; i++)
		pk_frame_ext(b, i ? 60 : 0, pad, sizeof(pad));
	tcp(b);
}

static void mpls(struct pk_frame_builder *b)
{
	static const uint8_t labels[8] = { 0, 1, 0, 64, 0, 2, 1, 64 };
	uint8_t inner[256];
	struct pk_frame_builder in;
	ssize_t len;

	pk_frame_init(&in, inner, sizeof(inner));
	tcp4(&in);
	len = pk_frame_end(&in);
	eth(b);
	pk_frame_type(b, 0x8847);
	pk_frame_payload(b, labels, sizeof(labels));
	pk_frame_payload(b, inner + 14, (size_t)len - 14);
}

static void ipip(struct pk_frame_builder *b)
{
	eth(b);
	ip4(b);
	ip4(b);
	tcp(b);
}

static void gre(struct pk_frame_builder *b)
{
	eth(b);
	ip4(b);
	pk_frame_gre(b);
	ip4(b);
	tcp(b);
}

/* A header of 8 bytes behind a UDP port, then a frame of its own. */
static void in_udp(struct pk_frame_builder *b, uint16_t port,
		   const uint8_t header[8], int with_eth)
{
	uint8_t inner[256];
	struct pk_frame_builder in;
	ssize_t len;

	pk_frame_init(&in, inner, sizeof(inner));
	tcp4(&in);
	len = pk_frame_end(&in);
	eth(b);
	ip4(b);
	udp(b, port);
	pk_frame_payload(b, header, 8);
	pk_frame_payload(b, inner + (with_eth ? 0 : 14),
			 (size_t)len - (with_eth ? 0 : 14));
}

static void vxlan(struct pk_frame_builder *b)
{
	in_udp(b, 4789, (const uint8_t[8]){ 8, 0, 0, 0, 0, 0, 5, 0 }, 1);
}

static void geneve(struct pk_frame_builder *b)
{
	in_udp(b, 6081, (const uint8_t[8]){ 0, 0, 0x65, 0x58, 0, 0, 5, 0 }, 1);
}

static void gtp(struct pk_frame_builder *b)
{
	in_udp(b, 2152, (const uint8_t[8]){ 0x30, 0xff, 0, 52, 0, 0, 0, 7 }, 0);
}

static void nested(struct pk_frame_builder *b)
{
	eth(b);
	for (int i = 0; i < 5; i++)
		i & 1 ? ip6(b) : ip4(b);
	tcp(b);
}

static const struct {
	const char *name;
	void (*build)(struct pk_frame_builder *b);
} kinds[] = {
	{ "tcp4", tcp4 },      { "tcp6", tcp6 },      { "udp4", udp4 },
	{ "icmp4", icmp4 },    { "vlan", vlan },      { "qinq", qinq },
	{ "ip6_exts4", exts }, { "mpls2", mpls },     { "ipip", ipip },
	{ "gre", gre },	       { "vxlan", vxlan },    { "geneve", geneve },
	{ "gtp_u", gtp },      { "nested5", nested },
};

static void fail(const char *what)
{
	fprintf(stderr, "bench_decode: %s\n", what);
	exit(1);
}

static void keep(struct frames *f, uint32_t len)
{
	struct pk_decode d;
	uint32_t i = f->count++;

	f->len[i] = len;
	pk_parse(f->bytes[i], f->bytes[i] + len, len, &d);
	f->headers[i] = d.packet.payload_off && d.packet.payload_off < len
				? d.packet.payload_off
				: (len < 128 ? len : 128);
}

static void build_all(struct frames *f,
		      void (*build)(struct pk_frame_builder *))
{
	for (f->count = 0; f->count < FRAMES;) {
		struct pk_frame_builder b;
		ssize_t len;

		pk_frame_init(&b, f->bytes[f->count], FRAME_MAX);
		build(&b);
		pk_frame_payload(&b, "0123456789abcdef0123", 20);
		len = pk_frame_end(&b);
		if (len < 0)
			fail("a frame could not be built");
		keep(f, (uint32_t)len);
	}
}

/* The first FRAMES frames of a capture; 0 if there is none. */
static int read_all(struct frames *f, const char *path)
{
	struct pk_capture *c = NULL;
	struct pk_frame frame;

	f->count = 0;
	if (pk_capture_open(&c, path, NULL, 0))
		return 0;
	while (f->count < FRAMES && pk_capture_next(c, &frame) == 1) {
		if (!frame.data || frame.len > FRAME_MAX)
			continue;
		memcpy(f->bytes[f->count], frame.data, frame.len);
		keep(f, frame.len);
	}
	pk_capture_close(c);
	return f->count > 0;
}

static void measure(const struct frames *f, const char *kind)
{
	struct times base = time_of(touch, f);

	print_figure(kind, time_of(decode, f), base);
}

int main(int argc, char **argv)
{
	static struct frames f;
	const char *shared = getenv("PK_SHARED");
	char path[4096];

	f.bytes = calloc(FRAMES, FRAME_MAX);
	if (!f.bytes)
		fail("no memory");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		build_all(&f, kinds[i].build);
		measure(&f, kinds[i].name);
	}
	snprintf(path, sizeof(path), "%s/captures/bench/mix.pcap",
		 shared ? shared : "../shared");
	if (read_all(&f, argc > 1 ? argv[1] : path))
		measure(&f, "mix");
	else
		fprintf(stderr, "bench_decode: %s is not there: no `mix`\n",
			argc > 1 ? argv[1] : path);
	free(f.bytes);
	return 0;
}
