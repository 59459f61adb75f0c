/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_xdp: what the kernel's half costs a packet, by BPF_PROG_TEST_RUN.
 *
 *	xdp.empty            ns: draw two random addresses, write the key
 *	xdp.addr.miss.N      ns above it: both looked up among N in the image
 *	xdp.addr6.miss.N     the same for IPv6
 *	xdp.addr.hit.N       both of them listed (65,536 addresses in turn)
 *	xdp.addr.hash.N      the same with BPF_MAP_TYPE_HASH
 *	xdp.addr.lpm.N       the same with BPF_MAP_TYPE_LPM_TRIE
 *	xdp.port.hit.N       as addr.hit, with address and port listed
 *	xdp.net4.N, net6.N   random addresses, N prefixes and no addresses
 *	xdp.net4.hit.N, ...  both of them in a prefix
 *	xdp.net4.lpm.N       random addresses, the prefixes in an LPM_TRIE
 *	xdp.name.read        ns above copying a DNS message: read its question
 *	xdp.name.miss.N      read it and look it up, N names, 8,192 questions
 *	xdp.name.hit.N       the same, all of them listed
 *	xdp.flow.warm        ns above drawing a flow: count it, 64 flows
 *	xdp.flow.cold        the same, 8,192 flows that share no place
 *	xdp.flow.evict       the same, every packet a new flow, ring included
 *
 * Every round measures all figures one after the other and takes each above
 * the empty program of its own round; the value is the median over rounds. The
 * ratio of a kernel map is that to the image with as many indicators.
 *
 * Words of the command line choose figures by how their names begin; ratios to
 * others are then 0. PK_QUICK=1 leaves out 10 million and takes fewer runs. JSON=1 prints
 * NDJSON, which is always written to $BUILD/bench-xdp.ndjson. Needs root.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/flow.h"
#include "ioc/image/builder.h"
#include "tools/bench/bench_keys.h"
#include "tools/bench/bench_names.h"
#include "tools/bench/bench.skel.h"

enum {
	ROUNDS = 9,
	QUICK_ROUNDS = 7,
	SEED = 1,
	BATCH = 65536,
	FLOW_IDS = 8192,
	WARM_FLOWS = 64,
	EVENT_RING = 1 << 22,
	FLOW_SEED = 77,
};

enum kind { EMPTY, IMAGE, HASH, LPM, READ, NAMES, FLOW, EVICT, KINDS };

/* One run: so many calls of so many packets. */
static const struct {
	uint32_t packets, calls;
} sizes[KINDS] = {
	[EMPTY] = { 200000, 8 }, [IMAGE] = { 200000, 6 },
	[HASH] = { 100000, 3 },	 [LPM] = { 20000, 2 },
	[READ] = { 200000, 4 },	 [NAMES] = { 100000, 4 },
	[FLOW] = { 200000, 6 },	 [EVICT] = { 40000, 8 }, /* fit the ring */
};

struct figure {
	const char *name;
	enum kind kind;
	uint32_t count;	  /* indicators, or flows */
	double goal;	  /* ns above empty, or a ratio; 0: none */
	const char *peer; /* the goal is a ratio to this figure */
	enum bench_keys keys;
	bool hit; /* aim at what is listed */
	double ns[ROUNDS];
	int fd; /* the inner map */
	struct pk_image_head head;
};

enum { K10 = 10000, K100 = 100000, M1 = 1000000, M5 = 5000000, M10 = 10000000 };

static struct figure figures[] = {
	{ .name = "xdp.empty", .kind = EMPTY },
	{ .name = "xdp.addr.miss.10k", .kind = IMAGE, .count = K10 },
	{ .name = "xdp.addr.miss.1m", .kind = IMAGE, .count = M1, .goal = 30 },
	{ .name = "xdp.addr.miss.10m",
	  .kind = IMAGE,
	  .count = M10,
	  .goal = 100 },
	{ .name = "xdp.addr6.miss.10k",
	  .kind = IMAGE,
	  .count = K10,
	  .keys = BENCH_V6 },
	{ .name = "xdp.addr6.miss.1m",
	  .kind = IMAGE,
	  .count = M1,
	  .keys = BENCH_V6 },
	{ .name = "xdp.addr6.miss.10m",
	  .kind = IMAGE,
	  .count = M10,
	  .keys = BENCH_V6 },
	{ .name = "xdp.addr.hash.10k",
	  .kind = HASH,
	  .count = K10,
	  .peer = "xdp.addr.miss.10k" },
	{ .name = "xdp.addr.hash.1m",
	  .kind = HASH,
	  .count = M1,
	  .goal = 12,
	  .peer = "xdp.addr.miss.1m" },
	{ .name = "xdp.addr.hash.10m",
	  .kind = HASH,
	  .count = M10,
	  .goal = 4,
	  .peer = "xdp.addr.miss.10m" },
	{ .name = "xdp.addr.lpm.10k",
	  .kind = LPM,
	  .count = K10,
	  .peer = "xdp.addr.miss.10k" },
	{ .name = "xdp.addr.lpm.1m",
	  .kind = LPM,
	  .count = M1,
	  .goal = 80,
	  .peer = "xdp.addr.miss.1m" },
	{ .name = "xdp.addr.hit.1m", .kind = IMAGE, .count = M1, .hit = true },
	{ .name = "xdp.port.hit.1m",
	  .kind = IMAGE,
	  .count = M1,
	  .keys = BENCH_PORT,
	  .hit = true },
	{ .name = "xdp.net4.100k",
	  .kind = IMAGE,
	  .count = K100,
	  .keys = BENCH_NET4 },
	{ .name = "xdp.net4.1m",
	  .kind = IMAGE,
	  .count = M1,
	  .keys = BENCH_NET4 },
	{ .name = "xdp.net6.100k",
	  .kind = IMAGE,
	  .count = K100,
	  .keys = BENCH_NET6 },
	{ .name = "xdp.net4.hit.100k",
	  .kind = IMAGE,
	  .count = K100,
	  .keys = BENCH_NET4,
	  .hit = true },
	{ .name = "xdp.net4.hit.1m",
	  .kind = IMAGE,
	  .count = M1,
	  .keys = BENCH_NET4,
	  .hit = true },
	{ .name = "xdp.net6.hit.100k",
	  .kind = IMAGE,
	  .count = K100,
	  .keys = BENCH_NET6,
	  .hit = true },
	{ .name = "xdp.net4.lpm.100k",
	  .kind = LPM,
	  .count = K100,
	  .keys = BENCH_NET4,
	  .peer = "xdp.net4.100k" },
	{ .name = "xdp.net4.lpm.1m",
	  .kind = LPM,
	  .count = M1,
	  .keys = BENCH_NET4,
	  .peer = "xdp.net4.1m" },
	{ .name = "xdp.name.read", .kind = READ },
	{ .name = "xdp.name.miss.1m", .kind = NAMES, .count = M1 },
	{ .name = "xdp.name.miss.5m", .kind = NAMES, .count = M5, .goal = 180 },
	{ .name = "xdp.name.hit.1m", .kind = NAMES, .count = M1, .hit = true },
	{ .name = "xdp.flow.warm", .kind = FLOW, .count = WARM_FLOWS },
	{ .name = "xdp.flow.cold", .kind = FLOW, .count = FLOW_IDS },
	{ .name = "xdp.flow.evict", .kind = EVICT },
};

enum { FIGURES = sizeof(figures) / sizeof(figures[0]) };

static struct bench *skel;
static struct ring_buffer *ring;
static struct pk_control *control;
static int rounds = ROUNDS;
static bool quick;
static char **wanted; /* words of the command line */

__attribute__((format(printf, 1, 2), noreturn)) static void die(
	const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench_xdp: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* Figures are wanted by how their names begin; xdp.empty is always there. */
static bool is_left_out(const struct figure *f)
{
	if (f->kind == EMPTY)
		return false;
	for (char **word = wanted; word && *word; word++)
		if (!strncmp(f->name, *word, strlen(*word)))
			return false;
	return (wanted && *wanted) || (quick && f->count == M10);
}

/* --- the tables ------------------------------------------------------------- */

static int make_lines(const struct pk_line *lines, uint32_t count)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	size_t bytes = (size_t)count * sizeof(*lines);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bench_image", 4,
				sizeof(*lines), count, &opts);
	void *p;

	if (fd < 0)
		die("an image of %u lines: %s", count, strerror(-fd));
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("cannot map an image: %s", strerror(errno));
	memcpy(p, lines, bytes);
	munmap(p, bytes);
	return fd;
}

static void make_image(struct figure *f)
{
	struct pk_block block = { 0 };
	int err = f->kind == NAMES
			  ? bench_build_names(&block, f->count, SEED)
			  : bench_build(&block, f->keys, f->count, SEED);

	if (err)
		die("%s: %s", f->name, strerror(-err));
	f->fd = make_lines(block.lines, block.head->shared_lines);
	f->head = *block.head;
	pk_block_free(&block);
}

/* Batches of keys until the map has as many as wanted. */
static void make_map(struct figure *f)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = f->kind == LPM ? BPF_F_NO_PREALLOC : 0);
	static uint32_t keys[BATCH * 2], values[BATCH];
	uint32_t words = f->kind == LPM ? 2 : 1;

	f->fd = bpf_map_create(f->kind == LPM ? BPF_MAP_TYPE_LPM_TRIE
					      : BPF_MAP_TYPE_HASH,
			       "bench_map", words * 4, 4, f->count, &opts);
	if (f->fd < 0)
		die("%s: %s", f->name, strerror(-f->fd));
	for (uint32_t done = 0; done < f->count;) {
		uint32_t n = f->count - done < BATCH ? f->count - done : BATCH;

		for (uint32_t i = 0; i < n; i++) {
			struct pk_key key = bench_key(f->keys, done + i, SEED);

			keys[i * words] = key.bits ? key.bits : 32;
			keys[i * words + words - 1] = (uint32_t)key.q[0];
			values[i] = i;
		}
		done += n;
		if (bpf_map_update_batch(f->fd, keys, values, &n, NULL))
			die("%s: %s", f->name, strerror(errno));
	}
}

/* Point the programs at addresses that hit. */
static void take_aim(const struct figure *f)
{
	static union pk_addr aims[BENCH_AIMS];
	static uint32_t index[BENCH_AIMS];
	uint32_t n = BENCH_AIMS;

	for (uint32_t i = 0; i < n; i++) {
		index[i] = i;
		aims[i] = bench_aim(
			f->keys, (uint32_t)((uint64_t)i * f->count / n), SEED);
	}
	if (bpf_map_update_batch(bpf_map__fd(skel->maps.aims), index, aims, &n,
				 NULL))
		die("aims: %s", strerror(errno));
}

/* Names that are listed, or that come after those. */
static void choose_questions(const struct figure *f)
{
	static struct bench_question questions[BENCH_QUESTIONS];
	static uint32_t index[BENCH_QUESTIONS];
	uint32_t n = BENCH_QUESTIONS;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t name = (uint32_t)((uint64_t)i * f->count / n);

		index[i] = i;
		bench_ask(i, f->hit ? name : f->count + i, SEED, &questions[i]);
	}
	if (bpf_map_update_batch(bpf_map__fd(skel->maps.questions), index,
				 questions, &n, NULL))
		die("questions: %s", strerror(errno));
}

/* Flows of which no three share a set: none evicts another. */
static void choose_flows(void)
{
	static uint8_t used[PK_FLOW_LINES];
	struct pk_flow_key key = { .src.b = { [10] = 0xff, 0xff },
				   .dst.b = { [10] = 0xff, 0xff } };
	int fd = bpf_map__fd(skel->maps.flow_ids);
	uint32_t chosen = 0;

	key.dst.w[3] = 1;
	for (uint32_t id = 0; chosen < FLOW_IDS; id++) {
		uint32_t set;

		key.src.w[3] = id;
		set = pk_flow_set(pk_flow_hash(FLOW_SEED, &key));
		if (used[set] == 2)
			continue;
		used[set]++;
		if (bpf_map_update_elem(fd, &chosen, &id, BPF_ANY))
			die("flow_ids: %s", strerror(errno));
		chosen++;
	}
}

/* --- the object --------------------------------------------------------------- */

static int on_event(void *arg, void *data, size_t size)
{
	(void)arg;
	(void)data;
	(void)size;
	return 0;
}

static void make_ring(uint32_t cpu)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "bench_ring", 0, 0,
				EVENT_RING, NULL);

	if (fd < 0 || bpf_map_update_elem(bpf_map__fd(skel->maps.events), &cpu,
					  &fd, BPF_ANY))
		die("ring: %s", strerror(errno));
	ring = ring_buffer__new(fd, on_event, NULL, NULL);
	if (!ring)
		die("ring: %s", strerror(errno));
}

static void open_object(uint32_t cpu)
{
	uint32_t cpus = (uint32_t)libbpf_num_possible_cpus();

	skel = bench__open();
	if (!skel)
		die("cannot open the BPF object: %s", strerror(errno));
	skel->rodata->flow_seed = FLOW_SEED;
	bpf_map__set_max_entries(skel->maps.counters, cpus);
	bpf_map__set_max_entries(skel->maps.lines, cpus * PK_FLOW_LINES);
	bpf_map__set_max_entries(skel->maps.cpus, cpus);
	bpf_map__set_max_entries(skel->maps.events, cpus);
	bpf_map__set_autocreate(skel->maps.hits, false);
	bpf_map__set_autocreate(skel->maps.timers, false);
	bpf_map__set_autocreate(skel->maps.alerts, false);
	if (bench__load(skel))
		die("the kernel refused the BPF programs: %s (root is needed)",
		    strerror(errno));
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE,
		       MAP_SHARED, bpf_map__fd(skel->maps.control), 0);
	if (control == MAP_FAILED)
		die("control: %s", strerror(errno));
	make_ring(cpu);
	choose_flows();
}

/* An empty delta for every image: all have one seed. */
static void make_delta(void)
{
	struct pk_block block = { 0 };
	uint32_t slot = PK_IMAGE_BASES;
	int err = pk_builder_empty(SEED, &block), fd;

	if (err)
		die("delta: %s", strerror(-err));
	fd = make_lines(block.lines, block.count);
	control->heads[slot] = *block.head;
	if (bpf_map_update_elem(bpf_map__fd(skel->maps.images), &slot, &fd,
				BPF_ANY))
		die("delta: %s", strerror(errno));
	pk_block_free(&block);
	close(fd);
}

static void make_all(void)
{
	make_delta();
	for (int i = 0; i < FIGURES; i++) {
		struct figure *f = &figures[i];

		if (is_left_out(f))
			continue;
		if (f->kind == IMAGE || f->kind == NAMES)
			make_image(f);
		else if (f->kind == HASH || f->kind == LPM)
			make_map(f);
	}
}

static void put_inner(const struct bpf_map *outer, int fd)
{
	uint32_t zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(outer), &zero, &fd, BPF_ANY))
		die("cannot set an inner map: %s", strerror(errno));
}

/* --- measuring ------------------------------------------------------------------ */

static double run_once(const struct bpf_program *prog, uint32_t reps)
{
	uint8_t frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = sizeof(frame), .repeat = (int)reps);
	int err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	if (err)
		die("test run: %s", strerror(errno));
	if (opts.retval != XDP_PASS)
		die("test run: verdict %u", opts.retval);
	ring_buffer__consume(ring);
	return opts.duration;
}

/* The kernel gives whole ns a packet: the mean of several calls is finer. */
static double run(const struct bpf_program *prog, const struct figure *f)
{
	double sum = 0;

	uint32_t packets = sizes[f->kind].packets;

	run_once(prog, packets / 4); /* caches and flow lines as they will be */
	for (uint32_t i = 0; i < sizes[f->kind].calls; i++)
		sum += run_once(prog, packets);
	return sum / sizes[f->kind].calls;
}

static bool is_six(const struct figure *f)
{
	return f->keys == BENCH_V6 || f->keys == BENCH_NET6;
}

static const struct bpf_program *choose(const struct figure *f)
{
	switch (f->kind) {
	case READ:
		return skel->progs.name_read;
	case IMAGE:
	case NAMES:
		put_inner(skel->maps.images, f->fd);
		control->heads[0] = f->head;
		control->word = pk_word_make(2, 0, 0);
		if (f->kind == NAMES)
			return skel->progs.name_find;
		if (f->hit)
			return skel->progs.image_aim;
		return is_six(f) ? skel->progs.image6 : skel->progs.image4;
	case HASH:
		put_inner(skel->maps.hash, f->fd);
		return skel->progs.hash4;
	case LPM:
		put_inner(skel->maps.lpm, f->fd);
		return skel->progs.lpm4;
	case FLOW:
	case EVICT:
		return skel->progs.flow;
	default:
		return skel->progs.empty4;
	}
}

/* The same draws with no work behind them, right before the figure. */
static const struct bpf_program *choose_empty(const struct figure *f)
{
	if (f->kind == READ || f->kind == NAMES)
		return skel->progs.name_empty;
	if (f->hit)
		return skel->progs.empty_aim;
	if (f->kind != FLOW && f->kind != EVICT)
		return is_six(f) ? skel->progs.empty6 : skel->progs.empty4;
	skel->bss->flow_mask = f->count ? f->count - 1 : 0;
	return skel->progs.flow_empty;
}

/* The share of random look-ups that may hit: prefixes cover some. */
static double limit_of(const struct figure *f)
{
	return f->keys == BENCH_NET4 || f->keys == BENCH_NET6 ? 0.5 : 0.01;
}

static void measure(struct figure *f, int round)
{
	double looked_up = (double)sizes[f->kind].packets *
			   sizes[f->kind].calls * (f->kind == NAMES ? 1 : 2);
	double empty, found;

	if (f->kind == READ || f->kind == NAMES)
		choose_questions(f);
	else if (f->hit)
		take_aim(f);
	empty = run(choose_empty(f), f);
	if (f->kind == EMPTY) {
		f->ns[round] = empty;
		return;
	}
	skel->bss->found = 0;
	f->ns[round] = run(choose(f), f) - empty;
	found = (double)skel->bss->found / looked_up;
	/* Random addresses meet 10 million of 2^32 once in 430. */
	if (f->hit ? found < 0.99 : found > limit_of(f))
		die("%s: %.3f of the look-ups hit", f->name, found);
}

/* --- the report ------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static const struct figure *find(const char *name)
{
	for (int i = 0; i < FIGURES; i++)
		if (!strcmp(figures[i].name, name))
			return &figures[i];
	die("no figure %s", name);
}

static double median(const struct figure *f)
{
	return f->ns[rounds / 2];
}

struct verdict {
	double baseline, ratio;
	bool met;
};

static struct verdict judge(const struct figure *f)
{
	double value = median(f), empty = median(&figures[0]);
	struct verdict v = { empty, (empty + value) / empty, true };

	if (f->kind == EMPTY)
		v.ratio = 1;
	if (f->peer) {
		v.baseline = median(find(f->peer));
		v.ratio = v.baseline > 0 ? value / v.baseline : 0;
		v.met = v.ratio >= f->goal;
	} else if (f->goal > 0) {
		v.met = value <= f->goal;
	}
	return v;
}

static void print_json(FILE *to, const struct figure *f)
{
	struct verdict v = judge(f);
	char goal[16] = "null";

	if (f->goal > 0)
		snprintf(goal, sizeof(goal), "%.0f", f->goal);
	fprintf(to,
		"{\"name\":\"%s\",\"value\":%.2f,\"unit\":\"ns\",\"baseline\":%.2f,\"ratio\":%.3f,\"goal\":%s,\"met\":%s,\"min\":%.2f,\"median\":%.2f,\"runs\":%d}\n",
		f->name, median(f), v.baseline, v.ratio, goal,
		f->goal <= 0 ? "null"
		: v.met	     ? "true"
			     : "false",
		f->ns[0], median(f), rounds);
}

static void print_row(const struct figure *f)
{
	struct verdict v = judge(f);

	printf("%-20s %10.2f %10.2f %9.2f", f->name, f->ns[0], median(f),
	       v.ratio);
	if (f->goal > 0)
		printf(" %s%.0f%s %s", f->peer ? ">= " : "<= ", f->goal,
		       f->peer ? " x" : " ns", v.met ? "met" : "NOT MET");
	putchar('\n');
}

static FILE *open_results(void)
{
	const char *build = getenv("BUILD");
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/bench-xdp.ndjson",
		 build ? build : "build");
	f = fopen(path, "we");
	if (!f)
		fprintf(stderr, "bench_xdp: %s: %s\n", path, strerror(errno));
	return f;
}

static void report(void)
{
	bool json = getenv("JSON") != NULL;
	FILE *file = open_results();

	if (!json)
		printf("ns a packet, %d rounds; all but xdp.empty: above an empty program; ratio: to xdp.empty, or of a kernel map to the image\n%-20s %10s %10s %9s goal\n",
		       rounds, "figure", "min", "median", "ratio");
	for (int i = 0; i < FIGURES; i++) {
		const struct figure *f = &figures[i];

		if (is_left_out(f))
			continue;
		if (json)
			print_json(stdout, f);
		else
			print_row(f);
		if (file)
			print_json(file, f);
	}
	if (file)
		fclose(file);
}

/* --- main --------------------------------------------------------------------------- */

static uint32_t pin_to_last(void)
{
	cpu_set_t set;
	uint32_t cpu = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		die("affinity: %s", strerror(errno));
	for (uint32_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			cpu = i;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("affinity: %s", strerror(errno));
	return cpu;
}

int main(int argc, char **argv)
{
	if (geteuid()) {
		printf("SKIPPED: bench_xdp needs root\n");
		return 77;
	}
	(void)argc;
	wanted = argv + 1;
	quick = getenv("PK_QUICK") != NULL;
	if (quick)
		rounds = QUICK_ROUNDS;
	open_object(pin_to_last());
	make_all();
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < FIGURES; i++)
			if (!is_left_out(&figures[i]))
				measure(&figures[i], round);
	for (int i = 0; i < FIGURES; i++)
		qsort(figures[i].ns, (size_t)rounds, sizeof(double), by_value);
	report();
	ring_buffer__free(ring);
	bench__destroy(skel);
	return 0;
}
