/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_dpdk: what decoding and address look-ups cost above receiving.
 *
 *	bench_dpdk [CAPTURE]	default: $PK_SHARED/captures/bench/mix.pcap
 *
 * One lcore reads CAPTURE over and over from net_pcap (infinite_rx=1).
 *   dpdk.bare       ns a packet: receive and free
 *   dpdk.addr.N     ns above it: also decode, and look up source and
 *                   destination among N random IPv4 indicators
 * Every round measures all figures one after the other, so that a noisy
 * neighbour meets all of them, and counts the CPU time of its thread. The
 * value of a figure above bare is the median of the differences to the bare
 * loop of the same round; its min is the difference of the two minima.
 *
 * Buffers are on 2 MiB pages if enough are free, else on ordinary ones; then
 * every buffer costs a TLB miss, bare is several times slower, and figures of
 * the two kinds cannot be compared.
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pcap.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bpf/parse.h"
#include "dataplane/inspect/worker.h"
#include "ioc/image/builder.h"
#include "ioc/image/images.h"
#include "ioc/image/lookup.h"
#include "ioc/store/store.h"

enum {
	ROUNDS = 41,
	ROUND_PACKETS = 400000,
	SEED = 1,
	ROOM_MIN = 2048,
	POOL_SPARE = 8192,
	MIB = 1 << 20,
};

struct figure {
	const char *name;
	uint32_t indicators; /* 0: the bare loop */
	double goal;	     /* ns above bare; 0: none */
	struct pk_images *images;
	double ns[ROUNDS];
};

static struct figure figures[] = {
	{ .name = "dpdk.bare" },
	{ .name = "dpdk.addr.350k", .indicators = 350000, .goal = 25 },
	{ .name = "dpdk.addr.1m", .indicators = 1000000 },
	{ .name = "dpdk.addr.10m", .indicators = 10000000 },
};
enum { FIGURES = sizeof(figures) / sizeof(figures[0]) };

__attribute__((format(printf, 1, 2), noreturn)) static void die(
	const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench_dpdk: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* --- the indicators ------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
	return pk_mix(*state += 0x9e3779b97f4a7c15ULL);
}

static struct pk_store *random_store(uint32_t count)
{
	struct pk_indicator ind;
	struct pk_store *store;
	uint64_t state = SEED;
	int err = pk_store_new(&store, SEED);

	if (err)
		die("store: %s", strerror(-err));
	pk_indicator_init(&ind);
	ind.type = PK_INDICATOR_IPV4;
	ind.addr.b[10] = ind.addr.b[11] = 0xff;
	while (count) {
		ind.addr.w[3] = (uint32_t)next_random(&state);
		err = pk_store_add(store, &ind, NULL);
		if (!err)
			count--;
		else if (err != -EEXIST)
			die("store: %s", strerror(-err));
	}
	return store;
}

static void build_images(struct figure *f)
{
	const struct pk_images_conf conf = { .seed = SEED };
	struct pk_store *store = random_store(f->indicators);
	struct pk_block block = { 0 };
	int err = pk_builder_base(store, &block);

	if (!err)
		err = pk_images_new(&f->images, &conf);
	if (!err)
		err = pk_images_publish_base(f->images, &block);
	if (err)
		die("%s: the image: %s", f->name, strerror(-err));
	pk_block_free(&block);
	pk_store_free(store);
}

/* --- the port --------------------------------------------------------------- */

struct capture {
	const char *path;
	uint32_t frames;
	uint32_t longest;
};

static void measure_capture(struct capture *c)
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(c->path, err);
	struct pcap_pkthdr *head;
	const u_char *data;

	if (!pcap)
		die("%s", err);
	while (pcap_next_ex(pcap, &head, &data) == 1) {
		c->frames++;
		if (head->caplen > c->longest)
			c->longest = head->caplen;
	}
	pcap_close(pcap);
	if (!c->frames)
		die("%s: no frames", c->path);
}

static int last_cpu(void)
{
	cpu_set_t cpus;
	int last = 0;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return 0;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus))
			last = i;
	return last;
}

static unsigned free_huge_mib(void)
{
	FILE *f = fopen(
		"/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
		"re");
	unsigned pages = 0;

	if (f && fscanf(f, "%u", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * 2;
}

static int start_eal(const struct capture *c, unsigned memory_mib)
{
	char cpu[32], vdev[4096], memory[16];
	int huge = free_huge_mib() >= memory_mib;
	char *argv[] = {
		"bench_dpdk",
		cpu,
		"--no-telemetry",
		"--no-shconf",
		"--no-pci",
		"--iova-mode=va",
		"--log-level=error",
		huge ? "--in-memory" : "--no-huge",
		"-m",
		memory,
		vdev,
		NULL,
	};

	snprintf(cpu, sizeof(cpu), "--lcores=0@%d", last_cpu());
	snprintf(memory, sizeof(memory), "%u", memory_mib);
	snprintf(vdev, sizeof(vdev),
		 "--vdev=net_pcap0,rx_pcap=%s,infinite_rx=1", c->path);
	if (rte_eal_init(RTE_DIM(argv) - 1, argv) < 0)
		die("DPDK does not start with %u MiB", memory_mib);
	return huge;
}

static void start_port(const struct capture *c, uint32_t buffers, uint16_t room)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"frames", buffers, 256, 0, room + RTE_PKTMBUF_HEADROOM,
		SOCKET_ID_ANY);
	struct rte_eth_conf conf;

	memset(&conf, 0, sizeof(conf));
	if (!pool)
		die("no memory for %u buffers", buffers);
	if (rte_eth_dev_configure(0, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(0, 0, 512, SOCKET_ID_ANY, NULL, pool) ||
	    rte_eth_tx_queue_setup(0, 0, 512, SOCKET_ID_ANY, NULL) ||
	    rte_eth_dev_start(0))
		die("%s: net_pcap does not start", c->path);
}

static int open_port(const struct capture *c)
{
	uint32_t room = RTE_MAX(c->longest, (uint32_t)ROOM_MIN);
	uint32_t buffers = c->frames + POOL_SPARE;
	/* On ordinary pages a buffer begins a page of its own. */
	uint64_t bytes = (uint64_t)buffers * RTE_ALIGN(room + 512, 4096U);
	int huge;

	if (room > UINT16_MAX - RTE_PKTMBUF_HEADROOM)
		die("%s: a frame of %u bytes is too long", c->path, c->longest);
	huge = start_eal(c, (unsigned)(bytes / MIB) + 64);
	start_port(c, buffers, (uint16_t)room);
	return huge;
}

/* --- the loops -------------------------------------------------------------- */

static uint64_t found; /* keeps the look-ups from being left out */

/* As the worker does it: decode all, look all ends up together. */
static void inspect(const struct pk_images *images, struct rte_mbuf **mbufs,
		    uint32_t n)
{
	struct pk_endpoint end[2 * PK_BURST];
	struct pk_decode decode[PK_BURST];
	uint32_t slots[2 * PK_BURST], ends = 0;
	struct pk_view v;

	pk_images_view(images, &v);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *data = rte_pktmbuf_mtod(mbufs[i], uint8_t *);
		struct pk_flow_key *key = &decode[i].packet.key;

		pk_parse(data, data + mbufs[i]->data_len, mbufs[i]->pkt_len,
			 &decode[i]);
		if (!(decode[i].packet.layers & PK_HAS_IP))
			continue;
		end[ends++] = (struct pk_endpoint){ &key->src, key->sport };
		end[ends++] = (struct pk_endpoint){ &key->dst, key->dport };
	}
	pk_lookup_endpoints(&v, end, ends, slots);
	for (uint32_t i = 0; i < ends; i++)
		found += slots[i] != PK_NO_SLOT;
}

/* The CPU time of this thread: others on this core do not count. */
static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double run(const struct pk_images *images)
{
	struct rte_mbuf *mbufs[PK_BURST];
	double begin = cpu_ns();
	uint64_t packets = 0;

	while (packets < ROUND_PACKETS) {
		uint32_t n = rte_eth_rx_burst(0, 0, mbufs, PK_BURST);

		if (images)
			inspect(images, mbufs, n);
		rte_pktmbuf_free_bulk(mbufs, n);
		packets += n;
	}
	return (cpu_ns() - begin) / (double)packets;
}

/* --- the report ------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

struct spread {
	double min;
	double median;
};

/* Of @f, above @bare if that is given. */
static struct spread spread_of(const struct figure *f,
			       const struct figure *bare)
{
	double ns[ROUNDS], own[ROUNDS], base[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		own[i] = f->ns[i];
		base[i] = bare ? bare->ns[i] : 0;
		ns[i] = own[i] - base[i];
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
	qsort(own, ROUNDS, sizeof(own[0]), by_value);
	qsort(base, ROUNDS, sizeof(base[0]), by_value);
	return (struct spread){ own[0] - base[0], ns[ROUNDS / 2] };
}

static void print_json(FILE *to, const struct figure *f, struct spread ns,
		       double bare)
{
	char goal[16] = "null";
	const char *met = "null";
	double median = ns.median;

	if (f->goal > 0) {
		snprintf(goal, sizeof(goal), "%.0f", f->goal);
		met = median <= f->goal ? "true" : "false";
	}
	fprintf(to,
		"{\"name\":\"%s\",\"value\":%.2f,\"unit\":\"ns\",\"baseline\":%.2f,\"ratio\":%.3f,\"goal\":%s,\"met\":%s,\"min\":%.2f,\"median\":%.2f,\"runs\":%d}\n",
		f->name, median, bare,
		f->indicators ? (bare + median) / bare : 1.0, goal, met, ns.min,
		median, ROUNDS);
}

static void print_row(const struct figure *f, struct spread ns, double bare)
{
	printf("%-16s %10.2f %10.2f %8.3f", f->name, ns.min, ns.median,
	       f->indicators ? (bare + ns.median) / bare : 1.0);
	if (f->goal > 0)
		printf(" %8.0f %s", f->goal,
		       ns.median <= f->goal ? "met" : "NOT MET");
	putchar('\n');
}

static void report(const struct capture *c, int huge)
{
	const char *build = getenv("BUILD"), *json = getenv("JSON");
	struct spread ns;
	double bare;
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/bench-dpdk.ndjson",
		 build ? build : "build");
	file = fopen(path, "we");
	bare = spread_of(&figures[0], NULL).median;
	if (!json)
		printf("%s: %u frames, %d rounds of %d packets, %s pages, ns a packet; all but bare: above bare\n%-16s %10s %10s %8s %8s\n",
		       c->path, c->frames, ROUNDS, ROUND_PACKETS,
		       huge ? "2 MiB" : "ordinary", "figure", "min", "median",
		       "ratio", "goal");
	for (int i = 0; i < FIGURES; i++) {
		ns = spread_of(&figures[i], i ? &figures[0] : NULL);
		if (json)
			print_json(stdout, &figures[i], ns, bare);
		else
			print_row(&figures[i], ns, bare);
		if (file)
			print_json(file, &figures[i], ns, bare);
	}
	if (file)
		fclose(file);
}

static const char *default_capture(char *path, size_t size)
{
	const char *shared = getenv("PK_SHARED");

	snprintf(path, size, "%s/captures/bench/mix.pcap",
		 shared ? shared : "../shared");
	return path;
}

int main(int argc, char **argv)
{
	struct capture capture = { 0 };
	char path[2048];
	int huge;

	capture.path = argc > 1 ? argv[1] : default_capture(path, sizeof(path));
	if (access(capture.path, R_OK)) {
		printf("SKIPPED: %s is not there\n", capture.path);
		return 77;
	}
	measure_capture(&capture);
	for (int i = 1; i < FIGURES; i++)
		build_images(&figures[i]);
	huge = open_port(&capture);
	run(NULL);
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < FIGURES; i++)
			figures[i].ns[round] = run(figures[i].images);
	report(&capture, huge);
	for (int i = 1; i < FIGURES; i++)
		pk_images_free(figures[i].images);
	rte_eal_cleanup();
	return found == UINT64_MAX;
}
