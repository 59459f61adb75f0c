/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_rte: the image beside DPDK's own tables, in user space.
 *
 *	bench_rte [10k|1m|10m]...	default: 10k 1m
 *
 * Exact IPv4: pk_lookup_endpoints() and pk_view_match() against
 * rte_hash_lookup_bulk(); prefixes: the same against rte_fib_lookup_bulk()
 * (DIR24_8, 4-byte entries). The same random addresses for both, in bursts of
 * 32, made ahead; ns a look-up of the thread's CPU time, minimum and median of
 * RUNS runs; the ratio is the median's, above 1 the image is faster. The fib
 * holds next hops for whole ranges and nothing else; the image also looks for
 * exact addresses and ports first. JSON=1: NDJSON.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

#include "bpf/match.h"
#include "ioc/image/builder.h"
#include "ioc/image/lookup.h"
#include "ioc/store/store.h"

enum { RUNS = 7, LOOKS = 1 << 20, BURST = 32, SEED = 12345 };

static double now_sec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t scatter(uint64_t n)
{
	return pk_mix(n * 0x9e3779b97f4a7c15ULL + 1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct times {
	double min, median;
};

struct look {
	const uint32_t *addr; /* host order, LOOKS of them */
	const struct pk_view *view;
	const struct rte_hash *hash;
	struct rte_fib *fib;
};

typedef uint64_t look_fn(const struct look *l);

static struct times time_of(look_fn *fn, const struct look *l, uint64_t *found)
{
	double ns[RUNS];

	for (unsigned run = 0; run < RUNS; run++) {
		double sec = now_sec();

		*found = fn(l);
		ns[run] = (now_sec() - sec) * 1e9 / LOOKS;
	}
	qsort(ns, RUNS, sizeof(ns[0]), by_value);
	return (struct times){ ns[0], ns[RUNS / 2] };
}

static void print_figure(const char *name, struct times t,
			 const struct times *baseline)
{
	const char *json = getenv("JSON");
	double ratio = baseline ? baseline->median / t.median : 1;

	if (json && *json == '1')
		printf("{\"name\":\"ioc.%s\",\"value\":%.2f,\"unit\":\"ns\","
		       "\"baseline\":%.2f,\"ratio\":%.2f,\"min\":%.2f,"
		       "\"median\":%.2f,\"runs\":%d}\n",
		       name, t.median, baseline ? baseline->median : t.median,
		       ratio, t.min, t.median, RUNS);
	else
		printf("ioc.%-22s %8.2f / %.2f ns  %.2f x\n", name, t.min,
		       t.median, ratio);
	fflush(stdout);
}

/* --- the contestants ------------------------------------------------------------ */

static union pk_addr mapped(uint32_t host)
{
	return (union pk_addr){ .w = { 0, 0, 0xffff0000,
				       __builtin_bswap32(host) } };
}

static uint64_t image_burst(const struct look *l)
{
	struct pk_endpoint e[BURST];
	union pk_addr a[BURST];
	uint32_t slots[BURST];
	uint64_t found = 0;

	for (uint32_t i = 0; i < LOOKS; i += BURST) {
		for (uint32_t k = 0; k < BURST; k++) {
			a[k] = mapped(l->addr[i + k]);
			e[k] = (struct pk_endpoint){ &a[k], 443 };
		}
		pk_lookup_endpoints(l->view, e, BURST, slots);
		for (uint32_t k = 0; k < BURST; k++)
			found += slots[k] != 0;
	}
	return found;
}

static uint64_t image_scalar(const struct look *l)
{
	uint64_t found = 0;

	for (uint32_t i = 0; i < LOOKS; i++) {
		union pk_addr a = mapped(l->addr[i]);

		found += pk_view_match(l->view, &a, 443) != 0;
	}
	return found;
}

static uint64_t hash_burst(const struct look *l)
{
	const void *keys[BURST];
	uint64_t found = 0, mask;
	void *data[BURST];

	for (uint32_t i = 0; i < LOOKS; i += BURST) {
		for (uint32_t k = 0; k < BURST; k++)
			keys[k] = &l->addr[i + k];
		rte_hash_lookup_bulk_data(l->hash, keys, BURST, &mask, data);
		found += (uint64_t)__builtin_popcountll(mask);
	}
	return found;
}

static uint64_t fib_burst(const struct look *l)
{
	uint64_t hops[BURST], found = 0;

	for (uint32_t i = 0; i < LOOKS; i += BURST) {
		rte_fib_lookup_bulk(l->fib, (uint32_t *)&l->addr[i], hops,
				    BURST);
		for (uint32_t k = 0; k < BURST; k++)
			found += hops[k] != 0;
	}
	return found;
}

/* --- the sets -------------------------------------------------------------------- */

static struct pk_store *new_store(void)
{
	struct pk_store *s;

	if (pk_store_new(&s, SEED) || pk_store_feed(s, "bench") != 0)
		exit(1);
	return s;
}

static void add(struct pk_store *s, uint32_t host, unsigned bits)
{
	struct pk_indicator ind;
	int err;

	pk_indicator_init(&ind);
	ind.type = bits == 32 ? PK_INDICATOR_IPV4 : PK_INDICATOR_IPV4_NET;
	ind.addr = mapped(host);
	ind.bits = (uint8_t)(bits == 32 ? 0 : bits);
	err = pk_store_add(s, &ind, NULL);
	if (err && err != -EEXIST)
		exit(1);
}

static void view_of(const struct pk_store *s, struct pk_block *base,
		    struct pk_block *empty, struct pk_view *v)
{
	if (pk_builder_base(s, base) || pk_builder_empty(SEED, empty))
		exit(1);
	*v = (struct pk_view){ base->lines, empty->lines, base->head,
			       empty->head, 1 };
}

static void compare(const char *label, const char *size, struct look *l,
		    look_fn *peer, const char *peer_word)
{
	uint32_t *addr = malloc(LOOKS * sizeof(*addr));
	struct times theirs, t;
	uint64_t a, b, c;
	char name[64];

	if (!addr)
		exit(1);
	for (uint32_t i = 0; i < LOOKS; i++)
		addr[i] = (uint32_t)scatter(i + (1ULL << 40));
	l->addr = addr;
	theirs = time_of(peer, l, &a);
	snprintf(name, sizeof(name), "%s.%s.%s", label, peer_word, size);
	print_figure(name, theirs, NULL);
	t = time_of(image_scalar, l, &b);
	snprintf(name, sizeof(name), "%s.scalar.%s", label, size);
	print_figure(name, t, &theirs);
	t = time_of(image_burst, l, &c);
	snprintf(name, sizeof(name), "%s.burst.%s", label, size);
	print_figure(name, t, &theirs);
	if (a != b || b != c)
		printf("# %s.%s: the tables do not agree: %lu, %lu, %lu\n",
		       label, size, (unsigned long)a, (unsigned long)b,
		       (unsigned long)c);
	free(addr);
}

static void bench_exact(const char *size, uint32_t count)
{
	struct rte_hash_parameters conf = { .name = size,
					    .entries = count + count / 4 + 64,
					    .key_len = 4,
					    .hash_func = rte_hash_crc };
	struct rte_hash *hash = rte_hash_create(&conf);
	struct pk_store *s = new_store();
	struct pk_block base, empty;
	struct pk_view v;
	struct look l = { .view = &v, .hash = hash };

	if (!hash) {
		printf("# no memory for an rte_hash of %s\n", size);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t host = i * 2654435761U;

		add(s, host, 32);
		if (rte_hash_add_key_data(hash, &host, (void *)1))
			exit(1);
	}
	view_of(s, &base, &empty, &v);
	compare("exact", size, &l, hash_burst, "rte_hash");
	pk_block_free(&base);
	pk_block_free(&empty);
	pk_store_free(s);
	rte_hash_free(hash);
}

static void bench_prefixes(const char *size, uint32_t count)
{
	struct rte_fib_conf conf = { .type = RTE_FIB_DIR24_8,
				     .max_routes = (int)count + 64,
				     .dir24_8 = { RTE_FIB_DIR24_8_4B,
						  1 << 20 } };
	struct rte_fib *fib = rte_fib_create(size, -1, &conf);
	struct pk_store *s = new_store();
	struct pk_block base, empty;
	struct pk_view v;
	struct look l = { .view = &v, .fib = fib };

	if (!fib) {
		printf("# no memory for an rte_fib of %s\n", size);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t r = scatter(i);
		unsigned bits = 16 + (unsigned)(r >> 32 & 15);
		uint32_t host = (uint32_t)r & ~((1U << (32 - bits)) - 1);

		add(s, host, bits);
		if (rte_fib_add(fib, host, (uint8_t)bits, 1 + (i & 0xffff)))
			exit(1);
	}
	view_of(s, &base, &empty, &v);
	compare("prefix", size, &l, fib_burst, "rte_fib");
	pk_block_free(&base);
	pk_block_free(&empty);
	pk_store_free(s);
	rte_fib_free(fib);
}

static uint32_t size_of(const char *word)
{
	return !strcmp(word, "10k")   ? 10000
	       : !strcmp(word, "1m")  ? 1000000
	       : !strcmp(word, "10m") ? 10000000
				      : 0;
}

int main(int argc, char **argv)
{
	char *eal[] = { argv[0], "--no-huge", "--no-pci",	"--no-shconf",
			"-m",	 "3072",      "--no-telemetry", "--log-level=1",
			"-l",	 "0" };
	char *usual[] = { argv[0], "10k", "1m" };

	if (rte_eal_init(sizeof(eal) / sizeof(eal[0]), eal) < 0)
		return 1;
	if (argc == 1) {
		argv = usual;
		argc = 3;
	}
	for (int i = 1; i < argc; i++) {
		uint32_t n = size_of(argv[i]);

		if (!n) {
			fprintf(stderr, "usage: bench_rte [10k|1m|10m]...\n");
			return 2;
		}
		bench_exact(argv[i], n);
		if (n <= 1000000)
			bench_prefixes(argv[i], n);
	}
	return 0;
}
