/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_ioc: what indicators cost in user space, one line a figure.
 *
 *	bench_ioc [10k|1m|10m]...	default: 10k 1m
 *
 * For each size: seconds from text to base image (feed, store, builder apart),
 * adds per second, bytes an indicator (store and image apart), and ns a look-up
 * of random addresses, all miss and all hit, one by one and (burst) by 32,
 * minimum and median of RUNS runs. Of the mixed set also the goals of the
 * design: build (text to image), open (a snapshot with its image, from the page
 * cache), bytes of an indicator in store and image.
 * Time is the thread's CPU time, so that a busy box disturbs less.
 * JSON=1: NDJSON.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ioc/image/builder.h"
#include "bpf/match.h"
#include "ioc/disk/disk.h"
#include "ioc/feed/feed.h"
#include "ioc/image/lookup.h"
#include "ioc/image/lookup.h"
#include "ioc/store/store.h"

enum { RUNS = 7, LOOKS = 1 << 20, TEXT_CHUNK = 1 << 16 };

enum kind { V4, V6, NAME, MIXED, KINDS };

static const char *const kind_words[KINDS] = { "v4", "v6", "name", "mixed" };

static double now_sec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_figure(const char *name, const char *what, double value,
			 double median, const char *unit)
{
	const char *json = getenv("JSON");

	if (json && *json == '1')
		printf("{\"name\":\"ioc.%s.%s\",\"value\":%.3f,\"unit\":\"%s\","
		       "\"min\":%.3f,\"median\":%.3f}\n",
		       what, name, median, unit, value, median);
	else
		printf("ioc.%s.%-12s %12.2f / %.2f %s\n", what, name, value,
		       median, unit);
	fflush(stdout);
}

/* A figure with a goal, under the name that comparisons read. */
static void print_goal(const char *name, double value, double goal,
		       const char *unit)
{
	const char *json = getenv("JSON");

	if (json && *json == '1')
		printf("{\"name\":\"ioc.%s\",\"value\":%.3f,\"unit\":\"%s\","
		       "\"goal\":%.3f,\"met\":%s,\"min\":%.3f,"
		       "\"median\":%.3f,\"runs\":1}\n",
		       name, value, unit, goal,
		       value <= goal ? "true" : "false", value, value);
	else
		printf("ioc.%-21s %12.3f %s (goal %g: %s)\n", name, value, unit,
		       goal, value <= goal ? "met" : "missed");
	fflush(stdout);
}

/* A bijection over 64 bits, so that values do not repeat. */
static uint64_t scatter(uint64_t n)
{
	return pk_mix(n * 0x9e3779b97f4a7c15ULL + 1);
}

static uint32_t v4_of(uint32_t n)
{
	return n * 2654435761U; /* odd: a bijection over 32 bits */
}

/* Half of the numbers are given to feeds, the other half to misses. */
static size_t print_value(enum kind kind, uint32_t n, char *out)
{
	uint32_t a = v4_of(n);
	uint64_t s = scatter(n);

	if (kind == MIXED)
		kind = n % 10 < 7 ? V4 : n % 10 < 8 ? V6 : NAME;
	if (kind == V4)
		return (size_t)sprintf(out, "%u.%u.%u.%u\n", a & 255,
				       a >> 8 & 255, a >> 16 & 255, a >> 24);
	if (kind == V6)
		return (size_t)sprintf(
			out, "2001:%x:%x:%x::%x\n", (unsigned)(s & 0xffff),
			(unsigned)(s >> 16 & 0xffff),
			(unsigned)(s >> 32 & 0xffff), (unsigned)(s >> 48));
	return (size_t)sprintf(out, "%llx.example\n", (unsigned long long)s);
}

static int accept(void *arg, const struct pk_indicator *ind)
{
	return pk_store_add(arg, ind, NULL);
}

static char *make_text(enum kind kind, uint32_t count, size_t *len)
{
	char *text = malloc((size_t)count * 40 + 64);

	*len = 0;
	for (uint32_t n = 0; text && n < count; n++)
		*len += print_value(kind, n, text + *len);
	return text;
}

/* What the goals are about, of the set at hand. */
static struct {
	double load_sec, build_sec, bytes;
} last;

static struct pk_store *load(const char *label, enum kind kind, uint32_t count)
{
	struct pk_feed_sink sink = { .accept = accept };
	struct pk_feed_options options;
	struct pk_store *store;
	struct pk_feed *f;
	size_t len;
	char *text = make_text(kind, count, &len);
	bool reserved = false;
	double sec;

	if (!text || pk_store_new(&store, 12345))
		exit(1);
	sink.arg = store;
	pk_feed_options_init(&options);
	options.format = PK_FEED_LINES;
	if (pk_store_feed(store, "bench") ||
	    pk_feed_open(&f, &options, 0, &sink))
		exit(1);
	sec = now_sec();
	for (size_t at = 0; at < len; at += TEXT_CHUNK) {
		uint32_t n = reserved ? 0 : pk_feed_estimate(f, len);

		if (n) /* as the daemon's loader does */
			reserved = !pk_store_reserve(store, n, 0);
		pk_feed_push(f, text + at,
			     len - at < TEXT_CHUNK ? len - at : TEXT_CHUNK);
	}
	pk_feed_finish(f);
	sec = now_sec() - sec;
	if (pk_feed_stats(f)->accepted != count)
		exit(1);
	last.load_sec = sec;
	print_figure(label, "load", sec, sec, "s");
	print_figure(label, "bulk", count / sec, count / sec, "1/s");
	pk_feed_close(f);
	free(text);
	return store;
}

static struct pk_block build(const char *label, const struct pk_store *store)
{
	struct pk_block b = { 0 };
	struct pk_store_stats st;
	double sec = now_sec(), bytes;

	if (pk_builder_base(store, &b))
		exit(1);
	sec = now_sec() - sec;
	last.build_sec = sec;
	print_figure(label, "build", sec, sec, "s");
	pk_store_stats(store, &st);
	bytes = (double)st.bytes / st.live;
	print_figure(label, "bytes.store", bytes, bytes, "B");
	bytes = (double)b.count * sizeof(struct pk_line) / st.live;
	print_figure(label, "bytes.image", bytes, bytes, "B");
	last.bytes = bytes + (double)st.bytes / st.live;
	return b;
}

static union pk_addr addr_of(enum kind kind, uint32_t n)
{
	union pk_addr a = { .w = { 0, 0, 0xffff0000, v4_of(n) } };

	if (kind == V6) {
		uint64_t s = scatter(n);

		a.b[0] = 0x20;
		a.b[1] = 0x01;
		for (unsigned i = 0; i < 3; i++) {
			a.b[2 + 2 * i] = (uint8_t)(s >> (16 * i + 8));
			a.b[3 + 2 * i] = (uint8_t)(s >> (16 * i));
		}
		a.w[2] = 0;
		a.w[3] = __builtin_bswap32((uint32_t)(s >> 48));
	}
	return a;
}

static uint32_t look_up(const struct pk_view *v, enum kind kind, uint32_t n)
{
	union pk_addr a = addr_of(kind, n);

	return pk_view_match(v, &a, PK_NO_PORT);
}

enum { BURST = 32 };

static uint32_t look_up_burst(const struct pk_view *v, enum kind kind,
			      const uint32_t *numbers)
{
	struct pk_endpoint e[BURST];
	union pk_addr a[BURST];
	uint32_t slots[BURST], found = 0;

	for (unsigned i = 0; i < BURST; i++) {
		a[i] = addr_of(kind, numbers[i]);
		e[i] = (struct pk_endpoint){ &a[i], PK_NO_PORT };
	}
	pk_lookup_endpoints(v, e, BURST, slots);
	for (unsigned i = 0; i < BURST; i++)
		found += slots[i] != 0;
	return found;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Random numbers in [from, from + count), made ahead. */
static void time_looks(const char *label, const char *what,
		       const struct pk_view *v, enum kind kind,
		       const uint32_t numbers[2])
{
	uint32_t *n = malloc(LOOKS * sizeof(*n));
	double ns[RUNS], burst_ns[RUNS];
	uint32_t found = 0;
	char word[32];

	if (!n)
		exit(1);
	for (unsigned run = 0; run < RUNS; run++) {
		double sec;

		for (uint32_t i = 0; i < LOOKS; i++)
			n[i] = numbers[0] +
			       pk_scale((uint32_t)scatter(run * LOOKS + i),
					numbers[1]);
		sec = now_sec();
		for (uint32_t i = 0; i < LOOKS; i++)
			found += look_up(v, kind, n[i]) != 0;
		ns[run] = (now_sec() - sec) * 1e9 / LOOKS;
		sec = now_sec();
		for (uint32_t i = 0; i < LOOKS; i += BURST)
			found += look_up_burst(v, kind, &n[i]);
		burst_ns[run] = (now_sec() - sec) * 1e9 / LOOKS;
	}
	qsort(ns, RUNS, sizeof(ns[0]), by_value);
	print_figure(label, what, ns[0], ns[RUNS / 2], "ns");
	qsort(burst_ns, RUNS, sizeof(ns[0]), by_value);
	snprintf(word, sizeof(word), "burst.%s", what);
	print_figure(label, word, burst_ns[0], burst_ns[RUNS / 2], "ns");
	if (found != (numbers[0] ? 0 : 2 * RUNS * LOOKS))
		printf("# %s: %u found\n", what, found);
	free(n);
}

static uint64_t wire_looks(const struct pk_view *v, uint8_t (*wires)[32])
{
	uint64_t found = 0;

	for (uint32_t i = 0; i < LOOKS; i++)
		found += pk_name_find(v, wires[i], NULL) != 0;
	return found;
}

static uint64_t wire_bursts(const struct pk_view *v, uint8_t (*wires)[32])
{
	const uint8_t *at[BURST];
	uint32_t slots[BURST];
	uint64_t found = 0;

	for (uint32_t i = 0; i < LOOKS; i += BURST) {
		for (unsigned k = 0; k < BURST; k++)
			at[k] = wires[i + k];
		pk_lookup_names(v, at, BURST, slots);
		for (unsigned k = 0; k < BURST; k++)
			found += slots[k] != 0;
	}
	return found;
}

static void time_names(const char *label, const char *what,
		       const struct pk_view *v, const uint32_t numbers[2])
{
	uint8_t(*wires)[32] = calloc(LOOKS, 32);
	double ns[RUNS], burst_ns[RUNS];
	char word[32];

	if (!wires)
		exit(1);
	for (uint32_t i = 0; i < LOOKS; i++) {
		uint8_t wire[PK_NAME_MAX];
		char text[64];
		unsigned len;
		uint32_t n =
			numbers[0] + pk_scale((uint32_t)scatter(i), numbers[1]);

		pk_name_parse(text, print_value(NAME, n, text) - 1, wire, &len);
		memcpy(wires[i], wire, len);
	}
	for (unsigned run = 0; run < RUNS; run++) {
		double sec = now_sec();

		wire_looks(v, wires);
		ns[run] = (now_sec() - sec) * 1e9 / LOOKS;
		sec = now_sec();
		wire_bursts(v, wires);
		burst_ns[run] = (now_sec() - sec) * 1e9 / LOOKS;
	}
	qsort(ns, RUNS, sizeof(ns[0]), by_value);
	print_figure(label, what, ns[0], ns[RUNS / 2], "ns");
	qsort(burst_ns, RUNS, sizeof(ns[0]), by_value);
	snprintf(word, sizeof(word), "burst.%s", what);
	print_figure(label, word, burst_ns[0], burst_ns[RUNS / 2], "ns");
	free(wires);
}

/* --- the goals of the design --------------------------------------------------- */

static void say(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "bench_ioc: %s\n", text);
}

static void remove_folder(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	char name[512];

	while (d && (e = readdir(d))) {
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		unlink(name);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

/* Write the store and its base as a snapshot; seconds to read it again. */
static double open_sec(struct pk_store *store, const struct pk_block *base,
		       const char *path)
{
	struct pk_disk_conf conf = {
		.path = path, .seed = pk_store_seed(store), .now = 1, .say = say
	};
	struct pk_disk_commit commit = { .at = 1, .op = "bench" };
	struct pk_disk_loaded loaded;
	struct pk_store *again;
	struct pk_block block;
	struct pk_disk *d;
	double sec;
	int err;

	if (pk_disk_open(&d, &conf) || pk_disk_load(d, &again, &block, &loaded))
		exit(1);
	pk_store_free(again);
	if (pk_disk_note_feed(d, store, 0) ||
	    pk_disk_commit(d, store, &commit) || pk_disk_snapshot_begin(d))
		exit(1);
	err = pk_disk_snapshot_write(d, store, base);
	if (pk_disk_snapshot_end(d, PK_DISK_THREAD, err))
		exit(1);
	pk_disk_close(d);
	sec = now_sec();
	if (pk_disk_open(&d, &conf) ||
	    pk_disk_load(d, &again, &block, &loaded) || !block.count)
		exit(1);
	sec = now_sec() - sec;
	pk_block_free(&block);
	pk_store_free(again);
	pk_disk_close(d);
	return sec;
}

static void print_goals(enum kind kind, const char *size,
			struct pk_store *store, const struct pk_block *base)
{
	char path[] = "/tmp/picket-bench-ioc-XXXXXX", name[32];

	if (base->head->items < 1000000)
		return; /* a page more or less counts there */
	if (kind == V4)
		print_goal("bytes.addr", last.bytes, 24, "B");
	else if (kind == V6)
		print_goal("bytes.addr6", last.bytes, 40, "B");
	else if (kind == NAME)
		print_goal("bytes.name", last.bytes, 48, "B");
	if (kind != MIXED || !mkdtemp(path))
		return;
	pk_store_settle(store);
	snprintf(name, sizeof(name), "build.%s", size);
	print_goal(name, last.load_sec + last.build_sec, 5, "s");
	snprintf(name, sizeof(name), "open.%s", size);
	print_goal(name, open_sec(store, base, path), 0.2, "s");
	remove_folder(path);
}

static void run(enum kind kind, const char *size, uint32_t count)
{
	const uint32_t hit[2] = { 0, count };
	const uint32_t miss[2] = { 1U << 31, 1U << 30 };
	struct pk_block empty = { 0 };
	struct pk_store *store;
	struct pk_block base;
	struct pk_view v;
	char label[32];

	snprintf(label, sizeof(label), "%s.%s", kind_words[kind], size);
	store = load(label, kind, count);
	base = build(label, store);
	if (pk_builder_empty(12345, &empty))
		exit(1);
	v = (struct pk_view){ base.lines, empty.lines, base.head, empty.head,
			      1 };
	if (kind == V4 || kind == V6) {
		time_looks(label, "miss", &v, kind, miss);
		time_looks(label, "hit", &v, kind, hit);
	} else if (kind == NAME) {
		time_names(label, "miss", &v, miss);
		time_names(label, "hit", &v, hit);
	}
	print_goals(kind, size, store, &base);
	pk_block_free(&empty);
	pk_block_free(&base);
	pk_store_free(store);
}

static uint32_t size_of(const char *word)
{
	if (!strcmp(word, "10k"))
		return 10000;
	if (!strcmp(word, "1m"))
		return 1000000;
	return strcmp(word, "10m") ? 0 : 10000000;
}

int main(int argc, char **argv)
{
	const char *const usual[] = { "10k", "1m" };
	const char *const *words = usual;
	int count = 2;

	if (argc > 1) {
		words = (const char *const *)argv + 1;
		count = argc - 1;
	}
	for (int i = 0; i < count; i++) {
		uint32_t n = size_of(words[i]);

		if (!n) {
			fprintf(stderr, "usage: bench_ioc [10k|1m|10m]...\n");
			return 2;
		}
		for (enum kind kind = V4; kind < KINDS; kind++)
			run(kind, words[i], n);
	}
	return 0;
}
